"""Compare nearest neighbours on embeddings with other embeddings and classifiers.

Run ``python benchmarks/compare.py --data FOLDER``. Each real table is split several
times, stratified, into 70 % training and 30 % test rows. Embeddings are measured on the
test rows: accuracy with 1 and with 5 nearest training rows, balanced accuracy with 5,
and MAP@R of each test row among the other test rows. Classifiers are measured by their
accuracy and balanced accuracy. Mixed tables, at most 3,000 rows of each, are coded as
in ``neighbors.py``, which has their probabilities. `ContrastiveEmbedding` has its
default parameters and takes raw columns; every other method follows a `StandardScaler`.
The losses of pytorch-metric-learning train the network of `peers.standard_loop` for
about as many steps, with batches of 256 rows instead of 128. UMAP, CEBRA and pytabkit's
RealMLP are compared where they are installed. Neighbourhood components analysis
compares all rows with each other, so that it is fitted on at most 5,000 rows.

Results are written after each split, and an interrupted run resumes from them.
``--methods`` runs some methods only, and ``--again`` discards their earlier results.
Writes ``results/compare.json`` and ``results/compare.md``.
"""

import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import torch
from _common import peers, report, tables
from scipy.stats import rankdata, t
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from sklearn_contrastive import (
    ContrastiveEmbedding,
    ContrastiveNeighborsClassifier,
    presets,
)
from sklearn_contrastive.metrics import map_at_r

OURS = "ContrastiveEmbedding"
NEIGHBORS = "ContrastiveNeighborsClassifier"
BALANCED = 'ContrastiveNeighborsClassifier(class_weight="balanced")'
#: The default embedding with one parameter changed.
CHANGED = {
    "feature_weights=None": {"feature_weights": None},
    'standardize="standard"': {"standardize": "standard"},
    "n_members=1": {"n_members": 1},
    "n_components=32": {"n_components": 32},
}
#: At most so many training rows for methods of quadratic time.
MOST_ROWS = 5000
#: Tables with more rows are split at most three times.
LARGE = 4800
MOST_MIXED = 3000


def scaled(model):
    """Return a model behind a scaler."""
    return make_pipeline(StandardScaler(), model)


def ours(params):
    """Return a function that fits `ContrastiveEmbedding` on raw columns."""

    def fit(X, y, seed):
        return ContrastiveEmbedding(random_state=seed, **params).fit(X, y).transform

    return fit


def few(n_columns):
    """Return 32 components, or as many as there are columns."""
    return min(32, n_columns)


#: One function of ``(X, y, seed)`` per embedding; it returns a function that maps rows.
EMBEDDINGS = {
    OURS: ours({}),
    **{
        f"presets.{name}": ours(getattr(presets, name))
        for name in ("RETRIEVAL", "SMALL_DATA", "NOISY_LABELS", "MAP_2D")
    },
    **{name: ours(params) for name, params in CHANGED.items()},
    "raw": lambda X, y, seed: FunctionTransformer().fit(X).transform,
    "standardised": lambda X, y, seed: StandardScaler().fit(X).transform,
    "PCA": lambda X, y, seed: (
        scaled(PCA(few(min(X.shape)), random_state=seed)).fit(X).transform
    ),
    "LDA": lambda X, y, seed: scaled(LinearDiscriminantAnalysis()).fit(X, y).transform,
    "NCA": lambda X, y, seed: peers.nca(X[:MOST_ROWS], y[:MOST_ROWS], few(X.shape[1])),
    "PML contrastive": peers.standard_loop("ContrastiveLoss"),
    "PML SupCon": peers.standard_loop("SupConLoss"),
    "PML multi-similarity": peers.standard_loop(
        "MultiSimilarityLoss", "MultiSimilarityMiner"
    ),
    "PML triplet": peers.standard_loop("TripletMarginLoss", "BatchHardMiner"),
    "UMAP": lambda X, y, seed: peers.umap(X, y),
    "CEBRA": lambda X, y, seed: peers.cebra(X, y),
}
#: One function of a seed per classifier.
CLASSIFIERS = {
    NEIGHBORS: lambda seed: ContrastiveNeighborsClassifier(random_state=seed),
    BALANCED: lambda seed: ContrastiveNeighborsClassifier(
        class_weight="balanced", random_state=seed
    ),
    "MLPClassifier": lambda seed: scaled(MLPClassifier(random_state=seed)),
    "gradient boosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
    "SVC (C=10)": lambda seed: scaled(SVC(C=10)),
    "RealMLP": lambda seed: peers.realmlp(seed),
}
OWN = [
    name
    for name in EMBEDDINGS
    if name in (OURS, *CHANGED) or name.startswith("presets.")
]
UNLEARNED = ("raw", "standardised", "PCA")
NEEDED = {"UMAP": "umap", "CEBRA": "cebra", "RealMLP": "pytabkit"}


