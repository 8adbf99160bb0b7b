"""How strongly each column moves an embedding."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from sklearn_contrastive._validation import check_rows
from sklearn_contrastive.inspection._slopes import (
    BLOCK,
    check_embedding,
    differentiable,
    gradient_of,
    recorded,
)
from sklearn_contrastive.preprocessing._standardization import (
    Standardization,
    learn_standardization,
    standardised,
)


@validate_params(
    {
        "max_samples": [Interval(Integral, 2, None, closed="left"), None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def feature_importances(estimator, X, *, max_samples=4096, random_state=0):
    r"""Return how strongly each column moves the embedding, as shares of 1.

    .. math::

        I_j \propto \sigma_j \left( \frac{1}{n} \sum_i
        \left\lVert \frac{\partial f(x_i)}{\partial x_{ij}} \right\rVert^2
        \right)^{1/2}

    with f the embedding and :math:`\sigma_j` the standard deviation of column j in `X`:
    about how far rows move in the embedding, in the root of the mean square, when
    column j alone is changed by as much as it usually varies. Units do not matter.

    Parameters
    ----------
    estimator : fitted ContrastiveEmbedding
        With any encoder.

    X : array-like of shape (n_samples, n_features)
        Rows, at least two, in raw units; best rows that were not used in `fit`.

    max_samples : int or None, default=4096
        How many rows to differentiate at, >= 2; so many are drawn where `X` holds more.
        The mean square is then right to a few per cent. None for all rows. Standard
        deviations are those of all rows.

    random_state : int, RandomState instance or None, default=0
        Determines which rows are drawn.

    Returns
    -------
    importances : ndarray of shape (n_features,)
        Shares >= 0 that add up to 1, in the order of the columns, whose names are
        ``estimator.feature_names_in_``. 0 for a column that is constant in `X` or was
        so in `fit`; all 0 where no column moves anything.

    Raises
    ------
    NotFittedError
        Before `fit`.
    TypeError
        If `estimator` is no ContrastiveEmbedding, such as a pipeline.
    ValueError
        If `X` has fewer than two rows or another width than in `fit`, or holds NaN or
        infinity; or if the encoder has no gradient.

    See Also
    --------
    sklearn.inspection.permutation_importance : How much worse the score is without a
        column.
    explain_pair : Which columns make two rows far.

    Notes
    -----
    Slopes say what a small change of one column does while the others stay as they
    are. Two columns that say the same share their importance, in no particular way;
    and a column may move an embedding, by having been fitted to noise, without being of
    use to it. That a column is of use, permutation importance on held-out rows says.

    The cost is that of `n_components` gradients a row.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_contrastive import ContrastiveEmbedding
    >>> from sklearn_contrastive.inspection import feature_importances
    >>> rng = np.random.RandomState(0)
    >>> X, y = rng.normal(size=(200, 3)), np.arange(200) % 2
    >>> X[:, 1] += 4 * y
    >>> model = ContrastiveEmbedding(max_iter=20, random_state=0).fit(X, y)
    >>> int(feature_importances(model, X).argmax())
    1
    """
    check_embedding(estimator)
    X = check_rows(estimator, X, reset=False)
    if len(X) < 2:
        raise ValueError(
            f"`X` must hold at least two rows, whose spread is measured; got {len(X)}."
        )
    spread = learn_standardization(X, "standard").scale
    spread = np.where(np.isinf(spread), 0.0, spread)
    if max_samples is not None and len(X) > max_samples:
        drawn = check_random_state(random_state).permutation(len(X))[:max_samples]
        X = X[np.sort(drawn)]
    squares, embed = np.zeros(X.shape[1]), differentiable(estimator)
    for start in range(0, len(X), BLOCK):
        block = X[start : start + BLOCK].astype(np.float64)
        squares += _squared_slopes(embed, estimator._standardization(), block)
    moved = spread * np.sqrt(squares)
    return moved / max(moved.sum(), np.finfo(np.float64).tiny)


def _squared_slopes(embed, standardization, X):
    """Return, column by column, the sum over rows of squared slopes of all outputs."""
    import torch

    S = standardised(X, standardization)
    slopes = np.ones(X.shape[1])
    if standardization.kind is not None:
        _, center, scale = standardization
        straight = standardised(X, Standardization("standard", center, scale))
        # What is bent, s = u / sqrt(1 + (u/8)²), has the slope (s / u)³.
        bent = np.divide(S, straight, out=np.ones_like(S), where=straight != 0)
        slopes = bent**3 / scale
    with recorded():
        S = torch.from_numpy(S).requires_grad_()
        Z = embed(S)
        squares = np.zeros(X.shape[1])
        for output in range(Z.shape[1]):
            U = torch.zeros_like(Z)
            U[:, output] = 1
            gradient = gradient_of(Z, S, U, last=output == Z.shape[1] - 1)
            squares += ((gradient * slopes) ** 2).sum(axis=0)
    return squares
