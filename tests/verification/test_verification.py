"""PairVerifier: its predictions, its training, and scikit-learn's contract."""

import pickle
import re
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, f_classif
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_score,
)
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import _check_feature_names

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.similarity import LabelSimilarity, PairConstraints
from sklearn_contrastive.verification import PairVerifier, _embedding
from sklearn_contrastive.verification._calibration import fit_sigmoid
from sklearn_contrastive.verification._embedding import hold_out_pairs

X, y = load_iris(return_X_y=True)


def drawn(n_pairs=120, seed=0):
    """Return row numbers of pairs, and which, about half, are of one class."""
    rng = np.random.RandomState(seed)
    first = rng.randint(len(X), size=n_pairs)
    partners = np.array([rng.choice(np.flatnonzero(y == y[i])) for i in first])
    second = np.where(rng.rand(n_pairs) < 0.5, partners, rng.randint(150, size=n_pairs))
    return np.column_stack([first, second]), y[first] == y[second]


NUMBERS, SAME = drawn()
PAIRS = X[NUMBERS]


def quick(**changed):
    """Return a small embedding with a short training."""
    return ContrastiveEmbedding(4, hidden_layer_sizes=16, max_iter=5, **changed)


def raw_rows():
    """Return a frozen embedding that leaves rows as they are."""
    return FrozenEstimator(FunctionTransformer().fit(X))


def fitted_attributes(verifier):
    return {
        name: value
        for name, value in vars(verifier).items()
        if name.endswith("_") and not name.startswith("_")
    }


def assert_equal_predictions(first, second, pairs=PAIRS, rtol=0):
    """Compare two verifiers, by bits or up to rounding."""
    assert first.threshold_ == pytest.approx(second.threshold_, rel=rtol, abs=0)
    assert_array_equal(first.predict(pairs), second.predict(pairs))
    for method in ("pair_distance", "predict_proba"):
        found = (getattr(verifier, method)(pairs) for verifier in (first, second))
        assert_allclose(*found, rtol=rtol)


# Predictions.


def test_predictions_follow_from_distance_and_threshold():
    verifier = PairVerifier(raw_rows()).fit(PAIRS, SAME)
    distances = [float(np.linalg.norm(a - b)) for a, b in PAIRS]
    assert_allclose(verifier.pair_distance(PAIRS), distances, rtol=1e-12)
    assert_array_equal(verifier.pair_score(PAIRS), -verifier.pair_distance(PAIRS))
    decision = verifier.threshold_ - verifier.pair_distance(PAIRS)
    assert_array_equal(verifier.decision_function(PAIRS), decision)
    assert_array_equal(verifier.predict(PAIRS), decision > 0)
    assert verifier.score(PAIRS, SAME) == np.mean((decision > 0) == SAME)


def test_the_default_threshold_is_the_most_accurate():
    verifier = PairVerifier(raw_rows()).fit(PAIRS, SAME)
    distances = verifier.pair_distance(PAIRS)
    best = max(np.mean((distances <= t) == SAME) for t in [-1, *distances])
    assert verifier.score(PAIRS, SAME) == best


def test_a_pair_at_the_threshold_is_the_same():
    verifier = PairVerifier(raw_rows()).fit(PAIRS, SAME)
    pair = np.zeros((1, 2, 4))
    pair[0, 0, 0] = 0.75
    assert verifier.set_threshold(0.75).predict(pair) == [True]
    assert verifier.set_threshold(np.nextafter(0.75, 0)).predict(pair) == [False]


def test_no_pair_is_accepted_below_zero():
    verifier = PairVerifier(raw_rows()).fit(PAIRS, SAME)
    similar = np.repeat(X[:3, None], 2, axis=1)
    assert verifier.predict(similar).all()
    assert not verifier.set_threshold(-1).predict(similar).any()


def test_distances_are_those_of_the_embedding():
    verifier = PairVerifier(quick(), random_state=0).fit(PAIRS, SAME)
    expected = verifier.embedding_.pair_distance(PAIRS)
    assert_allclose(verifier.pair_distance(PAIRS), expected, rtol=1e-9, atol=1e-12)


def test_learning_helps():
    # One column of six holds the class.
    rng = np.random.RandomState(0)
    rows, codes = rng.normal(size=(1600, 6)), rng.randint(2, size=1600)
    rows[:, 4] = 2 * codes + 0.3 * rows[:, 4]
    pairs, same = rows.reshape(800, 2, 6), codes[::2] == codes[1::2]
    learned = ContrastiveEmbedding(encoder="linear", max_iter=20)
    scores = [
        PairVerifier(embedding, strategy="eer", random_state=0)
        .fit(pairs[:500], same[:500])
        .score(pairs[500:], same[500:])
        for embedding in (StandardScaler(), learned)
    ]
    assert scores[0] < 0.7
    assert scores[1] > 0.95


def test_probabilities_fall_with_the_distance():
    verifier = PairVerifier(raw_rows()).fit(PAIRS, SAME)
    order = np.argsort(verifier.pair_distance(PAIRS))
    probabilities = verifier.predict_proba(PAIRS)
    assert_allclose(probabilities.sum(axis=1), 1)
    assert (np.diff(probabilities[order, 1]) <= 0).all()
    assert probabilities[order[0], 1] > 0.5 > probabilities[order[-1], 1]


def test_probabilities_are_right_on_average():
    rng = np.random.RandomState(0)
    distances = rng.uniform(0, 4, size=4000)
    true = 1 / (1 + np.exp(2 * distances - 3))
    pairs = np.zeros((4000, 2, 1))
    pairs[:, 1, 0] = distances
    same = rng.rand(4000) < true
    verifier = PairVerifier(FunctionTransformer()).fit(pairs, same)
    assert_allclose(verifier.calibration_, (-2, 3), rtol=0.1)
    assert_allclose(verifier.predict_proba(pairs)[:, 1], true, atol=0.03)
    assert verifier.predict_proba(pairs)[:, 1].mean() == pytest.approx(
        same.mean(), abs=1e-3
    )


def test_the_sigmoid_is_that_of_scikit_learn():
    class Nearness(ClassifierMixin, BaseEstimator):
        """Classifier of distances, fitted already."""

        def __init__(self):
            self.classes_ = np.array([False, True])

        def fit(self, X, y):
            return self

        def predict(self, X):
            return self.decision_function(X) > 0

        def decision_function(self, X):
            return -X[:, 0]

    rng = np.random.RandomState(0)
    same = rng.rand(60) < 0.4
    for distances in (rng.rand(60) + 0.5 * ~same, 40 + rng.rand(60) + 5 * ~same):
        slope, intercept = fit_sigmoid(same, distances)
        rows = distances[:, None]
        calibrated = CalibratedClassifierCV(FrozenEstimator(Nearness()), cv=2)
        expected = calibrated.fit(rows, same).predict_proba(rows)[:, 1]
        found = 1 / (1 + np.exp(-intercept - slope * distances))
        assert_allclose(found, expected, atol=1e-4)


def test_the_sigmoid_is_that_of_platt():
    rng = np.random.RandomState(0)
    same = rng.rand(60) < 0.4
    distances = rng.rand(60) + 0.5 * ~same
    slope, intercept = fit_sigmoid(same, distances)
    n_same = same.sum()
    targets = np.where(same, (n_same + 1) / (n_same + 2), 1 / (62 - n_same))
    # The gradient of the cross-entropy vanishes there, and it has one minimum.
    residuals = 1 / (1 + np.exp(-intercept - slope * distances)) - targets
    assert_allclose([residuals.sum(), residuals @ distances], 0, atol=1e-4)


