"""Estimators fitted at once, stacked along one axis of models.

All that a search knows of the private training API is in this file.
"""

from typing import Any, NamedTuple

import numpy as np

from sklearn_contrastive._estimators import _plan, _state
from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._training._run import (
    History,
    Report,
    isolated_rng_and_threads,
)
from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive.preprocessing._weights import weights_of

#: Numbers that stacked models may hold in a step. With more of them the arrays leave
#: the processor's cache, and one stacked step takes longer than a step of each model.
_MOST_NUMBERS = 10_000_000
#: Rows whose points must be finite after training.
_N_ROWS_CHECKED = 32


class FitPlan(NamedTuple):
    """An estimator with the plan of its fit."""

    estimator: ContrastiveEmbedding
    plan: Any

    def with_rows(self, X):
        """Return the plan with another array of the same rows."""
        models = [model._replace(X=X) for model in self.plan.models]
        return self._replace(plan=self.plan._replace(X=X, models=models))


def stackable_plan(estimator, X, y, rows, weigh=weights_of):
    """Return the plan of an estimator, or None where it has to be fitted by itself."""
    has_callbacks = vars(estimator).get("_skl_callbacks")
    # A derived class may have a `fit` of its own.
    derived = type(estimator) is not ContrastiveEmbedding
    chooses = estimator.early_stopping or estimator.cross_fit is not False
    if chooses or has_callbacks or derived:
        return None
    estimator._validate_params()
    plan = _plan.prepare(estimator, X, y, rows=rows, weigh=weigh)
    # Off the sphere, rounding goes by the largest scale among the stacked models.
    stackable = plan.models[0].encoder.tested and plan.state.normalize
    return FitPlan(estimator, plan) if stackable and not plan.global_batches else None


def split_into_batches(plans):
    """Yield lists of keys of `plans`: what can be stacked and fits the cache."""
    by_shape = {}
    for key, (_, plan) in plans.items():
        first = plan.models[0]
        sizes = [param.shape for param in first.params]
        views = first.terms[0].similarity.n_views, len(first.terms)
        steps = plan.epochs.sizes, plan.epochs.batch_size
        levels = first.encoder.learned_levels
        levels = levels and [each.tolist() for each in levels]
        shape = repr((sizes, first.encoder.activation, views, steps, levels))
        by_shape.setdefault(shape, []).append(key)
    for keys in by_shape.values():
        most = max(1, _MOST_NUMBERS // _count_numbers(plans[keys[0]].plan))
        for places in np.array_split(np.arange(len(keys)), -(-len(keys) // most)):
            yield [keys[place] for place in places]


def fit_batch(plans):
    """Fit the estimators of plans, stacked; return the failure of each, or None.

    A model that diverges may make others of its batch fail too.
    """
    import torch

    models = [model for _, plan in plans for model in plan.models]
    ends = np.cumsum([len(plan.models) for _, plan in plans]).tolist()
    places = [slice(*place) for place in zip([0, *ends[:-1]], ends, strict=True)]
    with torch.inference_mode(False), torch.enable_grad():
        device = plans[0].plan.fitted["device_"]
        trainer = Trainer(models, normalize=True, device=device)
        with isolated_rng_and_threads(*trainer.circumstances):
            outcomes = _train(trainer, plans, places)
        for number, (fit_plan, place) in enumerate(zip(plans, places, strict=True)):
            if isinstance(outcomes[number], History):
                state = trainer.state(place)
                report = Report(outcomes[number], state, state)
                outcomes[number] = _store(fit_plan, report)
    return outcomes


def _train(trainer, plans, places):
    """Train to the end; return the history of each plan, or the failure."""
    outcomes = [plan.history for _, plan in plans]
    # Statistics advance the stream of a miner that draws. Those of all models in all
    # reports would take as long as the training.
    terms = [term for _, plan in plans for model in plan.models for term in model.terms]
    in_every_report = any(term.miner.draws for term in terms)
    n_reports = plans[0].plan.epochs.n_reports
    batches = zip(*(plan.epochs for _, plan in plans), strict=True)
    for number, parts in enumerate(batches, start=1):
        index = np.concatenate([index for _, index, _ in parts], axis=1)
        epoch, _, rates = parts[0]
        losses = np.array(trainer.train(index, rates))
        for plan, (history, place) in enumerate(zip(outcomes, places, strict=True)):
            if not isinstance(history, History):
                continue
            values = {"loss": float(np.mean(losses[place]))}
            if not np.isfinite(values["loss"]):
                outcomes[plan] = str(history.error(values["loss"], epoch))
                continue
            if in_every_report or number == n_reports:
                values |= trainer.statistics(range(place.start, place.stop))
            outcomes[plan] = history.with_report(epoch, len(rates), values)
    return outcomes


def _store(fit_plan, report):
    """Leave an estimator fitted; return a message where its points are not finite."""
    estimator, plan = fit_plan
    attributes = plan.attributes(report)
    _state.replace_fitted(estimator, attributes)
    # The last step may diverge too, after the last loss.
    with np.errstate(over="ignore", invalid="ignore"):
        points = attributes["_state"].embed(plan.X[:_N_ROWS_CHECKED])
    finite = np.isfinite(points).all()
    return None if finite else "Rows have points that are not finite."


def _count_numbers(plan):
    """Return how many numbers the models of a plan hold in a step, about."""
    params, batch_size = plan.models[0].params, plan.epochs.batch_size
    # Weights, gradients and two means; values, gradients, outputs and masks of layers.
    n_numbers = 4 * sum(param.size for param in params)
    widths = sum(param.shape[0] for param in params if param.ndim == 1)
    n_numbers += 4 * batch_size * (widths + batch_size)
    return n_numbers * len(plan.models)
