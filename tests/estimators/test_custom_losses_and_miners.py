"""Losses and miners of the user's own, right and wrong ones."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine

from sklearn_contrastive import ContrastiveEmbedding, Pairs
from sklearn_contrastive.losses import ContrastiveLoss, ListwiseLoss, PairLoss
from sklearn_contrastive.miners import NearestPairs

X, y = load_wine(return_X_y=True)


def fit(**settings):
    return ContrastiveEmbedding(max_iter=2, random_state=0, **settings).fit(X, y)


class Plain(PairLoss):
    """The contrastive loss with a margin of 1, as briefly as it can be written."""

    def positive(self, distances):
        return distances**2, 1.0

    def negative(self, distances):
        gap = (1 - distances).clip(min=0)
        return gap**2, -gap / distances


class SlopeInTheDistance(Plain):
    def negative(self, distances):
        gap = (1 - distances).clip(min=0)
        return gap**2, -2 * gap


class NoSlope(Plain):
    def negative(self, distances):
        return (1 - distances).clip(min=0) ** 2


class Nothing(Plain):
    def negative(self, distances):
        return None


class Summed(Plain):
    def negative(self, distances):
        energy, slope = super().negative(distances)
        return energy.sum(), slope


class BelowZero(Plain):
    def negative(self, distances):
        return -distances, -1 / (2 * distances)


def test_two_formulas_are_enough():
    ours = fit(loss=Plain(), miner="all").transform(X)
    theirs = fit(loss=ContrastiveLoss(1.0), miner="all").transform(X)
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (SlopeInTheDistance(), r"rise by -9 for each unit of D²; .* is -1\.8"),
        (NoSlope(), "must return energies and slopes, two arrays"),
        (Nothing(), "must return energies and slopes, two arrays"),
        (Summed(), r"got shapes \(\) and \(39,\)"),
        (BelowZero(), "energies must be finite and >= 0"),
    ],
)
def test_formulas_that_do_not_belong_together_raise(loss, message):
    with pytest.raises(ValueError, match=message):
        fit(loss=loss)


@pytest.mark.parametrize(
    ("loss", "got"),
    [
        (lambda anchors, candidates, pairs: 1.0, "got 1.0"),
        (lambda anchors, candidates, pairs: anchors.sum(1), r"got shape \(128,\)"),
        (lambda anchors, candidates, pairs: anchors.detach().sum(), r"got shape \(\)"),
    ],
)
def test_functions_that_are_no_loss_raise(loss, got):
    with pytest.raises(ValueError, match=f"`loss` must return a scalar .*{got}"):
        fit(loss=loss)


@pytest.mark.parametrize(
    ("miner", "message"),
    [
        (lambda d, p: Pairs(*(w[:, :5] for w in p)), r"returned \(128, 5\)"),
        (lambda d, p: None, "returned NoneType"),
        (lambda d, p: p.positive, "returned Tensor"),
        (lambda d, p: [w.numpy() for w in p], "returned a ndarray"),
        (lambda d, p: Pairs(p.negative, p.positive), "between 0 and those it is given"),
        (lambda d, p: Pairs(-p.positive, p.negative), "between 0 and those"),
        (lambda d, p: Pairs(*map(torch.ones_like, p)), "between 0 and those"),
    ],
)
def test_functions_that_are_no_miner_raise(miner, message):
    for loss in ("contrastive", ContrastiveLoss(1.0).__call__):
        with pytest.raises(ValueError, match=message):
            fit(miner=miner, loss=loss)


class Listing(NearestPairs):
    """A miner of the user's own that lists its pairs."""

    n_calls = 0

    def links(self, distances, pairs, out=None):
        type(self).n_calls += 1
        return super().links(distances, pairs, out)

    def __call__(self, distances, pairs):
        raise AssertionError("dense weights were made")


def test_the_list_of_a_miner_that_lists_its_pairs_is_used():
    ours = fit(miner=Listing(2, 4)).transform(X)
    assert Listing.n_calls > 0
    np.testing.assert_array_equal(ours, fit(miner=NearestPairs(2, 4)).transform(X))


def test_a_loss_that_is_not_finite_points_to_the_users_own():
    with pytest.raises(FloatingPointError, match="Look at what your `loss` or `miner`"):
        fit(loss=lambda anchors, candidates, pairs: anchors.sum() * torch.nan)


class ListOfOnes(ListwiseLoss):
    """A listwise loss whose answer is as wrong as its parameter."""

    def __init__(self, answer="right", learns=False):
        self.answer = answer
        self.learns = learns

    def init(self, n_components, n_classes, rng):
        return {"scale": np.array(1.0)} if self.learns else {}

    def lists(self, values, positive, negative, params):
        total, slopes = (values * negative).sum(), negative
        answers = {
            "right": [(total, negative.sum(), slopes, {})],
            "nothing": None,
            "no list": (total, negative.sum(), slopes, {}),
            "three": [(total, negative.sum(), slopes)],
            "summed": [(total, negative.sum(), slopes.sum(-1), {})],
            "a number": [(1.0, negative.sum(), slopes, {})],
            "by anchor": [(total, negative.sum(-1), slopes, {})],
            "in half": [(total, negative.sum(), slopes.half(), {})],
            "uphill": [(total, negative.sum(), -slopes, {})],
            "tenfold": [(total, negative.sum(), 10 * slopes, {})],
        }
        return answers[self.answer]


def test_a_listwise_loss_of_the_users_own_trains():
    assert np.isfinite(fit(loss=ListOfOnes()).transform(X)).all()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("nothing", "it returned NoneType"),
        ("no list", "it returned tuple"),
        ("three", "one of them has 3 entries"),
        ("summed", "with slopes of the shape of the values"),
        ("a number", "whose sum and count are scalar tensors"),
        ("by anchor", "whose sum and count are scalar tensors"),
        ("in half", "slopes in the precision of the values; got torch.float16"),
    ],
)
def test_a_listwise_loss_that_returns_something_else_raises(answer, message):
    with pytest.raises(ValueError, match=f"`loss.lists` must return.*{message}"):
        fit(loss=ListOfOnes(answer))


def test_a_learned_parameter_without_a_gradient_raises():
    message = r"`loss` learns \['scale'\] and must return its gradient"
    with pytest.raises(ValueError, match=message):
        fit(loss=ListOfOnes(learns=True))


class Mistyped(ListOfOnes):
    measure = "cosine"


class Mismined(ListOfOnes):
    auto_miner = "nearst"


@pytest.mark.parametrize(
    ("cls", "name"), [(Mistyped, "measure"), (Mismined, "auto_miner")]
)
def test_attributes_of_a_loss_that_mean_nothing_raise(cls, name):
    with pytest.raises(ValueError, match=f"`{name}` of {cls.__name__} must be"):
        fit(loss=cls())


@pytest.mark.parametrize("answer", ["uphill", "tenfold"])
def test_slopes_of_another_sum_raise(answer):
    message = r"`ListOfOnes.lists` must return the slopes of its sum in each value\."
    with pytest.raises(ValueError, match=message):
        fit(loss=ListOfOnes(answer))
