"""What a benchmark ran on, and where its figures go."""

import argparse
import json
import os
import platform
from pathlib import Path

import sklearn
import torch

import sklearn_contrastive


def describe():
    """Return versions, cores and the threads that torch may use."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} "
        f"torch thread(s); Python {platform.python_version()}, scikit-learn "
        f"{sklearn.__version__}, torch {torch.__version__}, sklearn_contrastive "
        f"{sklearn_contrastive.__version__}."
    )


def options(doc, **settings):
    """Return the command line's answers: one option a keyword, and where to write."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    for name, how in settings.items():
        parser.add_argument(f"--{name}", **how)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    return parser.parse_args()


def save(name, results, markdown, folder):
    """Write the figures as JSON and as a Markdown table, and print the table."""
    results = {"machine": describe(), **results}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / f"{name}.md").write_text(markdown(results))
    print(markdown(results))
