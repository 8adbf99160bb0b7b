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
every_loss = pytest.mark.parametrize("loss", EVERY.values(), ids=EVERY)
seeds = st.integers(0, 2**32 - 1)
# For each of the losses: about 200 examples of most properties in all.
few = settings(max_examples=12, deadline=None)


def batch(seed, n_rows=9, n_components=3, dtype=torch.float64):
    rng = np.random.RandomState(seed)
    Z = torch.tensor(rng.normal(size=(n_rows, n_components)) / 2, dtype=dtype)
    labels = torch.tensor(rng.randint(3, size=n_rows))
    similar = labels[:, None] == labels
    return Z, Pairs(similar & ~torch.eye(n_rows, dtype=torch.bool), ~similar)


def parts(loss):
    """Return what a loss is a sum of."""
    if isinstance(loss, losses.HybridLoss):
        return [part for _, part, _ in loss.members()]
    return [loss]


def scaled(pairs, positive=1, negative=1):
    return Pairs(pairs.positive.double() * positive, pairs.negative.double() * negative)


def repeated(pairs, times):
    """Return pairs of weights that are whole numbers, and those of repeated ones."""
    heavy = Pairs(*(weights.double() * times for weights in pairs))
    copies = torch.arange(len(times)).repeat_interleave(times)
    return heavy, copies, Pairs(*(weights[:, copies] for weights in pairs))


@pytest.fixture(scope="module")
def kinds(by_loop):
    """Return the names of losses by what their formulas make of weights."""
    Z, pairs = batch(0)
    heavy, copies, often = repeated(pairs, torch.tensor([1, 2, 3] * 3))
    found = {"means": set(), "means of positives": set(), "repeats": set()}
    for name, loss in EVERY.items():
        once = by_loop(loss, Z, Z, pairs)[0]
        if by_loop(loss, Z, Z, scaled(pairs, 3, 3))[0] == pytest.approx(once):
            found["means"].add(name)
        elif by_loop(loss, Z, Z, scaled(pairs, 3))[0] == pytest.approx(once):
            found["means of positives"].add(name)
        as_often = by_loop(loss, Z, Z[copies], often)[0]
        if by_loop(loss, Z, Z, heavy)[0] == pytest.approx(as_often):
            found["repeats"].add(name)
    return found


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
def test_value_and_gradient_are_those_of_the_formula(loss, by_loop):
    for seed in (0, 1):
        Z, pairs = batch(seed)
        value, on_anchors, on_candidates = by_loop(loss, Z, Z, pairs)
        found, gradient = value_and_gradient(loss, Z, pairs)
        assert found == pytest.approx(value, rel=1e-10)
        assert_allclose(gradient, on_anchors + on_candidates, rtol=1e-8, atol=1e-10)


@every_loss
def test_the_formulas_are_the_packages_own(loss):
    for part in parts(loss):
        assert part.tested, f"Set `tested = True` in {type(part).__name__}."
        sum_of_pairs = isinstance(part, losses.PairLoss)
        assert part.batchable == sum_of_pairs, f"Set it in {type(part).__name__}."


def test_weights_stand_where_the_papers_have_them(kinds):
    means = {"margin", "nca", "nca goldberger", "triplet", "rank_n_contrast"}
    means |= {"contrastive", "contrastive_linear", "contrastive_squared", "siamese"}
    logarithms = {"multi_similarity", "proxy_anchor", "supcon", "supcon and margin"}
    assert kinds["means"] >= means | {"hard triplet", "soft triplet", "hybrid"}
    assert kinds["means of positives"] >= {"info_nce", "lifted", "n_pair"}
    assert not logarithms & (kinds["means"] | kinds["means of positives"])
    # The lifted loss reads the weights of a candidate from both ends.
    assert kinds["repeats"] >= (means - {"rank_n_contrast"}) | logarithms
    assert kinds["repeats"] >= {"info_nce", "n_pair", "hybrid"}


