"""Encoders: how a row becomes a point.

An encoder makes parameters with `init` and applies them with `forward`, a function
of parameters and rows that speaks numpy and torch. `ENCODERS` maps the names that
`ContrastiveEmbedding(encoder=...)` takes to the classes of this module; a torch
module, or a factory of one, is adapted by `ModuleEncoder`.
"""

from copy import deepcopy
from functools import partial
from itertools import pairwise
from numbers import Integral, Real

import numpy as np
from scipy.special import erf, expit
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

__all__ = ["ACTIVATIONS", "ENCODERS", "MLPEncoder", "ModuleEncoder", "to_sphere"]

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _silu(X):
    return X * expit(X)


def _selu(X):
    return _SELU_SCALE * np.where(X > 0, X, _SELU_ALPHA * np.expm1(np.minimum(X, 0)))


def _gelu(X):
    return X * (1 + erf(X / np.sqrt(X.dtype.type(2)))) / 2


#: By name: the numpy function, and the torch function as ``torch.<path>``.
ACTIVATIONS = {
    "relu": (lambda X: np.maximum(X, 0), "relu"),
    "silu": (_silu, "nn.functional.silu"),
    "selu": (_selu, "selu"),
    "gelu": (_gelu, "nn.functional.gelu"),
    "tanh": (np.tanh, "tanh"),
    "identity": (lambda X: X, "clone"),
}


def _activation(name, X):
    """Return the function of this name for arrays of the type of `X`."""
    for_numpy, for_torch = ACTIVATIONS[name]
    if isinstance(X, np.ndarray):
        return for_numpy
    import torch

    function = torch
    for part in for_torch.split("."):
        function = getattr(function, part)
    return function


def _dropout_mask(X, share, generator):
    """Return zeros for the share to drop, elsewhere what keeps the mean as it was."""
    import torch

    kept = max(1, round((1 - share) * 2**16)) / 2**16
    mask = torch.empty_like(X)
    if X.device.type != "cpu":
        return mask.bernoulli_(kept, generator=generator).div_(kept)
    # Four 16-bit draws from each 64-bit one: five times as fast as bernoulli_.
    draws = torch.empty(-(-X.numel() // 4), dtype=torch.int64, device="cpu")
    draws.random_(-(2**63), None, generator=generator)
    draws = draws.view(torch.int16)[: X.numel()].view(X.shape)
    return torch.lt(draws, round(kept * 2**16) - 2**15, out=mask).div_(kept)


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
    squares = (Z * Z).sum(-1)[..., None]
    nonzero = squares > 0
    # Where the length is zero, divide by one: the root of zero has no slope.
    return Z * nonzero / (squares + ~nonzero) ** 0.5


class MLPEncoder(BaseEstimator):
    """A multi-layer perceptron with a linear last layer.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(256, 256)
        Width of each hidden layer, >= 1; none at all makes a linear map.

    activation : {"relu", "silu", "selu", "gelu", "tanh", "identity"}, default="silu"
        Activation of the hidden layers.

    dropout : float, default=0.1
        Share of hidden activations zeroed in each training step, in [0, 1), to the
        nearest 1/65,536.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_contrastive.encoders import MLPEncoder
    >>> encoder = MLPEncoder(hidden_layer_sizes=(8,))
    >>> params = encoder.init(4, 2, np.random.RandomState(0))
    >>> [param.shape for param in params]
    [(4, 8), (8,), (8, 2), (2,)]
    >>> encoder.forward(params, np.ones((3, 4))).shape
    (3, 2)
    """

    _parameter_constraints = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    #: Whether training draws from torch's global random stream.
    draws_globally = False
    #: How many of the parameters, from the first, are trained; None for all.
    n_trained = None

    def __init__(self, hidden_layer_sizes=(256, 256), activation="silu", dropout=0.1):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout

    def init(self, n_in, n_out, rng):
        """Return fresh parameters.

        Parameters
        ----------
        n_in, n_out : int
            Number of features and of components.

        rng : numpy.random.RandomState
            Source of randomness.

        Returns
        -------
        params : list of ndarray
            Weights of shape (n_in, n_out) and biases of shape (n_out,) of each layer
            in turn, uniform in ±1/sqrt(n_in).

        Raises
        ------
        ValueError
            If `hidden_layer_sizes` holds anything but positive ints.
        """
        hidden = np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=object))
        if not all(isinstance(size, Integral) and size >= 1 for size in hidden):
            raise ValueError(
                "`hidden_layer_sizes` must hold ints in [1, inf), one a layer; got "
                f"{self.hidden_layer_sizes}."
            )
        sizes = [n_in, *hidden, n_out]
        params = []
        for fan_in, fan_out in pairwise(sizes):
            limit = 1 / np.sqrt(fan_in)
            params.append(rng.uniform(-limit, limit, (fan_in, fan_out)))
            params.append(rng.uniform(-limit, limit, fan_out))
        return [param.astype(np.float32) for param in params]

    def forward(self, params, X, generator=None):
        """Return the points of some rows.

        Parameters
        ----------
        params : list of ndarray or Tensor
            As `init` makes them.

        X : ndarray or Tensor of shape (n_rows, n_in)
            Standardised rows.

        generator : torch.Generator, default=None
            Source of the dropout masks; without it nothing is dropped.

        Returns
        -------
        Z : ndarray or Tensor of shape (n_rows, n_out)
            Points.
        """
        activation = _activation(self.activation, X)
        for W, b in zip(params[:-2:2], params[1:-2:2], strict=True):
            X = activation(X @ W + b)
            if generator is not None and self.dropout > 0:
                X = X * _dropout_mask(X, self.dropout, generator)
        return X @ params[-2] + params[-1]

    def attributes(self, params):
        """Return the fitted attributes that hold these parameters."""
        return {"coefs_": params[0::2], "intercepts_": params[1::2]}

    def params_of(self, estimator):
        """Return the parameters that a fitted estimator holds."""
        layers = zip(estimator.coefs_, estimator.intercepts_, strict=True)
        return [param for layer in layers for param in layer]


