"""Networks that are each trained without some of the rows, and where these then lie."""

from copy import copy
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval

from sklearn_contrastive._training._early_stopping import BestCycle
from sklearn_contrastive._training._run import random_streams
from sklearn_contrastive._validation import check_rows, read_values, shorten, shortened

#: Folds of ``cross_fit=True``.
N_FOLDS = 4
#: Held-out rows of each that a length is chosen by, and their numbers.
_MOST_SCORED, _MOST_NUMBERS = 8192, 2**24
#: Constraints of a parameter that holds folds.
FOLDS = [
    Interval(Integral, 2, None, closed="left"),
    HasMethods(["split", "get_n_splits"]),
    "array-like",
]


class RepeatedFolds:
    """Folds with about the same share of every class, drawn anew several times.

    Other than scikit-learn's, they take classes of fewer rows than folds.
    """

    def __init__(self, n_folds, n_repeats, random_state):
        self.n_folds, self.n_repeats = n_folds, n_repeats
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None):
        return self.n_folds * self.n_repeats

    def split(self, X, y, groups=None):
        """Yield training and held-out rows of each fold, given the class of rows."""
        n, what = len(y), "rows"
        if groups is not None:
            n, what = groups.max() + 1, "`groups`"
        if self.n_folds > n:
            raise ValueError(
                f"`cross_fit` must be at most the number of {what}, {n}; got "
                f"{self.n_folds} folds (n_samples={len(y)}). Lower it."
            )
        (rng,) = random_streams(self.random_state)
        for _ in range(self.n_repeats):
            if groups is None:
                order = rng.permutation(n)
                order = order[np.argsort(y[order], kind="stable")]
                fold_of = np.empty(n, dtype=int)
                fold_of[order] = np.arange(n) % self.n_folds
            else:
                fold_of = _share_out(groups, self.n_folds, rng)[groups]
            for fold in range(self.n_folds):
                yield np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)


def _share_out(groups, n_folds, rng):
    """Return the fold of each group: that with the fewest rows, large groups first."""
    counts, n_rows = np.bincount(groups), np.zeros(n_folds, dtype=int)
    folds, order = np.empty(len(counts), dtype=int), rng.permutation(len(counts))
    for group in order[np.argsort(-counts[order], kind="stable")]:
        folds[group] = n_rows.argmin()
        n_rows[folds[group]] += counts[group]
    return folds


def checked_groups(estimator, groups, n_rows):
    """Return the groups of rows as codes; rows of one are held out together."""
    if estimator.cross_fit is False and not estimator.early_stopping:
        raise ValueError(
            "`groups` are only used where rows are held out, by `cross_fit` or "
            "`early_stopping`; both are False. Leave them out."
        )
    _, values, missing = read_values(groups)
    if values.shape != (n_rows,) or missing.any():
        raise ValueError(
            f"`groups` must hold one group per row, of shape ({n_rows},), none missing;"
            f" got shape {values.shape} with {missing.sum()} missing. Give every row "
            "the name or number of its group."
        )
    values = values.astype(str) if values.dtype.kind == "O" else values
    return np.unique(values, return_inverse=True)[1]


def folds_of(estimator, similarity, n_rows, groups, before):
    """Return training rows and held-out rows of each fold, as arrays of row numbers.

    Rows whose class is unknown are trained on in every fold. ``before`` are the
    attributes of a fit that is resumed, with its folds.
    """
    _check_possible(estimator, similarity)
    known, strata = similarity.rows_, similarity.strata()
    if strata is None:
        strata = np.zeros(n_rows, dtype=int)
    unknown, known = known[strata[known] < 0], known[strata[known] >= 0]
    cross_fit, n_folds = estimator.cross_fit, None
    if isinstance(cross_fit, Integral):
        n_folds = N_FOLDS if cross_fit is True else int(cross_fit)
    if before is not None:
        folds = before.get("folds_")
        same = folds is not None and n_folds in (None, len(folds))
        if not same or not _cover(folds, known):
            raise ValueError(
                "`warm_start=True` with `cross_fit` needs the rows and folds of a last "
                f"fit with `cross_fit`; got {n_rows} rows and cross_fit="
                f"{shorten(cross_fit)}. Set `warm_start=False`."
            )
        return folds
    given = cross_fit
    if n_folds is not None:
        cross_fit = RepeatedFolds(n_folds, 1, estimator.random_state)
    try:
        parts = _split(cross_fit, n_rows, strata, groups)
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        if n_folds is not None:
            raise
        raise _no_folds(given, shortened(error)) from error
    # As masks: sets of row numbers would take eight times as much memory to sort.
    known, unknown = _mask(known, n_rows), _mask(unknown, n_rows)
    masks = (
        (_mask(train, n_rows) & known | unknown, _mask(out, n_rows) & known)
        for train, out in parts
    )
    folds = [tuple(map(np.flatnonzero, fold)) for fold in masks]
    empty = any(not len(part) for fold in folds for part in fold)
    if empty or not _cover(folds, np.flatnonzero(known)):
        raise _no_folds(given, "some rows are held out by none, or a part is empty")
    # A row stands on both sides where its group does.
    names = np.arange(n_rows) if groups is None else groups
    sides = ((names[train], names[out]) for train, out in folds)
    if any((_mask(train, n_rows) & _mask(out, n_rows)).any() for train, out in sides):
        raise _no_folds(given, "rows, or rows of one of `groups`, are on both sides")
    return folds


