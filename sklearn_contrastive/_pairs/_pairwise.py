"""Pair losses: the value and the gradient over all pairs, or over a few per anchor.

With W the weighted derivatives of the loss in squared distance, the gradient in anchors
A and candidates C is 2 (diag(W 1) A - W C) and 2 (diag(Wᵀ 1) C - Wᵀ A). Two matrix
products, tile by tile, replace all that automatic differentiation would store.
Positive and negative pairs are added up separately, because each mean divides by a
number that is known only after the last tile. Arrays have any number of leading axes,
each entry of which is an independent model.
"""

import math
from itertools import product
from typing import Any, NamedTuple

#: Entries of a tile: as many as fit into the cache of a core, or keep a GPU busy.
_TILE, _GPU_TILE = 2**16, 2**24
#: Tiles of whole rows are this much larger: few rows are slow in matrix products.
_WHOLE_ROWS = 4
#: Pairs nearer than this, squared and relative to their lengths, are measured from
#: differences: the matrix product cannot tell them from coincident ones.
_CLOSE = 1e-3
#: Least squared distance, relative likewise, so that derivatives stay finite; and what
#: it is where all points lie at the origin.
_LEAST, _TINY = 1e-12, 1e-30
#: Squared distance of pairs that do not count, farther than any that does.
_FAR = 1e30


class Tile(NamedTuple):
    """Some anchors and some candidates: slices, arrays to write to, and their points.

    ``left`` and ``right`` are the points beside what makes their product a distance.
    """

    rows: slice
    columns: slice
    values: Any
    work: list
    A: Any
    C: Any
    left: Any
    right: Any


