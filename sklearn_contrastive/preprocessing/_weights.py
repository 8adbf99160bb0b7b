"""Weights of columns: what each tells of labels, beside what chance would tell."""

from math import isqrt

import numpy as np
from scipy.sparse import csr_array

from sklearn_contrastive._validation import read_numbers, shorten
from sklearn_contrastive.preprocessing._expansion import LEARNED, WIDTH
from sklearn_contrastive.preprocessing._standardization import (
    learn_standardization,
    standardized,
)

#: Rows below which all weights are 1, since chance would choose them.
FEWEST_ROWS = 300
#: Rows that are compared, and their number times that of columns or outputs.
_MOST_ROWS, _MOST_NUMBERS = 20_000, 2**22
#: Trees, least rows in a leaf for each 1,000 or in all, rows that they need of a class.
_N_TREES, _LEAF, _ROWS_OF_CLASS = 30, 3, 30
#: Trees are grown from this share of the rows, or these least and most numbers of them:
#: what columns tell only together shows in many rows. The numbers read are bounded.
_GROWN, _LEAST_GROWN, _MOST_GROWN, _MOST_READ = 1 / 3, 1000, 8000, 2**19
#: Classes or outputs that are compared: of more, evenly spaced ones.
_MOST_OUTPUTS = 500
#: Columns that a node chooses from, or the square root of their number if it is more:
#: two that tell only together must often meet.
_TRIED = 16
#: Columns beyond which no trees are grown.
_MOST_SHADOWED = 2000
#: The share of the usual length is the first number times one less the noise of labels,
#: less the second, and at least the third.
_FALL, _SHORTER, _SHORTEST = 2.5, 0.4, 1 / 8
#: Parts of the rows, each of which is foretold by the others.
_N_FOLDS = 5
#: What columns of noise stay below, as a share of them.
_CHANCE = 0.9
#: The least weight: a number, or so many rows as a share of all.
_LEAST, _LEAST_ROWS = 0.05, 30


def weights_of(given, X, similarities, columns):
    """Return weights of the columns each network reads, and the share of usual length.

    Networks learn weights from their own rows, those of the same rows once. Where
    labels are noisy training is shorter: late, it learns single rows by heart. Weights
    are None where all are 1; codes have those of their columns, and each level of a
    category has its own. ``columns`` is the standardisation.
    """
    share, expansion, codes = 1.0, columns.expansion, columns.codes
    if isinstance(given, str):
        different = {id(similarity): similarity for similarity in similarities}
        found = {
            name: learn_weights(X, own, expansion) for name, own in different.items()
        }
        parts = zip(
            *(found[id(similarity)] for similarity in similarities), strict=True
        )
        weights, noises = map(np.stack, parts)
        share = np.clip(_FALL * (1 - noises) - _SHORTER, _SHORTEST, 1).mean()
        # In halves, so that the folds of a search mostly have one length.
        share = 2.0 ** np.round(np.log2(share))
    else:
        weights = _checked(given, X.shape[1])
        if expansion is not None:
            weights = weights[expansion.source]
        weights = np.tile(weights, (len(similarities), 1))
    if (weights == 1).all():
        return None, share
    if codes is not None:
        weights = np.hstack([weights, weights[:, codes.columns]])
    if expansion is not None:
        weights = np.hstack([weights, np.ones((len(weights), len(expansion.sizes)))])
    return weights, share


