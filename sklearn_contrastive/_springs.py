"""Losses of distances alone: what they are, and how they are computed.

A pair whose energy depends on its distance is a spring. With W the slopes of the
weighted energies in the squared distance, the forces on anchors A and candidates C are

    2 (diag(W 1) A - W C)   and   2 (diag(Wᵀ 1) C - Wᵀ A),

so that two matrix products replace all that automatic differentiation would store.
Positive and negative pairs are added up apart, because each kind is averaged over a
number that is known only after the last tile.
"""

import math
import warnings
from abc import ABC, abstractmethod
from functools import cache
from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import Interval, StrOptions

#: Entries of a tile, so that its few arrays stay in a processor's cache.
_TILE = 2**16
#: Pairs nearer than this, squared and relative to their lengths, are measured from
#: differences: the matrix product cannot tell them from coincident ones.
_CLOSE = 1e-3
#: Least squared distance, relative likewise, so that slopes stay finite.
_LEAST = 1e-12


class PairLoss(ABC, BaseEstimator):
    r"""A loss made of two formulas of the distance of a pair.

    .. math::

        L = \frac{\sum_{ij} w^+_{ij}\, E^+(D_{ij})}{\sum_{ij} w^+_{ij}}
          + \frac{\sum_{ij} w^-_{ij}\, E^-(D_{ij})}
                 {\sum_{ij} w^-_{ij}\,[E^-(D_{ij}) > 0]}

    with :math:`D_{ij}` the Euclidean distance between anchor i and candidate j and
    :math:`w^+, w^-` the weights of the pairs: the mean over the positive pairs plus
    the mean over those negative pairs that still cost something. A mean over no pair
    is zero.

    To add a loss, write `positive` and `negative`, each energy with its slope, with
    operators that numpy arrays and torch tensors share, and say in `on_sphere` and
    `off_sphere` what its parameters stand for when they are ``"auto"``.

    Attributes
    ----------
    on_sphere, off_sphere : dict
        Values of the parameters that may be ``"auto"``, for embeddings that are
        scaled to length 1 and for those that are not.

    reach : float
        Largest margin that two points on the unit sphere can be apart, in the units
        of the loss.
    """

    on_sphere: ClassVar[dict[str, float]] = {}
    off_sphere: ClassVar[dict[str, float]] = {}
    reach: ClassVar[float] = math.inf

    @abstractmethod
    def positive(self, distances):
        """Return energy and slope of similar pairs.

        Parameters
        ----------
        distances : ndarray or Tensor
            Distances D > 0, in any shape.

        Returns
        -------
        energy : ndarray or Tensor
            E(D), >= 0.

        slope : ndarray, Tensor or float
            Derivative of E in the squared distance, E'(D) / 2D.
        """

    @abstractmethod
    def negative(self, distances):
        """Return energy and slope of dissimilar pairs, as `positive` does."""

    def resolve(self, normalize):
        """Return a validated copy in which every ``"auto"`` has become a number.

        Parameters
        ----------
        normalize : bool
            Whether the embedding lies on the unit sphere.

        Returns
        -------
        loss : PairLoss
            The copy, ready to be called.

        Raises
        ------
        ValueError
            If a parameter is out of range.

        Warns
        -----
        UserWarning
            If no pair of points on the unit sphere can reach the margin.
        """
        self._validate_params()
        autos = self.on_sphere if normalize else self.off_sphere
        given = self.get_params(deep=False)
        loss = clone(self).set_params(
            **{name: autos[name] for name in autos if given[name] == "auto"}
        )
        if normalize and getattr(loss, "margin", 0) > self.reach:
            warnings.warn(
                f"`margin`={loss.margin:g} cannot be reached: points on the unit "
                f"sphere are at most {self.reach:g} apart in the units of "
                f"{type(self).__name__}, so every dissimilar pair repels for ever. "
                "Lower the margin, or set `normalize=False`.",
                UserWarning,
                stacklevel=2,
            )
        return loss

    def pair_values(self, distances, similar):
        """Return the loss of each pair by itself, without averaging.

        Parameters
        ----------
        distances : array-like of shape (n_pairs,)
            Euclidean distances, >= 0.

        similar : array-like of shape (n_pairs,)
            1 or True where the two rows of a pair are alike, else 0 or False.

        Returns
        -------
        values : ndarray of shape (n_pairs,)
            Losses, in float64. Parameters that are ``"auto"`` take their value for
            the unit sphere.

        Raises
        ------
        ValueError
            If the two do not have the same shape, a distance is negative or not a
            number, or `similar` holds anything but 0 and 1.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loss = self.resolve(normalize=True)
        distances = np.asarray(distances, dtype=np.float64)
        similar = np.asarray(similar)
        if distances.shape != similar.shape:
            raise ValueError(
                "`distances` and `similar` must have the same shape; got "
                f"{distances.shape} and {similar.shape}."
            )
        if not np.all(distances >= 0):
            raise ValueError("`distances` must be numbers in [0, inf).")
        if not np.isin(similar, (0, 1)).all():
            raise ValueError("`similar` must hold 1 (alike) and 0 (unlike) only.")
        with np.errstate(divide="ignore", invalid="ignore"):
            attracted, _ = loss.positive(distances)
            repelled, _ = loss.negative(distances)
        return np.where(similar == 1, attracted, repelled)

    def __call__(self, anchors, candidates, pairs):
        """Return the loss of one batch.

        Parameters
        ----------
        anchors : Tensor of shape (n_anchors, n_components)
            Embedded rows.

        candidates : Tensor of shape (n_candidates, n_components)
            What they are compared with; usually the same tensor.

        pairs : Pairs
            Weights of shape (n_anchors, n_candidates).

        Returns
        -------
        loss : Tensor of shape ()
            Zero, with a gradient of zero, when no pair is known.
        """
        return _graph_node().apply(anchors, candidates, self, pairs)


class HingeLoss(PairLoss):
    """A pair loss whose dissimilar pairs stop repelling at a margin.

    Parameters
    ----------
    margin : float or "auto", default="auto"
        Where the push on dissimilar pairs ends, > 0.

    Notes
    -----
    The margins that ``"auto"`` stands for are those of a hinge on the distance; a
    hinge on anything else says its own in `on_sphere`, `off_sphere` and `reach`.
    """

    _parameter_constraints = {
        "margin": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
    }

    # The typical, and the largest, distance of two directions.
    on_sphere = {"margin": math.sqrt(2)}
    off_sphere = {"margin": 1.0}
    reach = 2.0

    def __init__(self, margin="auto"):
        self.margin = margin


def step(values):
    """Return 1 where values are positive and 0 where they are zero.

    Parameters
    ----------
    values : ndarray or Tensor
        Numbers >= 0.

    Returns
    -------
    step : ndarray or Tensor
        In the dtype of `values`; made without booleans, whose arithmetic is slow.
    """
    return values / values.clip(min=1e-30)


def springs(loss, A, C, tile, miner=None, mirrored=False, attraction=None):
    """Return the mean energy of pairs, and the forces on their ends.

    Parameters
    ----------
    loss : PairLoss
        Its `positive` and `negative` give energies and slopes.

    A, C : Tensor of shape (n_anchors, n_components) and (n_candidates, n_components)
        Points, without a graph.

    tile : callable
        Returns the weights of a slice of anchors and a slice of candidates; None
        instead of positive ones where `attraction` stands for them.

    miner : callable, default=None
        Thins out the pairs of a tile, given their distances; None for all pairs.

    mirrored : bool, default=False
        Whether `A` is `C` and the weights are symmetric, so that half will do.

    attraction : callable, default=None
        Returns, for points `A` whose positive energies are a multiple of D², the sum
        of D² over all positive pairs, their number, and the pull on each point.

    Returns
    -------
    energy : Tensor of shape ()
        The mean over positive pairs plus the mean over active negative ones.

    on_anchors, on_candidates : Tensor
        Its gradients, in the shapes of `A` and `C`.
    """
    import torch
    from torch import Tensor

    lengths = [(points * points).sum(-1, keepdim=True) for points in (A, C)]
    typical = (lengths[0].sum() + lengths[1].sum()) / max(1, len(A) + len(C))
    # One product gives |a|² - 2 a·c + |c|².
    left = torch.cat([-2 * A, lengths[0], torch.ones_like(lengths[0])], dim=1)
    right = torch.cat([C, torch.ones_like(lengths[1]), lengths[1]], dim=1).mT
    on_anchors = A.new_zeros((2, *A.shape))
    on_candidates = on_anchors if mirrored else C.new_zeros((2, *C.shape))
    energies, counts = A.new_zeros((2, 2))
    formulas = loss.positive, loss.negative
    slopes = [formula(A.new_ones(1))[1] for formula in formulas]
    if attraction is not None:
        squares, counts[0], pulls = attraction(A)
        energies[0], on_anchors[0] = slopes[0] * squares, slopes[0] * pulls
    for rows, columns in _tiles(len(A), len(C), mirrored):
        squared = torch.mm(left[rows], right[:, columns])
        squared.clamp_(min=_LEAST * typical)
        distances = squared.sqrt()
        pairs = tile(rows, columns)
        pairs = pairs if miner is None else miner(distances, pairs)
        pairs = [None if w is None else w.to(A.dtype) for w in pairs]
        # Where the slope is a constant, nearness is no danger.
        bent = [w for w, s in zip(pairs, slopes, strict=True) if isinstance(s, Tensor)]
        gaps = None
        near = torch.le(squared, _CLOSE * typical, out=squared)
        if bent and near.mul_(bent[0] if len(bent) == 1 else sum(bent)).sum() > 0:
            i, j = near.nonzero(as_tuple=True)
            gaps = A[rows][i] - C[columns][j]
            exact = gaps.square().sum(-1).clamp_(min=_LEAST * typical)
            distances[i, j] = exact.sqrt()
            gaps = i, j, gaps
        # Beside the diagonal of a symmetric square, each tile stands for two.
        alone = mirrored and rows == columns
        times = 2 if mirrored and not alone else 1
        for kind, formula in enumerate(formulas):
            if pairs[kind] is None:
                continue
            energy, slope = formula(distances)
            weights = pairs[kind].reshape(-1)
            energies[kind] += times * torch.dot(energy.reshape(-1), weights)
            active = torch.gt(energy, 0, out=energy) if kind == 1 else None
            count = weights.sum() if kind == 0 else weights @ active.reshape(-1)
            counts[kind] += times * count
            bends = isinstance(slope, Tensor)
            W = slope.mul_(pairs[kind]) if bends else pairs[kind] * slope
            ends = on_anchors[kind, rows], on_candidates[kind, columns]
            _pull(W, A[rows], C[columns], gaps if bends else None, *ends, alone)
    # Without any pair the sums are zero too, and so are the quotients.
    counts += counts == 0
    share = 2 / counts[:, None, None]
    forces = (on_anchors * share).sum(0), (on_candidates * share).sum(0)
    return (energies / counts).sum(), *forces


def _tiles(n_anchors, n_candidates, mirrored):
    """Yield slices of anchors and candidates: rows of a table, or half a square."""
    if mirrored:
        side = math.isqrt(_TILE)
        for start in range(0, n_anchors, side):
            for other in range(start, n_anchors, side):
                yield slice(start, start + side), slice(other, other + side)
    else:
        step = max(1, _TILE // max(1, n_candidates))
        for start in range(0, n_anchors, step):
            yield slice(start, start + step), slice(0, n_candidates)


def _pull(W, A, C, gaps, on_anchors, on_candidates, alone):
    """Add half the forces of a tile, on anchors alone where they are both ends."""
    if gaps is not None:
        # Their forces would be small differences of large products.
        i, j, differences = gaps
        force = W[i, j, None] * differences
        W[i, j] = 0
        on_anchors.index_add_(0, i, force)
        if not alone:
            on_candidates.index_add_(0, j, -force)
    on_anchors += W.sum(1, keepdim=True) * A - W @ C
    if not alone:
        on_candidates += W.sum(0)[:, None] * C - W.mT @ A


@cache
def _graph_node():
    """Return the node of torch's graph, made when torch is first needed."""
    import torch

    class Springs(torch.autograd.Function):
        @staticmethod
        def forward(ctx, anchors, candidates, loss, pairs):
            def tile(rows, columns):
                return [weights[rows, columns] for weights in pairs]

            points = anchors.detach(), candidates.detach()
            value, *forces = springs(loss, *points, tile)
            ctx.save_for_backward(*forces)
            return value

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad):
            on_anchors, on_candidates = ctx.saved_tensors
            return grad * on_anchors, grad * on_candidates, None, None

    return Springs
