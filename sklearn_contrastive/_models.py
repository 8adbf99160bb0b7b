"""Models to be trained, and the nouns of several of them in one."""

from copy import copy
from numbers import Real
from typing import Any, NamedTuple

from sklearn_contrastive._rows import Standardization
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.losses import PairLoss


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
        The other three nouns: what is wanted of which pairs, and who is alike. The
        first likeness says what stands for a row in a step.

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
        What makes two of them alike.

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


def stacked(models, leaf):
    """Return one encoder, and the objectives, of several models of one `shape`.

    Parameters
    ----------
    models : list of Model
        Ready to be trained.

    leaf : callable
        Makes a tensor of numbers.

    Returns
    -------
    encoder : MLPEncoder
        With a list of shares to drop.

    objectives : list of Objective or of list of Objective
        For each term one that stands for all, where they are of one kind: its loss
        holds tensors of shape (n_models, 1, 1) where numbers differ. Else those of
        each model.
    """
    encoder = copy(models[0].encoder)
    encoder.dropout = [each.encoder.dropout for each in models]
    objectives = []
    for terms in zip(*(each.objectives for each in models), strict=True):
        kinds = {_kind(term) for term in terms}
        if None in kinds or len(kinds) > 1:
            objectives.append(list(terms))
            continue
        loss = copy(terms[0].loss)
        for name in _numbers(loss):
            values = [getattr(term.loss, name) for term in terms]
            if len(set(values)) > 1:
                setattr(loss, name, leaf(values)[:, None, None])
        objectives.append(terms[0]._replace(loss=loss))
    return encoder, objectives


def _kind(objective):
    """Return what objectives must share to stand for each other, or None."""
    miner, loss, weight, memory, similarity = objective
    nouns = type(miner), type(loss), type(similarity)
    ours = all(noun.__module__.startswith("sklearn_contrastive.") for noun in nouns)
    rides = ours and memory is None and not getattr(miner, "draws", False)
    if not (rides and similarity.keys_suffice and isinstance(loss, PairLoss)):
        return None
    others = {k: v for k, v in vars(loss).items() if k not in _numbers(loss)}
    return repr((nouns, vars(miner), others, weight))


def _numbers(noun):
    """Return the names of the parameters that are numbers."""
    return [name for name, value in vars(noun).items() if isinstance(value, Real)]
