"""The triplet loss, without an array of triplets."""

import numpy as np
from sklearn.utils._param_validation import StrOptions

from sklearn_contrastive.losses._base import MARGIN, ListwiseLoss

#: Farther than any two points.
_FAR = 1e30


class TripletLoss(ListwiseLoss):
    r"""Triplet loss: a negative should be farther than a positive, by a margin.

    .. math::

        \max(0, d_{ip} - d_{in} + m)

    averaged over the triplets (anchor i, positive p, negative n) that cost something,
    with d the squared distance [1]_ or the distance, and margin m. With
    ``margin="soft"`` a triplet costs :math:`\log(1 + e^{d_{ip} - d_{in}})` and all are
    averaged over [2]_. Which triplets:

    - ``"all"`` of the batch;
    - ``"semihard"``: those with :math:`d_{ip} < d_{in} < d_{ip} + m`, in the right
      order but too close [1]_; with the soft margin, all in the right order;
    - ``"hard"``: one for each anchor, of its farthest positive and its nearest
      negative [2]_.

    Triplets are counted by sorting each anchor's distances, so that a batch of B rows
    takes :math:`O(B^2 \log B)` operations and :math:`O(B^2)` memory instead of
    :math:`O(B^3)`. (With ``margin="soft"``, time but not memory grows with the number
    of positives.)

    Parameters
    ----------
    margin : float, "soft" or "auto", default="auto"
        How much farther than a positive a negative should be, > 0, in units of d. A
        larger one lets more triplets push. ``"auto"`` is 0.2 on the unit sphere and 1
        off it.

    negatives : {"auto", "all", "semihard", "hard"}, default="auto"
        Which triplets are used. ``"auto"`` is ``"all"`` of the pairs that a miner has
        chosen, and ``"semihard"`` where there is none.

    squared : bool, default=True
        Whether d is the squared distance.

    References
    ----------
    .. [1] F. Schroff, D. Kalenichenko, J. Philbin, "FaceNet: A Unified Embedding for
       Face Recognition and Clustering", CVPR 2015.
    .. [2] A. Hermans, L. Beyer, B. Leibe, "In Defense of the Triplet Loss for Person
       Re-Identification", arXiv:1703.07737, 2017.

    Examples
    --------
    A positive at distance 1 and negatives at 0.5, 1.2 and 3:

    >>> import torch
    >>> from sklearn_contrastive import Pairs
    >>> from sklearn_contrastive.losses import TripletLoss
    >>> anchor = torch.tensor([[0.0]])
    >>> others = torch.tensor([[1.0], [0.5], [1.2], [3.0]])
    >>> pairs = Pairs(torch.tensor([[1, 0, 0, 0]]), torch.tensor([[0, 1, 1, 1]]))
    >>> for negatives in ("all", "semihard", "hard"):
    ...     loss = TripletLoss(0.5, negatives, squared=False)
    ...     print(negatives, round(loss(anchor, others, pairs).item(), 4))
    all 0.65
    semihard 0.3
    hard 1.0
    """

    has_conditions = tested = True

    measure = "squared_distance"
    on_sphere = {"margin": 0.2}
    off_sphere = {"margin": 1.0}

    _parameter_constraints = {
        "margin": [MARGIN, StrOptions({"auto", "soft"})],
        "negatives": [StrOptions({"auto", "all", "semihard", "hard"})],
        "squared": ["boolean"],
    }

    def __init__(self, margin="auto", negatives="auto", squared=True):
        self.margin = margin
        self.negatives = negatives
        self.squared = squared

    @property
    def auto_miner(self):
        """What ``miner="auto"`` stands for."""
        return "all" if self.negatives in ("all", "hard") else "semihard"

    @property
    def curved(self):
        """Whether slopes grow without bound as points coincide."""
        return not self.squared

    @property
    def reach(self):
        """The largest d of two points on the unit sphere."""
        return 4.0 if self.squared else 2.0

    def lists(self, values, positive, negative, params):
        """Return the sum over triplets, with its slopes."""
        d = values if self.squared else values.sqrt()
        if self.negatives == "hard":
            positive, negative = _hardest(d, positive, negative)
        add_up = self._softly if self.margin == "soft" else self._counted
        energy, count, slopes = add_up(d, positive, negative)
        if not self.squared:
            slopes.div_(d).mul_(0.5)
        return [(energy, count, slopes, {})]

    def _counted(self, d, positive, negative):
        """Add up hinges, of those anchors that have any."""
        import torch

        apart = _apart(d, negative)
        # A positive nearer than every negative, by the margin, costs nothing.
        nearest = apart.amin(-1, keepdim=True)
        positive = (d + self._margin()).gt_(nearest).mul_(positive)
        arrays = d, apart, positive, negative
        # On another device, to leave anchors out would mean to wait for it.
        on_cpu = d.device.type == "cpu"
        at = (positive.amax(-1) > 0).nonzero(as_tuple=True) if on_cpu else ...
        count, slopes = d.new_zeros(d.shape[:-1]), torch.zeros_like(d)
        count[at], slopes[at] = self._hinges(*(a[at] for a in arrays))
        # Hinges are straight: slope times d, and a margin for each.
        count = count.sum(-1)
        energy = (slopes * d).sum((-2, -1)) + count * self._margin()
        return energy, count, slopes

    def _hinges(self, d, apart, positive, negative):
        """Count each anchor's hinges over sorted negatives, by running sums."""
        import torch

        ordered, order = _in_order(apart)
        weights = negative.gather(-1, order)
        # The weight of the 0, 1, 2 ... nearest negatives.
        n_nearer = d.new_zeros((*d.shape[:-1], d.shape[-1] + 1))
        torch.cumsum(weights, -1, out=n_nearer[..., 1:])
        i, w, d_own = _listed(d, positive, 1 if self.negatives == "hard" else None)
        end = torch.searchsorted(ordered, d_own + self._margin())
        if self.negatives in ("all", "hard"):
            start = torch.zeros_like(end)
        else:
            start = torch.searchsorted(ordered, d_own, right=True)
            # A margin too small to change d_own leaves nothing between.
            end = torch.maximum(start, end)
        n = (n_nearer.gather(-1, end) - n_nearer.gather(-1, start)).mul_(w)
        # Less how many positives each negative, in order, is too near for.
        steps = torch.zeros_like(n_nearer)
        steps.scatter_add_(-1, end, w).scatter_add_(-1, start, -w)
        pushes = steps.cumsum_(-1)[..., :-1].mul_(weights)
        slopes = torch.empty_like(d).scatter_(-1, order, pushes)
        return n.sum(-1), slopes.scatter_add_(-1, i, n)

    def _softly(self, d, positive, negative):
        """Add up the soft margin of all triplets, one positive an anchor at a time."""
        import torch

        i, w, d_own = _listed(d, positive, 1 if self.negatives == "hard" else None)
        energy = count = torch.zeros_like(d[..., 0, 0])
        slopes = torch.zeros_like(d)
        for place in range(i.shape[-1]):
            at = slice(place, place + 1)
            known = w[..., at] * negative
            if self.negatives not in ("all", "hard"):
                known = known * (d > d_own[..., at])
            excess = d_own[..., at] - d
            costs = torch.nn.functional.softplus(excess) * known
            energy = energy + costs.sum((-2, -1))
            count = count + known.sum((-2, -1))
            pushes = excess.sigmoid_().mul_(known)
            slopes.scatter_add_(-1, i[..., at], pushes.sum(-1, keepdim=True))
            slopes -= pushes
        return energy, count, slopes

    def _margin(self):
        return self.on_sphere["margin"] if self.margin == "auto" else self.margin


