"""Displays of several panels over one quantity."""

import numpy as np

from sklearn_contrastive.displays import _axes
from sklearn_contrastive.displays._style import ink, style_of


class PanelsDisplay:
    """Curves over one quantity, each kind on a panel of its own."""

    #: What the curves are drawn over, and its values.
    _over: str
    _values: np.ndarray

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
        _axes.require_matplotlib(f"{type(self).__name__}.plot")
        panels = self._panels()
        with _axes.panels_on(self, ax, len(panels)) as self.axes_:
            self.ax_, self.figure_ = self.axes_[0], self.axes_[0].get_figure()
            self.lines_, self.legends_ = {}, []
            for panel, each in zip(panels, self.axes_, strict=False):
                panel(each)
                _axes.open_frame(each)
            self.axes_[-1].set_xlabel(self._over)
            what = _axes.counted(len(self._values), self._over)
            _axes.set_title(self.ax_, self.name if name is None else name, what)
        return self

    def _plot(self, ax, what, values, number=0, label=None, look=None):
        """Draw one curve, with a dozen marks at most."""
        color, marker, linestyle = style_of(number, ax)
        default = {"linestyle": linestyle, "linewidth": 2, "marker": marker}
        [self.lines_[what]] = ax.plot(
            self._values,
            values,
            color=color,
            markersize=5,
            markevery=max(1, len(values) // 12),
            label=label,
            gid=_axes.DRAWN + type(self).__name__,
            **{**default, **(look or {})},
        )

    def _plot_shares(self, ax, metrics, what, number, label, look=None):
        """Draw shares of pairs in percent."""
        values = 100 * np.asarray(metrics[what], dtype=float)
        self._plot(ax, what, values, number, label, look)

    def _name_lines(self, ax, y_label, title=None):
        """Name the lines of a panel that begins at zero."""
        ax.set_ylabel(y_label)
        ax.set_ylim(bottom=0)
        self.legends_.append(_axes.legend_beside(ax, ax.get_lines(), title))

    def _mark(self, ax, at, what):
        """Draw a line at the best value, with its label on the side with more room."""
        ax.axvline(at, color=ink(ax), linestyle=":", linewidth=1.4)
        left = at <= np.mean([np.min(self._values), np.max(self._values)])
        ax.annotate(
            what,
            (at, 0.04),
            xycoords=("data", "axes fraction"),
            xytext=(5 if left else -5, 0),
            textcoords="offset points",
            ha="left" if left else "right",
            color=ink(ax),
        )
