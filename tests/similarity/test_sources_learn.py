"""Every similarity through the estimator: neighbours poor before and good after."""

import re

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsRegressor, kneighbors_graph
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.losses import LOSSES
from sklearn_contrastive.similarity import (
    LabelSimilarity,
    MultilabelSimilarity,
    NeighborSimilarity,
    PairConstraints,
    TargetSimilarity,
    ViewSimilarity,
)

few = settings(max_examples=8, deadline=None)


def small(**settings):
    return ContrastiveEmbedding(
        **{
            "n_components": 3,
            "hidden_layer_sizes": (32,),
            "batch_size": 50,
            "max_iter": 20,
            "random_state": 0,
            **settings,
        }
    )


def hidden(n_rows=300, seed=0):
    """Return rows that lie on a ring, beside columns of noise with more variance."""
    rng = np.random.RandomState(seed)
    angle = rng.uniform(0, 2 * np.pi, n_rows)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    ring += 0.05 * rng.normal(size=ring.shape)
    return np.hstack([ring, 4 * rng.normal(size=(n_rows, 6))]), angle


X, ANGLE = hidden()
TRAIN, TEST = slice(200), slice(200, None)
CLASSES = (ANGLE * 6 / (2 * np.pi)).astype(int)
QUANTITY = np.cos(ANGLE)
TAGS = np.stack([np.cos(ANGLE - a) > 0 for a in (0, 1, 2, 3)], axis=1).astype(int)
_rng = np.random.RandomState(1)
SOME = np.concatenate(
    [np.stack([_rng.permutation(200) for _ in "ab"], 1) for _ in "abc"]
)
SOME = SOME[SOME[:, 0] != SOME[:, 1]]
TOGETHER = np.cos(ANGLE[SOME[:, 0]] - ANGLE[SOME[:, 1]]) > 0.7
#: Neighbours on the ring, which the noise hides.
RING = kneighbors_graph(np.stack([np.cos(ANGLE), np.sin(ANGLE)], axis=1)[TRAIN], 8)


def shaken(rows, rng):
    """Change what is noise, and leave the ring."""
    return np.hstack([rows[:, :2], 4 * rng.normal(size=(len(rows), 6))])


def by_angle(a, b):
    return np.cos(a - b) > 0.7


PARTLY = np.where(_rng.uniform(size=300) < 0.3, CLASSES, -1)
SOURCES = {
    "labels": (LabelSimilarity(), CLASSES),
    "part labels": (LabelSimilarity(unlabeled=-1), PARTLY),
    "part labels, views": (
        LabelSimilarity(unlabeled=-1, unsupervised=ViewSimilarity(shaken)),
        PARTLY,
    ),
    "graph": (RING, None),
    "edges": (
        NeighborSimilarity(1, edges=np.stack(RING.nonzero(), axis=1)),
        None,
    ),
    "pairs": (PairConstraints(SOME, TOGETHER), None),
    "targets": (TargetSimilarity(), QUANTITY),
    "target columns": (TargetSimilarity(0.5), np.stack([QUANTITY, np.sin(ANGLE)], 1)),
    "multilabel": (MultilabelSimilarity(), TAGS),
    "views": (ViewSimilarity(shaken), None),
    "function": (by_angle, ANGLE),
}


def ring_score(Z):
    """Return R² of the place on the ring, two numbers, by the nearest rows."""
    ring = np.stack([np.cos(ANGLE), np.sin(ANGLE)], axis=1)
    near = KNeighborsRegressor(5).fit(Z[TRAIN], ring[TRAIN])
    return r2_score(ring[TEST], near.predict(Z[TEST]))


def in_part(y):
    return None if y is None else y[TRAIN]