def test_separate_classes_give_finite_probabilities():
    same = np.arange(20) < 10
    for separation in (0.0, 5.0):
        slope, intercept = fit_sigmoid(same, np.arange(20) + separation * ~same)
        assert slope < 0
        assert np.isfinite([slope, intercept]).all()


def test_uninformative_distances_give_one_probability():
    same = np.arange(20) < 5
    for distances in (np.zeros(20), np.ones(20), -np.arange(20.0) + 20):
        assert fit_sigmoid(same, distances)[0] == pytest.approx(0, abs=1e-9)
    slope, intercept = fit_sigmoid(same, 20 - np.arange(20.0))
    assert slope == 0
    # By Platt's targets a little nearer to one half than 5 of 20.
    assert 0.25 < 1 / (1 + np.exp(-intercept)) < 0.3


def test_any_two_labels_are_valid():
    plain = PairVerifier(raw_rows()).fit(PAIRS, SAME)
    for given, different, same in (
        (SAME, False, True),
        (SAME.astype(int), 0, 1),
        (np.where(SAME, 1, -1), -1, 1),
        (np.where(SAME, 1.0, 0.0), 0.0, 1.0),
        (np.where(SAME, 7, 3), 3, 7),
        (np.where(SAME, "same", "different"), "different", "same"),
        (np.where(SAME, "yes", "no").astype(object), "no", "yes"),
    ):
        verifier = PairVerifier(raw_rows()).fit(PAIRS, given)
        assert verifier.classes_.tolist() == [different, same]
        assert verifier.threshold_ == plain.threshold_
        expected = np.where(plain.predict(PAIRS), same, different)
        assert_array_equal(verifier.predict(PAIRS), expected)
        assert verifier.score(PAIRS, given) == plain.score(PAIRS, SAME)


def test_pairs_come_in_any_array():
    verifier = PairVerifier(raw_rows()).fit(PAIRS, SAME)
    for given in (
        list(PAIRS),
        PAIRS.astype(np.float32),
        np.asfortranarray(PAIRS),
        np.ascontiguousarray(PAIRS[:, ::-1])[:, ::-1],
    ):
        other = PairVerifier(raw_rows()).fit(given, list(SAME))
        found = other.pair_distance(given)
        assert found.dtype == np.float64
        assert_allclose(found, verifier.pair_distance(PAIRS), atol=1e-6)
        assert_array_equal(other.predict(given), verifier.predict(PAIRS))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_read_only_memory_maps_are_read(tmp_path, dtype):
    np.save(tmp_path / "pairs.npy", PAIRS.astype(dtype))
    mapped = np.load(tmp_path / "pairs.npy", mmap_mode="r")
    found = [
        PairVerifier(quick(), random_state=0).fit(given, SAME).predict_proba(given)
        for given in (mapped, PAIRS.astype(dtype))
    ]
    assert_array_equal(*found)


def test_labels_come_in_any_column():
    for container in (pd.Series, pl.Series, list):
        verifier = PairVerifier(raw_rows()).fit(PAIRS, container(SAME))
        assert_array_equal(verifier.classes_, [False, True])


def test_integers_are_numbers():
    X, _ = load_digits(return_X_y=True)
    pairs = X[:40].reshape(20, 2, 64).astype(int)
    same = np.arange(20) < 10
    verifier = PairVerifier(PCA(3)).fit(pairs, same)
    expected = PairVerifier(PCA(3)).fit(pairs.astype(float), same)
    assert_array_equal(verifier.predict(pairs), expected.predict(pairs))


def test_nullable_labels_keep_their_type():
    for labels, dtype in (
        (pd.Series(SAME, dtype="boolean"), bool),
        (pd.Series(SAME).astype("Int64"), np.int64),
        (pd.Series(SAME).astype("Float64"), np.float64),
    ):
        verifier = PairVerifier(raw_rows()).fit(PAIRS, labels)
        assert verifier.classes_.dtype == dtype
        assert verifier.predict(PAIRS).dtype == dtype
        assert verifier.calibrate_threshold(PAIRS, labels).classes_.tolist() == [0, 1]


@pytest.mark.parametrize("embedding", [raw_rows(), quick()])
def test_swapped_labels_are_warned_of(embedding):
    labels = np.where(SAME, "match", "mismatch")
    message = (
        r"Pairs labelled 'mismatch' lie farther apart than pairs labelled 'match' in "
        r"\d+% of the comparisons.* pass `np.asarray\(y\) == 'match'` as `y`"
    )
    with pytest.warns(UserWarning, match=message):
        PairVerifier(embedding, random_state=0).fit(PAIRS, labels)
    # The remedy that it names.
    verifier = PairVerifier(embedding, random_state=0).fit(PAIRS, labels == "match")
    with pytest.warns(UserWarning, match="Pairs labelled True lie farther apart"):
        verifier.calibrate_threshold(PAIRS, labels == "mismatch")


def test_the_warning_counts_comparisons():
    pairs, same = np.zeros((5, 2, 1)), np.array([1, 1, 0, 0, 0])
    pairs[:, 1, 0] = [4, 2, 1, 2, 3]
    # Of six comparisons one is right and one is a tie.
    with pytest.warns(UserWarning, match="in 75% of the comparisons"):
        PairVerifier(FunctionTransformer()).fit(pairs, same)


def test_a_warning_that_is_an_error_leaves_nothing_half_fitted():
    verifier = PairVerifier(raw_rows())
    with pytest.raises(UserWarning, match="lie farther apart"):
        verifier.fit(PAIRS, ~SAME)
    assert not fitted_attributes(verifier)


# Training.


def test_pairs_that_set_the_threshold_are_held_out():
    seen = []

    class Spy(ContrastiveEmbedding):
        def fit(self, X, y):
            seen.append((X, y))
            return super().fit(X, y)

    verifier = PairVerifier(Spy(4, max_iter=1), validation_fraction=0.25)
    verifier.fit(PAIRS, SAME)
    ((learned, labels),) = seen
    n_of_class = np.bincount(SAME)
    n_out = np.round(0.25 * n_of_class).astype(int)
    assert_array_equal(verifier.n_calibration_pairs_, n_out)
    assert_array_equal(np.bincount(labels), n_of_class - n_out)
    # With the labels that they came with.
    given = {(*pair.ravel(), same) for pair, same in zip(PAIRS, SAME, strict=True)}
    assert {(*p.ravel(), s) for p, s in zip(learned, labels == 1, strict=True)} <= given


def test_threshold_and_probabilities_are_those_of_the_held_out_pairs():
    verifier = PairVerifier(quick(random_state=0), random_state=3).fit(PAIRS, SAME)
    kept, held_out = hold_out_pairs(SAME, 0.2, np.random.RandomState(3))
    embedding = quick(random_state=0, similarity="pairs")
    embedding.fit(PAIRS[kept], SAME[kept].astype(int))
    by_hand = PairVerifier(FrozenEstimator(embedding)).fit(
        PAIRS[held_out], SAME[held_out]
    )
    assert_equal_predictions(verifier, by_hand)
    assert verifier.calibration_ == by_hand.calibration_


def test_held_out_pairs_are_a_share_of_each_class():
    same = np.arange(50) < 10
    kept, held_out = hold_out_pairs(same, 0.2, np.random.RandomState(0))
    assert_array_equal(np.sort([*kept, *held_out]), np.arange(50))
    assert_array_equal(np.bincount(same[held_out]), [8, 2])


