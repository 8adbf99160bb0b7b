"""
A map of digits in two dimensions
=================================

An embedding with two components can be plotted. Here it is trained on half of the
handwritten digits and plotted for the other half, together with principal components of
the same rows. The accuracy of a nearest-neighbour classifier on the map measures how
well the map separates the digits.
"""

# %%
# The rows are images of 8 by 8 grey values. Only one half is used for training.

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)

# %%
# On the unit sphere, two components are a circle with nothing inside. With
# ``normalize=False`` the map has the whole plane. A digit should be one patch of the
# map, so every pair of equal digits should attract: this is ``miner="all"``. (The
# default selects the nearest equal digits of each row, so that one digit may have
# several patches.) `presets` has both settings together.

from sklearn.decomposition import PCA

from sklearn_contrastive import ContrastiveEmbedding, presets

maps = {
    "Principal components": PCA(n_components=2),
    "Contrastive embedding": ContrastiveEmbedding(
        **presets.MAP_2D, max_iter=100, random_state=0
    ),
}

# %%
# Both maps are trained on the first half, and both halves are mapped. The classifier is
# trained on the first half of the map and predicts the second.

from sklearn.neighbors import KNeighborsClassifier

points, accuracies = {}, {}
for name, transformer in maps.items():
    Z_train = transformer.fit_transform(X_train, y_train)
    Z_test = transformer.transform(X_test)
    neighbours = KNeighborsClassifier(n_neighbors=5).fit(Z_train, y_train)
    points[name] = Z_test
    accuracies[name] = neighbours.score(Z_test, y_test)

# %%
# Each symbol is at the place of its image, so that the plot can be read without
# colours.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(10, 5.2), layout="constrained")
for ax, (name, Z) in zip(axes, points.items(), strict=True):
    for digit in range(10):
        rows = y_test == digit
        ax.scatter(
            Z[rows, 0],
            Z[rows, 1],
            marker=f"${digit}$",
            s=34,
            linewidths=0.2,
            color=plt.cm.tab10(digit),
        )
    ax.set_title(f"{name}\n5-NN accuracy on held-out rows: {accuracies[name]:.2f}")
    ax.set(xticks=[], yticks=[])
    ax.set_aspect("equal", adjustable="datalim")
    ax.spines[:].set_color("0.7")
figure.suptitle("Held-out digits in two maps", fontsize="x-large")
plt.show()

# %%
# Principal components keep as much variance as two axes can hold and do not use the
# labels, so that the digits overlap. The contrastive loss pulls equal digits together
# and pushes different ones a margin apart, also on held-out rows. The distances between
# patches mean little: beyond the margin there is no force.
