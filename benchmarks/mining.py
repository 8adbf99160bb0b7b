"""Measure the benefit of miners that look beyond a batch.

Run ``python benchmarks/mining.py --data FOLDER``: letter (26 classes, 20,000 rows) and
a synthetic table of 1,000 classes with 20 rows each. A quarter of the rows is held out.
`ContrastiveEmbedding` has its defaults except `miner`: ``nearest``, ``global`` and
``memory``, for 15 and for 40 epochs. MAP@R of the held-out rows is measured every five
epochs of one fit, whose learning rate falls over all its epochs. Medians of the given
seeds. Writes ``results/mining.json`` and
``results/mining.md``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import torch
from _common import report, tables
from sklearn.model_selection import train_test_split

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive.metrics import map_at_r
from sklearn_contrastive.miners import CrossBatchMemory, GlobalMiner

MINERS = {
    "nearest": "nearest",
    "global": GlobalMiner(),
    "memory": CrossBatchMemory(4096),
}
#: Epochs, and the number of epochs between two measurements.
N_EPOCHS = {"letter": 15, "1,000 classes": 40}
EVERY = 5


def many_classes():
    """Return 20 rows of each of 1,000 classes, in 32 columns that mix 16 factors."""
    rng = np.random.RandomState(0)
    y = np.repeat(np.arange(1000), 20)
    factors = rng.normal(size=(1000, 16))[y] + 0.6 * rng.normal(size=(len(y), 16))
    mixed = np.tanh(factors @ rng.normal(size=(16, 32)) / 3)
    return mixed + 0.1 * rng.normal(size=mixed.shape), y


def curve(X, y, X_test, y_test, miner, n_epochs, seed):
    """Return MAP@R of the held-out rows after every few epochs of one fit."""
    scores, epoch = [], Trainer.train

    def measured(trainer, index, rates):
        loss = epoch(trainer, index, rates)
        measured.n_done += 1
        if measured.n_done % EVERY == 0:
            scores.append(map_at_r(trainer.embed(X_test), y_test))
        return loss

    measured.n_done = 0
    Trainer.train = measured
    try:
        ContrastiveEmbedding(miner=miner, max_iter=n_epochs, random_state=seed).fit(
            X, y
        )
    finally:
        Trainer.train = epoch
    return scores


def measure(options):
    """Return the curves by table and miner, one per seed."""
    results = {}
    for name, n_epochs in N_EPOCHS.items():
        loaded = many_classes()
        if name == "letter":
            loaded = tables.load(name, options.data)
        if loaded is None:
            continue
        X, y = loaded[0], np.unique(loaded[1], return_inverse=True)[1]
        parts = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
        X, X_test, y, y_test = parts
        raw = (X_test - X.mean(axis=0)) / X.std(axis=0)
        raw /= np.linalg.norm(raw, axis=1, keepdims=True)
        results[name] = {"columns": [[map_at_r(raw, y_test)]]}
        for method, miner in MINERS.items():
            results[name][method] = [
                curve(X, y, X_test, y_test, miner, n_epochs, seed)
                for seed in range(options.seeds)
            ]
            print(name, method, results[name][method], flush=True)
    return results


def markdown(results):
    """Return the results as Markdown tables."""
    lines = []
    for name, curves in results["curves"].items():
        epochs = range(EVERY, N_EPOCHS[name] + 1, EVERY)
        columns = np.median(curves["columns"])
        lines += [
            f"MAP@R of held-out rows of {name} in % (standardised columns by "
            f"cosine: {100 * columns:.1f}):",
            "",
            "| miner | " + " | ".join(f"{n} epochs" for n in epochs) + " |",
            "|---|" + "---|" * len(epochs),
        ]
        for method, runs in curves.items():
            if method != "columns":
                values = 100 * np.array(runs)
                spans = [
                    f"{m:.1f} ({low:.1f}–{high:.1f})"
                    for m, low, high in zip(
                        np.median(values, axis=0),
                        values.min(axis=0),
                        values.max(axis=0),
                        strict=True,
                    )
                ]
                lines.append(f"| {method} | " + " | ".join(spans) + " |")
        lines.append("")
    lines += [
        "Medians over seeds, with minimum and maximum; the learning rate falls over "
        f"all epochs of a fit. {results['machine']}",
        "",
    ]
    return "\n".join(lines)


def main():
    options = report.options(
        __doc__, seeds={"type": int, "default": 3}, data={"default": "."}
    )
    torch.set_num_threads(1)
    report.save("mining", {"curves": measure(options)}, markdown, options.out)


if __name__ == "__main__":
    main()
