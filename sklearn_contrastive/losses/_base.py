"""The base classes of losses: of all, of sums over pairs, of lists of candidates."""

import math
import warnings
from abc import ABC, abstractmethod
from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_contrastive._pairs._autograd import AutogradPairs, closed_form
from sklearn_contrastive._pairs._keys import withdraw
from sklearn_contrastive._pairs._listwise import Listwise
from sklearn_contrastive._pairs._pairwise import DensePairs, SparsePairs
from sklearn_contrastive._validation import (
    check_pair_labels,
    check_params,
    shortened,
)

#: Constraints of parameters.
FINITE = [Interval(Real, None, None, closed="neither")]
POSITIVE = [Interval(Real, 0, None, closed="neither")]
POSITIVE_OR_AUTO = [*POSITIVE, StrOptions({"auto"})]
#: Pairs that do not count are put 1e15 apart, where nothing may push.
MARGIN = Interval(Real, 0, 1e14, closed="right")
#: Least temperature that is learned, and where learning it starts.
_FLOOR, _START = 0.01, 0.1


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

    has_conditions : bool
        Whether the loss goes with some miners only, or changes with them.

    learns : bool
        Whether `init` may return parameters.

    needs_negatives : bool
        Whether the loss makes nothing of similar pairs alone.

    batchable : bool
        Whether the losses of several models may be evaluated as one, with tensors of
        shape (n_models, 1, 1) in the place of parameters that differ.

    is_sum : bool
        Whether the loss is a `HybridLoss` each of whose `members` is evaluated by
        itself, over the pairs of its own miner.

    tested : bool
        Whether the formulas are the package's own: their derivatives are tested, they
        take leading axes, and every call does the same operations. A subclass that
        overrides a formula, `init`, `check` or `evaluator` loses it.
    """

    _parameter_constraints: ClassVar[dict] = {}
    on_sphere: ClassVar[dict[str, float]] = {}
    off_sphere: ClassVar[dict[str, float]] = {}
    reach: ClassVar[float] = math.inf
    auto_miner: ClassVar[str] = "all"
    learns = needs_negatives = True
    has_proxies = has_conditions = tested = batchable = is_sum = False

    def __init_subclass__(cls):
        super().__init_subclass__()
        formulas = ("positive", "negative", "lists", "__call__", "evaluator")
        others = ("init", "check", "inverse_temperature", "on_temperature")
        withdraw(cls, "tested", formulas + others)
        withdraw(cls, "batchable", formulas)

    @abstractmethod
    def __call__(self, anchors, candidates, pairs, params=None):
        """Return the loss of one batch.

        Called directly, parameters that are ``"auto"`` have their value for the unit
        sphere.

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

    def evaluator(self, A, C=None, miner=None, fixed=False, symmetric=False):
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

        symmetric : bool, default=False
            Whether the weights of a pair are the same with its ends exchanged.

        Returns
        -------
        evaluator : callable
            ``evaluator(A, C, weigh, params)`` returns the loss, a list of gradients in
            `A` and in `C` (where it is given and not fixed), and a dict of gradients
            in `params`. ``weigh(rows, columns, work)`` returns the weights of the
            pairs of two slices. Here by automatic differentiation.
        """
        return AutogradPairs(self, A, C, miner, fixed, symmetric)

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
        check_params(self)
        autos = self.on_sphere if normalize else self.off_sphere
        given = self.get_params(deep=False)
        numbers = {k: number for k, number in autos.items() if given[k] == "auto"}
        loss = clone(self).set_params(**numbers)
        margin = getattr(loss, "margin", None)
        if normalize and isinstance(margin, Real) and margin > loss.reach:
            warnings.warn(
                f"`margin`={margin:g} cannot be reached: points on the unit sphere are "
                f"at most {loss.reach:g} apart in the units of {type(self).__name__}. "
                "Lower the margin, or set `normalize=False`.",
                stacklevel=2,
            )
        if not loss.tested:
            loss.check()
        return loss

    def check(self):
        """Raise where formulas that are not the package's own are wrong."""

    def _called(self, make, anchors, candidates, pairs, params=None):
        """Return the loss by an evaluator, "auto" being what it is on the sphere."""
        self._check_call(anchors, candidates, pairs)
        unset = any(vars(self).get(name) == "auto" for name in self.on_sphere)
        loss = self.resolve(normalize=True) if unset else self
        evaluator = make(loss, anchors, candidates)
        return closed_form(evaluator, anchors, candidates, pairs, params)

    def _check_call(self, anchors, candidates, pairs):
        """Raise for parameters, points or weights of pairs that are none."""
        import torch

        check_params(self)
        weights = list(pairs)[:3] if isinstance(pairs, list | tuple) else [pairs]
        found, shapes = [], []
        for given in (anchors, candidates, *weights):
            is_tensor = isinstance(given, torch.Tensor)
            shapes.append(tuple(given.shape) if is_tensor else ())
            kind = given.dtype if is_tensor else type(given).__name__
            found.append(f"{kind} of shape {shapes[-1]}" if is_tensor else kind)
        # What is no tensor has no axis here.
        both = zip((anchors, candidates), shapes, strict=False)
        kinds = [(each.dtype, shape[-1]) for each, shape in both if len(shape) > 1]
        if kinds[:1] * 2 != kinds or not (kinds and kinds[0][0].is_floating_point):
            raise ValueError(
                "`anchors` and `candidates` must be tensors of one float dtype, with "
                f"shape (n_points, n_components); got {found[0]} and {found[1]}. "
                "Convert arrays with torch.as_tensor(points, dtype=torch.float32)."
            )
        shape = shapes[0][-2], shapes[1][-2]
        if len(weights) != 2 or any(each[-2:] != shape for each in shapes[2:]):
            raise ValueError(
                "`pairs` must be Pairs(positive, negative), tensors with shape "
                f"(n_anchors, n_candidates) = {shape}; got {', '.join(found[2:])}. "
                "Of labels, labels[:, None] != labels are the negative pairs."
            )


