"""Networks of an encoder that knows no axis of models, one after the other."""

import numpy as np


def forward_in_turn(encoder, params, X):
    """Return the points (n_models, n_rows, n_out) of rows in several networks.

    ``X`` has shape (n_rows, n_in), (1, n_rows, n_in) or (n_models, n_rows, n_in).
    """
    tables = X if X.ndim == 3 else X[None]
    each = [
        encoder.forward([param[model] for param in params], tables[model % len(tables)])
        for model in range(len(params[0]))
    ]
    if isinstance(X, np.ndarray):
        return np.stack(each)
    import torch

    return torch.stack(each)


class PassesInTurn:
    """Forward and backward pass of several networks, each with an axis of one.

    ``streams`` are contexts in which each draws from a random stream of its own.
    """

    def __init__(self, encoder, streams, params, n_rows, normalize, generators):
        self._passes, self._streams = [], streams
        for model, generator in enumerate(generators):
            place = slice(model, model + 1)
            own = [param.detach()[place] for param in params]
            for ours, param in zip(own, params, strict=True):
                if param.requires_grad:
                    # Gradients are written to where the optimizer reads them.
                    ours.requires_grad_().grad = param.grad[place]
            self._passes.append(encoder.passes(own, n_rows, normalize, [generator]))

    def forward(self, X):
        """Return the points of a batch of each network."""
        import torch

        points = []
        each = zip(self._passes, self._streams, X.split(1), strict=True)
        for passes, stream, own in each:
            with stream:
                points.append(passes.forward(own))
        return torch.cat(points)

    def backward(self, gradient):
        """Write the gradients of the parameters, given that of the loss in points."""
        for passes, own in zip(self._passes, gradient.split(1), strict=True):
            passes.backward(own)
