"""Axes to draw on, with titles, legends and labels that do not hide data."""

import textwrap
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from sklearn.utils._optional_dependencies import check_matplotlib_support

from sklearn_contrastive.displays._layout import root_figure

#: Letters of a line of a name, and the mean width of one in font sizes.
_MOST_LETTERS, _LETTER = 24, 0.55
#: Lines of a legend that fit beside any axes.
_FEW_LINES = 12
#: How the ids of what displays draw begin, and that of lines that `next_curve` counts.
DRAWN = "sklearn_contrastive "
CURVE = DRAWN + "retrieval curve"
#: Inches by which figures that displays have made grew, for legends below their axes.
_GROWN: WeakKeyDictionary = WeakKeyDictionary()


@contextmanager
def drawing_on(display, ax, three_d=False, joins=None):
    """Give the axes that `axes_for` returns; of an error leave no new figure behind.

    Parameters
    ----------
    display, ax, three_d : object
        As in `axes_for`.

    joins : str, default=None
        Likewise; None to draw on nothing but empty axes.

    Yields
    ------
    ax : matplotlib Axes
        The axes.
    """
    drawn_on = axes_for(display, ax, three_d, joins)
    try:
        yield drawn_on
    except BaseException:
        if ax is None:
            import matplotlib.pyplot as plt

            plt.close(drawn_on.get_figure())
        raise


def axes_for(display, ax, three_d=False, joins=CURVE):
    """Return the axes given, or those of a new figure.

    Parameters
    ----------
    display : object
        Who asks, for messages.

    ax : matplotlib Axes or None
        What the user gave.

    three_d : bool, default=False
        Whether the axes must have three dimensions.

    joins : str, default=CURVE
        The id of what may have been drawn there already; None for nothing.

    Returns
    -------
    ax : matplotlib Axes
        In a figure with constrained layout, where it is new.

    Raises
    ------
    ImportError
        Without matplotlib.
    TypeError, ValueError
        If `ax` is no axes, has another number of dimensions or a circular frame, or
        holds another picture.
    """
    name = type(display).__name__
    check_matplotlib_support(f"{name}.plot")
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    if ax is None:
        figure = plt.figure(layout="constrained")
        _GROWN[figure] = 0.0
        ax = figure.add_subplot(projection="3d" if three_d else None)
        for axis in (ax.xaxis, ax.yaxis, ax.zaxis) if three_d else ():
            # A grid that can be seen on light and dark panes, and does not stand out.
            axis._axinfo["grid"].update(color="0.5", linewidth=0.4)
        return ax
    if not isinstance(ax, Axes):
        raise TypeError(
            f"`ax` must be a matplotlib Axes or None; got {type(ax).__name__}. Pass "
            "one of the axes that plt.subplots() returns."
        )
    if three_d != (ax.name == "3d"):
        raise ValueError(
            f"`ax` must have {3 if three_d else 2} dimensions for this {name}; got a "
            f"{type(ax).__name__}. "
            + (
                "Make it with plt.subplots(subplot_kw={'projection': '3d'})."
                if three_d
                else "Make it with plt.subplots()."
            )
        )
    if not {"top", "right"} <= set(ax.spines):
        raise ValueError(
            f"`ax` must have straight axes at right angles; got a {type(ax).__name__}. "
            "Make it with plt.subplots()."
        )
    _refuse_another(joins.removeprefix(DRAWN) if joins else name, ax, joins)
    return ax


def _refuse_another(what, ax, joins):
    """Raise where an axes holds a picture that another would make unreadable."""
    ids = {str(artist.get_gid()) for artist in ax.get_children()}
    held = sorted(i for i in ids if i.startswith(DRAWN) and i != joins)
    if held:
        raise ValueError(
            f"`ax` cannot take this {what}: it holds another picture already "
            f"({held[0].removeprefix(DRAWN)}). Pass ax=None for a new figure, or an "
            "axes for each: plt.subplots(1, 2, layout='constrained') makes two."
        )


def one_line(name):
    """Return a name as text without breaks.

    Parameters
    ----------
    name : object
        What is shown as text.

    Returns
    -------
    text : str
        Never empty.
    """
    if isinstance(name, float) and name.is_integer():
        # Whole numbers become floats where some are missing.
        name = int(name)
    return " ".join(str(name).split()) or "''"


def spelled(name):
    """Return a name as matplotlib shows it: whole, on one line.

    Parameters
    ----------
    name : object
        What is shown as text.

    Returns
    -------
    text : str
        Between dollars there is no mathematics.
    """
    return one_line(name).replace("$", r"\$")


def short(name):
    """Return a name that fits a legend: cut where it is long.

    Parameters
    ----------
    name : object
        What is shown as text.

    Returns
    -------
    short : str
        At most 24 letters, on one line; of a longer one both ends.
    """
    text = one_line(name)
    if len(text) > _MOST_LETTERS:
        # Long names often differ in their ends.
        text = f"{text[: _MOST_LETTERS - 10]}…{text[-9:]}"
    return _labelled(text)