class Tiles:
    """The measured pairs of anchors and candidates, a tile at a time.

    ``A`` (..., n_anchors, n_components) and ``C``, None where the anchors are the
    candidates, are points of the shape, precision and device to prepare for.
    """

    def __init__(
        self, A, C=None, whole_rows=True, products=False, lengths=True, half=False
    ):
        C = A if C is None else C
        self._products, self._lengths = products, lengths
        # The product of these is a·c - |a|²/2 - |c|²/2.
        left = A.new_full((*A.shape[:-1], A.shape[-1] + 2), -0.5)
        right = C.new_ones((*C.shape[:-1], C.shape[-1] + 2))
        self._left, self._right = left, right
        # A processor may look at the nearest distance; on a GPU that means waiting.
        self.exact = A.device.type != "cpu"
        lead, sizes = A.shape[:-2], (A.shape[-2], C.shape[-2])
        most = _GPU_TILE if self.exact else _TILE * (_WHOLE_ROWS if whole_rows else 1)
        most = max(1, most // max(1, math.prod(lead)))
        step = max(1, most // max(1, sizes[1]))
        steps = (step, max(1, sizes[1])) if whole_rows else [math.isqrt(most)] * 2
        parts = [
            [slice(start, min(start + by, n)) for start in range(0, max(1, n), by)]
            for by, n in zip(steps, sizes, strict=True)
        ]
        ends = product(*parts)
        ends = [(i, j) for i, j in ends if not half or i.start <= j.start]
        shapes = [(*lead, i.stop - i.start, j.stop - j.start) for i, j in ends]
        # Made once: new arrays of this size cost more than what is done with them.
        arrays = A.new_empty((4, max(map(math.prod, shapes), default=0)))
        self._tiles = []
        for (rows, columns), shape in zip(ends, shapes, strict=True):
            values, *work = (a[: math.prod(shape)].view(shape) for a in arrays)
            ours, theirs = left[..., rows, :], right[..., columns, :]
            points = ours[..., :-2], theirs[..., :-2]
            self._tiles.append(Tile(rows, columns, values, work, *points, ours, theirs))

    def measured(self, A, C):
        """Yield each tile that holds pairs of these points, with their distances."""
        import torch

        n = A.shape[-1]
        self._left[..., :n], self._right[..., :n] = A, C
        if self._lengths:
            # Squared lengths go beside the points, and say what is close.
            squares = (C * C).sum(-1)
            halves = squares if A is C else (A * A).sum(-1)
            self._left[..., n] = halves.mul(-0.5)
            self._right[..., n + 1] = squares
            typical = squares.sum() / max(1, squares.numel())
            typical = typical if self.exact else typical.item()
            self.least, self._close = (r * typical + _TINY for r in (_LEAST, _CLOSE))
        for tile in self._tiles:
            if self._products:
                add_product(tile.values, tile.A, tile.C.mT, beta=0, alpha=1)
            elif self.exact:
                mode = "donot_use_mm_for_euclid_dist"
                distances = torch.cdist(tile.A, tile.C, compute_mode=mode)
                torch.mul(distances, distances, out=tile.values).clamp_(min=self.least)
            else:
                # Up to rounding: not exact and perhaps not positive.
                values, right = tile.values, tile.right.mT
                add = values.addmm_ if values.ndim == 2 else values.baddbmm_
                add(tile.left, right, beta=0, alpha=-2)
            yield tile

    def distances(self, tile):
        """Return the distances of a tile's pairs, not zero, in a new array."""
        if self._products:
            squared = tile.values + tile.left[..., -2:-1]
            squared.mul_(-2).add_(tile.right[..., -1:].mT)
        else:
            squared = tile.values.clone()
        return squared.clamp_(min=self.least).sqrt_()

    def close_pairs(self, tile, weights):
        """Measure close pairs that count from differences; return where and these."""
        import torch

        if self.exact or not tile.values.numel() or tile.values.amin() >= self._close:
            return None
        unknown = torch.le(weights, 0, out=torch.empty_like(tile.values))
        squared = unknown.mul_(_FAR).add_(tile.values)
        if squared.amin().item() >= self._close:
            return None
        *model, i, j = at = (squared < self._close).nonzero(as_tuple=True)
        differences = tile.A[(*model, i)] - tile.C[(*model, j)]
        tile.values[at] = differences.square().sum(-1).clamp_(min=self.least)
        return at, differences


class Sums:
    """Values, numbers of pairs and gradients of two kinds of pairs, added up."""

    def __init__(self, A, C=None, fixed=False, symmetric=False):
        self._gradients = [A.new_zeros((2, *A.shape))]
        if C is not None and not fixed:
            self._gradients.append(C.new_zeros((2, *C.shape)))
        self._n_ends, self._symmetric = len(self._gradients), symmetric
        if C is None:
            # When the candidates are the anchors, so are the gradients in them.
            self._gradients.append(self._gradients[0])
        self._sums, self._parts = A.new_zeros((2, 2, *A.shape[:-2])), {}

    def clear(self):
        """Start from zero."""
        for sums in (self._sums, *self._gradients[: self._n_ends]):
            sums.zero_()

    def add(self, kind, value, count):
        """Add the value and the number of the pairs of a tile."""
        self._sums[0, kind].add_(value)
        self._sums[1, kind].add_(count)

    def add_products(self, tile, kind, V):
        """Add the gradient that follows from derivatives V in the inner products."""
        on_A, on_C = self._of(tile, kind)
        add_product(on_A, V, tile.C, beta=1, alpha=1)
        if on_C is not None:
            add_product(on_C, V.mT, tile.A, beta=1, alpha=1)

    def add_distances(self, tile, kind, W, close):
        """Add half the gradient that follows from derivatives W in D²."""
        on_A, on_C = self._of(tile, kind)
        if close is not None:
            # Their gradients would be small differences of large products.
            at, differences = close
            *model, i, j = at
            own = W[at][:, None] * differences
            W[at] = 0
            on_A.index_put_((*model, i), own, accumulate=True)
            if on_C is not None:
                on_C.index_put_((*model, j), -own, accumulate=True)
        if self._symmetric and tile.rows == tile.columns:
            # Both ends are the same points, with the same gradient.
            W, on_C = W * 2, None
        on_A.addcmul_(W.sum(-1, keepdim=True), tile.A)
        add_product(on_A, W, tile.C, beta=1, alpha=-1)
        if on_C is not None:
            on_C.addcmul_(W.sum(-2)[..., None], tile.C)
            add_product(on_C, W.mT, tile.A, beta=1, alpha=-1)

    def _of(self, tile, kind):
        place = kind, tile.rows.start, tile.columns.start
        if place not in self._parts:
            ends = zip(self._gradients, (tile.rows, tile.columns), strict=False)
            parts = [gradient[kind][..., part, :] for gradient, part in ends]
            self._parts[place] = parts if len(parts) > 1 else (*parts, None)
        return self._parts[place]

    def averaged(self, factor):
        """Return the sum of both means, gradients times `factor`, and both shares."""
        import torch

        values, counts = self._sums
        shares = counts.add_(counts == 0).reciprocal_()
        value = values.mul_(shares).sum(0)
        positive, negative = (shares * factor)[..., None, None]
        gradients = [
            torch.addcmul(of_kinds[0] * positive, of_kinds[1], negative)
            for of_kinds in self._gradients[: self._n_ends]
        ]
        return value, gradients, shares


class DensePairs:
    """A pair loss over all pairs of anchors and candidates, or those a miner keeps."""

    def __init__(self, loss, A, C=None, miner=None, fixed=False, symmetric=False):
        self._loss, self._miner = loss, miner
        self._constant = loss.constant_slopes(A.new_ones(1))
        # With symmetric weights, a tile off the diagonal stands for two.
        self._symmetric = symmetric and C is None and miner is None
        whole_rows = miner is not None
        self._tiles = Tiles(A, C, whole_rows, half=self._symmetric)
        self._sums = Sums(A, C, fixed, self._symmetric)

    def __call__(self, A, C, weigh, params=None):
        """Return the mean loss, its gradients in A and C, and none in parameters.

        ``weigh(rows, columns, work)`` returns the `Pairs` of slices of anchors and
        candidates; it may use the three arrays of `work`.
        """
        self._sums.clear()
        for tile in self._tiles.measured(A, A if C is None else C):
            pairs = weigh(tile.rows, tile.columns, tile.work)
            if self._symmetric and tile.rows != tile.columns:
                pairs = [w * 2 for w in pairs]
            self._add(tile, pairs)
        value, gradients, _ = self._sums.averaged(2)
        return value, gradients, {}

    def _add(self, tile, pairs):
        """Add up the pairs of a tile by the formulas of the loss."""
        squared = tile.values.clamp_(min=self._tiles.least)
        if self._miner is not None:
            pairs = self._miner(squared.sqrt(), pairs)
        weights = [w.to(squared.dtype) for w in pairs]
        # Where the derivative is a constant, nearness is no danger.
        kinds = zip(weights, self._constant, strict=True)
        curved = [w for w, constant in kinds if constant is None]
        close = self._tiles.close_pairs(tile, sum(curved)) if curved else None
        distances = squared.sqrt()
        for kind, formula in enumerate((self._loss.positive, self._loss.negative)):
            w, constant = weights[kind], self._constant[kind]
            value, slope = formula(distances)
            counted = w if kind == 0 else w * (value > 0)
            self._sums.add(kind, (value * w).sum((-2, -1)), counted.sum((-2, -1)))
            W = w if constant == 1 else w * slope
            exact = close if constant is None else None
            self._sums.add_distances(tile, kind, W, exact)


class SparsePairs:
    """A pair loss over a few candidates of each anchor, listed by a miner.

    Every pair is measured from its difference, so that the nearest are as exact as any
    other.
    """

    def __init__(self, loss, A, C=None, miner=None, fixed=False, symmetric=False):
        self._loss, self._miner, self._fixed = loss, miner, fixed
        self._tiles, self._work = Tiles(A, C), None

    def __call__(self, A, C, weigh, params=None):
        """Return the mean loss and its gradients, as `DensePairs.__call__` does."""
        import torch

        listed = []
        for tile in self._tiles.measured(A, A if C is None else C):
            pairs = weigh(tile.rows, tile.columns, tile.work)
            listed.append(self._miner.links(tile.values, pairs, tile.work[2]))
        kinds = listed[0]
        if len(listed) > 1:
            by_kind = zip(*listed, strict=True)
            kinds = [
                [torch.cat(parts, -1) for parts in zip(*tiles, strict=True)]
                for tiles in by_kind
            ]
        candidates = (A if C is None else C).reshape(-1, A.shape[-1])
        ends, differences = self._differences(A, candidates, kinds)
        torch.mul(differences, differences, out=self._work[1])
        distances = self._work[1].sum(-1).clamp_(min=self._tiles.least).sqrt_()
        parts = distances.split([index.shape[-2] for index, _ in kinds], -2)
        formulas, loss, slopes = (self._loss.positive, self._loss.negative), 0, []
        for formula, part, (_, weights) in zip(formulas, parts, kinds, strict=True):
            value, slope = formula(part)
            active = weights * (value > 0) if formula is formulas[1] else weights
            count = active.sum((-2, -1))
            count += count == 0
            loss = loss + (value * weights).sum((-2, -1)) / count
            slopes.append(weights * slope * (2 / count)[..., None, None])
        differences.mul_(torch.cat(slopes, -2)[..., None])
        # What moves a candidate one way moves its anchor the other way.
        on_anchors = differences.sum(-3).neg_()
        if self._fixed:
            return loss, [on_anchors], {}
        on_candidates = on_anchors if C is None else torch.zeros_like(C)
        flat = on_candidates.view_as(candidates)
        flat.index_add_(0, ends, differences.view(-1, A.shape[-1]))
        return loss, [on_anchors] if C is None else [on_anchors, on_candidates], {}

    def _differences(self, A, candidates, kinds):
        """Return places among the candidates of all models, and differences to A."""
        import torch

        ends = torch.cat([index for index, _ in kinds], -2)
        if A.ndim > 2:
            # All models' candidates are one list, model after model.
            starts = torch.arange(A.shape[0], device=A.device)[:, None, None]
            ends = ends + starts * (len(candidates) // A.shape[0])
        ends, shape = ends.reshape(-1), (*ends.shape, A.shape[-1])
        if self._work is None or self._work[0].shape != shape:
            # New ones in each step would come from the operating system, which has
            # to clear them.
            self._work = [A.new_empty(shape) for _ in range(2)]
        differences = self._work[0]
        torch.index_select(candidates, 0, ends, out=differences.view(-1, A.shape[-1]))
        return ends, differences.sub_(A.unsqueeze(-3))


def add_product(out, left, right, beta, alpha):
    """Set `out` to beta times itself plus alpha times a product, of each model."""
    add = out.addmm_ if out.ndim == 2 else out.baddbmm_
    add(left, right, beta=beta, alpha=alpha)
