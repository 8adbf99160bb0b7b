"""Estimators in files without code: the same bits, and no file that does harm."""

import hashlib
import json
import os
import pickle
import re
import struct
import subprocess
import sys
import warnings
from copy import deepcopy
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    ContrastiveNeighborsClassifier,
    ContrastiveNeighborsRegressor,
    PairVerifier,
    losses,
    miners,
    similarity,
)
from sklearn_contrastive.encoders import MLPEncoder
from sklearn_contrastive.persistence import load, save

pd = pytest.importorskip("pandas")

ROOT = Path(__file__).parent.parent
#: Files that earlier versions have written, and `tests/data/make.py`.
STORED = sorted((ROOT / "tests" / "data").glob("*.model"))
RNG = np.random.RandomState(0)
X, Y = RNG.normal(size=(80, 4)), np.arange(80) % 3
LETTERS = np.array(list("pqr"))[Y]
DAYS = np.array([date(2020, 1, 1 + n) for n in range(3)])[Y]
FRAME = pd.DataFrame(X, columns=list("abcd")).assign(
    e=pd.Categorical(RNG.choice(["x", "y", "é"], 80)),
    f=pd.Categorical(RNG.choice(["lo", "mid"], 80), ["lo", "mid", "hi"], ordered=True),
    g=Y % 2 == 0,
    h=pd.Categorical(RNG.choice([1.5, 2.5], 80)),
    many=pd.Categorical([f"level {i}" for i in RNG.choice(40, 80)]),
)
FRAME.loc[3, "a"], FRAME.loc[7, "e"] = np.nan, None
PAIRS = np.stack([X[:40], X[40:]], 1)
SAME = np.linalg.norm(PAIRS[:, 0] - PAIRS[:, 1], axis=1) < 2.5
HYBRID = losses.HybridLoss(
    [("a", losses.TripletLoss(margin=0.3)), ("b", losses.ProxyAnchorLoss())]
)


def embedding(**params):
    return ContrastiveEmbedding(**{"max_iter": 2, "random_state": 0, **params})


#: For files of few bytes.
TINY = {"hidden_layer_sizes": (3,), "max_iter": 1, "random_state": 0}

#: What is fitted, on which rows and labels.
STREETS = pd.DataFrame({"street": [f"{number % 300}" for number in range(1800)]})
STREETS["size"] = pd.cut(np.arange(1800.0) % 7, 3)
FITS = {
    "many levels": (embedding(**TINY), STREETS, np.arange(1800) % 2),
    "tiny pairs": (
        PairVerifier(embedding(n_members=1, n_components=4, **TINY), random_state=0),
        PAIRS,
        SAME,
    ),
    "tiny tables": (ContrastiveAlignment(4, **TINY), FRAME[list("abe")], FRAME[["b"]]),
    "tiny classes": (
        ContrastiveNeighborsClassifier(
            embedding(n_components=8, **TINY), cross_fit=2, random_state=0
        ),
        FRAME[list("abef")],
        LETTERS,
    ),
    "defaults": (embedding(), X, Y),
    "text as labels": (embedding(), X, LETTERS),
    "objects as labels": (embedding(), X, LETTERS.astype(object)),
    "mixed columns": (embedding(), FRAME, LETTERS),
    "targets": (embedding(), X, X[:, 0]),
    "label sets": (embedding(), X, [{"u", letter} for letter in LETTERS]),
    "neighbours": (embedding(similarity="neighbors"), X, None),
    "folds and codes": (
        embedding(cross_fit=True, numeric_encoding="piecewise", n_members=4),
        X,
        Y,
    ),
    "own objects": (
        embedding(
            loss=HYBRID,
            miner=miners.RandomPairs(),
            similarity=similarity.LabelSimilarity(rows_per_class=4),
            encoder=MLPEncoder((8,), activation="relu"),
            n_components=np.int64(8),
            dropout=np.float32(0.0),
            tol=np.float64(1e-3),
        ),
        X.astype(np.float32),
        Y,
    ),
    "proxies": (embedding(loss="proxy_anchor", feature_weights=[1, 2, 0.5, 1]), X, Y),
    "margins": (ContrastiveEmbeddingCV(embedding(), margins=[0.5, 1.0], cv=2), X, Y),
    "classes": (ContrastiveNeighborsClassifier(embedding()), FRAME, LETTERS),
    "numbers": (ContrastiveNeighborsRegressor(embedding()), X, X[:, 0]),
    "two tables": (ContrastiveAlignment(max_iter=2, random_state=0), X, X[:, :3]),
    "two frames": (
        ContrastiveAlignment(max_iter=2, random_state=0),
        FRAME,
        FRAME[["b"]],
    ),
    "pairs": (PairVerifier(embedding(), random_state=0), PAIRS, SAME),
    "row numbers": (
        PairVerifier(FrozenEstimator(embedding().fit(X, Y)), preprocessor=X),
        np.arange(80).reshape(2, 40).T,
        SAME,
    ),
}
#: Cases whose files are small.
SMALL = "own objects", "tiny pairs", "tiny tables", "tiny classes"
METHODS = "transform", "predict", "predict_proba", "decision_function", "pair_distance"


