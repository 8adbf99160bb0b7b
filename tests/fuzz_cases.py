"""Random estimators, parameters, values and containers, for `test_fuzz.py`."""

import datetime
import operator
import tempfile
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import torch
from hypothesis import strategies as st
from scipy.sparse import csc_matrix, csr_array

from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    PairVerifier,
)
from sklearn_contrastive.losses import LOSSES, ContrastiveLoss, TripletLoss
from sklearn_contrastive.miners import MINERS, CrossBatchMemory, GlobalMiner, HardPairs
from sklearn_contrastive.similarity import (
    FunctionSimilarity,
    LabelSimilarity,
    MultilabelSimilarity,
    NeighborSimilarity,
    PairConstraints,
    TargetSimilarity,
    ViewSimilarity,
)

NAMES = {"embedding": 6, "alignment": 2, "verifier": 2, "search": 2}
LOSS_OBJECTS = [loss() for loss in LOSSES.values()]
MINER_OBJECTS = [
    *(miner() for name, miner in MINERS.items() if name != "semihard"),
    CrossBatchMemory(size=8, miner=HardPairs(2, 3)),
    GlobalMiner(CrossBatchMemory(size=16), refresh_every=1),
]
SIMILARITIES = [
    LabelSimilarity(),
    LabelSimilarity(unlabeled=1, unsupervised="views"),
    LabelSimilarity(unlabeled=0, unsupervised=NeighborSimilarity(2)),
    NeighborSimilarity(3, edges=[[0, 1], [2, 3]]),
    PairConstraints([[0, 1], [1, 2], [3, 4]], [1, 0, 1]),
    TargetSimilarity(),
    MultilabelSimilarity(),
    ViewSimilarity(),
    FunctionSimilarity(operator.eq),
]

#: Values of parameters that are in range, and values that are not.
SHARED = {
    "n_components": ([1, 2, 8], [0, -1, 2.5, "many", None]),
    "hidden_layer_sizes": ([(), 1, (2, 3), [4]], [(0,), "wide", (4.5,), (True,)]),
    "activation": (["relu", "gelu", "identity", "tanh", "selu"], ["sine"]),
    "dropout": ([0, 0.9], [1.0, np.nan, "none"]),
    "standardize": ([True, False, "robust", "standard"], ["units", 2.5]),
    "batch_size": ([2, 7, 10**6, "auto"], [1, 2.0, True]),
    "max_iter": ([1, 2, 3], [0, "many"]),
    "learning_rate_init": ([1e-30, 1e-8, 0.1, 10], [0, np.inf, 1e300]),
    "alpha": ([0, 1e-30, 10], [-1, np.nan, 1e300]),
    "device": (["cpu", "auto"], ["cuda:99", "abacus"]),
    "random_state": ([1, 2**32 - 1], [-1, "seed"]),
}
EMBEDDING = {
    **SHARED,
    "encoder": (["mlp", "linear", torch.nn.Linear], ["tree", torch.nn.Linear(97, 2)]),
    "n_members": ([1, 2, "auto"], [0, 3, 10**6]),
    "loss": ([*LOSSES, *LOSS_OBJECTS], ["none", 3, TripletLoss, ContrastiveLoss(-1)]),
    "miner": (["auto", *MINERS, *MINER_OBJECTS], ["x", HardPairs, HardPairs(0)]),
    "margin": ([0.01, 1, 100], [0, -1, np.inf, 1e300]),
    "normalize": ([True, False], ["no"]),
    "early_stopping": ([True, False], ["late"]),
    "cross_fit": ([False, False, True], [1, "folds", [([0], [1])]]),
    "numeric_encoding": (["piecewise", "linear"], ["bins", True]),
    "feature_weights": ([None, "auto", "auto"], ["shadows"]),
    "validation_fraction": ([0.1, 0.5], [0, 1.0, 1e-300]),
    "n_iter_no_change": ([1, 10], [0]),
    "tol": ([0, 1e300], [-1, np.nan]),
    "warm_start": ([True, False], ["hot"]),
    "similarity": (
        ["auto", "views", "neighbors", *SIMILARITIES],
        ["pairs", "multilabel", "same", LabelSimilarity, NeighborSimilarity(0)],
    ),
}
PARAMETERS = {
    "embedding": EMBEDDING,
    "search": EMBEDDING,
    "alignment": {**SHARED, "temperature": (["auto", 0.01, 100], [0, np.inf])},
    "verifier": {
        "strategy": (["accuracy", "f_beta", "eer"], ["max_tpr", "best"]),
        "validation_fraction": ([0.2, 0.5], [0, 1.0, 1e-300]),
        "random_state": SHARED["random_state"],
    },
}


