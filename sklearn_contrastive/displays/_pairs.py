"""Pairs of rows: drawn from a table or given, with their distances."""

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.random import sample_without_replacement
from sklearn.utils.validation import column_or_1d

from sklearn_contrastive._validation import read_values
from sklearn_contrastive.displays._rows import attribute, require


def draw_pairs(codes, n_pairs, random_state=None):
    """Draw at most `n_pairs` of each kind, all equally likely and none twice.

    Returns row numbers, of shape (n_drawn, 2), and which pairs are of one class.
    """
    rng = check_random_state(random_state)
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    places = np.arange(len(codes))
    # Behind each row, in order of class: first others of its class, then the rest.
    class_ends = np.searchsorted(ordered, ordered, side="right")
    kinds = []
    for first, last in ((places + 1, class_ends), (class_ends, len(codes))):
        totals = np.cumsum(last - first)
        n_all, chosen = int(totals[-1]), np.arange(totals[-1])
        if n_all > n_pairs:
            chosen = sample_without_replacement(n_all, n_pairs, random_state=rng)
        left = np.searchsorted(totals, chosen, side="right")
        right = (last - first)[left] - (totals[left] - chosen) + first[left]
        kinds.append(np.column_stack([order[left], order[right]]))
    similar = np.repeat([True, False], [len(kind) for kind in kinds])
    return np.concatenate(kinds), similar


def measure_pairs(display, estimator, pairs, y):
    """Return which pairs are similar, not yet validated, and their distances."""
    needed = "PairVerifier, or a fitted embedding with `pair_distance`"
    advice = "Draw distances that are known already with from_predictions."
    require(display, estimator, "pair_distance", needed, advice)
    distances = estimator.pair_distance(pairs)
    if attribute(estimator, "threshold_") is None:
        return y, distances
    classes, labels = estimator.classes_, column_or_1d(read_values(y)[1])
    if not np.isin(labels, classes).all():
        raise ValueError(
            f"`y` must hold labels of `fit`, {classes.tolist()}; got labels such as "
            f"{labels[:5].tolist()}."
        )
    return labels == classes[1], distances