def _in_order(far):
    """Return each row of numbers >= 0 in order, and that order."""
    import torch

    if far.device.type != "cpu" or far.dtype != torch.float32:
        return far.sort(-1)
    # numpy sorts eight times as fast as torch. Floats >= 0 are in the order of their
    # bits, of which doubles have 29 to spare: with the place in these, one sort does
    # both.
    ordered = far.numpy()
    keys = ordered.astype(np.float64)
    order = keys.view(np.int64)
    order += np.arange(far.shape[-1])
    order.sort(-1)
    ordered[...] = keys
    order &= 2**29 - 1
    return far, torch.from_numpy(order)


def _apart(d, weights, by=_FAR):
    """Return d, and far off it where the weight is zero."""
    import torch

    far = torch.le(weights, 0, out=torch.empty_like(d))
    return torch.add(d, far, alpha=by, out=far)


def _hardest(d, positive, negative):
    """Keep the farthest positive and the nearest negative of each anchor."""
    import torch

    i = _apart(d, positive, -_FAR).argmax(-1, keepdim=True)
    j = _apart(d, negative).argmin(-1, keepdim=True)
    pairs = (i, positive.gather(-1, i)), (j, negative.gather(-1, j))
    return [torch.zeros_like(d).scatter_(-1, at, w.sign()) for at, w in pairs]


def _listed(d, positive, most=None):
    """Return the places, weights and distances of each anchor's positives."""
    import torch

    if d.device.type != "cpu":
        places = positive.topk(most or d.shape[-1], -1).indices
    else:
        absent = positive.numpy() <= 0
        n_places = d.shape[-1] - absent.sum(-1).min(initial=d.shape[-1] - 1)
        order = absent.argsort(-1, kind="stable")[..., :n_places]
        places = torch.from_numpy(order)
    return places, positive.gather(-1, places), d.gather(-1, places)
