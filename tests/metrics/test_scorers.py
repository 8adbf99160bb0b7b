"""Scorers: their metrics, their estimators, and who takes them."""

import pickle
import re
from collections import Counter
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_wine, make_blobs
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    LeaveOneOut,
    cross_val_score,
    cross_validate,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sklearn_contrastive import ContrastiveEmbedding, metrics
from sklearn_contrastive.metrics import (
    KNNScorer,
    RetrievalScorer,
    knn_scorer,
    map_at_r_scorer,
    r_precision_scorer,
)
from sklearn_contrastive.model_selection import ClassDisjointKFold

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)
#: Rows as they are.
AS_GIVEN = FunctionTransformer().fit([[0.0]])
SCORERS = {
    "knn": knn_scorer,
    "map_at_r": map_at_r_scorer,
    "r_precision": r_precision_scorer,
}
every_scorer = pytest.mark.parametrize("scorer", SCORERS.values(), ids=SCORERS)
X, y = load_wine(return_X_y=True)


def small(**own):
    own = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0, **own}
    return ContrastiveEmbedding(4, **own)


def drawn(seed, n_rows=40, n_classes=4):
    rng = np.random.RandomState(seed)
    y = rng.randint(n_classes, size=n_rows)
    return rng.normal(size=(n_rows, 2)) + y[:, None], y


def vote(Z, y, n_neighbors):
    """Return the accuracy of the vote of others, row by row."""
    right = []
    for i in range(len(y)):
        if sum(label == y[i] for label in y) == 1:
            continue
        others = [j for j in range(len(y)) if j != i]
        others.sort(key=lambda j: sum((Z[i] - Z[j]) ** 2))
        votes = Counter(y[j] for j in others[:n_neighbors])
        winner = min(votes, key=lambda label: (-votes[label], label))
        right.append(winner == y[i])
    return sum(right) / len(right)


# Which metric they return.


@few
@given(seed=seeds, n_neighbors=st.integers(1, 12), n_classes=st.integers(2, 20))
def test_accuracy_is_that_of_a_vote_of_the_other_rows(seed, n_neighbors, n_classes):
    X, y = drawn(seed, n_classes=n_classes)
    score = KNNScorer(n_neighbors)(AS_GIVEN, X, y)
    assert score == pytest.approx(vote(X, y, n_neighbors))


@pytest.mark.parametrize("n_neighbors", [1, 2, 4, 5])
def test_accuracy_is_that_of_leave_one_out(n_neighbors):
    X, y = drawn(0, 60)
    classifier = KNeighborsClassifier(n_neighbors)
    expected = cross_val_score(classifier, X, y, cv=LeaveOneOut()).mean()
    assert KNNScorer(n_neighbors)(AS_GIVEN, X, y) == pytest.approx(expected)


def test_votes_of_five_points_on_a_line():
    # The nearest two of each: 0 has a b, 1 a b, 3 b a, 4 b c, 6 b b; alone: c.
    X = np.array([[0.0], [1.0], [3.0], [4.1], [6.0]])
    y = np.array(["a", "a", "b", "b", "c"])
    assert KNNScorer(1)(AS_GIVEN, X, y) == 1
    # With as many votes the first in sorted order, a, wins: right for 0, 1; and 3.
    # 3: b (4.1) and a (1.0) -> a, wrong. 4.1: b (3.0) and c (6.0) -> b, right.
    assert KNNScorer(2)(AS_GIVEN, X, y) == 3 / 4


def test_a_row_that_is_alone_of_its_class_is_not_scored_but_votes():
    X = np.array([[0.0], [0.1], [10.0], [10.1], [10.05]])
    y = np.array([0, 0, 1, 1, 2])
    assert KNNScorer(1)(AS_GIVEN, X, y) == 1 / 2
    assert KNNScorer(1)(AS_GIVEN, X[:4], y[:4]) == 1


@pytest.mark.parametrize(
    "figure", ["map_at_r", "r_precision", "precision_at_1", "mean_reciprocal_rank"]
)
def test_retrieval_is_scored_by_the_function_of_that_name(figure):
    X, y = drawn(3)
    for average in ("micro", "macro"):
        expected = getattr(metrics, figure)(X, y, average=average)
        score = RetrievalScorer(figure, average)(AS_GIVEN, X, y)
        assert score == expected
        assert type(score) is float
        assert 0.2 < score < 1


def test_recall_is_scored_at_k():
    X, y = drawn(3)
    for k in (1, 3):
        scorer = RetrievalScorer("recall_at_k", k=k)
        assert scorer(AS_GIVEN, X, y) == metrics.recall_at_k(X, y, k)


@every_scorer
def test_one_class_is_perfect_and_warns(scorer):
    with pytest.warns(UserWarning, match="of one class: every figure is 1, whatever"):
        assert scorer(AS_GIVEN, X, np.zeros(len(X))) == 1