@pytest.mark.parametrize("name", EVERY)
@few
@given(seed=seeds)
def test_a_weight_of_two_is_a_candidate_that_comes_twice(name, kinds, seed):
    if name not in kinds["repeats"]:
        return
    loss, (Z, pairs) = EVERY[name], batch(seed)
    times = torch.tensor(np.random.RandomState(seed).randint(1, 4, size=9))
    heavy, copies, often = repeated(pairs, times)
    A, C = Z.clone().requires_grad_(), Z.clone().requires_grad_()
    value, as_often = loss(A, C, heavy), loss(A, C[copies], often)
    assert as_often.item() == pytest.approx(value.item(), rel=1e-10)
    found = torch.autograd.grad(value, (A, C))
    for on, expected in zip(found, torch.autograd.grad(as_often, (A, C)), strict=True):
        assert_allclose(on, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", EVERY)
@few
@given(seed=seeds, factor=st.floats(0.1, 10))
def test_only_relative_weights_matter_to_means(name, kinds, seed, factor):
    if name not in kinds["means"] | kinds["means of positives"]:
        return
    loss, (Z, pairs) = EVERY[name], batch(seed)
    both = factor if name in kinds["means"] else 1
    value, gradient = value_and_gradient(loss, Z, pairs)
    other, other_gradient = value_and_gradient(loss, Z, scaled(pairs, factor, both))
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


@pytest.mark.parametrize("cls", [losses.MultiSimilarityLoss, losses.ProxyAnchorLoss])
@pytest.mark.parametrize("kind", Pairs._fields)
def test_heavier_pairs_cost_more_inside_a_logarithm(cls, kind):
    loss, (Z, pairs) = cls(), batch(0)
    heavier = {kind: 2 * getattr(pairs, kind).to(Z.dtype)}
    assert loss(Z, Z, pairs._replace(**heavier)) > loss(Z, Z, pairs)


def autos(cls):
    """Return the parameters of a class that may be "auto", with that value."""
    constraints = cls._parameter_constraints.items()
    return {name: "auto" for name, kinds in constraints if "'auto'" in str(kinds)}


class OwnHinge(losses.HingeLoss):
    def positive(self, distances):
        return distances**2, 1.0

    def negative(self, distances):
        gap = (self.margin - distances).clip(min=0)
        return gap**2, -gap / distances


@pytest.mark.parametrize("cls", [*filter(autos, CLASSES), losses.HybridLoss, OwnHinge])
def test_without_training_auto_is_the_value_for_the_sphere(cls):
    loss, (Z, pairs) = cls(**autos(cls)), batch(0)
    right = loss.resolve(normalize=True)
    assert loss(Z, Z, pairs).item() == right(Z, Z, pairs).item() > 0
    if cls is OwnHinge:
        return
    every = [w.double() for w in pairs]

    def weigh(rows, columns, work):
        return [w[rows, columns].clone() for w in every]

    D = torch.cdist(Z, Z) + 0.1
    both = []
    for one in (loss, right):
        value, (gradient,), _ = one.evaluator(Z)(Z, None, weigh)
        found = [value, gradient, *one.effects(Z, Z, D, every, {})]
        if isinstance(loss, losses.PairLoss):
            found += [*one.positive(D), *one.negative(D), *one.constant_slopes(D)]
            found += [*one.pair_values([0.5, 0.5, 1.9], [0, 1, 0])]
        if isinstance(loss, losses.ListwiseLoss):
            found += one.lists(D.clone(), *(w.clone() for w in every), {})[0][:3]
        both.append([np.asarray(each, dtype=float) for each in found])
    for found, expected in zip(*both, strict=True):
        assert_allclose(found, expected)


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
def test_a_missing_kind_of_pair_costs_nothing_where_the_formula_is_0(loss, by_loop):
    Z, pairs = batch(0)
    for present in ("positive", "negative", "neither"):
        kept = {
            kind: weights if kind == present else torch.zeros_like(weights)
            for kind, weights in pairs._asdict().items()
        }
        value, gradient = value_and_gradient(loss, Z, Pairs(**kept))
        assert np.isfinite(gradient).all()
        nothing = by_loop(loss, Z, Z, Pairs(**kept))[0] == 0
        assert nothing or present != "neither"
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
        measures = {getattr(part, "measure", None) for part in parts(loss)}
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
