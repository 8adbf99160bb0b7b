"""A search over models that are trained at once."""

import time
import warnings
from copy import copy
from numbers import Integral
from operator import attrgetter

import numpy as np
from sklearn import base
from sklearn.utils import _param_validation, get_tags, metaestimators, validation

from sklearn_contrastive._estimators import _callbacks
from sklearn_contrastive._estimators._cross_fit import training_points
from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._estimators._state import (
    ContrastiveEstimator,
    replace_fitted,
)
from sklearn_contrastive._validation import shorten
from sklearn_contrastive.model_selection._fit_tasks import FitTasks, expand_candidates


def _refits(search):
    """Return True, or raise where nothing is fitted to all rows."""
    fitted = vars(search).get("n_splits_")
    if not search.refit or (fitted and "best_estimator_" not in vars(search)):
        raise AttributeError(
            "What maps or scores rows needs `refit=True`; it was False. Fit again, "
            "or use ContrastiveEmbedding().set_params(**search.best_params_)."
        )
    return True


class ContrastiveEmbeddingCV(
    base.ClassNamePrefixFeaturesOutMixin,
    base.TransformerMixin,
    ContrastiveEstimator,
):
    """A ContrastiveEmbedding whose margin is chosen by cross-validation.

    All margins on all folds are trained at once, along one axis of models, which saves
    start-up and small steps. Each model is the same as if it was trained alone with its
    seed.

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
        trained on, the other held-out rows vote. With `cross_fit` rows of training vote
        from where `fit_transform` places them.

    refit : bool, default=True
        Whether to fit the best candidate to all rows; `transform` needs it.

    n_jobs : int or None, default=None
        Processes to share the models out over, as in scikit-learn. Each has to load
        torch first.

    verbose : bool, default=False
        Whether to print the score of each candidate as soon as it is there: with one
        process one after the other, with several when each of them is done. Callbacks
        of scikit-learn, such as its progress bar, then get each fold.

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
        As in `GridSearchCV`, with means over folds of what the miner found in the last
        batch: ``mean_active_negative``, ``mean_mean_positive`` and so on.

    n_splits_ : int
        Number of folds.

    refit_time_ : float
        Seconds of the last fit; with ``refit=True``.

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
        "estimator": [_param_validation.HasMethods(["fit", "transform"]), None],
        "margins": ["array-like"],
        "param_grid": [dict, list, None],
        "cv": ["cv_object"],
        "scoring": [callable, None],
        "refit": ["boolean"],
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
        n_jobs=None,
        verbose=False,
    ):
        self.estimator = estimator
        self.margins = margins
        self.param_grid = param_grid
        self.cv = cv
        self.scoring = scoring
        self.refit = refit
        self.n_jobs = n_jobs
        self.verbose = verbose

    @base._fit_context(prefer_skip_nested_validation=False)
    @_callbacks.with_callbacks
    def fit(self, X, y=None, groups=None):
        """Try all candidates on all folds, and fit the best one to all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, as in `ContrastiveEmbedding.fit`.

        y : array-like, default=None
            Their labels, targets or others, likewise.

        groups : array-like of shape (n_samples,), default=None
            Passed on to the splitter and, with `early_stopping` or `cross_fit`, to the
            fits.

        Returns
        -------
        self : ContrastiveEmbeddingCV
            The fitted search.

        Raises
        ------
        ValueError, TypeError
            If a parameter, `X` or `y` is not what it must be, or every candidate
            failed. What an earlier fit has learned is kept, here and below.
        FloatingPointError
            If the loss of the best candidate stops being finite on all rows.

        Warns
        -----
        UserWarning
            If a candidate could not be fitted or scored.
        """
        estimator = ContrastiveEmbedding() if self.estimator is None else self.estimator
        if not isinstance(estimator, ContrastiveEmbedding):
            raise ValueError(
                "`estimator` must be a ContrastiveEmbedding; got "
                f"{type(estimator).__name__}. Search a pipeline with "
                "sklearn.model_selection.GridSearchCV."
            )
        best_model = base.clone(estimator)
        best_model._validate_params()
        candidates = expand_candidates(best_model, self.margins, self.param_grid)
        tasks = FitTasks(best_model, candidates, X, y, groups, self.cv, self.scoring)
        context = self._init_callback_context(max_subtasks=len(tasks) + self.refit)
        data = {"X": tasks.X, "y": tasks.y}
        context.call_on_fit_task_begin(estimator=self, **data)
        # Of a copy: a context that was passed on reports no end itself.
        with copy(context).propagate_callback_context(best_model):
            pass  # Raises before the search if its callbacks clash with the model's.
        fitted = _choose(candidates, self._run(tasks, context, data))
        if self.refit:
            best_model.set_params(**base.clone(fitted["best_params_"], safe=False))
            fitted |= self._refit(best_model, context, data, tasks.groups)
        # What an earlier fit has learned is kept up to here.
        replace_fitted(self, fitted)
        context.call_on_fit_task_end(estimator=self, **data)
        return self

    def _run(self, tasks, context, data):
        """Return the results of fit tasks: a list of folds for each candidate."""
        results = [[None] * len(tasks.splits) for _ in tasks.candidates]
        for (candidate, fold), result in tasks.run(self.n_jobs):
            results[candidate][fold] = result
            task = context.subcontext(task_name="candidate on a fold")
            task.call_on_fit_task_begin(estimator=self, **data)
            task.call_on_fit_task_end(estimator=self, **data)
            if self.verbose and None not in results[candidate]:
                score = np.mean([each.score for each in results[candidate]])
                print(f"{tasks.candidates[candidate]}: {score:.4f}")
        return results

    def _refit(self, model, context, data, groups):
        """Fit the best candidate to all rows."""
        own = {} if groups is None else {"groups": groups}
        task = context.subcontext(task_name="refit-with-best-params")
        with task.propagate_callback_context(model):
            task.call_on_fit_task_begin(estimator=self, **data)
            start = time.perf_counter()
            model.fit(**data, **own)
            seconds = time.perf_counter() - start
        task.call_on_fit_task_end(estimator=self, **data)
        return {"best_estimator_": model, "refit_time_": seconds}

    def fit_transform(self, X, y=None, groups=None):
        """Search, and map the rows as the `fit_transform` of the best estimator does.

        Parameters
        ----------
        X, y, groups : array-like
            As in `fit`.

        Returns
        -------
        X_embedded : ndarray of shape (n_samples, n_components)
            Points: those of `transform`, unless the estimator has `cross_fit`.

        Raises
        ------
        ValueError, TypeError, FloatingPointError, AttributeError
            As in `fit`, and as in `transform`.
        """
        best = self.fit(X, y, groups)._best()
        if best.cross_fit is not False:
            return training_points(best, X)
        return np.asarray(best.transform(X))

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
        AttributeError
            With ``refit=False``, as in all methods below.
        """
        return np.asarray(self._best().transform(X))

    def score(self, X, y=None):
        """Return the `ContrastiveEmbedding.score` of the best estimator.

        Parameters
        ----------
        X, y : array-like
            As in `fit`, best rows that were not used there.

        Returns
        -------
        score : float
            At most 1; the greater, the better.
        """
        return self._best().score(X, y)

    @metaestimators.available_if(_refits)
    def pair_distance(self, pairs):
        """Return the `ContrastiveEmbedding.pair_distance` of the best estimator."""
        return self._best().pair_distance(pairs)

    @metaestimators.available_if(_refits)
    def pair_score(self, pairs):
        """Return the `ContrastiveEmbedding.pair_score` of the best estimator."""
        return self._best().pair_score(pairs)

    @metaestimators.available_if(_refits)
    def get_metric(self):
        """Return the `ContrastiveEmbedding.get_metric` of the best estimator."""
        return self._best().get_metric()

    @property
    def n_features_in_(self):
        """Number of columns; with ``refit=True``."""
        return self._best().n_features_in_

    @property
    def feature_names_in_(self):
        """Column names, where these are strings; with ``refit=True``."""
        return self._best().feature_names_in_

    @property
    def similarity_(self):
        """What ``similarity="auto"`` became, or that parameter; with ``refit=True``."""
        return self._best().similarity_

    @property
    def _n_features_out(self):
        return self._best().n_components_

    def _best(self):
        validation.check_is_fitted(self)
        _refits(self)
        return self.best_estimator_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        searched = get_tags(self.estimator or ContrastiveEmbedding())
        tags.target_tags = searched.target_tags
        tags.transformer_tags = searched.transformer_tags
        tags.input_tags.allow_nan = searched.input_tags.allow_nan
        tags.input_tags.sparse = searched.input_tags.sparse
        return tags


