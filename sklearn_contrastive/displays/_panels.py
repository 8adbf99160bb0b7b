"""Displays of several panels over one quantity."""

from typing import NamedTuple

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive.displays import _axes, _rows
from sklearn_contrastive.displays._style import ink, style_of


class Panel(NamedTuple):
    """Curves by name, with the label of their axis, and what is drawn beside them.

    That is the title of a legend, a value to mark and its label, and errors.
    """

    y_label: str
    curves: dict
    title: str | None = None
    mark: tuple | None = None
    errors: np.ndarray | None = None


def fitted(display, estimator, attribute, what, key=None):
    """Return the last step of an estimator, which must have an attribute of a fit."""
    check_matplotlib_support(f"{display.__name__}.from_estimator")
    model = _rows.last_step(estimator)
    if _rows.attribute(model, "fit"):
        check_is_fitted(model)
    found = _rows.attribute(model, attribute)
    if found is None or (key and key not in found):
        raise TypeError(
            f"`estimator` must be a fitted {what}; got {_rows.kind_of(model)}."
        )
    return model


class PanelsDisplay:
    """Curves over one quantity, each kind on a panel of its own."""

    def plot(self, ax=None, *, name=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            What to draw on, empty: one for each panel, as in ``plt.subplots(3,
            sharex=True, layout="constrained")[1]``, or one for the first alone; None
            for a new figure.
        name : str, default=None
            What the title calls the estimator; None for the `name` of the display.

        Returns
        -------
        display : object
            The display itself.
        """
        over, values, panels = self._panels()
        with _axes.drawing_on(self, ax, n_panels=len(panels)) as self.axes_:
            self.lines_, self.legends_ = {}, []
            for panel, each in zip(panels, self.axes_, strict=False):
                self._plot_panel(each, np.asarray(values), panel)
            self.axes_[-1].set_xlabel(over)
            what = _axes.counted(len(values), over)
            _axes.set_title(self.ax_, self.name if name is None else name, what)
        return self

    def _plot_panel(self, ax, x, panel):
        """Draw the curves of a panel, with a dozen marks at most, and name several."""
        ax.set_ylabel(panel.y_label)
        several = len(panel.curves) > 1
        if x.dtype.kind == "i":
            ax.xaxis.get_major_locator().set_params(integer=True)
        for name, y in panel.curves.items():
            what, _, kind = name.partition("_")
            color, marker, line = style_of(int(kind == "negative"), ax)
            look = {"linestyle": line, "linewidth": 2, "marker": marker}
            if what == "kept":
                # Wide: it shows on both sides of another where they coincide.
                look = {"linestyle": "-", "linewidth": 6, "alpha": 0.3, "marker": ""}
            look |= {"markersize": 5, "markevery": max(1, len(x) // 12)}
            label = kind if panel.title else f"{kind}, {what}" if several else None
            [self.lines_[name]] = ax.plot(x, y, color=color, label=label, **look)
            if panel.errors is not None:
                ends = np.subtract(y, panel.errors), np.add(y, panel.errors)
                look = {"color": color, "alpha": 0.25, "linewidth": 0}
                self.band_ = ax.fill_between(x, *ends, **look)
        if several:
            ax.set_ylim(bottom=0)
            legend = _axes.legend_beside(ax, ax.get_lines(), panel.title)
            self.legends_.append(legend)
        if panel.mark is not None:
            at, what = panel.mark
            ax.axvline(at, color=ink(ax), linestyle=":", linewidth=1.4)
            # On the side with more room.
            shift, side = (
                (5, "left") if at <= (x.min() + x.max()) / 2 else (-5, "right")
            )
            place = {"xycoords": ("data", "axes fraction"), "ha": side}
            place |= {"xytext": (shift, 0), "textcoords": "offset points"}
            ax.annotate(what, (at, 0.04), color=ink(ax), **place)
