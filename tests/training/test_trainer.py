"""Training steps, of one model and of several: each is the same as alone."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_wine

from sklearn_contrastive._pairs._keys import Pairs
from sklearn_contrastive._training._models import Model
from sklearn_contrastive._training._run import isolated_rng_and_threads
from sklearn_contrastive._training._terms import Term, can_stack
from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.losses import LOSSES, ContrastiveLoss, FunctionLoss, PairLoss
from sklearn_contrastive.miners import (
    AllPairs,
    CrossBatchMemory,
    HardPairs,
    MultiSimilarityPairs,
    NearestPairs,
    RandomPairs,
)
from sklearn_contrastive.preprocessing._standardization import (
    Rows,
    Standardization,
    learn_standardization,
    standardized,
)
from sklearn_contrastive.similarity import (
    LabelSimilarity,
    NeighborSimilarity,
    ViewSimilarity,
)

# One model.


def trainer(normalize=True, dtype=None, **nouns):
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(30, 5)), np.arange(30) % 3
    encoder = MLPEncoder((6,), dropout=0.0)
    similarity = LabelSimilarity().fit(X, y)
    nouns = {
        "similarity": similarity,
        "miner": AllPairs(),
        "loss": ContrastiveLoss(1.0),
        **nouns,
    }
    model = Model(
        X,
        Standardization(),
        encoder,
        [Term(**nouns)],
        encoder.init(5, 3, rng),
        n_components=3,
        learning_rate=1e-2,
        alpha=0.1,
        seed=0,
    )
    return Trainer([model], normalize=normalize, device="cpu", dtype=dtype), X


def one_model(index):
    """Return row numbers (n_steps, batch_size) with an axis of models."""
    return np.asarray(index)[:, None]


def literal_loss(Z, y):
    pairs = [(i, j) for i in range(len(Z)) for j in range(len(Z)) if i != j]
    positive = [math.dist(Z[i], Z[j]) ** 2 for i, j in pairs if y[i] == y[j]]
    hinges = [max(0, 1 - math.dist(Z[i], Z[j])) for i, j in pairs if y[i] != y[j]]
    active = [hinge**2 for hinge in hinges if hinge > 0]
    return np.mean(positive) + np.mean(active)


@pytest.mark.parametrize("normalize", [False, True])
def test_the_loss_of_an_epoch_is_the_literal_loss_of_its_batch(normalize):
    train, X = trainer(normalize=normalize, dtype=torch.float64)
    batch = np.random.RandomState(1).permutation(30)[:12]
    expected = literal_loss(train.embed(X)[batch], batch % 3)
    # At a rate of zero the two batches see the same parameters.
    (value,) = train.train(one_model([batch, batch]), np.zeros(2))
    assert value == pytest.approx(expected, rel=1e-10)


def test_training_is_gradient_descent_with_torchs_adamw():
    train, X = trainer(miner=NearestPairs(2, 3), dtype=torch.float64)
    params = [
        torch.tensor(p[0], dtype=torch.float64).requires_grad_()
        for p in train.state().params
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
        pairs = NearestPairs(2, 3)(torch.cdist(Z, Z).detach(), Pairs(*pairs))
        optimizer.zero_grad()
        loss(Z, Z, pairs).backward()
        optimizer.step()
    train.train(one_model(index), np.ones(3))
    for ours, theirs in zip(train.state().params, params, strict=True):
        assert_allclose(ours[0], theirs.detach(), rtol=1e-8, atol=1e-12)


class Directed(LabelSimilarity):
    """Rows of a higher class push harder than they are pushed."""

    symmetric = False

    def compare(self, keys, other_keys, work=None):
        positive, negative = super().compare(keys, other_keys, work)
        return Pairs(positive, negative * (1 + keys.values[..., :, None]))


def test_weights_of_pairs_may_differ_by_direction():
    after = []
    function = FunctionLoss(lambda *given: ContrastiveLoss(1.0)(*given))
    for loss in (ContrastiveLoss(1.0), function):
        similarity = Directed().fit(None, np.arange(30) % 3)
        train, _ = trainer(dtype=torch.float64, similarity=similarity, loss=loss)
        train.train(one_model(np.arange(30).reshape(3, 10)), np.ones(3))
        after.append(train.state().params)
    for ours, theirs in zip(*after, strict=True):
        assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_training_leaves_random_streams_alone():
    before = torch.get_rng_state()
    train, _ = trainer()
    with isolated_rng_and_threads(*train.circumstances):
        train.train(one_model(np.arange(20).reshape(2, 10)), np.ones(2))
    assert torch.equal(before, torch.get_rng_state())


def test_a_state_is_a_copy():
    train, _ = trainer()
    state = train.state()
    before = [param.copy() for param in state.params]
    optimizer_before = [array.copy() for array in state.optimizer_states[0][0]]
    train.train(one_model(np.arange(30).reshape(3, 10)), np.ones(3))
    for now, then in zip(state.params, before, strict=True):
        assert_array_equal(now, then)
    for now, then in zip(state.optimizer_states[0][0], optimizer_before, strict=True):
        assert_array_equal(now, then)
    assert not np.array_equal(train.state().params[0], before[0])


# Several models.

X, Y = load_wine(return_X_y=True)
SETTINGS = {"normalize": True, "device": "cpu", "dtype": torch.float64}
PAIR_LOSSES = [name for name, cls in LOSSES.items() if issubclass(cls, PairLoss)]
LISTWISE = [name for name in LOSSES if name not in (*PAIR_LOSSES, "hybrid")]


def standardised_rows(rows):
    return standardized(rows, learn_standardization(rows, True)).astype(np.float32)


def model(number, loss="contrastive", similarity=None, miner=None, memory=None):
    """Return one of several models, each with its own rows and numbers."""
    rows = np.random.RandomState(number).permutation(len(X))[: 120 + number]
    similarity = similarity or LabelSimilarity()
    similarity = clone(similarity).fit(standardised_rows(X[rows]), Y[rows])
    encoder = MLPEncoder((16, 8), dropout=0.1 * number)
    one = LOSSES[loss]()
    if "margin" in one.get_params():
        one.set_params(margin=0.4 + 0.3 * number)
    one = one.resolve(True)
    sources = [each for _, each, _ in similarity.terms()]
    return Model(
        X[rows],
        learn_standardization(X[rows], True),
        encoder,
        [Term(each, miner or AllPairs(), one, memory=memory) for each in sources],
        encoder.init(13, 4, np.random.RandomState(number)),
        n_components=4,
        learning_rate=1e-2 / (1 + number),
        alpha=0.1 * number,
        seed=number,
        loss_params=[one.init(4, 3, np.random.RandomState(number)) for _ in sources],
    )


def batches(n_models, n_steps=6, batch_size=40):
    """Return row numbers of every model's batches."""
    rng = np.random.RandomState(7)
    drawn = [
        [rng.permutation(120)[:batch_size] for _ in range(n_models)]
        for _ in range(n_steps)
    ]
    return np.array(drawn)


