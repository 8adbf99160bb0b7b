"""Models to be trained, and what is learned of them."""

from typing import Any, NamedTuple

import numpy as np

from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.preprocessing._standardization import Standardization


class Model(NamedTuple):
    """What is trained: rows, the four nouns ready to be used, and where to start.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows to train on.

    standardization : Standardization
        What is done to their columns.

    encoder : object
        How a row becomes a point.

    objectives : list of Objective
        The other three nouns: what is wanted of which pairs, and who is similar. The
        first similarity says what stands for a row in a step.

    params : list of ndarray
        The encoder's parameters to start from.

    learning_rate, alpha : float
        Peak learning rate and weight decay.

    seed : int
        Of the dropout masks and of a module's own randomness.

    loss_params : list of dict of str to ndarray, default=None
        Those of the loss of each objective; None where no loss has any.

    optimizer_state : list of list, default=None
        Running means of each optimizer to go on with, as its `state` returns them.

    streams : sequence of two generators, default=None
        Of the dropout masks, and of what stands for rows, to go on with; None to make
        them from the seed.
    """

    X: Any
    standardization: Standardization
    encoder: Any
    objectives: list
    params: list
    learning_rate: float
    alpha: float
    seed: int
    loss_params: list | None = None
    optimizer_state: list | None = None
    streams: Any = None


class Learned(NamedTuple):
    """What training has made of a model, or of several along a leading axis.

    Parameters
    ----------
    params : list of ndarray
        The encoder's parameters, as its `init` makes them.

    loss_params : list of dict of str to ndarray
        Those of the loss of each objective.

    optimizer_states : list of list
        For each model, what a `Model` needs to go on.
    """

    params: list
    loss_params: list
    optimizer_states: list


class Ready(NamedTuple):
    """What an estimator needs to train, once all that was given is checked.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows.

    similarity : Similarity
        What makes two of them similar.

    objectives : dict of str to Objective
        By name.

    models : list of Model
        One for each member.

    sources : list of Similarity or GlobalBatches
        What draws the batches of each.

    epochs : list of Epochs
        These batches.

    stopping : EarlyStopping or None
        The judge.
    """

    X: Any
    similarity: Any
    objectives: dict
    models: list
    sources: list
    epochs: list
    stopping: Any


def shape(model):
    """Return what models must share to be trained along one axis.

    Parameters
    ----------
    model : Model
        Ready to be trained.

    Returns
    -------
    shape : str or None
        None where the encoder is not an MLP, so that the model has to be trained by
        itself.
    """
    if type(model.encoder) is not MLPEncoder:
        return None
    views = model.objectives[0].similarity.n_views
    sizes = [param.shape for param in model.params]
    return repr((sizes, model.encoder.activation, views, len(model.objectives)))


def beside(learned):
    """Return what several models have learned, along a first axis.

    Parameters
    ----------
    learned : list of Learned
        Of one model each.

    Returns
    -------
    learned : Learned
        Of all of them.
    """
    return Learned(
        [
            np.stack(parts)
            for parts in zip(*(one.params for one in learned), strict=True)
        ],
        [
            {name: np.stack([own[name] for own in owned]) for name in owned[0]}
            for owned in zip(*(one.loss_params for one in learned), strict=True)
        ],
        [state for one in learned for state in one.optimizer_states],
    )
