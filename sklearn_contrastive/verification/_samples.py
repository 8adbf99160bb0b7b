"""The user's pairs and labels, validated."""

from copy import copy
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _get_feature_names, _num_samples

from sklearn_contrastive._validation import (
    check_rows,
    column_names,
    first_fraction,
    missing_labels,
    nullable_dtype,
    without_na,
)


class PairSamples(NamedTuple):
    """Pairs, as a table of rows and the positions of both ends of each pair."""

    #: Array or DataFrame of shape (n_rows, n_features).
    rows: Any
    #: Positions in `rows`, of shape (n_pairs, 2).
    ends: np.ndarray

    def among(self, chosen):
        """Return the pairs of these numbers, with only the rows that they need."""
        used, ends = np.unique(self.ends[chosen], return_inverse=True)
        return PairSamples(_safe_indexing(self.rows, used), ends.reshape(-1, 2))

    def stacked(self):
        """Return both rows of each pair below each other: 2 * n_pairs rows."""
        return _safe_indexing(self.rows, self.ends.ravel())


def feature_names(rows):
    """Return the column names that transformers of scikit-learn see, or None."""
    try:
        return _get_feature_names(rows)
    except TypeError:
        # Some names are text and others are not.
        return None


def read_pairs(estimator, X, preprocessor, name):
    """Return the user's pairs, with each row number or id once.

    Rows are validated, except those of a DataFrame: only the embedding knows which
    columns it takes. The estimator is not changed. Messages call `X` by `name`.
    """
    if issparse(X):
        raise TypeError(
            f"Sparse data was passed for `{name}` ({type(X).__name__}), but dense data "
            "is required: pairs of rows, shape (n_pairs, 2, n_features)."
        )
    try:
        X = np.asarray(X)
    except ValueError as error:
        raise ValueError(
            f"`{name}` must hold pairs of rows that are equally long ({error})."
        ) from error
    if X.ndim and not len(X):
        raise ValueError(
            f"`{name}` must hold at least one pair: Found array with 0 sample(s) "
            f"(shape={X.shape}) while a minimum of 1 is required by "
            f"{type(estimator).__name__}."
        )
    if preprocessor is None:
        rows = _stack_pairs(X, name)
        ends = np.arange(len(rows)).reshape(-1, 2)
    else:
        numbers, ends = _distinct_numbers(X, callable(preprocessor), name)
        rows = _look_up(numbers, preprocessor, name)
    if not column_names(rows):
        # `check_rows` sets attributes, which must not happen if a later step fails.
        rows = check_rows(copy(estimator), rows, reset=True, name=name)
    return PairSamples(rows, ends)


def _stack_pairs(X, name):
    """Return both rows of each pair below each other."""
    if X.ndim == 3 and X.shape[1] == 2:
        return X.reshape(2 * len(X), X.shape[2])
    hint = "Reshape your data: stack two tables of rows with np.stack([A, B], axis=1)."
    if X.ndim == 2 and X.shape[1] == 2 and X.dtype.kind in "iu":
        hint = (
            "Row numbers need `preprocessor`, the table of rows that they index: "
            "PairVerifier(preprocessor=table)."
        )
    raise ValueError(
        f"`{name}` must hold pairs of rows, shape (n_pairs, 2, n_features); got shape "
        f"{X.shape}. {hint}"
    )


def _distinct_numbers(X, any_id, name):
    """Return each row number or id once, and the positions of each pair among them."""
    expected, kinds = "row numbers per pair, integers", "iu"
    if any_id:
        expected, kinds = "row numbers or other ids per pair,", "iufbOSUTmM"
    if X.ndim != 2 or X.shape[1] != 2 or X.dtype.kind not in kinds:
        hint = "Numbers are positions in the table, counted from 0."
        if X.ndim == 3:
            hint = "For pairs of rows themselves, set `preprocessor=None`."
        elif any_id:
            hint = "The preprocessor gets each id once, and returns their rows."
        raise ValueError(
            f"`{name}` must hold two {expected} of shape (n_pairs, 2), with "
            f"`preprocessor`; got {X.dtype} of shape {X.shape}. {hint}"
        )
    try:
        numbers, ends = np.unique(X, return_inverse=True)
        missing = (numbers != numbers).any()
    except TypeError:
        # None beside text, numbers beside text, or pandas.NA.
        missing = True
    if missing:
        raise ValueError(
            f"`{name}` must hold row numbers or ids of one type, without None and NaN."
        )
    return numbers, ends.reshape(-1, 2)


