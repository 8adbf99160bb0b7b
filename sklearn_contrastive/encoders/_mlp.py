"""The base class of encoders, and the multi-layer perceptron, forward and backward."""

from abc import ABC, abstractmethod
from itertools import pairwise
from numbers import Integral, Real
from typing import ClassVar, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_contrastive._pairs._keys import withdraw
from sklearn_contrastive._validation import shorten
from sklearn_contrastive.encoders._activations import ACTIVATIONS

#: Networks where their number is "auto", and components that each then has at least.
_MEMBERS, _FEWEST_OWN = 4, 4
#: Components of up to four networks where their number is "auto", with few classes and
#: with many: a sphere of few dimensions has no room for many classes.
_COMPONENTS, _MORE_COMPONENTS = 32, 128
_MANY_CLASSES = 21
_WIDTH = Interval(Integral, 1, None, closed="left")
_MOST_WEIGHTS = 2**30


class Levels(NamedTuple):
    """What an encoder learns of categories of many levels: a table of numbers [1]_.

    ``columns`` are those of the first layer that are multiplied by a row of the table,
    as many for each category. The last columns of X, one for each category, tell which
    row. ``sizes`` are how many rows each category has.

    References
    ----------
    .. [1] C. Guo, F. Berkhahn, "Entity Embeddings of Categorical Variables",
       arXiv:1604.06737, 2016.
    """

    columns: np.ndarray
    sizes: np.ndarray

    def init(self):
        """Return the table of a new network, which knows nothing of any level."""
        width = len(self.columns) // len(self.sizes)
        return np.zeros((int(self.sizes.sum()), width), dtype=np.float32)

    def read(self, table, X):
        """Return columns for the first layer, and the number of each row's table row.

        ``table`` may have a leading axis of models.
        """
        own, rows = X[..., : -len(self.sizes)], X[..., -len(self.sizes) :]
        models = np.arange(len(table))[:, None, None]
        if isinstance(X, np.ndarray):
            rows, xp = rows.astype(int), np
        else:
            import torch as xp

            rows, models = rows.long(), xp.from_numpy(models).to(X.device)
        found = table[models, rows] if table.ndim == 3 else table[rows]
        found = found.reshape(*found.shape[:-2], -1)
        # Columns of categories come as one number for all levels.
        own = xp.broadcast_to(own, (*found.shape[:-1], own.shape[-1]))
        own = own.copy() if xp is np else own.clone()
        own[..., self.columns] *= found
        return own, rows


class Encoder(ABC):
    """Base class of encoders: parameters, and a map of rows to points.

    Attributes
    ----------
    draws_globally : bool
        Whether `forward` draws from torch's global random stream in training, which
        is then another one for the time of the call.

    n_trained : int or None
        How many of the parameters, from the first, are trained; None for all.

    names : list of str or None
        Names of the parameters, where they have some.

    tested : bool
        Whether parameters may have a leading axis of models, every call does the same
        operations, and `learned_levels` are read. A subclass that overrides a method
        loses it.

    learned_levels : Levels or None
        What is learned of categories of many levels; its table is the last of the
        parameters then.
    """

    draws_globally: ClassVar[bool] = False
    n_trained: int | None = None
    names: list | None = None
    tested: ClassVar[bool] = False
    learned_levels: Levels | None = None

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


