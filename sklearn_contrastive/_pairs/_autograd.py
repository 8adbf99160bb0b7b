"""Losses in torch's graph: differentiated by torch, or with known gradients."""

from functools import cache


class AutogradPairs:
    """A loss that is called with all pairs at once, and differentiated by torch."""

    def __init__(self, loss, A, C=None, miner=None, fixed=False, symmetric=False):
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
            got = f"shape {tuple(loss.shape)}" if tensor else f"{loss!r:.60}"
            raise ValueError(
                "`loss` must return a scalar tensor that was computed from its anchors "
                f"and candidates by torch; got {got}. Average over the pairs, and do "
                "not detach or convert on the way."
            )
        ends = [end for end in ends if end.requires_grad]
        found = torch.autograd.grad(loss, [*ends, *params.values()])
        on_params = dict(zip(params, found[len(ends) :], strict=True))
        return loss.detach(), list(found[: len(ends)]), on_params


def closed_form(evaluator, anchors, candidates, pairs, params=None):
    """Return the loss that an evaluator finds, as a part of torch's graph."""
    params = params or {}
    given = anchors, candidates, evaluator, pairs, list(params), *params.values()
    return _graph_node().apply(*given)


@cache
def _graph_node():
    """Return the node of torch's graph, made when torch is first needed."""
    import torch

    class Node(torch.autograd.Function):
        @staticmethod
        def forward(ctx, anchors, candidates, evaluator, pairs, names, *values):
            def weigh(rows, columns, work):
                return [weights[..., rows, columns] for weights in pairs]

            points = anchors.detach(), candidates.detach()
            params = dict(zip(names, (v.detach() for v in values), strict=True))
            loss, gradients, on_params = evaluator(*points, weigh, params)
            ctx.n_params = len(names)
            on_params = [
                torch.as_tensor(on_params.get(name, 0)).to(value).expand_as(value)
                for name, value in params.items()
            ]
            ctx.save_for_backward(*gradients, *on_params)
            return loss

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad):
            saved = ctx.saved_tensors
            on_both = [grad[..., None, None] * on for on in saved[:2]]
            return *on_both, None, None, None, *(grad * on for on in saved[2:])

    return Node
