"""An index that grows: rows added and removed, ids, new classes, calibration."""

import pickle
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import binom
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import StratifiedKFold

from sklearn_contrastive import (
    ContrastiveEmbedding,
    ContrastiveNeighborsClassifier,
    ContrastiveNeighborsRegressor,
    persistence,
)
from sklearn_contrastive.neighbors._conformal import label_sets, target_intervals
from sklearn_contrastive.neighbors._network import Network, nearest_rows

X, Y = load_iris(return_X_y=True)
#: What is fitted, and rows to add: half of two classes, and all of a third.
FITTED = (np.arange(150) % 2 == 0) & (Y < 2)
NAMES = np.array(["b", "c", "a"])[Y]
X_NEW, Y_NEW = X[~FITTED][::3], NAMES[~FITTED][::3]


def quick(**params):
    settings = {"max_iter": 4, "hidden_layer_sizes": (8,), "n_components": 8}
    return ContrastiveEmbedding(**{**settings, **params})


@pytest.fixture(scope="module")
def fitted():
    folds = list(StratifiedKFold(2).split(X[FITTED], NAMES[FITTED]))
    model = ContrastiveNeighborsClassifier(
        quick(), cross_fit=folds, class_weight="balanced", random_state=0
    )
    return model.fit(X[FITTED], NAMES[FITTED])


@pytest.fixture
def model(fitted):
    return pickle.loads(pickle.dumps(fitted))


@pytest.fixture(scope="module")
def regressor():
    model = ContrastiveNeighborsRegressor(quick(), cross_fit=2, random_state=0)
    return model.fit(X[FITTED], X[FITTED, :2])


def bits(model):
    """Return all of the index, as bytes."""
    arrays = [model.ids_, model.classes_, model._class_weight]
    for network in model._networks:
        arrays += network.rows
        arrays += [getattr(r, part) for r in network.groups for part in PARTS]
    chosen = model._settings, model.bandwidth_, model.trained_share_
    return chosen, [(a.dtype, a.shape, a.tolist()) for a in arrays]


PARTS = "Z", "values", "mean"
NUMBERS = 1000 + np.arange(len(X_NEW)) * 7
TEXTS = np.array([f"row {number}" for number in range(len(X_NEW))], dtype=object)


@settings(max_examples=8, deadline=None)
@given(
    ids=st.sampled_from([NUMBERS, TEXTS]),
    seed=st.integers(0, 2**16),
    n_kept=st.integers(0, len(NUMBERS)),
    n_gone=st.integers(0, 4),
)
def test_any_order_of_adding_and_removing_makes_the_same_bits(
    fitted, ids, seed, n_kept, n_gone
):
    rng = np.random.RandomState(seed)
    kept, gone = rng.permutation(len(ids))[:n_kept], rng.permutation(50)[:n_gone]
    model, again = (pickle.loads(pickle.dumps(fitted)) for _ in range(2))
    if n_gone:
        model.remove(gone)
    cuts = np.sort(rng.randint(1, len(ids), size=2))
    for rows in np.split(rng.permutation(len(ids)), cuts):
        if len(rows):
            model.add(X_NEW[rows], Y_NEW[rows].tolist(), ids[rows])
        if len(out := np.setdiff1d(rows, kept)):
            model.remove(ids[out])
    if n_kept:
        again.add(X_NEW[kept], Y_NEW[kept], ids[kept])
    if n_gone:
        again.remove(gone)
    assert bits(model) == bits(again)
    assert (bits(model) == bits(fitted)) == (n_kept + n_gone == 0)


