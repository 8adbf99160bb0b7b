"""The loop, its optimizer and its schedule."""

import math
import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn_contrastive._estimators._objectives import Objective
from sklearn_contrastive._training._optimizer import AdamW, learning_rates
from sklearn_contrastive._training._running import (
    Epochs,
    isolated_rng_and_threads,
    resolve_device,
)
from threadpoolctl import threadpool_info

from sklearn_contrastive._pairs._keys import Pairs
from sklearn_contrastive._training._models import Model
from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.losses import ContrastiveLoss
from sklearn_contrastive.miners import AllPairs, NearestPairs
from sklearn_contrastive.preprocessing._standardization import Standardization
from sklearn_contrastive.similarity import LabelSimilarity


def leaves():
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 3), (3,), (3, 2), (2,)]
    return [
        torch.randn(s, generator=generator, dtype=torch.float64).requires_grad_()
        for s in shapes
    ]


def cost(params, X):
    return (
        (torch.tanh(X @ params[0] + params[1]) @ params[2] + params[3]).square().sum()
    )


def test_adamw_is_torchs_with_decay_on_matrices_only():
    ours, theirs = leaves(), leaves()
    X = torch.randn(5, 4, generator=torch.Generator().manual_seed(1)).double()
    optimizer = AdamW(ours, weight_decay=0.1)
    reference = torch.optim.AdamW(
        [
            {"params": theirs[::2], "weight_decay": 0.1},
            {"params": theirs[1::2], "weight_decay": 0.0},
        ],
        betas=(0.9, 0.95),
    )
    for step in range(20):
        rate = 0.01 * (step + 1)
        for param in ours:
            param.grad.zero_()
        cost(ours, X).backward()
        optimizer.set_lr([rate])
        optimizer.step()
        reference.zero_grad()
        for group in reference.param_groups:
            group["lr"] = rate
        cost(theirs, X).backward()
        reference.step()
    for a, b in zip(ours, theirs, strict=True):
        assert_allclose(a.detach(), b.detach(), rtol=1e-10)


def test_adamw_goes_on_where_its_state_was_taken():
    X = torch.ones((5, 4), dtype=torch.float64)

    def steps(params, optimizer, n_steps):
        for _ in range(n_steps):
            for param in params:
                param.grad.zero_()
            cost(params, X).backward()
            optimizer.set_lr([0.01])
            optimizer.step()

    through = leaves()
    steps(through, AdamW(through, 0.1), 6)
    first = leaves()
    optimizer = AdamW(first, 0.1)
    steps(first, optimizer, 3)
    state = optimizer.state()
    again = [p.detach().clone().requires_grad_() for p in first]
    resumed = AdamW(again, 0.1, state)
    steps(again, resumed, 3)
    for a, b in zip(through, again, strict=True):
        assert_array_equal(a.detach(), b.detach())
    assert {type(array) for array in state} == {np.ndarray}


@pytest.mark.parametrize("n_steps", [1, 2, 19, 300])
def test_learning_rates_rise_and_fall(n_steps):
    rates = learning_rates(n_steps)
    peak = rates.argmax()
    assert len(rates) == n_steps
    assert (rates > 0).all()
    assert rates.max() <= 1
    assert (np.diff(rates[: peak + 1]) > 0).all()
    assert (np.diff(rates[peak:]) <= 0).all()
    if n_steps == 300:
        assert rates[0] == pytest.approx(1 / 20)
        assert rates[20] == pytest.approx(1)
        assert rates[160] == pytest.approx(0.5)
        assert rates[-1] < 1e-3


