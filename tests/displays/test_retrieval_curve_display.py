"""What RetrievalCurveDisplay shows: a literal search, row by row."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from sklearn.decomposition import PCA

from sklearn_contrastive.displays import RetrievalCurveDisplay
from sklearn_contrastive.metrics import precision_at_1, recall_at_k


def literal(Z, y, max_k):
    """Return recall and precision at each k, one row and one neighbour at a time."""
    recall, precision = [], []
    for i in range(len(Z)):
        if list(y).count(y[i]) < 2:
            continue
        others = [j for j in range(len(Z)) if j != i]
        distance = {
            j: sum((a - b) ** 2 for a, b in zip(Z[i], Z[j], strict=True))
            for j in others
        }
        # Of equal distances those of other classes come first.
        ranked = sorted(others, key=lambda j: (distance[j], y[j] == y[i]))
        hits = [y[j] == y[i] for j in ranked[:max_k]]
        recall.append([any(hits[: k + 1]) for k in range(max_k)])
        precision.append([sum(hits[: k + 1]) / (k + 1) for k in range(max_k)])
    return np.mean(recall, axis=0), np.mean(precision, axis=0)


def test_the_curves_are_those_of_a_literal_search():
    random = np.random.default_rng(0)
    Z, y = random.normal(size=(14, 2)), list("aabbbccccccaaz")
    display = RetrievalCurveDisplay.from_embedding(Z, y, max_k=50)
    recall, precision = literal(Z, y, 13)
    np.testing.assert_array_equal(display.k, np.arange(1, 14))
    np.testing.assert_allclose(display.recall, recall)
    np.testing.assert_allclose(display.precision, precision)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3), st.integers(2, 5))
def test_of_equal_distances_those_of_other_classes_come_first(seed, width, n_values):
    random = np.random.default_rng(seed)
    # Whole numbers: many rows at the same distance, and in the same place.
    Z = random.integers(0, n_values, size=(14, width)).astype(float)
    y = np.repeat([0, 1, 2], [2, 4, 8])
    display = RetrievalCurveDisplay.from_embedding(Z, y)
    plt.close(display.figure_)
    recall, precision = literal(Z, y, 13)
    np.testing.assert_allclose(display.recall, recall)
    np.testing.assert_allclose(display.precision, precision)


def test_the_curves_are_those_of_the_metrics(iris):
    X, y = iris
    display = RetrievalCurveDisplay.from_embedding(X, y, max_k=20)
    for k in (1, 5, 20):
        assert display.recall[k - 1] == pytest.approx(recall_at_k(X, y, k))
    assert display.precision[0] == pytest.approx(precision_at_1(X, y))


def test_points_far_from_the_origin_keep_their_order():
    random = np.random.default_rng(0)
    Z, y = random.normal(size=(60, 3)), np.arange(60) % 4
    near = RetrievalCurveDisplay.from_embedding(Z, y)
    recall, precision = literal(Z, y, 59)
    np.testing.assert_allclose(near.recall, recall)
    np.testing.assert_allclose(near.precision, precision)
    far = RetrievalCurveDisplay.from_embedding(Z + 1e6, y)
    np.testing.assert_allclose(far.precision, near.precision, atol=2e-3)


def test_the_lines_show_the_curves():
    Z, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 3
    display = RetrievalCurveDisplay.from_embedding(Z, y)
    for line, values in (
        (display.recall_line_, display.recall),
        (display.precision_line_, display.precision),
    ):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 30))
        np.testing.assert_array_equal(line.get_ydata(), values)
    assert display.ax_.get_xscale() == "log"
    ticks = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert ticks == ["1", "2", "5", "10", "20"]
    assert display.ax_.get_title(loc="left") == (
        "Retrieval: each of 30 rows among all others"
    )


def test_rows_that_are_alone_of_their_class_are_left_out_but_can_be_found():
    Z = [[0.0], [1.0], [1.5], [9.0]]
    display = RetrievalCurveDisplay.from_embedding(Z, ["a", "lone", "a", "a"])
    assert display.n_queries == 3
    np.testing.assert_allclose(display.recall, [1 / 3, 1, 1])
    np.testing.assert_allclose(display.precision, [1 / 3, 1 / 2, 2 / 3])


def test_of_many_rows_some_are_looked_up_among_all(iris):
    X, y = iris
    draw = [
        RetrievalCurveDisplay.from_embedding(X, y, max_queries=20, random_state=seed)
        for seed in (0, 0, 1)
    ]
    assert [display.n_queries for display in draw] == [20, 20, 20]
    np.testing.assert_array_equal(draw[0].precision, draw[1].precision)
    assert not np.array_equal(draw[0].precision, draw[2].precision)
    assert draw[0].k[-1] == 100
    assert draw[0].n_rows == 150
    assert draw[0].ax_.get_title(loc="left") == (
        "Retrieval: 20 of 150 rows, each among all others"
    )


def test_names_that_are_given_are_shown_whole(iris):
    X, y = iris
    names = [
        f"an embedding of all columns, trained for {n} epochs, on rows of spring"
        for n in (10, 20)
    ]
    display = RetrievalCurveDisplay.from_embedding(X, y, name=names[0])
    display = RetrievalCurveDisplay.from_embedding(X, y, name=names[1], ax=display.ax_)
    shown = [text.get_text() for text in display.legend_.get_texts()]
    whole = [" ".join(text.split()) for text in shown]
    assert whole == [
        f"{name} {what}" for name in names for what in ("recall@k", "precision@k")
    ]
    assert max(len(line) for text in shown for line in text.split("\n")) <= 24


def test_the_legend_of_many_curves_is_within_the_figure(iris):
    X, y = iris
    ax = None
    for number in range(12):
        display = RetrievalCurveDisplay.from_embedding(
            X[:, : 1 + number % 4], y, name=f"embedding {number}", ax=ax
        )
        ax = display.ax_
    assert len(display.legend_.get_texts()) == 24
    display.figure_.draw_without_rendering()
    frame, legend = display.figure_.bbox, display.legend_.get_window_extent()
    assert frame.x0 <= legend.x0 < legend.x1 <= frame.x1
    assert frame.y0 <= legend.y0 < legend.y1 <= frame.y1
    # And leaves room for the curves.
    assert ax.get_window_extent().height > frame.height / 4


def test_a_single_class_is_warned_about():
    with pytest.warns(UserWarning, match="are of one class: every figure is 1"):
        display = RetrievalCurveDisplay.from_embedding(np.eye(4), ["a"] * 4)
    assert (display.recall == 1).all()
    assert (display.precision == 1).all()


def test_an_error_leaves_no_figure_behind():
    before = plt.get_fignums()
    with pytest.raises(AttributeError, match="unexpected keyword"):
        RetrievalCurveDisplay.from_embedding(
            np.eye(4), [0, 0, 1, 1], line_kw={"colour": "red"}
        )
    assert plt.get_fignums() == before


def test_several_embeddings_share_an_axes(iris):
    X, y = iris
    display = RetrievalCurveDisplay.from_embedding(X, y, name="all columns")
    second = RetrievalCurveDisplay.from_estimator(PCA(1).fit(X), X, y, ax=display.ax_)
    third = RetrievalCurveDisplay.from_embedding(
        X[:60, :1], y[:60], name="first", ax=display.ax_
    )
    names = [text.get_text() for text in third.legend_.get_texts()]
    assert names == [
        f"{name}\n{what}"
        for name in ("all columns", "PCA", "first")
        for what in ("recall@k", "precision@k")
    ]
    looks = [(each.recall_line_.get_color()) for each in (display, second, third)]
    assert len(set(looks)) == 3
    assert third.ax_.get_title(loc="left") == "Retrieval"


def test_keywords_reach_both_lines():
    Z, y = np.eye(6), [0, 0, 1, 1, 2, 2]
    display = RetrievalCurveDisplay.from_embedding(
        Z, y, line_kw={"lw": 5, "color": "red"}
    )
    for line in (display.recall_line_, display.precision_line_):
        assert line.get_linewidth() == 5
        assert to_hex(line.get_color()) == "#ff0000"


def test_mistakes_are_explained():
    for arguments, message in [
        (dict(y=[0, 1, 2]), "`y` must hold a class with at least two rows; each of"),
        (dict(y=None), "`y` must be one column of labels"),
        (dict(y=[0.5, 1.5, 0.5]), "`y` must hold class labels; got continuous values"),
        (dict(y=[0, 0, 1], max_k=0), "The 'max_k' parameter of RetrievalCurveDisplay"),
        (dict(y=[0, 0, 1], max_queries=0), "The 'max_queries' parameter of Retrieval"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            RetrievalCurveDisplay.from_embedding(np.eye(3), **arguments)