class MLPEncoder(Encoder, BaseEstimator):
    """A multi-layer perceptron with a linear last layer.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(128, 128)
        Width of each hidden layer, >= 1; none at all makes a linear map.

    activation : {"relu", "silu", "selu", "gelu", "tanh", "identity"}, default="relu"
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
        "hidden_layer_sizes": ["array-like", _WIDTH],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    tested = True

    def __init__(self, hidden_layer_sizes=(128, 128), activation="relu", dropout=0.1):
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
        MemoryError
            If there are more than 2**30 weights.
        """
        hidden = np.atleast_1d(np.asarray(self.hidden_layer_sizes, dtype=object))
        if not all(_WIDTH.is_satisfied_by(n) and n is not True for n in hidden):
            raise ValueError(
                "`hidden_layer_sizes` must hold ints in [1, inf), one a layer; got "
                f"{shorten(self.hidden_layer_sizes)}."
            )
        n_in -= 0 if self.learned_levels is None else len(self.learned_levels.sizes)
        sizes = [int(n) for n in (n_in, *hidden, n_out)]
        n_weights = sum((n + 1) * n_next for n, n_next in pairwise(sizes))
        if n_weights > _MOST_WEIGHTS:
            raise MemoryError(
                f"Layers of {shorten(sizes)} units have {shorten(n_weights)} weights, "
                f"which take {shorten(n_weights // 2**26)} GiB in training; at most "
                "2**30 are possible. Lower `hidden_layer_sizes` or `n_components`."
            )
        params = []
        for fan_in, fan_out in pairwise(sizes):
            limit = 1 / np.sqrt(fan_in)
            params.append(rng.uniform(-limit, limit, (fan_in, fan_out)))
            params.append(rng.uniform(-limit, limit, fan_out))
        params += [] if self.learned_levels is None else [self.learned_levels.init()]
        return [param.astype(np.float32) for param in params]

    def forward(self, params, X, generator=None):
        """Return the points of some rows.

        Parameters
        ----------
        params : list of ndarray or Tensor
            As `init` makes them; a leading axis holds several models.

        X : ndarray or Tensor of shape (n_rows, n_in)
            Standardised rows.

        generator : numpy.random.Generator or torch.Generator, default=None
            Source of the dropout masks; without it nothing is dropped.

        Returns
        -------
        Z : ndarray or Tensor of shape (n_rows, n_out)
            Points.
        """
        activation = ACTIVATIONS[self.activation]
        if self.learned_levels is not None:
            *params, table = params
            X, _ = self.learned_levels.read(table, X)
        for W, b in zip(params[:-2:2], params[1:-2:2], strict=True):
            values = X @ W
            values += b[..., None, :]
            if isinstance(values, np.ndarray):
                X = activation.for_numpy(values)
                continue
            import torch

            X = activation.for_torch(torch, values)
            if generator is not None and self.dropout > 0:
                mask = write_mask(torch.empty_like(X), self.dropout, generator)
                X = X * mask
        Z = X @ params[-2]
        Z += params[-1][..., None, :]
        return Z

    def passes(self, params, n_rows, normalize, generators):
        """Return forward and backward over arrays that are made once.

        Parameters
        ----------
        params : list of Tensor
            Leaves with gradients to write to; a leading axis holds models.

        n_rows : int
            Rows in a batch.

        normalize : bool
            Whether points are scaled to length 1.

        generators : list of numpy.random.Generator or torch.Generator
            Source of the dropout masks of each model.

        Returns
        -------
        passes : MLPPasses
            With the chain rule written out; of a subclass whose `forward` is another,
            by automatic differentiation.
        """
        if type(self).forward is not MLPEncoder.forward:
            return super().passes(params, n_rows, normalize, generators)
        dropouts = np.broadcast_to(self.dropout, len(generators)).tolist()
        activation = ACTIVATIONS[self.activation]
        rest = activation, dropouts, n_rows, normalize, generators
        return MLPPasses(params, self.learned_levels, *rest)


class MLPPasses:
    """Forward and backward pass of training, with the chain rule written out.

    At the sizes of tables, automatic differentiation and its new arrays are about a
    fifth of a step. Parameters have a leading axis of models.
    """

    def __init__(
        self, params, levels, activation, dropouts, n_rows, normalize, generators
    ):
        self._levels = levels
        if levels is not None:
            *params, table = params
            self._table, self._on_table = table.detach(), table.grad
        self._weights = [param.detach() for param in params[0::2]]
        self._biases = [param.detach().unsqueeze(-2) for param in params[1::2]]
        self._on_weights = [param.grad for param in params[0::2]]
        self._on_biases = [param.grad for param in params[1::2]]
        self._activation, self._normalize = activation, normalize
        self._drops = list(zip(dropouts, generators, strict=True))
        self._values = [bias.repeat(1, n_rows, 1) for bias in self._biases]
        self._gradients = [values.clone() for values in self._values]
        self._outputs = [values.clone() for values in self._values[:-1]]
        self._masks = [values.clone() for values in self._outputs if any(dropouts)]
        self._kept = self._masks

    def within(self, rows, n_rows):
        """Drop what is dropped for some rows, a slice, of a batch of so many rows."""
        shapes = [(len(mask), n_rows, mask.shape[-1]) for mask in self._masks]
        pairs = zip(self._masks, shapes, strict=True)
        self._masks = [mask.new_empty(shape) for mask, shape in pairs]
        self._kept = [mask[:, rows] for mask in self._masks]
        return self

    def forward(self, X):
        """Return the points of a batch, which the next call overwrites."""
        import torch

        aten = torch.ops.aten
        if self._levels is not None:
            self._factors = X[..., self._levels.columns]
            X, self._rows = self._levels.read(self._table, X)
        self._inputs = [X, *self._outputs]
        for layer, (W, b) in enumerate(zip(self._weights, self._biases, strict=True)):
            values = self._values[layer]
            torch.baddbmm(b, self._inputs[layer], W, out=values)
            if layer < len(self._outputs):
                self._activation.write(aten, values, self._outputs[layer])
                if self._masks:
                    for own, drop in zip(self._masks[layer], self._drops, strict=True):
                        write_mask(own, *drop)
                    self._outputs[layer].mul_(self._kept[layer])
        if not self._normalize:
            return values
        squares = (values * values).sum(-1, keepdim=True)
        zero = squares == 0
        # Where the length is zero, divide by one: the root of zero has no derivative.
        self._shrink = squares.add_(zero).rsqrt_().mul_(~zero)
        return values.mul_(self._shrink)

    def backward(self, gradient):
        """Write the gradients of the parameters, given that of the loss in points."""
        import torch

        aten = torch.ops.aten
        gradient = self._gradients[-1].copy_(gradient)
        if self._normalize:
            # On the sphere, a move along the radius changes nothing.
            points = self._values[-1]
            along = (points * gradient).sum(-1, keepdim=True)
            gradient.addcmul_(points, along, value=-1).mul_(self._shrink)
        for layer in range(len(self._weights) - 1, -1, -1):
            gradient = self._gradients[layer]
            torch.bmm(self._inputs[layer].mT, gradient, out=self._on_weights[layer])
            torch.sum(gradient, -2, out=self._on_biases[layer])
            if layer:
                before = self._gradients[layer - 1]
                torch.bmm(gradient, self._weights[layer].mT, out=before)
                if self._masks:
                    before.mul_(self._kept[layer - 1])
                self._activation.multiply(aten, before, self._values[layer - 1])
        if self._levels is not None:
            first = self._weights[0][:, self._levels.columns]
            own = (gradient @ first.mT).mul_(self._factors)
            width = self._on_table.shape[-1]
            for table, rows, each in zip(self._on_table, self._rows, own, strict=True):
                table.zero_().index_add_(0, rows.ravel(), each.reshape(-1, width))


