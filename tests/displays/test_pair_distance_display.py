"""What PairDistanceDisplay shows, and which pairs are drawn for it."""

import re
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.displays import PairDistanceDisplay
from sklearn_contrastive.displays._rows import draw_pairs
from sklearn_contrastive.displays._spring import reach_of, trained_loss
from sklearn_contrastive.losses import (
    ContrastiveLinearLoss,
    ContrastiveLoss,
    ContrastiveSquaredLoss,
    SiameseLoss,
    TripletLoss,
)
from sklearn_contrastive.verification import PairVerifier


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=12))
def test_all_pairs_are_found_where_there_are_few(codes):
    codes = np.array(codes)
    ends, similar = draw_pairs(codes, 1000)
    expected = {
        pair: codes[pair[0]] == codes[pair[1]]
        for pair in combinations(range(len(codes)), 2)
    }
    found = {
        tuple(sorted(pair)): same
        for pair, same in zip(ends.tolist(), similar, strict=True)
    }
    assert found == expected
    assert len(ends) == len(expected)


def test_all_pairs_of_a_kind_are_equally_likely():
    codes = np.array([0, 1, 0, 0, 2, 2, 1])
    counts = {}
    for seed in range(1000):
        ends, similar = draw_pairs(codes, 2, seed)
        assert len({tuple(sorted(pair)) for pair in ends.tolist()}) == 4
        np.testing.assert_array_equal(codes[ends[:, 0]] == codes[ends[:, 1]], similar)
        for pair in ends.tolist():
            counts[tuple(sorted(pair))] = counts.get(tuple(sorted(pair)), 0) + 1
    # Five similar and sixteen dissimilar pairs, two of each drawn 1,000 times: five
    # standard deviations of a binomial.
    for (i, j), count in counts.items():
        share = 2 / (5 if codes[i] == codes[j] else 16)
        expected, spread = 1000 * share, np.sqrt(1000 * share * (1 - share))
        assert abs(count - expected) < 5 * spread
    assert len(counts) == 21


def test_shares_are_those_of_a_literal_count():
    random = np.random.default_rng(0)
    similar, distances = random.random(200) < 0.3, random.gamma(4, 0.2, 200)
    display = PairDistanceDisplay.from_predictions(similar, distances, bins=7)
    edges = display.bin_edges_
    assert edges[0] == 0
    assert edges[-1] == distances.max()
    for kind, shares in (
        (similar, display.shares_similar_),
        (~similar, display.shares_dissimilar_),
    ):
        for i in range(7):
            last = i == 6
            inside = [
                edges[i] <= d < edges[i + 1] or (last and d == edges[-1])
                for d in distances[kind]
            ]
            assert shares[i] == pytest.approx(100 * np.mean(inside))
    dissimilar_patch, similar_patch = display.histograms_
    np.testing.assert_array_equal(
        similar_patch.get_data().values, display.shares_similar_
    )
    np.testing.assert_array_equal(
        dissimilar_patch.get_data().values, display.shares_dissimilar_
    )


def test_margin_and_threshold_stand_where_they_are():
    display = PairDistanceDisplay.from_predictions(
        [1, 0], [0.2, 0.9], margin=1.25, threshold=0.5
    )
    assert {name: line.get_xdata()[0] for name, line in display.lines_.items()} == {
        "margin": 1.25,
        "threshold": 0.5,
    }
    words = [text.get_text() for text in display.legend_.get_texts()]
    assert words[2:] == ["margin 1.25", "threshold 0.5"]
    styles = {line.get_linestyle() for line in display.lines_.values()}
    assert len(styles) == 2
    assert display.bin_edges_[-1] == 1.25
    # A threshold that accepts nothing is no distance.
    display = PairDistanceDisplay.from_predictions([1, 0], [0.2, 0.9], threshold=-1)
    assert display.lines_ == {}


def test_lists_can_be_drawn():
    display = PairDistanceDisplay(
        similar=[1, 0, True], distances=[0.1, 1.0, 0.2]
    ).plot()
    assert display.shares_similar_.sum() == pytest.approx(100)
    assert display.shares_dissimilar_[-1] == 100


def test_pairs_beyond_the_bins_are_counted_in_the_title():
    for edges, beyond in [([5, 6, 7], 3), ([0.15, 0.5, 2], 1), ([0, 2], 0)]:
        display = PairDistanceDisplay.from_predictions(
            [1, 0, 1], [0.1, 1.0, 0.2], bins=edges
        )
        said = f"{beyond} pair{'s' * (beyond != 1)} outside the bins"
        title = display.ax_.get_title(loc="left")
        assert title == (f"3 pairs\n{said}" if beyond else "3 pairs")
        bottom, top = display.ax_.get_ylim()
        assert bottom == 0 < top


def test_rows_are_embedded_and_measured(iris):
    X, y = iris
    pca = make_pipeline(StandardScaler(), PCA(2)).fit(X)
    display = PairDistanceDisplay.from_estimator(pca, X, y, n_pairs=50, random_state=0)
    ends, similar = draw_pairs(y, 50, 0)
    Z = pca.transform(X)
    np.testing.assert_array_equal(display.similar, similar)
    np.testing.assert_allclose(
        display.distances, [np.linalg.norm(Z[i] - Z[j]) for i, j in ends]
    )
    assert display.margin is display.threshold is None
    assert display.name == "PCA"


