"""Measure how time and memory grow with rows, columns, classes and batch size.

Run ``python benchmarks/scale.py``: each case is a separate process that trains
`ContrastiveEmbedding` with its defaults on float32 rows. Time is that of one epoch.
Memory is the peak of the process during `fit`, the rows included, minus its memory
after the imports; for the memory-mapped table the pages of the file do not count.
Memory is read from ``/proc`` and needs Linux. ``--parts sources`` trains with each
source of similarity on 100,000 rows for three epochs; the time outside the steps, such
as a neighbour search, is reported separately. Writes ``results/scale.json`` and
``results/scale.md``, and keeps the results of parts that are not run.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _common import report
from _common.sources import SOURCES, source

from sklearn_contrastive import ContrastiveEmbedding, Keys
from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive.losses import ContrastiveLoss
from sklearn_contrastive.miners import NearestPairs
from sklearn_contrastive.similarity import LabelSimilarity

BASE = {"rows": 100_000, "columns": 32, "classes": 10, "batch": 256, "memmap": False}
VARIED = {
    "rows": [10_000, 30_000, 100_000, 300_000, 1_000_000],
    "columns": [8, 128, 512],
    "classes": [2, 100, 1000],
    "batch": [1024, 4096],
}
CASES = [{**BASE, name: value} for name in VARIED for value in VARIED[name]]
CASES.append({**BASE, "rows": 1_000_000, "memmap": True})
PAIRS = 4096


def megabytes_of(kind):
    """Return the memory of this process, of a kind that /proc names, in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(kind):
            return int(line.split()[1]) / 1024
    raise OSError(f"/proc/self/status has no {kind}: this benchmark needs Linux.")


class Peak:
    """The peak memory inside a ``with`` block, by frequent polling."""

    def __init__(self, kind):
        self._kind, self._done = kind, threading.Event()
        self.megabytes = megabytes_of(kind)

    def _watch(self):
        while not self._done.wait(0.005):
            self.megabytes = max(self.megabytes, megabytes_of(self._kind))

    def __enter__(self):
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()


def table(case, folder):
    """Return rows and labels, generated block by block."""
    rng = np.random.default_rng(0)
    n_rows, n_columns = case["rows"], case["columns"]
    y = rng.integers(case["classes"], size=n_rows)
    centres = rng.standard_normal((case["classes"], n_columns), dtype=np.float32)
    if case["memmap"]:
        path = Path(folder) / "rows.npy"
        X = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, n_columns))
    else:
        X = np.empty((n_rows, n_columns), dtype=np.float32)
    for start in range(0, n_rows, 8192):
        block = X[start : start + 8192]
        block[:] = 2 * rng.standard_normal(block.shape, dtype=np.float32)
        block += centres[y[start : start + 8192]]
    if case["memmap"]:
        X.flush()
        X = np.load(path, mmap_mode="r")
    return X, y


def run_pairs(batch_size):
    """Compute the gradient of a batch in this process, and print megabytes."""
    similarity = LabelSimilarity().fit(None, np.arange(batch_size) % 10)
    points = torch.nn.functional.normalize(torch.randn(batch_size, 32))
    keys = Keys(*map(torch.from_numpy, similarity.keys(np.arange(batch_size))))
    keys = Keys(*(key.float() for key in keys))

    def weigh(rows, columns, work):
        parts = (Keys(*(key[part] for key in keys)) for part in (rows, columns))
        return similarity.compare(*parts, work)

    def gradient(n_rows, miner):
        part = points[:n_rows]
        return ContrastiveLoss(1.0).evaluator(part, miner=miner)(part, None, weigh)

    megabytes = {}
    for name, miner in {"all": None, "nearest": NearestPairs()}.items():
        gradient(64, miner)
        before = megabytes_of("VmRSS")
        with Peak("VmRSS") as peak:
            for _ in range(3):
                gradient(batch_size, miner)
        megabytes[name] = peak.megabytes - before
    print(json.dumps(megabytes))


def run(case):
    """Train in this process, and print seconds per epoch and megabytes."""
    settings = {"batch_size": case["batch"], "random_state": 0}
    small = table({**BASE, "rows": 2000}, None)
    # The first fit loads modules, which count as imports.
    ContrastiveEmbedding(max_iter=1, **settings).fit(*small)
    kind = "RssAnon" if case["memmap"] else "VmRSS"
    before = megabytes_of(kind)
    with tempfile.TemporaryDirectory() as folder:
        X, y = table(case, folder)
        with Peak(kind) as peak:
            start = time.perf_counter()
            model = ContrastiveEmbedding(max_iter=1, **settings).fit(X, y)
            once = time.perf_counter() - start
        start = time.perf_counter()
        ContrastiveEmbedding(max_iter=3, **settings).fit(X, y)
        thrice = time.perf_counter() - start
    print(
        json.dumps(
            {
                "seconds": (thrice - once) / 2,
                "steps": model.n_steps_,
                "first": once,
                "megabytes": peak.megabytes - before,
                "own": case["rows"] * case["columns"] * 4 / 2**20,
            }
        )
    )