def results(model, table, y):
    """Return what a model says of rows, by method."""
    found = {
        name: getattr(model, name)(table)
        for name in METHODS
        if name in dir(model)
        and (name != "pair_distance" or isinstance(model, PairVerifier))
    }
    if isinstance(model, ContrastiveAlignment):
        found["partners"] = model.transform(table, y)[1]
    return found


@cache
def fitted(name):
    """Return the model of a case, fitted once for all tests; a search's best."""
    model, table, y = FITS[name]
    model.fit(table) if y is None else model.fit(table, y)
    return model


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    assert found
    for name, values in expected.items():
        assert np.asarray(values).dtype == np.asarray(found[name]).dtype
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.mark.parametrize("name", FITS)
def test_what_is_loaded_does_the_same(name, tmp_path):
    model, (_, table, y) = fitted(name), FITS[name]
    save(model, tmp_path / "model")
    loaded = load(tmp_path / "model")
    if name == "margins":
        model = model.best_estimator_
    assert type(loaded) is type(model)
    assert repr(loaded) == repr(model)
    assert vars(loaded).keys() == vars(model).keys()
    assert_same(results(loaded, table, y), results(model, table, y))
    # A second file is the same, byte for byte.
    save(loaded, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


@pytest.mark.parametrize("name", [*SMALL, "many levels", "mixed columns", "numbers"])
def test_skops_loads_what_the_guide_lists(name):
    guide = (ROOT / "docs" / "user_guide" / "deploy.rst").read_text()
    listed = re.findall(r"^   (sklearn_contrastive\.\S+)$", guide, re.MULTILINE)
    model, (_, table, y) = fitted(name), FITS[name]
    data = skops.io.dumps(model)
    # Nouns that a user chooses are trusted one by one.
    own = [
        each
        for each in skops.io.get_untrusted_types(data=data)
        if re.search(r"\.(losses|miners|similarity)\.", each)
    ]
    loaded = skops.io.loads(data, trusted=[*listed, *own])
    assert_same(results(loaded, table, y), results(model, table, y))


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_files_of_every_schema_are_read(path):
    kept = json.loads(path.with_suffix(".json").read_text())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        model = load(path)
    found = getattr(model, kept["method"])(np.array(kept["rows"], dtype=object))
    np.testing.assert_allclose(found, kept["found"], rtol=1e-5, atol=1e-6)


READER = """
import pickle, sys, warnings
from pathlib import Path
from sklearn_contrastive.persistence import load
for path in Path(sys.argv[1]).glob("*.model"):
    calls = pickle.loads(path.with_suffix(".pickle").read_bytes())
    model = load(path)
    for name, (rows, expected) in calls.items():
        found = getattr(model, name)(rows)
        assert (found == expected).all(), (path, name)
    print(path.stem)
assert "torch" not in sys.modules
"""


def test_another_process_reads_them_without_torch(tmp_path):
    for name, (_, table, y) in FITS.items():
        model = fitted(name)
        save(model, tmp_path / f"{name}.model")
        found = results(model, table, y)
        calls = {k: (table, v) for k, v in found.items() if k != "partners"}
        (tmp_path / f"{name}.pickle").write_bytes(pickle.dumps(calls))
    command = [sys.executable, "-c", READER, str(tmp_path)]
    read = subprocess.run(command, capture_output=True, text=True)
    assert not read.returncode, read.stderr
    assert sorted(read.stdout.splitlines()) == sorted(FITS)


def test_training_resumes_where_it_was(tmp_path):
    save(fitted("text as labels"), tmp_path / "model")
    loaded = load(str(tmp_path / "model"))
    model = deepcopy(fitted("text as labels"))
    for each in (loaded, model):
        each.partial_fit(X[::2], LETTERS[::2])
    assert_same(results(loaded, X, None), results(model, X, None))


def loss(positive, negative, margin):
    return positive.mean() - negative.mean()


class OwnLoss(losses.TripletLoss):
    pass


class OwnEmbedding(ContrastiveEmbedding):
    pass


@pytest.mark.parametrize(
    ("model", "name", "what"),
    [
        (embedding(loss=OwnLoss()), "loss", OwnLoss()),
        (embedding(similarity=lambda a, b: a == b), "similarity", "labels"),
        (embedding(random_state=np.random.RandomState(0)), "random_state", 3),
        (
            embedding(miner=miners.CrossBatchMemory(miner=lambda D, pairs: pairs)),
            "miner__miner",
            "all",
        ),
        (
            ContrastiveNeighborsClassifier(embedding(loss=OwnLoss())),
            "embedding__loss",
            OwnLoss(),
        ),
    ],
)
def test_what_no_file_holds_is_left_out_by_name(model, name, what, tmp_path):
    path = tmp_path / "model"
    model.fit(X, Y)
    with pytest.raises(ValueError, match=f"`{name}` is of a kind .*objects="):
        save(model, path)
    assert not path.exists()
    save(model, path, objects=[name])
    with pytest.raises(ValueError, match=f"left out by `save`, .*'{name}'.*got \\[\\]"):
        load(path)
    with pytest.raises(ValueError, match=r"got .*'other'"):
        load(path, {name: what, "other": 1})
    loaded = load(path, {name: what})
    assert loaded.get_params()[name] is what
    assert_same(results(loaded, X, Y), results(model, X, Y))


def test_other_parameters_are_named():
    pipeline = make_pipeline(StandardScaler(), embedding(similarity="pairs"))
    verifier = PairVerifier(pipeline, random_state=0).fit(PAIRS, SAME)
    folds = embedding(cross_fit=KFold(4), n_members=4).fit(X, Y)
    for model, name in ((verifier, "embedding"), (folds, "cross_fit")):
        with pytest.raises(ValueError, match=f"`{name}` is of a kind"):
            save(model, "never written")
    with pytest.raises(ValueError, match=r"`objects` names no parameter: .*'lose'"):
        save(fitted("defaults"), "never written", objects=["lose"])
    with pytest.raises(TypeError, match="must be a list of names; got 'loss'"):
        save(fitted("defaults"), "never written", objects="loss")


def test_a_pipeline_inside_a_verifier_is_given_again(tmp_path):
    pipeline = make_pipeline(StandardScaler(), embedding(similarity="pairs"))
    verifier = PairVerifier(pipeline, random_state=0).fit(PAIRS, SAME)
    save(verifier, tmp_path / "model", objects=["embedding"])
    loaded = load(tmp_path / "model", {"embedding": verifier.embedding_})
    assert_same(results(loaded, PAIRS, SAME), results(verifier, PAIRS, SAME))


def network(n_features, n_components):
    from torch import nn

    return nn.Sequential(
        nn.Linear(n_features, n_components), nn.BatchNorm1d(n_components)
    )


def test_a_torch_module_is_given_again_and_gets_the_weights(tmp_path):
    path = tmp_path / "model"
    for encoder in (network, network(4, 8)):
        model = embedding(encoder=encoder, n_components=8).fit(X, Y)
        save(model, path)
        with pytest.raises(ValueError, match=r"left out by `save`, .*'encoder'"):
            load(path)
        for again in (network, network(4, 8)):
            assert_same(
                results(load(path, {"encoder": again}), X, Y), results(model, X, Y)
            )
        for wrong in (network(4, 9), network(5, 8), network(4, 8)[0], "mlp", print):
            with pytest.raises(ValueError, match="cannot be loaded"):
                load(path, {"encoder": wrong})
    inside = ContrastiveNeighborsClassifier(embedding(encoder=network), cross_fit=2)
    save(inside.fit(X, Y), path)
    loaded = load(path, {"embedding__encoder": network})
    assert_same(results(loaded, X, Y), results(inside, X, Y))


def test_only_fitted_estimators_of_the_package_are_saved(tmp_path):
    for model in (embedding(), ContrastiveEmbeddingCV(), PairVerifier()):
        with pytest.raises(NotFittedError):
            save(model, tmp_path / "model")
    for model in (OwnEmbedding(max_iter=1).fit(X, Y), StandardScaler().fit(X), None):
        with pytest.raises(TypeError, match="of sklearn_contrastive"):
            save(model, tmp_path / "model")
    unrefitted = ContrastiveEmbeddingCV(embedding(), margins=[1], cv=2, refit=False)
    with pytest.raises(AttributeError, match="refit=True"):
        save(unrefitted.fit(X, Y), tmp_path / "model")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "model")


