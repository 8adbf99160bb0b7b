"""The base class of encoders, and what happens to points behind every encoder."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from sklearn_contrastive._pairs._keys import withdraw


class Encoder(ABC):
    """Base class of encoders: parameters, and a map of rows to points.

    Attributes
    ----------
    draws_globally : bool
        Whether training draws from torch's global random stream.

    n_trained : int or None
        How many of the parameters, from the first, are trained; None for all.

    tested : bool
        Whether parameters may have a leading axis of models, and every call does the
        same operations. A subclass that overrides a method loses it.
    """

    draws_globally: ClassVar[bool] = False
    n_trained: int | None = None
    tested: ClassVar[bool] = False

    def __init_subclass__(cls):
        super().__init_subclass__()
        withdraw(cls, "tested", ("init", "forward", "passes"))

    @abstractmethod
    def init(self, n_in, n_out, rng):
        """Return fresh parameters, a list of arrays.

        Parameters
        ----------
        n_in, n_out : int
            Number of features and of components.

        rng : numpy.random.RandomState
            Source of randomness.
        """

    @abstractmethod
    def forward(self, params, X, generator=None):
        """Return the points of rows, given parameters as `init` makes them.

        Parameters
        ----------
        params : list of ndarray or Tensor
            The parameters.

        X : ndarray or Tensor of shape (n_rows, n_in)
            Standardised rows.

        generator : numpy.random.Generator or torch.Generator, default=None
            Source of randomness in training; None where nothing is random.
        """

    def passes(self, params, n_rows, normalize, generators):
        """Return forward and backward of training; here by differentiation.

        Parameters
        ----------
        params : list of Tensor
            Leaves with gradients to write to; a leading axis holds one model.

        n_rows : int
            Rows in a batch.

        normalize : bool
            Whether points are scaled to length 1.

        generators : list of numpy.random.Generator or torch.Generator
            Source of randomness of the model.
        """
        return AutogradPasses(self, params, normalize, generators[0])


class AutogradPasses:
    """Forward and backward pass of any encoder, by automatic differentiation."""

    def __init__(self, encoder, params, normalize, generator):
        self._encoder, self._params = encoder, params
        self._normalize, self._generator = normalize, generator

    def forward(self, X):
        """Return the points of a batch of the only model, without a graph."""
        import torch

        for param in self._params:
            if param.grad is not None:
                param.grad.zero_()
        with torch.enable_grad():
            own = [param[0] for param in self._params]
            Z = self._encoder.forward(own, X[0], self._generator)
            self._points = to_sphere(Z) if self._normalize else Z
        return self._points.detach()[None]

    def backward(self, gradient):
        """Write the gradients of the parameters, given that of the loss in points."""
        self._points.backward(gradient[0])


def to_sphere(Z):
    """Scale points to length 1; a zero vector stays zero, with a gradient of zero."""
    if isinstance(Z, np.ndarray):
        squares = np.einsum("...i,...i->...", Z, Z)[..., None]
        return Z / np.sqrt(squares + (squares == 0))
    squares = (Z * Z).sum(-1, keepdim=True)
    zero = squares == 0
    # Where the length is zero, divide by one: the root of zero has no derivative.
    return Z * ~zero / (squares + zero).sqrt()


def side_by_side(Z):
    """Return the points (n_models, n_rows, n_components) of models in one space.

    They are divided by the root of the number of models, so that squared distances are
    the mean of those in each model.
    """
    n_models, n_rows, _ = Z.shape
    return Z.swapaxes(0, 1).reshape(n_rows, -1) / n_models**0.5
