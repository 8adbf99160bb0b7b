"""The miner of the multi-similarity loss."""

from numbers import Real

from sklearn.utils._param_validation import Interval

from sklearn_contrastive._pairs._keys import Pairs
from sklearn_contrastive.miners._base import Miner

#: Beyond any similarity.
_NEVER = 1e30


class MultiSimilarityPairs(Miner):
    r"""Keep the pairs of each anchor that are in each other's way.

    A negative is kept if it is more similar to the anchor than the least similar
    positive, a positive if it is less similar than the most similar negative, both up
    to `epsilon` [1]_. Similarity is :math:`1 - D^2/2`, the cosine of points on the unit
    sphere. An anchor that lacks either kind keeps nothing.

    Parameters
    ----------
    epsilon : float, default=0.1
        By how much pairs may be in the right order and still be kept, >= 0.

    References
    ----------
    .. [1] X. Wang, X. Han, W. Huang, D. Dong, M. R. Scott, "Multi-Similarity Loss with
       General Pair Weighting for Deep Metric Learning", CVPR 2019.

    Examples
    --------
    >>> import torch
    >>> from sklearn_contrastive import Pairs
    >>> from sklearn_contrastive.miners import MultiSimilarityPairs
    >>> distances = torch.tensor([[0.2, 0.9, 0.8, 1.6]])
    >>> pairs = Pairs(torch.tensor([[1, 1, 0, 0]]), torch.tensor([[0, 0, 1, 1]]))
    >>> kept = MultiSimilarityPairs()(distances, pairs)
    >>> kept.positive.int().tolist(), kept.negative.int().tolist()
    ([[0, 1, 0, 0]], [[0, 0, 1, 0]])
    """

    tested = True

    _parameter_constraints = {"epsilon": [Interval(Real, 0, None, closed="left")]}

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon

    def __call__(self, distances, pairs):
        """Drop all pairs that are far from being confused.

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
        if not distances.shape[-1]:
            return pairs
        similarities = 1 - distances.square() / 2
        positive, negative = (w.to(distances.dtype) for w in pairs)
        lowest = (similarities + _NEVER * (positive <= 0)).amin(-1, keepdim=True)
        highest = (similarities - _NEVER * (negative <= 0)).amax(-1, keepdim=True)
        return Pairs(
            positive * (similarities - self.epsilon < highest),
            negative * (similarities + self.epsilon > lowest),
        )
