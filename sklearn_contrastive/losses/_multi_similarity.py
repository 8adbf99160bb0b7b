"""The multi-similarity loss."""

from sklearn_contrastive.losses._base import FINITE, POSITIVE, ListwiseLoss
from sklearn_contrastive.losses._log_sum import powers


class MultiSimilarityLoss(ListwiseLoss):
    r"""Multi-similarity loss: pairs weighted by how they compare with their rivals.

    .. math::

        \ell_i = \frac1\alpha \log\Big(1 + \sum_{p \in P(i)}
        e^{-\alpha (z_i\cdot z_p - \lambda)}\Big)
        + \frac1\beta \log\Big(1 + \sum_{n \in N(i)}
        e^{\beta (z_i\cdot z_n - \lambda)}\Big)

    averaged over the anchors i that have any known pair [1]_. An anchor without
    positives, or without negatives, has one of the two terms only.

    Parameters
    ----------
    alpha : float, default=2.0
        Sharpness of the pull on positives, > 0.

    beta : float, default=50.0
        Sharpness of the push on negatives, > 0. A larger one looks at the nearest
        negatives only.

    base : float, default=0.5
        The similarity :math:`\lambda` from which positives are near enough, and up to
        which negatives are far enough: 0.5 in the authors' code, 1 in the paper.

    References
    ----------
    .. [1] X. Wang, X. Han, W. Huang, D. Dong, M. R. Scott, "Multi-Similarity Loss with
       General Pair Weighting for Deep Metric Learning", CVPR 2019.

    Examples
    --------
    One positive at cosine 0.8 and one negative at cosine 0.6:

    >>> import torch
    >>> from sklearn_contrastive import Pairs
    >>> from sklearn_contrastive.losses import MultiSimilarityLoss
    >>> anchor = torch.tensor([[1.0, 0.0]])
    >>> others = torch.tensor([[0.8, 0.6], [0.6, 0.8]])
    >>> pairs = Pairs(torch.tensor([[1, 0]]), torch.tensor([[0, 1]]))
    >>> loss = MultiSimilarityLoss(alpha=2.0, beta=10.0, base=0.5)
    >>> # log(1 + exp(-0.6)) / 2 + log(1 + exp(1)) / 10
    >>> round(loss(anchor, others, pairs).item(), 4)
    0.3501
    """

    tested = True

    _parameter_constraints = {"alpha": POSITIVE, "beta": POSITIVE, "base": FINITE}

    def __init__(self, alpha=2.0, beta=50.0, base=0.5):
        self.alpha = alpha
        self.beta = beta
        self.base = base

    def lists(self, values, positive, negative, params):
        """Return the sum over anchors, with its slopes."""
        import torch

        above = values.sub_(self.base)
        pull, pulls, pulled = one_and_more(above * -self.alpha, positive)
        push, pushes, pushed = one_and_more(above.mul_(self.beta), negative)
        energy = (
            (pull / self.alpha).add_(push, alpha=min(1 / self.beta, 1e38)).sum((-2, -1))
        )
        count = torch.maximum(pulled, pushed).sum((-2, -1))
        return [(energy, count, pushes.sub_(pulls), {})]


def one_and_more(logits, weights):
    r"""Return :math:`\log(1 + \sum_j w_j e^{l_j})` of each row, and its slopes.

    Parameters
    ----------
    logits, weights : Tensor of shape (n_anchors, n_candidates)
        Finite numbers, and weights >= 0.

    Returns
    -------
    values : Tensor of shape (n_anchors, 1)
        The logarithms, 0 where nothing counts.

    slopes : Tensor of shape (n_anchors, n_candidates)
        Their derivatives in the logits.

    known : Tensor of shape (n_anchors, 1)
        1 where something counts, else 0.
    """
    import torch

    # The one is a power too, of logit 0.
    slopes, top, known = powers(logits, weights, least=0)
    total = slopes.sum(-1, keepdim=True)
    slopes.mul_((total + (-top).exp_()).reciprocal_())
    return torch.nn.functional.softplus(total.log_().add_(top)), slopes, known
