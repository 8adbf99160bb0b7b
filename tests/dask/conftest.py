"""A cluster of two workers on this machine, which the tests of a module share."""

import sys

import pytest

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client(request):
    import cloudpickle
    from distributed import Client, LocalCluster

    # Workers cannot import the functions of a test.
    cloudpickle.register_pickle_by_value(sys.modules[request.module.__name__])
    given = {
        "n_workers": 2,
        "threads_per_worker": 1,
        "dashboard_address": "127.0.0.1:0",
    }
    with (
        LocalCluster(host="127.0.0.1", memory_limit=0, **given) as cluster,
        Client(cluster) as client,
    ):
        yield client
