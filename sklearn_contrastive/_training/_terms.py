"""Terms of the objective: a loss over the pairs of a batch that a miner keeps."""

from copy import copy
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, NamedTuple

from sklearn_contrastive._pairs._keys import Keys, Pairs
from sklearn_contrastive._pairs._memory import Memory
from sklearn_contrastive._validation import shorten
from sklearn_contrastive.encoders import to_sphere
from sklearn_contrastive.losses import ContrastiveLoss
from sklearn_contrastive.miners import AllPairs, DrawingMiner


class Term(NamedTuple):
    """Which pairs are positive, which of them to learn from, and their loss."""

    similarity: Any
    miner: Any
    loss: Any
    weight: float = 1.0
    memory: Any = None

    @property
    def repeatable(self):
        """Whether every step does the same operations, as a captured graph needs."""
        stays = self.memory is None and not self.miner.draws
        tested = self.loss.tested and self.miner.tested
        return stays and tested and self.similarity.repeatable


def expand(terms, similarity):
    """Return each term for each similarity that is learned from, by its name."""
    expanded = {}
    for name, each, factor in similarity.terms():
        for part, term in terms.items():
            if name and not (each.repels or not term.loss.needs_negatives):
                # Without dissimilar pairs, other losses make nothing of similar ones.
                pull = ContrastiveLoss(margin=1.0)
                term = term._replace(loss=pull, miner=AllPairs())
            if term.loss.has_proxies and not each.has_classes:
                raise ValueError(
                    f"{type(term.loss).__name__} learns a proxy for each class, and "
                    f"{type(each).__name__} has no classes. Use another `loss`, or "
                    "similarity='labels', with unsupervised=None where some rows have "
                    "no label."
                )
            full_name = "__".join(one for one in (name, part) if one)
            weight = term.weight * factor
            expanded[full_name] = term._replace(similarity=each, weight=weight)
    return expanded


def can_stack(terms):
    """Return whether the terms of several models differ in numbers of the loss only."""
    kinds = set()
    for similarity, miner, loss, weight, memory in terms:
        simple = memory is None and miner.tested and not miner.draws
        if not (simple and loss.batchable and similarity.batchable):
            return False
        others = {k: v for k, v in vars(loss).items() if not isinstance(v, Real)}
        nouns = type(miner), type(loss), type(similarity)
        kinds.add(repr((nouns, vars(miner), others, weight)))
    return len(kinds) == 1


class StackedTerm:
    """One term for all models, whose losses differ in numbers only."""

    memories = ()

    def __init__(self, terms, keys, points):
        self._terms, self._keys, loss = terms, keys, copy(terms[0].loss)
        for name, value in vars(terms[0].loss).items():
            values = [vars(term.loss)[name] for term in terms]
            if isinstance(value, Real) and len(set(values)) > 1:
                setattr(loss, name, points.new_tensor(values)[:, None, None])
        self._weight = terms[0].weight
        similarity, miner, *_ = terms[0]
        self._weigh = PairBatch(similarity, keys, keys).weigh
        miner = None if miner.keeps_all else miner
        symmetric = similarity.symmetric
        self._evaluate = loss.evaluator(points, None, miner, symmetric=symmetric)

    def __call__(self, points):
        """Return the loss of each model, and the gradient in the points."""
        loss, (gradient,), _ = self._evaluate(points, None, self._weigh)
        if self._weight != 1:
            loss, gradient = loss * self._weight, gradient * self._weight
        return loss, gradient

    def statistics(self, points, model):
        """Return the statistics of a model's pairs."""
        keys = Keys(*(key[model] for key in self._keys))
        return pair_statistics(self._terms[model], keys, keys, points[model])


class TermsInTurn:
    """The terms of several models, one after the other.

    ``params`` are the parameters of the losses along the axis of models, to which their
    gradients are written; ``keys`` are arrays that hold the keys of each batch in turn.
    """

    def __init__(self, terms, params, keys, points, normalize, generators):
        each = zip(terms, points, generators, strict=True)
        self._evaluators = []
        for model, (term, *rest) in enumerate(each):
            own_keys, own_params = Keys(*(key[model] for key in keys)), {}
            for name, param in params.items():
                own_params[name] = param.detach()[model].requires_grad_()
                own_params[name].grad = param.grad[model]
            evaluator = SingleTerm(term, own_params, own_keys, *rest, normalize)
            self._evaluators.append(evaluator)
        memories = (each.memory for each in self._evaluators)
        self.memories = [memory for memory in memories if memory is not None]

    def __call__(self, points):
        """Return the loss of each model, and the gradient in the points."""
        import torch

        each = zip(self._evaluators, points, strict=True)
        losses, gradients = zip(*(term(own) for term, own in each), strict=True)
        return torch.stack(losses), torch.stack(gradients)

    def statistics(self, points, model):
        """Return the statistics of a model's pairs."""
        return self._evaluators[model].statistics(points[model])


