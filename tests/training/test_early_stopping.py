"""Held-out pairs, their score, and when to stop."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._estimators._held_out import hold_out
from sklearn_contrastive._training import _early_stopping
from sklearn_contrastive._training._early_stopping import EarlyStopping, HeldOutPairs
from sklearn_contrastive._training._models import TrainedState
from sklearn_contrastive.similarity import LabelSimilarity, NeighborSimilarity


def held_out(y, seed=0):
    X = np.arange(len(y), dtype=np.float64)[:, None]
    return HeldOutPairs(X, LabelSimilarity().fit(X, y), np.random.RandomState(seed))


def literal_auc(points, y):
    """Compare every positive pair with every negative pair."""
    positive, negative = [], []
    for i in range(len(y)):
        for j in range(i):
            distance = abs(points[i] - points[j]).item()
            (positive if y[i] == y[j] else negative).append(distance)
    wins = [(p < n) + (p == n) / 2 for p in positive for n in negative]
    return np.mean(wins)


def test_the_score_is_the_share_of_rightly_ordered_pairs():
    for seed in range(5):
        rng = np.random.RandomState(seed)
        y = rng.permutation([0, 0, 0, 1, 1, 2, 2, 2])
        pairs = held_out(y)
        points = rng.randint(4, size=(8, 1)).astype(float)
        rows = pairs.rows[:, 0].astype(int)
        assert pairs.score(points) == pytest.approx(literal_auc(points, y[rows]))


def test_pairs_are_thinned_at_random_and_stay_fixed(monkeypatch):
    monkeypatch.setattr(_early_stopping, "_MOST_PAIRS", 10)
    y = np.arange(60) % 3
    pairs, same, other = held_out(y), held_out(y), held_out(y, seed=1)
    assert pairs._positive.tolist() == [1] * 10 + [0] * 10
    points = np.random.RandomState(0).normal(size=(60, 2))
    assert pairs.score(points) == same.score(points)
    assert pairs.score(points) != other.score(points)


class Script:
    """A trainer of models whose held-out scores follow a script each."""

    def __init__(self, *scores):
        self.scores, self.epoch = scores, 0

    def embed(self, rows, models):
        assert models.stop == models.start + 1
        return self.scores[models.start][self.epoch]

    def state(self, models=slice(None)):
        numbers = np.arange(len(self.scores))[models]
        params = 10.0 * numbers + self.epoch
        states = [[number] for number in numbers.tolist()]
        return TrainedState([params], [{"boundary": params.copy()}], states)


class Given:
    rows = None

    @staticmethod
    def score(points):
        return points


def run(*scores, n_iter_no_change=2, tol=0.01):
    """Return the scores until training stops, the last best one, and what stops it."""
    stopping = EarlyStopping([Given] * len(scores), n_iter_no_change, tol)
    script, means = Script(*scores), []
    for script.epoch in range(len(scores[0])):
        score, best_score, stop = stopping.update(script, script.state())
        means.append(score)
        if stop:
            break
    return means, best_score, stopping


@pytest.mark.parametrize(
    ("scores", "n_epochs", "best"),
    [
        ([0.5, 0.6, 0.7, 0.8], 4, 3),
        ([0.5, 0.9, 0.7, 0.8, 0.85], 3 + 1, 1),
        ([0.9, 0.9, 0.9, 0.9], 3, 2),
        ([0.5, 0.505, 0.509, 0.6], 3, 2),
    ],
)
def test_stops_after_epochs_without_gain_and_keeps_the_best(scores, n_epochs, best):
    found, best_score, stopping = run(scores)
    assert found == scores[:n_epochs]
    assert stopping.best.params == [[best]]
    assert stopping.best.loss_params == [{"boundary": [best]}]
    assert stopping.best.optimizer_states == [[0]]
    assert best_score == max(scores[:n_epochs])


def test_each_network_is_scored_until_it_stops_and_keeps_its_best():
    scores = [0.6, 0.5, 0.5, 0.9, 0.9, 0.9], [0.5, 0.6, 0.7, 0.7, 0.6, 0.9]
    found, best_score, stopping = run(*scores)
    # The first stops after the third epoch and never sees its 0.9.
    assert found == pytest.approx([0.55, 0.55, 0.6, 0.6, 0.55])
    assert best_score == pytest.approx((0.6 + 0.7) / 2)
    assert stopping.best.params[0].tolist() == [0, 13]
    assert stopping.best.loss_params[0]["boundary"].tolist() == [0, 13]
    assert stopping.best.optimizer_states == [[0], [1]]


def test_the_best_weights_are_restored():
    X, y = load_digits(return_X_y=True)
    settings = dict(
        hidden_layer_sizes=(32,),
        n_components=8,
        n_members=1,
        max_iter=30,
        random_state=0,
    )
    # A rate this high makes scores go up and down.
    model = ContrastiveEmbedding(
        early_stopping=True, n_iter_no_change=30, learning_rate_init=0.05, **settings
    ).fit(X[:600], y[:600], X_val=X[600:900], y_val=y[600:900])
    scores = model.validation_scores_
    best = int(np.flatnonzero(scores == np.max(scores))[-1])
    assert best < len(scores) - 1
    assert model.best_validation_score_ == max(scores)
    pairs = HeldOutPairs(
        X[600:900].astype(float),
        LabelSimilarity().fit(None, y[600:900]),
        np.random.RandomState(0),
    )
    kept = pairs.score(model.transform(pairs.rows))
    assert kept == pytest.approx(max(scores), abs=5e-3)
    assert kept > min(scores[best + 1 :])


def test_it_stops_long_before_max_iter_on_an_easy_table():
    rng = np.random.RandomState(0)
    y = np.arange(400) % 2
    X = rng.normal(size=(400, 3)) + 8 * y[:, None]
    model = ContrastiveEmbedding(early_stopping=True, max_iter=500, random_state=0)
    model.fit(X, y)
    assert model.n_iter_ < 60
    assert len(model.validation_scores_) == len(model.loss_curve_) == model.n_iter_
    assert model.best_validation_score_ > 0.99


def test_validation_rows_may_be_of_other_classes():
    X, y = load_digits(return_X_y=True)
    seen = y < 5
    model = ContrastiveEmbedding(
        early_stopping=True, max_iter=3, hidden_layer_sizes=(16,), random_state=0
    ).fit(X[seen], y[seen], X_val=X[~seen], y_val=y[~seen])
    assert model.classes_.tolist() == [0, 1, 2, 3, 4]
    assert len(model.validation_scores_) == 3


class Numbered(LabelSimilarity):
    """A similarity of the user's own that holds row numbers."""

    uses_row_indices = True


