"""What a benchmark ran on, in one line."""

import os
import platform

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
