"""Rows that are confused anywhere in the table share a batch: `GlobalMiner`."""

import pickle
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive._pairs import _neighbor_search
from sklearn_contrastive._pairs._keys import Pairs
from sklearn_contrastive._pairs._neighbor_search import _exact, nearest_rows
from sklearn_contrastive._pairs._repeats import without_repeats
from sklearn_contrastive._training import _global_batches
from sklearn_contrastive._training._global_batches import GlobalBatches
from sklearn_contrastive.miners import GlobalMiner, HardPairs, NearestPairs
from sklearn_contrastive.similarity import LabelSimilarity

X, y = load_iris(return_X_y=True)

# Short fits on small tables: what looks beyond a batch hardly has the occasion.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The memory of:UserWarning"),
    pytest.mark.filterwarnings("ignore:GlobalMiner has not searched:UserWarning"),
]


seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def small(**settings):
    return ContrastiveEmbedding(
        **{
            "n_components": 3,
            "hidden_layer_sizes": (8,),
            "max_iter": 4,
            "batch_size": 32,
            "random_state": 0,
            "device": "cpu",
            **settings,
        }
    )


def points(n_points, seed=0, n_components=4):
    rng = np.random.RandomState(seed)
    return rng.normal(size=(n_points, n_components)).astype(np.float32)


def brute_force(Z, others, n_neighbors):
    order = np.argsort(cdist(Z, others), axis=1)
    return np.sort(order[:, :n_neighbors], axis=1)


# The search.


