"""Rows are compared with those of batches before: `CrossBatchMemory`."""

import pickle
import re
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._pairs._keys import Keys, Pairs
from sklearn_contrastive._pairs._memory import Memory
from sklearn_contrastive._training._terms import SingleTerm, Term
from sklearn_contrastive.losses import (
    ContrastiveLoss,
    FunctionLoss,
    HybridLoss,
    InfoNCELoss,
    LiftedLoss,
    MarginLoss,
    NCALoss,
    ProxyAnchorLoss,
)
from sklearn_contrastive.miners import (
    AllPairs,
    CrossBatchMemory,
    GlobalMiner,
    NearestPairs,
)
from sklearn_contrastive.similarity import LabelSimilarity

X, y = load_iris(return_X_y=True)

# Short fits on small tables: what looks beyond a batch hardly has the occasion.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The memory of:UserWarning"),
    pytest.mark.filterwarnings("ignore:GlobalMiner has not searched:UserWarning"),
]


def small(**settings):
    return ContrastiveEmbedding(
        **{
            "n_components": 3,
            "hidden_layer_sizes": (8,),
            "max_iter": 4,
            "batch_size": 32,
            "random_state": 0,
            "device": "cpu",
            **settings,
        }
    )


def as_rows(*tensors):
    return list(zip(*(tensor.tolist() for tensor in tensors), strict=True))


# The queue.


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(1, 9),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=8),
)
def test_the_memory_holds_the_last_rows_with_their_keys(size, sizes):
    rng, rows = np.random.RandomState(0), []
    memory = Memory(size, Keys(torch.zeros(0), torch.zeros(0, 2)), torch.zeros(0, 3))
    for n_rows in sizes:
        points = torch.tensor(rng.normal(size=(n_rows, 3)), dtype=torch.float32)
        numbers = torch.arange(len(rows), len(rows) + n_rows, dtype=torch.float32)
        values = torch.stack([-numbers, 10 * numbers], dim=1)
        memory.append(points, Keys(numbers, values))
        rows += as_rows(numbers, values, points)
        assert memory.full == (len(rows) >= size)
    n_taken = min(size, len(rows))
    held = as_rows(*memory.keys, memory.points)
    assert sorted(held[:n_taken]) == sorted(rows[-size:])
    assert len(held) == size


def test_the_memory_does_not_move_with_what_it_was_given():
    points, rows = torch.ones(2, 3), torch.tensor([4.0, 5.0])
    memory = Memory(2, Keys(rows, rows), points)
    memory.append(points, Keys(rows, rows))
    points.zero_()
    rows.zero_()
    assert memory.points.tolist() == [[1.0] * 3] * 2
    assert memory.keys.rows.tolist() == [4.0, 5.0]


# The loss of a step.

LABELS = np.arange(24) % 3


def apart(A, C):
    squared = torch.stack([(a - C).square().sum(-1) for a in A])
    return squared.clamp(min=1e-30).sqrt()


def literal_contrastive(A, C, pairs, params):
    D = apart(A, C)
    pull, push = D**2 * pairs[0], (1 - D).clamp(min=0) ** 2 * pairs[1]
    return pull.sum() / max(pairs[0].sum(), 1) + push.sum() / max((push > 0).sum(), 1)


def literal_nearest(A, C, pairs, params):
    """Do the same with the two nearest positives and four nearest negatives."""
    D, kept = torch.cdist(A, C).detach(), []
    for weights, n_kept in zip(pairs, (2, 4), strict=True):
        far = torch.where(weights > 0, D, torch.inf)
        limit = far.sort(-1).values[:, n_kept - 1 : n_kept]
        kept.append(weights * (far <= limit))
    return literal_contrastive(A, C, kept, params)


def literal_info_nce(A, C, pairs, params):
    """Average over positive pairs, with a temperature that is learned."""
    logits = A @ C.T / params["log_temperature"].exp()
    costs = []
    for i, j in (pairs[0] > 0).nonzero().tolist():
        others = logits[i][pairs[1][i] > 0]
        costs.append(torch.cat([logits[i, j][None], others]).logsumexp(0))
        costs[-1] = costs[-1] - logits[i, j]
    return torch.stack(costs).mean()


def literal_nca(A, C, pairs, params):
    D = apart(A, C)
    costs = []
    for i in range(len(A)):
        own, known = pairs[0][i] > 0, (pairs[0][i] + pairs[1][i]) > 0
        if own.any():
            logits = -D[i] / params["log_temperature"].exp()
            costs.append(logits[known].logsumexp(0) - logits[own].logsumexp(0))
    return torch.stack(costs).mean()


