"""A weighted sum of losses."""

from numbers import Real

from sklearn.base import clone
from sklearn.utils._param_validation import Interval
from sklearn.utils.metaestimators import _BaseComposition

from sklearn_contrastive._pairs._keys import withdraw
from sklearn_contrastive._validation import check_params, shorten
from sklearn_contrastive.losses._base import Loss
from sklearn_contrastive.losses._contrastive import ContrastiveLoss
from sklearn_contrastive.losses._nca import NCALoss

_WEIGHT = Interval(Real, 0, None, closed="left")


class HybridLoss(Loss, _BaseComposition):
    r"""A weighted sum of losses over the same batch.

    .. math::

        L = \sum_k w_k L_k

    Each loss sees the pairs that its own ``miner="auto"`` chooses, or all of them those
    of the miner that is asked for. A subclass with a `__call__` of its own is evaluated
    as a whole, over the pairs of its own `auto_miner`; what its losses learn then moves
    at the rate of its own `learning_rate_factor`.

    Parameters
    ----------
    losses : list of (str, Loss) or None, default=None
        Names and losses, as in scikit-learn's `VotingClassifier`, so that a search
        reaches ``loss__NAME__temperature``. None means ``[("contrastive",
        ContrastiveLoss()), ("nca", NCALoss())]``.

    weights : list of float or None, default=None
        Weight of each loss, >= 0; None for 1 each.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_contrastive import ContrastiveEmbedding
    >>> from sklearn_contrastive.losses import HybridLoss, NCALoss, SupConLoss
    >>> X, y = load_iris(return_X_y=True)
    >>> both = HybridLoss([("nca", NCALoss()), ("spread", SupConLoss())], [1, 0.5])
    >>> model = ContrastiveEmbedding(loss=both, max_iter=20, random_state=0)
    >>> model = model.set_params(loss__spread__temperature=0.2)
    >>> bool(model.fit(X, y).score(X, y) > 0.9)
    True
    """

    is_sum = True

    _parameter_constraints = {"losses": [list, None], "weights": ["array-like", None]}

    def __init__(self, losses=None, weights=None):
        self.losses = losses
        self.weights = weights

    def get_params(self, deep=True):
        """Return the parameters, and with `deep` those of each loss by its name."""
        return self._get_params("losses", deep=deep)

    def set_params(self, **params):
        """Set parameters, a whole loss by its name or a loss's own by ``NAME__x``."""
        return self._set_params("losses", **params)

    def __init_subclass__(cls):
        super().__init_subclass__()
        own = ("__call__", "evaluator", "init", "learning_rate_factor", "effects")
        withdraw(cls, "is_sum", own)

    def resolve(self, normalize):
        """Return a copy whose losses are resolved, as `Loss.resolve` does.

        Parameters
        ----------
        normalize : bool
            Whether the embedding lies on the unit sphere.

        Returns
        -------
        loss : HybridLoss
            The copy, with weights that are numbers; for a subclass that is no sum, a
            sum of this copy alone.

        Raises
        ------
        ValueError
            If `losses` is no list of names and losses, or `weights` no list of as
            many numbers >= 0.
        """
        check_params(self)
        losses = self._check_losses()
        weights = [1.0] * len(losses) if self.weights is None else list(self.weights)
        numbers = [w for w in weights if _WEIGHT.is_satisfied_by(w) and w is not True]
        if not len(weights) == len(numbers) == len(losses):
            raise ValueError(
                f"`weights` must hold a number >= 0 for each of the {len(losses)} "
                f"losses; got {shorten(self.weights)}."
            )
        if not any(weights):
            raise ValueError("`weights` must not all be 0; nothing would be learned.")
        losses = [(name, loss.resolve(normalize)) for name, loss in losses]
        hybrid = clone(self).set_params(losses=losses, weights=weights)
        hybrid.check()
        if self.is_sum:
            return hybrid
        if any(loss.has_proxies for _, loss in losses):
            raise ValueError(
                f"`losses` of {type(self).__name__} must not learn proxies: with a "
                "method of its own it is evaluated as a whole, on pairs of rows."
            )
        return HybridLoss([("", hybrid)], [1.0])

    def members(self):
        """Return name, loss and weight of each loss."""
        losses = _default_losses() if self.losses is None else self.losses
        weights = [1.0] * len(losses) if self.weights is None else self.weights
        return [(*named, w) for named, w in zip(losses, weights, strict=True)]

    def init(self, n_components, n_classes, rng):
        """Return the parameters that the losses learn, named ``NAME__parameter``."""
        found = {}
        for name, loss, _ in self.members():
            own = loss.init(n_components, n_classes, rng)
            found |= {f"{name}__{key}": value for key, value in own.items()}
        return found

    def _check_losses(self):
        """Return the names and losses, or raise where they are none."""
        if self.losses is None:
            return _default_losses()
        for member in self.losses:
            named = isinstance(member, tuple) and len(member) == 2
            if not (named and isinstance(member[0], str)):
                raise ValueError(
                    "`losses` must be a list of (name, loss); it holds "
                    f"{shorten(member)}. Write [('nca', NCALoss())]."
                )
            if not isinstance(member[1], Loss) or isinstance(member[1], HybridLoss):
                raise ValueError(
                    "`losses` must hold objects of sklearn_contrastive.losses, made as "
                    f"NCALoss(), and no other hybrid; {shorten(member[0])} is "
                    f"{shorten(member[1])}."
                )
        names = [name for name, _ in self.losses]
        if not names:
            raise ValueError("`losses` must hold at least one loss; got none.")
        taken = {"losses", "weights"} | {name for name in names if "__" in name}
        if len(set(names)) < len(names) or taken & set(names):
            raise ValueError(
                "Names in `losses` must differ, must not be 'losses' or 'weights', and "
                f"must not hold '__'; got {shorten(names)}."
            )
        return self.losses

    def __call__(self, anchors, candidates, pairs, params=None):
        """Return the loss of one batch, as `Loss.__call__` describes it."""
        self._check_call(anchors, candidates, pairs)
        total, params = 0, params or {}
        for name, loss, weight in self.members():
            start = f"{name}__"
            names = [key for key in params if key.startswith(start)]
            own = {key.removeprefix(start): params[key] for key in names}
            total = total + weight * loss(anchors, candidates, pairs, own)
        return total


def _default_losses():
    """Return the losses that None stands for."""
    return [("contrastive", ContrastiveLoss()), ("nca", NCALoss())]
