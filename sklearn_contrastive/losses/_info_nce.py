"""The loss of contrastive predictive coding, also known as NT-Xent."""

from sklearn_contrastive.losses._base import TemperatureLoss
from sklearn_contrastive.losses._log_sum import log_sum


class InfoNCELoss(TemperatureLoss):
    r"""InfoNCE: each positive has to beat all negatives of its anchor.

    .. math::

        \ell_{ip} = -\log \frac{e^{z_i\cdot z_p/\tau}}
        {e^{z_i\cdot z_p/\tau} + \sum_{n \in N(i)} e^{z_i\cdot z_n/\tau}}

    averaged over the positive pairs (i, p), with N(i) the negatives of anchor i and
    temperature :math:`\tau` [1]_. Other positives of the anchor are left out of the
    sum. With two views of a row as its only positives this is NT-Xent [2]_; with
    labels, every row of the anchor's class is a positive in turn. An anchor without
    negatives costs nothing.

    Parameters
    ----------
    temperature : float or "auto", default=0.1
        What inner products are divided by, > 0. A lower one lets the nearest
        negatives count more. ``"auto"`` learns it, starting from 0.1 and never below
        0.01.

    References
    ----------
    .. [1] A. van den Oord, Y. Li, O. Vinyals, "Representation Learning with
       Contrastive Predictive Coding", arXiv:1807.03748, 2018.
    .. [2] T. Chen, S. Kornblith, M. Norouzi, G. Hinton, "A Simple Framework for
       Contrastive Learning of Visual Representations", ICML 2020.

    Examples
    --------
    One positive at cosine 0.8 and one negative at cosine 0:

    >>> import torch
    >>> from sklearn_contrastive import Pairs
    >>> from sklearn_contrastive.losses import InfoNCELoss
    >>> anchor = torch.tensor([[1.0, 0.0]])
    >>> others = torch.tensor([[0.8, 0.6], [0.0, 1.0]])
    >>> pairs = Pairs(torch.tensor([[1, 0]]), torch.tensor([[0, 1]]))
    >>> loss = InfoNCELoss(temperature=0.5)(anchor, others, pairs)
    >>> round(loss.item(), 4)  # log(1 + exp(-0.8 / 0.5))
    0.1839
    """

    tested = True

    def lists(self, values, positive, negative, params):
        """Return the sum over positive pairs, with its slopes."""
        inverse = self.inverse_temperature(params)
        logits = values.mul_(inverse)
        energy, count, slopes = against_negatives(logits, positive, negative)
        on_params = self.on_temperature(logits, slopes, params)
        return [(energy, count, slopes.mul_(inverse), on_params)]


def against_negatives(logits, positive, negative):
    """Return the cross entropy of each positive against all negatives of its anchor.

    Parameters
    ----------
    logits : Tensor of shape (n_anchors, n_candidates)
        How well candidates match.

    positive, negative : Tensor of shape (n_anchors, n_candidates)
        Weights >= 0.

    Returns
    -------
    energy, count : Tensor of shape ()
        The sum over positive pairs, and their number.

    slopes : Tensor of shape (n_anchors, n_candidates)
        Derivative of the sum in the logits.
    """
    import torch

    count = positive.sum((-2, -1))
    log_sums, shares, known = log_sum(logits, negative)
    behind = log_sums - logits
    positive.mul_(known)
    costs = torch.nn.functional.softplus(behind)
    energy = torch.einsum("...ij,...ij->...", costs, positive)
    pulls = behind.sigmoid_().mul_(positive)
    slopes = shares.mul_(pulls.sum(-1, keepdim=True)).sub_(pulls)
    return energy, count, slopes