def some(rng, n, d, value):
    """Return a table of objects with one such cell."""
    X = rng.normal(size=(n, d)).astype(object)
    X[n // 2, d - 1] = value
    return X


VALUES = {
    "normal": lambda rng, n, d: rng.normal(size=(n, d)),
    "whole": lambda rng, n, d: rng.randint(-9, 10, size=(n, d)),
    "counts": lambda rng, n, d: rng.poisson(0.2, size=(n, d)),
    "bools": lambda rng, n, d: rng.uniform(size=(n, d)) < 0.5,
    "constant": lambda rng, n, d: np.full((n, d), 3.0),
    "constant column": lambda rng, n, d: rng.normal(size=(n, d)) * (np.arange(d) > 0),
    "duplicates": lambda rng, n, d: rng.normal(size=(3, d))[np.arange(n) % 3],
    "huge": lambda rng, n, d: rng.normal(size=(n, d)) * 1e300,
    "tiny": lambda rng, n, d: rng.normal(size=(n, d)) * 1e-300,
    "units": lambda rng, n, d: rng.normal(size=(n, d)) * 10.0 ** (20 * np.arange(d)),
    "outlier": lambda rng, n, d: rng.standard_cauchy(size=(n, d)) ** 5,
}
BAD_VALUES = {
    "NaN": lambda rng, n, d: some(rng, n, d, np.nan).astype(float),
    "infinity": lambda rng, n, d: some(rng, n, d, np.inf).astype(float),
    "None": lambda rng, n, d: some(rng, n, d, None),
    "text": lambda rng, n, d: some(rng, n, d, "ant"),
    "list": lambda rng, n, d: some(rng, n, d, [1, 2]),
    "large int": lambda rng, n, d: some(rng, n, d, 10**400),
    "date": lambda rng, n, d: some(rng, n, d, datetime.date(2020, 1, 1)),
    "complex": lambda rng, n, d: rng.normal(size=(n, d)) + 1j,
    "one row": lambda rng, n, d: rng.normal(size=(1, d)),
    "no columns": lambda rng, n, d: np.empty((n, 0)),
    "one axis": lambda rng, n, d: rng.normal(size=n),
    "sparse": lambda rng, n, d: csr_array(rng.normal(size=(n, d))),
    "four axes": lambda rng, n, d: rng.normal(size=(n, 2, 2, d)),
}


def frozen(X):
    X = np.array(X)
    X.flags.writeable = False
    return X


def mapped(X):
    with tempfile.TemporaryFile() as file:
        memory = np.memmap(file, X.dtype, "w+", shape=X.shape)
    memory[...] = X
    return memory


def frame(X):
    return pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])


ARRAYS = {
    "array": np.array,
    "float32": lambda X: X.astype(np.float32),
    "float16": lambda X: X.astype(np.float16),
    "int": lambda X: np.clip(X.astype(float) * 3, -1e9, 1e9).astype(np.int32),
    "objects": lambda X: X.astype(object),
    "nested lists": np.ndarray.tolist,
    "list of arrays": list,
    "read-only": frozen,
    "memory map": mapped,
    "Fortran": np.asfortranarray,
    "backwards": lambda X: X[::-1],
    "masked": np.ma.masked_array,
}
TABLES = {
    **ARRAYS,
    "frame": frame,
    "frame of objects": lambda X: frame(X.astype(object)),
    "float32 frame": lambda X: frame(X.astype(np.float32)),
    "nullable": lambda X: frame(X).convert_dtypes(),
    "Arrow": lambda X: frame(X).convert_dtypes(dtype_backend="pyarrow"),
    "Arrow table": lambda X: pa.Table.from_pandas(frame(X)),
    "polars": lambda X: pl.DataFrame(frame(X).to_dict("list"), strict=False),
}


def sparse_frame(X):
    return frame(X).astype(pd.SparseDtype(X.dtype, X.dtype.type(0)))


