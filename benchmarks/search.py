"""What a search over margins costs, and what several members bring.

Run ``python benchmarks/search.py --data FOLDER``. First eight margins on five folds of
digits, vowel, satellite and letter, with every other parameter at its default:
`ContrastiveEmbeddingCV` with one process and with two, beside scikit-learn's
`GridSearchCV` with two over the pipeline of `ContrastiveEmbedding` and
`KNeighborsClassifier`. All of them fit the best margin to all rows. Each process uses
one thread. Then one member and four, on repeated stratified splits of all tables, 70 %
to train on and 30 % to test on: seconds of a fit, 5-NN accuracy, and MAP@R of each test
row among the others. ``--max_iter`` and ``--margins`` shorten the run for a trial.
Writes ``results/search.json`` and ``results/search.md``.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import report
import tables
import torch
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_contrastive import ContrastiveEmbedding, ContrastiveEmbeddingCV
from sklearn_contrastive.metrics import map_at_r

SEARCHED = ("digits", "vowel", "satellite", "letter")
MARGINS = [0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8]
GRID, TWO, ONE = (
    "GridSearchCV, 2",
    "ContrastiveEmbeddingCV, 2",
    "ContrastiveEmbeddingCV",
)
N_MEMBERS = (1, 4)


def searches(max_iter, margins):
    """Return the searches that are compared."""
    model = ContrastiveEmbedding(max_iter=max_iter, random_state=0)
    pipeline = make_pipeline(model, KNeighborsClassifier())
    grid = {"contrastiveembedding__margin": margins}
    return {
        GRID: GridSearchCV(pipeline, grid, cv=5, n_jobs=2),
        TWO: ContrastiveEmbeddingCV(model, margins=margins, cv=5, n_jobs=2),
        ONE: ContrastiveEmbeddingCV(model, margins=margins, cv=5),
    }


def run_search(X, y, max_iter, margins):
    """Return seconds, the choice and the mean scores of each search of one table."""
    found = {}
    for name, search in searches(max_iter, margins).items():
        start = time.perf_counter()
        search.fit(X, y)
        found[name] = {
            "seconds": time.perf_counter() - start,
            "margin": next(iter(search.best_params_.values())),
            "scores": search.cv_results_["mean_test_score"].tolist(),
        }
    return found


def run_members(X, y, max_iter, n_splits):
    """Return seconds, accuracy and MAP@R by number of members, one a split."""
    found = {str(n_members): [] for n_members in N_MEMBERS}
    splitter = StratifiedShuffleSplit(n_splits, test_size=0.3, random_state=0)
    for seed, (train, test) in enumerate(splitter.split(X, y)):
        for n_members in N_MEMBERS:
            model = ContrastiveEmbedding(
                n_members=n_members, max_iter=max_iter, random_state=seed
            )
            start = time.perf_counter()
            Z = model.fit(X[train], y[train]).transform(X[train])
            seconds = time.perf_counter() - start
            neighbours = KNeighborsClassifier().fit(Z, y[train])
            Z_test = model.transform(X[test])
            found[str(n_members)].append(
                {
                    "seconds": seconds,
                    "accuracy": neighbours.score(Z_test, y[test]),
                    "map_at_r": map_at_r(Z_test, y[test]),
                }
            )
    return found


def search_lines(tables_searched):
    """Return the lines of the table of searches."""
    lines = [
        f"| table | {GRID} processes, s | {TWO} processes, s | {ONE}, s | ratio with 2 "
        "| ratio with 1 | margins chosen | best score | scores differ by |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, found in tables_searched.items():
        grid, two, one = (found[each] for each in (GRID, TWO, ONE))
        gap = max(
            np.abs(np.subtract(grid["scores"], each["scores"])).max()
            for each in (two, one)
        )
        chosen = ", ".join(f"{each['margin']:g}" for each in (grid, two, one))
        lines.append(
            f"| {name} | {grid['seconds']:.0f} | {two['seconds']:.0f} | "
            f"{one['seconds']:.0f} | {grid['seconds'] / two['seconds']:.2f} | "
            f"{grid['seconds'] / one['seconds']:.2f} | {chosen} | "
            f"{100 * max(grid['scores']):.2f} % | {100 * gap:.2f} points |"
        )
    return lines


def member_lines(tables_split):
    """Return the lines of the table of members."""
    few, many = map(str, N_MEMBERS)
    lines = [
        f"| table | 5-NN, {few} member | {many} members | gain | MAP@R, {few} member | "
        f"{many} members | gain | time of {many} / {few} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, found in tables_split.items():
        cells = [name]
        for figure in ("accuracy", "map_at_r"):
            one, more = (
                100 * np.array([split[figure] for split in found[n]])
                for n in (few, many)
            )
            cells += [
                f"{one.mean():.1f}",
                f"{more.mean():.1f}",
                f"{(more - one).mean():+.1f} ± {(more - one).std():.1f}",
            ]
        seconds = ([split["seconds"] for split in found[n]] for n in (many, few))
        lines.append("| " + " | ".join([*cells, report.ratio(*seconds)]) + " |")
    return lines


def markdown(results):
    """Return the figures as Markdown tables."""
    n_splits = len(next(iter(results["members"].values()))[str(N_MEMBERS[0])])
    return "\n".join(
        [
            *search_lines(results["searches"]),
            "",
            f"{results['n_margins']} margins on 5 folds, and the best fitted to all "
            "rows, once; a ratio above 1 says that ContrastiveEmbeddingCV is faster "
            "than GridSearchCV with two processes, whose start is not counted.",
            "",
            *member_lines(results["members"]),
            "",
            f"In % on test rows, mean of {n_splits} splits; gain ± standard deviation "
            "over splits; ratios of time are medians with least and greatest. "
            f"max_iter={results['max_iter']!r}. {results['machine']}",
            "",
        ]
    )


def main():
    options = report.options(
        __doc__,
        data={"help": "folder of NAME.npz files"},
        splits={"type": int, "default": 10},
        tables={"nargs": "+", "default": tables.NAMES},
        max_iter={"type": int, "default": "auto"},
        margins={"nargs": "+", "type": float, "default": MARGINS},
    )
    torch.set_num_threads(1)
    # Processes are started, and have loaded what they need, before any clock runs.
    for search in searches(1, [1.0]).values():
        search.fit(*tables.load("wine"))
    searched, split = {}, {}
    for name in options.tables:
        table = tables.load(name, options.data)
        if table is None:
            continue
        if name in SEARCHED:
            searched[name] = run_search(*table, options.max_iter, options.margins)
            print(name, searched[name], flush=True)
        split[name] = run_members(*table, options.max_iter, options.splits)
        print(name, split[name], flush=True)
    results = {
        "searches": searched,
        "members": split,
        "n_margins": len(options.margins),
        "max_iter": options.max_iter,
    }
    report.save("search", results, markdown, options.out)


if __name__ == "__main__":
    main()
