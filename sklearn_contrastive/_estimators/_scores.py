"""The leave-one-out score of an embedding."""

import warnings

import numpy as np

from sklearn_contrastive._estimators._resolve import similarity_name
from sklearn_contrastive._pairs._neighbor_search import fork_safe_threads
from sklearn_contrastive._validation import check_rows
from sklearn_contrastive.preprocessing._standardization import standardized_table
from sklearn_contrastive.similarity import (
    check_label_sets,
    check_labels,
    check_pair_labels,
    check_targets,
    infer_similarity,
)

#: Neighbours that targets are averaged over, and that are to be kept.
_N_NEIGHBORS = 5
_FEW = f"neighbours of each other, being at most {_N_NEIGHBORS + 1}"


def score_of(estimator, X, y):
    """Return the leave-one-out score of an embedding, as its `score` describes it."""
    kind = _kind(estimator.similarity_, X, y)
    if kind == "pairs":
        return _pairs_in_order(estimator.pair_distance(X), y)
    # Whatever set_output asks for, neighbours are looked for among arrays.
    Z = np.asarray(estimator.transform(X))
    if kind == "neighbors":
        X = check_rows(estimator, X, reset=False)
        X = standardized_table(X, estimator._state.columns)
        return _share_kept(X, Z)
    if kind == "labels":
        return _accuracy(Z, y, getattr(estimator.similarity_, "unlabeled", None))
    return _r2(Z, y) if kind == "targets" else _jaccard(Z, y)


def _kind(similarity, X, y):
    """Return the kind of `y`: that of the fit or, failing that, the inferred one."""
    told = similarity_name(similarity)
    if y is None or told not in ("labels", "targets", "multilabel"):
        return infer_similarity(X, y)
    return "pairs" if infer_similarity(X, None) == "pairs" else told


def _accuracy(Z, y, unlabeled):
    y, known = check_labels(y, len(Z), unlabeled)
    Z, y = _where_known(known, Z, y, "label")
    near, n_classes = _others(Z, 1)[:, 0], len(np.unique(y))
    if n_classes == 1 or n_classes == len(y):
        _warn_of_idleness("of one class" if n_classes == 1 else "alone of their class")
    return float(np.mean(y[near] == y))


def _r2(Z, y):
    from sklearn.metrics import r2_score

    y = check_targets(y, len(Z))
    known = ~np.isnan(y).any(axis=1)
    Z, y = _where_known(known, Z, y, "target")
    near, one = _others(Z, _N_NEIGHBORS), (y == y[0]).all()
    if one or len(Z) <= _N_NEIGHBORS + 1:
        _warn_of_idleness("of one target" if one else _FEW)
    # In units of a power of two, which changes no digit, squares are in range.
    y = np.ldexp(y, -np.frexp(np.abs(y).max(axis=0))[1])
    return float(r2_score(y, y[near].mean(axis=1)))


def _jaccard(Z, y):
    from sklearn.metrics import jaccard_score

    _, indicators = check_label_sets(y, len(Z))
    if (indicators == indicators[0]).all():
        _warn_of_idleness("of the same labels")
    others = indicators[_others(Z, 1)[:, 0]]
    # Two rows without any label agree.
    return jaccard_score(indicators, others, average="samples", zero_division=1)


def _pairs_in_order(distances, y):
    from sklearn.metrics import roc_auc_score

    similar = check_pair_labels(y, len(distances), "y")
    if similar.all() or not similar.any():
        raise ValueError("`y` must hold pairs of both kinds, similar and dissimilar.")
    return float(roc_auc_score(similar, -distances))


def _share_kept(X, Z):
    before, after = _others(X, _N_NEIGHBORS), _others(Z, _N_NEIGHBORS)
    if len(Z) <= _N_NEIGHBORS + 1:
        _warn_of_idleness(_FEW)
    kept = (before[:, :, None] == after[:, None, :]).any(axis=2)
    return float(kept.mean())


def _others(Z, n_neighbors):
    """Return the nearest other rows of each row, at most so many."""
    from sklearn.neighbors import NearestNeighbors

    if len(Z) < 2:
        raise ValueError(f"`X` must hold at least two rows; got {len(Z)}.")
    search = NearestNeighbors(n_neighbors=min(n_neighbors, len(Z) - 1)).fit(Z)
    with fork_safe_threads():
        return search.kneighbors(return_distance=False)


def _warn_of_idleness(what):
    """Warn of rows that have the same score however they are embedded."""
    warnings.warn(
        f"All rows that are scored are {what}: the score is the same whatever the "
        "embedding. Score more rows, of several classes or targets; in "
        "cross-validation use stratified or shuffled folds.",
        stacklevel=5,
    )


def _where_known(known, Z, y, what):
    """Return the points and `y` of rows with a known `y`, at least two."""
    if len(y) >= 2 > known.sum():
        raise ValueError(
            f"`y` must hold at least two known {what}s to score by; got {known.sum()} "
            f"in {len(y)} rows. In cross-validation, spread known rows over the folds."
        )
    return Z[known], y[known]