def run_source(name):
    """Train with a source of similarity in this process, and print its results."""
    make, given = source(name, 2000)
    make(1).fit(*given)
    before = megabytes_of("VmRSS")
    make, given = source(name, BASE["rows"])
    parts, train = [], Trainer.train

    def timed(*call):
        start = time.perf_counter()
        loss = train(*call)
        parts.append(time.perf_counter() - start)
        return loss

    with Peak("VmRSS") as peak, mock.patch.object(Trainer, "train", timed):
        start = time.perf_counter()
        model = make(3).fit(*given)
        whole = time.perf_counter() - start
    print(
        json.dumps(
            {
                "seconds": sum(parts) / 3,
                "rest": whole - sum(parts),
                "steps": model.n_steps_ / 3,
                "megabytes": peak.megabytes - before,
            }
        )
    )


def sources_table(results):
    """Return the results of the sources of similarity as a Markdown table."""
    lines = [
        "",
        f"The sources of similarity, {BASE['rows']:,} rows of {BASE['columns']} "
        "columns:",
        "",
        "| source | s per epoch | ms per step | s outside steps | peak, MB |",
        "|---|---|---|---|---|",
    ]
    for name, case in results.items():
        lines.append(
            f"| {SOURCES[name]} | {case['seconds']:.2f} | "
            f"{1e3 * case['seconds'] / case['steps']:.2f} | {case['rest']:.1f} | "
            f"{case['megabytes']:.0f} |"
        )
    return [*lines, ""]


def slope(results, name):
    """Return the slope of log time against the log of the varied setting."""
    base = [case for case in results if not case["memmap"]]
    others = [key for key in BASE if key not in (name, "memmap")]
    base = [case for case in base if all(case[key] == BASE[key] for key in others)]
    x, y = (np.log([case[key] for case in base]) for key in (name, "seconds"))
    return np.polyfit(x, y, 1)[0]


def markdown(results):
    """Return the results as a Markdown table."""
    lines = [
        "| rows | columns | classes | batch | s per epoch | ms per step | peak, MB "
        "| peak / rows |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case in results["cases"]:
        rows = f"{case['rows']:,}" + (" (memory map)" if case["memmap"] else "")
        share = "" if case["memmap"] else f"{case['megabytes'] / case['own']:.2f}"
        lines.append(
            f"| {rows} | {case['columns']} | {case['classes']:,} | {case['batch']:,} | "
            f"{case['seconds']:.2f} | {1e3 * case['seconds'] / case['steps']:.2f} | "
            f"{case['megabytes']:.0f} | {share} |"
        )
    pairs = results["pairs"]
    lines += [
        "",
        f"The pairs of a batch of {PAIRS:,} rows take {pairs['all']:.0f} MB with all "
        f"pairs and {pairs['nearest']:.0f} MB with the nearest; one matrix of all "
        f"pairs would take {PAIRS**2 * 4 / 2**20:.0f} MB. Seconds grow as rows to the "
        f"power {slope(results['cases'], 'rows'):.2f}. "
        "Peak memory is counted from the memory after the imports; it includes the "
        "rows unless they are memory-mapped.",
        *sources_table(results["sources"]),
        results["machine"],
        "",
    ]
    return "\n".join(lines)


def in_processes(cases):
    """Return the results of each case, from a separate process."""
    results = []
    for case in cases:
        command = [sys.executable, __file__, "--case", json.dumps(case)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        results.append(json.loads(done.stdout.splitlines()[-1]))
        print(case, results[-1], flush=True)
    return results


def main():
    options = report.options(
        __doc__,
        case={"type": json.loads, "help": "run one case and print its results"},
        parts={"nargs": "+", "default": ["growth", "sources"]},
    )
    torch.set_num_threads(1)
    if options.case is not None:
        kinds = {int: run_pairs, str: run_source, dict: run}
        kinds[type(options.case)](options.case)
        return
    results = report.load("scale", options.out)
    if "growth" in options.parts:
        pairs, *grown = in_processes([PAIRS, *CASES])
        both = zip(CASES, grown, strict=True)
        cases = [{**case, **measured} for case, measured in both]
        results |= {"cases": cases, "pairs": pairs}
    if "sources" in options.parts:
        found = in_processes(SOURCES)
        results["sources"] = dict(zip(SOURCES, found, strict=True))
    report.save("scale", results, markdown, options.out)


if __name__ == "__main__":
    main()
