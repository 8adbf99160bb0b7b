"""
One look at each display
========================

`sklearn_contrastive.displays` has a picture for each question about an embedding. They
follow scikit-learn's convention: ``from_estimator`` computes what is shown from a
fitted model, ``from_embedding`` or ``from_predictions`` from what is computed already.
This example draws all of them, for the handwritten digits that no model has seen.
"""

# %%
# One embedding has two components, to be looked at; the other has 32, for searching
# and comparing, and stops early. (On the plane ``normalize=False`` and ``miner="all"``
# make better maps; :doc:`plot_two_dimensions` says why.)

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_contrastive import ContrastiveEmbedding

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)

plane = ContrastiveEmbedding(
    n_components=2, normalize=False, miner="all", max_iter=60, random_state=0
).fit(X_train, y_train)
embedding = ContrastiveEmbedding(max_iter=30, early_stopping=True, random_state=0)
embedding.fit(X_train, y_train)

# %%
# Where do the rows lie?
# ----------------------
#
# Every class has its own colour, lightness and marker, so that the picture can be read
# in print and by all eyes.

import matplotlib.pyplot as plt

from sklearn_contrastive.displays import EmbeddingDisplay

EmbeddingDisplay.from_estimator(plane, X_test, y_test)
plt.show()

# %%
# How did training go?
# --------------------
#
# The validation score is that of held-out pairs. Below it, the share of all pairs that
# the miner kept, and the share that still cost something. Here these are the same: a
# positive pair always costs something, and each row's nearest negatives are within the
# margin to the end.

from sklearn_contrastive.displays import LossCurveDisplay

LossCurveDisplay.from_estimator(embedding)
plt.show()

# %%
# How far apart are pairs?
# ------------------------
#
# Rows of one digit should be nearer than rows of two. The margin is where training
# stopped pushing.

from sklearn_contrastive.displays import PairDistanceDisplay

PairDistanceDisplay.from_estimator(embedding, X_test, y_test, random_state=0)
plt.show()

# %%
# Are neighbours of the same class?
# ---------------------------------
#
# The nearest row shows the same digit in the raw columns no less often than in the
# embedding. But there it finds the other rows as well: among 50 neighbours nearly all
# show the digit. (There are about 90 rows of each, so that beyond precision must fall.)

from sklearn.decomposition import PCA

from sklearn_contrastive.displays import RetrievalCurveDisplay

pca = PCA(n_components=2).fit(X_train)
display = RetrievalCurveDisplay.from_estimator(embedding, X_test, y_test)
RetrievalCurveDisplay.from_embedding(X_test, y_test, name="raw columns", ax=display.ax_)
RetrievalCurveDisplay.from_estimator(
    pca, X_test, y_test, name="2 principal components", ax=display.ax_
)
plt.show()

# %%
# Are two rows the same?
# ----------------------
#
# A threshold on the distance decides whether two rows show the same digit. The curves
# show how often that is wrong, either way, for every threshold.

import numpy as np

from sklearn_contrastive.displays import VerificationDisplay

rng = np.random.default_rng(0)
ends = rng.choice(len(X_test), size=(20_000, 2))
ends = ends[ends[:, 0] != ends[:, 1]]
pairs, same = X_test[ends], y_test[ends[:, 0]] == y_test[ends[:, 1]]

display = VerificationDisplay.from_estimator(embedding, pairs, same)
for name, Z in {
    "raw columns": X_test,
    "2 principal components": pca.transform(X_test),
}.items():
    distances = np.linalg.norm(Z[ends[:, 0]] - Z[ends[:, 1]], axis=1)
    VerificationDisplay.from_predictions(same, distances, name=name, ax=display.ax_)
plt.show()

# %%
# The same as receiver operating characteristics:

display = VerificationDisplay.from_estimator(embedding, pairs, same, kind="roc")
VerificationDisplay.from_predictions(
    same, distances, kind="roc", name="2 principal components", ax=display.ax_
)
plt.show()

# %%
# What pulls and pushes the rows?
# -------------------------------
#
# The loss is a set of springs. Between rows of one digit they pull (plain lines),
# between rows of two digits they push (dashed) while they are nearer than the margin.
# The arrows are what is left where pull and push are not in balance. Three digits make
# a clear picture:

from sklearn_contrastive.displays import SpringDisplay

some = np.isin(y_test, [1, 4, 7])
SpringDisplay.from_estimator(
    plane, X_test[some], y_test[some], max_points=40, random_state=0
)
plt.show()
