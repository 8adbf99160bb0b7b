"""Springs between all pairs: the energy of a batch and the forces on its points.

A pair whose energy depends on its distance is a spring. With W the slopes of the
weighted energies in the squared distance, the forces on anchors A and candidates C are

    2 (diag(W 1) A - W C)   and   2 (diag(Wᵀ 1) C - Wᵀ A),

so that two matrix products replace all that automatic differentiation would store.
They are taken tile by tile, in arrays that are made once and stay in a processor's
cache. Positive and negative pairs are added up apart, because each kind is averaged
over a number that is known only after the last tile.

Where a miner links each anchor to k candidates instead of all, forces are sums over a
list. Every pair is then measured from its difference, so that the nearest are as exact
as any other.
"""

from sklearn_contrastive._pairs._tiles import Tiles

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

    fixed : bool, default=False
        Whether candidates stay where they are, so that the forces on them are not
        returned.
    """

    def __init__(self, loss, A, C=None, miner=None, mirrored=False, fixed=False):
        self._loss, self._miner, self._mirrored = loss, miner, mirrored
        self._in_place = loss.in_place()
        self._slopes = loss.constant_slopes(A.new_ones(1))
        self._fixed, self._work = fixed, None
        self._tiles = Tiles(A, C, miner is not None, mirrored, fixed)

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
            Its gradient in `A` and, unless it is None or fixed, in `C`.
        """
        tiles = self._tiles
        tiles.place(A, A if C is None else C)
        if hasattr(self._miner, "links"):
            chosen = []
            for tile in tiles:
                pairs = weigh(tile.rows, tile.columns, tile.work)
                chosen.append(self._miner.links(tile.values, pairs, tile.work[2]))
            return self._relax_links(A, C, chosen)
        if attraction is not None:
            squares, n_pairs, pulls = attraction(A)
            slope = self._slopes[0]
            tiles.attract(squares * slope, n_pairs, pulls.mul_(slope))
        for tile in tiles:
            if attraction is None:
                self._relax(tile, weigh(tile.rows, tile.columns, tile.work))
                continue
            others = weigh(tile.rows, tile.columns, tile.work)
            if self._in_place is None:
                self._relax(tile, (None, others.neg_().add_(1)))
            else:
                self._repel(tile, others)
        energy, forces, _ = tiles.averaged(4 if self._mirrored else 2)
        return energy, forces

    def _repel(self, tile, others):
        """Add up the negative pairs of a tile in place, with all others far away."""
        squared = tile.values.add_(others, alpha=_FAR)
        gaps = self._tiles.gaps(tile, squared)
        self._tiles.add(tile, 1, *self._in_place(squared, tile.work[0]))
        tile.pull(1, tile.work[0], gaps)

    def _relax(self, tile, pairs):
        """Add up pairs of any weights by the formulas of the loss."""
        import torch

        squared = tile.values.clamp_(min=self._tiles.least)
        if self._miner is not None:
            pairs = self._miner(squared.sqrt(), pairs)
        weights = [None if w is None else w.to(squared.dtype) for w in pairs]
        # Where the slope is a constant, nearness is no danger.
        curved = zip(weights, self._slopes, strict=True)
        curved = [w for w, slope in curved if w is not None and slope is None]
        gaps = None
        if curved:
            unknown = torch.le(sum(curved), 0, out=torch.empty_like(squared))
            gaps = self._tiles.gaps(tile, unknown.mul_(_FAR).add_(squared))
        distances = squared.sqrt()
        for kind, formula in enumerate((self._loss.positive, self._loss.negative)):
            w = weights[kind]
            if w is not None:
                energy, slope = formula(distances)
                counted = w if kind == 0 else w * (energy > 0)
                sums = (energy * w).sum((-2, -1)), counted.sum((-2, -1))
                self._tiles.add(tile, kind, *sums)
                tile.pull(kind, w * slope, gaps if self._slopes[kind] is None else None)

    def _relax_links(self, A, C, links):
        """Return what `__call__` does, for pairs listed by slices of anchors."""
        import torch

        kinds = links[0]
        if len(links) > 1:
            kinds = [
                [
                    torch.cat([pairs[kind][part] for pairs in links], -1)
                    for part in (0, 1)
                ]
                for kind in (0, 1)
            ]
        candidates = (A if C is None else C).reshape(-1, A.shape[-1])
        ends = torch.cat([index for index, _ in kinds], -2)
        if A.ndim > 2:
            # All models' candidates are one list, model after model.
            starts = torch.arange(A.shape[0], device=A.device)[:, None, None]
            ends = ends + starts * (len(candidates) // A.shape[0])
        ends, shape = ends.reshape(-1), (*ends.shape, A.shape[-1])
        if self._work is None or self._work[0].shape != shape:
            # New ones in each step would be asked of the operating system, which has
            # to clear them.
            self._work = [A.new_empty(shape) for _ in range(2)]
        gaps, squares = self._work
        torch.index_select(candidates, 0, ends, out=gaps.view(-1, A.shape[-1]))
        gaps.sub_(A.unsqueeze(-3))
        torch.mul(gaps, gaps, out=squares)
        distances = squares.sum(-1).clamp_(min=self._tiles.least).sqrt_()
        parts = distances.split([index.shape[-2] for index, _ in kinds], -2)
        formulas, total, slopes = (self._loss.positive, self._loss.negative), 0, []
        for formula, part, (_, weights) in zip(formulas, parts, kinds, strict=True):
            energy, slope = formula(part)
            active = weights * (energy > 0) if formula is formulas[1] else weights
            count = active.sum((-2, -1))
            count += count == 0
            total = total + (energy * weights).sum((-2, -1)) / count
            slopes.append(weights * slope * (2 / count)[..., None, None])
        gaps.mul_(torch.cat(slopes, -2)[..., None])
        # What pulls a candidate one way pulls its anchor the other way.
        on_anchors = gaps.sum(-3).neg_()
        if self._fixed:
            return total, [on_anchors]
        on_candidates = on_anchors if C is None else torch.zeros_like(C)
        flat = on_candidates.view_as(candidates)
        flat.index_add_(0, ends, gaps.view(-1, A.shape[-1]))
        return total, [on_anchors] if C is None else [on_anchors, on_candidates]
