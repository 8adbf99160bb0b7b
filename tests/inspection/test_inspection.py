"""Importances and contributions: finite differences, closed forms, real tables."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import ContrastiveEmbedding, PairVerifier
from sklearn_contrastive.inspection import (
    _importances,
    _pair,
    explain_pair,
    feature_importances,
)

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)
X, y = load_wine(return_X_y=True)
N_COLUMNS = X.shape[1]


class WithBuffers(torch.nn.Module):
    """Floating and integer buffers, batch normalisation, dropout."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(n_in, 8),
            torch.nn.BatchNorm1d(8),
            torch.nn.Dropout(0.5),
            torch.nn.Tanh(),
            torch.nn.Linear(8, n_out),
        )
        self.register_buffer("order", torch.arange(n_in))

    def forward(self, X):
        return self.layers(X[:, self.order])


def fitted(X=X, y=y, n_components=3, **own):
    own = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0, **own}
    return ContrastiveEmbedding(n_components, **own).fit(X, y)


SETTINGS = {
    "default": {},
    "silu": {"activation": "silu"},
    "gelu": {"activation": "gelu", "normalize": False},
    "robust": {"standardize": "robust"},
    "as given": {"standardize": False, "learning_rate_init": 1e-4},
    "linear": {"encoder": "linear"},
    "flat": {"encoder": "linear", "normalize": False, "standardize": "standard"},
    "line": {"n_components": 1, "normalize": False},
    "module": {"encoder": WithBuffers},
    "triplet": {"loss": "triplet"},
}


class Models(dict):
    """Fitted models by name, each fitted when it is needed first."""

    def __missing__(self, name):
        self[name] = fitted(**SETTINGS[name])
        return self[name]


MODELS = Models()
every_model = pytest.mark.parametrize("model", SETTINGS, indirect=True)


@pytest.fixture
def model(request):
    return MODELS[request.param]


def distance(model, a, b):
    return model.pair_distance(np.array([[a, b]], dtype=np.float64))[0]


# Importances.


@every_model
def test_importances_are_finite_differences(model):
    moved, spread = np.zeros(N_COLUMNS), X.std(axis=0)
    for column in range(N_COLUMNS):
        step = np.zeros(N_COLUMNS)
        step[column] = 1e-6 * spread[column]
        ahead, behind = model.transform(X + step), model.transform(X - step)
        moved[column] = np.sqrt(((ahead - behind) ** 2).sum())
    importances = feature_importances(model, X)
    assert_allclose(importances, moved / moved.sum(), rtol=2e-3, atol=1e-6)
    assert importances.sum() == pytest.approx(1, abs=1e-12)
    assert len(set(importances)) == N_COLUMNS


def test_importances_of_a_linear_map_are_lengths_of_its_rows():
    model = MODELS["flat"]
    expected = np.linalg.norm(model.coefs_[0], axis=1)
    # On the rows of the fit spreads and scales are the same.
    assert_allclose(feature_importances(model, X), expected / expected.sum(), rtol=1e-5)
    some = X[:40]
    expected *= some.std(axis=0) / model.scale_
    assert_allclose(
        feature_importances(model, some), expected / expected.sum(), rtol=1e-5
    )


@settings(max_examples=8, deadline=None)
@given(seed=seeds, power=st.integers(-6, 6))
def test_units_do_not_matter(seed, power):
    rng = np.random.RandomState(seed)
    units = np.where(rng.rand(N_COLUMNS) < 0.5, 2.0**power, 1.0)
    # By powers of two, so that nothing is rounded.
    model = fitted(X[::4] * units, y[::4], encoder="linear", max_iter=1)
    other = fitted(X[::4], y[::4], encoder="linear", max_iter=1)
    rows = X[1::9]
    expected = feature_importances(other, rows)
    assert_allclose(feature_importances(model, rows * units), expected, rtol=1e-4)
    assert_allclose(
        explain_pair(model, rows[0] * units, rows[9] * units),
        explain_pair(other, rows[0], rows[9]),
        atol=1e-4,
    )


def test_constant_columns_have_no_importance():
    padded = np.column_stack([np.full(len(X), 7.0), X])
    model = fitted(padded, y)
    varied = padded.copy()
    varied[:, 0] = np.arange(len(X))
    varied[:, 3] = 2.5
    importances = feature_importances(model, varied)
    assert_array_equal(np.flatnonzero(importances == 0), [0, 3])
    assert importances.sum() == pytest.approx(1)


def test_importances_are_zero_where_nothing_moves():
    same = np.repeat(X[:1], 5, axis=0)
    assert not feature_importances(MODELS["default"], same).any()
    still = fitted(encoder=torch.nn.Linear(N_COLUMNS, 3), normalize=False)
    for value in still.module_state_.values():
        value[...] = 0
    assert not feature_importances(still, X).any()


