"""Tables of the user: checked, or told what is wrong with them."""

import numpy as np
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_array, validate_data

#: Rows looked at together, so that temporary arrays stay small.
_BLOCK = 8192
#: Attributes that reading a table sets on an estimator.
SEEN = "n_features_in_", "feature_names_in_"


def check_rows(estimator, X, reset, name="X"):
    """Return `X` as a finite float32 or float64 array, or say what is wrong with it.

    Parameters
    ----------
    estimator : estimator
        Whose ``n_features_in_`` and ``feature_names_in_`` are set or compared.

    X : array-like of shape (n_samples, n_features)
        The user's table.

    reset : bool
        Whether to set these attributes (in a first fit) or to compare with them.

    name : str, default="X"
        What messages call the table.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        A view where the input allows it.

    Raises
    ------
    TypeError
        If `X` is sparse.
    ValueError
        If it is complex, holds text, NaN or infinity, has no rows, or another
        width than in `fit`.
    """
    if issparse(X):
        raise TypeError(
            f"Sparse data was passed for `{name}` ({type(X).__name__}), but dense data "
            "is required. Use '.toarray()' if it fits in memory, or reduce it first "
            "with sklearn.decomposition.TruncatedSVD."
        )
    names = getattr(X, "columns", None)
    try:
        _check_no_dates(X)
        checked = validate_data(
            estimator,
            X,
            reset=reset,
            dtype=(np.float64, np.float32),
            ensure_all_finite=False,
        )
    except (TypeError, ValueError) as error:
        if "Complex data not supported" in str(error):
            raise ValueError(
                f"Complex data not supported: `{name}` must be real. Put its real and "
                "imaginary parts side by side as columns."
            ) from error
        columns = _other_columns(X, names)
        if not columns:
            raise
        raise ValueError(
            f"`{name}` must be numeric; found text or dates in {columns} ({error}). "
            "Encode text before this step, for example with "
            "sklearn.preprocessing.OneHotEncoder in a ColumnTransformer, and turn "
            "dates into numbers such as days."
        ) from error
    _check_finite(checked, names, name)
    return checked


def check_no_bools(noun):
    """Raise for parameters that are True or False and should be numbers."""
    for name, value in noun.get_params(deep=False).items():
        constraints = noun._parameter_constraints.get(name, ())
        number = any(isinstance(constraint, Interval) for constraint in constraints)
        if number and isinstance(value, (bool, np.bool_)):
            raise ValueError(f"`{name}` must be a number; got {value}.")


def column_names(table):
    """Return the names of a table's columns.

    Parameters
    ----------
    table : array-like
        What the user gave.

    Returns
    -------
    names : list of str
        Empty where columns have none.
    """
    return list(map(str, getattr(table, "columns", ())))


def check_partners(y, n_rows):
    """Return a second table as finite floats, or say what is wrong with it.

    Parameters
    ----------
    y : array-like of shape (n_samples, n_features) or (n_samples,)
        The user's table.

    n_rows : int or None
        How many rows it must have; None for any number.

    Returns
    -------
    y : ndarray of shape (n_samples, n_features)
        In float32 or float64.

    Raises
    ------
    ValueError
        If it is missing, has another number of rows, or holds text, NaN or infinity.
    """
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None: the "
            "second table, whose row i belongs to row i of `X`."
        )
    dtypes = (np.float64, np.float32)
    y = check_array(y, dtype=dtypes, ensure_2d=False, input_name="y")
    y = y[:, None] if y.ndim == 1 else y
    if n_rows is not None and len(y) != n_rows:
        raise ValueError(
            "`y` must hold the partner of each row of `X`: found input variables with "
            f"inconsistent numbers of samples, {n_rows} and {len(y)} rows."
        )
    return y


