"""A picture of a search: what the margin does to score, distances and pairs."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from sklearn_contrastive.displays import _rows
from sklearn_contrastive.displays._panels import Panel, PanelsDisplay, fitted

_METRICS = "mean_positive", "mean_negative", "active_positive", "active_negative"


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
    >>> from sklearn_contrastive.displays import MarginCurveDisplay
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
        what = "ContrastiveEmbeddingCV, or another search that keeps `cv_results_`"
        what, key = f"{what} of one score", "mean_test_score"
        search = fitted(cls, estimator, "cv_results_", what, key)
        results = search.cv_results_
        margins, chosen = _by_margin(results)
        names = [f"split{fold}_test_score" for fold in range(search.n_splits_)]
        scores = np.array([results[name][chosen] for name in names])
        errors, mining = None, None
        if len(scores) > 1:
            errors = scores.std(axis=0, ddof=1) / np.sqrt(len(scores))
        if f"mean_{_METRICS[0]}" in results:
            mining = {metric: results[f"mean_{metric}"][chosen] for metric in _METRICS}
        best = _margin_of(_rows.attribute(search, "best_params_") or {})
        name = _rows.name_of(search, name)
        means = scores.mean(axis=0)
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
    scores, best = results["mean_test_score"], {}
    for place in np.argsort(-scores, kind="stable"):
        margin = _margin_of(results["params"][place])
        if margin is not None and not np.isnan(scores[place]):
            best.setdefault(margin, place)
    if not best:
        raise ValueError(
            "`estimator` must have tried margins that are numbers; it tried "
            f"{list(results['params'])[:3]}. Search `margin` or `loss__margin`."
        )
    rising = sorted(best)
    return np.array(rising), np.array([best[margin] for margin in rising])
