"""Estimators in files without code: the same bits, and no file that does harm."""

import hashlib
import json
import os
import pickle
import struct
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    ContrastiveNeighborsClassifier,
    ContrastiveNeighborsRegressor,
    PairVerifier,
    losses,
    miners,
    similarity,
)
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.persistence import load, save

pd = pytest.importorskip("pandas")

RNG = np.random.RandomState(0)
X, Y = RNG.normal(size=(80, 4)), np.arange(80) % 3
LETTERS = np.array(list("pqr"))[Y]
FRAME = pd.DataFrame(X, columns=list("abcd")).assign(
    e=pd.Categorical(RNG.choice(["x", "y", "é"], 80)),
    f=pd.Categorical(RNG.choice(["lo", "mid"], 80), ["lo", "mid", "hi"], ordered=True),
    g=Y % 2 == 0,
    h=pd.Categorical(RNG.choice([1.5, 2.5], 80)),
    many=pd.Categorical([f"level {i}" for i in RNG.choice(40, 80)]),
)
FRAME.loc[3, "a"], FRAME.loc[7, "e"] = np.nan, None
PAIRS = np.stack([X[:40], X[40:]], 1)
SAME = np.linalg.norm(PAIRS[:, 0] - PAIRS[:, 1], axis=1) < 2.5
HYBRID = losses.HybridLoss(
    [("a", losses.TripletLoss(margin=0.3)), ("b", losses.ProxyAnchorLoss())]
)


def embedding(**params):
    return ContrastiveEmbedding(**{"max_iter": 2, "random_state": 0, **params})


#: What is fitted, on which rows and labels.
FITS = {
    "defaults": (embedding(), X, Y),
    "text as labels": (embedding(), X, LETTERS),
    "objects as labels": (embedding(), X, LETTERS.astype(object)),
    "mixed columns": (embedding(), FRAME, LETTERS),
    "targets": (embedding(), X, X[:, 0]),
    "label sets": (embedding(), X, [{"u", letter} for letter in LETTERS]),
    "neighbours": (embedding(similarity="neighbors"), X, None),
    "folds and codes": (
        embedding(cross_fit=True, numeric_encoding="piecewise", n_members=4),
        X,
        Y,
    ),
    "own objects": (
        embedding(
            loss=HYBRID,
            miner=miners.RandomPairs(),
            similarity=similarity.LabelSimilarity(rows_per_class=4),
            encoder=MLPEncoder((8,), activation="relu"),
            n_components=np.int64(8),
            dropout=np.float32(0.0),
            tol=np.float64(1e-3),
        ),
        X.astype(np.float32),
        Y,
    ),
    "proxies": (embedding(loss="proxy_anchor", feature_weights=[1, 2, 0.5, 1]), X, Y),
    "margins": (ContrastiveEmbeddingCV(embedding(), margins=[0.5, 1.0], cv=2), X, Y),
    "classes": (ContrastiveNeighborsClassifier(embedding()), FRAME, LETTERS),
    "numbers": (ContrastiveNeighborsRegressor(embedding()), X, X[:, 0]),
    "two tables": (ContrastiveAlignment(max_iter=2, random_state=0), X, X[:, :3]),
    "two frames": (
        ContrastiveAlignment(max_iter=2, random_state=0),
        FRAME,
        FRAME[["b"]],
    ),
    "pairs": (PairVerifier(embedding(), random_state=0), PAIRS, SAME),
    "row numbers": (
        PairVerifier(FrozenEstimator(embedding().fit(X, Y)), preprocessor=X),
        np.arange(80).reshape(2, 40).T,
        SAME,
    ),
}
METHODS = "transform", "predict", "predict_proba", "decision_function", "pair_distance"


def results(model, table, y):
    """Return what a model says of rows, by method."""
    found = {
        name: getattr(model, name)(table)
        for name in METHODS
        if name in dir(model)
        and (name != "pair_distance" or isinstance(model, PairVerifier))
    }
    if isinstance(model, ContrastiveAlignment):
        found["partners"] = model.transform(table, y)[1]
    return found


@cache
def fitted(name):
    """Return the model of a case, fitted once for all tests; a search's best."""
    model, table, y = FITS[name]
    model.fit(table) if y is None else model.fit(table, y)
    return model


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    assert found
    for name, values in expected.items():
        assert np.asarray(values).dtype == np.asarray(found[name]).dtype
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.mark.parametrize("name", FITS)
def test_what_is_loaded_does_the_same(name, tmp_path):
    model, (_, table, y) = fitted(name), FITS[name]
    save(model, tmp_path / "model")
    loaded = load(tmp_path / "model")
    if name == "margins":
        model = model.best_estimator_
    assert type(loaded) is type(model)
    assert repr(loaded) == repr(model)
    assert vars(loaded).keys() == vars(model).keys()
    assert_same(results(loaded, table, y), results(model, table, y))
    # A second file is the same, byte for byte.
    save(loaded, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()
