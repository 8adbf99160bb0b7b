"""Losses that compare candidates, at the limits of their parameters and points."""

import math
import re
from functools import partial

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from sklearn_contrastive._pairs import _pairwise
from sklearn_contrastive._pairs._keys import Keys, Pairs
from sklearn_contrastive.losses import (
    LOSSES,
    InfoNCELoss,
    LiftedLoss,
    ListwiseLoss,
    MarginLoss,
    MultiSimilarityLoss,
    NCALoss,
    NPairLoss,
    ProxyAnchorLoss,
    SupConLoss,
    TripletLoss,
)
from sklearn_contrastive.similarity import LabelSimilarity

#: Each loss at its sharpest.
SHARP = {
    "info_nce": InfoNCELoss(0.01),
    "lifted": LiftedLoss(margin=20.0),
    "margin": MarginLoss(),
    "multi_similarity": MultiSimilarityLoss(alpha=100.0, beta=100.0),
    "n_pair": NPairLoss(),
    "nca modern": NCALoss("modern", 0.01),
    "nca frosst": NCALoss("frosst", 0.01),
    "nca goldberger": NCALoss("goldberger", 0.01),
    "proxy_anchor": ProxyAnchorLoss(alpha=100.0),
    "supcon": SupConLoss(0.01),
    "triplet": TripletLoss(negatives="all"),
    "triplet semihard d": TripletLoss(0.2, "semihard", squared=False),
    "triplet hard": TripletLoss(negatives="hard"),
    "triplet soft": TripletLoss(margin="soft", negatives="all"),
}
# A loss that is not listed above, as it is by default.
SHARP |= {
    name: cls().resolve(True)
    for name, cls in LOSSES.items()
    if issubclass(cls, ListwiseLoss) and cls not in map(type, SHARP.values())
}
every_loss = pytest.mark.parametrize("loss", SHARP.values(), ids=SHARP)
several = pytest.mark.parametrize("n_rows", [16, 200])


