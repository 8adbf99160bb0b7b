"""The geometry of points, against loops, worked values and published code."""

import math
import re
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sklearn_contrastive.metrics import (
    _geometry,
    alignment,
    effective_rank,
    embedding_consistency,
    hubness,
    neighborhood_preservation,
    uniformity,
)

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**31)


def drawn(seed, n_rows=30, n_columns=3):
    return np.random.RandomState(seed).normal(size=(n_rows, n_columns))


def nearest(Z, k):
    """Return the k nearest other rows of each row, as sets."""
    return [
        set(
            sorted((math.dist(a, b), j) for j, b in enumerate(Z) if j != i)[:k][n][1]
            for n in range(k)
        )
        for i, a in enumerate(Z)
    ]


# Alignment and uniformity.


@few
@given(
    seed=seeds, alpha=st.sampled_from([0.5, 1, 2, 3]), block=st.sampled_from([1, 99])
)
def test_alignment_is_the_mean_over_pairs_of_a_class(seed, alpha, block):
    Z, y = drawn(seed), np.random.RandomState(seed).randint(5, size=30)
    powers = [
        math.dist(Z[i], Z[j]) ** alpha
        for i, j in combinations(range(30), 2)
        if y[i] == y[j]
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_geometry, "_BLOCK", block)
        assert alignment(Z, y, alpha) == pytest.approx(np.mean(powers), rel=1e-9)


@few
@given(
    seed=seeds, t=st.sampled_from([0.5, 2, 10]), block=st.sampled_from([1, 99, 2**20])
)
def test_uniformity_is_the_papers(seed, t, block):
    Z = torch.nn.functional.normalize(torch.tensor(drawn(seed)))
    expected = torch.pdist(Z).pow(2).mul(-t).exp().mean().log().item()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_geometry, "_BLOCK", block)
        assert uniformity(Z.numpy(), t) == pytest.approx(expected, rel=1e-9)


def test_alignment_is_the_papers_for_two_views():
    Z, other = (torch.tensor(drawn(seed)) for seed in (0, 1))
    expected = (Z - other).norm(p=2, dim=1).pow(2).mean().item()
    both, views = np.concatenate([Z, other]), np.tile(np.arange(30), 2)
    assert alignment(both, views) == pytest.approx(expected)


def test_points_that_coincide():
    Z, y = np.full((6, 2), 0.1), [0, 0, 0, 1, 1, 1]
    assert alignment(Z, y) == alignment(Z, y, alpha=0.5) == 0
    assert uniformity(Z) == 0
    assert effective_rank(Z) == 0
    assert hubness(Z, n_neighbors=5) == 0


def test_far_points_do_not_vanish():
    # The potential of the nearest pair is e^-2,000,000, which is 0 in floats.
    Z = np.array([[0.0], [1000.0], [3000.0]])
    assert uniformity(Z) == pytest.approx(-2e6 - math.log(3))


def test_on_a_sphere_of_many_dimensions_uniformity_is_near_minus_2t():
    Z = drawn(0, 300, 200)
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    assert uniformity(Z) == pytest.approx(-4, abs=0.05)


# Dimension.


@pytest.mark.parametrize("n_used", [1, 2, 5])
def test_effective_rank_counts_directions_of_equal_spread(n_used):
    cross = np.concatenate([np.eye(8)[:n_used], -np.eye(8)[:n_used]])
    turn = np.linalg.qr(drawn(0, 8, 8))[0]
    assert effective_rank(3 * cross @ turn + 7) == pytest.approx(n_used)


def test_effective_rank_by_hand():
    # Singular values in the ratio 3 : 1.
    Z = np.array([[3.0, 0], [-3, 0], [0, 1], [0, -1]])
    expected = math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    assert effective_rank(Z) == pytest.approx(expected)


# Neighbours.


@few
@given(seed=seeds, k=st.integers(1, 10))
def test_hubness_is_the_skewness_of_how_often_rows_are_neighbours(seed, k):
    from scipy.stats import skew

    Z = drawn(seed)
    found = nearest(Z, k)
    counts = [sum(j in near for near in found) for j in range(30)]
    assert hubness(Z, k) == pytest.approx(skew(counts))


@few
@given(seed=seeds, k=st.integers(1, 10))
def test_neighborhood_preservation_is_the_share_of_neighbours_kept(seed, k):
    X, Z = drawn(seed), drawn(seed)[:, :2]
    both = zip(nearest(X, k), nearest(Z, k), strict=True)
    expected = np.mean([len(before & after) / k for before, after in both])
    assert neighborhood_preservation(X, Z, k) == pytest.approx(expected)
    assert neighborhood_preservation(X, X[:, ::-1] * 5, k) == 1


def test_hubs_come_with_dimensions():
    low, high = (hubness(drawn(0, 400, d)) for d in (3, 100))
    assert low < 1 < 2 < high


def test_the_tenth_and_the_fifth_nearest_count_by_default():
    Z = drawn(0)
    assert hubness(Z) == hubness(Z, n_neighbors=10)
    kept = neighborhood_preservation(Z, Z[:, :1])
    assert kept == neighborhood_preservation(Z, Z[:, :1], n_neighbors=5)


# Consistency.


@few
@given(seed=seeds, widths=st.lists(st.integers(1, 4), min_size=2, max_size=4))
def test_consistency_is_the_r2_of_linear_regressions(seed, widths):
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import r2_score

    embeddings = [drawn(seed + i, 20, width) for i, width in enumerate(widths)]
    expected = [
        [
            r2_score(
                theirs,
                LinearRegression().fit(ours, theirs).predict(ours),
                multioutput="variance_weighted",
            )
            for theirs in embeddings
        ]
        for ours in embeddings
    ]
    assert_allclose(embedding_consistency(embeddings), expected, atol=1e-9)