def assert_same_as_alone(models):
    index, rates = batches(len(models)), np.linspace(1, 0.1, 6)
    together = Trainer(models, **SETTINGS)
    losses = together.train(index, rates)
    for number, each in enumerate(models):
        alone = Trainer([each], **SETTINGS)
        (loss,) = alone.train(index[:, number : number + 1], rates)
        assert loss == pytest.approx(losses[number])
        own = slice(number, number + 1)
        assert_allclose(together.embed(X, own), alone.embed(X), rtol=1e-9, atol=1e-11)
        assert_same_states(together.state(own), alone.state())
    assert_merged_by_model(Trainer(models, **SETTINGS).state(), together.state())


def parameters(state):
    return [*state.params, *(v for own in state.loss_params for v in own.values())]


def assert_merged_by_model(before, after):
    originals = [param.copy() for param in parameters(before)]
    for number in range(len(after.params[0])):
        merged = before.with_models([number], after)
        parts = map(parameters, (before, after, merged))
        for original, old, new, found in zip(originals, *parts, strict=True):
            assert_array_equal(old, original)
            assert_array_equal(found[number], new[number])
            others = np.arange(len(new)) != number
            assert_array_equal(found[others], old[others])


def assert_same_states(ours, theirs):
    for own, other in zip(ours.params, theirs.params, strict=True):
        assert_allclose(own, other, rtol=1e-10, atol=1e-12)
    for own, other in zip(ours.loss_params, theirs.loss_params, strict=True):
        assert own.keys() == other.keys()
        for name, value in own.items():
            assert_allclose(value, other[name], rtol=1e-10)
    optimizers = ours.optimizer_states, theirs.optimizer_states
    for own, other in zip(*optimizers, strict=True):
        for optimizer, same in zip(own, other, strict=True):
            for array, expected in zip(optimizer, same, strict=True):
                assert_allclose(array, expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("loss", PAIR_LOSSES)
def test_models_that_differ_in_numbers_are_trained_as_one(loss):
    for miner in (AllPairs(), NearestPairs(2, 5), HardPairs(), MultiSimilarityPairs()):
        models = [model(number, loss, miner=miner) for number in range(3)]
        assert can_stack([each.terms[0] for each in models])
        assert_same_as_alone(models)


@pytest.mark.parametrize("loss", LISTWISE)
def test_models_whose_losses_have_no_axis_take_turns(loss):
    models = [model(number, loss) for number in range(3)]
    assert not can_stack([each.terms[0] for each in models])
    assert_same_as_alone(models)


@pytest.mark.parametrize("loss", ["contrastive", "margin", "proxy_anchor"])
@pytest.mark.parametrize("n_models", [1, 3])
def test_training_resumes_from_a_state_with_the_same_bits(loss, n_models):
    models = [
        each._replace(encoder=MLPEncoder((16, 8), dropout=0))
        for each in (model(number, loss) for number in range(n_models))
    ]
    index, rates = batches(n_models), np.linspace(1, 0.1, 6)
    through = Trainer(models, **SETTINGS)
    through.train(index, rates)
    first = Trainer(models, **SETTINGS)
    first.train(index[:3], rates[:3])
    state, resumed = first.state(), []
    for number, each in enumerate(models):
        params, loss_params = state.of_model(number)
        saved = {"params": params, "loss_params": loss_params}
        saved["optimizer_state"] = state.optimizer_states[number]
        resumed.append(each._replace(**saved))
    then = Trainer(resumed, **SETTINGS)
    then.train(index[3:], rates[3:])
    ours, theirs = then.state(), through.state()
    for own, other in zip(ours.params, theirs.params, strict=True):
        assert_array_equal(own, other)
    assert_same_states(ours, theirs)


@pytest.mark.parametrize(
    "similarity",
    [
        LabelSimilarity(unlabeled=2),
        LabelSimilarity(unlabeled=2, unsupervised=None),
        NeighborSimilarity(3),
        ViewSimilarity(),
    ],
)
def test_every_similarity_can_be_learned_by_several_models(similarity):
    assert_same_as_alone([model(number, similarity=similarity) for number in range(3)])


@pytest.mark.parametrize(
    "own", [{"miner": RandomPairs(3)}, {"memory": CrossBatchMemory(60)}]
)
def test_miners_with_a_state_of_their_own_take_turns(own):
    assert_same_as_alone([model(number, **own) for number in range(3)])


def test_models_may_differ_in_kind():
    miners = AllPairs(), NearestPairs(2, 4), HardPairs()
    models = [model(number, miner=miner) for number, miner in enumerate(miners)]
    assert_same_as_alone(models)


def test_the_statistics_are_those_of_each_model():
    models = [model(number, miner=NearestPairs(2, 5)) for number in range(3)]
    together = Trainer(models, **SETTINGS)
    index, each_model = batches(3), []
    together.train(index, np.ones(6))
    for number, each in enumerate(models):
        alone = Trainer([each], **SETTINGS)
        alone.train(index[:, number : number + 1], np.ones(6))
        each_model.append(alone.statistics())
        found = together.statistics([number])
        assert found == pytest.approx(each_model[-1], nan_ok=True)
    means = {name: np.mean([own[name] for own in each_model]) for name in found}
    assert together.statistics() == pytest.approx(means, nan_ok=True)


def test_rows_too_many_to_prepare_are_read_for_each_model(monkeypatch):
    monkeypatch.setattr(
        "sklearn_contrastive.preprocessing._standardization._LARGEST_PREPARED_BYTES", 0
    )
    assert_same_as_alone([model(number) for number in range(3)])


def test_models_of_the_same_table_share_it():
    one = model(1)
    rows = Rows([(one.X, one.standardization)] * 3, "cpu", torch.float32)
    assert len(rows._table) == len(one.X)
