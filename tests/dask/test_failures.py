"""A worker that fails, dies or stalls is an error, and the cluster trains again."""

import os
import signal
import threading

import pytest

da = pytest.importorskip("dask.array")
pytest.importorskip("sklearn_contrastive.dask")

from sklearn_contrastive.dask._cluster import run_together  # noqa: E402

pytestmark = [pytest.mark.long, pytest.mark.timeout(60)]


def parts():
    return [
        (block, None) for block in da.ones((70, 2), chunks=(10, 2)).to_delayed()[:, 0]
    ]


def total(group, blocks):
    import torch

    n = torch.tensor([sum(len(X) for _, X, _ in blocks)])
    group.allreduce([n]).wait()
    return n.item(), group.size(), [first for first, *_ in blocks]


def raising(error):
    def task(group, blocks):
        if group.rank() == 1:
            raise error
        return total(group, blocks)

    return task


def signalled(number, once=None):
    def task(group, blocks):
        if group.rank() == 1 and not (once and os.path.exists(once)):
            if once:
                open(once, "w").close()
            os.kill(os.getpid(), number)
        return total(group, blocks)

    return task


def listening():
    import psutil

    found = psutil.Process().net_connections("tcp")
    return {each.laddr for each in found if each.status == psutil.CONN_LISTEN}


@pytest.fixture(autouse=True)
def trains_again(client):
    """After each test: both workers train, with the same result and ports as before."""
    client.wait_for_workers(2, timeout=60)
    expected = run_together(client, parts(), total)
    yield
    client.wait_for_workers(2, timeout=60)
    assert run_together(client, parts(), total) == expected == (70, 2, [0, 10, 20, 30])
    ports = client.run(listening).values()
    assert all(len(own) == 2 for own in ports)
    assert {ip for own in ports for ip, _ in own} == {"127.0.0.1"}
    client.run(lambda: None)
    assert not client.futures
    assert not any(client.processing().values())


def test_an_error_keeps_its_class_or_is_named(client):
    message = "`alpha` is wrong. (on the worker tcp://127.0.0.1:"
    with pytest.raises(ValueError, match=message.replace("(", r"\(")) as caught:
        run_together(client, parts(), raising(ValueError("`alpha` is wrong.")))
    assert type(caught.value) is ValueError
    assert type(caught.value.__cause__) is ValueError
    with pytest.raises(
        RuntimeError, match=r"The worker tcp://.* failed: KeyError: 'a'"
    ):
        run_together(client, parts(), raising(KeyError("a")))


def test_a_worker_that_dies_is_named(client):
    before = {*client.scheduler_info()["workers"]}
    with pytest.raises(RuntimeError, match="has left the cluster") as caught:
        run_together(client, parts(), signalled(signal.SIGKILL))
    assert any(address in str(caught.value) for address in before)


def test_training_begins_again_without_a_worker_that_dies(client, tmp_path):
    task = signalled(signal.SIGKILL, once=str(tmp_path / "died"))
    assert run_together(client, parts(), task, max_restarts=1)[:2] == (70, 2)


def test_a_worker_that_stalls_is_named(client):
    pids = client.run(os.getpid)
    try:
        with pytest.raises(
            TimeoutError, match=r"worker tcp://.* has stalled"
        ) as caught:
            run_together(client, parts(), signalled(signal.SIGSTOP), timeout=5)
    finally:
        for pid in pids.values():
            os.kill(pid, signal.SIGCONT)
    assert any(address in str(caught.value) for address in pids)


def test_a_long_computation_has_not_stalled(client):
    def task(group, blocks):
        import time

        if group.rank() == 1:
            time.sleep(8)
        return total(group, blocks)

    assert run_together(client, parts(), task, timeout=5)[0] == 70


def test_an_interrupt_ends_all_ranks(client, monkeypatch):
    from sklearn_contrastive.dask import _cluster

    def task(group, blocks):
        if group.rank() == 0:
            return total(group, blocks)
        threading.Event().wait(3)
        return total(group, blocks)

    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as changed:
        changed.setattr(_cluster, "_watch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_together(client, parts(), task)


def test_fits_at_once_do_not_mix(client):
    from distributed import Client

    results = []
    with Client(client.scheduler.address, set_as_default=False) as other:

        def fits(own):
            results.extend(run_together(own, parts(), total) for _ in range(3))

        threads = [
            threading.Thread(target=fits, args=(c,)) for c in (client, client, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [each[:2] for each in results] == [(70, 2)] * 9


@pytest.mark.parametrize("resumes", [True, False])
def test_a_fit_whose_worker_dies_has_the_bits_of_another(client, tmp_path, resumes):
    import numpy as np

    from sklearn_contrastive.dask import DaskContrastiveEmbedding

    rng = np.random.RandomState(0)
    y = rng.randint(3, size=240)
    X = da.from_array(rng.normal(size=(240, 4)) + y[:, None], chunks=(60, 4))
    y = da.from_array(y, chunks=60)
    given = {
        "max_iter": 120,
        "batch_size": 60,
        "n_components": 8,
        "n_members": 2,
        "random_state": 0,
    }
    whole = DaskContrastiveEmbedding(**given).fit(X, y)
    place = tmp_path / "died"

    def dies(plugin=None):
        """Let the first process end itself after some reports."""
        import os
        import signal

        from sklearn_contrastive._estimators._callbacks import Reports

        end = Reports.end

        def last(self, report, stop):
            asked = end(self, report, stop)
            if report.history.n_steps > 230 and not place.exists():
                place.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return asked

        Reports.end = last

    client.run(dies)
    checkpoint = tmp_path / "training.ckpt" if resumes else None
    model = DaskContrastiveEmbedding(**given, max_restarts=1)
    model.fit(X, y, checkpoint=checkpoint)
    assert place.exists()
    assert not resumes or checkpoint.exists()
    np.testing.assert_array_equal(model.loss_curve_, whole.loss_curve_)
    ends = (m.to_local().transform(X.compute()) for m in (model, whole))
    np.testing.assert_array_equal(*ends)
