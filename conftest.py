"""Settings for every test and doctest."""

import gc
import os
import sys

# Before numpy and torch are loaded: two busy cores make two-thread steps very slow.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
from hypothesis import is_hypothesis_test, settings

#: ``HYPOTHESIS_PROFILE=fuzz`` runs the property tests on many more examples.
settings.register_profile("fuzz", max_examples=1000, deadline=None, print_blob=True)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
settings.load_profile(PROFILE)


@pytest.fixture(autouse=True)
def _close_figures():
    """Close what a test or the example of a docstring has drawn."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def pytest_collection_modifyitems(config, items):
    """Leave out tests that need a missing GPU, and apply the profile of hypothesis."""
    deselect_gpu_tests(config, items)
    deselect_long_tests(config, items)
    if PROFILE == "fuzz":
        for item in items:
            if is_hypothesis_test(getattr(item, "obj", None)):
                raise_max_examples(item.obj)


def pytest_collection_finish():
    """Spare the garbage collector the modules and tests, which stay to the end."""
    gc.freeze()


def deselect_long_tests(config, items):
    """Leave out the long tests where no marker is asked for."""
    if config.option.markexpr == "long":
        return
    marked = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=marked)
    items[:] = [item for item in items if item not in marked]


def deselect_gpu_tests(config, items):
    """Leave out the tests that need a GPU where there is none."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]


def raise_max_examples(test):
    """Replace the small number of examples that a property test has of its own."""
    # hypothesis has no public way to change the settings of a decorated test.
    own = test._hypothesis_internal_use_settings
    test._hypothesis_internal_use_settings = settings(
        own, max_examples=max(own.max_examples, settings().max_examples)
    )
