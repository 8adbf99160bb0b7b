"""Markers and colours that differ in grey and for every eye; matplotlib's do not."""

from collections import namedtuple

import numpy as np

#: For light and for dark backgrounds: lightness (CIE L*) from 27 to 79, and 49 to 95.
_ON_LIGHT = (
    *("#0072b0", "#e59e00", "#7a1248", "#3cd6f0", "#e04d27"),
    *("#6c9bf7", "#aa1700", "#9bc193", "#8b4d6c", "#b97c8b"),
)
_ON_DARK = (
    *("#a78dff", "#ffdc23", "#09952c", "#23dced", "#ed6172"),
    *("#c1ffd3", "#8461ca", "#eda700", "#2cb9b9", "#b0dc9e"),
)
# Nine beside ten colours: 90 classes before a combination comes again.
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
_LINES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (8, 3)))
#: Classes whose colours differ, and whose colours or markers differ.
N_COLORS, N_STYLES = len(_ON_LIGHT), len(_ON_LIGHT) * len(_MARKERS)
#: Of a class or a curve.
Style = namedtuple("Style", "color marker linestyle")


def style_of(number, ax):
    """Return the style of a class or a curve by its number, from 0 on."""
    colors = _ON_DARK if is_dark(ax) else _ON_LIGHT
    return Style(*(each[number % len(each)] for each in (colors, _MARKERS, _LINES)))


def background_of(ax):
    """Return red, green and blue, in [0, 1], of what lies behind the data."""
    from matplotlib.colors import to_rgba

    figure = ax.get_figure()
    # Parts of a figure have no colour of their own, as a rule.
    behind = [to_rgba(x.get_facecolor()) for x in (ax, figure, figure.canvas.figure)]
    return np.array(next((rgb for *rgb, opacity in behind if opacity > 0), np.ones(3)))


def is_dark(ax):
    """Return whether the luminance of the background is below a third."""
    return bool(background_of(ax) @ [0.2126, 0.7152, 0.0722] < 1 / 3)


def shades(ax):
    """Return a colour map in which more stands out more from the background."""
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    # Without the end that would vanish.
    ends = (0.25, 1.0) if is_dark(ax) else (0.88, 0.0)
    colors = colormaps["cividis"](np.linspace(*ends, 64))
    return LinearSegmentedColormap.from_list("shades", colors)


def ink(ax):
    """Return the colour in which an axes is labelled."""
    return ax.xaxis.label.get_color()


def faint(ax, strength, color=None):
    """Return a colour, by default that of labels, mixed with the background, at 0."""
    from matplotlib.colors import to_rgb

    rgb = to_rgb(ink(ax)) if color is None else color
    return strength * np.array(rgb) + (1 - strength) * background_of(ax)


def over_data(ax):
    """Return the look of text over data: outlined in the background's colour."""
    from matplotlib.patheffects import withStroke

    outline = withStroke(linewidth=2.5, foreground=background_of(ax))
    return {"color": ink(ax), "path_effects": [outline]}
