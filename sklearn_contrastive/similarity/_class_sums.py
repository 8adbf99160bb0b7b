"""Sums over all pairs of a class, from the sums over its rows."""

import math


def attraction(classes, n_classes, Z):
    """Add up all pairs of the same class without looking at any.

    Parameters
    ----------
    classes : Tensor of int of shape (n_rows,)
        The class of each row, in [0, n_classes).

    n_classes : int
        How many there are.

    Z : Tensor of shape (n_rows, n_components)
        Points; a leading axis, of classes too, holds independent models.

    Returns
    -------
    squares : Tensor of shape ()
        Sum of squared distances over all ordered pairs of a class.

    n_pairs : Tensor of shape ()
        Their number.

    pulls : Tensor of shape (n_rows, n_components)
        For each row, the sum of its differences to the rows of its class.
    """
    *lead, n_rows, n_components = Z.shape
    if n_classes > n_rows:
        classes, n_classes = _renumbered(classes), n_rows
    n_models = math.prod(lead)
    if lead:
        import torch

        starts = n_classes * torch.arange(n_models, device=Z.device)
        classes = classes + starts[:, None]
    classes, rows = classes.reshape(-1), Z.reshape(-1, n_components)
    n_classes *= n_models
    sizes = Z.new_zeros(n_classes).index_add_(0, classes, Z.new_ones(len(rows)))
    sums = Z.new_zeros(n_classes, n_components).index_add_(0, classes, rows)
    sizes = sizes.index_select(0, classes)[:, None]
    # Differences to the mean are exact where those of sums would cancel.
    differences = rows - sums.index_select(0, classes).div_(sizes)
    pulls = differences * sizes
    squares = (differences * pulls).view(Z.shape).sum((-2, -1))
    n_pairs = sizes.view(*lead, n_rows).sum(-1) - n_rows
    return 2 * squares, n_pairs, pulls.view(Z.shape)


def _renumbered(codes):
    """Return codes that count the classes of a batch from zero, without waiting."""
    ordered, order = codes.sort()
    new = codes.new_zeros(codes.shape)
    new[..., 1:] = (ordered[..., 1:] != ordered[..., :-1]).cumsum(-1)
    return codes.new_empty(codes.shape).scatter_(-1, order, new)
