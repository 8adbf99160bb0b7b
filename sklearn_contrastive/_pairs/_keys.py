"""What passes between similarity, miner and loss: keys of rows, weights of pairs."""

from typing import Any, NamedTuple

import numpy as np


class Keys(NamedTuple):
    """What a similarity compares: one entry a row, numpy or torch.

    Parameters
    ----------
    rows : array of shape (n_rows,)
        Row numbers. Two entries with the same number are the same row, and a row
        with itself is never a pair.

    values : array of shape (n_rows, ...)
        What similarity is read from, such as class codes.
    """

    rows: Any
    values: Any


class Pairs(NamedTuple):
    """How strongly each candidate attracts and repels each anchor.

    Zero in both means that nothing is known about the pair: it neither pulls nor
    pushes. Booleans count as weights of 0 and 1.

    Parameters
    ----------
    positive : array of shape (n_anchors, n_candidates)
        Weights >= 0 of the pairs to bring near.

    negative : array of shape (n_anchors, n_candidates)
        Weights >= 0 of the pairs to keep apart.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_contrastive.similarity import LabelSimilarity
    >>> similarity = LabelSimilarity().fit(None, ["a", "a", "b"])
    >>> keys = similarity.keys(np.arange(3))
    >>> pairs = similarity.compare(keys, keys)
    >>> pairs.positive.astype(int)
    array([[0, 1, 0],
           [1, 0, 0],
           [0, 0, 0]])
    >>> pairs.negative.astype(int)
    array([[0, 0, 1],
           [0, 0, 1],
           [1, 1, 0]])
    """

    positive: Any
    negative: Any


class Links(NamedTuple):
    """A few candidates of each anchor, for pairs that are too few for a matrix.

    Parameters
    ----------
    index : Tensor of shape (n_links, n_anchors)
        Which candidates, each at most once for an anchor; a leading axis holds
        independent models.

    weights : Tensor of shape (n_links, n_anchors)
        Weights >= 0 of these pairs; zero where there are fewer pairs than links.
    """

    index: Any
    weights: Any


def work_arrays(keys, other_keys, work):
    """Return three arrays for weights: those given, or new ones.

    Parameters
    ----------
    keys, other_keys : Keys
        Keys of anchors and candidates, as tensors.

    work : Tensor of shape (3, n_anchors, n_candidates) or None
        What is there.

    Returns
    -------
    work : Tensor of shape (3, n_anchors, n_candidates)
        Of floats.
    """
    if work is not None:
        return work
    import torch

    rows = keys.rows
    dtype = rows.dtype if rows.is_floating_point() else torch.float32
    return rows.new_empty((3, *rows.shape, other_keys.rows.shape[-1]), dtype=dtype)


def same_value_pairs(keys, other_keys, work=None):
    """Return rows with the same value as similar and all others as dissimilar.

    Parameters
    ----------
    keys, other_keys : Keys
        Keys of anchors and candidates, with a number each.

    work : Tensor of shape (3, n_anchors, n_candidates), default=None
        Arrays to put the weights of tensors into, instead of new ones.

    Returns
    -------
    pairs : Pairs
        Weights of 0 and 1, of shape (n_anchors, n_candidates); both 0 for a row with
        itself.
    """
    ours = [key[..., None] for key in keys]
    theirs = [key[..., None, :] for key in other_keys]
    if isinstance(keys.rows, np.ndarray):
        itself, similar = (a == b for a, b in zip(ours, theirs, strict=True))
        return Pairs((similar & ~itself).astype(float), (~similar).astype(float))
    import torch

    # Straight to floats: arithmetic with booleans is several times slower.
    similar, dissimilar, itself = work_arrays(keys, other_keys, work)
    torch.eq(ours[0], theirs[0], out=itself)
    torch.ne(ours[1], theirs[1], out=dissimilar)
    torch.eq(ours[1], theirs[1], out=similar)
    return Pairs(similar.sub_(itself), dissimilar)


def view_numbers(index, similarity):
    """Return a number for every view of rows, those of the first being the rows'.

    Parameters
    ----------
    index : ndarray of int of shape (..., n_rows)
        Row numbers.

    similarity : Similarity
        With `n_views`, and `rows_` of which the last is the greatest.

    Returns
    -------
    numbers : ndarray of int of shape (..., n_views * n_rows)
        Those of one view after those of the other.
    """
    start = int(similarity.rows_[-1]) + 1
    return np.concatenate([index + v * start for v in range(similarity.n_views)], -1)


def withdraw(cls, flag, methods):
    """Set a flag to False on a class that overrides a method which it vouches for."""
    for each in cls.__mro__:
        if flag in vars(each):
            return
        if any(method in vars(each) for method in methods):
            setattr(cls, flag, False)
