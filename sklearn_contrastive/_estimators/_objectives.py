"""What is wanted of which pairs: names and "auto" become objects here."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils._param_validation import Interval

from sklearn_contrastive.losses import LOSSES, HybridLoss, PairLoss, TripletLoss
from sklearn_contrastive.miners import (
    MINERS,
    AllPairs,
    CrossBatchMemory,
    GlobalMiner,
    NearestPairs,
)


class Objective(NamedTuple):
    """A loss over the pairs that a miner keeps.

    Parameters
    ----------
    miner : callable
        Which pairs count.

    loss : callable
        What is wanted of them.

    weight : float, default=1.0
        What the loss is multiplied with.

    memory : CrossBatchMemory, default=None
        Whether, and how, rows are compared with those of batches before.

    similarity : Similarity, default=None
        What makes two rows similar.
    """

    miner: Any
    loss: Any
    weight: float = 1.0
    memory: Any = None
    similarity: Any = None


def resolve(value, auto, members):
    """Return the member of a family that a name stands for, or a copy of the object.

    Parameters
    ----------
    value : str or object
        A name, ``"auto"``, or an object, which is validated.

    auto : str or None
        What ``"auto"`` stands for.

    members : dict of str to class
        The family.

    Returns
    -------
    member : object
        Ready to be used, and never the user's own object where that can be copied.
    """
    if isinstance(value, str):
        return members[auto if value == "auto" else value]()
    if hasattr(value, "get_params") and not isinstance(value, type):
        value = clone(value)
        if hasattr(value, "_parameter_constraints"):
            value._validate_params()
            check_no_bools(value)
    return value


def check_no_bools(noun):
    """Raise for parameters that are True or False and should be numbers.

    Parameters
    ----------
    noun : estimator
        With scikit-learn's constraints of its parameters.

    Raises
    ------
    ValueError
        For the first of them.
    """
    for name, value in noun.get_params(deep=False).items():
        number = any(
            isinstance(constraint, Interval)
            for constraint in noun._parameter_constraints.get(name, ())
        )
        if number and isinstance(value, (bool, np.bool_)):
            raise ValueError(f"`{name}` must be a number; got {value}.")


def loss_of(estimator, on_sphere):
    """Return the loss that an estimator asks for, without any "auto".

    Parameters
    ----------
    estimator : ContrastiveEmbedding
        With parameters `loss` and `margin`.

    on_sphere : bool
        Whether its embedding is scaled to length 1.

    Returns
    -------
    loss : callable
        The loss.

    Raises
    ------
    ValueError
        If a parameter of the loss is out of range, or `margin` is set for a loss that
        does not take it.
    """
    loss, margin = estimator.loss, estimator.margin
    named_so = isinstance(loss, str)
    loss = LOSSES[loss]() if named_so else loss
    if named_so and hasattr(loss, "margin"):
        loss.set_params(margin=margin)
    elif margin != "auto":
        own = loss.get_params(deep=False) if hasattr(loss, "get_params") else {}
        advice = "Leave it out."
        if "margin" in own:
            advice = (
                f"Set it on the object, loss={type(loss).__name__}(margin="
                f"{margin!r}), and search it as `loss__margin`."
            )
        elif own:
            advice = (
                f"That loss has no margin but {sorted(own)}, set on an object, as in "
                f"loss={type(loss).__name__}({next(iter(own))}=...), and searched as "
                f"`loss__{next(iter(own))}`."
            )
        raise ValueError(
            f"`margin` must be 'auto' with loss={estimator.loss!r}; got {margin!r}. "
            f"{advice}"
        )
    return loss.resolve(on_sphere) if hasattr(loss, "resolve") else loss


def objectives_of(loss, miner, n_components, on_sphere, nearest=None):
    """Return the parts of an objective, each a loss with its miner.

    Parameters
    ----------
    loss : callable
        What `loss_of` returned.

    miner : str or object
        The estimator's parameter.

    n_components : int
        Dimension of the embedding.

    on_sphere : bool
        Whether it is scaled to length 1.

    nearest : dict, default=None
        Parameters of the nearest pairs that "auto" stands for, if any.

    Returns
    -------
    objectives : dict of str to Objective
        By the name of the part: of a hybrid loss the names of its losses, else ``""``.

    miner_ : str, object or dict
        The parameter without "auto"; by the name of the part where there are several.

    global_miner : GlobalMiner or None
        Whether, and how, rows of a batch are looked for in the whole table.

    Raises
    ------
    ValueError
        If the miner does not go with the loss.
    """
    wanted, (global_miner, memory, miner) = miner, _layers(miner)
    parts = [("", loss, 1.0)]
    if isinstance(loss, HybridLoss):
        parts = loss.members()
    objectives, names = {}, {}
    for part, one, weight in parts:
        name = miner
        if isinstance(miner, str) and miner == "auto":
            name = getattr(one, "auto_miner", "all")
            # It knows the distances of points on the sphere only.
            name = name if on_sphere or name != "distance_weighted" else "all"
            name = NearestPairs(**nearest) if nearest and name == "nearest" else name
        if isinstance(name, str) and name not in MINERS:
            raise ValueError(
                f"`auto_miner` of {type(one).__name__} must be one of "
                f"{sorted(MINERS)}; got {name!r}."
            )
        names[part] = name
        one = _agreed(one, name, given=miner, memory=memory)
        one_miner = resolve(name, None, MINERS)
        if hasattr(one_miner, "resolve"):
            one_miner = one_miner.resolve(n_components, on_sphere)
        objectives[part] = Objective(one_miner, one, weight, memory)
    if wanted == "auto":
        wanted = names.get("", names)
    return objectives, wanted, global_miner


def over(objectives, similarity):
    """Return each part of an objective for each similarity that is learned from.

    Parameters
    ----------
    objectives : dict of str to Objective
        What `objectives_of` returned.

    similarity : Similarity
        Fitted.

    Returns
    -------
    objectives : dict of str to Objective
        With a similarity each; those of a further similarity carry its name.

    Raises
    ------
    ValueError
        If a loss needs classes and a similarity has none.
    """
    terms = {}
    for term, each, factor in similarity.terms():
        for part, objective in objectives.items():
            if term and not (each.repels or isinstance(objective.loss, PairLoss)):
                # Without dissimilar pairs, other losses make nothing of similar ones.
                pull = LOSSES["contrastive"](margin=1.0)
                objective = objective._replace(loss=pull, miner=AllPairs())
            loss, weight = objective.loss, objective.weight * factor
            proxies = getattr(loss, "has_proxies", False)
            if proxies and not each.has_classes:
                raise ValueError(
                    f"{type(loss).__name__} learns a proxy for each class, and "
                    f"{type(each).__name__} has no classes. Use another loss, or "
                    "similarity='labels', with unsupervised=None where some rows have "
                    "no label."
                )
            name = "__".join(one for one in (term, part) if one)
            terms[name] = objective._replace(similarity=each, weight=weight)
    return terms


def _layers(miner):
    """Take apart what looks beyond a batch and what chooses within it."""
    found = {GlobalMiner: None, CrossBatchMemory: None}
    for kind in found:
        if isinstance(miner, str) and MINERS.get(miner) is kind:
            miner = kind()
        if isinstance(miner, kind):
            found[kind] = resolve(miner, None, MINERS)
            miner = miner.miner
    search = getattr(found[GlobalMiner], "search", None)
    for name, given in (("miner", miner), ("search", search)):
        if isinstance(given, type):
            raise ValueError(
                f"`{name}` must be a name or an object; got the class "
                f"{given.__name__}. Make an object of it: {given.__name__}()."
            )
    within = {"auto", *(name for name, kind in MINERS.items() if kind not in found)}
    if not (miner in within if isinstance(miner, str) else callable(miner)):
        raise ValueError(
            "`miner` may be a GlobalMiner whose miner is a CrossBatchMemory whose "
            f"miner is a callable or one of {sorted(within)}; got {miner!r} in the "
            "place of the last."
        )
    return found[GlobalMiner], found[CrossBatchMemory], miner


def _agreed(loss, name, given, memory):
    """Return the loss, told what the miner does, or say why they do not go together."""
    semihard = isinstance(name, str) and name == "semihard"
    if semihard and not isinstance(loss, TripletLoss):
        raise ValueError(
            "`miner='semihard'` chooses negatives by comparing them with a positive, "
            f"which only the triplet loss does; got {type(loss).__name__}. Use "
            "miner='auto', 'hard' or 'nearest', or loss='triplet'."
        )
    if isinstance(loss, TripletLoss):
        if loss.negatives == "auto":
            negatives = "semihard" if semihard else "all"
            loss = clone(loss).set_params(negatives=negatives)
        elif isinstance(given, str) and given == "semihard" != loss.negatives:
            raise ValueError(
                f"`miner='semihard'` contradicts the negatives={loss.negatives!r} of "
                f"{loss}. Leave one of the two on 'auto'."
            )
    if memory is not None and getattr(loss, "has_proxies", False):
        raise ValueError(
            f"`miner` must not be a CrossBatchMemory with {type(loss).__name__}, which "
            "compares rows with proxies and not with each other. Use miner='all'."
        )
    return loss


def initial_params(estimator, objectives, rng, resume, at=...):
    """Return what losses learn by themselves, to start from or to go on with.

    Parameters
    ----------
    estimator : ContrastiveEmbedding
        With ``loss_params_`` and ``classes_`` where training goes on.

    objectives : dict of str to Objective
        What `over` returned.

    rng : numpy.random.RandomState
        Source of randomness.

    resume : bool
        Whether an earlier fit is continued.

    at : int or Ellipsis, default=...
        Which of several members.

    Returns
    -------
    params : list of dict of str to ndarray
        For each objective.

    Raises
    ------
    ValueError
        If training cannot go on with the parameters that are there.
    """
    params = []
    for objective in objectives.values():
        loss, similarity = objective.loss, objective.similarity
        n_classes = 0 if similarity.classes_ is None else len(similarity.classes_)
        own = {}
        if hasattr(loss, "init"):
            own = loss.init(estimator._n_own, n_classes, rng)
        if own and isinstance(loss, PairLoss):
            raise ValueError(
                "A PairLoss has no parameters to learn; `init` of "
                f"{type(loss).__name__} returned {sorted(own)}. Derive from "
                "ListwiseLoss or Loss."
            )
        if resume and getattr(loss, "has_proxies", False):
            _refuse_other_classes(loss, estimator.classes_, similarity.classes_)
        params.append(own)
    if not resume:
        return params
    earlier = {k: np.asarray(v)[at] for k, v in estimator.loss_params_.items()}
    for part, own in zip(objectives, params, strict=True):
        for name, value in own.items():
            found = earlier.pop(full_name(part, name), None)
            same = found is not None and np.shape(found) == np.shape(value)
            _refuse_another(same, objectives[part].loss)
            own[name] = found
    _refuse_another(not earlier, estimator.loss)
    return params


def _refuse_another(same, loss):
    if not same:
        raise ValueError(
            "Training can only go on with the parameters that its loss has learned, "
            f"and {loss} has others. Set `loss` back to what training began with, or "
            "start afresh with `warm_start=False` or sklearn.base.clone."
        )


def _refuse_other_classes(loss, before, now):
    if not np.array_equal(before, now):
        missing = [label for label in before.tolist() if label not in now.tolist()]
        new = [label for label in now.tolist() if label not in before.tolist()]
        raise ValueError(
            f"`y` must hold the {len(before)} classes that {type(loss).__name__} has "
            f"learned proxies for, in every call; missing are {missing[:5]}, new are "
            f"{new[:5]}. Use chunks that hold every class, another loss, or "
            "start afresh with `warm_start=False` or sklearn.base.clone."
        )


def full_name(part, name):
    """Return the name of a loss's parameter among those of all parts."""
    return f"{part}__{name}" if part else name
