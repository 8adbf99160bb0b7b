"""Thresholds on distances: a pair is the same up to the threshold."""

import math

import numpy as np

from sklearn_contrastive._validation import shorten

#: The strategies, with the settings that each one uses.
STRATEGIES = {
    "accuracy": (),
    "f_beta": ("beta",),
    "max_tpr": ("min_rate",),
    "max_tnr": ("min_rate",),
    "eer": (),
    "far": ("target_far", "confidence"),
}

#: Values of settings that are not given; `min_rate` has none.
DEFAULTS = {"min_rate": None, "beta": 1.0, "target_far": 0.01, "confidence": 0.95}


def find_cuts(same, distances):
    """Return all ways to cut sorted distances in two, from accepting none to all.

    These are thresholds, ascending and in the middle between distinct distances, and
    how many same and how many different pairs each of them accepts.
    """
    from sklearn.metrics import roc_curve

    false, true, scores = roc_curve(same, -distances, drop_intermediate=False)
    values = -scores[1:]
    between = values[:-1] + np.diff(values) / 2
    # No float lies between adjacent floats, and their middle may round to the upper.
    between = np.where(between < values[1:], between, values[:-1])
    n_same = np.count_nonzero(same)
    # No distance is as small as -1, and none as great as twice the greatest.
    thresholds = np.concatenate([[-1.0], between, [2 * values[-1]]])
    accepts = np.rint([true * n_same, false * (len(same) - n_same)])
    return thresholds, *accepts.astype(int)


def choose_threshold(strategy, settings, same, distances):
    """Return the threshold that a strategy chooses for pairs of both classes."""
    thresholds, true, false = find_cuts(same, distances)
    return float(thresholds[_best_cut(strategy, settings, true, false)])


def _best_cut(strategy, settings, true, false):
    """Return which cut is best by its true and false accepts, the lowest of equals."""
    n_same, n_different = int(true[-1]), int(false[-1])
    if strategy == "accuracy":
        return np.argmax(true - false)
    if strategy == "f_beta":
        # A larger one says the same: recall alone.
        weight = min(settings["beta"], 1e100) ** 2
        return np.argmax((1 + weight) * true / (weight * n_same + true + false))
    if strategy == "max_tpr":
        allowed = (n_different - false) / n_different >= settings["min_rate"]
        return np.argmax(np.where(allowed, true, -1))
    if strategy == "eer":
        # Cross-multiplied: equal rates are equal integers.
        return np.argmin(np.abs(false * n_same - (n_same - true) * n_different))
    if strategy == "max_tnr":
        most = false[np.argmax(true / n_same >= settings["min_rate"])]
    else:
        most = max_false_accepts(n_different, **settings)
    # Of equally good cuts the highest, which accepts most.
    return np.searchsorted(false, most, side="right") - 1


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
            f"least {np.ceil(ratio - 1e-9):.15g} different pairs to set the threshold; "
            f"got {n_different}. Pairs that train the embedding do not count. Give "
            "more pairs, raise `target_far` or lower `confidence`."
        )
    return k


def resolve_settings(strategy, given, otherwise=DEFAULTS):
    """Return the settings that a strategy uses: given ones, others, or defaults."""
    used = STRATEGIES[strategy]
    for name in DEFAULTS:
        if name not in used and given.get(name) is not None:
            users = [repr(each) for each in STRATEGIES if name in STRATEGIES[each]]
            raise ValueError(
                f"`{name}` is only used with strategy={' or '.join(users)}; got "
                f"{name}={shorten(given[name])} with strategy={strategy!r}. Leave it "
                "out, or set `strategy`; a search over several takes a list of grids."
            )
    settings = {}
    for name in used:
        values = given.get(name), otherwise[name], DEFAULTS[name]
        settings[name] = next((value for value in values if value is not None), None)
    if None in settings.values():
        raise ValueError(
            f"`min_rate` must be a number in [0, 1] with strategy={strategy!r}, the "
            "least share of pairs of one class to be right about; got None."
        )
    return {name: float(value) for name, value in settings.items()}


def check_enough_pairs(strategy, settings, same):
    """Raise if there are too few different pairs for "far"."""
    if strategy == "far":
        max_false_accepts(np.count_nonzero(~same), **settings)
