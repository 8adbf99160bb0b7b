"""Pairs of row numbers and their labels: checked, and restricted to part of a table."""

import numpy as np

from sklearn_contrastive._validation import check_pair_labels

__all__ = [
    "check_pair_labels",
    "check_row_numbers",
    "check_row_pairs",
    "renumbered",
]


def check_row_pairs(pairs, n_rows, name):
    """Return pairs of row numbers as an array, or say what is wrong with them.

    Parameters
    ----------
    pairs : array-like of shape (n_pairs, 2)
        Row numbers.

    n_rows : int or None
        Number of rows in the table; None where it is not known.

    name : str
        What messages call the pairs.

    Returns
    -------
    pairs : ndarray of int of shape (n_pairs, 2)
        The pairs.

    Raises
    ------
    ValueError
        If the shape is another, numbers are not whole or out of range, or a row is
        paired with itself.
    """
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(
            f"`{name}` must hold two row numbers a pair, shape (n_pairs, 2); got shape "
            f"{pairs.shape}."
        )
    if pairs.size and pairs.dtype.kind not in "iu":
        raise ValueError(
            f"`{name}` must hold row numbers, integers from 0 on; got {pairs.dtype}. "
            "Labels of an index must be turned into positions first."
        )
    pairs = pairs.astype(np.int64)
    check_row_numbers(pairs, n_rows, name)
    alone = pairs[:, 0] == pairs[:, 1]
    if alone.any():
        raise ValueError(
            f"`{name}` must join different rows; {alone.sum()} pair a row with itself, "
            f"the first at position {alone.argmax()} (row {pairs[alone.argmax(), 0]})."
        )
    return pairs


def check_row_numbers(numbers, n_rows, name):
    """Raise for row numbers that a table does not have.

    Parameters
    ----------
    numbers : ndarray of int
        Row numbers, in any shape.

    n_rows : int or None
        Number of rows in the table; None where it is not known.

    name : str
        What messages call the numbers.

    Raises
    ------
    ValueError
        If one is negative or too large.
    """
    if not numbers.size:
        return
    most = np.inf if n_rows is None else n_rows - 1
    if numbers.min() < 0 or numbers.max() > most:
        raise ValueError(
            f"`{name}` must hold row numbers from 0 to {most:g}; got some from "
            f"{numbers.min()} to {numbers.max()}. They count the rows of `X` from 0; "
            "where `X` is part of a larger table, as in cross-validation, pass the "
            "numbers of its rows there as fit(..., rows=...)."
        )


def renumbered(pairs, rows):
    """Return those pairs whose rows are all there, in the numbers of what is there.

    Parameters
    ----------
    pairs : ndarray of int of shape (n_pairs, 2)
        Row numbers in the whole table.

    rows : ndarray of int of shape (n_rows,)
        Which rows are there, each once.

    Returns
    -------
    pairs : ndarray of int of shape (n_kept, 2)
        Positions in `rows`.

    kept : ndarray of bool of shape (n_pairs,)
        Which pairs these are.
    """
    order = np.argsort(rows)
    places = np.searchsorted(rows, pairs, sorter=order)
    found = order[np.minimum(places, len(rows) - 1)]
    kept = (rows[found] == pairs).all(axis=1)
    return found[kept], kept
