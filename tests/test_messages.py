"""Messages are short: whatever is passed, they hold a few cells, names or labels."""

import warnings
from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    ContrastiveEmbeddingCV,
    PairVerifier,
    displays,
    losses,
    metrics,
    miners,
    presets,
    similarity,
)
from sklearn_contrastive._validation import shorten, shortened
from sklearn_contrastive.model_selection import ClassDisjointKFold

SECRET = "PATIENT" + "x" * 5000
SECRETS = np.array([f"{i}{SECRET}" for i in range(30)])
rng = np.random.RandomState(0)
X, y = rng.normal(size=(30, 4)), np.arange(30) % 3
PAIRS, SAME = X[:28].reshape(14, 2, 4), np.arange(14) % 2
CLEAR = (ValueError, TypeError, FloatingPointError, MemoryError)


class LongRepr:
    """An object that prints as a page."""

    def __repr__(self):
        return SECRET


def frame(values, names=SECRETS):
    columns = map(str, names)
    return pd.DataFrame(dict(zip(columns, np.transpose(values), strict=False)))


def with_cell(value):
    table = X.astype(object)
    table[3, 1] = value
    return table


def small(**params):
    given = {"max_iter": 1, "hidden_layer_sizes": (4,), "random_state": 0}
    return ContrastiveEmbedding(**{**given, **params})


def aligned():
    return ContrastiveAlignment(2, max_iter=1, hidden_layer_sizes=(4,), random_state=0)


def search(**params):
    return ContrastiveEmbeddingCV(small(), **{"margins": [1.0], "cv": 2, **params})


def verifier(**params):
    return PairVerifier(small(), random_state=0, **params)


