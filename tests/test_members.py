"""Ensembles of encoders: several networks trained at once, in one embedding."""

import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.similarity import NeighborSimilarity

X, y = load_wine(return_X_y=True)
ROWS, OTHERS, LABELS, OTHER_LABELS = train_test_split(X, y, random_state=0, stratify=y)


def ensemble(n_members=3, **settings):
    settings = {"n_components": 4, "hidden_layer_sizes": (16,), **settings}
    settings = {"max_iter": 8, "random_state": 0, **settings}
    return ContrastiveEmbedding(n_members=n_members, **settings)


def streams(seed, n_members):
    """Return the sources of randomness of the members."""
    seeds = np.random.RandomState(seed).randint(2**31 - 1, size=n_members)
    return [np.random.RandomState(own) for own in seeds]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"loss": "info_nce"},
        {"loss": "hybrid"},
        {"loss": "proxy_anchor"},
        {"miner": "memory", "batch_size": 32},
        {"miner": "global", "batch_size": 32},
        {"miner": "random"},
        {"similarity": NeighborSimilarity(3)},
        {"similarity": "views", "loss": "info_nce"},
        {"encoder": "linear"},
        {"normalize": False},
    ],
    ids=str,
)
def test_each_member_is_the_same_network_as_alone(settings):
    together = ensemble(**settings).fit(ROWS, LABELS)
    Z = together.transform(OTHERS)
    assert Z.shape == (len(OTHERS), 12)
    for member, rng in enumerate(streams(0, 3)):
        alone = ensemble(1, **settings).set_params(random_state=rng)
        own = alone.fit(ROWS, LABELS).transform(OTHERS) / np.sqrt(3)
        assert_allclose(Z[:, 4 * member : 4 * member + 4], own, rtol=1e-3, atol=2e-4)


def test_squared_distances_are_the_mean_of_those_of_the_members():
    model = ensemble().fit(ROWS, LABELS)
    pairs = np.stack([OTHERS[:-1], OTHERS[1:]], axis=1)
    Z = model.transform(OTHERS).reshape(-1, 3, 4) * np.sqrt(3)
    squares = ((Z[:-1] - Z[1:]) ** 2).sum(axis=2)
    assert_allclose(model.pair_distance(pairs) ** 2, squares.mean(axis=1), rtol=1e-6)


def test_points_stay_on_the_unit_sphere():
    Z = ensemble().fit(ROWS, LABELS).transform(OTHERS)
    assert_allclose(np.linalg.norm(Z, axis=1), 1, rtol=1e-6)


def test_its_state_has_an_axis_of_members():
    model = ensemble().fit(ROWS, LABELS)
    assert [W.shape for W in model.coefs_] == [(3, 13, 16), (3, 16, 4)]
    assert [b.shape for b in model.intercepts_] == [(3, 16), (3, 4)]
    assert len(model.loss_curve_) == model.n_iter_ == 8
    assert all(len(curve) == 8 for curve in model.mining_curve_.values())
    names = model.get_feature_names_out()
    assert names[0] == "contrastiveembedding0"
    assert len(names) == 12


def test_it_can_be_pickled_cloned_and_fitted_again():
    model = ensemble().fit(ROWS, LABELS)
    Z = model.transform(OTHERS)
    assert_array_equal(pickle.loads(pickle.dumps(model)).transform(OTHERS), Z)
    assert_array_equal(clone(model).fit(ROWS, LABELS).transform(OTHERS), Z)
    frame = model.set_output(transform="pandas").transform(OTHERS)
    assert frame.shape == Z.shape


def test_rows_are_mapped_one_by_one_as_all_at_once():
    model = ensemble().fit(ROWS, LABELS)
    one_by_one = [model.transform(row[None])[0] for row in OTHERS]
    assert_allclose(one_by_one, model.transform(OTHERS), rtol=1e-9, atol=1e-12)


def test_early_stopping_judges_the_embedding_of_all_members():
    model = ensemble(early_stopping=True, max_iter=12).fit(ROWS, LABELS)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.transform(OTHERS).shape == (len(OTHERS), 12)


@pytest.mark.parametrize("loss", ["contrastive", "info_nce"])
def test_training_goes_on_where_it_stood(loss):
    model = ensemble(loss=loss, warm_start=True).fit(ROWS, LABELS)
    before = [W.copy() for W in model.coefs_]
    model.set_params(learning_rate_init=1e-12).fit(ROWS, LABELS)
    assert model.n_iter_ == 16
    for now, then in zip(model.coefs_, before, strict=True):
        assert_allclose(now, then, atol=1e-6)
    model.partial_fit(ROWS, LABELS)
    assert model.n_iter_ == 17


@pytest.mark.parametrize("n_members", [1, 2, 4])
def test_training_does_not_go_on_with_other_members(n_members):
    model = ensemble(warm_start=True).fit(ROWS, LABELS)
    Z = model.transform(OTHERS)
    message = "`n_components` and `n_members` now ask for"
    with pytest.raises(ValueError, match=re.escape(message)):
        model.set_params(n_members=n_members).fit(ROWS, LABELS)
    assert_array_equal(model.transform(OTHERS), Z)


def test_a_module_has_no_members():
    def network(n_features, n_components):
        import torch

        return torch.nn.Linear(n_features, n_components)

    message = "`n_members` must be 1 with encoder="
    with pytest.raises(ValueError, match=re.escape(message)):
        ensemble(encoder=network).fit(ROWS, LABELS)


def test_more_members_are_more_accurate_on_the_mean_of_seeds():
    def accuracy(n_members, seed):
        model = ensemble(n_members, max_iter=3, random_state=seed)
        knn = KNeighborsClassifier().fit(model.fit_transform(ROWS, LABELS), LABELS)
        return knn.score(model.transform(OTHERS), OTHER_LABELS)

    alone, together = (
        np.mean([accuracy(n, seed) for seed in range(6)]) for n in (1, 8)
    )
    assert together > alone


def test_constant_columns_do_no_harm():
    wide = np.column_stack([ROWS, np.ones(len(ROWS))])
    model = ensemble().fit(wide, LABELS)
    assert VarianceThreshold().fit(model.transform(wide)).get_support().any()
