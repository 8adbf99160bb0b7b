"""Nearest neighbours among many points: exact by blocks, or by an index."""

import numpy as np
from threadpoolctl import threadpool_limits

#: Points up to which all are searched, and how many of more are drawn to search among.
_MOST_EXACT, _SOME = 50_000, 8192
#: Distances held at once, and in one piece whose least is looked at first.
_BLOCK, _PIECE = 2**20, 64


def nearest_rows(Z, n_neighbors, search, rng=None):
    """Return the nearest neighbours of each point, itself among them.

    Parameters
    ----------
    Z : ndarray of shape (n_points, n_components)
        The points, in float32.

    n_neighbors : int
        How many; fewer where there are fewer points.

    search : object or None
        With `fit` and `kneighbors`; None for a search by blocks, or by faiss where
        there are many points and it is installed.

    rng : numpy.random.RandomState, default=None
        Draws the points to search among, where there are too many and faiss is not
        installed. None to search among all of them, however long that takes, and more
        thoroughly with faiss.

    Returns
    -------
    neighbors : ndarray of shape (n_points, n_neighbors)
        Positions in `Z`, in no order.
    """
    n_neighbors = min(n_neighbors, len(Z))
    if search is not None:
        search.fit(Z)
        found = search.kneighbors(Z, n_neighbors, return_distance=False)
        return _checked(np.array(found), (len(Z), n_neighbors))
    if len(Z) <= _MOST_EXACT:
        return among(Z, Z, n_neighbors)
    try:
        import faiss
    except ImportError:
        if rng is None:
            return among(Z, Z, n_neighbors)
        some = np.sort(rng.permutation(len(Z))[:_SOME])
        return some[among(Z, Z[some], min(n_neighbors, len(some)))]
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


def _checked(found, shape):
    """Return what a user's search found, or say what is wrong with it."""
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


def among(Z, others, n_neighbors):
    """Return the nearest of other points to each point, exactly.

    Parameters
    ----------
    Z : ndarray of shape (n_points, n_components)
        The points.

    others : ndarray of shape (n_others, n_components)
        Where neighbours are looked for.

    n_neighbors : int
        How many, at most ``n_others``.

    Returns
    -------
    neighbors : ndarray of shape (n_points, n_neighbors)
        Positions in `others`, in no order.
    """
    import torch

    n_pieces = -(-len(others) // _PIECE)
    right = torch.full((Z.shape[1] + 1, n_pieces * _PIECE), 0.0)
    right[-1] = np.inf
    right[:-1, : len(others)] = torch.from_numpy(others).T.mul(-2)
    right[-1, : len(others)] = torch.from_numpy((others**2).sum(axis=1))
    # The product is the squared distance but for what all others have in common.
    left = torch.cat([torch.from_numpy(Z), torch.ones(len(Z), 1)], 1)
    n_rows = max(1, _BLOCK // right.shape[1])
    held = torch.empty((n_rows, right.shape[1]))
    found = np.empty((len(Z), n_neighbors), dtype=np.int64)
    n_best = min(n_neighbors, n_pieces)
    for start in range(0, len(Z), n_rows):
        block = left[start : start + n_rows]
        squared = torch.mm(block, right, out=held[: len(block)])
        pieces = squared.view(len(block), n_pieces, _PIECE)
        # The k nearest lie in the k pieces whose nearest are nearest.
        best = pieces.amin(-1).topk(n_best, largest=False, sorted=False).indices
        near = pieces.gather(1, best[..., None].expand(-1, -1, _PIECE)).flatten(1)
        places = near.topk(n_neighbors, largest=False, sorted=False).indices
        which = best.gather(1, places // _PIECE) * _PIECE + places % _PIECE
        found[start : start + n_rows] = which.numpy()
    return found
