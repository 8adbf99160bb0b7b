"""Batches in which rows of one class meet, whatever the sizes of the classes."""

import numpy as np

#: With more classes than this, batches are drawn by class.
_MOST_UNIFORM_CLASSES = 32


def class_batches(rows, codes, rows_per_class, batch_size, rng):
    """Draw the batches of one pass, at random where that makes classes meet.

    Parameters
    ----------
    rows, codes : ndarray of shape (n_rows,)
        Row numbers and their class codes.

    rows_per_class : int
        Rows of one class that should meet.

    batch_size : int
        Rows in a batch, at most ``n_rows``.

    rng : numpy.random.RandomState
        Source of randomness.

    Returns
    -------
    index : ndarray of shape (n_steps, batch_size)
        Row numbers, each at most once in a row of `index`.
    """
    n_steps = len(rows) // batch_size
    # A batch of one class holds nothing to tell it from.
    rows_per_class = max(1, min(rows_per_class, batch_size // 2))
    counts = np.bincount(codes)
    counts = counts[counts > 0]
    expected = batch_size * counts.min() / len(rows)
    few = 2 < len(counts) <= _MOST_UNIFORM_CLASSES
    if batch_size == len(rows) or (few and expected >= rows_per_class):
        order = rng.permutation(rows)
        return order[: n_steps * batch_size].reshape(n_steps, batch_size)
    fits = len(counts) * rows_per_class <= batch_size
    draw = quota_batches if fits else group_batches
    return draw(rows, codes, rows_per_class, n_steps, batch_size, rng)


def by_class(rows, codes, rng):
    """Shuffle rows and sort them by class.

    Parameters
    ----------
    rows, codes : ndarray of shape (n_rows,)
        Row numbers and their class codes.

    rng : numpy.random.RandomState
        Source of randomness.

    Returns
    -------
    rows, codes, rank : ndarray of shape (n_rows,)
        Row numbers, their codes, and the place of each among those of its class.

    counts : ndarray of shape (n_classes,)
        Rows of each code.
    """
    order = rng.permutation(len(rows))
    order = order[np.argsort(codes[order], kind="stable")]
    rows, codes = rows[order], codes[order]
    counts = np.bincount(codes)
    first = np.cumsum(counts) - counts
    return rows, codes, np.arange(len(rows)) - first[codes], counts


def quota_batches(rows, codes, rows_per_class, n_steps, batch_size, rng):
    """Give every class a fixed number of places in each batch.

    Parameters
    ----------
    rows, codes : ndarray of shape (n_rows,)
        Row numbers and their class codes.

    rows_per_class : int
        Places that every class gets at least, if it has the rows.

    n_steps, batch_size : int
        Shape of the index.

    rng : numpy.random.RandomState
        Source of randomness.

    Returns
    -------
    index : ndarray of shape (n_steps, batch_size)
        Row numbers, each at most once in a batch.
    """
    rows, _, _, counts = by_class(rows, codes, rng)
    counts = counts[counts > 0]
    half_and_half = len(counts) == 2
    floor = batch_size // 2 if half_and_half else rows_per_class
    quota = np.minimum(floor, counts)
    quota += _proportional(batch_size - quota.sum(), counts - quota)
    parts = np.split(rows, np.cumsum(counts)[:-1])
    # A window of a repeated permutation that is no longer than the permutation holds
    # no row twice.
    return np.concatenate(
        [
            np.resize(part, (n_steps, n_places))
            for part, n_places in zip(parts, quota, strict=True)
        ],
        axis=1,
    )


def group_batches(rows, codes, rows_per_class, n_steps, batch_size, rng):
    """Lay groups of one class in a row, each class spread evenly, and cut it.

    Parameters
    ----------
    rows, codes : ndarray of shape (n_rows,)
        Row numbers and their class codes.

    rows_per_class : int
        Rows in a group.

    n_steps, batch_size : int
        Most batches to draw, and rows in each.

    rng : numpy.random.RandomState
        Source of randomness.

    Returns
    -------
    index : ndarray of shape (n_batches, batch_size)
        Row numbers, each at most once; at least one batch.
    """
    rows, codes, rank, counts = by_class(rows, codes, rng)
    group = rank // rows_per_class
    used = group < _groups_a_class(rows_per_class, n_steps, batch_size, counts)
    rows, codes, group = rows[used], codes[used], group[used]
    n_groups = np.ceil(np.bincount(codes, minlength=len(counts)) / rows_per_class)
    place = (group + rng.uniform(size=len(counts))[codes]) / n_groups[codes]
    rows = rows[np.argsort(place, kind="stable")]
    n_steps = len(rows) // batch_size
    return rows[: n_steps * batch_size].reshape(n_steps, batch_size)


def _groups_a_class(rows_per_class, n_steps, batch_size, counts):
    """Return how many groups a class may have: one a batch, if that fills one."""
    while n_steps > 0:
        n_rows = np.minimum(counts, n_steps * rows_per_class).sum()
        if n_rows // batch_size >= n_steps:
            return n_steps
        n_steps = n_rows // batch_size
    return counts.max()


def _proportional(total, sizes):
    """Share `total` out in proportion to `sizes` (largest remainder)."""
    if total == 0:
        return np.zeros_like(sizes)
    exact = total * sizes / sizes.sum()
    shares = np.floor(exact).astype(sizes.dtype)
    most_missing = np.argsort(shares - exact, kind="stable")
    shares[most_missing[: total - shares.sum()]] += 1
    return shares
