"""Each pair loss against worked values, a literal loop and a published one."""

import math
import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklearn_contrastive._pairs._keys import Pairs
from sklearn_contrastive.losses import (
    LOSSES,
    ContrastiveLinearLoss,
    ContrastiveLoss,
    ContrastiveSquaredLoss,
    PairLoss,
    SiameseLoss,
)

PAIR_LOSSES = [cls for cls in LOSSES.values() if issubclass(cls, PairLoss)]

POINTS = {"A1": (0.8, 0.2), "A2": (0.75, 0.25), "B1": (0.1, 0.9), "B2": (0.15, 0.85)}


def distance(left, right):
    return math.dist(POINTS[left], POINTS[right])


def with_scale(cls, scale):
    """Return a loss with a number in place of every "auto"."""
    params = cls().get_params()
    return cls(**{k: scale if v == "auto" else v for k, v in params.items()})


def literal_loss(formula, loss, Z, labels):
    """Average the formula over positive and over active negative pairs, in a loop."""
    positive, negative = [], []
    for i in range(len(Z)):
        for j in range(len(Z)):
            value = formula(loss, math.dist(Z[i], Z[j]), int(labels[i] == labels[j]))
            if i != j and labels[i] == labels[j]:
                positive.append(value)
            elif labels[i] != labels[j] and value > 0:
                negative.append(value)
    return sum(np.mean(values) for values in (positive, negative) if values)


def label_pairs(labels):
    similar = torch.tensor(labels[:, None] == labels)
    return Pairs(similar & ~torch.eye(len(labels), dtype=torch.bool), ~similar)


def test_worked_pairs():
    pairs = [("A1", "A2", 1), ("A1", "B1", 0), ("A2", "B2", 0), ("B1", "B2", 1)]
    distances = [distance(left, right) for left, right, _ in pairs]
    values = ContrastiveLoss(margin=1.0).pair_values(distances, [1, 0, 0, 1])
    assert_allclose(values, [0.0050, 0.0001, 0.0229, 0.0050], atol=5e-5)
    assert values.sum() == pytest.approx(0.0330, abs=5e-5)


@pytest.mark.parametrize(
    ("margin", "expected"), [(0.5, 0), (1.0, 0.0001), (1.5, 0.2602), (2.0, 1.0202)]
)
def test_worked_negative_pair_by_margin(margin, expected):
    value = ContrastiveLoss(margin=margin).pair_values([distance("A1", "B1")], [0])
    assert_allclose(value, [expected], atol=5e-5)


@pytest.mark.parametrize("cls", PAIR_LOSSES)
@pytest.mark.parametrize("scale", [0.3, 1.0, 2.0])
def test_pair_values_are_the_formula(cls, scale, formula):
    loss = with_scale(cls, scale)
    distances = np.linspace(0, 3, 13)
    for similar in (0, 1):
        values = loss.pair_values(distances, np.full(13, similar))
        expected = [formula(cls)(loss, d, similar) for d in distances]
        assert values.dtype == np.float64
        assert_allclose(values, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("cls", PAIR_LOSSES)
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-10), ("float32", 1e-5)])
def test_batch_loss_is_the_literal_double_loop(cls, dtype, rtol, formula):
    rng = np.random.RandomState(0)
    Z = rng.normal(size=(12, 3)) / 2
    labels = rng.randint(3, size=12)
    points = torch.tensor(Z, dtype=getattr(torch, dtype))
    loss = with_scale(cls, 1.0)
    value = loss(points, points, label_pairs(labels))
    expected = literal_loss(formula(cls), loss, Z, labels)
    assert value.dtype == points.dtype
    assert value.item() == pytest.approx(expected, rel=rtol)


def test_linear_loss_is_pytorch_metric_learnings():
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.losses import ContrastiveLoss as Published

    rng = np.random.RandomState(1)
    Z = torch.tensor(rng.normal(size=(20, 4)), requires_grad=True)
    labels = rng.randint(4, size=20)
    # There the positive term is D itself; with its weight at zero the rest is ours.
    published = Published(
        pos_margin=100.0, neg_margin=1.0, distance=LpDistance(normalize_embeddings=True)
    )
    on_sphere = torch.nn.functional.normalize(Z)
    pairs = label_pairs(labels)
    only_negative = Pairs(torch.zeros_like(pairs.positive), pairs.negative)
    value = ContrastiveLinearLoss(margin=1.0)(on_sphere, on_sphere, only_negative)
    expected = published(Z, torch.tensor(labels))
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
    (gradient,) = torch.autograd.grad(value, Z, retain_graph=True)
    (expected,) = torch.autograd.grad(expected, Z)
    assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9)


def test_squared_hinge_is_pytorch_metric_learnings_on_squared_distances():
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.losses import ContrastiveLoss as Published

    rng = np.random.RandomState(2)
    Z = torch.tensor(rng.normal(size=(20, 4)))
    labels = rng.randint(4, size=20)
    squared = LpDistance(normalize_embeddings=False, power=2)
    published = Published(pos_margin=0.0, neg_margin=2.0, distance=squared)
    value = ContrastiveSquaredLoss(margin=2.0)(Z, Z, label_pairs(labels))
    expected = published(Z, torch.tensor(labels))
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "on_sphere", "off_sphere"),
    [
        (ContrastiveLoss(), {"margin": math.sqrt(2)}, {"margin": 1.0}),
        (ContrastiveSquaredLoss(), {"margin": 2.0}, {"margin": 1.0}),
        (ContrastiveLinearLoss(), {"margin": math.sqrt(2)}, {"margin": 1.0}),
        (SiameseLoss(), {"bound": 2.0}, {"bound": 1.0}),
    ],
)
def test_auto_depends_on_the_sphere(loss, on_sphere, off_sphere):
    assert loss.resolve(True).get_params() == on_sphere
    assert loss.resolve(False).get_params() == off_sphere
    assert "auto" in loss.get_params().values()


def test_a_margin_out_of_reach_warns_on_the_sphere_only():
    message = "`margin`=2.5 cannot be reached: points on the unit sphere are at most 2"
    with pytest.warns(UserWarning, match=re.escape(message)):
        ContrastiveLoss(margin=2.5).resolve(normalize=True)
    assert ContrastiveLoss(margin=2.5).resolve(normalize=False).margin == 2.5
    assert ContrastiveSquaredLoss(margin=2.5).resolve(normalize=True).margin == 2.5


@pytest.mark.parametrize("margin", [0, -1, "large", None])
def test_margins_out_of_range_raise(margin):
    with pytest.raises(ValueError, match="'margin' parameter of ContrastiveLoss must"):
        ContrastiveLoss(margin=margin).resolve(normalize=True)


@pytest.mark.parametrize(
    ("distances", "similar", "message"),
    [
        ([1.0, 2.0], [1], "for each of 2 pairs; got shape (1,)"),
        ([-1.0], [1], "`distances` must be numbers in [0, inf)"),
        ([np.nan], [1], "`distances` must be numbers in [0, inf)"),
        ([1.0], [2], "`similar` must hold 1 or True for similar pairs"),
    ],
)
def test_pair_values_of_what_is_no_pair_raise(distances, similar, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ContrastiveLoss().pair_values(distances, similar)
