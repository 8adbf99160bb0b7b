"""Units in which squares of distances neither overflow nor vanish.

They are powers of two, which leave whole numbers exact, and so ties between them.
"""

import warnings

import numpy as np

#: The greatest power of two that a value is let grow to, and beyond which what is
#: squared is cut: its square, and the sum of many, is still finite.
_MOST, _MOST_SQUARED = 1000, 500


def scaled(Z):
    """Return points in a unit in which the largest value is at most 1.

    Parameters
    ----------
    Z : ndarray of shape (n_rows, n_components)
        Points.

    Returns
    -------
    Z : ndarray of shape (n_rows, n_components)
        A copy.

    exponent : int
        The power of two that it was divided by.
    """
    exponent = _exponent(np.abs(Z).max())
    return np.ldexp(Z, -exponent), exponent


def to_bulk(Z, gallery):
    """Return queries and gallery in the unit of what most rows are apart.

    The unit is the median distance from the middle, and the middle is the median of
    each column: a few far rows move neither, and neither depends on the order of rows.

    Parameters
    ----------
    Z : ndarray of shape (n_queries, n_components)
        Queries.

    gallery : ndarray of shape (n_gallery, n_components)
        What is searched.

    Returns
    -------
    Z, gallery : ndarray
        Copies, which are not centred: a difference from the middle would be rounded.

    middle : ndarray of shape (n_components,)
        The middle of the gallery, in the same unit.

    Warns
    -----
    UserWarning
        If a row is so far out that its squared distances are no finite numbers.
    """
    within = Z is gallery
    top = _exponent(max(np.abs(Z).max(), np.abs(gallery).max()))
    exponent = max(0, top - _MOST)
    # Two large numbers must have a sum and a difference.
    Z, gallery = (np.ldexp(part, -exponent) for part in (Z, gallery))
    middle = np.median(gallery, axis=0)
    radii = np.abs(gallery - middle).max(axis=1)
    radii = radii[radii > 0]
    unit = _exponent(np.median(radii)) if len(radii) else 0
    unit = max(unit, top - exponent - _MOST)
    # Adding 0 makes -0 and 0 the same bits.
    Z, gallery, middle = (np.ldexp(part, -unit) + 0.0 for part in (Z, gallery, middle))
    n_far = sum(
        np.count_nonzero(np.abs(part - middle).max(axis=1) > 2.0**_MOST_SQUARED)
        for part in (gallery, *([] if within else [Z]))
    )
    if n_far:
        warnings.warn(
            f"{n_far} rows are more than 1e150 times as far out as most rows of the "
            "gallery. Distances from them are not told apart: leave them out.",
            UserWarning,
            stacklevel=5,
        )
    return Z, gallery, middle


def about(points, middle):
    """Return points as differences from a middle, cut where squares would overflow.

    Parameters
    ----------
    points : ndarray of shape (n_rows, n_components)
        As `to_bulk` returns them.

    middle : ndarray of shape (n_components,)
        Their middle.

    Returns
    -------
    centred : ndarray of shape (n_rows, n_components)
        A copy.
    """
    centred = points - middle
    most = 2.0**_MOST_SQUARED
    return np.clip(centred, -most, most, out=centred)


def _exponent(value):
    return int(np.frexp(value)[1])
