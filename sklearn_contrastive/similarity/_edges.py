"""Weights of few pairs among many rows, read for some rows against others."""

import numpy as np
from scipy.sparse import coo_array, csr_array, issparse


class Edges:
    """A sparse symmetric matrix of weights.

    Parameters
    ----------
    weights : sparse array of shape (n_nodes, n_nodes)
        Symmetric; what is not stored is zero.

    Attributes
    ----------
    weights : csr_array of shape (n_nodes, n_nodes)
        In the form that is fast to read.
    """

    def __init__(self, weights):
        self.weights = csr_array(weights)
        self.weights.sum_duplicates()
        self.weights.eliminate_zeros()
        self._on_device = {}

    def __getstate__(self):
        # Arrays on a device are made anew where they are needed.
        return {"weights": self.weights, "_on_device": {}}

    def degrees(self):
        """Return how many edges each node has."""
        return np.diff(self.weights.indptr)

    def among(self, nodes):
        """Return the edges with both ends among some nodes, for the same numbers."""
        chosen = np.zeros(self.weights.shape[0], dtype=bool)
        chosen[nodes] = True
        table = self.weights.tocoo()
        kept = chosen[table.row] & chosen[table.col]
        parts = table.data[kept], (table.row[kept], table.col[kept])
        return Edges(coo_array(parts, shape=table.shape))

    def partners(self, nodes, rng):
        """Return for each node the other end of one of its edges.

        Parameters
        ----------
        nodes : ndarray of int
            Node numbers, in any shape.

        rng : numpy.random.RandomState
            Source of randomness.

        Returns
        -------
        partners : ndarray of int
            Node numbers; a node without edges is its own partner.
        """
        indptr, indices = self.weights.indptr, self.weights.indices
        degrees = indptr[nodes + 1] - indptr[nodes]
        places = indptr[nodes] + (rng.uniform(size=nodes.shape) * degrees).astype(int)
        if not len(indices):
            return nodes
        partners = indices[np.minimum(places, len(indices) - 1)]
        return np.where(degrees > 0, partners, nodes)

    def read(self, nodes, others):
        """Return the weights between nodes, in numpy.

        Parameters
        ----------
        nodes : ndarray of int of shape (..., n_nodes)
            Ends on one side.

        others : ndarray of int of shape (..., n_others)
            Ends on the other side.

        Returns
        -------
        weights : ndarray of shape (..., n_nodes, n_others)
            Zero where there is no edge.
        """
        left, right = nodes[..., None], others[..., None, :]
        shape = np.broadcast_shapes(left.shape, right.shape)
        ends = (np.broadcast_to(side, shape).flatten() for side in (left, right))
        found = self.weights[tuple(ends)]
        return np.asarray(found, dtype=np.float64).reshape(shape)

    def write(self, nodes, others, out):
        """Write the weights between nodes, in torch, without looking at each couple.

        Parameters
        ----------
        nodes : Tensor of int of shape (n_nodes,)
            Ends on one side.

        others : Tensor of int of shape (n_others,)
            Ends on the other side.

        out : Tensor of shape (n_nodes, n_others)
            Where to write.

        Returns
        -------
        out : Tensor of shape (n_nodes, n_others)
            The same.
        """
        import torch

        starts, ends, weights, places = self._tensors(out)
        count = torch.arange(len(others), device=out.device)
        places[others] = count
        # A node may be there twice: its columns are copies of one of them.
        first = places[others]
        degrees = starts[nodes + 1] - starts[nodes]
        rows = torch.repeat_interleave(degrees)
        passed = degrees.cumsum(0) - degrees
        flat = torch.arange(len(rows), device=out.device)
        flat += (starts[nodes] - passed)[rows]
        columns = places[ends[flat]]
        met = (columns >= 0).nonzero()[:, 0]
        out.zero_()
        out[rows[met], columns[met]] = weights[flat[met]]
        places[others] = -1
        if not torch.equal(first, count):
            out.copy_(out.index_select(1, first))
        return out

    def _tensors(self, like):
        """Return starts, ends and weights of edges, and a place for each node."""
        import torch

        kind = like.device, like.dtype
        if kind not in self._on_device:
            graph, device = self.weights, like.device
            self._on_device[kind] = (
                torch.from_numpy(graph.indptr.astype(np.int64)).to(device),
                torch.from_numpy(graph.indices.astype(np.int64)).to(device),
                torch.from_numpy(graph.data.astype(np.float64)).to(device, like.dtype),
                torch.full((graph.shape[0],), -1, device=device),
            )
        return self._on_device[kind]


def symmetric(rows, columns, weights, n_nodes):
    """Return a symmetric matrix of weights, the greatest where a pair is named twice.

    Parameters
    ----------
    rows, columns : ndarray of int of shape (n_pairs,)
        Ends of the pairs, in either order.

    weights : ndarray of shape (n_pairs,)
        Weights > 0.

    n_nodes : int
        How many nodes there are.

    Returns
    -------
    matrix : csr_array of shape (n_nodes, n_nodes)
        With nothing on the diagonal.
    """
    low, high = np.minimum(rows, columns), np.maximum(rows, columns)
    order = np.lexsort((weights, high, low))
    order = order[low[order] != high[order]]
    low, high, weights = low[order], high[order], weights[order]
    last = np.ones(len(low), dtype=bool)
    last[:-1] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    low, high, weights = low[last], high[last], weights[last]
    ends = np.concatenate([low, high]), np.concatenate([high, low])
    both = np.concatenate([weights, weights])
    return csr_array((both, ends), shape=(n_nodes, n_nodes))


def checked_graph(graph, n_rows):
    """Return a sparse graph of the rows in coordinate form, or say what is wrong.

    Parameters
    ----------
    graph : sparse matrix of shape (n_samples, n_samples)
        Weights of similarity.

    n_rows : int or None
        How many rows it must speak of; None for any number.

    Returns
    -------
    graph : coo_array of shape (n_samples, n_samples)
        The same, in float64 and without its diagonal.

    Raises
    ------
    ValueError
        If it is not sparse, not square, speaks of another number of rows, or has
        weights that are not finite and > 0.
    """
    if not issparse(graph):
        raise ValueError(
            "`graph` must be a sparse matrix, such as "
            "sklearn.neighbors.kneighbors_graph returns; got "
            f"{type(graph).__name__}. Wrap it with scipy.sparse.csr_array."
        )
    graph = coo_array(graph)
    if graph.shape[0] != graph.shape[1]:
        raise ValueError(f"`graph` must be square; got shape {graph.shape}.")
    if n_rows is not None and graph.shape[0] != n_rows:
        raise ValueError(
            f"`graph` speaks of {graph.shape[0]} rows and `X` has {n_rows}. Row "
            "numbers mean nothing in another table: pass the numbers that the rows of "
            "`X` have in the graph as fit(..., rows=...), as in cross-validation with "
            "params={'rows': numpy.arange(n_samples)}, or look for neighbours in `X` "
            "with NeighborSimilarity(n_neighbors=...)."
        )
    off = graph.row != graph.col
    weights = graph.data[off].astype(np.float64)
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError(
            "`graph` must hold weights > 0, the greater the more similar; got some from "
            f"{weights.min():g} to {weights.max():g}. A graph of distances must be "
            "turned into weights first, or made with mode='connectivity'."
        )
    parts = weights, (graph.row[off], graph.col[off])
    return coo_array(parts, shape=graph.shape)
