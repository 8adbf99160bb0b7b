"""How well the rows nearest to a row are of its class."""

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from sklearn_contrastive.metrics._faiss import faiss_scores
from sklearn_contrastive.metrics._inputs import check_ranks
from sklearn_contrastive.metrics._queries import prepare
from sklearn_contrastive.metrics._ranking import exact_scores

#: Neighbours among which faiss looks for the first of the class.
_N_FIRST = 32

#: What the parameters of every figure may be.
RULES = {
    "Z": ["array-like"],
    "y": ["array-like"],
    "gallery": ["array-like", None],
    "y_gallery": ["array-like", None],
    "average": [StrOptions({"micro", "macro"})],
    "search": [StrOptions({"exact", "faiss"})],
}
_RANK = Interval(Integral, 1, None, closed="left")


@validate_params(RULES, prefer_skip_nested_validation=True)
def precision_at_1(
    Z, y, *, gallery=None, y_gallery=None, average="micro", search="exact"
):
    r"""Return how often the nearest row is of the query's class.

    .. math::

        \frac{1}{n} \sum_q [c(q_1) = c(q)]

    with :math:`q_i` the i-th nearest row to the query q and c its class [1]_.

    Parameters
    ----------
    Z : array-like of shape (n_queries, n_components)
        The queries: embedded rows, in any units.

    y : array-like of shape (n_queries,)
        Their classes, labels of any type.

    gallery : array-like of shape (n_gallery, n_components), default=None
        The rows that are searched. None to search the queries: each is looked up among
        all others, and left out itself by its row number.

    y_gallery : array-like of shape (n_gallery,), default=None
        The classes of `gallery`.

    average : {"micro", "macro"}, default="micro"
        The mean over queries, or over classes of the mean of their queries, which
        counts small classes as much as large ones.

    search : {"exact", "faiss"}, default="exact"
        How neighbours are found: by all distances, or by faiss, which must be
        installed. Above 50,000 gallery rows faiss looks in a part of them and may miss
        some.

    Returns
    -------
    precision : float
        In [0, 1].

    Raises
    ------
    ValueError
        If points and labels do not fit each other, or no query has a row of its class
        to find.
    ImportError
        If ``search="faiss"`` and faiss is not installed.

    Warns
    -----
    UserWarning
        If all rows are of one class, so that every figure is 1; or if rows are more
        than 1e150 times as far from the middle as most of the gallery.

    See Also
    --------
    retrieval_scores : All figures from one search.

    Notes
    -----
    This holds for all figures of retrieval. Queries with no row of their class to find
    are left out. Of rows that are equally far those of other classes come first, so
    that copies of a row that are labelled differently count as mistakes, and points
    that have all collapsed into one score 0. Squared distances are computed in float64
    and compared in float32: those that agree in the first seven digits are equal, and
    so are those beyond 1e30 times the distance of the nearest row. That holds for
    points that are tight compared with their distance from others too, which take
    longer: their distances are computed from differences. Exact searches hold a block
    of queries times the gallery in memory.

    References
    ----------
    .. [1] K. Musgrave, S. Belongie, S.-N. Lim, "A Metric Learning Reality Check",
       ECCV 2020.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import precision_at_1
    >>> Z = [[0], [1], [3], [4], [8]]
    >>> precision_at_1(Z, ["a", "a", "b", "a", "b"])
    0.4
    """
    queries = prepare(Z, y, gallery, y_gallery)
    return queries.mean(_first(queries, search, 1) == 1, average)


@validate_params({**RULES, "k": [_RANK]}, prefer_skip_nested_validation=True)
def recall_at_k(
    Z, y, k, *, gallery=None, y_gallery=None, average="micro", search="exact"
):
    """Return how often a row of the query's class is among the k nearest.

    As the field uses the word: the share of queries with at least one, not the share
    of the class that is found.

    Parameters
    ----------
    Z : array-like of shape (n_queries, n_components)
        The queries.

    y : array-like of shape (n_queries,)
        Their classes.

    k : int
        How many of the nearest rows count, >= 1; up to 1,024 with faiss. The figure
        rises with it.

    gallery, y_gallery, average, search
        As for `precision_at_1`.

    Returns
    -------
    recall : float
        In [0, 1].

    Raises
    ------
    ValueError
        As for `precision_at_1`, or if `k` is too large for faiss.
    ImportError
        If ``search="faiss"`` and faiss is not installed.

    See Also
    --------
    retrieval_scores : All figures from one search, for several k.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import recall_at_k
    >>> Z = [[0], [1], [3], [4], [8]]
    >>> recall_at_k(Z, ["a", "a", "b", "a", "b"], 2)
    0.8
    """
    (k,) = check_ranks(k)
    queries = prepare(Z, y, gallery, y_gallery)
    return queries.mean(_first(queries, search, k) <= k, average)


