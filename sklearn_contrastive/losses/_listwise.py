"""What losses that compare an anchor's candidates with one another have in common."""

import math
from abc import abstractmethod
from typing import ClassVar

import numpy as np

from sklearn_contrastive._pairs._autograd import closed_form
from sklearn_contrastive._pairs._listwise import Listwise
from sklearn_contrastive._validation import shorten
from sklearn_contrastive.losses._base import POSITIVE_OR_AUTO, Loss

#: Taken from the logits of what does not count, so that nothing is left of it.
_NEVER = 1e30
#: Logits this far below the highest add nothing; the exponential of lower ones is
#: subnormal, which takes a processor ten times as long.
_LOWEST = -80.0
_LOG2_E = 1 / math.log(2)
#: Least temperature that is learned, and where learning it starts.
_FLOOR, _START = 0.01, 0.1


class ListwiseLoss(Loss):
    """A loss that looks at all candidates of an anchor together.

    To add one, write `lists`, which says what some anchors cost and how that changes
    with each inner product or squared distance, and set `measure` to say which of the
    two it reads. Anchors do not look at each other's lists.

    Attributes
    ----------
    measure : {"inner_product", "squared_distance"}
        What `lists` is given. On the unit sphere an inner product is a cosine.

    curved : bool
        Whether slopes in the squared distance grow without bound as points coincide,
        as those of the distance do, so that close pairs must be measured exactly.
    """

    measure: ClassVar[str] = "inner_product"
    curved: ClassVar[bool] = False

    @abstractmethod
    def lists(self, values, positive, negative, params):
        """Return what some anchors cost, in up to two terms averaged apart.

        Parameters
        ----------
        values : Tensor of shape (n_anchors, n_candidates)
            Inner products or squared distances; may be overwritten.

        positive, negative : Tensor of shape (n_anchors, n_candidates)
            Weights >= 0 of the pairs, zero for a row with itself.

        params : dict of str to Tensor
            The loss's own parameters, if it has any.

        Returns
        -------
        terms : list of tuple
            For each term its sum, the number that the sum over all anchors is to be
            divided by, its slope in each of the `values`, of their shape, and a dict
            with its slopes in `params`.
        """

    def resolve(self, normalize):
        """Return a validated copy, as `Loss.resolve` does."""
        if self.measure not in ("inner_product", "squared_distance"):
            raise ValueError(
                f"`measure` of {type(self).__name__} must be 'inner_product' or "
                f"'squared_distance'; got {shorten(self.measure)}."
            )
        return super().resolve(normalize)

    def effects(self, A, C, distances, pairs, params):
        """Return the derivatives in the values, as `Loss.effects` describes."""
        products = self.measure == "inner_product"
        values = A @ C.mT if products else distances.square().clamp_(min=1e-12)
        terms = self.lists(values, *(w.clone() for w in pairs), params)
        slopes = sum(abs(slopes) for _, _, slopes, _ in terms)
        return slopes, slopes

    def __call__(self, anchors, candidates, pairs, params=None):
        """Return the loss of one batch, as `Loss.__call__` describes it."""
        # Not by `evaluator`, which calls this method where a subclass extends it.
        evaluator = Listwise(self, anchors, candidates)
        return closed_form(evaluator, anchors, candidates, pairs, params)

    def evaluator(self, A, C=None, miner=None, fixed=False, symmetric=False):
        """Return what computes loss and gradients, as `Loss.evaluator` describes."""
        if type(self).__call__ is not ListwiseLoss.__call__:
            return super().evaluator(A, C, miner, fixed, symmetric)
        return Listwise(self, A, C, miner, fixed, symmetric)


