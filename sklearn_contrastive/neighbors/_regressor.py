"""The regressor by neighbours that its networks have not been trained on."""

import numpy as np
from sklearn.base import RegressorMixin

from sklearn_contrastive._validation import read_values, shorten
from sklearn_contrastive.neighbors._base import ContrastiveNeighbors
from sklearn_contrastive.neighbors._conformal import check_confidence, target_intervals
from sklearn_contrastive.similarity import check_targets


class ContrastiveNeighborsRegressor(RegressorMixin, ContrastiveNeighbors):
    r"""Predict targets by nearest neighbours in embeddings that have not seen them.

    Each network is trained without a fold of the rows, and looks for neighbours in that
    fold alone; the means of their targets, weighted by distance, are averaged over the
    networks. `ContrastiveNeighborsClassifier` tells more; what it chooses by log-loss
    is chosen by squared error here.

    Parameters
    ----------
    embedding : ContrastiveEmbedding or None, default=None
        What to train; a copy of it. None for the defaults. Its `cross_fit` is replaced
        by the one given here; its ``similarity="auto"`` becomes ``"targets"``.

    n_neighbors : int or "auto", default="auto"
        Neighbours that count in each network, >= 1, or all references of one that has
        fewer. ``"auto"`` is 60; with equal weights 15, and at most a quarter of them.

    weights : {"auto", "uniform"}, default="auto"
        ``"auto"`` weighs neighbours by distance; with ``"uniform"`` all count the same,
        and rows of training do not count.

    cross_fit : int, splitter or list of (train, test), default=4
        Number of folds, >= 2, or folds of scikit-learn's kind, which hold out every row
        at least once. A number is of folds that are drawn twice below 1,500 rows and
        three times below 750: their networks have few references.

    n_jobs : int or None, default=None
        Threads that search for neighbours, as in joblib.

    random_state : int, RandomState instance or None, default=None
        Determines the folds and, where the embedding has none, its seed.

    Attributes
    ----------
    embedding_ : ContrastiveEmbedding
        The fitted networks.

    n_neighbors_ : int
        Neighbours that count in each network.

    bandwidth_ : float
        Unit of squared distance in which weights fall; infinite for equal ones.

    smoothing_ : float
        How many neighbours the mean of all references counts as; 1 for equal weights.

    trained_share_ : float
        Share that the rows a network was trained on have in its prediction, from 0 to
        0.75; 0 for equal weights.

    ids_ : ndarray of shape (n_rows,)
        Ids of the rows that vote, sorted: the row numbers of `fit`, and those of `add`.

    held_out_rows_ : list of ndarray
        For each network the ids of rows it has not seen, which are its references.

    columns_ : dict
        What became of each column: levels of a category, and whether cells missed.

    n_features_in_ : int
        Number of columns in `fit`.

    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where `fit` was given a data frame with such.

    See Also
    --------
    ContrastiveNeighborsClassifier : For class labels.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_contrastive import (
    ...     ContrastiveEmbedding,
    ...     ContrastiveNeighborsRegressor,
    ... )
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    >>> embedding = ContrastiveEmbedding(max_iter=10)
    >>> model = ContrastiveNeighborsRegressor(embedding, random_state=0).fit(X, y)
    >>> model.score(X_test, y_test) > 0.3
    True
    >>> model.predict_interval(X_test, confidence=0.9).shape
    (111, 2)
    """

    def predict(self, X):
        """Return the targets of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Weighted means of the neighbours' targets.
        """
        fitted = self._fitted()
        found = fitted._votes(X) * fitted._spread + fitted._mean
        return found[:, 0] if fitted._one_column else found

    def predict_interval(self, X, confidence=0.9):
        r"""Return intervals that hold the targets of rows.

        They hold each target :math:`y` whose p-value is more than one minus the
        confidence (full conformal prediction with neighbours [1]_):

        .. math:: p_y(x) = \frac{1 + \#\{i : r_i \ge r_x\}}{n + 1}

        Here :math:`i` are the :math:`n` rows that the first network has not seen, or
        those of `calibrate`, and :math:`r` is the distance of a row's target from the
        weighted mean of those of all other rows, where :math:`x` counts as a row with
        the target :math:`y`. A row at squared distance :math:`d^2` has the weight
        :math:`\exp(-d^2 / 0.15)`, and :math:`r` is divided by
        :math:`\sqrt{1 + 1 / A}`, with :math:`A` the sum of the weights: far from all
        rows the intervals are wide.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        confidence : float, default=0.9
            Share of new rows whose interval holds their target, between 0 and 1.
            Those of a larger one are wider.

        Returns
        -------
        ends : ndarray of shape (n_samples, 2) or (n_samples, n_outputs, 2)
            Lower and upper end; infinite where the first network has not seen fewer
            than :math:`1 / (1 - confidence) - 1` rows. Of several targets each has its
            own confidence.

        Raises
        ------
        ValueError
            If `X` or `confidence` is invalid, or after `add` or `remove` without
            `calibrate`.

        Notes
        -----
        An interval holds the target of a new row with at least this probability,
        whatever the network has learned and however few the rows, if rows are drawn
        independently from one distribution. The guide says where this ends. Predictions
        are means over all networks, intervals are of one: their middle is another.

        References
        ----------
        .. [1] H. Papadopoulos, V. Vovk, A. Gammerman, "Regression Conformal Prediction
           with Nearest Neighbours", Journal of Artificial Intelligence Research, 2011.
        """
        check_confidence(confidence)
        fitted = self._fitted()
        Z, references, values, n = fitted._first_fold(X)
        ends = target_intervals(Z, references, values, confidence, n)
        ends = ends * fitted._spread[:, None] + fitted._mean[:, None]
        return ends[:, 0] if fitted._one_column else ends

    def _read(self, y):
        """Return the similarity, what neighbours vote for, and attributes."""
        targets = self._targets_of(y)
        # Squares of large targets would not be numbers.
        size = np.abs(targets).max(axis=0, initial=0) + np.finfo(float).tiny
        mean, spread = (f(targets / size, axis=0) for f in (np.mean, np.std))
        spread += spread == 0
        learned = {"_one_column": read_values(y)[1].ndim == 1}
        learned |= {"_mean": mean * size, "_spread": spread * size}
        return "targets", (targets / size - mean) / spread, learned

    def _read_new(self, y, method):
        """Return what new rows vote for; columns have no names."""
        targets = self._targets_of(y)
        if targets.shape[1] != len(self._mean):
            raise ValueError(
                f"`y` must hold {len(self._mean)} target(s) of every row, as in `fit`; "
                f"got {targets.shape[1]}."
            )
        with np.errstate(over="ignore"):
            values = (targets - self._mean) / self._spread
            if not np.isfinite(values**2).all():
                raise ValueError(
                    "`y` must hold targets of about the size of those in `fit`, whose "
                    f"standard deviation is {shorten(self._spread)}; got "
                    f"{shorten(y)}. Fit a new model."
                )
        return values, None

    def _joined(self, values, more, labels):
        """Return what kept and new rows vote for."""
        return np.concatenate([values, more]), {}

    @staticmethod
    def _targets_of(y):
        """Return targets as columns; raise where some are missing."""
        targets = check_targets(y, None)
        if np.isnan(targets).any():
            raise ValueError(
                "`y` must hold a target for every row; Input y contains NaN. Leave "
                "those rows out."
            )
        return targets

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
