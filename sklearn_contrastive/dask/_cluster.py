"""One task on each worker that holds rows, watched from the client."""

import math
import time
from collections import Counter
from contextlib import suppress
from uuid import uuid4

from sklearn_contrastive._validation import shorten
from sklearn_contrastive.dask._group import cut, forget, run_rank

#: Seconds between two looks at the workers, where none ends meanwhile.
_TURN = 1
#: Seconds in which ranks end that were connected with one that has.
_ECHO = 10
#: Seconds in which a worker that died comes back.
_RETURN = 30
#: Holds one training at a time: two that wait for each other's places would not end.
#: It is leased, so that a client that dies leaves it free.
_LOCK = "sklearn_contrastive"
#: Errors of parameters and data, which keep their class.
_KEPT = ValueError, TypeError, FloatingPointError, MemoryError, TimeoutError


class WorkerLostError(RuntimeError):
    """A worker has left the cluster while it trained."""


class WorkerStalledError(TimeoutError):
    """A worker is in the cluster, but has not been heard of."""


def client_of(client):
    """Return the client, or the current one, if it can be used."""
    from distributed import Client, default_client

    expected = "`client` must be a client of Dask that is open"
    if client is None:
        try:
            client = default_client()
        except ValueError:
            raise ValueError(
                f"{expected}, or None for the current one; there is none. Make one "
                "first: distributed.Client(distributed.LocalCluster())."
            ) from None
    if not isinstance(client, Client):
        raise TypeError(f"{expected}; got {shorten(client)}.")
    if client.status != "running" or client.asynchronous:
        state = "an asynchronous" if client.asynchronous else f"a {client.status}"
        raise ValueError(f"{expected}, and not asynchronous; got {state} one.")
    return client


def run_together(client, parts, task, *, timeout=120, max_restarts=0):
    """Return what a task returns on rank 0, with one rank on each worker with rows.

    ``parts`` are tuples of Dask objects of the same rows, in order. Each rank calls
    ``task(group, blocks)`` with its process group and ``(first_row, *part)`` for each
    part. A worker is lost when it leaves the cluster, and has stalled when the
    scheduler has not heard of it for ``timeout`` seconds, however long it computes.
    """
    from distributed import Semaphore

    with Semaphore(1, _LOCK, client.scheduler, client.loop):
        for n_left in reversed(range(max_restarts + 1)):
            n_workers = _wait_for_one(client, timeout)
            held = {}
            try:
                held = _held(client, parts)
                return _run_once(client, held, task, timeout)
            except WorkerLostError:
                with suppress(TimeoutError):
                    client.wait_for_workers(n_workers, timeout=_RETURN)
                if not n_left:
                    raise
            finally:
                _release(held)


