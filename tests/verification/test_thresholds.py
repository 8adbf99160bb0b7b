"""Thresholds: every strategy against a loop over all, and the guarantee of "far"."""

import math
import re
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import fbeta_score

from sklearn_contrastive.verification._thresholds import (
    STRATEGIES,
    check_enough_pairs,
    choose_threshold,
    find_cuts,
    max_false_accepts,
    resolve_settings,
)

many = settings(max_examples=60, deadline=None)
SETTINGS = {
    "min_rate": 0.6,
    "beta": 1.0,
    "target_far": 0.2,
    "confidence": 0.8,
}


def chosen(same, distances, strategy, **changed):
    """Return the threshold of a strategy."""
    values = {name: (SETTINGS | changed)[name] for name in STRATEGIES[strategy]}
    return choose_threshold(
        strategy, values, np.asarray(same, bool), np.asarray(distances, float)
    )


def confusion(same, distances, threshold):
    """Count accepted and rejected pairs of each class, one by one."""
    counts = {"tp": 0, "fp": 0, "fn": 0, "tn": 0}
    for similar, distance in zip(same, distances, strict=True):
        accepted = distance <= threshold
        if similar:
            counts["tp" if accepted else "fn"] += 1
        else:
            counts["fp" if accepted else "tn"] += 1
    return counts


def candidates(distances):
    """Return one threshold for every way to cut the distances, ascending."""
    return [-1.0, *sorted(set(distances))]


def accepted_at_best(same, distances, merit, prefer):
    """Return how many pairs are accepted by the best threshold, found by a loop.

    `merit` returns None for a threshold that is not allowed. Of equal ones the `prefer`
    one is best, the least or the greatest.
    """
    best, n_best = None, None
    for threshold in candidates(distances):
        counts = confusion(same, distances, threshold)
        value = merit(counts)
        if value is None:
            continue
        if best is None or value > best or (value == best and prefer == "greatest"):
            best, n_best = value, counts["tp"] + counts["fp"]
    return n_best


@st.composite
def labelled_distances(draw):
    """Draw distances, many of them equal, with labels of both classes."""
    n = draw(st.integers(2, 14))
    distances = draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))
    same = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    same[:2] = [True, False]
    return same, [value / 8 for value in distances]


def objective(strategy, same, min_rate, beta):
    """Return the objective of a strategy, from exact counts."""
    n_same = sum(same)
    n_different = len(same) - n_same

    def accuracy(c):
        return c["tp"] + c["tn"]

    def f_beta(c):
        return (1 + beta**2) * c["tp"] / (beta**2 * n_same + c["tp"] + c["fp"])

    def max_tpr(c):
        return c["tp"] if c["tn"] / n_different >= min_rate else None

    def max_tnr(c):
        return c["tn"] if c["tp"] / n_same >= min_rate else None

    def eer(c):
        return -abs(c["fp"] * n_same - c["fn"] * n_different)

    return {
        "accuracy": accuracy,
        "f_beta": f_beta,
        "max_tpr": max_tpr,
        "max_tnr": max_tnr,
        "eer": eer,
    }[strategy]


# Against a loop over all thresholds.


@many
@given(
    drawn=labelled_distances(),
    min_rate=st.sampled_from([0.0, 0.1, 0.5, 0.7, 0.9, 1.0]),
    beta=st.sampled_from([0.25, 0.5, 1.0, 2.0]),
)
def test_no_threshold_does_better(drawn, min_rate, beta):
    same, distances = drawn
    for strategy in ("accuracy", "f_beta", "max_tpr", "max_tnr", "eer"):
        threshold = chosen(same, distances, strategy, min_rate=min_rate, beta=beta)
        merit = objective(strategy, same, min_rate, beta)
        prefer = "greatest" if strategy == "max_tnr" else "least"
        expected = accepted_at_best(same, distances, merit, prefer)
        assert sum(d <= threshold for d in distances) == expected, strategy


@settings(max_examples=15, deadline=None)
@given(drawn=labelled_distances(), beta=st.sampled_from([0.25, 1.0, 3.0]))
def test_f_beta_is_that_of_scikit_learn(drawn, beta):
    same, distances = drawn
    threshold = chosen(same, distances, "f_beta", beta=beta)
    scores = [
        fbeta_score(same, np.asarray(distances) <= t, beta=beta, zero_division=0.0)
        for t in [threshold, *candidates(distances)]
    ]
    assert scores[0] == pytest.approx(max(scores), rel=1e-12)


@many
@given(
    drawn=labelled_distances(),
    target_far=st.sampled_from([0.2, 0.5, 0.8]),
    confidence=st.sampled_from([0.1, 0.5, 0.8]),
)
def test_far_accepts_as_many_as_the_binomial_law_allows(drawn, target_far, confidence):
    same, distances = drawn
    n = len(same) - sum(same)
    allowed = -1
    for k in range(n):
        tail = sum(
            math.comb(n, i) * target_far**i * (1 - target_far) ** (n - i)
            for i in range(k + 1)
        )
        if tail <= 1 - confidence:
            allowed = k
    limits = {"target_far": target_far, "confidence": confidence}
    if allowed < 0:
        with pytest.raises(ValueError, match=re.escape(f"got {n}.")):
            chosen(same, distances, "far", **limits)
        return
    threshold = chosen(same, distances, "far", **limits)
    different = sorted(d for s, d in zip(same, distances, strict=True) if not s)
    # Below the (k+1)-th smallest of them, and no distance lies between.
    bound = different[allowed]
    assert threshold < bound
    assert not any(threshold < d < bound for d in distances)


