"""The estimator end to end: what it learns, and how it works with scikit-learn."""

import math
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from torch import nn

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.losses import LOSSES, ContrastiveLoss, SiameseLoss
from sklearn_contrastive.miners import AllPairs, NearestPairs
from sklearn_contrastive.similarity import LabelSimilarity


def small(**settings):
    """Return an estimator that fits in a tenth of a second."""
    return ContrastiveEmbedding(
        **{
            "n_components": 4,
            "hidden_layer_sizes": (16,),
            "max_iter": 5,
            "random_state": 0,
            **settings,
        }
    )


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(wine):
    return small().fit(*wine)


def make_rings(n_rows=600, n_noise=6, seed=0):
    """Two rings around a core, among columns of noise of larger scale."""
    rng = np.random.RandomState(seed)
    y = np.arange(n_rows) % 3
    angle = rng.uniform(0, 2 * np.pi, n_rows)
    radius = y + rng.normal(scale=0.15, size=n_rows)
    plane = np.c_[radius * np.cos(angle), radius * np.sin(angle)]
    return np.c_[plane, 30 * rng.normal(size=(n_rows, n_noise))], y


def test_neighbours_are_poor_before_and_good_after():
    X, y = make_rings(450)
    train, test = slice(0, 300), slice(300, 450)
    knn = KNeighborsClassifier()
    before = knn.fit(X[train], y[train]).score(X[test], y[test])
    model = make_pipeline(ContrastiveEmbedding(random_state=0), knn)
    after = model.fit(X[train], y[train]).score(X[test], y[test])
    assert before < 0.45
    assert after > 0.75


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("miner", "normalize"), [("all", True), ("nearest", False)], ids=str
)
def test_every_loss_and_miner_brings_a_class_together(loss, miner, normalize, wine):
    X, y = wine
    # Its proxies start at random places.
    settings = {"max_iter": 40 if loss == "proxy_anchor" else 20, "n_members": 1}
    settings |= {"miner": miner, "normalize": normalize, "learning_rate_init": 2e-2}
    model = small(loss=loss, **settings).fit(X, y)
    Z = model.transform(X)
    D = np.linalg.norm(Z[:, None] - Z, axis=2)
    similar = y[:, None] == y
    assert D[similar].mean() < 0.7 * D[~similar].mean()
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize(
    "counts",
    [(60, 60), (150, 4), (40, 40, 1, 1), (400, 20, 4, 2, 1), tuple([3] * 120)],
    ids=["two", "imbalanced", "singletons", "long tail", "many classes"],
)
def test_label_situations_of_all_kinds_train(counts):
    rng = np.random.RandomState(0)
    y = np.repeat(np.arange(len(counts)), counts)
    centres = rng.normal(size=(len(counts), 8))
    X = centres[y] + 0.1 * rng.normal(size=(len(y), 8))
    model = small(max_iter=15, batch_size=64, learning_rate_init=1e-2).fit(X, y)
    frequent = np.isin(y, np.flatnonzero(np.array(counts) >= 3))
    assert model.score(X[frequent], y[frequent]) > 0.9
    assert np.isfinite(model.transform(X)).all()


def test_transform_is_the_network_written_out(fitted, wine):
    X, _ = wine
    Z = (X - fitted.center_) / fitted.scale_
    Z /= np.sqrt(1 + (Z / 8) ** 2)
    H = Z @ fitted.coefs_[0] + fitted.intercepts_[0]
    H = np.maximum(H, 0)
    Z = H @ fitted.coefs_[1] + fitted.intercepts_[1]
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    assert_allclose(fitted.transform(X), Z, rtol=1e-10)


@pytest.mark.parametrize("standardize", [True, False, "standard", "robust"])
def test_standardize_has_one_meaning_in_fit_and_transform(standardize, wine):
    X, y = wine
    model = small(standardize=standardize).fit(X, y)
    assert model.standardize_ == {True: "robust", False: None}.get(
        standardize, standardize
    )
    assert (model.center_ is None) == (standardize is False)
    assert model.transform(X).shape == (len(X), 4)


