"""Votes of one network: of rows it has not been trained on, and of rows it has."""

from copy import copy

import numpy as np
from sklearn.utils import gen_batches

from sklearn_contrastive._pairs._votes import N_NEIGHBORS, SETTINGS, References, loss
from sklearn_contrastive._validation import shorten

#: Neighbours of equal votes, where their number is "auto".
_N_UNIFORM = 15
#: Shares of the vote that rows a network was trained on may have.
_SHARES = (0.0, 0.25, 0.5, 0.75)
#: Of these rows, how many are asked.
_MOST_TRAINED = 20_000
#: Rows of an index that are mapped at once.
_BLOCK = 64
#: Distances held at once.
_MOST_DISTANCES = 2**24


class Network:
    """Held-out rows, and rows of training, where one network places them.

    ``Z`` (n_rows, n_components) are points of length 1, ``values`` (n_rows, n_outputs)
    what rows vote for; ``trained`` and ``held_out`` are numbers of rows, which are kept
    for both groups in ``rows``.
    """

    def __init__(self, Z, values, trained, held_out):
        self.rows = _parts(trained, held_out)
        self.groups = tuple(References(Z[rows], values[rows]) for rows in self.rows)

    @property
    def held_out(self):
        return self.groups[0]

    def changed(self, fold, places, twins, Z, values):
        """Return this network in an index without some rows, and with new ones.

        ``places`` are the numbers that rows have in that index, new rows last; those of
        rows that leave it are negative. A new row stands where ``fold`` has its twin, a
        row of `fit`. ``values`` are those of all rows of that index.
        """
        other, groups, n_old = copy(self), [], len(places) - len(Z)
        for rows, group, part in zip(
            self.rows, self.groups, _parts(*fold), strict=False
        ):
            kept, joined = places[rows] >= 0, np.isin(twins, part)
            rows = np.concatenate([places[rows[kept]], places[n_old:][joined]])
            if not len(rows):
                raise ValueError(
                    "`ids` must leave rows in every network; got all that one votes "
                    "by. Add others first, or fit a new model."
                )
            order = np.argsort(rows)
            points = np.concatenate([group.Z[kept], Z[joined]], dtype=group.Z.dtype)
            groups.append((rows[order], References(points[order], values[rows[order]])))
        other.rows, other.groups = zip(*groups, strict=True)
        return other

    def votes(self, Z, n_neighbors, settings, share):
        """Return what both groups say of rows; that of training has a share."""
        near = [group.nearest(Z, n_neighbors) for group in self.groups]
        return self.mixed(near, settings, share)

    def mixed(self, near, settings, share):
        """Return what neighbours in the groups say, given which these are."""
        said = [
            group.votes(*each, *setting)
            for group, each, setting in zip(self.groups, near, settings, strict=False)
        ]
        return said[0] * (1 - share) + said[1] * share if share > 0 else said[0]


def points_of(embedding, X):
    """Return the points of checked rows in each network, of length 1."""
    n_networks = embedding.n_members_
    Z = embedding._state.embed(X) * n_networks**0.5
    return np.split(Z, n_networks, axis=1)


def points_in_blocks(embedding, rows):
    """Return `points_of` rows that do not depend on those they are given with.

    Sums are rounded as the shape of a table has it: all blocks have one shape.
    """
    points = []
    for part in gen_batches(len(rows), _BLOCK):
        block = np.asarray(rows[part], dtype=np.float64)
        n, block = len(block), block[np.arange(_BLOCK) % len(block)]
        points.append(np.stack(points_of(embedding, block))[:, :n])
    return np.concatenate(points, axis=1).astype(np.float32)


def _parts(trained, held_out):
    """Return the rows of a fold that vote: held out, and some of those of training."""
    return held_out, trained[:: -(-len(trained) // _MOST_TRAINED)]


def number_asked(n_neighbors, auto, held_out):
    """Return how many neighbours each network asks, given its held-out rows.

    ``auto`` is whether their votes are weighted.
    """
    fewest, most = min(map(len, held_out)), max(map(len, held_out))
    if n_neighbors == "auto":
        # Equal votes of all references would say the same of every row.
        n_neighbors = min(N_NEIGHBORS, most)
        return n_neighbors if auto else min(_N_UNIFORM, max(1, most // 4))
    if n_neighbors > fewest:
        n_rows = len(np.unique(np.concatenate(held_out)))
        raise ValueError(
            f"`n_neighbors` must be at most the references of a network; got "
            f"{shorten(n_neighbors)} with {fewest} of n_samples={n_rows} rows. Lower "
            "it, or `cross_fit`."
        )
    return int(n_neighbors)


def least_loss(networks, n_neighbors):
    """Return the setting of each group, and the share of training rows.

    Held-out rows are asked, as if they were new: their own votes do not count, and the
    network has not been trained on them.
    """
    n_groups = len(networks[0].groups)
    networks = [each for each in networks if len(each.held_out.Z) > 1]
    asked = []
    for held_out, *trained in (each.groups for each in networks):
        rows, near = held_out.nearest_others(n_neighbors)
        others = [each.nearest(held_out.Z[rows], n_neighbors) for each in trained]
        asked.append(([near, *others], held_out.values[rows]))
    settings = []
    for group in range(n_groups):
        losses = sum(
            network.groups[group].losses_of(near[group], true)
            for network, (near, true) in zip(networks, asked, strict=True)
        )
        settings.append(SETTINGS[int(np.argmin(losses))])

    def lost(share):
        return sum(
            loss(network.mixed(near, settings, share), true)
            for network, (near, true) in zip(networks, asked, strict=True)
        )

    return settings, min(_SHARES[: 3 * n_groups - 2], key=lost)


def values_of(networks):
    """Return what all rows of the index vote for, in their order."""
    n_rows = 1 + max(int(network.rows[0].max()) for network in networks)
    values = np.empty((n_rows, networks[0].held_out.values.shape[1]))
    for network in networks:
        values[network.rows[0]] = network.held_out.values
    return values


def nearest_rows(networks, queries, n_rows, searched, n_neighbors):
    """Return distances of the nearest rows, the mean over networks, and which they are.

    ``queries`` are points in each network, ``searched`` some of the ``n_rows`` rows of
    the index; what is returned are positions among these.
    """
    places = np.full(n_rows, -1)
    places[searched] = np.arange(len(searched))
    size = max(1, _MOST_DISTANCES // len(searched))
    parts = []
    for part in gen_batches(len(queries[0]), size):
        distances = _mean_distances(networks, [Z[part] for Z in queries], places)
        rows = np.argsort(distances, axis=1, kind="stable")[:, :n_neighbors]
        parts.append((np.take_along_axis(distances, rows, axis=1), rows))
    return map(np.concatenate, zip(*parts, strict=True))


def _mean_distances(networks, queries, places):
    """Return distances to the rows that have a place, the mean over networks."""
    from sklearn.metrics import euclidean_distances

    n_searched = places.max() + 1
    total, count = np.zeros((len(queries[0]), n_searched)), np.zeros(n_searched)
    for Z, network in zip(queries, networks, strict=True):
        rows = places[network.rows[0]]
        points, rows = network.held_out.Z[rows >= 0], rows[rows >= 0]
        if len(rows):
            ends = Z.astype(np.float64), points.astype(np.float64)
            total[:, rows] += euclidean_distances(*ends)
            count[rows] += 1
    return total / count
