"""Losses: objectives over the distances of similar and dissimilar rows.

Each loss is a class in a file of its own; `LOSSES` maps the names that
`ContrastiveEmbedding(loss=...)` takes to them. Pass an object instead of a name to
set its parameters, and search them as ``loss__margin``.
"""

from sklearn_contrastive.losses._base import (
    HingeLoss,
    ListwiseLoss,
    Loss,
    PairLoss,
    TemperatureLoss,
)
from sklearn_contrastive.losses._contrastive import ContrastiveLoss
from sklearn_contrastive.losses._contrastive_linear import ContrastiveLinearLoss
from sklearn_contrastive.losses._contrastive_squared import ContrastiveSquaredLoss
from sklearn_contrastive.losses._function import FunctionLoss
from sklearn_contrastive.losses._hybrid import HybridLoss
from sklearn_contrastive.losses._info_nce import InfoNCELoss
from sklearn_contrastive.losses._lifted import LiftedLoss
from sklearn_contrastive.losses._margin import MarginLoss
from sklearn_contrastive.losses._multi_similarity import MultiSimilarityLoss
from sklearn_contrastive.losses._n_pair import NPairLoss
from sklearn_contrastive.losses._nca import NCALoss
from sklearn_contrastive.losses._proxy_anchor import ProxyAnchorLoss
from sklearn_contrastive.losses._rank_n_contrast import RankNContrastLoss
from sklearn_contrastive.losses._siamese import SiameseLoss
from sklearn_contrastive.losses._supcon import SupConLoss
from sklearn_contrastive.losses._triplet import TripletLoss

__all__ = [
    "LOSSES",
    "ContrastiveLinearLoss",
    "ContrastiveLoss",
    "ContrastiveSquaredLoss",
    "FunctionLoss",
    "HingeLoss",
    "HybridLoss",
    "InfoNCELoss",
    "LiftedLoss",
    "ListwiseLoss",
    "Loss",
    "MarginLoss",
    "MultiSimilarityLoss",
    "NCALoss",
    "NPairLoss",
    "PairLoss",
    "ProxyAnchorLoss",
    "RankNContrastLoss",
    "SiameseLoss",
    "SupConLoss",
    "TemperatureLoss",
    "TripletLoss",
]

LOSSES = {
    "contrastive": ContrastiveLoss,
    "contrastive_linear": ContrastiveLinearLoss,
    "contrastive_squared": ContrastiveSquaredLoss,
    "hybrid": HybridLoss,
    "info_nce": InfoNCELoss,
    "lifted": LiftedLoss,
    "margin": MarginLoss,
    "multi_similarity": MultiSimilarityLoss,
    "n_pair": NPairLoss,
    "nca": NCALoss,
    "proxy_anchor": ProxyAnchorLoss,
    "rank_n_contrast": RankNContrastLoss,
    "siamese": SiameseLoss,
    "supcon": SupConLoss,
    "triplet": TripletLoss,
}
