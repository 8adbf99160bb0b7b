"""What is done to values on their way: activation, dropout, scaling to length 1."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import erf

from sklearn_contrastive.preprocessing._standardization import standardised

#: Rows mapped at once, for the cache.
_MAPPED = 512
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


class Activation(NamedTuple):
    """One function of the values of a hidden layer, in all the forms that are needed.

    Parameters
    ----------
    for_numpy : callable
        Returns the activations of an array, which it may overwrite.

    for_torch : str
        Path of the function that does so for tensors, inside torch.

    write : callable
        Given ``torch.ops.aten``, values and an array for their activations, fills it.
        The values may be changed to what `multiply` would rather have.

    multiply : callable
        Given ``torch.ops.aten``, gradients and these values, multiplies the gradients
        by the slope of the activation, in place.
    """

    for_numpy: Callable
    for_torch: str
    write: Callable
    multiply: Callable

    def of(self, X):
        """Return the function for arrays of the type of `X`."""
        if isinstance(X, np.ndarray):
            return self.for_numpy
        import torch

        function = torch
        for part in self.for_torch.split("."):
            function = getattr(function, part)
        return function


def _silu(X):
    # Either is several times as fast as scipy's expit; which one, depends on how the
    # processor's wide registers take to the precision.
    if X.dtype == np.float32:
        X *= 0.5
        sigmoid = np.tanh(X)
        sigmoid += 1
        sigmoid *= X
        return sigmoid
    with np.errstate(over="ignore"):
        divisor = np.exp(np.negative(X))
    divisor += 1
    return np.divide(X, divisor, out=divisor)


def _selu(X):
    return _SELU_SCALE * np.where(X > 0, X, _SELU_ALPHA * np.expm1(np.minimum(X, 0)))


def _gelu(X):
    return X * (1 + erf(X / np.sqrt(X.dtype.type(2)))) / 2


ACTIVATIONS = {
    "relu": Activation(
        lambda X: np.maximum(X, 0, out=X),
        "relu",
        lambda aten, X, out: aten.clamp_min.out(X, 0, out=out),
        lambda aten, D, X: aten.threshold_backward.grad_input(D, X, 0, grad_input=D),
    ),
    "silu": Activation(
        _silu,
        "nn.functional.silu",
        lambda aten, X, out: aten.silu.out(X, out=out),
        lambda aten, D, X: aten.silu_backward.grad_input(D, X, grad_input=D),
    ),
    "selu": Activation(
        _selu,
        "selu",
        lambda aten, X, out: aten.elu.out(X, _SELU_ALPHA, _SELU_SCALE, 1, out=out),
        lambda aten, D, X: aten.elu_backward.grad_input(
            D, _SELU_ALPHA, _SELU_SCALE, 1, False, X, grad_input=D
        ),
    ),
    "gelu": Activation(
        _gelu,
        "nn.functional.gelu",
        lambda aten, X, out: aten.gelu.out(X, out=out),
        lambda aten, D, X: aten.gelu_backward.grad_input(D, X, grad_input=D),
    ),
    "tanh": Activation(
        lambda X: np.tanh(X, out=X),
        "tanh",
        lambda aten, X, out: out.copy_(X.tanh_()),
        lambda aten, D, X: aten.tanh_backward.grad_input(D, X, grad_input=D),
    ),
    "identity": Activation(
        lambda X: X,
        "clone",
        lambda aten, X, out: out.copy_(X),
        lambda aten, D, X: D,
    ),
}


def to_sphere(Z):
    """Scale points to length 1; a zero vector stays zero, with a gradient of zero.

    Parameters
    ----------
    Z : ndarray or Tensor of shape (n_rows, n_components)
        Points.

    Returns
    -------
    points : ndarray or Tensor of shape (n_rows, n_components)
        Points on the unit sphere, or at its centre.
    """
    if isinstance(Z, np.ndarray):
        squares = np.einsum("...i,...i->...", Z, Z)[..., None]
        return Z / np.sqrt(squares + (squares == 0))
    squares = (Z * Z).sum(-1, keepdim=True)
    zero = squares == 0
    # Where the length is zero, divide by one: the root of zero has no slope.
    return Z * ~zero / (squares + zero).sqrt()


def dropout_mask(X, share, generator):
    """Return zeros for the share to drop, elsewhere what keeps the mean as it was.

    Parameters
    ----------
    X : Tensor
        What is to be multiplied with the mask.

    share : float
        Share to drop, in [0, 1), to the nearest 1/65,536.

    generator : numpy.random.Generator or torch.Generator
        Source of randomness: numpy's for a tensor on the processor.

    Returns
    -------
    mask : Tensor
        In the shape of `X`.
    """
    import torch

    return write_mask(torch.empty_like(X), share, generator)


def write_mask(mask, share, generator):
    """Fill a mask that `dropout_mask` describes, or one for each of several models."""
    import torch

    if isinstance(generator, list):
        for part, own_share, own in zip(mask, share, generator, strict=True):
            if own_share:
                write_mask(part, own_share, own)
            else:
                part.fill_(1)
        return mask
    kept = max(1, round((1 - share) * 2**16)) / 2**16
    if not isinstance(generator, np.random.Generator):
        return mask.bernoulli_(kept, generator=generator).mul_(1 / kept)
    # Four draws from each 64 random bits: nine times as fast as torch's bernoulli_.
    bits = generator.bit_generator.random_raw(-(-mask.numel() // 4)).view(np.int16)
    bits = torch.from_numpy(bits)[: mask.numel()].view(mask.shape)
    return torch.lt(bits, round(kept * 2**16) - 2**15, out=mask).mul_(1 / kept)


def mapped(encoder, params, X, standardization, n_components, normalize):
    """Return what rows are mapped to, block by block and without torch.

    Parameters
    ----------
    encoder : object
        What maps standardised rows to points.

    params : list of ndarray
        Its parameters.

    X : ndarray of shape (n_rows, n_features)
        Rows in raw units.

    standardization : Standardization
        What is done to their columns first.

    n_components : int
        Dimension of the points.

    normalize : bool
        Whether to scale them to length 1.

    Returns
    -------
    Z : ndarray of shape (n_rows, n_components)
        Points, in the dtype of `X`.
    """
    params = [
        param.astype(X.dtype) if param.dtype.kind == "f" else param for param in params
    ]
    Z = np.empty((len(X), n_components), dtype=X.dtype)
    for start in range(0, len(X), _MAPPED):
        block = standardised(X[start : start + _MAPPED], standardization)
        points = encoder.forward(params, block)
        points = to_sphere(points) if normalize else points
        points = side_by_side(points) if points.ndim > 2 else points
        Z[start : start + _MAPPED] = points
    return Z


def side_by_side(points):
    """Return the points of several models as points of one space.

    Parameters
    ----------
    points : ndarray or Tensor of shape (n_models, n_rows, n_components)
        Those of each model.

    Returns
    -------
    points : ndarray or Tensor of shape (n_rows, n_models * n_components)
        One model after the other, divided by the root of their number, so that squared
        distances are the mean of those in each model.
    """
    n_models, n_rows, _ = points.shape
    return points.swapaxes(0, 1).reshape(n_rows, -1) / n_models**0.5
