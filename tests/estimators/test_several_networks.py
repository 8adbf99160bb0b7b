"""Several networks trained at once, side by side in one embedding."""

import pickle
import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.feature_selection import VarianceThreshold
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._estimators import _held_out
from sklearn_contrastive._estimators._held_out import hold_out
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.similarity import LabelSimilarity, NeighborSimilarity

X, y = load_wine(return_X_y=True)
ROWS, OTHERS, LABELS, OTHER_LABELS = train_test_split(X, y, random_state=0, stratify=y)


def ensemble(n_members=3, **settings):
    """Return an embedding of networks with four components each."""
    n_components = 4 * n_members if n_members != "auto" else 32
    settings = {"n_components": n_components, "hidden_layer_sizes": (16,), **settings}
    settings = {"max_iter": 8, "random_state": 0, **settings}
    return ContrastiveEmbedding(n_members=n_members, **settings)


def network(n_features, n_components):
    """Return a module with a buffer, and with what draws in training."""
    layers = [torch.nn.Linear(n_features, 16), torch.nn.BatchNorm1d(16)]
    layers += [torch.nn.ReLU(), torch.nn.Dropout(0.2)]
    return torch.nn.Sequential(*layers, torch.nn.Linear(16, n_components))


def streams(seed, n_members):
    """Return the random stream of each network."""
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
        {"encoder": network},
        {"encoder": network, "loss": "proxy_anchor", "feature_weights": np.arange(13)},
        {"encoder": network, "miner": "global", "batch_size": 32},
        {"normalize": False},
    ],
)
def test_each_network_is_the_same_network_as_alone(settings):
    together = ensemble(**settings).fit(ROWS, LABELS)
    Z = together.transform(OTHERS)
    assert Z.shape == (len(OTHERS), 12)
    for member, rng in enumerate(streams(0, 3)):
        alone = ensemble(1, **settings).set_params(random_state=rng)
        own = alone.fit(ROWS, LABELS).transform(OTHERS) / np.sqrt(3)
        assert_allclose(Z[:, 4 * member : 4 * member + 4], own, rtol=1e-3, atol=2e-4)


def test_squared_distances_are_the_mean_of_those_of_the_networks():
    model = ensemble().fit(ROWS, LABELS)
    pairs = np.stack([OTHERS[:-1], OTHERS[1:]], axis=1)
    Z = model.transform(OTHERS).reshape(-1, 3, 4) * np.sqrt(3)
    squares = ((Z[:-1] - Z[1:]) ** 2).sum(axis=2)
    assert_allclose(model.pair_distance(pairs) ** 2, squares.mean(axis=1), rtol=1e-6)


def test_points_stay_on_the_unit_sphere():
    Z = ensemble().fit(ROWS, LABELS).transform(OTHERS)
    assert_allclose(np.linalg.norm(Z, axis=1), 1, rtol=1e-6)


def test_its_state_has_an_axis_of_networks():
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


@pytest.mark.parametrize("loss", ["contrastive", "proxy_anchor"])
def test_each_network_stops_as_it_would_alone(loss, monkeypatch):
    # The pairs are drawn from a stream of their own.
    monkeypatch.setattr(
        _held_out, "random_streams", lambda _: [np.random.RandomState(5)]
    )
    settings = {"early_stopping": True, "n_iter_no_change": 2, "loss": loss}
    given = {"X_val": OTHERS, "y_val": OTHER_LABELS}
    together = ensemble(**settings, max_iter=20).fit(ROWS, LABELS, **given)
    Z, scores = together.transform(OTHERS), []
    n_epochs = []
    for member, rng in enumerate(streams(0, 3)):
        alone = ensemble(1, **settings, max_iter=20).set_params(random_state=rng)
        own = alone.fit(ROWS, LABELS, **given).transform(OTHERS) / np.sqrt(3)
        assert_allclose(Z[:, 4 * member : 4 * member + 4], own, rtol=1e-3, atol=2e-4)
        scores.append(alone.best_validation_score_)
        n_epochs.append(alone.n_iter_)
    assert together.best_validation_score_ == pytest.approx(np.mean(scores), abs=1e-4)
    assert together.n_iter_ == len(together.validation_scores_) == max(n_epochs)


