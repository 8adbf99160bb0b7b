"""Springs between points, and the forces with which they pull and push."""

from typing import NamedTuple

import numpy as np


class SpringForces(NamedTuple):
    """Springs between all pairs of points.

    Parameters
    ----------
    loss : float
        Mean energy of similar pairs plus mean energy of dissimilar pairs that cost something.

    forces : ndarray of shape (n_points, n_components)
        Minus the gradient of the loss.

    ends : ndarray of int of shape (n_springs, 2)
        The pairs that pull or push, each once.

    attracts : ndarray of bool of shape (n_springs,)
        Which pull.

    strengths : ndarray of shape (n_springs,)
        Length of the force of each on either end.
    """

    loss: float
    forces: np.ndarray
    ends: np.ndarray
    attracts: np.ndarray
    strengths: np.ndarray


def spring_forces(Z, codes, loss):
    r"""Return the springs between points and the forces on these.

    With E the energies of the loss and their slopes in the squared distance,

    .. math::

        F_i = -\frac{\partial L}{\partial z_i}
        = -2 \sum_j W_{ij} (z_i - z_j), \qquad
        W_{ij} = \frac{1}{N} \frac{\partial E}{\partial D_{ij}^2}

    where N is the number of similar pairs, or that of dissimilar pairs with E > 0.

    Parameters
    ----------
    Z : ndarray of shape (n_points, n_components)
        Points.

    codes : ndarray of int of shape (n_points,)
        Their classes.

    loss : PairLoss
        Without any "auto".

    Returns
    -------
    springs : SpringForces
        In float64. Points in the same place have no direction to push each other in.
    """
    Z = Z.astype(np.float64)
    left, right = np.triu_indices(len(Z), k=1)
    gaps = Z[left] - Z[right]
    distances = np.sqrt((gaps**2).sum(axis=1))
    similar = codes[left] == codes[right]
    total, weights, active = 0.0, np.zeros(len(gaps)), np.zeros(len(gaps), dtype=bool)
    for formula, kind in ((loss.positive, similar), (loss.negative, ~similar)):
        # Formulas divide by distances; slope times difference is zero at coincidence.
        energy, slope = formula(np.maximum(distances[kind], 1e-12))
        n_counted = max(1, kind.sum() if kind is similar else (energy > 0).sum())
        total += float(energy.sum()) / n_counted
        weights[kind] = slope / n_counted
        active[kind] = energy > 0
    pulls = -2 * weights[:, None] * gaps
    forces = np.zeros_like(Z)
    np.add.at(forces, left, pulls)
    np.add.at(forces, right, -pulls)
    return SpringForces(
        total,
        forces,
        np.column_stack([left, right])[active],
        similar[active],
        np.linalg.norm(pulls[active], axis=1),
    )
