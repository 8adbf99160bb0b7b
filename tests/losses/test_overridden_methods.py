"""Losses of a user's own that override a method of one of the package."""

import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris

from sklearn_contrastive import ContrastiveEmbedding, Pairs
from sklearn_contrastive.losses import (
    LOSSES,
    ContrastiveLinearLoss,
    ContrastiveLoss,
    FunctionLoss,
    HybridLoss,
    InfoNCELoss,
    ListwiseLoss,
    MarginLoss,
    PairLoss,
    ProxyAnchorLoss,
    SupConLoss,
)

X, y = load_iris(return_X_y=True)
PAIR_LOSSES = [cls for cls in LOSSES.values() if issubclass(cls, PairLoss)]
LISTWISE = [cls for cls in LOSSES.values() if issubclass(cls, ListwiseLoss)]
OTHER_LOSSES = [c for c in LOSSES.values() if c not in (*PAIR_LOSSES, HybridLoss)]
#: A learning rate at which parameters stay where they start.
STILL = 1e-12


def fit(loss, n_members=1, **settings):
    model = ContrastiveEmbedding(
        3 * n_members,
        encoder="mlp",
        hidden_layer_sizes=(8,),
        loss=loss,
        n_members=n_members,
        batch_size=75,
        **{"max_iter": 2, "miner": "all", "random_state": 0, **settings},
    )
    return model.fit(X, y)


def assert_same_training(ours, theirs, **settings):
    first, second = (fit(loss, **settings) for loss in (ours, theirs))
    assert first.loss_curve_ == pytest.approx(second.loss_curve_, rel=1e-4)
    assert_allclose(first.transform(X), second.transform(X), atol=1e-3)


def derived(cls, **methods):
    """Return a class that overrides methods of another."""
    return type(f"Own{cls.__name__}", (cls,), methods)


def doubled(cls):
    """Return a class whose loss is twice that of another, by calling it."""

    def call(self, anchors, candidates, pairs, params=None):
        return 2 * cls.__call__(self, anchors, candidates, pairs, params)

    return derived(cls, __call__=call)


class Plain(PairLoss):
    def positive(self, distances):
        return distances**2, 1.0

    def negative(self, distances):
        gap = (1 - distances).clip(min=0)
        return gap**2, -gap / distances


class LinearPull(ContrastiveLoss):
    def positive(self, distances):
        return distances**2 / 2, 0.5


class Linear(LinearPull):
    """The linear contrastive loss, of other formulas."""

    def negative(self, distances):
        return ContrastiveLinearLoss.negative(self, distances)


class LinearFormulas:
    positive, negative = LinearPull.positive, Linear.negative


class LinearByMixin(LinearFormulas, ContrastiveLoss):
    pass


class Narrow(ContrastiveLoss):
    def resolve(self, normalize):
        return super().resolve(normalize).set_params(margin=0.3)


class DoubledLists(SupConLoss):
    def lists(self, values, positive, negative, params):
        terms = super().lists(values, positive, negative, params)
        return [
            (2 * value, count, 2 * slopes, {k: 2 * v for k, v in on_params.items()})
            for value, count, slopes, on_params in terms
        ]


# `__call__`, of any loss.


@pytest.mark.parametrize("cls", [Plain, *PAIR_LOSSES, *OTHER_LOSSES])
def test_training_calls_an_overridden_call(cls):
    ours, theirs = doubled(cls)(), cls()
    assert not ours.tested
    for settings in ({}, {"n_members": 2}):
        first, second = (
            fit(loss, learning_rate_init=STILL, **settings) for loss in (ours, theirs)
        )
        expected = 2 * np.array(second.loss_curve_)
        assert_allclose(first.loss_curve_, expected, rtol=1e-4)
    hybrid = fit(HybridLoss([("own", ours)]), learning_rate_init=STILL, **settings)
    assert_allclose(hybrid.loss_curve_, expected, rtol=1e-4)


@pytest.mark.parametrize("miner", ["all", "nearest"])
def test_an_overridden_call_is_differentiated_by_torch(miner):
    def function(anchors, candidates, pairs):
        return 2 * ContrastiveLoss(1.0)(anchors, candidates, pairs)

    ours = fit(doubled(ContrastiveLoss)(1.0), miner=miner).transform(X)
    assert_array_equal(ours, fit(function, miner=miner).transform(X))


def test_an_overridden_call_gets_the_parameters_that_are_learned():
    ours, theirs = (
        fit(cls("auto"), max_iter=5) for cls in (doubled(SupConLoss), DoubledLists)
    )
    assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-3)
    found, expected = (m.loss_params_["log_temperature"] for m in (ours, theirs))
    assert found == pytest.approx(expected, rel=1e-3)
    assert abs(found - np.log(0.1)) > 1e-4


