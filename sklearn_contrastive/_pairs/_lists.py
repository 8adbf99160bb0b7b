"""Losses that compare an anchor's candidates with one another, in closed form.

Such a loss reads all of an anchor's inner products or squared distances at once and
says how it changes with each. Forces follow from these slopes as they do for springs,
band by band, so that neither automatic differentiation nor an array of all pairs is
needed, let alone one of all triplets.
"""

from sklearn_contrastive._pairs._tiles import Tiles

#: Squared distance of pairs that are unknown, farther than any other.
_FAR = 1e30


class Lists:
    """A listwise loss between anchors and candidates.

    Parameters
    ----------
    loss : ListwiseLoss
        Says what each anchor costs, and the slopes.

    A : Tensor of shape (n_anchors, n_components)
        Points of the shape, precision and device to prepare for.

    C : Tensor of shape (n_candidates, n_components), default=None
        Likewise; None when the anchors are the candidates.

    miner : callable, default=None
        Thins out the pairs of a band, given their distances; None for all pairs.

    fixed : bool, default=False
        Whether candidates stay where they are, so that the forces on them are not
        returned.
    """

    def __init__(self, loss, A, C=None, miner=None, fixed=False):
        self._loss, self._miner = loss, miner
        # What a user writes is looked at when it is first called.
        self._unknown = not type(loss).__module__.startswith("sklearn_contrastive.")
        self._products = loss.measure == "inner_product"
        lengths = not self._products or loss.curved or miner is not None
        self._tiles = Tiles(A, C, fixed=fixed, products=self._products, lengths=lengths)

    def __call__(self, A, C, weigh, params=None):
        """Return the loss, the forces on both ends, and on the loss's own parameters.

        Parameters
        ----------
        A : Tensor of shape (n_anchors, n_components)
            Anchors, without a graph.

        C : Tensor of shape (n_candidates, n_components) or None
            Candidates; None when they are the anchors.

        weigh : callable
            Given a slice of anchors, a slice of candidates and three arrays to work
            in, returns the weights of their pairs.

        params : dict of str to Tensor, default=None
            The loss's own parameters.

        Returns
        -------
        loss : Tensor of shape ()
            Zero where there is nothing to average.

        forces : list of Tensor
            Its gradient in `A` and, unless it is None or fixed, in `C`.

        on_params : dict of str to Tensor
            Its gradient in the parameters.
        """
        tiles, on_params = self._tiles, ({}, {})
        tiles.place(A, A if C is None else C)
        for tile in tiles:
            if not tile.values.numel():
                continue
            pairs, gaps = weigh(tile.rows, tile.columns, tile.work), None
            if self._miner is not None:
                distances = tile.distances(self._products, tiles.least)
                pairs = self._miner(distances, pairs)
            positive, negative = (_to_write(w, tile) for w in pairs)
            if not self._products:
                tile.values.clamp_(min=tiles.least)
            if self._loss.curved:
                gaps = self._gaps(tile, positive, negative)
            if self._unknown:
                _check(self._loss, tile.values, positive, negative, params or {})
                self._unknown = False
            terms = self._loss.lists(tile.values, positive, negative, params or {})
            for kind, (energy, count, slopes, on) in enumerate(terms):
                tiles.add(tile, kind, energy, count)
                if self._products:
                    tile.turn(kind, slopes)
                else:
                    tile.pull(kind, slopes, gaps)
                for name, value in on.items():
                    on_params[kind][name] = on_params[kind].get(name, 0) + value
        loss, forces, shares = tiles.averaged(1 if self._products else 2)
        total = {name: 0 for on in on_params for name in on}
        for on, share in zip(on_params, shares, strict=True):
            for name, value in on.items():
                total[name] = total[name] + value * share
        return loss, forces, total

    def _gaps(self, tile, positive, negative):
        import torch

        squared = tile.values
        unknown = torch.le(positive + negative, 0, out=torch.empty_like(squared))
        return self._tiles.gaps(tile, unknown.mul_(_FAR).add_(squared))


def _check(loss, values, positive, negative, params):
    """Say what is wrong with the terms of a user's loss, or with its slopes."""
    # Not every device knows float64.
    params = {name: value.detach().cpu().double() for name, value in params.items()}
    values, *pairs = (
        array[..., :8, :].cpu().double() for array in (values, positive, negative)
    )

    def terms(values):
        return loss.lists(
            values.clone(), *(weights.clone() for weights in pairs), params
        )

    found = terms(values)
    _check_terms(found, values)
    # Uphill, by a share of each value that leaves distances positive.
    slopes = sum(term[2] for term in found)
    steps = slopes.sign() * values.abs()
    above, below = (
        sum(term[0] for term in terms(values + h * steps)) for h in (1e-4, -1e-4)
    )
    rise, stated = (above - below) / 2e-4, (slopes * steps).sum()
    # Roughly, because a loss that chooses its terms may jump where the choice changes.
    if not stated / 5 - 1e-6 <= rise <= 5 * stated + 1e-6:
        raise ValueError(
            f"`{type(loss).__name__}.lists` must return the slopes of its sum in each "
            f"value. Along a small step the sum changes by {rise.item():.3g} per unit; "
            f"by the slopes it would be {stated.item():.3g}."
        )


def _check_terms(terms, values):
    import torch

    expected = "`loss.lists` must return a list of 1 or 2 (sum, count, slopes, dict)"
    if not isinstance(terms, list) or len(terms) not in (1, 2):
        n_terms = f" of {len(terms)}" if isinstance(terms, list) else ""
        raise ValueError(f"{expected}; it returned {type(terms).__name__}{n_terms}.")
    for term in terms:
        if not isinstance(term, tuple) or len(term) != 4:
            n_entries = len(term) if isinstance(term, tuple) else "no"
            raise ValueError(f"{expected}; one of them has {n_entries} entries.")
        *sums, slopes, on_params = term
        if not isinstance(slopes, torch.Tensor) or slopes.shape != values.shape:
            got = getattr(slopes, "shape", type(slopes).__name__)
            raise ValueError(
                f"{expected} with slopes of the shape of the values, "
                f"{tuple(values.shape)}; got {got}."
            )
        if slopes.dtype != values.dtype:
            raise ValueError(
                f"{expected} with slopes in the precision of the values; got "
                f"{slopes.dtype} for {values.dtype}."
            )
        kinds = [getattr(value, "shape", type(value).__name__) for value in sums]
        if any(kind != torch.Size([]) for kind in kinds) or not isinstance(
            on_params, dict
        ):
            raise ValueError(
                f"{expected} whose sum and count are scalar tensors; got {kinds}."
            )


def _to_write(weights, tile):
    """Return weights in the precision of a tile, which may be written to."""
    ours = tile.work[0].untyped_storage().data_ptr()
    copy = weights.untyped_storage().data_ptr() != ours
    return weights.to(tile.values.dtype, copy=copy)
