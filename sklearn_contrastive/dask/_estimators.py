"""The estimators: those of one machine, with rows that lie on many."""

import warnings
from copy import copy
from functools import partial, wraps
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._estimators._state import replace_fitted
from sklearn_contrastive._validation import shorten
from sklearn_contrastive.dask._cluster import client_of, run_together
from sklearn_contrastive.dask._collections import is_lazy, is_single, lazily, parts_of
from sklearn_contrastive.distributed import (
    MAX_REFERENCES,
    Group,
    check_possible,
    fit_blocks,
)
from sklearn_contrastive.neighbors import ContrastiveNeighborsClassifier

#: Parameters that the estimators of one machine do not have.
_OWN = "client", "timeout", "max_restarts", "max_references"
_CONSTRAINTS: dict = {
    "client": "no_validation",
    "timeout": [Interval(Real, 0, None, closed="neither")],
    "max_restarts": [Interval(Integral, 0, None, closed="left")],
}


def _in_memory(method):
    """Return a method that takes no collections of Dask."""

    @wraps(method)
    def checked(self, X, *args, **kwargs):
        if is_lazy(X):
            raise TypeError(
                f"`{method.__name__}` needs rows in memory; got {type(X).__name__}. "
                "Pass a part of them, such as X.partitions[0].compute()."
            )
        return method(self, X, *args, **kwargs)

    return checked


class OnDask:
    """What the estimators share: the client, training, and the model of one machine."""

    def to_local(self):
        """Return the fitted estimator of one machine, which needs no Dask.

        Returns
        -------
        estimator : ContrastiveEmbedding or ContrastiveNeighborsClassifier
            An estimator with the same parameters and the same fitted state.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        check_is_fitted(self)
        return self._local()

    def _local(self):
        """Return an estimator of the plain class, with what this one holds."""
        local = self._plain.__new__(self._plain)
        local.__dict__ = {k: v for k, v in vars(self).items() if k not in _OWN}
        return local

    def _fit_together(self, X, y, groups, checkpoint, **options):
        """Train where the rows lie, and take the place of what was fitted before."""
        local = clone(self._local())
        check_possible(local, labelled=y is not None)
        embedding = local.get_params(deep=False).get("embedding", local)
        _check_embedding(embedding)
        client, parts = client_of(self.client), parts_of(X, y, groups)
        task = partial(_fit_rank, local, {**options, "checkpoint": checkpoint})
        given = {"timeout": self.timeout, "max_restarts": self.max_restarts}
        fitted, told = run_together(client, parts, task, **given)
        for message, category in told:
            warnings.warn(message, category, stacklevel=3)
        params = local.get_params(deep=False)
        learned = {k: v for k, v in vars(fitted).items() if k not in params}
        replace_fitted(self, learned)
        return self

    def __sklearn_clone__(self):
        # A client cannot be copied.
        twin = copy(self)
        own = {k: v for k, v in vars(self).items() if k in _OWN}
        twin.__dict__ = {**vars(clone(self._local())), **own}
        return twin

    def __getstate__(self):
        return {**super().__getstate__(), "client": None}


def _check_embedding(embedding):
    """Raise for what an embedding cannot do where no worker holds all rows."""
    if isinstance(embedding, OnDask):
        raise TypeError(
            "`embedding` must be a ContrastiveEmbedding; got "
            f"{type(embedding).__name__}. Pass what its to_local() returns."
        )
    if embedding is not None and embedding.warm_start:
        raise ValueError(
            "`warm_start` must be False where workers train; got True. Resume with "
            "to_local(), on one machine."
        )


def _fit_rank(estimator, options, process_group, blocks):
    """Return the estimator that was fitted with all ranks, and what it warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        group = Group(process_group)
        # Ranks may be threads of one process.
        fitted = fit_blocks(clone(estimator), group, blocks, **options)
    if group.rank:
        return None
    told = [(str(each.message), each.category) for each in caught]
    return fitted, [each for each in told if issubclass(each[1], UserWarning)]