def test_units_and_shifts_of_columns_do_not_matter(wine):
    X, y = wine
    moved = 1000 * X + np.arange(X.shape[1]) * 1e4
    ours = small(max_iter=1).fit(X, y).transform(X)
    theirs = small(max_iter=1).fit(moved, y).transform(moved)
    assert_allclose(ours, theirs, atol=1e-4)


def test_rows_are_mapped_independently(fitted, wine):
    X, _ = wine
    one_by_one = np.concatenate([fitted.transform(row[None]) for row in X[:20]])
    assert_allclose(one_by_one, fitted.transform(X)[:20], rtol=1e-10)


def test_transform_does_not_depend_on_blocks(fitted, wine, monkeypatch):
    whole = fitted.transform(wine[0])
    monkeypatch.setattr("sklearn_contrastive._estimators._state._MAPPED", 7)
    assert_allclose(fitted.transform(wine[0]), whole, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_transform_keeps_the_dtype(fitted, wine, dtype):
    Z = fitted.transform(wine[0].astype(dtype))
    assert Z.dtype == dtype
    assert_allclose(Z, fitted.transform(wine[0]), atol=1e-4)


def test_a_memory_map_gives_the_same_model(tmp_path, wine, monkeypatch):
    X, y = wine
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    expected = small().fit(X, y).transform(X)
    assert_array_equal(small().fit(mapped, y).transform(mapped), expected)
    monkeypatch.setattr(
        "sklearn_contrastive.preprocessing._standardization._LARGEST_PREPARED_BYTES", 0
    )
    assert_array_equal(small().fit(mapped, y).transform(mapped), expected)


def test_points_lie_on_the_sphere_unless_normalize_is_false(wine):
    X, y = wine
    on = np.linalg.norm(small().fit(X, y).transform(X), axis=1)
    off = np.linalg.norm(small(normalize=False).fit(X, y).transform(X), axis=1)
    assert_allclose(on, 1, rtol=1e-12)
    assert off.std() > 0.01


def test_one_component_is_not_scaled(wine):
    X, y = wine
    with pytest.warns(UserWarning, match="`normalize=True` is not possible with"):
        model = small(n_components=1).fit(X, y)
    assert model.margin_ == 1.0
    assert len(np.unique(model.transform(X).round(3))) > 10


def test_autos_are_stored_and_parameters_left_alone(wine):
    model = ContrastiveEmbedding(max_iter=1, random_state=0)
    before = model.get_params()
    model.fit(*wine)
    assert model.get_params() == before
    assert model.margin_ == math.sqrt(2)
    assert (model.miner_, model.similarity_, model.batch_size_) == (
        "nearest",
        "labels",
        128,
    )
    assert model.device_ in ("cpu", "cuda", "mps")
    assert model.n_iter_ == model.n_steps_ == len(model.loss_curve_) == 1
    assert model.validation_scores_ is model.best_validation_score_ is None


@pytest.mark.parametrize(
    ("settings", "margin"),
    [
        ({"margin": 0.7}, 0.7),
        ({"loss": "contrastive_squared"}, 2.0),
        ({"loss": "contrastive_squared", "normalize": False}, 1.0),
        ({"loss": ContrastiveLoss(margin=0.3)}, 0.3),
        ({"loss": ContrastiveLoss()}, math.sqrt(2)),
        ({"loss": "siamese"}, None),
    ],
)
def test_margin_comes_from_one_place(settings, margin, wine):
    assert small(**settings).fit(*wine).margin_ == margin


def test_objects_given_are_not_changed(wine):
    objects = {
        "loss": ContrastiveLoss(),
        "miner": NearestPairs(2, 4),
        "similarity": LabelSimilarity(rows_per_class=3),
        "encoder": MLPEncoder((8,), "tanh"),
    }
    before = {name: each.get_params() for name, each in objects.items()}
    model = small(**objects).fit(*wine)
    for name, each in objects.items():
        assert vars(each) == before[name]
    assert model.coefs_[0].shape == (13, 8)


def test_names_and_objects_are_the_same(wine):
    X, y = wine
    named = small(loss="siamese", miner="all", activation="tanh").fit(X, y)
    given = small(
        loss=SiameseLoss(),
        miner=AllPairs(),
        similarity=LabelSimilarity(),
        encoder=MLPEncoder((16,), "tanh"),
    ).fit(X, y)
    assert_array_equal(named.transform(X), given.transform(X))


def test_functions_are_taken_for_loss_and_miner(wine):
    X, y = wine

    def loss(anchors, candidates, pairs):
        return ContrastiveLoss(1.0)(anchors, candidates, pairs)

    def miner(distances, pairs):
        return NearestPairs()(distances, pairs)

    ours = small(loss=loss, miner=miner).fit(X, y)
    theirs = small(loss=ContrastiveLoss(1.0)).fit(X, y)
    # The same pairs and the same loss, added up in another order.
    assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-4)
    assert ours.margin_ is None
    assert small(loss=loss).fit(X, y).miner_ == "all"


