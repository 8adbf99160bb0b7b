"""What every fit does around its training: where, for how long, undoing what failed."""

import math
import warnings
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import pairwise
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from sklearn_contrastive._training._optimizer import learning_rates

#: What ``max_iter="auto"`` gives: so many visits to each row, within limits of steps
#: with 128 rows, and of as many rows in batches of 64 to 256.
_VISITS, _FEWEST_STEPS, _MOST_STEPS = 12, 300, 4000
_FEWEST_EPOCH_STEPS = 10
#: What ``batch_size="auto"`` stands for.
DEFAULT_BATCH_SIZE = 128
#: Layers up to this width are trained with one thread: waiting for a second one, on
#: a core that is busy elsewhere, can take a hundred times as long as the work.
_WIDEST_SINGLE_THREAD = 1024


class Epochs:
    """The batches of a training with their learning rates, epoch by epoch.

    Parameters
    ----------
    similarity : Similarity
        Draws the batches.

    batch_size : int
        Rows in a batch; all of them where there are fewer.

    max_iter : int or "auto"
        Number of epochs, each one pass over the rows; or 12 visits to each row, but
        at least 300 and at most 4,000 steps with 128 rows. These limits are doubled
        for batches of 64 or fewer, and halved for 256 or more. Steps are dealt out in
        epochs of one pass, or of several where a pass has fewer than 10 steps.

    rng : numpy.random.RandomState
        Source of randomness.

    n_rows : int, default=None
        Rows to count with, at most those of `similarity`, which are the default.

    constant : bool, default=False
        Whether to train at the peak learning rate throughout.

    longer : int, default=1
        How many times as many visits and steps "auto" stands for.

    Attributes
    ----------
    batch_size : int
        Rows in a batch that is handed out.

    ends : list of int
        Steps done at the end of each epoch.

    n_done : int
        Epochs that were handed out.
    """

    def __init__(
        self,
        similarity,
        batch_size,
        max_iter,
        rng,
        n_rows=None,
        constant=False,
        longer=1,
    ):
        n_rows = n_rows or len(similarity.rows_)
        more = 128 / min(max(batch_size, 64), 256)
        self.batch_size = batch_size = min(batch_size, n_rows)
        self._draw = partial(similarity.batches, batch_size, rng)
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
        self.n_done = 0

    def __iter__(self):
        """Yield the index of an epoch's batches, and the rate of each step.

        A second iteration goes on where the first was left.
        """
        for start, end in list(pairwise([0, *self.ends]))[self.n_done :]:
            index = self._draw()
            while len(index) < end - start:
                index = np.concatenate([index, self._draw()])
            self.n_done += 1
            # A copy, so that the rest of a pass that is cut short is let go.
            index = index[: end - start].copy()
            yield index, self._rates[start:end]


def together(epochs):
    """Yield the batches of several models that are trained at once.

    Parameters
    ----------
    epochs : list of Epochs
        Of as many steps and rows in a batch.

    Yields
    ------
    index : ndarray of shape (n_steps, n_models, batch_size)
        Row numbers.

    rates : ndarray of shape (n_steps,)
        The rate of each step.
    """
    for parts in zip(*epochs, strict=True):
        yield np.stack([index for index, _ in parts], axis=1), parts[0][1]


def random_stream(estimator, resume):
    """Return a random stream of this fit alone.

    Parameters
    ----------
    estimator : estimator
        With `random_state` and, where training goes on, ``n_steps_``.

    resume : bool
        Whether an earlier fit is continued.

    Returns
    -------
    rng : numpy.random.RandomState
        Apart from numpy's global stream.
    """
    seed = estimator.random_state
    if seed is None:
        # Not numpy's global stream: a fit leaves that as it was.
        return np.random.RandomState()
    if resume and isinstance(seed, Integral):
        # The same seed must not repeat the batches of the steps already done.
        return np.random.RandomState([seed, estimator.n_steps_])
    return check_random_state(seed)


