"""A picture of training: loss, validation score, pairs that still cost something."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_contrastive.displays import _rows
from sklearn_contrastive.displays._panels import Panel, PanelsDisplay, fitted

_SHARES = "kept_positive", "active_positive", "kept_negative", "active_negative"


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
        what = "ContrastiveEmbedding, or another that keeps `loss_curve_`"
        model = fitted(cls, estimator, "loss_curve_", what)
        scores = _rows.attribute(model, "validation_scores_")
        mining = _rows.attribute(model, "mining_curve_")
        name = _rows.name_of(model, name)
        return cls(model.loss_curve_, scores, mining, name).plot(ax)

    def _panels(self):
        """Return what curves are drawn over, its values, and the panels."""
        self.best_epoch_ = None
        epochs = np.arange(1, len(self.loss_curve) + 1)
        panels = [Panel("training loss", {"loss": self.loss_curve})]
        if self.validation_scores is not None and len(self.validation_scores):
            scores = np.asarray(self.validation_scores)
            # Of equal scores training keeps the later.
            self.best_epoch_ = best = int(len(scores) - scores[::-1].argmax())
            mark = best, f"best {scores.max():.4f}, epoch {best}"
            curves = {"validation_score": scores}
            panels.append(Panel("validation score", curves, mark=mark))
        if self.mining_curve:
            mining = self.mining_curve
            shares = {key: 100 * np.asarray(mining[key], float) for key in _SHARES}
            panels.append(Panel("share of pairs (%)", shares))
        return "epoch", epochs, panels
