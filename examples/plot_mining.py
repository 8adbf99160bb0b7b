r"""
Which pairs still teach
=======================

Most pairs of a batch stop teaching soon: the rows of two easy classes are a margin
apart after a few passes, and stay there. A miner chooses which pairs a step learns
from, and ``mining_curve_`` says, pass by pass, how many of them still cost something
and how far apart they are. This example learns from half of the handwritten digits
with four miners, then with five losses that weigh all pairs by themselves.
"""

# %%
# The curve is that of a few hundred rows of each pass's last batch.

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_contrastive import ContrastiveEmbedding

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)

miners = ["all", "random", "nearest", "hard"]
models = {
    miner: ContrastiveEmbedding(miner=miner, max_iter=30, random_state=0).fit(
        X_train, y_train
    )
    for miner in miners
}

# %%
# On the left the share of the kept negative pairs that are nearer than the margin,
# :math:`\sqrt 2`. Of all pairs, and of those drawn at random, soon less than half are;
# the nearest ones push to the end. On the right their mean distance: the harder the
# miner, the nearer its negatives.

import matplotlib.pyplot as plt
import numpy as np

colours = dict(zip(miners, ["#999999", "#56b4e9", "#0072b2", "#d55e00"], strict=True))
styles = dict(zip(miners, ["-", "--", "-.", ":"], strict=True))
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
for miner, model in models.items():
    curve = {name: np.array(values) for name, values in model.mining_curve_.items()}
    share = curve["active_negative"] / curve["kept_negative"]
    how = {"color": colours[miner], "linestyle": styles[miner], "linewidth": 2}
    passes = np.arange(1, len(share) + 1)
    left.plot(passes, share, label=miner, **how)
    right.plot(passes, curve["mean_negative"], label=miner, **how)
left.set(xlabel="pass", ylabel="share that still pushes", ylim=(0, 1.02))
right.set(xlabel="pass", ylabel="mean distance of kept negatives")
right.axhline(2**0.5, color="#333333", linewidth=0.8)
right.annotate("margin", (1, 2**0.5), xytext=(0, 3), textcoords="offset points")
left.legend(frameon=False, title="miner")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)

# %%
# Does it matter for neighbours? On these held-out digits hardly: the accuracies lie
# within six rows out of 899. The digits are an easy table; try your own.

from sklearn.neighbors import KNeighborsClassifier


def accuracy(model):
    """Return the share of held-out rows that their neighbours name."""
    neighbours = KNeighborsClassifier().fit(model.transform(X_train), y_train)
    return neighbours.score(model.transform(X_test), y_test)


for miner, model in models.items():
    print(f"contrastive, {miner:8s} {accuracy(model):.3f}")

# %%
# Losses that compare all candidates of an anchor need no miner, or, as the triplet loss
# does, choose by themselves.

for loss in ["triplet", "supcon", "nca", "multi_similarity", "proxy_anchor"]:
    model = ContrastiveEmbedding(loss=loss, max_iter=30, random_state=0)
    model.fit(X_train, y_train)
    print(f"{loss:21s} {accuracy(model):.3f}")
