"""Sparse tables: read batch by batch, scaled and not centred, dense nowhere whole."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.compose import make_column_transformer
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    ContrastiveNeighborsClassifier,
)
from sklearn_contrastive._validation import SparseRows, check_rows
from sklearn_contrastive.inspection import explain_pair, feature_importances
from sklearn_contrastive.preprocessing import _standardization

N, WIDTH = 320, 30
RNG = np.random.RandomState(0)
Y = RNG.randint(2, size=N)
DENSE = RNG.normal(size=(N, WIDTH)) * (RNG.rand(N, WIDTH) < 0.1)
DENSE[:, 0] += 2 * Y
DENSE[:, 1] = 0
X = sp.csr_array(DENSE)


def quick(**params):
    own = {"max_iter": 3, "hidden_layer_sizes": (8,), "random_state": 0}
    return ContrastiveEmbedding(**{**own, **params})


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(X, Y)


@pytest.mark.parametrize(
    "container",
    [sp.csr_matrix, sp.csc_array, sp.csc_matrix, sp.coo_array, sp.lil_matrix],
)
def test_formats_have_the_same_bits(container, fitted):
    points = fitted.transform(X)
    np.testing.assert_array_equal(fitted.transform(container(X)), points)
    np.testing.assert_array_equal(fitted.transform(DENSE), points)
    again = quick().fit(container(X), Y)
    np.testing.assert_array_equal(again.transform(X), points)


@pytest.mark.parametrize("kind", ["robust", "standard", False])
def test_columns_are_divided_by_their_deviation_and_zeros_stay(kind):
    columns = _standardization.learn_standardization(SparseRows(X), kind)
    found = _standardization.standardized(DENSE, columns)
    expected = DENSE.copy()
    if kind:
        deviations = DENSE.std(axis=0)
        expected = DENSE / np.where(deviations == 0, np.inf, deviations)
    if kind == "robust":
        expected = expected / np.sqrt(1 + (expected / 8) ** 2)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert (found[DENSE == 0] == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, bool, np.int64])
def test_dtypes(dtype):
    table = X.astype(dtype)
    points = quick().fit(table, Y).transform(table)
    assert points.dtype == (np.float32 if dtype is np.float32 else np.float64)


def test_a_table_is_dense_nowhere_whole(monkeypatch):
    """Training reads batches, serving blocks; weights a part that has a limit."""
    lengths = []

    def read(self, numbers):
        found = self.table[numbers].toarray()
        lengths.append(len(found))
        return found

    rows = sp.vstack([X] * 10).tocsr()
    monkeypatch.setattr(SparseRows, "__getitem__", read)
    monkeypatch.setattr(_standardization, "_LARGEST_PREPARED_BYTES", 0)
    model = quick(feature_weights=None).fit(rows, np.tile(Y, 10))
    model.transform(rows)
    # Nor are the rows that are looked at for a collapse.
    assert max(lengths) < 2 * 512


def test_estimators_and_pipelines_take_sparse_tables():
    pipeline = make_pipeline(quick(), KNeighborsClassifier())
    assert cross_val_score(pipeline, X, Y, cv=2).mean() > 0.8
    model = ContrastiveNeighborsClassifier(quick(), cross_fit=2, random_state=0)
    assert model.fit(X, Y).score(X, Y) > 0.8
    search = ContrastiveEmbeddingCV(quick(), margins=[0.5, 1.0], cv=2).fit(X, Y)
    assert search.score(X, Y) > 0.8
    frame = pd.DataFrame({"a": RNG.choice([*"uvwxyz"], size=N), "b": RNG.rand(N)})
    frame["c"] = [f"level {n}" for n in RNG.randint(100, size=N)]
    coder = make_column_transformer(
        (OneHotEncoder(), ["a", "c"]), remainder="passthrough", sparse_threshold=1.0
    )
    assert sp.issparse(coder.fit_transform(frame))
    assert make_pipeline(coder, quick()).fit(frame, Y).transform(frame).shape == (N, 32)


def test_what_else_reads_rows(fitted):
    points = fitted.transform(X)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(fitted)).transform(X), points
    )
    assert feature_importances(fitted, X).shape == (WIDTH,)
    assert fitted.feature_weights_[1] < fitted.feature_weights_[0] == 1
    assert quick(early_stopping=True).fit(X, Y, X_val=X[:50], y_val=Y[:50]).n_iter_
    assert quick().partial_fit(X[:200], Y[:200]).partial_fit(X[200:], Y[200:]).n_iter_
    assert quick(similarity="views").fit(X).transform(X).shape == (N, 32)
    coded = quick(numeric_encoding="piecewise").fit(X, Y)
    assert coded._state.columns.codes is None


def frame_of(table, fill=0.0):
    names = [f"c{n}" for n in range(table.shape[1])]
    return pd.DataFrame(table, columns=names).astype(pd.SparseDtype(float, fill))


def test_frames_of_sparse_columns(fitted):
    frame, points = frame_of(DENSE), fitted.transform(X)
    model = quick().fit(frame, Y)
    assert isinstance(check_rows(model, frame), SparseRows)
    assert [*model.feature_names_in_] == [*frame.columns]
    for table in (frame, frame.sparse.to_dense()):
        np.testing.assert_array_equal(model.transform(table), points)
    np.testing.assert_allclose(model.transform(frame[3:4]), points[3:4], atol=1e-12)
    assert explain_pair(model, frame[:1], frame[1:2]).shape == (WIDTH,)
    assert explain_pair(model, frame.iloc[0], frame.iloc[1]).shape == (WIDTH,)
    with pytest.raises(ValueError, match="must be in the same order"):
        model.transform(frame[frame.columns[::-1]])
    # scipy has no dtype for numbers beside bools.
    mixed = frame.assign(c1=pd.arrays.SparseArray([False, True] * (N // 2)))
    table = check_rows(quick(), mixed, reset=True)
    np.testing.assert_array_equal(table[:], mixed.to_numpy(dtype=float))


def test_frames_whose_columns_are_read_dense():
    """What is left out is no zero, or some columns are dense, or categories."""
    gaps = frame_of(np.where(DENSE == 0, np.nan, DENSE), np.nan)[["c0", "c2"]]
    model = quick().fit(gaps, Y)
    assert model.columns_["c2"]["missing"]
    np.testing.assert_array_equal(
        model.transform(gaps), model.transform(gaps.sparse.to_dense())
    )
    some = frame_of(DENSE).assign(c1=Y * 1.0)
    assert isinstance(check_rows(quick(), some, reset=True), np.ndarray)
    bools = pd.get_dummies(pd.DataFrame({"a": [*"uv"] * (N // 2)}), sparse=True)
    dense = quick().fit(bools.sparse.to_dense(), Y)
    assert dense.columns_["a_u"]["levels"] == [False, True]
    assert np.isfinite(dense.transform(bools)).all()
    named = quick(categorical_features=["a_u"]).fit(bools, Y)
    assert named.columns_["a_u"]["levels"] == [False, True]
    assert quick().fit(bools, Y).columns_["a_u"]["levels"] is None


def with_entry(value):
    table = X.copy()
    table.data[3] = value
    return table


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_entries_that_are_not_finite(value, fitted):
    for call in (fitted.transform, lambda table: quick().fit(table, Y)):
        with pytest.raises(ValueError, match=r"`X` must be finite; found NaN or inf"):
            call(with_entry(value))


def test_tables_that_do_not_go_with_the_fit(fitted):
    with pytest.raises(ValueError, match="X has 29 features, but ContrastiveEmbedding"):
        fitted.transform(X[:, :-1])
    frame = pd.DataFrame({"a": ["u", "v"] * 20})
    model = quick().fit(frame, np.arange(40) % 2)
    with pytest.raises(ValueError, match="a data frame with categories; got a sparse"):
        model.transform(X[:, :1])


def test_what_reads_all_rows_at_once_is_refused():
    message = "dense data is required where neighbours of all rows"
    with pytest.raises(TypeError, match=message):
        quick(similarity="neighbors").fit(X)


@pytest.mark.parametrize("container", [sp.csr_array, sp.csc_matrix, sp.coo_array])
def test_both_tables_of_an_alignment_may_be_sparse(container):
    def small(**given):
        own = {"max_iter": 2, "hidden_layer_sizes": (8,), "random_state": 0}
        return ContrastiveAlignment(3, **own, **given)

    text = pd.DataFrame({"a": np.where(Y, "u", "v")})
    for tables in ((X, text), (text, X), (X, X)):
        given = [container(t) if sp.issparse(t) else t for t in tables]
        model = small().fit(*given)
        expected = small().fit(*tables).transform(*tables)
        for found, points in zip(model.transform(*given), expected, strict=True):
            np.testing.assert_array_equal(found, points)
    assert not model.y_center_.any()
    raw = small(standardize=False).fit(container(DENSE), text)
    expected = small(standardize=False).fit(DENSE, text).transform(DENSE)
    np.testing.assert_array_equal(raw.transform(X), expected)
    with pytest.raises(ValueError, match="`y` must be finite; found NaN or infinity"):
        small().fit(text, with_entry(np.nan))
    with pytest.raises(ValueError, match="`y` must hold what it held in `fit`: a data"):
        small().fit(X, text).transform(X, X[:, :1])
