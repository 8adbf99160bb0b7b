"""What a search over margins costs, and what several members bring.

Run ``python benchmarks/search.py --data FOLDER``. First eight margins on five folds of
digits, vowel, satellite and letter, with every other parameter at its default:
scikit-learn's `GridSearchCV` over the pipeline of `ContrastiveEmbedding` and
`KNeighborsClassifier`, beside `ContrastiveEmbeddingCV`; with two processes of one
thread each, and ours with one as well. All of them fit the best margin to all rows. The
start of processes is measured apart. Then one member and four, on repeated stratified
splits of all tables, 70 % to train on and 30 % to test on: seconds of a fit, 5-NN
accuracy, and MAP@R of each test row among the others. The matrix products of all the
steps of a search, measured alone, are the least time of a search that trains all
candidates to the end. ``--max_iter``, ``--margins`` and ``--runs`` shorten the run for
a trial. Writes ``results/search.json`` and ``results/search.md``.
"""

import os
import subprocess
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import torch
from _common import parts, report, tables
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_contrastive import ContrastiveEmbedding, ContrastiveEmbeddingCV
from sklearn_contrastive.metrics import map_at_r

SEARCHED = ("digits", "vowel", "satellite", "letter")
MARGINS = [0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8]
GRID, TWO, ONE = "GridSearchCV", "stacked", "one process"
PRODUCTS = "products"
#: What a process has to load.
LOADED = (
    "import time; t = time.perf_counter(); "
    "import torch, sklearn_contrastive.model_selection"
)
N_MEMBERS = (1, 4)


def searches(max_iter, margins):
    """Return the searches that are compared."""
    model = ContrastiveEmbedding(max_iter=max_iter, random_state=0)
    pipeline = make_pipeline(model, KNeighborsClassifier())
    grid = {"contrastiveembedding__margin": margins}
    return {
        GRID: GridSearchCV(pipeline, grid, cv=5, n_jobs=2),
        TWO: ContrastiveEmbeddingCV(model, margins=margins, n_jobs=2),
        ONE: ContrastiveEmbeddingCV(model, margins=margins),
    }


def run_start():
    """Return seconds of a small search in two new processes, and in two old ones."""
    X, y = tables.load("wine")
    grid, found = searches(1, [1.0, 1.4])[GRID], {}
    for name in ("new", "old"):
        start = time.perf_counter()
        grid.fit(X, y)
        found[name] = time.perf_counter() - start
    script = f"{LOADED}; print(time.perf_counter() - t)"
    loading = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    found["loading"] = max(float(each.communicate()[0]) for each in loading)
    return found


def run_search(X, y, max_iter, margins, n_runs):
    """Return seconds, choices and mean scores of each search of one table, by run."""
    found = {}
    for _ in range(n_runs):
        for name, search in searches(max_iter, margins).items():
            start = time.perf_counter()
            search.fit(X, y)
            run = found.setdefault(name, {"seconds": []})
            run["seconds"].append(time.perf_counter() - start)
            results, best = search.cv_results_, search.best_index_
            splits = [results[f"split{fold}_test_score"][best] for fold in range(5)]
            run["margin"] = next(iter(search.best_params_.values()))
            run["score"] = float(np.mean(splits))
            run["standard_error"] = float(np.std(splits, ddof=1) / len(splits) ** 0.5)
            run["scores"] = results["mean_test_score"].tolist()
            run["margins"] = margins
        fold = clone(search.best_estimator_).fit(
            *(a[: 4 * len(a) // 5] for a in (X, y))
        )
        n_steps = 5 * len(margins) * fold.n_steps_ + search.best_estimator_.n_steps_
        run = found.setdefault(PRODUCTS, {"seconds": []})
        run["seconds"].append(n_steps * products_seconds(fold) / 2)
    return found


def products_seconds(fitted, n_steps=500):
    """Return seconds of a step's matrix products, those of its networks in turn."""
    sizes = [fitted.n_features_in_, *(layer.shape[-1] for layer in fitted.coefs_)]
    products = parts.products_loop(
        sizes, fitted.batch_size_, n_steps * fitted.n_members_
    )
    products()
    start = time.perf_counter()
    products()
    return (time.perf_counter() - start) / n_steps


def run_members(X, y, max_iter, n_splits):
    """Return seconds, accuracy and MAP@R by number of members, one per split."""
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
    others = (TWO, ONE, PRODUCTS)
    lines = [
        f"| table | {GRID}, s | "
        + " | ".join(f"{name}, s" for name in others)
        + " | "
        + " | ".join(f"{GRID} / {name}" for name in others)
        + f" | margin of {GRID}, {TWO} | score |",
    ]
    lines.append("|---" * (lines[0].count("|") - 1) + "|")
    for name, found in tables_searched.items():
        grid = found[GRID]
        seconds = [np.median(found[each]["seconds"]) for each in (GRID, *others)]
        ratios = [report.ratio(grid["seconds"], found[e]["seconds"]) for e in others]
        chosen = ", ".join(f"{found[e]['margin']:g}" for e in (GRID, TWO))
        cells = [
            name,
            *(f"{each:.1f}" for each in seconds),
            *ratios,
            chosen,
            f"{100 * grid['score']:.2f} ± {100 * grid['standard_error']:.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
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
            f"rows, in two processes: scikit-learn's {GRID}, one fit after the other; "
            f"ContrastiveEmbeddingCV, whose models are trained *{TWO}*. "
            f"*{ONE.capitalize()}* is ContrastiveEmbeddingCV in one. *{PRODUCTS}* are "
            "the matrix products of all steps alone, by two processes. Medians of "
            f"{len(next(iter(results['searches'].values()))[GRID]['seconds'])} "
            "interleaved runs, ratios with their least and greatest. The score in % is "
            f"that of the margin {GRID} chose, ± one standard error over folds.",
            "",
            f"Before the clocks ran: a first, small {GRID} in two new processes took "
            f"{results['start']['new']:.1f} s, the same again "
            f"{results['start']['old']:.1f} s; two processes that only load torch and "
            f"this package at once take {results['start']['loading']:.1f} s.",
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
        max_iter={"type": int},
        margins={"nargs": "+", "type": float, "default": MARGINS},
        runs={"type": int, "default": 3},
    )
    torch.set_num_threads(1)
    options.max_iter = options.max_iter or "auto"
    start = run_start()
    for search in searches(1, [1.0]).values():
        search.fit(*tables.load("wine"))
    searched, split = {}, {}
    for name in options.tables:
        table = tables.load(name, options.data)
        if table is None:
            continue
        if name in SEARCHED:
            searched[name] = run_search(
                *table, options.max_iter, options.margins, options.runs
            )
            print(name, searched[name], flush=True)
        split[name] = run_members(*table, options.max_iter, options.splits)
        print(name, split[name], flush=True)
    results = {
        "start": start,
        "searches": searched,
        "members": split,
        "n_margins": len(options.margins),
        "max_iter": options.max_iter,
    }
    report.save("search", results, markdown, options.out)


if __name__ == "__main__":
    main()
