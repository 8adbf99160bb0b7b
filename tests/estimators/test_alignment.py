"""Two tables about the same rows: `ContrastiveAlignment`."""

import pickle
import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cross_decomposition import CCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import ContrastiveAlignment
from sklearn_contrastive._estimators import _state
from sklearn_contrastive._estimators._alignment import SideBySide
from sklearn_contrastive._pairs._keys import Keys
from sklearn_contrastive._training._models import Model
from sklearn_contrastive._training._terms import SingleTerm, Term
from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive.encoders import MLPEncoder, Towers, to_sphere
from sklearn_contrastive.encoders._mlp import AutogradPasses
from sklearn_contrastive.losses import InfoNCELoss
from sklearn_contrastive.miners import AllPairs
from sklearn_contrastive.preprocessing._standardization import Standardization
from sklearn_contrastive.similarity import PartnerSimilarity

few = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def small(**settings):
    return ContrastiveAlignment(
        **{
            "n_components": 3,
            "hidden_layer_sizes": (8,),
            "max_iter": 3,
            "random_state": 0,
            **settings,
        }
    )


def two_tables(n_rows=60, seed=0):
    """Return two noisy linear views of the same hidden columns."""
    rng = np.random.RandomState(seed)
    hidden = rng.normal(size=(n_rows, 2))
    X, y = (hidden @ rng.normal(size=(2, n)) for n in (4, 5))
    return X + 0.1 * rng.normal(size=X.shape), 5 + 3 * y


X, Y = two_tables()
MODEL = small().fit(X, Y)


# Which pairs are positive.


@few
@given(seed=seeds, n_rows=st.integers(1, 8), n_others=st.integers(1, 8))
def test_partners_are_positive_and_other_rows_of_the_other_table_negative(
    seed, n_rows, n_others
):
    similarity = PartnerSimilarity().fit(np.zeros((20, 1)))
    rng = np.random.RandomState(seed)
    ours, theirs = rng.permutation(20)[:n_rows], rng.permutation(20)[:n_others]
    keys = similarity.keys(ours), similarity.keys(theirs)
    tensors = [Keys(*(torch.from_numpy(k).double() for k in each)) for each in keys]
    for pairs in (similarity.compare(*keys), similarity.compare(*tensors)):
        assert tuple(pairs.positive.shape) == (2 * n_rows, 2 * n_others)
        for i in range(2 * n_rows):
            for j in range(2 * n_others):
                across = i // n_rows != j // n_others
                same = ours[i % n_rows] == theirs[j % n_others]
                assert pairs.positive[i, j] == (across and same)
                assert pairs.negative[i, j] == (across and not same)


# The loss.


def clip_loss(U, V, temperature):
    """Return the mean cross entropy of partners, either way, in plain loops."""
    logits = U @ V.T / temperature
    total = 0.0
    for table in (logits, logits.T):
        for i, row in enumerate(table):
            total -= np.log(np.exp(row[i]) / np.exp(row).sum())
    return total / (2 * len(logits))


def unit_rows(rng, n_rows):
    Z = rng.normal(size=(n_rows, 3))
    return Z / np.linalg.norm(Z, axis=1, keepdims=True)


@few
@given(seed=seeds, n_rows=st.integers(2, 9), temperature=st.floats(0.05, 2))
def test_a_batch_costs_the_cross_entropy_of_its_partners(seed, n_rows, temperature):
    rng = np.random.RandomState(seed)
    U, V = unit_rows(rng, n_rows), unit_rows(rng, n_rows)
    similarity = PartnerSimilarity().fit(np.zeros((20, 1)))
    keys = similarity.keys(rng.permutation(20)[:n_rows])
    keys = Keys(*(torch.from_numpy(key).double() for key in keys))
    loss = InfoNCELoss(temperature).resolve(normalize=True)
    points = torch.from_numpy(np.concatenate([U, V]))
    given = Term(similarity, AllPairs(), loss)
    cost, gradient = SingleTerm(given, {}, keys, points, None, True)(points)
    assert cost.item() == pytest.approx(clip_loss(U, V, temperature), rel=1e-10)
    points.requires_grad_()
    logits = points[:n_rows] @ points[n_rows:].T / temperature
    targets = torch.arange(n_rows)
    entropy = torch.nn.functional.cross_entropy
    plain = (entropy(logits, targets) + entropy(logits.T, targets)) / 2
    assert cost.item() == pytest.approx(plain.item(), rel=1e-10)
    (expected,) = torch.autograd.grad(plain, points)
    assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("temperature", ["auto", 0.3])
