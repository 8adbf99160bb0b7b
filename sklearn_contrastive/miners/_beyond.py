"""Miners that look beyond one batch: what they are asked to do."""

from numbers import Real

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods, Interval

from sklearn_contrastive.miners._base import COUNT


class CrossBatchMemory(BaseEstimator):
    """Compare rows with those of batches before as well.

    The embeddings of past batches stay in a queue, as candidates that do not move
    [1]_, like the queue of [2]_: every row then meets many more negatives than a batch
    holds. To the loss over the batch that over batch and memory is added, once the
    memory is full.

    Parameters
    ----------
    size : int, default=4096
        Rows to remember, >= 1; no more than the table has. A larger memory holds harder
        negatives and older embeddings, and costs time in proportion.

    miner : str or callable, default="auto"
        Which pairs count, in the batch and with the memory, as
        ``ContrastiveEmbedding(miner=...)`` takes it.

    weight : float, default=1.0
        Weight of the loss over the memory, > 0.

    References
    ----------
    .. [1] X. Wang, H. Zhang, W. Huang, M. R. Scott, "Cross-Batch Memory for Embedding
       Learning", CVPR 2020.
    .. [2] K. He, H. Fan, Y. Wu, S. Xie, R. Girshick, "Momentum Contrast for
       Unsupervised Visual Representation Learning", CVPR 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_contrastive import ContrastiveEmbedding
    >>> from sklearn_contrastive.miners import CrossBatchMemory
    >>> X, y = load_digits(return_X_y=True)
    >>> memory = CrossBatchMemory(size=512)
    >>> model = ContrastiveEmbedding(miner=memory, max_iter=5, random_state=0)
    >>> bool(model.fit(X, y).score(X, y) > 0.9)
    True
    """

    _parameter_constraints = {
        "size": COUNT,
        "miner": [str, callable, HasMethods("get_params")],
        "weight": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, size=4096, miner="auto", weight=1.0):
        self.size = size
        self.miner = miner
        self.weight = weight


class GlobalMiner(BaseEstimator):
    """Let rows that are confused, anywhere in the table, share a batch.

    Every few passes over the rows all of them are embedded and the nearest neighbours
    of each are looked for. Half of each batch is then drawn as usual, and the other
    half from the neighbours of these rows that are not like them. Rows without such a
    neighbour are joined by rows drawn at random.

    Parameters
    ----------
    n_neighbors : int, default=16
        Neighbours of each row among which hard negatives are looked for, >= 1.

    refresh_every : int, default=5
        Passes over the rows between two searches, >= 1; the first pass is made without.

    search : object with `fit` and `kneighbors`, default=None
        What finds neighbours, such as `sklearn.neighbors.NearestNeighbors`, or an
        approximate index with the same methods. None for an exact search among all rows
        up to 50,000; beyond, faiss where it is installed, else an exact search among
        8,192 rows drawn at random.

    miner : str or callable, default="auto"
        Which pairs of a batch count, as ``ContrastiveEmbedding(miner=...)`` takes it; a
        `CrossBatchMemory` too.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_contrastive import ContrastiveEmbedding
    >>> from sklearn_contrastive.miners import GlobalMiner
    >>> X, y = load_digits(return_X_y=True)
    >>> model = ContrastiveEmbedding(miner=GlobalMiner(refresh_every=2), max_iter=5)
    >>> bool(model.fit(X, y).score(X, y) > 0.9)
    True
    """

    _parameter_constraints = {
        "n_neighbors": COUNT,
        "refresh_every": COUNT,
        "search": [HasMethods(["fit", "kneighbors"]), None],
        "miner": [str, callable, HasMethods("get_params")],
    }

    def __init__(self, n_neighbors=16, refresh_every=5, search=None, miner="auto"):
        self.n_neighbors = n_neighbors
        self.refresh_every = refresh_every
        self.search = search
        self.miner = miner