def check_short(call, must_fail=False):
    """Call, and look at all that is said: warnings, and errors with their causes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
        except CLEAR as error:
            chain = [error]
            while chain[-1].__cause__ is not None:
                chain.append(chain[-1].__cause__)
        else:
            assert not must_fail, "nothing was raised"
            chain = []
    for said in [*chain, *(each.message for each in caught)]:
        text = str(said)
        assert len(text) <= 600, f"{len(text)} characters: {text[:300]}"
        assert "x" * 100 not in text, text
        assert text.count("PATIENT") <= 8, text


TABLES = {
    "infinity in columns of long names": frame(X * np.inf),
    "text": with_cell(SECRET),
    "text in columns of long names": frame(with_cell(SECRET)),
    "text in every cell": np.tile(SECRETS[:, None], 4),
    "dates": frame(np.full((30, 4), datetime(2020, 1, 1), dtype=object)),
    "complex": X + 1j,
    "one column as text": SECRETS,
    "one row": rng.normal(size=900),
    "one row of text": SECRETS.tolist() * 9,
    "unequal rows": [[SECRET], [SECRET, SECRET]],
    "dicts": [{SECRET: SECRET}] * 30,
    "three axes": np.tile(SECRETS[:, None, None], (1, 4, 3)),
    "an object": with_cell(LongRepr()),
    "a number that is no float": with_cell(10**5000),
    "text alone": SECRET,
}
LABELS = {
    "one class": np.full(30, SECRET),
    "every row a class": SECRETS,
    "long labels and numbers": np.array([SECRET, 1] * 15, dtype=object),
    "columns": np.tile(SECRETS[:, None], 3),
    "too few": SECRETS[:5],
    "sets": [{label} for label in SECRETS],
    "sets that cannot be sorted": [{SECRET, 1}] * 30,
    "dicts": [{SECRET: 1}] * 30,
    "objects": np.array([LongRepr() for _ in range(30)], dtype=object),
    "long fractions": rng.normal(size=(30, 400)).cumsum(axis=1),
    "numbers that are no floats": np.array([10**5000, 1.5] * 15, dtype=object),
    "text alone": SECRET,
}
VALUES = {
    "text": SECRET,
    "texts": (SECRET,) * 9,
    "numbers": [-0.123456789] * 10_000,
    "nested": [[SECRET] * 9] * 9,
    "array": np.full(10_000, -0.25),
    "array of text": SECRETS,
    "frame": frame(X),
    "dict": {SECRET: SECRET},
    "set": set(SECRETS),
    "object": LongRepr(),
    "class": LongRepr,
    "long int": 10**400,
    "longest int": -(10**5000),
    "bytes": SECRET.encode(),
}
FITS = {
    "embedding": lambda: (small(), X, y),
    "alignment": lambda: (aligned(), X[:, :2], X[:, 2:]),
    "search": lambda: (search(), X, y),
    "verifier": lambda: (verifier(), PAIRS, SAME),
}
FITTED = {name: make()[0].fit(*make()[1:]) for name, make in FITS.items()}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", FITS)
def test_tables_do_not_come_up_whole(name, table):
    estimator, _, labels = FITS[name]()
    check_short(lambda: estimator.fit(TABLES[table], labels), must_fail=True)


@pytest.mark.parametrize("table", TABLES)
def test_rows_to_map_do_not_come_up_whole(table):
    given, pairs = TABLES[table], np.stack([X, X], axis=1)
    model, maps = FITTED["embedding"], FITTED["alignment"]
    check_short(lambda: model.transform(given), must_fail=True)
    check_short(lambda: model.pair_distance(given), must_fail=True)
    check_short(lambda: model.score(given, y), must_fail=True)
    check_short(lambda: maps.transform(X[:, :2], given), must_fail=True)
    check_short(lambda: maps.kneighbors(given, X[:, 2:]), must_fail=True)
    check_short(lambda: FITTED["verifier"].predict(given), must_fail=True)
    check_short(lambda: FITTED["search"].transform(given), must_fail=True)
    check_short(lambda: verifier(preprocessor=given).fit(pairs, y > 0), must_fail=True)


def test_columns_of_long_names_do_not_come_up_whole():
    named, others = frame(X), frame(X, [f"{i}other{SECRET}" for i in range(4)])
    model = small().fit(named, y)
    check_short(lambda: model.transform(others), must_fail=True)
    check_short(lambda: model.transform(named[named.columns[::-1]]), must_fail=True)
    maps = aligned().fit(named, frame(X))
    check_short(lambda: maps.transform(named, others), must_fail=True)
    judge = verifier(preprocessor=named).fit(np.arange(28).reshape(14, 2), SAME)
    judge.set_params(preprocessor=others)
    check_short(lambda: judge.predict([[0, 1]]), must_fail=True)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize(
    "kind", ["auto", "labels", "targets", "multilabel", "pairs", "neighbors"]
)
def test_labels_do_not_come_up_whole(kind, labels):
    given = LABELS[labels]
    check_short(lambda: small(similarity=kind).fit(X, given))
    check_short(lambda: FITTED["embedding"].score(X, given))
    check_short(lambda: small(loss="proxy_anchor").partial_fit(X, given))


@pytest.mark.parametrize("labels", LABELS)
def test_labels_of_pairs_partners_and_folds_do_not_come_up_whole(labels):
    given = LABELS[labels]
    pairs = np.stack([X, X[::-1]], axis=1)
    check_short(lambda: verifier().fit(pairs, given))
    check_short(lambda: FITTED["verifier"].calibrate_threshold(pairs, given))
    check_short(lambda: search().fit(X, given))
    check_short(lambda: list(ClassDisjointKFold(2).split(X, given)))
    numbers = np.arange(60).reshape(30, 2) % 30
    known = similarity.PairConstraints(numbers, given)
    check_short(lambda: small(similarity=known).fit(X))
    check_short(lambda: small(similarity=lambda a, b: a == b).fit(X, given))
    unknown = similarity.LabelSimilarity(unlabeled=SECRET)
    check_short(lambda: small(similarity=unknown).fit(X, given))


def test_labels_that_warn_are_short():
    nearer = np.linalg.norm(PAIRS[:, 0] - PAIRS[:, 1], axis=1)
    same = np.where(nearer > np.median(nearer), "z" + SECRET, "a" + SECRET)
    frozen = PairVerifier(small().fit(X, y), random_state=0)
    check_short(lambda: frozen.fit(PAIRS, same))


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("name", FITS)
def test_parameters_do_not_come_up_whole(name, value):
    for param in FITS[name]()[0].get_params(deep=False):
        if param == "n_jobs":
            # Starts processes.
            continue
        estimator, *data = FITS[name]()
        estimator.set_params(**{param: VALUES[value]})
        check_short(lambda estimator=estimator, data=data: estimator.fit(*data))
    estimator, *_ = FITS[name]()
    check_short(lambda: estimator.set_params(**{SECRET: 1}), must_fail=True)


def nouns():
    for parameter, room in (
        ("loss", losses),
        ("miner", miners),
        ("similarity", similarity),
    ):
        for name in room.__all__:
            noun = getattr(room, name)
            abstract = getattr(noun, "__abstractmethods__", True)
            if hasattr(noun, "get_params") and not abstract and name != "DrawingMiner":
                yield pytest.param(parameter, noun, id=name)


@pytest.mark.parametrize(("parameter", "noun"), nouns())
def test_parameters_of_nouns_do_not_come_up_whole(parameter, noun):
    for param in noun._get_param_names():
        for value in VALUES.values():
            model = small(**{parameter: noun(**{param: value})})
            given = PAIRS if noun is similarity.PairConstraints else X
            labels = SAME if noun is similarity.PairConstraints else y
            check_short(lambda model=model, data=(given, labels): model.fit(*data))


def metric_calls(table, labels):
    yield lambda: metrics.uniformity(table)
    yield lambda: metrics.alignment(table, y)
    yield lambda: metrics.neighborhood_preservation(X, table)
    yield lambda: metrics.embedding_consistency([X, table])
    yield lambda: metrics.precision_at_1(X, labels)
    yield lambda: metrics.precision_at_1(table, y)
    yield lambda: metrics.retrieval_scores(X, y, k=labels)
    yield lambda: metrics.far_frr_curve(labels, np.ones(30))
    yield lambda: metrics.far_frr_curve(y > 0, labels)
    yield lambda: metrics.frr_at_far(y > 0, np.ones(30), labels)
    yield lambda: metrics.KNNScorer(labels)(FITTED["embedding"], X, y)
    yield lambda: metrics.RetrievalScorer(labels)(FITTED["embedding"], X, y)
    yield lambda: presets.search_space(labels) if isinstance(labels, str) else None


@pytest.mark.parametrize("labels", LABELS)
def test_what_metrics_take_does_not_come_up_whole(labels):
    for call in metric_calls(X, LABELS[labels]):
        check_short(call)


@pytest.mark.parametrize("table", TABLES)
def test_points_that_metrics_take_do_not_come_up_whole(table):
    for call in metric_calls(TABLES[table], y):
        check_short(call)


@pytest.mark.parametrize("labels", LABELS)
def test_what_displays_take_does_not_come_up_whole(labels):
    given, pairs = LABELS[labels], np.stack([X, X[::-1]], axis=1)
    display = displays.EmbeddingDisplay
    check_short(lambda: display.from_embedding(given))
    check_short(lambda: display.from_embedding(X, given))
    check_short(lambda: displays.SpringDisplay.from_embedding(X, y, loss=given))
    check_short(lambda: displays.SpringDisplay.from_embedding(X, given))
    distances = displays.PairDistanceDisplay
    check_short(lambda: distances.from_estimator(FITTED["verifier"], pairs, given))
    check_short(lambda: distances.from_predictions(given, np.ones(30)))


@pytest.mark.parametrize(
    "table", [name for name in TABLES if "columns of long names" in name]
)
def test_a_second_table_has_the_message_of_the_first(table):
    model, given = aligned(), TABLES[table]
    with pytest.raises(ValueError, match="`X`") as first:
        model.fit(given, X)
    with pytest.raises(ValueError, match="`y`") as second:
        model.fit(X, given)
    assert str(second.value) == str(first.value).replace("`X`", "`y`")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        ("cpu", "'cpu'"),
        (np.float64(0.5), "0.5"),
        ([1, 2, 3], "[1, 2, 3]"),
        (range(4), "range(0, 4)"),
        (np.arange(10**6), "[0, 1, 2, ...]"),
        (list(range(10**6)), "[0, 1, 2, ...]"),
        ({1, 2, 3, 4}, "{1, 2, 3, ...}"),
        ([[SECRET] * 9] * 9, "[[...], [...], [...], ...]"),
    ],
)
def test_a_value_is_shown_in_short(value, text):
    assert shorten(value) == text


def test_long_values_are_cut_in_their_middle():
    assert len(shorten(SECRET)) == 60
    assert len(shorten([SECRET] * 9)) < 200
    assert shorten(SECRET).startswith("'PATIENTx")
    assert shorten(10**5000) == "an int of very many digits"


def test_an_error_keeps_its_type_and_what_is_short():
    error = ValueError("y should be a 1d array, got an array of shape (3, 2) instead.")
    text = str(error)
    assert shortened(error) is error
    assert str(error) == text
    names = "Feature names unseen at fit time:\n" + "".join(
        f"- {name}\n" for name in "abcdefgh"
    )
    assert str(shortened(ValueError(names))) == (
        "Feature names unseen at fit time:\n- a\n- b\n- c\n- ...\n"
    )
    assert len(str(shortened(TypeError(SECRET)))) < 100
    assert len(str(shortened(ValueError("a b c " * 10_000)))) <= 300