def score_embedding(fit, X, y, train, test, seed):
    """Return the metrics of an embedding on one split."""
    start = time.perf_counter()
    embed = fit(X[train], y[train], seed)
    seconds = time.perf_counter() - start
    # UMAP maps a row far from all others to NaN, which becomes the origin.
    Z, Z_test = (np.nan_to_num(embed(X[part])) for part in (train, test))
    one = KNeighborsClassifier(1).fit(Z, y[train]).predict(Z_test)
    five = KNeighborsClassifier(5).fit(Z, y[train]).predict(Z_test)
    return {
        "accuracy": accuracy_score(y[test], five),
        "balanced": balanced_accuracy_score(y[test], five),
        "nearest": accuracy_score(y[test], one),
        "map_at_r": float(map_at_r(Z_test, y[test])),
        "seconds": seconds,
    }


def score_classifier(make, X, y, train, test, seed):
    """Return the metrics of a classifier on one split."""
    start = time.perf_counter()
    model = make(seed).fit(X[train], y[train])
    seconds = time.perf_counter() - start
    predicted = model.predict(X[test])
    return {
        "accuracy": accuracy_score(y[test], predicted),
        "balanced": balanced_accuracy_score(y[test], predicted),
        "seconds": seconds,
    }


def score(method, X, y, train, test, seed):
    """Return the metrics of an embedding or a classifier, by its name."""
    if method in EMBEDDINGS:
        return score_embedding(EMBEDDINGS[method], X, y, train, test, seed)
    return score_classifier(CLASSIFIERS[method], X, y, train, test, seed)


def installed(methods):
    """Return the methods whose packages are installed."""
    return [m for m in methods if m not in NEEDED or peers.installed(NEEDED[m])]


def splits_of(X, y, n_splits):
    """Yield seeds with the row numbers of training and test rows."""
    n_splits = min(n_splits, 3) if len(X) > LARGE else n_splits
    splitter = StratifiedShuffleSplit(n_splits, test_size=0.3, random_state=0)
    for seed, (train, test) in enumerate(splitter.split(X, y)):
        yield seed, train, test


def run_table(name, X, y, methods, n_splits, found, save):
    """Add the missing results of a table, and save them after each split."""
    for seed, train, test in splits_of(X, y, n_splits):
        coded = tables.coded(X, train)
        for method in methods:
            runs = found.setdefault(method, {})
            if str(seed) not in runs:
                runs[str(seed)] = score(method, coded, y, train, test, seed)
        save()
    shown = {m: f"{100 * mean_of(found[m], 'accuracy'):.1f}" for m in methods}
    print(name, shown, flush=True)


def mean_of(runs, metric):
    """Return the mean of a metric over splits, NaN where it is not measured."""
    return float(np.mean([run.get(metric, np.nan) for run in runs.values()]))


def compared(ours, theirs):
    """Return 1 where `ours` is better, -1 where it is worse and 0 for a tie, at 5 %.

    This is the corrected t-test of Nadeau and Bengio: splits share training rows.
    """
    seeds = sorted(set(ours) & set(theirs))
    gaps = np.array([ours[s]["accuracy"] - theirs[s]["accuracy"] for s in seeds])
    if len(gaps) < 2 or gaps.std() == 0:
        return 0
    error = np.sqrt((1 / len(gaps) + 0.3 / 0.7) * gaps.var(ddof=1))
    significant = 2 * t.sf(abs(gaps.mean()) / error, len(gaps) - 1) < 0.05
    return int(np.sign(gaps.mean())) * significant