def test_callbacks_are_not_saved_and_versions_are_compared(tmp_path):
    model = deepcopy(fitted("defaults"))
    model._skl_callbacks = [print]
    model._versions = {**model._versions, "sklearn_contrastive": "99.0"}
    save(model, tmp_path / "model")
    with pytest.warns(InconsistentVersionWarning, match="99.0"):
        loaded = load(tmp_path / "model")
    assert "_skl_callbacks" not in vars(loaded)


def test_a_similarity_is_saved_without_the_rows_it_was_fitted_to(tmp_path):
    views = similarity.ViewSimilarity().fit(X, None)
    save(embedding(similarity=views).fit(X), tmp_path / "model")
    loaded = load(tmp_path / "model").similarity
    assert vars(loaded) == similarity.ViewSimilarity().get_params()


@pytest.mark.parametrize("name", sorted(set(FITS) - {"row numbers"}))
def test_no_row_of_training_is_in_a_file(name, tmp_path):
    save(fitted(name), tmp_path / "model")
    data = (tmp_path / "model").read_bytes()
    for dtype in (np.float32, np.float64):
        # What a row of each table of the cases begins with, and a pair.
        assert not any(row[:2].astype(dtype).tobytes() in data for row in X)


#: Changed files of each example: 100,000 in all with the profile of `make fuzz`.
ROUNDS = 50 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 10
#: Events that no load has, whatever the file says.
EVENTS = (
    "import",
    "exec",
    "compile",
    "pickle.find_class",
    "os.system",
    "subprocess.Popen",
)
WATCH = {"path": None, "found": []}


