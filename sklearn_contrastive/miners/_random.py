"""Miners that draw pairs at random."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_contrastive._pairs._keys import Pairs
from sklearn_contrastive._validation import check_params, shorten
from sklearn_contrastive.miners._base import COUNT, Miner
from sklearn_contrastive.miners._nearest import CountedPairs, nearest


class RandomPairs(CountedPairs):
    """Keep a given number of pairs of each anchor, drawn at random.

    Parameters
    ----------
    n_positives : int, default=8
        Positives kept for each anchor.

    n_negatives : int, default=8
        Negatives kept for each anchor. Most of them are easy ones, which cost nothing.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_contrastive import Pairs
    >>> from sklearn_contrastive.miners import RandomPairs
    >>> pairs = Pairs(torch.tensor([[1, 1, 0, 0]]), torch.tensor([[0, 0, 1, 1]]))
    >>> kept = RandomPairs(1, 1)(torch.ones(1, 4), pairs, np.random.default_rng(0))
    >>> kept.positive.sum().item(), kept.negative.sum().item()
    (1.0, 1.0)
    """

    draws = tested = True

    def __init__(self, n_positives=8, n_negatives=8):
        self.n_positives = n_positives
        self.n_negatives = n_negatives

    def links(self, distances, pairs, out=None, generator=None):
        """Return some pairs of each anchor, as `LinkMiner.links` describes."""
        return super().links(uniform(distances, generator), pairs, out)


class DistanceWeightedPairs(Miner):
    r"""Draw negatives so that all distances are met equally often.

    Distances of random points on a unit sphere of n dimensions have the density

    .. math::

        q(d) \propto d^{\,n-2}\,(1 - d^2/4)^{(n-3)/2},

    so that most negatives are about :math:`\sqrt2` away. Here a negative is drawn with
    a probability in proportion to :math:`1/q(d)` [1]_, with d no less than `cutoff`, so
    that the very nearest, whose direction is mostly noise, are not all that is seen,
    and none beyond `farthest`. All positives are kept.

    Parameters
    ----------
    n_negatives : int, default=8
        Negatives drawn for each anchor, all different.

    cutoff : float, default=0.5
        Distance, in (0, 2), below which all are drawn equally often.

    farthest : float, default=1.4
        Distance, in (0, 2], beyond which none is drawn.

    dimension : int or "auto", default="auto"
        The n of the density, >= 2; ``"auto"`` is the dimension of the embedding.

    References
    ----------
    .. [1] C.-Y. Wu, R. Manmatha, A. J. Smola, P. Krähenbühl, "Sampling Matters in Deep
       Embedding Learning", ICCV 2017.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_contrastive import Pairs
    >>> from sklearn_contrastive.miners import DistanceWeightedPairs
    >>> distances = torch.tensor([[0.4, 0.9, 1.3, 1.9]])
    >>> pairs = Pairs(torch.tensor([[1, 0, 0, 0]]), torch.tensor([[0, 1, 1, 1]]))
    >>> miner = DistanceWeightedPairs(n_negatives=1, dimension=32)
    >>> miner(distances, pairs, np.random.default_rng(0)).negative.int()
    tensor([[0, 1, 0, 0]], dtype=torch.int32)
    """

    draws = tested = True

    _parameter_constraints = {
        "n_negatives": COUNT,
        "cutoff": [Interval(Real, 0, 2, closed="neither")],
        "farthest": [Interval(Real, 0, 2, closed="right")],
        "dimension": [Interval(Integral, 2, None, closed="left"), StrOptions({"auto"})],
    }

    def __init__(self, n_negatives=8, cutoff=0.5, farthest=1.4, dimension="auto"):
        self.n_negatives = n_negatives
        self.cutoff = cutoff
        self.farthest = farthest
        self.dimension = dimension

    def resolve(self, n_components, normalize):
        """Return a copy for embeddings of a dimension.

        Parameters
        ----------
        n_components : int
            The dimension.

        normalize : bool
            Whether they lie on the unit sphere.

        Returns
        -------
        miner : DistanceWeightedPairs
            The copy.

        Raises
        ------
        ValueError
            If they do not, or a parameter is out of range.
        """
        check_params(self)
        if not normalize:
            raise ValueError(
                "`miner='distance_weighted'` knows the distances of random points on "
                "the unit sphere only; got an embedding off it. Set `normalize=True` "
                "with `n_components` >= 2, or use miner='nearest'."
            )
        if self.cutoff >= self.farthest:
            raise ValueError(
                f"`cutoff` must be less than `farthest`; got "
                f"{shorten(self.cutoff)} and {shorten(self.farthest)}, between which "
                "no distance lies."
            )
        if self.dimension != "auto":
            return self
        return clone(self).set_params(dimension=n_components)

    def __call__(self, distances, pairs, generator=None):
        """Draw negatives; parameters and result as in `LinkMiner.__call__`."""
        import torch

        n = 32 if self.dimension == "auto" else self.dimension
        near = distances.clamp(self.cutoff, 2 - 1e-6)
        density = near.log().mul_(n - 2)
        density += (1 - near.square() / 4).log_().mul_((n - 3) / 2)
        # The smallest of exponential times over weights: a draw without replacement.
        order = (-uniform(distances, generator).log_()).log_().add_(density)
        weights = pairs.negative.to(distances.dtype) * (distances <= self.farthest)
        index, kept = nearest(order, weights, self.n_negatives)
        negative = torch.zeros_like(distances).scatter_(-1, index.mT, kept.mT)
        return Pairs(pairs.positive, negative)


def uniform(like, generator):
    """Return numbers drawn uniformly from (0, 1).

    Parameters
    ----------
    like : Tensor
        Of the shape, precision and device that are wanted.

    generator : numpy.random.Generator, torch.Generator or None
        Source of randomness; None for a new one.

    Returns
    -------
    numbers : Tensor
        Drawn numbers.
    """
    import torch

    if isinstance(generator, torch.Generator):
        numbers = torch.empty_like(like).uniform_(generator=generator)
    else:
        generator = np.random.default_rng() if generator is None else generator
        numbers = torch.from_numpy(generator.random(tuple(like.shape), np.float32))
        numbers = numbers.to(like)
    return numbers.clamp_(1e-7, 1 - 1e-7)
