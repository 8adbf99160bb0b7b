"""What values are does not depend on what holds them."""

import datetime
import decimal
import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.datasets import load_diabetes, make_blobs
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold

from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
)
from sklearn_contrastive._validation import check_rows, read_values
from sklearn_contrastive.displays._rows import check_classes, kind_of_y
from sklearn_contrastive.losses import ContrastiveLoss
from sklearn_contrastive.metrics import far_frr_curve, precision_at_1
from sklearn_contrastive.model_selection import ClassDisjointKFold
from sklearn_contrastive.similarity import (
    FunctionSimilarity,
    LabelSimilarity,
    MultilabelSimilarity,
    NeighborSimilarity,
    PairConstraints,
    TargetSimilarity,
    infer_similarity,
)
from sklearn_contrastive.verification import PairVerifier

rng = np.random.RandomState(0)
X = rng.normal(size=(24, 3))
CODES = np.arange(24) % 4
UNKNOWN = np.arange(24) % 5 == 1


def arrow(values):
    return pa.array([None if v != v else v for v in np.asarray(values).tolist()])


COLUMNS = {
    "list": np.ndarray.tolist,
    "tuple": tuple,
    "list of arrays": list,
    "column": lambda y: y[:, None],
    "objects": lambda y: y.astype(object),
    "Series": pd.Series,
    "Series of objects": lambda y: pd.Series(y, dtype=object),
    "nullable Series": lambda y: pd.Series(y).convert_dtypes(),
    "Arrow Series": lambda y: pd.Series(y).convert_dtypes(dtype_backend="pyarrow"),
    "category": lambda y: pd.Series(y).astype("category"),
    "Index": pd.Index,
    "Categorical": pd.Categorical,
    "polars": lambda y: pl.Series(y.tolist(), nan_to_null=True),
    "Arrow": arrow,
    "Arrow chunks": lambda y: pa.chunked_array([arrow(y[:9]), arrow(y[9:])]),
    "read-only": lambda y: np.frombuffer(y.tobytes(), y.dtype),
}


def cast(dtype):
    return lambda y: y.astype(dtype)


#: Some values, and further containers of their own.
VALUES = {
    "ints": (CODES, {"small": cast(np.uint8), "short": cast(np.int16)}),
    "bools": (CODES < 2, {}),
    "text": (np.array(["ant", "bee", "cat", "dog"])[CODES], {"wide": cast("U9")}),
    "whole floats": (CODES * 1.0, {"half": cast("f2"), "single": cast("f4")}),
    "fractions": (CODES / 4, {"half": cast("f2"), "long": cast(np.longdouble)}),
    "fractions and NaN": (
        np.where(UNKNOWN, np.nan, CODES / 4),
        {
            "masked": lambda y: np.ma.masked_array(CODES / 4, UNKNOWN),
            "None": lambda y: np.where(UNKNOWN, None, y),
            "NA": lambda y: [pd.NA if v != v else v for v in y],
            "decimals": lambda y: [
                None if v != v else decimal.Decimal(str(v)) for v in y
            ],
        },
    ),
}
if hasattr(np.dtypes, "StringDType"):
    VALUES["text"][1]["StringDType"] = cast("T")


