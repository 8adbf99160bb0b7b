"""Squared distances from queries to a gallery, block by block, to seven digits.

|a|² + |b|² - 2ab is one product of matrices, and loses digits where a and b are near
each other and far from the middle. Those squares are computed again, from differences.
"""

import numpy as np

from sklearn_contrastive.metrics._scale import about

#: Squared distances in float64 held at once.
_SQUARES = 2**17
#: Relative rounding of what is compared, in float32.
_ROUNDING = 2.0**-24
#: Powers of two that squares are kept above, and from which a query is far out.
_LEAST, _FAR = -100, 60


def squared_distances(points, others, middle, n_rows):
    """Yield squared distances, which the next block overwrites.

    Parameters
    ----------
    points : ndarray of shape (n_queries, n_components)
        Queries, in the unit of `to_bulk`.

    others : ndarray of shape (n_gallery, n_components)
        What is searched.

    middle : ndarray of shape (n_components,)
        Its middle.

    n_rows : int
        Queries in a block.

    Yields
    ------
    rows : slice
        Queries.

    squares : ndarray of float32 of shape (n_rows, n_gallery)
        From each of them to the gallery, times a power of two for each query. Infinite
        what is beyond 1e30 times the distance of the nearest.
    """
    left, right, exponents, limits = _factors(about(points, middle), others, middle)
    held = np.empty((n_rows, len(others)), dtype=np.float32)
    work = np.empty(max(_SQUARES, n_rows))
    for start in range(0, len(points), n_rows):
        rows = slice(start, min(start + n_rows, len(points)))
        squares = held[: rows.stop - start]
        with np.errstate(over="ignore"):
            _measure(left[rows], right, squares, work)
            near = np.flatnonzero(squares < limits[rows, None])
            if len(near):
                _recompute(near, points[rows], others, exponents[rows], squares)
        yield rows, squares


def in_float32(squares):
    """Return squares in float32, times a power of two for each row where it is needed.

    Parameters
    ----------
    squares : ndarray of shape (n_rows, n_squares)
        At least 0, in float64.

    Returns
    -------
    squares : ndarray of float32 of shape (n_rows, n_squares)
        In the same order in each row.
    """
    positive = np.where(squares > 0, squares, np.inf)
    least = np.frexp(positive.min(axis=1))[1]
    outside = (least < _LEAST) | (squares.max(axis=1) > 2.0**-_LEAST)
    lifts = np.where(outside, _LEAST - least, 0)
    with np.errstate(over="ignore"):
        return np.ldexp(squares, lifts[:, None]).astype(np.float32)


def _factors(points, others, middle):
    """Return matrices whose product is the squared distances, and where to doubt it.

    Queries far out have a unit of their own, 2 to the power of `exponents`; below
    `limits` rounding may be seen in float32.
    """
    others = about(others, middle)
    norms, other_norms = ((part**2).sum(axis=1) for part in (points, others))
    exponents = np.frexp(norms)[1]
    exponents = np.where(exponents > _FAR, -exponents, 0)
    n_components = points.shape[1]
    left = np.column_stack([points, norms, np.ones(len(points))])
    if exponents.any():
        left = np.ldexp(left, exponents[:, None])
    right = np.empty((n_components + 2, len(others)))
    np.multiply(others.T, -2, out=right[:-2])
    right[-2], right[-1] = 1, other_norms
    # Roundings of a sum of so many terms, which are about as large as |a|².
    lost = 8 * np.sqrt(n_components + 2) * np.finfo(np.float64).eps
    limits = np.maximum(np.ldexp(norms, exponents) * lost / _ROUNDING, 2.0**_LEAST)
    return left, right, exponents, limits.astype(np.float32)


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


def _recompute(near, points, others, exponents, squares):
    """Replace some squares by sums of squared differences.

    Where these are too small for float32, all squares of the query are in a smaller
    unit.
    """
    rows, columns = np.divmod(near, len(others))
    true = np.empty(len(near))
    n_pairs = max(1, _SQUARES // points.shape[1])
    for start in range(0, len(near), n_pairs):
        part = slice(start, start + n_pairs)
        gaps = others[columns[part]] - points[rows[part]]
        np.einsum("ij,ij->i", gaps, gaps, out=true[part])
    least = np.zeros(len(points), dtype=np.intp)
    seen = true > 0
    np.minimum.at(least, rows[seen], (np.frexp(true)[1] + exponents[rows])[seen])
    lifts = np.maximum(_LEAST - least, 0)
    lifted = np.flatnonzero(lifts)
    squares[lifted] = np.ldexp(squares[lifted], lifts[lifted, None])
    squares[rows, columns] = np.ldexp(true, (exponents + lifts)[rows])