class SingleTerm:
    """The term of one model, with its proxies, its memory and the loss's parameters."""

    def __init__(self, term, params, keys, points, generator, normalize):
        self._params, self._weight, self._normalize = params, term.weight, normalize
        self._keys, self.memory, similarity = keys, None, term.similarity
        if term.miner.draws:
            term = term._replace(miner=DrawingMiner(term.miner, generator))
        self._term, self._has_proxies = term, term.loss.has_proxies
        if self._has_proxies:
            self._ends = similarity.prototypes(keys), keys
            proxies = params["proxies"].detach()
            self._within = _evaluate(term, self._ends, proxies, points)
        else:
            self._ends = keys, keys
            self._within = _evaluate(term, self._ends, points)
        if term.memory is not None:
            size = min(int(term.memory.size), len(similarity.rows_))
            self.memory = Memory(size, keys, points)
            ends = keys, self.memory.keys
            self._before = _evaluate(term, ends, points, self.memory.points, True)
            self._memory_weight = term.memory.weight

    def __call__(self, points):
        """Return the loss of a batch, and the gradient in its points."""
        if self._has_proxies:
            loss, gradient, on_params = self._with_proxies(points)
        else:
            loss, (gradient,), on_params = self._within(points, None, self._params)
        for name in self._params:
            if name not in on_params:
                raise ValueError(
                    f"`loss` learns {list(self._params)} and must return its gradient "
                    f"in each; it returned gradients in {shorten(list(on_params))}."
                )
        if self.memory is not None:
            loss, gradient = self._with_memory(points, loss, gradient, on_params)
        for name, param in self._params.items():
            param.grad.copy_(on_params[name] * self._weight)
        if self._weight != 1:
            loss, gradient = loss * self._weight, gradient * self._weight
        return loss, gradient

    def statistics(self, points):
        """Return the statistics of the pairs within the batch."""
        ends = (points, None)
        if self._has_proxies:
            ends = self._proxies().detach(), points
        return pair_statistics(self._term, *self._ends, *ends, self._params)

    def _with_memory(self, points, loss, gradient, on_params):
        """Add the loss over past batches, and remember this one."""
        if self.memory.full:
            past, weight = self.memory.points, self._memory_weight
            more, (others,), found = self._before(points, past, self._params)
            loss, gradient = loss + weight * more, gradient + weight * others
            for name in self._params:
                on_params[name] = on_params[name] + weight * found[name]
        self.memory.append(points, self._keys)
        return loss, gradient

    def _with_proxies(self, points):
        """Compare rows with proxies, which move as the encoder's parameters do."""
        import torch

        with torch.enable_grad():
            proxies = self._proxies()
        loss, (on_proxies, gradient), _ = self._within(proxies.detach(), points, {})
        own = self._params["proxies"]
        (on_own,) = torch.autograd.grad(proxies, own, on_proxies)
        return loss, gradient, {"proxies": on_own}

    def _proxies(self):
        proxies = self._params["proxies"]
        return to_sphere(proxies) if self._normalize else proxies * 1


def _evaluate(term, ends, A, C=None, fixed=False):
    """Return a function of points and parameters that evaluates a term."""
    weigh = PairBatch(term.similarity, *ends).weigh
    miner = None if term.miner.keeps_all else term.miner
    symmetric = term.similarity.symmetric
    evaluator = term.loss.evaluator(A, C, miner, fixed, symmetric)
    return lambda A, C, params: evaluator(A, C, weigh, params)


@dataclass
class PairBatch:
    """The keys of anchors and candidates, which a similarity compares part by part."""

    similarity: Any
    keys: Keys
    others: Keys
    parts: dict = field(default_factory=dict)

    def weigh(self, rows, columns, work):
        """Compare the keys of some anchors with those of some candidates."""
        place = rows.start, columns.start
        if place not in self.parts:
            # The rows of a batch come after the axis of models, if there is one.
            models = (slice(None),) * (self.keys.rows.ndim - 1)
            self.parts[place] = [
                Keys(*(key[(*models, part)] for key in keys))
                for keys, part in ((self.keys, rows), (self.others, columns))
            ]
        return self.similarity.compare(*self.parts[place], work)


def pair_statistics(term, keys, others, A, C=None, params=None, most=512):
    """Return how many pairs of one model count, and how far apart they are.

    For each kind of pairs: the share that the miner keeps, the share that has an effect
    on the loss, and among the kept ones the mean distance and that of the hardest pair;
    NaN where there is none. At most 512 anchors and candidates count.
    """
    import torch

    A, C = A[:most], (A if C is None else C)[:most]
    keys = [Keys(*(key[:most] for key in some)) for some in (keys, others)]
    distances = torch.cdist(A, C)
    work = distances.new_empty((3, *distances.shape))
    given = term.similarity.compare(*keys, work)
    if term.miner.lists_pairs:
        kept = [
            torch.zeros_like(distances).scatter_(-1, index.mT, w.mT.to(A.dtype))
            for index, w in term.miner.links(distances, given)
        ]
    else:
        kept = [weights.to(A.dtype) for weights in term.miner(distances, given)]
    effects = term.loss.effects(A, C, distances, kept, params or {})
    found, none = {}, float("nan")
    rows = zip(Pairs._fields, given, kept, effects, strict=True)
    for name, weights, chosen, effect in rows:
        apart = distances[chosen > 0]
        n_given, n_kept = (weights > 0).sum().item(), len(apart)
        hardest = apart.max if name == "positive" else apart.min
        n_active = (effect[chosen > 0] != 0).sum().item()
        found[f"kept_{name}"] = n_kept / n_given if n_given else none
        found[f"active_{name}"] = n_active / n_given if n_given else none
        found[f"mean_{name}"] = apart.mean().item() if n_kept else none
        found[f"hardest_{name}"] = hardest().item() if n_kept else none
    return found
