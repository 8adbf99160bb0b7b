"""Graphs of ONNX say what the estimators say, from the columns on."""

import re
import sys

import numpy as np
import pytest
import skl2onnx
from onnxruntime import InferenceSession
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    ContrastiveNeighborsClassifier,
    ContrastiveNeighborsRegressor,
    PairVerifier,
)
from sklearn_contrastive.onnx import to_onnx
from sklearn_contrastive.onnx._converters import register

pd = pytest.importorskip("pandas")

RNG = np.random.RandomState(0)
FOLDS = KFold(2, shuffle=True, random_state=0)
IRIS, WINE = load_iris(return_X_y=True), load_wine(return_X_y=True)
N = 600
CODES = np.arange(N) % 3
FRAME = pd.DataFrame(
    {
        "size (cm)": CODES + RNG.normal(size=N),
        "gaps": CODES - RNG.normal(size=N),
        "letter": pd.Categorical(np.array(list("xyz"))[CODES]),
        "order": pd.Categorical(RNG.choice(["lo", "mid"], N), ["lo", "mid"], True),
        "number": pd.Categorical(RNG.randint(4, size=N) * 10),
        "fraction": pd.Categorical(RNG.choice([0.1, 0.2, 1.5], N)),
        "flag": RNG.rand(N) < 0.5,
        "text": [f"text {i}" for i in RNG.randint(9, size=N)],
        "range": pd.cut(RNG.rand(N), 3),
    }
).astype({"size (cm)": np.float32, "gaps": np.float32})
for name, step in {"gaps": 7, "letter": 9, "order": 11, "fraction": 13}.items():
    FRAME.loc[::step, name] = None
#: Rows as they come later: with other levels, and gaps in other columns.
LATER = FRAME[::5].astype({"letter": object, "order": object, "text": object})
LATER.iloc[:9, 2], LATER.iloc[4:12, 3], LATER.iloc[8:20, 7] = "new", "new", None
LATER.iloc[3, 0] = np.nan
STREETS = pd.DataFrame({"street": [f"street {i % 300}" for i in range(1800)]})
STREETS["size"] = np.float32(RNG.normal(size=1800))


#: Small networks.
FEW = {"hidden_layer_sizes": (16,), "max_iter": 2, "random_state": 0}


def embedding(**params):
    return ContrastiveEmbedding(**{**FEW, **params})


def inputs_of(session, rows):
    """Return what a graph is fed with: a table, or each column of one or two frames."""
    inputs = session.get_inputs()
    if isinstance(rows, np.ndarray):
        return {inputs[0].name: rows}
    frames = rows if isinstance(rows, tuple) else (rows,)
    found = {}
    for number, each in enumerate(inputs):
        columns = [frame.iloc[:, number].astype(object) for frame in frames]
        column = np.stack([c.where(c.notna(), np.nan) for c in columns], axis=1)
        if each.type == "tensor(string)":
            column = np.array(
                [[c if c is np.nan else str(c) for c in r] for r in column]
            )
            column = column.astype(object)
        else:
            kinds = {"tensor(int64)": np.int64, "tensor(bool)": bool}
            column = column.astype(kinds.get(each.type, np.float32))
        found[each.name] = column
    return found


def run(graph, rows):
    """Return the outputs of a graph, which are the same one row at a time."""
    session = InferenceSession(graph.SerializeToString())
    given = inputs_of(session, rows)
    found = session.run(None, given)
    one = session.run(None, {name: values[3:4] for name, values in given.items()})
    for each, all_rows in zip(one, found, strict=True):
        if isinstance(each, np.ndarray) and each.dtype.kind == "f":
            np.testing.assert_allclose(each, all_rows[3:4], atol=1e-5)
    return found


def in_single(X):
    return X.astype(np.float32) if isinstance(X, np.ndarray) else X


UNITS = 10.0 ** np.array([-44, 30, 3, -30])
TABLES = {
    "iris": ({}, *IRIS),
    "wine": ({}, *WINE),
    "codes": ({"numeric_encoding": "piecewise"}, *WINE),
    "weights of columns": ({"feature_weights": [0.5, 1, 1, 0]}, *IRIS),
    "weights of one network": (
        {"feature_weights": [1, 2, 3, 4], "n_members": 1},
        *IRIS,
    ),
    "plain columns": ({"standardize": False, "normalize": False}, *IRIS),
    "standard": ({"standardize": "standard", "encoder": "linear"}, *IRIS),
    "other units": ({}, IRIS[0] * UNITS, IRIS[1]),
    "a constant": ({}, IRIS[0] * [1, 1, 1, 0] + [0, 0, 0, 7], IRIS[1]),
    **{
        name: ({"activation": name}, *IRIS) for name in ("relu", "selu", "gelu", "tanh")
    },
    "no activation": ({"activation": "identity"}, *IRIS),
    "numbers as levels": ({"categorical_features": [1, 3]}, np.round(IRIS[0]), IRIS[1]),
    "frame": ({}, FRAME, CODES),
    "frame with codes": ({"numeric_encoding": "piecewise"}, FRAME, CODES),
    "frame without numbers": ({"feature_weights": "auto"}, FRAME.iloc[:, 2:5], CODES),
    "plain frame": ({"standardize": False}, FRAME, CODES),
    "many levels": ({}, STREETS, np.arange(1800) % 3),
}


