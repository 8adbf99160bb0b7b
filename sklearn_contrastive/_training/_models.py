"""Models to be trained, and what training leaves of them."""

from typing import Any, NamedTuple

from sklearn_contrastive.preprocessing._standardization import Standardization


class Model(NamedTuple):
    """One network to be trained: its rows, encoder and terms, and where to start.

    ``params`` and ``loss_params`` (a dict for each term) hold arrays without an axis of
    models; ``optimizer_state`` is what a `TrainedState` holds of one model. ``weights``
    multiply the standardised columns; None is 1.
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
    weights: Any = None


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

    def with_models(self, models, other):
        """Return a copy with the parameters that another state has of some models."""

        def merge(ours, theirs):
            merged = ours.copy()
            merged[models] = theirs[models]
            return merged

        pairs = zip(self.loss_params, other.loss_params, strict=True)
        return self._replace(
            params=list(map(merge, self.params, other.params)),
            loss_params=[{k: merge(a[k], b[k]) for k in a} for a, b in pairs],
        )


class Report(NamedTuple):
    """What training has come to: the state of all models, and the best of each."""

    history: Any
    state: TrainedState
    best: TrainedState
    best_score: float | None = None
