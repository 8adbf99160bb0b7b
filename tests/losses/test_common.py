"""Properties that every loss of the family has."""

import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import ortho_group
from sklearn.base import clone

from sklearn_contrastive import losses
from sklearn_contrastive._pairs._keys import Pairs

CLASSES = [
    getattr(losses, name)
    for name in losses.__all__
    if name not in ("LOSSES", "FunctionLoss")
    and not inspect.isabstract(getattr(losses, name))
]
#: Other formulas that the parameters of some losses choose.
VARIANTS = {
    "supcon and margin": losses.HybridLoss(
        [("supcon", losses.SupConLoss()), ("margin", losses.MarginLoss())], [2, 1]
    ),
    "nca goldberger": losses.NCALoss(form="goldberger"),
    "hard triplet": losses.TripletLoss(negatives="hard", squared=False),
    "soft triplet": losses.TripletLoss(margin="soft", negatives="all"),
}
EVERY = {name: cls() for name, cls in losses.LOSSES.items()} | VARIANTS
EVERY = {name: loss.resolve(True) for name, loss in EVERY.items()}
#: Where weights stand: in means over each kind, in a mean over positives against
#: sums inside a logarithm, in such sums alone, or in an order.
MEANS = (losses.PairLoss, losses.MarginLoss, losses.NCALoss, losses.TripletLoss)
MEANS_OF_POSITIVES = (losses.InfoNCELoss, losses.LiftedLoss, losses.NPairLoss)
LOGARITHMS = (losses.MultiSimilarityLoss, losses.ProxyAnchorLoss, losses.SupConLoss)
ORDERS = (losses.RankNContrastLoss,)
#: Those that compare positives with negatives, and need both.
COMPARING = (
    *(losses.InfoNCELoss, losses.LiftedLoss, losses.NCALoss, losses.NPairLoss),
    *(losses.SupConLoss, losses.TripletLoss, losses.RankNContrastLoss),
)


def members(loss):
    """Return what a loss is a sum of."""
    if isinstance(loss, losses.HybridLoss):
        return [member for _, member, _ in loss.members()]
    return [loss]


def is_made_of(loss, classes):
    return all(isinstance(member, classes) for member in members(loss))


def each(*classes):
    """Parametrize a test by the losses of some classes, and the sums of such."""
    chosen = {name: loss for name, loss in EVERY.items() if is_made_of(loss, classes)}
    return pytest.mark.parametrize("loss", chosen.values(), ids=chosen)


every_loss = each(losses.Loss)
seeds = st.integers(0, 2**32 - 1)
# For each of the losses: about 200 examples of most properties in all.
few = settings(max_examples=12, deadline=None)


def batch(seed, n_rows=9, n_components=3, dtype=torch.float64):
    rng = np.random.RandomState(seed)
    Z = torch.tensor(rng.normal(size=(n_rows, n_components)) / 2, dtype=dtype)
    labels = torch.tensor(rng.randint(3, size=n_rows))
    similar = labels[:, None] == labels
    return Z, Pairs(similar & ~torch.eye(n_rows, dtype=torch.bool), ~similar)


def value_and_gradient(loss, Z, pairs):
    Z = Z.clone().requires_grad_()
    value = loss(Z, Z, pairs)
    (gradient,) = torch.autograd.grad(value, Z)
    return value.item(), gradient.numpy()


def test_every_loss_but_the_adapter_of_functions_has_a_name():
    assert set(losses.LOSSES.values()) == set(CLASSES)


@every_loss
@few
@given(seed=seeds)
def test_order_of_rows_changes_nothing(loss, seed):
    Z, pairs = batch(seed)
    order = torch.tensor(np.random.RandomState(seed).permutation(len(Z)))
    value, gradient = value_and_gradient(loss, Z, pairs)
    shuffled = Pairs(*(weights[order][:, order] for weights in pairs))
    other, other_gradient = value_and_gradient(loss, Z[order], shuffled)
    assert other == pytest.approx(value, rel=1e-10)
    assert_allclose(other_gradient, gradient[order], rtol=1e-8, atol=1e-12)


