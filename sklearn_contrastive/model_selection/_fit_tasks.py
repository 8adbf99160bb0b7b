"""What a search fits and scores: each candidate on each fold."""

import time
from collections import namedtuple
from copy import deepcopy
from functools import partial
from itertools import chain, product
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import indexable

from sklearn_contrastive._estimators import _resolve
from sklearn_contrastive._estimators._cross_fit import training_points
from sklearn_contrastive._pairs._neighbor_search import fork_safe_threads
from sklearn_contrastive._validation import (
    check_rows,
    read_values,
    short_errors,
    shorten,
    take_rows,
)
from sklearn_contrastive.metrics import KNNScorer
from sklearn_contrastive.model_selection import _fit_batch
from sklearn_contrastive.preprocessing._weights import weights_of
from sklearn_contrastive.similarity import check_labels, infer_similarity

#: Parameters in which stacked models may differ.
_STACKABLE = ["margin", "learning_rate_init", "alpha", "dropout", "random_state"]
_STACKABLE += ["loss__margin", "loss__temperature"]
#: Similarities that read `y`. With others, `y` is for scores alone.
_READ_FROM_Y = ("labels", "targets", "multilabel", "pairs")
#: Neighbours that vote, as in scikit-learn's classifier.
_N_NEIGHBORS = 5


#: A candidate on a fold, by their numbers.
FitTask = namedtuple("FitTask", ["candidate", "fold"])


class FitResult(NamedTuple):
    """The outcome of a fit task; the score is NaN where `failure` is not None.

    `statistics` holds the number of epochs and what the miner found in the last batch.
    """

    score: float
    fit_time: float
    score_time: float
    statistics: dict
    margin: float | None
    failure: str | None


def expand_candidates(estimator, margins, param_grid):
    """Return the parameters of each candidate as a dict."""
    from sklearn.model_selection import ParameterGrid

    if param_grid is None:
        kind, grid, missing = read_values(margins)
        if kind not in "if" or not grid.size or missing.any():
            raise ValueError(
                f"`margins` must hold at least one number, > 0; got {shorten(margins)}."
                " Other values go into a grid: param_grid={'margin': [0.5, 'auto']}."
            )
        # The margin of a loss that is an object is the object's.
        name = "margin" if isinstance(estimator.loss, str) else "loss__margin"
        if name not in estimator.get_params():
            raise ValueError(
                "`margins` need a loss with a margin; got "
                f"loss={shorten(estimator.loss)}. Search others with "
                "param_grid={'loss__temperature': [0.1, 0.2]}."
            )
        return list(ParameterGrid({name: grid.ravel().astype(float).tolist()}))
    with short_errors():
        grid = list(ParameterGrid(param_grid))
    others = sorted({name for params in grid for name in params} - set(_STACKABLE))
    if others:
        raise ValueError(
            f"`param_grid` may hold {_STACKABLE}; got {shorten(others)}. Search "
            "these with sklearn.model_selection.GridSearchCV."
        )
    return grid


