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
from sklearn_contrastive.displays._marks import density, names_of
from sklearn_contrastive.displays._rows import RowLabels
from sklearn_contrastive.displays._style import style_of
from sklearn_contrastive.verification import PairVerifier

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


def test_no_two_classes_look_the_same():
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
    assert "50 rows drawn at random" in title(display)


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


@pytest.mark.parametrize(("n_classes", "width"), [(21, 3), (30, 2), (90, 2)])
def test_classes_that_lie_on_each_other_are_all_named_in_a_legend(n_classes, width):
    labels = np.repeat([f"class {i:02d}" for i in range(n_classes)], 3)
    Z = np.random.default_rng(0).normal(size=(len(labels), width))
    display = EmbeddingDisplay.from_embedding(Z, labels)
    assert display.texts_ == []
    names = [text.get_text() for text in display.legend_.get_texts()]
    assert names == sorted(set(labels))
    assert title(display) == f"{len(labels)} rows of {n_classes} classes"
    display.figure_.draw_without_rendering()
    frame, box = display.ax_.get_window_extent(), display.legend_.get_window_extent()
    assert not box.overlaps(frame)
    # The figure grew: the points have no less room.
    assert frame.height > 250


def test_names_that_would_overlap_are_left_out_and_the_title_says_so():
    # Too many for a legend. One half lies apart, the others all in two places.
    apart = [[2 * (i % 10), 2 * (i // 10)] for i in range(50)]
    centres = np.array(apart + [[-2, 0]] * 25 + [[-2, 2]] * 25, dtype=float)
    labels = np.repeat(np.arange(100), 5)
    Z = rng.normal(size=(500, 2)) * 1e-3 + np.repeat(centres, 5, axis=0)
    display = EmbeddingDisplay.from_embedding(Z, labels)
    assert display.legend_ is None
    assert {text.get_text() for text in display.texts_} == set(map(str, range(50)))
    assert "50 of the classes named" in title(display)


def test_names_are_not_written_on_points_of_other_classes():
    labels = np.repeat(np.arange(100), 5)
    Z = np.random.default_rng(0).normal(size=(500, 2))
    display = EmbeddingDisplay.from_embedding(Z, labels)
    display.figure_.draw_without_rendering()
    places = display.ax_.transData.transform(Z)
    for text in display.texts_:
        box = text.get_window_extent()
        under = ((places >= box.min) & (places <= box.max)).all(axis=1)
        own = labels[under] == int(text.get_text())
        assert 2 * own.sum() >= under.sum()


def test_where_a_legend_has_no_room_the_title_says_how_many_are_named():
    _, ax = plt.subplots(figsize=(3, 2.5), layout="constrained")
    labels = np.repeat([f"class {i:02d}" for i in range(60)], 3)
    Z = np.random.default_rng(0).normal(size=(180, 2))
    display = EmbeddingDisplay.from_embedding(Z, labels, ax=ax)
    assert display.legend_ is None
    assert ax.get_legend() is None
    named = len(display.texts_) or "none"
    said = " ".join(title(display).split())
    assert said == f"180 rows of 60 classes {named} of the classes named"


def test_more_classes_than_colours_of_a_density_are_named_where_they_lie():
    labels = np.repeat(np.arange(12), 20)
    Z = np.column_stack([labels % 4, labels // 4]) + rng.uniform(-0.2, 0.2, (240, 2))
    display = EmbeddingDisplay.from_embedding(Z, labels, max_points=100)
    assert display.legend_ is None
    assert len(display.texts_) == 12


def test_many_points_are_drawn_as_a_density():
    Z = rng.normal(size=(500, 2))
    display = EmbeddingDisplay.from_embedding(Z, max_points=400)
    assert display.scatters_ == []
    assert display.density_.get_array().sum() == 500
    assert display.density_.get_rasterized()
    assert display.colorbar_.ax.get_ylabel() == "rows in a cell"


def literal_cells(points, centres):
    """Return the rows that are nearest to each centre, one after the other."""
    # Hexagons are regular, or regular once stretched: rows of centres lie half a
    # width apart times the root of three.
    widths = [np.diff(np.unique(column.round(6))).min() for column in centres.T]
    found = {}
    for row, point in enumerate(points):
        gaps = (centres - point) / (np.array(widths) * [2, 2 / 3**0.5])
        found.setdefault(int((gaps**2).sum(axis=1).argmin()), []).append(row)
    return found


def literal_commonest(codes):
    """Return the least of the commonest codes, -1 only where most are -1."""
    tally = {code: codes.count(code) for code in set(codes)}
    most = [code for code, count in tally.items() if count == max(tally.values())]
    return min((code for code in most if code >= 0), default=-1)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.integers(1, 4))
def test_cells_hold_what_lies_in_them(seed, equal, n_classes):
    random = np.random.default_rng(seed)
    points = np.vstack([random.normal(size=(40, 2)) * [1, 3], np.zeros((20, 2))])
    codes = random.integers(-1, n_classes, size=60)
    targets = np.where(random.random(60) < 0.2, np.nan, random.normal(size=60))
    figure, axes = plt.subplots(1, 3)
    classes = np.arange(n_classes)
    of_counts = RowLabels(np.array([]), np.zeros(60, dtype=int))
    cells, n_far = density(axes[0], points, of_counts, equal)
    assert n_far == 0
    centres, counts = cells.get_offsets(), cells.get_array()
    literal = literal_cells(points, centres)
    assert counts.sum() == 60
    assert [counts[cell] for cell in sorted(literal)] == [
        len(literal[cell]) for cell in sorted(literal)
    ]
    # The same cells in the colour of their class: the stronger the more rows.
    cells, _ = density(axes[1], points, RowLabels(classes, codes), equal)
    np.testing.assert_allclose(cells.get_offsets(), centres)
    fullest = int(np.argmax(counts))
    code = literal_commonest(codes[literal[fullest]].tolist())
    if code >= 0:
        color = to_rgb(style_of(code, axes[1]).color)
        np.testing.assert_allclose(cells.get_facecolors()[fullest, :3], color)
    known = ~np.isnan(targets)
    of_targets = RowLabels(np.array([]), -np.isnan(targets).astype(int), targets)
    cells, _ = density(axes[2], points, of_targets, equal)
    literal = literal_cells(points[known], cells.get_offsets())
    expected = [targets[known][rows].mean() for _, rows in sorted(literal.items())]
    np.testing.assert_allclose(cells.get_array(), expected)
    plt.close(figure)


def test_a_density_shows_the_commonest_class_in_its_colour():
    Z = np.repeat([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], 20, axis=0)
    labels = np.repeat(["b", "a", "c"], 20)
    labels[:5] = "c"
    display = EmbeddingDisplay.from_embedding(Z, labels, max_points=10)
    shown = {
        (round(x), round(y)): color[:3]
        for (x, y), color in zip(
            display.density_.get_offsets(),
            display.density_.get_facecolors(),
            strict=True,
        )
    }
    assert len(shown) == 3
    for place, code in (((0, 0), 1), ((1, 0), 0), ((0, 1), 2)):
        expected = to_rgb(style_of(code, display.ax_).color)
        np.testing.assert_allclose(shown[place], expected)
    names = [text.get_text() for text in display.legend_.get_texts()]
    assert names == ["a", "b", "c"]


def test_a_density_of_targets_shows_means():
    Z = np.repeat([[0.0, 0.0], [1.0, 1.0]], 20, axis=0)
    targets = np.repeat([0.5, 2.5], 20) + np.tile([-0.25, 0.25], 20)
    display = EmbeddingDisplay.from_embedding(Z, targets, max_points=10)
    assert sorted(display.density_.get_array()) == pytest.approx([0.5, 2.5])
    assert display.colorbar_.ax.get_ylabel() == "mean target of a cell"


def test_a_far_row_does_not_squeeze_a_density():
    Z = np.vstack([rng.normal(size=(3000, 2)), [[1e4, 0.0]]])
    display = EmbeddingDisplay.from_embedding(Z, max_points=1000)
    assert np.ptp(display.density_.get_offsets()[:, 0]) < 20
    n_far = 3001 - int(display.density_.get_array().sum())
    assert n_far >= 1
    assert f"{n_far} row" in title(display)


def test_a_million_rows_make_no_million_marks():
    Z = np.random.default_rng(0).normal(size=(1_000_000, 2)).astype(np.float32)
    display = EmbeddingDisplay.from_embedding(Z)
    assert len(display.density_.get_offsets()) <= 20_000


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
    for scatter, handle in zip(
        display.scatters_, display.legend_.legend_handles, strict=True
    ):
        assert scatter.get_sizes() == [77.0]
        assert to_hex(scatter.get_facecolors()[0]) == "#ff0000"
        assert to_hex(handle.get_facecolor()[0]) == "#ff0000"


def test_the_legend_shows_the_markers_of_the_points():
    display = EmbeddingDisplay.from_embedding(
        PLANE, LABELS, scatter_kw={"marker": "*", "s": 1, "alpha": 0.1}
    )
    for scatter, handle in zip(
        display.scatters_, display.legend_.legend_handles, strict=True
    ):
        [drawn], [shown] = scatter.get_paths(), handle.get_paths()
        np.testing.assert_array_equal(drawn.vertices, shown.vertices)
        # It can be seen where the points are small and pale.
        assert handle.get_sizes() == [36]
        assert handle.get_facecolor()[0, 3] == 1


def test_colours_do_not_go_with_targets():
    message = "must leave the colour to the targets in `y`; got {'c': 'red'}. Choose"
    with pytest.raises(ValueError, match=re.escape(message)):
        EmbeddingDisplay.from_embedding(PLANE, PLANE[:, 0], scatter_kw={"c": "red"})


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (
            [
                "customer segment alpha, region north",
                "customer segment be, region north",
            ],
            [
                "customer segment alpha,\nregion north",
                "customer segment be,\nregion north",
            ],
        ),
        (
            ["a rather long name of the class 17", "another name, as long as the 17th"],
            ["a rather long … class 17", "another name, … the 17th"],
        ),
        (
            [f"x{'y' * 30}{i}{'z' * 30}" for i in range(2)],
            [
                "\n".join([f"x{'y' * 23}", f"{'y' * 7}{i}{'z' * 16}", "z" * 14])
                for i in range(2)
            ],
        ),
        (
            [f"what people bought at most for {i} $" for i in (5, 9)],
            [rf"what people bo…t for {i} \$" for i in (5, 9)],
        ),
    ],
)
def test_long_names_stay_different(labels, shown):
    display = EmbeddingDisplay.from_embedding(
        PLANE, np.array(labels)[np.arange(40) % len(labels)]
    )
    assert [text.get_text() for text in display.legend_.get_texts()] == shown


@settings(max_examples=50, deadline=None)
@given(
    st.sets(
        st.lists(st.sampled_from(["north", "south"]), min_size=1, max_size=9).map(
            " ".join
        ),
        min_size=2,
        max_size=9,
    )
)
def test_names_of_different_classes_differ(labels):
    names = names_of(np.array(sorted(labels)))
    assert len(set(names)) == len(labels)


def test_a_name_that_is_given_is_shown_whole():
    name = "an embedding of the customers of the north-western region by margin 1.5"
    display = EmbeddingDisplay.from_embedding(PLANE, name=name)
    assert " ".join(title(display).split()) == f"{name}: 40 rows"


def test_dates_are_named_as_dates():
    for dates, names in [
        (
            np.array(["2024-03-01", "2024-03-02"], "M8[ns]"),
            ["2024-03-01", "2024-03-02"],
        ),
        (
            np.array(["2024-03-01T06:30", "2024-03-02"], "M8[ns]"),
            ["2024-03-01 06:30:00", "2024-03-02 00:00:00"],
        ),
        (pd.to_datetime(["2024-03-01", "2024-03-02"]), ["2024-03-01", "2024-03-02"]),
        (
            pd.to_datetime(["2024-03-01", "2024-03-02"], utc=True),
            ["2024-03-01", "2024-03-02"],
        ),
    ]:
        display = EmbeddingDisplay.from_embedding(PLANE, dates[np.arange(40) % 2])
        assert [text.get_text() for text in display.legend_.get_texts()] == names


def test_ordered_categories_keep_their_order():
    sizes = pd.CategoricalDtype(["small", "medium", "large", "huge"], ordered=True)
    labels = np.array(["large", "small", "medium", None], dtype=object)[
        np.arange(40) % 4
    ]
    for container in (pd.Series, pd.Categorical):
        display = EmbeddingDisplay.from_embedding(PLANE, container(labels, dtype=sizes))
        names = [text.get_text() for text in display.legend_.get_texts()]
        assert names == ["small", "medium", "large", "unknown"]
        for name, scatter in zip(names[:3], display.scatters_, strict=False):
            np.testing.assert_array_equal(scatter.get_offsets(), PLANE[labels == name])


def test_the_colour_bar_has_the_name_of_the_series():
    targets = pd.Series(PLANE[:, 0], name="price")
    display = EmbeddingDisplay.from_embedding(PLANE, targets)
    assert display.colorbar_.ax.get_ylabel() == "price"
    display.plot(max_points=10)
    assert display.colorbar_.ax.get_ylabel() == "mean price of a cell"
    display = EmbeddingDisplay.from_embedding(PLANE[:, :1], targets)
    assert display.ax_.get_ylabel() == "price"
    display = EmbeddingDisplay.from_embedding(PLANE, pd.Series(PLANE[:, 0], name=0))
    assert display.colorbar_.ax.get_ylabel() == "target"


def test_points_may_be_a_list():
    display = EmbeddingDisplay(points=PLANE.tolist(), y=LABELS.tolist()).plot()
    assert title(display) == "40 rows of 3 classes"


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
    for ax, Z in zip(axes, (PLANE, 3 * PLANE + 5), strict=True):
        EmbeddingDisplay.from_embedding(Z, LABELS, ax=ax)
    figure.draw_without_rendering()
    first, second = axes
    assert first.get_xlim() == second.get_xlim()
    assert first.get_ylim() == second.get_ylim()
    for ax in axes:
        unit = ax.transData.transform([[0, 0], [1, 0], [0, 1]])
        across, up = np.linalg.norm(unit[1:] - unit[0], axis=1)
        assert across == pytest.approx(up, rel=0.01)
        left, right = ax.get_xlim()
        bottom, top = ax.get_ylim()
        for scatter in ax.collections:
            x, y = scatter.get_offsets().T
            assert left < x.min() < x.max() < right
            assert bottom < y.min() < y.max() < top


def test_few_and_coinciding_points_are_drawn():
    for Z in [np.zeros((5, 2)), np.ones((5, 7)), np.eye(2)]:
        display = EmbeddingDisplay.from_embedding(Z, np.arange(len(Z)) % 2)
        assert sum(len(s.get_offsets()) for s in display.scatters_) == len(Z)
        assert np.isfinite(display.points).all()


def test_names_of_any_kind_can_be_shown():
    labels = np.array(["_hidden", "a $x$ b$", "", "two\nlines"] * 10, dtype=object)
    display = EmbeddingDisplay.from_embedding(PLANE, labels)
    display.figure_.draw_without_rendering()
    names = [text.get_text() for text in display.legend_.get_texts()]
    assert names == ["''", " _hidden", r"a \$x\$ b\$", "two lines"]


def test_mistakes_are_explained():
    for arguments, error, message in [
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
            "`ax` must be None or a matplotlib Axes, for this EmbeddingDisplay one",
        ),
    ]:
        with pytest.raises(error, match=re.escape(message)):
            EmbeddingDisplay.from_embedding(**arguments)
        assert plt.get_fignums() == []


@pytest.mark.parametrize(("width", "three_d"), [(2, True), (3, False)])
def test_axes_of_another_dimension_raise(width, three_d):
    ax = plt.figure().add_subplot(projection="3d" if three_d else None)
    projection = "rectilinear" if width == 2 else "3d"
    message = f"plt.figure().add_subplot(projection={projection!r}); got"
    with pytest.raises(TypeError, match=re.escape(message)):
        EmbeddingDisplay.from_embedding(rng.normal(size=(5, width)), ax=ax)


def test_what_cannot_embed_raises(iris):
    X, y = iris
    message = "`estimator` must be a fitted transformer"
    for estimator in (make_pipeline(PCA(2), LogisticRegression()).fit(X, y), PCA):
        with pytest.raises(TypeError, match=re.escape(message)):
            EmbeddingDisplay.from_estimator(estimator, X, y)
    with pytest.raises(NotFittedError, match="not fitted"):
        EmbeddingDisplay.from_estimator(StandardScaler(), X, y)


def test_what_is_no_estimator_is_named_by_its_type(trained, iris):
    X, y = iris
    verifier = PairVerifier(trained, preprocessor=X)
    for thing, message in (
        (pd.DataFrame(X), "got a DataFrame."),
        (None, "got a NoneType."),
        (verifier, "got a PairVerifier."),
    ):
        with pytest.raises(TypeError, match=re.escape(message)) as caught:
            EmbeddingDisplay.from_estimator(thing, X, y)
        assert str(caught.value).startswith("`estimator` must be a fitted transformer")
        assert "of a PairVerifier its `embedding_`. Draw embedded" in str(caught.value)
        assert len(str(caught.value)) < 250
