"""Compare what ``cross_fit=True`` may return: blocks of networks, or one rotated space.

Run ``python benchmarks/blocks.py --data FOLDER``. Tables and splits are those of
``neighbors.py``. Points of the networks of one fit are used in four ways, each behind
25 neighbours and behind logistic regression:

- ``blocks``: a training row has its point in the block of the network that has not seen
  it, and zeros elsewhere; a new row has all its points. It is what is built in.
- ``rotated``: each network is turned to the first by orthogonal Procrustes on all
  training rows; a training row has its point by the network that has not seen it, a new
  row the mean of its points.
- ``seen``: every row has all its points, also those by networks trained on it.
- ``raw``: standardised columns.

An interrupted run resumes. Writes ``results/blocks.json`` and ``results/blocks.md``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from _common import report, tables
from neighbors import CLEAN, figures, parted
from scipy.linalg import orthogonal_procrustes
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import ContrastiveEmbedding

MODELS = {
    "25 neighbours": KNeighborsClassifier(25),
    "logistic regression": LogisticRegression(max_iter=2000),
}


def rotated(embedding, Z, Z_new):
    """Return training rows and new rows in the space of the first network."""
    n_networks = len(embedding.folds_)
    networks, new = (np.split(each, n_networks, axis=1) for each in (Z, Z_new))
    placed, total = np.empty_like(networks[0]), 0
    for points, points_new, (_, held_out) in zip(
        networks, new, embedding.folds_, strict=True
    ):
        turn, _ = orthogonal_procrustes(points, networks[0])
        placed[held_out] = points[held_out] @ turn
        total = total + points_new @ turn
    scale = n_networks**0.5
    return placed * scale, total / scale


def measure(name, split, folder, before):
    """Return the figures of each way and model on a split of a table."""
    parts = None if before else parted(name, split, folder)
    if parts is None:
        return before or None
    X, X_new, y, y_new = parts
    embedding = ContrastiveEmbedding(cross_fit=True, random_state=split)
    crossed = embedding.fit_transform(X, y)
    Z, Z_new = embedding.transform(X), embedding.transform(X_new)
    scaler = StandardScaler().fit(X)
    ways = {
        "blocks": (crossed, Z_new),
        "rotated": rotated(embedding, Z, Z_new),
        "seen": (Z, Z_new),
        "raw": (scaler.transform(X), scaler.transform(X_new)),
    }
    return {
        f"{way}|{model}": figures(fitted.fit(rows, y).predict_proba(new), y_new)
        for way, (rows, new) in ways.items()
        for model, fitted in MODELS.items()
    }


def markdown(results):
    """Return the means over mixed and over clean tables."""
    machine, found = results["machine"], results["tables"]
    groups = {"mixed": tables.MIXED, "clean": CLEAN}
    for kind, names in groups.items():
        groups[kind] = [name for name in names if name in found]
    title = " | ".join(f"{len(names)} {kind} tables" for kind, names in groups.items())
    lines = [f"| behind it | points | {title} |", "|---|---|---|---|"]
    for model in MODELS:
        for way in ("blocks", "rotated", "seen", "raw"):
            cells = []
            for names in groups.values():
                runs = [
                    run[f"{way}|{model}"] for n in names for run in found[n].values()
                ]
                accuracy, area, loss, *_ = np.mean(runs, axis=0)
                cells.append(f"{100 * accuracy:.1f} / {area:.3f} / {loss:.3f}")
            lines.append(f"| {model} | {way} | {' | '.join(cells)} |")
    n_splits = len(next(iter(found.values())))
    return "\n".join(
        [
            *lines,
            "",
            f"Accuracy / AUC / log-loss, means over {n_splits} splits, at most 3,000 "
            f"training rows. {machine}",
            "",
        ]
    )


def main():
    options = report.options(__doc__, data={}, splits={"type": int, "default": 3})
    report.run_splits(
        "blocks",
        (*tables.MIXED, *CLEAN),
        lambda name, split, before: measure(name, split, options.data, before),
        markdown,
        options,
    )


if __name__ == "__main__":
    main()
