"""Similarity from a function of the user."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._pairs._keys import Keys
from sklearn_contrastive.similarity import FunctionSimilarity, LabelSimilarity

few = settings(max_examples=20, deadline=None)
YEARS = [1999, 2000, 2005, 2001, 1999]
X = np.random.RandomState(0).normal(size=(60, 4))
y = np.arange(60) % 3


def same(a, b):
    return a == b


def weights_of(similarity, n_rows):
    keys = similarity.keys(np.arange(n_rows))
    return similarity.compare(keys, keys)


def by_loop(function, entries):
    """Return weights of either kind from a function of two entries."""
    kinds = np.zeros((2, len(entries), len(entries)))
    for i, a in enumerate(entries):
        for j, b in enumerate(entries):
            similar = float(function(a, b))
            if i != j and not np.isnan(similar):
                kinds[:, i, j] = similar, 1 - similar
    return kinds


FUNCTIONS = {
    "bools": (lambda a, b: abs(a - b) <= 1, YEARS),
    "shares": (lambda a, b: 1 / (1 + (a - b) ** 2), YEARS),
    "integers": (lambda a, b: (a == b) * 1, YEARS),
    "one way": (lambda a, b: a < b, YEARS),
    "unknown": (lambda a, b: np.where((a + b) % 2, np.nan, a == b), YEARS),
    "text": (lambda a, b: a == b, np.array(["a", "b", "a", "a", "c"])),
    "columns": (
        lambda a, b: (a == b).mean(axis=-1),
        np.random.RandomState(0).randint(3, size=(7, 4)),
    ),
    "table": (
        lambda a, b: (a[..., 0] == b[..., 0]) & (abs(a[..., 1] - b[..., 1]) < 2),
        pd.DataFrame({"place": [0, 0, 1, 1, 0], "year": [1, 2, 2, 3, 9]}),
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_weights_are_those_of_the_function(name):
    function, entries = FUNCTIONS[name]
    similarity = FunctionSimilarity(function).fit(np.zeros((len(entries), 1)), entries)
    expected = by_loop(function, np.asarray(entries))
    assert_array_equal(weights_of(similarity, len(entries)), expected)
    assert_array_equal(similarity.rows_, np.arange(len(entries)))


@few
@given(seed=st.integers(0, 2**32 - 1))
def test_the_function_takes_anchors_down_and_candidates_across(seed):
    rng = np.random.RandomState(seed)
    ours, theirs = rng.randint(5, size=3), rng.randint(5, size=4)

    def function(a, b):
        assert_array_equal(a, np.array(YEARS)[ours][:, None])
        assert_array_equal(b, np.array(YEARS)[theirs][None, :])
        return a == b

    similarity = FunctionSimilarity(function).fit(None, YEARS)
    keys = similarity.keys(ours), similarity.keys(theirs)
    similarity.compare(*keys)
    similarity.compare(*(Keys(*map(torch.from_numpy, each)) for each in keys))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_weights_are_floats_where_the_keys_are(dtype):
    similarity = FunctionSimilarity(same).fit(None, YEARS)
    keys = Keys(*(torch.arange(5).to(dtype) for _ in range(2)))
    found = similarity.compare(keys, keys)
    expected = dtype if dtype.is_floating_point else torch.float32
    assert {weights.dtype for weights in found} == {expected}


def test_the_same_label_as_a_function_trains_as_labels_do():
    settings = {"hidden_layer_sizes": (4,), "max_iter": 5, "random_state": 0}
    models = [
        ContrastiveEmbedding(2, similarity=similarity, **settings).fit(X, y)
        for similarity in (same, FunctionSimilarity(same), LabelSimilarity())
    ]
    tables = [model.transform(X) for model in models]
    assert_array_equal(tables[0], tables[1])
    np.testing.assert_allclose(tables[0], tables[2], atol=1e-4)


def test_it_trains_along_an_order_that_is_not_symmetric():
    model = ContrastiveEmbedding(
        2,
        similarity=lambda a, b: a <= b,
        hidden_layer_sizes=(4,),
        max_iter=3,
        random_state=0,
    )
    for loss in ("contrastive", "info_nce", "lifted"):
        assert np.isfinite(model.set_params(loss=loss).fit(X, y).transform(X)).all()


BAD = {
    "another shape": (
        lambda a, b: np.ones(3),
        "`similarity` must return numbers of shape (60, 60), so broadcast; it returned "
        "float64 of shape (3,).",
    ),
    "a number": (
        lambda a, b: 1.0,
        "of shape (60, 60), so broadcast; it returned float64 of shape ()",
    ),
    "one column": (lambda a, b: a * 0.0, "returned float64 of shape (60, 1)."),
    "nothing": (lambda a, b: None, "it returned object of shape ()."),
    "text": (lambda a, b: (a + b).astype(str), "it returned <U"),
    "below zero": (
        lambda a, b: (a == b) - 1.0,
        "`similarity` must return similarity in [0, 1], or NaN where it is not known; "
        "it returned numbers from -1 to 0.",
    ),
    "above one": (lambda a, b: abs(a - b), "it returned numbers from 0 to 2."),
    "infinite": (lambda a, b: 1.0 * (a == b) * np.inf, "NaN where it is not known; it"),
}


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_similarity_is_an_error(name):
    function, message = BAD[name]
    similarity = FunctionSimilarity(function).fit(X, y)
    with pytest.raises(ValueError, match=re.escape(message)):
        weights_of(similarity, 60)
    model = ContrastiveEmbedding(
        2, similarity=same, hidden_layer_sizes=(2,), max_iter=1, random_state=0
    ).fit(X, y)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=re.escape(message)):
        model.set_params(similarity=function).fit(X, y)
    assert {**vars(model), "similarity": same} == before


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            (X, None),
            "the target y is None: a function as `similarity` compares entries",
        ),
        (
            (X, y[:-1]),
            "`y` must hold one entry per row of `X`: found input variables with "
            "inconsistent numbers of samples, 60 rows and 59 in `y`.",
        ),
        ((X[:1], y[:1]), "`X` must hold at least 2 rows; got n_samples=1."),
    ],
)
def test_entries_that_cannot_be_compared_are_an_error(table, message):
    for similarity in (same, FunctionSimilarity(same)):
        with pytest.raises(ValueError, match=re.escape(message)):
            ContrastiveEmbedding(2, similarity=similarity, max_iter=1).fit(*table)


def test_what_is_no_function_is_an_error():
    message = "The 'function' parameter of FunctionSimilarity must be a callable"
    with pytest.raises(ValueError, match=re.escape(message)):
        FunctionSimilarity("same").fit(None, y)


@pytest.mark.filterwarnings("error")
def test_where_nothing_is_known_of_any_pair_there_is_no_warning():
    similarity = FunctionSimilarity(lambda a, b: np.nan * (a + b)).fit(None, y)
    assert not np.any(weights_of(similarity, 60))


# Regressions.


@pytest.mark.filterwarnings("ignore:GlobalMiner has not searched:UserWarning")
def test_entries_have_two_axes_under_any_miner():
    def function(a, b):
        assert a.shape[1:] == b.shape[:1] == (1,)
        return a == b

    ContrastiveEmbedding(
        2,
        similarity=function,
        miner="global",
        hidden_layer_sizes=(2,),
        batch_size=20,
        max_iter=2,
    ).fit(X, y)
