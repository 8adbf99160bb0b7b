"""A pair loss as springs between points: which pull or push, how strongly, drawn."""

from collections import namedtuple
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_contrastive._validation import shorten, validate
from sklearn_contrastive.displays import _axes, _marks, _rows, _style
from sklearn_contrastive.losses import LOSSES, PairLoss

#: Classes that a legend names beside the springs, and springs drawn of each kind.
_MOST_NAMED, _MOST_SPRINGS = 12, 400
#: What the parameters of constructors may be, here of pair losses.
_PAIR_LOSSES = {name for name, kind in LOSSES.items() if issubclass(kind, PairLoss)}
_RULES = {
    **_rows.RULES,
    "loss": [StrOptions(_PAIR_LOSSES), PairLoss],
    "margin": [StrOptions({"auto"}), Interval(Real, 0, 1e14, closed="right")],
    "max_points": [Interval(Integral, 2, None, closed="left")],
}


#: Springs between all pairs of points: the loss; minus its gradient, of shape
#: (n_points, n_components); the pairs that pull or push, each once, of shape
#: (n_springs, 2); which pull, and the length of the force of each on either end.
SpringForces = namedtuple("SpringForces", "loss forces ends attracts strengths")


def spring_forces(Z, codes, loss):
    """Return the springs of a loss without any "auto" between points."""
    from scipy.spatial.distance import pdist, squareform

    Z = Z.astype(np.float64)
    ends = np.column_stack(np.triu_indices(len(Z), k=1))
    distances, similar = pdist(Z), codes[ends[:, 0]] == codes[ends[:, 1]]
    total, W, active = 0.0, np.zeros(len(ends)), np.zeros(len(ends), dtype=bool)
    for formula, kind in ((loss.positive, similar), (loss.negative, ~similar)):
        # Formulas divide by distances.
        energy, slope = formula(np.maximum(distances[kind], 1e-12))
        n_counted = max(1, kind.sum() if kind is similar else (energy > 0).sum())
        total += float(energy.sum()) / n_counted
        W[kind], active[kind] = slope / n_counted, energy > 0
    # Points in the same place have no direction to push each other in.
    W[distances == 0] = 0
    dense, strengths = squareform(W), 2 * np.abs(W * distances)
    # W has slopes in the squared distance, each over the number of pairs in its mean.
    forces = 2 * (dense @ Z - dense.sum(axis=1, keepdims=True) * Z)
    return SpringForces(total, forces, ends[active], similar[active], strengths[active])


def on_unit_sphere(Z):
    """Return whether points have length 1, in more than one component."""
    return Z.shape[1] > 1 and np.allclose(np.linalg.norm(Z, axis=1), 1, atol=1e-3)


def trained_loss(estimator, on_sphere=True):
    """Return the loss of a fitted embedding, a pair loss without any "auto"."""
    embedding = _rows.last_step(estimator)
    loss = _rows.attribute(embedding, "loss")
    if _rows.attribute(embedding, "loss_curve_") is None:
        return None
    loss = LOSSES[loss]() if isinstance(loss, str) and loss in LOSSES else loss
    if not isinstance(loss, PairLoss):
        return loss
    # Not by `resolve`: `fit` has warned already of a margin that is out of reach.
    loss, autos = clone(loss), loss.on_sphere if on_sphere else loss.off_sphere
    autos = {**autos, "margin": _rows.attribute(embedding, "margin_")}
    given = loss.get_params(deep=False)
    return loss.set_params(**{k: v for k, v in autos.items() if given.get(k) == "auto"})


def reach_of(loss):
    """Return the distance from which dissimilar rows no longer push, None for none."""
    margin = _rows.attribute(loss, "margin")
    if not isinstance(loss, PairLoss) or margin is None:
        return None
    # Margins are distances, or their squares: from the one on pairs cost nothing.
    for distance in (margin, np.sqrt(margin)):
        before, behind = loss.negative(distance * np.array([1 - 1e-6, 1 + 1e-6]))[0]
        if behind == 0 < before:
            return float(distance)
    return None


