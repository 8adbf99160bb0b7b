"""Pictures of training and of searches, each kind of curves on a panel of its own."""

from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._validation import shorten
from sklearn_contrastive.displays import _axes, _rows
from sklearn_contrastive.displays._style import ink, style_of

_SHARES = "kept_positive", "active_positive", "kept_negative", "active_negative"
_METRICS = "mean_positive", "mean_negative", "active_positive", "active_negative"


class Panel(NamedTuple):
    """Curves by name, with the label of their axis, and what is drawn beside them.

    That is the title of a legend, a value to mark and its label, and errors.
    """

    y_label: str
    curves: dict
    title: str | None = None
    mark: tuple | None = None
    errors: np.ndarray | None = None


def fitted(display, estimator, attribute, what):
    """Return the last step of an estimator, which must have an attribute of a fit."""
    model = _rows.last_step(estimator)
    if _rows.attribute(model, "fit"):
        check_is_fitted(model)
    _rows.require(display, model, attribute, what)
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
                ends, look = (y - panel.errors, y + panel.errors), {"linewidth": 0}
                self.band_ = ax.fill_between(x, *ends, color=color, alpha=0.25, **look)
        if several:
            ax.set_ylim(bottom=0)
            self.legends_ += [_axes.legend_beside(ax, ax.get_lines(), panel.title)]
        if panel.mark is not None:
            at, what = panel.mark
            ax.axvline(at, color=ink(ax), linestyle=":", linewidth=1.4)
            # On the side with more room.
            side, shift = ("left", 5) if 2 * at <= x.min() + x.max() else ("right", -5)
            place = {"xycoords": ("data", "axes fraction"), "ha": side}
            place |= {"xytext": (shift, 0), "textcoords": "offset points"}
            ax.annotate(what, (at, 0.04), color=ink(ax), **place)


