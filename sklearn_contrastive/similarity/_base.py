"""What every similarity offers to training."""

from abc import ABC, abstractmethod

from sklearn.base import BaseEstimator


class Similarity(ABC, BaseEstimator):
    """A source of likeness between the rows of a table.

    Likeness compares keys, one a row, so that a batch can be compared with itself or
    with any other rows whose keys are known.

    Attributes
    ----------
    rows_ : ndarray of shape (n_rows,)
        The row numbers that batches are drawn from.
    """

    #: Whether the weights of a pair are the same with its ends exchanged, so that half
    #: of them will do.
    symmetric = False

    @abstractmethod
    def fit(self, X, y):
        """Learn what makes the rows of a table alike.

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

    @abstractmethod
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
            Row numbers, at least one batch of them.
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
            The row numbers with what likeness is read from.
        """

    @abstractmethod
    def pairs(self, keys, other_keys, work=None):
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
