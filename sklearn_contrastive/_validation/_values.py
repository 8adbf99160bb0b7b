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

from sklearn_contrastive._validation import _frames
from sklearn_contrastive._validation._columns import (
    MOST_RANKED,
    Seen,
    coded,
    filled,
    learn_columns,
)
from sklearn_contrastive._validation._messages import shorten, shortened
from sklearn_contrastive._validation._objects import is_missing, read_objects
from sklearn_contrastive._validation._shared import SharedRows
from sklearn_contrastive._validation._sparse import (
    check_sparse,
    dense_needed,
    sparse_of,
)
from sklearn_contrastive._validation._tables import (
    BLOCK,
    UNREAL,
    check_finite,
    check_real,
    column_names,
    column_types,
    shape_of,
    unreadable,
)

_FLOATS = (np.float64, np.float32)
_BOOLS = (bool, np.bool_)
#: Whole numbers given as floats may be either where more of their values occur once.
_SINGLE_VALUES = 0.2
_NO_Y = "This estimator requires y to be passed, but the target y is None"
_LENGTHS = (
    "`y` must hold {} per row of `X`: found input variables with inconsistent numbers "
    "of samples, {} rows and {} in `y`."
)


def read_values(y):
    """Return the kind of values, a plain array of them, and which are missing.

    `y` is any container. Kinds are numpy's: "b", "i" (also unsigned) and "f" for
    numbers, "U" for text in any form, "S", "M" (also spans of time), "c", or "O".
    """
    arrow = sys.modules.get("pyarrow")
    if arrow and isinstance(y, arrow.ChunkedArray):
        # In chunks, numpy reads a label for what is missing in a dictionary.
        y = y.combine_chunks()
    values = np.asarray(y)
    kind = {"u": "i", "m": "M"}.get(values.dtype.kind, values.dtype.kind)
    declared = str(getattr(y, "dtype", "")).lower()
    if kind == "f" and declared.startswith(("int", "uint")):
        # As floats, large integers would run together.
        kind, values = "O", np.array(list(y), dtype=object)
    elif kind in "US" and isinstance(y, list | tuple):
        # As text, None and NaN would be labels.
        objects = np.array(y, dtype=object)
        if len({type(value) for value in objects.flat}) > 1:
            kind, values = "O", objects
    if kind == "f" and not isinstance(y, np.ndarray | list | tuple):
        # Some frames make floats of dates.
        kind = "M" if any(map(UNREAL.match, column_types(y))) else kind
    if kind in "TO":
        kind, values, missing = read_objects(values.astype(object))
    elif values.dtype.kind in "fcmM":
        missing = np.isnan(values)
    else:
        missing = np.zeros(values.shape, dtype=bool)
    if isinstance(y, np.ma.MaskedArray):
        missing = missing | np.ma.getmaskarray(y)
        values = np.where(missing, np.nan, values) if kind == "f" else values
    return kind, values, missing


def read_numbers(y):
    """Return real numbers from any container, as floats with NaN where some miss.

    Bools and integers without missing ones stay as they are. Raises a TypeError for all
    else, which says what it is.
    """
    kind, values, missing = read_values(y)
    if kind not in "bif" or values.dtype == object:
        names = {"U": "text", "M": "dates or times", "c": "complex numbers"}
        raise TypeError(f"it holds {names.get(kind, 'other objects')}")
    return np.where(missing, np.nan, values) if missing.any() else values