def outcome(room, y):
    """Return what a room makes of `y`, as plain lists, or its error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = room(y)
        except (ValueError, TypeError) as error:
            # Numbers of other precision, and dtypes, may be printed.
            return type(error), str(error)[:30]
    parts = found if isinstance(found, tuple) else (found,)
    return [np.asarray(part).tolist() for part in parts]


def shared(y):
    entries = FunctionSimilarity(lambda a, b: a == b).fit(None, y)._entries
    return entries.astype(float) if entries.dtype.kind in "iuf" else entries


ROOMS = {
    "auto": lambda y: infer_similarity(X, y, doubtful="doubtful"),
    "labels": lambda y: LabelSimilarity().fit(X, y).codes_,
    "known labels": lambda y: (
        LabelSimilarity(unlabeled=np.nan, unsupervised=None).fit(X, y).rows_
    ),
    "targets": lambda y: TargetSimilarity().fit(X, y).targets_,
    "function": shared,
    "pairs": lambda y: (
        PairConstraints(np.arange(48).reshape(24, 2), y)
        .fit(np.zeros((48, 1)))
        .edges_.toarray()
    ),
    "weights": lambda y: (
        PairConstraints(np.arange(48).reshape(24, 2), CODES > 1, weights=y)
        .fit(np.zeros((48, 1)))
        .edges_.toarray()
    ),
    "loss": lambda y: ContrastiveLoss(1.0).pair_values(np.ones(24), y),
    "metrics": lambda y: precision_at_1(X, y),
    "rates": lambda y: far_frr_curve(y, np.ones(24)),
    "distances": lambda y: far_frr_curve(CODES > 1, y),
    "folds": lambda y: tuple(test for _, test in ClassDisjointKFold(2).split(X, y)),
    "displays": lambda y: check_classes(y, 24, unlabeled=np.nan)[1],
}


@pytest.mark.parametrize("name", VALUES)
def test_rooms_read_the_same_values_from_every_container(name):
    y, own = VALUES[name]
    expected = {room: outcome(read, y) for room, read in ROOMS.items()}
    for kind, make in {**COLUMNS, **own}.items():
        # A function sees the axis of columns.
        rooms = ROOMS.keys() - ({"function"} if kind == "column" else set())
        for room in sorted(rooms):
            found = outcome(ROOMS[room], make(y))
            assert str(found) == str(expected[room]), (kind, room)


INDICATORS = np.stack([CODES < 2, CODES % 2 > 0, CODES == 3], axis=1)
NAMES = ["a", "b", "c"]


def frame(table, **types):
    return pd.DataFrame(dict(zip(NAMES, np.asarray(table).T, strict=True))).astype(
        types
    )


FRAMES = {
    "list": np.ndarray.tolist,
    "list of arrays": list,
    "tuple of lists": lambda t: tuple(t.tolist()),
    "objects": lambda t: t.astype(object),
    "half": lambda t: t.astype(np.float16),
    "frame": frame,
    "frame of objects": lambda t: frame(t).astype(object),
    "nullable": lambda t: frame(t).convert_dtypes(),
    "Arrow types": lambda t: frame(t).convert_dtypes(dtype_backend="pyarrow"),
    "polars": lambda t: pl.DataFrame(frame(t).to_dict("list")),
    "Arrow": lambda t: pa.table(frame(t).to_dict("list")),
}
OF_KINDS = {
    "bool and int": lambda t: frame(t, b=int),
    "bool and float": lambda t: frame(t, b=float),
    "bool and nullable": lambda t: frame(t, b="Int64", c="Float64"),
    "bool and Arrow": lambda t: frame(t, b="int64[pyarrow]", c="bool[pyarrow]"),
}


@pytest.mark.parametrize("name", [*FRAMES, *OF_KINDS])
def test_tables_of_label_sets_and_targets_are_the_same_in_every_container(name):
    y = {**FRAMES, **OF_KINDS}[name](INDICATORS)
    assert infer_similarity(X, y) == "multilabel"
    found, expected = (MultilabelSimilarity().fit(X, each) for each in (y, INDICATORS))
    assert_array_equal(found.indicators_, expected.indicators_)
    found, expected = (TargetSimilarity().fit(X, each) for each in (y, INDICATORS))
    assert_array_equal(found.targets_, expected.targets_)


@pytest.mark.parametrize("name", FRAMES)
def test_rows_are_the_same_in_every_container(name):
    table = np.round(4 * X) / 4
    assert_array_equal(check_rows(BaseEstimator(), FRAMES[name](table), True), table)
    assert_array_equal(check_rows(None, FRAMES[name](table)), table)


@pytest.mark.parametrize("make", [list, np.ndarray.tolist, lambda t: t.astype(object)])
def test_pairs_of_rows_may_be_nested_lists(make):
    pairs, y = X.reshape(12, 2, 3), np.arange(12) % 2
    settings = {"hidden_layer_sizes": (4,), "max_iter": 1, "random_state": 0}
    models = [
        ContrastiveEmbedding(2, **settings).fit(p, y) for p in (pairs, make(pairs))
    ]
    assert [model.similarity_ for model in models] == ["pairs"] * 2
    found = [
        m.pair_distance(p) for m, p in zip(models, (pairs, make(pairs)), strict=True)
    ]
    assert_array_equal(*found)
    assert models[0].score(make(pairs), y) == models[0].score(pairs, y)


@pytest.mark.parametrize(
    "make",
    [
        lambda sets: [*map(set, sets)],
        lambda sets: [*map(np.array, sets)],
        pd.Series,
        pl.Series,
        pa.array,
        lambda sets: pd.Series(sets, dtype=pd.ArrowDtype(pa.list_(pa.string()))),
        lambda sets: np.array([*sets, None], dtype=object)[:-1],
    ],
)
def test_label_sets_are_the_same_in_every_container(make):
    sets = [["ant"], ["bee", "cat"], ["ant", "bee"], ["cat"]]
    assert infer_similarity(None, make(sets)) == "multilabel"
    found = MultilabelSimilarity().fit(None, make(sets))
    assert found.classes_.tolist() == ["ant", "bee", "cat"]
    assert_array_equal(found.indicators_, [[1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 1]])


PAIRS = np.array([[0, 1], [1, 2], [4, 5], [2, 6]])


@pytest.mark.parametrize(
    "make",
    [
        np.ndarray.tolist,
        lambda p: p.astype(object),
        lambda p: p.astype(np.uint8),
        lambda p: pd.DataFrame(p, columns=["a", "b"]),
        lambda p: pd.DataFrame(p, columns=["a", "b"]).convert_dtypes(),
        lambda p: pl.DataFrame(p),
        lambda p: pa.table({"a": p[:, 0], "b": p[:, 1]}),
    ],
)
def test_row_numbers_are_the_same_in_every_container(make):
    given = PairConstraints(make(PAIRS), [1, 0, 1, 0]).fit(X)
    expected = PairConstraints(PAIRS, [1, 0, 1, 0]).fit(X)
    assert_array_equal(given.edges_.toarray(), expected.edges_.toarray())
    edges = [NeighborSimilarity(2, edges=e).fit(X).edges_ for e in (make(PAIRS), PAIRS)]
    assert_array_equal(*(each.toarray() for each in edges))
    verifiers = [
        PairVerifier(
            ContrastiveEmbedding(2, max_iter=1), preprocessor=X, random_state=0
        )
        for _ in range(2)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = (
            verifier.fit(pairs, [1, 0, 1, 0])
            for verifier, pairs in zip(verifiers, (make(PAIRS), PAIRS), strict=True)
        )
    assert_array_equal(first.pair_distance(make(PAIRS)), second.pair_distance(PAIRS))


def test_row_numbers_that_are_missing_or_no_integers_are_an_error():
    for pairs in ([[0, None], [1, 2]], [[0, 1.5], [1, 2]], [["a", "b"], ["c", "d"]]):
        with pytest.raises(ValueError, match="must hold two row numbers per pair"):
            PairConstraints(pairs, [1, 0]).fit(X)
        with pytest.raises(ValueError, match="`X` must hold"):
            PairVerifier(preprocessor=X).fit(pairs, [1, 0])


def test_large_integers_with_missing_ones_stay_apart():
    ids = [2**60, 2**60 + 1, None] * 4
    for y in (ids, pd.Series(ids, dtype="Int64"), pl.Series(ids)):
        kind, values, missing = read_values(y)
        assert kind == "i"
        assert len(np.unique(values[~missing])) == 2
    assert read_values([2**70, 2**70 + 1])[1].tolist() == [2**70, 2**70 + 1]


def test_text_in_lists_with_missing_labels_is_no_label_nan():
    for missing in (None, np.nan, pd.NA):
        similarity = LabelSimilarity(unlabeled=np.nan, unsupervised=None)
        similarity.fit(None, ["a", "b", missing, "a"])
        assert similarity.classes_.tolist() == ["a", "b"]
        assert similarity.rows_.tolist() == [0, 1, 3]


@pytest.mark.parametrize("first", ["list", "objects", "Series", "Arrow", "polars"])
@pytest.mark.parametrize("second", ["list", "category", "nullable Series"])
def test_partial_fit_takes_text_in_any_containers(first, second):
    y = VALUES["text"][0]
    model = ContrastiveEmbedding(2, hidden_layer_sizes=(4,), n_members=1)
    for kind in (first, second):
        model.partial_fit(X, COLUMNS[kind](y))
    assert model.classes_.tolist() == ["ant", "bee", "cat", "dog"]
    with pytest.raises(TypeError, match="`y` must hold labels of one type"):
        model.partial_fit(X, CODES)


DAYS = np.datetime64("2020-01-01") + np.arange(24).astype("m8[D]")
DATES = {
    "numpy": np.stack([DAYS, DAYS], axis=1),
    "numpy spans": np.stack([DAYS, DAYS], axis=1) - DAYS[0],
    "objects": np.stack([X[:, 0].astype(object), DAYS.astype(object)], axis=1),
    "numpy objects": np.array([[x, d] for x, d in zip(X[:, 0], DAYS, strict=True)]),
    "list": [[x, d] for x, d in zip(X[:, 0], DAYS, strict=True)],
    "pandas": pd.DataFrame({"x": X[:, 0], "day": DAYS}),
    "pandas spans": pd.DataFrame({"x": X[:, 0], "day": DAYS - DAYS[0]}),
    "pandas with zones": pd.DataFrame(
        {"x": X[:, 0], "day": pd.to_datetime(DAYS).tz_localize("UTC")}
    ),
    "pandas periods": pd.DataFrame(
        {"x": X[:, 0], "day": pd.period_range("2020", periods=24)}
    ),
    "pandas Arrow": pd.DataFrame(
        {"x": X[:, 0], "day": pd.Series(DAYS.astype(object), dtype="date32[pyarrow]")}
    ),
    "polars": pl.DataFrame({"x": X[:, 0], "day": DAYS.astype("M8[us]")}),
    "polars dates": pl.DataFrame({"x": X[:, 0], "day": DAYS.astype(object)}),
    "polars times": pl.DataFrame({"x": X[:, 0], "day": [datetime.time(1)] * 24}),
    "polars spans": pl.DataFrame({"x": X[:, 0], "day": [datetime.timedelta(1)] * 24}),
    "Arrow": pa.table({"x": X[:, 0], "day": pa.array(DAYS.astype(object))}),
}


@pytest.mark.parametrize("name", DATES)
def test_dates_are_no_numbers(name):
    table, model = DATES[name], ContrastiveEmbedding(max_iter=1)
    with pytest.raises(
        ValueError, match=r"`X` must be numeric; found text or dates in"
    ):
        model.fit(table, CODES)
    with pytest.raises(ValueError, match="`y` must be numeric; found text or dates in"):
        ContrastiveAlignment(max_iter=1).fit(X, table)
    with pytest.raises(ValueError, match="`X` must be numeric; found text or dates in"):
        ContrastiveAlignment(max_iter=1).fit(table, X)
    if hasattr(table, "columns"):
        with pytest.raises(ValueError, match="found text or dates in column 'day' "):
            model.fit(table, CODES)
    with pytest.raises(ValueError, match="`y` must hold numbers as targets"):
        ContrastiveEmbedding(similarity="targets").fit(X, table)


@pytest.mark.parametrize("y", [DAYS, pd.Series(DAYS), pl.Series(DAYS), DAYS - DAYS[0]])
def test_dates_are_no_targets_but_may_be_labels(y):
    with pytest.raises(ValueError, match="it holds dates or times"):
        TargetSimilarity().fit(X, y)
    with pytest.raises(
        ValueError, match="`weights` must hold numbers > 0; it holds da"
    ):
        PairConstraints(np.arange(48).reshape(24, 2), CODES > 1, weights=y).fit(
            np.zeros((48, 1))
        )
    days = np.asarray(y)[CODES]
    assert_array_equal(LabelSimilarity().fit(X, days).codes_, CODES)


UNREAL = {
    "dates": np.stack([DAYS] * 3, axis=1),
    "complex": X + 1j,
    "masked": np.ma.masked_greater(X, 1),
}
MESSAGES = {
    "dates": "must be numeric; found text or dates",
    "complex": "Complex data not supported: ",
    "masked": "must be finite; found masked values",
}


@pytest.mark.parametrize("kind", UNREAL)
def test_rows_and_pairs_are_real_numbers_wherever_they_come_in(kind):
    table, labels, pair_labels = UNREAL[kind], CODES % 2, np.arange(12) % 2
    pairs = table.reshape(12, 2, 3)
    model = ContrastiveEmbedding(2, hidden_layer_sizes=(4,), max_iter=1).fit(X, labels)
    aligned = ContrastiveAlignment(2, hidden_layer_sizes=(4,), max_iter=1).fit(X, X)
    calls = [
        lambda: model.transform(table),
        lambda: model.score(table, labels),
        lambda: model.score(pairs, pair_labels),
        lambda: model.pair_distance(pairs),
        lambda: model.pair_score(pairs),
        lambda: ContrastiveEmbedding().fit(pairs, pair_labels),
        lambda: ContrastiveEmbedding().partial_fit(table, labels),
        lambda: ContrastiveEmbedding(early_stopping=True).fit(X, labels, table, labels),
        lambda: ContrastiveEmbeddingCV(ContrastiveEmbedding()).fit(table, labels),
        lambda: ContrastiveAlignment().fit(table, X),
        lambda: ContrastiveAlignment().fit(X, table),
        lambda: aligned.transform(X, table),
        lambda: aligned.transform(table),
        lambda: aligned.score(X, table),
        lambda: PairVerifier().fit(pairs, pair_labels),
        lambda: PairVerifier(preprocessor=table).fit(
            np.arange(24).reshape(12, 2), pair_labels
        ),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=MESSAGES[kind]):
            call()
    if kind != "masked":
        with pytest.raises(ValueError, match=MESSAGES[kind]):
            model.get_metric()(table[0], table[1])


def test_an_array_without_masked_cells_is_an_array():
    whole = np.ma.masked_greater(X, 100)
    assert_array_equal(check_rows(None, whole), X)


def test_masked_targets_and_labels_are_unknown():
    mask = UNKNOWN
    targets = np.ma.masked_array(np.where(mask, 1e6, X[:, 0]), mask)
    found = TargetSimilarity().fit(X, targets)
    expected = TargetSimilarity().fit(X, np.where(mask, np.nan, X[:, 0]))
    assert_array_equal(found.targets_, expected.targets_)
    labels = np.ma.masked_array(CODES, mask)
    with pytest.raises(ValueError, match="5 are missing"):
        LabelSimilarity().fit(X, labels)
    similarity = LabelSimilarity(unlabeled=np.nan, unsupervised=None).fit(X, labels)
    assert_array_equal(similarity.rows_, np.flatnonzero(~mask))
    with pytest.raises(ValueError, match="5 are missing"):
        precision_at_1(X, labels)


def test_labels_as_floats_are_labels_in_every_fold():
    X, y = make_blobs(n_samples=120, centers=20, random_state=0)
    for folds in (StratifiedKFold(3, shuffle=True), StratifiedKFold(2)):
        for train, _ in folds.split(X, y):
            assert infer_similarity(X[train], y[train] * 1.0) == "labels"
    for train, _ in ShuffleSplit(20, train_size=0.6, random_state=0).split(X):
        assert infer_similarity(X[train], y[train] * 1.0) == "labels"


def test_quantities_in_whole_floats_are_an_error_in_every_fold():
    X, y = load_diabetes(return_X_y=True)
    for train, _ in [(slice(None), None), *KFold(5).split(X), *KFold(2).split(X)]:
        with pytest.raises(
            ValueError, match=re.escape("pass `y.astype(int)`")
        ) as error:
            ContrastiveEmbedding().fit(X[train], y[train])
        assert "similarity='targets'" in str(error.value)
    assert kind_of_y(y) == "targets"


@pytest.mark.parametrize(
    "margins", [[0.5, "auto"], [], None, ["a"], [np.nan], [DAYS[0]], [0.5, None], [1j]]
)
def test_margins_that_are_no_numbers_are_named(margins):
    search = ContrastiveEmbeddingCV(ContrastiveEmbedding(max_iter=1), margins=margins)
    with pytest.raises((ValueError, TypeError), match="margins"):
        search.fit(X, CODES % 2)


@pytest.mark.parametrize("container", [np.array, pd.DataFrame, np.ndarray.tolist])
def test_a_list_in_a_cell_is_an_error_that_names_the_table(container):
    cells = X.astype(object)
    cells[3, 1] = [1.0, 2.0]
    with pytest.raises(ValueError, match="`X` must hold one number per cell"):
        ContrastiveEmbedding(2).fit(container(cells))


def test_rows_of_unequal_length_are_an_error_that_names_the_table():
    with pytest.raises(ValueError, match="in equally long rows: setting an array"):
        ContrastiveEmbedding(2).fit([[1.0], [1.0, 2.0]])


def test_a_frame_without_columns_is_an_error_that_names_the_table():
    table = pd.DataFrame(index=range(20))
    message = "must hold at least one column; got shape (20, 0)."
    labels, numbers = np.arange(20) % 2, np.arange(40.0).reshape(20, 2)
    with pytest.raises(ValueError, match=re.escape(f"`X` {message}")):
        ContrastiveEmbedding().fit(table, labels)
    with pytest.raises(ValueError, match=re.escape(f"`y` {message}")):
        ContrastiveAlignment().fit(numbers, table)


@pytest.mark.parametrize("wrap", [pa.array, lambda y: pa.chunked_array([y])])
def test_a_search_takes_tables_and_labels_of_arrow(wrap):
    table = pa.table({name: X[:, i] for i, name in enumerate("abc")})
    few = ContrastiveEmbedding(max_iter=2, hidden_layer_sizes=(8,), random_state=0)
    search = ContrastiveEmbeddingCV(few, margins=[0.5, 1.0], cv=2)
    scores = search.fit(table, wrap(CODES)).cv_results_["mean_test_score"]
    plain = search.fit(X, CODES).cv_results_["mean_test_score"]
    assert_array_equal(scores, plain)


def test_what_is_missing_in_a_dictionary_of_chunks_is_no_label():
    y = pa.chunked_array([pa.array(["x", None, "y"]).dictionary_encode()] * 2)
    _, values, missing = read_values(y)
    assert values.tolist() == ["x", None, "y"] * 2
    assert missing.tolist() == [False, True, False] * 2
    with pytest.raises(ValueError, match="2 are missing"):
        ContrastiveEmbedding(2, max_iter=1).fit(X[:6], y)
