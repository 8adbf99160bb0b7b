"""Candidates of a search on folds: fitted at once, and scored."""

import time
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from sklearn_contrastive._sources import likeness_object
from sklearn_contrastive._together import groups
from sklearn_contrastive.metrics import KNNScorer
from sklearn_contrastive.similarity import check_labels

#: Neighbours that vote, as in scikit-learn's classifier.
_N_NEIGHBORS = 5


class Trial(NamedTuple):
    """A candidate on a fold.

    Parameters
    ----------
    params : dict
        Of the candidate.

    train, test : ndarray of int
        Row numbers.
    """

    params: dict
    train: Any
    test: Any


class Outcome(NamedTuple):
    """What came of a trial.

    Parameters
    ----------
    score : float
        NaN where the trial failed.

    fit_time, score_time : float
        Seconds; those of models that were trained at once are shared out.

    figures : dict of str to float
        What the miner made of the last batch.

    failure : str or None
        Why the trial failed.
    """

    score: float
    fit_time: float
    score_time: float
    figures: dict
    failure: str | None


def run_trials(estimator, trials, X, y, scorer, labelled):
    """Fit candidates to folds, as many at once as can be, and score them.

    Parameters
    ----------
    estimator : ContrastiveEmbedding
        What candidates are made of.

    trials : list of Trial
        What to try.

    X, y : array-like
        The whole table, and what is known of its rows.

    scorer : callable or None
        ``scorer(estimator, X, y)`` for the rows of a test fold; None for the score
        that belongs to `y`.

    labelled : bool
        Whether `y` holds class labels, so that this score is `neighbors_score`.

    Returns
    -------
    outcomes : list of Outcome
        In the order of `trials`.
    """
    # Folds are the same objects for all candidates, and their tables are made once.
    folds = {id(trial.train): trial.train for trial in trials}
    numbered = likeness_object(estimator.similarity).speaks_of_rows
    tables = {
        name: (*_rows_of(X, y, rows), rows if numbered else None)
        for name, rows in folds.items()
    }
    fits = [
        (_candidate(estimator, trial.params), *tables[id(trial.train)])
        for trial in trials
    ]
    times, failures = _fit(fits)
    outcomes = []
    for number, trial in enumerate(trials):
        failure = failures.get(number)
        if failure is not None:
            # Perhaps only because of another one that it was trained with.
            alone = _candidate(estimator, trial.params), *fits[number][1:]
            start, failure = time.perf_counter(), _fit_alone(*alone)
            times[number] += time.perf_counter() - start
            fits[number] = alone
        start, score, figures = time.perf_counter(), np.nan, {}
        if failure is None:
            model, *known, _ = fits[number]
            asked = _rows_of(X, y, trial.test)
            if scorer is not None:
                score = float(scorer(model, *asked))
            elif labelled:
                score = neighbors_score(model, *known, *asked)
            else:
                score = model.score(*asked)
            figures = {name: curve[-1] for name, curve in model.mining_curve_.items()}
        seconds = time.perf_counter() - start
        outcomes.append(Outcome(score, times[number], seconds, figures, failure))
    return outcomes


def _candidate(estimator, params):
    # A stream of random numbers must not be drawn from by several of them.
    return clone(estimator).set_params(**deepcopy(params))


def _fit(fits):
    """Fit estimators, and return the seconds of each and what went wrong."""
    times, failures = np.zeros(len(fits)), {}
    start = time.perf_counter()
    for numbers, group in groups(fits):
        if group is None:
            failure = _fit_alone(*fits[numbers[0]])
            failures.update({} if failure is None else {numbers[0]: failure})
        else:
            group.train()
            found = group.failures.items()
            failures.update({numbers[member]: str(error) for member, error in found})
        times[numbers] = (time.perf_counter() - start) / len(numbers)
        start = time.perf_counter()
    return times, failures


def _fit_alone(estimator, X, y, rows):
    """Fit one estimator, and return what went wrong or None."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            estimator.fit(X, y, rows=rows)
    except FloatingPointError as error:
        return str(error)
    except np.linalg.LinAlgError:
        return "Rows have points that are no numbers; lower `learning_rate_init`."
    return None


def neighbors_score(model, X, y, X_test, y_test):
    """Return the accuracy of nearest neighbours on rows that were held out.

    Parameters
    ----------
    model : fitted ContrastiveEmbedding
        What makes points of rows.

    X, y : array-like
        The rows of training, and their labels.

    X_test, y_test : array-like
        The others.

    Returns
    -------
    score : float
        The accuracy of a vote of the 5 nearest rows of training, or of the other
        held-out rows where their classes were not trained on. Rows of unknown label
        neither vote nor count.
    """
    from sklearn.neighbors import KNeighborsClassifier

    unlabeled = getattr(model.similarity_, "unlabeled", None)
    y, known = check_labels(y, None, unlabeled)
    y_test, asked = check_labels(y_test, None, unlabeled)
    y, y_test = y[known], y_test[asked]
    X, X_test = _safe_indexing(X, known), _safe_indexing(X_test, asked)
    if len(y_test) == 0:
        raise ValueError(
            "`y` must hold known labels in every test fold to score by; one has none. "
            "Spread them over the folds of `cv`, or pass `scoring`."
        )
    if not np.isin(y_test, y).any():
        return KNNScorer(min(_N_NEIGHBORS, len(y_test) - 1))(model, X_test, y_test)
    voters = KNeighborsClassifier(min(_N_NEIGHBORS, len(y)))
    voters.fit(np.asarray(model.transform(X)), y)
    return float(voters.score(np.asarray(model.transform(X_test)), y_test))


def _rows_of(X, y, rows):
    return _safe_indexing(X, rows), None if y is None else _safe_indexing(y, rows)


def results_of(candidates, outcomes, n_splits):
    """Return what came of a search in the form of `GridSearchCV`.

    Parameters
    ----------
    candidates : list of dict
        Parameters of each.

    outcomes : list of Outcome
        Candidate by candidate, and fold by fold within.

    n_splits : int
        Number of folds.

    Returns
    -------
    results : dict of str to ndarray or list
        ``cv_results_``.
    """
    from scipy.stats import rankdata

    def table(values):
        return np.array(values, dtype=np.float64).reshape(len(candidates), n_splits)

    results = {}
    for name in ("fit_time", "score_time"):
        seconds = table([getattr(outcome, name) for outcome in outcomes])
        results[f"mean_{name}"] = seconds.mean(axis=1)
        results[f"std_{name}"] = seconds.std(axis=1)
    for name in sorted({name for params in candidates for name in params}):
        column = np.ma.masked_all(len(candidates), dtype=object)
        for place, params in enumerate(candidates):
            if name in params:
                column[place] = params[name]
        results[f"param_{name}"] = column
    results["params"] = candidates
    scores = table([outcome.score for outcome in outcomes])
    for fold in range(n_splits):
        results[f"split{fold}_test_score"] = scores[:, fold]
    mean = scores.mean(axis=1)
    results["mean_test_score"] = mean
    results["std_test_score"] = scores.std(axis=1)
    # A candidate that failed ranks behind all others.
    ranked = rankdata(np.where(np.isnan(mean), np.inf, -mean), method="min")
    results["rank_test_score"] = ranked.astype(np.int32)
    for name in sorted({name for outcome in outcomes for name in outcome.figures}):
        figures = table([o.figures.get(name, np.nan) for o in outcomes])
        results[f"mean_{name}"] = figures.mean(axis=1)
    return results