class FitTasks:
    """Candidates on folds, to be fitted and scored.

    `X`, `y` and `cv` are validated before anything is fitted. Candidates are copies of
    `estimator` with other parameters; `scoring` is the user's, or None.
    """

    def __init__(self, estimator, candidates, X, y, groups, cv, scoring):
        self._estimator, self.candidates = clone(estimator), candidates
        if isinstance(estimator.similarity, str) and estimator.similarity == "auto":
            # By all rows: those of a fold alone may look like something else.
            self._estimator.set_params(similarity=infer_similarity(X, y))
        similarity = self._estimator.similarity
        resolved = _resolve.resolve_similarity(similarity)
        rows = _resolve.flat_pairs(X) if resolved.takes_pairs else X
        check_rows(self._estimator, rows, reset=True)
        self.X, self.y, groups = indexable(X, y, groups)
        # Of no use where no rows are held out within a fit.
        holds_out = estimator.early_stopping or estimator.cross_fit is not False
        self.groups = groups if holds_out else None
        self._uses_row_indices = resolved.uses_row_indices
        kind = _resolve.similarity_name(similarity)
        if kind not in _READ_FROM_Y or self._uses_row_indices:
            doubtful = None if scoring is None else "targets"
            kind = infer_similarity(self.X, self.y, doubtful)
        self._by_neighbors, self._scoring = kind == "labels", scoring
        self.splits = _split(similarity, kind, cv, self.X, self.y, groups)
        if not (candidates and self.splits):
            raise ValueError(
                "`cv` must have a fold and `param_grid` a candidate to try; got "
                f"{len(self.splits)} folds and {len(candidates)} candidates. Pass a "
                "list of folds or a splitter: one fit uses up a generator."
            )
        # By fold: training rows as given and as the estimator has converted them, and
        # the weights of their columns.
        self._training, self._converted, self._weights = {}, {}, {}

    def __len__(self):
        return len(self.candidates) * len(self.splits)

    def run(self, n_jobs):
        """Return an iterator over fit tasks with their results, as they are there."""
        from joblib import effective_n_jobs
        from sklearn.utils.parallel import Parallel, delayed

        numbers = map(range, (len(self.candidates), len(self.splits)))
        tasks = [FitTask(*each) for each in product(*numbers)]
        n_jobs = min(effective_n_jobs(n_jobs), len(tasks))
        parts = [tasks[first::n_jobs] for first in range(n_jobs)]
        if n_jobs == 1:
            return self._run(tasks)
        run = delayed(self._run_all)
        return chain.from_iterable(Parallel(n_jobs=n_jobs)(map(run, parts)))

    def _run_all(self, tasks):
        """Return fit tasks with their results, which a process sends all at once."""
        return list(self._run(tasks))

    def _run(self, tasks):
        """Yield some fit tasks with their results."""
        plans, seconds = {}, {}
        for task in tasks:
            start = time.perf_counter()
            plan = self._plan(task)
            if plan is not None:
                plans[task], seconds[task] = plan, time.perf_counter() - start
                continue
            model, failure = self._fit_alone(task)
            yield task, self._result(task, model, failure, time.perf_counter() - start)
        for batch in _fit_batch.split_into_batches(plans):
            start = time.perf_counter()
            fitted = self._fit_stacked(batch, plans)
            share = (time.perf_counter() - start) / len(batch)
            for task, (model, failure) in zip(batch, fitted, strict=True):
                yield task, self._result(task, model, failure, seconds[task] + share)

    def _candidate(self, task):
        # Candidates must not draw from one stream of random numbers.
        params = deepcopy(self.candidates[task.candidate])
        return clone(self._estimator).set_params(**params)

    def _rows(self, numbers):
        """Return some rows of the table, and of `y`."""
        y = None if self.y is None else take_rows(self.y, numbers)
        return take_rows(self.X, numbers), y

    def _training_rows(self, fold):
        """Return the training rows of a fold, their `y`, and their numbers or None."""
        if fold not in self._training:
            train = self.splits[fold][0]
            numbers = train if self._uses_row_indices else None
            self._training[fold] = *self._rows(train), numbers
        return self._training[fold]

    def _plan(self, task):
        """Return the plan of a fit task, or None where it is fitted by itself."""
        estimator, rows = self._candidate(task), self._training_rows(task.fold)
        weigh = partial(self._weights_of, task.fold)
        plan = _fit_batch.stackable_plan(estimator, *rows, weigh)
        if plan is None:
            return None
        # A converted table is kept once for all candidates.
        return plan.with_rows(self._converted.setdefault(task.fold, plan.plan.X))

    def _weights_of(self, fold, *given):
        """Return what `weights_of` does: all candidates have the rows of the fold."""
        if fold not in self._weights:
            self._weights[fold] = weights_of(*given)
        return self._weights[fold]

    def _fit_stacked(self, tasks, plans):
        """Fit tasks at once; return their models, each with its failure or None."""
        fitted, failures = [], _fit_batch.fit_batch([plans[task] for task in tasks])
        for task, failure in zip(tasks, failures, strict=True):
            if failure is not None and len(tasks) > 1:
                # Perhaps only because of another model of the batch.
                plans[task] = self._plan(task)
                [failure] = _fit_batch.fit_batch([plans[task]])
            fitted.append((plans[task].estimator, failure))
        return fitted

    def _fit_alone(self, task):
        """Return the fitted model of a fit task, and its failure or None."""
        model = self._candidate(task)
        X, y, rows = self._training_rows(task.fold)
        # The `fit` of a derived class may have no such parameter.
        own = {} if rows is None else {"rows": rows}
        if self.groups is not None:
            train, _ = self.splits[task.fold]
            own["groups"] = take_rows(self.groups, train)
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                model.fit(X, y, **own)
        except FloatingPointError as error:
            return model, str(error)
        except np.linalg.LinAlgError:
            return model, "Points are not finite; lower `learning_rate_init`."
        return model, None

    def _result(self, task, model, failure, fit_time):
        """Score a fitted model, and return the result of its fit task."""
        start, score, statistics, margin = time.perf_counter(), np.nan, {}, None
        if failure is None:
            score = self._score(task, model)
            statistics = {k: curve[-1] for k, curve in model.mining_curve_.items()}
            statistics["n_iter"], margin = model.n_iter_, model.margin_
            if not np.isfinite(score):
                score, failure = np.nan, f"`scoring` returned {score}."
        seconds = time.perf_counter() - start
        return FitResult(score, fit_time, seconds, statistics, margin, failure)

    def _score(self, task, model):
        """Return the score on the held-out rows of the fold."""
        X_test, y_test = self._rows(self.splits[task.fold][1])
        if self._scoring is not None:
            return float(self._scoring(model, X_test, y_test))
        if self._by_neighbors:
            X, y, _ = self._training_rows(task.fold)
            return _neighbors_score(model, X, y, X_test, y_test)
        return model.score(X_test, y_test)


