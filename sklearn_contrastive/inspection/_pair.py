"""What separates two rows in an embedding, column by column."""

import warnings

import numpy as np
from sklearn.utils import gen_batches

from sklearn_contrastive._training._run import isolated_rng_and_threads
from sklearn_contrastive._validation import check_rows, column_names
from sklearn_contrastive.inspection._gradients import BLOCK, differentiable, gradients

#: Parts of the path at first, and points in each.
_N_PARTS, _N_NODES = 8, 8
#: Tolerated error of the sum: relative to the distance and, for rounding, to points.
_TOLERANCE, _ROUNDING = 1e-5, 1e-12
#: How often a part is halved at most, and how many parts there may be.
_MOST_HALVINGS, _MOST_PARTS = 40, 10_000


@isolated_rng_and_threads("cpu", widest=0)
def explain_pair(estimator, a, b):
    r"""Return the part of each column in the distance of two rows in the embedding.

    The contributions add up to the distance. With a positive one the difference in this
    column makes the two rows far, with a negative one it makes them near; it is 0 where
    the rows are equal. They are integrated gradients [1]_ along the straight line
    :math:`x(t)` from `a` to `b` in standardised columns,

    .. math::

        c_j = (b_j - a_j) \int_0^1 \frac{\partial g}{\partial x_j} (x(t)) \, dt,
        \qquad g(x) = \frac{\lVert f(x) - f(a) \rVert - \lVert f(x) - f(b) \rVert}{2}

    with f the embedding. g increases from minus half the distance at `a` to plus half
    of it at `b`. The order of the two rows changes nothing. For a linear map W that is
    not normalised, with :math:`\delta = b - a`, it is
    :math:`c_j = \delta_j (W^\top W \delta)_j / \lVert W \delta \rVert`.

    Parameters
    ----------
    estimator : fitted ContrastiveEmbedding
        With any encoder.

    a, b : array-like of shape (n_features,)
        Two rows, in raw units: arrays, lists, rows of a data frame as a Series, or
        frames or arrays of one row.

    Returns
    -------
    contributions : ndarray of shape (n_features,)
        In units of distance in the embedding, in the order of the columns, whose names
        are ``estimator.feature_names_in_``.

    Raises
    ------
    TypeError
        If `estimator` is no ContrastiveEmbedding, such as a pipeline.
    ValueError
        If `a` or `b` is not one row, has another width than in `fit`, or holds
        infinity; or if the encoder has no gradient.

    Warns
    -----
    UserWarning
        If the contributions do not add up to the distance, because the encoder jumps or
        has very many kinks. No column has the missing part.

    See Also
    --------
    feature_importances : Which columns move the embedding of many rows.

    Notes
    -----
    Gauss-Legendre quadrature over parts of the line that are halved until the sum is
    right to 1e-5 of the distance, in float64. An encoder with kinks, as with
    ``activation="relu"``, takes about half a second per pair, and a smooth one, as with
    ``activation="silu"``, a hundredth of that.

    The line may pass far from all rows of the table, and how the embedding maps it
    there contributes as well.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly, Q. Yan, "Axiomatic Attribution for Deep Networks",
       ICML 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_contrastive import ContrastiveEmbedding
    >>> from sklearn_contrastive.inspection import explain_pair
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ContrastiveEmbedding(max_iter=20, random_state=0).fit(X, y)
    >>> contributions = explain_pair(model, X[0], X[100])
    >>> distance = model.pair_distance([[X[0], X[100]]])[0]
    >>> bool(abs(contributions.sum() - distance) < 1e-5)
    True
    """
    read = differentiable(estimator)
    rows = [_one_row(estimator, row, name) for row, name in ((a, "a"), (b, "b"))]
    path = _Path(read, np.concatenate(rows))
    parts = np.array([np.arange(_N_PARTS), np.ones(_N_PARTS)]) / _N_PARTS
    kept = path.contributions(*parts)
    for _ in range(_MOST_HALVINGS):
        gaps = np.abs(kept.sum(axis=1) - path.rises(*parts))
        wrong = gaps > path.tolerance / (2 * len(gaps))
        if gaps.sum() <= path.tolerance or len(gaps) + wrong.sum() > _MOST_PARTS:
            break
        lefts, halves = parts[:, wrong] / [[1], [2]]
        halved = np.hstack([[lefts, halves], [lefts + halves, halves]])
        kept = np.concatenate([kept[~wrong], path.contributions(*halved)])
        parts = np.hstack([parts[:, ~wrong], halved])
    contributions = read.of_columns(kept.sum(axis=0))
    if abs(contributions.sum() - path.distance) > path.tolerance:
        warnings.warn(
            f"The contributions add up to {contributions.sum():.6g}, not to the "
            f"distance {path.distance:.6g}: the encoder jumps or has very many kinks.",
            stacklevel=2,
        )
    return contributions


class _Path:
    """The line between two standardised rows, with g of `explain_pair` along it."""

    def __init__(self, read, rows):
        import torch

        self._embed, ends = read.embed, read.columns(rows)
        self._start, self._step = ends[0], ends[1] - ends[0]
        with torch.no_grad():
            self._ends = self._embed(torch.from_numpy(ends))
        self.distance = float((self._ends[1] - self._ends[0]).norm())
        length = float(self._ends.norm(dim=1).max())
        self.tolerance = _TOLERANCE * self.distance + _ROUNDING * max(1.0, length)
        nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
        self._nodes, self._weights = (nodes + 1) / 2, weights / 2

    def _rows(self, t):
        """Return the rows at some points of the line."""
        return self._start + t[:, None] * self._step

    def rises(self, lefts, widths):
        """Return the increase of g along each part of the line."""
        import torch

        with torch.no_grad():
            rows = self._rows(np.concatenate([lefts, lefts + widths]))
            Z = self._embed(torch.from_numpy(rows))
            near, far = ((Z - end).norm(dim=1) for end in self._ends)
        return np.diff(((near - far) / 2).numpy().reshape(2, -1), axis=0)[0]

    def contributions(self, lefts, widths):
        """Return the integral over each part of the line, column by column."""
        integrals = np.empty((len(lefts), len(self._step)))
        for part in gen_batches(len(lefts), BLOCK // _N_NODES):
            t = lefts[part, None] + widths[part, None] * self._nodes
            (gradient,) = gradients(self._embed, self._rows(t.ravel()), self._uphill)
            gradient = gradient.reshape(*t.shape, -1)
            means = np.einsum("pnj,n->pj", gradient, self._weights)
            integrals[part] = means * widths[part, None] * self._step
        return integrals

    def _uphill(self, Z):
        """Return the gradient of g by point, as the only direction."""
        from torch.nn.functional import normalize

        # At an end itself the direction to it is zero.
        near, far = (normalize(Z - end, eps=1e-300) for end in self._ends)
        return [(near - far) / 2]


def _one_row(estimator, row, name):
    """Return a row as a validated array of shape (1, n_features)."""
    given = row
    if hasattr(row, "set_axis") and row.ndim == 1:
        # A Series of pandas, whose index holds the names of the columns.
        row = row.to_frame().T
    elif not column_names(row):
        row = np.atleast_2d(row)
    if row.shape != (1, estimator.n_features_in_):
        raise ValueError(
            f"`{name}` must be one row of shape (n_features="
            f"{estimator.n_features_in_},); got {np.shape(given)}. Pass X[i], or "
            "X.iloc[i] of a data frame."
        )
    return check_rows(estimator, row, reset=False, name=name)[:].astype(np.float64)
