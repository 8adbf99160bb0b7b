"""A picture of the distances of similar and of dissimilar pairs."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import Interval, validate_params

from sklearn_contrastive.displays._axes import (
    DRAWN,
    counted,
    drawing_on,
    legend_beside,
    open_frame,
    set_title,
    spelled,
)
from sklearn_contrastive.displays._drawn_pairs import (
    draw_pairs,
    measured_pairs,
)
from sklearn_contrastive.displays._pair_losses import reach_of, trained_loss
from sklearn_contrastive.displays._palette import halo, ink, style_of
from sklearn_contrastive.displays._points import (
    check_classes,
    check_measures,
    check_points,
    embedded,
    name_of,
)
from sklearn_contrastive.metrics._inputs import check_kinds

_POSITIVE = Interval(Real, 0, None, closed="neither")
_BINS = [Interval(Integral, 1, None, closed="left"), "array-like"]


class PairDistanceDisplay:
    """Distances of similar and of dissimilar pairs, as two histograms.

    Make it with `from_estimator` or `from_predictions`. Each histogram adds up to
    100 % of its kind of pairs, so that many dissimilar pairs do not dwarf few similar ones.
    The margin is where training stops pushing dissimilar rows, the threshold up to where a
    verifier takes two rows for the same.

    Parameters
    ----------
    similar : ndarray of bool of shape (n_pairs,)
        Which pairs are similar.

    distances : ndarray of shape (n_pairs,)
        Their distances.

    margin : float, default=None
        A distance to mark; None for none.

    threshold : float, default=None
        Likewise.

    name : str, default=None
        What measured them, for the title.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.

    figure_ : matplotlib Figure
        The figure around it.

    bin_edges_ : ndarray of shape (n_bins + 1,)
        Where bins begin and end.

    shares_similar_, shares_dissimilar_ : ndarray of shape (n_bins,)
        Share of the pairs of each kind in each bin, in percent.

    histograms_ : list of matplotlib StepPatch
        Of dissimilar and of similar pairs.

    lines_ : dict of str to matplotlib Line2D
        ``"margin"`` and ``"threshold"``, where they are marked.

    texts_ : dict of str to matplotlib Text
        Their labels.

    legend_ : matplotlib Legend
        Which histogram is which.

    See Also
    --------
    VerificationDisplay : The errors of every threshold.

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

    def __init__(self, *, similar, distances, margin=None, threshold=None, name=None):
        self.similar = similar
        self.distances = distances
        self.margin = margin
        self.threshold = threshold
        self.name = name

    @classmethod
    @validate_params(
        {
            "n_pairs": [Interval(Integral, 1, None, closed="left")],
            "random_state": ["random_state"],
            "bins": _BINS,
            "name": [str, None],
        },
        prefer_skip_nested_validation=True,
    )
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
            Class labels of rows; or which pairs are the same.

        n_pairs : int, default=10_000
            How many pairs of each kind to draw, >= 1; all where there are fewer.
            Unused where pairs are given.

        random_state : int, RandomState instance or None, default=None
            Determines the pairs that are drawn.

        bins : int or array-like of shape (n_bins + 1,), default=60
            How many bins from 0 to the farthest, or their edges, which rise. Pairs
            beyond these count as well: shares are those of all pairs.

        name : str, default=None
            What the title calls the estimator; None for its class.

        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        display : PairDistanceDisplay
            With the data, and what was drawn.

        Raises
        ------
        TypeError
            If `estimator` can embed no rows, or measure no pairs.
        ValueError
            If `y` is not one label a row or pair, or there are not pairs of both
            kinds.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        given = np.ndim(X) == 3 or hasattr(estimator, "threshold_")
        if given:
            check_measures(estimator)
            similar, distances = measured_pairs(estimator, X, y)
        else:
            Z = check_points(embedded(estimator, X))
            ends, similar = draw_pairs(
                check_classes(y, len(Z))[1], n_pairs, random_state
            )
            left, right = Z[ends[:, 0]], Z[ends[:, 1]]
            distances = np.sqrt(((left - right) ** 2).sum(axis=1))
        if similar.all() or not similar.any():
            raise ValueError(
                "`y` must make pairs of both kinds: rows, or pairs, that are similar and "
                f"others that are not; all {len(similar)} pairs are of one kind."
            )
        display = cls(
            similar=similar,
            distances=distances,
            margin=reach_of(trained_loss(getattr(estimator, "embedding_", estimator))),
            threshold=getattr(estimator, "threshold_", None),
            name=name_of(estimator) if name is None else name,
        )
        return display.plot(ax, bins=bins)

    @classmethod
    @validate_params(
        {
            "margin": [_POSITIVE, None],
            "threshold": [Real, None],
            "bins": _BINS,
            "name": [str, None],
        },
        prefer_skip_nested_validation=True,
    )
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
            1 or True for pairs that are similar; 0, -1 or False for others.

        distances : array-like of shape (n_pairs,)
            Their distances, >= 0.

        margin : float, default=None
            A margin to mark, > 0, as a distance; None for none.

        threshold : float, default=None
            A threshold to mark; None for none.

        bins, name, ax : object
            As in `from_estimator`.

        Returns
        -------
        display : PairDistanceDisplay
            With the data, and what was drawn.

        Raises
        ------
        ValueError
            If there are not pairs of both kinds, lengths differ, or a distance is
            negative or no finite number.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        similar, distances = check_kinds(y_true, distances)
        display = cls(
            similar=similar,
            distances=distances,
            margin=margin,
            threshold=threshold,
            name=name,
        )
        return display.plot(ax, bins=bins)

    def plot(self, ax=None, *, bins=60, name=None):
        """Draw the histograms.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on, empty; None for a new figure. The legend lies beside the
            axes: a figure of one's own needs ``layout="constrained"``.

        bins : int or array-like of shape (n_bins + 1,), default=60
            How many bins from 0 to the farthest, or their edges.

        name : str, default=None
            What the title calls the estimator; None for the `name` of the display.

        Returns
        -------
        display : PairDistanceDisplay
            The display itself.
        """
        similar, distances = (
            np.asarray(self.similar, dtype=bool),
            np.asarray(self.distances),
        )
        marks = {"margin": self.margin, "threshold": self.threshold}
        # A threshold below zero accepts no pair; there is no such distance.
        marks = {key: at for key, at in marks.items() if at is not None and at >= 0}
        farthest = max([float(distances.max()), *marks.values()]) or 1.0
        self.bin_edges_ = edges = np.histogram_bin_edges(distances, bins, (0, farthest))
        self.shares_similar_, self.shares_dissimilar_ = (
            100 * np.histogram(some, edges)[0] / len(some)
            for some in (distances[similar], distances[~similar])
        )
        rows = counted(len(distances), "pair")
        n_far = int(np.sum((distances < edges[0]) | (distances > edges[-1])))
        beyond = f"{counted(n_far, 'pair')} outside the bins" if n_far else ""
        with drawing_on(self, ax) as self.ax_:
            self.figure_ = self.ax_.get_figure()
            self._plot_histograms(int(similar.sum()), int((~similar).sum()))
            self._mark(marks)
            open_frame(self.ax_)
            self.ax_.set_xlabel("distance of a pair")
            self.ax_.set_ylabel("share of its kind of pairs (%)")
            name = self.name if name is None else name
            first = f"{spelled(name)}: {rows}" if name else rows
            set_title(self.ax_, first, beyond)
        return self

    def _plot_histograms(self, n_similar, n_dissimilar):
        """Draw dissimilar pairs as an area and similar ones as a line over it."""
        ax = self.ax_
        dissimilar, similar = style_of(1, ax), style_of(0, ax)
        self.histograms_ = [
            ax.stairs(
                self.shares_dissimilar_,
                self.bin_edges_,
                fill=True,
                color=dissimilar.color,
                # Pale, so that the line of similar pairs shows on it in grey too.
                alpha=0.45,
                label=f"dissimilar\n({n_dissimilar:,})",
            ),
            ax.stairs(
                self.shares_similar_,
                self.bin_edges_,
                color=similar.color,
                linewidth=2,
                label=f"similar\n({n_similar:,})",
            ),
        ]
        for histogram in self.histograms_:
            histogram.set_gid(DRAWN + type(self).__name__)
        self.legend_ = legend_beside(ax, self.histograms_[::-1], "pairs")

    def _mark(self, marks):
        """Draw a line for each mark, with its label above the histograms."""
        ax = self.ax_
        # Without a pair in any bin as high as one that holds all.
        highest = (
            max(self.shares_similar_.max(), self.shares_dissimilar_.max()) or 100.0
        )
        # A row of room for each label.
        ax.set_ylim(0, highest * (1.06 + 0.08 * len(marks)))
        left, right = self.bin_edges_[0], max(self.bin_edges_[-1], *marks.values(), 0)
        room = 0.02 * (right - left)
        ax.set_xlim(left - room, right + room)
        self.lines_, self.texts_ = {}, {}
        styles = {"margin": "--", "threshold": "-."}
        for row, (what, at) in enumerate(marks.items()):
            self.lines_[what] = ax.axvline(
                at, color=ink(ax), linestyle=styles[what], linewidth=1.4
            )
            # Away from the other mark, and from the end that is near.
            lower = at < max(marks.values()) or at > (left + right) / 2
            lower &= at > left + (right - left) / 3
            self.texts_[what] = ax.annotate(
                f"{what} {at:.3g}",
                (at, 1 - 0.07 * row),
                xycoords=("data", "axes fraction"),
                xytext=(-5 if lower else 5, -2),
                textcoords="offset points",
                ha="right" if lower else "left",
                va="top",
                color=ink(ax),
                path_effects=halo(ax),
            )
