"""What figures are computed from, checked: points, class labels, pairs."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_array, column_or_1d

from sklearn_contrastive._validation import (
    check_pair_labels,
    first_fraction,
    missing_labels,
)


def check_points(Z, name, n_least=1):
    """Return points as finite floats, or say what is wrong with them.

    Parameters
    ----------
    Z : array-like of shape (n_rows, n_components)
        The user's points.

    name : str
        What messages call them.

    n_least : int, default=1
        How many there must be at least.

    Returns
    -------
    Z : ndarray of shape (n_rows, n_components)
        In float64.

    Raises
    ------
    ValueError
        If they are no table of numbers, too few, or hold NaN or infinity.
    TypeError
        If they are sparse.
    """
    try:
        Z = check_array(Z, dtype=np.float64, ensure_all_finite=False)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"`{name}` must be a table of numbers, of shape (n_rows, n_components): "
            # Behind it there is the whole array.
            f"{str(error).partition(' instead:')[0]}"
        ) from error
    if len(Z) < n_least:
        raise ValueError(f"`{name}` must hold at least {n_least} rows; got {len(Z)}.")
    bad = ~np.isfinite(Z).all(axis=1)
    if bad.any():
        raise ValueError(
            f"`{name}` must be finite; found NaN or infinity in {bad.sum()} rows, the "
            f"first of them row {bad.argmax()}. Leave out rows that have no place."
        )
    return Z


def class_codes(y, n_rows, name="y", table="Z"):
    """Return a number for the class of each row, or say what is wrong with `y`.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels of any type that can be sorted.

    n_rows : int
        How many there must be.

    name, table : str
        What messages call the labels, and the rows they belong to.

    Returns
    -------
    codes : ndarray of int of shape (n_rows,)
        From 0 to ``n_classes - 1``.

    Raises
    ------
    ValueError
        If labels are missing, continuous, of several types, or not one for each row.
    """
    labels = check_labels(y, n_rows, name, table)
    return _coded(labels, f"`{name}`")


def shared_codes(labels, others):
    """Return numbers for the classes of two lists of labels, the same for the same.

    Parameters
    ----------
    labels, others : ndarray of shape (n_rows,)
        As `check_labels` returns them.

    Returns
    -------
    codes, other_codes : ndarray of int
        For either list.

    Raises
    ------
    ValueError
        If one holds text and the other numbers.
    """
    both = [labels, others]
    if labels.dtype.kind != others.dtype.kind:
        # As text 1 and "1" would be one class, as floats two large integers.
        both = [part.astype(object) for part in both]
    codes = _coded(np.concatenate(both), "`y` and `y_gallery`")
    return codes[: len(labels)], codes[len(labels) :]


def check_labels(y, n_rows, name="y", table="Z"):
    """Return class labels as an array, or say what is wrong with them.

    Parameters
    ----------
    y, n_rows, name, table
        As for `class_codes`.

    Returns
    -------
    labels : ndarray of shape (n_rows,)
        The labels.
    """
    try:
        labels = column_or_1d(y)
    except ValueError as error:
        raise ValueError(f"`{name}` must be one column of labels: {error}") from error
    if len(labels) != n_rows:
        raise ValueError(
            f"`{name}` must hold one label for each row of `{table}`; got "
            f"{len(labels)} labels for {n_rows} rows."
        )
    _refuse_missing(labels, name, "row")
    fraction = first_fraction(labels)
    if fraction is not None:
        raise ValueError(
            f"`{name}` must hold class labels; got continuous values such as "
            f"{fraction!s}. Cut a quantity into classes first, for "
            "example with pandas.qcut."
        )
    return labels


def check_ranks(k):
    """Return the numbers of nearest rows asked for, checked.

    Parameters
    ----------
    k : int or sequence of int
        What the user gave.

    Returns
    -------
    k : tuple of int
        Each at least 1.

    Raises
    ------
    ValueError
        If one is no int, a bool, or less than 1.
    """
    values = tuple(k) if hasattr(k, "__len__") else (k,)
    for value in values:
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(
                "`k` must hold ints in [1, inf), numbers of nearest rows; got "
                f"{value!r}."
            )
    return tuple(int(value) for value in values)


def warn_of_one_class(counts, stacklevel):
    """Say so where there is no row of another class to be found.

    Parameters
    ----------
    counts : ndarray of int
        Rows of each class among those that are searched.

    stacklevel : int
        Who is told, counted from the caller.

    Warns
    -----
    UserWarning
        If there is a single class.
    """
    if np.count_nonzero(counts) == 1:
        warnings.warn(
            "All rows that are searched are of one class: every figure is 1, whatever "
            "the embedding. Measure on rows of several classes.",
            UserWarning,
            stacklevel=stacklevel + 1,
        )


def check_kinds(y_true, distances):
    """Return which pairs are of the same class, and their distances, checked.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        1 or True for pairs of the same class; 0, -1 or False for others.

    distances : array-like of shape (n_pairs,)
        Numbers >= 0.

    Returns
    -------
    same : ndarray of bool of shape (n_pairs,)
        Which pairs are.

    distances : ndarray of shape (n_pairs,)
        In float64.

    Raises
    ------
    ValueError
        If the lengths differ, only one kind of pairs is there, or values are of
        another kind.
    """
    distances = _check_distances(distances)
    _refuse_missing(np.asarray(y_true).ravel(), "y_true", "pair")
    same = check_pair_labels(y_true, len(distances), "y_true")
    if same.all() or not same.any():
        kind = "the same" if same.any() else "different"
        raise ValueError(
            f"`y_true` must hold pairs of both kinds; all {len(same)} are {kind}."
        )
    return same, distances


def _refuse_missing(labels, name, what):
    missing = missing_labels(labels)
    if missing.any():
        raise ValueError(
            f"`{name}` must hold a class label for every {what}; {missing.sum()} are "
            f"missing, the first at row {missing.argmax()}. Leave those {what}s out."
        )


def _check_distances(distances):
    try:
        distances = column_or_1d(distances).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`distances` must be one column of numbers: {error}"
        ) from error
    if not np.isfinite(distances).all():
        raise ValueError(
            "`distances` must be numbers in [0, inf); found NaN or infinity in "
            f"{(~np.isfinite(distances)).sum()} of {len(distances)} pairs."
        )
    if (distances < 0).any():
        raise ValueError(
            "`distances` must be numbers in [0, inf), small for pairs that are similar; "
            f"got {distances.min():g}. Give what `pair_distance` returns, not scores."
        )
    return distances


def _coded(labels, name):
    try:
        return np.unique(labels, return_inverse=True)[1].ravel()
    except TypeError as error:
        raise ValueError(
            f"{name} must hold labels of one type, such as all text or all numbers: "
            f"{error}."
        ) from error
