"""The training loop: batches, forward, loss, step.

This is the only place that steps an optimizer. It knows the four nouns by their
interfaces and nothing of estimators.
"""

import math
from contextlib import contextmanager, nullcontext

import numpy as np
from threadpoolctl import threadpool_limits

from sklearn_contrastive._pairs import Keys
from sklearn_contrastive._rows import Rows
from sklearn_contrastive.encoders import to_sphere

#: AdamW's decay of the running means of gradients and of their squares. A shorter
#: memory of squares than the usual 0.999 suits training that lasts a few hundred steps.
_BETAS = (0.9, 0.95)
_EPSILON = 1e-8
#: Steps over which the learning rate rises at the start.
_N_WARMUP_STEPS = 20
#: Steps given for ``max_iter="auto"``: so many visits to each row, within limits.
_VISITS, _FEWEST_STEPS, _MOST_STEPS = 40, 300, 4000
_FEWEST_EPOCH_STEPS = 10
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
        Rows in a batch.

    max_iter : int or "auto"
        Number of epochs, each one pass over the rows; or 40 visits to each row, but
        at least 300 and at most 4,000 steps, dealt out in epochs of one pass, or of
        several where a pass has fewer than 10 steps.

    rng : numpy.random.RandomState
        Source of randomness.

    constant : bool, default=False
        Whether to train at the peak learning rate throughout.
    """

    def __init__(self, similarity, batch_size, max_iter, rng, constant=False):
        self._similarity, self._batch_size, self._rng = similarity, batch_size, rng
        # On a small table a pass is a step or two: too short to judge progress by.
        most = max(1, similarity.n_rows_ // batch_size)
        self._n_passes = 1
        if max_iter == "auto":
            self._n_passes = math.ceil(_FEWEST_EPOCH_STEPS / most)
        self._first = self._draw()
        whole = len(self._first)
        if max_iter == "auto":
            wanted = round(_VISITS * similarity.n_rows_ / batch_size)
            n_steps = min(max(wanted, _FEWEST_STEPS), _MOST_STEPS)
            n_epochs = math.ceil(n_steps / whole)
        else:
            n_epochs, n_steps = max_iter, max_iter * whole
        self._ends = [n_steps * done // n_epochs for done in range(n_epochs + 1)]
        self._rates = np.ones(n_steps) if constant else learning_rates(n_steps)

    def _draw(self):
        batches = self._similarity.batches
        return np.concatenate(
            [batches(self._batch_size, self._rng) for _ in range(self._n_passes)]
        )

    def __len__(self):
        return len(self._ends) - 1

    def __iter__(self):
        """Yield the index of an epoch's batches, and the rate of each step."""
        index = self._first
        for start, end in zip(self._ends[:-1], self._ends[1:], strict=True):
            index = self._draw() if start else index
            yield index[: end - start], self._rates[start:end]


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

    available = {
        **{f"cuda:{i}": True for i in range(torch.cuda.device_count())},
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    names = [name for name, present in available.items() if present]
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if name in names)
    if device not in names:
        raise ValueError(
            f"`device` must be 'auto' or one that torch can use here, {names}; got "
            f"{device!r}. With 'auto' the fastest of them is chosen."
        )
    return device


class AdamW:
    """Adam with decoupled weight decay on flat buffers [1]_.

    The function behind ``torch.optim.AdamW`` is called directly: the class loads
    torch's compiler when it is built, which takes longer than many a fit.

    Parameters
    ----------
    params : list of Tensor
        Leaves, which become views of two flat tensors: arrays of two and more axes,
        which decay, and the others, which do not.

    weight_decay : float
        Decay per step, relative to the learning rate.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
    """

    def __init__(self, params, weight_decay):
        self._groups = []
        for decayed in (True, False):
            members = [p for p in params if (p.ndim > 1) == decayed]
            if members:
                self._groups.append(_FlatGroup(members, weight_decay if decayed else 0))

    def step(self, learning_rate):
        """Move against the gradients, and forget them."""
        for group in self._groups:
            group.step(learning_rate)

    def state(self):
        """Return copies of the running means, as numpy."""
        return [group.state() for group in self._groups]

    def load(self, state):
        """Take up where `state` left off."""
        for group, saved in zip(self._groups, state, strict=True):
            group.load(saved)


class _FlatGroup:
    def __init__(self, members, weight_decay):
        import torch

        self._weight_decay = weight_decay
        self._flat = torch.cat([param.detach().reshape(-1) for param in members])
        self._grad = torch.zeros_like(self._flat)
        self._means = torch.zeros_like(self._flat)
        self._squares = torch.zeros_like(self._flat)
        self._n_steps = torch.zeros((), device=self._flat.device)
        self._fused = self._flat.device.type in ("cpu", "cuda", "mps")
        start = 0
        for param in members:
            view = slice(start, start + param.numel())
            param.data = self._flat[view].view(param.shape)
            param.grad = self._grad[view].view(param.shape)
            start += param.numel()

    def step(self, learning_rate):
        from torch.optim.adamw import adamw

        adamw(
            [self._flat],
            [self._grad],
            [self._means],
            [self._squares],
            [],
            [self._n_steps],
            foreach=False,
            fused=self._fused,
            amsgrad=False,
            beta1=_BETAS[0],
            beta2=_BETAS[1],
            lr=learning_rate,
            weight_decay=self._weight_decay,
            eps=_EPSILON,
            maximize=False,
        )
        self._grad.zero_()

    def state(self):
        tensors = self._means, self._squares, self._n_steps
        return [tensor.cpu().numpy().copy() for tensor in tensors]

    def load(self, state):
        import torch

        tensors = self._means, self._squares, self._n_steps
        for tensor, saved in zip(tensors, state, strict=True):
            tensor.copy_(torch.from_numpy(np.array(saved)))


