"""Training by several processes equals that of one, here with threads as processes."""

import threading
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from torch import distributed as torch_distributed

from sklearn_contrastive import (
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    ContrastiveNeighborsClassifier,
    ContrastiveNeighborsRegressor,
    distributed,
)
from sklearn_contrastive._estimators._callbacks import Reports
from sklearn_contrastive._training import _checkpoint, _trainer
from sklearn_contrastive._validation import read_values
from sklearn_contrastive.distributed import Group, data_parallel, fit_blocks
from sklearn_contrastive.losses import LOSSES
from sklearn_contrastive.miners import MINERS, CrossBatchMemory, GlobalMiner
from sklearn_contrastive.similarity import (
    SIMILARITIES,
    LabelSimilarity,
    PairConstraints,
)

#: Ends of the parts of each process: of one, of two unequal ones, of three of which one
#: is empty and one holds a class alone.
PARTS = {1: [[0, 120]], 2: [[0, 37, 40], [40, 120]], 3: [[0, 40], [40, 40], [40, 120]]}
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 4, "batch_size": 24, "random_state": 0}
TWO = {**SMALL, "n_components": 8, "n_members": 2}
WHOLE = {"neighbors", "pairs"}
OPTIONS = "estimator", "X", "y", "groups", "max_references", "checkpoint"


def first_of(names, *kept):
    """Return parameters of a test, all but some of which are in the long set."""
    long = pytest.mark.long
    return [pytest.param(n, marks=() if n in kept else long) for n in names]


