"""A fitted embedding as a differentiable function of tensors."""

from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._estimators._state import encoder_of
from sklearn_contrastive.encoders import Encoder, to_sphere

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


def differentiable(estimator):
    """Return the standardization of an embedding, and its map of standardised rows.

    The map takes and returns tensors in float64. Nothing else in this room reads the
    private state of an embedding.
    """
    import torch

    _check_embedding(estimator)
    state = estimator._state
    encoder = state.source
    if not isinstance(encoder, Encoder):
        encoder = encoder_of(state, state.seed)
    with torch.inference_mode(False):
        params = [torch.tensor(param) for param in state.params]
        params = [p.double() if p.is_floating_point() else p for p in params]
        networks = list(zip(*params, strict=True))
        weights = [1.0] * len(networks)
        if state.weights is not None:
            weights = torch.from_numpy(state.weights)

    codes = state.columns.codes
    if codes is not None:
        columns, lower, widths = map(torch.from_numpy, codes)

    def embed(S):
        if codes is not None:
            passed = (S[:, columns] - lower) / widths
            S = torch.cat([S, passed.clip(0, 1)], -1)
        each = zip(networks, weights, strict=True)
        parts = [encoder.forward(params, S * own) for params, own in each]
        parts = [to_sphere(Z) for Z in parts] if state.normalize else parts
        return torch.cat(parts, -1) / len(networks) ** 0.5

    return state.columns._replace(codes=None), embed


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
