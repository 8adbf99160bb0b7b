"""Squared distances to a gallery, in units in which they do not over- or underflow."""

import numpy as np
from sklearn.utils import gen_batches

#: Squared distances held at once.
_BLOCK = 2**20
#: Powers of two: the largest of a value, and beyond which what is squared is cut, so
#: that its square, and the sum of many, is still finite.
_MOST, _MOST_SQUARED = 1000, 2.0**500
#: Powers of two: the least square in float32, and from which on a query is far out.
_LEAST, _FAR = -100, 60


def scaled(Z):
    """Return points divided by a power of two, all at most 1, and its exponent."""
    exponent = _exponent(np.abs(Z).max())
    return np.ldexp(Z, -exponent), exponent


def to_bulk(Z, gallery):
    """Return queries, gallery and its middle in the unit of most rows' distances.

    The unit is the median distance from the middle, and the middle is the median of
    each column: a few far rows move neither, and neither depends on the order of rows.
    It is a power of two, which leaves whole numbers exact, and so ties between them.
    """
    # Two large numbers must have a sum and a difference.
    top = _exponent(max(np.abs(Z).max(), np.abs(gallery).max()))
    exponent = max(0, top - _MOST)
    Z, gallery = np.ldexp(Z, -exponent), np.ldexp(gallery, -exponent)
    middle = np.median(gallery, axis=0)
    radii = np.abs(gallery - middle).max(axis=1)
    radii = radii[radii > 0]
    unit = _exponent(np.median(radii)) if len(radii) else 0
    unit = max(unit, top - exponent - _MOST)
    # Adding 0 makes -0 and 0 the same bits.
    return tuple(np.ldexp(part, -unit) + 0.0 for part in (Z, gallery, middle))


def centered(points, middle):
    """Return points about a middle, cut where squares would overflow."""
    return np.clip(points - middle, -_MOST_SQUARED, _MOST_SQUARED)


def squared_distances(points, gallery, middle):
    """Yield slices of queries and their squared distances in float32, to seven digits.

    |a|² + |b|² - 2ab is one product of matrices, and loses digits where a and b are
    near each other and far from the middle: those squares come from differences.
    """
    left, right = centered(points, middle), centered(gallery, middle)
    norms, other_norms = ((part**2).sum(axis=1) for part in (left, right))
    left = np.column_stack([left, norms, np.ones(len(left))])
    right = np.vstack([-2 * right.T, np.ones(len(right)), other_norms])
    # Below these, roundings of a sum of so many terms of about |a|², of 52 bits each,
    # show in the 24 bits of float32.
    lost = 8 * np.sqrt(len(right)) * 2.0 ** (24 - 52)
    limits = np.maximum(norms * lost, 2.0**_LEAST)
    n_rows = int(np.clip(_BLOCK // len(gallery), 16, 1024))
    block = np.empty((n_rows, len(gallery)))
    for rows in gen_batches(len(points), n_rows):
        squares = np.dot(left[rows], right, out=block[: rows.stop - rows.start])
        near = np.flatnonzero(squares < limits[rows, None])
        with np.errstate(over="ignore"):
            _recompute(squares, near, points[rows], gallery)
            single = squares.astype(np.float32)
        # Rows in which float32 would lose digits get a unit of their own.
        own = norms[rows] > 2.0**_FAR
        true = squares.take(near)
        own[near[(true > 0) & (true < 2.0**_LEAST)] // len(gallery)] = True
        single[own] = in_float32(squares[own])
        yield rows, single


def in_float32(squares):
    """Return squares in float32, each row in a unit in which its least is 2**-100."""
    least = squares.min(axis=1, where=squares > 0, initial=np.inf)
    lifts = _LEAST - np.frexp(least)[1]
    with np.errstate(over="ignore"):
        return np.ldexp(squares, lifts[:, None]).astype(np.float32)


def _recompute(squares, near, points, gallery):
    """Replace some squares by sums of squared differences."""
    for part in gen_batches(len(near), max(1, _BLOCK // points.shape[1])):
        rows, columns = np.divmod(near[part], len(gallery))
        gaps = gallery[columns] - points[rows]
        squares[rows, columns] = np.einsum("ij,ij->i", gaps, gaps)


def _exponent(value):
    return int(np.frexp(value)[1])
