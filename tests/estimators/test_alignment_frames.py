"""Tables of `ContrastiveAlignment` as they are: categories and gaps in either."""

import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.utils import get_tags

from sklearn_contrastive import ContrastiveAlignment

N = 90


def two_tables(n_rows=N, seed=0):
    """Return two frames about the same rows, each with a category and gaps."""
    rng = np.random.RandomState(seed)
    kind, size = rng.randint(3, size=n_rows), rng.normal(size=n_rows)
    left = pd.DataFrame(
        {
            "size": size,
            "kind": np.array(["cat", "dog", "emu"], dtype=object)[kind],
            "shop": rng.randint(3, size=n_rows),
        }
    )
    right = pd.DataFrame(
        {
            "kind": pd.Categorical(np.array([*"zyx"])[kind]),
            "weight": size + 0.1 * rng.normal(size=n_rows),
            "paid": rng.rand(n_rows) < 0.5,
            "age": rng.randint(9, size=n_rows),
        }
    )
    left.loc[::10, "kind"] = None
    right.loc[::9, "weight"] = np.nan
    return left, right


def small(**changed):
    own = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}
    return ContrastiveAlignment(3, **{**own, **changed})


X, Y = two_tables()
MODEL = small().fit(X, Y)
OTHERS = {
    "nullable": lambda frame: frame.convert_dtypes(),
    "polars": pl.from_pandas,
    "Arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "objects": lambda frame: frame.astype(
        {name: object for name in frame if frame[name].dtype == "category"}
    ),
}


def assert_same(found, expected):
    for points, others in zip(found, expected, strict=True):
        np.testing.assert_array_equal(points, others)


@pytest.mark.parametrize("name", OTHERS)
def test_the_same_tables_give_the_same_bits_from_any_container(name):
    tables, expected = [OTHERS[name](each) for each in (X, Y)], MODEL.transform(X, Y)
    model = small().fit(*tables)
    assert_same(model.transform(X, Y), expected)
    assert_same(MODEL.transform(*tables), expected)
    assert_same(MODEL.transform(tables[0], Y), expected)
    assert model.x_columns_ == MODEL.x_columns_
    assert model.y_columns_ == MODEL.y_columns_
    assert model.score(*tables) == MODEL.score(X, Y)


def test_each_table_has_columns_of_its_own():
    assert MODEL.x_columns_ == {
        "size": {"levels": None, "missing": False},
        "kind": {"levels": ["cat", "dog", "emu"], "missing": True},
        "shop": {"levels": None, "missing": False},
    }
    assert MODEL.y_columns_ == {
        "kind": {"levels": ["x", "y", "z"], "missing": False},
        "weight": {"levels": None, "missing": True},
        "paid": {"levels": [False, True], "missing": False},
        "age": {"levels": None, "missing": False},
    }
    assert (MODEL.n_features_in_, MODEL.n_features_y_) == (3, 4)
    assert MODEL.feature_names_in_.tolist() == [*X.columns]
    # A place for each level, and one for gaps.
    assert (len(MODEL.x_coefs_[0]), len(MODEL.y_coefs_[0])) == (6, 8)
    assert (len(MODEL.x_center_), len(MODEL.y_scale_)) == (6, 8)


@pytest.mark.parametrize("kind", ["robust", "standard", False])
def test_points_are_those_of_one_hot_columns(kind):
    def one_hot(frame):
        parts = []
        for name in frame:
            own = frame[name]
            if frame[name].dtype.kind in "if":
                parts.append(own.fillna(own.median()))
            else:
                levels = sorted(own.dropna().unique())
                parts += [own.astype(object) == level for level in levels]
            if own.isna().any():
                parts.append(own.isna())
        return np.column_stack(parts).astype(float)

    model, plain = small(standardize=kind).fit(X, Y), (one_hot(X), one_hot(Y))
    expected = small(standardize=kind).fit(*plain).transform(*plain)
    for found, points in zip(model.transform(X, Y), expected, strict=True):
        np.testing.assert_allclose(found, points, atol=2e-3)


def test_new_levels_and_gaps_are_mapped():
    new = X.assign(kind="fox", size=np.nan), Y.assign(kind="w", age=np.nan)
    filled = new[0].assign(size=X["size"].median()), new[1].assign(age=Y.age.median())
    points = MODEL.transform(*new)
    assert all(np.isfinite(each).all() for each in points)
    assert_same(points, MODEL.transform(*filled))
    # One row at a time, and the second table as an array.
    one = MODEL.transform(X[:1], Y.to_numpy(object)[:1])
    for found, expected in zip(one, MODEL.transform(X, Y), strict=True):
        np.testing.assert_allclose(found, expected[:1], rtol=1e-9)