def test_a_call_without_the_original_is_enough():
    def call(self, anchors, candidates, pairs, params=None):
        return (torch.cdist(anchors, candidates) * pairs.positive).mean()

    for cls in (ContrastiveLoss, SupConLoss):
        ours = fit(derived(cls, __call__=call)()).transform(X)
        function = fit(lambda *batch: call(None, *batch)).transform(X)
        assert_array_equal(ours, function)


# Formulas of pair losses.


@pytest.mark.parametrize("miner", ["all", "nearest"])
@pytest.mark.parametrize("n_members", [1, 2])
def test_training_evaluates_overridden_formulas(miner, n_members):
    settings = {"miner": miner, "n_members": n_members}
    for cls in (Linear, LinearByMixin):
        assert not cls.tested
        assert not cls.batchable
        assert_same_training(cls(1.0), ContrastiveLinearLoss(1.0), **settings)
    # Each of the two formulas counts.
    curves = [
        fit(cls(1.0), **settings).loss_curve_[0]
        for cls in (ContrastiveLoss, LinearPull, Linear)
    ]
    assert min(abs(np.diff(curves))) > 1e-3


def test_two_formulas_are_a_loss():
    for miner in ("all", "nearest"):
        assert_same_training(Plain(), ContrastiveLoss(1.0), miner=miner)


@pytest.mark.parametrize("cls", [Plain, *PAIR_LOSSES])
@pytest.mark.parametrize("name", ["positive", "negative"])
def test_overridden_formulas_are_checked_against_their_derivatives(cls, name):
    def wrong(self, distances):
        value, slope = getattr(cls, name)(self, distances)
        # A derivative in the distance is 2D times that in its square.
        return value, 2 * distances * slope

    mixin = type("Formulas", (), {name: wrong})
    classes = derived(cls, **{name: wrong}), type("OwnByMixin", (mixin, cls), {})
    for own in (*classes, derived(classes[0])):
        message = f"`{own.__name__}.{name}` must return energies and slopes"
        with pytest.raises(ValueError, match=re.escape(message)):
            fit(own())
        with pytest.raises(ValueError, match=re.escape(message)):
            HybridLoss([("own", own())]).resolve(True)


def test_a_formula_is_checked_once():
    kinds = []

    def negative(self, distances):
        kinds.append(type(distances))
        return ContrastiveLoss.negative(self, distances)

    fit(derived(ContrastiveLoss, negative=negative)(), n_members=2, max_iter=4)
    # Values with their slopes, and values a step above and below.
    assert kinds[:3] == [np.ndarray] * 3
    assert set(kinds[3:]) == {torch.Tensor}
    assert len(kinds) > 3 + 2 * 4


def test_formulas_of_the_package_are_not_checked(monkeypatch):
    checked = []
    monkeypatch.setattr(PairLoss, "check", lambda self: checked.append(type(self)))
    derived(ContrastiveLoss, negative=lambda self, d: 0 * d)().resolve(True)
    assert len(checked) == 1  # what is not ours is
    for cls in PAIR_LOSSES:
        cls().resolve(True)
    assert len(checked) == 1


@pytest.mark.parametrize("cls", [Plain, *PAIR_LOSSES])
def test_a_pair_loss_with_an_init_raises(cls):
    def init(self, n_components, n_classes, rng):
        return {"scale": np.array(1.0)}

    for own in (derived(cls, init=init), derived(derived(cls, init=init))):
        message = f"{own.__name__} has an `init`. Derive from ListwiseLoss or Loss."
        with pytest.raises(ValueError, match=re.escape(message)):
            fit(own())


def test_an_overridden_check_runs_before_training():
    def check(self):
        raise ValueError("not today")

    for cls in (*PAIR_LOSSES, *OTHER_LOSSES, HybridLoss):
        with pytest.raises(ValueError, match="not today"):
            fit(derived(cls, check=check)())
    with pytest.raises(ValueError, match="not today"):
        derived(FunctionLoss, check=check)(torch.dist).resolve(True)


def test_overridden_constant_slopes_are_those_in_use():
    calls = []

    def constant_slopes(self, distances):
        calls.append(len(distances))
        return [None, None]

    for cls in PAIR_LOSSES:
        own = derived(cls, constant_slopes=constant_slopes)
        assert_same_training(own(), cls())
        assert calls
        calls.clear()


