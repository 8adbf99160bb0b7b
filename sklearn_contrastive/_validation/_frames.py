"""Frames of any library: names, types, and the cells of their columns."""

import re
import sys

import numpy as np
from sklearn.utils.validation import _get_feature_names, validate_data

from sklearn_contrastive._validation._objects import is_missing
from sklearn_contrastive._validation._tables import (
    UNREAL,
    are_frames,
    check_real,
    column_names,
    shape_of,
)

#: How the types of columns begin that are categories, and numbers.
CATEGORY = ("Boolean", "Categorical", "Enum", "String")
NUMBER = ("Int", "UInt", "Float", "Decimal")
#: Rows up to which a frame is read by `few_rows`, and how the names of types of numbers
#: begin there: all, and those in single precision.
_FEW = 64
_NATIVE = re.compile(r"u?int\d|float|double|half|decimal", re.IGNORECASE)
_SINGLE = re.compile(r"float(32)?(\[pyarrow\])?", re.IGNORECASE)


def columns_of(X, name):
    """Return names of columns and of their types, and the columns of an array.

    Arrays have no names; a type of "Object" is for the cells to tell.
    """
    if isinstance(X, TwoFrames):
        return _in_turn(X, name)
    if are_frames(X):
        raise ValueError(
            f"`{name}` must be one table; got two data frames, which are pairs of rows "
            "for similarity='pairs', `pair_distance` and PairVerifier."
        )
    pandas = sys.modules.get("pandas")
    if pandas and type(X) is pandas.DataFrame and X.columns.is_unique:
        # Of numbers alone, as is common, without another look.
        kinds = [each.kind for each in X.dtypes if isinstance(each, np.dtype)]
        if len(kinds) == X.shape[1] and {*kinds} <= {*"iuf"}:
            return [*X.columns], ["Float"] * X.shape[1], None
    import narwhals
    from narwhals.exceptions import DuplicateError

    try:
        frame = narwhals.from_native(X, pass_through=True)
    except DuplicateError as error:
        raise ValueError(
            f"`{name}` must have columns of different names; some occur twice. Rename "
            "them, or pass an array."
        ) from error
    if isinstance(frame, narwhals.LazyFrame):
        raise TypeError(
            f"`{name}` must be a table in memory; got {type(X).__name__}. Call its "
            "`collect()` or `compute()` first, or use sklearn_contrastive.dask."
        )
    if isinstance(frame, narwhals.DataFrame):
        types = [str(each) for each in frame.schema.values()]
        return frame.columns, types, None
    check_real(X, name)
    cells = np.asarray(X) if len(shape_of(X)) == 2 else np.empty((0, 0))
    if cells.dtype.kind == "U" and isinstance(X, list | tuple):
        # Of text and numbers numpy makes text.
        cells = np.array(X, dtype=object)
    single = cells.dtype == np.float32
    kind = "Float32" if single else "Float" if cells.dtype.kind in "biuf" else "Object"
    return None, [kind] * cells.shape[1], list(cells.T)


def as_table(X):
    """Return a record batch of Arrow as a table, and all else as it is."""
    arrow = sys.modules.get("pyarrow")
    if arrow and isinstance(X, arrow.RecordBatch):
        return arrow.Table.from_batches([X])
    return X


class TwoFrames:
    """Pairs of rows of two frames with the same columns, as rows of a table in turn."""

    def __init__(self, left, right):
        self.frames, self.columns = (
            (as_table(left), as_table(right)),
            column_names(left),
        )
        self.shape = 2 * len(left), left.shape[1]


def _in_turn(pairs, name):
    """Return what `columns_of` does for the rows of pairs.

    What is a category in one of the frames is one.
    """
    import narwhals

    (names, types, _), other = (columns_of(each, name) for each in pairs.frames)
    ends = (narwhals.from_native(each).iter_columns() for each in pairs.frames)
    found, columns = [], []
    for kinds, *both in zip(zip(types, other[1], strict=True), *ends, strict=True):
        if all(kind.startswith(NUMBER) for kind in kinds):
            column = np.stack([each.to_numpy() for each in both], axis=1).ravel()
            found.append("Float32" if column.dtype == np.float32 else "Float64")
        else:
            column = np.empty(pairs.shape[0], dtype=object)
            column[::2], column[1::2] = (each.to_list() for each in both)
            categories = (kind for kind in kinds if kind.startswith(CATEGORY))
            found.append(next(categories, "Object"))
        columns.append(column)
    return names, found, columns


def few_rows(X):
    """Return what `columns_of` does, of a frame of few rows; None for all else.

    Its own library hands out all cells at once, faster than column by column.
    """
    pandas, polars, arrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if pandas and type(X) is pandas.DataFrame:
        names, dtypes = X.columns.tolist(), X.dtypes.tolist()
    elif polars and isinstance(X, polars.DataFrame):
        names, dtypes = X.columns, X.dtypes
    elif arrow and isinstance(X, arrow.Table):
        names, dtypes = X.column_names, X.schema.types
    else:
        return None
    # Often the same object; its text takes longer than all else here.
    own = {id(dtype): dtype for dtype in dtypes}
    text = {number: str(dtype) for number, dtype in own.items()}
    if not 0 < len(X) <= _FEW or len({*names}) < len(names):
        return None
    if any(map(UNREAL.match, text.values())):
        # `columns_of` says what is wrong.
        return None
    for number, each in text.items():
        single = "Float32" if _SINGLE.fullmatch(each) else "Float64"
        text[number] = single if _NATIVE.match(each) else "Object"
    types = [text[id(dtype)] for dtype in dtypes]
    if arrow and isinstance(X, arrow.Table):
        return names, types, [column.to_pylist() for column in X.columns]
    if polars and isinstance(X, polars.DataFrame):
        return names, types, [*zip(*X.rows(), strict=True)]
    return names, types, X.to_numpy(dtype=object).T.tolist()


