"""The contrastive loss with a hinge that is linear in the distance."""

from sklearn_contrastive.losses._base import HingeLoss, step


class ContrastiveLinearLoss(HingeLoss):
    r"""Contrastive loss with a linear hinge on the distance.

    .. math::

        \tfrac12\,y\,D^2 + (1 - y)\,\max(0, m - D)

    for a pair at distance D, with y = 1 when its rows are similar and margin m. A form
    of the loss of [1]_ that pushes every dissimilar pair inside the margin equally
    hard, however near it is to the margin already.

    Parameters
    ----------
    margin : float or "auto", default="auto"
        Distance from which dissimilar rows no longer repel each other, > 0, in the
        units of the embedding. A larger margin lets more, and farther, pairs push.
        ``"auto"`` is :math:`\sqrt 2` on the unit sphere and 1 off it.

    References
    ----------
    .. [1] R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality Reduction by Learning an
       Invariant Mapping", CVPR 2006.

    Examples
    --------
    >>> from sklearn_contrastive.losses import ContrastiveLinearLoss
    >>> loss = ContrastiveLinearLoss(margin=1.0)
    >>> loss.pair_values([0.2, 0.2, 1.5], [1, 0, 0]).round(2)
    array([0.02, 0.8 , 0.  ])
    """

    tested = batchable = True

    def positive(self, distances):
        """Return D²/2, and 1/2."""
        return distances**2 / 2, 0.5

    def negative(self, distances):
        """Return max(0, m - D), and -1/2D where that is not zero."""
        margin = self.on_sphere["margin"] if self.margin == "auto" else self.margin
        gap = (margin - distances).clip(min=0)
        return gap, -step(gap) / (2 * distances)