class PairLoss(Loss):
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
    """

    auto_miner = "nearest"
    learns = needs_negatives = False

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
            Derivative of E in the squared distance, E'(D) / 2D. A plain number says
            that E is that multiple of D².
        """

    @abstractmethod
    def negative(self, distances):
        """Return energy and slope of dissimilar pairs, as `positive` does."""

    def effects(self, A, C, distances, pairs, params):
        """Return the values of both kinds of pairs, as `Loss.effects` describes."""
        return self.positive(distances)[0], self.negative(distances)[0]

    def constant_slopes(self, distances):
        """Return the slopes of both kinds of pairs where they are constant, else None.

        Parameters
        ----------
        distances : ndarray or Tensor
            Any distances, of the type of those to come.

        Returns
        -------
        slopes : list of float or None
            Of positive and of negative pairs.
        """
        slopes = self.positive(distances)[1], self.negative(distances)[1]
        return [slope if isinstance(slope, Real) else None for slope in slopes]

    def check(self):
        """Raise where a formula is no value >= 0 with its derivative."""
        if type(self).init is not Loss.init:
            raise ValueError(
                f"A PairLoss has no parameters to learn; {type(self).__name__} has an "
                "`init`. Derive from ListwiseLoss or Loss."
            )
        for name in ("positive", "negative"):
            self._check_formula(name)

    def _check_formula(self, name):
        """Raise for what is no energy >= 0 with its slope in the squared distance."""
        D, h = np.linspace(0.1, 2, 39), 1e-4
        what = f"`{type(self).__name__}.{name}` must return energies and slopes"
        try:
            energy, slope = getattr(self, name)(D)
            above, below = (getattr(self, name)(D + step)[0] for step in (h, -h))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{what}, two arrays; it failed with: {shortened(error)}."
            ) from error
        if np.shape(energy) != D.shape or np.shape(slope) not in ((), D.shape):
            raise ValueError(
                f"{what} in the shape of the distances, {D.shape}; got shapes "
                f"{np.shape(energy)} and {np.shape(slope)}."
            )
        if not (np.isfinite(energy).all() and np.min(energy) >= 0):
            raise ValueError(f"{what}; energies must be finite and >= 0.")
        expected = (above - below) / (4 * h * D)
        rounding = np.finfo(float).eps * np.abs(energy) / (h * D)
        wrong = np.abs(slope - expected) > 1e-3 * (1 + np.abs(expected)) + 4 * rounding
        # A hinge may bend in a few places.
        if wrong.mean() > 0.2:
            at = wrong.argmax()
            raise ValueError(
                f"{what} in the squared distance, E'(D) / 2D. At D={D[at]:.3g} the "
                f"energies rise by {expected[at]:.3g} for each unit of D²; the slope "
                f"returned is {np.broadcast_to(slope, D.shape)[at]:.3g}."
            )

    def pair_values(self, distances, similar):
        """Return the loss of each pair by itself, without averaging.

        Parameters
        ----------
        distances : array-like of shape (n_pairs,)
            Euclidean distances, >= 0.

        similar : array-like of shape (n_pairs,)
            1 or True where the two rows of a pair are similar, else 0, -1 or False.

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
        similar = check_pair_labels(similar, len(distances), "similar")
        if not np.all(distances >= 0):
            raise ValueError("`distances` must be numbers in [0, inf).")
        with np.errstate(divide="ignore", invalid="ignore"):
            attracted, _ = loss.positive(distances)
            repelled, _ = loss.negative(distances)
        return np.where(similar, attracted, repelled)

    def __call__(self, anchors, candidates, pairs, params=None):
        """Return the loss of one batch, as `Loss.__call__` describes it."""
        # Not by `evaluator`, which calls this method where a subclass extends it.
        return self._called(DensePairs, anchors, candidates, pairs)

    def evaluator(self, A, C=None, miner=None, fixed=False, symmetric=False):
        """Return what computes loss and gradients, as `Loss.evaluator` describes."""
        make = SparsePairs if miner is not None and miner.lists_pairs else DensePairs
        if type(self).__call__ is not PairLoss.__call__:
            make = AutogradPairs
        return make(self, A, C, miner, fixed, symmetric)


class HingeLoss(PairLoss):
    """A pair loss whose dissimilar pairs stop repelling at a margin.

    Parameters
    ----------
    margin : float or "auto", default="auto"
        Where the push on dissimilar pairs ends, in (0, 1e14].

    Notes
    -----
    The margins that ``"auto"`` stands for are those of a hinge on the distance; a
    hinge on anything else says its own in `on_sphere`, `off_sphere` and `reach`.
    """

    _parameter_constraints = {"margin": [MARGIN, StrOptions({"auto"})]}

    # The typical, and the largest, distance of two directions.
    on_sphere = {"margin": math.sqrt(2)}
    off_sphere = {"margin": 1.0}
    reach = 2.0

    def __init__(self, margin="auto"):
        self.margin = margin


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
                f"'squared_distance'; got {self.measure!r}."
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
        return self._called(Listwise, anchors, candidates, pairs, params)

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
        learned = {"log_temperature": np.array(np.log(_START))}
        return learned if self.temperature == "auto" else {}

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
        # Without what `init` makes, as when called directly: where learning starts.
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
