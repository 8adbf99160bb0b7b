"""What stands for missing numbers and for categories, made block by block."""

from typing import NamedTuple

import numpy as np

from sklearn_contrastive._validation import SharedRows

#: In place of the number of a level: the value itself, whether it is missing, a part of
#: what the encoder learns of levels that are too many for places, and the number of the
#: level where levels have an order.
NUMBER, MISSING, LEARNED, RANK = -1, -2, -3, -4
#: Levels of a category that have places of their own; where there are more, the encoder
#: learns so many numbers of each.
MOST_PLACES, WIDTH = 255, 8


class Expansion(NamedTuple):
    """Columns that are read in place of those of a table.

    Parameters
    ----------
    source : ndarray of int of shape (n_expanded,)
        The column of the table that each is of, ascending.

    level : ndarray of int of shape (n_expanded,)
        The level whose place it is, being 1 there and else 0; or `MISSING`, which is 1
        where the value is missing; or `NUMBER`, the value itself; or `LEARNED`, always
        1, by which the encoder multiplies one number of the level; or `RANK`, the
        number of the level.

    medians : ndarray of shape (n_features,)
        What stands for missing numbers.

    n_levels : ndarray of int of shape (n_features,)
        How many levels each category has, 0 for numbers.
    """

    source: np.ndarray
    level: np.ndarray
    medians: np.ndarray
    n_levels: np.ndarray

    def of(self, X):
        """Return rows in these columns, in their dtype."""
        values = X[:, self.source]
        numbers, ranks = self.numbers, self.level == RANK
        # Of rare and new levels the rank is not known.
        values[:, ranks] = np.where(
            values[:, ranks] < self.n_levels[self.source[ranks]],
            values[:, ranks],
            np.nan,
        )
        missing = np.isnan(values)
        medians = self.medians[self.source].astype(X.dtype)
        found = np.where(missing & numbers, medians, values)
        found[:, self.level == LEARNED] = 1
        others = (self.level >= 0) | (self.level == MISSING)
        own = values[:, others] == self.level[others]
        found[:, others] = np.where(
            self.level[others] == MISSING, missing[:, others], own
        )
        return found

    def rows_of(self, X):
        """Return for columns whose levels are learned the rows of the encoder's table.

        They are whole numbers in the dtype of `X`.
        """
        sizes, levels = self.sizes, X[:, np.unique(self.source[self.level == LEARNED])]
        levels = np.where(np.isnan(levels), sizes - 1, levels)
        return (levels + np.cumsum(sizes) - sizes).astype(X.dtype)

    @property
    def numbers(self):
        """Which of these columns are numbers."""
        return (self.level == NUMBER) | (self.level == RANK)

    @property
    def sizes(self):
        """How many rows the encoder's table has for each column it learns levels of.

        Beside those of levels there are one for all others, and one for missing ones.
        """
        return self.n_levels[np.unique(self.source[self.level == LEARNED])] + 2

    @property
    def learned(self):
        """What the encoder multiplies: columns, and rows of its table by category."""
        return np.flatnonzero(self.level == LEARNED), self.sizes

    @property
    def starts(self):
        """The first place of each column of the table."""
        return np.flatnonzero(np.diff(self.source, prepend=-1))


def learn_expansion(X, seen, learned):
    """Return the expansion of a table, and how often each of its columns is 1.

    Levels without rows have no place: what is new when rows are mapped has none. Shares
    are NaN for numbers. ``learned`` says whether the encoder learns of many levels.
    """
    source, level, shares, medians = [], [], [], seen.medians.copy()
    n_levels = np.array([len(seen.levels.get(n, ())) for n in range(X.shape[1])])
    for column, n in enumerate(n_levels):
        many, category = learned and n > MOST_PLACES, column in seen.levels
        found = [(NUMBER, np.nan)]
        if category or seen.missing[column]:
            *counts, n_missing = _counted(X, column, n, category)
            counts = np.array(counts)
        if many:
            found = [(LEARNED, np.nan)] * WIDTH
        elif category:
            # Of more levels than places the most frequent ones have one.
            own = np.sort(np.argsort(-counts, kind="stable")[:MOST_PLACES])
            found = [(n, counts[n] / len(X)) for n in own if counts[n]]
        if seen.missing[column] and not many:
            found.append((MISSING, n_missing / len(X)))
        if column in seen.ordered:
            ends = np.cumsum(counts[:n])
            middle = (ends[-1:] - 1) // 2, ends[-1:] // 2
            ranks = np.searchsorted(ends, middle, side="right")
            medians[column] = ranks.mean() if ends[-1:].any() else 0.0
            found.append((RANK, np.nan))
        source += [column] * len(found)
        level += [each for each, _ in found]
        shares += [share for _, share in found]
    arrays = map(np.array, (source, level, medians, n_levels))
    return Expansion(*arrays), np.array(shares)


def _counted(X, column, n_levels, category):
    """Return how many cells of a column have each level, another one, or are missing.

    Numbers are counted as other levels.
    """
    parts, added = [X], np.asarray
    if isinstance(X, SharedRows):
        parts, added = X.parts, X.group.added
    counts = np.zeros(n_levels + 2, dtype=int)
    for part in parts:
        values, places = part[:, column], np.full(len(part), n_levels)
        gaps = np.isnan(values)
        if category:
            places[~gaps] = values[~gaps]
        places[gaps] = n_levels + 1
        counts += np.bincount(places, minlength=n_levels + 2)
    return added(counts)