def write_mask(mask, share, generator):
    """Fill with zeros for the share to drop, elsewhere what keeps the mean as it was.

    The share is kept to the nearest 1/65,536; the generator is numpy's on a processor.
    """
    import torch

    if not share:
        return mask.fill_(1)
    kept = max(1, round((1 - share) * 2**16)) / 2**16
    if not isinstance(generator, np.random.Generator):
        return mask.bernoulli_(kept, generator=generator).mul_(1 / kept)
    # Four draws from each 64 random bits: nine times as fast as torch's bernoulli_.
    bits = generator.bit_generator.random_raw(-(-mask.numel() // 4)).view(np.int16)
    bits = torch.from_numpy(bits)[: mask.numel()].view(mask.shape)
    return torch.lt(bits, round(kept * 2**16) - 2**15, out=mask).mul_(1 / kept)


def to_sphere(Z):
    """Scale points to length 1; a zero vector stays zero, with a gradient of zero."""
    if isinstance(Z, np.ndarray):
        squares = np.einsum("...i,...i->...", Z, Z)[..., None]
        return Z / np.sqrt(squares + (squares == 0))
    squares = (Z * Z).sum(-1, keepdim=True)
    zero = squares == 0
    # Where the length is zero, divide by one: the root of zero has no derivative.
    return Z * ~zero / (squares + zero).sqrt()


def place_points(Z, normalize):
    """Return the points (n_models, n_rows, n_components) of models in one space.

    With `normalize` those of each model have length 1. All are divided by the root of
    the number of models, so that a squared distance is the mean of those in each.
    """
    Z = to_sphere(Z) if normalize else Z
    n_models, n_rows, _ = Z.shape
    return Z.swapaxes(0, 1).reshape(n_rows, -1) / n_models**0.5


def share_components(n_components, n_members, n_classes, mlp):
    """Return the number of components, and of the networks that share them.

    ``mlp`` says whether the encoder is an MLP that is made here, of any width.
    """
    # Small integer types of numpy overflow.
    n_components, n_members = (
        n if isinstance(n, str) else int(n) for n in (n_components, n_members)
    )
    if n_components == "auto":
        if n_members == "auto":
            n_members = _MEMBERS if mlp else 1
        many = mlp and n_classes >= _MANY_CLASSES
        own = (_MORE_COMPONENTS if many else _COMPONENTS) // min(n_members, _MEMBERS)
        return n_members * own, n_members
    if n_members == "auto":
        most = n_components // _FEWEST_OWN if mlp else 1
        divide = (n for n in (_MEMBERS, 2) if n <= most and not n_components % n)
        return n_components, next(divide, 1)
    if n_components % n_members:
        raise ValueError(
            f"`n_members` must divide n_components={shorten(n_components)}, which the "
            f"networks share; got {shorten(n_members)}. Set it to 1 or 'auto', or "
            f"`n_components` to 'auto' or a multiple of {shorten(n_members)}."
        )
    return n_components, n_members
