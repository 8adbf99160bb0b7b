"""Similarity from shared labels, where a row may have several."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils._param_validation import StrOptions

from sklearn_contrastive._pairs._keys import Keys
from sklearn_contrastive._validation import (
    check_given,
    check_length,
    check_params,
    holds_sets,
    read_values,
    shortened,
)
from sklearn_contrastive.similarity._base import Similarity, graded_pairs

#: Rows compared to find out whether any are dissimilar.
_N_COMPARED = 1000


class MultilabelSimilarity(Similarity):
    r"""Rows are similar to the degree that they share labels.

    With the label sets :math:`S_i` of rows, ``"jaccard"`` weighs a pair by

    .. math:: w^+_{ij} = \frac{|S_i \cap S_j|}{|S_i \cup S_j|}, \qquad
        w^-_{ij} = 1 - w^+_{ij}

    and ``"overlap"`` counts two rows as similar if they share any label. A row without
    labels is dissimilar to every row that has some; of two rows without labels nothing
    is known.

    Parameters
    ----------
    measure : {"jaccard", "overlap"}, default="jaccard"
        How much shared labels count.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted; column numbers for an indicator matrix.

    indicators_ : ndarray of shape (n_samples, n_classes)
        1 where a row has a label.

    rows_ : ndarray of shape (n_rows,)
        The row numbers that batches are drawn from.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_contrastive.similarity import MultilabelSimilarity
    >>> tags = [{"red", "round"}, {"red"}, {"blue"}, set()]
    >>> similarity = MultilabelSimilarity().fit(None, tags)
    >>> keys = similarity.keys(np.arange(4))
    >>> similarity.compare(keys, keys).positive
    array([[0. , 0.5, 0. , 0. ],
           [0.5, 0. , 0. , 0. ],
           [0. , 0. , 0. , 0. ],
           [0. , 0. , 0. , 0. ]])
    """

    needs_y = symmetric = repeatable = True

    _parameter_constraints = {"measure": [StrOptions({"jaccard", "overlap"})]}

    def __init__(self, measure="jaccard"):
        self.measure = measure

    def fit(self, X, y):
        """Read the labels.

        Parameters
        ----------
        X : array of shape (n_samples, n_features) or None
            The rows; only their number is used.

        y : {array-like, sparse matrix} of shape (n_samples, n_classes) or list of sets
            An indicator matrix of 0 and 1, or the labels of each row.

        Returns
        -------
        self : MultilabelSimilarity
            The fitted similarity.

        Raises
        ------
        ValueError
            If `y` is missing, of another length or neither of the two, or if no two
            rows share a label or none differ.
        """
        check_params(self)
        n_rows = None if X is None else X.shape[0]
        self.classes_, self.indicators_ = check_label_sets(y, n_rows)
        self.rows_ = np.arange(len(self.indicators_))
        counts = self.indicators_.sum(axis=0)
        if counts.max(initial=0) < 2:
            raise ValueError(
                "`y` must hold a label that two rows share; all differ or are absent "
                f"({len(self.classes_)} labels, n_samples={len(self.rows_)})."
            )
        dissimilar = (self.indicators_ != self.indicators_[0]).any()
        if self.measure == "overlap":
            some = self.indicators_[:_N_COMPARED].astype(np.float32)
            apart = len(some) < len(self.rows_) or (some @ some.T == 0).any()
            dissimilar = apart and counts.max() < len(self.rows_)
        if not dissimilar:
            raise ValueError(
                "`y` must hold rows that are dissimilar; every row shares a label with "
                "all others. Drop labels that all rows have."
            )
        return self

    def votes(self):
        """Return the indicators of labels."""
        return self.indicators_

    def keys(self, index):
        """Return row numbers with indicators of labels, as `Similarity.keys` does."""
        return Keys(index, self.indicators_[index])

    def compare(self, keys, other_keys, work=None):
        """Return weights in [0, 1] that add up to 1, as `Similarity.compare` does.

        Both are 0 where neither row has a label.
        """
        ours, theirs = (each.values * 1.0 for each in (keys, other_keys))
        shared = ours @ theirs.swapaxes(-1, -2)
        union = ours.sum(-1)[..., None] + theirs.sum(-1)[..., None, :] - shared
        if self.measure == "overlap":
            shared, union = shared.clip(max=1), union.clip(max=1)
        with np.errstate(invalid="ignore"):
            return graded_pairs(shared / union, keys, other_keys)


def check_label_sets(y, n_rows):
    """Return labels and indicators of 0 and 1 in bytes, shape (n_samples, n_classes).

    `y` is such a matrix, or a list of label sets, `n_rows` long (None for any number).
    Raises a ValueError for all else, and a TypeError for labels that cannot be sorted.
    """
    from sklearn.preprocessing import MultiLabelBinarizer

    check_given(y, ". Pass the labels of each row of `X`")
    if holds_sets(y):
        binarizer = MultiLabelBinarizer()
        rows = y if isinstance(y, list | tuple) else np.asarray(y)
        rows = [r.tolist() if isinstance(r, np.ndarray) else [*r] for r in rows]
        try:
            indicators = binarizer.fit_transform(rows)
        except TypeError as error:
            raise TypeError(
                f"`y` must hold labels that can be sorted ({shortened(error)}). "
                "Convert them to one type, for example to str."
            ) from error
        classes = binarizer.classes_
    else:
        kind, indicators, missing = read_values(y.toarray() if issparse(y) else y)
        classes = np.arange(indicators.shape[1] if indicators.ndim == 2 else 0)
        known = kind in "bif" and not missing.any()
        if indicators.ndim != 2 or not (known and np.isin(indicators, (0, 1)).all()):
            raise ValueError(
                "`y` must be an indicator matrix of 0 and 1, shape (n_samples, "
                f"n_classes), or a list of label sets; got shape {indicators.shape} of "
                f"{indicators.dtype}. Use similarity='labels' for one label a row."
            )
    check_length(indicators, n_rows, "one label set")
    return classes, indicators.astype(np.uint8)
