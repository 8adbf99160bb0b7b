"""Scores of an estimator by its embedding, for searches and cross-validation."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils._param_validation import StrOptions

from sklearn_contrastive._validation import check_params, shorten
from sklearn_contrastive.metrics import _geometry, _inputs, _retrieval

_FIGURES = "map_at_r mean_reciprocal_rank precision_at_1 r_precision recall_at_k"
_RULES = {**_retrieval.RULES, "figure": [StrOptions(set(_FIGURES.split()))]}


@dataclass(frozen=True)
class KNNScorer:
    """Leave-one-out accuracy of nearest neighbours in an embedding.

    Each row takes the class that most of its nearest other rows have, of those rows
    alone that are scored; of classes with as many votes, the first in sorted order. Of
    several equally far rows any may vote. It is called as ``scorer(estimator, X, y)``
    and serves as `scoring` wherever scikit-learn takes one. No training rows are
    needed, so that classes may be new.

    Parameters
    ----------
    n_neighbors : int, default=5
        How many rows vote, >= 1 and less than there are rows to score.

    See Also
    --------
    RetrievalScorer : Whether all rows of a class are near, not only the nearest.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import StratifiedKFold, cross_val_score
    >>> from sklearn_contrastive import ContrastiveEmbedding
    >>> from sklearn_contrastive.metrics import KNNScorer
    >>> X, y = load_wine(return_X_y=True)
    >>> model = ContrastiveEmbedding(max_iter=10, random_state=0)
    >>> folds = StratifiedKFold(3, shuffle=True, random_state=0)
    >>> scores = cross_val_score(model, X, y, scoring=KNNScorer(3), cv=folds)
    >>> bool(scores.min() > 0.9)
    True
    """

    n_neighbors: int = 5

    def __call__(self, estimator, X, y):
        """Return the accuracy.

        Parameters
        ----------
        estimator : fitted estimator
            A transformer; a pipeline that ends in one; a pipeline that ends in a
            classifier, of which the part before is used; or a search over these.

        X : array-like of shape (n_samples, n_features)
            Rows, as the estimator takes them.

        y : array-like of shape (n_samples,)
            Their classes.

        Returns
        -------
        accuracy : float
            In [0, 1], over the rows that are not the only one of their class.

        Raises
        ------
        TypeError
            If `estimator` has no embedding.
        ValueError
            If `y` does not hold the class of each row, there are too few rows, or no
            class has two of them.
        """
        from scipy.stats import mode

        Z = _embedded(estimator, X, y)
        codes = _inputs.class_codes(y, len(Z), table="X")
        counts = np.bincount(codes)
        scored = counts[codes] > 1
        _inputs.check_not_all_alone(scored.sum(), len(codes))
        _inputs.warn_of_one_class(counts, stacklevel=2)
        near = _geometry.nearest_rows(Z, self.n_neighbors)[scored]
        # Of several modes the least.
        return float(np.mean(mode(codes[near], axis=1).mode == codes[scored]))


@dataclass(frozen=True)
class RetrievalScorer:
    """How well rows find the others of their class in an embedding.

    Each row is a query, and all other rows that are scored are searched. It is used as
    `KNNScorer` is, and classes may be new too.

    Parameters
    ----------
    figure : str, default="map_at_r"
        The metric, a function of `sklearn_contrastive.metrics`: one of ``"map_at_r"``,
        ``"r_precision"``, ``"precision_at_1"``, ``"mean_reciprocal_rank"`` and
        ``"recall_at_k"``.

    average : {"micro", "macro"}, default="micro"
        Whether rows count equally or classes do.

    search : {"exact", "faiss"}, default="exact"
        How neighbours are found.

    k : int, default=1
        How many of the nearest rows count for ``"recall_at_k"``, >= 1; must be 1 for
        the other metrics.

    Raises
    ------
    ValueError
        If a parameter is none of these.

    See Also
    --------
    KNNScorer : Accuracy of a vote of the nearest rows.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn_contrastive import ContrastiveEmbedding
    >>> from sklearn_contrastive.metrics import RetrievalScorer, map_at_r_scorer
    >>> map_at_r_scorer
    RetrievalScorer(figure='map_at_r', average='micro', search='exact', k=1)
    >>> X, y = load_wine(return_X_y=True)
    >>> model = ContrastiveEmbedding(max_iter=10, random_state=0).fit(X[::2], y[::2])
    >>> bool(0.7 < map_at_r_scorer(model, X[1::2], y[1::2]) < 1)
    True
    >>> bool(RetrievalScorer("precision_at_1")(model, X[1::2], y[1::2]) > 0.9)
    True
    """

    figure: str = "map_at_r"
    average: str = "micro"
    search: str = "exact"
    k: int = 1

    def __post_init__(self):
        """Validate the parameters now, not after a search has run for hours."""
        check_params("RetrievalScorer", _RULES, vars(self))
        _inputs.check_ranks(self.k)
        if self.k != 1 and self.figure != "recall_at_k":
            raise ValueError(
                f"`k` belongs to figure='recall_at_k'; got k={shorten(self.k)} for "
                f"figure={self.figure!r}."
            )

    def __call__(self, estimator, X, y):
        """Return the metric, in [0, 1], over rows that are not alone of their class.

        The parameters, and what is raised, are those of `KNNScorer`.
        """
        Z = _embedded(estimator, X, y)
        ranks = {"k": self.k} if self.figure == "recall_at_k" else {}
        metric = vars(_retrieval)[self.figure]
        return metric(Z, y, **ranks, average=self.average, search=self.search)


knn_scorer = KNNScorer()
map_at_r_scorer = RetrievalScorer("map_at_r")
r_precision_scorer = RetrievalScorer("r_precision")


def _embedded(estimator, X, y):
    """Return the embedding of rows as an array, whatever container it comes in."""
    from sklearn.pipeline import Pipeline

    if y is None:
        raise ValueError(
            "`y` must hold the class of each row to score by; got None. Pass it to "
            "the search or the cross-validation too."
        )
    # A data frame has a method of the name `transform`.
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        raise TypeError(
            f"`estimator` must be a fitted estimator; got {type(estimator).__name__}. "
            "Scorers are called as scorer(estimator, X, y)."
        )
    while hasattr(estimator, "best_estimator_"):
        # What a search has found; with a classifier at its end it cannot transform.
        estimator = estimator.best_estimator_
    part = estimator
    if isinstance(estimator, Pipeline) and not hasattr(estimator, "transform"):
        part = estimator[:-1] if len(estimator) > 1 else estimator
    if not hasattr(part, "transform"):
        raise TypeError(
            "`estimator` must be a transformer, or a Pipeline with one before its last "
            f"step; got {type(estimator).__name__}, which has no embedding to score."
        )
    return _inputs.check_points(part.transform(X), "transform(X)")
