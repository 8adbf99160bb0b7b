"""Springs between all pairs: the energy of a batch and the forces on its points.

A pair whose energy depends on its distance is a spring. With W the slopes of the
weighted energies in the squared distance, the forces on anchors A and candidates C are

    2 (diag(W 1) A - W C)   and   2 (diag(Wᵀ 1) C - Wᵀ A),

so that two matrix products replace all that automatic differentiation would store.
They are taken tile by tile, in arrays that are made once and stay in a processor's
cache. Positive and negative pairs are added up apart, because each kind is averaged
over a number that is known only after the last tile.
"""

import math

from sklearn_contrastive._links import relax_links

#: Entries of a tile: as many as fit into the cache of a core, or keep a GPU busy.
_TILE, _GPU_TILE = 2**16, 2**24
#: Pairs nearer than this, squared and relative to their lengths, are measured from
#: differences: the matrix product cannot tell them from coincident ones.
_CLOSE = 1e-3
#: Least squared distance, relative likewise, so that slopes stay finite.
_LEAST = 1e-12
#: Squared distance of pairs that do not count, farther than any that does.
_FAR = 1e30


class Springs:
    """The springs between all pairs of anchors and candidates.

    Parameters
    ----------
    loss : PairLoss
        Its formulas give energies and slopes.

    A : Tensor of shape (n_anchors, n_components)
        Points of the shape, precision and device to prepare for. A leading axis holds
        independent models, for which the loss may hold parameters of shape
        (n_models, 1, 1).

    C : Tensor of shape (n_candidates, n_components), default=None
        Likewise; None when the anchors are the candidates.

    miner : callable, default=None
        Thins out the pairs of a tile, given their distances, or has a method `links`
        that lists some of them; None for all pairs.

    mirrored : bool, default=False
        Whether anchors are the candidates, weights are symmetric and those of a row
        with itself are zero, so that half the pairs will do.
    """

    def __init__(self, loss, A, C=None, miner=None, mirrored=False):
        C = A if C is None else C
        self._loss, self._miner, self._mirrored = loss, miner, mirrored
        self._in_place = loss.in_place()
        self._slopes = loss.constant_slopes(A.new_ones(1))
        # The product of these is a·c - |a|²/2 - |c|²/2.
        self._left = A.new_full((*A.shape[:-1], A.shape[-1] + 2), -0.5)
        self._right = C.new_ones((*C.shape[:-1], C.shape[-1] + 2))
        self._forces = [A.new_zeros((2, *A.shape))]
        self._forces.append(self._forces[0] if C is A else C.new_zeros((2, *C.shape)))
        self._sums = A.new_zeros((2, 2, *A.shape[:-2]))
        self._energies, self._counts = (sums.unbind() for sums in self._sums)
        # When the candidates are the anchors, so are the forces on them.
        self._to_clear = [self._sums, *self._forces[: 1 if C is A else 2]]
        # A processor may look at the nearest distance; on a GPU that means waiting.
        self._exact = A.device.type != "cpu"
        lead, sizes = A.shape[:-2], (A.shape[-2], C.shape[-2])
        most = (_GPU_TILE if self._exact else _TILE) // max(1, math.prod(lead))
        slices = list(_slices(*sizes, max(1, most), mirrored))
        shapes = [(*lead, i.stop - i.start, j.stop - j.start) for i, j in slices]
        largest = max(map(math.prod, shapes), default=0)
        # Made once: new arrays of this size cost more than what is done with them.
        arrays = A.new_empty((4, largest))
        shared = self._left, self._right, self._forces, mirrored
        self._tiles = [
            _Tile(ends, [a[: math.prod(shape)].view(shape) for a in arrays], *shared)
            for ends, shape in zip(slices, shapes, strict=True)
        ]

    def __call__(self, A, C, weigh, attraction=None):
        """Return the mean energy of pairs, and the forces on their ends.

        Parameters
        ----------
        A : Tensor of shape (n_anchors, n_components)
            Anchors, without a graph.

        C : Tensor of shape (n_candidates, n_components) or None
            Candidates; None when they are the anchors.

        weigh : callable
            Given a slice of anchors, a slice of candidates and three arrays to work
            in, returns the weights of their pairs; with `attraction` an array of 0
            for negative pairs and 1 for others.

        attraction : callable, default=None
            Returns, for points `A` whose positive energies are a multiple of D², the
            sum of D² over all positive pairs, their number, and the pull on each
            point; for mirrored springs.

        Returns
        -------
        energy : Tensor of shape ()
            The mean over positive pairs plus the mean over active negative ones.

        forces : list of Tensor
            Its gradient in `A` and, unless it is None, in `C`.
        """
        self._place(A, A if C is None else C)
        if hasattr(self._miner, "links"):
            chosen = []
            for tile in self._tiles:
                tile.measure(self._least, self._exact)
                pairs = weigh(tile.rows, tile.columns, tile.work)
                chosen.append(self._miner.links(tile.squared, pairs, tile.work[2]))
            return relax_links(self._loss, A, C, chosen, self._least)
        if attraction is not None:
            squares, n_pairs, pulls = attraction(A)
            self._energies[0].copy_(squares * self._slopes[0])
            self._counts[0].copy_(n_pairs)
            self._forces[0][0] = pulls.mul_(self._slopes[0])
        for tile in self._tiles:
            tile.measure(self._least, self._exact)
            if attraction is None:
                self._relax(tile, weigh(tile.rows, tile.columns, tile.work))
                continue
            others = weigh(tile.rows, tile.columns, tile.work)
            if self._in_place is None:
                self._relax(tile, (None, others.neg_().add_(1)))
            else:
                self._repel(tile, others)
        factor = 4 if self._mirrored else 2
        return averaged(self._sums, self._forces[: 1 if C is None else 2], factor)

    def _place(self, A, C):
        """Start from zero, with the points where the tiles look for them."""
        import torch

        n = A.shape[-1]
        squares = (C * C).sum(-1)
        self._left[..., :n], self._right[..., :n] = A, C
        halves = squares if A is C else (A * A).sum(-1)
        torch.mul(halves, -0.5, out=self._left[..., n])
        self._right[..., n + 1] = squares
        typical = squares.mean() if squares.numel() else squares.sum()
        typical = typical if self._exact else typical.item()
        self._least, self._close = _LEAST * typical, _CLOSE * typical
        for sums in self._to_clear:
            sums.zero_()

    def _repel(self, tile, others):
        """Add up the negative pairs of a tile in place, with all others far away."""
        squared = tile.squared.add_(others, alpha=_FAR)
        gaps = self._gaps(tile, squared)
        self._add(tile, 1, *self._in_place(squared, tile.work[0]))
        tile.pull(1, tile.work[0], gaps)

    def _relax(self, tile, pairs):
        """Add up pairs of any weights by the formulas of the loss."""
        import torch

        squared = tile.squared.clamp_(min=self._least)
        if self._miner is not None:
            pairs = self._miner(squared.sqrt(), pairs)
        weights = [None if w is None else w.to(squared.dtype) for w in pairs]
        # Where the slope is a constant, nearness is no danger.
        curved = zip(weights, self._slopes, strict=True)
        curved = [w for w, slope in curved if w is not None and slope is None]
        gaps = None
        if curved:
            unknown = torch.le(sum(curved), 0, out=torch.empty_like(squared))
            gaps = self._gaps(tile, unknown.mul_(_FAR).add_(squared))
        distances = squared.sqrt()
        for kind, formula in enumerate((self._loss.positive, self._loss.negative)):
            w = weights[kind]
            if w is not None:
                energy, slope = formula(distances)
                counted = w if kind == 0 else w * (energy > 0)
                sums = (energy * w).sum((-2, -1)), counted.sum((-2, -1))
                self._add(tile, kind, *sums)
                tile.pull(kind, w * slope, gaps if self._slopes[kind] is None else None)

    def _gaps(self, tile, known):
        """Measure close pairs from differences; return where and how they differ."""
        if self._exact or not known.numel() or known.amin().item() >= self._close:
            return None
        *model, i, j = at = (known < self._close).nonzero(as_tuple=True)
        gaps = tile.A[(*model, i)] - tile.C[(*model, j)]
        tile.squared[at] = gaps.square().sum(-1).clamp_(min=self._least)
        return at, gaps

    def _add(self, tile, kind, energy, count):
        # Beside the diagonal of a symmetric square, each tile stands for two.
        self._energies[kind].add_(energy, alpha=tile.stands_for)
        self._counts[kind].add_(count, alpha=tile.stands_for)


