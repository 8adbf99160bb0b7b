"""Losses that compare an anchor's candidates with one another, in closed form.

Such a loss reads all of an anchor's inner products or squared distances at once and
returns its derivative in each. Gradients follow from these as they do for pair losses,
band by band, so that neither automatic differentiation nor an array of all pairs is
needed, let alone one of all triplets.
"""

from sklearn_contrastive._pairs._pairwise import Sums, Tiles


class Listwise:
    """A listwise loss between anchors and candidates, or those a miner keeps."""

    def __init__(self, loss, A, C=None, miner=None, fixed=False, symmetric=False):
        self._loss, self._miner = loss, miner
        # A formula of the user is checked when it is first called.
        self._unchecked = not loss.tested
        self._products = loss.measure == "inner_product"
        lengths = not self._products or loss.curved or miner is not None
        self._tiles = Tiles(A, C, products=self._products, lengths=lengths)
        self._sums = Sums(A, C, fixed)

    def __call__(self, A, C, weigh, params=None):
        """Return the loss, its gradients in A and C, and in the loss's parameters."""
        self._sums.clear()
        params, on_params = params or {}, ({}, {})
        for tile in self._tiles.measured(A, A if C is None else C):
            if tile.values.numel():
                pairs = weigh(tile.rows, tile.columns, tile.work)
                self._add(tile, pairs, params, on_params)
        loss, gradients, shares = self._sums.averaged(1 if self._products else 2)
        total = {name: 0 for on in on_params for name in on}
        for on, share in zip(on_params, shares, strict=True):
            for name, value in on.items():
                total[name] = total[name] + value * share
        return loss, gradients, total

    def _add(self, tile, pairs, params, on_params):
        """Add up the lists of a tile's anchors."""
        close = None
        if self._miner is not None:
            distances = self._tiles.distances(tile)
            pairs = self._miner(distances, pairs)
        positive, negative = (_to_write(w, tile) for w in pairs)
        if not self._products:
            tile.values.clamp_(min=self._tiles.least)
        if self._loss.curved:
            close = self._tiles.close_pairs(tile, positive + negative)
        if self._unchecked:
            _check(self._loss, tile.values, positive, negative, params)
            self._unchecked = False
        terms = self._loss.lists(tile.values, positive, negative, params)
        for kind, (value, count, slopes, on) in enumerate(terms):
            self._sums.add(kind, value, count)
            if self._products:
                self._sums.add_products(tile, kind, slopes)
            else:
                self._sums.add_distances(tile, kind, slopes, close)
            for name, own in on.items():
                on_params[kind][name] = on_params[kind].get(name, 0) + own


def _check(loss, values, positive, negative, params):
    """Raise where terms of a user's loss are malformed or their slopes are wrong."""
    # Not every device knows float64.
    params = {name: value.detach().cpu().double() for name, value in params.items()}
    some = (array[..., :8, :].cpu().double() for array in (values, positive, negative))
    values, *pairs = some

    def terms(values):
        return loss.lists(*(array.clone() for array in (values, *pairs)), params)

    found = terms(values)
    wrong = _wrong(found, values)
    if wrong:
        expected = (
            "`loss.lists` must return a list of 1 or 2 (sum, count, slopes, dict)"
        )
        raise ValueError(f"{expected}{wrong}.")
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


def _wrong(terms, values):
    """Return what is wrong with the terms of a user's loss, None if nothing is."""
    import torch

    if not isinstance(terms, list) or len(terms) not in (1, 2):
        n_terms = f" of {len(terms)}" if isinstance(terms, list) else ""
        return f"; it returned {type(terms).__name__}{n_terms}"
    for term in terms:
        if not isinstance(term, tuple) or len(term) != 4:
            n_entries = len(term) if isinstance(term, tuple) else "no"
            return f"; one of them has {n_entries} entries"
        *sums, slopes, on_params = term
        kinds = [getattr(v, "shape", type(v).__name__) for v in (*sums, slopes)]
        shape, dtype = tuple(values.shape), values.dtype
        if kinds[2] != shape:
            return f" with slopes of the shape of the values, {shape}; got {kinds[2]}"
        if slopes.dtype != dtype:
            got = f"got {slopes.dtype} for {dtype}"
            return f" with slopes in the precision of the values; {got}"
        if kinds[:2] != [torch.Size([])] * 2 or not isinstance(on_params, dict):
            return f" whose sum and count are scalar tensors; got {kinds[:2]}"
    return None


def _to_write(weights, tile):
    """Return weights in the precision of a tile, which may be written to."""
    ours = tile.work[0].untyped_storage().data_ptr()
    copy = weights.untyped_storage().data_ptr() != ours
    return weights.to(tile.values.dtype, copy=copy)
