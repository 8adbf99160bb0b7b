"""Columns in units of any size, and rows served in another precision."""

import math
import re
import warnings
from fractions import Fraction

import numpy as np
import pytest
import sklearn
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone

from sklearn_contrastive import ContrastiveAlignment, ContrastiveEmbedding
from sklearn_contrastive._validation import check_rows
from sklearn_contrastive.inspection import explain_pair, feature_importances
from sklearn_contrastive.preprocessing import _standardization as _rows
from sklearn_contrastive.preprocessing._standardization import (
    Rows,
    learn_standardization,
    standardized,
    standardized_table,
)
from sklearn_contrastive.similarity import ViewSimilarity

KINDS = "standard", "robust"
kinds = pytest.mark.parametrize("kind", KINDS)
LARGEST, LEAST = np.finfo(np.float64).max, 5e-324


@pytest.fixture(autouse=True)
def numpy_raises():
    # All but underflow, which is the right answer beside numbers that are much larger.
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        yield


def exact_root(square):
    """Return the root of a fraction as a float, whatever its size."""
    bits = square.numerator.bit_length() - square.denominator.bit_length()
    shift = (400 - bits) // 2 * 2
    root = math.isqrt(int(square * Fraction(2) ** shift))
    return Fraction(root) / Fraction(2) ** (shift // 2)


def exact(column, kind):
    """Return the standardised column by fractions of whole numbers."""
    values = [Fraction(float(value)) for value in column]
    inside = values
    if kind == "robust":
        n, ordered = len(values), sorted(values)
        ends = []
        for share in (Fraction(5, 100), Fraction(95, 100)):
            place, below = share * (n - 1), int(share * (n - 1))
            above = ordered[min(below + 1, n - 1)]
            ends.append(ordered[below] + (place - below) * (above - ordered[below]))
        left, right = ends
        low, high = 2 * left - right, 2 * right - left
        inside = [min(max(value, low), high) for value in values]
    mean = sum(inside) / len(inside)
    deviation = exact_root(sum((v - mean) ** 2 for v in inside) / len(inside))
    u = np.array([float((value - mean) / deviation) for value in values])
    return u / np.sqrt(1 + (u / 8) ** 2) if kind == "robust" else u


def table(n_rows=60, seed=0):
    X = np.random.RandomState(seed).normal(size=(n_rows, 3))
    return X + np.array([0, 3, -20])


def learn_and_map(X, kind):
    return standardized(X, learn_standardization(X, kind))


@kinds
@pytest.mark.parametrize("power", [-1000, -997, -520, -99, 3, 400, 512, 800, 1018])
def test_a_power_of_two_changes_no_bit(power, kind):
    X = table()
    ours, theirs = (learn_standardization(Z, kind) for Z in (X, np.ldexp(X, power)))
    assert_array_equal(theirs.center, np.ldexp(ours.center, power))
    assert_array_equal(theirs.scale, np.ldexp(ours.scale, power))
    moved = standardized(np.ldexp(X, power), theirs)
    assert_array_equal(moved, standardized(X, ours))


@settings(max_examples=60, deadline=None)
@given(
    X=arrays(np.float64, (12, 3), elements=st.integers(-(2**20), 2**20).map(float)),
    powers=arrays(np.int64, 3, elements=st.integers(-960, 990)),
    kind=st.sampled_from(KINDS),
    dtype=st.sampled_from([np.float64, np.float32]),
)
def test_powers_of_two_by_column_change_no_bit(X, powers, kind, dtype):
    powers = powers if dtype is np.float64 else powers // 10
    X = X.astype(dtype)
    moved = np.ldexp(X, powers.astype(np.int32))
    assert moved.dtype == dtype
    assert_array_equal(learn_and_map(moved, kind), learn_and_map(X, kind))


@settings(max_examples=60, deadline=None)
@given(
    X=arrays(
        np.float64, (9, 2), elements=st.floats(-1, 1).map(lambda v: np.round(v, 3))
    ),
    unit=st.sampled_from([1e-300, 1e-160, 1.0, 3e77, 1e160, 1e308, LARGEST]),
    offset=st.sampled_from([0, 0.5, 1000]),
    kind=st.sampled_from(KINDS),
)
def test_standardised_columns_are_those_of_exact_arithmetic(X, unit, offset, kind):
    with np.errstate(over="ignore"):
        Z = (X + offset) * unit
    varied = [len(set(column)) > len(column) // 2 for column in X.T]
    if not np.isfinite(Z).all():
        return
    found = learn_and_map(Z, kind)
    for column in np.flatnonzero(varied):
        assert_allclose(found[:, column], exact(Z[:, column], kind), 1e-9, 1e-9)


@kinds
def test_columns_of_all_units_stand_side_by_side(kind):
    X = np.random.RandomState(0).normal(size=(80, 9))
    units = np.array([1e-300, 1e-200, 1e-100, 1e-10, 1, 1e10, 1e100, 1e200, 1e300])
    assert_allclose(learn_and_map(X * units, kind), learn_and_map(X, kind), 1e-9, 1e-9)


@kinds
def test_subnormal_numbers_are_told_apart(kind):
    X = np.array([[0, 1], [1, 3], [0, 2], [1, 9]]) * LEAST
    learned = learn_standardization(X, kind)
    assert (learned.scale > 0).all()
    assert np.isfinite(learned.scale).all()
    Z = standardized(X, learned)
    assert np.abs(Z).max() < 10
    assert (np.diff(np.sort(Z, axis=0)[[0, -1]], axis=0) > 0.5).all()
    # With more digits, they are as exact as others.
    X = np.round(1e6 * np.random.RandomState(0).normal(size=(50, 2)))
    assert_allclose(learn_and_map(X * LEAST, kind), learn_and_map(X, kind), 1e-5, 1e-5)


@kinds
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_numbers_of_both_signs_stay_finite(kind, dtype):
    largest = np.finfo(dtype).max
    X = np.array([[-1], [1], [-0.5], [1], [-1], [0.25]], dtype=dtype) * largest
    found = learn_and_map(X, kind)
    assert found.dtype == dtype
    assert_allclose(found[:, 0], exact(X[:, 0], kind), rtol=1e-5)


@kinds
def test_columns_with_large_offsets_keep_their_digits(kind):
    small = np.random.RandomState(0).normal(size=(50, 1))
    for unit in (1e-280, 1.0, 1e290):
        X = (1e10 + small) * unit
        assert_allclose(learn_and_map(X, kind)[:, 0], exact(X[:, 0], kind), atol=3e-6)
        # Too close for the digits: constant, whatever the unit.
        nearly = (1 + 1e-15 * np.sign(small)) * unit
        assert not learn_and_map(nearly, kind).any()


@kinds
@pytest.mark.parametrize("value", [1e300, -1e300, 1e-300, LEAST, LARGEST, 1e100, 1e40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constants_are_zero_for_every_row_of_either_precision(kind, value, dtype):
    learned = learn_standardization(np.full((9, 1), value), kind)
    most = np.finfo(dtype).max
    rows = np.array([[0], [1], [-1], [most], [-most], [1e-40]], dtype=dtype)
    assert not standardized(rows, learned).any()


@pytest.mark.parametrize("unit", [1e-300, 1e-160, 1.0, 1e160])
def test_one_far_value_leaves_the_others_apart(unit):
    X = np.random.RandomState(0).normal(size=(100, 1)) * unit
    calm = learn_standardization(X, "robust")
    X[7] = 1e308
    learned = learn_standardization(X, "robust")
    assert_allclose(learned.scale, calm.scale, rtol=0.2)
    found = standardized(X, learned)
    assert found[7] == 8
    assert found[:7].std() > 0.5
    assert np.isfinite(learn_and_map(X, "standard")).all()


@kinds
@pytest.mark.parametrize("unit", [1e-300, 1e-44, 1e-30, 1e30, 1e38, 1e60, 1e300])
@pytest.mark.parametrize("offset", [0, 100])
def test_single_precision_is_served_by_double(kind, unit, offset):
    X = (np.random.RandomState(0).normal(size=(50, 2)) + offset) * unit
    learned = learn_standardization(X, kind)
    with np.errstate(over="ignore"):
        single = X.astype(np.float32)
    single = single[np.isfinite(single).all(axis=1)]
    rows = np.concatenate([single, np.float32([[0, 1], [1, -1], [3e38, -3e38]])])
    found = standardized(rows, learned)
    assert found.dtype == np.float32
    # The same numbers in double precision.
    expected = standardized(rows.astype(np.float64), learned)
    assert_allclose(found, expected, rtol=1e-5, atol=2e-5 * (1 + offset))


@kinds
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_and_memory_maps_give_the_same(kind, dtype, tmp_path, monkeypatch):
    top = np.finfo(dtype).max / 8
    X = (table(300) * [top, 1 / top, 1] / 30).astype(dtype)
    np.save(tmp_path / "X.npy", X)
    whole = learn_standardization(X, kind)
    monkeypatch.setattr(_rows, "_BLOCK", 7)
    on_disk = np.load(tmp_path / "X.npy", mmap_mode="r")
    blocks = learn_standardization(on_disk, kind)
    assert_allclose(blocks.scale, whole.scale, rtol=1e-12)
    assert_allclose(blocks.center, whole.center, rtol=1e-11)
    assert_array_equal(
        standardized_table(on_disk, whole), np.float32(standardized(X, whole))
    )


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.uint8, np.longdouble])
def test_numbers_of_other_kinds_are_read_without_a_warning(dtype):
    X = np.round(table() * 3 + 70).astype(dtype)
    read = check_rows(BaseEstimator(), X, reset=True)
    assert read.dtype == np.float64
    assert_array_equal(read, X)


@pytest.mark.skipif(
    np.finfo(np.longdouble).max == np.finfo(np.float64).max,
    reason="here longdouble is float64",
)
def test_numbers_beyond_double_precision_are_infinite():
    X = np.array([[1, 2], [3, np.longdouble("1e400")]], dtype=np.longdouble)
    with pytest.raises(ValueError, match=re.escape("found infinity in column 1")):
        check_rows(BaseEstimator(), X, reset=True)


def test_finite_numbers_whose_sum_is_not_are_finite():
    X = np.full((9000, 2), LARGEST)
    X[::2] *= -1
    assert check_rows(BaseEstimator(), X, reset=True) is not None
    X[8999, 1] = np.inf
    with pytest.raises(ValueError, match=re.escape("found infinity in column 1")):
        check_rows(BaseEstimator(), X, reset=True)


@pytest.mark.parametrize("unit", [1e-300, 1e-60, 1.0, 1e60, 1e300])
def test_rows_that_stay_as_they_are_keep_their_neighbours(unit):
    X = table()
    plain = standardized_table(X, learn_standardization(X, False))
    moved = X * unit
    found = standardized_table(moved, learn_standardization(moved, False))
    assert np.isfinite((found**2).sum(axis=1)).all()
    ratio = np.linalg.norm(found[0] - found[1]) / np.linalg.norm(plain[0] - plain[1])
    assert_allclose(found, plain * ratio, rtol=1e-3, atol=1e-4 * np.abs(found).max())


@pytest.mark.parametrize("largest", [0, 2**28])
def test_training_reads_columns_of_any_unit(largest, monkeypatch):
    monkeypatch.setattr(_rows, "_LARGEST_PREPARED_BYTES", largest)
    X = table() * [1e300, 1e-300, 1]
    learned = learn_standardization(X, "robust")
    rows, index = Rows([(X, learned)], "cpu", torch.float32), np.arange(60)
    found = torch.full((1, 60, 3), torch.nan)
    index = index[None]
    if rows.on_device:
        index = torch.from_numpy(index + rows.starts)
    rows.read(index, found)
    assert_array_equal(found[0].numpy(), np.float32(standardized(X, learned)))


def small(**settings):
    settings = {"max_iter": 2, "n_members": 1, "random_state": 0, **settings}
    return ContrastiveEmbedding(**settings)


@kinds
@pytest.mark.parametrize("similarity", ["labels", "neighbors", "targets", "views"])
def test_an_embedding_knows_no_units(kind, similarity):
    X, y = table(), np.arange(60) % 3
    y = y + 0.5 if similarity == "targets" else y
    y = None if similarity in ("neighbors", "views") else y
    ours = small(similarity=similarity, standardize=kind).fit(X, y)
    powers = np.array([-900, 995, 5])
    theirs = small(similarity=similarity, standardize=kind).fit(np.ldexp(X, powers), y)
    assert_array_equal(theirs.transform(np.ldexp(X, powers)), ours.transform(X))


def test_the_public_road_is_quiet_in_any_unit():
    X, y = table() * [1e300, 1e-300, 1e160], np.arange(60) % 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = small(early_stopping=True, max_iter=3).fit(X, y)
        model.partial_fit(X, y)
        assert np.isfinite(model.transform(X)).all()
        with np.errstate(over="ignore"):
            single = X.astype(np.float32)
        single[np.isinf(single)] = 1
        assert np.isfinite(model.transform(single)).all()
        assert np.isfinite(model.pair_distance(X.reshape(30, 2, 3))).all()
        assert np.isfinite(explain_pair(model, X[0], X[1])).all()
        shares = feature_importances(model, X)
    assert_allclose(shares.sum(), 1)
    assert (shares > 0).all()


def test_importances_do_not_depend_on_units():
    X, y, powers = table(), np.arange(60) % 3, np.array([-900, 995, 5])
    moved = np.ldexp(X, powers)
    ours = feature_importances(small().fit(X, y), X)
    theirs = feature_importances(small().fit(moved, y), moved)
    assert_allclose(theirs, ours)


def test_both_tables_of_an_alignment_know_no_units():
    X, y = table(), table(seed=1)[:, :2]
    model = ContrastiveAlignment(max_iter=2, random_state=0)
    ours = model.fit(X, y).transform(X, y)
    X, y = np.ldexp(X, [990, 1, -990]), np.ldexp(y, [990, -900])
    for found, expected in zip(model.fit(X, y).transform(X, y), ours, strict=True):
        assert_array_equal(found, expected)


@pytest.mark.parametrize("power", [-1000, 990])
def test_targets_know_no_units(power):
    X, y = table(), table()[:, 0]
    # In the greatest units all are whole numbers, which may be labels.
    by_targets = small(similarity="targets")
    ours, theirs = (clone(by_targets).fit(X, Y) for Y in (y, np.ldexp(y, power)))
    assert_array_equal(ours.transform(X), theirs.transform(X))
    assert ours.score(X, y) == theirs.score(X, np.ldexp(y, power))


@pytest.mark.parametrize("power", [-900, 990])
def test_noise_knows_no_units(power):
    similarity = ViewSimilarity("noise")
    X = table()
    moved = np.ldexp(X, power)
    ours, theirs = (small(similarity=similarity).fit(Z) for Z in (X, moved))
    assert_array_equal(ours.transform(X), theirs.transform(moved))


@pytest.mark.parametrize("normalize", [True, False])
def test_columns_that_are_left_as_they_are_may_be_too_large(normalize):
    X, y = table(), np.arange(60) % 3
    model = small(standardize=False, normalize=normalize)
    for unit in (1e25, 1e38):
        with pytest.raises((ValueError, FloatingPointError), match="standardize"):
            model.fit(X * unit, y)
    with pytest.raises(FloatingPointError, match="look for huge columns"):
        model.fit(X * 1e300, y)
    model.fit(X, y)
    assert np.isfinite(model.transform(X * 1e100)).all()
    for rows in ((X * 1e25).astype(np.float32), X * 1e160, X * 1e305):
        with pytest.raises(ValueError, match="too large for the encoder: with `stand"):
            model.transform(rows)


def test_rows_that_are_not_finite_pass_where_that_is_assumed():
    X, y = table(), np.arange(60) % 3
    model = small(standardize=False).fit(X, y)
    X[0, 0] = np.inf
    with sklearn.config_context(assume_finite=True):
        assert np.isnan(model.transform(X)[0]).all()