@pytest.mark.parametrize(
    "similarity", [Numbered(), NeighborSimilarity(2, edges=[[0, 1]])]
)
def test_row_numbers_cannot_score_another_table(similarity):
    X, y = load_digits(return_X_y=True)
    model = ContrastiveEmbedding(
        similarity=similarity,
        early_stopping=True,
        max_iter=1,
        hidden_layer_sizes=(4,),
        random_state=0,
    )
    name = type(similarity).__name__
    with pytest.raises(ValueError, match=f"`X_val` must not be given with {name}: its"):
        model.fit(X[:100], y[:100], X_val=X[100:], y_val=y[100:])
    assert model.fit(X[:100], y[:100]).n_iter_ == 1


def test_a_fit_that_resumes_is_scored_by_the_same_rows():
    X, y = load_digits(return_X_y=True)
    model = ContrastiveEmbedding(
        early_stopping=True,
        warm_start=True,
        n_members=1,
        max_iter=3,
        hidden_layer_sizes=(16,),
        random_state=0,
    ).fit(X, y)
    model.fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == len(model.validation_scores_) == 6
    similarity = LabelSimilarity().fit(X, y)
    [one], [same] = (
        hold_out(X, [similarity], 0.1, np.random.RandomState(0))[0] for _ in "ab"
    )
    np.testing.assert_array_equal(one.rows_, same.rows_)


def test_rows_without_both_kinds_of_pairs_cannot_be_scored():
    class OneKind(LabelSimilarity):
        def batches(self, batch_size, rng):
            return np.array([[0, 2]])

    X = np.zeros((4, 1))
    similarity = OneKind().fit(X, [0, 1, 0, 1])
    with pytest.raises(ValueError, match="1 similar and 0 dissimilar pairs"):
        HeldOutPairs(X, similarity, np.random.RandomState(0))
