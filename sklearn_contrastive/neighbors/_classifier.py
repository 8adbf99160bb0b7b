"""The classifier by neighbours that its networks have not been trained on."""

from numbers import Real

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions

from sklearn_contrastive._validation import check_labels, infer_similarity, shorten
from sklearn_contrastive.neighbors._base import ContrastiveNeighbors
from sklearn_contrastive.neighbors._conformal import check_confidence, label_sets
from sklearn_contrastive.neighbors._index import extended, in_columns, labels_like
from sklearn_contrastive.similarity import LabelSimilarity, MultilabelSimilarity


class ContrastiveNeighborsClassifier(ClassifierMixin, ContrastiveNeighbors):
    r"""Classify by nearest neighbours in embeddings that have not seen them.

    A row that a network was trained on lies where its own label wants it, so
    neighbours of a new row in the table of training are far too sure. Here each network
    is trained without a fold of the rows, and looks for neighbours in that fold alone
    (cross-fitting); the votes of the networks are averaged. A neighbour at squared
    distance :math:`d_i^2` has the weight :math:`\exp((d_1^2 - d_i^2) / b)` beside the
    nearest one, and the class shares of all references count as a few neighbours more.
    The bandwidth :math:`b`, this smoothing, and which of two lengths of training is
    kept, are chosen by the log-loss that the references of each network have among
    themselves. The networks of the first fold are always trained to the end. Rows of
    training vote too: they are many, but lie where their own labels want them, so that
    their bandwidth, smoothing and share of the vote are those by which the labels of
    held-out rows are foretold best.

    Parameters
    ----------
    embedding : ContrastiveEmbedding or None, default=None
        What to train; a copy of it, with ``encoder="mlp"`` or ``"linear"``. None for
        the defaults; give one to search its parameters. Its `cross_fit` is replaced by
        the one given here; its ``similarity="auto"`` becomes that of `y`.

    n_neighbors : int or "auto", default="auto"
        Neighbours that vote in each network, >= 1, or all references of one that has
        fewer. ``"auto"`` is 60; with equal votes 15, and at most a quarter of them.

    weights : {"auto", "uniform"}, default="auto"
        ``"auto"`` weighs votes by distance, as above; with ``"uniform"`` they are equal
        and of references alone.

    cross_fit : int, splitter or list of (train, test), default=4
        Number of folds, >= 2, or folds of scikit-learn's kind, which hold out every row
        at least once. A number is of stratified folds, which are drawn twice below
        1,500 rows and three times below 750: their networks have few references. A
        table with fewer than a fifth of these rows outside its most frequent class
        counts as small, too.

    class_weight : None, "balanced" or dict, default=None
        Weights of classes, > 0, by which their probabilities are multiplied before they
        are scaled to add up to 1; classes that a dict leaves out have 1. With
        ``"balanced"``, weights inverse to class frequencies, `predict` is right about
        equally often in every class, and probabilities are those of classes that are
        equally frequent. Training and neighbours are not changed. `add` and `remove`
        set the weights again, by the rows there are then.

    n_jobs : int or None, default=None
        Threads that search for neighbours, as in joblib.

    random_state : int, RandomState instance or None, default=None
        Determines the folds and, where the embedding has none, its seed.

    Attributes
    ----------
    embedding_ : ContrastiveEmbedding
        The fitted networks.

    classes_ : ndarray of shape (n_classes,)
        The class labels, or the labels of an indicator matrix; behind those of `fit`
        the classes that `add` has brought.

    n_neighbors_ : int
        Neighbours that vote in each network.

    bandwidth_ : float
        Unit of squared distance in which votes fall; infinite for equal votes.

    smoothing_ : float
        How many neighbours the class shares of all references count as; 1 for equal
        votes.

    trained_share_ : float
        Share of the vote of the rows that a network was trained on, from 0 to 0.75; 0
        for equal votes. Of more than 20,000 such rows a part is asked.

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
    ContrastiveNeighborsRegressor : For continuous targets.
    ContrastiveEmbedding : With ``cross_fit=True``, for other classifiers behind it.

    Notes
    -----
    Rows have no weights: neighbours are few, and a weight of two is not two rows. With
    class labels a network learns nothing of the labels of its held-out rows. Columns
    are standardised with all rows, and other similarities look for neighbours, make
    views and choose a bandwidth with all of them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_contrastive import ContrastiveNeighborsClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
    >>> model = ContrastiveNeighborsClassifier(random_state=0).fit(X, y)
    >>> model.score(X_test, y_test) > 0.9
    True
    >>> model.kneighbors(X_test[:2], n_neighbors=3, return_distance=False).shape
    (2, 3)
    >>> model.predict_set(X_test, confidence=0.95).shape
    (38, 3)
    """

    _parameter_constraints = {
        **ContrastiveNeighbors._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
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
    ):
        super().__init__(
            embedding,
            n_neighbors=n_neighbors,
            weights=weights,
            cross_fit=cross_fit,
            n_jobs=n_jobs,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def predict(self, X):
        """Return the likeliest class of rows, or the labels that are likelier than not.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or indicators of 0 and 1.
        """
        fitted = self._fitted()
        shares = fitted._shares(X)
        if fitted._multilabel:
            return (shares > 0.5).astype(int)
        return fitted.classes_[shares.argmax(axis=1)]

    def predict_proba(self, X):
        """Return the probability of each class or label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        shares : ndarray of shape (n_samples, n_classes)
            Probabilities in the order of `classes_`. Those of classes add up to 1.
        """
        return self._fitted()._shares(X)

    def predict_set(self, X, confidence=0.9, *, by_class=False):
        r"""Return the classes that rows may have, in sets that hold the true one.

        A class is in the set of a row :math:`x` where its p-value is more than one
        minus the confidence (full conformal prediction [1]_):

        .. math:: p_c(x) = \frac{1 + \#\{i : s_i \le s_x\}}{n + 1}

        Here :math:`i` are the :math:`n` rows that the first network has not seen, or
        those of `calibrate`, and :math:`s` is the share of votes for a row's own class,
        where :math:`x` counts as a row of class :math:`c`. Each row has the
        votes of all others, those at squared distance :math:`d^2` with the weight
        :math:`\exp(-d^2 / 0.4)`, and one vote for no class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        confidence : float, default=0.9
            Share of new rows whose set holds their class, between 0 and 1. Sets of a
            larger one hold more classes.

        by_class : bool, default=False
            Whether to count the rows of class :math:`c` alone, so that the confidence
            is that of the rows of each class, also of a rare one. One with fewer than
            :math:`1 / (1 - confidence) - 1` rows there is in every set.

        Returns
        -------
        sets : ndarray of bool of shape (n_samples, n_classes)
            Whether a class is in the set, in the order of `classes_`. A set is empty
            where the row would be among the strangest of each class.

        Raises
        ------
        ValueError
            If `X` or `confidence` is invalid, if a row has several labels, or after
            `add` or `remove` without `calibrate`.

        Notes
        -----
        Sets hold the class of a new row with at least this probability, whatever the
        network has learned and however few the rows, if rows are drawn independently
        from one distribution. The guide says where this ends. At most 2,000 rows count;
        the time for a row grows with these and with the classes.

        References
        ----------
        .. [1] V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random
           World", 2nd edition, Springer, 2022.
        """
        check_confidence(confidence)
        fitted = self._fitted()
        fitted._check_one_class("predict_set")
        Z, references, values, n = fitted._first_fold(X)
        codes, n_classes = values.argmax(axis=1), len(fitted.classes_)
        return label_sets(Z, references, codes, n_classes, confidence, by_class, n)

    def _check_one_class(self, method):
        """Raise where rows have several labels."""
        if self._multilabel:
            raise ValueError(
                f"`{method}` needs one class per row; got a fit to the indicators of "
                f"{len(self.classes_)} labels. Fit a classifier to each label, or to "
                "the combinations of labels as classes."
            )

    def _read(self, y):
        """Return the similarity, what neighbours vote for, and attributes."""
        kind = "labels" if y is None else infer_similarity(None, y, "labels")
        if kind == "targets":
            raise ValueError(
                "`y` must hold class labels; got several columns or continuous values "
                "(Unknown label type: continuous). Use ContrastiveNeighborsRegressor, "
                "or cut a quantity into classes, for example with pandas.qcut."
            )
        if kind == "multilabel":
            similarity = MultilabelSimilarity().fit(None, y)
            values, classes = similarity.indicators_, similarity.classes_
        else:
            kind, similarity = "labels", LabelSimilarity().fit(None, y)
            values, classes = similarity.votes(), similarity.classes_
        several = kind == "multilabel"
        learned = {"classes_": classes, "_fitted_classes": classes}
        learned["_class_weight"] = self._weights_of(classes, values, several)
        return kind, values, {**learned, "_multilabel": several}

    def _read_new(self, y, method):
        """Return what new rows vote for, and the names of its columns."""
        self._check_one_class(method)
        y = labels_like(check_labels(y, None)[0], self.classes_)
        labels, codes = np.unique(y, return_inverse=True)
        return codes[:, None] == np.arange(len(labels)), labels

    def _joined(self, values, more, labels):
        """Return what kept and new rows vote for, and the classes that they have."""
        parts = (values, self.classes_), (more, labels)
        found = (names[own.any(axis=0)].tolist() for own, names in parts)
        classes = extended(self._fitted_classes, set().union(*found))
        values = np.concatenate([in_columns(*part, classes) for part in parts])
        drawn = vars(self).get("_drawn", np.ones(0))
        drawn = np.append(drawn, np.ones(len(classes) - len(drawn)))
        weights = self._weights_of(classes, values, self._multilabel, drawn)
        return values, {"classes_": classes, "_class_weight": weights}

    def _weights_of(self, classes, values, multilabel, drawn=None):
        """Return the weight of each class, or None.

        ``drawn`` are rows of each class for each one that votes, where not all do.
        """
        given, uneven = self.class_weight, drawn is not None and (drawn > 1).any()
        if given is None:
            return drawn if uneven else None
        if multilabel:
            raise ValueError(
                "`class_weight` must be None for an indicator matrix: a label competes "
                f"with no other; got {shorten(given)}. Set a threshold of each label."
            )
        if isinstance(given, str):
            return len(values) / values.sum(axis=0).clip(1)
        # Not as a list of Python's values: dates would be other objects.
        names = [*classes]
        weights = [given.get(name, 1) for name in names]
        positive = all(isinstance(w, Real) and 0 < w < np.inf for w in weights)
        if not positive or not {*given} <= {*names}:
            raise ValueError(
                "`class_weight` must be None, 'balanced' or a finite number > 0 for "
                f"some of the classes {shorten(classes)}; got {shorten(given)}."
            )
        weights = np.array(weights, dtype=np.float64)
        return weights * drawn if uneven else weights

    def _of_some(self, learned, values, ids):
        """Return attributes where some rows vote, another share of each class."""
        drawn = values.sum(axis=0) / values[ids].sum(axis=0)
        given = learned["classes_"], values[ids], False, drawn
        return {"_drawn": drawn, "_class_weight": self._weights_of(*given)}

    def _shares(self, X):
        """Return the probabilities of classes, times their weights."""
        shares = self._votes(X)
        if self._class_weight is None:
            return shares
        shares = shares * self._class_weight
        return shares / shares.sum(axis=1, keepdims=True)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
