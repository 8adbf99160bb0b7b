"""Names of classes: in legends, or written where the classes lie."""

from collections import Counter

import numpy as np

from sklearn_contrastive.displays._axes import one_line, short, wrapped
from sklearn_contrastive.displays._layout import root_figure
from sklearn_contrastive.displays._palette import halo, ink

#: Names that are tried, those of the largest classes first.
_MOST_NAMES = 80


def names_of(classes):
    """Return a name for each class, no two similar.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Labels.

    Returns
    -------
    names : list of str
        Long ones are cut, or wrapped where they would look the same.
    """
    labels = _days(classes)
    names = [short(label) for label in labels]
    for similar in [name for name, count in Counter(names).items() if count > 1]:
        places = [place for place, name in enumerate(names) if name == similar]
        parts = _differing([one_line(labels[place]) for place in places])
        for place, part in zip(places, parts, strict=True):
            names[place] = short(part)
    if len(set(names)) < len(names):
        return [wrapped(label) for label in labels]
    return names


def _differing(texts):
    """Return the words in which texts differ, between dots for those left out."""
    words = [text.split() for text in texts]
    n_before = _n_shared(words)
    words = [each[n_before:] for each in words]
    n_after = _n_shared([each[::-1] for each in words])
    before, after = "…" if n_before else "", "…" if n_after else ""
    parts = [" ".join(each[: len(each) - n_after]) for each in words]
    return [f"{before}{part}{after}" for part in parts]


def _n_shared(words):
    """Return with how many words all lists begin, of which each has another left."""
    longest = min(len(each) for each in words) - 1
    shared = [len(set(column)) == 1 for column in zip(*words, strict=False)]
    return min([*shared, False].index(False), longest)


def _days(classes):
    """Return labels as a list, of dates without the time where that is midnight."""
    if classes.dtype.kind == "M":
        days = classes.astype("datetime64[D]")
        if np.array_equal(days, classes):
            return days.astype(str).tolist()
        seconds = classes.astype("datetime64[s]").astype(str)
        return np.char.replace(seconds, "T", " ").tolist()
    labels = classes.tolist()
    dated = [label for label in labels if hasattr(label, "time")]
    if len(dated) == len(labels) and not any(
        label.time() > label.time().min for label in dated
    ):
        return [label.date() for label in labels]
    return labels


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
        Names of the largest classes that could be written, with most of the points
        beneath of the class.
    """
    # Places on the page are known only after the layout.
    root_figure(ax).draw_without_rendering()
    frame = ax.get_window_extent()
    codes, names = known.codes[rows], names_of(known.classes)
    on_page = ax.transData.transform(places[rows])
    sizes = np.bincount(codes[codes >= 0], minlength=len(known.classes))
    texts, boxes = [], []
    for code in np.argsort(-sizes, kind="stable")[:_MOST_NAMES]:
        if not sizes[code]:
            break
        text = ax.text(
            *np.median(places[rows[codes == code]], axis=0),
            names[code],
            ha="center",
            va="center",
            fontsize="small",
            color=ink(ax),
            path_effects=halo(ax),
        )
        box = text.get_window_extent().padded(2)
        inside = frame.x0 <= box.x0 and box.x1 <= frame.x1
        inside &= frame.y0 <= box.y0 and box.y1 <= frame.y1
        under = ((on_page > box.min) & (on_page < box.max)).all(axis=1)
        inside &= 2 * np.sum(codes[under] == code) >= under.sum()
        if inside and not any(box.overlaps(other) for other in boxes):
            texts.append(text)
            boxes.append(box)
        else:
            text.remove()
    return texts
