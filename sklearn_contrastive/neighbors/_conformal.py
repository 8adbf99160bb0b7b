"""Conformal label sets and intervals by leave-one-out neighbours, on arrays alone."""

from numbers import Real

import numpy as np
from sklearn.utils import gen_batches

from sklearn_contrastive._validation import shorten

#: The unit of squared distance in which a neighbour's weight falls by 1/e, for labels
#: and for targets. Chosen on tables of the benchmark; to choose by the references would
#: end the guarantee.
_LABELS_UNIT, _TARGETS_UNIT = 0.4, 0.15
#: How many neighbours that say nothing every row has: far away few others are left.
_BACKGROUND = 1.0
#: Shares that differ by less, relatively, are equal, and intervals are so much longer
#: at both ends, in standard deviations: ties count, and points in single precision
#: depend on how many rows are mapped at once.
_EQUAL = 1e-5
#: References that sets and intervals go by.
_MOST_COUNTED = 2000
#: Values of the kernel held at once.
_MOST_VALUES = 2**20


def check_confidence(confidence):
    """Raise unless it is a number between 0 and 1."""
    if not (isinstance(confidence, Real) and 0 < confidence < 1):
        raise ValueError(
            "`confidence` must be a number between 0 and 1, both excluded; got "
            f"{shorten(confidence)}. Pass 0.9 for sets that miss one row in ten."
        )


def n_strangers(confidence, n):
    """Return how many of n references must be as strange as what is in a set."""
    # Without rounding, (1 - 0.9) * 10 is less than 1. Of n there are not n + 1.
    least = np.floor(np.round((1 - float(confidence)) * (n + 1), 9)).astype(int)
    return np.minimum(least, n)


def counted(n_rows):
    """Return the rows that sets and intervals go by: all, or some at random."""
    # Evenly spaced ones may be all of one class.
    return np.sort(np.random.default_rng(0).permutation(n_rows)[:_MOST_COUNTED])


def label_sets(points, references, codes, n_classes, confidence, by_class, n=None):
    """Return which classes are in the set of each row, (n_rows, n_classes).

    ``codes`` are the numbers of the references' classes. All references vote; the first
    ``n`` of them are compared with the row, None for all.
    """
    n = len(codes) if n is None else n
    voters = codes[:, None] == np.arange(n_classes)
    is_class = voters[:n]
    among = _kernel(references[:n], references, _LABELS_UNIT)
    np.fill_diagonal(among, 0)
    own, mass = (among @ voters)[is_class], among.sum(axis=1) + _BACKGROUND
    counted = is_class.sum(axis=0) if by_class else np.full(n_classes, n)
    fewest = n_strangers(confidence, counted)
    sets = np.empty((len(points), n_classes), dtype=bool)
    for part in gen_batches(len(points), max(1, _MOST_VALUES // len(codes))):
        near = _kernel(points[part], references, _LABELS_UNIT)
        shares = near @ voters / (near.sum(axis=1, keepdims=True) + _BACKGROUND)
        near = near[:, :n]
        # The share of a reference's own class, where the new row is of it and not.
        joined, others = (own + near) / (mass + near), own / (mass + near)
        for c, mine in enumerate(is_class.T):
            own_shares = joined[:, mine] if by_class else np.where(mine, joined, others)
            stranger = own_shares <= shares[:, [c]] * (1 + _EQUAL)
            sets[part, c] = stranger.sum(axis=1) >= fewest[c]
    return sets


def target_intervals(points, references, values, confidence, n=None):
    """Return the lower and upper end for each row and output, (n_rows, n_outputs, 2).

    All references vote; the first ``n`` of them are compared, None for all.

    A target y of a new row makes a residual abs(a - b * y) of each reference, relative
    to spreads, and abs(y - c) of itself; b < 1, so that the targets for which the
    reference is the stranger of the two are an interval around c.
    """
    n = len(values) if n is None else n
    found = np.full((len(points), values.shape[1], 2), [-np.inf, np.inf])
    fewest = n_strangers(confidence, n)
    if fewest == 0 or len(values) == 1:
        return found
    among = _kernel(references[:n], references, _TARGETS_UNIT)
    np.fill_diagonal(among, 0)
    sums, mass = among @ values, among.sum(axis=1)
    for part in gen_batches(len(points), max(1, _MOST_VALUES // len(values))):
        near = _kernel(points[part], references, _TARGETS_UNIT)
        own, centers = near.sum(axis=1, keepdims=True), near @ values
        near = near[:, :n]
        joined = mass + near
        spread = np.sqrt((1 + _BACKGROUND / own) / (1 + _BACKGROUND / joined))
        centers, b = centers / own, spread * near / joined
        for output in range(values.shape[1]):
            c = centers[:, [output]]
            a = spread * (values[:n, output] - sums[:, output] / joined)
            ends = (c + a) / (1 + b), (c - a) / (1 - b)
            lower, upper = np.minimum(*ends), np.maximum(*ends)
            lower.partition(fewest - 1, axis=1)
            upper.partition(n - fewest, axis=1)
            found[part, output, 0] = lower[:, fewest - 1] - _EQUAL
            found[part, output, 1] = upper[:, n - fewest] + _EQUAL
    return found


def _kernel(points, others, unit):
    """Return exp(-d^2 / unit) for points of length 1."""
    products = points.astype(np.float64) @ others.T.astype(np.float64)
    return np.exp((products - 1) * 2 / unit)
