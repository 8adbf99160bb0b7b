"""Where similarity comes from: names, objects and graphs become fitted similarities."""

import numpy as np
from scipy.sparse import issparse

from sklearn_contrastive._estimators._terms import resolve
from sklearn_contrastive.preprocessing._standardization import standardised_table
from sklearn_contrastive.similarity import (
    SIMILARITIES,
    FunctionSimilarity,
    NeighborSimilarity,
    Similarity,
)


def fit_similarity(columns, similarity, X, y, rows=None):
    """Return a similarity fitted to rows, standardised as `columns` says.

    ``rows`` are their numbers in the table that a graph or pairs refer to.
    """
    if rows is not None:
        similarity = _of_rows(similarity, rows, len(X))
    if similarity.reads_rows:
        X = standardised_table(X, columns)
    return similarity.fit(X, y)


def resolve_similarity(similarity):
    """Return the unfitted similarity that a name, object, graph or function stands for.

    It is never the user's own object.
    """
    if issparse(similarity):
        return NeighborSimilarity(graph=similarity)
    if callable(similarity) and not isinstance(similarity, Similarity):
        return FunctionSimilarity(similarity)
    return resolve(similarity, SIMILARITIES)


def similarity_name(similarity):
    """Return the name of a similarity of the package, None for any other."""
    if isinstance(similarity, str):
        return similarity if similarity in SIMILARITIES else None
    kinds = SIMILARITIES.items()
    return next((name for name, kind in kinds if isinstance(similarity, kind)), None)


def _of_rows(similarity, rows, n_rows):
    if not hasattr(similarity, "of_rows"):
        raise ValueError(
            "`rows` is only used by a similarity that speaks of row numbers: a graph, "
            f"NeighborSimilarity or PairConstraints; got {similarity}. Leave it out."
        )
    rows = np.asarray(rows)
    if rows.shape != (n_rows,) or rows.dtype.kind not in "iu":
        raise ValueError(
            f"`rows` must hold one row number for each of {n_rows} rows of `X`; got "
            f"{rows.dtype} of shape {rows.shape}."
        )
    if len(np.unique(rows)) < len(rows):
        raise ValueError("`rows` must hold every row number once; some repeat.")
    return similarity.of_rows(rows)


def check_no_row_numbers(similarity):
    """Raise where a similarity holds row numbers of one table, for another one."""
    if similarity.uses_row_indices:
        raise ValueError(
            f"`X_val` must not be given with {type(similarity).__name__}: its row "
            "numbers belong to `X`. Leave it out, and rows or pairs are held out of "
            "`X`."
        )


def flat_pairs(similarity, X):
    """Return the two rows of each pair one below the other, other tables as they are.

    Pairs (n_pairs, 2, n_features) become rows (2 * n_pairs, n_features).
    """
    numbered = isinstance(similarity, Similarity) and similarity.uses_row_indices
    if similarity_name(similarity) != "pairs" or numbered:
        return X
    X = np.asarray(X)
    if X.ndim != 3 or X.shape[1] != 2:
        raise ValueError(
            "`X` must hold pairs of rows, shape (n_pairs, 2, n_features), with "
            f"similarity='pairs'; got shape {X.shape}. Stack two tables with "
            "np.stack([A, B], axis=1), or name pairs by their row numbers: "
            "PairConstraints(pairs, labels). If each sample is one row, such as an "
            "image, pass X.reshape(len(X), -1)."
        )
    return X.reshape(-1, X.shape[-1])
