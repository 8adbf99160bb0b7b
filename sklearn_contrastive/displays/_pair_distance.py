"""A picture of the distances of similar and of dissimilar pairs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_contrastive.displays import _axes, _rows, _spring, _style
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
    similar, distances : array-like of shape (n_pairs,)
        Which pairs are similar, and the distances of all.
    margin, threshold : float, default=None
        Distances to mark; None for none.
    name : str, default=None
        What measured them, for the title.

    Attributes
    ----------
    ax_, figure_, legend_ : matplotlib Axes, Figure and Legend
        What was drawn on, and what is what.
    bin_edges_, shares_similar_, shares_dissimilar_ : ndarray
        Of shapes (n_bins + 1,) and (n_bins,): where bins begin and end, and the share
        of the pairs of each kind in each, in percent.
    histograms_ : list of matplotlib StepPatch
        Of dissimilar and of similar pairs.
    lines_ : dict of str to matplotlib Line2D
        ``"margin"`` and ``"threshold"``, where they are marked.

    Examples
    --------
    >>> from sklearn_contrastive.displays import PairDistanceDisplay
    >>> y, distances = [1, 1, 1, 0, 0], [0.1, 0.2, 0.6, 0.5, 1.1]
    >>> display = PairDistanceDisplay.from_predictions(y, distances, bins=4)
    >>> display.shares_dissimilar_.round(1)
    array([ 0., 50.,  0., 50.])
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
            A transformer, or a pipeline that ends in one, for rows; for pairs a
            verifier or an embedding. Their margin and threshold are marked.
        X : array-like of shape (n_samples, n_features) or (n_pairs, 2, n_features)
            Rows; or pairs of rows, for a verifier also of row numbers.
        y : array-like of shape (n_samples,) or (n_pairs,)
            Classes of rows, or which pairs are the same. Both kinds must be there.
        n_pairs : int, default=10_000
            How many pairs of each kind of the rows to draw, at most, >= 1.
        random_state : int, RandomState instance or None, default=None
            Determines the pairs that are drawn.
        bins : int or array-like of shape (n_bins + 1,), default=60
            Bins from 0 to the farthest, or their rising edges; all pairs make 100 %.
        name : str, default=None
            What the title calls the estimator; None for its class.
        ax : matplotlib Axes, default=None
            Empty, in a figure with constrained layout; None for a new one.

        Returns
        -------
        display : PairDistanceDisplay
            With the data, and what was drawn.
        """
        threshold = _rows.attribute(estimator, "threshold_")
        if np.ndim(X) == 3 or threshold is not None:
            *data, name = _rows.measure_pairs(cls, estimator, X, y, name)
        else:
            Z, name = _rows.embed(cls, estimator, X, name)
            codes = _rows.check_classes(y, len(Z))[1]
            ends, similar = _rows.draw_pairs(codes, n_pairs, random_state)
            data = similar, np.linalg.norm(Z[ends[:, 0]] - Z[ends[:, 1]], axis=1)
        # Some transformers keep the points of their training as `embedding_`.
        embedding = estimator if threshold is None else estimator.embedding_
        margin = _spring.reach_of(_spring.trained_loss(embedding))
        kw = {"margin": margin, "threshold": threshold, "bins": bins, "ax": ax}
        return cls.from_predictions(*data, name=name, **kw)

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
        y_true, distances : array-like of shape (n_pairs,)
            1 or True for similar pairs, else 0, -1 or False; and distances, >= 0.
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
        similar, distances = np.asarray(self.similar, bool), np.asarray(self.distances)
        marks = {"margin": self.margin, "threshold": self.threshold}
        # A threshold below zero accepts no pair; there is no such distance.
        marks = {key: at for key, at in marks.items() if at is not None and at >= 0}
        farthest = max([float(distances.max()), *marks.values()]) or 1.0
        self.bin_edges_ = edges = np.histogram_bin_edges(distances, bins, (0, farthest))
        n_outside = ((distances < edges[0]) | (distances > edges[-1])).sum()
        beyond = f"{_axes.counted(n_outside, 'pair')} outside the bins"
        title = _axes.counted(len(distances), "pair"), beyond if n_outside else ""
        with _axes.drawing_on(self, ax):
            # Pale, so that the line of similar pairs shows on it in grey too.
            pale, wide = {"fill": True, "alpha": 0.45}, {"linewidth": 2}
            area = self._plot_kind(1, "dissimilar", distances[~similar], pale)
            line = self._plot_kind(0, "similar", distances[similar], wide)
            self.histograms_ = [area, line]
            shares = [histogram.get_data().values for histogram in self.histograms_]
            self.shares_dissimilar_, self.shares_similar_ = shares
            self.lines_, look = {}, {"color": _style.ink(self.ax_), "linewidth": 1.4}
            for what, at in marks.items():
                look |= {"label": f"{what} {at:.3g}", "linestyle": _STYLES[what]}
                self.lines_[what] = self.ax_.axvline(at, **look)
            handles = [line, area, *self.lines_.values()]
            self.legend_ = _axes.legend_beside(self.ax_, handles)
            self.ax_.set_xlabel("distance of a pair")
            self.ax_.set_ylabel("share of its kind of pairs (%)")
            # Without a pair in any bin as high as one that holds all.
            self.ax_.set_ylim(0, 1.06 * (np.max(shares) or 100))
            _axes.set_title(self.ax_, self.name if name is None else name, *title)
        return self

    def _plot_kind(self, number, kind, distances, look):
        """Draw the share of one kind of pairs in each bin."""
        shares = 100 * np.histogram(distances, self.bin_edges_)[0] / len(distances)
        look |= {"color": _style.style_of(number, self.ax_).color}
        look |= {"label": f"{kind}\n({len(distances):,})"}
        return self.ax_.stairs(shares, self.bin_edges_, **look)