def test_an_added_row_votes_where_its_twin_of_fit_does(model):
    before = [network.rows for network in model._networks]
    model.add(X_NEW, Y_NEW, TEXTS)
    counts = np.zeros(len(TEXTS), dtype=int)
    for network, (held_out, _) in zip(model._networks, before, strict=True):
        own = [{*model.ids_[rows]} for rows in network.rows]
        assert not own[0] & own[1]
        counts += [name in own[0] for name in TEXTS]
        # About as many are held out as of the rows of `fit`.
        share = np.mean([name in own[0] for name in TEXTS])
        assert abs(share - len(held_out) / 50) < 3 * 0.5 / len(TEXTS) ** 0.5
        np.testing.assert_array_equal(np.sort(network.rows[0]), network.rows[0])
    np.testing.assert_array_equal(counts, 1)


def test_points_of_added_rows_are_those_of_new_rows(model):
    queries = model._queries(X_NEW)
    model.add(X_NEW, Y_NEW, NUMBERS)
    for network, Z in zip(model._networks, queries, strict=True):
        for rows, group in zip(network.rows, network.groups, strict=True):
            added = np.flatnonzero(rows >= 50)
            np.testing.assert_allclose(group.Z[added], Z[rows[added] - 50], atol=1e-6)
            labels = model.classes_[group.values[added].argmax(axis=1)]
            np.testing.assert_array_equal(labels, Y_NEW[rows[added] - 50])


def test_sparse_rows_are_added_as_dense_ones(fitted, model):
    again = pickle.loads(pickle.dumps(fitted))
    model.add(csr_array(X_NEW), Y_NEW)
    assert bits(model) == bits(again.add(X_NEW, Y_NEW))


def test_new_classes_are_appended(model):
    np.testing.assert_array_equal(model.classes_, ["b", "c"])
    some = np.array(["zebra", "a"])[np.arange(20) % 2]
    model.add(X[Y == 2][:20], some)
    np.testing.assert_array_equal(model.classes_, ["b", "c", "a", "zebra"])
    shares = model.predict_proba(X[Y == 2])
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (shares[:, 2:].sum(axis=1) > 0.5).mean() > 0.8
    # "balanced" is of the rows there are.
    np.testing.assert_allclose(model._class_weight, 70 / np.array([25, 25, 10, 10]))
    model.remove(model.ids_[50:][some == "zebra"])
    np.testing.assert_array_equal(model.classes_, ["b", "c", "a"])
    model.remove(np.flatnonzero(NAMES[FITTED] == "b"))
    np.testing.assert_array_equal(model.classes_, ["b", "c", "a"])
    np.testing.assert_array_equal(model.predict_proba(X)[:, 0], 0)


DAYS = np.array(["2020-01-01", "2020-01-03"], dtype="M8[D]")
BEYOND = np.uint64(2**63) + np.array([5, 6, 7, 8], dtype=np.uint64)


@pytest.mark.parametrize(
    ("classes", "labels", "expected"),
    [
        (np.array([3, 5]), [4, 4.0], [3, 5, 4]),
        (np.array([3.0, 5.0]), np.array([4, 5]), [3, 5, 4]),
        (np.array([3, 5], dtype=np.uint8), [300, 4], [3, 5, 4, 300]),
        (np.array(["b", "c"], dtype=object), ["a", "long"], ["b", "c", "a", "long"]),
        (DAYS.astype("M8[ns]"), DAYS, DAYS.astype("M8[ns]").tolist()),
        (np.array([b"b", b"c"]), [b"b long", b"a"], [b"b", b"c", b"a", b"b long"]),
        # Numbers beyond int64, and between those of floats.
        (BEYOND[:2], BEYOND[2:], BEYOND.tolist()),
        (BEYOND[:2], [4.0, 4], [*BEYOND[:2].tolist(), 4]),
        (np.array([3, 5]), BEYOND[2:], [3, 5, *BEYOND[2:].tolist()]),
        (np.array([3, 5]), [1e20, 5], [3, 5, 1e20]),
        (np.array([3.0, 5.0]), [2**53 + 1, 5], [3, 5, 2**53 + 1]),
        (np.array([np.str_("b"), np.str_("c")], dtype=object), ["b", "a"], [*"bca"]),
    ],
)
def test_labels_of_each_kind(classes, labels, expected):
    model = ContrastiveNeighborsClassifier(quick(max_iter=1), cross_fit=2)
    model.fit(X[:100], classes[Y[:100]])
    model.add(X[100:102], labels)
    assert model.classes_.tolist() == expected
    with pytest.raises(ValueError, match="`y` must hold labels of the kind"):
        model.add(X[:2], [True, False])


