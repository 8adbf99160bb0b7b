"""Queries and the rows that are searched for them, put in order."""

from typing import NamedTuple

import numpy as np

from sklearn_contrastive.metrics._inputs import (
    check_labels,
    check_points,
    class_codes,
    shared_codes,
    warn_of_one_class,
)
from sklearn_contrastive.metrics._scale import to_bulk


class Queries(NamedTuple):
    """Queries, and the gallery they are looked up in, both in order of class.

    Classes are numbered by their size in the gallery, so that queries that come
    together look for about as many rows.

    Parameters
    ----------
    points : ndarray of shape (n_queries, n_components)
        The queries that have rows of their class to find.

    classes : ndarray of int of shape (n_queries,)
        Their classes, ascending.

    itself : ndarray of int of shape (n_queries,)
        Where in the gallery the query is, -1 where it is not there.

    n_similar : ndarray of int of shape (n_queries,)
        Rows of its class that are there to be found, itself left out.

    gallery : ndarray of shape (n_gallery, n_components)
        The rows that are searched.

    starts : ndarray of int of shape (n_classes + 1,)
        Where each class starts in the gallery, and where the last one ends.

    middle : ndarray of shape (n_components,)
        The middle of the gallery.

    n_lone : int
        Queries that are left out, since nothing of their class is in the gallery.
    """

    points: np.ndarray
    classes: np.ndarray
    itself: np.ndarray
    n_similar: np.ndarray
    gallery: np.ndarray
    starts: np.ndarray
    middle: np.ndarray
    n_lone: int

    def some(self, which):
        """Return some of the queries, with the whole gallery.

        Parameters
        ----------
        which : ndarray of bool of shape (n_queries,), or of int
            Those to keep, or their places in ascending order.

        Returns
        -------
        queries : Queries
            In the same order.
        """
        parts = (self.points, self.classes, self.itself, self.n_similar)
        return Queries(*(part[which] for part in parts), *self[4:])

    def mean(self, values, average):
        """Return the mean of a figure over queries, or over classes.

        Parameters
        ----------
        values : ndarray of shape (n_queries,)
            One a query.

        average : {"micro", "macro"}
            Over queries, or over the means of classes.

        Returns
        -------
        mean : float
            The mean.
        """
        if average == "micro":
            return float(values.mean())
        counts = np.bincount(self.classes)
        present = counts > 0
        sums = np.bincount(self.classes, values)
        return float((sums[present] / counts[present]).mean())


def prepare(Z, y, gallery=None, y_gallery=None):
    """Return the queries of a user, checked and in order.

    Parameters
    ----------
    Z, y, gallery, y_gallery
        As in `retrieval_scores`.

    Returns
    -------
    queries : Queries
        At least one.

    Raises
    ------
    ValueError
        If points and labels are not what they must be, do not fit each other, or no
        query has a row of its class to find.

    Warns
    -----
    UserWarning
        If all rows are of one class, or some are so far out that they cannot be told
        apart.
    """
    Z = check_points(Z, "Z")
    if (gallery is None) != (y_gallery is None):
        given = "gallery" if y_gallery is None else "y_gallery"
        raise ValueError(
            f"`gallery` and `y_gallery` must be given together; got only `{given}`."
        )
    within = gallery is None
    if within:
        gallery, codes = Z, class_codes(y, len(Z))
        others = codes
    else:
        gallery = check_points(gallery, "gallery")
        if gallery.shape[1] != Z.shape[1]:
            raise ValueError(
                "`gallery` must have as many columns as `Z`; got "
                f"{gallery.shape[1]} and {Z.shape[1]}."
            )
        labels = check_labels(y, len(Z))
        others = check_labels(y_gallery, len(gallery), "y_gallery", "gallery")
        codes, others = shared_codes(labels, others)
    queries = _in_order(*to_bulk(Z, gallery), codes, others, within)
    warn_of_one_class(np.bincount(others), stacklevel=4)
    return queries


def _in_order(Z, gallery, middle, codes, others, within):
    n_classes = max(codes.max(), others.max()) + 1
    sizes = np.bincount(others, minlength=n_classes)
    number = np.empty(n_classes, dtype=np.intp)
    number[np.argsort(sizes, kind="stable")] = np.arange(n_classes)
    codes, others = number[codes], number[others]
    sizes = np.sort(sizes)
    order = np.argsort(codes, kind="stable")
    classes = codes[order]
    n_similar = sizes[classes] - within
    # The smallest classes come first.
    n_lone = int(np.count_nonzero(n_similar == 0))
    if n_lone == len(Z):
        wanted = (
            "with at least two rows"
            if within
            else "of which there is a row of `gallery` to find"
        )
        raise ValueError(
            f"`y` must hold a class {wanted}; each of the {len(Z)} queries is alone of "
            "its class. Nothing can be retrieved then."
        )
    itself = np.arange(len(Z)) if within else np.full(len(Z), -1)
    return Queries(
        Z[order[n_lone:]],
        classes[n_lone:],
        itself[n_lone:],
        n_similar[n_lone:],
        gallery[np.argsort(others, kind="stable")],
        np.concatenate([[0], np.cumsum(sizes)]),
        middle,
        n_lone,
    )
