"""What is known of the rows of a picture: classes, targets, or nothing."""

from typing import NamedTuple

import numpy as np

from sklearn_contrastive.displays._points import check_classes
from sklearn_contrastive.similarity import check_targets, infer_similarity

#: Height of a strip of points in strips, and steps that never fall into a pattern.
_STRIP, _GOLDEN = 0.7, (5**0.5 - 1) / 2


class Known(NamedTuple):
    """What is known of rows.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Labels, sorted; none where rows have no labels.

    codes : ndarray of int of shape (n_samples,)
        Places in `classes`, -1 where no label is known.

    targets : ndarray of shape (n_samples,) or None
        Quantities, NaN where one is not known; None where rows have none.
    """

    classes: np.ndarray
    codes: np.ndarray
    targets: np.ndarray | None

    @property
    def partly(self):
        """Whether something is known of some rows and not of others."""
        if self.targets is not None:
            return bool(np.isnan(self.targets).any())
        return len(self.classes) > 0 and bool((self.codes < 0).any())


def similarity_name(y):
    """Return what labels or targets are, or say that they are neither.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or None
        What the user gave.

    Returns
    -------
    kind : {"labels", "targets"} or None
        None without `y`.

    Raises
    ------
    ValueError
        For label sets, and for several targets a row.
    """
    if y is None:
        return None
    kind = infer_similarity(None, y)
    if kind == "multilabel" or (kind == "targets" and np.ndim(y) > 1 < np.shape(y)[1]):
        raise ValueError(
            "`y` must hold one class label or one target per row; got several "
            "(an indicator matrix, sets of labels, or a table of targets). Pass one "
            "column of it."
        )
    return kind


def known_of(y, kind, n_rows):
    """Return what is known of rows.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or None
        Labels or targets.

    kind : {"labels", "targets"} or None
        Which of the two.

    n_rows : int
        How many there must be.

    Returns
    -------
    known : Known
        Classes or targets, or neither.

    Raises
    ------
    TypeError, ValueError
        If `y` has another length, or is not of its kind.
    """
    nothing = np.array([]), np.full(n_rows, -1)
    if y is None:
        return Known(*nothing, None)
    if kind == "targets":
        return Known(*nothing, check_targets(y, n_rows)[:, 0])
    return Known(*check_classes(y, n_rows, unlabeled=np.nan), None)


def beside_one_another(points, known):
    """Return places in the plane for points of a line.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 1)
        Points of a line.

    known : Known
        What is known of them.

    Returns
    -------
    places : ndarray of shape (n_samples, 2)
        The points, and above them their targets, or a strip for each class. Those of
        which nothing is known lie below.
    """
    if known.targets is not None:
        lowest, highest = np.nanmin(known.targets), np.nanmax(known.targets)
        below = lowest - 0.08 * (highest - lowest)
        heights = np.where(np.isnan(known.targets), below, known.targets)
    else:
        spread = (np.arange(len(points)) * _GOLDEN) % 1 - 0.5
        heights = known.codes + _STRIP * spread
    return np.column_stack([points[:, 0], heights])
