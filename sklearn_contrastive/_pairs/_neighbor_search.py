"""Nearest neighbours among many points: exact, or by an index."""

import os
from contextlib import nullcontext

import numpy as np
from threadpoolctl import threadpool_limits

#: Points up to which all are searched, and how many of more are drawn to search among.
_MOST_EXACT, _SOME = 50_000, 8192
#: The process that imported this; another one is a fork of it.
IMPORTED_BY = os.getpid()


def fork_safe_threads():
    """Return a context with one OpenMP thread in a forked process, else without effect.

    Threads do not survive a fork, and GNU's OpenMP waits for those there were.
    """
    forked = os.getpid() != IMPORTED_BY
    return threadpool_limits(1, user_api="openmp") if forked else nullcontext()


def nearest_rows(Z, n_neighbors, search, rng=None):
    """Return the positions of each point's nearest neighbours, itself among them.

    ``search`` is an object with `fit` and `kneighbors`; None for an exact search, or
    by faiss where there are many points and it is installed. ``rng`` draws the points
    to search among where there are too many and faiss is not installed; None to search
    all of them, however long that takes, and more thoroughly with faiss.
    """
    n_neighbors = min(n_neighbors, len(Z))
    if search is not None:
        search.fit(Z)
        found = search.kneighbors(Z, n_neighbors, return_distance=False)
        return _checked(np.array(found), (len(Z), n_neighbors))
    if len(Z) <= _MOST_EXACT:
        return _exact(Z, Z, n_neighbors)
    try:
        import faiss
    except ImportError:
        if rng is None:
            return _exact(Z, Z, n_neighbors)
        some = np.sort(rng.permutation(len(Z))[:_SOME])
        return some[_exact(Z, Z[some], min(n_neighbors, len(some)))]
    n_lists = int(4 * np.sqrt(len(Z)))
    index = faiss.index_factory(Z.shape[1], f"IVF{n_lists},Flat")
    # The limits of training came before faiss was loaded.
    with threadpool_limits(1, user_api="openmp"):
        drawn = (rng or np.random.RandomState(0)).permutation(len(Z))
        index.train(Z[drawn[: 40 * n_lists]])
        index.add(Z)
        index.nprobe = 64 if rng is None else 8
        found = index.search(Z, n_neighbors)[1]
    # What was not found is the point itself, which is nobody's neighbour.
    return np.where(found < 0, np.arange(len(Z))[:, None], found)


def _exact(Z, others, n_neighbors):
    """Return the positions of the nearest of other points to each point."""
    from sklearn import config_context
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute")
    # A network that diverges is an error of the loss, at the end of the epoch.
    with config_context(assume_finite=True), fork_safe_threads():
        return search.fit(others).kneighbors(Z, return_distance=False)


def _checked(found, shape):
    """Return the result of a user's search; raise where it is malformed."""
    if found.shape != shape or found.dtype.kind not in "iu":
        raise ValueError(
            f"`search.kneighbors` must return row numbers of shape {shape}; got "
            f"{found.dtype} of shape {found.shape}."
        )
    if found.min() < 0 or found.max() >= len(found):
        raise ValueError(
            f"`search.kneighbors` must return row numbers from 0 to {len(found) - 1}; "
            f"got some from {found.min()} to {found.max()}."
        )
    return found
