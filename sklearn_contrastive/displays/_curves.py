"""Pictures of training and of searches, each kind of curves on a panel of its own."""

from collections import namedtuple
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._validation import shorten
from sklearn_contrastive.displays import _axes, _rows, _style

_SHARES = "kept_positive", "active_positive", "kept_negative", "active_negative"
_METRICS = "mean_positive", "mean_negative", "active_positive", "active_negative"


#: Label of an axis, its curves by name, and if any a legend's title, a mark, a band.
Panel = namedtuple("Panel", "label curves title mark band", defaults=[None, None, None])


def read(display, estimator, name, attribute, kind):
    """Return the last step of an estimator, which has results of a fit, and a name."""
    model = _rows.last_step(estimator)
    if _rows.attribute(model, "fit"):
        check_is_fitted(model)
    needed = f"{kind}, or another that keeps `{attribute}`"
    return model, _rows.name_model(display, model, name, attribute, needed)


class PanelsDisplay:
    """Curves over one quantity, each kind on a panel of its own."""

    def plot(self, ax=None, *, name=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            Empty: one for each panel, as in ``plt.subplots(3, sharex=True,
            layout="constrained")[1]``, or one for the first; None for a new figure.
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
        ax.set_ylabel(panel.label)
        several = len(panel.curves) > 1
        if x.dtype.kind == "i":
            ax.xaxis.get_major_locator().set_params(integer=True)
        for name, y in panel.curves.items():
            what, _, kind = name.partition("_")
            look = _style.style_of(int(kind == "negative"), ax)._asdict()
            look |= {"linewidth": 2, "markersize": 5, "markevery": len(x) // 12 or 1}
            if what == "kept":
                # Wide: it shows on both sides of another where they coincide.
                look |= {"linestyle": "-", "linewidth": 6, "alpha": 0.3, "marker": ""}
            label = kind if panel.title else f"{kind}, {what}" if several else None
            [self.lines_[name]] = ax.plot(x, y, label=label, **look)
            if panel.band is not None:
                look = {"color": look["color"], "alpha": 0.25, "linewidth": 0}
                self.band_ = ax.fill_between(x, y - panel.band, y + panel.band, **look)
        if several:
            ax.set_ylim(bottom=0)
            self.legends_ += [_axes.legend_beside(ax, ax.get_lines(), panel.title)]
        if panel.mark is not None:
            at, what = panel.mark
            ax.axvline(at, color=_style.ink(ax), linestyle=":", linewidth=1.4)
            # On the side with more room.
            side, shift = ("left", 5) if 2 * at <= x.min() + x.max() else ("right", -5)
            place = {"xycoords": ("data", "axes fraction"), "ha": side}
            place |= {"xytext": (shift, 0), "textcoords": "offset points"}
            ax.annotate(what, (at, 0.04), color=_style.ink(ax), **place)


@dataclass(eq=False, repr=False)
class LossCurveDisplay(PanelsDisplay):
    """Curves of training, one value per report, each kind on a panel of its own.

    The panels are the training loss; the validation score, where training stopped
    early, with its best report; and the share of the known pairs that still cost
    something, beside the share that the miner kept.

    Parameters
    ----------
    loss_curve, validation_scores : array-like of shape (n_reports,)
        Training loss; and validation scores, None without early stopping.
    mining_curve : dict of str to array-like of shape (n_reports,), default=None
        That of `ContrastiveEmbedding`; None where nothing was mined.
    name : str, default=None
        What was trained, for the title.

    Attributes
    ----------
    axes_, ax_, figure_ : matplotlib Axes and Figure
        The panels that were drawn, from the top; the first, and the figure around it.
    lines_, legends_ : dict of str to matplotlib Line2D, and list of Legend
        ``"loss"``, ``"validation_score"``, and the names in `mining_curve`; and what
        lies beside panels of several lines.
    best_report_ : int or None
        The report of the best validation score, from 1 on; the last of several.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_contrastive import ContrastiveEmbedding
    >>> from sklearn_contrastive.displays import LossCurveDisplay
    >>> model = ContrastiveEmbedding(max_iter=5, early_stopping=True, random_state=0)
    >>> model = model.fit(*load_iris(return_X_y=True))
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> len(display.axes_)
    3
    """

    loss_curve: Any
    validation_scores: Any = None
    mining_curve: dict | None = None
    name: str | None = None

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None):
        """Draw how a model was trained.

        Parameters
        ----------
        estimator : fitted ContrastiveEmbedding or ContrastiveAlignment
            Or a pipeline that ends in one.
        name : str, default=None
            What the title calls it; None for its class.
        ax : matplotlib Axes or array of them, default=None
            As in `plot`; a single axes gets the loss alone.

        Returns
        -------
        display : LossCurveDisplay
            With the data, and what was drawn.
        """
        model, name = read(cls, estimator, name, "loss_curve_", "ContrastiveEmbedding")
        scores = _rows.attribute(model, "validation_scores_")
        mining = _rows.attribute(model, "mining_curve_")
        return cls(model.loss_curve_, scores, mining, name).plot(ax)

    def _panels(self):
        """Return what curves are drawn over, its values, and the panels."""
        self.best_report_ = None
        reports = np.arange(1, len(self.loss_curve) + 1)
        panels = [Panel("training loss", {"loss": self.loss_curve})]
        if self.validation_scores is not None and len(self.validation_scores):
            scores = np.asarray(self.validation_scores)
            # Of equal scores training keeps the later.
            self.best_report_ = best = int(len(scores) - scores[::-1].argmax())
            mark = best, f"best {scores.max():.4f}, report {best}"
            curves = {"validation_score": scores}
            panels.append(Panel("validation score", curves, mark=mark))
        if self.mining_curve:
            shares = {k: 100 * np.asarray(self.mining_curve[k], float) for k in _SHARES}
            panels.append(Panel("share of pairs (%)", shares))
        return "report", reports, panels


@dataclass(eq=False, repr=False)
class MarginCurveDisplay(PanelsDisplay):
    """Curves over the margin, each kind on a panel of its own.

    The panels are the score on held-out rows, with a band of one standard error over
    folds (rather too small, since these share rows) and the chosen margin; and from the
    last batch of training the mean distances of the pairs that the miner kept, and the
    share of the known pairs that still cost something.

    Parameters
    ----------
    margins, mean_scores, standard_errors : array-like of shape (n_margins,)
        Margins, rising; mean scores over folds; and their errors, None for one fold.
    mining : dict of str to array-like of shape (n_margins,), default=None
        With ``"mean_positive"``, ``"mean_negative"``, ``"active_positive"`` and
        ``"active_negative"``; None where these are not known.
    best_margin : float, default=None
        The margin that was chosen, to be marked; None to mark none.
    name : str, default=None
        What was searched, for the title.

    Attributes
    ----------
    axes_, ax_, figure_ : matplotlib Axes and Figure
        The panels that were drawn, from the top; the first, and the figure around it.
    lines_, legends_ : dict of str to matplotlib Line2D, and list of Legend
        ``"score"``, and the names in `mining`; and beside panels of several lines.
    band_ : matplotlib PolyCollection or None
        One standard error on either side of the score.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_contrastive import ContrastiveEmbedding, ContrastiveEmbeddingCV
    >>> from sklearn_contrastive.displays import MarginCurveDisplay
    >>> model = ContrastiveEmbedding(max_iter=2, random_state=0)
    >>> search = ContrastiveEmbeddingCV(model, margins=[0.2, 0.8], cv=2, refit=False)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> display = MarginCurveDisplay.from_estimator(search)
    >>> len(display.axes_)
    3
    """

    margins: Any
    mean_scores: Any
    standard_errors: Any = None
    mining: dict | None = None
    best_margin: float | None = None
    name: str | None = None

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None):
        """Draw the results of a search over margins.

        Parameters
        ----------
        estimator : fitted ContrastiveEmbeddingCV or GridSearchCV
            With one score, or a pipeline that ends in one. Of candidates with the same
            margin the best is shown; those without a number or a score are left out.
        name : str, default=None
            What the title calls it; None for its class.
        ax : matplotlib Axes or array of them, default=None
            As in `plot`; a single axes gets the score alone.

        Returns
        -------
        display : MarginCurveDisplay
            With the data, and what was drawn.
        """
        cv, name = read(cls, estimator, name, "cv_results_", "ContrastiveEmbeddingCV")
        results, errors, mining = cv.cv_results_, None, None
        margins, chosen = _by_margin(results)
        if cv.n_splits_ > 1:
            errors = results["std_test_score"][chosen] / np.sqrt(cv.n_splits_ - 1)
        if f"mean_{_METRICS[0]}" in results:
            mining = {metric: results[f"mean_{metric}"][chosen] for metric in _METRICS}
        best = _margin_of(_rows.attribute(cv, "best_params_") or {})
        means = results["mean_test_score"][chosen]
        return cls(margins, means, errors, mining, best, name).plot(ax)

    def _panels(self):
        """Return what curves are drawn over, its values, and the panels."""
        self.band_ = mark = None
        if self.best_margin is not None:
            mark = self.best_margin, f"chosen {self.best_margin:g}"
        curves = {"score": np.asarray(self.mean_scores, dtype=float)}
        panels = [Panel("score", curves, mark=mark, band=self.standard_errors)]
        if self.mining:
            means = {key: self.mining[key] for key in _METRICS[:2]}
            active = {key: 100 * np.asarray(self.mining[key]) for key in _METRICS[2:]}
            panels.append(Panel("mean distance", means, "pairs kept"))
            panels.append(Panel("active pairs (%)", active, "pairs known"))
        return "margin", self.margins, panels


def _margin_of(params):
    """Return the margin among parameters, by whatever path it is reached."""
    found = [v for name, v in params.items() if name.split("__")[-1] == "margin"]
    # Two margins, as of the parts of a loss, have no single axis.
    number = len(found) == 1 and isinstance(found[0], Real)
    return float(found[0]) if number else None


def _by_margin(results):
    """Return the margins of a search, rising, and the best candidate of each."""
    margins = np.array([_margin_of(params) for params in results["params"]], float)
    # There is no such score where several were taken.
    scores = results.get("mean_test_score", np.full(len(margins), np.nan))
    best_first = np.lexsort([-scores, margins])
    usable = best_first[~np.isnan(margins + scores)[best_first]]
    if not len(usable):
        raise ValueError(
            "`estimator` must have tried margins that are numbers, with one score; it "
            f"tried {shorten(list(results['params']))}. Search `margin` or "
            "`loss__margin`."
        )
    margins, firsts = np.unique(margins[usable], return_index=True)
    return margins, usable[firsts]
