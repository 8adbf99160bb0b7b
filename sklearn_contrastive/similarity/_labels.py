"""Similarity from class labels."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_contrastive._pairs._keys import Keys, Pairs, view_numbers, work_arrays
from sklearn_contrastive._validation import check_labels, check_params, shorten
from sklearn_contrastive.similarity import _unlabeled
from sklearn_contrastive.similarity._base import Similarity
from sklearn_contrastive.similarity._class_batches import class_batches, split_rows

#: With more classes than this, batches are drawn by class.
_MOST_UNIFORM_CLASSES = 32


class LabelSimilarity(Similarity):
    """Rows of the same class are similar, rows of different classes are not.

    How a batch is drawn depends on the classes, so that most rows have a positive and a
    negative in it:

    - at random while every class can expect `rows_per_class` rows or more and there
      are at most 32 classes;
    - otherwise with `rows_per_class` rows of every class in each batch and the rest in
      proportion to class size, and half and half for two classes;
    - with more classes than fit into a batch that way, as groups of `rows_per_class`
      rows of one class, where no class takes more than about one group per batch.

    No row appears twice in a batch. A class with fewer rows gives all of them, and the
    only row of a class is still a negative of all others.

    Where only some rows have a label, `unlabeled` is the value that marks the others.
    Up to half of each batch are then rows with a label, drawn as above, and
    `unsupervised` draws the rest from all rows; its similarity is learned beside that
    of the labels.

    Parameters
    ----------
    rows_per_class : int, default=4
        Rows of one class that a batch should have at least, >= 2.

    unlabeled : object, default=None
        The value in `y` that means unknown, such as -1 or ``numpy.nan`` (for all
        missing values). None: every value is a label.

    unsupervised : {"neighbors", "views"}, Similarity or None, default="neighbors"
        The similarity of all rows, whatever their labels: ``"neighbors"`` pulls each
        row to its 10 nearest, ``NeighborSimilarity(10, repel=False)``; ``"views"``
        separates rows from changed copies of others,
        ``ViewSimilarity(keep_original=True)``. None: rows without a label are not used.
        Without effect where every row has a label. A similarity without dissimilar
        pairs, such as these neighbours, is learned by the contrastive loss where `loss`
        needs dissimilar pairs.

    unsupervised_weight : float, default=1.0
        Factor of the loss over the similarity of all rows, >= 0.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.

    codes_ : ndarray of shape (n_samples,)
        The position of each row's label in `classes_`; for rows without a label
        numbers from ``len(classes_)`` on.

    rows_ : ndarray of shape (n_rows,)
        The row numbers that batches are drawn from.

    unsupervised_ : Similarity or None
        The fitted similarity of all rows; None where every row has a label.

    Notes
    -----
    Under cross-validation labels are those of the training fold. Rows without a label
    may be in test folds too, where `score` leaves them out.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_contrastive.similarity import LabelSimilarity
    >>> similarity = LabelSimilarity().fit(None, ["cat", "dog", "cat", "dog", "emu"])
    >>> similarity.batches(5, np.random.RandomState(0))
    array([[2, 0, 1, 3, 4]])
    """

    _parameter_constraints = {
        "rows_per_class": [Interval(Integral, 2, None, closed="left")],
        "unlabeled": "no_validation",
        "unsupervised": [StrOptions({"neighbors", "views"}), Similarity, None],
        "unsupervised_weight": [Interval(Real, 0, None, closed="left")],
    }

    has_classes = needs_y = symmetric = repeatable = batchable = True
    unsupervised_ = None

    def __init__(
        self,
        rows_per_class=4,
        *,
        unlabeled=None,
        unsupervised="neighbors",
        unsupervised_weight=1.0,
    ):
        self.rows_per_class = rows_per_class
        self.unlabeled = unlabeled
        self.unsupervised = unsupervised
        self.unsupervised_weight = unsupervised_weight

    @property
    def reads_rows(self):
        """Whether the similarity of all rows uses their values."""
        used = self.unlabeled is not None and self.unsupervised is not None
        return used and _unlabeled.resolve(self.unsupervised).reads_rows

    def fit(self, X, y):
        """Read the classes.

        Parameters
        ----------
        X : array of shape (n_samples, n_features) or None
            The rows. Their values are used only where some have no label.

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
        check_params(self)
        n_rows = None if X is None else X.shape[0]
        y, known = check_labels(y, n_rows, self.unlabeled)
        try:
            self.classes_, codes = np.unique(y[known], return_inverse=True)
        except TypeError as error:
            kinds = sorted({type(label).__name__ for label in y[known]})
            raise TypeError(
                "`y` must hold labels that can be sorted; got a mix of "
                f"{shorten(kinds)}. Convert them to one type, for example to str."
            ) from error
        if len(self.classes_) < 2:
            first = known.any() and shorten(y[known][0])
            raise ValueError(
                "`y` must hold at least two classes; got "
                f"{f'one class only, {first}' if known.any() else 'no labels'}."
            )
        if np.bincount(codes).max() < 2:
            raise ValueError(
                f"`y` must hold a class with at least two rows; got {len(codes)} "
                f"classes for {len(codes)} rows (n_samples={len(codes)}). If `y` is a "
                "quantity, use similarity='targets', or cut it into classes first."
            )
        if y.dtype.kind in "iuf" and 2 * len(self.classes_) > len(codes) > 20:
            warnings.warn(
                f"`y` has {len(self.classes_)} different numbers in {len(codes)} rows. "
                "If it is a quantity rather than a class, use similarity='targets'.",
                stacklevel=2,
            )
        # Each row without a label is a class of its own: similar to no other row.
        self.codes_ = len(self.classes_) - 1 + np.cumsum(~known, dtype=np.int32)
        self.codes_[known] = codes
        self.rows_, self.unsupervised_ = np.flatnonzero(known), None
        self.n_views = type(self).n_views
        self._complete = len(self.rows_) == len(y)
        self.batchable = self._complete and type(self).batchable
        if not self._complete and self.unsupervised is not None:
            self.unsupervised_ = _unlabeled.resolve(self.unsupervised).fit(X, None)
            self.n_views = self.unsupervised_.n_views
            self.rows_ = np.arange(len(y))
        return self

    def _labeled(self):
        """Return the similarity of the rows with a label alone."""
        if self.unsupervised_ is None:
            return self
        codes = self.codes_[self.rows_]
        labeled = super().among(self.rows_[codes < len(self.classes_)])
        labeled.unsupervised_, labeled.n_views = None, type(self).n_views
        return labeled

    def terms(self):
        """Return this similarity and, where labels are unknown, that of all rows.

        Returns
        -------
        terms : list of tuple (str, Similarity, float)
            Name, similarity and weight of each.
        """
        second = ("unlabeled", self.unsupervised_, self.unsupervised_weight)
        return [("", self, 1.0), *([] if self.unsupervised_ is None else [second])]

    def views(self, X, rng):
        """Return the views of the similarity of all rows, or the rows themselves."""
        return X if self.unsupervised_ is None else self.unsupervised_.views(X, rng)

    def hold_out(self, fraction, rng):
        """Hold out about the same share of every class, of rows with a label only.

        Both parts have a pair of the same class and one of different classes, else a
        ValueError is raised; parameters are those of `Similarity.hold_out`.
        """
        labeled = self._labeled()
        rows, codes = labeled.rows_, self.codes_[labeled.rows_]
        kept, held_out = map(labeled.among, split_rows(rows, codes, fraction, rng))
        if self.unsupervised_ is not None:
            kept = self.among(np.setdiff1d(self.rows_, held_out.rows_))
        return kept, held_out

    def strata(self):
        """Return the codes of the classes, -1 where a label is not known."""
        return np.where(self.codes_ < len(self.classes_), self.codes_, -1)

    def votes(self):
        """Return 1 for the class of each row."""
        return self.strata()[:, None] == np.arange(len(self.classes_))

    def among(self, rows):
        """Return a copy for some rows, also of the similarity of all rows."""
        similarity = super().among(rows)
        if self.unsupervised_ is not None:
            similarity.unsupervised_ = self.unsupervised_.among(rows)
        return similarity

    def batches(self, batch_size, rng):
        """Return batches with positives and negatives for most of their rows.

        Parameters are those of `Similarity.batches`.
        """
        if self.unsupervised_ is not None:
            drawn = super().batches(batch_size, rng)
            parts = self._labeled(), self.unsupervised_
            return _unlabeled.mix_batches(drawn, *parts, self.rows_, rng)
        n_rows, codes = len(self.rows_), self.codes_[self.rows_]
        counts = np.unique(codes, return_counts=True)[1]
        # A batch of one class has no negatives.
        rows_per_class = max(1, min(self.rows_per_class, batch_size // 2))
        expected = batch_size * counts.min() / n_rows
        few = 2 < len(counts) <= _MOST_UNIFORM_CLASSES
        if batch_size < n_rows and not (few and expected >= rows_per_class):
            return class_batches(self.rows_, codes, rows_per_class, batch_size, rng)
        n_steps = n_rows // batch_size
        order = rng.permutation(self.rows_)
        return order[: n_steps * batch_size].reshape(n_steps, batch_size)

    def keys(self, index):
        """Return row numbers with their class codes, as `Similarity.keys` does."""
        numbers = index if self.n_views == 1 else view_numbers(index, self)
        codes = np.concatenate([self.codes_[index]] * self.n_views, axis=-1)
        return Keys(numbers, codes)

    def compare(self, keys, other_keys, work=None):
        """Return weights of 0 and 1, as `Similarity.compare` does."""
        rows, others = keys.rows[..., None], other_keys.rows[..., None, :]
        codes, other_codes = keys.values[..., None], other_keys.values[..., None, :]
        if isinstance(rows, np.ndarray):
            positive = (codes == other_codes) * 1.0 - (rows == others)
            negative = (codes != other_codes) * 1.0
        else:
            import torch

            work = work_arrays(keys, other_keys, work) if work is None else work
            positive, negative, itself = work
            # Straight to floats: arithmetic with booleans is several times slower.
            torch.eq(rows, others, out=itself)
            torch.eq(codes, other_codes, out=positive).sub_(itself)
            torch.ne(codes, other_codes, out=negative)
        if not self._complete:
            # Pairs with a row whose label is unknown.
            negative *= codes < len(self.classes_)
            negative *= other_codes < len(self.classes_)
        return Pairs(positive, negative)

    def prototypes(self, keys):
        """Return one key per class, as `Similarity.prototypes` does."""
        import torch

        codes = torch.arange(len(self.classes_))
        return Keys((-1 - codes).to(keys.rows), codes.to(keys.values))