def test_numbers_may_be_missing_in_arrays_of_either():
    left, right = (np.random.RandomState(s).normal(size=(40, 2)) for s in (0, 1))
    left[::5, 0], right[::4, 1] = np.nan, np.nan
    model = small().fit(left, right)
    gaps = [c["missing"] for c in (*model.x_columns_.values(), model.y_columns_[1])]
    assert gaps == [True, False, True]
    assert np.isfinite(model.transform(left, right)).all()
    tags = get_tags(model).input_tags
    assert tags.allow_nan
    assert tags.sparse


def test_categories_are_named_for_each_table():
    model = small(categorical_features=(["kind", "shop"], "from_dtype")).fit(X, Y)
    assert model.x_columns_["shop"]["levels"] == [0, 1, 2]
    assert model.y_columns_ == MODEL.y_columns_
    numbers = X[["size", "shop"]], Y[["weight", "age"]]
    model = small(categorical_features=([False, True], [1])).fit(*numbers)
    assert model.x_columns_["shop"]["levels"] == [0, 1, 2]
    assert model.y_columns_["age"]["levels"] == [*range(9)]
    assert model.y_columns_["weight"]["levels"] is None
    assert clone(model).get_params() == model.get_params()
    models = [small(categorical_features=c) for c in (None, (None, "from_dtype"))]
    assert_same(*(each.fit(*numbers).transform(*numbers) for each in models))


def test_a_pickle_a_clone_and_a_second_fit():
    expected = MODEL.transform(X, Y)
    again = pickle.loads(pickle.dumps(MODEL))
    assert_same(again.transform(X, Y), expected)
    assert_same(clone(MODEL).fit(X, Y).transform(X, Y), expected)
    numbers = X[["size", "shop"]].to_numpy(), Y[["age"]].to_numpy()
    fresh = small().fit(*numbers).transform(*numbers)
    assert_same(again.fit(*numbers).transform(*numbers), fresh)
    assert not hasattr(again, "feature_names_in_")
    assert_same(again.fit(X, Y).transform(X, Y), expected)


def test_categories_find_partners():
    scores = {}
    for names in (["size"], ["kind", "size"]):
        tables = [each.rename(columns={"weight": "size"}) for each in two_tables(300)]
        model = small(max_iter=60, learning_rate_init=1e-2)
        model.fit(*(each[names] for each in tables))
        tables = [
            each.rename(columns={"weight": "size"}) for each in two_tables(200, 1)
        ]
        scores[len(names)] = model.score(*(each[names] for each in tables))
    assert scores[2] > 1.5 * scores[1]


BAD = {
    "a list for both": (
        {"categorical_features": ["kind"]},
        Y,
        "`categorical_features` must be 'from_dtype', None, or a tuple of a value for "
        "`X` and one for `y`; got ['kind']. For columns of `X` alone pass (['kind'], "
        "'from_dtype').",
    ),
    "three values": (
        {"categorical_features": (None, None, None)},
        Y,
        "or a tuple of a value for `X` and one for `y`; got (None, None, None)",
    ),
    "a column of the other": (
        {"categorical_features": (["kind"], ["shop"])},
        Y,
        "a mask of the 4 columns of `y`; got ['shop'].",
    ),
    "text that is none": (
        {"categorical_features": ("from_dtype", None)},
        Y,
        "`y` must be numeric; found text or dates in column 'kind' (such as",
    ),
    "dates": (
        {},
        Y.assign(age=pd.Timestamp(0)),
        "`y` must be numeric; found text or dates in column 'age'",
    ),
    "infinity": (
        {},
        Y.assign(age=np.inf),
        "`y` must be finite; found infinity in column 'age'",
    ),
    "a name in every row": (
        {},
        pd.concat([Y, Y]).assign(kind=[f"name {n}" for n in range(2 * N)]),
        "`y` must hold categories, whose levels repeat; column 'kind' has 180",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_tables_that_cannot_be_read(name):
    params, table, message = BAD[name]
    model = small(**params)
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(X, table)
    assert vars(model) == model.get_params()


SERVED = {
    "numbers for text": (X, Y.assign(kind=1), "`y` must hold what it held in `fit`: c"),
    "text for numbers": (X, Y.assign(age="x"), "`y` must be numeric; found text or da"),
    "in the first": (X.assign(kind=1), Y, "`X` must hold what it held in `fit`: c"),
    "another order": (X, Y[[*Y.columns[::-1]]], "The feature names of `y` must be"),
    "fewer": (X, Y[["kind"]], "The feature names of `y` must be those of `y` in fit"),
    "array": (X, np.zeros((N, 4)), "column 0 was a category of text, and now holds"),
    "narrow array": (X, np.zeros((N, 3)), "`y` has 3 features, but ContrastiveAlignm"),
}


@pytest.mark.parametrize("name", SERVED)
def test_tables_that_do_not_go_with_the_fit(name):
    *tables, message = SERVED[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        MODEL.transform(*tables)
