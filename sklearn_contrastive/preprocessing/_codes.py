"""Piecewise-linear codes: beside a column, how far each value is through its bins."""

from typing import NamedTuple

import numpy as np

#: Bins of a column: at most so many, with so many rows each or more.
_MOST_BINS, _FEWEST_ROWS = 8, 32
#: Codes of all columns together, so that a wide table does not become much wider.
_MOST_CODES = 1024
#: Least width of a bin, as a share of its column's range, and in single precision.
_NARROWEST, _LEAST = 1e-4, 1e-30


class Codes(NamedTuple):
    """Bins of columns [1]_: the column, lower end and width of each.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On Embeddings for Numerical Features
       in Tabular Deep Learning", NeurIPS 2022.
    """

    columns: np.ndarray
    lower: np.ndarray
    widths: np.ndarray

    def of(self, Z):
        """Return 0 below each bin, 1 above it, and the share passed between.

        ``Z`` are standardised rows in numpy, of which the codes take the dtype.
        """
        codes = Z[:, self.columns]
        codes -= self.lower.astype(Z.dtype)
        codes /= self.widths.astype(Z.dtype)
        return np.clip(codes, 0, 1, out=codes)


def learn_codes(Z):
    """Return the codes of standardised rows, or None where no column has two bins.

    The ends of bins are quantiles. They know nothing of labels, so that rows that are
    held out are coded as new ones.
    """
    n_rows, n_columns = Z.shape
    n_bins = min(_MOST_BINS, n_rows // _FEWEST_ROWS, _MOST_CODES // n_columns)
    if n_bins < 2:
        return None
    columns, lower, widths = [], [], []
    for column, values in enumerate(Z.T):
        shares = np.linspace(0, 1, n_bins + 1)
        # Values that occur: a column of two has no third.
        ends = np.unique(np.quantile(values, shares, method="lower"))
        least = max(_NARROWEST * (ends[-1] - ends[0]), _LEAST)
        ends = ends[np.diff(ends, prepend=-np.inf) > least]
        if len(ends) > 2:
            columns += [column] * (len(ends) - 1)
            lower.append(ends[:-1])
            widths.append(np.diff(ends))
    if not columns:
        return None
    return Codes(np.array(columns), np.concatenate(lower), np.concatenate(widths))
