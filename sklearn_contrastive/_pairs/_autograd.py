"""The gradient of any loss in points, by automatic differentiation."""


class AutogradPairs:
    """A loss that is called with all pairs at once, and differentiated by torch."""

    def __init__(self, loss, A, C=None, miner=None, fixed=False):
        self._loss, self._miner, self._fixed = loss, miner, fixed

    def __call__(self, A, C, weigh, params=None):
        """Return the loss, its gradients in A and C, and in the loss's parameters."""
        import torch

        params = params or {}
        others = A if C is None else C
        pairs = weigh(slice(0, A.shape[-2]), slice(0, others.shape[-2]), None)
        if self._miner is not None:
            pairs = self._miner(torch.cdist(A, others), pairs)
        with torch.enable_grad():
            ends = [A.clone().requires_grad_()]
            if C is not None:
                ends.append(C if self._fixed else C.clone().requires_grad_())
            own = (params,) if params else ()
            loss = self._loss(ends[0], ends[-1], pairs, *own)
        if not isinstance(loss, torch.Tensor) or loss.ndim or not loss.requires_grad:
            tensor = isinstance(loss, torch.Tensor)
            got = f"shape {tuple(loss.shape)}" if tensor else repr(loss)
            raise ValueError(
                "`loss` must return a scalar tensor that was computed from its anchors "
                f"and candidates by torch; got {got}. Average over the pairs, and do "
                "not detach or convert on the way."
            )
        ends = [end for end in ends if end.requires_grad]
        found = torch.autograd.grad(loss, [*ends, *params.values()])
        on_params = dict(zip(params, found[len(ends) :], strict=True))
        return loss.detach(), list(found[: len(ends)]), on_params