@every_loss
@few
@given(seed=seeds)
def test_rotation_turns_the_gradient_and_leaves_the_value(loss, seed):
    Z, pairs = batch(seed)
    R = torch.tensor(ortho_group.rvs(3, random_state=seed))
    value, gradient = value_and_gradient(loss, Z, pairs)
    other, other_gradient = value_and_gradient(loss, Z @ R, pairs)
    assert other == pytest.approx(value, rel=1e-8)
    assert_allclose(other_gradient, gradient @ R.numpy(), rtol=1e-6, atol=1e-9)


@every_loss
@few
@given(seed=seeds)
def test_rows_without_pairs_change_nothing(loss, seed):
    Z, pairs = batch(seed)
    value, gradient = value_and_gradient(loss, Z, pairs)
    extra = torch.cat([Z, torch.full((2, 3), 0.1, dtype=Z.dtype)])
    padded = Pairs(*(torch.nn.functional.pad(w, (0, 2, 0, 2)) for w in pairs))
    other, other_gradient = value_and_gradient(loss, extra, padded)
    assert other == pytest.approx(value, rel=1e-10)
    assert_allclose(other_gradient[:-2], gradient, rtol=1e-8, atol=1e-12)
    assert not other_gradient[-2:].any()


@every_loss
def test_every_loss_has_one_effect_of_weights(loss):
    for part in members(loss):
        kinds = [MEANS, MEANS_OF_POSITIVES, LOGARITHMS, ORDERS]
        assert sum(isinstance(part, kind) for kind in kinds) == 1


# The lifted loss reads the weights of a candidate from both ends.
@each(*MEANS, *LOGARITHMS, losses.InfoNCELoss, losses.NPairLoss)
@few
@given(seed=seeds)
def test_a_weight_of_two_is_a_candidate_that_comes_twice(loss, seed):
    times = torch.tensor(np.random.RandomState(seed).randint(1, 4, size=9))
    Z, pairs = batch(seed)
    heavy = Pairs(*(weights.to(Z.dtype) * times for weights in pairs))
    copies = torch.arange(9).repeat_interleave(times)
    often = Pairs(*(weights[:, copies] for weights in pairs))
    A, C = Z.clone().requires_grad_(), Z.clone().requires_grad_()
    value, repeated = loss(A, C, heavy), loss(A, C[copies], often)
    assert repeated.item() == pytest.approx(value.item(), rel=1e-10)
    found = torch.autograd.grad(value, (A, C))
    for on, expected in zip(found, torch.autograd.grad(repeated, (A, C)), strict=True):
        assert_allclose(on, expected, rtol=1e-8, atol=1e-10)


@each(*MEANS, *ORDERS)
@few
@given(seed=seeds, factor=st.floats(0.1, 10))
def test_only_relative_weights_matter_to_means(loss, seed, factor):
    Z, pairs = batch(seed)
    scaled = Pairs(*(factor * weights.to(Z.dtype) for weights in pairs))
    value, _ = value_and_gradient(loss, Z, pairs)
    assert loss(Z, Z, scaled).item() == pytest.approx(value, rel=1e-10)


@each(*MEANS_OF_POSITIVES)
@few
@given(seed=seeds, factor=st.floats(0.1, 10))
def test_only_relative_weights_of_positives_matter_to_their_means(loss, seed, factor):
    Z, pairs = batch(seed)
    scaled = Pairs(factor * pairs.positive.to(Z.dtype), pairs.negative)
    value, gradient = value_and_gradient(loss, Z, pairs)
    other, other_gradient = value_and_gradient(loss, Z, scaled)
    assert other == pytest.approx(value, rel=1e-10)
    assert_allclose(other_gradient, gradient, rtol=1e-8, atol=1e-10)


