"""Mistakes with `X` and `y`, and their messages."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.similarity import (
    PairConstraints,
    check_pair_labels,
    infer_similarity,
)

X, y = load_wine(return_X_y=True, as_frame=True)


def small(**settings):
    return ContrastiveEmbedding(
        hidden_layer_sizes=(8,), max_iter=1, random_state=0, device="cpu", **settings
    )


@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
@pytest.mark.parametrize("rows", [X.iloc[0], X["alcohol"]], ids=["row", "column"])
def test_a_series_is_no_table(rows):
    message = "Expected a 2-dimensional container but got"
    with pytest.raises(ValueError, match=message):
        small().fit(X, y).transform(rows)
    with pytest.raises(ValueError, match=message):
        small().fit(rows, y[: len(rows)])


def test_whole_numbers_of_which_some_are_missing_are_labels():
    values = pd.Series(np.arange(178) % 100).where(y > 0)
    assert infer_similarity(X, values) == "labels"
    with pytest.raises(ValueError, match=re.escape("LabelSimilarity(unlabeled=")):
        small().fit(X, values)
    with pytest.raises(ValueError, match="use similarity='targets', where NaN means"):
        small().fit(X, values)


@pytest.mark.parametrize("kind", [str, object])
def test_text_is_no_target(kind):
    values = X["alcohol"].astype(str).to_numpy().astype(kind)
    with pytest.raises(ValueError, match="`y` must hold numbers as targets"):
        small(similarity="targets").fit(X, values)


def test_a_message_about_many_whole_numbers_names_targets():
    with pytest.raises(ValueError, match="use similarity='targets', or cut it"):
        small().fit(X, np.arange(178))


def test_a_score_needs_two_known_targets():
    model = small().fit(X, X["alcohol"])
    unknown = np.where(np.arange(178) == 3, 0.5, np.nan)
    with pytest.raises(ValueError, match="at least two known targets to score by; got"):
        model.score(X, unknown)


def test_rows_without_a_pair_are_an_error():
    similarity = PairConstraints([[0, 1], [1, 2]], [1, 0])
    message = "`rows` must hold both rows of some of the 2 pairs; it holds both of none"
    with pytest.raises(ValueError, match=re.escape(message)):
        small(similarity=similarity).fit(X, rows=np.arange(178) + 1000)


def test_a_message_about_images_names_reshape():
    with pytest.raises(ValueError, match=re.escape("X.reshape(len(X), -1)")):
        small().fit(np.zeros((20, 8, 8)), np.arange(20) % 2)


@pytest.mark.parametrize("name", ["labels", "y"])
def test_pair_labels_may_be_bools_as_objects(name):
    expected = [True, False, True]
    for given in (
        np.array(expected, dtype=object),
        pd.array(expected, dtype="boolean"),
        pd.Series([1, 0, 1], dtype="Int64"),
        [[1], [-1], [1]],
    ):
        assert check_pair_labels(given, 3, name).tolist() == expected
    with pytest.raises(ValueError, match=re.escape(f"`{name}` must hold 1 or True")):
        check_pair_labels(["yes", "no", "yes"], 3, name)
