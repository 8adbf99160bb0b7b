"""Many points as the cells of a grid: how many lie in each, and of which class."""

from typing import NamedTuple

import numpy as np

#: Cells along the longer side, and the share of rows that a frame must hold.
_N_ACROSS, _CORE = 240, 0.998
#: Times the core's width that all rows may take before far ones are left out.
_WIDEST = 3.0


class Grid(NamedTuple):
    """A grid over points of the plane.

    Parameters
    ----------
    extent : tuple of float
        Left, right, bottom and top.

    shape : tuple of int
        Cells from bottom to top and from left to right.

    cells : ndarray of int of shape (n_inside,)
        The cell of each point in the frame, row after row from the bottom.

    inside : ndarray of bool of shape (n_points,)
        Which points are in the frame.
    """

    extent: tuple
    shape: tuple
    cells: np.ndarray
    inside: np.ndarray


def grid_over(points, square=True):
    """Return a grid over points, without the few that lie very far away.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
        Points of the plane.

    square : bool, default=True
        Whether cells are squares; otherwise there are as many in both directions.

    Returns
    -------
    grid : Grid
        Of at most 240 cells in each direction.
    """
    frames = [_frame(column) for column in points.T]
    widths = [high - low for low, high in frames]
    sizes = [max(widths) / _N_ACROSS] * 2 if square else np.divide(widths, _N_ACROSS)
    inside, places, shape = np.ones(len(points), dtype=bool), [], []
    for column, (low, high), size in zip(points.T, frames, sizes, strict=True):
        inside &= (column >= low) & (column <= high)
        n_cells = max(1, int(np.ceil((high - low) / size - 1e-9)))
        places.append(np.clip((column - low) / size, 0, n_cells - 1))
        shape.append(n_cells)
    across, up = (place[inside].astype(np.intp) for place in places)
    extent = [
        edge
        for (low, _), size, n_cells in zip(frames, sizes, shape, strict=True)
        for edge in (low, low + size * n_cells)
    ]
    return Grid(tuple(extent), (shape[1], shape[0]), up * shape[0] + across, inside)


def _frame(column):
    """Return the ends of what is shown of one coordinate."""
    low, high = float(column.min()), float(column.max())
    core = np.quantile(column, [(1 - _CORE) / 2, (1 + _CORE) / 2]).astype(float)
    width = core[1] - core[0]
    if width > 0 and high - low > _WIDEST * width:
        low, high = max(low, core[0] - width / 4), min(high, core[1] + width / 4)
    # A grid needs some width; that of points in one place is as good as any.
    room = 0.5 if high == low else 0.0
    return low - room, high + room


def counts_in(grid):
    """Return how many points lie in each cell.

    Parameters
    ----------
    grid : Grid
        The grid.

    Returns
    -------
    counts : ndarray of int of shape (n_up, n_across)
        Zero for empty cells.
    """
    flat = np.bincount(grid.cells, minlength=grid.shape[0] * grid.shape[1])
    return flat.reshape(grid.shape)


def means_in(grid, values):
    """Return the mean value of the points in each cell.

    Parameters
    ----------
    grid : Grid
        The grid.

    values : ndarray of shape (n_points,)
        One for each point, NaN where it is not known.

    Returns
    -------
    means : ndarray of shape (n_up, n_across)
        NaN for cells without a known value.
    """
    values = values[grid.inside]
    known = np.isfinite(values)
    n_cells = grid.shape[0] * grid.shape[1]
    counts = np.bincount(grid.cells[known], minlength=n_cells)
    sums = np.bincount(grid.cells[known], values[known], minlength=n_cells)
    means = np.full(n_cells, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means.reshape(grid.shape)


def majorities_in(grid, codes):
    """Return the commonest class of each cell.

    Parameters
    ----------
    grid : Grid
        The grid.

    codes : ndarray of int of shape (n_points,)
        Number of each point's class, -1 where it is not known.

    Returns
    -------
    majorities : ndarray of int of shape (n_up, n_across)
        Numbers of classes, the smallest of several that are equally common; -1 where
        most are not known, and in empty cells.
    """
    n_codes = codes.max() + 2
    # Cells and classes that do occur: their table would be large with many classes.
    both, counts = np.unique(
        grid.cells * n_codes + codes[grid.inside] + 1, return_counts=True
    )
    cells, classes = np.divmod(both, n_codes)
    # Class -1, now 0, comes last among equals.
    order = np.lexsort((-((classes - 1) % n_codes), counts, cells))
    majorities = np.full(grid.shape[0] * grid.shape[1], -1)
    # The last of a cell's entries, its commonest, is what stays.
    majorities[cells[order]] = classes[order] - 1
    return majorities.reshape(grid.shape)