def hook(event, args):
    if WATCH["path"] and (
        event in EVENTS or (event == "open" and str(args[0]) != WATCH["path"])
    ):
        WATCH["found"].append((event, args))


@pytest.fixture(scope="module")
def watched():
    # A hook stays for the life of the process; without a path it does nothing.
    sys.addaudithook(hook)


def attempt(path, data):
    """Load some bytes, and return whether that was possible; nothing else happens."""
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        WATCH.update(path=str(path), found=[])
        try:
            return type(load(path)) in map(type, (row[0] for row in FITS.values()))
        except ValueError:
            return False
        finally:
            WATCH["path"] = None
            assert not WATCH["found"]


#: The bytes of small files by name: no fixture, whose text an error would print.
DATA = {}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "model"
    for name in SMALL:
        save(fitted(name), path)
        DATA[name] = path.read_bytes()
        # Once without the hook, for what is imported when it is first used.
        repr(load(path))
    return path


@settings(deadline=None, database=None)
@given(name=st.sampled_from(SMALL), seed=st.integers(0, 2**32 - 1))
def test_changed_bytes_are_an_error(path, watched, name, seed):
    rng = np.random.RandomState(seed)
    for _ in range(ROUNDS):
        changed = bytearray(DATA[name])
        start, stop = np.sort(rng.randint(len(changed) + 1, size=2))
        some = rng.bytes(rng.randint(1, 9))
        how = rng.randint(4)
        if how == 0:
            del changed[start:]
        elif how == 1:
            del changed[start : stop + 1]
        elif how == 2:
            changed[start:start] = some
        else:
            changed[start : start + len(some)] = some
        if bytes(changed) != DATA[name]:
            assert not attempt(path, bytes(changed))


