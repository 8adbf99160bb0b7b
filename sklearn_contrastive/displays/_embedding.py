"""A picture of embedded rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_contrastive.displays import _axes, _marks, _rows
from sklearn_contrastive.displays._style import N_COLORS

#: Classes that a legend names, before their names are tried at their medians.
_MOST_NAMED = 20


@dataclass(eq=False, repr=False)
class EmbeddingDisplay:
    """Embedded rows as points, coloured by their labels or targets.

    One, two and three components are drawn as they are; of wider embeddings the first
    principal components, which the title says. Class labels get a colour and a marker
    each, continuous targets a colour bar. More than 20,000 points make a density.

    Parameters
    ----------
    points : array-like of shape (n_samples, n_dimensions)
        What is drawn, in 1 to 3 dimensions.
    y : array-like of shape (n_samples,), default=None
        Labels or targets; NaN or None where they are not known.
    y_kind : {"labels", "targets"}, default="labels"
        What `y` holds.
    n_components : int, default=None
        Components of the embedding; None for those of `points`.
    share : float, default=None
        Share of the variance that `points` hold; None where they hold all.
    name : str, default=None
        What made the embedding, for the title.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        What was drawn on.
    scatters_ : list of matplotlib PathCollection
        The points, class after class, those of unknown class last; none of a density.
    density_ : matplotlib PolyCollection or None
        The hexagons of a density.
    legend_ : matplotlib Legend or None
        Names of up to 20 classes, or of up to 90 that cannot all stand at their
        medians.
    texts_ : list of matplotlib Text
        Names at medians: of more than 20 classes (10 of a density) without a legend.
    colorbar_ : matplotlib Colorbar or None
        For targets, and for a density without `y`.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_contrastive.displays import EmbeddingDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> display = EmbeddingDisplay.from_estimator(PCA(2).fit(X), X, y)
    >>> len(display.scatters_)
    3
    >>> plt.close(display.figure_)
    """

    points: Any
    y: Any = None
    y_kind: str | None = "labels"
    n_components: int | None = None
    share: float | None = None
    name: str | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y=None,
        *,
        n_dimensions=2,
        name=None,
        ax=None,
        max_points=20_000,
        scatter_kw=None,
    ):
        """Embed rows and draw them.

        Parameters
        ----------
        estimator : fitted transformer
            Or a pipeline that ends in one.
        X : array-like of shape (n_samples, n_features)
            Rows; best ones that were not trained on.
        y : array-like of shape (n_samples,), default=None
            Class labels or continuous targets, told apart as
            ``ContrastiveEmbedding(similarity="auto")`` does. Classes are in sorted
            order, or in that of an ordered Categorical; the colour bar has the name of
            a Series.
        n_dimensions : {2, 3}, default=2
            Dimensions of the picture of an embedding with more components. One with
            three components is drawn in three.
        name : str, default=None
            What the title calls the embedding; None for the class of the estimator.
        ax : matplotlib Axes, default=None
            What to draw on, empty, with as many dimensions as the picture, in a figure
            with ``layout="constrained"``; None for a new figure.
        max_points : int, default=20_000
            With more points than that a density is drawn, >= 1. In three dimensions, so
            many that are drawn at random.
        scatter_kw : dict, default=None
            Keywords for matplotlib's `scatter`; no colours with targets.

        Returns
        -------
        display : EmbeddingDisplay
            With the data, and what was drawn.
        """
        Z, name = _rows.embed(cls, estimator, X, name)
        kw = {"ax": ax, "max_points": max_points, "scatter_kw": scatter_kw}
        return cls.from_embedding(Z, y, n_dimensions=n_dimensions, name=name, **kw)

    @classmethod
    @_rows.validated
    def from_embedding(
        cls,
        Z,
        y=None,
        *,
        n_dimensions=2,
        name=None,
        ax=None,
        max_points=20_000,
        scatter_kw=None,
    ):
        """Draw rows that are embedded already.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_components)
            Points, two at least, all finite.
        y, n_dimensions, name, ax, max_points, scatter_kw : object
            As in `from_estimator`.

        Returns
        -------
        display : EmbeddingDisplay
            With the data, and what was drawn.
        """
        Z = _rows.check_points(Z)
        kind = _rows.kind_of_y(y)
        points, _, share = _rows.project(Z, 3 if Z.shape[1] == 3 else n_dimensions)
        display = cls(points, y, kind, Z.shape[1], share, name)
        return display.plot(ax, max_points=max_points, scatter_kw=scatter_kw)

    def plot(self, ax=None, *, name=None, max_points=20_000, scatter_kw=None):
        """Draw the points.

        Parameters
        ----------
        ax, name, max_points, scatter_kw : object
            As in `from_estimator`; without a name that of the display.

        Returns
        -------
        display : EmbeddingDisplay
            The display itself.
        """
        points = _rows.check_points(self.points)
        labels = _rows.check_y(self.y, self.y_kind, len(points))
        n_classes, n_dimensions = len(labels.classes), points.shape[1]
        name = self.name if name is None else name
        projection = "3d" if n_dimensions == 3 else "rectilinear"
        what = _axes.counted(len(points), "row")
        what += f" of {_axes.counted(n_classes, 'class')}" if n_classes else ""
        with _axes.drawing_on(self, ax, projection=projection):
            shape = self.n_components, self.share, n_dimensions
            components = _axes.label_components(self.ax_, *shape)
            places = points if n_dimensions > 1 else _rows.spread_out(points, labels)
            note = self._plot_marks(places, labels, max_points, scatter_kw)
            # Names are written at medians by the layout, which the title is part of.
            _axes.set_title(self.ax_, name, what, components, note)
            self.legend_, self.colorbar_, self.texts_ = None, None, []
            if n_dimensions > 1:
                _axes.equal_scales(self.ax_)
            name_marks = self._name_colors if n_dimensions > 1 else self._name_heights
            notes = filter(None, (note, name_marks(places, labels)))
            _axes.set_title(self.ax_, name, what, components, "; ".join(notes))
            # Limits follow the size, tick labels the limits, and the room for tick
            # labels was that of those before.
            _axes.root_figure(self.ax_).draw_without_rendering()
        return self

    def _plot_marks(self, places, labels, max_points, scatter_kw):
        """Draw points or a density; return a note on rows that are not in sight."""
        self.scatters_, self.density_ = [], None
        if len(places) > max_points and places.shape[1] < 3:
            wide = np.shape(self.points)[1] > 1
            # The height says the targets of a line already.
            shown = labels if wide else labels._replace(targets=None)
            self.density_, n_far = _marks.density(self.ax_, places, shown, wide)
            return f"{_axes.counted(n_far, 'row')} outside the frame" if n_far else ""
        rows = _rows.some_of(len(places), max_points, 0)
        self.scatters_ = _marks.scatter(self.ax_, places, labels, rows, scatter_kw)
        some = len(places) > max_points
        return f"{max_points:,} rows drawn at random" if some else ""

    def _target(self):
        """Return what targets are called."""
        name = _rows.attribute(self.y, "name")
        return _axes.wrapped(name) if isinstance(name, str) and name else "target"

    def _name_heights(self, places, labels):
        """Explain the heights of points of a line; return a note for the title."""
        n_classes, some_missing = len(labels.classes), bool((labels.codes < 0).any())
        if labels.targets is not None:
            self.ax_.set_ylabel(self._target())
            return ""
        self.ax_.set_yticks([])
        if not n_classes:
            return self._name_colors(places, labels)
        if n_classes > _MOST_NAMED:
            return "classes in their order, from the bottom"
        names = ["unknown"] * some_missing + _marks.names_of(labels.classes)
        self.ax_.set_yticks(np.arange(len(names)) - some_missing, names)
        self.ax_.set_ylim(-0.6 - some_missing, n_classes - 0.4)
        return ""

    def _name_colors(self, places, labels):
        """Explain colours beside the axes or on it; return a note for the title."""
        n_classes = len(labels.classes)
        if labels.targets is not None:
            what = self._target()
            self._add_colorbar(f"mean {what} of a cell" if self.density_ else what)
        elif self.density_ and not n_classes:
            self._add_colorbar("rows in a cell", "{x:,.0f}")
        elif self.density_ and n_classes <= N_COLORS:
            self.legend_ = _marks.density_legend(self.ax_, labels)
        elif 0 < n_classes <= _MOST_NAMED and not self.density_:
            self.legend_ = _marks.point_legend(self.ax_, self.scatters_)
        elif n_classes:
            named = _marks.name_many(self.ax_, places, labels, self.scatters_)
            self.legend_, self.texts_ = named
            if not self.legend_ and len(self.texts_) < n_classes:
                return f"{len(self.texts_) or 'none'} of the classes named"
        return ""

    def _add_colorbar(self, label, number_format=None):
        """Put a colour bar to the right of the axes."""
        shown, look = self.density_ or self.scatters_[0], {"fraction": 0.05}
        look |= {"ax": self.ax_, "label": label, "format": number_format}
        self.colorbar_ = self.figure_.colorbar(shown, **look)
        self.colorbar_.outline.set_visible(False)
