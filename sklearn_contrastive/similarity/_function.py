"""Similarity from a function of the user."""

import numpy as np

from sklearn_contrastive._pairs._keys import Keys
from sklearn_contrastive._validation import (
    check_given,
    check_length,
    check_params,
    read_numbers,
)
from sklearn_contrastive.similarity import _base


class FunctionSimilarity(_base.Similarity):
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
        check_params(self)
        check_given(y, ": a function as `similarity` compares entries of `y`")
        try:
            self._entries = read_numbers(y)
        except TypeError:
            # The function knows how to compare them.
            self._entries = np.asarray(y)
        check_length(self._entries, None if X is None else len(X), "one entry")
        self.rows_ = _base.all_rows(self._entries, 2)
        return self

    def keys(self, index):
        """Return twice the row numbers, by which entries are looked up."""
        return Keys(index, index)

    def compare(self, keys, other_keys, work=None):
        """Return weights in [0, 1] that add up to 1, as `Similarity.compare` does.

        Both are 0 where the function returns NaN. Raises a ValueError if it returns
        another shape, or numbers outside [0, 1].
        """
        similar = _base.look_up(self._read, keys.rows, other_keys.rows)
        return _base.graded_pairs(similar, keys, other_keys)

    def _read(self, rows, others):
        """Return the similarity of rows, NaN where it is not known."""
        if rows.ndim > 1:
            # Several sets of anchors, each with candidates of its own.
            return np.stack([*map(self._read, rows, others)])
        ours, theirs = self._entries[rows[:, None]], self._entries[others[None]]
        shape, similar = (len(rows), len(others)), self.function(ours, theirs)
        similar = np.asarray(similar)
        if similar.shape != shape or similar.dtype.kind not in "biuf":
            raise ValueError(
                f"`similarity` must return numbers of shape {shape}, so broadcast; it "
                f"returned {similar.dtype} of shape {similar.shape}."
            )
        similar = similar.astype(float)
        known = similar[~np.isnan(similar)]
        if ((known < 0) | (known > 1)).any():
            raise ValueError(
                "`similarity` must return similarity in [0, 1], or NaN where it is not "
                f"known; it returned numbers from {known.min():g} to {known.max():g}."
            )
        return similar