def test_a_step_of_training_has_the_loss_of_the_docstring(temperature):
    rng = np.random.RandomState(0)
    encoder = Towers(MLPEncoder((8,), dropout=0), MLPEncoder((8,), dropout=0), 4)
    params = encoder.init(9, 3, rng)
    partners = PartnerSimilarity().fit(X)
    loss = InfoNCELoss(temperature).resolve(normalize=True)
    model = Model(
        SideBySide(X, Y),
        Standardization(),
        encoder,
        [Term(partners, AllPairs(), loss)],
        params,
        n_components=3,
        learning_rate=1e-3,
        alpha=0.0,
        seed=0,
        loss_params=[loss.init(3, 0, rng)],
    )
    precise = {"device": "cpu", "dtype": torch.float64}
    trainer = Trainer([model], normalize=True, **precise)
    index = rng.permutation(60)[:20]
    (found,) = trainer.train(index[None, None], [1.0])
    params = [torch.from_numpy(p).double() for p in params]
    rows = torch.from_numpy(np.hstack([X, Y])[index])
    points = to_sphere(encoder.forward(params, rows))
    U, V = points.numpy()[:20], points.numpy()[20:]
    expected = clip_loss(U, V, 0.1 if temperature == "auto" else temperature)
    assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("hidden", "dropout", "normalize"),
    [((), 0.0, True), ((7,), 0.3, True), ((6, 5), 0.3, False), ((6, 5), 0.0, True)],
)
def test_passes_are_those_of_automatic_differentiation(hidden, dropout, normalize):
    encoder = Towers(*(MLPEncoder(hidden, "silu", dropout) for _ in range(2)), 4)
    arrays = encoder.init(9, 3, np.random.RandomState(0))
    both = []
    for _ in range(2):
        params = [torch.from_numpy(p)[None].double().requires_grad_() for p in arrays]
        for param in params:
            param.grad = torch.zeros_like(param)
        both.append(params)
    ours, theirs = both
    table = torch.from_numpy(np.random.RandomState(1).normal(size=(1, 11, 9)))
    streams = [np.random.Generator(np.random.SFC64(0)) for _ in both]
    with torch.no_grad():
        passes = encoder.passes(ours, 11, normalize, streams[:1])
        plain = AutogradPasses(encoder, theirs, normalize, streams[1])
        for _ in range(2):
            points, expected = passes.forward(table), plain.forward(table)
            assert points.shape == (1, 22, 3)
            assert_allclose(points, expected, rtol=1e-12, atol=1e-15)
            gradient = torch.sin(10 * expected)
            passes.backward(gradient)
            plain.backward(gradient)
            for found, param in zip(ours, theirs, strict=True):
                assert_allclose(found.grad, param.grad, rtol=1e-11, atol=1e-13)


def test_two_tables_side_by_side_are_read_without_a_copy():
    both = SideBySide(X, Y)
    assert both.shape == (60, 9)
    assert both.size == 540
    assert len(both) == 60
    for rows in (slice(3, 9), np.array([5, 2, 5])):
        assert_array_equal(both[rows], np.hstack([X, Y])[rows])


# The learned maps.


def by_hand(model, side, table):
    """Return the points of a table, row by row from the attributes."""
    names = ("center", "scale", "coefs", "intercepts")
    center, scale, coefs, intercepts = (
        getattr(model, f"{side}_{name}_") for name in names
    )
    points = []
    for row in table:
        h = (row - center) / scale
        h = h / np.sqrt(1 + (h / 8) ** 2)
        for W, b in zip(coefs[:-1], intercepts[:-1], strict=True):
            h = h @ W + b
            h = h / (1 + np.exp(-h))
        h = h @ coefs[-1] + intercepts[-1]
        points.append(h / np.linalg.norm(h))
    return np.array(points)


@pytest.mark.parametrize("hidden", [(8,), (), (6, 5)])
def test_points_follow_from_the_attributes(hidden):
    model = small(hidden_layer_sizes=hidden).fit(X, Y)
    widths = [4, *hidden, 3], [5, *hidden, 3]
    for side, sizes in zip("xy", widths, strict=True):
        shapes = [W.shape for W in getattr(model, f"{side}_coefs_")]
        assert shapes == list(pairwise(sizes))
    U, V = model.transform(X, Y)
    assert_allclose(U, by_hand(model, "x", X), rtol=1e-6, atol=1e-8)
    assert_allclose(V, by_hand(model, "y", Y), rtol=1e-6, atol=1e-8)
    assert_allclose(np.linalg.norm(U, axis=1), 1)
    assert_array_equal(model.transform(X), U)
    assert_array_equal(clone(model).fit_transform(X, Y), U)


