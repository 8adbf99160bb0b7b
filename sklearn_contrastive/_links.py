"""Springs between few pairs: those that a miner links each anchor to.

With k pairs an anchor instead of all, forces are sums over a list. Every pair is
measured from its difference, so that the nearest are as exact as any other.
"""


def relax_links(loss, A, C, links, least, fixed=False):
    """Return the mean energy of linked pairs, and the forces on their ends.

    Parameters
    ----------
    loss : PairLoss
        Its formulas give energies and slopes.

    A : Tensor of shape (n_anchors, n_components)
        Anchors, without a graph; a leading axis holds independent models.

    C : Tensor of shape (n_candidates, n_components) or None
        Candidates; None when they are the anchors.

    links : list of Pairs of Links
        The positive and the negative pairs of one slice of anchors after the other.

    least : float or Tensor of shape ()
        Least squared distance, so that slopes stay finite.

    fixed : bool, default=False
        Whether the forces on candidates are not asked for.

    Returns
    -------
    energy : Tensor of shape ()
        The mean over positive pairs plus the mean over active negative ones.

    forces : list of Tensor
        Its gradient in `A` and, unless it is None or fixed, in `C`.
    """
    import torch

    kinds = links[0]
    if len(links) > 1:
        kinds = [
            [torch.cat([pairs[kind][part] for pairs in links], -1) for part in (0, 1)]
            for kind in (0, 1)
        ]
    candidates = (A if C is None else C).reshape(-1, A.shape[-1])
    ends = torch.cat([index for index, _ in kinds], -2)
    if A.ndim > 2:
        # All models' candidates are one list, model after model.
        starts = torch.arange(A.shape[0], device=A.device)[:, None, None]
        ends = ends + starts * (len(candidates) // A.shape[0])
    ends, shape = ends.reshape(-1), (*ends.shape, A.shape[-1])
    gaps = candidates.index_select(0, ends).view(shape).sub_(A.unsqueeze(-3))
    distances = (gaps * gaps).sum(-1).clamp_(min=least).sqrt_()
    parts = distances.split([index.shape[-2] for index, _ in kinds], -2)
    formulas, total, slopes = (loss.positive, loss.negative), 0, []
    for formula, part, (_, weights) in zip(formulas, parts, kinds, strict=True):
        energy, slope = formula(part)
        active = weights * (energy > 0) if formula is formulas[1] else weights
        count = active.sum((-2, -1))
        count += count == 0
        total = total + (energy * weights).sum((-2, -1)) / count
        slopes.append(weights * slope * (2 / count)[..., None, None])
    gaps.mul_(torch.cat(slopes, -2)[..., None])
    # What pulls a candidate one way pulls its anchor the other way.
    on_anchors = gaps.sum(-3).neg_()
    if fixed:
        return total, [on_anchors]
    on_candidates = on_anchors if C is None else torch.zeros_like(C)
    flat = on_candidates.view_as(candidates)
    flat.index_add_(0, ends, gaps.view(-1, A.shape[-1]))
    return total, [on_anchors] if C is None else [on_anchors, on_candidates]
