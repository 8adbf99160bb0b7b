r"""
The effect of the margin on the sphere
======================================

The contrastive loss pulls similar pairs together, and pushes dissimilar pairs until
they are a margin apart. On the unit sphere, where embeddings are by default, two points
are at most 2 apart. The margin therefore determines how much of the sphere the classes
use. This example trains on half of the handwritten digits with five margins, and plots
the distances between rows of the other half.
"""

# %%
# Eight components are few for ten digits: the classes have to share the sphere.

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)

# %%
# One embedding is trained for each margin, with the same seed and the same number of
# steps. A 5-nearest-neighbour classifier then predicts the held-out rows.

import math

from sklearn.neighbors import KNeighborsClassifier

from sklearn_contrastive import ContrastiveEmbedding

margins = [0.25, 0.5, 1.0, math.sqrt(2), 1.9]
points, accuracies = {}, []
for margin in margins:
    embedding = ContrastiveEmbedding(
        n_components=8, margin=margin, max_iter=30, random_state=0
    )
    Z_train = embedding.fit_transform(X_train, y_train)
    points[margin] = embedding.transform(X_test)
    neighbours = KNeighborsClassifier(n_neighbors=5).fit(Z_train, y_train)
    accuracies.append(neighbours.score(points[margin], y_test))

# %%
# A pair of held-out rows is positive if both are the same digit. The plot compares the
# distances of both kinds of pairs for a small margin and for :math:`\sqrt 2`, the
# margin of ``margin="auto"``.

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.distance import pdist

positive = pdist(y_test[:, None]) == 0
bins = np.linspace(0, 2, 81)

figure, axes = plt.subplots(2, 1, figsize=(7.5, 5.5), sharex=True, layout="constrained")
for ax, margin, name in zip(
    axes, (0.25, math.sqrt(2)), ("0.25", r"$\sqrt{2}$ (auto)"), strict=True
):
    distances = pdist(points[margin])
    ax.hist(
        distances[~positive],
        bins,
        density=True,
        color="0.82",
        edgecolor="0.45",
        linewidth=0.4,
        label="different digits",
    )
    ax.hist(
        distances[positive],
        bins,
        density=True,
        histtype="step",
        color="tab:blue",
        linewidth=2,
        label="same digit",
    )
    ax.axvline(margin, color="black", linestyle="--", linewidth=1.5, label="margin")
    ax.set_title(f"margin {name}", loc="left")
    ax.set(yticks=[], ylabel="share of pairs")
    ax.spines[["top", "right", "left"]].set_visible(False)
axes[0].legend(frameon=False, loc="upper right")
axes[1].set(xlabel="distance between two held-out rows", xlim=(0, 2))
plt.show()

# %%
# With the small margin the push ends early: rows of different digits stop a little
# beyond 0.25, and most of the sphere stays empty. With the auto margin they are pushed
# until they are at right angles, a distance of :math:`\sqrt 2`.
#
# From a margin of 1 on, the typical distance hardly grows any more. Random directions
# are already about :math:`\sqrt 2` apart, and ten points cannot all be farther apart
# than that in eight dimensions: with a larger margin some dissimilar pairs always
# repel.

for margin in margins:
    distances = pdist(points[margin])
    print(
        f"margin {margin:.2f}: same digit {np.median(distances[positive]):.2f}, "
        f"different digits {np.median(distances[~positive]):.2f} (median distances)"
    )

# %%
# A nearest-neighbour classifier depends on the order of distances and not on their
# size, so that every margin works to some degree. The bars are one standard error of
# the accuracy: if they overlap, one split is not enough to decide which margin is
# better. Use a cross-validated search over the margin.

accuracies = np.array(accuracies)
errors = np.sqrt(accuracies * (1 - accuracies) / len(y_test))

figure, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
ax.errorbar(margins, accuracies, errors, color="tab:blue", marker="o", capsize=4)
ax.axvline(math.sqrt(2), color="0.45", linestyle="--", linewidth=1.5)
ax.annotate(
    r"auto, $\sqrt{2}$",
    (math.sqrt(2), 0.04),
    xycoords=("data", "axes fraction"),
    xytext=(6, 0),
    textcoords="offset points",
)
ax.set(xlabel="margin", ylabel="5-NN accuracy, held-out rows", xlim=(0, 2))
ax.spines[["top", "right"]].set_visible(False)
plt.show()
