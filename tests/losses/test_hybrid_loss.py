"""A weighted sum of losses."""

import pickle
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone

from sklearn_contrastive._pairs._keys import Pairs
from sklearn_contrastive.losses import (
    ContrastiveLoss,
    HybridLoss,
    InfoNCELoss,
    LiftedLoss,
    MarginLoss,
    NCALoss,
    SupConLoss,
    TripletLoss,
)

MEMBERS = {
    "attract": ContrastiveLoss(margin=1.0),
    "spread": SupConLoss(temperature="auto"),
    "neighbours": NCALoss("modern", "auto"),
    "split": MarginLoss(margin=0.3),
    "lift": LiftedLoss(margin=1.0),
}
WEIGHTS = [1, 0.5, 2.0, 0.25, 3]


def batch(seed=0):
    rng = np.random.RandomState(seed)
    Z = rng.normal(size=(12, 3))
    labels = torch.tensor(rng.randint(3, size=12))
    similar = labels[:, None] == labels
    Z = torch.tensor(Z / np.linalg.norm(Z, axis=1, keepdims=True), requires_grad=True)
    return Z, Pairs(similar & ~torch.eye(12, dtype=torch.bool), ~similar)


def started(loss):
    """Return the parameters of a loss that are not where learning starts."""
    own = loss.init(3, 0, np.random.RandomState(0))
    return {k: torch.tensor(0.9 * v).requires_grad_() for k, v in own.items()}


@pytest.mark.parametrize("dtype", [torch.bool, torch.float64], ids=str)
def test_value_and_gradients_are_the_weighted_sums_of_those_of_its_members(dtype):
    Z, pairs = batch()
    pairs = Pairs(*(w.to(dtype) for w in pairs))
    params, ends, expected = {}, [Z], 0
    for (name, loss), weight in zip(MEMBERS.items(), WEIGHTS, strict=True):
        own = started(loss)
        expected = expected + weight * loss(Z, Z, pairs, own)
        params |= {f"{name}__{key}": value for key, value in own.items()}
    ends += params.values()
    value = HybridLoss(list(MEMBERS.items()), WEIGHTS)(Z, Z, pairs, params)
    assert len(ends) == 4
    assert value.item() == pytest.approx(expected.item(), rel=1e-12)
    for found, right in zip(
        torch.autograd.grad(value, ends),
        torch.autograd.grad(expected, ends),
        strict=True,
    ):
        assert torch.allclose(found, right, rtol=1e-10, atol=1e-12)


def test_names_with_the_same_beginning_do_not_share_parameters():
    Z, pairs = batch()
    both = HybridLoss([("a", SupConLoss("auto")), ("a_", SupConLoss("auto"))])
    params = {
        "a__log_temperature": torch.tensor(-1.0).double(),
        "a___log_temperature": torch.tensor(-2.0).double(),
    }
    apart = [SupConLoss(np.exp(power))(Z, Z, pairs) for power in (-1.0, -2.0)]
    found = both.resolve(True)(Z, Z, pairs, params)
    assert found.item() == pytest.approx(sum(apart).item(), rel=1e-12)


def test_a_weight_of_zero_leaves_a_loss_out():
    Z, pairs = batch()
    both = HybridLoss([("in", NCALoss()), ("out", InfoNCELoss())], [1, 0])
    assert both(Z, Z, pairs).item() == pytest.approx(NCALoss()(Z, Z, pairs).item())


@pytest.mark.parametrize(
    "make", [list, tuple, np.array], ids=["list", "tuple", "array"]
)
@pytest.mark.parametrize("resolved", [True, False])
def test_weights_may_be_any_sequence(make, resolved):
    Z, pairs = batch()
    both = HybridLoss([("a", NCALoss()), ("b", InfoNCELoss())], make([1.0, 0.5]))
    both = both.resolve(True) if resolved else both
    expected = NCALoss()(Z, Z, pairs) + 0.5 * InfoNCELoss()(Z, Z, pairs)
    assert both(Z, Z, pairs).item() == pytest.approx(expected.item(), rel=1e-12)


def test_without_losses_it_is_the_contrastive_loss_and_nca():
    Z, pairs = batch()
    parts = ContrastiveLoss().resolve(True), NCALoss()
    expected = sum(loss(Z, Z, pairs) for loss in parts).item()
    for loss in (HybridLoss(), HybridLoss().resolve(True)):
        assert loss(Z, Z, pairs).item() == pytest.approx(expected, rel=1e-12)
    members = HybridLoss().resolve(True).members()
    assert [(name, type(loss), w) for name, loss, w in members] == [
        ("contrastive", ContrastiveLoss, 1.0),
        ("nca", NCALoss, 1.0),
    ]


