"""A progress bar in a terminal, and in a notebook without widgets."""

import builtins
import io
import itertools
import pickle
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_contrastive import ContrastiveAlignment, ContrastiveEmbedding
from sklearn_contrastive.callbacks import ProgressLine

needs_callbacks = pytest.mark.skipif(
    not hasattr(ContrastiveEmbedding, "set_callbacks"),
    reason="scikit-learn has callbacks from version 1.9 on",
)

X = np.random.RandomState(0).normal(size=(900, 4))
y = np.arange(900) % 3


class ZMQInteractiveShell:
    """By this name, libraries know a notebook."""


def small(**params):
    given = {"encoder": "linear", "n_members": 1, "max_iter": 1, "random_state": 0}
    return ContrastiveEmbedding(4, **{**given, **params})


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(params=["terminal", "notebook"])
def stream(request, monkeypatch):
    """Return a stream of either kind; the clock of lines moves on by minutes."""
    monkeypatch.setattr("tqdm.std.time", itertools.count(0, 60).__next__)
    if request.param == "terminal":
        return Terminal()
    shell = ZMQInteractiveShell()
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    return io.StringIO()


def fit(estimator, stream, rows=X, labels=y):
    with redirect_stderr(stream):
        return estimator.fit(rows, labels)


def shown(stream):
    """Return name, percentage, counts and time left of each state of the lines."""
    pattern = r"(\w+): +(\d+)%\|.*?\| (\d+)/(\d+) \[[\d:]+<(.+?)\]"
    return re.findall(pattern, stream.getvalue())


@needs_callbacks
def test_each_report_of_a_pass_advances_the_line(stream):
    line = ProgressLine()
    model = fit(small(batch_size=2).set_callbacks(line), stream)
    assert model.n_steps_ == 450
    states = shown(stream)
    assert states[0] == ("ContrastiveEmbedding", "0", "0", "3", "?")
    counts = [state[1:4] for state in states]
    assert [*dict.fromkeys(counts)] == [
        ("0", "0", "3"),
        ("33", "1", "3"),
        ("67", "2", "3"),
        ("100", "3", "3"),
    ]
    left = [left for *_, left in states[1:]]
    assert all(re.fullmatch(r"\d\d:\d\d", each) for each in left)
    assert left[0] != left[-1] == "00:00"
    assert stream.getvalue().endswith("\n")


@needs_callbacks
@pytest.mark.long
@pytest.mark.parametrize("stream", ["notebook"], indirect=True)
def test_a_pass_of_4000_steps_advances_the_line(stream):
    rows = np.random.RandomState(0).normal(size=(8000, 4))
    model = small(batch_size=2).set_callbacks(ProgressLine())
    fit(model, stream, rows, np.arange(8000) % 3)
    counts = [int(count) for _, _, count, _, _ in shown(stream)]
    assert model.n_steps_ == 4000
    assert sorted(set(counts)) == [*range(21)]


@needs_callbacks
def test_a_stopped_fit_leaves_the_line_where_it_was(stream):
    model = small(max_iter=40, early_stopping=True, n_iter_no_change=1, tol=1.0)
    fit(model.set_callbacks(ProgressLine()), stream)
    *_, last = shown(stream)
    assert last[2:4] == (str(len(model.loss_curve_)), "40")
    assert len(model.loss_curve_) < 40


class Interrupt:
    """Press Ctrl-C in the third report, or in another."""

    def __init__(self, at=3):
        self.left = at

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.left -= context.task_name == "report"
        if self.left == 0:
            raise KeyboardInterrupt

    def on_fit_task_end(self, estimator, context):
        pass


@needs_callbacks
@pytest.mark.filterwarnings("ignore:Training was interrupted:UserWarning")
def test_the_line_ends_after_an_interrupt_and_an_error(stream):
    line = ProgressLine()
    model = fit(small(max_iter=5).set_callbacks(line, Interrupt()), stream)
    assert model.n_iter_ == 2
    assert stream.getvalue().endswith("\n")
    with pytest.raises(KeyboardInterrupt):
        fit(model.set_callbacks(line, Interrupt(1)), stream)
    model.set_params(loss=lambda anchors, candidates, pairs: anchors.sum() / 0)
    with pytest.raises(FloatingPointError):
        fit(model.set_callbacks(line), stream)
    n_lines = stream.getvalue().count("\n")
    assert n_lines == 3
    assert vars(line) == vars(ProgressLine())


@needs_callbacks
def test_fits_in_threads_have_a_line_each(stream):
    line = ProgressLine()
    model = small(max_iter=3).set_callbacks(line)
    with redirect_stderr(stream), ThreadPoolExecutor(2) as pool:
        assert len([*pool.map(lambda _: clone(model).fit(X, y), range(2))]) == 2
    assert [state[2] for state in shown(stream)].count("3") >= 2
    assert vars(line) == vars(ProgressLine())


@needs_callbacks
def test_other_estimators_have_a_line(stream):
    line = ProgressLine()
    alignment = ContrastiveAlignment(2, max_iter=2, hidden_layer_sizes=(4,))
    fit(alignment.set_callbacks(line), stream, X[:60, :2], X[:60, 2:])
    model = make_pipeline(small().set_callbacks(line), KNeighborsClassifier())
    given = {"contrastiveembedding__margin": [0.5, 1.0, 1.5]}
    fit(GridSearchCV(model, given, cv=2).set_callbacks(line), stream, X[:60], y[:60])
    ends = [state[0] for state in shown(stream) if state[1] == "100"]
    names = ["ContrastiveAlignment", "ContrastiveEmbedding", "GridSearchCV"]
    assert sorted(set(ends)) == names


@needs_callbacks
def test_a_line_is_copied_pickled_and_cloned_with_a_model(stream):
    model = fit(small().set_callbacks(ProgressLine()), stream)
    for again in (pickle.loads(pickle.dumps(model)), clone(model)):
        fit(again, stream)
        assert shown(stream)[-1][1] == "100"
        np.testing.assert_array_equal(again.transform(X), model.transform(X))


def test_what_installs_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    expected = re.escape("pip install 'sklearn_contrastive[progress]'")
    with pytest.raises(ImportError, match=expected):
        ProgressLine()
