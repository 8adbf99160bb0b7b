"""From the columns of a table to points, as operations of an ONNX graph."""

from functools import partialmethod
from numbers import Integral

import numpy as np

from sklearn_contrastive._validation import shorten
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.preprocessing._expansion import LEARNED, MISSING, RANK
from sklearn_contrastive.preprocessing._standardization import CLIP, HELD, LARGEST

#: Text that stands for a missing cell, unless it is a level: onnxruntime makes the last
#: three of objects that are none.
_MISSING_TEXT = "", "None", "nan", "<NA>"
_ACTIVATIONS = {
    "relu": lambda X: X.do("Relu"),
    "silu": lambda X: X * X.do("Sigmoid"),
    "selu": lambda X: X.do("Selu"),
    "gelu": lambda X: X * ((X / 2**0.5).do("Erf") + 1.0) * 0.5,
    "tanh": lambda X: X.do("Tanh"),
    "identity": lambda X: X,
}


class Value:
    """A value in a graph, with numpy's operators.

    ``place`` are the scope and the container of a converter of skl2onnx. Constants that
    are floats take the dtype of the value.
    """

    def __init__(self, place, name, dtype):
        self.place, self._name, self.dtype = place, name, np.dtype(dtype)

    @classmethod
    def of(cls, place, variable):
        """Return a variable of skl2onnx."""
        from onnx.helper import tensor_dtype_to_np_dtype

        kind = variable.type.to_onnx_type().tensor_type.elem_type
        return cls(place, variable.full_name, tensor_dtype_to_np_dtype(kind))

    @classmethod
    def constant(cls, place, array):
        """Return an array."""
        from onnx import TensorProto, numpy_helper

        name = place[0].get_unique_variable_name("constant")
        tensor = None, None, numpy_helper.from_array(np.asarray(array, order="C"))
        if array.dtype == object:
            # skl2onnx copies numbers alone.
            tensor = TensorProto.STRING, array.shape, array.tolist()
        place[1].add_initializer(name, *tensor)
        return cls(place, name, array.dtype)

    def do(self, kind, *others, attributes=None, dtype=None, out=None):
        """Add an operation with this value as its first input; return the result.

        That of "TopK" are two. ``dtype`` is that of the result, if it is another one;
        ``out`` is a variable that it becomes.
        """
        (scope, container), names = self.place, [self._name]
        dtype = np.dtype(dtype or self.dtype)
        floats = self.dtype if self.dtype.kind == "f" else dtype
        for other in others:
            if not isinstance(other, Value):
                other = np.asarray(other)
                other = other.astype(floats) if other.dtype.kind == "f" else other
                other = self.constant(self.place, other)
            names.append(other._name)
        outs = [
            scope.get_unique_variable_name(kind) for _ in range(1 + (kind == "TopK"))
        ]
        outs = outs if out is None else [out.full_name]
        domain = ("ai.onnx.ml", 2) if kind == "LabelEncoder" else ("", None)
        container.add_node(kind, names, outs, *domain, **(attributes or {}))
        found = [Value(self.place, name, dtype) for name in outs]
        return found if len(found) > 1 else found[0]

    __add__ = partialmethod(do, "Add")
    __sub__ = partialmethod(do, "Sub")
    __mul__ = partialmethod(do, "Mul")
    __truediv__ = partialmethod(do, "Div")
    __matmul__ = partialmethod(do, "MatMul")
    __and__ = partialmethod(do, "And")
    __or__ = partialmethod(do, "Or")
    equal = partialmethod(do, "Equal", dtype=bool)
    isnan = partialmethod(do, "IsNaN", dtype=bool)
    where = partialmethod(do, "Where")

    def take(self, places, axis):
        return self.do("Gather", places, attributes={"axis": axis})

    def sum(self, axis, keepdims=1):
        return self.do("ReduceSum", [axis], attributes={"keepdims": keepdims})

    def cast(self, dtype, out=None):
        from onnx.helper import np_dtype_to_tensor_dtype

        if self.dtype == dtype:
            return self.do("Identity", out=out)
        kind = {"to": np_dtype_to_tensor_dtype(np.dtype(dtype))}
        return self.do("Cast", attributes=kind, dtype=dtype, out=out)


def are(kind, levels):
    """Return whether there are levels, all of this kind."""
    return len(levels) > 0 and all(isinstance(level, kind) for level in levels)


def points(inputs, state, seen):
    """Return the points of each network (n_networks, n_rows, n_own)."""
    if type(state.source) is not MLPEncoder:
        raise TypeError(
            "`encoder` must be 'mlp' or 'linear', whose layers are known; got "
            f"{shorten(state.source)}. Export a torch module with torch.onnx.export."
        )
    X, rows, expansion = _table(inputs, seen), None, state.columns.expansion
    if expansion is not None:
        if len(sizes := expansion.sizes):
            rows = X.take(np.unique(expansion.source[expansion.level == LEARNED]), 1)
            rows = rows.isnan().where(sizes - 1.0, rows, dtype=X.dtype)
            rows = (rows + (np.cumsum(sizes) - sizes + 0.0)).cast(np.int64)
        X = _expanded(X, expansion)
    return _network(_standardized(X, state.columns).cast(np.float32), rows, state)


