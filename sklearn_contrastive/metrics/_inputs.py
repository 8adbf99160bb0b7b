"""What figures are computed from, checked: points, class labels, pairs."""

import numpy as np
from sklearn.utils.validation import check_array, column_or_1d


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
            f"{error}"
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
    missing = _missing(labels)
    if missing.any():
        raise ValueError(
            f"`{name}` must hold a class label for every row; {missing.sum()} are "
            f"missing, the first at row {missing.argmax()}. Leave those rows out."
        )
    if labels.dtype.kind == "f" and (labels % 1).any():
        raise ValueError(
            f"`{name}` must hold class labels; got continuous values such as "
            f"{labels[labels % 1 != 0][0]!s}. Cut a quantity into classes first, for "
            "example with pandas.qcut."
        )
    return labels


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
    y_true = check_labels(y_true, len(distances), "y_true", "distances")
    values = set(np.unique(y_true).tolist()) if y_true.dtype.kind != "O" else {None}
    if not (values <= {0, 1} or values <= {-1, 1}):
        raise ValueError(
            "`y_true` must hold 1 (or True) for pairs of the same class and 0 (or "
            f"False, or -1) for others; got {str(y_true[:5].tolist())[1:-1]}, ..."
        )
    same = y_true == 1
    if same.all() or not same.any():
        kind = "of the same class" if same.any() else "of different classes"
        raise ValueError(
            "`y_true` must hold pairs of both kinds, the same and different; all "
            f"{len(same)} are {kind}."
        )
    return same, distances


def _check_distances(distances):
    try:
        distances = column_or_1d(distances).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`distances` must be one column of numbers: {error}"
        ) from error
    if not np.isfinite(distances).all():
        raise ValueError(
            "`distances` must be finite; found NaN or infinity in "
            f"{(~np.isfinite(distances)).sum()} of {len(distances)} pairs."
        )
    if (distances < 0).any():
        raise ValueError(
            "`distances` must be >= 0, and small for pairs that are alike; got "
            f"{distances.min():g}. Give what `pair_distance` returns, not scores."
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


def _missing(labels):
    kind = labels.dtype.kind
    if kind in "fc":
        return ~np.isfinite(labels)
    if kind in "mM":
        return np.isnat(labels)
    if kind == "O":
        return np.array([_is_missing(label) for label in labels], dtype=bool)
    return np.zeros(len(labels), dtype=bool)


def _is_missing(label):
    try:
        return label is None or bool(label != label)
    except TypeError:
        # pandas.NA has no truth value.
        return True
