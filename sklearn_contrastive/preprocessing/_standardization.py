"""Standardised columns: learned from one table, applied to any, read in batches."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import gen_batches

from sklearn_contrastive._validation import SharedRows, SparseRows, dense_needed
from sklearn_contrastive.preprocessing._codes import Codes, learn_codes
from sklearn_contrastive.preprocessing._expansion import (
    LEARNED,
    Expansion,
    learn_expansion,
)

#: Rows in a block, so that temporary arrays stay small.
_BLOCK = 8192
#: Standardised tables up to this size are made once instead of in each step, so that a
#: large one is not held twice. On a GPU they may fill half of the free memory instead.
_LARGEST_PREPARED_BYTES = 2**25
#: A column is constant if its range is this many last bits of its values, or fewer.
_ROUNDING = 16
#: Limit of standardised values, so that squares of points stay finite.
LARGEST = 1e9
#: Up and down to this share of a dtype's powers of two, it holds all digits.
HELD = 0.75
#: Powers of two that are numbers, as are their inverses, without loss of digits; and
#: those of values that stay as they are where nothing is standardised.
_POWERS, _PLAIN = 1022, 28
#: Power of two of the largest value whose multiples are still numbers.
_HIGHEST = 1020
#: Limit of the smooth clip: standardised values stay inside ±8.
CLIP = 8.0
#: Percentiles between which the body of a column lies. Values farther from it than its
#: width count in mean and deviation as if they lay at that distance.
_BODY = 5, 95
#: Rows, evenly spaced, that bins of codes are learned from.
_MOST_CODED = 2**17
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

    unusual : bool
        Whether a center or scale may lie outside what float32 holds with all digits.

    codes : Codes or None
        Piecewise-linear codes that stand behind the standardised columns.

    expansion : Expansion or None
        What is read in place of columns with categories or missing numbers; the others
        are of these columns then.
    """

    kind: str | None = None
    center: np.ndarray | None = None
    scale: np.ndarray | None = None
    unusual: bool = True
    codes: Codes | None = None
    expansion: Expansion | None = None


def standardized(X, standardization):
    """Return standardised rows with their codes, in their dtype, always as a copy."""
    kind, center, scale, unusual, codes, expansion = standardization
    if expansion is not None:
        own = standardization._replace(expansion=None)
        Z = standardized(expansion.of(X), own)
        return np.hstack([Z, expansion.rows_of(X)]) if len(expansion.sizes) else Z
    if codes is not None:
        Z = standardized(X, standardization._replace(codes=None))
        return np.hstack([Z, codes.of(Z)])
    if kind is None:
        return np.array(X)
    with np.errstate(over="ignore", under="ignore"):
        if unusual:
            # In units of its size, or of 1 at least, a constant column is small.
            size = np.maximum(np.abs(center), np.where(np.isinf(scale), 1, scale))
            power = np.frexp(size)[1]
            held = np.abs(power) <= HELD * np.finfo(X.dtype).maxexp
            # Powers of two change no digit, and bring both into the range of the dtype.
            power = np.where(held, 0, -power)
            X, center, scale = (np.ldexp(each, power) for each in (X, center, scale))
        Z = X - center.astype(X.dtype)
        Z /= scale.astype(X.dtype)
    np.clip(Z, -LARGEST, LARGEST, out=Z)
    if kind == "robust":
        Z /= np.sqrt(1 + (Z / CLIP) ** 2)
    return Z


