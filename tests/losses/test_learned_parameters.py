"""Parameters that losses learn: temperatures, boundaries and proxies."""

import math

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_contrastive._pairs import _pairwise
from sklearn_contrastive._pairs._keys import Pairs
from sklearn_contrastive.losses import (
    LOSSES,
    MarginLoss,
    NCALoss,
    ProxyAnchorLoss,
    TemperatureLoss,
)

TEMPERATURES = {
    **{
        name: cls(temperature="auto")
        for name, cls in LOSSES.items()
        if issubclass(cls, TemperatureLoss) and cls is not NCALoss
    },
    "nca modern": NCALoss("modern", "auto"),
    "nca frosst": NCALoss("frosst", "auto"),
    "nca goldberger": NCALoss("goldberger", "auto"),
}
LEARNING = {**TEMPERATURES, "margin": MarginLoss(margin=0.3)}
every_temperature = pytest.mark.parametrize(
    "loss", TEMPERATURES.values(), ids=TEMPERATURES
)
every_learning_loss = pytest.mark.parametrize("loss", LEARNING.values(), ids=LEARNING)


def points(n_rows, seed):
    Z = np.random.RandomState(seed).normal(size=(n_rows, 3))
    return torch.tensor(Z / np.linalg.norm(Z, axis=1, keepdims=True))


def weights(n_anchors, n_candidates, seed):
    rng = np.random.RandomState(seed)
    kinds = rng.randint(3, size=(n_anchors, n_candidates))
    values = rng.uniform(0.5, 2, size=kinds.shape)
    return Pairs(*(torch.tensor(values * (kinds == kind)) for kind in (0, 1)))


def start(loss):
    """Return what `init` makes, as training passes it."""
    own = loss.init(3, 0, np.random.RandomState(0))
    return {name: torch.tensor(value) for name, value in own.items()}


def evaluated(loss, A, C, pairs, own):
    """Return the value, and its derivative in the one parameter that there is."""
    ((name, value),) = own.items()
    value = value.clone().requires_grad_()
    cost = loss(A, C, pairs, {name: value})
    return cost.item(), torch.autograd.grad(cost, value)[0].item()


@every_learning_loss
def test_they_learn_by_the_derivative_of_the_formula(loss, by_loop, monkeypatch):
    A, C, pairs = points(8, 0), points(11, 1), weights(8, 11, 2)
    for factor in (0.8, 1.0, 1.3):
        own = {name: factor * value for name, value in start(loss).items()}
        value, *_, expected = by_loop(loss, A, C, pairs, own)
        assert expected != 0
        for tile in (2**16, 40):
            monkeypatch.setattr(_pairwise, "_TILE", tile)
            found, on_own = evaluated(loss, A, C, pairs, own)
            assert found == pytest.approx(value, rel=1e-10)
            assert on_own == pytest.approx(expected.item(), rel=1e-10)


@every_learning_loss
def test_their_derivatives_are_the_numerical_ones(loss):
    ends = points(8, 0).requires_grad_(), points(11, 1).requires_grad_()
    pairs = Pairs(*(w > 0 for w in weights(8, 11, 2)))
    ((name, value),) = start(loss).items()
    assert torch.autograd.gradcheck(
        lambda A, C, own: loss(A, C, pairs, {name: own}),
        (*ends, value.requires_grad_()),
    )


@every_learning_loss
def test_without_them_a_loss_is_that_where_learning_starts(loss):
    A, C, pairs = points(8, 0), points(11, 1), weights(8, 11, 2)
    pairs = Pairs(*(w > 0 for w in pairs))
    assert loss(A, C, pairs).item() == pytest.approx(
        loss(A, C, pairs, start(loss)).item(), rel=1e-12
    )


@every_learning_loss
def test_their_derivative_is_zero_without_pairs(loss):
    nothing = Pairs(*torch.zeros(2, 4, 4))
    assert evaluated(loss, points(4, 0), points(4, 1), nothing, start(loss)) == (0, 0)


@every_temperature
def test_a_temperature_that_is_learned_starts_from_a_tenth(loss):
    assert start(loss)["log_temperature"].exp().item() == pytest.approx(0.1)


@every_temperature
def test_a_temperature_that_is_given_is_not_learned(loss):
    assert clone(loss).set_params(temperature=0.2).init(3, 0, None) == {}


@every_temperature
def test_nothing_pushes_the_temperature_below_its_floor(loss):
    # The positive is the nearest: the lower the temperature the lower the loss.
    A, C = torch.eye(3)[:1].double(), torch.eye(3).double() * 0.9
    pairs = Pairs(torch.tensor([[1, 0, 0]]), torch.tensor([[0, 1, 1]]))
    for temperature in (0.01, 0.001):
        own = {"log_temperature": torch.tensor(math.log(temperature)).double()}
        value, on_temperature = evaluated(loss, A, C, pairs, own)
        floor = clone(loss).set_params(temperature=0.01)(A, C, pairs)
        assert value == pytest.approx(floor.item(), rel=1e-10)
        assert on_temperature == 0
    above = {"log_temperature": torch.tensor(math.log(0.2)).double()}
    assert evaluated(loss, A, C, pairs, above)[1] > 0


def test_a_boundary_that_pulls_more_than_it_pushes_moves_out():
    loss, A = MarginLoss(margin=0.2, boundary=1.0), torch.zeros(1, 1).double()
    C = torch.tensor([[1.5], [1.4], [1.1], [3.0]]).double()
    pairs = Pairs(torch.tensor([[1, 1, 0, 0]]), torch.tensor([[0, 0, 1, 1]]))
    # Two positives beyond 0.8 against one negative before 1.2, of three that cost.
    value, on_boundary = evaluated(loss, A, C, pairs, start(loss))
    assert value == pytest.approx((0.7 + 0.6 + 0.1) / 3, rel=1e-6)
    assert on_boundary == pytest.approx((1 - 2) / 3, rel=1e-12)


def test_the_boundary_that_is_passed_counts_and_not_where_it_starts():
    A, C, pairs = points(8, 0), points(11, 1), weights(8, 11, 2)
    own = {"boundary": torch.tensor(0.7).double()}
    expected = evaluated(MarginLoss(0.3, boundary=0.7), A, C, pairs, own)
    assert evaluated(MarginLoss(0.3, boundary=1.5), A, C, pairs, own) == expected


def test_the_same_seed_draws_the_same_proxies():
    first, again = (
        ProxyAnchorLoss().init(4, 3, np.random.RandomState(0))["proxies"]
        for _ in range(2)
    )
    assert first.shape == (3, 4)
    assert (first == again).all()


def test_proxies_learn_as_anchors_whether_or_not_they_are_passed_too():
    loss, Z, labels = ProxyAnchorLoss(alpha=4.0), points(6, 0), torch.arange(6) % 3
    proxies = torch.tensor(loss.init(3, 3, np.random.RandomState(0))["proxies"])
    proxies.requires_grad_()
    own = torch.arange(3)[:, None] == labels
    found = [
        torch.autograd.grad(loss(proxies, Z, Pairs(own, ~own), params), proxies)[0]
        for params in (None, {"proxies": proxies})
    ]
    assert torch.equal(*found)
