"""False-accept and false-reject rates against loops and scikit-learn's curves."""

import re
from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_contrastive.metrics import equal_error_rate, far_frr_curve, frr_at_far

few = settings(max_examples=50, deadline=None)
#: Pairs of both kinds, with few or many different distances.
pairs = st.lists(
    st.tuples(st.booleans(), st.one_of(st.integers(0, 6), st.floats(0, 9))),
    min_size=2,
    max_size=30,
).filter(lambda drawn: len({same for same, _ in drawn}) == 2)


def split(drawn):
    """Return the kinds and the distances of pairs."""
    y_true, distances = zip(*drawn, strict=True)
    return list(y_true), list(distances)


def rates(drawn, threshold):
    """Return both rates at a threshold, pair by pair."""
    same = [d for kind, d in drawn if kind]
    different = [d for kind, d in drawn if not kind]
    far = sum(d <= threshold for d in different) / len(different)
    return far, sum(d > threshold for d in same) / len(same)


@few
@given(drawn=pairs)
def test_rates_are_those_of_the_literal_loop_at_every_threshold(drawn):
    far, frr, thresholds = far_frr_curve(*split(drawn))
    assert thresholds.tolist() == [-np.inf, *sorted({float(d) for _, d in drawn})]
    expected = [rates(drawn, threshold) for threshold in thresholds]
    assert list(zip(far, frr, strict=True)) == expected
    assert (far[0], frr[0], far[-1], frr[-1]) == (0, 1, 1, 0)


@few
@given(drawn=pairs)
def test_the_curve_is_scikit_learns(drawn):
    from sklearn.metrics import roc_curve

    y_true, distances = split(drawn)
    false, true, _ = roc_curve(y_true, -np.array(distances), drop_intermediate=False)
    far, frr, _ = far_frr_curve(y_true, distances)
    assert_allclose(far, false, atol=1e-12)
    assert_allclose(1 - frr, true, atol=1e-12)


@few
@given(drawn=pairs)
def test_the_equal_error_rate_is_where_the_drawn_curves_cross(drawn):
    y_true, distances = split(drawn)
    far, frr, _ = far_frr_curve(y_true, distances)
    # Halving, on the two curves as lines between their points.
    low, high = 0.0, len(far) - 1.0
    for _ in range(60):
        middle = (low + high) / 2
        crossed = np.interp(middle, range(len(far)), far - frr) >= 0
        low, high = (low, middle) if crossed else (middle, high)
    expected = np.interp(high, range(len(far)), far)
    assert equal_error_rate(y_true, distances) == pytest.approx(expected, abs=1e-9)


def test_equal_error_rates_by_hand():
    apart, swapped = [1, 2, 3, 4], [3, 4, 1, 2]
    assert equal_error_rate([1, 1, 0, 0], apart) == 0
    assert equal_error_rate([1, 1, 0, 0], swapped) == 1
    assert equal_error_rate([1, 1, 0, 0], [5, 5, 5, 5]) == 0.5
    # Three same and two different: both rates pass from (0, 1/3) to (1/2, 1/3).
    rate = equal_error_rate([1, 1, 1, 0, 0], [0.1, 0.2, 0.5, 0.3, 0.6])
    assert rate == pytest.approx(1 / 3)


@few
@given(drawn=pairs, far=st.floats(0, 1))
def test_the_least_rejects_among_thresholds_that_keep_the_bound(drawn, far):
    y_true, distances = split(drawn)
    allowed = [
        frr
        for threshold in [-1, *distances]
        for accepted, frr in [rates(drawn, threshold)]
        if accepted <= far
    ]
    found = frr_at_far(y_true, distances, far)
    assert isinstance(found, float)
    assert found == min(allowed)


def test_several_bounds_at_once_and_bounds_that_are_just_kept():
    # A different pair after each pair of the same class.
    y_true, distances = np.arange(20) % 2 == 0, np.arange(20)
    bounds = np.array([[0, 0.09, 0.1], [0.3, 0.7, 1.0]])
    found = frr_at_far(y_true, distances, bounds)
    assert_array_equal(found, [[0.9, 0.9, 0.8], [0.6, 0.2, 0.0]])
    assert_array_equal(frr_at_far(y_true, distances, [0.3]), [0.6])
    assert frr_at_far(y_true, distances, 1) == 0


