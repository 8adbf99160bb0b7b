"""The learned distance between rows."""

from copy import copy

import numpy as np


class EmbeddingMetric:
    """The distance between two rows that an embedding has learned.

    It can be called, pickled, and given to scikit-learn as ``metric=``; later fits of
    the estimator do not change it. Embedding all rows first and using Euclidean
    distance gives the same numbers much faster.

    Parameters
    ----------
    estimator : fitted transformer
        What embeds the rows.
    """

    def __init__(self, estimator):
        self._estimator = copy(estimator)

    def __call__(self, u, v):
        """Return the distance between two rows.

        Parameters
        ----------
        u, v : array-like of shape (n_features,)
            The rows, as they would be given to ``transform``.

        Returns
        -------
        distance : float
            Euclidean distance of their embeddings, >= 0.
        """
        return float(self._estimator.pair_distance(np.stack([u, v])[None])[0])
