"""The contrastive loss with its hinge on the squared distance."""

from sklearn_contrastive.losses._base import HingeLoss, step


class ContrastiveSquaredLoss(HingeLoss):
    r"""Contrastive loss with a hinge on the squared distance.

    .. math::

        y\,D^2 + (1 - y)\,\max(0, m - D^2)

    for a pair at distance D, with y = 1 when its rows are similar and margin m. A form
    of the loss of [1]_ in which both terms are linear in D². The push on two
    dissimilar rows fades as they coincide, so those that start on top of each other
    part slowly.

    Parameters
    ----------
    margin : float or "auto", default="auto"
        Squared distance from which dissimilar rows no longer repel each other, > 0.
        A larger margin lets more, and farther, pairs push. ``"auto"`` is 2 on the
        unit sphere, the typical squared distance of two random directions, and 1
        off it.

    References
    ----------
    .. [1] R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality Reduction by Learning an
       Invariant Mapping", CVPR 2006.

    Examples
    --------
    >>> from sklearn_contrastive.losses import ContrastiveSquaredLoss
    >>> loss = ContrastiveSquaredLoss(margin=1.0)
    >>> loss.pair_values([0.2, 0.2, 1.5], [1, 0, 0]).round(2)
    array([0.04, 0.96, 0.  ])
    """

    tested = batchable = True

    # The typical, and the largest, squared distance of two directions.
    on_sphere = {"margin": 2.0}
    reach = 4.0

    def positive(self, distances):
        """Return D², and 1."""
        return distances**2, 1.0

    def negative(self, distances):
        """Return max(0, m - D²), and -1 where that is not zero."""
        margin = self.on_sphere["margin"] if self.margin == "auto" else self.margin
        gap = (margin - distances**2).clip(min=0)
        return gap, -step(gap)