def test_held_out_pairs_are_drawn_at_random():
    same = np.arange(50) < 25
    drawn_twice, other = (
        [hold_out_pairs(same, 0.2, np.random.RandomState(seed))[1] for seed in seeds]
        for seeds in ((0, 0), (0, 1))
    )
    assert_array_equal(*drawn_twice)
    for label in (True, False):
        first, second = (set(part[same[part] == label]) for part in other)
        assert len(first) == len(second)
        assert first != second


def test_both_parts_hold_pairs_of_both_classes():
    same = np.array([True, False, True, False, False])
    for fraction in (1e-6, 0.5, 1 - 1e-6):
        for part in hold_out_pairs(same, fraction, np.random.RandomState(0)):
            assert set(same[part]) == {True, False}


def test_a_lone_pair_is_in_both_parts_with_a_warning():
    same = np.array([True, False, False, False])
    with pytest.warns(UserWarning, match="only one pair of the same"):
        kept, held_out = hold_out_pairs(same, 0.2, np.random.RandomState(0))
    assert kept[0] == held_out[0] == 0
    assert not set(kept[1:]) & set(held_out[1:])


def test_two_pairs_are_enough():
    with pytest.warns(UserWarning, match="There is only one pair of"):
        verifier = PairVerifier(quick(), random_state=0).fit(
            X[[[0, 1], [0, 70]]], [1, 0]
        )
    assert np.isfinite(verifier.threshold_)
    # Other embeddings need no held-out pairs, and no warning.
    PairVerifier(raw_rows()).fit(X[[[0, 1], [0, 70]]], [1, 0])


def test_the_default_embedding_learns_from_pairs(monkeypatch):
    # By default at least 300 steps.
    monkeypatch.setattr("sklearn_contrastive._training._run._FEWEST_STEPS", 60)
    verifier = PairVerifier(random_state=0).fit(PAIRS, SAME)
    assert type(verifier.embedding_) is ContrastiveEmbedding
    assert verifier.embedding_.similarity == "pairs"
    assert verifier.score(*(lambda n, s: (X[n], s))(*drawn(seed=1))) > 0.85


def test_similarities_of_pairs_are_taken():
    expected = PairVerifier(quick(), random_state=0).fit(PAIRS, SAME)
    for similarity in ("auto", "pairs", PairConstraints(transitive_closure=False)):
        embedding = quick(similarity=similarity)
        verifier = PairVerifier(embedding, random_state=0).fit(PAIRS, SAME)
        assert_equal_predictions(verifier, expected)
        assert embedding.similarity is similarity
        assert not hasattr(embedding, "coefs_")


def test_a_transformer_is_fitted_on_the_rows_without_labels():
    pipeline = make_pipeline(StandardScaler(), PCA(2))
    verifier = PairVerifier(pipeline).fit(PAIRS, SAME)
    by_hand = clone(pipeline).fit(PAIRS.reshape(-1, 4))
    Z = by_hand.transform(PAIRS.reshape(-1, 4)).reshape(-1, 2, 2)
    expected = np.linalg.norm(Z[:, 0] - Z[:, 1], axis=1)
    assert_allclose(verifier.pair_distance(PAIRS), expected, rtol=1e-12)
    # All pairs set the threshold.
    assert_array_equal(verifier.n_calibration_pairs_, np.bincount(SAME))


def test_a_frozen_embedding_is_used_as_it_is():
    embedding = quick(random_state=0).fit(X, y)
    before = pickle.dumps(embedding)
    frozen = FrozenEstimator(embedding)
    verifier = PairVerifier(frozen).fit(PAIRS, SAME)
    assert verifier.embedding_ is frozen
    assert pickle.dumps(embedding) == before
    assert_allclose(verifier.pair_distance(PAIRS), embedding.pair_distance(PAIRS))
    assert_array_equal(verifier.n_calibration_pairs_, np.bincount(SAME))


def test_a_pipeline_may_end_in_an_embedding_that_learns_from_pairs():
    steps = make_pipeline(StandardScaler(), PCA(3), quick(random_state=0))
    verifier = PairVerifier(steps, random_state=3).fit(PAIRS, SAME)
    kept, held_out = hold_out_pairs(SAME, 0.2, np.random.RandomState(3))
    first = make_pipeline(StandardScaler(), PCA(3, random_state=0))
    rows = first.fit_transform(PAIRS[kept].reshape(-1, 4))
    last = quick(random_state=0, similarity="pairs")
    last.fit(rows.reshape(-1, 2, 3), SAME[kept].astype(int))
    by_hand = FrozenEstimator(make_pipeline(first, last))
    expected = PairVerifier(by_hand).fit(PAIRS[held_out], SAME[held_out])
    assert_equal_predictions(verifier, expected)
    assert isinstance(verifier.embedding_, Pipeline)
    assert not hasattr(steps[0], "mean_")


def test_a_pipeline_of_nothing_else_changes_nothing():
    first = PairVerifier(quick(), random_state=0).fit(PAIRS, SAME)
    for pipeline in (make_pipeline(quick()), make_pipeline(make_pipeline(quick()))):
        second = PairVerifier(pipeline, random_state=0).fit(PAIRS, SAME)
        assert_equal_predictions(first, second)


def test_random_state_seeds_what_has_none():
    pipeline = make_pipeline(StandardScaler(), quick())
    fits = [PairVerifier(pipeline, random_state=0).fit(PAIRS, SAME) for _ in range(2)]
    assert_equal_predictions(*fits)
    other = PairVerifier(pipeline, random_state=1).fit(PAIRS, SAME)
    assert (other.pair_distance(PAIRS) != fits[0].pair_distance(PAIRS)).any()
    own = [
        PairVerifier(quick(random_state=5), random_state=seed).fit(PAIRS, SAME)
        for seed in (0, 1)
    ]
    assert [each.embedding_.random_state for each in own] == [5, 5]


# Row numbers.


@pytest.mark.parametrize("embedding", [quick(), StandardScaler(), PCA(2)])
def test_row_numbers_stand_for_rows(embedding):
    rows = PairVerifier(embedding, random_state=0).fit(PAIRS, SAME)
    numbers = PairVerifier(embedding, preprocessor=X, random_state=0)
    numbers.fit(NUMBERS, SAME)
    assert rows.threshold_ == pytest.approx(numbers.threshold_, rel=1e-5)
    assert_allclose(
        rows.pair_distance(PAIRS), numbers.pair_distance(NUMBERS), atol=1e-5
    )
    assert numbers.n_features_in_ == rows.n_features_in_ == 4
    # Set to no table, it takes rows.
    numbers.set_params(preprocessor=None)
    assert_array_equal(numbers.predict(PAIRS), rows.predict(PAIRS))


TABLES = {
    "pandas": pd.DataFrame(X, columns=list("abcd"), index=np.arange(150)[::-1]),
    "polars": pl.DataFrame(X, schema=list("abcd")),
    "list": X.tolist(),
    "callable": lambda numbers: X[numbers],
    "callable frame": lambda numbers: pd.DataFrame(X[numbers], columns=list("abcd")),
}


@pytest.mark.parametrize(
    "embedding", [quick(), make_pipeline(StandardScaler(), PCA(2))]
)
def test_tables_may_be_of_any_type(embedding):
    plain = PairVerifier(embedding, preprocessor=X, random_state=0).fit(NUMBERS, SAME)
    for table in TABLES.values():
        other = PairVerifier(embedding, preprocessor=table, random_state=0)
        other.fit(NUMBERS.tolist(), SAME)
        # Frames are ordered by columns, which changes the order of sums.
        assert_equal_predictions(plain, other, NUMBERS, rtol=1e-9)


