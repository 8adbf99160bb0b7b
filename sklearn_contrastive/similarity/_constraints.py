"""Similarity from pairs that are known to be similar or dissimilar."""

import warnings
from copy import copy

import numpy as np
from scipy.sparse import coo_array, dia_array, diags, triu

from sklearn_contrastive._pairs._keys import Keys, Pairs
from sklearn_contrastive._pairs._repeats import without_repeats
from sklearn_contrastive._validation import (
    check_pair_labels,
    check_params,
    read_numbers,
    shortened,
)
from sklearn_contrastive.similarity import _edges
from sklearn_contrastive.similarity._base import Similarity


class PairConstraints(Similarity):
    """Given pairs are similar or dissimilar; of all others nothing is known.

    Batches are drawn along the pairs, half of them similar and half dissimilar. A pair
    that is given both ways is left out, with a warning.

    Parameters
    ----------
    pairs : array-like of shape (n_pairs, 2), default=None
        Row numbers of the two rows of each pair. None where the samples are pairs
        themselves: rows 2i and 2i + 1 of the table are then pair i, and its label is
        ``y[i]``; ``ContrastiveEmbedding(similarity="pairs")`` takes such samples as an
        array of shape (n_pairs, 2, n_features).

    labels : array-like of shape (n_pairs,), default=None
        1 or True for a pair that is similar (must-link), 0, -1 or False for one that is
        not (cannot-link).

    weights : array-like of shape (n_pairs,), default=None
        How much each pair counts, > 0; by default all count 1. Of a pair given twice
        the greater weight counts.

    transitive_closure : bool, default=False
        Whether what follows from the pairs is known too: rows joined by a chain of
        must-links are similar, and dissimilar to the rows joined to the other end of a
        cannot-link. A cannot-link inside such a group contradicts it, and leaves the
        whole group without similar pairs; leave it off where labels may be wrong. Not
        with `weights`.

    Attributes
    ----------
    rows_ : ndarray of shape (n_rows,)
        The rows that occur in a pair.

    n_contradictions_ : int
        Pairs that were given, or under `transitive_closure` follow, both ways, and were
        left out.

    See Also
    --------
    NeighborSimilarity : For known neighbours, with all other rows dissimilar.

    Notes
    -----
    Under cross-validation the row numbers are those of the whole table. Either pass
    ``fit(..., rows=...)`` the numbers of the rows of `X`, so that only pairs inside the
    training fold are used; or let the samples be the pairs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_contrastive.similarity import PairConstraints
    >>> similarity = PairConstraints([[0, 1], [1, 2]], [1, 0]).fit(np.zeros((4, 3)))
    >>> keys = similarity.keys(np.arange(4))
    >>> similarity.compare(keys, keys).positive.astype(int)
    array([[0, 1, 0, 0],
           [1, 0, 0, 0],
           [0, 0, 0, 0],
           [0, 0, 0, 0]])
    >>> similarity.compare(keys, keys).negative.astype(int)
    array([[0, 0, 0, 0],
           [0, 0, 1, 0],
           [0, 1, 0, 0],
           [0, 0, 0, 0]])
    """

    _parameter_constraints = {
        "pairs": ["array-like", None],
        "labels": ["array-like", None],
        "weights": ["array-like", None],
        "transitive_closure": ["boolean"],
    }

    repeatable = False

    def __init__(
        self, pairs=None, labels=None, *, weights=None, transitive_closure=False
    ):
        self.pairs = pairs
        self.labels = labels
        self.weights = weights
        self.transitive_closure = transitive_closure

    @property
    def uses_row_indices(self):
        """Whether pairs are given by their row numbers."""
        return self.pairs is not None

    @property
    def takes_pairs(self):
        """Whether `X` holds pairs of rows: where none are given by row number."""
        return not self.uses_row_indices

    def of_rows(self, rows):
        """Return a copy with the pairs inside some rows, as `Similarity.of_rows`.

        Raises a ValueError if there are none, or if the samples are the pairs.
        """
        if self.pairs is None:
            return super().of_rows(rows)
        similarity = copy(self)
        _edges.check_row_numbers(rows, None, "rows")
        pairs = _edges.check_row_pairs(self.pairs, None, "pairs")
        similarity.pairs, kept = _edges.renumber_pairs(pairs, rows)
        if not kept.any():
            raise ValueError(
                f"`rows` must hold both rows of some of the {len(pairs)} pairs; it "
                f"holds both of none. Pass the numbers that rows of `X` have in the "
                f"table of `pairs`; got some from {rows.min()} to {rows.max()}."
            )
        similarity.labels = check_pair_labels(self.labels, len(pairs), "labels")[kept]
        if self.weights is not None:
            similarity.weights = self._check_weights(len(pairs))[kept]
        return similarity

    def fit(self, X, y=None):
        """Read the pairs.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
            The rows; only their number is used.

        y : array-like of shape (n_samples / 2,), default=None
            The labels of the samples where these are pairs, else not used.

        Returns
        -------
        self : PairConstraints
            The fitted similarity.

        Raises
        ------
        ValueError
            If row numbers are out of range or equal, labels are of more or fewer than
            two kinds or of another number, or weights are not > 0.

        Warns
        -----
        UserWarning
            If pairs contradict each other.
        """
        check_params(self)
        n_rows = X.shape[0]
        pairs, is_positive = self._read_pairs(n_rows, y)
        weights = self._check_weights(len(pairs))
        self._nodes = np.arange(n_rows)
        if self.transitive_closure:
            similar, dissimilar = self._close(pairs, is_positive, n_rows)
        else:
            similar, dissimilar = (
                _edges.symmetric(*pairs[kind].T, weights[kind], n_rows)
                for kind in (is_positive, ~is_positive)
            )
        both = self._count_contradictions(similar, dissimilar)
        agreed = similar - dissimilar
        self._set_edges(_edges.without_zeros(agreed - agreed.multiply(both)))
        if not all(map(len, self._ends)):
            name = "y" if self.takes_pairs else "labels"
            raise ValueError(
                f"`{name}` must hold pairs of both kinds; got {is_positive.sum()} "
                f"similar and {(~is_positive).sum()} dissimilar ones, "
                f"{self.n_contradictions_} of them both. If all other pairs are "
                "dissimilar, use NeighborSimilarity(edges=...)."
            )
        return self

    def _read_pairs(self, n_rows, y):
        """Return the row numbers of pairs, and which pairs are similar."""
        if self.pairs is not None:
            pairs = _edges.check_row_pairs(self.pairs, n_rows, "pairs")
            return pairs, check_pair_labels(self.labels, len(pairs), "labels")
        if n_rows % 2:
            raise ValueError(
                f"`X` must hold two rows for each pair, below each other; got {n_rows} "
                "rows. Or give row numbers, in `pairs`."
            )
        pairs = np.arange(n_rows).reshape(-1, 2)
        return pairs, check_pair_labels(y, len(pairs), "y")

    def _count_contradictions(self, similar, dissimilar):
        """Return where both matrices have entries; count and warn of these pairs."""
        both = (similar != 0).multiply(dissimilar != 0)
        sizes = np.bincount(self._nodes)
        ends = both.nonzero()
        # Pairs between two groups come up twice, and within one with its own square.
        n_pairs = sizes[ends[0]] * (sizes[ends[1]] - (ends[0] == ends[1]))
        self.n_contradictions_ = int(n_pairs.sum()) // 2
        if self.n_contradictions_:
            found = f"{self.n_contradictions_} pairs are both similar and dissimilar"
            warnings.warn(f"{found} by what is given: they are left out.", stacklevel=3)
        return both

    def _check_weights(self, n_pairs):
        """Return the weights of the pairs, ones by default."""
        if self.weights is None:
            return np.ones(n_pairs)
        if self.transitive_closure:
            raise ValueError(
                "`weights` must be None with `transitive_closure=True`: pairs that "
                "follow from others have no weight of their own."
            )
        try:
            weights = read_numbers(self.weights).astype(np.float64)
        except (OverflowError, TypeError) as error:
            raise ValueError(
                f"`weights` must hold numbers > 0; {shortened(error)}."
            ) from error
        positive = np.isfinite(weights) & (weights > 0)
        if weights.shape != (n_pairs,) or not positive.all():
            raise ValueError(
                f"`weights` must hold a number > 0 for each of {n_pairs} pairs; got "
                f"{positive.sum()} such numbers in shape {weights.shape}."
            )
        return weights

    def _close(self, pairs, is_positive, n_rows):
        """Return the matrices between groups of rows that must-links join."""
        # Imported here because loading it takes longer than all else.
        from scipy.sparse.csgraph import connected_components

        links = _edges.symmetric(*pairs[is_positive].T, 1.0, n_rows)
        n_groups, self._nodes = connected_components(links, directed=False)
        ends = self._nodes[pairs[~is_positive].T]
        inside = np.isin(np.arange(n_groups), ends[0, ends[0] == ends[1]])
        apart = _edges.symmetric(*ends, 1.0, n_groups)
        joined = np.bincount(self._nodes) > 1
        return dia_array(diags(joined * 1.0)), apart + diags(inside * 1.0)

    def _set_edges(self, edges):
        """Set the edges, the rows at their ends, and the pairs of either kind."""
        self.edges_ = edges
        self.rows_ = np.flatnonzero(np.diff(edges.indptr)[self._nodes])
        # Each pair once; the weights of dissimilar ones have a minus sign.
        upper = triu(edges)
        ends = np.stack([upper.row, upper.col], axis=1)
        self._ends = ends[upper.data > 0], ends[upper.data < 0]

    def among(self, rows):
        """Return a copy for some rows, with the pairs between them."""
        similarity = copy(self)
        similarity._set_edges(_edges.among(self.edges_, self._nodes[rows]))
        similarity.rows_ = np.intersect1d(similarity.rows_, rows)
        return similarity

    def hold_out(self, fraction, rng):
        """Hold out pairs of each kind; a row may be in pairs of both parts.

        Parameters are those of `Similarity.hold_out`, with a fraction of the pairs.
        Raises a ValueError if there are not two pairs of each kind.
        """
        upper = triu(self.edges_)
        out = np.zeros(upper.nnz, dtype=bool)
        for kind in (upper.data > 0, upper.data < 0):
            places = rng.permutation(np.flatnonzero(kind))
            if len(places) < 2:
                raise ValueError(
                    "Two pairs of each kind are needed to keep one and hold one out. "
                    "Set `early_stopping=False` or give more pairs."
                )
            n_out = min(max(1, round(fraction * len(places))), len(places) - 1)
            out[places[:n_out]] = True
        found = copy(self), copy(self)
        for similarity, chosen in zip(found, (~out, out), strict=True):
            half = coo_array((upper.data * chosen, (upper.row, upper.col)), upper.shape)
            similarity._set_edges(_edges.without_zeros(half + triu(half, k=1).T))
        return found

    def batches(self, batch_size, rng):
        """Return both rows of pairs drawn at random, half similar and half dissimilar.

        Parameters are those of `Similarity.batches`.
        """
        drawn = super().batches(batch_size, rng)
        if len(self.rows_) == batch_size:
            return drawn
        n_steps, n_similar = len(drawn), max(1, batch_size // 4)
        n_each = n_similar, batch_size // 2 - n_similar
        kinds = zip(self._ends, n_each, strict=True)
        parts = [self._draw(ends, n_steps * n, rng) for ends, n in kinds]
        parts = [part.reshape(n_steps, -1) for part in parts]
        index = np.concatenate([*parts, drawn[:, : batch_size % 2]], axis=1)
        return without_repeats(index, self.rows_, rng)

    def _draw(self, ends, n_pairs, rng):
        """Return both rows of pairs of a kind, each pair about as often."""
        nodes_there = self._nodes[self.rows_]
        sizes = np.bincount(nodes_there, minlength=self.edges_.shape[0])
        # Within a group of similar rows, each row comes about as often.
        shares = np.where(ends[:, 0] == ends[:, 1], sizes[ends[:, 0]], 1).cumsum()
        if not n_pairs or not len(ends):
            return self.rows_[rng.randint(len(self.rows_), size=(n_pairs, 2))]
        places = (np.arange(n_pairs) + rng.uniform()) / n_pairs * shares[-1]
        places = np.searchsorted(shares, rng.permutation(places), side="right")
        nodes = ends[np.minimum(places, len(ends) - 1)]
        offsets = (rng.uniform(size=nodes.shape) * sizes[nodes]).astype(int)
        same = nodes[:, 0] == nodes[:, 1]
        steps = rng.uniform(size=same.sum()) * (sizes[nodes[same, 0]] - 1)
        second = offsets[same, 0] + 1 + steps.astype(int)
        offsets[same, 1] = second % sizes[nodes[same, 0]]
        members = self.rows_[np.argsort(nodes_there, kind="stable")]
        return members[(np.cumsum(sizes) - sizes)[nodes] + offsets]

    def keys(self, index):
        """Return row numbers, and those of the groups of rows that closure joins."""
        return Keys(index, self._nodes[index])

    def compare(self, keys, other_keys, work=None):
        """Return the weights of given pairs, as `Similarity.compare` does."""
        known = _edges.between(self.edges_, keys.values, other_keys.values)
        known = known * (keys.rows[..., None] != other_keys.rows[..., None, :])
        return Pairs(known.clip(min=0), (-known).clip(min=0))
