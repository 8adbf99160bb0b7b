"""How training proceeds: batches, learning rates, AdamW, records, reasons to stop."""

import math
import os
import re
import warnings
from contextlib import ExitStack, contextmanager, suppress
from ctypes import CDLL
from dataclasses import dataclass, field, replace
from functools import cache, partial
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state
from threadpoolctl import ThreadpoolController

from sklearn_contrastive._pairs._neighbor_search import IMPORTED_BY
from sklearn_contrastive._training._models import Report
from sklearn_contrastive._validation import shorten

#: What ``max_iter="auto"`` gives: so many visits to each row, within limits of steps
#: with 128 rows, and of as many rows in batches of 64 to 256.
_VISITS, _FEWEST_STEPS, _MOST_STEPS = 12, 300, 4000
_FEWEST_EPOCH_STEPS = 10
#: What ``batch_size="auto"`` stands for.
_BATCH_SIZE = 128
#: The first of two cycles is one of so many parts of the epochs.
_FIRST_CYCLE = 4
#: Steps of an epoch after which it is reported, and again after as many.
_REPORT_STEPS = 200
#: Layers up to this width are trained with one thread: waiting for a second one, on
#: a core that is busy elsewhere, can take a hundred times as long as the work.
_WIDEST_SINGLE_THREAD = 1024
#: The libraries that are loaded with torch; to look for them takes long.
_libraries = cache(ThreadpoolController)

