"""Fitted estimators in files that hold numbers and text, and no code.

`save` writes an estimator to one file, and `load` reads it, without torch. See the user
guide for what a file holds, and whose to load.
"""

import math
from inspect import getmembers, signature

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils import validation

from sklearn_contrastive._estimators._alignment import ContrastiveAlignment
from sklearn_contrastive._estimators._cross_fit import RepeatedFolds
from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._estimators._state import ContrastiveEstimator, FittedState
from sklearn_contrastive._pairs._votes import References
from sklearn_contrastive._training._files import can_hold, read_file, write_file
from sklearn_contrastive._validation import shorten
from sklearn_contrastive._validation._columns import Seen
from sklearn_contrastive.encoders import Levels, MLPEncoder
from sklearn_contrastive.losses import LOSSES
from sklearn_contrastive.miners import MINERS, LinkMiner
from sklearn_contrastive.model_selection import ContrastiveEmbeddingCV
from sklearn_contrastive.neighbors import (
    ContrastiveNeighborsClassifier,
    ContrastiveNeighborsRegressor,
)
from sklearn_contrastive.neighbors._network import Network
from sklearn_contrastive.preprocessing._codes import Codes
from sklearn_contrastive.preprocessing._expansion import Expansion
from sklearn_contrastive.preprocessing._standardization import (
    Standardization,
    standardized,
)
from sklearn_contrastive.similarity import SIMILARITIES, PartnerSimilarity, Similarity
from sklearn_contrastive.verification import PairVerifier

__all__ = ["load", "save"]

#: The number of what is written; it is frozen by the first release.
_SCHEMA = 0
_ESTIMATORS = (
    *(ContrastiveEmbedding, ContrastiveAlignment, PairVerifier),
    *(ContrastiveNeighborsClassifier, ContrastiveNeighborsRegressor),
)
#: All classes that a file can name, those of users not among them.
_CLASSES = {
    each.__name__: each
    for each in (
        *(*_ESTIMATORS, Codes, Expansion, FittedState, FrozenEstimator, Levels),
        *(LinkMiner, MLPEncoder, Network, PartnerSimilarity, References),
        *(RepeatedFolds, Seen, Standardization),
        *(*LOSSES.values(), *MINERS.values(), *SIMILARITIES.values()),
    )
}
#: Components of a torch module that a file may claim, beyond its weights.
_MOST_OF_MODULE = 2**20
#: What parts of an estimator are called as parameters, where it is not their name.
_PLACES = {"_state": "", "source": "encoder"}
_SEQUENCES = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}


def save(estimator, path, objects=()):
    """Write a fitted estimator to a file that holds no code.

    The file is complete or not there: it is written beside, and takes the place of an
    earlier one in one step.

    Parameters
    ----------
    estimator : estimator
        A fitted `ContrastiveEmbedding`, `ContrastiveAlignment`, `PairVerifier`,
        `ContrastiveNeighborsClassifier` or `ContrastiveNeighborsRegressor`; of a
        `ContrastiveEmbeddingCV`, its ``best_estimator_`` is written.

    path : str or path-like
        The file, with any suffix or none; nothing is appended.

    objects : iterable of str, default=()
        Names of parameters that are left out, such as ``"loss"`` or
        ``"embedding__loss"``: `load` has to be given them. A torch module or a factory
        as `encoder` is always left out, its weights are written.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is of another class, derived ones included.
    ValueError
        If a parameter is no number, text or array, nor a loss, miner or similarity of
        this package, and is not named in `objects`.

    See Also
    --------
    load : Read the file.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_contrastive import ContrastiveEmbedding, persistence
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ContrastiveEmbedding(max_iter=5, random_state=0).fit(X, y)
    >>> path = os.path.join(tempfile.mkdtemp(), "iris.model")
    >>> persistence.save(model, path)
    >>> loaded = persistence.load(path)
    >>> bool((loaded.transform(X) == model.transform(X)).all())
    True
    """
    if type(estimator) is ContrastiveEmbeddingCV:
        estimator = estimator._best()
    if type(estimator) not in _ESTIMATORS:
        raise TypeError(
            "`estimator` must be a fitted estimator of sklearn_contrastive, and of no "
            f"derived class (on Dask: its to_local()); got {shorten(estimator)}."
        )
    validation.check_is_fitted(estimator)
    if isinstance(objects, str):
        raise TypeError(f"`objects` must be a list of names; got {objects!r}.")
    left_out, arrays = dict.fromkeys(objects, False), []
    model = _encoded(estimator, "", left_out, arrays)
    if not all(left_out.values()):
        unknown = [name for name, found in left_out.items() if not found]
        raise ValueError(f"`objects` names no parameter: {shorten(unknown)}.")
    header = {
        "versions": vars(estimator).get("_versions"),
        "objects": list(left_out),
        "model": model,
    }
    write_file(path, _SCHEMA, header, arrays)


