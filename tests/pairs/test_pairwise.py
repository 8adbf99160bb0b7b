"""Pair losses against automatic differentiation of their definition."""

import math

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from sklearn_contrastive._pairs import _pairwise
from sklearn_contrastive._pairs._keys import Keys, Pairs
from sklearn_contrastive._pairs._pairwise import DensePairs, SparsePairs
from sklearn_contrastive.losses import LOSSES, PairLoss
from sklearn_contrastive.miners import FunctionMiner, NearestPairs
from sklearn_contrastive.similarity import LabelSimilarity

PAIR_LOSSES = {n: cls for n, cls in LOSSES.items() if issubclass(cls, PairLoss)}
every_loss = pytest.mark.parametrize(
    "loss", [cls().resolve(True) for cls in PAIR_LOSSES.values()], ids=PAIR_LOSSES
)
#: Relative errors of gradients, as a whole, by precision.
TOLERANCES = {torch.float32: 1e-6, torch.float64: 1e-12}
precisions = pytest.mark.parametrize("dtype", TOLERANCES)
#: Each way to evaluate pairs, by the miner that leads to it.
MINERS = {
    "all pairs": None,
    "lists": NearestPairs(2, 3),
    "a matrix": FunctionMiner(NearestPairs(2, 3)),
}
every_way = pytest.mark.parametrize("miner", MINERS.values(), ids=MINERS)


def points(n_rows, seed, n_components=4, dtype=torch.float64):
    Z = np.random.RandomState(seed).normal(size=(n_rows, n_components))
    return torch.tensor(Z / np.linalg.norm(Z, axis=1, keepdims=True), dtype=dtype)


def weights(n_anchors, n_candidates, seed):
    rng = np.random.RandomState(seed)
    kinds = rng.randint(3, size=(n_anchors, n_candidates))
    values = rng.uniform(0.5, 2, size=kinds.shape)
    return [torch.tensor(values * (kinds == kind)) for kind in (0, 1)]


def weights_within(n_rows, seed, symmetric=False):
    """Return weights of the pairs of a set, of which no row is a pair with itself."""
    pairs = weights(n_rows, n_rows, seed)
    return [(w + w.T if symmetric else w).fill_diagonal_(0) for w in pairs]


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


def evaluate(loss, A, C, weigh, miner=None, fixed=False):
    """Return the value and the gradients that a new evaluator finds."""
    value, gradients, on_params = loss.evaluator(A, C, miner, fixed)(A, C, weigh)
    assert on_params == {}
    return value, *gradients


def dense(pairs):
    return lambda rows, columns, work: Pairs(*(w[..., rows, columns] for w in pairs))


def keys_of(labels, index, dtype=torch.float64):
    """Return a similarity of labels, and the keys of some rows as tensors."""
    similarity = LabelSimilarity().fit(None, labels)
    keys = Keys(*(torch.tensor(key).to(dtype) for key in similarity.keys(index)))
    return similarity, keys


def by_keys(similarity, keys):
    def weigh(rows, columns, work):
        parts = (Keys(*(key[..., part] for key in keys)) for part in (rows, columns))
        return similarity.compare(*parts, work)

    return weigh


@every_way
def test_the_miner_decides_how_pairs_are_evaluated(miner):
    loss, Z = LOSSES["contrastive"](1.0), points(5, 0)
    expected = SparsePairs if miner is MINERS["lists"] else DensePairs
    assert type(loss.evaluator(Z, miner=miner)) is expected


@every_loss
@precisions
def test_any_weights_between_two_sets(loss, dtype, monkeypatch):
    A, C = points(9, 0, dtype=dtype), points(14, 1, dtype=dtype)
    pairs = weights(9, 14, 2)
    expected = by_autograd(loss, A, C, pairs)
    for tile in (2**16, 32, 7):
        monkeypatch.setattr(_pairwise, "_TILE", tile)
        value, on_A, on_C = evaluate(loss, A, C, dense(pairs))
        assert value.item() == pytest.approx(expected[0], rel=TOLERANCES[dtype])
        assert error(on_A, expected[1]) < TOLERANCES[dtype]
        assert error(on_C, expected[2]) < TOLERANCES[dtype]


