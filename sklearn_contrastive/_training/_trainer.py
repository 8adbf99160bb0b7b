"""Training steps: rows, forward, the terms of the objective, backward, optimizer.

This is the only place that steps an optimizer. It works on the four nouns by their
interfaces, for any number of models along the first axis of all arrays.
"""

from contextlib import nullcontext
from copy import copy
from functools import partial

import numpy as np

from sklearn_contrastive._pairs._keys import Keys
from sklearn_contrastive._training._graphs import captured
from sklearn_contrastive._training._models import TrainedState
from sklearn_contrastive._training._run import AdamW, isolated_rng_and_threads
from sklearn_contrastive._training._terms import StackedTerm, TermsInTurn, can_stack
from sklearn_contrastive.encoders import place_points, to_sphere
from sklearn_contrastive.encoders._in_turn import PassesInTurn, forward_in_turn
from sklearn_contrastive.encoders._stream import own_stream
from sklearn_contrastive.preprocessing._standardization import Rows, standardized

#: Keys of so many bytes are made and moved at once.
_MOST_KEY_BYTES = 2**22
#: Floats of single precision tell whole numbers below this apart.
_EXACT_FLOATS = 2**24


class Trainer:
    """The parameters of models on a device, with their optimizers.

    ``models`` is a list of `Model` of one shape, trained along one axis; ``normalize``
    scales points to length 1. Precision is `dtype`, float32 by default. ``optimizers``
    are the encoder's, and one for each loss with parameters of its own; ``memories``
    hold the past batches of terms.
    """

    def __init__(self, models, *, normalize, device, dtype=None):
        import torch

        self._models, self._normalize, self._device = models, normalize, device
        self._dtype = dtype or torch.float32
        first = models[0]
        widest = max((max(p.shape, default=0) for p in first.params), default=0)
        seed = first.seed if first.encoder.draws_globally else None
        #: Device, width of the widest layer, and seed of a module's own randomness.
        self.circumstances = device, widest, seed
        self._n_views = first.terms[0].similarity.n_views
        seeds = [model.seed for model in models]
        self._streams = [
            nullcontext() if seed is None else own_stream(s) for s in seeds
        ]
        self._generators = [np.random.Generator(np.random.SFC64(s)) for s in seeds]
        if device != "cpu":
            # On a processor, numpy's is twice as fast as torch's.
            self._generators = [torch.Generator(device).manual_seed(s) for s in seeds]
        views = None
        if self._n_views > 1:
            rngs = (np.random.Generator(np.random.SFC64(seed)) for seed in seeds)
            views = [
                partial(model.terms[0].similarity.views, rng=rng)
                for model, rng in zip(models, rngs, strict=True)
            ]
        tables = [(model.X, model.standardization) for model in models]
        self.encoder = first.encoder
        if len(models) > 1 and self.encoder.tested:
            self.encoder = copy(self.encoder)
            self.encoder.dropout = [model.encoder.dropout for model in models]
        # Terms of one similarity share its keys.
        by_identity = [
            {id(t.similarity): t.similarity for t in m.terms} for m in models
        ]
        self._similarities = [list(each.values()) for each in by_identity]
        self._X = self._numbers = self._keys = None
        self.memories = []
        with isolated_rng_and_threads(*self.circumstances):
            weights = [1 if m.weights is None else m.weights for m in models]
            self._weights = None
            if any(model.weights is not None for model in models):
                n_inputs = max(map(np.size, weights))
                weights = np.stack([np.broadcast_to(w, n_inputs) for w in weights])
                weights = torch.from_numpy(weights[:, None])
                self._weights = weights.to(device, self._dtype)
            self._rows = Rows(tables, device, self._dtype, views, self._weights)
            parts = zip(*(model.params for model in models), strict=True)
            self._params = [torch.from_numpy(np.stack(p)).to(device) for p in parts]
            trained = self._params[: self.encoder.n_trained]
            trained = [param.to(self._dtype).requires_grad_() for param in trained]
            self._params[: len(trained)] = trained
            self._make_optimizers(trained)
            self._total = torch.zeros(len(models), device=device, dtype=self._dtype)

    def _make_optimizers(self, trained):
        """Make one for the encoder, and one for each loss with its own parameters."""
        import torch

        models, self._loss_params, groups = self._models, [], [trained]
        self._rates = [[model.learning_rate for model in models]]
        of_models = (m.loss_params or [{}] * len(m.terms) for m in models)
        for place, owned in enumerate(zip(*of_models, strict=True)):
            own = {}
            for name in owned[0]:
                value = torch.from_numpy(np.stack([each[name] for each in owned]))
                own[name] = value.to(self._device, self._dtype).requires_grad_()
            self._loss_params.append(own)
            if own:
                groups.append(list(own.values()))
                losses = [model.terms[place].loss for model in models]
                factors = [loss.learning_rate_factor() for loss in losses]
                rates = zip(factors, self._rates[0], strict=True)
                self._rates.append([factor * rate for factor, rate in rates])
        self.optimizers = []
        for place, params in enumerate(groups):
            alphas = [0.0 if place else model.alpha for model in models]
            saved = None
            if models[0].optimizer_state is not None:
                states = (model.optimizer_state[place] for model in models)
                saved = [np.stack(part) for part in zip(*states, strict=True)]
            self.optimizers.append(AdamW(params, alphas, saved))

    def train(self, index, rates):
        """Train on batches, and return the mean loss of each model as a list.

        ``index`` (n_steps, n_models, batch_size) holds row numbers, ``rates`` the
        learning rate of each step as a share of the peak.
        """
        import torch

        self._total.zero_()
        with torch.no_grad():
            # As many steps together as keys can be held at once.
            first = self._keys_of(index[:1])
            n_bytes = sum(key.nbytes for each in first for key in each)
            n_at_once = max(1, _MOST_KEY_BYTES // max(n_bytes, 1))
            for start in range(0, len(index), n_at_once):
                part = index[start : start + n_at_once]
                keys, numbers = self._keys_of(part), part
                if self._rows.on_device:
                    numbers = torch.from_numpy(part + self._rows.starts)
                    numbers = numbers.to(self._device)
                self._prepare(numbers, keys)
                keys = [key for each in keys for key in each]
                for step, rate in enumerate(rates[start : start + n_at_once]):
                    for here, key in zip(self._keys, keys, strict=True):
                        here.copy_(key[step])
                    all_rates = [[rate * peak for peak in p] for p in self._rates]
                    if self._replay is None:
                        self._rows.read(numbers[step], self._X)
                        self._step(all_rates)
                    else:
                        self._replay_step(numbers[step], all_rates)
        return (np.array(self._total.tolist()) / len(rates)).tolist()

    def _keys_of(self, index):
        """Return the keys of batches on the device, for each similarity."""
        import torch

        found = []
        for place in range(len(self._similarities[0])):
            each = enumerate(self._similarities)
            of_models = [own[place].keys(index[:, model]) for model, own in each]
            tensors = []
            for part in zip(*of_models, strict=True):
                key = np.stack(part, axis=1)
                # Floats are quicker to compare, where they are exact.
                fraction = key.dtype.kind == "f" or key.size == 0
                exact = fraction or np.abs(key).max() < _EXACT_FLOATS
                dtype = self._dtype if exact else None
                tensors.append(torch.from_numpy(key).to(self._device, dtype))
            found.append(Keys(*tensors))
        return found

    def _prepare(self, numbers, keys):
        """Make the arrays and the evaluators of a step, unless they are there."""
        import torch

        n_models, n_rows = numbers.shape[1], numbers.shape[2] * self._n_views
        kinds = [key.dtype for each in keys for key in each]
        if self._X is not None and self._X.shape[1] == n_rows:
            if [key.dtype for key in self._keys] == kinds:
                return
        shape = n_models, n_rows, self._rows.n_features
        self._X = torch.empty(shape, dtype=self._dtype, device=self._device)
        given = self._params, n_rows, self._normalize, self._generators
        if n_models == 1 or self.encoder.tested:
            self._passes = self.encoder.passes(*given)
        else:
            self._passes = PassesInTurn(self.encoder, self._streams, *given)
        held = [Keys(*(key[0].clone() for key in each)) for each in keys]
        self._keys = [key for each in held for key in each]
        n_points, n_components = held[0].rows.shape[-1], self._models[0].n_components
        points = self._X.new_zeros((n_models, n_points, n_components))
        self._evaluators = []
        for place, term in enumerate(self._models[0].terms):
            terms = [model.terms[place] for model in self._models]
            own_keys = held[self._similarities[0].index(term.similarity)]
            if can_stack(terms):
                evaluator = StackedTerm(terms, own_keys, points)
            else:
                rest = own_keys, points, self._normalize, self._generators
                evaluator = TermsInTurn(terms, self._loss_params[place], *rest)
            self._evaluators.append(evaluator)
        self.memories = [each for one in self._evaluators for each in one.memories]
        self._replay = self._numbers = None
        if self._device.startswith("cuda"):
            self._capture(numbers[0])

    def _capture(self, numbers):
        """Make a graph of the step on a GPU, where every step does the same."""
        import torch

        terms = [term for model in self._models for term in model.terms]
        if not (self.encoder.tested and all(term.repeatable for term in terms)):
            return
        # A graph reads what it needs from arrays that stay where they are.
        if self._rows.on_device:
            self._numbers = numbers.clone()
        else:
            self._rows.read(numbers, self._X)
        with torch.no_grad(), torch.cuda.device(self._device):
            state = [t for optimizer in self.optimizers for t in optimizer.tensors]
            state.append(self._total)
            for optimizer, peaks in zip(self.optimizers, self._rates, strict=True):
                optimizer.set_lr(peaks)
            self._replay = captured(self._captured_step, state, self._generators)

    def _replay_step(self, numbers, rates):
        """Train on one batch by the graph of a step."""
        if self._numbers is None:
            self._rows.read(numbers, self._X)
        else:
            self._numbers.copy_(numbers)
        for optimizer, own in zip(self.optimizers, rates, strict=True):
            optimizer.set_lr(own)
        self._replay()

    def _captured_step(self):
        """Train on one batch over arrays that stay where they are."""
        if self._numbers is not None:
            self._rows.read(self._numbers, self._X)
        self._step([None] * len(self.optimizers))

    def _step(self, rates):
        """Go forward and backward, and move the parameters at learning rates."""
        with self._streams[0]:
            self._points = self._passes.forward(self._X)
        loss, gradient = self._evaluators[0](self._points)
        for evaluator in self._evaluators[1:]:
            more, other = evaluator(self._points)
            loss, gradient = loss + more, gradient + other
        self._passes.backward(gradient)
        self._total += loss
        for optimizer, own in zip(self.optimizers, rates, strict=True):
            optimizer.step(own)

    def statistics(self, models=None):
        """Return the means over models of the statistics of the last batch's pairs."""
        import torch

        models = range(len(self._models)) if models is None else models
        with torch.no_grad():
            found = [self._evaluators[0].statistics(self._points, m) for m in models]
        return {k: float(np.mean([each[k] for each in found])) for k in found[0]}

    def losses(self, params, shares):
        """Return the mean loss of the last batch, its points drawn to their mean.

        ``params`` are an encoder's, of all models; ``shares`` are what is left of all
        distances, for each of the losses.
        """
        import torch

        with torch.inference_mode(False), torch.no_grad():
            params = [torch.from_numpy(param).to(self._device) for param in params]
            Z = self._map(params, self._X)
            Z = to_sphere(Z) if self._normalize else Z
            center, found = Z.mean(-2, keepdim=True), []
            for share in shares:
                points = center + share * (Z - center)
                # Miners draw the same pairs for each.
                for generator in self._generators:
                    if self._device == "cpu":
                        generator.bit_generator.state = np.random.SFC64(0).state
                    else:
                        generator.manual_seed(0)
                parts = [evaluator(points)[0] for evaluator in self._evaluators]
                found.append(float(sum(parts).mean()))
        return found

    def embed(self, X, models=slice(None)):
        """Return the points of rows in raw units by some models, side by side."""
        import torch

        model = self._models[models][0]
        X = torch.from_numpy(standardized(X, model.standardization))
        X = X.to(self._device, self._dtype)[None]
        if self._weights is not None:
            X = X * self._weights[models]
        with torch.no_grad():
            Z = self._map([param[models] for param in self._params], X)
            return place_points(Z, self._normalize).cpu().numpy()

    def _map(self, params, X):
        """Return the points of rows (1 or n_models, n_rows, n_features), not placed."""
        if self.encoder.tested:
            return self.encoder.forward(params, X)
        return forward_in_turn(self.encoder, params, X)

    def state(self, models=slice(None)):
        """Return copies of what some models have learned so far, as numpy."""
        params = [p.detach()[models].cpu().numpy().copy() for p in self._params]
        loss_params = [
            {k: v.detach()[models].cpu().numpy().copy() for k, v in own.items()}
            for own in self._loss_params
        ]
        states = [optimizer.state for optimizer in self.optimizers]
        optimizers = [
            [[t[number].cpu().numpy().copy() for t in state] for state in states]
            for number in range(len(self._models))[models]
        ]
        return TrainedState(params, loss_params, optimizers)
