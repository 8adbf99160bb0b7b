"""Estimators that the workers of a Dask cluster train, on the rows that lie there."""

from sklearn_contrastive.dask._collections import check_installed
from sklearn_contrastive.dask._estimators import (
    DaskContrastiveEmbedding,
    DaskContrastiveNeighborsClassifier,
)

__all__ = ["DaskContrastiveEmbedding", "DaskContrastiveNeighborsClassifier"]

check_installed()