def method_lines(results):
    """Return one line per method, over the given tables."""
    found = [result["methods"] for result in results.values()]
    names = [name for name in (*EMBEDDINGS, *CLASSIFIERS) if name in found[0]]
    metrics = {
        name: {
            metric: [mean_of(each[name], metric) for each in found]
            for metric in ("accuracy", "balanced", "nearest", "map_at_r", "seconds")
        }
        for name in names
    }
    # Only the defaults are ranked among the others, so that no method counts twice.
    embeddings = [n for n in names if n in EMBEDDINGS and (n == OURS or n not in OWN)]
    table = np.array([metrics[name]["accuracy"] for name in embeddings])
    ranks = dict(zip(embeddings, rankdata(-table, axis=0).mean(axis=1), strict=True))
    lines = [
        "| method | 5-NN | balanced | 1-NN | MAP@R | mean rank | ours wins / ties / "
        "loses | fit, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        own = metrics[name]
        cells = [f"{100 * np.mean(own[f]):.1f}" for f in ("accuracy", "balanced")]
        cells += [
            "" if np.isnan(own[f]).any() else f"{100 * np.mean(own[f]):.1f}"
            for f in ("nearest", "map_at_r")
        ]
        cells.append(f"{ranks[name]:.2f}" if name in ranks else "")
        against = [compared(each[OURS], each[name]) for each in found]
        counts = " / ".join(str(against.count(sign)) for sign in (1, 0, -1))
        cells.append("" if name == OURS else counts)
        lines.append(
            f"| {name} | {' | '.join(cells)} | {np.median(own['seconds']):.1f} |"
        )
    return lines


def best(methods, names):
    """Return the highest accuracy among some methods, with the method's name."""
    accuracy = {name: mean_of(methods[name], "accuracy") for name in names}
    name = max(accuracy, key=accuracy.get)
    return f"{100 * accuracy[name]:.1f} {name}"


def table_lines(results):
    """Return one line per table: plain columns, ours, and the best of the others."""
    lines = [
        "| table | rows × columns, classes | raw | standardised | ours | "
        "best other embedding | best classifier |",
        "|---|---|---|---|---|---|---|",
    ]
    for table, result in results.items():
        methods = result["methods"]
        n_rows, n_columns, n_classes = result["shape"]
        others = [n for n in EMBEDDINGS if n in methods and n not in OWN]
        cells = [
            f"{100 * mean_of(methods[name], 'accuracy'):.1f}"
            for name in ("raw", "standardised", OURS)
        ]
        cells.append(best(methods, [n for n in others if n not in UNLEARNED]))
        rivals = [n for n in CLASSIFIERS if n not in (NEIGHBORS, BALANCED)]
        cells.append(best(methods, [n for n in rivals if n in methods]))
        lines.append(
            f"| {table} | {n_rows:,} × {n_columns}, {n_classes} | "
            + " | ".join(cells)
            + " |"
        )
    return lines


def markdown(results):
    """Return the results as Markdown tables."""
    found = results["tables"]
    seen = {name: found[name] for name in tables.NAMES if name in found}
    unseen = {name: found[name] for name in tables.HELD_OUT if name in found}
    parts = []
    if seen:
        parts += [
            f"Test rows of {len(seen)} tables; the defaults were chosen on their "
            "training rows:",
            "",
            *method_lines(seen),
            "",
        ]
    mixed = {name: found[name] for name in tables.MIXED if name in found}
    if unseen:
        parts += [
            f"Test rows of {len(unseen)} tables that played no part in the choice of "
            "defaults:",
            "",
            *method_lines(unseen),
            "",
        ]
    if mixed:
        parts += [
            f"Test rows of {len(mixed)} tables with categories, missing values and "
            "noisy labels:",
            "",
            *method_lines(mixed),
            "",
        ]
    return "\n".join(
        [
            *parts,
            f"Metrics are means over tables, on test rows, in %. Each table is split "
            f"{results['splits']} times, a table of more than {LARGE:,} rows 3 times. "
            "The mean rank is by 5-NN, among embeddings. "
            "Wins, ties and losses compare our 5-NN with the accuracy of the method, "
            "by a corrected paired t-test at 5 % on each table. Seconds to fit are "
            "medians over tables; the machine had other work at the time, so that only "
            "their order of magnitude is meaningful. "
            "The last rows are classifiers; their own accuracy is in the 5-NN column.",
            "",
            *table_lines(found),
            "",
            f"Accuracy in %, of 5 nearest neighbours or of the classifier, with the "
            f"name of the method. {results['machine']}",
            "",
        ]
    )


def main():
    everything = [*EMBEDDINGS, *CLASSIFIERS]
    everywhere = (*tables.NAMES, *tables.HELD_OUT, *tables.MIXED)
    options = report.options(
        __doc__,
        data={"help": "folder of NAME.npz files"},
        splits={"type": int, "default": 5},
        tables={"nargs": "+", "default": everywhere},
        methods={"nargs": "+", "default": everything, "choices": everything},
        again={
            "action": "store_true",
            "help": "discard earlier results of these methods",
        },
    )
    torch.set_num_threads(1)
    methods = installed(options.methods)
    results = report.load("compare", options.out) or {"tables": {}}
    results["splits"] = options.splits
    for name in options.tables:
        most = MOST_MIXED if name in tables.MIXED else sys.maxsize
        table = tables.fewer(name, most, options.data)
        if table is None:
            continue
        X, y = table
        shape = [*X.shape, len(np.unique(y))]
        result = results["tables"].setdefault(name, {"shape": shape, "methods": {}})
        for method in methods if options.again else ():
            result["methods"].pop(method, None)
        run_table(
            name,
            X,
            y,
            methods,
            options.splits,
            result["methods"],
            lambda: report.keep("compare", results, options.out),
        )
    report.save("compare", results, markdown, options.out)


if __name__ == "__main__":
    main()
