"""Estimators that are fitted at once, along one axis of models."""

import math
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._training._models import shape
from sklearn_contrastive._training._running import (
    isolated_rng_and_threads,
    record_epoch,
)
from sklearn_contrastive._training._trainer import Trainer

#: Numbers that the models of a group hold in a step: more of them leave the cache, and
#: then a step of several models takes longer than one of each.
_MOST_NUMBERS = 10_000_000
#: Rows whose points are looked at after training.
_N_LOOKED_AT = 32


class Member(NamedTuple):
    """An estimator that is to be trained along with others.

    Parameters
    ----------
    estimator : ContrastiveEmbedding
        The one.

    ready : Ready
        What it has prepared.
    """

    estimator: Any
    ready: Any

    def on(self, X):
        """Return the member with another array of its rows, or None to be sent away.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features) or None
            Rows of the same numbers.

        Returns
        -------
        member : Member
            Otherwise the same.
        """
        models = [model._replace(X=X) for model in self.ready.models]
        return self._replace(ready=self.ready._replace(X=X, models=models))


class Group:
    """Members whose networks are trained along one axis.

    Parameters
    ----------
    members : list of Member
        Of one `shape` and as many steps, all of them as far trained.

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
        # To look at a batch advances the stream of a miner that draws.
        self._looks = any(
            getattr(objective.miner, "draws", False)
            for model in models
            for objective in model.objectives
        )
        device = members[0].estimator.device_
        self._trainer = Trainer(models, normalize=True, device=device)

    def train(self, share=1.0):
        """Train up to a share of all epochs, and leave every member fitted.

        Parameters
        ----------
        share : float, default=1.0
            In (0, 1], counted from the first epoch on.
        """
        import torch

        n_done, n_epochs = self._batches[0].n_done, len(self._batches[0].ends)
        n_left = math.ceil(share * n_epochs) - n_done
        batches = [iter(each) for each in self._batches]
        free = torch.inference_mode(False), torch.enable_grad()
        with free[0], free[1], isolated_rng_and_threads(*self._trainer.circumstances):
            for left in reversed(range(n_left)):
                self._epoch([next(each) for each in batches], last=left == 0)
        for member, (estimator, ready) in enumerate(self.members):
            estimator._keep(self._trainer, ready, at=self._places[member])
            # The last step may diverge too, after the last loss.
            with np.errstate(over="ignore", invalid="ignore"):
                points = estimator._embed(ready.X[:_N_LOOKED_AT])
            if not np.isfinite(points).all():
                error = FloatingPointError("Rows have points that are no numbers.")
                self.failures.setdefault(member, error)

    def standing(self, member):
        """Return a member where it stands, to be trained on in another group.

        Parameters
        ----------
        member : int
            Its place.

        Returns
        -------
        member : Member
            Without its rows.
        """
        place, (estimator, ready) = self._places[member], self.members[member]
        numbers = np.arange(len(self._batches))[place]
        models = [self._trainer.model(int(each)) for each in np.atleast_1d(numbers)]
        return Member(estimator, ready._replace(models=models)).on(None)

    def _epoch(self, parts, last):
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
                record_epoch(estimator, loss, len(rates), statistics)
            except FloatingPointError as error:
                self.failures[member] = error


def groups(members):
    """Yield members in groups that can be trained at once.

    Parameters
    ----------
    members : dict of Hashable to Member
        By any name.

    Yields
    ------
    names : list of Hashable
        Which of `members` these are.

    group : Group
        As many as the cache holds.
    """
    similar = {}
    for name, member in members.items():
        estimator, ready = member
        epochs = ready.epochs[0]
        kind = shape(ready.models[0]), tuple(epochs.ends), epochs.n_done
        similar.setdefault((*kind, estimator.batch_size_), []).append(name)
    for names in similar.values():
        n_at_once = max(1, _MOST_NUMBERS // _numbers_of(members[names[0]]))
        n_groups = -(-len(names) // n_at_once)
        for part in np.array_split(np.arange(len(names)), n_groups):
            chosen = [names[place] for place in part]
            yield chosen, Group([members[name] for name in chosen])


def member_of(estimator, X, y, rows):
    """Return a fresh estimator as a member, or None where it cannot be one.

    Parameters
    ----------
    estimator : ContrastiveEmbedding
        To be trained.

    X, y : array-like
        Rows, and what is known of them.

    rows : array-like of int or None
        Their numbers, where a similarity speaks of these.

    Returns
    -------
    member : Member or None
        None for one that has to be fitted by itself: with an encoder that is not an
        MLP, with early stopping, with callbacks, with a miner that looks into the
        whole table, or off the unit sphere.
    """
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
        return Member(estimator, ready)
    # A stream that has been drawn from would make another model.
    estimator.set_params(random_state=seed)
    return None


def _numbers_of(member):
    """Return how many numbers a member holds in a step, about."""
    estimator, ready = member
    params = ready.models[0].params
    # Weights, gradients and two means; values, slopes, outputs and masks of layers.
    held = 4 * sum(param.size for param in params)
    widths = sum(param.shape[0] for param in params if param.ndim == 1)
    held += 4 * estimator.batch_size_ * (widths + estimator.batch_size_)
    return held * len(ready.models)