def test_precision_at_one_is_the_vote_of_one():
    X, y = drawn(4)
    first = RetrievalScorer("precision_at_1")
    assert first(AS_GIVEN, X, y) == pytest.approx(KNNScorer(1)(AS_GIVEN, X, y))


def test_map_at_r_of_four_points():
    # Two to be found by each a; b is alone. 0: a, a. 1: a, then b before a.
    X = np.array([[0.0], [1.0], [2.9], [4.5]])
    y = np.array(["a", "a", "b", "a"])
    # 0: 1, 2.9b -> 1/2. 1: 0, 2.9b -> 1/2. 4.5: 2.9b, 1 -> (0 + 1/2) / 2 = 1/4.
    assert map_at_r_scorer(AS_GIVEN, X, y) == pytest.approx(5 / 12)
    assert r_precision_scorer(AS_GIVEN, X, y) == pytest.approx(1 / 2)


@every_scorer
def test_labels_are_names_only(scorer):
    X, y = drawn(5)
    names = np.array(["delta", "alpha", "charlie", "bravo"])[y]
    assert scorer(AS_GIVEN, X, y) == scorer(AS_GIVEN, X, list(y * 3 - 7))
    assert map_at_r_scorer(AS_GIVEN, X, names) == map_at_r_scorer(AS_GIVEN, X, y)
    assert scorer(AS_GIVEN, X, pd.Series(y, index=y)) == scorer(AS_GIVEN, X, y)


# Of which estimators.


@every_scorer
def test_a_pipeline_is_scored_by_the_part_that_embeds(scorer):
    scaled = StandardScaler().fit_transform(X)
    points = PCA(2).fit_transform(scaled)
    expected = scorer(AS_GIVEN, points, y)
    embedding = make_pipeline(StandardScaler(), PCA(2))
    classifier = make_pipeline(StandardScaler(), PCA(2), KNeighborsClassifier())
    search = GridSearchCV(classifier, {"pca__n_components": [2]}, cv=2)
    for model in (embedding, classifier, search):
        assert scorer(model.fit(X, y), X, y) == pytest.approx(expected)


@every_scorer
def test_a_search_of_a_search_is_scored_by_what_was_found(scorer):
    model = make_pipeline(StandardScaler(), PCA(2), KNeighborsClassifier())
    inner = GridSearchCV(model, {"pca__n_components": [2]}, cv=2)
    outer = GridSearchCV(inner, {"refit": [True]}, cv=2).fit(X, y)
    assert scorer(outer, X, y) == scorer(model.fit(X, y), X, y)


@every_scorer
def test_a_table_in_the_place_of_the_estimator_raises(scorer):
    message = "`estimator` must be a fitted estimator; got {}. Scorers are called as"
    for wrong, said in ((pd.DataFrame(X), "DataFrame"), (PCA, "ABCMeta")):
        with pytest.raises(TypeError, match=re.escape(message.format(said))):
            scorer(wrong, X, y)


def test_a_last_step_that_embeds_and_classifies_embeds():
    model = make_pipeline(StandardScaler(), LinearDiscriminantAnalysis()).fit(X, y)
    expected = map_at_r_scorer(AS_GIVEN, model.transform(X), y)
    assert map_at_r_scorer(model, X, y) == expected


@every_scorer
def test_the_container_of_the_output_does_not_matter(scorer):
    model = small().fit(X, y)
    expected = scorer(model, X, y)
    for container in ("pandas", "polars"):
        assert scorer(model.set_output(transform=container), X, y) == expected
    assert scorer(model, X.astype(np.float32), y) == pytest.approx(expected, abs=0.02)


@every_scorer
def test_an_estimator_without_embedding_raises(scorer):
    message = (
        "`estimator` must be a transformer, or a Pipeline with one before its last "
        "step; got {}, which has no embedding to score."
    )
    for model in (KNeighborsClassifier(), make_pipeline(KNeighborsClassifier())):
        said = re.escape(message.format(type(model).__name__))
        with pytest.raises(TypeError, match=said):
            scorer(model.fit(X, y), X, y)


# Mistakes.


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (None, "`y` must hold the class of each row to score by; got None."),
        (np.linspace(0, 1, len(y)), "`y` must hold class labels; got continuous"),
        (y[:-1], "`y` must hold one label for each row of `{}`; got 177 labels"),
        (np.where(y == 0, np.nan, y), "`y` must hold a class label for every row; 59"),
        (np.arange(len(y)), "`y` must hold a class"),
    ],
    ids=["none", "continuous", "short", "missing", "all alone"],
)
def test_labels_that_cannot_be_scored_by_raise(bad, message):
    for scorer in SCORERS.values():
        table = "X" if isinstance(scorer, KNNScorer) else "Z"
        with pytest.raises(ValueError, match=re.escape(message.format(table))):
            scorer(AS_GIVEN, X, bad)


