"""Similarities: what makes two rows alike.

`SIMILARITIES` maps the names that `ContrastiveEmbedding(similarity=...)` takes to the
classes of this package.
"""

from sklearn_contrastive.similarity._base import Similarity
from sklearn_contrastive.similarity._labels import LabelSimilarity, check_labels

__all__ = ["SIMILARITIES", "LabelSimilarity", "Similarity", "check_labels"]

SIMILARITIES = {"labels": LabelSimilarity}