def _table(inputs, seen):
    """Return a table with numbers for levels, medians in place of others that miss."""
    parts, levels, n_columns = [*inputs], seen.levels, len(seen.missing)
    if levels and len(inputs) == 1:
        parts = [inputs[0].take([n], 1) for n in range(n_columns)]
    if levels and len(parts) != n_columns:
        raise ValueError(
            f"The graph must have one input for each of the {n_columns} columns of "
            f"`fit`, or one for all; got {len(parts)}."
        )
    numbers = {each.dtype for n, each in enumerate(parts) if n not in levels}
    dtype = np.float32 if numbers <= {np.dtype(np.float32)} else np.float64
    for n, own in levels.items():
        parts[n] = _category(parts[n], own, n)
    first, *others = (each.cast(dtype) for each in parts)
    X = first.do("Concat", *others, attributes={"axis": 1})
    known = ~seen.missing
    known[[*levels]] = False
    return X.isnan().where(np.where(known, seen.medians, np.nan), X, dtype=dtype)


def _category(column, levels, number):
    """Return the number of each cell's level, NaN where it is missing."""
    text, keys = column.dtype == object, [*levels]
    values, missing = [float(place) for place in range(len(levels))], []
    if keys and text != are(str, keys):
        raise ValueError(
            f"Column {number} is a category of {shorten(keys)}, and its input of "
            "another type. Use sklearn_contrastive.onnx.to_onnx."
        )
    if text:
        kind, missing = (
            "strings",
            [each for each in _MISSING_TEXT if each not in levels],
        )
    elif column.dtype.kind in "biu" and are(Integral, keys):
        kind, column, keys = "int64s", column.cast(np.int64), [int(key) for key in keys]
    else:
        kind, column = "floats", column.cast(np.float32)
        keys, missing = np.array(keys, dtype=np.float32).tolist(), [np.nan]
    if len({*keys}) < len(keys):
        raise ValueError(
            f"Column {number} must be a category of levels that differ in single "
            f"precision; got {shorten([*levels])}. Make text of them before `fit`."
        )
    attributes = {
        f"keys_{kind}": keys + missing,
        "values_floats": values + [np.nan] * len(missing),
        "default_float": float(len(levels)),
    }
    found = column.do("LabelEncoder", attributes=attributes, dtype=np.float32)
    # A key that is NaN is not found.
    if kind == "floats":
        found = column.isnan().where(column, found, dtype=np.float32)
    return found


def _expanded(X, expansion):
    """Return what `Expansion.of` does."""
    source, level, medians, n_levels = expansion
    values = X.take(source, 1)
    limits = np.where(level == RANK, n_levels[source], np.inf)
    known = values.do("Less", limits, dtype=bool)
    values = known.where(values, np.nan, dtype=X.dtype)
    missing = values.isnan()
    found = values.equal(level.astype(float))
    found = found | (missing & (level == MISSING)) | (level == LEARNED)
    numbers = missing.where(medians[source], values, dtype=X.dtype)
    own = expansion.numbers.astype(float)
    return numbers * own + found.cast(X.dtype) * (1 - own)


def _standardized(X, columns):
    """Return what `standardized` does, without an expansion."""
    kind, center, scale, _, codes, _ = columns
    if kind is not None:
        most = np.finfo(X.dtype).maxexp
        power = np.frexp(np.maximum(abs(center), np.where(np.isinf(scale), 1, scale)))[
            1
        ]
        power = np.where(abs(power) <= HELD * most, 0, -power)
        if power.any():
            # In two halves; beyond the dtype, what comes is 0 or at the limit anyway.
            for part in (power // 2, power - power // 2):
                X = X * np.ldexp(1.0, part.clip(2 - most, most - 2))
        X = (X - np.ldexp(center, power)) / np.ldexp(scale, power)
        X = X.do("Clip", -LARGEST, LARGEST)
    if kind == "robust":
        bent = X / CLIP
        X = X / (bent * bent + 1.0).do("Sqrt")
    if codes is not None:
        passed = (X.take(codes.columns, 1) - codes.lower) / codes.widths
        passed = passed.do("Clip", 0.0, 1.0)
        X = X.do("Concat", passed, attributes={"axis": 1})
    return X


def _network(X, rows, state):
    """Return the points of standardised rows in each network."""
    params, levels = [*state.params], state.source.learned_levels
    if state.weights is not None:
        params[0] = params[0] * state.weights[:, : params[0].shape[1], None]
    if levels is not None:
        *params, table = params
        n, places = len(levels.columns), np.full(params[0].shape[1], -1)
        places[levels.columns] = np.arange(n)
        found = Value.constant(X.place, table).take(rows, 1)
        found = found.do("Reshape", [len(table), -1, n])
        # One more column of 1, for the columns that nothing is learned of.
        X = X * found.do("Pad", [0, 0, 0, 0, 0, 1], 1.0).take(places % (n + 1), 2)
    for W, b in zip(params[::2], params[1::2], strict=True):
        X = X @ W + b[:, None]
        if W is not params[-2]:
            X = _ACTIVATIONS[state.source.activation](X)
    if not state.normalize:
        return X
    squares = (X * X).sum(2)
    lengths = squares.equal(0.0).where(1.0, squares, dtype=X.dtype)
    return X / lengths.do("Sqrt")