def epochs(n_rows, batch_size, max_iter, n_classes=3, **options):
    similarity = LabelSimilarity().fit(None, np.arange(n_rows) % n_classes)
    return Epochs(similarity, batch_size, max_iter, np.random.RandomState(0), **options)


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "n_steps"),
    [
        (150, 256, 150),
        (300, 256, 150),
        (6000, 256, 281),
        (60_000, 256, 2000),
        (50_000, 512, 1172),
        (90, 128, 300),
        (300, 128, 300),
        (20_000, 128, 1875),
        (60_000, 128, 4000),
        (300, 64, 600),
        (300, 16, 600),
    ],
)
def test_auto_length_is_12_visits_within_limits(n_rows, batch_size, n_steps):
    found = list(epochs(n_rows, batch_size, "auto"))
    rates = np.concatenate([rates for _, rates in found])
    assert sum(len(index) for index, _ in found) == len(rates) == n_steps
    assert_array_equal(rates, learning_rates(n_steps))
    longest = max(10, n_rows // min(batch_size, n_rows))
    assert max(len(index) for index, _ in found) <= longest
    assert min(len(index) for index, _ in found) >= longest / 2


def test_an_int_counts_passes_over_the_rows():
    found = epochs(300, 64, 3)
    assert len(found.ends) == 3
    for index, rates in found:
        assert index.shape == (4, 64)
        assert len(rates) == 4


def test_constant_rates_are_the_peak():
    ((_, rates),) = epochs(300, 64, 1, constant=True)
    assert_array_equal(rates, 1)


def test_the_rest_of_a_pass_cut_short_is_let_go():
    for index, _ in epochs(1_000_000, 16, "auto"):
        held = index if index.base is None else index.base
        assert held.size <= 2 * index.size


def test_short_passes_are_joined_to_an_epoch():
    # One class in excess of all others: a pass draws few of its rows.
    y = np.concatenate([np.zeros(5000, int), np.arange(300).repeat(3)])
    similarity = LabelSimilarity().fit(None, y)
    rng = np.random.RandomState(0)
    assert len(similarity.batches(64, rng)) < len(y) // 64
    found = list(Epochs(similarity, 64, 2, rng))
    assert [index.shape for index, _ in found] == [(len(y) // 64, 64)] * 2


def trainer(normalize=True, dtype=None, **nouns):
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(30, 5)), np.arange(30) % 3
    encoder = MLPEncoder((6,), dropout=0.0)
    miner = nouns.pop("miner", AllPairs())
    loss = nouns.pop("loss", ContrastiveLoss(1.0))
    similarity = nouns.pop("similarity", LabelSimilarity().fit(X, y))
    objective = Objective(miner, loss, similarity=similarity)
    return Trainer(
        Model(
            X,
            Standardization(),
            encoder=encoder,
            objectives=[objective],
            params=encoder.init(5, 3, rng),
            learning_rate=1e-2,
            alpha=0.1,
            seed=0,
        ),
        normalize=normalize,
        device="cpu",
        dtype=dtype,
    ), X


def literal_loss(Z, y):
    similar = [(i, j) for i in range(len(Z)) for j in range(len(Z)) if i != j]
    positive = [math.dist(Z[i], Z[j]) ** 2 for i, j in similar if y[i] == y[j]]
    hinges = [max(0, 1 - math.dist(Z[i], Z[j])) for i, j in similar if y[i] != y[j]]
    active = [hinge**2 for hinge in hinges if hinge > 0]
    return np.mean(positive) + np.mean(active)


@pytest.mark.parametrize("normalize", [False, True])
def test_the_loss_of_an_epoch_is_the_literal_loss_of_its_batch(normalize):
    train, X = trainer(normalize=normalize, dtype=torch.float64)
    batch = np.random.RandomState(1).permutation(30)[:12]
    expected = literal_loss(train.embed(X)[batch], batch % 3)
    # At a rate of zero the two batches meet the same parameters.
    value = train.epoch(np.stack([batch, batch]), np.zeros(2))
    assert value == pytest.approx(expected, rel=1e-10)


def test_training_is_gradient_descent_with_torchs_adamw():
    train, X = trainer(miner=NearestPairs(2, 3), dtype=torch.float64)
    params = [
        torch.tensor(p, dtype=torch.float64).requires_grad_()
        for p in train.learned().params
    ]
    optimizer = torch.optim.AdamW(
        [
            {"params": params[::2], "weight_decay": 0.1},
            {"params": params[1::2], "weight_decay": 0.0},
        ],
        lr=1e-2,
        betas=(0.9, 0.95),
    )
    encoder, loss = MLPEncoder((6,)), ContrastiveLoss(1.0)
    similarity = LabelSimilarity().fit(X, np.arange(30) % 3)
    index = np.arange(30).reshape(3, 10)
    for batch in index:
        Z = encoder.forward(params, torch.tensor(X[batch]))
        Z = Z / Z.norm(dim=1, keepdim=True)
        keys = similarity.keys(batch)
        pairs = [torch.tensor(w) for w in similarity.compare(keys, keys)]
        pairs = NearestPairs(2, 3)(
            torch.cdist(Z, Z).detach(), type(similarity.compare(keys, keys))(*pairs)
        )
        optimizer.zero_grad()
        loss(Z, Z, pairs).backward()
        optimizer.step()
    train.epoch(index, np.ones(3))
    for ours, theirs in zip(train.learned().params, params, strict=True):
        assert_allclose(ours, theirs.detach(), rtol=1e-8, atol=1e-12)


class Directed(LabelSimilarity):
    """Rows of a higher class push harder than they are pushed."""

    symmetric = False

    def compare(self, keys, other_keys, work=None):
        positive, negative = super().compare(keys, other_keys, work)
        return Pairs(positive, negative * (1 + keys.values[:, None]))


def test_pairs_that_weigh_more_one_way_are_not_mirrored():
    after = []
    for loss in (ContrastiveLoss(1.0), lambda *given: ContrastiveLoss(1.0)(*given)):
        similarity = Directed().fit(None, np.arange(30) % 3)
        train, _ = trainer(dtype=torch.float64, similarity=similarity, loss=loss)
        train.epoch(np.arange(30).reshape(3, 10), np.ones(3))
        after.append(train.learned().params)
    for springs, function in zip(*after, strict=True):
        assert_allclose(springs, function, rtol=1e-9, atol=1e-12)


def test_threads_and_random_streams_are_left_alone():
    before = torch.get_rng_state(), torch.get_num_threads(), threadpool_info()
    train, _ = trainer()
    with isolated_rng_and_threads(*train.circumstances):
        train.epoch(np.arange(20).reshape(2, 10), np.ones(2))
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == torch.get_num_threads()
    assert before[2] == threadpool_info()


def test_device_auto_is_one_that_works():
    device = resolve_device("auto")
    assert torch.ones(2, device=device).sum().item() == 2
    assert resolve_device("cpu") == resolve_device("cpu:0") == "cpu"


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "tpu", ""])
def test_devices_that_are_not_there_are_refused(device):
    message = f"got {device!r}. With 'auto' the fastest of them is chosen."
    with pytest.raises(ValueError, match=re.escape(message)):
        resolve_device(device)
