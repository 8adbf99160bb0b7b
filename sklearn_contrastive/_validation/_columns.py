"""Tables with categories and missing numbers, as numbers: one column for each."""

import re
from collections import Counter
from datetime import date, time, timedelta
from decimal import Decimal
from numbers import Real
from typing import NamedTuple

import numpy as np

from sklearn_contrastive._validation._frames import (
    CATEGORY,
    NUMBER,
    TwoFrames,
    cells_of,
    different,
    order_of,
)
from sklearn_contrastive._validation._messages import shorten
from sklearn_contrastive._validation._objects import is_missing
from sklearn_contrastive._validation._tables import (
    check_real,
    list_columns,
    not_numeric,
    shape_of,
)

#: Levels of a category that count, the most frequent ones, and how many rows each must
#: have.
MOST_LEVELS, _FEWEST_OF_LEVEL = 2**14, 5
#: In a small table a level must have one row in so many, or one at all.
_ROWS_PER_LEVEL = 20
#: A column with more levels than this share of so many rows is no category.
_ALL_DIFFERENT, _ROWS_OF_TEXT = 0.9, 100
#: How the types of columns begin that are dates, and the types of their cells.
_TIME = ("Date", "Time", "Duration")
_DATES = date, time, timedelta, np.datetime64, np.timedelta64
#: Kinds of cells in columns without such a type; bools are numbers, too.
_KINDS = {"text": (str,), "bools": (bool, np.bool_), "numbers": (Real, Decimal)}
#: Attributes that reading a table sets on an estimator.
SEEN = "n_features_in_", "feature_names_in_", "_seen"
#: Numbers, in evenly spaced rows, that medians of columns are of.
MOST_RANKED = 2**22


class Seen(NamedTuple):
    """What a fit has seen of the columns of its table.

    ``levels`` has for the number of each category the list of its levels, whose places
    are their numbers; bools as keys of a dict would not survive skops. All others, rare
    or new, have the next number, and missing ones NaN. ``medians`` stand for missing
    numbers; ``missing`` tells which columns had missing cells. Levels of the categories
    in ``ordered`` have an order of their own, others that of values.
    """

    levels: dict
    medians: np.ndarray
    missing: np.ndarray
    ordered: tuple = ()

    def described(self, names):
        """Return a dict for each column by its name: levels or None, and gaps."""
        names = range(len(self.missing)) if names is None else names
        levels = (self.levels.get(number) for number in range(len(self.missing)))
        return {
            name: {"levels": None if own is None else [*own], "missing": bool(gaps)}
            for name, own, gaps in zip(names, levels, self.missing, strict=True)
        }


def learn_columns(table, levels, ordered, some):
    """Return what is `Seen` of a table whose categories are numbers already.

    ``some`` are the rows that medians are of.
    """
    missing, medians = np.zeros(table.shape[1], dtype=bool), np.zeros(table.shape[1])
    for number, column in enumerate(table.T):
        missing[number] = np.isnan(column).any()
        known = some[:, number][~np.isnan(some[:, number])]
        medians[number] = np.median(known) if len(known) else 0.0
    return Seen(levels, medians, missing, ordered)


def filled(table, seen):
    """Return a table with medians for numbers that miss in columns complete in fit."""
    known = ~seen.missing
    known[[*seen.levels]] = False
    with np.errstate(over="ignore"):
        medians = seen.medians.astype(table.dtype)
    return np.where(np.isnan(table) & known, medians, table)


