"""The adapter of a user's function."""

from sklearn_contrastive.losses._base import Loss


class FunctionLoss(Loss):
    """A function ``(anchors, candidates, pairs) -> scalar`` as a loss."""

    def __init__(self, function):
        self.function = function

    def __call__(self, anchors, candidates, pairs, params=None):
        """Return what the function returns."""
        return self.function(anchors, candidates, pairs)

    def resolve(self, normalize):
        """Return the adapter: the function has no parameters that could be "auto"."""
        return self
