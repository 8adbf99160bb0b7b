"""Timing, options and files of results."""

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import sklearn
import torch

import sklearn_contrastive

RESULTS = Path(__file__).parents[1] / "results"


def describe():
    """Return processor, cores, threads and versions."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} "
        f"torch thread(s); Python {platform.python_version()}, scikit-learn "
        f"{sklearn.__version__}, torch {torch.__version__}, sklearn_contrastive "
        f"{sklearn_contrastive.__version__}."
    )


def ratio(times, others):
    """Return the median, minimum and maximum ratio of paired runs."""
    ratios = np.array(times) / np.array(others)
    return f"{np.median(ratios):.2f} ({ratios.min():.2f}–{ratios.max():.2f})"


def in_turn(contestants, n_runs, n_calls=1):
    """Return seconds per call of each contestant, from interleaved runs.

    A float that a contestant returns is taken as its seconds.
    """
    times = {name: [] for name in contestants}
    for _ in range(n_runs):
        for name, call in contestants.items():
            start = time.perf_counter()
            for _ in range(n_calls):
                result = call()
            elapsed = (time.perf_counter() - start) / n_calls
            times[name].append(result if isinstance(result, float) else elapsed)
    return times


def load(name, folder):
    """Return the results of an earlier run, or an empty dict."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def options(doc, **settings):
    """Return the parsed command line: one option per keyword, and ``--out``."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    for name, setting in settings.items():
        parser.add_argument(f"--{name}", **setting)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def keep(name, results, folder):
    """Write the results as JSON, and return them with a description of the machine."""
    results = {**results, "machine": describe()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    return results


def run_splits(name, keys, measure, markdown, options):
    """Add the missing results of splits of each key, and save all as `save` does.

    ``measure(key, split, before)`` returns them, given those of an earlier run, or None
    where there is no such table. Results are kept after each split, so that an
    interrupted run resumes.
    """
    results = {"tables": {}, **load(name, options.out)}
    for key in keys:
        for split in map(str, range(options.splits)):
            before = results["tables"].get(key, {}).get(split, {})
            found = measure(key, int(split), before)
            if found is None:
                break
            if found != before:
                results["tables"].setdefault(key, {})[split] = found
                keep(name, results, options.out)
    save(name, results, markdown, options.out)


def save(name, results, markdown, folder):
    """Write the results as JSON and as a Markdown table, and print the table."""
    results = keep(name, results, folder)
    (folder / f"{name}.md").write_text(markdown(results))
    print(markdown(results))
