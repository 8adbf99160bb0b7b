"""A training step of this package and its parts, timed without an estimator.

The private modules of the package are imported here and nowhere else, except where a
script wraps one of their functions in a timer.
"""

from itertools import pairwise

import numpy as np
import torch

from sklearn_contrastive._pairs._pairwise import _TILE
from sklearn_contrastive._training._models import Model
from sklearn_contrastive._training._run import AdamW
from sklearn_contrastive._training._terms import Term
from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.preprocessing._standardization import Standardization
from sklearn_contrastive.similarity import LabelSimilarity

HIDDEN, N_COMPONENTS = (256, 128), 32


def rows(n_rows, n_features=64, n_classes=10):
    """Return a table of overlapping classes in float32, and its labels."""
    rng = np.random.RandomState(0)
    y = rng.randint(n_classes, size=n_rows)
    centres = rng.normal(size=(n_classes, n_features))
    X = centres[y] + 2 * rng.normal(size=(n_rows, n_features))
    return X.astype(np.float32), y


def trainer(X, y, encoder, loss, miner, memory=None, device="cpu"):
    """Return the trainer of one network on labelled rows."""
    similarity = LabelSimilarity().fit(X, y)
    term = Term(similarity, miner, loss, memory=memory)
    params = encoder.init(X.shape[1], N_COMPONENTS, np.random.RandomState(0))
    model = Model(
        X,
        Standardization(),
        encoder=encoder,
        terms=[term],
        params=params,
        n_components=N_COMPONENTS,
        learning_rate=1e-3,
        alpha=1e-2,
        seed=0,
    )
    return Trainer([model], normalize=True, device=device)


def our_loop(X, y, batch_size, n_steps, loss, miner, memory=None):
    """Return a function that takes some steps of this package's loop."""
    encoder = MLPEncoder(HIDDEN, "relu", dropout=0.0)
    model = trainer(X, y, encoder, loss, miner, memory)
    rng = np.random.RandomState(0)

    def steps():
        index = np.stack([rng.permutation(len(X))[:batch_size] for _ in range(n_steps)])
        model.train(index[:, None], np.ones(n_steps))

    return steps


def network_loop(X, sizes, batch_size, n_steps):
    """Return a function that takes steps without pairs: encoder and optimizer."""
    encoder = MLPEncoder(sizes[1:-1], "relu", dropout=0.0)
    arrays = encoder.init(sizes[0], sizes[-1], np.random.RandomState(0))
    params = [torch.from_numpy(array[None]).requires_grad_() for array in arrays]
    optimizer = AdamW(params, [1e-2])
    passes = encoder.passes(params, batch_size, False, [None])
    table, batch = torch.from_numpy(X), torch.empty(1, batch_size, sizes[0])

    def steps():
        with torch.no_grad():
            for _ in range(n_steps):
                index = torch.randint(len(X), (batch_size,))
                torch.index_select(table, 0, index, out=batch[0])
                passes.backward(2 * passes.forward(batch))
                optimizer.step([1e-4])

    return steps


def products_loop(sizes, batch_size, n_steps):
    """Return a function that computes only the matrix products of a step.

    These are the products of the network and, tile by tile over half of the pairs, of
    the distances and of the gradient. No step can take less time.
    """
    layers = [torch.rand(n_in, n_out) for n_in, n_out in pairwise(sizes)]
    values = [torch.rand(batch_size, size) for size in sizes]
    outs = [torch.empty_like(array) for array in (*layers, *values)]
    on_layers, on_values = outs[: len(layers)], outs[len(layers) :]
    side = min(batch_size, int(_TILE**0.5))
    points, tile = torch.rand(side, sizes[-1] + 2), torch.rand(side, side)
    gradient = torch.zeros(side, sizes[-1] + 2)
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
            # Off the diagonal, a tile has a gradient for its rows and for its columns.
            for _ in range(n_sides**2):
                torch.mm(tile, points, out=gradient)

    return steps