def test_pairs_of_numbers_may_be_a_frame():
    verifier = PairVerifier(StandardScaler(), preprocessor=X).fit(NUMBERS, SAME)
    for frame in (pd.DataFrame(NUMBERS), pl.DataFrame(NUMBERS)):
        assert_array_equal(verifier.predict(frame), verifier.predict(NUMBERS))


def test_a_callable_gets_each_row_once():
    received = []

    def rows(numbers):
        received.append(numbers)
        return X[numbers]

    verifier = PairVerifier(StandardScaler(), preprocessor=rows).fit(NUMBERS, SAME)
    verifier.predict([[7, 7], [7, 3]])
    assert_array_equal(received[0], np.unique(NUMBERS))
    assert_array_equal(received[1], [3, 7])
    assert len(received) == 2


def test_a_fitted_verifier_takes_another_table():
    verifier = PairVerifier(StandardScaler(), preprocessor=X).fit(NUMBERS, SAME)
    expected = verifier.pair_distance([[140, 20]])
    verifier.set_params(preprocessor=X[[140, 20]])
    assert_array_equal(verifier.pair_distance([[0, 1]]), expected)


def test_columns_of_a_frame_keep_their_names_and_types():
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["colour"] = np.where(y == 0, "red", "blue")
    columns = make_column_transformer(
        (StandardScaler(), ["a", "b"]), (OneHotEncoder(sparse_output=False), ["colour"])
    )
    for embedding in (columns, make_pipeline(columns, quick(random_state=0))):
        verifier = PairVerifier(embedding, preprocessor=frame, random_state=0)
        verifier.fit(NUMBERS, SAME)
        near, far = verifier.pair_distance([[0, 1], [0, 149]])
        assert near < far
        assert verifier.n_features_in_ == 5


def test_columns_of_another_frame_must_be_in_the_same_order():
    frame = pd.DataFrame(X, columns=list("abcd"))
    verifier = PairVerifier(quick(), preprocessor=frame, random_state=0)
    verifier.fit(NUMBERS, SAME)
    assert verifier.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    verifier.set_params(preprocessor=frame[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match="must be in the same order as they were"):
        verifier.predict(NUMBERS)
    # An array has no names, and is taken as it is.
    verifier.set_params(preprocessor=X).fit(NUMBERS, SAME)
    assert not hasattr(verifier, "feature_names_in_")


def test_an_embedding_with_names_takes_pairs_without_them():
    frame = pd.DataFrame(X, columns=list("abcd"))
    named = FrozenEstimator(quick(random_state=0).fit(frame, y))
    bare = FrozenEstimator(quick(random_state=0).fit(X, y))
    first, second = (PairVerifier(each).fit(PAIRS, SAME) for each in (named, bare))
    assert_equal_predictions(first, second, rtol=1e-9)


def test_an_embedding_may_return_frames():
    embedding = StandardScaler().set_output(transform="pandas")
    pipeline = make_pipeline(embedding, quick(random_state=0))
    for each, plain in (
        (embedding, StandardScaler()),
        (pipeline, make_pipeline(StandardScaler(), quick(random_state=0))),
    ):
        first, second = (
            PairVerifier(e, preprocessor=X, random_state=0).fit(NUMBERS, SAME)
            for e in (each, plain)
        )
        assert_equal_predictions(first, second, NUMBERS, rtol=1e-9)


#: Frames whose names scikit-learn sees: not in all versions those of polars.
NAMING = [
    frame
    for frame in (pd.DataFrame, pl.DataFrame)
    if hasattr(StandardScaler().fit(frame({"a": [1.0]})), "feature_names_in_")
]


@pytest.mark.parametrize("container", NAMING)
@pytest.mark.parametrize("steps", [(), (StandardScaler(),)])
def test_an_embedding_learned_from_a_frame_has_its_names(container, steps):
    frame = container(dict(zip("abcd", X.T, strict=True)))
    embedding = make_pipeline(*steps, quick()) if steps else quick()
    verifier = PairVerifier(embedding, preprocessor=frame, random_state=0)
    verifier.fit(NUMBERS, SAME)
    assert verifier.embedding_.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    # Rows with names are mapped without a warning; other names are an error.
    Z = verifier.embedding_.transform(frame)
    distances = np.linalg.norm(Z[NUMBERS[:, 0]] - Z[NUMBERS[:, 1]], axis=1)
    assert_allclose(verifier.pair_distance(NUMBERS), distances, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="feature names should match"):
        verifier.embedding_.transform(frame[["b", "a", "c", "d"]])
    # Rows without names get those of the fit.
    verifier.set_params(preprocessor=None)
    assert_allclose(verifier.pair_distance(PAIRS), distances, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "embedding", [quick(), make_pipeline(StandardScaler(), PCA(2))]
)
def test_an_embedding_learned_without_names_gets_none(embedding):
    verifier = PairVerifier(embedding, preprocessor=X, random_state=0)
    verifier.fit(NUMBERS, SAME)
    before = verifier.pair_distance(NUMBERS)
    verifier.set_params(preprocessor=TABLES["pandas"])
    assert_allclose(verifier.pair_distance(NUMBERS), before, rtol=1e-9)


def test_a_step_that_needs_names_gets_them():
    columns = make_column_transformer((StandardScaler(), ["b", "d"]))
    frozen = FrozenEstimator(make_pipeline(columns, PCA(2)).fit(TABLES["pandas"]))
    verifier = PairVerifier(frozen).fit(PAIRS, SAME)
    named = PairVerifier(frozen, preprocessor=TABLES["pandas"]).fit(NUMBERS, SAME)
    assert_allclose(verifier.pair_distance(PAIRS), named.pair_distance(NUMBERS))
    with pytest.raises(ValueError, match="X has 3 features, but"):
        PairVerifier(frozen).fit(PAIRS[:, :, :3], SAME)


def test_names_may_be_numbers():
    named = FrozenEstimator(quick(random_state=0).fit(TABLES["pandas"], y))
    verifier = PairVerifier(named, preprocessor=pd.DataFrame(X)).fit(NUMBERS, SAME)
    expected = PairVerifier(named, preprocessor=X).fit(NUMBERS, SAME)
    assert_equal_predictions(verifier, expected, NUMBERS, rtol=1e-9)


def test_names_are_added_by_an_installed_library(monkeypatch):
    named = StandardScaler().fit(TABLES["pandas"])
    for missing, frame in (
        ((), pd.DataFrame),
        (("pandas",), pl.DataFrame),
        (("pandas", "polars"), None),
    ):

        def installed(name, missing=missing):
            if name in missing:
                raise ImportError(name)
            return sys.modules[name]

        monkeypatch.setattr(_embedding, "import_module", installed)
        rows = _embedding._match_names(named, X)
        if frame is None:
            assert rows is X
        else:
            assert isinstance(rows, frame)
            assert list(rows.columns) == ["a", "b", "c", "d"]
            assert_array_equal(rows.to_numpy(), X)


class FilterSpy(TransformerMixin, BaseEstimator):
    """Records the filters of warnings while it transforms."""

    def fit(self, X, y=None):
        self.seen_ = []
        return self

    def transform(self, X):
        self.seen_.append(list(warnings.filters))
        return X


def test_filters_of_warnings_are_left_alone():
    verifier = PairVerifier(FilterSpy()).fit(PAIRS, SAME)
    verifier.predict(PAIRS)
    assert verifier.embedding_.seen_ == [list(warnings.filters)] * 2


def test_threads_leave_no_filter_of_warnings_behind():
    verifier = PairVerifier(quick(), preprocessor=TABLES["pandas"], random_state=0)
    verifier.fit(NUMBERS, SAME).set_params(preprocessor=X)
    expected = verifier.predict(NUMBERS)
    before, interval = list(warnings.filters), sys.getswitchinterval()
    try:
        sys.setswitchinterval(1e-6)
        with warnings.catch_warnings(), ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda _: verifier.predict(NUMBERS), range(100)))
            left = [each for each in warnings.filters if each not in before]
    finally:
        sys.setswitchinterval(interval)
    assert all((each == expected).all() for each in found)
    # scikit-learn's `check_array` sets and resets one of its own.
    assert [each for each in left if each[2] is not np.exceptions.ComplexWarning] == []