def check_pairs(estimator, pairs):
    """Return pairs of rows as a finite array, or say what is wrong with them.

    Parameters
    ----------
    estimator : fitted estimator
        Whose ``n_features_in_`` is compared.

    pairs : array-like of shape (n_pairs, 2, n_features)
        The two rows of each pair.

    Returns
    -------
    pairs : ndarray of shape (n_pairs, 2, n_features)
        In float32 or float64.

    Raises
    ------
    ValueError
        If the shape is another, or a value is NaN or infinite.
    """
    pairs = np.asarray(pairs)
    if pairs.dtype not in (np.float32, np.float64):
        pairs = pairs.astype(np.float64)
    n_features = estimator.n_features_in_
    if pairs.ndim != 3 or pairs.shape[1:] != (2, n_features):
        raise ValueError(
            f"`pairs` must have shape (n_pairs, 2, n_features={n_features}); got "
            f"{pairs.shape}. Stack two tables of rows with np.stack([A, B], axis=1)."
        )
    _check_finite(pairs.reshape(-1, n_features), None, "pairs")
    return pairs


def _check_finite(X, names, name):
    if get_config()["assume_finite"]:
        return
    bad = np.zeros(X.shape[1], dtype=int)
    n_nan = 0
    for start in range(0, len(X), _BLOCK):
        block = X[start : start + _BLOCK]
        with np.errstate(all="ignore"):
            if np.isfinite(block.sum()):
                continue
        bad += (~np.isfinite(block)).sum(axis=0)
        n_nan += np.isnan(block).sum()
    if bad.any():
        kind = (
            "NaN" if n_nan == bad.sum() else "NaN or infinity" if n_nan else "infinity"
        )
        columns = _columns_said(np.flatnonzero(bad), names)
        raise ValueError(
            f"`{name}` must be finite; found {kind} in {columns} ({bad.sum()} in all). "
            "Fill missing values before this step, for example with "
            "sklearn.impute.SimpleImputer, and replace infinite ones."
        )


def _check_no_dates(X):
    """Raise for columns of dates and times, which would pass for integers."""
    dtypes = getattr(X, "dtypes", None)
    # One for each column of a table, a single one for a Series.
    one = dtypes is None or not isinstance(getattr(dtypes, "values", None), np.ndarray)
    dtypes = [getattr(X, "dtype", None)] if one else list(dtypes)
    if any(getattr(dtype, "kind", "") in ("m", "M") for dtype in dtypes):
        raise TypeError("dates and times are no numbers")


def _other_columns(X, names):
    """Name the columns that cannot be read as numbers, '' when all can."""
    if getattr(X, "ndim", 2) != 2:
        return ""
    try:
        table = np.asarray(X, dtype=object)
    except ValueError:
        return ""
    if table.ndim != 2:
        return ""
    other = []
    for column in range(table.shape[1]):
        kinds = {type(value) for value in table[:, column]} & {dict, list, set, tuple}
        try:
            table[:, column].astype(np.float64)
        except (TypeError, ValueError):
            other += [] if kinds else [column]
    return _columns_said(other, names) if other else ""


def _columns_said(columns, names, most=5):
    shown = [repr(names[c]) if names is not None else str(c) for c in columns[:most]]
    if len(columns) > most:
        shown.append(f"{len(columns) - most} more")
    return ("column " if len(columns) == 1 else "columns ") + ", ".join(shown)


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
    """Return which pairs are similar, or say what is wrong with their labels.

    Parameters
    ----------
    labels : array-like of shape (n_pairs,)
        1 or True for similar, 0, -1 or False for dissimilar.

    n_pairs : int
        How many there must be.

    name : str
        What messages call them.

    Returns
    -------
    similar : ndarray of bool of shape (n_pairs,)
        The labels.

    Raises
    ------
    ValueError
        If there are none, of another number, or of other kinds.
    """
    if labels is None:
        raise ValueError(
            f"`{name}` must hold 1 (similar) or 0 or -1 (dissimilar) for each pair; got None."
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
            f"`{name}` must hold 1 or True for pairs that are similar, and 0, -1 or "
            "False for those that are not, one of the three throughout; got "
            f"{sorted(kinds, key=str)[:5]}."
        )
    return labels == 1
