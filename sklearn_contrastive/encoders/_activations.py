"""Activations of hidden layers, for numpy and for torch, with their derivatives."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import erf

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


class Activation(NamedTuple):
    """One function of the values of a hidden layer, in all the forms that are needed.

    ``for_numpy(X)`` and ``for_torch(torch, X)`` return activations and may overwrite X.
    ``write(aten, X, out)`` fills `out`, and may change X to what
    ``multiply(aten, D, X)`` needs, which multiplies gradients D by the derivative.
    """

    for_numpy: Callable
    for_torch: Callable
    write: Callable
    multiply: Callable


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
        lambda torch, X: torch.relu(X),
        lambda aten, X, out: aten.clamp_min.out(X, 0, out=out),
        lambda aten, D, X: aten.threshold_backward.grad_input(D, X, 0, grad_input=D),
    ),
    "silu": Activation(
        _silu,
        lambda torch, X: torch.nn.functional.silu(X),
        lambda aten, X, out: aten.silu.out(X, out=out),
        lambda aten, D, X: aten.silu_backward.grad_input(D, X, grad_input=D),
    ),
    "selu": Activation(
        _selu,
        lambda torch, X: torch.selu(X),
        lambda aten, X, out: aten.elu.out(X, _SELU_ALPHA, _SELU_SCALE, 1, out=out),
        lambda aten, D, X: aten.elu_backward.grad_input(
            D, _SELU_ALPHA, _SELU_SCALE, 1, False, X, grad_input=D
        ),
    ),
    "gelu": Activation(
        _gelu,
        lambda torch, X: torch.nn.functional.gelu(X),
        lambda aten, X, out: aten.gelu.out(X, out=out),
        lambda aten, D, X: aten.gelu_backward.grad_input(D, X, grad_input=D),
    ),
    "tanh": Activation(
        lambda X: np.tanh(X, out=X),
        lambda torch, X: torch.tanh(X),
        lambda aten, X, out: out.copy_(X.tanh_()),
        lambda aten, D, X: aten.tanh_backward.grad_input(D, X, grad_input=D),
    ),
    "identity": Activation(
        lambda X: X,
        lambda torch, X: torch.clone(X),
        lambda aten, X, out: out.copy_(X),
        lambda aten, D, X: D,
    ),
}
