"""How parameters move: AdamW and its learning rates."""

import numpy as np

#: AdamW's decay of the running means of gradients and of their squares. A shorter
#: memory of squares than the usual 0.999 suits training that lasts a few hundred steps.
_BETAS = (0.9, 0.95)
_EPSILON = 1e-8
#: Steps over which the learning rate rises at the start.
_N_WARMUP_STEPS = 20


class AdamW:
    """Adam with decoupled weight decay [1]_, on one flat buffer.

    The function behind ``torch.optim.AdamW`` is called directly: the class loads
    torch's compiler when it is built, which takes longer than many a fit.

    Parameters
    ----------
    params : list of Tensor
        Leaves of one dtype, which become views of the buffer. Those of two and more
        axes decay; biases and other vectors do not.

    weight_decay : float
        Decay per step, relative to the learning rate.

    state : list of ndarray, default=None
        What `state` returned, to go on from there.

    Attributes
    ----------
    tensors : list of Tensor
        All that a step changes.

    References
    ----------
    .. [1] I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
    """

    def __init__(self, params, weight_decay, state=None):
        import torch

        params = sorted(params, key=lambda param: param.ndim < 2)
        self._weight_decay = weight_decay
        self._flat = torch.cat([param.detach().reshape(-1) for param in params])
        self._grad = torch.zeros_like(self._flat)
        start = n_decayed = 0
        for param in params:
            end = start + param.numel()
            param.data = self._flat[start:end].view(param.shape)
            param.grad = self._grad[start:end].view(param.shape)
            n_decayed = end if param.ndim > 1 else n_decayed
            start = end
        self._decayed = self._flat[:n_decayed]
        self._means, self._squares = torch.zeros_like(self._grad).repeat(2, 1)
        device = self._flat.device
        self._n_steps = torch.zeros((), device=device, dtype=torch.float32)
        self._state = [self._means, self._squares, self._n_steps]
        for tensor, saved in zip(self._state, state or (), strict=state is not None):
            tensor.copy_(torch.from_numpy(np.array(saved)))
        self.tensors = [self._flat, *self._state]
        # A captured step finds its rate on the device, any other in a number.
        self._rate = torch.zeros((), device=device) if device.type == "cuda" else 0.0

    def learn_at(self, rate):
        """Set the learning rate of the steps to come."""
        if isinstance(self._rate, float):
            self._rate = rate
        else:
            self._rate.fill_(rate)

    def step(self):
        """Move against the gradients."""
        from torch.optim.adamw import adamw

        self._decayed.mul_(1 - self._rate * self._weight_decay)
        adamw(
            [self._flat],
            [self._grad],
            [self._means],
            [self._squares],
            [],
            [self._n_steps],
            foreach=False,
            fused=self._flat.device.type in ("cpu", "cuda", "mps"),
            amsgrad=False,
            beta1=_BETAS[0],
            beta2=_BETAS[1],
            lr=self._rate,
            weight_decay=0.0,
            eps=_EPSILON,
            maximize=False,
        )

    def state(self):
        """Return copies of the running means and the step count, as numpy."""
        return [tensor.cpu().numpy().copy() for tensor in self._state]


def learning_rates(n_steps):
    """Return the learning rate of each step, as a share of the peak.

    Parameters
    ----------
    n_steps : int
        Steps in all.

    Returns
    -------
    rates : ndarray of shape (n_steps,)
        A linear rise over 20 steps (at most a tenth of all), then a cosine fall to
        almost zero.
    """
    steps = np.arange(n_steps)
    n_warmup = min(_N_WARMUP_STEPS, max(1, n_steps // 10))
    done = np.maximum(0, steps - n_warmup) / max(1, n_steps - n_warmup)
    return np.minimum((steps + 1) / n_warmup, 1) * (1 + np.cos(np.pi * done)) / 2
