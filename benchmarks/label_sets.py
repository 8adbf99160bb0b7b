"""Measure how often label sets hold the class of a new row, and how large they are.

Run ``python benchmarks/label_sets.py --data FOLDER``. The tables are those of
``neighbors.py`` and two more, with at most 2,000 training rows; the confidence is 0.9.
``boosting`` are split conformal sets of the same training rows: gradient boosting is
trained on three quarters, and the rest calibrates its score, one minus the probability
of the true class. Of both there are the sets with the guarantee for all rows, and those
with that for each class. An interrupted run resumes. Writes
``results/label_sets.json`` and ``results/label_sets.md``.
"""

import os
from functools import cache

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from _common import report, tables
from neighbors import CLEAN, MOST_BOOSTED, parted
from scipy.stats import betabinom
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

from sklearn_contrastive import ContrastiveNeighborsClassifier

CONFIDENCE, N_ROWS = 0.9, 2000
#: Tables beside those of `neighbors.py`.
MORE = ("german", "pima")
NAMES = {False: "{}", True: "{}, by class"}


def ours(X, y, X_test, seed):
    """Return two kinds of sets of the predictor, and the classes that count."""
    model = ContrastiveNeighborsClassifier(random_state=seed).fit(X, y)
    sets = {k: model.predict_set(X_test, CONFIDENCE, by_class=k) for k in NAMES}
    return sets, y[model.held_out_rows_[0]]


def boosting(X, y, X_test, seed):
    """Return two kinds of split conformal sets, and the classes that calibrate."""
    X, X_rest, y, y_rest = train_test_split(
        X, y, test_size=0.25, stratify=y, random_state=seed
    )
    model = HistGradientBoostingClassifier(random_state=seed).fit(X, y)
    scores = model.predict_proba(X_rest)[np.arange(len(y_rest)), y_rest]
    shares, sets = model.predict_proba(X_test), {}
    for by_class in NAMES:
        parts = [scores[y_rest == c] if by_class else scores for c in model.classes_]
        counts = np.column_stack(
            [(part <= shares[:, [c]]).sum(axis=1) for c, part in enumerate(parts)]
        )
        sets[by_class] = counts >= [fewest(len(part)) for part in parts]
    return sets, y_rest


def fewest(n):
    """Return how many of n scores must be as strange as what is in a set."""
    return int(round((1 - CONFIDENCE) * (n + 1), 9))


def measure(name, split, folder):
    """Return for each kind of sets what they hold, and how large they are."""
    parts = parted(name, split, folder, N_ROWS)
    if parts is None:
        return None
    X_train, X_test, y_train, y_test = parts
    n_classes, found = y_train.max() + 1, {}
    for contestant in (ours, boosting):
        if contestant is boosting and n_classes > MOST_BOOSTED:
            continue
        kinds, counted = contestant(X_train, y_train, X_test, split)
        for by_class, sets in kinds.items():
            held = sets[np.arange(len(y_test)), y_test]
            found[NAMES[by_class].format(contestant.__name__)] = {
                "held": np.bincount(y_test, held, n_classes).astype(int).tolist(),
                "rows": np.bincount(y_test, minlength=n_classes).tolist(),
                "counted": np.bincount(counted, minlength=n_classes).tolist(),
                "size": sets.sum(axis=1).mean(),
                "empty": 1 - sets.any(axis=1).mean(),
            }
    return found


@cache
def is_low(held, rows, counted):
    """Return whether this is below the 0.5 % quantile of a guarantee just met."""
    n_strange = fewest(counted)
    if n_strange == 0:
        return held < rows
    return held < betabinom.ppf(0.005, rows, counted + 1 - n_strange, n_strange)


def summary(runs):
    """Return coverage, that of the worst class, mean size and share of empty sets."""
    held, rows = (
        np.sum([run[what] for run in runs], axis=0) for what in ("held", "rows")
    )
    sizes = (np.mean([run[what] for run in runs]) for what in ("size", "empty"))
    return held.sum() / rows.sum(), np.min(held / rows), *sizes


def low(runs):
    """Return how many runs, and classes of runs, are low."""
    sums = [[sum(run[what]) for what in ("held", "rows", "counted")] for run in runs]
    classes = [
        each
        for run in runs
        for each in zip(run["held"], run["rows"], run["counted"], strict=True)
    ]
    return [
        f"{sum(is_low(*each) for each in cells)} of {len(cells):,}"
        for cells in (sums, classes)
    ]


def markdown(results):
    """Return the table of means, and that of each table."""
    machine, results = results["machine"], results["tables"]
    # Some tables lack a contestant, the first among them.
    names = list(max((splits["0"] for splits in results.values()), key=len))
    runs = {
        contestant: {
            table: [run[contestant] for run in splits.values()]
            for table, splits in results.items()
            if contestant in splits["0"]
        }
        for contestant in names
    }
    common = set.intersection(*map(set, runs.values()))
    lines = [
        f"| sets | coverage / size / empty, {len(common)} tables | low runs "
        "| low classes |",
        "|---" * 4 + "|",
    ]
    for contestant in names:
        each = runs[contestant]
        means = np.mean([summary(each[table]) for table in sorted(common)], axis=0)
        flat = [run for table in sorted(common) for run in each[table]]
        cells = [f"{means[0]:.3f} / {means[2]:.2f} / {means[3]:.3f}", *low(flat)]
        lines.append(f"| {contestant} | {' | '.join(cells)} |")
    lines += ["", "By table, coverage / coverage of the worst class / size / empty:"]
    lines += ["", f"| table | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for table in results:
        cells = []
        for contestant in names:
            found = (
                summary(runs[contestant][table]) if table in runs[contestant] else ()
            )
            cells.append(" / ".join(f"{x:.2f}" for x in found) or "–")
        lines.append(f"| {table} | {' | '.join(cells)} |")
    n_splits = len(next(iter(results.values())))
    lines += [
        "",
        f"Means over {n_splits} splits, at most {N_ROWS:,} training rows, confidence "
        f"{CONFIDENCE}. Low are runs, and classes of runs, whose coverage of the test "
        "rows is below the 0.5 % quantile (beta-binomial) of a guarantee that is just "
        "met. The worst class is that of all splits together. "
        f"Boosting is left out with more than {MOST_BOOSTED} classes. " + machine,
        "",
    ]
    return "\n".join(lines)


def main():
    options = report.options(__doc__, data={}, splits={"type": int, "default": 5})
    names = (*tables.MIXED, *CLEAN, *MORE)
    report.run_splits(
        "label_sets",
        names,
        lambda name, split, before: before or measure(name, split, options.data),
        markdown,
        options,
    )


if __name__ == "__main__":
    main()
