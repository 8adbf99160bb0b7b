"""Batches with several rows per class, where classes are rare, few or many; splits."""

import numpy as np


def class_batches(rows, codes, rows_per_class, batch_size, rng):
    """Draw batches of shape (n_steps, batch_size): rows of every class, or in groups.

    Rows have class `codes`; none comes twice in a batch.
    """
    n_steps = len(rows) // batch_size
    fits = len(np.unique(codes)) * rows_per_class <= batch_size
    draw = _quota_batches if fits else _group_batches
    return draw(rows, codes, rows_per_class, n_steps, batch_size, rng)


def split_rows(rows, codes, fraction, rng):
    """Return rows to keep and rows to hold out, about the same share of every class."""
    rows, codes, rank, counts = _by_class(rows, codes, rng)
    # The score needs pairs: rows leave two at a time, from two classes at least.
    n_out = 2 * np.floor(fraction * counts / 2 + rng.uniform(size=len(counts)))
    largest = np.argsort(-counts, kind="stable")[:2]
    n_out[largest] = np.maximum(n_out[largest], 2)
    out = rank < n_out[codes]
    for part in (~out, out):
        sizes = np.bincount(codes[part], minlength=len(counts))
        if sizes.max() < 2 or np.count_nonzero(sizes) < 2:
            raise ValueError(
                f"The {len(rows)} rows are too few to hold some out: rows kept and "
                "rows held out both need two classes and a class of two rows. Set "
                "`early_stopping=False` or pass `X_val` and `y_val`."
            )
    return np.sort(rows[~out]), np.sort(rows[out])


def _by_class(rows, codes, rng):
    """Shuffle rows and sort them by class.

    Returns rows, their codes, the position of each row in its class, all of shape
    (n_rows,), and the number of rows of each code.
    """
    order = rng.permutation(len(rows))
    order = order[np.argsort(codes[order], kind="stable")]
    rows, codes = rows[order], codes[order]
    counts = np.bincount(codes)
    first = np.cumsum(counts) - counts
    return rows, codes, np.arange(len(rows)) - first[codes], counts


def _quota_batches(rows, codes, rows_per_class, n_steps, batch_size, rng):
    """Give every class the same number of places in each batch, if it has the rows."""
    rows, _, _, counts = _by_class(rows, codes, rng)
    counts = counts[counts > 0]
    # Two classes take half of a batch each.
    quota = np.minimum(batch_size // 2 if len(counts) == 2 else rows_per_class, counts)
    quota += _proportional(batch_size - quota.sum(), counts - quota)
    parts = np.split(rows, np.cumsum(counts)[:-1])
    # A window of a repeated permutation that is no longer than the permutation holds
    # no row twice.
    shapes = [(n_steps, n_places) for n_places in quota]
    return np.concatenate([*map(np.resize, parts, shapes)], axis=1)


def _group_batches(rows, codes, rows_per_class, n_steps, batch_size, rng):
    """Line up groups of one class, each class spread evenly, and cut into batches."""
    rows, codes, rank, counts = _by_class(rows, codes, rng)
    group = rank // rows_per_class
    used = group < _groups_per_class(rows_per_class, n_steps, batch_size, counts)
    rows, codes, group = rows[used], codes[used], group[used]
    n_groups = np.ceil(np.bincount(codes, minlength=len(counts)) / rows_per_class)
    place = (group + rng.uniform(size=len(counts))[codes]) / n_groups[codes]
    rows = rows[np.argsort(place, kind="stable")]
    n_steps = len(rows) // batch_size
    return rows[: n_steps * batch_size].reshape(n_steps, batch_size)


def _groups_per_class(rows_per_class, n_steps, batch_size, counts):
    """Return how many groups a class may have: one per batch, if that fills one."""
    while n_steps > 0:
        n_rows = np.minimum(counts, n_steps * rows_per_class).sum()
        if n_rows // batch_size >= n_steps:
            return n_steps
        n_steps = n_rows // batch_size
    return counts.max()


def _proportional(total, sizes):
    """Share `total` out in proportion to `sizes` (largest remainder)."""
    exact = total * sizes / max(1, sizes.sum())
    shares = np.floor(exact).astype(sizes.dtype)
    most_missing = np.argsort(shares - exact, kind="stable")
    shares[most_missing[: total - shares.sum()]] += 1
    return shares
