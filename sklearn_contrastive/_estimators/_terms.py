"""The terms of an estimator: names and "auto" of loss and miner become objects."""

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import Interval

from sklearn_contrastive._training._terms import Term
from sklearn_contrastive.losses import (
    LOSSES,
    FunctionLoss,
    HybridLoss,
    Loss,
    TripletLoss,
)
from sklearn_contrastive.miners import (
    MINERS,
    AllPairs,
    CrossBatchMemory,
    FunctionMiner,
    GlobalMiner,
    Miner,
    NearestPairs,
)


def resolve(value, members):
    """Return the member of a family that a name stands for, or a validated copy.

    Objects without parameters, which cannot be copied, are returned as they are.
    """
    if isinstance(value, str):
        return members[value]()
    if isinstance(value, BaseEstimator) and not isinstance(value, type):
        value = clone(value)
        if hasattr(value, "_parameter_constraints"):
            value._validate_params()
            check_no_bools(value)
    return value


def check_no_bools(noun):
    """Raise for parameters that are True or False and should be numbers."""
    for name, value in noun.get_params(deep=False).items():
        constraints = noun._parameter_constraints.get(name, ())
        number = any(isinstance(constraint, Interval) for constraint in constraints)
        if number and isinstance(value, (bool, np.bool_)):
            raise ValueError(f"`{name}` must be a number; got {value}.")


def resolve_loss(loss, margin, on_sphere):
    """Return the loss that parameters `loss` and `margin` stand for, without "auto"."""
    if isinstance(loss, str):
        named = LOSSES[loss]()
        if "margin" in named.get_params(deep=False):
            return named.set_params(margin=margin).resolve(on_sphere)
        _check_no_margin(loss, named, margin)
        return named.resolve(on_sphere)
    adapted = loss if isinstance(loss, Loss) else FunctionLoss(loss)
    _check_no_margin(loss, adapted, margin)
    return adapted.resolve(on_sphere)


def _check_no_margin(given, loss, margin):
    """Raise where `margin` is set for a loss that does not take it."""
    if isinstance(margin, str):
        return
    own = {} if isinstance(loss, FunctionLoss) else loss.get_params(deep=False)
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
        f"`margin` must be 'auto' with loss={given!r}; got {margin!r}. {advice}"
    )


def resolve_terms(loss, miner, n_components, on_sphere, nearest=None):
    """Return each part of a loss as a `Term` without similarity, by its name.

    Also the parameter `miner` without "auto", by name where there are several parts, and
    the GlobalMiner or None. ``nearest`` are parameters of the `NearestPairs` that "auto"
    stands for; the names are those of a hybrid loss, else ``""``.
    """
    given, (global_miner, memory, miner) = miner, _layers(miner)
    parts = loss.members() if isinstance(loss, HybridLoss) else [("", loss, 1.0)]
    terms, chosen = {}, {}
    for name, one, weight in parts:
        choice = miner
        if isinstance(miner, str) and miner == "auto":
            choice = _auto_miner(one, on_sphere, nearest)
        chosen[name] = choice
        one = _agreed(one, choice, given=miner, memory=memory)
        own = resolve(choice, MINERS)
        own = own if isinstance(own, Miner) else FunctionMiner(own)
        own = own.resolve(n_components, on_sphere)
        terms[name] = Term(None, own, one, weight, memory)
    if isinstance(given, str) and given == "auto":
        given = chosen.get("", chosen)
    return terms, given, global_miner


def _auto_miner(loss, on_sphere, nearest):
    """Return the name or the object that ``miner="auto"`` stands for."""
    if loss.auto_miner not in MINERS:
        raise ValueError(
            f"`auto_miner` of {type(loss).__name__} must be one of "
            f"{sorted(MINERS)}; got {loss.auto_miner!r}."
        )
    if loss.auto_miner == "distance_weighted" and not on_sphere:
        # It knows the distances of points on the sphere only.
        return "all"
    if loss.auto_miner == "nearest" and nearest:
        return NearestPairs(**nearest)
    return loss.auto_miner