def literal_lifted(A, C, pairs, params):
    D = apart(A, C)
    costs = []
    for i, j in (pairs[0] > 0).nonzero().tolist():
        near = torch.cat([D[i][pairs[1][i] > 0], D[:, j][pairs[1][:, j] > 0]])
        J = D[i, j] + (1.0 - near).logsumexp(0)
        costs.append(J.clamp(min=0) ** 2 / 2)
    return torch.stack(costs).mean()


def literal_margin(A, C, pairs, params):
    D = apart(A, C)
    pull = (0.2 + D - params["boundary"]).clamp(min=0) * pairs[0]
    push = (0.2 - D + params["boundary"]).clamp(min=0) * pairs[1]
    active = (pull > 0).sum() + (push > 0).sum()
    return (pull.sum() + push.sum()) / max(active, 1)


def users_own(anchors, candidates, pairs):
    products = (anchors @ candidates.T).tanh()
    return (pairs.negative * products - pairs.positive * products).mean()


def literal_users_own(A, C, pairs, params):
    return users_own(A, C, pairs)


STEPS = {
    "pair": (ContrastiveLoss(1.0), AllPairs(), literal_contrastive),
    "pair, mined": (ContrastiveLoss(1.0), NearestPairs(2, 4), literal_nearest),
    "nca": (NCALoss(temperature="auto"), AllPairs(), literal_nca),
    "info_nce": (InfoNCELoss(temperature="auto"), AllPairs(), literal_info_nce),
    "margin": (MarginLoss(), AllPairs(), literal_margin),
    "lifted": (LiftedLoss(), AllPairs(), literal_lifted),
    "a user's own": (FunctionLoss(users_own), AllPairs(), literal_users_own),
}
#: Where own parameters stand, away from any bend of the formulas.
LEARNED = {
    "nca": {"log_temperature": -1.5},
    "info_nce": {"log_temperature": -1.5},
    "margin": {"boundary": 0.9},
}


def pairs_between(similarity, keys, others):
    return Pairs(*(torch.tensor(w) for w in similarity.compare(keys, others)))


def steps_of(loss, miner, params, *, memory, weight=1.0, batches, seed=0):
    """Yield the points of each batch with the loss and their gradient."""
    rng = np.random.RandomState(seed)
    similarity = LabelSimilarity().fit(None, LABELS)
    loss = loss.resolve(False)
    keys = Keys(*(torch.tensor(k).double() for k in similarity.keys(batches[0])))
    prepared = torch.zeros(len(batches[0]), 3).double()
    given = Term(similarity, miner, loss, weight, memory)
    term = SingleTerm(given, params, keys, prepared, None, False)
    for batch in batches:
        points = torch.tensor(rng.normal(size=(len(batch), 3)) / 2)
        for here, key in zip(keys, similarity.keys(batch), strict=True):
            here.copy_(torch.tensor(key))
        yield points, *term(points)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_costs_the_batch_and_the_weighted_memory(name):
    loss, miner, literal = STEPS[name]
    params = {
        name: torch.tensor(start).double().requires_grad_()
        for name, start in LEARNED.get(name, {}).items()
    }
    for param in params.values():
        param.grad = torch.full((), 7.0).double()
    memory, weight = CrossBatchMemory(size=10, weight=0.4), 0.7
    rng = np.random.RandomState(1)
    batches = [rng.permutation(24)[:8] for _ in range(5)]
    similarity = LabelSimilarity().fit(None, LABELS)
    stored, numbers = torch.zeros(0, 3).double(), np.zeros(0, dtype=int)
    steps = steps_of(loss, miner, params, memory=memory, weight=weight, batches=batches)
    with torch.no_grad():
        for batch, (points, value, gradient) in zip(batches, steps, strict=True):
            with torch.enable_grad():
                Z, own = points.clone().requires_grad_(), similarity.keys(batch)
                pairs = pairs_between(similarity, own, own)
                expected = literal(Z, Z, pairs, params)
                if len(stored) == memory.size:
                    others = similarity.keys(numbers)
                    pairs = pairs_between(similarity, own, others)
                    expected = expected + 0.4 * literal(Z, stored, pairs, params)
                on = torch.autograd.grad(weight * expected, [Z, *params.values()])
            assert_allclose(value, weight * expected.detach(), rtol=1e-9)
            assert_allclose(gradient, on[0], rtol=1e-7, atol=1e-9)
            for param, expected in zip(params.values(), on[1:], strict=True):
                assert_allclose(param.grad, expected, rtol=1e-7, atol=1e-12)
            stored = torch.cat([stored, points])[-memory.size :]
            numbers = np.concatenate([numbers, batch])[-memory.size :]
    assert len(stored) == memory.size


