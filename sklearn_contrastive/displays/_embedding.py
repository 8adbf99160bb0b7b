"""A picture of embedded rows."""

from dataclasses import dataclass
from typing import Any

from sklearn_contrastive.displays import _axes, _marks, _rows, _style

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
    n_components, share : int and float, default=None
        Components of the embedding, and share of its variance in `points`; None of all.
    name : str, default=None
        What made the embedding, for the title.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        What was drawn on.
    scatters_, density_ : list of matplotlib PathCollection, and PolyCollection or None
        The points of each class, those of unknown class last; or hexagons instead.
    legend_, texts_ : matplotlib Legend or None, and list of Text
        Names of up to 20 classes, or up to 90 that have no room at their medians; and
        those at medians, of more than 20 classes (10 of a density) without a legend.
    colorbar_ : matplotlib Colorbar or None
        For targets, and for a density without `y`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_contrastive.displays import EmbeddingDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> display = EmbeddingDisplay.from_estimator(PCA(2).fit(X), X, y)
    >>> len(display.scatters_)
    3
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
            ``ContrastiveEmbedding(similarity="auto")`` does. Classes are in order, that
            of an ordered Categorical too; the colour bar has the name of a Series.
        n_dimensions : {2, 3}, default=2
            Of the picture; 3 for an embedding that has three components.
        name : str, default=None
            What the title calls the embedding; None for the class of the estimator.
        ax : matplotlib Axes, default=None
            Empty, with as many dimensions, in constrained layout; None for a new one.
        max_points : int, default=20_000
            With more a density is drawn, in three dimensions so many at random; >= 1.
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
        n_dimensions = Z.shape[1] if Z.shape[1] in (1, 3) else n_dimensions
        points, _, share = _rows.project(Z, n_dimensions)
        display = cls(points, y, _rows.kind_of_y(y), Z.shape[1], share, name)
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
        what = _axes.counted(len(points), "row")
        what += f" of {_axes.counted(n_classes, 'class')}" if n_classes else ""
        projection = "3d" if n_dimensions == 3 else "rectilinear"
        with _axes.drawing_on(self, ax, projection=projection):
            shape = self.n_components or n_dimensions, self.share
            components = _axes.label_components(self.ax_, *shape)
            title = self.name if name is None else name, what, components
            on_line = n_dimensions == 1
            places = _rows.spread_out(points, labels) if on_line else points
            note = self._plot_marks(places, labels, on_line, max_points, scatter_kw)
            # Names are written at medians by the layout, which the title is part of.
            _axes.set_title(self.ax_, *title, note)
            if not on_line:
                _axes.equal_scales(self.ax_)
            notes = filter(None, (note, self._name_marks(places, labels, on_line)))
            _axes.set_title(self.ax_, *title, "; ".join(notes))
        return self

    def _plot_marks(self, places, labels, on_line, max_points, scatter_kw):
        """Draw points or a density; return a note on rows that are not in sight."""
        self.scatters_, self.density_, n_rows = [], None, len(places)
        if n_rows > max_points and self.ax_.name != "3d":
            # The height says the targets of a line already.
            shown = labels._replace(targets=None) if on_line else labels
            self.density_, n_far = _marks.density(self.ax_, places, shown, not on_line)
            return f"{_axes.counted(n_far, 'row')} outside the frame" if n_far else ""
        rows = _rows.some_of(n_rows, max_points, 0)
        self.scatters_ = _marks.scatter(self.ax_, places, labels, rows, scatter_kw)
        return f"{max_points:,} rows drawn at random" if n_rows > max_points else ""

    def _name_marks(self, places, labels, on_line):
        """Explain colours, and the heights on a line; return a note for the title."""
        self.legend_, self.colorbar_, self.texts_ = None, None, []
        ax, n_classes = self.ax_, len(labels.classes)
        name = _rows.attribute(self.y, "name")
        what = _axes.wrapped(name) if isinstance(name, str) and name else "target"
        if on_line and labels.targets is None:
            ax.set_yticks([])
        if on_line and labels.targets is not None:
            ax.set_ylabel(what)
        elif labels.targets is not None:
            self._add_colorbar(f"mean {what} of a cell" if self.density_ else what)
        elif self.density_ and not n_classes:
            self._add_colorbar("rows in a cell", "{x:,.0f}")
        elif on_line and n_classes > _MOST_NAMED:
            return "classes in their order, from the bottom"
        elif on_line and n_classes:
            names, lowest = _marks.names_of(labels.classes), int(labels.codes.min())
            ax.set_yticks(range(lowest, n_classes), ["unknown"] * -lowest + names)
            ax.set_ylim(lowest - 0.6, n_classes - 0.4)
        elif self.density_ and n_classes <= _style.N_COLORS:
            self.legend_ = _marks.density_legend(ax, labels)
        elif 0 < n_classes <= _MOST_NAMED and not self.density_:
            self.legend_ = _marks.point_legend(ax, self.scatters_)
        elif n_classes:
            named = _marks.name_all(ax, places, labels, self.scatters_)
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
