r"""
A map of training rows proves nothing
=====================================

A network that is told which rows belong together can bring them together, whether or
not there is anything in the columns that says so. This example learns from labels that
were shuffled, and looks at two maps of the same embedding: of the rows it was trained
on, and of rows it has never seen.
"""

# %%
# The table is that of the wines, once with its labels and once with the same labels
# in another order. Half of the rows are held out.

import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

X, y = load_wine(return_X_y=True)
shuffled = np.random.RandomState(0).permutation(y)

# %%
# One embedding is learned from each, on the plane, with the settings for looking.

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
# Rows of training, on the left, lie in three patches either way: they cannot tell which
# labels mean something. Rows held out, on the right, can.

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
# The figures say the same. ``score`` is the share of rows whose nearest other row is of
# their class; with three classes of about one size, guessing finds a third.

for name, parts in halves.items():
    for part, (rows, labels) in parts.items():
        print(f"{name}, {part}: {models[name].score(rows, labels):.2f}")
