"""Networks that are each trained without a fold of the rows."""

import pickle
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._pairs._votes import References
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.similarity import LabelSimilarity

X, Y = load_iris(return_X_y=True)


def embedding(**params):
    settings = {"max_iter": 8, "hidden_layer_sizes": (16,), "random_state": 0}
    return ContrastiveEmbedding(cross_fit=True, **{**settings, **params})


@pytest.fixture(scope="module")
def fitted():
    model = embedding()
    return model, model.fit_transform(X, Y)


def test_folds_hold_out_every_row_once_and_a_share_of_every_class(fitted):
    model, _ = fitted
    held_out = [out for _, out in model.folds_]
    np.testing.assert_array_equal(np.sort(np.concatenate(held_out)), np.arange(150))
    for train, out in model.folds_:
        assert not np.isin(out, train).any()
        assert np.ptp(np.bincount(Y[out])) <= 1


@pytest.mark.parametrize(
    ("n_members", "cross_fit", "expected"),
    [("auto", True, 4), (1, True, 4), (6, 3, 6), (4, 3, 6), ("auto", KFold(5), 5)],
)
def test_every_fold_has_as_many_networks(n_members, cross_fit, expected):
    model = embedding(n_members=n_members, max_iter=1).set_params(cross_fit=cross_fit)
    assert model.fit(X, Y).n_members_ == expected


def test_a_training_row_lies_in_the_network_that_has_not_seen_it(fitted):
    model, Z = fitted
    everywhere = model.transform(X).reshape(150, 4, -1)
    for network, (_, out) in enumerate(model.folds_):
        blocks = Z.reshape(150, 4, -1)[out]
        np.testing.assert_allclose(blocks[:, network], 4 * everywhere[out, network])
        assert not np.delete(blocks, network, axis=1).any()


def test_neighbours_are_in_order_of_distances_within_networks(fitted):
    model, Z = fitted
    new = X + 0.1
    found = (
        NearestNeighbors(n_neighbors=150).fit(Z).kneighbors(model.transform(new[:9]))
    )
    own = model.transform(new[:9]).reshape(9, 1, 4, -1) * 2
    there = model.transform(X).reshape(1, 150, 4, -1) * 2
    within = np.linalg.norm(own - there, axis=-1)
    for network, (_, out) in enumerate(model.folds_):
        within[:, np.setdiff1d(np.arange(150), out), network] = np.inf
    by_hand = np.sort(within.min(axis=2), axis=1)
    ordered = np.take_along_axis(within.min(axis=2), found[1], axis=1)
    np.testing.assert_allclose(ordered, by_hand, atol=1e-6)


def test_linear_functions_of_new_rows_are_means_over_networks(fitted):
    model, Z = fitted
    weights = np.random.RandomState(0).normal(size=Z.shape[1])
    blocks = model.transform(X).reshape(150, 4, -1)
    each = np.einsum("rnc,nc->rn", 4 * blocks, weights.reshape(4, -1))
    for network, (_, out) in enumerate(model.folds_):
        np.testing.assert_allclose(Z[out] @ weights, each[out, network], atol=1e-6)
    np.testing.assert_allclose(model.transform(X) @ weights, each.mean(axis=1))
    pipe = make_pipeline(embedding(), LogisticRegression())
    assert pipe.fit(X, Y).score(X, Y) > 0.9


def test_fit_transform_and_transform_are_the_same_without():
    model = embedding().set_params(cross_fit=False)
    Z = model.fit_transform(X, Y)
    np.testing.assert_array_equal(Z, model.transform(X))


def test_the_better_of_two_lengths_is_kept(monkeypatch):
    model, kept = embedding(max_iter=20), {}
    for falling in (True, False):
        calls = iter(range(8))
        sign = -1 if falling else 1

        def losses(self, sign=sign, calls=calls):
            return sign * np.full(21, next(calls))

        monkeypatch.setattr(References, "losses", losses)
        states = clone(model).fit(X, Y)
        first, second = states.validation_scores_
        assert (second > first) == falling
        assert states.best_validation_score_ == max(first, second)
        kept[falling] = states._state.params[0]
    different = (kept[True] != kept[False]).any(axis=(1, 2))
    # Of the first fold's network nothing is chosen by the rows it has not seen.
    np.testing.assert_array_equal(different, [False, True, True, True])


