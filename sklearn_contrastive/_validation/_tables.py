"""What is wrong with a table that cannot be read as numbers, column by column."""

import re
import sys
from collections.abc import Sized

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _get_feature_names

from sklearn_contrastive._validation._messages import shorten

#: How the types of columns begin that numpy may take for real numbers.
UNREAL = re.compile("date|time|duration|period|interval|complex", re.IGNORECASE)
#: Rows read together, so that temporary arrays stay small.
BLOCK = 8192


def column_names(table):
    """Return the names of a table's columns as text; none for an array."""
    names = _get_feature_names(table) if hasattr(table, "schema") else None
    return list(map(str, getattr(table, "columns", ()) if names is None else names))


def are_frames(X):
    """Return whether two frames are given, of which row i of both is a pair."""
    if not isinstance(X, list | tuple) or len(X) != 2:
        return False
    # Frames that are not in memory have no length.
    return all(isinstance(each, Sized) and column_names(each) for each in X)


def shape_of(table):
    """Return the shape of any container, () where its rows are of several lengths."""
    if are_frames(table):
        return len(table[0]), 2, table[0].shape[1]
    try:
        return table.shape if hasattr(table, "shape") else np.asarray(table).shape
    except ValueError:
        return ()


def check_real(X, name):
    """Raise for dates, complex numbers and masked cells: numpy takes them."""
    parts = X if isinstance(X, list | tuple) else [X]
    masked = [p for p in parts if isinstance(p, np.ma.MaskedArray) and np.any(p.mask)]
    if masked:
        raise ValueError(
            f"`{name}` must be finite; found masked values, which are not known. Make "
            "them NaN with .filled(numpy.nan), and fill these, as "
            "sklearn.impute.SimpleImputer does."
        )
    # Rows of several lengths have no shape.
    types = column_types(X) if shape_of(X) else []
    columns = [column for column, each in enumerate(types) if UNREAL.match(each)]
    if any(types[column].startswith("complex") for column in columns):
        raise ValueError(
            f"Complex data not supported: `{name}` must be real. Put real and "
            "imaginary parts side by side as columns."
        )
    if columns:
        columns = list_columns(columns, column_names(X))
        raise not_numeric(name, columns, "numpy reads dates and times as integers")


def column_types(X):
    """Return the names of types: one per column, or a single one."""
    shape, found = shape_of(X), getattr(X, "dtypes", getattr(X, "dtype", None))
    if found is None:
        found = X.schema.types if hasattr(X, "schema") else np.asarray(X).dtype
    types = [str(each) for each in np.ravel(found)]
    if len(types) == 1 and len(shape) == 2:
        types *= shape[1]
    if "object" not in types:
        return types
    cells = np.asarray(X, dtype=object)
    kinds = [{type(v).__name__ for v in column} for column in np.atleast_2d(cells.T)]
    return [next(filter(UNREAL.match, kind), "object") for kind in kinds]


def not_numeric(name, columns, error):
    """Return the error for text or dates in columns that should be numbers."""
    return ValueError(
        f"`{name}` must be numeric; found text or dates in {columns} ({error}). "
        "Encode text, as sklearn.preprocessing.OneHotEncoder does, and turn dates "
        "into numbers such as days, as skrub's DatetimeEncoder does."
    )


def unreadable(X, name, error):
    """Return the error for what scikit-learn's says of a table, None if it says it."""
    if "at least one array or dtype" in str(error):
        # A frame without columns.
        expected = f"`{name}` must hold at least one column"
        return ValueError(f"{expected}; got shape {X.shape}.")
    columns = text_columns(X)
    if not columns and "with a sequence" in str(error):
        expected = f"`{name}` must hold one number per cell, in equally long rows"
        return ValueError(f"{expected}: {error}")
    return not_numeric(name, columns, error) if columns else None


def check_finite(X, names, name, may_miss=False):
    """Raise for infinity, and for NaN where no number may miss, with the columns."""
    bad, n_nan = np.zeros(X.shape[1], dtype=int), 0
    for start in range(0, len(X), BLOCK):
        block = X[start : start + BLOCK]
        bad += (np.isinf(block) if may_miss else ~np.isfinite(block)).sum(axis=0)
        n_nan += 0 if may_miss else np.isnan(block).sum()
    if bad.any():
        kind = {0: "infinity", bad.sum(): "NaN"}.get(n_nan, "NaN or infinity")
        columns = list_columns(np.flatnonzero(bad), names)
        remedy = "Fill missing values, as sklearn.impute.SimpleImputer does; replace"
        raise ValueError(
            f"`{name}` must be finite; found {kind} in {columns} ({bad.sum()} in all). "
            f"{'Replace' if may_miss else remedy} infinite ones."
        )


def text_columns(X):
    """List the columns that cannot be read as numbers, '' where all can."""
    try:
        two = len(shape_of(X)) == 2
        table = np.asarray(X, dtype=object) if two else np.empty((0, 0))
    except (TypeError, ValueError):
        return ""
    found = []
    for column, values in enumerate(table.T):
        nested = {type(value) for value in values} & {dict, list, set, tuple}
        try:
            values.astype(np.float64)
        except (OverflowError, TypeError, ValueError):
            found += [] if nested else [column]
    return list_columns(found, column_names(X)) if found else ""


def list_columns(columns, names, most=3):
    """Return names or numbers of columns for a message."""
    shown = [shorten(names[c]) if len(names) else str(c) for c in columns[:most]]
    if len(columns) > most:
        shown.append(f"{len(columns) - most} more")
    return ("column " if len(columns) == 1 else "columns ") + ", ".join(shown)


def take_rows(values, numbers):
    """Return some rows of a table, or some labels, in their container."""
    arrow = sys.modules.get("pyarrow")
    if arrow and isinstance(
        values, arrow.Table | arrow.RecordBatch | arrow.Array | arrow.ChunkedArray
    ):
        # scikit-learn before 1.8 cannot index these.
        return values.take(numbers)
    return _safe_indexing(values, numbers)
