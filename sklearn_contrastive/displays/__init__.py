"""Displays: pictures of embeddings, pairs, rankings and training.

As in scikit-learn, ``from_estimator`` and its like compute what is shown, keep it as
attributes and draw it; ``plot`` draws it once more. matplotlib is loaded to draw.
"""

from sklearn_contrastive.displays._curves import LossCurveDisplay, MarginCurveDisplay
from sklearn_contrastive.displays._embedding import EmbeddingDisplay
from sklearn_contrastive.displays._pair_distance import PairDistanceDisplay
from sklearn_contrastive.displays._retrieval_curve import RetrievalCurveDisplay
from sklearn_contrastive.displays._spring import SpringDisplay
from sklearn_contrastive.displays._verification import VerificationDisplay

__all__ = [
    "EmbeddingDisplay",
    "LossCurveDisplay",
    "MarginCurveDisplay",
    "PairDistanceDisplay",
    "RetrievalCurveDisplay",
    "SpringDisplay",
    "VerificationDisplay",
]