#: Parts of a header that are not where they belong.
PARTS = [
    *(None, True, -1, 0, 2, 10**6, 10**12, 2**63, 10**30, 0.5, -1e308, "", "mlp", "é"),
    *([], ["dict"], ["list"], ["given", "loss"], ["float", "nan"], ["float", "x"], {}),
    *(["array", 0], ["array", -1], ["scalar", 1], ["tuple", 1, 2], ["set", ["list"]]),
    *(["object", "MLPEncoder", {}], ["object", "os", {}], ["objects", [10**9]]),
    *(["object", "FittedState", {"columns": 1}], ["object", "Levels", {}], "__class__"),
]


def places(node):
    """Return each container in some JSON with each of its keys."""
    keys = range(len(node)) if isinstance(node, list) else node
    found = [(node, key) for key in keys]
    inner = [node[key] for key in keys if isinstance(node[key], list | dict)]
    return [*found, *(place for part in inner for place in places(part))]


def rewritten(data, rng):
    """Return a file with other content and the checksum of that."""
    size = struct.unpack_from("<8sIQ", data)[2]
    header, body = json.loads(data[20 : 20 + size]), bytearray(data[20 + size : -32])
    for _ in range(rng.randint(1, 3)):
        found = places(header)
        node, key = found[rng.randint(len(found))]
        other, own = found[rng.randint(len(found))]
        part = PARTS[rng.randint(len(PARTS))]
        how = rng.randint(4)
        if how == 3:
            body[rng.randint(len(body))] = rng.randint(256)
        else:
            node[key] = deepcopy(other[own] if how == 2 else part)
    text = json.dumps(header).encode()
    whole = struct.pack("<8sIQ", b"sk-contr", 0, len(text)) + text + body
    return whole + hashlib.sha256(whole).digest()


@settings(deadline=None, database=None)
@given(name=st.sampled_from(SMALL), seed=st.integers(0, 2**32 - 1))
def test_other_content_is_an_error_or_an_estimator(path, watched, name, seed):
    rng = np.random.RandomState(seed)
    for _ in range(ROUNDS):
        attempt(path, rewritten(DATA[name], rng))


@pytest.mark.parametrize("field", ["n_own", "n_features"])
def test_sizes_that_a_file_claims_are_not_allocated(field, path):
    size = struct.unpack_from("<8sIQ", DATA["own objects"])[2]
    header = json.loads(DATA["own objects"][20 : 20 + size])
    header["model"][2]["_state"][2][field] = 2**40
    text = json.dumps(header).encode()
    whole = struct.pack("<8sIQ", b"sk-contr", 0, len(text)) + text
    whole += DATA["own objects"][20 + size : -32]
    path.write_bytes(whole + hashlib.sha256(whole).digest())
    with pytest.raises(ValueError, match="of other sizes"):
        load(path)


def test_a_header_that_is_nested_too_deeply_is_an_error(tmp_path):
    text = b"[" * 100_000
    whole = struct.pack("<8sIQ", b"sk-contr", 0, len(text)) + text
    path = tmp_path / "model"
    path.write_bytes(whole + hashlib.sha256(whole).digest())
    with pytest.raises(ValueError, match="cannot be loaded"):
        load(path)


@pytest.mark.parametrize("letters", [LETTERS.astype(bytes), DAYS])
def test_labels_that_no_file_holds_are_an_error(letters, tmp_path):
    model = embedding().fit(X, letters)
    with pytest.raises(ValueError, match="`y` must hold labels that a file has: num"):
        save(model, tmp_path / "model")