@every_loss
@precisions
@pytest.mark.parametrize("symmetric", [True, False])
def test_anchors_that_are_the_candidates_have_one_gradient(
    loss, dtype, symmetric, monkeypatch
):
    Z, pairs = points(17, 0, dtype=dtype), weights_within(17, 1, symmetric)
    expected = by_autograd(loss, Z, Z, pairs)
    for tile in (2**16, 36, 16):
        monkeypatch.setattr(_pairwise, "_TILE", tile)
        value, *gradients = evaluate(loss, Z, None, dense(pairs))
        assert value.item() == pytest.approx(expected[0], rel=TOLERANCES[dtype])
        assert len(gradients) == 1
        assert error(*gradients, expected[1] + expected[2]) < TOLERANCES[dtype]


@every_loss
@pytest.mark.parametrize("tile", [2**16, 40])
def test_mined_pairs_are_found_tile_by_tile(loss, tile, monkeypatch):
    monkeypatch.setattr(_pairwise, "_TILE", tile)
    Z, pairs = points(20, 0), weights_within(20, 1)
    kept = NearestPairs(2, 3)(torch.cdist(Z, Z), Pairs(*pairs))
    expected = by_autograd(loss, Z, Z, kept)
    for miner in (MINERS["lists"], MINERS["a matrix"]):
        for C in (None, Z):
            value, *gradients = evaluate(loss, Z, C, dense(pairs), miner)
            assert value.item() == pytest.approx(expected[0], rel=1e-12)
            assert error(sum(gradients), expected[1] + expected[2]) < 1e-12


@every_loss
def test_candidates_that_are_fixed_have_no_gradient(loss):
    A, C, pairs = points(9, 0), points(14, 1), weights(9, 14, 2)
    for miner in MINERS.values():
        value, *both = evaluate(loss, A, C, dense(pairs), miner)
        other, *gradients = evaluate(loss, A, C, dense(pairs), miner, fixed=True)
        assert other.item() == pytest.approx(value.item(), rel=1e-12)
        assert len(gradients) == 1
        assert error(gradients[0], both[0]) < 1e-12


@every_loss
@precisions
def test_points_that_nearly_coincide(loss, dtype, monkeypatch):
    monkeypatch.setattr(_pairwise, "_TILE", 25)
    labels = torch.arange(12) % 4 // 2 + 2 * (torch.arange(12) % 2)
    similar = labels[:, None] == labels
    pairs = [(similar & ~torch.eye(12, dtype=torch.bool)).double(), (~similar).double()]
    for gap in (1e-1, 1e-2, 1e-3, 1e-5):
        Z = points(12, 0)
        Z[1::2] = Z[::2] + gap * points(6, 1)
        Z = Z.to(dtype)
        expected = by_autograd(loss, Z, Z, pairs)
        total = expected[1] + expected[2]
        for C in (None, Z):
            value, *gradients = evaluate(loss, Z, C, dense(pairs))
            assert value.item() == pytest.approx(expected[0], rel=TOLERANCES[dtype])
            assert error(sum(gradients), total) < 3 * TOLERANCES[dtype]


@every_loss
@precisions
def test_coincident_points_have_no_gradient_from_each_other(loss, dtype):
    Z = points(1, 0, dtype=dtype).repeat(6, 1)
    pairs = [torch.zeros(6, 6), torch.ones(6, 6).fill_diagonal_(0)]
    for C in (None, Z):
        value, *gradients = evaluate(loss, Z, C, dense(pairs))
        assert math.isfinite(value)
        assert not sum(gradients).any()


