"""The proxy-anchor loss."""

from sklearn_contrastive.losses._base import FINITE, POSITIVE, ListwiseLoss
from sklearn_contrastive.losses._multi_similarity import one_and_more


class ProxyAnchorLoss(ListwiseLoss):
    r"""Proxy-anchor loss: one learned point a class, which all rows are compared with.

    .. math::

        \frac{1}{|P^+|} \sum_{p \in P^+} \log\Big(1 + \sum_{x \in X_p^+}
        e^{-\alpha (x\cdot p - \delta)}\Big)
        + \frac{1}{|P^-|} \sum_{p \in P^-} \log\Big(1 + \sum_{x \in X_p^-}
        e^{\alpha (x\cdot p + \delta)}\Big)

    with :math:`P^+` the proxies whose class is in the batch, :math:`P^-` those of which
    another class is (all, but for batches of one class), and :math:`X_p^+, X_p^-` the
    rows of the batch that are and are not of the class of proxy p [1]_. Rows are
    compared with as many proxies as there are classes instead of with each other, so
    that a step is cheap; the authors find that wrong labels mislead it less than they
    do pairs. A class is drawn into one cluster.

    Parameters
    ----------
    alpha : float, default=32.0
        Sharpness, > 0.

    delta : float, default=0.1
        How much nearer than at a right angle rows of the class must be, and how much
        farther others.

    rate : float, default=10.0
        Learning rate of the proxies, > 0, in that of the encoder. The paper uses 100
        with an encoder that has been trained before.

    References
    ----------
    .. [1] S. Kim, D. Kim, M. Cho, S. Kwak, "Proxy Anchor Loss for Deep Metric
       Learning", CVPR 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_contrastive import ContrastiveEmbedding
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ContrastiveEmbedding(4, loss="proxy_anchor", random_state=0).fit(X, y)
    >>> model.loss_params_["proxies"].shape
    (3, 4)
    """

    has_conditions = has_proxies = tested = True

    _parameter_constraints = {"alpha": POSITIVE, "delta": FINITE, "rate": POSITIVE}

    def __init__(self, alpha=32.0, delta=0.1, rate=10.0):
        self.alpha = alpha
        self.delta = delta
        self.rate = rate

    def init(self, n_components, n_classes, rng):
        """Return proxies in random directions."""
        return {"proxies": rng.normal(size=(n_classes, n_components))}

    def learning_rate_factor(self):
        """Return `rate`."""
        return self.rate

    def lists(self, values, positive, negative, params):
        """Return both sums over proxies, with their slopes."""
        near = (values - self.delta).mul_(-self.alpha)
        far = values.add_(self.delta).mul_(self.alpha)
        pull, pulls, met = one_and_more(near, positive)
        push, pushes, told_apart = one_and_more(far, negative)
        return [
            (pull.sum((-2, -1)), met.sum((-2, -1)), pulls.mul_(-self.alpha), {}),
            (push.sum((-2, -1)), told_apart.sum((-2, -1)), pushes.mul_(self.alpha), {}),
        ]
