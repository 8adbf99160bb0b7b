"""Labels of some rows only: the value that means unknown, and the other rows."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._training._terms import Term, expand
from sklearn_contrastive.losses import ContrastiveLoss
from sklearn_contrastive.miners import AllPairs
from sklearn_contrastive.similarity import (
    LabelSimilarity,
    NeighborSimilarity,
    PairConstraints,
    ViewSimilarity,
)

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)
iris = load_iris()
#: Iris with ten labels of each class.
X = iris.data
PARTLY = np.full(150, -1)
for _start in (0, 50, 100):
    PARTLY[_start : _start + 10] = iris.target[_start]


def small(**settings):
    return ContrastiveEmbedding(
        **{
            "n_components": 3,
            "hidden_layer_sizes": (8,),
            "max_iter": 3,
            "batch_size": 32,
            "random_state": 0,
            **settings,
        }
    )


def weights_of(similarity):
    keys = similarity.keys(np.arange(len(similarity.codes_)))
    return similarity.compare(keys, keys)


def by_loop(y, known):
    kinds = np.zeros((2, len(y), len(y)))
    for i in range(len(y)):
        for j in range(len(y)):
            if i != j and known[i] and known[j]:
                kinds[:, i, j] = y[i] == y[j], y[i] != y[j]
    return kinds


# The value that means unknown.


NAN = float("nan")
MARKED = {
    "-1": ([0, -1, 1, 0, -1], -1),
    "-1 among floats": ([0.0, -1.0, 1.0, 0.0, -1.0], -1),
    "-1.0 among integers": ([0, -1, 1, 0, -1], -1.0),
    "numpy's -1": ([0, -1, 1, 0, -1], np.int8(-1)),
    "text": (["a", "unknown", "b", "a", "unknown"], "unknown"),
    "text objects": (np.array(["a", "?", "b", "a", "?"], dtype=object), "?"),
    "empty text": (["a", "", "b", "a", ""], ""),
    "NaN": ([0.0, NAN, 1.0, 0.0, NAN], np.nan),
    "NaN, float32": (np.array([0, NAN, 1, 0, NAN], dtype=np.float32), np.nan),
    "NaN among text": (np.array(["a", NAN, "b", "a", NAN], dtype=object), np.nan),
    "None": (["a", None, "b", "a", None], np.nan),
    "None and NaN": (["a", None, "b", "a", NAN], NAN),
    "NA": (pd.Series(["a", pd.NA, "b", "a", pd.NA], dtype="string"), np.nan),
    "NA as marker": (pd.Series(["a", None, "b", "a", None], dtype="string"), pd.NA),
    "Int64": (pd.Series([0, pd.NA, 1, 0, pd.NA], dtype="Int64"), np.nan),
    "Int64 and NA": (pd.Series([0, pd.NA, 1, 0, pd.NA], dtype="Int64"), pd.NA),
    "boolean": (pd.Series([True, None, False, True, None], dtype="boolean"), np.nan),
    "category": (pd.Series(["a", None, "b", "a", None], dtype="category"), np.nan),
    "NaT": (np.array([0, "NaT", 1, 0, "NaT"], dtype="datetime64[D]"), np.nan),
    "a column": ([[0], [-1], [1], [0], [-1]], -1),
    "Int64 without": (pd.Series([0, -1, 1, 0, -1], dtype="Int64"), -1),
    "category without": (pd.Series(["a", "?", "b", "a", "?"], dtype="category"), "?"),
}


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@pytest.mark.parametrize("name", MARKED)
def test_a_marked_row_is_not_labelled(name):
    y, unlabeled = MARKED[name]
    similarity = LabelSimilarity(unlabeled=unlabeled, unsupervised=None)
    similarity.fit(np.zeros((5, 1)), y)
    assert_array_equal(similarity.rows_, [0, 2, 3])
    assert len(similarity.classes_) == 2
    kinds = np.zeros((2, 5, 5))
    kinds[0, [0, 3], [3, 0]] = 1
    kinds[1, [0, 2, 2, 3], [2, 0, 3, 2]] = 1
    assert_array_equal(weights_of(similarity), kinds)


@few
@given(seed=seeds, unsupervised=st.sampled_from(["neighbors", None]))
def test_rows_without_a_label_neither_attract_nor_repel_by_labels(seed, unsupervised):
    rng = np.random.RandomState(seed)
    y = np.concatenate([[0, 0, 1], rng.randint(-1, 3, size=20)])
    similarity = LabelSimilarity(unlabeled=-1, unsupervised=unsupervised)
    similarity.fit(rng.normal(size=(23, 2)), y)
    assert_array_equal(weights_of(similarity), by_loop(y, y >= 0))
    everyone = unsupervised is not None and (y < 0).any()
    expected = np.arange(23) if everyone else np.flatnonzero(y >= 0)
    assert_array_equal(similarity.rows_, expected)


@pytest.mark.parametrize(
    "y",
    [
        [-1, -1, 0, 0, 1],
        ["unknown", "unknown", "a", "a", ""],
        [True, True, False, False, False],
        [-1.0, -1.0, 0.0, 0.0, 1.0],
    ],
)
def test_every_value_is_a_label_by_default(y):
    similarity = LabelSimilarity().fit(np.zeros((5, 1)), y)
    assert_array_equal(weights_of(similarity), by_loop(y, [True] * 5))
    assert set(similarity.classes_) == set(y)
    assert similarity.unsupervised_ is None


@pytest.mark.parametrize(
    ("y", "unlabeled"),
    [
        ([True, True, False, False, True], 1),
        ([True, True, False, False, True], 0),
        ([1, 1, 0, 0, 1], True),
        ([1, 1, 0, 0, 1], False),
        ([1, 1, 0, 0, 1], "1"),
        (["1", "1", "0", "0", "1"], 1),
        (["nan", "nan", "a", "a", "b"], np.nan),
        (["None", "None", "a", "a", "b"], np.nan),
        ([2, 2, 1, 1, 1], -1),
    ],
)
def test_a_marker_of_another_type_is_no_label(y, unlabeled):
    similarity = LabelSimilarity(unlabeled=unlabeled).fit(np.zeros((5, 1)), y)
    assert set(similarity.classes_) == set(y)
    assert_array_equal(weights_of(similarity), by_loop(y, [True] * 5))
    assert similarity.unsupervised_ is None


def test_missing_labels_beside_another_marker_are_an_error():
    message = "`y` must hold a class label for every row; 1 are missing"
    for y in ([0.0, np.nan, -1.0, 0.0, 1.0], np.array([0, None, -1, 0, 1])):
        with pytest.raises(ValueError, match=re.escape(message)):
            LabelSimilarity(unlabeled=-1).fit(np.zeros((5, 1)), y)
    y = [0.0, np.inf, np.nan, 0.0, 1.0]
    with pytest.raises(ValueError, match=re.escape(message)):
        LabelSimilarity(unlabeled=np.nan).fit(np.zeros((5, 1)), y)


# The other rows.


@pytest.mark.parametrize(
    ("unsupervised", "kind", "own"),
    [
        ("neighbors", NeighborSimilarity, {"n_neighbors": 10, "repel": False}),
        ("views", ViewSimilarity, {"keep_original": True}),
        (NeighborSimilarity(3), NeighborSimilarity, {"n_neighbors": 3, "repel": True}),
        (ViewSimilarity("noise"), ViewSimilarity, {"augment": "noise"}),
    ],
)
def test_the_similarity_of_all_rows_is_fitted(unsupervised, kind, own):
    similarity = LabelSimilarity(
        unlabeled=-1, unsupervised=unsupervised, unsupervised_weight=0.25
    ).fit(X, PARTLY)
    beside = similarity.unsupervised_
    assert type(beside) is kind
    assert {name: beside.get_params()[name] for name in own} == own
    assert beside is not unsupervised
    assert similarity.n_views == beside.n_views
    assert similarity.reads_rows == beside.reads_rows
    assert similarity.terms() == [("", similarity, 1.0), ("unlabeled", beside, 0.25)]
    fresh = type(beside)(**beside.get_params()).fit(X)
    keys, others = beside.keys(np.arange(150)), fresh.keys(np.arange(150))
    found, expected = beside.compare(keys, keys), fresh.compare(others, others)
    assert_array_equal(found.positive, expected.positive)


@pytest.mark.parametrize("unsupervised", ["neighbors", "views"])
def test_there_is_a_loss_over_each_similarity(unsupervised):
    similarity = LabelSimilarity(
        unlabeled=-1, unsupervised=unsupervised, unsupervised_weight=0.25
    ).fit(X, PARTLY)
    loss = ContrastiveLoss().resolve(True)
    terms = expand({"": Term(similarity, AllPairs(), loss)}, similarity)
    assert list(terms) == ["", "unlabeled"]
    assert [each.weight for each in terms.values()] == [1.0, 0.25]
    assert [each.similarity for each in terms.values()] == [
        similarity,
        similarity.unsupervised_,
    ]


@few
@given(seed=seeds, n_rows=st.integers(2, 12))
def test_views_of_labelled_rows_carry_their_labels(seed, n_rows):
    similarity = LabelSimilarity(unlabeled=-1, unsupervised="views").fit(X, PARTLY)
    index = np.random.RandomState(seed).permutation(150)[:n_rows]
    keys = similarity.keys(index)
    pairs = similarity.compare(keys, keys)
    rows = np.concatenate([index, index])
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            known = PARTLY[a] >= 0 and PARTLY[b] >= 0
            same = PARTLY[a] == PARTLY[b] if known else a == b
            assert pairs.positive[i, j] == (same and i != j)
            assert pairs.negative[i, j] == (known and not same)


@pytest.mark.parametrize("unsupervised", ["neighbors", "views"])
@pytest.mark.parametrize("batch_size", [8, 21, 60])
def test_half_of_each_batch_is_labelled(unsupervised, batch_size):
    similarity = LabelSimilarity(unlabeled=-1, unsupervised=unsupervised)
    similarity.fit(X, PARTLY)
    index = similarity.batches(batch_size, np.random.RandomState(0))
    assert index.shape == (150 // batch_size, batch_size)
    n_labelled = min(batch_size // 2, 30)
    for batch in index:
        first = PARTLY[batch[:n_labelled]]
        assert (first >= 0).all()
        # Two of a class at least and, beyond one group of four, two classes.
        assert np.bincount(first).max() >= 2
        assert len(np.unique(first)) >= 2 or n_labelled <= 4
    others = index[:, n_labelled:]
    if batch_size < 60:
        assert np.mean(PARTLY[others] < 0) > 0.5


def test_rows_are_drawn_from_the_labelled_ones_alone_without_the_others():
    similarity = LabelSimilarity(unlabeled=-1, unsupervised=None).fit(X, PARTLY)
    for batch in similarity.batches(8, np.random.RandomState(0)):
        assert (PARTLY[batch] >= 0).all()


@pytest.mark.parametrize("unsupervised", ["neighbors", "views"])
def test_held_out_rows_are_labelled(unsupervised):
    similarity = LabelSimilarity(unlabeled=-1, unsupervised=unsupervised)
    kept, held_out = similarity.fit(X, PARTLY).hold_out(0.3, np.random.RandomState(0))
    assert (PARTLY[held_out.rows_] >= 0).all()
    assert held_out.unsupervised_ is None
    assert held_out.n_views == 1
    assert_array_equal(kept.unsupervised_.rows_, kept.rows_)
    assert (PARTLY[kept.rows_] < 0).sum() == 120
    assert (PARTLY[kept.rows_] >= 0).sum() == 30 - len(held_out.rows_)
    for batch in kept.batches(20, np.random.RandomState(0)):
        assert not set(batch) & set(held_out.rows_)


# Through the estimator.


def same_fits(*models):
    tables = [model.fit(X, PARTLY).transform(X) for model in models]
    return all(np.array_equal(tables[0], table) for table in tables[1:])


def test_labels_that_are_all_known_are_learned_as_without_a_marker():
    y = iris.target
    marked = small(similarity=LabelSimilarity(unlabeled=-1)).fit(X, y)
    plain = small().fit(X, y)
    assert_array_equal(marked.transform(X), plain.transform(X))


@pytest.mark.parametrize("loss", ["contrastive", "supcon", "proxy_anchor"])
def test_without_the_others_the_labelled_rows_are_the_table(loss):
    alone = small(
        similarity=LabelSimilarity(unlabeled=-1, unsupervised=None),
        loss=loss,
        standardize=False,
    ).fit(X, PARTLY)
    known = PARTLY >= 0
    table = small(loss=loss, standardize=False).fit(X[known], PARTLY[known])
    np.testing.assert_allclose(
        alone.transform(X), table.transform(X), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("unsupervised", ["neighbors", "views"])
def test_with_a_weight_of_zero_labels_alone_count(unsupervised):
    own = {"unlabeled": -1, "unsupervised": unsupervised}
    weights = (0.0, 1e-30, 1.0)
    zero, tiny, one = (
        small(similarity=LabelSimilarity(**own, unsupervised_weight=weight))
        for weight in weights
    )
    assert same_fits(zero, tiny)
    assert not same_fits(zero, one)


@pytest.mark.parametrize(
    ("unsupervised", "marker"),
    [("neighbors", np.nan), ("views", "unknown"), (None, np.nan), (None, "unknown")],
)
def test_which_value_means_unknown_does_not_matter(unsupervised, marker):
    y = PARTLY.astype(object)
    y[PARTLY < 0] = marker
    if marker == "unknown":
        y = y.astype(str)
    elif marker is np.nan:
        y = y.astype(float)
    model = small(
        similarity=LabelSimilarity(unlabeled=marker, unsupervised=unsupervised)
    )
    expected = small(
        similarity=LabelSimilarity(unlabeled=-1, unsupervised=unsupervised)
    )
    assert_array_equal(
        model.fit(X, y).transform(X), expected.fit(X, PARTLY).transform(X)
    )
    assert len(model.classes_) == 3


def test_the_score_leaves_rows_without_a_label_out():
    model = small(similarity=LabelSimilarity(unlabeled=-1)).fit(X, PARTLY)
    known = PARTLY >= 0
    assert model.score(X, PARTLY) == model.score(X[known], PARTLY[known])
    Z, y = model.transform(X[known]), PARTLY[known]
    distances = ((Z[:, None] - Z) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    expected = np.mean(y[distances.argmin(axis=1)] == y)
    assert model.score(X, PARTLY) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("unsupervised", "settings"),
    [
        ("neighbors", {"early_stopping": True, "validation_fraction": 0.3}),
        ("views", {"early_stopping": True, "validation_fraction": 0.3}),
        ("neighbors", {"miner": "memory"}),
        ("views", {"batch_size": 2, "max_iter": 1}),
        ("neighbors", {"batch_size": 150}),
        ("views", {"loss": "info_nce"}),
        ("neighbors", {"encoder": "linear"}),
    ],
    ids=repr,
)
def test_fits_of_many_kinds_are_repeatable(unsupervised, settings):
    similarity = LabelSimilarity(unlabeled=-1, unsupervised=unsupervised)
    models = [small(similarity=similarity, **settings) for _ in range(2)]
    assert same_fits(*models)
    assert np.isfinite(models[0].transform(X)).all()


def test_partial_fit_takes_rows_without_labels():
    model = small(similarity=LabelSimilarity(unlabeled=-1))
    for part in (slice(0, 150, 2), slice(1, 150, 2)):
        model.partial_fit(X[part], PARTLY[part])
    assert model.classes_.tolist() == [0, 1, 2]
    assert np.isfinite(model.transform(X)).all()


# Errors.


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([-1] * 6, "`y` must hold at least two classes; got no labels."),
        ([-1, -1, 0, 0, 0, 0], "at least two classes; got one class only, 0."),
        (
            [-1, -1, -1, 0, 1, 2],
            "`y` must hold a class with at least two rows; got 3 classes for 3 rows",
        ),
        ([-1, 0.5, 1, 1, 0, 0], "got continuous values such as 0.5."),
    ],
)
def test_too_few_labels_are_an_error(y, message):
    model = small(similarity=LabelSimilarity(unlabeled=-1)).fit(X, PARTLY)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(X[:6], y)
    assert vars(model) == before


@pytest.mark.parametrize(
    ("own", "name"),
    [
        ({"unsupervised": "clusters"}, "unsupervised"),
        ({"unsupervised": 3}, "unsupervised"),
        ({"unsupervised_weight": -0.1}, "unsupervised_weight"),
        ({"rows_per_class": 1}, "rows_per_class"),
    ],
)
def test_settings_out_of_range_are_an_error(own, name):
    message = f"The '{name}' parameter of LabelSimilarity must be"
    with pytest.raises(ValueError, match=re.escape(message)):
        LabelSimilarity(unlabeled=-1, **own).fit(X, PARTLY)


def test_proxies_need_classes_in_each_similarity():
    similarity = LabelSimilarity(unlabeled=-1, unsupervised="views")
    message = "ProxyAnchorLoss learns a proxy for each class, and ViewSimilarity has "
    with pytest.raises(ValueError, match=re.escape(message)):
        small(similarity=similarity, loss="proxy_anchor").fit(X, PARTLY)


def test_views_are_not_searched_in_the_whole_table():
    similarity = LabelSimilarity(unlabeled=-1, unsupervised="views")
    message = "`miner` must not be a GlobalMiner where changed copies of rows are"
    with pytest.raises(ValueError, match=re.escape(message)):
        small(similarity=similarity, miner="global").fit(X, PARTLY)


# Regressions.


def test_missing_text_beside_another_marker_is_an_error():
    y = np.array(["a", pd.NA, "unknown", "a", "b"], dtype=object)
    with pytest.raises(ValueError, match="1 are missing"):
        LabelSimilarity(unlabeled="unknown").fit(np.zeros((5, 1)), y)


def test_batches_of_a_small_table_hold_its_labelled_rows():
    y = np.full(150, -1)
    y[[0, 1, 100, 101]] = [0, 0, 1, 1]
    similarity = LabelSimilarity(unlabeled=-1).fit(X, y)
    for batch in similarity.batches(76, np.random.RandomState(0)):
        assert (y[batch] >= 0).sum() == 4


@pytest.mark.parametrize(
    "loss",
    ["info_nce", "supcon", "n_pair", "nca", "triplet", "lifted", "rank_n_contrast"],
)
def test_neighbours_count_with_losses_over_lists(loss):
    weights = (0.0, 1.0)
    models = [
        small(
            similarity=LabelSimilarity(unlabeled=-1, unsupervised_weight=weight),
            loss=loss,
        )
        for weight in weights
    ]
    assert not same_fits(*models)


def beside_pairs(pairs, labels):
    pairs = PairConstraints(pairs, labels)
    return LabelSimilarity(unlabeled=-1, unsupervised=pairs).fit(X, PARTLY)


@pytest.mark.parametrize("batch_size", [32, 100])
def test_few_pairs_beside_labels_fill_a_batch(batch_size):
    # Without a batch a fit would never end.
    similarity = beside_pairs([[20, 21], [30, 31], [20, 71]], [1, 1, 0])
    index = similarity.batches(batch_size, np.random.RandomState(0))
    assert len(index) >= 1


def test_pairs_beside_labels_leave_held_out_rows_alone():
    rng = np.random.RandomState(0)
    pairs = rng.permutation(150).reshape(-1, 2)
    similarity = beside_pairs(pairs, np.arange(75) % 2)
    kept, held_out = similarity.hold_out(0.4, rng)
    assert not np.isin(kept.batches(20, rng), held_out.rows_).any()
