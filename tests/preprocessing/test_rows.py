"""Reading, checking and standardising a table."""

import gc
import re
import weakref

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import ContrastiveEmbedding, ContrastiveEmbeddingCV
from sklearn_contrastive._validation import check_rows
from sklearn_contrastive.preprocessing import _standardization as _rows
from sklearn_contrastive.preprocessing._standardization import (
    Rows,
    Standardization,
    learn_standardization,
    standardized,
)


def table(n_rows=50, dtype=np.float64):
    rng = np.random.RandomState(0)
    return (rng.lognormal(size=(n_rows, 4)) * [1, 1e3, 1e-3, 5] + 7).astype(dtype)


def check(X):
    return check_rows(BaseEstimator(), X, reset=True)


def literal_robust(X):
    Z = np.empty_like(X)
    for column in range(X.shape[1]):
        values = X[:, column]
        left, right = np.percentile(values, [5, 95])
        low, high = left - (right - left), right + (right - left)
        inside = np.array([min(max(value, low), high) for value in values])
        u = (values - inside.mean()) / inside.std()
        Z[:, column] = u / np.sqrt(1 + (u / 8) ** 2)
    return Z


def test_standard_is_standard_scaler():
    X = table()
    ours = standardized(X, learn_standardization(X, "standard"))
    assert_allclose(ours, StandardScaler().fit_transform(X), rtol=1e-10, atol=1e-12)


def test_robust_is_the_formula():
    X = table(200)
    learned = learn_standardization(X, "robust")
    assert_allclose(standardized(X, learned), literal_robust(X), rtol=1e-10, atol=1e-11)
    assert (learned.scale < 0.95 * X.std(axis=0)).any()
    assert np.abs(standardized(1e9 * X, learned)).max() <= 8


def test_robust_limits_by_hand():
    # The 5th and 95th percentile of 0, 1, ..., 100 and two far out are 5.05 and 96.9.
    X = np.append(np.arange(101.0), [1e6, -1e6])[:, None]
    left, right = 102 * 0.05 - 1, 102 * 0.95 - 1
    inside = np.append(np.arange(101.0), [2 * right - left, 2 * left - right])
    learned = learn_standardization(X, "robust")
    assert_allclose(learned.center, inside.mean())
    assert_allclose(learned.scale, inside.std())


@pytest.mark.parametrize("draw", ["normal", "uniform", "binomial"])
def test_robust_and_standard_learn_the_same_where_nothing_is_wild(draw):
    rng = np.random.RandomState(0)
    X = rng.binomial(1, 0.3, (500, 3)).astype(float)
    X = X if draw == "binomial" else getattr(rng, draw)(size=(500, 3))
    robust, plain = (learn_standardization(X, how) for how in ("robust", "standard"))
    assert_allclose(robust.center, plain.center, atol=1e-12)
    assert_allclose(robust.scale, plain.scale)


def test_wild_values_move_robust_columns_little():
    X = np.random.RandomState(0).normal(size=(1000, 3))
    wild = np.where(np.random.RandomState(1).uniform(size=X.shape) < 0.02, 1e3, 1) * X
    calm = learn_standardization(X, "robust").scale
    assert_allclose(learn_standardization(wild, "robust").scale, calm, rtol=0.4)
    assert (learn_standardization(wild, "standard").scale > 100 * calm).all()


@pytest.mark.parametrize("share", [0.03, 0.06, 0.2, 0.45])
def test_what_is_not_zero_keeps_its_size_in_a_column_of_zeros(share):
    rng = np.random.RandomState(0)
    X = np.zeros((2000, 1))
    n = round(2000 * share)
    X[:n, 0] = rng.uniform(5, 6, n)
    X[0] = 1e6
    learned = learn_standardization(X, "robust")
    # The wild value counts as 8 at most, and 0 as 0, though 4 to 7 is near the others.
    calm = np.where(X > 7, 6.85, X)
    assert_allclose(learned.center, calm.mean(axis=0), rtol=0.01)
    assert_allclose(learned.scale, calm.std(axis=0), rtol=0.01)
    sizes = standardized(np.array([[0], [5], [6.0]]), learned)
    assert np.diff(sizes, axis=0).min() > 0.05


