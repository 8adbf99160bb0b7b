"""Which columns move an embedding, and which separate two rows."""

from sklearn_contrastive.inspection._importances import feature_importances
from sklearn_contrastive.inspection._pair import explain_pair

__all__ = ["explain_pair", "feature_importances"]
