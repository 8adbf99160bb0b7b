"""Similarity from a function of the user."""

import numpy as np

from sklearn_contrastive._pairs._keys import Keys
from sklearn_contrastive._validation import raise_inconsistent_length, raise_missing_y
from sklearn_contrastive.similarity._base import Similarity, graded_pairs, look_up


class FunctionSimilarity(Similarity):
    """The similarity of two rows is a function of their entries in `y`.

    Parameters
    ----------
    function : callable
        Called as ``function(a, b)`` with entries of `y` as numpy arrays that broadcast
        against each other, those of anchors of shape (n_anchors, 1) and those of
        candidates of shape (1, n_candidates), with an axis of columns behind where `y`
        has several. Returns similarity in [0, 1], or bools, of shape (n_anchors,
        n_candidates); NaN where nothing is known. It must not depend on the order of
        the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_contrastive.similarity import FunctionSimilarity
    >>> def same_year(a, b):
    ...     return abs(a - b) <= 1
    >>> similarity = FunctionSimilarity(same_year).fit(None, [1999, 2000, 2005])
    >>> keys = similarity.keys(np.arange(3))
    >>> similarity.compare(keys, keys).positive.astype(int)
    array([[0, 1, 0],
           [1, 0, 0],
           [0, 0, 0]])
    """

    _parameter_constraints = {"function": [callable]}

    repeatable = False

    def __init__(self, function):
        self.function = function

    def fit(self, X, y):
        """Keep the entries of `y`.

        Parameters
        ----------
        X : array of shape (n_samples, n_features) or None
            The rows; only their number is used.

        y : array-like of shape (n_samples,) or (n_samples, n_columns)
            What the function compares.

        Returns
        -------
        self : FunctionSimilarity
            The fitted similarity.

        Raises
        ------
        ValueError
            If `y` is missing or of another length, or there is one row only.
        """
        self._validate_params()
        if y is None:
            raise_missing_y(": a function as `similarity` compares entries of `y`")
        self._entries = np.asarray(y)
        n_rows = len(self._entries)
        if X is not None and n_rows != X.shape[0]:
            raise_inconsistent_length(X.shape[0], "one entry", f"{n_rows} entries")
        if n_rows < 2:
            raise ValueError(
                f"`X` must hold at least two rows; got n_samples={n_rows}."
            )
        self.rows_ = np.arange(n_rows)
        return self

    def keys(self, index):
        """Return twice the row numbers, by which entries are looked up."""
        return Keys(index, index)

    def compare(self, keys, other_keys, work=None):
        """Return weights in [0, 1] that add up to 1, as `Similarity.compare` does.

        Both are 0 where the function returns NaN. Raises a ValueError if it returns
        another shape, or numbers outside [0, 1].
        """
        similar = look_up(self._read, keys.rows, other_keys.rows)
        return graded_pairs(similar, keys, other_keys)

    def _read(self, rows, others):
        """Return the similarity of rows, NaN where it is not known."""
        if rows.ndim > 1:
            # Several sets of anchors, each with candidates of its own.
            return np.stack([*map(self._read, rows, others)])
        ours, theirs = self._entries[rows[:, None]], self._entries[others[None]]
        similar, shape = self.function(ours, theirs), (len(rows), len(others))
        similar = np.asarray(similar)
        if similar.shape != shape or similar.dtype.kind not in "biuf":
            raise ValueError(
                f"`similarity` must return an array of numbers of shape {shape}; it "
                f"returned {similar.dtype} of shape {similar.shape}. Use operations "
                "that broadcast, as numpy's do."
            )
        similar = similar.astype(float)
        known = similar[~np.isnan(similar)]
        if ((known < 0) | (known > 1)).any():
            raise ValueError(
                "`similarity` must return similarity in [0, 1], or NaN where it is not "
                f"known; it returned numbers from {known.min():g} to {known.max():g}."
            )
        return similar