@pytest.mark.parametrize("name", SOURCES)
def test_neighbours_are_poor_before_and_good_after(name):
    similarity, y = SOURCES[name]
    loss = "info_nce" if name == "views" else "contrastive"
    # Few batches hold a given pair, and few rows of a batch a label.
    max_iter = 40 if name in ("pairs", "part labels", "graph") else 20
    model = small(similarity=similarity, loss=loss, max_iter=max_iter)
    model.fit(X[TRAIN], in_part(y))
    Z = model.transform(X)
    before, after = ring_score(X), ring_score(Z)
    if name == "targets":
        near = KNeighborsRegressor(5).fit(Z[TRAIN], QUANTITY[TRAIN])
        after = near.score(Z[TEST], QUANTITY[TEST])
    assert before < 0.2
    assert after > 0.7


def test_neighbours_are_kept_in_fewer_columns():
    rng = np.random.RandomState(0)
    rows = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 12))
    model = small(similarity="neighbors", n_components=2, normalize=False)
    before = clone(model).set_params(max_iter=1, learning_rate_init=1e-9)
    assert before.fit(rows[TRAIN]).score(rows[TEST]) < model.fit(rows[TRAIN]).score(
        rows[TEST]
    )
    assert model.score(rows[TEST]) > 0.4


# Every loss, every miner, every input.


IRIS, SPECIES = load_iris(return_X_y=True)
IRIS, SPECIES = IRIS[::2].copy(), SPECIES[::2]
FEW = np.where(np.arange(75) % 5 < 2, SPECIES, -1)
LINKS = np.stack([np.arange(0, 74), np.arange(1, 75)], axis=1)[::2]
LINKED = np.arange(len(LINKS)) % 2
KINDS = {
    "labels": (LabelSimilarity(), SPECIES),
    "part labels": (LabelSimilarity(unlabeled=-1), FEW),
    "part labels, views": (LabelSimilarity(unlabeled=-1, unsupervised="views"), FEW),
    "neighbors": ("neighbors", None),
    "graph": (kneighbors_graph(IRIS, 3), None),
    "pairs": (PairConstraints(LINKS, LINKED), None),
    "closure": (PairConstraints(LINKS, LINKED, transitive_closure=True), None),
    "targets": ("targets", IRIS[:, 0]),
    "multilabel": ("multilabel", (IRIS > IRIS.mean(axis=0)).astype(int)),
    "views": ("views", None),
    "function": (np.equal, SPECIES),
}
quick = {"hidden_layer_sizes": (4,), "max_iter": 2, "batch_size": 25}
quickest = {**quick, "max_iter": 1}
quietly = pytest.mark.filterwarnings(
    "ignore:The (loss was 0|memory of|embedding has coll):UserWarning"
)


def assert_finite(model, name):
    similarity, y = KINDS[name]
    model = clone(model).set_params(similarity=similarity).fit(IRIS, y)
    assert np.isfinite(model.transform(IRIS)).all()
    assert np.isfinite(model.loss_curve_).all()


@quietly
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns_from_every_kind_of_similarity(loss):
    # Each loss from labels and a third of the others, each of these by a third of them.
    start = list(LOSSES).index(loss) % 3
    names = ["labels", "part labels", *list(KINDS)[2 + start :: 3]]
    for name in names[:2] if loss == "proxy_anchor" else names:
        assert_finite(small(loss=loss, **quickest), name)


def test_a_loss_with_proxies_needs_classes():
    for name in list(KINDS)[2:]:
        similarity, y = KINDS[name]
        model = small(similarity=similarity, loss="proxy_anchor", **quickest)
        message = "ProxyAnchorLoss learns a proxy for each class, and "
        with pytest.raises(ValueError, match=re.escape(message)):
            model.fit(IRIS, y)


@quietly
@pytest.mark.parametrize("name", KINDS)
def test_every_miner_chooses_from_every_similarity(name):
    for miner in ("nearest", "random", "all", "memory"):
        # Pairs in one half of the cases, lists in the other.
        pairs = (list(KINDS).index(name) + len(miner)) % 2
        loss = "contrastive" if pairs else "info_nce"
        assert_finite(small(loss=loss, miner=miner, **quickest), name)


@quietly
@pytest.mark.filterwarnings("ignore:GlobalMiner has not searched:UserWarning")
def test_rows_that_are_confused_share_a_batch():
    for name in KINDS:
        if "views" not in name:
            assert_finite(small(miner="global", **{**quick, "max_iter": 3}), name)