class TemperatureLoss(ListwiseLoss):
    """A listwise loss whose values are divided by a temperature.

    Parameters
    ----------
    temperature : float or "auto"
        What values are divided by, > 0. A lower one lets the nearest candidates
        count more. ``"auto"`` learns it, starting from 0.1 and never below 0.01.
    """

    _parameter_constraints = {"temperature": POSITIVE_OR_AUTO}

    def __init__(self, temperature=0.1):
        self.temperature = temperature

    def init(self, n_components, n_classes, rng):
        """Return the logarithm of a temperature that is to be learned."""
        if self.temperature == "auto":
            return {"log_temperature": np.array(np.log(_START))}
        return {}

    def inverse_temperature(self, params):
        """Return one over the temperature.

        Parameters
        ----------
        params : dict of str to Tensor
            What `init` returned, as it stands now.

        Returns
        -------
        inverse : float or Tensor
            The number to multiply values with.
        """
        if "log_temperature" in params:
            return params["log_temperature"].exp().clamp(min=_FLOOR).reciprocal()
        # Without what `init` makes, as when called by hand: where learning starts.
        return 1 / (_START if self.temperature == "auto" else self.temperature)

    def on_temperature(self, values, slopes, params):
        """Return the slope in the parameters, given the values and the slopes in them.

        Parameters
        ----------
        values, slopes : Tensor of shape (n_anchors, n_candidates)
            What is divided by the temperature, or a multiple of it with slopes as much
            smaller, and the slope of the loss in each.

        params : dict of str to Tensor
            What `init` returned, as it stands now.

        Returns
        -------
        on_params : dict of str to Tensor
            The slope in the logarithm of the temperature, if that is learned.
        """
        if "log_temperature" not in params:
            return {}
        slope = -(values * slopes).sum()
        # At the floor it may rise, but not fall.
        free = (params["log_temperature"] > np.log(_FLOOR)) | (slope < 0)
        return {"log_temperature": slope * free}


def log_sum(logits, weights, factors=1):
    r"""Return :math:`\log\sum_j w_j e^{l_j}` of each row, and each entry's share of it.

    Parameters
    ----------
    logits : Tensor of shape (n_anchors, n_candidates)
        Any finite numbers.

    weights : Tensor of shape (n_anchors, n_candidates)
        Weights >= 0.

    factors : Tensor of shape (n_anchors, 1), default=1
        What the shares of each row are multiplied with.

    Returns
    -------
    log_sums : Tensor of shape (n_anchors, 1)
        The logarithms; some finite number where nothing counts.

    shares : Tensor of shape (n_anchors, n_candidates)
        Numbers >= 0 that add up to the factor, or to 0 where nothing counts.

    known : Tensor of shape (n_anchors, 1)
        1 where something counts, else 0.
    """
    shares, top, known = powers(logits, weights)
    total = shares.sum(-1, keepdim=True)
    total += 1 - known
    shares.mul_(factors / total)
    return total.log_().add_(top), shares, known


def powers(logits, weights, least=None):
    r"""Return :math:`w_j e^{l_j - t}` of each entry, with t the highest logit of a row.

    Parameters
    ----------
    logits, weights : Tensor of shape (n_anchors, n_candidates)
        Finite numbers, and weights >= 0.

    least : float, default=None
        The least t; None for any.

    Returns
    -------
    powers : Tensor of shape (n_anchors, n_candidates)
        A new array, zero where the weight is.

    top : Tensor of shape (n_anchors, 1)
        Each row's t; `least`, or 0, where nothing counts.

    known : Tensor of shape (n_anchors, 1)
        1 where something counts, else 0.
    """
    import torch

    # Written to again and again, because a new array costs more than what is done.
    out = torch.le(weights, 0, out=torch.empty_like(logits))
    torch.add(logits, out, alpha=-_NEVER, out=out)
    top = out.amax(-1, keepdim=True)
    known = (top > -_NEVER / 2).to(logits.dtype)
    top = top.mul_(known) if least is None else top.clamp_(min=least)
    # Powers of 2 take a third of the time of those of e.
    out.sub_(top).clamp_(min=_LOWEST).mul_(_LOG2_E).exp2_().mul_(weights)
    return out, top, known