def poles(n_rows, dtype=torch.float32):
    """Return points of which many coincide, and as many lie opposite."""
    Z = np.random.RandomState(0).normal(size=(n_rows // 4, 4))
    Z = torch.tensor(Z / np.linalg.norm(Z, axis=1, keepdims=True), dtype=dtype)
    return torch.cat([Z, Z, -Z, -Z])


def label_pairs(labels):
    similar = labels[:, None] == labels
    return Pairs(similar & ~torch.eye(len(labels), dtype=torch.bool), ~similar)


def value_and_gradient(loss, Z, pairs):
    Z = Z.clone().requires_grad_()
    value = loss(Z, Z, pairs)
    return value.item(), torch.autograd.grad(value, Z)[0]


@every_loss
@several
def test_coincident_and_opposite_points_are_no_trouble_in_float32(loss, n_rows):
    Z = poles(n_rows)
    for n_classes in (2, 3, 7):
        pairs = label_pairs(torch.arange(n_rows) % n_classes)
        value, gradient = value_and_gradient(loss, Z, pairs)
        expected, right = value_and_gradient(loss, Z.double(), pairs)
        assert gradient.isfinite().all()
        assert right.isfinite().all()
        if getattr(loss, "negatives", None) == "semihard":
            # Distances tie, and rounding decides which triplets are in order.
            assert 0 <= value <= loss.margin
        else:
            # A probability is exact up to rounding, however near to 1.
            assert value == pytest.approx(expected, rel=1e-4, abs=1e-6)


@every_loss
def test_gradients_of_distinct_points_are_those_of_float64(loss):
    for n_rows in (16, 200):
        Z = poles(4 * n_rows)[:n_rows]
        pairs = label_pairs(torch.arange(n_rows) % 3)
        _, gradient = value_and_gradient(loss, Z, pairs)
        _, expected = value_and_gradient(loss, Z.double(), pairs)
        assert (gradient - expected).norm() <= 1e-3 * expected.norm()


@every_loss
def test_points_may_be_very_short_or_very_long(loss):
    Z, pairs = poles(16), label_pairs(torch.arange(16) % 3)
    for length in (1e-4, 1e4):
        value, gradient = value_and_gradient(loss, length * Z, pairs)
        assert math.isfinite(value)
        assert value >= 0
        assert gradient.isfinite().all()


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_no_pair_costs_nothing(loss, dtype):
    for shape in [(0, 0), (0, 5), (5, 0)]:
        A, C = (torch.ones((n, 3), dtype=dtype, requires_grad=True) for n in shape)
        none = torch.zeros(shape, dtype=torch.bool)
        value = loss(A, C, Pairs(none, none))
        assert value.item() == 0
        assert value.dtype == dtype
        for Z, on in zip((A, C), torch.autograd.grad(value, (A, C)), strict=True):
            assert on.shape == Z.shape
            assert not on.any()


def test_no_triplet_lies_within_a_margin_too_small_to_tell():
    # Adding it changes no distance: nothing is both farther and within the margin.
    A, C = torch.zeros(1, 2), torch.tensor([[1.0, 0], [0, 1], [0, -1], [3, 0]])
    C.requires_grad_()
    pairs = Pairs(torch.tensor([[1, 0, 0, 0]]), torch.tensor([[0, 1, 1, 1]]))
    value = TripletLoss(1e-9, "semihard")(A, C, pairs)
    assert value == 0
    assert not torch.autograd.grad(value, C)[0].any()


@pytest.mark.parametrize("negatives", ["all", "semihard"])
def test_running_sums_of_many_triplets_are_exact_enough_in_float32(negatives):
    n_rows = 512
    Z = torch.tensor(np.random.RandomState(0).normal(size=(n_rows, 4))).float()
    pairs = label_pairs(torch.arange(n_rows) % 4)
    loss = TripletLoss(0.2, negatives)
    value, gradient = value_and_gradient(loss, Z, pairs)
    expected, right = value_and_gradient(loss, Z.double(), pairs)
    assert value == pytest.approx(expected, rel=1e-3)
    assert (gradient - right).norm() <= 1e-3 * right.norm()


@pytest.mark.parametrize(
    "loss",
    [TripletLoss(negatives="semihard"), TripletLoss("soft", "semihard"), SupConLoss()],
    ids=["semihard triplet", "soft triplet", "supcon"],
)
def test_no_array_holds_all_pairs_let_alone_all_triplets(loss, monkeypatch):
    monkeypatch.setattr(_pairwise, "_TILE", 2**14)
    n_rows = 1024
    Z = torch.tensor(np.random.RandomState(0).normal(size=(n_rows, 8))).float()
    similarity = LabelSimilarity().fit(None, np.arange(n_rows) % 256)
    keys = Keys(*(torch.tensor(k).float() for k in similarity.keys(np.arange(n_rows))))

    def weigh(rows, columns, work):
        parts = (Keys(*(k[part] for k in keys)) for part in (rows, columns))
        return similarity.compare(*parts, work)

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watch:
        value, _, _ = loss.evaluator(Z)(Z, None, weigh)
    taken = [event.cpu_memory_usage for event in watch.events()]
    assert value > 0
    # The four arrays of a tile, made at once; all pairs would be four times as much.
    tile = _pairwise._WHOLE_ROWS * _pairwise._TILE
    assert 2**18 < max(taken) <= 4 * tile * 4 < n_rows**2 * 4 / 3


@pytest.mark.parametrize(
    ("loss", "on_sphere", "off_sphere"),
    [
        (TripletLoss(), 0.2, 1.0),
        (TripletLoss(squared=False), 0.2, 1.0),
        (TripletLoss("soft"), "soft", "soft"),
        (MarginLoss(), 0.2, 0.2),
        (LiftedLoss(), 1.0, 1.0),
        (LiftedLoss(0.3), 0.3, 0.3),
    ],
    ids=lambda value: repr(value) if hasattr(value, "resolve") else None,
)
def test_auto_margins_depend_on_the_sphere(loss, on_sphere, off_sphere):
    assert loss.resolve(True).margin == on_sphere
    assert loss.resolve(False).margin == off_sphere


@pytest.mark.parametrize(
    ("make", "reach"),
    [
        (TripletLoss, 4),
        (partial(TripletLoss, squared=False), 2),
        (MarginLoss, 2),
    ],
    ids=["triplet d²", "triplet d", "margin"],
)
def test_a_margin_out_of_reach_warns_on_the_sphere_only(make, reach):
    message = f"`margin`={reach + 0.5} cannot be reached: points on the unit sphere are"
    with pytest.warns(UserWarning, match=re.escape(f"{message} at most {reach} apart")):
        make(margin=reach + 0.5).resolve(True)
    assert make(margin=reach + 0.5).resolve(False).margin == reach + 0.5
    assert make(margin=float(reach)).resolve(True).margin == reach


@pytest.mark.parametrize(
    ("cls", "name", "values"),
    [
        (InfoNCELoss, "temperature", [0, -1, "learned", None]),
        (SupConLoss, "temperature", [0, -1, "learned", None]),
        (NCALoss, "temperature", [0, "learned", None]),
        (NCALoss, "form", ["hinton", None]),
        (TripletLoss, "margin", [0, -1, "hard", None, 1e20]),
        (TripletLoss, "negatives", ["easy", None]),
        (TripletLoss, "squared", ["yes", None]),
        (MarginLoss, "margin", [0, "soft"]),
        (MarginLoss, "boundary", [0, -1, "auto"]),
        (MarginLoss, "rate", [-1, None]),
        (MultiSimilarityLoss, "alpha", [0, "auto"]),
        (MultiSimilarityLoss, "beta", [0, None]),
        (MultiSimilarityLoss, "base", [None, math.inf, math.nan]),
        (ProxyAnchorLoss, "alpha", [0, None]),
        (ProxyAnchorLoss, "delta", [None, math.inf]),
        (ProxyAnchorLoss, "rate", [0, None]),
        (LiftedLoss, "margin", [0, "soft", None]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_parameters_out_of_range_raise_with_their_name(cls, name, values):
    message = f"The '{name}' parameter of {cls.__name__} must be"
    for value in values:
        with pytest.raises(ValueError, match=re.escape(message)):
            cls(**{name: value}).resolve(normalize=True)


@pytest.mark.parametrize(
    ("loss", "miner"),
    [
        (TripletLoss(), "semihard"),
        (TripletLoss(negatives="semihard"), "semihard"),
        (TripletLoss(negatives="all"), "all"),
        (TripletLoss(negatives="hard"), "all"),
        (MarginLoss(), "distance_weighted"),
        (SupConLoss(), "all"),
    ],
    ids=lambda value: repr(value) if hasattr(value, "resolve") else None,
)
def test_the_auto_miner_of_a_loss(loss, miner):
    assert loss.auto_miner == miner