def test_overridden_effects_are_recorded():
    def effects(self, A, C, distances, pairs, params):
        return [0 * weights for weights in pairs]

    for cls in (*PAIR_LOSSES, *OTHER_LOSSES):
        mining = fit(derived(cls, effects=effects)(), max_iter=1).mining_curve_
        assert not np.any([mining["active_positive"], mining["active_negative"]])


def test_training_takes_what_an_overridden_resolve_returns():
    ours, theirs = fit(Narrow()), fit(ContrastiveLoss(0.3))
    assert ours.margin_ == 0.3
    assert ours.loss_curve_ == pytest.approx(theirs.loss_curve_, rel=1e-6)
    assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-5)
    members = HybridLoss([("own", Narrow())]).resolve(True).members()
    assert members[0][1].margin == 0.3


def test_pair_values_are_those_of_overridden_formulas_and_resolve():
    pairs = [0.2, 0.2, 0.9, 1.5], [1, 0, 0, 0]
    expected = ContrastiveLinearLoss(1.0).pair_values(*pairs)
    assert_array_equal(Linear(1.0).pair_values(*pairs), expected)
    assert_array_equal(LinearByMixin(1.0).pair_values(*pairs), expected)
    expected = ContrastiveLoss(0.3).pair_values(*pairs)
    assert_array_equal(Narrow().pair_values(*pairs), expected)


def test_overridden_pair_values_do_not_change_training():
    def pair_values(self, distances, similar):
        return np.zeros(len(distances))

    own = derived(ContrastiveLoss, pair_values=pair_values)
    assert own().pair_values([0.2], [1]) == 0
    ours, theirs = (fit(cls(), n_members=2) for cls in (own, ContrastiveLoss))
    assert_array_equal(ours.transform(X), theirs.transform(X))


# Methods of listwise losses.


def test_training_evaluates_overridden_lists():
    assert not DoubledLists.tested
    ours = fit(DoubledLists(), learning_rate_init=STILL).loss_curve_
    theirs = fit(SupConLoss(), learning_rate_init=STILL).loss_curve_
    assert_allclose(ours, 2 * np.array(theirs), rtol=1e-4)
    assert_same_training(DoubledLists(), doubled(SupConLoss)(), n_members=2)


@pytest.mark.parametrize("cls", LISTWISE)
def test_overridden_lists_are_checked_against_their_derivatives(cls):
    def wrong(self, values, positive, negative, params):
        terms = cls.lists(self, values, positive, negative, params)
        return [(value, count, -slopes, on) for value, count, slopes, on in terms]

    mixin = type("Lists", (), {"lists": wrong})
    for own in (derived(cls, lists=wrong), type("OwnByMixin", (mixin, cls), {})):
        message = f"`{own.__name__}.lists` must return the slopes of its sum"
        with pytest.raises(ValueError, match=re.escape(message)):
            fit(own())


def test_lists_are_checked_once():
    kinds = []

    def lists(self, values, *rest):
        kinds.append(values.dtype)
        return SupConLoss.lists(self, values, *rest)

    fit(derived(SupConLoss, lists=lists)(), max_iter=4)
    # Sums with their slopes, and sums a step above and below, in double precision.
    assert kinds[:3] == [torch.float64] * 3
    assert set(kinds[3:]) == {torch.float32}


def test_training_starts_from_an_overridden_init():
    def init(self, n_components, n_classes, rng):
        return {"log_temperature": np.array(np.log(0.5))}

    own = derived(InfoNCELoss, init=init)
    assert not own.tested
    ours, theirs = (
        fit(loss, learning_rate_init=STILL) for loss in (own("auto"), InfoNCELoss(0.5))
    )
    assert np.exp(ours.loss_params_["log_temperature"]) == pytest.approx(0.5)
    assert ours.loss_curve_ == pytest.approx(theirs.loss_curve_, rel=1e-5)


def test_parameters_are_learned_at_an_overridden_rate():
    moved = {}
    for factor in (0.0, 1.0, 3.0):
        own = derived(MarginLoss, learning_rate_factor=lambda self, f=factor: f)
        model = fit(own(boundary=0.5), learning_rate_init=1e-3)
        moved[factor] = abs(model.loss_params_["boundary"] - 0.5)
    assert moved[0.0] < 1e-6
    assert moved[3.0] == pytest.approx(3 * moved[1.0], rel=0.1)


def test_an_overridden_temperature_divides_the_values():
    own = derived(InfoNCELoss, inverse_temperature=lambda self, params: 1 / 0.5)
    assert not own.tested
    assert_same_training(own(), InfoNCELoss(0.5))


# What evaluates a loss.


