"""What passes between similarity, miner and loss: keys of rows, weights of pairs."""

from typing import Any, NamedTuple


class Keys(NamedTuple):
    """What a similarity compares: one entry a row, numpy or torch.

    Parameters
    ----------
    rows : array of shape (n_rows,)
        Row numbers. Two entries with the same number are the same row, and a row
        with itself is never a pair.

    values : array of shape (n_rows, ...)
        What likeness is read from, such as class codes.
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
    >>> likeness = LabelSimilarity().fit(None, ["a", "a", "b"])
    >>> keys = likeness.keys(np.arange(3))
    >>> pairs = likeness.pairs(keys, keys)
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
