"""Properties that every similarity has."""

import copy
import inspect
import pickle
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, issparse
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors

from sklearn_contrastive import ContrastiveEmbedding, Keys, Pairs, similarity
from sklearn_contrastive.similarity import (
    SIMILARITIES,
    FunctionSimilarity,
    LabelSimilarity,
    MultilabelSimilarity,
    NeighborSimilarity,
    PairConstraints,
    PartnerSimilarity,
    Similarity,
    TargetSimilarity,
    ViewSimilarity,
)

N_ROWS = 40
rng = np.random.RandomState(0)
X = rng.normal(size=(N_ROWS, 4))
CLASSES = np.arange(N_ROWS) % 4
PARTLY = np.where(rng.uniform(size=N_ROWS) < 0.5, CLASSES, -1)
QUANTITY = rng.normal(size=N_ROWS)
GAPPY = np.where(np.arange(N_ROWS) % 10 == 3, np.nan, QUANTITY)
TAGS = (rng.uniform(size=(N_ROWS, 5)) < 0.3).astype(int)
GRAPH = rng.uniform(0.1, 2, (N_ROWS, N_ROWS))
GRAPH = csr_array(np.where(rng.uniform(size=GRAPH.shape) < 0.1, GRAPH, 0))
EDGES = np.stack([np.arange(20), np.arange(20, 40)], axis=1)
ROW_PAIRS = np.stack(np.triu_indices(N_ROWS, k=1), axis=1)
ROW_PAIRS = ROW_PAIRS[rng.permutation(len(ROW_PAIRS))[:60]]
SIMILAR = np.arange(60) % 2
# Must-links inside blocks of four rows, cannot-links between the blocks.
BLOCKS = ROW_PAIRS[ROW_PAIRS[:, 0] // 4 != ROW_PAIRS[:, 1] // 4][:20]
BLOCKS = np.concatenate([[[i, i + 1] for i in range(39) if i % 4 < 2], BLOCKS])
IN_BLOCK = (BLOCKS[:, 0] // 4 == BLOCKS[:, 1] // 4).astype(int)


CASES = {
    "labels": (LabelSimilarity(), CLASSES),
    "labels part neighbors": (LabelSimilarity(unlabeled=-1), PARTLY),
    "labels part views": (
        LabelSimilarity(unlabeled=-1, unsupervised="views"),
        PARTLY,
    ),
    "labels part alone": (LabelSimilarity(unlabeled=-1, unsupervised=None), PARTLY),
    "neighbors": (NeighborSimilarity(3), None),
    "neighbors search": (NeighborSimilarity(3, search=NearestNeighbors(p=1)), None),
    "neighbors graph": (NeighborSimilarity(graph=GRAPH), None),
    "neighbors edges": (NeighborSimilarity(2, edges=EDGES), None),
    "neighbors pull": (NeighborSimilarity(3, repel=False), None),
    "pairs": (PairConstraints(ROW_PAIRS, SIMILAR), None),
    "pairs weights": (
        PairConstraints(ROW_PAIRS, SIMILAR, weights=rng.uniform(0.1, 2, 60)),
        None,
    ),
    "pairs closure": (
        PairConstraints(BLOCKS, IN_BLOCK, transitive_closure=True),
        None,
    ),
    "pairs samples": (PairConstraints(), np.arange(N_ROWS // 2) % 2),
    "targets": (TargetSimilarity(), QUANTITY),
    "targets cauchy": (TargetSimilarity(kernel="cauchy"), QUANTITY),
    "targets boxcar": (TargetSimilarity(0.3, kernel="boxcar"), QUANTITY),
    "targets unknown": (TargetSimilarity(), GAPPY),
    "targets columns": (TargetSimilarity(), X[:, :2]),
    "multilabel": (MultilabelSimilarity(), TAGS),
    "multilabel overlap": (MultilabelSimilarity("overlap"), TAGS),
    "views": (ViewSimilarity(), None),
    "views noise": (ViewSimilarity("noise", keep_original=True), None),
    "function": (FunctionSimilarity(np.equal), CLASSES),
    "function one way": (FunctionSimilarity(np.less_equal), QUANTITY),
    "partners": (PartnerSimilarity(), None),
}
#: Cases with two points per row.
TWICE = {name for name in CASES if "views" in name or name == "partners"}
every_case = pytest.mark.parametrize("name", CASES)
few = settings(max_examples=10, deadline=None)
seeds = st.integers(0, 2**32 - 1)
#: The file with the oracle of each class.
FILES = {
    LabelSimilarity: "test_labels.py",
    NeighborSimilarity: "test_neighbors.py",
    PairConstraints: "test_constraints.py",
    TargetSimilarity: "test_targets.py",
    MultilabelSimilarity: "test_multilabel.py",
    ViewSimilarity: "test_views.py",
    FunctionSimilarity: "test_function.py",
    PartnerSimilarity: "../estimators/test_alignment.py",
}


@cache
def fitted(name):
    similarity, y = CASES[name]
    return clone(similarity).fit(X, y)


def content(*things):
    """Return a hash of values, whatever scipy notes beside them."""
    return joblib.hash(
        [
            {k: v.toarray() if issparse(v) else v for k, v in thing.items()}
            if isinstance(thing, dict)
            else thing
            for thing in things
        ]
    )


def all_keys(similarity):
    return similarity.keys(np.arange(N_ROWS))


def part(keys, index):
    return Keys(keys.rows[index], keys.values[index])


def as_tensors(keys, dtype):
    return Keys(*(torch.from_numpy(np.array(key)).to(dtype) for key in keys))


def assert_same(pairs, others, **tolerance):
    for weights, expected in zip(pairs, others, strict=True):
        weights, expected = np.asarray(weights), np.asarray(expected)
        assert weights.shape == expected.shape
        assert_allclose(weights, expected, **{"rtol": 1e-12, "atol": 0, **tolerance})


def test_every_class_has_a_case():
    classes = {
        each
        for each in (getattr(similarity, name) for name in similarity.__all__)
        if inspect.isclass(each) and not inspect.isabstract(each)
    }
    assert set(SIMILARITIES.values()) <= classes
    assert {type(similarity) for similarity, _ in CASES.values()} == classes
    assert set(FILES) == classes


@pytest.mark.parametrize("cls", FILES)
def test_every_class_has_an_oracle_of_its_own(cls):
    assert cls.__name__ in (Path(__file__).parent / FILES[cls]).read_text()


#: Given row numbers of one table.
NUMBERED = {
    "neighbors graph",
    "neighbors edges",
    "pairs",
    "pairs weights",
    "pairs closure",
}


def test_row_numbers_are_declared():
    for name, (unfitted, _) in CASES.items():
        for one in (unfitted, clone(unfitted), fitted(name)):
            assert one.uses_row_indices == (name in NUMBERED)
        if name.startswith(("labels", "targets", "multilabel", "views", "function")):
            with pytest.raises(ValueError, match="`rows` is only used by a similarity"):
                unfitted.of_rows(np.arange(3))


def test_classes_are_declared():
    for name in CASES:
        similarity = fitted(name)
        keys = as_tensors(all_keys(similarity), torch.float32)
        assert similarity.has_classes == name.startswith("labels")
        if similarity.has_classes:
            found = similarity.prototypes(keys)
            assert_array_equal(found.values, np.arange(len(similarity.classes_)))
            assert not np.isin(found.rows, keys.rows).any()
        else:
            with pytest.raises(ValueError, match=r" has no classes\. Use"):
                similarity.prototypes(keys)
            assert (similarity.classes_ is None) == (not name.startswith("multilabel"))


@every_case
def test_weights_are_not_negative_and_a_row_is_no_pair_with_itself(name):
    similarity = fitted(name)
    keys = all_keys(similarity)
    n_points = len(keys.rows)
    assert n_points == N_ROWS * (2 if name in TWICE else 1)
    assert len(keys.values) == n_points
    pairs = similarity.compare(keys, keys)
    for weights in pairs:
        assert weights.shape == (n_points, n_points)
        assert np.isfinite(weights).all()
        assert weights.min() >= 0
        assert not np.diag(weights).any()
        # A pair has the same weights from both ends.
        symmetric = np.array_equal(weights, weights.T)
        assert symmetric == (name != "function one way")
    assert pairs.positive.any()
    assert pairs.negative.any() == similarity.repels == (name != "neighbors pull")


@every_case
def test_tensors_are_compared_as_arrays_are(name):
    similarity = fitted(name)
    keys = all_keys(similarity)
    expected = similarity.compare(keys, keys)
    for dtype in (torch.float64, torch.float32):
        tensors = as_tensors(keys, dtype)
        double = dtype == torch.float64
        close = {"rtol": 1e-12, "atol": 1e-15} if double else {"atol": 1e-6}
        found = similarity.compare(tensors, tensors)
        assert all(weights.dtype == dtype for weights in found)
        assert_same(found, expected, **close)
        # Nothing is read from arrays that are only there to be written to.
        work = torch.full((3, *expected.positive.shape), torch.nan, dtype=dtype)
        assert_same(similarity.compare(tensors, tensors, work), expected, **close)
        for before, after in zip(as_tensors(keys, dtype), tensors, strict=True):
            assert_array_equal(before, after)


@every_case
@few
@given(seed=seeds)
def test_any_rows_against_any_others_are_part_of_the_whole(name, seed):
    similarity = fitted(name)
    keys = all_keys(similarity)
    whole = similarity.compare(keys, keys)
    drawn = np.random.RandomState(seed)
    # As in a tile, in any order; candidates may come twice, as in a memory.
    n_points = len(keys.rows)
    ours = drawn.permutation(n_points)[: drawn.randint(1, n_points)]
    theirs = drawn.randint(n_points, size=drawn.randint(1, 2 * n_points))
    parts = part(keys, ours), part(keys, theirs)
    expected = [weights[ours][:, theirs] for weights in whole]
    assert_same(similarity.compare(*parts), expected, rtol=1e-12, atol=1e-15)
    tensors = [as_tensors(each, torch.float64) for each in parts]
    assert_same(similarity.compare(*tensors), expected, rtol=1e-12, atol=1e-15)


@every_case
def test_a_comparison_does_not_depend_on_others(name):
    similarity = fitted(name)
    keys = as_tensors(all_keys(similarity), torch.float64)
    first = [np.asarray(weights).copy() for weights in similarity.compare(keys, keys)]
    similarity.compare(part(keys, slice(3)), part(keys, slice(5, 9)))
    assert_same(similarity.compare(keys, keys), first)
    # Nor does a batch on those beside it.
    index = np.random.RandomState(0).permutation(N_ROWS)[:24].reshape(3, 8)
    keys = similarity.keys(index)
    stacked = similarity.compare(keys, keys)
    for step in range(3):
        one = similarity.keys(index[step])
        assert_same([w[step] for w in stacked], similarity.compare(one, one))


@every_case
@few
@given(seed=seeds)
def test_the_order_of_the_table_changes_nothing(name, seed):
    similarity, y = CASES[name]
    order = np.random.RandomState(seed).permutation(N_ROWS)
    shuffled = clone(similarity)
    if name == "pairs samples":
        # Samples are pairs here, and stay together.
        pairs = np.random.RandomState(seed).permutation(len(y))
        order, y = np.stack([2 * pairs, 2 * pairs + 1], axis=1).ravel(), y[pairs]
    elif y is not None:
        y = y[order]
    if similarity.uses_row_indices:
        shuffled = shuffled.of_rows(order)
    shuffled.fit(X[order], y)
    keys, others = fitted(name).keys(order), all_keys(shuffled)
    expected = fitted(name).compare(keys, keys)
    close = {"rtol": 1e-9, "atol": 1e-12}
    assert_same(shuffled.compare(others, others), expected, **close)


@every_case
@few
@given(seed=seeds, share=st.floats(0, 1))
def test_batches_hold_known_rows_once_and_keep_their_shape(name, seed, share):
    similarity = fitted(name)
    batch_size = max(2, round(share * len(similarity.rows_)))
    index = similarity.batches(batch_size, np.random.RandomState(seed))
    assert index.dtype.kind == "i"
    assert index.shape[1] == batch_size
    assert 1 <= len(index) <= len(similarity.rows_) // batch_size
    assert np.isin(index, similarity.rows_).all()
    assert all(len(set(batch)) == batch_size for batch in index.tolist())
    again = similarity.batches(batch_size, np.random.RandomState(seed))
    assert_array_equal(index, again)
    drawn = [similarity.batches(8, np.random.RandomState(s)) for s in range(2)]
    assert not np.array_equal(*drawn)


def known_pairs(similarity):
    keys = all_keys(similarity)
    positive, negative = similarity.compare(keys, keys)
    return (positive > 0) | (negative > 0)


#: `ContrastiveAlignment`, which holds no rows out, is left out.
may_hold_out = pytest.mark.parametrize(
    "name", [name for name in CASES if name != "partners"]
)


@may_hold_out
@few
@given(seed=seeds, fraction=st.floats(0.1, 0.6))
def test_held_out_rows_are_not_trained_on(name, seed, fraction):
    similarity = fitted(name)
    before = np.array(similarity.rows_)
    parts = similarity.hold_out(fraction, np.random.RandomState(seed))
    assert_array_equal(similarity.rows_, before)
    kept, held_out = parts
    if name.startswith("pairs"):
        # Pairs are held out, and rows may be in pairs of both kinds.
        known = [known_pairs(each) for each in (*parts, similarity)]
        assert not (known[0] & known[1]).any()
        assert_array_equal(known[0] | known[1], known[2])
    else:
        rows = np.concatenate([kept.rows_, held_out.rows_])
        assert_array_equal(np.sort(rows), np.sort(similarity.rows_))
    again = similarity.hold_out(fraction, np.random.RandomState(seed))
    for each, same in zip(parts, again, strict=True):
        assert len(each.rows_) >= 2
        assert_array_equal(each.rows_, same.rows_)
        index = each.batches(len(each.rows_), np.random.RandomState(seed))
        assert_array_equal(np.sort(index[0]), each.rows_)
        index = each.batches(2, np.random.RandomState(seed))
        assert np.isin(index, each.rows_).all()
        keys = each.keys(index[0])
        pairs = each.compare(keys, keys)
        assert pairs.positive.shape == (len(keys.rows),) * 2


@may_hold_out
def test_held_out_rows_are_compared_as_before(name):
    similarity = fitted(name)
    for each in similarity.hold_out(0.4, np.random.RandomState(0)):
        keys = [one.keys(each.rows_) for one in (each, similarity)]
        if len(keys[0].rows) != len(keys[1].rows):
            # Held-out rows are compared by their labels as they are, without views.
            assert name == "labels part views"
            continue
        found, whole = (
            one.compare(key, key)
            for one, key in zip((each, similarity), keys, strict=True)
        )
        for weights, others in zip(found, whole, strict=True):
            if name.startswith("pairs"):
                assert_array_equal(weights[weights > 0], others[weights > 0])
            else:
                assert_allclose(weights, others, rtol=1e-12)


@every_case
def test_a_clone_is_not_fitted_and_a_copy_is(name):
    similarity = fitted(name)
    twin = clone(similarity)
    assert not [own for own in vars(twin) if own.endswith("_")]
    given = CASES[name][0].get_params(deep=False)
    assert content(twin.get_params(deep=False)) == content(given)
    assert repr(twin) == repr(similarity)
    tensors = as_tensors(all_keys(similarity), torch.float32)
    # Arrays on a device are there before they are copied.
    expected = [w.clone() for w in similarity.compare(tensors, tensors)]
    keys = all_keys(similarity)
    for other in (copy.copy(similarity), pickle.loads(pickle.dumps(similarity))):
        assert_same(other.compare(tensors, tensors), expected)
        assert_same(other.compare(keys, keys), similarity.compare(keys, keys))
        drawn = [s.batches(8, np.random.RandomState(3)) for s in (similarity, other)]
        assert_array_equal(*drawn)


@every_case
def test_fit_changes_neither_tables_nor_parameters_and_forgets_fits_before(name):
    similarity, y = CASES[name]
    similarity, table, known = clone(similarity), X.copy(), copy.deepcopy(y)
    before = content(similarity.get_params(), table, known)
    assert similarity.fit(table, known) is similarity
    assert content(similarity.get_params(), table, known) == before
    if "pairs" in name:
        similarity.set_params(transitive_closure=False)
    similarity.fit(X, y)
    keys, fresh = all_keys(similarity), clone(similarity).fit(X, y)
    assert_same(similarity.compare(keys, keys), fresh.compare(keys, keys))
    assert_array_equal(similarity.rows_, fresh.rows_)


@may_hold_out
def test_an_estimator_leaves_the_users_object_as_it_was(name):
    similarity, y = CASES[name]
    before = content(vars(similarity), X, y)
    table = X.reshape(-1, 2, 4) if name == "pairs samples" else X
    model = ContrastiveEmbedding(
        2,
        similarity=similarity,
        hidden_layer_sizes=(4,),
        max_iter=1,
        batch_size=20,
        # Early stopping needs dissimilar pairs.
        early_stopping=name != "neighbors pull",
        validation_fraction=0.4,
        random_state=0,
    )
    model.fit(table, y)
    assert model.similarity is similarity
    assert content(vars(similarity), X, y) == before
    assert np.isfinite(model.transform(X)).all()


def test_a_row_has_one_point_per_view():
    for name in CASES:
        similarity, rows = fitted(name), X[:7].copy()
        views = similarity.views(rows, np.random.default_rng(0))
        assert_array_equal(rows, X[:7])
        assert views.shape == (7 * similarity.n_views, 4)
        if similarity.n_views == 1:
            assert_array_equal(views, rows)


def test_the_first_term_is_the_similarity_itself():
    for name in CASES:
        similarity = fitted(name)
        (first, own, weight), *others = similarity.terms()
        assert (first, own, weight) == ("", similarity, 1.0)
        expected = ["unlabeled"] if name[12:] in ("neighbors", "views") else []
        assert [term for term, _, _ in others] == expected
        for _, other, _ in others:
            assert isinstance(other, Similarity)
            assert other.n_views == similarity.n_views


class Parity(Similarity):
    """Rows are similar where both entries of `y` are even or both are odd."""

    def fit(self, X, y):
        self.rows_, self.parity_ = np.arange(len(y)), np.asarray(y) % 2
        return self

    def keys(self, index):
        return Keys(index, self.parity_[index])

    def compare(self, keys, other_keys, work=None):
        same = keys.values[..., None] == other_keys.values[..., None, :]
        different = keys.rows[..., None] != other_keys.rows[..., None, :]
        return Pairs(same & different, ~same)


def test_a_class_with_the_three_methods_alone_is_trained_as_labels_are():
    own = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
    y = np.arange(N_ROWS) % 8
    for kind in (
        {},
        {"early_stopping": True, "validation_fraction": 0.4},
        {"loss": "supcon", "miner": "memory"},
    ):
        model = ContrastiveEmbedding(2, similarity=Parity(), **own, **kind)
        assert np.isfinite(model.fit(X, y).transform(X)).all()
    with pytest.raises(ValueError, match="Parity has no classes"):
        model.set_params(loss="proxy_anchor", miner="auto").fit(X, y)
    with pytest.raises(ValueError, match="`rows` is only used by a similarity"):
        model.set_params(loss="contrastive").fit(X, y, rows=np.arange(N_ROWS))
