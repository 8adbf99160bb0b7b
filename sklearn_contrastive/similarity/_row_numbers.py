"""Pairs of row numbers: their check, and those inside part of a table."""

import numpy as np


def check_row_pairs(pairs, n_rows, name):
    """Return pairs of row numbers as an array of shape (n_pairs, 2).

    Raises a ValueError if the shape is another, a number is not whole or not in a table
    of `n_rows` (None for any number), or a row is paired with itself. Messages name the
    parameter `name`.
    """
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(
            f"`{name}` must hold two row numbers per pair, shape (n_pairs, 2); got "
            f"shape {pairs.shape}."
        )
    if pairs.size and pairs.dtype.kind not in "iu":
        raise ValueError(
            f"`{name}` must hold row numbers, integers from 0; got {pairs.dtype}. "
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
    """Raise for row numbers outside a table of `n_rows` (None for any number)."""
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


def renumber_pairs(pairs, rows):
    """Return the pairs inside some rows as positions in `rows`, and which they are.

    Pairs and `rows` are numbers in the same table, those of `rows` each once.
    """
    order = np.argsort(rows)
    places = np.searchsorted(rows, pairs, sorter=order)
    found = order[np.minimum(places, len(rows) - 1)]
    kept = (rows[found] == pairs).all(axis=1)
    return found[kept], kept
