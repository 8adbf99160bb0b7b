"""Metrics of an embedding: retrieval, verification, and the geometry of its points.

Distances are Euclidean, and small is near. Retrieval and geometry take embedded rows
``Z``; verification takes distances of pairs; scorers take a fitted estimator, and serve
as `scoring` in scikit-learn.
"""

from sklearn_contrastive.metrics._drift import neighbor_drift
from sklearn_contrastive.metrics._geometry import (
    alignment,
    effective_rank,
    embedding_consistency,
    hubness,
    neighborhood_preservation,
    uniformity,
)
from sklearn_contrastive.metrics._retrieval import (
    map_at_r,
    mean_reciprocal_rank,
    precision_at_1,
    r_precision,
    recall_at_k,
    retrieval_scores,
)
from sklearn_contrastive.metrics._scorers import (
    KNNScorer,
    RetrievalScorer,
    knn_scorer,
    map_at_r_scorer,
    r_precision_scorer,
)
from sklearn_contrastive.metrics._verification import (
    equal_error_rate,
    far_frr_curve,
    frr_at_far,
)

__all__ = [
    "KNNScorer",
    "RetrievalScorer",
    "alignment",
    "effective_rank",
    "embedding_consistency",
    "equal_error_rate",
    "far_frr_curve",
    "frr_at_far",
    "hubness",
    "knn_scorer",
    "map_at_r",
    "map_at_r_scorer",
    "mean_reciprocal_rank",
    "neighbor_drift",
    "neighborhood_preservation",
    "precision_at_1",
    "r_precision",
    "r_precision_scorer",
    "recall_at_k",
    "retrieval_scores",
    "uniformity",
]
