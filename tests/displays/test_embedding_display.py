"""What EmbeddingDisplay shows: every row where it is, in the colour of its class."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex, to_rgb
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive.displays import EmbeddingDisplay
from sklearn_contrastive.displays._density import (
    counts_in,
    grid_over,
    majorities_in,
    means_in,
)
from sklearn_contrastive.displays._palette import style_of

rng = np.random.default_rng(0)
PLANE = rng.normal(size=(40, 2))
LABELS = np.arange(40) % 3


def title(display):
    return display.ax_.get_title(loc="left")


def test_every_row_is_a_point_of_its_class():
    display = EmbeddingDisplay.from_embedding(PLANE, LABELS)
    assert len(display.scatters_) == 3
    for code, scatter in enumerate(display.scatters_):
        np.testing.assert_array_equal(scatter.get_offsets(), PLANE[LABELS == code])
        [color] = scatter.get_facecolors()
        assert to_hex(color) == style_of(code, display.ax_).color


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["one", "two", "three"])[LABELS],
        LABELS > 0,
        pd.Series(LABELS).astype("category"),
        pl.Series(LABELS),
        (LABELS + 5).tolist(),
    ],
    ids=["text", "bools", "categories", "polars", "list"],
)
def test_labels_of_any_type_are_named_in_order(labels):
    display = EmbeddingDisplay.from_embedding(PLANE, labels)
    names = [text.get_text() for text in display.legend_.get_texts()]
    assert names == [str(label) for label in np.unique(np.asarray(labels))]
    for name, scatter in zip(names, display.scatters_, strict=True):
        of_class = [str(label) == name for label in np.asarray(labels)]
        np.testing.assert_array_equal(scatter.get_offsets(), PLANE[of_class])


def test_no_two_classes_look_alike():
    _, ax = plt.subplots()
    looks = [style_of(code, ax)[:2] for code in range(90)]
    assert len(set(looks)) == 90


def test_rows_without_a_label_lie_behind_the_others_in_grey():
    labels = np.where(np.arange(40) < 10, np.nan, LABELS)
    display = EmbeddingDisplay.from_embedding(PLANE, labels)
    *known, unknown = display.scatters_
    np.testing.assert_array_equal(unknown.get_offsets(), PLANE[:10])
    assert unknown.get_zorder() < min(scatter.get_zorder() for scatter in known)
    assert np.ptp(unknown.get_facecolors()[0, :3]) < 0.01
    names = [text.get_text() for text in display.legend_.get_texts()]
    assert names == ["0", "1", "2", "unknown"]


def test_targets_get_a_colour_bar():
    targets = PLANE[:, 0] ** 2
    targets[3] = np.nan
    display = EmbeddingDisplay.from_embedding(PLANE, targets)
    known, unknown = display.scatters_
    expected = np.delete(targets, 3)
    np.testing.assert_array_equal(known.get_array(), expected)
    np.testing.assert_array_equal(known.get_offsets(), np.delete(PLANE, 3, axis=0))
    np.testing.assert_array_equal(unknown.get_offsets(), PLANE[[3]])
    assert display.colorbar_.mappable is known
    assert display.colorbar_.vmin == expected.min()
    assert display.colorbar_.vmax == expected.max()
    assert display.legend_ is None


def test_without_y_all_points_are_one_colour():
    display = EmbeddingDisplay.from_embedding(PLANE)
    [scatter] = display.scatters_
    np.testing.assert_array_equal(scatter.get_offsets(), PLANE)
    assert len(scatter.get_facecolors()) == 1
    assert display.legend_ is display.colorbar_ is None
    assert title(display) == "40 rows"


def test_wide_embeddings_go_through_principal_components_and_the_title_says_so():
    Z = rng.normal(size=(50, 6)) * [9, 5, 3, 2, 1, 1]
    display = EmbeddingDisplay.from_embedding(Z)
    centred = Z - Z.mean(axis=0)
    _, s, Vt = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ Vt[:2].T
    signs = np.sign((expected * display.points).sum(axis=0))
    np.testing.assert_allclose(display.points, expected * signs, atol=1e-9)
    share = (s[:2] ** 2).sum() / (s**2).sum()
    assert display.share == pytest.approx(share)
    said = f"first 2 of 6 principal components, {100 * share:.0f} % of the variance"
    assert title(display) == f"50 rows\n{said}"
    assert display.ax_.get_xlabel() == "principal component 1"


@pytest.mark.parametrize(("width", "asked"), [(3, 2), (6, 3)])
def test_three_dimensions_are_drawn_in_three(width, asked):
    Z = rng.normal(size=(30, width))
    display = EmbeddingDisplay.from_embedding(Z, LABELS[:30], n_dimensions=asked)
    assert display.ax_.name == "3d"
    drawn = np.concatenate(
        [np.column_stack(scatter._offsets3d) for scatter in display.scatters_]
    )
    order = np.argsort(LABELS[:30], kind="stable")
    np.testing.assert_allclose(drawn, display.points[order])
    assert (display.share is None) == (width == 3)


def test_of_many_rows_in_three_dimensions_some_are_drawn():
    Z = rng.normal(size=(200, 3))
    display = EmbeddingDisplay.from_embedding(Z, max_points=50)
    drawn = np.column_stack(display.scatters_[0]._offsets3d)
    assert len(np.unique(drawn, axis=0)) == 50
    assert {tuple(row) for row in drawn} <= {tuple(row) for row in Z}
    assert "50 rows drawn by chance" in title(display)


def test_one_component_has_a_strip_for_each_class():
    labels = [["b", "a", None][i % 3] for i in range(40)]
    display = EmbeddingDisplay.from_embedding(PLANE[:, :1], labels)
    ticks = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert ticks == ["unknown", "a", "b"]
    places = dict(zip(ticks, display.ax_.get_yticks(), strict=True))
    for scatter, name in zip(display.scatters_, ["a", "b", "unknown"], strict=True):
        x, y = scatter.get_offsets().T
        of_class = [(label or "unknown") == name for label in labels]
        np.testing.assert_array_equal(x, PLANE[of_class, 0])
        assert np.all(np.abs(y - places[name]) < 0.5)


def test_one_component_is_drawn_against_targets():
    targets = PLANE[:, 1]
    display = EmbeddingDisplay.from_embedding(PLANE[:, :1], targets)
    np.testing.assert_array_equal(
        display.scatters_[0].get_offsets(), np.column_stack([PLANE[:, 0], targets])
    )


def test_equal_distances_look_equal():
    for Z in (PLANE, PLANE * [100, 1]):
        ax = EmbeddingDisplay.from_embedding(Z).ax_
        ax.get_figure().draw_without_rendering()
        unit = ax.transData.transform([[0, 0], [1, 0], [0, 1]])
        across, up = np.linalg.norm(unit[1:] - unit[0], axis=1)
        assert across == pytest.approx(up, rel=0.01)


def test_more_than_twenty_classes_are_named_at_their_medians():
    centres = np.array([[i % 6, i // 6] for i in range(30)], dtype=float)
    labels = np.repeat([f"c{i:02d}" for i in range(30)], 8)
    Z = np.repeat(centres, 8, axis=0) + rng.uniform(-0.1, 0.1, size=(240, 2))
    display = EmbeddingDisplay.from_embedding(Z, labels)
    assert display.legend_ is None
    assert len(display.texts_) == 30
    for text in display.texts_:
        expected = np.median(Z[labels == text.get_text()], axis=0)
        np.testing.assert_allclose(text.get_position(), expected)


def test_names_that_would_overlap_are_left_out_and_the_title_says_so():
    labels = np.repeat(np.arange(30), 5)
    Z = rng.normal(size=(150, 2)) * 1e-3 + np.repeat([[0, 0], [1, 1]], 75, axis=0)
    display = EmbeddingDisplay.from_embedding(Z, labels)
    assert 0 < len(display.texts_) < 30
    assert f"{len(display.texts_)} of the classes named" in title(display)


def test_many_points_are_drawn_as_a_density():
    Z = rng.normal(size=(500, 2))
    display = EmbeddingDisplay.from_embedding(Z, max_points=400)
    assert display.scatters_ == []
    counts = display.image_.get_array().filled(0)
    left, right, bottom, top = display.image_.get_extent()
    edges = (
        np.linspace(bottom, top, counts.shape[0] + 1),
        np.linspace(left, right, counts.shape[1] + 1),
    )
    expected = np.histogram2d(Z[:, 1], Z[:, 0], bins=edges)[0]
    assert np.abs(counts - expected).sum() <= 4  # rounding at edges
    assert counts.sum() == 500
    assert display.colorbar_.ax.get_ylabel() == "rows in a cell"


def literal_cells(points, grid):
    """Return the rows in each cell, one point after the other."""
    left, right, bottom, top = grid.extent
    n_up, n_across = grid.shape
    found = {}
    for row in np.flatnonzero(grid.inside):
        x, y = points[row]
        i = min(int((y - bottom) / (top - bottom) * n_up + 1e-9), n_up - 1)
        j = min(int((x - left) / (right - left) * n_across + 1e-9), n_across - 1)
        found.setdefault((i, j), []).append(row)
    return found


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.integers(1, 4))
def test_cells_hold_what_lies_in_them(seed, square, n_classes):
    random = np.random.default_rng(seed)
    # Whole numbers: many points in one place, and in the middle of cells.
    points = random.integers(0, 5, size=(60, 2)) * [1.0, 3.0]
    codes = random.integers(-1, n_classes, size=60)
    values = np.where(random.random(60) < 0.2, np.nan, random.normal(size=60))
    grid = grid_over(points, square)
    cells = literal_cells(points, grid)
    counts, majorities = counts_in(grid), majorities_in(grid, codes)
    means = means_in(grid, values)
    assert counts.sum() == grid.inside.sum() == 60
    for cell, rows in cells.items():
        assert counts[cell] == len(rows)
        tally = {c: np.sum(codes[rows] == c) for c in set(codes[rows])}
        commonest = [c for c, n in tally.items() if n == max(tally.values())]
        known = [c for c in commonest if c >= 0]
        assert majorities[cell] == (min(known) if known else -1)
        known = values[rows][~np.isnan(values[rows])]
        expected = known.mean() if len(known) else np.nan
        np.testing.assert_allclose(means[cell], expected)
    empty = counts == 0
    assert np.all(majorities[empty] == -1)
    assert np.isnan(means[empty]).all()


def test_a_density_shows_the_commonest_class_in_its_colour():
    Z = np.repeat([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], 20, axis=0)
    labels = np.repeat(["b", "a", "c"], 20)
    labels[:5] = "c"
    display = EmbeddingDisplay.from_embedding(Z, labels, max_points=10)
    image = display.image_.get_array()
    assert np.count_nonzero(image[..., 3]) == 3
    for place, code in (((0, 0), 1), ((0, -1), 0), ((-1, 0), 2)):
        np.testing.assert_allclose(
            image[place][:3], to_rgb(style_of(code, display.ax_).color)
        )
    names = [text.get_text() for text in display.legend_.get_texts()]
    assert names == ["a", "b", "c"]


def test_a_density_of_targets_shows_means():
    Z = np.repeat([[0.0, 0.0], [1.0, 1.0]], 20, axis=0)
    targets = np.repeat([0.5, 2.5], 20) + np.tile([-0.25, 0.25], 20)
    display = EmbeddingDisplay.from_embedding(Z, targets, max_points=10)
    assert np.ma.compressed(display.image_.get_array()) == pytest.approx([0.5, 2.5])
    assert display.colorbar_.ax.get_ylabel() == "mean target of a cell"


def test_a_far_row_does_not_squeeze_a_density():
    Z = np.vstack([rng.normal(size=(3000, 2)), [[1e4, 0.0]]])
    display = EmbeddingDisplay.from_embedding(Z, max_points=1000)
    left, right, *_ = display.image_.get_extent()
    assert right - left < 20
    n_far = 3001 - int(display.image_.get_array().filled(0).sum())
    assert n_far >= 1
    assert f"{n_far} row" in title(display)


def test_a_million_rows_make_no_million_marks():
    Z = np.random.default_rng(0).normal(size=(1_000_000, 2)).astype(np.float32)
    display = EmbeddingDisplay.from_embedding(Z)
    assert display.image_.get_array().size <= 241**2


def test_the_estimator_may_be_a_pipeline_with_frames(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd"))
    pipeline = make_pipeline(StandardScaler(), PCA(2)).set_output(transform="pandas")
    pipeline.fit(frame)
    display = EmbeddingDisplay.from_estimator(pipeline, frame, y)
    np.testing.assert_array_equal(display.points, pipeline.transform(frame))
    assert title(display) == "PCA: 150 rows of 3 classes"


def test_points_are_not_changed():
    Z = PLANE.astype(np.float32)
    before = Z.copy()
    Z.setflags(write=False)
    display = EmbeddingDisplay.from_embedding(Z, LABELS)
    np.testing.assert_array_equal(Z, before)
    assert display.points.dtype == np.float32


def test_keywords_reach_the_points():
    kw = {"s": 77.0, "c": "red"}
    display = EmbeddingDisplay.from_embedding(PLANE, LABELS, scatter_kw=kw)
    for scatter in display.scatters_:
        assert scatter.get_sizes() == [77.0]
        assert to_hex(scatter.get_facecolors()[0]) == "#ff0000"


def test_it_can_be_drawn_again_elsewhere():
    display = EmbeddingDisplay.from_embedding(PLANE, LABELS, name="first")
    first = display.figure_
    _, ax = plt.subplots(layout="constrained")
    assert display.plot(ax, name="second") is display
    assert display.ax_ is ax
    assert display.figure_ is not first
    assert title(display).startswith("second: 40 rows")


def test_axes_that_share_limits_can_be_drawn_on():
    figure, axes = plt.subplots(
        1, 2, sharex=True, sharey=True, layout="constrained", squeeze=True
    )
    for ax in axes:
        EmbeddingDisplay.from_embedding(PLANE, LABELS, ax=ax)
    figure.draw_without_rendering()


@pytest.mark.parametrize("Z", [np.zeros((5, 2)), np.ones((5, 7)), np.eye(2)])
def test_few_and_coinciding_points_are_drawn(Z):
    display = EmbeddingDisplay.from_embedding(Z, np.arange(len(Z)) % 2)
    assert sum(len(s.get_offsets()) for s in display.scatters_) == len(Z)
    assert np.isfinite(display.points).all()


def test_names_of_any_kind_can_be_shown():
    labels = np.array(["_hidden", "a $x$ b$", "", "two\nlines"] * 10, dtype=object)
    display = EmbeddingDisplay.from_embedding(PLANE, labels)
    display.figure_.draw_without_rendering()
    names = [text.get_text() for text in display.legend_.get_texts()]
    assert names == ["''", " _hidden", r"a \$x\$ b\$", "two lines"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(Z=[[0.0, 1.0]]), ValueError, "minimum of 2 is required"),
        (dict(Z=[[0.0, np.nan], [1, 2]]), ValueError, "Input Z contains NaN"),
        (dict(Z=[0.0, 1.0]), ValueError, "Expected 2D array"),
        (
            dict(Z=PLANE, y=[0, 1]),
            ValueError,
            "inconsistent numbers of samples",
        ),
        (
            dict(Z=PLANE, y=[{1}, {2}] * 20),
            ValueError,
            "`y` must hold one class label or one target per row; got several",
        ),
        (
            dict(Z=PLANE, y=PLANE),
            ValueError,
            "`y` must hold one class label or one target per row; got several",
        ),
        (
            dict(Z=PLANE, y=np.array(["a", 1] * 20, dtype=object)),
            TypeError,
            "`y` must hold labels of one type",
        ),
        (
            dict(Z=PLANE, n_dimensions=4),
            ValueError,
            "The 'n_dimensions' parameter of EmbeddingDisplay.from_embedding must be",
        ),
        (
            dict(Z=PLANE, max_points=0),
            ValueError,
            "The 'max_points' parameter of EmbeddingDisplay.from_embedding must be",
        ),
        (
            dict(Z=PLANE, ax="here"),
            TypeError,
            "`ax` must be a matplotlib Axes or None; got str.",
        ),
    ],
)
def test_mistakes_are_explained(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        EmbeddingDisplay.from_embedding(**arguments)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(("width", "three_d"), [(2, True), (3, False)])
def test_axes_of_another_dimension_are_refused(width, three_d):
    ax = plt.figure().add_subplot(projection="3d" if three_d else None)
    message = f"`ax` must have {width} dimensions for this EmbeddingDisplay"
    with pytest.raises(ValueError, match=re.escape(message)):
        EmbeddingDisplay.from_embedding(rng.normal(size=(5, width)), ax=ax)


def test_what_cannot_embed_is_refused(iris):
    X, y = iris
    message = "`estimator` must be a fitted transformer"
    for estimator in (make_pipeline(PCA(2), LogisticRegression()).fit(X, y), PCA):
        with pytest.raises(TypeError, match=re.escape(message)):
            EmbeddingDisplay.from_estimator(estimator, X, y)
    with pytest.raises(NotFittedError, match="not fitted"):
        EmbeddingDisplay.from_estimator(StandardScaler(), X, y)