@pytest.mark.parametrize("name", TABLES)
def test_points_are_those_of_the_embedding(name):
    params, X, y = TABLES[name]
    model = embedding(**params).fit(X, y)
    rows = in_single(X) if isinstance(X, np.ndarray) else X[::3]
    if X is FRAME:
        rows = LATER
    elif X is STREETS:
        rows = X[::7].copy()
        rows.iloc[:5, 0], rows.iloc[5:9, 0] = "a new street", None
    if isinstance(X, np.ndarray):
        rows = rows.copy()
        rows[1, 0] = np.nan
    (found,) = run(to_onnx(model), rows)
    np.testing.assert_allclose(found, model.transform(rows), atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "steps",
    [
        (embedding(), KNeighborsClassifier()),
        (StandardScaler(), embedding(), LogisticRegression()),
        (
            StandardScaler(),
            ContrastiveEmbeddingCV(embedding(), margins=[0.8], cv=2),
            KNeighborsClassifier(),
        ),
        (
            StandardScaler(),
            ContrastiveNeighborsClassifier(embedding(), cross_fit=FOLDS),
        ),
    ],
    ids=["neighbours", "logistic", "search", "predictor"],
)
def test_pipelines_are_converted_by_skl2onnx(steps, dtype):
    X, y = WINE[0].astype(dtype), WINE[1]
    model = make_pipeline(*steps).fit(X, y)
    graph = skl2onnx.to_onnx(model, X[:1], options={"zipmap": False})
    labels, shares = run(graph, X)
    np.testing.assert_array_equal(labels, model.predict(X))
    np.testing.assert_allclose(shares, model.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("step", [1, -1])
def test_a_frame_is_converted_by_skl2onnx(step):
    frame = FRAME.drop(columns=["range", "fraction"]).astype({"number": int})
    # The first column has the type of the results.
    frame = frame[frame.columns[::step]]
    model = make_pipeline(embedding(), KNeighborsClassifier()).fit(frame, CODES)
    graph = skl2onnx.to_onnx(model, frame[1:2], options={"zipmap": False})
    np.testing.assert_array_equal(run(graph, frame)[0], model.predict(frame))


def classifier(**params):
    return ContrastiveNeighborsClassifier(embedding(), cross_fit=FOLDS, **params)


LETTERS = np.array(list("pqr"))
CLASSIFIERS = {
    "text": (classifier(), WINE[0], LETTERS[WINE[1]]),
    "floats": (classifier(), WINE[0], WINE[1].astype(float)),
    "whole objects": (classifier(), WINE[0], WINE[1].astype(object)),
    "binary": (classifier(), WINE[0], WINE[1] == 1),
    "weights": (classifier(class_weight="balanced"), WINE[0], WINE[1] > 1),
    "large weights": (classifier(class_weight={0: 1e300, 2: 2e300}), *WINE),
    "uniform": (classifier(weights="uniform"), WINE[0], WINE[1]),
    "label sets": (classifier(), WINE[0], np.array([WINE[1] > 0, WINE[1] < 2]).T * 1),
    "frame": (classifier(), FRAME, LETTERS[CODES]),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_labels_and_probabilities_are_those_of_the_classifier(name):
    model, X, y = CLASSIFIERS[name]
    rows = LATER if X is FRAME else in_single(X)
    model.fit(X, y)
    labels, shares = run(to_onnx(model), rows)
    np.testing.assert_array_equal(labels, model.predict(rows))
    np.testing.assert_allclose(shares, model.predict_proba(rows), atol=1e-4)


def test_the_share_of_rows_of_training_counts():
    model = classifier().fit(*WINE)
    rows = in_single(WINE[0])
    model.trained_share_, model._settings = 0.25, [(0.1, 0.1), (0.4, 1.0)]
    for network in model._networks:
        network.groups = (network.groups * 2)[:2]
    np.testing.assert_allclose(
        run(to_onnx(model), rows)[1], model.predict_proba(rows), atol=1e-4
    )


def test_targets_are_those_of_the_regressor():
    X, y = load_diabetes(return_X_y=True)
    for targets in (y, np.column_stack([y, 1e-3 * y**2])):
        model = ContrastiveNeighborsRegressor(embedding(), cross_fit=FOLDS)
        rows = in_single(X)
        expected = model.fit(X, targets).predict(rows).reshape(len(X), -1)
        np.testing.assert_allclose(run(to_onnx(model), rows)[0], expected, rtol=1e-5)


def test_centroids_make_a_graph_that_does_not_grow():
    X, y = in_single(np.vstack([IRIS[0]] * 8)), np.tile(IRIS[1], 8)
    X += np.random.RandomState(0).normal(scale=0.1, size=X.shape).astype(np.float32)
    sizes = {}
    for n in (300, 1200):
        model = classifier(n_neighbors=2).fit(X[:n], y[:n])
        for references in ("all", "centroids"):
            graph = to_onnx(model, references=references)
            sizes[n, references] = graph.ByteSize()
            labels, shares = run(graph, X[:300])
            assert np.mean(labels == model.predict(X[:300])) > 0.9
            np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert sizes[1200, "all"] > sizes[300, "all"] + 900 * 32 * 4
    assert abs(sizes[1200, "centroids"] - sizes[300, "centroids"]) < 1000


PAIRS = np.stack([WINE[0][::2], WINE[0][1::2][::-1]], axis=1)
SAME = np.where(WINE[1][::2] == WINE[1][1::2][::-1], "same", "other")
SAME[::9] = "same"
SCALED = make_pipeline(StandardScaler(), embedding())
BOTH = FRAME[:300], FRAME.sample(300, random_state=0)
VERIFIERS = {
    "rows": (PairVerifier(embedding(), random_state=0), PAIRS, SAME),
    "pipeline": (PairVerifier(SCALED, random_state=0), PAIRS, SAME),
    "frozen": (
        PairVerifier(FrozenEstimator(embedding().fit(*WINE)), random_state=0),
        PAIRS,
        SAME == "same",
    ),
    "frames": (
        PairVerifier(embedding(), random_state=0),
        BOTH,
        CODES[:300] == CODES[BOTH[1].index],
    ),
}


@pytest.mark.parametrize("name", VERIFIERS)
def test_labels_and_probabilities_are_those_of_the_verifier(name):
    model, pairs, y = VERIFIERS[name]
    model.fit(pairs, y)
    pairs = in_single(pairs)
    labels, shares = run(to_onnx(model), pairs)
    np.testing.assert_array_equal(labels, model.predict(pairs))
    np.testing.assert_allclose(shares, model.predict_proba(pairs), atol=1e-4)


def test_each_table_of_an_alignment_has_its_graph():
    model = ContrastiveAlignment(4, max_iter=2, random_state=0)
    X = in_single(WINE[0][:150])
    model.fit(X, FRAME[:150])
    found = run(to_onnx(model), X), run(to_onnx(model, table="y"), FRAME[:150])
    for (points,), expected in zip(found, model.transform(X, FRAME[:150]), strict=True):
        np.testing.assert_allclose(points, expected, atol=1e-5)


def test_a_missing_cell_is_what_a_frame_has_or_empty_text():
    model = embedding().fit(FRAME[["letter"]], CODES)
    cells = [None, np.nan, "", "<NA>"]
    session = InferenceSession(to_onnx(model).SerializeToString())
    column = np.array(cells, dtype=object)[:, None]
    (found,) = session.run(None, {"letter": column})
    expected = model.transform(pd.DataFrame({"letter": [None]}))
    np.testing.assert_allclose(found, np.repeat(expected, 4, axis=0), atol=1e-5)


def test_empty_text_that_is_a_level_is_that_level():
    frame = pd.DataFrame({"a": np.array(["", "p", "q"])[CODES]})
    model = embedding().fit(frame, CODES)
    (found,) = run(to_onnx(model), frame[:9])
    np.testing.assert_allclose(found, model.transform(frame[:9]), atol=1e-5)


def test_columns_without_a_name_are_numbered():
    frame = FRAME[["gaps", "letter"]].set_axis(["", "x0"], axis=1)
    model = embedding().fit(frame, CODES)
    (found,) = run(to_onnx(model), frame[:9])
    np.testing.assert_allclose(found, model.transform(frame[:9]), atol=1e-5)


def network(n_in, n_out):
    import torch

    return torch.nn.Linear(n_in, n_out)


class Derived(ContrastiveEmbedding):
    pass


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        (KMeans(), {}, TypeError, "`estimator` must be a fitted estimator of"),
        (Derived().fit(*IRIS), {}, TypeError, "of no derived class; got Derived("),
        (
            make_pipeline(embedding()),
            {},
            TypeError,
            "skl2onnx.to_onnx(pipeline, X[:1])",
        ),
        (embedding(), {}, NotFittedError, "is not fitted"),
        (embedding(encoder=network).fit(*IRIS), {}, TypeError, "torch.onnx.export"),
        (
            embedding().fit(*IRIS),
            {"references": "centroids"},
            ValueError,
            "`references` must be 'all' for a ContrastiveEmbedding; got 'centroids'.",
        ),
        (
            embedding().fit(*IRIS),
            {"table": "y"},
            ValueError,
            "`table` must be 'X' for a ContrastiveEmbedding; got 'y'.",
        ),
        (
            classifier().fit(*IRIS),
            {"references": "some"},
            ValueError,
            "`references` must be 'all' or 'centroids' for a Contrastive",
        ),
        (
            classifier().fit(
                IRIS[0], np.array(["2026-01", "2026-02", "2026-03"], "M8[M]")[IRIS[1]]
            ),
            {},
            ValueError,
            "`y` must hold whole numbers below 2**63 in size, bools or text",
        ),
        *(
            (classifier().fit(IRIS[0], y), {}, ValueError, "below 2**63")
            for y in (
                np.uint64(2**63) + IRIS[1].astype(np.uint64),
                1e20 * IRIS[1],
                IRIS[1].astype("m8[s]"),
            )
        ),
        (
            ContrastiveNeighborsRegressor(embedding(), cross_fit=FOLDS).fit(
                IRIS[0], IRIS[1] * 1e300
            ),
            {},
            ValueError,
            "`y` must hold targets in the range of single precision",
        ),
    ],
)
def test_what_has_no_graph_is_an_error(model, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        to_onnx(model, **options)


def test_inputs_of_other_types_and_numbers_are_errors():
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    model = embedding().fit(FRAME[["gaps", "letter"]], CODES)
    one, text = FloatTensorType([None, 1]), StringTensorType([None, 1])
    with pytest.raises(ValueError, match=r"Column 1 is a category of .* another"):
        skl2onnx.to_onnx(model, initial_types=[("a", one), ("b", one)])
    with pytest.raises(ValueError, match="one input for each of the 2 columns"):
        skl2onnx.to_onnx(model, initial_types=[("a", one), ("b", text), ("c", one)])


def test_mistakes_that_skl2onnx_does_not_look_for_are_errors():
    X, model = in_single(WINE[0][:1]), classifier().fit(*WINE)
    with pytest.raises(ValueError, match="is not fitted"):
        skl2onnx.to_onnx(ContrastiveNeighborsRegressor(), X)
    with pytest.raises(ValueError, match=r"of the 13 columns of `fit`, .* got 12"):
        skl2onnx.to_onnx(model, X[:, 1:])
    with pytest.raises(ValueError, match="`target_opset` must be at least 13; got 12"):
        skl2onnx.to_onnx(model, X, target_opset=12)
    with pytest.raises(ValueError, match="`references` must be 'all' or 'centroids'"):
        to_onnx(model, references=np.array(["all", "centroids"]))


@pytest.mark.parametrize("options", [None, {"zipmap": "columns"}])
def test_probabilities_by_the_names_of_classes(options):
    X = in_single(WINE[0])
    model = classifier().fit(X, LETTERS[WINE[1]])
    labels, *shares = run(skl2onnx.to_onnx(model, X[:1], options=options), X)
    np.testing.assert_array_equal(labels, model.predict(X))
    if options is None:
        shares = [[row[name] for row in shares[0]] for name in "pqr"]
    np.testing.assert_allclose(np.squeeze(shares).T, model.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize(
    "levels",
    [2.0**24 + CODES % 2, np.uint64(2**63) + CODES.astype(np.uint64) % np.uint64(2)],
)
def test_levels_that_differ_in_double_precision_alone_are_an_error(levels):
    frame = pd.DataFrame({"a": pd.Categorical(levels)})
    model = embedding().fit(frame, CODES)
    with pytest.raises(ValueError, match="differ in single precision; got"):
        to_onnx(model)


def test_converters_that_are_not_installed_are_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError) as error:
        register()
    assert "pip install sklearn_contrastive[onnx]" in error.value.__notes__[0]


def test_the_opset_is_the_one_in_the_guide():
    model = embedding(activation="gelu").fit(*IRIS)
    older = skl2onnx.to_onnx(model, in_single(IRIS[0][:1]), target_opset=13)
    frame = to_onnx(embedding().fit(FRAME, CODES))
    versions = [{e.domain: e.version for e in g.opset_import} for g in (older, frame)]
    assert versions[0][""] == 13
    assert versions[1] == {"": 22, "ai.onnx.ml": 2}
    (found,) = run(older, in_single(IRIS[0]))
    np.testing.assert_allclose(found, model.transform(in_single(IRIS[0])), atol=1e-5)
