"""Losses: what is wanted of the distances between alike and unlike rows.

Each loss is a class in a file of its own; `LOSSES` maps the names that
`ContrastiveEmbedding(loss=...)` takes to them. Pass an object instead of a name to
set its parameters, and search them as ``loss__margin``.
"""

from sklearn_contrastive.losses._base import HingeLoss, PairLoss
from sklearn_contrastive.losses._contrastive import ContrastiveLoss
from sklearn_contrastive.losses._contrastive_linear import ContrastiveLinearLoss
from sklearn_contrastive.losses._contrastive_squared import ContrastiveSquaredLoss
from sklearn_contrastive.losses._siamese import SiameseLoss

__all__ = [
    "LOSSES",
    "ContrastiveLinearLoss",
    "ContrastiveLoss",
    "ContrastiveSquaredLoss",
    "HingeLoss",
    "PairLoss",
    "SiameseLoss",
]

LOSSES = {
    "contrastive": ContrastiveLoss,
    "contrastive_linear": ContrastiveLinearLoss,
    "contrastive_squared": ContrastiveSquaredLoss,
    "siamese": SiameseLoss,
}
