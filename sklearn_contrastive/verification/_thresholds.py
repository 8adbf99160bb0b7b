"""Where to cut distances in two: up to the threshold the same, beyond it different."""

import math
from bisect import bisect_right
from typing import NamedTuple

import numpy as np
from scipy.special import bdtr

#: Less than any distance: nothing is accepted.
REJECT_ALL = -1.0


class Cuts(NamedTuple):
    """All ways to cut sorted distances in two, from accepting none to accepting all.

    Equal distances are never parted, so that there is one cut more than there are
    different distances.
    """

    thresholds: np.ndarray
    """Of shape (n_cuts,), ascending; pairs up to there are accepted."""
    true_accepts: np.ndarray
    """Of shape (n_cuts,): pairs of the same that are accepted."""
    false_accepts: np.ndarray
    """Of shape (n_cuts,): different pairs that are accepted."""

    @property
    def n_same(self):
        """How many pairs are the same."""
        return int(self.true_accepts[-1])

    @property
    def n_different(self):
        """How many pairs are different."""
        return int(self.false_accepts[-1])


def cuts_of(same, distances):
    """Return all cuts of distances.

    Parameters
    ----------
    same : ndarray of bool of shape (n_pairs,)
        Which pairs are the same.

    distances : ndarray of float64 of shape (n_pairs,)
        Finite, >= 0.

    Returns
    -------
    cuts : Cuts
        Thresholds lie in the middle between neighbouring distances; the first is
        negative, the last twice the greatest distance.
    """
    order = np.argsort(distances)
    ascending = distances[order]
    last = np.append(ascending[1:] > ascending[:-1], True)
    values = ascending[last]
    n_accepted = np.flatnonzero(last) + 1
    n_true = np.cumsum(same[order])[last]
    between = values[:-1] + np.diff(values) / 2
    # Between neighbouring floats there is no other, and the middle may be the upper.
    between = np.where(between < values[1:], between, values[:-1])
    return Cuts(
        np.concatenate([[REJECT_ALL], between, [2 * values[-1]]]),
        np.append(0, n_true),
        np.append(0, n_accepted - n_true),
    )


def nearer_share(cuts):
    """Return how often a pair of the same is nearer than a different one, as an AUC.

    Parameters
    ----------
    cuts : Cuts
        All cuts.

    Returns
    -------
    share : float
        Of all comparisons, in [0, 1]; where distances are equal, a half.
    """
    true, false = cuts.true_accepts, cuts.false_accepts
    nearer = np.sum(np.diff(false) * (true[1:] + true[:-1])) / 2
    return float(nearer / (cuts.n_same * cuts.n_different))


def most_accurate(cuts):
    """Return the cut with the largest share of right answers, the least of equal ones.

    Parameters
    ----------
    cuts : Cuts
        All cuts.

    Returns
    -------
    cut : int
        Its position.
    """
    return int(np.argmax(cuts.true_accepts - cuts.false_accepts))


def best_f_beta(cuts, beta):
    """Return the cut with the largest F-beta score of "same", the least of equal ones.

    Parameters
    ----------
    cuts : Cuts
        All cuts.

    beta : float
        Weight of recall against precision, > 0.

    Returns
    -------
    cut : int
        Its position.
    """
    n_accepted = cuts.true_accepts + cuts.false_accepts
    weight = beta**2
    score = (1 + weight) * cuts.true_accepts / (weight * cuts.n_same + n_accepted)
    return int(np.argmax(score))


def most_accepted(cuts, min_rate):
    """Return the cut that accepts most of the same, of those that reject enough.

    Parameters
    ----------
    cuts : Cuts
        All cuts.

    min_rate : float
        Least share of different pairs that must be rejected, in [0, 1].

    Returns
    -------
    cut : int
        Its position; of equally good ones the least, which rejects most.
    """
    rejects = (cuts.n_different - cuts.false_accepts) / cuts.n_different >= min_rate
    return int(np.argmax(np.where(rejects, cuts.true_accepts, -1)))


def most_rejected(cuts, min_rate):
    """Return the cut that rejects most different pairs, of those that accept enough.

    Parameters
    ----------
    cuts : Cuts
        All cuts.

    min_rate : float
        Least share of the same that must be accepted, in [0, 1].

    Returns
    -------
    cut : int
        Its position; of equally good ones the greatest, which accepts most.
    """
    accepts = cuts.true_accepts / cuts.n_same >= min_rate
    fewest = cuts.false_accepts[np.argmax(accepts)]
    return int(np.searchsorted(cuts.false_accepts, fewest, side="right")) - 1


def equal_errors(cuts):
    """Return the cut where the two error rates are nearest to each other.

    Parameters
    ----------
    cuts : Cuts
        All cuts.

    Returns
    -------
    cut : int
        Its position; of two equally near the least.
    """
    false_rejects = cuts.n_same - cuts.true_accepts
    # Cross-multiplied, so that equal rates are equal numbers.
    gap = cuts.false_accepts * cuts.n_same - false_rejects * cuts.n_different
    return int(np.argmin(np.abs(gap)))


