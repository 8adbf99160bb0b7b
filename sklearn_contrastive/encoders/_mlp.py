"""The multi-layer perceptron."""

from itertools import pairwise
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_contrastive.encoders._passes import MLPPasses
from sklearn_contrastive.encoders._values import ACTIVATIONS, dropout_mask

#: Networks where their number is "auto", and components that each then has at least.
_MEMBERS, _FEWEST_OWN = 4, 4
#: Components of up to four networks where their number is "auto", with few classes and
#: with many: a sphere of few dimensions has no room for many classes.
_COMPONENTS, _MORE_COMPONENTS = 32, 128
_MANY_CLASSES = 21


class MLPEncoder(BaseEstimator):
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
        activation = ACTIVATIONS[self.activation].of(X)
        for W, b in zip(params[:-2:2], params[1:-2:2], strict=True):
            values = X @ W
            values += b[..., None, :]
            X = activation(values)
            if generator is not None and self.dropout > 0:
                X = X * dropout_mask(X, self.dropout, generator)
        Z = X @ params[-2]
        Z += params[-1][..., None, :]
        return Z

    def passes(self, params, n_rows, normalize, generator):
        """Return the passes of training, without automatic differentiation.

        Parameters
        ----------
        params : list of Tensor
            Leaves with gradients to write to.

        n_rows : int
            Rows in a batch.

        normalize : bool
            Whether points are scaled to length 1.

        generator : numpy.random.Generator or torch.Generator
            Source of the dropout masks.

        Returns
        -------
        passes : MLPPasses
            Forward and backward, over arrays that are made once.
        """
        return MLPPasses(
            params,
            ACTIVATIONS[self.activation],
            self.dropout,
            n_rows,
            normalize,
            generator,
        )

    def attributes(self, params):
        """Return the fitted attributes that hold these parameters."""
        return {"coefs_": params[0::2], "intercepts_": params[1::2]}

    def params_of(self, estimator):
        """Return the parameters that a fitted estimator holds."""
        layers = zip(estimator.coefs_, estimator.intercepts_, strict=True)
        return [param for layer in layers for param in layer]


def shared(n_components, n_members, n_classes, mlp):
    """Return how many components there are and how many networks share them.

    Parameters
    ----------
    n_components : int or "auto"
        Dimension of the embedding.

    n_members : int or "auto"
        Networks.

    n_classes : int
        Classes, 0 where rows have none.

    mlp : bool
        Whether the encoder is an MLP that is made here, of any width.

    Returns
    -------
    n_components : int
        Of all networks together.

    n_members : int
        A divisor of it.

    Raises
    ------
    ValueError
        If so many networks cannot share the components.
    """
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
            f"`n_members` must divide n_components={n_components}, which the networks "
            f"share; got {n_members}. Set it to 1 or 'auto', or `n_components` to "
            f"'auto' or a multiple of {n_members}."
        )
    return n_components, n_members