#: A shorter memory of squared gradients, beta2, than the usual 0.999 suits training
#: that lasts a few hundred steps. Decay of weights is done apart.
_ADAM = {"beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.0}
_UNUSED = dict.fromkeys(("foreach", "amsgrad", "maximize"), False)
#: Where torch is missing, as on a server that only maps rows.
_INSTALL = (
    "fit needs torch, which is not installed; transform and predict do without it. "
    "'pip install torch --index-url https://download.pytorch.org/whl/cpu' installs the "
    "build for processors; for others see https://pytorch.org/get-started/locally/."
)
#: Steps over which the learning rate rises at the start.
_N_WARMUP_STEPS = 20


class Epochs:
    """The batches of models with their learning rates, report by report.

    Each of ``sources`` draws the index of a pass over its rows, from its own of `rngs`,
    with ``batch_size`` rows in a batch, or all of them where there are fewer.
    ``max_iter`` epochs are a pass each; "auto" is ``longer`` times 12 visits to each
    row, but at least 300 and at most 4,000 steps with 128 rows. These limits are
    doubled for batches of 64 or fewer, and halved for 256 or more. Those steps are
    divided into epochs of one pass, or of several where a pass has fewer than 10 steps.
    An epoch is reported after every 200 steps and at its end. ``constant`` keeps the
    learning rate at its peak. ``sizes`` are the numbers of epochs and of steps.
    """

    def __init__(self, sources, rngs, batch_size, max_iter, constant=False, longer=1):
        n_rows = min(len(source.rows_) for source in sources)
        # Small integer types of numpy overflow.
        batch_size = _BATCH_SIZE if batch_size == "auto" else int(batch_size)
        max_iter = max_iter if max_iter == "auto" else int(max_iter)
        more = 128 / min(max(batch_size, 64), 256)
        self.batch_size = batch_size = min(batch_size, n_rows)
        self._draws = [
            partial(source.batches, batch_size, rng)
            for source, rng in zip(sources, rngs, strict=True)
        ]
        self.sources, self.rngs = sources, rngs
        #: The present epoch, its steps so far, and the index of the others.
        self.place = 0, 0, None
        if max_iter == "auto":
            wanted = _VISITS * n_rows / batch_size
            wanted = min(max(wanted, more * _FEWEST_STEPS), more * _MOST_STEPS)
            n_steps = round(longer * wanted)
            # On a small table a pass is a step or two: too short to see progress.
            longest = max(n_rows // batch_size, _FEWEST_EPOCH_STEPS)
            n_epochs = math.ceil(n_steps / longest)
        else:
            n_epochs, n_steps = max_iter, max_iter * (n_rows // batch_size)
        self.sizes, self._constant = (n_epochs, n_steps), constant
        #: Steps after which the rate has fallen to almost zero.
        self.ends = [n_steps]
        # Most epochs have the fewest steps, the others one more.
        fewest, n_longer = divmod(n_steps, n_epochs)
        n_parts = [-(-n // _REPORT_STEPS) for n in (fewest, fewest + 1)]
        self.n_reports = n_parts[0] * (n_epochs - n_longer) + n_parts[1] * n_longer

    def split(self):
        """Let the rate fall twice, the first time over a quarter of the epochs."""
        n_epochs, n_steps = self.sizes
        first = n_steps * (n_epochs // _FIRST_CYCLE) // n_epochs
        if first:
            self.ends.insert(0, first)

    def __iter__(self):
        """Yield the number of an epoch, an index and the rates of some of its steps.

        The index has shape (n_steps, n_models, batch_size).
        """
        n_epochs, n_steps = self.sizes
        first_epoch, n_done, index = self.place
        for epoch in range(first_epoch, n_epochs):
            start, end = (n_steps * done // n_epochs for done in (epoch, epoch + 1))
            before = 0 if start < self.ends[0] else self.ends[0]
            length = min(each for each in self.ends if each > start) - before
            # Linear rise over 20 steps (at most a tenth), then cosine fall to almost 0.
            n_warmup = min(_N_WARMUP_STEPS, max(1, length // 10))
            parts = []
            for draw in self._draws if index is None else ():
                drawn = draw()
                while len(drawn) < end - start:
                    drawn = np.concatenate([drawn, draw()])
                # A copy, so that the rest of a pass that is cut short is let go.
                parts.append(drawn[: end - start].copy())
            index = np.stack(parts, axis=1) if parts else index
            for first in range(n_done, end - start, _REPORT_STEPS):
                part, index = index[:_REPORT_STEPS], index[_REPORT_STEPS:]
                self.place = epoch, first + len(part), index
                steps = start - before + first + np.arange(len(part))
                done = np.maximum(0, steps - n_warmup) / max(1, length - n_warmup)
                rates = np.minimum((steps + 1) / n_warmup, 1)
                rates = rates * (1 + np.cos(np.pi * done)) / 2
                yield epoch + 1, part, rates**0 if self._constant else rates
            n_done, index = 0, None
        self.place = 0, 0, None


class AdamW:
    """Adam with decoupled weight decay [1]_, on one flat buffer per model.

    The function behind ``torch.optim.AdamW`` is called directly: the class loads
    torch's compiler when it is built, which takes longer than many a fit.

    ``params`` are leaves of one dtype with a leading axis of models, and become views
    of the buffer, as their gradients do of ``grad``. Those of three and more axes
    decay, by the `weight_decays` of each model relative to the learning rate; biases do
    not. ``state`` holds the running means and the step count of each model, given to
    resume from them. ``tensors`` are all that a step changes.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
    """

    def __init__(self, params, weight_decays, state=None):
        import torch

        n = len(weight_decays)
        params = sorted(params, key=lambda param: param.ndim < 3)
        flat = torch.cat([param.detach().reshape(n, -1) for param in params], 1)
        self.grad = grad = torch.zeros_like(flat)
        start = n_decayed = 0
        for param in params:
            end = start + param.numel() // n
            param.data = flat[:, start:end].view(param.shape)
            param.grad = grad[:, start:end].view(param.shape)
            n_decayed = end if param.ndim >= 3 else n_decayed
            start = end
        self._decayed = flat[:, :n_decayed].unbind()
        means, squares = torch.zeros_like(grad), torch.zeros_like(grad)
        n_steps = torch.zeros(n, device=flat.device, dtype=torch.float32)
        self.state = [means, squares, n_steps]
        for tensor, saved in zip(self.state, state or (), strict=state is not None):
            tensor.copy_(torch.from_numpy(np.array(saved)).view(tensor.shape))
        self.tensors = [flat, *self.state]
        self._weight_decays = weight_decays
        self._models = [each.unbind() for each in (flat, grad, means, squares, n_steps)]
        # A captured step reads its rates on the device, any other as numbers.
        self._on_device = None
        if flat.device.type == "cuda":
            self._on_device = torch.zeros(n, device=flat.device)

    def set_lr(self, rates):
        """Set the learning rate of a captured step, one per model."""
        import torch

        self._on_device.copy_(torch.tensor(rates))

    def step(self, rates=None):
        """Move against the gradients, at a learning rate per model."""
        from torch.optim.adamw import adamw

        rates = self._on_device.unbind() if rates is None else rates
        parts = zip(self._decayed, rates, self._weight_decays, strict=True)
        for decayed, rate, weight_decay in parts:
            decayed.mul_(1 - rate * weight_decay)
        groups = [(*self._models, rates[0])]
        if self._on_device is not None or len(set(rates)) > 1:
            # One call moves models of one rate.
            each = zip(*self._models, rates, strict=True)
            groups = [(*([tensor] for tensor in model), rate) for *model, rate in each]
        fused = self.tensors[0].device.type in ("cpu", "cuda", "mps")
        for *moved, n_steps, rate in groups:
            adamw(*moved, [], n_steps, fused=fused, lr=rate, **_ADAM, **_UNUSED)


@dataclass(frozen=True)
class History:
    """Counts and curves of a training, which a later one resumes.

    ``earlier`` are the curves of the fit that is resumed; ``entries`` holds a dict of
    values for each report since. The list is shared with later histories, which make it
    longer: the first ``n_entries`` count. ``learning_rate``, and whether loss or miner
    are ``foreign``, are for the message where the loss is not finite.
    """

    learning_rate: float
    foreign: bool = False
    n_iter: int = 0
    n_steps: int = 0
    earlier: dict = field(default_factory=dict)
    entries: list = field(default_factory=list)
    n_entries: int = 0

    def error(self, loss, epoch):
        """Return the error for an epoch whose loss or parameters are not finite."""
        nouns = "Look at what your `loss` or `miner` returns, and its parameters. "
        found = f"loss became {loss} in"
        if math.isfinite(loss):
            found = "weights or points are not finite after"
        return FloatingPointError(
            f"The {found} epoch {epoch}. "
            f"{nouns * self.foreign}Lower `learning_rate_init` (now "
            f"{self.learning_rate:g}); if `standardize` is False, set it to True and "
            "look for huge columns."
        )

    def with_report(self, n_iter, n_steps, values):
        """Return the history with another report: a value for each of its curves."""
        self.entries[self.n_entries :] = [values]
        counts = {"n_steps": self.n_steps + n_steps, "n_entries": self.n_entries + 1}
        return replace(self, n_iter=n_iter, **counts)


def run(trainer, batches, history, stopping, reports, report=None):
    """Train until the end or a reason to stop, and return the last `Report`.

    ``report`` is the one to resume from, None to begin. ``reports`` is told of the
    begin and the end of each; its `end` returns whether training is to stop. An
    interrupt after the first report ends training with a warning; what came after the
    last one is dropped.
    """
    n_before, n_steps = history.n_iter, 0
    if report is not None:
        n_steps, history = report.history.n_steps - history.n_steps, report.history
    try:
        with isolated_rng_and_threads(*trainer.circumstances):
            for epoch, index, rates in batches:
                reports.begin()
                loss = float(np.mean(trainer.train(index, rates)))
                params = (optimizer.tensors[0] for optimizer in trainer.optimizers)
                # The last step may diverge too, after its loss.
                finite = all(each.isfinite().all() for each in params)
                if not (finite and math.isfinite(loss)):
                    raise history.error(loss, n_before + epoch)
                values, state = {"loss": loss, **trainer.statistics()}, trainer.state()
                best, best_score, stop = state, None, False
                n_steps += len(rates)
                if stopping is not None:
                    given = trainer, state, n_steps
                    score, best_score, stop = stopping.update(*given)
                    best = stopping.best
                    if score is not None:
                        values["score"] = score
                        if math.isnan(score):
                            raise history.error(loss, n_before + epoch)
                history = history.with_report(n_before + epoch, len(rates), values)
                # One assignment, so that an interrupt leaves the one or the other.
                report = Report(history, state, best, best_score)
                if reports.end(report, stop) or stop:
                    break
    except KeyboardInterrupt:
        if report is None:
            raise
        warnings.warn(
            f"Training was interrupted in epoch {report.history.n_iter}, after "
            f"{report.history.n_steps} steps; the model keeps what it has learned "
            "by then.",
            UserWarning,
            stacklevel=2,
        )
    return report


def random_streams(seed, n_models=1, n_steps=None):
    """Return a random stream for each model, apart from numpy's global one.

    ``n_steps`` are those that were done before, in a fit that is resumed.
    """
    if seed is None:
        rng = np.random.RandomState()
    elif n_steps is not None and isinstance(seed, Integral):
        # The same seed must not repeat the batches of the steps already done.
        rng = np.random.RandomState([seed, n_steps])
    else:
        rng = check_random_state(seed)
    if n_models == 1:
        return [rng]
    seeds = rng.randint(2**31 - 1, size=n_models)
    return [np.random.RandomState(seed) for seed in seeds]


def resolve_device(device):
    """Return a torch device, ``"auto"`` being the first of CUDA, MPS and CPU.

    A fit calls this first, so that a missing torch is a clear error.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError(_INSTALL) from error
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
            f"{shorten(device)}. With 'auto' the fastest of them is chosen."
        )
    return device


@contextmanager
def isolated_rng_and_threads(device, widest, seed=None):
    """Leave thread counts, and a GPU's global random stream, as they are.

    On a processor one thread is used, unless ``widest``, the width of the widest layer,
    is large. ``seed`` is that of the GPU's stream meanwhile, None where nothing draws
    from it. Where memory is lacking, the error is a MemoryError.
    """
    import torch

    with ExitStack() as stack:
        # Threads do not survive a fork: a forked process that needs them hangs.
        forked = os.getpid() != IMPORTED_BY
        if device == "cpu" and (widest <= _WIDEST_SINGLE_THREAD or forked):
            # In a new thread, torch sets its counts when they are first needed.
            torch.get_num_threads()
            stack.enter_context(_libraries().limit(limits=1, user_api="openmp"))
            # After `torch.set_num_threads`, MKL inside torch has a count of its own.
            # It may have others in other threads, and torch has no function for one.
            with suppress(AttributeError):
                set_count = CDLL(torch._C.__file__).MKL_Set_Num_Threads_Local
                stack.callback(set_count, set_count(1))
        if seed is not None and device.startswith("cuda"):
            before = torch.cuda.get_rng_state(device)
            stack.callback(torch.cuda.set_rng_state, before, device)
            stack.enter_context(torch.cuda.device(device))
            torch.cuda.manual_seed(seed)
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            asked = re.search(r"allocate (\d\S* \w+)", str(error))
            if asked is None and not isinstance(error, MemoryError):
                raise
            raise MemoryError(
                f"Memory for {asked[1] if asked else 'arrays'} of a step, or of the "
                "table, cannot be allocated. Lower `batch_size`, whose square is the "
                "number of pairs, or the size of the networks, or pass the table in "
                "float32 or as a memory map."
            ) from error
