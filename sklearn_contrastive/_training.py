"""The training loop: batches, forward, loss, step.

This is the only place that steps an optimizer. It knows the four nouns by their
interfaces and nothing of estimators.
"""

from contextlib import contextmanager, nullcontext
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from sklearn_contrastive._graphs import captured
from sklearn_contrastive._optimizer import AdamW
from sklearn_contrastive._pairs import Keys
from sklearn_contrastive._rows import Rows, standardised
from sklearn_contrastive._step import Step
from sklearn_contrastive.encoders import to_sphere

#: Keys of so many bytes are made and moved at once.
_MOST_KEY_BYTES = 2**26
#: Floats of single precision tell whole numbers below this apart.
_EXACT_FLOATS = 2**24
#: Layers up to this width are trained with one thread: waiting for a second one, on
#: a core that is busy elsewhere, can take a hundred times as long as the work.
_WIDEST_SINGLE_THREAD = 1024


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


class Trainer:
    """One encoder's parameters on a device, with their optimizer.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows to train on.

    standardization : Standardization
        What is done to their columns.

    encoder : object
        How a row becomes a point.

    objectives : list of Objective
        The other three nouns: what is wanted of which pairs, and who is alike. The
        first likeness says what stands for a row in a step.

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

    loss_params : list of dict of str to ndarray, default=None
        Those of the loss of each objective; None where no loss has any.

    optimizer_state : list of list, default=None
        Running means of each optimizer to go on with, as its `state` returns them.

    dtype : torch.dtype, default=torch.float32
        Precision of the training.

    Attributes
    ----------
    optimizers : list of AdamW
        The encoder's, and one for each loss with parameters of its own.
    """

    def __init__(
        self,
        X,
        *,
        standardization,
        encoder,
        objectives,
        params,
        normalize,
        learning_rate,
        alpha,
        device,
        seed,
        loss_params=None,
        optimizer_state=None,
        dtype=None,
    ):
        import torch

        self._dtype = dtype or torch.float32
        self._standardization = standardization
        first = objectives[0].similarity
        self._n_views, views = first.n_views, None
        if first.n_views > 1:
            views = partial(first.views, rng=np.random.Generator(np.random.SFC64(seed)))
        self._rows = Rows(X, standardization, device, self._dtype, views)
        self.encoder = encoder
        self._objectives = objectives
        self._likenesses = {id(each.similarity): each.similarity for each in objectives}
        self._normalize, self._learning_rate = normalize, learning_rate
        self._device, self._seed = device, seed
        if device == "cpu":
            # Twice as fast as torch's.
            self._generator = np.random.Generator(np.random.SFC64(seed))
        else:
            self._generator = torch.Generator(device).manual_seed(seed)
        self._params = [torch.from_numpy(np.array(p)).to(device) for p in params]
        n_trained = len(params) if encoder.n_trained is None else encoder.n_trained
        for i in range(n_trained):
            self._params[i] = self._params[i].to(self._dtype).requires_grad_()
        self._loss_params = [
            {name: self._leaf(value) for name, value in own.items()}
            for own in loss_params or [{}] * len(objectives)
        ]
        self._make_optimizers(objectives, n_trained, alpha, optimizer_state)
        self._make_step = partial(
            Step,
            encoder,
            objectives,
            self._params,
            self._loss_params,
            normalize,
            self._generator,
        )
        self._step = self._numbers = self._keys = None
        self._total = torch.zeros((), device=device, dtype=self._dtype)

    def _leaf(self, value):
        import torch

        value = torch.from_numpy(np.array(value)).to(self._device, self._dtype)
        return value.requires_grad_()

    def _make_optimizers(self, objectives, n_trained, alpha, state):
        """Make one for the encoder, and one for each loss with its own parameters."""
        groups = [(1.0, self._params[:n_trained], alpha)]
        for objective, own in zip(objectives, self._loss_params, strict=True):
            if own:
                factor = objective.loss.learning_rate_factor()
                groups.append((factor, list(own.values()), 0.0))
        state = state or [None] * len(groups)
        self._factors = [factor for factor, _, _ in groups]
        self.optimizers = [
            AdamW(params, decay, saved)
            for (_, params, decay), saved in zip(groups, state, strict=True)
        ]

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

        self._total.zero_()
        with torch.no_grad():
            for start, part in self._parts(index):
                self._train(part, rates[start : start + len(part)])
        return self._total.item() / len(rates)

    def _parts(self, index):
        """Yield batches few enough for all of their keys to be held at once."""
        keys = [each.keys(index[:1]) for each in self._likenesses.values()]
        n_bytes = sum(key.nbytes for each in keys for key in each)
        n_steps = max(1, _MOST_KEY_BYTES // max(n_bytes, 1))
        for start in range(0, len(index), n_steps):
            yield start, index[start : start + n_steps]

    def _train(self, index, rates):
        """Train on some batches."""
        keys = [
            Keys(*map(self._key, each.keys(index)))
            for each in self._likenesses.values()
        ]
        numbers = self._rows.numbers(index)
        self._prepare(numbers, keys)
        keys = [key for each in keys for key in each]
        for step, rate in enumerate(rates):
            if self._numbers is None:
                self._rows.read(numbers[step], self._step.X)
            else:
                self._numbers.copy_(numbers[step])
            for here, key in zip(self._keys, keys, strict=True):
                here.copy_(key[step])
            for factor, optimizer in zip(self._factors, self.optimizers, strict=True):
                optimizer.learn_at(rate * factor * self._learning_rate)
            self._advance()

    def _key(self, key):
        """Return keys on the device, as floats where these are exact."""
        import torch

        # Floats are quicker to compare.
        fraction = key.dtype.kind == "f"
        exact = fraction or key.size == 0 or np.abs(key).max() < _EXACT_FLOATS
        return torch.from_numpy(key).to(self._device, self._dtype if exact else None)

    def _prepare(self, numbers, keys):
        """Make the arrays of a step, unless they are there."""
        import torch

        n_rows = numbers.shape[1] * self._n_views
        kinds = [key.dtype for each in keys for key in each]
        if self._step is not None and len(self._step.X) == n_rows:
            if [key.dtype for key in self._keys] == kinds:
                return
        X = torch.empty(
            (n_rows, self._rows.n_features), dtype=self._dtype, device=self._device
        )
        held = [Keys(*(key[0].clone() for key in each)) for each in keys]
        self._keys = [key for each in held for key in each]
        of_likeness = dict(zip(self._likenesses, held, strict=True))
        of_objective = [of_likeness[id(each.similarity)] for each in self._objectives]
        self._step, self._advance = self._make_step(X, of_objective), self._one_step
        if self._device.startswith("cuda") and self._step.repeatable:
            # A graph reads what it needs from arrays that stay where they are.
            if self._rows.on_device:
                self._numbers = numbers[0].clone()
            else:
                self._rows.read(numbers[0], X)
            with torch.no_grad(), torch.cuda.device(self._device):
                state = [t for optimizer in self.optimizers for t in optimizer.tensors]
                state.append(self._total)
                self._advance = captured(self._one_step, state, self._generator)

    def _one_step(self):
        if self._numbers is not None:
            self._rows.read(self._numbers, self._step.X)
        self._total += self._step()
        for optimizer in self.optimizers:
            optimizer.step()

    def statistics(self):
        """Return what the first miner made of the last batch.

        Returns
        -------
        statistics : dict of str to float
            As `Meeting.statistics` returns them.
        """
        import torch

        with torch.no_grad():
            return self._step.terms[0].statistics(self._step.points)

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

        X = torch.from_numpy(standardised(X, self._standardization))
        with torch.no_grad():
            Z = self.encoder.forward(self._params, X.to(self._device, self._dtype))
            return (to_sphere(Z) if self._normalize else Z).cpu().numpy()

    def params(self):
        """Return copies of the parameters, as numpy."""
        return [param.detach().cpu().numpy().copy() for param in self._params]

    def loss_params(self):
        """Return copies of each loss's own parameters, as numpy."""
        return [
            {name: value.detach().cpu().numpy().copy() for name, value in own.items()}
            for own in self._loss_params
        ]

    def memories(self):
        """Return the memories of past batches, of terms that have one."""
        memories = [term.memory for term in self._step.terms]
        return [memory for memory in memories if memory is not None]

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
        forked = self.encoder.draws_globally
        random = _seeded_fork(self._device, self._seed) if forked else nullcontext()
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
