"""
Neighbours by target
====================

If the target is a number, rows with closer targets are more similar.
``similarity="targets"`` learns an embedding from this, and a nearest-neighbour
regressor then averages over rows with similar targets. This example does so for two
small tables, the prices of homes and the progress of diabetes, and compares it with
neighbours in the raw columns, a linear projection and a random forest.
"""

# %%
# The homes of Boston are an old table with a bad reputation: one of its columns counts
# people by the colour of their skin. It is used here without that column, only to
# compare regressors.

import numpy as np
from mlxtend.data import boston_housing_data
from sklearn.datasets import load_diabetes
from sklearn.model_selection import ShuffleSplit, train_test_split

X, y = boston_housing_data()
tables = {
    "homes": (np.delete(X, 11, axis=1), y),
    "diabetes": load_diabetes(return_X_y=True, scaled=False),
}

# %%
# The loss ``"rank_n_contrast"`` orders the rows around each row by their targets. Only
# the order of the targets counts. With two components off the unit sphere the embedding
# can be plotted. Small noisy tables are easily overfitted; a large weight decay,
# ``alpha``, reduces this.

from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import RandomForestRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import ContrastiveEmbedding


def embedding(alpha, seed):
    """Return an embedding that learns from targets."""
    return ContrastiveEmbedding(
        n_components=2,
        similarity="targets",
        loss="rank_n_contrast",
        normalize=False,
        batch_size=128,
        alpha=alpha,
        random_state=seed,
    )


def contrastive(alpha, seed):
    """Return neighbours in that embedding."""
    return make_pipeline(embedding(alpha, seed), KNeighborsRegressor(10))


def raw(n_neighbors, seed):
    """Return neighbours among the raw columns."""
    return make_pipeline(StandardScaler(), KNeighborsRegressor(n_neighbors))


def linear(n_components, seed):
    """Return a linear model of the directions that correlate with the target."""
    return PLSRegression(n_components)


def forest(min_samples_leaf, seed):
    """Return a forest."""
    return RandomForestRegressor(min_samples_leaf=min_samples_leaf, random_state=seed)


settings = {
    "neighbours in the map": (contrastive, [0.01, 5]),
    "neighbours, raw columns": (raw, [5, 10, 20]),
    "partial least squares": (linear, [1, 2, 3]),
    "random forest": (forest, [1, 5]),
}

# %%
# A third of the rows is held out, five times. Each model has one setting, which is
# chosen on a quarter of the training rows of the first split: the weight decay, or the
# number of neighbours, of directions, or of rows in a leaf.

scores, alphas = {}, {}
for table, (X, y) in tables.items():
    splits = list(ShuffleSplit(5, test_size=1 / 3, random_state=0).split(X))
    fitting, val = train_test_split(splits[0][0], test_size=0.25, random_state=0)
    for name, (model, values) in settings.items():
        trials = [
            model(value, 0).fit(X[fitting], y[fitting]).score(X[val], y[val])
            for value in values
        ]
        chosen = values[int(np.argmax(trials))]
        if name == "neighbours in the map":
            alphas[table] = chosen
            tried = ", ".join(f"{r2:.2f}" for r2 in trials)
            print(f"{table}: R² on validation rows with alpha of {values}: {tried}")
        scores[table, name] = [
            model(chosen, seed).fit(X[train], y[train]).score(X[test], y[test])
            for seed, (train, test) in enumerate(splits)
        ]
        mean, error = np.mean(scores[table, name]), np.std(scores[table, name])
        print(f"{table:8s} {name:23s} ({chosen:4g}): R² {mean:.2f} ± {error:.2f}")

# %%
# For the plot each embedding is trained again on the first split, and shows the
# held-out rows. Dark is a low target and light a high one. The maps are rotated so that
# their longest direction is horizontal and the target grows to the right. The error
# bars are standard deviations over the splits.

import matplotlib.pyplot as plt
from sklearn.decomposition import PCA

colours = ["#0072b2", "#bbbbbb", "#888888", "#555555"]
hatches = ["", "///", "...", ""]
units = {"homes": "price, 1000 dollars", "diabetes": "progress in a year"}
figure, axes = plt.subplots(
    2, 2, figsize=(9, 7), width_ratios=[1.2, 1], layout="constrained"
)
for (table, (X, y)), (left, right) in zip(tables.items(), axes, strict=True):
    train, test = next(ShuffleSplit(5, test_size=1 / 3, random_state=0).split(X))
    Z = embedding(alphas[table], 0).fit(X[train], y[train]).transform(X[test])
    Z = PCA(2).fit_transform(Z)
    Z *= np.sign(np.corrcoef(Z[:, 0], y[test])[0, 1])
    dots = left.scatter(*Z.T, c=y[test], s=26, edgecolors="#333333", linewidths=0.4)
    figure.colorbar(dots, ax=left, label=units[table])
    left.set_title(f"{table}: held-out rows")
    left.set(xticks=[], yticks=[])
    left.set_aspect("equal", adjustable="datalim")
    left.spines[:].set_color("0.7")
    means = [np.mean(scores[table, name]) for name in settings]
    errors = [np.std(scores[table, name]) for name in settings]
    bars = right.barh(
        list(settings),
        means,
        xerr=errors,
        color=colours,
        edgecolor="white",
        error_kw={"elinewidth": 1.2, "capsize": 3},
    )
    for bar, hatch, mean in zip(bars, hatches, means, strict=True):
        bar.set_hatch(hatch)
        right.annotate(
            f"{mean:.2f}",
            (0, bar.get_y() + bar.get_height() / 2),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "linewidth": 0},
        )
    right.invert_yaxis()
    right.set(xlabel="R² on held-out rows, mean of five splits", xlim=(0, 1))
    right.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The loss orders the targets, and the map is a band along this order. For the homes the
# order holds for held-out rows: neighbours in the map are as good as the forest, and
# far better than neighbours in the raw columns.
#
# The columns say little about the progress of diabetes. There the map is about as good
# as raw columns and the forest, and a linear model is better than all three: the
# relation is nearly linear, and there are few rows to learn more from. This table needs
# the large weight decay, as its validation rows show; the other one is better without.
# Search ``alpha``.
