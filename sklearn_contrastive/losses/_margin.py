"""The margin loss, whose boundary is learned."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from sklearn_contrastive.losses._base import POSITIVE, POSITIVE_OR_AUTO, ListwiseLoss


class MarginLoss(ListwiseLoss):
    r"""Margin loss: a learned boundary between near and far.

    .. math::

        \max(0, \alpha + D - \beta) \quad\text{and}\quad \max(0, \alpha - D + \beta)

    for positive and negative pairs at distance D, summed over all pairs and divided by
    the number of those that still cost something [1]_. The boundary :math:`\beta` is
    learned, one for all classes; positives are pulled to within :math:`\alpha` below
    it, negatives are pushed to :math:`\alpha` above. The paper samples negatives by
    ``miner="distance_weighted"``, which ``miner="auto"`` stands for.

    Parameters
    ----------
    margin : float or "auto", default="auto"
        The paper's :math:`\alpha`, > 0: half the width of the gap between positive and
        negative pairs, in units of distance. ``"auto"`` is 0.2.

    boundary : float, default=1.2
        Where :math:`\beta` starts, > 0.

    rate : float, default=1.0
        Learning rate of the boundary, >= 0, in that of the encoder; 0 keeps it.

    References
    ----------
    .. [1] C.-Y. Wu, R. Manmatha, A. J. Smola, P. Krähenbühl, "Sampling Matters in Deep
       Embedding Learning", ICCV 2017.

    Examples
    --------
    A positive at distance 1.2, and negatives at 1.3 and 2:

    >>> import torch
    >>> from sklearn_contrastive import Pairs
    >>> from sklearn_contrastive.losses import MarginLoss
    >>> anchor, others = torch.tensor([[0.0]]), torch.tensor([[1.2], [1.3], [2.0]])
    >>> pairs = Pairs(torch.tensor([[1, 0, 0]]), torch.tensor([[0, 1, 1]]))
    >>> loss = MarginLoss(margin=0.2, boundary=1.2)(anchor, others, pairs)
    >>> round(loss.item(), 4)  # (0.2 + 0.1) / 2
    0.15
    """

    curved = tested = True

    measure = "squared_distance"
    auto_miner = "distance_weighted"
    on_sphere = off_sphere = {"margin": 0.2}
    reach = 2.0

    _parameter_constraints = {
        "margin": POSITIVE_OR_AUTO,
        "boundary": POSITIVE,
        "rate": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, margin="auto", boundary=1.2, rate=1.0):
        self.margin = margin
        self.boundary = boundary
        self.rate = rate

    def init(self, n_components, n_classes, rng):
        """Return the boundary to start from."""
        return {"boundary": np.array(float(self.boundary))}

    def learning_rate_factor(self):
        """Return `rate`."""
        return self.rate

    def lists(self, values, positive, negative, params):
        """Return the sum over pairs, with its slopes."""
        boundary = params.get("boundary", self.boundary)
        distances = values.sqrt()
        margin = self.on_sphere["margin"] if self.margin == "auto" else self.margin
        beyond = distances - boundary
        too_far, too_near = beyond + margin, margin - beyond
        # Weights of the pairs that still cost something.
        far = positive.mul_(too_far > 0)
        near = negative.mul_(too_near > 0)
        energy = (too_far * far).sum((-2, -1)) + (too_near * near).sum((-2, -1))
        count = far.sum((-2, -1)) + near.sum((-2, -1))
        slopes = (far - near).div_(distances).mul_(0.5)
        on_params = {"boundary": near.sum() - far.sum()} if params else {}
        return [(energy, count, slopes, on_params)]
