"""What each miner keeps, and what no miner may do."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_metric_learning.miners import MultiSimilarityMiner
from scipy.stats import chi2
from sklearn.base import clone
from sklearn.datasets import load_iris

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._pairs._keys import Pairs
from sklearn_contrastive.miners import (
    MINERS,
    AllPairs,
    DistanceWeightedPairs,
    HardPairs,
    LinkMiner,
    MultiSimilarityPairs,
    NearestPairs,
    RandomPairs,
)

X, y = load_iris(return_X_y=True)

OBJECTS = {name: cls() for name, cls in MINERS.items()}
#: What looks beyond a batch says what to do, and is no function of a tile.
BEYOND = {"global", "memory"}
CHOOSING = [OBJECTS[name] for name in MINERS if name not in {*BEYOND, "semihard"}]
DRAWING = [miner for miner in CHOOSING if miner.draws]
STEADY = [miner for miner in CHOOSING if not miner.draws]

every_miner = pytest.mark.parametrize("miner", CHOOSING, ids=repr)
every_drawing_miner = pytest.mark.parametrize("miner", DRAWING, ids=repr)
every_steady_miner = pytest.mark.parametrize("miner", STEADY, ids=repr)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def tile(seed, n_anchors=6, n_candidates=14):
    rng = np.random.RandomState(seed)
    distances = torch.tensor(rng.uniform(0, 2, size=(n_anchors, n_candidates)))
    kind = torch.tensor(rng.randint(3, size=(n_anchors, n_candidates)))
    return distances, Pairs(kind == 0, kind == 1)


def mine(miner, distances, pairs, generator=0):
    """Call a miner, one that draws with a generator or with one of a given seed."""
    if not miner.draws:
        return miner(distances, pairs)
    return miner(distances, pairs, np.random.default_rng(generator))


def repeated(distances, pairs, n_times):
    """Return the same tile many times over, each with draws of its own."""
    return (
        distances.expand(n_times, *distances.shape),
        Pairs(*(weights.expand(n_times, *weights.shape) for weights in pairs)),
    )


def one_anchor(distances, n_positives=0):
    """Return a tile of one anchor whose first candidates are positives."""
    distances = torch.tensor([distances])
    positive = torch.arange(distances.shape[1])[None] < n_positives
    return distances, Pairs(positive, ~positive)


def literal_first(values, weights, n_kept):
    """Keep the candidates of least value that have a weight, one anchor at a time."""
    kept = np.zeros(weights.shape)
    for i, row in enumerate(weights):
        places = [j for j in range(len(row)) if row[j] > 0]
        for j in sorted(places, key=lambda j: values[i, j])[:n_kept]:
            kept[i, j] = row[j]
    return kept


def test_semihard_leaves_the_choice_to_the_loss():
    assert type(OBJECTS["semihard"]) is AllPairs


def test_only_what_looks_beyond_a_batch_is_no_function_of_a_tile():
    assert {name for name, miner in OBJECTS.items() if not callable(miner)} == BEYOND


# Properties that every miner has.


@every_miner
@few
@given(seed=seeds)
def test_a_weight_is_kept_or_becomes_zero(miner, seed):
    distances, pairs = tile(seed)
    factor = torch.tensor(np.random.RandomState(seed).uniform(0.1, 3, distances.shape))
    pairs = Pairs(*(weights * factor for weights in pairs))
    for kept, before in zip(mine(miner, distances, pairs), pairs, strict=True):
        assert kept.shape == before.shape
        assert ((kept == before) | (kept == 0)).all()


@every_miner
@few
@given(seed=seeds)
def test_other_anchors_do_not_matter(miner, seed):
    (distances, pairs), (others, other_pairs) = tile(seed), tile(~seed % 2**32)
    whole = mine(miner, distances, pairs)
    for i in range(len(distances)):
        mixed = others.clone()
        mixed[i] = distances[i]
        among = [weights.clone() for weights in other_pairs]
        for weights, own in zip(among, pairs, strict=True):
            weights[i] = own[i]
        kept = mine(miner, mixed, Pairs(*among))
        for one, many in zip(kept, whole, strict=True):
            assert torch.equal(one[i], many[i])


@every_steady_miner
@few
@given(seed=seeds)
def test_an_anchor_alone_keeps_what_it_keeps_among_others(miner, seed):
    distances, pairs = tile(seed)
    whole = miner(distances, pairs)
    for i in range(len(distances)):
        alone = miner(distances[i : i + 1], Pairs(*(w[i : i + 1] for w in pairs)))
        for one, many in zip(alone, whole, strict=True):
            assert torch.equal(one[0], many[i])


@every_drawing_miner
@few
@given(seed=seeds)
def test_the_same_generator_draws_the_same_pairs(miner, seed):
    distances, pairs = tile(seed)
    first, again = (mine(miner, distances, pairs, seed) for _ in range(2))
    assert all(map(torch.equal, first, again))


@every_drawing_miner
def test_without_a_generator_each_call_draws_anew(miner):
    distances, pairs = tile(0, n_candidates=60)
    first, again = (miner(distances * 0 + 1, pairs) for _ in range(2))
    assert not torch.equal(first.negative, again.negative)


@every_drawing_miner
def test_a_generator_of_torch_will_do(miner):
    distances, pairs = tile(0, n_candidates=60)
    first, again = (
        miner(distances, pairs, torch.Generator().manual_seed(0)) for _ in range(2)
    )
    assert all(map(torch.equal, first, again))
    assert (first.negative.sum(-1) > 0).all()


@every_miner
def test_an_empty_tile_stays_empty(miner):
    for shape in [(0, 0), (0, 5), (3, 0)]:
        none = torch.zeros(shape, dtype=torch.bool)
        kept = mine(miner, torch.zeros(shape), Pairs(none, none))
        assert kept.positive.shape == kept.negative.shape == shape


@every_miner
def test_nothing_is_kept_of_no_pairs(miner):
    distances, _ = tile(0)
    none = torch.zeros(distances.shape)
    assert all((kept == 0).all() for kept in mine(miner, distances, Pairs(none, none)))


@every_miner
def test_a_leading_axis_holds_independent_tiles(miner):
    tiles = [tile(seed) for seed in range(3)]
    stacked = mine(
        miner,
        torch.stack([distances for distances, _ in tiles]),
        Pairs(*(torch.stack(w) for w in zip(*(p for _, p in tiles), strict=True))),
    )
    # One generator draws for one tile after the other, as for all at once.
    generator = np.random.default_rng(0)
    for i, (distances, pairs) in enumerate(tiles):
        kept = mine(miner, distances, pairs, generator)
        for many, one in zip(stacked, kept, strict=True):
            assert torch.equal(many[i], one)


@every_miner
def test_tiles_are_left_as_they_were(miner):
    distances, pairs = tile(0)
    before = [distances.clone(), *(weights.clone() for weights in pairs)]
    mine(miner, distances, pairs)
    assert all(map(torch.equal, before, [distances, *pairs]))


# Each miner against its definition.


def test_all_changes_nothing():
    distances, pairs = tile(0)
    assert AllPairs()(distances, pairs) is pairs


@few
@given(seed=seeds, n_positives=st.integers(1, 20), n_negatives=st.integers(1, 20))
def test_nearest_is_the_literal_loop(seed, n_positives, n_negatives):
    distances, pairs = tile(seed)
    kept = NearestPairs(n_positives, n_negatives)(distances, pairs)
    for weights, before, n_kept in zip(
        kept, pairs, (n_positives, n_negatives), strict=True
    ):
        expected = literal_first(distances.numpy(), before.numpy(), n_kept)
        np.testing.assert_array_equal(weights.numpy(), expected)


@few
@given(seed=seeds, n_positives=st.integers(1, 20), n_negatives=st.integers(1, 20))
def test_hard_is_the_literal_loop(seed, n_positives, n_negatives):
    distances, pairs = tile(seed)
    kept = HardPairs(n_positives, n_negatives)(distances, pairs)
    far = literal_first(-distances.numpy(), pairs.positive.numpy(), n_positives)
    near = literal_first(distances.numpy(), pairs.negative.numpy(), n_negatives)
    np.testing.assert_array_equal(kept.positive.numpy(), far)
    np.testing.assert_array_equal(kept.negative.numpy(), near)


@pytest.mark.parametrize("miner", [NearestPairs(2, 1), HardPairs(2, 1)], ids=repr)
def test_the_kept_pairs_keep_their_weights(miner):
    distances = torch.tensor([[0.1, 0.2, 0.3]])
    weights = torch.tensor([[0.5, 0.0, 2.0]])
    kept = miner(distances, Pairs(weights, weights))
    assert kept.positive.tolist() == [[0.5, 0.0, 2.0]]
    assert kept.negative.tolist() == [[0.5, 0.0, 0.0]]


@few
@given(seed=seeds, n_positives=st.integers(1, 20), n_negatives=st.integers(1, 20))
def test_random_keeps_so_many_of_each_anchor(seed, n_positives, n_negatives):
    distances, pairs = tile(seed)
    kept = mine(RandomPairs(n_positives, n_negatives), distances, pairs, seed)
    for weights, before, n_kept in zip(
        kept, pairs, (n_positives, n_negatives), strict=True
    ):
        assert torch.equal((weights > 0).sum(-1), before.sum(-1).clamp(max=n_kept))


def test_random_keeps_all_pairs_equally_often():
    n_times = 4000
    distances, pairs = one_anchor([1.0] * 12, n_positives=5)
    kept = mine(RandomPairs(2, 3), *repeated(distances, pairs, n_times))
    shares = [weights.mean(0)[0] for weights in kept]
    # Five standard deviations of a share are 0.04.
    np.testing.assert_allclose(shares[0], [2 / 5] * 5 + [0] * 7, atol=0.04)
    np.testing.assert_allclose(shares[1], [0] * 5 + [3 / 7] * 7, atol=0.04)


def literal_multi_similarity(distances, pairs, epsilon):
    similarities = 1 - distances**2 / 2
    kept = [np.zeros(distances.shape) for _ in pairs]
    for i in range(len(distances)):
        positive, negative = (np.flatnonzero(weights[i]) for weights in pairs)
        if len(positive) and len(negative):
            lowest = min(similarities[i, positive])
            highest = max(similarities[i, negative])
            for j in positive:
                kept[0][i, j] = similarities[i, j] - epsilon < highest
            for j in negative:
                kept[1][i, j] = similarities[i, j] + epsilon > lowest
    return kept


@few
@given(seed=seeds, epsilon=st.sampled_from([0.0, 0.1, 0.5]), n=st.integers(1, 14))
def test_multi_similarity_is_the_literal_loop(seed, epsilon, n):
    distances, pairs = tile(seed, n_candidates=n)
    kept = MultiSimilarityPairs(epsilon)(distances, pairs)
    expected = literal_multi_similarity(
        distances.numpy(), [weights.numpy() for weights in pairs], epsilon
    )
    for weights, right in zip(kept, expected, strict=True):
        np.testing.assert_array_equal(weights.numpy(), right)


@few
@given(
    seed=seeds,
    epsilon=st.sampled_from([0.0, 0.1, 0.5]),
    n_rows=st.integers(2, 30),
    n_classes=st.integers(1, 5),
)
def test_multi_similarity_is_that_of_pytorch_metric_learning(
    seed, epsilon, n_rows, n_classes
):
    rng = np.random.RandomState(seed)
    Z = torch.tensor(rng.normal(size=(n_rows, 3)))
    Z /= Z.norm(dim=1, keepdim=True)
    labels = torch.tensor(rng.randint(n_classes, size=n_rows))
    similar = labels[:, None] == labels
    pairs = Pairs(similar & ~torch.eye(n_rows, dtype=torch.bool), ~similar)
    distances = torch.cdist(Z, Z, compute_mode="donot_use_mm_for_euclid_dist")
    kept = MultiSimilarityPairs(epsilon)(distances, pairs)
    i, p, k, n = MultiSimilarityMiner(epsilon)(Z, labels)
    for weights, theirs in zip(kept, ((i, p), (k, n)), strict=True):
        expected = torch.zeros_like(distances)
        expected[theirs] = 1
        assert torch.equal(weights, expected)


def literal_shares(distances, dimension, cutoff, farthest):
    """Return one over the density of each distance, as shares."""
    weights = []
    for distance in distances:
        d = max(distance, cutoff)
        q = d ** (dimension - 2) * (1 - d**2 / 4) ** ((dimension - 3) / 2)
        weights.append(0 if distance > farthest else 1 / q)
    return np.array(weights) / sum(weights)


@pytest.mark.parametrize("dimension", [2, 3, 8])
@pytest.mark.parametrize(("cutoff", "farthest"), [(0.5, 1.4), (0.3, 2.0)])
def test_distance_weighted_draws_by_one_over_the_density(dimension, cutoff, farthest):
    n_times = 20_000
    apart = [0.2, 0.45, 0.6, 0.8, 1.0, 1.2, 1.39, 1.5, 1.9]
    distances, pairs = one_anchor(apart)
    miner = DistanceWeightedPairs(1, cutoff, farthest, dimension)
    kept = mine(miner, *repeated(distances, pairs, n_times))
    counts = kept.negative.sum(0)[0].numpy()
    assert counts.sum() == n_times
    expected = n_times * literal_shares(apart, dimension, cutoff, farthest)
    assert (counts[expected == 0] == 0).all()
    counts, expected = counts[expected > 0], expected[expected > 0]
    assert expected.min() > 5
    statistic = ((counts - expected) ** 2 / expected).sum()
    assert statistic < chi2.ppf(1 - 1e-4, len(counts) - 1)


def test_distance_weighted_draws_the_very_nearest_equally_often():
    n_times = 4000
    distances, pairs = one_anchor([0.0, 1e-4, 0.1, 0.49])
    miner = DistanceWeightedPairs(1, cutoff=0.5, dimension=32)
    kept = mine(miner, *repeated(distances, pairs, n_times))
    np.testing.assert_allclose(kept.negative.mean(0)[0], [1 / 4] * 4, atol=0.04)


@few
@given(
    seed=seeds, n_negatives=st.integers(1, 20), dimension=st.sampled_from([2, 32, 512])
)
def test_distance_weighted_keeps_positives_and_so_many_negatives(
    seed, n_negatives, dimension
):
    distances, pairs = tile(seed)
    miner = DistanceWeightedPairs(n_negatives, farthest=1.2, dimension=dimension)
    kept = mine(miner, distances, pairs, seed)
    assert torch.equal(kept.positive, pairs.positive)
    near = pairs.negative & (distances <= 1.2)
    assert not (kept.negative.bool() & ~near).any()
    assert torch.equal(kept.negative.sum(-1), near.sum(-1).clamp(max=n_negatives))


def test_distance_weighted_knows_the_dimension_of_the_embedding():
    assert DistanceWeightedPairs().resolve(7, True).dimension == 7
    assert DistanceWeightedPairs(dimension=32).resolve(7, True).dimension == 32


def test_distance_weighted_raises_off_the_sphere():
    with pytest.raises(ValueError, match="the unit sphere only"):
        DistanceWeightedPairs().resolve(7, False)


# Through the estimator.


def small(**settings):
    return ContrastiveEmbedding(
        **{
            "n_components": 3,
            "hidden_layer_sizes": (8,),
            "max_iter": 3,
            "batch_size": 32,
            "random_state": 0,
            "device": "cpu",
            **settings,
        }
    )


@pytest.mark.parametrize("loss", ["margin", "contrastive", "nca"])
def test_the_estimator_raises_for_distance_weighted_off_the_sphere(loss):
    for miner in ("distance_weighted", DistanceWeightedPairs()):
        model = small(loss=loss, miner=miner, normalize=False)
        with pytest.raises(ValueError, match="`miner='distance_weighted'` knows"):
            model.fit(X, y)


@pytest.mark.filterwarnings("ignore:`normalize=True` is not possible:UserWarning")
def test_a_line_is_off_the_sphere():
    with pytest.raises(ValueError, match="`normalize=True` with `n_components` >= 2"):
        small(miner="distance_weighted", n_components=1).fit(X, y)


@every_drawing_miner
def test_the_same_seed_draws_the_same_pairs_in_training(miner):
    for loss in ("contrastive", "nca", "lifted"):
        model = small(miner=miner, loss=loss)
        first, again = (clone(model).fit(X, y).transform(X) for _ in range(2))
        other = clone(model).set_params(random_state=1).fit(X, y).transform(X)
        assert first.tobytes() == again.tobytes()
        assert not np.allclose(first, other)


@pytest.mark.parametrize("miner", [NearestPairs(2, 3), HardPairs(2, 3)], ids=repr)
def test_lists_and_matrices_of_the_same_pairs_train_the_same(miner):
    def dense(distances, pairs):
        return miner(distances, pairs)

    listed, other = (small(miner=m).fit(X, y).transform(X) for m in (miner, dense))
    np.testing.assert_allclose(listed, other, atol=1e-3)


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        (HardPairs, [("n_positives", 0), ("n_negatives", 0)]),
        (RandomPairs, [("n_positives", 0), ("n_negatives", 1.5)]),
        (MultiSimilarityPairs, [("epsilon", -0.1)]),
        (DistanceWeightedPairs, [("n_negatives", 0), ("farthest", 2.1)]),
        (DistanceWeightedPairs, [("cutoff", 0), ("cutoff", 2.0)]),
        (DistanceWeightedPairs, [("dimension", 1), ("dimension", "many")]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_parameters_out_of_range_raise(cls, settings):
    for name, value in settings:
        message = f"The '{name}' parameter of {cls.__name__} must be"
        with pytest.raises(ValueError, match=re.escape(message)):
            small(miner=cls(**{name: value})).fit(X, y)


class Every(LinkMiner):
    """A list of all candidates, as the documentation describes how to write one."""

    def links(self, distances, pairs, out=None, generator=None):
        return NearestPairs(len(X), len(X)).links(distances, pairs, out)


def test_a_list_of_all_pairs_trains_as_all_pairs_do():
    listed, other = (small(miner=m).fit(X, y).transform(X) for m in (Every(), "all"))
    np.testing.assert_allclose(listed, other, atol=1e-3)


def test_a_cutoff_beyond_the_farthest_raises():
    miner = DistanceWeightedPairs(cutoff=1.5, farthest=1.0)
    with pytest.raises(ValueError, match="`cutoff` must be less than `farthest`"):
        miner.resolve(4, normalize=True)