def test_parameters_of_members_are_read_and_set_by_name():
    both = HybridLoss([("nca", NCALoss()), ("push", TripletLoss())], [1, 2])
    assert set(both.get_params(deep=False)) == {"losses", "weights"}
    deep = both.get_params()
    assert (deep["nca__temperature"], deep["push__margin"]) == (0.05, "auto")
    assert both.set_params(nca__temperature=0.2, push__margin="soft") is both
    assert both.get_params()["nca__temperature"] == 0.2
    assert both.losses[1][1].margin == "soft"
    both.set_params(nca=SupConLoss(), weights=[3, 4])
    assert isinstance(dict(both.losses)["nca"], SupConLoss)
    assert both.weights == [3, 4]
    with pytest.raises(ValueError, match="Invalid parameter 'bound' for estimator NCA"):
        HybridLoss([("nca", NCALoss())]).set_params(nca__bound=1)


def test_a_clone_shares_nothing_and_a_pickle_keeps_everything():
    both = HybridLoss([("nca", NCALoss()), ("spread", SupConLoss(0.2))], [1, 2])
    for copy in (clone(both), pickle.loads(pickle.dumps(both))):
        assert repr(copy) == repr(both)
        copy.set_params(spread__temperature=0.9)
        assert both.get_params()["spread__temperature"] == 0.2


def test_resolving_leaves_the_original_as_it_is():
    both = HybridLoss([("a", ContrastiveLoss()), ("b", TripletLoss())])
    resolved = both.resolve(True)
    assert both.weights is None
    assert [loss.margin for _, loss in both.losses] == ["auto", "auto"]
    assert [loss.margin for _, loss, _ in resolved.members()] == [2**0.5, 0.2]
    assert [loss.margin for _, loss, _ in both.resolve(False).members()] == [1, 1]


def test_a_margin_of_a_member_that_is_out_of_reach_warns():
    both = HybridLoss([("far", ContrastiveLoss(margin=2.5))])
    with pytest.warns(UserWarning, match=re.escape("`margin`=2.5 cannot be reached")):
        both.resolve(True)


NCA = ("nca", NCALoss())


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ("nca", "The 'losses' parameter of HybridLoss must be"),
        ([], "`losses` must hold at least one loss; got none."),
        ([NCALoss()], "`losses` must be a list of (name, loss); it holds NCALoss()."),
        ([("nca",)], "`losses` must be a list of (name, loss); it holds ('nca',)."),
        ([(1, NCALoss())], "must be a list of (name, loss); it holds (1, NCALoss())."),
        ([("nca", NCALoss)], "no other hybrid; 'nca' is <class"),
        ([("nca", "nca")], "no other hybrid; 'nca' is 'nca'."),
        ([("nca", None)], "no other hybrid; 'nca' is None."),
        ([("inner", HybridLoss([NCA]))], "no other hybrid; 'inner' is HybridLoss("),
        ([NCA, NCA], "Names in `losses` must differ"),
        ([("weights", NCALoss())], "must not be 'losses' or 'weights'"),
        ([("a__b", NCALoss())], "must not hold '__'; got ['a__b']"),
        ([("nca", NCALoss(temperature=0))], "The 'temperature' parameter of NCALoss"),
    ],
    ids=lambda value: None if isinstance(value, list) else " ".join(value.split()[-3:]),
)
def test_losses_that_are_no_list_of_names_and_losses_raise(losses, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        HybridLoss(losses).resolve(True)


@pytest.mark.parametrize(
    "weights",
    [[1], [1, 2, 3], [1, -1], [1, "2"], [True, 1], [1, None], [1, np.nan], [np.inf, 1]],
    ids=str,
)
def test_weights_that_are_not_a_number_per_loss_raise(weights):
    both = HybridLoss([("a", NCALoss()), ("b", SupConLoss())], weights)
    message = "`weights` must hold a number >= 0 for each of the 2 losses; got "
    with pytest.raises(ValueError, match=re.escape(message)):
        both.resolve(True)


def test_weights_that_are_no_sequence_raise():
    message = "The 'weights' parameter of HybridLoss must be"
    with pytest.raises(ValueError, match=re.escape(message)):
        HybridLoss([NCA], weights=1.0).resolve(True)


def test_weights_that_are_all_zero_raise():
    with pytest.raises(ValueError, match="`weights` must not all be 0"):
        HybridLoss([NCA], [0.0]).resolve(True)
