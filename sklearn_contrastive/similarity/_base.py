"""What every similarity offers to training."""

from abc import ABC, abstractmethod
from copy import copy
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator


class Similarity(ABC, BaseEstimator):
    """A source of similarity between the rows of a table.

    Similarity compares keys, one a row, so that a batch can be compared with itself or
    with any other rows whose keys are known.

    To add one, write `fit`, which sets `rows_`, `keys` and `compare`; batches are then
    drawn at random, and rows held out at random.

    Attributes
    ----------
    rows_ : ndarray of shape (n_rows,)
        The row numbers that batches are drawn from.
    """

    #: Whether the weights of a pair are the same with its ends exchanged, so that half
    #: of them will do.
    symmetric = False
    #: Whether `fit` looks at the values of the rows, which are then standardised.
    reads_rows = False
    #: Whether it was given row numbers of one table, which mean nothing in another.
    uses_row_indices = False
    #: Whether `fit` cannot do without `y`.
    needs_y = False
    #: Whether `X` holds pairs of rows, (n_pairs, 2, n_features).
    takes_pairs = False
    #: Whether `of_rows` may say which rows of its table those of `X` are.
    takes_rows = False
    #: Whether every pair is either similar or dissimilar, so that those of a class can be
    #: added up by `attraction` without looking at any.
    is_complete = False
    #: Whether there are dissimilar pairs.
    repels = True
    #: The classes of the rows; None where they have none.
    classes_ = None
    #: How many points stand for a row in a step.
    n_views = 1
    #: Whether `compare` does the same to tensors that stay where they are, without
    #: waiting for the device.
    repeatable = True
    #: Whether `compare` looks at nothing but keys, so that one similarity may compare
    #: those of several models.
    batchable = False
    #: The weight decay that ``alpha="auto"`` stands for, once fitted.
    auto_alpha = 1e-2
    #: Parameters of the `NearestPairs` that ``miner="auto"`` stands for with losses of
    #: pairs; none for its defaults.
    auto_nearest: ClassVar[dict[str, int]] = {}
    #: What ``activation="auto"`` stands for.
    auto_activation = "relu"

    @abstractmethod
    def fit(self, X, y):
        """Learn what makes the rows of a table similar.

        Parameters
        ----------
        X : array of shape (n_samples, n_features) or None
            The rows.

        y : array-like of shape (n_samples,) or None
            What is known of them.

        Returns
        -------
        self : Similarity
            The fitted similarity.
        """

    @abstractmethod
    def keys(self, index):
        """Return the keys of rows.

        Parameters
        ----------
        index : ndarray of int
            Row numbers, in any shape.

        Returns
        -------
        keys : Keys
            The row numbers with what similarity is read from.
        """

    @abstractmethod
    def compare(self, keys, other_keys, work=None):
        """Return who attracts and who repels whom.

        Parameters
        ----------
        keys : Keys
            Keys of the anchors.

        other_keys : Keys
            Keys of the candidates.

        work : Tensor of shape (3, n_anchors, n_candidates), default=None
            Arrays that the weights may be put into, where new ones would be slow.

        Returns
        -------
        pairs : Pairs
            Weights of shape (n_anchors, n_candidates); a row with itself is unknown.
        """

    def batches(self, batch_size, rng):
        """Return which rows sit together in the steps of one epoch.

        Parameters
        ----------
        batch_size : int
            Rows in a batch, at most ``len(rows_)``.

        rng : numpy.random.RandomState
            Source of randomness.

        Returns
        -------
        index : ndarray of shape (n_steps, batch_size)
            Row numbers, at least one batch of them; here drawn at random without
            replacement.
        """
        n_steps = len(self.rows_) // batch_size
        order = rng.permutation(self.rows_)
        return order[: n_steps * batch_size].reshape(n_steps, batch_size)

    def hold_out(self, fraction, rng):
        """Return two similarities over disjoint parts of the rows.

        Parameters
        ----------
        fraction : float
            Share of the rows in the second part, in (0, 1).

        rng : numpy.random.RandomState
            Source of randomness.

        Returns
        -------
        kept, held_out : Similarity
            Both speak of the row numbers of the table that `fit` was given.
        """
        order = rng.permutation(self.rows_)
        n_out = min(max(2, round(fraction * len(order))), len(order) - 2)
        if n_out < 2:
            raise ValueError(
                f"The {len(order)} rows are too few to hold some out: two must be kept "
                "and two held out. Set `early_stopping=False` or pass `X_val`."
            )
        return self.among(np.sort(order[n_out:])), self.among(np.sort(order[:n_out]))

    def among(self, rows):
        """Return a copy that draws its batches from some rows only.

        Parameters
        ----------
        rows : ndarray of int of shape (n_rows,)
            Row numbers, sorted.

        Returns
        -------
        similarity : Similarity
            Speaks of the same row numbers.
        """
        similarity = copy(self)
        similarity.rows_ = rows
        return similarity

    def views(self, X, rng):
        """Return what stands for rows in a step; here the rows themselves.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Rows in raw units.

        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        X : ndarray of shape (n_views * n_rows, n_features)
            One view of all rows after the other.
        """
        return X

    def terms(self):
        """Return the similarities that training adds up; here one.

        Returns
        -------
        terms : list of tuple (str, Similarity, float)
            Name, similarity and weight of each; the name of the first is empty.
        """
        return [("", self, 1.0)]
