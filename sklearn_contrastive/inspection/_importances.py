"""How strongly each column moves an embedding."""

from numbers import Integral

import numpy as np
from sklearn.utils import _param_validation, check_random_state, gen_batches

from sklearn_contrastive._training._run import isolated_rng_and_threads
from sklearn_contrastive._validation import check_rows
from sklearn_contrastive.inspection._gradients import BLOCK, differentiable, gradients
from sklearn_contrastive.preprocessing import _standardization

_RULES = {
    "max_samples": [_param_validation.Interval(Integral, 2, None, closed="left"), None],
    "random_state": ["random_state"],
}


@_param_validation.validate_params(_RULES, prefer_skip_nested_validation=True)
@isolated_rng_and_threads("cpu", widest=0)
def feature_importances(estimator, X, *, max_samples=4096, random_state=0):
    r"""Return how strongly each column moves the embedding, as shares of 1.

    .. math::

        I_j \propto \sigma_j \left( \frac{1}{n} \sum_i
        \left\lVert \frac{\partial f(x_i)}{\partial x_{ij}} \right\rVert^2
        \right)^{1/2}

    with f the embedding and :math:`\sigma_j` the standard deviation of column j in `X`:
    the root mean square distance that rows move in the embedding, to first order, when
    column j alone changes by its standard deviation. Units do not matter.

    Parameters
    ----------
    estimator : fitted ContrastiveEmbedding
        With any encoder.

    X : array-like of shape (n_samples, n_features)
        Rows, at least two, in raw units; best rows that were not used in `fit`.

    max_samples : int or None, default=4096
        Number of rows for gradients, >= 2, drawn where `X` holds more; the mean square
        is then right to a few per cent. None for all rows. Standard deviations are
        those of all rows.

    random_state : int, RandomState instance or None, default=0
        Determines which rows are drawn.

    Returns
    -------
    importances : ndarray of shape (n_features,)
        Shares >= 0 that add up to 1, in the order of the columns, whose names are
        ``estimator.feature_names_in_``. 0 for a column that is constant in `X` or was
        so in `fit`; all 0 where no column moves the embedding.

    Raises
    ------
    TypeError
        If `estimator` is no ContrastiveEmbedding, such as a pipeline.
    ValueError
        If `X` has fewer than two rows or another width than in `fit`, or holds
        infinity; or if the encoder has no gradient.

    See Also
    --------
    sklearn.inspection.permutation_importance : How much worse the score is without a
        column.
    explain_pair : Which columns make two rows far.

    Notes
    -----
    A gradient is the effect of a small change of one column, with the others fixed.
    Columns with the same information share their importance arbitrarily. A column that
    was fitted to noise may move the embedding without being useful: permutation
    importance on held-out rows measures use.

    The cost is that of `n_components` gradients per row.

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
    read = differentiable(estimator)
    X, expansion = check_rows(estimator, X, reset=False), read.standardization.expansion
    if len(X) < 2:
        raise ValueError(
            f"`X` must hold at least two rows, whose spread is measured; got {len(X)}."
        )
    learned = read.learned(X)
    if expansion is not None:
        # Rather than the number of a level, its place.
        X = expansion.of(X)
    spread = _standardization.learn_standardization(X, "standard").scale
    spread = np.where(np.isinf(spread), 0.0, spread), learned.std(axis=0)
    if max_samples is not None and len(X) > max_samples:
        drawn = check_random_state(random_state).permutation(len(X))[:max_samples]
        X, learned = X[np.sort(drawn)], learned[np.sort(drawn)]
    squares = 0.0
    for rows in gen_batches(len(X), BLOCK):
        block = X[rows].astype(np.float64)
        squares = squares + _squared_gradients(read, block, learned[rows], spread)
    moved = np.sqrt(read.of_columns(squares))
    return moved / max(moved.sum(), np.finfo(np.float64).tiny)


def _squared_gradients(read, X, learned, spread):
    """Return by column the sum over rows and outputs of squared, scaled gradients."""
    standardization = read.standardization._replace(expansion=None)
    scales, of_learned = spread
    S = _standardization.standardized(X, standardization)
    if standardization.kind is not None:
        plain = standardization._replace(kind="standard")
        unclipped = _standardization.standardized(X, plain)
        # The smooth clip, s = u / sqrt(1 + (u/8)²), has the derivative (s / u)³.
        clip = np.divide(S, unclipped, out=np.ones_like(S), where=unclipped != 0)
        # Before anything else, so that units cancel. Rows farther out are clipped.
        with np.errstate(over="ignore"):
            scales = np.minimum(scales / standardization.scale, 1e9) * clip**3
    scales = np.hstack([np.broadcast_to(scales, S.shape), 0 * learned + of_learned])
    found = gradients(read.embed, np.hstack([S, learned]), _each_output)
    return sum(((gradient * scales) ** 2).sum(axis=0) for gradient in found)


def _each_output(Z):
    """Return directions that pick one output each."""
    import torch

    return (output.expand_as(Z) for output in torch.eye(Z.shape[1], dtype=Z.dtype))
