"""A pair loss as springs between points: which pull, which push, and how strongly."""

from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from sklearn_contrastive.displays._rows import attribute, last_step
from sklearn_contrastive.losses import LOSSES, PairLoss


class SpringForces(NamedTuple):
    """Springs between all pairs of points.

    Parameters
    ----------
    loss : float
        Mean energy of similar pairs, plus that of dissimilar pairs that cost something.
    forces : ndarray of shape (n_points, n_components)
        Minus the gradient of the loss.
    ends : ndarray of int of shape (n_springs, 2)
        The pairs that pull or push, each once.
    attracts, strengths : ndarray of shape (n_springs,)
        Which pull, and the length of the force of each on either end.
    """

    loss: float
    forces: np.ndarray
    ends: np.ndarray
    attracts: np.ndarray
    strengths: np.ndarray


def spring_forces(Z, codes, loss):
    """Return the springs of a loss without any "auto" between points.

    With W the slopes of the energies in the squared distance, each over the number of
    pairs in its mean, the gradient is 2 (diag(W1) Z - W Z).
    """
    from scipy.spatial.distance import pdist, squareform

    Z = Z.astype(np.float64)
    left, right = np.triu_indices(len(Z), k=1)
    distances, similar = pdist(Z), codes[left] == codes[right]
    total, W, active = 0.0, np.zeros(len(left)), np.zeros(len(left), dtype=bool)
    for formula, kind in ((loss.positive, similar), (loss.negative, ~similar)):
        # Formulas divide by distances.
        energy, slope = formula(np.maximum(distances[kind], 1e-12))
        n_counted = max(1, kind.sum() if kind is similar else (energy > 0).sum())
        total += float(energy.sum()) / n_counted
        W[kind] = slope / n_counted
        active[kind] = energy > 0
    # Points in the same place have no direction to push each other in.
    W[distances == 0] = 0
    dense = squareform(W)
    return SpringForces(
        total,
        2 * (dense @ Z - dense.sum(axis=1, keepdims=True) * Z),
        np.column_stack([left, right])[active],
        similar[active],
        2 * np.abs(W * distances)[active],
    )


def on_unit_sphere(Z):
    """Return whether points have length 1, in more than one component."""
    lengths = np.linalg.norm(Z, axis=1)
    return Z.shape[1] > 1 and bool(np.allclose(lengths, 1, atol=1e-3))


def trained_loss(estimator, on_sphere=True):
    """Return the loss of a fitted embedding, a pair loss without any "auto"."""
    embedding = last_step(estimator)
    loss = attribute(embedding, "loss")
    if attribute(embedding, "loss_curve_") is None:
        return None
    loss = LOSSES[loss]() if isinstance(loss, str) and loss in LOSSES else loss
    if not isinstance(loss, PairLoss):
        return loss
    loss, margin = clone(loss), attribute(embedding, "margin_")
    if margin is not None:
        # Before "auto" is resolved: `fit` has warned of a margin that is out of reach.
        loss.set_params(margin=margin)
    autos = loss.on_sphere if on_sphere else loss.off_sphere
    given = loss.get_params(deep=False)
    loss.set_params(**{key: autos[key] for key in autos if given[key] == "auto"})
    return loss.resolve(normalize=False)


def loss_for(loss, margin, Z):
    """Return a loss of single pairs, by name or object, without any "auto"."""
    pair_losses = [name for name, kind in LOSSES.items() if issubclass(kind, PairLoss)]
    if isinstance(loss, str):
        if loss not in pair_losses:
            raise ValueError(
                f"`loss` must be a loss of single pairs, one of {pair_losses}; got "
                f"{loss!r}, which compares an anchor's candidates with one another."
            )
        loss = LOSSES[loss]()
        if margin != "auto" and "margin" in loss.get_params(deep=False):
            loss, margin = loss.set_params(margin=margin), "auto"
    if margin != "auto":
        raise ValueError(
            f"`margin` must be 'auto' with loss={loss!r}; got {margin!r}. Set it on an "
            "object that has one, such as ContrastiveLoss(margin=1.0)."
        )
    return loss.resolve(on_unit_sphere(Z))


def reach_of(loss):
    """Return the distance from which dissimilar rows no longer push, None for none."""
    margin = attribute(loss, "margin")
    if not isinstance(loss, PairLoss) or margin is None:
        return None
    # Margins are distances, or squares of them: what costs nothing there, and
    # something just before, is the one.
    for distance in (margin, np.sqrt(margin)):
        before, behind = loss.negative(distance * np.array([1 - 1e-6, 1 + 1e-6]))[0]
        if behind == 0 < before:
            return float(distance)
    return None