@every_scorer
def test_points_that_are_no_table_raise(scorer):
    lost = FunctionTransformer(lambda X: X * np.nan).fit(X)
    with pytest.raises(ValueError, match=re.escape("must be finite; found NaN")):
        scorer(lost, X, y)
    sparse = OneHotEncoder().fit(X)
    with pytest.raises(TypeError, match="Sparse data was passed"):
        scorer(sparse, X, y)


@pytest.mark.parametrize("n_neighbors", [0, 4, 5])
def test_too_many_neighbours_raise(n_neighbors):
    message = (
        "`n_neighbors` must be at least 1 and less than the number of rows, "
        f"4; got {n_neighbors}."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        KNNScorer(n_neighbors)(AS_GIVEN, X[:4], [0, 0, 1, 1])


def test_an_unknown_metric_raises():
    message = "The 'figure' parameter of RetrievalScorer must be a str among {"
    with pytest.raises(ValueError, match=re.escape(message)):
        # When it is made, not when a search has run.
        RetrievalScorer("accuracy")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"average": "mean"},
            "The 'average' parameter of RetrievalScorer must be a str among",
        ),
        ({"search": "fast"}, "'search' parameter of RetrievalScorer must be a str"),
        (
            {"k": 5},
            "`k` belongs to figure='recall_at_k'; got k=5 for figure='map_at_r'",
        ),
        ({"figure": "recall_at_k", "k": 0}, "`k` must hold ints in [1, inf)"),
        ({"figure": "recall_at_k", "k": True}, "`k` must hold ints in [1, inf)"),
    ],
)
def test_parameters_that_do_not_fit_raise_at_once(given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        RetrievalScorer(**given)


# Who takes them.


def test_they_print_compare_and_pickle():
    assert repr(knn_scorer) == "KNNScorer(n_neighbors=5)"
    assert repr(r_precision_scorer) == (
        "RetrievalScorer(figure='r_precision', average='micro', search='exact', k=1)"
    )
    assert knn_scorer == KNNScorer() != KNNScorer(1)
    assert map_at_r_scorer != r_precision_scorer
    for scorer in SCORERS.values():
        assert pickle.loads(pickle.dumps(scorer)) == scorer
        assert clone(scorer, safe=False) == scorer
        assert hash(scorer) == hash(clone(scorer, safe=False))


@pytest.mark.parametrize("routing", [False, True])
def test_searches_and_cross_validation_take_them(routing):
    X, y = make_blobs(96, centers=8, n_features=4, cluster_std=0.5, random_state=0)
    model = make_pipeline(small(), KNeighborsClassifier())
    grid = {"contrastiveembedding__n_components": [2, 4]}
    cv = ClassDisjointKFold(2)
    with config_context(enable_metadata_routing=routing):
        search = GridSearchCV(model, grid, scoring=map_at_r_scorer, cv=cv).fit(X, y)
        several = GridSearchCV(
            model, grid, scoring=SCORERS, refit="map_at_r", cv=cv
        ).fit(X, y)
        scores = cross_validate(small(), X, y, scoring=SCORERS, cv=cv)
    found = search.cv_results_["mean_test_score"]
    assert found.min() > 0.5
    np.testing.assert_array_equal(several.cv_results_["mean_test_map_at_r"], found)
    for fold, (train, test) in enumerate(cv.split(X, y)):
        fitted = small().fit(X[train], y[train])
        for name, scorer in SCORERS.items():
            assert scores[f"test_{name}"][fold] == scorer(fitted, X[test], y[test])


def test_permutation_importance_takes_them():
    rng = np.random.RandomState(0)
    y = np.arange(120) % 3
    X = rng.normal(size=(120, 4))
    X[:, 2] += 4 * y
    model = small(max_iter=20).fit(X[::2], y[::2])
    for scorer in SCORERS.values():
        result = permutation_importance(
            model, X[1::2], y[1::2], scoring=scorer, n_repeats=3, random_state=0
        )
        means = result.importances_mean
        assert means.argmax() == 2
        assert means[2] > 2 * np.delete(means, 2).max()


if find_spec("sklearn.callback"):
    # scikit-learn has callbacks from version 1.9 on.

    def test_a_monitor_of_training_takes_them():
        from sklearn.callback import ScoringMonitor

        monitor = ScoringMonitor(scoring=SCORERS)
        model = small().set_callbacks(monitor).fit(X, y)
        log = monitor.get_logs().data
        assert len(log) == 6
        last = next(entry for entry in log if entry["task_name"] == "fit")
        for name, scorer in SCORERS.items():
            assert last[name] == pytest.approx(scorer(model, X, y))
