"""A collapse is noticed by what it costs: a loss that gains nothing from distances."""

import re
import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from torch import nn

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.losses import LOSSES
from sklearn_contrastive.miners import CrossBatchMemory

X, y = load_iris(return_X_y=True)
NOISE = np.random.RandomState(0).normal(size=(120, 8))
NO_LABELS = np.random.RandomState(1).randint(0, 3, 120)


def fit(X=X, y=y, **settings):
    """Return a fitted model, and what was said of a collapse."""
    settings = {"max_iter": 30, "n_members": 1, "random_state": 0, **settings}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = ContrastiveEmbedding(**settings).fit(X, y)
    messages = [str(warning.message) for warning in caught]
    return model, [text for text in messages if "The embedding has collapsed" in text]


def distance(model, X=X):
    Z = model.transform(X)
    return np.sqrt(2 * ((Z - Z.mean(axis=0)) ** 2).sum(axis=1).mean())


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_good_fits_of_every_loss_are_no_collapse(loss, normalize):
    settings = {"max_iter": 8, "learning_rate_init": 1e-2}
    model, said = fit(loss=loss, normalize=normalize, **settings)
    assert said == []
    assert model.score(X, y) > 0.85


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_constant_columns_collapse_for_every_loss(loss, normalize):
    constant, labels = np.ones((40, 3)), np.arange(40) % 3
    _, said = fit(constant, labels, loss=loss, normalize=normalize, max_iter=2)
    assert len(said) == 1


@pytest.mark.parametrize("loss", LOSSES)
def test_weights_that_decay_to_nothing_collapse_for_every_loss(loss):
    given = {"alpha": 440.0, "dropout": 0.0, "max_iter": 30}
    model, said = fit(loss=loss, normalize=False, **given)
    assert distance(model) < 0.05
    assert len(said) == 1
    # On the sphere some losses push the harder, the nearer points are.
    if loss in ("contrastive_squared", "info_nce", "n_pair", "supcon", "triplet"):
        model, said = fit(loss=loss, **given)
        assert distance(model) < 1e-3
        assert len(said) == 1


@pytest.mark.parametrize("normalize", [True, False])
def test_hardest_triplets_of_noise_collapse(normalize):
    given = {"loss": "triplet", "miner": "hard", "normalize": normalize}
    model, said = fit(NOISE, NO_LABELS, max_iter=60, **given)
    assert abs(model.loss_curve_[-1] / model.margin_ - 1) < 0.05
    assert len(said) == 1


@pytest.mark.parametrize("rate", [1.0, 100.0])
@pytest.mark.parametrize("loss", ["contrastive", "margin", "siamese"])
def test_a_learning_rate_that_is_too_high_collapses(loss, rate):
    model, said = fit(loss=loss, normalize=False, learning_rate_init=rate)
    assert distance(model) == 0
    assert len(said) == 1
    assert f"(now {rate:g})" in said[0]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("loss", ["contrastive", "contrastive_squared", "triplet"])
@pytest.mark.parametrize("margin", [1e-5, 1e-3, 1e4])
def test_margins_of_any_size_are_no_collapse_where_the_loss_gains(
    margin, loss, normalize
):
    settings = {"learning_rate_init": 1e-4, "max_iter": 10}
    model, said = fit(loss=loss, margin=margin, normalize=normalize, **settings)
    assert said == []
    assert model.score(X, y) > 0.9


def test_distances_as_small_as_the_margin_are_no_collapse():
    model, said = fit(
        loss="contrastive",
        margin=1e-3,
        normalize=False,
        encoder="linear",
        learning_rate_init=4e-2,
        max_iter=200,
    )
    assert distance(model) < 5e-3
    assert model.loss_curve_[-1] < 0.5 * 1e-6
    assert model.score(X, y) > 0.9
    assert said == []


@pytest.mark.parametrize("normalize", [True, False])
def test_a_loss_that_only_pulls_collapses(normalize):
    def pull(anchors, candidates, pairs):
        return torch.cdist(anchors, candidates).mean()

    model, said = fit(loss=pull, normalize=normalize, max_iter=100, encoder="linear")
    assert (distance(model) < 1e-3) == bool(said)
    _, said = fit(loss=pull, normalize=normalize, max_iter=1)
    assert said == []


def test_rows_that_have_learned_nothing_yet_are_no_collapse():
    for loss in LOSSES:
        assert fit(NOISE, NO_LABELS, loss=loss, max_iter=1)[1] == []


def test_tables_of_two_classes_or_one_target_are_no_collapse():
    for settings in ({}, {"normalize": False}, {"loss": "supcon"}, {"n_members": 2}):
        settings["max_iter"] = 10
        assert fit(X[:100], y[:100], **settings)[1] == []
        assert fit(X[:, :3], X[:, 3] + 0.001, **settings)[1] == []
        assert fit(X, None, **settings)[1] == []


@pytest.mark.parametrize(
    "settings",
    [
        {"n_members": 4},
        {"miner": CrossBatchMemory(size=64)},
        {"miner": "random"},
        {"early_stopping": True},
        {"similarity": "views"},
        {"encoder": lambda n, k: nn.Sequential(nn.BatchNorm1d(n), nn.Linear(n, k))},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_a_collapse_is_noticed_whatever_else_is_asked_for(settings):
    labels = None if "similarity" in settings else y
    assert len(fit(np.ones_like(X), labels, **settings, max_iter=3)[1]) == 1
    assert fit(X, labels, **settings, max_iter=3)[1] == []


def test_to_look_for_a_collapse_draws_from_no_global_stream():
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    assert fit(np.ones_like(X), miner="random", max_iter=2)[1]
    assert torch.equal(before[0], torch.random.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])


def test_the_message_says_how_near_rows_are():
    _, (text,) = fit(np.ones_like(X), normalize=False)
    assert re.search(r"all rows lie within \d\.\de[-+]\d\d of each other\. ", text)
