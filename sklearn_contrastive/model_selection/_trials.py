"""Candidates of a search on folds: fitted at once, and scored."""

import time
from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from sklearn_contrastive._estimators._sources import flat_pairs, resolve_similarity
from sklearn_contrastive._validation import check_rows
from sklearn_contrastive.metrics import KNNScorer
from sklearn_contrastive.model_selection._together import Group, groups, member_of
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

    member : Member, default=None
        Where it stands, if it is to be trained on.
    """

    params: dict
    train: Any
    test: Any
    member: Any = None


class Outcome(NamedTuple):
    """What came of a trial.

    Parameters
    ----------
    score : float
        NaN where the trial failed.

    fit_time, score_time : float
        Seconds; those of models that were trained at once are shared out.

    figures : dict of str to float
        Epochs, and what the miner made of the last batch.

    margin : float or None
        Of the fitted model.

    failure : str or None
        Why the trial failed.

    member : Member or None
        Where it stands; None at its end.
    """

    score: float
    fit_time: float
    score_time: float
    figures: dict
    margin: float | None
    failure: str | None
    member: Any = None


def run_trials(estimator, trials, X, y, scorer, labelled, share=1.0):
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

    share : float, default=1.0
        Of all epochs, counted from the first one on, in (0, 1].

    Yields
    ------
    number : int
        Which of `trials` is done.

    outcome : Outcome
        What came of it.

    Raises
    ------
    ValueError
        If a trial cannot be trained for a `share` below 1.
    """
    folds = _Folds(estimator, X, y)
    judge = partial(_judged, folds, scorer, labelled)
    members, prepared = {}, {}
    for number, trial in enumerate(trials):
        start = time.perf_counter()
        member = folds.member(trial)
        if share < 1 and not _can_be_left(member):
            raise ValueError(
                "`halving` must be False for what is trained by itself or remembers "
                "batches: with an encoder that is not an MLP, early stopping, "
                "callbacks of the estimator, a class derived from "
                "ContrastiveEmbedding, a `GlobalMiner`, a memory, `normalize=False` or "
                "`n_components=1`."
            )
        if member is not None:
            members[number] = member
            prepared[number] = time.perf_counter() - start
            continue
        model = _candidate(estimator, trial.params)
        failure = _fit_alone(model, *folds.training(trial))
        seconds = time.perf_counter() - start
        yield number, judge(trial, model, failure, seconds)
    for numbers, group in groups(members):
        start = time.perf_counter()
        found = _trained(folds, [trials[number] for number in numbers], group, share)
        seconds = (time.perf_counter() - start) / len(numbers)
        for number, (model, member, failure) in zip(numbers, found, strict=True):
            outcome = judge(trials[number], model, failure, prepared[number] + seconds)
            yield number, outcome._replace(member=member)


class _Folds:
    """The rows of each fold, held once for all candidates."""

    def __init__(self, estimator, X, y):
        self._estimator, self._X, self._y = estimator, X, y
        self._numbered = resolve_similarity(estimator.similarity).uses_row_indices
        # Folds are the same objects for all candidates.
        self._training, self._converted = {}, {}

    def rows(self, numbers):
        """Return some rows, and what is known of them."""
        y = None if self._y is None else _safe_indexing(self._y, numbers)
        return _safe_indexing(self._X, numbers), y

    def training(self, trial):
        """Return what a trial learns from, as `fit` wants it."""
        if id(trial.train) not in self._training:
            numbers = trial.train if self._numbered else None
            self._training[id(trial.train)] = *self.rows(trial.train), numbers
        return self._training[id(trial.train)]

    def member(self, trial, afresh=False):
        """Return what is trained along with others, or None."""
        given, fold, member = self.training(trial), id(trial.train), trial.member
        if member is None or afresh:
            member = member_of(_candidate(self._estimator, trial.params), *given)
            if member is None:
                return None
            self._converted.setdefault(fold, member.ready.X)
        elif fold not in self._converted:
            model = member.estimator
            rows = check_rows(model, flat_pairs(model.similarity_, given[0]), False)
            self._converted[fold] = rows
        return member.on(self._converted[fold])


def _candidate(estimator, params):
    # A stream of random numbers must not be drawn from by several of them.
    return clone(estimator).set_params(**deepcopy(params))


def _trained(folds, trials, group, share):
    """Train a group, and return models, where they stand, and what went wrong."""
    group.train(share)
    found = []
    for place, trial in enumerate(trials):
        failure, now = group.failures.get(place), group
        if failure is not None and len(trials) > 1:
            # Perhaps only because of another one that it was trained with.
            now, place = Group([folds.member(trial, afresh=True)]), 0
            now.train(share)
            failure = now.failures.get(0)
        resume = share < 1 and failure is None
        found.append(
            (
                now.members[place].estimator,
                now.standing(place) if resume else None,
                None if failure is None else str(failure),
            )
        )
    return found


def _can_be_left(member):
    """Return whether all that training goes on from is in a member."""
    return member is not None and all(
        each.memory is None for each in member.ready.objectives.values()
    )


def _judged(folds, scorer, labelled, trial, model, failure, fit_time):
    """Return what came of a trial."""
    start, score, figures, margin = time.perf_counter(), np.nan, {}, None
    if failure is None:
        asked = folds.rows(trial.test)
        if scorer is not None:
            score = float(scorer(model, *asked))
        elif labelled:
            score = neighbors_score(model, *folds.training(trial)[:2], *asked)
        else:
            score = model.score(*asked)
        figures = {name: curve[-1] for name, curve in model.mining_curve_.items()}
        figures["n_iter"], margin = model.n_iter_, model.margin_
        if not np.isfinite(score):
            score, failure = np.nan, f"`scoring` returned {score}."
    seconds = time.perf_counter() - start
    return Outcome(score, fit_time, seconds, figures, margin, failure)


def _fit_alone(estimator, X, y, rows):
    """Fit one estimator, and return what went wrong or None."""
    # A `fit` of the user's own need not know of rows.
    numbers = {} if rows is None else {"rows": rows}
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            estimator.fit(X, y, **numbers)
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
