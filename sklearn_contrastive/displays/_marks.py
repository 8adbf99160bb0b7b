"""Rows as points or the cells of a density, with the names of their classes."""

from datetime import datetime, time

import numpy as np
from sklearn.utils._plotting import _validate_style_kwargs

from sklearn_contrastive._validation import shorten
from sklearn_contrastive.displays import _axes, _style

#: Cells of a density along its longer side, and the share of rows its frame must hold.
_N_ACROSS, _CORE = 120, 0.998
#: Least share of a class's colour in a cell that holds one row.
_PALEST = 0.35
#: Keywords that colour points.
_COLORS = "c", "color", "facecolor", "facecolors", "fc"


def names_of(classes):
    """Return a name for each class: short, or whole where short ones are the same."""
    dtype = "M8[s]" if classes.dtype.kind == "M" else classes.dtype
    labels = classes.astype(dtype).tolist()
    if all(isinstance(at, datetime) and at.time() == time.min for at in labels):
        labels = [at.date() for at in labels]
    names = [_axes.short(label) for label in labels]
    return names if len({*names}) == len(names) else [*map(_axes.wrapped, labels)]


def _looks(ax, labels):
    """Return what rows of each code look like; those of -1 lie behind the others."""
    looks = {}
    for code, name in enumerate(names_of(labels.classes)):
        color, marker, _ = _style.style_of(code, ax)
        looks[code] = {"color": color, "marker": marker, "label": name}
    if labels.targets is not None:
        looks[0] = {"cmap": _style.shades(ax)}
    elif not looks:
        looks[0] = {"color": _style.style_of(0, ax).color}
    if (labels.codes < 0).any():
        look = {"color": _style.faint(ax, 0.45), "marker": ".", "zorder": 0.9}
        looks[-1] = {**look, "label": "unknown"}
    return looks


def scatter(ax, places, labels, rows, scatter_kw=None):
    """Draw rows as points, one collection for each class, unlabelled ones last."""
    scatter_kw = scatter_kw or {}
    if labels.targets is not None and not scatter_kw.keys().isdisjoint(_COLORS):
        raise ValueError(
            f"`scatter_kw` must leave the colour to the targets in `y`; got "
            f"{shorten(scatter_kw)}. Choose a `cmap`, or leave out `y`."
        )
    # Smaller where there are many, but large enough to tell markers apart.
    size = float(np.clip(16_000 / len(rows), 16, 40))
    edges = {"linewidths": 0.3, "edgecolors": _style.background_of(ax)}
    drawn = []
    for code, look in _looks(ax, labels).items():
        group = rows[labels.codes[rows] == code]
        if "cmap" in look:
            look["c"] = labels.targets[group]
        kw = _validate_style_kwargs({"s": size, **edges, **look}, scatter_kw)
        drawn.append(ax.scatter(*places[group].T, **kw))
    return drawn


def density(ax, places, labels, equal=True):
    """Draw rows in hexagons; return these, and how many rows lie too far to be in."""
    from matplotlib.colors import LogNorm, to_rgb

    inside = _in_frame(places)
    n_far = int((~inside).sum())
    if labels.targets is not None:
        inside &= labels.codes == 0
    places = places[inside]
    widths = np.ptp(places, axis=0).astype(float)
    across, up = np.round(_N_ACROSS * widths / (widths.max() or 1.0)).clip(1)
    regular = int(across), max(1, round(up / 3**0.5))
    kw = {"gridsize": regular if equal else (_N_ACROSS, _N_ACROSS), "mincnt": 1}
    kw |= {"cmap": _style.shades(ax), "linewidths": 0.2, "rasterized": True}
    if labels.targets is not None:
        return ax.hexbin(*places.T, C=labels.targets[inside], **kw), n_far
    if not len(labels.classes):
        return ax.hexbin(*places.T, norm=LogNorm(), **kw), n_far
    # A number for each cell: its rows and, as remainder, its class, the unknown last.
    n_codes = len(labels.classes) + 1
    kw["reduce_C_function"] = lambda own: len(own) * n_codes + np.bincount(own).argmax()
    cells = ax.hexbin(*places.T, C=labels.codes[inside] % n_codes, **kw)
    counts, codes = np.divmod(cells.get_array().astype(int), n_codes)
    strength = _PALEST + (1 - _PALEST) * np.log1p(counts) / np.log1p(counts.max())
    colors = np.array([to_rgb(look["color"]) for look in _looks(ax, labels).values()])
    cells.set(array=None, facecolor=_style.faint(ax, strength[:, None], colors[codes]))
    return cells, n_far


def _in_frame(places):
    """Return which points are not so far from the others that these would vanish."""
    core = np.quantile(places, [(1 - _CORE) / 2, (1 + _CORE) / 2], axis=0)
    width = np.ptp(core, axis=0)
    far = (width > 0) & (np.ptp(places, axis=0) > 3 * width)
    near = (places >= core[0] - width / 4) & (places <= core[1] + width / 4)
    return (near | ~far).all(axis=1)


def point_legend(ax, scatters, others=()):
    """Name classes of points beside an axes, and what else there is."""
    legend = _axes.legend_beside(ax, [*scatters, *others])
    for handle in legend.legend_handles[: len(scatters)]:
        # Seen as well where points are small, pale or far away.
        handle.set(sizes=[36], alpha=1)
    return legend


def density_legend(ax, labels):
    """Name classes of a density beside an axes."""
    from matplotlib.patches import Patch

    looks = _looks(ax, labels).values()
    patches = [Patch(color=look["color"], label=look["label"]) for look in looks]
    return _axes.legend_beside(ax, patches, "commonest class")


def name_all(ax, places, labels, scatters):
    """Return a legend of classes or None, and names at medians where there is none."""
    texts = [] if ax.name == "3d" else _name_at_medians(ax, places, labels)
    n_classes = len(labels.classes)
    # Of a density, or of more classes, several look the same.
    if len(texts) == n_classes or not scatters or n_classes > _style.N_STYLES:
        return None, texts
    legend = point_legend(ax, scatters)
    wide = legend.get_window_extent().width > 0.6 * ax.get_window_extent().width
    if wide and not _axes.may_widen(ax):
        legend.remove()
        return None, texts
    for text in texts:
        text.remove()
    return legend, []


def _name_at_medians(ax, places, labels):
    """Write names that overlap no other and lie mostly on points of their class."""
    # Places on the page are known only after the layout.
    _axes.root_figure(ax).draw_without_rendering()
    frame, on_page = ax.get_window_extent(), ax.transData.transform(places)
    names, sizes = names_of(labels.classes), np.bincount(labels.codes + 1)[1:]
    look = {"ha": "center", "va": "center", "fontsize": "small", **_style.over_data(ax)}
    named = {}
    # The largest classes first; those behind find no room any more.
    for code in np.argsort(-sizes, kind="stable")[:80]:
        own = labels.codes == code
        text = ax.text(*np.median(places[own], axis=0), names[code], **look)
        box = text.get_window_extent().padded(2)
        under = own[((on_page > box.min) & (on_page < box.max)).all(axis=1)]
        fits = np.all(frame.min <= box.min) and np.all(box.max <= frame.max)
        fits &= 2 * under.sum() >= len(under)
        if fits and not any(box.overlaps(other) for other in named.values()):
            named[text] = box
        else:
            text.remove()
    return [*named]
