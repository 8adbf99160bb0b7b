"""Ids and labels of rows in an index, in one order whatever came first."""

from collections import Counter
from contextlib import suppress

import numpy as np
from sklearn.utils import murmurhash3_32

from sklearn_contrastive._validation import read_values, shorten

#: The largest id that is given, so that default ids can continue from it.
_LARGEST = 2**62


def read_ids(ids, name, kinds="iU"):
    """Return ids as an array of ints, or of text as objects; with kind "O" of both."""
    expected = ValueError(
        f"`{name}` must be one column of ints, up to 2**62 in size, or of text, none "
        f"missing; got {shorten(ids)}."
    )
    try:
        kind, values, missing = read_values(ids)
    except ValueError as error:
        # Lists of several lengths are no array.
        raise expected from error
    valid = values.ndim == 1 and (kind in kinds or not len(values))
    listed = values.tolist() if valid and not missing.any() else [None]
    numbers = (abs(each) for each in listed if isinstance(each, int))
    # Ids that were not given may go on behind the largest given one.
    largest = _LARGEST if kinds == "iU" else 2**63 - 1
    types = {*map(type, listed)} <= {int, str, np.str_}
    if not types or max(numbers, default=0) > largest:
        raise expected
    if len({*listed}) < len(listed):
        twice = Counter(listed).most_common(1)[0][0]
        raise ValueError(f"`{name}` must differ; got {shorten(twice)} more than once.")
    if kind == "U":
        listed = [*map(str, listed)]
    return np.array(listed, dtype=np.int64 if kind == "i" else object)


def some_rows(votes, most):
    """Return the numbers of at most so many rows of each class, drawn at random.

    ``votes`` (n_rows, n_classes) are 1 for the class of each row; without classes all
    rows are one. The rows are the same, however many processes hold them.
    """
    order = np.random.default_rng(0).permutation(len(votes))
    of_class = votes.T if votes.shape[1] else np.ones((1, len(votes)), dtype=bool)
    parts = (order[own[order] > 0][:most] for own in of_class)
    return np.sort(np.concatenate([*parts]))


def folds_among(folds, rows):
    """Return folds with the places that their rows have among some, in order."""
    kept = np.zeros(1 + max(part.max() for fold in folds for part in fold), dtype=bool)
    kept[rows] = True
    among = [[part[kept[part]] for part in fold] for fold in folds]
    if not all(len(part) for fold in among for part in fold):
        raise ValueError(
            "`max_references` must leave rows in each fold of `cross_fit`; got "
            f"{len(rows)} rows in all for {len(folds)} folds. Raise it."
        )
    return [tuple(np.searchsorted(rows, part) for part in fold) for fold in among]


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


def places_of(ids, known, name, fewest=0):
    """Return the places of ids among known ones; of no id if there may be so few."""
    places = {each: place for place, each in enumerate(known.tolist())}
    ids = read_ids(ids, name, "iUO").tolist()
    if len(ids) < fewest:
        raise ValueError(f"`{name}` must hold an id or be None, for all; got none.")
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
    # Surrogates alone, as in names of files, are text too.
    texts = (str(each).encode(errors="surrogatepass") for each in ids.tolist())
    hashes = [murmurhash3_32(text, positive=True) for text in texts]
    return np.array(hashes, dtype=np.int64) % n_fitted


def labels_like(labels, classes):
    """Return labels that compare with classes; raise where they are of another kind."""
    kinds, found = {labels.dtype.kind, classes.dtype.kind}, labels
    fine = len(kinds) == 1 or kinds <= {*"iuf"} or kinds <= {*"UO"} or not len(labels)
    if fine and kinds <= {*"UO"}:
        fine = _types_of(labels) <= _types_of(classes)
    elif fine and kinds <= {*"mM"}:
        # In units that are finer than those of classes they may be between two.
        found = labels.astype(classes.dtype)
        fine = (found == labels).all()
    if fine:
        return found
    raise ValueError(
        f"`y` must hold labels of the kind of `classes_`, {shorten(classes)}; got "
        f"{shorten(labels)}."
    )


def _types_of(labels):
    """Return the types of labels, numpy's text as Python's."""
    types = {*map(type, labels.tolist())}
    return {str if issubclass(each, str) else each for each in types}


def extended(classes, labels):
    """Return classes with new labels behind them, sorted, as far as there are any."""
    new = sorted(labels - {*classes.tolist()})
    if not new:
        return classes
    listed, own = [*classes.tolist(), *new], classes.dtype.kind in "OMm"
    # The width of text, and of numbers, is that of what there is; none is rounded.
    for dtype in (classes.dtype,) if own else (None, classes.dtype, object):
        with suppress(OverflowError):
            found = np.array(listed, dtype=dtype)
            if found.tolist() == listed:
                break
    return found


def in_columns(values, labels, classes):
    """Return values of labels as those of classes, 0 for classes without a label."""
    places = {each: place for place, each in enumerate(labels.tolist())}
    taken = [places.get(each, len(places)) for each in classes.tolist()]
    return np.pad(np.asarray(values, dtype=np.float64), ((0, 0), (0, 1)))[:, taken]
