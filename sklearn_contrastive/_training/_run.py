"""How training proceeds: batches, learning rates, AdamW, records, reasons to stop."""

import math
import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from sklearn_contrastive._validation import shorten

#: What ``max_iter="auto"`` gives: so many visits to each row, within limits of steps
#: with 128 rows, and of as many rows in batches of 64 to 256.
_VISITS, _FEWEST_STEPS, _MOST_STEPS = 12, 300, 4000
_FEWEST_EPOCH_STEPS = 10
#: Layers up to this width are trained with one thread: waiting for a second one, on
#: a core that is busy elsewhere, can take a hundred times as long as the work.
_WIDEST_SINGLE_THREAD = 1024


#: A shorter memory of squared gradients, beta2, than the usual 0.999 suits training
#: that lasts a few hundred steps. Decay of weights is done apart.
_ADAM = {"beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.0}
_UNUSED = dict.fromkeys(("foreach", "amsgrad", "maximize"), False)
#: Steps over which the learning rate rises at the start.
_N_WARMUP_STEPS = 20


class Epochs:
    """The batches of models with their learning rates, epoch by epoch.

    Each of ``sources`` draws the index of a pass over its rows, from its own of `rngs`,
    with ``batch_size`` rows in a batch, or all of them where there are fewer.
    ``max_iter`` epochs are a pass each; "auto" is ``longer`` times 12 visits to each
    row, but at least 300 and at most 4,000 steps with 128 rows. These limits are
    doubled for batches of 64 or fewer, and halved for 256 or more. Those steps are
    divided into epochs of one pass, or of several where a pass has fewer than 10 steps.
    ``constant`` keeps the learning rate at its peak. ``ends`` are the steps done at the
    end of each epoch.
    """

    def __init__(self, sources, rngs, batch_size, max_iter, constant=False, longer=1):
        n_rows = min(len(source.rows_) for source in sources)
        max_iter = max_iter if max_iter == "auto" else int(max_iter)
        more = 128 / min(max(batch_size, 64), 256)
        self.batch_size = batch_size = min(batch_size, n_rows)
        self._draws = [
            partial(source.batches, batch_size, rng)
            for source, rng in zip(sources, rngs, strict=True)
        ]
        if max_iter == "auto":
            wanted = _VISITS * n_rows / batch_size
            wanted = min(max(wanted, more * _FEWEST_STEPS), more * _MOST_STEPS)
            n_steps = round(longer * wanted)
            # On a small table a pass is a step or two: too short to see progress.
            longest = max(n_rows // batch_size, _FEWEST_EPOCH_STEPS)
            n_epochs = math.ceil(n_steps / longest)
        else:
            n_epochs, n_steps = max_iter, max_iter * (n_rows // batch_size)
        self.ends = [n_steps * done // n_epochs for done in range(1, n_epochs + 1)]
        if constant:
            self._rates = np.ones(n_steps)
            return
        # A linear rise over 20 steps (at most a tenth), then a cosine fall to almost 0.
        steps = np.arange(n_steps)
        n_warmup = min(_N_WARMUP_STEPS, max(1, n_steps // 10))
        done = np.maximum(0, steps - n_warmup) / max(1, n_steps - n_warmup)
        self._rates = np.minimum((steps + 1) / n_warmup, 1)
        self._rates = self._rates * (1 + np.cos(np.pi * done)) / 2

    def __iter__(self):
        """Yield an index (n_steps, n_models, batch_size) and the rate of each step."""
        for start, end in pairwise([0, *self.ends]):
            parts = []
            for draw in self._draws:
                index = draw()
                while len(index) < end - start:
                    index = np.concatenate([index, draw()])
                parts.append(index[: end - start])
            # A copy, so that the rest of a pass that is cut short is let go.
            yield np.stack(parts, axis=1), self._rates[start:end]


class AdamW:
    """Adam with decoupled weight decay [1]_, on one flat buffer per model.

    The function behind ``torch.optim.AdamW`` is called directly: the class loads
    torch's compiler when it is built, which takes longer than many a fit.

    ``params`` are leaves of one dtype with a leading axis of models, and become views
    of the buffer. Those of three and more axes decay, by the `weight_decays` of each
    model relative to the learning rate; biases do not. ``state`` holds the running
    means and the step count of each model, given to resume from them. ``tensors`` are
    all that a step changes.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
    """

    def __init__(self, params, weight_decays, state=None):
        import torch

        n = len(weight_decays)
        params = sorted(params, key=lambda param: param.ndim < 3)
        flat = torch.cat([param.detach().reshape(n, -1) for param in params], 1)
        grad = torch.zeros_like(flat)
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


@dataclass
class History:
    """Counts and curves of a training, which a later one resumes.

    ``learning_rate``, and whether loss or miner are ``foreign``, are for the message
    where the loss is not finite.
    """

    learning_rate: float
    foreign: bool = False
    n_iter: int = 0
    n_steps: int = 0
    loss_curve: list = field(default_factory=list)
    mining_curve: dict = field(default_factory=dict)

    def resumed(self, before):
        """Return a history that carries on, given attributes of the fit before."""
        curves = {k: list(v) for k, v in before["mining_curve_"].items()}
        counts = before["n_iter_"], before["n_steps_"], list(before["loss_curve_"])
        return History(self.learning_rate, self.foreign, *counts, curves)

    def error(self, loss):
        """Return the error for an epoch whose loss is not finite."""
        nouns = "Look at what your `loss` or `miner` returns, and its parameters. "
        return FloatingPointError(
            f"The loss became {loss} in epoch {self.n_iter + 1}. "
            f"{nouns * self.foreign}Lower `learning_rate_init` (now "
            f"{self.learning_rate:g}); if `standardize` is False, set it to True and "
            "look for huge columns."
        )

    def record(self, loss, n_steps, statistics):
        """Add an epoch to the curves."""
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
                if not math.isfinite(loss):
                    raise history.error(loss)
                statistics = trainer.statistics()
                stop = stopping is not None and stopping.update(trainer)
                # Last, so that an interrupted epoch is in no curve.
                history.record(loss, len(rates), statistics)
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
            f"{shorten(device)}. With 'auto' the fastest of them is chosen."
        )
    return device


@contextmanager
def isolated_rng_and_threads(device, widest, seed):
    """Leave torch's global random streams and the thread counts as they are.

    ``widest`` is the width of the widest layer, ``seed`` that of the global streams
    meanwhile; None where nothing draws from them.
    """
    import torch

    on_cuda = device.startswith("cuda")
    devices = [torch.device(device)] if on_cuda else []
    with ExitStack() as stack:
        if device == "cpu" and widest <= _WIDEST_SINGLE_THREAD:
            stack.enter_context(threadpool_limits(1, user_api="openmp"))
        # Only modules draw from the global streams; forking these is not safe
        # when several threads train at once.
        if seed is not None:
            stack.enter_context(torch.random.fork_rng(devices=devices))
            torch.default_generator.manual_seed(seed)
            if on_cuda:
                torch.cuda.manual_seed(seed)
        yield
