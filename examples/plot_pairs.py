"""
Pairs instead of labels
=======================

Sometimes nobody can name the class of a row, but somebody can say of two rows whether
they belong together. ``PairConstraints`` learns from such answers alone; of all pairs
that nobody was asked about nothing is assumed. This example asks about few and many
pairs of handwritten digits, lets answers follow from one another, and gives wrong
ones.
"""

# %%
# The labels of the training rows answer the questions, and later judge; no embedding
# but the one called "all labels" sees them.

import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.similarity import PairConstraints

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.4, stratify=y, random_state=0
)
first, second = np.triu_indices(len(X_train), k=1)


def answers(share, seed):
    """Return a share of all pairs of rows, drawn at random, and what is said of them.

    One pair in ten is similar.
    """
    rng = np.random.default_rng(seed)
    asked = rng.choice(len(first), round(share * len(first)), replace=False)
    pairs = np.column_stack([first[asked], second[asked]])
    return pairs, y_train[first[asked]] == y_train[second[asked]]


def learn(pairs, similar, closure, seed):
    """Learn from pairs alone."""
    similarity = PairConstraints(pairs, similar, transitive_closure=closure)
    model = ContrastiveEmbedding(
        similarity=similarity, loss="contrastive_squared", random_state=seed
    )
    return model.fit(X_train)


# %%
# Two questions are put to an embedding. Does the digit of a held-out row follow from
# its 5 nearest training rows? And of its 100 nearest training rows, about as many as
# show one digit, how many show its own? The first asks about the neighbourhood, the
# second whether classes stand together.


def judge(transform):
    """Return the 5-NN accuracy and the share of the same digit among 100."""
    neighbours = KNeighborsClassifier(5).fit(transform(X_train), y_train)
    Z_test = transform(X_test)
    nearest = neighbours.kneighbors(Z_test, 100, return_distance=False)
    same = y_train[nearest] == y_test[:, None]
    return neighbours.score(Z_test, y_test), same.mean()


# %%
# The loss was chosen on rows set aside from the training rows; the numbers are those
# of held-out rows, means over two draws of the pairs. With
# ``transitive_closure=True`` two rows that are joined by answers are joined as well.

shares = [0.0001, 0.001, 0.003, 0.01]
with_labels = ContrastiveEmbedding(random_state=0).fit(X_train, y_train)
beside = {
    "raw columns": judge(np.asarray),
    "all labels": judge(with_labels.transform),
}
means = {"pairs": [], "pairs and what follows": []}
for share in shares:
    for name, closure in zip(means, (False, True), strict=True):
        draws = [
            judge(learn(*answers(share, seed), closure, seed).transform)
            for seed in range(2)
        ]
        means[name].append(np.mean(draws, axis=0))
        n_pairs = round(share * len(first))
        accuracy, same = means[name][-1]
        print(f"{n_pairs:5d} {name:22s} 5-NN {accuracy:.3f}, of 100 {same:.3f}")
for name, (accuracy, same) in beside.items():
    print(f"{name:28s} 5-NN {accuracy:.3f}, of 100 {same:.3f}")

# %%
# Raw pixels are hard to beat for five neighbours: with all labels an embedding does no
# better, and with few pairs it does much worse. It does another thing: it brings whole
# classes together. Of 100 neighbours among the raw columns a third show another digit.
# With a thousandth of all pairs there are fewer, and with a hundredth nearly none, as
# with all labels. What follows from the pairs adds little here: pairs drawn at random
# from so many rows seldom form chains.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
styles = {"pairs": ("#56b4e9", "s--"), "pairs and what follows": ("#0072b2", "o-")}
levels = {"raw columns": ("#333333", ":"), "all labels": ("#888888", "-.")}
titles = ["5-NN accuracy", "same digit among 100 nearest"]
for which, (ax, title) in enumerate(zip(axes, titles, strict=True)):
    for name, points in means.items():
        colour, style = styles[name]
        heights = [point[which] for point in points]
        ax.plot(shares, heights, style, color=colour, linewidth=2, label=name)
    for name, (colour, style) in levels.items():
        level = beside[name][which]
        ax.axhline(level, color=colour, linestyle=style, linewidth=1.6, label=name)
    ax.set_xscale("log")
    ax.set_xticks(shares, [f"{100 * share:g} %" for share in shares])
    ax.minorticks_off()
    ax.set(xlabel="share of all pairs that is known", ylim=(0.3, 1.02), title=title)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].legend(frameon=False, loc="lower right")
plt.show()

# %%
# People err. Let each pair be put to two people, each of whom is wrong about some
# pairs. Where they disagree, the pair contradicts itself; it is left out, and a
# warning says how many there are. Where both are wrong, nobody notices.


def asked_twice(share, wrong, seed):
    """Return each pair twice, with answers of which a share is wrong."""
    pairs, similar = answers(share, seed)
    pairs, similar = np.tile(pairs, (2, 1)), np.tile(similar, 2)
    return pairs, similar ^ (np.random.default_rng(seed).random(len(similar)) < wrong)


def learn_aloud(pairs, similar, closure):
    """Learn and print the warnings, then what the embedding is worth."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = learn(pairs, similar, closure, 0)
    for warning in caught:
        print("  warning:", warning.message)
    accuracy, same = judge(model.transform)
    print(f"  5-NN {accuracy:.3f}, of 100 {same:.3f}")


for wrong in (0.02, 0.1):
    print(f"{wrong:.0%} of the answers are wrong, 1 % of all pairs are known")
    learn_aloud(*asked_twice(0.01, wrong, 0), closure=False)

# %%
# Even with one wrong answer in ten most errors are caught, and little is lost. It is
# another matter with what follows from the answers: one wrong link joins two whole
# groups. Rows of a group that an dissimilar pair contradicts are no longer pulled together
# at all. With few answers that costs something; with many, nearly all rows hang
# together and most of what was known is gone. Where answers may be wrong, leave
# ``transitive_closure=False``.

for share in (0.001, 0.01):
    print(f"2% of the answers are wrong, {share:.1%} of all pairs and what follows")
    learn_aloud(*asked_twice(share, 0.02, 0), closure=True)
