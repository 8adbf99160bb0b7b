"""Batches of rows that the embedding confuses, wherever in the table they are."""

import numpy as np

from sklearn_contrastive._pairs._neighbor_search import nearest_rows
from sklearn_contrastive._pairs._repeats import without_repeats

#: Rows embedded, or compared, at once.
_BLOCK = 8192


class GlobalBatches:
    """Draws batches half as a similarity does, half from its rows' hard negatives.

    Parameters
    ----------
    similarity : Similarity
        Draws the first half, and says who is similar.

    miner : GlobalMiner
        How often and how hard to search.

    X : ndarray of shape (n_samples, n_features)
        The table.

    Attributes
    ----------
    embed : callable
        Maps raw rows to points; to be set before the first search.

    rows_ : ndarray of shape (n_rows,)
        The row numbers that batches are drawn from.

    n_searches : int
        How often neighbours were looked for.

    Raises
    ------
    ValueError
        If several views stand for a row.
    """

    def __init__(self, similarity, miner, X):
        if similarity.n_views > 1:
            raise ValueError(
                "`miner` must not be a GlobalMiner where changed copies of rows are "
                f"learned from, as with {similarity}: what stands for a row in a step "
                "is not what the search would embed. Use another miner or similarity."
            )
        self.rows_ = np.sort(similarity.rows_)
        self._similarity, self._miner = similarity, miner
        self.embed, self._X, self._n_drawn = None, X, 0
        self.n_searches = 0

    def batches(self, batch_size, rng):
        """Return which rows sit together in the steps of one pass.

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
        n_before, self._n_drawn = self._n_drawn, self._n_drawn + 1
        # A batch of half the table meets most of its neighbours anyway.
        if n_before == 0 or len(self.rows_) < 2 * batch_size:
            return self._similarity.batches(batch_size, rng)
        if (n_before - 1) % self._miner.refresh_every == 0:
            self._search(rng)
        n_hard = batch_size // 2
        drawn = self._similarity.batches(batch_size - n_hard, rng)
        drawn = drawn[: len(self.rows_) // batch_size]
        places = np.searchsorted(self.rows_, drawn[:, :n_hard])
        # Hard negatives come first in each row's list.
        chosen = (rng.uniform(size=places.shape) * self._n_hard[places]).astype(int)
        hard = self.rows_[self._neighbors[places, chosen]]
        hard = np.where(self._n_hard[places] > 0, hard, drawn[:, :n_hard])
        return without_repeats(np.concatenate([drawn, hard], axis=1), self.rows_, rng)

    def state(self):
        """Return what `restore` needs: counts, and what the last search has found."""
        found = [self._neighbors, self._n_hard] if self.n_searches else []
        return [self._n_drawn, self.n_searches, *found]

    def restore(self, state):
        """Go on where the same batches were."""
        self._n_drawn, self.n_searches, *found = state
        if found:
            self._neighbors, self._n_hard = found

    def _search(self, rng):
        """Find the neighbours of each row that are not like it."""
        self.n_searches += 1
        blocks = range(0, len(self.rows_), _BLOCK)
        parts = [self.rows_[start : start + _BLOCK] for start in blocks]
        Z = np.concatenate([self.embed(self._X[part]) for part in parts])
        miner = self._miner
        near = nearest_rows(Z, miner.n_neighbors + 1, miner.search, rng)
        self._n_hard = np.zeros(len(near), dtype=int)
        for start in blocks:
            part = near[start : start + _BLOCK]
            dissimilar = self._dissimilar(self.rows_[start : start + len(part)], part)
            order = np.argsort(dissimilar <= 0, axis=1, kind="stable")
            near[start : start + _BLOCK] = np.take_along_axis(part, order, axis=1)
            self._n_hard[start : start + _BLOCK] = (dissimilar > 0).sum(axis=1)
        self._neighbors = near

    def _dissimilar(self, rows, near):
        """Return the negative weights of rows with their own neighbours."""
        compare, keys = self._similarity.compare, self._similarity.keys
        near = self.rows_[near]
        weights = np.asarray(compare(keys(rows[:, None]), keys(near)).negative)
        if weights.shape == (len(rows), 1, near.shape[1]):
            return weights[:, 0]
        # A similarity that does not know leading axes compares row by row.
        each = zip(rows[:, None], near, strict=True)
        return np.concatenate([compare(keys(a), keys(b)).negative for a, b in each])
