"""Ids and labels of rows in an index, in one order whatever came first."""

import numpy as np
from sklearn.utils import murmurhash3_32

from sklearn_contrastive._validation import read_values, shorten

#: The largest id that is given, so that default ids can continue from it.
_LARGEST = 2**62


def read_ids(ids, name):
    """Return ids as an array of ints, or of text as objects."""
    kind, values, missing = read_values(ids)
    valid = values.ndim == 1 and kind in "iU" and not missing.any()
    if valid and kind == "i":
        valid = all(abs(value) <= _LARGEST for value in values.tolist())
    if not valid:
        raise ValueError(
            f"`{name}` must be one column of ints or of text, none missing; got "
            f"{shorten(ids)}. Ints are at most 2**62 in size."
        )
    if kind == "i":
        values = values.astype(np.int64)
    else:
        values = np.array([str(value) for value in values], dtype=object)
    listed = values.tolist()
    if len({*listed}) < len(listed):
        first = next(each for each in listed if listed.count(each) > 1)
        raise ValueError(f"`{name}` must differ; got {shorten(first)} more than once.")
    return values


def new_ids(ids, n_rows, known, n_fitted):
    """Return the ids of new rows; those that are not given continue row numbers."""
    if ids is None:
        numbers = [each for each in known.tolist() if not isinstance(each, str)]
        return np.arange(n_rows) + max([n_fitted - 1, *numbers]) + 1
    ids = read_ids(ids, "ids")
    if len(ids) != n_rows:
        raise ValueError(
            f"`ids` must hold one per row of `X`, {n_rows}; got {len(ids)}."
        )
    there = {*known.tolist()} & {*ids.tolist()}
    if there:
        raise ValueError(
            f"`ids` must be new; {len(there)} are in the index, such as "
            f"{shorten(there.pop())}. Remove these rows first."
        )
    return ids


def places_of(ids, known, name):
    """Return the places of ids among known ones."""
    places = {each: place for place, each in enumerate(known.tolist())}
    ids = read_ids(ids, name).tolist()
    unknown = [each for each in ids if each not in places]
    if unknown:
        raise ValueError(
            f"`{name}` must be in the index (`ids_`); {len(unknown)} are not, such as "
            f"{shorten(unknown[0])}."
        )
    return np.array([places[each] for each in ids], dtype=np.intp)


def in_order(ids):
    """Return ids with the order that sorts them, ints before text."""
    text = np.array([isinstance(each, str) for each in ids.tolist()], dtype=bool)
    ids = ids if text.any() else ids.astype(np.int64)
    parts = (np.flatnonzero(part) for part in (~text, text))
    return ids, np.concatenate([part[np.argsort(ids[part])] for part in parts])


def twins_of(ids, n_fitted):
    """Return for each id the number of a row of `fit`, drawn by a hash of the id."""
    hashes = [murmurhash3_32(str(each), positive=True) for each in ids.tolist()]
    return np.array(hashes, dtype=np.int64) % n_fitted


def labels_like(labels, classes):
    """Return labels in the type of classes; raise where they are of another kind."""
    kind, given = classes.dtype.kind, labels
    dtype = {"i": np.int64, "u": np.int64, "f": np.float64, "U": object}.get(
        kind, classes.dtype
    )
    if any(
        {kind, labels.dtype.kind} <= {*kinds} for kinds in ("iuf", "UO", "b", "M", "m")
    ):
        labels = labels.astype(dtype)
        if {*map(type, labels.tolist())} <= {*map(type, classes.tolist())}:
            return labels
    raise ValueError(
        f"`y` must hold labels of the kind of `classes_`, {shorten(classes)}; got "
        f"{shorten(given)}."
    )


def extended(classes, labels):
    """Return classes with new labels behind them, sorted, as far as there are any."""
    new = sorted({*labels} - {*classes.tolist()})
    if not new:
        return classes
    # The width of text, and of numbers, is that of what there is.
    dtype = classes.dtype if classes.dtype.kind in "OMm" else None
    return np.array([*classes.tolist(), *new], dtype=dtype)


def in_columns(values, labels, classes):
    """Return values of labels as those of classes, 0 for classes without a label."""
    places = {each: place for place, each in enumerate(labels.tolist())}
    taken = [places.get(each, len(places)) for each in classes.tolist()]
    return np.pad(np.asarray(values, dtype=np.float64), ((0, 0), (0, 1)))[:, taken]
