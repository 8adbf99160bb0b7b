"""Training loops and estimators of other libraries, as their users write them."""

from importlib import import_module
from itertools import pairwise

import numpy as np
import torch
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def network(sizes):
    """Return a multilayer perceptron with ReLU."""
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
    torch.manual_seed(0)
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

    With `loader` batches come from torch's DataLoader, as in that package's examples.
    Without it they are slices of a permutation, the fastest loop that users write.
    """
    scaler = StandardScaler().fit(X)
    rows = torch.from_numpy(scaler.transform(X).astype(np.float32))
    labels = torch.from_numpy(y)
    torch.manual_seed(0)
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


def standard_loop(loss, miner=None, n_steps=300, visits=25, most_steps=4000):
    """Return a function that fits a standard network with a published loss.

    `loss` and `miner` name classes of pytorch-metric-learning, which have their default
    parameters. The network has two layers of 256 with ReLU and 32 components on the
    unit sphere. AdamW takes about as many steps as `ContrastiveEmbedding` by default,
    with batches of 256 rows instead of 128.
    """

    def fit(X, y, seed):
        from pytorch_metric_learning import losses, miners

        torch.manual_seed(seed)
        scaler = StandardScaler().fit(X)
        rows = torch.from_numpy(scaler.transform(X).astype(np.float32))
        labels = torch.from_numpy(y)
        model = network([X.shape[1], 256, 256, 32])
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
        criterion = getattr(losses, loss)()
        mine = getattr(miners, miner)() if miner else None
        batch_size = min(256, len(X))
        budget = round(visits * len(X) / batch_size)
        for _ in range(min(max(budget, n_steps), most_steps)):
            part = torch.randperm(len(rows))[:batch_size]
            Z = torch.nn.functional.normalize(model(rows[part]))
            pairs = mine(Z, labels[part]) if mine else None
            optimizer.zero_grad()
            criterion(Z, labels[part], pairs).backward()
            optimizer.step()

        def embed(X):
            with torch.no_grad():
                Z = model(torch.from_numpy(scaler.transform(X).astype(np.float32)))
                return torch.nn.functional.normalize(Z).numpy()

        return embed

    return fit


def nca(X, y, n_components=None):
    """Fit scikit-learn's NCA with its defaults, on standardised columns."""
    model = make_pipeline(
        StandardScaler(), NeighborhoodComponentsAnalysis(n_components, random_state=0)
    )
    return model.fit(X, y).transform


def realmlp(seed):
    """Return pytabkit's RealMLP with its tuned defaults."""
    from pytabkit import RealMLP_TD_Classifier

    return RealMLP_TD_Classifier(random_state=seed, device="cpu", n_threads=1)


def umap(X, y):
    """Fit supervised UMAP with its defaults, on standardised columns."""
    from umap import UMAP

    return make_pipeline(StandardScaler(), UMAP()).fit(X, y).transform


def cebra(X, y):
    """Fit CEBRA with discrete labels, 1,000 steps of 512 rows, standardised columns."""
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
