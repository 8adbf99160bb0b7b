"""Pairs of rows, partners in a second table, and labels of pairs."""

from copy import copy

import numpy as np

from sklearn_contrastive._validation._messages import shorten
from sklearn_contrastive._validation._tables import shape_of
from sklearn_contrastive._validation._values import (
    check_given,
    check_length,
    check_rows,
    read_values,
)


def check_partners(y, n_rows):
    """Return a second table as finite floats, shape (n_samples, n_features)."""
    check_given(y, ": the second table, whose row i belongs to row i of `X`")
    y = np.asanyarray(y).reshape(-1, 1) if len(shape_of(y)) == 1 else y
    y = check_rows(None, y, name="y")
    check_length(y, n_rows, "one partner")
    return y


def check_pairs(estimator, pairs):
    """Return pairs of rows as finite floats, shape (n_pairs, 2, n_features)."""
    pairs, n_features = np.asanyarray(pairs), estimator.n_features_in_
    if pairs.ndim != 3 or pairs.shape[1:] != (2, n_features):
        raise ValueError(
            f"`pairs` must have shape (n_pairs, 2, n_features={n_features}); got "
            f"{pairs.shape}. Stack two tables of rows with np.stack([A, B], axis=1)."
        )
    seen = vars(estimator).get("_seen")
    if seen is not None and seen.levels:
        raise ValueError(
            "`pairs` must hold numbers, and `fit` has seen categories. Map both tables "
            "of rows with `transform`, and compare their points."
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
