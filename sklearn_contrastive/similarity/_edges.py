"""Weights of few pairs among many rows, as a sparse matrix."""

import numpy as np
from scipy.sparse import coo_array, csr_array, issparse


class Edges:
    """A sparse symmetric matrix of weights > 0, or < 0 for dissimilar nodes."""

    def __init__(self, weights):
        self.weights = csr_array(weights)
        self.weights.sum_duplicates()
        self.weights.eliminate_zeros()
        self._on_device = {}

    def __getstate__(self):
        # Arrays on a device are made again where they are needed.
        return {"weights": self.weights, "_on_device": {}}

    def degrees(self):
        """Return how many edges each node has."""
        return np.diff(self.weights.indptr)

    def among(self, nodes):
        """Return the edges with both ends in `nodes`, with the same numbers."""
        chosen = np.zeros(self.weights.shape[0], dtype=bool)
        chosen[nodes] = True
        table = self.weights.tocoo()
        kept = chosen[table.row] & chosen[table.col]
        parts = table.data[kept], (table.row[kept], table.col[kept])
        return Edges(coo_array(parts, shape=table.shape))

    def partners(self, nodes, rng):
        """Return for each node the other end of one of its edges, drawn at random.

        Nodes may have any shape; one without edges is its own partner.
        """
        indptr, indices = self.weights.indptr, self.weights.indices
        degrees = indptr[nodes + 1] - indptr[nodes]
        places = indptr[nodes] + (rng.uniform(size=nodes.shape) * degrees).astype(int)
        if not len(indices):
            return nodes
        partners = indices[np.minimum(places, len(indices) - 1)]
        return np.where(degrees > 0, partners, nodes)

    def read(self, nodes, others):
        """Return the weights between nodes in numpy, shape (..., n_nodes, n_others)."""
        left, right = nodes[..., None], others[..., None, :]
        shape = np.broadcast_shapes(left.shape, right.shape)
        ends = (np.broadcast_to(side, shape).flatten() for side in (left, right))
        found = self.weights[tuple(ends)]
        return np.asarray(found, dtype=np.float64).reshape(shape)

    def write(self, nodes, others, out):
        """Write the weights between nodes into a tensor, edge by edge, and return it.

        The shape of `out` is (n_nodes, n_others).
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
        """Return starts, ends and weights of edges, and an array of -1 per node."""
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


def symmetric_weights(rows, columns, weights, n_nodes):
    """Return a symmetric csr_array with the greatest of the weights of a pair.

    Pairs come in either order and more than once; the diagonal is left out.
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


def check_graph(graph, n_rows):
    """Return a sparse graph of rows as a float64 coo_array without its diagonal.

    Raises a ValueError if it is not sparse, not square, does not have `n_rows` rows
    (None for any number), or has weights that are not finite and > 0.
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
            f"`graph` has {graph.shape[0]} rows and `X` has {n_rows}. Row "
            "numbers mean nothing in another table: pass the numbers that the rows of "
            "`X` have in the graph as fit(..., rows=...), as in cross-validation with "
            "params={'rows': numpy.arange(n_samples)}, or search neighbours in `X` "
            "with NeighborSimilarity(n_neighbors=...)."
        )
    off = graph.row != graph.col
    weights = graph.data[off].astype(np.float64)
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError(
            "`graph` must hold weights > 0, the greater the more similar; got some "
            f"from {weights.min():g} to {weights.max():g}. A graph of distances must "
            "be turned into weights first, or made with mode='connectivity'."
        )
    parts = weights, (graph.row[off], graph.col[off])
    return coo_array(parts, shape=graph.shape)