def rows_by_name(names):
    """Return the rows of the names flower-0, flower-1 and so on."""
    return X[[int(name.partition("-")[2]) for name in names]]


def test_a_function_takes_ids_of_any_type():
    ids = np.char.add("flower-", NUMBERS.astype(str))
    expected = PairVerifier(StandardScaler(), preprocessor=X).fit(NUMBERS, SAME)
    for given in (ids, list(ids), ids.astype(object), pd.DataFrame(ids)):
        verifier = PairVerifier(StandardScaler(), preprocessor=rows_by_name)
        distances = verifier.fit(given, SAME).pair_distance(given)
        # Rows come in another order, which changes the order of sums.
        assert_allclose(distances, expected.pair_distance(NUMBERS), rtol=1e-9)


def test_ids_may_be_looked_up_in_the_index_of_a_frame():
    frame = pd.DataFrame(X, index=pd.date_range("2020", periods=150))
    ids = frame.index.to_numpy()[NUMBERS]
    verifier = PairVerifier(StandardScaler(), preprocessor=lambda ids: frame.loc[ids])
    expected = PairVerifier(StandardScaler(), preprocessor=X).fit(NUMBERS, SAME)
    found = verifier.fit(ids, SAME).predict(ids)
    assert_array_equal(found, expected.predict(NUMBERS))


# Other thresholds.


def test_calibration_by_other_pairs():
    verifier = PairVerifier(quick(), random_state=0).fit(PAIRS, SAME)
    embedding = verifier.embedding_
    numbers, same = drawn(200, seed=1)
    before = verifier.get_params()
    assert verifier.calibrate_threshold(X[numbers], same) is verifier
    assert verifier.embedding_ is embedding
    expected = PairVerifier(FrozenEstimator(embedding)).fit(X[numbers], same)
    assert verifier.threshold_ == expected.threshold_
    assert verifier.calibration_ == expected.calibration_
    assert_array_equal(verifier.n_calibration_pairs_, np.bincount(same))
    assert verifier.get_params() == before


def test_strategies_of_the_call_are_those_of_the_constructor():
    for changed in (
        {"strategy": "f_beta", "beta": 2.0},
        {"strategy": "max_tpr", "min_rate": 0.9},
        {"strategy": "max_tnr", "min_rate": 0.0},
        {"strategy": "eer"},
        {"strategy": "far", "target_far": 0.2, "confidence": 0.8},
    ):
        verifier = PairVerifier(raw_rows()).fit(PAIRS, SAME)
        verifier.calibrate_threshold(PAIRS, SAME, **changed)
        expected = PairVerifier(raw_rows(), **changed).fit(PAIRS, SAME)
        assert verifier.threshold_ == expected.threshold_
        assert verifier.strategy == "accuracy"
        assert verifier.strategy_ == expected.strategy_ == changed["strategy"]
        # None is the value of the constructor.
        expected.set_threshold(1).calibrate_threshold(PAIRS, SAME)
        assert verifier.threshold_ == expected.threshold_
        assert verifier.strategy_ == expected.strategy_
        # Not that of an earlier call.
        assert verifier.calibrate_threshold(PAIRS, SAME).strategy_ == "accuracy"


def test_settings_of_the_constructor_are_kept_for_its_strategy():
    far = {"strategy": "far", "target_far": 0.2, "confidence": 0.8}
    verifier = PairVerifier(raw_rows(), **far).fit(PAIRS, SAME)
    chosen = verifier.threshold_
    verifier.calibrate_threshold(PAIRS, SAME, "eer")
    assert verifier.strategy_ == "eer"
    assert verifier.threshold_ != chosen
    verifier.calibrate_threshold(PAIRS, SAME, "far", confidence=0.5)
    assert verifier.threshold_ > chosen
    assert verifier.calibrate_threshold(PAIRS, SAME).threshold_ == chosen


def test_settings_that_are_not_given_have_their_defaults():
    numbers, same = drawn(1000)
    pairs = X[numbers]
    for strategy, settings in (
        ("far", {"target_far": 0.01, "confidence": 0.95}),
        ("f_beta", {"beta": 1.0}),
    ):
        left_out, given = (
            PairVerifier(raw_rows(), strategy=strategy, **each).fit(pairs, same)
            for each in ({}, settings)
        )
        assert left_out.threshold_ == given.threshold_


def test_far_keeps_its_rate_on_new_pairs():
    rng = np.random.RandomState(0)
    codes = rng.randint(5, size=6000)
    rows = rng.normal(size=(6000, 3)) + 2 * rng.normal(size=(5, 3))[codes]
    # Each row is in one pair only.
    pairs, same = rows.reshape(3000, 2, 3), codes[::2] == codes[1::2]
    verifier = PairVerifier(StandardScaler(), strategy="far", target_far=0.05)
    verifier.fit(pairs[:1500], same[:1500])
    accepted = verifier.predict(pairs[1500:])[~same[1500:]]
    assert 0.01 < accepted.mean() < 0.05


def test_a_threshold_by_hand_leaves_probabilities_alone():
    verifier = PairVerifier(raw_rows()).fit(PAIRS, SAME)
    before = verifier.predict_proba(PAIRS)
    assert verifier.set_threshold(0.5) is verifier
    assert verifier.threshold_ == 0.5
    assert verifier.strategy_ is None
    assert_array_equal(verifier.predict_proba(PAIRS), before)


# With the tools of scikit-learn.


def test_cross_validation():
    verifier = PairVerifier(quick().set_params(max_iter=30), random_state=0)
    assert cross_val_score(verifier, PAIRS, SAME, cv=3).mean() > 0.7
    verifier = PairVerifier(PCA(2), preprocessor=X)
    scores = cross_val_score(verifier, NUMBERS, SAME, cv=3, scoring="roc_auc")
    assert scores.mean() > 0.8


def test_search_over_embedding_and_strategy():
    margins = {"embedding__margin": [0.5, 1.0]}
    grid = [
        margins | {"strategy": ["accuracy", "eer"]},
        margins | {"strategy": ["max_tpr"], "min_rate": [0.9]},
    ]
    search = GridSearchCV(PairVerifier(quick(), random_state=0), grid, cv=2)
    search.fit(PAIRS, SAME)
    best = search.best_estimator_
    assert best.strategy_ == search.best_params_["strategy"]
    assert best.embedding_.margin_ == search.best_params_["embedding__margin"]
    assert_array_equal(search.predict(PAIRS), best.predict(PAIRS))


