"""Pairs of rows with known labels: drawn from a table, or given and checked."""

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.random import sample_without_replacement
from sklearn.utils.validation import check_is_fitted, column_or_1d

from sklearn_contrastive._validation import check_pair_labels


def draw_pairs(codes, n_pairs, random_state=None):
    """Draw pairs of rows of one class, and pairs of rows of different classes.

    Parameters
    ----------
    codes : ndarray of int of shape (n_rows,)
        The class of each row.

    n_pairs : int
        How many of each kind; all of them where there are fewer.

    random_state : int, RandomState instance or None, default=None
        Source of randomness.

    Returns
    -------
    ends : ndarray of int of shape (n_drawn, 2)
        Row numbers. No pair is drawn twice, and all are equally likely.

    similar : ndarray of bool of shape (n_drawn,)
        Which pairs are of one class.
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
        chosen = _some(int(totals[-1]), n_pairs, rng)
        left = np.searchsorted(totals, chosen, side="right")
        right = (last - first)[left] - (totals[left] - chosen) + first[left]
        kinds.append(np.column_stack([order[left], order[right]]))
    similar = np.repeat([True, False], [len(kind) for kind in kinds])
    return np.concatenate(kinds), similar


def _some(n_all, n_wanted, rng):
    """Return numbers below `n_all`, each at most once."""
    if n_all <= n_wanted:
        return np.arange(n_all)
    return sample_without_replacement(n_all, n_wanted, random_state=rng)


def measured_pairs(estimator, pairs, y):
    """Return the kinds and distances of pairs that an estimator can measure.

    Parameters
    ----------
    estimator : fitted estimator
        With `pair_distance`: a `PairVerifier` or an embedding.

    pairs : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
        Pairs of rows, or of row numbers where the estimator takes these.

    y : array-like of shape (n_pairs,)
        Labels of the kind that the estimator was trained with.

    Returns
    -------
    similar : ndarray of bool of shape (n_pairs,)
        Which pairs are the same.

    distances : ndarray of shape (n_pairs,)
        Their distances.

    Raises
    ------
    TypeError
        If `estimator` has no `pair_distance`.
    ValueError
        If `y` has another length, or holds other labels.
    """
    if isinstance(estimator, type) or not hasattr(estimator, "pair_distance"):
        what = estimator.__name__ if isinstance(estimator, type) else estimator
        raise TypeError(
            "`estimator` must be a fitted PairVerifier, or a fitted embedding with "
            f"`pair_distance`, to measure pairs; got {what}."
        )
    check_is_fitted(estimator)
    distances = estimator.pair_distance(pairs)
    if not hasattr(estimator, "threshold_"):
        return check_pair_labels(y, len(distances), "y"), distances
    classes = estimator.classes_
    labels = column_or_1d(y)
    if len(labels) != len(distances) or not np.isin(labels, classes).all():
        raise ValueError(
            f"`y` must hold one of the labels {classes.tolist()} for each of "
            f"{len(distances)} pairs, as in `fit`; got {len(labels)} labels such as "
            f"{labels[:5].tolist()}."
        )
    return labels == classes[1], distances
