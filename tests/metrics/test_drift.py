"""The test of drift: against loops and all permutations, and its rate of alarms."""

import math
import re
from itertools import combinations

import numpy as np
import pytest

from sklearn_contrastive.metrics import _drift, neighbor_drift


def draws(seed, n_reference=30, n_new=20, shift=0.0, spread=1.0, kind="normal"):
    """Return a reference and new rows, which differ by a shift and a spread."""
    rng = np.random.RandomState(seed)
    both = rng.normal(size=(n_reference + n_new, 4))
    if kind == "copies":
        # Most rows coincide with many others, of both samples.
        both = np.rint(both[:, :1] / 2)
    return both[:n_reference], both[n_reference:] * spread + shift


def by_loops(Z, is_new, k):
    shares = []
    for sample in (False, True):
        hits = []
        for i in np.flatnonzero(is_new == sample):
            others = [j for j in range(len(Z)) if j != i]
            nearest = sorted(others, key=lambda j: math.dist(Z[i], Z[j]))[:k]
            hits += [is_new[j] == sample for j in nearest]
        shares.append(np.mean(hits))
    return np.mean(shares)


def test_statistic_and_pvalue_are_those_of_loops_over_all_permutations():
    reference, new = draws(3, 5, 4, shift=0.8)
    Z, is_new = np.concatenate([reference, new]), np.repeat([False, True], [5, 4])
    found = by_loops(Z, is_new, 2)
    every = [
        by_loops(Z, np.isin(np.arange(9), chosen), 2)
        for chosen in combinations(range(9), 4)
    ]
    drift = neighbor_drift(
        reference, new, n_neighbors=2, n_permutations=4000, random_state=0
    )
    assert drift.statistic == pytest.approx(found)
    exact = np.mean(np.array(every) >= found - 1e-12)
    assert 0.02 < exact < 0.98
    assert drift.pvalue == pytest.approx(exact, abs=0.03)


def test_samples_that_do_not_mix_have_the_least_pvalue():
    reference, new = draws(0, shift=100.0)
    drift = neighbor_drift(reference, new, n_permutations=49, random_state=0)
    assert drift == (1.0, 0.02)
    assert isinstance(drift.statistic, float)
    assert isinstance(drift.pvalue, float)


def test_points_that_coincide_are_no_drift():
    drift = neighbor_drift(np.ones((300, 2)), np.ones((200, 2)), random_state=0)
    assert drift.statistic == pytest.approx(0.5, abs=0.05)
    assert drift.pvalue > 0.05


def alarms(n_draws, n_permutations, level, **params):
    found = [
        neighbor_drift(
            *draws(seed, **params), n_permutations=n_permutations, random_state=seed
        ).pvalue
        for seed in range(n_draws)
    ]
    return np.mean(np.array(found) <= level)


#: Shares of 200 draws that are above these with a probability of 0.001.
MOST = {0.05: 0.105, 0.2: 0.29}


@pytest.mark.parametrize("kind", ["normal", "copies"])
def test_false_alarms_are_as_rare_as_stated(kind):
    assert alarms(200, 19, 0.05, kind=kind) <= MOST[0.05]


@pytest.mark.long
@pytest.mark.parametrize("level", MOST)
@pytest.mark.parametrize("kind", ["normal", "copies"])
@pytest.mark.parametrize(("n_reference", "n_new"), [(200, 200), (500, 40), (40, 500)])
def test_false_alarms_of_many_sizes(kind, level, n_reference, n_new):
    sizes = {"n_reference": n_reference, "n_new": n_new}
    assert alarms(200, 99, level, kind=kind, **sizes) <= MOST[level]


@pytest.mark.parametrize(
    "change", [{"shift": 0.8}, {"spread": 2.0}, {"spread": 0.4}], ids=str
)
def test_shifts_and_spreads_are_found(change):
    for sizes in ((100, 100), (300, 50), (50, 300)):
        reference, new = draws(0, *sizes, **change)
        assert neighbor_drift(reference, new, random_state=0).pvalue <= 0.01


def test_a_group_that_is_missing_is_found():
    groups, _ = draws(0, 200, 0, kind="normal")
    groups[:50] += 3
    assert neighbor_drift(groups[::2], groups[51::2], random_state=0).pvalue <= 0.01


def test_units_and_the_seed_alone_do_not_matter():
    reference, new = draws(0, shift=0.3)
    expected = neighbor_drift(reference, new, random_state=0)
    for unit in (1e-200, 1e200):
        assert neighbor_drift(reference * unit, new * unit, random_state=0) == expected
    assert neighbor_drift(reference, new, random_state=1).statistic == pytest.approx(
        expected.statistic
    )


def test_of_large_samples_a_part_is_drawn(monkeypatch):
    monkeypatch.setattr(_drift, "_MOST", 12)
    assert 0 <= neighbor_drift(*draws(0), n_neighbors=23).statistic <= 1
    with pytest.raises(ValueError, match=re.escape("number of rows, 24; got 24")):
        neighbor_drift(*draws(0), n_neighbors=24)


@pytest.mark.parametrize(
    ("reference", "new", "params", "message"),
    [
        ([[0.0], [1]], [[0.0, 1]], {}, "`new` must have the columns of `reference`"),
        ([[0.0], [np.nan]], [[0.0]], {}, "`reference` must be finite"),
        ([[0.0], [1]], [0.0, 1], {}, "`new` must be a table of numbers"),
        ([[0.0], [1]], [[0.0]], {}, "less than the number of rows, 3; got 10."),
        ([[0.0], [1]], [[0.0]], {"n_neighbors": 0}, "'n_neighbors' parameter of"),
        ([[0.0], [1]], [[0.0]], {"n_permutations": 0.5}, "'n_permutations' parameter"),
    ],
)
def test_what_cannot_be_compared_is_named(reference, new, params, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        neighbor_drift(reference, new, **params)