class ModuleEncoder:
    """A user's torch module behind the interface of the other encoders.

    The module given is never trained or changed: a copy is, and its parameters and
    buffers are kept as numpy arrays by name.

    Parameters
    ----------
    source : torch.nn.Module or callable
        A module, or a factory ``(n_features, n_components) -> module``. It must map
        (n_batch, n_features) to (n_batch, n_components).

    n_in, n_out : int
        Number of features and of components.

    seed : int, default=0
        Seed of the weights that a factory, or a lazy module, draws.
    """

    draws_globally = True

    def __init__(self, source, n_in, n_out, seed=0):
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            if isinstance(source, torch.nn.Module):
                module = deepcopy(source)
            else:
                module = source(n_in, n_out)
            if not isinstance(module, torch.nn.Module):
                raise TypeError(
                    "`encoder` must be a torch.nn.Module or a factory that returns "
                    f"one; it returned {type(module).__name__}."
                )
            self._module = module.to("cpu", torch.float32).eval()
            # A dry run also gives lazy modules their shapes.
            self._check_output(n_in, n_out)
        params = dict(self._module.named_parameters())
        trained = [name for name in params if params[name].requires_grad]
        frozen = [name for name in params if not params[name].requires_grad]
        self.n_trained = len(trained)
        self._names = [*trained, *frozen, *dict(self._module.named_buffers())]

    def _check_output(self, n_in, n_out):
        import torch

        expected = (
            f"`encoder` must map a batch of shape (n_batch, {n_in}) to shape "
            f"(n_batch, n_components={n_out})"
        )
        try:
            with torch.no_grad():
                rows = torch.zeros(2, n_in, device="cpu", dtype=torch.float32)
                out = self._module(rows)
        except Exception as error:
            raise ValueError(f"{expected}; it raised {error!r}.") from error
        if not isinstance(out, torch.Tensor):
            raise ValueError(f"{expected}; it returned {type(out).__name__}.")
        if tuple(out.shape) != (2, n_out):
            raise ValueError(
                f"{expected}; given (2, {n_in}) it returned {tuple(out.shape)}. Change "
                "its last layer, or set `n_components` to its width."
            )

    def init(self, n_in, n_out, rng):
        """Return the module's parameters and buffers.

        Parameters
        ----------
        n_in, n_out : int
            Ignored; the module was built for them.

        rng : numpy.random.RandomState
            Ignored; the module has its weights.

        Returns
        -------
        params : list of ndarray
            Copies, trained parameters first.
        """
        tensors = {
            **dict(self._module.named_parameters()),
            **dict(self._module.named_buffers()),
        }
        return [tensors[name].detach().numpy().copy() for name in self._names]

    def forward(self, params, X, generator=None):
        """Return the points of some rows.

        Parameters
        ----------
        params : list of ndarray or Tensor
            As `init` makes them. In training, buffers among them are updated in
            place.

        X : ndarray or Tensor of shape (n_rows, n_in)
            Standardised rows.

        generator : torch.Generator, default=None
            Its presence means training mode; modules draw from torch's own stream.

        Returns
        -------
        Z : ndarray or Tensor of shape (n_rows, n_out)
            Points.
        """
        import torch

        if isinstance(X, np.ndarray):
            with torch.inference_mode():
                params = [self._cast(param, X.dtype) for param in params]
                # torch refuses arrays that are read-only or run backwards.
                X = torch.from_numpy(np.require(X, requirements=("C", "W", "E")))
                return self.forward(params, X).numpy()
        if self._module.training != (generator is not None):
            self._module.train(generator is not None)
        state = dict(zip(self._names, params, strict=True))
        return torch.func.functional_call(self._module, state, (X,))

    @staticmethod
    def _cast(param, dtype):
        import torch

        floating = np.issubdtype(param.dtype, np.floating)
        return torch.from_numpy(np.array(param, dtype=dtype if floating else None))

    def attributes(self, params):
        """Return the fitted attributes that hold these parameters."""
        return {"module_state_": dict(zip(self._names, params, strict=True))}

    def params_of(self, estimator):
        """Return the parameters that a fitted estimator holds."""
        return [estimator.module_state_[name] for name in self._names]


#: By name, as `ContrastiveEmbedding(encoder=...)` takes them.
ENCODERS = {"mlp": MLPEncoder, "linear": partial(MLPEncoder, hidden_layer_sizes=())}
