"""Each loss that compares candidates against its formula, in literal loops."""

from itertools import product

import numpy as np
import pytest
import torch

from sklearn_contrastive import losses
from sklearn_contrastive._pairs import _pairwise
from sklearn_contrastive._pairs._keys import Pairs
from sklearn_contrastive.losses import (
    InfoNCELoss,
    LiftedLoss,
    ListwiseLoss,
    MarginLoss,
    MultiSimilarityLoss,
    NCALoss,
    NPairLoss,
    PairLoss,
    ProxyAnchorLoss,
    RankNContrastLoss,
    SupConLoss,
    TripletLoss,
)

LOSSES = {
    "info_nce": InfoNCELoss(temperature=0.5),
    "lifted": LiftedLoss(margin=1.5),
    "margin": MarginLoss(margin=0.3, boundary=1.1),
    "multi_similarity": MultiSimilarityLoss(alpha=3.0, beta=20.0, base=0.4),
    "n_pair": NPairLoss(),
    **{f"nca {form}": NCALoss(form, 0.3) for form in ("modern", "frosst")},
    "nca goldberger": NCALoss("goldberger", 0.3),
    "proxy_anchor": ProxyAnchorLoss(alpha=8.0, delta=0.2),
    "rank_n_contrast": RankNContrastLoss(temperature=0.5),
    "supcon": SupConLoss(temperature=0.5),
    **{
        f"triplet {negatives} {margin} {'d²' if squared else 'd'}": TripletLoss(
            margin, negatives, squared
        )
        for negatives, margin, squared in product(
            ("all", "semihard", "hard"), (0.5, "soft"), (True, False)
        )
    },
}
# A loss that is not listed above, as it is by default.
LISTED = {losses.HybridLoss, *map(type, LOSSES.values())}
LOSSES |= {
    name: cls().resolve(True)
    for name, cls in losses.LOSSES.items()
    if cls not in LISTED and not issubclass(cls, PairLoss)
}
CLOSED = {k: loss for k, loss in LOSSES.items() if isinstance(loss, ListwiseLoss)}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
every_closed_form = pytest.mark.parametrize("loss", CLOSED.values(), ids=CLOSED)
#: All anchors at once, and a few at a time.
TILES = 2**16, 40


def points(n_rows, seed, dtype=torch.float64):
    Z = np.random.RandomState(seed).normal(size=(n_rows, 3))
    return torch.tensor(Z / np.linalg.norm(Z, axis=1, keepdims=True), dtype=dtype)


def weights(n_anchors, n_candidates, seed):
    """Return weights of 0 or in [0.5, 2], with anchors that lack some or any."""
    rng = np.random.RandomState(seed)
    kinds = rng.randint(3, size=(n_anchors, n_candidates))
    values = rng.uniform(0.5, 2, size=kinds.shape)
    positive, negative = (torch.tensor(values * (kinds == kind)) for kind in (0, 1))
    positive[0] = negative[1] = positive[2] = negative[2] = 0
    positive[:, 3] = negative[:, 3] = 0
    return Pairs(positive, negative)


def found_by(loss, A, C, pairs, params=None):
    """Return value and gradients of the loss in torch's graph."""
    A, C = (Z.clone().requires_grad_() for Z in (A, C))
    params = {k: v.detach().clone().requires_grad_() for k, v in (params or {}).items()}
    value = loss(A, C, pairs, params)
    return value.item(), *torch.autograd.grad(value, [A, C, *params.values()])


def assert_same(found, expected, rel=1e-10):
    """Compare values, and gradients as a whole."""
    assert found[0] == pytest.approx(expected[0], rel=rel)
    for on, right in zip(found[1:], expected[1:], strict=True):
        assert on.shape == right.shape
        assert (on - right).norm() <= rel * right.norm()


def dense(pairs):
    """Return a function that returns new weights of the pairs of a tile."""
    return lambda rows, columns, work: [w[..., rows, columns].clone() for w in pairs]


@every_loss
def test_any_weights_between_two_sets(loss, by_loop, monkeypatch):
    for seed in (0, 1):
        A, C, pairs = points(8, seed), points(11, seed + 10), weights(8, 11, seed)
        expected = by_loop(loss, A, C, pairs)
        for tile in TILES:
            monkeypatch.setattr(_pairwise, "_TILE", tile)
            assert_same(found_by(loss, A, C, pairs), expected)


@every_loss
def test_points_may_be_off_the_sphere(loss, by_loop):
    for scale in (0.3, 3.0):
        lengths = torch.linspace(0.5, 1.5, 11)[:, None] * scale
        A, C = points(8, 2) * lengths[:8], points(11, 3) * lengths
        pairs = weights(8, 11, 2)
        assert_same(found_by(loss, A, C, pairs), by_loop(loss, A, C, pairs))


