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
    """Recall and precision among the k nearest rows, for every k.

    Each row is looked up among all others. *Recall@k* is the share of rows that find at
    least one of their class among the k nearest, as in `metrics.recall_at_k`;
    *precision@k* is the mean share of their class among these. Rows that are alone of
    their class have nothing to find and are left out. Of rows at the same distance
    those of other classes come first.

    Parameters
    ----------
    k, recall, precision : array-like of shape (n_k,)
        Numbers of neighbours, and shares in [0, 1].
    n_queries, n_rows : int, default=None
        Rows that were looked up, and rows that there are, for the title.
    name : str, default=None
        What the legend calls the embedding.

    Attributes
    ----------
    ax_, figure_, legend_ : matplotlib Axes, Figure and Legend
        What was drawn on, and the names of all its curves.
    recall_line_, precision_line_ : matplotlib Line2D
        The curves.

    Examples
    --------
    >>> from sklearn_contrastive.displays import RetrievalCurveDisplay
    >>> Z, y = [[0.0], [1.0], [3.0], [3.5]], ["a", "b", "a", "b"]
    >>> display = RetrievalCurveDisplay.from_embedding(Z, y)
    >>> display.recall
    array([0. , 0.5, 1. ])
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
        X, y : array-like of shapes (n_samples, n_features) and (n_samples,)
            Rows, best not trained on, and their class labels, of which two are equal.
        max_k : int, default=100
            The largest number of neighbours, >= 1; at most all others.
        max_queries : int, default=5_000
            How many rows to look up among all, at random where there are more, >= 1.
        random_state : int, RandomState instance or None, default=None
            Determines which are drawn.
        name : str, default=None
            What the legend calls the embedding; None for the class of the estimator.
        ax : matplotlib Axes, default=None
            Empty or with such curves, in constrained layout; None for a new figure.
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
        name = self.name if name is None else name
        lines, before = [], f"{_axes.wrapped(name)}\n" if name else ""
        shown = ("recall", self.recall, "-"), ("precision", self.precision, "--")
        # About evenly on a logarithmic axis.
        marks = np.unique(np.geomspace(1, len(self.k), 8).astype(int) - 1)
        with _axes.drawing_on(self, ax, joins=_CURVE):
            look = _axes.style_of_next(self.ax_, _CURVE)._asdict()
            look |= {"linewidth": 2, "markersize": 5, "markevery": marks}
            for what, shares, line in shown:
                look |= {"label": f"{before}{what}@k", "linestyle": line}
                kw = _validate_style_kwargs(look, line_kw or {})
                lines += self.ax_.plot(self.k, shares, **kw)
            self.recall_line_, self.precision_line_ = lines
            self.recall_line_.set_gid(_CURVE)
            self.ax_.set(xlabel="k nearest rows", ylabel="share", xscale="log")
            ticks = np.outer(10 ** np.arange(9), [1, 2, 5])
            self.ax_.set_xticks(ticks[ticks <= self.ax_.dataLim.x1])
            self.ax_.xaxis.set_major_formatter("{x:,.0f}")
            self.ax_.minorticks_off()
            self.legend_ = _axes.name_curves(self.ax_, "Retrieval", self._rows())
        return self

    def _rows(self):
        """Return how many rows were looked up among how many."""
        if self.n_queries is None:
            return "each row among all others"
        rows = _axes.counted(self.n_rows or self.n_queries, "row")
        if self.n_rows in (None, self.n_queries):
            return f"each of {rows} among all others"
        return f"{self.n_queries:,} of {rows}, each among all others"
