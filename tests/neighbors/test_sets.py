"""Label sets and prediction intervals: oracles, their guarantee, and where it ends."""

import pickle
import re
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris

from sklearn_contrastive import (
    ContrastiveEmbedding,
    ContrastiveNeighborsClassifier,
    ContrastiveNeighborsRegressor,
)
from sklearn_contrastive.neighbors._conformal import (
    counted,
    label_sets,
    target_intervals,
)


def quick(**params):
    settings = {"max_iter": 8, "hidden_layer_sizes": (16,), **params}
    return ContrastiveEmbedding(**settings)


def on_sphere(rng, n, d=3):
    Z = rng.normal(size=(n, d))
    return Z / np.linalg.norm(Z, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def fitted():
    X, y = load_iris(return_X_y=True)
    return ContrastiveNeighborsClassifier(quick(), random_state=0).fit(X, y)


def strangeness(Z, y, row):
    """Return the share of votes of all other rows for a row's own class."""
    votes, total = 0.0, 1.0
    for other in range(len(Z)):
        if other != row:
            vote = np.exp(-((Z[other] - Z[row]) ** 2).sum() / 0.4)
            total += vote
            votes += vote * (y[other] == y[row])
    return votes / total


@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("confidence", [0.5, 0.75, 0.9])
def test_label_sets_are_those_of_a_literal_loop(by_class, confidence):
    rng = np.random.RandomState(0)
    Z, queries = on_sphere(rng, 39), on_sphere(rng, 6)
    # A tie: the new row is at the place of a reference.
    queries[0] = Z[3]
    y = rng.randint(3, size=39)
    found = label_sets(queries, Z, y, 3, confidence, by_class)
    for place, query in enumerate(queries):
        for c in range(3):
            rows, classes = np.vstack([Z, query]), np.append(y, c)
            counted = np.flatnonzero(classes == c) if by_class else np.arange(40)
            scores = [strangeness(rows, classes, row) for row in counted]
            p = np.mean(np.array(scores) <= scores[-1] + 1e-9)
            assert found[place, c] == (p > 1 - confidence + 1e-12), (place, c, p)


@pytest.mark.parametrize("confidence", [0.5, 0.75, 0.9])
def test_intervals_are_those_of_a_literal_grid(confidence):
    rng = np.random.RandomState(0)
    Z, queries, y = on_sphere(rng, 19, 2), on_sphere(rng, 3, 2), rng.normal(size=19)
    [found] = target_intervals(queries, Z, y[:, None], confidence).transpose(1, 0, 2)
    grid = np.linspace(-6, 6, 1201)
    for query, (lower, upper) in zip(queries, found, strict=True):
        rows = np.vstack([Z, query])
        weights = np.exp(-((rows[:, None] - rows) ** 2).sum(axis=2) / 0.15)
        np.fill_diagonal(weights, 0)
        total = weights.sum(axis=1)
        inside = []
        for target in grid:
            targets = np.append(y, target)
            residuals = np.abs(targets - weights @ targets / total)
            residuals /= np.sqrt(1 + 1 / total)
            p = np.mean(residuals >= residuals[-1])
            inside.append(p > 1 - confidence + 1e-12)
        expected = (grid >= lower) & (grid <= upper)
        np.testing.assert_array_equal(inside, expected)
        assert 0 < expected.sum() < 1201


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    n=st.integers(1, 30),
    confidences=st.tuples(*[st.floats(0.01, 0.99)] * 2),
    by_class=st.booleans(),
)
def test_order_is_nothing_and_more_confidence_is_more(seed, n, confidences, by_class):
    rng, (low, high) = np.random.RandomState(seed), sorted(confidences)
    Z, queries, y = on_sphere(rng, n), on_sphere(rng, 4), rng.randint(3, size=n)
    order = rng.permutation(n)
    sets = [label_sets(queries, Z, y, 3, c, by_class) for c in (low, high)]
    assert (sets[0] <= sets[1]).all()
    again = label_sets(queries, Z[order], y[order], 3, low, by_class)
    np.testing.assert_array_equal(again, sets[0])
    targets = rng.normal(size=(n, 2))
    small, large = (target_intervals(queries, Z, targets, c) for c in (low, high))
    assert (large[..., 0] <= small[..., 0]).all()
    assert (large[..., 1] >= small[..., 1]).all()
    again = target_intervals(queries, Z[order], targets[order], low)
    np.testing.assert_allclose(again, small, atol=1e-5)