def coded(X, read, given, levels, name):
    """Return a table as floats, levels of its categories, and which have an order.

    ``read`` is what `columns_of` returns last, ``given`` is `categorical_features`;
    ``levels`` are those of a fit, None to learn them. Where numpy takes all columns for
    numbers, the table is returned as it is.
    """
    names, types, columns = read
    known = (*NUMBER, *CATEGORY, *_TIME, "Object")
    if not all(each.startswith(known) for each in types):
        check_real(X, name)
    learning = levels is None
    categories = chosen_columns(given, names, types, name) if learning else {*levels}
    simple = not categories and all(each.startswith(NUMBER) for each in types)
    # Of numbers alone, frames of some libraries lose their single precision.
    own = names is None or {*types} != {"Float32"}
    if simple and own and not isinstance(X, TwoFrames):
        return X, {}, ()
    if names is None and not categories:
        # numpy makes no number of None.
        missing = [is_missing(cell) for column in columns for cell in column]
        missing = np.reshape(missing, (len(columns), -1)).T
        table = np.where(missing, np.nan, np.asarray(X)) if missing.any() else X
        return table, {}, ()
    if columns is None:
        import narwhals

        columns = narwhals.from_native(X).iter_columns()
    found, ordered, table = {}, [], np.empty((shape_of(X)[0], len(types)))
    for number, column in enumerate(columns):
        if number not in categories and types[number].startswith(NUMBER):
            table[:, number] = _floats(column)
            continue
        label = list_columns([number], names or ())
        cells, places = cells_of(column)
        kind = kind_of(cells, number in categories, label, name)
        told = isinstance(given, str) and learning and names and kind != "numbers"
        if number in categories or told:
            if places is None:
                cells, places = different(cells)
            order = order_of(X, number) if learning else None
            ordered += [] if order is None else [number]
            numbers = None if learning else {k: n for n, k in enumerate(levels[number])}
            rest = kind, numbers, order, label, name
            read, found[number] = _category(cells, places, *rest)
        elif kind in ("text", "intervals"):
            text = next(cell for cell in cells if cell is not None)
            raise not_numeric(name, label, f"such as {shorten(text)}")
        else:
            read = _floats([*cells])
        table[:, number] = read if places is None else read[places]
    others = {each for n, each in enumerate(types) if n not in found}
    table = table.astype(np.float32) if others == {"Float32"} else table
    return table, {n: [*own] for n, own in found.items()}, tuple(ordered)


def chosen_columns(given, names, types, name):
    """Return the numbers of the columns that the user's parameter makes categories."""
    if given is None:
        return set()
    if isinstance(given, str) and given == "from_dtype":
        return {n for n, each in enumerate(types) if each.startswith(CATEGORY)}
    width, numbers = len(types), {each: n for n, each in enumerate(names or ())}
    try:
        chosen = np.atleast_1d(np.asarray(given))
        mask = chosen.dtype.kind == "b"
        if mask and chosen.shape == (width,):
            return {*np.flatnonzero(chosen).tolist()}
        found = [numbers.get(each, each) for each in chosen.tolist()]
        fine = not mask and all(type(n) is int and 0 <= n < width for n in found)
    except (TypeError, ValueError):
        fine = False
    if fine:
        return {*found}
    raise ValueError(
        "`categorical_features` must be 'from_dtype', None, or names, numbers or a "
        f"mask of the {width} columns of `{name}`; got {shorten(given)}."
    )


def _category(cells, places, kind, levels, order, label, name):
    """Return the number of each different cell's level, and the levels."""
    if levels is None:
        counts = Counter()
        for cell, n in zip(cells, np.bincount(places).tolist(), strict=True):
            counts[cell] += n
        levels = learned_levels(counts, order, label, name)
        levels = {plain_cell(level): n for level, n in levels.items()}
    cells = _as_in_fit([*map(plain_cell, cells)], levels)
    kind = "text" if kind == "intervals" else kind
    return _numbers(cells, kind, levels, label, name), levels


def plain_cell(cell):
    """Return a cell as an object that needs no other library, intervals as text."""
    if isinstance(cell, str):
        return str.__str__(cell)
    if isinstance(cell, np.generic):
        return cell.item()
    if type(cell).__name__ == "Interval":
        # Between missing cells, pandas makes floats of whole ends.
        return re.sub(r"\.0\b", "", str(cell))
    return cell


def _as_in_fit(cells, levels):
    """Return cells, or the levels that differ from them by single precision alone."""
    with np.errstate(over="ignore"):
        single = {np.float32(each): each for each in levels if type(each) is float}
        for n, cell in enumerate(cells):
            # Whole numbers may be codes of more digits.
            if type(cell) is float and cell % 1 and cell not in levels:
                level = single.get(np.float32(cell), cell)
                rounded = float(np.float32(cell))
                cells[n] = level if rounded in (cell, level) else cell
    return cells