def surely_few(cuts, target_far, confidence):
    """Return the greatest cut whose true rate of false accepts is surely low.

    Parameters
    ----------
    cuts : Cuts
        All cuts.

    target_far : float
        The rate it must not exceed, in (0, 1).

    confidence : float
        Probability with which it must not, in (0, 1).

    Returns
    -------
    cut : int
        Its position.

    Raises
    ------
    ValueError
        If there are too few different pairs for any cut.
    """
    most = false_accepts_allowed(cuts.n_different, target_far, confidence)
    return int(np.searchsorted(cuts.false_accepts, most, side="right")) - 1


def false_accepts_allowed(n_different, target_far, confidence):
    r"""Return how many different pairs a threshold may accept among those it is set on.

    Below the (k+1)-th smallest of n independent distances the true rate of false
    accepts is distributed as Beta(k + 1, n - k), or lower where distances tie. It
    exceeds the target with the probability that a binomial variable of n trials is at
    most k [1]_.

    Parameters
    ----------
    n_different : int
        Different pairs.

    target_far : float
        The rate that must not be exceeded, in (0, 1).

    confidence : float
        Probability with which it must not, in (0, 1).

    Returns
    -------
    k : int
        >= 0.

    Raises
    ------
    ValueError
        If not even a threshold that accepts none of them will do.

    References
    ----------
    .. [1] S. S. Wilks, "Determination of Sample Sizes for Setting Tolerance Limits",
       Annals of Mathematical Statistics, 1941.
    """
    k = bisect_right(
        range(n_different),
        1 - confidence,
        key=lambda k: bdtr(float(k), n_different, target_far),
    )
    if not k:
        # Rounding must not ask for one pair too many where the ratio is whole.
        ratio = math.log1p(-confidence) / math.log1p(-target_far)
        raise ValueError(
            f"`target_far={target_far:g}` with `confidence={confidence:g}` needs at "
            f"least {math.ceil(ratio - 1e-9)} different pairs to set the threshold by; "
            f"got {n_different}. (Of pairs that the embedding learns from, only the "
            "`validation_fraction` held out of its training counts.) Give more pairs, "
            "raise `target_far` or lower `confidence`."
        )
    return k - 1


#: The strategies, with the settings that each goes by.
STRATEGIES = {
    "accuracy": (most_accurate, ()),
    "f_beta": (best_f_beta, ("beta",)),
    "max_tpr": (most_accepted, ("min_rate",)),
    "max_tnr": (most_rejected, ("min_rate",)),
    "eer": (equal_errors, ()),
    "far": (surely_few, ("target_far", "confidence")),
}

#: What a setting is where it is not given; `min_rate` has to be.
DEFAULTS = {"min_rate": None, "beta": 1.0, "target_far": 0.01, "confidence": 0.95}


def used_settings(strategy, given):
    """Return what a strategy goes by, and refuse what it does not.

    Parameters
    ----------
    strategy : str
        One of `STRATEGIES`.

    given : dict
        Settings by name, None for those that are not given.

    Returns
    -------
    settings : dict
        ``strategy`` and the settings it uses, with defaults where none is given.

    Raises
    ------
    ValueError
        If a setting is given that the strategy does not use.
    """
    used = STRATEGIES[strategy][1]
    for name, value in given.items():
        if value is not None and name not in used:
            users = [repr(each) for each in STRATEGIES if name in STRATEGIES[each][1]]
            raise ValueError(
                f"`{name}` is only used with strategy={' or '.join(users)}; got "
                f"{name}={value!r} with strategy={strategy!r}. Leave it out, or set "
                "`strategy`. (A search over several strategies takes a list of grids, "
                "each with the settings of its own.)"
            )
    values = {name: given.get(name) for name in used}
    return {"strategy": strategy} | {
        name: DEFAULTS[name] if value is None else value
        for name, value in values.items()
    }


def check_strategy(settings, n_different):
    """Raise where a threshold cannot be set, before anything is trained for it.

    Parameters
    ----------
    settings : dict
        ``strategy`` and what it goes by.

    n_different : int
        Different pairs to set it by.

    Raises
    ------
    ValueError
        If `min_rate` is missing, or different pairs are too few for "far".
    """
    strategy = settings["strategy"]
    if "min_rate" in STRATEGIES[strategy][1] and settings["min_rate"] is None:
        kind = "different" if strategy == "max_tpr" else "same"
        answer = "rejected" if strategy == "max_tpr" else "accepted"
        raise ValueError(
            f"`min_rate` must be a number in [0, 1] with strategy={strategy!r}; got "
            f"None. It is the least share of {kind} pairs that must be {answer}."
        )
    if strategy == "far":
        far, confidence = settings["target_far"], settings["confidence"]
        false_accepts_allowed(n_different, far, confidence)


def threshold_by(settings, same, distances):
    """Return the threshold that a strategy chooses.

    Parameters
    ----------
    settings : dict
        ``strategy`` and what it goes by, checked.

    same : ndarray of bool of shape (n_pairs,)
        Which pairs are the same; both kinds occur.

    distances : ndarray of float64 of shape (n_pairs,)
        Finite, >= 0.

    Returns
    -------
    threshold : float
        Pairs up to there are to be accepted.
    """
    choose, names = STRATEGIES[settings["strategy"]]
    cuts = cuts_of(same, distances)
    chosen = choose(cuts, **{name: settings[name] for name in names})
    return float(cuts.thresholds[chosen])
