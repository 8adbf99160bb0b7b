"""What is known of rows: which similarity fits it, and class labels, checked."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import column_or_1d

from sklearn_contrastive._validation import (
    first_fraction,
    is_missing,
    missing_labels,
    nullable_dtype,
    without_na,
)

__all__ = [
    "check_labels",
    "holds_sets",
    "infer_similarity",
    "raise_inconsistent_length",
    "raise_missing_y",
    "raise_too_few_classes",
    "without_na",
]

#: Whole numbers given as floats are targets where they have fewer rows a value.
_ROWS_A_VALUE = 5


def infer_similarity(X, y):
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
    nullable = nullable_dtype(y)
    if nullable is not None and nullable.kind != "f":
        return "labels"
    values = np.asarray(y) if nullable is None else without_na(y, "f")
    if values.ndim == 2 and values.shape[1] > 1:
        whole = values.dtype.kind in "biuf"
        return "multilabel" if whole and np.isin(values, (0, 1)).all() else "targets"
    if values.dtype.kind != "f":
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


def raise_missing_y(ending):
    """Raise where nothing is given as `y`.

    Parameters
    ----------
    ending : str
        How the message goes on, to say what is needed and what for.

    Raises
    ------
    ValueError
        Always.
    """
    raise ValueError(
        f"This estimator requires y to be passed, but the target y is None{ending}."
    )


def raise_inconsistent_length(n_rows, wanted, found):
    """Raise where `y` does not have an entry for each row.

    Parameters
    ----------
    n_rows : int
        How many rows there are.

    wanted : str
        What each of them needs, such as "one label".

    found : str
        What there is, such as "3 labels".

    Raises
    ------
    ValueError
        Always.
    """
    raise ValueError(
        f"`y` must hold {wanted} per row of `X`: found input variables with "
        f"inconsistent numbers of samples, {n_rows} rows and {found}."
    )


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
        raise_missing_y(
            ". Pass one class label per row of `X`: pairs are built from them"
        )
    nullable = nullable_dtype(y)
    y = column_or_1d(y, warn=True)
    if n_rows is not None and len(y) != n_rows:
        raise_inconsistent_length(n_rows, "one label", f"{len(y)} labels")
    missing = np.zeros(len(y), dtype=bool)
    if y.dtype.kind in "fcmMO":
        missing = missing_labels(y)
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
    if nullable is not None and y.dtype.kind == "f" and known.all():
        # Integers and bools come through as floats.
        y = y.astype(nullable)
    if y.dtype.kind == "c":
        raise ValueError("Complex data not supported: `y` must hold class labels.")
    fraction = first_fraction(y[known]) if y.dtype.kind == "f" else None
    if fraction is not None:
        raise ValueError(
            "`y` must hold class labels; got continuous values such as "
            f"{fraction!s}. Unknown label type: continuous. "
            "For a quantity use similarity='targets', or cut it into classes first, "
            "for example with sklearn.preprocessing.KBinsDiscretizer or pandas.qcut."
        )
    return y, known


def _marked(y, missing, unlabeled):
    """Return which labels are the one that stands for not knowing."""
    if is_missing(unlabeled):
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


def raise_too_few_classes(classes, n_rows):
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
        f"{n_rows} rows (n_samples={n_rows}), so no two rows are similar. If `y` is "
        "continuous, use similarity='targets', or cut it into classes first."
    )
