"""Rows as marks: points, or the cells of a density, coloured by class or target."""

import numpy as np
from sklearn.utils._plotting import _validate_style_kwargs

from sklearn_contrastive.displays._class_names import names_of
from sklearn_contrastive.displays._style import background_of, faint, shades, style_of

#: Cells of a density along its longer side, and the share of rows its frame must hold.
_N_ACROSS, _CORE = 120, 0.998
#: Times the core's width that all rows may take before far ones are left out.
_WIDEST = 3.0
#: Least share of a class's colour in a cell that holds one row.
_PALEST = 0.35
#: Keywords that colour points.
_COLORS = "c", "color", "facecolor", "facecolors", "fc"


def scatter(ax, places, labels, rows, scatter_kw=None):
    """Draw rows as points, one collection for each class, unlabelled ones last."""
    taken = [key for key in _COLORS if key in (scatter_kw or {})]
    if taken and labels.targets is not None:
        raise ValueError(
            f"`scatter_kw` must leave the colour to the targets in `y`; got "
            f"{taken[0]!r}. Choose a `cmap`, or leave out `y`."
        )
    # Smaller where there are many, but large enough to tell markers apart.
    size = float(np.clip(16_000 / len(rows), 16, 40))
    common = {"s": size, "linewidths": 0.3, "edgecolors": background_of(ax)}
    drawn = []
    for group, look in _groups(ax, labels, rows):
        kw = _validate_style_kwargs({**common, **look}, scatter_kw or {})
        drawn.append(ax.scatter(*places[group].T, **kw))
    return drawn


def _groups(ax, labels, rows):
    """Return rows that look the same, with what they look like."""
    if labels.targets is not None:
        missing = np.isnan(labels.targets[rows])
        look = {"c": labels.targets[rows[~missing]], "cmap": shades(ax)}
        groups = [(rows[~missing], look)]
    elif not len(labels.classes):
        return [(rows, {"color": style_of(0, ax).color})]
    else:
        codes, groups = labels.codes[rows], []
        for code, name in enumerate(names_of(labels.classes)):
            color, marker, _ = style_of(code, ax)
            look = {"color": color, "marker": marker, "label": name}
            groups.append((rows[codes == code], look))
        missing = codes < 0
    if missing.any():
        # Behind the others.
        look = {"color": faint(ax, 0.45), "marker": ".", "label": "unknown"}
        groups.append((rows[missing], {**look, "zorder": 0.9}))
    return groups


def density(ax, places, labels, equal=True):
    """Draw how many rows lie in each hexagon; return them, and how many rows lie far.

    A hexagon has the colour of its commonest class, the stronger the more rows; of its
    mean target; or of its number of rows.
    """
    from matplotlib.colors import LogNorm

    inside = _in_frame(places)
    n_far = int((~inside).sum())
    if labels.targets is not None:
        inside &= ~np.isnan(labels.targets)
    codes, places = labels.codes[inside], places[inside]
    kw = {"gridsize": _gridsize(places, equal), "cmap": shades(ax), "linewidths": 0.2}
    kw |= {"mincnt": 1, "rasterized": True}
    if labels.targets is not None:
        return ax.hexbin(*places.T, C=labels.targets[inside], **kw), n_far
    if not len(labels.classes):
        return ax.hexbin(*places.T, norm=LogNorm(), **kw), n_far
    n_codes = len(labels.classes) + 1
    # One number for each cell: of its rows and, as the remainder, of its class.
    cells = ax.hexbin(
        *places.T,
        C=codes,
        reduce_C_function=lambda own: len(own) * n_codes + commonest(own) + 1,
        **kw,
    )
    counts, codes = np.divmod(cells.get_array().astype(int), n_codes)
    cells.set_array(None)
    cells.set_facecolor(_mixed(ax, counts, codes - 1, n_codes - 1))
    return cells, n_far


def commonest(codes):
    """Return the least of the commonest codes, -1 only where most are -1."""
    values, counts = np.unique(codes, return_counts=True)
    most = values[counts == counts.max()]
    return int(most[1] if most[0] < 0 and len(most) > 1 else most[0])


def _mixed(ax, counts, codes, n_classes):
    """Return colours of classes, mixed with the background where there are few rows."""
    from matplotlib.colors import to_rgb

    styles = [style_of(code, ax) for code in range(n_classes)]
    colors = np.array([*(to_rgb(style.color) for style in styles), faint(ax, 0.45)])
    strength = _PALEST + (1 - _PALEST) * np.log1p(counts) / np.log1p(counts.max())
    strength = strength[:, None]
    return colors[codes] * strength + background_of(ax) * (1 - strength)


def _in_frame(places):
    """Return which points are not so far from the others that these would vanish."""
    core = np.quantile(places, [(1 - _CORE) / 2, (1 + _CORE) / 2], axis=0)
    width = np.ptp(core, axis=0)
    far = (width > 0) & (np.ptp(places, axis=0) > _WIDEST * width)
    near = (places >= core[0] - width / 4) & (places <= core[1] + width / 4)
    return (near | ~far).all(axis=1)


def _gridsize(places, equal):
    """Return how many hexagons there are across and up, regular ones if equal."""
    if not equal:
        return _N_ACROSS, _N_ACROSS
    widths = np.ptp(places, axis=0).astype(float)
    across, up = np.round(_N_ACROSS * widths / (widths.max() or 1.0)).clip(1)
    return int(across), max(1, round(up / 3**0.5))
