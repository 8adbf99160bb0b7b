"""Time the import, the loading and the transform of a fitted model.

Run ``python benchmarks/serve.py``: one thread. Import and unpickling are timed in
separate processes and compared with the import of scikit-learn's base. One row is
compared with ``PCA.transform``, a million rows with the matrix products of the network
alone. Rows of 20 numbers and 10 categories are compared with what pandas takes to hand
them out as cells. Ratios are medians of interleaved runs. Writes
``results/serve.json`` and ``results/serve.md``.
"""

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import polars as pl
from _common import report
from sklearn.decomposition import PCA

from sklearn_contrastive import ContrastiveEmbedding

N_COLUMNS, N_MANY = 32, 1_000_000
N_MIXED = 100_000
#: Rows per block of the matrix products: the fastest of 256 to 8,192 when measured.
N_BLOCK = 512
CELLS = "pandas' own `frame.{}to_numpy()`"
IMPORTS = {
    "sklearn.base": "import numpy, scipy.sparse, scipy.special, sklearn.base",
    "sklearn_contrastive": "import sklearn_contrastive",
    "class": "from sklearn_contrastive import ContrastiveEmbedding",
}


#: Lines of the table: subject, words, what pandas does, and the unit.
MIXED = [
    ("one mixed row", "transform one mixed row", CELLS.format("iloc[[i]]."), "ms", 1e3),
    ("mixed rows", f"transform {N_MIXED:,} mixed rows", CELLS.format(""), "s", 1),
]


def in_process(code):
    """Return the seconds that some code takes in a new process."""
    timed = (
        "import time; start = time.perf_counter()\n"
        f"{code}\nprint(time.perf_counter() - start)"
    )
    done = subprocess.run(
        [sys.executable, "-c", timed], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def products(X, weights):
    """Compute only the matrix products of all layers, block by block."""
    for start in range(0, len(X), N_BLOCK):
        block = X[start : start + N_BLOCK]
        for W in weights:
            block = block @ W


def mixed(rng):
    """Return a frame of 20 numbers and 10 categories of 20 levels."""
    levels = [f"level {i:02d}" for i in range(20)]
    columns = {f"number {i}": rng.normal(size=N_MIXED) for i in range(20)}
    for i in range(10):
        codes = rng.integers(20, size=N_MIXED)
        columns[f"category {i}"] = pd.Categorical.from_codes(codes, levels)
    return pd.DataFrame(columns)


def measure_mixed(rng, n_runs):
    """Return seconds of one mixed row, and of many."""
    frame = mixed(rng)
    y = rng.integers(10, size=5000)
    model = ContrastiveEmbedding(max_iter=1, random_state=0).fit(frame[:5000], y)
    table = pl.from_pandas(frame)
    one = {
        "pandas": lambda: model.transform(frame.iloc[[7]]),
        "polars": lambda: model.transform(table[7:8]),
        "cells": lambda: frame.iloc[[7]].to_numpy(),
    }
    many = {
        "pandas": lambda: model.transform(frame),
        "polars": lambda: model.transform(table),
        "cells": frame.to_numpy,
    }
    for call in (*one.values(), *many.values()):
        call()
    return {
        "one mixed row": report.in_turn(one, n_runs, 100),
        "mixed rows": report.in_turn(many, n_runs),
    }


def measure(n_runs):
    """Return seconds by subject and contestant."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_MANY, N_COLUMNS), dtype=np.float32)
    y = rng.integers(10, size=5000)
    model = ContrastiveEmbedding(max_iter=1, random_state=0).fit(X[:5000], y)
    pca = PCA(16).fit(X[:5000])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pkl"
        path.write_bytes(pickle.dumps(model))
        size = path.stat().st_size
        load = f"import pickle\nmodel = pickle.load(open({str(path)!r}, 'rb'))"
        first = f"{load}\nimport numpy\nmodel.transform(numpy.ones((1, {N_COLUMNS})))"
        codes = {**IMPORTS, "unpickle, one row": first}
        calls = {
            name: lambda code=code: in_process(code) for name, code in codes.items()
        }
        start_up = report.in_turn(calls, n_runs)
    row = X[:1].astype(np.float64)
    one = {"ours": lambda: model.transform(row), "PCA": lambda: pca.transform(row)}
    many = {
        "ours": lambda: model.transform(X),
        "products": lambda: products(X, model.coefs_),
    }
    for call in (*one.values(), *many.values()):
        call()
    return {
        "start-up": start_up,
        "one row": report.in_turn(one, n_runs, 200),
        "a million rows": report.in_turn(many, n_runs),
        "bytes": size,
        **measure_mixed(rng, n_runs),
    }


def markdown(results):
    """Return the results as a Markdown table."""

    def line(subject, ours, other, reference, unit, factor):
        times, others = results[subject][ours], results[subject][other]
        return (
            f"| {reference[0]} | {factor * np.median(times):.2f} {unit} | "
            f"{reference[1]} {factor * np.median(others):.2f} {unit} | "
            f"{report.ratio(times, others)} |"
        )

    base = "scikit-learn's base"
    n_runs = len(results["one row"]["ours"])
    lines = [
        "| what | ours | against | ratio |",
        "|---|---|---|---|",
        line(
            "start-up",
            "sklearn_contrastive",
            "sklearn.base",
            ("import the package", f"importing {base}, numpy and scipy"),
            "s",
            1,
        ),
        line(
            "start-up",
            "class",
            "sklearn.base",
            ("import the class", f"importing {base}, numpy and scipy"),
            "s",
            1,
        ),
        line(
            "start-up",
            "unpickle, one row",
            "sklearn.base",
            ("unpickle and transform a row", f"importing {base}, numpy and scipy"),
            "s",
            1,
        ),
        line(
            "one row",
            "ours",
            "PCA",
            ("transform one row", "`PCA.transform`"),
            "ms",
            1e3,
        ),
        line(
            "a million rows",
            "ours",
            "products",
            ("transform a million rows", "the matrix products alone"),
            "s",
            1,
        ),
        *(
            line(subject, own, "cells", (f"{what} of {own}", cells), unit, factor)
            for subject, what, cells, unit, factor in MIXED
            for own in ("pandas", "polars")
        ),
        "",
        f"Median of {n_runs} interleaved runs; ratios with minimum and maximum. "
        f"{N_COLUMNS} columns, default network, a pickle of "
        f"{results['bytes'] / 1e3:,.0f} kB; one row in float64, a million in float32. "
        "Mixed rows have 20 numbers and 10 categories of 20 levels. "
        f"{results['machine']}",
        "",
    ]
    return "\n".join(lines)


def main():
    options = report.options(__doc__, runs={"type": int, "default": 9})
    report.save("serve", measure(options.runs), markdown, options.out)


if __name__ == "__main__":
    main()
