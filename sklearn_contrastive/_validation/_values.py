"""The user's tables and labels: what they hold, and error messages."""

import sys
from collections.abc import Sized
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    validate_parameter_constraints,
)
from sklearn.utils.validation import check_array, column_or_1d, validate_data

from sklearn_contrastive._validation._messages import short_errors, shorten, shortened

_FLOATS = (np.float64, np.float32)
_BOOLS = (bool, np.bool_)
#: Rows read together, so that temporary arrays stay small.
_BLOCK = 8192
#: Attributes that reading a table sets on an estimator.
SEEN = "n_features_in_", "feature_names_in_"
#: Whole numbers given as floats are targets where they have fewer rows per value.
_ROWS_PER_VALUE = 5
_NO_Y = "This estimator requires y to be passed, but the target y is None"
_LENGTHS = (
    "`y` must hold {} per row of `X`: found input variables with inconsistent numbers "
    "of samples, {} rows and {} in `y`."
)


def check_rows(estimator, X, reset, name="X"):
    """Return a table as finite floats; set the estimator's columns or compare them."""
    if issparse(X):
        raise TypeError(
            f"Sparse data was passed for `{name}`, but dense data is required. Use "
            "'.toarray()', or reduce it first with sklearn.decomposition.TruncatedSVD."
        )
    names = getattr(X, "columns", ())
    try:
        # One dtype per column of a frame, a single one for a series or an array.
        dtypes = np.ravel(getattr(X, "dtypes", getattr(X, "dtype", None)))
        if any(getattr(dtype, "kind", "") in ("m", "M") for dtype in dtypes):
            # numpy would read them as integers.
            raise TypeError("dates and times are no numbers")
        # What is too large for a float64 becomes infinite, which is an error below.
        with np.errstate(over="ignore"):
            table = validate_data(
                estimator, X, reset=reset, dtype=_FLOATS, ensure_all_finite=False
            )
    except (OverflowError, TypeError, ValueError) as error:
        shortened(error)
        if "Complex data not supported" in str(error):
            raise ValueError(
                f"Complex data not supported: `{name}` must be real. Put real and "
                "imaginary parts side by side as columns."
            ) from error
        columns = _text_columns(X, names)
        if not columns:
            raise
        raise ValueError(
            f"`{name}` must be numeric; found text or dates in {columns} ({error}). "
            "Encode text, as sklearn.preprocessing.OneHotEncoder does, and turn dates "
            "into numbers such as days."
        ) from error
    _check_finite(table, names, name)
    return table


def check_params(noun, rules=None, values=None):
    """Raise for parameters of an object that are out of range, or bools for numbers.

    With rules and values, `noun` is the name of a function, which looks for bools.
    """
    if is_object := rules is None:
        rules, values = noun._parameter_constraints, noun.get_params(deep=False)
        noun = type(noun).__name__
    for name, value in values.items():
        # numpy's own numbers do not compare with limits beyond their range.
        plain = value.item() if isinstance(value, np.generic) else value
        try:
            validate_parameter_constraints(rules, {name: plain}, noun)
        except InvalidParameterError as error:
            # Behind what is expected there is the whole value.
            expected = str(error).partition(". Got ")[0]
            error.args = (f"{expected}. Got {shorten(value)} instead.",)
            raise
        except (TypeError, ValueError) as error:
            # Neither fractions nor the longest ints can be compared there.
            expected = f"`{name}` must be an int or float of a usual size"
            raise InvalidParameterError(f"{expected}; got {shorten(value)}.") from error
        number = any(isinstance(rule, Interval) for rule in rules.get(name, ()))
        if is_object and number and isinstance(value, _BOOLS):
            raise ValueError(f"`{name}` must be a number; got {value}.")
        if number and isinstance(value, Integral) and abs(int(value)) > sys.maxsize:
            # Neither numpy nor torch calculates with it.
            expected = "less than 2**63, or a float"
            raise ValueError(f"`{name}` must be {expected}; got {shorten(value)}.")


def column_names(table):
    """Return the names of a table's columns as text; none for an array."""
    return list(map(str, getattr(table, "columns", ())))


@short_errors()
def check_partners(y, n_rows):
    """Return a second table as finite floats, shape (n_samples, n_features)."""
    check_given(y, ": the second table, whose row i belongs to row i of `X`")
    with np.errstate(over="ignore"):
        y = check_array(y, dtype=_FLOATS, ensure_2d=False, input_name="y")
    check_length(y, n_rows, "one partner")
    return y.reshape(len(y), -1)


