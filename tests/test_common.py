"""scikit-learn's own checks, with nothing expected to fail."""

import ast
import inspect
from importlib import import_module

import pytest
from numpydoc.docscrape import ClassDoc
from sklearn.datasets import load_iris
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

import sklearn_contrastive
from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    ContrastiveNeighborsClassifier,
    ContrastiveNeighborsRegressor,
)
from sklearn_contrastive.losses import SiameseLoss


class SmallModule:
    """A factory that is called the same in every process."""

    def __repr__(self):
        return "SmallModule()"

    def __call__(self, n_features, n_components):
        """Return a torch module with dropout and batch normalisation."""
        from torch import nn

        return nn.Sequential(
            nn.Linear(n_features, 8),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(8, n_components),
        )


class TwoNetworks(ContrastiveEmbedding):
    """An ensemble, whose networks keep their components when a check sets one."""

    n_components = property(lambda self: 8, lambda self, value: None)

    def __init__(self, max_iter=2, random_state=None):
        super().__init__(
            n_components=8, n_members=2, max_iter=max_iter, random_state=random_state
        )


CONFIGURATIONS = [
    ContrastiveEmbedding(max_iter=2),
    ContrastiveEmbedding(encoder=SmallModule(), n_components=3, max_iter=2),
    ContrastiveEmbedding(similarity="neighbors", max_iter=2),
    ContrastiveAlignment(max_iter=2),
    ContrastiveNeighborsClassifier(
        ContrastiveEmbedding(8, max_iter=2, hidden_layer_sizes=(16,)), cross_fit=2
    ),
    ContrastiveNeighborsRegressor(
        ContrastiveEmbedding(
            16, max_iter=5, hidden_layer_sizes=(16,), learning_rate_init=1e-2
        ),
        cross_fit=2,
    ),
    ContrastiveEmbeddingCV(
        ContrastiveEmbedding(max_iter=2, hidden_layer_sizes=(16,), random_state=0),
        margins=[1],
        cv=2,
    ),
]
FURTHER_CONFIGURATIONS = [
    # It ends after two or three epochs.
    ContrastiveEmbedding(early_stopping=True, n_iter_no_change=1, tol=0.1, max_iter=20),
    ContrastiveEmbedding(encoder="linear", max_iter=2),
    ContrastiveEmbedding(
        loss=SiameseLoss(), miner="all", normalize=False, standardize=False, max_iter=2
    ),
    ContrastiveEmbedding(similarity="views", loss="info_nce", max_iter=2),
    TwoNetworks(),
]


pytestmark = [
    pytest.mark.filterwarnings("ignore:The embedding has collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:`normalize=True` is not possible:UserWarning"),
    pytest.mark.filterwarnings("ignore:`n_components=1` leaves two points:UserWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning"),
]


@parametrize_with_checks(CONFIGURATIONS)
def test_scikit_learn_checks_pass(estimator, check):
    check(estimator)


@pytest.mark.long
@parametrize_with_checks(FURTHER_CONFIGURATIONS)
def test_scikit_learn_checks_pass_with_further_parameters(estimator, check):
    check(estimator)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_scikit_learn_checks_pass_with_all_epochs_of_the_defaults():
    check_estimator(ContrastiveEmbedding())


@pytest.mark.parametrize("name", sklearn_contrastive.__all__)
def test_public_names_are_there(name):
    assert getattr(sklearn_contrastive, name) is not None
    assert name in dir(sklearn_contrastive)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Contrastive'"):
        _ = sklearn_contrastive.Contrastive


@pytest.mark.parametrize("family", ["losses", "miners", "similarity", "encoders"])
def test_families_list_what_they_export(family):
    module = import_module(f"sklearn_contrastive.{family}")
    assert module.__all__ == sorted(module.__all__, key=lambda n: (not n.isupper(), n))
    for name in module.__all__:
        assert hasattr(module, name)


def documented(section):
    """Return names and types of a section of the class docstring."""
    return ClassDoc(ContrastiveEmbedding)[section]


def test_every_parameter_is_documented_with_its_default():
    signature = inspect.signature(ContrastiveEmbedding).parameters
    assert [p.name for p in documented("Parameters")] == list(signature)
    for parameter in documented("Parameters"):
        stated = ast.literal_eval(parameter.type.split("default=")[1])
        assert stated == signature[parameter.name].default, parameter.name


def test_every_fitted_attribute_is_documented():
    X, y = load_iris(as_frame=True, return_X_y=True)
    fitted = set()
    for given in ({"encoder": SmallModule()}, {"cross_fit": 2}):
        model = ContrastiveEmbedding(4, max_iter=1, random_state=0, **given)
        model.fit(X, y)
        own = {name for name in dir(model) if name.endswith("_")}
        fitted |= {name for name in own if name[0] != "_" and hasattr(model, name)}
    names = [n for p in documented("Attributes") for n in p.name.split(", ")]
    assert fitted == set(names)


def test_an_unfitted_estimator_has_no_fitted_attributes():
    for cls in (ContrastiveEmbedding, ContrastiveAlignment):
        names = [n for p in ClassDoc(cls)["Attributes"] for n in p.name.split(", ")]
        assert [name for name in names if hasattr(cls(), name)] == []
