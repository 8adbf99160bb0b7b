"""Estimators fitted at once, stacked along one axis of models.

All that a search knows of the private training API is in this file.
"""

from typing import Any, NamedTuple

import numpy as np

from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._training._models import shape
from sklearn_contrastive._training._running import (
    isolated_rng_and_threads,
    record_epoch,
    together,
)
from sklearn_contrastive._training._trainer import Trainer

#: Numbers that stacked models may hold in a step. With more of them the arrays leave
#: the processor's cache, and one stacked step takes longer than a step of each model.
_MOST_NUMBERS = 10_000_000
#: Rows whose points must be finite after training.
_N_ROWS_CHECKED = 32


class Plan(NamedTuple):
    """An estimator with all that its training needs."""

    estimator: ContrastiveEmbedding
    ready: Any

    def with_rows(self, X):
        """Return the plan with another array of the same rows."""
        models = [model._replace(X=X) for model in self.ready.models]
        return self._replace(ready=self.ready._replace(X=X, models=models))


def stackable_plan(estimator, X, y, rows):
    """Return the plan of an estimator, or None where it has to be fitted by itself."""
    has_callbacks = getattr(estimator, "_skl_callbacks", None)
    # A derived class may have a `fit` of its own.
    derived = type(estimator) is not ContrastiveEmbedding
    if estimator.early_stopping or has_callbacks or derived:
        return None
    estimator._validate_params()
    ready = estimator._prepare(X, y, rows=rows)
    is_mlp = shape(ready.models[0]) is not None
    has_global_miner = ready.sources[0] is not ready.similarity
    # Off the sphere, rounding goes by the largest scale among the stacked models.
    if not is_mlp or has_global_miner or not estimator._on_sphere:
        return None
    return Plan(estimator, ready)


def split_into_batches(plans):
    """Yield lists of keys of `plans`: what can be stacked and fits the cache."""
    by_shape = {}
    for key, (estimator, ready) in plans.items():
        ends = tuple(ready.epochs[0].ends)
        kind = shape(ready.models[0]), ends, estimator.batch_size_
        by_shape.setdefault(kind, []).append(key)
    for keys in by_shape.values():
        most = max(1, _MOST_NUMBERS // _count_numbers(plans[keys[0]]))
        n_batches = -(-len(keys) // most)
        for places in np.array_split(np.arange(len(keys)), n_batches):
            yield [keys[place] for place in places]


def fit_batch(plans):
    """Fit the estimators of plans, stacked; return the failure of each, or None.

    A model that diverges may make others of its batch fail too.
    """
    import torch

    models = [model for _, ready in plans for model in ready.models]
    ends = np.cumsum([len(ready.models) for _, ready in plans])
    places = [slice(*place) for place in zip([0, *ends[:-1]], ends, strict=True)]
    with torch.inference_mode(False), torch.enable_grad():
        device = plans[0].estimator.device_
        trainer = Trainer(models, normalize=True, device=device)
        with isolated_rng_and_threads(*trainer.circumstances):
            failures = _train(trainer, plans, places)
        for number, (plan, place) in enumerate(zip(plans, places, strict=True)):
            if failures[number] is None:
                failures[number] = _store(trainer, plan, place)
    return failures


def _train(trainer, plans, places):
    """Train all epochs; return the failure of each plan, or None."""
    failures = [None] * len(plans)
    # Statistics advance the stream of a miner that draws. Those of all models in all
    # epochs would take as long as the training.
    in_every_epoch = any(
        getattr(objective.miner, "draws", False)
        for _, ready in plans
        for model in ready.models
        for objective in model.objectives
    )
    epochs = [each for _, ready in plans for each in ready.epochs]
    n_epochs = len(epochs[0].ends)
    for epoch, (index, rates) in enumerate(together(epochs), start=1):
        losses = np.array(trainer.epoch(index, rates))
        for number, (plan, place) in enumerate(zip(plans, places, strict=True)):
            if failures[number] is not None:
                continue
            statistics = {}
            if in_every_epoch or epoch == n_epochs:
                statistics = _mean_statistics(trainer, place)
            try:
                loss = float(np.mean(losses[place]))
                record_epoch(plan.estimator, loss, len(rates), statistics)
            except FloatingPointError as error:
                failures[number] = str(error)
    return failures


def _mean_statistics(trainer, place):
    """Return what the miner found in the last batch, averaged over models."""
    found = [trainer.statistics(model) for model in range(place.start, place.stop)]
    return {name: np.mean([each[name] for each in found]) for name in found[0]}


def _store(trainer, plan, place):
    """Leave an estimator fitted; return a message where its points are not finite."""
    estimator, ready = plan
    # The axis of models is left out for a single one.
    alone = len(ready.models) == 1
    estimator._keep(trainer, ready, at=int(place.start) if alone else place)
    # The last step may diverge too, after the last loss.
    with np.errstate(over="ignore", invalid="ignore"):
        points = estimator._embed(ready.X[:_N_ROWS_CHECKED])
    if not np.isfinite(points).all():
        return "Rows have points that are not finite."
    return None


def _count_numbers(plan):
    """Return how many numbers the models of a plan hold in a step, about."""
    estimator, ready = plan
    params = ready.models[0].params
    # Weights, gradients and two means; values, gradients, outputs and masks of layers.
    n_numbers = 4 * sum(param.size for param in params)
    widths = sum(param.shape[0] for param in params if param.ndim == 1)
    n_numbers += 4 * estimator.batch_size_ * (widths + estimator.batch_size_)
    return n_numbers * len(ready.models)
