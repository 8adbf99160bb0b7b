"""Tables whose rows lie in several processes, which read them together."""

from collections import Counter
from operator import itemgetter

import numpy as np

from sklearn_contrastive._validation._columns import (
    MOST_RANKED,
    SEEN,
    Seen,
    chosen_columns,
    kind_of,
    learn_columns,
    learned_levels,
    plain_cell,
)
from sklearn_contrastive._validation._frames import (
    NUMBER,
    cells_of,
    check_names,
    columns_of,
    different,
    one_order,
    orders_of,
)
from sklearn_contrastive._validation._messages import shorten
from sklearn_contrastive._validation._sparse import SparseRows, dense_needed
from sklearn_contrastive._validation._tables import list_columns


class SharedRows:
    """The rows of a table of which each process of a group holds some.

    All processes make the same calls in the same order: ``rows[numbers]`` sends what
    each holds to all. ``parts`` has the number of the first row, and the rows, of each
    part that lies in this process; ``dtype`` is known once the rows have been read;
    of each class, predictors keep ``most`` rows.
    """

    ndim, dtype, most = 2, None, None

    def __init__(self, parts, group):
        parts = [(first, part) for first, part in parts if len(part)]
        self.firsts = [first for first, _ in parts]
        self.parts, self.group = [part for _, part in parts], group
        ends = [first + len(part) for first, part in parts]
        widths = {part.shape[1] for part in self.parts}
        found = group.each((max(ends, default=0), widths))
        widths = set().union(*(own for _, own in found))
        if len(widths) != 1:
            raise ValueError(
                "`X` must have rows, of as many columns in every partition; got "
                f"partitions of {shorten(sorted(widths))} columns."
            )
        self.shape = max(end for end, _ in found), *widths

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, key):
        numbers = key
        if isinstance(key, slice):
            numbers = np.arange(*key.indices(len(self)))
        found = np.zeros((*numbers.shape, *self.shape[1:]), dtype=self.dtype)
        for first, part in zip(self.firsts, self.parts, strict=True):
            here = (numbers >= first) & (numbers < first + len(part))
            found[here] = part[numbers[here] - first]
        return self.group.added(found)

    def added(self, values):
        """Return the sum of what is said of each part, in the order of the parts.

        It is the same wherever the parts lie.
        """
        own = [*zip(self.firsts, values, strict=True)]
        found = [each for some in self.group.each(own) for each in some]
        return sum(value for _, value in sorted(found, key=itemgetter(0)))

    def min(self, axis):
        """Return the least value of each column."""
        return self._reduced(np.min, axis)

    def max(self, axis):
        """Return the greatest value of each column."""
        return self._reduced(np.max, axis)

    def _reduced(self, reduce, axis):
        own = [reduce(part, axis=axis) for part in self.parts]
        found = [each for some in self.group.each(own) for each in some]
        return reduce(np.stack(found), axis=axis)

    def mapped(self, function):
        """Return other columns of the rows, which a function of an array makes."""
        changed = map(function, self.parts)
        other = SharedRows(zip(self.firsts, changed, strict=True), self.group)
        other.dtype = self.dtype
        return other

    def read(self, estimator, check, reset, name):
        """Return the rows as floats, as `check_rows` does, which is ``check``."""
        group, levels, ordered = self.group, {}, ()
        if reset:
            described = group.together(self._described, estimator, name)
            levels, ordered = self._levels(described, name)
            told = group.each({k: v for k, v in vars(estimator).items() if k in SEEN})
            vars(estimator).update(next(filter(None, told)))
            # Numbers that miss are not filled.
            missing = np.ones(self.shape[1], dtype=bool)
            zeros = np.zeros(self.shape[1])
            estimator._seen = Seen(levels, zeros, missing, ordered)
        tables = []
        dtypes = group.together(self._check, estimator, check, name, tables)
        found = SharedRows(zip(self.firsts, tables, strict=True), group)
        dtypes = set().union(*dtypes)
        if len(dtypes) > 1:
            raise ValueError(
                f"`{name}` must be of one dtype; got partitions of "
                f"{shorten(sorted(map(str, dtypes)))}. Convert them with `astype`."
            )
        (found.dtype,), found.most = dtypes, self.most
        if reset:
            some = found[:: -(-found.shape[0] * found.shape[1] // MOST_RANKED)]
            gaps = [np.isnan(part).any(axis=0) for part in found.parts]
            seen = learn_columns(some, levels, ordered, some)
            estimator._seen = seen._replace(missing=found.added(gaps) > 0)
        return found

    def _check(self, estimator, check, name, tables):
        """Append the parts of this process as floats to a list; return their dtypes."""
        for part in self.parts:
            table = check(estimator, part, False, name)
            if isinstance(table, SparseRows):
                raise dense_needed(name, " where rows lie in several processes")
            tables.append(table)
        return {table.dtype for table in tables}

    def _described(self, estimator, name):
        """Set the names of columns, and return them, their types and their levels.

        For each column that may be a category there are: a cell of each type, how often
        each cell occurs, and the orders of levels.
        """
        given, found = estimator.categorical_features, []
        for part in self.parts:
            read = names, types, columns = columns_of(part, name)
            if not found:
                check_names(estimator, part, read, reset=True)
            chosen = chosen_columns(given, names, types, name)
            told = isinstance(given, str) and names is not None
            some = {n for n, each in enumerate(types) if not each.startswith(NUMBER)}
            some, cells = chosen | (some if told else set()), {}
            if some and columns is None:
                import narwhals

                columns = [*narwhals.from_native(part).iter_columns()]
            for number in sorted(some):
                cells[number] = *_counted(columns[number]), orders_of(part, number)
            types = [each.partition("(")[0] for each in types]
            found.append((names, types, chosen, cells))
        return found

    def _levels(self, described, name):
        """Return the levels of categories, and which have an order, of all parts."""
        parts = [part for own in described for part in own]
        names, types, chosen, _ = parts[0]
        if any(part[:2] != (names, types) for part in parts):
            other = next(part for part in parts if part[:2] != (names, types))
            place = [names != other[0], True].index(True)
            raise ValueError(
                f"`{name}` must have the same columns, of the same types, in every "
                f"partition; got {shorten(parts[0][place])} and "
                f"{shorten(other[place])}."
            )
        levels, ordered = {}, []
        for number in sorted({number for *_, cells in parts for number in cells}):
            label = list_columns([number], names or ())
            firsts, counts, orders = zip(*(p[-1][number] for p in parts), strict=True)
            cells = [cell for some in firsts for cell in some]
            kind = kind_of(cells, number in chosen, label, name)
            if number not in chosen and kind == "numbers":
                continue
            order = one_order([order for some in orders for order in some])
            total = sum(counts, Counter())
            own = learned_levels(total, order, label, name)
            levels[number] = [plain_cell(level) for level in own]
            ordered += [] if order is None else [number]
        return levels, tuple(ordered)


def _counted(column):
    """Return a cell of each type in a column, and how often each cell occurs."""
    cells, places = cells_of(column)
    firsts = [*{type(cell): cell for cell in cells}.values()]
    if places is None:
        cells, places = different(cells)
    counts = Counter()
    for cell, n in zip(cells, np.bincount(places).tolist(), strict=True):
        counts[cell] += n
    return firsts, counts
