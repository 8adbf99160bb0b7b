"""One batch, of one model or several: forward, the terms of the objective, backward.

Arrays are made once and used in every step, and nothing waits for the device.
"""

from copy import copy
from numbers import Real

from sklearn_contrastive._training._term import EachTerm, Term
from sklearn_contrastive.encoders import AutogradPasses
from sklearn_contrastive.losses import PairLoss


class Step:
    """The loss of a batch and the gradients of the encoder's parameters.

    Parameters
    ----------
    encoder : object
        How a row becomes a point.

    objectives : list of Objective or of list of Objective
        The other three nouns: what is wanted of which pairs, and who is similar; one a
        model where those of several models cannot stand for each other.

    params : list of Tensor
        The encoder's parameters; those that are trained have gradients to write to.

    loss_params : list of dict of str to Tensor, or one such list a model
        The own parameters of the loss of each objective, likewise.

    normalize : bool
        Whether points are scaled to length 1.

    generator : numpy.random.Generator or torch.Generator
        Of the dropout masks, and of miners that draw.

    X : Tensor of shape (batch_size, n_features)
        An array for the standardised rows of a batch, to be filled before each call.

    keys : list of Keys
        Arrays for their keys, likewise: for each objective.

    Attributes
    ----------
    repeatable : bool
        Whether every call does the same to arrays that stay where they are, so that
        it can be captured. A noun of the user's own may do anything.

    terms : list of Term
        One for each objective.

    points : Tensor of shape (batch_size, n_components)
        The embedding of the last batch.
    """

    def __init__(
        self,
        encoder,
        objectives,
        params,
        loss_params,
        normalize,
        generator,
        X,
        keys,
    ):
        self.X = X
        # A subclass with a forward of its own must not inherit the passes of another.
        owner = next(cls for cls in type(encoder).__mro__ if "forward" in vars(cls))
        written_out = "passes" in vars(owner)
        nouns, changing = [encoder], False
        for objective in objectives:
            for one in objective if isinstance(objective, list) else [objective]:
                nouns += [one.miner, one.loss, one.similarity]
                draws = getattr(one.miner, "draws", False)
                stays = one.memory is None and not draws and one.similarity.repeatable
                changing = changing or not stays
        ours = all(type(n).__module__.startswith("sklearn_contrastive.") for n in nouns)
        self.repeatable = written_out and ours and not changing
        if written_out:
            self._passes = encoder.passes(params, X.shape[-2], normalize, generator)
        else:
            self._passes = AutogradPasses(encoder, params, normalize, generator)
        if isinstance(generator, list):
            loss_params = zip(*loss_params, strict=True)
        self.terms = [
            EachTerm(objective, own, each, normalize, generator)
            if isinstance(objective, list)
            # What stands for several models has no parameters of its own.
            else Term(
                objective, own if type(own) is dict else {}, each, normalize, generator
            )
            for objective, own, each in zip(objectives, loss_params, keys, strict=True)
        ]

    def __call__(self):
        """Return the loss of the batch in its arrays, and write the gradients.

        Returns
        -------
        loss : Tensor of shape ()
            Without a graph.
        """
        self.points = self._passes.forward(self.X)
        loss, forces = self.terms[0](self.points)
        for term in self.terms[1:]:
            more, others = term(self.points)
            loss, forces = loss + more, forces + others
        self._passes.backward(forces)
        return loss


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
        for name, value in vars(terms[0].loss).items():
            values = [getattr(term.loss, name) for term in terms]
            if isinstance(value, Real) and len(set(values)) > 1:
                setattr(loss, name, leaf(values)[:, None, None])
        objectives.append(terms[0]._replace(loss=loss))
    return encoder, objectives


def _kind(objective):
    """Return what objectives must share to stand for each other, or None."""
    miner, loss, weight, memory, similarity = objective
    nouns = type(miner), type(loss), type(similarity)
    ours = all(noun.__module__.startswith("sklearn_contrastive.") for noun in nouns)
    rides = ours and memory is None and not getattr(miner, "draws", False)
    if not (rides and similarity.batchable and isinstance(loss, PairLoss)):
        return None
    others = {k: v for k, v in vars(loss).items() if not isinstance(v, Real)}
    return repr((nouns, vars(miner), others, weight))
