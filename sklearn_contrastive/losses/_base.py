"""The base class of all losses, and closed forms as a part of torch's graph."""

import warnings
from abc import ABC, abstractmethod
from functools import cache
from math import inf
from numbers import Real
from typing import ClassVar

from sklearn.base import BaseEstimator, clone

from sklearn_contrastive._pairs._autograd import AutogradPairs
from sklearn_contrastive._pairs._keys import withdraw


class Loss(ABC, BaseEstimator):
    """Base class of losses over the distances of similar and dissimilar rows.

    A loss is called with points and with weights of their pairs. To add one, derive
    from `PairLoss` if it is a sum over pairs, from `ListwiseLoss` if it compares an
    anchor's candidates with one another, or from this class and leave the gradient to
    automatic differentiation.

    Attributes
    ----------
    on_sphere, off_sphere : dict
        Values of the parameters that may be ``"auto"``, for embeddings that are
        scaled to length 1 and for those that are not.

    reach : float
        Largest margin that two points on the unit sphere can be apart, in the units
        of the loss.

    auto_miner : str
        What ``miner="auto"`` stands for.

    has_proxies : bool
        Whether the anchors are learned points, one per class.

    learns : bool
        Whether `init` may return parameters.

    needs_negatives : bool
        Whether the loss makes nothing of similar pairs alone.

    tested : bool
        Whether the formulas are the package's own: their derivatives are tested, they
        take leading axes, and every call does the same operations. A subclass that
        overrides a formula loses it.
    """

    _parameter_constraints: ClassVar[dict] = {}
    on_sphere: ClassVar[dict[str, float]] = {}
    off_sphere: ClassVar[dict[str, float]] = {}
    reach: ClassVar[float] = inf
    auto_miner: ClassVar[str] = "all"
    has_proxies: ClassVar[bool] = False
    learns: ClassVar[bool] = True
    needs_negatives: ClassVar[bool] = True
    tested: ClassVar[bool] = False

    def __init_subclass__(cls):
        super().__init_subclass__()
        withdraw(cls, "tested", ("positive", "negative", "lists", "__call__"))

    @abstractmethod
    def __call__(self, anchors, candidates, pairs, params=None):
        """Return the loss of one batch.

        Parameters
        ----------
        anchors : Tensor of shape (n_anchors, n_components)
            Embedded rows.

        candidates : Tensor of shape (n_candidates, n_components)
            What they are compared with; usually the same tensor.

        pairs : Pairs
            Weights of shape (n_anchors, n_candidates).

        params : dict of str to Tensor, default=None
            The loss's own parameters, for a loss whose `init` returns some.

        Returns
        -------
        loss : Tensor of shape ()
            Zero, with a gradient of zero, when no pair is known.
        """

    def init(self, n_components, n_classes, rng):
        """Return parameters that are learned beside the encoder.

        Parameters
        ----------
        n_components : int
            Dimension of the embedding.

        n_classes : int
            Classes that the rows belong to, 0 if they have none.

        rng : numpy.random.RandomState
            Source of randomness.

        Returns
        -------
        params : dict of str to ndarray
            None, for most losses.
        """
        return {}

    def learning_rate_factor(self):
        """Return the learning rate of own parameters, relative to the encoder's."""
        return 1.0

    @property
    def batchable(self):
        """Whether several models with other numbers may be evaluated as one."""
        return False

    def effects(self, A, C, distances, pairs, params):
        """Return arrays that are zero where a positive or negative pair has no effect.

        Parameters
        ----------
        A, C : Tensor of shape (n_points, n_components)
            Anchors and candidates.

        distances : Tensor of shape (n_anchors, n_candidates)
            Their distances.

        pairs : list of two Tensor of shape (n_anchors, n_candidates)
            Weights of the pairs.

        params : dict of str to Tensor
            The loss's own parameters.

        Returns
        -------
        effects : sequence of two Tensor of shape (n_anchors, n_candidates)
            For positive and negative pairs; here the weights, for want of more.
        """
        return pairs

    def evaluator(self, A, C=None, miner=None, fixed=False):
        """Return what turns points and pair weights into the loss and its gradients.

        Parameters
        ----------
        A : Tensor of shape (n_anchors, n_components)
            Anchors of the shape, precision and device to prepare for.

        C : Tensor of shape (n_candidates, n_components), default=None
            Candidates, likewise; None when they are the anchors.

        miner : Miner, default=None
            Chooses among the pairs; None for all of them.

        fixed : bool, default=False
            Whether candidates do not move, so that no gradient in them is needed.

        Returns
        -------
        evaluator : callable
            ``evaluator(A, C, weigh, params)`` returns the loss, a list of gradients in
            `A` and in `C` (where it is given and not fixed), and a dict of gradients
            in `params`. ``weigh(rows, columns, work)`` returns the weights of the
            pairs of two slices. Here by automatic differentiation.
        """
        return AutogradPairs(self, A, C, miner, fixed)

    def resolve(self, normalize):
        """Return a validated copy in which every ``"auto"`` has become a number.

        Parameters
        ----------
        normalize : bool
            Whether the embedding lies on the unit sphere.

        Returns
        -------
        loss : Loss
            The copy, ready to be called.

        Raises
        ------
        ValueError
            If a parameter is out of range, or a formula of a `PairLoss` does not
            return energies and their slopes.

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
        margin = getattr(loss, "margin", None)
        if normalize and isinstance(margin, Real) and margin > loss.reach:
            warnings.warn(
                f"`margin`={margin:g} cannot be reached: points on the unit "
                f"sphere are at most {loss.reach:g} apart in the units of "
                f"{type(self).__name__}, so the push on dissimilar rows never ends. "
                "Lower the margin, or set `normalize=False`.",
                UserWarning,
                stacklevel=2,
            )
        return loss


def closed_form(loss, anchors, candidates, pairs, params=None):
    """Return the loss by its evaluator, as a part of torch's graph."""
    params = params or {}
    evaluator = loss.evaluator(anchors, candidates)
    given = anchors, candidates, evaluator, pairs, list(params), *params.values()
    return _graph_node().apply(*given)


@cache
def _graph_node():
    """Return the node of torch's graph, made when torch is first needed."""
    import torch

    class Node(torch.autograd.Function):
        @staticmethod
        def forward(ctx, anchors, candidates, evaluator, pairs, names, *values):
            def weigh(rows, columns, work):
                return [weights[..., rows, columns] for weights in pairs]

            points = anchors.detach(), candidates.detach()
            params = dict(zip(names, (v.detach() for v in values), strict=True))
            loss, gradients, on_params = evaluator(*points, weigh, params)
            ctx.n_params = len(names)
            on_params = [
                torch.as_tensor(on_params.get(name, 0)).to(value).expand_as(value)
                for name, value in params.items()
            ]
            ctx.save_for_backward(*gradients, *on_params)
            return loss

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad):
            saved = ctx.saved_tensors
            on_both = [grad[..., None, None] * on for on in saved[:2]]
            return *on_both, None, None, None, *(grad * on for on in saved[2:])

    return Node
