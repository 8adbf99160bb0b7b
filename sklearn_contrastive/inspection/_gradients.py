"""A fitted embedding as a differentiable function of tensors."""

from collections.abc import Callable
from copy import copy
from typing import NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._estimators._state import encoder_of
from sklearn_contrastive.encoders import Encoder, to_sphere
from sklearn_contrastive.preprocessing._standardization import (
    Standardization,
    standardized,
)

#: Rows differentiated at once.
BLOCK = 1024


def _check_embedding(estimator):
    """Raise unless this is a fitted embedding, with a hint where to find one."""
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, ContrastiveEmbedding):
        check_is_fitted(estimator)
        return
    hint = "Pass the embedding itself."
    for name in ("estimator", "embedding_", "best_estimator_"):
        if hasattr(estimator, name):
            hint = f"Pass the one inside, `estimator.{name}`."
    for place, step in enumerate(estimator if isinstance(estimator, Pipeline) else ()):
        if isinstance(step, ContrastiveEmbedding):
            rows = f", and rows of `estimator[:{place}].transform(X)`"
            hint = f"Pass its step, `estimator[{place}]`{rows if place else ''}."
    raise TypeError(
        "`estimator` must be a fitted ContrastiveEmbedding; got "
        f"{type(estimator).__name__}. {hint}"
    )


class Differentiable(NamedTuple):
    """An embedding as a function of tensors, and what it reads of rows.

    ``embed`` maps standardised columns, followed by what each network has learned of
    levels, in float64. ``source`` is the column of the table that each is of.
    """

    standardization: Standardization
    embed: Callable
    source: np.ndarray
    tables: np.ndarray
    n_columns: int

    def learned(self, X):
        """Return what the networks have learned of the levels of rows, side by side."""
        if not len(self.tables):
            return np.empty((len(X), 0))
        found = self.tables[:, self.standardization.expansion.rows_of(X).astype(int)]
        return found.swapaxes(0, 1).reshape(len(X), -1)

    def columns(self, X):
        """Return what `embed` maps, for rows of a table."""
        Z = standardized(X, self.standardization)[:, : self.n_columns]
        return np.hstack([Z, self.learned(X)])

    def of_columns(self, values):
        """Return sums of what the columns read are worth, for each of the table."""
        return np.bincount(self.source, values)


def differentiable(estimator):
    """Return the map of an embedding as a `Differentiable`.

    Nothing else in this room reads the private state of an embedding.
    """
    import torch

    _check_embedding(estimator)
    state = estimator._state
    encoder, tables = state.source, np.empty(0)
    if not isinstance(encoder, Encoder):
        encoder = encoder_of(state, state.seed)
    params, expansion = state.params, state.columns.expansion
    source = np.arange(estimator.n_features_in_)
    if expansion is not None:
        source = expansion.source
    n_columns, multiplied, n_levels = len(source), [], 0
    if encoder.learned_levels is not None:
        *params, tables = params
        tables, multiplied = tables.astype(np.float64), encoder.learned_levels.columns
        n_levels = len(encoder.learned_levels.sizes)
        source = np.hstack([source, *[source[multiplied]] * len(tables)])
        encoder = copy(encoder)
        encoder.learned_levels = None
    with torch.inference_mode(False):
        params = [torch.tensor(param) for param in params]
        params = [p.double() if p.is_floating_point() else p for p in params]
        networks = list(zip(*params, strict=True))
        weights = [1.0] * len(networks)
        if state.weights is not None:
            weights = torch.from_numpy(state.weights)
            # Numbers of levels, which come last, have no weights.
            weights = weights[:, : weights.shape[1] - n_levels]

    codes = state.columns.codes
    if codes is not None:
        columns, lower, widths = map(torch.from_numpy, codes)

    def embed(S):
        S, learned = S[:, :n_columns], S[:, n_columns:].tensor_split(len(networks), -1)
        if codes is not None:
            passed = (S[:, columns] - lower) / widths
            S = torch.cat([S, passed.clip(0, 1)], -1)
        parts = []
        for params, own, more in zip(networks, weights, learned, strict=True):
            Z = S
            if len(multiplied):
                Z = S.clone()
                Z[:, multiplied] = S[:, multiplied] * more
            parts.append(encoder.forward(params, Z * own))
        parts = [to_sphere(Z) for Z in parts] if state.normalize else parts
        return torch.cat(parts, -1) / len(networks) ** 0.5

    columns_only = state.columns._replace(codes=None)
    return Differentiable(columns_only, embed, source, tables, n_columns)


def gradients(embed, S, directions):
    """Yield the gradients by row of sum(U * embed(S)), for each U of directions(Z).

    Gradients are recorded whatever modes of torch the caller has set.
    """
    import torch

    with torch.inference_mode(False), torch.enable_grad():
        S = torch.from_numpy(S).requires_grad_()
        Z = embed(S)
        if not Z.requires_grad:
            raise ValueError(
                "`estimator` must have an encoder with a gradient; the output of its "
                "module does not depend on the rows, or is detached from them."
            )
        for U in directions(Z.detach()):
            (gradient,) = torch.autograd.grad(
                Z, S, U, retain_graph=True, materialize_grads=True
            )
            yield gradient.numpy()
