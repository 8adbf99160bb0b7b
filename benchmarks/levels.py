"""Compare ways to read a category of very many levels.

Run ``python benchmarks/levels.py``. Each table is drawn anew: five columns of numbers
and one category whose levels are of very different size. Classes follow an effect of
each level, a slope of one column that differs by level, and three other columns; ``best
possible`` are the probabilities that the labels were drawn with. ``predictor`` is
ContrastiveNeighborsClassifier with its defaults, given the frame as it is, with the
category as sparse one-hot columns, or as TargetEncoder's number. LightGBM and CatBoost
take the category by themselves. An interrupted run resumes. Writes
``results/levels.json`` and ``results/levels.md``.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from _common import peers, report
from neighbors import figures
from scipy.special import expit
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from sklearn_contrastive import ContrastiveNeighborsClassifier

#: Levels and training rows.
TABLES = {"600 levels": (600, 20_000), "10,000 levels": (10_000, 100_000)}
N_TEST = 5000


def drawn(n_levels, n_rows, seed):
    """Return a frame, labels and their probabilities."""
    rng = np.random.default_rng(seed)
    shares = rng.gamma(1.0, size=n_levels) + 0.05
    level = rng.choice(n_levels, n_rows, p=shares / shares.sum())
    X, effect, slope = rng.normal(size=(n_rows, 5)), *rng.normal(size=(2, n_levels))
    logit = 1.5 * effect[level] + X[:, 0] + 0.7 * X[:, 1] * X[:, 2]
    shares = expit(logit + 0.5 * slope[level] * X[:, 3])
    frame = pd.DataFrame(X, columns=[*"abcde"])
    frame["shop"] = pd.Categorical.from_codes(level, [f"s{n}" for n in range(n_levels)])
    return frame, rng.binomial(1, shares), shares


def contestants(seed):
    """Return models by name."""
    found, ours = {}, ContrastiveNeighborsClassifier(random_state=seed)
    target = TargetEncoder(random_state=seed)
    places = OneHotEncoder(handle_unknown="ignore")
    boosting = HistGradientBoostingClassifier(random_state=seed)
    found["predictor"] = ours
    found["predictor, one-hot"] = coded(places, ours)
    found["predictor, TargetEncoder"] = coded(target, ours)
    found["boosting, TargetEncoder"] = coded(target, boosting)
    if peers.installed("lightgbm"):
        from lightgbm import LGBMClassifier

        found["LightGBM"] = LGBMClassifier(random_state=seed, n_jobs=1, verbose=-1)
    if peers.installed("catboost"):
        from catboost import CatBoostClassifier

        quiet = {"verbose": 0, "thread_count": 1, "allow_writing_files": False}
        found["CatBoost"] = CatBoostClassifier(
            random_state=seed, cat_features=["shop"], **quiet
        )
    return found


def coded(encoder, model):
    """Return a pipeline that codes the category, and leaves numbers as they are."""
    columns = make_column_transformer((encoder, ["shop"]), remainder="passthrough")
    return make_pipeline(columns, model)


def measure(name, split, before):
    """Return the figures and seconds of all models on a table."""
    n_levels, n_rows = TABLES[name]
    X, y, shares = drawn(n_levels, n_rows + N_TEST, split)
    shares = np.column_stack([1 - shares, shares])
    possible = {"best possible": [*figures(shares[n_rows:], y[n_rows:]), 0.0]}
    found = {**possible, **before}
    for model, estimator in contestants(split).items():
        if model in found:
            continue
        start = time.process_time()
        estimator.fit(X[:n_rows], y[:n_rows])
        seconds = time.process_time() - start
        found[model] = [
            *figures(estimator.predict_proba(X[n_rows:]), y[n_rows:]),
            seconds,
        ]
    return found


def markdown(results):
    """Return the table of means."""
    found = results["tables"]
    names = list(next(iter(found.values()))["0"])
    lines = [f"| model | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    for name in names:
        cells = []
        for splits in found.values():
            runs = np.array([run[name] for run in splits.values()])
            accuracy, area, loss, *_, seconds = runs.mean(axis=0)
            cells.append(
                f"{100 * accuracy:.1f} / {area:.3f} / {loss:.3f}, {seconds:.0f} s"
            )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    n_splits = len(next(iter(found.values())))
    rows = " and ".join(f"{n_rows:,}" for _, n_rows in TABLES.values())
    lines += [
        "",
        f"Accuracy / AUC / log-loss of {N_TEST:,} new rows, and processor seconds of a "
        f"fit to {rows} rows: means over {n_splits} tables. {results['machine']}",
        "",
    ]
    return "\n".join(lines)


def main():
    options = report.options(__doc__, splits={"type": int, "default": 3})
    report.run_splits("levels", TABLES, measure, markdown, options)


if __name__ == "__main__":
    main()
