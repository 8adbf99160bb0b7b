"""What LossCurveDisplay shows: the curves that a fitted model keeps."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import ContrastiveAlignment, ContrastiveEmbedding
from sklearn_contrastive.displays import LossCurveDisplay


def test_the_curves_are_those_of_the_model(trained):
    display = LossCurveDisplay.from_estimator(trained)
    reports = np.arange(1, len(trained.loss_curve_) + 1)
    expected = {
        "loss": trained.loss_curve_,
        "validation_score": trained.validation_scores_,
    }
    for kind in ("positive", "negative"):
        for what in ("kept", "active"):
            name = f"{what}_{kind}"
            expected[name] = 100 * np.array(trained.mining_curve_[name])
    assert set(display.lines_) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(display.lines_[name].get_xdata(), reports)
        np.testing.assert_allclose(display.lines_[name].get_ydata(), values)
    assert len(display.axes_) == 3
    assert display.ax_ is display.axes_[0]
    # Each kind on an axes of its own: none has two scales.
    assert len(display.figure_.axes) == 3


def test_the_last_of_the_best_reports_is_marked():
    display = LossCurveDisplay(
        loss_curve=[3, 2, 1, 1], validation_scores=[0.5, 0.9, 0.9, 0.8]
    ).plot()
    assert display.best_report_ == 3
    [words] = display.axes_[1].texts
    assert words.get_text() == "best 0.9000, report 3"
    marks = [line.get_xdata() for line in display.axes_[1].lines[1:]]
    assert marks == [[3, 3]]


def test_without_early_stopping_there_is_no_panel_for_scores(iris):
    model = ContrastiveEmbedding(4, hidden_layer_sizes=8, max_iter=2, random_state=0)
    display = LossCurveDisplay.from_estimator(model.fit(*iris))
    assert display.best_report_ is None
    assert [ax.get_ylabel() for ax in display.axes_] == [
        "training loss",
        "share of pairs (%)",
    ]


def test_a_pipeline_and_an_alignment_can_be_shown(iris):
    X, y = iris
    model = ContrastiveEmbedding(4, hidden_layer_sizes=8, max_iter=2, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    display = LossCurveDisplay.from_estimator(pipeline)
    assert display.ax_.get_title(loc="left") == "ContrastiveEmbedding: 2 reports"
    aligned = ContrastiveAlignment(2, hidden_layer_sizes=8, max_iter=3, random_state=0)
    display = LossCurveDisplay.from_estimator(aligned.fit(X[:, :2], X[:, 2:]))
    np.testing.assert_array_equal(
        display.lines_["loss"].get_ydata(), aligned.loss_curve_
    )


def test_what_is_not_known_of_pairs_is_left_open():
    curve = {
        f"{what}_{kind}": [0.5, np.nan]
        for what in ("kept", "active")
        for kind in ("positive", "negative")
    }
    display = LossCurveDisplay(loss_curve=[2, 1], mining_curve=curve).plot()
    shown = display.lines_["kept_positive"].get_ydata()
    np.testing.assert_array_equal(shown, [50, np.nan])


def test_a_single_report_can_be_seen():
    display = LossCurveDisplay(loss_curve=[2.0]).plot()
    assert display.lines_["loss"].get_marker() not in ("", "None")


def test_one_axes_holds_the_loss_and_three_hold_all(trained):
    _, ax = plt.subplots(layout="constrained")
    display = LossCurveDisplay.from_estimator(trained, ax=ax)
    assert list(display.axes_) == [ax]
    assert set(display.lines_) == {"loss"}
    _, axes = plt.subplots(3, 1, layout="constrained")
    display.plot(axes, name="again")
    assert list(display.axes_) == list(axes)
    assert len(display.lines_) == 6
    assert axes[0].get_title(loc="left") == "again: 6 reports"


def test_mistakes_are_explained(trained, iris):
    message = "`ax` must hold one axes for each of the 3 panels, or a single one"
    with pytest.raises(ValueError, match=re.escape(message)):
        LossCurveDisplay.from_estimator(trained, ax=plt.subplots(2)[1])
    with pytest.raises(
        TypeError, match=re.escape("`ax` must be None or a matplotlib Axes")
    ):
        LossCurveDisplay.from_estimator(trained, ax=["here"])
    with pytest.raises(NotFittedError, match="not fitted"):
        LossCurveDisplay.from_estimator(ContrastiveEmbedding())
    message = "`estimator` must be a fitted ContrastiveEmbedding"
    for estimator in (PCA(2).fit(iris[0]), ContrastiveEmbedding, None):
        with pytest.raises(TypeError, match=re.escape(message)):
            LossCurveDisplay.from_estimator(estimator)
    table = pd.DataFrame(iris[0])
    with pytest.raises(TypeError, match=re.escape("got a DataFrame.")):
        LossCurveDisplay.from_estimator(table)
