"""Measure models in files: sizes, loading, and what they say after it.

Run ``python benchmarks/files.py``: one thread. Models are written and read by each of
`WAYS`, and compared with what they said of the same rows before. Writes
``results/files.json`` and ``results/files.md``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pickle
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import skops.io
from _common import report
from graphs import session_of
from onnxruntime import InferenceSession
from serve import N_COLUMNS, N_MANY, mixed

from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    ContrastiveNeighborsClassifier,
    PairVerifier,
    persistence,
)
from sklearn_contrastive.onnx import to_onnx

#: Rows that models are fitted to, and that a classifier is asked about.
N_FITTED, N_VOTED = 5_000, 10_000


def pickle_dump(model, path):
    path.write_bytes(pickle.dumps(model))


def pickle_load(path):
    return pickle.loads(path.read_bytes())


def onnx_dump(model, path):
    path.write_bytes(to_onnx(model).SerializeToString())


def onnx_load(path):
    return session_of(path.read_bytes())


def skops_load(path):
    return skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))


#: How a model is written, and read again.
WAYS = {
    "pickle": (pickle_dump, pickle_load),
    "skops": (skops.io.dump, skops_load),
    "save": (persistence.save, persistence.load),
    "ONNX": (onnx_dump, onnx_load),
}


def question(model, method, rows):
    """Return what asks a model or a session of ONNX about rows, which are converted."""
    if not isinstance(model, InferenceSession):
        return partial(getattr(model, method), rows)
    given = {"X": rows}
    if not isinstance(rows, np.ndarray):
        dtypes = {"tensor(string)": object, "tensor(float)": np.float32}
        given = {
            each.name: rows[[name]].to_numpy(dtype=dtypes[each.type])
            for each, name in zip(model.get_inputs(), rows, strict=True)
        }
    return lambda: model.run(None, given)[-1]


def models(rng):
    """Return by name a fitted model, its method, and many rows."""
    X = rng.standard_normal((N_MANY, N_COLUMNS), dtype=np.float32)
    frame, pairs = mixed(rng), np.stack([X[:-1:10], X[1::10]], axis=1)
    few, y = slice(N_FITTED), rng.integers(10, size=N_FITTED)
    distances = np.linalg.norm(pairs[few, 0] - pairs[few, 1], axis=1)
    same = distances < np.median(distances)
    short = {"max_iter": 1, "random_state": 0}
    numbers, tables = ContrastiveEmbedding(**short), ContrastiveEmbedding(**short)
    aligned = ContrastiveAlignment(**short)
    verifier = PairVerifier(ContrastiveEmbedding(**short), random_state=0)
    classes = ContrastiveNeighborsClassifier(
        ContrastiveEmbedding(max_iter=1), random_state=0
    )
    return {
        "embedding of numbers": (numbers.fit(X[few], y), "transform", X),
        "embedding of mixed rows": (tables.fit(frame[few], y), "transform", frame),
        "alignment": (aligned.fit(X[few], X[few, :8]), "transform", X),
        "verifier": (verifier.fit(pairs[few], same), "predict_proba", pairs),
        "classifier": (classes.fit(X[few], y), "predict_proba", X[:N_VOTED]),
    }


def measure(n_runs):
    """Return bytes, seconds and differences by model and way."""
    found = {}
    for name, (model, method, rows) in models(np.random.default_rng(0)).items():
        expected, one = getattr(model, method)(rows), rows[7:8]
        found[name] = {"n_rows": len(rows)}
        with tempfile.TemporaryDirectory() as folder:
            paths = {way: Path(folder) / way for way in WAYS}
            for way, (write, _) in WAYS.items():
                write(model, paths[way])
            loads = {way: partial(read, paths[way]) for way, (_, read) in WAYS.items()}
            loading = report.in_turn(loads, n_runs)
            loaded = {way: load() for way, load in loads.items()}
            sizes = {way: paths[way].stat().st_size for way in WAYS}
        ones = {way: question(own, method, one) for way, own in loaded.items()}
        single = report.in_turn(ones, n_runs, 20)
        for way, own in loaded.items():
            ask = question(own, method, rows)
            start = time.perf_counter()
            result = ask()
            found[name][way] = {
                "bytes": sizes[way],
                "load": loading[way],
                "one row": single[way],
                "all rows": time.perf_counter() - start,
                "difference": float(np.abs(result - expected).max()),
            }
    return {"models": found}


def markdown(results):
    """Return the results as a Markdown table."""
    lines = [
        "| model | by | kB | load, ms | one row, ms | all rows, s | difference |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, ways in results["models"].items():
        for way in WAYS:
            each = ways[way]
            lines.append(
                f"| {name} | {way} | {each['bytes'] / 1e3:,.0f} | "
                f"{1e3 * np.median(each['load']):.1f} | "
                f"{1e3 * np.median(each['one row']):.2f} | "
                f"{each['all rows']:.1f} for {ways['n_rows']:,} | "
                f"{each['difference']:g} |"
            )
    note = (
        f"Fitted to {N_FITTED:,} rows of {N_COLUMNS} numbers, or of 20 numbers and 10 "
        "categories; ONNX has them in single precision. Load and one row are "
        "medians of interleaved runs in a process that has imported all before; the "
        "machine had other work. The difference is the largest from what the model "
        "gave before it was written. "
        f"{results['machine']}"
    )
    return "\n".join([*lines, "", note, ""])


def main():
    options = report.options(__doc__, runs={"type": int, "default": 9})
    report.save("files", measure(options.runs), markdown, options.out)


if __name__ == "__main__":
    main()
