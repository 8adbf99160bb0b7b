"""Retrieval against worked values, a literal loop and a published implementation."""

import re
import sys
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sklearn_contrastive.metrics import (
    _distances,
    _faiss,
    _ranking,
    map_at_r,
    mean_reciprocal_rank,
    precision_at_1,
    r_precision,
    recall_at_k,
    retrieval_scores,
)

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**31)
SINGLE = {
    "precision_at_1": precision_at_1,
    "r_precision": r_precision,
    "map_at_r": map_at_r,
    "mean_reciprocal_rank": mean_reciprocal_rank,
}
LINE = np.array([[0.0], [1], [3], [4], [8]]), np.array(["a", "a", "b", "a", "b"])


def drawn(seed, n_rows=40, n_classes=4, n_columns=3, ties=False):
    """Return points and classes; whole numbers with many ties, or none."""
    rng = np.random.RandomState(seed)
    y = rng.randint(n_classes, size=n_rows)
    Z = rng.normal(size=(n_rows, n_columns)) + 0.7 * y[:, None]
    return (np.round(Z) if ties else Z), y


def by_loop(Z, y, gallery=None, y_gallery=None, average="micro", k=(1, 5, 10)):
    """Compute every metric query by query, from the definitions."""
    within = gallery is None
    gallery, y_gallery = (Z, y) if within else (gallery, y_gallery)
    values_of = {name: {} for name in (*SINGLE, *(f"recall_at_{n}" for n in k))}
    n_lone = 0
    for i in range(len(Z)):
        others = []
        for j in range(len(gallery)):
            if not (within and i == j):
                square = sum(
                    (float(a) - float(b)) ** 2
                    for a, b in zip(Z[i], gallery[j], strict=True)
                )
                # Equal in float32 is equal; what is not similar comes first.
                others.append((np.float32(square), y_gallery[j] == y[i]))
        similar = [same for _, same in sorted(others)]
        n_similar = sum(similar)
        if n_similar == 0:
            n_lone += 1
            continue
        first = similar.index(True) + 1
        precisions = [
            sum(similar[:rank]) / rank
            for rank in range(1, n_similar + 1)
            if similar[rank - 1]
        ]
        values = {
            "precision_at_1": float(similar[0]),
            "r_precision": sum(similar[:n_similar]) / n_similar,
            "map_at_r": sum(precisions) / n_similar,
            "mean_reciprocal_rank": 1 / first,
            **{f"recall_at_{n}": float(any(similar[:n])) for n in k},
        }
        for name, value in values.items():
            values_of[name].setdefault(y[i] if average == "macro" else 0, []).append(
                value
            )
    if n_lone == len(Z):
        return None
    means = {
        name: np.mean([np.mean(values) for values in groups.values()])
        for name, groups in values_of.items()
    }
    return {**means, "n_queries": len(Z) - n_lone, "n_lone": n_lone}


# The definitions.


def test_worked_values_on_a_line():
    assert [metric(*LINE) for metric in SINGLE.values()] == [0.4, 0.3, 0.25, 0.65]
    assert [recall_at_k(*LINE, k) for k in (1, 2, 3, 4, 9)] == [0.4, 0.8, 0.8, 1, 1]
    macro = {name: metric(*LINE, average="macro") for name, metric in SINGLE.items()}
    assert macro == pytest.approx(
        {
            "precision_at_1": (2 / 3 + 0) / 2,
            "r_precision": (1 / 2 + 0) / 2,
            "map_at_r": (1.25 / 3 + 0) / 2,
            "mean_reciprocal_rank": (2.5 / 3 + 0.75 / 2) / 2,
        }
    )


