"""Axes to draw on, with titles, legends and labels that do not hide data."""

import textwrap

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from sklearn_contrastive.displays._palette import background_of

#: Letters of a name that are shown, and the mean width of one in font sizes.
_MOST_LETTERS, _LETTER = 24, 0.55
#: The id of lines that are counted by `next_curve`.
CURVE = "sklearn_contrastive curve"


def axes_for(display, ax, three_d=False):
    """Return the axes given, or those of a new figure.

    Parameters
    ----------
    display : object
        Who asks, for messages.

    ax : matplotlib Axes or None
        What the user gave.

    three_d : bool, default=False
        Whether the axes must have three dimensions.

    Returns
    -------
    ax : matplotlib Axes
        In a figure with constrained layout, where it is new.

    Raises
    ------
    ImportError
        Without matplotlib.
    TypeError, ValueError
        If `ax` is no axes, or has another number of dimensions.
    """
    name = type(display).__name__
    check_matplotlib_support(f"{name}.plot")
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    if ax is None:
        if not three_d:
            return plt.subplots(layout="constrained")[1]
        # A grid that can be seen on light and dark panes, and does not stand out.
        with plt.rc_context({"grid.color": "0.5", "grid.linewidth": 0.4}):
            figure = plt.figure(layout="constrained")
            return figure.add_subplot(projection="3d")
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
    return ax


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
    if isinstance(name, float) and name.is_integer():
        # Whole numbers become floats where some are missing.
        name = int(name)
    text = " ".join(str(name).split()) or "''"
    if len(text) > _MOST_LETTERS:
        # Long names often differ in their ends.
        text = f"{text[: _MOST_LETTERS - 10]}…{text[-9:]}"
    # Matplotlib leaves entries with an underscore in front out of legends, and reads
    # what is between dollars as mathematics.
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
    inches = share * figure.get_figwidth()
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
        How many lines there are that were given the id `CURVE`.
    """
    return sum(line.get_gid() == CURVE for line in ax.lines)


def legend_beside(ax, handles, title=None):
    """Put a legend to the right of an axes, where it hides no data.

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
        The legend.
    """
    return ax.legend(
        handles=handles,
        title=title,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0.0,
        frameon=False,
        fontsize="small",
        title_fontsize="small",
        alignment="left",
    )


def colorbar_beside(ax, shown, label):
    """Put a colour bar to the right of an axes.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.

    shown : matplotlib ScalarMappable
        Whose colours are explained.

    label : str
        What they mean.

    Returns
    -------
    colorbar : matplotlib Colorbar
        The colour bar.
    """
    from matplotlib.colors import LogNorm

    plain = "{x:,.0f}" if isinstance(shown.norm, LogNorm) else None
    colorbar = ax.get_figure().colorbar(
        shown, ax=ax, label=label, fraction=0.05, format=plain
    )
    colorbar.outline.set_visible(False)
    return colorbar


def ink(ax):
    """Return the colour in which an axes is labelled.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.

    Returns
    -------
    color : color
        In which text and neutral lines can be read.
    """
    return ax.xaxis.label.get_color()


def faint(ax, strength):
    """Return a colour between background and labels of an axes.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.

    strength : float
        In [0, 1]: 0 for the background, 1 for the colour of labels.

    Returns
    -------
    color : ndarray of shape (3,)
        Red, green and blue in [0, 1].
    """
    from matplotlib.colors import to_rgb

    front = np.array(to_rgb(ink(ax)))
    return strength * front + (1 - strength) * background_of(ax)


def halo(ax):
    """Return an outline in the colour of the background, for text over data.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.

    Returns
    -------
    effects : list of path effects
        As ``path_effects`` takes it.
    """
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=2.5, foreground=background_of(ax))]


def open_frame(ax):
    """Hide the top and right spines of an axes.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.
    """
    ax.spines[["top", "right"]].set_visible(False)


def equal_scales(ax):
    """Let a unit be as long in one direction as in the others.

    Parameters
    ----------
    ax : matplotlib Axes
        In two or three dimensions.
    """
    if ax.name == "3d":
        from matplotlib.ticker import MaxNLocator

        for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
            axis.set_major_locator(MaxNLocator(5))
            axis.set_pane_color(faint(ax, 0.06))
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


def settle(ax):
    """Lay out the figure of an axes with equal scales once, ahead of drawing.

    Its limits follow its size, its tick labels follow the limits, and the room that is
    left for them was that of the labels before.

    Parameters
    ----------
    ax : matplotlib Axes
        With all that belongs to it.
    """
    ax.get_figure().draw_without_rendering()
