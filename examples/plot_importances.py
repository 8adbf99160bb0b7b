"""
What an embedding goes by
=========================

Three questions about a fitted embedding. Which columns move it at all? Which are of
use to it? And why are these two rows far apart? ``feature_importances``, scikit-learn's
``permutation_importance`` and ``explain_pair`` answer one each.
"""

# %%
# The table holds 178 wines with 13 measurements each, and is made harder by as many
# columns that say nothing: the same measurements, shuffled. An embedding learns the
# three growers from half of the rows.

import numpy as np
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

from sklearn_contrastive import ContrastiveEmbedding

X, y = load_wine(return_X_y=True, as_frame=True)
X.columns = X.columns.str.replace("_", " ").str.replace("od280/od315 of ", "")
rng = np.random.default_rng(0)
noise = X.apply(rng.permutation).add_prefix("shuffled ")
X = pd.concat([X, noise], axis=1)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
model = ContrastiveEmbedding(random_state=0).fit(X_train, y_train)
print(f"accuracy of the nearest other held-out row: {model.score(X_test, y_test):.2f}")

# %%
# Gradients say how far the embedding moves when one column is changed by as much as it
# usually varies. Permutation says how much the score falls when a column is shuffled
# among held-out rows: its default is `score` of the estimator, but any other scorer
# will do.

from sklearn.inspection import permutation_importance

from sklearn_contrastive.inspection import explain_pair, feature_importances
from sklearn_contrastive.metrics import map_at_r_scorer

moved = pd.Series(feature_importances(model, X_test), index=X.columns)
result = permutation_importance(
    model, X_test, y_test, scoring=map_at_r_scorer, n_repeats=10, random_state=0
)
lost = pd.Series(result.importances_mean, index=X.columns)
is_noise = X.columns.str.startswith("shuffled")
print(f"what moves the embedding, shuffled columns: {moved[is_noise].sum():.0%}")

# %%
# One bar a measurement, and a line where the greatest of the shuffled columns ends.

import matplotlib.pyplot as plt

order = moved[~is_noise].sort_values().index
figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.6), sharey=True, layout="constrained")
panels = {
    "moves the embedding (share)": moved,
    "is of use (loss of MAP@R)": lost,
}
for ax, (title, values) in zip(axes, panels.items(), strict=True):
    ax.barh(order, values[order], color="tab:blue")
    ax.axvline(values[is_noise].max(), color="0.4", linestyle="--")
    ax.set_title(title)
    ax.spines[["top", "right"]].set_visible(False)
axes[1].annotate(
    "greatest of 13\nshuffled columns",
    (lost[is_noise].max(), 1),
    (8, 0),
    textcoords="offset points",
    color="0.4",
    va="center",
)
plt.show()

# %%
# The two pictures agree at the top. But the shuffled columns, which say nothing of the
# growers, have three tenths of all that moves the embedding: it has fitted some of the
# noise of 89 training rows. And flavanoids, which it makes good use of, move it less
# than one of them does. Slopes tell what a map goes by, right or wrong; whether it is
# right to, only a score on held-out rows can tell. Columns that say the same cover for
# each other there, so that each of them seems of little use.
#
# Why are two wines of different growers far apart? Each column adds to their distance
# in the embedding, or takes from it, and all columns together make the distance.

first, second = (X_test[y_test == grower].iloc[0] for grower in (0, 1))
contributions = pd.Series(explain_pair(model, first, second), index=X.columns)
distance = model.pair_distance([[first, second]])[0]
print(f"contributions add up to {contributions.sum():.4f}; distance {distance:.4f}")
most = contributions.abs().sort_values().index[-5:][::-1]
print(pd.DataFrame({"a": first, "b": second, "adds": contributions}).loc[most].round(2))

# %%
# Two of the five are shuffled columns. That these wines are told apart is right, but
# part of the reason is not.
#
# Pixels are columns too. For two images of digits that an embedding tells apart, what
# makes them far can be drawn as an image: red where a difference makes them farther,
# blue where it makes them nearer, in the same scale for all three pairs.

from sklearn.datasets import load_digits

images, digits = load_digits(return_X_y=True)
seer = ContrastiveEmbedding(random_state=0).fit(images[::2], digits[::2])
images, digits = images[1::2], digits[1::2]
rows_of = {digit: np.flatnonzero(digits == digit) for digit in range(10)}
pairs = {
    "a 3, an 8": (rows_of[3][0], rows_of[8][1]),
    "a 4, a 9": (rows_of[4][0], rows_of[9][1]),
    "two 3s": (rows_of[3][0], rows_of[3][1]),
}
parts = [explain_pair(seer, images[i], images[j]) for i, j in pairs.values()]
limit = np.max(np.abs(parts))

figure, axes = plt.subplots(3, 3, figsize=(7, 6.4), layout="constrained")
for row, (title, pair), part in zip(axes, pairs.items(), parts, strict=True):
    for ax, pixels in zip(row[:2], images[list(pair)], strict=True):
        ax.imshow(pixels.reshape(8, 8), cmap="gray_r")
    drawn = row[2].imshow(part.reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
    row[0].set_ylabel(title)
    row[2].set_title(f"distance {part.sum():.2f}")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
figure.colorbar(drawn, ax=axes, label="adds to the distance", shrink=0.6)
plt.show()

# %%
# The 3 and the 8 are far apart because of the pixels that close the lower loop. The two
# 3s differ in many pixels, none of which matters.
