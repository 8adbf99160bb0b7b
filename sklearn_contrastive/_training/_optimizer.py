"""How parameters move: AdamW and its learning rates."""

import numpy as np

#: AdamW's decay of the running means of gradients and of their squares. A shorter
#: memory of squares than the usual 0.999 suits training that lasts a few hundred steps.
_BETAS = (0.9, 0.95)
_EPSILON = 1e-8
#: Steps over which the learning rate rises at the start.
_N_WARMUP_STEPS = 20


class AdamW:
    """Adam with decoupled weight decay [1]_, on one flat buffer a model.

    The function behind ``torch.optim.AdamW`` is called directly: the class loads
    torch's compiler when it is built, which takes longer than many a fit.

    ``params`` are leaves of one dtype with a leading axis of models, and become views of
    the buffer. Those of three and more axes decay, by the `weight_decays` of each model
    relative to the learning rate; biases do not. ``state`` is what `state` returned, to
    resume from, along the axis of models. ``tensors`` are all that a step changes.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
    """

    def __init__(self, params, weight_decays, state=None):
        import torch

        n = len(weight_decays)
        params = sorted(params, key=lambda param: param.ndim < 3)
        flat = torch.cat([param.detach().reshape(n, -1) for param in params], 1)
        grad = torch.zeros_like(flat)
        start = n_decayed = 0
        for param in params:
            end = start + param.numel() // n
            param.data = flat[:, start:end].view(param.shape)
            param.grad = grad[:, start:end].view(param.shape)
            n_decayed = end if param.ndim >= 3 else n_decayed
            start = end
        self._decayed = flat[:, :n_decayed].unbind()
        means, squares = torch.zeros_like(grad), torch.zeros_like(grad)
        n_steps = torch.zeros(n, device=flat.device, dtype=torch.float32)
        self._state = [means, squares, n_steps]
        for tensor, saved in zip(self._state, state or (), strict=state is not None):
            tensor.copy_(torch.from_numpy(np.array(saved)).view(tensor.shape))
        self.tensors = [flat, *self._state]
        self._weight_decays = weight_decays
        self._models = [each.unbind() for each in (flat, grad, means, squares, n_steps)]
        # A captured step finds its rates on the device, any other in numbers.
        self._rates, self._on_device = [0.0] * n, None
        if flat.device.type == "cuda":
            self._on_device = torch.zeros(n, device=flat.device)
            self._rates = self._on_device.unbind()

    def set_lr(self, rates):
        """Set the learning rate of the next steps, one per model."""
        if self._on_device is None:
            self._rates = rates
        else:
            import torch

            self._on_device.copy_(torch.tensor(rates))

    def step(self):
        """Move against the gradients."""
        from torch.optim.adamw import adamw

        parts = zip(self._decayed, self._rates, self._weight_decays, strict=True)
        for decayed, rate, weight_decay in parts:
            decayed.mul_(1 - rate * weight_decay)
        groups = [(*self._models, self._rates[0])]
        if self._on_device is not None or len(set(self._rates)) > 1:
            # One call moves models of one rate.
            each = zip(*self._models, self._rates, strict=True)
            groups = [(*([tensor] for tensor in model), rate) for *model, rate in each]
        for params, grads, means, squares, n_steps, rate in groups:
            adamw(
                params,
                grads,
                means,
                squares,
                [],
                n_steps,
                foreach=False,
                fused=params[0].device.type in ("cpu", "cuda", "mps"),
                amsgrad=False,
                beta1=_BETAS[0],
                beta2=_BETAS[1],
                lr=rate,
                weight_decay=0.0,
                eps=_EPSILON,
                maximize=False,
            )

    def state(self, model=0):
        """Return copies of a model's running means and step count, as numpy."""
        return [tensor[model].cpu().numpy().copy() for tensor in self._state]


def learning_rates(n_steps):
    """Return the learning rate of each step, as a share of the peak.

    A linear rise over 20 steps (at most a tenth of all), then a cosine fall to almost
    zero.
    """
    steps = np.arange(n_steps)
    n_warmup = min(_N_WARMUP_STEPS, max(1, n_steps // 10))
    done = np.maximum(0, steps - n_warmup) / max(1, n_steps - n_warmup)
    return np.minimum((steps + 1) / n_warmup, 1) * (1 + np.cos(np.pi * done)) / 2