@pytest.mark.parametrize("name", KINDS)
def test_a_similarity_trains_in_many_ways(name):
    similarity, y = KINDS[name]
    expected = small(similarity=similarity, **quick).fit(IRIS, y)
    Z = expected.transform(IRIS)
    # An epoch is a pass of `partial_fit`, but for its learning rate.
    model = small(similarity=similarity, **quick)
    for _ in range(2):
        model.partial_fit(IRIS, y)
    assert model.n_steps_ == expected.n_steps_
    assert np.isfinite(model.transform(IRIS)).all()
    stopped = small(
        similarity=similarity,
        early_stopping=True,
        validation_fraction=0.4,
        **{**quick, "max_iter": 4},
    ).fit(IRIS, y)
    assert len(stopped.validation_scores_) == stopped.n_iter_
    assert 0 <= stopped.best_validation_score_ <= 1
    warm = small(similarity=similarity, warm_start=True, **quick).fit(IRIS, y)
    assert warm.transform(IRIS).tobytes() == Z.tobytes()
    assert warm.fit(IRIS, y).n_iter_ == 4


@pytest.mark.parametrize("name", ["labels", "graph", "targets", "multilabel", "views"])
def test_tables_of_any_kind_are_learned_from(name, tmp_path):
    similarity, y = KINDS[name]
    model = small(similarity=similarity, **quick)
    expected = model.fit(IRIS, y).transform(IRIS)
    np.save(tmp_path / "rows.npy", IRIS)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    for table in (pd.DataFrame(IRIS, columns=list("abcd")), mapped, IRIS.tolist()):
        found = clone(model).fit(table, y).transform(table)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    single = IRIS.astype(np.float32)
    Z = clone(model).fit(single, y).transform(single)
    assert Z.dtype == np.float32
    assert np.isfinite(Z).all()


NUMBERED = ("graph", "pairs", "closure")


def test_early_stopping_takes_validation_rows_where_they_have_no_numbers():
    for name, (similarity, y) in KINDS.items():
        model = small(similarity=similarity, early_stopping=True, **quick)
        if name in NUMBERED:
            message = "`X_val` must not be given with "
            with pytest.raises(ValueError, match=re.escape(message)):
                model.fit(IRIS, X_val=IRIS[::2])
            continue
        model.fit(IRIS, y, X_val=IRIS[::2] + 0.01, y_val=None if y is None else y[::2])
        assert 0 <= model.best_validation_score_ <= 1


# Samples that are pairs, and rows that have numbers.


def samples(n_pairs=300, seed=0):
    rng = np.random.RandomState(seed)
    rows = rng.randint(300, size=(n_pairs, 2))
    return X[rows], by_angle(*ANGLE[rows].T).astype(int)


def test_pairs_as_samples_are_cross_validated():
    pairs, similar = samples()
    model = small(similarity="pairs", max_iter=10)
    scores = cross_val_score(model, pairs, similar, cv=2)
    raw = roc_auc_score(similar, -((pairs[:, 0] - pairs[:, 1]) ** 2).sum(axis=1))
    assert raw < 0.75
    assert scores.min() > raw + 0.05
    search = GridSearchCV(
        small(similarity=PairConstraints(), **quick),
        {"loss": ["siamese", "margin"]},
        cv=2,
    )
    assert np.isfinite(search.fit(pairs, similar).cv_results_["mean_test_score"]).all()


def test_pairs_as_samples_stop_early():
    pairs, similar = samples(100)
    model = small(similarity="pairs", early_stopping=True, **quick)
    model.fit(pairs, similar)
    assert len(model.validation_scores_) == model.n_iter_
    model.fit(pairs[:60], similar[:60], X_val=pairs[60:], y_val=similar[60:])
    expected = roc_auc_score(similar[60:], model.pair_score(pairs[60:]))
    assert model.best_validation_score_ == pytest.approx(expected, abs=1e-6)


