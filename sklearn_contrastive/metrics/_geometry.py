"""Geometry of embedded points: spread, dimension, neighbourhoods, consistency."""

from numbers import Integral, Real

import numpy as np
from scipy.special import logsumexp
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import Interval

from sklearn_contrastive._pairs._neighbor_search import fork_safe_threads
from sklearn_contrastive._validation import shorten, validate
from sklearn_contrastive.metrics import _distances, _inputs

#: Squared distances held at once.
_BLOCK = 2**20

_POSITIVE = Interval(Real, 0, None, closed="neither")
_COUNT = Interval(Integral, 1, None, closed="left")


@validate({"Z": ["array-like"], "y": ["array-like"], "alpha": [_POSITIVE]})
def alignment(Z, y, alpha=2):
    r"""Return how far apart rows of the same class are.

    .. math::

        \frac{1}{|P|} \sum_{\{i, j\} \in P} \lVert z_i - z_j \rVert^\alpha

    over the pairs P of different rows of the same class [1]_.

    Parameters
    ----------
    Z : array-like of shape (n_rows, n_components)
        Embedded rows; those of [1]_ are on the unit sphere.

    y : array-like of shape (n_rows,)
        Their classes, labels of any type.

    alpha : float, default=2
        Power of the distance, > 0. A larger one counts far pairs more.

    Returns
    -------
    alignment : float
        At least 0, in units of the distance to the power of `alpha`. Small is well
        aligned; 0 also for points that have all collapsed into one, so look at
        `uniformity` as well.

    Raises
    ------
    ValueError
        If no two rows are of the same class, points and labels do not fit, or the
        result is not a finite number.

    References
    ----------
    .. [1] T. Wang, P. Isola, "Understanding Contrastive Representation Learning through
       Alignment and Uniformity on the Hypersphere", ICML 2020.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import alignment
    >>> alignment([[0, 0], [0, 2], [5, 0], [9, 0]], ["a", "a", "b", "b"])
    10.0
    >>> alignment([[0, 0], [0, 2], [5, 0], [9, 0]], ["a", "a", "b", "b"], alpha=1)
    3.0
    """
    Z = _inputs.check_points(Z, "Z")
    codes = _inputs.class_codes(y, len(Z))
    counts = np.bincount(codes)
    n_pairs = int((counts * (counts - 1) // 2).sum())
    _inputs.check_not_all_alone(n_pairs, len(Z))
    points, exponent = _distances.scaled(Z[np.argsort(codes, kind="stable")])
    total = 0.0
    for part in np.split(points, np.cumsum(counts)[:-1]):
        if alpha == 2:
            total += len(part) * (_centered(part) ** 2).sum()
        else:
            total += sum((d**alpha).sum() for d in map(np.sqrt, _pair_squares(part)))
    with np.errstate(over="ignore"):
        return _finite(total / n_pairs * np.exp2(exponent * float(alpha)), "powers")


@validate({"Z": ["array-like"], "t": [_POSITIVE]})
def uniformity(Z, t=2):
    r"""Return how unevenly points are spread.

    .. math::

        \log \frac{2}{n (n - 1)} \sum_{i < j} e^{-t \lVert z_i - z_j \rVert^2}

    the logarithm of the mean Gaussian potential of two points [1]_.

    Parameters
    ----------
    Z : array-like of shape (n_rows, n_components)
        Embedded rows, at least two, on the unit sphere. Elsewhere the result depends
        on the unit of distance.

    t : float, default=2
        How fast the potential falls with the squared distance, > 0. A larger one looks
        at nearer pairs only.

    Returns
    -------
    uniformity : float
        At most 0, which it is where all points coincide; on the unit sphere at least
        ``-4 * t``, and near ``-2 * t`` for points spread evenly over many dimensions.
        Small is evenly spread.

    Raises
    ------
    ValueError
        If there are fewer than two rows, or they or their squared distances are not
        finite.

    References
    ----------
    .. [1] T. Wang, P. Isola, "Understanding Contrastive Representation Learning through
       Alignment and Uniformity on the Hypersphere", ICML 2020.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import uniformity
    >>> uniformity([[1, 0], [-1, 0]])
    -8.0
    """
    Z = _inputs.check_points(Z, "Z", n_least=2)
    with np.errstate(over="ignore", invalid="ignore"):
        _finite((_centered(Z) ** 2).sum(), "squares")
    sums = []
    for squares in _pair_squares(Z):
        # Faster than `logsumexp` of all of them.
        least = squares.min()
        sums.append(np.log(np.exp(t * (least - squares)).sum()) - t * least)
    return float(logsumexp(sums) - np.log(len(Z) * (len(Z) - 1) / 2))


@validate({"Z": ["array-like"]})
def effective_rank(Z):
    r"""Return how many dimensions the points use.

    .. math::

        \exp \Bigl( -\sum_k p_k \log p_k \Bigr), \qquad
        p_k = \frac{\sigma_k}{\sum_l \sigma_l}

    with the singular values :math:`\sigma_k` of the points [1]_ about their mean.

    Parameters
    ----------
    Z : array-like of shape (n_rows, n_components)
        Embedded rows, at least two.

    Returns
    -------
    rank : float
        In [1, n_components]; 0 where all points coincide. Far below the number of
        components, some of them are redundant.

    Raises
    ------
    ValueError
        If there are fewer than two rows, or they are not finite.

    References
    ----------
    .. [1] O. Roy, M. Vetterli, "The Effective Rank: A Measure of Effective
       Dimensionality", EUSIPCO 2007.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import effective_rank
    >>> round(effective_rank([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]]), 3)
    2.0
    """
    from scipy.stats import entropy

    points = _in_unit(_inputs.check_points(Z, "Z", n_least=2))
    lengths = np.linalg.svd(points, compute_uv=False)
    return float(np.exp(entropy(lengths))) if lengths.any() else 0.0


@validate({"Z": ["array-like"], "n_neighbors": [_COUNT]})
def hubness(Z, n_neighbors=10):
    r"""Return how unevenly rows occur among the nearest neighbours of others.

    .. math::

        \frac{\mathrm{E} (N_k - \mu)^3}{\sigma^3}

    the skewness of :math:`N_k`, how often a row is among the k nearest of another, over
    all rows [1]_. Of rows that are equally far any may be taken.

    Parameters
    ----------
    Z : array-like of shape (n_rows, n_components)
        Embedded rows, more than `n_neighbors`.

    n_neighbors : int, default=10
        How many of the nearest count: k, >= 1.

    Returns
    -------
    skewness : float
        Around 0 where rows occur about equally often; well above 1 where a few of them,
        the hubs, are neighbours of very many. 0 where all occur equally often.

    Raises
    ------
    ValueError
        If there are too few rows, or they are not finite.

    References
    ----------
    .. [1] M. Radovanović, A. Nanopoulos, M. Ivanović, "Hubs in Space: Popular Nearest
       Neighbors in High-Dimensional Data", JMLR 11, 2010.

    Examples
    --------
    The row in the middle is the nearest of all others:

    >>> from sklearn_contrastive.metrics import hubness
    >>> Z = [[0, 0], [1, 0], [-1.1, 0], [0, 1.2], [0, -1.3]]
    >>> round(hubness(Z, n_neighbors=1), 2)
    1.29
    """
    from scipy.stats import skew

    Z = _inputs.check_points(Z, "Z")
    neighbors = nearest_in_any_unit(Z, n_neighbors)
    occurrences = np.bincount(neighbors.ravel(), minlength=len(Z))
    return float(skew(occurrences)) if np.ptp(occurrences) else 0.0


@validate({"X": ["array-like"], "Z": ["array-like"], "n_neighbors": [_COUNT]})
def neighborhood_preservation(X, Z, n_neighbors=5):
    r"""Return the share of neighbours that an embedding preserves.

    .. math::

        \frac{1}{n k} \sum_i \bigl| N_k^X(i) \cap N_k^Z(i) \bigr|

    with :math:`N_k^X(i)` the k nearest other rows of row i in X. Of rows that are
    equally far any may be taken.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Rows before, as they are: standardise columns of different units first.

    Z : array-like of shape (n_rows, n_components)
        The same rows embedded, more than `n_neighbors`.

    n_neighbors : int, default=5
        How many of the nearest count: k, >= 1. A larger one looks at wider
        neighbourhoods.

    Returns
    -------
    share : float
        In [0, 1]; about ``n_neighbors / (n_rows - 1)`` at random.

    Raises
    ------
    ValueError
        If the numbers of rows differ or are too small, or values are not finite.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import neighborhood_preservation
    >>> neighborhood_preservation([[0], [1], [3], [7]], [[0], [1], [3], [-9]], 1)
    0.75
    """
    X, Z = _inputs.check_points(X, "X"), _inputs.check_points(Z, "Z")
    if len(X) != len(Z):
        raise ValueError(f"`Z` must embed `X`; got {len(Z)} rows and {len(X)}.")
    before, after = (nearest_in_any_unit(table, n_neighbors) for table in (X, Z))
    kept = [np.isin(*rows).sum() for rows in zip(before, after, strict=True)]
    return float(np.sum(kept) / before.size)


@validate({"embeddings": ["array-like"]})
def embedding_consistency(embeddings):
    r"""Return how well each embedding of the same rows follows from each other.

    .. math::

        R^2_{ij} = 1 - \min_{A, b}
        \frac{\sum_r \lVert A z^i_r + b - z^j_r \rVert^2}
             {\sum_r \lVert z^j_r - \bar z^j \rVert^2}

    the share of the variance of embedding j that the best affine map from embedding i
    explains, all components together. It is high where fits with other seeds, or to
    other data, agree; [1]_ calls it consistency.

    Parameters
    ----------
    embeddings : list of array-like of shape (n_rows, n_components)
        At least two embeddings of the same rows in the same order; also an array of
        shape (n_embeddings, n_rows, n_components). They may differ in width, and must
        have more rows than components by at least two.

    Returns
    -------
    r2 : ndarray of shape (n_embeddings, n_embeddings)
        In [0, 1]: from row i to column j, 1 on the diagonal. For one number average
        what is off the diagonal: ``r2[~np.eye(len(r2), dtype=bool)].mean()``.

    Raises
    ------
    ValueError
        If there are fewer than two, rows differ or are too few, or all points of an
        embedding coincide.

    References
    ----------
    .. [1] S. Schneider, J. H. Lee, M. W. Mathis, "Learnable Latent Embeddings for Joint
       Behavioural and Neural Analysis", Nature 617, 2023.

    Examples
    --------
    The second is the first turned and shifted; the third lacks a component:

    >>> import numpy as np
    >>> from sklearn_contrastive.metrics import embedding_consistency
    >>> Z = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    >>> embedding_consistency([Z, Z[:, ::-1] + 3, Z[:, :1]]).round(2)
    array([[1. , 1. , 1. ],
           [1. , 1. , 1. ],
           [0.5, 0.5, 1. ]])
    """
    from scipy.linalg import orth

    named = ((Z, f"embeddings[{i}]") for i, Z in enumerate(embeddings))
    points = [_inputs.check_points(Z, name) for Z, name in named]
    shapes = [Z.shape for Z in points]
    lengths, widths = np.reshape(shapes, (-1, 2)).T
    if len(points) < 2 or np.ptp(lengths) or lengths[0] < max(widths) + 2:
        raise ValueError(
            "`embeddings` must hold two embeddings or more of the same rows, at least "
            f"two more than components, since fewer always fit; got shapes {shapes}."
        )
    points = [_in_unit(Z) for Z in points]
    totals = [(Z**2).sum() for Z in points]
    if not all(totals):
        raise ValueError(
            "`embeddings` must each have points that differ; all rows of "
            f"embeddings[{totals.index(0)}] coincide."
        )
    bases = [orth(Z) for Z in points]
    r2 = np.eye(len(points))
    for i, j in zip(*np.nonzero(r2 == 0), strict=True):
        explained = ((bases[i].T @ points[j]) ** 2).sum()
        # Beyond 1 by roundings only.
        r2[i, j] = np.minimum(1.0, explained / totals[j])
    return r2


def nearest_rows(Z, n_neighbors):
    """Return the row numbers of the nearest other rows of each row, in order."""
    from sklearn.neighbors import NearestNeighbors

    if not 1 <= n_neighbors < len(Z):
        raise ValueError(
            "`n_neighbors` must be at least 1 and less than the number of rows, "
            f"{len(Z)}; got {shorten(n_neighbors)}."
        )
    search = NearestNeighbors(n_neighbors=n_neighbors).fit(Z)
    with fork_safe_threads():
        return search.kneighbors(return_distance=False)


def nearest_in_any_unit(Z, n_neighbors):
    """Return the nearest rows of points in any unit."""
    _, Z, middle = _distances.to_bulk(Z, Z)
    return nearest_rows(_distances.centered(Z, middle), n_neighbors)


def _centered(Z):
    # About the first row before the mean: rows that coincide become exactly zero.
    Z = Z - Z[0]
    return Z - Z.mean(axis=0)


def _in_unit(Z):
    """Return centred points whose squares are neither too large nor too small."""
    return _distances.scaled(_centered(_distances.scaled(Z)[0]))[0]


def _finite(value, what):
    if not np.isfinite(value):
        raise ValueError(
            f"`Z` must have distances with {what} that are finite numbers. Divide it "
            "by its largest value, or bring its rows to the unit sphere."
        )
    return float(value)


def _pair_squares(Z):
    """Yield the squared distances of all pairs of different rows, block by block."""
    Z = _centered(Z)
    norms = (Z**2).sum(axis=1)
    for rows in gen_batches(len(Z) - 1, max(1, _BLOCK // len(Z))):
        others = slice(rows.start, None)
        squares = -2 * (Z[rows] @ Z[others].T) + norms[rows, None] + norms[others]
        yield np.maximum(squares[~np.tri(*squares.shape, dtype=bool)], 0)
