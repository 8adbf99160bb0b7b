"""How well the rows nearest to a row are of its class."""

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_contrastive._validation import validate
from sklearn_contrastive.metrics._faiss import faiss_scores
from sklearn_contrastive.metrics._inputs import check_ranks
from sklearn_contrastive.metrics._queries import prepare
from sklearn_contrastive.metrics._ranking import exact_scores

RULES = {
    "Z": ["array-like"],
    "y": ["array-like"],
    "gallery": ["array-like", None],
    "y_gallery": ["array-like", None],
    "average": [StrOptions({"micro", "macro"})],
    "search": [StrOptions({"exact", "faiss"})],
}


@validate(RULES)
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
        If all rows are of one class, so that every metric is 1.

    See Also
    --------
    retrieval_scores : All metrics of retrieval from one search.

    Notes
    -----
    This holds for all metrics of retrieval. Queries with no row of their class to find
    are left out. Of rows that are equally far those of other classes come first, so
    that points that have all collapsed into one score 0. Squared distances are computed
    in float64 and compared in float32: those that agree in the first seven digits are
    equal, and so are those beyond 1e30 times the distance of the nearest row. Exact
    searches hold a block of queries times the gallery in memory.

    References
    ----------
    .. [1] K. Musgrave, S. Belongie, S.-N. Lim, "A Metric Learning Reality Check",
       ECCV 2020.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import precision_at_1
    >>> precision_at_1([[0], [1], [3], [4], [8]], ["a", "a", "b", "a", "b"])
    0.4
    """
    queries = prepare(Z, y, gallery, y_gallery)
    return queries.mean(_scores(queries, search, n_first=1)[0] == 1, average)


@validate({**RULES, "k": [Interval(Integral, 1, None, closed="left")]})
def recall_at_k(
    Z, y, k, *, gallery=None, y_gallery=None, average="micro", search="exact"
):
    r"""Return how often a row of the query's class is among the k nearest.

    .. math::

        \frac{1}{n} \sum_q \max_{i \le k} [c(q_i) = c(q)]

    As the field uses the word: the share of queries with at least one, not the share
    of the class that is found.

    Parameters
    ----------
    Z, y : array-like of shapes (n_queries, n_components) and (n_queries,)
        The queries and their classes.

    k : int
        How many of the nearest rows count, >= 1; up to 1,024 with faiss. The recall
        rises with it.

    gallery, y_gallery, average, search : array-like or str
        As for `precision_at_1`.

    Returns
    -------
    recall : float
        In [0, 1].

    Raises
    ------
    ValueError, ImportError
        As for `precision_at_1`, or if `k` is too large for faiss.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import recall_at_k
    >>> recall_at_k([[0], [1], [3], [4], [8]], ["a", "a", "b", "a", "b"], 2)
    0.8
    """
    (k,) = check_ranks(k)
    queries = prepare(Z, y, gallery, y_gallery)
    return queries.mean(_scores(queries, search, n_first=k)[0] <= k, average)


@validate(RULES)
def mean_reciprocal_rank(
    Z, y, *, gallery=None, y_gallery=None, average="micro", search="exact"
):
    r"""Return the mean of one over the rank of the nearest row of the query's class.

    .. math::

        \frac{1}{n} \sum_q \frac{1}{\min \{i : c(q_i) = c(q)\}}

    Parameters
    ----------
    Z, y, gallery, y_gallery, average, search : array-like or str
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

    Examples
    --------
    >>> from sklearn_contrastive.metrics import mean_reciprocal_rank
    >>> mean_reciprocal_rank([[0], [1], [3], [4], [8]], ["a", "a", "b", "a", "b"])
    0.65
    """
    queries = prepare(Z, y, gallery, y_gallery)
    first = _found_or_exact(queries, _scores(queries, search, n_first=32)[0])
    return queries.mean(1 / first, average)


@validate(RULES)
def r_precision(Z, y, *, gallery=None, y_gallery=None, average="micro", search="exact"):
    r"""Return the share of the query's class among its R nearest rows.

    .. math::

        \frac{1}{n} \sum_q \frac{1}{R_q} \sum_{i=1}^{R_q} [c(q_i) = c(q)]

    with :math:`R_q` the number of rows of its class that can be found [1]_.

    Parameters
    ----------
    Z, y, gallery, y_gallery, average, search : array-like or str
        As for `precision_at_1`. faiss takes R up to 1,024.

    Returns
    -------
    precision : float
        In [0, 1].

    Raises
    ------
    ValueError, ImportError
        As for `precision_at_1`, or if R is too large for faiss.

    See Also
    --------
    map_at_r : Takes the order of these rows into account.

    References
    ----------
    .. [1] K. Musgrave, S. Belongie, S.-N. Lim, "A Metric Learning Reality Check",
       ECCV 2020.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import r_precision
    >>> r_precision([[0], [1], [3], [4], [8]], ["a", "a", "b", "a", "b"])
    0.3
    """
    queries = prepare(Z, y, gallery, y_gallery)
    return queries.mean(_scores(queries, search, at_r=True)[1], average)


@validate(RULES)
def map_at_r(Z, y, *, gallery=None, y_gallery=None, average="micro", search="exact"):
    r"""Return the mean average precision at R.

    .. math::

        \frac{1}{n} \sum_q \frac{1}{R_q} \sum_{i=1}^{R_q} P_q(i)\, [c(q_i) = c(q)]

    with :math:`R_q` the number of rows of the query's class that can be found and
    :math:`P_q(i)` their share among its i nearest rows [1]_. It is 1 where all rows of
    the class come before any other, and never above the R-precision.

    Parameters
    ----------
    Z, y, gallery, y_gallery, average, search : array-like or str
        As for `precision_at_1`. faiss takes R up to 1,024.

    Returns
    -------
    precision : float
        In [0, 1].

    Raises
    ------
    ValueError, ImportError
        As for `precision_at_1`, or if R is too large for faiss.

    References
    ----------
    .. [1] K. Musgrave, S. Belongie, S.-N. Lim, "A Metric Learning Reality Check",
       ECCV 2020.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import map_at_r
    >>> map_at_r([[0], [1], [3], [4], [8]], ["a", "a", "b", "a", "b"])
    0.25
    """
    queries = prepare(Z, y, gallery, y_gallery)
    return queries.mean(_scores(queries, search, at_r=True)[2], average)


@validate({**RULES, "k": ["array-like", Integral]})
def retrieval_scores(
    Z, y, *, k=(1, 5, 10), gallery=None, y_gallery=None, average="micro", search="exact"
):
    """Return all metrics of retrieval, from one search.

    Parameters
    ----------
    Z, y : array-like of shapes (n_queries, n_components) and (n_queries,)
        The queries and their classes.

    k : int or sequence of int, default=(1, 5, 10)
        For which numbers of nearest rows to return the recall, each >= 1.

    gallery, y_gallery, average, search : array-like or str
        As for `precision_at_1`. faiss takes k, and R, up to 1,024.

    Returns
    -------
    scores : dict
        ``precision_at_1``, ``r_precision``, ``map_at_r``, ``mean_reciprocal_rank`` and
        ``recall_at_{k}`` for each `k`, floats; ``n_queries``, those that count, and
        ``n_lone``, those that are left out with no row of their class to find, ints.

    Raises
    ------
    ValueError, ImportError
        As for `precision_at_1`, or if k or R is too large for faiss.

    Examples
    --------
    >>> from sklearn_contrastive.metrics import retrieval_scores
    >>> Z = [[0], [1], [3], [4], [8], [9]]
    >>> scores = retrieval_scores(Z, ["a", "a", "b", "a", "b", "c"], k=2)
    >>> for name, value in scores.items():
    ...     print(name, round(value, 3))
    precision_at_1 0.4
    r_precision 0.3
    map_at_r 0.25
    mean_reciprocal_rank 0.617
    recall_at_2 0.6
    n_queries 5
    n_lone 1
    """
    k = check_ranks(k)
    queries = prepare(Z, y, gallery, y_gallery)
    first, share, precision = _scores(queries, search, max((1, *k)), at_r=True)
    first = _found_or_exact(queries, first)
    values = {
        "precision_at_1": first == 1,
        "r_precision": share,
        "map_at_r": precision,
        "mean_reciprocal_rank": 1 / first,
        **{f"recall_at_{n}": first <= n for n in k},
    }
    means = {name: queries.mean(value, average) for name, value in values.items()}
    return {**means, "n_queries": len(first), "n_lone": queries.n_lone}


def _scores(queries, search, n_first=None, at_r=False):
    """Return `exact_scores`, or those of faiss, which looks for `n_first` rows."""
    if search == "exact":
        return exact_scores(queries, n_first is not None, at_r)
    n_nearest = max(n_first or 1, queries.n_similar.max() if at_r else 1)
    return faiss_scores(queries, n_nearest, at_r)


def _found_or_exact(queries, first):
    """Return ranks, with an exact search for those that faiss has not found."""
    unknown = np.isinf(first)
    if unknown.any():
        first[unknown] = exact_scores(queries.some(unknown), True, False)[0]
    return first
