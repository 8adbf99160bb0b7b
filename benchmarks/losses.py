"""Time training steps with other losses and miners against the usual torch loop.

Run ``python benchmarks/losses.py``: one thread, medians of interleaved runs, the
64-256-128-32 network of ``speed.py``, 10 classes. The peer is pytorch-metric-learning
in the loop of its documentation, with its miner where it has one; for
``info_nce by hand`` it is four lines of torch. At batch size 1,024 the ``info_nce`` of
the peer is left out, since its array would have 10¹¹ entries. ``memory`` times the
contrastive loss on nearest pairs with and without a memory of 16,384 rows. ``search``
times the search that `GlobalMiner` runs every five epochs, on 100,000 rows of 32
columns, with and without faiss, and those five epochs. Writes
``results/losses.json`` and ``results/losses.md``.
"""

import os
import sys
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import torch
from _common import peers, report
from _common.parts import HIDDEN, N_COMPONENTS, our_loop, rows

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._pairs._neighbor_search import nearest_rows
from sklearn_contrastive.losses import (
    ContrastiveLoss,
    InfoNCELoss,
    MultiSimilarityLoss,
    SupConLoss,
    TripletLoss,
)
from sklearn_contrastive.miners import (
    AllPairs,
    CrossBatchMemory,
    GlobalMiner,
    NearestPairs,
)

BATCHES = (256, 1024)
#: Steps in a run, by batch size.
N_STEPS = {256: 20, 1024: 5}
#: Fewer steps and only three runs for peers with seconds per step; 0 leaves one out.
SLOW = {("info_nce", 256): 1, ("info_nce", 1024): 0, ("triplet, semi-hard", 1024): 1}
#: Rows of the neighbour search, in 32 columns.
N_SEARCHED = 100_000


def info_nce_by_hand(Z, labels):
    """Return InfoNCE as a user writes it in torch, without an array of triplets."""
    logits, similar = Z @ Z.T / 0.1, labels[:, None] == labels
    against = logits.masked_fill(similar, -torch.inf).logsumexp(1, keepdim=True)
    costs = torch.nn.functional.softplus(against - logits)
    return costs[similar & ~torch.eye(len(Z), dtype=torch.bool)].mean()


def peer_loss(name):
    """Return the peer's loss as a function of points and labels."""
    if name == "info_nce by hand":
        return lambda Z, labels: info_nce_by_hand(
            torch.nn.functional.normalize(Z), labels
        )
    from pytorch_metric_learning import distances, losses, miners

    squared = distances.LpDistance(power=2)
    loss = {
        "info_nce": lambda: losses.NTXentLoss(0.1),
        "multi_similarity": lambda: losses.MultiSimilarityLoss(2, 50, 0.5),
        "supcon": lambda: losses.SupConLoss(0.1),
        "triplet, semi-hard": lambda: losses.TripletMarginLoss(0.2, distance=squared),
    }[name]()
    if name != "triplet, semi-hard":
        return loss
    miner = miners.TripletMarginMiner(
        0.2, type_of_triplets="semihard", distance=squared
    )
    return lambda Z, labels: loss(Z, labels, miner(Z, labels))


OURS = {
    "info_nce": InfoNCELoss(0.1),
    "info_nce by hand": InfoNCELoss(0.1),
    "multi_similarity": MultiSimilarityLoss(),
    "supcon": SupConLoss(0.1),
    "triplet, semi-hard": TripletLoss(0.2, "semihard"),
}


def measure_losses(options):
    """Return milliseconds per step, by loss, batch size and contestant."""
    results = {}
    for name, loss in OURS.items():
        for batch_size in BATCHES:
            X, y = rows(4 * batch_size)
            n_steps = N_STEPS[batch_size]
            sizes = (X.shape[1], *HIDDEN, N_COMPONENTS)
            theirs = X, y, sizes, batch_size
            few = SLOW.get((name, batch_size), n_steps)
            loops = {
                "floor": peers.step_loop(*theirs, n_steps, peers.no_pair_loss),
                "ours": our_loop(X, y, batch_size, n_steps, loss, AllPairs()),
            }
            if few:
                loops["peer"] = peers.step_loop(*theirs, few, peer_loss(name))
            report.in_turn(loops, 1)
            seconds = report.in_turn(loops, options.runs if few == n_steps else 3)
            steps = {"floor": n_steps, "ours": n_steps, "peer": few}
            results[f"{name}, {batch_size}"] = {
                who: [1e3 * value / steps[who] for value in times]
                for who, times in seconds.items()
            }
            print(name, batch_size, flush=True)
    return results


