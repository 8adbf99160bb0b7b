"""All figures of retrieval from one search."""

from numbers import Integral

from sklearn.utils._param_validation import validate_params

from sklearn_contrastive.metrics._faiss import faiss_scores
from sklearn_contrastive.metrics._inputs import check_ranks
from sklearn_contrastive.metrics._queries import prepare
from sklearn_contrastive.metrics._ranking import exact_scores
from sklearn_contrastive.metrics._retrieval import RULES, found_or_whole


@validate_params(
    {**RULES, "k": ["array-like", Integral]}, prefer_skip_nested_validation=True
)
def retrieval_scores(
    Z,
    y,
    *,
    k=(1, 5, 10),
    gallery=None,
    y_gallery=None,
    average="micro",
    search="exact",
):
    """Return all figures of retrieval, from one search.

    Parameters
    ----------
    Z : array-like of shape (n_queries, n_components)
        The queries.

    y : array-like of shape (n_queries,)
        Their classes.

    k : int or sequence of int, default=(1, 5, 10)
        For which numbers of nearest rows to return the recall, each >= 1.

    gallery, y_gallery, average, search
        As for `precision_at_1`. faiss takes k, and R, up to 1,024.

    Returns
    -------
    scores : dict
        ``precision_at_1``, ``r_precision``, ``map_at_r``, ``mean_reciprocal_rank`` and
        ``recall_at_{k}`` for each `k`, floats; ``n_queries``, those that count, and
        ``n_lone``, those that are left out since no row of their class is there to be
        found, ints.

    Raises
    ------
    ValueError
        As for `precision_at_1`, or if k or R is too large for faiss.
    ImportError
        If ``search="faiss"`` and faiss is not installed.

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
    if search == "exact":
        scores = exact_scores(queries, first=True, at_r=True)
    else:
        n_nearest = max(queries.n_similar.max(), *k)
        scores = faiss_scores(queries, n_nearest, at_r=True)
    first = found_or_whole(queries, scores.first)
    figures = {
        "precision_at_1": first == 1,
        "r_precision": scores.r_precision,
        "map_at_r": scores.map_at_r,
        "mean_reciprocal_rank": 1 / first,
        **{f"recall_at_{n}": first <= n for n in k},
    }
    means = {name: queries.mean(value, average) for name, value in figures.items()}
    counts = {"n_queries": len(first), "n_lone": queries.n_lone}
    return {**means, **counts}
