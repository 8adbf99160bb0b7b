"""One batch: forward, pairs, loss, backward.

Here the four nouns meet for the length of a step. Arrays are made once and used in
every step, and nothing waits for the device.
"""

from functools import partial

from sklearn_contrastive._pairs import Keys, Pairs
from sklearn_contrastive._springs import Springs
from sklearn_contrastive.encoders import AutogradPasses
from sklearn_contrastive.losses import PairLoss
from sklearn_contrastive.miners import AllPairs


class Step:
    """The loss of a batch and the gradients of the encoder's parameters.

    Parameters
    ----------
    encoder, similarity, miner, loss : objects
        The four nouns, ready to be called.

    params : list of Tensor
        The encoder's parameters; those that are trained have gradients to write to.

    normalize : bool
        Whether points are scaled to length 1.

    generator : numpy.random.Generator or torch.Generator
        Of the dropout masks.

    X : Tensor of shape (batch_size, n_features)
        An array for the standardised rows of a batch, to be filled before each call.

    keys : Keys
        Arrays for their keys, likewise.

    Attributes
    ----------
    repeatable : bool
        Whether every call does the same to arrays that stay where they are, so that
        it can be captured. A noun of the user's own may do anything.
    """

    def __init__(
        self, encoder, similarity, miner, loss, params, normalize, generator, X, keys
    ):
        self.X, self.keys = X, keys
        # A subclass with a forward of its own must not inherit the passes of another.
        owner = next(cls for cls in type(encoder).__mro__ if "forward" in vars(cls))
        written_out = "passes" in vars(owner)
        self.repeatable = written_out and all(
            type(noun).__module__.startswith("sklearn_contrastive.")
            for noun in (encoder, similarity, miner, loss)
        )
        if written_out:
            self._passes = encoder.passes(params, len(X), normalize, generator)
        else:
            self._passes = AutogradPasses(encoder, params, normalize, generator)
        ours = type(miner).__module__.startswith("sklearn_contrastive.")
        # A list of links is for the springs to read, and cannot be added to.
        if not (ours or hasattr(miner, "links")):
            miner = partial(_checked, miner)
        self._similarity, self._miner, self._loss = similarity, miner, loss
        all_pairs = isinstance(miner, AllPairs)
        self._symmetric = all_pairs and getattr(similarity, "symmetric", False)
        self._springs, self._compare, self._attraction = None, similarity.pairs, None
        self._parts = {}
        if self._symmetric and isinstance(loss, PairLoss):
            # A multiple of D² can be added up without looking at any pair.
            constant = loss.constant_slopes(X.new_ones(1))[0] is not None
            if constant and hasattr(similarity, "attraction"):
                self._compare = similarity.alike
                self._attraction = partial(similarity.attraction, keys)

    def __call__(self):
        """Return the loss of the batch in `X` and `keys`, and write the gradients.

        Returns
        -------
        loss : Tensor of shape ()
            Without a graph.
        """
        points = self._passes.forward(self.X)
        if isinstance(self._loss, PairLoss):
            if self._springs is None:
                miner = None if isinstance(self._miner, AllPairs) else self._miner
                self._springs = Springs(
                    self._loss, points, miner=miner, mirrored=self._symmetric
                )
            loss, (forces,) = self._springs(points, None, self._weigh, self._attraction)
        else:
            loss, forces = self._differentiate(points)
        self._passes.backward(forces)
        return loss

    def _weigh(self, rows, columns, work):
        """Compare the keys of some rows with those of others."""
        place = rows.start, columns.start
        if place not in self._parts:
            self._parts[place] = [
                Keys(*(key[part] for key in self.keys)) for part in (rows, columns)
            ]
        return self._compare(*self._parts[place], work)

    def _differentiate(self, points):
        """Return the loss of a user's function for the mined pairs, and its slope."""
        import torch

        pairs = self._similarity.pairs(self.keys, self.keys)
        pairs = self._miner(torch.cdist(points, points), pairs)
        with torch.enable_grad():
            Z = points.clone().requires_grad_()
            loss = self._loss(Z, Z, pairs)
        if not isinstance(loss, torch.Tensor) or loss.ndim or not loss.requires_grad:
            got = f"shape {tuple(loss.shape)}" if hasattr(loss, "shape") else repr(loss)
            raise ValueError(
                "`loss` must return a scalar tensor that was computed from its anchors "
                f"and candidates by torch; got {got}. Average over the pairs, and do "
                "not detach or convert on the way."
            )
        (forces,) = torch.autograd.grad(loss, Z)
        return loss.detach(), forces


def _checked(miner, distances, pairs):
    """Return the pairs of a user's miner, or say what is wrong with them."""
    import torch

    kept = miner(distances, pairs)
    shape = tuple(distances.shape)
    expected = f"`miner` must return Pairs of two tensors of shape {shape}"
    if not isinstance(kept, (tuple, list)) or len(kept) != 2:
        raise ValueError(f"{expected}; it returned {type(kept).__name__}.")
    for weights, given in zip(kept, pairs, strict=True):
        if not isinstance(weights, torch.Tensor) or weights.shape != distances.shape:
            tensor = isinstance(weights, torch.Tensor)
            got = tuple(weights.shape) if tensor else f"a {type(weights).__name__}"
            raise ValueError(f"{expected}; it returned {got}.")
        weights = weights.to(given.dtype)
        # Differences, because arithmetic with booleans is several times slower.
        if weights.numel() and min(weights.min(), (given - weights).min()) < 0:
            raise ValueError(
                "`miner` must return weights between 0 and those it is given: it may "
                "drop pairs or make them lighter, not add or reverse any."
            )
    return Pairs(*kept)
