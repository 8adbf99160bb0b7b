"""Errors and warnings name the parameter, what was expected, what came, what to do."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from torch import nn

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.losses import ContrastiveLoss, SiameseLoss
from sklearn_contrastive.miners import NearestPairs
from sklearn_contrastive.similarity import LabelSimilarity

X, y = load_iris(return_X_y=True)


def small(**settings):
    return ContrastiveEmbedding(
        **{
            "n_components": 3,
            "hidden_layer_sizes": (8,),
            "max_iter": 2,
            "random_state": 0,
            **settings,
        }
    )


OUT_OF_RANGE = {
    "n_components": (0, -1, 2.5, "many"),
    "similarity": ("likes", 3, None),
    "encoder": ("cnn", 3, None),
    "hidden_layer_sizes": (0, "wide", None),
    "activation": ("softplus", None),
    "dropout": (-0.1, 1.0, 1.5, "some"),
    "n_members": (0, -1, 2.5, None),
    "loss": ("hinge", 3, None),
    "margin": (0, -1.0, "large", None),
    "miner": ("hardest", 3, None),
    "normalize": ("yes", 2),
    "standardize": ("minmax", None),
    "batch_size": (0, 1, 2.5, "all"),
    "max_iter": (0, -5, 1.5, "long"),
    "learning_rate_init": (0, -1e-3, "slow"),
    "alpha": (-1e-3, None),
    "early_stopping": ("yes", 2),
    "validation_fraction": (0, 1, 1.5),
    "n_iter_no_change": (0, 1.5),
    "tol": (-1, None),
    "warm_start": ("yes", 2),
    "cross_fit": (1, "folds", 2.5),
    "categorical_features": ("auto", 3),
    "numeric_encoding": ("bins", None, True),
    "feature_weights": ("shadows", 3.0),
    "device": (0, None),
    "random_state": ("seed", -1.5),
    "verbose": ("loud",),
}


def test_every_parameter_is_tried():
    assert set(OUT_OF_RANGE) == set(ContrastiveEmbedding().get_params())


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_parameters_out_of_range_raise(name):
    model = small().fit(X, y)
    before = model.transform(X)
    message = f"The '{name}' parameter of ContrastiveEmbedding must be"
    for value in OUT_OF_RANGE[name]:
        with pytest.raises(ValueError, match=re.escape(message)) as caught:
            model.set_params(**{name: value}).fit(X, y)
        assert f"Got {value!r} instead" in str(caught.value)
        np.testing.assert_array_equal(model.transform(X), before)


BAD_SETTINGS = [
    ({"hidden_layer_sizes": (8, 0)}, "`hidden_layer_sizes` must hold ints in [1, inf)"),
    ({"loss": "siamese", "margin": 1.0}, "`margin` must be 'auto' with loss='siamese'"),
    ({"loss": "siamese", "margin": 1.0}, "no margin but ['bound'], set on an object"),
    (
        {"loss": ContrastiveLoss(), "margin": 0.5},
        "Set it on the object, loss=ContrastiveLoss(margin=0.5), and search it",
    ),
    ({"loss": ContrastiveLoss(margin=-1)}, "'margin' parameter of ContrastiveLoss"),
    ({"loss": SiameseLoss(bound=0)}, "'bound' parameter of SiameseLoss"),
    ({"miner": NearestPairs(0)}, "'n_positives' parameter of NearestPairs"),
    ({"encoder": MLPEncoder(dropout=2)}, "'dropout' parameter of MLPEncoder"),
    ({"encoder": nn.Linear(4, 9)}, "(2, 4) it returned (2, 9). Change its last layer"),
    ({"n_components": True}, "`n_components` must be a number; got True"),
    ({"margin": True}, "`margin` must be a number; got True"),
    ({"loss": ContrastiveLoss}, "Make an object of it: ContrastiveLoss()"),
    ({"miner": NearestPairs}, "Make an object of it: NearestPairs()"),
    ({"similarity": LabelSimilarity}, "Make an object of it: LabelSimilarity()"),
    ({"device": "cuda:77"}, "`device` must be 'auto' or one that torch can use here"),
]


@pytest.mark.parametrize(("settings", "message"), BAD_SETTINGS)
def test_settings_that_do_not_go_together_raise(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        small(**settings).fit(X, y)


BAD_TABLES = [
    ((X[:, :2] * np.inf, y), ValueError, "found infinity in columns 0, 1 (300 in all)"),
    (
        (pd.DataFrame(X, columns=list("abcd")).assign(day=pd.Timestamp(0)), y),
        ValueError,
        "found text or dates in column 'day'",
    ),
    ((scipy.sparse.csr_array(X), None), TypeError, "Use '.toarray()'"),
    ((X * 1j, y), ValueError, "Complex data not supported"),
    ((X[:0], y[:0]), ValueError, "Found array with 0 sample(s)"),
    ((X[:1], y[:1]), ValueError, "must hold at least two classes; got one class only"),
    ((X[:2], None), ValueError, "at least 3 rows; got n_samples=2"),
    ((X, y[:-1]), ValueError, "150 rows and 149 in `y`"),
    ((X, np.zeros(150)), ValueError, "got one class only, 0.0."),
    ((X, np.arange(150)), ValueError, "150 classes for 150 rows"),
    ((X, [0.5, np.inf, *X[2:, 0]]), ValueError, "infinity, the first at row 1"),
]


@pytest.mark.parametrize(("table", "error", "message"), BAD_TABLES)
def test_tables_that_cannot_be_learned_from_raise(table, error, message):
    with pytest.raises(error, match=re.escape(message)):
        small().fit(*table)


@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_failed_fit_loses_nothing(method):
    model = small().fit(X, y)
    before, points = dict(vars(model)), model.transform(X)
    for table, error, _ in BAD_TABLES:
        with pytest.raises(error):
            getattr(model, method)(*table)
        assert vars(model) == before
        fresh = small()
        with pytest.raises(error):
            getattr(fresh, method)(*table)
        assert vars(fresh) == fresh.get_params()
        with pytest.raises(NotFittedError):
            fresh.transform(X)
    np.testing.assert_array_equal(model.transform(X), points)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (X[:, :3], "X has 3 features, but ContrastiveEmbedding is expecting 4"),
        (X[:0], "Found array with 0 sample(s)"),
        (X * np.inf, "`X` must be finite; found"),
        (X[0], "Expected 2D array, got 1D array"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_transform_raises_for_other_tables(rows, message):
    model = small().fit(X, y)
    with pytest.raises(ValueError, match=re.escape(message)):
        model.transform(rows)


def test_partial_fit_raises_for_another_width():
    model = small().partial_fit(X, y)
    with pytest.raises(ValueError, match="X has 3 features"):
        model.partial_fit(X[:, :3], y)
    assert model.n_iter_ == 1


@pytest.mark.parametrize("method", ["transform", "pair_distance", "pair_score"])
def test_nothing_works_before_fit(method):
    with pytest.raises(NotFittedError):
        getattr(small(), method)(X)
    with pytest.raises(NotFittedError):
        small().get_metric()


@pytest.mark.parametrize(
    ("given", "settings", "message"),
    [
        ({"X_val": X, "y_val": y}, {}, "only used with `early_stopping=True`"),
        ({"X_val": X}, {"early_stopping": True}, "the target y is None"),
        ({"y_val": y}, {"early_stopping": True}, "must come with `X_val`"),
        (
            {"X_val": X[:, :2], "y_val": y},
            {"early_stopping": True},
            "X has 2 features, but ContrastiveEmbedding is expecting 4",
        ),
        (
            {"X_val": X * np.inf, "y_val": y},
            {"early_stopping": True},
            "`X_val` must be finite; found infinity",
        ),
        (
            {"X_val": X[:40], "y_val": y[:40]},
            {"early_stopping": True},
            "`y_val` must hold at least two classes",
        ),
    ],
)
def test_validation_rows_that_cannot_be_scored_raise(given, settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        small(**settings).fit(X, y, **given)


def test_too_few_rows_to_hold_out_raise():
    with pytest.raises(ValueError, match="Set `early_stopping=False` or pass `X_val`"):
        small(early_stopping=True).fit(X[[0, 1, 60]], y[[0, 1, 60]])


def test_pairs_of_another_shape_raise():
    model = small().fit(X, y)
    for shape in ((3, 4), (5, 3, 4), (5, 2, 3), (2, 4)):
        message = f"`pairs` must have shape (n_pairs, 2, n_features=4); got {shape}."
        with pytest.raises(ValueError, match=re.escape(message)):
            model.pair_distance(np.zeros(shape))


def test_pairs_that_are_not_finite_raise():
    message = re.escape("found infinity in column 2 (2 in all)")
    with pytest.raises(ValueError, match=message):
        small().fit(X, y).pair_distance(np.full((1, 2, 4), [0, 0, np.inf, 0]))


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        (X, y[:-1], "150 rows and 149 in `y`"),
        (X[:1], y[:1], "at least two rows; got 1"),
    ],
)
def test_score_raises_for_rows_without_neighbours(rows, labels, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        small().fit(X, y).score(rows, labels)


def test_a_loss_that_is_not_finite_names_epoch_and_remedy():
    def explode(anchors, candidates, pairs):
        return (anchors * torch.inf).sum()

    model = small().fit(X, y)
    before = dict(vars(model))
    message = (
        "in epoch 1. Look at what your `loss` or `miner` returns, and its parameters. "
        "Lower `learning_rate_init` (now 0.004); if `standardize` is False"
    )
    with pytest.raises(FloatingPointError, match=re.escape(message)):
        model.set_params(loss=explode).fit(X, y)
    assert {**vars(model), "loss": before["loss"]} == before


def test_a_diverging_rate_is_caught():
    model = small(learning_rate_init=1e30, normalize=False, max_iter=50)
    with pytest.raises(FloatingPointError, match=re.escape("(now 1e+30)")):
        model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.transform(X)


def test_ctrl_c_after_an_epoch_keeps_what_was_learned(interrupted_loss):
    model = small(loss=interrupted_loss(at=8), batch_size=50, max_iter=10)
    with pytest.warns(UserWarning, match="interrupted in epoch 2, after"):
        model.fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 2
    assert np.isfinite(model.transform(X)).all()


def test_ctrl_c_keeps_the_best_weights_of_early_stopping(interrupted_loss):
    model = small(
        loss=interrupted_loss(at=8), batch_size=50, max_iter=10, early_stopping=True
    )
    with pytest.warns(UserWarning, match="interrupted in epoch"):
        model.fit(X, y)
    assert model.best_validation_score_ == max(model.validation_scores_)


def test_ctrl_c_before_the_first_epoch_ends_is_raised(interrupted_loss):
    model = small().fit(X, y)
    before = dict(vars(model))
    with pytest.raises(KeyboardInterrupt):
        model.set_params(loss=interrupted_loss(at=2), batch_size=50).fit(X, y)
    assert {**vars(model), "loss": before["loss"], "batch_size": "auto"} == before


def attract_all_pairs(anchors, candidates, pairs):
    return torch.cdist(anchors, candidates).mean()


class OnALine(nn.Linear):
    def __init__(self, n_features, n_components):
        super().__init__(n_features, 1)
        self.n_components = n_components

    def forward(self, X):
        return super().forward(X).repeat(1, self.n_components)


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (
            {"loss": attract_all_pairs, "n_members": 1, "max_iter": 300},
            "all rows lie within",
        ),
        ({"encoder": OnALine, "normalize": False}, "all rows lie on a line"),
    ],
)
def test_a_collapsed_embedding_warns_with_cause_and_remedy(settings, found):
    model = small(learning_rate_init=1e-2, **settings)
    with pytest.warns(UserWarning, match="The embedding has collapsed: " + found):
        model.fit(X, y)


def test_rows_that_are_all_equal_collapse():
    with pytest.warns(UserWarning, match="columns that say nothing of `y`"):
        small().fit(np.ones((20, 3)), np.arange(20) % 2)


def test_two_classes_on_a_line_have_not_collapsed():
    two = y < 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        small(max_iter=100).fit(X[two], y[two])
        small(encoder="linear", n_components=2).fit(X[:, :1], y)
    assert caught == []


def test_a_margin_out_of_reach_warns():
    with pytest.warns(UserWarning, match="`margin`=2.1 cannot be reached"):
        small(margin=2.1).fit(X, y)


def test_partial_fit_raises_for_labels_of_another_type():
    model = small().partial_fit(X, y)
    with pytest.raises(TypeError, match="`y` must hold labels of one type in every"):
        model.partial_fit(X, y.astype(str))
    assert model.n_iter_ == 1


def test_quantities_given_as_classes_warn():
    with pytest.warns(UserWarning, match="If it is a quantity rather than a class"):
        small(similarity="labels").fit(X, np.arange(150) // 1.8 // 1)


def test_an_unfitted_copy_of_a_bad_setting_can_be_made():
    assert clone(small(n_components=-1)).n_components == -1
