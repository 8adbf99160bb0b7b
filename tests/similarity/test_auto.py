"""The similarity that ``"auto"`` picks."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, csr_matrix
from sklearn.datasets import load_diabetes, load_iris

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._estimators._resolve import similarity_name
from sklearn_contrastive.similarity import (
    SIMILARITIES,
    FunctionSimilarity,
    LabelSimilarity,
    PartnerSimilarity,
    infer_similarity,
)

rng = np.random.RandomState(0)
WHOLE = np.arange(40) % 4
INDICATORS = (rng.uniform(size=(40, 3)) < 0.5).astype(int)
SETS = [set(np.flatnonzero(row)) for row in INDICATORS]
X = rng.normal(size=(40, 4))

TABLE = {
    "nothing": (None, "neighbors"),
    "integers": (WHOLE, "labels"),
    "bools": (WHOLE > 1, "labels"),
    "a list": (WHOLE.tolist(), "labels"),
    "a column": (WHOLE[:, None], "labels"),
    "text": (WHOLE.astype(str), "labels"),
    "objects": (WHOLE.astype(str).astype(object), "labels"),
    "bytes": (WHOLE.astype("S1"), "labels"),
    "dates": (WHOLE.astype("datetime64[D]"), "labels"),
    "many integers": (np.arange(40), "labels"),
    "few whole floats": (WHOLE.astype(float), "labels"),
    "whole float32": (WHOLE.astype(np.float32), "labels"),
    "whole floats and NaN": (np.where(WHOLE == 1, np.nan, WHOLE), "labels"),
    "many whole floats": (np.arange(40.0), "doubtful"),
    "many whole floats and NaN": ([*np.arange(40.0), np.nan], "labels"),
    "diabetes": (load_diabetes().target, "doubtful"),
    "iris": (load_iris().target, "labels"),
    "few whole floats, each once": (np.arange(20.0), "doubtful"),
    "two rows a value": (np.repeat(np.arange(20.0), 2), "labels"),
    "a fifth of the values once": ([0.0, *np.repeat(np.arange(1.0, 5), 2)], "labels"),
    "a quarter of them once": ([0.0, *np.repeat(np.arange(1.0, 4), 2)], "doubtful"),
    "fractions": (WHOLE / 3, "targets"),
    "fractions, float32": ((WHOLE / 3).astype(np.float32), "targets"),
    "fractions and NaN": (np.where(WHOLE == 1, np.nan, WHOLE / 3), "targets"),
    "a column of fractions": (WHOLE[:, None] / 3, "targets"),
    "a list of fractions": ((WHOLE / 3).tolist(), "targets"),
    "columns of numbers": (X, "targets"),
    "columns of integers": (np.stack([WHOLE, WHOLE], axis=1), "targets"),
    "a frame of numbers": (pd.DataFrame(X), "targets"),
    "indicators": (INDICATORS, "multilabel"),
    "bool indicators": (INDICATORS > 0, "multilabel"),
    "float indicators": (INDICATORS.astype(float), "multilabel"),
    "a frame of indicators": (pd.DataFrame(INDICATORS), "multilabel"),
    "sparse indicators": (csr_array(INDICATORS), "multilabel"),
    "sparse matrix": (csr_matrix(INDICATORS), "multilabel"),
    "sets": (SETS, "multilabel"),
    "frozensets": ([frozenset(labels) for labels in SETS], "multilabel"),
    "lists": ([list(labels) for labels in SETS], "multilabel"),
    "tuples of text": ([tuple(map(str, labels)) for labels in SETS], "multilabel"),
    "a series of sets": (pd.Series(SETS), "multilabel"),
    "an array of sets": (np.array(SETS, dtype=object), "multilabel"),
    "a series": (pd.Series(WHOLE), "labels"),
    "a category": (pd.Series(WHOLE.astype(str), dtype="category"), "labels"),
    "a string column": (pd.Series(WHOLE.astype(str), dtype="string"), "labels"),
    "Int64": (pd.Series(WHOLE, dtype="Int64"), "labels"),
    "many Int64": (pd.Series(np.arange(40), dtype="Int64"), "labels"),
    "Int64 and NA": (pd.Series([*WHOLE[:-1], pd.NA], dtype="Int64"), "labels"),
    "boolean": (pd.Series(WHOLE > 1, dtype="boolean"), "labels"),
    "boolean and NA": (
        pd.Series([*(WHOLE > 1)[:-1], pd.NA], dtype="boolean"),
        "labels",
    ),
    "Float64": (pd.Series(WHOLE / 3, dtype="Float64"), "targets"),
    "Float64 and NA": (pd.Series([*WHOLE[:-1] / 3, pd.NA], dtype="Float64"), "targets"),
}


@pytest.mark.parametrize(
    "expected", ["neighbors", "labels", "targets", "multilabel", "doubtful"]
)
def test_similarity_depends_on_what_y_holds(expected):
    for name, (y, kind) in TABLE.items():
        if kind == expected:
            assert infer_similarity(X, y, doubtful="doubtful") == expected, name
            assert infer_similarity(X.reshape(-1, 2, 4), y) == "pairs", name


@pytest.mark.parametrize(
    "name", ["nothing", "integers", "text", "columns of numbers", "sets", "Int64"]
)
def test_auto_trains_as_the_similarity_that_it_picks(name):
    y, expected = TABLE[name]
    settings = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
    models = [
        ContrastiveEmbedding(2, similarity=similarity, **settings).fit(X, y)
        for similarity in ("auto", expected)
    ]
    assert [model.similarity_ for model in models] == [expected] * 2
    np.testing.assert_array_equal(*(model.transform(X) for model in models))


def test_auto_takes_pairs_as_samples():
    pairs, y = X.reshape(-1, 2, 4), np.arange(20) % 2
    model = ContrastiveEmbedding(2, hidden_layer_sizes=(4,), max_iter=2, random_state=0)
    assert model.fit(pairs, y).similarity_ == "pairs"
    assert model.fit(X, WHOLE).similarity_ == "labels"


@pytest.mark.parametrize("name", SIMILARITIES)
def test_a_name_and_its_objects_are_of_the_same_kind(name):
    assert similarity_name(name) == similarity_name(SIMILARITIES[name]()) == name
    one_of_the_users_own = type("Own", (SIMILARITIES[name],), {})
    assert similarity_name(one_of_the_users_own()) == name


@pytest.mark.parametrize(
    "similarity",
    [
        "auto",
        "likes",
        None,
        csr_array(np.eye(3)),
        np.equal,
        FunctionSimilarity(np.equal),
        PartnerSimilarity(),
        LabelSimilarity,
    ],
    ids=lambda similarity: getattr(similarity, "__name__", type(similarity).__name__),
)
def test_other_objects_have_no_name(similarity):
    assert similarity_name(similarity) is None


@pytest.mark.parametrize("name", SIMILARITIES)
def test_tags_require_y_where_similarity_is_read_from_it(name):
    for similarity in (name, SIMILARITIES[name]()):
        tags = ContrastiveEmbedding(similarity=similarity).__sklearn_tags__()
        expected = name in ("labels", "targets", "multilabel")
        assert tags.target_tags.required == expected


# Regressions.


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (X.tolist(), "targets"),
        ((WHOLE[:, None] / 3).tolist(), "targets"),
        (WHOLE[:, None].tolist(), "labels"),
    ],
)
def test_a_list_of_lists_is_a_table_as_an_array_is(y, expected):
    assert infer_similarity(X, np.array(y)) == expected
    assert infer_similarity(X, y) == expected
