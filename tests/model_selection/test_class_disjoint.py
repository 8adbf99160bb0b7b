"""Folds of whole classes: which rows go where, errors, use in scikit-learn."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    cross_val_score,
    cross_validate,
)

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.model_selection import ClassDisjointKFold

few = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**32 - 1)


#: A fold of one class is of no use, but a fold all the same.
small_folds = pytest.mark.filterwarnings("ignore:A test fold holds a single class")


def folds_of(y, *args, **own):
    """Return the rows of each test fold."""
    splits = ClassDisjointKFold(*args, **own).split(y, y)
    return [test.tolist() for _, test in splits]


def labels(seed, n_classes, n_rows=60):
    rng = np.random.RandomState(seed)
    return rng.permutation(np.r_[np.arange(n_classes), rng.geometric(0.3, n_rows) - 1])


# Which rows go where.


def test_classes_go_to_the_fold_with_the_fewest_rows_largest_first():
    # 5 b, then 4 d, then 3 a to d's fold (4 < 5), then 2 c to b's (5 < 7).
    y = list("aaabbbbbccdddd")
    b_and_c = [3, 4, 5, 6, 7, 8, 9]
    assert folds_of(y, 2) == [b_and_c, [0, 1, 2, 10, 11, 12, 13]]


@small_folds
@few
@given(
    seed=seeds,
    n_splits=st.integers(2, 6),
    n_classes=st.integers(12, 20),
    shuffle=st.booleans(),
)
def test_every_row_is_tested_once_and_its_class_not_trained_on(
    seed, n_splits, n_classes, shuffle
):
    y = labels(seed, n_classes)
    splitter = ClassDisjointKFold(
        n_splits, shuffle=shuffle, random_state=seed if shuffle else None
    )
    tested = []
    splits = list(splitter.split(np.zeros((len(y), 2)), y))
    assert len(splits) == splitter.get_n_splits() == n_splits
    for train, test in splits:
        assert not set(y[train]) & set(y[test])
        assert len(train) + len(test) == len(y)
        assert_array_equal(train, np.unique(train))
        assert_array_equal(test, np.unique(test))
        assert test.size
        tested.append(test)
    assert_array_equal(np.sort(np.concatenate(tested)), np.arange(len(y)))
    sizes = [len(test) for test in tested]
    assert max(sizes) - min(sizes) <= np.bincount(y).max()


@small_folds
@few
@given(seed=seeds, n_splits=st.integers(2, 6))
def test_folds_are_those_of_groups(seed, n_splits):
    # Classes of different sizes, since ties go the other way there.
    sizes = np.random.RandomState(seed).permutation(np.arange(1, 3 * n_splits + 1))
    y = np.repeat(np.arange(len(sizes)), sizes)
    X = np.zeros((len(y), 1))
    expected = GroupKFold(n_splits).split(X, groups=y)
    assert folds_of(y, n_splits) == [test.tolist() for _, test in expected]


@few
@given(seed=seeds, shuffle=st.booleans())
def test_the_order_of_rows_does_not_matter(seed, shuffle):
    y = np.random.RandomState(seed).permutation(np.repeat(np.arange(12), 4))
    order = np.random.RandomState(seed + 1 if seed < 2**32 - 1 else 0).permutation(48)
    own = {"shuffle": shuffle, "random_state": 0 if shuffle else None}
    straight, shuffled = folds_of(y, 3, **own), folds_of(y[order], 3, **own)
    for left, right in zip(straight, shuffled, strict=True):
        assert set(y[left]) == set(y[order][right])


def test_equal_classes_are_dealt_out_in_turn():
    y = np.repeat(np.arange(6), 3)
    sets = [set(y[test]) for test in folds_of(y, 3)]
    assert sets == [{0, 3}, {1, 4}, {2, 5}]


def test_shuffled_classes_differ_from_seed_to_seed_and_not_within_one():
    y = np.repeat(np.arange(20), 2)
    drawn = [folds_of(y, 4, shuffle=True, random_state=seed) for seed in range(5)]
    assert drawn[0] == folds_of(y, 4, shuffle=True, random_state=0)
    assert len({str(folds) for folds in drawn}) == 5
    assert drawn[0] != folds_of(y, 4)
    # A stream of random numbers advances from call to call.
    splitter = ClassDisjointKFold(
        4, shuffle=True, random_state=np.random.RandomState(0)
    )
    first, second = ([test.tolist() for _, test in splitter.split(y, y)] for _ in "ab")
    assert first != second


LABELS = [
    np.array([0.0, 0, 1, 1, 2, 2, 3, 3]),
    list("aabbccdd"),
    tuple("aabbccdd"),
    np.array(list("aabbccdd"), dtype=object),
    np.array([-1, -1, 5, 5, 7, 7, 9, 9], dtype=np.int8),
    pd.Series(list("aabbccdd"), index=range(8, 16)),
    pd.Series(list("aabbccdd"), dtype="category"),
    pd.Series([1, 1, 2, 2, 3, 3, 4, 4], dtype="Int64"),
    pl.Series(list("aabbccdd")),
    pd.DataFrame({"label": list("aabbccdd")}),
    np.repeat(np.arange(4), 2).astype("datetime64[D]"),
]


def test_labels_of_any_type():
    for y in LABELS:
        assert folds_of(y, 2) == [[0, 1, 4, 5], [2, 3, 6, 7]], type(y)


@small_folds
def test_bools_are_two_classes():
    assert folds_of([True, False, True], 2) == [[0, 2], [1]]


# Errors and warnings.


ERRORS = [
    (None, "`y` must hold the class of each row; got None."),
    (
        [0.0, 1.5, 2.0, 1.5],
        "`y` must hold class labels; got continuous values such as 1.5.",
    ),
    (
        [0.0, np.nan, 1.0, np.nan],
        "`y` must hold a class label for every row; 2 are missing, the first at row 1.",
    ),
    (["a", "b", "a", None], "1 are missing, the first at row 3"),
    (np.array([1, "a", 1, "a"], dtype=object), "`y` must hold labels of one type"),
    (np.zeros((4, 2)), "y should be a 1d array"),
    (
        ["a", "b", "a"],
        "`y` must hold one label for each row of `X`; got 3 labels for 4 rows.",
    ),
    (
        ["a", "b", "a", "b"],
        "`n_splits` must not exceed the number of classes in `y`; got n_splits=3 for 2 "
        "classes. Use fewer folds.",
    ),
]


def test_labels_without_folds_are_an_error():
    for y, message in ERRORS:
        with pytest.raises(ValueError, match=re.escape(message)):
            list(ClassDisjointKFold(3).split(np.zeros((4, 1)), y))


def test_parameters_out_of_range_are_an_error():
    for name, value in (
        ("n_splits", 1),
        ("n_splits", 2.0),
        ("shuffle", "yes"),
        ("random_state", "a"),
    ):
        message = f"The '{name}' parameter of ClassDisjointKFold must be"
        with pytest.raises(ValueError, match=re.escape(message)):
            next(ClassDisjointKFold(**{name: value}).split([0, 1], [0, 1]))


def test_a_fold_of_a_single_class_warns():
    y = np.repeat(np.arange(5), 2)
    message = "A test fold holds a single class: n_splits=4 for 5 classes."
    with pytest.warns(UserWarning, match=re.escape(message)):
        list(ClassDisjointKFold(4).split(y, y))


def test_groups_are_ignored_with_the_warning_of_scikit_learn():
    y, groups = np.repeat(np.arange(4), 3), np.arange(12)
    ignored = "The groups parameter is ignored by"
    with pytest.warns(UserWarning, match=ignored) as caught:
        ours = list(ClassDisjointKFold(2).split(y, y, groups))
    with pytest.warns(UserWarning, match=ignored) as theirs:
        list(KFold(2).split(y, y, groups))
    expected = str(theirs[0].message).replace("KFold", "ClassDisjointKFold")
    assert str(caught[0].message) == expected
    assert [test.tolist() for _, test in ours] == folds_of(y, 2)


# Use in scikit-learn.


def test_it_prints_and_clones_as_estimators_do():
    splitter = ClassDisjointKFold(3, shuffle=True, random_state=1)
    text = "ClassDisjointKFold(n_splits=3, random_state=1, shuffle=True)"
    assert repr(splitter) == repr(clone(splitter)) == text
    assert repr(ClassDisjointKFold()) == "ClassDisjointKFold()"
    assert splitter.get_n_splits(None, None, None) == 3


@pytest.mark.parametrize("routing", [False, True])
def test_scikit_learn_takes_it_as_cv(routing):
    X, y = make_blobs(120, centers=8, n_features=4, cluster_std=0.1, random_state=0)
    model = ContrastiveEmbedding(
        2, encoder="linear", normalize=False, max_iter=5, random_state=0
    )
    cv = ClassDisjointKFold(4)
    with config_context(enable_metadata_routing=routing):
        scores = cross_val_score(model, X, y, cv=cv)
        search = GridSearchCV(model, {"margin": [1.0, 2.0]}, cv=cv).fit(X, y)
        result = cross_validate(model, X, y, cv=cv, return_indices=True)
    assert scores.shape == (4,)
    assert scores.min() > 0.5
    assert search.n_splits_ == 4
    for indices in result["indices"]["test"]:
        assert len(np.unique(y[indices])) == 2
