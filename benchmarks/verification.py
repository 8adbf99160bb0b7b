"""Measure verification on classes that are not in the training rows.

Run ``python benchmarks/verification.py --data FOLDER``: letter, with 18 training
classes of 26, and MNIST-5k, with 5 of 10. Test pairs are rows of the other classes,
20,000 pairs of the same class and 20,000 of different classes; each method is measured
by the distances of these pairs. *Searched* is a `GridSearchCV` on the training classes,
by MAP@R on class-disjoint folds. NCA is fitted on at most 3,000 rows. Means over the
given class splits.

The second table compares the thresholds of ``strategy="far"`` with plain quantiles of
the calibration pairs. There are 200 calibrations, each on different pairs drawn from
the unseen classes; the true rate is computed over all pairs of these classes. Writes
``results/verification.json`` and ``results/verification.md``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time

import numpy as np
import torch
from _common import report, tables
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.metrics import equal_error_rate, frr_at_far, map_at_r_scorer
from sklearn_contrastive.model_selection import ClassDisjointKFold
from sklearn_contrastive.verification import PairVerifier

N_TRAIN_CLASSES = {"letter": 18, "mnist5k": 5}
N_PAIRS = 20_000
MOST_NCA_ROWS = 3_000
FAR = [0.1, 0.075, 0.05]
#: The grid of *searched*, with short trainings, which fit the training classes less.
GRID = {
    "encoder": ["mlp", "linear"],
    "loss": ["contrastive", "supcon", "nca"],
    "standardize": [True, False],
}
N_PASSES = 3
N_CALIBRATIONS, CONFIDENCE = 200, 0.95
#: Numbers of calibration pairs, with their target rates.
CALIBRATIONS = [(500, 0.05), (500, 0.01), (5_000, 0.01)]


def searched():
    """Return the grid search with class-disjoint folds."""
    folds = ClassDisjointKFold(2, shuffle=True, random_state=0)
    model = ContrastiveEmbedding(max_iter=N_PASSES, random_state=0)
    return GridSearchCV(model, GRID, scoring=map_at_r_scorer, cv=folds)


METHODS = {
    "raw": FunctionTransformer,
    "standardised": StandardScaler,
    "PCA": lambda: make_pipeline(StandardScaler(), PCA(0.95)),
    "LDA": LinearDiscriminantAnalysis,
    "NCA": lambda: make_pipeline(
        StandardScaler(), NeighborhoodComponentsAnalysis(random_state=0)
    ),
    "ours": lambda: ContrastiveEmbedding(random_state=0),
    "ours, searched": searched,
}


def drawn_pairs(y, rng):
    """Return the row numbers of pairs, and whether they are of the same class."""
    a, b = rng.randint(len(y), size=(2, 60 * N_PAIRS))
    same = (y[a] == y[b]) & (a != b)
    chosen = np.flatnonzero(same)[:N_PAIRS], np.flatnonzero(y[a] != y[b])[:N_PAIRS]
    chosen = np.concatenate(chosen)
    return a[chosen], b[chosen], same[chosen]


def split_by_class(name, X, y, seed):
    """Return a mask of the training rows: those of some classes, drawn at random."""
    classes = np.random.RandomState(seed).permutation(np.unique(y))
    return np.isin(y, classes[: N_TRAIN_CLASSES[name]])


def score(method, X, y, X_new, pairs):
    """Return the metrics of one method on pairs of new classes."""
    rows = np.arange(len(X))
    if method == "NCA":
        rows = np.random.RandomState(0).permutation(rows)[:MOST_NCA_ROWS]
    start = time.perf_counter()
    model = METHODS[method]().fit(X[rows], y[rows])
    seconds = time.perf_counter() - start
    Z = model.transform(X_new)
    a, b, same = pairs
    distances = np.linalg.norm(Z[a] - Z[b], axis=1)
    return {
        "auc": roc_auc_score(same, -distances),
        "eer": equal_error_rate(same, distances),
        "frr": list(map(float, frr_at_far(same, distances, FAR))),
        "seconds": seconds,
        "chosen": str(getattr(model, "best_params_", "")),
    }


def exceeded_rates(X, y, training):
    """Return how often a calibrated threshold exceeds its target rate."""
    model = ContrastiveEmbedding(random_state=0).fit(X[training], y[training])
    X, y = X[~training].astype(np.float32), y[~training]
    Z = model.transform(X)
    i, j = np.triu_indices(len(y), 1)
    different = y[i] != y[j]
    i, j = i[different], j[different]
    distances = np.sqrt(((Z[i] - Z[j]) ** 2).sum(axis=1))
    same = np.flatnonzero(y[1:] == y[:-1])
    similar = np.stack([X[same], X[same + 1]], axis=1)
    rng, results = np.random.RandomState(0), []
    for n_pairs, rate in CALIBRATIONS:
        verifier = PairVerifier(
            FrozenEstimator(model),
            strategy="far",
            target_far=rate,
            confidence=CONFIDENCE,
        )
        found, plain = [], []
        for _ in range(N_CALIBRATIONS):
            drawn = rng.randint(len(i), size=n_pairs)
            pairs = np.stack([X[i[drawn]], X[j[drawn]]], axis=1)
            pairs = np.concatenate([pairs, similar[:100]])
            labels = np.repeat([0, 1], [n_pairs, 100])
            threshold = verifier.fit(pairs, labels).threshold_
            found.append(np.mean(distances <= threshold))
            plain.append(np.mean(distances <= np.quantile(distances[drawn], rate)))
        results.append(
            {
                "pairs": n_pairs,
                "rate": rate,
                "exceeded": float(np.mean(np.array(found) > rate)),
                "median": float(np.median(found)),
                "exceeded by quantile": float(np.mean(np.array(plain) > rate)),
            }
        )
        print(results[-1], flush=True)
    return results


def measure(options):
    """Return metrics by table and method, one per class split, and exceeded rates."""
    errors, rates = {}, {}
    for name in N_TRAIN_CLASSES:
        loaded = tables.load(name, options.data)
        if loaded is None:
            continue
        X, y = np.asarray(loaded[0], dtype=np.float64), np.asarray(loaded[1])
        errors[name] = {method: [] for method in METHODS}
        for seed in range(options.splits):
            training = split_by_class(name, X, y, seed)
            pairs = drawn_pairs(y[~training], np.random.RandomState(seed))
            for method, runs in errors[name].items():
                given = X[training], y[training], X[~training]
                runs.append(score(method, *given, pairs))
                print(name, seed, method, runs[-1], flush=True)
        rates[name] = exceeded_rates(X, y, split_by_class(name, X, y, 0))
    return {"errors": errors, "rates": rates}


def markdown(results):
    """Return the results as Markdown tables."""
    lines = []
    for name, methods in results["errors"].items():
        best = max(methods, key=lambda m: np.mean([run["auc"] for run in methods[m]]))
        lines += [
            f"{name}: pairs of unseen classes, in %, after training on "
            f"{N_TRAIN_CLASSES[name]} other classes; best AUC: {best}.",
            "",
            "| method | AUC | EER | FRR at FAR 10 | at 7.5 | at 5 | fit, s |",
            "|---|---|---|---|---|---|---|",
        ]
        for method, runs in methods.items():
            auc = 100 * np.array([run["auc"] for run in runs])
            rest = [[run["eer"], *run["frr"]] for run in runs]
            cells = [f"{auc.mean():.1f} ± {auc.std(ddof=1):.1f}"]
            cells += [f"{100 * value:.1f}" for value in np.mean(rest, axis=0)]
            cells.append(f"{np.median([run['seconds'] for run in runs]):.1f}")
            lines.append(f"| {method} | " + " | ".join(cells) + " |")
        lines.append("")
    lines += [
        f"How often the true rate exceeds the target rate, in {N_CALIBRATIONS} "
        f"calibrations at confidence {CONFIDENCE}:",
        "",
        "| table | different pairs | target, % | `far` exceeds | its median rate, % | "
        "quantile exceeds |",
        "|---|---|---|---|---|---|",
    ]
    for name, runs in results["rates"].items():
        lines += [
            f"| {name} | {run['pairs']:,} | {100 * run['rate']:g} | "
            f"{100 * run['exceeded']:.1f} % | {100 * run['median']:.2f} | "
            f"{100 * run['exceeded by quantile']:.1f} % |"
            for run in runs
        ]
    n_splits = len(next(iter(next(iter(results["errors"].values())).values())))
    lines += [
        "",
        f"Means over {n_splits} splits of the classes; AUC ± its standard deviation "
        f"over them. {results['machine']}",
        "",
    ]
    return "\n".join(lines)


def main():
    options = report.options(
        __doc__, splits={"type": int, "default": 5}, data={"default": "."}
    )
    torch.set_num_threads(1)
    report.save("verification", measure(options), markdown, options.out)


if __name__ == "__main__":
    main()
