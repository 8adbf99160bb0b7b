"""Measure training by several processes: equal, how fast, bytes sent, memory.

Run ``python benchmarks/scale_out.py --data FOLDER``. Each process holds a part of the
rows; they speak by gloo over the loopback interface, whose counters of bytes are read
from ``/proc`` (Linux; nothing else should use it meanwhile). A step is the difference
of two fits of different lengths, in turn with a fit of one process without a group. The
accuracy is that of 5 nearest neighbours on test rows, with the defaults, by one process
and by two. Memory is the peak of a process during `fit`, less its memory after the
imports, its rows included; that of workers of a `LocalCluster` too, of which none is
allowed to hold the table. Failures are those of a worker there. Writes
``results/scale_out.json`` and ``results/scale_out.md``.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["GLOO_SOCKET_IFNAME"] = "lo"

import numpy as np
import torch.distributed as dist
from _common import report, tables
from scale import Peak, megabytes_of
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier

from sklearn_contrastive import ContrastiveEmbedding, ContrastiveNeighborsClassifier
from sklearn_contrastive.dask import (
    DaskContrastiveEmbedding,
    DaskContrastiveNeighborsClassifier,
)
from sklearn_contrastive.dask._cluster import run_together
from sklearn_contrastive.distributed import data_parallel

N_PROCESSES = 1, 2
BATCHES = 128, 1024
N_ROWS, N_COLUMNS, N_CLASSES = 100_000, 32, 10
MANY_ROWS = 2_000_000
QUALITY = ("letter", "satellite")
#: Memory that a worker may have: too little for one that holds all rows.
LIMITS = {
    DaskContrastiveEmbedding: "900MB",
    DaskContrastiveNeighborsClassifier: "1020MB",
}
#: Seconds until a worker has stalled.
TIMEOUT = 5
#: What stays the same of the default networks: four, of 8 components each.
N_NETWORKS, N_OWN, WIDTH = 4, 8, 128


def own_rows(n_rows, rank, size):
    """Return the rows and labels that one process holds, made block by block."""
    rng = np.random.default_rng(rank)
    n_own = n_rows // size
    y = rng.integers(N_CLASSES, size=n_own)
    centres = np.random.default_rng(99).standard_normal((N_CLASSES, N_COLUMNS))
    X = np.empty((n_own, N_COLUMNS), dtype=np.float32)
    for start in range(0, n_own, 8192):
        block = X[start : start + 8192]
        block[:] = 2 * rng.standard_normal(block.shape, dtype=np.float32)
        block += centres[y[start : start + 8192]]
    return X, y


def sent():
    """Return how many bytes have been sent over the loopback interface."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == "lo":
            return int(numbers.split()[8])
    raise OSError("/proc/net/dev has no lo: this benchmark needs Linux.")


def steps(rank, size, batch):
    """Return milliseconds and bytes a step, of all processes together."""
    X, y = own_rows(N_ROWS, rank, size)
    found = []
    for max_iter in (1, 1, 3):
        params = {"batch_size": batch, "max_iter": max_iter, "random_state": 0}
        model = ContrastiveEmbedding(feature_weights=None, **params)
        dist.barrier()
        start, before = time.perf_counter(), sent()
        data_parallel(model, X, y)
        dist.barrier()
        found.append((time.perf_counter() - start, sent() - before, model.n_steps_))
    # The first one loads modules.
    seconds, n_bytes, n_steps = np.subtract(found[2], found[1])
    return {"ms": 1e3 * seconds / n_steps, "bytes": n_bytes / n_steps}


def alone(batch):
    """Return milliseconds a step of one process without a group."""
    (X, y), found = own_rows(N_ROWS, 0, 1), []
    for max_iter in (1, 1, 3):
        params = {"batch_size": batch, "max_iter": max_iter, "random_state": 0}
        model = ContrastiveEmbedding(feature_weights=None, **params)
        start = time.perf_counter()
        model.fit(X, y)
        found.append((time.perf_counter() - start, model.n_steps_))
    seconds, n_steps = np.subtract(found[2], found[1])
    return {"ms": 1e3 * seconds / n_steps}


def memory(rank, size, predictor):
    """Return the peak of this process, and the size of its rows, in megabytes."""
    data_parallel(ContrastiveEmbedding(max_iter=1), *own_rows(2000, rank, size))
    kind = ContrastiveNeighborsClassifier if predictor else ContrastiveEmbedding
    before = megabytes_of("VmRSS")
    with Peak("VmRSS") as peak:
        X, y = own_rows(MANY_ROWS, rank, size)
        start = time.perf_counter()
        data_parallel(kind(random_state=0), X, y)
        seconds = time.perf_counter() - start
    return {
        "peak": peak.megabytes - before,
        "own": (X.nbytes + y.nbytes) / 2**20,
        "seconds": seconds,
    }


