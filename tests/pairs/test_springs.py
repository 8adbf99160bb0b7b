"""The closed form against a literal double loop and automatic differentiation."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from sklearn_contrastive._pairs._springs import Springs
from torch.profiler import ProfilerActivity, profile

from sklearn_contrastive._pairs import _tiles
from sklearn_contrastive._pairs._keys import Keys, Pairs
from sklearn_contrastive.losses import LOSSES, PairLoss
from sklearn_contrastive.miners import NearestPairs
from sklearn_contrastive.similarity import LabelSimilarity

PAIR_LOSSES = {n: cls for n, cls in LOSSES.items() if issubclass(cls, PairLoss)}
every_loss = pytest.mark.parametrize(
    "loss", [cls().resolve(True) for cls in PAIR_LOSSES.values()], ids=PAIR_LOSSES
)
#: Relative errors of gradients, as a whole, by precision.
TOLERANCES = {torch.float32: 1e-6, torch.float64: 1e-12}
precisions = pytest.mark.parametrize("dtype", TOLERANCES)


def points(n_rows, seed, n_components=4, dtype=torch.float64):
    Z = np.random.RandomState(seed).normal(size=(n_rows, n_components))
    return torch.tensor(Z / np.linalg.norm(Z, axis=1, keepdims=True), dtype=dtype)


def weights(n_anchors, n_candidates, seed):
    rng = np.random.RandomState(seed)
    kinds = rng.randint(3, size=(n_anchors, n_candidates))
    values = rng.uniform(0.5, 2, size=kinds.shape)
    return [torch.tensor(values * (kinds == kind)) for kind in (0, 1)]


def by_autograd(loss, A, C, pairs):
    """Differentiate the definition, in float64 and without any trick."""
    A, C = (Z.double().clone().requires_grad_() for Z in (A, C))
    distances = (A[:, None] - C).square().sum(-1).clamp(min=1e-300).sqrt()
    attracted, repelled = loss.positive(distances)[0], loss.negative(distances)[0]
    positive, negative = (w.double() for w in pairs)
    active = negative * (repelled > 0)
    value = (attracted * positive).sum() / positive.sum()
    value = value + (repelled * active).sum() / active.sum()
    return value.item(), *torch.autograd.grad(value, (A, C))


def error(found, expected):
    return ((found - expected).norm() / expected.norm()).item()


def springs(loss, A, C, weigh, miner=None, mirrored=False, attraction=None):
    """Make springs, and let them relax once."""
    other = None if C is A else C
    engine = Springs(loss, A, other, miner, mirrored)
    value, forces = engine(A, other, weigh, attraction)
    return value, *forces


def dense(pairs):
    return lambda rows, columns, work: [w[rows, columns] for w in pairs]


@every_loss
@precisions
@pytest.mark.parametrize("tile", [2**16, 32, 7])
def test_any_weights_between_two_sets(loss, dtype, tile, monkeypatch):
    monkeypatch.setattr(_tiles, "_TILE", tile)
    A, C, pairs = (
        points(9, 0, dtype=dtype),
        points(14, 1, dtype=dtype),
        weights(9, 14, 2),
    )
    value, on_A, on_C = springs(loss, A, C, dense(pairs))
    expected = by_autograd(loss, A, C, pairs)
    assert value.item() == pytest.approx(expected[0], rel=TOLERANCES[dtype])
    assert error(on_A, expected[1]) < TOLERANCES[dtype]
    assert error(on_C, expected[2]) < TOLERANCES[dtype]


@every_loss
@precisions
@pytest.mark.parametrize("tile", [2**16, 36, 16])
def test_half_a_square_does_for_symmetric_weights(loss, dtype, tile, monkeypatch):
    monkeypatch.setattr(_tiles, "_TILE", tile)
    Z, pairs = points(17, 0, dtype=dtype), [w + w.T for w in weights(17, 17, 1)]
    for w in pairs:
        w.fill_diagonal_(0)
    value, *forces = springs(loss, Z, Z, dense(pairs), mirrored=True)
    expected = by_autograd(loss, Z, Z, pairs)
    assert value.item() == pytest.approx(expected[0], rel=TOLERANCES[dtype])
    assert error(sum(forces), expected[1] + expected[2]) < TOLERANCES[dtype]


@every_loss
@pytest.mark.parametrize("tile", [2**16, 40])
def test_mined_pairs_are_found_tile_by_tile(loss, tile, monkeypatch):
    monkeypatch.setattr(_tiles, "_TILE", tile)
    Z, pairs = points(20, 0), weights(20, 20, 1)
    for w in pairs:
        w.fill_diagonal_(0)
    miner = NearestPairs(2, 3)
    value, *forces = springs(
        loss, Z, Z, lambda *tile: Pairs(*dense(pairs)(*tile)), miner
    )
    kept = miner(torch.cdist(Z, Z), Pairs(*pairs))
    expected = by_autograd(loss, Z, Z, kept)
    assert value.item() == pytest.approx(expected[0], rel=1e-12)
    assert error(sum(forces), expected[1] + expected[2]) < 1e-12


@every_loss
@precisions
@pytest.mark.parametrize("gap", [1e-1, 1e-2, 1e-3, 1e-5])
@pytest.mark.parametrize("mirrored", [True, False])
def test_points_that_nearly_coincide(loss, dtype, gap, mirrored, monkeypatch):
    monkeypatch.setattr(_tiles, "_TILE", 25)
    Z = points(12, 0)
    Z[1::2] = Z[::2] + gap * points(6, 1)
    Z = Z.to(dtype)
    labels = torch.arange(12) % 4 // 2 + 2 * (torch.arange(12) % 2)
    similar = labels[:, None] == labels
    pairs = [(similar & ~torch.eye(12, dtype=torch.bool)).double(), (~similar).double()]
    value, *forces = springs(loss, Z, Z, dense(pairs), mirrored=mirrored)
    expected = by_autograd(loss, Z, Z, pairs)
    assert value.item() == pytest.approx(expected[0], rel=TOLERANCES[dtype])
    assert error(sum(forces), expected[1] + expected[2]) < 3 * TOLERANCES[dtype]


@every_loss
@precisions
def test_coincident_points_have_no_force_on_each_other(loss, dtype):
    Z = points(1, 0, dtype=dtype).repeat(6, 1)
    pairs = [torch.zeros(6, 6), torch.ones(6, 6).fill_diagonal_(0)]
    value, *forces = springs(loss, Z, Z, dense(pairs))
    assert math.isfinite(value)
    assert not sum(forces).any()


@every_loss
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_size_of_the_points_does_not_matter_for_precision(loss, scale):
    ((name, value),) = loss.get_params().items()
    # A hinge on the squared distance has a margin that grows as that does.
    power = 2 if isinstance(loss, LOSSES["contrastive_squared"]) else 1
    loss = type(loss)(**{name: value * scale**power})
    A, C, pairs = scale * points(9, 0), scale * points(14, 1), weights(9, 14, 2)
    value, on_A, _ = springs(loss, A, C, dense(pairs))
    expected = by_autograd(loss, A, C, pairs)
    assert value.item() == pytest.approx(expected[0], rel=1e-10)
    assert error(on_A, expected[1]) < 1e-10


@every_loss
@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_nothing_costs_nothing(loss, shape):
    A, C = points(shape[0], 0), points(shape[1], 1)
    value, on_A, on_C = springs(loss, A, C, dense([torch.zeros(shape)] * 2))
    assert value == 0
    assert on_A.shape == A.shape
    assert on_C.shape == C.shape


@precisions
@pytest.mark.parametrize("tile", [2**16, 300])
@pytest.mark.parametrize("way", ["weights", "mirrored", "by class", "links", "dense"])
def test_a_leading_axis_holds_independent_models(way, dtype, tile, monkeypatch):
    monkeypatch.setattr(_tiles, "_TILE", tile)
    n_models, n_rows = 3, 17
    Z = torch.stack([points(n_rows, seed, dtype=dtype) for seed in range(n_models)])
    Z[:, 1] = Z[:, 0] + 1e-3
    margins = torch.tensor([0.5, 1.0, 1.5], dtype=dtype)
    similarity = LabelSimilarity().fit(None, np.arange(60) % 6)
    index = np.stack(
        [np.random.RandomState(s).permutation(60)[:n_rows] for s in range(3)]
    )
    keys = Keys(*(torch.tensor(key).to(dtype) for key in similarity.keys(index)))
    compare = similarity.similar if way == "by class" else similarity.compare
    miner = {"links": NearestPairs(2, 3), "dense": NearestPairs(2, 3).__call__}.get(way)
    mirrored = way in ("mirrored", "by class")

    def relax(loss, Z, keys):
        def weigh(rows, columns, work):
            parts = (Keys(*(k[..., p] for k in keys)) for p in (rows, columns))
            return compare(*parts, work)

        attraction = None
        if way == "by class":
            attraction = partial(similarity.attraction, keys)
        return Springs(loss, Z, None, miner, mirrored)(Z, None, weigh, attraction)

    values, (forces,) = relax(LOSSES["contrastive"](margins[:, None, None]), Z, keys)
    assert values.shape == (n_models,)
    for i, margin in enumerate(margins.tolist()):
        alone = relax(LOSSES["contrastive"](margin), Z[i], Keys(*(k[i] for k in keys)))
        assert values[i].item() == pytest.approx(alone[0].item(), rel=TOLERANCES[dtype])
        assert error(forces[i], alone[1][0]) < 3 * TOLERANCES[dtype]


@every_loss
@pytest.mark.parametrize("way", ["weights", "by class", "links"])
def test_measuring_every_pair_from_differences_changes_nothing(loss, way):
    # What devices do that must not wait for the distance of the nearest pair.
    Z = points(30, 0)
    Z[1::3] = Z[::3] + 1e-4 * points(10, 1)
    similarity = LabelSimilarity().fit(None, np.arange(30) % 4)
    keys = Keys(*(torch.tensor(k).double() for k in similarity.keys(np.arange(30))))
    compare = similarity.similar if way == "by class" else similarity.compare
    attraction = partial(similarity.attraction, keys) if way == "by class" else None

    def weigh(rows, columns, work):
        parts = (Keys(*(k[p] for k in keys)) for p in (rows, columns))
        return compare(*parts, work)

    both = []
    for exact in (False, True):
        miner = NearestPairs(2, 3) if way == "links" else None
        engine = Springs(loss, Z, miner=miner, mirrored=way == "by class")
        engine._tiles.exact = exact
        both.append(engine(Z, None, weigh, attraction))
    (value, (forces,)), (expected, (expected_forces,)) = both
    assert value.item() == pytest.approx(expected.item(), rel=1e-10)
    assert error(forces, expected_forces) < 1e-9


@pytest.mark.parametrize("n_models", [1, 3])
def test_models_differ_in_anchors_and_candidates(n_models):
    loss = LOSSES["contrastive"](1.0)
    A = torch.stack([points(5, seed) for seed in range(n_models)])
    C = torch.stack([points(8, 10 + seed) for seed in range(n_models)])
    pairs = [
        torch.stack(w)
        for w in zip(*(weights(5, 8, s) for s in range(n_models)), strict=True)
    ]
    A.requires_grad_()
    C.requires_grad_()
    values = loss(A, C, Pairs(*pairs))
    found = torch.autograd.grad(values.sum(), (A, C))
    for i in range(n_models):
        expected = by_autograd(loss, A[i], C[i], [w[i] for w in pairs])
        assert values[i].item() == pytest.approx(expected[0], rel=1e-12)
        assert error(found[0][i], expected[1]) < 1e-12
        assert error(found[1][i], expected[2]) < 1e-12


@pytest.mark.parametrize("miner", [None, NearestPairs()])
def test_no_array_of_a_large_batch_holds_all_its_pairs(miner):
    n_rows = 4096
    Z = points(n_rows, 0, 32, torch.float32)
    similarity = LabelSimilarity().fit(None, np.arange(n_rows) % 10)
    keys = Keys(*(torch.tensor(k).float() for k in similarity.keys(np.arange(n_rows))))

    def weigh(rows, columns, work):
        parts = (Keys(*(k[p] for k in keys)) for p in (rows, columns))
        return (similarity.similar if miner is None else similarity.compare)(
            *parts, work
        )

    attraction = partial(similarity.attraction, keys) if miner is None else None
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watch:
        engine = Springs(LOSSES["contrastive"](1.0), Z, miner=miner, mirrored=not miner)
        engine(Z, None, weigh, attraction)
    taken = [event.cpu_memory_usage for event in watch.events()]
    # The arrays of a tile, or the differences of thirteen links an anchor.
    assert 2**18 < max(taken) <= 13 * n_rows * 32 * 4 < n_rows**2 * 4 / 4


@every_loss
@precisions
@pytest.mark.parametrize("gap", [1.0, 1e-2])
@pytest.mark.parametrize("n_absent", [0, 50])
def test_positive_pairs_can_be_added_up_by_class(
    loss, dtype, gap, n_absent, monkeypatch
):
    monkeypatch.setattr(_tiles, "_TILE", 49)
    y = np.array([0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 4, 4, 5, 5, 5, 0, 1])
    # More classes than rows in the batch are numbered afresh.
    y = np.where(y % 2, y, y + 10 * n_absent)
    labels = np.concatenate([y, 100 + np.arange(n_absent)])
    similarity = LabelSimilarity().fit(None, labels.astype(str))
    centres = points(6, 0)[np.unique(y, return_inverse=True)[1]] * (1 - gap)
    Z = (centres + gap * points(17, 1)).to(dtype)
    keys = Keys(*(torch.tensor(k).to(dtype) for k in similarity.keys(np.arange(17))))

    def similar(rows, columns, work):
        parts = (Keys(*(k[p] for k in keys)) for p in (rows, columns))
        return similarity.similar(*parts, work)

    value, *forces = springs(
        loss,
        Z,
        Z,
        similar,
        mirrored=True,
        attraction=lambda Z: similarity.attraction(keys, Z),
    )
    expected = by_autograd(loss, Z, Z, similarity.compare(keys, keys))
    assert value.item() == pytest.approx(expected[0], rel=TOLERANCES[dtype])
    assert error(sum(forces), expected[1] + expected[2]) < TOLERANCES[dtype]