class DaskContrastiveEmbedding(
    OnDask,
    ContrastiveEmbedding,
    auto_wrap_output_keys=None,  # type: ignore[call-arg]
):
    """Embedding learned by the workers of a Dask cluster, from rows that lie there.

    Each worker trains on the partitions it holds, in one process group with the others:
    the rows of a batch are compared with each other wherever they lie, and gradients
    are added up. The result is that of `ContrastiveEmbedding` with all rows in one
    place, up to the rounding of sums. Rows stay where they are.

    Parameters
    ----------
    n_components, similarity, ..., verbose : object
        Those of `ContrastiveEmbedding`. `similarity` may not need the whole table:
        neither neighbours, graphs, nor pairs. `device` is that of the workers. With
        `verbose` the first worker prints to its own output. `warm_start` must be False.

    client : distributed.Client, default=None
        The client of the cluster; None for the current one. It is not pickled.

    timeout : float, default=120
        Seconds, > 0, after which a worker without a sign of life has stalled, and for
        which training waits until each worker is free. A worker that computes for
        longer has not stalled: its process reports to the scheduler about once a
        second. Set a larger one where machines pause for longer, as while they swap.

    max_restarts : int, default=0
        How often training starts again when a worker has left the cluster, >= 0. It
        uses the workers that are there then, and starts at the beginning, or from the
        `checkpoint` of `fit`.

    Attributes
    ----------
    n_components_, classes_, loss_curve_, ...
        Those of `ContrastiveEmbedding`.

    See Also
    --------
    ContrastiveEmbedding : The same on one machine.
    DaskContrastiveNeighborsClassifier : A classifier with such networks.

    Notes
    -----
    Training runs one task on each worker that holds rows, all at the same time; of two
    fits on one cluster, the second waits for the first. All workers must have this
    package installed, and reach each other at their addresses in the cluster.
    `score`, `partial_fit`, `pair_distance` and `pair_score` take rows in memory.

    .. code-block:: python

        import dask.dataframe as dd
        from distributed import Client, LocalCluster
        from sklearn_contrastive.dask import DaskContrastiveEmbedding

        if __name__ == "__main__":
            client = Client(LocalCluster(n_workers=4, threads_per_worker=1))
            table = dd.read_parquet("rows/")
            X, y = table.drop(columns="label"), table["label"]
            model = DaskContrastiveEmbedding(random_state=0).fit(X, y)
            model.transform(X).to_parquet("points/")

    Examples
    --------
    >>> from sklearn_contrastive.dask import DaskContrastiveEmbedding
    >>> DaskContrastiveEmbedding(n_components=8, max_restarts=1)
    DaskContrastiveEmbedding(max_restarts=1, n_components=8)
    """

    _plain = ContrastiveEmbedding
    _parameter_constraints = ContrastiveEmbedding._parameter_constraints | _CONSTRAINTS

    def __init__(
        self,
        n_components="auto",
        *,
        similarity="auto",
        encoder="mlp",
        hidden_layer_sizes=(128, 128),
        activation="auto",
        dropout=0.1,
        n_members="auto",
        loss="contrastive",
        margin="auto",
        miner="auto",
        normalize=True,
        standardize="robust",
        categorical_features="from_dtype",
        numeric_encoding="auto",
        feature_weights="auto",
        batch_size="auto",
        max_iter="auto",
        learning_rate_init=4e-3,
        alpha="auto",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        cross_fit=False,
        warm_start=False,
        device="auto",
        random_state=None,
        verbose=False,
        client=None,
        timeout=120,
        max_restarts=0,
    ):
        super().__init__(
            n_components,
            similarity=similarity,
            encoder=encoder,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            dropout=dropout,
            n_members=n_members,
            loss=loss,
            margin=margin,
            miner=miner,
            normalize=normalize,
            standardize=standardize,
            categorical_features=categorical_features,
            numeric_encoding=numeric_encoding,
            feature_weights=feature_weights,
            batch_size=batch_size,
            max_iter=max_iter,
            learning_rate_init=learning_rate_init,
            alpha=alpha,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            cross_fit=cross_fit,
            warm_start=warm_start,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.client = client
        self.timeout = timeout
        self.max_restarts = max_restarts

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, groups=None, checkpoint=None):
        """Learn the embedding from the rows of a cluster.

        Parameters
        ----------
        X : dask.array.Array or dask.dataframe.DataFrame
            Rows, of shape (n_samples, n_features). Lengths of partitions need not be
            known, and some may be empty.

        y : dask.array.Array, dask.dataframe.Series or DataFrame, default=None
            Labels or targets of these rows, with the partitions of `X`. They are sent
            to every worker. None for ``similarity="views"``.

        groups : dask.array.Array or dask.dataframe.Series, default=None
            Groups of these rows, as in `ContrastiveEmbedding.fit`.

        checkpoint : str or path-like, default=None
            A file to resume training from, as in `ContrastiveEmbedding.fit`, in a
            folder that all workers see. A restart resumes from it, too.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError, FloatingPointError, MemoryError
            As in `ContrastiveEmbedding.fit`, also for rows of one worker, which is
            named; and if `client`, or a collection, cannot be used.
        RuntimeError
            If a worker fails in another way, or leaves the cluster.
        TimeoutError
            If a worker stalls, or is not free for its task, for `timeout` seconds.
        """
        return self._fit_together(X, y, groups, checkpoint)

    def fit_transform(self, X, y=None, groups=None, checkpoint=None):
        """Learn the embedding, and map the rows it was learned from.

        Parameters
        ----------
        X, y, groups : dask collection
            As in `fit`.

        checkpoint : str or path-like, default=None
            As in `fit`.

        Returns
        -------
        X_embedded : dask.array.Array or dask.dataframe.DataFrame
            As of `transform`.

        Raises
        ------
        ValueError
            As in `fit`, and with `cross_fit`.
        """
        if self.cross_fit is not False:
            raise ValueError(
                "`fit_transform` needs `cross_fit=False` where rows lie on workers; "
                f"got {shorten(self.cross_fit)}. Call fit and transform."
            )
        return self.fit(X, y, groups, checkpoint).transform(X)

    def transform(self, X):
        """Map rows to the embedding, lazily where they lie on workers.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or array-like
            Rows with the columns of `fit`.

        Returns
        -------
        X_embedded : dask.array.Array, dask.dataframe.DataFrame or ndarray
            Points: of an array an array, of a data frame one with the columns that
            `get_feature_names_out` names, and of rows in memory what
            `ContrastiveEmbedding.transform` returns.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If `X` has other columns than in `fit`, or holds infinity.
        """
        local = self.to_local()
        if not is_lazy(X):
            return local.transform(X)
        dtype = np.float32 if is_single(X, local._seen.levels) else np.float64
        names = self.get_feature_names_out()
        empty = np.empty((0, len(names)), dtype)
        return lazily(self._plain.transform, local, X, empty, names)

    partial_fit = _in_memory(ContrastiveEmbedding.partial_fit)
    pair_distance = _in_memory(ContrastiveEmbedding.pair_distance)
    score = _in_memory(ContrastiveEmbedding.score)