def expand(terms, similarity):
    """Return each term for each similarity that is learned from, by its name."""
    expanded = {}
    for name, each, factor in similarity.terms():
        for part, term in terms.items():
            if name and not (each.repels or not term.loss.needs_negatives):
                # Without dissimilar pairs, other losses make nothing of similar ones.
                pull = LOSSES["contrastive"](margin=1.0)
                term = term._replace(loss=pull, miner=AllPairs())
            if term.loss.has_proxies and each.classes_ is None:
                raise ValueError(
                    f"{type(term.loss).__name__} learns a proxy for each class, and "
                    f"{type(each).__name__} has no classes. Use another loss, or "
                    "similarity='labels', with unsupervised=None where some rows have "
                    "no label."
                )
            full_name = "__".join(one for one in (name, part) if one)
            weight = term.weight * factor
            expanded[full_name] = term._replace(similarity=each, weight=weight)
    return expanded


def _layers(miner):
    """Take apart what looks beyond a batch and what chooses within it."""
    found = {GlobalMiner: None, CrossBatchMemory: None}
    for kind in found:
        if isinstance(miner, str) and MINERS.get(miner) is kind:
            miner = kind()
        if isinstance(miner, kind):
            found[kind] = resolve(miner, MINERS)
            miner = miner.miner
    search = found[GlobalMiner] and found[GlobalMiner].search
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
    if memory is not None and loss.has_proxies:
        raise ValueError(
            f"`miner` must not be a CrossBatchMemory with {type(loss).__name__}, which "
            "compares rows with proxies and not with each other. Use miner='all'."
        )
    return loss


def full_name(part, name):
    """Return the name of a loss's parameter among those of all parts."""
    return f"{part}__{name}" if part else name


def initial_params(terms, n_components, rng):
    """Return what the loss of each term learns by itself, to start from."""
    params = []
    for term in terms.values():
        classes = term.similarity.classes_
        own = term.loss.init(n_components, 0 if classes is None else len(classes), rng)
        if own and not term.loss.learns:
            raise ValueError(
                "A PairLoss has no parameters to learn; `init` of "
                f"{type(term.loss).__name__} returned {sorted(own)}. Derive from "
                "ListwiseLoss or Loss."
            )
        params.append(own)
    return params


def resumed_params(params, loss_params, terms, before, member, n_members):
    """Return the parameters of a network and its losses where training left them.

    `params` and `loss_params` are new ones, whose shapes must be the same.
    """
    state = before["_state"]
    began = [param.shape for param in state.params]
    now = [(n_members, *param.shape) for param in params]
    if began != now:
        raise ValueError(
            "Training can only resume with parameters of the shapes it began with, "
            f"{began}; `encoder`, `hidden_layer_sizes`, `n_components` and `n_members` "
            f"now need {now}. Set them back, or start from the beginning with "
            "`warm_start=False` or sklearn.base.clone."
        )
    earlier, found = dict(state.loss_params), []
    for (part, term), own in zip(terms.items(), loss_params, strict=True):
        if term.loss.has_proxies:
            _check_same_classes(term.loss, before["classes_"], term.similarity.classes_)
        names = {name: full_name(part, name) for name in own}
        for name, value in own.items():
            stored = earlier.get(names[name])
            same = stored is not None and np.shape(stored[member]) == np.shape(value)
            _check_same_params(same, term.loss)
        found.append({name: earlier.pop(full)[member] for name, full in names.items()})
    _check_same_params(not earlier, [term.loss for term in terms.values()])
    return [param[member] for param in state.params], found


def _check_same_params(same, loss):
    if not same:
        raise ValueError(
            "Training can only resume with the parameters that its loss has learned, "
            f"and {loss} has others. Set `loss` back to what training began with, or "
            "start from the beginning with `warm_start=False` or sklearn.base.clone."
        )


def _check_same_classes(loss, before, now):
    if not np.array_equal(before, now):
        missing = [label for label in before.tolist() if label not in now.tolist()]
        new = [label for label in now.tolist() if label not in before.tolist()]
        raise ValueError(
            f"`y` must hold the {len(before)} classes that {type(loss).__name__} has "
            f"learned proxies for, in every call; missing are {missing[:5]}, new are "
            f"{new[:5]}. Use chunks that hold every class, another loss, or start from "
            "the beginning with `warm_start=False` or sklearn.base.clone."
        )