def test_tables_may_have_other_numbers_of_rows_to_transform():
    U, V = MODEL.transform(X[:7], Y)
    assert U.shape == (7, 3)
    assert V.shape == (60, 3)
    assert_allclose(U, MODEL.transform(X)[:7], rtol=1e-12)
    one_by_one = [MODEL.transform(X[i : i + 1], Y[i : i + 1]) for i in range(5)]
    assert_allclose(np.concatenate([v for _, v in one_by_one]), V[:5], rtol=1e-9)


def test_more_rows_than_a_block_are_mapped_the_same(monkeypatch):
    monkeypatch.setattr(_state, "_MAPPED", 7)
    for found, expected in zip(
        MODEL.transform(X, Y),
        (by_hand(MODEL, "x", X), by_hand(MODEL, "y", Y)),
        strict=True,
    ):
        assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("n_neighbors", [1, 4])
def test_neighbours_are_the_nearest_rows_of_the_second_table(n_neighbors):
    U, V = MODEL.transform(X[:15], Y)
    gaps = np.array([[np.linalg.norm(u - v) for v in V] for u in U])
    expected = np.argsort(gaps, axis=1)[:, :n_neighbors]
    distances, indices = MODEL.kneighbors(X[:15], Y, n_neighbors)
    assert_array_equal(indices, expected)
    assert_allclose(distances, np.take_along_axis(gaps, expected, axis=1), atol=1e-7)
    alone = MODEL.kneighbors(X[:15], Y, n_neighbors, return_distance=False)
    assert_array_equal(alone, expected)


def test_the_score_is_how_often_the_nearest_row_is_the_partner():
    U, V = MODEL.transform(X, Y)
    hits = [np.argmin(((V - u) ** 2).sum(axis=1)) == i for i, u in enumerate(U)]
    assert MODEL.score(X, Y) == np.mean(hits)
    assert 0 < MODEL.score(X, Y) < 1


def test_counts_and_curves_are_those_of_the_training():
    model = small(batch_size=25, max_iter=4).fit(X, Y)
    assert (model.n_iter_, model.n_steps_, model.batch_size_) == (4, 8, 25)
    assert len(model.loss_curve_) == 4
    assert (model.n_features_in_, model.n_features_y_) == (4, 5)
    assert model.device_ == "cpu"
    names = model.get_feature_names_out().tolist()
    assert names == [f"contrastivealignment{i}" for i in range(3)]
    assert small(batch_size="auto").fit(X, Y).batch_size_ == 60


def test_columns_are_standardised_in_both_tables():
    plain = small(standardize="standard").fit(X, Y)
    assert_allclose(plain.x_center_, X.mean(axis=0))
    assert_allclose(plain.y_scale_, Y.std(axis=0))
    scaled = small().fit(X * [1, 100, 1, 1], Y + 7)
    assert_allclose(
        scaled.transform(X * [1, 100, 1, 1]), MODEL.transform(X), rtol=1e-3, atol=1e-4
    )
    raw = small(standardize=False).fit(X, Y)
    assert raw.x_center_ is raw.x_scale_ is raw.y_center_ is raw.y_scale_ is None
    assert np.isfinite(raw.transform(X, Y)).all()
    wild = Y.copy()
    wild[0] = 1e6
    assert_allclose(small().fit(X, wild).y_scale_, Y.std(axis=0), rtol=0.5)


def test_constant_columns_do_not_matter():
    padded = np.column_stack([Y, np.full(60, 3.0)])
    model = small().fit(X, padded)
    before = model.transform(X, padded)[1]
    padded[:, -1] = 9
    assert_array_equal(model.transform(X, padded)[1], before)


# The temperature.


def test_the_temperature_is_learned_or_given():
    learned = small(max_iter=20).fit(X, Y)
    assert isinstance(learned.temperature_, float)
    assert 0.01 <= learned.temperature_ < 1
    assert learned.temperature_ != 0.1
    assert small(temperature=0.5).fit(X, Y).temperature_ == 0.5


