"""Encoders of a user's own that override a method of the multi-layer perceptron."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.encoders._mlp import AutogradPasses

X, y = load_iris(return_X_y=True)


def fit(cls, **settings):
    """Train an encoder for a few steps, without dropout and weight decay."""
    settings = {"learning_rate_init": 0.01, "n_members": 1, **settings}
    settings = {"n_components": 3, "alpha": 0.0, "random_state": 0, **settings}
    encoder = cls((8,), "silu", dropout=0.0)
    return ContrastiveEmbedding(encoder=encoder, max_iter=3, **settings).fit(X, y)


def start():
    """Return weights and biases from which training of a plain encoder starts."""
    model = fit(MLPEncoder, learning_rate_init=1e-12)
    return model.coefs_, model.intercepts_


class FirstLeftOut:
    """What may be put before the perceptron, to leave the first component out."""

    def forward(self, params, X, generator=None):
        Z = super().forward(params, X, generator)
        Z[..., 0] *= 0
        return Z


class ByMixin(FirstLeftOut, MLPEncoder):
    pass


class Forward(MLPEncoder):
    def forward(self, params, X, generator=None):
        Z = super().forward(params, X, generator)
        Z[..., 0] *= 0
        return Z


class SameForward(MLPEncoder):
    def forward(self, params, X, generator=None):
        return super().forward(params, X, generator)


class Halved(MLPEncoder):
    def init(self, n_in, n_out, rng):
        return [param / 2 for param in super().init(n_in, n_out, rng)]


class WithoutGradient(MLPEncoder):
    def passes(self, params, n_rows, normalize, generators):
        passes = super().passes(params, n_rows, normalize, generators)
        backward = passes.backward
        passes.backward = lambda gradient: backward(0 * gradient)
        return passes


@pytest.mark.parametrize("cls", [Forward, ByMixin])
def test_an_overridden_forward_maps_rows_and_gives_the_gradient(cls):
    model, (_, biases) = fit(cls), start()
    assert not model.transform(X)[:, 0].any()
    # What the points do not depend on does not move.
    assert_allclose(model.intercepts_[-1][0], biases[-1][0], rtol=1e-6)
    assert (abs(model.intercepts_[-1] - biases[-1])[1:] > 1e-3).all()


def test_an_overridden_forward_is_differentiated_by_torch():
    passes = Forward().passes([torch.zeros(1, 4, 3)], 5, True, [None])
    assert type(passes) is AutogradPasses


def test_an_overridden_forward_that_changes_nothing_trains_the_same():
    ours, theirs = fit(SameForward), fit(MLPEncoder)
    assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-3)
    assert ours.loss_curve_ == pytest.approx(theirs.loss_curve_, rel=1e-4)


def test_training_starts_from_an_overridden_init():
    model = fit(Halved, learning_rate_init=1e-12)
    for found, plain in zip((model.coefs_, model.intercepts_), start(), strict=True):
        for ours, theirs in zip(found, plain, strict=True):
            assert_allclose(ours, theirs / 2, rtol=1e-6)


def test_training_goes_through_overridden_passes():
    model, (weights, biases) = fit(WithoutGradient), start()
    for ours, theirs in zip(model.coefs_, weights, strict=True):
        assert_allclose(ours, theirs, rtol=1e-6)
    for ours, theirs in zip(model.intercepts_, biases, strict=True):
        assert_allclose(ours, theirs, rtol=1e-6)
    assert not set(model.loss_curve_) & {0.0}


@pytest.mark.parametrize("cls", [Forward, ByMixin, Halved, WithoutGradient])
def test_an_encoder_with_an_overridden_method_trains_its_networks_in_turn(cls):
    assert MLPEncoder.tested
    assert not cls.tested
    weights = [1.0, 0.5, 0.0, 1.0]
    together = fit(cls, n_components=9, n_members=3, feature_weights=weights)
    seeds = np.random.RandomState(0).randint(2**31 - 1, size=3)
    for own, seed in zip(
        np.split(together.transform(X), 3, axis=1), seeds, strict=True
    ):
        rng = np.random.RandomState(seed)
        alone = fit(cls, random_state=rng, feature_weights=weights)
        assert_allclose(own * 3**0.5, alone.transform(X), rtol=1e-5, atol=1e-6)
