"""Error rates of a threshold on the distance of pairs."""

from numbers import Real

import numpy as np

from sklearn_contrastive._validation import shorten, validate
from sklearn_contrastive.metrics._inputs import check_kinds

_RULES = {"y_true": ["array-like"], "distances": ["array-like"]}


@validate(_RULES)
def far_frr_curve(y_true, distances):
    r"""Return the false-accept and the false-reject rate at every threshold.

    A pair is accepted as the same if its distance is at most the threshold t:

    .. math::

        \mathrm{FAR}(t) = \frac{1}{|D|} \sum_{p \in D} [d_p \le t], \qquad
        \mathrm{FRR}(t) = \frac{1}{|S|} \sum_{p \in S} [d_p > t]

    over the pairs D of different classes and the pairs S of the same class.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        1 or True for pairs of the same class; 0, -1 or False for others. Both kinds
        must be there.

    distances : array-like of shape (n_pairs,)
        Their distances, >= 0 and small for pairs that are similar, in any unit.

    Returns
    -------
    far : ndarray of shape (n_thresholds,)
        False-accept rates, rising from 0 to 1.

    frr : ndarray of shape (n_thresholds,)
        False-reject rates, falling from 1 to 0.

    thresholds : ndarray of shape (n_thresholds,)
        Minus infinity, at which no pair is accepted, and then each distance that
        occurs, in ascending order.

    Raises
    ------
    ValueError
        If only one kind of pairs is there, lengths differ, or a distance is negative,
        NaN or infinite.

    See Also
    --------
    equal_error_rate : The rate at which both are the same.
    frr_at_far : What a bound on one costs in the other.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import far_frr_curve
    >>> far, frr, thresholds = far_frr_curve([1, 1, 0, 0], [0.1, 0.4, 0.4, 0.9])
    >>> far
    array([0. , 0. , 0.5, 1. ])
    >>> frr
    array([1. , 0.5, 0. , 0. ])
    >>> thresholds
    array([-inf,  0.1,  0.4,  0.9])
    """
    from sklearn.metrics import roc_curve

    same, distances = check_kinds(y_true, distances)
    far, accepted, scores = roc_curve(same, -distances, drop_intermediate=False)
    n_same = np.count_nonzero(same)
    # As a quotient of whole numbers: 1 - accepted would be rounded twice.
    return far, np.rint((1 - accepted) * n_same) / n_same, -scores


@validate(_RULES)
def equal_error_rate(y_true, distances):
    """Return the rate at which false accepts and false rejects are equally frequent.

    Between two thresholds of `far_frr_curve` both rates are taken to change in
    proportion.

    Parameters
    ----------
    y_true, distances : array-like of shape (n_pairs,)
        As for `far_frr_curve`.

    Returns
    -------
    rate : float
        In [0, 1]; 0 where a threshold separates the pairs, 1/2 where distances carry
        no information, above where they are the wrong way round.

    Raises
    ------
    ValueError
        As for `far_frr_curve`.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import equal_error_rate
    >>> equal_error_rate([1, 1, 0, 0], [0.1, 0.5, 0.4, 0.9])
    0.5
    >>> round(equal_error_rate([1, 1, 0, 0], [0.1, 0.4, 0.4, 0.9]), 3)
    0.25
    """
    far, frr, _ = far_frr_curve(y_true, distances)
    # The difference rises from -1 to 1, at every threshold.
    return float(np.interp(0, far - frr, far))


@validate({**_RULES, "far": [Real, "array-like"]})
def frr_at_far(y_true, distances, far):
    """Return the false-reject rate that a bound on the false-accept rate costs.

    It is the least one among the thresholds whose false-accept rate on these pairs is
    at most `far`. Nothing is interpolated: some threshold has these very rates.

    Parameters
    ----------
    y_true, distances : array-like of shape (n_pairs,)
        As for `far_frr_curve`.

    far : float or array-like of float
        The greatest false-accept rate allowed, in [0, 1]. Below one over the number of
        different pairs it means none at all.

    Returns
    -------
    frr : float or ndarray of the shape of `far`
        In [0, 1]; 1 where no pair may be accepted.

    Raises
    ------
    ValueError
        As for `far_frr_curve`, or if `far` is no rate.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import frr_at_far
    >>> y_true, distances = [1, 1, 0, 0], [0.1, 0.5, 0.4, 0.9]
    >>> frr_at_far(y_true, distances, 0.4)
    0.5
    >>> frr_at_far(y_true, distances, [0, 0.5, 1])
    array([0.5, 0. , 0. ])
    """
    bounds = np.asarray(far)
    # NaN is in no interval.
    if bounds.dtype.kind not in "iuf" or not ((bounds >= 0) & (bounds <= 1)).all():
        raise ValueError(f"`far` must hold rates in [0, 1]; got {shorten(far)}.")
    rates, frr, _ = far_frr_curve(y_true, distances)
    found = frr[np.searchsorted(rates, bounds, side="right") - 1]
    return float(found) if bounds.ndim == 0 else found