def test_the_temperature_never_falls_below_its_floor():
    rng = np.random.RandomState(0)
    table = rng.normal(size=(8, 8))
    model = small(
        n_components=8,
        hidden_layer_sizes=(16,),
        max_iter=100,
        learning_rate_init=1.0,
        dropout=0.0,
        alpha=0.0,
    ).fit(table, table)
    assert model.score(table, table) == 1
    assert model.temperature_ == 0.01


# Tables of all kinds.


KINDS = {
    "float32": np.float32,
    "Fortran": np.asfortranarray,
    "lists": np.ndarray.tolist,
    "strided": lambda table: np.repeat(table, 2, axis=0)[::2],
    "pandas": lambda table: pd.DataFrame(table).rename(columns=str),
    "read-only": None,
}


@pytest.mark.parametrize("name", KINDS)
def test_tables_of_any_kind_are_learned_from(name, tmp_path):
    def kind(table):
        if KINDS[name] is not None:
            return KINDS[name](table)
        path = tmp_path / f"{table.shape[1]}.npy"
        np.save(path, table)
        return np.load(path, mmap_mode="r")

    given_x, given_y = kind(X), kind(Y)
    model = small().fit(given_x, given_y)
    U, V = model.transform(given_x, given_y)
    expected = MODEL.transform(X, Y)
    precise = name != "float32"
    assert U.dtype == V.dtype == (np.float64 if precise else np.float32)
    for found, points in zip((U, V), expected, strict=True):
        assert_allclose(
            found, points, **({"rtol": 1e-9} if precise else {"atol": 1e-3})
        )
    assert model.score(given_x, given_y) == pytest.approx(MODEL.score(X, Y), abs=0.05)
    if name == "pandas":
        assert model.feature_names_in_.tolist() == list("0123")


def test_each_table_keeps_its_own_precision():
    model = small().fit(X.astype(np.float32), Y)
    U, V = model.transform(X.astype(np.float32), Y)
    assert (U.dtype, V.dtype) == (np.float32, np.float64)


def test_integers_are_numbers():
    model = small().fit((X * 10).astype(int), (Y * 10).astype(np.int16))
    assert model.transform((X * 10).astype(int)).dtype == np.float64


def test_a_second_table_of_one_column_may_be_flat():
    flat = small().fit(X, Y[:, 0])
    column = small().fit(X, Y[:, :1])
    assert flat.n_features_y_ == 1
    assert_array_equal(flat.transform(X), column.transform(X))
    assert_array_equal(flat.transform(X, Y[:, 0])[1], column.transform(X, Y[:, :1])[1])
    assert flat.score(X, Y[:, 0]) == column.score(X, Y[:, :1])


@pytest.mark.parametrize("n_rows", [2, 3, 60])
def test_few_rows_and_small_batches_are_enough(n_rows):
    for batch_size in (2, 3, 7, "auto"):
        model = small(batch_size=batch_size, max_iter=1).fit(X[:n_rows], Y[:n_rows])
        assert all(np.isfinite(Z).all() for Z in model.transform(X, Y))


def test_set_output_names_the_points_of_the_first_table():
    model = clone(MODEL).set_output(transform="pandas").fit(X, Y)
    Z = model.transform(X)
    assert list(Z.columns) == [f"contrastivealignment{i}" for i in range(3)]
    assert_array_equal(Z, MODEL.transform(X))
    U, V = model.transform(X, Y)
    assert isinstance(U, pd.DataFrame)
    assert_array_equal(V, MODEL.transform(X, Y)[1])
    assert model.score(X, Y) == MODEL.score(X, Y)
    assert_array_equal(model.kneighbors(X, Y)[1], MODEL.kneighbors(X, Y)[1])