def within_chance(n_held, n_new, n_references, confidence=0.9):
    """Return whether so many new rows in their sets are within the 99 % of chance."""
    fewest = int(round((1 - confidence) * (n_references + 1), 9))
    law = betabinom(n_new, n_references + 1 - fewest, fewest)
    return law.ppf(0.005) <= n_held <= law.ppf(0.995)


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(3400, 4))
    y = (X[:, 0] + rng.normal(size=3400) > 1).astype(int)
    return X, y, X[:, 0] + rng.normal(size=3400)


def test_sets_hold_the_class_of_new_rows_as_often_as_promised(noisy):
    X, y, _ = noisy
    model = ContrastiveNeighborsClassifier(quick(), random_state=0)
    model.fit(X[:400], y[:400])
    held = model.predict_set(X[400:])[np.arange(3000), y[400:]]
    assert within_chance(held.sum(), 3000, 100)
    by_class = model.predict_set(X[400:], by_class=True)
    for c in range(2):
        own = y[400:] == c
        n_references = (y[:400][model.held_out_rows_[0]] == c).sum()
        assert within_chance(by_class[own, c].sum(), own.sum(), n_references)
    # The rare class pays for the common one where all rows count.
    assert held[y[400:] == 1].mean() < by_class[y[400:] == 1, 1].mean() - 0.05


def test_intervals_hold_the_target_of_new_rows_as_often_as_promised(noisy):
    X, _, y = noisy
    model = ContrastiveNeighborsRegressor(quick(), random_state=0)
    lower, upper = model.fit(X[:400], y[:400]).predict_interval(X[400:]).T
    held = (lower <= y[400:]) & (y[400:] <= upper)
    assert within_chance(held.sum(), 3000, 100)


def test_the_guarantee_is_that_of_labels_at_random():
    # The network learns by heart: sets that took its training rows would hold nothing.
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(1600, 30)), rng.randint(2, size=1600)
    model = ContrastiveNeighborsClassifier(quick(max_iter=40), random_state=0)
    sets = model.fit(X[:200], y[:200]).predict_set(X[200:])
    assert within_chance(sets[np.arange(1400), y[200:]].sum(), 1400, 50)


