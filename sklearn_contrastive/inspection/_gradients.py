"""A fitted embedding as a differentiable function of tensors."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive.encoders import side_by_side, to_sphere

#: Rows differentiated at once.
BLOCK = 1024

#: Attributes of estimators that hold an embedding.
_INSIDE = {
    "best_estimator_": "the best estimator of the search",
    "embedding_": "the embedding of the verifier",
}


def check_embedding(estimator):
    """Raise unless this is a fitted embedding, with a hint where to find one."""
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, ContrastiveEmbedding):
        check_is_fitted(estimator)
        return
    hint = "Pass the embedding itself."
    if isinstance(estimator, FrozenEstimator):
        hint = "Pass the frozen estimator, `estimator.estimator`."
    elif isinstance(estimator, Pipeline):
        for place, (_, step) in enumerate(estimator.steps):
            if isinstance(step, ContrastiveEmbedding):
                rows = f", and rows of `estimator[:{place}].transform(X)`"
                hint = f"Pass its step, `estimator[{place}]`{rows if place else ''}."
    else:
        for name, title in _INSIDE.items():
            if hasattr(estimator, name):
                hint = f"Pass {title}, `estimator.{name}`."
    raise TypeError(
        "`estimator` must be a fitted ContrastiveEmbedding; got "
        f"{type(estimator).__name__}. {hint}"
    )


def differentiable(estimator):
    """Return the standardization of an embedding, and its map of standardised rows.

    The map takes and returns tensors in float64. Nothing else in this room reads the
    private state of an embedding.
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

    return estimator._standardization(), embed


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
    with torch.inference_mode(False):
        for U in directions(Z.detach()):
            (gradient,) = torch.autograd.grad(
                Z, S, U, retain_graph=True, materialize_grads=True
            )
            yield gradient.numpy()
