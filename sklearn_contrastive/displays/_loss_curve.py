"""A picture of training: loss, validation score, pairs that still cost something."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive.displays import _axes, _rows
from sklearn_contrastive.displays._panels import PanelsDisplay


@dataclass(eq=False, repr=False)
class LossCurveDisplay(PanelsDisplay):
    """Curves of training, one value per epoch, each kind on a panel of its own.

    The panels are the training loss; the validation score, where training stopped
    early, with its best epoch; and the share of the known pairs that still cost
    something, beside the share that the miner kept.

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
    ax_, figure_ : matplotlib Axes and Figure
        The first panel, that of the loss, and the figure around it.
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

    loss_curve: Any
    validation_scores: Any = None
    mining_curve: dict | None = None
    name: str | None = None

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
            As in `plot`; a single axes gets the loss alone.

        Returns
        -------
        display : LossCurveDisplay
            With the data, and what was drawn.
        """
        _axes.require_matplotlib(f"{cls.__name__}.from_estimator")
        model = _rows.last_step(estimator)
        if _rows.attribute(model, "fit"):
            check_is_fitted(model)
        if _rows.attribute(model, "loss_curve_") is None:
            raise TypeError(
                "`estimator` must be a fitted ContrastiveEmbedding, or another that "
                f"keeps `loss_curve_`; got {_rows.kind_of(model)}."
            )
        scores = _rows.attribute(model, "validation_scores_")
        mining = _rows.attribute(model, "mining_curve_")
        name = _rows.name_of(model, name)
        return cls(model.loss_curve_, scores, mining, name).plot(ax)

    _over = "epoch"

    @property
    def _values(self):
        return np.arange(1, len(self.loss_curve) + 1)

    def _panels(self):
        self.best_epoch_ = None
        panels = [self._plot_loss]
        if self.validation_scores is not None and len(self.validation_scores):
            panels.append(self._plot_scores)
        return [*panels, self._plot_pairs] if self.mining_curve else panels

    def _plot_loss(self, ax):
        """Draw the loss, with ticks at whole epochs for all panels."""
        self._plot(ax, "loss", self.loss_curve)
        ax.set_ylabel("training loss")
        ax.margins(x=0.02)
        ax.xaxis.get_major_locator().set_params(integer=True)

    def _plot_scores(self, ax):
        """Draw validation scores, and a line at the best."""
        scores = np.asarray(self.validation_scores)
        self._plot(ax, "validation_score", scores)
        # Of equal scores training keeps the later.
        self.best_epoch_ = int(len(scores) - scores[::-1].argmax())
        self._mark(
            ax, self.best_epoch_, f"best {scores.max():.4f}, epoch {self.best_epoch_}"
        )
        ax.set_ylabel("validation score")

    def _plot_pairs(self, ax):
        """Draw shares of pairs: what was kept, and what of it still costs something."""
        # The wide line shows on both sides of the other where they coincide.
        under = {"linestyle": "-", "linewidth": 6, "alpha": 0.3, "marker": ""}
        for number, kind in enumerate(("positive", "negative")):
            for what, look in (("kept", under), ("active", None)):
                name, label = f"{what}_{kind}", f"{kind}, {what}"
                self._plot_shares(ax, self.mining_curve, name, number, label, look)
        self._name_lines(ax, "share of pairs (%)")
