"""What a fitted estimator maps rows with, and what a later fit resumes."""

from typing import Any, NamedTuple

import numpy as np

from sklearn_contrastive.encoders import (
    Encoder,
    MLPEncoder,
    ModuleEncoder,
    place_points,
)
from sklearn_contrastive.preprocessing._standardization import (
    Standardization,
    standardised,
)

#: Private attributes that a fit sets.
_PRIVATE = "_state", "_n_features_out", "_y_names"
#: Rows mapped at once, for the cache.
_MAPPED = 512


class FittedState(NamedTuple):
    """Standardisation, encoder and parameters of networks, as plain numpy.

    Each of the networks has ``n_own`` components. All arrays of ``params`` and
    ``loss_params`` have a leading axis of networks. ``source`` is an encoder, or the
    torch module or factory of one.
    """

    columns: Standardization
    source: Any
    n_features: int
    n_own: int
    normalize: bool = True
    params: list | None = None
    loss_params: dict | None = None
    optimizer_states: list | None = None

    def encoder(self, seed=0):
        """Return the encoder, made from a module or a factory where it is one."""
        if isinstance(self.source, Encoder):
            return self.source
        return ModuleEncoder(self.source, self.n_features, self.n_own, seed)

    def embed(self, X):
        """Return the points of checked rows, block by block, without torch.

        They have the dtype of `X`; those of several networks stand side by side.
        """
        encoder = self.encoder()
        params = [p.astype(X.dtype) if p.dtype.kind == "f" else p for p in self.params]
        n_components = self.n_own * len(params[0])
        Z = np.empty((len(X), n_components), dtype=X.dtype)
        for start in range(0, len(X), _MAPPED):
            block = standardised(X[start : start + _MAPPED], self.columns)
            points = encoder.forward_models(params, block)
            Z[start : start + _MAPPED] = place_points(points, self.normalize)
        return Z

    def layers(self, name):
        """Return weights and biases in turn, of a network without the axis of them."""
        if not isinstance(self.source, MLPEncoder):
            raise AttributeError(
                f"`{name}` belongs to the encoders 'mlp' and 'linear'."
            )
        return [self._without_axis(param) for param in self.params]

    def module_state(self):
        """Return the parameters and buffers of a torch module by name."""
        if isinstance(self.source, Encoder):
            raise AttributeError("`module_state_` belongs to torch modules.")
        params = [self._without_axis(param) for param in self.params]
        return dict(zip(self.encoder().names, params, strict=True))

    def own_loss_params(self):
        """Return the parameters of the losses, of a network without the axis of them."""
        return {k: self._without_axis(v) for k, v in self.loss_params.items()}

    def _without_axis(self, param):
        return param[0] if len(param) == 1 else param


def seen_columns(reader):
    """Return the attributes that reading a table has set on an estimator."""
    names = "n_features_in_", "feature_names_in_"
    return {name: vars(reader)[name] for name in names if name in vars(reader)}


def replace_fitted(estimator, attributes):
    """Replace all that was fitted before in one step, as seen by other threads."""
    kept = {k: v for k, v in vars(estimator).items() if not _is_fitted(k)}
    estimator.__dict__ = {**kept, **attributes}


def _is_fitted(name):
    return name in _PRIVATE or (name.endswith("_") and not name.startswith("_"))