def load(path, objects=None):
    """Read a file of `save`.

    Nothing of the file is run or imported, and no more memory is used than its length
    asks for.

    Parameters
    ----------
    path : str or path-like
        The file.

    objects : dict of str to object, default=None
        The parameters that `save` left out, by name: a factory or a module for
        ``"encoder"``, say, which gets the weights of the file.

    Returns
    -------
    estimator : estimator
        What was saved, fitted, with the same results bit for bit.

    Raises
    ------
    ValueError
        If the file was not written by `save`, was changed since or is of a later
        schema, or if `objects` are not those that were left out.
    OSError
        If there is no such file.

    Warns
    -----
    InconsistentVersionWarning
        If another version of this package has fitted the estimator.

    See Also
    --------
    save : Write the file.

    Examples
    --------
    A network of your own is built by the function that is given again:

    >>> import os, tempfile
    >>> from torch import nn
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_contrastive import ContrastiveEmbedding, persistence
    >>> def network(n_features, n_components):
    ...     return nn.Linear(n_features, n_components)
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ContrastiveEmbedding(encoder=network, max_iter=5).fit(X, y)
    >>> path = os.path.join(tempfile.mkdtemp(), "iris.model")
    >>> persistence.save(model, path)
    >>> loaded = persistence.load(path, objects={"encoder": network})
    >>> bool((loaded.transform(X) == model.transform(X)).all())
    True
    """
    given = objects or {}
    try:
        _, header, arrays = read_file(path, {_SCHEMA})
        names = header["objects"]
        if set(names) == set(given):
            estimator = _decoded(header["model"], arrays, given)
            if type(estimator) not in _ESTIMATORS:
                raise ValueError("it holds no estimator")
            return estimator
    except OSError:
        raise
    except Exception as error:
        told = isinstance(error, ValueError | ImportError)
        found = error if told else "its parts do not fit"
        raise ValueError(f"{str(path)!r} cannot be loaded: {found}.") from error
    raise ValueError(
        f"`objects` must be a dict of what was left out by `save`, {shorten(names)}; "
        f"got {shorten([*given])}."
    )


def _encoded(value, path, left_out, arrays):
    """Return JSON that stands for a value, whose arrays are appended to a list.

    ``path`` is the name of the parameter that it belongs to.
    """
    kind = type(value)
    if path in left_out:
        left_out[path] = True
        return ["given", path]
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else ["float", str(value)]

    def each(values):
        return [_encoded(part, path, left_out, arrays) for part in values]

    if kind in _SEQUENCES.values():
        return [kind.__name__, *each(value)]
    if kind is dict:
        return ["dict", *each(value.items())]
    array = np.asarray(value) if isinstance(value, np.generic) else value
    if isinstance(array, np.ndarray) and can_hold(array):
        arrays.append(array)
        return ["array" if array is value else "scalar", len(arrays) - 1]
    if kind is np.ndarray and value.dtype == object:
        return ["objects", [*value.shape], *each(value.ravel())]
    if _CLASSES.get(kind.__name__) is kind:
        state = value._asdict() if issubclass(kind, tuple) else value.__getstate__()
        if issubclass(kind, Similarity):
            # Without what a fit to rows has left.
            state = value.get_params(deep=False)
        return ["object", kind.__name__, _encoded_state(state, path, left_out, arrays)]
    last = path.rpartition("__")[2]
    if last in ("classes", "fitted_classes"):
        raise ValueError(
            "`y` must hold labels that a file has: numbers, text or numpy's dates; got "
            f"{shorten(value)}. Fit to their text."
        )
    if last != "encoder":
        raise ValueError(
            f"`{path}` is of a kind that no file holds: {shorten(value)}. Leave it out "
            f"by save(..., objects=[{path!r}]), and give it to load(..., "
            f"objects={{{path!r}: ...}})."
        )
    left_out[path] = True
    return ["given", path]


