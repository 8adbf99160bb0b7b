"""Forward and backward pass of a training step.

`MLPPasses` writes the chain rule out, over arrays that are made once: at the sizes of
tables, automatic differentiation and its new arrays are about a fifth of a step.
`AutogradPasses` does the same for any other encoder, by automatic differentiation.
"""

import numpy as np

from sklearn_contrastive.encoders._values import to_sphere, write_mask


class AutogradPasses:
    """The passes of any encoder, by automatic differentiation.

    Parameters
    ----------
    encoder : encoder
        With a function `forward`.

    params : list of Tensor
        Leaves; those that are trained have gradients to add to.

    normalize : bool
        Whether points are scaled to length 1.

    generator : numpy.random.Generator or torch.Generator
        Passed on to `forward`, where its presence means training.
    """

    def __init__(self, encoder, params, normalize, generator):
        self._encoder, self._params = encoder, params
        self._normalize, self._generator = normalize, generator

    def forward(self, X):
        """Return the points of a batch, without a graph.

        Parameters
        ----------
        X : Tensor of shape (n_rows, n_features)
            Standardised rows.

        Returns
        -------
        points : Tensor of shape (n_rows, n_components)
            Their embedding.
        """
        import torch

        for param in self._params:
            if param.grad is not None:
                param.grad.zero_()
        with torch.enable_grad():
            Z = self._encoder.forward(self._params, X, self._generator)
            self._points = to_sphere(Z) if self._normalize else Z
        return self._points.detach()

    def backward(self, forces):
        """Write the gradients of the parameters.

        Parameters
        ----------
        forces : Tensor of shape (n_rows, n_components)
            Gradient of the loss in the points of the last `forward`.
        """
        self._points.backward(forces)


class MLPPasses:
    """The passes of a multi-layer perceptron.

    Parameters
    ----------
    params : list of Tensor
        Weights and biases in turn, with gradients to write to. A leading axis holds
        independent models.

    activation : Activation
        Of the hidden layers.

    dropout : float or list of float
        Share of hidden activations to drop; of each model.

    n_rows : int
        Rows in a batch.

    normalize : bool
        Whether points are scaled to length 1.

    generator : numpy.random.Generator or torch.Generator, or a list of them
        Source of the dropout masks; of each model.
    """

    def __init__(self, params, activation, dropout, n_rows, normalize, generator):
        self._weights = [param.detach() for param in params[0::2]]
        self._biases = [param.detach() for param in params[1::2]]
        lead = self._weights[0].shape[:-2]
        if lead:
            self._biases = [bias.unsqueeze(-2) for bias in self._biases]
        self._on_weights = [param.grad for param in params[0::2]]
        self._on_biases = [param.grad for param in params[1::2]]
        self._activation, self._dropout = activation, dropout
        self._normalize, self._generator = normalize, generator
        self._values = [b.new_empty((*lead, n_rows, b.shape[-1])) for b in self._biases]
        self._slopes = [values.clone() for values in self._values]
        self._outputs = [values.clone() for values in self._values[:-1]]
        drops = np.any(dropout)
        self._masks = [values.clone() for values in self._outputs if drops]

    def forward(self, X):
        """Return the points of a batch, as `AutogradPasses.forward` does.

        Parameters
        ----------
        X : Tensor of shape (n_rows, n_features)
            Standardised rows, which `backward` looks at again.

        Returns
        -------
        points : Tensor of shape (n_rows, n_components)
            Their embedding, overwritten by the next call.
        """
        import torch

        aten, add = torch.ops.aten, torch.addmm if X.ndim == 2 else torch.baddbmm
        self._inputs = [X, *self._outputs]
        layers = zip(
            self._weights, self._biases, self._inputs, self._values, strict=True
        )
        for layer, (W, b, inputs, values) in enumerate(layers):
            add(b, inputs, W, out=values)
            if layer < len(self._outputs):
                self._activation.write(aten, values, self._outputs[layer])
                if self._masks:
                    mask = self._masks[layer]
                    write_mask(mask, self._dropout, self._generator)
                    self._outputs[layer].mul_(mask)
        if not self._normalize:
            return values
        squares = (values * values).sum(-1, keepdim=True)
        zero = squares == 0
        # Where the length is zero, divide by one: the root of zero has no slope.
        self._shrink = squares.add_(zero).rsqrt_().mul_(~zero)
        return values.mul_(self._shrink)

    def backward(self, forces):
        """Write the gradients of the parameters.

        Parameters
        ----------
        forces : Tensor of shape (n_rows, n_components)
            Gradient of the loss in the points of the last `forward`.
        """
        import torch

        aten, multiply = torch.ops.aten, torch.mm if forces.ndim == 2 else torch.bmm
        slopes = self._slopes[-1].copy_(forces)
        if self._normalize:
            # On the sphere, a pull along the radius moves nothing.
            points = self._values[-1]
            along = (points * slopes).sum(-1, keepdim=True)
            slopes.addcmul_(points, along, value=-1).mul_(self._shrink)
        for layer in range(len(self._weights) - 1, -1, -1):
            slopes = self._slopes[layer]
            multiply(self._inputs[layer].mT, slopes, out=self._on_weights[layer])
            torch.sum(slopes, -2, out=self._on_biases[layer])
            if layer:
                before = self._slopes[layer - 1]
                multiply(slopes, self._weights[layer].mT, out=before)
                if self._masks:
                    before.mul_(self._masks[layer - 1])
                self._activation.multiply(aten, before, self._values[layer - 1])
