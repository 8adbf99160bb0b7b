"""Any estimator on any table: a fit succeeds, or says why and changes nothing.

``python tests/test_fuzz.py N`` prints the table of `fuzz_outcomes.md` for N examples.
"""

import contextlib
import os
import pickle
import random
import re
import runpy
import sys
import traceback
import warnings
from collections import Counter
from pathlib import Path

# One thread, as in the tests: set before numpy is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import issparse
from sklearn.base import clone
from threadpoolctl import ThreadpoolController

from sklearn_contrastive import PairVerifier

CASES = runpy.run_path(str(Path(__file__).with_name("fuzz_cases.py")))
#: The profile of `make fuzz` draws other examples each time, and more of them.
FUZZ = settings().max_examples > 100
EXAMPLES = 10_000 if FUZZ else 60
if __name__ == "__main__":
    EXAMPLES = int(sys.argv[1])
CLEAR = (ValueError, TypeError, FloatingPointError, MemoryError)
THREADS = ThreadpoolController()


def look(values):
    """Return what a container and all its cells print."""
    dtypes = getattr(values, "dtypes", getattr(values, "dtype", None))
    dtypes = [str(dtype) for dtype in np.atleast_1d(dtypes)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cells = values if isinstance(values, list) else np.asarray(values).tolist()
    return type(values), dtypes, repr(cells)


def surroundings():
    """Return all global state that a fit might leave changed."""
    kind, keys, *rest = np.random.get_state()
    # torch loads sympy when it is needed first, which adds a filter of its own.
    filters = [f for f in warnings.filters if not f[2].__module__.startswith("sympy")]
    return {
        "numpy's stream": (kind, keys.tobytes(), *rest),
        "Python's stream": random.getstate(),
        "torch's stream": torch.random.get_rng_state().numpy().tobytes(),
        "threads": [lib["num_threads"] for lib in THREADS.info()],
        "torch's threads": torch.get_num_threads(),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "numbers": (torch.get_default_dtype(), np.geterr()),
        "filters": filters,
    }


def check_unchanged(before):
    now = surroundings()
    changed = [name for name in now if now[name] != before[name]]
    assert not changed, changed


def embed(model, X):
    """Return the points of rows, or the scores of pairs."""
    verifier = isinstance(model, PairVerifier)
    return model.decision_function(X) if verifier else model.transform(X)


def check_error(error):
    assert isinstance(error, CLEAR), repr(error)[:300]
    said = str(error)
    assert len(said) <= 600, said
    # The words of scikit-learn, which its own tests look for, have no backticks.
    innermost = traceback.extract_tb(error.__traceback__)[-1].filename
    theirs = "/sklearn/" in innermost or said.startswith("This estimator requires y")
    assert theirs or "`" in said, f"{innermost}: {said}"


def check_fitted(model, X, again):
    """Look at a fitted estimator, and another one of the same parameters and data."""
    points = embed(model, X)
    # A sparse table has no length.
    n = len(points)
    assert n == (X.shape[0] if issparse(X) else len(X))
    shape = (n,) if isinstance(model, PairVerifier) else (n, model._n_features_out)
    assert points.shape == shape
    assert np.isfinite(points).all()
    if not isinstance(model, PairVerifier):
        dtypes = {str(dtype).lower() for dtype in look(X)[1]}
        assert points.dtype == ("float32" if dtypes == {"float32"} else "float64")
    assert_array_equal(embed(again, X), points)
    assert_array_equal(embed(pickle.loads(pickle.dumps(model)), X), points)
    close = {"rtol": 0, "atol": 1e-5 * max(1, np.abs(points).max())}
    for i in (0, n // 2, n - 1):
        assert_allclose(embed(model, X[i : i + 1]), points[i : i + 1], **close)
    assert_allclose(embed(model, X[::-1]), points[::-1], **close)


def check_served(model, points, case):
    """A mixed table gives the same bits from any container, and may have new levels."""
    same, new = CASES["served"](case)
    for table in same:
        assert_array_equal(embed(model, table), points)
    others = embed(model, new[0])
    assert np.isfinite(others).all()
    for table in new:
        assert_array_equal(embed(model, table), others)
        assert_allclose(embed(model, table[3:4]), others[3:4], rtol=0, atol=1e-5)


def fit(model, X, y, method):
    """Fit a model in one of three ways; validation rows are those of training."""
    if method == "X_val":
        return model.fit(X, y, X_val=X, y_val=y)
    return getattr(model, method)(X, y)


def fitted(case, cloned=False):
    """Return a model, its fit's error or None, and look at what may not change."""
    model, X, y = CASES["build"](case)
    model = clone(model) if cloned else model
    _, X_before, y_before = CASES["build"](case)
    if case["fitted"]:
        plain = dict(case, values="normal", container="array", seed=1)
        plain["labels"] = "two classes"
        with contextlib.suppress(*CLEAR):
            model.fit(*CASES["build"](plain)[1:])
    before, params = dict(vars(model)), str(model.get_params())
    contents = pickle.dumps(before)
    outside, error = surroundings(), None
    try:
        fit(model, X, y, case["method"])
    except Exception as raised:
        check_error(raised)
        error = raised
        after = vars(model)
        changed = {k for k in {**before, **after} if before.get(k) is not after.get(k)}
        assert not changed, f"A failed fit changed {changed}."
        assert pickle.dumps(dict(after)) == contents
    check_unchanged(outside)
    assert str(model.get_params()) == params
    assert look(X) == look(X_before)
    assert look(y) == look(y_before)
    return model, X, error


def check(case):
    """Fit twice and return the outcome in words."""
    mode = getattr(torch, case["mode"])
    with (
        warnings.catch_warnings(record=True) as caught,
        contextlib.ExitStack() as stack,
        mode(),
    ):
        warnings.simplefilter("always")
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(case["threads"])
        model, X, error = fitted(case)
        again, _, error_again = fitted(case, cloned=True)
        assert str(error) == str(error_again)
        outside = surroundings()
        if error is None:
            check_fitted(model, X, again)
            if case["values"] == "mixed":
                check_served(model, embed(model, X), case)
        check_unchanged(outside)
    for warning in caught:
        ours = issubclass(warning.category, UserWarning)
        assert ours or "sklearn" in warning.category.__module__, warning
        assert len(str(warning.message)) <= 600, warning
    if error is None:
        return "fitted, with a warning" if caught else "fitted"
    said = re.sub(r"'\w+' parameter of \w+", "… parameter of …", str(error))
    words = re.sub(r"\d+", "#", said).split()[:6]
    return f"{type(error).__name__}: {' '.join(words)}"


@pytest.fixture(scope="module")
def outcomes():
    """Count what came of the examples: at least half of them are fitted."""
    counts = Counter()
    yield counts
    valid = counts["fitted"] + counts["fitted, with a warning"]
    assert valid >= counts.total() / 2, counts


@settings(
    max_examples=EXAMPLES,
    derandomize=not FUZZ,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(case=CASES["cases"]())
def test_a_fit_succeeds_or_says_why(case, outcomes):
    outcomes[check(case)] += 1


if __name__ == "__main__":
    counts = Counter()
    test_a_fit_succeeds_or_says_why(outcomes=counts)
    print(f"| Outcome of {counts.total():,} examples | Number |\n|---|---:|")
    for outcome, number in counts.most_common():
        print(f"| {outcome} | {number:,} |")
