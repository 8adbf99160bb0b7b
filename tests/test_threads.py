"""Threads, forks and thread counts: fits and serving beside each other."""

import hashlib
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from torch import nn

from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    PairVerifier,
)
from sklearn_contrastive._estimators._state import replace_fitted
from sklearn_contrastive.inspection import feature_importances
from sklearn_contrastive.losses import ContrastiveLoss
from sklearn_contrastive.metrics import hubness

RNG = np.random.RandomState(0)
X, y = RNG.normal(size=(120, 5)), RNG.randint(3, size=120)
PAIRS, SAME = X.reshape(-1, 2, 5), np.arange(60) % 2


def net(n_in, n_out):
    # Wide enough for torch to divide work among threads.
    layers = nn.Linear(n_in, 400), nn.Dropout(0.3), nn.ReLU(), nn.Linear(400, n_out)
    return nn.Sequential(*layers)


class Noisy(nn.Module):
    """Draws when it is built, trained and served, outside of its buffers too."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.frequencies = torch.randn(n_in, 8)
        self.register_buffer("phase", torch.rand(8), persistent=False)
        self.last = nn.Linear(8, n_out)

    def forward(self, rows):
        waves = torch.sin(rows @ self.frequencies.to(rows.dtype) + self.phase)
        return self.last(waves + 0.01 * torch.randn_like(waves))


MODULES = {"factory": net, "noisy factory": Noisy, "instance": net(5, 4)}


def embedding(**settings):
    settings = {"n_components": 4, "max_iter": 3, "random_state": 0, **settings}
    return ContrastiveEmbedding(device="cpu", **settings)


def points(seed, **settings):
    return embedding(random_state=seed, **settings).fit(X, y).transform(X).tobytes()


def run_child(code):
    """Return what a fresh process prints that nobody has told of thread counts."""
    counts = "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"
    found = subprocess.run(
        [sys.executable, "-c", f"from test_threads import *\n{code}"],
        env={k: v for k, v in os.environ.items() if k not in counts},
        cwd=os.path.dirname(__file__),
        capture_output=True,
        text=True,
        # A process that hangs is a failure.
        timeout=200,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


# Modules.


@pytest.mark.parametrize("encoder", MODULES.values(), ids=MODULES)
def test_modules_in_threads_give_the_bits_they_give_alone(encoder):
    alone = [points(seed, encoder=encoder) for seed in range(4)]
    torch.manual_seed(7)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda s: points(s, encoder=encoder), range(4)))
    assert together == alone
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("encoder", MODULES.values(), ids=MODULES)
def test_another_thread_draws_as_without_modules(encoder):
    fitted = embedding(encoder=encoder).fit(X, y)

    def work():
        embedding(encoder=encoder, max_iter=1).fit(X, y)
        for _ in range(20):
            fitted.transform(X[:2])

    thread, beside = threading.Thread(target=work), []
    torch.manual_seed(0)
    thread.start()
    while thread.is_alive():
        beside.append(torch.rand(1).item())
    torch.manual_seed(0)
    assert beside == [torch.rand(1).item() for _ in beside]


def test_a_module_is_served_as_it_was_built_for_training():
    built = []

    def factory(n_in, n_out):
        built.append(Noisy(n_in, n_out))
        return built[-1]

    fitted = embedding(encoder=factory, random_state=3).fit(X, y)
    first = fitted.transform(X)
    assert_array_equal(fitted.transform(X), first)
    assert_array_equal(fitted.module_state_["phase"], built[0].phase)
    for each in built:
        assert torch.equal(each.frequencies, built[0].frequencies)
    with torch.inference_mode():
        assert_array_equal(fitted.transform(X), first)


# Fits while the same estimator is used.


ALIGNED = X[:, ::-1]
FITS = {
    "embedding": lambda seed: embedding(random_state=seed).fit(X, y),
    "module": lambda seed: embedding(encoder=net, random_state=seed).fit(X, y),
    "alignment": lambda seed: ContrastiveAlignment(
        4, max_iter=3, random_state=seed
    ).fit(X, ALIGNED),
    "verifier": lambda seed: (
        PairVerifier(embedding(), random_state=seed)
        .set_params(embedding__random_state=seed)
        .fit(PAIRS, SAME)
    ),
    "search": lambda seed: ContrastiveEmbeddingCV(
        embedding(random_state=seed), margins=[0.5], cv=2
    ).fit(X, y),
}
USES = {
    "embedding": {
        "transform": lambda model: model.transform(X),
        "score": lambda model: model.score(X, y),
        "pair_distance": lambda model: model.pair_distance(PAIRS),
        "pair_score": lambda model: model.pair_score(PAIRS),
        "get_metric": lambda model: model.get_metric()(X[0], X[1]),
    },
    "alignment": {
        "transform": lambda model: model.transform(X),
        "transform both": lambda model: np.stack(model.transform(X, ALIGNED)),
        "kneighbors": lambda model: np.stack(model.kneighbors(X, ALIGNED)),
        "score": lambda model: model.score(X, ALIGNED),
    },
    "verifier": {
        "pair_distance": lambda model: model.pair_distance(PAIRS),
        "pair_score": lambda model: model.pair_score(PAIRS),
        "decision_function": lambda model: model.decision_function(PAIRS),
        "predict": lambda model: model.predict(PAIRS),
        "predict_proba": lambda model: model.predict_proba(PAIRS),
    },
}
USES["module"] = {"transform": USES["embedding"]["transform"]}
USES["search"] = USES["embedding"]


def with_interruptions(work, interrupt):
    """Yield what `work` returns, interrupted once at a step: at each of up to 50."""
    n_events, at = 0, None

    def profile(frame, event, _):
        nonlocal n_events
        if "sklearn_contrastive" in frame.f_code.co_filename:
            n_events += 1
            if n_events == at:
                sys.setprofile(None)
                interrupt()

    def profiled():
        nonlocal n_events
        n_events = 0
        sys.setprofile(profile)
        try:
            return work()
        finally:
            sys.setprofile(None)

    profiled()
    for step in np.unique(np.linspace(1, n_events, 50, dtype=int)).tolist():
        at = step
        yield profiled()


@pytest.mark.parametrize("kind", FITS)
def test_use_during_another_fit_is_of_the_old_or_the_new_model(kind):
    old, new = map(FITS[kind], (0, 1))
    private = "_state", "_n_features_out", "_columns", "_y_names", "_y_seen"
    attributes = {k: v for k, v in vars(new).items() if k[-1] == "_" or k in private}
    before = dict(vars(old))
    for name, use in USES[kind].items():
        right = [np.asarray(use(model)).tobytes() for model in (old, new)]

        def use_old(use=use):
            vars(old).clear()
            vars(old).update(before)
            return np.asarray(use(old)).tobytes()

        found = set(
            with_interruptions(use_old, lambda: replace_fitted(old, attributes))
        )
        use_old()
        assert found <= set(right), name
        # Somewhere on the way, it is the new one's turn.
        assert len(found) > 1 or right[0] == right[1], name


@pytest.mark.parametrize("kind", FITS)
def test_a_fit_takes_the_place_of_the_one_before_in_one_step(kind):
    model, seen = FITS[kind](0), []
    fitted = {name for name in vars(model) if name.endswith("_")}

    class Watched(type(model)):
        def __setattr__(self, name, value):
            # A copy may be changed.
            seen.append((id(self), name))
            super().__setattr__(name, value)

    watched = Watched(**model.get_params(deep=False))
    table, given = (PAIRS, SAME) if kind == "verifier" else (X, y)
    seen.clear()
    watched.fit(table, ALIGNED if kind == "alignment" else given)
    assert fitted <= set(vars(watched))
    found = {name for owner, name in seen if owner == id(watched)}
    assert "__dict__" in found
    assert not fitted & found


# Processes and thread counts.


def thread_counts():
    """Return the threads that torch, OpenMP and MKL may use in this thread."""
    told = re.findall(
        r"get_(?:max|num)_threads\(\) : (\d+)", torch.__config__.parallel_info()
    )
    return torch.get_num_threads(), *map(int, told)


def counts_of_a_fit(seed):
    """Return the counts before, during and after a fit."""
    during = set()

    def loss(anchors, candidates, pairs):
        during.add(max(thread_counts()))
        return ContrastiveLoss(1.0)(anchors, candidates, pairs)

    before = thread_counts()
    embedding(loss=loss, random_state=seed).fit(X, y)
    return before, during, thread_counts()


#: The thread counts of fits, whatever torch was told.
COUNTS = """
def check(seed=0):
    before, during, after = counts_of_a_fit(seed)
    assert during == {1}, during
    assert before == after, (before, after)
    return set(before)

