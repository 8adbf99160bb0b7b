"""``sklearn.callback`` where there is one, and nothing where there is none."""

from collections import Counter

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    PairVerifier,
)
from sklearn_contrastive._estimators._callbacks import CallbackSupportMixin, NoTasks

callback = pytest.importorskip(
    "sklearn.callback", reason="scikit-learn has callbacks from version 1.9 on"
)

X, y = load_wine(return_X_y=True)


def small(**settings):
    return ContrastiveEmbedding(
        4, hidden_layer_sizes=(8,), max_iter=5, random_state=0, **settings
    )


class Recorder:
    """Remember every call, and ask to stop after some epochs."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.calls, self.maps = [], []

    def setup(self, estimator, context):
        self.calls.append(("setup", context.max_subtasks))

    def teardown(self, estimator, context):
        self.calls.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.calls.append(("end", context.task_name))
        self.maps.append(fitted_estimator.transform(X))
        epochs = self.calls.count(("end", "report"))
        return context.task_name == "report" and epochs == self.stop_after


def test_hooks_are_called_for_the_fit_and_each_epoch():
    recorder = Recorder()
    model = small().set_callbacks(recorder).fit(X, y)
    epoch = [("begin", "report"), ("end", "report")]
    assert recorder.calls == [
        ("setup", 5),
        ("begin", "fit"),
        *(5 * epoch),
        ("end", "fit"),
        ("teardown", "fit"),
    ]
    np.testing.assert_array_equal(recorder.maps[-1], model.transform(X))
    np.testing.assert_allclose(recorder.maps[-2], recorder.maps[-1])
    assert not np.array_equal(recorder.maps[0], recorder.maps[1])


def test_a_callback_can_stop_training():
    model = small().set_callbacks(Recorder(stop_after=2)).fit(X, y)
    assert model.n_iter_ == 2


def test_callbacks_are_torn_down_after_an_error():
    recorder = Recorder()
    model = small(loss=lambda anchors, candidates, pairs: anchors.sum() / 0)
    with pytest.raises(FloatingPointError):
        model.set_callbacks(recorder).fit(X, y)
    assert recorder.calls[-1] == ("teardown", "fit")
    assert not hasattr(model, "_callback_fit_ctx")
    assert model._skl_callbacks == [recorder]


def test_results_are_the_same_with_and_without():
    listened = small().set_callbacks(Recorder()).fit(X, y).transform(X)
    np.testing.assert_array_equal(listened, small().fit(X, y).transform(X))


def test_scores_can_be_monitored():
    monitor = callback.ScoringMonitor(
        scoring={"nearest": lambda model, X, y: model.score(X, y)}
    )
    small().set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs(select="most_recent").data
    assert [row["task_name"] for row in log] == ["fit", *(5 * ["report"])]
    assert all(0 < row["nearest"] <= 1 for row in log)


@pytest.mark.filterwarnings("ignore:.*does not support callbacks.*:UserWarning")
@pytest.mark.filterwarnings("ignore:.*callback.*:UserWarning")
def test_progress_of_a_search_is_shown(capsys):
    pipeline = make_pipeline(small(), KNeighborsClassifier())
    bar = callback.ProgressBar(max_propagation_depth=None)
    search = GridSearchCV(
        pipeline, {"contrastiveembedding__margin": [0.5, 1.0]}, cv=2
    ).set_callbacks(bar)
    search.fit(X, y)
    assert search.best_score_ > 0.5
    assert "ContrastiveEmbedding" in capsys.readouterr().out


def test_the_replacement_for_older_versions_stays_silent():
    tasks = NoTasks()
    epoch = tasks.subcontext(task_name="report")
    epoch.call_on_fit_task_begin(estimator=None, X=X, y=y)
    stop = epoch.call_on_fit_task_end(
        estimator=None, X=X, y=y, reconstruction_attributes={}
    )
    assert stop is False
    with tasks.propagate_callback_context(small()):
        pass


def test_a_clone_has_no_trace_of_a_fit():
    model = small().set_callbacks(Recorder()).fit(X, y)
    assert isinstance(model, CallbackSupportMixin)
    assert not hasattr(clone(model), "n_iter_")


class Places:
    """Count where in the tree of tasks each begins and ends."""

    def setup(self, estimator, context):
        self.begun, self.ended, self.fitted = Counter(), Counter(), []
        self.torn_down = 0

    def teardown(self, estimator, context):
        self.torn_down += 1

    def on_fit_task_begin(self, estimator, context):
        self.begun[self.place(context)] += 1

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.ended[self.place(context)] += 1
        self.fitted.append(fitted_estimator)

    def place(self, context):
        above = () if context.parent is None else self.place(context.parent)
        return *above, (context.estimator_name, context.task_name, context.task_id)


class PropagatedPlaces(Places):
    max_propagation_depth = None


PAIRS = np.stack([X[::-1], X], axis=1)
SAME = y[::-1] == y
SEARCHED = ContrastiveEmbeddingCV(small(), margins=[0.5, 1.0], cv=2)
FITS = {
    "embedding": lambda: (small(), X, y),
    "alignment": lambda: (
        ContrastiveAlignment(4, hidden_layer_sizes=(8,), max_iter=2),
        X[:, :6],
        X[:, 6:],
    ),
    "search": lambda: (clone(SEARCHED), X, y),
    "search without refit": lambda: (clone(SEARCHED).set_params(refit=False), X, y),
    "verifier": lambda: (PairVerifier(small(), random_state=0), PAIRS, SAME),
    "verifier of a pipeline": lambda: (
        PairVerifier(make_pipeline(StandardScaler(), small()), random_state=0),
        PAIRS,
        SAME,
    ),
    "search in a search": lambda: (
        GridSearchCV(clone(SEARCHED), {"refit": [True]}, cv=2),
        X,
        y,
    ),
    "verifier in a search": lambda: (
        GridSearchCV(PairVerifier(small()), {"strategy": ["eer"]}, cv=2),
        PAIRS,
        SAME,
    ),
}


@pytest.mark.parametrize("kind", [Places, PropagatedPlaces])
@pytest.mark.parametrize("name", FITS)
def test_what_begins_ends_once_on_every_level(name, kind):
    estimator, *data = FITS[name]()
    places = kind()
    estimator.set_callbacks(places).fit(*data)
    assert places.begun == places.ended
    assert set(places.begun.values()) == {1}
    assert places.torn_down == 1
    left = {name for name in vars(estimator) if "callback" in name}
    assert left == {"_skl_callbacks"}


@pytest.mark.parametrize("name", ["embedding", "alignment", "verifier"])
def test_the_end_of_a_fit_has_the_fitted_estimator(name):
    estimator, *data = FITS[name]()
    places = Places()
    estimator.set_callbacks(places).fit(*data)
    rows = data[0]
    serve = "pair_distance" if name == "verifier" else "transform"
    np.testing.assert_array_equal(
        getattr(places.fitted[-1], serve)(rows), getattr(estimator, serve)(rows)
    )


def test_callbacks_reach_the_embedding_of_a_verifier():
    verifier, *data = FITS["verifier of a pipeline"]()
    places = PropagatedPlaces()
    verifier.set_callbacks(places).fit(*data)
    names = {place[-1][:2] for place in places.begun}
    assert ("ContrastiveEmbedding", "fit") in names
    assert ("PairVerifier", "fit") in names


def test_other_embeddings_of_a_verifier_are_one_task():
    places = Places()
    verifier = PairVerifier(PCA(2), random_state=0).set_callbacks(places)
    verifier.fit(PAIRS, SAME)
    tasks = [place[-1][1] for place in places.begun]
    assert tasks == ["fit", "fit-embedding"]
    assert places.begun == places.ended


class Interrupt(Places):
    """Press Ctrl-C in the second epoch."""

    def on_fit_task_begin(self, estimator, context):
        super().on_fit_task_begin(estimator, context)
        if sum(self.begun.values()) == 3:
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["embedding", "alignment"])
@pytest.mark.filterwarnings("ignore:Training was interrupted:UserWarning")
def test_an_interrupted_fit_ends_what_it_has_begun(name):
    estimator, *data = FITS[name]()
    places = Interrupt()
    estimator.set_callbacks(places).fit(*data)
    assert estimator.n_iter_ == 1
    assert places.begun == places.ended
