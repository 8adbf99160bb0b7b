"""Estimators on a Dask cluster: equal to one machine, lazy, and clear where wrong."""

import pickle
import re
import runpy
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_contrastive import (
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    ContrastiveNeighborsClassifier,
)

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
pd = pytest.importorskip("pandas")
dask = pytest.importorskip("sklearn_contrastive.dask")

#: Dask's own call of pandas.
pytestmark = pytest.mark.filterwarnings("ignore:.*inplace keyword")

QUICK = {"max_iter": 3, "random_state": 0, "n_components": 8, "n_members": 2}


def rows(n=400, seed=0):
    rng = np.random.RandomState(seed)
    y = rng.randint(3, size=n)
    # A class that the last partition has alone.
    y[-40:] = np.arange(40) % 4
    return rng.normal(size=(n, 4)) + y[:, None], y


@pytest.fixture(scope="module")
def fitted(client):
    X, y = rows()
    chunks = (150, 0, 90, 110, 50)
    # The order of sums is that of the partitions of workers: bits need them to stay.
    lazy = client.persist(da.from_array(X, chunks=(chunks, 3)).rechunk({1: -1}))
    model = dask.DaskContrastiveEmbedding(**QUICK)
    return model.fit(lazy, da.from_array(y, chunks=80)), lazy


@pytest.fixture(scope="module")
def classifier(client, tmp_path_factory):
    X, y = rows()
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame = frame.assign(kind=pd.Categorical(np.array(["s", "t"])[y % 2]))
    frame = frame.assign(label=np.array(["u", "v", "w", "x"])[y])
    path = str(tmp_path_factory.mktemp("table"))
    dd.from_pandas(frame, npartitions=3).to_parquet(path)
    table = dd.read_parquet(path)
    embedding = ContrastiveEmbedding(max_iter=3, n_components=8)
    model = dask.DaskContrastiveNeighborsClassifier(
        embedding, random_state=0, cross_fit=2, max_references=60, client=client
    )
    X = table.drop(columns="label")
    return model.fit(X, table["label"]), X, frame


def test_training_on_workers_equals_that_of_one_machine(fitted):
    model, lazy = fitted
    X, y = rows()
    local = ContrastiveEmbedding(**QUICK).fit(X, y)
    assert_array_equal(model.classes_, local.classes_)
    assert model.n_steps_ == local.n_steps_
    assert_allclose(model.center_, local.center_)
    assert_allclose(model.loss_curve_, local.loss_curve_, rtol=1e-4)
    assert_allclose(model.transform(lazy).compute(), local.transform(X), atol=1e-4)


def test_same_seed_same_bits_on_fewer_workers_than_there_are(client):
    X, y = rows(200)
    lazy, labels = da.from_array(X, chunks=(200, 2)), da.from_array(y, chunks=200)
    model = dask.DaskContrastiveEmbedding(**QUICK)
    first = model.fit(lazy, labels).transform(X)
    assert_array_equal(clone(model).fit(lazy, labels).transform(X), first)
    assert_allclose(ContrastiveEmbedding(**QUICK).fit(X, y).transform(X), first)


def test_points_are_lazy_and_of_known_type(fitted):
    model, lazy = fitted
    Z = model.transform(lazy)
    assert Z.dtype == np.float64
    assert Z.chunks == (lazy.chunks[0], (8,))
    assert_array_equal(Z.compute(), model.to_local().transform(lazy.compute()))
    single = model.transform(lazy.astype(np.float32))
    assert single.dtype == single.compute().dtype == np.float32
    assert_allclose(model.transform(rows()[0][:5]), Z[:5].compute())
    # The model is one task, and not part of each block's.
    graph = Z.__dask_graph__()
    holding = [v for v in dict(graph).values() if len(pickle.dumps(v)) > 10_000]
    assert len(holding) == 1


def test_points_are_those_of_one_machine_in_any_precision(fitted):
    model, lazy = fitted
    X = pd.DataFrame(rows()[0])
    for dtype in ("float32", "Float32", "float32[pyarrow]", "float64", "int8"):
        own = X.astype(dtype)
        found = model.transform(dd.from_pandas(own, npartitions=2))
        assert {*found.dtypes} == {model.to_local().transform(own).dtype}
    # Never gathered, whatever becomes of rows in memory.
    with config_context(transform_output="pandas"):
        assert isinstance(model.transform(lazy), da.Array)
        assert isinstance(model.transform(rows()[0]), pd.DataFrame)


def test_other_columns_are_an_error_before_any_work(fitted, classifier):
    model, lazy = fitted
    with pytest.raises(ValueError, match=r"X has 2 features, but .* expecting 4"):
        model.transform(lazy[:, :2])
    model, X, _ = classifier
    for other in (X[["a"]], X.rename(columns={"a": "z"}), X[[*X.columns][::-1]]):
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(other)


