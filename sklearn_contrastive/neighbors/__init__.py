"""Predictors by nearest neighbours that their networks have not been trained on."""

from sklearn_contrastive.neighbors._classifier import ContrastiveNeighborsClassifier
from sklearn_contrastive.neighbors._regressor import ContrastiveNeighborsRegressor

__all__ = ["ContrastiveNeighborsClassifier", "ContrastiveNeighborsRegressor"]