class SmallCNN(nn.Module):
    def __init__(self, side, n_components):
        super().__init__()
        self.side = side
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.head = nn.LazyLinear(n_components)

    def forward(self, X):
        images = X.view(-1, 1, self.side, self.side)
        return self.head(self.features(images).flatten(1))


def enlarged_digits(n_rows=400):
    """Digits on 28 × 28 pixels."""
    X, y = load_digits(return_X_y=True)
    images = np.kron(X[:n_rows].reshape(-1, 8, 8), np.ones((3, 3)))
    return np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(n_rows, 784), y[:n_rows]


def test_a_small_cnn_learns_images():
    X, y = enlarged_digits()
    factory = ContrastiveEmbedding(
        8,
        encoder=lambda n_features, n_components: SmallCNN(28, n_components),
        standardize=False,
        max_iter=10,
        random_state=0,
    ).fit(X[:300] / 16, y[:300])
    assert factory.score(X[300:] / 16, y[300:]) > 0.75
    assert {type(value) for value in factory.module_state_.values()} == {np.ndarray}
    assert "features.1.running_mean" in factory.module_state_
    assert factory.module_state_["features.1.num_batches_tracked"] == factory.n_steps_


def test_a_module_instance_is_a_starting_point_and_stays_as_it_is():
    X, y = enlarged_digits(100)
    module = SmallCNN(28, 4)
    module(torch.zeros(1, 784))  # give the lazy layer its shape
    before = {name: value.clone() for name, value in module.state_dict().items()}
    model = ContrastiveEmbedding(4, encoder=module, max_iter=2, random_state=0)
    one, same = (clone(model).fit(X, y).transform(X) for _ in range(2))
    assert_array_equal(one, same)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
    # With a rate of almost zero, training ends where it began.
    still = model.set_params(learning_rate_init=1e-12).fit(X, y).module_state_
    assert_allclose(still["head.weight"], before["head.weight"], atol=1e-8)


def test_module_models_survive_pickle(wine):
    X, y = wine
    model = small(encoder=nn.Linear, n_components=3).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.transform(X), model.transform(X))


def test_warm_start_resumes(wine):
    X, y = wine
    model = small(warm_start=True).fit(X, y)
    coefs, center, losses = model.coefs_[0], model.center_, model.loss_curve_
    model.set_params(max_iter=2).fit(X + 1, y)
    assert model.n_iter_ == 7
    assert len(model.loss_curve_) == 7
    assert model.loss_curve_[:5] == losses
    assert len(losses) == 5
    assert_array_equal(model.center_, center)
    assert 0 < np.abs(model.coefs_[0] - coefs).max() < 0.1
    assert not np.array_equal(model.coefs_[0], coefs)


