"""What the predictors share: cross-fitted networks, their references, and votes."""

from copy import copy
from itertools import cycle
from numbers import Integral

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._cross_fit import FOLDS, RepeatedFolds
from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._estimators._state import ContrastiveEstimator, replace_fitted
from sklearn_contrastive._pairs._votes import N_NEIGHBORS
from sklearn_contrastive._validation import SEEN, check_length, check_rows, shorten
from sklearn_contrastive.neighbors._network import Network, least_loss

#: Neighbours of equal votes, where their number is "auto".
_N_UNIFORM = 15
#: Rows below which folds are drawn twice, and three times.
_TWICE, _THRICE = 1500, 750
#: For these, rows that each one outside the most frequent class counts as.
_ROWS_OF_OTHER = 5
#: Distances held at once.
_MOST_DISTANCES = 2**24
#: References that sets and intervals go by.
_MOST_COUNTED = 2000


class ContrastiveNeighbors(ContrastiveEstimator):
    """Base class of both predictors."""

    _parameter_constraints = {
        "embedding": [ContrastiveEmbedding, None],
        "n_neighbors": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "weights": [StrOptions({"auto", "uniform"})],
        "cross_fit": FOLDS,
        "n_jobs": [
            Interval(Integral, None, -1, closed="right"),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        embedding=None,
        *,
        n_neighbors="auto",
        weights="auto",
        cross_fit=4,
        n_jobs=None,
        random_state=None,
    ):
        self.embedding = embedding
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.cross_fit = cross_fit
        self.n_jobs = n_jobs
        self.random_state = random_state

    def set_params(self, **params):
        """Set parameters, also those of the embedding.

        Parameters
        ----------
        **params : dict
            New values by name; ``embedding__margin`` is the `margin` of the embedding.

        Returns
        -------
        self : estimator
            The estimator.

        Raises
        ------
        ValueError
            If there is no such parameter, or no embedding.
        """
        nested = any(name.startswith("embedding__") for name in params)
        if nested and params.get("embedding", self.embedding) is None:
            raise ValueError(
                "`embedding__...` sets a parameter of `embedding`; got embedding=None. "
                "Pass embedding=ContrastiveEmbedding()."
            )
        return super().set_params(**params)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, groups=None):
        """Train the networks, and place the rows that each has not seen.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, as `ContrastiveEmbedding.fit` takes them.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            What is to be predicted, of every row.

        groups : array-like of shape (n_samples,), default=None
            Groups of rows; those of one are in the same fold.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, `X`, `y` or `groups` is invalid, or if `n_neighbors` is more
            than the references of a network.
        """
        # The number and names of columns are written to a copy.
        reader = copy(self)
        reader.categorical_features = (
            self.embedding or ContrastiveEmbedding()
        ).categorical_features
        rows = check_rows(reader, X, reset=True)
        kind, values, learned = self._read(y)
        check_length(values, len(rows), "one label or target")
        n_rows = len(rows)
        if kind == "labels":
            # A table of few rows but those of one class is a small one, too.
            n_others = n_rows - int(values.sum(axis=0).max())
            n_rows = min(n_rows, _ROWS_OF_OTHER * n_others)
        embedding = self._unfitted(kind, n_rows).fit(X, y, groups=groups)
        points = self._points(embedding, rows)
        folds = [fold for _, fold in zip(points, cycle(embedding.folds_), strict=False)]
        held_out = [own for _, own in folds]
        if len(np.unique(np.concatenate(held_out))) < len(rows):
            raise ValueError(
                "`y` must hold a label for every row: those that `similarity` of the "
                "`embedding` takes as unknown are nobody's neighbour. Leave them out."
            )
        fewest, most = min(map(len, held_out)), max(map(len, held_out))
        n_neighbors, auto = self.n_neighbors, self.weights == "auto"
        if n_neighbors == "auto":
            # Equal votes of all references would say the same of every row.
            n_neighbors = min(N_NEIGHBORS, most)
            n_neighbors = n_neighbors if auto else min(_N_UNIFORM, max(1, most // 4))
        elif n_neighbors > fewest:
            raise ValueError(
                f"`n_neighbors` must be at most the references of a network; got "
                f"{shorten(n_neighbors)} with {fewest} of n_samples={len(rows)} rows. "
                "Lower it, or `cross_fit`."
            )
        networks = [
            Network(Z, values, *fold) for Z, fold in zip(points, folds, strict=True)
        ]
        settings, share = [(np.inf, 1.0)], 0.0
        if auto:
            settings, share = least_loss(networks, n_neighbors)
        if not share:
            for network in networks:
                network.groups = network.groups[:1]
        attributes = {
            **{name: vars(reader)[name] for name in SEEN if name in vars(reader)},
            **learned,
            "embedding_": embedding,
            "n_neighbors_": int(n_neighbors),
            "bandwidth_": settings[0][0],
            "smoothing_": settings[0][1],
            "trained_share_": share,
            "held_out_rows_": held_out,
            "_settings": settings,
            "_networks": networks,
        }
        replace_fitted(self, attributes)
        return self

    def kneighbors(self, X, n_neighbors=5, return_distance=True):
        """Return the training rows that are nearest to rows.

        A training row is compared in the networks that have not seen it: its distance
        is the mean of those there. Of rows at one distance the first comes first.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Rows with the columns of `fit`.

        n_neighbors : int, default=5
            How many rows to return, from 1 to those of `fit`.

        return_distance : bool, default=True
            Whether to return distances too.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors)
            Distances from 0 to 2, ascending. Only with ``return_distance=True``.

        rows : ndarray of int of shape (n_queries, n_neighbors)
            Row numbers in the table of `fit`.

        Raises
        ------
        ValueError
            If `X` or `n_neighbors` is invalid.
        """
        fitted = self._fitted()
        queries = fitted._queries(X)
        n_rows = 1 + max(rows.max() for rows in fitted.held_out_rows_)
        whole = isinstance(n_neighbors, Integral) and n_neighbors is not True
        if not (whole and 1 <= n_neighbors <= n_rows):
            raise ValueError(
                f"`n_neighbors` must be an int from 1 to {n_rows}, the rows of `fit`; "
                f"got {shorten(n_neighbors)}."
            )
        n_queries, size = len(queries[0]), max(1, _MOST_DISTANCES // n_rows)
        parts = [
            fitted._merged([Z[part] for Z in queries], n_rows, n_neighbors)
            for part in gen_batches(n_queries, size)
        ]
        distances, rows = map(np.concatenate, zip(*parts, strict=True))
        return (distances, rows) if return_distance else rows

    def _merged(self, queries, n_rows, n_neighbors):
        """Return distances and numbers of the nearest rows, merged over networks."""
        from sklearn.metrics import euclidean_distances

        total, count = np.zeros((len(queries[0]), n_rows)), np.zeros(n_rows)
        for Z, rows, network in zip(
            queries, self.held_out_rows_, self._networks, strict=True
        ):
            ends = Z.astype(np.float64), network.held_out.Z.astype(np.float64)
            total[:, rows] += euclidean_distances(*ends)
            count[rows] += 1
        distances = total / count
        rows = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
        return np.take_along_axis(distances, rows, axis=1), rows

    def _votes(self, X):
        """Return what neighbours say of rows, the mean over networks."""
        settings = self.n_neighbors_, self._settings, self.trained_share_
        jobs = (
            delayed(network.votes)(Z, *settings)
            for network, Z in zip(self._networks, self._queries(X), strict=True)
        )
        return np.mean(Parallel(self.n_jobs, prefer="threads")(jobs), axis=0)

    def _first_fold(self, X):
        """Return points of rows and of the first fold, with what these vote for.

        Several networks that have not seen this fold are one of more components.
        """
        n_folds = len(self.embedding_.folds_)
        queries = self._queries(X)[::n_folds]
        references = [each.held_out for each in self._networks[::n_folds]]
        places = [each.Z for each in references]
        Z, places = (np.hstack(each) / len(each) ** 0.5 for each in (queries, places))
        values = references[0].values
        some = slice(None, None, -(-len(values) // _MOST_COUNTED))
        return Z, places[some], values[some]

    @property
    def columns_(self):
        """What became of each column, as of the embedding."""
        return self._fitted().embedding_.columns_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.sparse = True
        return tags

    def _fitted(self):
        """Return a copy, since another thread may end a fit meanwhile."""
        check_is_fitted(self)
        return copy(self)

    def _queries(self, X):
        """Return the points of new rows in each network."""
        return self._points(self.embedding_, check_rows(self, X, reset=False))

    @staticmethod
    def _points(embedding, X):
        """Return the points of checked rows in each network, of length 1."""
        n_networks = embedding.n_members_
        Z = embedding._state.embed(X) * n_networks**0.5
        return np.split(Z, n_networks, axis=1)

    def _unfitted(self, kind, n_rows):
        """Return the embedding to fit, with folds, seed and similarity."""
        embedding = clone(self.embedding or ContrastiveEmbedding())
        folds = self.cross_fit
        if isinstance(folds, Integral):
            # A fold of few rows has few references.
            n_repeats = 1 + (n_rows < _TWICE) + (n_rows < _THRICE)
            shared = embedding.n_components
            while n_repeats > 1 and shared != "auto" and shared % (folds * n_repeats):
                n_repeats -= 1
            folds = RepeatedFolds(int(folds), n_repeats, self.random_state)
        params = {"cross_fit": folds}
        if embedding.random_state is None:
            params["random_state"] = self.random_state
        if isinstance(embedding.similarity, str) and embedding.similarity == "auto":
            params["similarity"] = kind
        return embedding.set_params(**params)
