"""A term of the objective: a loss over the pairs that a miner keeps.

Anchors are the rows of a batch or a loss's proxies; candidates are the rows of the
batch and, with a memory, of batches before. Here similarity, miner and loss meet.
"""

from functools import partial

from sklearn_contrastive._pairs._keys import Keys, Pairs
from sklearn_contrastive._pairs._lists import Lists
from sklearn_contrastive._pairs._memory import Memory
from sklearn_contrastive._pairs._springs import Springs
from sklearn_contrastive.encoders import to_sphere
from sklearn_contrastive.losses import ListwiseLoss, PairLoss
from sklearn_contrastive.miners import AllPairs


class Term:
    """A loss over the pairs of a batch, and the forces on its rows.

    Parameters
    ----------
    objective : Objective
        Miner, loss, its weight, a memory or None, and what makes two rows similar.

    params : dict of str to Tensor
        The loss's own parameters, with gradients to write to.

    keys : Keys
        Arrays that hold the keys of each batch in turn.

    normalize : bool
        Whether points, and so proxies, lie on the unit sphere.

    generator : numpy.random.Generator or torch.Generator
        For miners that draw.

    Attributes
    ----------
    memories : list of Memory
        The rows of batches before, if they are remembered.
    """

    def __init__(self, objective, params, keys, normalize, generator):
        miner, loss, weight, memory, similarity = objective
        self._params, self._weight, self._normalize = params, weight, normalize
        self._keys, self.memories, self._before = keys, [], None
        meet = partial(Meeting, similarity, _ready(miner, generator), loss)
        self._has_proxies = getattr(loss, "has_proxies", False)
        if self._has_proxies:
            self._among = meet(similarity.prototypes(keys), keys)
        else:
            self._among = meet(keys)
        if memory is not None:
            self.memories = [Memory(min(memory.size, len(similarity.rows_)), keys)]
            self._before = meet(keys, self.memories[0].keys, fixed=True)
            self._memory_weight = memory.weight

    def __call__(self, points):
        """Return the loss of a batch and the forces on its rows.

        Parameters
        ----------
        points : Tensor of shape (n_rows, n_components)
            Embedded rows, without a graph.

        Returns
        -------
        loss : Tensor of shape ()
            Weighted.

        forces : Tensor of shape (n_rows, n_components)
            Its gradient; that in the loss's own parameters is written to them.
        """
        if self._has_proxies:
            loss, forces = self._with_proxies(points)
        else:
            loss, (forces,), on_params = self._among(points, None, self._params)
            if self._params:
                self._write(on_params)
        for memory in self.memories:
            if memory.full:
                more, (others,), on_params = self._before(
                    points, memory.points, self._params
                )
                loss = loss + self._memory_weight * more
                forces = forces + self._memory_weight * others
                self._write(on_params, self._memory_weight, anew=False)
            memory.append(points, self._keys)
        if self._weight != 1:
            loss, forces = loss * self._weight, forces * self._weight
        return loss, forces

    def of(self, model, objective):
        """Return the term of one of the models that this one stands for."""
        keys = Keys(*(key[model] for key in self._keys))
        return Term(objective, {}, keys, self._normalize, None)

    def statistics(self, points):
        """Return shares and distances of mined pairs, as `Meeting.statistics` does."""
        if self._has_proxies:
            return self._among.statistics(self._proxies().detach(), points, {})
        return self._among.statistics(points, None, self._params)

    def _with_proxies(self, points):
        """Compare rows with proxies, which are moved as the encoder is."""
        import torch

        with torch.enable_grad():
            proxies = self._proxies()
        loss, (on_proxies, forces), _ = self._among(proxies.detach(), points, {})
        self._params["proxies"].grad.zero_()
        proxies.backward(on_proxies * self._weight)
        return loss, forces

    def _proxies(self):
        proxies = self._params["proxies"]
        return to_sphere(proxies) if self._normalize else proxies * 1

    def _write(self, on_params, weight=1.0, anew=True):
        for name, param in self._params.items():
            if name not in on_params:
                raise ValueError(
                    f"`loss` learns {list(self._params)} and must say how it changes "
                    f"with each; it returned slopes in {list(on_params)}."
                )
            if anew:
                param.grad.zero_()
            param.grad.add_(on_params[name] * (weight * self._weight))


