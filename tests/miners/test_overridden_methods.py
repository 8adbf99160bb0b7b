"""Miners of a user's own that override a method of one of the package."""

from functools import cache

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._pairs._keys import Links, Pairs
from sklearn_contrastive.miners import (
    AllPairs,
    CrossBatchMemory,
    DistanceWeightedPairs,
    HardPairs,
    LinkMiner,
    Miner,
    MultiSimilarityPairs,
    NearestPairs,
    RandomPairs,
)

X, y = load_iris(return_X_y=True)
#: One loss for each way to evaluate pairs.
LOSSES = "contrastive", "supcon", "lifted"


def fit(miner, loss="contrastive", n_members=1, **settings):
    model = ContrastiveEmbedding(
        3 * n_members,
        hidden_layer_sizes=(8,),
        loss=loss,
        miner=miner,
        n_members=n_members,
        batch_size=75,
        **{"max_iter": 1, "random_state": 0, **settings},
    )
    return model.fit(X, y)


#: One fit for all miners that are to train as this one.
fit_once = cache(fit)


def assert_same_training(ours, theirs, **settings):
    for loss in LOSSES:
        for n_members in (1, 2):
            first = fit(ours, loss, n_members, **settings)
            second = fit_once(theirs, loss, n_members, **settings)
            np.testing.assert_allclose(
                first.loss_curve_, second.loss_curve_, rtol=1e-4, err_msg=loss
            )
            Z, expected = (model.transform(X) for model in (first, second))
            np.testing.assert_allclose(Z, expected, atol=1e-3, err_msg=loss)


def within(distances, pairs):
    """Keep the pairs within a distance of 1."""
    return Pairs(*(w * (distances < 1) for w in pairs))


MEMORY_WITHIN = CrossBatchMemory(90, within)
HARD = HardPairs(2, 3)


def call(self, distances, pairs, generator=None):
    return within(distances, pairs)


def links(self, distances, pairs, out=None, generator=None):
    return HardPairs(2, 3).links(distances, pairs, out)


def derived(cls, **methods):
    """Return classes that override methods, by themselves and by a mixin."""
    mixin = type("Methods", (), methods)
    return type("Own", (cls,), methods), type("OwnByMixin", (mixin, cls), {})


@pytest.mark.parametrize(
    "cls", [AllPairs, HardPairs, MultiSimilarityPairs, NearestPairs, RandomPairs]
)
def test_training_calls_an_overridden_call(cls):
    for own in derived(cls, __call__=call):
        assert not own.tested
        assert not own.keeps_all
        assert not own.lists_pairs
        assert_same_training(own(), within)
        ours = CrossBatchMemory(90, own())
        # The memory is full at the end of the first of them.
        assert_same_training(ours, MEMORY_WITHIN, max_iter=2)


@pytest.mark.parametrize("cls", [HardPairs, NearestPairs, RandomPairs])
def test_training_reads_overridden_links(cls):
    for own in derived(cls, links=links):
        assert not own.tested
        assert own.lists_pairs
        assert_same_training(own(), HARD)


def test_an_overridden_call_may_call_the_original():
    class EveryOther(NearestPairs):
        def __call__(self, distances, pairs, generator=None):
            kept = super().__call__(distances, pairs, generator)
            odd = torch.arange(distances.shape[-1]) % 2
            return Pairs(kept.positive, odd * kept.negative)

    for loss in LOSSES:
        ours = fit(EveryOther(2, 3), loss, max_iter=1).mining_curve_
        theirs = fit(NearestPairs(2, 3), loss, max_iter=1).mining_curve_
        assert ours["kept_positive"] == pytest.approx(theirs["kept_positive"])
        assert 0.2 < ours["kept_negative"][0] / theirs["kept_negative"][0] < 0.8


def test_a_miner_that_draws_gets_a_generator_in_overridden_methods():
    given = []

    class Called(RandomPairs):
        def __call__(self, distances, pairs, generator=None):
            given.append(generator)
            return super().__call__(distances, pairs, generator)

    class Linked(RandomPairs):
        def links(self, distances, pairs, out=None, generator=None):
            given.append(generator)
            return super().links(distances, pairs, out, generator)

    for cls in (Called, Linked):
        first, again = (fit(cls()).transform(X) for _ in range(2))
        assert first.tobytes() == again.tobytes()
    assert {type(generator) for generator in given} == {np.random.Generator}


@pytest.mark.parametrize("cls", [NearestPairs, DistanceWeightedPairs])
def test_training_takes_what_an_overridden_resolve_returns(cls):
    seen = []

    def resolve(self, n_components, normalize):
        seen.append((n_components, normalize))
        return HardPairs(2, 3)

    for own in derived(cls, resolve=resolve):
        assert_same_training(own(), HARD)
    assert set(seen) == {(3, True)}


def test_a_miner_of_one_call_or_of_links_is_enough():
    class Within(Miner):
        def __call__(self, distances, pairs):
            return within(distances, pairs)

    class Nearest(LinkMiner):
        def links(self, distances, pairs, out=None, generator=None):
            kept = []
            for weights in pairs:
                weights = weights.to(distances.dtype)
                far = torch.where(weights > 0, distances, 1e30)
                index = far.argmin(-1, keepdim=True)
                kept.append(Links(index.mT, weights.gather(-1, index).mT))
            return Pairs(*kept)

    assert_same_training(Within(), within)
    assert_same_training(Nearest(), NearestPairs(1, 1))
