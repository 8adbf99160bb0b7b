"""Names of classes: in a legend, or written where the classes lie."""

from datetime import datetime, time

import numpy as np

from sklearn_contrastive.displays._axes import (
    legend_beside,
    may_widen,
    root_figure,
    short,
    wrapped,
)
from sklearn_contrastive.displays._style import N_STYLES, faint, halo, ink, style_of

#: Names that are tried at medians, those of the largest classes first.
_MOST_NAMES = 80
#: Size of points in a legend.
_SIZE = 36


def names_of(classes):
    """Return a name for each class: short, or whole where short ones are the same."""
    labels = classes.astype("M8[s]") if classes.dtype.kind == "M" else classes
    labels = labels.tolist()
    if all(isinstance(label, datetime) for label in labels) and not any(
        label.time() > time.min for label in labels
    ):
        labels = [label.date() for label in labels]
    names = [short(label) for label in labels]
    return names if len({*names}) == len(names) else [*map(wrapped, labels)]


def class_legend(ax, labels, scatters, others=()):
    """Name classes of points or of a density beside an axes, and what else there is."""
    if scatters:
        legend = legend_beside(ax, [*scatters, *others])
        for handle in legend.legend_handles[: len(scatters)]:
            # Seen as well where points are small, pale or far away.
            handle.set(sizes=[_SIZE], alpha=1)
        return legend
    from matplotlib.patches import Patch

    looks = {n: style_of(i, ax).color for i, n in enumerate(names_of(labels.classes))}
    if labels.some_missing:
        looks["unknown"] = faint(ax, 0.45)
    patches = [Patch(color=color, label=name) for name, color in looks.items()]
    return legend_beside(ax, patches, "commonest class")


def name_many(ax, places, labels, rows, scatters):
    """Name classes at their medians if all can be, else in a legend with room for it.

    Returns the legend or None, and the texts there are without it.
    """
    texts = [] if ax.name == "3d" else _name_at_medians(ax, places, labels, rows)
    n_classes = len(labels.classes)
    # Of a density, or of more classes, several look the same.
    if len(texts) == n_classes or not scatters or n_classes > N_STYLES:
        return None, texts
    legend = class_legend(ax, labels, scatters)
    wide = legend.get_window_extent().width > 0.6 * ax.get_window_extent().width
    if wide and not may_widen(ax):
        legend.remove()
        return None, texts
    for text in texts:
        text.remove()
    return legend, []


def _name_at_medians(ax, places, labels, rows):
    """Write names that overlap no other and lie mostly on points of their class."""
    # Places on the page are known only after the layout.
    root_figure(ax).draw_without_rendering()
    frame = ax.get_window_extent()
    codes, names = labels.codes[rows], names_of(labels.classes)
    on_page = ax.transData.transform(places[rows])
    sizes = np.bincount(codes[codes >= 0], minlength=len(names))
    look = {"ha": "center", "va": "center", "fontsize": "small"}
    look |= {"color": ink(ax), "path_effects": halo(ax)}
    texts, boxes = [], []
    for code in np.argsort(-sizes, kind="stable")[
        : min(_MOST_NAMES, np.sum(sizes > 0))
    ]:
        middle = np.median(places[rows[codes == code]], axis=0)
        text = ax.text(*middle, names[code], **look)
        box = text.get_window_extent().padded(2)
        under = ((on_page > box.min) & (on_page < box.max)).all(axis=1)
        fits = np.all(frame.min <= box.min) and np.all(box.max <= frame.max)
        fits &= 2 * np.sum(codes[under] == code) >= under.sum()
        if fits and not any(box.overlaps(other) for other in boxes):
            texts.append(text)
            boxes.append(box)
        else:
            text.remove()
    return texts