def test_a_time_between_two_dates_is_an_error():
    model = ContrastiveNeighborsClassifier(quick(max_iter=1), cross_fit=2)
    model.fit(X[:100], DAYS[Y[:100]]).add(X[:1], DAYS[:1].astype("M8[ns]"))
    with pytest.raises(ValueError, match="`y` must hold labels of the kind"):
        model.add(X[:1], np.array(["2020-01-01T12"], dtype="M8[h]"))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"X": X_NEW[:, :3]}, "X has 3 features, but"),
        ({"y": Y_NEW[1:]}, "`y` must hold one label or target per row"),
        ({"y": None}, "requires y to be passed"),
        ({"y": Y_NEW[:, None] == ["a", "b"]}, "`y` must be one column"),
        (
            {"y": np.arange(len(Y_NEW))},
            "`y` must hold labels of the kind of `classes_`",
        ),
        ({"ids": TEXTS[1:]}, f"`ids` must hold one per row of `X`, {len(Y_NEW)}; got"),
        ({"ids": np.arange(len(Y_NEW))}, "`ids` must be new; 34 are in the index"),
        ({"ids": [*TEXTS[1:], TEXTS[3]]}, "`ids` must differ; got 'row 3' more"),
        ({"ids": [1000, *TEXTS[1:]]}, "`ids` must be one column of ints"),
        ({"ids": NUMBERS / 3}, "`ids` must be one column of ints"),
        ({"ids": [None, *TEXTS[1:]]}, "`ids` must be one column of ints"),
        ({"ids": TEXTS[:, None]}, "`ids` must be one column of ints"),
        ({"ids": NUMBERS.astype(np.uint64) + 2**63}, "up to 2**62 in size"),
        ({"ids": NUMBERS > 0}, "`ids` must be one column of ints"),
        ({"ids": [[1], [2, 3], *TEXTS[2:]]}, "`ids` must be one column of ints"),
        ({"ids": []}, f"`ids` must hold one per row of `X`, {len(Y_NEW)}; got 0"),
        ({"X": X_NEW[:0], "y": []}, "Found array with 0 sample(s)"),
        ({"y": []}, "`y` must hold one label or target per row"),
    ],
)
def test_mistakes_are_named_and_change_nothing(fitted, arguments, match):
    before = bits(fitted)
    with pytest.raises(ValueError, match=re.escape(match)):
        fitted.add(**{"X": X_NEW, "y": Y_NEW, **arguments})
    assert bits(fitted) == before
    assert fitted.predict_set(X[:1]).shape == (1, 2)


def test_only_rows_of_the_index_are_removed_and_searched(fitted, regressor):
    for call in (fitted.remove, lambda ids: fitted.kneighbors(X[:1], 1, among=ids)):
        with pytest.raises(ValueError, match=r"must be in the index .* such as 50"):
            call([3, 50])
        with pytest.raises(ValueError, match="must differ; got 3 more"):
            call([3, 3])
        with pytest.raises(ValueError, match="must be one column of ints"):
            call([[3], [3, 4]])
    with pytest.raises(ValueError, match="`among` must hold an id or be None"):
        fitted.kneighbors(X[:1], 1, among=[])
    with pytest.raises(ValueError, match="`ids` must leave rows in every network"):
        fitted.remove(np.arange(50))
    with pytest.raises(ValueError, match="`y` must hold 2 target"):
        regressor.add(X[:1], [1.0])
    with pytest.raises(ValueError, match="`y` must hold a target for every row"):
        regressor.add(X[:1], [[1.0, np.nan]])
    with pytest.raises(ValueError, match="`y` must hold targets of about the size"):
        regressor.add(X[:1], [[1.0, -1e308]])
    assert len(fitted.ids_) == len(regressor.ids_) == 50