@few
@given(
    seed=seeds,
    n_rows=st.integers(2, 30),
    n_classes=st.integers(1, 6),
    n_columns=st.integers(1, 3),
    ties=st.booleans(),
    with_gallery=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
    average=st.sampled_from(["micro", "macro"]),
)
def test_every_metric_is_that_of_the_literal_loop(
    seed, n_rows, n_classes, n_columns, ties, with_gallery, dtype, average
):
    Z, y = drawn(seed, n_rows, n_classes, n_columns, ties)
    Z = Z.astype(dtype)
    given = {}
    if with_gallery:
        gallery, given["y_gallery"] = drawn(
            seed + 1, 30, n_classes + 1, n_columns, ties
        )
        given["gallery"] = gallery.astype(dtype)
    else:
        # One class has two rows at least.
        y[0] = y[1]
    with pytest.MonkeyPatch.context() as patch:
        # Small blocks, so that there are several.
        patch.setattr(_distances, "_BLOCK", 1)
        expected = by_loop(Z, y, average=average, **given)
        if expected is None:
            with pytest.raises(ValueError, match="is alone of its class"):
                retrieval_scores(Z, y, average=average, **given)
            return
        if len(np.unique(given.get("y_gallery", y))) == 1:
            with pytest.warns(UserWarning, match="are of one class: every figure is 1"):
                found = retrieval_scores(Z, y, average=average, **given)
            assert {found[name] for name in SINGLE} == {1.0}
            return
        found = retrieval_scores(Z, y, average=average, **given)
        assert found == pytest.approx(expected, rel=1e-12)
        assert list(found) == list(expected)
        for name, metric in SINGLE.items():
            single = metric(Z, y, average=average, **given)
            assert isinstance(single, float)
            assert single == found[name]
        recall = recall_at_k(Z, y, 5, average=average, **given)
        assert recall == found["recall_at_5"]


@pytest.mark.parametrize("with_gallery", [False, True])
@pytest.mark.parametrize(
    ("average", "dtype"), [("micro", "float32"), ("macro", "float64")]
)
def test_metrics_are_those_of_pytorch_metric_learning(with_gallery, average, dtype):
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    names = {
        "precision_at_1": "precision_at_1",
        "r_precision": "r_precision",
        "mean_average_precision_at_r": "map_at_r",
    }
    Z, y = drawn(0, n_rows=300, n_classes=9, n_columns=5)
    # Two classes of one row each, which are left out.
    y[:2] = 10, 11
    Z, reference, given = Z.astype(dtype), (), {}
    if with_gallery:
        gallery, labels = drawn(1, n_rows=200, n_classes=9, n_columns=5)
        reference = gallery.astype(dtype), labels
        given = dict(zip(("gallery", "y_gallery"), reference, strict=True))
    expected = {}
    # The reciprocal rank is over all rows: theirs ends at k. It cannot be asked alone.
    ranks = ("precision_at_1", "mean_reciprocal_rank")
    for k, include in (("max_bin_count", names), (None, ranks)):
        published = AccuracyCalculator(
            include=tuple(include),
            avg_of_avgs=average == "macro",
            k=k,
            device=torch.device("cpu"),
        )
        for name, value in published.get_accuracy(Z, y, *reference).items():
            expected[names.get(name, name)] = value
    found = retrieval_scores(Z, y, average=average, **given)
    assert found["n_lone"] == 2
    # Theirs is in float32.
    assert {name: found[name] for name in SINGLE} == pytest.approx(expected, abs=1e-6)


@few
@given(seed=seeds, share=st.floats(0, 1), n_nearest=st.integers(1, 150))
def test_the_nearest_keys_are_found_in_order(seed, share, n_nearest):
    rng = np.random.RandomState(seed)
    keys = rng.randint(2**20, 2**32, size=(5, 400), dtype=np.uint32)
    # Many of them equal.
    keys[rng.rand(5, 400) < share * 0.5] = rng.choice([7, 2**31])
    found = _ranking._nearest(keys.copy(), n_nearest)
    assert_array_equal(found, np.sort(keys, axis=1)[:, :n_nearest])


# Ties.


def test_a_collapsed_embedding_scores_zero():
    y = np.arange(40) % 2
    scores = retrieval_scores(np.full((40, 3), 0.1), y, k=(1, 20, 21))
    # Behind the 20 rows of the other class.
    assert scores["mean_reciprocal_rank"] == pytest.approx(1 / 21)
    assert (scores["recall_at_20"], scores["recall_at_21"]) == (0, 1)
    for name in ("precision_at_1", "r_precision", "map_at_r", "recall_at_1"):
        assert scores[name] == 0


def test_a_copy_with_another_label_comes_before_one_with_the_same():
    Z, y = drawn(0)
    twice = np.concatenate([Z, Z, Z]), np.concatenate([y, y, y + 10])
    assert precision_at_1(*twice) == 0
    assert precision_at_1(np.concatenate([Z, Z]), np.concatenate([y, y])) == 1


