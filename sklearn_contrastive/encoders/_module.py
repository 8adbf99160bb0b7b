"""A user's torch module as an encoder."""

from contextlib import nullcontext
from copy import deepcopy

import numpy as np

from sklearn_contrastive._validation import shorten, shortened
from sklearn_contrastive.encoders._mlp import Encoder
from sklearn_contrastive.encoders._stream import own_stream


class ModuleEncoder(Encoder):
    """A user's torch module behind the interface of the other encoders.

    The module given is never trained or changed: a copy is, and its parameters and
    buffers are kept as numpy arrays by name.

    Parameters
    ----------
    source : torch.nn.Module or callable
        A module, or a factory ``(n_features, n_components) -> module``. It must map
        (n_batch, n_features) to (n_batch, n_components).

    n_in : int
        Number of features.

    n_out : int or None
        Number of components; None for those that a module has, then `n_out`.

    seed : int, default=0
        Seed of the weights that a factory, or a lazy module, draws, and of what the
        module draws outside of training. Torch's global stream is left alone.

    names : list of str, default=None
        Names of parameters and buffers in the order that they are given in; None for
        the module's own, those that are trained first.
    """

    draws_globally = True

    def __init__(self, source, n_in, n_out, seed=0, names=None):
        import torch

        self._seed = seed
        # In inference mode, torch hides where dropout draws.
        with torch.inference_mode(False), own_stream(seed):
            ready = isinstance(source, torch.nn.Module)
            module = deepcopy(source) if ready else source(n_in, n_out)
            if not isinstance(module, torch.nn.Module):
                raise TypeError(
                    "`encoder` must be a torch.nn.Module or a factory that returns "
                    f"one; it returned {type(module).__name__}."
                )
            self._module = module.to("cpu", torch.float32).eval()
            # A dry run also gives lazy modules their shapes.
            self._check_output(n_in, n_out)
        params = dict(self._module.named_parameters())
        self.n_trained = sum(param.requires_grad for param in params.values())
        frozen_last = sorted(params, key=lambda name: not params[name].requires_grad)
        # Of the parameters and buffers, in the order of `init`. That of an earlier fit
        # may be another, since parameters are frozen and thawed.
        self.names = [*frozen_last, *dict(self._module.named_buffers())]
        if names is not None and set(names) != set(self.names):
            raise ValueError(
                "`encoder` must have the parameters that were fitted, "
                f"{shorten(sorted(names))}; it has {shorten(sorted(self.names))} now. "
                "Fit again."
            )
        self.names = names or self.names

    def _check_output(self, n_in, n_out):
        import torch

        width = "n_components" if n_out is None else f"n_components={n_out}"
        expected = (
            f"`encoder` must map a batch of shape (n_batch, {n_in}) to shape "
            f"(n_batch, {width})"
        )
        try:
            with torch.no_grad():
                rows = torch.zeros(2, n_in, device="cpu", dtype=torch.float32)
                out = self._module(rows)
        except Exception as error:
            raise ValueError(f"{expected}; it raised {shortened(error)!r}.") from error
        tensor = isinstance(out, torch.Tensor)
        got = tuple(out.shape) if tensor else type(out).__name__
        self.n_out = got[-1] or None if n_out is None and tensor and got else n_out
        if got != (2, self.n_out):
            raise ValueError(
                f"{expected}; given (2, {n_in}) it returned {got}. Change its last "
                "layer, or set `n_components` to 'auto', or to its width times the "
                "number of networks."
            )

    def init(self, n_in, n_out, rng):
        """Return the module's parameters and buffers.

        Parameters
        ----------
        n_in, n_out : int
            Ignored; the module was built for them.

        rng : numpy.random.RandomState
            Ignored; the module has its weights.

        Returns
        -------
        params : list of ndarray
            Copies, trained parameters first.
        """
        tensors = dict(self._module.named_parameters())
        tensors |= self._module.named_buffers()
        return [tensors[name].detach().numpy().copy() for name in self.names]

    def forward(self, params, X, generator=None):
        """Return the points of some rows.

        Parameters
        ----------
        params : list of ndarray or Tensor
            As `init` makes them. In training, buffers among them are updated in
            place.

        X : ndarray or Tensor of shape (n_rows, n_in)
            Standardised rows.

        generator : numpy.random.Generator or torch.Generator, default=None
            Its presence means training mode; modules draw from torch's global stream,
            or the `own_stream` that is entered. Without it they draw from a new one.

        Returns
        -------
        Z : ndarray or Tensor of shape (n_rows, n_out)
            Points.
        """
        import torch

        if isinstance(X, np.ndarray):
            with torch.inference_mode(False), torch.no_grad():
                # torch refuses arrays that are read-only or run backwards.
                dtypes = [X.dtype if p.dtype.kind == "f" else None for p in params]
                params = map(torch.from_numpy, map(np.array, params, dtypes))
                X = torch.from_numpy(np.require(X, requirements=("C", "W", "E")))
                return self.forward(params, X).numpy()
        if self._module.training != (generator is not None):
            self._module.train(generator is not None)
        state = dict(zip(self.names, params, strict=True))
        with nullcontext() if generator is not None else own_stream(self._seed):
            return torch.func.functional_call(self._module, state, (X,))