class _Tile:
    """Some anchors and some candidates, with views of all that concerns them."""

    def __init__(self, ends, arrays, left, right, forces, mirrored):
        self.rows, self.columns = rows, columns = ends
        self.squared, *self.work = arrays
        self._left, self._right = left[..., rows, :], right[..., columns, :].mT
        self.A, self.C = left[..., rows, :-2], right[..., columns, :-2]
        self._on_A = forces[0][..., rows, :].unbind()
        self._on_C = forces[1][..., columns, :].unbind()
        self._alone = mirrored and rows == columns
        self.stands_for = 2 if mirrored and not self._alone else 1

    def measure(self, least, exact):
        """Write the squared distances: exact and not zero, or up to rounding."""
        import torch

        if exact:
            mode = "donot_use_mm_for_euclid_dist"
            distances = torch.cdist(self.A, self.C, compute_mode=mode)
            torch.mul(distances, distances, out=self.squared).clamp_(min=least)
        else:
            _add_product(self.squared, self._left, self._right, beta=0, alpha=-2)

    def pull(self, kind, W, gaps):
        """Add half the forces of slopes `W`, on anchors alone where they are both."""
        on_A, on_C = self._on_A[kind], self._on_C[kind]
        if gaps is not None:
            # Their forces would be small differences of large products.
            at, differences = gaps
            *model, i, j = at
            forces = W[at][:, None] * differences
            W[at] = 0
            on_A.index_put_((*model, i), forces, accumulate=True)
            if not self._alone:
                on_C.index_put_((*model, j), -forces, accumulate=True)
        on_A.addcmul_(W.sum(-1, keepdim=True), self.A)
        _add_product(on_A, W, self.C, beta=1, alpha=-1)
        if not self._alone:
            on_C.addcmul_(W.sum(-2)[..., None], self.C)
            _add_product(on_C, W.mT, self.A, beta=1, alpha=-1)


