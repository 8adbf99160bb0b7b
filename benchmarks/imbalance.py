"""Compare classifiers where one class has few training rows.

Run ``python benchmarks/imbalance.py --data FOLDER``. Of tables with two classes, the
rarer one keeps 1 training row for 20 and for 100 of the other, but 8 at least; test
rows stay as they are. At most 3,000 rows of the frequent class are trained on. Coding
of columns is that of ``neighbors.py``. The figures are the area under the ROC curve,
average precision, and balanced accuracy of the predicted class. All classifiers but
neighbours of points and of raw columns have ``class_weight="balanced"``. An interrupted
run resumes. Writes ``results/imbalance.json`` and ``results/imbalance.md``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import neighbors
import numpy as np
from _common import report, tables
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    roc_auc_score,
)
from sklearn.model_selection import train_test_split

NAMES = ("attrition", "breast_cancer", "credit", "hmda", "sector", "wa_churn")
RATIOS, FEWEST, MOST_ROWS = (20, 100), 8, 3000


def contestants(seed):
    """Return the classifiers by name."""
    found = neighbors.contestants(seed)
    for name in ("unweighted", "cross_fit", "CatBoost"):
        found.pop(name, None)
    for model in found.values():
        for key in model.get_params():
            if key.rpartition("__")[2] == "class_weight":
                model.set_params(**{key: "balanced"})
    return found


def measure(name, ratio, split, folder):
    """Return the figures of each contestant on a split of a table."""
    loaded = tables.load(name, folder)
    if loaded is None:
        return None
    X, y, ratio = *loaded, int(ratio)
    y = (y == np.bincount(y).argmin()).astype(int)
    train, test = train_test_split(
        np.arange(len(y)), test_size=0.4, stratify=y, random_state=split
    )
    rng = np.random.default_rng([split, ratio])
    frequent, rare = (rng.permutation(train[y[train] == c]) for c in (0, 1))
    frequent = frequent[:MOST_ROWS]
    rare = rare[: max(FEWEST, len(frequent) // ratio)]
    train = np.sort(np.concatenate([frequent, rare]))
    X_train, X_test = tables.encoded(X, train, test)
    found = {}
    for contestant, model in contestants(split).items():
        shares = model.fit(X_train, y[train]).predict_proba(X_test)[:, 1]
        found[contestant] = [
            roc_auc_score(y[test], shares),
            average_precision_score(y[test], shares),
            balanced_accuracy_score(y[test], model.predict(X_test)),
        ]
    return found


def markdown(results):
    """Return the tables of means, and of each table."""
    machine, results = results["machine"], results["tables"]
    names = list(results[next(iter(results))]["0"])
    lines = ["Mean over tables of AUC, average precision and balanced accuracy:", ""]
    lines += ["| model | " + " | ".join(f"1 in {r}" for r in RATIOS) + " |"]
    lines += ["|---" * (len(RATIOS) + 1) + "|"]
    for contestant in names:
        cells = []
        for ratio in RATIOS:
            runs = [v for key, v in results.items() if key.endswith(f"|{ratio}")]
            cells.append(_cell(runs, contestant))
        lines.append(f"| {contestant} | {' | '.join(cells)} |")
    shown = ("ours", "plain", "raw", "logistic", "forest", "boosting")
    lines += ["", "By table:", "", f"| table | {' | '.join(shown)} |"]
    lines += ["|---" * (len(shown) + 1) + "|"]
    for key, splits in results.items():
        name, ratio = key.split("|")
        cells = [_cell([splits], contestant) for contestant in shown]
        lines.append(f"| {name}, 1 in {ratio} | {' | '.join(cells)} |")
    n_splits = len(next(iter(results.values())))
    lines += [
        "",
        f"Means over {n_splits} splits. The rarer class keeps 1 training row for so "
        f"many of the other, {FEWEST} at least, of at most {MOST_ROWS:,}. {machine}",
        "",
    ]
    return "\n".join(lines)


def _cell(runs, contestant):
    means = [
        np.mean([run[contestant] for run in splits.values()], axis=0) for splits in runs
    ]
    area, precision, balanced = np.mean(means, axis=0)
    return f"{area:.3f} / {precision:.3f} / {100 * balanced:.1f}"


def main():
    options = report.options(__doc__, data={}, splits={"type": int, "default": 5})
    keys = [f"{name}|{ratio}" for ratio in RATIOS for name in NAMES]
    report.run_splits(
        "imbalance",
        keys,
        lambda key, split, before: (
            before or measure(*key.split("|"), split, options.data)
        ),
        markdown,
        options,
    )


if __name__ == "__main__":
    main()
