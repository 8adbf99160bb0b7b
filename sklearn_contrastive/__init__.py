"""Metric learning with the contrastive loss, as scikit-learn estimators.

The public names are imported when first asked for, so that
``import sklearn_contrastive`` stays quick. torch is loaded by ``fit`` alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sklearn_contrastive._estimators._alignment import ContrastiveAlignment
    from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
    from sklearn_contrastive._pairs._keys import Keys, Links, Pairs
    from sklearn_contrastive.model_selection._search import ContrastiveEmbeddingCV
    from sklearn_contrastive.neighbors import (
        ContrastiveNeighborsClassifier,
        ContrastiveNeighborsRegressor,
    )
    from sklearn_contrastive.verification import PairVerifier

__version__ = "0.1.0.dev0"

__all__ = [
    "ContrastiveAlignment",
    "ContrastiveEmbedding",
    "ContrastiveEmbeddingCV",
    "ContrastiveNeighborsClassifier",
    "ContrastiveNeighborsRegressor",
    "Keys",
    "Links",
    "PairVerifier",
    "Pairs",
    "callbacks",
    "displays",
    "encoders",
    "inspection",
    "losses",
    "metrics",
    "miners",
    "model_selection",
    "neighbors",
    "persistence",
    "presets",
    "similarity",
    "verification",
]

_CLASSES = {
    "ContrastiveAlignment": "sklearn_contrastive._estimators._alignment",
    "ContrastiveEmbedding": "sklearn_contrastive._estimators._embedding",
    "ContrastiveEmbeddingCV": "sklearn_contrastive.model_selection._search",
    "ContrastiveNeighborsClassifier": "sklearn_contrastive.neighbors",
    "ContrastiveNeighborsRegressor": "sklearn_contrastive.neighbors",
    "Keys": "sklearn_contrastive._pairs._keys",
    "Links": "sklearn_contrastive._pairs._keys",
    "PairVerifier": "sklearn_contrastive.verification",
    "Pairs": "sklearn_contrastive._pairs._keys",
}


def __getattr__(name: str):
    if name in _CLASSES:
        return getattr(import_module(_CLASSES[name]), name)
    if name in __all__:
        return import_module(f"sklearn_contrastive.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
