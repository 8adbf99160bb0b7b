"""Pairs as they are: two frames, or rows of one, with categories and gaps."""

import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._validation import take_rows
from sklearn_contrastive.verification import PairVerifier

# After a few epochs, distances may still be in any order.
pytestmark = pytest.mark.filterwarnings("ignore:Pairs labelled .* lie:UserWarning")

RNG = np.random.RandomState(0)
N = 120
LABELS = RNG.randint(2, size=N)
COLOR = np.where(RNG.rand(N) < 0.9, LABELS, 1 - LABELS)
FRAME = pd.DataFrame(
    {
        "width": RNG.normal(size=N) + 2 * LABELS,
        "color": np.array(["red", "blue"], dtype=object)[COLOR],
        "count": RNG.randint(9, size=N),
        "shop": pd.Categorical(np.array([*"zyx"])[RNG.randint(3, size=N)]),
    }
)
FRAME.loc[::10, "width"] = np.nan
FRAME.loc[::9, "color"] = None
NUMBERS = RNG.randint(N, size=(150, 2))
SAME = LABELS[NUMBERS[:, 0]] == LABELS[NUMBERS[:, 1]]
CONTAINERS = {
    "pandas": FRAME,
    "nullable": FRAME.convert_dtypes(),
    "polars": pl.from_pandas(FRAME),
    "Arrow": pa.Table.from_pandas(FRAME, preserve_index=False),
}


def quick(**changed):
    own = {"hidden_layer_sizes": 16, "max_iter": 5, "random_state": 0}
    return ContrastiveEmbedding(4, **{**own, **changed})


def sides(table):
    """Return two frames, the left and the right rows of the pairs."""
    return tuple(take_rows(table, own) for own in NUMBERS.T)


A, B = sides(FRAME)
COLUMNS = make_column_transformer(
    (StandardScaler(), ["count"]), (OneHotEncoder(sparse_output=False), ["shop"])
)
EMBEDDINGS = {
    "learning": quick(),
    "in a pipeline": make_pipeline(quick()),
    "behind columns": make_pipeline(COLUMNS, quick()),
    "other": make_pipeline(COLUMNS, PCA(2)),
    "frozen": FrozenEstimator(quick().fit(FRAME, LABELS)),
}


@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_frames_and_rows_of_one_agree(embedding):
    embedding = EMBEDDINGS[embedding]
    model = PairVerifier(embedding, random_state=0).fit((A, B), SAME)
    found = model.predict_proba([A, B])
    numbered = PairVerifier(embedding, preprocessor=FRAME, random_state=0)
    assert_allclose(numbered.fit(NUMBERS, SAME).predict_proba(NUMBERS), found)
    assert numbered.n_features_in_ == model.n_features_in_ == 4


@pytest.mark.parametrize("name", CONTAINERS)
def test_all_containers_give_the_same_bits(name):
    pairs = sides(CONTAINERS[name])
    for embedding in (EMBEDDINGS["learning"], EMBEDDINGS["frozen"]):
        first = PairVerifier(embedding, random_state=0).fit((A, B), SAME)
        model = PairVerifier(embedding, random_state=0).fit(pairs, SAME)
        found = model.predict_proba(pairs)
        assert_array_equal(found, first.predict_proba((A, B)))
        assert_array_equal(first.predict_proba(pairs), found)
        assert model.threshold_ == first.threshold_
        numbered = PairVerifier(
            embedding, preprocessor=CONTAINERS[name], random_state=0
        )
        assert_allclose(numbered.fit(NUMBERS, SAME).predict_proba(NUMBERS), found)


def test_learning_from_frames_helps():
    scores, numbers = {}, np.random.RandomState(1).randint(N, size=(600, 2))
    left, right = (FRAME.iloc[own] for own in numbers.T)
    same = LABELS[numbers[:, 0]] == LABELS[numbers[:, 1]]
    for max_iter in (1, 40):
        embedding = quick(max_iter=max_iter, learning_rate_init=1e-2)
        model = PairVerifier(embedding, random_state=0)
        model.fit((left[:400], right[:400]), same[:400])
        scores[max_iter] = model.score((left[400:], right[400:]), same[400:])
    assert scores[1] < 0.7
    assert scores[40] > 0.85
    assert model.feature_names_in_.tolist() == [*FRAME.columns]
    assert model.embedding_.columns_["color"]["levels"] == ["blue", "red"]
    assert model.embedding_.columns_["width"]["missing"]


def test_thresholds_and_pickles_take_frames():
    model = PairVerifier(quick(), random_state=0).fit((A, B), SAME)
    model.calibrate_threshold((A, B), SAME, strategy="max_tnr", min_rate=0.9)
    assert model.predict((A, B))[SAME].mean() >= 0.9
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.decision_function((A, B)), model.decision_function((A, B)))
    new = A.assign(color="green", shop="w", count=np.nan)
    assert np.isfinite(model.predict_proba((new, B))).all()
    one = model.predict_proba((A[:1], B[:1]))
    assert_allclose(one, model.predict_proba((A, B))[:1], rtol=1e-9)


