"""Probabilities from distances of labelled pairs, and a warning of wrong labels."""

import warnings

import numpy as np
from scipy.special import logit

from sklearn_contrastive._validation import shorten


def fit_sigmoid(same, distances):
    """Return slope and intercept of the logit of "same" as a function of the distance.

    This is the logistic regression of Platt [1]_, whose targets, a little inside 0 and
    1, keep the slope finite where classes do not overlap. The slope is at most 0: the
    probability is constant where distances do not separate the classes in this order.

    References
    ----------
    .. [1] J. Platt, "Probabilistic Outputs for Support Vector Machines and Comparisons
       to Regularized Likelihood Methods", Advances in Large Margin Classifiers, 1999.
    """
    from sklearn.linear_model import LogisticRegression

    n_same = np.count_nonzero(same)
    targets = np.where(same, (n_same + 1) / (n_same + 2), 1 / (len(same) - n_same + 2))
    center, scale = distances.mean(), distances.std() or 1.0
    column = ((distances - center) / scale)[:, None]
    # A target between 0 and 1 is a row with both labels, each with its weight.
    rows, labels = np.tile(column, (2, 1)), np.repeat([0, 1], len(column))
    weights = np.concatenate([1 - targets, targets])
    logistic = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    logistic.fit(rows, labels, sample_weight=weights)
    slope = float(logistic.coef_[0, 0]) / scale
    if slope < 0:
        return slope, float(logistic.intercept_[0]) - slope * center
    return 0.0, float(logit(targets.mean()))


def warn_if_swapped(classes, same, distances):
    """Warn if same pairs lie farther apart than others, as with swapped labels."""
    from sklearn.metrics import roc_auc_score

    # The share of comparisons in which the same pair is nearer; ties count one half.
    share = roc_auc_score(same, -distances)
    if share < 0.5:
        other, label = map(shorten, classes.tolist())
        warnings.warn(
            f"Pairs labelled {label} lie farther apart than pairs labelled {other} in "
            f"{1 - share:.0%} of the comparisons, yet {label}, the greater label, "
            f"means same. If {other} does, pass `np.asarray(y) == {other}` as `y`. If "
            "not, the embedding does not separate the classes.",
            stacklevel=5,
        )
