"""Neighbourhood components analysis and its relatives: soft nearest neighbours."""

from sklearn.utils._param_validation import StrOptions

from sklearn_contrastive.losses._base import TemperatureLoss
from sklearn_contrastive.losses._log_sum import log_sum

#: Least squared distance that is divided by.
_LEAST = 1e-24


class NCALoss(TemperatureLoss):
    r"""Soft nearest neighbours: the chance that a random neighbour is of one's class.

    Anchor i chooses candidate j with the probability

    .. math::

        p_{ij} = \frac{e^{-d_{ij}/\tau}}{\sum_{k \in A(i)} e^{-d_{ik}/\tau}}

    and a neighbour of its class with :math:`p_i = \sum_{j \in P(i)} p_{ij}`. With
    ``form="goldberger"`` d is the squared distance and the loss :math:`1 - p_i` [1]_;
    with ``"frosst"`` the squared distance and :math:`-\log p_i`, the soft nearest
    neighbour loss [2]_; with ``"modern"`` the distance itself and :math:`-\log p_i`, as
    in ModernNCA [3]_. It is averaged over the anchors that have positives.

    One near neighbour of the same class is enough, so that a class may form several
    clusters.

    Parameters
    ----------
    form : {"modern", "frosst", "goldberger"}, default="modern"
        The paper whose distance and loss are used.

    temperature : float or "auto", default=0.05
        What d is divided by, > 0. A lower one lets the nearest neighbours count more.
        ``"auto"`` learns it, starting from 0.1 and never below 0.01. The papers use
        1 off the unit sphere.

    References
    ----------
    .. [1] J. Goldberger, G. Hinton, S. Roweis, R. Salakhutdinov, "Neighbourhood
       Components Analysis", NIPS 2004.
    .. [2] N. Frosst, N. Papernot, G. Hinton, "Analyzing and Improving Representations
       with the Soft Nearest Neighbor Loss", ICML 2019.
    .. [3] H.-J. Ye, H.-H. Yin, D.-C. Zhan, W.-L. Chao, "Revisiting Nearest Neighbor
       for Tabular Data: A Deep Tabular Baseline Two Decades Later", ICLR 2025.

    Examples
    --------
    One positive at distance 0.5 and one negative at distance 1:

    >>> import torch
    >>> from sklearn_contrastive import Pairs
    >>> from sklearn_contrastive.losses import NCALoss
    >>> anchor, others = torch.tensor([[0.0]]), torch.tensor([[0.5], [1.0]])
    >>> pairs = Pairs(torch.tensor([[1, 0]]), torch.tensor([[0, 1]]))
    >>> loss = NCALoss("modern", temperature=0.5)(anchor, others, pairs)
    >>> round(loss.item(), 4)  # log(1 + exp(-0.5 / 0.5))
    0.3133
    >>> loss = NCALoss("goldberger", temperature=1.0)(anchor, others, pairs)
    >>> round(loss.item(), 4)  # 1 / (1 + exp(0.75))
    0.3208
    """

    tested = True

    measure = "squared_distance"

    _parameter_constraints = {
        "form": [StrOptions({"modern", "frosst", "goldberger"})],
        **TemperatureLoss._parameter_constraints,
    }

    def __init__(self, form="modern", temperature=0.05):
        self.form = form
        self.temperature = temperature

    @property
    def curved(self):
        """Whether slopes grow without bound as points coincide."""
        return self.form == "modern"

    def lists(self, values, positive, negative, params):
        """Return the sum over anchors, with its slopes."""
        inverse = self.inverse_temperature(params)
        plain = self.form == "modern"
        distances = values.clamp_(min=_LEAST).sqrt() if plain else values
        logits = distances * -inverse
        log_all, among_all, _ = log_sum(logits, negative.add_(positive))
        log_own, among_own, known = log_sum(logits, positive)
        if self.form == "goldberger":
            chance = (log_own - log_all).clamp_(max=0).exp_().mul_(known)
            energy, factor = (known - chance).sum((-2, -1)), chance
        else:
            energy, factor = ((log_all - log_own) * known).sum((-2, -1)), known
        slopes = among_all.sub_(among_own).mul_(factor)
        on_params = self.on_temperature(logits, slopes, params)
        # From logits to squared distances.
        slopes = slopes.mul_(-inverse)
        slopes = slopes.div_(distances).mul_(0.5) if plain else slopes
        return [(energy, known.sum((-2, -1)), slopes, on_params)]