def test_blocks_make_no_difference(monkeypatch):
    whole = feature_importances(MODELS["default"], X)
    monkeypatch.setattr(_importances, "BLOCK", 50)
    parts = feature_importances(MODELS["default"], X)
    assert_allclose(parts, whole, rtol=1e-10)


def test_some_of_many_rows_are_drawn():
    model, rows = MODELS["default"], np.tile(X, (30, 1))
    whole = feature_importances(model, rows, max_samples=None)
    drawn = feature_importances(model, rows, max_samples=1000)
    assert_allclose(drawn, whole, rtol=0.2)
    assert not np.array_equal(drawn, whole)
    assert_array_equal(feature_importances(model, rows, max_samples=1000), drawn)
    other = feature_importances(model, rows, max_samples=1000, random_state=1)
    assert not np.array_equal(drawn, other)
    default = feature_importances(model, rows)
    assert_array_equal(default, feature_importances(model, rows, max_samples=4096))
    assert not np.array_equal(default, whole)


# Contributions to a distance.


def by_small_steps(model, a, b, n_steps=2000, h=1e-4):
    """Return the integrals over a straight line, by moving one column at a time."""
    center, scale = model.center_, model.scale_
    ends = (np.stack([a, b]) - center) / scale
    bend = model.standardize_ == "robust"
    ends = ends / np.sqrt(1 + (ends / 8) ** 2) if bend else ends

    def at(t):
        S = ends[0] + t[:, None] * (ends[1] - ends[0])
        return (S / np.sqrt(1 - (S / 8) ** 2) if bend else S) * scale + center

    def g(rows):
        Z, (near, far) = model.transform(rows), model.transform(np.stack([a, b]))
        return (np.linalg.norm(Z - near, axis=1) - np.linalg.norm(Z - far, axis=1)) / 2

    t = (np.arange(n_steps) + 0.5) / n_steps
    rows, ahead, behind = at(t), at(t + h), at(t - h)
    contributions = []
    for column in range(len(a)):
        left, right = rows.copy(), rows.copy()
        left[:, column], right[:, column] = behind[:, column], ahead[:, column]
        contributions.append(np.mean((g(right) - g(left)) / (2 * h)))
    return contributions


@pytest.mark.parametrize("name", ["default", "silu", "gelu", "robust", "module"])
def test_contributions_are_integrals_of_small_steps(name):
    model = MODELS[name]
    for a, b in ((X[0], X[150]), (X[70], X[20])):
        contributions = explain_pair(model, a, b)
        expected = by_small_steps(model, a, b)
        assert_allclose(contributions, expected, atol=2e-4 * distance(model, a, b))
        assert contributions.min() < 0 < contributions.max()


def test_contributions_of_a_linear_map_have_a_closed_form():
    model = MODELS["flat"]
    for i, j in ((0, 1), (0, 150), (60, 100)):
        step = (X[j] - X[i]) / model.scale_
        moved = step @ model.coefs_[0].astype(np.float64)
        expected = step * (model.coefs_[0] @ moved) / np.linalg.norm(moved)
        assert_allclose(explain_pair(model, X[i], X[j]), expected, rtol=1e-9)


def test_two_columns_that_move_the_point_apart_and_together():
    flat = {"encoder": "linear", "normalize": False, "standardize": "standard"}
    model = fitted(X[:, :2], y, n_components=1, **flat)
    model.center_[:], model.scale_[:] = 0, 1
    model.coefs_[0][:] = [[3.0], [2.0]]
    # The point goes from 0 to 3 · 2 − 2 · 1 = 4.
    assert_allclose(explain_pair(model, [0, 0], [2, -1]), [6, -2])


@every_model
def test_contributions_add_up_to_the_distance(model):
    for i, j in np.random.RandomState(0).randint(len(X), size=(10, 2)):
        contributions = explain_pair(model, X[i], X[j])
        assert contributions.shape == (N_COLUMNS,)
        assert contributions.dtype == np.float64
        expected = distance(model, X[i], X[j])
        assert contributions.sum() == pytest.approx(expected, rel=1e-5, abs=1e-9)
    # The order of the rows changes nothing, and a row is not far from itself.
    forth, back = explain_pair(model, X[3], X[90]), explain_pair(model, X[90], X[3])
    assert_allclose(forth, back, atol=1e-4 * forth.sum())
    assert not explain_pair(model, X[5], X[5]).any()


