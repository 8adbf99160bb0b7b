"""Similarity between changed copies of a row, without labels."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_contrastive._pairs._keys import Keys, same_value_pairs, view_numbers
from sklearn_contrastive._validation import check_params, shorten
from sklearn_contrastive.similarity._base import Similarity, all_rows

#: Rows that values of a column are drawn from.
_MOST_DRAWN, _MOST_NUMBERS = 8192, 2**24


class ViewSimilarity(Similarity):
    """Two views of a row are similar, views of different rows are dissimilar.

    Every row of a batch is changed at random, twice; the two views of a row attract
    each other and repel those of all other rows [1]_. No labels are needed: the
    embedding learns to keep what the changes leave alone. ``loss="info_nce"`` is the
    usual loss.

    Parameters
    ----------
    augment : {"corrupt", "noise"} or callable, default="corrupt"
        ``"corrupt"`` replaces each value with probability `amount` by one drawn from
        its column [2]_. ``"noise"`` adds Gaussian noise of `amount` standard deviations
        of the column, and is an error where columns are categories. A callable
        ``augment(X, rng)`` takes rows in raw units, which it must not write to, and a
        `numpy.random.Generator`, and returns changed rows; categories are numbers of
        levels there, and missing cells NaN.

    amount : float or "auto", default="auto"
        How much a view differs, > 0; a share < 1 for ``"corrupt"``. A larger one makes
        the task harder. ``"auto"`` is 0.6 for ``"corrupt"`` [2]_ and 0.5 for
        ``"noise"``.

    keep_original : bool, default=False
        Whether the first view is the row itself, and only the second is changed.

    Attributes
    ----------
    rows_ : ndarray of shape (n_rows,)
        The row numbers that batches are drawn from.

    Notes
    -----
    A batch of `batch_size` rows has twice as many points. Nothing but `X` is used, so
    that a pipeline may be cross-validated as it is. Changed rows are standardised as
    the table is. Where columns hardly vary, such as the margin of images, a small
    change by an `augment` of your own becomes a large one; ``standardize=False`` or
    ``"robust"`` avoids that.

    References
    ----------
    .. [1] T. Chen, S. Kornblith, M. Norouzi, G. Hinton, "A Simple Framework for
       Contrastive Learning of Visual Representations", ICML 2020.
    .. [2] D. Bahri, H. Jiang, Y. Tay, D. Metzler, "SCARF: Self-Supervised Contrastive
       Learning using Random Feature Corruption", ICLR 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_contrastive.similarity import ViewSimilarity
    >>> similarity = ViewSimilarity().fit(np.zeros((4, 3)))
    >>> keys = similarity.keys(np.array([0, 2]))
    >>> similarity.compare(keys, keys).positive.astype(int)
    array([[0, 0, 1, 0],
           [0, 0, 0, 1],
           [1, 0, 0, 0],
           [0, 1, 0, 0]])
    """

    symmetric = repeatable = True

    _parameter_constraints = {
        "augment": [StrOptions({"corrupt", "noise"}), callable],
        "amount": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "keep_original": ["boolean"],
    }

    n_views = 2

    def __init__(self, augment="corrupt", *, amount="auto", keep_original=False):
        self.augment = augment
        self.amount = amount
        self.keep_original = keep_original

    def fit(self, X, y=None):
        """Keep values of the columns to draw from.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            The rows, in raw units.

        y : None
            Not used.

        Returns
        -------
        self : ViewSimilarity
            The fitted similarity.

        Raises
        ------
        ValueError
            If `amount` does not go with `augment`, or there is one row only.
        """
        check_params(self)
        if callable(self.augment) and self.amount != "auto":
            raise ValueError(
                f"`amount` must be 'auto' with an `augment` of your own; got "
                f"{shorten(self.amount)}. Build it into the function."
            )
        if self.augment == "corrupt" and self.amount != "auto" and self.amount >= 1:
            raise ValueError(
                f"`amount` must be a share below 1 with augment='corrupt'; got "
                f"{shorten(self.amount)}. With all values replaced nothing is left of "
                "a row."
            )
        self.rows_ = all_rows(X, 2)
        # A copy of some rows: the table may be on disk.
        most = max(1, min(_MOST_DRAWN, _MOST_NUMBERS // X.shape[1]))
        self._some = np.array(X[:: -(-len(X) // most)])
        some = self._some
        some = np.ma.masked_invalid(some) if np.isnan(some).any() else some
        # In units of a power of two, which changes no digit, squares are in range.
        power = np.frexp(np.ma.filled(np.abs(some).max(axis=0), 0))[1]
        spread = np.ldexp(some, -power).std(axis=0, dtype=np.float64)
        spread = np.ma.filled(spread, 0)
        self._spread = np.ldexp(spread, power)
        return self

    def views(self, X, rng):
        """Return two views of rows, as `Similarity.views` does.

        Raises a ValueError if `augment` is a function that returns anything but finite
        numbers in the shape of the rows, or NaN where they have NaN.
        """
        first = X if self.keep_original else self._changed(X, rng)
        return np.concatenate([first, self._changed(X, rng)])

    def _changed(self, X, rng):
        """Return rows with random changes."""
        if self.augment == "noise":
            amount = 0.5 if self.amount == "auto" else self.amount
            noise = rng.standard_normal(X.shape, dtype=np.float32)
            # Numbers near the largest may become infinite, which standardising bounds.
            with np.errstate(over="ignore"):
                return X + (amount * self._spread).astype(X.dtype) * noise
        if self.augment == "corrupt":
            amount = 0.6 if self.amount == "auto" else self.amount
            drawn = rng.integers(len(self._some), size=X.shape)
            others = np.take_along_axis(self._some, drawn, axis=0)
            return np.where(rng.random(X.shape, dtype=np.float32) < amount, others, X)
        changed = np.asarray(self.augment(X, rng))
        if changed.shape != X.shape or changed.dtype.kind not in "biuf":
            raise ValueError(
                f"`augment` must return numbers in the shape of its rows, {X.shape}; "
                f"got {changed.dtype} of shape {changed.shape}."
            )
        gaps = np.isnan(changed) & np.isnan(self._some).any(axis=0)
        if not (np.isfinite(changed) | gaps).all():
            raise ValueError("`augment` must return finite numbers; got NaN or inf.")
        return changed.astype(X.dtype, copy=False)

    def keys(self, index):
        """Return a number for each view and that of its row, as `Similarity.keys`."""
        return Keys(view_numbers(index, self), np.concatenate([index, index], axis=-1))

    def compare(self, keys, other_keys, work=None):
        """Return weights of 0 and 1, as `Similarity.compare` does."""
        return same_value_pairs(keys, other_keys, work)
