"""Where displays can be drawn, and what is left of them after a mistake."""

import re
import threading
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.displays import (
    EmbeddingDisplay,
    LossCurveDisplay,
    PairDistanceDisplay,
    SpringDisplay,
    VerificationDisplay,
)
from sklearn_contrastive.displays._spring import trained_loss

rng = np.random.default_rng(0)
PLANE = rng.normal(size=(60, 2))
LABELS = np.arange(60) % 4
SAME = rng.random(200) < 0.4
DISTANCES = np.where(SAME, 0.6, 1.0) * rng.gamma(9, 0.1, 200)

ONE_EACH = {
    "embedding": lambda ax: EmbeddingDisplay.from_embedding(PLANE, LABELS, ax=ax),
    "density": lambda ax: EmbeddingDisplay.from_embedding(PLANE, max_points=9, ax=ax),
    "loss": lambda ax: LossCurveDisplay(loss_curve=[3.0, 2.0]).plot(ax),
    "pairs": lambda ax: PairDistanceDisplay.from_predictions(SAME, DISTANCES, ax=ax),
    "springs": lambda ax: SpringDisplay.from_embedding(PLANE, LABELS, ax=ax),
    "DET": lambda ax: VerificationDisplay.from_predictions(SAME, DISTANCES, ax=ax),
    "ROC": lambda ax: VerificationDisplay.from_predictions(
        SAME, DISTANCES, kind="roc", ax=ax
    ),
}


@pytest.mark.parametrize(
    ("canvas", "n_classes"),
    [(FigureCanvasAgg, 30), (FigureCanvasSVG, 60), (FigureCanvasPdf, 30), (None, 60)],
)
def test_many_classes_are_named_on_every_canvas(canvas, n_classes):
    figure = Figure(layout="constrained")
    if canvas is not None:
        canvas(figure)
    places = np.array([[i % 10, i // 10] for i in range(60)], dtype=float)
    labels = np.arange(60) % n_classes
    display = EmbeddingDisplay.from_embedding(places, labels, ax=figure.subplots())
    named = display.texts_ or display.legend_.get_texts()
    assert {text.get_text() for text in named} == set(map(str, range(n_classes)))
    assert plt.get_fignums() == []


@pytest.mark.parametrize("case", ["embedding", "density", "loss", "springs", "DET"])
def test_parts_of_figures_can_be_drawn_on(case):
    figure = plt.figure(figsize=(12, 4), layout="constrained", facecolor="black")
    parts = figure.subfigures(1, 2, width_ratios=[1, 2])
    for part in parts:
        part.set_facecolor("none")
        ax = part.subplots()
        ax.set_facecolor("none")
        display = ONE_EACH[case](ax)
        assert display.figure_ is part
        figure.draw_without_rendering()
        title = display.ax_._left_title.get_window_extent()
        assert title.x1 <= part.bbox.x1


def test_many_classes_are_named_in_parts_of_figures():
    figure = plt.figure(figsize=(14, 7), layout="constrained")
    _, part = figure.subfigures(1, 2)
    display = EmbeddingDisplay.from_embedding(
        PLANE, np.arange(60) // 2, ax=part.subplots()
    )
    assert len(display.legend_.get_texts()) == 30
    figure.draw_without_rendering()
    box = display.legend_.get_window_extent()
    assert part.bbox.x0 <= box.x0 <= box.x1 <= part.bbox.x1
    assert part.bbox.y0 <= box.y0
    # It is the user's figure, and keeps its size.
    assert tuple(figure.get_size_inches()) == (14, 7)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *zip(ONE_EACH, ONE_EACH, strict=True),
        *[("DET", "ROC"), ("DET", "embedding"), ("springs", "DET")],
    ],
)
def test_an_axes_holds_one_picture_or_curves_of_one_kind(first, second):
    ax = ONE_EACH[first](None).ax_
    if first == second in ("DET", "ROC"):
        assert ONE_EACH[second](ax).ax_ is ax
        return
    with pytest.raises(ValueError, match=r"`ax` cannot take this .*plt\.subplots\(1, "):
        ONE_EACH[second](ax)
    ax.clear()
    assert ONE_EACH[second](ax).ax_ is ax


def test_the_error_names_both_kinds_of_curves():
    det = VerificationDisplay.from_predictions(SAME, DISTANCES)
    message = (
        "`ax` cannot take this ROC curve: it holds another picture already (DET curve)"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        det.plot(det.ax_, kind="roc")


@pytest.mark.parametrize("case", ["embedding", "loss", "DET"])
def test_circular_axes_raise(case):
    ax = plt.figure().add_subplot(projection="polar")
    message = "for this .*projection='rectilinear'.*; got .*PolarAxes"
    with pytest.raises(TypeError, match=message):
        ONE_EACH[case](ax)


def test_mistakes_leave_no_figure_open():
    for draw in [
        lambda: EmbeddingDisplay.from_embedding(PLANE, scatter_kw={"colour": "red"}),
        lambda: EmbeddingDisplay.from_embedding(
            PLANE, PLANE[:, 0], scatter_kw={"c": "red"}
        ),
        lambda: VerificationDisplay.from_predictions(
            SAME, DISTANCES, line_kw={"colour": "red"}
        ),
        lambda: PairDistanceDisplay.from_predictions(
            SAME, DISTANCES, bins=[1.0, 0.5, 0.0]
        ),
        lambda: LossCurveDisplay(loss_curve=[[[1.0]]]).plot(),
        lambda: LossCurveDisplay(loss_curve=[1.0], mining_curve={"kept": [1]}).plot(),
    ]:
        with pytest.raises((AttributeError, KeyError, ValueError)):
            draw()
        assert plt.get_fignums() == []


def test_a_mistake_does_not_close_the_figure_that_was_given():
    figure, ax = plt.subplots()
    with pytest.raises(AttributeError, match="colour"):
        EmbeddingDisplay.from_embedding(PLANE, ax=ax, scatter_kw={"colour": "red"})
    assert plt.get_fignums() == [figure.number]


def test_the_grid_of_three_dimensions_changes_no_settings(monkeypatch):
    monkeypatch.setattr(plt, "rc_context", None)
    display = EmbeddingDisplay.from_embedding(rng.normal(size=(9, 3)))
    display.figure_.draw_without_rendering()
    for axis in (display.ax_.xaxis, display.ax_.yaxis, display.ax_.zaxis):
        np.testing.assert_allclose(axis.gridlines.get_color(), [[0.5, 0.5, 0.5, 1]])
        assert axis.gridlines.get_linewidth() == [0.4]


@pytest.mark.parametrize(
    "settings",
    [
        {"margin": 9.0},
        {"loss": "siamese"},
        {"margin": "auto", "normalize": False},
    ],
)
def test_the_loss_of_training_is_found_without_touching_filters(
    iris, settings, monkeypatch
):
    model = ContrastiveEmbedding(2, hidden_layer_sizes=4, max_iter=1, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(*iris)
    with monkeypatch.context() as without:
        # It sets the filters of all threads.
        without.setattr(warnings, "catch_warnings", None)
        loss = trained_loss(model)
    assert loss.get_params().get("margin") == model.margin_
    if settings == {"loss": "siamese"}:
        assert loss.bound == 2.0
        assert trained_loss(model, on_sphere=False).bound == 1.0


def test_threads_leave_warnings_as_they_were(trained, iris):
    before = list(warnings.filters)
    threads = [
        threading.Thread(target=lambda: [trained_loss(trained) for _ in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before