def quality(rank, size, name, split, folder):
    """Return the accuracy of neighbours on test rows."""
    X, y = tables.load(name, folder)
    parts = StratifiedShuffleSplit(1, test_size=0.3, random_state=split)
    train, test = next(parts.split(X, y))
    # In the order of one process, so that batches are the same.
    own = np.array_split(train, size)[rank]
    model = ContrastiveEmbedding(random_state=split)
    data_parallel(model, X[own], y[own])
    neighbors = KNeighborsClassifier().fit(model.transform(X[train]), y[train])
    return {"accuracy": neighbors.score(model.transform(X[test]), y[test])}


def cluster(n_workers, limit=0):
    """Return a cluster of workers on this machine."""
    from distributed import LocalCluster

    given = {
        "n_workers": n_workers,
        "threads_per_worker": 1,
        "dashboard_address": "127.0.0.1:0",
    }
    return LocalCluster(host="127.0.0.1", memory_limit=limit, **given)


def begin(dask_worker):
    """Import what training does, and watch the memory of a worker from now on."""
    ContrastiveEmbedding(max_iter=1).fit(*own_rows(2000, 0, 1))
    dask_worker.before = megabytes_of("VmRSS")
    dask_worker.peak = Peak("VmRSS")
    dask_worker.peak.__enter__()


def end(dask_worker):
    """Return the peak of a worker, less its memory after the imports."""
    dask_worker.peak.__exit__()
    return dask_worker.peak.megabytes - dask_worker.before


def on_workers(kind):
    """Return the peak of each of two workers, and the rows of one, in megabytes."""
    import dask
    import dask.array as da
    from distributed import Client

    n_parts = 8
    parts = [
        dask.delayed(own_rows, nout=2)(MANY_ROWS, rank, n_parts)
        for rank in range(n_parts)
    ]
    n_rows = MANY_ROWS // n_parts
    arrays = [
        da.concatenate([da.from_delayed(p[i], shape, dtype) for p in parts])
        for i, shape, dtype in (
            (0, (n_rows, N_COLUMNS), np.float32),
            (1, (n_rows,), np.int64),
        )
    ]
    own = sum(each.nbytes for each in arrays) / 2 / 2**20
    with cluster(2, LIMITS[kind]) as local, Client(local) as client:
        client.run(begin)
        X, y = dask.persist(*arrays)
        start = time.perf_counter()
        kind(random_state=0).fit(X, y)
        seconds = time.perf_counter() - start
        peaks = client.run(end).values()
    return [{"peak": peak, "own": own, "seconds": seconds} for peak in peaks]


def failures():
    """Return the seconds until a raised error, a death and a stall are errors."""
    import dask.array as da
    from distributed import Client

    def task(kind, group, blocks):
        import torch

        for step in range(1000):
            if group.rank() == 1 and step == 100 and kind == "error":
                raise KeyError("unforeseen")
            if group.rank() == 1 and step == 100 and kind:
                os.kill(os.getpid(), getattr(signal, kind))
            group.allreduce([torch.ones(1000)]).wait()
        return group.size()

    found = {}
    parts = [(part,) for part in da.ones((40, 2), chunks=(10, 2)).to_delayed()[:, 0]]
    with cluster(2) as local, Client(local) as client:
        run_together(client, parts, partial(task, None))
        for kind in ("error", "SIGKILL", "SIGSTOP"):
            pids = client.run(os.getpid).values()
            start = time.perf_counter()
            try:
                run_together(client, parts, partial(task, kind), timeout=TIMEOUT)
            except (RuntimeError, TimeoutError) as error:
                seconds = time.perf_counter() - start
                found[kind] = {"seconds": seconds, "error": type(error).__name__}
            if kind == "SIGSTOP":
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
            client.wait_for_workers(2)
            # It trains again.
            assert run_together(client, parts, partial(task, None)) == 2
    return found


PARTS = {"steps": steps, "memory": memory, "quality": quality}


def worker(what, rank, size, place, *given):
    """Join the group, and print what this process has found."""
    dist.init_process_group(
        "gloo", init_method=f"file://{place}", rank=rank, world_size=size
    )
    print(json.dumps(PARTS[what](rank, size, *given)))
    dist.destroy_process_group()


