"""Estimators that are fitted at once, along one axis of models."""

from copy import deepcopy

import numpy as np

from sklearn_contrastive._embedding import ContrastiveEmbedding
from sklearn_contrastive._models import shape
from sklearn_contrastive._running import note_epoch, undisturbed
from sklearn_contrastive._training import Trainer

#: Numbers that the models of a group hold in a step: more of them leave the cache, and
#: then a step of several models takes longer than one of each.
_MOST_NUMBERS = 4_000_000
#: Rows whose points are looked at after training.
_N_LOOKED_AT = 32


class Group:
    """Estimators whose networks are trained along one axis.

    Parameters
    ----------
    members : list of tuple (ContrastiveEmbedding, Ready)
        Estimators with what they have prepared, of one `shape` and as many steps.

    Attributes
    ----------
    failures : dict of int to Exception
        What went wrong with members, by their place. One that diverges may take
        others with it: what is shared by all models is then no number any more.
    """

    def __init__(self, members):
        self.members, self.failures = members, {}
        models, self._places, self._batches = [], [], []
        for _, ready in members:
            n_models = len(ready.models)
            start = len(models)
            self._places.append(
                start if n_models == 1 else slice(start, start + n_models)
            )
            models += ready.models
            self._batches += ready.epochs
        self._n_epochs = len(self._batches[0].ends)
        self._batches = [iter(each) for each in self._batches]
        device = members[0][0].device_
        # To look at a batch advances the stream of a miner that draws.
        self._looks = any(
            getattr(objective.miner, "draws", False)
            for model in models
            for objective in model.objectives
        )
        self._trainer = Trainer(models, normalize=True, device=device)

    def train(self):
        """Train to the end, and leave every member fitted."""
        import torch

        free = torch.inference_mode(False), torch.enable_grad()
        with free[0], free[1], undisturbed(*self._trainer.circumstances):
            for done in range(1, self._n_epochs + 1):
                self._epoch(last=done == self._n_epochs)
        for member, (estimator, ready) in enumerate(self.members):
            estimator._keep(self._trainer, ready, at=self._places[member])
            # The last step may diverge too, after the last loss.
            with np.errstate(over="ignore", invalid="ignore"):
                points = estimator._embed(ready.X[:_N_LOOKED_AT])
            if not np.isfinite(points).all():
                error = FloatingPointError("Rows have points that are no numbers.")
                self.failures.setdefault(member, error)

    def _epoch(self, last):
        parts = [next(each) for each in self._batches]
        index, rates = np.stack([rows for rows, _ in parts], axis=1), parts[0][1]
        losses = np.array(self._trainer.epoch(index, rates))
        for member, (estimator, _) in enumerate(self.members):
            if member in self.failures:
                continue
            place, statistics = self._places[member], {}
            if last or self._looks:
                # To look at every epoch of every model would take as long as training.
                models = np.arange(len(parts))[place]
                found = [self._trainer.statistics(m) for m in np.atleast_1d(models)]
                statistics = {k: np.mean([each[k] for each in found]) for k in found[0]}
            try:
                loss = float(np.mean(losses[place]))
                note_epoch(estimator, loss, len(rates), statistics)
            except FloatingPointError as error:
                self.failures[member] = error


def groups(fits):
    """Yield estimators in groups that can be trained at once.

    Parameters
    ----------
    fits : list of tuple (ContrastiveEmbedding, array-like, array-like, ndarray or None)
        Fresh estimators, with what they are to be fitted to: rows, what is known of
        them, and their numbers where a similarity speaks of these.

    Yields
    ------
    numbers : list of int
        Which of `fits` its members are.

    group : Group or None
        As many as the cache holds; None for one that has to be fitted by itself: with
        an encoder that is not an MLP, with early stopping, with callbacks, with a
        miner that looks into the whole table, or off the unit sphere.
    """
    alike, tables = {}, {}
    for number, (estimator, X, y, rows) in enumerate(fits):
        ready = _ready(estimator, X, y, rows)
        if ready is None:
            yield [number], None
            continue
        # A table that had to be converted is held once for all of its models.
        table = tables.setdefault(id(X), ready.X)
        models = [model._replace(X=table) for model in ready.models]
        ready = ready._replace(X=table, models=models)
        ends = tuple(ready.epochs[0].ends)
        kind = shape(models[0]), ends, estimator.batch_size_
        alike.setdefault(kind, []).append((number, estimator, ready))
    for members in alike.values():
        n_at_once = max(1, _MOST_NUMBERS // _numbers_of(*members[0][1:]))
        n_groups = -(-len(members) // n_at_once)
        for part in np.array_split(np.arange(len(members)), n_groups):
            chosen = [members[place] for place in part]
            pairs = [(estimator, ready) for _, estimator, ready in chosen]
            yield [number for number, *_ in chosen], Group(pairs)


def _ready(estimator, X, y, rows):
    """Return what an estimator needs to be trained with others, None if it cannot."""
    listening = getattr(estimator, "_skl_callbacks", None)
    # One of the user's own may have another `fit`.
    ours = type(estimator) is ContrastiveEmbedding
    if estimator.early_stopping or listening or not ours:
        return None
    estimator._validate_params()
    seed = deepcopy(estimator.random_state)
    ready = estimator._prepare(X, y, rows=rows)
    # Off the sphere the scale of one model would decide what is near for all.
    rides = shape(ready.models[0]) is not None and estimator._on_sphere
    if rides and ready.sources[0] is ready.similarity:
        return ready
    # A stream that has been drawn from would make another model.
    estimator.set_params(random_state=seed)
    return None


def _numbers_of(estimator, ready):
    """Return how many numbers an estimator holds in a step, about."""
    params = ready.models[0].params
    # Weights, gradients and two means; values, slopes, outputs and masks of layers.
    held = 4 * sum(param.size for param in params)
    widths = sum(param.shape[0] for param in params if param.ndim == 1)
    held += 4 * estimator.batch_size_ * (widths + estimator.batch_size_)
    return held * len(ready.models)