class Named:
    """Names and shape of a frame, as scikit-learn before 1.9 reads them.

    Its interchange protocol is no longer one of polars.
    """

    def __init__(self, names, n_rows):
        self._names, self.shape = names, (n_rows, len(names))

    def __dataframe__(self):
        return self

    def column_names(self):
        return self._names


def check_names(estimator, X, read, reset):
    """Set names and number of the columns of an estimator, or compare them.

    ``read`` is what `columns_of` returns.
    """
    names, types, _ = read
    if isinstance(X, TwoFrames):
        X, numbers = X.frames[0], all(each.startswith(NUMBER) for each in types)
        # Names are those that scikit-learn reads of one frame of numbers.
        names = None if numbers and {*types} != {"Float32"} else names
    text = names is not None and all(isinstance(name, str) for name in names)
    if text and _get_feature_names(X) is None:
        # scikit-learn reads none of this frame.
        X = Named(names, len(X))
    validate_data(estimator, X, reset=reset, skip_check_array=True)


def cells_of(column):
    """Return the cells of a column, None for what is missing, and None.

    Of text and categories of some libraries it is each level that occurs, and the place
    of each row's level among these.
    """
    if isinstance(column, np.ndarray):
        cells = column.tolist()
    elif isinstance(column, list | tuple):
        cells = column
    elif coded := _codes(column.to_native()):
        cells, codes = [*coded[0], None], coded[1].astype(np.intp)
        codes[codes < 0] = len(cells) - 1
        found = np.bincount(codes, minlength=len(cells)) > 0
        cells = [cell for cell, used in zip(cells, found.tolist(), strict=True) if used]
        return cells, (np.cumsum(found) - 1)[codes]
    else:
        cells = column.to_list()
    if {*map(type, cells)} <= {str, type(None)}:
        return cells, None
    return [None if is_missing(cell) else cell for cell in cells], None


def _codes(column):
    """Return levels and the number of each row's, -1 for none; None for other columns.

    The library of the column does it faster than cell by cell.
    """
    pandas, polars, arrow = map(sys.modules.get, ("pandas", "polars", "pyarrow"))
    if pandas and isinstance(column, pandas.Series):
        if isinstance(column.dtype, pandas.CategoricalDtype | pandas.StringDtype):
            codes, levels = column.factorize()
            return levels.tolist(), codes
    elif polars and isinstance(column, polars.Series):
        if column.dtype in (polars.String, polars.Categorical, polars.Enum):
            text = column.cast(polars.String)
            levels = text.unique().to_list()
            numbers, kind = range(len(levels)), polars.Int64
            codes = text.replace_strict(levels, numbers, return_dtype=kind)
            return levels, codes.to_numpy()
    elif arrow and isinstance(column, arrow.ChunkedArray):
        kind, known = column.type, arrow.types
        if known.is_dictionary(kind) or kind in (arrow.string(), arrow.large_string()):
            coded = column.dictionary_encode().unify_dictionaries().combine_chunks()
            codes = coded.indices.cast(arrow.int64()).fill_null(-1).to_numpy()
            return coded.dictionary.to_pylist(), codes
    return None


def order_of(X, number):
    """Return the levels of a column of ordered categories in order; None of others."""
    frames = X.frames if isinstance(X, TwoFrames) else (X,)
    return one_order([order for frame in frames for order in orders_of(frame, number)])


def one_order(orders):
    """Return the order of levels that holds in all parts of a column, or None.

    Frames of pairs, chunks of Arrow, and parts of a table have levels of their own.
    """
    if not orders or None in orders:
        return None
    longest = max(orders, key=len)
    places = {level: place for place, level in enumerate(longest)}
    for order in orders:
        found = [places.get(level, -1) for level in order]
        if -1 in found or found != sorted(found):
            return None
    return longest


def orders_of(frame, number):
    """Return the levels in order of each part of a column; None where there is none."""
    import narwhals

    frame = narwhals.from_native(frame, pass_through=True)
    if not isinstance(frame, narwhals.DataFrame):
        return [None]
    column = frame.get_column(frame.columns[number]).to_native()
    pandas, arrow = map(sys.modules.get, ("pandas", "pyarrow"))
    if pandas and isinstance(column, pandas.Series):
        kind = column.dtype
        ordered = isinstance(kind, pandas.CategoricalDtype) and kind.ordered
        return [kind.categories.tolist() if ordered else None]
    if arrow and isinstance(column, arrow.ChunkedArray):
        kind = column.type
        if arrow.types.is_dictionary(kind) and kind.ordered:
            return [chunk.dictionary.to_pylist() for chunk in column.chunks]
    return [None]


def different(cells):
    """Return the different cells, and the place of each among these."""
    number = {cell: n for n, cell in enumerate(dict.fromkeys(cells))}
    places = np.fromiter(map(number.__getitem__, cells), np.intp, len(cells))
    return [*number], places