class EachTerm:
    """The terms of several models, one after the other.

    Parameters
    ----------
    objectives, params, generators : list
        Those of each model, as in `Term`.

    keys : Keys
        Arrays that hold the keys of each batch in turn, of all models.

    normalize : bool
        Whether points, and so proxies, lie on the unit sphere.

    Attributes
    ----------
    memories : list of Memory
        The rows of batches before, of terms that remember them.
    """

    def __init__(self, objectives, params, keys, normalize, generators):
        each = zip(objectives, params, generators, strict=True)
        self.terms = [
            Term(objective, own, Keys(*(k[model] for k in keys)), normalize, generator)
            for model, (objective, own, generator) in enumerate(each)
        ]
        self.memories = [memory for term in self.terms for memory in term.memories]

    def of(self, model, objective):
        """Return the term of one of the models."""
        return self.terms[model]

    def __call__(self, points):
        """Return losses and forces of every model, as `Term` does of one."""
        import torch

        found = [term(own) for term, own in zip(self.terms, points, strict=True)]
        losses, forces = zip(*found, strict=True)
        return torch.stack(losses), torch.stack(forces)


class Meeting:
    """Anchors that meet candidates: whose pairs, which of them, and what they cost.

    Parameters
    ----------
    similarity, miner, loss : objects
        What is similar, which pairs count, and what is wanted of them.

    keys : Keys
        Arrays that hold the keys of the anchors.

    other_keys : Keys, default=None
        Those of the candidates; None when they are the anchors.

    fixed : bool, default=False
        Whether candidates stay where they are.
    """

    def __init__(self, similarity, miner, loss, keys, other_keys=None, fixed=False):
        self._similarity, self._miner, self._loss = similarity, miner, loss
        self._fixed = fixed
        self._keys, self._others = keys, keys if other_keys is None else other_keys
        self._engine, self._parts = None, {}

    def __call__(self, A, C, params):
        """Return the loss, its gradient in anchors and candidates, and in parameters.

        Parameters
        ----------
        A : Tensor of shape (n_anchors, n_components)
            Anchors.

        C : Tensor of shape (n_candidates, n_components) or None
            Candidates; None when they are the anchors.

        params : dict of str to Tensor
            The loss's own.

        Returns
        -------
        loss : Tensor of shape ()
            Without a graph.

        forces : list of Tensor
            Gradients in `A` and, unless it is None or fixed, in `C`.

        on_params : dict of str to Tensor
            Gradients in `params`.
        """
        miner = None if isinstance(self._miner, AllPairs) else self._miner
        if isinstance(self._loss, PairLoss):
            if self._engine is None:
                self._engine = Springs(self._loss, A, C, miner, fixed=self._fixed)
            return *self._engine(A, C, self._weigh), {}
        if isinstance(self._loss, ListwiseLoss):
            if self._engine is None:
                self._engine = Lists(self._loss, A, C, miner, self._fixed)
            return self._engine(A, C, self._weigh, params)
        return self._differentiate(A, C, params)

    def statistics(self, A, C, params, most=512):
        """Return how many pairs count, and how far apart they are.

        Parameters
        ----------
        A : Tensor of shape (n_anchors, n_components)
            Anchors.

        C : Tensor of shape (n_candidates, n_components) or None
            Candidates; None when they are the anchors.

        params : dict of str to Tensor
            The loss's own.

        most : int, default=512
            Anchors, and candidates, to look at.

        Returns
        -------
        statistics : dict of str to float
            For each kind of pairs the share that the miner keeps, the share that the
            loss still pulls or pushes, and among the kept ones the mean distance and
            that of the hardest pair; NaN where there is none.
        """
        import torch

        A, C = A[:most], (A if C is None else C)[:most]
        keys = [Keys(*(k[:most] for k in some)) for some in (self._keys, self._others)]
        known, distances = self._similarity.compare(*keys), torch.cdist(A, C)
        if hasattr(self._miner, "links"):
            kept = [
                torch.zeros_like(distances).scatter_(-1, index.mT, w.mT.to(A.dtype))
                for index, w in self._miner.links(distances, known)
            ]
        else:
            kept = [w.to(A.dtype) for w in self._miner(distances, known)]
        slopes = self._slopes(A, C, distances, kept, params)
        found, none = {}, float("nan")
        rows = zip(Pairs._fields, known, kept, slopes, strict=True)
        for name, weights, chosen, slope in rows:
            apart = distances[chosen > 0]
            n_known, n_kept = (weights > 0).sum().item(), len(apart)
            hardest = apart.max if name == "positive" else apart.min
            n_active = (slope[chosen > 0] != 0).sum().item()
            found[f"kept_{name}"] = n_kept / n_known if n_known else none
            found[f"active_{name}"] = n_active / n_known if n_known else none
            found[f"mean_{name}"] = apart.mean().item() if n_kept else none
            found[f"hardest_{name}"] = hardest().item() if n_kept else none
        return found

    def _slopes(self, A, C, distances, kept, params):
        """Return what the loss does with each pair of either kind, 0 for nothing."""
        if isinstance(self._loss, PairLoss):
            return self._loss.positive(distances)[0], self._loss.negative(distances)[0]
        if isinstance(self._loss, ListwiseLoss):
            products = self._loss.measure == "inner_product"
            values = A @ C.mT if products else distances.square().clamp_(min=1e-12)
            terms = self._loss.lists(values, *(w.clone() for w in kept), params)
            slopes = sum(abs(slopes) for _, _, slopes, _ in terms)
            return slopes, slopes
        return kept

    def _weigh(self, rows, columns, work):
        """Compare the keys of some anchors with those of some candidates."""
        place = rows.start, columns.start
        if place not in self._parts:
            # The rows of a batch come after the axis of models, if there is one.
            models = (slice(None),) * (self._keys.rows.ndim - 1)
            self._parts[place] = [
                Keys(*(key[(*models, part)] for key in keys))
                for keys, part in ((self._keys, rows), (self._others, columns))
            ]
        return self._similarity.compare(*self._parts[place], work)

    def _differentiate(self, A, C, params):
        """Return the loss of a function for the mined pairs, and its slopes."""
        import torch

        pairs = self._similarity.compare(self._keys, self._others)
        if not isinstance(self._miner, AllPairs):
            pairs = self._miner(torch.cdist(A, A if C is None else C), pairs)
        with torch.enable_grad():
            ends = [A.clone().requires_grad_()]
            if C is not None:
                ends.append(C if self._fixed else C.clone().requires_grad_())
            own = (params,) if params else ()
            loss = self._loss(ends[0], ends[-1], pairs, *own)
        if not isinstance(loss, torch.Tensor) or loss.ndim or not loss.requires_grad:
            got = f"shape {tuple(loss.shape)}" if hasattr(loss, "shape") else repr(loss)
            raise ValueError(
                "`loss` must return a scalar tensor that was computed from its anchors "
                f"and candidates by torch; got {got}. Average over the pairs, and do "
                "not detach or convert on the way."
            )
        ends = [end for end in ends if end.requires_grad]
        slopes = torch.autograd.grad(loss, [*ends, *params.values()])
        on_params = dict(zip(params, slopes[len(ends) :], strict=True))
        return loss.detach(), list(slopes[: len(ends)]), on_params