# By hand.


SAME = [True, True, False, True, False, False]
DISTANCES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def test_thresholds_lie_in_the_middle():
    for strategy, changed, expected in (
        ("accuracy", {}, 0.25),
        ("f_beta", {"beta": 1.0}, 0.45),
        ("f_beta", {"beta": 0.1}, 0.25),
        ("max_tpr", {"min_rate": 0.6}, 0.45),
        ("max_tpr", {"min_rate": 0.7}, 0.25),
        ("max_tnr", {"min_rate": 0.6}, 0.25),
        ("max_tnr", {"min_rate": 0.7}, 0.45),
        ("eer", {}, 0.35),
        ("far", {"target_far": 0.5, "confidence": 0.8}, 0.25),
    ):
        threshold = chosen(SAME, DISTANCES, strategy, **changed)
        assert threshold == pytest.approx(expected), (strategy, changed)


def test_accepting_none_is_possible():
    assert chosen([False, False, True], [0.0, 0.0, 0.0], "accuracy") == -1.0
    assert chosen([False, True], [0.0, 1.0], "max_tpr", min_rate=1.0) == -1.0
    assert chosen([False] * 9 + [True], [0.0] * 10, "far", target_far=0.3) == -1.0


def test_accepting_all_is_possible():
    assert chosen([True, True, True, False], [0.0, 3.0, 4.0, 1.0], "accuracy") == 8.0
    assert chosen([True, False], [0.5, 0.1], "max_tnr", min_rate=1.0) == 1.0


@pytest.mark.parametrize(
    "numbers",
    [[*range(1, 16), 49], pytest.param(range(1, 60), marks=pytest.mark.long)],
    ids=["few", "many"],
)
def test_a_rate_that_is_just_reached_counts(numbers):
    # 7 / 10 is 0.7, though 0.7 * 10 need not be 7 in floating point.
    for n in numbers:
        for k in range(n + 1):
            distances = np.arange(n + 1.0)
            same = np.append(np.ones(n, bool), False)
            threshold = chosen(same, distances, "max_tnr", min_rate=k / n)
            # The different pair is the farthest, so that all others are accepted.
            assert (distances <= threshold).sum() == n
            threshold = chosen(~same, distances, "max_tpr", min_rate=k / n)
            # The same pair is the farthest: all or none.
            assert (distances <= threshold).sum() == (n + 1 if k == 0 else 0)


def test_adjacent_floats_are_separated():
    low = 1.0
    for _ in range(4):
        high = np.nextafter(low, 2.0)
        threshold = chosen([True, False], [low, high], "accuracy")
        assert low <= threshold < high
        low = high


@many
@given(drawn=labelled_distances())
def test_cuts_count_accepted_pairs(drawn):
    same, distances = np.asarray(drawn[0]), np.asarray(drawn[1])
    cuts = find_cuts(same, distances)
    assert len(cuts[0]) == len(np.unique(distances)) + 1
    assert (np.diff(cuts[0]) >= 0).all()
    for threshold, true, false in zip(*cuts, strict=True):
        counts = confusion(same, distances, threshold)
        assert (counts["tp"], counts["fp"]) == (true, false)


@many
@given(drawn=labelled_distances(), seed=st.integers(0, 99))
def test_order_of_the_pairs_does_not_matter(drawn, seed):
    same, distances = np.asarray(drawn[0]), np.asarray(drawn[1])
    order = np.random.RandomState(seed).permutation(len(same))
    for strategy in sorted(set(STRATEGIES) - {"far"}):
        expected = chosen(same, distances, strategy)
        assert chosen(same[order], distances[order], strategy) == expected


def test_units_of_the_distance_do_not_matter():
    rng = np.random.RandomState(0)
    same = rng.rand(200) < 0.5
    distances = rng.rand(200) + ~same
    for strategy in STRATEGIES:
        once = chosen(same, distances, strategy)
        assert chosen(same, 8 * distances, strategy) == 8 * once


# The guarantee of "far".


def uniform(rng, size):
    return rng.uniform(size=size), lambda threshold: np.clip(threshold, 0, 1)


def skewed(rng, size):
    return (
        rng.exponential(size=size),
        lambda threshold: 1 - math.exp(-threshold) if threshold > 0 else 0.0,
    )


def tied(rng, size):
    """Five values only: the rate can only be 0, 0.02, 0.1 or more."""
    shares = np.array([0.02, 0.08, 0.2, 0.3, 0.4])
    distances = rng.choice(5, size=size, p=shares) / 4
    return distances, lambda t: shares[: max(0, math.floor(4 * t + 1))].sum()


