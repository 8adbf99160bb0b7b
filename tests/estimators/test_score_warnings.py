"""Scores that are the same whatever the embedding come with a warning."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.metrics import knn_scorer, map_at_r_scorer

X = np.random.RandomState(0).normal(size=(40, 3))
CLASSES, TARGETS = np.arange(40) % 4, X[:, 0]
SETS = (X > 0).astype(int)


def embedding(**settings):
    settings = {"hidden_layer_sizes": (4,), "max_iter": 1, **settings}
    return ContrastiveEmbedding(2, n_members=1, random_state=0, **settings)


@pytest.mark.parametrize(
    ("y", "rows", "other", "score", "reason"),
    [
        (CLASSES, 8, [1] * 8, 1, "of one class"),
        (CLASSES.astype(str), 8, ["1"] * 8, 1, "of one class"),
        (CLASSES, 4, CLASSES[:4], 0, "alone of their class"),
        (TARGETS, 8, [0.5] * 8, 1, "of one target"),
        (TARGETS, 6, TARGETS[:6], None, "neighbours of each other, being at most 6"),
        (SETS, 8, [[1, 0, 1]] * 8, 1, "of the same labels"),
        (None, 6, None, 1, "neighbours of each other"),
    ],
)
def test_a_score_that_says_nothing_comes_with_a_warning(y, rows, other, score, reason):
    model = embedding().fit(X, y)
    with pytest.warns(UserWarning, match=f"All rows that are scored are {reason}") as w:
        found = model.score(X[:rows], other)
    assert score is None or found == score
    assert [each.filename for each in w] == [__file__]
    # Without one: warnings are errors.
    model.score(X, y)


def test_unknown_labels_are_not_counted():
    model = embedding(similarity="targets").fit(X, TARGETS)
    some = np.where(np.arange(40) < 7, 0.5, np.nan)
    with pytest.warns(UserWarning, match="of one target"):
        model.score(X, some)


@pytest.mark.parametrize("scoring", [None, knn_scorer, map_at_r_scorer])
def test_folds_of_one_class_are_noticed(scoring):
    table, y = load_iris(return_X_y=True)
    with pytest.warns(UserWarning, match="of one class"):
        cross_val_score(embedding(), table, y, cv=KFold(3), scoring=scoring)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    assert cross_val_score(embedding(), table, y, cv=folds, scoring=scoring).max() < 1
