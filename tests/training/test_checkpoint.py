"""A fit that breaks resumes from its checkpoint, with the bits of one that does not."""

import os
import re
import subprocess
import sys
import tempfile
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone

from sklearn_contrastive import (
    ContrastiveEmbedding,
    ContrastiveNeighborsClassifier,
    persistence,
)
from sklearn_contrastive._estimators._callbacks import Reports
from sklearn_contrastive._estimators._checkpoint import as_json
from sklearn_contrastive._training import _checkpoint, _run
from sklearn_contrastive._training._checkpoint import fingerprint, table_fingerprint
from sklearn_contrastive.losses import ContrastiveLoss, HybridLoss, MarginLoss
from sklearn_contrastive.miners import CrossBatchMemory, GlobalMiner
from sklearn_contrastive.similarity import FunctionSimilarity, LabelSimilarity

RNG = np.random.RandomState(0)
y = np.arange(90) % 3
X = RNG.normal(size=(90, 4)) + y[:, None]
#: Labels where every fourth row has none, and labels that hardly can be learned.
PART, NOISE = (
    np.where(np.arange(90) % 4, y, -1),
    np.random.RandomState(3).permutation(y),
)


class BrokenError(Exception):
    """Ends a fit where a kill would."""


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Let a report close every third step, and be written."""
    monkeypatch.setattr(_run, "_REPORT_STEPS", 3)
    monkeypatch.setattr(_checkpoint, "_STEPS", 1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.checkpoint"


def small(**params):
    given = {"hidden_layer_sizes": (6,), "batch_size": 16, "max_iter": 3}
    given |= {"n_components": 4, "random_state": 0, "device": "cpu"}
    return ContrastiveEmbedding(**{**given, **params})


def break_in(n_reports, estimator, path, X=X, y=y, **given):
    """Fit until the end of a report, before it is written; return all told of it."""
    told, end = [], Reports.end

    def break_at_last(self, report, stop):
        asked = end(self, report, stop)
        told.append(report.history.n_steps)
        if len(told) == n_reports:
            raise BrokenError
        return asked

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reports, "end", break_at_last)
        try:
            estimator.fit(X, y, checkpoint=path, **given)
        except BrokenError:
            assert "_state" not in vars(estimator)
    return told


def assert_same_fit(ours, theirs):
    for name in ("n_iter_", "n_steps_", "loss_curve_", "validation_scores_"):
        assert vars(ours)[name] == vars(theirs)[name]
    assert ours.best_validation_score_ == theirs.best_validation_score_
    assert [*ours.mining_curve_] == [*theirs.mining_curve_]
    for name, curve in ours.mining_curve_.items():
        assert_array_equal(curve, theirs.mining_curve_[name])
    states = ours._state, theirs._state
    for a, b in zip(*(state.params for state in states), strict=True):
        assert_array_equal(a, b)
    assert [*states[0].loss_params] == [*states[1].loss_params]
    for name, param in states[0].loss_params.items():
        assert_array_equal(param, states[1].loss_params[name])
    for of_model in zip(*(state.optimizer_states for state in states), strict=True):
        for optimizers in zip(*of_model, strict=True):
            for a, b in zip(*optimizers, strict=True):
                assert_array_equal(a, b)


def soft_margin(anchors, candidates, pairs):
    distances = torch.cdist(anchors, candidates)
    pulled = (pairs.positive * distances**2).sum() / pairs.positive.sum()
    return pulled + (pairs.negative * (1 - distances).clamp(min=0) ** 2).mean()


def years(a, b):
    return abs(a - b) <= 1


def network(n_features, n_components):
    first = torch.nn.Linear(n_features, 6), torch.nn.BatchNorm1d(6)
    return torch.nn.Sequential(*first, torch.nn.Dropout(), torch.nn.Linear(6, 2))


HYBRID = HybridLoss([("pull", ContrastiveLoss()), ("push", MarginLoss())])
FITS = {
    "default": {},
    "early stopping": {
        **{"early_stopping": True, "n_iter_no_change": 4},
        **{"max_iter": 20, "n_members": 2},
    },
    "cross-fitting": {"cross_fit": 2, "n_components": 8, "max_iter": 4},
    "memory": {"miner": CrossBatchMemory(size=40)},
    "searches": {"miner": GlobalMiner(refresh_every=2, n_neighbors=4)},
    "proxies": {"loss": "proxy_anchor", "n_members": 2},
    "views": {"similarity": "views", "loss": "info_nce"},
    "parts of labels": {"similarity": LabelSimilarity(unsupervised="views")},
    "hybrid": {"loss": HYBRID},
    "drawing miner": {"miner": "random", "loss": "margin", "n_members": 2},
    "linear": {"encoder": "linear", "miner": "distance_weighted"},
    "module": {"encoder": network(4, 2), "n_components": "auto"},
    "factory": {"encoder": network, "n_members": 2},
    "functions": {"loss": soft_margin, "similarity": FunctionSimilarity(years)},
}


LABELS = {"parts of labels": PART, "early stopping": NOISE}


@pytest.mark.parametrize("name", FITS)
def test_a_fit_that_breaks_ends_with_the_bits_of_an_unbroken_one(name, path):
    model, labels = small(**FITS[name]), LABELS.get(name, y)
    unbroken = clone(model).fit(X, labels)
    n_reports = len(unbroken.loss_curve_)
    # In the first pass, and again in a later one.
    told = break_in(3, clone(model), path, y=labels)
    told += break_in(n_reports // 2, clone(model), path, y=labels)
    resumed = clone(model).fit(X, labels, checkpoint=path)
    assert_same_fit(resumed, unbroken)
    # What was told but not written is told again.
    assert told[2] == told[3]
    assert len(told) == 3 + n_reports // 2
    # The last state stays in the file.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reports, "begin", None)
        assert_same_fit(clone(model).fit(X, labels, checkpoint=path), unbroken)


@pytest.mark.parametrize("n_reports", [1, 4])
def test_predictors_resume_the_training_of_their_networks(n_reports, path):
    model = ContrastiveNeighborsClassifier(small(n_components=8), cross_fit=2)
    model.set_params(random_state=0)
    unbroken = clone(model).fit(X, y)
    break_in(n_reports, clone(model), path)
    resumed = clone(model).fit(X, y, checkpoint=path)
    assert_array_equal(resumed.predict_proba(X), unbroken.predict_proba(X))


# The best of six reports is the second.
EVERYTHING = small(
    early_stopping=True,
    n_iter_no_change=4,
    miner=CrossBatchMemory(size=30, miner="random"),
    loss="margin",
    max_iter=6,
    random_state=3,
)


@cache
def everything_unbroken():
    return clone(EVERYTHING).fit(X, y)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=3))
def test_a_fit_may_break_at_any_report_any_number_of_times(breaks):
    unbroken = everything_unbroken()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file")
        for n_reports in breaks:
            break_in(n_reports, clone(EVERYTHING), path)
        assert_same_fit(clone(EVERYTHING).fit(X, y, checkpoint=path), unbroken)


def test_the_same_rows_resume_from_any_container(path, tmp_path):
    on_disk = np.memmap(tmp_path / "X", np.float32, "w+", shape=X.shape)
    on_disk[:] = X
    unbroken = small().fit(on_disk, y)
    break_in(3, small(), path, on_disk)
    in_memory = np.asfortranarray(X.astype(np.float32))
    resumed = small(verbose=True).fit(in_memory, y.tolist(), checkpoint=str(path))
    assert_same_fit(resumed, unbroken)


@pytest.mark.parametrize("kind", ["frame", "sparse"])
def test_frames_and_sparse_tables_resume(kind, path):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(np.where(X > 2.5, np.nan, X), columns=[*"abcd"])
    table["e"] = pandas.Categorical(np.array(["u", "v", None])[np.arange(90) % 7 % 3])
    table = csr_array(X * (X > 1)) if kind == "sparse" else table
    labels = np.array(["one", "two", "three"])[y]
    model = small(early_stopping=True)
    given = {"groups": (np.arange(90) // 3).astype(str)}
    unbroken = clone(model).fit(table, labels, **given)
    break_in(4, clone(model), path, table, labels, **given)
    resumed = clone(model).fit(table, labels.astype(object), checkpoint=path, **given)
    assert_same_fit(resumed, unbroken)
    assert_array_equal(resumed.transform(table), unbroken.transform(table))


def test_an_interrupt_keeps_the_last_report_and_the_file(path, monkeypatch):
    unbroken, told, begin = small().fit(X, y), [], Reports.begin

    def interrupt(self):
        begin(self)
        told.append(self)
        if len(told) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Reports, "begin", interrupt)
        with pytest.warns(UserWarning, match="Training was interrupted in epoch 1"):
            model = small().fit(X, y, checkpoint=path)
    assert model.n_steps_ == 5
    assert_same_fit(small().fit(X, y, checkpoint=path), unbroken)


def test_a_file_is_written_after_some_steps_and_at_the_end(path, monkeypatch):
    sizes, write_file = [], _checkpoint.write_file

    def count(*args):
        write_file(*args)
        sizes.append(path.stat().st_size)

    monkeypatch.setattr(_checkpoint, "write_file", count)
    monkeypatch.setattr(_checkpoint, "_STEPS", 6)
    small().fit(X, y, checkpoint=path)
    # Of reports after 3, 5, 8, 10, 13 and 15 steps the first, fourth and last.
    assert len(sizes) == 3
    assert path.stat().st_size == sizes[-1]
    assert os.listdir(path.parent) == [path.name]


OTHERS = {
    "`margin`": (small(margin=0.3), {}),
    "`random_state`": (small(random_state=1), {}),
    "`loss`": (small(loss=soft_margin), {}),
    "`encoder`": (small(encoder=network, n_components=2), {}),
    "`cross_fit`": (small(early_stopping=True, cross_fit=2), {}),
    "the table `X`": (small(), {"X": X[::-1]}),
    "the labels `y`": (small(), {"y": y[::-1]}),
    "`X_val`, `y_val`": (small(), {"X_val": X[:30], "y_val": y[:30]}),
    "`groups`": (small(), {"groups": np.arange(90) // 2}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_file_of_another_fit_is_an_error_that_says_what_differs(name, path):
    model, data = OTHERS[name]
    model = clone(model).set_params(early_stopping=True)
    small(early_stopping=True, max_iter=1).fit(X, y, checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"another value of .*{re.escape(name)}"):
        model.set_params(max_iter=1).fit(**{"X": X, "y": y, **data}, checkpoint=path)
    assert path.read_bytes() == before


def test_the_file_of_another_version_is_an_error(path, monkeypatch):
    small(max_iter=1).fit(X, y, checkpoint=path)
    monkeypatch.setattr("sklearn_contrastive.__version__", "99.0")
    with pytest.raises(ValueError, match="another value of the version of sklearn_c"):
        small(max_iter=1).fit(X, y, checkpoint=path)


def test_functions_of_other_code_are_other_functions():
    def power(exponent):
        return lambda a, b: abs(a - b) ** exponent <= 1

    assert as_json(power(2)) == as_json(power(2)) != as_json(power(3))
    assert as_json(partial(years, b=1)) != as_json(partial(years, b=2))
    assert as_json(lambda a: a + 1) != as_json(lambda a: a + 2)


def test_folds_of_a_search_do_not_resume_from_each_other(path):
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(small(max_iter=1), {"margin": [0.5]}, error_score="raise")
    with pytest.raises(ValueError, match=r"of the same fit; .*the table `X`"):
        search.fit(X, y, checkpoint=path)


def test_a_damaged_file_is_an_error(path):
    small(max_iter=1).fit(X, y, checkpoint=path)
    data = path.read_bytes()
    cut = [data[:n] for n in (0, 5, 8, 20, 60, len(data) // 2, len(data) - 1)]
    changed = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in (9, 900)]
    for damaged in [*cut, *changed, data + b" "]:
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"cannot be read: .*delete the file"):
            small(max_iter=1).fit(X, y, checkpoint=path)
        assert path.read_bytes() == damaged


def test_models_and_checkpoints_are_not_taken_for_each_other(path):
    model = small(max_iter=1).fit(X, y, checkpoint=path)
    with pytest.raises(ValueError, match="written by `fit` with `checkpoint`, not by"):
        persistence.load(path)
    persistence.save(model, path)
    with pytest.raises(ValueError, match="written by `save`, not by `fit` with"):
        small(max_iter=1).fit(X, y, checkpoint=path)


def test_a_file_with_other_parts_is_an_error(path):
    small(max_iter=1).fit(X, y, checkpoint=path)
    given = {0}, _checkpoint._WRITER
    _, header, arrays = _checkpoint.read_file(path, *given)
    del header["state"]["random"]
    _checkpoint.write_file(path, 0, header, arrays, _checkpoint._WRITER)
    with pytest.raises(ValueError, match="its parts do not fit"):
        small(max_iter=1).fit(X, y, checkpoint=path)


class Counter:
    """A loss that changes as it is used, which no file knows."""

    def __call__(self, anchors, candidates, pairs):
        return soft_margin(anchors, candidates, pairs)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (small(random_state=None), "`random_state` must be an int with `checkpoint`"),
        (small(random_state=np.random.RandomState(0)), "`random_state` must be an int"),
        (small(loss=Counter()), "`checkpoint` must be None with loss="),
        (small(similarity=FunctionSimilarity(Counter())), "None with similarity="),
    ],
)
def test_what_cannot_resume_is_an_error(model, message, path):
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(X, y, checkpoint=path)
    assert not path.exists()


def test_a_checkpoint_is_the_path_of_a_file(path):
    for wrong in (3, b"file", [path]):
        with pytest.raises(TypeError, match="`checkpoint` must be the path of a file"):
            small().fit(X, y, checkpoint=wrong)
    # Reading a pipe would wait for ever; an empty path is the working folder.
    pipe = path.parent / "pipe"
    os.mkfifo(pipe)
    for wrong in (path / "file", path.parent, "", pipe):
        with pytest.raises(ValueError, match="in a folder that is there"):
            small().fit(X, y, checkpoint=wrong)


def test_a_warm_start_does_not_read_a_file(path):
    model = small(warm_start=True, max_iter=1)
    Z = model.fit_transform(X, y, checkpoint=path)
    assert_array_equal(Z, small(max_iter=1).fit_transform(X, y, checkpoint=path))
    with pytest.raises(ValueError, match="`warm_start=True` resumes from a fitted"):
        model.fit(X, y, checkpoint=path)


KILLED = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import test_checkpoint as here
here._run._REPORT_STEPS, here._checkpoint._STEPS, n_written = 3, 1, []

def hang(file):
    n_written.append(file)
    if len(n_written) == 4:
        print("half written", flush=True)
        time.sleep(60)

os.fsync = hang
here.clone(here.EVERYTHING).fit(here.X, here.y, checkpoint=sys.argv[2])
"""