def _look_up(numbers, preprocessor, name):
    """Return the row of each number or id."""
    if callable(preprocessor):
        rows, found = preprocessor(numbers), "the preprocessor returned"
    else:
        n_rows = _num_samples(preprocessor)
        if numbers[0] < 0 or numbers[-1] >= n_rows:
            raise ValueError(
                f"`{name}` must hold row numbers from 0 to {n_rows - 1}, positions in "
                f"the {n_rows} rows of `preprocessor`; got some from {numbers[0]} to "
                f"{numbers[-1]}."
            )
        rows, found = _safe_indexing(preprocessor, numbers), "it holds"
    shape = np.shape(rows)
    if len(shape) != 2 or shape[0] != len(numbers):
        raise ValueError(
            "`preprocessor` must give one row of numbers for each row number, "
            f"shape ({len(numbers)}, n_features); {found} shape {shape}."
        )
    return rows


def check_columns(estimator, rows, name):
    """Raise for rows of other columns than those that an estimator was fitted on."""
    n_features = rows.shape[1]
    if n_features != estimator.n_features_in_:
        raise ValueError(
            f"{name} has {n_features} features, but {type(estimator).__name__} is "
            f"expecting {estimator.n_features_in_} features as input: pairs of rows "
            "with the columns of `fit`."
        )
    names, expected = feature_names(rows), vars(estimator).get("feature_names_in_")
    if names is None or expected is None:
        return
    for i in np.flatnonzero(names != expected)[:1]:
        raise ValueError(
            "`preprocessor` must give the columns of `fit` in the same order; got "
            f"{names[i]!r} as column {i}, where `fit` had {expected[i]!r}."
        )


def read_labels(y, n_pairs):
    """Return the two classes, sorted, and whether each pair has the greater: same."""
    y = _without_missing(y)
    check_consistent_length(np.empty(n_pairs), y)
    try:
        classes, codes = np.unique(y, return_inverse=True)
    except TypeError as error:
        raise ValueError(
            f"`y` must hold two labels that can be sorted, of one type ({error})."
        ) from error
    if len(classes) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is "
            f"{type_of_target(y)}: `y` must hold two labels, the greater for pairs of "
            f"the same; got {len(classes)}, {classes[:5].tolist()} among them."
        )
    if len(classes) < 2:
        raise ValueError(
            "`y` must hold labels of both same and different pairs; got one class, "
            f"{classes.tolist()}, in {n_pairs} pairs."
        )
    return classes, codes == 1


def _without_missing(y):
    """Return labels as a 1d array, or raise for missing or continuous ones."""
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None. Pass "
            "one label per pair: of two labels the greater means same."
        )
    numpy_dtype = nullable_dtype(y)
    y = column_or_1d(without_na(y, "biuf"), warn=True)
    missing = missing_labels(y)
    fraction = first_fraction(y[~missing])
    if fraction is not None:
        raise ValueError(
            "`y` must hold two labels, not a distance; got continuous values such as "
            f"{fraction!s}. Unknown label type: continuous. Give one of two labels for "
            "each pair, for example `y <= limit`."
        )
    if missing.any():
        raise ValueError(
            f"`y` must hold one of two labels for every pair; {missing.sum()} are "
            "missing (Input y contains NaN, infinity or None), the first at pair "
            f"{missing.argmax()}. Drop these pairs."
        )
    if numpy_dtype is not None and y.dtype.kind == "f":
        # Nullable columns of integers and bools were read as floats.
        y = y.astype(numpy_dtype)
    return y
