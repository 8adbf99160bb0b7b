"""Likeness from class labels."""

import warnings
from copy import copy
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import column_or_1d

from sklearn_contrastive._pairs import Keys, Pairs
from sklearn_contrastive.similarity._base import Similarity
from sklearn_contrastive.similarity._class_batches import (
    by_class,
    group_batches,
    quota_batches,
)
from sklearn_contrastive.similarity._class_sums import attraction

#: With more classes than this, batches are drawn by class.
_MOST_UNIFORM_CLASSES = 32


class LabelSimilarity(Similarity):
    """Rows of the same class are alike, rows of different classes are not.

    How a batch is drawn depends on the classes, so that most rows find both a
    positive and a negative in it:

    - at random while every class can expect `rows_per_class` rows or more and there
      are at most 32 classes;
    - otherwise with `rows_per_class` rows of every class in each batch and the rest in
      proportion to class size, and half and half for two classes;
    - with more classes than fit into a batch that way, as groups of `rows_per_class`
      rows of one class, where no class takes more than about one group a batch.

    No row appears twice in a batch. A class with fewer rows gives what it has, and the
    row of a class that has only one is still a negative to all others.

    Parameters
    ----------
    rows_per_class : int, default=4
        Rows of one class that should meet in a batch, >= 2.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.

    codes_ : ndarray of shape (n_samples,)
        The position of each row's label in `classes_`.

    rows_ : ndarray of shape (n_rows,)
        The row numbers that batches are drawn from.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_contrastive.similarity import LabelSimilarity
    >>> likeness = LabelSimilarity().fit(None, ["cat", "dog", "cat", "dog", "emu"])
    >>> likeness.batches(5, np.random.RandomState(0))
    array([[2, 0, 1, 3, 4]])
    """

    _parameter_constraints = {
        "rows_per_class": [Interval(Integral, 2, None, closed="left")],
    }

    symmetric = True

    def __init__(self, rows_per_class=4):
        self.rows_per_class = rows_per_class

    def fit(self, X, y):
        """Read the classes.

        Parameters
        ----------
        X : array of shape (n_samples, n_features) or None
            The rows; only their number is used.

        y : array-like of shape (n_samples,)
            Class labels of any sortable type.

        Returns
        -------
        self : LabelSimilarity
            The fitted similarity.

        Raises
        ------
        ValueError
            If `y` is missing, has another length than `X`, has missing or continuous
            values, fewer than two classes, or no class with two rows.
        TypeError
            If the labels are of types that cannot be compared.

        Warns
        -----
        UserWarning
            If more than half of the labels are different numbers.
        """
        self._validate_params()
        y = check_labels(y, None if X is None else X.shape[0])
        try:
            self.classes_, codes = np.unique(y, return_inverse=True)
        except TypeError as error:
            kinds = sorted({type(label).__name__ for label in y})
            raise TypeError(
                f"`y` must hold labels that can be sorted; got a mix of {kinds}. "
                "Convert them to one type, for example to str."
            ) from error
        self.codes_ = codes.reshape(-1).astype(np.int32)
        self.rows_ = np.arange(len(codes))
        if len(self.classes_) < 2 or np.bincount(self.codes_).max() < 2:
            _refuse_classes(self.classes_, len(codes))
        if y.dtype.kind in "iuf" and 2 * len(self.classes_) > len(codes) > 20:
            warnings.warn(
                f"`y` has {len(self.classes_)} different numbers in {len(codes)} rows. "
                "If it is a quantity rather than a class, cut it into classes first.",
                UserWarning,
                stacklevel=2,
            )
        return self

    def hold_out(self, fraction, rng):
        """Hold out about the same share of every class.

        Parameters
        ----------
        fraction : float
            Share of the rows to hold out, in (0, 1).

        rng : numpy.random.RandomState
            Source of randomness.

        Returns
        -------
        kept, held_out : LabelSimilarity
            Similarities over disjoint rows. Both hold a pair of the same class and
            one of different classes.

        Raises
        ------
        ValueError
            If the table is too small for that.
        """
        rows, codes, rank, counts = by_class(self.rows_, self.codes_[self.rows_], rng)
        # Judging needs pairs: rows leave two at a time, from two classes at least.
        chance = rng.uniform(size=len(counts))
        wanted = 2 * np.floor(fraction * counts / 2 + chance)
        largest = np.argsort(-counts, kind="stable")[:2]
        wanted[largest] = np.maximum(wanted[largest], 2)
        out = rank < wanted[codes]
        kept, held_out = copy(self), copy(self)
        kept.rows_, held_out.rows_ = np.sort(rows[~out]), np.sort(rows[out])
        for part in (kept, held_out):
            sizes = np.bincount(self.codes_[part.rows_], minlength=len(counts))
            if sizes.max() < 2 or np.count_nonzero(sizes) < 2:
                raise ValueError(
                    f"The {len(rows)} rows are too few to hold some out: rows kept and "
                    "rows held out both need two classes and a class of two rows. Set "
                    "`early_stopping=False` or pass `X_val` and `y_val`."
                )
        return kept, held_out

    def batches(self, batch_size, rng):
        """Return which rows sit together in the steps of one epoch.

        Parameters
        ----------
        batch_size : int
            Rows in a batch, at most ``len(rows_)``.

        rng : numpy.random.RandomState
            Source of randomness.

        Returns
        -------
        index : ndarray of shape (n_steps, batch_size)
            Row numbers, each at most once in a row of `index`.
        """
        n_steps = len(self.rows_) // batch_size
        counts = np.bincount(self.codes_[self.rows_])
        counts = counts[counts > 0]
        expected = batch_size * counts.min() / len(self.rows_)
        few = 2 < len(counts) <= _MOST_UNIFORM_CLASSES
        if batch_size == len(self.rows_) or (few and expected >= self.rows_per_class):
            order = rng.permutation(self.rows_)
            return order[: n_steps * batch_size].reshape(n_steps, batch_size)
        fits = len(counts) * self.rows_per_class <= batch_size
        draw = quota_batches if fits else group_batches
        codes = self.codes_[self.rows_]
        return draw(self.rows_, codes, self.rows_per_class, n_steps, batch_size, rng)

    def keys(self, index):
        """Return row numbers with their class codes.

        Parameters
        ----------
        index : ndarray of int
            Row numbers, in any shape.

        Returns
        -------
        keys : Keys
            Row numbers and class codes, in the shape of `index`.
        """
        return Keys(index, self.codes_[index])

    def pairs(self, keys, other_keys, work=None):
        """Return who attracts and who repels whom.

        Parameters
        ----------
        keys : Keys
            Keys of the anchors.

        other_keys : Keys
            Keys of the candidates.

        work : Tensor of shape (3, n_anchors, n_candidates), default=None
            Arrays to put the weights of tensors into, instead of new ones.

        Returns
        -------
        pairs : Pairs
            Weights of 0 and 1, of shape (n_anchors, n_candidates).
        """
        ours = [key[..., None] for key in keys]
        theirs = [key[..., None, :] for key in other_keys]
        if isinstance(keys.rows, np.ndarray):
            itself, alike = (a == b for a, b in zip(ours, theirs, strict=True))
            return Pairs((alike & ~itself).astype(float), (~alike).astype(float))
        import torch

        # Straight to floats: arithmetic with booleans is several times slower.
        codes = keys.values
        if work is None:
            dtype = codes.dtype if codes.is_floating_point() else torch.float32
            shape = (3, *codes.shape, other_keys.values.shape[-1])
            work = codes.new_empty(shape, dtype=dtype)
        alike, unlike, itself = work
        torch.eq(ours[0], theirs[0], out=itself)
        torch.ne(ours[1], theirs[1], out=unlike)
        torch.eq(ours[1], theirs[1], out=alike)
        return Pairs(alike.sub_(itself), unlike)

    def alike(self, keys, other_keys, work):
        """Write 1 for rows of the same class and 0 for others, in torch.

        Parameters
        ----------
        keys, other_keys : Keys
            Keys of anchors and candidates, as tensors of floats.

        work : Tensor of shape (3, n_anchors, n_candidates)
            Where to write, in its first array.

        Returns
        -------
        flags : Tensor of shape (n_anchors, n_candidates)
            The flags.
        """
        import torch

        ours, theirs = keys.values[..., None], other_keys.values[..., None, :]
        return torch.eq(ours, theirs, out=work[0])

    def prototypes(self, keys):
        """Return keys for one point a class, which is no row of the table.

        Parameters
        ----------
        keys : Keys
            Keys of rows as tensors, whose precision and device are wanted.

        Returns
        -------
        keys : Keys
            One for each of `classes_`.
        """
        import torch

        codes = torch.arange(len(self.classes_))
        return Keys((-1 - codes).to(keys.rows), codes.to(keys.values))

    def attraction(self, keys, Z):
        """Add up all positive pairs without looking at any: by class means.

        Parameters
        ----------
        keys : Keys
            Keys of distinct rows, as tensors.

        Z : Tensor of shape (n_rows, n_components)
            Their points; a leading axis, of keys too, holds independent models.

        Returns
        -------
        squares : Tensor of shape ()
            Sum of squared distances over all ordered pairs of a class.

        n_pairs : Tensor of shape ()
            Their number.

        pulls : Tensor of shape (n_rows, n_components)
            For each row, the sum of its differences to the rows of its class.
        """
        return attraction(keys.values.long(), len(self.classes_), Z)


