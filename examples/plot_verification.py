"""
The same or not
===============

Do two images show the same handwritten digit? ``PairVerifier`` learns this from
labelled pairs, without the digits themselves. This example sets its threshold for
several objectives, tests the guarantee of ``strategy="far"``, and ends with digits that
are not in the training data.
"""

# %%
# It learns from pairs of 60 % of the images, and is tested on pairs of the others. Half
# of the pairs are the same. (Of all pairs, one in ten is.)

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.4, stratify=y, random_state=0
)


def draw_pairs(labels, n_pairs, rng):
    """Return row numbers of pairs, half of them the same, and which these are."""
    labels = np.asarray(labels)
    first, second = rng.integers(len(labels), size=(2, 20 * n_pairs))
    first, second = first[first != second], second[first != second]
    same = labels[first] == labels[second]
    halves = [np.flatnonzero(same == label)[: n_pairs // 2] for label in (True, False)]
    chosen = np.concatenate(halves)
    return np.column_stack([first[chosen], second[chosen]]), same[chosen]


rng = np.random.default_rng(0)
pairs, same = draw_pairs(y_train, 2000, rng)
test_pairs, test_same = draw_pairs(y_test, 4000, rng)

# %%
# Learning from pairs
# -------------------
#
# Pairs are given as row numbers, and ``preprocessor=`` is the table that they index.
# Set to another table, the fitted verifier predicts for other images. The embedding
# that learns from pairs is compared with raw pixels, for which only the threshold is
# set.

from sklearn.preprocessing import FunctionTransformer

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.metrics import equal_error_rate
from sklearn_contrastive.verification import PairVerifier

verifiers = {
    "Pixels": PairVerifier(FunctionTransformer(), preprocessor=X_train),
    "Learned from 2,000 pairs": PairVerifier(
        ContrastiveEmbedding(), preprocessor=X_train, random_state=0
    ),
}
for name, verifier in verifiers.items():
    verifier.fit(pairs, same).set_params(preprocessor=X_test)
    accuracy = verifier.score(test_pairs, test_same)
    error = equal_error_rate(test_same, verifier.pair_distance(test_pairs))
    print(f"{name:25s} accuracy {accuracy:.3f}, equal error rate {error:.3f}")

# %%
# Distances of same and different pairs overlap widely in pixels, and hardly in the
# embedding:

import matplotlib.pyplot as plt

COLOURS = {"same": "#0072b2", "different": "#e69f00"}

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, (name, verifier) in zip(axes, verifiers.items(), strict=True):
    distances = verifier.pair_distance(test_pairs)
    bins = np.linspace(0, distances.max(), 60)
    for label, colour in COLOURS.items():
        chosen = distances[test_same == (label == "same")]
        ax.hist(chosen, bins, color=colour, alpha=0.65, label=f"{label} digit")
    ax.axvline(verifier.threshold_, color="0.3", linestyle="--", label="threshold")
    ax.set(title=name, xlabel="distance of the two images")
axes[0].set_ylabel("test pairs")
axes[0].legend(frameon=False)
plt.show()

# %%
# A threshold for a purpose
# -------------------------
#
# The default threshold has the highest accuracy. Where a false accept is worse than a
# false reject, or the reverse, use another strategy. The threshold is set again on
# 1,000 other pairs of the test images; the embedding stays.

verifier = verifiers["Learned from 2,000 pairs"]
calibration_pairs, calibration_same = draw_pairs(y_test, 1000, rng)
purposes = {
    "accuracy": {},
    "eer": {},
    "max_tnr": {"min_rate": 0.99},
    "max_tpr": {"min_rate": 0.99},
    "far": {"target_far": 0.01},
}
print("strategy  threshold  same rejected  different accepted")
for strategy, settings in purposes.items():
    verifier.calibrate_threshold(
        calibration_pairs, calibration_same, strategy=strategy, **settings
    )
    accepted = verifier.predict(test_pairs)
    rejected = 1 - accepted[test_same].mean()
    wrongly = accepted[~test_same].mean()
    print(f"{strategy:10s}{verifier.threshold_:9.2f}{rejected:15.3f}{wrongly:20.4f}")

# %%
# The guarantee of "far"
# ----------------------
#
# A threshold that accepts just 5 % of the different pairs of calibration accepts more
# of other pairs about every other time. ``"far"`` takes random variation into account:
# with ``confidence=0.95`` at most one calibration in twenty may exceed the rate. Here
# 200 calibrations have 300 different pairs each, drawn at random from all pairs of the
# test images, so that the rate among all of these pairs is known.

first, second = np.triu_indices(len(y_test), k=1)
differ = y_test[first] != y_test[second]
all_distances = verifier.pair_distance(np.column_stack([first, second])[differ])
target = 0.05

rates = {"5 % of the calibration pairs": [], 'strategy="far"': []}
for _ in range(200):
    drawn, drawn_same = draw_pairs(y_test, 600, rng)
    verifier.calibrate_threshold(drawn, drawn_same, "far", target_far=target)
    just = np.quantile(verifier.pair_distance(drawn)[~drawn_same], target)
    for found, threshold in zip(
        rates.values(), (just, verifier.threshold_), strict=True
    ):
        found.append(np.mean(all_distances <= threshold))

figure, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
for (name, found), colour in zip(rates.items(), COLOURS.values(), strict=True):
    exceeded = np.mean(np.array(found) > target)
    print(f"{name:31s} more than 5 % in {exceeded:.1%} of the calibrations")
    ax.hist(
        100 * np.array(found),
        np.linspace(0, 10, 41),
        color=colour,
        alpha=0.65,
        label=f"{name}:\nmore in {exceeded:.1%} of calibrations",
    )
ax.axvline(100 * target, color="0.3", linestyle="--", label="target")
ax.set(
    xlabel="accepted of all different pairs, in %",
    ylabel="calibrations",
    title="True rate of false accepts in 200 calibrations on 300 different pairs",
)
ax.legend(frameon=False)
plt.show()

# %%
# The guarantee holds, but the threshold is lower, and more same pairs are rejected.
# With more calibration pairs the difference becomes smaller.
#
# New digits
# ----------
#
# All digits above were in the training data; only the images were new. New digits are
# harder. An embedding of the images of six digits, frozen so that `fit` only sets the
# threshold, is tested on pairs of the other four:

from sklearn.frozen import FrozenEstimator

learned = y < 6
new_pairs, new_same = draw_pairs(y[~learned], 2000, rng)
embedding = ContrastiveEmbedding(random_state=0).fit(X[learned], y[learned])
for name, frozen in {
    "Pixels": FunctionTransformer().fit(X),
    "Learned from digits 0 to 5": embedding,
}.items():
    verifier = PairVerifier(FrozenEstimator(frozen), preprocessor=X[~learned])
    distances = verifier.fit(new_pairs, new_same).pair_distance(new_pairs)
    print(f"{name:28s} equal error rate {equal_error_rate(new_same, distances):.3f}")

# %%
# Here pixels are better. Six digits are too few to learn the differences between digits
# in general: the embedding has learned what separates these six, and drops the rest.
# If predictions are for new classes, learn from many classes, test on pairs of classes
# that are not in the training data, and compare with raw columns.
