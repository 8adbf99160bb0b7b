"""Time training steps and whole fits against the usual torch loop and other methods.

Run ``python benchmarks/speed.py --data FOLDER``: one thread, medians of interleaved
runs. ``steps`` times a 64-256-128-32 network with ReLU and without dropout, over all
pairs of a batch. ``peer`` is pytorch-metric-learning's `ContrastiveLoss` in the loop of
its documentation. ``floor`` is that loop with the sum of squares of the embedding as
its loss, ``network`` the same with the encoder and optimizer of this package, and
``products`` only the matrix products of network and pairs. ``fits`` trains the same
network on tables for the same number of epochs. ``estimators`` fits
`ContrastiveEmbedding` and others with their defaults on three quarters of a table; the
accuracy is that of 5 nearest neighbours on the rest. UMAP and CEBRA are left out where
they are not installed. Writes ``results/speed.json`` and ``results/speed.md``;
``--parts`` measures some parts only and keeps the other results.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
import torch
from _common import parts, peers, report, tables
from _common.parts import HIDDEN, N_COMPONENTS, our_loop
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.losses import ContrastiveLinearLoss, ContrastiveLoss
from sklearn_contrastive.miners import AllPairs, NearestPairs

#: Runs of one fit that differ by more tell of other work on the machine.
_BUSY = 2
#: Rows in one timed run of steps: tens of milliseconds per run.
N_ROWS = 10_240
BATCHES = (256, 512, 1024, 2048)
N_EPOCHS = {"letter": 5, "mnist5k": 10}


def step_contestants(batch_size):
    """Return the loops by name."""
    X, y = parts.rows(4 * batch_size)
    n_steps = N_ROWS // batch_size
    theirs = X, y, (X.shape[1], *HIDDEN, N_COMPONENTS), batch_size, n_steps
    ours = X, y, batch_size, n_steps
    return {
        "products": parts.products_loop(theirs[2], batch_size, n_steps),
        "network": parts.network_loop(X, theirs[2], batch_size, n_steps),
        "floor": peers.step_loop(*theirs, peers.no_pair_loss),
        "peer": peers.step_loop(*theirs, peers.published_loss()),
        "ours": our_loop(*ours, ContrastiveLoss(1.0), AllPairs()),
        "linear": our_loop(*ours, ContrastiveLinearLoss(1.0), AllPairs()),
        "nearest": our_loop(*ours, ContrastiveLoss(1.0), NearestPairs()),
    }


def measure_steps(options):
    """Return milliseconds per step, by batch size and contestant."""
    results = {}
    for batch_size in BATCHES:
        loops = step_contestants(batch_size)
        report.in_turn(loops, 1)
        seconds = report.in_turn(loops, options.runs)
        results[str(batch_size)] = {
            name: [1e3 * value / (N_ROWS // batch_size) for value in times]
            for name, times in seconds.items()
        }
    return results


def measure_fits(options):
    """Return seconds per fit, by table and batch size and contestant."""
    results = {}
    for name, n_epochs in N_EPOCHS.items():
        loaded = tables.load(name, options.data)
        if loaded is None:
            continue
        X, y = (
            loaded[0].astype(np.float32),
            np.unique(loaded[1], return_inverse=True)[1],
        )
        sizes = X.shape[1], *HIDDEN, N_COMPONENTS
        for batch_size in (256, 1024):
            model = ContrastiveEmbedding(
                N_COMPONENTS,
                n_members=1,
                hidden_layer_sizes=HIDDEN,
                activation="relu",
                dropout=0.0,
                margin=1.0,
                miner="all",
                batch_size=batch_size,
                max_iter=n_epochs,
            )
            theirs = X, y, sizes, batch_size, n_epochs
            loops = {
                "ours": lambda model=model, X=X, y=y: model.fit(X, y),
                "peer": lambda theirs=theirs: peers.fit_loop(*theirs, loader=True),
                "sliced": lambda theirs=theirs: peers.fit_loop(*theirs, loader=False),
            }
            times = report.in_turn(loops, options.runs)
            results[f"{name}, {batch_size}"] = times
    return results


def measure_estimators(options):
    """Return seconds per fit and accuracies, by table and contestant."""
    fits = {
        "ours": lambda X, y: ContrastiveEmbedding(random_state=0).fit(X, y).transform,
        "NCA": peers.nca,
    }
    fits |= {"UMAP": peers.umap} if peers.installed("umap") else {}
    fits |= {"CEBRA": peers.cebra} if peers.installed("cebra") else {}
    results = {}
    for name in ("satellite", "mnist5k"):
        loaded = tables.load(name, options.data)
        if loaded is None:
            continue
        X, y = loaded[0], np.unique(loaded[1], return_inverse=True)[1]
        X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)
        times, accuracies = {}, {}
        for _ in range(options.runs):
            for method, fit in fits.items():
                start = time.perf_counter()
                embed = fit(X, y)
                times.setdefault(method, []).append(time.perf_counter() - start)
                voters = KNeighborsClassifier().fit(embed(X), y)
                accuracies.setdefault(method, []).append(
                    voters.score(embed(X_test), y_test)
                )
                print(
                    name, method, times[method][-1], accuracies[method][-1], flush=True
                )
        results[name] = {"seconds": times, "accuracies": accuracies}
    return results


def markdown(results):
    """Return the results as Markdown tables."""
    lines = [
        "One step over all pairs of a batch, in milliseconds:",
        "",
        "| batch | products | network | floor | ours | nearest | peer | peer / ours "
        "| ours / floor | nearest / floor |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for batch_size, times in results.get("steps", {}).items():
        median = {name: np.median(values) for name, values in times.items()}
        lines.append(
            f"| {int(batch_size):,} | {median['products']:.2f} | "
            f"{median['network']:.2f} | {median['floor']:.2f} | {median['ours']:.2f} | "
            f"{median['nearest']:.2f} | {median['peer']:.1f} | "
            f"{report.ratio(times['peer'], times['ours'])} | "
            f"{report.ratio(times['ours'], times['floor'])} | "
            f"{report.ratio(times['nearest'], times['floor'])} |"
        )
    lines += [
        "",
        "A whole fit, in seconds; the peer once with torch's DataLoader and once with "
        "slices of a permutation:",
        "",
        "| table, batch | ours | DataLoader | slices | DataLoader / ours "
        "| slices / ours |",
        "|---|---|---|---|---|---|",
    ]
    for case, times in results.get("fits", {}).items():
        median = {name: np.median(values) for name, values in times.items()}
        lines.append(
            f"| {case} | {median['ours']:.2f} | {median['peer']:.2f} | "
            f"{median['sliced']:.2f} | {report.ratio(times['peer'], times['ours'])} | "
            f"{report.ratio(times['sliced'], times['ours'])} |"
        )
    lines += [
        "",
        "Estimators with their defaults, and the accuracy of 5 nearest neighbours:",
        "",
        "| table | estimator | s | accuracy | time / ours |",
        "|---|---|---|---|---|",
    ]
    estimators = results.get("estimators", {})
    ours = [runs["seconds"]["ours"] for runs in estimators.values()]
    # A fit of ours does the same each time.
    busy = any(max(seconds) > _BUSY * min(seconds) for seconds in ours)
    for name, runs in estimators.items():
        for method, seconds in runs["seconds"].items():
            lines.append(
                f"| {name} | {method} | {np.median(seconds):.1f} | "
                f"{100 * np.median(runs['accuracies'][method]):.1f} % | "
                f"{report.ratio(seconds, runs['seconds']['ours'])} |"
            )
    lines += [
        "",
        "Steps and fits: hidden layers of 256 and 128, 32 components, ReLU, no "
        "dropout, margin 1, all pairs; 64 columns for the steps, "
        f"{N_EPOCHS['letter']} and {N_EPOCHS['mnist5k']} epochs for the fits. The "
        "first run of UMAP includes its compilation. Medians of interleaved runs, "
        "ratios with minimum and maximum. "
        + busy
        * "The machine had other work while estimators were timed, so that "
        "their seconds are too long and their ratios vary. " + results["machine"],
        "",
    ]
    return "\n".join(lines)


PARTS = {
    "steps": measure_steps,
    "fits": measure_fits,
    "estimators": measure_estimators,
}


def main():
    options = report.options(
        __doc__,
        runs={"type": int, "default": 9},
        data={"default": "."},
        parts={"nargs": "+", "default": list(PARTS), "choices": PARTS},
    )
    torch.set_num_threads(1)
    results = report.load("speed", options.out)
    for part in options.parts:
        results[part] = PARTS[part](options)
        report.save("speed", results, markdown, options.out)


if __name__ == "__main__":
    main()
