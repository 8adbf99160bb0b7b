"""Which pairs are the same: read from labels, and divided in two."""

import warnings

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target

from sklearn_contrastive._validation import (
    first_fraction,
    missing_labels,
    nullable_dtype,
    without_na,
)


def read_labels(y, n_pairs):
    """Return the two labels and which pairs are the same, or say what is wrong.

    Parameters
    ----------
    y : array-like of shape (n_pairs,)
        Labels of two kinds.

    n_pairs : int
        How many there must be.

    Returns
    -------
    classes : ndarray of shape (2,)
        The labels; the second means same.

    same : ndarray of bool of shape (n_pairs,)
        Which pairs are the same.

    Raises
    ------
    ValueError
        If there are no labels, or of another number, or of one kind or several; if
        some are missing, or are numbers with a fraction.
    """
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None. Pass "
            "one label a pair: of two labels the greater means same."
        )
    numpy_dtype = nullable_dtype(y)
    y = column_or_1d(without_na(y, "biuf"), warn=True)
    missing = missing_labels(y)
    fraction = first_fraction(y[~missing])
    if fraction is not None:
        raise ValueError(
            "`y` must hold two labels, not a distance; got continuous values such as "
            f"{fraction!s}. Unknown label type: continuous. Say of each pair whether "
            "it is the same, for example `y <= limit`."
        )
    if missing.any():
        raise ValueError(
            f"`y` must hold one of two labels for every pair; {missing.sum()} are "
            "missing (Input y contains NaN, infinity or None), the first at pair "
            f"{missing.argmax()}. Drop these pairs."
        )
    if numpy_dtype is not None and y.dtype.kind == "f":
        # A nullable column of pandas: integers and bools come through as floats.
        y = y.astype(numpy_dtype)
    check_consistent_length(np.empty(n_pairs), y)
    try:
        classes, codes = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise ValueError(
            f"`y` must hold two labels that can be sorted, of one kind ({error})."
        ) from error
    if len(classes) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is "
            f"{type_of_target(y)}: `y` must hold two labels, the greater for pairs of "
            f"the same; got {len(classes)}, {classes[:5].tolist()} among them."
        )
    if len(classes) < 2:
        raise ValueError(
            "`y` must hold labels of both kinds, of the same and of different pairs; "
            f"got one class, {classes.tolist()}, in {n_pairs} pairs."
        )
    return classes, codes == 1


def hold_out_pairs(same, fraction, rng):
    """Divide pairs at random into some to learn from and some to judge by.

    Parameters
    ----------
    same : ndarray of bool of shape (n_pairs,)
        Which pairs are the same; both kinds occur.

    fraction : float
        Share of each kind to hold out, in (0, 1).

    rng : numpy.random.RandomState
        Source of randomness.

    Returns
    -------
    kept, held_out : ndarray of int
        Numbers of pairs, ascending. Each holds at least one pair of each kind.

    Warns
    -----
    UserWarning
        If there is one pair only of a kind: it is in both.
    """
    parts = [], []
    for kind in (False, True):
        pairs = rng.permutation(np.flatnonzero(same == kind))
        n_out = min(max(1, round(fraction * len(pairs))), len(pairs) - 1)
        if len(pairs) == 1:
            warnings.warn(
                f"There is only one pair of {'the same' if kind else 'two different'}: "
                "the embedding learns from it and the threshold is set by it too, "
                "which makes errors look rarer than they are. Give more pairs.",
                UserWarning,
                stacklevel=4,
            )
            parts[0].append(pairs)
            parts[1].append(pairs)
        else:
            parts[0].append(pairs[n_out:])
            parts[1].append(pairs[:n_out])
    kept, held_out = (np.sort(np.concatenate(part)) for part in parts)
    return kept, held_out
