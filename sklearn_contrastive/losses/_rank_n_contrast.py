"""Rank-N-Contrast, for similarity in degrees."""

from sklearn_contrastive.losses._base import TemperatureLoss

#: Least squared distance, so that slopes stay finite.
_LEAST = 1e-12
#: A logarithm of nothing.
_NEVER = -1e30


class RankNContrastLoss(TemperatureLoss):
    r"""Rank-N-Contrast: candidates are to be as near as their similarity ranks them.

    .. math::

        \ell_{ij} = -\log \frac{e^{-D_{ij}/\tau}}
        {\sum_{k \in S_{ij}} e^{-D_{ik}/\tau}}, \qquad
        S_{ij} = \{k : g_{ik} \le g_{ij}\}

    averaged over all pairs (i, j) of which something is known, with D the Euclidean
    distance, temperature :math:`\tau`, and g the weight of a pair as a similar one less
    that as a dissimilar one: each candidate has to be nearer than all that are no more
    similar to the anchor than it is [1]_. Only the order of the weights counts. It is
    made for ``similarity="targets"``, whose ``kernel="cauchy"`` keeps even far targets
    in order. An anchor whose candidates are all equally similar costs nothing.

    Parameters
    ----------
    temperature : float or "auto", default=0.1
        What distances are divided by, > 0. A lower one lets the nearest candidates
        count more; the paper takes 2, off the unit sphere. ``"auto"`` learns it,
        starting from 0.1 and never below 0.01.

    References
    ----------
    .. [1] K. Zha, P. Cao, J. Son, Y. Yang, D. Katabi, "Rank-N-Contrast: Learning
       Continuous Representations for Regression", NeurIPS 2023.

    Examples
    --------
    One anchor with a nearer target at distance 0.5 and a farther one at distance 1:

    >>> import torch
    >>> from sklearn_contrastive import Pairs
    >>> from sklearn_contrastive.losses import RankNContrastLoss
    >>> anchor, others = torch.tensor([[0.0]]), torch.tensor([[0.5], [1.0]])
    >>> pairs = Pairs(torch.tensor([[0.9, 0.2]]), torch.tensor([[0.1, 0.8]]))
    >>> loss = RankNContrastLoss(temperature=0.5)(anchor, others, pairs)
    >>> round(loss.item(), 4)  # log(1 + exp(-0.5 / 0.5)) / 2
    0.1566
    """

    curved = tested = True

    measure = "squared_distance"

    def lists(self, values, positive, negative, params):
        """Return the sum over pairs, with its slopes."""
        import torch

        inverse = self.inverse_temperature(params)
        distances = values.clamp_(min=_LEAST).sqrt()
        logits = distances * -inverse
        known = (positive + negative > 0).to(values.dtype)
        # What is not known comes last, after all that is compared.
        grades = torch.where(known > 0, positive - negative, torch.inf)
        grades, order = grades.sort(-1)
        known, ordered = known.gather(-1, order), logits.gather(-1, order)
        most = grades.where(known > 0, -torch.inf).amax(-1, keepdim=True)
        known *= grades[..., :1] < most
        ordered = torch.where(known > 0, ordered, _NEVER)
        # The set of each candidate ends with the last one that is as much similar.
        ends = torch.searchsorted(grades, grades, right=True) - 1
        sums = ordered.logcumsumexp(-1)
        costs = (sums.gather(-1, ends) - ordered) * known
        n_sets = torch.zeros_like(known).scatter_add_(-1, ends, known)
        # Over the sets that hold a candidate: its share of each.
        behind = torch.where(n_sets > 0, n_sets.log() - sums, _NEVER)
        behind = behind.flip(-1).logcumsumexp(-1).flip(-1)
        shares = (ordered + behind).exp_().sub_(1).mul_(known)
        slopes = torch.empty_like(shares).scatter_(-1, order, shares)
        on_params = self.on_temperature(logits, slopes, params)
        # From logits to squared distances.
        slopes = slopes.mul_(-0.5 * inverse).div_(distances)
        return [(costs.sum((-2, -1)), known.sum((-2, -1)), slopes, on_params)]
