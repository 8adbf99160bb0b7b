"""What each miner keeps, and what no miner may do."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_contrastive import miners
from sklearn_contrastive._pairs import Pairs
from sklearn_contrastive.miners import AllPairs, NearestPairs

every_miner = pytest.mark.parametrize("miner", [m() for m in miners.MINERS.values()])
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def tile(seed, n_anchors=6, n_candidates=14):
    rng = np.random.RandomState(seed)
    distances = torch.tensor(rng.uniform(size=(n_anchors, n_candidates)))
    kind = torch.tensor(rng.randint(3, size=(n_anchors, n_candidates)))
    return distances, Pairs(kind == 0, kind == 1)


def literal_nearest(distances, weights, n_kept):
    """Keep the nearest known candidates of each anchor, one anchor at a time."""
    kept = np.zeros(weights.shape)
    for i, row in enumerate(weights):
        known = [j for j in range(len(row)) if row[j] > 0]
        for j in sorted(known, key=lambda j: distances[i, j])[:n_kept]:
            kept[i, j] = row[j]
    return kept


@few
@given(seed=seeds, n_positives=st.integers(1, 20), n_negatives=st.integers(1, 20))
def test_nearest_is_the_literal_loop(seed, n_positives, n_negatives):
    distances, pairs = tile(seed)
    kept = NearestPairs(n_positives, n_negatives)(distances, pairs)
    for weights, known, n_kept in zip(
        kept, pairs, (n_positives, n_negatives), strict=True
    ):
        expected = literal_nearest(distances.numpy(), known.numpy(), n_kept)
        np.testing.assert_array_equal(weights.numpy(), expected)


def test_nearest_keeps_the_weights():
    distances = torch.tensor([[0.1, 0.2, 0.3]])
    weights = torch.tensor([[0.5, 0.0, 2.0]])
    kept = NearestPairs(2, 1)(distances, Pairs(weights, weights))
    assert kept.positive.tolist() == [[0.5, 0.0, 2.0]]
    assert kept.negative.tolist() == [[0.5, 0.0, 0.0]]


def test_all_changes_nothing():
    distances, pairs = tile(0)
    assert AllPairs()(distances, pairs) is pairs


@every_miner
@few
@given(seed=seeds)
def test_weights_are_only_lowered(miner, seed):
    distances, pairs = tile(seed)
    for kept, known in zip(miner(distances, pairs), pairs, strict=True):
        assert (kept.int() <= known.int()).all()
        assert (kept.int() >= 0).all()


@every_miner
@few
@given(seed=seeds)
def test_an_anchor_depends_on_its_own_row(miner, seed):
    distances, pairs = tile(seed)
    whole = miner(distances, pairs)
    for i in range(len(distances)):
        alone = miner(distances[i : i + 1], Pairs(*(w[i : i + 1] for w in pairs)))
        for one, many in zip(alone, whole, strict=True):
            assert torch.equal(one[0], many[i])


@every_miner
def test_an_empty_tile_stays_empty(miner):
    none = torch.zeros((0, 0), dtype=torch.bool)
    kept = miner(torch.zeros((0, 0)), Pairs(none, none))
    assert kept.positive.shape == kept.negative.shape == (0, 0)


@every_miner
def test_a_leading_axis_holds_independent_tiles(miner):
    tiles = [tile(seed) for seed in range(3)]
    stacked = miner(
        torch.stack([distances for distances, _ in tiles]),
        Pairs(*(torch.stack(w) for w in zip(*(p for _, p in tiles), strict=True))),
    )
    for i, (distances, pairs) in enumerate(tiles):
        for many, one in zip(stacked, miner(distances, pairs), strict=True):
            assert torch.equal(many[i], one)