def test_scores_of_words_take_a_positive_label():
    words = np.where(SAME, "same", "different")
    scorer = make_scorer(f1_score, pos_label="same")
    verifier = PairVerifier(PCA(2))
    scores = cross_val_score(verifier, PAIRS, words, cv=3, scoring=scorer)
    expected = cross_val_score(verifier, PAIRS, SAME, cv=3, scoring="f1")
    assert_array_equal(scores, expected)


def test_threshold_tuned_by_scikit_learn():
    tuned = TunedThresholdClassifierCV(
        PairVerifier(PCA(2)), scoring="accuracy", response_method="decision_function"
    )
    assert tuned.fit(PAIRS, SAME).score(PAIRS, SAME) > 0.7


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_probabilities_calibrated_by_scikit_learn(method):
    calibrated = CalibratedClassifierCV(PairVerifier(PCA(2)), method=method, cv=3)
    probabilities = calibrated.fit(PAIRS, SAME).predict_proba(PAIRS)
    assert np.mean((probabilities[:, 1] > 0.5) == SAME) > 0.7


def test_a_frozen_verifier_is_calibrated_by_scikit_learn():
    verifier = PairVerifier(PCA(2)).fit(PAIRS, SAME)
    calibrated = CalibratedClassifierCV(FrozenEstimator(verifier), cv=2)
    assert calibrated.fit(PAIRS, SAME).score(PAIRS, SAME) > 0.7
    assert_array_equal(
        FrozenEstimator(verifier).predict(PAIRS), verifier.predict(PAIRS)
    )


def test_a_pickled_verifier_predicts_the_same():
    for preprocessor, pairs in ((None, PAIRS), (X, NUMBERS)):
        verifier = PairVerifier(quick(), preprocessor=preprocessor, random_state=0)
        verifier.fit(pairs, SAME)
        again = pickle.loads(pickle.dumps(verifier))
        assert_equal_predictions(verifier, again, pairs)
        other = clone(verifier)
        assert not fitted_attributes(other)
        assert_equal_predictions(verifier, other.fit(pairs, SAME), pairs)


def test_a_frozen_embedding_survives_clone():
    frozen = raw_rows()
    verifier = clone(PairVerifier(frozen))
    assert verifier.fit(PAIRS, SAME).embedding_ is frozen


def test_a_table_is_copied_with_the_verifier_and_a_function_is_not():
    copied = clone(PairVerifier(preprocessor=X)).preprocessor
    assert copied is not X
    assert not np.shares_memory(copied, X)
    assert clone(PairVerifier(preprocessor=rows_by_name)).preprocessor is rows_by_name


def test_the_repr_names_a_table_without_its_rows():
    for table, shown in (
        (pd.DataFrame(X), "DataFrame"),
        (pl.DataFrame(X), "DataFrame"),
        (X, "ndarray"),
        (X.tolist(), "list"),
    ):
        verifier = PairVerifier(preprocessor=table)
        assert repr(verifier) == f"PairVerifier(preprocessor=<{shown} of 150 rows>)"
        assert verifier.preprocessor is table
    for odd in (3, "table", len):
        assert repr(PairVerifier(preprocessor=odd)) == (
            f"PairVerifier(preprocessor={odd!r})"
        )


def test_tags_match_the_preprocessor():
    tags = get_tags(PairVerifier())
    assert tags.estimator_type == "classifier"
    assert not tags.classifier_tags.multi_class
    assert tags.input_tags.three_d_array
    assert not tags.input_tags.two_d_array
    assert tags.target_tags.required
    numbered = get_tags(PairVerifier(preprocessor=X)).input_tags
    assert numbered.two_d_array
    assert not numbered.three_d_array


class RowVerifier(PairVerifier):
    """For scikit-learn's checks, which pass rows: each is paired with the origin.

    They require `predict` to return the label that `predict_proba` finds likelier, so
    the threshold is set to where both agree.
    """

    def fit(self, X, y):
        super().fit(X, y)
        _check_feature_names(self, X, reset=True)
        slope, intercept = self.calibration_
        return self.set_threshold(-intercept / slope) if slope else self

    def _distances(self, X, name):
        if hasattr(self, "threshold_"):
            _check_feature_names(self, X, reset=False)
        return super()._distances(X, name)

    def _read(self, X, name):
        rows = X if hasattr(X, "toarray") else np.asarray(X)
        if isinstance(rows, np.ndarray) and rows.ndim == 2:
            rows = np.stack([rows, np.zeros_like(rows)], axis=1)
        return super()._read(rows, name)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


SMALL = ContrastiveEmbedding(4, hidden_layer_sizes=16, max_iter=4)


@pytest.mark.filterwarnings("ignore:The embedding has collapsed:UserWarning")
@pytest.mark.filterwarnings("ignore:Pairs labelled .* lie farther apart:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@parametrize_with_checks(
    [
        RowVerifier(SMALL),
        RowVerifier(make_pipeline(StandardScaler(), SMALL), strategy="eer"),
    ]
)
def test_scikit_learn_checks_pass(estimator, check):
    check(estimator)


# Beyond these checks.


def test_fit_again_gives_the_same():
    verifier = PairVerifier(quick(), random_state=0).fit(PAIRS, SAME)
    again = pickle.loads(pickle.dumps(verifier))
    assert_equal_predictions(verifier, again.fit(PAIRS, SAME))


def test_fit_leaves_parameters_and_data_alone():
    pairs, table, labels = PAIRS.copy(), X.copy(), SAME.copy()
    for verifier, given in (
        (PairVerifier(quick(), random_state=0), pairs),
        (PairVerifier(PCA(2), preprocessor=table), NUMBERS.copy()),
    ):
        before = verifier.get_params()
        embedding = pickle.dumps(verifier.embedding)
        verifier.fit(given, labels).predict_proba(given)
        after = verifier.get_params()
        assert before.keys() == after.keys()
        assert all(after[name] is before[name] for name in before)
        assert pickle.dumps(verifier.embedding) == embedding
    assert_array_equal(pairs, PAIRS)
    assert_array_equal(table, X)
    assert_array_equal(labels, SAME)


def test_fitted_attributes_are_documented():
    from numpydoc.docscrape import ClassDoc

    frame = pd.DataFrame(X, columns=list("abcd"))
    verifier = PairVerifier(raw_rows(), preprocessor=frame).fit(NUMBERS, SAME)
    documented = {p.name for p in ClassDoc(PairVerifier)["Attributes"]}
    assert set(fitted_attributes(verifier)) == documented
    listed = [p.name for p in ClassDoc(PairVerifier)["Parameters"]]
    assert sorted(listed) == sorted(verifier.get_params(deep=False))


class Failing(TransformerMixin, BaseEstimator):
    """Fails when it is fitted, or when it transforms."""

    def __init__(self, where="fit"):
        self.where = where

    def fit(self, X, y=None):
        if self.where == "fit":
            raise RuntimeError("it failed")
        return self

    def transform(self, X):
        if self.where == "transform":
            raise RuntimeError("it failed")
        return X * np.nan


def test_an_error_leaves_nothing_half_fitted():
    for where in ("fit", "transform", "result"):
        fresh = PairVerifier(Failing(where))
        fitted = PairVerifier(raw_rows()).fit(PAIRS, SAME)
        before = fitted_attributes(fitted)
        fitted.set_params(embedding=Failing(where))
        for verifier in (fresh, fitted):
            with pytest.raises(
                (RuntimeError, ValueError), match=r"failed|contains NaN"
            ):
                verifier.fit(PAIRS[:, :, :2], SAME)
        assert not fitted_attributes(fresh)
        assert fitted_attributes(fitted) == before


