"""Two networks side by side, for two tables about the same rows."""

from sklearn_contrastive.encoders._mlp import Encoder


class Towers(Encoder):
    """Maps the columns of two tables, side by side, to points of one space.

    Parameters
    ----------
    left, right : encoder
        One for each table, with `init`, `forward` and `passes`.

    n_left : int
        Columns of the first table.
    """

    tested = True

    def __init__(self, left, right, n_left):
        self._left, self._right, self._n_left = left, right, n_left

    def init(self, n_in, n_out, rng):
        """Return fresh parameters of both networks.

        Parameters
        ----------
        n_in, n_out : int
            Number of columns of both tables together, and of components.

        rng : numpy.random.RandomState
            Source of randomness.

        Returns
        -------
        params : list of ndarray
            Those of the first network, then those of the second.
        """
        left = self._left.init(self._n_left, n_out, rng)
        return left + self._right.init(n_in - self._n_left, n_out, rng)

    def split(self, params):
        """Return the parameters of each network."""
        half = len(params) // 2
        return params[:half], params[half:]

    def forward(self, params, X, generator=None):
        """Return the points of rows, those of the first table before the others.

        Parameters
        ----------
        params : list of Tensor
            As `init` makes them.

        X : Tensor of shape (n_rows, n_in)
            Standardised rows of both tables, side by side.

        generator : numpy.random.Generator or torch.Generator, default=None
            Source of the dropout masks.

        Returns
        -------
        Z : Tensor of shape (2 * n_rows, n_out)
            Points.
        """
        import torch

        left, right = self.split(params)
        left = self._left.forward(left, X[..., : self._n_left], generator)
        right = self._right.forward(right, X[..., self._n_left :], generator)
        return torch.cat([left, right], -2)

    def passes(self, params, n_rows, normalize, generators):
        """Return forward and backward of both networks, as `Encoder.passes` does."""
        both = zip((self._left, self._right), self.split(params), strict=True)
        passes = [net.passes(own, n_rows, normalize, generators) for net, own in both]
        return _BothPasses(passes, self._n_left)


class _BothPasses:
    """Forward and backward pass of two networks."""

    def __init__(self, passes, n_left):
        self._passes, self._n_left = passes, n_left

    def forward(self, X):
        """Return the points of a batch, those of the first table before the others."""
        import torch

        # Each network keeps its rows for the backward pass.
        parts = X[..., : self._n_left], X[..., self._n_left :]
        both = zip(self._passes, parts, strict=True)
        return torch.cat([passes.forward(part) for passes, part in both], -2)

    def backward(self, gradient):
        """Write the gradients of the parameters, given that of the loss in points."""
        for passes, part in zip(self._passes, gradient.chunk(2, -2), strict=True):
            passes.backward(part)
