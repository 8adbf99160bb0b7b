"""The ranking of a gallery by its distance from each query, block by block.

A distance becomes an integer key: the bits of its square as a non-negative float32,
which sort like the number, with one more bit behind them that is 1 for rows of the
query's class. Keys need no argsort, and rows of other classes come first among equal
distances.
"""

from typing import NamedTuple

import numpy as np

from sklearn_contrastive.metrics._squares import squared_distances

#: Keys held at once.
_KEYS = 2**21
#: Greater than every key; odd, but behind all rows that are counted.
FARTHEST = np.uint32(0xFFFFFFFF)
#: Every how many-th key is looked at to guess how far the nearest ones reach.
_STRIDE = 16


class Scores(NamedTuple):
    """Figures of each query.

    Parameters
    ----------
    first : ndarray of shape (n_queries,)
        Rank of the nearest row of its class, from 1 on.

    r_precision : ndarray of shape (n_queries,)
        Share of its class among its R nearest rows.

    map_at_r : ndarray of shape (n_queries,)
        Average precision among these.
    """

    first: np.ndarray
    r_precision: np.ndarray
    map_at_r: np.ndarray


def exact_scores(queries, first=False, at_r=False):
    """Return the figures of queries, from distances to the whole gallery.

    Parameters
    ----------
    queries : Queries
        What is looked for, and where.

    first : bool, default=False
        Whether to find the rank of the nearest row of the query's class.

    at_r : bool, default=False
        Whether to rank the R nearest rows, which takes longer.

    Returns
    -------
    scores : Scores
        Zeros in what was not asked for.
    """
    scores = Scores(*np.zeros((3, len(queries.points))))
    for rows, keys in _blocks(queries):
        if first:
            scores.first[rows] = _first_similar(keys, queries, rows)
        if at_r:
            n_similar = queries.n_similar[rows]
            figures = scores_at_r(_nearest(keys, n_similar), n_similar)
            scores.r_precision[rows], scores.map_at_r[rows] = figures
    return scores


def alike_nearby(queries, n_nearest):
    """Return which of the nearest rows are of the query's class.

    Parameters
    ----------
    queries : Queries
        What is looked for, and where.

    n_nearest : int
        How many rows to look at, at most as many as a query has others.

    Returns
    -------
    similar : ndarray of bool of shape (n_queries, n_nearest)
        From the nearest on.
    """
    similar = np.empty((len(queries.points), n_nearest), dtype=bool)
    for rows, keys in _blocks(queries):
        nearest = _nearest(keys, np.full(len(keys), n_nearest))
        similar[rows] = nearest[:, :n_nearest] & 1
    return similar


def scores_at_r(nearest, n_similar):
    """Return the R-precision and the average precision at R of queries.

    Parameters
    ----------
    nearest : ndarray of uint32 of shape (n_queries, n_nearest)
        Keys in ascending order, at least the R least of each query.

    n_similar : ndarray of int of shape (n_queries,)
        R of each query.

    Returns
    -------
    r_precision, map_at_r : ndarray of shape (n_queries,)
        In [0, 1].
    """
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
    """Return keys for squared distances, in place, for rows of other classes.

    Parameters
    ----------
    squares : ndarray of float32
        Squared distances, >= 0.

    Returns
    -------
    keys : ndarray of uint32
        A view of the same memory.
    """
    keys = squares.view(np.uint32)
    return np.left_shift(keys, 1, out=keys)


def _blocks(queries):
    """Yield rows of queries with their keys, which the next block overwrites."""
    others, copies = _distinct(queries.gallery)
    points, middle = queries.points, queries.middle
    n_rows = int(np.clip(_KEYS // len(others), 16, 1024))
    n_rows = min(n_rows, len(points))
    for rows, squares in squared_distances(points, others, middle, n_rows):
        keys = keys_of(squares)
        if copies is not None:
            keys = keys.take(copies, axis=1)
        itself = queries.itself[rows]
        present = np.flatnonzero(itself >= 0)
        keys[present, itself[present]] = FARTHEST
        for part, similar in _runs(queries, rows):
            keys[part, similar] |= np.uint32(1)
        yield rows, keys


def _distinct(points):
    """Return points without copies, and where each row is among them.

    The same product of matrices may come out differently in two places by a rounding;
    copies of a point are to be exactly as far as each other.
    """
    points = np.ascontiguousarray(points)
    as_bytes = points.view(np.dtype((np.void, points.strides[0]))).ravel()
    _, places, copies = np.unique(as_bytes, return_index=True, return_inverse=True)
    if len(places) == len(points):
        return points, None
    return points[places], copies.ravel()


def _runs(queries, rows):
    """Yield the queries of each class in a block, and that class in the gallery."""
    classes = queries.classes[rows]
    ends = np.flatnonzero(np.diff(classes, append=-1)) + 1
    start = 0
    for end in ends:
        number = classes[start]
        yield slice(start, end), slice(*queries.starts[number : number + 2])
        start = end


def _first_similar(keys, queries, rows):
    """Return the rank of the nearest row of each query's class."""
    nearest = np.empty(len(keys), dtype=np.uint32)
    for part, similar in _runs(queries, rows):
        nearest[part] = keys[part, similar].min(axis=1)
    # Row by row, which is faster than along an axis.
    return [
        1 + np.count_nonzero(row < key) for row, key in zip(keys, nearest, strict=True)
    ]


def _nearest(keys, n_similar):
    """Return at least the R least keys of each query in order, FARTHEST behind them."""
    n_most = n_similar.max()
    expected = n_most / _STRIDE
    place = int(np.ceil(expected + 3 * np.sqrt(expected) + 3))
    sample = keys[:, ::_STRIDE]
    if place >= sample.shape[1]:
        return np.sort(keys, axis=1)
    limits = np.partition(sample, place, axis=1)[:, place, None]
    near = keys <= limits
    counts = np.array([np.count_nonzero(row) for row in near])
    short = np.flatnonzero(counts < n_similar)
    if len(short):
        some = keys[short]
        near[short] = (
            some <= np.partition(some, n_most - 1, axis=1)[:, n_most - 1, None]
        )
        counts[short] = near[short].sum(axis=1)
    found = np.full((len(keys), counts.max()), FARTHEST)
    # Much faster than keys[near] where many are near.
    found[np.arange(counts.max()) < counts[:, None]] = keys.take(np.flatnonzero(near))
    found.sort(axis=1)
    return found
