"""Axes to draw on: validated or new, with titles and legends that hide no data."""

import textwrap
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from weakref import WeakKeyDictionary

import numpy as np

from sklearn_contrastive.displays._style import faint, style_of

#: Letters in a line of a name, and the mean width of a letter in font sizes.
_MOST_LETTERS, _LETTER = 24, 0.55
#: Figures that displays have made, with their widths before legends widened them.
_WIDTHS: WeakKeyDictionary = WeakKeyDictionary()
#: What displays have drawn, by the background of the axes: new after `Axes.clear`.
_PICTURES: WeakKeyDictionary = WeakKeyDictionary()


def check_matplotlib(caller):
    """Raise where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        install = "pip install 'sklearn_contrastive[plot]'"
        raise ImportError(f"{caller} requires matplotlib: {install}")


@contextmanager
def drawing_on(display, ax, *, projection="rectilinear", joins=None, n_panels=1):
    """Yield axes for the panels of a display, validated or new; errors close these."""
    check_matplotlib(f"{type(display).__name__}.plot")
    import matplotlib.pyplot as plt

    picture = joins or type(display).__name__
    with ExitStack() as on_error:
        if ax is None:
            look = {"layout": "constrained", "subplot_kw": {"projection": projection}}
            figure, ax = plt.subplots(n_panels, sharex=True, **look)
            on_error.callback(plt.close, figure)
            _WIDTHS[figure] = figure.get_figwidth()
            figure.set_figheight(figure.get_figheight() + 0.9 * (n_panels - 1))
        axes = np.ravel(np.asarray(ax, dtype=object))
        for each in axes:
            _validate_axes(each, picture, projection, joins)
        if len(axes) not in (1, n_panels):
            raise ValueError(
                f"`ax` must hold one axes for each of the {n_panels} panels, or a "
                f"single one for the first; got {len(axes)}."
            )
        for each in axes:
            each.spines[["top", "right"]].set_visible(False)
        display.ax_, display.figure_ = axes[0], axes[0].get_figure()
        yield axes
        if axes[0].get_aspect() != "auto":
            # The room for tick labels is that of the last layout, which moves limits.
            root_figure(axes[0]).draw_without_rendering()
        on_error.pop_all()
    _PICTURES.update((each.patch, picture) for each in axes)


def _validate_axes(ax, picture, projection, joins):
    """Raise for axes of another kind, or with a picture that cannot be joined."""
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes) or ax.name != projection:
        raise TypeError(
            f"`ax` must be None or a matplotlib Axes, for this {picture} one from "
            f"plt.figure().add_subplot(projection={projection!r}); got {type(ax)}."
        )
    other = _PICTURES.get(ax.patch)
    if other not in (None, joins):
        raise ValueError(
            f"`ax` cannot take this {picture}: it holds another picture already "
            f"({other}). Pass None, or one of plt.subplots(1, 2, layout='constrained')."
        )


def one_line(name):
    """Return a name as text without breaks, never empty."""
    # Whole numbers become floats where some are missing.
    whole = isinstance(name, float) and name.is_integer()
    return " ".join(str(int(name) if whole else name).split()) or "''"


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
    return ax.get_figure().canvas.figure


def set_title(ax, name, what, *lines):
    """Write a title, led by a name where there is one, broken where the axes end."""
    from matplotlib import rcParams

    figure = ax.get_figure()
    # The only plot of a figure may use the room above its legend too.
    share = 0.85 if len(figure.axes) == 1 else ax.get_position().width
    points = 72 * share * figure.bbox.width / figure.dpi
    width = max(20, int(points / (_LETTER * rcParams["font.size"])))
    what = f"{_literal(one_line(name))}: {what}" if name else what[0].upper() + what[1:]
    broken = [part for line in (what, *lines) for part in textwrap.wrap(line, width)]
    ax.set_title("\n".join(broken), loc="left", fontsize="medium")


def legend_beside(ax, handles, title=None):
    """Put a legend to the right of an axes, in columns that are about as high."""
    look = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.0), "borderaxespad": 0.0}
    look |= {"fontsize": "small", "title_fontsize": "small", "alignment": "left"}
    look |= {"handles": handles, "title": title, "frameon": False, "columnspacing": 1.0}
    legend = ax.legend(**look)
    box, frame = legend.get_window_extent(), ax.get_window_extent()
    # The layout will give the axes of a new figure about a seventh more.
    legend = ax.legend(ncols=int(np.ceil(box.height / (1.15 * frame.height))), **look)
    if may_widen(ax):
        figure = root_figure(ax)
        more = (legend.get_window_extent().width - box.width) / figure.dpi
        figure.set_figwidth(_WIDTHS[figure] + more)
    return legend


def may_widen(ax):
    """Return whether a legend widens the figure: where a display has made it."""
    return root_figure(ax) in _WIDTHS


def label_components(ax, n_components, share):
    """Name the axes of components; return the title's line on a projection, or ""."""
    axes = "xyz"[: 3 if ax.name == "3d" else min(2, n_components)]
    word = "component" if share is None else "principal component"
    ax.set(**{f"{axis}label": f"{word} {i}" for i, axis in enumerate(axes, start=1)})
    what = f"first {len(axes)} of {n_components} principal components"
    return "" if share is None else f"{what}, {100 * share:.0f} % of the variance"


def equal_scales(ax):
    """Let a unit be as long in one direction as in the others."""
    if ax.name == "3d":
        ax.locator_params(nbins=5, steps=[1, 2, 4, 5, 10])
        for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
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


def name_curves(ax, what, detail):
    """Title all curves of an axes, without a detail that differs; return the legend."""
    before, both = " ".join(ax.get_title(loc="left").split()), f"{what}: {detail}"
    set_title(ax, None, both if before in ("", both) else what)
    named = [line for line in ax.lines if not line.get_label().startswith("_")]
    return legend_beside(ax, named) if named else None
