"""What an embedding goes by: how much each column moves it, and what parts two rows."""

from sklearn_contrastive.inspection._importances import feature_importances
from sklearn_contrastive.inspection._pair import explain_pair

__all__ = ["explain_pair", "feature_importances"]
