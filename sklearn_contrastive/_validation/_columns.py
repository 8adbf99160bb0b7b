"""Tables with categories and missing numbers, as numbers: one column for each."""

from collections import Counter
from decimal import Decimal
from numbers import Real
from typing import NamedTuple

import numpy as np

from sklearn_contrastive._validation._messages import shorten
from sklearn_contrastive._validation._objects import is_missing
from sklearn_contrastive._validation._tables import (
    check_real,
    list_columns,
    not_numeric,
    shape_of,
)

#: Levels of a category that have a place of their own, the most frequent ones, and how
#: many rows each must have.
MOST_LEVELS, _FEWEST_OF_LEVEL = 255, 5
#: Text with more different values than this share of so many rows is no category.
_ALL_DIFFERENT, _ROWS_OF_TEXT = 0.9, 100
#: How the types of columns begin that are categories, dates and numbers.
_CATEGORY = ("Boolean", "Categorical", "Enum", "String")
_TIME = ("Date", "Time", "Duration")
_NUMBER = ("Int", "UInt", "Float", "Decimal")
#: Kinds of cells in columns without such a type; bools are numbers, too.
_KINDS = {"text": (str, bytes), "bools": (bool, np.bool_), "numbers": (Real, Decimal)}


class Seen(NamedTuple):
    """What a fit has seen of the columns of its table.

    ``levels`` has for the number of each category its levels with their numbers. All
    others, rare or new, have the next number, and missing ones NaN. ``medians`` stand
    for missing numbers; ``missing`` tells which columns had missing cells.
    """

    levels: dict
    medians: np.ndarray
    missing: np.ndarray

    def described(self, names):
        """Return a dict for each column by its name: levels or None, and gaps."""
        names = range(len(self.missing)) if names is None else names
        levels = (self.levels.get(number) for number in range(len(self.missing)))
        return {
            name: {"levels": None if own is None else [*own], "missing": bool(gaps)}
            for name, own, gaps in zip(names, levels, self.missing, strict=True)
        }


def learn_columns(table, levels, some):
    """Return what is `Seen` of a table whose categories are numbers already.

    ``some`` are the rows that medians are of.
    """
    missing, medians = np.zeros(table.shape[1], dtype=bool), np.zeros(table.shape[1])
    for number, column in enumerate(table.T):
        missing[number] = np.isnan(column).any()
        known = some[:, number][~np.isnan(some[:, number])]
        medians[number] = np.median(known) if len(known) else 0.0
    return Seen(levels, medians, missing)


def filled(table, seen):
    """Return a table with medians for numbers that miss in columns complete in fit."""
    known = ~seen.missing
    known[[*seen.levels]] = False
    return np.where(np.isnan(table) & known, seen.medians.astype(table.dtype), table)


def coded(X, given, levels, name):
    """Return a table as floats, and the levels of its categories with their numbers.

    ``given`` is `categorical_features`; ``levels`` are those of a fit, None to learn
    them. Where numpy takes all columns for numbers, the table is returned as it is.
    """
    names, types, columns = _columns_of(X, name)
    times = [number for number, each in enumerate(types) if each.startswith(_TIME)]
    if times:
        times = list_columns(times, names)
        raise not_numeric(name, times, "dates and times are no numbers")
    known = (*_NUMBER, *_CATEGORY, "Object")
    if not all(each.startswith(known) for each in types):
        check_real(X, name)
    types = [each if each.startswith(known) else "Object" for each in types]
    learning = levels is None
    categories = _chosen(given, names, types) if learning else {*levels}
    if not categories and all(each.startswith(_NUMBER) for each in types):
        return X, {}
    if names is None and not categories:
        # numpy makes no number of None.
        missing = [is_missing(cell) for column in columns for cell in column]
        missing = np.reshape(missing, (len(columns), -1)).T
        return np.where(missing, np.nan, np.asarray(X)) if missing.any() else X, {}
    found, table = {}, []
    for number, column in enumerate(columns):
        label, cells, kind = list_columns([number], names or ()), None, "numbers"
        if number in categories or not types[number].startswith(_NUMBER):
            cells = column.to_list() if names else column.tolist()
            kind = _kind(cells, label, name)
            if kind is None:
                # numpy's own errors say more.
                return X, {}
        told = isinstance(given, str) and learning and names and kind != "numbers"
        if number in categories or told:
            own = _learned(cells, kind, label, name) if learning else levels[number]
            found[number] = own
            table.append(_numbers(cells, kind, own, label, name))
        elif kind == "text":
            raise not_numeric(name, label, f"such as {shorten(_first(cells, str))}")
        else:
            table.append(_floats(column, types[number], cells))
    dtypes = {each.dtype for n, each in enumerate(table) if n not in found}
    dtype = np.float32 if dtypes == {np.dtype(np.float32)} else np.float64
    return np.stack(table, axis=1).astype(dtype, copy=False), found