def test_a_users_loss_gets_candidates_that_do_not_move():
    seen = []

    def loss(anchors, candidates, pairs):
        seen.append((anchors is candidates, candidates.requires_grad, pairs))
        return users_own(anchors, candidates, pairs)

    batches = [np.arange(8), np.arange(8, 16), np.arange(16, 24)]
    memory = CrossBatchMemory(size=16)
    with torch.no_grad():
        list(
            steps_of(FunctionLoss(loss), AllPairs(), {}, memory=memory, batches=batches)
        )
    assert [same for same, _, _ in seen] == [True, True, True, False]
    assert [moves for _, moves, _ in seen] == [True, True, True, False]
    assert seen[-1][2].positive.shape == (8, 16)


def test_a_row_is_never_paired_with_itself_in_memory():
    seen = []

    def loss(anchors, candidates, pairs):
        seen.append(pairs)
        return users_own(anchors, candidates, pairs)

    batch = np.array([0, 1, 3, 4, 7, 9])
    memory = CrossBatchMemory(size=6)
    with torch.no_grad():
        list(
            steps_of(
                FunctionLoss(loss), AllPairs(), {}, memory=memory, batches=[batch] * 2
            )
        )
    positive, negative = seen[-1]
    similar = LABELS[batch][:, None] == LABELS[batch]
    assert_array_equal(positive.numpy(), similar & ~np.eye(6, dtype=bool))
    assert_array_equal(negative.numpy(), ~similar)


# Through the estimator.


def test_until_the_memory_is_full_a_fit_is_one_without():
    # Four batches of 32 leave 22 of 150 rows out, so one pass does not fill it.
    memory = CrossBatchMemory(size=150)
    alone = small(max_iter=1).fit(X, y)
    first = small(max_iter=1, miner=memory).fit(X, y)
    assert first.loss_curve_ == alone.loss_curve_
    assert_array_equal(first.transform(X), alone.transform(X))
    later = small(max_iter=2, miner=memory).fit(X, y)
    assert later.loss_curve_[1] > small(max_iter=2).fit(X, y).loss_curve_[1]


def test_a_memory_larger_than_the_table_is_one_of_its_size():
    models = [small(miner=CrossBatchMemory(size)).fit(X, y) for size in (150, 10**9)]
    assert_array_equal(*(model.transform(X) for model in models))


def test_a_memory_holds_no_more_than_the_rows_that_are_trained_on():
    # 90 rows are left to train on, which three batches fill in the first epoch.
    settings = {"early_stopping": True, "validation_fraction": 0.4, "batch_size": 30}
    alone = small(max_iter=2, **settings).fit(X, y)
    model = small(max_iter=2, miner="memory", **settings).fit(X, y)
    assert model.loss_curve_[0] == alone.loss_curve_[0]
    assert model.loss_curve_[1] > alone.loss_curve_[1]


def test_size_and_weight_matter():
    settings = [{}, {"size": 64}, {"size": 64, "weight": 0.1}]
    fits = [small(miner=CrossBatchMemory(**s)).fit(X, y).transform(X) for s in settings]
    assert not np.allclose(fits[0], fits[1])
    assert not np.allclose(fits[1], fits[2])


@pytest.mark.parametrize("miner", ["all", "random", "hard", NearestPairs(1, 1)])
def test_the_miner_within_chooses_in_batch_and_memory(miner):
    memory = CrossBatchMemory(size=64, miner=miner)
    one, other = (
        small(miner=m).fit(X, y).transform(X) for m in (memory, CrossBatchMemory(64))
    )
    assert np.isfinite(one).all()
    assert not np.allclose(one, other)


@pytest.mark.parametrize("loss", ["contrastive", "nca", "lifted", "margin", "hybrid"])
def test_the_same_seed_gives_the_same_bits(loss):
    model = small(loss=loss, miner=CrossBatchMemory(size=64))
    first = model.fit(X, y).transform(X).tobytes()
    assert model.fit(X, y).transform(X).tobytes() == first
    assert clone(model).fit(X, y).transform(X).tobytes() == first
    thawed = pickle.loads(pickle.dumps(model))
    assert thawed.transform(X).tobytes() == first
    assert thawed.fit(X, y).transform(X).tobytes() == first