@few
@given(drawn=pairs, seed=st.integers(0, 999))
def test_order_and_unit_do_not_matter(drawn, seed):
    order = np.random.RandomState(seed).permutation(len(drawn))
    y_true, distances = map(np.array, split(drawn))
    first = far_frr_curve(y_true, distances)
    other = far_frr_curve(y_true[order], distances[order] * 1024)
    assert_array_equal(other[:2], first[:2])
    assert_array_equal(other[2], first[2] * 1024)
    rate = equal_error_rate(y_true[order], distances[order] * 1024)
    assert rate == equal_error_rate(y_true, distances)


@pytest.mark.parametrize(
    "kind",
    [list, np.array, pd.Series, pl.Series, lambda v: np.array(v)[:, None]],
)
def test_pairs_of_any_kind(kind):
    for same, different in product([1, True, 1.0], [0, False, -1]):
        y_true, distances = [same, same, different, different], [1, 5, 4, 9]
        if len({type(same), type(different)}) > 1:
            y_true = np.array(y_true)
        assert equal_error_rate(kind(y_true), kind(distances)) == 0.5


def test_numbers_and_bools_may_come_as_objects():
    for values in ([True, True, False, False], [1, 1, -1, -1]):
        for labels in (
            np.array(values, dtype=object),
            pd.Series(values, dtype=object),
            pd.Series(values).convert_dtypes(),
        ):
            assert equal_error_rate(labels, [1, 5, 4, 9]) == 0.5


def test_float32_distances_and_read_only_memory():
    distances = np.float32([0.1, 0.5, 0.4, 0.9])
    distances.flags.writeable = False
    thresholds = far_frr_curve([1, 1, 0, 0], distances)[2]
    assert thresholds.dtype == np.float64
    assert_array_equal(thresholds[1:], np.sort(distances))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"y_true": [1, 1, 1]},
            "`y_true` must hold pairs of both kinds; all 3 are the same",
        ),
        (
            {"y_true": [0, 0, 0]},
            "`y_true` must hold pairs of both kinds; all 3 are different",
        ),
        (
            {"y_true": [0, 1]},
            "(dissimilar) for each of 3 pairs; got shape (2,)",
        ),
        (
            {"y_true": [0, 1, 2]},
            "`y_true` must hold 1 or True for similar pairs",
        ),
        ({"y_true": ["a", "b", "a"]}, "one of the three throughout; got ['a', 'b']."),
        ({"y_true": [0, 1, None]}, "one of the three throughout; got [None]."),
        (
            {"y_true": [0, 1, np.nan]},
            "one of the three throughout; got [0.0, 1.0, nan]",
        ),
        (
            {"distances": [1, 2, -3]},
            "[0, inf), small for similar pairs; got -3 (1 pairs in all are outside).",
        ),
        (
            {"distances": [1, 2, np.nan]},
            "`distances` must be numbers in [0, inf), small for similar pairs; got nan",
        ),
        ({"distances": [1, 2, "x"]}, "`distances` must be one column of numbers"),
        ({"distances": np.ones((3, 2))}, "`distances` must be one column of numbers"),
        (
            {"distances": 3.0},
            "The 'distances' parameter of far_frr_curve must be an arr",
        ),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        far_frr_curve(**{"y_true": [0, 1, 0], "distances": [1, 2, 3], **change})


@pytest.mark.parametrize("far", [-0.1, 1.1, "0.1", None, np.nan])
def test_a_bound_is_a_rate(far):
    with pytest.raises(ValueError, match=r"must hold rates in|parameter of frr_at_far"):
        frr_at_far([0, 1], [1, 2], far)
    with pytest.raises(
        ValueError, match=re.escape("`far` must hold rates in [0, 1]; g")
    ):
        frr_at_far([0, 1], [1, 2], [0.5, far])