@few
@given(seed=seeds, scale=st.sampled_from([1, 1 / 3, 1e-200, 1e200]))
def test_ties_do_not_depend_on_order_or_place(seed, scale):
    Z, y = drawn(seed, ties=True)
    rng = np.random.RandomState(seed)
    order = rng.permutation(len(Z))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    first = retrieval_scores(Z, y)
    assert retrieval_scores(Z[order] * scale, y[order]) == pytest.approx(first)
    assert retrieval_scores(Z @ turn + [3.7, -1, 0.1], y) == pytest.approx(first)


def test_distances_are_told_apart_to_seven_digits():
    # The row of the other class is nearer by a part in a million, or in 100 million.
    for gap, expected in ((1e-6, 0.0), (-1e-6, 1.0), (-1e-8, 0.0), (1e-8, 0.0)):
        gallery = [[1.0], [-(1 - gap)]]
        scores = {"gallery": gallery, "y_gallery": [1, 0]}
        assert precision_at_1([[0.0]], [1], **scores) == expected


def test_near_points_far_from_the_middle_are_told_apart():
    rng = np.random.RandomState(0)
    Z, y = drawn(0, n_rows=60)
    near = 1e-5 * Z + np.repeat(1e3 * rng.normal(size=(1, 3)), 60, axis=0)
    assert map_at_r(near, y) == pytest.approx(map_at_r(Z, y), abs=1e-12)
    # Half of them, and the middle, are elsewhere.
    tight = np.concatenate([1e-4 * Z + 1, Z + 50])
    classes = np.concatenate([y, y + 10])
    assert map_at_r(tight, classes) == pytest.approx(map_at_r(Z, y), abs=1e-12)


@pytest.mark.parametrize("search", ["exact", "faiss"])
def test_clouds_far_apart_are_ranked_as_if_each_were_alone(search):
    for shift in (1e6, 1e7, 1e8, 1e10):
        Z, y = drawn(0, n_rows=200, n_columns=8)
        # Rounded as the other cloud is, so that both are the same.
        step = shift * np.eye(8)[1]
        Z = (Z + step) - step
        both = np.concatenate([Z, Z + step]), np.concatenate([y, y + 9])
        expected = retrieval_scores(Z, y)
        # That many neighbours of a query are too near for faiss to tell apart: it
        # ranks again what it has found, here all rows of the cloud.
        k = (1, 5, 10, 399 if search == "faiss" else 1)
        found = retrieval_scores(*both, k=k, search=search)
        if search == "faiss":
            assert found["precision_at_1"] == expected["precision_at_1"]
        for name in SINGLE:
            assert found[name] == pytest.approx(expected[name], rel=1e-12)


