"""What parts two rows in an embedding, column by column."""

import warnings

import numpy as np

from sklearn_contrastive._validation import check_rows
from sklearn_contrastive.inspection._slopes import (
    BLOCK,
    check_embedding,
    differentiable,
    gradient_of,
    recorded,
)
from sklearn_contrastive.preprocessing._standardization import standardised

#: Parts that a path is cut into at first, and points looked at in each.
_N_PARTS, _N_NODES = 8, 8
#: How far contributions may be from adding up to the distance: of it and, for rounding,
#: of 1.
_TOLERANCE, _ROUNDING = 1e-5, 1e-12
#: How often a part is halved at most, and how many there may be in the end.
_MOST_HALVINGS, _MOST_PARTS = 40, 10_000


def explain_pair(estimator, a, b):
    r"""Return what each column adds to the distance of two rows in the embedding.

    The numbers add up to the distance. A positive one says that the difference in this
    column makes the two rows far, a negative one that it makes them near; it is 0
    where the rows agree. They are integrated gradients [1]_ along the straight line
    :math:`x(t)` from `a` to `b` in standardised columns,

    .. math::

        c_j = (b_j - a_j) \int_0^1 \frac{\partial g}{\partial x_j} (x(t)) \, dt,
        \qquad g(x) = \frac{\lVert f(x) - f(a) \rVert - \lVert f(x) - f(b) \rVert}{2}

    with f the embedding. g rises from minus half the distance at `a` to plus half of it
    at `b`, and treats the two rows similar: to exchange them changes nothing. For a
    linear map W that is not normalised, with :math:`\delta = b - a`, it is
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
        One number a column, in their order, whose names are
        ``estimator.feature_names_in_``. In units of distance in the embedding.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        If `estimator` is no ContrastiveEmbedding, such as a pipeline.
    ValueError
        If `a` or `b` is not one row, has another width than in `fit`, or holds NaN or
        infinity; or if the encoder has no gradient.

    Warns
    -----
    UserWarning
        If the numbers do not add up to the distance, because the encoder leaps or has
        very many kinks.

    See Also
    --------
    feature_importances : Which columns move the embedding of many rows.

    Notes
    -----
    The integral is one of Gauss and Legendre over parts of the line that are halved
    until the sum is right to 1e-5 of the distance, in float64. An encoder with kinks,
    as ``activation="relu"`` gives it, takes about half a second for a pair, and a
    smooth one, such as with ``activation="silu"``, a hundredth of that.

    The rows between `a` and `b` need not be like any row of the table, and what the
    embedding does with them is part of the answer.

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
    check_embedding(estimator)
    rows = [_one_row(estimator, row, name) for row, name in ((a, "a"), (b, "b"))]
    rows = np.concatenate(rows).astype(np.float64)
    path = _Path(estimator, *standardised(rows, estimator._standardization()))
    lefts, widths = np.arange(_N_PARTS) / _N_PARTS, np.full(_N_PARTS, 1 / _N_PARTS)
    kept = path.contributions(lefts, widths)
    for _ in range(_MOST_HALVINGS):
        gaps = np.abs(kept.sum(axis=1) - path.rises(lefts, widths))
        wrong = gaps > path.tolerance / (2 * len(gaps))
        if gaps.sum() <= path.tolerance or len(gaps) + wrong.sum() > _MOST_PARTS:
            break
        halves = np.repeat(widths[wrong] / 2, 2)
        starts = np.repeat(lefts[wrong], 2) + np.tile([0, 1], wrong.sum()) * halves
        kept = np.concatenate([kept[~wrong], path.contributions(starts, halves)])
        lefts = np.concatenate([lefts[~wrong], starts])
        widths = np.concatenate([widths[~wrong], halves])
    contributions = kept.sum(axis=0)
    if abs(contributions.sum() - path.distance) > path.tolerance:
        warnings.warn(
            f"The contributions add up to {contributions.sum():.6g}, not to the "
            f"distance {path.distance:.6g}: the encoder leaps, or has very many kinks, "
            "between the two rows. What is missing is no column's.",
            UserWarning,
            stacklevel=2,
        )
    return contributions


class _Path:
    """The straight line between two standardised rows, and how the embedding moves.

    What rises along it by the distance of the two rows is `g` of `explain_pair`.
    """

    def __init__(self, estimator, start, end):
        import torch

        self._embed = differentiable(estimator)
        self._start, self._step = start, end - start
        with torch.no_grad():
            self._ends = self._embed(torch.from_numpy(np.stack([start, end])))
        self.distance = float((self._ends[1] - self._ends[0]).norm())
        length = float(self._ends.norm(dim=1).max())
        self.tolerance = _TOLERANCE * self.distance + _ROUNDING * max(1.0, length)
        nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
        self._nodes, self._weights = (nodes + 1) / 2, weights / 2

    def _rows(self, t):
        import torch

        return torch.from_numpy(self._start + t[:, None] * self._step)

    def rises(self, lefts, widths):
        """Return by how much g rises along each part of the line."""
        import torch

        with torch.no_grad():
            Z = self._embed(self._rows(np.concatenate([lefts, lefts + widths])))
            near, far = ((Z - end).norm(dim=1) for end in self._ends)
        return np.diff(((near - far) / 2).numpy().reshape(2, -1), axis=0)[0]

    def contributions(self, lefts, widths):
        """Return the integral over each part of the line, column by column."""
        found = np.empty((len(lefts), len(self._step)))
        n_parts = BLOCK // _N_NODES
        for first in range(0, len(lefts), n_parts):
            part = slice(first, first + n_parts)
            t = lefts[part, None] + widths[part, None] * self._nodes
            slopes = self._slopes(t.ravel()).reshape(*t.shape, -1)
            means = np.einsum("pnj,n->pj", slopes, self._weights)
            found[part] = means * widths[part, None] * self._step
        return found

    def _slopes(self, t):
        """Return the gradients of g at some points of the line."""
        import torch

        with recorded():
            S = self._rows(t).requires_grad_()
            Z = self._embed(S)
            U = torch.zeros_like(Z)
            with torch.no_grad():
                for end, sign in zip(self._ends, (0.5, -0.5), strict=True):
                    # At the end itself there is no direction.
                    U += sign * torch.nn.functional.normalize(Z - end, eps=1e-300)
            return gradient_of(Z, S, U, last=True)


def _one_row(estimator, row, name):
    """Return a row as a checked array of shape (1, n_features)."""
    given = row
    if hasattr(row, "index") and hasattr(row, "to_frame"):
        # A Series of pandas, whose index are the names of the columns.
        row = row.to_frame().T
    elif not hasattr(row, "columns"):
        row = np.asarray(row)
        row = row[None] if row.ndim == 1 else row
    if row.shape != (1, estimator.n_features_in_):
        raise ValueError(
            f"`{name}` must be one row of shape (n_features="
            f"{estimator.n_features_in_},); got {np.shape(given)}. Pass X[i], or "
            "X.iloc[i] of a data frame."
        )
    return check_rows(estimator, row, reset=False, name=name)
