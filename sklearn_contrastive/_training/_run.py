"""A training from its first epoch to its last: batches, records, reasons to stop."""

import math
import warnings
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from sklearn_contrastive._training._optimizer import learning_rates

#: What ``max_iter="auto"`` gives: so many visits to each row, within limits of steps
#: with 128 rows, and of as many rows in batches of 64 to 256.
_VISITS, _FEWEST_STEPS, _MOST_STEPS = 12, 300, 4000
_FEWEST_EPOCH_STEPS = 10
#: Layers up to this width are trained with one thread: waiting for a second one, on
#: a core that is busy elsewhere, can take a hundred times as long as the work.
_WIDEST_SINGLE_THREAD = 1024


class Epochs:
    """The batches of a model with their learning rates, epoch by epoch.

    ``source`` draws the index of a pass over its rows, ``batch_size`` of them in a
    batch, or all of them where there are fewer. ``max_iter`` epochs are a pass each;
    "auto" is 12 visits to each row, but at least 300 and at most 4,000 steps with 128
    rows. These limits are doubled for batches of 64 or fewer, and halved for 256 or
    more. These steps are dealt out in epochs of one pass, or of several where a pass
    has fewer than 10 steps. ``n_rows`` are the rows to count with, at most those of
    `source`; ``constant`` keeps the learning rate at its peak; ``longer`` multiplies
    what "auto" stands for. ``ends`` are the steps done at the end of each epoch.
    """

    def __init__(
        self,
        source,
        batch_size,
        max_iter,
        rng,
        n_rows=None,
        constant=False,
        longer=1,
    ):
        n_rows = n_rows or len(source.rows_)
        more = 128 / min(max(batch_size, 64), 256)
        self.batch_size = batch_size = min(batch_size, n_rows)
        self._draw = partial(source.batches, batch_size, rng)
        if max_iter == "auto":
            wanted = _VISITS * n_rows / batch_size
            wanted = min(max(wanted, more * _FEWEST_STEPS), more * _MOST_STEPS)
            n_steps = round(longer * wanted)
            # On a small table a pass is a step or two: too short to judge progress by.
            longest = max(n_rows // batch_size, _FEWEST_EPOCH_STEPS)
            n_epochs = math.ceil(n_steps / longest)
        else:
            n_epochs, n_steps = max_iter, max_iter * (n_rows // batch_size)
        self.ends = [n_steps * done // n_epochs for done in range(1, n_epochs + 1)]
        self._rates = np.ones(n_steps) if constant else learning_rates(n_steps)

    def __iter__(self):
        """Yield the index of an epoch's batches, and the rate of each step."""
        for start, end in pairwise([0, *self.ends]):
            index = self._draw()
            while len(index) < end - start:
                index = np.concatenate([index, self._draw()])
            # A copy, so that the rest of a pass that is cut short is let go.
            index = index[: end - start].copy()
            yield index, self._rates[start:end]


def stacked(epochs):
    """Yield the index and the rates of several models' batches along a second axis."""
    for parts in zip(*epochs, strict=True):
        yield np.stack([index for index, _ in parts], axis=1), parts[0][1]


class History:
    """Counts and curves of a training, which a later one resumes.

    ``advice`` is what a user may change where the loss is not finite.
    """

    def __init__(self, advice, n_iter=0, n_steps=0, loss_curve=(), mining_curve=None):
        self._advice, self.n_iter, self.n_steps = advice, n_iter, n_steps
        self.loss_curve = list(loss_curve)
        self.mining_curve = {k: list(v) for k, v in (mining_curve or {}).items()}

    def record(self, loss, n_steps, statistics):
        """Add an epoch to the curves, or raise where its loss is not finite."""
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss became {loss} in epoch {self.n_iter + 1}. {self._advice}"
            )
        self.n_iter += 1
        self.n_steps += n_steps
        self.loss_curve.append(loss)
        for name, value in statistics.items():
            self.mining_curve.setdefault(name, []).append(value)


def run(trainer, batches, history, stopping, reports):
    """Train epoch by epoch, until the end or a reason to stop.

    ``reports`` is told of the begin and the end of each epoch; its `end` returns
    whether training is to stop. An interrupt after the first epoch keeps what was
    learned, with a warning.
    """
    n_before = history.n_iter
    try:
        with isolated_rng_and_threads(*trainer.circumstances):
            for index, rates in batches:
                reports.begin()
                loss = float(np.mean(trainer.epoch(index, rates)))
                history.record(loss, len(rates), trainer.statistics())
                stop = stopping is not None and stopping.update(trainer)
                if reports.end(stop) or stop:
                    break
    except KeyboardInterrupt:
        if history.n_iter == n_before:
            raise
        warnings.warn(
            f"Training was interrupted after epoch {history.n_iter}; the model keeps "
            "what it has learned so far.",
            UserWarning,
            stacklevel=2,
        )


def resolve_device(device):
    """Return a torch device, ``"auto"`` being the first of CUDA, MPS and CPU."""
    import torch

    names = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    names = ["cuda", *names] if torch.cuda.is_available() else []
    names += ["mps"] if torch.backends.mps.is_available() else []
    names += ["cpu"]
    if device == "auto":
        return names[0]
    device = "cpu" if device == "cpu:0" else device
    if device not in names:
        raise ValueError(
            f"`device` must be 'auto' or one that torch can use here, {names}; got "
            f"{device!r}. With 'auto' the fastest of them is chosen."
        )
    return device


@contextmanager
def isolated_rng_and_threads(device, widest, seed):
    """Leave torch's global random streams and the thread counts as they are.

    ``widest`` is the width of the widest layer, ``seed`` that of the global streams
    meanwhile; None where nothing draws from them.
    """
    one_thread = device == "cpu" and widest <= _WIDEST_SINGLE_THREAD
    threads = threadpool_limits(1, user_api="openmp") if one_thread else nullcontext()
    # Only modules draw from the global streams; forking these is not safe
    # when several threads train at once.
    random = nullcontext() if seed is None else _seeded_fork(device, seed)
    with threads, random:
        yield


@contextmanager
def _seeded_fork(device, seed):
    import torch

    on_cuda = device.startswith("cuda")
    devices = [torch.device(device)] if on_cuda else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            torch.cuda.manual_seed(seed)
        yield