@few
@given(seed=seeds, n_same=st.integers(0, N_COLUMNS))
def test_columns_with_equal_values_have_no_contribution(seed, n_same):
    rng = np.random.RandomState(seed)
    a, b = X[rng.randint(len(X), size=2)]
    same = rng.permutation(N_COLUMNS)[:n_same]
    b[same] = a[same]
    contributions = explain_pair(MODELS["silu"], a, b)
    assert not contributions[same].any()
    assert contributions.sum() == pytest.approx(distance(MODELS["silu"], a, b))


@every_model
def test_a_row_is_not_parted_from_itself_by_anything(model):
    assert not explain_pair(model, X[5], X[5]).any()


def test_rows_that_nearly_coincide_are_explained_too():
    model = MODELS["default"]
    contributions = explain_pair(model, X[5], X[5] * (1 + 1e-9))
    assert 0 < contributions.sum() < 1e-7


def test_an_encoder_that_jumps_is_warned_of():
    class Jumps(torch.nn.Module):
        def __init__(self, n_in, n_out):
            super().__init__()
            self.linear = torch.nn.Linear(n_in, n_out)

        def forward(self, X):
            return self.linear(X) + 10 * (X[:, :1] > 0)

    model = fitted(encoder=Jumps, normalize=False)
    low, high = X[X[:, 0].argmin()], X[X[:, 0].argmax()]
    with pytest.warns(UserWarning, match=r"add up to .* the encoder jumps"):
        explain_pair(model, low, high)


def test_work_stays_bounded_where_kinks_are_many(monkeypatch):
    monkeypatch.setattr(_pair, "_MOST_PARTS", 9)
    model = MODELS["default"]
    with pytest.warns(UserWarning, match="The contributions add up to"):
        contributions = explain_pair(model, X[0], X[150])
    assert contributions.sum() == pytest.approx(distance(model, X[0], X[150]), rel=0.1)


# Real tables.


def informative(n_rows, seed):
    """Return a table of one informative column and nine of noise."""
    rng = np.random.RandomState(seed)
    table = rng.normal(size=(n_rows, 10)) * np.logspace(-3, 3, 10)
    return table, np.digitize(table[:, 4] / table[:, 4].std(), [-0.5, 0.5])


def test_the_informative_column_comes_first_on_new_rows():
    model = ContrastiveEmbedding(8, max_iter=15, n_members=1, random_state=0)
    model.fit(*informative(600, 0))
    rows, classes = informative(200, 1)
    importances = feature_importances(model, rows)
    assert importances.argmax() == 4
    assert importances[4] > 2 * np.delete(importances, 4).max()
    pairs = np.random.RandomState(0).randint(200, size=(60, 2))
    far = [(i, j) for i, j in pairs if {classes[i], classes[j]} == {0, 2}][:10]
    first = [explain_pair(model, rows[i], rows[j]).argmax() == 4 for i, j in far]
    assert len(first) == 10
    assert np.mean(first) > 0.9


def test_petals_of_an_iris_are_more_important_than_sepals():
    model = ContrastiveEmbedding(4, max_iter=30, random_state=0)
    flowers, species = load_iris(return_X_y=True)
    model.fit(flowers[::2], species[::2])
    importances = feature_importances(model, flowers[1::2])
    assert importances[2:].min() > importances[:2].max()


# Inputs, and no side effects.


def test_rows_in_any_form():
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(N_COLUMNS)])
    model = fitted(frame)
    a, b = frame.iloc[3], frame.iloc[90]
    expected = explain_pair(model, a, b)
    importances = feature_importances(model, frame)
    many = pl.DataFrame({name: frame[name].to_numpy() for name in frame})
    for rows in ((frame[3:4], frame[90:91]), (a.astype(object), b)):
        assert_array_equal(explain_pair(model, *rows), expected)
    other = fitted(many)
    assert_allclose(explain_pair(other, many[3], many[90]), expected, rtol=1e-9)
    assert_allclose(feature_importances(other, many), importances, rtol=1e-9)
    plain = fitted()
    for rows in ((X[3].tolist(), X[[90]]), (tuple(X[3]), X[90])):
        assert_allclose(explain_pair(plain, *rows), expected, rtol=1e-9)
    fixed = X.copy()
    fixed.flags.writeable = False
    assert_allclose(feature_importances(plain, fixed), importances, rtol=1e-9)
    single = fixed.astype(np.float32)
    assert_allclose(feature_importances(plain, single), importances, rtol=1e-3)
    assert_allclose(explain_pair(plain, single[3], single[90]), expected, atol=1e-4)


def test_embeddings_of_pairs_are_explained():
    pairs, similar = np.stack([X[:-1], X[1:]], axis=1)[::5], (y[:-1] == y[1:])[::5]
    similar[:3] = False
    model = fitted(pairs, similar, similarity="pairs")
    assert feature_importances(model, X).sum() == pytest.approx(1)
    contributions = explain_pair(model, *pairs[0])
    distance = model.pair_distance(pairs[:1])[0]
    assert contributions.sum() == pytest.approx(distance, rel=1e-5)


