"""How many components there are, and how many networks share them."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_blobs

from sklearn_contrastive import ContrastiveEmbedding, presets
from sklearn_contrastive.encoders import share_components


@pytest.mark.parametrize(
    ("given", "n_classes", "expected"),
    [
        # Both are "auto".
        (("auto", "auto"), 0, (32, 4)),
        (("auto", "auto"), 20, (32, 4)),
        (("auto", "auto"), 21, (128, 4)),
        # One network has as many components as four.
        (("auto", 1), 2, (32, 1)),
        (("auto", 2), 21, (128, 2)),
        # Three share what does not divide by three, eight keep the width of four.
        (("auto", 3), 2, (30, 3)),
        (("auto", 8), 2, (64, 8)),
        (("auto", 8), 21, (256, 8)),
        # As many networks as can have four components each.
        ((32, "auto"), 500, (32, 4)),
        ((12, "auto"), 2, (12, 2)),
        ((10, "auto"), 2, (10, 2)),
        ((9, "auto"), 2, (9, 1)),
        ((2, "auto"), 2, (2, 1)),
        ((6, 3), 2, (6, 3)),
    ],
)
def test_numbers_that_were_worked_out_by_hand(given, n_classes, expected):
    assert share_components(*given, n_classes, mlp=True) == expected


def test_other_encoders_keep_their_width_and_are_alone():
    for n_classes in (2, 100):
        assert share_components("auto", "auto", n_classes, mlp=False) == (32, 1)
        assert share_components(64, "auto", n_classes, mlp=False) == (64, 1)


def blobs(n_classes, n_rows=120):
    return make_blobs(n_rows, 6, centers=n_classes, random_state=0)


def short(**settings):
    return ContrastiveEmbedding(max_iter=1, random_state=0, **settings)


@pytest.mark.parametrize(("n_classes", "width"), [(3, 32), (30, 128)])
def test_many_classes_get_more_components(n_classes, width):
    model = short().fit(*blobs(n_classes))
    assert model.n_components_ == width
    assert model.n_members_ == 4
    assert model.transform(blobs(n_classes)[0]).shape == (120, width)
    assert len(model.get_feature_names_out()) == width
    assert model.n_components == "auto"


def test_a_fit_that_resumes_keeps_the_width_whatever_classes_come():
    X, y = blobs(30)
    model = short().partial_fit(X[y < 5], y[y < 5])
    assert model.partial_fit(X, y).n_components_ == 32
    warm = short(warm_start=True).fit(X, y)
    assert warm.fit(X[y < 5], y[y < 5]).n_components_ == 128
    assert clone(warm).fit(X[y < 5], y[y < 5]).n_components_ == 32


def test_a_factory_is_called_with_the_width_for_few_classes():
    widths = []

    def network(n_features, n_components):
        widths.append(n_components)
        return torch.nn.Linear(n_features, n_components)

    short(encoder=network).fit(*blobs(30))
    assert set(widths) == {32}


def test_targets_have_no_classes_to_count():
    X, _ = blobs(3)
    assert short().fit(X, X[:, 0] ** 2).n_components_ == 32


def test_small_data_keeps_the_width_of_each_network():
    X, y = blobs(3)
    model = short(**presets.SMALL_DATA).fit(X, y)
    assert (model.n_members_, model.n_components_) == (8, 64)


def test_room_for_many_classes_pays():
    rng = np.random.RandomState(0)
    centers = rng.normal(size=(100, 10))
    y = np.repeat(np.arange(100), 24)
    X = (centers[y] + 0.45 * rng.normal(size=(2400, 10))) @ rng.normal(size=(10, 30))
    scores = [
        ContrastiveEmbedding(n, max_iter=12, random_state=0)
        .fit(X[::2], y[::2])
        .score(X[1::2], y[1::2])
        for n in (32, "auto")
    ]
    assert scores[1] > scores[0] + 0.01
