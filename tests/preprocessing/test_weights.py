"""Weights of columns: what they tell beside chance, and what reads them."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits, make_friedman1
from sklearn.feature_selection import f_classif, f_regression
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_contrastive import ContrastiveEmbedding, ContrastiveNeighborsClassifier
from sklearn_contrastive.inspection import feature_importances
from sklearn_contrastive.model_selection import ContrastiveEmbeddingCV
from sklearn_contrastive.preprocessing import _weights
from sklearn_contrastive.preprocessing._weights import FEWEST_ROWS, learn_weights
from sklearn_contrastive.similarity import (
    LabelSimilarity,
    MultilabelSimilarity,
    NeighborSimilarity,
    TargetSimilarity,
)


def noisy_table(n_noise=20, n_rows=400, seed=0):
    """Return two columns that tell of three classes, and columns of noise."""
    rng = np.random.RandomState(seed)
    y = rng.randint(3, size=n_rows)
    X = rng.normal(size=(n_rows, 2 + n_noise))
    X[:, 0] += 3 * (y == 1)
    X[:, 1] += 3 * (y == 2)
    return X, y


def quick(**params):
    params = {"max_iter": 2, "random_state": 0, **params}
    return ContrastiveEmbedding(**params)


def test_statistics_are_those_of_scikit_learn():
    X, y = noisy_table()
    is_class = (y[:, None] == np.arange(3)).astype(float)
    from scipy.stats import f

    expected = f_classif(X, y)[0] / f.ppf(0.9, 2, len(y) - 3)
    assert_allclose(_weights._alone(X, is_class), expected)
    target = X[:, 0] + 0.1 * X[:, 3]
    expected = f_regression(X, target)[0] / f.ppf(0.9, 1, len(y) - 2)
    assert_allclose(_weights._alone(X, target[:, None]), expected, rtol=1e-5)


def test_a_class_that_is_missing_and_one_class_alone_are_no_error():
    X, y = noisy_table()
    with_empty = (y[:, None] == np.arange(4)).astype(float)
    assert_allclose(
        _weights._alone(X, with_empty), _weights._alone(X, with_empty[:, :3])
    )
    assert_array_equal(_weights._alone(X, np.ones((400, 1))), 2)
    ratios, noise = _weights._beside_others(X, np.ones((400, 1)), True, 400)
    assert np.isfinite(ratios).all()
    assert noise == 0


@pytest.mark.parametrize("n_rows", [2000, 15_000])
def test_columns_that_tell_only_together_are_found(n_rows):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 12))
    y = (X[:, 0] * X[:, 1] + rng.normal(size=n_rows) > 0).astype(int)
    weights, _ = learn_weights(X, LabelSimilarity().fit(None, y))
    assert weights[:2].min() > 3 * weights[2:].mean()


def test_columns_of_noise_have_the_least_weight():
    X, y = noisy_table()
    weights, noise = learn_weights(X, LabelSimilarity().fit(X, y))
    assert_array_equal(weights[:2], 1)
    # One in ten is above chance in each of the two tests.
    assert np.mean(weights[2:] == 30 / 400) > 0.6
    assert weights[2:].mean() < 0.4
    assert noise < 0.5


def test_columns_that_speak_only_together_are_found():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(1000, 12))
    y = (X[:, 0] > 0) ^ (X[:, 1] > 0)
    weights, _ = learn_weights(X, LabelSimilarity().fit(X, y))
    assert weights[:2].min() > 3 * np.median(weights[2:])


def test_noise_is_the_error_over_that_of_the_most_frequent_class():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(900, 4))
    clean, random = X[:, 0] > 0, rng.rand(900) < 0.3
    half = np.where(rng.rand(900) < 0.25, ~clean, clean)
    found = [learn_weights(X, LabelSimilarity().fit(X, y))[1] for y in (clean, half)]
    assert found[0] < 0.1
    assert 0.4 < found[1] < 0.8
    assert learn_weights(X, LabelSimilarity().fit(X, random))[1] > 0.9


@pytest.mark.parametrize("kind", ["targets", "label sets"])
def test_targets_and_label_sets_have_weights_and_no_noise(kind):
    X, y = make_friedman1(600, 15, noise=1.0, random_state=0)
    if kind == "targets":
        similarity = TargetSimilarity().fit(X, y)
    else:
        sets = np.column_stack([y > np.median(y), X[:, 3] > 0.5]).astype(int)
        similarity = MultilabelSimilarity().fit(X, sets)
    weights, noise = learn_weights(X, similarity)
    assert weights[3] == 1
    assert np.mean(weights[5:]) < 0.3
    assert noise == 0


@pytest.mark.parametrize("n_rows", [FEWEST_ROWS - 1, FEWEST_ROWS])
def test_few_rows_judge_no_column(n_rows):
    X, y = noisy_table(n_rows=n_rows)
    weights = quick().fit(X, y).feature_weights_
    assert (weights == 1).all() == (n_rows < FEWEST_ROWS)


def test_rows_without_a_label_do_not_count():
    X, y = noisy_table(n_rows=600)
    similarity = LabelSimilarity(unlabeled=-1)
    y_part = np.where(np.arange(600) < FEWEST_ROWS - 1, y, -1)
    weights, _ = learn_weights(X, clone(similarity).fit(X, y_part))
    assert_array_equal(weights, 1)
    y_part = np.where(np.arange(600) < 400, y, -1)
    weights, _ = learn_weights(X, clone(similarity).fit(X, y_part))
    assert_array_equal(
        weights, learn_weights(X[:400], similarity.fit(X[:400], y[:400]))[0]
    )


def test_neighbours_have_no_labels():
    X, _ = noisy_table()
    assert_array_equal(learn_weights(X, NeighborSimilarity().fit(X, None))[0], 1)
    assert_array_equal(quick().fit(X).feature_weights_, 1)


def test_many_columns_and_many_classes_grow_no_trees(monkeypatch):
    def fail(*_):
        raise AssertionError("trees were grown")

    monkeypatch.setattr(_weights, "_beside_others", fail)
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(400, 2001)), rng.randint(2, size=400)
    X[:, 0] += 3 * y
    weights, _ = learn_weights(X, LabelSimilarity().fit(X, y))
    assert weights[0] == 1
    assert weights[1:].mean() < 0.3
    y = np.arange(400) % 20
    learn_weights(X[:, :3], LabelSimilarity().fit(X, y))


def test_many_rows_are_a_part_of_them(monkeypatch):
    X, y = noisy_table(n_rows=1200)
    monkeypatch.setattr(_weights, "_MOST_ROWS", 400)
    weights, _ = learn_weights(X, LabelSimilarity().fit(X, y))
    own, _ = learn_weights(X[::3], LabelSimilarity().fit(X[::3], y[::3]))
    assert_array_equal(weights == 1, own == 1)


def test_rows_in_a_period_are_not_all_of_one_class(monkeypatch):
    monkeypatch.setattr(_weights, "_MOST_ROWS", 400)
    X, _ = noisy_table(n_rows=800)
    y = np.arange(800) % 2
    X[:, 0] += 3 * y
    weights, noise = learn_weights(X, LabelSimilarity().fit(X, y))
    assert weights[0] == 1
    assert weights[1:].mean() < 0.5
    assert 0 < noise < 1


@pytest.mark.parametrize("kind", ["labels", "targets", "multilabel"])
def test_many_classes_or_outputs_are_compared_by_a_part(monkeypatch, kind):
    seen = []

    def alone(Z, values):
        seen.append(values.shape)
        return statistics(Z, values)

    statistics = _weights._alone
    monkeypatch.setattr(_weights, "_alone", alone)
    monkeypatch.setattr(_weights, "_MOST_OUTPUTS", 20)
    rng = np.random.RandomState(0)
    codes = rng.permutation(np.arange(1200) % 60)
    X = rng.normal(size=(1200, 8))
    X[:, :2] += 2 * rng.normal(size=(60, 2))[codes]
    similarity, y = {
        "labels": (LabelSimilarity(), codes),
        "targets": (TargetSimilarity(), np.eye(60)[codes]),
        "multilabel": (MultilabelSimilarity(), np.eye(60, dtype=int)[codes]),
    }[kind]
    weights, _ = learn_weights(X, similarity.fit(X, y))
    # Of classes whole ones, so that rows of the same are compared.
    assert seen == [(400 if kind == "labels" else 1200, 20)]
    assert weights[:2].min() > 0.9
    assert weights[2:].max() < 0.6


@settings(max_examples=8, deadline=None)
@given(
    powers=st.lists(st.integers(-200, 200), min_size=6, max_size=6),
    order=st.permutations(range(6)),
)
def test_units_do_not_count(powers, order):
    X, y = noisy_table(n_noise=4, n_rows=300)
    similarity = LabelSimilarity().fit(X, y)
    weights, noise = learn_weights(X, similarity)
    other, other_noise = learn_weights(X * 2.0 ** np.array(powers), similarity)
    assert_array_equal(weights, other)
    assert noise == other_noise
    alone = _weights._alone(X, similarity.votes())
    assert_allclose(_weights._alone(X[:, order], similarity.votes()), alone[order])


def test_constant_and_doubled_columns():
    X, y = noisy_table()
    X = np.hstack([X, np.full((400, 1), 7.0), X[:, :1]])
    weights = quick().fit(X, y).feature_weights_
    assert weights[-2] == weights.min()
    assert weights[-1] == weights[0] == 1


@pytest.mark.parametrize("n_members", [1, 4])
@pytest.mark.parametrize("encoding", ["linear", "piecewise"])
def test_points_are_those_of_weighted_columns(n_members, encoding):
    X, y = noisy_table()
    own = np.linspace(0, 1, 22)
    model = quick(
        feature_weights=2 * own, n_members=n_members, numeric_encoding=encoding
    ).fit(X, y)
    Z = (X - model.center_) / model.scale_
    Z /= np.sqrt(1 + (Z / 8) ** 2)
    if encoding == "piecewise":
        codes = model._state.columns.codes
        Z, own = np.hstack([Z, codes.of(Z)]), np.r_[own, own[codes.columns]]
    parts = []
    for member in range(n_members):
        layers = [[W[member] for W in model._state.params]]
        points = model.encoder_.forward(layers[0], (Z * own).astype(np.float32))
        parts.append(points / np.linalg.norm(points, axis=1, keepdims=True))
    expected = np.hstack(parts) / n_members**0.5
    assert_allclose(model.transform(X), expected, atol=2e-6)
    # The first layer that is shown reads columns without weights.
    folded = model.coefs_[0] / np.where(own > 0, own, 1)[:, None]
    trained = model._state.params[0].reshape(folded.shape)
    assert_allclose(folded[..., 1:22, :], trained[..., 1:22, :], rtol=1e-5)
    assert not model.coefs_[0][..., 0, :].any()


def test_a_weight_of_zero_leaves_a_column_out():
    X, y = noisy_table()
    model = quick(feature_weights=[1, 1, *[0] * 20]).fit(X, y)
    other = X.copy()
    other[:, 2:] = 5
    assert_array_equal(model.transform(other), model.transform(X))
    assert not feature_importances(model, X)[2:].any()


def test_weights_of_one_are_none():
    X, y = noisy_table(n_rows=100)
    plain = quick(feature_weights=None).fit(X, y)
    for same in ("auto", np.ones(22), [1] * 22):
        found = quick(feature_weights=same).fit(X, y).transform(X)
        assert_array_equal(found, plain.transform(X))


def test_training_resumes_with_the_weights_it_began_with():
    X, y = noisy_table()
    model = quick(warm_start=True).fit(X, y)
    weights = model.feature_weights_.copy()
    y_other = np.random.RandomState(0).permutation(y)
    assert_array_equal(model.fit(X, y_other).feature_weights_, weights)
    assert_array_equal(model.partial_fit(X[:50], y[:50]).feature_weights_, weights)
    # In two halves, as in one.
    halves = quick(max_iter=1).partial_fit(X, y).partial_fit(X, y)
    again = pickle.loads(pickle.dumps(quick().partial_fit(X, y))).partial_fit(X, y)
    assert_array_equal(halves.transform(X), again.transform(X))


def test_one_pass_more_learns_no_weights(monkeypatch):
    X, y = noisy_table()
    model = quick(hidden_layer_sizes=(8,)).partial_fit(X, y)
    weights = model.feature_weights_

    def fail(*_):
        raise AssertionError("weights were learned")

    monkeypatch.setattr(_weights, "learn_weights", fail)
    model.partial_fit(X, y)
    assert_array_equal(model.feature_weights_, weights)
    with pytest.raises(ValueError, match="`feature_weights` must be"):
        model.set_params(feature_weights=[1, 2]).partial_fit(X, y)


def test_networks_learn_weights_from_their_own_rows():
    X, y = noisy_table(n_rows=600)
    model = quick(cross_fit=True).fit(X, y)
    before = model._state.weights
    _, held_out = model.folds_[0]
    y_other = y.copy()
    y_other[held_out] = np.random.RandomState(0).permutation(y[held_out])
    again = quick(cross_fit=[*model.folds_]).fit(X, y_other)
    assert_array_equal(again._state.weights[0], before[0])
    assert not np.array_equal(again._state.weights[1], before[1])
    assert_allclose(model.feature_weights_, before[:, :22].mean(axis=0))
    stopped = quick(early_stopping=True).fit(X, y)
    assert len(np.unique(stopped._state.weights, axis=0)) > 1


def test_noisy_labels_shorten_training(monkeypatch):
    # By default at least 300 steps.
    monkeypatch.setattr("sklearn_contrastive._training._run._FEWEST_STEPS", 80)
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(500, 5)), rng.randint(2, size=500)
    auto, plain = (
        ContrastiveEmbedding(feature_weights=each, random_state=0, n_members=1).fit(
            X, y
        )
        for each in ("auto", None)
    )
    assert auto.n_steps_ == round(plain.n_steps_ / 8)
    clean = ContrastiveEmbedding(random_state=0, n_members=1).fit(X, X[:, 0] > 0)
    assert clean.n_steps_ == plain.n_steps_


def test_trials_of_a_search_have_weights_of_their_own():
    X, y = noisy_table(n_rows=599)
    grid = {"margin": [1.0, 1.4]}
    # One fold trains on 299 rows, which judge no column, and the other on 300.
    search = ContrastiveEmbeddingCV(quick(), param_grid=grid, cv=KFold(2)).fit(X, y)
    for fold, (train, test) in enumerate(KFold(2).split(X)):
        scores = search.cv_results_[f"split{fold}_test_score"]
        for params, score in zip(search.cv_results_["params"], scores, strict=True):
            alone = quick(**params).fit(X[train], y[train])
            Z, Z_test = alone.transform(X[train]), alone.transform(X[test])
            found = KNeighborsClassifier().fit(Z, y[train]).score(Z_test, y[test])
            assert found == pytest.approx(score, abs=0.01)


def test_candidates_of_a_search_learn_the_weights_of_a_fold_once(monkeypatch):
    X, y = noisy_table(n_rows=610)
    sizes = []

    def recorded(X, *rest, learn=learn_weights):
        sizes.append(len(X))
        return learn(X, *rest)

    monkeypatch.setattr(_weights, "learn_weights", recorded)
    grid = {"margin": [1.0, 1.4], "random_state": [0, 1]}
    ContrastiveEmbeddingCV(quick(max_iter=1), param_grid=grid, cv=KFold(2)).fit(X, y)
    # The last is that of the refit.
    assert sizes == [305, 305, 610]


@pytest.mark.parametrize("scale", [1e-310, 0.5, 1e300])
def test_weights_are_shares_of_the_largest(scale):
    X, y = noisy_table(n_rows=100)
    weights = np.array([1.0, 1.0, *[0.25] * 20])
    expected = quick(feature_weights=weights).fit(X, y)
    found = quick(feature_weights=weights * scale).fit(X, y)
    assert_allclose(found.feature_weights_, weights)
    assert_allclose(found.transform(X), expected.transform(X), atol=1e-5)


def test_modules_read_weighted_columns():
    import torch

    X, y = noisy_table()
    module = quick(encoder=torch.nn.Linear(22, 32), feature_weights=[1, 1, *[0] * 20])
    Z = module.fit(X, y).transform(X)
    X[:, 2:] = 0
    assert_array_equal(module.transform(X), Z)


def test_noise_no_longer_hides_classes():
    X, y = load_digits(return_X_y=True)
    noise = np.random.RandomState(0).normal(size=(len(X), 128))
    X = np.hstack([X, noise])[:1000]
    y = y[:1000]
    scores = [
        make_pipeline(
            ContrastiveEmbedding(feature_weights=each, random_state=0, max_iter=20),
            KNeighborsClassifier(),
        )
        .fit(X[::2], y[::2])
        .score(X[1::2], y[1::2])
        for each in ("auto", None)
    ]
    assert scores[0] > scores[1] + 0.02


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros(22),
        -np.ones(22),
        np.ones(21),
        np.ones((22, 1)),
        np.full(22, np.nan),
        np.full(22, np.inf),
        ["a"] * 22,
        [[1], [2, 3]],
        [None] * 22,
        "weights",
        3.0,
    ],
)
def test_weights_that_are_none_are_refused(bad):
    X, y = noisy_table(n_rows=60)
    model = quick(feature_weights=bad)
    with pytest.raises(ValueError, match="feature_weights"):
        model.fit(X, y)
    assert not hasattr(model, "classes_")


def test_the_predictor_reads_weights():
    X, y = noisy_table(n_rows=500)
    model = ContrastiveNeighborsClassifier(quick(max_iter=5), random_state=0).fit(X, y)
    assert model.embedding_.feature_weights_[2:].mean() < 0.3
    assert model.score(X, y) > 0.8