@pytest.mark.parametrize("wild", [1e5, 1e9, 1e20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_however_wild_a_value_is_it_does_no_harm(wild, dtype):
    X = np.random.RandomState(0).normal(1000, 0.5, size=(500, 2)).astype(dtype)
    spoiled = X.copy()
    spoiled[3] = wild
    calm = learn_standardization(X, "robust").scale
    assert_allclose(learn_standardization(spoiled, "robust").scale, calm, rtol=0.05)


def test_a_small_change_of_a_large_float32_is_no_rounding():
    pressure = np.float32(101325) + np.arange(30, dtype=np.float32)[:, None] / 32
    assert len(np.unique(pressure)) > 25
    for kind in ("standard", "robust"):
        learned = learn_standardization(pressure, kind)
        assert_allclose(learned.scale, np.float64(pressure).std(axis=0), rtol=1e-3)


def test_true_is_robust():
    ours, other = (learn_standardization(table(), how) for how in (True, "robust"))
    assert ours.kind == other.kind == "robust"
    assert_array_equal(ours.scale, other.scale)


def test_limits_of_a_large_table_are_those_of_some_of_its_rows(monkeypatch):
    X = table(4000)
    whole = learn_standardization(X, "robust")
    monkeypatch.setattr(_rows, "_MOST_RANKED", 4 * 1000)
    some = learn_standardization(X, "robust")
    assert_allclose(some.scale, whole.scale, rtol=0.1)
    assert not np.array_equal(some.scale, whole.scale)
    left, right = np.percentile(X[::4], [5, 95], axis=0)
    inside = np.clip(X, 2 * left - right, 2 * right - left)
    assert_allclose(some.center, inside.mean(axis=0))


@pytest.mark.parametrize("kind", ["standard", "robust"])
def test_a_column_of_nearly_one_value_has_its_plain_deviation(kind):
    X = np.zeros((100, 1))
    X[0], X[1] = -2, 6
    learned = learn_standardization(X, kind)
    assert_allclose([learned.center, learned.scale], [X.mean(axis=0), X.std(axis=0)])
    assert standardized(X, learned)[0] < 0 < standardized(X, learned)[1]


@pytest.mark.parametrize("kind", ["standard", "robust"])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 + 0.1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_columns_become_zero_for_any_new_row(kind, value, dtype):
    X = np.full((1000, 2), value, dtype=dtype)
    learned = learn_standardization(X, kind)
    assert not standardized(X, learned).any()
    assert not standardized(X + 3, learned).any()


@pytest.mark.parametrize("kind", ["standard", "robust"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_that_are_constant_up_to_rounding_become_zero(kind, dtype):
    shares = np.random.RandomState(0).uniform(size=(500, 7)).astype(dtype)
    shares /= shares.sum(axis=1, keepdims=True)
    X = shares.sum(axis=1, keepdims=True)
    assert len(np.unique(X)) > 1
    assert not standardized(X, learn_standardization(X, kind)).any()
    assert not standardized(X + dtype(1e-3), learn_standardization(X, kind)).any()


def test_extreme_rows_stay_finite():
    X = table(dtype=np.float32)
    learned = learn_standardization(X, "standard")
    extreme = np.full((1, 4), np.finfo(np.float32).max)
    assert np.isfinite(standardized(extreme, learned)).all()


@settings(max_examples=50, deadline=None)
@given(
    X=arrays(np.float64, (12, 3), elements=st.floats(-1e6, 1e6)),
    kind=st.sampled_from(["standard", "robust"]),
    factor=st.floats(1e-3, 1e3),
    shift=st.integers(-1000, 1000),
)
def test_units_of_a_column_do_not_matter(X, kind, factor, shift):
    X = np.round(X, 2)
    moved = factor * X + shift
    ours = standardized(X, learn_standardization(X, kind))
    theirs = standardized(moved, learn_standardization(moved, kind))
    spread = np.ptp(X, axis=0) > 1
    assert np.isfinite(ours).all()
    assert_allclose(ours[:, spread], theirs[:, spread], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["standard", "robust"])
def test_statistics_do_not_depend_on_blocks(kind, monkeypatch):
    X = table(1000)
    whole = learn_standardization(X, kind)
    monkeypatch.setattr(_rows, "_BLOCK", 7)
    blocks = learn_standardization(X, kind)
    assert_allclose(blocks.center, whole.center, rtol=1e-12)
    assert_allclose(blocks.scale, whole.scale, rtol=1e-12)


def test_standardised_rows_keep_their_dtype():
    learned = learn_standardization(table(), "robust")
    assert standardized(table(dtype=np.float32), learned).dtype == np.float32
    assert standardized(table(), learned).dtype == np.float64


@pytest.mark.parametrize("largest", [0, 2**28])
def test_rows_are_the_same_prepared_or_read_batch_by_batch(largest, monkeypatch):
    monkeypatch.setattr(
        "sklearn_contrastive.preprocessing._standardization._LARGEST_PREPARED_BYTES",
        largest,
    )
    X = table()
    X.setflags(write=False)
    learned = learn_standardization(X, "standard")
    rows = Rows([(X, learned)], "cpu", torch.float64)
    assert (rows._table is None) == (largest == 0)
    index = np.array([3, 3, 0, 49])
    found = torch.full((1, 4, X.shape[1]), torch.nan, dtype=torch.float64)
    numbers = torch.from_numpy(index[None]) if largest else index[None]
    rows.read(numbers, found)
    assert_array_equal(found[0].numpy(), standardized(X, learned)[index])
    plain, found = Rows([(X, Standardization())], "cpu", torch.float32), found.float()
    plain.read(numbers, found)
    assert_array_equal(found[0].numpy(), X[index].astype(np.float32))


@pytest.mark.parametrize(
    "model",
    [
        ContrastiveEmbedding(max_iter=1),
        ContrastiveEmbedding(max_iter=2, early_stopping=True),
        ContrastiveEmbedding(max_iter=1, loss="triplet", n_members=1),
        ContrastiveEmbeddingCV(
            ContrastiveEmbedding(max_iter=1), margins=[0.5, 1], cv=2
        ),
    ],
    ids=["members", "early_stopping", "triplet", "search"],
)
def test_a_table_is_let_go_as_soon_as_fit_returns(model):
    # Not when the garbage collector finds a cycle that holds it: tables are large.
    X = table(120, np.float32)
    y = np.arange(120) % 3
    given = weakref.ref(X), weakref.ref(y)
    gc.collect()
    gc.disable()
    try:
        model.fit(X, y)
        del X, y
        assert all(each() is None for each in given)
    finally:
        gc.enable()


def test_a_memory_map_is_not_copied(tmp_path):
    np.save(tmp_path / "X.npy", table(dtype=np.float32))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert np.shares_memory(check(X), X)


@pytest.mark.parametrize(
    ("X", "dtype"),
    [
        (table(dtype=np.float32), np.float32),
        (table(), np.float64),
        (table().astype(int), np.float64),
        (table() > 7.5, np.float64),
        (pd.DataFrame(table(dtype=np.float32)), np.float32),
        (pl.DataFrame(table()), np.float64),
        (table().astype(object), np.float64),
        (table().tolist(), np.float64),
        (torch.tensor(table(dtype=np.float32)), np.float64),
        (np.asfortranarray(table()), np.float64),
    ],
)
def test_tables_of_many_kinds_are_read(X, dtype):
    checked = check(X)
    assert checked.shape == (50, 4)
    assert checked.dtype == dtype


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("frame", [False, True])
def test_columns_that_are_not_finite_are_named(value, frame):
    X = table(20_000)
    X[3, 1] = X[9_000, 3] = X[19_999, 3] = value
    columns = "columns 'b', 'd'" if frame else "columns 1, 3"
    kind = "NaN" if np.isnan(value) else "infinity"
    X = pd.DataFrame(X, columns=list("abcd")) if frame else X
    message = f"`X` must be finite; found {kind} in {columns} (3 in all). Fill missing"
    with pytest.raises(ValueError, match=re.escape(message)):
        check(X)


def test_many_bad_columns_are_counted():
    message = "found NaN in columns 0, 1, 2, 5 more (80 in all)"
    with pytest.raises(ValueError, match=re.escape(message)):
        check(np.full((10, 8), np.nan))


def test_large_numbers_are_finite():
    assert check(np.full((10, 2), 1e308)).max() == 1e308


def test_finiteness_can_be_assumed():
    X = table()
    X[0, 0] = np.nan
    with sklearn.config_context(assume_finite=True):
        assert np.isnan(check(X)[0, 0])


@pytest.mark.parametrize(
    ("X", "columns"),
    [
        (
            pd.DataFrame({"a": [1, 2], "city": ["x", "y"]}),
            "found text or dates in column 'city'",
        ),
        (
            pl.DataFrame({"a": [1, 2], "city": ["x", "y"]}),
            "found text or dates in column 'city'",
        ),
        (
            np.array([[1, "x"], [2, "y"]], dtype=object),
            "found text or dates in column 1 ",
        ),
        (np.array([["1", "x"], ["2", "y"]]), "found text or dates in column 1 "),
        ([["u", "x"], ["v", "y"]], "found text or dates in columns 0, 1 "),
    ],
)
def test_the_message_about_text_lists_its_columns(X, columns):
    with pytest.raises(ValueError, match=re.escape(columns)) as caught:
        check(X)
    assert "sklearn.preprocessing.OneHotEncoder" in str(caught.value)


@pytest.mark.parametrize("others", [{}, {"price": [1.5, 2.5]}])
def test_the_message_about_dates_lists_their_columns(others):
    dates = pd.to_datetime(["2020-01-01", "2021-01-01"])
    X = pd.DataFrame({"sold": dates, **others})
    with pytest.raises(ValueError, match=r"dates in column 'sold' .* such as days"):
        check(X)


def test_missing_values_of_pandas_are_named():
    X = pd.DataFrame({"a": [1, 2, 3], "b": pd.array([1, None, 3], dtype="Int64")})
    with pytest.raises(
        ValueError, match=re.escape("found NaN in column 'b' (1 in all)")
    ):
        check(X)


def test_sparse_tables_are_an_error():
    with pytest.raises(TypeError, match=r"Use '\.toarray\(\)', .* or reduce it"):
        check(scipy.sparse.csr_matrix(table()))


def test_complex_tables_are_an_error():
    with pytest.raises(
        ValueError, match=re.escape("Put real and imaginary parts side")
    ):
        check(table() * 1j)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((0, 4)), "Found array with 0 sample(s) (shape=(0, 4))"),
        (np.zeros((4, 0)), "0 feature(s) (shape=(4, 0))"),
        (np.zeros(4), "Expected 2D array, got 1D array"),
        (np.zeros((2, 2, 2)), "Found array with dim 3"),
    ],
)
def test_tables_of_another_shape_are_an_error(X, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        check(X)
