"""Several models in one training: each is the same as alone."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn_contrastive._estimators._objectives import Objective
from sklearn_contrastive._training._rows import Rows
from sklearn_contrastive._training._step import stacked

from sklearn_contrastive._training._models import Model
from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.losses import LOSSES, PairLoss
from sklearn_contrastive.miners import (
    AllPairs,
    CrossBatchMemory,
    HardPairs,
    MultiSimilarityPairs,
    NearestPairs,
    RandomPairs,
)
from sklearn_contrastive.preprocessing._standardization import (
    learn_standardization,
    standardised,
)
from sklearn_contrastive.similarity import (
    LabelSimilarity,
    NeighborSimilarity,
    ViewSimilarity,
)

X, Y = load_wine(return_X_y=True)
SETTINGS = {"normalize": True, "device": "cpu", "dtype": torch.float64}
PAIR_LOSSES = [name for name, cls in LOSSES.items() if issubclass(cls, PairLoss)]

LISTWISE = [name for name in LOSSES if name not in (*PAIR_LOSSES, "hybrid")]


def model(number, loss="contrastive", similarity=None, **objective):
    """Return one of several models, each with its own rows and numbers."""
    rows = np.random.RandomState(number).permutation(len(X))[: 120 + number]
    similarity = similarity or LabelSimilarity()
    similarity = clone(similarity).fit(learned(X[rows]), Y[rows])
    encoder = MLPEncoder((16, 8), dropout=0.1 * number)
    one = LOSSES[loss]()
    if "margin" in one.get_params():
        one.set_params(margin=0.4 + 0.3 * number)
    one = one.resolve(True)
    objective = {"miner": AllPairs(), "loss": one, **objective}
    return Model(
        X[rows],
        learn_standardization(X[rows], True),
        encoder,
        [Objective(similarity=each, **objective) for _, each, _ in similarity.terms()],
        encoder.init(13, 4, np.random.RandomState(number)),
        learning_rate=1e-2 / (1 + number),
        alpha=0.1 * number,
        seed=number,
        loss_params=[
            one.init(4, 3, np.random.RandomState(number)) for _ in similarity.terms()
        ],
    )


def learned(rows):
    return standardised(rows, learn_standardization(rows, True)).astype(np.float32)


def assert_same_as_alone(models):
    index, rates = batches(len(models)), np.linspace(1, 0.1, 6)
    together = Trainer(models, **SETTINGS)
    losses = together.epoch(index, rates)
    for number, each in enumerate(models):
        alone = Trainer(each, **SETTINGS)
        assert alone.epoch(index[:, number], rates) == pytest.approx(losses[number])
        for ours, theirs in zip(
            together.learned(number).params, alone.learned().params, strict=True
        ):
            assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
        ours, theirs = together.learned(number).loss_params, alone.learned().loss_params
        for own, other in zip(ours, theirs, strict=True):
            assert own.keys() == other.keys()
            for name, value in own.items():
                assert_allclose(value, other[name], rtol=1e-10)


def batches(n_models, n_steps=6, batch_size=40):
    """Return row numbers of every model's batches."""
    rng = np.random.RandomState(7)
    drawn = [
        [rng.permutation(120)[:batch_size] for _ in range(n_models)]
        for _ in range(n_steps)
    ]
    return np.array(drawn)


@pytest.mark.parametrize(
    "miner", [AllPairs(), NearestPairs(2, 5), HardPairs(), MultiSimilarityPairs()]
)
@pytest.mark.parametrize("loss", PAIR_LOSSES)
def test_each_model_is_the_same_as_alone(loss, miner):
    models = [model(number, loss, miner=miner) for number in range(3)]
    _, (objective,) = stacked(models, torch.tensor)
    assert not isinstance(objective, list)
    assert_same_as_alone(models)


@pytest.mark.parametrize("loss", LISTWISE)
def test_models_whose_losses_have_no_axis_take_turns(loss):
    models = [model(number, loss) for number in range(3)]
    _, (objectives,) = stacked(models, torch.tensor)
    assert len(objectives) == 3
    assert_same_as_alone(models)


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
    "objective",
    [{"miner": RandomPairs(3)}, {"memory": CrossBatchMemory(60)}],
)
def test_miners_with_a_state_of_their_own_take_turns(objective):
    assert_same_as_alone([model(number, **objective) for number in range(3)])


def test_models_may_differ_in_kind():
    miners = AllPairs(), NearestPairs(2, 4), HardPairs()
    models = [model(number, miner=miner) for number, miner in enumerate(miners)]
    assert_same_as_alone(models)


def test_the_statistics_are_those_of_each_model():
    models = [model(number, miner=NearestPairs(2, 5)) for number in range(3)]
    together = Trainer(models, **SETTINGS)
    index = batches(3)
    together.epoch(index, np.ones(6))
    for number, each in enumerate(models):
        alone = Trainer(each, **SETTINGS)
        alone.epoch(index[:, number], np.ones(6))
        found, expected = together.statistics(number), alone.statistics()
        assert found == pytest.approx(expected, nan_ok=True)


def test_rows_too_many_to_prepare_are_read_for_each_model(monkeypatch):
    monkeypatch.setattr(
        "sklearn_contrastive._training._rows._LARGEST_PREPARED_BYTES", 0
    )
    assert_same_as_alone([model(number) for number in range(3)])


def test_models_of_the_same_table_share_it():
    one = model(1)
    rows = Rows([(one.X, one.standardization)] * 3, "cpu", torch.float32)
    assert len(rows._table) == len(one.X)
