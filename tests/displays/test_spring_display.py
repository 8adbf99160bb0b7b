"""What SpringDisplay shows: forces are minus the gradient of the loss."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.displays import SpringDisplay
from sklearn_contrastive.displays._spring import spring_forces
from sklearn_contrastive.losses import (
    ContrastiveLinearLoss,
    ContrastiveLoss,
    ContrastiveSquaredLoss,
    PairLoss,
    SiameseLoss,
)

LOSSES = [
    ContrastiveLoss(1.0),
    ContrastiveSquaredLoss(1.0),
    ContrastiveLinearLoss(1.0),
    SiameseLoss(1.0),
]
rng = np.random.default_rng(0)
PLANE, LABELS = 0.6 * rng.normal(size=(12, 2)), np.arange(12) % 3


def literal_loss(Z, codes, loss):
    """Return the mean over similar pairs plus that over dissimilar ones that cost."""
    costs = {True: [], False: []}
    for i in range(len(Z)):
        for j in range(i):
            similar = codes[i] == codes[j]
            distance = np.linalg.norm(Z[i] - Z[j])
            [cost] = loss.pair_values([distance], [int(similar)])
            if similar or cost > 0:
                costs[bool(similar)].append(cost)
    return sum(np.mean(some) if some else 0.0 for some in costs.values())


@pytest.mark.parametrize(
    ("loss", "width"),
    zip(LOSSES, [1, 2, 3, 2], strict=True),
    ids=lambda value: type(value).__name__,
)
def test_forces_are_minus_the_slope_of_the_loss(loss, width):
    Z = 0.6 * rng.normal(size=(5, width))
    codes = np.array([0, 0, 1, 1, 2])
    springs = spring_forces(Z, codes, loss)
    assert springs.loss == pytest.approx(literal_loss(Z, codes, loss))
    step = 1e-6
    for i in range(5):
        for column in range(width):
            ends = []
            for sign in (1, -1):
                moved = Z.copy()
                moved[i, column] += sign * step
                ends.append(literal_loss(moved, codes, loss))
            slope = (ends[0] - ends[1]) / (2 * step)
            assert springs.forces[i, column] == pytest.approx(-slope, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(LOSSES))
def test_forces_are_those_of_automatic_differentiation(seed, loss):
    random = np.random.default_rng(seed)
    Z, codes = random.normal(size=(9, 3)), random.integers(0, 3, size=9)
    springs = spring_forces(Z, codes, loss)
    points = torch.tensor(Z, requires_grad=True)
    distances, i = torch.nn.functional.pdist(points), np.triu_indices(9, k=1)
    similar = torch.tensor(codes[i[0]] == codes[i[1]])
    value = torch.zeros(())
    attracted = loss.positive(distances[similar])[0]
    repelled = loss.negative(distances[~similar])[0]
    for energies in (attracted, repelled[repelled > 0]):
        value = value + energies.sum() / max(1, len(energies))
    value.backward()
    assert springs.loss == pytest.approx(value.item())
    np.testing.assert_allclose(springs.forces, -points.grad.numpy(), atol=1e-9)
    # What pulls one end pulls the other the other way.
    np.testing.assert_allclose(springs.forces.sum(axis=0), 0, atol=1e-9)


def test_springs_are_the_pairs_that_pull_or_push():
    Z = np.array([[0.0, 0.0], [0.5, 0.0], [0.9, 0.0], [5.0, 0.0]])
    springs = spring_forces(Z, np.array([0, 0, 1, 2]), ContrastiveLoss(1.0))
    found = dict(
        zip(map(tuple, springs.ends.tolist()), springs.attracts.tolist(), strict=True)
    )
    # Of the dissimilar pairs those nearer than the margin.
    assert found == {(0, 1): True, (0, 2): False, (1, 2): False}
    # 2 D over one similar pair; 2 (m - D) over two dissimilar pairs.
    np.testing.assert_allclose(springs.strengths, [1.0, 0.1, 0.6])


def test_points_in_one_place_have_no_direction_to_go():
    Z = np.full((4, 2), 0.1)
    for loss in LOSSES:
        springs = spring_forces(Z, np.array([0, 0, 1, 1]), loss)
        np.testing.assert_allclose(springs.forces, 0, atol=1e-9)
        assert np.isfinite(springs.loss)
    SpringDisplay.from_embedding(Z, [0, 0, 1, 1]).figure_.draw_without_rendering()


def test_the_picture_holds_points_springs_and_forces():
    display = SpringDisplay.from_embedding(PLANE, LABELS, margin=1.0)
    np.testing.assert_array_equal(display.points, PLANE)
    np.testing.assert_array_equal(display.arrows, display.springs.forces)
    for code, scatter in enumerate(display.scatters_):
        np.testing.assert_array_equal(scatter.get_offsets(), PLANE[LABELS == code])
    np.testing.assert_array_equal(display.arrows_.get_offsets(), PLANE)
    np.testing.assert_array_equal(display.arrows_.U, display.arrows[:, 0])
    np.testing.assert_array_equal(display.arrows_.V, display.arrows[:, 1])
    for lines, attracts in ((display.attracting_, True), (display.repelling_, False)):
        ends = display.springs.ends[display.springs.attracts == attracts]
        expected = {tuple(map(tuple, PLANE[pair])) for pair in ends}
        assert {tuple(map(tuple, part)) for part in lines.get_segments()} == expected
    assert display.ax_.get_title(loc="left") == (
        "Springs of ContrastiveLoss, margin 1\nbetween 12 rows"
    )


def test_springs_that_pull_and_push_differ_without_colour():
    display = SpringDisplay.from_embedding(PLANE, LABELS, margin=1.0)
    styles = [
        lines.get_linestyle()[0] for lines in (display.attracting_, display.repelling_)
    ]
    assert styles[0] != styles[1]


def test_of_many_springs_the_strongest_are_drawn():
    Z = rng.normal(size=(60, 2))
    display = SpringDisplay.from_embedding(Z, np.zeros(60, dtype=int))
    assert len(display.springs.ends) == 1770
    lengths = [np.linalg.norm(a - b) for a, b in display.attracting_.get_segments()]
    every = np.linalg.norm(np.subtract(*Z[display.springs.ends.T]), axis=1)
    # The longer one that pulls, the stronger.
    np.testing.assert_allclose(sorted(lengths), np.sort(every)[-400:])
    words = [text.get_text() for text in display.legend_.get_texts()]
    assert "attracts (1,770,\n400 strongest drawn)" in words


def test_wide_embeddings_are_projected_with_their_forces():
    Z = rng.normal(size=(20, 5))
    display = SpringDisplay.from_embedding(Z, np.arange(20) % 2, margin=3.0)
    full = spring_forces(Z, np.arange(20) % 2, ContrastiveLoss(3.0)).forces
    np.testing.assert_allclose(display.springs.forces, full)
    pca = PCA(2, random_state=0).fit(Z)
    np.testing.assert_allclose(display.points, pca.transform(Z))
    np.testing.assert_allclose(display.arrows, full @ pca.components_.T)
    title = " ".join(display.ax_.get_title(loc="left").split())
    assert "first 2 of 5 principal components" in title


def test_of_many_rows_some_are_drawn_and_the_title_says_so():
    Z, y = rng.normal(size=(50, 2)), np.arange(50) % 2
    display = SpringDisplay.from_embedding(Z, y, max_points=10, random_state=0)
    assert {tuple(row) for row in display.points} <= {tuple(row) for row in Z}
    assert "10 of 50 rows, drawn at random" in display.ax_.get_title(loc="left")
    again = SpringDisplay.from_embedding(Z, y, max_points=10, random_state=0)
    np.testing.assert_array_equal(again.points, display.points)
    # Springs are those among the rows drawn.
    expected = spring_forces(display.points, display.codes, display.loss)
    np.testing.assert_array_equal(display.springs.forces, expected.forces)


def test_an_embedding_is_shown_with_its_loss(iris):
    X, y = iris
    model = ContrastiveEmbedding(
        2,
        loss="contrastive_squared",
        margin=1.5,
        normalize=False,
        hidden_layer_sizes=8,
        max_iter=2,
        random_state=0,
    )
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    display = SpringDisplay.from_estimator(pipeline, X, y, random_state=0)
    assert isinstance(display.loss, ContrastiveSquaredLoss)
    assert display.loss.margin == 1.5
    np.testing.assert_array_equal(display.points, pipeline.transform(X))


@pytest.mark.parametrize(("on_sphere", "margin"), [(True, 2**0.5), (False, 1.0)])
def test_the_margin_depends_on_the_length_of_points(on_sphere, margin):
    Z = PLANE / np.linalg.norm(PLANE, axis=1, keepdims=True) if on_sphere else PLANE
    assert SpringDisplay.from_embedding(Z, LABELS).loss.margin == pytest.approx(margin)


def test_one_component_is_drawn_on_a_line():
    display = SpringDisplay.from_embedding(PLANE[:, :1], LABELS)
    np.testing.assert_array_equal(display.points[:, 0], PLANE[:, 0])
    assert not display.points[:, 1].any()
    assert not display.arrows[:, 1].any()


class Gravity(PairLoss):
    """Everything is drawn together, a little."""

    def positive(self, distances):
        return distances**2, 1.0

    def negative(self, distances):
        return 0.1 * distances**2, 0.1


def test_a_loss_of_ones_own_is_drawn():
    display = SpringDisplay.from_embedding(PLANE, LABELS, loss=Gravity())
    assert isinstance(display.loss, Gravity)
    assert len(display.springs.ends) == 66


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(loss="triplet"), "The 'loss' parameter of SpringDisplay.from_embedding"),
        (dict(loss="hinge"), "The 'loss' parameter of SpringDisplay.from_embedding"),
        (dict(margin=0), "The 'margin' parameter of SpringDisplay.from_embedding"),
        (
            dict(loss=ContrastiveLoss(), margin=1.0),
            "`margin` must be 'auto' with loss=ContrastiveLoss(); got 1.0.",
        ),
        (dict(loss="siamese", margin=1.0), "`margin` must be 'auto' with loss="),
        (dict(max_points=0), "The 'max_points' parameter of SpringDisplay"),
        (dict(max_points=1), "The 'max_points' parameter of SpringDisplay"),
        (dict(y=[0, 1]), "inconsistent numbers of samples"),
    ],
)
def test_mistakes_are_explained(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SpringDisplay.from_embedding(PLANE, **{"y": LABELS, **arguments})


def test_what_was_trained_otherwise_has_no_springs(iris):
    X, y = iris
    model = ContrastiveEmbedding(
        2, loss="triplet", hidden_layer_sizes=4, max_iter=1, random_state=0
    )
    message = "`estimator` must have been trained with a loss of single pairs"
    for estimator in (model.fit(X, y), PCA(2).fit(X)):
        with pytest.raises(ValueError, match=re.escape(message)):
            SpringDisplay.from_estimator(estimator, X, y)
