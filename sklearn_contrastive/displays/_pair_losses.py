"""Losses of single pairs: which an embedding was trained with, how far they push."""

import numpy as np

from sklearn_contrastive._estimators._objectives import loss_of
from sklearn_contrastive.displays._points import last_step
from sklearn_contrastive.losses import LOSSES, HingeLoss, PairLoss


def trained_loss(estimator):
    """Return the loss of a fitted embedding, with its margin.

    Parameters
    ----------
    estimator : fitted estimator
        A `ContrastiveEmbedding`, a pipeline that ends in one, or anything else.

    Returns
    -------
    loss : Loss or None
        Without any "auto"; None for an estimator that has no loss.
    """
    embedding = last_step(estimator)
    if not (hasattr(embedding, "loss") and hasattr(embedding, "margin_")):
        return None
    # Off the sphere no margin is out of reach: of one that is, `fit` has warned.
    loss = loss_of(embedding, on_sphere=False)
    autos = getattr(loss, "on_sphere", {})
    if autos and embedding._on_sphere:
        given = {"margin": embedding.margin} if isinstance(embedding.loss, str) else {}
        asked = LOSSES[embedding.loss]() if given else embedding.loss
        given = {**asked.get_params(deep=False), **given}
        loss.set_params(**{key: autos[key] for key in autos if given[key] == "auto"})
    return loss


def reach_of(loss):
    """Return the distance from which dissimilar rows no longer push each other.

    Parameters
    ----------
    loss : Loss or None
        With its margin as a number.

    Returns
    -------
    distance : float or None
        None for a loss without such a distance.
    """
    if not isinstance(loss, HingeLoss):
        return None
    # Margins are distances, or squares of them: what costs nothing there, and
    # something just before, is the one.
    for distance in (loss.margin, np.sqrt(loss.margin)):
        ends = distance * np.array([1 - 1e-6, 1 + 1e-6])
        before, behind = loss.negative(ends)[0]
        if behind == 0 < before:
            return float(distance)
    return None


def loss_asked_for(loss, margin, Z):
    """Return a loss of single pairs with its margin, or say why there is none.

    Parameters
    ----------
    loss : str or PairLoss
        A name or an object.

    margin : float or "auto"
        Margin of a named loss.

    Z : ndarray of shape (n_samples, n_components)
        Points; what "auto" stands for depends on whether they have length 1.

    Returns
    -------
    loss : PairLoss
        Without any "auto".

    Raises
    ------
    ValueError
        If the name is that of another loss, or the loss takes no `margin`.
    """
    pair_losses = [name for name, kind in LOSSES.items() if issubclass(kind, PairLoss)]
    if isinstance(loss, str):
        if loss not in pair_losses:
            raise ValueError(
                f"`loss` must be a loss of single pairs, one of {pair_losses}; got "
                f"{loss!r}, which compares an anchor's candidates with one another."
            )
        loss = LOSSES[loss]()
        if margin != "auto" and hasattr(loss, "margin"):
            loss, margin = loss.set_params(margin=margin), "auto"
    if margin != "auto":
        raise ValueError(
            f"`margin` must be 'auto' with loss={loss!r}; got {margin!r}. Set it on an "
            "object that has one, such as ContrastiveLoss(margin=1.0)."
        )
    lengths = np.linalg.norm(Z, axis=1)
    return loss.resolve(Z.shape[1] > 1 and bool(np.allclose(lengths, 1, atol=1e-3)))
