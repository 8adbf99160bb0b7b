"""Who is near to whom: hubs, and neighbours that are kept."""

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval, validate_params

from sklearn_contrastive.metrics._inputs import check_points
from sklearn_contrastive.metrics._distances import centered, to_bulk

_COUNT = Interval(Integral, 1, None, closed="left")


@validate_params(
    {"Z": ["array-like"], "n_neighbors": [_COUNT]}, prefer_skip_nested_validation=True
)
def hubness(Z, n_neighbors=10):
    r"""Return how unevenly rows occur among the nearest neighbours of others.

    .. math::

        \frac{\mathrm{E} (N_k - \mu)^3}{\sigma^3}

    the skewness of :math:`N_k`, how often a row is among the k nearest of another, over
    all rows [1]_.

    Parameters
    ----------
    Z : array-like of shape (n_rows, n_components)
        Embedded rows, more than `n_neighbors`.

    n_neighbors : int, default=10
        k, how many of the nearest count, >= 1.

    Returns
    -------
    skewness : float
        Around 0 where rows occur about equally often; well above 1 where a few of them,
        the hubs, are neighbours of very many. 0 where all occur equally often.

    Raises
    ------
    ValueError
        If there are too few rows, or they are not finite.

    Notes
    -----
    Of rows that are equally far any may be taken.

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
    Z = check_points(Z, "Z")
    occurrences = np.bincount(_neighbors(Z, n_neighbors).ravel(), minlength=len(Z))
    deviations = occurrences - n_neighbors
    spread = np.sqrt((deviations**2).mean())
    return float((deviations**3).mean() / spread**3) if spread > 0 else 0.0


@validate_params(
    {"X": ["array-like"], "Z": ["array-like"], "n_neighbors": [_COUNT]},
    prefer_skip_nested_validation=True,
)
def neighborhood_preservation(X, Z, n_neighbors=5):
    r"""Return the share of neighbours that are neighbours still.

    .. math::

        \frac{1}{n k} \sum_i \bigl| N_k^X(i) \cap N_k^Z(i) \bigr|

    with :math:`N_k^X(i)` the k nearest other rows of row i in X.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Rows before, as they are: standardise columns of different units first.

    Z : array-like of shape (n_rows, n_components)
        The same rows embedded, more than `n_neighbors`.

    n_neighbors : int, default=5
        k, how many of the nearest count, >= 1. A larger one looks at wider
        neighbourhoods.

    Returns
    -------
    share : float
        In [0, 1]; about ``n_neighbors / (n_rows - 1)`` at random.

    Raises
    ------
    ValueError
        If the numbers of rows differ or are too small, or values are not finite.

    Notes
    -----
    Of rows that are equally far any may be taken.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import neighborhood_preservation
    >>> neighborhood_preservation([[0], [1], [3], [7]], [[0], [1], [3], [-9]], 1)
    0.75
    """
    X, Z = check_points(X, "X"), check_points(Z, "Z")
    if len(X) != len(Z):
        raise ValueError(
            f"`Z` must hold the same rows as `X`; got {len(Z)} rows and {len(X)}."
        )
    before, after = _neighbors(X, n_neighbors), _neighbors(Z, n_neighbors)
    numbers = len(X) * np.arange(len(X))[:, None]
    kept = np.isin(before + numbers, after + numbers, assume_unique=True)
    return float(kept.mean())


def _neighbors(Z, n_neighbors):
    """Return the nearest other rows of each row."""
    from sklearn.neighbors import NearestNeighbors

    if len(Z) <= n_neighbors:
        raise ValueError(
            f"`n_neighbors` must be less than the number of rows, {len(Z)}; got "
            f"{n_neighbors}."
        )
    _, Z, middle = to_bulk(Z, Z)
    search = NearestNeighbors(n_neighbors=n_neighbors).fit(centered(Z, middle))
    return search.kneighbors(return_distance=False)
