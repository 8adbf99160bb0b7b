"""Categories of many levels: numbers that the encoder learns of each level."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_contrastive import (
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    ContrastiveNeighborsClassifier,
)
from sklearn_contrastive.encoders import Levels, MLPEncoder
from sklearn_contrastive.encoders._mlp import AutogradPasses
from sklearn_contrastive.inspection import explain_pair, feature_importances
from sklearn_contrastive.preprocessing._expansion import MOST_PLACES
from sklearn_contrastive.preprocessing._standardization import standardized
from sklearn_contrastive.preprocessing._weights import _foretold

#: Of five columns two belong to a category of 4 rows, and two to one of 3.
LEVELS = Levels(np.array([1, 2, 3, 4]), np.array([4, 3]))
N_LEVELS = 260


def rows_and_tables(n_models, n_rows=9, seed=0):
    """Return rows of five columns with two numbers of levels, and tables."""
    rng = np.random.RandomState(seed)
    rows = np.column_stack(
        [rng.randint(4, size=n_rows), 4 + rng.randint(3, size=n_rows)]
    )
    X = np.hstack([rng.normal(size=(n_rows, 5)), rows])
    return X, rng.normal(size=(n_models, 7, 2))


def shops(n_rows=1560, seed=0):
    """Return a frame with a category of many levels, which alone tell of classes."""
    rng = np.random.RandomState(seed)
    shop, kind = np.arange(n_rows) % N_LEVELS, rng.rand(N_LEVELS) < 0.5
    frame = pd.DataFrame({"size": rng.normal(size=n_rows)})
    frame["shop"] = np.array([f"shop {number:03d}" for number in shop], dtype=object)
    return frame, kind[shop].astype(int)


FRAME, Y = shops()


def quick(**params):
    own = {"max_iter": 20, "hidden_layer_sizes": (16,), "random_state": 0}
    return ContrastiveEmbedding(**own | params)


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(FRAME, Y)


def test_read_multiplies_columns_by_the_tables_rows():
    X, tables = rows_and_tables(n_models=2)
    expected = np.empty((2, 9, 5))
    for model, table in enumerate(tables):
        for number, (first, *four, row, other) in enumerate(X):
            factors = [*table[int(row)], *table[int(other)]]
            products = [x * factor for x, factor in zip(four, factors, strict=True)]
            expected[model, number] = first, *products
    found, rows = LEVELS.read(tables, X)
    assert_array_equal(found, expected)
    assert_array_equal(rows, X[:, 5:])
    assert_array_equal(LEVELS.read(tables[1], X)[0], expected[1])
    tensors = torch.from_numpy(tables), torch.from_numpy(np.stack([X, X]))
    assert_array_equal(LEVELS.read(*tensors)[0], expected)


@pytest.mark.filterwarnings("ignore:grad and param do not obey")
@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)])
def test_gradients_are_those_of_automatic_differentiation(hidden):
    encoder = MLPEncoder(hidden, "tanh", 0.0)
    encoder.learned_levels = LEVELS
    X, tables = rows_and_tables(n_models=1)
    arrays = [*encoder.init(7, 2, np.random.RandomState(0))[:-1], tables[0]]
    both = []
    for _ in range(2):
        params = [torch.tensor(array[None], dtype=torch.float64) for array in arrays]
        for param in params:
            param.requires_grad_().grad = torch.full_like(param, torch.nan)
        both.append(params)
    X = torch.from_numpy(X)[None]
    with torch.no_grad():
        ours = encoder.passes(both[0], 9, True, [np.random.default_rng(0)])
        plain = AutogradPasses(encoder, both[1], True, np.random.default_rng(0))
        for param in both[1]:
            param.grad.zero_()
        points, expected = ours.forward(X), plain.forward(X)
        assert_allclose(points, expected, rtol=1e-12, atol=1e-15)
        gradient = torch.sin(10 * expected)
        ours.backward(gradient)
        plain.backward(gradient)
    for found, param in zip(*both, strict=True):
        assert_allclose(found.grad, param.grad, rtol=1e-11, atol=1e-13)


def test_many_levels_are_learned_and_few_have_places(fitted):
    expansion = fitted._state.columns.expansion
    # One row for each level, one for all others, and one for missing ones.
    assert_array_equal(expansion.sizes, [N_LEVELS + 2])
    table = fitted._state.params[-1]
    assert table.shape[1] == N_LEVELS + 2
    assert (table[:, :N_LEVELS] != 0).any(axis=-1).all()
    # Rare and missing levels did not occur.
    assert_array_equal(table[:, N_LEVELS:], 0)
    few = FRAME[FRAME["shop"] < f"shop {MOST_PLACES:03d}"]
    model = quick(max_iter=1).fit(few, Y[: len(few)])
    assert len(model._state.columns.expansion.sizes) == 0
    assert len(model.coefs_[0][0]) == 1 + MOST_PLACES


def test_points_are_those_of_the_layers_written_out(fitted):
    state, some = fitted._state, FRAME[:50]
    Z = fitted.transform(some)
    read = standardized(
        np.column_stack([some["size"], [int(each[5:]) for each in some["shop"]]]),
        state.columns,
    )
    parts = []
    for number in range(fitted.n_members_):
        coefs, biases = fitted.coefs_, fitted.intercepts_
        X = read[:, :-1].copy()
        X[:, 1:] *= state.params[-1][number][read[:, -1].astype(int)]
        hidden = np.maximum(X @ coefs[0][number] + biases[0][number], 0)
        own = hidden @ coefs[1][number] + biases[1][number]
        parts.append(own / np.linalg.norm(own, axis=1, keepdims=True))
    assert_allclose(Z, np.hstack(parts) / fitted.n_members_**0.5, atol=1e-6)


def test_new_levels_lie_where_rare_ones_do_and_missing_ones_apart():
    frame, y = shops()
    frame.loc[::11, "shop"] = None
    frame.loc[1:4, "shop"] = [*"abcd"]
    model = quick().fit(frame, y)
    ends = pd.DataFrame({"size": [0.0] * 3, "shop": ["a", "new", None]})
    rare, new, missing = model.transform(ends)
    assert_array_equal(rare, new)
    assert np.abs(missing - new).max() > 1e-3


def test_what_is_learned_tells_classes_apart():
    frame, y = shops(3120)
    model = ContrastiveNeighborsClassifier(quick(), random_state=0)
    model.fit(frame[:1560], y[:1560])
    assert model.score(frame[1560:], y[1560:]) > 0.95


def test_containers_agree_and_a_pickle_has_the_same_bits():
    fitted = quick(max_iter=4).fit(FRAME, Y)
    Z = fitted.transform(FRAME)
    for other in (
        FRAME.astype({"shop": "category"}),
        pl.from_pandas(FRAME),
        pl.from_pandas(FRAME).to_arrow(),
    ):
        assert_array_equal(quick(max_iter=4).fit(other, Y).transform(other), Z)
        assert_array_equal(fitted.transform(other), Z)
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(FRAME), Z)


@pytest.mark.parametrize("n_members", [1, 2])
def test_training_resumes(n_members):
    params = {"n_members": n_members, "n_components": 8, "feature_weights": None}
    model = quick(max_iter=2, warm_start=True, **params).fit(FRAME, Y)
    before = model._state.params[-1].copy()
    model.fit(FRAME, Y).partial_fit(FRAME, Y)
    assert model.n_iter_ == 5
    assert model._state.params[-1].shape == before.shape
    assert (model._state.params[-1] != before).any()


@pytest.mark.parametrize(
    "params",
    [
        {"encoder": "linear"},
        {"encoder": MLPEncoder((4,))},
        {"loss": "proxy_anchor"},
        {"early_stopping": True},
        {"cross_fit": 2},
        {"miner": "memory"},
        {"similarity": "views"},
        {"standardize": False},
        {"n_members": 1},
    ],
)
def test_estimators_learn_of_levels(params):
    model = quick(max_iter=2, **params).fit(FRAME, Y)
    assert np.isfinite(model.transform(FRAME)).all()
    assert (model._state.params[-1] != 0).any()


def test_a_search_trains_them_side_by_side():
    search = ContrastiveEmbeddingCV(quick(max_iter=2), margins=(0.5, 1), cv=2)
    search.fit(FRAME, Y)
    alone = quick(max_iter=2, margin=search.best_params_["margin"]).fit(FRAME, Y)
    assert_array_equal(search.transform(FRAME), alone.transform(FRAME))


def test_a_search_keeps_folds_of_other_columns_apart():
    # In either fold another of two columns has more than 255 levels.
    rng, n = np.random.RandomState(0), 3000
    few, many = rng.randint(250, size=n), rng.randint(300, size=n)
    first = np.arange(n) % 2 == 0
    frame = pd.DataFrame({"a": np.where(first, few, many)})
    frame["b"] = np.where(first, many, few)
    frame, y = frame.astype(str), rng.randint(2, size=n)
    splits = [(np.flatnonzero(first), np.flatnonzero(~first))]
    splits.append(splits[0][::-1])
    search = {"margins": (0.5, 1), "estimator": quick(max_iter=1)}
    together = ContrastiveEmbeddingCV(**search, cv=splits).fit(frame, y).cv_results_
    for number, split in enumerate(splits):
        alone = ContrastiveEmbeddingCV(**search, cv=[split]).fit(frame, y).cv_results_
        assert_array_equal(
            alone["split0_test_score"], together[f"split{number}_test_score"]
        )


def test_neighbours_of_rows_need_another_column():
    with pytest.raises(ValueError, match="column of numbers, or of at most 255 levels"):
        quick(similarity="neighbors").fit(FRAME[["shop"]])


def test_modules_read_columns_of_the_most_frequent_levels():
    model = quick(max_iter=1, encoder=lambda n_in, n_out: torch.nn.Linear(n_in, n_out))
    model.fit(FRAME, Y)
    assert model.module_state_["weight"].shape[1] == 1 + MOST_PLACES


def test_weights_of_levels_follow_what_they_foretell():
    frame = FRAME.assign(noise=np.random.RandomState(0).permutation(FRAME["shop"]))
    model = quick(max_iter=1).fit(frame, Y)
    size, shop, noise = model.feature_weights_
    assert shop == 1
    assert max(size, noise) < 0.2
    given = quick(max_iter=1, feature_weights=[1, 0.5, 0]).fit(frame, Y)
    assert_array_equal(given.feature_weights_, [1, 0.5, 0])
    other = frame.assign(noise="shop 007")
    assert_array_equal(given.transform(other), given.transform(frame))


def test_levels_are_foretold_by_other_rows():
    rng = np.random.RandomState(0)
    levels, values = rng.randint(5, size=40), rng.normal(size=(40, 2))
    folds = np.random.default_rng(0).permutation(40) % 5
    centered = values - values.mean(axis=0)
    expected = np.zeros((40, 2))
    for row in range(40):
        others = (folds != folds[row]) & (levels == levels[row])
        expected[row] = centered[others].sum(axis=0) / (1 + others.sum())
    assert_allclose(_foretold(levels, values), expected, atol=1e-12)


@pytest.mark.parametrize(
    "params", [{}, {"n_members": 1}, {"cross_fit": 2, "max_iter": 60}]
)
def test_importances_and_contributions_are_by_column(params):
    model = quick(**{"max_iter": 30, **params}).fit(FRAME, Y)
    size, shop = feature_importances(model, FRAME)
    assert shop > 0.7
    assert size + shop == pytest.approx(1)
    a, b = (int(np.flatnonzero(Y == label)[0]) for label in (0, 1))
    contributions = explain_pair(model, FRAME.iloc[a], FRAME.iloc[b])
    distance = np.linalg.norm(np.diff(model.transform(FRAME.iloc[[a, b]]), axis=0))
    assert contributions.sum() == pytest.approx(distance, rel=1e-3)
    assert contributions[1] > 0.7 * distance
