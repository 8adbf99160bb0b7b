"""Queries and the gallery that is searched for them, in order of class."""

from typing import NamedTuple

import numpy as np

from sklearn_contrastive.metrics import _distances, _inputs


class Queries(NamedTuple):
    """Queries and their gallery, in order of class, the smallest class first."""

    points: np.ndarray  # (n_queries, n_components), with rows of their class to find
    classes: np.ndarray  # (n_queries,)
    itself: np.ndarray  # (n_queries,), positions in the gallery, -1 if not in it
    n_similar: np.ndarray  # (n_queries,), rows of their class without itself
    gallery: np.ndarray  # (n_gallery, n_components)
    starts: np.ndarray  # (n_classes + 1,), of each class in the gallery, and its end
    middle: np.ndarray  # (n_components,), of the gallery
    n_lone: int  # queries left out: the gallery has no row of their class

    def some(self, which):
        """Return some of the queries, in the same order, with the whole gallery."""
        return Queries(*(part[which] for part in self[:4]), *self[4:])

    def spans(self):
        """Return where in the gallery the class of each query is, as slices."""
        starts, ends = self.starts[self.classes], self.starts[self.classes + 1]
        return list(map(slice, starts.tolist(), ends.tolist()))

    def mean(self, values, average):
        """Return the mean over queries, or over classes of their means."""
        if average == "micro":
            return float(values.mean())
        counts = np.bincount(self.classes)
        sums = np.bincount(self.classes, values)[counts > 0]
        return float((sums / counts[counts > 0]).mean())


def prepare(Z, y, gallery=None, y_gallery=None):
    """Return the user's queries and gallery, validated and in order."""
    Z = _inputs.check_points(Z, "Z")
    if (gallery is None) != (y_gallery is None):
        raise ValueError("`gallery` and `y_gallery` must be given together; got one.")
    within = gallery is None
    if within:
        gallery, codes = Z, _inputs.class_codes(y, len(Z))
        others = codes
    else:
        gallery = _inputs.check_points(gallery, "gallery")
        if gallery.shape[1] != Z.shape[1]:
            raise ValueError(
                f"`gallery` must have {Z.shape[1]} columns, as `Z`; got "
                f"{gallery.shape[1]}."
            )
        labels = _inputs.check_labels(y, len(Z))
        others = _inputs.check_labels(y_gallery, len(gallery), "y_gallery", "gallery")
        codes, others = _inputs.shared_codes(labels, others)
    queries = _in_order(*_distances.to_bulk(Z, gallery), codes, others, within)
    _inputs.warn_of_one_class(np.bincount(others), stacklevel=4)
    return queries


def _in_order(Z, gallery, middle, codes, others, within):
    """Return the queries, without those that have nothing to find."""
    sizes = np.bincount(others, minlength=codes.max() + 1)
    # Classes numbered by size: queries of one block look for about as many rows.
    numbers = np.argsort(np.argsort(sizes, kind="stable"))
    codes, others, sizes = numbers[codes], numbers[others], np.sort(sizes)
    n_similar = sizes[codes] - within
    kept = np.argsort(codes, kind="stable")
    kept = kept[n_similar[kept] > 0]
    _inputs.check_not_all_alone(len(kept), len(Z))
    order = np.argsort(others, kind="stable")
    itself = np.argsort(order) if within else np.full(len(Z), -1)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    own = (part[kept] for part in (Z, codes, itself, n_similar))
    return Queries(*own, gallery[order], starts, middle, n_lone=len(Z) - len(kept))
