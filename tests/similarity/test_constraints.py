"""Similarity from given pairs: their literal meaning, their closure, their batches."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.similarity import PairConstraints

few = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 2**32 - 1)
X = np.random.RandomState(0).normal(size=(12, 3))


def weights_of(similarity, n_rows=12):
    keys = similarity.keys(np.arange(n_rows))
    return similarity.compare(keys, keys)


def drawn(seed, n_pairs=14, n_rows=12):
    """Return pairs of rows, some more than once and some both ways."""
    rng = np.random.RandomState(seed)
    pairs = rng.randint(n_rows, size=(n_pairs, 2))
    pairs[:, 1] = np.where(
        pairs[:, 0] == pairs[:, 1], (pairs[:, 0] + 1) % n_rows, pairs[:, 1]
    )
    return pairs, rng.randint(2, size=n_pairs), rng.uniform(0.1, 2, n_pairs)


def by_loop(pairs, labels, weights=None, n_rows=12):
    """Return the weights of both kinds, and how many pairs are given both ways."""
    weights = np.ones(len(pairs)) if weights is None else weights
    kinds = np.zeros((2, n_rows, n_rows))
    for (i, j), label, weight in zip(pairs, labels, weights, strict=True):
        kind = 0 if label == 1 else 1
        kinds[kind, i, j] = kinds[kind, j, i] = max(kinds[kind, i, j], weight)
    both = (kinds > 0).all(axis=0)
    kinds[:, both] = 0
    return kinds, both.sum() // 2


def closed_by_loop(pairs, labels, n_rows=12):
    """Return what follows from pairs, added pair by pair until nothing is new."""
    similar = {(i, i) for i in range(n_rows)}
    for (i, j), label in zip(pairs, labels, strict=True):
        similar |= {(i, j), (j, i)} if label == 1 else set()
    while True:
        more = {(i, k) for i, j in similar for m, k in similar if j == m} - similar
        if not more:
            break
        similar |= more
    dissimilar = set()
    for (i, j), label in zip(pairs, labels, strict=True):
        if label != 1:
            for left in range(n_rows):
                for right in range(n_rows):
                    if (left, i) in similar and (right, j) in similar:
                        dissimilar |= {(left, right), (right, left)}
    kinds = np.zeros((2, n_rows, n_rows))
    for kind, found in enumerate((similar, dissimilar)):
        for i, j in found:
            kinds[kind, i, j] = i != j
    both = kinds.all(axis=0)
    kinds[:, both] = 0
    return kinds, both


def fit_as_expected(similarity, kinds, contradicted):
    """Fit to what has pairs of both kinds, and warns of contradictions or not."""
    if not kinds[0].any() or not kinds[1].any():
        return None
    if not contradicted:
        return similarity.fit(X)
    with pytest.warns(
        UserWarning, match="are both similar and dissimilar by what is given"
    ):
        return similarity.fit(X)


# The pairs.


@few
@given(seed=seeds, heavy=st.booleans())
def test_weights_are_those_of_the_pairs(seed, heavy):
    pairs, labels, weights = drawn(seed)
    weights = weights if heavy else None
    kinds, contradicted = by_loop(pairs, labels, weights)
    similarity = PairConstraints(pairs, labels, weights=weights)
    if fit_as_expected(similarity, kinds, contradicted) is None:
        return
    assert_array_equal(weights_of(similarity), kinds)
    assert similarity.n_contradictions_ == contradicted
    assert_array_equal(similarity.rows_, np.flatnonzero(kinds.any(axis=(0, 1))))


@pytest.mark.parametrize(
    "labels",
    [
        [1, 0, 1, 0],
        [1, -1, 1, -1],
        [True, False, True, False],
        np.array([1.0, 0.0, 1.0, 0.0]),
        np.array([1.0, -1.0, 1.0, -1.0], dtype=np.float32),
        np.array([[1], [0], [1], [0]], dtype=np.uint8),
        pd.Series([True, False, True, False], dtype="boolean"),
        pd.Series([1, 0, 1, 0], dtype="Int64"),
    ],
)
def test_pair_labels_in_any_coding(labels):
    pairs = [[0, 1], [1, 2], [3, 4], [4, 5]]
    found = weights_of(PairConstraints(pairs, labels).fit(X))
    assert_array_equal(found, by_loop(pairs, [1, 0, 1, 0])[0])


@pytest.mark.parametrize("kind", [np.array, pd.DataFrame, list, np.uint8])
def test_pairs_in_any_table(kind):
    pairs = kind([[0, 1], [1, 2]])
    found = weights_of(PairConstraints(pairs, [1, 0]).fit(X))
    assert_array_equal(found, by_loop([[0, 1], [1, 2]], [1, 0])[0])


def test_of_a_pair_given_twice_the_greater_weight_counts():
    pairs = [[0, 1], [1, 0], [2, 3], [3, 2]]
    similarity = PairConstraints(pairs, [1, 1, 0, 0], weights=[0.5, 2, 3, 1]).fit(X)
    positive, negative = weights_of(similarity)
    assert positive[0, 1] == positive[1, 0] == 2
    assert negative[2, 3] == negative[3, 2] == 3


def test_a_pair_given_both_ways_is_left_out_with_a_warning():
    pairs = [[0, 1], [1, 0], [2, 3], [4, 5], [6, 7], [7, 6]]
    similarity = PairConstraints(pairs, [1, 0, 1, 0, 0, 1], weights=np.arange(1, 7))
    message = (
        "2 pairs are both similar and dissimilar by what is given: they are left out."
    )
    with pytest.warns(UserWarning, match=re.escape(message)):
        similarity.fit(X)
    assert similarity.n_contradictions_ == 2
    assert_array_equal(similarity.rows_, [2, 3, 4, 5])
    positive, negative = weights_of(similarity)
    assert not positive[[0, 6], [1, 7]].any()
    assert not negative[[0, 6], [1, 7]].any()


# What follows from them.


@few
@given(seed=seeds, n_pairs=st.integers(3, 16))
def test_the_closure_is_what_follows_pair_by_pair(seed, n_pairs):
    pairs, labels, _ = drawn(seed, n_pairs)
    kinds, both = closed_by_loop(pairs, labels)
    similarity = PairConstraints(pairs, labels, transitive_closure=True)
    if fit_as_expected(similarity, kinds, both.any()) is None:
        return
    found = weights_of(similarity)
    assert_array_equal(found, kinds)
    assert (similarity.n_contradictions_ > 0) == both.any()
    known = np.flatnonzero(kinds.any(axis=(0, 1)))
    assert_array_equal(similarity.rows_, known)


def test_the_closure_of_pairs_of_one_kind_each_is_the_pairs():
    pairs, labels = [[0, 1], [2, 3], [4, 5], [6, 7]], [1, 1, 0, 0]
    plain, closed = (
        weights_of(PairConstraints(pairs, labels, transitive_closure=closure).fit(X))
        for closure in (False, True)
    )
    assert_array_equal(plain, closed)


def test_a_chain_of_must_links_with_a_cannot_link_inside_contradicts_itself():
    pairs = [[0, 1], [1, 2], [0, 2], [3, 4], [4, 5]]
    similarity = PairConstraints(pairs, [1, 1, 0, 1, 0], transitive_closure=True)
    with pytest.warns(UserWarning, match="both similar and dissimilar"):
        similarity.fit(X)
    positive, negative = weights_of(similarity)
    assert not positive[:3].any()
    assert not negative[:3].any()
    assert positive[3, 4] == 1
    assert negative[3, 5] == negative[4, 5] == 1


@few
@given(seed=seeds)
def test_batches_along_a_closure_hold_both_kinds_of_pairs(seed):
    rng = np.random.RandomState(seed)
    # Forty rows in ten groups, known by chains.
    rows = rng.permutation(40)
    pairs = [(rows[i], rows[i + 1]) for i in range(39) if i % 4 < 3]
    pairs += [(rows[4 * g], rows[(4 * g + 5) % 40]) for g in range(10)]
    similarity = PairConstraints(pairs, [1] * 30 + [0] * 10, transitive_closure=True)
    similarity.fit(np.zeros((40, 1)))
    positive, negative = weights_of(similarity, 40)
    assert positive.sum() == 40 * 3
    for batch in similarity.batches(12, rng):
        inside = np.ix_(batch, batch)
        assert positive[inside].any()
        assert negative[inside].any()


# Batches.


def many_pairs(n_rows=200, n_pairs=120):
    rng = np.random.RandomState(0)
    pairs = rng.permutation(n_rows * 2)[: 2 * n_pairs].reshape(-1, 2) // 2
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return pairs, np.arange(len(pairs)) % 4 == 0


def test_half_of_the_pairs_of_a_batch_are_similar():
    pairs, labels = many_pairs()
    similarity = PairConstraints(pairs, labels).fit(np.zeros((200, 1)))
    positive, negative = weights_of(similarity, 200)
    for batch in similarity.batches(20, np.random.RandomState(0)):
        first, second = batch[0::2], batch[1::2]
        # Another row stands in where one came twice.
        assert positive[first, second][:5].sum() >= 3
        assert negative[first, second][5:].sum() >= 3


def test_every_pair_is_drawn_about_as_often():
    pairs, labels = many_pairs()
    similarity = PairConstraints(pairs, labels).fit(np.zeros((200, 1)))
    kinds = weights_of(similarity, 200)
    rng = np.random.RandomState(0)
    batches = np.concatenate([similarity.batches(8, rng) for _ in range(60)])
    for kind, places in zip(kinds, ([0, 2], [4, 6]), strict=True):
        counts = np.zeros((200, 200))
        for place in places:
            np.add.at(counts, (batches[:, place], batches[:, place + 1]), 1)
        counts = (counts + counts.T)[np.triu(kind, k=1) > 0]
        assert counts.min() > 0.6 * counts.mean()
        assert counts.max() < 1.4 * counts.mean()


def test_both_parts_of_a_split_have_both_kinds_of_pairs():
    pairs, labels = many_pairs()
    similarity = PairConstraints(pairs, labels).fit(np.zeros((200, 1)))
    whole = weights_of(similarity, 200)
    parts = similarity.hold_out(0.25, np.random.RandomState(0))
    found = [weights_of(part, 200) for part in parts]
    for kind in range(2):
        kept, held_out = found[0][kind], found[1][kind]
        assert_array_equal(kept + held_out, whole[kind])
        assert held_out.sum() / whole[kind].sum() == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize("labels", [[1, 0], [1, 1, 0], [1, 0, 0]])
def test_too_few_pairs_to_hold_some_out_are_an_error(labels):
    pairs = [[0, 1], [2, 3], [4, 5]][: len(labels)]
    similarity = PairConstraints(pairs, labels).fit(X)
    message = (
        "Two pairs of each kind are needed to keep one and hold one out. Set "
        "`early_stopping=False` or give more pairs."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        similarity.hold_out(0.1, np.random.RandomState(0))


# Rows that are part of a table, and samples that are pairs.


@few
@given(seed=seeds, n_there=st.integers(4, 12), heavy=st.booleans())
def test_pairs_of_some_rows_are_those_with_both_ends_there(seed, n_there, heavy):
    pairs, labels, weights = drawn(seed, n_pairs=20)
    labels = (pairs.sum(axis=1) % 2).astype(int)
    rows = np.random.RandomState(seed).permutation(12)[:n_there]
    weights = weights if heavy else None
    kinds, _ = by_loop(pairs, labels, weights)
    expected = kinds[:, rows][:, :, rows]
    similarity = PairConstraints(pairs, labels, weights=weights)
    if not expected[0].any() or not expected[1].any():
        return
    before = similarity.get_params()
    part = similarity.of_rows(rows)
    assert all(similarity.get_params()[name] is before[name] for name in before)
    assert_array_equal(weights_of(part.fit(X[rows]), n_there), expected)


def test_samples_may_be_the_pairs():
    labels = [1, 0, 0, 1, 0, 1]
    similarity = PairConstraints().fit(X, labels)
    pairs = np.arange(12).reshape(-1, 2)
    assert_array_equal(weights_of(similarity), by_loop(pairs, labels)[0])
    settings = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
    tables = [
        ContrastiveEmbedding(2, similarity=similarity, **settings)
        .fit(X.reshape(6, 2, 3), labels)
        .transform(X)
        for similarity in ("auto", "pairs", PairConstraints())
    ]
    model = ContrastiveEmbedding(2, similarity=PairConstraints(pairs, labels))
    tables.append(model.set_params(**settings).fit(X).transform(X))
    for table in tables[1:]:
        assert_array_equal(tables[0], table)


# Errors.


ONE_KIND = (
    "`{}` must hold pairs of both kinds; got {} similar and {} dissimilar ones, {} of "
    "them both. If all other pairs are dissimilar, use NeighborSimilarity(edges=...)."
)
CODING = "`labels` must hold 1 or True for similar pairs and 0, -1 or False for others,"
TWO = [[0, 1], [2, 3]]
BAD = {
    "too large": (
        ([[0, 12], [2, 3]], [1, 0]),
        {},
        "`pairs` must hold row numbers from 0 to 11; got some from 0 to 12.",
    ),
    "negative": (([[0, -1], [2, 3]], [1, 0]), {}, "0 to 11; got some from -1 to 3."),
    "float": (
        ([[0.0, 1.0], [2.0, 3.0]], [1, 0]),
        {},
        "`pairs` must hold two row numbers per pair, integers of shape (n_pairs, 2); "
        "got float64 of shape (2, 2). Count rows from 0.",
    ),
    "text": (([["a", "b"]], [1]), {}, "(n_pairs, 2); got <U1 of shape (1, 2)."),
    "itself": (
        ([[0, 1], [5, 5], [4, 4]], [1, 0, 0]),
        {},
        "`pairs` must join different rows; 2 pair a row with itself, the first at "
        "position 1 (row 5).",
    ),
    "flat": (([0, 1], [1, 0]), {}, "(n_pairs, 2); got int64 of shape (2,)."),
    "none": (([], []), {}, "shape (n_pairs, 2); got float64 of shape (0,)."),
    "no labels": (
        (TWO, None),
        {},
        "`labels` must hold 1 (similar) or 0 or -1 (dissimilar) for each of 2 pairs; "
        "got None.",
    ),
    "few labels": (
        (TWO, [1]),
        {},
        "(dissimilar) for each of 2 pairs; got shape (1,).",
    ),
    "two columns": ((TWO, [[1, 0], [0, 1]]), {}, "each of 2 pairs; got shape (2, 2)."),
    "three kinds": (([*TWO, [4, 5]], [1, 0, -1]), {}, CODING),
    "other kinds": ((TWO, [1, 2]), {}, "one of the three throughout; got [1, 2]."),
    "NaN": ((TWO, [1, np.nan]), {}, "one of the three throughout; got [1.0, nan]."),
    "words": ((TWO, ["yes", "no"]), {}, "the three throughout; got ['no', 'yes']."),
    "only similar": ((TWO, [1, 1]), {}, ONE_KIND.format("labels", 2, 0, 0)),
    "only dissimilar": ((TWO, [0, 0]), {}, ONE_KIND.format("labels", 0, 2, 0)),
    "weight zero": (
        (TWO, [1, 0]),
        {"weights": [1, 0]},
        "`weights` must hold a number > 0 for each of 2 pairs; got 1 such numbers "
        "in shape (2,).",
    ),
    "weight NaN": ((TWO, [1, 0]), {"weights": [1, np.nan]}, "`weights` must hold a"),
    "weight below": (
        (TWO, [1, 0]),
        {"weights": [1, -1]},
        "got 1 such numbers in shape (2,).",
    ),
    "few weights": ((TWO, [1, 0]), {"weights": [1]}, "in shape (1,)."),
    "weights and closure": (
        (TWO, [1, 0]),
        {"weights": [1, 2], "transitive_closure": True},
        "`weights` must be None with `transitive_closure=True`: pairs that follow from "
        "others have no weight of their own.",
    ),
    "closure": (
        (TWO, [1, 0]),
        {"transitive_closure": "yes"},
        "The 'transitive_closure' parameter of PairConstraints must be",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_pair_of_rows_is_an_error(name):
    own, settings, message = BAD[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        PairConstraints(*own, **settings).fit(X)
    model = ContrastiveEmbedding(
        2, similarity=PairConstraints(*own, **settings), max_iter=1
    )
    before = dict(vars(model))
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(X)
    assert vars(model) == before


def test_pairs_that_all_contradict_each_other_are_an_error():
    similarity = PairConstraints([[0, 1], [1, 0]], [1, 0])
    with (
        pytest.warns(UserWarning, match="1 pairs are both similar and dissimilar"),
        pytest.raises(ValueError, match=re.escape(ONE_KIND.format("labels", 1, 1, 1))),
    ):
        similarity.fit(X)


BAD_SAMPLES = {
    "rows": (
        (X, [1, 0] * 6),
        "`X` must hold pairs of rows, shape (n_pairs, 2, n_features), with "
        "similarity='pairs'; got shape (12, 3). Stack two tables with np.stack([A, B], "
        "axis=1), or name pairs by their row numbers: PairConstraints(pairs, labels).",
    ),
    "triples": ((X.reshape(4, 3, 3), [1, 0, 1, 0]), "got shape (4, 3, 3). Stack two"),
    "one label per row": (
        (X.reshape(6, 2, 3), [1, 0] * 6),
        "`y` must hold 1 (similar) or 0 or -1 (dissimilar) for each of 6 pairs; got "
        "shape (12,).",
    ),
    "no labels": ((X.reshape(6, 2, 3), None), "`y` must hold 1 (similar) or 0 or -1"),
    "one kind": ((X.reshape(6, 2, 3), [1] * 6), ONE_KIND.format("y", 6, 0, 0)),
    "ragged labels": (
        (X.reshape(6, 2, 3), [[1], [0, 1]]),
        "`y` must hold 1 (similar) or 0 or -1 (dissimilar) for each of 6 pairs: ",
    ),
    "classes": ((X.reshape(6, 2, 3), [1, 2, 3, 1, 2, 3]), "`y` must hold 1 or True"),
    "infinity": (
        (X.reshape(6, 2, 3) * np.inf, [1, 0] * 3),
        "`X` must be finite; found",
    ),
}


@pytest.mark.parametrize("name", BAD_SAMPLES)
def test_samples_that_are_no_pairs_are_an_error(name):
    table, message = BAD_SAMPLES[name]
    good = X.reshape(6, 2, 3), [1, 0] * 3
    own = {"hidden_layer_sizes": (2,), "max_iter": 1, "random_state": 0}
    for similarity in ("pairs", PairConstraints()):
        model = ContrastiveEmbedding(2, similarity=similarity, **own).fit(*good)
        before = dict(vars(model))
        with pytest.raises(ValueError, match=re.escape(message)):
            model.fit(*table)
        assert vars(model) == before


def test_pairs_as_samples_are_only_for_pairs():
    for similarity in ("labels", "neighbors", "views", "targets"):
        model = ContrastiveEmbedding(2, similarity=similarity, max_iter=1)
        with pytest.raises(ValueError, match=re.escape("Found array with dim 3")):
            model.fit(X.reshape(6, 2, 3), [1, 0] * 3)


def test_rows_are_not_for_samples_that_are_pairs():
    message = (
        "`rows` is only used by a similarity with row numbers: a graph, or `pairs` or "
        "`edges` that are given; got PairConstraints(). Leave it out."
    )
    model = ContrastiveEmbedding(2, similarity="pairs", max_iter=1)
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(X.reshape(6, 2, 3), [1, 0] * 3, rows=np.arange(12))


# Regressions.


def test_weights_of_another_number_are_an_error_with_rows_too():
    similarity = PairConstraints([[0, 1], [1, 2]], [1, 0], weights=[1.0])
    with pytest.raises(ValueError, match="`weights` must hold a number > 0"):
        similarity.of_rows(np.arange(3)).fit(X[:3])


def test_contradictions_of_a_closure_are_counted_in_pairs():
    pairs, labels = [[0, 1], [1, 2], [0, 2], [3, 4], [4, 5]], [1, 1, 0, 1, 0]
    similarity = PairConstraints(pairs, labels, transitive_closure=True)
    with pytest.warns(UserWarning, match="both similar and dissimilar"):
        similarity.fit(X)
    assert similarity.n_contradictions_ == closed_by_loop(pairs, labels)[1].sum() // 2


@pytest.mark.parametrize("batch_size", [2, 3])
def test_batches_of_one_pair_are_of_both_kinds(batch_size):
    pairs, labels = many_pairs()
    similarity = PairConstraints(pairs, labels).fit(np.zeros((200, 1)))
    positive, _ = weights_of(similarity, 200)
    index = similarity.batches(batch_size, np.random.RandomState(0))
    assert positive[index[:, 0], index[:, 1]].mean() > 0.2
