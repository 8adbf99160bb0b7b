"""Training on a CUDA device, and use of the model without one."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from torch import nn

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._training import _trainer
from sklearn_contrastive._training._models import Model
from sklearn_contrastive._training._run import resolve_device
from sklearn_contrastive._training._terms import Term
from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.losses import LOSSES, HybridLoss, ProxyAnchorLoss
from sklearn_contrastive.miners import AllPairs, HardPairs, NearestPairs
from sklearn_contrastive.preprocessing._standardization import Standardization
from sklearn_contrastive.similarity import LabelSimilarity

pytestmark = pytest.mark.gpu

X, y = load_digits(return_X_y=True)
TRAIN, TEST = slice(0, 1200), slice(1200, None)
DEVICES = "cpu", "cuda"


def make_cnn(n_features, n_components):
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Flatten(),
        nn.Linear(8 * 36, n_components),
    )


def fit(**settings):
    settings = {"random_state": 0, "max_iter": 10, **settings}
    return ContrastiveEmbedding(16, **settings).fit(X[TRAIN], y[TRAIN])


def test_auto_takes_the_gpu():
    assert resolve_device("auto") == "cuda"
    assert resolve_device("cuda:0") == "cuda:0"
    assert fit(max_iter=1).device_ == "cuda"


@pytest.mark.parametrize("settings", [{}, {"encoder": make_cnn}])
def test_a_gpu_learns_what_a_cpu_learns(settings):
    scores = [
        fit(device=device, **settings).score(X[TEST], y[TEST]) for device in DEVICES
    ]
    assert min(scores) > 0.9
    assert abs(scores[0] - scores[1]) < 0.03


@pytest.mark.parametrize(
    "loss", [cls for cls in LOSSES.values() if cls not in (HybridLoss, ProxyAnchorLoss)]
)
def test_steps_are_those_of_the_cpu(loss):
    for miner in (AllPairs(), NearestPairs(), HardPairs()):
        cpu, gpu = (after_three_steps(loss(), miner, device) for device in DEVICES)
        for ours, theirs in zip(gpu, cpu, strict=True):
            assert_allclose(ours, theirs, rtol=1e-7, atol=1e-10)


def after_three_steps(loss, miner, device):
    """Return the mean loss of three steps, and the parameters after them."""
    encoder = MLPEncoder((16,), dropout=0.0)
    similarity = LabelSimilarity().fit(X, y)
    model = Model(
        X / 16,
        Standardization(),
        encoder,
        [Term(similarity, miner, loss.resolve(True))],
        encoder.init(64, 4, np.random.RandomState(0)),
        n_components=4,
        learning_rate=1e-3,
        alpha=1e-2,
        seed=0,
        loss_params=[loss.init(4, 10, None)],
    )
    precise = {"normalize": True, "dtype": torch.float64}
    trainer = Trainer([model], device=device, **precise)
    value = trainer.train(np.arange(600).reshape(3, 1, 200), np.ones(3))
    return [value, *trainer.state().params]


def test_the_steps_of_names_are_captured_and_a_module_runs_eagerly(monkeypatch):
    replayed = []
    replay = torch.cuda.CUDAGraph.replay
    monkeypatch.setattr(
        torch.cuda.CUDAGraph, "replay", lambda g: replayed.append(1) or replay(g)
    )
    model = fit(device="cuda", max_iter=2)
    assert len(replayed) == model.n_steps_
    fit(device="cuda", max_iter=2, encoder=make_cnn)
    assert len(replayed) == model.n_steps_


def test_a_captured_step_is_the_eager_one(monkeypatch):
    captured = fit(device="cuda", max_iter=3).transform(X[TEST])
    monkeypatch.setattr(_trainer, "captured", lambda work, *_: work)
    eager = fit(device="cuda", max_iter=3).transform(X[TEST])
    assert_allclose(captured, eager, atol=1e-3)


def test_rows_stay_on_the_host_where_they_do_not_fit(monkeypatch):
    there = fit(device="cuda", max_iter=3).transform(X[TEST])
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (0, 0))
    here = fit(device="cuda", max_iter=3).transform(X[TEST])
    assert_allclose(here, there, atol=1e-3)


@pytest.mark.parametrize("settings", [{}, {"encoder": make_cnn}])
def test_the_model_transforms_where_there_is_no_gpu(settings, tmp_path):
    model = fit(device="cuda", max_iter=2, **settings)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    # The factory is looked for in this module, and that in its package.
    names = [__name__, __name__.partition(".")[0]]
    code = (
        "import pickle, sys, numpy as np; from sklearn.datasets import load_digits\n"
        f"import test_gpu; sys.modules.update(dict.fromkeys({names}, test_gpu))\n"
        f"model = pickle.load(open({str(tmp_path / 'model.pkl')!r}, 'rb'))\n"
        f"np.save({str(tmp_path / 'Z.npy')!r}, model.transform(test_gpu.X))\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        cwd=os.path.dirname(__file__),
        check=True,
    )
    assert_array_equal(np.load(tmp_path / "Z.npy"), model.transform(X))


@pytest.mark.parametrize("settings", [{}, {"encoder": make_cnn}])
def test_global_random_streams_are_left_alone(settings):
    fit(max_iter=1)
    before = torch.get_rng_state(), torch.cuda.get_rng_state()
    fit(max_iter=2, device="cuda", **settings)
    assert torch.equal(before[0], torch.get_rng_state())
    assert torch.equal(before[1], torch.cuda.get_rng_state())


def test_early_stopping_and_partial_fit():
    model = fit(device="cuda", early_stopping=True)
    assert model.best_validation_score_ > 0.9
    model.partial_fit(X[TRAIN], y[TRAIN])
    assert model.score(X[TEST], y[TEST]) > 0.9