def _held(client, parts):
    """Return futures of the parts, in order, with the worker that each is sent to.

    What lies on a worker stays there. Where nothing does, workers get parts in their
    order, so that the same table makes the same sums; the others go where Dask likes.
    """
    from dask import delayed
    from distributed import futures_of, wait

    # What is on its way to a worker will lie there, too.
    wait(futures_of([part[0] for part in parts]))
    addresses, groups, found = sorted(_workers(client)), {}, {}
    holders = {k: a for a, keys in client.has_what().items() for k in keys}
    for i, part in enumerate(parts):
        address = holders.get(part[0].key)
        if address is None and addresses and not futures_of(part[0]):
            address = addresses[i * len(addresses) // len(parts)]
        groups.setdefault(address, []).append(i)
    for address, own in groups.items():
        wanted = [delayed(_kept, pure=False)(*parts[i]) for i in own]
        futures = client.compute(wanted, workers=address and [address])
        found |= {i: (future, address) for i, future in zip(own, futures, strict=True)}
    return dict(found[i] for i in range(len(parts)))


def _kept(*part):
    """Return the parts of a partition as one, which is with one worker."""
    return part


def _length(part):
    return len(part[0])


def _workers(client):
    if client.status in ("closing", "closed"):
        raise RuntimeError(
            "`client`, or its cluster, was closed while workers trained."
        )
    return client.scheduler_info(n_workers=-1)["workers"]


def _wait_for_one(client, timeout):
    """Return how many workers there are, at least one."""
    try:
        client.wait_for_workers(1, timeout=timeout)
    except TimeoutError:
        raise TimeoutError(
            f"The cluster has had no worker for {timeout:g} seconds. Start one, or "
            "raise `timeout`."
        ) from None
    return len(_workers(client))


def _run_once(client, parts, task, timeout):
    """Start one rank on each worker, and return what the first of them returns."""
    from distributed import Variable

    plan = _ranks(client, parts)
    name, addresses = f"{_LOCK}-{uuid4().hex}", [*plan]
    port, ranks = Variable(name, client), {}
    try:
        for rank, (address, own) in enumerate(plan.items()):
            first_rows, held = map(list, zip(*own, strict=True))
            future = client.submit(
                run_rank,
                *(task, name, rank, addresses, timeout, first_rows, held),
                key=f"{name}-{rank}",
                workers=[address],
                allow_other_workers=False,
                pure=False,
            )
            ranks[future] = address
        _watch(client, ranks, timeout)
        return next(iter(ranks)).result()
    except BaseException as error:
        stalled = error.args[1:] if isinstance(error, WorkerStalledError) else ()
        _give_up(client, name, port, ranks, stalled)
        raise
    finally:
        _release(ranks)
        port.delete()


def _ranks(client, parts):
    """Return the (first row, part) of each worker with rows, in the order of rows."""
    from distributed import wait

    while True:
        with suppress(TimeoutError):
            wait([*parts], timeout=_TURN)
        for part in parts:
            if part.status == "error":
                part.result()
        pending = {a for f, a in parts.items() if a and f.status == "pending"}
        _check_workers(client, pending, {}, math.inf)
        if all(part.status == "finished" for part in parts):
            break
    parts = [*parts]
    lengths = client.gather(client.map(_length, parts, pure=False))
    holders, load, plan, first = client.who_has(parts), Counter(), {}, 0
    for part, length in zip(parts, lengths, strict=True):
        if length:
            address = min(holders[part.key], key=lambda each: (load[each], each))
            load[address] += length
            plan.setdefault(address, []).append((first, part))
        first += length
    if not plan:
        raise ValueError(f"`X` must have rows; got none in {len(parts)} partitions.")
    return plan


def _watch(client, ranks, timeout):
    """Return when all ranks have ended, or raise what went wrong first."""
    from distributed import wait

    heard, deadline = {}, math.inf
    while True:
        pending = [future for future in ranks if future.status == "pending"]
        errors = [(f.exception(), a) for f, a in ranks.items() if f.status == "error"]
        for error, address in errors:
            # Other ranks lose their connection with one that ends.
            if not isinstance(error, ConnectionError):
                raise _named(error, address) from error
        _check_workers(client, {ranks[f] for f in pending}, heard, timeout)
        if errors:
            # A worker that died may be known as lost a little later.
            deadline = min(deadline, time.monotonic() + _ECHO)
            if not pending or time.monotonic() > deadline:
                raise _named(*errors[0]) from errors[0][0]
        if not pending:
            return
        with suppress(TimeoutError):
            wait(pending, timeout=_TURN, return_when="FIRST_COMPLETED")


def _check_workers(client, addresses, heard, timeout):
    """Raise if a worker has gone, or has not been heard of for too long."""
    workers, now = _workers(client), time.monotonic()
    for address in addresses:
        if address not in workers:
            raise WorkerLostError(
                f"The worker {address} has left the cluster while it trained: its "
                "process died, or was ended for the memory it took; the logs of the "
                "worker say more. Fit again, or set `max_restarts`."
            )
        # Times of the scheduler's clock, which are compared with each other alone.
        last_seen = workers[address]["last_seen"]
        if heard.get(address, (None,))[0] != last_seen:
            heard[address] = last_seen, now
        elif now - heard[address][1] > timeout:
            text = (
                f"The worker {address} has stalled: the scheduler has not heard of it "
                f"for {timeout:g} seconds. Restart it, or raise `timeout`."
            )
            raise WorkerStalledError(text, address)


def _release(futures):
    """Let the scheduler forget tasks, as cancelling does for keys of this client."""
    for future in futures:
        future.release()


def _named(error, address):
    """Return an error that names the worker."""
    if isinstance(error, _KEPT):
        kind = next(kind for kind in _KEPT if isinstance(error, kind))
        return kind(f"{error} (on the worker {address})")
    return RuntimeError(f"The worker {address} failed: {type(error).__name__}: {error}")


def _give_up(client, name, port, ranks, stalled):
    """Let the ranks that are left end, which may wait for one that does not."""
    present = _workers(client)
    left = {f: a for f, a in ranks.items() if a in present and a not in stalled}
    port.set(None)
    if left:
        from distributed import wait

        client.run(cut, name, workers=[*left.values()], on_error="ignore")
        with suppress(TimeoutError):
            wait([*left], timeout=_ECHO)
            client.run(forget, name, workers=[*left.values()], on_error="ignore")
