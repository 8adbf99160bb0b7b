"""What a training step of this package is made of, to be timed by itself."""

from itertools import pairwise

import numpy as np
import torch

from sklearn_contrastive._pairs._tiles import _TILE
from sklearn_contrastive._training._optimizer import AdamW
from sklearn_contrastive.encoders import MLPEncoder


def network_loop(X, sizes, batch_size, n_steps):
    """Return a function that takes steps without any pair: passes and optimizer."""
    encoder = MLPEncoder(sizes[1:-1], "relu", dropout=0.0)
    arrays = encoder.init(sizes[0], sizes[-1], np.random.RandomState(0))
    params = [torch.from_numpy(array).requires_grad_() for array in arrays]
    optimizer = AdamW(params, weight_decay=1e-2)
    optimizer.set_lr([1e-4])
    passes = encoder.passes(params, batch_size, False, None)
    table, batch = torch.from_numpy(X), torch.empty(batch_size, sizes[0])

    def steps():
        with torch.no_grad():
            for _ in range(n_steps):
                index = torch.randint(len(X), (batch_size,))
                torch.index_select(table, 0, index, out=batch)
                passes.backward(2 * passes.forward(batch))
                optimizer.step()

    return steps


def products_loop(sizes, batch_size, n_steps):
    """Return a function that takes only the matrix products of a step.

    They are those of the network and, tile by tile over half of the pairs, those of the
    distances and of the forces: what is left if all else cost nothing.
    """
    layers = [torch.rand(n_in, n_out) for n_in, n_out in pairwise(sizes)]
    values = [torch.rand(batch_size, size) for size in sizes]
    outs = [torch.empty_like(array) for array in (*layers, *values)]
    on_layers, on_values = outs[: len(layers)], outs[len(layers) :]
    side = min(batch_size, int(_TILE**0.5))
    points, tile = torch.rand(side, sizes[-1] + 2), torch.rand(side, side)
    force = torch.zeros(side, sizes[-1] + 2)
    n_sides = batch_size // side

    def steps():
        for _ in range(n_steps):
            for i, W in enumerate(layers):
                torch.mm(values[i], W, out=on_values[i + 1])
                torch.mm(values[i].T, values[i + 1], out=on_layers[i])
                if i:
                    torch.mm(values[i + 1], W.T, out=on_values[i])
            for _ in range(n_sides * (n_sides + 1) // 2):
                torch.mm(points, points.T, out=tile)
            # Beside the diagonal, a tile pulls on both of its ends.
            for _ in range(n_sides**2):
                torch.mm(tile, points, out=force)

    return steps
