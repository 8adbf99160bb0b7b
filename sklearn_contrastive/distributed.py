"""Training by several processes, each of which holds some of the rows.

`data_parallel` trains in an existing process group, which ``torchrun`` or a cluster
starts. `sklearn_contrastive.dask` starts one among Dask's workers.
"""

import json
import pickle
from contextlib import suppress
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from sklearn_contrastive._estimators._checkpoint import as_json, check_checkpoint
from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._estimators._resolve import resolve_similarity
from sklearn_contrastive._estimators._state import ContrastiveEstimator
from sklearn_contrastive._validation import (
    SharedRows,
    check_length,
    check_params,
    holds_sets,
    read_values,
    shorten,
)
from sklearn_contrastive._validation._frames import different
from sklearn_contrastive.similarity import (
    SIMILARITIES,
    LabelSimilarity,
    NeighborSimilarity,
    Similarity,
)

__all__ = ["data_parallel"]

#: Rows of each class that a predictor keeps, as points.
MAX_REFERENCES = 10_000
#: Parameters that may differ between processes.
_OWN = "device", "n_jobs", "verbose"


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
        return self._unpickled(pickle.dumps(value))

    def _unpickled(self, own):
        """Return the objects of all processes, given that of this one as bytes."""
        import torch

        own = np.frombuffer(own, dtype=np.uint8)
        sizes = np.zeros(self.size, dtype=np.int64)
        sizes[self.rank] = len(own)
        sizes = self.added(sizes)
        padded = torch.zeros(int(sizes.max()), dtype=torch.uint8)
        padded[: len(own)] = torch.from_numpy(own.copy())
        found = [torch.empty_like(padded) for _ in sizes]
        self._group.allgather([found], [padded]).wait()
        pairs = zip(found, sizes.tolist(), strict=True)
        return [pickle.loads(each.numpy()[:size].tobytes()) for each, size in pairs]

    def of_one(self, function, *args):
        """Call a function in the first process; all have its result, or its error."""
        own = function if self.rank == 0 else _nothing
        return self.together(own, *args)[0]

    def together(self, function, *args):
        """Call a function, and return the results of all; an error in one is in all.

        The function may not speak to other processes.
        """
        error = None
        try:
            own = pickle.dumps((function(*args), None))
        except Exception as caught:
            error = caught
            own = pickle.dumps((None, _sendable(error)))
        found = self._unpickled(own)
        if error is not None:
            raise error
        for _, other in found:
            if other is not None:
                # So that a cluster names the process where it happened.
                vars(other)["of_peer"] = True
                raise other
        return [each for each, _ in found]

    def _everywhere(self, tensor, call):
        own = tensor
        if tensor.device.type not in self._devices or not tensor.is_contiguous():
            own = tensor.cpu().contiguous()
        call(own).wait()
        if own is not tensor:
            tensor.copy_(own)


def _nothing(*args):
    """Do what other processes than the first do."""


def _sendable(error):
    """Return an error that can be pickled."""
    with suppress(Exception):
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    return RuntimeError(f"{type(error).__name__}: {error}")


