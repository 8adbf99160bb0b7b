"""The lifted structured loss."""

from sklearn_contrastive.losses._base import POSITIVE_OR_AUTO, Loss
from sklearn_contrastive.losses._log_sum import log_sum


class LiftedLoss(Loss):
    r"""Lifted structured loss: a positive pair against the negatives of both its ends.

    .. math::

        J_{ij} = D_{ij} + \log\Big(\sum_{k \in N(i)} e^{m - D_{ik}}
        + \sum_{l \in N(j)} e^{m - D_{jl}}\Big), \qquad
        \frac{1}{2|P|} \sum_{(i,j) \in P} \max(0, J_{ij})^2

    over the positive pairs P, with D the distance, margin m and N(i) the negatives of
    row i [1]_. A pair whose ends have no negatives costs nothing. The negatives of a
    candidate are the anchors that it repels. The sum over all negatives of a batch is
    large wherever they are, so that ``miner="auto"`` stands for the nearest.

    Parameters
    ----------
    margin : float or "auto", default="auto"
        How far negatives should be, > 0, in units of distance; a larger one pushes
        harder. ``"auto"`` is 1.

    References
    ----------
    .. [1] H. O. Song, Y. Xiang, S. Jegelka, S. Savarese, "Deep Metric Learning via
       Lifted Structured Feature Embedding", CVPR 2016.

    Examples
    --------
    A pair at distance 0.5, one end of which has a negative at distance 1:

    >>> import torch
    >>> from sklearn_contrastive import Pairs
    >>> from sklearn_contrastive.losses import LiftedLoss
    >>> anchor, others = torch.tensor([[0.0]]), torch.tensor([[0.5], [1.0]])
    >>> pairs = Pairs(torch.tensor([[1, 0]]), torch.tensor([[0, 1]]))
    >>> loss = LiftedLoss(margin=1.0)(anchor, others, pairs)
    >>> round(loss.item(), 4)  # (0.5 + log(exp(1 - 1)))² / 2
    0.125
    """

    tested = True

    # The sum over all negatives of a batch is large wherever they are.
    auto_miner = "nearest"
    on_sphere = off_sphere = {"margin": 1.0}

    _parameter_constraints = {"margin": POSITIVE_OR_AUTO}

    def __init__(self, margin="auto"):
        self.margin = margin

    def __call__(self, anchors, candidates, pairs, params=None):
        """Return the loss of one batch, as `Loss.__call__` describes it."""
        import torch

        self._check_call(anchors, candidates, pairs)
        positive, negative = (w.to(anchors.dtype) for w in pairs)
        margin = self.on_sphere["margin"] if self.margin == "auto" else self.margin
        if not positive.numel():
            return anchors.sum() * 0 + candidates.sum() * 0
        # Exact near zero, where its gradient is zero.
        mode = "donot_use_mm_for_euclid_dist"
        D = torch.cdist(anchors, candidates, compute_mode=mode)
        of_anchors = _log_sums(margin - D, negative)
        of_candidates = _log_sums((margin - D).mT, negative.mT).mT
        J = D + torch.logaddexp(of_anchors, of_candidates)
        costs = torch.nn.functional.relu(J).square() * positive
        n_pairs = positive.sum((-2, -1))
        return costs.sum((-2, -1)) / (2 * (n_pairs + (n_pairs == 0)))


def _log_sums(logits, weights):
    """Return log-sum-exp of each row, very low where nothing counts."""
    import torch

    with torch.no_grad():
        found, _, known = log_sum(logits, weights.sign())
    # Its derivative is each entry's share, which automatic differentiation finds.
    total = ((logits - found).clamp(max=0).exp() * weights).sum(-1, keepdim=True)
    return torch.where(known > 0, found + (total + (1 - known)).log(), -1e30)