@short_errors()
def check_pairs(estimator, pairs):
    """Return pairs of rows as finite floats, shape (n_pairs, 2, n_features)."""
    pairs = np.asarray(pairs)
    if pairs.dtype not in _FLOATS:
        with np.errstate(over="ignore"):
            pairs = pairs.astype(np.float64)
    n_features = estimator.n_features_in_
    if pairs.ndim != 3 or pairs.shape[1:] != (2, n_features):
        raise ValueError(
            f"`pairs` must have shape (n_pairs, 2, n_features={n_features}); got "
            f"{pairs.shape}. Stack two tables of rows with np.stack([A, B], axis=1)."
        )
    _check_finite(pairs.reshape(-1, n_features), (), "pairs")
    return pairs


def _check_finite(X, names, name):
    """Raise for NaN and infinity, with the columns that hold them."""
    if get_config()["assume_finite"]:
        return
    bad, n_nan = np.zeros(X.shape[1], dtype=int), 0
    for start in range(0, len(X), _BLOCK):
        block = X[start : start + _BLOCK]
        with np.errstate(all="ignore"):
            if np.isfinite(block.sum()):
                continue
        bad += (~np.isfinite(block)).sum(axis=0)
        n_nan += np.isnan(block).sum()
    if bad.any():
        kind = {0: "infinity", bad.sum(): "NaN"}.get(n_nan, "NaN or infinity")
        columns = _list_columns(np.flatnonzero(bad), names)
        raise ValueError(
            f"`{name}` must be finite; found {kind} in {columns} ({bad.sum()} in all). "
            "Fill missing values, as sklearn.impute.SimpleImputer does; replace "
            "infinite ones."
        )


def _text_columns(X, names):
    """List the columns that cannot be read as numbers, '' where all can."""
    try:
        table = np.asarray(X, dtype=object) if np.ndim(X) == 2 else np.empty((0, 0))
    except ValueError:
        return ""
    found = []
    for column, values in enumerate(table.T):
        nested = {type(value) for value in values} & {dict, list, set, tuple}
        try:
            values.astype(np.float64)
        except (OverflowError, TypeError, ValueError):
            found += [] if nested else [column]
    return _list_columns(found, names) if found else ""


def _list_columns(columns, names, most=3):
    """Return names or numbers of columns for a message."""
    shown = [shorten(names[c]) if len(names) else str(c) for c in columns[:most]]
    if len(columns) > most:
        shown.append(f"{len(columns) - most} more")
    return ("column " if len(columns) == 1 else "columns ") + ", ".join(shown)


def infer_similarity(X, y):
    """Return the name of the similarity that fits `X` and `y`.

    Parameters
    ----------
    X : array-like
        Rows, of shape (n_samples, n_features), or pairs of rows, of shape (n_pairs, 2,
        n_features).

    y : object
        Labels, targets or label sets of the rows, or None.

    Returns
    -------
    name : str
        ``"pairs"`` for pairs of rows; ``"neighbors"`` without `y`; ``"multilabel"``
        for an indicator matrix or a list of sets; ``"targets"`` for several columns
        of numbers, for numbers with a fraction, and for whole numbers as floats with
        fewer than five rows per value; else ``"labels"``.
    """
    if getattr(X, "ndim", 2) == 3:
        return "pairs"
    if y is None:
        return "neighbors"
    plain = isinstance(y, np.ndarray) and y.dtype != object
    if not plain and (issparse(y) or holds_sets(y)):
        return "multilabel"
    values = y if plain else without_na(y, "f")
    if values.ndim == 2 and values.shape[1] > 1:
        numeric = values.dtype.kind in "biuf"
        return "multilabel" if numeric and np.isin(values, (0, 1)).all() else "targets"
    if values.dtype.kind != "f":
        return "labels"
    known = values[np.isfinite(values)]
    if first_fraction(known) is not None:
        return "targets"
    few = 20 < len(known) < _ROWS_PER_VALUE * len(np.unique(known))
    # Whole numbers become floats where some are missing. They may be labels: an error
    # about missing labels then names both ways out.
    return "targets" if few and len(known) == len(values) else "labels"


def holds_sets(y):
    """Return whether `y` is a sequence of label sets and not a table of numbers."""
    if issparse(y) or getattr(y, "ndim", 1) != 1 or not isinstance(y, Sized):
        return False
    kinds = {type(labels) for labels in y}
    if not kinds or not kinds <= {set, frozenset, list, tuple}:
        return False
    try:
        # As many numbers in every row are a table.
        return np.asarray(y).dtype.kind not in "biuf"
    except ValueError:
        return True


def nullable_dtype(y):
    """Return numpy's dtype for a nullable column of pandas, None for all else."""
    try:
        return y.dtype.numpy_dtype
    except AttributeError:
        return None


def without_na(y, kinds):
    """Return an array, with NaN for NA in nullable columns of these numpy `kinds`."""
    nullable = nullable_dtype(y)
    if nullable is not None and nullable.kind in kinds:
        return y.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(y)


