"""Votes of nearest neighbours that count the less, the farther away they are."""

from itertools import product

import numpy as np
from scipy.sparse import csr_array

from sklearn_contrastive._pairs._neighbor_search import fork_safe_threads

#: Neighbours that are asked.
N_NEIGHBORS = 60
#: What is chosen among: the unit of squared distance in which a vote falls by 1/e, and
#: how many neighbours the mean of all references counts as.
SETTINGS = list(product((0.01, 0.03, 0.1, 0.2, 0.4, 0.8, 1.6), (0.01, 0.1, 1.0)))
#: References that are asked for their leave-one-out loss.
_MOST_ASKED = 1000
_LEAST_SHARE = 1e-12


class References:
    """Points of rows with what they vote for.

    ``Z`` (n_references, n_components) are points of length 1, ``values`` (n_references,
    n_outputs) are targets, or 1 for the class or the labels of each.
    """

    def __init__(self, Z, values):
        values = np.asarray(values, dtype=np.float64)
        self.__setstate__({"Z": Z, "values": values, "mean": values.mean(axis=0)})

    def __getstate__(self):
        return {k: v for k, v in vars(self).items() if k != "_search"}

    def __setstate__(self, state):
        from sklearn.neighbors import NearestNeighbors

        vars(self).update(state)
        self._search = NearestNeighbors(algorithm="brute").fit(self.Z)

    def nearest(self, Z, n_neighbors=N_NEIGHBORS):
        """Return squared distances and positions of the nearest references."""
        from sklearn import config_context

        n_neighbors = min(n_neighbors, len(self.Z))
        with config_context(assume_finite=True), fork_safe_threads():
            distances, places = self._search.kneighbors(Z, n_neighbors)
        return distances**2, places

    def votes(self, squared, places, bandwidth, smoothing):
        """Return the weighted mean of neighbours' values, (n_rows, n_outputs).

        The mean of all references counts as ``smoothing`` neighbours more, so that no
        class is ruled out by a few. An infinite bandwidth makes all votes equal.
        """
        weights = np.exp((squared[:, :1] - squared) / bandwidth)
        weights /= weights.sum(axis=1, keepdims=True)
        n_effective = 1 / (weights**2).sum(axis=1, keepdims=True)
        starts = np.arange(len(places) + 1) * places.shape[1]
        shape = len(places), len(self.values)
        found = csr_array((weights.ravel(), places.ravel(), starts), shape=shape)
        found = found @ self.values * n_effective + self.mean * smoothing
        return found / (n_effective + smoothing)

    def nearest_others(self, n_neighbors):
        """Return positions of some references, and what is nearest to each but itself.

        The latter as `nearest` does, (n_asked, n_neighbors) or fewer columns.
        """
        asked = np.arange(len(self.Z))[:: -(-len(self.Z) // _MOST_ASKED)]
        squared, places = self.nearest(self.Z[asked], n_neighbors + 1)
        # A row is its own nearest one, unless as many others are at the same place.
        itself = places == asked[:, None]
        itself[~itself.any(axis=1), -1] = True
        shape = len(asked), -1
        squared, places = (each[~itself].reshape(shape) for each in (squared, places))
        return asked, (squared, places)

    def losses(self, n_neighbors=N_NEIGHBORS):
        """Return the mean leave-one-out loss of references for each setting."""
        asked, near = self.nearest_others(n_neighbors)
        return self.losses_of(near, self.values[asked])

    def losses_of(self, near, true):
        """Return the mean loss of votes of neighbours for each setting."""
        if not near[0].size:
            return np.zeros(len(SETTINGS))
        said = (self.votes(*near, *setting) for setting in SETTINGS)
        return np.array([loss(each, true) for each in said])


def loss(said, true):
    """Return the mean log-loss of shares, or squared error of other values."""
    if ((true == 0) | (true == 1)).all():
        # Of what was said of each output, the share of what is true.
        said = np.where(true == 1, said, 1 - said)
        return -np.log(said.clip(_LEAST_SHARE)).sum(axis=1).mean()
    return ((said - true) ** 2).sum(axis=1).mean()
