"""Embeddings of past batches, kept to be compared with."""

from sklearn_contrastive._pairs._keys import Keys


class Memory:
    """A queue of `size` points and their keys, overwritten from the oldest on.

    `keys` and `points` are those of a batch, of the kinds and on the device to keep;
    `full` says whether all places are taken.
    """

    def __init__(self, size, keys, points):
        self.size, self._next, self.full = size, 0, False
        self.points = points.new_zeros((size, points.shape[-1]))
        self.keys = Keys(*(key.new_zeros((size, *key.shape[1:])) for key in keys))

    def append(self, points, keys):
        """Put a batch in the place of the oldest rows."""
        import torch

        n_rows = min(len(points), self.size)
        places = torch.arange(self._next, self._next + n_rows, device=points.device)
        places %= self.size
        self.points.index_copy_(0, places, points[-n_rows:])
        for kept, key in zip(self.keys, keys, strict=True):
            kept.index_copy_(0, places, key[-n_rows:])
        self.full = self.full or self._next + n_rows >= self.size
        self._next = (self._next + n_rows) % self.size

    def state(self):
        """Return what `restore` needs: arrays, and where the oldest rows are."""
        arrays = [each.cpu().numpy() for each in (self.points, *self.keys)]
        return [*arrays, self._next, self.full]

    def restore(self, state):
        """Take the place of what a memory of the same size was."""
        import torch

        *arrays, self._next, self.full = state
        for kept, array in zip((self.points, *self.keys), arrays, strict=True):
            kept.copy_(torch.from_numpy(array))
