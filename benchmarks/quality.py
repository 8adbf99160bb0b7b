"""How well nearest neighbours do before and after the embedding.

Run ``python benchmarks/quality.py --data FOLDER``: repeated stratified splits of real
tables, 70 % to train on and 30 % to test on; 5-nearest-neighbour accuracy on the test
part, from raw columns, from standardised columns, and from the pipeline with every
parameter at its default. The last column repeats it with all columns multiplied by
1,000 and shifted by a random number of up to a million. Writes
``results/quality.json`` and ``results/quality.md``.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import report
import tables
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import ContrastiveEmbedding

RAW, STANDARDISED, OURS, SHIFTED = "raw", "standardised", "pipeline", "shifted"


def models(seed):
    """Return the classifiers that are compared."""
    return {
        RAW: KNeighborsClassifier(),
        STANDARDISED: make_pipeline(StandardScaler(), KNeighborsClassifier()),
        OURS: make_pipeline(
            ContrastiveEmbedding(random_state=seed), KNeighborsClassifier()
        ),
    }


def run_split(X, y, train, test, seed):
    """Return accuracies and the pipeline's fit time on one split."""
    row = {}
    for name, model in models(seed).items():
        start = time.perf_counter()
        model.fit(X[train], y[train])
        row[f"{name}_seconds"] = time.perf_counter() - start
        row[name] = model.score(X[test], y[test])
    shift = np.random.RandomState(seed).uniform(-1e6, 1e6, X.shape[1])
    moved = 1000 * X + shift
    model = models(seed)[OURS].fit(moved[train], y[train])
    row[SHIFTED] = model.score(moved[test], y[test])
    return row


def run_table(name, folder, n_splits):
    """Return one dict of figures a split, or None where the table is absent."""
    table = tables.load(name, folder)
    if table is None:
        return None
    X, y = table
    splitter = StratifiedShuffleSplit(n_splits, test_size=0.3, random_state=0)
    splits = [
        run_split(X, y, train, test, seed)
        for seed, (train, test) in enumerate(splitter.split(X, y))
    ]
    print(name, {key: round(np.mean([s[key] for s in splits]), 4) for key in splits[0]})
    return {"shape": [*X.shape, len(np.unique(y))], "splits": splits}


def markdown(results):
    """Return the figures as a Markdown table."""
    lines = [
        "| table | rows × columns, classes | raw | standardised | pipeline | gain on "
        "raw | ×1,000 and shifted | fit, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    means = []
    for name, result in results["tables"].items():
        n_rows, n_columns, n_classes = result["shape"]
        get = {k: [s[k] for s in result["splits"]] for k in result["splits"][0]}
        mean = {k: 100 * np.mean(v) for k, v in get.items()}
        gains = 100 * (np.array(get[OURS]) - np.array(get[RAW]))
        means.append([mean[RAW], mean[STANDARDISED], mean[OURS], mean[SHIFTED]])
        lines.append(
            f"| {name} | {n_rows:,} × {n_columns}, {n_classes} | {mean[RAW]:.1f} | "
            f"{mean[STANDARDISED]:.1f} | {mean[OURS]:.1f} | {gains.mean():+.1f} ± "
            f"{gains.std(ddof=1):.1f} | {mean[SHIFTED]:.1f} | "
            f"{np.median(get[OURS + '_seconds']):.1f} |"
        )
    raw, standardised, ours, shifted = np.mean(means, axis=0)
    lines.append(
        f"| **mean** | | {raw:.1f} | {standardised:.1f} | {ours:.1f} | "
        f"{ours - raw:+.1f} | {shifted:.1f} | |"
    )
    n_splits = len(result["splits"])
    lines += [
        "",
        f"5-NN accuracy in % on test rows, mean of {n_splits} splits; gain ± standard "
        f"deviation over splits. {results['machine']}",
        "",
    ]
    return "\n".join(lines)


def main():
    options = report.options(
        __doc__,
        data={"help": "folder of NAME.npz files"},
        splits={"type": int, "default": 10},
        tables={"nargs": "+", "default": tables.NAMES},
    )
    found = {}
    for name in options.tables:
        result = run_table(name, options.data, options.splits)
        if result is not None:
            found[name] = result
    report.save("quality", {"tables": found}, markdown, options.out)


if __name__ == "__main__":
    main()
