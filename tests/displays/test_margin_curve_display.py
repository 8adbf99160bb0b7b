"""What MarginCurveDisplay shows: scores of a search, distances and pairs."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import ContrastiveEmbedding, ContrastiveEmbeddingCV
from sklearn_contrastive.displays import MarginCurveDisplay

MODEL = ContrastiveEmbedding(4, hidden_layer_sizes=8, max_iter=2, random_state=0)


def searched(table, **settings):
    settings = {"margins": [1.2, 0.2, 0.8], "cv": 3, "refit": False, **settings}
    return ContrastiveEmbeddingCV(MODEL, **settings).fit(*table)


def test_the_curves_are_those_of_the_search(iris):
    search = searched(iris)
    display = MarginCurveDisplay.from_estimator(search)
    results, rising = search.cv_results_, [1, 2, 0]
    expected = {"score": results["mean_test_score"]}
    for kind in ("positive", "negative"):
        expected[f"mean_{kind}"] = results[f"mean_mean_{kind}"]
        expected[f"active_{kind}"] = 100 * results[f"mean_active_{kind}"]
    assert set(display.lines_) == set(expected)
    for name, values in expected.items():
        assert_array_equal(display.lines_[name].get_xdata(), [0.2, 0.8, 1.2])
        assert_allclose(display.lines_[name].get_ydata(), values[rising])
    assert len(display.axes_) == len(display.figure_.axes) == 3
    assert display.ax_ is display.axes_[0]
    [words] = display.ax_.texts
    assert words.get_text() == f"chosen {search.margin_:g}"
    marks = [line.get_xdata() for line in display.ax_.lines[1:]]
    assert marks == [[search.margin_] * 2]


def test_the_band_is_one_standard_error_wide(iris):
    def scoring(model, X, y):
        return model.margin + X[0, 0]

    rows = np.column_stack([np.repeat([0.0, 0.1, 0.5], 50), iris[0]])
    folds = [(np.arange(150), np.arange(50) + 50 * fold) for fold in range(3)]
    search = searched((rows, iris[1]), scoring=scoring, cv=folds)
    display = MarginCurveDisplay.from_estimator(search)
    error = np.sqrt((0.2**2 + 0.1**2 + 0.3**2) / 2 / 3)
    assert_allclose(display.standard_errors, error)
    assert_allclose(display.mean_scores, [0.4, 1.0, 1.4])
    [path] = display.band_.get_paths()
    ends = path.vertices[path.vertices[:, 0] == 0.2, 1]
    assert_allclose([ends.min(), ends.max()], [0.4 - error, 0.4 + error])


def test_one_fold_has_no_band(iris):
    search = searched(iris, cv=ShuffleSplit(1, random_state=0))
    assert MarginCurveDisplay.from_estimator(search).band_ is None


def test_of_candidates_with_one_margin_the_best_is_shown(iris):
    def scoring(model, X, y):
        score = -abs(model.margin - 0.5) - model.alpha
        return np.nan if model.margin == 1.9 else score

    grid = [{"margin": [0.9, 0.4, 1.9], "alpha": [0.3, 0.1]}, {"alpha": [0.5]}]
    estimator = ContrastiveEmbedding(4, margin=0.7, max_iter=1, random_state=0)
    search = ContrastiveEmbeddingCV(
        estimator, param_grid=grid, scoring=scoring, cv=2, refit=False
    )
    with pytest.warns(UserWarning, match=re.escape("`scoring` returned nan")):
        search.fit(*iris)
    display = MarginCurveDisplay.from_estimator(search)
    assert_array_equal(display.margins, [0.4, 0.9])
    assert_allclose(display.mean_scores, [-0.2, -0.5])
    assert display.best_margin == 0.4


def test_a_search_of_scikit_learn_has_scores_alone(iris):
    pipeline = make_pipeline(MODEL, KNeighborsClassifier())
    grid = {"contrastiveembedding__margin": [0.2, 0.8]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(*iris)
    display = MarginCurveDisplay.from_estimator(search)
    assert len(display.axes_) == 1
    assert set(display.lines_) == {"score"}
    assert display.ax_.get_title(loc="left") == "GridSearchCV: 2 margins"


def test_a_pipeline_that_ends_in_a_search_can_be_shown(iris):
    search = ContrastiveEmbeddingCV(MODEL, margins=[0.5], cv=2)
    pipeline = make_pipeline(StandardScaler(), search).fit(*iris)
    display = MarginCurveDisplay.from_estimator(pipeline, name="mine")
    assert display.ax_.get_title(loc="left") == "mine: 1 margin"


def test_no_margin_is_marked_where_none_is_given():
    display = MarginCurveDisplay(margins=[0.5, 1, 2], mean_scores=[0.1, 0.9, 0.9])
    assert not display.plot().ax_.texts
    assert len(display.ax_.lines) == 1


def test_no_number_is_marked_where_the_best_margin_is_none(iris):
    def scoring(model, X, y):
        return float(model.margin == "auto")

    search = searched(iris, param_grid={"margin": [0.5, "auto", 1.0]}, scoring=scoring)
    assert search.best_params_ == {"margin": "auto"}
    assert search.margin_ == pytest.approx(2**0.5)
    assert not MarginCurveDisplay.from_estimator(search).ax_.texts


def test_one_axes_holds_the_score_and_three_hold_all(iris):
    search = searched(iris)
    _, ax = plt.subplots(layout="constrained")
    display = MarginCurveDisplay.from_estimator(search, ax=ax)
    assert list(display.axes_) == [ax]
    assert set(display.lines_) == {"score"}
    _, axes = plt.subplots(3, 1, layout="constrained")
    display.plot(axes, name="again")
    assert list(display.axes_) == list(axes)
    assert len(display.lines_) == 5
    assert axes[0].get_title(loc="left") == "again: 3 margins"


def test_mistakes_are_explained(iris):
    search = searched(iris)
    message = "`ax` must hold one axes for each of the 3 panels, or a single one"
    with pytest.raises(ValueError, match=re.escape(message)):
        MarginCurveDisplay.from_estimator(search, ax=plt.subplots(2)[1])
    with pytest.raises(
        TypeError, match=re.escape("`ax` must be None or a matplotlib Axes")
    ):
        MarginCurveDisplay.from_estimator(search, ax=["here"])
    ax = MarginCurveDisplay.from_estimator(search).ax_
    with pytest.raises(ValueError, match="it holds another picture already"):
        MarginCurveDisplay.from_estimator(search, ax=ax)
    with pytest.raises(NotFittedError, match="not fitted"):
        MarginCurveDisplay.from_estimator(ContrastiveEmbeddingCV())
    message = "`estimator` must be a fitted ContrastiveEmbeddingCV"
    for estimator in (PCA(2).fit(iris[0]), ContrastiveEmbeddingCV, None):
        with pytest.raises(TypeError, match=re.escape(message)):
            MarginCurveDisplay.from_estimator(estimator)
    search = searched(iris, param_grid={"alpha": [0.1]})
    message = "`estimator` must have tried margins that are numbers"
    with pytest.raises(ValueError, match=re.escape(message)):
        MarginCurveDisplay.from_estimator(search)