def _add_product(out, left, right, beta, alpha):
    """Set `out` to beta times itself plus alpha times a product, of each model."""
    add = out.addmm_ if out.ndim == 2 else out.baddbmm_
    add(left, right, beta=beta, alpha=alpha)


def averaged(sums, forces, factor):
    """Return energies over counts, and the forces that go with them.

    Parameters
    ----------
    sums : Tensor of shape (2, 2)
        Energies, then counts, of positive and of negative pairs; overwritten.

    forces : list of Tensor of shape (2, n_points, n_components)
        Slopes times differences, added up for positive and for negative pairs.

    factor : float
        What these are short of being forces.

    Returns
    -------
    energy : Tensor of shape ()
        Zero without any pair, as the forces are.

    forces : list of Tensor of shape (n_points, n_components)
        Gradients of the energy.
    """
    import torch

    energies, counts = sums
    shares = counts.add_(counts == 0).reciprocal_()
    energy = energies.mul_(shares).sum(0)
    positive, negative = shares.mul_(factor)[..., None, None]
    return energy, [torch.addcmul(on[0] * positive, on[1], negative) for on in forces]


def _slices(n_anchors, n_candidates, most, mirrored):
    """Yield slices of anchors and candidates: bands of a table, or half a square."""
    if mirrored:
        side = math.isqrt(most)
        parts = [
            slice(start, min(start + side, n_anchors))
            for start in range(0, n_anchors, side)
        ]
        for i, part in enumerate(parts):
            yield from ((part, other) for other in parts[i:])
    else:
        step = max(1, most // max(1, n_candidates))
        for start in range(0, max(1, n_anchors), step):
            yield slice(start, min(start + step, n_anchors)), slice(0, n_candidates)
