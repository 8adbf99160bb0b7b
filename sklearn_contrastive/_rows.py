"""Rows of a table: checked, standardised, and read in batches."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.utils.validation import check_array, validate_data

#: Rows of a block, so that temporary arrays stay small whatever the table's size.
_BLOCK = 8192
#: Standardised tables up to this size are made once instead of in each step, so that a
#: large one is not held twice. On a GPU they may fill half of the free memory instead.
_LARGEST_PREPARED_BYTES = 2**25
#: A column whose range is so many last bits of its values, or fewer, is constant.
_ROUNDING = 64
#: Standardised values beyond this are cut off, so that squares of points stay finite.
_LARGEST = 1e9
#: Where the smooth clip bends: standardised values stay inside ±3.
_CLIP = 3.0


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
        _refuse_dates(X)
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


class Standardization(NamedTuple):
    """What is done to each column before the encoder sees it.

    Parameters
    ----------
    center : ndarray of shape (n_features,)
        Subtracted from each column.

    scale : ndarray of shape (n_features,)
        What each column is then divided by; infinite for a column that is constant
        up to rounding, which so becomes zero.

    clip : bool
        Whether values are bent smoothly into ±3, as x / sqrt(1 + (x/3)²).
    """

    center: np.ndarray
    scale: np.ndarray
    clip: bool


def standardised(X, standardization):
    """Return standardised rows, in their own dtype and always as a copy.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Raw rows.

    standardization : Standardization or None
        What is done to them.

    Returns
    -------
    Z : ndarray of shape (n_rows, n_features)
        Rows that may be written to.
    """
    if standardization is None:
        return np.array(X)
    with np.errstate(over="ignore"):
        Z = X - standardization.center.astype(X.dtype)
        Z /= standardization.scale.astype(X.dtype)
    np.clip(Z, -_LARGEST, _LARGEST, out=Z)
    if standardization.clip:
        Z /= np.sqrt(1 + (Z / _CLIP) ** 2)
    return Z


def learn_standardization(X, kind):
    """Measure the columns of a table, in float64 and without a copy of it.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.

    kind : {"robust", "standard", None}
        Median and interquartile range with a smooth clip, mean and standard
        deviation, or nothing.

    Returns
    -------
    standardization : Standardization or None
        None where nothing is to be done.
    """
    if kind is None:
        return None
    low, high = X.min(axis=0).astype(np.float64), X.max(axis=0).astype(np.float64)
    center, scale = (_quartiles if kind == "robust" else _moments)(X)
    if kind == "robust":
        # More than half of a column in one value: fall back on its range.
        scale = np.where(scale > 0, scale, (high - low) / 2)
    # Rounding makes sums that are constant, such as shares, differ by some last bits.
    rounding = _ROUNDING * np.finfo(X.dtype).eps * np.maximum(np.abs(low), np.abs(high))
    constant = (high - low <= rounding) | ~(scale > 0)
    return Standardization(center, np.where(constant, np.inf, scale), kind == "robust")


class Beside:
    """Two tables side by side, without a copy of either.

    Parameters
    ----------
    left, right : ndarray of shape (n_samples, n_features)
        Tables of as many rows.

    Attributes
    ----------
    shape : tuple (int, int)
        Rows, and columns of both.

    size : int
        Their product.
    """

    def __init__(self, left, right):
        self._tables = left, right
        self.shape = len(left), left.shape[1] + right.shape[1]
        self.size = self.shape[0] * self.shape[1]

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        return np.concatenate([table[rows] for table in self._tables], axis=1)


class Rows:
    """Standardised rows on a device, read by number.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows, possibly on disk; never written to and never copied whole unless
        the standardised table is small.

    standardization : Standardization or None
        What is done to them.

    device : str
        Where the rows are wanted.

    dtype : torch.dtype
        In which precision.

    views : callable, default=None
        What stands for raw rows, made anew each time they are read.

    Attributes
    ----------
    n_features : int
        Columns.

    on_device : bool
        Whether all rows are there already.
    """

    def __init__(self, X, standardization, device, dtype, views=None):
        import torch

        self._views = views
        self._X, self._standardization = X, standardization
        self._device, self._dtype = device, dtype
        self.n_features = X.shape[1]
        self._table, largest = None, _LARGEST_PREPARED_BYTES
        if device.startswith("cuda"):
            largest = torch.cuda.mem_get_info(device)[0] // 2
        if views is None and X.size * dtype.itemsize <= largest:
            self._table = torch.empty(X.shape, dtype=dtype, device=device)
            for start in range(0, len(X), _BLOCK):
                block = standardised(X[start : start + _BLOCK], standardization)
                self._table[start : start + _BLOCK] = torch.from_numpy(block)
        self.on_device = self._table is not None

    def numbers(self, index):
        """Return row numbers as `read` wants them.

        Parameters
        ----------
        index : ndarray of int
            Row numbers, in any shape.

        Returns
        -------
        numbers : ndarray or Tensor of int
            On the device where the rows are there.
        """
        import torch

        return torch.from_numpy(index).to(self._device) if self.on_device else index

    def read(self, numbers, out):
        """Write the rows of these numbers.

        Parameters
        ----------
        numbers : ndarray or Tensor of int of shape (n_rows,)
            Row numbers, as `numbers` returns them.

        out : Tensor of shape (n_points, n_features)
            Where to write them, or their views, on the device.
        """
        import torch

        if self.on_device:
            torch.index_select(self._table, 0, numbers, out=out)
        else:
            X = self._X[numbers]
            X = X if self._views is None else self._views(X)
            X = standardised(X, self._standardization)
            out.copy_(torch.from_numpy(X))


def _moments(X):
    n_rows, blocks = len(X), range(0, len(X), _BLOCK)
    mean = sum(X[b : b + _BLOCK].sum(axis=0, dtype=np.float64) for b in blocks) / n_rows
    squares = sum(((X[b : b + _BLOCK] - mean) ** 2).sum(axis=0) for b in blocks)
    return mean, np.sqrt(squares / n_rows)


def _quartiles(X):
    quartiles = np.empty((3, X.shape[1]))
    for column in range(X.shape[1]):
        # Column by column: a quantile sorts, and would copy the whole table.
        quartiles[:, column] = np.percentile(
            X[:, column].astype(np.float64), (25, 50, 75)
        )
    return quartiles[1], quartiles[2] - quartiles[0]


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
        columns = _column_names(np.flatnonzero(bad), names)
        raise ValueError(
            f"`{name}` must be finite; found {kind} in {columns} ({bad.sum()} in all). "
            "Fill missing values before this step, for example with "
            "sklearn.impute.SimpleImputer, and replace infinite ones."
        )


def _refuse_dates(X):
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
    return _column_names(other, names) if other else ""


def _column_names(columns, names, most=5):
    shown = [repr(names[c]) if names is not None else str(c) for c in columns[:most]]
    if len(columns) > most:
        shown.append(f"{len(columns) - most} more")
    return ("column " if len(columns) == 1 else "columns ") + ", ".join(shown)