def _columns_of(X, name):
    """Return names of columns and of their types, and the columns; no names of arrays.

    A type of "Object" is for the cells to tell.
    """
    import narwhals
    from narwhals.exceptions import DuplicateError

    try:
        frame = narwhals.from_native(X, pass_through=True)
    except DuplicateError as error:
        raise ValueError(
            f"`{name}` must have columns of different names; some occur twice. Rename "
            "them, or pass an array."
        ) from error
    if isinstance(frame, narwhals.LazyFrame):
        raise TypeError(
            f"`{name}` must be a table in memory; got {type(X).__name__}. Call its "
            "`collect()` first."
        )
    if isinstance(frame, narwhals.DataFrame):
        columns = [*frame.iter_columns()]
        return frame.columns, [str(column.dtype) for column in columns], columns
    check_real(X, name)
    cells = np.asarray(X) if len(shape_of(X)) == 2 else np.empty((0, 0))
    kind = "Float" if cells.dtype.kind in "biuf" else "Object"
    return None, [kind] * cells.shape[1], list(cells.T)


def _chosen(given, names, types):
    """Return the numbers of the columns that the user's parameter makes categories."""
    if given is None:
        return set()
    if isinstance(given, str) and given == "from_dtype":
        return {n for n, each in enumerate(types) if each.startswith(_CATEGORY)}
    width, chosen = len(types), np.atleast_1d(np.asarray(given))
    if chosen.dtype.kind == "b" and chosen.shape == (width,):
        return {*np.flatnonzero(chosen).tolist()}
    numbers = {name: number for number, name in enumerate(names or ())}
    found = [numbers.get(each, each) for each in chosen.ravel().tolist()]
    whole = all(type(number) is int and 0 <= number < width for number in found)
    if chosen.ndim > 1 or not whole:
        raise ValueError(
            "`categorical_features` must be 'from_dtype', None, or names, numbers or a "
            f"mask of the {width} columns; got {shorten(given)}."
        )
    return {*found}


def _kind(cells, label, name):
    """Return "text", "bools" or "numbers", None for others; raise where cells differ.

    Without a known cell it is numbers.
    """
    firsts = {}
    for each in {*map(type, cells)}:
        own = (cell for cell in cells if type(cell) is each and not is_missing(cell))
        for cell in own:
            found = (kind for kind, group in _KINDS.items() if issubclass(each, group))
            firsts.setdefault(next(found, None), cell)
            break
    kinds = [*firsts]
    if None in kinds or {*kinds} == {"bools", "numbers"}:
        return None
    if len(kinds) < 2:
        return kinds[0] if kinds else "numbers"
    both = " and ".join(shorten(cell) for cell in firsts.values())
    raise ValueError(
        f"`{name}` must hold numbers or text in each column, not both; found {both} in "
        f"{label}. Make the column all text, or all numbers with missing cells."
    )


def _first(cells, kind):
    """Return the first cell of a kind."""
    return next(cell for cell in cells if isinstance(cell, kind))


def _learned(cells, kind, label, name):
    """Return levels in order, the most frequent ones, with their numbers."""
    counts = Counter(cells)
    counts = {cell: count for cell, count in counts.items() if not is_missing(cell)}
    n_known = sum(counts.values())
    if kind == "text" and n_known >= _ROWS_OF_TEXT:
        if len(counts) > _ALL_DIFFERENT * n_known:
            raise ValueError(
                f"`{name}` must hold categories, whose levels repeat; {label} has "
                f"{len(counts)} different texts in {n_known} rows. Leave it out, or "
                "turn text into numbers, as skrub's TextEncoder does."
            )
    kept = [level for level, n in counts.items() if n >= _FEWEST_OF_LEVEL]
    # The first of equally frequent ones in order, so that rows may come in any.
    kept = sorted(sorted(kept), key=counts.get, reverse=True)[:MOST_LEVELS]
    return {level: number for number, level in enumerate(sorted(kept))}


def _numbers(cells, kind, levels, label, name):
    """Return the number of each cell's level; NaN where it is missing."""
    text = {isinstance(level, str) for level in levels}
    if text and (kind == "text") not in text and any(not is_missing(c) for c in cells):
        was = "text" if text == {True} else "no text"
        raise ValueError(
            f"`{name}` must hold what it held in `fit`: {label} was a category of "
            f"{was}, and now holds {kind}. Pass the same levels."
        )
    others = {*cells} - {*levels}
    number = {cell: np.nan if is_missing(cell) else len(levels) for cell in others}
    number |= levels
    return np.fromiter(map(number.__getitem__, cells), np.float64, len(cells))


def _floats(column, kind, cells):
    """Return a column of numbers as floats, NaN where they are missing.

    ``cells`` are those of a column whose type, `kind`, is not one of numbers.
    """
    if cells is not None:
        numbers = [np.nan if is_missing(cell) else float(cell) for cell in cells]
        return np.array(numbers, dtype=np.float64)
    if isinstance(column, np.ndarray):
        return column.astype(np.float64) if column.dtype.kind != "f" else column
    if kind not in ("Float32", "Float64"):
        import narwhals

        column = column.cast(narwhals.Float64)
    return np.asarray(column.to_numpy())