@pytest.fixture
def routed():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routed")
@pytest.mark.parametrize("kind", ["graph", "neighbors", "pairs"])
def test_row_numbers_are_routed_to_the_fit(kind):
    similarity = {
        "graph": RING,
        "neighbors": NeighborSimilarity(graph=RING),
        "pairs": PairConstraints(SOME, TOGETHER),
    }[kind]
    rows, table = np.arange(200), X[TRAIN]
    model = small(similarity=similarity, **quick).set_fit_request(rows=True)
    found = cross_validate(
        model,
        table,
        CLASSES[TRAIN],
        cv=2,
        params={"rows": rows},
        return_estimator=True,
        return_indices=True,
    )
    assert np.isfinite(found["test_score"]).all()
    for fold, train in zip(found["estimator"], found["indices"]["train"], strict=True):
        part = small(similarity=similarity, **quick).fit(table[train], rows=train)
        np.testing.assert_array_equal(part.transform(table), fold.transform(table))
    # Without them, numbers would mean other rows.
    with pytest.raises(ValueError, match=re.escape("fit(..., rows=...)")):
        cross_val_score(model, table, CLASSES[TRAIN], cv=2, error_score="raise")
    pipeline = make_pipeline(StandardScaler(), clone(model)).fit(table, rows=rows)
    assert pipeline[-1].n_steps_ == model.fit(table, rows=rows).n_steps_


def test_numbers_of_neighbours_are_searched():
    model = small(similarity=NeighborSimilarity(), **quick)
    grid = {"similarity__n_neighbors": [2, 10], "similarity__repel": [True]}
    search = GridSearchCV(model, grid, cv=2).fit(IRIS)
    assert search.best_params_["similarity__n_neighbors"] in (2, 10)
    assert model.similarity.n_neighbors == 5
    model = small(similarity=TargetSimilarity(), **quick)
    search = GridSearchCV(model, {"similarity__bandwidth": [0.1, 1]}, cv=2)
    assert np.isfinite(search.fit(IRIS, IRIS[:, 0]).best_score_)


# Scores.


def others(Z, i, n_neighbors):
    """Return the nearest other rows of a row."""
    gaps = [((Z[i] - Z[j]) ** 2).sum() if j != i else np.inf for j in range(len(Z))]
    return np.argsort(gaps)[:n_neighbors]


@few
@given(seed=st.integers(0, 2**32 - 1))
def test_scores_are_what_the_docstring_says(seed):
    rng = np.random.RandomState(seed)
    rows = IRIS[rng.permutation(75)[:30]] + 1e-3 * rng.normal(size=(30, 4))
    y, target = rng.randint(3, size=30), rng.normal(size=(30, 2))
    tags = rng.uniform(size=(30, 4)) < 0.4
    Z = MODEL.transform(rows)
    near = [others(Z, i, 5) for i in range(30)]
    hits = [y[near[i][0]] == y[i] for i in range(30)]
    assert MODEL.score(rows, y) == pytest.approx(np.mean(hits))
    means = [target[near[i]].mean(axis=0) for i in range(30)]
    assert MODEL.score(rows, target) == pytest.approx(r2_score(target, means))
    one = r2_score(target[:, 0], np.array(means)[:, 0])
    assert MODEL.score(rows, target[:, 0]) == pytest.approx(one)
    sets = [set(np.flatnonzero(row)) for row in tags]
    shares = []
    for ours, theirs in ((sets[i], sets[near[i][0]]) for i in range(30)):
        union = len(ours | theirs)
        shares.append(len(ours & theirs) / union if union else 1)
    assert MODEL.score(rows, sets) == pytest.approx(np.mean(shares))
    assert MODEL.score(rows, tags) == pytest.approx(np.mean(shares))
    scaled = (rows - MODEL.center_) / MODEL.scale_
    scaled /= np.sqrt(1 + (scaled / 8) ** 2)
    kept = [len(set(others(scaled, i, 5)) & set(near[i])) / 5 for i in range(30)]
    assert MODEL.score(rows) == pytest.approx(np.mean(kept))
    pairs, similar = rows.reshape(15, 2, 4), np.arange(15) % 2
    gaps = ((Z[0::2] - Z[1::2]) ** 2).sum(axis=1)
    order = [
        (a < b) + (a == b) / 2 for a in gaps[similar == 1] for b in gaps[similar == 0]
    ]
    assert MODEL.score(pairs, similar) == pytest.approx(np.mean(order))


