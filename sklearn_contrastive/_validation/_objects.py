"""Python's objects in arrays: what kind they are of, and which are missing."""

from datetime import date, time, timedelta
from decimal import Decimal
from numbers import Complex, Integral, Real

import numpy as np

#: Kinds of objects, named as numpy's; the first that holds all of them counts.
_KINDS = {
    "M": (date, time, timedelta, np.datetime64, np.timedelta64),
    "b": (bool, np.bool_),
    "i": (Integral, np.bool_),
    "f": (Real, Decimal, np.bool_),
    "c": (Complex, Decimal, np.bool_),
    "U": (str,),
    "S": (bytes,),
}


def read_objects(objects):
    """Return what `read_values` does for an array of objects."""
    missing = np.zeros(objects.shape, dtype=bool)
    # Of text alone, which is common, none is missing.
    if not {*map(type, objects.flat)} <= {str}:
        missing.flat = [is_missing(label) for label in objects.flat]
    known = objects[~missing]
    types = {*map(type, known)}
    found = (
        k for k, group in _KINDS.items() if all(issubclass(t, group) for t in types)
    )
    kind = next(found, "O") if types else "f"
    try:
        plain = known.astype({"b": bool, "i": np.int64, "f": np.float64}[kind])
    except (KeyError, OverflowError):
        # Nothing that numpy has numbers for, or too large for them.
        return ("O" if kind == "f" else kind), objects, missing
    values = np.full(objects.shape, np.nan if kind == "f" else 0, dtype=plain.dtype)
    values[~missing] = plain
    return kind, values, missing


def is_missing(label):
    """Return whether a label is None, NaN (unequal to itself) or NA (without truth)."""
    if label is None or label is np.ma.masked:
        return True
    try:
        different = label != label
        # Arrays are compared entry by entry.
        return not np.ndim(different) and bool(different)
    except (ArithmeticError, TypeError, ValueError):
        return True
