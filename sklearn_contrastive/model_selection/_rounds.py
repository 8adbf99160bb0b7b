"""A search in rounds: who is tried, who drops out, and in which processes."""

import numpy as np

from sklearn_contrastive.model_selection._cv_results import ranks
from sklearn_contrastive.model_selection._trials import Trial, run_trials

#: With halving, candidates are compared after these shares of all epochs, and only the
#: better half of them goes on.
_HALVING = (0.25, 0.5, 1.0)


def shares_of(halving):
    """Return how far candidates are trained in each round.

    Parameters
    ----------
    halving : bool
        Whether candidates drop out.

    Returns
    -------
    shares : tuple of float
        Of all epochs.
    """
    return _HALVING if halving else (1.0,)


def n_trials_of(shares, n_candidates, n_folds):
    """Return how many trials there are in all rounds together.

    Parameters
    ----------
    shares : tuple of float
        The rounds.

    n_candidates, n_folds : int
        At the start.

    Returns
    -------
    n_trials : int
        To be counted down while they are run.
    """
    n_trials = 0
    for _ in shares:
        n_trials += n_candidates * n_folds
        n_candidates = _half(n_candidates)
    return n_trials


class Contest:
    """Candidates on folds, round by round.

    Parameters
    ----------
    candidates : list of dict
        Parameters of each.

    splits : list of tuple of two ndarray of int
        Row numbers to train on and to test on, of each fold.

    shares : tuple of float
        Of all epochs, at the end of each round.

    Attributes
    ----------
    outcomes : list of list of Outcome
        The last ones of each candidate, one for each fold.

    n_rounds : ndarray of int of shape (n_candidates,)
        Rounds that each candidate took part in.
    """

    def __init__(self, candidates, splits, shares):
        self._candidates, self._splits, self._shares = candidates, splits, shares
        self.outcomes = [[None] * len(splits) for _ in candidates]
        self.n_rounds = np.zeros(len(candidates), dtype=int)

    def run(self, estimator, known, n_jobs):
        """Run all rounds.

        Parameters
        ----------
        estimator : ContrastiveEmbedding
            What candidates are made of.

        known : tuple
            What `run_trials` has to know besides.

        n_jobs : int or None
            Processes to share the trials out over.

        Yields
        ------
        candidate : int
            Whose outcome on a fold is there.

        share : float
            How far it was trained.
        """
        ahead = np.arange(len(self._candidates))
        for share in self._shares:
            if len(ahead) == 0:
                return
            places = [(each, k) for each in ahead for k in range(len(self._splits))]
            before = [self.outcomes[each][k] for each, k in places]
            trials = [
                Trial(self._candidates[each], *self._splits[k], last and last.member)
                for (each, k), last in zip(places, before, strict=True)
            ]
            for each in ahead:
                self.outcomes[each] = [None] * len(self._splits)
            for number, outcome in shared_out(estimator, trials, known, share, n_jobs):
                (each, k), last = places[number], before[number]
                if last is not None:
                    outcome = outcome._replace(
                        fit_time=last.fit_time + outcome.fit_time,
                        score_time=last.score_time + outcome.score_time,
                    )
                self.outcomes[each][k] = outcome
                yield each, share
            self.n_rounds[ahead] += 1
            ahead = self._better_half(ahead)

    def _better_half(self, ahead):
        """Return who goes on, and forget where the others stand."""
        means = np.array([self.mean(each) for each in ahead])
        order = np.argsort(ranks(means, self.n_rounds[ahead]), kind="stable")
        order = order[: _half(len(ahead))]
        # What failed once would be trained from the start again.
        resume = np.sort(ahead[order[~np.isnan(means[order])]])
        for each in np.setdiff1d(ahead, resume):
            self.outcomes[each] = [o._replace(member=None) for o in self.outcomes[each]]
        return resume

    def mean(self, candidate):
        """Return the mean score of a candidate, or None before all folds are there.

        Parameters
        ----------
        candidate : int
            Which one.

        Returns
        -------
        mean : float or None
            Over folds; NaN where one of them failed.
        """
        outcomes = self.outcomes[candidate]
        if any(outcome is None for outcome in outcomes):
            return None
        return float(np.mean([outcome.score for outcome in outcomes]))


def shared_out(estimator, trials, known, share, n_jobs):
    """Yield the outcomes of trials with their numbers, as `run_trials` does.

    Parameters
    ----------
    estimator, trials, known, share
        What `run_trials` takes.

    n_jobs : int or None
        Processes, as in scikit-learn.

    Yields
    ------
    number : int
        Which of `trials` is done.

    outcome : Outcome
        What came of it.
    """
    from joblib import effective_n_jobs
    from sklearn.utils.parallel import Parallel, delayed

    n_jobs = min(effective_n_jobs(n_jobs), len(trials))
    if n_jobs == 1:
        yield from run_trials(estimator, trials, *known, share)
        return
    parts = [range(first, len(trials), n_jobs) for first in range(n_jobs)]
    found = Parallel(n_jobs=n_jobs)(
        delayed(_run_part)(estimator, [trials[k] for k in part], known, share)
        for part in parts
    )
    for part, outcomes in zip(parts, found, strict=True):
        for number, outcome in outcomes:
            yield part[number], outcome


def _run_part(estimator, trials, known, share):
    # A process sends all that it found at once.
    return list(run_trials(estimator, trials, *known, share))


def _half(n):
    return -(-n // 2)