SPARSE = {
    "CSR": csr_array,
    "CSC": csc_matrix,
    "sparse frame": sparse_frame,
}


def mixed(rng, n, d, new=False):
    """Return a frame of numbers and categories with gaps; with levels of its own."""
    kinds = ["numbers", "ints", "text", "category", "bools", "codes", "unused"]
    kinds = rng.choice(kinds, size=d)
    levels = ["ant", "bee", "cat", "Äpfel", ""][: rng.randint(1, 6)]
    levels += ["new"] * new
    columns = {}
    for i, kind in enumerate(kinds):
        gaps = rng.uniform(size=n) < rng.choice([0, 0, 0.2, 0.9])
        # A column without a known cell is a number, or a category, by its type.
        gaps[0] = False
        text = rng.choice(np.array(levels, dtype=object), size=n)
        text = pd.Series(np.where(gaps, None, text), dtype=object)
        columns[f"c{i}"] = {
            "numbers": np.where(gaps, np.nan, rng.normal(size=n).round(1)),
            "ints": rng.randint(-9, 10, size=n),
            "text": text,
            "category": text.astype("category"),
            "bools": rng.uniform(size=n) < 0.5,
            "codes": pd.Categorical(rng.randint(3 + new, size=n)),
            "unused": pd.Categorical.from_codes(rng.randint(-1, 2, size=n), [*"bac"]),
        }[kind]
    return pd.DataFrame(columns)


