"""Tables as they are: categories, missing numbers, frames of any library."""

import datetime
import enum
import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_contrastive import (
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    ContrastiveNeighborsClassifier,
)
from sklearn_contrastive._validation import _columns, check_rows, take_rows
from sklearn_contrastive.inspection import explain_pair, feature_importances
from sklearn_contrastive.preprocessing._expansion import MISSING, NUMBER, RANK
from sklearn_contrastive.preprocessing._standardization import (
    learn_standardization,
    standardized,
)
from sklearn_contrastive.similarity import LabelSimilarity, ViewSimilarity

N = 120


def mixed(n_rows=N, seed=0):
    """Return a frame of numbers and categories, with gaps, and classes."""
    rng = np.random.RandomState(seed)
    y = rng.randint(2, size=n_rows)
    color = np.where(rng.rand(n_rows) < 0.8, y, 1 - y)
    frame = pd.DataFrame(
        {
            "width": rng.normal(size=n_rows) + y,
            "color": np.array(["red", "blue"], dtype=object)[color],
            "count": rng.randint(9, size=n_rows),
            "shop": pd.Categorical(np.array([*"zyx"])[rng.randint(3, size=n_rows)]),
            "paid": rng.rand(n_rows) < 0.5,
        }
    )
    frame.loc[::10, "width"] = np.nan
    frame.loc[::9, "color"] = None
    return frame, y


FRAME, Y = mixed()
DAY = datetime.date(2020, 1, 1)


def quick(**params):
    own = {"max_iter": 3, "hidden_layer_sizes": (8,), "random_state": 0}
    return ContrastiveEmbedding(4, **own, **params)


#: The same levels, with other numbers.
_OTHER = pd.CategoricalDtype([*"zxyw"])


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(FRAME, Y)


def containers(frame):
    """Return the same table in other containers."""
    return {
        "text": frame.astype({"shop": str, "color": object}),
        "nullable": frame.convert_dtypes(),
        "Arrow dtypes": frame.convert_dtypes(dtype_backend="pyarrow"),
        "polars": pl.from_pandas(frame),
        "polars text": pl.from_pandas(frame).with_columns(pl.col("shop").cast(str)),
        "polars Enum": pl.from_pandas(frame).with_columns(
            pl.col("shop").cast(str).cast(pl.Enum(["y", "z", "x"]))
        ),
        "Arrow": pa.Table.from_pandas(frame, preserve_index=False),
        "Arrow batch": pa.RecordBatch.from_pandas(frame, preserve_index=False),
        "Arrow text": pa.Table.from_pandas(frame.astype({"shop": object})),
        "Arrow chunks": pa.concat_tables(
            pa.Table.from_pandas(part, preserve_index=False)
            for part in (frame[:50], frame[50:].astype({"shop": _OTHER}))
        ),
        "other order": frame.assign(
            shop=frame["shop"].cat.reorder_categories([*"yxz"])
        ),
    }


@pytest.mark.parametrize("name", containers(FRAME))
def test_the_same_table_gives_the_same_bits_from_any_container(name, fitted):
    table, points = containers(FRAME)[name], fitted.transform(FRAME)
    np.testing.assert_array_equal(fitted.transform(table), points)
    np.testing.assert_array_equal(quick().fit(table, Y).transform(FRAME), points)


