"""
Five labels for a new class
===========================

A sorting machine gets new parts, with five labelled pieces of each. This is too little
for training. A new piece can still be compared with its nearest labelled piece. Which
distance is best: in the raw columns, in their principal components, or in an embedding
that was trained on other classes?
"""

# %%
# The classes are numbers of two digits, two images of handwritten digits side by side
# as in :doc:`plot_class_disjoint`. The embedding is trained on numbers of one half of
# the images; 25 of the 100 numbers are left out. Of these, made from the other half of
# the images, five rows each are labelled and the others are test rows. A second table
# has the digits themselves, five of which are left out.

import numpy as np
from sklearn.datasets import load_digits

images, digits = load_digits(return_X_y=True)
halves = np.array_split(np.random.default_rng(0).permutation(len(digits)), 2)


def side_by_side(half, n_rows, rng):
    """Return numbers made of two images each, and their labels."""
    left, right = rng.choice(half, (2, n_rows))
    return np.hstack([images[left], images[right]]), 10 * digits[left] + digits[right]


rng = np.random.default_rng(1)
tables = {
    "numbers, 25 of 100 new": [side_by_side(half, 1500, rng) for half in halves],
    "digits, 5 of 10 new": [(images[half], digits[half]) for half in halves],
}

# %%
# The new classes are drawn three times, and the labelled rows ten times for each. At
# chance level, one new number in 25 is right, and one new digit in five.

from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import FunctionTransformer

from sklearn_contrastive import ContrastiveEmbedding

models = {
    "Grey values": FunctionTransformer(),
    "20 principal components": PCA(n_components=20),
    "ContrastiveEmbedding": ContrastiveEmbedding(random_state=0),
}


def few_shot(Z, y, n_shots, rng):
    """Return the accuracy of the nearest of some labelled rows of each class."""
    order = rng.permutation(len(y))
    shown = np.concatenate([order[y[order] == c][:n_shots] for c in np.unique(y)])
    others = np.setdiff1d(order, shown)
    search = NearestNeighbors(n_neighbors=1).fit(Z[shown])
    nearest = shown[search.kneighbors(Z[others], return_distance=False)[:, 0]]
    return np.mean(y[nearest] == y[others])


def accuracies(model, training, new, share):
    """Return accuracies by the number of labelled rows, over draws of new classes."""
    (X, y), (X_new, y_new) = training, new
    found = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        classes = rng.permutation(np.unique(y))
        unseen = classes[: int(share * len(classes))]
        train, test = ~np.isin(y, unseen), np.isin(y_new, unseen)
        model.fit(X[train], y[train])
        Z, labels = model.transform(X_new[test]), y_new[test]
        for _ in range(10):
            found.append([few_shot(Z, labels, n, rng) for n in n_shots])
    return np.array(found)


n_shots = [1, 2, 5]
results = {}
for (title, table), share in zip(tables.items(), (0.25, 0.5), strict=True):
    results[title] = {
        name: accuracies(model, *table, share) for name, model in models.items()
    }
    print(f"{title:26s}" + "".join(f"{n:9d}" for n in n_shots) + "  labelled rows")
    for name, found in results[title].items():
        print(f"{name:26s}" + "".join(f"{a:9.3f}" for a in found.mean(axis=0)))

# %%
# Each line is a mean, and the bars are standard deviations over the draws.

import matplotlib.pyplot as plt

styles = {
    "Grey values": ("0.25", "--", "s"),
    "20 principal components": ("tab:orange", ":", "^"),
    "ContrastiveEmbedding": ("tab:blue", "-", "o"),
}
figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.2), sharey=True, layout="constrained")
for ax, (title, found) in zip(axes, results.items(), strict=True):
    for place, (name, values) in enumerate(found.items()):
        colour, line, marker = styles[name]
        ax.errorbar(
            np.arange(3) + 0.06 * (place - 1),
            values.mean(axis=0),
            values.std(axis=0),
            color=colour,
            linestyle=line,
            marker=marker,
            capsize=3,
            label=name,
        )
    ax.set_xticks(range(3), n_shots)
    ax.set(xlabel="labelled rows per class", ylim=(0, 1), title=title)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("accuracy of the nearest labelled row")
axes[1].legend(frameon=False, loc="lower right")
plt.show()

# %%
# One labelled row of a new number is worth more in the embedding than five in the
# columns or the components: the embedding was trained on 75 other numbers, and new ones
# differ in the same ways. With digits it is the reverse, by far. Five digits do not
# teach what separates the other five, and the grey values, which contain everything,
# are better.
#
# Labelled rows of new classes can tell which case it is, before the embedding is used:
# score both by ``knn_scorer`` on class-disjoint folds, as in
# :doc:`plot_class_disjoint`.
