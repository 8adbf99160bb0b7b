"""
Learning without labels
=======================

With ``similarity="views"`` an embedding is learned from rows only. Each row is changed
at random, twice, and the two views of one row are similar, all others dissimilar. The
embedding keeps what the changes preserve, so that the choice of changes matters. This
example trains on handwritten digits in several ways and evaluates each with a few
labels.
"""

# %%
# Of the 1,797 images 60 % are training rows, without their labels. All columns are grey
# values in one unit, and are not standardised: pixels at the border are nearly
# constant, and a division by their small deviation would amplify every change of them.

import numpy as np
from scipy.ndimage import map_coordinates
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.4, stratify=y, random_state=0
)

# %%
# Two kinds of changes need no knowledge of images. ``"corrupt"`` replaces a share of
# the values by those of other rows, and ``"noise"`` adds noise, in standard deviations
# of the column. The functions below use that a digit stays the same if it is moved a
# little, turned, or written with another pen.


def shifted(X, rng):
    """Return images moved by up to one pixel."""
    padded = np.pad(X.reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    down, right = rng.integers(3, size=(2, len(X), 1, 1))
    image, pixel = np.arange(len(X))[:, None, None], np.arange(8)
    return padded[image, down + pixel[:, None], right + pixel].reshape(X.shape)


def warped(X, rng):
    """Return images moved, turned and stretched a little."""
    centred = np.mgrid[:8, :8].reshape(2, 64) - 3.5
    turn = np.eye(2) + 0.15 * rng.standard_normal((len(X), 2, 2))
    move = 0.7 * rng.standard_normal((len(X), 2, 1))
    row, column = np.moveaxis(turn @ centred + move + 3.5, 1, 0)
    image = np.broadcast_to(np.arange(len(X))[:, None], row.shape)
    return map_coordinates(X.reshape(-1, 8, 8), [image, row, column], order=1)


def warped_and_noisy(X, rng):
    """Return warped images, darker or paler, and with noise on every pixel."""
    ink = rng.uniform(0.7, 1.3, (len(X), 1))
    return warped(X, rng) * ink + 2 * rng.standard_normal(X.shape)


# %%
# A few rows of each digit get their labels, and a held-out row is predicted by the
# nearest of them. These rows are drawn 20 times.

from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.similarity import ViewSimilarity

n_labels = [1, 5, 20]
shown, val = train_test_split(
    np.arange(len(X_train)), test_size=0.3, stratify=y_train, random_state=0
)


def draw(y, n_rows, seed):
    """Return the positions of some rows of each digit."""
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [rng.permutation(np.flatnonzero(y == digit))[:n_rows] for digit in range(10)]
    )


def accuracies(transform, X, y, X_new, y_new):
    """Return the accuracies on new rows, by the number of labels per digit."""
    Z, Z_new = transform(X), transform(X_new)
    shares = np.empty((len(n_labels), 20))
    for i, n_rows in enumerate(n_labels):
        for seed in range(20):
            rows = draw(y, n_rows, seed)
            neighbour = KNeighborsClassifier(1).fit(Z[rows], y[rows])
            shares[i, seed] = neighbour.score(Z_new, y_new)
    return shares.mean(axis=1)


def views(augment, amount="auto"):
    """Learn from views of the training rows."""
    similarity = ViewSimilarity(augment, amount=amount)
    model = ContrastiveEmbedding(
        similarity=similarity, loss="info_nce", standardize=False, random_state=0
    )
    return model.fit(X_train).transform


# %%
# The best member of each family on validation rows, over the three numbers of labels,
# is marked with a star. The accuracies are those on the held-out rows.

families = {
    "raw columns": {"": np.asarray},
    "PCA": {f"{n} components": PCA(n).fit(X_train).transform for n in (10, 20)},
    "corrupt": {f"{share}": views("corrupt", share) for share in (0.3, 0.6, 0.8)},
    "noise": {f"{amount}": views("noise", amount) for amount in (0.5, 1.0, 2.0)},
    "images": {f.__name__: views(f) for f in (shifted, warped, warped_and_noisy)},
}
chosen = {}
print(f"{'labels per digit':36s}" + "".join(f"{n:7d}" for n in n_labels))
for family, members in families.items():
    trials = {
        member: accuracies(
            transform,
            X_train[shown],
            y_train[shown],
            X_train[val],
            y_train[val],
        ).mean()
        for member, transform in members.items()
    }
    best = max(trials, key=trials.get)
    for member, transform in members.items():
        shares = accuracies(transform, X_train, y_train, X_test, y_test)
        if member == best:
            chosen[f"{family} {member}".strip().replace("_", " ")] = shares
        mark = "*" if member == best and len(members) > 1 else " "
        name = f"{family} {member}".strip()
        print(f"{name:34s} {mark}" + "".join(f"{share:7.3f}" for share in shares))

# %%
# The plot shows the marked members.

import matplotlib.pyplot as plt

colours = ["#222222", "#777777", "#56b4e9", "#d55e00", "#0072b2"]
markers = ["s--", "D--", "v-.", "^:", "o-"]
figure, ax = plt.subplots(figsize=(7.5, 4.4), layout="constrained")
for (name, shares), colour, marker in zip(
    chosen.items(), colours, markers, strict=True
):
    ax.plot(n_labels, shares, marker, color=colour, linewidth=2, label=name)
ax.set_xscale("log")
ax.set_xticks(n_labels, [str(n) for n in n_labels])
ax.minorticks_off()
ax.set(xlabel="labels per digit", ylabel="1-NN accuracy, held-out rows")
ax.legend(frameon=False, loc="lower right")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# With one label per digit, corruption and noise of the right strength beat the raw
# columns; weaker changes are too easy, and stronger ones leave too little of a row.
# With five labels only changes made for images beat them. With twenty the raw columns
# are about as good as the best embedding, and better than all others. Shifts alone are
# not enough: too much else stays the same by which two views can be matched.
#
# The best changes need knowledge of how a digit may vary. Without such knowledge,
# corruption is simple, and worth a try with very few labels.
