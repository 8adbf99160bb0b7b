"""A loss that fails in the middle of a fit."""

import pytest

from sklearn_contrastive.losses import ContrastiveLoss


class Interrupted:
    """A contrastive loss that raises an error at one of its calls, counted from 1."""

    def __init__(self, at, error=None):
        self.at, self.n_calls = at, 0
        self.error = KeyboardInterrupt() if error is None else error

    def __call__(self, anchors, candidates, pairs):
        self.n_calls += 1
        if self.n_calls == self.at:
            raise self.error
        return ContrastiveLoss(1.0)(anchors, candidates, pairs)


@pytest.fixture(scope="session")
def interrupted_loss():
    """Return the class of the loss; its error is Ctrl-C unless given."""
    return Interrupted
