"""Which of the nearest rows are of the same class."""

import numpy as np
from sklearn.utils import gen_batches

#: Distances held at once.
_DISTANCES = 2**22


def same_class_nearby(Z, codes, queries, n_nearest):
    """Return whether the nearest rows of some rows are of their class.

    Parameters
    ----------
    Z : ndarray of shape (n_rows, n_components)
        Points.

    codes : ndarray of int of shape (n_rows,)
        Their classes.

    queries : ndarray of int of shape (n_queries,)
        Rows to look up, each among all others.

    n_nearest : int
        How many to look at, fewer than there are rows.

    Returns
    -------
    found : ndarray of bool of shape (n_queries, n_nearest)
        From the nearest on; of rows at the same distance, as far as float32 tells them
        apart, those of other classes come first.
    """
    from sklearn.metrics.pairwise import euclidean_distances

    # About their middle points lose the fewest digits. Equal points are measured once,
    # since a product of matrices need not give them equal distances.
    Z = Z.astype(np.float64) - Z.mean(axis=0, dtype=np.float64)
    points, places = np.unique(Z, axis=0, return_inverse=True)
    places = places.ravel()
    found = np.empty((len(queries), n_nearest), dtype=bool)
    n_queries = max(1, _DISTANCES // len(Z))
    for part in gen_batches(len(queries), n_queries):
        rows = queries[part]
        distances = euclidean_distances(Z[rows], points, squared=True)
        # In fewer digits, so that roundings do not tell equal distances apart.
        distances = distances.astype(np.float32)[:, places]
        alike = codes[rows, None] == codes
        # One step of the last digit behind those of other classes.
        distances[alike] = np.nextafter(distances[alike], np.float32(np.inf))
        distances[np.arange(len(rows)), rows] = np.inf
        near = np.argpartition(distances, n_nearest - 1, axis=1)[:, :n_nearest]
        order = np.take_along_axis(distances, near, axis=1).argsort(axis=1)
        near = np.take_along_axis(near, order, axis=1)
        found[part] = np.take_along_axis(alike, near, axis=1)
    return found
