"""Models to be trained, and what training leaves of them."""

from typing import Any, NamedTuple

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

    def write(self, number, state):
        """Overwrite the parameters of one model with those of a state of one model."""
        for ours, own in zip(self._arrays(), state._arrays(), strict=True):
            ours[number] = own[0]

    def _arrays(self):
        owned = (own.values() for own in self.loss_params)
        return [*self.params, *(value for values in owned for value in values)]
