"""What stands for missing numbers and for categories, made block by block."""

from typing import NamedTuple

import numpy as np

#: In place of the number of a level: the value itself, and whether it is missing.
NUMBER, MISSING = -1, -2


class Expansion(NamedTuple):
    """Columns that are read in place of those of a table.

    Parameters
    ----------
    source : ndarray of int of shape (n_expanded,)
        The column of the table that each is of, ascending.

    level : ndarray of int of shape (n_expanded,)
        The level whose place it is, being 1 there and else 0; or `MISSING`, which is 1
        where the value is missing; or `NUMBER`, the value itself.

    medians : ndarray of shape (n_features,)
        What stands for missing numbers.
    """

    source: np.ndarray
    level: np.ndarray
    medians: np.ndarray

    def of(self, X):
        """Return rows in these columns, in their dtype."""
        values = X[:, self.source]
        missing, numbers = np.isnan(values), self.level == NUMBER
        medians = self.medians[self.source].astype(X.dtype)
        found = np.where(missing & numbers, medians, values)
        others = ~numbers
        own = values[:, others] == self.level[others]
        found[:, others] = np.where(
            self.level[others] == MISSING, missing[:, others], own
        )
        return found

    @property
    def starts(self):
        """The first place of each column of the table."""
        return np.flatnonzero(np.diff(self.source, prepend=-1))


def learn_expansion(X, seen):
    """Return the expansion of a table, and how often each of its columns is 1.

    Levels without rows have no place: what is new when rows are mapped has none. Shares
    are NaN for numbers.
    """
    source, level, shares = [], [], []
    for column in range(X.shape[1]):
        values, found = X[:, column], {NUMBER: np.nan}
        if column in seen.levels:
            counts = np.bincount(values[~np.isnan(values)].astype(int))
            found = {n: counts[n] / len(X) for n in np.flatnonzero(counts)}
        if seen.missing[column]:
            found[MISSING] = np.isnan(values).mean()
        source += [column] * len(found)
        level += [*found.keys()]
        shares += [*found.values()]
    expansion = Expansion(np.array(source), np.array(level), seen.medians)
    return expansion, np.array(shares)
