"""What stands for which class: a legend, or names where the classes lie."""

from sklearn_contrastive.displays._axes import legend_beside, may_grow
from sklearn_contrastive.displays._class_names import name_classes, names_of
from sklearn_contrastive.displays._palette import N_STYLES, faint, style_of

#: Size of points in a legend.
_SIZE = 36
#: The greatest part of an axes that may be given up for a legend.
_MOST_TAKEN = 0.6


def class_legend(ax, known, scatters, others=()):
    """Name classes beside an axes, or below it.

    Parameters
    ----------
    ax : matplotlib Axes
        Where they are drawn.

    known : Known
        With classes.

    scatters : list of matplotlib PathCollection
        Their points, as `scatter` returns them; none for a density.

    others : list of matplotlib Artist, default=()
        What else is named, after the classes.

    Returns
    -------
    legend : matplotlib Legend
        With an entry for each class, and "unknown" where some rows have no label.
    """
    handles = list(scatters) or _patches(ax, known)
    title = None if scatters else "commonest class"
    legend = legend_beside(ax, [*handles, *others], title)
    for handle in legend.legend_handles[: len(scatters)]:
        # Seen as well where points are small, pale or far away.
        handle.set(sizes=[_SIZE], alpha=1)
    return legend


def _patches(ax, known):
    """Return what stands for classes whose rows have no markers."""
    from matplotlib.lines import Line2D

    names = names_of(known.classes)
    colors = [style_of(code, ax).color for code in range(len(names))]
    if known.partly:
        names.append("unknown")
        colors.append(faint(ax, 0.45))
    look = {"marker": "s", "markersize": 6, "markeredgewidth": 0, "linestyle": "none"}
    return [
        Line2D([], [], label=name, color=color, **look)
        for name, color in zip(names, colors, strict=True)
    ]


def name_many(ax, places, known, rows, scatters):
    """Name classes where they lie if all can be, else in a legend if there is room.

    Parameters
    ----------
    ax, places, known, rows : object
        As in `name_classes`, or in three dimensions.

    scatters : list of matplotlib PathCollection
        As in `class_legend`.

    Returns
    -------
    legend : matplotlib Legend or None
        With all classes.

    texts : list of matplotlib Text
        Without a legend, the names that could be written.
    """
    texts = [] if ax.name == "3d" else name_classes(ax, places, known, rows)
    n_classes = len(known.classes)
    # Of a density, or of more classes, several look the same.
    if len(texts) == n_classes or not scatters or n_classes > N_STYLES:
        return None, texts
    legend = _legend_with_room(ax, known, scatters)
    if legend is None:
        return None, texts
    for text in texts:
        text.remove()
    return legend, []


def _legend_with_room(ax, known, scatters):
    """Return a legend that leaves room for the points, or None."""
    legend = class_legend(ax, known, scatters)
    box, frame = legend.get_window_extent(), ax.get_window_extent()
    below = box.y1 <= frame.y0
    taken = box.height / frame.height if below else box.width / frame.width
    if taken > _MOST_TAKEN and not (below and may_grow(ax)):
        legend.remove()
        return None
    return legend
