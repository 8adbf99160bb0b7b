"""Measure how accuracy falls when a table is degraded in different ways.

Run ``python benchmarks/robustness.py --data FOLDER``. The training rows of four tables
are degraded: wrong labels, rare classes, columns of noise or constants, outliers, few
rows. Two more tables have two classes of thirteen letters each, and 200 classes. The
methods are those of ``compare.py``; the metric is balanced accuracy on test rows, of 5
nearest neighbours for embeddings. Columns of noise, constant columns and heavy tails
are in the test rows as well; other changes concern the training rows only.

Labels and rows of mixed tables (``FOLDER/mixed``) are degraded in the same way; there
the figures are AUC, log-loss and balanced accuracy of contestants of ``neighbors.py``.

An interrupted run resumes. Writes ``results/robustness.json`` and
``results/robustness.md``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import neighbors
import numpy as np
import torch
from _common import report, tables
from compare import BALANCED, OURS, installed, score
from sklearn.datasets import make_classification
from sklearn.model_selection import StratifiedShuffleSplit

TABLES = ("digits", "satellite", "vehicle", "vowel")
MOST_ROWS = 1500
METHODS = (
    *(OURS, BALANCED, "presets.NOISY_LABELS", "standardised", "LDA", "NCA"),
    *("PML SupCon", "UMAP"),
    *("MLPClassifier", "gradient boosting", "SVC (C=10)"),
)


def relabelled(share):
    """Return a change that gives a share of training rows another class."""

    def change(X, y, train, rng):
        y, classes = y.copy(), np.unique(y)
        chosen = rng.choice(train, round(share * len(train)), replace=False)
        codes = np.searchsorted(classes, y[chosen])
        steps = rng.integers(1, len(classes), len(chosen))
        y[chosen] = classes[(codes + steps) % len(classes)]
        return X, y, train

    return change


def thinned(ratio):
    """Return a change that keeps 1 row in `ratio` of the last class.

    From class to class the share falls by the same factor; each keeps two rows or more.
    """

    def change(X, y, train, rng):
        classes = np.unique(y)
        kept = []
        for place, label in enumerate(classes):
            rows = rng.permutation(train[y[train] == label])
            share = ratio ** -(place / (len(classes) - 1))
            kept.append(rows[: max(2, round(share * len(rows)))])
        return X, y, np.concatenate(kept)

    return change


def with_noise(times):
    """Return a change that adds `times` columns of noise per column."""

    def change(X, y, train, rng):
        noise = rng.normal(size=(len(X), round(times * X.shape[1])))
        return np.hstack([X, noise]), y, train

    return change


def heavy_tailed(X, y, train, rng):
    """Stretch every column, so that extreme values lie hundreds of times as far out."""
    scale = X.std(axis=0) + (X.std(axis=0) == 0)
    return np.sinh(2 * (X - X.mean(axis=0)) / scale), y, train


def with_outliers(X, y, train, rng):
    """Multiply one training entry in fifty by a thousand."""
    X = X.copy()
    X[train] = X[train] * np.where(rng.random((len(train), X.shape[1])) < 0.02, 1e3, 1)
    return X, y, train


def with_constants(X, y, train, rng):
    """Add as many constant columns as there are columns."""
    return np.hstack([X, np.full_like(X, 1e6)]), y, train


def few(n_rows):
    """Return a change that keeps `n_rows` training rows, stratified."""

    def change(X, y, train, rng):
        [(kept, _)] = StratifiedShuffleSplit(
            1, train_size=n_rows, random_state=int(rng.integers(1 << 30))
        ).split(X[train], y[train])
        return X, y, train[kept]

    return change


#: Models of `neighbors` that are compared on mixed tables.
MODELS = ("ours", "plain", "raw", "logistic", "forest", "boosting", "CatBoost")
#: Functions of ``(X, y, train, rng)``, by kind and amount of the change.
CHANGES = {
    "nothing": {"": lambda X, y, train, rng: (X, y, train)},
    "wrong labels": {
        "10 %": relabelled(0.1),
        "20 %": relabelled(0.2),
        "40 %": relabelled(0.4),
    },
    "rarest class, 1 row in": {"10": thinned(10), "100": thinned(100)},
    "columns of noise": {"50 %": with_noise(1), "80 %": with_noise(4)},
    "heavy tails": {"": heavy_tailed},
    "outliers": {"": with_outliers},
    "constant columns": {"50 %": with_constants},
    "training rows": {"150": few(150), "400": few(400)},
}


def many_classes():
    """Return a synthetic table of 200 classes."""
    return make_classification(
        5000,
        20,
        n_informative=16,
        n_redundant=0,
        n_classes=200,
        n_clusters_per_class=1,
        class_sep=1.5,
        random_state=0,
    )


def two_of_letters(folder):
    """Return letters as two classes of thirteen letters each, or None."""
    table = tables.load("letter", folder)
    return table if table is None else (table[0][:5000], table[1][:5000] % 2)


def cases(folder):
    """Yield the kind of a change, its amount, the tables and the change."""
    found = {name: tables.fewer(name, MOST_ROWS, folder) for name in TABLES}
    found = {name: table for name, table in found.items() if table is not None}
    for what, changes in CHANGES.items():
        for amount, change in changes.items():
            yield what, amount, found, change
    unchanged = CHANGES["nothing"][""]
    yield "classes", "200 (made)", {"made": many_classes()}, unchanged
    letters = two_of_letters(folder)
    if letters is not None:
        yield "classes", "2 (of 13 letters each)", {"letter": letters}, unchanged


def run(found, what, amount, data, change, methods, n_splits):
    """Add the missing results of one change."""
    for name, (X, y) in data.items():
        splitter = StratifiedShuffleSplit(n_splits, test_size=0.3, random_state=0)
        for seed, (train, test) in enumerate(splitter.split(X, y)):
            X_new, y_new, kept = change(X, y, train, np.random.default_rng(seed))
            for method in methods:
                runs = found.setdefault(method, {})
                key = f"{what}|{amount}|{name}|{seed}"
                if key not in runs:
                    metrics = score(method, X_new, y_new, kept, test, seed)
                    runs[key] = metrics["balanced"]


def changes_of_rows():
    """Yield kind, amount and change of labels and of shares of classes."""
    for what in ("nothing", "wrong labels", "rarest class, 1 row in"):
        for amount, change in CHANGES[what].items():
            yield what, amount, change


def run_mixed(found, folder, n_splits, save):
    """Add the missing figures of mixed tables with degraded labels and rows."""
    for name in tables.MIXED:
        for seed in range(n_splits):
            parts = neighbors.parted(name, seed, folder, MOST_ROWS)
            if parts is None or parts[2].max() >= neighbors.MOST_BOOSTED:
                break
            X_train, X_test, y_train, y_test = parts
            for what, amount, change in changes_of_rows():
                rng, rows = np.random.default_rng(seed), np.arange(len(y_train))
                X, y, kept = change(X_train, y_train, rows, rng)
                models = neighbors.contestants(seed)
                for contestant in [each for each in MODELS if each in models]:
                    runs, model = found.setdefault(contestant, {}), models[contestant]
                    key = f"{what}|{amount}|{name}|{seed}"
                    if key not in runs:
                        shares = model.fit(X[kept], y[kept]).predict_proba(X_test)
                        runs[key] = [*neighbors.figures(shares, y_test)[1:4]]
            save()


def lines_of(found):
    """Return kinds and amounts of changes, in order, without repeats."""
    return list(dict.fromkeys(tuple(key.split("|")[:2]) for key in found[OURS]))


def mean_of(runs, what, amount):
    """Return the mean over tables and splits, in %."""
    return 100 * np.mean(
        [value for key, value in runs.items() if key.startswith(f"{what}|{amount}|")]
    )


def mixed_lines(found):
    """Return the table of AUC, log-loss and balanced accuracy on mixed tables."""
    names = [name for name in MODELS if name in found]
    lines = [f"| change | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for what, amount, _ in changes_of_rows():
        start, cells = f"{what}|{amount}|", []
        for name in names:
            runs = [run for key, run in found[name].items() if key.startswith(start)]
            area, loss, balanced = np.mean(runs, axis=0)
            cells.append(f"{area:.3f} / {loss:.3f} / {100 * balanced:.1f}")
        lines.append(f"| {what} {amount} | {' | '.join(cells)} |")
    n_tables, n_splits = (
        len({key.split("|")[part] for key in found[names[0]]}) for part in (2, 3)
    )
    what = (
        f"{n_tables} mixed tables of at most 10 classes, {n_splits} split(s): AUC / "
        "log-loss / balanced accuracy in %; labels and rows of training are degraded "
        "as above."
    )
    return [what, "", *lines, ""]


def markdown(results):
    """Return the results as a Markdown table."""
    found = results["methods"]
    names = [name for name in METHODS if name in found]
    lines = [
        "| change | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for what, amount in lines_of(found):
        values = [mean_of(found[name], what, amount) for name in names]
        cells = [f"**{v:.1f}**" if v == max(values) else f"{v:.1f}" for v in values]
        lines.append(f"| {what} {amount} | {' | '.join(cells)} |")
    return "\n".join(
        [
            *lines,
            "",
            f"Balanced accuracy on test rows in %, mean over {', '.join(TABLES)} "
            f"(at most {MOST_ROWS:,} rows each, {results['splits']} splits). The last "
            f"two lines are of one table each. The best of each line is in bold. "
            f"{results['machine']}",
            "",
            *(mixed_lines(results["mixed"]) if results.get("mixed") else ()),
        ]
    )


def main():
    options = report.options(
        __doc__,
        data={"help": "folder of NAME.npz files"},
        splits={"type": int, "default": 3},
        methods={"nargs": "+", "default": METHODS, "choices": METHODS},
        again={
            "action": "store_true",
            "help": "discard earlier results of these methods",
        },
    )
    torch.set_num_threads(1)
    methods = installed(options.methods)
    results = report.load("robustness", options.out) or {"methods": {}}
    results["splits"] = options.splits
    found = results["methods"]
    for method in methods if options.again else ():
        found.pop(method, None)
    for what, amount, data, change in cases(options.data):
        run(found, what, amount, data, change, methods, options.splits)
        report.keep("robustness", results, options.out)
        print(what, amount, flush=True)
    run_mixed(
        results.setdefault("mixed", {}),
        options.data,
        options.splits,
        lambda: report.keep("robustness", results, options.out),
    )
    report.save("robustness", results, markdown, options.out)


if __name__ == "__main__":
    main()