def test_unlabelled_rows_are_trained_on_and_held_out_nowhere():
    y = np.where(np.arange(150) % 5, Y, -1)
    model = embedding(similarity=LabelSimilarity(unlabeled=-1)).fit(X, y)
    unknown = np.flatnonzero(y == -1)
    for train, out in model.folds_:
        assert np.isin(unknown, train).all()
        assert not np.isin(unknown, out).any()


@pytest.mark.parametrize("similarity", ["targets", "neighbors", "views"])
def test_other_similarities(similarity):
    y = X[:, 0] if similarity == "targets" else None
    Z = embedding(similarity=similarity, max_iter=2).fit_transform(X, y)
    assert np.isfinite(Z).all()


def test_a_warm_start_keeps_the_folds():
    model = embedding(warm_start=True, max_iter=2).fit(X, Y)
    before = model.folds_
    again = model.set_params(random_state=1).fit(X, Y)
    assert again.folds_ is before
    with pytest.raises(ValueError, match="needs the rows and folds of a last fit"):
        model.fit(X[:140], Y[:140])


def test_early_stopping_holds_out_whole_groups():
    groups = np.repeat(np.arange(30), 5)
    model = ContrastiveEmbedding(
        early_stopping=True, validation_fraction=0.3, max_iter=2, random_state=0
    )
    model.fit(X, Y, groups=groups)
    both = embedding(early_stopping=True, validation_fraction=0.3).fit(
        X, Y, groups=groups
    )
    for train, out in both.folds_:
        assert not set(groups[train]) & set(groups[out])


@pytest.mark.parametrize(
    ("params", "given", "match"),
    [
        ({}, {"X_val": X, "y_val": Y}, "`X_val`"),
        ({"normalize": False}, {}, "needs `normalize=True`"),
        ({"n_components": 30}, {}, "multiple of the 4 networks of `cross_fit`"),
        ({"n_components": 4}, {}, "and at least 8, two for each"),
        ({"encoder": torch.nn.Linear(4, 8), "n_components": 36}, {}, "its width times"),
        ({"encoder": torch.nn.Linear(4, 1)}, {}, "of two outputs or more"),
        ({"encoder": torch.nn.Linear(3, 8)}, {}, "a batch of shape (n_batch, 4)"),
        ({"cross_fit": []}, {}, "must be folds"),
        ({"cross_fit": [(1, 2, 3)]}, {}, "must be folds"),
        ({"cross_fit": [([0.5], [1.5])]}, {}, "must be folds"),
        ({"cross_fit": [([0, 999], [1])]}, {}, "must be folds"),
        ({"cross_fit": GroupKFold(3)}, {}, "groups"),
        ({"cross_fit": [*KFold(3).split(X)]}, {"groups": Y % 2}, "on both sides"),
        ({"cross_fit": 4}, {"groups": Y}, "at most the number of `groups`, 3"),
        ({"cross_fit": 151}, {}, "at most the number of rows"),
        ({"cross_fit": ShuffleSplit(2)}, {}, "together hold out every row"),
        ({"cross_fit": 1}, {}, "'cross_fit' parameter"),
        ({"cross_fit": False}, {"groups": Y}, "only used where rows are held out"),
        ({}, {"groups": Y[:9]}, "one group per row"),
        ({}, {"groups": [None] * 150}, "none missing"),
    ],
)
def test_mistakes_are_named(params, given, match):
    model = embedding().set_params(**params)
    with pytest.raises(ValueError, match=re.escape(match)):
        model.fit(X, Y, **given)
    assert not [name for name in vars(model) if name.endswith("_")]


def factory(n_features, n_components):
    return torch.nn.Sequential(
        torch.nn.Linear(n_features, 16),
        torch.nn.Dropout(),
        torch.nn.ReLU(),
        torch.nn.BatchNorm1d(16),
        torch.nn.Linear(16, n_components),
    )


class OwnForward(MLPEncoder):
    def forward(self, params, X, generator=None):
        return super().forward(params, X, generator)


def linear():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.nn.Linear(4, 6)


