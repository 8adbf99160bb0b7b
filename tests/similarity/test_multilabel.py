"""Similarity from shared labels: sets, their indicators, errors."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csc_array, csr_matrix
from sklearn.datasets import make_multilabel_classification

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.similarity import MultilabelSimilarity, check_label_sets

few = settings(max_examples=30, deadline=None)
label_sets = st.lists(
    st.sets(st.sampled_from(["red", "round", "blue", "big"])), min_size=3, max_size=12
)
TAGS = [{"red", "round"}, {"red"}, {"blue"}, set(), {"round", "red"}, {"blue", "red"}]
CLASSES = ["blue", "red", "round"]
INDICATORS = np.array([[int(c in tags) for c in CLASSES] for tags in TAGS])


def weights_of(similarity):
    keys = similarity.keys(np.arange(len(similarity.indicators_)))
    return similarity.compare(keys, keys)


def by_loop(sets, overlap=False):
    kinds = np.zeros((2, len(sets), len(sets)))
    for i, ours in enumerate(sets):
        for j, theirs in enumerate(sets):
            if i != j and ours | theirs:
                similar = len(ours & theirs) / len(ours | theirs)
                similar = float(similar > 0) if overlap else similar
                kinds[:, i, j] = similar, 1 - similar
    return kinds


# The formula.


@few
@given(sets=label_sets, overlap=st.booleans())
def test_weights_are_shares_of_labels(sets, overlap):
    similarity = MultilabelSimilarity("overlap" if overlap else "jaccard")
    kinds = by_loop(sets, overlap)
    try:
        similarity.fit(None, sets)
    except ValueError:
        # Nobody shares a label, or all rows have the same.
        assert not kinds[0].any() or not by_loop(sets, True)[1].any()
        return
    assert_allclose(weights_of(similarity), kinds, rtol=1e-12)
    assert_array_equal(similarity.rows_, np.arange(len(sets)))
    assert similarity.classes_.tolist() == sorted(set().union(*sets))


def test_the_index_of_jaccard_by_hand():
    similarity = MultilabelSimilarity().fit(None, TAGS)
    positive, negative = weights_of(similarity)
    assert_allclose(positive[0], [0, 1 / 2, 0, 0, 1, 1 / 3])
    assert_allclose(negative[0], [0, 1 / 2, 1, 1, 0, 2 / 3])
    positive, negative = weights_of(MultilabelSimilarity("overlap").fit(None, TAGS))
    assert_array_equal(positive[0], [0, 1, 0, 0, 1, 1])
    assert_array_equal(negative[0], [0, 0, 1, 1, 0, 0])


def test_of_two_rows_without_labels_nothing_is_known():
    sets = [{"a"}, set(), {"a"}, set(), {"b"}]
    for name in ("jaccard", "overlap"):
        positive, negative = weights_of(MultilabelSimilarity(name).fit(None, sets))
        assert positive[1, 3] == negative[1, 3] == 0
        assert_array_equal(negative[1], [1, 0, 1, 0, 1])


# Label sets in any form.


@pytest.mark.parametrize(
    "y",
    [
        TAGS,
        tuple(TAGS),
        [list(tags) for tags in TAGS],
        [tuple(tags) for tags in TAGS],
        [frozenset(tags) for tags in TAGS],
        [[*tags, *tags] for tags in TAGS],
        [TAGS[0], list(TAGS[1]), tuple(TAGS[2]), set(), TAGS[4], frozenset(TAGS[5])],
        np.array(TAGS, dtype=object),
        pd.Series(TAGS, index=range(5, 11)),
    ],
)
def test_sets_in_any_form(y):
    classes, indicators = check_label_sets(y, 6)
    assert classes.tolist() == CLASSES
    assert_array_equal(indicators, INDICATORS)
    similarity = MultilabelSimilarity().fit(np.zeros((6, 1)), y)
    assert_allclose(weights_of(similarity), by_loop(TAGS))


@pytest.mark.parametrize(
    "kind",
    [
        np.array,
        np.bool_,
        np.float32,
        np.uint8,
        csr_matrix,
        csc_array,
        pd.DataFrame,
        lambda table: csr_matrix(table, dtype=bool),
    ],
)
def test_indicators_in_any_form(kind):
    classes, indicators = check_label_sets(kind(INDICATORS), 6)
    assert classes.tolist() == [0, 1, 2]
    assert_array_equal(indicators, INDICATORS)
    assert indicators.dtype == np.uint8


def test_many_labels_do_not_overflow_their_bytes():
    rng = np.random.RandomState(0)
    y = (rng.uniform(size=(6, 900)) < 0.7).astype(int)
    sets = [set(np.flatnonzero(row)) for row in y]
    similarity = MultilabelSimilarity().fit(None, y)
    assert_allclose(weights_of(similarity), by_loop(sets), rtol=1e-12)


def test_sets_and_their_indicators_train_the_same():
    X, y = make_multilabel_classification(60, 5, random_state=0)
    sets = [set(np.flatnonzero(row)) for row in y]
    tables = [
        ContrastiveEmbedding(2, hidden_layer_sizes=(4,), max_iter=2, random_state=0)
        .fit(X, known)
        .transform(X)
        for known in (y, sets, csr_matrix(y))
    ]
    assert_array_equal(tables[0], tables[1])
    assert_array_equal(tables[0], tables[2])


# Errors.


SHARED = "`y` must hold a label that two rows share; all differ or are absent "
SAME = (
    "`y` must hold rows that are dissimilar; every row shares a label with all "
    "others. Drop labels that all rows have."
)
MATRIX = (
    "`y` must be an indicator matrix of 0 and 1, shape (n_samples, n_classes), or a "
    "list of label sets; got shape "
)
BAD = {
    "none": (None, "This estimator requires y to be passed, but the target y is None."),
    "all different": (
        [{"a"}, {"b"}, {"c"}, {"d"}],
        SHARED + "(4 labels, n_samples=4).",
    ),
    "all empty": ([set()] * 4, SHARED + "(0 labels, n_samples=4)."),
    "no ones": (np.zeros((4, 3)), SHARED + "(3 labels, n_samples=4)."),
    "no columns": (np.zeros((4, 0)), SHARED + "(0 labels, n_samples=4)."),
    "all the same": ([{"a", "b"}] * 4, SAME),
    "all ones": (np.ones((4, 3), int), SAME),
    "short": (
        [{"a"}, {"a"}, {"b"}],
        "`y` must hold one label set per row of `X`: found input variables with "
        "inconsistent numbers of samples, 4 rows and 3 in `y`.",
    ),
    "one label per row": (
        [0, 1, 0, 1],
        MATRIX + "(4,) of int64. Use similarity='labels' for one label a row.",
    ),
    "text": (np.array([["a"], ["b"], ["a"], ["b"]]), MATRIX + "(4, 1) of <U1."),
    "counts": (np.arange(8).reshape(4, 2), MATRIX + "(4, 2) of int64."),
    "NaN": (np.full((4, 2), np.nan), MATRIX + "(4, 2) of float64."),
    "counts, sparse": (csr_matrix([[2, 1]] * 4), MATRIX + "(4, 2) of int64."),
}


@pytest.mark.parametrize("name", BAD)
def test_what_are_no_label_sets_is_an_error(name):
    y, message = BAD[name]
    X = np.random.RandomState(0).normal(size=(4, 2))
    with pytest.raises(ValueError, match=re.escape(message)):
        MultilabelSimilarity().fit(X, y)
    model = ContrastiveEmbedding(
        2, similarity="multilabel", hidden_layer_sizes=(2,), max_iter=1, random_state=0
    ).fit(X, [{"a"}, {"a"}, {"b"}, {"b"}])
    before = dict(vars(model))
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(X, y)
    assert vars(model) == before


def test_a_label_of_all_rows_leaves_no_two_without_overlap():
    sets = [{"a"}, {"a", "b"}, {"a", "c"}]
    MultilabelSimilarity().fit(None, sets)
    with pytest.raises(ValueError, match=re.escape(SAME)):
        MultilabelSimilarity("overlap").fit(None, sets)


def test_labels_that_cannot_be_sorted_are_an_error():
    message = "`y` must hold labels that can be sorted ("
    with pytest.raises(TypeError, match=re.escape(message)):
        MultilabelSimilarity().fit(None, [{"a", 1}, {"a"}, {1}])


def test_a_measure_of_another_name_is_an_error():
    message = "The 'measure' parameter of MultilabelSimilarity must be a str among"
    with pytest.raises(ValueError, match=re.escape(message)):
        MultilabelSimilarity("dice").fit(None, TAGS)


# Regressions.


def test_an_indicator_matrix_may_be_a_list_of_lists():
    _, indicators = check_label_sets(INDICATORS.tolist(), 6)
    assert_array_equal(indicators, INDICATORS)


def test_sets_that_all_overlap_are_an_error():
    with pytest.raises(
        ValueError, match=re.escape("`y` must hold rows that are dissimilar")
    ):
        MultilabelSimilarity("overlap").fit(None, [{"a", "b"}, {"b", "c"}, {"a", "c"}])