def test_consistency_sees_through_affine_maps_only():
    Z = drawn(0)
    mapped = Z @ drawn(1, 3, 3) + [5, 0, -5]
    r2 = embedding_consistency((Z, mapped, Z**3, np.hstack([Z, Z, np.ones((30, 1))])))
    assert_allclose(r2[:2, :2], 1)
    assert_allclose(r2[[0, 3], [3, 0]], 1)
    assert r2[0, 2] < 0.9
    assert (r2 <= 1).all()


def test_unrelated_embeddings_have_almost_nothing_in_common():
    r2 = embedding_consistency([drawn(seed, 2000, 4) for seed in range(3)])
    assert (r2[~np.eye(3, dtype=bool)] < 0.01).all()


def test_an_array_of_embeddings_is_a_list_of_them():
    Z = np.stack([drawn(seed) for seed in range(3)])
    assert_allclose(embedding_consistency(Z), embedding_consistency(list(Z)), rtol=0)


# Units.


def test_the_unit_may_be_very_small_or_large():
    Z, other = drawn(0), drawn(1)
    y = np.arange(30) % 3
    r2 = embedding_consistency([Z, other])
    kept = neighborhood_preservation(Z, Z[:, :1])
    for unit in (1e-300, 1e-200, 1e200, 1e307):
        for pair in ([Z, other * unit], [Z * unit, other], [Z * unit, other * unit]):
            assert_allclose(embedding_consistency(pair), r2, rtol=1e-9)
        assert effective_rank(Z * unit) == pytest.approx(effective_rank(Z))
        assert hubness(Z * unit) == hubness(Z)
        assert neighborhood_preservation(Z, Z[:, :1] * unit) == kept
        expected = alignment(Z, y, alpha=0.5) * np.sqrt(unit)
        assert alignment(Z * unit, y, alpha=0.5) == pytest.approx(expected)


def test_where_the_unit_matters_the_metric_must_be_finite():
    Z, y = drawn(0), np.arange(30) % 3
    assert uniformity(Z * 1e-200) == 0
    message = "`Z` must have distances with squares that are finite numbers. Divide"
    with pytest.raises(ValueError, match=re.escape(message)):
        uniformity(Z * 1e200)
    message = "`Z` must have distances with powers that are finite numbers. Divide"
    with pytest.raises(ValueError, match=re.escape(message)):
        alignment(Z * 1e200, y)


def test_consistency_is_nan_where_a_sum_is_nan(monkeypatch):
    # A metric that could not be computed is not a perfect one.
    monkeypatch.setattr("scipy.linalg.orth", lambda Z: np.full(Z.shape, np.nan))
    r2 = embedding_consistency([drawn(0), drawn(1)])
    assert np.isnan(r2[[0, 1], [1, 0]]).all()


def test_messages_hold_no_whole_array():
    Z = drawn(0, 900, 1)
    for call in (
        lambda: embedding_consistency(Z),
        lambda: embedding_consistency({"first": Z}),
        lambda: embedding_consistency([Z, Z[:, 0]]),
        lambda: hubness(Z[:, 0]),
    ):
        with pytest.raises(ValueError, match="must be a") as caught:
            call()
        assert len(str(caught.value)) < 250


# Mistakes.


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda Z: alignment(Z, range(30)),
            "each of the 30 rows is alone of its class",
        ),
        (lambda Z: alignment(Z, [0, 1]), "one label for each row of `Z`; got 2 labels"),
        (
            lambda Z: alignment(Z, [0] * 30, alpha=0),
            "The 'alpha' parameter of alignment",
        ),
        (
            lambda Z: uniformity(Z, t=-1),
            "The 't' parameter of uniformity must be a float",
        ),
        (
            lambda Z: uniformity(Z[:1]),
            "(shape=(1, 3)) while a minimum of 2 is required.",
        ),
        (
            lambda Z: effective_rank(Z[:1]),
            "(shape=(1, 3)) while a minimum of 2 is required.",
        ),
        (lambda Z: effective_rank(Z * np.inf), "found NaN or infinity in 30 rows"),
        (
            lambda Z: hubness(Z, 30),
            "`n_neighbors` must be at least 1 and less than the number of rows, 30",
        ),
        (
            lambda Z: hubness(Z, 0),
            "The 'n_neighbors' parameter of hubness must be an int",
        ),
        (lambda Z: neighborhood_preservation(Z, Z[:9]), "got 9 rows and 30"),
        (lambda Z: neighborhood_preservation(Z[:5], Z[:5]), "number of rows, 5; got 5"),
        (lambda Z: neighborhood_preservation(Z * np.nan, Z), "`X` must be finite"),
        (
            lambda Z: embedding_consistency([Z]),
            "two embeddings or more of the same rows",
        ),
        (
            lambda Z: embedding_consistency(Z),
            "`embeddings[0]` must be a table of numbers, of shape (n_rows, n_comp",
        ),
        (lambda Z: embedding_consistency([Z, Z[1:]]), "got shapes [(30, 3), (29, 3)]"),
        (
            lambda Z: embedding_consistency([Z[:4], Z[:4]]),
            "at least two more than comp",
        ),
        (
            lambda Z: embedding_consistency([Z, Z * 0]),
            "all rows of embeddings[1] coinci",
        ),
        (
            lambda Z: embedding_consistency([Z, "x"]),
            "`embeddings[1]` must be a table of",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in multiply")
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call(drawn(0))
