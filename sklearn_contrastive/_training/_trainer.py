"""The training loop: batches, forward, loss, step.

This is the only place that steps an optimizer. It knows the four nouns by their
interfaces and nothing of estimators.
"""

from functools import partial

import numpy as np

from sklearn_contrastive._pairs._keys import Keys
from sklearn_contrastive._training._graphs import captured
from sklearn_contrastive._training._models import Learned, Model
from sklearn_contrastive._training._optimizer import AdamW
from sklearn_contrastive._training._rows import Rows
from sklearn_contrastive._training._step import Step, stacked
from sklearn_contrastive.encoders import side_by_side, to_sphere
from sklearn_contrastive.preprocessing._standardization import standardised

#: Keys of so many bytes are made and moved at once.
_MOST_KEY_BYTES = 2**22
#: Floats of single precision tell whole numbers below this apart.
_EXACT_FLOATS = 2**24


class Trainer:
    """A model's parameters on a device, with their optimizer; or several models'.

    Parameters
    ----------
    model : Model or list of Model
        What is trained. Several are trained along a leading axis of all arrays; their
        nouns may differ in numbers only, as `stacked` describes.

    normalize : bool
        Whether points are scaled to length 1.

    device : str
        A torch device.

    dtype : torch.dtype, default=torch.float32
        Precision of the training.

    Attributes
    ----------
    encoder : object
        How a row becomes a point.

    optimizers : list of AdamW
        The encoder's, and one for each loss with parameters of its own.

    memories : list of Memory
        What terms remember of the batches before.

    circumstances : tuple of str, int and int or None
        Device, width of the widest layer, and the seed of a module's own randomness.
    """

    def __init__(self, model, *, normalize, device, dtype=None):
        import torch

        self._models = models = [model] if isinstance(model, Model) else model
        self._n_models = None if isinstance(model, Model) else len(models)
        self._normalize, self._device = normalize, device
        self._dtype = dtype or torch.float32
        self._n_views = models[0].objectives[0].similarity.n_views
        tables = [(each.X, each.standardization) for each in models]
        self._streams = []
        for each in models:
            rngs = [np.random.Generator(np.random.SFC64(each.seed)) for _ in range(2)]
            if device != "cpu":
                # On a processor, numpy's is twice as fast as torch's.
                rngs[0] = torch.Generator(device).manual_seed(each.seed)
            self._streams.append(each.streams or rngs)
        views = None
        if self._n_views > 1:
            views = [
                partial(model.objectives[0].similarity.views, rng=rng)
                for model, (_, rng) in zip(models, self._streams, strict=True)
            ]
        self._rows = Rows(tables, device, self._dtype, views)
        self.encoder, objectives = models[0].encoder, models[0].objectives
        if self._n_models is not None:
            self.encoder, objectives = stacked(models, self._leaf)
        self._similarities = [
            {id(one.similarity): one.similarity for one in each.objectives}
            for each in models
        ]
        generators = [of_masks for of_masks, _ in self._streams]
        self._generator = generators[0] if self._n_models is None else generators
        each = zip(*(model.params for model in models), strict=True)
        params = [np.stack(parts) if self._n_models else parts[0] for parts in each]
        self._params = [torch.from_numpy(np.array(p)).to(device) for p in params]
        n_trained = self.encoder.n_trained
        n_trained = len(self._params) if n_trained is None else n_trained
        for i in range(n_trained):
            self._params[i] = self._params[i].to(self._dtype).requires_grad_()
        self._make_optimizers(n_trained)
        self._make_step = partial(
            Step,
            self.encoder,
            objectives,
            self._params,
            self._loss_params[0] if self._n_models is None else self._loss_params,
            normalize,
            self._generator,
        )
        widest = max((max(p.shape, default=0) for p in self._params), default=0)
        seed = models[0].seed if self.encoder.draws_globally else None
        self.circumstances = device, widest, seed
        self._step = self._numbers = self._keys = None
        self.memories = []
        lead = () if self._n_models is None else (self._n_models,)
        self._total = torch.zeros(lead, device=device, dtype=self._dtype)

    def _leaf(self, value):
        import torch

        return torch.from_numpy(np.array(value)).to(self._device, self._dtype)

    def _make_optimizers(self, n_trained):
        """Make one for the encoder, and one for each loss with its own parameters."""
        self._loss_params = [
            [
                {k: self._leaf(value).requires_grad_() for k, value in own.items()}
                for own in each.loss_params or [{}] * len(each.objectives)
            ]
            for each in self._models
        ]
        states = [iter(each.optimizer_state or ()) for each in self._models]
        alphas = [each.alpha for each in self._models]
        saved = [next(state, None) for state in states]
        if saved[0] is not None:
            saved = [np.stack(part) for part in zip(*saved, strict=True)]
        else:
            saved = None
        params = self._params[:n_trained]
        self.optimizers = [AdamW(params, alphas, saved, self._n_models)]
        self._rates = [[each.learning_rate for each in self._models]]
        self._loss_optimizers = [[] for _ in self._models]
        for number, (model, state) in enumerate(zip(self._models, states, strict=True)):
            owned = self._loss_params[number]
            for objective, own in zip(model.objectives, owned, strict=True):
                if own:
                    factor = objective.loss.learning_rate_factor()
                    self._rates.append([factor * model.learning_rate])
                    optimizer = AdamW(list(own.values()), 0.0, next(state, None))
                    self._loss_optimizers[number].append(optimizer)
                    self.optimizers.append(optimizer)

    def epoch(self, index, rates):
        """Train on the batches of one epoch.

        Parameters
        ----------
        index : ndarray of int, (n_steps, batch_size) or (n_steps, n_models, batch_size)
            Row numbers of each batch.

        rates : sequence of n_steps floats
            Learning rate of each step, as a share of the peak.

        Returns
        -------
        loss : float or list of float
            Mean loss of the steps; of each model.
        """
        import torch

        self._total.zero_()
        with torch.no_grad():
            # As many steps together as keys can be held at once.
            keys = self._keys_of(index[:1])
            n_bytes = sum(key.nbytes for each in keys for key in each)
            n_steps = max(1, _MOST_KEY_BYTES // max(n_bytes, 1))
            for start in range(0, len(index), n_steps):
                part = slice(start, start + n_steps)
                self._train(index[part], rates[part])
        return (np.array(self._total.tolist()) / len(rates)).tolist()

    def _keys_of(self, index):
        """Return the keys of batches, by each similarity."""
        if self._n_models is None:
            return [each.keys(index) for each in self._similarities[0].values()]
        keys = [
            [each.keys(index[:, model]) for each in own.values()]
            for model, own in enumerate(self._similarities)
        ]
        return [
            Keys(*(np.stack(part, axis=1) for part in zip(*of_models, strict=True)))
            for of_models in zip(*keys, strict=True)
        ]

    def _train(self, index, rates):
        """Train on some batches."""
        keys = [Keys(*map(self._key, each)) for each in self._keys_of(index)]
        numbers = self._rows.numbers(index)
        self._prepare(numbers, keys)
        keys = [key for each in keys for key in each]
        # Not kept: who holds its own method is let go by the garbage collector alone.
        advance = self._replay or self._one_step
        for step, rate in enumerate(rates):
            if self._numbers is None:
                self._rows.read(numbers[step], self._step.X)
            else:
                self._numbers.copy_(numbers[step])
            for here, key in zip(self._keys, keys, strict=True):
                here.copy_(key[step])
            for peaks, optimizer in zip(self._rates, self.optimizers, strict=True):
                optimizer.set_lr([rate * peak for peak in peaks])
            advance()

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

        *lead, n_rows = numbers.shape[1:]
        n_rows *= self._n_views
        kinds = [key.dtype for each in keys for key in each]
        if self._step is not None and self._step.X.shape[-2] == n_rows:
            if [key.dtype for key in self._keys] == kinds:
                return
        shape = (*lead, n_rows, self._rows.n_features)
        X = torch.empty(shape, dtype=self._dtype, device=self._device)
        held = [Keys(*(key[0].clone() for key in each)) for each in keys]
        self._keys = [key for each in held for key in each]
        of_similarity = dict(zip(self._similarities[0], held, strict=True))
        terms = self._models[0].objectives
        of_objective = [of_similarity[id(each.similarity)] for each in terms]
        self._step, self._replay = self._make_step(X, of_objective), None
        self.memories = [
            memory for term in self._step.terms for memory in term.memories
        ]
        if self._device.startswith("cuda") and self._step.repeatable:
            # A graph reads what it needs from arrays that stay where they are.
            if self._rows.on_device:
                self._numbers = numbers[0].clone()
            else:
                self._rows.read(numbers[0], X)
            with torch.no_grad(), torch.cuda.device(self._device):
                state = [t for optimizer in self.optimizers for t in optimizer.tensors]
                state.append(self._total)
                self._replay = captured(self._one_step, state, self._generator)

    def _one_step(self):
        if self._numbers is not None:
            self._rows.read(self._numbers, self._step.X)
        self._total += self._step()
        for optimizer in self.optimizers:
            optimizer.step()

    def statistics(self, model=None):
        """Return what the first miner made of the last batch.

        Parameters
        ----------
        model : int, default=None
            Of which of several models; None for their mean.

        Returns
        -------
        statistics : dict of str to float
            As `Meeting.statistics` returns them.
        """
        import torch

        term, points = self._step.terms[0], self._step.points
        if self._n_models is not None and model is None:
            found = [self.statistics(model) for model in range(self._n_models)]
            return {k: float(np.mean([each[k] for each in found])) for k in found[0]}
        if model is not None:
            objective = self._models[model].objectives[0]
            term, points = term.of(model, objective), points[model]
        with torch.no_grad():
            return term.statistics(points)

    def embed(self, X, at=...):
        """Return the points of rows as they stand now, with nothing dropped.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Rows in raw units, few enough for the device.

        at : int or Ellipsis, default=...
            By which of several models; by all of them together, side by side.

        Returns
        -------
        points : ndarray of shape (n_rows, n_components)
            Their embedding.
        """
        import torch

        model = self._models[0 if at is ... else at]
        X = torch.from_numpy(standardised(X, model.standardization))
        params = [param[at] for param in self._params]
        with torch.no_grad():
            Z = self.encoder.forward(params, X.to(self._device, self._dtype))
            Z = to_sphere(Z) if self._normalize else Z
            return (side_by_side(Z) if Z.ndim > 2 else Z).cpu().numpy()

    def learned(self, at=...):
        """Return what was learned so far.

        Parameters
        ----------
        at : int, slice or Ellipsis, default=...
            By which of several models; an int leaves the axis of models out.

        Returns
        -------
        learned : Learned
            Copies, as numpy.
        """
        params = [param.detach()[at].cpu().numpy().copy() for param in self._params]
        alone = self._n_models is None or isinstance(at, int)
        numbers = np.arange(len(self._models))[0 if self._n_models is None else at]
        found, states = [], []
        for number in np.atleast_1d(numbers).tolist():
            of, own = self._loss_params[number], self._loss_optimizers[number]
            found.append(
                [{k: v.detach().cpu().numpy().copy() for k, v in o.items()} for o in of]
            )
            states.append([self.optimizers[0].state(number), *(o.state() for o in own)])
        if alone:
            return Learned(params, found[0], states)
        loss_params = [
            {name: np.stack([own[name] for own in owned]) for name in owned[0]}
            for owned in zip(*found, strict=True)
        ]
        return Learned(params, loss_params, states)

    def model(self, at):
        """Return one of several models where it stands, to be trained on.

        Parameters
        ----------
        at : int
            Which one. What it remembers of batches is left behind.

        Returns
        -------
        model : Model
            With copies of what was learned; its streams are those of this trainer.
        """
        learned = self.learned(at)
        return self._models[at]._replace(
            params=learned.params,
            loss_params=learned.loss_params,
            optimizer_state=learned.optimizer_states[0],
            streams=self._streams[at],
        )
