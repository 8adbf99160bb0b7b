"""Similarities: what makes two rows similar.

`SIMILARITIES` maps the names that `ContrastiveEmbedding(similarity=...)` takes to the
classes of this package.
"""

from sklearn_contrastive.similarity._base import Similarity
from sklearn_contrastive.similarity._constraints import PairConstraints
from sklearn_contrastive.similarity._function import FunctionSimilarity
from sklearn_contrastive.similarity._labels import LabelSimilarity
from sklearn_contrastive.similarity._multilabel import (
    MultilabelSimilarity,
    check_label_sets,
)
from sklearn_contrastive.similarity._neighbors import NeighborSimilarity
from sklearn_contrastive.similarity._partners import PartnerSimilarity
from sklearn_contrastive.similarity._row_numbers import check_pair_labels
from sklearn_contrastive.similarity._targets import TargetSimilarity, check_targets
from sklearn_contrastive.similarity._views import ViewSimilarity
from sklearn_contrastive.similarity._y_values import check_labels, infer_similarity

__all__ = [
    "SIMILARITIES",
    "FunctionSimilarity",
    "LabelSimilarity",
    "MultilabelSimilarity",
    "NeighborSimilarity",
    "PairConstraints",
    "PartnerSimilarity",
    "Similarity",
    "TargetSimilarity",
    "ViewSimilarity",
    "check_label_sets",
    "check_labels",
    "check_pair_labels",
    "check_targets",
    "infer_similarity",
]

SIMILARITIES = {
    "labels": LabelSimilarity,
    "neighbors": NeighborSimilarity,
    "pairs": PairConstraints,
    "targets": TargetSimilarity,
    "multilabel": MultilabelSimilarity,
    "views": ViewSimilarity,
}
