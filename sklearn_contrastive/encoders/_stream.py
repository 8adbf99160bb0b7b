"""Random streams for torch's operations, apart from its global one."""

from functools import cache, partial

#: How what draws like a tensor is filled; older versions of torch take no generator.
_FILLS = {"aten::rand_like": "uniform_", "aten::randn_like": "normal_"}


def own_stream(seed):
    """Return a context in which torch, in this thread, draws from a stream of its own.

    Of all that is drawn on a processor; torch's global stream is neither read nor
    written. Where the context is entered again, the stream continues.
    """
    import torch

    return _mode()(torch.Generator("cpu").manual_seed(seed))


@cache
def _mode():
    """Return the class of these contexts, made when torch is first needed."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class OwnStream(TorchDispatchMode):
        def __init__(self, generator):
            super().__init__()
            self.generator = generator

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            kwargs, draw = kwargs or {}, _with_generator(func)
            if draw is None or kwargs.get("generator") is not None:
                return func(*args, **kwargs)
            devices = [arg.device for arg in args if isinstance(arg, torch.Tensor)]
            devices = [kwargs.get("device"), *devices, torch.device("cpu")]
            if next(filter(None, devices)).type != "cpu":
                return func(*args, **kwargs)
            return draw(*args, **{**kwargs, "generator": self.generator})

    return OwnStream


@cache
def _with_generator(operation):
    """Return what draws as an operation does, given a generator, or None."""
    import torch

    packet, own = operation.overloadpacket, _arguments(operation)
    if operation._schema.name in _FILLS:
        return partial(_filled, _FILLS[operation._schema.name])
    if any(name == "generator" for name, _ in own):
        return operation
    if torch.Tag.nondeterministic_seeded not in operation.tags:
        return None
    overloads = (getattr(packet, name) for name in packet.overloads())
    generator = {("generator", "Optional[Generator]")}
    return next((o for o in overloads if _arguments(o) == own | generator), None)


def _arguments(operation):
    return {(arg.name, str(arg.type)) for arg in operation._schema.arguments}


def _filled(method, like, *, generator, **kwargs):
    """Return a tensor of the shape of another, filled from a generator."""
    import torch

    empty = torch.ops.aten.empty_like.default(like, **kwargs)
    return getattr(empty, method)(generator=generator)
