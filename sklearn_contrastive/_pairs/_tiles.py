"""All pairs of anchors and candidates, a tile at a time.

Everything that is done to pairs is done in arrays that are made once and stay in a
processor's cache: distances are measured into them, and what comes of the pairs is
added up as forces on their ends. No array holds all pairs of a large batch.
"""

import math

#: Entries of a tile: as many as fit into the cache of a core, or keep a GPU busy.
_TILE, _GPU_TILE = 2**16, 2**24
#: Whole rows are fewer at a time; larger tiles are better for their matrix products.
_WHOLE_ROWS = 4
#: Pairs nearer than this, squared and relative to their lengths, are measured from
#: differences: the matrix product cannot tell them from coincident ones.
_CLOSE = 1e-3
#: Least squared distance, relative likewise, so that slopes stay finite; and what it
#: is where all points lie at the origin.
_LEAST, _TINY = 1e-12, 1e-30


class Tiles:
    """The pairs of anchors and candidates, cut into tiles.

    Positive and negative pairs, or any two kinds of terms, are added up apart, because
    each kind is averaged over a number that is known only after the last tile.

    Parameters
    ----------
    A : Tensor of shape (n_anchors, n_components)
        Points of the shape, precision and device to prepare for. A leading axis holds
        independent models.

    C : Tensor of shape (n_candidates, n_components), default=None
        Likewise; None when the anchors are the candidates.

    whole_rows : bool, default=True
        Whether a tile holds all candidates of its anchors, for those who look at an
        anchor's pairs together.

    mirrored : bool, default=False
        Whether anchors are the candidates and pairs are similar in both directions, so
        that half of them will do.

    fixed : bool, default=False
        Whether candidates stay where they are, so that nobody asks for the forces on
        them.

    products : bool, default=False
        Whether inner products are measured instead of squared distances.

    lengths : bool, default=True
        Whether the lengths of points are measured, without which there are no
        distances.

    Attributes
    ----------
    energies, counts : list of Tensor of shape ()
        Sums over each kind, to be added to.

    least : float or Tensor of shape ()
        Least squared distance.
    """

    def __init__(
        self,
        A,
        C=None,
        whole_rows=True,
        mirrored=False,
        fixed=False,
        products=False,
        lengths=True,
    ):
        C = A if C is None else C
        self._both, self._products, self._lengths = C is A, products, lengths
        # The product of these is a·c - |a|²/2 - |c|²/2.
        self._left = A.new_full((*A.shape[:-1], A.shape[-1] + 2), -0.5)
        self._right = C.new_ones((*C.shape[:-1], C.shape[-1] + 2))
        self._forces = [A.new_zeros((2, *A.shape))]
        if not fixed:
            other = self._forces[0] if C is A else C.new_zeros((2, *C.shape))
            self._forces.append(other)
        self._sums = A.new_zeros((2, 2, *A.shape[:-2]))
        self.energies, self.counts = (sums.unbind() for sums in self._sums)
        # When the candidates are the anchors, so are the forces on them.
        self._to_clear = [self._sums, *self._forces[: 1 if C is A else 2]]
        # A processor may look at the nearest distance; on a GPU that means waiting.
        self.exact = A.device.type != "cpu"
        lead, sizes = A.shape[:-2], (A.shape[-2], C.shape[-2])
        most = _GPU_TILE if self.exact else _TILE * (_WHOLE_ROWS if whole_rows else 1)
        most = max(1, most // max(1, math.prod(lead)))
        slices = list((_bands if whole_rows else _squares)(*sizes, most, mirrored))
        shapes = [(*lead, i.stop - i.start, j.stop - j.start) for i, j in slices]
        largest = max(map(math.prod, shapes), default=0)
        # Made once: new arrays of this size cost more than what is done with them.
        arrays = A.new_empty((4, largest))
        shared = self._left, self._right, self._forces, mirrored
        self._tiles = [
            _Tile(ends, [a[: math.prod(shape)].view(shape) for a in arrays], *shared)
            for ends, shape in zip(slices, shapes, strict=True)
        ]

    def __iter__(self):
        """Yield each tile that holds pairs, measured."""
        for tile in self._tiles:
            if self._products:
                tile.project()
            else:
                tile.measure(self.least, self.exact)
            yield tile

    def place(self, A, C):
        """Start from zero, with the points where the tiles look for them."""
        n = A.shape[-1]
        self._left[..., :n], self._right[..., :n] = A, C
        for sums in self._to_clear:
            sums.zero_()
        if not self._lengths:
            return
        # Squared lengths go beside the points, and say what is close.
        squares = (C * C).sum(-1)
        halves = squares if A is C else (A * A).sum(-1)
        self._left[..., n] = halves.mul(-0.5)
        self._right[..., n + 1] = squares
        typical = squares.sum() / max(1, squares.numel())
        typical = typical if self.exact else typical.item()
        self.least, self._close = (r * typical + _TINY for r in (_LEAST, _CLOSE))

    def gaps(self, tile, known):
        """Measure close pairs from differences; return where and how they differ."""
        if self.exact or not known.numel() or known.amin().item() >= self._close:
            return None
        *model, i, j = at = (known < self._close).nonzero(as_tuple=True)
        gaps = tile.A[(*model, i)] - tile.C[(*model, j)]
        tile.values[at] = gaps.square().sum(-1).clamp_(min=self.least)
        return at, gaps

    def add(self, tile, kind, energy, count):
        """Add the energies and the number of the pairs of a tile."""
        # Beside the diagonal of a symmetric square, each tile stands for two.
        self.energies[kind].add_(energy, alpha=tile.stands_for)
        self.counts[kind].add_(count, alpha=tile.stands_for)

    def attract(self, squares, n_pairs, pulls):
        """Add all pairs of the first kind at once, with half the forces on anchors."""
        self.energies[0].copy_(squares)
        self.counts[0].copy_(n_pairs)
        self._forces[0][0] = pulls

    def averaged(self, factor):
        """Return mean energies and forces.

        Parameters
        ----------
        factor : float
            What the sums of forces are short of being forces.

        Returns
        -------
        energy : Tensor of shape ()
            The sum of both means, zero without any pair, as the forces are.

        forces : list of Tensor
            Its gradient in the anchors and, unless they are the same or fixed, in the
            candidates.

        shares : Tensor of shape (2,)
            What each kind was multiplied with.
        """
        import torch

        energies, counts = self._sums
        shares = counts.add_(counts == 0).reciprocal_()
        energy = energies.mul_(shares).sum(0)
        positive, negative = (shares * factor)[..., None, None]
        forces = [
            torch.addcmul(on[0] * positive, on[1], negative)
            for on in self._forces[: 1 if self._both else 2]
        ]
        return energy, forces, shares


class _Tile:
    """Some anchors and some candidates, with views of all that concerns them."""

    def __init__(self, ends, arrays, left, right, forces, mirrored):
        self.rows, self.columns = rows, columns = ends
        self.values, *self.work = arrays
        self._left, self._right = left[..., rows, :], right[..., columns, :].mT
        self.A, self.C = left[..., rows, :-2], right[..., columns, :-2]
        self._on_A = forces[0][..., rows, :].unbind()
        alone = len(forces) == 1 or (mirrored and rows == columns)
        self._on_C = None if alone else forces[1][..., columns, :].unbind()
        self.stands_for = 2 if mirrored and not alone else 1

    def measure(self, least, exact):
        """Write the squared distances: exact and not zero, or up to rounding."""
        import torch

        if exact:
            mode = "donot_use_mm_for_euclid_dist"
            distances = torch.cdist(self.A, self.C, compute_mode=mode)
            torch.mul(distances, distances, out=self.values).clamp_(min=least)
        else:
            _add_product(self.values, self._left, self._right, beta=0, alpha=-2)

    def project(self):
        """Write the inner products."""
        _add_product(self.values, self.A, self.C.mT, beta=0, alpha=1)

    def distances(self, products, least):
        """Return distances, not zero, in a new array."""
        if products:
            squared = self.values + self._left[..., -2:-1]
            squared.mul_(-2).add_(self._right[..., -1:, :])
        else:
            squared = self.values.clone()
        return squared.clamp_(min=least).sqrt_()

    def turn(self, kind, V):
        """Add the forces of slopes `V` in the inner products."""
        _add_product(self._on_A[kind], V, self.C, beta=1, alpha=1)
        if self._on_C is not None:
            _add_product(self._on_C[kind], V.mT, self.A, beta=1, alpha=1)

    def pull(self, kind, W, gaps):
        """Add half the forces of slopes `W`, on anchors alone where they are both."""
        on_A, on_C = self._on_A[kind], None if self._on_C is None else self._on_C[kind]
        if gaps is not None:
            # Their forces would be small differences of large products.
            at, differences = gaps
            *model, i, j = at
            forces = W[at][:, None] * differences
            W[at] = 0
            on_A.index_put_((*model, i), forces, accumulate=True)
            if on_C is not None:
                on_C.index_put_((*model, j), -forces, accumulate=True)
        on_A.addcmul_(W.sum(-1, keepdim=True), self.A)
        _add_product(on_A, W, self.C, beta=1, alpha=-1)
        if on_C is not None:
            on_C.addcmul_(W.sum(-2)[..., None], self.C)
            _add_product(on_C, W.mT, self.A, beta=1, alpha=-1)


def _add_product(out, left, right, beta, alpha):
    """Set `out` to beta times itself plus alpha times a product, of each model."""
    add = out.addmm_ if out.ndim == 2 else out.baddbmm_
    add(left, right, beta=beta, alpha=alpha)


def _bands(n_anchors, n_candidates, most, mirrored):
    """Yield slices of anchors, each with all candidates."""
    step = max(1, most // max(1, n_candidates))
    for start in range(0, max(1, n_anchors), step):
        yield slice(start, min(start + step, n_anchors)), slice(0, n_candidates)


def _squares(n_anchors, n_candidates, most, mirrored):
    """Yield slices of anchors and of candidates, of a mirrored square only half."""
    side = math.isqrt(most)
    rows, columns = (
        [slice(start, min(start + side, n)) for start in range(0, max(1, n), side)]
        for n in (n_anchors, n_candidates)
    )
    for i, part in enumerate(rows):
        yield from ((part, other) for other in columns[i if mirrored else 0 :])