def test_without_warm_start_a_fit_begins_anew(wine):
    X, y = wine
    model = small().fit(X, y)
    first = model.transform(X)
    assert_array_equal(model.fit(X, y).transform(X), first)
    assert model.n_iter_ == 5


def test_warm_start_needs_the_same_network(wine):
    model = small(warm_start=True).fit(*wine)
    state = pickle.dumps(model.coefs_)
    model.set_params(hidden_layer_sizes=(8,))
    message = "`n_components` and `n_members` now need [(1, 13, 8),"
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(*wine)
    assert pickle.dumps(model.coefs_) == state


def test_a_model_of_another_kind_leaves_nothing_of_the_first(wine):
    model = small(encoder=nn.Linear).fit(*wine)
    model.set_params(encoder="linear", early_stopping=True).fit(*wine)
    assert not hasattr(model, "module_state_")
    assert model.transform(wine[0]).shape == (178, 4)


def test_partial_fit_learns_from_a_stream():
    X, y = load_digits(return_X_y=True)
    model = ContrastiveEmbedding(
        8, hidden_layer_sizes=(32,), batch_size=50, random_state=0
    )
    rng = np.random.RandomState(0)
    for n_calls in range(1, 31):
        chunk = rng.permutation(1200)[:200]
        model.partial_fit(X[chunk], y[chunk])
        assert model.n_iter_ == n_calls
        assert model.n_steps_ == 4 * n_calls
        if n_calls == 1:
            center = model.center_
    assert_array_equal(model.center_, center)
    assert model.classes_.tolist() == list(range(10))
    assert model.score(X[1200:], y[1200:]) > 0.9


def test_partial_fit_ignores_early_stopping_and_unites_classes(wine):
    X, y = wine
    model = small(early_stopping=True, batch_size=16)
    model.partial_fit(X[y < 2], y[y < 2])
    assert model.classes_.tolist() == [0, 1]
    model.partial_fit(X[y > 0], y[y > 0])
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.validation_scores_ is None


def test_partial_fit_resumes_after_fit_and_draws_new_batches(wine):
    X, y = wine
    model = small().fit(X, y)
    model.partial_fit(X, y)
    first = model.loss_curve_[-1]
    model.partial_fit(X, y)
    assert model.n_iter_ == 7
    assert model.loss_curve_[-1] != first


def test_pair_distance_is_between_embedded_rows(fitted, wine):
    X, _ = wine
    pairs = np.stack([X[:10], X[50:60]], axis=1)
    expected = np.linalg.norm(
        fitted.transform(X[:10]) - fitted.transform(X[50:60]), axis=1
    )
    assert_allclose(fitted.pair_distance(pairs), expected)
    assert_allclose(fitted.pair_score(pairs), -expected)
    assert fitted.pair_distance(pairs.tolist()).shape == (10,)


def test_the_metric_can_be_given_to_scikit_learn_and_pickled(fitted, wine):
    X, y = wine
    metric = pickle.loads(pickle.dumps(fitted.get_metric()))
    assert metric(X[0], X[1]) == pytest.approx(fitted.pair_distance([[X[0], X[1]]])[0])
    slow = KNeighborsClassifier(metric=metric).fit(X[::9], y[::9])
    fast = KNeighborsClassifier().fit(fitted.transform(X[::9]), y[::9])
    assert_array_equal(slow.predict(X[1::9]), fast.predict(fitted.transform(X[1::9])))


def test_the_metric_keeps_what_it_was(wine):
    X, y = wine
    model = small().fit(X, y)
    metric = model.get_metric()
    before = metric(X[0], X[1])
    model.set_params(random_state=1).fit(X, y)
    assert metric(X[0], X[1]) == before
    assert model.get_metric()(X[0], X[1]) != before


def test_distances_warn_of_no_feature_names():
    X, y = load_iris(as_frame=True, return_X_y=True)
    model = small().fit(X, y)
    rows = X.to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.get_metric()(rows[0], rows[1]) >= 0
        assert model.score(X, y) > 0.5