def test_an_error_in_calibration_changes_nothing():
    verifier = PairVerifier(raw_rows()).fit(PAIRS, SAME)
    before = fitted_attributes(verifier)
    for wrong in ({"strategy": "far"}, {"strategy": "max_tpr"}):
        with pytest.raises(ValueError, match=r"`target_far|`min_rate"):
            verifier.calibrate_threshold(PAIRS, SAME, **wrong)
    assert fitted_attributes(verifier) == before


def test_too_few_pairs_are_an_error_before_training():
    class Never(ContrastiveEmbedding):
        def fit(self, X, y):
            raise AssertionError("trained")

    verifier = PairVerifier(Never(), strategy="far", target_far=0.01)
    with pytest.raises(ValueError, match="at least 299 different pairs"):
        verifier.fit(PAIRS, SAME)


# Errors.


def assert_error(message, pairs=PAIRS, labels=SAME, verifier=None, error=ValueError):
    verifier = verifier or PairVerifier(raw_rows())
    with pytest.raises(error, match=re.escape(message)):
        verifier.fit(pairs, labels)
    assert not fitted_attributes(verifier)


def test_samples_that_are_no_pairs():
    for pairs, message in (
        (PAIRS[:, 0], "got shape (120, 4). Reshape your data: stack two tables"),
        (PAIRS[:, :1], "got shape (120, 1, 4)"),
        (PAIRS[:, [0, 1, 1]], "`X` must hold pairs of rows, shape (n_pairs, 2, n"),
        (PAIRS[:, :, None], "got shape (120, 2, 1, 4)"),
        (NUMBERS, "Row numbers need `preprocessor`, their table."),
        ([[[1, 2], [3]]] * 120, "at least one pair, of rows that are equally long"),
        (np.where(PAIRS > 7, np.nan, PAIRS), "`X` must be finite; found NaN in column"),
        (np.where(PAIRS > 7, np.inf, PAIRS), "found infinity in column 0"),
        (PAIRS.astype(str).astype(object) + "x", "`X` must be numeric; found text"),
        (PAIRS + 1j, "Complex data not supported"),
        (PAIRS[:0], "`X` must hold at least one pair, of rows that"),
        (PAIRS[:0], "0 sample(s) (shape=(0, 2, 4)) while a minimum of 1"),
        ([], "while a minimum of 1 is required by PairVerifier"),
        (PAIRS[:, :, :0], "0 feature(s)"),
    ):
        assert_error(message, pairs)


def test_labels_that_are_not_of_two_classes():
    for labels, message in (
        (None, "requires y to be passed, but the target y is None"),
        (SAME[:-1], "one label for each row of `X`; got 119 labels for 120 rows."),
        (np.ones(120), "got 1 class(es) in 120 pairs, [1.0]."),
        (np.arange(120) % 3, "Only binary classification is supported"),
        (np.arange(120) % 3, "for pairs of the same; got 3 class(es) in 120 pairs, [0"),
        (np.linspace(0, 1, 120), "Unknown label type: continuous"),
        (np.linspace(0, 1, 120), "Of distances, give labels such as `y <= limit`."),
        (np.where(SAME, 1.0, np.nan), "Input y contains NaN"),
        (np.where(SAME, 1.0, np.inf), "`y` must hold a class label for every row"),
        (
            np.where(np.arange(120) < 118, SAME, np.nan),
            "2 are missing, the first",
        ),
        (np.where(np.arange(120) < 118, SAME, None), "the first at row 118. Leave"),
        (np.where(SAME, "same", None), "`y` must hold a class label for every"),
        (pd.Series(SAME, dtype="boolean").mask(SAME), "`y` must hold a class label"),
        (pd.Series(SAME, dtype="string").mask(SAME), "`y` must hold a class label"),
        (
            np.array([1, "a"] * 60, dtype=object),
            "`y` must hold labels of one type",
        ),
        (np.column_stack([SAME, SAME]), "y should be a 1d array"),
    ):
        assert_error(message, labels=labels)


def test_invalid_row_numbers():
    for table, numbers, message in (
        (X, NUMBERS + 100, "row numbers from 0 to 149, positions in the 150 rows"),
        (X, NUMBERS[:0], "while a minimum of 1 is required by PairVerifier"),
        (pd.DataFrame(X), NUMBERS[:0], "`X` must hold at least one pair"),
        (X, NUMBERS.astype(str), "two integers, positions in the table from 0"),
        (
            rows_by_name,
            PAIRS,
            "`X` must hold two ids for each pair, shape (n_pairs, 2)",
        ),
        (
            rows_by_name,
            NUMBERS[:, :1],
            "with `preprocessor`; got int64 of shape (120, 1)",
        ),
        (rows_by_name, np.where(NUMBERS, "a", None), "must hold ids without None and"),
        (rows_by_name, NUMBERS * np.nan, "`X` must hold ids without None and NaN."),
        (X, NUMBERS - 200, "got some from -200 to"),
        (X, NUMBERS.astype(float), "got float64 of shape (120, 2). For pairs of rows"),
        (X, NUMBERS[:, [0, 1, 1]], "got int64 of shape (120, 3)"),
        (X, PAIRS, "For pairs of rows themselves, set `preprocessor=None`"),
        (X[:, 0], NUMBERS, "`preprocessor` must give one row of numbers for each"),
        (lambda numbers: X, NUMBERS, "n_features); got shape (150, 4)"),
        (lambda numbers: X[numbers] * np.nan, NUMBERS, "found NaN in columns 0, 1"),
    ):
        verifier = PairVerifier(StandardScaler(), preprocessor=table)
        assert_error(message, numbers, verifier=verifier)


def test_text_in_a_frame_is_an_error_if_the_embedding_takes_numbers():
    frame = pd.DataFrame(X, columns=list("abcd")).assign(colour="red")
    verifier = PairVerifier(quick(categorical_features=None), preprocessor=frame)
    assert_error("must be numeric; found text", NUMBERS, verifier=verifier)


def test_invalid_parameters():
    for changed, message in (
        ({"strategy": "best"}, "The 'strategy' parameter of PairVerifier must be a"),
        (
            {"strategy": "max_tpr"},
            "`min_rate` must be a number in [0, 1] with strategy",
        ),
        ({"strategy": "max_tnr"}, "least share of pairs of one class"),
        ({"min_rate": 1.1}, "The 'min_rate' parameter of PairVerifier must be a float"),
        ({"beta": 0}, "The 'beta' parameter of PairVerifier must be a float"),
        ({"target_far": 0}, "The 'target_far' parameter of PairVerifier must be"),
        ({"confidence": 1.0}, "The 'confidence' parameter of PairVerifier must be"),
        ({"validation_fraction": 0}, "The 'validation_fraction' parameter"),
        ({"preprocessor": 3}, "The 'preprocessor' parameter of PairVerifier must be"),
        ({"embedding": "pca"}, "The 'embedding' parameter of PairVerifier must be"),
        (
            {"strategy": "far"},
            "needs at least 299 different pairs to set the threshold",
        ),
        ({"target_far": 0.05}, "`target_far` is only used with strategy='far'; got"),
        ({"confidence": 0.95}, "`confidence` is only used with strategy='far'; got"),
        ({"beta": 1.0}, "`beta` is only used with strategy='f_beta'; got beta=1.0 wi"),
        (
            {"min_rate": 0.9, "strategy": "eer"},
            "`min_rate` is only used with strategy='max_tpr' or 'max_tnr'; got "
            "min_rate=0.9 with strategy='eer'",
        ),
        ({"min_rate": 0.9, "strategy": "far"}, "takes a list of grids"),
    ):
        verifier = PairVerifier(**{"embedding": raw_rows(), **changed})
        assert_error(message, verifier=verifier)


