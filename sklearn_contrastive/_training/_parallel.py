"""Training by several processes, each of which holds some of the rows."""

import numpy as np

from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive.encoders._mlp import MLPPasses
from sklearn_contrastive.preprocessing._standardization import Rows

#: Rows of so many bytes are sent to all processes at once.
_MOST_BYTES = 2**23


class ParallelTrainer(Trainer):
    """Trains as `Trainer` does, with the work of an encoder shared among processes.

    The rows of ``models`` are `SharedRows`. All processes draw the same batches; each
    maps a part of a batch, all evaluate the loss of all points, and the gradients in
    the parameters are added up. Other encoders than networks made here may use the
    whole batch at once: then every process maps all of it.
    """

    def __init__(self, models, **options):
        import torch

        self._shared, self.group = models[0].X, models[0].X.group
        self._columns = [model.standardization for model in models]
        # A single row: others are sent for each batch.
        first = self._shared[:1]
        super().__init__([each._replace(X=first) for each in models], **options)
        self._numbers_of = None
        with torch.no_grad():
            self._agree()

    def train(self, index, rates):
        """Train on batches, some at once, and return the mean loss of each model."""
        n_steps, total = len(index), 0.0
        n_bytes = index[0].size * self._shared.shape[1] * self._shared.dtype.itemsize
        n_at_once = max(1, _MOST_BYTES // n_bytes)
        for start in range(0, n_steps, n_at_once):
            part = index[start : start + n_at_once]
            self._numbers_of, places = np.unique(part, return_inverse=True)
            rows = self._shared[self._numbers_of]
            tables = [(rows, columns) for columns in self._columns]
            given = self._device, self._dtype, self._rows.views, self._weights
            self._rows = Rows(tables, *given)
            own = rates[start : start + n_at_once]
            losses = super().train(places.reshape(part.shape), own)
            total = total + np.array(losses) * (len(part) / n_steps)
        self._agree()
        return total.tolist()

    def _agree(self):
        """Take what the first process has learned: another may round otherwise."""
        for optimizer in self.optimizers:
            for tensor in optimizer.tensors:
                self.group.of_first(tensor)

    def _keys_of(self, index):
        """Return the keys of batches, given places among the rows that were sent."""
        return super()._keys_of(self._numbers_of[index])

    def _prepare(self, numbers, keys):
        """Make the arrays of a step, and those for the rows of this process."""
        X = self._X
        super()._prepare(numbers, keys)
        if self._X is X or not isinstance(self._passes, MLPPasses):
            return
        n_rows, rank, size = self._X.shape[1], self.group.rank, self.group.size
        first, end = (n_rows * each // size for each in (rank, rank + 1))
        given = self._params, end - first, self._normalize, self._generators
        part = slice(first, end)
        own = self.encoder.passes(*given).within(part, n_rows)
        self._passes = _SharedPasses(own, part, self.optimizers[0].grad, self.group)

    def _capture(self, numbers):
        """Make no graph: other processes take part in a step."""


class _SharedPasses:
    """Forward and backward over a batch, of which each process takes a part.

    ``grad`` holds the gradients in the parameters, which are added up.
    """

    def __init__(self, passes, part, grad, group):
        self._passes, self._part = passes, part
        self._grad, self._group = grad, group

    def forward(self, X):
        """Return the points of all rows."""
        own = self._passes.forward(X[:, self._part])
        points = own.new_zeros((*X.shape[:2], own.shape[2]))
        points[:, self._part] = own
        self._group.sum(points)
        return points

    def backward(self, gradient):
        """Write the gradients of the parameters, those of all parts together."""
        self._passes.backward(gradient[:, self._part])
        self._group.sum(self._grad)


def agreed(group, *given):
    """Return early stopping and reports as the first process of a group has them."""
    return [each and Agreed(each, group) for each in given]


class Agreed:
    """Early stopping, or reports, as the first process of a group has them."""

    def __init__(self, given, group):
        self._given, self._group = given, group
        self.best = None

    def update(self, trainer, state, n_steps):
        """Score as `EarlyStopping.update` does."""
        found = self._given.update(trainer, state, n_steps)
        found, self.best = self._group.first((found, self._given.best))
        return found

    def state(self):
        """Return what `restore` needs, of early stopping."""
        return self._given.state()

    def restore(self, state, best):
        """Go on where the same early stopping was."""
        self._given.restore(state, best)

    def begin(self):
        """Report the begin of some steps."""
        self._given.begin()

    def end(self, report, stop):
        """Report the end of some steps, and return whether a callback wants to stop."""
        return self._group.first(self._given.end(report, stop))
