"""Time training steps on a GPU, with and without CUDA graphs.

Run ``python benchmarks/gpu.py`` on a machine with a CUDA device: the default network on
64 columns, 32 components, ten classes. Writes ``results/gpu.json`` and
``results/gpu.md``.
"""

from unittest import mock

import numpy as np
import torch
from _common import parts, report

from sklearn_contrastive._training import _trainer
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.losses import ContrastiveLoss
from sklearn_contrastive.miners import AllPairs, NearestPairs

N_FEATURES, N_ROWS = 64, 65_536
BATCHES = (256, 1024, 4096, 16_384)
MINERS = {"all": AllPairs, "nearest": NearestPairs}


def loop(batch_size, miner, graph):
    """Return a function that trains for one epoch."""
    rng = np.random.RandomState(0)
    y = np.arange(N_ROWS) % 10
    X = (rng.normal(size=(N_ROWS, N_FEATURES)) + y[:, None]).astype(np.float32)
    trainer = parts.trainer(
        X, y, MLPEncoder(), ContrastiveLoss(1.0), miner(), device="cuda"
    )
    index = rng.permutation(N_ROWS).reshape(-1, batch_size)
    rates = np.ones(len(index))

    def steps():
        trainer.train(index[:, None], rates)
        torch.cuda.synchronize()

    captured = _trainer.captured if graph else lambda work, *_: work
    with mock.patch.object(_trainer, "captured", captured):
        steps()
    return steps


def measure(n_runs):
    """Return seconds per epoch, by miner and batch size, with and without a graph."""
    results = {}
    for name, miner in MINERS.items():
        for batch_size in BATCHES:
            loops = {
                kind: loop(batch_size, miner, kind == "graph")
                for kind in ("graph", "eager")
            }
            results[f"{name}, {batch_size}"] = report.in_turn(loops, n_runs)
    return results


def markdown(results):
    """Return the results as a Markdown table."""
    lines = [
        "| miner, batch | rows per second | ms per step | eager / graph |",
        "|---|---|---|---|",
    ]
    for case, times in results["passes"].items():
        median = np.median(times["graph"])
        n_steps = N_ROWS // int(case.split(", ")[1])
        lines.append(
            f"| {case} | {N_ROWS / median:,.0f} | {1e3 * median / n_steps:.3f} | "
            f"{report.ratio(times['eager'], times['graph'])} |"
        )
    lines += [
        "",
        "Median of interleaved runs; ratios with minimum and maximum. "
        f"{torch.cuda.get_device_name()}; {results['machine']}",
        "",
    ]
    return "\n".join(lines)


def main():
    options = report.options(__doc__, runs={"type": int, "default": 9})
    if not torch.cuda.is_available():
        raise SystemExit("This benchmark needs a CUDA device; torch finds none here.")
    report.save("gpu", {"passes": measure(options.runs)}, markdown, options.out)


if __name__ == "__main__":
    main()
