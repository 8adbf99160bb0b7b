"""Class labels: their types, their pairs and their batches."""

import re
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_contrastive._pairs._keys import Keys
from sklearn_contrastive.similarity import LabelSimilarity

few = settings(max_examples=60, deadline=None)


def fitted(counts, shuffle=True):
    y = np.repeat(np.arange(len(counts)), counts)
    if shuffle:
        y = np.random.RandomState(0).permutation(y)
    return LabelSimilarity().fit(None, y)


def class_counts(similarity, batch):
    return np.bincount(similarity.codes_[batch], minlength=len(similarity.classes_))


@pytest.mark.parametrize(
    "y",
    [
        np.array(["b", "a", "b", "a"]),
        np.array(["b", "a", "b", "a"], dtype=object),
        ["b", "a", "b", "a"],
        np.array([True, False, True, False]),
        np.array([1, -1, 1, -1]),
        np.array([1.0, -1.0, 1.0, -1.0], dtype=np.float32),
        np.array([b"b", b"a", b"b", b"a"]),
        pd.Series(["b", "a", "b", "a"], dtype="category"),
        pd.Series(["b", "a", "b", "a"], dtype="string"),
        pd.Series([2, 1, 2, 1], dtype="Int64"),
        [date(2020, 2, 1), date(2020, 1, 1)] * 2,
        np.array(["2020-02", "2020-01"] * 2, dtype="datetime64[M]"),
    ],
)
def test_labels_of_any_type(y):
    similarity = LabelSimilarity().fit(np.zeros((4, 1)), y)
    assert similarity.codes_.tolist() == [1, 0, 1, 0]
    assert len(similarity.classes_) == 2


@pytest.mark.parametrize("dtype", ["Int64", "boolean"])
def test_nullable_labels_keep_their_type(dtype):
    similarity = LabelSimilarity().fit(None, pd.Series([1, 0, 1, 0], dtype=dtype))
    assert similarity.classes_.dtype.kind == ("i" if dtype == "Int64" else "b")


def test_pairs_are_the_literal_comparison():
    y = np.random.RandomState(0).randint(3, size=10)
    similarity = LabelSimilarity().fit(None, y)
    anchors, candidates = np.array([0, 3, 3, 7]), np.array([3, 0, 9, 1, 7])
    pairs = similarity.compare(similarity.keys(anchors), similarity.keys(candidates))
    for i, a in enumerate(anchors):
        for j, c in enumerate(candidates):
            assert pairs.positive[i, j] == (y[a] == y[c] and a != c)
            assert pairs.negative[i, j] == (y[a] != y[c])


def test_pairs_of_stacked_batches_are_the_stacked_pairs():
    similarity = fitted([5, 5, 5])
    index = np.arange(12).reshape(3, 4)
    stacked = similarity.compare(similarity.keys(index), similarity.keys(index))
    for step in range(3):
        keys = Keys(index[step], similarity.codes_[index[step]])
        for many, one in zip(stacked, similarity.compare(keys, keys), strict=True):
            np.testing.assert_array_equal(many[step], one)


@few
@given(
    counts=st.lists(st.integers(1, 60), min_size=2, max_size=40),
    share=st.floats(0.01, 1),
    seed=st.integers(0, 1000),
)
def test_batches_hold_each_row_once_and_keep_their_shape(counts, share, seed):
    counts[0] = max(counts[0], 2)
    similarity = fitted(counts)
    n_rows = sum(counts)
    batch_size = max(2, int(share * n_rows))
    index = similarity.batches(batch_size, np.random.RandomState(seed))
    assert 1 <= len(index) <= n_rows // batch_size
    assert index.shape[1] == batch_size
    assert index.min() >= 0
    assert index.max() < n_rows
    for batch in index:
        assert len(np.unique(batch)) == batch_size


def test_balanced_classes_are_drawn_uniformly():
    similarity = fitted([100] * 8)
    index = similarity.batches(200, np.random.RandomState(0))
    assert index.shape == (4, 200)
    assert len(np.unique(index)) == 800


def test_two_classes_share_a_batch():
    similarity = fitted([900, 100])
    index = similarity.batches(100, np.random.RandomState(0))
    assert index.shape == (10, 100)
    for batch in index:
        assert class_counts(similarity, batch).tolist() == [50, 50]


def test_a_tiny_class_of_two_gives_all_it_has():
    similarity = fitted([990, 3])
    for batch in similarity.batches(100, np.random.RandomState(0)):
        assert class_counts(similarity, batch).tolist() == [97, 3]


