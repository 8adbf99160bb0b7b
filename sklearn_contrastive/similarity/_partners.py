"""Similarity of a row with its partner in another table."""

import numpy as np

from sklearn_contrastive._pairs._keys import Keys, same_value_pairs
from sklearn_contrastive.similarity._base import Similarity


class PartnerSimilarity(Similarity):
    """A row is similar to its partner in the other table, and dissimilar its other rows.

    Rows of the same table are not compared. An encoder has to make two points of each
    row, those of the one table before those of the other.
    """

    symmetric = True

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
        """Return the keys of the rows of both tables.

        Parameters
        ----------
        index : ndarray of int of shape (..., n_rows)
            Row numbers.

        Returns
        -------
        keys : Keys
            Of shape (..., 2 * n_rows).
        """
        rows = np.concatenate([index, index + self._n_rows], axis=-1)
        return Keys(rows, np.concatenate([index, index], axis=-1))

    def compare(self, keys, other_keys, work=None):
        """Return who attracts and who repels whom.

        Parameters
        ----------
        keys, other_keys : Keys
            Keys of anchors and candidates.

        work : Tensor of shape (3, n_anchors, n_candidates), default=None
            Arrays to put the weights of tensors into, instead of new ones.

        Returns
        -------
        pairs : Pairs
            Weights of 0 and 1; both 0 within a table.
        """
        pairs = same_value_pairs(keys, other_keys, work)
        ours, theirs = (each.rows >= self._n_rows for each in (keys, other_keys))
        negative = pairs.negative
        negative *= ours[..., None] != theirs[..., None, :]
        return pairs
