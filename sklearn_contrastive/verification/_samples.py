"""The user's pairs and labels, validated."""

from copy import copy
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array, get_tags, validation

import sklearn_contrastive._validation as _validation
from sklearn_contrastive._validation import short_errors, shorten, take_rows
from sklearn_contrastive.metrics._inputs import check_labels, sorted_classes


class PairSamples(NamedTuple):
    """Pairs, as tables of rows and the positions of both ends of each pair."""

    #: One array or frame of shape (n_rows, n_features), or two frames of pairs.
    tables: list
    #: Positions in the rows of all tables, of shape (n_pairs, 2).
    ends: np.ndarray

    @classmethod
    def of(cls, frames):
        """Return the pairs of two frames."""
        return cls(frames, np.arange(2 * len(frames[0])).reshape(2, -1).T)

    def among(self, chosen):
        """Return the pairs of these numbers, with only the rows that they need."""
        if len(self.tables) == 2:
            return self.of([take_rows(each, chosen) for each in self.tables])
        used, ends = np.unique(self.ends[chosen], return_inverse=True)
        rows = take_rows(self.tables[0], used)
        return PairSamples([rows], ends.reshape(-1, 2))

    def pairs(self):
        """Return the pairs as an embedding takes them: two frames, or an array."""
        if len(self.tables) == 2:
            return self.tables
        left, right = (take_rows(self.tables[0], end) for end in self.ends.T)
        named = _validation.column_names(left)
        return (left, right) if named else np.stack([left, right], axis=1)

    def stacked(self):
        """Return both rows of each pair below each other: 2 * n_pairs rows."""
        rows = self.tables[0]
        if len(self.tables) == 2:
            import narwhals

            try:
                frames = map(narwhals.from_native, self.tables)
                rows = narwhals.concat([*frames]).to_native()
            except Exception as error:
                # Libraries have errors of their own.
                raise ValueError(
                    "`X` must be two frames of one library and of the same types, "
                    f"since a step of `embedding` learns from rows of both ({error})."
                ) from error
        return take_rows(rows, self.ends.ravel())


def read_pairs(estimator, X, preprocessor, name):
    """Return the user's pairs, with each row number or id once.

    Rows are validated, except those of frames: only the embedding knows which columns
    it takes. The estimator is not changed. Messages call `X` by `name`.
    """
    frames = None if preprocessor is not None else _validation.two_frames(X, name)
    if frames:
        return PairSamples.of(frames)
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
                "np.stack([A, B], 1), or pass two data frames, (A, B). Row numbers "
                "need `preprocessor`, their table."
            )
        rows = X.reshape(2 * len(X), X.shape[2])
        ends = np.arange(len(rows)).reshape(-1, 2)
    else:
        any_id = callable(preprocessor)
        numbers, ends = _distinct_numbers(kind, X, missing, any_id, name)
        rows = _look_up(numbers, preprocessor, name)
    mixed = get_tags(estimator).input_tags.allow_nan and not issparse(rows)
    named = _validation.column_names(rows)
    # Objects, too, may be categories for the embedding.
    if not (named or (mixed and np.asarray(rows).dtype == object)):
        # `check_rows` sets attributes, which must not happen if a later step fails.
        reader = copy(estimator)
        if mixed:
            # Tells that numbers may be missing.
            reader.categorical_features = None
        rows = _validation.check_rows(reader, rows, reset=True, name=name)
    return PairSamples([rows], ends)


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
