"""Steps of training as CUDA graphs.

At the sizes of tables a GPU works for less time on an operation than the processor
needs to ask for it. A graph asks for all operations of a step at once.
"""

_N_WARMUP = 3


def captured(work, state, generator):
    """Return a function that does the same work, where possible by replaying a graph.

    Parameters
    ----------
    work : callable
        Launches operations on the current CUDA device over arrays that stay where
        they are, without waiting for any.

    state : list of Tensor
        What `work` changes and must not find changed by the capture.

    generator : torch.Generator or list of torch.Generator
        What `work` draws from; that of each model.

    Returns
    -------
    work : callable
        The replay of a graph; `work` itself when it cannot be captured.
    """
    import torch

    saved = [tensor.detach().clone() for tensor in state]
    generators = generator if isinstance(generator, list) else [generator]
    drawn = [each.get_state() for each in generators]

    def restore():
        with torch.no_grad():
            for tensor, before in zip(state, saved, strict=True):
                tensor.copy_(before)
        for each, before in zip(generators, drawn, strict=True):
            each.set_state(before)

    try:
        graph = torch.cuda.CUDAGraph()
        for each in generators:
            graph.register_generator_state(each)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            # Libraries set themselves up in the first calls, which a graph forbids.
            for _ in range(_N_WARMUP):
                work()
        torch.cuda.current_stream().wait_stream(aside)
        restore()
        with torch.cuda.graph(graph):
            work()
    except (RuntimeError, AttributeError):
        # An operation that cannot be captured, or a torch without graphs.
        restore()
        return work

    restore()
    return graph.replay