def data_parallel(
    estimator, X, y, groups=None, max_references=MAX_REFERENCES, checkpoint=None
):
    """Fit an estimator in all processes of torch's process group, to the rows of all.

    Call it in every process, with the rows that this one holds and the same parameters.
    Row numbers, such as the ids of a predictor, count the rows of the first process,
    then those of the next. Each process ends with the same model, which is that of one
    process with all rows, up to the rounding of sums. The user guide lists what is
    sent.

    Parameters
    ----------
    estimator : ContrastiveEmbedding or predictor by neighbours
        What to fit, such as a ContrastiveNeighborsClassifier or -Regressor. Only the
        first process is verbose.

    X : array-like of shape (n_own_samples, n_features)
        The rows of this process: an array, or a data frame; there may be none.

    y : array-like of shape (n_own_samples,) or (n_own_samples, n_outputs)
        Their labels, targets, or indicators. They are sent to all processes.

    groups : array-like of shape (n_own_samples,), default=None
        Groups of these rows, as in `fit`.

    max_references : int, default=10_000
        How many rows of each class vote in a predictor, at most; all targets are one
        class. Each takes 4 or 8 bytes, as `X` does, for every component.

    checkpoint : str or path-like, default=None
        As in `fit`; in a folder that all processes see.

    Returns
    -------
    estimator : estimator
        The estimator, fitted.

    Raises
    ------
    RuntimeError
        If ``torch.distributed`` has no process group, or one without gloo.
    ValueError
        In all processes, if a parameter, or the rows or labels of one, are invalid, if
        parameters differ between processes, or if the similarity needs the whole table.

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
    backends = distributed.get_backend_config()
    kinds = dict(each.split(":") for each in backends.split(","))
    if kinds.get("cpu") != "gloo":
        raise RuntimeError(
            "data_parallel sends rows and numbers through 'gloo', beside any other "
            f"backend; the process group has {backends!r}. Call init_process_group "
            "with 'gloo' or 'cpu:gloo,cuda:nccl'."
        )
    group = Group(distributed.group.WORLD, kinds)
    own = [np.asarray(X) if isinstance(X, list | tuple) else X, y]
    own += [] if groups is None else [groups]
    given = estimator, own, max_references, checkpoint
    n_rows, settings = zip(*group.together(_checked, *given), strict=True)
    names = [name for each in settings for name in each]
    names = [n for n in dict.fromkeys(names) if len({s.get(n) for s in settings}) > 1]
    if names:
        raise ValueError(
            "data_parallel needs the same parameters in every process; got others of "
            f"{', '.join(names)}."
        )
    blocks = [(sum(n_rows[: group.rank]), *own)]
    return fit_blocks(estimator, group, blocks, max_references, checkpoint)


def _checked(estimator, own, max_references, checkpoint):
    """Return the number of own rows, and JSON of what must not differ, by name."""
    check_possible(estimator)
    _check_blocks([(0, *own)])
    rules = {"max_references": [Interval(Integral, 1, None, closed="left")]}
    check_params("data_parallel", rules, {"max_references": max_references})
    if checkpoint is not None:
        check_checkpoint(estimator, checkpoint, None)
    given = {"estimator": type(estimator), **estimator.get_params()}
    given |= {"max_references": max_references, "checkpoint": checkpoint is not None}
    if given.get("warm_start"):
        given["what warm_start resumes from"] = "_state" in vars(estimator)
    for name in [*given]:
        last = name.rpartition("__")[2]
        # A seed that is not a number is drawn by the first process.
        free = last == "random_state" and not isinstance(given[name], Integral)
        if free or last in _OWN:
            given[name] = None
    return len(own[0]), {n: json.dumps(as_json(v, _kind)) for n, v in given.items()}


def _kind(value):
    return repr(type(value))


def fit_blocks(
    estimator, group, blocks, max_references=MAX_REFERENCES, checkpoint=None
):
    """Fit an estimator to blocks ``(first_row, X, y)`` or ``(…, groups)`` of rows.

    It is returned, fitted, in every process.
    """
    check_possible(estimator)
    group.together(_check_blocks, blocks)
    X = SharedRows([block[:2] for block in blocks], group)
    X.most, given = max_references, {}
    if checkpoint is not None:
        given["checkpoint"] = checkpoint
    y = _whole([(block[0], block[2]) for block in blocks], group, "y")
    groups = _whole([(block[0], *block[3:]) for block in blocks], group, "groups")
    if groups is not None:
        given["groups"] = groups
    changed = {}
    if not (checkpoint or isinstance(estimator.random_state, Integral)):
        # What each process would draw by itself differs.
        rng = check_random_state(estimator.random_state)
        changed["random_state"] = group.first(int(rng.randint(2**31 - 1)))
    if group.rank and "verbose" in vars(estimator):
        changed["verbose"] = False
    before = {name: vars(estimator)[name] for name in changed}
    try:
        return estimator.set_params(**changed).fit(X, y, **given)
    finally:
        estimator.set_params(**before)


def check_possible(estimator, labelled=True):
    """Raise where an estimator cannot learn from rows in several processes."""
    embedding = estimator
    if isinstance(estimator, ContrastiveEstimator):
        embedding = estimator.get_params(deep=False).get("embedding", estimator)
        # That of a predictor by neighbours may be None.
        embedding = ContrastiveEmbedding() if embedding is None else embedding
    if not isinstance(embedding, ContrastiveEmbedding):
        raise TypeError(
            "`estimator` must be a ContrastiveEmbedding or a predictor by neighbours; "
            f"got {shorten(estimator)}."
        )
    similarity = embedding.similarity
    if isinstance(similarity, str):
        # "auto" becomes one by labels or targets, and without them "neighbors".
        auto = LabelSimilarity if labelled else NeighborSimilarity
        similarity = SIMILARITIES.get(similarity, auto)()
    else:
        similarity = resolve_similarity(similarity)
    if isinstance(similarity, Similarity) and (
        similarity.reads_rows or similarity.uses_row_indices or similarity.takes_pairs
    ):
        found, remedy = shorten(embedding.similarity), "Learn from labels or targets"
        if not labelled:
            found, remedy = f"{found} without `y`", "Pass `y`"
        raise ValueError(
            "`similarity` must not need the whole table, which lies in several "
            f"processes, as neighbours, a graph and pairs do; got {found}. {remedy}, "
            "or learn from views: similarity='views'."
        )


def _check_blocks(blocks):
    for _, X, y, *groups in blocks:
        if len(np.shape(X)) != 2 or issparse(X):
            raise ValueError(
                "`X` must be a table of two dimensions, not sparse, in every process; "
                f"got {shorten(X)} of shape {np.shape(X)}."
            )
        if y is not None:
            check_length(y, len(X), "one label or target")
        for own in groups:
            if own is not None and len(own) != len(X):
                raise ValueError(
                    f"`groups` must hold one group per row of `X`; got {len(own)} for "
                    f"{len(X)} rows."
                )


def _whole(parts, group, name):
    """Return what all processes have of rows, in their order; None where none has."""
    # An empty part may be of another dtype.
    given = [(first, own) for first, *some in parts for own in some]
    given = [each for each in given if each[1] is None or len(each[1])]
    read = group.together(lambda: [(first, *_small(own)) for first, own in given])
    found = sorted((each for own in read for each in own), key=lambda each: each[0])
    known = [each for each in found if each[2] is not None]
    if not known:
        return None
    shapes = {places.shape[1:] for _, _, places in known}
    if len(known) < len(found) or len(shapes) > 1:
        raise ValueError(
            f"`{name}` must be given in every process, in one shape; got rows of the "
            f"shapes {shorten(sorted(shapes))}, in {len(known)} of {len(found)} parts."
        )
    if all(levels is None for _, levels, _ in known):
        return np.concatenate([values for *_, values in known])
    objects = [each if levels is None else levels[each] for _, levels, each in known]
    return np.concatenate([each.astype(object) for each in objects])


def _small(values):
    """Return levels and each value's place among them; None and values of numbers."""
    if values is None:
        return None, None
    if holds_sets(values):
        sets = np.empty(len(values), dtype=object)
        sets[:] = [*values]
        return None, sets
    kind, values, missing = read_values(values)
    # Floats and dates hold what is missing.
    if values.dtype != object and (
        kind in "fM" or (kind in "bi" and not missing.any())
    ):
        return None, values
    values = np.where(missing, None, values)
    levels, places = different(values.ravel().tolist())
    found = np.empty(len(levels), dtype=object)
    found[:] = levels
    return found, places.reshape(values.shape)
