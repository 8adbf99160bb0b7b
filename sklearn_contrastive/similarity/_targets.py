"""Similarity from the distance between continuous targets."""

from numbers import Real
from typing import ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_contrastive._pairs._keys import Keys
from sklearn_contrastive._validation import (
    check_given,
    check_length,
    check_params,
    read_numbers,
    shortened,
)
from sklearn_contrastive.similarity._base import Similarity, graded_pairs

#: Rows whose targets are compared to choose a bandwidth.
_N_COMPARED = 1000
#: Weight decay times rows, and the least and greatest weight decay.
_DECAY, _DECAYS = 3000.0, (1e-2, 10.0)


class TargetSimilarity(Similarity):
    r"""Rows are the more similar the nearer their targets are.

    .. math::

        w^+_{ij} = k\!\left(\frac{\lVert y_i - y_j \rVert}{h}\right), \qquad
        w^-_{ij} = 1 - w^+_{ij}

    with each column of y divided by its standard deviation, bandwidth h and kernel k.

    Parameters
    ----------
    bandwidth : float or "auto", default="auto"
        Distance between targets, in standard deviations, over which similarity falls
        off, > 0. A smaller one separates nearer targets and leaves fewer similar pairs.
        ``"auto"`` is the median distance of two targets.

    kernel : {"gaussian", "cauchy", "boxcar"}, default="gaussian"
        How similarity falls with the distance u in bandwidths: :math:`e^{-u^2/2}`;
        :math:`1/(1 + u^2)`, which orders even far targets, for
        ``loss="rank_n_contrast"``; or 1 up to the bandwidth and 0 beyond.

    Attributes
    ----------
    bandwidth_ : float
        The bandwidth used.

    targets_ : ndarray of shape (n_samples, n_outputs)
        Targets divided by `bandwidth_` standard deviations.

    rows_ : ndarray of shape (n_rows,)
        The rows whose targets are known; one that is NaN is not.

    Notes
    -----
    Under cross-validation bandwidth and deviations are those of the training fold.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_contrastive.similarity import TargetSimilarity
    >>> similarity = TargetSimilarity(bandwidth=1.0).fit(None, [0.0, 1.0, 3.0, np.nan])
    >>> keys = similarity.keys(np.arange(4))
    >>> similarity.compare(keys, keys).positive.round(2)
    array([[0.  , 0.73, 0.06, 0.  ],
           [0.73, 0.  , 0.28, 0.  ],
           [0.06, 0.28, 0.  , 0.  ],
           [0.  , 0.  , 0.  , 0.  ]])
    """

    needs_y = symmetric = repeatable = True

    _parameter_constraints = {
        "bandwidth": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "kernel": [StrOptions({"gaussian", "cauchy", "boxcar"})],
    }

    # Chosen on validation parts of diabetes, homes in Boston and diamonds, among the
    # nearest 3 and 8, 16 and 32, 40 and 40, and all pairs.
    auto_nearest: ClassVar[dict[str, int]] = {"n_positives": 40, "n_negatives": 40}
    # Decayed weights make SiLU nearly linear, and ReLU not: diabetes R² .41 and .28.
    auto_activation = "silu"

    @property
    def auto_alpha(self):
        """The weight decay for ``alpha="auto"``: less with more rows.

        Targets are noisy, and a network soon learns the noise of a few hundred of them.
        """
        return float(np.clip(_DECAY / len(self.rows_), *_DECAYS))

    def __init__(self, bandwidth="auto", *, kernel="gaussian"):
        self.bandwidth = bandwidth
        self.kernel = kernel

    def fit(self, X, y):
        """Read the targets and choose a bandwidth.

        Parameters
        ----------
        X : array of shape (n_samples, n_features) or None
            The rows; only their number is used.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets; NaN where one is not known.

        Returns
        -------
        self : TargetSimilarity
            The fitted similarity.

        Raises
        ------
        ValueError
            If `y` is missing, of another length, no number or infinite, if fewer than
            two targets are known, or if they are all the same.
        """
        check_params(self)
        y = check_targets(y, None if X is None else X.shape[0])
        known = ~np.isnan(y).any(axis=1)
        self.rows_ = np.flatnonzero(known)
        # In units of a power of two, which changes no digit, squares are in range.
        largest, power = np.frexp(np.abs(y[known]).max(axis=0, initial=0))
        with np.errstate(over="ignore"):
            y = np.ldexp(y, -power)
        spread = y[known].std(axis=0) if known.sum() > 1 else np.zeros(1)
        varies = spread > np.finfo(y.dtype).eps * largest
        if not varies.any():
            raise ValueError(
                "`y` must hold at least two different targets; got "
                f"{known.sum()} known ones (n_samples={len(y)}), all the same."
            )
        targets = (y - y[known].mean(axis=0))[:, varies] / spread[varies]
        auto = self.bandwidth == "auto"
        self.bandwidth_ = (
            _typical_distance(targets[known]) if auto else float(self.bandwidth)
        )
        self.targets_ = targets / self.bandwidth_
        return self

    def votes(self):
        """Return the targets in bandwidths."""
        return self.targets_

    def keys(self, index):
        """Return row numbers with targets in bandwidths, as `Similarity.keys` does."""
        return Keys(index, self.targets_[index])

    def compare(self, keys, other_keys, work=None):
        """Return weights in [0, 1] that add up to 1, as `Similarity.compare` does.

        Both are 0 where a target is not known.
        """
        ours, theirs = keys.values[..., None, :], other_keys.values[..., None, :, :]
        first, *others = (ours[..., k] - theirs[..., k] for k in range(ours.shape[-1]))
        squares, is_array = first**2, isinstance(first, np.ndarray)
        for gaps in others:
            # Tensors are multiplied and added in one pass.
            squares = squares + gaps**2 if is_array else squares.addcmul_(gaps, gaps)
        return graded_pairs(self._kernel(squares), keys, other_keys)

    def _kernel(self, squares):
        """Return similarity for squared distances in bandwidths, numpy or torch."""
        if self.kernel == "boxcar":
            return (squares <= 1) * (squares * 0 + 1)
        if self.kernel == "cauchy":
            return 1 / (1 + squares)
        is_array = isinstance(squares, np.ndarray)
        return np.exp(squares * -0.5) if is_array else (squares * -0.5).exp()


def check_targets(y, n_rows):
    """Return targets as columns in float64, shape (n_samples, n_outputs).

    NaN means unknown. Raises a ValueError if `y` is missing, not `n_rows` long (None
    for any number), not numeric, or infinite.
    """
    check_given(y, ". Pass one target per row of `X`")
    try:
        y = read_numbers(y)
        if y.ndim not in (1, 2):
            raise TypeError(f"it has shape {y.shape}")
        y = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(
            f"`y` must hold numbers as targets ({shortened(error)}). Use "
            "similarity='labels' for classes."
        ) from error
    check_length(y, n_rows, "one target, or a row of them,")
    if np.isinf(y).any():
        raise ValueError(
            "`y` must hold finite targets, or NaN for unknown ones; Input y contains "
            f"infinity, the first at row {np.isinf(y).any(axis=1).argmax()}."
        )
    return y


def _typical_distance(targets):
    """Return the median distance of two targets, which is never zero."""
    from scipy.spatial.distance import pdist

    distances = pdist(targets[:: max(1, len(targets) // _N_COMPARED)])
    distance = np.median(distances)
    # Most targets may be the same: then the smallest difference counts.
    positive = distances[distances > 0]
    return float(max(distance, positive.min() if len(positive) else 1.0))