def _mask(numbers, n):
    """Return which of the numbers below n are among some."""
    found = np.zeros(n, dtype=bool)
    found[numbers] = True
    return found


def _split(cross_fit, n_rows, strata, groups):
    """Return training and held-out rows of each fold as the user's object has them."""
    from sklearn.model_selection import check_cv

    rows, table = np.arange(n_rows), np.empty((n_rows, 1))
    splits = check_cv(cross_fit).split(table, strata, groups)
    return [(rows[np.asarray(train)], rows[np.asarray(out)]) for train, out in splits]


def _no_folds(cross_fit, reason):
    return ValueError(
        "`cross_fit` must be folds that each leave out the rows they hold out, and "
        f"together hold out every row; got {shorten(cross_fit)} ({reason}). Pass True, "
        "a number of folds, or a splitter such as KFold."
    )


def _check_possible(estimator, similarity):
    """Raise where rows cannot be held out, or their points not be compared."""
    if similarity.takes_pairs:
        raise ValueError(
            f"`cross_fit` needs single rows as samples; got {shorten(similarity)}, "
            "whose pairs may share a row. Set `cross_fit=False`."
        )
    if not estimator.normalize:
        raise ValueError(
            "`cross_fit` needs `normalize=True`; got False. Off the unit sphere "
            "distances in different networks cannot be compared."
        )


def _cover(folds, rows):
    """Return whether folds hold out these rows, in order, and no others."""
    held_out = np.concatenate([out for _, out in folds] or [rows[:0]])
    most = max(held_out.max(initial=-1), rows.max(initial=-1)) + 1
    return bool(folds) and np.array_equal(np.flatnonzero(_mask(held_out, most)), rows)


def within_folds(similarity, folds, n_networks):
    """Return for each network the similarity among its training rows."""
    in_folds = [similarity.among(train) for train, _ in folds]
    return [in_folds[network % len(folds)] for network in range(n_networks)]


def best_cycle(X, similarity, folds, n_networks, epochs):
    """Return what keeps the better of two lengths, or None where no row can vote.

    The epochs are then split into two. Networks of the first fold have one length, so
    that its rows are to them what new rows are, and no choice has been made by them.
    """
    values = similarity.votes()
    if values is None:
        return None
    epochs.split()
    most = max(1, min(_MOST_SCORED, _MOST_NUMBERS // X.shape[1]))
    held_out = [out[:: -(-len(out) // most)] for _, out in folds]
    of_networks = [held_out[network % len(folds)] for network in range(n_networks)]
    first = slice(0, None, len(folds))
    return BestCycle(X, values, of_networks, epochs.ends, first)


def networks_of(folds, n_members):
    """Return how many networks there are: at least one for each fold, as many for all.

    Network number i belongs to fold i modulo the number of folds.
    """
    n_folds = len(folds)
    n_members = n_folds if n_members == "auto" else int(n_members)
    return -(-n_members // n_folds) * n_folds


def check_shared(n_components, n_networks):
    """Raise where networks cannot share components, on unit spheres."""
    if n_components != "auto" and (
        n_components % n_networks or n_components < 2 * n_networks
    ):
        raise ValueError(
            f"`n_components` must be a multiple of the {n_networks} networks of "
            f"`cross_fit`, and at least {2 * n_networks}, two for each; got "
            f"{shorten(n_components)}. Set it to 'auto', with a torch module of two "
            "outputs or more."
        )


def length_of(n_networks):
    """Return the share of the usual length that networks are trained for.

    What one of many has learned by heart is averaged out, and what it has not yet
    learned another has.
    """
    return 1.0 if n_networks <= N_FOLDS else 0.5


def training_points(estimator, X):
    """Return the points of the rows of `fit`, as `fit_transform` does."""
    fitted = copy(estimator)
    Z = fitted._state.embed(check_rows(fitted, X, reset=False))
    if fitted.cross_fit is False:
        return Z
    return held_out_points(Z, fitted.folds_, fitted.n_members_)


def held_out_points(Z, folds, n_networks):
    """Return points of rows that lie only in networks which have not seen them.

    ``Z`` (n_rows, n_networks * n_own) are their points in all networks, side by side.
    Those of other networks become zero. What is left is scaled such that its mean over
    the folds is what a new row has: linear functions of both then agree, and the
    distances from a new row are in order of those within networks.
    """
    unseen = np.zeros((len(Z), n_networks, 1), dtype=Z.dtype)
    for network in range(n_networks):
        unseen[folds[network % len(folds)][1], network] = 1
    # Rows without a label have been seen by all.
    unseen[~unseen.any(axis=1)[:, 0]] = 1
    unseen *= n_networks / unseen.sum(axis=1, keepdims=True)
    return (Z.reshape(len(Z), n_networks, -1) * unseen).reshape(Z.shape)
