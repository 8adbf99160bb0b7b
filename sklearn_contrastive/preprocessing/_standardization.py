"""Standardised columns: learned from one table, applied to any, read in batches."""

from typing import NamedTuple

import numpy as np

#: Rows in a block, so that temporary arrays stay small.
_BLOCK = 8192
#: Standardised tables up to this size are made once instead of in each step, so that a
#: large one is not held twice. On a GPU they may fill half of the free memory instead.
_LARGEST_PREPARED_BYTES = 2**25
#: A column is constant if its range is this many last bits of its values, or fewer.
_ROUNDING = 16
#: Limit of standardised values, so that squares of points stay finite.
_LARGEST = 1e9
#: Limit of the smooth clip: standardised values stay inside ±8.
_CLIP = 8.0
#: Percentiles between which the body of a column lies. Values farther from it than its
#: width count in mean and deviation as if they lay at that distance.
_BODY = 5, 95
#: Percentiles are those of at most so many numbers, from evenly spaced rows, but of so
#: many rows at least.
_MOST_RANKED, _FEWEST_ROWS_RANKED = 2**22, 1024


class Standardization(NamedTuple):
    """What is subtracted from each column and divides it.

    Parameters
    ----------
    kind : {"standard", "robust", None}
        None leaves columns as they are. "robust" also bends values smoothly into ±8,
        as x / sqrt(1 + (x/8)²).

    center : ndarray of shape (n_features,) or None
        Subtracted from each column.

    scale : ndarray of shape (n_features,) or None
        Divides each column then; infinite for a column that is constant up to
        rounding, which becomes zero.
    """

    kind: str | None = None
    center: np.ndarray | None = None
    scale: np.ndarray | None = None


def standardized(X, standardization):
    """Return standardised rows, in their own dtype and always as a copy."""
    if standardization.kind is None:
        return np.array(X)
    with np.errstate(over="ignore"):
        Z = X - standardization.center.astype(X.dtype)
        Z /= standardization.scale.astype(X.dtype)
    np.clip(Z, -_LARGEST, _LARGEST, out=Z)
    if standardization.kind == "robust":
        Z /= np.sqrt(1 + (Z / _CLIP) ** 2)
    return Z


def learn_standardization(X, standardize):
    """Return the standardization of a table, in float64 and without a copy of it.

    For "standard" center and scale are mean and standard deviation; for "robust" or
    True those of the values with far ones drawn in; False leaves columns as they are.
    """
    if not standardize:
        return Standardization()
    kind = "robust" if standardize is True else standardize
    low, high = X.min(axis=0).astype(np.float64), X.max(axis=0).astype(np.float64)
    last_bits = _ROUNDING * np.finfo(X.dtype).eps
    limits = low, high
    if kind == "robust":
        limits = np.clip(_fences(X, last_bits), low, high)
    blocks = [slice(start, start + _BLOCK) for start in range(0, len(X), _BLOCK)]
    center = sum(np.clip(X[b], *limits).sum(axis=0) for b in blocks) / len(X)
    squares = sum(((np.clip(X[b], *limits) - center) ** 2).sum(axis=0) for b in blocks)
    scale = np.sqrt(squares / len(X))
    # Rounding makes constant sums, such as those of shares, differ by some last bits.
    rounding = last_bits * np.maximum(np.abs(low), np.abs(high))
    constant = (high - low <= rounding) | ~(scale > 0)
    return Standardization(kind, center, np.where(constant, np.inf, scale))


def standardized_table(X, standardization):
    """Return standardised rows in float32; columns left as they are lose their mean."""
    if standardization.kind is None:
        # The same shift of all rows keeps the digits of large numbers.
        center = X.mean(axis=0, dtype=np.float64)
        standardization = Standardization("standard", center, np.ones(X.shape[1]))
    Z = np.empty(X.shape, dtype=np.float32)
    for start in range(0, len(X), _BLOCK):
        Z[start : start + _BLOCK] = standardized(
            X[start : start + _BLOCK], standardization
        )
    return Z


class Rows:
    """Standardised rows of models on a device, read by number.

    ``tables`` holds the rows of each model, possibly on disk, and its standardisation;
    they are never written to and never copied whole unless that is small. Models that
    learn from the same table share it. ``views`` are functions that return what stands
    for raw rows of each model, called each time they are read. ``on_device`` says
    whether all rows are there already.
    """

    def __init__(self, tables, device, dtype, views=None):
        import torch

        self._views, self._tables = views, tables
        self._device, self._dtype = device, dtype
        self.n_features = tables[0][0].shape[1]
        self._table, largest = None, _LARGEST_PREPARED_BYTES
        if device.startswith("cuda"):
            largest = torch.cuda.mem_get_info(device)[0] // 2
        # A standardization is the same where its numbers are.
        which = [(id(X), *(np.asarray(p).tobytes() for p in s)) for X, s in tables]
        different = dict(zip(which, tables, strict=True))
        n_rows = sum(len(X) for X, _ in different.values())
        n_bytes = n_rows * self.n_features * dtype.itemsize
        self.on_device = views is None and n_bytes <= largest
        if self.on_device:
            shape = n_rows, self.n_features
            self._table = torch.empty(shape, dtype=dtype, device=device)
            starts, start = {}, 0
            for name, (X, standardization) in different.items():
                starts[name] = start
                for first in range(0, len(X), _BLOCK):
                    block = standardized(X[first : first + _BLOCK], standardization)
                    at = slice(start + first, start + first + len(block))
                    self._table[at] = torch.from_numpy(block)
                start += len(X)
            #: What is added to the row numbers of each model on the device.
            self.starts = np.array([[starts[name]] for name in which])

    def read(self, numbers, out):
        """Write the rows of numbers (n_models, batch_size) to `out`, model by model.

        On the device they are a tensor there, with `starts` added.
        """
        import torch

        if self.on_device:
            flat = out.view(-1, self.n_features)
            torch.index_select(self._table, 0, numbers.reshape(-1), out=flat)
            return
        views = self._views or [np.asarray] * len(self._tables)
        for (X, standardization), view, own, place in zip(
            self._tables, views, numbers, out, strict=True
        ):
            rows = standardized(view(X[own]), standardization)
            place.copy_(torch.from_numpy(rows))


def _fences(X, last_bits):
    """Return per column the two values between which others count as they are."""
    most = max(_FEWEST_ROWS_RANKED, _MOST_RANKED // X.shape[1])
    # One read of a table on disk; then column by column, as percentiles make copies.
    ranked = np.array(X[:: -(-len(X) // most)])
    fences = np.repeat([[-np.inf], [np.inf]], X.shape[1], axis=1)
    for column, values in enumerate(ranked.T):
        values = values.astype(np.float64)
        middle = np.median(values)
        others = values[values != middle]
        if 0 < 2 * len(others) < len(values):
            # Most rows have one value, such as 0: the body is that of the others.
            values = others
        left, right = np.percentile(values, _BODY)
        width = right - left
        if width > last_bits * max(abs(left), abs(right)):
            fences[:, column] = min(left - width, middle), max(right + width, middle)
    return fences
