"""Losses that look at each pair by itself, through its distance alone."""

import math
import warnings
from abc import ABC, abstractmethod
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import Interval, StrOptions


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

    To add a loss, write `positive` and `negative` with operators that numpy arrays and
    torch tensors share, and `autos` for the parameters that may be ``"auto"``.
    """

    @abstractmethod
    def positive(self, distances):
        """Return the energy of similar pairs at these distances."""

    @abstractmethod
    def negative(self, distances):
        """Return the energy of dissimilar pairs at these distances."""

    @abstractmethod
    def autos(self, normalize):
        """Return what ``"auto"`` stands for, by parameter.

        Parameters
        ----------
        normalize : bool
            Whether the embedding lies on the unit sphere.

        Returns
        -------
        values : dict
            A number for each parameter that may be ``"auto"``.
        """

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
        """
        self._validate_params()
        given = self.get_params(deep=False)
        autos = self.autos(normalize)
        asked = {name: autos[name] for name in autos if given[name] == "auto"}
        return clone(self).set_params(**asked)

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
        loss = PairLoss.resolve(self, normalize=True)
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
        return np.where(
            similar == 1, loss.positive(distances), loss.negative(distances)
        )

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
        import torch

        distances = torch.cdist(anchors, candidates)
        pushed = self.negative(distances)
        active = pairs.negative * (pushed > 0)
        return _mean(self.positive(distances), pairs.positive) + _mean(pushed, active)


class HingeLoss(PairLoss):
    """A pair loss whose dissimilar pairs stop repelling at a margin.

    Parameters
    ----------
    margin : float or "auto", default="auto"
        Where the push on dissimilar pairs ends, > 0.
    """

    _parameter_constraints = {
        "margin": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
    }
    #: On the unit sphere: the margin of random directions, and of opposite ones.
    _random_margin = math.sqrt(2)
    _largest_margin = 2.0

    def __init__(self, margin="auto"):
        self.margin = margin

    def autos(self, normalize):
        """Return the margin of random directions on the unit sphere, 1 off it."""
        return {"margin": self._random_margin if normalize else 1.0}

    def resolve(self, normalize):
        """Return a validated copy whose margin is a number.

        Parameters
        ----------
        normalize : bool
            Whether the embedding lies on the unit sphere.

        Returns
        -------
        loss : HingeLoss
            The copy, ready to be called.

        Raises
        ------
        ValueError
            If the margin is not a positive number or ``"auto"``.

        Warns
        -----
        UserWarning
            If no pair of points on the unit sphere can reach the margin.
        """
        resolved = super().resolve(normalize)
        if normalize and resolved.margin > self._largest_margin:
            warnings.warn(
                f"`margin`={resolved.margin:g} cannot be reached: points on the unit "
                f"sphere are at most {self._largest_margin:g} apart in the units of "
                f"{type(self).__name__}, so every dissimilar pair repels for ever. "
                "Lower the margin, or set `normalize=False`.",
                UserWarning,
                stacklevel=2,
            )
        return resolved


def _mean(values, weights):
    weights = weights.to(values.dtype)
    total = weights.sum()
    # Without any weight the sum is zero too, and so is the quotient.
    return (values * weights).sum() / total.where(total > 0, total.new_ones(()))