@pytest.mark.parametrize("weights", ["equal", [1, 2]])
def test_parameters_that_are_set_later_are_checked(model, weights):
    before = bits(model.set_params(class_weight=weights))
    for change in (lambda: model.add(X[:1], ["a"]), lambda: model.remove([3])):
        with pytest.raises(ValueError, match="'class_weight' parameter of Contrast"):
            change()
    assert bits(model) == before


def test_default_ids_continue_and_are_not_those_of_fit(model):
    model.remove([48, 49])
    model.add(X_NEW[:2], Y_NEW[:2]).add(X_NEW[2:3], Y_NEW[2:3])
    np.testing.assert_array_equal(model.ids_, [*range(48), 50, 51, 52])
    model.add(X_NEW[3:4], Y_NEW[3:4], ids=["x"]).add(X_NEW[4:5], Y_NEW[4:5])
    assert model.ids_.tolist() == [*range(48), 50, 51, 52, 53, "x"]


def test_ids_behind_the_largest_one_and_of_any_text(model):
    model.add(X_NEW[:2], Y_NEW[:2], [2**62, -(2**62)]).add(X_NEW[2:3], Y_NEW[2:3])
    assert model.ids_[-1] == 2**62 + 1
    model.remove(model.ids_[-1:]).add(X_NEW[:1], Y_NEW[:1], ["\ud800"])
    assert model.remove(["\ud800", 2**62]).ids_.tolist() == [-(2**62), *range(50)]


def test_no_row_to_remove_changes_nothing(model):
    before = bits(model)
    assert bits(model.remove([]).remove(np.array([], dtype=int))) == before
    assert model.predict_set(X[:1]).shape == (1, 2)


