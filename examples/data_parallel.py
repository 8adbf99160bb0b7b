"""
Two processes, one model
========================

Each process reads its own rows, and all end with one model, that of all rows:

    torchrun --nproc-per-node 2 examples/data_parallel.py [FOLDER]

On a cluster, ``torchrun`` or what stands for it starts the processes on several
machines. With a folder, the first process writes the model there.
"""

import sys
from pathlib import Path

import torch.distributed as dist
from sklearn.datasets import load_digits

from sklearn_contrastive import ContrastiveEmbedding, persistence
from sklearn_contrastive.distributed import data_parallel


def main():
    """Train with the rows of this process."""
    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    # Every process would read its own files here.
    X, y = load_digits(return_X_y=True)
    X_train, y_train, X_test, y_test = X[::2], y[::2], X[1::2], y[1::2]
    own = X_train[rank::size], y_train[rank::size]
    model = data_parallel(ContrastiveEmbedding(random_state=0), *own)
    if rank == 0:
        score, n_own = model.score(X_test, y_test), len(own[0])
        print(f"{size} processes, {n_own} rows in the first, accuracy {score:.3f}")
        for folder in sys.argv[1:]:
            persistence.save(model, Path(folder) / "digits.model")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