@validate_params(RULES, prefer_skip_nested_validation=True)
def mean_reciprocal_rank(
    Z, y, *, gallery=None, y_gallery=None, average="micro", search="exact"
):
    r"""Return the mean of one over the rank of the nearest row of the query's class.

    .. math::

        \frac{1}{n} \sum_q \frac{1}{\min \{i : c(q_i) = c(q)\}}

    Parameters
    ----------
    Z : array-like of shape (n_queries, n_components)
        The queries.

    y : array-like of shape (n_queries,)
        Their classes.

    gallery, y_gallery, average, search
        As for `precision_at_1`. Queries for which faiss finds no row of their class
        among the 32 nearest are looked up exactly.

    Returns
    -------
    reciprocal_rank : float
        In (0, 1]; over the whole ranking, however far down the row is.

    Raises
    ------
    ValueError, ImportError
        As for `precision_at_1`.

    See Also
    --------
    retrieval_scores : All figures from one search.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import mean_reciprocal_rank
    >>> Z = [[0], [1], [3], [4], [8]]
    >>> mean_reciprocal_rank(Z, ["a", "a", "b", "a", "b"])
    0.65
    """
    queries = prepare(Z, y, gallery, y_gallery)
    first = found_or_whole(queries, _first(queries, search, _N_FIRST))
    return queries.mean(1 / first, average)


@validate_params(RULES, prefer_skip_nested_validation=True)
def r_precision(Z, y, *, gallery=None, y_gallery=None, average="micro", search="exact"):
    r"""Return the share of the query's class among its R nearest rows.

    .. math::

        \frac{1}{n} \sum_q \frac{1}{R_q} \sum_{i=1}^{R_q} [c(q_i) = c(q)]

    with :math:`R_q` the number of rows of its class that are there to be found [1]_.

    Parameters
    ----------
    Z : array-like of shape (n_queries, n_components)
        The queries.

    y : array-like of shape (n_queries,)
        Their classes.

    gallery, y_gallery, average, search
        As for `precision_at_1`. faiss takes R up to 1,024.

    Returns
    -------
    precision : float
        In [0, 1].

    Raises
    ------
    ValueError
        As for `precision_at_1`, or if R is too large for faiss.
    ImportError
        If ``search="faiss"`` and faiss is not installed.

    See Also
    --------
    map_at_r : Also says in which order they are.

    References
    ----------
    .. [1] K. Musgrave, S. Belongie, S.-N. Lim, "A Metric Learning Reality Check",
       ECCV 2020.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import r_precision
    >>> Z = [[0], [1], [3], [4], [8]]
    >>> r_precision(Z, ["a", "a", "b", "a", "b"])
    0.3
    """
    queries = prepare(Z, y, gallery, y_gallery)
    return queries.mean(_at_r(queries, search).r_precision, average)


@validate_params(RULES, prefer_skip_nested_validation=True)
def map_at_r(Z, y, *, gallery=None, y_gallery=None, average="micro", search="exact"):
    r"""Return the mean average precision at R.

    .. math::

        \frac{1}{n} \sum_q \frac{1}{R_q} \sum_{i=1}^{R_q} P_q(i)\, [c(q_i) = c(q)]

    with :math:`R_q` the number of rows of the query's class that are there to be found
    and :math:`P_q(i)` their share among its i nearest rows [1]_. It is 1 where all rows
    of the class come before any other, and never above the R-precision.

    Parameters
    ----------
    Z : array-like of shape (n_queries, n_components)
        The queries.

    y : array-like of shape (n_queries,)
        Their classes.

    gallery, y_gallery, average, search
        As for `precision_at_1`. faiss takes R up to 1,024.

    Returns
    -------
    precision : float
        In [0, 1].

    Raises
    ------
    ValueError
        As for `precision_at_1`, or if R is too large for faiss.
    ImportError
        If ``search="faiss"`` and faiss is not installed.

    See Also
    --------
    retrieval_scores : All figures from one search.

    References
    ----------
    .. [1] K. Musgrave, S. Belongie, S.-N. Lim, "A Metric Learning Reality Check",
       ECCV 2020.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import map_at_r
    >>> Z = [[0], [1], [3], [4], [8]]
    >>> map_at_r(Z, ["a", "a", "b", "a", "b"])
    0.25
    """
    queries = prepare(Z, y, gallery, y_gallery)
    return queries.mean(_at_r(queries, search).map_at_r, average)


def _first(queries, search, n_nearest):
    """Return the rank of the nearest row of the class; faiss stops at `n_nearest`."""
    if search == "exact":
        return exact_scores(queries, first=True).first
    return faiss_scores(queries, n_nearest).first


def found_or_whole(queries, first):
    """Return ranks, with those looked up exactly that faiss has not found.

    Parameters
    ----------
    queries : Queries
        What is looked for, and where.

    first : ndarray of shape (n_queries,)
        Ranks; infinity where none of the nearest rows was of the query's class.

    Returns
    -------
    first : ndarray of shape (n_queries,)
        The same array.
    """
    unknown = np.isinf(first)
    if unknown.any():
        first[unknown] = exact_scores(queries.some(unknown), first=True).first
    return first


def _at_r(queries, search):
    if search == "exact":
        return exact_scores(queries, at_r=True)
    return faiss_scores(queries, queries.n_similar.max(), at_r=True)