def test_labels_of_the_first_fold_do_not_move_its_network():
    X, y = load_iris(return_X_y=True)
    rows = np.arange(len(X))
    folds = [(rows[rows % 3 != k], rows[rows % 3 == k]) for k in range(3)]
    changed = y.copy()
    changed[folds[0][1]] = np.random.RandomState(0).permutation(y[folds[0][1]])
    part = quick(cross_fit=folds, n_components=12, max_iter=40, random_state=0)
    before, after = (clone(part).fit(X, labels) for labels in (y, changed))
    # Both lengths are chosen among, and the choice is another one.
    assert len([s for s in after.validation_scores_ if s is not None]) > 1
    for ours, theirs in zip(before._state.params, after._state.params, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert (ours[1] != theirs[1]).any()


def test_a_row_that_is_far_from_all_has_an_empty_set_and_a_long_interval():
    rng = np.random.RandomState(0)
    Z = on_sphere(rng, 100) * [1, 0.1, 0.1] + [3, 0, 0]
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    far, y = np.array([[-1.0, 0, 0]]), np.arange(100) % 2
    for by_class in (False, True):
        assert not label_sets(far, Z, y, 2, 0.9, by_class).any()
    assert label_sets(Z[:9], Z, y, 2, 0.9, False).any(axis=1).all()
    ends = target_intervals(np.vstack([far, Z]), Z, y[:, None] - 0.5, 0.9)
    lengths = np.ptp(ends[:, 0], axis=1)
    assert lengths[0] > 10 * lengths[1:].max()


def test_a_class_of_few_rows_is_in_every_set_by_class(fitted):
    X, y = load_iris(return_X_y=True)
    kept = np.flatnonzero((y < 2) | (np.arange(150) < 120))
    model = clone(fitted).fit(X[kept], y[kept])
    sets = model.predict_set(X, by_class=True)
    # 5 of the 20 rows are in the first fold, and 1 / (1 - 0.9) - 1 is 9.
    assert sets[:, 2].all()
    assert not sets[:, :2].all()
    assert not model.predict_set(X)[:50, 2].any()


def test_few_rows_promise_nothing_less():
    X, y = load_iris(return_X_y=True)
    model = ContrastiveNeighborsClassifier(quick(max_iter=1), random_state=0)
    assert model.fit(X[::5], y[::5]).predict_set(X).all()
    targets = ContrastiveNeighborsRegressor(quick(max_iter=1), random_state=0)
    ends = targets.fit(X[::5], X[::5, 0]).predict_interval(X, 0.95)
    assert (ends == [-np.inf, np.inf]).all()
    one = target_intervals(np.eye(2), np.eye(2)[:1], np.ones((1, 1)), 0.1)
    assert (one == [-np.inf, np.inf]).all()


@pytest.mark.parametrize(
    "confidence",
    [0, 1, -0.1, 90, np.nan, np.inf, True, None, "0.9", 0.9j, [0.9], np.array(0.9)],
)
def test_a_confidence_that_is_none_is_named(fitted, confidence):
    X, _ = load_iris(return_X_y=True)
    expected = "`confidence` must be a number between 0 and 1, both excluded; got "
    with pytest.raises(ValueError, match=re.escape(expected)):
        fitted.predict_set(X, confidence)
    with pytest.raises(ValueError, match=re.escape(expected)):
        ContrastiveNeighborsRegressor().predict_interval(X, confidence)


def test_a_confidence_is_any_real_number(fitted):
    X, _ = load_iris(return_X_y=True)
    sets = fitted.predict_set(X, 0.5)
    assert sets.shape == (150, 3)
    assert sets.dtype == bool
    for confidence in (Fraction(1, 2), np.float32(0.5), np.float64(0.5)):
        np.testing.assert_array_equal(fitted.predict_set(X, confidence), sets)


@pytest.mark.parametrize("confidence", [1e-3, 1e-12, 1e-300])
def test_hardly_any_confidence_leaves_what_is_stranger_than_no_row(fitted, confidence):
    X, _ = load_iris(return_X_y=True)
    for by_class in (False, True):
        sets = fitted.predict_set(X, confidence, by_class=by_class)
        expected = fitted.predict_set(X, 1e-3, by_class=by_class)
        np.testing.assert_array_equal(sets, expected)
    part = quick(max_iter=2, n_components=16)
    model = ContrastiveNeighborsRegressor(part, cross_fit=2, random_state=0)
    ends = model.fit(X[:, 1:], X[:, 0]).predict_interval(X[:5, 1:], confidence)
    assert (ends[:, 0] <= ends[:, 1]).all()
    np.testing.assert_array_equal(ends, model.predict_interval(X[:5, 1:], 1e-3))


def test_several_labels_of_a_row_are_refused():
    X, y = load_iris(return_X_y=True)
    labels = np.column_stack([y == 0, y > 0]).astype(int)
    model = ContrastiveNeighborsClassifier(quick(max_iter=1)).fit(X, labels)
    with pytest.raises(ValueError, match="Fit a classifier to each label"):
        model.predict_set(X)


def test_pickles_frames_and_single_precision(fitted):
    pandas = pytest.importorskip("pandas")
    X, y = load_iris(return_X_y=True)
    sets = fitted.predict_set(X)
    kept = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(kept.predict_set(X), sets)
    for rows in (pandas.DataFrame(X, columns=list("abcd")), X.astype(np.float32)):
        model = clone(fitted).fit(rows, y.astype(str))
        np.testing.assert_array_equal(model.predict_set(rows), sets)
    one = np.vstack([fitted.predict_set(X[i : i + 1]) for i in range(5)])
    np.testing.assert_array_equal(one, sets[:5])


def test_intervals_go_with_the_unit_and_are_those_of_each_output():
    X, y = (each[:250] for each in load_diabetes(return_X_y=True))
    part = quick(max_iter=3, n_components=16)
    model = ContrastiveNeighborsRegressor(part, random_state=0).fit(X, y)
    ends = model.predict_interval(X)
    large = clone(model).fit(X, y * 2.0**900).predict_interval(X)
    np.testing.assert_allclose(large * 2.0**-900, ends)
    both = clone(model).fit(X, np.column_stack([y, -y])).predict_interval(X[:9])
    assert both.shape == (9, 2, 2)
    np.testing.assert_allclose(both[:, 1], -both[:, 0, ::-1])


def test_ties_of_targets_count():
    X, y = (each[:250] for each in load_diabetes(return_X_y=True))
    part = quick(max_iter=1, n_components=16)
    model = ContrastiveNeighborsRegressor(part, random_state=0)
    model.fit(X, np.column_stack([y > 100, np.full(len(X), 0.1)]))
    lower, upper = model.predict_interval(X)[:, 1].T
    assert (lower <= 0.1).all()
    assert (upper >= 0.1).all()
    assert np.ptp([lower, upper]) < 1e-4


def test_several_networks_of_the_first_fold_are_one():
    X, y = load_iris(return_X_y=True)
    part = quick(n_members=8, max_iter=2)
    model = ContrastiveNeighborsClassifier(part, cross_fit=4, random_state=0)
    model.fit(np.repeat(X, 11, axis=0), np.repeat(y, 11))
    assert len(model.held_out_rows_) == 8
    Z, references, values, _ = model._first_fold(X)
    width = model._networks[0].held_out.Z.shape[1]
    assert Z.shape[1] == references.shape[1] == 2 * width
    np.testing.assert_allclose(np.linalg.norm(references, axis=1), 1)
    assert len(values) == len(references)
    assert model.predict_set(X)[np.arange(150), y].mean() > 0.8


def test_the_part_of_many_references_has_all_classes_in_any_order_of_rows():
    # Evenly spaced ones would be of one class where two take turns.
    rows = counted(9000)
    assert len({*rows}) == 2000
    assert 900 < (rows % 2).sum() < 1100
    np.testing.assert_array_equal(counted(2000), np.arange(2000))


def test_memory_has_a_limit_and_a_part_of_many_references_counts(fitted, monkeypatch):
    X, _ = load_iris(return_X_y=True)
    monkeypatch.setattr("sklearn_contrastive.neighbors._conformal._MOST_COUNTED", 15)
    _, references, values, _ = fitted._first_fold(X)
    assert len(references) == len(values) == 15
    places = fitted._networks[0].held_out.Z.tolist()
    assert all(Z in places for Z in references.tolist())
    rng = np.random.RandomState(0)
    Z, y = on_sphere(rng, 500), rng.randint(3, size=500)
    monkeypatch.setattr("sklearn_contrastive.neighbors._conformal._MOST_VALUES", 10_000)
    label_sets(Z[:5], Z, y, 3, 0.9, False)
    tracemalloc.start()
    label_sets(np.tile(Z, (20, 1)), Z, y, 3, 0.9, False)
    # All at once would be 40 MB, several times over.
    assert tracemalloc.get_traced_memory()[1] < 8e6
    tracemalloc.stop()
