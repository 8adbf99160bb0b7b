"""Parameters of networks and losses where an earlier fit has left them."""

from itertools import zip_longest

import numpy as np

from sklearn_contrastive._validation import read_values, shorten


def check_same_names(encoder, before):
    """Raise where the parameters of a module are others, or in another order."""
    if encoder.names != before["_state"].names:
        raise ValueError(
            "Training can only resume with parameters of the names it began with, "
            f"{shorten(before['_state'].names)}; `encoder` now has "
            f"{shorten(encoder.names)}. Set it back, or start from the beginning with "
            "`warm_start=False` or sklearn.base.clone."
        )


def resumed_params(params, loss_params, terms, before, member, n_members):
    """Return the parameters of a network and its losses where training left them.

    `params` and `loss_params` are new ones, whose shapes must be the same.
    """
    state = before["_state"]
    began = [param.shape for param in state.params]
    now = [(n_members, *param.shape) for param in params]
    if began != now:
        pairs = enumerate(zip_longest(began, now))
        first = next(place for place, (ours, new) in pairs if ours != new)
        began, now = (shapes[first : first + 3] for shapes in (began, now))
        raise ValueError(
            "Training can only resume with parameters of the shapes it began with, "
            f"{began}; `encoder`, `hidden_layer_sizes`, `n_components` and `n_members` "
            f"now need {now}. Set them back, or start from the beginning with "
            "`warm_start=False` or sklearn.base.clone."
        )
    for term in terms.values():
        if term.loss.has_proxies:
            earlier_classes = before.get("classes_", np.empty(0))
            _check_same_classes(term.loss, earlier_classes, term.similarity.classes_)
    parts = list(zip(terms, loss_params, strict=True))
    names = [{name: full_name(part, name) for name in own} for part, own in parts]
    began = {name: param.shape[1:] for name, param in state.loss_params.items()}
    now = {
        full_name(part, k): np.shape(v) for part, own in parts for k, v in own.items()
    }
    if began != now:
        raise ValueError(
            "Training can only resume with the parameters that its loss has learned, "
            f"{shorten(began)}; `loss` now has {shorten(now)}. Set it back to what "
            "training began with, or start from the beginning with "
            "`warm_start=False` or sklearn.base.clone."
        )
    earlier = state.loss_params
    found = [{k: earlier[name][member] for k, name in own.items()} for own in names]
    return [param[member] for param in state.params], found


def _check_same_classes(loss, before, now):
    if not np.array_equal(before, now):
        missing = [label for label in before.tolist() if label not in now.tolist()]
        new = [label for label in now.tolist() if label not in before.tolist()]
        raise ValueError(
            f"`y` must hold the {len(before)} classes that {type(loss).__name__} has "
            f"learned proxies for, in every call; missing are {shorten(missing)}, new "
            f"are {shorten(new)}. Use chunks that hold every class, another loss, or "
            "start from the beginning with `warm_start=False` or sklearn.base.clone."
        )


def full_name(part, name):
    """Return the name of a loss's parameter among those of all parts."""
    return f"{part}__{name}" if part else name


def resumed_history(before, stopping):
    """Return epochs, steps and curves of the fit to resume, as `History` has them."""
    curves = {**before["mining_curve_"], "loss": before["loss_curve_"]}
    if stopping is not None:
        curves["score"] = before["validation_scores_"] or []
    return before["n_iter_"], before["n_steps_"], curves


def all_classes(classes, before):
    """Return the labels seen, with those of earlier calls of `partial_fit`."""
    earlier = (before or {}).get("classes_")
    if earlier is None:
        return classes
    kinds = {read_values(each)[0] for each in (earlier, classes)}
    if len(kinds) > 1 and not kinds <= {"b", "i", "f"}:
        raise TypeError(
            f"`y` must hold labels of one type in every call; got {classes.dtype} "
            f"after {earlier.dtype}. Convert them."
        )
    return np.union1d(earlier, classes)
