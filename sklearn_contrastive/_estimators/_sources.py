"""Where similarity comes from: names, objects and graphs become fitted similarities."""

import numpy as np
from scipy.sparse import issparse

from sklearn_contrastive._estimators._objectives import resolve
from sklearn_contrastive.preprocessing._standardization import standardised_table
from sklearn_contrastive.similarity import (
    SIMILARITIES,
    FunctionSimilarity,
    NeighborSimilarity,
    Similarity,
)


def fit_similarity(estimator, similarity, X, y, rows=None):
    """Return a similarity fitted to rows as an estimator sees them.

    Parameters
    ----------
    estimator : ContrastiveEmbedding
        With what is done to columns.

    similarity : Similarity
        Not fitted, what `resolve_similarity` returned.

    X : ndarray of shape (n_samples, n_features)
        Checked rows, in raw units.

    y : object
        What is known of them, or None.

    rows : array-like of int of shape (n_samples,), default=None
        Their numbers in the table that a graph or pairs speak of.

    Returns
    -------
    similarity : Similarity
        Fitted.

    Raises
    ------
    ValueError
        If `y` or `rows` are not what the similarity needs.
    """
    if rows is not None:
        similarity = _of_rows(similarity, rows, len(X))
    if similarity.reads_rows:
        X = standardised_table(X, estimator._standardization())
    return similarity.fit(X, y)


def resolve_similarity(similarity):
    """Return what a name, an object, a graph or a function stands for.

    Parameters
    ----------
    similarity : str, Similarity, sparse matrix or callable
        What the user gave, without "auto".

    Returns
    -------
    similarity : Similarity
        Not fitted, and never the user's own object.
    """
    if issparse(similarity):
        return NeighborSimilarity(graph=similarity)
    if callable(similarity) and not isinstance(similarity, Similarity):
        return FunctionSimilarity(similarity)
    return resolve(similarity, None, SIMILARITIES)


def similarity_name(similarity):
    """Return the name of what makes two rows similar.

    Parameters
    ----------
    similarity : str or object
        What the user gave, or what "auto" became.

    Returns
    -------
    name : str or None
        One of `SIMILARITIES`; None for "auto", a graph, a function and similarities of
        the user's own.
    """
    if isinstance(similarity, str):
        return similarity if similarity in SIMILARITIES else None
    kinds = SIMILARITIES.items()
    return next((name for name, kind in kinds if isinstance(similarity, kind)), None)


def _of_rows(similarity, rows, n_rows):
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
    """Raise where a similarity speaks of the rows of one table, and not of others.

    Parameters
    ----------
    similarity : Similarity
        Not fitted.

    Raises
    ------
    ValueError
        If it brings a graph, edges or pairs of row numbers.
    """
    if similarity.uses_row_indices:
        raise ValueError(
            f"`X_val` must not be given with {type(similarity).__name__}: its row "
            "numbers speak of `X`. Leave it out, and rows or pairs are held out of `X`."
        )


def flat_pairs(similarity, X):
    """Return the two rows of each pair below each other, and other tables as they are.

    Parameters
    ----------
    similarity : str or object
        What makes two rows similar.

    X : array-like of shape (n_pairs, 2, n_features) or (n_samples, n_features)
        Samples.

    Returns
    -------
    X : array-like of shape (2 * n_pairs, n_features) or (n_samples, n_features)
        Rows.

    Raises
    ------
    ValueError
        If pairs are wanted and `X` holds none, or the other way round.
    """
    numbered = getattr(similarity, "uses_row_indices", False)
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
