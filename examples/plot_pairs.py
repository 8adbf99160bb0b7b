"""
Pairs instead of labels
=======================

Sometimes nobody can tell the class of a row, but somebody can tell of two rows whether
they belong together. ``PairConstraints`` learns from such answers only; all other pairs
are unknown. This example uses few and many pairs of handwritten digits, their
transitive closure, and wrong answers.
"""

# %%
# The labels of the training rows give the answers, and later evaluate the embeddings;
# only the embedding called "all labels" is trained on them.

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
    """Return a share of all pairs of rows, drawn at random, and their labels.

    One pair in ten is similar.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(first), round(share * len(first)), replace=False)
    pairs = np.column_stack([first[chosen], second[chosen]])
    return pairs, y_train[first[chosen]] == y_train[second[chosen]]


def learn(pairs, similar, closure, seed):
    """Learn from pairs only."""
    similarity = PairConstraints(pairs, similar, transitive_closure=closure)
    model = ContrastiveEmbedding(
        similarity=similarity, loss="contrastive_squared", random_state=seed
    )
    return model.fit(X_train)


# %%
# Each embedding is evaluated in two ways. The first metric is the accuracy of the 5
# nearest training rows. The second is the share of the same digit among the 100 nearest
# training rows; there are about 100 of each digit. The first depends on the
# neighbourhood, the second on whether classes are clusters.


def evaluate(transform):
    """Return the 5-NN accuracy and the share of the same digit among 100."""
    neighbours = KNeighborsClassifier(5).fit(transform(X_train), y_train)
    Z_test = transform(X_test)
    nearest = neighbours.kneighbors(Z_test, 100, return_distance=False)
    same = y_train[nearest] == y_test[:, None]
    return neighbours.score(Z_test, y_test), same.mean()


# %%
# The loss was chosen on validation rows; the results are from held-out rows, means over
# two draws of the pairs. With ``transitive_closure=True`` pairs that follow from the
# answers are added.

shares = [0.0001, 0.001, 0.003, 0.01]
with_labels = ContrastiveEmbedding(random_state=0).fit(X_train, y_train)
baselines = {
    "raw columns": evaluate(np.asarray),
    "all labels": evaluate(with_labels.transform),
}
means = {"pairs": [], "pairs and closure": []}
for share in shares:
    for name, closure in zip(means, (False, True), strict=True):
        draws = [
            evaluate(learn(*answers(share, seed), closure, seed).transform)
            for seed in range(2)
        ]
        means[name].append(np.mean(draws, axis=0))
        n_pairs = round(share * len(first))
        accuracy, same = means[name][-1]
        print(f"{n_pairs:5d} {name:22s} 5-NN {accuracy:.3f}, of 100 {same:.3f}")
for name, (accuracy, same) in baselines.items():
    print(f"{name:28s} 5-NN {accuracy:.3f}, of 100 {same:.3f}")

# %%
# Raw pixels are hard to beat for five neighbours: an embedding from all labels is no
# better, and with few pairs it is much worse. It has another advantage: it brings whole
# classes together. Among 100 neighbours in the raw columns a third are another digit.
# With a thousandth of all pairs there are fewer, and with a hundredth nearly none, as
# with all labels. The transitive closure adds little here: random pairs of so many rows
# seldom form chains.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
styles = {"pairs": ("#56b4e9", "s--"), "pairs and closure": ("#0072b2", "o-")}
levels = {"raw columns": ("#333333", ":"), "all labels": ("#888888", "-.")}
titles = ["5-NN accuracy", "same digit among 100 nearest"]
for which, (ax, title) in enumerate(zip(axes, titles, strict=True)):
    for name, points in means.items():
        colour, style = styles[name]
        heights = [point[which] for point in points]
        ax.plot(shares, heights, style, color=colour, linewidth=2, label=name)
    for name, (colour, style) in levels.items():
        level = baselines[name][which]
        ax.axhline(level, color=colour, linestyle=style, linewidth=1.6, label=name)
    ax.set_xscale("log")
    ax.set_xticks(shares, [f"{100 * share:g} %" for share in shares])
    ax.minorticks_off()
    ax.set(xlabel="share of known pairs", ylim=(0.3, 1.02), title=title)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].legend(frameon=False, loc="lower right")
plt.show()

# %%
# People make mistakes. Let two people label each pair, each of them wrong about some
# pairs. Where they disagree, the pair contradicts itself; it is left out, and a warning
# reports the number. Where both are wrong, the error is not detected.


def labelled_twice(share, wrong, seed):
    """Return each pair twice, with a share of wrong labels."""
    pairs, similar = answers(share, seed)
    pairs, similar = np.tile(pairs, (2, 1)), np.tile(similar, 2)
    return pairs, similar ^ (np.random.default_rng(seed).random(len(similar)) < wrong)


def learn_and_report(pairs, similar, closure):
    """Learn, print the warnings, and print the metrics."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = learn(pairs, similar, closure, 0)
    for warning in caught:
        print("  warning:", warning.message)
    accuracy, same = evaluate(model.transform)
    print(f"  5-NN {accuracy:.3f}, of 100 {same:.3f}")


for wrong in (0.02, 0.1):
    print(f"{wrong:.0%} of the answers are wrong, 1 % of all pairs are known")
    learn_and_report(*labelled_twice(0.01, wrong, 0), closure=False)

# %%
# Even with one wrong answer in ten most errors are detected, and little is lost. The
# transitive closure is different: one wrong answer joins two whole groups. Rows of a
# group that a dissimilar pair contradicts are no longer pulled together at all. With
# few answers this costs something; with many, nearly all rows are connected, and most
# of the information is lost. If answers may be wrong, keep
# ``transitive_closure=False``.

for share in (0.001, 0.01):
    print(f"2% of the answers are wrong, {share:.1%} of all pairs and their closure")
    learn_and_report(*labelled_twice(share, 0.02, 0), closure=True)