def test_no_rows_and_missing_labels(client):
    X, y = rows(40)
    frame = dd.from_pandas(pd.DataFrame(X, columns=list("abcd")), npartitions=2)
    labels = dd.from_pandas(pd.Series(y, dtype="Int64"), npartitions=2)
    model = dask.DaskContrastiveEmbedding(**QUICK)
    with pytest.raises(ValueError, match="`X` must have rows; got none in 2"):
        model.fit(frame[frame["a"] > 100], labels[frame["a"] > 100])
    with pytest.raises(ValueError, match="must hold a class label for every row"):
        model.fit(frame, labels.where(labels > 0))


def test_predictions_of_a_frame_are_frames(classifier):
    model, X, frame = classifier
    local = model.to_local()
    assert type(local) is ContrastiveNeighborsClassifier
    assert max(np.unique(frame["label"][local.ids_], return_counts=True)[1]) <= 60
    labels, shares = model.predict(X), model.predict_proba(X)
    rows_in_memory = frame.drop(columns="label")
    found = labels.compute()
    assert found.dtype == labels.dtype
    assert_array_equal(found.index, X.compute().index)
    assert_array_equal(found.to_numpy(), local.predict(rows_in_memory))
    assert [*shares.columns] == ["u", "v", "w", "x"]
    assert_allclose(shares.compute(), local.predict_proba(rows_in_memory), atol=1e-12)
    assert np.mean(found.to_numpy() == frame["label"]) > 0.6
    points = dask.DaskContrastiveEmbedding(**QUICK).fit_transform(X, frame_of(X, frame))
    assert [*points.columns][:1] == ["daskcontrastiveembedding0"]
    assert points.compute().shape == (400, 8)


def frame_of(X, frame):
    """Return labels as a column with the partitions of `X`."""
    return X.map_partitions(
        lambda part: frame["label"][part.index], meta=frame["label"][:0]
    )


def test_clones_and_pickles_have_all_but_the_client(classifier, fitted):
    model, _, frame = classifier
    X = frame.drop(columns="label")
    assert clone(model).client is model.client
    assert clone(model).get_params()["max_references"] == 60
    assert "embedding_" not in vars(clone(model))
    again = pickle.loads(pickle.dumps(model))
    assert again.client is None
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    embedding = pickle.loads(pickle.dumps(fitted[0]))
    X = rows()[0]
    assert_array_equal(embedding.transform(X), fitted[0].transform(X))
    parameters = {*ContrastiveEmbedding().get_params()}
    own = {"client", "timeout", "max_restarts"}
    assert {*embedding.get_params()} == parameters | own


def test_an_error_of_a_worker_names_it_and_leaves_nothing(client, fitted):
    model, lazy = fitted
    labels = da.from_array(rows()[1], chunks=80)
    start = time.monotonic()
    before = clone(model).fit(lazy, labels).transform(rows()[0])
    # Not from the partitions that the bits below need in their places.
    table = da.from_array(rows()[0], chunks=(lazy.chunks[0], 4))
    bad = table.map_blocks(lambda block: np.where(block > 4, np.inf, block))
    with pytest.raises(ValueError, match=r"`X`.*infinity.*on the worker tcp://127"):
        clone(model).fit(bad, labels)
    # Far below any timeout: the others are told.
    assert time.monotonic() - start < 60
    with pytest.raises(ZeroDivisionError, match="part"):
        clone(model).fit(table.map_blocks(fail, meta=lazy._meta), labels)
    assert not client.processing() or not any(client.processing().values())
    assert not any(client.run(trainings).values())
    after = clone(model).fit(lazy, labels).transform(rows()[0])
    assert_array_equal(after, before)


def trainings():
    from sklearn_contrastive.dask._group import _LINKS

    return len(_LINKS)


def fail(block):
    raise ZeroDivisionError("part")


