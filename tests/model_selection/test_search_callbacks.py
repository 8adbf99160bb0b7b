"""Callbacks of a search over models trained at once."""

import pytest
from sklearn.datasets import load_wine

from sklearn_contrastive import ContrastiveEmbedding, ContrastiveEmbeddingCV

callback = pytest.importorskip(
    "sklearn.callback", reason="scikit-learn has callbacks from version 1.9 on"
)

X, y = load_wine(return_X_y=True)


def small():
    return ContrastiveEmbedding(4, hidden_layer_sizes=(8,), max_iter=5, random_state=0)


class Names:
    """Remember the names of tasks."""

    def __init__(self):
        self.begun, self.ended = [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.begun.append(context.task_name)

    def on_fit_task_end(self, estimator, context):
        self.ended.append(context.task_name)


def test_a_search_reports_each_candidate_on_each_fold():
    names = Names()
    search = ContrastiveEmbeddingCV(small(), margins=[0.2, 0.5, 0.8, 1.0], cv=2)
    search.set_callbacks(names).fit(X, y)
    tasks = ["candidate on a fold"] * 8 + ["refit-with-best-params"]
    assert names.begun == ["fit", *tasks]
    assert names.ended == [*tasks, "fit"]


def test_callbacks_that_are_passed_down_belong_to_the_search():
    inner = small().set_callbacks(callback.ProgressBar())
    scored = []
    search = ContrastiveEmbeddingCV(
        inner, margins=[0.5, 1.0], cv=2, scoring=lambda *_: scored.append(1) or 1.0
    )
    with pytest.raises(TypeError, match="can't have auto-propagated callbacks"):
        search.fit(X, y)
    assert not scored


def test_the_progress_of_a_search_is_shown(capsys):
    bar = callback.ProgressBar(max_propagation_depth=None)
    search = ContrastiveEmbeddingCV(small(), margins=[0.5, 1.0], cv=2)
    search.set_callbacks(bar).fit(X, y)
    shown = capsys.readouterr().out
    assert "ContrastiveEmbeddingCV" in shown
    assert "refit-with-best-params" in shown
