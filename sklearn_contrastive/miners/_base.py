"""The base class of miners, and the adapter of functions."""

from abc import ABC, abstractmethod
from numbers import Integral

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from sklearn_contrastive._pairs._keys import Pairs, withdraw

#: The constraint of numbers of pairs.
COUNT = [Interval(Integral, 1, None, closed="left")]


class Miner(ABC, BaseEstimator):
    """Base class of miners: which of the known pairs a step learns from.

    Attributes
    ----------
    draws : bool
        Whether a call takes a generator of random numbers as a third argument.

    keeps_all : bool
        Whether every known pair is kept, so that no call is needed.

    lists_pairs : bool
        Whether there is a method `links` that lists a few candidates of each anchor,
        for losses of pairs to read instead of a call. A subclass that overrides
        `__call__` without `links` loses it.

    tested : bool
        Whether the miner takes leading axes and does the same operations at every
        call. A subclass that overrides a method loses it.
    """

    draws = keeps_all = lists_pairs = tested = False

    def __init_subclass__(cls):
        super().__init_subclass__()
        withdraw(cls, "tested", ("links", "__call__"))
        if "links" not in vars(cls):
            withdraw(cls, "lists_pairs", ("__call__",))
        withdraw(cls, "keeps_all", ("__call__",))

    @abstractmethod
    def __call__(self, distances, pairs):
        """Return the pairs to learn from.

        Parameters
        ----------
        distances : Tensor of shape (n_anchors, n_candidates)
            Distances between anchors and candidates.

        pairs : Pairs
            The known pairs.

        Returns
        -------
        pairs : Pairs
            Weights between 0 and those given.
        """

    def resolve(self, n_components, normalize):
        """Return a copy for embeddings of a dimension; here the miner itself.

        Parameters
        ----------
        n_components : int
            The dimension.

        normalize : bool
            Whether the embedding lies on the unit sphere.

        Returns
        -------
        miner : Miner
            Ready to be called.
        """
        return self


class FunctionMiner(Miner):
    """A function ``(distances, pairs) -> pairs`` or foreign miner; results are checked.

    A miner that draws takes a generator as a third argument.
    """

    def __init__(self, function):
        self.function = function
        self.draws = getattr(function, "draws", False)

    def resolve(self, n_components, normalize):
        """Return the adapter of the resolved miner, where it has a `resolve`."""
        if not hasattr(self.function, "resolve"):
            return self
        return FunctionMiner(self.function.resolve(n_components, normalize))

    def __call__(self, distances, pairs, generator=None):
        """Return what the function keeps, or raise where it may not."""
        import torch

        drawn = (generator,) if self.draws else ()
        kept = self.function(distances, pairs, *drawn)
        shape = tuple(distances.shape)
        expected = f"`miner` must return Pairs of two tensors of shape {shape}"
        if not isinstance(kept, (tuple, list)) or len(kept) != 2:
            raise ValueError(f"{expected}; it returned {type(kept).__name__}.")
        for weights, given in zip(kept, pairs, strict=True):
            tensor = isinstance(weights, torch.Tensor)
            got = tuple(weights.shape) if tensor else f"a {type(weights).__name__}"
            if got != shape:
                raise ValueError(f"{expected}; it returned {got}.")
            weights = weights.to(given.dtype)
            # Differences, because arithmetic with booleans is several times slower.
            if weights.numel() and min(weights.min(), (given - weights).min()) < 0:
                raise ValueError(
                    "`miner` must return weights between 0 and those it is given: it "
                    "may drop pairs or make them lighter, not add or reverse any."
                )
        return Pairs(*kept)


class DrawingMiner(Miner):
    """A miner that draws, with the generator that it draws from."""

    def __init__(self, miner, generator):
        self.miner, self.generator = miner, generator
        self.lists_pairs = miner.lists_pairs

    def links(self, distances, pairs, out=None):
        """Return the pairs that are drawn, as `LinkMiner.links` lists them."""
        return self.miner.links(distances, pairs, out, self.generator)

    def __call__(self, distances, pairs):
        """Return the pairs that are drawn."""
        return self.miner(distances, pairs, self.generator)
