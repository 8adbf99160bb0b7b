"""What determines a fit: by it, a checkpoint is told from that of another fit."""

import hashlib
import json
import os
import sys
from functools import partial
from numbers import Integral
from types import BuiltinFunctionType, CodeType, FunctionType

import numpy as np
from scipy.sparse import issparse

from sklearn_contrastive._estimators._state import _PACKAGES
from sklearn_contrastive._training._checkpoint import (
    run_with_checkpoint,
    table_fingerprint,
)
from sklearn_contrastive._training._parallel import agreed
from sklearn_contrastive._training._run import run
from sklearn_contrastive._validation import SharedRows, read_values, shorten
from sklearn_contrastive.encoders import Encoder, MLPEncoder
from sklearn_contrastive.losses import LOSSES
from sklearn_contrastive.miners import MINERS, LinkMiner
from sklearn_contrastive.similarity import SIMILARITIES, FunctionSimilarity

#: Classes whose objects are nothing but their parameters.
_NOUNS = {
    *(*LOSSES.values(), *MINERS.values(), *SIMILARITIES.values()),
    *(FunctionSimilarity, LinkMiner, MLPEncoder),
}
#: Parameters that change nothing of a fit, or are told by what they became.
_OTHERS = "cross_fit", "device", "verbose", "warm_start"
_PLAIN = bool, int, str


