"""Similarity from class labels."""

import warnings
from copy import copy
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_contrastive._pairs._keys import Keys, same_value_pairs, view_numbers
from sklearn_contrastive._pairs._repeats import without_repeats
from sklearn_contrastive.similarity._base import Similarity
from sklearn_contrastive.similarity._class_batches import by_class, class_batches
from sklearn_contrastive.similarity._class_sums import attraction
from sklearn_contrastive.similarity._neighbors import NeighborSimilarity
from sklearn_contrastive.similarity._views import ViewSimilarity
from sklearn_contrastive.similarity._y_values import check_labels, raise_too_few_classes


class LabelSimilarity(Similarity):
    """Rows of the same class are similar, rows of different classes are not.

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

    Where labels are known of some rows only, `unlabeled` says which value stands for
    the others. Up to half of each batch are then rows with a label, drawn as above, and
    the rest is drawn from all rows by `unsupervised`, whose similarity is learned beside
    that of the labels.

    Parameters
    ----------
    rows_per_class : int, default=4
        Rows of one class that should meet in a batch, >= 2.

    unlabeled : object, default=None
        The value in `y` that stands for a label that is not known, such as -1 or
        ``numpy.nan`` (for all missing values). None: every value is a label.

    unsupervised : {"neighbors", "views"}, Similarity or None, default="neighbors"
        What makes rows similar whatever their labels: ``"neighbors"`` pulls each row
        to its 10 nearest, ``NeighborSimilarity(10, repel=False)``; ``"views"`` tells
        rows from changed copies of others, ``ViewSimilarity(keep_original=True)``.
        None: rows without a label are not used. Only asked where some rows have none.
        What only attracts, as these neighbours do, is learned by the contrastive loss
        where `loss` needs dissimilar pairs.

    unsupervised_weight : float, default=1.0
        What the loss over the similarity of `unsupervised` is multiplied with, >= 0.

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
        The similarity beside that of the labels, fitted; None where every row has a
        label.

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

    needs_y = True

    _parameter_constraints = {
        "rows_per_class": [Interval(Integral, 2, None, closed="left")],
        "unlabeled": "no_validation",
        "unsupervised": [StrOptions({"neighbors", "views"}), Similarity, None],
        "unsupervised_weight": [Interval(Real, 0, None, closed="left")],
    }

    symmetric = True
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
        """Whether the similarity beside that of the labels looks at the rows."""
        if self.unlabeled is None or self.unsupervised is None:
            return False
        return self._beside().reads_rows

    @property
    def n_views(self):
        """How many points stand for a row in a step."""
        return 1 if self.unsupervised_ is None else self.unsupervised_.n_views

    def _beside(self):
        """Return the similarity beside that of the labels, not fitted."""
        if self.unsupervised == "neighbors":
            return NeighborSimilarity(n_neighbors=10, repel=False)
        if self.unsupervised == "views":
            return ViewSimilarity(keep_original=True)
        return clone(self.unsupervised)

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
        n_rows = None if X is None else X.shape[0]
        y, known = check_labels(y, n_rows, self.unlabeled)
        try:
            self.classes_, codes = np.unique(y[known], return_inverse=True)
        except TypeError as error:
            kinds = sorted({type(label).__name__ for label in y[known]})
            raise TypeError(
                f"`y` must hold labels that can be sorted; got a mix of {kinds}. "
                "Convert them to one type, for example to str."
            ) from error
        if len(self.classes_) < 2 or np.bincount(codes.reshape(-1)).max() < 2:
            raise_too_few_classes(self.classes_, len(codes))
        if y.dtype.kind in "iuf" and 2 * len(self.classes_) > len(codes) > 20:
            warnings.warn(
                f"`y` has {len(self.classes_)} different numbers in {len(codes)} rows. "
                "If it is a quantity rather than a class, use similarity='targets'.",
                UserWarning,
                stacklevel=2,
            )
        self.codes_ = np.empty(len(y), dtype=np.int32)
        self.codes_[known] = codes.reshape(-1)
        self.unsupervised_, self.rows_ = None, np.flatnonzero(known)
        self.is_complete = self.batchable = known.all()
        if not self.is_complete:
            # Each of them is a class of its own: similar to no other row.
            unknown = np.arange(np.count_nonzero(~known))
            self.codes_[~known] = len(self.classes_) + unknown
            if self.unsupervised is not None:
                self.unsupervised_ = self._beside().fit(X, None)
                self.rows_ = np.arange(len(y))
        return self

    def _labelled(self):
        """Return the rows that have a label, of those that batches are drawn from."""
        if self.unsupervised_ is None:
            return self.rows_
        return self.rows_[self.codes_[self.rows_] < len(self.classes_)]

    def terms(self):
        """Return the similarity by labels and, where some are unknown, the other one.

        Returns
        -------
        terms : list of tuple (str, Similarity, float)
            Name, similarity and weight of each.
        """
        terms = [("", self, 1.0)]
        if self.unsupervised_ is not None:
            terms += [("unlabeled", self.unsupervised_, self.unsupervised_weight)]
        return terms

    def views(self, X, rng):
        """Return what stands for rows in a step, as `unsupervised` says."""
        return X if self.unsupervised_ is None else self.unsupervised_.views(X, rng)

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
        labelled = self._labelled()
        rows, codes, rank, counts = by_class(labelled, self.codes_[labelled], rng)
        # Judging needs pairs: rows leave two at a time, from two classes at least.
        chance = rng.uniform(size=len(counts))
        wanted = 2 * np.floor(fraction * counts / 2 + chance)
        largest = np.argsort(-counts, kind="stable")[:2]
        wanted[largest] = np.maximum(wanted[largest], 2)
        out = rank < wanted[codes]
        kept, held_out = copy(self), copy(self)
        kept.rows_, held_out.rows_ = np.sort(rows[~out]), np.sort(rows[out])
        for part in (kept, held_out):
            part.unsupervised_ = None
            sizes = np.bincount(self.codes_[part.rows_], minlength=len(counts))
            if sizes.max() < 2 or np.count_nonzero(sizes) < 2:
                raise ValueError(
                    f"The {len(rows)} rows are too few to hold some out: rows kept and "
                    "rows held out both need two classes and a class of two rows. Set "
                    "`early_stopping=False` or pass `X_val` and `y_val`."
                )
        if self.unsupervised_ is not None:
            kept.rows_ = np.setdiff1d(self.rows_, held_out.rows_)
            kept.unsupervised_ = self.unsupervised_.among(kept.rows_)
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
        if self.unsupervised_ is None:
            codes = self.codes_[self.rows_]
            return class_batches(
                self.rows_, codes, self.rows_per_class, batch_size, rng
            )
        drawn = super().batches(batch_size, rng)
        if len(self.rows_) == batch_size:
            return drawn
        labelled = self._labelled()
        by_labels = partial(
            class_batches, labelled, self.codes_[labelled], self.rows_per_class
        )
        n_steps, n_places = len(drawn), min(batch_size // 2, len(labelled))
        n_others = min(batch_size - n_places, len(self.unsupervised_.rows_))
        parts = [drawn[:, : batch_size - n_places - n_others]]
        for draw, size in (
            (by_labels, n_places),
            (self.unsupervised_.batches, n_others),
        ):
            found = [draw(size, rng)]
            while sum(map(len, found)) < n_steps:
                found.append(draw(size, rng))
            parts.append(np.concatenate(found)[:n_steps])
        return without_repeats(np.concatenate(parts, axis=1), self.rows_, rng)

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
        codes = self.codes_[index]
        if self.n_views == 1:
            return Keys(index, codes)
        numbers = view_numbers(index, self)
        return Keys(numbers, np.concatenate([codes] * self.n_views, axis=-1))

    def compare(self, keys, other_keys, work=None):
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
        pairs = same_value_pairs(keys, other_keys, work)
        if not self.is_complete:
            negative = pairs.negative
            negative *= (keys.values < len(self.classes_))[..., None]
            negative *= (other_keys.values < len(self.classes_))[..., None, :]
        return pairs

    def similar(self, keys, other_keys, work):
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
