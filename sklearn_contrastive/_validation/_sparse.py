"""Sparse tables, which are dense only where rows are read."""

import sys

import numpy as np
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.utils.sparsefuncs import mean_variance_axis
from sklearn.utils.validation import check_array, validate_data

from sklearn_contrastive._validation._columns import Seen


class SparseRows:
    """The rows of a sparse table in CSR format: ``rows[numbers]`` is a dense copy."""

    ndim = 2

    def __init__(self, table):
        self.table, self.shape, self.dtype = table, table.shape, table.dtype

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, numbers):
        return self.table[numbers].toarray()

    def deviations(self):
        """Return the standard deviation of each column, in float64."""
        _, variances = mean_variance_axis(self.table.astype(np.float64), axis=0)
        return np.sqrt(variances.clip(0))


def sparse_of(X):
    """Return a sparse table, also of a frame of sparse columns; None for all else."""
    if issparse(X):
        return X
    pandas = sys.modules.get("pandas")
    if not (pandas and isinstance(X, pandas.DataFrame) and X.shape[1]):
        return None
    dtypes = X.dtypes.tolist()
    if not all(isinstance(each, pandas.SparseDtype) for each in dtypes):
        return None
    kinds = {each.kind for each in dtypes}
    if not kinds <= {*"biuf"} or any(each.fill_value != 0 for each in dtypes):
        # What is left out is no zero, but often NaN.
        return None
    if "b" in kinds and len(kinds) > 1:
        # scipy has no dtype for both.
        X = X.astype(pandas.SparseDtype(np.float64, 0))
    return X.sparse.to_coo()


def dense_needed(name, where=""):
    """Return the error for a sparse table that cannot be read as it is."""
    return TypeError(
        f"Sparse data was passed for `{name}`, but dense data is required{where}. Use "
        "'.toarray()', or '.sparse.to_dense()' of a frame; or reduce it first with "
        "sklearn.decomposition.TruncatedSVD."
    )


def check_sparse(estimator, X, table, seen, name, dtypes):
    """Return the rows of a sparse table; set the columns of an estimator, or compare.

    ``X`` has the names, ``seen`` is what its fit has seen of columns, None to begin
    anew.
    """
    if seen is not None and seen.levels:
        raise ValueError(
            f"`{name}` must hold what it held in `fit`: a data frame with categories; "
            "got a sparse table."
        )
    options = {"dtype": dtypes, "accept_sparse": "csr", "ensure_all_finite": False}
    table = check_array(table, estimator=estimator, **options)
    validate_data(estimator, X, reset=seen is None, skip_check_array=True)
    if not (get_config()["assume_finite"] or np.isfinite(table.data).all()):
        raise ValueError(
            f"`{name}` must be finite; found NaN or infinity in a sparse table, where "
            "no number may be missing. Leave such entries out, which makes them 0."
        )
    if seen is None:
        n = table.shape[1]
        estimator._seen = Seen({}, np.zeros(n), np.zeros(n, dtype=bool))
    return SparseRows(table)
