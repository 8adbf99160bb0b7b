"""Fitted models in one environment, and the same results in another, without torch.

`.ci/serve` runs both parts: ``serve.py write FOLDER`` and ``serve.py read FOLDER``.
"""

import importlib.util
import pickle
import platform
import site
import sys
from pathlib import Path

import numpy as np

from sklearn_contrastive import (
    ContrastiveEmbedding,
    ContrastiveNeighborsClassifier,
    ContrastiveNeighborsRegressor,
    PairVerifier,
    persistence,
)

RNG = np.random.RandomState(0)
X, Y = RNG.normal(size=(300, 6)), np.array(["a", "b", "c"])[np.arange(300) % 3]
MIXED = np.column_stack([X.astype(object), RNG.choice(["red", "green"], 300)])
MIXED[::9, 0], MIXED[::7, -1] = np.nan, None
PAIRS = np.stack([X[:150], X[150:]], axis=1)
DISTANCES = np.linalg.norm(PAIRS[:, 0] - PAIRS[:, 1], axis=1)
SHORT = ContrastiveEmbedding(max_iter=5, random_state=0)
#: Models, what they are fitted to, and the methods that serve.
MODELS = {
    "embedding": (SHORT, (X, Y), ["transform"]),
    "classes": (
        ContrastiveNeighborsClassifier(
            ContrastiveEmbedding(categorical_features=[6], max_iter=5), random_state=0
        ),
        (MIXED, Y),
        ["predict", "predict_proba"],
    ),
    "numbers": (
        ContrastiveNeighborsRegressor(SHORT, random_state=0),
        (X, X[:, 0]),
        ["predict"],
    ),
    "pairs": (
        PairVerifier(SHORT, random_state=0),
        (PAIRS, DISTANCES < np.median(DISTANCES)),
        ["predict", "pair_distance"],
    ),
}


def write(folder):
    """Save fitted models with their results."""
    for name, (model, (table, y), methods) in MODELS.items():
        model.fit(table, y)
        persistence.save(model, folder / name)
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(model))
        np.savez(folder / name, **{m: getattr(model, m)(table) for m in methods})


def read(folder):
    """Load the models, compare the bits of their results, and try to fit one."""
    assert importlib.util.find_spec("torch") is None
    for name, (_, (table, y), methods) in MODELS.items():
        unpickled = pickle.loads((folder / f"{name}.pickle").read_bytes())
        for model in (persistence.load(folder / name), unpickled):
            for method in methods:
                expected = np.load(folder / f"{name}.npz")[method]
                np.testing.assert_array_equal(getattr(model, method)(table), expected)
        try:
            model.fit(table, y)
        except ImportError as error:
            told = str(error)
        assert "pytorch.org/get-started" in told, told
    (packages,) = site.getsitepackages()
    sizes = [path.stat().st_size for path in Path(packages).rglob("*")]
    print(
        f"Python {platform.python_version()}: {len(MODELS)} models give the same bits; "
        f"{packages} has {sum(sizes) / 1e6:.0f} MB."
    )


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))
