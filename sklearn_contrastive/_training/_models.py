"""Models to be trained, and what training leaves of them."""

from typing import Any, NamedTuple

import numpy as np

from sklearn_contrastive.preprocessing._standardization import Standardization


class Model(NamedTuple):
    """One network to be trained: its rows, encoder and terms, and where to start.

    ``params`` and ``loss_params`` (a dict for each term) hold arrays without an axis of
    models; ``optimizer_state`` is what a `TrainedState` holds of one model.
    """

    X: Any
    standardization: Standardization
    encoder: Any
    terms: list
    params: list
    n_components: int
    learning_rate: float
    alpha: float
    seed: int
    loss_params: list | None = None
    optimizer_state: list | None = None


class TrainedState(NamedTuple):
    """What training has made of models, along a leading axis of all arrays.

    ``loss_params`` is a dict for each term, ``optimizer_states`` a list for each model.
    """

    params: list
    loss_params: list
    optimizer_states: list

    def of_model(self, number):
        """Return encoder's and losses' parameters of one model, without the axis."""
        own = [{k: v[number] for k, v in each.items()} for each in self.loss_params]
        return [param[number] for param in self.params], own


def concatenated(states):
    """Return the states of several trainings as one, along the axis of models."""
    params = zip(*(state.params for state in states), strict=True)
    loss_params = zip(*(state.loss_params for state in states), strict=True)
    return TrainedState(
        [np.concatenate(parts) for parts in params],
        [
            {name: np.concatenate([own[name] for own in owned]) for name in owned[0]}
            for owned in loss_params
        ],
        [each for state in states for each in state.optimizer_states],
    )
