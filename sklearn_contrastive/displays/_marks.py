"""Rows as marks: points, or the cells of a density, coloured by what is known."""

import numpy as np
from sklearn.utils._plotting import _validate_style_kwargs

from sklearn_contrastive.displays._axes import faint, short
from sklearn_contrastive.displays._density import counts_in, majorities_in, means_in
from sklearn_contrastive.displays._palette import background_of, shades, style_of

#: Least share of a class's colour in a cell that holds one row.
_PALEST = 0.35


def scatter(ax, places, known, rows, scatter_kw=None):
    """Draw one mark for each row.

    Parameters
    ----------
    ax : matplotlib Axes
        What to draw on.

    places : ndarray of shape (n_samples, 2) or (n_samples, 3)
        Where all rows are.

    known : Known
        What is known of them.

    rows : ndarray of int
        Which are drawn.

    scatter_kw : dict, default=None
        The user's keywords.

    Returns
    -------
    scatters : list of matplotlib PathCollection
        One for each class, or one for all targets, or one for all rows; then one for
        rows of which nothing is known, if others are known.
    """
    # Smaller where there are many, but large enough to tell markers apart.
    size = float(np.clip(16_000 / len(rows), 16, 40))
    common = {"s": size, "linewidths": 0.3, "edgecolors": background_of(ax)}
    drawn = []
    for group, look in _groups(ax, known, rows):
        kw = _validate_style_kwargs({**common, **look}, scatter_kw or {})
        drawn.append(ax.scatter(*places[group].T, **kw))
    return drawn


def _groups(ax, known, rows):
    """Return rows that look alike, with what they look like."""
    unknown = {"color": faint(ax, 0.45), "marker": "."}
    if known.targets is not None:
        missing = np.isnan(known.targets[rows])
        look = {"c": known.targets[rows[~missing]], "cmap": shades(ax)}
        groups, missing = [(rows[~missing], look)], rows[missing]
    elif not len(known.classes):
        return [(rows, {"color": style_of(0, ax).color})]
    else:
        codes = known.codes[rows]
        styles = [style_of(code, ax) for code in range(len(known.classes))]
        groups = [
            (rows[codes == code], {"color": style.color, "marker": style.marker})
            for code, style in enumerate(styles)
        ]
        missing = rows[codes < 0]
    # What is not known lies behind what is.
    return [*groups, (missing, {**unknown, "zorder": 0.9})] if len(missing) else groups


def density(ax, grid, known):
    """Draw how many rows lie in each cell of a grid.

    Parameters
    ----------
    ax : matplotlib Axes
        What to draw on.

    grid : Grid
        The rows in their cells.

    known : Known
        What is known of all rows.

    Returns
    -------
    image : matplotlib AxesImage
        In the colour of each cell's commonest class, the stronger the more rows; of
        its mean target; or of its number of rows. Empty cells are left out.
    """
    from matplotlib.colors import LogNorm, to_rgb

    counts = counts_in(grid)
    kw = {"extent": grid.extent, "origin": "lower", "interpolation": "nearest"}
    kw["aspect"] = "auto"
    if known.targets is not None:
        return ax.imshow(means_in(grid, known.targets), cmap=shades(ax), **kw)
    if not len(known.classes):
        norm = LogNorm(1, max(2, counts.max()))
        filled = np.ma.masked_equal(counts, 0)
        return ax.imshow(filled, norm=norm, cmap=shades(ax), **kw)
    styles = [style_of(code, ax) for code in range(len(known.classes))]
    colors = np.array([*(to_rgb(style.color) for style in styles), faint(ax, 0.45)])
    strength = np.log1p(counts) / np.log1p(counts.max())
    strength = (_PALEST + (1 - _PALEST) * strength)[..., None]
    mixed = colors[majorities_in(grid, known.codes)] * strength
    mixed += background_of(ax) * (1 - strength)
    return ax.imshow(np.dstack([mixed, counts > 0]), **kw)


def class_handles(ax, known, dense=False):
    """Return what stands for classes in a legend.

    Parameters
    ----------
    ax : matplotlib Axes
        Where they are drawn.

    known : Known
        With classes.

    dense : bool, default=False
        Whether a density was drawn, which has no markers.

    Returns
    -------
    handles : list of matplotlib Line2D
        One a class, and "unknown" where some rows have no label.
    """
    from matplotlib.lines import Line2D

    entries = [
        (short(label), style_of(code, ax).color, style_of(code, ax).marker)
        for code, label in enumerate(known.classes.tolist())
    ]
    if known.partly:
        entries.append(("unknown", faint(ax, 0.45), "."))
    return [
        Line2D(
            *([], []),
            label=label,
            color=color,
            marker="s" if dense else marker,
            linestyle="none",
            markersize=6,
            markeredgewidth=0.3,
            markeredgecolor=background_of(ax),
        )
        for label, color, marker in entries
    ]
