"""Colours, markers and line styles that differ without colour too.

The colours of a palette differ in lightness as well as in hue, for readers who see few
hues and for print in grey. There is one palette for light backgrounds and one for dark
ones; which is used follows from the background of the axes.
"""

from typing import Any, NamedTuple

import numpy as np

#: Lightness (CIE L*) from 27 to 79.
_ON_LIGHT = (
    *("#0072b0", "#e59e00", "#7a1248", "#3cd6f0", "#e04d27"),
    *("#6c9bf7", "#aa1700", "#9bc193", "#8b4d6c", "#b97c8b"),
)
#: Lightness (CIE L*) from 49 to 95.
_ON_DARK = (
    *("#a78dff", "#ffdc23", "#09952c", "#23dced", "#ed6172"),
    *("#c1ffd3", "#8461ca", "#eda700", "#2cb9b9", "#b0dc9e"),
)
# Nine beside ten colours: 90 classes before a combination comes again.
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
#: Classes whose colours differ, and whose colours or markers differ.
N_COLORS, N_STYLES = len(_ON_LIGHT), len(_ON_LIGHT) * len(_MARKERS)
_LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (8, 3)))


class Style(NamedTuple):
    """How a class or a curve looks.

    Parameters
    ----------
    color : str
        As a hexadecimal number.

    marker : str
        In matplotlib's names.

    linestyle : str or tuple
        Likewise.
    """

    color: str
    marker: str
    linestyle: Any


def background_of(ax):
    """Return the colour behind the data of an axes.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.

    Returns
    -------
    background : ndarray of shape (3,)
        Red, green and blue in [0, 1].
    """
    from matplotlib.colors import to_rgba

    behind = [ax, ax.get_figure()]
    while behind[-1].figure is not behind[-1]:
        # Parts of a figure have no colour of their own, as a rule.
        behind.append(behind[-1].figure)
    for each in behind:
        *rgb, opacity = to_rgba(each.get_facecolor())
        if opacity > 0:
            return np.array(rgb)
    return np.ones(3)


def is_dark(ax):
    """Return whether an axes has a dark background.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.

    Returns
    -------
    is_dark : bool
        Whether its luminance is below a third.
    """
    return bool(background_of(ax) @ [0.2126, 0.7152, 0.0722] < 1 / 3)


def style_of(number, ax):
    """Return how the class or curve of a number looks.

    Parameters
    ----------
    number : int
        Its place, >= 0. Styles come again after 90 classes.

    ax : matplotlib Axes
        Where it is drawn.

    Returns
    -------
    style : Style
        Colour, marker and line style.
    """
    colors = _ON_DARK if is_dark(ax) else _ON_LIGHT
    return Style(*(each[number % len(each)] for each in (colors, _MARKERS, _LINES)))


def shades(ax):
    """Return a colour map in which more stands out more from the background.

    Parameters
    ----------
    ax : matplotlib Axes
        Where it is used.

    Returns
    -------
    shades : matplotlib Colormap
        Of steadily rising or falling lightness, without the end that would vanish.
    """
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    ends = (0.25, 1.0) if is_dark(ax) else (0.88, 0.0)
    colors = colormaps["cividis"](np.linspace(*ends, 64))
    return LinearSegmentedColormap.from_list("shades", colors)


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