def learn_standardization(X, standardize, coded=False, seen=None, learned=False):
    """Return the standardization of a table, in float64 and without a copy of it.

    For "standard" center and scale are mean and standard deviation; for "robust" or
    True those of the values with far ones drawn in; False leaves columns as they are.
    ``coded`` adds piecewise-linear codes; ``seen`` tells of categories and missing
    numbers, ``learned`` whether the encoder learns of many levels.
    """
    if seen is not None and (seen.levels or seen.missing.any()):
        return _learn_expanded(X, standardize, coded, seen, learned)
    if isinstance(X, SparseRows):
        return _learn_sparse(X, standardize)
    if coded:
        plain = learn_standardization(X, standardize)
        some = np.array(X[:: -(-len(X) // _MOST_CODED)], dtype=np.float64)
        return plain._replace(codes=learn_codes(standardized(some, plain)))
    if not standardize:
        return Standardization()
    kind = "robust" if standardize is True else standardize
    limits = low, high = [f(axis=0).astype(np.float64) for f in (X.min, X.max)]
    last_bits = _ROUNDING * np.finfo(X.dtype).eps
    with np.errstate(over="ignore", under="ignore"):
        if kind == "robust":
            limits = np.clip(_fences(X, last_bits), low, high)
        # In units of a power of two, which changes no digit, squares are in range.
        power = np.frexp(np.abs(limits).max(axis=0))[1].clip(-_POWERS, _POWERS)
        unit = np.ldexp(1.0, power)
        per_unit = 1 / unit
        parts, added = [X], sum
        if isinstance(X, SharedRows):
            parts, added = X.parts, X.added
        # In one order in memory, since sums of columns and of rows differ by last bits.
        totals = [
            sum(
                (np.clip(np.ascontiguousarray(part[b]), *limits) * per_unit).sum(axis=0)
                for b in gen_batches(len(part), _BLOCK)
            )
            for part in parts
        ]
        center = added(totals) / len(X)
        totals = [
            sum(
                ((np.clip(rows, *limits) * per_unit - center) ** 2).sum(axis=0)
                for b in gen_batches(len(part), _BLOCK)
                for rows in [np.ascontiguousarray(part[b])]
            )
            for part in parts
        ]
        scale = np.sqrt(added(totals) / len(X))
        # Rounding makes constant sums, as of shares, differ by some last bits.
        rounding = last_bits * np.maximum(np.abs(low), np.abs(high))
        constant = (high - low <= rounding) | ~(scale > 0)
        # Half of the least number has no digit left.
        scale = np.maximum(scale * unit, np.finfo(np.float64).smallest_subnormal)
        center *= unit
        sizes = np.array([center, scale, 1 / scale])
        sizes[1:, constant], scale[constant] = 0, np.inf
        unusual = np.abs(sizes).max() > 2 ** (HELD * np.finfo(np.float32).maxexp)
    return Standardization(kind, center, scale, bool(unusual))


def _learn_sparse(X, standardize):
    """Return what `learn_standardization` does for sparse rows, whose zeros stay."""
    if not standardize:
        return Standardization()
    scale = X.deviations()
    scale[scale <= _ROUNDING * np.finfo(X.dtype).eps] = np.inf
    kind = "robust" if standardize is True else standardize
    return Standardization(kind, np.zeros(len(scale)), scale)


def _learn_expanded(X, standardize, coded, seen, learned):
    """Return what `learn_standardization` does where columns are expanded."""
    expansion, shares = learn_expansion(X, seen, learned)
    numbers, found = expansion.numbers, Standardization(expansion=expansion)
    if standardize:
        # Those of 0 and 1 follow from their shares, and are never unusual.
        scale, unusual = np.sqrt(shares * (1 - shares)), False
        center, scale = shares, np.where(scale == 0, np.inf, scale)
        center[expansion.level == LEARNED] = 0
        scale[expansion.level == LEARNED] = 1
        shared = isinstance(X, SharedRows)
        for place in np.flatnonzero(numbers):
            parts = expansion.source[[place]], expansion.level[[place]]
            column = expansion._replace(source=parts[0], level=parts[1])
            values = X.mapped(column.of) if shared else column.of(X)
            own = learn_standardization(values, standardize)
            center[place], scale[place] = own.center[0], own.scale[0]
            unusual = unusual or own.unusual
        kind = "robust" if standardize is True else standardize
        found = Standardization(kind, center, scale, unusual, expansion=expansion)
    if coded and numbers.any():
        some = np.array(X[:: -(-len(X) // _MOST_CODED)], dtype=np.float64)
        parts = {"source": expansion.source[numbers], "level": expansion.level[numbers]}
        own = found._replace(expansion=expansion._replace(**parts))
        if standardize:
            own = own._replace(center=center[numbers], scale=scale[numbers])
        codes = learn_codes(standardized(some, own))
        if codes is not None:
            codes = codes._replace(columns=np.flatnonzero(numbers)[codes.columns])
            found = found._replace(codes=codes)
    return found


def standardized_table(X, standardization):
    """Return standardised rows in float32, without codes.

    Columns left as they are lose their mean.
    """
    if isinstance(X, SparseRows):
        raise dense_needed("X", " where neighbours of all rows are looked for")
    if isinstance(X, SharedRows):
        raise ValueError(
            "`similarity` must not look for neighbours of all rows, which lie in "
            "several processes here. Learn from labels or targets, or from views."
        )
    expansion, width = standardization.expansion, X.shape[1]
    if expansion is not None:
        width = len(expansion.source)
        if (expansion.level == LEARNED).all():
            raise ValueError(
                "`X` must have a column of numbers, or of at most 255 levels, where "
                "neighbours of all rows are looked for: what a level says is known "
                "after training only. Use another `similarity`, or encode the levels."
            )
        if standardization.kind is None:
            X, standardization = expansion.of(X), Standardization()
    if standardization.kind is None:
        # The same shift of all rows keeps the digits of large numbers, and the same
        # power of two for all columns their squares in range.
        with np.errstate(over="ignore"):
            center = X.mean(axis=0, dtype=np.float64)
        power = np.frexp(max(abs(float(X.min())), abs(float(X.max()))))[1]
        unit = np.ldexp(1.0, power - np.clip(power, -_PLAIN, _PLAIN))
        center = np.where(np.isfinite(center), center, 0)
        scale = np.full(X.shape[1], unit)
        standardization = Standardization("standard", center, scale)
    shape, plain = (len(X), width), standardization._replace(codes=None)
    Z = np.empty(shape, dtype=np.float32)
    for rows in gen_batches(len(X), _BLOCK):
        Z[rows] = standardized(X[rows], plain)[:, :width]
    return Z


class Rows:
    """Standardised rows of models on a device, read by number.

    ``tables`` holds the rows of each model, possibly on disk, and its standardisation;
    they are never written to and never copied whole unless that is small. Models that
    learn from the same table share it. ``views`` are functions that return what stands
    for raw rows of each model, called each time they are read. ``weights`` (n_models,
    1, n_features) multiply what is read. ``on_device`` says whether all rows are there
    already.
    """

    def __init__(self, tables, device, dtype, views=None, weights=None):
        import torch

        self.views, self._tables, self._weights = views, tables, weights
        self._device, self._dtype = device, dtype
        X, standardization = tables[0]
        self.n_features = standardized(X[:1], standardization).shape[1]
        self._table, largest = None, _LARGEST_PREPARED_BYTES
        if device.startswith("cuda"):
            largest = torch.cuda.mem_get_info(device)[0] // 2
        # A standardization is the same where its numbers are.
        which = [
            (
                id(X),
                *(
                    np.asarray(p).tobytes()
                    for p in (*s[:4], *(s.codes or ()), *(s.expansion or ()))
                ),
            )
            for X, s in tables
        ]
        different = dict(zip(which, tables, strict=True))
        lengths = [len(X) for X, _ in different.values()]
        n_bytes = sum(lengths) * self.n_features * dtype.itemsize
        self.on_device = views is None and n_bytes <= largest
        if self.on_device:
            shape = sum(lengths), self.n_features
            self._table = torch.empty(shape, dtype=dtype, device=device)
            parts = zip(self._table.split(lengths), different.values(), strict=True)
            for part, (X, standardization) in parts:
                for rows in gen_batches(len(X), _BLOCK):
                    block = standardized(X[rows], standardization)
                    part[rows] = torch.from_numpy(block)
            starts = dict(zip(different, np.cumsum(lengths) - lengths, strict=True))
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
        else:
            views = self.views or [np.asarray] * len(self._tables)
            parts = zip(self._tables, views, numbers, out, strict=True)
            for (X, standardization), view, own, place in parts:
                rows = standardized(view(X[own]), standardization)
                place.copy_(torch.from_numpy(rows))
        if self._weights is not None:
            out.mul_(self._weights)


def _fences(X, last_bits):
    """Return per column the two values between which others count as they are."""
    most = max(_FEWEST_ROWS_RANKED, _MOST_RANKED // X.shape[1])
    # One read of a table on disk; then column by column, as percentiles make copies.
    ranked = np.array(X[:: -(-len(X) // most)])
    fences = np.repeat([[-np.inf], [np.inf]], X.shape[1], axis=1)
    for column, values in enumerate(ranked.T):
        values = values.astype(np.float64)
        # As large as sums and differences allow, so that small ones keep their digits.
        power = _HIGHEST - np.frexp(np.abs(values).max())[1]
        values = np.ldexp(values, power)
        middle = np.median(values)
        others = values[values != middle]
        if 0 < 2 * len(others) < len(values):
            # Most rows have one value, such as 0: the body is that of the others.
            values = others
        left, right = np.percentile(values, _BODY)
        width = right - left
        if width > last_bits * max(abs(left), abs(right)):
            ends = min(left - width, middle), max(right + width, middle)
            fences[:, column] = np.ldexp(ends, -power)
    return fences
