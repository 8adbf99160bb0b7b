"""Logarithms of sums of powers: what softmaxes over candidates are made of."""

import math

#: Taken from the logits of what does not count, so that nothing is left of it.
_NEVER = 1e30
#: Logits this far below the highest add nothing; the exponential of lower ones is
#: subnormal, which takes a processor ten times as long.
_LOWEST = -80.0
_LOG2_E = 1 / math.log(2)


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
