"""Rows as marks: points, or the cells of a density, coloured by what is known."""

import numpy as np
from sklearn.utils._plotting import _validate_style_kwargs

from sklearn_contrastive.displays._class_names import names_of
from sklearn_contrastive.displays._density import counts_in, majorities_in, means_in
from sklearn_contrastive.displays._palette import background_of, faint, shades, style_of

#: Least share of a class's colour in a cell that holds one row.
_PALEST = 0.35
#: Keywords that colour points.
_COLORS = "c", "color", "facecolor", "facecolors", "fc"


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

    Raises
    ------
    ValueError
        If colours are given that targets need.
    """
    taken = [key for key in _COLORS if key in (scatter_kw or {})]
    if taken and known.targets is not None:
        raise ValueError(
            f"`scatter_kw` must leave the colour to the targets in `y`; got "
            f"{taken[0]!r}. Choose a `cmap`, or leave out `y`."
        )
    # Smaller where there are many, but large enough to tell markers apart.
    size = float(np.clip(16_000 / len(rows), 16, 40))
    common = {"s": size, "linewidths": 0.3, "edgecolors": background_of(ax)}
    drawn = []
    for group, look in _groups(ax, known, rows):
        kw = _validate_style_kwargs({**common, **look}, scatter_kw or {})
        drawn.append(ax.scatter(*places[group].T, **kw))
    return drawn


def _groups(ax, known, rows):
    """Return rows that look similar, with what they look like."""
    unknown = {"color": faint(ax, 0.45), "marker": ".", "label": "unknown"}
    if known.targets is not None:
        missing = np.isnan(known.targets[rows])
        look = {"c": known.targets[rows[~missing]], "cmap": shades(ax)}
        groups, missing = [(rows[~missing], look)], rows[missing]
    elif not len(known.classes):
        return [(rows, {"color": style_of(0, ax).color})]
    else:
        codes = known.codes[rows]
        groups = []
        for code, name in enumerate(names_of(known.classes)):
            color, marker, _ = style_of(code, ax)
            look = {"color": color, "marker": marker, "label": name}
            groups.append((rows[codes == code], look))
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
