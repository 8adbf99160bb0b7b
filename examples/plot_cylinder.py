r"""
A cylinder from neighbouring views
==================================

A camera goes round an object at several heights, under changing light. Its pictures
depend on three factors, most of all on the light. If the training data only says which
pictures were taken from neighbouring positions, the embedding should keep the
positions, which form a cylinder, and drop the light. Hadsell, Chopra and LeCun (2006)
showed this with photographs of a toy aeroplane. This example uses a table of numbers
instead, so that the true positions are known.
"""

# %%
# The camera stops at 18 angles and 9 heights. The light is four random numbers, which
# vary far more than the position does. A fixed random network with one hidden layer
# mixes all of them into 30 columns, and a little noise is added.

import numpy as np
from sklearn.model_selection import train_test_split

rng = np.random.RandomState(0)
n_rows, n_angles, n_heights, n_lights = 4000, 18, 9, 4
angle = rng.randint(n_angles, size=n_rows)
height = rng.randint(n_heights, size=n_rows)
light = rng.normal(size=(n_rows, n_lights))

turn = 2 * np.pi * angle / n_angles
circle = np.column_stack([np.cos(turn), np.sin(turn)])
factors = np.column_stack([circle, height / 4 - 1, 2 * light])
hidden = np.tanh(0.5 * (factors @ rng.normal(size=(7, 60)) + rng.normal(size=60)))
X = hidden @ rng.normal(size=(60, 30)) / np.sqrt(60)
X += rng.normal(scale=0.05, size=X.shape)

position = np.column_stack([angle, height])
train, test = train_test_split(np.arange(n_rows), test_size=0.25, random_state=0)

# %%
# Two rows are similar if their positions are at most one step apart in angle, round the
# circle, and in height. ``similarity`` takes a function that computes this from the
# values of ``y``. The embedding gets nothing but the result, yes or no, and no
# information on the light.
#
# The cylinder needs three components, and ``normalize=False`` because it is not on a
# sphere. With ``miner="all"`` every pair of a batch counts, as in the paper. These
# settings were chosen on a part of the training rows.

from sklearn.decomposition import PCA

from sklearn_contrastive import ContrastiveEmbedding


def next_to(a, b):
    """Return which positions are at most one step apart."""
    steps = abs(a - b)
    round_the_circle = np.minimum(steps[..., 0], n_angles - steps[..., 0])
    return (round_the_circle <= 1) & (steps[..., 1] <= 1)


embedding = ContrastiveEmbedding(
    n_components=3,
    normalize=False,
    similarity=next_to,
    miner="all",
    max_iter=60,
    random_state=0,
).fit(X[train], position[train])
components = PCA(n_components=3).fit(X[train])

# %%
# A map contains what can be predicted from it. The mean of the ten nearest training
# rows predicts each factor of the held-out rows. :math:`R^2` is 1 for a perfect
# prediction, and 0 for the overall mean. For a factor without any trace in the map, the
# mean of ten rows is noisier than the overall mean, and :math:`R^2` a little below 0.

from sklearn.neighbors import KNeighborsRegressor

maps = {
    "all 30 columns": X,
    "principal components": components.transform(X),
    "contrastive embedding": embedding.transform(X),
}
print(f"{'R² on held-out rows':22s}  angle height  light")
for name, Z in maps.items():
    scores = [
        KNeighborsRegressor(10)
        .fit(Z[train], factor[train])
        .score(Z[test], factor[test])
        for factor in (circle, height, light)
    ]
    print(f"{name:22s}" + "".join(f"{score:7.2f}" for score in scores))

# %%
# For the plot the embedding is rotated, without scaling, so that the height points
# upwards. All points are held-out rows.

import matplotlib.pyplot as plt
from scipy.linalg import orthogonal_procrustes

upright = np.column_stack([circle, height / 4 - 1])[test]
Z = maps["contrastive embedding"][test]
Z = Z - Z.mean(axis=0)
Z = Z @ orthogonal_procrustes(Z, upright)[0]

panels = [
    ("Principal components", maps["principal components"][test], "angle", 68),
    ("Contrastive embedding, from above", Z, "angle", 68),
    ("Contrastive embedding, from the side", Z, "height", 10),
]
looks = {
    "angle": {"c": 360 / n_angles * angle[test], "cmap": "twilight", "vmax": 360},
    "height": {"c": height[test] + 1, "cmap": "viridis", "vmax": n_heights},
}
labels = {"angle": "angle (degrees)", "height": "height (step)"}
ticks = {"angle": [0, 90, 180, 270, 360], "height": [1, 3, 5, 7, 9]}

figure, axes = plt.subplots(
    1, 3, figsize=(11, 4.6), subplot_kw={"projection": "3d"}, layout="constrained"
)
for ax, (title, points, factor, elevation) in zip(axes, panels, strict=True):
    drawn = ax.scatter(
        *points.T, s=16, linewidths=0.25, edgecolors="0.25", alpha=1, **looks[factor]
    )
    figure.colorbar(
        drawn,
        ax=ax,
        orientation="horizontal",
        shrink=0.6,
        aspect=28,
        label=labels[factor],
        ticks=ticks[factor],
    )
    ax.set_title(title)
    ax.set_axis_off()
    ax.set_box_aspect(np.ptp(points, axis=0), zoom=1.35)
    ax.view_init(elev=elevation, azim=-60)
plt.show()

# %%
# Principal components follow the light, which has most of the variance, and mix all
# angles. The embedding is a hollow cylinder: the angle runs round it, the height runs
# along it, and the light cannot be predicted from it. Distances in the 30 columns are a
# mixture of everything.
#
# The margin determines the width of the cylinder; its orientation is arbitrary. The
# closed ring is not part of the objective: every similarity is local, and the ring is
# what keeps all neighbours together and all others apart.