def test_its_name_is_the_default_object():
    one, other = (
        small(miner=m).fit(X, y).transform(X) for m in ("memory", CrossBatchMemory())
    )
    assert_array_equal(one, other)


def test_parameters_are_reached_through_pipelines_and_searches():
    model = make_pipeline(
        small(miner=CrossBatchMemory(size=64)), KNeighborsClassifier()
    )
    name = "contrastiveembedding__miner__size"
    model.set_params(**{name: 32})
    assert model[0].miner.size == 32
    assert clone(model)[0].miner.size == 32
    search = GridSearchCV(model, {name: [16, 64]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.8


def test_fit_leaves_the_memory_as_it_was_given():
    memory = CrossBatchMemory(size=64)
    before = dict(vars(memory))
    small(miner=memory).fit(X, y)
    assert vars(memory) == before


def test_neighbours_are_better_after_training_with_a_memory():
    X, y = load_wine(return_X_y=True)
    knn = KNeighborsClassifier()
    before = knn.fit(X[::2], y[::2]).score(X[1::2], y[1::2])
    model = small(miner=CrossBatchMemory(size=64), max_iter=40, dropout=0)
    points = model.fit(X[::2], y[::2]).transform(X)
    after = knn.fit(points[::2], y[::2]).score(points[1::2], y[1::2])
    assert before < 0.75
    assert after > 0.9


@pytest.mark.parametrize("loss", ["contrastive", "nca", "lifted", users_own])
def test_a_memory_may_sit_inside_a_global_miner(loss):
    miner = GlobalMiner(refresh_every=1, miner=CrossBatchMemory(size=64))
    model = small(loss=loss, miner=miner)
    first = model.fit(X, y).transform(X)
    assert np.isfinite(first).all()
    assert_array_equal(clone(model).fit(X, y).transform(X), first)
    without = small(loss=loss, miner=GlobalMiner(refresh_every=1)).fit(X, y)
    assert not np.allclose(without.transform(X), first)


def test_a_memory_may_resume_in_partial_fit_and_warm_start():
    model = small(miner=CrossBatchMemory(size=64), warm_start=True).fit(X, y)
    model.fit(X, y).partial_fit(X, y)
    assert model.n_iter_ == 9
    assert np.isfinite(model.transform(X)).all()


# What raises.


def test_a_loss_with_proxies_has_no_use_for_a_memory():
    hybrid = HybridLoss([("proxies", ProxyAnchorLoss())])
    losses = "proxy_anchor", ProxyAnchorLoss(), hybrid
    miners = "memory", CrossBatchMemory(), GlobalMiner(miner=CrossBatchMemory())
    message = "`miner` must not be a CrossBatchMemory with ProxyAnchorLoss"
    for loss, miner in product(losses, miners):
        with pytest.raises(ValueError, match=message):
            small(loss=loss, miner=miner).fit(X, y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "The 'size' parameter of CrossBatchMemory must be"),
        ({"size": 1.5}, "The 'size' parameter of CrossBatchMemory must be"),
        ({"weight": 0}, "The 'weight' parameter of CrossBatchMemory must be"),
        ({"miner": 3}, "The 'miner' parameter of CrossBatchMemory must be"),
        ({"miner": "hardest"}, "or one of ['all', 'auto'"),
        ({"miner": GlobalMiner()}, "got GlobalMiner() in the place of the last"),
        ({"miner": CrossBatchMemory()}, "got CrossBatchMemory() in the place of"),
    ],
)
def test_settings_out_of_range_raise(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        small(miner=CrossBatchMemory(**settings)).fit(X, y)


def test_a_memory_takes_only_the_name_of_what_chooses_pairs():
    for name in ("memory", "global"):
        with pytest.raises(ValueError, match="`miner`"):
            small(miner=CrossBatchMemory(miner=name)).fit(X, y)


def test_a_size_is_no_truth_value():
    with pytest.raises(ValueError, match="size"):
        small(miner=CrossBatchMemory(size=True)).fit(X, y)


def test_the_miner_within_is_an_object_and_no_class():
    with pytest.raises(ValueError, match=r"NearestPairs\(\)"):
        small(miner=CrossBatchMemory(miner=NearestPairs)).fit(X, y)


@pytest.mark.filterwarnings("error")
def test_a_memory_that_is_never_full_warns():
    with pytest.warns(UserWarning, match="The memory of 140 rows was never full"):
        small(miner=CrossBatchMemory(140), max_iter=1).fit(X, y)
    small(miner=CrossBatchMemory(64), max_iter=1).fit(X, y)
