"""Models to draw."""

import pytest
from sklearn.datasets import load_iris

from sklearn_contrastive import ContrastiveEmbedding


@pytest.fixture(scope="session")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="session")
def trained(iris):
    """Return an embedding that has every curve a display may show."""
    return ContrastiveEmbedding(
        4,
        hidden_layer_sizes=16,
        max_iter=6,
        batch_size=64,
        early_stopping=True,
        random_state=0,
    ).fit(*iris)
