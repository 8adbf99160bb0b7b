"""The ranking of the nearest rows of a gallery as faiss finds them."""

import numpy as np
from sklearn.utils import gen_batches

from sklearn_contrastive._pairs._neighbor_search import fork_safe_threads
from sklearn_contrastive.metrics._distances import centered, in_float32
from sklearn_contrastive.metrics._ranking import FARTHEST, keys_of, scores_at_r

#: Neighbours that faiss finds at most.
_MOST_NEIGHBORS = 1024
#: Gallery rows up to which all are compared, and lists that are searched beyond.
_MOST_EXACT, _N_PROBED = 50_000, 64
#: Coordinates held at once, and the largest that faiss is given.
_BLOCK, _MOST = 2**22, 1e15


def faiss_scores(queries, n_nearest, at_r):
    """Return `exact_scores` by faiss, with infinite ranks where it found no row."""
    if n_nearest > _MOST_NEIGHBORS:
        raise ValueError(
            f"search='faiss' finds up to {_MOST_NEIGHBORS} neighbours of a query; got "
            f"{n_nearest} to find. Use search='exact', or a smaller `k`."
        )
    within = bool((queries.itself >= 0).any())
    # faiss accepts no integers of numpy.
    n_found = min(int(n_nearest) + within, len(queries.gallery))
    found = _neighbors(queries, n_found)
    scores = np.zeros((3, len(found)))
    n_rows = max(1, _BLOCK // (n_found * queries.gallery.shape[1]))
    for rows in gen_batches(len(found), n_rows):
        keys = _keys(queries.some(rows), found[rows])
        hits = (keys[:, : n_found - within] & 1).astype(bool)
        scores[0, rows] = np.where(hits.any(axis=1), 1 + hits.argmax(axis=1), np.inf)
        if at_r:
            scores[1:, rows] = scores_at_r(keys, queries.n_similar[rows])
    return scores


def _neighbors(queries, n_found):
    """Return positions in the gallery, itself among them, -1 where none was found."""
    try:
        import faiss
    except ImportError as error:
        error.add_note(
            "install it with 'pip install faiss-cpu', or use search='exact'."
        )
        raise
    # Squares that are finite in float32.
    both = (centered(Z, queries.middle) for Z in (queries.gallery, queries.points))
    gallery, points = (np.clip(Z, -_MOST, _MOST).astype(np.float32) for Z in both)
    index = faiss.IndexFlatL2(gallery.shape[1])
    with fork_safe_threads():
        if len(gallery) > _MOST_EXACT:
            n_lists = int(4 * np.sqrt(len(gallery)))
            index = faiss.IndexIVFFlat(index, gallery.shape[1], n_lists)
            drawn = np.random.RandomState(0).permutation(len(gallery))
            index.train(gallery[drawn[: 40 * n_lists]])
            index.nprobe = _N_PROBED
        index.add(gallery)
        return index.search(points, n_found)[1]


def _keys(queries, found):
    """Return keys of the neighbours in order, from distances in float64."""
    gaps = queries.gallery[found] - queries.points[:, None]
    with np.errstate(over="ignore"):
        keys = keys_of(in_float32((gaps**2).sum(axis=2)))
    classes = queries.classes[:, None]
    keys |= (found >= queries.starts[classes]) & (found < queries.starts[classes + 1])
    keys[found == queries.itself[:, None]] = FARTHEST
    # Missing ones are of another class, and before the query itself.
    keys[found < 0] = FARTHEST - np.uint32(1)
    keys.sort(axis=1)
    return keys
