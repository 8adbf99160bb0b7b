"""Tables of any size with each source of similarity, for ``scale.py``."""

from functools import partial
from unittest import mock

import numpy as np
from scipy.sparse import csr_array

from sklearn_contrastive import ContrastiveAlignment, ContrastiveEmbedding
from sklearn_contrastive.similarity import (
    LabelSimilarity,
    NeighborSimilarity,
    PairConstraints,
)

#: Names in the table of results.
SOURCES = {
    "labels": "labels, 10 classes",
    "neighbors": "5 nearest neighbours, faiss",
    "neighbors exact": "5 nearest neighbours, exact",
    "graph": "a given graph, 5 edges per row",
    "pairs": "1,000,000 given pairs",
    "closure": "100,000 given pairs and their transitive closure",
    "targets": "one continuous target",
    "multilabel": "3 of 100 labels per row",
    "views": "two views per row",
    "part-labelled": "labels of 1 row in 100, and neighbours",
    "function": "a function of `y`",
    "alignment": "a partner in another table",
}


class WithoutFaiss:
    """An estimator that is fitted as if faiss were not installed."""

    def __init__(self, model):
        self._model = model

    def fit(self, *arrays):
        """Fit without faiss."""
        with mock.patch.dict("sys.modules", {"faiss": None}):
            return self._model.fit(*arrays)


def source(name, n_rows):
    """Return a function from epochs to an estimator, and the data it is fitted on."""
    rng = np.random.RandomState(0)
    y = rng.randint(10, size=n_rows)
    centres = rng.normal(size=(10, 32)).astype(np.float32)
    X = centres[y] + 2 * rng.standard_normal((n_rows, 32)).astype(np.float32)
    if name == "alignment":
        return partial(estimator, ContrastiveAlignment), (X, np.tanh(X[:, ::2]))
    pairs = rng.randint(n_rows, size=(n_rows * (10 if name == "pairs" else 1), 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    targets = {
        "part-labelled": np.where(rng.uniform(size=n_rows) < 0.01, y, -1),
        "targets": X[:, 0] + rng.normal(size=n_rows),
        "multilabel": (rng.uniform(size=(n_rows, 100)) < 0.03).astype(np.uint8),
        "neighbors": None,
        "neighbors exact": None,
        "graph": None,
        "pairs": None,
        "closure": None,
        "views": None,
    }
    similar = y[pairs[:, 0]] == y[pairs[:, 1]]
    similarity = {
        "graph": partial(NeighborSimilarity, graph=random_graph(n_rows, rng)),
        "neighbors exact": NeighborSimilarity,
        "pairs": partial(PairConstraints, pairs, similar),
        "closure": partial(PairConstraints, pairs, similar, transitive_closure=True),
        "part-labelled": partial(LabelSimilarity, unlabeled=-1),
        "function": lambda: np.equal,
    }.get(name, lambda: name)()
    settings = {"similarity": similarity}
    if name == "views":
        settings["loss"] = "info_nce"
    make = partial(estimator, ContrastiveEmbedding, **settings)
    if name == "neighbors exact":
        return lambda n_epochs: WithoutFaiss(make(n_epochs)), (X, None)
    return make, (X, targets.get(name, y))


def estimator(kind, n_epochs, **settings):
    """Return an estimator that trains for `n_epochs` epochs."""
    return kind(max_iter=n_epochs, random_state=0, **settings)


def random_graph(n_rows, rng):
    """Return a graph with five random edges per row."""
    ends = rng.randint(n_rows, size=5 * n_rows)
    weights = np.ones(5 * n_rows)
    return csr_array((weights, ends, np.arange(0, 5 * n_rows + 1, 5)), (n_rows,) * 2)
