"""What happens to training where a step cannot be captured as a CUDA graph."""

import pytest
import torch

from sklearn_contrastive._training._graphs import captured


class BrokenGraph:
    """A graph that gives up at a certain point of the capture."""

    def __init__(self, fails_at, calls):
        self._fails_at, self._calls = fails_at, calls
        self._fail("graph")

    def _fail(self, point):
        self._calls.append(point)
        if point == self._fails_at:
            raise RuntimeError("operation not permitted when stream is capturing")

    def register_generator_state(self, generator):
        self._fail("generator")


class Anything:
    """Stands for streams and contexts that a machine without a GPU lacks."""

    def __init__(self, *_):
        pass

    def wait_stream(self, _):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.mark.parametrize("fails_at", ["graph", "generator", "capture"])
def test_without_a_graph_the_work_is_done_as_it_was(fails_at, monkeypatch):
    points, calls = [], []
    total, generator = torch.zeros(3), torch.Generator().manual_seed(0)
    expected = torch.rand(3, generator=torch.Generator().manual_seed(0))

    def work():
        calls.append("work")
        total.add_(torch.rand(3, generator=generator))

    def graph(_):
        if fails_at == "capture":
            raise RuntimeError("operation not permitted when stream is capturing")
        return Anything()

    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: BrokenGraph(fails_at, points))
    monkeypatch.setattr(torch.cuda, "Stream", Anything)
    monkeypatch.setattr(torch.cuda, "current_stream", Anything)
    monkeypatch.setattr(torch.cuda, "stream", Anything)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    found = captured(work, [total], generator)
    assert found is work
    # The attempt left no trace in the numbers.
    assert not total.any()
    found()
    assert torch.equal(total, expected)
    assert len(calls) == (4 if fails_at == "capture" else 1)