def kind_of(cells, category, label, name):
    """Return "text", "bools", "numbers" or "intervals"; raise where cells differ.

    Other objects are an error, too. Without a known cell it is numbers. Bools are
    numbers in columns of such.
    """
    firsts = {}
    types = {*map(type, cells)} - {type(None)}
    for each in types:
        cell = next(cell for cell in cells if type(cell) is each)
        found = (kind for kind, group in _KINDS.items() if issubclass(each, group))
        kind = "intervals" if each.__name__ == "Interval" else next(found, None)
        firsts.setdefault(kind, cell)
    other = firsts.pop(None, None)
    if isinstance(other, _DATES) or type(other).__name__ == "Period":
        raise not_numeric(name, label, f"such as {shorten(other)}")
    if other is not None:
        raise ValueError(
            f"`{name}` must hold one number per cell, or text; found {shorten(other)} "
            f"in {label}. Leave the column out, or make columns or text of it."
        )
    if {*firsts} == {"bools", "numbers"} and not category:
        return "numbers"
    if len(firsts) < 2:
        return next(iter(firsts), "numbers")
    both = " and ".join(shorten(cell) for cell in firsts.values())
    raise ValueError(
        f"`{name}` must hold one kind of cells in each column; found {both} in "
        f"{label}. Make the column all text, or all numbers with missing cells."
    )


def learned_levels(counts, order, label, name):
    """Return levels in order, the most frequent ones, with their numbers.

    ``order`` is that of all levels, None for that of values.
    """
    counts.pop(None, None)
    n_known = counts.total()
    # Of a few rows, a level with one.
    fewest = min(_FEWEST_OF_LEVEL, max(1, n_known // _ROWS_PER_LEVEL))
    kept = [level for level, n in counts.items() if n >= fewest]
    # In a fold of a search a level may have few rows, but some have more than one.
    different = n_known >= _ROWS_OF_TEXT and len(counts) > _ALL_DIFFERENT * n_known
    if counts and (different or (not kept and len(counts) == n_known)):
        raise ValueError(
            f"`{name}` must hold categories, whose levels repeat; {label} has "
            f"{len(counts)} different levels in {n_known} rows. Leave it out, or turn "
            "text into numbers, as skrub's TextEncoder does."
        )
    # The first of equally frequent ones in order, so that rows may come in any.
    kept = sorted(sorted(kept), key=counts.get, reverse=True)[:MOST_LEVELS]
    place = {} if order is None else {level: n for n, level in enumerate(order)}
    kept = sorted(kept, key=place.get if place else None)
    return {level: number for number, level in enumerate(kept)}


def _numbers(cells, kind, levels, label, name):
    """Return the number of each cell's level; NaN where it is missing."""
    others = {*cells} - {*levels}
    number = {cell: np.nan if cell is None else len(levels) for cell in others}
    text = {isinstance(level, str) for level in levels}
    if text and (kind == "text") not in text and {*cells} - {None}:
        was = "text" if text == {True} else "no text"
        raise ValueError(
            f"`{name}` must hold what it held in `fit`: {label} was a category of "
            f"{was}, and now holds {kind}. Pass the same levels."
        )
    number |= levels
    return np.fromiter(map(number.__getitem__, cells), np.float64, len(cells))


def _floats(column):
    """Return a column or cells of numbers as floats, NaN where they are missing."""
    if not isinstance(column, np.ndarray | list | tuple):
        column = column.to_numpy()
    try:
        return np.asarray(column, dtype=np.float64)
    except (OverflowError, TypeError, ValueError):
        # NA of some versions of pandas, and numbers that are too large.
        return np.array([np.nan if is_missing(c) else _float(c) for c in column])


def _float(cell):
    """Return a number as a float, infinite where it is too large for one."""
    try:
        return float(cell)
    except OverflowError:
        return np.inf
