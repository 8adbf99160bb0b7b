"""The exponential loss of Chopra, Hadsell and LeCun."""

import math

from sklearn_contrastive.losses._base import POSITIVE_OR_AUTO, PairLoss


class SiameseLoss(PairLoss):
    r"""Exponential loss of the siamese network for face verification.

    .. math::

        y\,\frac2Q E^2 + (1 - y)\,2Q\,\exp\!\left(-\frac{2.77}{Q} E\right)

    for a pair whose energy E is its distance, with y = 1 for similar rows and Q the
    upper bound of E [1]_. (The paper writes Y = 1 - y.) Every dissimilar pair
    repels, the near ones most; there is no margin.

    Parameters
    ----------
    bound : float or "auto", default="auto"
        The paper's Q, > 0: the largest distance that two embedded rows can have. A
        larger bound lets farther pairs push. ``"auto"`` is 2 on the unit sphere, its
        diameter, and 1 off it, where it only sets the scale.

    References
    ----------
    .. [1] S. Chopra, R. Hadsell, Y. LeCun, "Learning a Similarity Metric
       Discriminatively, with Application to Face Verification", CVPR 2005.

    Examples
    --------
    >>> from sklearn_contrastive.losses import SiameseLoss
    >>> loss = SiameseLoss(bound=2.0)
    >>> loss.pair_values([0.2, 0.2, 1.5], [1, 0, 0]).round(2)
    array([0.04, 3.03, 0.5 ])
    """

    tested = batchable = True

    _parameter_constraints = {"bound": POSITIVE_OR_AUTO}

    on_sphere = {"bound": 2.0}
    off_sphere = {"bound": 1.0}

    def __init__(self, bound="auto"):
        self.bound = bound

    def positive(self, distances):
        """Return (2/Q) E², and 2/Q."""
        factor = 2 / self._bound()
        return factor * distances**2, factor

    def negative(self, distances):
        """Return 2Q exp(-2.77 E/Q), and that times -2.77/2QE."""
        # A power of e is the one exponential that numpy and torch write similar.
        bound = self._bound()
        energy = 2 * bound * math.e ** (-2.77 / bound * distances)
        return energy, energy * (-2.77 / (2 * bound)) / distances

    def _bound(self):
        return self.on_sphere["bound"] if self.bound == "auto" else self.bound