def run(estimator, trainer, epochs, stopping, tasks, given):
    """Train epoch by epoch, until the end or a reason to stop.

    Parameters
    ----------
    estimator : estimator
        Whose counts and curves are carried on.

    trainer : Trainer
        What is trained.

    epochs : Epochs
        Batches and learning rates.

    stopping : EarlyStopping or None
        The judge.

    tasks : object
        Callbacks of the fit.

    given : dict
        What callbacks are told of the data.

    Warns
    -----
    UserWarning
        If training was interrupted after its first epoch.
    """
    n_before = estimator.n_iter_
    estimator.validation_scores_ = None if stopping is None else stopping.scores
    try:
        with isolated_rng_and_threads(*trainer.circumstances):
            for index, rates in epochs:
                task = tasks.subcontext(task_name="epoch")
                task.call_on_fit_task_begin(estimator=estimator, **given)
                loss = float(np.mean(trainer.epoch(index, rates)))
                record_epoch(estimator, loss, len(rates), trainer.statistics())
                stop = stopping is not None and stopping.update(trainer)
                if stopping is not None and estimator.verbose:
                    print(f"Validation score: {stopping.scores[-1]:.6f}")
                asked = task.call_on_fit_task_end(
                    estimator=estimator,
                    **given,
                    reconstruction_attributes=lambda: trainer.encoder.attributes(
                        trainer.learned().params
                    ),
                )
                if stop and estimator.verbose:
                    print(
                        "Validation score did not improve more than "
                        f"tol={estimator.tol:g} for {estimator.n_iter_no_change} "
                        "consecutive epochs. Stopping."
                    )
                if stop or asked:
                    break
    except KeyboardInterrupt:
        if estimator.n_iter_ == n_before:
            raise
        warnings.warn(
            f"Training was interrupted after epoch {estimator.n_iter_}; the model "
            "keeps what it has learned so far.",
            UserWarning,
            stacklevel=2,
        )


def record_epoch(estimator, loss, n_steps, statistics):
    """Carry on the curves, or say that the loss is no number any more."""
    if not math.isfinite(loss):
        nouns = [getattr(estimator, name, "") for name in ("loss", "miner")]
        advice = "Look at what your `loss` or `miner` returns, and its parameters. "
        if all(isinstance(noun, str) for noun in nouns):
            advice = ""
        raise FloatingPointError(
            f"The loss became {loss} in epoch {estimator.n_iter_ + 1}. {advice}"
            f"Lower `learning_rate_init` (now {estimator.learning_rate_init:g}); if "
            "`standardize` is False, set it to True and look for huge columns."
        )
    estimator.n_iter_ += 1
    estimator.n_steps_ += n_steps
    estimator.loss_curve_.append(loss)
    for name, value in statistics.items():
        estimator.mining_curve_.setdefault(name, []).append(value)
    if estimator.verbose:
        print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")


@contextmanager
def all_or_nothing(estimator, resume=False):
    """Train with gradients on, whatever the caller does; undo all if that fails.

    Parameters
    ----------
    estimator : estimator
        What it has learned before is forgotten first.

    resume : bool, default=False
        Whether that is kept instead, to train on from it.
    """
    import torch

    before = dict(vars(estimator))
    for name in [] if resume else before:
        if name.endswith("_") and not name.startswith("_"):
            delattr(estimator, name)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def resolve_device(device):
    """Return the device that a name stands for.

    Parameters
    ----------
    device : str
        ``"auto"`` for the first of CUDA, MPS and CPU that is there, or a torch name.

    Returns
    -------
    device : str
        A torch device that can be used.

    Raises
    ------
    ValueError
        If there is no such device.
    """
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

    Parameters
    ----------
    device : str
        Where training runs.

    widest : int
        Width of the widest layer.

    seed : int or None
        Of the global streams meanwhile; None where nobody draws from them.
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