@few
@given(seed=seeds, spreads=st.lists(st.integers(-200, 200), min_size=2, max_size=4))
def test_groups_of_any_spread_are_ranked_by_differences(seed, spreads):
    # Each about the origin, so that rows of the tightest keep all their digits.
    rng = np.random.RandomState(seed)
    Z = np.concatenate(
        [np.ldexp(rng.normal(size=(6, 2)), exponent // 4) for exponent in spreads]
    )
    y = np.tile([0, 1, 0, 1, 0, 1], len(spreads))
    assert retrieval_scores(Z, y) == pytest.approx(by_loop(Z, y), rel=1e-12)


@pytest.mark.parametrize("search", ["exact", "faiss"])
def test_the_unit_may_be_very_small_or_large(search):
    Z, y = drawn(0)
    expected = retrieval_scores(Z, y)
    for unit in (1e-300, 1e-200, 1e-30, 1e30, 1e200, 1e307):
        found = retrieval_scores(Z * unit, y, search=search)
        assert found == pytest.approx(expected, rel=1e-12)


def test_the_query_may_be_far_from_the_gallery():
    gallery = {"gallery": [[0.0, 1], [0, -2], [3, 0]], "y_gallery": [0, 1, 1]}
    for far in (1e9, 1e30, 1e100):
        assert precision_at_1([[0.0, far], [far, 0]], [0, 1], **gallery) == 0
        near = {**gallery, "gallery": np.multiply(gallery["gallery"], far)}
        assert precision_at_1([[0.0, far], [2 * far, 0]], [0, 1], **near) == 1


def test_a_far_row_changes_nothing_for_the_others():
    Z, y = drawn(0)
    expected = {**retrieval_scores(Z, y), "n_lone": 1}
    for far_out in (1e9, 1e20, 1e22, 1e25, 1e100, 1e170):
        far = np.concatenate([Z, [[far_out, -far_out, 0]]])
        assert retrieval_scores(far, np.append(y, 99)) == expected


# Queries and classes.


def test_queries_that_are_alone_of_their_class_are_counted_and_left_out():
    Z, y = LINE
    scores = retrieval_scores(np.append(Z, [[100.0], [200]], axis=0), [*y, "c", "d"])
    assert (scores["n_queries"], scores["n_lone"]) == (5, 2)
    assert scores["map_at_r"] == 0.25
    assert map_at_r([[100.0], *Z], ["c", *y], average="macro") == pytest.approx(
        1.25 / 6
    )
    with pytest.raises(ValueError, match="each of the 5 rows is alone of its class"):
        map_at_r(Z, range(5))
    with pytest.raises(ValueError, match="a class with at least two rows"):
        map_at_r(Z, y, gallery=Z, y_gallery=["c"] * 5)


def test_a_gallery_of_the_same_rows_holds_the_query_too():
    Z, y = drawn(0)
    assert precision_at_1(Z, y, gallery=Z, y_gallery=y) == 1
    assert precision_at_1(Z, y) < 1


def test_a_perfect_ranking_scores_exactly_one():
    y = np.repeat(np.arange(7), 53)
    Z = 100.0 * y[:, None] + np.random.RandomState(0).rand(len(y), 2)
    scores = retrieval_scores(Z, y, average="macro")
    assert {scores[name] for name in SINGLE} == {1.0}


@pytest.mark.parametrize(
    "labels",
    [
        lambda y: [f"class {c}" for c in y],
        lambda y: pd.Series(y, index=y + 100).astype("category"),
        lambda y: pd.array(y, dtype="Int64"),
        lambda y: pl.Series(y),
        lambda y: y.astype(float),
        lambda y: np.array([("x", int(c)) for c in y] + [None], dtype=object)[:-1],
        lambda y: y[:, None],
        lambda y: np.array("2020-01-01", dtype="M8[D]") + y,
        lambda y: y.astype(np.int8) - 100,
    ],
)
def test_labels_of_any_type(labels):
    Z, y = drawn(0)
    assert retrieval_scores(Z, labels(y)) == retrieval_scores(Z, y)
    given = {"gallery": Z[:20], "y_gallery": labels(y)[:20]}
    expected = map_at_r(Z, y, gallery=Z[:20], y_gallery=y[:20])
    assert map_at_r(Z, labels(y), **given) == expected


def test_labels_of_queries_and_gallery_may_differ_in_width_and_in_type_of_number():
    Z, y = drawn(0)
    given = {"gallery": Z[:20], "y_gallery": (y[:20] > 0).astype(bool)}
    expected = map_at_r(Z, (y > 0).astype(int), gallery=Z[:20], y_gallery=y[:20] > 0)
    assert map_at_r(Z, (y > 0).astype(float), **given) == expected
    # As floats these two would be the same.
    large = np.where(y == 0, 2**60, 2**60 + 1)
    given["y_gallery"] = np.array([2**60] * 19 + [7], dtype=np.uint64)
    assert retrieval_scores(Z, large, **given)["n_lone"] == (y > 0).sum()


@pytest.mark.parametrize(
    "kind", [list, np.float32, np.int64, pd.DataFrame, pl.DataFrame]
)
def test_tables_of_any_kind(kind):
    Z, y = drawn(0, ties=True)
    table = Z.astype(kind) if isinstance(kind, type(np.float32)) else kind(Z.tolist())
    if kind is pl.DataFrame:
        table = pl.DataFrame(Z, schema=["a", "b", "c"])
    assert retrieval_scores(table, y) == retrieval_scores(Z, y)


def test_a_memory_mapped_table_is_read_and_left_alone(tmp_path):
    Z, y = drawn(0)
    np.save(tmp_path / "Z.npy", Z)
    mapped = np.load(tmp_path / "Z.npy", mmap_mode="r")
    expected = retrieval_scores(Z, y)
    assert retrieval_scores(mapped, y, gallery=mapped, y_gallery=y)["n_queries"] == 40
    assert retrieval_scores(mapped, y) == expected
    assert_array_equal(mapped, drawn(0)[0])


# What it takes.


def test_memory_is_that_of_a_block(monkeypatch):
    monkeypatch.setattr(_distances, "_BLOCK", 2**17)
    Z, y = drawn(0, n_rows=2500, n_classes=2)
    tracemalloc.start()
    try:
        retrieval_scores(Z, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.2 * 4 * 2500**2


def test_what_looks_for_the_first_row_sorts_nothing(monkeypatch):
    def fail(*_):
        raise AssertionError("sorted")

    monkeypatch.setattr(_ranking, "_nearest", fail)
    assert precision_at_1(*LINE) == 0.4
    assert recall_at_k(*LINE, 2) == 0.8
    with pytest.raises(AssertionError, match="sorted"):
        r_precision(*LINE)


# faiss.


@pytest.mark.parametrize("with_gallery", [False, True])
@pytest.mark.parametrize("lists", [False, True])
def test_faiss_finds_the_same(with_gallery, lists, monkeypatch):
    if lists:
        monkeypatch.setattr(_faiss, "_MOST_EXACT", 100)
    monkeypatch.setattr(_faiss, "_BLOCK", 1000)
    Z, y = drawn(0, n_rows=1000, n_classes=20, n_columns=4)
    y[0] = 99
    given = {}
    if with_gallery:
        given = {"gallery": Z[:700] + 0.01, "y_gallery": y[:700]}
    expected = retrieval_scores(Z, y, **given)
    found = retrieval_scores(Z, y, search="faiss", **given)
    # In float32, and with lists in a part of the gallery.
    assert found == pytest.approx(expected, rel=2e-3 if lists else 1e-5)
    for name, metric in SINGLE.items():
        assert metric(Z, y, search="faiss", **given) == pytest.approx(found[name])
    recall = recall_at_k(Z, y, 10, search="faiss", **given)
    assert recall == pytest.approx(found["recall_at_10"])


def test_a_first_row_that_faiss_does_not_reach_is_looked_up_exactly():
    y = np.arange(300) % 2
    Z = np.linspace(0, 1, 300)[:, None] + 10 * y[:, None]
    lonely = np.append(Z, [[10.5]], axis=0), np.append(y, 0)
    found = mean_reciprocal_rank(*lonely, search="faiss")
    assert found == pytest.approx(mean_reciprocal_rank(*lonely), rel=1e-12)
    assert recall_at_k(*lonely, 5, search="faiss") == pytest.approx(300 / 301)


def test_faiss_where_fewer_rows_are_found_than_asked_for(monkeypatch):
    monkeypatch.setattr(_faiss, "_MOST_EXACT", 10)
    monkeypatch.setattr(_faiss, "_N_PROBED", 1)
    Z = np.array([[0.0], [100], [200], [300]]).repeat(10, axis=0)
    Z = Z + np.random.RandomState(0).rand(40, 1)
    # Of its class there is one near row, and one that lies in another list.
    y = np.append(np.arange(39) // 2 % 10, 99)
    found = retrieval_scores(Z, y, search="faiss", k=30)
    exact = retrieval_scores(Z, y, k=30)
    assert 0 < found["r_precision"] <= exact["r_precision"]
    assert found["mean_reciprocal_rank"] == pytest.approx(exact["mean_reciprocal_rank"])


def test_faiss_raises_for_more_neighbours_than_it_finds():
    Z, y = drawn(0, n_rows=1100, n_classes=1)
    Z[0], y[0] = 1e3, 1
    for metric in (map_at_r, r_precision, retrieval_scores):
        with pytest.raises(ValueError, match="up to 1024 neighbours of a query; got"):
            metric(Z, y, search="faiss")
    with pytest.raises(ValueError, match="got 2000 to find"):
        recall_at_k(Z, y, 2000, search="faiss")
    assert precision_at_1(Z, y, search="faiss") == 1


def test_without_faiss_the_error_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(
        ImportError, match="install it with 'pip install faiss-cpu', or"
    ):
        precision_at_1(*LINE, search="faiss")


# Mistakes.


@pytest.mark.parametrize("metric", [*SINGLE.values(), retrieval_scores])
def test_one_class_is_perfect_whatever_the_embedding(metric):
    Z, _ = drawn(0)
    message = "All rows that are searched are of one class: every figure is 1, whatever"
    with pytest.warns(UserWarning, match=message) as caught:
        metric(Z, ["a"] * 40)
    assert caught[0].filename == __file__
    gallery = {"gallery": Z[:9], "y_gallery": ["a"] * 9}
    with pytest.warns(UserWarning, match=message):
        metric(Z, ["a"] * 39 + ["b"], **gallery)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Z": [1.0, 2, 3, 4, 5]}, "`Z` must be a table of numbers, of shape (n_rows"),
        ({"Z": [["x"]] * 5}, "`Z` must be a table of numbers"),
        (
            {"Z": [[1.0], [np.nan], [1], [2], [np.inf]]},
            "found NaN or infinity in 2 rows",
        ),
        ({"y": [0, 1]}, "one label for each row of `Z`; got 2 labels for 5 rows"),
        ({"y": [0.5, 1, 2, 3, 4]}, "got continuous values such as 0.5. Cut a quantity"),
        ({"y": [0, 1, np.nan, 0, 0]}, "1 are missing, the first at row 2"),
        ({"y": ["a", "b", None, "a", "b"]}, "1 are missing, the first at row 2"),
        ({"y": pd.array([1, None, 1, 2, 2])}, "1 are missing, the first at row 1"),
        ({"y": np.eye(5)}, "`y` must be one column of labels"),
        (
            {"y": np.array([1, "a", 1, "a", 1], dtype=object)},
            "`y` must hold labels of one",
        ),
        ({"gallery": [[1.0]]}, "must be given together; got one"),
        ({"y_gallery": [1]}, "must be given together; got one"),
        (
            {"gallery": [[1.0, 2]], "y_gallery": ["a"]},
            "`gallery` must have 1 columns, as `Z`; got 2.",
        ),
        (
            {"gallery": [[1.0]], "y_gallery": ["a", "b"]},
            "`y_gallery` must hold one label for each row of `gallery`; got 2 labels",
        ),
        (
            {"gallery": [[1.0]], "y_gallery": [1]},
            "`y` and `y_gallery` must hold labels of",
        ),
        ({"gallery": [[np.nan]], "y_gallery": ["a"]}, "`gallery` must be finite"),
        ({"average": "weighted"}, "The 'average' parameter of map_at_r must be a str"),
        ({"search": "fast"}, "The 'search' parameter of map_at_r must be a str among"),
        ({"y": None}, "The 'y' parameter of map_at_r must be an array-like"),
    ],
)
def test_mistakes_are_named(change, message):
    Z, y = LINE
    with pytest.raises(ValueError, match=re.escape(message)):
        map_at_r(**{"Z": Z, "y": y, **change})


def test_sparse_points_raise():
    from scipy.sparse import csr_array

    with pytest.raises(
        TypeError, match="'Z' parameter of map_at_r must be an array-li"
    ):
        map_at_r(csr_array(LINE[0]), LINE[1])


def test_bools_are_no_numbers_of_nearest_rows():
    for call in (recall_at_k, lambda Z, y, k: retrieval_scores(Z, y, k=k)):
        with pytest.raises(ValueError, match=r"`k` must hold ints in .* got True"):
            call(*LINE, True)


@pytest.mark.parametrize("k", [0, -1, 1.5, "5", None])
def test_numbers_of_nearest_rows_are_at_least_one(k):
    with pytest.raises(ValueError, match="The 'k' parameter of recall_at_k must be an"):
        recall_at_k(*LINE, k)
    with pytest.raises(ValueError, match=r"`k` must hold ints in \[1, inf\)"):
        retrieval_scores(*LINE, k=[1, k])


def test_one_number_of_nearest_rows_or_none():
    assert "recall_at_3" in retrieval_scores(*LINE, k=3)
    assert not any("recall" in name for name in retrieval_scores(*LINE, k=()))