told = check()
for count in (2, 3):
    torch.set_num_threads(count)
    assert check() == {count}
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(check, range(8))) == [{count}] * 8
    # Set in one thread, and seen by a new one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(torch.set_num_threads, count + 2).result()
        assert thread.submit(check).result() == {count + 2}
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(check).result() == {count + 2}
    assert check() == {count}
"""


def all_uses():
    """Return the bits of what might start threads, of a fit and of what follows."""
    served = [embedding(encoder=each).fit(X, y) for each in ("mlp", net)]
    aligned = ContrastiveAlignment(4, max_iter=1, random_state=0).fit(X, ALIGNED)
    wide = embedding(hidden_layer_sizes=(1100,), max_iter=1, n_members=1)
    table = np.random.RandomState(1).normal(size=(960, 5))
    return [
        points(0),
        wide.fit(X, y).transform(X).shape,
        embedding(similarity="neighbors", max_iter=1).fit(table).transform(X).tobytes(),
        [each.transform(table).tobytes() for each in served],
        [each.score(table, np.tile(y, 8)) for each in served],
        aligned.score(table, table[:, ::-1]),
        hubness(table),
        feature_importances(served[1], table).tobytes(),
        clone(FITS["search"](0)).fit(X, y).transform(X).tobytes(),
    ]


#: A forked process finds no threads missing.
FORK = """
import select, signal
torch.set_num_threads(2)
before = all_uses()
# A pool of torch's own, too.
(torch.ones(300, 300) @ torch.ones(300, 300) + torch.ones(300, 300)).exp()
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    os.write(writer, b"equal" if all_uses() == before else b"other")
    os._exit(0)
