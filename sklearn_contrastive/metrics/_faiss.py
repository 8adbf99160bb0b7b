"""The ranking of the nearest rows of a gallery as faiss finds them."""

import numpy as np

from sklearn_contrastive.metrics._ranking import (
    FARTHEST,
    Scores,
    keys_of,
    scores_at_r,
)
from sklearn_contrastive.metrics._scale import about
from sklearn_contrastive.metrics._squares import in_float32

#: Neighbours that may be asked for.
MOST_NEIGHBORS = 1024
#: Gallery rows up to which all are compared, and lists that are looked at beyond.
_MOST_EXACT, _N_PROBED = 50_000, 64
#: Coordinates held at once, and the largest that faiss is given.
_BLOCK, _MOST = 2**22, 1e15


def faiss_scores(queries, n_nearest, at_r=False):
    """Return the figures of queries, from neighbours that faiss has found.

    Parameters
    ----------
    queries : Queries
        What is looked for, and where.

    n_nearest : int
        How many neighbours to look for; fewer where there are fewer rows.

    at_r : bool, default=False
        Whether to rank the R nearest rows; `n_nearest` must reach.

    Returns
    -------
    scores : Scores
        Infinity in `first` where none of the neighbours is of the query's class; zeros
        in the others where not asked for.

    Raises
    ------
    ImportError
        If faiss is not installed.
    ValueError
        If more neighbours are asked for than `MOST_NEIGHBORS`.
    """
    if n_nearest > MOST_NEIGHBORS:
        raise ValueError(
            f"search='faiss' finds up to {MOST_NEIGHBORS} neighbours of a query; this "
            f"figure needs {n_nearest} here. Use search='exact', or a smaller `k`."
        )
    within = bool((queries.itself >= 0).any())
    # faiss refuses integers of numpy.
    n_found = min(int(n_nearest) + within, len(queries.gallery))
    scores = Scores(*np.zeros((3, len(queries.points))))
    found = _neighbors(queries, n_found)
    n_rows = max(1, _BLOCK // (n_found * queries.gallery.shape[1]))
    for start in range(0, len(found), n_rows):
        rows = slice(start, start + n_rows)
        keys = _keys(queries, rows, found[rows])
        hits = (keys[:, : n_found - within] & 1).astype(bool)
        scores.first[rows] = np.where(
            hits.any(axis=1), 1.0 + hits.argmax(axis=1), np.inf
        )
        if at_r:
            figures = scores_at_r(keys, queries.n_similar[rows])
            scores.r_precision[rows], scores.map_at_r[rows] = figures
    return scores


def _neighbors(queries, n_found):
    """Return positions in the gallery, itself among them, -1 where none was found."""
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            "search='faiss' needs the package faiss: install it with 'pip install "
            "faiss-cpu', or use search='exact'."
        ) from error
    gallery = _small(queries.gallery, queries.middle)
    index = faiss.IndexFlatL2(gallery.shape[1])
    if len(gallery) > _MOST_EXACT:
        n_lists = int(4 * np.sqrt(len(gallery)))
        index = faiss.IndexIVFFlat(index, gallery.shape[1], n_lists)
        drawn = np.random.RandomState(0).permutation(len(gallery))
        index.train(gallery[drawn[: 40 * n_lists]])
        index.nprobe = _N_PROBED
    index.add(gallery)
    return index.search(_small(queries.points, queries.middle), n_found)[1]


def _small(points, middle):
    """Return points about the middle in float32, with squares that are finite in it."""
    return np.clip(about(points, middle), -_MOST, _MOST).astype(np.float32)


def _keys(queries, rows, found):
    """Return keys of what was found in order, by distances in float64."""
    gaps = queries.gallery[found] - queries.points[rows, None]
    with np.errstate(over="ignore"):
        keys = keys_of(in_float32((gaps**2).sum(axis=2)))
    starts = queries.starts[queries.classes[rows]]
    ends = queries.starts[queries.classes[rows] + 1]
    keys |= (found >= starts[:, None]) & (found < ends[:, None])
    # What is missing is of another class, and before the query itself.
    keys[found < 0] = FARTHEST - np.uint32(1)
    itself = queries.itself[rows, None]
    keys[(found == itself) & (itself >= 0)] = FARTHEST
    keys.sort(axis=1)
    return keys
