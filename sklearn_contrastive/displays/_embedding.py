"""A picture of embedded rows."""

from numbers import Integral

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import Interval, Options, validate_params

from sklearn_contrastive.displays._axes import (
    DRAWN,
    counted,
    drawing_on,
    open_frame,
    set_title,
    spelled,
    wrapped,
)
from sklearn_contrastive.displays._class_legend import class_legend, name_many
from sklearn_contrastive.displays._class_names import names_of
from sklearn_contrastive.displays._density import grid_over
from sklearn_contrastive.displays._known import (
    beside_one_another,
    known_of,
    similarity_name,
)
from sklearn_contrastive.displays._layout import colorbar_beside, equal_scales, settle
from sklearn_contrastive.displays._marks import density, scatter
from sklearn_contrastive.displays._palette import N_COLORS
from sklearn_contrastive.displays._points import (
    check_points,
    embedded,
    few_dimensions,
    name_of,
    projection_said,
)

#: Classes that a legend names; of more, it names those that cannot all be named where
#: they lie.
_MOST_NAMED = 20


class EmbeddingDisplay:
    """Embedded rows as points, coloured by what is known of them.

    Make it with `from_estimator` or `from_embedding`. One, two and three components
    are drawn as they are; of wider embeddings the first principal components, which
    the title says. Class labels get a colour and a marker each, continuous targets a
    colour bar. More than 20,000 points are drawn as a density.

    Parameters
    ----------
    points : ndarray of shape (n_samples, n_dimensions)
        What is drawn, in 1 to 3 dimensions.

    y : ndarray of shape (n_samples,), default=None
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
    ax_ : matplotlib Axes
        What was drawn on.

    figure_ : matplotlib Figure
        The figure around it.

    scatters_ : list of matplotlib PathCollection
        The points: class after class, and last those of unknown class; empty for a
        density.

    image_ : matplotlib AxesImage or None
        The density.

    legend_ : matplotlib Legend or None
        Names of classes: up to 20; up to 90, which differ in colour or marker, where
        they cannot all be written at their medians.

    texts_ : list of matplotlib Text
        Names of classes at their medians, where there are more than 20 (of a density,
        which has no markers, more than 10) and no legend.

    colorbar_ : matplotlib Colorbar or None
        For targets, and for a density without `y`.

    See Also
    --------
    SpringDisplay : What pulls and pushes the points.
    RetrievalCurveDisplay : How well neighbours serve, without leaving out components.

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

    def __init__(
        self,
        *,
        points,
        y=None,
        y_kind="labels",
        n_components=None,
        share=None,
        name=None,
    ):
        self.points = points
        self.y = y
        self.y_kind = y_kind
        self.n_components = n_components
        self.share = share
        self.name = name

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
            order, or in that of an ordered Categorical; the name of a Series of targets
            is that of the colour bar.

        n_dimensions : {2, 3}, default=2
            Dimensions of the picture of an embedding with more components. One with
            three components is drawn in three.

        name : str, default=None
            What the title calls the embedding; None for the class of the estimator.

        ax : matplotlib Axes, default=None
            What to draw on, empty and with as many dimensions as the picture; None for
            a new figure.

        max_points : int, default=20_000
            With more points than that a density is drawn, >= 1. In three dimensions,
            so many that are drawn at random.

        scatter_kw : dict, default=None
            Keywords for matplotlib's `scatter`; the legend shows what they do. No
            colours with targets.

        Returns
        -------
        display : EmbeddingDisplay
            With the data, and what was drawn.

        Raises
        ------
        TypeError
            If `estimator` has no `transform`.
        ValueError
            If `y` has another length, or holds neither labels nor targets; if `ax`
            holds a picture already.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        return cls.from_embedding(
            embedded(estimator, X),
            y,
            n_dimensions=n_dimensions,
            name=name_of(estimator) if name is None else name,
            ax=ax,
            max_points=max_points,
            scatter_kw=scatter_kw,
        )

    @classmethod
    @validate_params(
        {
            "n_dimensions": [Options(Integral, {2, 3})],
            "name": [str, None],
            "max_points": [Interval(Integral, 1, None, closed="left")],
            "scatter_kw": [dict, None],
        },
        prefer_skip_nested_validation=True,
    )
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
            Points, two at least.

        y : array-like of shape (n_samples,), default=None
            Class labels or continuous targets, as in `from_estimator`.

        n_dimensions, name, ax, max_points, scatter_kw : object
            As in `from_estimator`.

        Returns
        -------
        display : EmbeddingDisplay
            With the data, and what was drawn.

        Raises
        ------
        ValueError
            If `Z` is no table of finite numbers with two rows, or `y` has another
            length, or holds neither labels nor targets.
        """
        check_matplotlib_support(f"{cls.__name__}.from_embedding")
        Z = check_points(Z)
        width, kind = Z.shape[1], similarity_name(y)
        known_of(y, kind, len(Z))
        points, _, share = few_dimensions(Z, 3 if width == 3 else n_dimensions)
        display = cls(
            points=points, y=y, y_kind=kind, n_components=width, share=share, name=name
        )
        return display.plot(ax, max_points=max_points, scatter_kw=scatter_kw)

    def plot(self, ax=None, *, name=None, max_points=20_000, scatter_kw=None):
        """Draw the points.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on, empty; None for a new figure. The legend lies beside or
            below the axes: a figure of one's own needs ``layout="constrained"``.

        name : str, default=None
            What the title calls the embedding; None for the `name` of the display.

        max_points : int, default=20_000
            With more points than that a density is drawn.

        scatter_kw : dict, default=None
            Keywords for matplotlib's `scatter`.

        Returns
        -------
        display : EmbeddingDisplay
            The display itself.
        """
        points = check_points(self.points)
        known = known_of(self.y, self.y_kind, len(points))
        with drawing_on(self, ax, three_d=points.shape[1] == 3) as self.ax_:
            self.figure_ = self.ax_.get_figure()
            rows, notes = np.arange(len(points)), []
            places = points
            if points.shape[1] == 1:
                places = beside_one_another(points, known)
            dense = len(points) > max_points and points.shape[1] < 3
            if len(points) > max_points and not dense:
                rows = np.sort(np.random.RandomState(0).permutation(rows)[:max_points])
                notes.append(f"{max_points:,} rows drawn at random")
            self.scatters_, self.image_ = [], None
            if dense:
                notes += self._plot_density(places, known)
            else:
                self.scatters_ = scatter(self.ax_, places, known, rows, scatter_kw)
            for drawn in [*self.scatters_, self.image_]:
                if drawn is not None:
                    drawn.set_gid(DRAWN + type(self).__name__)
            self._label_axes(known)
            name = self.name if name is None else name
            self._write_title(name, known, notes)
            notes += self._name_colors(places, known, rows)
            self._write_title(name, known, notes)
            settle(self.ax_)
        return self

    def _plot_density(self, places, known):
        """Draw cells instead of rows; return what there is to say about it."""
        on_line = np.shape(self.points)[1] == 1
        grid = grid_over(places, square=not on_line)
        if on_line and known.targets is not None:
            # The height says it already.
            known = known._replace(targets=None)
        self.image_ = density(self.ax_, grid, known)
        n_far = int((~grid.inside).sum())
        return [f"{counted(n_far, 'row')} outside the frame"] if n_far else []

    def _label_axes(self, known):
        """Name the axes, and give components the same scale."""
        ax, n_dimensions = self.ax_, np.shape(self.points)[1]
        word = "component" if self.share is None else "principal component"
        for number, axis in enumerate("xyz"[:n_dimensions], start=1):
            ax.set(**{f"{axis}label": f"{word} {number}"})
        if n_dimensions < 3:
            open_frame(ax)
        if n_dimensions > 1:
            equal_scales(ax)
        elif known.targets is not None:
            ax.set_ylabel(self._target())
        elif len(known.classes) > _MOST_NAMED or not len(known.classes):
            ax.set_yticks([])
        else:
            below = ["unknown"] if known.partly else []
            names = below + names_of(known.classes)
            ax.set_yticks(np.arange(len(names)) - len(below), names)
            ax.set_ylim(-0.6 - len(below), len(known.classes) - 0.4)

    def _target(self):
        """Return what targets are called."""
        name = getattr(self.y, "name", None)
        return wrapped(name) if isinstance(name, str) and name else "target"

    def _name_colors(self, places, known, rows):
        """Say what colours mean, beside the axes or on it; return what is left."""
        self.legend_, self.colorbar_, self.texts_ = None, None, []
        ax, n_classes = self.ax_, len(known.classes)
        on_line = np.shape(self.points)[1] == 1
        if not n_classes:
            if known.targets is not None and not on_line:
                shown, what = self.scatters_[:1], self._target()
                if self.image_:
                    shown, what = [self.image_], f"mean {what} of a cell"
                self.colorbar_ = colorbar_beside(ax, *shown, what)
            elif self.image_:
                self.colorbar_ = colorbar_beside(ax, self.image_, "rows in a cell")
            return []
        if on_line:
            above = n_classes > _MOST_NAMED
            return ["classes in their order, from the bottom"] if above else []
        if n_classes <= (N_COLORS if self.image_ else _MOST_NAMED):
            self.legend_ = class_legend(ax, known, self.scatters_)
            return []
        self.legend_, self.texts_ = name_many(ax, places, known, rows, self.scatters_)
        n_named = n_classes if self.legend_ else len(self.texts_)
        some = n_named < n_classes
        return [f"{n_named or 'none'} of the classes named"] if some else []

    def _write_title(self, name, known, notes):
        """Say what is shown, and of how many rows."""
        n_rows, n_dimensions = np.shape(self.points)
        what = counted(n_rows, "row")
        if len(known.classes):
            what += f" of {counted(len(known.classes), 'class')}"
        first = f"{spelled(name)}: {what}" if name else what
        said = projection_said(self.n_components, self.share, n_dimensions)
        set_title(self.ax_, first, said, "; ".join(notes))
