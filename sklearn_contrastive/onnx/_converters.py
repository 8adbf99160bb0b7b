"""The converters of estimators, for skl2onnx, and the function that calls it."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._alignment import ContrastiveAlignment
from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._pairs._votes import N_NEIGHBORS, SETTINGS, References
from sklearn_contrastive._validation import shorten
from sklearn_contrastive.encoders import to_sphere
from sklearn_contrastive.model_selection import ContrastiveEmbeddingCV
from sklearn_contrastive.neighbors import (
    ContrastiveNeighborsClassifier,
    ContrastiveNeighborsRegressor,
)
from sklearn_contrastive.onnx._graph import Value, are, points
from sklearn_contrastive.verification import PairVerifier


def to_onnx(estimator, *, references="all", table="X"):
    """Return a fitted estimator as an ONNX graph.

    It has one input, ``"X"``, of shape (n_rows, n_features) in float32; or, where
    columns are categories, one of shape (n_rows, 1) for each column, with its name:
    text for levels that are text, int64 for whole numbers of which none was missing,
    else float32. Those of a `PairVerifier` have both rows of each pair along a second
    axis of size 2.

    Parameters
    ----------
    estimator : estimator
        A fitted `ContrastiveEmbedding`, `ContrastiveEmbeddingCV`,
        `ContrastiveNeighborsClassifier`, `ContrastiveNeighborsRegressor`,
        `ContrastiveAlignment` or `PairVerifier`. For a pipeline use
        ``skl2onnx.to_onnx(pipeline, X[:1])``.

    references : {"all", "centroids"}, default="all"
        What a classifier votes by: ``"all"`` its references, so that the graph grows
        with the rows of training; ``"centroids"`` the mean of those of each class in
        each network, with other probabilities; the guide has what that costs.

    table : {"X", "y"}, default="X"
        For `ContrastiveAlignment`: which of the tables the graph maps.

    Returns
    -------
    graph : onnx.ModelProto
        Its output is the points of rows; of the regressor the targets, (n_rows,
        n_outputs); of a classifier and of the verifier the labels and the
        probabilities.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is of another class, derived ones included, or has an encoder of another
        class than `MLPEncoder`.
    ValueError
        If `references` or `table` is not for this estimator, or if classes, levels or
        targets are of a kind or size that a graph has no type for.

    Examples
    --------
    >>> import numpy as np
    >>> from onnxruntime import InferenceSession
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_contrastive import ContrastiveEmbedding
    >>> from sklearn_contrastive.onnx import to_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ContrastiveEmbedding(max_iter=5, random_state=0).fit(X, y)
    >>> X = X.astype(np.float32)
    >>> session = InferenceSession(to_onnx(model).SerializeToString())
    >>> (points,) = session.run(None, {"X": X})
    >>> bool(np.allclose(points, model.transform(X), atol=1e-5))
    True
    """
    import skl2onnx

    kind, given = type(estimator), {"references": references, "table": table}
    if kind not in _CONVERTERS:
        raise TypeError(
            "`estimator` must be a fitted estimator of sklearn_contrastive, and of no "
            f"derived class; got {shorten(estimator)}. For a pipeline of them use "
            "skl2onnx.to_onnx(pipeline, X[:1])."
        )
    check_is_fitted(estimator)
    own = _CONVERTERS[kind][1]
    for name, value in given.items():
        allowed = own.get(name, [_USUAL[name]])
        if not isinstance(value, str) or value not in allowed:
            raise ValueError(
                f"`{name}` must be {' or '.join(map(repr, allowed))} for a "
                f"{kind.__name__}; got {shorten(value)}."
            )
    options = {k: v for k, v in {**given, "zipmap": False}.items() if k in own}
    return skl2onnx.to_onnx(
        estimator,
        initial_types=_input_types(estimator, table),
        options={id(estimator): options},
    )


def _side(model, table="X"):
    """Return the state of an estimator that maps rows, and its attributes."""
    if isinstance(model, ContrastiveEmbeddingCV):
        model = model._best()
    if isinstance(model, ContrastiveAlignment):
        seen = vars(model) if table == "X" else model._y_seen
        return model._state(table.lower()), seen
    seen = vars(vars(model).get("embedding_", model))
    return seen["_state"], seen


def _unfrozen(embedding):
    frozen = isinstance(embedding, FrozenEstimator)
    return _unfrozen(embedding.estimator) if frozen else embedding


def _input_types(model, table):
    """Return names and types of the inputs of a graph."""
    from skl2onnx.common import data_types as types

    pairs = isinstance(model, PairVerifier)
    inner = _unfrozen(model.embedding_) if pairs else model
    own = _side(inner, table)[1] if type(inner) in _CONVERTERS else {}
    levels = own["_seen"].levels if own else {}
    names = own.get("feature_names_in_")
    text = any(are(str, each) for each in levels.values())
    n_columns = model.n_features_y_ if table == "y" else model.n_features_in_
    if not levels or (names is None and not text):
        shape = [None, 2, n_columns] if pairs else [None, n_columns]
        return [("X", types.FloatTensorType(shape))]
    kinds = [types.FloatTensorType] * n_columns
    for number, each in levels.items():
        whole = are(Integral, each) and max(each) < 2**63
        if are(str, each):
            kinds[number] = types.StringTensorType
        elif whole and not own["_seen"].missing[number]:
            kinds[number] = types.Int64TensorType
    names = [""] * n_columns if names is None else names
    names = [name or f"x{n}" for n, name in enumerate(names)]
    shape = [None, 1 + pairs]
    return [(name, kind(shape)) for name, kind in zip(names, kinds, strict=True)]


def _convert(scope, operator, container):
    """Add what an estimator does to a graph of skl2onnx."""
    place, model = (scope, container), operator.raw_operator
    opset = container.target_opset_any_domain("")
    if opset < _OLDEST:
        raise ValueError(f"`target_opset` must be at least {_OLDEST}; got {opset}.")
    inputs = [Value.of(place, each) for each in operator.inputs]
    results = _CONVERTERS[type(model)][0](operator, inputs, scope.get_options(model))
    for each, output in zip(results, operator.outputs, strict=True):
        each.cast(Value.of(place, output).dtype, out=output)


def _embedded(operator, inputs, options):
    """Return the points of rows."""
    state, own = _side(operator.raw_operator, options.get("table", "X"))
    Z, n = points(inputs, state, own["_seen"]), len(state.params[0])
    # So that a squared distance is the mean of those in each network.
    Z = (Z / n**0.5).do("Transpose", attributes={"perm": [1, 0, 2]})
    return (Z.do("Reshape", [-1, n * state.n_own]),)


def _predicted(operator, inputs, options):
    """Return the targets of rows, or labels and probabilities."""
    model = operator.raw_operator
    state, own = _side(model)
    Z = points(inputs, state, own["_seen"])
    share, n_neighbors = model.trained_share_, model.n_neighbors_
    settings, groups = model._settings, [each.groups for each in model._networks]
    if options.get("references") == "centroids":
        share, n_neighbors, (settings, groups) = 0.0, N_NEIGHBORS, _centroids(groups)
    votes = [
        _votes(Z.take(network, 0), references, n_neighbors, *setting)
        * (weight / len(groups))
        for network, own in enumerate(groups)
        for references, setting, weight in zip(
            own, settings, (1 - share, share), strict=False
        )
    ]
    said = votes[0].do("Sum", *votes[1:])
    if isinstance(model, ContrastiveNeighborsRegressor):
        single, sizes = np.finfo(np.float32), np.abs([model._mean, model._spread])
        if sizes.max() > single.max / 2**10 or model._spread.min() < single.tiny:
            raise ValueError(
                "`y` must hold targets in the range of single precision, which a graph "
                f"has; got a mean of {shorten(model._mean)}, a standard deviation of "
                f"{shorten(model._spread)}. Fit to targets in another unit."
            )
        return (said * model._spread + model._mean,)
    if model._class_weight is not None:
        # Their size is of no account, but for the range of single precision.
        said = said * (model._class_weight / model._class_weight.max())
        said = said / said.sum(1)
    if model._multilabel:
        return said.do("Greater", 0.5, dtype=bool), said
    first = {"axis": 1, "keepdims": 0}
    best = said.do("ArgMax", attributes=first, dtype=np.int64)
    return Value.constant(Z.place, _labels(model)).take(best, 0), said


def _votes(Z, references, n_neighbors, bandwidth, smoothing):
    """Return what `References.votes` does for the nearest of them."""
    places = references.Z.astype(np.float32)
    # Less the square of each row's own length, which is the same for all.
    squared = (Z * -2.0) @ places.T + (places**2).sum(axis=1)
    n_neighbors = [min(n_neighbors, len(places))]
    nearest, rows = squared.do("TopK", n_neighbors, attributes={"largest": 0})
    weights = ((nearest.take([0], 1) - nearest) / bandwidth).do("Exp")
    weights = weights / weights.sum(1)
    squares = (weights * weights).sum(1)
    found = Value.constant(Z.place, references.values.astype(np.float32)).take(rows, 0)
    found = (found * (weights / squares).do("Unsqueeze", [2])).sum(1, keepdims=0)
    found = found + references.mean * smoothing
    return found / (squares.do("Reciprocal") + smoothing)


def _centroids(groups):
    """Return the setting of the least loss, and centroids in place of references."""
    found, losses = [], 0
    for held_out, *_ in groups:
        values, codes = np.unique(held_out.values, axis=0, return_inverse=True)
        parts = (held_out.Z[codes.ravel() == n] for n in range(len(values)))
        means = np.stack([part.mean(axis=0) for part in parts])
        centroids = References(to_sphere(means), values)
        centroids.mean = held_out.mean
        losses += centroids.losses_of(centroids.nearest(held_out.Z), held_out.values)
        found.append([centroids])
    return [SETTINGS[int(np.argmin(losses))]], found


def _verified(operator, inputs, options):
    """Return labels and probabilities of pairs, whose rows come in turn."""
    from skl2onnx import get_model_alias

    model, place = operator.raw_operator, inputs[0].place
    embedding, kind = _unfrozen(model.embedding_), type(operator.outputs[1].type)
    inner = place[0].declare_local_operator(get_model_alias(type(embedding)), embedding)
    for each, given in zip(inputs, operator.inputs, strict=True):
        width = [*given.type.shape, 1][2]
        rows = place[0].declare_local_variable("rows", type(given.type)([None, width]))
        each.do("Reshape", [-1, width], out=rows)
        inner.inputs.append(rows)
    inner.outputs.append(place[0].declare_local_variable("points", kind()))
    Z = Value.of(place, inner.outputs[0]).cast(np.float32)
    rest = [np.iinfo(np.int64).max], [0], [2]
    gaps = Z.do("Slice", [0], *rest) - Z.do("Slice", [1], *rest)
    distances = (gaps * gaps).sum(1).do("Sqrt")
    same = distances.do("LessOrEqual", model.threshold_, dtype=bool).cast(np.int64)
    labels = Value.constant(place, _labels(model)).take(same.do("Squeeze", [1]), 0)
    slope, intercept = model.calibration_
    logit = distances * slope + intercept
    both = (logit * -1.0).do("Concat", logit, attributes={"axis": 1})
    return labels, both.do("Sigmoid")


def _labels(model):
    """Return classes as whole numbers or text."""
    classes = model.classes_
    listed = classes.tolist() if classes.dtype.kind not in "mM" else []
    if are(Real, listed) and max(map(abs, listed)) < 2**63:
        return classes.astype(np.int64)
    if are(str, classes):
        return classes.astype(object)
    raise ValueError(
        "`y` must hold whole numbers below 2**63 in size, bools or text, of which an "
        f"ONNX graph can make labels; got {shorten(classes)}. Fit to their text."
    )


def _shapes(operator):
    """Set the types of what a converter gives, which skl2onnx asks for first."""
    from skl2onnx.common import data_types as types

    model, outputs = operator.raw_operator, operator.outputs
    check_is_fitted(model)
    if not isinstance(model, PairVerifier | ContrastiveAlignment):
        widths = [each.type.shape[-1] for each in operator.inputs]
        if None not in widths and sum(widths) != model.n_features_in_:
            raise ValueError(
                f"The graph must have one input for each of the {model.n_features_in_} "
                f"columns of `fit`, or one for all; got {sum(widths)} columns."
            )
    # Other converters, too, go by the first of several inputs.
    double = isinstance(operator.inputs[0].type, types.DoubleTensorType)
    kind = types.DoubleTensorType if double else types.FloatTensorType
    if not is_classifier(model):
        regressor = isinstance(model, ContrastiveNeighborsRegressor)
        n = len(model._mean) if regressor else model._n_features_out
        outputs[0].type = kind([None, n])
        return
    n, several = len(model.classes_), vars(model).get("_multilabel", False)
    whole = several or _labels(model).dtype == np.int64
    label = types.Int64TensorType if whole else types.StringTensorType
    outputs[0].type = label([None, n] if several else [None])
    outputs[1].type = kind([None, n])


#: The first opset of ONNX with all operations that are used.
_OLDEST = 13
_USUAL = {"references": "all", "table": "X"}
_ZIPMAP = {"zipmap": [True, False, "columns"], "nocl": [False]}
#: What is done for each estimator, and the options that it has.
_CONVERTERS = {
    ContrastiveAlignment: (_embedded, {"table": ["X", "y"]}),
    ContrastiveEmbedding: (_embedded, {}),
    ContrastiveEmbeddingCV: (_embedded, {}),
    ContrastiveNeighborsClassifier: (
        _predicted,
        {**_ZIPMAP, "references": ["all", "centroids"]},
    ),
    ContrastiveNeighborsRegressor: (_predicted, {}),
    PairVerifier: (_verified, _ZIPMAP),
}


def register():
    """Tell skl2onnx of all estimators."""
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        error.add_note("install it with 'pip install sklearn_contrastive[onnx]'.")
        raise
    for kind, (_, options) in _CONVERTERS.items():
        alias = f"Contrastive{kind.__name__}"
        update_registered_converter(kind, alias, _shapes, _convert, options=options)