@pytest.mark.parametrize("cls", [ContrastiveLoss, SupConLoss])
def test_an_overridden_evaluator_is_that_of_one_model(cls):
    shapes = []

    def evaluator(self, A, C=None, miner=None, fixed=False, symmetric=False):
        shapes.append(A.shape)
        return cls.evaluator(self, A, C, miner, fixed)

    assert_same_training(derived(cls, evaluator=evaluator)(), cls(), n_members=2)
    assert set(shapes) == {(75, 3)}


# What a weighted sum of losses is made of.

SUM = [("pull", ContrastiveLoss(1.0)), ("spread", SupConLoss("auto"))]


def test_a_hybrid_of_the_users_own_stays_one():
    class Own(HybridLoss):
        def __init__(self, losses=None, weights=None, scale=3.0):
            super().__init__(losses, weights)
            self.scale = scale

    for losses in (None, SUM):
        resolved = Own(losses, scale=2.0).resolve(True)
        assert isinstance(resolved, Own)
        assert resolved.scale == 2.0
        assert len(resolved.members()) == 2
    assert_same_training(Own(SUM), HybridLoss(SUM))


def test_training_evaluates_overridden_members():
    def members(self):
        return [(n, loss, 3 * w) for n, loss, w in HybridLoss.members(self)]

    assert_same_training(
        derived(HybridLoss, members=members)(SUM, [1, 2]), HybridLoss(SUM, [3, 6])
    )


def test_only_a_hybrid_is_taken_apart_by_its_members():
    class Own(ContrastiveLoss):
        def __init__(self, margin="auto", members=3):
            super().__init__(margin)
            self.members = members

    assert_same_training(Own(), ContrastiveLoss())


@pytest.mark.parametrize("losses", [None, SUM])
@pytest.mark.parametrize("members", [{}, {"members": HybridLoss.members}])
def test_training_calls_the_overridden_call_of_a_hybrid(losses, members):
    own = doubled(HybridLoss)
    for cls in (own, derived(own, **members), type("ByMixin", (own, HybridLoss), {})):
        for settings in ({}, {"n_members": 2}):
            ours, theirs = (
                fit(loss(losses, [1, 2]), learning_rate_init=STILL, **settings)
                for loss in (cls, HybridLoss)
            )
            expected = 2 * np.array(theirs.loss_curve_)
            assert_allclose(ours.loss_curve_, expected, rtol=1e-4)


def test_an_overridden_hybrid_learns_what_its_losses_learn():
    ours = fit(doubled(HybridLoss)(SUM, [0.5, 0.5]), max_iter=5)
    theirs = fit(HybridLoss(SUM), max_iter=5)
    assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-3)
    found = ours.loss_params_["spread__log_temperature"]
    expected = theirs.loss_params_["spread__log_temperature"]
    assert found == pytest.approx(expected, rel=1e-3)
    assert abs(found - np.log(0.1)) > 1e-4


def test_an_overridden_hybrid_called_by_hand_is_what_it_is_in_training():
    Z = torch.tensor(X[:9])
    similar = torch.arange(9)[:, None] % 3 == torch.arange(9) % 3
    pairs = Pairs(similar & ~torch.eye(9, dtype=torch.bool), ~similar)
    for losses, weights in ((None, None), (SUM, None), (SUM, [1, 2])):
        own, sum_ = doubled(HybridLoss)(losses, weights), HybridLoss(losses, weights)
        expected = pytest.approx(2 * sum_(Z, Z, pairs).item())
        assert own(Z, Z, pairs).item() == expected
        assert own.resolve(True)(Z, Z, pairs).item() == expected


def test_other_methods_of_a_hybrid_take_effect():
    def init(self, n_components, n_classes, rng):
        return {"spread__log_temperature": np.array(np.log(0.5))}

    own = derived(HybridLoss, init=init, learning_rate_factor=lambda self: 0.0)
    found = fit(own(SUM), learning_rate_init=1e-3).loss_params_
    assert np.exp(found["spread__log_temperature"]) == pytest.approx(0.5, rel=1e-5)

    def evaluator(self, *args):
        return doubled(HybridLoss)(self.losses, self.weights).evaluator(*args)

    ours, theirs = (
        fit(loss, learning_rate_init=STILL)
        for loss in (derived(HybridLoss, evaluator=evaluator)(SUM), HybridLoss(SUM))
    )
    assert_allclose(ours.loss_curve_, 2 * np.array(theirs.loss_curve_), rtol=1e-4)


def test_an_overridden_hybrid_of_proxies_raises():
    own = doubled(HybridLoss)([("proxies", ProxyAnchorLoss())])
    message = "`losses` of OwnHybridLoss must not learn proxies"
    with pytest.raises(ValueError, match=re.escape(message)):
        fit(own)
