"""Rows of a table on a device, standardised and read in batches."""

import numpy as np

from sklearn_contrastive.preprocessing._standardization import standardised

#: Rows of a block, so that temporary arrays stay small whatever the table's size.
_BLOCK = 8192
#: Standardised tables up to this size are made once instead of in each step, so that a
#: large one is not held twice. On a GPU they may fill half of the free memory instead.
_LARGEST_PREPARED_BYTES = 2**25


class Rows:
    """Standardised rows of models on a device, read by number.

    ``tables`` holds the rows of each model, possibly on disk, and its standardisation;
    they are never written to and never copied whole unless that is small. Models that
    learn from the same table share it. ``views`` are functions that return what stands
    for raw rows of each model, called each time they are read. ``on_device`` says
    whether all rows are there already.
    """

    def __init__(self, tables, device, dtype, views=None):
        import torch

        self._views, self._tables = views, tables
        self._device, self._dtype = device, dtype
        self.n_features = tables[0][0].shape[1]
        self._table, largest = None, _LARGEST_PREPARED_BYTES
        if device.startswith("cuda"):
            largest = torch.cuda.mem_get_info(device)[0] // 2
        # A standardization is the same where its numbers are.
        which = [(id(X), *(np.asarray(p).tobytes() for p in s)) for X, s in tables]
        different = dict(zip(which, tables, strict=True))
        n_rows = sum(len(X) for X, _ in different.values())
        n_bytes = n_rows * self.n_features * dtype.itemsize
        self.on_device = views is None and n_bytes <= largest
        if self.on_device:
            shape = n_rows, self.n_features
            self._table = torch.empty(shape, dtype=dtype, device=device)
            starts, start = {}, 0
            for name, (X, standardization) in different.items():
                starts[name] = start
                for first in range(0, len(X), _BLOCK):
                    block = standardised(X[first : first + _BLOCK], standardization)
                    at = slice(start + first, start + first + len(block))
                    self._table[at] = torch.from_numpy(block)
                start += len(X)
            self._starts = np.array([starts[name] for name in which])

    def numbers(self, index):
        """Return row numbers (n_steps, n_models, batch_size) as `read` takes them."""
        import torch

        if not self.on_device:
            return index
        return torch.from_numpy(index + self._starts[:, None]).to(self._device)

    def read(self, numbers, out):
        """Write the rows of numbers (n_models, batch_size) to (n_models, n_points, ...)."""
        import torch

        if self.on_device:
            flat = out.view(-1, self.n_features)
            torch.index_select(self._table, 0, numbers.reshape(-1), out=flat)
            return
        views = self._views or [np.asarray] * len(self._tables)
        for (X, standardization), view, own, place in zip(
            self._tables, views, numbers, out, strict=True
        ):
            rows = standardised(view(X[own]), standardization)
            place.copy_(torch.from_numpy(rows))