@few
@given(
    seed=seeds,
    n_points=st.integers(1, 20),
    n_others=st.integers(1, 300),
    share=st.floats(0, 1),
)
def test_the_exact_search_is_brute_force(seed, n_points, n_others, share):
    Z, others = points(n_points, seed), points(n_others, seed // 2)
    n_neighbors = max(1, round(share * n_others))
    found = _exact(Z, others, n_neighbors)
    expected = brute_force(Z, others, n_neighbors)
    assert_array_equal(np.sort(found, axis=1), expected)


def test_points_that_coincide_are_each_found_once():
    Z = np.repeat(points(3), 50, axis=0)
    found = np.sort(_exact(Z, Z, 50), axis=1)
    assert_array_equal(found // 50, np.repeat([[0] * 50, [1] * 50, [2] * 50], 50, 0))
    assert_array_equal(found[0], np.arange(50))


def test_an_index_of_the_users_own_finds_the_same():
    Z = points(150)
    for search in (None, NearestNeighbors(algorithm="kd_tree")):
        found = nearest_rows(Z, 7, search, np.random.RandomState(0))
        assert_array_equal(np.sort(found, axis=1), brute_force(Z, Z, 7))


def test_no_more_neighbours_are_searched_for_than_there_are():
    for search in (None, NearestNeighbors()):
        found = nearest_rows(points(9), 50, search, np.random.RandomState(0))
        assert_array_equal(np.sort(found, axis=1), [np.arange(9)] * 9)


@pytest.fixture
def crowded(monkeypatch):
    """Make a hundred points too many to search, with no index installed."""
    monkeypatch.setattr(_neighbor_search, "_MOST_EXACT", 50)
    monkeypatch.setattr(_neighbor_search, "_SOME", 20)
    monkeypatch.setitem(sys.modules, "faiss", None)


@pytest.mark.parametrize("n_neighbors", [1, 5, 20, 30])
def test_too_many_points_are_searched_for_among_some(crowded, n_neighbors):
    Z = points(100)
    found = nearest_rows(Z, n_neighbors, None, np.random.RandomState(3))
    some = np.unique(found)
    assert found.shape == (100, min(n_neighbors, 20))
    assert len(some) <= 20
    assert all(len(set(row)) == len(row) for row in found.tolist())
    drawn = np.sort(np.random.RandomState(3).permutation(100)[:20])
    assert set(some) <= set(drawn)
    expected = np.sort(drawn[brute_force(Z, Z[drawn], min(n_neighbors, 20))], axis=1)
    assert_array_equal(np.sort(found, axis=1), expected)


def test_training_searches_among_some_of_too_many_points(crowded):
    model = small(miner=GlobalMiner(refresh_every=1))
    first = model.fit(X, y).transform(X)
    assert np.isfinite(first).all()
    assert_array_equal(clone(model).fit(X, y).transform(X), first)


def test_faiss_searches_too_many_points_where_it_is_installed(monkeypatch):
    monkeypatch.setattr(_neighbor_search, "_MOST_EXACT", 50)
    calls = {}

    class Index:
        def train(self, Z):
            calls["trained"] = Z

        def add(self, Z):
            self.Z = Z

        def search(self, Z, n_neighbors):
            index = brute_force(Z, self.Z, n_neighbors)
            # What faiss returns where the lists it searched held too few.
            index[50, -1] = -1
            return np.zeros(index.shape, dtype=np.float32), index

    def index_factory(n_components, kind):
        calls.update(n_components=n_components, kind=kind)
        return Index()

    faiss = SimpleNamespace(index_factory=index_factory)
    monkeypatch.setitem(sys.modules, "faiss", faiss)
    Z = points(100)
    found = nearest_rows(Z, 6, None, np.random.RandomState(0))
    expected = brute_force(Z, Z, 6)
    missing = np.arange(100) == 50
    assert_array_equal(found[~missing], expected[~missing])
    # In the place of a missing row there is no row that is farther.
    assert set(found[50]) <= set(expected[50])
    assert calls["n_components"] == 4
    assert calls["kind"] == "IVF40,Flat"
    assert len(np.unique(calls["trained"], axis=0)) == len(calls["trained"])


# No row twice.


@few
@given(
    seed=seeds,
    n_steps=st.integers(1, 5),
    batch_size=st.integers(1, 30),
    n_more=st.integers(0, 20),
)
def test_rows_that_come_twice_are_replaced(seed, n_steps, batch_size, n_more):
    rng = np.random.RandomState(seed)
    rows = np.sort(rng.permutation(200)[: batch_size + n_more])
    index = rng.choice(rows, (n_steps, batch_size))
    before = index.copy()
    found = without_repeats(index, rows, rng)
    assert_array_equal(index, before)
    assert found.shape == index.shape
    assert np.isin(found, rows).all()
    for old, new in zip(before, found, strict=True):
        assert len(set(new)) == batch_size
        assert set(old) <= set(new)


def test_rows_that_come_once_stay_in_their_place():
    index = np.arange(60).reshape(4, 15)
    rng = np.random.RandomState(0)
    assert_array_equal(without_repeats(index, np.arange(60), rng), index)


def test_the_first_of_two_rows_stays_in_its_place():
    rng = np.random.RandomState(0)
    first = np.stack([rng.permutation(40)[:10] for _ in range(5)])
    found = without_repeats(np.hstack([first, first]), np.arange(40), rng)
    assert_array_equal(found[:, :10], first)


# The batches.


class Counting:
    """An embedding that stays as it is, and counts its calls."""

    def __init__(self, Z):
        self._Z, self.n_calls = Z, 0

    def __call__(self, X):
        self.n_calls += 1
        return self._Z[X[:, 0].astype(int)]


def confused(n_rows=200, n_classes=4, seed=0, **settings):
    """Return global batches of rows whose classes overlap, and what they are of."""
    rng = np.random.RandomState(seed)
    labels = rng.randint(n_classes, size=n_rows)
    Z = (rng.normal(size=(n_rows, 2)) + labels[:, None]).astype(np.float32)
    embed = Counting(Z)
    similarity = LabelSimilarity().fit(None, labels)
    numbers = np.arange(n_rows, dtype=float)[:, None]
    miner = GlobalMiner(**settings)
    batches = GlobalBatches(similarity, miner, numbers)
    batches.embed = embed
    return batches, embed, labels


@pytest.mark.parametrize(
    ("batch_size", "n_classes"),
    [(2, 2), (3, 50), (20, 4), (20, 50), (33, 2), (100, 4), (100, 50)],
)
def test_batches_have_the_shape_of_a_pass_and_no_repeats(batch_size, n_classes):
    batches, _, labels = confused(n_classes=n_classes, refresh_every=2)
    rng = np.random.RandomState(0)
    for _ in range(4):
        index = batches.batches(batch_size, rng)
        assert index.shape[1] == batch_size
        assert 1 <= len(index) <= len(labels) // batch_size
        assert np.isin(index, batches.rows_).all()
        assert all(len(set(batch)) == batch_size for batch in index.tolist())
    if n_classes < 50:
        assert len(index) == len(labels) // batch_size


def hard_negatives(Z, labels, n_neighbors):
    """Return, for each row, which of its nearest rows are of other classes."""
    near = brute_force(Z, Z, n_neighbors + 1)
    return [set(row[labels[row] != labels[i]]) for i, row in enumerate(near)]


@pytest.mark.parametrize(
    ("n_neighbors", "batch_size"), [(1, 20), (4, 33), (16, 20), (16, 33)]
)
def test_the_second_half_is_of_hard_negatives(n_neighbors, batch_size, monkeypatch):
    batches, embed, labels = confused(n_neighbors=n_neighbors)
    hard = hard_negatives(embed._Z, labels, n_neighbors)
    monkeypatch.setattr(
        _global_batches, "without_repeats", lambda index, rows, rng: index
    )
    rng, n_hard, found = np.random.RandomState(0), batch_size // 2, set()
    batches.batches(batch_size, rng)
    for _ in range(60):
        for batch in batches.batches(batch_size, rng):
            for row, other in zip(batch, batch[batch_size - n_hard :], strict=False):
                # A row without a hard negative stands for a row drawn at random.
                assert other in (hard[row] or {row})
                found.add((row, other))
    every = {(i, j) for i, others in enumerate(hard) for j in others}
    assert len(found & every) > 0.8 * len(every)


def test_confused_rows_share_a_batch_more_often_than_at_random():
    batches, embed, labels = confused(n_neighbors=4)
    hard = hard_negatives(embed._Z, labels, 4)
    rng = np.random.RandomState(0)

    def share_found(index):
        found = [
            len(hard[row] & set(batch)) / len(hard[row])
            for batch in index.tolist()
            for row in batch[:10]
            if hard[row]
        ]
        return np.mean(found)

    at_random = share_found(batches.batches(20, rng))
    assert at_random < 0.2
    assert share_found(batches.batches(20, rng)) > at_random + 0.3


@pytest.mark.parametrize("refresh_every", [1, 2, 5])
def test_neighbours_are_looked_for_every_few_passes(refresh_every):
    batches, embed, _ = confused(refresh_every=refresh_every)
    rng, found = np.random.RandomState(0), []
    for _ in range(12):
        batches.batches(20, rng)
        found.append(embed.n_calls)
    # The first pass is made without.
    expected = [-(-n_before // refresh_every) for n_before in range(12)]
    assert found == expected


def test_the_table_is_embedded_block_by_block(monkeypatch):
    whole, _, _ = confused()
    blocks, embed, _ = confused()
    drawn = []
    for batches, block in ((whole, 8192), (blocks, 64)):
        monkeypatch.setattr(_global_batches, "_BLOCK", block)
        rng = np.random.RandomState(0)
        batches.batches(20, rng)
        drawn.append(batches.batches(20, rng))
    assert_array_equal(*drawn)
    assert embed.n_calls == 4


def test_a_table_of_less_than_two_batches_is_drawn_from_as_usual():
    for batch_size in (101, 150, 200):
        batches, embed, labels = confused()
        similarity = LabelSimilarity().fit(None, labels)
        rngs = [np.random.RandomState(0) for _ in range(2)]
        for _ in range(3):
            ours, theirs = (
                source.batches(batch_size, rng)
                for source, rng in zip((batches, similarity), rngs, strict=True)
            )
            assert_array_equal(ours, theirs)
        assert embed.n_calls == 0


def test_held_out_rows_stay_out():
    _, embed, labels = confused()
    similarity = LabelSimilarity().fit(None, labels)
    kept, held_out = similarity.hold_out(0.3, np.random.RandomState(0))
    numbers = np.arange(200.0)[:, None]
    batches = GlobalBatches(kept, GlobalMiner(refresh_every=1), numbers)
    batches.embed = embed
    rng = np.random.RandomState(0)
    drawn = np.unique([batches.batches(20, rng) for _ in range(10)])
    assert not set(drawn) & set(held_out.rows_)
    assert set(drawn) == set(kept.rows_)


def test_rows_of_classes_far_apart_have_no_hard_negatives():
    labels = np.arange(200) // 50
    Z = np.float32(np.random.RandomState(0).normal(size=(200, 2)))
    Z += 100 * labels[:, None].astype(np.float32)
    similarity = LabelSimilarity().fit(None, labels)
    batches = GlobalBatches(similarity, GlobalMiner(), np.arange(200.0)[:, None])
    batches.embed = Counting(Z)
    rng = np.random.RandomState(0)
    for _ in range(3):
        index = batches.batches(20, rng)
        assert index.shape == (10, 20)
        assert all(len(set(batch)) == 20 for batch in index.tolist())
    assert (batches._n_hard == 0).all()


class ListByList(LabelSimilarity):
    """Compares two lists of keys, as `Similarity.compare` has them."""

    def compare(self, keys, other_keys, work=None):
        itself = keys.rows[:, None] == other_keys.rows[None, :]
        similar = keys.values[:, None] == other_keys.values[None, :]
        return Pairs(1.0 * (similar & ~itself), 1.0 * ~similar)


def test_a_similarity_of_the_users_own_decides_which_neighbours_are_hard():
    ours, embed, labels = confused(n_neighbors=4)
    similarity = ListByList().fit(None, labels)
    numbers = np.arange(200.0)[:, None]
    theirs = GlobalBatches(similarity, GlobalMiner(n_neighbors=4), numbers)
    theirs.embed = embed
    for batches in (ours, theirs):
        rng = np.random.RandomState(0)
        batches.batches(20, rng)
        batches.batches(20, rng)
    assert_array_equal(ours._n_hard, theirs._n_hard)


# Through the estimator.


def text(labels):
    return np.array([f"class {label}" for label in labels])


def many_classes():
    rng = np.random.RandomState(0)
    labels = np.repeat(np.arange(200), 5)
    centres = rng.normal(size=(200, 4))
    return centres[labels] + rng.normal(size=(1000, 4)) / 5, text(labels)


@pytest.mark.parametrize(
    ("table", "settings"),
    [
        ((X, y), {}),
        ((X, text(y)), {}),
        ((X, y), {"early_stopping": True}),
        ((X, y), {"batch_size": 2, "max_iter": 2}),
        ((X, y), {"batch_size": 75}),
        ((X, y), {"batch_size": 150}),
        (many_classes(), {"batch_size": 64, "max_iter": 3}),
        (many_classes(), {"batch_size": 64, "early_stopping": True}),
        ((X, y), {"loss": "nca"}),
        ((X, y), {"loss": "proxy_anchor"}),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else repr(value),
)
def test_it_trains_and_repeats_itself(table, settings):
    X, y = table
    model = small(miner=GlobalMiner(refresh_every=1), **{"max_iter": 3, **settings})
    first = model.fit(X, y).transform(X)
    assert np.isfinite(first).all()
    assert len(model.loss_curve_) == model.n_iter_
    again = clone(model).fit(X, y).transform(X)
    assert again.tobytes() == first.tobytes()
    thawed = pickle.loads(pickle.dumps(model))
    assert thawed.transform(X).tobytes() == first.tobytes()
    assert thawed.fit(X, y).transform(X).tobytes() == first.tobytes()


def test_the_first_pass_is_made_without_and_the_second_with():
    alone, model = small(max_iter=2), small(max_iter=2, miner="global")
    curves = [m.fit(X, y).loss_curve_ for m in (alone, model)]
    assert curves[0][0] == curves[1][0]
    assert curves[0][1] != curves[1][1]


def test_its_name_is_the_default_object():
    one, other = (
        small(miner=m).fit(X, y).transform(X) for m in ("global", GlobalMiner())
    )
    assert_array_equal(one, other)


def test_another_seed_gives_another_embedding():
    fits = [
        small(miner="global", random_state=seed).fit(X, y).transform(X)
        for seed in range(2)
    ]
    assert not np.allclose(*fits)


@pytest.mark.parametrize("miner", ["all", "random", "multi_similarity", HardPairs(2)])
def test_the_miner_within_chooses_the_pairs(miner):
    one, other = (
        small(miner=GlobalMiner(miner=m)).fit(X, y).transform(X)
        for m in (miner, "auto")
    )
    assert np.isfinite(one).all()
    assert not np.allclose(one, other)


def test_a_search_of_the_users_own_is_used_and_left_as_it_was():
    n_fitted = []

    class Recording(NearestNeighbors):
        def fit(self, X, y=None):
            n_fitted.append((len(X), X.shape[1], X.dtype))
            return super().fit(X, y)

    search = Recording(algorithm="brute")
    before = dict(vars(search))
    model = small(miner=GlobalMiner(refresh_every=1, search=search)).fit(X, y)
    assert n_fitted == [(150, 3, np.float32)] * 3
    assert model.miner.search is search
    assert vars(search) == before


def test_a_search_without_parameters_is_left_as_it_was():
    class Plain:
        def fit(self, Z):
            self.Z = Z
            return self

        def kneighbors(self, Z, n_neighbors, return_distance):
            assert not return_distance
            return brute_force(Z, self.Z, n_neighbors)

    search = Plain()
    model = small(miner=GlobalMiner(search=search)).fit(X, y)
    assert np.isfinite(model.transform(X)).all()
    assert vars(search) == {}


def test_an_exact_search_of_the_users_own_trains_as_well():
    scores = []
    for search in (None, NearestNeighbors()):
        miner = GlobalMiner(refresh_every=1, search=search)
        model = make_pipeline(small(miner=miner, max_iter=10), KNeighborsClassifier())
        scores.append(cross_val_score(model, X, y, cv=3).mean())
    assert min(scores) > 0.85


def test_parameters_are_reached_by_their_names():
    model = small(miner=GlobalMiner(miner=NearestPairs(), search=NearestNeighbors()))
    model.set_params(
        miner__n_neighbors=3, miner__miner__n_positives=1, miner__search__leaf_size=9
    )
    assert model.miner.n_neighbors == 3
    assert clone(model).miner.miner.n_positives == 1
    assert clone(model).miner.search.leaf_size == 9


def test_partial_fit_is_a_first_pass_each_time():
    model = small(miner=GlobalMiner(refresh_every=1))
    other = small()
    for _ in range(3):
        model.partial_fit(X, y)
        other.partial_fit(X, y)
    assert_array_equal(model.transform(X), other.transform(X))


# What raises.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_neighbors": 0}, "The 'n_neighbors' parameter of GlobalMiner must be"),
        ({"refresh_every": 0}, "The 'refresh_every' parameter of GlobalMiner must be"),
        ({"search": "faiss"}, "The 'search' parameter of GlobalMiner must be"),
        ({"miner": None}, "The 'miner' parameter of GlobalMiner must be"),
        ({"miner": "hardest"}, "or one of ['all', 'auto'"),
        ({"miner": GlobalMiner()}, "got GlobalMiner() in the place of the last"),
        ({"miner": "semihard"}, "`miner='semihard'` chooses negatives by comparing"),
    ],
)
def test_settings_out_of_range_raise(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        small(miner=GlobalMiner(**settings)).fit(X, y)


def test_a_global_miner_takes_not_its_own_name():
    with pytest.raises(ValueError, match="`miner`"):
        small(miner=GlobalMiner(miner="global")).fit(X, y)


def test_a_search_is_an_object_and_no_class():
    for search in (NearestNeighbors, type("Index", (), {})):
        with pytest.raises(ValueError, match="search"):
            small(miner=GlobalMiner(search=search)).fit(X, y)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("settings", [{"max_iter": 1}, {"batch_size": 100}])
def test_a_miner_that_never_searches_warns(settings):
    with pytest.warns(UserWarning, match="GlobalMiner has not searched"):
        small(miner="global", **settings).fit(X, y)
    small(miner="global").fit(X, y)


def test_faiss_finds_most_neighbours_of_many_points(monkeypatch):
    Z = points(4000, n_components=8)
    exact = _exact(Z, Z, 9)
    monkeypatch.setattr(_neighbor_search, "_MOST_EXACT", 1000)
    found = nearest_rows(Z, 9, None, np.random.RandomState(0))
    shared = [len(np.intersect1d(a, b)) for a, b in zip(exact, found, strict=True)]
    assert np.mean(shared) > 0.6 * 9


class BadSearch:
    """A search with given results."""

    def __init__(self, found):
        self.found = found

    def fit(self, Z):
        self.n_rows = len(Z)

    def kneighbors(self, Z, n_neighbors, return_distance):
        return self.found((len(Z), n_neighbors))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (np.zeros, "must return row numbers of shape (150, 17); got float64"),
        (lambda shape: np.zeros(3, int), "shape (150, 17); got int64 of shape (3,)"),
        (lambda shape: np.full(shape, 150), "from 0 to 149; got some from 150 to 150"),
        (lambda shape: np.full(shape, -1), "from 0 to 149; got some from -1 to -1"),
    ],
)
def test_a_search_that_finds_no_row_numbers_raises(found, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        small(miner=GlobalMiner(search=BadSearch(found))).fit(X, y)
