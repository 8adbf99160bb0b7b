"""The multi-class N-pair loss."""

from sklearn_contrastive.losses._base import ListwiseLoss
from sklearn_contrastive.losses._info_nce import against_negatives


class NPairLoss(ListwiseLoss):
    r"""N-pair loss: a positive against the negatives of all other classes at once.

    .. math::

        \ell_{ip} = \log\Big(1 + \sum_{n \in N(i)}
        e^{z_i\cdot z_n - z_i\cdot z_p}\Big)

    averaged over the positive pairs (i, p), with N(i) the negatives of anchor i [1]_.
    The paper draws one anchor and one positive of each class, and keeps points short by
    a penalty; here all pairs of a batch count, and what keeps points short is
    ``normalize=True`` or weight decay. Inner products of the unit sphere lie between -1
    and 1, which is little for an exponential: this loss suits ``normalize=False``, and
    ``miner="auto"`` stands for the nearest pairs, of which it tells more apart.
    `InfoNCELoss` adds a temperature. An anchor without negatives costs nothing.

    References
    ----------
    .. [1] K. Sohn, "Improved Deep Metric Learning with Multi-class N-pair Loss
       Objective", NIPS 2016.

    Examples
    --------
    >>> import torch
    >>> from sklearn_contrastive import Pairs
    >>> from sklearn_contrastive.losses import NPairLoss
    >>> anchor = torch.tensor([[2.0, 0.0]])
    >>> others = torch.tensor([[0.8, 0.6], [0.0, 1.0]])
    >>> pairs = Pairs(torch.tensor([[1, 0]]), torch.tensor([[0, 1]]))
    >>> round(NPairLoss()(anchor, others, pairs).item(), 4)  # log(1 + exp(-1.6))
    0.1839
    """

    tested = True

    # On the sphere, all negatives of a batch count almost similar.
    auto_miner = "nearest"

    def lists(self, values, positive, negative, params):
        """Return the sum over positive pairs, with its slopes."""
        return [(*against_negatives(values, positive, negative), {})]
