"""Ctrl-C at any moment: the model of a whole report, or what was there before."""

import pickle
import re
import signal
import threading
import time
import tracemalloc
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal, assert_equal
from sklearn.datasets import make_blobs

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._estimators._plan import prepare
from sklearn_contrastive._training._run import run
from sklearn_contrastive._training._trainer import Trainer

X, y = make_blobs(n_samples=1000, n_features=6, centers=3, random_state=0)


def small(**settings):
    given = {"hidden_layer_sizes": (8,), "n_components": 8, "random_state": 0}
    return ContrastiveEmbedding(**{**given, **settings})


def long_epochs(n_steps=450, **settings):
    """Return an estimator whose epochs have so many mini-batches, and its rows."""
    rows = slice(2 * n_steps)
    return small(batch_size=2, max_iter=2, **settings), X[rows], y[rows]


@pytest.fixture
def reports_of_20_steps(monkeypatch):
    """Report ten times as often."""
    monkeypatch.setattr("sklearn_contrastive._training._run._REPORT_STEPS", 20)


class Recorder:
    """Keep the attributes at each report."""

    def __init__(self, plan):
        self.plan, self.found = plan, []

    def begin(self):
        pass

    def end(self, report, stop):
        self.found.append(self.plan.attributes(report))


def every_report(model, X, y):
    """Return the attributes that a fit would have, stopped at each of its reports."""
    plan = prepare(model, X, y)
    device = plan.fitted["device_"]
    trainer = Trainer(plan.models, normalize=plan.state.normalize, device=device)
    recorder = Recorder(plan)
    run(trainer, plan.epochs, plan.history, plan.stopping, recorder)
    return recorder.found


def same(attributes, others):
    return pickle.dumps(attributes) == pickle.dumps(others)


@pytest.mark.usefixtures("reports_of_20_steps")
@pytest.mark.parametrize("early_stopping", [False, True])
def test_an_epoch_of_many_steps_has_several_reports(early_stopping):
    model, *rows = long_epochs(50, early_stopping=early_stopping, n_members=1)
    model.fit(*rows)
    lengths = [20, 20, 10] * 2 if not early_stopping else [20, 20, 4] * 2
    assert model.n_iter_ == 2
    assert model.n_steps_ == sum(lengths)
    assert len(model.loss_curve_) == len(lengths)
    assert {len(curve) for curve in model.mining_curve_.values()} == {len(lengths)}
    if early_stopping:
        assert len(model.validation_scores_) == len(lengths)


@pytest.mark.usefixtures("reports_of_20_steps")
def test_reports_change_no_weight(monkeypatch):
    model, *rows = long_epochs(50, n_members=2)
    found = model.fit(*rows).transform(X)
    monkeypatch.setattr("sklearn_contrastive._training._run._REPORT_STEPS", 10**9)
    whole = model.fit(*rows)
    assert len(whole.loss_curve_) == 2
    assert_array_equal(found, whole.transform(X))


def test_partial_fit_is_reported_within_its_pass():
    model, *rows = long_epochs(n_members=1)
    model.partial_fit(*rows)
    assert (model.n_iter_, len(model.loss_curve_), model.n_steps_) == (1, 3, 450)
    model.partial_fit(*rows)
    assert (model.n_iter_, len(model.loss_curve_), model.n_steps_) == (2, 6, 900)


def test_verbose_says_how_many_steps_were_done(capsys):
    model, *rows = long_epochs(verbose=True, n_members=1)
    model.fit(*rows)
    lines = capsys.readouterr().out.splitlines()
    steps = [200, 400, 450, 650, 850, 900]
    expected = [f"Iteration {1 + (s > 450)}, step {s}, loss" for s in steps]
    assert [line.partition(" =")[0] for line in lines] == expected


@pytest.mark.usefixtures("reports_of_20_steps")
@pytest.mark.parametrize(("steps", "n_reports"), [(21, 1), (39, 1), (44, 2)])
def test_steps_since_the_last_report_are_dropped(steps, n_reports, interrupted_loss):
    model, *rows = long_epochs(50, n_members=1)
    whole = model.set_params(max_iter=1, loss=interrupted_loss(at=0))
    expected = every_report(whole, *rows)[n_reports - 1]
    # Statistics at a report do not call the loss.
    model.set_params(loss=interrupted_loss(at=1 + steps))
    n_steps = 20 * n_reports
    message = f"interrupted in epoch 1, after {n_steps} steps; the model keeps"
    with pytest.warns(UserWarning, match=message):
        model.fit(*rows)
    assert (model.n_iter_, model.n_steps_) == (1, n_steps)
    assert_array_equal(model.transform(X), expected["_state"].embed(X))
    assert model.loss_curve_ == expected["loss_curve_"]
    assert_equal(model.mining_curve_, expected["mining_curve_"])


def test_a_length_without_end_costs_nothing_in_advance(interrupted_loss):
    model = small(max_iter=10**8, loss=interrupted_loss(at=1), n_members=1)
    small(max_iter=1).fit(X, y)
    tracemalloc.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


@pytest.mark.parametrize("name", ["learning_rate_init", "alpha"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_last_step_is_checked_as_the_others(name, early_stopping):
    # One step is the whole training.
    settings = {"batch_size": len(X), "early_stopping": early_stopping}
    model = small(max_iter=1, **{name: 1e300}, **settings)
    message = "The weights or points are not finite after epoch 1. Lower"
    with pytest.raises(FloatingPointError, match=re.escape(message)):
        model.fit(X, y)
    assert vars(model) == model.get_params()


class Alarm:
    """Send SIGINT to the main thread after some seconds, while it is armed."""

    def __init__(self, seconds):
        self._seconds, self._ended = seconds, threading.Event()
        self._thread = threading.Thread(target=self._wait)

    def _wait(self):
        if not self._ended.wait(self._seconds):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    def __enter__(self):
        self._handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        self._thread.start()

    def __exit__(self, *_):
        # One that is on its way comes to nothing.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._ended.set()
        self._thread.join()
        signal.signal(signal.SIGINT, self._handler)


def interrupt_fits(n_signals, rng):
    """Interrupt fits at random moments; count where, and what is not consistent."""
    table = X[:400], y[:400]
    counts = {"before": 0, "within": 0, "ended": 0, "inconsistent": 0}
    settings = {"batch_size": 32, "max_iter": 6, "early_stopping": True}
    expected = every_report(small(**settings), *table)
    model = small(**settings)
    start = time.perf_counter()
    model.fit(*table)
    seconds = time.perf_counter() - start
    for _ in range(n_signals):
        model = small(**settings).fit(X[:50], y[:50]) if rng.rand() < 0.3 else small()
        model.set_params(**settings)
        before = pickle.dumps(vars(model))
        try:
            with warnings.catch_warnings(), Alarm(rng.uniform(0, seconds)):
                warnings.simplefilter("ignore")
                model.fit(*table)
        except KeyboardInterrupt:
            counts["before"] += 1
            counts["inconsistent"] += pickle.dumps(vars(model)) != before
            continue
        n_reports = len(model.loss_curve_)
        now = {name: vars(model)[name] for name in expected[0]}
        counts["within" if n_reports < len(expected) else "ended"] += 1
        counts["inconsistent"] += not same(now, expected[n_reports - 1])
    return counts


def test_sigint_at_random_moments_leaves_a_whole_report_or_the_state_before():
    counts = interrupt_fits(6, np.random.RandomState(0))
    assert sum(counts.values()) == 6, counts
    assert counts["before"] + counts["within"] > 0
