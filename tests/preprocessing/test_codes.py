"""Piecewise-linear codes of columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.inspection import explain_pair, feature_importances
from sklearn_contrastive.preprocessing._codes import Codes, learn_codes
from sklearn_contrastive.preprocessing._standardization import (
    Standardization,
    standardized,
)


def test_codes_worked_by_hand():
    codes = Codes(np.array([0, 0, 1]), np.array([0.0, 2.0, 5.0]), np.array([2, 4, 1.0]))
    X = np.array([[-1.0, 5.5], [1.0, 4.0], [4.0, 9.0]])
    expected = [[0, 0, 0.5], [0.5, 0, 0], [1, 0.5, 1]]
    np.testing.assert_array_equal(codes.of(X), expected)
    coded = standardized(X, Standardization(codes=codes))
    np.testing.assert_array_equal(coded, np.hstack([X, expected]))


def test_bins_are_quantiles_of_columns_with_more_than_two_values():
    X = np.column_stack([np.arange(128.0), np.arange(128) % 2, np.zeros(128)])
    codes = learn_codes(X)
    np.testing.assert_array_equal(codes.columns, [0, 0, 0, 0])
    np.testing.assert_array_equal(codes.lower, [0, 31, 63, 95])
    assert learn_codes(X[:, 1:]) is None
    assert learn_codes(X[:60]) is None


def test_wide_tables_have_no_more_codes_than_a_thousand():
    X = np.random.RandomState(0).normal(size=(600, 200))
    assert len(learn_codes(X).columns) <= 1024
    assert learn_codes(np.tile(X, 3)) is None


@given(st.lists(st.integers(-5, 5), min_size=64, max_size=200), st.floats(-10, 10))
def test_codes_rise_with_the_value(values, value):
    X = np.array(values, dtype=float)[:, None]
    codes = learn_codes(X)
    if codes is None:
        # Two values need no code.
        assert len(np.unique(np.quantile(X, [0, 0.5, 1]))) < 3 or len(np.unique(X)) < 3
        return
    here, above = codes.of(np.array([[value], [value + 0.5]]))
    assert ((here >= 0) & (here <= 1)).all()
    assert (above >= here).all()
    # Neighbouring bins meet: a bin has begun only where the one before is full.
    assert ((here[1:] == 0) | (here[:-1] == 1)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_embedding_of_coded_columns(dtype):
    X, y = load_iris(return_X_y=True)
    X = X.astype(dtype) * dtype(1e-30)
    model = ContrastiveEmbedding(
        numeric_encoding="piecewise", max_iter=5, warm_start=True, random_state=0
    )
    Z = model.fit_transform(X, y)
    assert Z.dtype == dtype
    # Four bins of four columns beside these.
    assert model.coefs_[0].shape[-2] == 20
    np.testing.assert_allclose(model.transform(X[:1]), Z[:1], rtol=1e-4, atol=1e-6)
    model.fit(X, y)
    assert model.n_features_in_ == 4


def test_inspection_goes_through_the_codes():
    X, y = load_iris(return_X_y=True)
    X = np.column_stack([X, np.random.RandomState(0).normal(size=150)])
    model = ContrastiveEmbedding(
        numeric_encoding="piecewise", max_iter=20, random_state=0
    )
    model.fit(X, y)
    importances = feature_importances(model, X)
    assert importances.shape == (5,)
    assert importances[2:4].sum() > importances[4]
    found = explain_pair(model, X[0], X[100])
    distance = model.pair_distance([[X[0], X[100]]])[0]
    assert found.sum() == pytest.approx(distance, rel=1e-3)
