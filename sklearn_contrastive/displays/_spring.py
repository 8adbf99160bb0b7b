"""A picture of the loss as springs between points."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from sklearn_contrastive.displays._axes import (
    DRAWN,
    counted,
    drawing_on,
    legend_beside,
    open_frame,
    set_title,
    spelled,
)
from sklearn_contrastive.displays._class_legend import class_legend
from sklearn_contrastive.displays._forces import spring_forces
from sklearn_contrastive.displays._known import Known
from sklearn_contrastive.displays._layout import equal_scales, settle
from sklearn_contrastive.displays._marks import scatter
from sklearn_contrastive.displays._pair_losses import loss_asked_for, trained_loss
from sklearn_contrastive.displays._points import (
    check_classes,
    check_points,
    embedded,
    few_dimensions,
    name_of,
    projection_said,
)
from sklearn_contrastive.displays._spring_marks import (
    draw_forces,
    draw_springs,
    spring_handles,
)
from sklearn_contrastive.losses import LOSSES, PairLoss

#: Classes that a legend names beside the springs.
_MOST_NAMED = 12
_PARAMETERS = {
    "max_points": [Interval(Integral, 2, None, closed="left")],
    "random_state": ["random_state"],
    "name": [str, None],
}


class SpringDisplay:
    r"""Points with the springs of a pair loss between them, and the force on each.

    Make it with `from_estimator` or `from_embedding`. It is the picture by which
    Hadsell, Chopra and LeCun explain their loss [1]_: similar points are joined by
    springs that pull, dissimilar points by springs that push until they are a margin apart.
    The arrow at a point is the sum over its springs, minus the gradient of the loss

    .. math::

        L = \frac{1}{N^+} \sum_{y_i = y_j} E^+(D_{ij})
        + \frac{1}{N^-} \sum_{y_i \neq y_j} E^-(D_{ij})

    over all pairs i < j, with N⁻ the number of dissimilar pairs that cost something. (A
    miner lets training see some of these pairs only.)

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
        Where points are drawn.

    arrows : ndarray of shape (n_points, 2)
        Forces on them, in the same two directions.

    springs : SpringForces
        All springs, and the forces in all components.

    classes : ndarray of shape (n_classes,)
        Labels, sorted.

    codes : ndarray of int of shape (n_points,)
        The class of each point.

    loss : PairLoss
        Without any "auto".

    n_rows : int
        Rows of which the points were drawn.

    n_components : int
        Components of the embedding.

    share : float, default=None
        Share of the variance that the two directions hold; None where they hold all.

    name : str, default=None
        What made the embedding, for the title.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What was drawn on.

    figure_ : matplotlib Figure
        The figure around it.

    scatters_ : list of matplotlib PathCollection
        The points, class after class.

    attracting_, repelling_ : matplotlib LineCollection
        Springs that pull, as plain lines, and springs that push, as dashed ones: the
        400 strongest of each.

    arrows_ : matplotlib Quiver
        The forces.

    legend_ : matplotlib Legend
        What is what.

    See Also
    --------
    EmbeddingDisplay : The points alone, of any number and any dimension.

    References
    ----------
    .. [1] R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality Reduction by Learning an
       Invariant Mapping", CVPR 2006.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn_contrastive.displays import SpringDisplay
    >>> Z, y = [[0.0, 0.0], [0.6, 0.0], [0.6, 0.3]], ["a", "b", "b"]
    >>> display = SpringDisplay.from_embedding(Z, y, margin=1.0)
    >>> len(display.springs.ends)
    3
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        *,
        points,
        arrows,
        springs,
        classes,
        codes,
        loss,
        n_rows,
        n_components,
        share=None,
        name=None,
    ):
        self.points = points
        self.arrows = arrows
        self.springs = springs
        self.classes = classes
        self.codes = codes
        self.loss = loss
        self.n_rows = n_rows
        self.n_components = n_components
        self.share = share
        self.name = name

    @classmethod
    @validate_params(_PARAMETERS, prefer_skip_nested_validation=True)
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        max_points=300,
        random_state=None,
        name=None,
        ax=None,
    ):
        """Embed rows and draw the springs of the loss that was trained with.

        Parameters
        ----------
        estimator : fitted ContrastiveEmbedding
            Trained with a loss of single pairs, such as ``"contrastive"``; or a
            pipeline that ends in one.

        X : array-like of shape (n_samples, n_features)
            Rows.

        y : array-like of shape (n_samples,)
            Their class labels.

        max_points : int, default=300
            How many rows to draw, at random where there are more, >= 2. Springs are
            those among them.

        random_state : int, RandomState instance or None, default=None
            Determines which are drawn.

        name : str, default=None
            What the title calls the embedding; None for the class of the estimator.

        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        display : SpringDisplay
            With the data, and what was drawn.

        Raises
        ------
        TypeError
            If `estimator` has no `transform`.
        ValueError
            If it was trained with a loss that is no sum over pairs, or `y` has another
            length.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        Z, loss = embedded(estimator, X), trained_loss(estimator)
        if not isinstance(loss, PairLoss):
            got = "no loss" if loss is None else f"loss={loss!r}"
            raise ValueError(
                "`estimator` must have been trained with a loss of single pairs, such "
                f"as loss='contrastive'; got {name_of(estimator)} with {got}. Springs "
                "of another loss can be drawn with SpringDisplay.from_embedding."
            )
        name = name_of(estimator) if name is None else name
        return cls._drawn(Z, y, loss, max_points, random_state, name, ax)

    @classmethod
    @validate_params(
        {
            **_PARAMETERS,
            "loss": [StrOptions(set(LOSSES)), PairLoss],
            "margin": [StrOptions({"auto"}), Interval(Real, 0, 1e14, closed="right")],
        },
        prefer_skip_nested_validation=True,
    )
    def from_embedding(
        cls,
        Z,
        y,
        *,
        loss="contrastive",
        margin="auto",
        max_points=300,
        random_state=None,
        name=None,
        ax=None,
    ):
        """Draw the springs of a loss between points.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_components)
            Points, two at least.

        y : array-like of shape (n_samples,)
            Their class labels.

        loss : str or PairLoss, default="contrastive"
            A loss of single pairs: ``"contrastive"``, ``"contrastive_squared"``,
            ``"contrastive_linear"``, ``"siamese"``, or an object.

        margin : float or "auto", default="auto"
            Margin of a named loss, > 0, in its own units. ``"auto"`` is that of
            `ContrastiveEmbedding`: one for points that have length 1, another for
            others.

        max_points, random_state, name, ax : object
            As in `from_estimator`.

        Returns
        -------
        display : SpringDisplay
            With the data, and what was drawn.

        Raises
        ------
        ValueError
            If `loss` is no sum over pairs, `margin` is given to a loss without one,
            or `Z` or `y` is not what it must be.
        """
        check_matplotlib_support(f"{cls.__name__}.from_embedding")
        Z = check_points(Z)
        loss = loss_asked_for(loss, margin, Z)
        return cls._drawn(Z, y, loss, max_points, random_state, name, ax)

    @classmethod
    def _drawn(cls, Z, y, loss, max_points, random_state, name, ax):
        """Compute forces among some of the rows, and draw them."""
        Z = check_points(Z)
        classes, codes = check_classes(y, len(Z))
        n_rows = len(Z)
        if n_rows > max_points:
            rng = check_random_state(random_state)
            rows = rng.choice(n_rows, max_points, replace=False)
            Z, codes = Z[rows], codes[rows]
        springs = spring_forces(Z, codes, loss)
        points, axes, share = few_dimensions(Z)
        arrows = springs.forces if axes is None else springs.forces @ axes.T
        if Z.shape[1] == 1:
            points, arrows = (
                np.pad(each, ((0, 0), (0, 1))) for each in (points, arrows)
            )
        display = cls(
            points=points,
            arrows=arrows,
            springs=springs,
            classes=classes,
            codes=codes,
            loss=loss,
            n_rows=n_rows,
            n_components=Z.shape[1],
            share=share,
            name=name,
        )
        return display.plot(ax)

    def plot(self, ax=None, *, name=None):
        """Draw points, springs and forces.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            What to draw on, empty; None for a new figure. The legend lies beside the
            axes: a figure of one's own needs ``layout="constrained"``.

        name : str, default=None
            What the title calls the embedding; None for the `name` of the display.

        Returns
        -------
        display : SpringDisplay
            The display itself.
        """
        known = Known(np.asarray(self.classes), np.asarray(self.codes), None)
        with drawing_on(self, ax) as self.ax_:
            self.figure_ = self.ax_.get_figure()
            self._plot_springs(known)
            self._label_axes()
            others = spring_handles(self.ax_, self.springs, self.arrows)
            if len(self.classes) <= _MOST_NAMED:
                self.legend_ = class_legend(self.ax_, known, self.scatters_, others)
            else:
                self.legend_ = legend_beside(self.ax_, others)
            self._write_title(self.name if name is None else name)
            settle(self.ax_)
        return self

    def _plot_springs(self, known):
        """Draw springs below points, and forces above them."""
        ax, points = self.ax_, np.asarray(self.points)
        self.attracting_ = draw_springs(ax, points, self.springs, attracts=True)
        self.repelling_ = draw_springs(ax, points, self.springs, attracts=False)
        rows = np.arange(len(points))
        self.scatters_ = scatter(ax, points, known, rows, {"zorder": 3})
        self.arrows_ = draw_forces(ax, points, np.asarray(self.arrows))
        self.arrows_.set_gid(DRAWN + type(self).__name__)

    def _label_axes(self):
        """Name the axes, and give components the same scale."""
        open_frame(self.ax_)
        equal_scales(self.ax_)
        word = "component" if self.share is None else "principal component"
        self.ax_.set(xlabel=f"{word} 1", ylabel=f"{word} 2")
        if self.n_components == 1:
            self.ax_.set(ylabel="", yticks=[])

    def _write_title(self, name):
        """Say which springs, between how many of the rows."""
        what = type(self.loss).__name__
        if hasattr(self.loss, "margin"):
            what += f", margin {self.loss.margin:.3g}"
        rows = counted(len(self.points), "row")
        if len(self.points) < self.n_rows:
            rows = f"{len(self.points):,} of {self.n_rows:,} rows, drawn at random"
        said = projection_said(self.n_components, self.share)
        first = f"{spelled(name)}: springs of {what}" if name else f"Springs of {what}"
        set_title(self.ax_, first, f"between {rows}", said)
