"""An embedding as a map of tensors that can be differentiated."""

from contextlib import ExitStack

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive.encoders import side_by_side, to_sphere

#: Rows differentiated at once.
BLOCK = 1024


def check_embedding(estimator):
    """Raise unless this is a fitted embedding, and say where one may be found.

    Parameters
    ----------
    estimator : object
        What the user gave.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        If it is something else.
    """
    if isinstance(estimator, ContrastiveEmbedding):
        check_is_fitted(estimator)
        return
    hint = "Pass the embedding itself."
    if type(estimator).__name__ == "FrozenEstimator":
        hint = "Pass what is frozen, `estimator.estimator`."
    elif hasattr(estimator, "best_estimator_"):
        hint = "Pass what the search has found, `estimator.best_estimator_`."
    elif hasattr(estimator, "embedding_"):
        hint = "Pass the embedding of the verifier, `estimator.embedding_`."
    for place, (_, step) in enumerate(getattr(estimator, "steps", ())):
        if isinstance(step, ContrastiveEmbedding):
            hint = f"Pass its step, `estimator[{place}]`" + (
                f", and rows as that sees them, `estimator[:{place}].transform(X)`."
                if place
                else "."
            )
    raise TypeError(
        "`estimator` must be a fitted ContrastiveEmbedding; got "
        f"{type(estimator).__name__}. {hint}"
    )


def differentiable(estimator):
    """Return the map of standardised rows to points.

    Parameters
    ----------
    estimator : fitted ContrastiveEmbedding
        With any encoder.

    Returns
    -------
    embed : callable
        Maps a tensor of shape (n_rows, n_features) to one of shape (n_rows,
        n_components), both in float64.
    """
    import torch

    encoder = estimator._encoder()
    arrays = encoder.params_of(estimator)
    arrays = [np.array(p, np.float64 if p.dtype.kind == "f" else None) for p in arrays]
    with torch.inference_mode(False):
        params = [torch.from_numpy(array) for array in arrays]

    def embed(S):
        Z = encoder.forward(params, S)
        Z = to_sphere(Z) if estimator._on_sphere else Z
        return side_by_side(Z) if Z.ndim > 2 else Z

    return embed


def recorded():
    """Return a context in which torch records, whatever the caller has set."""
    import torch

    stack = ExitStack()
    stack.enter_context(torch.inference_mode(False))
    stack.enter_context(torch.enable_grad())
    return stack


def gradient_of(Z, S, U, last):
    """Return the gradient of the sum of Z times U.

    Parameters
    ----------
    Z : Tensor of shape (n_rows, n_components)
        What `embed` made of `S`.

    S : Tensor of shape (n_rows, n_features)
        Standardised rows, recorded.

    U : Tensor of shape (n_rows, n_components)
        A direction for each row.

    last : bool
        Whether no other direction will be asked for.

    Returns
    -------
    gradient : ndarray of shape (n_rows, n_features)
        For each row.

    Raises
    ------
    ValueError
        If the encoder has no gradient.
    """
    import torch

    if not Z.requires_grad:
        raise ValueError(
            "`estimator` must have an encoder with a gradient; what its module returns "
            "does not depend on the rows, or is cut off from them."
        )
    (gradient,) = torch.autograd.grad(
        Z, S, U, retain_graph=not last, materialize_grads=True
    )
    return gradient.numpy()
