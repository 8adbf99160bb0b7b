"""The supervised contrastive loss."""

from sklearn_contrastive.losses._base import TemperatureLoss
from sklearn_contrastive.losses._log_sum import log_sum


class SupConLoss(TemperatureLoss):
    r"""Supervised contrastive loss: a softmax that all positives share.

    .. math::

        \ell_i = \frac{-1}{|P(i)|} \sum_{p \in P(i)}
        \log \frac{e^{z_i\cdot z_p/\tau}}{\sum_{a \in A(i)} e^{z_i\cdot z_a/\tau}}

    averaged over the anchors i that have both positives P(i) and negatives, with A(i)
    all known candidates of the anchor and temperature :math:`\tau` [1]_: the form
    :math:`L_{out}` of the paper, whose mean stands outside the logarithm. It is least
    where all positives of an anchor are equally near.

    Parameters
    ----------
    temperature : float or "auto", default=0.1
        What inner products are divided by, > 0. A lower one lets the nearest
        candidates count more. ``"auto"`` learns it, starting from 0.1 and never below
        0.01.

    References
    ----------
    .. [1] P. Khosla, P. Teterwak, C. Wang, et al., "Supervised Contrastive Learning",
       NeurIPS 2020.

    Examples
    --------
    One positive at cosine 0.8 and one negative at cosine 0:

    >>> import torch
    >>> from sklearn_contrastive import Pairs
    >>> from sklearn_contrastive.losses import SupConLoss
    >>> anchor = torch.tensor([[1.0, 0.0]])
    >>> others = torch.tensor([[0.8, 0.6], [0.0, 1.0]])
    >>> pairs = Pairs(torch.tensor([[1, 0]]), torch.tensor([[0, 1]]))
    >>> loss = SupConLoss(temperature=0.5)(anchor, others, pairs)
    >>> round(loss.item(), 4)  # log(1 + exp(-0.8 / 0.5))
    0.1839
    """

    tested = True

    def lists(self, values, positive, negative, params):
        """Return the sum over anchors, with its slopes."""
        import torch

        inverse = self.inverse_temperature(params)
        logits = values.mul_(inverse)
        n_positives = positive.sum(-1, keepdim=True)
        both = n_positives.sign() * negative.sum(-1, keepdim=True).sign()
        log_sums, shares, _ = log_sum(logits, negative.add_(positive), both)
        wanted = positive.mul_(both / (n_positives + (n_positives == 0)))
        found = torch.einsum("...ij,...ij->...", wanted, logits)
        energy = (log_sums * both).sum((-2, -1)) - found
        slopes = shares.sub_(wanted)
        on_params = self.on_temperature(logits, slopes, params)
        return [(energy, both.sum((-2, -1)), slopes.mul_(inverse), on_params)]
