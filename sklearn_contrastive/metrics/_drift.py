"""A test of whether two samples of points come from one distribution."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from sklearn_contrastive._validation import validate
from sklearn_contrastive.metrics._geometry import nearest_in_any_unit
from sklearn_contrastive.metrics._inputs import check_points

#: Rows of each sample that are compared at most.
_MOST = 10_000

_COUNT = Interval(Integral, 1, None, closed="left")


class NeighborDrift(NamedTuple):
    """What `neighbor_drift` returns: the share of neighbours, and its p-value."""

    statistic: float
    pvalue: float


@validate(
    {
        "reference": ["array-like"],
        "new": ["array-like"],
        "n_neighbors": [_COUNT],
        "n_permutations": [_COUNT],
        "random_state": ["random_state"],
    }
)
def neighbor_drift(
    reference, new, *, n_neighbors=10, n_permutations=999, random_state=None
):
    r"""Test whether new points are distributed as a reference, by their neighbours.

    .. math::

        T = \frac{1}{2} \sum_{s} \frac{1}{n_s k}
        \sum_{i \in s} \sum_{j \in N_k(i)} [j \in s]

    the share of the k nearest neighbours, among the points of both samples s, that are
    of the sample of the point itself. For samples of one size this is the statistic of
    [1]_ and [2]_; the mean of the two shares, which [1]_ weights by size, also finds
    drift with samples of different sizes. Where both have one distribution, neighbours
    mix; where they differ in any way, more of them are of the own sample.

    The p-value is that of a permutation test. Points are shuffled before the search, so
    that which of equally far ones are neighbours does not depend on the sample. So it
    is valid for any distribution, also with copies of rows: if the rows of both samples
    are independent draws of the same kind, it is at most :math:`\alpha` with a
    probability of at most :math:`\alpha`.

    Parameters
    ----------
    reference : array-like of shape (n_reference, n_components)
        Embedded rows as they should be. Not those of training, which the network has
        moved to their places: held-out rows, such as those of validation.

    new : array-like of shape (n_new, n_components)
        Embedded rows to compare. The numbers of rows may differ.

    n_neighbors : int, default=10
        How many of the nearest count: k, >= 1 and less than the number of all points. A
        larger one finds wide shifts in fewer rows, a smaller one fine shifts.

    n_permutations : int, default=999
        How often the samples are permuted, >= 1: the p-value is at least
        ``1 / (n_permutations + 1)``.

    random_state : int, RandomState instance or None, default=None
        Draws the order of points, the permutations, and 10,000 rows of a sample that
        has more. An int makes the result the same each time.

    Returns
    -------
    drift : NeighborDrift
        A named tuple of ``statistic``, T in [0, 1], about one half without drift, 1
        where no neighbours mix; and ``pvalue``, the share of permutations, what was
        observed among them, whose T is at least as large. Small: they differ.

    Raises
    ------
    ValueError
        If columns differ, there are too few rows, or values are not finite.

    See Also
    --------
    neighborhood_preservation : How many neighbours two spaces share.

    References
    ----------
    .. [1] M. F. Schilling, "Multivariate Two-Sample Tests Based on Nearest Neighbors",
       Journal of the American Statistical Association 81, 1986.
    .. [2] N. Henze, "A Multivariate Two-Sample Test Based on the Number of Nearest
       Neighbor Type Coincidences", Annals of Statistics 16, 1988.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_contrastive.metrics import neighbor_drift
    >>> rng = np.random.RandomState(0)
    >>> reference, new = rng.normal(size=(300, 8)), rng.normal(size=(200, 8))
    >>> bool(neighbor_drift(reference, new, random_state=0).pvalue > 0.05)
    True
    >>> neighbor_drift(reference, new + 0.5, random_state=0).pvalue
    0.001
    """
    samples = check_points(reference, "reference"), check_points(new, "new")
    widths = [sample.shape[1] for sample in samples]
    if widths[0] != widths[1]:
        raise ValueError(
            "`new` must have the columns of `reference`, embedded by the same model; "
            f"got {widths[1]} and {widths[0]} columns."
        )
    rng = check_random_state(random_state)
    samples = [sample[rng.permutation(len(sample))[:_MOST]] for sample in samples]
    sizes = [len(sample) for sample in samples]
    order = rng.permutation(sum(sizes))
    neighbors = nearest_in_any_unit(np.concatenate(samples)[order], n_neighbors)
    scale = 2 * sizes[0] * sizes[1] * n_neighbors

    def in_own_sample(is_new):
        """Return the statistic as a whole number, `scale` where none mix."""
        n_new = is_new[neighbors].sum(axis=1)
        own = n_new[is_new].sum()
        own_of_reference = sizes[0] * n_neighbors - n_new[~is_new].sum()
        return int(own * sizes[0] + own_of_reference * sizes[1])

    is_new = np.repeat([False, True], sizes)
    found = in_own_sample(is_new[order])
    draws = (in_own_sample(rng.permutation(is_new)) for _ in range(n_permutations))
    n_as_large = sum(drawn >= found for drawn in draws)
    return NeighborDrift(found / scale, (1 + n_as_large) / (1 + n_permutations))
