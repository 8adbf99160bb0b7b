"""Few pairs among many rows: their row numbers, and sparse matrices of weights."""

from functools import partial

import numpy as np
from scipy.sparse import coo_array, csr_array, issparse

from sklearn_contrastive._validation import read_values
from sklearn_contrastive.similarity._base import look_up


def symmetric(rows, columns, weights, n_nodes):
    """Return a symmetric csr_array with the greatest of the weights > 0 of a pair.

    Pairs of a node with itself are left out.
    """
    low, high = np.minimum(rows, columns), np.maximum(rows, columns)
    weights = np.where(low < high, weights, 0.0)
    pairs, place = np.unique(low.astype(np.int64) * n_nodes + high, return_inverse=True)
    greatest = np.zeros(len(pairs))
    np.maximum.at(greatest, place, weights)
    half = csr_array((greatest, divmod(pairs, n_nodes)), shape=(n_nodes, n_nodes))
    return without_zeros(half + half.T)


def among(edges, nodes):
    """Return the edges with both ends in `nodes`, with the same numbers."""
    there = np.isin(np.arange(edges.shape[0]), nodes)
    return without_zeros(edges.multiply(there).multiply(there[:, None]))


def without_zeros(matrix):
    """Return a sparse matrix as a csr_array of what is not zero."""
    found = csr_array(matrix)
    found.eliminate_zeros()
    return found


def between(edges, nodes, others):
    """Return the weights between nodes, numpy or torch, (..., n_nodes, n_others)."""
    return look_up(partial(_read, edges), nodes, others)


def _read(edges, nodes, others):
    """Return the weights between nodes in numpy."""
    # Columns are picked in a pass over all nodes, which is slow where these are many.
    if nodes.ndim == 1 and edges.shape[0] < 100_000:
        return edges[nodes][:, others].toarray()
    ends = np.stack(np.broadcast_arrays(nodes[..., None], others[..., None, :]))
    return np.asarray(edges[tuple(map(np.ravel, ends))]).reshape(ends[0].shape)


def check_graph(graph, n_rows):
    """Return a sparse graph of rows as a float64 coo_array without its diagonal.

    Raises a ValueError if it is not sparse, not square, does not have `n_rows` rows
    (None for any number), or has weights that are not finite and > 0.
    """
    if not issparse(graph):
        raise ValueError(
            "`graph` must be a sparse matrix, as sklearn.neighbors.kneighbors_graph "
            f"returns; got {type(graph).__name__}. Wrap it with scipy.sparse.csr_array."
        )
    graph = coo_array(graph)
    if graph.shape[0] != graph.shape[1]:
        raise ValueError(f"`graph` must be square; got shape {graph.shape}.")
    if n_rows is not None and graph.shape[0] != n_rows:
        raise ValueError(
            f"`graph` has {graph.shape[0]} rows and `X` has {n_rows}. Pass the rows of "
            "the graph that `X` holds, fit(..., rows=...), or search without `graph`."
        )
    off = graph.row != graph.col
    weights = graph.data[off].astype(np.float64)
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError(
            "`graph` must hold weights > 0, the greater the more similar; got some "
            f"from {weights.min():g} to {weights.max():g}. Turn distances into weights "
            "first, or make the graph with mode='connectivity'."
        )
    parts = weights, (graph.row[off], graph.col[off])
    return coo_array(parts, shape=graph.shape)


def check_row_pairs(pairs, n_rows, name):
    """Return pairs of row numbers as an array of shape (n_pairs, 2).

    Raises a ValueError if the shape is another, a number is not whole or not in a table
    of `n_rows` (None for any number), or a row is paired with itself. Messages name the
    parameter `name`.
    """
    kind, pairs, missing = read_values(pairs)
    whole = (kind == "i" and not missing.any()) or not pairs.size
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not whole:
        raise ValueError(
            f"`{name}` must hold two row numbers per pair, integers of shape (n_pairs, "
            f"2); got {pairs.dtype} of shape {pairs.shape}. Count rows from 0."
        )
    pairs = pairs.astype(np.int64)
    check_row_numbers(pairs, n_rows, name)
    alone = pairs[:, 0] == pairs[:, 1]
    if alone.any():
        raise ValueError(
            f"`{name}` must join different rows; {alone.sum()} pair a row with itself, "
            f"the first at position {alone.argmax()} (row {pairs[alone.argmax(), 0]})."
        )
    return pairs


def check_row_numbers(numbers, n_rows, name):
    """Raise for row numbers outside a table of `n_rows` (None for any number)."""
    most = np.inf if n_rows is None else n_rows - 1
    if numbers.min(initial=0) < 0 or numbers.max(initial=0) > most:
        raise ValueError(
            f"`{name}` must hold row numbers from 0 to {most:g}; got some from "
            f"{numbers.min()} to {numbers.max()}. They count the rows of `X`; where it "
            "is part of a larger table, pass its rows there as fit(..., rows=...)."
        )


def renumber_pairs(pairs, rows):
    """Return the pairs inside some rows as positions in `rows`, and which they are.

    Pairs and `rows` are numbers in the same table, those of `rows` each once.
    """
    order = np.argsort(rows)
    places = np.searchsorted(rows, pairs, sorter=order)
    found = order[np.minimum(places, len(rows) - 1)]
    kept = (rows[found] == pairs).all(axis=1)
    return found[kept], kept
