"""A search over models that are trained at once."""

import time
import warnings
from numbers import Integral

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.utils import get_tags, indexable
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._callbacks import (
    CallbackSupportMixin,
    with_callbacks,
)
from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._estimators._metric import EmbeddingMetricMixin
from sklearn_contrastive._estimators._sources import flat_pairs
from sklearn_contrastive._training._running import all_or_nothing
from sklearn_contrastive._validation import check_rows
from sklearn_contrastive.model_selection._candidates import (
    candidates_of,
    checked,
    codes_of,
    kind_of_y,
)
from sklearn_contrastive.model_selection._cv_results import results_of
from sklearn_contrastive.model_selection._rounds import Contest, n_trials_of, shares_of
from sklearn_contrastive.similarity import infer_similarity


class ContrastiveEmbeddingCV(
    ClassNamePrefixFeaturesOutMixin,
    EmbeddingMetricMixin,
    CallbackSupportMixin,
    TransformerMixin,
    BaseEstimator,
):
    """A ContrastiveEmbedding whose margin is chosen by cross-validation.

    All margins on all folds are trained at once, along one axis of models, which saves
    the start-up and most of the small steps of a search that fits one after the other.
    Each model is the same as if it was trained alone with its seed.

    Parameters
    ----------
    estimator : ContrastiveEmbedding or None, default=None
        What is searched; None is ``ContrastiveEmbedding()``. It is cloned.

    margins : array-like of float, default=(0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8)
        The margins to try, > 0. Unused with `param_grid`.

    param_grid : dict of str to list, or list of such dicts, default=None
        Other parameters to try, as in `GridSearchCV`: `margin`, `learning_rate_init`,
        `alpha`, `dropout`, `random_state`, ``loss__margin`` and ``loss__temperature``,
        in which models that are trained at once may differ.

    cv : int, splitter or iterable, default=5
        Folds, as in `GridSearchCV`: stratified for class labels.

    scoring : callable, default=None
        ``scoring(estimator, X, y)`` for the held-out rows of a fold, such as
        `sklearn_contrastive.metrics.map_at_r_scorer`. None is the accuracy of the 5
        nearest rows of training for class labels, and `ContrastiveEmbedding.score` of
        the held-out rows for anything else. Where the classes of a fold were not
        trained on, the other held-out rows vote.

    refit : bool, default=True
        Whether to fit the best candidate to all rows; `transform` needs it.

    halving : bool, default=False
        Whether candidates may drop out: after a quarter of the epochs, and again after
        half of them, only the half with the better mean scores trains on, and becomes
        the same as without, up to rounding. That is a little more than half the epochs.

    n_jobs : int or None, default=None
        Processes to share the models out over, as in scikit-learn. Each has to load
        torch first.

    verbose : bool, default=False
        Whether to print the score of each candidate when it is known: in one process
        one after the other, of several when each of them is done. Callbacks of
        scikit-learn, such as its progress bar, are then told of each fold.

    Attributes
    ----------
    best_estimator_ : ContrastiveEmbedding
        The best candidate, fitted to all rows; with ``refit=True``.

    best_score_ : float
        Its mean score over folds.

    best_params_ : dict
        What it was tried with.

    best_index_ : int
        Its place in ``cv_results_``.

    margin_ : float or None
        Its margin.

    cv_results_ : dict of str to ndarray
        As in `GridSearchCV`, with the mean over folds of the miner's figures of the
        last batch: ``mean_active_negative``, ``mean_mean_positive`` and so on.

    n_splits_ : int
        Number of folds.

    refit_time_ : float
        Seconds of the last fit; with ``refit=True``.

    similarity_ : str or object
        What ``similarity="auto"`` became, otherwise that parameter of `estimator`;
        with ``refit=True``.

    n_features_in_ : int
        Number of columns; with ``refit=True``.

    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where these are strings; with ``refit=True``.

    See Also
    --------
    sklearn.model_selection.GridSearchCV : Searches any parameter, one fit after the
        other.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn_contrastive import ContrastiveEmbedding, ContrastiveEmbeddingCV
    >>> X, y = load_wine(return_X_y=True)
    >>> model = ContrastiveEmbedding(max_iter=5, random_state=0)
    >>> search = ContrastiveEmbeddingCV(model, margins=[0.2, 0.8, 1.4], cv=3).fit(X, y)
    >>> search.margin_ in (0.2, 0.8, 1.4)
    True
    >>> search.transform(X).shape
    (178, 32)
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "transform"]), None],
        "margins": ["array-like"],
        "param_grid": [dict, list, None],
        "cv": ["cv_object"],
        "scoring": [callable, None],
        "refit": ["boolean"],
        "halving": ["boolean"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        margins=(0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8),
        param_grid=None,
        cv=5,
        scoring=None,
        refit=True,
        halving=False,
        n_jobs=None,
        verbose=False,
    ):
        self.estimator = estimator
        self.margins = margins
        self.param_grid = param_grid
        self.cv = cv
        self.scoring = scoring
        self.refit = refit
        self.halving = halving
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, groups=None):
        """Try all candidates on all folds, and fit the best one to all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, as in `ContrastiveEmbedding.fit`.

        y : array-like, default=None
            What is known of them, likewise.

        groups : array-like of shape (n_samples,), default=None
            Passed on to the splitter.

        Returns
        -------
        self : ContrastiveEmbeddingCV
            The fitted search.

        Raises
        ------
        ValueError
            If a parameter, `X` or `y` is not what it must be, or every candidate
            failed. Here, and with the error below, what an earlier fit has learned is
            kept.
        TypeError
            If `X` is sparse, or labels cannot be compared.
        FloatingPointError
            If the loss of the best candidate stops being finite on all rows.

        Warns
        -----
        UserWarning
            If a candidate could not be fitted or scored.
        """
        with all_or_nothing(self):
            return self._fit(X, y, groups)

    @with_callbacks
    def _fit(self, X, y, groups):
        from sklearn.model_selection import check_cv

        chosen = checked(self.estimator)
        candidates = candidates_of(chosen, self.margins, self.param_grid)
        tried = clone(chosen)
        if isinstance(chosen.similarity, str) and chosen.similarity == "auto":
            # Said once: a fold alone could be taken for something else.
            tried.set_params(similarity=infer_similarity(X, y))
        check_rows(clone(tried), flat_pairs(tried.similarity, X), reset=True)
        X, y, groups = indexable(X, y, groups)
        kind = kind_of_y(tried.similarity, X, y)
        by = y
        if kind == "labels" and (self.cv is None or isinstance(self.cv, Integral)):
            by = codes_of(tried.similarity, y)
        splitter = check_cv(self.cv, by, classifier=kind == "labels")
        splits = list(splitter.split(X, by, groups))
        if not (candidates and splits):
            raise ValueError(
                "`cv` must have a fold and `param_grid` a candidate to try; got "
                f"{len(splits)} folds and {len(candidates)} candidates. A generator of "
                "folds is used up by one fit: pass a list or a splitter."
            )
        contest = Contest(candidates, splits, shares_of(self.halving))
        n_tasks = n_trials_of(shares_of(self.halving), len(candidates), len(splits))
        tasks = self._init_callback_context(max_subtasks=n_tasks + self.refit)
        tasks.call_on_fit_task_begin(estimator=self, X=X, y=y)
        with tasks.propagate_callback_context(chosen):
            # Says now, not after the search, that callbacks do not fit together.
            pass
        known = X, y, self.scoring, kind == "labels"
        for candidate, share in contest.run(tried, known, self.n_jobs):
            self._tell(
                tasks, X, y, candidates[candidate], contest.mean(candidate), share
            )
        self.n_splits_ = len(splits)
        self.cv_results_ = results_of(candidates, contest.outcomes, contest.n_rounds)
        self._choose(candidates, contest)
        if self.refit:
            self._refit(chosen, X, y, tasks)
        tasks.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _tell(self, tasks, X, y, params, score, share):
        """Say that a candidate is done with a fold, or with all of them."""
        task = tasks.subcontext(task_name="candidate on a fold")
        task.call_on_fit_task_begin(estimator=self, X=X, y=y)
        task.call_on_fit_task_end(estimator=self, X=X, y=y)
        if self.verbose and score is not None:
            after = "" if share == 1 else f" after {share:.0%} of the epochs"
            print(f"{params}: {score:.4f}{after}")

    def _refit(self, chosen, X, y, tasks):
        """Fit the best candidate to all rows."""
        chosen.set_params(**clone(self.best_params_, safe=False))
        task = tasks.subcontext(task_name="refit-with-best-params")
        with task.propagate_callback_context(chosen):
            task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            start = time.perf_counter()
            self.best_estimator_ = chosen.fit(X, y)
            self.refit_time_ = time.perf_counter() - start
        task.call_on_fit_task_end(estimator=self, X=X, y=y)
        if hasattr(chosen, "feature_names_in_"):
            self.feature_names_in_ = chosen.feature_names_in_

    def _choose(self, candidates, contest):
        """Store which candidate is best, and say what came of the others."""
        for params, folds in zip(candidates, contest.outcomes, strict=True):
            for outcome in folds:
                if outcome.failure is not None:
                    warnings.warn(
                        f"A fit with {params} failed, and its score is NaN: "
                        f"{outcome.failure}",
                        UserWarning,
                        stacklevel=2,
                    )
        best = int(np.argmin(self.cv_results_["rank_test_score"]))
        score = float(self.cv_results_["mean_test_score"][best])
        n_rounds = len(shares_of(self.halving))
        if np.isnan(score) or contest.n_rounds[best] < n_rounds:
            raise ValueError(
                "No candidate could be fitted to all folds and scored; the warnings "
                "say why. Lower `learning_rate_init`, or look at `scoring`."
            )
        self.best_index_, self.best_score_ = best, score
        self.best_params_ = candidates[best]
        self.margin_ = contest.outcomes[best][0].margin

    def transform(self, X):
        """Map rows by the best estimator, as `ContrastiveEmbedding.transform` does.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        X_embedded : ndarray of shape (n_samples, n_components)
            Points.

        Raises
        ------
        NotFittedError
            Before `fit`.
        AttributeError
            With ``refit=False``.
        ValueError
            If `X` has another width than in `fit`, or holds text, NaN or infinity.
        """
        return np.asarray(self._best().transform(X))

    @property
    def n_features_in_(self):
        """Number of columns seen in `fit`; with ``refit=True``."""
        return self._best().n_features_in_

    @property
    def similarity_(self):
        """What makes two rows similar for the best estimator; with ``refit=True``."""
        return self._best().similarity_

    @property
    def _n_features_out(self):
        return self._best()._n_features_out

    def _best(self):
        check_is_fitted(self)
        if not hasattr(self, "best_estimator_"):
            raise AttributeError(
                "What maps or scores rows needs `refit=True`; it was False, so that no "
                "candidate was fitted to all rows. Fit again with it, or fit "
                "ContrastiveEmbedding().set_params(**search.best_params_) yourself."
            )
        return self.best_estimator_

    def _embed(self, X):
        return self._best()._embed(X)

    def _standardization(self):
        return self._best()._standardization()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        searched = get_tags(self.estimator or ContrastiveEmbedding())
        tags.target_tags = searched.target_tags
        tags.transformer_tags = searched.transformer_tags
        return tags
