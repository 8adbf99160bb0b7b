"""Measure what it costs to add classes to a fitted predictor, instead of a new fit.

Run ``python benchmarks/growing.py --data FOLDER``. On each split, three classes in ten
are new: the predictor is fitted to rows of the others, and gets 5 or 20 rows of each
new class, or all of them, by ``add``. A new fit has the same rows. ``letter`` is read
from ``FOLDER/letter.npz``. An interrupted run resumes. Writes ``results/growing.json``
and ``results/growing.md``.
"""

import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from _common import report
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_contrastive import ContrastiveNeighborsClassifier

TABLES = "digits", "letter"
#: Rows of training at most, and of each new class; None for all there are.
N_TRAIN, ROWS = 5000, (5, 20, None)


def table(name, folder):
    """Return rows and labels as numbers, or None where there is no such table."""
    if name == "digits":
        return load_digits(return_X_y=True)
    path = folder / f"{name}.npz"
    if not path.exists():
        print(f"{path} is missing.")
        return None
    with np.load(path, allow_pickle=True) as found:
        return found["X"].astype(float), np.unique(found["y"], return_inverse=True)[1]


def measure(name, split, before, folder):
    """Return accuracies on old and new classes, with processor seconds, by model."""
    found = before or table(name, folder)
    if found is None or before:
        return found
    X, X_test, y, y_test = train_test_split(
        *found, train_size=min(N_TRAIN, len(found[0]) * 2 // 3), random_state=split
    )
    rng = np.random.default_rng(split)
    classes = np.unique(y)
    new = rng.choice(classes, len(classes) * 3 // 10, replace=False)
    old, found = ~np.isin(y, new), {}
    model = ContrastiveNeighborsClassifier(random_state=split)

    def note(title, seconds, fitted, rows):
        shares = fitted.predict_proba(X_test)
        counts = [np.count_nonzero(y[rows] == c) for c in fitted.classes_]
        found[title] = [seconds]
        # As class_weight=None and "balanced".
        for weights in (1.0, 1 / np.array(counts)):
            right = fitted.classes_[(shares * weights).argmax(axis=1)] == y_test
            is_new = np.isin(y_test, new)
            parts = right, right[~is_new], right[is_new]
            found[title] += [float(part.mean()) for part in parts]

    kept = np.flatnonzero(old)
    note("none", timed(model.fit, X[kept], y[kept]), model, kept)
    for n_rows in ROWS:
        rows = np.concatenate([np.flatnonzero(y == c)[:n_rows] for c in new])
        ids, both = rows + len(X), np.concatenate([kept, rows])
        how_many = "all" if n_rows is None else f"{n_rows} each"
        seconds = timed(model.add, X[rows], y[rows], ids)
        note(f"{how_many}, added", seconds, model, both)
        model.remove(ids)
        again = clone(model)
        note(f"{how_many}, new fit", timed(again.fit, X[both], y[both]), again, both)
    return found


def timed(call, *args):
    """Return the processor seconds of a call."""
    start = time.process_time()
    call(*args)
    return time.process_time() - start


def markdown(results):
    """Return the table of means."""
    found = results["tables"]
    names = next(iter(found.values()))["0"]
    columns = [f"{name} | balanced | seconds" for name in found]
    lines = [f"| rows of new classes | {' | '.join(columns)} |"]
    lines.append("|---" * (3 * len(found) + 1) + "|")
    for name in names:
        cells = [name]
        for splits in found.values():
            runs = np.array([run[name] for run in splits.values()])
            seconds, *shares = runs.mean(axis=0)
            shares = [f"{100 * share:.1f}" for share in shares]
            cells += [" / ".join(shares[:3]), " / ".join(shares[3:]), f"{seconds:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    n_splits = len(next(iter(found.values())))
    lines += [
        "",
        "Accuracy on all test rows / on old classes / on new ones, with "
        '`class_weight=None` and `"balanced"`, and processor seconds of the fit or the '
        f"call of `add`: means over {n_splits} splits. {results['machine']}",
        "",
    ]
    return "\n".join(lines)


def main():
    options = report.options(
        __doc__,
        splits={"type": int, "default": 3},
        data={"type": Path, "default": Path(), "help": "folder of letter.npz"},
    )

    def of_split(name, split, before):
        return measure(name, split, before, options.data)

    report.run_splits("growing", TABLES, of_split, markdown, options)


if __name__ == "__main__":
    main()
