"""One batch: forward, the terms of the objective, backward.

Arrays are made once and used in every step, and nothing waits for the device.
"""

from sklearn_contrastive._term import EachTerm, Term
from sklearn_contrastive.encoders import AutogradPasses


class Step:
    """The loss of a batch and the gradients of the encoder's parameters.

    Parameters
    ----------
    encoder : object
        How a row becomes a point.

    objectives : list of Objective or of list of Objective
        The other three nouns: what is wanted of which pairs, and who is alike; one a
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