@pytest.mark.parametrize(
    ("mode", "name"), [(torch.no_grad, "default"), (torch.inference_mode, "module")]
)
def test_modes_of_torch_do_not_matter(mode, name):
    model = MODELS[name]
    expected = feature_importances(model, X), explain_pair(model, X[0], X[99])
    with mode():
        found = feature_importances(model, X), explain_pair(model, X[0], X[99])
        assert not torch.is_grad_enabled()
    for left, right in zip(found, expected, strict=True):
        assert_array_equal(left, right)


def test_the_estimator_stays_as_it_was():
    for model in (MODELS["default"], MODELS["module"]):
        before, points = dict(vars(model)), model.transform(X)
        feature_importances(model, X)
        explain_pair(model, X[0], X[99])
        assert vars(model) == before
        assert_array_equal(model.transform(X), points)


# Errors.


def importances(model, rows):
    return feature_importances(model, rows)


def pair(model, rows):
    return explain_pair(model, rows[0], rows[1])


both = pytest.mark.parametrize("inspect", [importances, pair])


@both
def test_other_estimators_raise_with_a_hint(inspect):
    knn = KNeighborsClassifier()
    first = make_pipeline(fitted(), knn)
    last = make_pipeline(StandardScaler(), fitted())
    search = GridSearchCV(ContrastiveEmbedding(max_iter=1), {"alpha": [0.1]}, cv=2)
    hints = {
        "KNeighborsClassifier. Pass the embedding itself.": knn.fit(X, y),
        "Pipeline. Pass its step, `estimator[0]`.": first.fit(X, y),
        "Pipeline. Pass its step, `estimator[1]`, and rows of "
        "`estimator[:1].transform(X)`.": last.fit(X, y),
        "GridSearchCV. Pass the one inside, `estimator.best_estimator_`.": (
            search.fit(X, y)
        ),
        "FrozenEstimator. Pass the one inside, `estimator.estimator`.": (
            FrozenEstimator(MODELS["default"])
        ),
        "PairVerifier. Pass the one inside, `estimator.embedding_`.": (
            PairVerifier(ContrastiveEmbedding(max_iter=1)).fit(
                # Rows paired with near rows, and with far ones.
                np.stack([X[[*range(20)] * 2], np.vstack([X[:20] + 0.1, -X[:20]])], 1),
                np.repeat([1, 0], 20),
            )
        ),
    }
    for hint, model in hints.items():
        message = f"`estimator` must be a fitted ContrastiveEmbedding; got {hint}"
        with pytest.raises(TypeError, match=re.escape(message)):
            inspect(model, X)


def test_an_estimator_that_is_not_fitted():
    for inspect in (importances, pair):
        with pytest.raises(NotFittedError):
            inspect(ContrastiveEmbedding(), X)


def test_rows_that_transform_does_not_take():
    for bad, message in (
        (np.where(np.arange(N_COLUMNS) == 2, np.inf, X), "found infinity in column 2"),
        (X[:, :4], "features"),
        (X.astype(str).astype(object) + "a", "must be numeric; found text"),
    ):
        for inspect in (importances, pair):
            with pytest.raises(ValueError, match=re.escape(message)):
                inspect(MODELS["default"], bad)


def test_an_argument_that_is_not_one_row():
    for bad in (X[:2], X[:, None], 3.0, X[0, :4]):
        shape = re.escape(str(np.shape(bad)))
        for name, rows in (("a", (bad, X[0])), ("b", (X[0], bad))):
            expected = r"must be one row of shape \(n_features=13,\); got"
            with pytest.raises(ValueError, match=f"`{name}` {expected} {shape}"):
                explain_pair(MODELS["default"], *rows)


def test_a_single_row_has_no_standard_deviation():
    with pytest.raises(ValueError, match=re.escape("at least two rows, whose spread")):
        feature_importances(MODELS["default"], X[:1])


def test_invalid_max_samples():
    message = "The 'max_samples' parameter of feature_importances must be"
    with pytest.raises(ValueError, match=message):
        feature_importances(MODELS["default"], X, max_samples=1)


@both
def test_an_encoder_without_a_gradient(inspect):
    class Cut(torch.nn.Linear):
        def forward(self, X):
            return super().forward(X.detach())

    model = fitted(encoder=Cut(N_COLUMNS, 3))
    message = "`estimator` must have an encoder with a gradient"
    with pytest.raises(ValueError, match=message):
        inspect(model, X)
