"""Profile a fit with the defaults, stage by stage.

Run ``python benchmarks/profile_fit.py --data FOLDER``: one thread, medians of several
fits on three quarters of a table. ``products`` times only the matrix products of the
same network and batch; no step can take less time. Writes
``results/profile_fit.json`` and ``results/profile_fit.md``.
"""

import os
import time
from functools import wraps

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import torch
from _common import parts, report, tables
from sklearn.model_selection import train_test_split

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._pairs._pairwise import SparsePairs
from sklearn_contrastive._training._run import AdamW
from sklearn_contrastive.encoders import _mlp
from sklearn_contrastive.miners import NearestPairs
from sklearn_contrastive.preprocessing._standardization import Rows

#: The stages of a step: an object and the name of the method that is timed.
STAGES = {
    "read the batch": (Rows, "read"),
    "forward": (_mlp.MLPPasses, "forward"),
    "dropout, in forward": (_mlp, "write_mask"),
    "pairs": (SparsePairs, "__call__"),
    "mining, in pairs": (NearestPairs, "links"),
    "differences, in pairs": (SparsePairs, "_differences"),
    "backward": (_mlp.MLPPasses, "backward"),
    "optimizer": (AdamW, "step"),
}


def timed(call, spent, stage):
    """Return a function that adds its time to that of a stage."""

    @wraps(call)
    def wrapper(*args, **kwargs):
        start = time.perf_counter()
        try:
            return call(*args, **kwargs)
        finally:
            spent[stage] += time.perf_counter() - start

    return wrapper


def profiled_fit(X, y):
    """Return milliseconds per step of one fit, by stage and in total."""
    spent = dict.fromkeys(STAGES, 0.0)
    originals = {stage: getattr(*where) for stage, where in STAGES.items()}
    for stage, (owner, name) in STAGES.items():
        setattr(owner, name, timed(originals[stage], spent, stage))
    try:
        start = time.perf_counter()
        model = ContrastiveEmbedding(random_state=0).fit(X, y)
        spent["whole fit"] = time.perf_counter() - start
    finally:
        for stage, (owner, name) in STAGES.items():
            setattr(owner, name, originals[stage])
    return {stage: 1e3 * value / model.n_steps_ for stage, value in spent.items()}


def measure(options):
    """Return milliseconds per step of each run, by table and stage."""
    results = {}
    for name in ("satellite", "mnist5k"):
        loaded = tables.load(name, options.data)
        if loaded is None:
            continue
        X, y = loaded
        X, _, y, _ = train_test_split(X, y, stratify=y, random_state=0)
        defaults = ContrastiveEmbedding(max_iter=1).fit(X, y)
        sizes = X.shape[1], *(layer.shape[-1] for layer in defaults.coefs_)
        # The products of its networks, one network after the other.
        products = parts.products_loop(
            sizes, defaults.batch_size_, 200 * defaults.n_members_
        )
        profiled_fit(X, y)
        runs = []
        for _ in range(options.runs):
            start = time.perf_counter()
            products()
            alone = 1e3 * (time.perf_counter() - start) / 200
            runs.append({"products": alone, **profiled_fit(X, y)})
        results[name] = {stage: [run[stage] for run in runs] for stage in runs[0]}
    return results


def markdown(results):
    """Return the results as a Markdown table."""
    profiles = results["profiles"]
    lines = [
        "A step of a fit with the defaults, in milliseconds:",
        "",
        "| | " + " | ".join(profiles) + " |",
        "|---|" + "---|" * len(profiles),
    ]
    for stage in next(iter(profiles.values())):
        medians = (f"{np.median(profile[stage]):.2f}" for profile in profiles.values())
        lines.append(f"| {stage} | {' | '.join(medians)} |")
    lines += [
        "",
        "*products* are the matrix products of these networks and batches alone. The "
        "whole fit is divided by its number of steps; it includes validation, "
        f"standardisation and drawing batches. Medians. {results['machine']}",
        "",
    ]
    return "\n".join(lines)


def main():
    options = report.options(
        __doc__, runs={"type": int, "default": 7}, data={"default": "."}
    )
    torch.set_num_threads(1)
    results = {"profiles": measure(options)}
    report.save("profile_fit", results, markdown, options.out)


if __name__ == "__main__":
    main()
