"""Batches that hold no row twice."""

import numpy as np


def without_repeats(index, rows, rng):
    """Return batches in which other rows stand in for those that come twice.

    Parameters
    ----------
    index : ndarray of shape (n_steps, batch_size)
        Row numbers.

    rows : ndarray of shape (n_rows,)
        All row numbers, at least as many as a batch has.

    rng : numpy.random.RandomState
        Source of randomness.

    Returns
    -------
    index : ndarray of shape (n_steps, batch_size)
        Row numbers, each at most once in a row of `index`.
    """
    index = index.copy()
    while True:
        order = np.argsort(index, axis=1, kind="stable")
        ordered = np.take_along_axis(index, order, axis=1)
        step, place = np.nonzero(ordered[:, 1:] == ordered[:, :-1])
        if not len(step):
            return index
        index[step, order[step, place + 1]] = rng.choice(rows, len(step))