def test_row_numbers_of_a_frame_are_cross_validated():
    model = PairVerifier(quick(), preprocessor=FRAME, random_state=0)
    assert np.isfinite(cross_val_score(model, NUMBERS, SAME, cv=2)).all()


@pytest.mark.parametrize("steps", [(), (StandardScaler(),)])
def test_numbers_may_be_missing_in_arrays(steps):
    X = np.random.RandomState(0).normal(size=(60, 2, 3))
    X[::7, 0, 1] = np.nan
    model = PairVerifier(make_pipeline(*steps, quick()), random_state=0)
    assert get_tags(model).input_tags.allow_nan
    assert np.isfinite(model.fit(X, np.arange(60) % 2).predict_proba(X)).all()
    assert model.embedding_[-1].columns_[1]["missing"]
    frozen = PairVerifier(FrozenEstimator(model.embedding_))
    assert get_tags(frozen).input_tags.allow_nan
    assert not get_tags(PairVerifier(StandardScaler())).input_tags.allow_nan
    with pytest.raises(ValueError, match="`X` must be finite; found infinity"):
        model.predict(np.where(np.isnan(X), np.inf, X))


def test_categories_in_arrays():
    X = np.round(np.random.RandomState(0).normal(size=(60, 2, 3))).clip(-1, 1)
    text, same = X.astype(object), np.arange(60) % 2
    text[:, :, 1] = np.array(["u", "v", "w"])[X[:, :, 1].astype(int) + 1]
    embedding = quick(categorical_features=[1])
    models = [PairVerifier(embedding, random_state=0).fit(p, same) for p in (X, text)]
    assert models[1].embedding_.columns_[1]["levels"] == ["u", "v", "w"]
    distances = [m.pair_distance(p) for m, p in zip(models, (X, text), strict=True)]
    assert_array_equal(*distances)
    named = PairVerifier(quick(), random_state=0).fit((A, B), SAME)
    objects = np.stack([each.to_numpy(object) for each in (A, B)], axis=1)
    assert_array_equal(named.pair_distance(objects), named.pair_distance((A, B)))


BAD = {
    "another order": ((A, B[[*B.columns[::-1]]]), "column 0 is 'width' in the first"),
    "fewer columns": ((A, B[["width", "color"]]), "2 is 'count' in the first and None"),
    "fewer rows": ((A, B[:9]), "must be two frames of as many rows, at least one, of"),
    "no rows": ((A[:0], B[:0]), "must be two frames of as many rows, at least one, of"),
    "a frame and an array": ((A, B.to_numpy()), "or pass two data frames, (A, B)"),
    "one frame": (A, "got shape (150, 4). Reshape your data"),
    "lazy": ((pl.LazyFrame(A[["count"]]), pl.LazyFrame()), "pass two data frames"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_pair_of_frames(name):
    pairs, message = BAD[name]
    model = PairVerifier(quick(), random_state=0).fit((A, B), SAME)
    before = dict(vars(model))
    for call, parameter in (
        (lambda: model.fit(pairs, SAME), "X"),
        (lambda: model.predict(pairs), "X"),
        (lambda: model.calibrate_threshold(pairs, SAME), "pairs"),
    ):
        with pytest.raises(ValueError, match=f"`{parameter}` .*{re.escape(message)}"):
            call()
    assert vars(model) == before


def test_columns_that_do_not_go_with_the_fit():
    model = PairVerifier(quick(), random_state=0).fit((A, B), SAME)
    for pairs, message in (
        ((A.assign(color=1.0), B), "column 'color' was a category of text, and now ho"),
        ((A, B.assign(count="x")), "must be numeric; found text or dates in column 'c"),
        ((A[["width"]], B[["width"]]), "X has 1 features, but PairVerifier"),
        (
            [frame.rename(columns={"shop": "mall"}) for frame in (A, B)],
            "The feature names should match",
        ),
        (np.zeros((3, 2, 4)), "column 'color' was a category of text, and now holds"),
        (np.zeros((3, 2, 3)), "X has 3 features, but PairVerifier is expecting 4"),
    ):
        with pytest.raises(ValueError, match=message):
            model.predict(pairs)
    for other, message in (
        (B.assign(color=1.0), "`X` must hold one kind of cells in each column; found"),
        (B.assign(count=pd.Timestamp(0)), "found text or dates in column 'count'"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit((A, other), SAME)


def test_steps_learn_from_frames_of_one_kind():
    left, right = sides(CONTAINERS["polars"])
    floats = right.with_columns(pl.col("count").cast(float))
    expected = PairVerifier(quick(), random_state=0).fit((A, B), SAME)
    expected = expected.pair_distance((A, B))
    for pairs in ((left, floats), (left, B)):
        with pytest.raises(ValueError, match="`X` must be two frames of one lib"):
            PairVerifier(EMBEDDINGS["other"]).fit(pairs, SAME)
        model = PairVerifier(quick(), random_state=0).fit(pairs, SAME)
        assert_array_equal(model.pair_distance(pairs), expected)
