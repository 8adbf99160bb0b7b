"""Similarity between changed copies of a row: what changes, and how much."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.similarity import ViewSimilarity, _views

few = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def table(n_rows=400, seed=0):
    """Return columns with values of their own each."""
    rng = np.random.RandomState(seed)
    return rng.uniform(size=(n_rows, 5)) + 10 * np.arange(5)


def views_of(similarity, X, seed=0):
    both = similarity.fit(X).views(X, np.random.default_rng(seed))
    assert both.shape == (2 * len(X), X.shape[1])
    return both[: len(X)], both[len(X) :]


# Similar and dissimilar views.


@few
@given(seed=seeds, n_rows=st.integers(1, 9), n_others=st.integers(1, 9))
def test_views_of_a_row_are_similar_and_those_of_others_are_not(seed, n_rows, n_others):
    similarity = ViewSimilarity().fit(np.zeros((20, 1)))
    rng = np.random.RandomState(seed)
    ours, theirs = rng.permutation(20)[:n_rows], rng.permutation(20)[:n_others]
    pairs = similarity.compare(similarity.keys(ours), similarity.keys(theirs))
    assert pairs.positive.shape == (2 * n_rows, 2 * n_others)
    for i in range(2 * n_rows):
        for j in range(2 * n_others):
            same_row = ours[i % n_rows] == theirs[j % n_others]
            same_view = i // n_rows == j // n_others
            assert pairs.positive[i, j] == (same_row and not same_view)
            assert pairs.negative[i, j] == (not same_row)


def test_views_of_part_of_the_rows_have_numbers_of_their_own():
    similarity = ViewSimilarity().fit(np.zeros((40, 1)))
    for part in similarity.hold_out(0.3, np.random.RandomState(0)):
        keys = part.keys(part.rows_)
        assert len(set(keys.rows.tolist())) == 2 * len(part.rows_)
        pairs = part.compare(keys, keys)
        assert_array_equal(pairs.positive.sum(axis=1), 1)


# Corruption.


@pytest.mark.parametrize(("amount", "share"), [("auto", 0.6), (0.1, 0.1), (0.9, 0.9)])
def test_about_the_amount_of_values_is_replaced(amount, share):
    X = table()
    first, second = views_of(ViewSimilarity(amount=amount), X)
    for view in (first, second):
        # A standard error is 0.011 at most.
        assert np.mean(view != X) == pytest.approx(share, abs=0.045)
        assert_allclose(np.mean(view != X, axis=0), share, atol=0.1)
    both = np.mean((first != X) & (second != X))
    assert both == pytest.approx(share**2, abs=0.06)


def test_values_come_from_their_own_column():
    X = table()
    for view in views_of(ViewSimilarity(), X):
        for column in range(5):
            assert np.isin(view[:, column], X[:, column]).all()
            changed = view[:, column][view[:, column] != X[:, column]]
            # From anywhere in it.
            assert len(np.unique(changed)) > 100
            assert changed.mean() == pytest.approx(X[:, column].mean(), abs=0.1)


def test_some_rows_stand_for_those_of_a_long_table(monkeypatch):
    X = table()
    monkeypatch.setattr(_views, "_MOST_DRAWN", 50)
    first, _ = views_of(ViewSimilarity(), X)
    drawn = np.unique(first[first != X])
    assert np.isin(drawn, X[::8]).all()


# Noise.


@pytest.mark.parametrize(("amount", "share"), [("auto", 0.5), (0.1, 0.1), (2.0, 2.0)])
def test_noise_is_so_many_deviations_of_a_column(amount, share):
    X = table(2000) * [1, 10, 0.1, 1, 0] + [0, 0, 0, 0, 7]
    for view in views_of(ViewSimilarity("noise", amount=amount), X):
        noise = view - X
        assert not noise[:, 4].any()
        assert_allclose(noise.std(axis=0), share * X.std(axis=0), rtol=0.08)
        deviations = noise[:, :4] / (share * X[:, :4].std(axis=0))
        assert_allclose(deviations.mean(axis=0), 0, atol=0.1)
        assert_allclose((deviations**4).mean(axis=0), 3, rtol=0.25)
        assert abs(np.corrcoef(deviations.T) - np.eye(4)).max() < 0.1


# Both.


@pytest.mark.parametrize("augment", ["corrupt", "noise", lambda X, rng: X + 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_views_keep_the_precision_of_the_rows(augment, dtype):
    X = table().astype(dtype)
    for view in views_of(ViewSimilarity(augment), X):
        assert view.dtype == dtype


@pytest.mark.parametrize("augment", ["corrupt", "noise"])
def test_views_differ_and_the_rows_stay_as_they_are(augment):
    X = table()
    before = X.copy()
    X.flags.writeable = False
    first, second = views_of(ViewSimilarity(augment), X)
    assert_array_equal(X, before)
    assert not np.array_equal(first, second)
    again = views_of(ViewSimilarity(augment), X)
    assert_array_equal(first, again[0])
    assert not np.array_equal(first, views_of(ViewSimilarity(augment), X, 1)[0])


@pytest.mark.parametrize("augment", ["corrupt", "noise", lambda X, rng: X + 1])
def test_the_first_view_may_be_the_row_itself(augment):
    X = table()
    first, second = views_of(ViewSimilarity(augment, keep_original=True), X)
    assert_array_equal(first, X)
    assert not np.array_equal(second, X)


def test_an_augmentation_of_the_user_takes_raw_rows_and_a_generator():
    X, seen = table(60) * [1, 100, 1, 1, 1], []

    def augment(rows, rng):
        assert isinstance(rng, np.random.Generator)
        seen.append(rows.copy())
        return rows + rng.normal(size=rows.shape)

    model = ContrastiveEmbedding(
        2,
        similarity=ViewSimilarity(augment),
        hidden_layer_sizes=(4,),
        batch_size=20,
        max_iter=2,
        random_state=0,
    ).fit(X)
    assert len(seen) == 2 * 6
    for first, second in zip(seen[0::2], seen[1::2], strict=True):
        assert_array_equal(first, second)
        assert first.shape == (20, 5)
        assert (first[:, None] == X).all(axis=2).any(axis=1).all()
    epoch = np.concatenate(seen[:6:2])
    assert_array_equal(np.sort(epoch, axis=0), np.sort(X, axis=0))
    assert np.isfinite(model.transform(X)).all()


def test_every_step_draws_anew_and_every_fit_the_same():
    X, drawn = table(40), []

    def augment(rows, rng):
        drawn.append(rng.random())
        return rows + rng.normal(size=rows.shape)

    model = ContrastiveEmbedding(
        2,
        similarity=ViewSimilarity(augment),
        hidden_layer_sizes=(4,),
        max_iter=3,
        random_state=0,
    )
    tables = [model.fit(X).transform(X) for _ in range(2)]
    assert_array_equal(*tables)
    assert len(set(drawn)) == 6
    assert drawn[:6] == drawn[6:]


@pytest.mark.parametrize("kind", [torch.from_numpy, np.ndarray.tolist, np.float16])
def test_an_augmentation_may_return_any_array(kind):
    X = table(20).astype(np.float32)
    first, _ = views_of(ViewSimilarity(lambda rows, rng: kind(rows)), X)
    assert_allclose(first, X, rtol=1e-3)
    assert first.dtype == np.float32


# Errors.


BAD = {
    "fewer columns": (
        lambda X, rng: X[:, :2],
        "`augment` must return numbers in the shape of its rows, (20, 5); got float64 "
        "of shape (20, 2).",
    ),
    "fewer rows": (lambda X, rng: X[:3], "(20, 5); got float64 of shape (3, 5)."),
    "nothing": (lambda X, rng: None, "got object of shape ()."),
    "text": (lambda X, rng: X.astype(str), "got <U32 of shape (20, 5)."),
    "complex": (lambda X, rng: X * 1j, "got complex128 of shape (20, 5)."),
    "NaN": (
        lambda X, rng: X * np.nan,
        "`augment` must return finite numbers; got NaN or inf.",
    ),
    "infinite": (lambda X, rng: X + np.inf, "must return finite numbers; got NaN or"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_augmentation_that_returns_no_rows_is_an_error(name):
    augment, message = BAD[name]
    X = table(20)
    with pytest.raises(ValueError, match=re.escape(message)):
        views_of(ViewSimilarity(augment), X)
    model = ContrastiveEmbedding(
        2, similarity="views", hidden_layer_sizes=(2,), max_iter=1, random_state=0
    ).fit(X)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=re.escape(message)):
        model.set_params(similarity=ViewSimilarity(augment)).fit(X)
    assert {**vars(model), "similarity": "views"} == before


@pytest.mark.parametrize(
    ("similarity", "message"),
    [
        (
            ViewSimilarity(amount=1.0),
            "`amount` must be a share below 1 with augment='corrupt'; got 1.0. With "
            "all values replaced nothing is left of a row.",
        ),
        (
            ViewSimilarity(lambda X, rng: X, amount=0.3),
            "`amount` must be 'auto' with an `augment` of your own; got 0.3. Build it "
            "into the function.",
        ),
        (ViewSimilarity(amount=0), "The 'amount' parameter of ViewSimilarity must be"),
        (
            ViewSimilarity(amount="much"),
            "The 'amount' parameter of ViewSimilarity must",
        ),
        (ViewSimilarity("mixup"), "The 'augment' parameter of ViewSimilarity must be"),
        (ViewSimilarity(keep_original=3), "The 'keep_original' parameter of ViewSimi"),
    ],
)
def test_settings_that_do_not_go_together_are_an_error(similarity, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        similarity.fit(table(20))


def test_one_row_is_too_few():
    message = "`X` must hold at least 2 rows; got n_samples=1."
    with pytest.raises(ValueError, match=re.escape(message)):
        ContrastiveEmbedding(2, similarity="views").fit(table(1))


def test_views_are_not_searched_in_the_whole_table():
    message = "`miner` must not be a GlobalMiner where changed copies of rows are"
    model = ContrastiveEmbedding(2, similarity="views", miner="global", max_iter=1)
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(table(60))