def _encoded_state(state, path, left_out, arrays):
    """Return the attributes of an object, but for callbacks, which are for `fit`."""
    encoded = {}
    for name, value in (state or {}).items():
        place = _PLACES.get(name, name.strip("_"))
        if not name.startswith("_skl_"):
            place = "__".join(filter(None, (path, place)))
            encoded[name] = _encoded(value, place, left_out, arrays)
    return encoded


def _decoded(node, arrays, given):
    """Return the value that some JSON stands for."""
    if not isinstance(node, list):
        return node
    kind, *rest = node
    if kind == "object":
        name, state = rest
        state = {k: _decoded(v, arrays, given) for k, v in state.items()}
        return _restored(_CLASSES[name], state)
    if kind == "objects":
        shape, *parts = rest
        if math.prod(shape) != len(parts) or min(shape, default=0) < 0:
            raise ValueError("an array has another shape than values")
        array = np.empty(len(parts), dtype=object)
        for place, part in enumerate(parts):
            array[place] = _decoded(part, arrays, given)
        return array.reshape(shape)
    if kind in _SEQUENCES or kind == "dict":
        values = (_decoded(part, arrays, given) for part in rest)
        return dict(values) if kind == "dict" else _SEQUENCES[kind](values)
    (what,) = rest
    if kind == "float":
        return float(what)
    if kind == "given":
        return given[what]
    if kind not in ("array", "scalar"):
        raise ValueError(f"a value is of an unknown kind, {shorten(kind)}")
    return arrays[what][()] if kind == "scalar" else arrays[what]


def _restored(cls, state):
    """Return an object with these attributes, after a check of what it maps."""
    if issubclass(cls, tuple):
        return cls(**state)
    # None takes the place of a method; attributes that are None wait for a value.
    known = (name for name, each in getmembers(cls) if each is not None)
    own = {*known, "__hash__"} - {*signature(cls).parameters}
    if not all(name.isidentifier() and name not in own for name in state):
        raise ValueError(f"an attribute of a {cls.__name__} is none")
    restored = cls.__new__(cls)
    if "__setstate__" in dir(cls):
        restored.__setstate__(state)
    else:
        vars(restored).update(state)
    if isinstance(restored, ContrastiveEstimator):
        restored._validate_params()
    if cls is ContrastiveEmbedding and "_state" in state:
        _check(restored._state, restored._seen)
    elif cls is ContrastiveAlignment:
        seen = restored._seen, restored._y_seen["_seen"]
        for side, own in zip("xy", seen, strict=True):
            _check(restored._state(side), own)
    return restored


def _check(state, seen):
    """Raise unless a row can be mapped; sizes are compared before they are used."""
    row = np.zeros((1, len(seen.missing)))
    n_read = standardized(row, state.columns).shape[1]
    limit = max(param.size for param in state.params)
    if not isinstance(state.source, MLPEncoder):
        # A module may have points of more numbers than it has weights.
        limit += _MOST_OF_MODULE
    n_points = len(state.params[0]) * state.n_own
    if state.n_features != n_read or not 0 < n_points <= limit:
        raise ValueError("networks are of other sizes than their parameters")
    state.embed(row)
