"""The adapter of a user's function."""

from sklearn_contrastive.losses._base import Loss


class FunctionLoss(Loss):
    """A function ``(anchors, candidates, pairs) -> scalar`` as a loss."""

    def __init__(self, function):
        self.function = function
        self.auto_miner = getattr(function, "auto_miner", "all")

    def __call__(self, anchors, candidates, pairs, params=None):
        """Return what the function returns."""
        return self.function(anchors, candidates, pairs)

    def resolve(self, normalize):
        """Return the adapter, since the function has no parameters that are "auto"."""
        self.check()
        return self

    def check(self):
        """Raise where the function would learn parameters."""
        if hasattr(self.function, "init"):
            raise ValueError(
                "`loss` has an `init`, so it learns parameters; only a class derived "
                f"from losses.Loss may. Derive {type(self.function).__name__} from it."
            )
