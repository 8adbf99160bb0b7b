"""A model remembers the versions it was fitted with, and warns under another."""

import pickle
import warnings
from copy import copy, deepcopy

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning

import sklearn_contrastive
from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    PairVerifier,
)

rng = np.random.RandomState(0)
X, y = rng.normal(size=(40, 4)), np.arange(40) % 2
SMALL = ContrastiveEmbedding(
    4, max_iter=1, hidden_layer_sizes=(4,), n_members=1, random_state=0
)
UNFITTED = [
    (SMALL, X, y),
    (ContrastiveAlignment(2, max_iter=1, hidden_layer_sizes=(4,)), X[:, :2], X[:, 2:]),
    (ContrastiveEmbeddingCV(SMALL, margins=[1.0], cv=2), X, y),
    (ContrastiveEmbeddingCV(SMALL, margins=[1.0], cv=2, refit=False), X, y),
    (PairVerifier(SMALL, random_state=0), X.reshape(20, 2, 4), y[:20]),
]


@pytest.fixture(params=UNFITTED, ids=lambda case: type(case[0]).__name__)
def model(request):
    estimator, *data = request.param
    return clone(estimator).fit(*data)


def loaded_under(version, pickled, monkeypatch):
    """Return a model that is loaded under a version, and what that warned of."""
    with monkeypatch.context() as patch:
        patch.setattr(sklearn_contrastive, "__version__", version)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            loaded = pickle.loads(pickled)
    kinds = {each.category for each in caught}
    assert kinds <= {InconsistentVersionWarning}
    return loaded, [each.message for each in caught]


def test_a_model_warns_under_another_minor_version(model, monkeypatch):
    _, said = loaded_under("7.5.0", pickle.dumps(model), monkeypatch)
    names = [each.estimator_name for each in said]
    assert names[-1] == type(model).__name__
    assert said[-1].original_sklearn_version == sklearn_contrastive.__version__
    assert said[-1].current_sklearn_version == "7.5.0"


def test_a_model_does_not_warn_under_its_own_minor_version(model, monkeypatch):
    minor = ".".join(sklearn_contrastive.__version__.split(".")[:2])
    for version in (sklearn_contrastive.__version__, f"{minor}.99", f"{minor}.1rc2"):
        loaded, said = loaded_under(version, pickle.dumps(model), monkeypatch)
        assert not said
        assert vars(loaded).keys() == vars(model).keys()


def test_a_model_without_versions_warns(model, monkeypatch):
    del model._versions
    _, said = loaded_under("0.1.0", pickle.dumps(model), monkeypatch)
    assert said[-1].original_sklearn_version == "unknown"


def test_an_unfitted_estimator_does_not_warn(monkeypatch):
    for estimator, *_ in UNFITTED:
        pickled = pickle.dumps(clone(estimator))
        loaded, said = loaded_under("7.5.0", pickled, monkeypatch)
        assert not said
        assert vars(loaded).keys() == vars(estimator).keys()


def test_columns_alone_are_no_fit(monkeypatch):
    estimator = clone(SMALL)
    estimator.n_features_in_ = 4
    assert not loaded_under("7.5.0", pickle.dumps(estimator), monkeypatch)[1]


def test_versions_are_plain_text_and_survive_another_pickle(model, monkeypatch):
    versions = model._versions
    assert versions["sklearn"] == sklearn.__version__
    assert versions["numpy"] == np.__version__
    assert {"sklearn_contrastive", "torch"} <= versions.keys()
    assert {type(version) for version in versions.values()} == {str}
    loaded, _ = loaded_under("7.5.0", pickle.dumps(model), monkeypatch)
    assert loaded._versions == versions
    assert loaded_under("7.5.0", pickle.dumps(loaded), monkeypatch)[1]


def test_a_loaded_model_is_used_and_copied_without_another_warning(monkeypatch):
    pickled = pickle.dumps(clone(SMALL).fit(X, y))
    loaded, _ = loaded_under("7.5.0", pickled, monkeypatch)
    monkeypatch.setattr(sklearn_contrastive, "__version__", "7.5.0")
    np.testing.assert_array_equal(copy(loaded).transform(X), loaded.transform(X))
    assert not hasattr(clone(loaded), "_versions")
    loaded.fit(X, y)
    assert loaded._versions["sklearn_contrastive"] == "7.5.0"
    deepcopy(loaded)


def test_a_copy_shares_what_was_learned_and_nothing_else():
    model = clone(SMALL).fit(X, y)
    twin = copy(model)
    assert type(twin) is type(model)
    assert vars(twin) == vars(model)
    assert vars(twin) is not vars(model)
    twin.set_params(alpha=0.5)
    assert model.alpha == "auto"