def test_numbers_alone_have_the_same_bits_in_any_order_in_memory():
    X = np.random.RandomState(0).normal(size=(400, 3)) ** 3
    y = (X[:, 0] > 0).astype(int)
    points = quick().fit(X, y).transform(X)
    frame = pd.DataFrame(np.asfortranarray(X), columns=[*"abc"])
    for table in (frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        np.testing.assert_array_equal(quick().fit(table, y).transform(table), points)


def test_what_became_of_columns(fitted):
    assert fitted.columns_ == {
        "width": {"levels": None, "missing": True},
        "color": {"levels": ["blue", "red"], "missing": True},
        "count": {"levels": None, "missing": False},
        "shop": {"levels": ["x", "y", "z"], "missing": False},
        "paid": {"levels": [False, True], "missing": False},
    }
    assert fitted.n_features_in_ == 5
    assert fitted.feature_weights_.shape == (5,)


@pytest.mark.parametrize("kind", ["robust", "standard"])
def test_columns_are_those_of_one_hot_coding_and_medians(kind):
    """What is read is what scikit-learn's encoders and imputers would make."""
    reader = quick()
    X = check_rows(reader, FRAME, reset=True)
    found = standardized(X, learn_standardization(X, kind, False, reader._seen))
    text = FRAME[["color", "shop", "paid"]].astype(object)
    text = text.where(text.notna(), "~missing").astype(str)
    places = OneHotEncoder(sparse_output=False).fit_transform(text)
    width = FRAME[["width"]].to_numpy()
    gaps, width = np.isnan(width), np.where(np.isnan(width), np.nanmedian(width), width)
    by_hand = np.hstack(
        [width, gaps, places[:, :3], FRAME[["count"]].to_numpy(float), places[:, 3:]]
    )
    expected = standardized(by_hand, learn_standardization(by_hand, kind))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_new_rare_and_missing_levels():
    text = ["p"] * 50 + ["q"] * 50 + ["r"] * 4
    frame = pd.DataFrame({"a": text, "b": np.arange(104)})
    reader = quick()
    X = check_rows(reader, frame, reset=True)
    assert reader._seen.levels == {0: ["p", "q"]}
    np.testing.assert_array_equal(np.unique(X[:, 0]), [0, 1, 2])
    expansion = learn_standardization(X, "robust", False, reader._seen).expansion
    assert expansion.source.tolist() == [0, 0, 0, 1]
    assert expansion.level.tolist() == [0, 1, 2, NUMBER]
    rows = pd.DataFrame({"a": ["new", None, "r", "q"], "b": [0.0, 1, np.nan, 3]})
    read = check_rows(reader, rows)
    np.testing.assert_array_equal(read[:, 0], [2, np.nan, 2, 1])
    # Missing in a column that was complete: the median; no level at all.
    assert read[2, 1] == np.median(frame["b"])
    places = [[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 51.5], [0, 1, 0, 3]]
    np.testing.assert_array_equal(expansion.of(read), places)


def test_a_gap_has_a_place_only_where_fit_has_seen_one():
    X = np.arange(60.0).reshape(30, 2)
    X[3, 1] = np.nan
    reader = quick()
    read = check_rows(reader, X, reset=True)
    expansion = learn_standardization(read, "robust", False, reader._seen).expansion
    assert expansion.level.tolist() == [NUMBER, NUMBER, MISSING]
    assert check_rows(reader, X * np.nan)[0].tolist()[0] == np.median(X[:, 0])
    assert expansion.of(X[3:4]).tolist() == [[6, np.nanmedian(X[:, 1]), 1]]


def test_a_column_without_any_number_is_constant():
    X = np.hstack([np.arange(40.0)[:, None], np.full((40, 1), np.nan)])
    model = quick().fit(X, np.arange(40) // 20)
    other = X.copy()
    other[:, 1] = 7
    np.testing.assert_array_equal(model.transform(X), model.transform(other))
    assert model.columns_[1] == {"levels": None, "missing": True}


def test_the_most_frequent_levels_have_numbers_and_others_share_one(monkeypatch):
    monkeypatch.setattr(_columns, "MOST_LEVELS", 255)
    rng = np.random.RandomState(0)
    codes = np.minimum(rng.geometric(0.005, size=6000), 999)
    reader = quick()
    X = check_rows(reader, pd.DataFrame({"a": codes.astype(str)}), reset=True)
    levels, counts = reader._seen.levels[0], np.bincount(codes)
    assert len(levels) == 255
    assert [*levels] == sorted(levels)
    fewest = min(counts[int(level)] for level in levels)
    others = [n for code, n in enumerate(counts) if str(code) not in levels]
    assert max(others) <= fewest
    assert (X == 255).sum() == sum(others)


def test_ordered_levels_keep_their_order_beside_their_places():
    sizes, n = ["small", "large", "huge"], 90
    codes = np.arange(n) % 3
    kind = pd.CategoricalDtype(sizes, ordered=True)
    frame = pd.DataFrame({"size": pd.Categorical.from_codes(codes, dtype=kind)})
    frame["x"] = np.random.RandomState(0).normal(size=n)
    frame.loc[0, "size"] = None
    model = quick().fit(frame, codes // 2)
    assert model.columns_["size"] == {"levels": sizes, "missing": True}
    expansion = model._state.columns.expansion
    assert expansion.level.tolist() == [0, 1, 2, MISSING, RANK, NUMBER]
    cells = ["huge", "small", "giant", None]
    rows = check_rows(model, pd.DataFrame({"size": cells, "x": [0.0] * 4}))
    # The rank of new and missing levels is the median.
    assert expansion.of(rows)[:, :5].tolist() == [
        [0, 0, 1, 0, 2],
        [1, 0, 0, 0, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 1, 1],
    ]
    assert model.feature_weights_.shape == (2,)
    Z = model.transform(frame)
    other = pa.Table.from_pandas(frame)
    np.testing.assert_array_equal(quick().fit(other, codes // 2).transform(other), Z)
    np.testing.assert_array_equal(model.transform(frame.astype({"size": object})), Z)
    plain = frame.astype({"size": pd.CategoricalDtype(sizes)})
    levels = quick().fit(plain, codes // 2).columns_["size"]["levels"]
    assert levels == sorted(sizes)


def test_chunks_of_ordered_dictionaries_have_one_order_or_none():
    def table(*chunks):
        kind = pa.dictionary(pa.int8(), pa.string(), ordered=True)
        parts = [
            pa.DictionaryArray.from_arrays(
                pa.array([0, 1] * 20, pa.int8()), levels, ordered=True
            )
            for levels in chunks
        ]
        return pa.table({"a": pa.chunked_array(parts, type=kind)})

    sizes, y = ["lo", "mid", "hi"], np.arange(80) % 2
    for chunks in ((["lo", "hi"], sizes), (sizes, ["mid", "hi"])):
        assert [*quick().fit(table(*chunks), y)._seen.levels[0]] == sizes
    unknown = quick().fit(table(["hi", "lo"], sizes), y)
    assert unknown._seen.ordered == ()
    assert [*unknown._seen.levels[0]] == sorted(sizes)


def test_ordered_levels_of_pairs_have_one_order_or_none():
    sizes, same = ["lo", "mid", "hi"], np.arange(40) % 2

    def frame(levels, ordered=True):
        kind = pd.CategoricalDtype(levels, ordered=ordered)
        codes = np.arange(40) % len(levels)
        return pd.DataFrame({"a": pd.Categorical.from_codes(codes, dtype=kind)})

    model = quick().fit((frame(["lo", "hi"]), frame(sizes)), same)
    assert [*model._seen.levels[0]] == sizes
    for other in (frame(sizes[::-1]), frame(sizes, ordered=False)):
        model = quick().fit((frame(sizes), other), same)
        assert model._seen.ordered == ()
        assert [*model._seen.levels[0]] == sorted(sizes)


def test_dictionaries_of_unsigned_numbers_are_read():
    frame = pl.DataFrame({"a": [*"xyxz"] * 50, "b": [None, *"ppq"] * 50})
    frame = frame.with_columns(pl.all().cast(pl.Categorical))
    y = np.arange(200) % 2
    Z = quick().fit(frame, y).transform(frame)
    np.testing.assert_array_equal(
        quick().fit(frame.to_arrow(), y).transform(frame.to_arrow()), Z
    )


def test_a_category_without_known_cells_is_constant():
    frame, y = pd.DataFrame({"x": np.arange(40.0)}), np.arange(40) // 20
    for kind in ("category", "string", "boolean", object):
        model = quick().fit(frame.assign(a=pd.Series([None] * 40, dtype=kind)), y)
        assert np.isfinite(model.transform(frame.assign(a="new"))).all()


def test_many_ordered_levels_are_learned_beside_their_ranks():
    names = [f"{number}" for number in range(300)]
    codes = np.arange(1800) % 300
    kind = pd.CategoricalDtype(names, ordered=True)
    frame = pd.DataFrame({"step": pd.Categorical.from_codes(codes, dtype=kind)})
    model = quick().fit(frame, codes // 150)
    expansion = model._state.columns.expansion
    assert expansion.sizes.tolist() == [302]
    rows = check_rows(model, frame)
    assert expansion.of(rows)[:, -1].tolist() == codes.tolist()
    assert np.isfinite(model.transform(frame)).all()


def test_numbers_are_categories_where_they_are_named():
    X = np.random.RandomState(0).randint(3, size=(60, 3)).astype(float)
    y = np.arange(60) % 2
    for chosen in ([1], [False, True, False], np.array([1])):
        model = quick(categorical_features=chosen).fit(X, y)
        assert model.columns_[1] == {"levels": [0.0, 1.0, 2.0], "missing": False}
        assert model.columns_[0]["levels"] is None
    frame = pd.DataFrame(X, columns=[*"abc"])
    named = quick(categorical_features=["b"]).fit(frame, y)
    np.testing.assert_array_equal(named.transform(frame), model.transform(X))
    assert quick(categorical_features=None).fit(frame, y)._seen.levels == {}


def test_columns_of_one_name():
    frame = pd.DataFrame(np.zeros((40, 2)), columns=["a", "a"])
    with pytest.raises(ValueError, match="must have columns of different names"):
        quick().fit(frame, np.arange(40) % 2)


def test_objects_may_be_missing_in_arrays():
    X = np.random.RandomState(0).normal(size=(40, 2))
    X[5, 0] = np.nan
    objects = X.astype(object)
    objects[5, 0] = None
    y = np.arange(40) % 2
    np.testing.assert_array_equal(
        quick().fit(objects, y).transform(objects), quick().fit(X, y).transform(X)
    )
    assert quick().fit(X.astype(np.float32), y).transform(X[:1]).dtype == np.float64


def test_predictors_searches_and_pipelines_take_frames():
    embedding = quick().set_params(n_components="auto")
    model = ContrastiveNeighborsClassifier(embedding, cross_fit=2, random_state=0)
    assert model.fit(FRAME, Y).score(FRAME, Y) > 0.6
    assert model.columns_["shop"]["levels"] == [*"xyz"]
    table = containers(FRAME)["polars"]
    shares = model.predict_proba(FRAME)
    np.testing.assert_array_equal(model.predict_proba(table), shares)
    pipeline = make_pipeline(quick(), KNeighborsClassifier())
    assert np.isfinite(cross_val_score(pipeline, FRAME, Y, cv=2)).all()
    grid = {"contrastiveembedding__margin": [0.5, 1.0]}
    assert GridSearchCV(pipeline, grid, cv=2).fit(FRAME, Y).best_score_ > 0.6
    search = ContrastiveEmbeddingCV(quick(), margins=[0.5, 1.0], cv=2).fit(FRAME, Y)
    assert search.transform(table).shape == (N, 4)


def test_a_clone_a_copy_and_a_second_fit(fitted):
    points = fitted.transform(FRAME)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(fitted)).transform(FRAME), points
    )
    again = clone(fitted).fit(FRAME, Y)
    np.testing.assert_array_equal(again.transform(FRAME), points)
    numbers = FRAME[["width", "count"]]
    assert again.fit(numbers, Y).columns_.keys() == {"width", "count"}
    resumed = quick(warm_start=True).fit(FRAME, Y)
    new = FRAME.assign(color="green", count=np.nan)
    assert resumed.fit(new, Y).columns_ == fitted.columns_
    assert quick().partial_fit(FRAME, Y).partial_fit(new, Y).transform(new).shape


def test_rows_stand_for_themselves(fitted):
    points = fitted.transform(FRAME)
    for row in (0, 7, N - 1):
        own = fitted.transform(FRAME.iloc[[row]])
        np.testing.assert_allclose(own, points[[row]], atol=1e-12)
    np.testing.assert_array_equal(
        fitted.transform(FRAME.iloc[::-1]), fitted.transform(FRAME)[::-1]
    )


@pytest.mark.parametrize("name", containers(FRAME))
def test_few_rows_are_read_as_many(name, fitted):
    """A row that is read by itself has the same numbers."""
    table = containers(FRAME)[name]
    read = check_rows(fitted, table)
    for start, stop in ((0, 1), (9, 10), (40, 41), (3, 67), (3, 68)):
        few = check_rows(fitted, table[start:stop])
        np.testing.assert_array_equal(few, read[start:stop])
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        fitted.transform(table[:0])


def test_large_ints_decimals_and_single_precision_in_a_row():
    frame = pd.DataFrame(
        {
            "large": np.arange(60) + 2**53 + 1,
            "decimal": [Decimal(n) / 10 for n in range(60)],
            "single": np.linspace(0, 1, 60, dtype=np.float32),
            "nullable": pd.array([1, None, 3] * 20, dtype="Int8"),
            "level": ["u", "v"] * 30,
        }
    )
    reader = quick()
    read = check_rows(reader, frame, reset=True)
    rows = [check_rows(reader, frame[n : n + 1]) for n in range(60)]
    np.testing.assert_array_equal(np.concatenate(rows), read)
    singles = frame[["single", "level"]]
    check_rows(reader, singles, reset=True)
    assert check_rows(reader, singles).dtype == np.float32
    assert check_rows(reader, singles[:1]).dtype == np.float32


def test_levels_in_single_and_double_precision_are_the_same():
    level = np.array([0.1, 0.2, 16_777_217.0])[np.arange(60) % 3]
    for dtype in (np.float32, np.float64):
        frame = pd.DataFrame({"a": level.astype(dtype), "b": range(60)})
        model = quick(categorical_features=["a"]).fit(frame, np.arange(60) % 2)
        other = np.float64 if dtype is np.float32 else np.float32
        rows = frame[frame["a"] < 1]
        np.testing.assert_array_equal(
            model.transform(rows.astype({"a": other})), model.transform(rows)
        )
        # Whole numbers are codes: another one is a new level.
        code = check_rows(model, frame[:1].assign(a=16_777_219.0))[0, 0]
        assert code == len(model._seen.levels[0]) == 3
    # Of double precision, a number between is new as well.
    assert check_rows(model, frame[:1].assign(a=0.10000000001))[0, 0] == 3


def test_intervals_are_levels_in_order():
    edges = [0, 5, 10, 100]
    numbers = np.arange(60) % 40
    cut = pd.cut(numbers, edges)
    frame = pd.DataFrame({"a": cut, "b": numbers})
    model = quick().fit(frame, np.arange(60) % 2)
    assert model.columns_["a"] == {
        "levels": ["(0, 5]", "(5, 10]", "(10, 100]"],
        "missing": True,
    }
    points = model.transform(frame)
    text = cut.rename_categories([*map(str, cut.categories)])
    floats = pd.cut(numbers, [float(edge) for edge in edges])
    for a in (
        text,
        pd.Series(cut).astype(object),
        pd.cut(numbers, [*edges, 500]),
        floats,
    ):
        np.testing.assert_array_equal(model.transform(frame.assign(a=a)), points)
    np.testing.assert_allclose(model.transform(frame[7:8]), points[7:8])
    with pytest.raises(ValueError, match="was a category of text, and now holds num"):
        model.transform(frame.assign(a=1.0))
    with pytest.raises(
        ValueError, match=r"found text or dates in column 'a' \(such as"
    ):
        quick(categorical_features=None).fit(frame, np.arange(60) % 2)


def test_levels_are_plain_objects():
    class Size(enum.StrEnum):
        SMALL = "s"
        LARGE = "l"

    frame = pd.DataFrame(
        {
            "a": [Size.SMALL, Size.LARGE] * 30,
            "b": pd.Series([np.str_("u"), np.str_("v")] * 30, dtype=object),
            "c": pd.Series([np.True_, np.False_] * 30, dtype=object),
        }
    )
    columns = quick().fit(frame, np.arange(60) % 2).columns_
    levels = [column["levels"] for column in columns.values()]
    assert levels == [["l", "s"], ["u", "v"], [False, True]]
    assert [type(own[0]) for own in levels] == [str, str, bool]


def test_inspection_is_by_column_of_the_table(fitted):
    importances = feature_importances(fitted, FRAME)
    assert importances.shape == (5,)
    assert importances.sum() == pytest.approx(1)
    a, b = FRAME.iloc[[1]], FRAME.iloc[[2]]
    ends = fitted.transform(FRAME.iloc[[1, 2]])
    distance = np.linalg.norm(ends[0] - ends[1])
    contributions = explain_pair(fitted, a, b)
    assert contributions.shape == (5,)
    assert contributions.sum() == pytest.approx(distance, rel=1e-4)


@pytest.mark.parametrize("similarity", ["neighbors", "views"])
def test_sources_without_labels_take_frames(similarity):
    model = quick(similarity=similarity).fit(FRAME)
    assert np.isfinite(model.transform(FRAME)).all()


def test_noise_is_for_numbers_only():
    numbers = FRAME[["width", "count"]]
    similarity = ViewSimilarity("noise")
    assert np.isfinite(quick(similarity=similarity).fit_transform(numbers)).all()
    with pytest.raises(ValueError, match="it must not be 'noise'"):
        quick(similarity=similarity).fit(FRAME)


def test_weights_of_a_category_cover_its_levels():
    weights = np.array([1.0, 0.0, 1.0, 0.5, 1.0])
    model = quick(feature_weights=weights).fit(FRAME, Y)
    np.testing.assert_array_equal(model.feature_weights_, weights)
    other = FRAME.assign(color="blue")
    np.testing.assert_array_equal(model.transform(other), model.transform(FRAME))


def test_learned_weights_of_a_category_are_those_of_its_best_level():
    frame, y = mixed(600)
    frame["noise"] = np.random.RandomState(1).choice([*"abcd"], size=600)
    model = ContrastiveEmbedding(max_iter=1, random_state=0).fit(frame, y)
    weights = dict(zip(frame.columns, model.feature_weights_, strict=True))
    assert weights["color"] == 1
    assert weights["noise"] < 0.5


def test_bins_are_of_numbers():
    frame, y = mixed(400)
    model = quick(numeric_encoding="piecewise").fit(frame, y)
    codes, expansion = model._state.columns.codes, model._state.columns.expansion
    assert (expansion.level[codes.columns] == NUMBER).all()
    assert {*expansion.source[codes.columns].tolist()} == {0, 2}


class Color(enum.Enum):
    RED, BLUE = 1, 2


def both(a, b):
    return pd.DataFrame({"a": pd.Series([a, b] * 30, dtype=object), "b": range(60)})


BAD = {
    "text and numbers": (both("x", 1), "one kind of cells in each column; found"),
    "a name in every row": (
        pd.DataFrame({"a": [f"name {n}" for n in range(120)]}),
        "has 120 different levels in 120 rows. Leave it out",
    ),
    "dates": (FRAME.assign(day=pd.Timestamp(0)), "as skrub's DatetimeEncoder does"),
    "spans": (FRAME.assign(day=pd.Timedelta(1)), "found text or dates in column 'day'"),
    "text in an array": (FRAME.to_numpy(object), "must be numeric; found text"),
    "spans in a category": (
        FRAME.assign(paid=pd.Categorical([pd.Timedelta(1)] * N)),
        "text or dates in column 'paid'",
    ),
    "dates in a dictionary": (
        pa.table({"a": range(60), "b": pa.array([DAY] * 60).dictionary_encode()}),
        "found text or dates in column 'b'",
    ),
    "periods in a category": (
        FRAME.assign(paid=pd.Categorical([pd.Period("2020-01")] * N)),
        "text or dates in column 'paid'",
    ),
    "enums": (both(*Color), "found <Color.RED: 1> in column 'a'. Leave"),
    "bytes": (FRAME.assign(color=b"red"), "found b'red' in column 'color'"),
    "arrays": (both(np.arange(2), np.arange(2)), "must hold one number per cell"),
    "bools and numbers": (
        FRAME.assign(shop=pd.Categorical([True, 2] * 60)),
        "one kind",
    ),
    "no level twice": (
        pd.DataFrame({"a": pd.Categorical(range(200))}),
        "200 different",
    ),
    "infinity": (FRAME.assign(width=np.inf), "found infinity in column 'width'"),
    "lists": (both([1], [2]), "must hold one number per cell"),
}


@pytest.mark.parametrize("name", BAD)
def test_tables_that_cannot_be_read(name):
    table, message = BAD[name]
    with pytest.raises(ValueError, match=message) as caught:
        quick().fit(table, np.arange(len(table)) % 2)
    assert len(str(caught.value)) < 500


def test_frames_that_are_not_in_memory():
    for call in (quick().fit, quick().fit(FRAME, Y).transform):
        with pytest.raises(TypeError, match=r"in memory; got LazyFrame\. Call its"):
            call(pl.from_pandas(FRAME).lazy())


def test_bools_among_numbers_are_numbers():
    """A cell of another kind must not turn categories into their raw values."""
    count = FRAME["count"].astype(object)
    count[0] = True
    model = quick().fit(FRAME, Y)
    np.testing.assert_array_equal(
        model.transform(FRAME.assign(count=count)),
        model.transform(FRAME.assign(count=[1, *FRAME["count"][1:]])),
    )


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame, pa.table])
def test_single_precision_and_large_numbers(container):
    x = np.random.RandomState(0).normal(size=40).astype(np.float32)
    y = np.arange(40) % 2
    single = container({"a": x, "b": x**2})
    X = np.stack([x, x**2], axis=1)
    points = quick().fit(X, y).transform(X)
    assert points.dtype == np.float32
    np.testing.assert_array_equal(quick().fit(single, y).transform(single), points)
    large = container({"a": ["u", "v"] * 20, "b": 2**53 + 1 + np.arange(40)})
    assert np.isfinite(quick().fit(large, y).transform(large)).all()


def test_levels_in_lists_of_numbers_and_text():
    rows = [["u", 1.5], ["v", 2.5]] * 20
    model = quick(categorical_features=[0]).fit(rows, np.arange(40) % 2)
    assert model.columns_[0]["levels"] == ["u", "v"]
    assert model.columns_[1]["levels"] is None


def test_functions_for_views_leave_levels_whole():
    def shifted(X, rng):
        return X + rng.normal(size=X.shape)

    def corrupted(X, rng):
        return X[rng.permutation(len(X))]

    assert quick(similarity=ViewSimilarity(corrupted)).fit(FRAME).columns_
    with pytest.raises(ValueError, match="must leave levels of categories whole"):
        quick(similarity=ViewSimilarity(shifted)).fit(FRAME)
    # Also where views are of rows without a label.
    part = LabelSimilarity(unlabeled=-1, unsupervised=ViewSimilarity("noise"))
    with pytest.raises(ValueError, match="must leave levels of categories whole"):
        quick(similarity=part).fit(FRAME, np.where(np.arange(N) % 2, Y, -1))
    with pytest.raises(
        ValueError, match="must return numbers in the shape of its rows"
    ):
        quick(similarity=ViewSimilarity(lambda X, rng: X[:, :1])).fit(FRAME)


@pytest.mark.parametrize(
    "chosen", [["none"], [9], [-1], [True], [[0]], [1.5], ["a", 0], [[1], [1, 2]]]
)
def test_columns_that_are_not_there(chosen):
    with pytest.raises(ValueError, match="`categorical_features` must be 'from_dtype'"):
        quick(categorical_features=chosen).fit(FRAME, Y)


SERVED = {
    "numbers for text": (FRAME.assign(color=1.0), "'color' was a category of text"),
    "text for numbers": (FRAME.assign(width="x"), "must be numeric; found text"),
    "dates for numbers": (
        FRAME.assign(count=pd.Timestamp(0)),
        "text or dates in column 'count'",
    ),
    "another column": (FRAME.rename(columns={"color": "x"}), "feature names should"),
    "fewer": (FRAME.drop(columns="color"), "feature names should match"),
    "another order": (FRAME[[*FRAME.columns[::-1]]], "must be in the same order"),
    "bytes for text": (FRAME.assign(color=b"red"), "found b'red'"),
    "numbers alone": (np.zeros((4, 5)), "holds numbers"),
}


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("name", SERVED)
def test_rows_that_do_not_go_with_the_fit(name, fitted):
    table, message = SERVED[name]
    said = set()
    for rows in (table, table[:1]):
        with pytest.raises(ValueError, match=message) as caught:
            fitted.transform(rows)
        said.add(str(caught.value))
    assert len(said) == 1


def pairs_of(table, n_pairs=80):
    """Return two frames of pairs, their row numbers, and which are of one class."""
    numbers = np.random.RandomState(1).randint(N, size=(2, n_pairs))
    frames = tuple(take_rows(table, own) for own in numbers)
    return frames, numbers.T, (Y[numbers[0]] == Y[numbers[1]]).astype(int)


@pytest.mark.parametrize("name", containers(FRAME))
def test_pairs_may_be_two_frames(name, fitted):
    frames, numbers, same = pairs_of(FRAME)
    Z = fitted.transform(FRAME)
    distances = np.linalg.norm(Z[numbers[:, 0]] - Z[numbers[:, 1]], axis=1)
    table = pairs_of(containers(FRAME)[name])[0]
    np.testing.assert_allclose(fitted.pair_distance(table), distances, rtol=1e-9)
    np.testing.assert_array_equal(
        fitted.pair_score(table), -fitted.pair_distance([*table])
    )
    model, plain = (quick().fit(pairs, same) for pairs in (table, frames))
    assert model.similarity_ == "pairs"
    assert model.columns_ == plain.columns_
    assert model.feature_names_in_.tolist() == [*FRAME.columns]
    points = plain.transform(FRAME)
    np.testing.assert_array_equal(model.transform(FRAME), points)
    assert model.score(table, same) == plain.score(frames, same)
    stopped = quick(early_stopping=True).fit(frames, same, X_val=table, y_val=same)
    assert stopped.best_validation_score_ == stopped.score(table, same)


def test_frames_of_numbers_have_the_bits_of_an_array():
    X = np.random.RandomState(0).normal(size=(40, 2, 3))
    same = np.arange(40) % 2
    for dtype in (np.float64, np.float32):
        pairs = X.astype(dtype)
        frames = [pd.DataFrame(pairs[:, end], columns=[*"abc"]) for end in (0, 1)]
        polars = [pl.from_pandas(each) for each in frames]
        expected = quick().fit(pairs, same).pair_distance(pairs)
        assert expected.dtype == dtype
        unnamed = [pd.DataFrame(pairs[:, end]) for end in (0, 1)]
        for own in (frames, polars, unnamed):
            found = quick().fit(own, same).pair_distance(own)
            np.testing.assert_array_equal(found, expected)


def test_what_is_a_category_in_one_frame_is_one():
    levels = np.random.RandomState(0).randint(3, size=(2, 60))
    one, other = (pd.DataFrame({"a": own, "b": np.arange(60)}) for own in levels)
    same = np.arange(60) % 2
    for frames in (
        (one.astype({"a": "category"}), other),
        (one, other.astype({"a": "category"})),
        (one[1:].astype({"a": "category"}), other[:-1].astype({"a": "category"})),
    ):
        model = quick().fit(frames, same[: len(frames[0])])
        assert model.columns_["a"]["levels"] == [0, 1, 2]
    assert quick().fit((one, other), same).columns_["a"]["levels"] is None


def test_pairs_that_are_no_two_frames(fitted):
    (A, B), _, same = pairs_of(FRAME)
    for pairs, message in (
        ((A, B[[*B.columns[::-1]]]), "column 0 is 'width' in the first and 'paid' in"),
        ((A, B.drop(columns="paid")), "column 4 is 'paid' in the first and None in th"),
        ((A, B[:4]), "as many rows, at least one, of which row"),
        ((A[:0], B[:0]), "got 0 and 0 rows"),
    ):
        with pytest.raises(ValueError, match="`X` must be two frames of .*" + message):
            quick(similarity="pairs").fit(pairs, same)
        with pytest.raises(ValueError, match="`pairs` must be two frames"):
            fitted.pair_distance(pairs)
        with pytest.raises(ValueError, match="`X_val` must be two frames"):
            quick(early_stopping=True).fit((A, B), same, X_val=pairs, y_val=same)
    for other, message in (
        (B.assign(color=1.0), "one kind of cells in each column; found .* in column"),
        (B.assign(count="x"), "one kind of cells in each column; found .* in column"),
        (B.assign(paid=pd.Timestamp(0)), "text or dates in column 'paid'"),
        (B.assign(width=np.inf), "found infinity in column 'width'"),
    ):
        with pytest.raises(ValueError, match=message):
            quick().fit((A, other), same)
    with pytest.raises(ValueError, match="'color' was a category of text, and now ho"):
        fitted.pair_distance((A, B.assign(color=1.0)))
    for call in (quick(similarity="labels").fit, fitted.transform):
        with pytest.raises(ValueError, match="`X` must be one table; got two data fr"):
            call((A, B), *([same] if call != fitted.transform else []))
    lazy = tuple(pl.from_pandas(each).lazy() for each in (A, B))
    with pytest.raises(ValueError, match=r"Pass two data frames as \(A, B\)"):
        quick(similarity="pairs").fit(lazy, same)


def test_pairs_in_arrays(fitted):
    with pytest.raises(ValueError, match="`pairs` must hold what it held in `fit`: co"):
        fitted.pair_distance(np.zeros((3, 2, 5)))
    frames, *_ = pairs_of(FRAME)
    objects = np.stack([each.to_numpy(object) for each in frames], axis=1)
    distances = fitted.pair_distance(frames)
    np.testing.assert_array_equal(fitted.pair_distance(objects), distances)
    metric = fitted.get_metric()
    assert metric(*objects[3]) == pytest.approx(distances[3])
    X = np.random.RandomState(0).normal(size=(40, 2))
    model = quick().fit(X, np.arange(40) % 2)
    pairs = np.stack([X[:5], X[5:10]], axis=1)
    gaps = pairs.copy()
    gaps[0, 0, 0], pairs[0, 0, 0] = np.nan, np.median(X[:, 0])
    np.testing.assert_array_equal(model.pair_distance(gaps), model.pair_distance(pairs))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_levels_and_gaps_of_any_table(data):
    """What a cell is read as depends on its own value alone."""
    cells = st.sampled_from(["a", "b", "c", None])
    text = data.draw(st.lists(cells, min_size=20, max_size=40))
    numbers = st.sampled_from([0.5, -1.0, 2.0, np.nan])
    values = data.draw(st.lists(numbers, min_size=len(text), max_size=len(text)))
    frame = pd.DataFrame({"text": pd.Series(text, dtype=object), "number": values})
    reader = quick()
    X = check_rows(reader, frame, reset=True)
    levels = {level: n for n, level in enumerate(reader._seen.levels.get(0, ()))}
    known = {*text} - {None}
    fewest = max(1, sum(cell is not None for cell in text) // 20)
    assert [*levels] == sorted(cell for cell in known if text.count(cell) >= fewest)
    for cell, number, row in zip(text, values, X, strict=True):
        code = np.nan if cell is None else levels.get(cell, len(levels))
        np.testing.assert_array_equal(row, [code, number])
    expansion = learn_standardization(X, "robust", False, reader._seen).expansion
    if expansion is not None:
        read = expansion.of(X)
        assert np.isfinite(read).all()
        own = read[:, (expansion.source == 0) & (expansion.level != NUMBER)]
        if levels:
            np.testing.assert_array_equal(own.sum(axis=1), 1)
