"""Similarity of a row with its partner in another table."""

import numpy as np

from sklearn_contrastive._pairs._keys import Keys, same_value_pairs
from sklearn_contrastive.similarity._base import Similarity


class PartnerSimilarity(Similarity):
    """A row is similar to its partner in another table, dissimilar to its other rows.

    Of two rows of the same table nothing is known. An encoder has to make two points of
    each row, those of the one table before those of the other.
    """

    symmetric = repeatable = True

    def fit(self, X, y=None):
        """Count the rows.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            The rows of either table.

        y : None
            Not used.

        Returns
        -------
        self : PartnerSimilarity
            The fitted similarity.
        """
        self.rows_, self._n_rows = np.arange(len(X)), len(X)
        return self

    def keys(self, index):
        """Return the keys of the rows of both tables, shape (..., 2 * n_rows)."""
        rows = np.concatenate([index, index + self._n_rows], axis=-1)
        return Keys(rows, np.concatenate([index, index], axis=-1))

    def compare(self, keys, other_keys, work=None):
        """Return weights of 0 and 1, as `Similarity.compare` does."""
        pairs = same_value_pairs(keys, other_keys, work)
        ours, theirs = (each.rows >= self._n_rows for each in (keys, other_keys))
        negative = pairs.negative
        negative *= ours[..., None] != theirs[..., None, :]
        return pairs
