"""Votes of one network: of rows it has not been trained on, and of rows it has."""

import numpy as np

from sklearn_contrastive._pairs._votes import SETTINGS, References, loss

#: Shares of the vote that rows a network was trained on may have.
_SHARES = (0.0, 0.25, 0.5, 0.75)
#: Of these rows, how many are asked.
_MOST_TRAINED = 20_000


class Network:
    """Held-out rows, and rows of training, where one network places them.

    ``Z`` (n_rows, n_components) are points of length 1, ``values`` (n_rows, n_outputs)
    what rows vote for; ``trained`` and ``held_out`` are numbers of rows.
    """

    def __init__(self, Z, values, trained, held_out):
        trained = trained[:: -(-len(trained) // _MOST_TRAINED)]
        groups = held_out, trained
        self.groups = tuple(References(Z[rows], values[rows]) for rows in groups)

    @property
    def held_out(self):
        return self.groups[0]

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


def least_loss(networks, n_neighbors):
    """Return the setting of each group, and the share of training rows.

    Held-out rows are asked, as if they were new: their own votes do not count, and the
    network has not been trained on them.
    """
    networks = [each for each in networks if len(each.held_out.Z) > 1]
    asked = []
    for held_out, trained in (each.groups for each in networks):
        rows, near = held_out.nearest_others(n_neighbors)
        near = near, trained.nearest(held_out.Z[rows], n_neighbors)
        asked.append((near, held_out.values[rows]))
    settings = []
    for group in range(2):
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

    return settings, min(_SHARES, key=lost)