def learn_weights(X, similarity, expansion=None):
    """Return a weight in (0, 1] for each column, and how noisy the labels are.

    What a column tells of labels or targets is compared with what chance does: alone
    and linearly by the F statistic, beside others by its importance in randomised trees
    next to those of shuffled columns [1]_. The larger ratio counts; twice what chance
    reaches in one column of ten has the weight 1. Of levels that an encoder learns
    of, what other rows of them foretell is compared, and alone. The noise is the error
    of the trees out of bag over that of the most frequent class, 0 without classes or
    trees.

    References
    ----------
    .. [1] M. B. Kursa, W. R. Rudnicki, "Feature Selection with the Boruta Package",
       Journal of Statistical Software 36(11), 2010.
    """
    rows, strata, values = similarity.rows_, similarity.strata(), None
    if strata is None:
        values = similarity.votes()
        n_outputs = 0 if values is None else values.shape[1]
    else:
        n_outputs = int(strata.max()) + 1
    # The time grows with their third power.
    each = slice(None, None, max(1, -(-n_outputs // _MOST_OUTPUTS)))
    some = np.arange(n_outputs)[each]
    if strata is not None:
        rows = rows[np.isin(strata[rows], some)]
    n_rows = len(rows)
    n_columns = X.shape[1] if expansion is None else len(expansion.source)
    if n_rows < FEWEST_ROWS or not n_outputs:
        return np.ones(n_columns), 0.0
    most = min(_MOST_ROWS, _MOST_NUMBERS // max(n_columns, len(some)))
    if n_rows > max(most, FEWEST_ROWS):
        # At random: evenly spaced ones may be all of one class.
        rng = np.random.default_rng(0)
        rows = np.sort(rng.choice(rows, max(most, FEWEST_ROWS), replace=False))
    if strata is None:
        values = np.asarray(values[rows][:, each], dtype=np.float64)
    else:
        values = strata[rows, None] == some
    X = np.array(X[rows], dtype=np.float64, order="C")
    levels, learned = [], np.zeros(n_columns, dtype=bool)
    if expansion is not None:
        levels, learned = expansion.rows_of(X).T, expansion.level == LEARNED
        X = expansion.of(X)
    Z = standardized(X, learn_standardization(X, "robust"))
    ratios, noise = _alone(Z, values), 0.0
    most = min(_GROWN * n_rows, _MOST_GROWN, _MOST_READ / n_columns)
    n_grown = int(min(len(Z), max(most, _LEAST_GROWN)))
    shadowed = n_grown >= _ROWS_OF_CLASS * len(some)
    if shadowed and n_columns <= _MOST_SHADOWED and not learned.all():
        given = Z[:, ~learned], values, strata is not None, n_grown
        found, noise = _beside_others(*given)
        ratios[~learned] = np.maximum(ratios[~learned], found)
    of_levels = [_alone(_foretold(own, values), values).mean() for own in levels]
    ratios[learned] = np.repeat(of_levels, WIDTH)
    weights = np.clip(ratios - 1, max(_LEAST, _LEAST_ROWS / n_rows), 1)
    return weights / weights.max(), noise


def _alone(Z, values):
    """Return the F statistic of each column over what chance stays below."""
    from scipy.stats import f as f_distribution

    Z, values = Z - Z.mean(axis=0), values - values.mean(axis=0)
    gram, products = values.T @ values, values.T @ Z
    rank = np.linalg.matrix_rank(gram, hermitian=True)
    left = len(Z) - rank - 1
    if not rank or left < 1:
        return np.full(Z.shape[1], 2.0)
    explained = np.linalg.pinv(gram, hermitian=True) @ products * products
    total = (Z**2).sum(axis=0)
    share = np.clip(explained.sum(axis=0) / (total + (total == 0)), 0, 1 - 1e-12)
    statistic = share / (1 - share) * left / rank
    return statistic / f_distribution.ppf(_CHANCE, rank, left)


def _foretold(levels, values):
    """Return what other rows of the same level foretell of each row's values."""
    rng, n = np.random.default_rng(0), len(values)
    folds, values = rng.permutation(n) % _N_FOLDS, values - values.mean(axis=0)
    places = np.unique(levels, return_inverse=True)[1]
    places = csr_array((np.ones(n), (np.arange(n), places)))
    # A column of ones counts the rows; one more row, of the mean, makes few say little.
    counted, found = np.column_stack([values, np.ones(n)]), np.empty(values.shape)
    for fold in range(_N_FOLDS):
        own, others = folds == fold, folds != fold
        sums = places[own] @ (places[others].T @ counted[others])
        found[own] = sums[:, :-1] / (1 + sums[:, -1:])
    return found


def _beside_others(Z, values, labels, n_grown):
    """Return importances over that which chance stays below, and the noise of labels.

    Chance is what trees make of the same columns, each in another order of rows.
    """
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    rng = np.random.default_rng(0)
    rows = rng.permutation(len(Z))[:n_grown]
    Z, values = Z[rows], values[rows]
    values = values.argmax(axis=1) if labels else values
    kind = ExtraTreesClassifier if labels else ExtraTreesRegressor
    leaf = max(_LEAF, _LEAF * n_grown // 1000)
    options = {"min_samples_leaf": leaf, "bootstrap": True, "oob_score": labels}
    n_read = 2 * Z.shape[1]
    tried = min(n_read, max(_TRIED, isqrt(n_read)))
    trees = kind(_N_TREES, random_state=0, max_features=tried, **options)
    if values.shape[1:] == (1,):
        values = values[:, 0]
    trees.fit(np.hstack([Z, rng.permuted(Z, axis=0)]), values)
    own, shuffled = np.split(trees.feature_importances_, 2)
    limit, noise = np.quantile(shuffled, _CHANCE), 0.0
    if labels:
        rest = 1 - np.bincount(values).max() / len(values)
        noise = (1 - trees.oob_score_) / rest if rest else 0.0
    return own / (limit or 1), noise


def _checked(weights, n_features):
    """Return given weights as floats; raise where they are none of columns."""
    found = shorten(weights)
    try:
        values = np.asarray(read_numbers(weights), dtype=np.float64)
        fine = values.shape == (n_features,) and np.isfinite(values).all()
        found += f" of shape {values.shape}"
    except (TypeError, ValueError):
        fine = False
    if not (fine and values.min() >= 0 < values.max()):
        raise ValueError(
            "`feature_weights` must be None, 'auto' or a finite number >= 0 for each of"
            f" the {n_features} columns, not all 0; got {found}."
        )
    return values / values.max()