@pytest.mark.parametrize("n_rows", [40, 142])
def test_each_network_holds_other_rows_out(n_rows):
    # Of 40 rows each network keeps 36 or so, not all as many.
    model = ensemble(early_stopping=True, batch_size=64, max_iter=2)
    model.fit(ROWS[:n_rows], LABELS[:n_rows])
    similarity = LabelSimilarity().fit(ROWS, LABELS)
    kept, _ = hold_out(ROWS, [similarity] * 3, 0.1, np.random.RandomState(0))
    assert len({tuple(each.rows_) for each in kept}) == 3
    assert set(np.concatenate([each.rows_ for each in kept])) == set(range(len(ROWS)))


@pytest.mark.parametrize("loss", ["contrastive", "info_nce"])
def test_training_resumes_from_its_current_state(loss):
    model = ensemble(loss=loss, warm_start=True).fit(ROWS, LABELS)
    before = [W.copy() for W in model.coefs_]
    model.set_params(learning_rate_init=1e-12).fit(ROWS, LABELS)
    assert model.n_iter_ == 16
    for now, then in zip(model.coefs_, before, strict=True):
        assert_allclose(now, then, atol=1e-6)
    model.partial_fit(ROWS, LABELS)
    assert model.n_iter_ == 17


def test_training_does_not_resume_with_another_number_of_networks():
    model = ensemble(warm_start=True).fit(ROWS, LABELS)
    Z = model.transform(OTHERS)
    message = "`n_components` and `n_members` now need"
    for n_members in (1, 2, 4):
        with pytest.raises(ValueError, match=re.escape(message)):
            model.set_params(n_members=n_members).fit(ROWS, LABELS)
        assert_array_equal(model.transform(OTHERS), Z)


@pytest.mark.parametrize(
    ("n_components", "encoder", "n_members"),
    [
        (32, "mlp", 4),
        (16, "mlp", 4),
        (12, "mlp", 2),
        (8, "mlp", 2),
        (18, "mlp", 2),
        (6, "mlp", 1),
        (33, "mlp", 1),
        (2, "mlp", 1),
        (32, "linear", 1),
        (32, MLPEncoder((16,)), 1),
    ],
)
def test_networks_share_the_components_where_each_gets_four(
    n_components, encoder, n_members
):
    model = ensemble("auto", n_components=n_components, encoder=encoder, max_iter=1)
    Z = model.fit(ROWS, LABELS).transform(OTHERS)
    assert model.n_members_ == n_members
    assert Z.shape == (len(OTHERS), n_components)
    layers = [W.shape[0] for W in model.coefs_ if W.ndim == 3]
    assert set(layers) == ({n_members} if n_members > 1 else set())


def test_components_that_cannot_be_shared_raise():
    for n_components in (2, 4, 10, 31):
        message = f"`n_members` must divide n_components={n_components}, which"
        with pytest.raises(ValueError, match=re.escape(message)):
            ensemble(3, n_components=n_components).fit(ROWS, LABELS)


def test_networks_of_one_component_each_are_not_scaled():
    model = ensemble(2, n_components=2)
    message = "`normalize=True` is not possible with one component per network"
    with pytest.warns(UserWarning, match=message):
        Z = model.fit(ROWS, LABELS).transform(OTHERS)
    assert np.ptp(np.abs(Z)) > 0.01


def test_a_module_given_is_the_start_of_every_network():
    linear = torch.nn.Linear(13, 5)
    model = ensemble(n_components="auto", encoder=linear, learning_rate_init=1e-9)
    weights = model.fit(ROWS, LABELS).module_state_["weight"]
    assert model.n_components_ == 15
    assert_allclose(weights, np.tile(linear.weight.detach(), (3, 1, 1)), atol=1e-6)
    model.set_params(learning_rate_init=1e-2)
    weights = model.fit(ROWS, LABELS).module_state_["weight"]
    assert (abs(weights[0] - weights[1]) > 1e-3).any()


def test_more_networks_are_more_accurate_on_the_mean_of_seeds():
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
