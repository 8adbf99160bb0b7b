"""Similarity from continuous targets: the formula, its bandwidth, errors."""

import math
import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._pairs._keys import Keys
from sklearn_contrastive.similarity import TargetSimilarity, _targets, check_targets

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)
KERNELS = {
    "gaussian": lambda u: math.exp(-(u**2) / 2),
    "cauchy": lambda u: 1 / (1 + u**2),
    "boxcar": lambda u: float(u <= 1),
}


def drawn(seed, n_rows=12, n_columns=1):
    return np.random.RandomState(seed).normal(size=(n_rows, n_columns))


def weights_of(similarity):
    keys = similarity.keys(np.arange(len(similarity.targets_)))
    return similarity.compare(keys, keys)


def by_loop(y, bandwidth, kernel):
    """Return the weights of both kinds, and the bandwidth, row by row."""
    known = [i for i in range(len(y)) if not any(math.isnan(v) for v in y[i])]
    columns = []
    for column in range(len(y[0])):
        values = [y[i][column] for i in known]
        mean = sum(values) / len(values)
        spread = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
        if spread > 0:
            columns.append((column, spread))
    distances = {
        (i, j): math.sqrt(sum(((y[i][c] - y[j][c]) / s) ** 2 for c, s in columns))
        for i, j in combinations(known, 2)
    }
    if bandwidth == "auto":
        ordered = sorted(distances.values())
        middle = (len(ordered) - 1) // 2, len(ordered) // 2
        bandwidth = sum(ordered[m] for m in middle) / 2
    kinds = np.zeros((2, len(y), len(y)))
    for (i, j), distance in distances.items():
        similar = KERNELS[kernel](distance / bandwidth)
        kinds[0, i, j] = kinds[0, j, i] = similar
        kinds[1, i, j] = kinds[1, j, i] = 1 - similar
    return kinds, bandwidth


# The formula.


@few
@given(
    seed=seeds,
    n_columns=st.integers(1, 3),
    bandwidth=st.sampled_from(["auto", 0.1, 1, 3.0]),
    kernel=st.sampled_from(sorted(KERNELS)),
    n_unknown=st.integers(0, 6),
)
def test_weights_are_the_kernel_of_the_distance(
    seed, n_columns, bandwidth, kernel, n_unknown
):
    y = drawn(seed, n_columns=n_columns)
    y[np.random.RandomState(seed).permutation(12)[:n_unknown], -1] = np.nan
    kinds, expected = by_loop(y.tolist(), bandwidth, kernel)
    similarity = TargetSimilarity(bandwidth, kernel=kernel).fit(None, y)
    assert similarity.bandwidth_ == pytest.approx(expected, rel=1e-12)
    if kernel == "boxcar" and bandwidth == "auto":
        # The median distance is a distance: which side it is on is for rounding.
        far = abs(np.triu(kinds[0], k=1).sum() - weights_of(similarity)[0].sum() / 2)
        assert far <= 1
        return
    assert_allclose(weights_of(similarity), kinds, rtol=1e-9, atol=1e-12)
    assert_array_equal(similarity.rows_, np.flatnonzero(~np.isnan(y).any(axis=1)))


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        ("gaussian", [1.0, math.exp(-0.125), math.exp(-0.5), math.exp(-2)]),
        ("cauchy", [1.0, 0.8, 0.5, 0.2]),
        ("boxcar", [1.0, 1.0, 1.0, 0.0]),
    ],
)
def test_kernels_at_distances_of_zero_a_half_one_and_two(kernel, expected):
    # A standard deviation of 1: as many rows at -1 as at 1.
    y = [-1.0, -1.0, 1.0, 1.0]
    similarity = TargetSimilarity(2.0, kernel=kernel).fit(None, y)
    targets = np.array([0, 0, 1, 2, 4])[:, None] / 2
    numbers = np.arange(5)
    ours, theirs = (Keys(numbers[part], targets[part]) for part in ([0], slice(1, 5)))
    positive, negative = similarity.compare(ours, theirs)
    assert_allclose(positive[0], expected, rtol=1e-12)
    assert_allclose(positive + negative, 1)
    tensors = [Keys(*map(torch.from_numpy, keys)) for keys in (ours, theirs)]
    assert_allclose(similarity.compare(*tensors).positive[0], expected, rtol=1e-6)