@pytest.mark.parametrize(
    ("draw", "n_different", "target_far", "confidence"),
    [
        (uniform, 100, 0.05, 0.9),
        (skewed, 300, 0.05, 0.8),
        (tied, 59, 0.05, 0.95),
        (tied, 500, 0.02, 0.9),
    ],
)
def test_the_rate_is_exceeded_no_more_often_than_stated(
    draw, n_different, target_far, confidence
):
    rng = np.random.RandomState(0)
    n_repeats, n_exceeded = 200, 0
    for _ in range(n_repeats):
        different, rate = draw(rng, n_different)
        similar, _ = draw(rng, 50)
        same = np.arange(n_different + 50) >= n_different
        threshold = chosen(
            same,
            np.concatenate([different, 0.3 * similar]),
            "far",
            target_far=target_far,
            confidence=confidence,
        )
        n_exceeded += rate(threshold) > target_far
    expected = (1 - confidence) * n_repeats
    # Three standard deviations of room.
    assert n_exceeded <= expected + 3 * math.sqrt(expected * confidence)


def test_far_comes_near_its_target_with_many_pairs():
    rng = np.random.RandomState(0)
    same = np.arange(20_000) >= 19_000
    threshold = chosen(same, rng.uniform(size=20_000), "far", target_far=0.05)
    assert 0.042 < threshold < 0.05


def test_the_required_number_of_pairs_suffices():
    rates = (0.5, 0.1, 0.05, 0.01, 0.001, 0.9)
    for target_far, confidence in product(rates, (0.5, 0.75, 0.9, 0.95, 0.99)):
        with pytest.raises(ValueError, match="`target_far=") as caught:
            max_false_accepts(0, target_far, confidence)
        required = int(re.search(r"at least (\d+) different", str(caught.value))[1])
        assert max_false_accepts(required, target_far, confidence) >= 0
        # The probability that a threshold of this rate accepts none of them.
        assert (1 - target_far) ** required <= (1 - confidence) * (1 + 1e-9)
        if required > 1:
            with pytest.raises(ValueError, match=f"at least {required} different"):
                max_false_accepts(required - 1, target_far, confidence)


def test_published_sample_sizes():
    # One-sided nonparametric tolerance limits (Wilks 1941): 59 for 95 % / 95 %, 299 for
    # 99 % with 95 % confidence; the second smallest suffices from 93 on.
    assert max_false_accepts(59, 0.05, 0.95) == 0
    assert max_false_accepts(92, 0.05, 0.95) == 0
    assert max_false_accepts(93, 0.05, 0.95) == 1
    assert max_false_accepts(299, 0.01, 0.95) == 0


# Settings.


def test_settings_are_those_that_a_strategy_uses():
    none = dict.fromkeys(("min_rate", "beta", "target_far", "confidence"))
    far = {"target_far": 0.01, "confidence": 0.95}
    assert resolve_settings("far", none) == far
    assert resolve_settings("far", none | {"target_far": 0.2}) == far | {
        "target_far": 0.2
    }
    assert resolve_settings("f_beta", none) == {"beta": 1.0}
    for strategy in ("accuracy", "eer"):
        assert resolve_settings(strategy, none) == {}
    assert resolve_settings("max_tnr", {"min_rate": 0.0}) == {"min_rate": 0.0}


def test_a_setting_that_a_strategy_does_not_use_is_an_error():
    for (strategy, used), name in product(STRATEGIES.items(), SETTINGS):
        given_settings = {"min_rate": 0.5} if "min_rate" in used else {}
        given_settings |= {name: SETTINGS[name]}
        if name in used:
            assert resolve_settings(strategy, given_settings)[name] == SETTINGS[name]
        else:
            message = f"`{name}` is only used with strategy="
            with pytest.raises(ValueError, match=message):
                resolve_settings(strategy, given_settings)


def test_a_least_rate_must_be_given():
    for strategy in ("max_tpr", "max_tnr"):
        message = f"`min_rate` must be a number in [0, 1] with strategy={strategy!r}"
        for given_settings in ({}, {"min_rate": None}):
            with pytest.raises(ValueError, match=re.escape(message)):
                resolve_settings(strategy, given_settings)


def test_too_few_different_pairs_are_an_error_before_training():
    far = {"target_far": 0.01, "confidence": 0.95}
    with pytest.raises(ValueError, match="at least 299 different pairs"):
        check_enough_pairs("far", far, np.zeros(298, bool))
    check_enough_pairs("far", far, np.zeros(299, bool))
    check_enough_pairs("eer", {}, np.zeros(1, bool))


def test_a_million_pairs_take_no_table():
    # A table of thresholds times pairs would need terabytes.
    rng = np.random.RandomState(0)
    same = rng.rand(1_000_000) < 0.3
    distances = rng.rand(1_000_000) + 0.5 * ~same
    assert_allclose(chosen(same, distances, "eer"), 0.75, atol=0.01)
    threshold = chosen(same, distances, "far", target_far=0.1, confidence=0.95)
    assert 0.598 < threshold < 0.6
