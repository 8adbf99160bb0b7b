"""Thresholds on distances: a pair is the same up to the threshold."""

import math
from typing import NamedTuple

import numpy as np

#: Less than any distance: no pair is accepted.
REJECT_ALL = -1.0


class Cuts(NamedTuple):
    """All ways to split sorted distances in two, from accepting none to all."""

    #: Of shape (n_cuts,), ascending; pairs up to there are accepted.
    thresholds: np.ndarray
    #: Of shape (n_cuts,): accepted pairs that are the same.
    true_accepts: np.ndarray
    #: Of shape (n_cuts,): accepted pairs that are different.
    false_accepts: np.ndarray

    @property
    def n_same(self):
        """Number of same pairs."""
        return int(self.true_accepts[-1])

    @property
    def n_different(self):
        """Number of different pairs."""
        return int(self.false_accepts[-1])


def find_cuts(same, distances):
    """Return all cuts, with thresholds in the middle between distinct distances."""
    from sklearn.metrics import roc_curve

    false, true, scores = roc_curve(same, -distances, drop_intermediate=False)
    values = -scores[1:]
    between = values[:-1] + np.diff(values) / 2
    # No float lies between adjacent floats, and their middle may round to the upper.
    between = np.where(between < values[1:], between, values[:-1])
    n_same = np.count_nonzero(same)
    return Cuts(
        np.concatenate([[REJECT_ALL], between, [2 * values[-1]]]),
        np.rint(true * n_same).astype(int),
        np.rint(false * (len(same) - n_same)).astype(int),
    )


def most_accurate(cuts):
    """Return the cut of highest accuracy, the lowest of equal ones."""
    return np.argmax(cuts.true_accepts - cuts.false_accepts)


def best_f_beta(cuts, beta):
    """Return the cut of highest F-beta score of "same", the lowest of equal ones."""
    n_accepted = cuts.true_accepts + cuts.false_accepts
    weight = beta**2
    score = (1 + weight) * cuts.true_accepts / (weight * cuts.n_same + n_accepted)
    return np.argmax(score)


def highest_tpr(cuts, min_rate):
    """Return the cut that accepts most same pairs and rejects enough different ones."""
    allowed = (cuts.n_different - cuts.false_accepts) / cuts.n_different >= min_rate
    return np.argmax(np.where(allowed, cuts.true_accepts, -1))


def highest_tnr(cuts, min_rate):
    """Return the cut that rejects most different pairs and accepts enough same ones."""
    lowest = np.argmax(cuts.true_accepts / cuts.n_same >= min_rate)
    # Of equally good cuts the highest, which accepts most.
    return _last_cut(cuts, cuts.false_accepts[lowest])


def equal_errors(cuts):
    """Return the cut where both error rates are closest, the lower of two."""
    false_rejects = cuts.n_same - cuts.true_accepts
    # Cross-multiplied: equal rates are equal integers.
    gap = cuts.false_accepts * cuts.n_same - false_rejects * cuts.n_different
    return np.argmin(np.abs(gap))


def bounded_far(cuts, target_far, confidence):
    """Return the highest cut whose true false-accept rate is surely low enough."""
    most = max_false_accepts(cuts.n_different, target_far, confidence)
    return _last_cut(cuts, most)


def _last_cut(cuts, n_false_accepts):
    """Return the highest cut with at most this number of false accepts."""
    return np.searchsorted(cuts.false_accepts, n_false_accepts, side="right") - 1


def max_false_accepts(n_different, target_far, confidence):
    r"""Return how many different pairs of a calibration set may be accepted.

    Below the (k+1)-th smallest of n independent distances the true false-accept rate is
    distributed as Beta(k + 1, n - k), or lower where distances tie. It exceeds the
    target with probability :math:`P(\mathrm{Bin}(n, \mathrm{target}) \le k)` [1]_.

    References
    ----------
    .. [1] S. S. Wilks, "Determination of Sample Sizes for Setting Tolerance Limits",
       Annals of Mathematical Statistics, 1941.
    """
    from scipy.stats import binom

    law, risk = binom(n_different, target_far), 1 - confidence
    k = int(law.ppf(risk))
    # The smallest k whose probability reaches the risk; where it is above, not by
    # rounding alone, the one before is the largest whose probability is within.
    k -= law.cdf(k) > risk * (1 + 1e-12)
    if k < 0:
        # Rounding must not require one pair too many where the ratio is whole.
        ratio = math.log1p(-confidence) / math.log1p(-target_far)
        raise ValueError(
            f"`target_far={target_far:g}` with `confidence={confidence:g}` needs at "
            f"least {math.ceil(ratio - 1e-9)} different pairs to set the threshold; "
            f"got {n_different}. (Of pairs that the embedding learns from, only the "
            "`validation_fraction` held out of its training counts.) Give more pairs, "
            "raise `target_far` or lower `confidence`."
        )
    return k


#: The strategies, with the settings that each one uses.
STRATEGIES = {
    "accuracy": (most_accurate, ()),
    "f_beta": (best_f_beta, ("beta",)),
    "max_tpr": (highest_tpr, ("min_rate",)),
    "max_tnr": (highest_tnr, ("min_rate",)),
    "eer": (equal_errors, ()),
    "far": (bounded_far, ("target_far", "confidence")),
}

#: Values of settings that are not given; `min_rate` has none.
DEFAULTS = {"min_rate": None, "beta": 1.0, "target_far": 0.01, "confidence": 0.95}


def resolve_settings(strategy, given):
    """Return the settings that a strategy uses: given ones, and defaults for None."""
    _, used = STRATEGIES[strategy]
    for name, value in given.items():
        if value is not None and name not in used:
            users = [repr(each) for each in STRATEGIES if name in STRATEGIES[each][1]]
            raise ValueError(
                f"`{name}` is only used with strategy={' or '.join(users)}; got "
                f"{name}={value!r} with strategy={strategy!r}. Leave it out, or set "
                "`strategy`. (A search over several strategies takes a list of grids, "
                "each with the settings of its own.)"
            )
    settings = {
        name: DEFAULTS[name] if given.get(name) is None else given[name]
        for name in used
    }
    if None in settings.values():
        kind = "different" if strategy == "max_tpr" else "same"
        outcome = "rejected" if strategy == "max_tpr" else "accepted"
        raise ValueError(
            f"`min_rate` must be a number in [0, 1] with strategy={strategy!r}; got "
            f"None. It is the least share of {kind} pairs that must be {outcome}."
        )
    return settings


def check_enough_pairs(strategy, settings, same):
    """Raise if different pairs are too few for "far", before anything is trained."""
    if strategy == "far":
        max_false_accepts(np.count_nonzero(~same), **settings)


def choose_threshold(strategy, settings, same, distances):
    """Return the threshold that a strategy chooses for pairs of both classes."""
    choose, _ = STRATEGIES[strategy]
    cuts = find_cuts(same, distances)
    return float(cuts.thresholds[choose(cuts, **settings)])