ENCODERS = [linear(), torch.nn.LazyLinear(6), factory, OwnForward((8,))]


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda each: str(each)[:9])
def test_any_encoder(encoder):
    groups = np.arange(150) // 5
    model = embedding(encoder=encoder, warm_start=True)
    Z = model.fit_transform(X, Y, groups=groups)
    everywhere = model.transform(X)
    assert model.n_members_ == len(model.folds_) == 4
    assert model.n_components_ == 4 * (6 if isinstance(encoder, torch.nn.Module) else 8)
    np.testing.assert_allclose(np.linalg.norm(everywhere, axis=1), 1)
    for network, (train, out) in enumerate(model.folds_):
        assert not set(groups[train]) & set(groups[out])
        blocks = Z.reshape(150, 4, -1)[out]
        own = everywhere.reshape(150, 4, -1)[out, network]
        np.testing.assert_allclose(blocks[:, network], 4 * own)
        assert not np.delete(blocks, network, axis=1).any()
    one_by_one = np.vstack([model.transform(row[None]) for row in X[:9]])
    np.testing.assert_allclose(one_by_one, everywhere[:9], rtol=1e-6)
    twin = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(twin.transform(X), everywhere)
    np.testing.assert_array_equal(clone(model).fit_transform(X, Y, groups=groups), Z)
    folds = model.folds_
    assert model.fit(X, Y).folds_ is folds
    assert len(model.loss_curve_) == model.n_iter_ == 16


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda each: str(each)[:9])
def test_any_encoder_is_as_good_as_alone(encoder, capsys):
    given = {"validation_fraction": 0.3, "early_stopping": True, "verbose": True}
    model = embedding(encoder=encoder, max_iter=15, **given).fit(X[::2], Y[::2])
    assert capsys.readouterr().out.count("Validation score:") == model.n_iter_
    assert model.score(X[1::2], Y[1::2]) > 0.8


def test_modules_read_columns_and_bins_where_these_are_asked_for():
    model = embedding(encoder=factory, max_iter=1)
    for bins, at_least in (("auto", 4), ("linear", 4), ("piecewise", 5)):
        state = model.set_params(numeric_encoding=bins).fit(X, Y).module_state_
        n_read = next(iter(state.values())).shape[2]
        assert n_read >= at_least
        assert (n_read == 4) == (at_least == 4)


def test_pairs_and_partial_fit_are_refused():
    pairs, same = X[:100].reshape(50, 2, 4), np.arange(50) % 2
    with pytest.raises(ValueError, match="`cross_fit` needs single rows"):
        embedding(similarity="pairs").fit(pairs, same)
    with pytest.raises(ValueError, match="`partial_fit` needs `cross_fit=False`"):
        embedding().partial_fit(X, Y)


def test_a_clone_has_the_same_bits(fitted):
    model, Z = fitted
    np.testing.assert_array_equal(clone(model).fit_transform(X, Y), Z)


def test_folds_are_forgotten_when_all_rows_are_trained_on():
    model = embedding(warm_start=True, max_iter=1).fit(X, Y)
    model.set_params(cross_fit=False).partial_fit(X, Y)
    assert not hasattr(model, "folds_")
    with pytest.raises(ValueError, match="a last fit with `cross_fit`"):
        model.set_params(cross_fit=True).fit(X, Y)
    again = embedding(warm_start=True, max_iter=1).fit(X, Y)
    with pytest.raises(ValueError, match="rows and folds of a last fit"):
        again.set_params(cross_fit=2).fit(X, Y)


def test_groups_make_folds_of_about_the_same_size():
    groups = np.repeat(np.arange(12), np.arange(1, 13))
    rows = np.arange(len(groups))
    model = embedding(max_iter=1).fit(X[rows], Y[rows * 2 % 150], groups=groups)
    sizes = [len(out) for _, out in model.folds_]
    assert sum(sizes) == len(groups)
    assert max(sizes) - min(sizes) <= 3


def test_columns_of_tiny_numbers_have_no_bins():
    tiny = X * [1, 1e-300, 1, 1]
    Z = embedding(standardize=False, similarity="labels").fit_transform(tiny, Y)
    assert np.isfinite(Z).all()


def test_early_stopping_with_one_group_names_it():
    model = ContrastiveEmbedding(early_stopping=True)
    with pytest.raises(ValueError, match="`groups` must hold at least two"):
        model.fit(X, Y, groups=np.zeros(150))