def check_rows(estimator, X, reset=False, name="X"):
    """Return a table as finite floats; set the estimator's columns or compare them.

    Of an estimator with `categorical_features`, categories become the numbers of their
    levels, and numbers may be missing (NaN). Without one, columns are not compared.
    """
    if isinstance(X, SharedRows):
        return X.read(estimator, check_rows, reset, name)
    told = {} if estimator is None else vars(estimator)
    seen, given = None if reset else told.get("_seen"), told.get("categorical_features")
    mixed = seen is not None or (reset and "categorical_features" in told)
    plain = type(X) is np.ndarray and X.dtype.kind in "biuf"
    named = not seen.levels if seen else given is None or isinstance(given, str)
    sparse = sparse_of(X) if issparse(X) or (mixed and named and not plain) else None
    if sparse is not None and mixed:
        return check_sparse(estimator, X, sparse, seen, name, _FLOATS)
    if sparse is not None:
        raise dense_needed(name)
    X = X if plain else _frames.as_table(X)
    table, levels, ordered = X, {}, ()
    if mixed and not (plain and named):
        known = seen and seen.levels
        read = (known and _frames.few_rows(X)) or _frames.columns_of(X, name)
        names = told.get("feature_names_in_")
        if known and (names is None or read[0] != [*names]):
            # Before cells are read by the number of their column.
            _frames.check_names(estimator, X, read, reset=False)
        table, levels, ordered = coded(X, read, given, known, name)
        if table is not X and not known:
            _frames.check_names(estimator, X, read, reset=reset)
    elif not plain:
        check_real(X, name)
    checks = {"dtype": _FLOATS, "ensure_all_finite": False}
    try:
        # What is too large for a float64 becomes infinite, which is an error below.
        with np.errstate(over="ignore"):
            if estimator is None or table is not X:
                table = check_array(table, input_name=name, **checks)
            else:
                table = validate_data(estimator, X, reset=reset, **checks)
    except (OverflowError, TypeError, ValueError) as error:
        explained = unreadable(X, name, shortened(error))
        if explained is None:
            raise
        raise explained from error
    whole, finite = True, get_config()["assume_finite"]
    if mixed or not finite:
        with np.errstate(all="ignore"):
            sums = [table[i : i + BLOCK].sum() for i in range(0, len(table), BLOCK)]
        whole = np.isfinite(sums).all()
        if not (whole or finite):
            check_finite(table, column_names(X), name, mixed)
        table = filled(table, seen) if seen and not whole else table
    if mixed and reset:
        some, known = table[:: -(-table.size // MOST_RANKED)], whole and not levels
        with np.errstate(over="ignore"):
            medians = np.median(some, axis=0) if known else None
        seen = Seen({}, medians, np.zeros(table.shape[1], dtype=bool))
        estimator._seen = seen if known else learn_columns(table, levels, ordered, some)
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
        allowed = rules.get(name, ())
        number = any(isinstance(rule, Interval) for rule in allowed)
        is_bool = isinstance(value, _BOOLS) and "boolean" not in allowed
        if is_object and number and is_bool:
            raise ValueError(f"`{name}` must be a number; got {value}.")
        if number and isinstance(value, Integral) and abs(int(value)) > sys.maxsize:
            # Neither numpy nor torch calculates with it.
            expected = "less than 2**63, or a float"
            raise ValueError(f"`{name}` must be {expected}; got {shorten(value)}.")


def infer_similarity(X, y, doubtful=None):
    """Return the name of the similarity that fits `X` and `y`.

    Parameters
    ----------
    X : array-like
        Rows, of shape (n_samples, n_features), or pairs of rows, of shape (n_pairs, 2,
        n_features).

    y : object
        Labels, targets or label sets of the rows, or None.

    doubtful : str, default=None
        What to return where `y` may hold labels or targets. None: raise an error.

    Returns
    -------
    name : str
        ``"pairs"`` for pairs of rows; ``"neighbors"`` without `y`; ``"multilabel"``
        for an indicator matrix or a list of sets; ``"targets"`` for several columns
        of numbers and for numbers with a fraction; else ``"labels"``. The container,
        its dtype and the number of rows do not matter.

    Raises
    ------
    ValueError
        If `y` holds whole numbers as floats, and more than a fifth of their values
        occur only once: they may be labels or targets.
    """
    if (X.ndim if isinstance(X, np.ndarray) else len(shape_of(X))) == 3:
        return "pairs"
    if y is None:
        return "neighbors"
    plain = isinstance(y, np.ndarray) and y.dtype != object
    if not plain and (issparse(y) or holds_sets(y)):
        return "multilabel"
    kind, values, missing = read_values(y)
    if values.ndim == 2 and values.shape[1] > 1:
        known = kind in "bif" and not missing.any()
        return "multilabel" if known and np.isin(values, (0, 1)).all() else "targets"
    if kind != "f":
        return "labels"
    known = values[np.isfinite(values)]
    if first_fraction(known) is not None:
        return "targets"
    # Whole numbers become floats where some are missing. They may be labels: an error
    # about missing labels then names both ways out.
    counts = np.unique(known, return_counts=True)[1]
    n_single = np.count_nonzero(counts == 1)
    if missing.any() or n_single <= _SINGLE_VALUES * len(counts):
        return "labels"
    if doubtful is None:
        raise ValueError(
            f"`y` holds whole numbers as floats, {n_single} of {len(counts)} values "
            "only once: similarity='auto' cannot tell classes from a quantity. For "
            "classes pass `y.astype(int)`, or set similarity='labels'; for a quantity "
            "set similarity='targets'."
        )
    return doubtful


def holds_sets(y):
    """Return whether `y` is a sequence of label sets and not a table of numbers."""
    if issparse(y) or not isinstance(y, Sized):
        return False
    rows = y if isinstance(y, list | tuple) else np.asarray(y)
    kinds = {*map(type, rows)} if getattr(rows, "ndim", 1) == 1 else set()
    if not kinds or not kinds <= {set, frozenset, list, tuple, np.ndarray}:
        return False
    try:
        # As many numbers in every row are a table.
        return np.asarray(y).dtype.kind not in "biuf"
    except ValueError:
        return True


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
    try:
        kind, y, missing = read_values(y)
        if kind == "c":
            raise ValueError("Complex data not supported.")
        y, missing = column_or_1d(y, warn=True), missing.ravel()
    except ValueError as error:
        raise ValueError(f"`y` must be one column of class labels: {error}") from error
    if n_rows is not None and len(y) != n_rows:
        raise ValueError(_LENGTHS.format("one label", n_rows, len(y)))
    known = np.ones(len(y), dtype=bool)
    if unlabeled is not None:
        known = ~_marked(y, missing, unlabeled)
    if kind == "f":
        missing = missing | np.isinf(y)
    missing = missing & known
    if missing.any():
        raise ValueError(
            f"`y` must hold a class label for every row; {missing.sum()} are missing "
            f"(Input y contains NaN, infinity or None), the first at row "
            f"{missing.argmax()}. Declare them unknown, LabelSimilarity(unlabeled="
            "numpy.nan). For a quantity use similarity='targets', where NaN means that."
        )
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
        return missing
    # Entry by entry: text and numbers compare unequal, and True is not 1.
    is_bool = isinstance(unlabeled, _BOOLS)
    same = ~missing
    for row in np.flatnonzero(same):
        same[row] = y[row] == unlabeled and isinstance(y[row], _BOOLS) == is_bool
    return same


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
