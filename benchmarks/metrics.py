"""What it costs to measure an embedding by retrieval, beside a published library.

Run ``python benchmarks/metrics.py``: one thread. Points are those of 10, 100 and 1,000
classes on the unit sphere in 32 dimensions, in float32. MAP@R of 50,000 of them is
measured in a process of its own, with the most memory that it ever held. On 10,000 rows
the `AccuracyCalculator` of pytorch-metric-learning, which looks for neighbours with
faiss (all of them, in float32), is asked for the same figures; ratios are medians of
interleaved runs. Writes ``results/metrics.json`` and ``results/metrics.md``.
"""

import json
import os
import resource
import subprocess
import sys
import time
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from _common import report

from sklearn_contrastive.metrics import map_at_r, retrieval_scores

N_LARGE, N_BESIDE, N_COLUMNS = 50_000, 10_000, 32
LARGE, BESIDE = (10, 1000), (10, 100, 1000)
#: What both are asked for, with the name that the other has for it.
ASKED = {
    "MAP@R": {"map_at_r": "mean_average_precision_at_r"},
    "P@1, R-precision, MAP@R": {
        "precision_at_1": "precision_at_1",
        "r_precision": "r_precision",
        "map_at_r": "mean_average_precision_at_r",
    },
}


def points(n_rows, n_classes):
    """Return rows scattered around the middles of classes, on the unit sphere."""
    rng = np.random.RandomState(0)
    y = rng.randint(n_classes, size=n_rows)
    Z = rng.normal(size=(n_classes, N_COLUMNS))[y]
    Z = (Z + 0.8 * rng.normal(size=Z.shape)).astype(np.float32)
    return Z / np.linalg.norm(Z, axis=1, keepdims=True), y


def large(n_classes):
    """Return seconds, megabytes before and at most, and the figure."""
    Z, y = points(N_LARGE, n_classes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    value = map_at_r(Z, y)
    seconds = time.perf_counter() - start
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": seconds,
        "megabytes": most / 1024,
        "before": before / 1024,
        "map_at_r": value,
    }


def in_processes(n_runs):
    """Return what `large` finds, by number of classes, a process a run."""
    found = {}
    for n_classes in LARGE:
        command = [sys.executable, __file__, "--large", str(n_classes)]
        runs = [
            subprocess.run(command, check=True, capture_output=True, text=True).stdout
            for _ in range(n_runs)
        ]
        found[str(n_classes)] = [json.loads(run) for run in runs]
        print(n_classes, found[str(n_classes)], flush=True)
    return found


def beside(n_runs):
    """Return seconds of both libraries, by classes and figures asked for."""
    import faiss
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    found = {}
    for n_classes in BESIDE:
        Z, y = points(N_BESIDE, n_classes)
        for asked, names in ASKED.items():
            published = AccuracyCalculator(
                include=tuple(names.values()),
                k="max_bin_count",
                device=torch.device("cpu"),
            )
            one = len(names) == 1
            calls = {
                "ours": partial(map_at_r if one else retrieval_scores, Z, y),
                "theirs": partial(published.get_accuracy, Z, y),
            }
            ours, theirs = (call() for call in calls.values())
            gaps = [
                abs((ours if one else ours[name]) - theirs[other])
                for name, other in names.items()
            ]
            # A figure is a float, which would pass for seconds.
            watched = {name: partial(timed, call) for name, call in calls.items()}
            times = report.in_turn(watched, n_runs)
            found[f"{n_classes} {asked}"] = {**times, "gap": max(gaps)}
            print(n_classes, asked, found[f"{n_classes} {asked}"], flush=True)
    return found


def timed(call):
    """Return the seconds of a call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def markdown(results):
    """Return the figures as Markdown tables."""
    lines = [
        f"| MAP@R of {N_LARGE:,} rows | seconds | memory of the process |",
        "|---|---|---|",
    ]
    for n_classes, runs in results["large"].items():
        seconds = np.array([run["seconds"] for run in runs])
        most = max(run["megabytes"] for run in runs)
        before = max(run["before"] for run in runs)
        lines.append(
            f"| {int(n_classes):,} classes | {np.median(seconds):.1f} "
            f"({seconds.min():.1f}–{seconds.max():.1f}) | {most:.0f} MB, of which "
            f"{before:.0f} MB before |"
        )
    lines += [
        "",
        f"| {N_BESIDE:,} rows | asked for | ours | pytorch-metric-learning | ratio |",
        "|---|---|---|---|---|",
    ]
    for case, times in results["beside"].items():
        n_classes, _, asked = case.partition(" ")
        ours, theirs = times["ours"], times["theirs"]
        lines.append(
            f"| {int(n_classes):,} classes | {asked} | {np.median(ours):.2f} s | "
            f"{np.median(theirs):.2f} s | {report.ratio(theirs, ours)} |"
        )
    gap = max(times["gap"] for times in results["beside"].values())
    n_large = len(next(iter(results["large"].values())))
    n_beside = len(next(iter(results["beside"].values()))["ours"])
    lines += [
        "",
        f"{N_COLUMNS} columns in float32; one thread. Medians of {n_large} and of "
        f"{n_beside} interleaved runs with least and greatest; a ratio above 1 says "
        "that ours is faster. Theirs finds the R nearest rows with faiss. The figures "
        f"of both differ by {gap:.0e} at most. {results['machine']}",
        "",
    ]
    return "\n".join(lines)


def main():
    options = report.options(
        __doc__, runs={"type": int, "default": 7}, large={"type": int, "default": 0}
    )
    if options.large:
        print(json.dumps(large(options.large)))
        return
    results = {"large": in_processes(3), "beside": beside(options.runs)}
    report.save("metrics", results, markdown, options.out)


if __name__ == "__main__":
    main()
