import numpy as np
import pytest
from scipy.stats import kstest, loguniform, uniform
from sklearn.base import clone
from sklearn.datasets import load_digits, load_wine
from sklearn.model_selection import ParameterSampler, RandomizedSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_contrastive import ContrastiveEmbedding, presets

PRESETS = {name: getattr(presets, name) for name in presets.__all__ if name.isupper()}


def test_there_is_a_preset_for_each_intent():
    names = {"NEIGHBORS", "RETRIEVAL", "NOISY_LABELS", "MAP_2D", "SMALL_DATA"}
    assert set(PRESETS) == names


def test_presets_are_plain_dicts_of_parameters():
    for preset in PRESETS.values():
        assert type(preset) is dict
        assert set(preset) <= set(ContrastiveEmbedding().get_params())


@pytest.mark.parametrize("name", PRESETS)
def test_presets_train_and_clone(name):
    X, y = load_wine(return_X_y=True)
    model = ContrastiveEmbedding(**PRESETS[name], random_state=0)
    before = model.get_params()
    Z = clone(model).set_params(max_iter=30).fit(X[::2], y[::2]).transform(X[1::2])
    assert np.isfinite(Z).all()
    neighbors = KNeighborsClassifier()
    accuracy = neighbors.fit(Z[::2], y[1::2][::2]).score(Z[1::2], y[1::2][1::2])
    assert accuracy > 0.9
    assert model.get_params() == before


def test_neighbors_are_the_defaults_written_out():
    X, y = load_wine(return_X_y=True)
    default = ContrastiveEmbedding(max_iter=2, random_state=0).fit(X, y)
    same = ContrastiveEmbedding(**presets.NEIGHBORS, max_iter=2, random_state=0)
    assert (same.fit(X, y).transform(X) == default.transform(X)).all()
    own = {**default.get_params(), "miner": default.miner_}
    own["batch_size"] = default.batch_size_
    assert own.items() >= presets.NEIGHBORS.items()


def test_the_map_has_two_coordinates_off_the_circle():
    X, y = load_wine(return_X_y=True)
    model = ContrastiveEmbedding(**presets.MAP_2D, max_iter=2, random_state=0)
    Z = model.fit_transform(X, y)
    assert Z.shape == (len(X), 2)
    assert np.linalg.norm(Z, axis=1).std() > 0.01


def test_small_data_has_twice_the_networks_of_as_many_components():
    X, y = load_wine(return_X_y=True)
    model = ContrastiveEmbedding(**presets.SMALL_DATA, max_iter=2, random_state=0)
    assert model.fit_transform(X, y).shape == (len(X), 64)
    default = ContrastiveEmbedding(max_iter=2, random_state=0).fit(X, y)
    assert len(model.coefs_[0]) == 2 * len(default.coefs_[0])
    assert model.coefs_[-1].shape[2] == default.coefs_[-1].shape[2]


def test_wrong_labels_harm_less_with_their_preset():
    X, y = load_digits(return_X_y=True)
    rng = np.random.RandomState(0)
    wrong = np.where(rng.uniform(size=600) < 0.3, rng.randint(10, size=600), y[:600])
    accuracy = {}
    for name, params in {"": {}, "NOISY_LABELS": presets.NOISY_LABELS}.items():
        model = ContrastiveEmbedding(**params, max_iter=30, random_state=0)
        model.fit(X[:600], wrong)
        neighbors = KNeighborsClassifier().fit(model.transform(X[:600]), wrong)
        accuracy[name] = neighbors.score(model.transform(X[600:]), y[600:])
    assert accuracy["NOISY_LABELS"] > accuracy[""] + 0.02


def test_all_that_is_drawn_can_be_trained():
    X, y = load_wine(return_X_y=True)
    for params in ParameterSampler(presets.search_space(), 5, random_state=0):
        model = ContrastiveEmbedding(**params, max_iter=2, random_state=0)
        assert np.isfinite(model.fit_transform(X, y)).all()


def test_what_is_drawn_has_the_stated_distributions():
    space = presets.search_space()
    assert set(space) <= set(ContrastiveEmbedding().get_params())
    draws = list(ParameterSampler(space, 300, random_state=0))
    margins = [draw["margin"] for draw in draws]
    assert kstest(margins, uniform(0.6, 1.3).cdf).pvalue > 0.01
    rates = [draw["learning_rate_init"] for draw in draws]
    assert kstest(rates, loguniform(1e-3, 1e-2).cdf).pvalue > 0.01
    # The margin of the defaults, and half of the sphere's diameter, are among them.
    assert min(margins) < 1.0 < 2**0.5 < max(margins) < 2.0


def test_a_space_for_a_step_of_a_pipeline():
    X, y = load_wine(return_X_y=True)
    pipeline = make_pipeline(
        ContrastiveEmbedding(max_iter=10, random_state=0), KNeighborsClassifier()
    )
    space = presets.search_space("contrastiveembedding__")
    search = RandomizedSearchCV(pipeline, space, n_iter=2, cv=2, random_state=0)
    assert search.fit(X, y).best_score_ > 0.9


def test_a_prefix_that_is_not_a_str_is_an_error():
    for prefix in (None, 3):
        with pytest.raises(TypeError, match=r"`prefix` must be a str.*got"):
            presets.search_space(prefix)
