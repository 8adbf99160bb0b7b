"""Training by several processes, each of which holds some of the rows.

`data_parallel` trains in a process group that is there already, as ``torchrun`` or a
cluster makes it. `sklearn_contrastive.dask` makes one among Dask's workers.
"""

import pickle
from contextlib import suppress
from numbers import Integral

import numpy as np

from sklearn_contrastive._validation import SharedRows, read_values, shorten

__all__ = ["data_parallel"]


class Group:
    """The processes that train together, and what they say to each other.

    All of them make the same calls in the same order. ``process_group`` is torch's,
    which knows tensors of ``devices``; others go through the memory of the host.
    """

    def __init__(self, process_group, devices=("cpu",)):
        self._group, self._devices = process_group, devices
        self.rank, self.size = process_group.rank(), process_group.size()

    def sum(self, tensor):
        """Replace a tensor by its sum over processes."""
        self._everywhere(tensor, lambda own: self._group.allreduce([own]))

    def of_first(self, tensor):
        """Replace a tensor by that of the first process."""
        self._everywhere(tensor, lambda own: self._group.broadcast(own, 0))

    def added(self, values):
        """Return the sum over processes of an array of numbers."""
        import torch

        total = torch.from_numpy(np.ascontiguousarray(values))
        total = total.clone()
        self.sum(total)
        return total.numpy()

    def first(self, value):
        """Return the object of the first process."""
        return self.each(value if self.rank == 0 else None)[0]

    def each(self, value):
        """Return the objects of all processes."""
        import torch

        own = np.frombuffer(pickle.dumps(value), dtype=np.uint8)
        sizes = np.zeros(self.size, dtype=np.int64)
        sizes[self.rank] = len(own)
        sizes = self.added(sizes)
        padded = torch.zeros(int(sizes.max()), dtype=torch.uint8)
        padded[: len(own)] = torch.from_numpy(own.copy())
        found = [torch.empty_like(padded) for _ in sizes]
        self._group.allgather([found], [padded]).wait()
        pairs = zip(found, sizes.tolist(), strict=True)
        return [pickle.loads(each.numpy()[:size].tobytes()) for each, size in pairs]

    def together(self, function, *args):
        """Call a function, and return the results of all; an error in one is in all.

        The function may not speak to other processes.
        """
        result, error = None, None
        try:
            result = function(*args)
        except Exception as caught:
            error = caught
        found = self.each((result, _sendable(error)))
        if error is not None:
            raise error
        for _, other in found:
            if other is not None:
                raise other
        return [each for each, _ in found]

    def _everywhere(self, tensor, call):
        own = tensor
        if tensor.device.type not in self._devices or not tensor.is_contiguous():
            own = tensor.cpu().contiguous()
        call(own).wait()
        if own is not tensor:
            tensor.copy_(own)


def _sendable(error):
    """Return an error that can be pickled."""
    if error is None:
        return None
    with suppress(Exception):
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    return RuntimeError(f"{type(error).__name__}: {error}")


def data_parallel(estimator, X, y, groups=None):
    """Fit an estimator in all processes of torch's process group, to the rows of all.

    Call it in every process, with the rows that this one holds and the same parameters.
    Row numbers go on from process to process. Each process ends with the same model,
    which is that of one process with all rows, up to the rounding of sums. See the user
    guide for what is sent.

    Parameters
    ----------
    estimator : ContrastiveEmbedding or ContrastiveNeighborsClassifier
        What to fit. Only the first process is verbose.

    X : array-like of shape (n_own_samples, n_features)
        The rows of this process: an array, or a data frame; there may be none.

    y : array-like of shape (n_own_samples,) or (n_own_samples, n_outputs)
        Their labels, targets, or indicators. They are sent to all processes.

    groups : array-like of shape (n_own_samples,), default=None
        Groups of these rows, as in `fit`.

    Returns
    -------
    estimator : estimator
        The estimator, fitted.

    Raises
    ------
    RuntimeError
        If ``torch.distributed`` has no process group.
    ValueError
        In all processes, if a parameter, or the rows or labels of one, are invalid; or
        if the similarity needs the whole table.

    Examples
    --------
    ``torchrun --nproc-per-node 2 train.py`` runs such a file in two processes:

    .. code-block:: python

        torch.distributed.init_process_group("gloo")
        rank = torch.distributed.get_rank()
        X, y = read_part(rank)
        model = data_parallel(ContrastiveEmbedding(random_state=0), X, y)
        torch.distributed.destroy_process_group()
    """
    from torch import distributed

    if not distributed.is_available() or not distributed.is_initialized():
        raise RuntimeError(
            "data_parallel needs a process group; torch.distributed has none. Call "
            "torch.distributed.init_process_group('gloo') first, and start the "
            "processes with torchrun."
        )
    world = distributed.group.WORLD
    group = Group(world)
    lengths = group.each(len(X))
    first = sum(lengths[: group.rank])
    blocks = [(first, X, y)] if groups is None else [(first, X, y, groups)]
    return fit_blocks(estimator, group, blocks)


def fit_blocks(estimator, group, blocks):
    """Fit an estimator to blocks ``(first_row, X, y)`` or ``(…, groups)`` of rows."""
    _check_possible(estimator)
    X = SharedRows([block[:2] for block in blocks], group)
    y = _whole([(block[0], block[2]) for block in blocks], group, len(X), "y")
    given, changed = {}, {}
    if any(group.each(any(len(block) > 3 for block in blocks))):
        parts = [(block[0], block[3]) for block in blocks]
        given["groups"] = _whole(parts, group, len(X), "groups")
    if not isinstance(estimator.random_state, Integral):
        rng = np.random.RandomState() if estimator.random_state is None else None
        rng = rng or estimator.random_state
        changed["random_state"] = group.first(int(rng.randint(2**31 - 1)))
    before = {name: vars(estimator)[name] for name in changed}
    try:
        estimator.set_params(**changed)
        return estimator.fit(X, y, **given)
    finally:
        estimator.set_params(**before)


def _check_possible(estimator):
    pass


def _whole(parts, group, n_rows, name):
    """Return what all processes have of rows, in their order."""
    read = [(first, *read_values(part)) for first, part in parts]
    found = [each for own in group.each(read) for each in own if len(each[2])]
    values = [values for _, _, values, _ in sorted(found, key=lambda each: each[0])]
    whole = np.concatenate(values)
    if len(whole) != n_rows:
        raise ValueError(
            f"`{name}` must hold one value per row of `X`, {n_rows} in all processes; "
            f"got {len(whole)}."
        )
    return whole
