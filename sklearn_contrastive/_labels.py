"""What labels are: missing, fractions, nullable columns, or two kinds of pairs."""

import numpy as np


def nullable_dtype(y):
    """Return the dtype of numpy that a nullable column of pandas stands for.

    Parameters
    ----------
    y : object
        What is known of rows.

    Returns
    -------
    dtype : numpy dtype or None
        None for everything else.
    """
    return getattr(getattr(y, "dtype", None), "numpy_dtype", None)


def without_na(y, kinds):
    """Return an array, with NaN for what is missing in a nullable column of pandas.

    Parameters
    ----------
    y : array-like
        What is known of rows.

    kinds : str
        Of which kinds of numbers, by their letters in numpy.

    Returns
    -------
    values : ndarray
        Floats for such columns, else whatever numpy makes of it.
    """
    if getattr(nullable_dtype(y), "kind", " ") in kinds and hasattr(y, "to_numpy"):
        return y.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(y)


def missing_labels(y):
    """Return which labels are missing.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Labels of any type.

    Returns
    -------
    missing : ndarray of bool of shape (n_rows,)
        True for None, NaN, NaT, pandas.NA and infinity.
    """
    if y.dtype.kind in "fc":
        return ~np.isfinite(y)
    if y.dtype.kind in "mM":
        return np.isnat(y)
    if y.dtype.kind != "O":
        # Integers, bools and fixed-width strings have no missing values.
        return np.zeros(len(y), dtype=bool)
    return np.array([is_missing(label) for label in y], dtype=bool)


def is_missing(label):
    """Return whether a label stands for nothing.

    Parameters
    ----------
    label : object
        One label.

    Returns
    -------
    missing : bool
        True for None, NaN (unequal to itself) and pandas.NA (which has no truth
        value).
    """
    try:
        return label is None or bool(label != label)
    except (TypeError, ValueError):
        return True


def first_fraction(y):
    """Return the first value that is no whole number.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Labels of any type, none of them missing.

    Returns
    -------
    value : float or None
        None where all serve as labels.
    """
    if y.dtype.kind != "f":
        return None
    fractions = y[y != np.floor(y)]
    return fractions[0] if len(fractions) else None


def check_pair_labels(labels, n_pairs, name):
    """Return which pairs are alike, or say what is wrong with their labels.

    Parameters
    ----------
    labels : array-like of shape (n_pairs,)
        1 or True for alike, 0, -1 or False for unlike.

    n_pairs : int
        How many there must be.

    name : str
        What messages call them.

    Returns
    -------
    alike : ndarray of bool of shape (n_pairs,)
        The labels.

    Raises
    ------
    ValueError
        If there are none, of another number, or of other kinds.
    """
    if labels is None:
        raise ValueError(
            f"`{name}` must hold 1 (alike) or 0 or -1 (unlike) for each pair; got None."
        )
    labels = np.asarray(labels)
    if labels.dtype.kind == "O":
        # Numbers and bools may come as objects.
        labels = np.array(labels.tolist())
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (n_pairs,):
        raise ValueError(
            f"`{name}` must hold one label for each of {n_pairs} pairs; got shape "
            f"{labels.shape}."
        )
    kinds = set(np.unique(labels).tolist()) if labels.dtype.kind in "biufSU" else {None}
    if not (kinds <= {0, 1} or kinds <= {-1, 1}):
        raise ValueError(
            f"`{name}` must hold 1 or True for pairs that are alike, and 0, -1 or "
            "False for those that are not, one of the three throughout; got "
            f"{sorted(kinds, key=str)[:5]}."
        )
    return labels == 1
