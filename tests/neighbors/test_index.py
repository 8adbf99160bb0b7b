"""An index that grows: rows added and removed, ids, new classes, calibration."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.model_selection import StratifiedKFold

from sklearn_contrastive import (
    ContrastiveEmbedding,
    ContrastiveNeighborsClassifier,
    ContrastiveNeighborsRegressor,
)

X, Y = load_iris(return_X_y=True)
#: What is fitted, and rows to add: half of two classes, and all of a third.
FITTED = (np.arange(150) % 2 == 0) & (Y < 2)
NAMES = np.array(["b", "c", "a"])[Y]
X_NEW, Y_NEW = X[~FITTED][::3], NAMES[~FITTED][::3]


def quick(**params):
    settings = {"max_iter": 4, "hidden_layer_sizes": (8,), "n_components": 8}
    return ContrastiveEmbedding(**{**settings, **params})


@pytest.fixture(scope="module")
def fitted():
    folds = StratifiedKFold(2)
    model = ContrastiveNeighborsClassifier(
        quick(), cross_fit=folds, class_weight="balanced", random_state=0
    )
    return model.fit(X[FITTED], NAMES[FITTED])


@pytest.fixture
def model(fitted):
    return pickle.loads(pickle.dumps(fitted))


@pytest.fixture(scope="module")
def regressor():
    model = ContrastiveNeighborsRegressor(quick(), cross_fit=2, random_state=0)
    return model.fit(X[FITTED], X[FITTED, 0])


def bits(model):
    """Return all of the index, as bytes."""
    arrays = [model.ids_, model.classes_, model._class_weight]
    for network in model._networks:
        arrays += network.rows
        arrays += [getattr(r, part) for r in network.groups for part in PARTS]
    chosen = model._settings, model.bandwidth_, model.trained_share_
    return chosen, [(a.dtype, a.shape, a.tolist()) for a in arrays]


PARTS = "Z", "values", "mean"
NUMBERS = 1000 + np.arange(len(X_NEW)) * 7
TEXTS = np.array([f"row {number}" for number in range(len(X_NEW))], dtype=object)


@settings(max_examples=10, deadline=None)
@given(
    ids=st.sampled_from([NUMBERS, TEXTS]),
    seed=st.integers(0, 2**16),
    n_kept=st.integers(0, len(NUMBERS)),
    n_gone=st.integers(0, 4),
)
def test_any_order_of_adding_and_removing_makes_the_same_bits(
    fitted, ids, seed, n_kept, n_gone
):
    rng = np.random.RandomState(seed)
    kept, gone = rng.permutation(len(ids))[:n_kept], rng.permutation(50)[:n_gone]
    model, again = (pickle.loads(pickle.dumps(fitted)) for _ in range(2))
    if n_gone:
        model.remove(gone)
    cuts = np.sort(rng.randint(1, len(ids), size=2))
    for rows in np.split(rng.permutation(len(ids)), cuts):
        if len(rows):
            model.add(X_NEW[rows], Y_NEW[rows].tolist(), ids[rows])
        if len(out := np.setdiff1d(rows, kept)):
            model.remove(ids[out])
    if n_kept:
        again.add(X_NEW[kept], Y_NEW[kept], ids[kept])
    if n_gone:
        again.remove(gone)
    assert bits(model) == bits(again)
    assert (bits(model) == bits(fitted)) == (n_kept + n_gone == 0)


def test_an_added_row_votes_where_its_twin_of_fit_does(model):
    before = [network.rows for network in model._networks]
    model.add(X_NEW, Y_NEW, TEXTS)
    counts = np.zeros(len(TEXTS), dtype=int)
    for network, (held_out, _) in zip(model._networks, before, strict=True):
        own = [{*model.ids_[rows]} for rows in network.rows]
        assert not own[0] & own[1]
        counts += [name in own[0] for name in TEXTS]
        # About as many are held out as of the rows of `fit`.
        share = np.mean([name in own[0] for name in TEXTS])
        assert abs(share - len(held_out) / 50) < 3 * 0.5 / len(TEXTS) ** 0.5
        np.testing.assert_array_equal(np.sort(network.rows[0]), network.rows[0])
    np.testing.assert_array_equal(counts, 1)