def in_processes(n, work):
    """Return what each of so many processes, which are threads, makes of its group."""
    store, found, errors = torch_distributed.HashStore(), [None] * n, [None] * n

    def run(rank):
        try:
            given = store, rank, n, timedelta(seconds=60)
            found[rank] = work(Group(torch_distributed.ProcessGroupGloo(*given)))
        except Exception as error:
            errors[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # An error in one is an error in all.
    assert len({type(error) for error in errors}) == 1, errors
    if errors[0] is not None:
        raise errors[0]
    return found


def rows_of(X, part):
    return X.iloc[part] if hasattr(X, "iloc") else X[part]


def fitted(make, n, X, y, **options):
    """Return the models of processes that hold parts of a table."""

    def work(group):
        ends = PARTS[n][group.rank]
        parts = [slice(*pair) for pair in pairwise(ends)]
        blocks = [(p.start, rows_of(X, p), None if y is None else y[p]) for p in parts]
        return fit_blocks(make(), group, blocks, **options)

    return in_processes(n, work)


@pytest.fixture
def in_double(monkeypatch):
    """Train in double precision."""
    init = _trainer.Trainer.__init__

    def in_float64(self, models, *, normalize, device):
        init(self, models, normalize=normalize, device=device, dtype=torch.float64)

    monkeypatch.setattr(_trainer.Trainer, "__init__", in_float64)


@pytest.fixture(scope="module")
def table():
    """Rows of three classes, the first of which lies in the first rows alone."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 40)
    y[40:] = rng.permutation(y[40:])
    return rng.normal(size=(120, 5)) + y[:, None], y


def check_equal(make, X, y, sizes=(2, 3), atol=1e-12):
    rows = X[:50]
    expected = make().fit(X, y).transform(rows)
    for n in sizes:
        for model in fitted(make, n, X, y):
            np.testing.assert_allclose(model.transform(rows), expected, 0, atol)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("loss", first_of(LOSSES, "proxy_anchor", "supcon"))
def test_losses(table, loss):
    check_equal(lambda: ContrastiveEmbedding(loss=loss, **TWO), *table, sizes=[3])


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("miner", first_of(MINERS, "random"))
def test_miners(table, miner):
    params = {**TWO, "miner": miner, "loss": "triplet"}
    check_equal(lambda: ContrastiveEmbedding(**params), *table, sizes=[3])


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize(
    "kind", first_of(sorted(set(SIMILARITIES) - WHOLE), "targets", "views")
)
def test_similarities(table, kind):
    X, y = table
    y = {"views": None, "targets": X[:, :2], "multilabel": X > 1}.get(kind, y)
    check_equal(lambda: ContrastiveEmbedding(similarity=kind, **TWO), X, y, sizes=[3])


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize(
    "params",
    [
        {"max_iter": 7},
        {"dropout": 0.5, "hidden_layer_sizes": (7, 5)},
        {"encoder": "linear", "n_members": 1},
        {"encoder": lambda n_in, n_out: torch.nn.Linear(n_in, 4), "n_components": 4},
        {"early_stopping": True, "n_iter_no_change": 2, "validation_fraction": 0.3},
        {"cross_fit": 2, "max_iter": 10},
        {"numeric_encoding": "piecewise"},
        {"standardize": "standard", "batch_size": 25},
        {"miner": CrossBatchMemory(48)},
        {"miner": GlobalMiner(n_neighbors=5)},
        {"similarity": LabelSimilarity(unlabeled=2, unsupervised="views")},
    ],
    ids=lambda params: "-".join(params),
)
def test_parameters(table, params):
    sizes = (1, 2, 3) if "max_iter" in params else [2]
    params = {**TWO, "n_members": "auto", **params}
    check_equal(lambda: ContrastiveEmbedding(**params), *table, sizes=sizes)


@pytest.fixture(scope="module")
def frame(table):
    """The rows with categories, one of few rows, in another order, and gaps."""
    X, _ = table
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(X, columns=list("abcde"))
    frame.loc[::7, "b"] = np.nan
    levels = pd.CategoricalDtype(["low", "mid", "high"], ordered=True)
    frame["size"] = pd.Categorical.from_codes(rng.integers(-1, 3, 120), dtype=levels)
    frame["text"] = np.array(["x", "y", "z", None], dtype=object)[
        rng.integers(0, 4, 120)
    ]
    frame.loc[50:52, "text"] = "rare"
    frame["flag"] = rng.random(120) < 0.3
    return frame


@pytest.mark.usefixtures("in_double")
def test_columns_of_frames(frame, table):
    _, y = table
    expected = ContrastiveEmbedding(**TWO).fit(frame, y)
    for n in (2, 3):
        for model in fitted(lambda: ContrastiveEmbedding(**TWO), n, frame, y):
            assert model.columns_ == expected.columns_
            np.testing.assert_array_equal(
                model.feature_names_in_, expected.feature_names_in_
            )
            np.testing.assert_allclose(
                model.transform(frame), expected.transform(frame), 0, 1e-12
            )


@pytest.mark.usefixtures("in_double")
def test_columns_of_many_levels(table):
    X, y = table
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"number": X[:, 0].astype(np.float32)})
    frame["level"] = rng.integers(0, 20, 120).astype(str)
    params = {**TWO, "categorical_features": ["level"]}
    check_equal(lambda: ContrastiveEmbedding(**params), frame, y, [3], 1e-6)


@pytest.mark.usefixtures("in_double")
def test_predictors(frame, table):
    X, y = table
    names = np.array(["a", "b", "c"])[y]

    def classifier():
        embedding = ContrastiveEmbedding(n_components=8, **SMALL)
        return ContrastiveNeighborsClassifier(embedding, cross_fit=2, random_state=0)

    def regressor():
        embedding = ContrastiveEmbedding(n_components=8, **SMALL)
        return ContrastiveNeighborsRegressor(embedding, cross_fit=2, random_state=0)

    expected = classifier().fit(frame, names)
    for model in fitted(classifier, 3, frame, names):
        found, wanted = (m.predict_proba(frame) for m in (model, expected))
        np.testing.assert_allclose(found, wanted, 0, 1e-12)
        assert model.random_state == 0
        _, ids = model.kneighbors(frame)
        np.testing.assert_array_equal(ids, expected.kneighbors(frame)[1])
    wanted = regressor().fit(X, X[:, 0]).predict(X)
    for model in fitted(regressor, 2, X, X[:, 0]):
        np.testing.assert_allclose(model.predict(X), wanted, 0, 1e-12)


def test_a_predictor_keeps_some_rows_of_each_class(table):
    """Classes are as frequent in its probabilities as in the table."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = (np.arange(120) % 4 == 0) * 1

    def make(weight=None):
        embedding = ContrastiveEmbedding(n_components=8, **SMALL)
        given = {"cross_fit": 2, "class_weight": weight, "random_state": 0}
        return ContrastiveNeighborsClassifier(embedding, **given)

    models = [fitted(make, n, X, y, max_references=30)[0] for n in (1, 2)]
    for model in models:
        assert np.bincount(y[model.ids_]).tolist() == [30, 30]
        assert len(np.unique(model.ids_)) == 60
        share = model.predict_proba(X)[:, 1].mean()
        assert share == pytest.approx(0.25, abs=0.06)
        held_out = np.concatenate(model.held_out_rows_)
        np.testing.assert_array_equal(np.unique(held_out), model.ids_)
        sets = model.predict_set(X, 0.8)
        assert sets[np.arange(120), y].mean() > 0.7
        more = model.add(X[:1], [1])
        assert more.predict_proba(X)[:, 1].mean() == pytest.approx(share, abs=0.1)
    np.testing.assert_array_equal(models[0].ids_, models[1].ids_)
    (balanced,) = fitted(lambda: make("balanced"), 1, X, y, max_references=30)
    assert balanced.predict_proba(X)[:, 1].mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("make", "change", "message"),
    [
        ({}, lambda X, y: (X[:, :3], y), "as many columns in every partition"),
        ({}, lambda X, y: (X.astype(np.float32), y), "of the same types"),
        ({}, lambda X, y: (X, y[:-1]), "one label or target per row"),
        ({}, lambda X, y: (X, None), "in every process"),
        ({}, lambda X, y: (X * np.nan, y), None),
        ({}, lambda X, y: (X / 0, y), "must be finite"),
        ({}, lambda X, y: (X[:, 0], y), "two dimensions"),
        ({"loss": "no"}, lambda X, y: (X, y), "'loss'"),
        ({"similarity": "neighbors"}, lambda X, y: (X, y), "whole table"),
        ({"similarity": PairConstraints()}, lambda X, y: (X, y), "whole table"),
        ({"similarity": csr_array(np.eye(120))}, lambda X, y: (X, y), "whole table"),
        ({"similarity": np.eye(120)}, lambda X, y: (X, y), "'similarity'"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_errors_in_one_are_errors_in_all(table, make, change, message):
    X, y = table

    def work(group):
        part = slice(0, 60) if group.rank == 0 else slice(60, 120)
        own = X[part], y[part]
        own = own if group.rank == 0 else change(*own)
        model = ContrastiveEmbedding(**{**TWO, **make})
        return fit_blocks(model, group, [(part.start, *own)])

    if message is None:
        # Columns with gaps are read.
        assert in_processes(2, work)[1].columns_[0]["missing"]
        return
    with pytest.raises((ValueError, TypeError), match=message):
        in_processes(2, work)


def pretend_process_group(monkeypatch, group):
    """Let `data_parallel` find a group of threads."""
    monkeypatch.setattr(torch_distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch_distributed, "get_backend_config", lambda: "cpu:gloo")
    monkeypatch.setattr(distributed, "Group", lambda *given: group.own)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_iter": 3}, "others of max_iter"),
        ({"random_state": None}, "others of random_state"),
        ({"similarity": "neighbors"}, "whole table"),
        ({"n_components": "many"}, "others of n_components"),
        ({"estimator": None}, "must be a ContrastiveEmbedding"),
        ({"X": None}, "`X` must be a table"),
        ({"X": np.zeros(60)}, "`X` must be a table"),
        ({"y": [threading.Lock()] * 60}, "pickle"),
        ({"groups": np.arange(3)}, "`groups` must hold one group per row"),
        ({"max_references": 3}, "others of max_references"),
        ({"max_references": 0}, "'max_references' parameter"),
        ({"checkpoint": "no-such-folder/file"}, "Make the folder first"),
        ({"verbose": True}, None),
        ({"X": np.zeros((60, 5)).tolist()}, None),
    ],
)
def test_what_differs_in_one_process_is_an_error_in_all(
    table, change, message, monkeypatch
):
    X, y = table
    own = threading.local()
    pretend_process_group(monkeypatch, own)

    def work(group):
        own.own, part = group, slice(60 * group.rank, 60 * group.rank + 60)
        given = {"X": X[part], "y": y[part]}
        other = dict(change if group.rank else {})
        options = {n: other.pop(n) for n in [*other] if n in OPTIONS}
        given |= {"estimator": ContrastiveEmbedding(**{**TWO, **other}), **options}
        return data_parallel(**given)

    if message is None:
        assert in_processes(2, work)[1].n_iter_ == TWO["max_iter"]
        return
    with pytest.raises((ValueError, TypeError), match=message):
        in_processes(2, work)


@pytest.mark.parametrize(
    "y",
    [
        pd.array([1, 2, None, 1], dtype="Int64"),
        pd.array([True, False, None, True], dtype="boolean"),
        np.ma.masked_equal([1, 2, 3, 1], 3),
        np.array(["2020", "2021", "NaT", "2020"], dtype="datetime64[ns]"),
        np.array(["a", "b", None, "a"], dtype=object),
        np.array([{1}, {1, 2}, set(), {2}], dtype=object),
    ],
    ids=["Int64", "boolean", "masked", "dates", "text", "sets"],
)
def test_labels_are_sent_as_they_are(y):
    """Also missing ones."""

    def work(group):
        parts = [(0, y[:1]), (1, y[1:])]
        return distributed._whole([parts[group.rank]], group, "y")

    kind, values, missing = read_values(y)
    for found in map(read_values, in_processes(2, work)):
        assert found[0] == kind
        np.testing.assert_array_equal(found[2], missing)
        np.testing.assert_array_equal(found[1][~missing], values[~missing])


def test_few_references_are_an_error(table):
    model = ContrastiveEmbedding(max_iter=2, n_components=8)
    with pytest.raises(ValueError, match="`max_references` must leave rows in each"):
        fitted(
            lambda: ContrastiveNeighborsClassifier(model, cross_fit=2, random_state=0),
            1,
            *table,
            max_references=1,
        )


def test_without_labels_or_rows(table):
    X, _ = table
    with pytest.raises(ValueError, match="neighbours of all rows"):
        fitted(lambda: ContrastiveEmbedding(**TWO), 2, X, None)
    with pytest.raises(ValueError, match="must have rows"):
        in_processes(
            2,
            lambda group: fit_blocks(
                ContrastiveEmbedding(), group, [(0, X[:0], np.zeros(0))]
            ),
        )


def test_other_estimators_and_no_process_group(table):
    model = ContrastiveEmbeddingCV()
    with pytest.raises(TypeError, match="must be a ContrastiveEmbedding"):
        fitted(lambda: model, 1, *table)
    with pytest.raises(RuntimeError, match="init_process_group"):
        data_parallel(ContrastiveEmbedding(), *table)


def test_a_seed_is_drawn_once(table):
    """Without one, or with a stream, all processes have the same."""
    for seed in (None, np.random.RandomState(0)):
        params = {**TWO, "random_state": seed, "verbose": False}
        models = fitted(lambda p=params: ContrastiveEmbedding(**p), 2, *table)
        assert models[0].random_state is seed
        points = [model.transform(table[0]) for model in models]
        np.testing.assert_array_equal(*points)


def test_groups(table):
    X, y = table
    groups = np.arange(120) // 3

    def work(group):
        part = slice(0, 50) if group.rank == 0 else slice(50, 120)
        model = ContrastiveEmbedding(cross_fit=2, n_components=8, **SMALL)
        return fit_blocks(model, group, [(part.start, X[part], y[part], groups[part])])

    for model in in_processes(2, work):
        for train, held_out in model.folds_:
            assert not {*groups[train]} & {*groups[held_out]}


class BrokenError(Exception):
    pass


@pytest.mark.parametrize("resumed_by", first_of([1, 2], 2))
def test_a_checkpoint_of_two_processes(table, resumed_by, tmp_path, monkeypatch):
    """Others resume from it: a table has one fingerprint, however it is divided."""
    X, y = table
    params = {**TWO, "max_iter": 12, "early_stopping": True, "n_iter_no_change": 12}

    def make():
        return ContrastiveEmbedding(**params)

    whole = fitted(make, 2, X, y)[0]
    path, end = tmp_path / "training.ckpt", Reports.end
    monkeypatch.setattr(_checkpoint, "_STEPS", 10)

    def break_off(self, report, stop):
        asked = end(self, report, stop)
        if report.history.n_steps > 40:
            raise BrokenError
        return asked

    with monkeypatch.context() as patch:
        patch.setattr(Reports, "end", break_off)
        with pytest.raises(BrokenError):
            fitted(make, 2, X, y, checkpoint=path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    for model in fitted(make, resumed_by, X, y, checkpoint=path):
        assert model.n_steps_ == whole.n_steps_
        n_same = 12 if resumed_by == 2 else 8
        np.testing.assert_array_equal(
            model.loss_curve_[:n_same], whole.loss_curve_[:n_same]
        )
        if resumed_by == 2:
            np.testing.assert_array_equal(model.transform(X), whole.transform(X))
    with pytest.raises(ValueError, match="another value of the table"):
        fitted(make, 2, X + 1, y, checkpoint=path)
    with pytest.raises(ValueError, match="must be an int with `checkpoint`"):
        fitted(ContrastiveEmbedding, 2, X, y, checkpoint=path)
