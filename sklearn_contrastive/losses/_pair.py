"""Losses that are sums over pairs: two formulas, and all else from them."""

import math
import warnings
from abc import abstractmethod
from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_contrastive._pairs._pairwise import DensePairs, SparsePairs
from sklearn_contrastive.losses._base import Loss, closed_form


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

    @property
    def batchable(self):
        """Whether several models with other numbers may be evaluated as one."""
        return self.tested

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

    def resolve(self, normalize):
        """Return a validated copy in which every ``"auto"`` has become a number.

        As `Loss.resolve` does; formulas of your own whose slopes are not those of
        their energies are refused too.
        """
        loss = super().resolve(normalize)
        if not loss.tested:
            loss._check_formula("positive")
            loss._check_formula("negative")
        return loss

    def _check_formula(self, name):
        """Refuse what is no energy >= 0 with its slope in the squared distance."""
        D, h = np.linspace(0.1, 2, 39), 1e-4
        what = f"`{type(self).__name__}.{name}` must return energies and slopes"
        try:
            energy, slope = getattr(self, name)(D)
            above, below = (getattr(self, name)(D + step)[0] for step in (h, -h))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{what}, two arrays; it failed with: {error}.") from error
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
            1 or True where the two rows of a pair are similar, else 0 or False.

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
            raise ValueError("`similar` must hold 1 (similar) and 0 (dissimilar) only.")
        with np.errstate(divide="ignore", invalid="ignore"):
            attracted, _ = loss.positive(distances)
            repelled, _ = loss.negative(distances)
        return np.where(similar == 1, attracted, repelled)

    def __call__(self, anchors, candidates, pairs, params=None):
        """Return the loss of one batch, as `Loss.__call__` describes it."""
        return closed_form(self, anchors, candidates, pairs)

    def evaluator(self, A, C=None, miner=None, fixed=False):
        """Return what computes loss and gradients, as `Loss.evaluator` describes."""
        if type(self).__call__ is not PairLoss.__call__:
            return super().evaluator(A, C, miner, fixed)
        lists = miner is not None and miner.lists_pairs
        return (SparsePairs if lists else DensePairs)(self, A, C, miner, fixed)


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

    _parameter_constraints = {
        # Pairs that do not count are put 1e15 apart, where nothing may push.
        "margin": [Interval(Real, 0, 1e14, closed="right"), StrOptions({"auto"})],
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
