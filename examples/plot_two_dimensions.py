"""
A map of digits in two dimensions
=================================

An embedding with two components is a map that can be looked at. Here it is learned
on half of the handwritten digits and drawn for the other half, beside the map that
principal component analysis draws of the same rows. How well a map keeps the digits
apart is read off a nearest-neighbour classifier that sees nothing but the map.
"""

# %%
# The rows are images of 8 by 8 grey values. Only one half is used to learn a map.

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)

# %%
# On the unit sphere two components leave a circle and nothing inside it. A map for
# the eye has the whole plane with ``normalize=False``. A digit should be one patch of
# the map, so that every pair of equal digits is to be pulled together: that is
# ``miner="all"``. (The default pulls only each row's nearest equals, which lets one
# digit settle in several places.) `presets` has both of them together.

from sklearn.decomposition import PCA

from sklearn_contrastive import ContrastiveEmbedding, presets

maps = {
    "Principal components": PCA(n_components=2),
    "Contrastive embedding": ContrastiveEmbedding(
        **presets.MAP_2D, max_iter=100, random_state=0
    ),
}

# %%
# Both maps are learned on the first half, and both halves are mapped. The classifier
# knows the places of the first half and names the digits of the second.

from sklearn.neighbors import KNeighborsClassifier

points, accuracies = {}, {}
for name, transformer in maps.items():
    Z_train = transformer.fit_transform(X_train, y_train)
    Z_test = transformer.transform(X_test)
    neighbours = KNeighborsClassifier(n_neighbors=5).fit(Z_train, y_train)
    points[name] = Z_test
    accuracies[name] = neighbours.score(Z_test, y_test)

# %%
# Every sign below stands where its own image was mapped, so the picture can be read
# without its colours.

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
figure.suptitle("Digits that neither map has seen", fontsize="x-large")
plt.show()

# %%
# Principal components keep as much variance as two axes can hold and know nothing of
# the digits, which therefore overlap. The contrastive loss pulls equal digits
# together and pushes different ones a margin apart, and the held-out rows follow. The
# distances between patches say little: beyond the margin nothing pushes any more.