def test_score_is_leave_one_out_accuracy_of_the_nearest(fitted, wine):
    X, y = wine
    Z = fitted.transform(X)
    D = np.linalg.norm(Z[:, None] - Z, axis=2)
    np.fill_diagonal(D, np.inf)
    assert fitted.score(X, y) == np.mean(y[D.argmin(axis=1)] == y)
    assert fitted.score(X, y.astype(str)) == fitted.score(X, y)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_output_containers_and_names(container):
    X, y = load_iris(as_frame=True, return_X_y=True)
    model = small(max_iter=1).set_output(transform=container)
    Z = model.fit_transform(X, y)
    assert type(model.transform(X)) is type(Z)
    names = [f"contrastiveembedding{i}" for i in range(4)]
    assert list(Z.columns) == names == list(model.get_feature_names_out())
    assert list(model.feature_names_in_) == list(X.columns)
    assert model.score(X, y) > 0
    if container == "pandas":
        assert isinstance(Z, pd.DataFrame)


def test_columns_in_another_order_raise():
    X, y = load_iris(as_frame=True, return_X_y=True)
    model = small(max_iter=1).fit(X, y)
    with pytest.raises(ValueError, match="same order as they were in fit"):
        model.transform(X[X.columns[::-1]])


def test_it_works_beside_other_columns(wine):
    X, y = wine
    table = pd.DataFrame(X).rename(columns=str)
    both = make_column_transformer(
        (small(), list(table.columns[:6])), (small(), list(table.columns[6:]))
    )
    assert both.fit_transform(table, y).shape == (178, 8)


def test_cross_val_score_in_a_pipeline(wine):
    model = make_pipeline(
        ContrastiveEmbedding(hidden_layer_sizes=(32,), max_iter=20, random_state=0),
        KNeighborsClassifier(),
    )
    assert cross_val_score(model, *wine, cv=3, error_score="raise").mean() > 0.93


@pytest.mark.filterwarnings("ignore:The embedding has collapsed:UserWarning")
def test_a_margin_search_tells_margins_apart():
    X, y = load_digits(return_X_y=True)
    X, _, y, _ = train_test_split(X, y, train_size=400, stratify=y, random_state=0)
    settings = {"max_iter": 12, "learning_rate_init": 1e-2, "n_members": 1}
    model = make_pipeline(small(batch_size=64, **settings), KNeighborsClassifier())
    margins = [0.05, 0.5, 1.4]
    search = GridSearchCV(
        model,
        {"contrastiveembedding__margin": margins},
        cv=2,
        error_score="raise",
    ).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 3
    assert (
        search.best_estimator_[0].margin_
        == search.best_params_["contrastiveembedding__margin"]
    )
    assert search.best_score_ > 0.75


def test_parameters_of_a_loss_object_can_be_searched(wine):
    model = make_pipeline(small(loss=ContrastiveLoss()), KNeighborsClassifier())
    search = GridSearchCV(
        model,
        {"contrastiveembedding__loss__margin": [0.3, 1.2]},
        cv=2,
        error_score="raise",
    ).fit(*wine)
    fitted_margin = search.best_estimator_[0].margin_
    assert fitted_margin == search.best_params_["contrastiveembedding__loss__margin"]


def test_verbose_prints_as_mlp_classifier_does(wine, capsys):
    small(verbose=True, early_stopping=True, max_iter=20, tol=0.5).fit(*wine)
    printed = capsys.readouterr().out
    assert re.search(
        r"^Iteration 1, step \d+, loss = \d+\.\d{8}$", printed, re.MULTILINE
    )
    assert re.search(r"^Validation score: \d\.\d{6}$", printed, re.MULTILINE)
    assert "did not improve more than tol=0.5 for 10 consecutive reports" in printed


def test_it_is_silent_by_default(wine, capsys):
    small().fit(*wine)
    assert capsys.readouterr().out == ""


def test_its_html_names_it(fitted):
    assert "ContrastiveEmbedding" in fitted._repr_html_()
