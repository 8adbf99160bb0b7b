"""The base class of similarities."""

from abc import ABC, abstractmethod
from copy import copy
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_contrastive._pairs._keys import Pairs, withdraw
from sklearn_contrastive._validation import shorten


class Similarity(ABC, BaseEstimator):
    """Which rows of a table are similar, and which are dissimilar.

    A similarity compares keys, one per row, so that a batch can be compared with itself
    or with any other rows whose keys are at hand.

    To add one, write `fit`, which sets `rows_`, `keys` and `compare`; all else has a
    default.

    Attributes
    ----------
    rows_ : ndarray of shape (n_rows,)
        The row numbers that batches are drawn from.

    classes_ : ndarray of shape (n_classes,) or None
        The labels, sorted; None where there are none.

    has_classes : bool
        Whether each row has one of `classes_`, so that `prototypes` returns their keys.

    unlabeled : object
        The value in `y` that means unknown; None where every value counts.

    reads_rows : bool
        Whether `fit` uses the values of the rows, which are then standardised.

    uses_row_indices : bool
        Whether parameters hold row numbers of one table, which `of_rows` translates.

    needs_y : bool
        Whether `fit` cannot do without `y`.

    takes_pairs : bool
        Whether `X` holds pairs of rows, (n_pairs, 2, n_features).

    symmetric : bool
        Whether the weights of a pair are the same with its ends exchanged. A subclass
        that overrides `keys` or `compare` loses this and the next two.

    repeatable : bool
        Whether `compare` runs the same operations on tensors in every step, on their
        device and without waiting for it.

    batchable : bool
        Whether `compare` depends on nothing but the keys, so that one similarity serves
        several models at once.

    repels : bool
        Whether there are dissimilar pairs.

    n_views : int
        How many points a row has in a step, one per view.

    auto_alpha : float
        The weight decay for ``alpha="auto"``.

    auto_nearest : dict
        Parameters of `NearestPairs` for ``miner="auto"`` with losses of pairs.

    auto_activation : str
        The activation for ``activation="auto"``.
    """

    classes_ = unlabeled = None
    has_classes = reads_rows = uses_row_indices = needs_y = takes_pairs = False
    symmetric = repeatable = batchable = False
    repels, n_views = True, 1
    auto_alpha, auto_activation = 1e-2, "relu"
    auto_nearest: ClassVar[dict[str, int]] = {}

    def __init_subclass__(cls):
        super().__init_subclass__()
        for flag in ("symmetric", "repeatable", "batchable"):
            withdraw(cls, flag, ("keys", "compare"))

    @abstractmethod
    def fit(self, X, y):
        """Learn which rows of a table are similar.

        Parameters
        ----------
        X : array of shape (n_samples, n_features) or None
            The rows.

        y : array-like of shape (n_samples,) or None
            Their labels, targets or whatever similarity is read from.

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
        index : ndarray of int of shape (..., n_rows)
            Row numbers.

        Returns
        -------
        keys : Keys
            A number and a value for each point, of shape (..., n_views * n_rows), those
            of the first view first; values may have further axes behind.
        """

    @abstractmethod
    def compare(self, keys, other_keys, work=None):
        """Return how similar and how dissimilar anchors and candidates are.

        Parameters
        ----------
        keys : Keys
            Keys of the anchors, numpy or torch.

        other_keys : Keys
            Keys of the candidates.

        work : Tensor of shape (3, n_anchors, n_candidates), default=None
            Arrays to write the weights of tensors into, where new ones would be slow.

        Returns
        -------
        pairs : Pairs
            Weights >= 0 of shape (n_anchors, n_candidates). Both are 0 where nothing is
            known, and for a point with itself.
        """

    def batches(self, batch_size, rng):
        """Return the rows of each batch of an epoch.

        Parameters
        ----------
        batch_size : int
            Rows in a batch, at most ``len(rows_)``.

        rng : numpy.random.RandomState
            Source of randomness.

        Returns
        -------
        index : ndarray of shape (n_steps, batch_size)
            Row numbers, at least one batch of them, each at most once in a batch. By
            default they are drawn at random without replacement.
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
            With the row numbers of the table that `fit` was given.

        Raises
        ------
        ValueError
            If there are too few rows for two parts.
        """
        order = rng.permutation(self.rows_)
        n_out = min(max(2, round(fraction * len(order))), len(order) - 2)
        if n_out < 2:
            raise ValueError(
                f"The {len(order)} rows are too few to hold some out: two must be kept "
                "and two held out. Set `early_stopping=False` or pass `X_val`."
            )
        return self.among(np.sort(order[n_out:])), self.among(np.sort(order[:n_out]))

    def strata(self):
        """Return the classes by which rows are shared out to folds.

        Returns
        -------
        strata : ndarray of int of shape (n_samples,) or None
            A class for each row, -1 where it is not known; None without classes.
        """
        return None

    def votes(self):
        """Return what the neighbours of a new row say of it.

        Returns
        -------
        values : ndarray of shape (n_samples, n_outputs) or None
            Targets, or 1 for the class or labels of a row, else 0; None without any.
        """
        return None

    def among(self, rows):
        """Return a copy that draws its batches from some rows only.

        Parameters
        ----------
        rows : ndarray of int of shape (n_rows,)
            Row numbers, sorted.

        Returns
        -------
        similarity : Similarity
            With the row numbers of the same table.
        """
        similarity = copy(self)
        similarity.rows_ = rows
        return similarity

    def of_rows(self, rows):
        """Return a copy, not fitted, for some rows of the table that it was made for.

        Parameters
        ----------
        rows : ndarray of int of shape (n_rows,)
            The numbers that the rows of `X` have in the table whose row numbers the
            parameters hold, each once.

        Returns
        -------
        similarity : Similarity
            With the row numbers of `X`.

        Raises
        ------
        ValueError
            By default, for a similarity without row numbers.
        """
        raise ValueError(
            "`rows` is only used by a similarity with row numbers: a graph, or "
            f"`pairs` or `edges` that are given; got {shorten(self)}. Leave it out."
        )

    def prototypes(self, keys):
        """Return one key per class, for losses that learn a proxy of each.

        Parameters
        ----------
        keys : Keys
            Keys of rows as tensors, for their precision and device.

        Returns
        -------
        keys : Keys
            Keys of the `classes_`, whose numbers are no rows.

        Raises
        ------
        ValueError
            By default, for a similarity without classes.
        """
        raise ValueError(
            "`prototypes` needs a similarity with classes; "
            f"{type(self).__name__} has no classes. Use similarity='labels', or a "
            "`loss` without proxies."
        )

    def views(self, X, rng):
        """Return the views of rows; by default the rows themselves.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Rows in raw units.

        rng : numpy.random.Generator
            Source of randomness.

        Returns
        -------
        X : ndarray of shape (n_views * n_rows, n_features)
            The first view of all rows, then the next.
        """
        return X

    def terms(self):
        """Return the similarities whose losses are added up; by default this one.

        Returns
        -------
        terms : list of tuple (str, Similarity, float)
            Name, similarity and weight of each; the name of the first is empty.
        """
        return [("", self, 1.0)]


def all_rows(X, least):
    """Return the numbers of all rows of a table, which must hold `least` of them."""
    n_rows = len(X)
    if n_rows < least:
        raise ValueError(
            f"`X` must hold at least {least} rows; got n_samples={n_rows}."
        )
    return np.arange(n_rows)


def graded_pairs(similar, keys, other_keys):
    """Return weights that add up to 1, given similarity in [0, 1], NaN if not known."""
    different = keys.rows[..., None] != other_keys.rows[..., None, :]
    known = (similar == similar) & different
    is_array = isinstance(similar, np.ndarray)
    similar = (np.nan_to_num(similar) if is_array else similar.nan_to_num()) * known
    return Pairs(similar, (1 - similar) * known)


def look_up(read, rows, others):
    """Return what `read` finds for row numbers in numpy, as tensors if these are."""
    if isinstance(rows, np.ndarray):
        return read(rows, others)
    import torch

    found = read(*(each.long().numpy(force=True) for each in (rows, others)))
    like = rows if rows.is_floating_point() else rows.float()
    return torch.from_numpy(found).to(like)
