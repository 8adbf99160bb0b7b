"""A process group for the ranks of one training, made inside of Dask's tasks."""

import gc
import json
import socket
import time
import traceback
from contextlib import suppress
from datetime import timedelta
from threading import Lock
from urllib.parse import urlsplit

#: Seconds for the ranks to be connected, once all of them are there.
_TO_CONNECT = 60
#: Collectives wait as long as a rank computes: the client looks for those that stall.
_NEVER = timedelta(days=1)
#: Seconds between two looks at who is there.
_TURN = 0.02
#: Connections of the ranks in this process, by the name of their training.
_LINKS: dict = {}
_OPENING = Lock()


class Link:
    """The connections of a training in this process, which another thread may cut."""

    def __init__(self):
        self.ends, self.is_cut = set(), False

    def cut(self):
        """Shut the connections down: collectives that wait on them fail at once."""
        import os

        import psutil

        self.is_cut = True
        for each in psutil.Process().net_connections("tcp"):
            if each.raddr and not self.ends.isdisjoint((each.laddr, each.raddr)):
                # It may have been closed meanwhile.
                with suppress(OSError), socket.socket(fileno=os.dup(each.fd)) as own:
                    own.shutdown(socket.SHUT_RDWR)


def cut(name):
    """End the ranks of a training that run in this process."""
    # One that is only about to begin will find it cut.
    _LINKS.setdefault(name, Link()).cut()


def forget(name):
    """Forget a training whose ranks in this process have ended."""
    _LINKS.pop(name, None)


def run_rank(task, name, rank, addresses, timeout, first_rows, parts):
    """Return what a task returns for this rank, in a group of one at each address."""
    rows = zip(first_rows, parts, strict=True)
    link, group = _LINKS.setdefault(name, Link()), None
    try:
        group = _connected(name, rank, addresses, timeout, link)
        result = task(group, [(first, *part) for first, part in rows])
        # Others may still read what this rank has sent.
        group.barrier().wait()
        return result
    except BaseException as error:
        link.cut()
        _forget_frames(error)
        if _is_of_peers(error):
            raise ConnectionError(str(error)) from None
        raise
    finally:
        # The group ends, and its ports are closed, with its last reference.
        _LINKS.pop(name, None)
        group = None
        gc.collect()


def _connected(name, rank, addresses, timeout, link):
    """Return the process group, which is bound to the addresses of the workers."""
    from torch.distributed import ProcessGroupGloo

    host = _host(addresses[rank])
    store = _store(name, rank, addresses, timeout, host)
    with _OPENING:
        before = _listening()
        device = ProcessGroupGloo.create_device(hostname=host)
        ends = _listening() - before
    store.set(str(rank), json.dumps([*ends]))
    _wait_for_all(store, addresses, timeout, link)
    for each in range(len(addresses)):
        link.ends |= {tuple(end) for end in json.loads(store.get(str(each)))}
    options = ProcessGroupGloo._Options()
    options._devices, options._timeout = [device], timedelta(seconds=_TO_CONNECT)
    group = ProcessGroupGloo(store, rank, len(addresses), options)
    group._set_default_timeout(_NEVER)
    return group


def _store(name, rank, addresses, timeout, host):
    """Return the store that ranks meet at, open on the first one's address alone."""
    from distributed import Variable
    from torch.distributed import TCPStore

    port = Variable(name)
    if rank == 0:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, 0), family=family)
        number = listener.getsockname()[1]
        own = {"is_master": True, "master_listen_fd": listener.detach()}
        store = TCPStore(host, number, wait_for_workers=False, **own)
        port.set(number)
        return store
    try:
        number = port.get(timeout)
    except TimeoutError:
        raise _late(addresses[:1], timeout) from None
    if number is None:
        raise ConnectionError("The training has been given up.")
    return TCPStore(_host(addresses[0]), number, wait_for_workers=False)


def _host(address):
    """Return where the ranks of a worker listen."""
    parts = urlsplit(address)
    # Workers in one process have the address of their machine, and need none.
    named = parts.hostname if parts.scheme != "inproc" else None
    return named or "127.0.0.1"


def _wait_for_all(store, addresses, timeout, link):
    """Wait until every rank has told where it listens."""
    end = time.monotonic() + timeout
    missing = dict(enumerate(addresses))
    while missing:
        missing = {i: a for i, a in missing.items() if not store.check([str(i)])}
        if link.is_cut:
            raise ConnectionError("The training has been given up.")
        if missing and time.monotonic() > end:
            raise _late([*missing.values()], timeout)
        time.sleep(_TURN * bool(missing))


def _late(addresses, timeout):
    """Return the error for workers that are busy, paused or stopped."""
    return TimeoutError(
        f"The workers {', '.join(addresses)} have not begun their part within "
        f"{timeout:g} seconds: other tasks, or a lack of memory, keep them from it. "
        "Wait for these, or raise `timeout`."
    )


def _listening():
    """Return where this process listens."""
    import psutil

    found = psutil.Process().net_connections("tcp")
    return {tuple(each.laddr) for each in found if each.status == psutil.CONN_LISTEN}


def _is_of_peers(error):
    """Return whether other ranks have failed, or a connection to them has."""
    from torch.distributed import DistError

    gloo = isinstance(error, RuntimeError) and "gloo" in str(error)
    return vars(error).get("of_peer") or gloo or isinstance(error, DistError)


def _forget_frames(error):
    """Clear the variables of an error's frames, which hold on to the group."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