def test_embeddings_with_another_similarity():
    for similarity in (
        "labels",
        "neighbors",
        LabelSimilarity(),
        PairConstraints(NUMBERS, SAME),
        PairConstraints(weights=np.ones(120)),
        lambda a, b: a == b,
    ):
        embedding = quick(similarity=similarity)
        for each in (embedding, make_pipeline(StandardScaler(), embedding)):
            assert_error(
                "`embedding` must be a ContrastiveEmbedding with similarity='auto', ",
                verifier=PairVerifier(each),
            )
        assert_error("sklearn.frozen.FrozenEstimator", verifier=PairVerifier(embedding))


def test_a_transformer_that_needs_labels_of_rows():
    verifier = PairVerifier(NeighborhoodComponentsAnalysis())
    assert_error("requires y to be passed, but the target y is None", verifier=verifier)


def test_steps_that_need_labels_of_rows():
    message = "`embedding` gets no labels of rows. Fit it on its own data and wrap"
    for step in (
        SelectKBest(k=1),
        SelectKBest(f_classif, k=2),
        SelectFromModel(LogisticRegression()),
        SelectFromModel(make_pipeline(StandardScaler(), LogisticRegression())),
        RFE(LogisticRegression()),
        NeighborhoodComponentsAnalysis(),
        quick(similarity="labels"),
        FeatureUnion([("a", StandardScaler()), ("b", SelectKBest(k=1))]),
        make_column_transformer((SelectKBest(k=1), [0, 1])),
        make_pipeline(PCA(2), SelectKBest(k=1)),
    ):
        for last in (quick(), PCA(1)):
            verifier = PairVerifier(make_pipeline(StandardScaler(), step, last))
            assert_error(message, verifier=verifier, error=(TypeError, ValueError))


def keep_the_wide(X, y):
    """Score columns by their variance, without labels."""
    return np.var(X, axis=0)


def test_steps_that_can_do_without_labels_are_taken():
    frozen = FrozenEstimator(SelectKBest(k=3).fit(X, y))
    steps = (frozen, SelectKBest(keep_the_wide, k=2), PCA(2))
    for embedding in (make_pipeline(*steps), make_pipeline(*steps, quick())):
        verifier = PairVerifier(embedding, random_state=0).fit(PAIRS, SAME)
        assert verifier.embedding_[0] is frozen


def test_errors_print_no_table():
    constraints = PairConstraints(NUMBERS, SAME)
    with pytest.raises(ValueError, match="got similarity=PairConstraints") as caught:
        PairVerifier(quick(similarity=constraints)).fit(PAIRS, SAME)
    assert len(str(caught.value)) < 400
    wide = pd.DataFrame(np.ones((150, 400))).add_prefix("column_")
    verifier = PairVerifier(StandardScaler(), preprocessor=wide).fit(NUMBERS, SAME)
    verifier.set_params(preprocessor=wide.rename(columns={"column_7": "other"}))
    message = "Feature names unseen at fit time:\n- other\n"
    with pytest.raises(ValueError, match=message) as caught:
        verifier.predict(NUMBERS)
    assert len(str(caught.value)) < 200


def test_sparse_pairs():
    from scipy.sparse import csr_array

    assert_error(
        "Sparse data was passed for `X`", csr_array(PAIRS[:, 0]), error=TypeError
    )


def test_a_sparse_embedding():
    pairs = np.round(PAIRS)
    with pytest.raises(TypeError, match="Sparse data was passed"):
        PairVerifier(OneHotEncoder()).fit(pairs, SAME)


def test_frozen_before_it_is_fitted():
    verifier = PairVerifier(FrozenEstimator(StandardScaler()))
    with pytest.raises(NotFittedError):
        verifier.fit(PAIRS, SAME)


def test_methods_before_fit():
    for method in (
        "predict",
        "predict_proba",
        "decision_function",
        "pair_distance",
        "pair_score",
        "set_threshold",
    ):
        with pytest.raises(NotFittedError, match="PairVerifier instance is not fitted"):
            getattr(PairVerifier(), method)(PAIRS)
    with pytest.raises(NotFittedError):
        PairVerifier().calibrate_threshold(PAIRS, SAME)


def test_pairs_of_another_width():
    verifier = PairVerifier(raw_rows()).fit(PAIRS, SAME)
    with pytest.raises(ValueError, match="X has 3 features, but PairVerifier is exp"):
        verifier.predict(PAIRS[:, :, :3])


def test_thresholds_that_are_no_number():
    verifier = PairVerifier(raw_rows()).fit(PAIRS, SAME)
    for threshold in (np.nan, np.inf, "0.5", None, True, [0.5]):
        with pytest.raises(ValueError, match="`threshold` must be a finite number"):
            verifier.set_threshold(threshold)


def test_invalid_calibration():
    for labels, changed, message in (
        (np.where(SAME, "a", "b"), {}, "`y` must hold the labels of `fit`, [False, "),
        (np.ones(120, bool), {}, "got 1 class(es) in 120 pairs, [True]"),
        (SAME, {"strategy": "best"}, "'strategy' parameter of PairVerifier.calibrate"),
        (SAME, {"strategy": "max_tnr"}, "`min_rate` must be a number in [0, 1]"),
        (SAME, {"min_rate": -0.1}, "'min_rate' parameter of PairVerifier.calibrate"),
        (SAME, {"beta": -1.0}, "The 'beta' parameter of PairVerifier.calibrate_thre"),
        (SAME, {"beta": 1.0}, "`beta` is only used with strategy='f_beta'"),
        (
            SAME,
            {"strategy": "far", "min_rate": 0.9},
            "got min_rate=0.9 with strategy='far'",
        ),
    ):
        verifier = PairVerifier(raw_rows()).fit(PAIRS, SAME)
        with pytest.raises(ValueError, match=re.escape(message)):
            verifier.calibrate_threshold(PAIRS, labels, **changed)


def test_errors_name_the_argument():
    for pairs, message in (
        (PAIRS[:, 0], "`pairs` must hold pairs of rows, shape"),
        (PAIRS[:0], "`pairs` must hold at least one pair"),
        (PAIRS[:, :, :3], "X has 3 features, but PairVerifier is expecting 4"),
        (np.where(PAIRS > 7, np.nan, PAIRS), "`pairs` must be finite; found NaN"),
    ):
        verifier = PairVerifier(raw_rows()).fit(PAIRS, SAME)
        with pytest.raises(ValueError, match=re.escape(message)):
            verifier.calibrate_threshold(pairs, SAME[: len(pairs)])
        with pytest.raises(ValueError, match=re.escape(message)):
            verifier.pair_distance(pairs)
        with pytest.raises(ValueError, match=r"`X` must|X has 3 features"):
            verifier.predict(pairs)


def test_fit_and_predict_without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verifier = PairVerifier(quick(), preprocessor=TABLES["pandas"], random_state=0)
        chances = verifier.fit(NUMBERS, SAME).predict_proba(NUMBERS)
    assert chances.shape == (len(SAME), 2)
