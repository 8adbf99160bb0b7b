"""A picture of the distances of similar and of dissimilar pairs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_contrastive.displays import _axes, _pairs, _rows
from sklearn_contrastive.displays._spring import reach_of, trained_loss
from sklearn_contrastive.displays._style import ink, style_of
from sklearn_contrastive.metrics._inputs import check_kinds

_STYLES = {"margin": "--", "threshold": "-."}


@dataclass(eq=False, repr=False)
class PairDistanceDisplay:
    """Distances of similar and of dissimilar pairs, as two histograms.

    Each histogram adds up to 100 % of its kind of pairs, so that many dissimilar pairs
    do not dwarf few similar ones. The margin is where training stops pushing dissimilar
    rows, the threshold up to where a verifier takes two rows for the same.

    Parameters
    ----------
    similar : array-like of bool of shape (n_pairs,)
        Which pairs are similar.
    distances : array-like of shape (n_pairs,)
        Their distances.
    margin, threshold : float, default=None
        Distances to mark; None for none.
    name : str, default=None
        What measured them, for the title.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        What was drawn on.
    bin_edges_ : ndarray of shape (n_bins + 1,)
        Where bins begin and end.
    shares_similar_, shares_dissimilar_ : ndarray of shape (n_bins,)
        Share of the pairs of each kind in each bin, in percent.
    histograms_ : list of matplotlib StepPatch
        Of dissimilar and of similar pairs.
    lines_ : dict of str to matplotlib Line2D
        ``"margin"`` and ``"threshold"``, where they are marked.
    legend_ : matplotlib Legend
        Which histogram and which line is which.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn_contrastive.displays import PairDistanceDisplay
    >>> display = PairDistanceDisplay.from_predictions(
    ...     [1, 1, 1, 0, 0], [0.1, 0.2, 0.6, 0.5, 1.1], threshold=0.4, bins=4
    ... )
    >>> display.shares_dissimilar_.round(1)
    array([ 0., 50.,  0., 50.])
    >>> plt.close(display.figure_)
    """

    similar: Any
    distances: Any
    margin: float | None = None
    threshold: float | None = None
    name: str | None = None

    @classmethod
    @_rows.validated
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        n_pairs=10_000,
        random_state=None,
        bins=60,
        name=None,
        ax=None,
    ):
        """Measure pairs and draw their distances.

        Parameters
        ----------
        estimator : fitted transformer or PairVerifier
            A transformer, or a pipeline that ends in one, embeds rows, of which pairs
            are drawn. A verifier, or an embedding that is given pairs, measures these.
            The margin of a `ContrastiveEmbedding` and the threshold of a verifier are
            marked.
        X : array-like of shape (n_samples, n_features) or (n_pairs, 2, n_features)
            Rows; or pairs of rows, for a verifier also of row numbers.
        y : array-like of shape (n_samples,) or (n_pairs,)
            Class labels of rows; or which pairs are the same. There must be pairs of
            both kinds.
        n_pairs : int, default=10_000
            How many pairs of each kind to draw, >= 1; all where there are fewer. Unused
            where pairs are given.
        random_state : int, RandomState instance or None, default=None
            Determines the pairs that are drawn.
        bins : int or array-like of shape (n_bins + 1,), default=60
            How many bins from 0 to the farthest, or their edges, which rise. Pairs
            beyond these count as well: shares are those of all pairs.
        name : str, default=None
            What the title calls the estimator; None for its class.
        ax : matplotlib Axes, default=None
            What to draw on, empty, in a figure with ``layout="constrained"``; None for
            a new figure.

        Returns
        -------
        display : PairDistanceDisplay
            With the data, and what was drawn.
        """
        threshold = _rows.attribute(estimator, "threshold_")
        if np.ndim(X) == 3 or threshold is not None:
            similar, distances = _pairs.measure_pairs(cls, estimator, X, y)
        else:
            Z, _ = _rows.embed(cls, estimator, X, name)
            codes = _rows.check_classes(y, len(Z))[1]
            ends, similar = _pairs.draw_pairs(codes, n_pairs, random_state)
            distances = np.linalg.norm(Z[ends[:, 0]] - Z[ends[:, 1]], axis=1)
        # Some transformers keep the points of their training as `embedding_`.
        embedding = estimator if threshold is None else estimator.embedding_
        margin = reach_of(trained_loss(embedding))
        kw = {"margin": margin, "threshold": threshold, "bins": bins, "ax": ax}
        name = _rows.name_of(estimator, name)
        return cls.from_predictions(similar, distances, name=name, **kw)

    @classmethod
    @_rows.validated
    def from_predictions(
        cls,
        y_true,
        distances,
        *,
        margin=None,
        threshold=None,
        bins=60,
        name=None,
        ax=None,
    ):
        """Draw distances that are known already.

        Parameters
        ----------
        y_true : array-like of shape (n_pairs,)
            1 or True for pairs that are similar; 0, -1 or False for others. Both kinds
            must be there.
        distances : array-like of shape (n_pairs,)
            Their distances, >= 0.
        margin, threshold : float, default=None
            Distances to mark, the margin > 0; None for none.
        bins, name, ax : object
            As in `from_estimator`.

        Returns
        -------
        display : PairDistanceDisplay
            With the data, and what was drawn.
        """
        similar, distances = check_kinds(y_true, distances)
        return cls(similar, distances, margin, threshold, name).plot(ax, bins=bins)

    def plot(self, ax=None, *, bins=60, name=None):
        """Draw the histograms.

        Parameters
        ----------
        ax, bins, name : object
            As in `from_estimator`; without a name that of the display.

        Returns
        -------
        display : PairDistanceDisplay
            The display itself.
        """
        similar = np.asarray(self.similar, dtype=bool)
        distances = np.asarray(self.distances)
        marks = {"margin": self.margin, "threshold": self.threshold}
        # A threshold below zero accepts no pair; there is no such distance.
        marks = {key: at for key, at in marks.items() if at is not None and at >= 0}
        farthest = max([float(distances.max()), *marks.values()]) or 1.0
        self.bin_edges_ = edges = np.histogram_bin_edges(distances, bins, (0, farthest))
        outside = (distances < edges[0]) | (distances > edges[-1])
        beyond = f"{_axes.counted(outside.sum(), 'pair')} outside the bins"
        title = _axes.counted(len(distances), "pair"), beyond if outside.any() else ""
        # Pale, so that the line of similar pairs shows on it in grey too.
        pale, wide = {"fill": True, "alpha": 0.45}, {"linewidth": 2}
        with _axes.drawing_on(self, ax):
            shares, area = self._plot_kind("dissimilar", distances[~similar], 1, pale)
            self.shares_dissimilar_ = shares
            shares, line = self._plot_kind("similar", distances[similar], 0, wide)
            self.shares_similar_ = shares
            self.histograms_, self.lines_ = [area, line], {}
            for what, at in marks.items():
                look = {"color": ink(self.ax_), "linestyle": _STYLES[what]}
                look |= {"label": f"{what} {at:.3g}", "linewidth": 1.4}
                self.lines_[what] = self.ax_.axvline(at, **look)
            handles = [line, area, *self.lines_.values()]
            self.legend_ = _axes.legend_beside(self.ax_, handles)
            # Without a pair in any bin as high as one that holds all.
            highest = max(*shares, *self.shares_dissimilar_) or 100.0
            labels = {"xlabel": "distance of a pair"}
            labels |= {"ylabel": "share of its kind of pairs (%)"}
            self.ax_.set(ylim=(0, 1.06 * highest), **labels)
            _axes.set_title(self.ax_, self.name if name is None else name, *title)
        return self

    def _plot_kind(self, kind, distances, number, look):
        """Draw the shares of one kind of pairs in each bin; return both."""
        shares = 100 * np.histogram(distances, self.bin_edges_)[0] / len(distances)
        look = {"color": style_of(number, self.ax_).color, **look}
        look |= {"label": f"{kind}\n({len(distances):,})"}
        return shares, self.ax_.stairs(shares, self.bin_edges_, **look)
