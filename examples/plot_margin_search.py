r"""
Choosing the margin by cross-validation
=======================================

How far apart should classes be? The contrastive loss pushes dissimilar rows until they
are a margin apart, and the best margin depends on the table. This example tries eight
margins on five folds of a table of handwritten digits, trained at once, and shows what
the margin does to the score, to distances, and to the pairs that are learned from.
"""

# %%
# A quarter of the rows is kept for the end: what is chosen by a score has to be tested
# on rows that had no part in the choice.

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# The search clones the embedding for each margin and each fold. All of these models
# have the same shape, and are trained stacked along one axis.

from sklearn_contrastive import ContrastiveEmbedding, ContrastiveEmbeddingCV

embedding = ContrastiveEmbedding(n_components=8, max_iter=10, random_state=0)
search = ContrastiveEmbeddingCV(embedding, cv=5).fit(X, y)
print(f"chosen: {search.margin_}, with a score of {search.best_score_:.3f}")

# %%
# The band is one standard error wide on either side. Rows of one class move apart as
# the margin grows, while the nearest dissimilar rows soon gain little more distance.
# From there on every kept pair still has a loss.

import matplotlib.pyplot as plt

from sklearn_contrastive.displays import MarginCurveDisplay

MarginCurveDisplay.from_estimator(search)
plt.show()

# %%
# Is the choice more than chance? A grid over margins and seeds shows both: compare a
# difference between margins with the spread between seeds.

margins, seeds = [0.4, 1.0, 1.6], [0, 1, 2]
grid = {"margin": margins, "random_state": seeds}
both = ContrastiveEmbeddingCV(embedding, param_grid=grid, cv=3, refit=False).fit(X, y)
# Candidates come in the order of the grid, the last name fastest.
scores = both.cv_results_["mean_test_score"].reshape(len(margins), len(seeds))
for margin, row in zip(margins, scores, strict=True):
    print(f"margin {margin}:", *(f"{score:.3f}" for score in row))
print(f"spread between seeds: {scores.std(axis=1, ddof=1).mean():.3f}")

# %%
# The search is a transformer: the best margin, fitted to all rows. On the rows that
# were kept for the end, a vote of the 5 nearest neighbours, beside that of a margin
# much smaller than the ones that were tried:

from sklearn.base import clone
from sklearn.neighbors import KNeighborsClassifier

small = clone(embedding).set_params(margin=0.1).fit(X, y)
accuracies = {}
for margin, model in {search.margin_: search, 0.1: small}.items():
    neighbours = KNeighborsClassifier().fit(model.transform(X), y)
    accuracies[margin] = neighbours.score(model.transform(X_test), y_test)
    print(f"margin {margin}: {accuracies[margin]:.3f}")
