"""The user's pairs and labels, validated."""

from copy import copy
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array, validation

import sklearn_contrastive._validation as _validation
from sklearn_contrastive._validation import short_errors, shorten, take_rows
from sklearn_contrastive.metrics._inputs import check_labels, sorted_classes


class PairSamples(NamedTuple):
    """Pairs, as a table of rows and the positions of both ends of each pair."""

    #: Array or DataFrame of shape (n_rows, n_features).
    rows: Any
    #: Positions in `rows`, of shape (n_pairs, 2).
    ends: np.ndarray

    def among(self, chosen):
        """Return the pairs of these numbers, with only the rows that they need."""
        used, ends = np.unique(self.ends[chosen], return_inverse=True)
        return PairSamples(take_rows(self.rows, used), ends.reshape(-1, 2))

    def stacked(self):
        """Return both rows of each pair below each other: 2 * n_pairs rows."""
        return take_rows(self.rows, self.ends.ravel())


def read_pairs(estimator, X, preprocessor, name):
    """Return the user's pairs, with each row number or id once.

    Rows are validated, except those of a DataFrame: only the embedding knows which
    columns it takes. The estimator is not changed. Messages call `X` by `name`.
    """
    anything = {"dtype": None, "ensure_2d": False, "allow_nd": True}
    anything |= {"ensure_all_finite": False, "input_name": f"`{name}`"}
    if preprocessor is None:
        _validation.check_real(X, name)
    try:
        with short_errors():
            if preprocessor is not None and not issparse(X):
                kind, X, missing = _validation.read_values(X)
            X = check_array(X, estimator=estimator, **anything)
    except ValueError as error:
        raise ValueError(
            f"`{name}` must hold at least one pair, of rows that are equally long "
            f"({error})."
        ) from error
    if preprocessor is None:
        if X.ndim != 3 or X.shape[1] != 2:
            raise ValueError(
                f"`{name}` must hold pairs of rows, shape (n_pairs, 2, n_features); "
                f"got shape {X.shape}. Reshape your data: stack two tables of rows by "
                "np.stack([A, B], 1). Row numbers need `preprocessor`, their table."
            )
        rows = X.reshape(2 * len(X), X.shape[2])
        ends = np.arange(len(rows)).reshape(-1, 2)
    else:
        any_id = callable(preprocessor)
        numbers, ends = _distinct_numbers(kind, X, missing, any_id, name)
        rows = _look_up(numbers, preprocessor, name)
    if not _validation.column_names(rows):
        # `check_rows` sets attributes, which must not happen if a later step fails.
        rows = _validation.check_rows(copy(estimator), rows, reset=True, name=name)
    return PairSamples(rows, ends)


def _distinct_numbers(kind, X, missing, any_id, name):
    """Return each row number or id once, and the positions of each pair among them."""
    if X.ndim != 2 or X.shape[1] != 2 or not (any_id or kind == "i"):
        kind = "ids" if any_id else "integers, positions in the table from 0,"
        raise ValueError(
            f"`{name}` must hold two {kind} for each pair, shape (n_pairs, 2), with "
            f"`preprocessor`; got {X.dtype} of shape {X.shape}. For pairs of rows "
            "themselves, set `preprocessor=None`."
        )
    if missing.any():
        raise ValueError(f"`{name}` must hold ids without None and NaN.")
    numbers, ends = np.unique(X, return_inverse=True)
    return numbers, ends.reshape(-1, 2)


def _look_up(numbers, preprocessor, name):
    """Return the row of each number or id."""
    if callable(preprocessor):
        rows = preprocessor(numbers)
    else:
        n_rows = validation._num_samples(preprocessor)
        if numbers[0] < 0 or numbers[-1] >= n_rows:
            raise ValueError(
                f"`{name}` must hold row numbers from 0 to {n_rows - 1}, positions in "
                f"the {n_rows} rows of `preprocessor`; got some from {numbers[0]} to "
                f"{numbers[-1]}."
            )
        rows = take_rows(preprocessor, numbers)
    shape = np.shape(rows)
    if len(shape) != 2 or shape[0] != len(numbers):
        raise ValueError(
            "`preprocessor` must give one row of numbers for each row number or id, "
            f"shape ({len(numbers)}, n_features); got shape {shape}."
        )
    return rows


@short_errors()
def check_columns(estimator, rows, reset):
    """Set the number and names of an estimator's columns, or compare them."""
    validation._check_n_features(estimator, rows, reset=reset)
    named = "feature_names_in_" in vars(estimator)
    # An array has no names, and is taken as it is.
    if reset or (named and validation._get_feature_names(rows) is not None):
        validation._check_feature_names(estimator, rows, reset=reset)


def read_labels(y, n_pairs):
    """Return the two classes, sorted, and whether each pair has the greater: same."""
    _validation.check_given(
        y, ": one of two labels per pair, of which the greater means same"
    )
    remedy = "Of distances, give labels such as `y <= limit`."
    y = check_labels(y, n_pairs, table="X", remedy=remedy, warn=True)
    classes, codes = sorted_classes(y)
    if len(classes) != 2:
        raise ValueError(
            "Only binary classification is supported: `y` must hold two labels, the "
            f"greater for pairs of the same; got {len(classes)} class(es) in {n_pairs} "
            f"pairs, {shorten(classes)}."
        )
    return classes, codes == 1