def _split(similarity, kind, cv, X, y, groups):
    """Return the row numbers to train on and to test on, fold by fold."""
    from sklearn.model_selection import check_cv

    if kind == "labels" and (cv is None or isinstance(cv, Integral)):
        # A stratified splitter takes no missing labels: unknown ones are class 0.
        labels, labeled = _check_labels(similarity, y)
        y = np.zeros(len(labels), dtype=int)
        y[labeled] = 1 + np.unique(labels[labeled], return_inverse=True)[1]
    with short_errors():
        splitter = check_cv(cv, y, classifier=kind == "labels")
        return list(splitter.split(X, y, groups))


def _neighbors_score(model, X, y, X_test, y_test):
    """Return the accuracy of nearest neighbours on held-out rows.

    The 5 nearest training rows vote, or the other held-out rows where their classes
    were not trained on. Rows of unknown label neither vote nor count.
    """
    from sklearn.neighbors import KNeighborsClassifier

    y, labeled = _check_labels(model.similarity_, y)
    y_test, labeled_test = _check_labels(model.similarity_, y_test)
    y, y_test = y[labeled], y_test[labeled_test]
    X_test = take_rows(X_test, np.flatnonzero(labeled_test))
    if len(y_test) == 0:
        raise ValueError(
            "`y` must hold known labels in every test fold; one has none. Spread them "
            "over the folds of `cv`, or pass `scoring`."
        )
    if not np.isin(y_test, y).any():
        return KNNScorer(min(_N_NEIGHBORS, len(y_test) - 1))(model, X_test, y_test)
    Z = model.transform(X) if model.cross_fit is False else training_points(model, X)
    voters = KNeighborsClassifier(min(_N_NEIGHBORS, len(y)))
    voters.fit(np.asarray(Z)[labeled], y)
    with fork_safe_threads():
        return float(voters.score(np.asarray(model.transform(X_test)), y_test))


def _check_labels(similarity, y):
    """Return class labels, and the mask of those that do not mean unknown."""
    return check_labels(y, None, getattr(similarity, "unlabeled", None))
