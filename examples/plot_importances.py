"""
Importances and contributions
=============================

Which columns move a fitted embedding? Which are useful to it? And why are these two
rows far apart? The functions for these three questions are ``feature_importances``,
scikit-learn's ``permutation_importance`` and ``explain_pair``.
"""

# %%
# The table holds 178 wines with 13 measurements each, and 13 columns without
# information: the same measurements, shuffled. An embedding learns the three growers
# from half of the rows.

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
# Gradients measure how far the embedding moves when one column changes by its standard
# deviation. Permutation measures how much the score falls when a column is shuffled
# among held-out rows. Its default is `score` of the estimator; here it is MAP@R.

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
# One bar per measurement, and a line at the greatest value of a shuffled column.

import matplotlib.pyplot as plt

order = moved[~is_noise].sort_values().index
figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.6), sharey=True, layout="constrained")
panels = {
    "moves the embedding (share)": moved,
    "is useful (loss of MAP@R)": lost,
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
# Both panels agree at the top. But the shuffled columns, which are independent of the
# growers, have three tenths of all importance: the embedding has fitted some of the
# noise of 89 training rows. And flavanoids, which are useful, move it less than one of
# these columns does. Gradients show what the embedding depends on, useful or not; only
# a score on held-out rows measures use. There, columns with the same information
# replace each other, so that each of them seems less useful than it is.
#
# Why are two wines of different growers far apart? The contributions of the columns to
# their distance in the embedding are positive or negative, and add up to the distance.

first, second = (X_test[y_test == grower].iloc[0] for grower in (0, 1))
contributions = pd.Series(explain_pair(model, first, second), index=X.columns)
distance = model.pair_distance([[first, second]])[0]
print(f"contributions add up to {contributions.sum():.4f}; distance {distance:.4f}")
most = contributions.abs().sort_values().index[-5:][::-1]
columns = {"a": first, "b": second, "contribution": contributions}
print(pd.DataFrame(columns).loc[most].round(2))

# %%
# Not all of the five are measurements: these wines are rightly far apart, but partly
# because of noise.
#
# Pixels are columns too. For two images of digits the contributions can be drawn as an
# image: red where a difference makes them farther, blue where it makes them nearer,
# with the same scale for all three pairs.

from sklearn.datasets import load_digits

images, digits = load_digits(return_X_y=True)
embedding = ContrastiveEmbedding(random_state=0).fit(images[::2], digits[::2])
images, digits = images[1::2], digits[1::2]
rows_of = {digit: np.flatnonzero(digits == digit) for digit in range(10)}
pairs = {
    "a 3, an 8": (rows_of[3][0], rows_of[8][1]),
    "a 4, a 9": (rows_of[4][0], rows_of[9][1]),
    "two 3s": (rows_of[3][0], rows_of[3][1]),
}
parts = [explain_pair(embedding, images[i], images[j]) for i, j in pairs.values()]
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
figure.colorbar(drawn, ax=axes, label="contribution to the distance", shrink=0.6)
plt.show()

# %%
# The 3 and the 8 are far apart because of the pixels that close the lower loop. The two
# 3s differ in many pixels, but these contribute little.