@few
@given(seed=seeds, shift=st.floats(-100, 100), scale=st.floats(1e-3, 1e3))
def test_units_of_the_targets_do_not_matter(seed, shift, scale):
    y = drawn(seed, n_columns=2)
    first = weights_of(TargetSimilarity().fit(None, y))
    other = weights_of(TargetSimilarity().fit(None, y * [scale, -1] + shift))
    assert_allclose(other, first, rtol=1e-5, atol=1e-8)


@few
@given(seed=seeds)
def test_a_constant_column_changes_nothing(seed):
    y = drawn(seed, n_columns=2)
    y[3, 0] = np.nan
    padded = np.column_stack([np.full(12, 7.1), y])
    first, other = (TargetSimilarity().fit(None, table) for table in (y, padded))
    assert other.targets_.shape == first.targets_.shape
    assert_allclose(weights_of(other), weights_of(first), rtol=1e-12)


def test_a_larger_bandwidth_makes_more_rows_similar():
    y = drawn(0, 30)
    sums = [
        weights_of(TargetSimilarity(h).fit(None, y)).positive.sum()
        for h in (0.1, 0.5, 2, 10)
    ]
    assert sums == sorted(sums)
    assert len(set(sums)) == 4


# The bandwidth.


def test_the_bandwidth_is_the_median_distance_in_standard_deviations():
    y = np.array([0.0, 1.0, 3.0, 7.0])
    # Distances 1, 2, 3, 4, 6, 7.
    similarity = TargetSimilarity().fit(None, y)
    assert similarity.bandwidth_ == pytest.approx(3.5 / y.std())


def test_where_most_targets_are_the_same_the_least_difference_counts():
    y = [0.0] * 9 + [2.0, 5.0]
    similarity = TargetSimilarity().fit(None, y)
    assert similarity.bandwidth_ == pytest.approx(2 / np.std(y))
    positive = weights_of(similarity).positive
    assert positive[0, 1] == 1
    assert positive[0, 9] == pytest.approx(math.exp(-0.5))


def test_the_median_of_many_targets_is_that_of_some(monkeypatch):
    y = drawn(0, 900)
    whole = TargetSimilarity().fit(None, y).bandwidth_
    monkeypatch.setattr(_targets, "_N_COMPARED", 90)
    some = TargetSimilarity().fit(None, y).bandwidth_
    assert some == pytest.approx(whole, rel=0.2)
    assert some != whole


def test_a_bandwidth_that_is_given_is_used():
    assert TargetSimilarity(0.25).fit(None, [0.0, 1.0, 5.0]).bandwidth_ == 0.25


# Targets.


@pytest.mark.parametrize(
    "y",
    [
        [0, 1, 3, 7],
        (0.0, 1.0, 3.0, 7.0),
        np.array([0, 1, 3, 7], dtype=np.uint8),
        np.array([[0], [1], [3], [7]], dtype=np.float32),
        np.array([0, 1, 3.0, 7], dtype=object),
        pd.Series([0, 1, 3, 7], index=list("abcd")),
        pd.Series([0.0, 1.0, 3.0, 7.0], dtype="Float64"),
        pd.DataFrame({"a": [0, 1, 3, 7]}),
    ],
)
def test_targets_of_any_type(y):
    expected, _ = by_loop([[0], [1], [3], [7]], "auto", "gaussian")
    similarity = TargetSimilarity().fit(np.zeros((4, 1)), y)
    assert_allclose(weights_of(similarity), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "y", [[0.5, None, 1.0], pd.Series([0.5, pd.NA, 1.0], dtype="Float64")]
)
def test_what_is_missing_is_not_known(y):
    similarity = TargetSimilarity().fit(None, y)
    assert_array_equal(similarity.rows_, [0, 2])
    positive, negative = weights_of(similarity)
    assert not positive[1].any()
    assert not negative[1].any()


