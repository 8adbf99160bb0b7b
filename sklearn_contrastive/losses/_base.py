"""What every loss offers to training."""

import warnings
from abc import ABC, abstractmethod
from functools import cache
from math import inf
from numbers import Real
from typing import ClassVar

from sklearn.base import BaseEstimator, clone


class Loss(ABC, BaseEstimator):
    """What is wanted of the distances between similar and dissimilar rows.

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
        Whether the anchors are points of the loss's own, one a class.
    """

    _parameter_constraints: ClassVar[dict] = {}
    on_sphere: ClassVar[dict[str, float]] = {}
    off_sphere: ClassVar[dict[str, float]] = {}
    reach: ClassVar[float] = inf
    auto_miner: ClassVar[str] = "all"
    has_proxies: ClassVar[bool] = False

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
        """Return the learning rate of own parameters, in that of the encoder."""
        return 1.0

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


def closed_form(engine, anchors, candidates, pairs, params=None):
    """Return a loss whose gradients are known, as part of torch's graph.

    Parameters
    ----------
    engine : callable
        Given points, a function that weighs pairs, and `params`, returns the loss with
        the forces on anchors and candidates and on the parameters.

    anchors, candidates : Tensor of shape (n_points, n_components)
        The points.

    pairs : Pairs
        Weights of shape (n_anchors, n_candidates).

    params : dict of str to Tensor, default=None
        The loss's own parameters.

    Returns
    -------
    loss : Tensor of shape ()
        The loss.
    """
    params = params or {}
    given = anchors, candidates, engine, pairs, list(params), *params.values()
    return _graph_node().apply(*given)


@cache
def _graph_node():
    """Return the node of torch's graph, made when torch is first needed."""
    import torch

    class Node(torch.autograd.Function):
        @staticmethod
        def forward(ctx, anchors, candidates, engine, pairs, names, *values):
            def tile(rows, columns, work):
                return [weights[..., rows, columns] for weights in pairs]

            points = anchors.detach(), candidates.detach()
            params = dict(zip(names, (v.detach() for v in values), strict=True))
            loss, forces, on_params = engine(*points, tile, params)
            ctx.n_params = len(names)
            on_params = [
                torch.as_tensor(on_params.get(name, 0)).to(value).expand_as(value)
                for name, value in params.items()
            ]
            ctx.save_for_backward(*forces, *on_params)
            return loss

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad):
            saved = ctx.saved_tensors
            on_both = [grad[..., None, None] * on for on in saved[:2]]
            return *on_both, None, None, None, *(grad * on for on in saved[2:])

    return Node
