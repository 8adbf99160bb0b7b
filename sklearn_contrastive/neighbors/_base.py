"""What the predictors share: cross-fitted networks, their references, and votes."""

from copy import copy
from itertools import cycle
from numbers import Integral

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._cross_fit import FOLDS, RepeatedFolds
from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._estimators._state import ContrastiveEstimator, replace_fitted
from sklearn_contrastive._validation import (
    SEEN,
    SharedRows,
    check_length,
    check_rows,
    shorten,
)
from sklearn_contrastive.neighbors import _index, _network
from sklearn_contrastive.neighbors._conformal import counted

#: Rows below which folds are drawn twice, and three times.
_TWICE, _THRICE = 1500, 750
#: For these, rows that each one outside the most frequent class counts as.
_ROWS_OF_OTHER = 5


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
    def fit(self, X, y, groups=None, checkpoint=None):
        """Train the networks, and place the rows that each has not seen.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, as `ContrastiveEmbedding.fit` takes them.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            What is to be predicted, of every row.

        groups : array-like of shape (n_samples,), default=None
            Groups of rows; those of one are in the same fold.

        checkpoint : str or path-like, default=None
            A file to resume training from, as in `ContrastiveEmbedding.fit`.

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
        embedding = self._unfitted(kind, n_rows)
        embedding.fit(X, y, groups=groups, checkpoint=checkpoint)
        ids = np.arange(len(rows))
        if isinstance(rows, SharedRows):
            labels = kind == "labels"
            ids = _index.some_rows(values if labels else values[:, :0], rows.most)
            learned |= self._of_some(learned, values, ids) if labels else {}
            embedding.folds_ = _index.folds_among(embedding.folds_, ids)
            rows, values = rows[ids], values[ids]
        points = _network.points_of(embedding, rows)
        folds = [fold for _, fold in zip(points, cycle(embedding.folds_), strict=False)]
        held_out = [own for _, own in folds]
        if len(np.unique(np.concatenate(held_out))) < len(rows):
            raise ValueError(
                "`y` must hold a label for every row: those that `similarity` of the "
                "`embedding` takes as unknown are nobody's neighbour. Leave them out."
            )
        auto = self.weights == "auto"
        n_neighbors = _network.number_asked(self.n_neighbors, auto, held_out)
        networks = [
            _network.Network(Z, values, *fold)
            for Z, fold in zip(points, folds, strict=True)
        ]
        settings, share = [(np.inf, 1.0)], 0.0
        if auto:
            settings, share = _network.least_loss(networks, n_neighbors)
        if not share:
            settings = settings[:1]
            for network in networks:
                network.rows, network.groups = network.rows[:1], network.groups[:1]
        attributes = {
            **{name: vars(reader)[name] for name in SEEN if name in vars(reader)},
            **learned,
            **_chosen(settings, share),
            "embedding_": embedding,
            "n_neighbors_": n_neighbors,
            "ids_": ids,
            "_n_fitted": len(rows),
            "_networks": networks,
            "_calibration": None,
        }
        replace_fitted(self, attributes)
        return self

    def add(self, X, y, ids=None):
        """Add rows to those that vote, also of new classes, without training.

        A hash of its id draws a row of `fit` for each added one, which then votes where
        that row does: as a held-out row in some networks, and beside the rows of
        training in others. Bandwidth, smoothing and `trained_share_` are chosen again.
        Rows that are added in another order, or in several calls, make the same model
        bit for bit. Points of rows are kept, in single precision, not the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their class labels, or targets. Labels that `fit` has not seen are appended
            to `classes_`, sorted among themselves.

        ids : array-like of int or str of shape (n_samples,), default=None
            Names of rows, which differ from all in `ids_`. None for the numbers after
            the rows of `fit` and after the largest number there.

        Returns
        -------
        self : estimator
            The estimator. Its sets or intervals need `calibrate` first.

        Raises
        ------
        ValueError
            If `X`, `y` or `ids` is invalid, or rows have several labels; the model is
            then as before.

        See Also
        --------
        remove : Take rows out again.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn_contrastive import ContrastiveNeighborsClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = ContrastiveNeighborsClassifier(random_state=0).fit(X[:100], y[:100])
        >>> model.add(X[100:120], y[100:120]).classes_
        array([0, 1, 2])
        >>> model.kneighbors(X[[110]], n_neighbors=1, return_distance=False)
        array([[110]])
        """
        fitted = self._fitted()
        rows = check_rows(fitted, X, reset=False)
        values, labels = fitted._read_new(y, "add")
        check_length(values, len(rows), "one label or target")
        ids = _index.new_ids(ids, len(rows), fitted.ids_, fitted._n_fitted)
        points = _network.points_in_blocks(fitted.embedding_, rows)
        kept = np.ones(len(fitted.ids_), dtype=bool)
        vars(self).update(fitted._changed(kept, ids, points, values, labels))
        return self

    def remove(self, ids):
        """Remove rows from those that vote, of `fit` or added.

        Networks that have been trained on a row of `fit` stay as they are. A class that
        `add` has appended is left out with its last row; one of `fit` stays, with
        probability 0.

        Parameters
        ----------
        ids : array-like of int or str of shape (n_removed,)
            Ids in `ids_`; that of a row of `fit` is its number.

        Returns
        -------
        self : estimator
            The estimator. Its sets or intervals need `calibrate` first.

        Raises
        ------
        ValueError
            If some `ids` are not in `ids_`, or a network would have no row left; the
            model is then as before.

        See Also
        --------
        add : Add rows.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn_contrastive import ContrastiveNeighborsClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = ContrastiveNeighborsClassifier(random_state=0).fit(X, y)
        >>> model.add(X[:2], y[:2], ids=["a", "b"]).remove(["a"]).remove([0, 1])
        ContrastiveNeighborsClassifier(random_state=0)
        >>> len(model.ids_)
        149
        """
        fitted = self._fitted()
        kept = np.ones(len(fitted.ids_), dtype=bool)
        kept[_index.places_of(ids, fitted.ids_, "ids")] = False
        if kept.all():
            return self
        none = [each.held_out.Z[:0] for each in fitted._networks]
        values = _network.values_of(fitted._networks)[:0]
        labels = vars(fitted).get("classes_")
        vars(self).update(fitted._changed(kept, fitted.ids_[:0], none, values, labels))
        return self

    def calibrate(self, X, y):
        """Set the rows that label sets or intervals count, after `add` or `remove`.

        A new row is then compared with these rows, no longer with those that the first
        network has not seen, which still vote. Sets and intervals have their confidence
        for rows drawn as these are, whatever the index holds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows drawn as new ones will be, and used for nothing else: neither by `fit`
            or `add` nor to choose parameters. At most 2,000, at random, are used.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their labels, of classes in `classes_`, or targets.

        Returns
        -------
        self : estimator
            The estimator.

        Raises
        ------
        ValueError
            If `X` or `y` is invalid, or rows have several labels.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn_contrastive import ContrastiveNeighborsClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = ContrastiveNeighborsClassifier(random_state=0)
        >>> model = model.fit(X[::3], y[::3]).add(X[1::3], y[1::3])
        >>> model.calibrate(X[2::3], y[2::3]).predict_set(X[:2]).shape
        (2, 3)
        """
        fitted = self._fitted()
        Z = fitted._of_first_fold(fitted._queries(X))
        before = _network.values_of(fitted._networks)
        values, _ = fitted._joined(before, *fitted._read_new(y, "calibrate"))
        if values.shape[1] > before.shape[1]:
            raise ValueError(
                f"`y` must hold labels of `classes_`, {shorten(fitted.classes_)}, and "
                "no others. Give some rows of new classes to `add` first."
            )
        values = values[len(before) :]
        check_length(values, len(Z), "one label or target")
        some = counted(len(Z))
        self._calibration = Z[some], values[some]
        return self

    def kneighbors(self, X, n_neighbors=5, return_distance=True, *, among=None):
        """Return the rows of `fit` and of `add` that are nearest to rows.

        A row is compared in the networks where it votes as a held-out row: its distance
        is the mean of those there. Of rows at one distance that with the lower id comes
        first, and ints before text.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Rows with the columns of `fit`.

        n_neighbors : int, default=5
            How many rows to return, from 1 to those there are.

        return_distance : bool, default=True
            Whether to return distances too.

        among : array-like of int or str of shape (n_searched,), default=None
            Ids of the rows to choose from; None for all.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors)
            Distances from 0 to 2, ascending. Only with ``return_distance=True``.

        ids : ndarray of shape (n_queries, n_neighbors)
            Their ids: row numbers in the table of `fit`, and those of `add`.

        Raises
        ------
        ValueError
            If `X`, `n_neighbors` or `among` is invalid.
        """
        fitted = self._fitted()
        queries, searched = fitted._queries(X), np.arange(len(fitted.ids_))
        if among is not None:
            searched = np.sort(_index.places_of(among, fitted.ids_, "among", 1))
        n_rows = len(searched)
        whole = isinstance(n_neighbors, Integral) and n_neighbors is not True
        if not (whole and 1 <= n_neighbors <= n_rows):
            raise ValueError(
                f"`n_neighbors` must be an int from 1 to {n_rows}, the rows to choose "
                f"from; got {shorten(n_neighbors)}."
            )
        distances, places = _network.nearest_rows(
            fitted._networks, queries, len(fitted.ids_), searched, n_neighbors
        )
        ids = fitted.ids_[searched[places]]
        return (distances, ids) if return_distance else ids

    def _votes(self, X):
        """Return what neighbours say of rows, the mean over networks."""
        settings = self.n_neighbors_, self._settings, self.trained_share_
        jobs = (
            delayed(network.votes)(Z, *settings)
            for network, Z in zip(self._networks, self._queries(X), strict=True)
        )
        return np.mean(Parallel(self.n_jobs, prefer="threads")(jobs), axis=0)

    def _first_fold(self, X):
        """Return points of rows, those they are compared with, and what these vote for.

        The last value is how many of the latter count, the first ones: all of the first
        fold, or the rows of `calibrate` before them.
        """
        if self._calibration is False:
            raise ValueError(
                "Sets and intervals need `calibrate` after `add` or `remove`: the rows "
                "of the first fold are no longer drawn as new ones are. Call "
                "calibrate(X, y) with rows that are used for nothing else."
            )
        held_out = [network.held_out for network in self._networks]
        queries = self._of_first_fold(self._queries(X))
        places = self._of_first_fold([each.Z for each in held_out])
        values = held_out[0].values
        some = counted(len(values))
        places, values = places[some], values[some]
        if self._calibration is None:
            return queries, places, values, len(values)
        Z, own = self._calibration
        return queries, np.vstack([Z, places]), np.vstack([own, values]), len(Z)

    def _of_first_fold(self, points):
        """Return points in the first fold's networks, as one of more components."""
        points = points[:: len(self.embedding_.folds_)]
        return np.hstack(points) / len(points) ** 0.5

    def _changed(self, kept, ids, points, values, labels):
        """Return the attributes of an index without some rows, and with new ones.

        ``points`` are those of new rows in each network, ``values`` what they vote for,
        and ``labels`` the names of its columns.
        """
        self._validate_params()
        twins = _index.twins_of(ids, self._n_fitted)
        ids, order = _index.in_order(np.concatenate([self.ids_[kept], ids]))
        places = np.full(len(kept) + len(twins), -1)
        places[np.append(kept, np.full(len(twins), True))] = np.argsort(order)
        before = _network.values_of(self._networks)[kept]
        values, learned = self._joined(before, values, labels)
        parts = zip(self._networks, cycle(self.embedding_.folds_), points, strict=False)
        networks = [
            network.changed(fold, places, twins, Z, values[order])
            for network, fold, Z in parts
        ]
        if np.isfinite(self.bandwidth_):
            learned |= _chosen(*_network.least_loss(networks, self.n_neighbors_))
        changed = {"ids_": ids[order], "_networks": networks, "_calibration": False}
        return {**learned, **changed}

    @property
    def held_out_rows_(self):
        """For each network the ids of rows that it has not seen, in their order."""
        fitted = self._fitted()
        return [fitted.ids_[network.rows[0]] for network in fitted._networks]

    @property
    def columns_(self):
        """What became of each column, as of the embedding."""
        return self._fitted().embedding_.columns_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.sparse = True
        return tags

    def _fitted(self):
        """Return a copy, since another thread may begin or end a fit meanwhile."""
        check_is_fitted(fitted := copy(self))
        return fitted

    def _queries(self, X):
        """Return the points of new rows in each network."""
        return _network.points_of(self.embedding_, check_rows(self, X))

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


def _chosen(settings, share):
    """Return what was chosen by the loss of held-out rows, as attributes."""
    found = dict(zip(("bandwidth_", "smoothing_"), settings[0], strict=True))
    return {**found, "trained_share_": share, "_settings": settings}
