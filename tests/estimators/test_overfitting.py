"""Where labels mean nothing, held-out rows must not look separated."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits
from sklearn.metrics import silhouette_score
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_contrastive import ContrastiveEmbedding

RNG = np.random.RandomState(0)
DIGITS, CLASSES = load_digits(return_X_y=True)
#: Tables whose labels are independent of their rows.
TABLES = {
    "noise": (RNG.normal(size=(300, 40)), np.arange(300) % 3),
    "permuted labels": (DIGITS[:300], RNG.permutation(np.arange(300) % 3)),
}
SETTINGS = {
    "defaults": {},
    "map": {"n_components": 2, "normalize": False, "miner": "all", "max_iter": 100},
    "supcon": {"loss": "supcon", "n_members": 1, "max_iter": 120},
    "nca": {"loss": "nca", "n_members": 1, "max_iter": 70},
    "triplet": {"loss": "triplet", "n_members": 1, "max_iter": 70},
    "members": {"n_members": 2, "max_iter": 70},
}


#: What every run tests: each table, and each of the settings. `long` has them all.
ALWAYS = {
    ("defaults", "permuted labels"),
    ("map", "permuted labels"),
    ("supcon", "noise"),
    ("nca", "permuted labels"),
    ("triplet", "noise"),
    ("members", "permuted labels"),
}


@pytest.mark.parametrize(
    ("name", "table"),
    [
        pytest.param(*case, marks=[] if case in ALWAYS else pytest.mark.long)
        for case in product(SETTINGS, TABLES)
    ],
)
def test_a_map_of_held_out_rows_shows_no_classes_where_there_are_none(name, table):
    parts = train_test_split(*TABLES[table], test_size=0.5, random_state=0)
    X_train, X_test, y_train, y_test = parts
    model = ContrastiveEmbedding(**{"random_state": 0, **SETTINGS[name]})
    model.fit(X_train, y_train)
    Z_train, Z_test = model.transform(X_train), model.transform(X_test)
    # Training rows are learned by heart: there is something to be deceived by.
    assert model.score(X_train, y_train) > 0.95
    assert silhouette_score(Z_train, y_train) > 0.01
    found = KNeighborsClassifier().fit(Z_train, y_train).score(Z_test, y_test)
    # Three standard deviations of guessing among three classes, for 150 rows.
    assert abs(found - 1 / 3) < 3 * np.sqrt(2 / 9 / 150)
    assert silhouette_score(Z_test, y_test) < 0


def test_a_pipeline_guesses_and_points_of_all_rows_do_not():
    X, y = TABLES["noise"]
    model = ContrastiveEmbedding(max_iter=40, random_state=0)
    pipeline = make_pipeline(model, KNeighborsClassifier())
    assert abs(cross_val_score(pipeline, X, y, cv=3).mean() - 1 / 3) < 0.09
    # Weights of columns and short training do not keep a network from it, only less.
    points = model.set_params(feature_weights=None).fit_transform(X, y)
    assert cross_val_score(KNeighborsClassifier(), points, y, cv=3).mean() > 0.9


def test_fit_transform_is_fit_and_then_transform():
    X, y = TABLES["noise"]
    model = ContrastiveEmbedding(max_iter=3, random_state=0)
    assert_array_equal(model.fit_transform(X, y), model.fit(X, y).transform(X))