class Trainer:
    """One encoder's parameters on a device, with their optimizer.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows to train on.

    standardization : Standardization or None
        What is done to their columns.

    encoder, similarity, miner, loss : objects
        The four nouns, ready to be called.

    params : list of ndarray
        The encoder's parameters to start from.

    normalize : bool
        Whether points are scaled to length 1.

    learning_rate, alpha : float
        Peak learning rate and weight decay.

    device : str
        A torch device.

    seed : int
        Of the dropout masks and of a module's own randomness.

    optimizer_state : list, default=None
        Running means to go on with.

    dtype : torch.dtype, default=torch.float32
        Precision of the training.
    """

    def __init__(
        self,
        X,
        *,
        standardization,
        encoder,
        similarity,
        miner,
        loss,
        params,
        normalize,
        learning_rate,
        alpha,
        device,
        seed,
        optimizer_state=None,
        dtype=None,
    ):
        import torch

        self._dtype = dtype or torch.float32
        self._standardization = standardization
        self._rows = Rows(X, standardization, device, self._dtype)
        self._encoder, self._similarity = encoder, similarity
        self._miner, self._loss = miner, loss
        self._normalize, self._learning_rate = normalize, learning_rate
        self._device, self._seed = device, seed
        self._generator = torch.Generator(device).manual_seed(seed)
        self._params = [torch.from_numpy(np.array(p)).to(device) for p in params]
        leaves = []
        for i, trained in enumerate(encoder.trainable(params)):
            if trained:
                self._params[i] = self._params[i].to(self._dtype).requires_grad_()
                leaves.append(self._params[i])
        self._optimizer = AdamW(leaves, alpha)
        if optimizer_state is not None:
            self._optimizer.load(optimizer_state)

    def epoch(self, index, rates):
        """Train on the batches of one epoch.

        Parameters
        ----------
        index : ndarray of shape (n_steps, batch_size)
            Row numbers of each batch.

        rates : sequence of n_steps floats
            Learning rate of each step, as a share of the peak.

        Returns
        -------
        loss : float
            Mean loss of the steps.
        """
        import torch

        keys = Keys(*map(self._to_device, self._similarity.keys(index)))
        total = torch.zeros((), device=self._device)
        for step, rate in enumerate(rates):
            X = self._rows[index[step]]
            Z = self._encoder.forward(self._params, X, self._generator)
            Z = to_sphere(Z) if self._normalize else Z
            batch_keys = Keys(keys.rows[step], keys.values[step])
            pairs = self._similarity.pairs(batch_keys, batch_keys)
            with torch.no_grad():
                points = Z.detach()
                pairs = self._miner(torch.cdist(points, points), pairs)
            loss = self._loss(Z, Z, pairs)
            loss.backward()
            self._optimizer.step(rate * self._learning_rate)
            total += loss.detach()
        return total.item() / len(rates)

    def embed(self, X):
        """Return the points of rows as they stand now, with nothing dropped.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Rows in raw units, few enough for the device.

        Returns
        -------
        points : ndarray of shape (n_rows, n_components)
            Their embedding.
        """
        import torch

        rows = Rows(X, self._standardization, self._device, self._dtype)
        with torch.no_grad():
            Z = self._encoder.forward(self._params, rows[np.arange(len(X))])
            return (to_sphere(Z) if self._normalize else Z).cpu().numpy()

    def params(self):
        """Return copies of the parameters, as numpy."""
        return [param.detach().cpu().numpy().copy() for param in self._params]

    def attributes(self, params=None):
        """Return the fitted attributes that hold `params`, or those of now."""
        return self._encoder.attributes(self.params() if params is None else params)

    def optimizer_state(self):
        """Return copies of the optimizer's running means, as numpy."""
        return self._optimizer.state()

    @contextmanager
    def undisturbed(self):
        """Leave torch's global random streams and the thread counts as they are."""
        widest = max((max(p.shape, default=0) for p in self._params), default=0)
        one_thread = self._device == "cpu" and widest <= _WIDEST_SINGLE_THREAD
        threads = (
            threadpool_limits(1, user_api="openmp") if one_thread else nullcontext()
        )
        # Only modules draw from the global streams; forking these is not safe
        # when several threads train at once.
        forked = self._encoder.draws_globally
        random = _seeded_fork(self._device, self._seed) if forked else nullcontext()
        with threads, random:
            yield

    def _to_device(self, array):
        import torch

        return torch.from_numpy(array).to(self._device)


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


def learning_rates(n_steps):
    """Return the learning rate of each step, as a share of the peak.

    Parameters
    ----------
    n_steps : int
        Steps in all.

    Returns
    -------
    rates : ndarray of shape (n_steps,)
        A linear rise over 20 steps (at most a tenth of all), then a cosine fall to
        almost zero.
    """
    steps = np.arange(n_steps)
    n_warmup = min(_N_WARMUP_STEPS, max(1, n_steps // 10))
    done = np.maximum(0, steps - n_warmup) / max(1, n_steps - n_warmup)
    return np.minimum((steps + 1) / n_warmup, 1) * (1 + np.cos(np.pi * done)) / 2