def check_labels(y, n_rows):
    """Return class labels as an array, or say what is wrong with them.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of any type.

    n_rows : int or None
        How many there must be; None for any number.

    Returns
    -------
    y : ndarray of shape (n_samples,)
        The labels.

    Raises
    ------
    ValueError
        If `y` is missing, has another length, or has missing, complex or continuous
        values.
    """
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None. Pass "
            "one class label per row of `X`: pairs are built from them."
        )
    numpy_dtype = getattr(getattr(y, "dtype", None), "numpy_dtype", None)
    y = column_or_1d(y, warn=True)
    if n_rows is not None and len(y) != n_rows:
        raise ValueError(
            f"`y` must hold one label per row of `X`: found input variables with "
            f"inconsistent numbers of samples, {n_rows} rows and {len(y)} labels."
        )
    # Integers, bools and fixed-width strings have no missing values.
    missing = _missing_labels(y) if y.dtype.kind in "fcmMO" else np.False_
    if missing.any():
        raise ValueError(
            f"`y` must hold a class label for every row; {missing.sum()} are missing "
            f"(Input y contains NaN, infinity or None), the first at row "
            f"{missing.argmax()}. Drop those rows, or give them a class of their own."
        )
    if numpy_dtype is not None and y.dtype.kind == "f":
        # A nullable column of pandas: integers and bools come through as floats.
        y = y.astype(numpy_dtype)
    if y.dtype.kind == "c":
        raise ValueError("Complex data not supported: `y` must hold class labels.")
    if y.dtype.kind == "f" and not np.array_equal(y, np.floor(y)):
        raise ValueError(
            "`y` must hold class labels; got continuous values such as "
            f"{y[y != np.floor(y)][0]!s}. Unknown label type: continuous. Cut them "
            "into classes first, for example with "
            "sklearn.preprocessing.KBinsDiscretizer or pandas.qcut."
        )
    return y


def _missing_labels(y):
    if y.dtype.kind in "fc":
        return ~np.isfinite(y)
    if y.dtype.kind in "mM":
        return np.isnat(y)
    # None, float NaN (unequal to itself) and pandas.NA (no truth value).
    return np.array([label is None or _is_nan(label) for label in y], dtype=bool)


def _is_nan(label):
    try:
        return bool(label != label)
    except (TypeError, ValueError):
        return True


def _refuse_classes(classes, n_rows):
    if len(classes) < 2:
        found = f"one class only, {classes[0]}" if len(classes) else "no labels"
        raise ValueError(
            f"`y` must hold at least two classes; got {found}. Dissimilar pairs are "
            "what keeps the embedding from collapsing."
        )
    raise ValueError(
        f"`y` must hold a class with at least two rows; got {len(classes)} classes for "
        f"{n_rows} rows (n_samples={n_rows}), so no two rows are alike. If `y` is "
        "continuous, cut it into classes first."
    )