@pytest.mark.parametrize("ids", [NUMBERS, TEXTS], ids=["ints", "text"])
def test_neighbours_have_ids(model, ids):
    before = model.kneighbors(X_NEW, 5)
    model.add(X_NEW, Y_NEW, ids)
    distances, found = model.kneighbors(X_NEW, 2)
    np.testing.assert_allclose(distances[:, 0], 0, atol=1e-6)
    at_one_place = distances[:, 1] < 1e-6
    np.testing.assert_array_equal(found[~at_one_place, 0], ids[~at_one_place])
    for one, other in zip(
        before, model.kneighbors(X_NEW, 5, among=np.arange(50)[::-1]), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    some = ids[4:9]
    found = model.kneighbors(X_NEW, 5, return_distance=False, among=some)
    np.testing.assert_array_equal(
        np.sort(found, axis=1), np.tile(np.sort(some), (34, 1))
    )
    with pytest.raises(ValueError, match="`n_neighbors` must be an int from 1 to 5"):
        model.kneighbors(X_NEW, 6, among=some)
    both = model.ids_[[3, 60]]
    assert {*model.remove(both).ids_.tolist()}.isdisjoint(both.tolist())
    assert len(model.ids_) == 82


def test_targets_are_added_in_their_unit(regressor):
    model = pickle.loads(pickle.dumps(regressor))
    y = X_NEW[:, :2] + 40
    model.add(X_NEW, y)
    held_out = model._networks[0]
    added = np.flatnonzero(held_out.rows[0] >= 50)
    values = held_out.held_out.values[added] * model._spread + model._mean
    np.testing.assert_allclose(values, y[held_out.rows[0][added] - 50])
    assert (model.predict(X_NEW) > regressor.predict(X_NEW) + 10).all()


def test_equal_votes_stay_equal():
    model = ContrastiveNeighborsClassifier(quick(), weights="uniform", cross_fit=2)
    model.fit(X[FITTED], NAMES[FITTED]).add(X_NEW, Y_NEW)
    assert (model.bandwidth_, model.trained_share_) == (np.inf, 0)
    assert [len(network.groups) for network in model._networks] == [1] * len(
        model._networks
    )


def test_a_fit_to_label_sets_stays_as_it_is():
    labels = np.column_stack([Y == 0, Y > 0]).astype(int)
    model = ContrastiveNeighborsClassifier(quick(max_iter=1), cross_fit=2)
    model.fit(X, labels).remove([3])
    for method in ("add", "calibrate"):
        with pytest.raises(ValueError, match=f"`{method}` needs one class per row"):
            getattr(model, method)(X[:2], labels[:2])


def test_an_index_survives_files_and_not_a_fit(model, tmp_path):
    model.add(X_NEW, Y_NEW, TEXTS).remove([4]).calibrate(X, NAMES)
    persistence.save(model, tmp_path / "model")
    for kept in (
        persistence.load(tmp_path / "model"),
        pickle.loads(pickle.dumps(model)),
    ):
        assert bits(kept) == bits(model)
        for method in ("predict_proba", "predict_set", "kneighbors"):
            results = [np.array(getattr(m, method)(X)) for m in (kept, model)]
            np.testing.assert_array_equal(*results)
        more = [pickle.loads(pickle.dumps(m)).add(X[:1], ["n"]) for m in (kept, model)]
        assert bits(more[0]) == bits(more[1])
    assert not [name for name in vars(clone(model)) if name.endswith("_")]
    model.fit(X[FITTED], NAMES[FITTED])
    np.testing.assert_array_equal(model.ids_, np.arange(50))
    assert model.predict_set(X).shape == (150, 2)


def test_sets_and_intervals_wait_for_calibration(model, regressor):
    regressor = pickle.loads(pickle.dumps(regressor))
    for each, method, y in [
        (model, "predict_set", NAMES),
        (regressor, "predict_interval", X[:, :2]),
    ]:
        each.calibrate(X[FITTED], y[FITTED])
        for change in (lambda each, y: each.add(X[:2], y[:2], [60, 61]), None):
            if change is None:
                each.remove([60])
            else:
                change(each, y)
            with pytest.raises(ValueError, match="need `calibrate` after `add` or"):
                getattr(each, method)(X)
            with pytest.raises(ValueError, match="`y` must hold"):
                each.calibrate(X, ["unseen"] * 150)
            each.calibrate(X[FITTED], y[FITTED])
            assert len(getattr(each, method)(X)) == 150


def on_sphere(rng, n, d=3):
    Z = rng.normal(size=(n, d))
    return Z / np.linalg.norm(Z, axis=1, keepdims=True)


@pytest.mark.parametrize("by_class", [False, True])
def test_voters_that_do_not_count_are_those_of_a_literal_loop(by_class):
    rng = np.random.RandomState(0)
    Z, queries, y = on_sphere(rng, 50), on_sphere(rng, 5), rng.randint(3, size=50)
    found = label_sets(queries, Z, y, 3, 0.75, by_class, 19)
    for place, query in enumerate(queries):
        for c in range(3):
            # The row is one of those that count; the others vote only.
            rows = np.vstack([Z[:19], query, Z[19:]])
            classes = np.concatenate([y[:19], [c], y[19:]])
            votes = np.exp(-((rows[:, None] - rows) ** 2).sum(axis=2) / 0.4)
            np.fill_diagonal(votes, 0)
            same = classes[:, None] == classes
            scores = (votes * same).sum(axis=1) / (votes.sum(axis=1) + 1)
            counted = np.arange(20)
            counted = counted[classes[:20] == c] if by_class else counted
            p = np.mean(scores[counted] <= scores[19] + 1e-9)
            assert found[place, c] == (p > 0.25 + 1e-12)


def test_intervals_with_voters_are_those_of_a_literal_grid():
    rng = np.random.RandomState(0)
    Z, queries, y = on_sphere(rng, 30, 2), on_sphere(rng, 3, 2), rng.normal(size=30)
    [found] = target_intervals(queries, Z, y[:, None], 0.75, 11).transpose(1, 0, 2)
    grid = np.linspace(-6, 6, 1201)
    for query, (lower, upper) in zip(queries, found, strict=True):
        rows = np.vstack([Z[:11], query, Z[11:]])
        weights = np.exp(-((rows[:, None] - rows) ** 2).sum(axis=2) / 0.15)
        np.fill_diagonal(weights, 0)
        total, inside = weights.sum(axis=1), []
        for target in grid:
            targets = np.concatenate([y[:11], [target], y[11:]])
            residuals = np.abs(targets - weights @ targets / total)
            residuals /= np.sqrt(1 + 1 / total)
            p = np.mean(residuals[:12] >= residuals[11])
            inside.append(p > 0.25 + 1e-12)
        np.testing.assert_array_equal(inside, (grid >= lower) & (grid <= upper))


@pytest.mark.parametrize("kind", ["sets", "intervals"])
def test_calibrated_ones_hold_what_they_promise(kind, model, regressor):
    rng = np.random.RandomState(0)
    # An index of rows that are not as new ones: of one class, and chosen by a column.
    if kind == "sets":
        model.add(X[Y == 2][:9], NAMES[Y == 2][:9]).remove(np.arange(0, 20, 3))
        y = NAMES
    else:
        model, y = pickle.loads(pickle.dumps(regressor)), X[:, :2]
        model.add(X[Y == 2][:9], y[Y == 2][:9] + 5).remove(np.arange(0, 20, 3))
    held, n_draws = 0, 250
    for _ in range(n_draws):
        rows = rng.randint(150, size=20)
        table = X[rows] + rng.normal(scale=0.1, size=(20, 4))
        model.calibrate(table[:19], y[rows[:19]])
        own = y[rows[19]]
        if kind == "sets":
            held += model.predict_set(table[19:])[0, model.classes_ == own][0]
        else:
            lower, upper = model.predict_interval(table[19:])[0, 0]
            held += lower <= own[0] <= upper
    # With 19 rows the probability is 0.9, or more where there are ties.
    assert held >= binom.ppf(0.001, n_draws, 0.9)
    assert held <= binom.ppf(0.999, n_draws, 0.95)


def test_one_row_is_compared_with_a_million_in_little_memory():
    rng = np.random.RandomState(0)
    Z, rows = rng.normal(size=(10**6, 2)).astype(np.float32), np.arange(10**6)
    network = Network(Z, np.zeros((10**6, 1)), rows[:1], rows)
    tracemalloc.start()
    squared, places = network.held_out.nearest(Z[7:8], 60)
    distances, found = nearest_rows([network], [Z[7:8]], 10**6, rows, 60)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100 * 2**20
    np.testing.assert_array_equal(places[0, :1], found[0, :1])
    np.testing.assert_allclose(np.sqrt(squared), distances, atol=1e-3)


@pytest.mark.parametrize("container", ["Index", "Series", "Categorical"])
def test_frames_and_ids_in_containers(container):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[*"abcd"]).astype({"a": "category"})
    frame.loc[120, "b"] = np.nan
    model = ContrastiveNeighborsClassifier(
        quick(max_iter=1, n_members=4), cross_fit=2, class_weight="balanced"
    )
    model.fit(frame[:100], Y[:100])
    again, ids = pickle.loads(pickle.dumps(model)), TEXTS[:30]
    for rows in (np.arange(29, 9, -1), np.arange(10)):
        named = getattr(pandas, container)(ids[rows])
        model.add(frame[100:130].iloc[rows], pandas.Series(Y[100:130])[rows], named)
    assert bits(model) == bits(again.add(frame[100:130], Y[100:130], ids))
    assert len(model._networks) == 4