@pytest.mark.long
def test_a_process_that_is_killed_while_it_writes_leaves_the_file_before(path):
    command = [sys.executable, "-c", KILLED, Path(__file__).parent, path]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "half written\n"
    child.kill()
    assert child.wait() < 0
    child.stdout.close()
    assert len(os.listdir(path.parent)) == 2
    unbroken = clone(EVERYTHING).fit(X, y)
    assert_same_fit(clone(EVERYTHING).fit(X, y, checkpoint=path), unbroken)


# The fingerprint of a table.

TABLE = RNG.normal(size=(50, 3)) * (RNG.uniform(size=(50, 3)) < 0.7)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 50), max_size=4), st.randoms())
def test_fingerprints_of_blocks_add_up_however_a_table_is_divided(cuts, random):
    ends = [0, *sorted(cuts), 50]
    blocks = [slice(*pair) for pair in pairwise(ends)]
    random.shuffle(blocks)
    sums = sum(fingerprint(TABLE[rows], rows.start) for rows in blocks)
    assert_array_equal(sums, fingerprint(TABLE))
    sums = sum(fingerprint(csr_array(TABLE)[rows], rows.start) for rows in blocks)
    assert_array_equal(sums, fingerprint(TABLE))


def test_tables_that_differ_have_other_fingerprints(monkeypatch):
    swapped, negative, moved = TABLE.copy(), TABLE.copy(), TABLE[:, ::-1]
    swapped[[0, 1]], negative[0, :2] = TABLE[[1, 0]], -TABLE[0, :2]
    others = [TABLE.astype(np.float32), swapped, negative, moved, TABLE + 2**-50]
    found = {tuple(fingerprint(each)) for each in [TABLE, *others, -TABLE]}
    assert len(found) == len(others) + 2
    # Several kinds of NaN are one.
    gaps, others = TABLE.copy(), TABLE.copy()
    gaps[3], others[3] = np.nan, np.uint64(0xFFF8000000000123).view(np.float64)
    assert_array_equal(fingerprint(gaps), fingerprint(others))
    monkeypatch.setattr(_checkpoint, "_BLOCK", 20)
    assert_array_equal(table_fingerprint(TABLE), fingerprint(TABLE))