def test_rows_that_do_not_fit_together_are_errors(client):
    X, y = rows(40)
    lazy, labels = da.from_array(X, chunks=(20, 4)), da.from_array(y, chunks=20)
    frame = dd.from_pandas(pd.DataFrame(X, columns=list("abcd")), npartitions=2)
    model = dask.DaskContrastiveEmbedding(**QUICK)
    other = frame["a"].repartition(divisions=[0, 5, 39])
    wrong = [
        (X, labels, "`X` must be a Dask array or data frame"),
        (lazy, y, "`y` must be a Dask array or data frame"),
        (lazy[:, 0], labels, "`X` must have 2 dimensions; got 1"),
        (lazy, labels[:30], "`y` must have one row per row of `X`; got 30 for 40"),
        (frame, da.from_array(y, chunks=8), "`y` must have the partitions of `X`, 2"),
        (frame, other, "the divisions of `X`"),
        (lazy, None, "Pass `y`, or learn from views"),
    ]
    for *given, message in wrong:
        with pytest.raises((TypeError, ValueError), match=re.escape(message)):
            model.fit(*given)
    params = [
        ({"similarity": "neighbors"}, "`similarity` must not need the whole table"),
        ({"warm_start": True}, "`warm_start` must be False"),
        ({"client": 3}, "`client` must be a client of Dask that is open"),
        ({"timeout": 0}, "'timeout' parameter"),
        ({"max_restarts": -1}, "'max_restarts' parameter"),
    ]
    for given, message in params:
        with pytest.raises((TypeError, ValueError), match=re.escape(message)):
            clone(model).set_params(**given).fit(lazy, labels)
    nested = dask.DaskContrastiveNeighborsClassifier(model)
    with pytest.raises(TypeError, match="Pass what its to_local"):
        nested.fit(lazy, labels)
    with pytest.raises(ValueError, match="`fit_transform` needs `cross_fit=False`"):
        clone(model).set_params(cross_fit=2).fit_transform(lazy, labels)


@pytest.mark.long
def test_partitions_that_differ_are_errors(client):
    X, y = rows(40)
    labels = da.from_array(y, chunks=20)
    parts = [pd.DataFrame(X[:20], columns=list("abcd")), pd.DataFrame(X[20:, :3])]
    delayed = [dask_delayed(part) for part in parts]
    frame = dd.from_delayed(delayed, meta=parts[0][:0], verify_meta=False)
    model = dask.DaskContrastiveEmbedding(**QUICK)
    with pytest.raises(ValueError, match="as many columns in every partition"):
        model.fit(frame, labels)
    short = frame.map_partitions(lambda part: part["a"][:7], meta=parts[0]["a"][:0])
    with pytest.raises(ValueError, match="one label or target"):
        model.fit(dd.from_pandas(parts[0], npartitions=1), short.partitions[[0]])


def dask_delayed(part):
    from dask import delayed

    return delayed(lambda: part)()


def test_a_missing_or_closed_client_is_an_error(client):
    from distributed import Client

    lazy = da.ones((20, 2), chunks=10)
    model = dask.DaskContrastiveEmbedding()
    with Client(client.scheduler.address, set_as_default=False) as other:
        pass
    with pytest.raises(ValueError, match="got a closed one"):
        model.set_params(client=other).fit(lazy, lazy[:, 0])


def test_rows_in_memory_are_needed_by_some_methods(fitted, classifier):
    model, lazy = fitted
    labels = da.from_array(rows()[1], chunks=80)
    for method, *given in [
        (model.score, lazy, labels),
        (model.partial_fit, lazy, labels),
        (model.pair_distance, lazy),
    ]:
        with pytest.raises(TypeError, match="needs rows in memory; got Array"):
            method(*given)
    X, y = rows()
    assert model.score(X, y) > 0.3
    with pytest.raises(TypeError, match="needs rows in memory; got DataFrame"):
        classifier[0].kneighbors(classifier[1])


def test_a_worker_without_a_place_is_named():
    from types import SimpleNamespace

    from sklearn_contrastive.dask._group import Link, _wait_for_all

    store = SimpleNamespace(check=lambda keys: keys == ["0"])
    with pytest.raises(TimeoutError, match="workers tcp://b have not begun"):
        _wait_for_all(store, ["tcp://a", "tcp://b"], 0.01, Link())


def test_searches_run_on_a_cluster(client):
    import joblib

    X, y = rows(120)
    pipeline = make_pipeline(ContrastiveEmbedding(**QUICK), KNeighborsClassifier())
    grid = {"contrastiveembedding__margin": [0.5, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    embedding = ContrastiveEmbedding(**QUICK)
    one = ContrastiveEmbeddingCV(embedding, margins=[0.5, 1.0], cv=2).fit(X, y)
    with joblib.parallel_config("dask"):
        found = clone(search).set_params(n_jobs=2).fit(X, y)
        other = clone(one).set_params(n_jobs=2).fit(X, y)
    for a, b in ((search, found), (one, other)):
        name = "mean_test_score"
        assert_array_equal(a.cv_results_[name], b.cv_results_[name])


@pytest.mark.slow
def test_the_example_runs(client, capsys):
    example = Path(__file__).parents[2] / "examples" / "dask_cluster.py"
    runpy.run_path(str(example))["main"]()
    assert "Accuracy of 450 new rows: 0.9" in capsys.readouterr().out
