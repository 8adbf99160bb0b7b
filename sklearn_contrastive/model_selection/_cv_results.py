"""What came of a search, in the form of scikit-learn's."""

from operator import attrgetter

import numpy as np


def results_of(candidates, outcomes, n_rounds):
    """Return what came of a search in the form of `GridSearchCV`.

    Parameters
    ----------
    candidates : list of dict
        Parameters of each.

    outcomes : list of list of Outcome
        Of each candidate, one for each fold.

    n_rounds : list of int
        Rounds that each candidate took part in.

    Returns
    -------
    results : dict of str to ndarray or list
        ``cv_results_``.
    """

    def table(value):
        return np.array([[value(each) for each in folds] for folds in outcomes], float)

    results = {}
    for name in ("fit_time", "score_time"):
        seconds = table(attrgetter(name))
        results[f"mean_{name}"] = seconds.mean(axis=1)
        results[f"std_{name}"] = seconds.std(axis=1)
    for name in sorted({name for params in candidates for name in params}):
        results[f"param_{name}"] = _column(candidates, name)
    results["params"] = candidates
    scores = table(attrgetter("score"))
    for fold, column in enumerate(scores.T):
        results[f"split{fold}_test_score"] = column
    mean = scores.mean(axis=1)
    results["mean_test_score"] = mean
    results["std_test_score"] = scores.std(axis=1)
    results["rank_test_score"] = ranks(mean, n_rounds)
    figures = {name for folds in outcomes for each in folds for name in each.figures}
    for name in sorted(figures):
        values = table(lambda outcome, name=name: outcome.figures.get(name, np.nan))
        results[f"mean_{name}"] = values.mean(axis=1)
    return results


def _column(candidates, name):
    """Return the values of a parameter, masked where a candidate has none."""
    absent = [name not in params for params in candidates]
    values = [params[name] for params in candidates if name in params]
    numbers = all(isinstance(v, (float, int)) and type(v) is not bool for v in values)
    column = np.ma.masked_all(len(candidates), float if numbers else object)
    places = (place for place, away in enumerate(absent) if not away)
    for place, value in zip(places, values, strict=True):
        column[place] = value
    return column


def ranks(scores, n_rounds):
    """Return places from 1 on, the same for equals.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates,)
        Their means. A candidate that failed, whose score is NaN, ranks behind all
        others.

    n_rounds : array-like of int of shape (n_candidates,)
        One that dropped out ranks behind those that went on.

    Returns
    -------
    ranks : ndarray of int32 of shape (n_candidates,)
        1 is the best.
    """
    from scipy.stats import rankdata

    failed = np.isnan(scores)
    keys = [failed, -np.asarray(n_rounds), np.where(failed, 0, -scores)]
    _, places = np.unique(np.column_stack(keys), axis=0, return_inverse=True)
    return rankdata(places.ravel(), method="min").astype(np.int32)
