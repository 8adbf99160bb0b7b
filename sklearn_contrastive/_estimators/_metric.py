"""The learned distance between rows."""

from copy import copy

import numpy as np
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._scores import score_of
from sklearn_contrastive._validation import check_pairs


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


class EmbeddingMetricMixin:
    """Distances and a score for transformers that offer ``_embed``."""

    def pair_distance(self, pairs):
        """Return the learned distance between the two rows of each pair.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, n_features)
            Pairs of rows, as they would be given to `transform`.

        Returns
        -------
        distances : ndarray of shape (n_pairs,)
            Euclidean distances of the embeddings, >= 0; at most 2 on the unit sphere.

        Raises
        ------
        ValueError
            If `pairs` has another shape, or holds NaN or infinity.
        """
        check_is_fitted(self)
        pairs = check_pairs(self, pairs)
        left, right = self._embed(pairs[:, 0]), self._embed(pairs[:, 1])
        return np.sqrt(((left - right) ** 2).sum(axis=1))

    def pair_score(self, pairs):
        """Return the similarity of the two rows of each pair: minus their distance.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, n_features)
            Pairs of rows, as they would be given to `transform`.

        Returns
        -------
        scores : ndarray of shape (n_pairs,)
            Numbers <= 0; the greater, the more similar.
        """
        return -self.pair_distance(pairs)

    def get_metric(self):
        """Return the learned distance as a function of two rows.

        Each call embeds two rows, so that looking for neighbours this way is slow:
        put the embedding in a pipeline before the classifier for that.

        Returns
        -------
        metric : callable
            ``metric(u, v)`` is the distance of the rows `u` and `v`. It can be
            pickled and does not change when the estimator is fitted again.
        """
        check_is_fitted(self)
        return EmbeddingMetric(self)

    def score(self, X, y=None):
        """Return how well nearest neighbours in the embedding do, each row left out.

        For class labels it is the accuracy of the nearest row; for continuous targets
        the coefficient of determination R² of the mean of the 5 nearest; for label sets
        the mean Jaccard index with the nearest; for pairs of rows the area under the
        ROC curve of their distances; and without `y` the share of each row's 5 nearest
        rows in `X`, standardised, that are among its 5 nearest in the embedding.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_pairs, 2, n_features)
            Rows, at least two; best rows that were not used in `fit`.

        y : array-like, sparse matrix or list of sets, default=None
            What is known of them, as in `fit`. Rows of unknown label or target do not
            count.

        Returns
        -------
        score : float
            At most 1; the greater, the better.

        Raises
        ------
        ValueError
            If `y` is not what it must be, or there are too few rows.
        """
        check_is_fitted(self)
        return score_of(self, X, y)


class PartnerRetrievalMixin:
    """Looking for partners, for transformers of two tables that offer ``_both``."""

    def kneighbors(self, X, y, n_neighbors=1, return_distance=True):
        """Return the rows of the second table that are nearest to rows of the first.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows whose partners are looked for.

        y : array-like of shape (n_samples_y, n_features_y)
            The rows to choose from.

        n_neighbors : int, default=1
            How many to return for each row of `X`, nearest first.

        return_distance : bool, default=True
            Whether to return distances too.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_neighbors)
            In the common space, in [0, 2]; only with ``return_distance=True``.

        indices : ndarray of shape (n_samples, n_neighbors)
            Row numbers in `y`.
        """
        from sklearn.neighbors import NearestNeighbors

        X, y = (np.asarray(Z) for Z in self._both(X, y))
        search = NearestNeighbors(n_neighbors=n_neighbors).fit(y)
        return search.kneighbors(X, return_distance=return_distance)

    def score(self, X, y):
        """Return how often the nearest row of the second table is the partner.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of the first table.

        y : array-like of shape (n_samples, n_features_y)
            Their partners.

        Returns
        -------
        score : float
            Share of rows of `X` whose nearest row of `y` has the same number, in
            [0, 1]; 1 / n_samples at random.
        """
        check_consistent_length(X, y)
        found = self.kneighbors(X, y, return_distance=False)[:, 0]
        return float(np.mean(found == np.arange(len(found))))
