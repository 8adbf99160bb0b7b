"""Similarity from a graph of neighbours: the graph, its batches, errors."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.sparse import coo_array, csc_array, csr_array, csr_matrix
from sklearn.neighbors import NearestNeighbors, kneighbors_graph

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._pairs import _neighbor_search
from sklearn_contrastive.similarity import NeighborSimilarity, _edges
from sklearn_contrastive.similarity._neighbors import _partners

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def points(n_rows=50, n_columns=3, seed=0):
    return np.random.RandomState(seed).normal(size=(n_rows, n_columns))


def weights_of(similarity, n_rows):
    keys = similarity.keys(np.arange(n_rows))
    return similarity.compare(keys, keys)


def nearest_by_loop(X, n_neighbors, distance=None):
    """Return whether either of two rows is among the nearest of the other."""
    distance = distance or (lambda a, b: ((a - b) ** 2).sum())
    near = np.zeros((len(X), len(X)))
    for i, row in enumerate(X):
        others = [(distance(row, other), j) for j, other in enumerate(X) if j != i]
        for _, j in sorted(others)[:n_neighbors]:
            near[i, j] = near[j, i] = 1
    return near


def graph_by_loop(graph, edges=()):
    """Return the greater weight of either direction, and 1 at least of an edge."""
    dense = graph.toarray()
    expected = np.zeros_like(dense, dtype=float)
    for i in range(len(dense)):
        for j in range(len(dense)):
            if i != j:
                expected[i, j] = max(dense[i, j], dense[j, i])
    for i, j in edges:
        expected[i, j] = expected[j, i] = max(expected[i, j], 1)
    return expected


def assert_is_graph(similarity, expected, repel=True):
    pairs = weights_of(similarity, len(expected))
    assert_array_equal(pairs.positive, expected)
    far = (expected == 0) & ~np.eye(len(expected), dtype=bool) & repel
    assert_array_equal(pairs.negative, far)


# The graph.


@few
@given(seed=seeds, n_rows=st.integers(5, 25), n_neighbors=st.integers(1, 3))
def test_neighbours_are_the_nearest_rows_in_either_direction(seed, n_rows, n_neighbors):
    X = points(n_rows, seed=seed)
    similarity = NeighborSimilarity(n_neighbors).fit(X)
    assert_is_graph(similarity, nearest_by_loop(X, n_neighbors))
    assert_array_equal(similarity.rows_, np.arange(n_rows))


@few
@given(seed=seeds)
def test_a_given_graph_counts_with_the_greater_weight_of_both_directions(seed):
    rng = np.random.RandomState(seed)
    graph = np.where(rng.uniform(size=(12, 12)) < 0.2, rng.uniform(0.1, 3, (12, 12)), 0)
    graph[0, 1] = 0.5
    edges = rng.randint(6, size=(4, 2)) + np.array([0, 6])
    for kind in (csr_array, csc_array, coo_array, csr_matrix):
        similarity = NeighborSimilarity(graph=kind(graph)).fit(points(12))
        assert_is_graph(similarity, graph_by_loop(csr_array(graph)))
        similarity = NeighborSimilarity(graph=kind(graph), edges=edges).fit(points(12))
        assert_is_graph(similarity, graph_by_loop(csr_array(graph), edges))


@pytest.mark.parametrize("include_self", [True, False])
def test_the_graph_of_scikit_learn_is_the_one_computed(include_self):
    X = points(40)
    n_neighbors = 4 + include_self
    graph = kneighbors_graph(X, n_neighbors, include_self=include_self)
    given_so = NeighborSimilarity(graph=graph).fit(X)
    assert_is_graph(given_so, nearest_by_loop(X, 4))


def test_entries_of_a_graph_that_come_twice_count_once():
    entries = np.ones(4), ([0, 0, 1, 1], [1, 1, 0, 2])
    graph = coo_array(entries, shape=(4, 4))
    expected = np.zeros((4, 4))
    expected[[0, 1, 1, 2], [1, 0, 2, 1]] = 1
    assert_is_graph(NeighborSimilarity(graph=graph).fit(points(4)), expected)


def test_integers_and_bools_are_weights():
    for dtype in (bool, int, np.float32):
        graph = csr_array(nearest_by_loop(points(20), 2).astype(dtype))
        similarity = NeighborSimilarity(graph=graph).fit(points(20))
        assert_is_graph(similarity, nearest_by_loop(points(20), 2))


@few
@given(seed=seeds)
def test_edges_join_what_the_search_left_apart(seed):
    X = points(20, seed=seed)
    edges = np.random.RandomState(seed).randint(10, size=(5, 2)) + np.array([0, 10])
    similarity = NeighborSimilarity(2, edges=edges.tolist()).fit(X)
    expected = nearest_by_loop(X, 2)
    for i, j in edges:
        expected[i, j] = expected[j, i] = 1
    assert_is_graph(similarity, expected)


def test_without_repulsion_nothing_is_known_of_the_others():
    X = points()
    similarity = NeighborSimilarity(3, repel=False).fit(X)
    assert_is_graph(similarity, nearest_by_loop(X, 3), repel=False)


def cosine(a, b):
    return 1 - a @ b / np.sqrt((a @ a) * (b @ b))


@pytest.mark.parametrize("n_neighbors", [1, 4])
def test_a_search_of_the_user_finds_the_neighbours(n_neighbors):
    X = points(40)
    search = NearestNeighbors(metric="cosine", algorithm="brute")
    similarity = NeighborSimilarity(n_neighbors, search=search).fit(X)
    assert_is_graph(similarity, nearest_by_loop(X, n_neighbors, cosine))
    assert not hasattr(search, "n_samples_fit_")


def test_a_search_is_given_rows_that_are_standardised():
    X = points(60) * [1, 1000, 0.01] + [0, 5, 0]
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    model = ContrastiveEmbedding(
        2,
        similarity=NeighborSimilarity(3),
        standardize="standard",
        max_iter=1,
        random_state=0,
    )
    found = []

    class Noting(NearestNeighbors):
        def fit(self, X, y=None):
            found.append(X)
            return super().fit(X, y)

    model.set_params(similarity__search=Noting()).fit(X)
    np.testing.assert_allclose(found[0], Z, atol=1e-5)


@pytest.mark.parametrize("n_copies", [2, 3, 8])
def test_copies_of_a_row_are_its_nearest(n_copies):
    X = np.repeat(points(12), n_copies, axis=0)
    similarity = NeighborSimilarity(2).fit(X)
    positive = weights_of(similarity, len(X)).positive
    place = np.arange(len(X)) // n_copies
    assert not np.diag(positive).any()
    assert positive.sum(axis=1).min() >= 2
    if n_copies > 2:
        assert not positive[place[:, None] != place].any()
    else:
        assert positive[np.arange(len(X)), np.arange(len(X)) ^ 1].all()


def test_a_table_of_one_point_and_an_outlier_has_neighbours_none_the_less():
    X = np.zeros((30, 2))
    X[7] = 5
    positive = weights_of(NeighborSimilarity(3).fit(X), 30).positive
    assert (positive.sum(axis=1) >= 3).all()


@pytest.mark.parametrize("n_neighbors", [3, 4, 5, 100])
def test_more_neighbours_than_rows_are_as_many_as_leave_one_apart(n_neighbors):
    X = np.array([[0.0], [1.0], [3.0], [20.0], [40.0]])
    similarity = NeighborSimilarity(n_neighbors).fit(X)
    assert_is_graph(similarity, nearest_by_loop(X, 3))


def test_three_rows_are_enough():
    similarity = NeighborSimilarity(9).fit(np.array([[0.0], [1.0], [3.0]]))
    assert_is_graph(similarity, np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]))


@pytest.mark.parametrize("n_rows", [3, 4, 9])
def test_more_neighbours_than_rows_leave_some_apart_even_among_copies(n_rows):
    for X in (np.zeros((n_rows, 2)), np.eye(n_rows), np.arange(n_rows)[:, None] // 2):
        negative = weights_of(NeighborSimilarity(100).fit(X), n_rows).negative
        assert negative.any()


def test_edges_of_small_numbers_are_taken_for_rows_of_whatever_table():
    edges = [[0, 19], [3, 4]]
    for n_rows in (20, 30):
        X = points(n_rows)
        similarity = NeighborSimilarity(1, edges=edges).fit(X)
        expected = nearest_by_loop(X, 1)
        for i, j in edges:
            expected[i, j] = expected[j, i] = 1
        assert_is_graph(similarity, expected)
    with pytest.raises(ValueError, match="from 0 to 18; got some from 0 to 19"):
        NeighborSimilarity(1, edges=edges).fit(points(19))


def test_edges_between_all_rows_are_an_error_unless_nothing_repels():
    X, edges = points(6), np.stack(np.triu_indices(6, k=1), axis=1)
    with pytest.raises(ValueError, match="All 6 rows are neighbours of each other"):
        NeighborSimilarity(1, edges=edges).fit(X)
    assert_is_graph(
        NeighborSimilarity(1, edges=edges, repel=False).fit(X), 1 - np.eye(6), False
    )


def test_faiss_finds_most_neighbours_of_many_rows(monkeypatch):
    X = points(3000, 8)
    exact = NeighborSimilarity(5).fit(X).edges_
    monkeypatch.setattr(_neighbor_search, "_MOST_EXACT", 1000)
    found = NeighborSimilarity(5).fit(X).edges_
    assert (exact.multiply(found)).sum() > 0.9 * exact.sum()
    again = NeighborSimilarity(5).fit(X).edges_
    assert (found != again).nnz == 0


@few
@given(seed=seeds, n_rows=st.integers(3, 20))
def test_a_graph_of_some_rows_is_the_part_between_them(seed, n_rows):
    rng = np.random.RandomState(seed)
    graph = csr_array(nearest_by_loop(points(30), 3) * 0.5)
    edges = rng.randint(15, size=(9, 2)) + np.array([0, 15])
    whole = NeighborSimilarity(graph=graph, edges=edges)
    rows = rng.permutation(30)[:n_rows]
    expected = graph_by_loop(graph, edges)[np.ix_(rows, rows)]
    if not expected.any() or (expected > 0).sum() == n_rows * (n_rows - 1):
        return
    assert_is_graph(whole.of_rows(rows).fit(points(n_rows)), expected)
    # The same through the estimator.
    model = ContrastiveEmbedding(
        2, similarity=whole, hidden_layer_sizes=(2,), max_iter=1, random_state=0
    )
    twin = model.set_params(similarity=csr_array(graph_by_loop(graph, edges)))
    fits = [m.fit(points(n_rows), rows=rows).transform(points()) for m in (model, twin)]
    assert_array_equal(*fits)


def test_edges_of_some_rows_are_those_with_both_ends_there():
    X = points(20)
    similarity = NeighborSimilarity(1, edges=[[0, 19], [3, 4], [19, 4]])
    rows = np.array([19, 0, 7, 8, 9, 4])
    expected = nearest_by_loop(X[rows], 1)
    for i, j in ((0, 1), (0, 5)):
        expected[i, j] = expected[j, i] = 1
    assert_is_graph(similarity.of_rows(rows).fit(X[rows]), expected)


# The sparse matrix below.


@few
@given(seed=seeds, n_pairs=st.integers(0, 40))
def test_of_pairs_given_twice_the_greatest_weight_counts(seed, n_pairs):
    rng = np.random.RandomState(seed)
    rows, columns = rng.randint(8, size=(2, n_pairs))
    weights = rng.uniform(0.1, 1, n_pairs)
    expected = np.zeros((8, 8))
    for i, j, w in zip(rows, columns, weights, strict=True):
        if i != j:
            expected[i, j] = expected[j, i] = max(expected[i, j], w)
    found = _edges.symmetric(rows, columns, weights, 8)
    assert_array_equal(found.toarray(), expected)
    assert_array_equal(np.diff(found.indptr), (expected > 0).sum(axis=1))
    some = rng.permutation(8)[:5]
    inside = np.isin(np.arange(8), some)
    among = _edges.among(found, some)
    assert_array_equal(among.toarray(), expected * inside * inside[:, None])
    assert among.nnz == np.count_nonzero(among.toarray())


def test_a_partner_is_each_neighbour_as_often_as_another():
    graph = csr_array(nearest_by_loop(points(10), 2))
    nodes = np.tile(np.arange(10), (2000, 1))
    partners = _partners(graph, nodes, np.random.RandomState(0))
    for node in range(10):
        found, counts = np.unique(partners[:, node], return_counts=True)
        assert_array_equal(found, np.flatnonzero(graph[[node]].toarray()[0]))
        np.testing.assert_allclose(counts / 2000, 1 / len(found), atol=0.05)


def test_a_node_without_edges_is_its_own_partner():
    graph = csr_array(([1.0, 1.0], ([0, 1], [1, 0])), shape=(4, 4))
    rng = np.random.RandomState(0)
    assert_array_equal(_partners(graph, np.arange(4), rng), [1, 0, 2, 3])
    empty = csr_array((4, 4))
    assert_array_equal(_partners(empty, np.arange(4), rng), np.arange(4))


# Batches.


def test_every_row_of_the_first_half_has_a_neighbour_in_the_batch():
    X = points(200)
    near = nearest_by_loop(X, 3)
    similarity = NeighborSimilarity(3).fit(X)
    n_met = n_all = 0
    for batch in similarity.batches(21, np.random.RandomState(0)):
        assert len(batch) == 21
        met = near[np.ix_(batch, batch)].any(axis=1)
        n_met, n_all = n_met + met[:10].sum(), n_all + 10
        # Another row stands in where a partner came twice.
        partners = near[batch[:10], batch[11:]]
        assert partners.mean() >= 0.7
    assert n_met / n_all > 0.9


def test_a_batch_of_half_the_table_is_drawn_at_random():
    similarity = NeighborSimilarity(3).fit(points(40))
    index = similarity.batches(21, np.random.RandomState(3))
    order = np.random.RandomState(3).permutation(40)
    assert_array_equal(index, order[None, :21])


def test_held_out_rows_keep_the_edges_between_them():
    X = points(60)
    near = nearest_by_loop(X, 4)
    for part in NeighborSimilarity(4).fit(X).hold_out(0.4, np.random.RandomState(0)):
        inside = np.isin(np.arange(60), part.rows_)
        expected = near * inside * inside[:, None]
        assert_array_equal(part.edges_.toarray(), expected)
        for batch in part.batches(8, np.random.RandomState(0)):
            assert np.isin(batch, part.rows_).all()


# Errors.


def graph_of(*entries, n_rows=6):
    weights, rows, columns = zip(*entries, strict=True)
    return coo_array((weights, (rows, columns)), shape=(n_rows, n_rows))


OUT_OF_RANGE = "`edges` must hold row numbers from 0 to 5; got some from "
POSITIVE = "`graph` must hold weights > 0, the greater the more similar; got some from "
BAD = {
    "too large": ({"edges": [[0, 6]]}, OUT_OF_RANGE + "0 to 6. They count"),
    "negative": ({"edges": [[-1, 2]]}, OUT_OF_RANGE + "-1 to 2. They count"),
    "float": (
        {"edges": [[0.0, 1.0]]},
        "integers of shape (n_pairs, 2); got float64 of shape",
    ),
    "bool": ({"edges": [[True, False]]}, "(n_pairs, 2); got bool of shape (1, 2)."),
    "text": ({"edges": [["a", "b"]]}, "(n_pairs, 2); got <U1 of shape (1, 2)."),
    "itself": (
        {"edges": [[0, 1], [3, 3]]},
        "`edges` must join different rows; 1 pair a row with itself, the first at "
        "position 1 (row 3).",
    ),
    "triple": (
        {"edges": [[0, 1, 2]]},
        "`edges` must hold two row numbers per pair, integers of shape (n_pairs, 2); "
        "got int64 of shape (1, 3).",
    ),
    "flat": ({"edges": [0, 1]}, "shape (n_pairs, 2); got int64 of shape (2,)."),
    "below zero": (
        {"graph": graph_of((-2.0, 0, 1), (1.0, 1, 2))},
        POSITIVE + "-2 to 1",
    ),
    "zero": ({"graph": graph_of((0.0, 0, 1), (1.0, 1, 2))}, POSITIVE + "0 to 1"),
    "NaN": ({"graph": graph_of((np.nan, 0, 1), (1.0, 1, 2))}, POSITIVE + "nan to nan"),
    "infinite": (
        {"graph": graph_of((np.inf, 0, 1), (1.0, 1, 2))},
        POSITIVE + "1 to inf",
    ),
    "empty": (
        {"graph": coo_array((6, 6))},
        "`graph` must hold an edge of two rows; it holds none.",
    ),
    "diagonal": ({"graph": graph_of((1.0, 0, 0))}, "an edge of two rows; it holds"),
    "not square": (
        {"graph": csr_array((6, 5))},
        "`graph` must be square; got shape (6, 5).",
    ),
    "dense": (
        {"graph": np.eye(6)},
        "`graph` must be a sparse matrix, as sklearn.neighbors.kneighbors_graph "
        "returns; got ndarray. Wrap it with scipy.sparse.csr_array.",
    ),
    "list": ({"graph": [[0, 1], [1, 0]]}, "kneighbors_graph returns; got list."),
    "other rows": (
        {"graph": graph_of((1.0, 0, 1), n_rows=7)},
        "`graph` has 7 rows and `X` has 6. Pass the rows of the graph that `X` holds, "
        "fit(..., rows=...)",
    ),
    "everyone": (
        {"graph": csr_array(1 - np.eye(6))},
        "All 6 rows are neighbours of each other: none are dissimilar. Lower "
        "`n_neighbors` (now 5) or pass a sparser graph.",
    ),
    "none": (
        {"n_neighbors": 0},
        "The 'n_neighbors' parameter of NeighborSimilarity must be an int in the range "
        "[1, inf). Got 0 instead.",
    ),
    "repel": ({"repel": "yes"}, "The 'repel' parameter of NeighborSimilarity must be"),
    "search": ({"search": 3}, "The 'search' parameter of NeighborSimilarity must be"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_graph_of_the_rows_is_an_error(name):
    own, message = BAD[name]
    X = points(6)
    with pytest.raises(ValueError, match=re.escape(message)):
        NeighborSimilarity(**own).fit(X)
    # A failed fit of an estimator loses nothing.
    model = ContrastiveEmbedding(
        2, hidden_layer_sizes=(2,), max_iter=1, random_state=0, similarity="neighbors"
    ).fit(X)
    before = dict(vars(model))
    model.set_params(similarity=NeighborSimilarity(**own))
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(X)
    assert {**vars(model), "similarity": "neighbors"} == before


@pytest.mark.parametrize("n_rows", [1, 2])
def test_two_rows_are_too_few(n_rows):
    message = f"`X` must hold at least 3 rows; got n_samples={n_rows}."
    with pytest.raises(ValueError, match=re.escape(message)):
        NeighborSimilarity().fit(points(n_rows))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([0, 1, 2, 3, 4, 4], "`rows` must hold every row number once; some repeat."),
        (
            [0, 1, 2],
            "`rows` must hold one row number for each of 6 rows of `X`; got int64 of "
            "shape (3,).",
        ),
        (
            np.arange(6.0),
            "`rows` must hold one row number for each of 6 rows of `X`; got float64 of "
            "shape (6,).",
        ),
        ([0, 1, 2, 3, 4, 9], "`rows` must hold row numbers from 0 to 8; got some from"),
        ([-1, 1, 2, 3, 4, 5], "row numbers from 0 to 8; got some from -1 to 5."),
        ([6, 7, 8, 0, 1, 2], "`graph` must hold an edge of two rows"),
    ],
)
def test_rows_that_a_graph_does_not_have_are_an_error(rows, message):
    graph = graph_of((1.0, 2, 3), (1.0, 4, 5), n_rows=9)
    model = ContrastiveEmbedding(2, similarity=graph, max_iter=1, random_state=0)
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(points(6), rows=rows)


def test_rows_are_only_for_similarities_with_row_numbers():
    message = (
        "`rows` is only used by a similarity with row numbers: a graph, or "
        "`pairs` or `edges` that are given; got "
    )
    for similarity in ("labels", "targets", "views"):
        model = ContrastiveEmbedding(2, similarity=similarity, max_iter=1)
        with pytest.raises(ValueError, match=re.escape(message)):
            model.fit(points(6), [0, 1, 0, 1, 0, 1], rows=np.arange(6))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (np.zeros, "must return row numbers of shape (20, 4); got float64 of shape"),
        (lambda shape: np.zeros(3, int), "shape (20, 4); got int64 of shape (3,)."),
        (lambda shape: np.full(shape, 20), "from 0 to 19; got some from 20 to 20."),
        (lambda shape: np.full(shape, -1), "from 0 to 19; got some from -1 to -1."),
    ],
)
def test_a_search_that_finds_no_row_numbers_is_an_error(found, message):
    class Search:
        def fit(self, Z):
            return self

        def kneighbors(self, Z, n_neighbors, return_distance):
            return found((len(Z), n_neighbors))

    with pytest.raises(ValueError, match=re.escape(message)):
        NeighborSimilarity(3, search=Search()).fit(points(20))


# Regressions.


def test_columns_far_from_zero_do_not_hide_neighbours():
    X = points() + 1e4
    assert_is_graph(NeighborSimilarity(3).fit(X), nearest_by_loop(X, 3))


def test_what_faiss_does_not_find_is_left_out(monkeypatch):
    monkeypatch.setattr(_neighbor_search, "_MOST_EXACT", 100)
    similarity = NeighborSimilarity(390).fit(points(400))
    degrees = np.diff(similarity.edges_.indptr)
    assert 0 < degrees.min()
    assert degrees.max() < 400