class DaskContrastiveNeighborsClassifier(OnDask, ContrastiveNeighborsClassifier):
    """Classify rows of a Dask cluster by neighbours in embeddings learned there.

    It trains as `DaskContrastiveEmbedding`, with cross-fitting as in
    `ContrastiveNeighborsClassifier`. At most `max_references` rows of each class vote,
    drawn by a hash of the row number. Only their points are kept; the rows stay where
    they are.

    Parameters
    ----------
    embedding, n_neighbors, weights, cross_fit : object
        Those of `ContrastiveNeighborsClassifier`.

    class_weight, n_jobs, random_state : object
        Those of `ContrastiveNeighborsClassifier`.

    max_references : int, default=10_000
        How many rows of each class vote at most, >= 1. Each takes 8 bytes for every
        component of the embedding: with 48 components and 10 classes 38 MB. Time and
        memory of `predict` grow with it.

    client, timeout, max_restarts : object
        Those of `DaskContrastiveEmbedding`.

    Attributes
    ----------
    embedding_, classes_, ids_, ...
        Those of `ContrastiveNeighborsClassifier`.

    See Also
    --------
    ContrastiveNeighborsClassifier : The same on one machine.
    DaskContrastiveEmbedding : The embedding alone.

    Notes
    -----
    `predict` and `predict_proba` are lazy; `kneighbors`, `score`, `predict_set`,
    `calibrate` and `add` take rows in memory. Ids are row numbers, counted through the
    partitions in their order: id i is row i of ``X.compute()``.

    Examples
    --------
    >>> from sklearn_contrastive.dask import DaskContrastiveNeighborsClassifier
    >>> DaskContrastiveNeighborsClassifier(cross_fit=5).get_params()["max_references"]
    10000
    """

    _plain = ContrastiveNeighborsClassifier
    _parameter_constraints = {
        **ContrastiveNeighborsClassifier._parameter_constraints,
        **_CONSTRAINTS,
        "max_references": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        embedding=None,
        *,
        n_neighbors="auto",
        weights="auto",
        cross_fit=4,
        class_weight=None,
        n_jobs=None,
        random_state=None,
        max_references=MAX_REFERENCES,
        client=None,
        timeout=120,
        max_restarts=0,
    ):
        super().__init__(
            embedding,
            n_neighbors=n_neighbors,
            weights=weights,
            cross_fit=cross_fit,
            class_weight=class_weight,
            n_jobs=n_jobs,
            random_state=random_state,
        )
        self.max_references = max_references
        self.client = client
        self.timeout = timeout
        self.max_restarts = max_restarts

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, groups=None, checkpoint=None):
        """Train the networks, and place the rows that each has not seen.

        Parameters
        ----------
        X : dask.array.Array or dask.dataframe.DataFrame
            Rows, as `DaskContrastiveEmbedding.fit` takes them.

        y : dask.array.Array, dask.dataframe.Series or DataFrame
            Labels of these rows, or indicators, with the partitions of `X`.

        groups : dask.array.Array or dask.dataframe.Series, default=None
            Groups of these rows; those of one are in the same fold.

        checkpoint : str or path-like, default=None
            As in `DaskContrastiveEmbedding.fit`.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError, FloatingPointError, MemoryError, RuntimeError
            As in `DaskContrastiveEmbedding.fit`, TimeoutError too.
        """
        most = self.max_references
        return self._fit_together(X, y, groups, checkpoint, max_references=most)

    def predict(self, X):
        """Return the likeliest class of rows, or the labels that are likelier than not.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or array-like
            Rows with the columns of `fit`.

        Returns
        -------
        y : dask.array.Array, dask.dataframe.Series or ndarray
            Class labels, or indicators of 0 and 1: of an array an array, of a data
            frame a column, or a column for each label.
        """
        local = self.to_local()
        if not is_lazy(X):
            return local.predict(X)
        names = local.classes_ if local._multilabel else None
        values = local.classes_ if names is None else np.empty((0, len(names)), int)
        return lazily(self._plain.predict, local, X, values, names)

    def predict_proba(self, X):
        """Return the probability of each class or label.

        Parameters
        ----------
        X : dask.array.Array, dask.dataframe.DataFrame or array-like
            Rows with the columns of `fit`.

        Returns
        -------
        shares : dask.array.Array, dask.dataframe.DataFrame or ndarray
            Probabilities in the order of `classes_`, which name the columns of a frame.
        """
        local = self.to_local()
        if not is_lazy(X):
            return local.predict_proba(X)
        empty = np.empty((0, len(local.classes_)))
        return lazily(self._plain.predict_proba, local, X, empty, local.classes_)

    add = _in_memory(ContrastiveNeighborsClassifier.add)
    calibrate = _in_memory(ContrastiveNeighborsClassifier.calibrate)
    kneighbors = _in_memory(ContrastiveNeighborsClassifier.kneighbors)
    predict_set = _in_memory(ContrastiveNeighborsClassifier.predict_set)
    score = _in_memory(ContrastiveNeighborsClassifier.score)
