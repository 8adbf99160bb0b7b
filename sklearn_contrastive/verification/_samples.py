"""Samples that are pairs of rows: read and measured."""

from copy import copy
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import (
    _safe_indexing,
    check_array,
)
from sklearn.utils.validation import _get_feature_names, _num_samples

from sklearn_contrastive._validation import check_rows

#: Pairs compared together, so that temporary arrays stay small.
_BLOCK = 8192


class PairSamples(NamedTuple):
    """Pairs, as a table of rows and the positions of both ends of each pair."""

    rows: Any
    """Array or DataFrame of shape (n_rows, n_features)."""
    ends: np.ndarray
    """Positions in `rows`, of shape (n_pairs, 2)."""

    @property
    def names(self):
        """What columns are called; empty unless all names are text."""
        names = list(getattr(self.rows, "columns", ()))
        return names if all(isinstance(name, str) for name in names) else []

    def among(self, which):
        """Return some of the pairs, with the rows that they need.

        Parameters
        ----------
        which : ndarray of int of shape (n_chosen,)
            Numbers of pairs.

        Returns
        -------
        samples : PairSamples
            Of these pairs.
        """
        used, ends = np.unique(self.ends[which], return_inverse=True)
        return PairSamples(_safe_indexing(self.rows, used), ends.reshape(-1, 2))

    def listed(self):
        """Return the two rows of each pair below each other.

        Returns
        -------
        rows : ndarray or DataFrame of shape (2 * n_pairs, n_features)
            Rows that are in several pairs come several times.
        """
        return _safe_indexing(self.rows, self.ends.ravel())


def known_names(rows):
    """Return the names of columns that transformers of scikit-learn see, or None."""
    try:
        return _get_feature_names(rows)
    except TypeError:
        # Text beside other things.
        return None


def read_pairs(estimator, X, preprocessor, name):
    """Return pairs of rows, or of row numbers, or say what is wrong with them.

    Parameters
    ----------
    estimator : estimator
        Who asks; it is not changed.

    X : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
        The user's pairs.

    preprocessor : array-like of shape (n_rows, n_features), callable or None
        The table that row numbers speak of, or what makes rows of them.

    name : str
        What messages call `X`.

    Returns
    -------
    samples : PairSamples
        Each row number or id once. Rows are checked, except those of a DataFrame, whose
        columns may be of kinds that only the embedding knows.

    Raises
    ------
    TypeError, ValueError
        If `X` is neither, or what the preprocessor returns are no rows.
    """
    if issparse(X):
        raise TypeError(
            f"Sparse data was passed for `{name}` ({type(X).__name__}), but dense data "
            "is required: pairs of rows, shape (n_pairs, 2, n_features)."
        )
    try:
        X = np.asarray(X)
    except ValueError as error:
        raise ValueError(
            f"`{name}` must hold pairs of rows that are equally long ({error})."
        ) from error
    if X.ndim and not len(X):
        raise ValueError(
            f"`{name}` must hold at least one pair: Found array with 0 sample(s) "
            f"(shape={X.shape}) while a minimum of 1 is required by "
            f"{type(estimator).__name__}."
        )
    if preprocessor is None:
        rows = _rows_of_pairs(X, name)
        ends = np.arange(len(rows)).reshape(-1, 2)
    else:
        numbers, ends = _distinct(X, callable(preprocessor), name)
        rows = _rows_of_numbers(numbers, preprocessor, name)
    if not hasattr(rows, "columns"):
        # A copy takes the width: what asks is changed by nothing that may yet fail.
        rows = check_rows(copy(estimator), rows, reset=True, name=name)
    return PairSamples(rows, ends)


def _rows_of_pairs(X, name):
    """Return the two rows of each pair below each other."""
    if X.ndim == 3 and X.shape[1] == 2:
        return X.reshape(2 * len(X), X.shape[2])
    hint = "Reshape your data: stack two tables of rows with np.stack([A, B], axis=1)."
    if X.ndim == 2 and X.shape[1] == 2 and X.dtype.kind in "iu":
        hint = (
            "Row numbers need `preprocessor`, the table of rows that they speak of: "
            "PairVerifier(preprocessor=table)."
        )
    raise ValueError(
        f"`{name}` must hold pairs of rows, shape (n_pairs, 2, n_features); got shape "
        f"{X.shape}. {hint}"
    )