@every_loss
def test_anchors_may_be_the_candidates(loss, by_loop, monkeypatch):
    Z, pairs = points(10, 0), weights(10, 10, 1)
    for w in pairs:
        w.fill_diagonal_(0)
    expected = by_loop(loss, Z, Z, pairs)
    for tile in TILES:
        monkeypatch.setattr(_pairwise, "_TILE", tile)
        assert_same(found_by(loss, Z, Z, pairs), expected)
        # As training calls it: the gradients in both ends come added up.
        value, (gradient,), _ = loss.evaluator(Z)(Z, None, dense(pairs))
        assert_same((value.item(), gradient), (expected[0], expected[1] + expected[2]))


@every_loss
def test_candidates_that_are_fixed_have_no_gradient(loss, by_loop, monkeypatch):
    A, C, pairs = points(8, 0), points(11, 1), weights(8, 11, 2)
    expected = by_loop(loss, A, C, pairs)
    for tile in TILES:
        monkeypatch.setattr(_pairwise, "_TILE", tile)
        evaluator = loss.evaluator(A, C, fixed=True)
        value, gradients, _ = evaluator(A, C, dense(pairs))
        assert len(gradients) == 1
        assert_same((value.item(), *gradients), expected[:2])


@every_loss
def test_a_miner_gets_distances_tile_by_tile(loss, by_loop, monkeypatch):
    A, C, pairs = points(8, 0), 1.2 * points(11, 1), weights(8, 11, 2)

    def miner(distances, pairs):
        return Pairs(*(w * (distances < 1.7) for w in pairs))

    expected = by_loop(loss, A, C, miner(torch.cdist(A, C), pairs))
    for tile in TILES:
        monkeypatch.setattr(_pairwise, "_TILE", tile)
        value, gradients, _ = loss.evaluator(A, C, miner)(A, C, dense(pairs))
        assert_same((value.item(), *gradients), expected)


@every_closed_form
def test_a_leading_axis_holds_independent_models(loss, by_loop, monkeypatch):
    A, C = (torch.stack([points(n, n + s) for s in range(3)]) for n in (8, 11))
    several = [weights(8, 11, seed) for seed in range(3)]
    pairs = Pairs(*(torch.stack(w) for w in zip(*several, strict=True)))
    for tile in TILES:
        monkeypatch.setattr(_pairwise, "_TILE", tile)
        values, gradients, _ = loss.evaluator(A, C)(A, C, dense(pairs))
        for i, model in enumerate(zip(A, C, strict=True)):
            expected = by_loop(loss, *model, several[i])
            assert_same((values[i].item(), *(on[i] for on in gradients)), expected)


@pytest.mark.parametrize("negatives", ["all", "semihard"])
@pytest.mark.parametrize(("spread", "n_sorted"), [(0.01, 0), (0.5, 8), (5.0, 12)])
def test_only_anchors_with_hinges_are_sorted(
    negatives, spread, n_sorted, by_loop, monkeypatch
):
    loss, n_rows, hinges = TripletLoss(0.2, negatives), [], TripletLoss._hinges

    def counted(self, d, *arrays):
        n_rows.append(len(d))
        return hinges(self, d, *arrays)

    monkeypatch.setattr(TripletLoss, "_hinges", counted)
    labels = torch.arange(12) % 3
    Z = points(3, 1)[labels] + spread * points(12, 0)
    similar = labels[:, None] == labels
    itself = torch.eye(12, dtype=torch.bool)
    pairs = Pairs((similar & ~itself).double(), (~similar).double())
    assert_same(found_by(loss, Z, Z, pairs), by_loop(loss, Z, Z, pairs))
    assert sum(n_rows) == n_sorted


@every_closed_form
def test_measuring_every_pair_from_differences_changes_nothing(loss, by_loop):
    # What devices do that must not wait for the distance of the nearest pair.
    A, C, pairs = points(8, 0), points(11, 1), weights(8, 11, 2)
    evaluator = loss.evaluator(A, C)
    evaluator._tiles.exact = True
    value, gradients, _ = evaluator(A, C, dense(pairs))
    assert_same((value.item(), *gradients), by_loop(loss, A, C, pairs))


@every_loss
def test_points_that_nearly_coincide(loss, by_loop):
    pairs = weights(8, 11, 1)
    pairs.positive[3, :], pairs.negative[3, :] = 1, 0
    pairs.positive[4, :], pairs.negative[4, :] = 0, 1
    for dtype, rel in ((torch.float64, 1e-9), (torch.float32, 1e-4)):
        A = points(8, 0, dtype)
        for gap in (1e-2, 1e-4):
            C = torch.cat([A + gap * points(8, 1, dtype), points(3, 2, dtype)])
            assert_same(found_by(loss, A, C, pairs), by_loop(loss, A, C, pairs), rel)
