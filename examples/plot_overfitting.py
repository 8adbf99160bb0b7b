r"""
A map of training rows is no evidence
=====================================

A network that is trained on labels can bring equal labels together, whether or not the
columns have anything to do with them. This example trains on true labels and on
shuffled labels, and shows two maps of each embedding: of its training rows and of
held-out rows.
"""

# %%
# The table is that of the wines, once with its labels and once with the labels
# shuffled. Half of the rows are held out.

import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

X, y = load_wine(return_X_y=True)
shuffled = np.random.RandomState(0).permutation(y)

# %%
# One embedding is trained on each, in the plane, with the settings for plots.

from sklearn_contrastive import ContrastiveEmbedding

halves, models = {}, {}
for name, labels in (("true labels", y), ("shuffled labels", shuffled)):
    split = train_test_split(X, labels, test_size=0.5, stratify=labels, random_state=0)
    X_train, X_test, y_train, y_test = split
    model = ContrastiveEmbedding(
        n_components=2, normalize=False, miner="all", random_state=0
    )
    models[name] = model.fit(X_train, y_train)
    halves[name] = {"training": (X_train, y_train), "held out": (X_test, y_test)}

# %%
# Training rows, on the left, form three patches in both cases: they do not show which
# labels are meaningful. Held-out rows, on the right, do.

import matplotlib.pyplot as plt

from sklearn_contrastive.displays import EmbeddingDisplay

figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
for row, (name, parts) in zip(axes, halves.items(), strict=True):
    for ax, (part, (rows, labels)) in zip(row, parts.items(), strict=True):
        EmbeddingDisplay.from_embedding(
            models[name].transform(rows), labels, name=f"{name}, {part}", ax=ax
        )
plt.show()

# %%
# The scores agree. ``score`` is the share of rows whose nearest other row has the same
# class; with three classes of similar size, the chance level is a third.

for name, parts in halves.items():
    for part, (rows, labels) in parts.items():
        print(f"{name}, {part}: {models[name].score(rows, labels):.2f}")
