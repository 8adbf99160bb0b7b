"""The same seed gives the same bits, and nothing outside is touched."""

import builtins
import hashlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_wine
from threadpoolctl import threadpool_info
from torch import nn

from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    ContrastiveNeighborsClassifier,
    PairVerifier,
    persistence,
)

X, y = load_wine(return_X_y=True)


def make_module(n_features, n_components):
    return nn.Sequential(
        nn.Linear(n_features, 8), nn.Dropout(0.5), nn.Linear(8, n_components)
    )


CONFIGURATIONS = {
    "default": {},
    "early stopping": {"early_stopping": True},
    "module": {"encoder": make_module},
}


def small(**settings):
    return ContrastiveEmbedding(
        **{
            "n_components": 4,
            "hidden_layer_sizes": (16,),
            "max_iter": 5,
            "batch_size": 32,
            "random_state": 0,
            "device": "cpu",
            **settings,
        }
    )


def digest(model):
    return hashlib.sha256(model.fit(X, y).transform(X).tobytes()).hexdigest()


@pytest.mark.parametrize("settings", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_twice_in_one_process_and_after_clone(settings):
    model = small(**settings)
    bits = digest(model)
    assert digest(model) == bits
    assert digest(clone(model)) == bits
    assert digest(clone(model).set_params(random_state=1)) != bits


def run_python(code, *arguments):
    """Return what a fresh process prints."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def test_a_random_state_instance_moves_on():
    model = small(random_state=np.random.RandomState(0))
    assert digest(model) != digest(model)
    assert digest(small(random_state=np.random.RandomState(0))) == digest(
        small(random_state=np.random.RandomState(0))
    )


def outside():
    """Return all that a fit might change."""
    kind, state, *rest = np.random.get_state()
    return (
        kind,
        state.tolist(),
        rest,
        torch.get_rng_state().tolist(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        threadpool_info(),
    )


@pytest.mark.parametrize("random_state", [None, 0])
@pytest.mark.parametrize("settings", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_global_state_is_left_as_it_was(settings, random_state):
    model = small(**settings, random_state=random_state)
    before = outside()
    model.fit(X, y)
    model.partial_fit(X, y)
    model.transform(X)
    assert outside() == before


def test_no_seed_gives_another_model_each_time():
    assert digest(small(random_state=None)) != digest(small(random_state=None))


def test_gradients_need_not_be_enabled():
    bits = digest(small())
    with torch.no_grad():
        assert digest(small()) == bits
    with torch.inference_mode():
        assert digest(small()) == bits


def test_torchs_defaults_do_not_matter():
    bits = digest(small())
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        assert digest(small()) == bits
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)


#: What is loaded by imports, and what is done where torch cannot be imported.
ALONE = """
import sys

def check(*heavy):
    loaded = [name for name in heavy if name in sys.modules]
    assert not loaded, loaded

import sklearn_contrastive as sc
check("torch", "matplotlib", "pandas", "sklearn.neighbors")
import sklearn_contrastive.verification
check("torch", "matplotlib", "sklearn.pipeline", "sklearn.linear_model")
from sklearn_contrastive import displays
for name in displays.__all__:
    getattr(displays, name)
check("torch", "matplotlib")
# matplotlib waits until something is drawn.
displays.LossCurveDisplay(loss_curve=[1.0])
check("matplotlib")

class Barred:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("torch is barred")

sys.meta_path.insert(0, Barred())

# Objects that are not fitted.
from sklearn.base import clone
model = clone(sc.ContrastiveEmbedding(margin=0.5))
sc.losses.ContrastiveLoss().pair_values([1.0], [1])
repr(model), model.get_params(), model.__sklearn_tags__()
sc.losses, sc.miners, sc.similarity, sc.encoders
check("torch")
# A fitted one.
import hashlib, pickle
from sklearn.datasets import load_wine
model = pickle.load(open(sys.argv[1], "rb"))
X, y = load_wine(return_X_y=True)
model.pair_distance(X[None, :2]), model.score(X, y), repr(model)
check("torch")
print(hashlib.sha256(model.transform(X).tobytes()).hexdigest())
"""


def test_torch_is_loaded_by_fit_alone_and_nothing_heavy_by_imports(tmp_path):
    model = small().fit(X, y)
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(model))
    # It remembers the version of torch, as text, and nothing else of it.
    assert path.read_bytes().count(b"torch") == 1
    bits = hashlib.sha256(model.transform(X).tobytes()).hexdigest()
    assert run_python(ALONE, path) == bits


def test_missing_torch_is_an_error_that_says_what_to_install(monkeypatch, tmp_path):
    pairs, same = np.stack([X[:40], X[40:80]], 1), y[:40] == y[40:80]
    model, module = small().fit(X, y), small(encoder=make_module).fit(X, y)
    before = model.transform(X)
    persistence.save(module, tmp_path / "model")
    calls = [
        lambda: small().fit(X, y),
        lambda: small(encoder=make_module).fit(X, y),
        lambda: model.partial_fit(X, y),
        lambda: ContrastiveEmbeddingCV(small(), margins=[0.5, 1.0], cv=2).fit(X, y),
        lambda: ContrastiveAlignment(device="cpu").fit(X, X[:, :3]),
        lambda: ContrastiveNeighborsClassifier(small()).fit(X, y),
        lambda: PairVerifier(small()).fit(pairs, same),
    ]
    real = builtins.__import__

    def barred(name, *args, **kwargs):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", barred)
    for call in calls:
        with pytest.raises(ImportError, match=r"install torch --index.*get-started"):
            call()
    assert np.array_equal(model.transform(X), before)
    with pytest.raises(ValueError, match=r"cannot be loaded: .*torch"):
        persistence.load(tmp_path / "model", {"encoder": make_module})
