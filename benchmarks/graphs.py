"""Compare ONNX graphs with the estimators that they are made of.

Run ``python benchmarks/graphs.py``: one thread. Predictors and embeddings are fitted to
tables of scikit-learn, and to a mixed table that is made here: 5,000 rows of 10 numbers
with gaps and 5 categories, one of them with 400 levels. Graphs map held-out rows in
float32. Differences are the largest of all splits. Times are medians of interleaved
runs, of the first split: one row, and 10,000. The graph of centroids is compared in
accuracy and log-loss. Writes ``results/graphs.json`` and ``results/graphs.md``.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from _common import report
from onnxruntime import InferenceSession, SessionOptions
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split

from sklearn_contrastive import ContrastiveEmbedding, ContrastiveNeighborsClassifier
from sklearn_contrastive.onnx import to_onnx

N_MIXED, N_MANY = 5000, 10_000


def mixed():
    """Return a frame of numbers with gaps and of categories, and its classes."""
    rng = np.random.default_rng(0)
    y, columns = rng.integers(4, size=N_MIXED), {}
    for i in range(10):
        column = (y * rng.normal() + 2 * rng.normal(size=N_MIXED)).astype(np.float32)
        columns[f"number{i}"] = np.where(rng.random(N_MIXED) < 0.05, np.nan, column)
    for i, n in enumerate((3, 5, 20, 60, 400)):
        # Levels of one class each in two rows of five.
        codes = np.where(
            rng.random(N_MIXED) < 0.4,
            rng.integers(n, size=N_MIXED) // 4 * 4 + y,
            rng.integers(n, size=N_MIXED),
        )
        columns[f"category{i}"] = [f"level {code}" for code in codes]
    frame = pd.DataFrame(columns)
    return frame.astype({f"number{i}": np.float32 for i in range(10)}), y


def tables():
    """Return tables and labels by name."""
    found = {
        "wine": load_wine(return_X_y=True),
        "breast cancer": load_breast_cancer(return_X_y=True),
        "digits": load_digits(return_X_y=True),
    }
    found = {name: (X.astype(np.float32), y) for name, (X, y) in found.items()}
    return {**found, "mixed": mixed()}


def inputs_of(rows):
    """Return rows as a graph takes them."""
    if isinstance(rows, np.ndarray):
        return {"X": rows}
    return {name: rows[name].to_numpy()[:, None] for name in rows}


def session_of(content):
    """Return a session of one thread."""
    options = SessionOptions()
    options.intra_op_num_threads = 1
    return InferenceSession(content, options)


def times(model, call, session, rows, n_runs):
    """Return seconds of one row and of many, of both."""
    many = np.resize(np.arange(len(rows)), N_MANY)
    many = rows[many] if isinstance(rows, np.ndarray) else rows.iloc[many]
    found = {}
    for name, some, n_calls in (("one", rows[:1], 50), ("many", many, 1)):
        given = inputs_of(some)
        contestants = {
            "ours": lambda some=some: call(some),
            "graph": lambda given=given: session.run(None, given),
        }
        for each in contestants.values():
            each()
        found[name] = report.in_turn(contestants, n_runs, n_calls)
    return found


def measure(X, y, split, n_runs):
    """Return differences, sizes, scores and times of one split."""
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=split
    )
    given, found = inputs_of(X_test), {}
    embedding = ContrastiveEmbedding(random_state=split).fit(X, y)
    model = ContrastiveNeighborsClassifier(random_state=split).fit(X, y)
    contents = {
        "embedding": to_onnx(embedding).SerializeToString(),
        "all": to_onnx(model).SerializeToString(),
        "centroids": to_onnx(model, references="centroids").SerializeToString(),
    }
    shares = {"ours": model.predict_proba(X_test)}
    for name, content in contents.items():
        start = time.perf_counter()
        session = session_of(content)
        found[name] = {"bytes": len(content), "load": time.perf_counter() - start}
        *labels, values = session.run(None, given)
        call = embedding.transform if name == "embedding" else model.predict_proba
        if name != "centroids":
            found[name]["gap"] = float(np.abs(values - call(X_test)).max())
        if name == "all":
            found[name]["labels"] = int((labels[0] != model.predict(X_test)).sum())
        if name != "embedding":
            shares[name] = values
        if split == 0:
            found[name] |= times(model, call, session, X_test, n_runs)
    for name, own in shares.items():
        # In single precision they add up to 1 within some last bits.
        own = own.astype(np.float64) / own.sum(axis=1, keepdims=True, dtype=np.float64)
        accuracy = accuracy_score(y_test, model.classes_[own.argmax(axis=1)])
        scores = {"accuracy": accuracy, "log loss": log_loss(y_test, own)}
        found.setdefault(name, {}).update(scores)
    return found


def markdown(results):
    """Return the results as Markdown tables."""
    what = {"embedding": "embedding", "all": "classifier", "centroids": "centroids"}
    lines = [
        "| table | graph | kB | load, ms | largest difference | other labels "
        "| one row, ms: ours, graph | 10,000 rows, s: ours, graph |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for table, splits in results["tables"].items():
        for name, words in what.items():
            own, *_ = each = [split[name] for split in splits]
            gap = max((e["gap"] for e in each if "gap" in e), default=None)
            other = sum(e["labels"] for e in each) if name == "all" else None
            cells = [
                f"{own['bytes'] / 1e3:,.0f}",
                f"{1e3 * np.median([e['load'] for e in each]):.0f}",
                "" if gap is None else f"{gap:.0e}",
                "" if other is None else str(other),
                ", ".join(f"{1e3 * np.median(t):.2f}" for t in own["one"].values()),
                ", ".join(f"{np.median(t):.2f}" for t in own["many"].values()),
            ]
            lines.append(f"| {table} | {words} | {' | '.join(cells)} |")
    lines += [
        "",
        "| table | accuracy: all references | centroids "
        "| log-loss: all references | centroids |",
        "|---|---|---|---|---|",
    ]
    for table, splits in results["tables"].items():
        cells = [
            f"{np.mean([split[name][score] for split in splits]):.3f}"
            for score in ("accuracy", "log loss")
            for name in ("all", "centroids")
        ]
        lines.append(f"| {table} | {' | '.join(cells)} |")
    n_splits = len(results["tables"]["wine"])
    lines += [
        "",
        f"{n_splits} splits, 70 % of the rows for training. Differences are of points "
        f"or probabilities. {results['machine']}",
        "",
    ]
    return "\n".join(lines)


def main():
    options = report.options(
        __doc__, runs={"type": int, "default": 5}, splits={"type": int, "default": 5}
    )
    found = {
        name: [measure(X, y, split, options.runs) for split in range(options.splits)]
        for name, (X, y) in tables().items()
    }
    report.save("graphs", {"tables": found}, markdown, options.out)


if __name__ == "__main__":
    main()