os.close(writer)
# One that hangs is ended here, else nobody would.
answers = select.select([reader], [], [], 100)[0]
os.kill(child, signal.SIGKILL)
assert answers, "hangs"
assert os.read(reader, 5) == b"equal"
"""


def digests():
    """Return the hashes of the points of fits of each kind."""
    kinds = {}, {"early_stopping": True}, {"encoder": net}
    return [hashlib.sha256(points(0, **kind)).hexdigest() for kind in kinds]


def test_a_fresh_process_gives_equal_bits_takes_one_thread_and_can_be_forked():
    # One process for all three: to start it takes longer than they do.
    code = f"first = digests()\n{COUNTS}\n{FORK}\nprint(first)"
    assert run_child(code) == str(digests())


@pytest.mark.long
def test_all_kinds_of_workers_give_equal_bits_and_take_one_thread():
    code = """
from joblib import Parallel, delayed, parallel_config

def fits(backend, seeds):
    parallel = Parallel(2, backend=backend)
    for encoder in ("mlp", net):
        yield parallel(delayed(points)(seed, encoder=encoder) for seed in seeds)

def inside(backend, seeds):
    return list(fits(backend, seeds))

torch.set_num_threads(2)
alone = list(fits("sequential", range(4)))
for backend in ("threading", "multiprocessing", "loky"):
    limits = {"inner_max_num_threads": 2} if backend == "loky" else {}
    with parallel_config(backend, n_jobs=2, **limits):
        counts = Parallel()(delayed(counts_of_a_fit)(seed) for seed in range(4))
        assert {tuple(during) for _, during, _ in counts} == {(1,)}, counts
        assert all({*before, *after} == {2} for before, _, after in counts), counts
        assert inside(None, range(4)) == alone, backend
        halves = [0, 1], [2, 3]
        parts = Parallel()(delayed(inside)("threading", half) for half in halves)
        assert [a + b for a, b in zip(*parts)] == alone, f"threading in {backend}"
print("equal")
"""
    assert run_child(code) == "equal"
