"""Folds for embeddings of classes that are never trained on."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import _param_validation, check_random_state, validation
from sklearn.utils.metadata_routing import UNUSED

from sklearn_contrastive._validation import check_params
from sklearn_contrastive.metrics._inputs import class_codes


class ClassDisjointKFold(BaseEstimator):
    """Folds of whole classes: no class of a test fold is trained on.

    An embedding of people, parts or species is used on some that it was not trained on;
    its score on held-out rows of training classes does not measure that. Here each
    class is in one test fold with all its rows, and in the training rows of all others.

    Parameters
    ----------
    n_splits : int, default=4
        Number of folds, >= 2 and at most the number of classes. More of them leave more
        classes to train on, and fewer in a test fold.

    shuffle : bool, default=False
        Whether classes are dealt out in random order. Otherwise the largest comes
        first, and of equal ones the first in sorted order; folds then depend on the
        labels alone, and differ least in rows.

    random_state : int, RandomState instance or None, default=None
        Determines the random order; an int gives the same folds in every call. Only
        used with ``shuffle=True``.

    See Also
    --------
    sklearn.model_selection.GroupKFold : Folds of whole groups, such as the same with
        the labels as groups.

    Notes
    -----
    Each class goes to the fold that has the fewest rows so far, so that two folds
    never differ by more rows than the largest class has.

    Only scores within the test fold can be used, such as those of
    `sklearn_contrastive.metrics` and `score` of `ContrastiveEmbedding`: a classifier
    cannot predict a class it has not seen. A fold of few classes is easier than one of
    many: compare scores of the same folds only.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_contrastive.model_selection import ClassDisjointKFold
    >>> y = np.array(["ant", "bee", "cat", "dog", "ant", "bee", "cat", "ant"])
    >>> for train, test in ClassDisjointKFold(2).split(np.zeros((8, 1)), y):
    ...     print(np.unique(y[train]), np.unique(y[test]), test)
    ['bee' 'cat'] ['ant' 'dog'] [0 3 4 7]
    ['ant' 'dog'] ['bee' 'cat'] [1 2 5 6]
    """

    # With metadata routing, `groups` go to nobody.
    __metadata_request__split = {"groups": UNUSED}

    _parameter_constraints = {
        "n_splits": [_param_validation.Interval(Integral, 2, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(self, n_splits=4, *, shuffle=False, random_state=None):
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored; part of scikit-learn's interface.

        Returns
        -------
        n_splits : int
            The parameter `n_splits`.
        """
        return self.n_splits

    def split(self, X, y=None, groups=None):
        """Yield the rows to train on and the rows to test on, fold by fold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; only their number is used.

        y : array-like of shape (n_samples,)
            The class of each row, of any type that can be sorted.

        groups : object, default=None
            Ignored, with a warning: a fold holds whole classes.

        Yields
        ------
        train, test : ndarray of int
            Row numbers in rising order; each row is in one of the two.

        Raises
        ------
        ValueError
            If `y` is missing, continuous or of another length than `X`, if labels are
            missing, or if there are fewer classes than folds.

        Warns
        -----
        UserWarning
            If a test fold holds a single class, or `groups` are given.
        """
        check_params(self)
        if groups is not None:
            ignored = f"The groups parameter is ignored by {type(self).__name__}"
            warnings.warn(ignored, UserWarning, stacklevel=2)
        if y is None:
            raise ValueError(
                "`y` must hold the class of each row; got None. Without any, use KFold."
            )
        codes = class_codes(y, validation._num_samples(X), table="X")
        folds = self._folds(np.bincount(codes))[codes]
        for fold in range(self.n_splits):
            yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)

    def _folds(self, sizes):
        """Return the fold of each class, given their numbers of rows."""
        if len(sizes) < self.n_splits:
            raise ValueError(
                "`n_splits` must not exceed the number of classes in `y`; got n_splits="
                f"{self.n_splits} for {len(sizes)} classes. Use fewer folds."
            )
        order = np.argsort(-sizes, kind="stable")
        if self.shuffle:
            order = check_random_state(self.random_state).permutation(len(sizes))
        folds = np.empty(len(sizes), dtype=np.intp)
        n_rows = np.zeros(self.n_splits, dtype=np.intp)
        for label in order:
            folds[label] = n_rows.argmin()
            n_rows[folds[label]] += sizes[label]
        if np.bincount(folds).min() == 1:
            warnings.warn(
                f"A test fold holds a single class: n_splits={self.n_splits} for "
                f"{len(sizes)} classes. Scores within it are perfect. Use fewer folds.",
                stacklevel=3,
            )
        return folds
