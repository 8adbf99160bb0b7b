"""A picture of a search: what the margin does to score, distances and pairs."""

from numbers import Real

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive.displays._axes import (
    DRAWN,
    counted,
    legend_beside,
    open_frame,
    set_title,
    spelled,
)
from sklearn_contrastive.displays._palette import ink, style_of
from sklearn_contrastive.displays._panels import panels_for
from sklearn_contrastive.displays._points import (
    is_estimator,
    kind_said,
    last_step,
    name_of,
)

_KINDS = ("positive", "negative")
_FIGURES = [f"{what}_{kind}" for what in ("mean", "active") for kind in _KINDS]


class MarginCurveDisplay:
    r"""Curves over the margin, each kind on a panel of its own.

    Make it with `from_estimator`. The panels are the score on held-out rows, with a
    band of one standard error on either side and the chosen margin; the mean distances
    of the pairs that the miner kept; and the share of the known pairs that still cost
    something, both from the last batch of training. The standard error over k folds is

    .. math::

        \frac{1}{\sqrt{k (k - 1)}} \sqrt{\sum_{i=1}^{k} (s_i - \bar s)^2}

    with :math:`s_i` the score of a fold and :math:`\bar s` their mean. Folds share rows
    of training, so that it is rather too small.

    Parameters
    ----------
    margins : array-like of shape (n_margins,)
        Margins, rising.

    mean_scores : array-like of shape (n_margins,)
        Mean scores over folds.

    standard_errors : array-like of shape (n_margins,), default=None
        Their standard errors; None for a single fold.

    mining : dict of str to array-like of shape (n_margins,), default=None
        With ``"mean_positive"``, ``"mean_negative"``, ``"active_positive"`` and
        ``"active_negative"``; None where these are not known.

    best_margin : float, default=None
        The margin that was chosen, to be marked; None to mark none.

    name : str, default=None
        What was searched, for the title.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_panels,)
        The panels that were drawn, from the top.

    ax_ : matplotlib Axes
        The first of them, that of the score.

    figure_ : matplotlib Figure
        The figure around them.

    lines_ : dict of str to matplotlib Line2D
        ``"score"``, and the names in `mining`.

    band_ : matplotlib PolyCollection or None
        One standard error on either side of the score.

    legends_ : list of matplotlib Legend
        Beside the panels that hold several lines.

    See Also
    --------
    LossCurveDisplay : How one model was trained.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_contrastive import ContrastiveEmbedding, ContrastiveEmbeddingCV
    >>> from sklearn_contrastive.displays import MarginCurveDisplay
    >>> model = ContrastiveEmbedding(max_iter=2, random_state=0)
    >>> search = ContrastiveEmbeddingCV(model, margins=[0.2, 0.8], cv=2, refit=False)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> display = MarginCurveDisplay.from_estimator(search)
    >>> len(display.axes_)
    3
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        *,
        margins,
        mean_scores,
        standard_errors=None,
        mining=None,
        best_margin=None,
        name=None,
    ):
        self.margins = margins
        self.mean_scores = mean_scores
        self.standard_errors = standard_errors
        self.mining = mining
        self.best_margin = best_margin
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None):
        """Draw what came of a search over margins.

        Parameters
        ----------
        estimator : fitted ContrastiveEmbeddingCV or GridSearchCV
            Of candidates that have a margin, or a pipeline that ends in one. Of several
            with the same margin the best is shown. Those that failed, whose margin is
            no number, or that dropped out with ``halving=True`` are left out: scores
            after some of the epochs cannot be compared with those after all of them.

        name : str, default=None
            What the title calls it; None for its class.

        ax : matplotlib Axes or array of them, default=None
            What to draw on, empty: one for each panel, or one for the score alone; None
            for a new figure.

        Returns
        -------
        display : MarginCurveDisplay
            With the data, and what was drawn.

        Raises
        ------
        TypeError
            If `estimator` is no search with one score.
        ValueError
            If no candidate has a margin that is a number.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        search = last_step(estimator)
        if is_estimator(search):
            check_is_fitted(search)
        results = getattr(search, "cv_results_", {})
        if "mean_test_score" not in results:
            raise TypeError(
                "`estimator` must be a fitted ContrastiveEmbeddingCV, or another "
                "search that keeps `cv_results_` of one score; got "
                f"{kind_said(search)}."
            )
        margins, chosen = _by_margin(results, getattr(search, "halving", False))
        names = [f"split{fold}_test_score" for fold in range(search.n_splits_)]
        scores = np.array([results[name][chosen] for name in names])
        errors, mining = None, None
        if len(scores) > 1:
            errors = scores.std(axis=0, ddof=1) / np.sqrt(len(scores))
        if all(f"mean_{figure}" in results for figure in _FIGURES):
            mining = {figure: results[f"mean_{figure}"][chosen] for figure in _FIGURES}
        display = cls(
            margins=margins,
            mean_scores=scores.mean(axis=0),
            standard_errors=errors,
            mining=mining,
            best_margin=_margin_of(getattr(search, "best_params_", {})),
            name=name_of(search) if name is None else name,
        )
        return display.plot(ax)

    def plot(self, ax=None, *, name=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            What to draw on, empty: one for each panel, or one for the score alone; None
            for a new figure.

        name : str, default=None
            What the title calls the search; None for the `name` of the display.

        Returns
        -------
        display : MarginCurveDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there are not as many axes as panels, or one holds a picture already.
        """
        panels = [self._plot_scores]
        if self.mining:
            panels += [self._plot_distances, self._plot_active]
        with panels_for(self, ax, len(panels), "score") as self.axes_:
            self.ax_, self.figure_ = self.axes_[0], self.axes_[0].get_figure()
            self.lines_, self.legends_, self.band_ = {}, [], None
            for panel, each in zip(panels, self.axes_, strict=False):
                panel(each)
                open_frame(each)
            self.axes_[-1].set_xlabel("margin")
            name = self.name if name is None else name
            margins = counted(len(self.margins), "margin")
            set_title(self.ax_, f"{spelled(name)}: {margins}" if name else margins)
        return self

    def _plot(self, ax, what, values, number, **kw):
        """Draw one curve."""
        style = style_of(number, ax)
        [self.lines_[what]] = ax.plot(
            self.margins,
            values,
            color=style.color,
            linestyle=style.linestyle,
            marker=style.marker,
            linewidth=2,
            markersize=5,
            **kw,
            gid=DRAWN + type(self).__name__,
        )

    def _plot_scores(self, ax):
        """Draw scores with their band, and a line at the chosen margin."""
        means = np.asarray(self.mean_scores, dtype=float)
        self._plot(ax, "score", means, 0)
        if self.standard_errors is not None:
            color = self.lines_["score"].get_color()
            errors = np.asarray(self.standard_errors, dtype=float)
            low, high = means - errors, means + errors
            self.band_ = ax.fill_between(
                self.margins, low, high, color=color, alpha=0.25, linewidth=0
            )
        ax.set_ylabel("score")
        best = self.best_margin
        if best is None:
            return
        ax.axvline(best, color=ink(ax), linestyle=":", linewidth=1.4)
        early = best <= np.mean([np.min(self.margins), np.max(self.margins)])
        ax.annotate(
            f"chosen {best:g}",
            (best, 0.04),
            xycoords=("data", "axes fraction"),
            xytext=(5 if early else -5, 0),
            textcoords="offset points",
            ha="left" if early else "right",
            color=ink(ax),
        )

    def _plot_distances(self, ax):
        """Draw mean distances of pairs, both kinds from zero on."""
        for number, kind in enumerate(_KINDS):
            name = f"mean_{kind}"
            self._plot(ax, name, self.mining[name], number, label=kind)
        ax.set_ylabel("mean distance")
        ax.set_ylim(bottom=0)
        self.legends_.append(legend_beside(ax, ax.get_lines(), "pairs kept"))

    def _plot_active(self, ax):
        """Draw shares of pairs that still cost something."""
        for number, kind in enumerate(_KINDS):
            shares = 100 * np.asarray(self.mining[f"active_{kind}"], dtype=float)
            self._plot(ax, f"active_{kind}", shares, number, label=kind)
        ax.set_ylabel("active pairs (%)")
        ax.set_ylim(bottom=0)
        self.legends_.append(legend_beside(ax, ax.get_lines(), "pairs known"))


def _margin_of(params):
    """Return the margin among parameters, by whatever path it is reached."""
    found = [v for name, v in params.items() if name.split("__")[-1] == "margin"]
    # Two margins, as of the parts of a loss, have no single axis.
    number = len(found) == 1 and isinstance(found[0], Real)
    return float(found[0]) if number else None


def _by_margin(results, halving):
    """Return the margins of a search, rising, and the best candidate of each."""
    scores, best = results["mean_test_score"], {}
    stayed = np.ones(len(scores), dtype=bool)
    if halving is True:
        stayed = results["mean_n_iter"] == np.nanmax(results["mean_n_iter"])
    for place, params in enumerate(results["params"]):
        margin = _margin_of(params)
        if margin is None or np.isnan(scores[place]) or not stayed[place]:
            continue
        if margin not in best or scores[place] > scores[best[margin]]:
            best[margin] = place
    if not best:
        raise ValueError(
            "`estimator` must have tried margins that are numbers; it tried "
            f"{list(results['params'])[:3]}. Search `margin` or `loss__margin`."
        )
    rising = sorted(best)
    return np.array(rising), np.array([best[margin] for margin in rising])
