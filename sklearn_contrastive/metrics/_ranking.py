"""The rank of rows of the query's class among a gallery.

A squared distance becomes an integer key: the bits of a non-negative float32, which
sort like the number, and behind them one bit that is 1 for rows of the query's class.
Keys need no argsort, and rows of other classes come first among equal distances.
"""

import numpy as np

from sklearn_contrastive.metrics._distances import squared_distances

#: Greater than every key; odd, but behind all rows that are counted.
FARTHEST = np.uint32(0xFFFFFFFF)


def exact_scores(queries, first, at_r):
    """Return scores of shape (3, n_queries), from distances to the whole gallery.

    The rank of the nearest row of its class, from 1, if `first` is True; R-precision
    and average precision at R if `at_r` is; else zeros.
    """
    scores = np.zeros((3, len(queries.points)))
    for rows, keys in _blocks(queries):
        if first:
            # Row by row, which is faster than along an axis.
            scores[0, rows] = [
                1 + np.count_nonzero(row < row[similar].min())
                for row, similar in zip(keys, queries.some(rows).spans(), strict=True)
            ]
        if at_r:
            n_similar = queries.n_similar[rows]
            scores[1:, rows] = scores_at_r(_nearest(keys, n_similar.max()), n_similar)
    return scores


def nearest_hits(queries, n_nearest):
    """Return whether each of the nearest rows is of the query's class, in order."""
    nearest = [_nearest(keys, n_nearest) & 1 for _, keys in _blocks(queries)]
    return np.concatenate(nearest).astype(bool)


def scores_at_r(nearest, n_similar):
    """Return the R-precision and the average precision at R, from keys in order."""
    nearest = nearest[:, : n_similar.max()]
    ranks = np.arange(1.0, nearest.shape[1] + 1)
    hits = (nearest & 1).astype(bool)
    hits &= ranks <= n_similar[:, None]
    precision = np.cumsum(hits, axis=1, dtype=np.float64)
    r_precision = precision[:, -1] / n_similar
    precision *= hits
    # A division: products with 1 / rank would not add up to 1 for a perfect ranking.
    precision /= ranks
    return r_precision, precision.sum(axis=1) / n_similar


def keys_of(squares):
    """Return keys of float32 squares for rows of other classes, in the same memory."""
    keys = squares.view(np.uint32)
    return np.left_shift(keys, 1, out=keys)


def _blocks(queries):
    """Yield slices of queries with their keys for the whole gallery."""
    others, copies = _distinct(queries.gallery)
    for rows, squares in squared_distances(queries.points, others, queries.middle):
        keys = keys_of(squares)
        if copies is not None:
            keys = keys.take(copies, axis=1)
        for row, similar in zip(keys, queries.some(rows).spans(), strict=True):
            row[similar] |= np.uint32(1)
        present = np.flatnonzero(queries.itself[rows] >= 0)
        keys[present, queries.itself[rows][present]] = FARTHEST
        yield rows, keys


def _distinct(points):
    """Return points without copies, and where each row is among them.

    The same product of matrices may come out differently in two places by a rounding;
    copies of a point are to be exactly as far as each other.
    """
    as_bytes = points.view(np.dtype((np.void, points.strides[0]))).ravel()
    _, places, copies = np.unique(as_bytes, return_index=True, return_inverse=True)
    if len(places) == len(points):
        return points, None
    return points[places], copies


def _nearest(keys, n_nearest):
    """Return the least keys of each query in order; `keys` are rearranged."""
    keys.partition(n_nearest - 1, axis=1)
    return np.sort(keys[:, :n_nearest], axis=1)