@dataclass(eq=False, repr=False)
class SpringDisplay:
    """Points with the springs of a pair loss between them, and the force on each.

    So Hadsell, Chopra and LeCun explain their loss [1]_: springs between similar points
    pull, those between dissimilar points push until they are a margin apart. The arrow
    at a point is the sum over its springs, minus the gradient of the loss over all
    pairs, as in `losses.PairLoss`. (A miner lets training see some of these only.)

    Parameters
    ----------
    points, arrows : array-like of shape (n_points, 2)
        Where points are drawn, and forces on them in the same two directions.
    springs : SpringForces
        All springs, and the forces in all components.
    classes, codes : array-like of shapes (n_classes,) and (n_points,)
        Labels, sorted, and the place of each point's among them.
    loss : PairLoss
        Without any "auto".
    n_rows, n_components, share : int, int and float
        Rows of which the points were drawn, components of the embedding, and share of
        the variance in the two directions; None where they hold all.
    name : str, default=None
        What made the embedding, for the title.

    Attributes
    ----------
    ax_, figure_, legend_ : matplotlib Axes, Figure and Legend
        What was drawn on, and what is what.
    scatters_, arrows_ : list of matplotlib PathCollection, and Quiver
        The points, class after class, and the forces.
    attracting_, repelling_ : matplotlib LineCollection
        Springs that pull, plain, and that push, dashed: the 400 strongest of each.

    References
    ----------
    .. [1] R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality Reduction by Learning an
       Invariant Mapping", CVPR 2006.

    Examples
    --------
    >>> from sklearn_contrastive.displays import SpringDisplay
    >>> Z, y = [[0.0, 0.0], [0.6, 0.0], [0.6, 0.3]], ["a", "b", "b"]
    >>> display = SpringDisplay.from_embedding(Z, y, margin=1.0)
    >>> len(display.springs.ends)
    3
    """

    points: Any
    arrows: Any
    springs: SpringForces
    classes: Any
    codes: Any
    loss: PairLoss
    n_rows: int
    n_components: int
    share: float | None = None
    name: str | None = None

    @classmethod
    def from_estimator(
        cls, estimator, X, y, *, max_points=300, random_state=None, name=None, ax=None
    ):
        """Embed rows and draw the springs of the loss that was trained with.

        Parameters
        ----------
        estimator : fitted ContrastiveEmbedding
            Or a pipeline that ends in one, trained with a loss of single pairs.
        X, y : array-like of shapes (n_samples, n_features) and (n_samples,)
            Rows and their class labels.
        max_points : int, default=300
            How many rows to draw, >= 2, at random where there are more.
        random_state : int, RandomState instance or None, default=None
            Determines which are drawn.
        name : str, default=None
            What the title calls the embedding; None for the class of the estimator.
        ax : matplotlib Axes, default=None
            Empty, in a figure with constrained layout; None for a new one.

        Returns
        -------
        display : SpringDisplay
            With the data, and what was drawn.
        """
        Z, name = _rows.embed(cls, estimator, X, name)
        loss = trained_loss(estimator, on_unit_sphere(Z))
        if not isinstance(loss, PairLoss):
            raise ValueError(
                "`estimator` must have been trained with a loss of single pairs, such "
                f"as 'contrastive'; got {shorten(loss)}. Draw another with "
                "from_embedding."
            )
        kw = {"max_points": max_points, "random_state": random_state, "ax": ax}
        return cls.from_embedding(Z, y, loss=loss, name=name, **kw)

    @classmethod
    @validate(_RULES)
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
        Z, y : array-like of shapes (n_samples, n_components) and (n_samples,)
            Points, two at least, all finite, and their class labels.
        loss : str or PairLoss, default="contrastive"
            A loss of single pairs: ``"contrastive"``, ``"contrastive_squared"``,
            ``"contrastive_linear"``, ``"siamese"``, or an object.
        margin : float or "auto", default="auto"
            Margin of a named loss, > 0, in its own units. ``"auto"`` is that of
            `ContrastiveEmbedding`, another for points that have length 1.
        max_points, random_state, name, ax : object
            As in `from_estimator`.

        Returns
        -------
        display : SpringDisplay
            With the data, and what was drawn.
        """
        Z = _rows.check_points(Z)
        if isinstance(loss, str):
            loss = LOSSES[loss]()
            if margin != "auto" and "margin" in loss.get_params(deep=False):
                loss, margin = loss.set_params(margin=margin), "auto"
        if margin != "auto":
            raise ValueError(
                f"`margin` must be 'auto' with loss={loss!r}; got {margin!r}. Set it "
                "on an object that has one, such as ContrastiveLoss(margin=1.0)."
            )
        loss = loss.resolve(on_unit_sphere(Z))
        classes, codes = _rows.check_classes(y, len(Z))
        n_rows, n_components = Z.shape
        rows = _rows.some_of(n_rows, max_points, random_state)
        Z, codes = Z[rows], codes[rows]
        springs = spring_forces(Z, codes, loss)
        points, directions, share = _rows.project(Z)
        arrows = springs.forces @ directions.T
        data = points, arrows, springs, classes, codes, loss, n_rows, n_components
        return cls(*data, share, name).plot(ax)

    def plot(self, ax=None, *, name=None):
        """Draw points, springs and forces.

        Parameters
        ----------
        ax, name : object
            As in `from_estimator`; without a name that of the display.

        Returns
        -------
        display : SpringDisplay
            The display itself.
        """
        labels = _rows.RowLabels(np.asarray(self.classes), np.asarray(self.codes))
        points, rows = np.asarray(self.points), np.arange(len(self.points))
        with _axes.drawing_on(self, ax):
            self.attracting_ = self._plot_springs(points, "attracts", "-")
            self.repelling_ = self._plot_springs(points, "repels", (0, (3, 2)))
            self.scatters_ = _marks.scatter(self.ax_, points, labels, rows)
            force = self._plot_forces(points, np.asarray(self.arrows))
            _axes.equal_scales(self.ax_)
            projection = _axes.label_components(self.ax_, self.n_components, self.share)
            if self.n_components == 1:
                self.ax_.set_yticks([])
            margin = _rows.attribute(self.loss, "margin")
            what = f"springs of {type(self.loss).__name__}"
            what += "" if margin is None else f", margin {margin:.3g}"
            some = f"{len(points):,} of {self.n_rows:,} rows, drawn at random"
            all_rows = _axes.counted(len(points), "row")
            what = what, f"between {some if len(points) < self.n_rows else all_rows}"
            name = self.name if name is None else name
            _axes.set_title(self.ax_, name, *what, projection)
            named = self.scatters_ if len(self.classes) <= _MOST_NAMED else []
            springs = [self.attracting_, self.repelling_]
            self.legend_ = _marks.point_legend(self.ax_, named, [*springs, force])
            for handle in self.legend_.legend_handles[-3:-1]:
                # Seen as well where springs are many, and pale.
                handle.set(color=_style.faint(self.ax_, 0.65), linewidth=1.2)
        return self

    def _plot_springs(self, points, what, linestyle):
        """Draw the strongest springs of a kind below the points."""
        from matplotlib.collections import LineCollection

        chosen = np.flatnonzero(self.springs.attracts == (what == "attracts"))
        order = np.argsort(-self.springs.strengths[chosen], kind="stable")
        ends = self.springs.ends[chosen[order[:_MOST_SPRINGS]]]
        # Fainter and thinner where there are many.
        few = np.clip(40 / max(1, len(ends)), 0, 1)
        look = {"color": _style.faint(self.ax_, 0.35 + 0.3 * few), "zorder": 0.8}
        look |= {"linewidth": 0.4 + 0.8 * few, "linestyle": linestyle}
        drawn = f",\n{_MOST_SPRINGS} strongest drawn" if len(ends) < len(chosen) else ""
        look |= {"label": f"{what} ({len(chosen):,}{drawn})"}
        return self.ax_.add_collection(LineCollection(points[ends], **look))

    def _plot_forces(self, points, arrows):
        """Draw an arrow at each point, the longest a certain part of the picture."""
        from matplotlib.lines import Line2D

        # A smaller part with more points, which stand closer.
        part = np.clip(0.5 / np.sqrt(len(points)), 0.055, 0.15)
        extent = np.ptp(points, axis=0).max() or 1.0
        longest = np.linalg.norm(arrows, axis=1).max()
        scale = (longest or 1.0) / (part * extent)
        # To matplotlib arrows are no data; their ends belong to the picture.
        self.ax_.update_datalim(points + arrows / scale)
        self.ax_.autoscale_view()
        color, width = _style.ink(self.ax_), 0.0045 if len(points) <= 40 else 0.003
        look = {"angles": "xy", "scale_units": "xy", "scale": scale, "minlength": 0}
        look |= {"width": width, "zorder": 4, "color": color}
        self.arrows_ = self.ax_.quiver(*points.T, *arrows.T, **look)
        look = {"marker": ">", "markevery": [-1], "markersize": 5, "color": color}
        return Line2D([], [], label=f"force\n(longest {longest:.2g})", **look)
