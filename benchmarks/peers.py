"""Loops and estimators that the speed is compared with, as their users write them."""

from importlib import import_module
from itertools import pairwise

import numpy as np
import torch
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def network(sizes):
    """Return a perceptron with ReLU between its layers."""
    torch.manual_seed(0)
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def published_loss():
    """Return the contrastive loss of pytorch-metric-learning."""
    from pytorch_metric_learning.losses import ContrastiveLoss

    return ContrastiveLoss(neg_margin=1.0)


def no_pair_loss(Z, labels):
    """Return a loss that costs nothing to compute."""
    return Z.square().sum()


def step_loop(X, y, sizes, batch_size, n_steps, loss):
    """Return a function that takes some steps of the usual loop."""
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    model = network(sizes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def steps():
        for _ in range(n_steps):
            index = torch.randint(len(X), (batch_size,))
            optimizer.zero_grad()
            loss(model(X[index]), y[index]).backward()
            optimizer.step()

    return steps


def fit_loop(X, y, sizes, batch_size, n_epochs, loader):
    """Train with the loss of pytorch-metric-learning; return a function that embeds.

    With `loader` batches come from torch's DataLoader, as in that package's examples;
    without, from slices of a permutation, which is the fastest that its users write.
    """
    scaler = StandardScaler().fit(X)
    rows = torch.from_numpy(scaler.transform(X).astype(np.float32))
    labels = torch.from_numpy(y)
    model = network(sizes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, fused=True)
    loss = published_loss()
    table = torch.utils.data.TensorDataset(rows, labels)
    batches = torch.utils.data.DataLoader(
        table, batch_size=batch_size, shuffle=True, drop_last=True
    )

    def sliced():
        order = torch.randperm(len(rows))
        for start in range(0, len(rows) - batch_size + 1, batch_size):
            index = order[start : start + batch_size]
            yield rows[index], labels[index]

    for _ in range(n_epochs):
        for part, part_labels in batches if loader else sliced():
            optimizer.zero_grad()
            loss(model(part), part_labels).backward()
            optimizer.step()

    def embed(X):
        with torch.no_grad():
            Z = model(torch.from_numpy(scaler.transform(X).astype(np.float32)))
            return torch.nn.functional.normalize(Z).numpy()

    return embed


def nca(X, y):
    """Fit scikit-learn's NCA with its defaults, on standardised columns."""
    model = make_pipeline(StandardScaler(), NeighborhoodComponentsAnalysis())
    return model.fit(X, y).transform


def umap(X, y):
    """Fit supervised UMAP with its defaults, on standardised columns."""
    from umap import UMAP

    return make_pipeline(StandardScaler(), UMAP()).fit(X, y).transform


def cebra(X, y):
    """Fit CEBRA with discrete labels and 1,000 steps of 512 rows, on columns alike."""
    from cebra import CEBRA

    scaler = StandardScaler().fit(X)
    model = CEBRA(
        batch_size=512, max_iterations=1000, device="cpu", output_dimension=32
    )
    model.fit(scaler.transform(X).astype(np.float32), y.astype(np.int64))
    return lambda X: model.transform(scaler.transform(X).astype(np.float32))


def installed(name):
    """Return whether a package can be imported."""
    try:
        import_module(name)
    except ImportError:
        return False
    return True
