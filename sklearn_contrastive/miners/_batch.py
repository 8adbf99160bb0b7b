"""Miners that look at one batch only."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from sklearn_contrastive._pairs import Links, Pairs

#: Farther than any two embedded rows.
_FAR = 1e30


class AllPairs(BaseEstimator):
    """Keep every known pair.

    Examples
    --------
    >>> from sklearn_contrastive.miners import AllPairs
    >>> AllPairs()(distances=None, pairs="as they are")
    'as they are'
    """

    def __call__(self, distances, pairs):
        """Return the pairs unchanged."""
        return pairs


class NearestPairs(BaseEstimator):
    """Keep each anchor's nearest positives and nearest negatives.

    Pulling only the few nearest rows of the same class lets a class keep several
    clusters; the nearest negatives are the ones that a nearest-neighbour classifier
    gets wrong. Hadsell, Chopra and LeCun pair each sample with its 5 nearest
    neighbours [1]_.

    Parameters
    ----------
    n_positives : int, default=3
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
    >>> alike = labels[:, None] == labels
    >>> pairs = Pairs(positive=alike & ~torch.eye(4, dtype=bool), negative=~alike)
    >>> miner = NearestPairs(n_positives=1)
    >>> kept = miner(torch.cdist(points, points), pairs)
    >>> kept.positive.int()  # the anchor at 3 keeps the row at 1, not the one at 0
    tensor([[0, 1, 0, 0],
            [1, 0, 0, 0],
            [0, 1, 0, 0],
            [0, 0, 0, 0]], dtype=torch.int32)
    """

    _parameter_constraints = {
        "n_positives": [Interval(Integral, 1, None, closed="left")],
        "n_negatives": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, n_positives=3, n_negatives=8):
        self.n_positives = n_positives
        self.n_negatives = n_negatives

    def __call__(self, distances, pairs):
        """Drop all but the nearest pairs of each anchor.

        Parameters
        ----------
        distances : Tensor of shape (n_anchors, n_candidates)
            Distances between anchors and candidates.

        pairs : Pairs
            The known pairs.

        Returns
        -------
        pairs : Pairs
            The same weights where a pair is kept and zero elsewhere.
        """
        import torch

        kept = []
        for index, weights in self.links(distances, pairs):
            dense = torch.zeros_like(distances, dtype=weights.dtype)
            kept.append(dense.scatter_(-1, index.mT, weights.mT))
        return Pairs(*kept)

    def links(self, distances, pairs, out=None):
        """Return the nearest pairs of each anchor as lists.

        Parameters
        ----------
        distances : Tensor of shape (n_anchors, n_candidates)
            Distances between anchors and candidates, or any numbers in their order.

        pairs : Pairs
            The known pairs.

        out : Tensor of shape (n_anchors, n_candidates), default=None
            An array to work in.

        Returns
        -------
        links : Pairs of Links
            As many links as are wanted, or as there are candidates.
        """
        wanted = self.n_positives, self.n_negatives
        return Pairs(
            *(
                _nearest(distances, weights.to(distances.dtype), n_links, out)
                for weights, n_links in zip(pairs, wanted, strict=True)
            )
        )


def _nearest(distances, weights, n_links, out):
    """Return the nearest candidates of each anchor among those of weight > 0."""
    import torch

    n_links = min(n_links, distances.shape[-1])
    out = torch.empty_like(distances) if out is None else out
    far = torch.le(weights, 0, out=out)
    torch.add(distances, far, alpha=_FAR, out=far)
    if far.device.type == "cpu":
        # numpy finds the place of a minimum ten times as fast as torch.
        rows = far.numpy().reshape(far.shape[:-1].numel(), far.shape[-1])
        flat, starts = rows.reshape(-1), rows.shape[1] * np.arange(len(rows))
        places = np.empty((n_links, len(rows)), dtype=np.int64)
        for place in places:
            flat[rows.argmin(axis=1, out=place) + starts] = np.inf
        index = torch.from_numpy(places).view(n_links, *far.shape[:-1]).movedim(0, -2)
    else:
        index = far.topk(n_links, largest=False, sorted=False).indices.mT
    return Links(index, weights.gather(-1, index.mT).mT)