#: Trained without `y`, so that the score is of the kind of `y`.
MODEL = small(similarity="neighbors", **quick).fit(IRIS)


def test_unknown_targets_do_not_count():
    target = IRIS[:, 0].copy()
    target[::4] = np.nan
    model = small(similarity="targets", **quick).fit(IRIS, target)
    known = ~np.isnan(target)
    assert model.score(IRIS, target) == model.score(IRIS[known], target[known])


@pytest.mark.parametrize(
    ("similarity", "y"),
    [("targets", SPECIES), ("targets", SPECIES.astype(float)), ("labels", SPECIES)],
)
def test_the_kind_of_score_is_that_of_the_training(similarity, y):
    model = small(similarity=similarity, **quick).fit(IRIS, y)
    Z = model.transform(IRIS)
    near = [others(Z, i, 5) for i in range(75)]
    if similarity == "targets":
        expected = r2_score(y, [y[each].mean() for each in near])
    else:
        expected = np.mean(
            [y[each[0]] == label for each, label in zip(near, y, strict=True)]
        )
    assert model.score(IRIS, y) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            (IRIS, SPECIES[:-1]),
            "`y` must hold one label per row of `X`: found input variables with "
            "inconsistent numbers of samples, 75 rows and 74 in `y`.",
        ),
        (
            (IRIS, IRIS[:-1]),
            "`y` must hold one target, or a row of them, per row of `X`: found input "
            "variables with inconsistent numbers of samples, 75 rows and 74 in `y`.",
        ),
        (
            (IRIS, [{1}, {2}]),
            "`y` must hold one label set per row of `X`: found input variables with "
            "inconsistent numbers of samples, 75 rows and 2 in `y`.",
        ),
        ((IRIS[:1], SPECIES[:1]), "`X` must hold at least two rows; got 1."),
        ((IRIS[:1],), "`X` must hold at least two rows; got 1."),
        ((IRIS[:6].reshape(3, 2, 4), [1, 1, 1]), "`y` must hold pairs of both kinds"),
        ((IRIS[:6].reshape(3, 2, 4), None), "`y` must hold 1 (similar) or 0 or -1"),
        (
            (IRIS[:6].reshape(3, 2, 4), [1, 0]),
            "(dissimilar) for each of 3 pairs; got shape",
        ),
        (
            (IRIS[:6].reshape(2, 3, 4), [1, 0]),
            "`pairs` must have shape (n_pairs, 2, n_",
        ),
    ],
)
def test_what_cannot_be_scored_is_an_error(table, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        MODEL.score(*table)


def test_the_noise_of_few_targets_is_not_learned(monkeypatch):
    # Half the least length of training by default.
    monkeypatch.setattr("sklearn_contrastive._training._run._FEWEST_STEPS", 150)
    X, y = load_diabetes(return_X_y=True)
    new = np.random.RandomState(0).uniform(size=len(y)) < 0.3

    def score(**settings):
        model = ContrastiveEmbedding(
            similarity="targets", n_members=1, random_state=0, **settings
        )
        model.fit(X[~new], y[~new])
        neighbors = KNeighborsRegressor(5).fit(model.transform(X[~new]), y[~new])
        return neighbors.score(model.transform(X[new]), y[new])

    assert score() > max(score(activation="relu"), score(alpha=0.01)) + 0.05


@pytest.mark.parametrize(
    ("y", "activation", "expected"),
    [
        (CLASSES, "auto", "relu"),
        (QUANTITY, "auto", "silu"),
        (QUANTITY, "relu", "relu"),
        (CLASSES, "tanh", "tanh"),
    ],
)
def test_the_activation_depends_on_the_similarity(y, activation, expected):
    model = small(activation=activation, max_iter=1).fit(X, y)
    assert model.encoder_.activation == expected
    assert model.activation == activation