def test_points_that_a_transformer_keeps_are_no_model(iris):
    X, y = iris
    pca = PCA(2).fit(X)
    pca.embedding_ = pca.transform(X)
    display = PairDistanceDisplay.from_estimator(pca, X, y, random_state=0)
    assert display.margin is None


def test_the_margin_is_that_of_training(trained, iris):
    display = PairDistanceDisplay.from_estimator(trained, *iris, random_state=0)
    assert display.margin == pytest.approx(2**0.5)
    pipeline = make_pipeline(FrozenEstimator(trained)).fit(*iris)
    display = PairDistanceDisplay.from_estimator(pipeline, *iris, random_state=0)
    assert len(display.distances) == 3675 + 7500
    assert display.margin == pytest.approx(2**0.5)
    assert display.name == "ContrastiveEmbedding"


def test_margins_are_marked_as_distances():
    for loss, reach in [
        (ContrastiveLoss(1.3), 1.3),
        (ContrastiveLinearLoss(0.7), 0.7),
        (ContrastiveSquaredLoss(1.44), 1.2),
        (ContrastiveSquaredLoss(1.0), 1.0),
        (SiameseLoss(2.0), None),
        (TripletLoss(0.2), None),
        (None, None),
    ]:
        assert reach_of(loss) == (None if reach is None else pytest.approx(reach))


def test_the_loss_of_training_is_found(iris):
    settings = {"hidden_layer_sizes": 4, "max_iter": 1, "random_state": 0}
    for loss, kind in (
        ("contrastive_squared", ContrastiveSquaredLoss),
        (ContrastiveLinearLoss(0.5), ContrastiveLinearLoss),
    ):
        model = ContrastiveEmbedding(2, loss=loss, **settings).fit(*iris)
        assert isinstance(trained_loss(model), kind)
        assert trained_loss(model).margin == model.margin_
    assert trained_loss(PCA(2)) is None


def test_a_verifier_shows_its_threshold(trained, iris):
    X, y = iris
    ends, same = draw_pairs(y, 60, 0)
    words = np.where(same, "same", "other")
    verifier = PairVerifier(FrozenEstimator(trained)).fit(X[ends], words)
    display = PairDistanceDisplay.from_estimator(verifier, X[ends], words)
    # "same" comes after "other" in the alphabet: it means same.
    np.testing.assert_array_equal(display.similar, same)
    np.testing.assert_array_equal(display.distances, verifier.pair_distance(X[ends]))
    assert display.threshold == verifier.threshold_
    numbered = PairVerifier(FrozenEstimator(trained), preprocessor=X).fit(ends, same)
    display = PairDistanceDisplay.from_estimator(numbered, ends, same)
    np.testing.assert_array_equal(display.similar, same)


def test_an_embedding_measures_pairs_that_are_given(trained, iris):
    X, y = iris
    ends, same = draw_pairs(y, 20, 0)
    display = PairDistanceDisplay.from_estimator(trained, X[ends], same)
    np.testing.assert_array_equal(display.distances, trained.pair_distance(X[ends]))


def test_mistakes_are_explained():
    for arguments, message in [
        (([1, 1], [0.1, 0.2]), "`y_true` must hold pairs of both kinds; all 2"),
        (([1, 0, 1], [0.1, 0.2]), "(dissimilar) for each of 2 pairs"),
        ((["a", "b"], [0.1, 0.2]), "`y_true` must hold 1 or True for similar pairs"),
        (([1, 0], [0.1, -0.2]), "`distances` must be numbers in [0, inf)"),
        (([1, 0], [0.1, np.nan]), "`distances` must be numbers in [0, inf)"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            PairDistanceDisplay.from_predictions(*arguments)


def test_parameters_out_of_range_raise():
    for name, value in {"margin": 0, "bins": 0, "threshold": "low", "name": 3}.items():
        message = f"The '{name}' parameter of PairDistanceDisplay.from_predictions must"
        with pytest.raises(ValueError, match=re.escape(message)):
            PairDistanceDisplay.from_predictions([1, 0], [0.1, 0.2], **{name: value})


def test_mistakes_with_estimators_are_explained(trained, iris):
    X, y = iris
    message = "`y_true` must hold pairs of both kinds; all 10000 are the same"
    with pytest.raises(ValueError, match=re.escape(message)):
        PairDistanceDisplay.from_estimator(trained, X, np.zeros(150, dtype=int))
    message = "Pass one class label per row"
    with pytest.raises(ValueError, match=re.escape(message)):
        PairDistanceDisplay.from_estimator(trained, X, None)
    message = "`estimator` must be a fitted PairVerifier, or a fitted embedding"
    with pytest.raises(TypeError, match=re.escape(message)):
        PairDistanceDisplay.from_estimator(
            PCA(2).fit(X), X[:4].reshape(2, 2, 4), [0, 1]
        )
    ends, same = draw_pairs(y, 60, 0)
    verifier = PairVerifier(FrozenEstimator(trained)).fit(X[ends], same)
    for labels, message in (
        (np.arange(120), "`y` must hold labels of `fit`, [False, True]; got"),
        (same[:5], "for each of 120 pairs; got shape (5,)"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            PairDistanceDisplay.from_estimator(verifier, X[ends], labels)