def _distinct(X, any_kind, name):
    """Return each row number or id once, and where each pair has its ends."""
    wanted, kinds = "row numbers a pair, integers", "iu"
    if any_kind:
        wanted, kinds = "row numbers or other ids a pair,", "iufbOSUTmM"
    if X.ndim != 2 or X.shape[1] != 2 or X.dtype.kind not in kinds:
        hint = "Numbers are positions in the table, counted from 0."
        if X.ndim == 3:
            hint = "For pairs of rows themselves, set `preprocessor=None`."
        elif any_kind:
            hint = "The preprocessor is given each id once, and returns their rows."
        raise ValueError(
            f"`{name}` must hold two {wanted} of shape (n_pairs, 2), with "
            f"`preprocessor`; got {X.dtype} of shape {X.shape}. {hint}"
        )
    try:
        numbers, ends = np.unique(X, return_inverse=True)
        missing = (numbers != numbers).any()
    except TypeError:
        # None beside text, numbers beside text, or pandas.NA.
        missing = True
    if missing:
        raise ValueError(
            f"`{name}` must hold row numbers or ids of one kind, without None and NaN."
        )
    return numbers, ends.reshape(-1, 2)


def _rows_of_numbers(numbers, preprocessor, name):
    """Return the row of each number or id."""
    if callable(preprocessor):
        rows = preprocessor(numbers)
        found = "the preprocessor returned"
    else:
        n_rows = _num_samples(preprocessor)
        if numbers[0] < 0 or numbers[-1] >= n_rows:
            raise ValueError(
                f"`{name}` must hold row numbers from 0 to {n_rows - 1}, positions in "
                f"the {n_rows} rows of `preprocessor`; got some from {numbers[0]} to "
                f"{numbers[-1]}."
            )
        rows = _safe_indexing(preprocessor, numbers)
        found = "it holds"
    shape = rows.shape if hasattr(rows, "shape") else np.shape(rows)
    if len(shape) != 2 or shape[0] != len(numbers):
        raise ValueError(
            "`preprocessor` must give one row of numbers for each row number, "
            f"shape ({len(numbers)}, n_features); {found} shape {shape}."
        )
    return rows


def pair_distances(embedding, samples, name):
    """Return how far apart the two rows of each pair are in an embedding.

    Parameters
    ----------
    embedding : fitted transformer
        It maps each row once.

    samples : PairSamples
        Pairs.

    name : str
        What messages call them.

    Returns
    -------
    distances : ndarray of float64 of shape (n_pairs,)
        Euclidean distances.

    Raises
    ------
    ValueError
        If the rows, or where they are mapped to, are not finite numbers, or rows are of
        another width than those that the embedding was fitted on.
    """
    ends = samples.ends
    Z = embedding.transform(_as_fitted(embedding, samples, name))
    Z = check_array(Z, dtype=np.float64, input_name="what `embedding` returns")
    distances = np.empty(len(ends))
    for start in range(0, len(ends), _BLOCK):
        block = slice(start, start + _BLOCK)
        left, right = Z[ends[block, 0]], Z[ends[block, 1]]
        distances[block] = np.sqrt(((left - right) ** 2).sum(axis=1))
    return distances


def _as_fitted(embedding, samples, name):
    """Return rows with column names where an embedding knows these, else without.

    It would warn of others. Filters of warnings are those of the process, which is
    why none is set: threads may ask at once.
    """
    rows, first = samples.rows, _first_step(embedding)
    names = getattr(first, "feature_names_in_", None)
    named = known_names(rows) is not None
    if names is None:
        # A transformer that counts columns has looked for names, and seen none.
        nameless = hasattr(first, "n_features_in_") and named
        return np.asarray(rows) if nameless else rows
    if named:
        return rows
    if len(names) != rows.shape[1]:
        raise ValueError(
            f"`{name}` must hold rows of the {len(names)} columns that `embedding` was "
            f"fitted on; got {rows.shape[1]} columns."
        )
    if hasattr(rows, "set_axis"):
        return rows.set_axis(names, axis=1)
    for library, columns in (("pandas", "columns"), ("polars", "schema")):
        try:
            frames = import_module(library)
        except ImportError:
            continue
        return frames.DataFrame(np.asarray(rows), **{columns: list(names)})
    return rows


def _first_step(embedding):
    """Return the transformer that rows are given to."""
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import Pipeline

    if isinstance(embedding, FrozenEstimator):
        return _first_step(embedding.estimator)
    if not isinstance(embedding, Pipeline):
        return embedding
    steps = (step for _, step in embedding.steps if hasattr(step, "transform"))
    return _first_step(next(steps, None))
