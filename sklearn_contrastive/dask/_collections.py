"""Dask's arrays and data frames: parts of them in order, and lazy results."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from sklearn_contrastive._validation import shorten


def check_installed():
    """Raise if a part of Dask is missing, with the line that installs it."""
    try:
        import dask.array
        import dask.dataframe  # noqa: F401
        import distributed  # noqa: F401
    except ImportError as error:
        error.add_note("install it with 'pip install \"sklearn_contrastive[dask]\"'.")
        raise


def is_lazy(data):
    """Return whether data is one of Dask's collections."""
    from dask import is_dask_collection

    return is_dask_collection(data)


def is_frame(data):
    """Return whether a collection is a data frame or one column of it."""
    from dask.dataframe import DataFrame, Series

    return isinstance(data, DataFrame | Series)


def is_single(X, categories):
    """Return whether all numbers are in single precision, where some columns are none.

    ``categories`` are the numbers of these.
    """
    dtypes = X.dtypes if is_frame(X) else [X.dtype]
    kinds = {str(each) for n, each in enumerate(dtypes) if n not in categories}
    return bool(kinds) and kinds <= {"float32", "Float32", "float[pyarrow]"}


def parts_of(X, y, groups=None):
    """Return a tuple of delayed parts, of X, y and groups, for each partition."""
    X = _one_table("X", X, 2)
    parts, n = [_delayed(X)], X.npartitions
    if y is None:
        parts.append([None] * n)
    for name, other in (("y", y), ("groups", groups)):
        if other is not None:
            parts.append(_delayed(_as_partitioned(name, _one_table(name, other), X)))
    return [*zip(*parts, strict=True)]


def _one_table(name, data, n_dim=None):
    """Return a collection whose blocks hold all columns."""
    from dask.array import Array

    if not is_lazy(data) or not (isinstance(data, Array) or is_frame(data)):
        raise TypeError(
            f"`{name}` must be a Dask array or data frame, as `X` and `y` both are; "
            f"got {type(data).__name__}. Make one with dask.array.from_array or "
            "dask.dataframe.from_pandas, or fit the estimator of one machine."
        )
    if data.ndim not in ((n_dim,) if n_dim else (1, 2)):
        raise ValueError(
            f"`{name}` must have {n_dim or '1 or 2'} dimensions; got {data.ndim}."
        )
    if isinstance(data, Array):
        if issparse(data._meta):
            raise TypeError(
                f"`{name}` must have blocks that are not sparse; got "
                f"{type(data._meta).__name__}. Convert them: "
                "X.map_blocks(lambda block: block.toarray())."
            )
        if data.ndim == 2:
            data = data.rechunk({1: -1})
    return data


def _as_partitioned(name, data, X):
    """Return a collection with the partitions of `X`, which must be of its rows."""
    known = [each.shape[0] for each in (X, data) if not is_frame(each)]
    if len(known) == 2 and not np.isnan(known).any():
        if known[0] != known[1]:
            raise ValueError(
                f"`{name}` must have one row per row of `X`; got {known[1]} for "
                f"{known[0]}."
            )
        return data.rechunk({0: X.chunks[0]})
    ends = [each.divisions for each in (X, data) if is_frame(each)]
    if X.npartitions != data.npartitions:
        raise ValueError(
            f"`{name}` must have the partitions of `X`, {X.npartitions}, where lengths "
            f"are not known; got {data.npartitions}. Use columns of one data frame, or "
            "arrays whose chunks have been computed (compute_chunk_sizes)."
        )
    if len(ends) == 2 and None not in (*ends[0], *ends[1]) and ends[0] != ends[1]:
        raise ValueError(
            f"`{name}` must have the divisions of `X`, {shorten(ends[0])}; got "
            f"{shorten(ends[1])}. Use repartition(divisions=X.divisions)."
        )
    return data


def _delayed(data):
    # Optimised, a frame that is read from files may have fewer partitions.
    return np.ravel(data.to_delayed(optimize_graph=not is_frame(data))).tolist()


def lazily(method, model, X, values, names=None):
    """Return, as a collection like `X`, what a method of a model says of its rows.

    ``values`` are the labels that it returns, or an array of its number of columns,
    which have ``names``.
    """
    from dask import delayed

    X = _one_table("X", X, 2)
    if not np.isnan(X.shape[1]):
        columns = X._meta if is_frame(X) else np.empty((0, X.shape[1]))
        validate_data(model, columns, reset=False, skip_check_array=True)
    # A task of its own, whose result each worker gets once.
    model = delayed(model, pure=False, traverse=False)
    given = {"model": model, "method": method, "empty": values[:0]}
    if is_frame(X):
        import pandas as pd

        kind = pd.Series(values).dtype if names is None else values.dtype
        given |= {"names": names, "kind": kind}
        return X.map_partitions(_of_part, **given, meta=_of_part(X._meta[:0], **given))
    if names is None:
        return X.map_blocks(_of_block, **given, drop_axis=1, meta=values[:0])
    chunks = X.chunks[0], (len(names),)
    return X.map_blocks(_of_block, **given, chunks=chunks, meta=values[:0])


def _of_block(block, model, method, empty):
    """Return what a method says of an array, which may have no rows."""
    if not len(block):
        return empty
    return np.asarray(method(model, block)).astype(empty.dtype, copy=False)


def _of_part(part, model, method, empty, names, kind):
    """Return what a method says of a data frame, with its index."""
    import pandas as pd

    values = _of_block(part, model, method, empty)
    if names is None:
        # Text may have a dtype of its own, which no single block decides.
        return pd.Series(values, index=part.index, dtype=kind)
    return pd.DataFrame(values, index=part.index, columns=names)
