"""Model selection: a search over margins, and folds of classes never trained on."""

from sklearn_contrastive.model_selection._class_disjoint import ClassDisjointKFold
from sklearn_contrastive.model_selection._search import ContrastiveEmbeddingCV

__all__ = ["ClassDisjointKFold", "ContrastiveEmbeddingCV"]
