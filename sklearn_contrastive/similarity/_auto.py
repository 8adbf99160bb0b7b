"""What ``similarity="auto"`` stands for, by what is known of the rows."""

import numpy as np
from scipy.sparse import issparse

#: Whole numbers given as floats are targets where they have fewer rows a value.
_ROWS_A_VALUE = 5


def likeness_of(X, y):
    """Return the name of the similarity that fits `X` and `y`.

    Parameters
    ----------
    X : array-like
        Rows, of shape (n_samples, n_features), or pairs of rows, of shape (n_pairs, 2,
        n_features).

    y : object
        What is known of them, or None.

    Returns
    -------
    name : str
        ``"pairs"`` for pairs of rows; ``"neighbors"`` without `y`; ``"multilabel"``
        for an indicator matrix or a list of sets; ``"targets"`` for several columns
        of numbers, for numbers with a fraction, and for whole numbers as floats with
        fewer than five rows a value; else ``"labels"``.
    """
    if getattr(X, "ndim", 2) == 3:
        return "pairs"
    if y is None:
        return "neighbors"
    if issparse(y) or holds_sets(y):
        return "multilabel"
    numpy_dtype = getattr(getattr(y, "dtype", None), "numpy_dtype", None)
    values = without_na(y, "f")
    if values.ndim == 2 and values.shape[1] > 1:
        whole = values.dtype.kind in "biuf"
        return "multilabel" if whole and np.isin(values, (0, 1)).all() else "targets"
    if values.dtype.kind != "f" or getattr(numpy_dtype, "kind", "f") != "f":
        return "labels"
    known = values[np.isfinite(values)]
    if not np.array_equal(known, np.floor(known)):
        return "targets"
    if len(known) < len(values):
        # Whole numbers become floats where some are missing: labels as likely as not,
        # and what is missing has to be named.
        return "labels"
    few = len(known) < _ROWS_A_VALUE * len(np.unique(known))
    return "targets" if few and len(known) > 20 else "labels"


def holds_sets(y):
    """Return whether something is a sequence of sets of labels.

    Parameters
    ----------
    y : object
        What is known of rows.

    Returns
    -------
    holds_sets : bool
        True for sets, and for lists and tuples but those of as many numbers each.
    """
    if issparse(y) or getattr(y, "ndim", 1) != 1 or not hasattr(y, "__len__"):
        return False
    kinds = {type(labels) for labels in y}
    if not kinds or not kinds <= {set, frozenset, list, tuple}:
        return False
    if kinds & {set, frozenset}:
        return True
    try:
        # As many numbers in every row are a table.
        return np.asarray(y).dtype.kind not in "biuf"
    except ValueError:
        return True


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
    numpy_dtype = getattr(getattr(y, "dtype", None), "numpy_dtype", None)
    if getattr(numpy_dtype, "kind", " ") in kinds and hasattr(y, "to_numpy"):
        return y.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(y)