# Only now: a class wraps its own `transform` for `set_output`.
ContrastiveEmbeddingCV.transform = metaestimators.available_if(  # type: ignore[method-assign]
    _refits
)(ContrastiveEmbeddingCV.transform)


def _choose(candidates, results):
    """Return the fitted attributes of a search; warn of each failure."""
    for params, folds in zip(candidates, results, strict=True):
        for failure in (each.failure for each in folds if each.failure is not None):
            message = (
                f"A fit with {shorten(params)} failed, and its score is NaN: {failure}"
            )
            warnings.warn(message, stacklevel=3)
    table = _format_results(candidates, results)
    best = int(np.argmin(table["rank_test_score"]))
    score = float(table["mean_test_score"][best])
    if np.isnan(score):
        raise ValueError(
            "No candidate could be fitted to all folds and scored; see the warnings. "
            "Lower `learning_rate_init`, or check what `scoring` returns."
        )
    return {
        "n_splits_": len(results[0]),
        "cv_results_": table,
        "best_index_": best,
        "best_score_": score,
        "best_params_": candidates[best],
        "margin_": results[best][0].margin,
    }


def _format_results(candidates, results):
    """Return ``cv_results_`` in the form of `GridSearchCV`."""
    from scipy.stats import rankdata

    def tabulate(read):
        return np.array([[read(each) for each in folds] for folds in results], float)

    table = {}
    for name in ("fit_time", "score_time"):
        seconds = tabulate(attrgetter(name))
        table[f"mean_{name}"] = seconds.mean(axis=1)
        table[f"std_{name}"] = seconds.std(axis=1)
    for name in sorted({name for params in candidates for name in params}):
        table[f"param_{name}"] = _param_column(candidates, name)
    table["params"] = candidates
    scores = tabulate(attrgetter("score"))
    for fold, column in enumerate(scores.T):
        table[f"split{fold}_test_score"] = column
    mean = table["mean_test_score"] = scores.mean(axis=1)
    table["std_test_score"] = scores.std(axis=1)
    # Candidates that failed share the last rank.
    ranks = rankdata(np.where(np.isnan(mean), np.inf, -mean), method="min")
    table["rank_test_score"] = ranks.astype(np.int32)
    names = {name for folds in results for each in folds for name in each.statistics}
    for name in sorted(names):
        found = tabulate(lambda each, name=name: each.statistics.get(name, np.nan))
        table[f"mean_{name}"] = found.mean(axis=1)
    return table


def _param_column(candidates, name):
    """Return the values of a parameter, masked where a candidate has none."""
    there = [name in params for params in candidates]
    values = [params[name] for params in candidates if name in params]
    numbers = all(isinstance(v, (float, int)) and type(v) is not bool for v in values)
    column = np.ma.masked_all(len(candidates), float if numbers else object)
    column[there] = values
    return column