def test_rare_classes_have_positives_in_every_batch():
    similarity = fitted([5000, 40, 6, 2, 1])
    for batch in similarity.batches(256, np.random.RandomState(0)):
        counts = class_counts(similarity, batch)
        assert counts[1:4].tolist() == [5, 4, 2] or counts[1] >= 4
        assert counts[2] >= 4
        assert counts[3] == 2
        assert counts[4] == 1


def test_more_classes_than_places_come_in_groups():
    similarity = fitted([10] * 300)
    index = similarity.batches(64, np.random.RandomState(0))
    for batch in index:
        counts = class_counts(similarity, batch)
        with_positive = counts[counts >= 2].sum()
        # Groups of 4, 4 and 2 rows; the ends of a batch may cut one.
        assert with_positive >= 60
        assert np.count_nonzero(counts) >= 16


def test_a_dominant_class_does_not_fill_the_batches_of_many():
    similarity = fitted([20_000] + [8] * 500)
    index = similarity.batches(128, np.random.RandomState(0))
    shares = [class_counts(similarity, batch)[0] for batch in index]
    assert max(shares) <= 12
    assert len(np.unique(index)) == index.size


@pytest.mark.filterwarnings("ignore:`y` has 61 different numbers:UserWarning")
def test_singletons_are_negatives():
    similarity = fitted([4] + [1] * 60)
    (batch,) = similarity.batches(64, np.random.RandomState(0))
    assert sorted(batch) == list(range(64))


@few
@given(
    counts=st.lists(st.integers(1, 50), min_size=2, max_size=30),
    fraction=st.floats(0.05, 0.5),
    seed=st.integers(0, 1000),
)
def test_both_parts_of_a_split_have_both_kinds_of_pairs(counts, fraction, seed):
    similarity = fitted([*counts, 8, 8])
    kept, held_out = similarity.hold_out(fraction, np.random.RandomState(seed))
    rows = np.concatenate([kept.rows_, held_out.rows_])
    assert sorted(rows) == list(range(sum(counts) + 16))
    for part in (kept, held_out):
        index = part.batches(len(part.rows_), np.random.RandomState(seed))
        assert sorted(index[0]) == sorted(part.rows_)
        pairs = part.compare(part.keys(index[0]), part.keys(index[0]))
        assert pairs.positive.any()
        assert pairs.negative.any()


def test_a_split_takes_about_the_same_share_of_every_class():
    similarity = fitted([1000, 200, 5000])
    _, held_out = similarity.hold_out(0.1, np.random.RandomState(0))
    counts = class_counts(similarity, held_out.rows_)
    assert np.abs(counts - [100, 20, 500]).max() <= 2


def test_a_table_too_small_to_split_is_an_error():
    with pytest.raises(ValueError, match="too few to hold some out"):
        fitted([2, 1, 1]).hold_out(0.1, np.random.RandomState(0))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        ([0, 1, 0], "inconsistent numbers of samples, 4 rows and 3 in `y`"),
        ([0, 0, 0, 0], "`y` must hold at least two classes; got one class only"),
        ([0, 1, 2, 3], "`y` must hold a class with at least two rows; got 4 classes"),
        ([0.5, 1.0, 0.5, 2.0], "continuous values such as 0.5"),
        ([0.0, np.nan, 1.0, 1.0], "1 are missing"),
        ([0.0, np.inf, 1.0, 1.0], "1 are missing"),
        (["a", None, None, "b"], "2 are missing"),
        (np.array(["a", np.nan, "a", "b"], dtype=object), "the first at row 1"),
        (pd.Series(["a", pd.NA, "a", "b"], dtype="string"), "1 are missing"),
        (np.array(["NaT", 1, 1, 2], dtype="datetime64[D]"), "1 are missing"),
        ([1j, 1, 1j, 1], "Complex data not supported"),
        (np.zeros((4, 2)), "y should be a 1d array"),
    ],
)
def test_labels_that_make_no_pairs_are_an_error(y, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        LabelSimilarity().fit(np.zeros((4, 1)), y)


def test_labels_of_mixed_types_are_an_error():
    y = np.array(["a", 1, "a", 1], dtype=object)
    with pytest.raises(TypeError, match=re.escape("got a mix of ['int', 'str']")):
        LabelSimilarity().fit(None, y)


def test_rows_per_class_out_of_range_is_an_error():
    with pytest.raises(ValueError, match="'rows_per_class' parameter"):
        LabelSimilarity(rows_per_class=1).fit(None, [0, 0, 1])
