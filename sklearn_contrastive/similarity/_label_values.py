"""Class labels: checked, and told from missing ones."""

import numpy as np
from sklearn.utils.validation import column_or_1d


def check_labels(y, n_rows, unlabeled=None):
    """Return class labels as an array, or say what is wrong with them.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of any type.

    n_rows : int or None
        How many there must be; None for any number.

    unlabeled : object, default=None
        What stands for a label that is not known; NaN for every missing value, None
        where all must be known.

    Returns
    -------
    y : ndarray of shape (n_samples,)
        The labels.

    known : ndarray of bool of shape (n_samples,)
        Which of them are known.

    Raises
    ------
    ValueError
        If `y` is missing, has another length, or has missing, complex or continuous
        values.
    """
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None. Pass "
            "one class label per row of `X`: pairs are built from them."
        )
    numpy_dtype = getattr(getattr(y, "dtype", None), "numpy_dtype", None)
    y = column_or_1d(y, warn=True)
    if n_rows is not None and len(y) != n_rows:
        raise ValueError(
            f"`y` must hold one label per row of `X`: found input variables with "
            f"inconsistent numbers of samples, {n_rows} rows and {len(y)} labels."
        )
    # Integers, bools and fixed-width strings have no missing values.
    missing = np.zeros(len(y), dtype=bool)
    if y.dtype.kind in "fcmMO":
        missing = _missing_labels(y)
    known = np.ones(len(y), dtype=bool)
    if unlabeled is not None:
        marked = _marked(y, missing, unlabeled)
        known, missing = ~marked, missing & ~marked
    if missing.any():
        raise ValueError(
            f"`y` must hold a class label for every row; {missing.sum()} are missing "
            f"(Input y contains NaN, infinity or None), the first at row "
            f"{missing.argmax()}. Drop those rows, give them a class of their own, or "
            "say that they mean unknown: LabelSimilarity(unlabeled=numpy.nan). If `y` "
            "is a quantity, use similarity='targets', where NaN means unknown."
        )
    if numpy_dtype is not None and y.dtype.kind == "f" and known.all():
        # A nullable column of pandas: integers and bools come through as floats.
        y = y.astype(numpy_dtype)
    if y.dtype.kind == "c":
        raise ValueError("Complex data not supported: `y` must hold class labels.")
    if y.dtype.kind == "f" and not np.array_equal(y[known], np.floor(y[known])):
        raise ValueError(
            "`y` must hold class labels; got continuous values such as "
            f"{y[known & (y != np.floor(y))][0]!s}. Unknown label type: continuous. "
            "For a quantity use similarity='targets', or cut it into classes first, "
            "for example with sklearn.preprocessing.KBinsDiscretizer or pandas.qcut."
        )
    return y, known


def _missing_labels(y):
    if y.dtype.kind in "fc":
        return ~np.isfinite(y)
    if y.dtype.kind in "mM":
        return np.isnat(y)
    # None, float NaN (unequal to itself) and pandas.NA (no truth value).
    return np.array([label is None or _is_nan(label) for label in y], dtype=bool)


def _is_nan(label):
    try:
        return bool(label != label)
    except (TypeError, ValueError):
        return True


def _marked(y, missing, unlabeled):
    """Return which labels are the one that stands for not knowing."""
    if _is_nan(unlabeled):
        return np.isnan(y) if y.dtype.kind == "f" else missing
    # Entry by entry: text and numbers compare unequal, and True is not 1.
    is_bool = isinstance(unlabeled, (bool, np.bool_))
    same = [
        not absent
        and isinstance(label, (bool, np.bool_)) == is_bool
        and label == unlabeled
        for label, absent in zip(y.tolist(), missing, strict=True)
    ]
    return np.array(same, dtype=bool)


def refuse_classes(classes, n_rows):
    """Raise for labels that make no pairs of both kinds.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels found.

    n_rows : int
        In how many rows.

    Raises
    ------
    ValueError
        Always.
    """
    if len(classes) < 2:
        found = f"one class only, {classes[0]}" if len(classes) else "no labels"
        raise ValueError(
            f"`y` must hold at least two classes; got {found}. Dissimilar pairs are "
            "what keeps the embedding from collapsing."
        )
    raise ValueError(
        f"`y` must hold a class with at least two rows; got {len(classes)} classes for "
        f"{n_rows} rows (n_samples={n_rows}), so no two rows are alike. If `y` is "
        "continuous, use similarity='targets', or cut it into classes first."
    )