class _Drawing:
    """A miner that draws, with what it draws from."""

    def __init__(self, miner, generator):
        self._miner, self._generator = miner, generator

    def __call__(self, distances, pairs):
        return self._miner(distances, pairs, self._generator)


class _DrawingLinks(_Drawing):
    """One that lists what it draws."""

    def links(self, distances, pairs, out=None):
        return self._miner.links(distances, pairs, out, self._generator)


def _ready(miner, generator):
    """Return a miner that needs no more than distances and pairs."""
    lists = hasattr(miner, "links")
    if getattr(miner, "draws", False):
        return (_DrawingLinks if lists else _Drawing)(miner, generator)
    ours = type(miner).__module__.startswith("sklearn_contrastive.")
    # A list of links is for the springs to read, and cannot be added to.
    return miner if ours or lists else partial(_checked, miner)


def _checked(miner, distances, pairs):
    """Return the pairs of a user's miner, or say what is wrong with them."""
    import torch

    kept = miner(distances, pairs)
    shape = tuple(distances.shape)
    expected = f"`miner` must return Pairs of two tensors of shape {shape}"
    if not isinstance(kept, (tuple, list)) or len(kept) != 2:
        raise ValueError(f"{expected}; it returned {type(kept).__name__}.")
    for weights, given in zip(kept, pairs, strict=True):
        if not isinstance(weights, torch.Tensor) or weights.shape != distances.shape:
            tensor = isinstance(weights, torch.Tensor)
            got = tuple(weights.shape) if tensor else f"a {type(weights).__name__}"
            raise ValueError(f"{expected}; it returned {got}.")
        weights = weights.to(given.dtype)
        # Differences, because arithmetic with booleans is several times slower.
        if weights.numel() and min(weights.min(), (given - weights).min()) < 0:
            raise ValueError(
                "`miner` must return weights between 0 and those it is given: it may "
                "drop pairs or make them lighter, not add or reverse any."
            )
    return Pairs(*kept)