def wrapped(name):
    """Return a name that fits a legend, whole: on several lines where it is long.

    Parameters
    ----------
    name : object
        What is shown as text.

    Returns
    -------
    lines : str
        Of at most 24 letters each.
    """
    return _labelled("\n".join(textwrap.wrap(one_line(name), _MOST_LETTERS)))


def _labelled(text):
    """Return a text that matplotlib leaves in legends, and reads letter by letter."""
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def counted(number, noun):
    """Return a number with its noun, as in "1,797 rows".

    Parameters
    ----------
    number : int
        How many.

    noun : str
        Of what, in the singular.

    Returns
    -------
    text : str
        The two of them.
    """
    plural = f"{noun}es" if noun.endswith("ss") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def set_title(ax, *lines):
    """Write a title over an axes, broken where the axes end.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.

    *lines : str
        Its lines; empty ones are left out.
    """
    from matplotlib.font_manager import FontProperties

    figure = ax.get_figure()
    size = FontProperties(size="medium").get_size_in_points()
    # The only plot of a figure may use the room above its legend too.
    share = 0.85 if len(figure.axes) == 1 else ax.get_position().width
    inches = share * figure.bbox.width / root_figure(ax).dpi
    width = max(20, int(72 * inches / (_LETTER * size)))
    wrapped = [part for line in lines for part in textwrap.wrap(line, width)]
    ax.set_title("\n".join(wrapped), loc="left", fontsize="medium")


def add_to_title(ax, what, detail):
    """Write a title that holds for all curves of an axes.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes, perhaps with a title.

    what : str
        What is shown.

    detail : str
        Of what; left out where another curve had another one.
    """
    before = " ".join(ax.get_title(loc="left").split())
    both = f"{what}: {detail}"
    set_title(ax, both if before in ("", both) else what)


def next_curve(ax):
    """Return the number of the curve that is drawn next on an axes.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.

    Returns
    -------
    number : int
        How many lines displays have marked as curves by their id.
    """
    ids = [str(line.get_gid()) for line in ax.lines]
    return sum(i.startswith(DRAWN) and i.endswith("curve") for i in ids)


def may_grow(ax):
    """Return whether `legend_beside` makes a figure higher.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.

    Returns
    -------
    may_grow : bool
        True where a display has made the figure.
    """
    return root_figure(ax) in _GROWN


def legend_beside(ax, handles, title=None):
    """Put a legend to the right of an axes, or below it: where it hides no data.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.

    handles : list of matplotlib Artist
        What is named, with labels.

    title : str, default=None
        A word on all of them.

    Returns
    -------
    legend : matplotlib Legend
        The legend: below the axes, in columns, if it is higher than these. A figure
        that a display has made grows by its height.
    """
    look = {
        "handles": handles,
        "title": title,
        "loc": "upper left",
        "borderaxespad": 0.0,
        "frameon": False,
        "fontsize": "small",
        "title_fontsize": "small",
        "alignment": "left",
    }
    figure = root_figure(ax)
    if figure in _GROWN:
        figure.set_figheight(figure.get_figheight() - _GROWN[figure])
        _GROWN[figure] = 0.0
    legend = ax.legend(bbox_to_anchor=(1.02, 1.0), **look)
    if sum(1 + handle.get_label().count("\n") for handle in handles) <= _FEW_LINES:
        return legend
    # Sizes are known only after the layout: here the one without the legend.
    legend.set_visible(False)
    figure.draw_without_rendering()
    frame, labels = ax.get_window_extent(), ax.get_tightbbox()
    legend.set_visible(True)
    if legend.get_window_extent().height <= frame.y1 - labels.y0:
        return legend
    legend = _legend_below(ax, legend, (frame.y0 - labels.y0) / figure.dpi + 0.1, look)
    if figure in _GROWN:
        _GROWN[figure] = legend.get_window_extent().height / figure.dpi
        figure.set_figheight(figure.get_figheight() + _GROWN[figure])
    return legend


def _legend_below(ax, legend, down, look):
    """Return a legend some inches below an axes, in the columns that fit there."""
    from matplotlib.transforms import ScaledTranslation

    figure = root_figure(ax)
    width, column = ax.get_window_extent().width, legend.get_window_extent().width
    # From the end of a column to that of the next.
    gap = legend.columnspacing * legend.get_texts()[0].get_fontsize() * figure.dpi / 72
    below = ScaledTranslation(0, -down, figure.dpi_scale_trans)
    return ax.legend(
        bbox_to_anchor=(0.0, 0.0),
        bbox_transform=ax.transAxes + below,
        ncols=max(1, int((width + gap) / (column + gap))),
        **look,
    )


def open_frame(ax):
    """Hide the top and right spines of an axes.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.
    """
    ax.spines[["top", "right"]].set_visible(False)