def measure_memory(options):
    """Return milliseconds per step with and without a memory of 16,384 rows."""
    X, y = rows(16_384)
    n_steps = 16_384 // 256
    nearest = NearestPairs()
    loops = {
        "without": our_loop(X, y, 256, n_steps, ContrastiveLoss(1.0), nearest),
        "with": our_loop(
            X,
            y,
            256,
            n_steps,
            ContrastiveLoss(1.0),
            nearest,
            memory=CrossBatchMemory(16_384),
        ),
        "products": products_of_memory(n_steps),
    }
    # The first run fills the memory.
    report.in_turn(loops, 1)
    seconds = report.in_turn(loops, options.runs)
    return {who: [1e3 * t / n_steps for t in times] for who, times in seconds.items()}


def products_of_memory(n_steps):
    """Return a function that only multiplies a batch by a memory."""
    A, C = torch.rand(256, N_COMPONENTS), torch.rand(16_384, N_COMPONENTS)
    out = torch.empty(256, 16_384)

    def steps():
        for _ in range(n_steps):
            torch.mm(A, C.T, out=out)

    return steps


def measure_search(options):
    """Return seconds of a search and of five epochs on 100,000 rows."""
    X, y = rows(N_SEARCHED, 32)
    model = ContrastiveEmbedding(max_iter=5, random_state=0)
    searched = ContrastiveEmbedding(max_iter=1, random_state=0).fit(X, y)

    def search():
        Z = np.concatenate([searched.transform(X[i::20]) for i in range(20)])
        nearest_rows(Z, GlobalMiner().n_neighbors + 1, None, np.random.RandomState(0))

    def search_without_faiss():
        with mock.patch.dict(sys.modules, {"faiss": None}):
            search()

    loops = {
        "faiss": search,
        "none": search_without_faiss,
        "epochs": lambda: model.fit(X, y),
    }
    return report.in_turn(loops, max(3, options.runs // 3))


def markdown(results):
    """Return the results as Markdown tables."""
    lines = [
        "One step, in milliseconds:",
        "",
        "| loss, batch | floor | ours | peer | ours / floor | peer / ours |",
        "|---|---|---|---|---|---|",
    ]
    for case, times in results["losses"].items():
        median = {name: np.median(values) for name, values in times.items()}
        peer, ratio = "", ""
        if "peer" in times:
            peer = f"{median['peer']:.1f}"
            ratio = report.ratio(times["peer"], times["ours"])
        lines.append(
            f"| {case} | {median['floor']:.2f} | {median['ours']:.2f} | {peer} | "
            f"{report.ratio(times['ours'], times['floor'])} | {ratio} |"
        )
    memory, search = results["memory"], results["search"]
    lines += [
        "",
        f"With a memory of 16,384 rows at batch size 256, a step takes "
        f"{np.median(memory['with']):.1f} ms instead of "
        f"{np.median(memory['without']):.1f} ms, "
        f"{report.ratio(memory['with'], memory['without'])} times as long. The matrix "
        f"product of batch and memory alone takes {np.median(memory['products']):.1f} "
        "ms.",
        "",
        f"A search of `GlobalMiner` among {N_SEARCHED:,} rows of 32 columns, relative "
        f"to the five epochs between two searches "
        f"({np.median(search['epochs']):.1f} s), takes "
        f"{report.ratio(search['faiss'], search['epochs'])} with faiss, and "
        f"{report.ratio(search['none'], search['epochs'])} without, among 8,192 rows "
        "drawn at random.",
        "",
        f"Medians of interleaved runs, ratios with minimum and maximum. "
        f"{results['machine']}",
        "",
    ]
    return "\n".join(lines)


PARTS = {
    "losses": measure_losses,
    "memory": measure_memory,
    "search": measure_search,
}


def main():
    options = report.options(
        __doc__,
        runs={"type": int, "default": 9},
        parts={"nargs": "+", "default": list(PARTS), "choices": PARTS},
    )
    torch.set_num_threads(1)
    results = report.load("losses", options.out)
    results |= {part: PARTS[part](options) for part in options.parts}
    report.save("losses", results, markdown, options.out)


if __name__ == "__main__":
    main()
