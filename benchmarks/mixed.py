"""Compare data frames as they are with tables that are coded first.

Run ``python benchmarks/mixed.py --data FOLDER``. Tables and splits are those with
categories, missing values and noisy labels of ``neighbors.py``. ``as they are`` gives
frames to the default embedding with 25 neighbours (``plain``) and to the predictor;
``coded`` gives them the same rows with one-hot columns and medians with indicators.
Differences are paired, with the standard error of their mean over tables.

A second table takes cells from training and test rows at random, or makes one level in
five of the test rows new: the predictor beside boosting and CatBoost, which take
categories and gaps by themselves. An interrupted run resumes. Writes
``results/mixed.json`` and ``results/mixed.md``.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from _common import peers, report, tables
from neighbors import MOST_BOOSTED, figures, points, split_of
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_contrastive import ContrastiveEmbedding, ContrastiveNeighborsClassifier
from sklearn_contrastive.metrics import map_at_r

#: What is changed, and the share of cells.
CHANGES = {"nothing": 0.0, "10 % of cells": 0.1, "30 % of cells": 0.3}
CHANGES["new levels"] = 0.2
#: Splits that tables are changed in.
N_CHANGED = 2
#: Of each figure and MAP@R, what it is multiplied by and its decimals.
UNITS, DIGITS = (100, 1, 1, 100, 1, 100), (1, 3, 3, 1, 3, 1)


def typed(X):
    """Return a frame of floats and of text with gaps."""
    X = X.copy()
    for column in X:
        if is_numeric_dtype(X[column]) and not is_bool_dtype(X[column]):
            X[column] = X[column].astype(float)
        else:
            known = X[column].notna()
            X[column] = X[column].astype(str).astype(object).where(known, None)
    return X


def changed(X, what, train, rng):
    """Return a frame with cells taken at random, or with new levels in test rows."""
    X, share = typed(X), CHANGES[what]
    for column in X if share else ():
        chosen = rng.random(len(X)) < share
        if what != "new levels":
            X.loc[chosen, column] = None
        elif X[column].dtype == object:
            X.loc[chosen & ~train, column] = "new"
    return X


def plain(seed):
    """Return the default embedding and 25 neighbours."""
    embedding = ContrastiveEmbedding(random_state=seed)
    return make_pipeline(embedding, KNeighborsClassifier(25))


def predictor(seed):
    """Return the predictor with its defaults."""
    return ContrastiveNeighborsClassifier(random_state=seed)


def boosting(seed):
    """Return gradient boosting that takes categories by their dtype."""
    return HistGradientBoostingClassifier(random_state=seed)


def catboost(seed, X):
    """Return CatBoost that takes the columns of text as categories."""
    from catboost import CatBoostClassifier

    quiet = {"verbose": 0, "thread_count": 1, "allow_writing_files": False}
    text = [column for column in X if X[column].dtype == object]
    return CatBoostClassifier(random_state=seed, cat_features=text, **quiet)


def run(model, X_train, X_test, y_train, y_test):
    """Return figures of a model, MAP@R of its points, and seconds of its fit."""
    start = time.process_time()
    model.fit(X_train, y_train)
    seconds = time.process_time() - start
    Z = points(model, X_test)
    precision = None if Z is None else float(map_at_r(Z, y_test))
    return [*figures(model.predict_proba(X_test), y_test), precision, seconds]


def peers_of(seed, X_train, X_test, y_train, y_test):
    """Return the figures of boosting and CatBoost on frames."""
    found = {}
    categories = X_train.select_dtypes(object).columns
    kinds = {c: X_train[c].astype("category").dtype for c in categories}
    known = X_test.copy()
    for column, kind in kinds.items():
        known[column] = known[column].where(known[column].isin(kind.categories))
    rows = X_train.astype(kinds), known.astype(kinds)
    found["boosting"] = run(boosting(seed), *rows, y_train, y_test)
    if peers.installed("catboost"):
        known = [X.fillna(dict.fromkeys(categories, "?")) for X in (X_train, X_test)]
        model = catboost(seed, known[0])
        found["CatBoost"] = run(model, *known, y_train, y_test)
    return found


def measure(name, split, folder, before):
    """Return the figures of all models on a split of a table."""
    loaded = None if before else split_of(name, split, folder)
    if loaded is None:
        return before or None
    X, train, test, y_train, y_test = loaded
    frame, y = typed(X), (y_train, y_test)
    rows = frame.iloc[train], frame.iloc[test]
    arrays = tables.encoded(X, train, test)
    found = {}
    for kind, model in {"plain": plain, "predictor": predictor}.items():
        found[f"{kind}|as they are"] = run(model(split), *rows, *y)
        found[f"{kind}|coded"] = run(model(split), *arrays, *y)
    for what in CHANGES if split < N_CHANGED else ():
        rng, is_train = np.random.default_rng(split), np.zeros(len(X), dtype=bool)
        is_train[train] = True
        other = changed(X, what, is_train, rng)
        rows = other.iloc[train], other.iloc[test]
        found[f"predictor|{what}"] = run(predictor(split), *rows, *y)
        if y_train.max() < MOST_BOOSTED:
            own = peers_of(split, *rows, *y)
            found |= {f"{peer}|{what}": values for peer, values in own.items()}
    return found


def markdown(results):
    """Return the table of differences, and that of changed tables."""
    found = results["tables"]
    lines = [
        "| model | accuracy | AUC | log-loss | balanced | precision | MAP@R | time |",
        "|---" * 8 + "|",
    ]
    for kind in ("plain", "predictor"):
        means = {
            way: np.array(
                [
                    np.mean([run[f"{kind}|{way}"] for run in splits.values()], axis=0)
                    for splits in found.values()
                ]
            )
            for way in ("as they are", "coded")
        }
        coded, gaps = means["coded"], means["as they are"] - means["coded"]
        errors = gaps.std(axis=0, ddof=1) / len(gaps) ** 0.5
        ratio = np.median(means["as they are"][:, -1] / coded[:, -1])
        shown = list(enumerate(zip(UNITS, DIGITS, strict=True)))
        means, differences = coded.mean(axis=0), gaps.mean(axis=0)
        cells = [f"{u * means[i]:.{n}f}" for i, (u, n) in shown]
        lines.append(f"| {kind}, coded | {' | '.join(cells)} | 1 |")
        cells = [
            f"{u * differences[i]:+.{n}f} ± {u * errors[i]:.{n}f}"
            for i, (u, n) in shown
        ]
        lines.append(f"| as they are, minus that | {' | '.join(cells)} | {ratio:.2f} |")
    lines += ["", *changed_lines(found), ""]
    n_splits = len(next(iter(found.values())))
    lines += [
        f"Means over {len(found)} tables and {n_splits} splits (changed tables: "
        f"{N_CHANGED}), at most 3,000 training rows. Time is the median over tables of "
        f"the ratio of processor times. {results['machine']}",
        "",
    ]
    return "\n".join(lines)


def changed_lines(found):
    """Return lines of accuracy, AUC and log-loss where tables are changed."""
    names = ("predictor", "boosting", "CatBoost")
    few = [s for s in found.values() if "boosting|nothing" in s["0"]]
    names = [name for name in names if f"{name}|nothing" in few[0]["0"]]
    lines = [
        f"| missing or new | {' | '.join(names)} |",
        "|---" * (len(names) + 1) + "|",
    ]
    for what in CHANGES:
        cells = []
        for name in names:
            runs = [
                [s[str(i)][f"{name}|{what}"] for i in range(N_CHANGED)] for s in few
            ]
            accuracy, area, loss = np.mean(
                [[r[:3] for r in own] for own in runs], (0, 1)
            )
            cells.append(f"{100 * accuracy:.1f} / {area:.3f} / {loss:.3f}")
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return [
        *lines,
        "",
        f"Accuracy / AUC / log-loss on the {len(few)} tables of at most {MOST_BOOSTED} "
        "classes.",
    ]


def main():
    options = report.options(__doc__, data={}, splits={"type": int, "default": 5})
    report.run_splits(
        "mixed",
        tables.MIXED,
        lambda name, split, before: measure(name, split, options.data, before),
        markdown,
        options,
    )


if __name__ == "__main__":
    main()
