"""Rows without a label: the second similarity for them, and their share of batches."""

import numpy as np
from sklearn.base import clone

from sklearn_contrastive._pairs._repeats import without_repeats
from sklearn_contrastive.similarity._neighbors import NeighborSimilarity
from sklearn_contrastive.similarity._views import ViewSimilarity


def resolve(unsupervised):
    """Return the second similarity for a name or an object, not fitted."""
    if unsupervised == "neighbors":
        return NeighborSimilarity(n_neighbors=10, repel=False)
    if unsupervised == "views":
        return ViewSimilarity(keep_original=True)
    return clone(unsupervised)


def mix_batches(drawn, labeled, unsupervised, rows, rng):
    """Return batches of labelled rows, of rows of a second similarity, and others.

    Batches `drawn` from all `rows` at random give their shape and the other rows. At
    most half of a batch are `labeled` rows, which this similarity draws alone.
    """
    n_steps, batch_size = drawn.shape
    if len(rows) == batch_size:
        return drawn
    n_labeled = min(batch_size // 2, len(labeled.rows_))
    n_second = min(batch_size - n_labeled, len(unsupervised.rows_))
    parts = [drawn[:, : batch_size - n_labeled - n_second]]
    for similarity, n_places in ((labeled, n_labeled), (unsupervised, n_second)):
        found = []
        while sum(map(len, found)) < n_steps:
            found.append(similarity.batches(n_places, rng))
        parts.append(np.concatenate(found)[:n_steps])
    return without_repeats(np.concatenate(parts, axis=1), rows, rng)
