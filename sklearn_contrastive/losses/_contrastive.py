"""The contrastive loss of Hadsell, Chopra and LeCun."""

from sklearn_contrastive.losses._base import HingeLoss


class ContrastiveLoss(HingeLoss):
    r"""Contrastive loss with a squared hinge on the distance.

    .. math::

        y\,D^2 + (1 - y)\,\max(0, m - D)^2

    for a pair at distance D, with margin m and y = 1 for similar rows [1]_. (The paper
    halves both terms and writes Y = 1 - y.) Similar rows are springs of rest length
    zero; dissimilar rows are springs that push until they are m apart.

    Parameters
    ----------
    margin : float or "auto", default="auto"
        Distance from which dissimilar rows no longer repel each other, > 0, in the
        units of the embedding. A larger margin lets more, and farther, pairs push.
        ``"auto"`` is :math:`\sqrt 2` on the unit sphere, the typical distance of two
        random directions, and 1 off it.

    References
    ----------
    .. [1] R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality Reduction by Learning an
       Invariant Mapping", CVPR 2006.

    Examples
    --------
    >>> from sklearn_contrastive.losses import ContrastiveLoss
    >>> loss = ContrastiveLoss(margin=1.0)
    >>> loss.pair_values([0.2, 0.2, 1.5], [1, 0, 0]).round(2)
    array([0.04, 0.64, 0.  ])
    """

    tested = batchable = True

    def positive(self, distances):
        """Return D², and 1."""
        return distances**2, 1.0

    def negative(self, distances):
        """Return max(0, m - D)², and -max(0, m - D)/D."""
        margin = self.on_sphere["margin"] if self.margin == "auto" else self.margin
        gap = (margin - distances).clip(min=0)
        return gap * gap, -gap / distances
