"""How long a training step takes, against the peer and against no pair loss at all.

Run ``python benchmarks/speed.py``: one thread, a 64-256-128-32 network with ReLU and
without dropout, all pairs of a batch, median of interleaved runs. A step is forward,
loss, backward and optimizer. ``peer`` is pytorch-metric-learning's `ContrastiveLoss`
in the loop its documentation shows, ``ours`` the loop of this package, ``floor`` the
peer's loop with the sum of squares of the embedding for a loss. Writes
``results/speed.json`` and ``results/speed.md``.
"""

import os
import time
from itertools import pairwise

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import report
import torch

from sklearn_contrastive._training import Trainer
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.losses import ContrastiveLinearLoss, ContrastiveLoss
from sklearn_contrastive.miners import AllPairs, NearestPairs
from sklearn_contrastive.similarity import LabelSimilarity

N_FEATURES, HIDDEN, N_COMPONENTS, N_CLASSES = 64, (256, 128), 32, 10
N_STEPS = 5


def rows(n_rows):
    """Return a table of ten overlapping classes."""
    rng = np.random.RandomState(0)
    y = rng.randint(N_CLASSES, size=n_rows)
    centres = rng.normal(size=(N_CLASSES, N_FEATURES))
    X = centres[y] + 2 * rng.normal(size=(n_rows, N_FEATURES))
    return X.astype(np.float32), y


def peer_loop(batch_size, make_loss):
    """Return a function that takes some steps of the usual loop."""
    X, y = rows(4 * batch_size)
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    torch.manual_seed(0)
    sizes = [N_FEATURES, *HIDDEN, N_COMPONENTS]
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    loss_function = make_loss()

    def steps():
        for _ in range(N_STEPS):
            index = torch.randint(len(X), (batch_size,))
            optimizer.zero_grad()
            loss_function(network(X[index]), y[index]).backward()
            optimizer.step()

    return steps


def peer_loss():
    from pytorch_metric_learning.losses import ContrastiveLoss as Published

    return Published(neg_margin=1.0)


def no_pair_loss():
    return lambda Z, labels: Z.square().sum()


def our_loop(batch_size, loss, miner):
    """Return a function that takes the same steps with this package."""
    X, y = rows(4 * batch_size)
    encoder = MLPEncoder(HIDDEN, "relu", dropout=0.0)
    rng = np.random.RandomState(0)
    trainer = Trainer(
        X,
        standardization=None,
        encoder=encoder,
        similarity=LabelSimilarity().fit(X, y),
        miner=miner,
        loss=loss,
        params=encoder.init(N_FEATURES, N_COMPONENTS, rng),
        normalize=True,
        learning_rate=1e-3,
        alpha=1e-2,
        device="cpu",
        seed=0,
    )

    def steps():
        index = np.stack([rng.permutation(len(X))[:batch_size] for _ in range(N_STEPS)])
        trainer.epoch(index, np.ones(N_STEPS))

    return steps


def contestants(batch_size):
    """Return the loops by name."""
    return {
        "floor": peer_loop(batch_size, no_pair_loss),
        "peer": peer_loop(batch_size, peer_loss),
        "ours": our_loop(batch_size, ContrastiveLoss(1.0), AllPairs()),
        "ours, linear": our_loop(batch_size, ContrastiveLinearLoss(1.0), AllPairs()),
        "ours, nearest": our_loop(batch_size, ContrastiveLoss(1.0), NearestPairs()),
    }


def measure(batch_size, n_runs):
    """Return milliseconds a step, one list a contestant, from interleaved runs."""
    loops = contestants(batch_size)
    for steps in loops.values():
        steps()
    times = {name: [] for name in loops}
    for _ in range(n_runs):
        for name, steps in loops.items():
            start = time.perf_counter()
            steps()
            times[name].append(1e3 * (time.perf_counter() - start) / N_STEPS)
    return times


def ratio(times, over, under):
    """Return the median, least and greatest ratio of paired runs."""
    ratios = np.array(times[over]) / np.array(times[under])
    return f"{np.median(ratios):.2f} ({ratios.min():.2f}–{ratios.max():.2f})"


def markdown(results):
    """Return the figures as a Markdown table."""
    lines = [
        "| batch | floor, ms | ours, ms | peer, ms | peer / ours | ours / floor "
        "| nearest / floor |",
        "|---|---|---|---|---|---|---|",
    ]
    for batch_size, times in results["steps"].items():
        median = {name: np.median(values) for name, values in times.items()}
        lines.append(
            f"| {int(batch_size):,} | {median['floor']:.2f} | {median['ours']:.2f} | "
            f"{median['peer']:.1f} | {ratio(times, 'peer', 'ours')} | "
            f"{ratio(times, 'ours', 'floor')} | "
            f"{ratio(times, 'ours, nearest', 'floor')} |"
        )
    n_runs = len(times["ours"])
    lines += [
        "",
        f"One training step over all pairs, median of {n_runs} interleaved runs of "
        f"{N_STEPS} steps; ratios with their least and greatest. {results['machine']}",
        "",
    ]
    return "\n".join(lines)


def main():
    options = report.options(
        __doc__,
        runs={"type": int, "default": 9},
        batches={"type": int, "nargs": "+", "default": [256, 512, 1024, 2048]},
    )
    torch.set_num_threads(1)
    steps = {str(b): measure(b, options.runs) for b in options.batches}
    report.save("speed", {"steps": steps}, markdown, options.out)


if __name__ == "__main__":
    main()
