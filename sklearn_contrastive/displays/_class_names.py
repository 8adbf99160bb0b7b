"""Names of classes written where the classes lie."""

import numpy as np

from sklearn_contrastive.displays._axes import halo, ink, short

#: Names that are tried, those of the largest classes first.
_MOST_NAMES = 80


def name_classes(ax, places, known, rows):
    """Write names of classes at their medians, as many as do not overlap.

    Parameters
    ----------
    ax : matplotlib Axes
        In two dimensions, with its data drawn.

    places : ndarray of shape (n_samples, 2)
        Where rows are.

    known : Known
        Their classes.

    rows : ndarray of int
        Which are drawn.

    Returns
    -------
    texts : list of matplotlib Text
        Names of the largest classes that could be written.
    """
    figure = ax.get_figure()
    # Places on the page are known only after the layout.
    figure.draw_without_rendering()
    renderer, frame = figure.canvas.get_renderer(), ax.get_window_extent()
    codes = known.codes[rows]
    sizes = np.bincount(codes[codes >= 0], minlength=len(known.classes))
    texts, boxes = [], []
    for code in np.argsort(-sizes, kind="stable")[:_MOST_NAMES]:
        if not sizes[code]:
            break
        text = ax.text(
            *np.median(places[rows[codes == code]], axis=0),
            short(known.classes[code]),
            ha="center",
            va="center",
            fontsize="small",
            color=ink(ax),
            path_effects=halo(ax),
        )
        box = text.get_window_extent(renderer).padded(2)
        inside = frame.x0 <= box.x0 and box.x1 <= frame.x1
        inside &= frame.y0 <= box.y0 and box.y1 <= frame.y1
        if inside and not any(box.overlaps(other) for other in boxes):
            texts.append(text)
            boxes.append(box)
        else:
            text.remove()
    return texts
