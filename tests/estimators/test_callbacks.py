"""``sklearn.callback`` where there is one, and nothing where there is none."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_contrastive import ContrastiveEmbedding
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
