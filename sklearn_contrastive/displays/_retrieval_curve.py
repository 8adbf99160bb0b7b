"""A picture of how well nearest neighbours are of one class."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils._plotting import _validate_style_kwargs

from sklearn_contrastive.displays import _axes, _rows
from sklearn_contrastive.metrics._queries import prepare
from sklearn_contrastive.metrics._ranking import nearest_hits

_CURVE = "retrieval curve"


@dataclass(eq=False, repr=False)
class RetrievalCurveDisplay:
    r"""Recall and precision among the k nearest rows, for every k.

    Each row is looked up among all others. *Recall@k* is the share of rows that find at
    least one of their class among the k nearest, *precision@k* the mean share of their
    class among these:

    .. math::

        \mathrm{recall@}k = \frac{1}{n} \sum_i \max_{j \in N_k(i)} [y_j = y_i], \qquad
        \mathrm{precision@}k
        = \frac{1}{nk} \sum_i \sum_{j \in N_k(i)} [y_j = y_i]

    with :math:`N_k(i)` the k nearest of row i and n the number of rows that are looked
    up. Rows that are alone of their class have nothing to find and are left out. Of
    rows at the same distance those of other classes come first.

    Parameters
    ----------
    k : array-like of int of shape (n_k,)
        Numbers of neighbours.
    recall, precision : array-like of shape (n_k,)
        Shares in [0, 1].
    n_queries, n_rows : int, default=None
        Rows that were looked up, and rows that there are, for the title.
    name : str, default=None
        What the legend calls the embedding.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        What was drawn on.
    recall_line_, precision_line_ : matplotlib Line2D
        The curves.
    legend_ : matplotlib Legend
        The names of all curves of the axes.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn_contrastive.displays import RetrievalCurveDisplay
    >>> Z, y = [[0.0], [1.0], [3.0], [3.5]], ["a", "b", "a", "b"]
    >>> display = RetrievalCurveDisplay.from_embedding(Z, y)
    >>> display.recall
    array([0. , 0.5, 1. ])
    >>> plt.close(display.figure_)
    """

    k: Any
    recall: Any
    precision: Any
    n_queries: int | None = None
    n_rows: int | None = None
    name: str | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        max_k=100,
        max_queries=5_000,
        random_state=None,
        name=None,
        ax=None,
        line_kw=None,
    ):
        """Embed rows, look each up among the others, and draw the curves.

        Parameters
        ----------
        estimator : fitted transformer
            Or a pipeline that ends in one.
        X : array-like of shape (n_samples, n_features)
            Rows; best ones that were not trained on.
        y : array-like of shape (n_samples,)
            Their class labels, two of a class at least.
        max_k : int, default=100
            The largest number of neighbours, >= 1; at most all others.
        max_queries : int, default=5_000
            How many rows to look up, drawn at random where there are more, >= 1. All
            rows can be found.
        random_state : int, RandomState instance or None, default=None
            Determines which are drawn.
        name : str, default=None
            What the legend calls the embedding; None for the class of the estimator.
        ax : matplotlib Axes, default=None
            What to draw on, perhaps with curves of other embeddings, in a figure with
            ``layout="constrained"``; None for a new figure.
        line_kw : dict, default=None
            Keywords of matplotlib's `plot` for both curves.

        Returns
        -------
        display : RetrievalCurveDisplay
            With the data, and what was drawn.
        """
        Z, name = _rows.embed(cls, estimator, X, name)
        kw = {"max_k": max_k, "max_queries": max_queries, "random_state": random_state}
        return cls.from_embedding(Z, y, **kw, name=name, ax=ax, line_kw=line_kw)

    @classmethod
    @_rows.validated
    def from_embedding(
        cls,
        Z,
        y,
        *,
        max_k=100,
        max_queries=5_000,
        random_state=None,
        name=None,
        ax=None,
        line_kw=None,
    ):
        """Look up rows that are embedded already, and draw the curves.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_components)
            Points, two at least, all finite.
        y, max_k, max_queries, random_state, name, ax, line_kw : object
            As in `from_estimator`; without a name curves have none.

        Returns
        -------
        display : RetrievalCurveDisplay
            With the data, and what was drawn.

        Warns
        -----
        UserWarning
            If all rows are of one class, so that both curves are 1.
        """
        queries = prepare(Z, y)
        n_queries, n_rows = len(queries.points), len(queries.gallery)
        queries = queries.some(_rows.some_of(n_queries, max_queries, random_state))
        found = nearest_hits(queries, min(max_k, n_rows - 1))
        k = np.arange(1, found.shape[1] + 1)
        hits = found.cumsum(axis=1)
        recall, precision = (hits > 0).mean(axis=0), (hits / k).mean(axis=0)
        display = cls(k, recall, precision, len(found), n_rows, name)
        return display.plot(ax, line_kw=line_kw)

    def plot(self, ax=None, *, name=None, line_kw=None):
        """Draw the curves.

        Parameters
        ----------
        ax, name, line_kw : object
            As in `from_estimator`; without a name that of the display.

        Returns
        -------
        display : RetrievalCurveDisplay
            The display itself.
        """
        with _axes.drawing_on(self, ax, joins=_CURVE):
            self._plot_curves(self.name if name is None else name, line_kw or {})
            self._label_axes()
            self.legend_ = _axes.name_curves(self.ax_, "Retrieval", self._rows())
        return self

    def _plot_curves(self, name, line_kw):
        """Draw both curves, in one colour."""
        color, marker, _ = _axes.style_of_next(self.ax_, _CURVE)
        look = {"color": color, "linewidth": 2, "marker": marker, "markersize": 5}
        # About evenly on a logarithmic axis.
        marks = np.unique(np.geomspace(1, len(self.k), 8).astype(int) - 1)
        lines, before = [], f"{_axes.wrapped(name)}\n" if name else ""
        shown = ("recall", self.recall, "-"), ("precision", self.precision, "--")
        for what, shares, line in shown:
            own = {"label": f"{before}{what}@k", "linestyle": line, "markevery": marks}
            kw = _validate_style_kwargs({**look, **own}, line_kw)
            lines += self.ax_.plot(self.k, shares, **kw)
        self.recall_line_, self.precision_line_ = lines
        self.recall_line_.set_gid(_CURVE)

    def _label_axes(self):
        """Name the axes, and write numbers of neighbours as numbers."""
        ax = self.ax_
        ax.set(xlabel="k nearest rows", ylabel="share", xscale="log")
        last = max(line.get_xdata().max() for line in ax.lines)
        ticks = [c * 10**p for p in range(9) for c in (1, 2, 5) if c * 10**p <= last]
        ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        ax.minorticks_off()

    def _rows(self):
        """Return how many rows were looked up among how many."""
        if self.n_queries is None:
            return "each row among all others"
        rows = _axes.counted(self.n_rows or self.n_queries, "row")
        if self.n_rows in (None, self.n_queries):
            return f"each of {rows} among all others"
        return f"{self.n_queries:,} of {rows}, each among all others"
