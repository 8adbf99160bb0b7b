"""The ranking of a gallery by its distance from each query, block by block.

A distance becomes an integer key: the bits of its square as a non-negative float32,
which sort like the number, with one more bit behind them that is 1 for rows of the
query's class. Keys need no argsort, and rows of other classes come first among equal
distances.
"""

from typing import NamedTuple

import numpy as np

#: Keys held at once, and squared distances in float64 on the way to them.
_KEYS, _SQUARES = 2**21, 2**17
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
            scores.first[rows] = _first_alike(keys, queries, rows)
        if at_r:
            n_alike = queries.n_alike[rows]
            figures = scores_at_r(_nearest(keys, n_alike), n_alike)
            scores.r_precision[rows], scores.map_at_r[rows] = figures
    return scores


def scores_at_r(nearest, n_alike):
    """Return the R-precision and the average precision at R of queries.

    Parameters
    ----------
    nearest : ndarray of uint32 of shape (n_queries, n_nearest)
        Keys in ascending order, at least the R least of each query.

    n_alike : ndarray of int of shape (n_queries,)
        R of each query.

    Returns
    -------
    r_precision, map_at_r : ndarray of shape (n_queries,)
        In [0, 1].
    """
    nearest = nearest[:, : n_alike.max()]
    ranks = np.arange(1.0, nearest.shape[1] + 1)
    hits = (nearest & 1).astype(bool)
    hits &= ranks <= n_alike[:, None]
    precision = np.cumsum(hits, axis=1, dtype=np.float64)
    r_precision = precision[:, -1] / n_alike
    precision *= hits
    # A division: products with 1 / rank would not add up to 1 for a perfect ranking.
    precision /= ranks
    return r_precision, precision.sum(axis=1) / n_alike


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
    points, copies = _distinct(queries.gallery)
    left, right = _factors(queries.points, points)
    n_rows = int(np.clip(_KEYS // len(points), 16, 1024))
    n_rows = min(n_rows, len(left))
    held = np.empty((n_rows, len(points)), dtype=np.float32)
    work = np.empty(max(_SQUARES, n_rows))
    for start in range(0, len(left), n_rows):
        rows = slice(start, min(start + n_rows, len(left)))
        squares = held[: rows.stop - start]
        _measure(left[rows], right, squares, work)
        keys = keys_of(squares)
        if copies is not None:
            keys = keys.take(copies, axis=1)
        itself = queries.itself[rows]
        present = np.flatnonzero(itself >= 0)
        keys[present, itself[present]] = FARTHEST
        for part, alike in _runs(queries, rows):
            keys[part, alike] |= np.uint32(1)
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


def _factors(points, others):
    """Return matrices whose product is the squared distances, and never negative.

    Near the query, where |a|² + |b|² - 2ab nearly cancels, its rounding error is below
    a multiple of the query's |a|², which is added to all distances of that query.
    """
    norms, other_norms = ((part**2).sum(axis=1) for part in (points, others))
    n_components = points.shape[1]
    slack = 4 * (n_components + 2) * np.finfo(np.float64).eps
    left = np.column_stack([points, norms * (1 + slack), np.ones(len(points))])
    right = np.empty((n_components + 2, len(others)))
    np.multiply(others.T, -2, out=right[:-2])
    right[-2], right[-1] = 1, other_norms
    return left, right


def _measure(left, right, squares, work):
    """Put squared distances into `squares`, a few columns at a time.

    Their order is that of float64 as far as float32 tells them apart.
    """
    width = len(work) // len(left)
    for start in range(0, right.shape[1], width):
        columns = slice(start, min(start + width, right.shape[1]))
        shape = len(left), columns.stop - start
        piece = work[: shape[0] * shape[1]].reshape(shape)
        squares[:, columns] = np.dot(left, right[:, columns], out=piece)


def _runs(queries, rows):
    """Yield the queries of each class in a block, and that class in the gallery."""
    classes = queries.classes[rows]
    ends = np.flatnonzero(np.diff(classes, append=-1)) + 1
    start = 0
    for end in ends:
        number = classes[start]
        yield slice(start, end), slice(*queries.starts[number : number + 2])
        start = end


def _first_alike(keys, queries, rows):
    """Return the rank of the nearest row of each query's class."""
    nearest = np.empty(len(keys), dtype=np.uint32)
    for part, alike in _runs(queries, rows):
        nearest[part] = keys[part, alike].min(axis=1)
    # Row by row, which is faster than along an axis.
    return [
        1 + np.count_nonzero(row < key) for row, key in zip(keys, nearest, strict=True)
    ]


def _nearest(keys, n_alike):
    """Return at least the R least keys of each query in order, FARTHEST behind them."""
    n_most = n_alike.max()
    expected = n_most / _STRIDE
    place = int(np.ceil(expected + 3 * np.sqrt(expected) + 3))
    sample = keys[:, ::_STRIDE]
    if place >= sample.shape[1]:
        return np.sort(keys, axis=1)
    limits = np.partition(sample, place, axis=1)[:, place, None]
    near = keys <= limits
    counts = np.array([np.count_nonzero(row) for row in near])
    short = np.flatnonzero(counts < n_alike)
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
