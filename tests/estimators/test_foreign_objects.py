"""Objects that are not the package's own, or are changed behind its back."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from torch import nn

from sklearn_contrastive import ContrastiveEmbedding, Pairs
from sklearn_contrastive.miners import AllPairs
from sklearn_contrastive.similarity import LabelSimilarity

X, y = load_iris(return_X_y=True)


def small(**settings):
    return ContrastiveEmbedding(4, max_iter=2, random_state=0, **settings)


def test_a_module_that_is_frozen_later_changes_nothing():
    module = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 4))
    model = small(encoder=module).fit(X, y)
    Z, state = model.transform(X), model.module_state_
    module[0].requires_grad_(False)
    assert_array_equal(model.transform(X), Z)
    assert {k: v.shape for k, v in model.module_state_.items()} == {
        k: v.shape for k, v in state.items()
    }


def test_training_does_not_resume_with_parameters_in_another_order():
    module = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    model = small(encoder=module, warm_start=True).fit(X, y)
    Z = model.transform(X)
    module[0].requires_grad_(False)
    with pytest.raises(ValueError, match="parameters of the names it began with"):
        model.fit(X, y)
    assert_array_equal(model.transform(X), Z)


@pytest.mark.parametrize("base", [BaseEstimator, object])
def test_a_foreign_miner_may_draw_and_be_resolved(base):
    class Drawn(base):
        draws, resolved = True, None

        def __call__(self, distances, pairs, generator):
            seen.append((generator is not None, self.resolved))
            return pairs

        def resolve(self, n_components, normalize):
            copy = Drawn()
            copy.resolved = n_components
            return copy

    seen = []
    small(miner=Drawn(), n_members=1).fit(X, y)
    assert set(seen) == {(True, 4)}


def test_results_of_a_miner_with_a_call_of_its_own_are_checked():
    class Greedy(AllPairs):
        def __call__(self, distances, pairs):
            return Pairs(pairs.positive * 3, pairs.negative)

    with pytest.raises(ValueError, match=re.escape("weights between 0 and those it")):
        small(miner=Greedy()).fit(X, y)


def test_a_foreign_loss_must_not_learn():
    class Learning(BaseEstimator):
        def init(self, n_components, n_classes, rng):
            return {"scale": np.ones(1)}

        def __call__(self, anchors, candidates, pairs):
            return anchors.square().mean()

    with pytest.raises(ValueError, match=re.escape("derived from losses.Loss")):
        small(loss=Learning()).fit(X, y)


def test_a_similarity_that_compares_by_its_own_state_is_not_shared():
    class FirstRows(LabelSimilarity):
        def compare(self, keys, other_keys, work=None):
            return super().compare(keys, other_keys)

    assert LabelSimilarity().fit(X, y).batchable
    assert not FirstRows().fit(X, y).batchable
    assert not FirstRows.symmetric
    assert not FirstRows.repeatable
    small(similarity=FirstRows(), n_members=2).fit(X, y)


def test_attributes_of_others_outlive_a_fit_that_resumes():
    model = small().fit(X, y)
    model.threshold_ = 0.3
    model.partial_fit(X, y).partial_fit(X)
    assert model.threshold_ == 0.3
    assert_array_equal(model.classes_, [0, 1, 2])
    assert not hasattr(model.fit(X, y), "threshold_")