# The rules of scikit-learn.


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    first, again = (small().fit(X, Y).transform(X, Y) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert one.tobytes() == other.tobytes()
    assert not np.allclose(first[0], small(random_state=1).fit(X, Y).transform(X))


def test_a_fit_leaves_random_streams_and_tables_alone():
    before = X.copy(), Y.copy()
    state = np.random.get_state()[1].copy(), torch.get_rng_state()
    small(random_state=None).fit(X, Y)
    assert_array_equal(np.random.get_state()[1], state[0])
    assert_array_equal(torch.get_rng_state(), state[1])
    for table, copy in zip((X, Y), before, strict=True):
        assert_array_equal(table, copy)


def test_pickled_equals_not_pickled():
    thawed = pickle.loads(pickle.dumps(MODEL))
    for one, other in zip(thawed.transform(X, Y), MODEL.transform(X, Y), strict=True):
        assert one.tobytes() == other.tobytes()
    assert thawed.fit(X, Y).transform(X).tobytes() == MODEL.transform(X).tobytes()


def test_a_clone_has_the_parameters_and_nothing_else():
    twin = clone(MODEL)
    assert twin.get_params() == MODEL.get_params()
    assert vars(twin) == twin.get_params()
    with pytest.raises(NotFittedError):
        twin.transform(X)
    with pytest.raises(NotFittedError):
        twin.kneighbors(X, Y)
    with pytest.raises(NotFittedError):
        twin.score(X, Y)


def test_it_is_cross_validated_and_searched():
    scores = cross_val_score(small(max_iter=40), X, Y, cv=3)
    assert np.mean(scores) > 2 / 20
    search = GridSearchCV(small(), {"n_components": [2, 3]}, cv=2).fit(X, Y)
    assert search.best_params_["n_components"] in (2, 3)
    pipeline = make_pipeline(StandardScaler(), small()).fit(X, Y)
    assert pipeline.score(X, Y) == pytest.approx(MODEL.score(X, Y), abs=0.05)


def test_the_loss_of_every_epoch_is_printed_on_request(capsys):
    model = small(verbose=True).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    per_epoch = model.n_steps_ // model.n_iter_
    assert lines == [
        f"Iteration {i + 1}, step {(i + 1) * per_epoch}, loss = {loss:.8f}"
        for i, loss in enumerate(model.loss_curve_)
    ]


# What it is for.


def test_it_finds_partners_that_no_linear_map_can():
    rng = np.random.RandomState(0)
    hidden = rng.uniform(-2, 2, size=(700, 2))
    # The second table is even in what the first one shows.
    left = hidden + rng.normal(scale=0.02, size=hidden.shape)
    right = np.abs(hidden) + rng.normal(scale=0.02, size=hidden.shape)
    train, test = slice(600), slice(600, None)
    model = ContrastiveAlignment(
        8,
        hidden_layer_sizes=(64,),
        dropout=0.0,
        batch_size=100,
        max_iter=30,
        learning_rate_init=2e-2,
        random_state=0,
    )
    before = clone(model).set_params(max_iter=1).fit(left[train], right[train])
    model.fit(left[train], right[train])
    U, V = CCA(2).fit(left[train], right[train]).transform(left[test], right[test])
    gaps = ((U[:, None] - V) ** 2).sum(axis=2)
    by_cca = np.mean(gaps.argmin(axis=1) == np.arange(100))
    score = model.score(left[test], right[test])
    # Guessing gives 0.01.
    assert by_cca <= 0.05
    assert score > 0.4
    assert before.score(left[test], right[test]) < 0.2


def test_training_lowers_the_loss():
    curve = small(max_iter=60).fit(X, Y).loss_curve_
    assert np.mean(curve[-5:]) < 0.8 * np.mean(curve[:5])


# What raises.


BAD = {
    "no second table": (
        (X, None),
        ValueError,
        "the target y is None: the second table",
    ),
    "other rows": (
        (X, Y[:-1]),
        ValueError,
        "`y` must hold one partner per row of `X`: found input variables with "
        "inconsistent numbers of samples, 60 rows and 59 in `y`.",
    ),
    "one row": (
        (X[:1], Y[:1]),
        ValueError,
        "`X` must hold at least two rows, to tell partners from others; got "
        "n_samples=1.",
    ),
    "infinity": ((X - np.inf, Y), ValueError, "`X` must be finite; found infinity in"),
    "infinity in the second": (
        (X, Y + np.inf),
        ValueError,
        "`y` must be finite; found infinity",
    ),
    "a sparse second of other rows": (
        (X, scipy.sparse.csr_array(Y[1:])),
        ValueError,
        "`y` must hold one partner per row of `X`",
    ),
    "text": ((X, np.full(Y.shape, "a")), ValueError, "could not convert string"),
    "depth": ((X, Y[:, :, None]), ValueError, "Found array with dim 3"),
    "flat": ((X[:, 0], Y), ValueError, "Expected 2D array, got 1D array instead"),
    "no rows": ((X[:0], Y[:0]), ValueError, "Found array with 0 sample(s)"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_failed_fit_loses_nothing(name):
    table, error, message = BAD[name]
    model = small().fit(X, Y)
    before = dict(vars(model))
    with pytest.raises(error, match=re.escape(message)):
        model.fit(*table)
    assert vars(model) == before
    fresh = small()
    with pytest.raises(error):
        fresh.fit(*table)
    assert vars(fresh) == fresh.get_params()


def test_a_fit_that_diverges_loses_nothing():
    model = small().fit(X, Y)
    before = dict(vars(model))
    model.set_params(standardize=False, learning_rate_init=1e30)
    with pytest.raises(FloatingPointError, match="The loss became nan"):
        model.fit(X * 1e30, Y)
    assert {name: value for name, value in vars(model).items() if name[-1] == "_"} == {
        name: value for name, value in before.items() if name[-1] == "_"
    }


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ((X[:, :3], Y), "X has 3 features, but ContrastiveAlignment is expecting 4"),
        (
            (X, Y[:, :3]),
            "`y` has 3 features, but ContrastiveAlignment is expecting 5 features as "
            "the second table.",
        ),
        ((X, Y[:, 0]), "`y` has 1 features, but ContrastiveAlignment is expecting 5"),
        ((X, Y * np.inf), "`y` must be finite; found infinity"),
    ],
)
def test_tables_of_other_columns_are_not_mapped(table, message):
    for method in (MODEL.transform, MODEL.kneighbors, MODEL.score):
        with pytest.raises(ValueError, match=re.escape(message)):
            method(*table)


def test_neighbours_and_score_need_the_second_table():
    for method in (MODEL.kneighbors, MODEL.score):
        with pytest.raises(ValueError, match="`y` must be the second table; got None"):
            method(X, None)


OUT_OF_RANGE = {
    "n_components": (0, 2.5),
    "hidden_layer_sizes": (0, None),
    "activation": ("softplus",),
    "dropout": (1.0, -0.1),
    "temperature": (0, -1.0, "learned", None),
    "standardize": ("minmax",),
    "categorical_features": ("all", 3),
    "batch_size": (1, "all"),
    "max_iter": (0, "long"),
    "learning_rate_init": (0,),
    "alpha": (-1,),
    "device": (0,),
    "random_state": ("seed",),
    "verbose": ("loud",),
}


def test_every_parameter_is_tried():
    assert set(OUT_OF_RANGE) == set(ContrastiveAlignment().get_params())


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_parameters_out_of_range_raise(name):
    message = f"The '{name}' parameter of ContrastiveAlignment must be"
    model = small().fit(X, Y)
    before = model.transform(X)
    for value in OUT_OF_RANGE[name]:
        with pytest.raises(ValueError, match=re.escape(message)):
            model.set_params(**{name: value}).fit(X, Y)
        assert_array_equal(model.transform(X), before)


def test_a_line_has_room_for_two_points_only():
    with pytest.warns(
        UserWarning, match="`n_components=1` leaves two points, -1 and 1"
    ):
        model = small(n_components=1).fit(X, Y)
    assert set(np.unique(model.transform(X))) <= {-1, 1}


# Special cases.


def test_the_score_needs_as_many_partners_as_rows():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        MODEL.score(X[:10], Y[:20])


def test_held_out_rows_have_the_partners_they_had():
    similarity = PartnerSimilarity().fit(X)
    kept, _ = similarity.hold_out(0.5, np.random.RandomState(0))
    keys, others = kept.keys(kept.rows_), similarity.keys(kept.rows_)
    found, expected = kept.compare(keys, keys), similarity.compare(others, others)
    assert_array_equal(found.positive, expected.positive)
    assert_array_equal(found.negative, expected.negative)


@pytest.mark.parametrize("own", [{"activation": "relu"}, {"standardize": "robust"}])
def test_parameters_that_are_set_count_from_the_next_fit(own):
    model = small().fit(X, Y)
    assert_array_equal(model.set_params(**own).transform(X), MODEL.transform(X))


def test_columns_of_the_second_table_in_another_order_raise():
    x, y = pd.DataFrame(X).add_prefix("x"), pd.DataFrame(Y).add_prefix("y")
    model = small().fit(x, y)
    with pytest.raises(ValueError, match="feature names"):
        model.transform(x, y[y.columns[::-1]])


def test_auto_trains_twice_as_long_as_one_network(monkeypatch):
    # A tenth of the least length.
    monkeypatch.setattr("sklearn_contrastive._training._run._FEWEST_STEPS", 30)
    X, Y = np.random.RandomState(0).normal(size=(2, 300, 4))
    model = ContrastiveAlignment(n_components=2, hidden_layer_sizes=(4,))
    assert model.fit(X, Y).n_steps_ == 30
    assert model.set_params(batch_size=128).fit(X, Y).n_steps_ == 60