@dataclass(eq=False, repr=False)
class LossCurveDisplay(PanelsDisplay):
    """Curves of training, one value per epoch, each kind on a panel of its own.

    The panels are the training loss; the validation score, where training stopped
    early, with its best epoch; and the share of the known pairs that still cost
    something, beside the share that the miner kept.

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs,)
        Training loss.
    validation_scores : array-like of shape (n_epochs,), default=None
        Validation scores; None without early stopping.
    mining_curve : dict of str to array-like of shape (n_epochs,), default=None
        With ``"kept_positive"``, ``"kept_negative"``, ``"active_positive"`` and
        ``"active_negative"``; None where nothing was mined.
    name : str, default=None
        What was trained, for the title.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_panels,)
        The panels that were drawn, from the top.
    ax_, figure_ : matplotlib Axes and Figure
        The first panel, that of the loss, and the figure around it.
    lines_ : dict of str to matplotlib Line2D
        ``"loss"``, ``"validation_score"``, and the names in `mining_curve`.
    best_epoch_ : int or None
        The epoch of the best validation score, from 1 on; the last of several.
    legends_ : list of matplotlib Legend
        Beside the panels that hold several lines.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_contrastive import ContrastiveEmbedding
    >>> from sklearn_contrastive._validation import shorten
    from sklearn_contrastive.displays import LossCurveDisplay
    >>> model = ContrastiveEmbedding(max_iter=5, early_stopping=True, random_state=0)
    >>> model = model.fit(*load_iris(return_X_y=True))
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> len(display.axes_)
    3
    >>> plt.close(display.figure_)
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
        needed = "ContrastiveEmbedding, or another that keeps `loss_curve_`"
        model = fitted(cls, estimator, "loss_curve_", needed)
        scores = _rows.attribute(model, "validation_scores_")
        mining = _rows.attribute(model, "mining_curve_")
        name = _rows.name_of(model, name)
        return cls(model.loss_curve_, scores, mining, name).plot(ax)

    def _panels(self):
        """Return what curves are drawn over, its values, and the panels."""
        self.best_epoch_ = None
        epochs = np.arange(1, len(self.loss_curve) + 1)
        panels = [Panel("training loss", {"loss": self.loss_curve})]
        if self.validation_scores is not None and len(self.validation_scores):
            scores = np.asarray(self.validation_scores)
            # Of equal scores training keeps the later.
            self.best_epoch_ = best = int(len(scores) - scores[::-1].argmax())
            mark = best, f"best {scores.max():.4f}, epoch {best}"
            curves = {"validation_score": scores}
            panels.append(Panel("validation score", curves, mark=mark))
        if self.mining_curve:
            shares = {k: 100 * np.asarray(self.mining_curve[k], float) for k in _SHARES}
            panels.append(Panel("share of pairs (%)", shares))
        return "epoch", epochs, panels


@dataclass(eq=False, repr=False)
class MarginCurveDisplay(PanelsDisplay):
    """Curves over the margin, each kind on a panel of its own.

    The panels are the score on held-out rows, with a band of one standard error over
    folds on either side and the chosen margin; the mean distances of the pairs that the
    miner kept; and the share of the known pairs that still cost something, both from
    the last batch of training. Folds share rows of training: the standard error is
    rather too small.

    Parameters
    ----------
    margins, mean_scores : array-like of shape (n_margins,)
        Margins, rising, and their mean scores over folds.
    standard_errors : array-like of shape (n_margins,), default=None
        Those of the mean scores; None for a single fold.
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
    ax_, figure_ : matplotlib Axes and Figure
        The first panel, that of the score, and the figure around it.
    lines_ : dict of str to matplotlib Line2D
        ``"score"``, and the names in `mining`.
    band_ : matplotlib PolyCollection or None
        One standard error on either side of the score.
    legends_ : list of matplotlib Legend
        Beside the panels that hold several lines.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_contrastive import ContrastiveEmbedding, ContrastiveEmbeddingCV
    >>> from sklearn_contrastive._validation import shorten
    from sklearn_contrastive.displays import MarginCurveDisplay
    >>> model = ContrastiveEmbedding(max_iter=2, random_state=0)
    >>> search = ContrastiveEmbeddingCV(model, margins=[0.2, 0.8], cv=2, refit=False)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> display = MarginCurveDisplay.from_estimator(search)
    >>> len(display.axes_)
    3
    >>> plt.close(display.figure_)
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
            With one score, or a pipeline that ends in one. Of several candidates with
            the same margin the best is shown. Those that failed, or whose margin is no
            number, are left out.
        name : str, default=None
            What the title calls it; None for its class.
        ax : matplotlib Axes or array of them, default=None
            As in `plot`; a single axes gets the score alone.

        Returns
        -------
        display : MarginCurveDisplay
            With the data, and what was drawn.
        """
        needed = "ContrastiveEmbeddingCV, or another search that keeps `cv_results_`"
        search = fitted(cls, estimator, "cv_results_", needed)
        results, errors, mining = search.cv_results_, None, None
        margins, chosen = _by_margin(results)
        if search.n_splits_ > 1:
            errors = results["std_test_score"][chosen] / np.sqrt(search.n_splits_ - 1)
        if f"mean_{_METRICS[0]}" in results:
            mining = {metric: results[f"mean_{metric}"][chosen] for metric in _METRICS}
        best = _margin_of(_rows.attribute(search, "best_params_") or {})
        name = _rows.name_of(search, name)
        means = results["mean_test_score"][chosen]
        return cls(margins, means, errors, mining, best, name).plot(ax)

    def _panels(self):
        """Return what curves are drawn over, its values, and the panels."""
        self.band_ = mark = None
        if self.best_margin is not None:
            mark = self.best_margin, f"chosen {self.best_margin:g}"
        curves = {"score": np.asarray(self.mean_scores, dtype=float)}
        panels = [Panel("score", curves, mark=mark, errors=self.standard_errors)]
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
    # There is none where several scores were taken.
    scores, best = results.get("mean_test_score", np.array([])), {}
    for place in np.argsort(-scores, kind="stable"):
        margin = _margin_of(results["params"][place])
        if margin is not None and not np.isnan(scores[place]):
            best.setdefault(margin, place)
    if not best:
        raise ValueError(
            "`estimator` must have tried margins that are numbers, with one score; it "
            f"tried {shorten(list(results['params']))}. Search `margin` or "
            "`loss__margin`."
        )
    rising = sorted(best)
    return np.array(rising), np.array([best[margin] for margin in rising])
