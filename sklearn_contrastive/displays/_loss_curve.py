"""A picture of training: loss, validation score, pairs that still cost something."""

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive.displays._axes import (
    DRAWN,
    counted,
    legend_beside,
    open_frame,
    set_title,
    spelled,
)
from sklearn_contrastive.displays._palette import ink, style_of
from sklearn_contrastive.displays._panels import panels_for
from sklearn_contrastive.displays._points import (
    is_estimator,
    kind_said,
    last_step,
    name_of,
)


class LossCurveDisplay:
    """Curves of training, one value an epoch, each kind on a panel of its own.

    Make it with `from_estimator`. The panels are the training loss; the validation
    score, where training stopped early, with its best epoch; and the share of the known
    pairs that still cost something, beside the share that the miner kept.

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs,)
        Training loss.

    validation_scores : array-like of shape (n_epochs,), default=None
        Validation scores; None without early stopping.

    mining_curve : dict of str to array-like of shape (n_epochs,), default=None
        With ``"kept_positive"``, ``"kept_negative"``, ``"active_positive"`` and
        ``"active_negative"``; None where nothing was mined.

    name : str, default=None
        What was trained, for the title.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_panels,)
        The panels that were drawn, from the top.

    ax_ : matplotlib Axes
        The first of them, that of the loss.

    figure_ : matplotlib Figure
        The figure around them.

    lines_ : dict of str to matplotlib Line2D
        ``"loss"``, ``"validation_score"``, and the names in `mining_curve`.

    best_epoch_ : int or None
        The epoch of the best validation score, from 1 on; the last of several.

    legends_ : list of matplotlib Legend
        Beside the panels that hold several lines.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_contrastive import ContrastiveEmbedding
    >>> from sklearn_contrastive.displays import LossCurveDisplay
    >>> model = ContrastiveEmbedding(max_iter=5, early_stopping=True, random_state=0)
    >>> model = model.fit(*load_iris(return_X_y=True))
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> len(display.axes_)
    3
    >>> plt.close(display.figure_)
    """

    def __init__(
        self, *, loss_curve, validation_scores=None, mining_curve=None, name=None
    ):
        self.loss_curve = loss_curve
        self.validation_scores = validation_scores
        self.mining_curve = mining_curve
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None):
        """Draw how a model was trained.

        Parameters
        ----------
        estimator : fitted ContrastiveEmbedding or ContrastiveAlignment
            Or a pipeline that ends in one.

        name : str, default=None
            What the title calls it; None for its class.

        ax : matplotlib Axes or array of them, default=None
            What to draw on, empty. An array as ``plt.subplots(3, sharex=True,
            layout="constrained")[1]`` holds one for each panel; a single axes gets the
            loss alone, without validation scores and pairs. None for a new figure.

        Returns
        -------
        display : LossCurveDisplay
            With the data, and what was drawn.

        Raises
        ------
        TypeError
            If `estimator` keeps no loss curve.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        model = last_step(estimator)
        if is_estimator(model):
            check_is_fitted(model)
        if not hasattr(model, "loss_curve_"):
            raise TypeError(
                "`estimator` must be a fitted ContrastiveEmbedding, or another that "
                f"keeps `loss_curve_`; got {kind_said(model)}."
            )
        display = cls(
            loss_curve=model.loss_curve_,
            validation_scores=getattr(model, "validation_scores_", None),
            mining_curve=getattr(model, "mining_curve_", None),
            name=name_of(model) if name is None else name,
        )
        return display.plot(ax)

    def plot(self, ax=None, *, name=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            What to draw on, empty. An array as ``plt.subplots(3, sharex=True,
            layout="constrained")[1]`` holds one for each panel; a single axes gets the
            loss alone, without validation scores and pairs. None for a new figure.

        name : str, default=None
            What the title calls the model; None for the `name` of the display.

        Returns
        -------
        display : LossCurveDisplay
            The display itself.

        Raises
        ------
        ValueError
            If there are not as many axes as panels, or one holds a picture already.
        """
        panels = [self._plot_loss]
        if self.validation_scores is not None and len(self.validation_scores):
            panels.append(self._plot_scores)
        if self.mining_curve:
            panels.append(self._plot_pairs)
        with panels_for(self, ax, len(panels), "loss") as self.axes_:
            self.ax_, self.figure_ = self.axes_[0], self.axes_[0].get_figure()
            self.lines_, self.legends_, self.best_epoch_ = {}, [], None
            for panel, each in zip(panels, self.axes_, strict=False):
                panel(each)
                open_frame(each)
                each.margins(x=0.02)
                each.xaxis.get_major_locator().set_params(integer=True)
            self.axes_[-1].set_xlabel("epoch")
            name = self.name if name is None else name
            epochs = counted(len(self.loss_curve), "epoch")
            set_title(self.ax_, f"{spelled(name)}: {epochs}" if name else epochs)
        return self

    def _plot(self, ax, what, values, number, **kw):
        """Draw one curve, from epoch 1 on."""
        style = style_of(number, ax)
        [self.lines_[what]] = ax.plot(
            np.arange(1, len(values) + 1),
            values,
            color=style.color,
            # A line of few values shows nothing without marks.
            marker=style.marker if len(values) <= 12 else "",
            **{"linestyle": style.linestyle, "linewidth": 2, **kw},
            gid=DRAWN + type(self).__name__,
        )

    def _plot_loss(self, ax):
        self._plot(ax, "loss", self.loss_curve, 0)
        ax.set_ylabel("training loss")

    def _plot_scores(self, ax):
        """Draw validation scores, and a line at the best."""
        scores = np.asarray(self.validation_scores)
        self._plot(ax, "validation_score", scores, 0)
        # Of equal scores training keeps the later.
        self.best_epoch_ = int(len(scores) - scores[::-1].argmax())
        ax.axvline(self.best_epoch_, color=ink(ax), linestyle=":", linewidth=1.4)
        early = self.best_epoch_ <= len(scores) / 2
        ax.annotate(
            f"best {scores.max():.4f}, epoch {self.best_epoch_}",
            (self.best_epoch_, 0.04),
            xycoords=("data", "axes fraction"),
            xytext=(5 if early else -5, 0),
            textcoords="offset points",
            ha="left" if early else "right",
            color=ink(ax),
        )
        ax.set_ylabel("validation score")

    def _plot_pairs(self, ax):
        """Draw shares of pairs: what was kept, and what of it still costs something."""
        under = {"linestyle": "-", "linewidth": 6, "alpha": 0.3}
        for number, kind in enumerate(("positive", "negative")):
            # The wide line shows on both sides of the other where they coincide.
            for what, look in (("kept", under), ("active", {})):
                name = f"{what}_{kind}"
                shares = 100 * np.asarray(self.mining_curve[name], dtype=float)
                self._plot(ax, name, shares, number, label=f"{kind}, {what}", **look)
        ax.set_ylabel("share of pairs (%)")
        ax.set_ylim(bottom=0)
        self.legends_.append(legend_beside(ax, ax.get_lines()))