def is_missing(label):
    """Return whether a label is None, NaN (unequal to itself) or NA (without truth)."""
    try:
        return label is None or bool(label != label)
    except (TypeError, ValueError):
        return True


def missing_labels(y):
    """Return which labels are None, NaN, NaT, NA or infinite, shape (n_rows,)."""
    if y.dtype.kind in "fc":
        return ~np.isfinite(y)
    if y.dtype.kind in "mM":
        return np.isnat(y)
    if y.dtype.kind != "O":
        # Integers, bools and fixed-width strings have no missing values.
        return np.zeros(len(y), dtype=bool)
    return np.array([is_missing(label) for label in y], dtype=bool)


def first_fraction(y):
    """Return the first value that is no whole number, None where there is none."""
    fractions = y[y != np.floor(y)] if y.dtype.kind == "f" else ()
    return fractions[0] if len(fractions) else None


def check_labels(y, n_rows, unlabeled=None):
    """Return class labels as an array, and which of them are known.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of any type.

    n_rows : int or None
        How many there must be; None for any number.

    unlabeled : object, default=None
        The value that means unknown; NaN for every missing value, None where all must
        be known.

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
        raise ValueError(f"{_NO_Y}. Pass one class label per row of `X`.")
    given, y = y, column_or_1d(y, warn=True)
    if n_rows is not None and len(y) != n_rows:
        raise ValueError(_LENGTHS.format("one label", n_rows, len(y)))
    known = np.ones(len(y), dtype=bool)
    missing = missing_labels(y) if y.dtype.kind in "fcmMO" else ~known
    if unlabeled is not None:
        known = ~_marked(y, missing, unlabeled)
        missing &= known
    if missing.any():
        raise ValueError(
            f"`y` must hold a class label for every row; {missing.sum()} are missing "
            f"(Input y contains NaN, infinity or None), the first at row "
            f"{missing.argmax()}. Declare them unknown, LabelSimilarity(unlabeled="
            "numpy.nan). For a quantity use similarity='targets', where NaN means that."
        )
    if y.dtype.kind == "f" and known.all():
        # Nullable integers and bools come through as floats.
        y = y.astype(nullable_dtype(given) or y.dtype)
    if y.dtype.kind == "c":
        raise ValueError("Complex data not supported: `y` must hold class labels.")
    fraction = first_fraction(y[known]) if y.dtype.kind == "f" else None
    if fraction is not None:
        raise ValueError(
            f"`y` must hold class labels; got continuous values such as {fraction!s}. "
            "Unknown label type: continuous. For a quantity use similarity='targets', "
            "or cut it into classes first, for example with pandas.qcut."
        )
    return y, known


def _marked(y, missing, unlabeled):
    """Return which labels are the value that means unknown."""
    if is_missing(unlabeled):
        return np.isnan(y) if y.dtype.kind == "f" else missing
    # Entry by entry: text and numbers compare unequal, and True is not 1.
    is_bool = isinstance(unlabeled, _BOOLS)
    same = ~missing
    for row in np.flatnonzero(same):
        same[row] = y[row] == unlabeled and isinstance(y[row], _BOOLS) == is_bool
    return same


def check_pair_labels(labels, n_pairs, name):
    """Return which pairs are similar.

    Parameters
    ----------
    labels : array-like of shape (n_pairs,)
        1 or True for similar, 0, -1 or False for dissimilar.

    n_pairs : int
        How many there must be.

    name : str
        Their parameter, for messages.

    Returns
    -------
    similar : ndarray of bool of shape (n_pairs,)
        The labels.

    Raises
    ------
    ValueError
        If there are none, of another number, or of other kinds.
    """
    found = labels if labels is None else f"shape {np.shape(labels)}"
    # Numbers and bools may come as objects.
    labels = np.array(np.asarray(labels).tolist())
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (n_pairs,):
        raise ValueError(
            f"`{name}` must hold 1 (similar) or 0 or -1 (dissimilar) for each of "
            f"{n_pairs} pairs; got {found}."
        )
    kinds = set(np.unique(labels).tolist()) if labels.dtype.kind in "biufSU" else {None}
    if not (kinds <= {0, 1} or kinds <= {-1, 1}):
        raise ValueError(
            f"`{name}` must hold 1 or True for similar pairs and 0, -1 or False for "
            "others, one of the three throughout; got "
            f"{shorten(sorted(kinds, key=str))}."
        )
    return labels == 1


def check_given(y, ending):
    """Raise where `y` is None; the ending is what is needed and what for."""
    if y is None:
        raise ValueError(f"{_NO_Y}{ending}.")


def check_length(y, n_rows, expected):
    """Raise where `y` has not what is expected, such as "one label", per row.

    `n_rows` is None for any number.
    """
    if n_rows is not None and len(y) != n_rows:
        raise ValueError(_LENGTHS.format(expected, n_rows, len(y)))
