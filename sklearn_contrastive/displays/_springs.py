"""A pair loss as springs between points: which pull, which push, and how strongly."""

from typing import NamedTuple

import numpy as np
from sklearn.base import clone

from sklearn_contrastive.displays._rows import attribute, last_step
from sklearn_contrastive.losses import LOSSES, PairLoss


class SpringForces(NamedTuple):
    """Springs between all pairs of points."""

    #: Mean energy of similar pairs, plus that of dissimilar pairs that cost something.
    loss: float
    #: Minus the gradient of the loss, of shape (n_points, n_components).
    forces: np.ndarray
    #: The pairs that pull or push, each once, of shape (n_springs, 2).
    ends: np.ndarray
    #: Which pull, and the length of the force of each on either end.
    attracts: np.ndarray
    strengths: np.ndarray


def spring_forces(Z, codes, loss):
    """Return the springs of a loss without any "auto" between points.

    With W the slopes of the energies in the squared distance, each over the number of
    pairs in its mean, the gradient is 2 (diag(W1) Z - W Z).
    """
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
    forces = 2 * (dense @ Z - dense.sum(axis=1, keepdims=True) * Z)
    return SpringForces(total, forces, ends[active], similar[active], strengths[active])


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
    # Not by `resolve`: `fit` has warned already of a margin that is out of reach.
    loss, autos = clone(loss), loss.on_sphere if on_sphere else loss.off_sphere
    autos = {**autos, "margin": attribute(embedding, "margin_")}
    given = loss.get_params(deep=False)
    return loss.set_params(**{k: v for k, v in autos.items() if given.get(k) == "auto"})


def loss_for(loss, margin, Z):
    """Return a loss of single pairs, by name or object, without any "auto"."""
    if isinstance(loss, str):
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
