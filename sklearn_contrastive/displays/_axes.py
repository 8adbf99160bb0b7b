"""Axes to draw on: checked or new, with titles and legends that hide no data."""

import textwrap
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import numpy as np

from sklearn_contrastive.displays._style import faint, style_of

#: Letters in a line of a name, and the mean width of a letter in font sizes.
_MOST_LETTERS, _LETTER = 24, 0.55
#: Lines of a legend that fit beside any axes.
_FEW_LINES = 12
#: How the ids of what displays draw begin.
DRAWN = "sklearn_contrastive "
#: Figures that displays have made, with their widths before legends widened them.
_WIDTHS: WeakKeyDictionary = WeakKeyDictionary()


def require_matplotlib(caller):
    """Raise an error that says how to install matplotlib where it is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} requires matplotlib: install it with "
            "pip install 'sklearn_contrastive[plot]'."
        ) from error


@contextmanager
def drawing_on(display, ax, *, three_d=False, joins=None):
    """Give a display the axes, validated, or new ones, which an error closes."""
    require_matplotlib(f"{type(display).__name__}.plot")
    import matplotlib.pyplot as plt

    figure = None
    if ax is None:
        figure = plt.figure(layout="constrained")
        _WIDTHS[figure] = figure.get_figwidth()
        ax = figure.add_subplot(projection="3d" if three_d else None)
    _validate_axes(display, ax, three_d, joins)
    display.ax_, display.figure_ = ax, ax.get_figure()
    try:
        yield
    except BaseException:
        if figure:
            plt.close(figure)
        raise


@contextmanager
def panels_on(display, ax, n_panels):
    """Yield one axes for each panel, new or given, or a given one for the first."""
    if ax is None:
        with drawing_on(display, None):
            display.figure_.clear()
            display.figure_.set_figheight((4.8, 5.6, 6.6)[n_panels - 1])
            yield display.figure_.subplots(n_panels, sharex=True, squeeze=False)[:, 0]
        return
    given = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    for each in given:
        _validate_axes(display, each)
    if len(given) not in (1, n_panels):
        raise ValueError(
            f"`ax` must hold one axes for each of the {n_panels} panels, or a single "
            f"one for the first; got {len(given)}."
        )
    yield given


def _validate_axes(display, ax, three_d=False, joins=None):
    """Raise for what is no straight axes, or holds a picture that cannot be joined."""
    from matplotlib.axes import Axes

    name, got = type(display).__name__, type(ax).__name__
    if not isinstance(ax, Axes):
        raise TypeError(
            f"`ax` must be a matplotlib Axes or None; got {got}. Pass one of the axes "
            "that plt.subplots() returns."
        )
    if ax.name != ("3d" if three_d else "rectilinear"):
        how = "subplot_kw={'projection': '3d'}" if three_d else ""
        raise ValueError(
            f"`ax` must have {3 if three_d else 2} dimensions at right angles for this "
            f"{name}; got {got}. Make it with plt.subplots({how})."
        )
    ids = {str(artist.get_gid()) for artist in ax.get_children()}
    other = sorted(i for i in ids if i.startswith(DRAWN) and i != joins)
    if other:
        raise ValueError(
            f"`ax` cannot take this {(joins or name).removeprefix(DRAWN)}: it holds "
            f"another picture already ({other[0].removeprefix(DRAWN)}). Pass ax=None "
            "for a new figure, or an axes for each: plt.subplots(1, 2, "
            "layout='constrained') makes two."
        )


def one_line(name):
    """Return a name as text without breaks, never empty."""
    if isinstance(name, float) and name.is_integer():
        # Whole numbers become floats where some are missing.
        name = int(name)
    return " ".join(str(name).split()) or "''"


def short(name):
    """Return a name for a legend on one line; of a long one both ends."""
    text = one_line(name)
    # Long names often differ in their ends.
    cut = f"{text[: _MOST_LETTERS - 10]}…{text[-9:]}"
    return _literal(text if len(text) <= _MOST_LETTERS else cut)


def wrapped(name):
    """Return a name for a legend, whole, on several lines where it is long."""
    return _literal("\n".join(textwrap.wrap(one_line(name), _MOST_LETTERS)))


def _literal(text):
    """Return a text that matplotlib neither hides nor reads as mathematics."""
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def counted(number, noun):
    """Return a number with its noun, as in "1,797 rows"."""
    plural = f"{noun}es" if noun.endswith("ss") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def root_figure(ax):
    """Return the figure that is drawn as a whole, which is no SubFigure."""
    figure = ax.get_figure()
    while figure.figure is not figure:
        figure = figure.figure
    return figure


def set_title(ax, name, what, *lines):
    """Write a title, led by a name where there is one, broken where the axes end."""
    from matplotlib.font_manager import FontProperties

    figure = ax.get_figure()
    size = FontProperties(size="medium").get_size_in_points()
    # The only plot of a figure may use the room above its legend too.
    share = 0.85 if len(figure.axes) == 1 else ax.get_position().width
    inches = share * figure.bbox.width / root_figure(ax).dpi
    width = max(20, int(72 * inches / (_LETTER * size)))
    what = f"{_literal(one_line(name))}: {what}" if name else what[0].upper() + what[1:]
    broken = [part for line in (what, *lines) for part in textwrap.wrap(line, width)]
    ax.set_title("\n".join(broken), loc="left", fontsize="medium")


def set_shared_title(ax, what, detail):
    """Write a title for all curves of an axes, without a detail that differs."""
    before, both = " ".join(ax.get_title(loc="left").split()), f"{what}: {detail}"
    set_title(ax, None, both if before in ("", both) else what)


def legend_beside(ax, handles, title=None):
    """Put a legend to the right of an axes, in columns that are about as high."""
    look = {
        "handles": handles,
        "title": title,
        "loc": "upper left",
        "bbox_to_anchor": (1.02, 1.0),
        "borderaxespad": 0.0,
        "columnspacing": 1.0,
        "frameon": False,
        "fontsize": "small",
        "title_fontsize": "small",
        "alignment": "left",
    }
    legend = ax.legend(**look)
    box, frame = legend.get_window_extent(), ax.get_window_extent()
    if sum(1 + handle.get_label().count("\n") for handle in handles) <= _FEW_LINES:
        return legend
    # The layout will give the axes of a new figure about a seventh more.
    n_columns = int(np.ceil(box.height / (1.15 * frame.height)))
    legend = ax.legend(ncols=n_columns, **look)
    if may_widen(ax):
        figure = root_figure(ax)
        more = (legend.get_window_extent().width - box.width) / figure.dpi
        figure.set_figwidth(_WIDTHS[figure] + more)
    return legend


def may_widen(ax):
    """Return whether a legend widens the figure: where a display has made it."""
    return root_figure(ax) in _WIDTHS


def colorbar_beside(ax, shown, label):
    """Return a colour bar to the right of an axes."""
    from matplotlib.colors import LogNorm

    plain = "{x:,.0f}" if isinstance(shown.norm, LogNorm) else None
    colorbar = ax.get_figure().colorbar(
        shown, ax=ax, label=label, fraction=0.05, format=plain
    )
    colorbar.outline.set_visible(False)
    return colorbar


def open_frame(ax):
    """Hide the top and right spines of an axes."""
    ax.spines[["top", "right"]].set_visible(False)


def label_components(ax, n_components, share, n_dimensions=2):
    """Name the axes of components; return what to say of a projection, or ""."""
    word = "component" if share is None else "principal component"
    for number, axis in enumerate("xyz"[:n_dimensions], start=1):
        ax.set(**{f"{axis}label": f"{word} {number}"})
    if n_dimensions < 3:
        open_frame(ax)
    if share is None:
        return ""
    return (
        f"first {n_dimensions} of {n_components} principal components, "
        f"{100 * share:.0f} % of the variance"
    )


def equal_scales(ax):
    """Let a unit be as long in one direction as in the others."""
    if ax.name == "3d":
        from matplotlib.ticker import MaxNLocator

        for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
            axis.set_major_locator(MaxNLocator(5))
            axis.set_pane_color(faint(ax, 0.06))
            # A grid that can be seen on light and dark panes, and does not stand out.
            axis._axinfo["grid"].update(color="0.5", linewidth=0.4)
        ax.tick_params(labelsize="small", pad=0)
        ax.set_aspect("equal")
        # Smaller, or its labels would leave the figure.
        ax.set_box_aspect(None, zoom=0.85)
        return
    shared = (ax.get_shared_x_axes(), ax.get_shared_y_axes())
    # Limits that are shared both ways cannot be moved.
    fixed = all(len(each.get_siblings(ax)) > 1 for each in shared)
    ax.set_aspect("equal", adjustable="box" if fixed else "datalim")
    ax.locator_params(nbins=5)


def style_of_next(ax, gid):
    """Return the style of the next curve on an axes, of those that have an id."""
    return style_of(sum(line.get_gid() == gid for line in ax.lines), ax)


def legend_of_curves(ax):
    """Name the curves of an axes beside it; return None where none has a name."""
    named = [line for line in ax.lines if not line.get_label().startswith("_")]
    return legend_beside(ax, named) if named else None