@few
@given(seed=seeds, factor=st.floats(0.1, 10))
def test_weights_shift_a_softmax_over_all_candidates_by_their_logarithm(seed, factor):
    loss, (Z, pairs) = losses.SupConLoss(), batch(seed)
    scaled = Pairs(*(factor * weights.to(Z.dtype) for weights in pairs))
    value, gradient = value_and_gradient(loss, Z, pairs)
    shift = np.log(factor) if value else 0
    other, other_gradient = value_and_gradient(loss, Z, scaled)
    assert other == pytest.approx(value + shift, rel=1e-10, abs=1e-10)
    assert_allclose(other_gradient, gradient, rtol=1e-8, atol=1e-10)


@each(losses.MultiSimilarityLoss, losses.ProxyAnchorLoss)
@pytest.mark.parametrize("kind", Pairs._fields)
def test_heavier_pairs_cost_more_inside_a_logarithm(loss, kind):
    Z, pairs = batch(0)
    heavier = {kind: 2 * getattr(pairs, kind).to(Z.dtype)}
    assert loss(Z, Z, pairs._replace(**heavier)) > loss(Z, Z, pairs)


@every_loss
def test_weights_are_left_as_they_are(loss):
    Z, pairs = batch(0)
    pairs = Pairs(*(weights.to(Z.dtype) for weights in pairs))
    given = [weights.clone() for weights in pairs]
    loss(Z, Z, pairs)
    assert all(map(torch.equal, pairs, given))


@every_loss
def test_gradient_is_the_numerical_one(loss):
    Z, pairs = batch(0)
    candidates = batch(1)[0]
    assert torch.autograd.gradcheck(
        lambda A, C: loss(A, C, pairs),
        (Z.requires_grad_(), candidates.requires_grad_()),
    )


@every_loss
def test_an_empty_batch_costs_nothing(loss):
    Z = torch.empty((0, 3), requires_grad=True)
    none = torch.empty((0, 0), dtype=torch.bool)
    value = loss(Z, Z, Pairs(none, none))
    value.backward()
    assert value.item() == 0
    assert Z.grad.shape == (0, 3)


@every_loss
def test_a_missing_kind_of_pair_costs_nothing(loss):
    Z, pairs = batch(0)
    for present in ("positive", "negative", "neither"):
        kept = {
            kind: weights if kind == present else torch.zeros_like(weights)
            for kind, weights in pairs._asdict().items()
        }
        value, gradient = value_and_gradient(loss, Z, Pairs(**kept))
        assert np.isfinite(gradient).all()
        nothing = present == "neither" or is_made_of(loss, COMPARING)
        assert (value == 0) == nothing
        assert (not gradient.any()) == nothing


@every_loss
def test_coincident_points_have_a_finite_gradient_along_themselves(loss):
    _, pairs = batch(0)
    for dtype in (torch.float32, torch.float64):
        Z = torch.ones((9, 3), dtype=dtype)
        value, gradient = value_and_gradient(loss, Z, pairs)
        assert np.isfinite(value)
        # Distances have none at all. Inner products grow with the length of the points,
        # which the sphere does not let them do.
        measures = {getattr(part, "measure", None) for part in members(loss)}
        if "inner_product" in measures:
            gradient = gradient - gradient.mean(axis=1, keepdims=True)
        assert_allclose(gradient, 0, atol=1e-5)


@every_loss
def test_float32_agrees_with_float64(loss):
    Z, pairs = batch(3)
    value, gradient = value_and_gradient(loss, Z, pairs)
    single, single_gradient = value_and_gradient(loss, Z.float(), pairs)
    assert single == pytest.approx(value, rel=1e-5)
    assert_allclose(single_gradient, gradient, rtol=1e-3, atol=1e-5)


@every_loss
def test_a_loss_can_be_cloned_and_read(loss):
    copy = clone(loss)
    assert copy is not loss
    assert repr(copy) == repr(loss)
    assert type(loss).__name__ in repr(loss)


@every_loss
def test_points_at_the_origin_have_a_finite_gradient(loss):
    _, pairs = batch(0)
    for dtype in (torch.float32, torch.float64):
        Z = torch.zeros((9, 3), dtype=dtype)
        value, gradient = value_and_gradient(loss, Z, pairs)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