def test_rows_of_unknown_targets_are_in_no_batch():
    y = drawn(0, 40)
    y[::3] = np.nan
    similarity = TargetSimilarity().fit(None, y)
    for batch in similarity.batches(5, np.random.RandomState(0)):
        assert np.isfinite(y[batch]).all()


# Errors.


CONSTANT = "`y` must hold at least two different targets; got {} known ones (n_samples="
BAD = {
    "none": (None, "This estimator requires y to be passed, but the target y is None."),
    "constant": (
        [2.0] * 4,
        CONSTANT.format(4) + "4), all the same.",
    ),
    "rounding": ([0.1 + 0.2, 0.3, 0.3, 0.3], CONSTANT.format(4)),
    "one known": ([1.0, np.nan, np.nan, np.nan], CONSTANT.format(1) + "4)"),
    "none known": ([np.nan] * 4, CONSTANT.format(0) + "4)"),
    "none in one row": ([[1, np.nan], [np.nan, 2]] * 2, CONSTANT.format(0) + "4)"),
    "infinite": (
        [1.0, 2.0, np.inf, 3.0],
        "`y` must hold finite targets, or NaN for unknown ones; Input y contains "
        "infinity, the first at row 2.",
    ),
    "text": (
        ["a", "b", "a", "b"],
        "`y` must hold numbers as targets (it holds text). "
        "Use similarity='labels' for classes.",
    ),
    "ragged": ([[1.0], [2.0, 3.0], [1.0], [2.0]], "`y` must hold numbers as targets"),
    "short": (
        [1.0, 2.0, 3.0],
        "`y` must hold one target, or a row of them, per row of `X`: found input "
        "variables with inconsistent numbers of samples, 4 rows and 3 in `y`.",
    ),
    "deep": (np.zeros((4, 1, 1)), "numbers as targets (it has shape (4, 1, 1))."),
}


@pytest.mark.parametrize("name", BAD)
def test_what_are_no_targets_is_an_error(name):
    y, message = BAD[name]
    X = np.random.RandomState(0).normal(size=(4, 2))
    with pytest.raises(ValueError, match=re.escape(message)):
        TargetSimilarity().fit(X, y)
    model = ContrastiveEmbedding(
        2, similarity="targets", hidden_layer_sizes=(2,), max_iter=1, random_state=0
    ).fit(X, [0.0, 1.0, 2.0, 3.5])
    before = dict(vars(model))
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(X, y)
    assert vars(model) == before


@pytest.mark.parametrize(
    ("own", "name"),
    [
        ({"bandwidth": 0}, "bandwidth"),
        ({"bandwidth": -1.0}, "bandwidth"),
        ({"bandwidth": "wide"}, "bandwidth"),
        ({"kernel": "linear"}, "kernel"),
    ],
)
def test_settings_out_of_range_are_an_error(own, name):
    message = f"The '{name}' parameter of TargetSimilarity must be"
    with pytest.raises(ValueError, match=re.escape(message)):
        TargetSimilarity(**own).fit(None, [0.0, 1.0])


def test_targets_come_out_as_columns():
    assert check_targets([1, 2], None).tolist() == [[1.0], [2.0]]
    assert check_targets([[1, 2]], 1).dtype == np.float64


# Regressions.


def test_a_column_of_huge_numbers_does_not_hide_another():
    y = drawn(0, n_columns=2)
    similarity = TargetSimilarity().fit(None, y * [1e18, 1])
    assert similarity.targets_.shape == (12, 2)
