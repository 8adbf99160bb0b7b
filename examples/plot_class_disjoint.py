"""
Classes that are not in the training rows
=========================================

An embedding for people, parts or species will be used on some that were not in its
training rows. Cross-validation with whole classes per fold, ``ClassDisjointKFold``,
measures how well this works. This example does it for two tables of handwritten digits,
with two results: a few classes teach nothing about others, many may teach a lot.
"""

# %%
# The first table has single digits, 64 grey values each: ten classes. The second has
# numbers of two digits, two images side by side: a hundred classes. In both, the
# classes of a test fold are not trained on. Images are split before numbers are made of
# them, so that no image is in a training and in a test row; ``half`` is the half of the
# images that a number is made of.

import numpy as np
from sklearn.datasets import load_digits

images, digits = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
halves = np.array_split(rng.permutation(len(digits)), 2)

left, right = (
    np.concatenate([rng.choice(half, 1500) for half in halves]) for _ in "ab"
)
numbers = np.hstack([images[left], images[right]])
labels = 10 * digits[left] + digits[right]
half = np.repeat([0, 1], 1500)

# %%
# MAP@R measures for each test row how well the other rows of its class are ranked among
# all test rows; it is 1 if they are nearer than all others. It is computed within the
# fold, so that new classes are no problem. The embedding is compared with the grey
# values, raw and standardised.

from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.metrics import map_at_r_scorer
from sklearn_contrastive.model_selection import ClassDisjointKFold

models = {
    "Grey values": FunctionTransformer(),
    "Standardised": StandardScaler(),
    "ContrastiveEmbedding": ContrastiveEmbedding(random_state=0),
}


def map_at_r(model, X, y, train, test):
    """Return MAP@R on some rows after a fit on others."""
    return map_at_r_scorer(model.fit(X[train], y[train]), X[test], y[test])


# %%
# Digits come first: five training and five test classes, and the reverse. For
# comparison, the same is done with half of the rows of the test classes in training.

folds = ClassDisjointKFold(n_splits=2, shuffle=True, random_state=0)
single = {name: [] for name in models}
for train, test in folds.split(images, digits):
    shown, hidden = np.intersect1d(test, halves[0]), np.intersect1d(test, halves[1])
    for name, model in models.items():
        new = map_at_r(model, images, digits, train, hidden)
        seen = map_at_r(model, images, digits, np.r_[train, shown], hidden)
        single[name].append((new, seen))

print(f"{'MAP@R on held-out digits':26s}class unseen  class seen")
for name, scores in single.items():
    new, seen = np.mean(scores, axis=0)
    print(f"{name:26s}{new:12.2f}{seen:12.2f}")

# %%
# For digits in the training rows nothing is better than the embedding. For the others
# nothing is worse. It was trained to separate 5 classes and learned what this needs; it
# had no reason to keep what separates the others. With five known classes and unknown
# others, search the grey values.
#
# Now the numbers: 75 training and 25 test classes in each of four folds. The test
# classes are new combinations of known digits. Fewer training classes are tried too.

folds = ClassDisjointKFold(n_splits=4, shuffle=True, random_state=0)
n_classes = [5, 25, 75]
curves = {name: [] for name in models}
for name, model in models.items():
    for n_shown in n_classes:
        scores = []
        for train, test in folds.split(numbers, labels):
            test = test[half[test] == 1]
            some = rng.permutation(np.unique(labels[train]))[:n_shown]
            train = train[(half[train] == 0) & np.isin(labels[train], some)]
            scores.append(map_at_r(model, numbers, labels, train, test))
        curves[name].append(scores)

print(f"{'MAP@R on unseen numbers':26s}" + "".join(f"{n:6d}" for n in n_classes))
for name, scores in curves.items():
    print(f"{name:26s}" + "".join(f"{np.mean(score):6.2f}" for score in scores))

# %%
# Five numbers are as few as five digits. From 75 the embedding has learned the digits
# on either side, and ranks unseen numbers far better than the grey values. Lines are
# means over the folds, and bars their standard deviation.

import matplotlib.pyplot as plt

# Colour, line, marker, and the place of the name: at which point, with which offset.
styles = {
    "Grey values": ("0.25", "--", "s", 0, (0, 7), "left"),
    "Standardised": ("tab:orange", ":", "^", 0, (8, -14), "left"),
    "ContrastiveEmbedding": ("tab:blue", "-", "o", 2, (-12, 0), "right"),
}
figure, (bars, lines) = plt.subplots(
    1, 2, figsize=(10, 4.2), sharey=True, layout="constrained"
)
for place, (name, scores) in enumerate(single.items()):
    new, seen = np.mean(scores, axis=0)
    colour = styles[name][0]
    bars.bar(place - 0.2, new, 0.38, color=colour, edgecolor=colour)
    bars.bar(place + 0.2, seen, 0.38, color="none", edgecolor=colour, hatch="//")
    bars.text(place - 0.2, new + 0.01, f"{new:.2f}", ha="center")
    bars.text(place + 0.2, seen + 0.01, f"{seen:.2f}", ha="center")
bars.set_xticks(range(3), ["Grey values", "Standardised", "Contrastive\nEmbedding"])
bars.set(ylabel="MAP@R", ylim=(0, 1.05), title="Digits: 5 classes of 10 are new")
handles = [
    plt.Rectangle((0, 0), 1, 1, facecolor="0.5", edgecolor="0.5"),
    plt.Rectangle((0, 0), 1, 1, facecolor="none", edgecolor="0.5", hatch="//"),
]
bars.legend(handles, ["class unseen", "class seen"], frameon=False, loc="upper left")
for name, scores in curves.items():
    colour, line, marker, point, shift, side = styles[name]
    means, spread = np.mean(scores, axis=1), np.std(scores, axis=1)
    lines.errorbar(
        n_classes, means, spread, color=colour, linestyle=line, marker=marker, capsize=3
    )
    lines.annotate(
        name,
        (n_classes[point], means[point]),
        shift,
        textcoords="offset points",
        ha=side,
        color=colour,
    )
lines.set_xscale("log")
lines.set_xticks(n_classes, n_classes)
lines.minorticks_off()
lines.set(xlabel="numbers trained on", title="Numbers: 25 classes of 100 are new")
for ax in (bars, lines):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The same holds in general. Use class-disjoint folds if there will be new classes. A
# good result needs many training classes that differ in the same ways as the new ones.
# Include the plain columns in the comparison: if they are better, use them.