@every_loss
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_size_of_the_points_does_not_matter_for_precision(loss, scale):
    ((name, value),) = loss.get_params().items()
    # A hinge on the squared distance has a margin that grows as that does.
    power = 2 if isinstance(loss, LOSSES["contrastive_squared"]) else 1
    loss = type(loss)(**{name: value * scale**power})
    A, C, pairs = scale * points(9, 0), scale * points(14, 1), weights(9, 14, 2)
    value, on_A, _ = evaluate(loss, A, C, dense(pairs))
    expected = by_autograd(loss, A, C, pairs)
    assert value.item() == pytest.approx(expected[0], rel=1e-10)
    assert error(on_A, expected[1]) < 1e-10


@every_loss
def test_no_pair_costs_nothing(loss):
    for shape in [(0, 0), (0, 5), (5, 0)]:
        A, C = points(shape[0], 0), points(shape[1], 1)
        value, on_A, on_C = evaluate(loss, A, C, dense([torch.zeros(shape)] * 2))
        assert value == 0
        assert on_A.shape == A.shape
        assert on_C.shape == C.shape


@precisions
@every_way
def test_a_leading_axis_holds_independent_models(miner, dtype, monkeypatch):
    n_models, n_rows = 3, 17
    Z = torch.stack([points(n_rows, seed, dtype=dtype) for seed in range(n_models)])
    Z[:, 1] = Z[:, 0] + 1e-3
    margins = torch.tensor([0.5, 1.0, 1.5], dtype=dtype)
    index = [np.random.RandomState(s).permutation(60)[:n_rows] for s in range(3)]
    similarity, keys = keys_of(np.arange(60) % 6, np.stack(index), dtype)
    for tile in (2**16, 300):
        monkeypatch.setattr(_pairwise, "_TILE", tile)
        several = LOSSES["contrastive"](margins[:, None, None])
        weigh = by_keys(similarity, keys)
        values, gradient = evaluate(several, Z, None, weigh, miner)
        assert values.shape == (n_models,)
        for i, margin in enumerate(margins.tolist()):
            weigh = by_keys(similarity, Keys(*(key[i] for key in keys)))
            alone = LOSSES["contrastive"](margin)
            value, expected = evaluate(alone, Z[i], None, weigh, miner)
            tolerance = TOLERANCES[dtype]
            assert values[i].item() == pytest.approx(value.item(), rel=tolerance)
            assert error(gradient[i], expected) < 3 * tolerance


@every_loss
@every_way
def test_measuring_every_pair_from_differences_changes_nothing(loss, miner):
    # What devices do that must not wait for the distance of the nearest pair.
    Z = points(30, 0)
    Z[1::3] = Z[::3] + 1e-4 * points(10, 1)
    weigh = by_keys(*keys_of(np.arange(30) % 4, np.arange(30)))
    both = []
    for exact in (False, True):
        evaluator = loss.evaluator(Z, miner=miner)
        evaluator._tiles.exact = exact
        both.append(evaluator(Z, None, weigh))
    (value, (gradient,), _), (expected, (expected_gradient,), _) = both
    assert value.item() == pytest.approx(expected.item(), rel=1e-10)
    assert error(gradient, expected_gradient) < 1e-9


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


@pytest.mark.parametrize(("miner", "n_rows"), [(None, 2048), (NearestPairs(), 4096)])
def test_no_array_of_a_large_batch_holds_all_its_pairs(miner, n_rows):
    Z = points(n_rows, 0, 32, torch.float32)
    weigh = by_keys(*keys_of(np.arange(n_rows) % 10, np.arange(n_rows), torch.float32))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watch:
        evaluate(LOSSES["contrastive"](1.0), Z, None, weigh, miner)
    taken = [event.cpu_memory_usage for event in watch.events()]
    # The arrays of a tile, or the differences of thirteen pairs per anchor.
    assert 2**18 < max(taken) <= 13 * n_rows * 32 * 4 < n_rows**2 * 4 / 4