def check_checkpoint(estimator, path, before):
    """Raise where a fit cannot resume from a file, or not be written to it."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            "`checkpoint` must be the path of a file, as str or path-like, or None; "
            f"got {shorten(path)}."
        )
    whole = os.path.abspath(path)
    # Reading a device or a pipe may never end.
    other = os.path.exists(whole) and not os.path.isfile(whole)
    if other or not os.path.isdir(os.path.dirname(whole)):
        raise ValueError(
            "`checkpoint` must be the path of a file, in a folder that is there; got "
            f"{shorten(str(path))}. Make the folder first."
        )
    if before is not None:
        raise ValueError(
            "`checkpoint` must be None where `warm_start=True` resumes from a fitted "
            "estimator: a fit resumes from the one or the other. Leave it out, or fit "
            "a clone."
        )
    seed = estimator.random_state
    if not isinstance(seed, Integral):
        raise ValueError(
            "`random_state` must be an int with `checkpoint`; got "
            f"{shorten(seed)}. A fit that resumes draws the same weights and batches "
            "again, which only a number tells in another process. Set it, as in "
            "random_state=0."
        )


def run_apart(estimator, plan, trainer, reports, path, y, given):
    """Train as `run` does, in several processes or with a checkpoint, or both.

    ``given`` are the other arguments of the fit: `X_val`, `y_val`, `rows`, `groups`.
    """
    stopping, group = plan.stopping, None
    if isinstance(plan.X, SharedRows):
        group = plan.X.group
        stopping, reports = agreed(group, stopping, reports)
    training = trainer, plan.epochs, plan.history, stopping, reports
    if path is None:
        return run(*training)
    identity = identity_of(estimator, plan, y, given)
    return run_with_checkpoint(path, identity, group, *training)


def identity_of(estimator, plan, y, given):
    """Return what determines a fit, by names for a message, as JSON can hold it."""
    encoder, device = plan.models[0].encoder, plan.fitted["device_"]
    if encoder.draws_globally and device != "cpu":
        raise ValueError(
            f"`checkpoint` must be None for a torch module as `encoder` on {device}, "
            "whose random numbers are not known there. Set device='cpu'."
        )
    params, found = estimator.get_params(deep=False), {}
    for name in (each for each in params if each not in _OTHERS):
        try:
            found[f"`{name}`"] = as_json(params[name])
        except (RecursionError, TypeError, ValueError) as error:
            raise ValueError(
                f"`checkpoint` must be None with {name}={shorten(params[name])}, of "
                "which a file cannot hold all that changes in training. Use an object "
                "of this package, or a function."
            ) from error
    found["`cross_fit`"] = as_json(plan.fitted.get("folds_"))
    found["`device`"] = device
    if not isinstance(estimator.encoder, str | Encoder):
        # Weights of a module as they were given, or as a factory made them.
        found["`encoder`"].append(as_json([model.params for model in plan.models]))
    X = plan.X
    sums = table_fingerprint(X).tolist()
    found["the table `X`"] = [str(X.dtype), [*X.shape], sums]
    found["the labels `y`"] = _labels(y)
    for name, value in zip(("X_val", "y_val", "rows", "groups"), given, strict=False):
        if value is not None and name == "X_val":
            value = plan.stopping.pairs[0].rows
        found[f"`{name}`"] = _labels(value)
    for name in _PACKAGES:
        found[f"the version of {name}"] = str(sys.modules[name].__version__)
    # As it is read from a file.
    return json.loads(json.dumps(found))


def _labels(y):
    """Return what is the same for the same values, in whatever container."""
    if y is None or issparse(y):
        return as_json(y)
    try:
        kind, values, missing = read_values(y)
    except ValueError:
        # Lists of several lengths.
        kind, values, missing = "O", np.array([*y, None], dtype=object), None
    values = values.astype(str) if kind == "U" else values
    return [kind, as_json(values, repr), as_json(missing)]


def as_json(value, otherwise=None):
    """Return JSON that is the same for the same value, and for no other.

    ``otherwise`` returns text for objects whose class is not known; without it they are
    a TypeError.
    """
    known = partial(as_json, otherwise=otherwise)
    value = value.item() if isinstance(value, np.generic) else value
    kind = type(value)
    if value is None or kind in _PLAIN:
        return value
    if kind in (float, complex, bytes) or value is Ellipsis:
        return [kind.__name__, repr(value)]
    if kind in (list, tuple):
        return [kind.__name__, *map(known, value)]
    if kind in (set, frozenset):
        return [kind.__name__, *sorted(json.dumps(known(each)) for each in value)]
    if kind is dict:
        return ["dict", *([known(k), known(v)] for k, v in value.items())]
    if isinstance(value, np.ndarray):
        data = value.tobytes()
        if value.dtype == object:
            data = json.dumps([*map(known, value.ravel())]).encode()
        return [str(value.dtype), [*value.shape], hashlib.sha256(data).hexdigest()]
    if issparse(value):
        table = value.tocsr()
        parts = table.indptr, table.indices, table.data
        return ["csr", [*table.shape], *map(known, parts)]
    if kind in _NOUNS:
        return [kind.__qualname__, known(value.get_params(deep=False))]
    code = _code_as_json(value)
    if code is not None:
        return code
    array = np.asarray(value)
    if array.ndim:
        return known(array)
    if otherwise is None:
        raise TypeError(f"{shorten(value)} is of a class that is not known")
    return [kind.__qualname__, otherwise(value)]


def _code_as_json(value):
    """Return JSON for functions, classes and torch modules, by their code; or None."""
    import torch

    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        rest = value.__code__, value.__defaults__, value.__kwdefaults__, vars(value)
        name = value.__globals__.get("__name__"), value.__qualname__
        return ["function", *map(as_json, (*name, *rest, cells))]
    if isinstance(value, CodeType):
        names = value.co_names, value.co_varnames, value.co_freevars
        return ["code", *map(as_json, (value.co_code, value.co_consts, names))]
    if isinstance(value, partial):
        return ["partial", *map(as_json, (value.func, value.args, value.keywords))]
    if isinstance(value, type | BuiltinFunctionType | np.ufunc):
        return ["name", repr(value)]
    if isinstance(value, torch.nn.Module):
        forwards = [as_json(type(each).forward) for each in value.modules()]
        plain = [
            [k, v]
            for each in value.modules()
            for k, v in vars(each).items()
            if isinstance(v, bool | int | float | str)
        ]
        return ["module", repr(value), *forwards, as_json(plain)]
    return None