def coded(X):
    """Return an Arrow table whose text is in dictionaries, in two chunks."""
    text = [name for name, each in X.items() if each.dtype == object]
    X = X.astype(dict.fromkeys(text, "category"))
    halves = X[: len(X) // 2], X[len(X) // 2 :].iloc[::-1][::-1]
    return pa.concat_tables(
        pa.Table.from_pandas(half, preserve_index=False) for half in halves
    )


MIXED = {
    "frame": pd.DataFrame,
    "objects": lambda X: X.astype(object),
    "nullable": lambda X: X.convert_dtypes(),
    "Arrow": lambda X: X.convert_dtypes(dtype_backend="pyarrow"),
    "Arrow table": lambda X: pa.Table.from_pandas(X, preserve_index=False),
    "Arrow batch": lambda X: pa.RecordBatch.from_pandas(X, preserve_index=False),
    "Arrow dictionaries": coded,
    "polars": pl.from_pandas,
    "polars categories": lambda X: pl.from_pandas(X).with_columns(
        pl.col(pl.String).cast(pl.Categorical)
    ),
}
LABELS = {
    "ints": lambda rng, n: rng.permutation(np.arange(n) % 3),
    "two classes": lambda rng, n: np.arange(n) % 2,
    "many classes": lambda rng, n: np.arange(n) // 2,
    "rare class": lambda rng, n: (np.arange(n) > 3) * 1,
    "bools": lambda rng, n: np.arange(n) % 2 == 1,
    "text": lambda rng, n: np.array(["ant", "bee", "cat"])[np.arange(n) % 3],
    "objects": lambda rng, n: (np.arange(n) % 3).astype(object),
    "whole floats": lambda rng, n: np.arange(n) % 3 * 1.0,
    "fractions": lambda rng, n: rng.normal(size=n),
    "huge fractions": lambda rng, n: rng.normal(size=n) * 1e300,
    "targets": lambda rng, n: rng.normal(size=(n, 2)),
    "sets": lambda rng, n: np.array([{"ant", f"b{i % 3}"} for i in range(n)]),
    "indicators": lambda rng, n: np.eye(3, dtype=int)[np.arange(n) % 3],
}
BAD_LABELS = {
    "one class": lambda rng, n: np.zeros(n, dtype=int),
    "all differ": lambda rng, n: np.arange(n).astype(str),
    "too few": lambda rng, n: np.arange(n - 1) % 2,
    "NaN": lambda rng, n: np.where(np.arange(n) == 1, np.nan, np.arange(n) % 3),
    "None": lambda rng, n: np.where(np.arange(n) == 1, None, "ant"),
    "dates": lambda rng, n: np.array(["2020", "2021"], "M8[D]")[np.arange(n) % 2],
    "complex": lambda rng, n: np.arange(n) % 3 * 1j,
    "infinity": lambda rng, n: np.where(np.arange(n) == 1, np.inf, 0.5),
    "three axes": lambda rng, n: np.zeros((n, 2, 2)),
}
COLUMNS = {
    "array": np.array,
    "list": np.ndarray.tolist,
    "read-only": frozen,
    "category": lambda y: pd.Series(y).astype("category"),
    "frame": lambda y: pd.Series(y) if y.ndim == 1 else frame(y),
    "nullable": lambda y: COLUMNS["frame"](y).convert_dtypes(),
    "Arrow": lambda y: COLUMNS["frame"](y).convert_dtypes(dtype_backend="pyarrow"),
    "polars": lambda y: pl.Series(y.tolist()) if y.ndim == 1 else TABLES["polars"](y),
}


@st.composite
def cases(draw):
    """Draw the names of what is built: two thirds of them without a fault."""

    def pick(options):
        return draw(st.sampled_from([*options]))

    name = pick([name for name, n in NAMES.items() for _ in range(n)])
    fault = pick([None] * 8 + ["parameter", "parameter", "table", "labels"])
    options, bad = PARAMETERS[name], {}
    chosen = draw(st.lists(st.sampled_from([*options]), max_size=3, unique=True))
    if fault == "parameter":
        wrong = pick(options)
        bad = {wrong: pick(options[wrong][1])}
    method = pick(["fit"] * 4 + ["partial_fit", "X_val"])
    method = method if name == "embedding" else "fit"
    bad |= {"early_stopping": True} if method == "X_val" else {}
    labels = ["no", "ints", *LABELS]
    if name == "verifier":
        labels = ["two classes", "bools", "rare class"]
    values = pick(BAD_VALUES if fault == "table" else ["normal", *VALUES])
    container = pick(ARRAYS if name == "verifier" else TABLES)
    if name in ("embedding", "search") and fault != "table":
        kind = pick(["dense"] * 4 + ["mixed", "mixed", "sparse"])
        values = "mixed" if kind == "mixed" else values
        tables = {"dense": TABLES, "mixed": MIXED, "sparse": SPARSE}[kind]
        container = container if kind == "dense" else pick(tables)
    return {
        "name": name,
        "params": {key: pick(options[key][0]) for key in chosen} | bad,
        "n_rows": 2 * draw(st.integers(10, 30)),
        "n_columns": pick([1, 2, 3, 5]),
        "values": values,
        "container": container,
        "labels": pick(BAD_LABELS if fault == "labels" else labels),
        "labels_in": pick(COLUMNS),
        "method": method,
        "fitted": pick([False] * 4 + [True]),
        "mode": pick(["enable_grad", "enable_grad", "no_grad", "inference_mode"]),
        "threads": pick([1, 1, 1, 2]),
        "seed": draw(st.integers(0, 99)),
    }


def held(container, values):
    """Return the values in a container, or as they are where it cannot hold them."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return container(values)
        except Exception:
            return values


def build(case):
    """Return an estimator and what it is fitted on, the same in each call."""
    rng, n, d = np.random.RandomState(case["seed"]), case["n_rows"], case["n_columns"]
    params = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
    X, y = {**VALUES, **BAD_VALUES, "mixed": mixed}[case["values"]](rng, n, d), None
    model = ContrastiveEmbedding(8, **params)
    if case["name"] == "verifier":
        model, n = PairVerifier(model, random_state=0), n // 2
        dense = isinstance(X, np.ndarray) and X.shape == (2 * n, d)
        X = X.reshape(n, 2, d) if dense else X
    elif case["name"] == "alignment":
        model, y = ContrastiveAlignment(2, **params), rng.normal(size=(n, 2))
    model.set_params(**case["params"])
    if case["name"] == "search":
        model = ContrastiveEmbeddingCV(model, margins=[0.5, 1.0], cv=2)
    if y is None and case["labels"] != "no":
        y = (LABELS | BAD_LABELS)[case["labels"]](rng, n)
        y = held(COLUMNS[case["labels_in"]], y)
    containers = MIXED if case["values"] == "mixed" else TABLES | SPARSE
    return model, held(containers[case["container"]], X), y


def served(case):
    """Return the mixed table of a case in all containers, and one with new levels."""
    n, d = case["n_rows"], case["n_columns"]
    same, new = (
        mixed(np.random.RandomState(case["seed"]), n, d, new) for new in (0, 1)
    )
    return [[held(each, X) for each in MIXED.values()] for X in (same, new)]