def together(what, size, *given):
    """Return what each of so many processes has found."""
    with tempfile.TemporaryDirectory() as folder:
        calls = [
            [
                sys.executable,
                __file__,
                json.dumps([what, rank, size, f"{folder}/store"]),
            ]
            for rank in range(size)
        ]
        calls = [[*call, json.dumps(given)] for call in calls]
        running = [subprocess.Popen(call, stdout=subprocess.PIPE) for call in calls]
        outputs = [each.communicate()[0] for each in running]
    if any(each.returncode for each in running):
        raise RuntimeError(f"{what} has failed.")
    return [json.loads(output.splitlines()[-1]) for output in outputs]


def on_paper(batch, size):
    """Return the bytes that all processes send in a step, as the user guide has it."""
    n_params = (N_COLUMNS + 1) * WIDTH + (WIDTH + 1) * WIDTH + (WIDTH + 1) * N_OWN
    numbers = N_NETWORKS * (batch * (N_COLUMNS + N_OWN) + n_params)
    # A sum over processes sends each number twice, but for one process's share.
    return 4 * numbers * 2 * (size - 1)


def markdown(results):
    """Return the tables of steps, accuracies and memory."""
    lines = [
        "| batch | processes | ms a step | relative to a plain fit | MB a step "
        "| by the formula |",
        "|---" * 6 + "|",
    ]
    for name, runs in results["steps"].items():
        batch, size = map(int, name.split())
        ms = [run["ms"] for run in runs]
        beside = report.ratio(ms, [run["alone"] for run in runs])
        n_bytes = np.median([run["bytes"] for run in runs]) / 1e6
        lines.append(
            f"| {batch:,} | {size} | {np.median(ms):.1f} | {beside} | {n_bytes:.2f} "
            f"| {on_paper(batch, size) / 1e6:.2f} |"
        )
    lines += ["", "| table | one process | two | difference |", "|---" * 4 + "|"]
    for name, runs in results["quality"].items():
        one, two = (100 * np.array([run[n] for run in runs]) for n in ("1", "2"))
        apart = two - one
        error = apart.std(ddof=1) / len(apart) ** 0.5
        lines.append(
            f"| {name} | {one.mean():.2f} | {two.mean():.2f} "
            f"| {apart.mean():+.2f} ± {error:.2f} |"
        )
    lines += [
        "",
        f"| {MANY_ROWS:,} rows in 2 processes | rows of one, MB | peak besides, MB "
        "| s |",
        "|---" * 4 + "|",
    ]
    for name, runs in results["memory"].items():
        own = max(run["own"] for run in runs)
        more = max(run["peak"] - run["own"] for run in runs)
        seconds = max(run["seconds"] for run in runs)
        lines.append(f"| {name} | {own:.0f} | {more:.0f} | {seconds:.0f} |")
    names = {"error": "raises an error", "SIGKILL": "dies", "SIGSTOP": "stalls"}
    lines += ["", "| a worker | s until the error | which |", "|---" * 3 + "|"]
    for name, run in results["failures"].items():
        lines.append(f"| {names[name]} | {run['seconds']:.1f} | `{run['error']}` |")
    n_runs = len(next(iter(results["steps"].values())))
    lines += [
        "",
        f"Steps of {N_ROWS:,} rows of {N_COLUMNS} columns, medians of {n_runs} runs "
        "with ratios of runs in turn; bytes of all processes together. Accuracies of 5 "
        "nearest neighbours in %, with the standard error of the difference. A worker "
        f"that stalls is one after timeout={TIMEOUT} seconds. " + results["machine"],
        "",
    ]
    return "\n".join(lines)


def main():
    options = report.options(__doc__, data={}, runs={"type": int, "default": 3})
    results = {"steps": {}, "quality": {}, "memory": {}}
    for batch in BATCHES:
        for size in N_PROCESSES:
            runs = []
            for _ in range(options.runs):
                # All processes count the same bytes.
                found = together("steps", size, batch)[0]
                runs.append({**found, "alone": alone(batch)["ms"]})
            results["steps"][f"{batch} {size}"] = runs
    for name in QUALITY:
        results["quality"][name] = [
            {
                str(size): together("quality", size, name, split, options.data)[0][
                    "accuracy"
                ]
                for size in N_PROCESSES
            }
            for split in range(5)
        ]
    for name, predictor in {"embedding": False, "predictor": True}.items():
        results["memory"][name] = together("memory", 2, predictor)
    for kind, limit in LIMITS.items():
        name = f"`{kind.__name__}`, workers of at most {limit}"
        results["memory"][name] = on_workers(kind)
    results["failures"] = failures()
    report.save("scale_out", results, markdown, options.out)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1].startswith("["):
        worker(*json.loads(sys.argv[1]), *json.loads(sys.argv[2]))
    else:
        main()
