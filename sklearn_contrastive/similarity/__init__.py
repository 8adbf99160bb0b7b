"""Similarities: which pairs of rows are similar, and which are dissimilar."""

from sklearn_contrastive._validation import (
    check_labels,
    check_pair_labels,
    infer_similarity,
)
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
from sklearn_contrastive.similarity._targets import TargetSimilarity, check_targets
from sklearn_contrastive.similarity._views import ViewSimilarity

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

#: The classes by the names that `ContrastiveEmbedding(similarity=...)` takes.
SIMILARITIES = {
    "labels": LabelSimilarity,
    "neighbors": NeighborSimilarity,
    "pairs": PairConstraints,
    "targets": TargetSimilarity,
    "multilabel": MultilabelSimilarity,
    "views": ViewSimilarity,
}
