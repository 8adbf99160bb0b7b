"""Pairs of rows, partners in a second table, and labels of pairs."""

from copy import copy
from itertools import zip_longest

import numpy as np

from sklearn_contrastive._validation._frames import as_table
from sklearn_contrastive._validation._messages import shorten
from sklearn_contrastive._validation._tables import (
    are_frames,
    column_names,
    shape_of,
)
from sklearn_contrastive._validation._values import (
    check_given,
    check_length,
    check_rows,
    read_values,
)


def check_partners(reader, y, n_rows=None):
    """Return a second table as finite floats, shape (n_samples, n_features).

    ``reader`` is a copy of an estimator to be fitted to this number of rows; without
    it, a copy of a fitted one.
    """
    check_given(y, ": the second table, whose row i belongs to row i of `X`")
    y = np.asanyarray(y).reshape(-1, 1) if len(shape_of(y)) == 1 else y
    if n_rows is not None:
        y = check_rows(reader, y, reset=True, name="y")
        check_length(y, n_rows, "one partner")
        return y
    names, told, shape = column_names(y), reader._y_names, shape_of(y)
    if names and told and names != told:
        raise ValueError(
            "The feature names of `y` must be those of `y` in fit, in that order; "
            f"missing are {shorten([n for n in told if n not in names])}, "
            f"new are {shorten([n for n in names if n not in told])}."
        )
    if len(shape) == 2 and shape[1] != reader.n_features_y_:
        raise ValueError(
            f"`y` has {shape[1]} features, but ContrastiveAlignment is expecting "
            f"{reader.n_features_y_} features as the second table."
        )
    vars(reader).update(reader._y_seen)
    if not names:
        # An array has no names, and is taken as it is.
        reader.feature_names_in_ = None
    return check_rows(reader, y, name="y")


def two_frames(pairs, name):
    """Return two frames with the same columns and as many rows; None for an array."""
    if not are_frames(pairs):
        return None
    pairs = tuple(map(as_table, pairs))
    names, others = map(column_names, pairs)
    if names != others:
        both = enumerate(zip_longest(names, others))
        number, found = next(each for each in both if len({*each[1]}) == 2)
        first, second = map(shorten, found)
        raise ValueError(
            f"`{name}` must be two frames of the same columns in the same order; "
            f"column {number} is {first} in the first and {second} in the second. "
            "Select those of the first, as in (A, B[A.columns])."
        )
    if len(pairs[0]) != len(pairs[1]) or not len(pairs[0]):
        raise ValueError(
            f"`{name}` must be two frames of as many rows, at least one, of which row "
            f"i of both is a pair; got {len(pairs[0])} and {len(pairs[1])} rows."
        )
    return pairs


def check_pairs(estimator, pairs):
    """Return pairs of rows as finite floats, shape (n_pairs, 2, n_features).

    Categories are the numbers of their levels.
    """
    if frames := two_frames(pairs, "pairs"):
        ends = [check_rows(estimator, each, name="pairs") for each in frames]
        # Also of sparse frames.
        return np.stack([each[:] for each in ends], axis=1)
    pairs, n_features = np.asanyarray(pairs), estimator.n_features_in_
    if pairs.ndim != 3 or pairs.shape[1:] != (2, n_features):
        raise ValueError(
            f"`pairs` must have shape (n_pairs, 2, n_features={n_features}); got "
            f"{pairs.shape}. Stack two tables of rows with np.stack([A, B], axis=1), "
            "or pass two data frames, (A, B)."
        )
    # Of an array, whose columns have no names.
    reader = copy(estimator)
    vars(reader).pop("feature_names_in_", None)
    rows = check_rows(reader, pairs.reshape(-1, n_features), name="pairs")
    return rows.reshape(pairs.shape)


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
    found = labels if labels is None else f"shape {shape_of(labels)}"
    expected = f"`{name}` must hold 1 (similar) or 0 or -1 (dissimilar) for each of "
    try:
        kind, labels, missing = read_values(labels)
    except ValueError as error:
        raise ValueError(f"{expected}{n_pairs} pairs: {error}") from error
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels, missing = labels[:, 0], missing[:, 0]
    if labels.shape != (n_pairs,):
        raise ValueError(f"{expected}{n_pairs} pairs; got {found}.")
    kinds = {None}
    if kind == "f" or (kind in "biUS" and not missing.any()):
        kinds = set(np.unique(labels).tolist())
    if not (kinds <= {0, 1} or kinds <= {-1, 1}):
        raise ValueError(
            f"`{name}` must hold 1 or True for similar pairs and 0, -1 or False for "
            "others, one of the three throughout; got "
            f"{shorten(sorted(kinds, key=str))}."
        )
    return labels == 1
