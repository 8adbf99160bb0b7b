"""Similarity from a graph of neighbours, searched among the rows or given."""

from copy import copy
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval

from sklearn_contrastive._pairs._keys import Keys, Pairs
from sklearn_contrastive._pairs._neighbor_search import nearest_rows
from sklearn_contrastive._pairs._repeats import without_repeats
from sklearn_contrastive._validation import check_params, shorten
from sklearn_contrastive.similarity import _edges
from sklearn_contrastive.similarity._base import Similarity, all_rows


class NeighborSimilarity(Similarity):
    """Neighbours are similar, all other rows are dissimilar; no labels are needed.

    Two rows are neighbours if one is among the `n_neighbors` nearest of the other [1]_,
    or if they have an edge. Half of each batch is drawn at random and the other half
    from the neighbours of these rows, so that every row has a positive; the others in
    the batch are its negatives.

    Parameters
    ----------
    n_neighbors : int, default=5
        Nearest rows of each row, >= 1, by Euclidean distance between standardised rows.
        More of them keep wider neighbourhoods together. At most n_samples - 2 count, so
        that some rows are dissimilar. Unused with `graph`.

    graph : sparse matrix of shape (n_samples, n_samples), default=None
        Given neighbours, such as those of `kneighbors_graph`, instead of a search.
        Stored values are weights > 0 of the similarity, not distances; an edge in
        either direction joins its two rows, with the greater weight of the two. The
        diagonal does not count.

    edges : array-like of shape (n_edges, 2), default=None
        Row numbers of further pairs that are similar, such as a row and a changed copy.

    repel : bool, default=True
        Whether rows without an edge are dissimilar. False: nothing is known of them,
        and another similarity has to keep rows apart, as labels do with
        ``LabelSimilarity(unsupervised=NeighborSimilarity(repel=False))``.

    search : object, default=None
        An object with `fit` and ``kneighbors(X, n_neighbors, return_distance=False)``,
        such as `sklearn.neighbors.NearestNeighbors` with another metric. By default the
        search is exact, and by an index of faiss for more than 50,000 rows where that
        is installed.

    Attributes
    ----------
    edges_ : csr_array of shape (n_samples, n_samples)
        The graph in use, symmetric.

    rows_ : ndarray of shape (n_rows,)
        The row numbers that batches are drawn from.

    See Also
    --------
    PairConstraints : For pairs that are known to be similar or dissimilar, where
        nothing is known of the others.

    Notes
    -----
    Under cross-validation neighbours are searched among the rows of each training fold.
    A `graph` and `edges` hold row numbers of one table. If `X` is another table, pass
    the numbers that its rows have in the first as ``fit(..., rows=...)``. Without them
    fit raises an error for a graph of another number of rows, and for edges with a
    number that is not a row of `X`, and takes all others for rows of `X`.

    References
    ----------
    .. [1] R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality Reduction by Learning an
       Invariant Mapping", CVPR 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_contrastive.similarity import NeighborSimilarity
    >>> X = np.array([[0.0], [0.1], [5.0], [5.1], [9.0]])
    >>> similarity = NeighborSimilarity(n_neighbors=1).fit(X, None)
    >>> keys = similarity.keys(np.arange(5))
    >>> similarity.compare(keys, keys).positive.astype(int)
    array([[0, 1, 0, 0, 0],
           [1, 0, 0, 0, 0],
           [0, 0, 0, 1, 0],
           [0, 0, 1, 0, 1],
           [0, 0, 0, 1, 0]])
    """

    _parameter_constraints = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "graph": ["array-like", "sparse matrix", None],
        "edges": ["array-like", None],
        "repel": ["boolean"],
        "search": [HasMethods(["fit", "kneighbors"]), None],
    }

    def __init__(
        self, n_neighbors=5, *, graph=None, edges=None, repel=True, search=None
    ):
        self.n_neighbors = n_neighbors
        self.graph = graph
        self.edges = edges
        self.repel = repel
        self.search = search

    @property
    def reads_rows(self):
        """Whether neighbours are searched, among standardised rows."""
        return self.graph is None

    @property
    def uses_row_indices(self):
        """Whether a graph or edges are given."""
        return self.graph is not None or self.edges is not None

    def of_rows(self, rows):
        """Return a copy with the part of `graph` and `edges` between some rows.

        Parameters are those of `Similarity.of_rows`.
        """
        similarity = copy(self)
        if self.graph is not None:
            graph = _edges.check_graph(self.graph, None).tocsr()
            _edges.check_row_numbers(rows, graph.shape[0], "rows")
            similarity.graph = graph[rows][:, rows]
        if self.edges is not None:
            edges = _edges.check_row_pairs(self.edges, None, "edges")
            similarity.edges = _edges.renumber_pairs(edges, rows)[0]
        return similarity

    def fit(self, X, y=None):
        """Search the neighbours of each row, or take the given ones.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            The rows.

        y : None
            Not used.

        Returns
        -------
        self : NeighborSimilarity
            The fitted similarity.

        Raises
        ------
        ValueError
            If `graph` is not of the number of rows, `edges` hold numbers out of range,
            weights are not > 0, there are fewer than three rows, or all rows are
            neighbours of each other.
        """
        check_params(self)
        self.repels = self.repel
        self.rows_, n_rows = all_rows(X, 3), len(X)
        if self.graph is None:
            starts, ends = self._nearest(X)
            weights = np.ones(len(starts))
        else:
            graph = _edges.check_graph(self.graph, n_rows)
            starts, ends, weights = graph.row, graph.col, graph.data
        if self.edges is not None:
            given = _edges.check_row_pairs(self.edges, n_rows, "edges").T
            starts, ends = np.concatenate([[starts, ends], given], axis=1)
            weights = np.append(weights, np.ones(given.shape[1]))
        self.edges_ = _edges.symmetric(starts, ends, weights, n_rows)
        degrees = np.diff(self.edges_.indptr)
        if degrees.max() == 0:
            raise ValueError("`graph` must hold an edge of two rows; it holds none.")
        if self.repel and degrees.min() == n_rows - 1:
            raise ValueError(
                f"All {n_rows} rows are neighbours of each other: none are dissimilar. "
                f"Lower `n_neighbors` (now {shorten(self.n_neighbors)}) or pass a "
                "sparser graph."
            )
        return self

    def _nearest(self, X):
        """Return both ends of the edges to the nearest rows."""
        n_rows, n_neighbors = len(X), min(self.n_neighbors, len(X) - 2)
        if self.search is None:
            # Far from the origin, squared distances would lose their digits.
            X = X - X.mean(axis=0, dtype=np.float64)
        Z = np.ascontiguousarray(X, dtype=np.float32)
        found = nearest_rows(Z, n_neighbors + 1, copy(self.search))
        # A row is its own nearest one, unless as many others are at the same place.
        itself = found == np.arange(n_rows)[:, None]
        itself[~itself.any(axis=1), -1] = True
        starts, places = np.nonzero(~itself)
        return starts, found[starts, places]

    def among(self, rows):
        """Return a copy for some rows, with the edges between them."""
        similarity = super().among(rows)
        similarity.edges_ = _edges.among(self.edges_, rows)
        return similarity

    def batches(self, batch_size, rng):
        """Return rows drawn at random, each with one of its neighbours.

        Parameters are those of `Similarity.batches`.
        """
        drawn = super().batches(batch_size, rng)
        # A batch of half the table holds most neighbours anyway.
        if len(self.rows_) < 2 * batch_size:
            return drawn
        seeds = drawn[:, : batch_size - batch_size // 2]
        partners = _partners(self.edges_, seeds[:, : batch_size // 2], rng)
        index = np.concatenate([seeds, partners], axis=1)
        return without_repeats(index, self.rows_, rng)

    def keys(self, index):
        """Return twice the row numbers, by which the graph is read."""
        return Keys(index, index)

    def compare(self, keys, other_keys, work=None):
        """Return the weights of edges, and 1 or 0 where there is none.

        Parameters are those of `Similarity.compare`. Negative weights are 1 between
        rows without an edge, or 0 with ``repel=False``.
        """
        near = _edges.between(self.edges_, keys.rows, other_keys.rows)
        different = keys.rows[..., None] != other_keys.rows[..., None, :]
        return Pairs(near, (1 - near) * ((near == 0) & different & self.repel))


def _partners(edges, nodes, rng):
    """Return for each node the other end of one of its edges, drawn at random.

    Nodes may have any shape; one without edges is its own partner.
    """
    starts = edges.indptr[nodes]
    degrees = edges.indptr[nodes + 1] - starts
    places = starts + (rng.uniform(size=nodes.shape) * degrees).astype(int)
    # A place behind the last edge belongs to a node without edges.
    return np.where(degrees > 0, np.append(edges.indices, 0)[places], nodes)
