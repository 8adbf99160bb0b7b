"""Miners that keep the nearest, or the hardest, pairs of each anchor."""

from abc import abstractmethod

import numpy as np

from sklearn_contrastive._pairs._keys import Links, Pairs
from sklearn_contrastive.miners._base import COUNT, Miner

#: Farther than any two embedded rows.
_FAR = 1e30


class LinkMiner(Miner):
    """A miner that keeps a few candidates of each anchor, as a list.

    To add one, write `links`. Losses that are sums over pairs then read the lists, and
    others a matrix made of them.

    Attributes
    ----------
    draws : bool
        Whether `links` takes a generator of random numbers as well.
    """

    lists_pairs = True

    @abstractmethod
    def links(self, distances, pairs, out=None, generator=None):
        """Return the pairs that each anchor keeps.

        Parameters
        ----------
        distances : Tensor of shape (n_anchors, n_candidates)
            Distances between anchors and candidates, or any numbers in their order.

        pairs : Pairs
            The known pairs.

        out : Tensor of shape (n_anchors, n_candidates), default=None
            An array to work in.

        generator : numpy.random.Generator or torch.Generator, default=None
            Source of randomness, for a miner that draws.

        Returns
        -------
        links : Pairs of Links
            As many links as are wanted, or as there are candidates.
        """

    def __call__(self, distances, pairs, generator=None):
        """Drop all but some pairs of each anchor.

        Parameters
        ----------
        distances : Tensor of shape (n_anchors, n_candidates)
            Distances between anchors and candidates.

        pairs : Pairs
            The known pairs.

        generator : numpy.random.Generator or torch.Generator, default=None
            Source of randomness, for a miner that draws.

        Returns
        -------
        pairs : Pairs
            The same weights where a pair is kept and zero elsewhere.
        """
        import torch

        kept = []
        for index, weights in self.links(distances, pairs, None, generator):
            dense = torch.zeros_like(distances, dtype=weights.dtype)
            kept.append(dense.scatter_(-1, index.mT, weights.mT))
        return Pairs(*kept)


class CountedPairs(LinkMiner):
    """Keep `n_positives` and `n_negatives` of each anchor, by default the nearest."""

    _parameter_constraints = {"n_positives": COUNT, "n_negatives": COUNT}

    def links(self, distances, pairs, out=None, generator=None):
        """Return the nearest pairs of each anchor, as `LinkMiner.links` describes."""
        return Pairs(
            nearest(distances, pairs.positive, self.n_positives, out),
            nearest(distances, pairs.negative, self.n_negatives, out),
        )


class NearestPairs(CountedPairs):
    """Keep each anchor's nearest positives and nearest negatives.

    Pulling only the few nearest rows of the same class lets a class keep several
    clusters; the nearest negatives are the ones that a nearest-neighbour classifier
    gets wrong. Hadsell, Chopra and LeCun pair each sample with its 5 nearest
    neighbours [1]_.

    Parameters
    ----------
    n_positives : int, default=5
        Positives kept for each anchor; those equally far count as one. More of them
        draw a class into one cluster.

    n_negatives : int, default=8
        Negatives kept for each anchor. Fewer of them are harder, and more easily
        misled by wrong labels.

    References
    ----------
    .. [1] R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality Reduction by Learning an
       Invariant Mapping", CVPR 2006.

    Examples
    --------
    >>> import torch
    >>> from sklearn_contrastive import Pairs
    >>> from sklearn_contrastive.miners import NearestPairs
    >>> points = torch.tensor([[0.0], [1.0], [3.0], [4.0]])
    >>> labels = torch.tensor([0, 0, 0, 1])
    >>> similar = labels[:, None] == labels
    >>> pairs = Pairs(positive=similar & ~torch.eye(4, dtype=bool), negative=~similar)
    >>> miner = NearestPairs(n_positives=1)
    >>> kept = miner(torch.cdist(points, points), pairs)
    >>> kept.positive.int()  # the anchor at 3 keeps the row at 1, not the one at 0
    tensor([[0, 1, 0, 0],
            [1, 0, 0, 0],
            [0, 1, 0, 0],
            [0, 0, 0, 0]], dtype=torch.int32)
    """

    tested = True

    def __init__(self, n_positives=5, n_negatives=8):
        self.n_positives = n_positives
        self.n_negatives = n_negatives


class HardPairs(CountedPairs):
    """Keep each anchor's farthest positives and nearest negatives.

    The pairs that cost most, one of each kind in [1]_. A row with a wrong label is one
    of them for many anchors.

    Parameters
    ----------
    n_positives : int, default=1
        Positives kept for each anchor.

    n_negatives : int, default=1
        Negatives kept for each anchor.

    References
    ----------
    .. [1] A. Hermans, L. Beyer, B. Leibe, "In Defense of the Triplet Loss for Person
       Re-Identification", arXiv:1703.07737, 2017.

    Examples
    --------
    >>> import torch
    >>> from sklearn_contrastive import Pairs
    >>> from sklearn_contrastive.miners import HardPairs
    >>> distances = torch.tensor([[0.2, 0.9, 0.3, 0.7]])
    >>> pairs = Pairs(torch.tensor([[1, 1, 0, 0]]), torch.tensor([[0, 0, 1, 1]]))
    >>> kept = HardPairs()(distances, pairs)
    >>> kept.positive.int().tolist(), kept.negative.int().tolist()
    ([[0, 1, 0, 0]], [[0, 0, 1, 0]])
    """

    tested = True

    def __init__(self, n_positives=1, n_negatives=1):
        self.n_positives = n_positives
        self.n_negatives = n_negatives

    def links(self, distances, pairs, out=None, generator=None):
        """Return the hardest pairs of each anchor, as `LinkMiner.links` describes."""
        return Pairs(
            nearest(-distances, pairs.positive, self.n_positives, out),
            nearest(distances, pairs.negative, self.n_negatives, out),
        )


def nearest(distances, weights, n_links, out=None):
    """Return the nearest candidates of each anchor among those of weight > 0.

    Parameters
    ----------
    distances : Tensor of shape (n_anchors, n_candidates)
        Numbers to order candidates by, small ones first.

    weights : Tensor of shape (n_anchors, n_candidates)
        Weights >= 0 of the pairs.

    n_links : int
        How many are wanted.

    out : Tensor of shape (n_anchors, n_candidates), default=None
        An array to work in.

    Returns
    -------
    links : Links
        Of weight zero where there are fewer pairs.
    """
    import torch

    weights = weights.to(distances.dtype)
    n_links = min(n_links, distances.shape[-1])
    out = torch.empty_like(distances) if out is None else out
    far = torch.le(weights, 0, out=out)
    torch.add(distances, far, alpha=_FAR, out=far)
    if far.device.type != "cpu":
        index = far.topk(n_links, largest=False, sorted=False).indices.mT
        return Links(index, weights.gather(-1, index.mT).mT)
    # numpy finds the place of a minimum ten times as fast as torch.
    rows = far.view(far.shape[:-1].numel(), far.shape[-1]).numpy()
    flat, starts = rows.reshape(-1), rows.shape[1] * np.arange(len(rows))
    places = np.empty((n_links, len(rows)), dtype=np.int64)
    for place in places:
        flat[rows.argmin(axis=1, out=place) + starts] = np.inf
    index = torch.from_numpy(places).view(n_links, *far.shape[:-1]).movedim(0, -2)
    return Links(index, weights.gather(-1, index.mT).mT)
