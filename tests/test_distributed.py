"""Processes that torchrun starts."""

import subprocess
import sys
from pathlib import Path

from sklearn.datasets import load_digits

from sklearn_contrastive import persistence

EXAMPLE = Path(__file__).parents[1] / "examples" / "data_parallel.py"


def test_two_processes_of_torchrun(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    # A port that is free, on this machine alone.
    command += ["--standalone", "--local-addr", "127.0.0.1", EXAMPLE, tmp_path]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("2 processes, 450 rows in the first, accuracy 0.9")
    model = persistence.load(tmp_path / "digits.model")
    X, _ = load_digits(return_X_y=True)
    assert model.transform(X).shape == (1797, model.n_components_)
