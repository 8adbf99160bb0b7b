"""Validation of what metrics take: points, class labels, pairs, ranks."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.utils import check_array, column_or_1d

import sklearn_contrastive._validation as _validation
from sklearn_contrastive._validation import short_errors, shorten, shortened

#: What to do about a quantity in the place of classes.
_CUT = "Cut a quantity into classes first, as by pandas.qcut."


def check_points(Z, name, n_least=1):
    """Return a table of points as finite float64, `n_least` rows or more."""
    try:
        with short_errors():
            Z = check_array(
                Z, dtype=np.float64, ensure_all_finite=False, ensure_min_samples=n_least
            )
    except ValueError as error:
        raise ValueError(
            f"`{name}` must be a table of numbers, of shape (n_rows, n_components): "
            # Behind it there is the whole array.
            f"{str(error).partition(' instead:')[0]}"
        ) from error
    bad = ~np.isfinite(Z).all(axis=1)
    if bad.any():
        raise ValueError(
            f"`{name}` must be finite; found NaN or infinity in {bad.sum()} rows, the "
            f"first of them row {bad.argmax()}. Leave out rows that have no place."
        )
    return Z


def class_codes(y, n_rows, table="Z"):
    """Return the class of each row as an int from 0 to ``n_classes - 1``."""
    return sorted_classes(check_labels(y, n_rows, table=table))[1]


def shared_codes(labels, others):
    """Return the classes of two arrays of labels as ints, equal for equal labels."""
    both = [labels, others]
    if labels.dtype.kind != others.dtype.kind:
        # As text 1 and "1" would be one class, as floats two large integers.
        both = [part.astype(object) for part in both]
    codes = sorted_classes(np.concatenate(both), "`y` and `y_gallery`")[1]
    return codes[: len(labels)], codes[len(labels) :]


def check_labels(y, n_rows, name="y", table="Z", remedy=_CUT, warn=False):
    """Return class labels as an array of any type, one for each row.

    Text of messages: the names of the parameters, and what to do about a quantity.
    """
    try:
        kind, labels, missing = _validation.read_values(y)
        if kind == "c":
            raise ValueError("Complex data not supported.")
        labels, missing = column_or_1d(labels, warn=warn), missing.ravel()
    except ValueError as error:
        raise ValueError(
            f"`{name}` must be one column of labels: {shortened(error)}"
        ) from error
    if len(labels) != n_rows:
        raise ValueError(
            f"`{name}` must hold one label for each row of `{table}`; got "
            f"{len(labels)} labels for {n_rows} rows."
        )
    missing |= np.isinf(labels) if kind == "f" else False
    if missing.any():
        raise ValueError(
            f"`{name}` must hold a class label for every row; {missing.sum()} are "
            f"missing, the first at row {missing.argmax()}. Leave those rows out "
            "(Input y contains NaN, infinity or None)."
        )
    fraction = _validation.first_fraction(labels)
    if fraction is not None:
        raise ValueError(
            f"`{name}` must hold class labels; got continuous values such as "
            f"{fraction}. {remedy} (Unknown label type: continuous.)"
        )
    return labels


def check_not_all_alone(n_not_alone, n_rows):
    """Raise where no row has another one of its class."""
    if not n_not_alone:
        raise ValueError(
            "`y` must hold a class with at least two rows; each of the "
            f"{n_rows} rows is alone of its class."
        )


def check_ranks(k):
    """Return one or several numbers of nearest rows as a tuple of ints >= 1."""
    values = tuple(k) if np.iterable(k) else (k,)
    for value in values:
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(f"`k` must hold ints in [1, inf); got {shorten(value)}.")
    return tuple(int(value) for value in values)


def warn_of_one_class(counts, stacklevel):
    """Warn if all rows that are searched, counted by class, are of one class."""
    if np.count_nonzero(counts) == 1:
        warnings.warn(
            "All rows that are searched are of one class: every figure is 1, whatever "
            "the embedding. Measure on rows of several classes.",
            stacklevel=stacklevel + 1,
        )


def check_kinds(y_true, distances):
    """Return which pairs are of the same class, and their distances in float64."""
    try:
        distances = _validation.read_numbers(distances)
        distances = column_or_1d(distances).astype(np.float64)
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(
            f"`distances` must be one column of numbers: {shortened(error)}"
        ) from error
    bad = ~((distances >= 0) & (distances < np.inf))
    if bad.any():
        raise ValueError(
            "`distances` must be numbers in [0, inf), small for similar pairs; got "
            f"{distances[bad][0]:g} ({bad.sum()} pairs in all are outside)."
        )
    same = _validation.check_pair_labels(y_true, len(distances), "y_true")
    if same.all() or not same.any():
        kind = "the same" if same.any() else "different"
        raise ValueError(
            f"`y_true` must hold pairs of both kinds; all {len(same)} are {kind}."
        )
    return same, distances


def sorted_classes(labels, name="`y`"):
    """Return the classes in order, and the number of each label among them."""
    try:
        return np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise ValueError(
            f"{name} must hold labels of one type, all text or all numbers: "
            f"{shortened(error)}."
        ) from error
