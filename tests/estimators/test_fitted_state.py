"""A fit changes the estimator at its end, in one step; and what it leaves there."""

import copy
import pickle
import threading

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from torch import nn

from sklearn_contrastive import ContrastiveAlignment, ContrastiveEmbedding
from sklearn_contrastive._estimators._plan import prepare
from sklearn_contrastive.losses import NCALoss
from sklearn_contrastive.miners import GlobalMiner, NearestPairs

X, y = load_iris(return_X_y=True)
NAMED = pd.DataFrame(X, columns=list("abcd"))


def small(**settings):
    return ContrastiveEmbedding(
        **{
            "n_components": 4,
            "hidden_layer_sizes": (8,),
            "n_members": 1,
            "max_iter": 4,
            "batch_size": 50,
            "random_state": 0,
            "device": "cpu",
            **settings,
        }
    )


def learned(model):
    """Return all but the parameters."""
    params = model.get_params(deep=False)
    return {k: v for k, v in vars(model).items() if k not in params}


# A plan changes nothing.


SETTINGS = {
    "defaults": {},
    "several networks": {"n_members": 2, "n_components": 8},
    "early stopping": {"early_stopping": True},
    "module": {"encoder": nn.Linear},
    "objects": {"loss": NCALoss(temperature="auto"), "miner": NearestPairs(2, 4)},
    "global": {"miner": GlobalMiner()},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_prepare_changes_nothing(settings):
    for fitted, table in ((None, X), (X, X), (NAMED, NAMED), (X, NAMED), (NAMED, X)):
        model = small(**settings)
        if fitted is not None:
            model.fit(fitted, y)
        before, values = dict(vars(model)), copy.deepcopy(vars(model))
        tables = table.copy(), y.copy()
        prepare(model, table, y)
        assert vars(model).keys() == before.keys()
        assert all(vars(model)[name] is before[name] for name in before)
        if fitted is not None:
            assert pickle.dumps(vars(model)) == pickle.dumps(values)
        assert_array_equal(table, tables[0])
        assert_array_equal(y, tables[1])


@pytest.mark.filterwarnings("ignore:GlobalMiner has not searched:UserWarning")
@pytest.mark.parametrize("once", [False, True])
def test_prepare_of_a_fit_that_resumes_changes_nothing(once):
    for settings in SETTINGS.values():
        model = small(**settings).fit(NAMED, y)
        before, values = dict(vars(model)), pickle.dumps(vars(model))
        prepare(model, NAMED, y, before=vars(model), once=once)
        assert all(vars(model)[name] is before[name] for name in before)
        assert vars(model).keys() == before.keys()
        assert pickle.dumps(vars(model)) == values


def test_a_plan_that_fails_changes_nothing():
    model = small()
    with pytest.raises(ValueError, match="one class only"):
        prepare(model, NAMED, np.zeros(150, int))
    assert vars(model) == model.get_params()


# A fit is complete, or has not been.

#: Three batches are an epoch: one in its middle, and one in the third epoch.
FAILURES = {
    "an error": (2, RuntimeError("broken")),
    "a later error": (8, RuntimeError("broken")),
    "an interrupt": (2, KeyboardInterrupt()),
}


@pytest.mark.parametrize(("at", "error"), FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_first_fit_that_fails_leaves_the_estimator_unfitted(
    method, at, error, interrupted_loss
):
    if method == "partial_fit":
        at = 2
    model = small(loss=interrupted_loss(at, error))
    with pytest.raises(type(error)):
        getattr(model, method)(NAMED, y)
    assert vars(model) == model.get_params()
    with pytest.raises(NotFittedError):
        model.transform(NAMED)
    # The cause has gone, and the same object can be fitted.
    getattr(model, method)(NAMED, y)
    assert np.isfinite(model.transform(NAMED)).all()


@pytest.mark.parametrize(("at", "error"), FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("warm_start", [False, True])
def test_a_refit_that_fails_leaves_the_old_model_bit_for_bit(
    warm_start, at, error, interrupted_loss
):
    model = small(warm_start=warm_start).fit(NAMED, y)
    bits, points = pickle.dumps(learned(model)), model.transform(NAMED).tobytes()
    model.set_params(loss=interrupted_loss(at, error))
    with pytest.raises(type(error)):
        model.fit(NAMED if warm_start else X, y)
    assert pickle.dumps(learned(model)) == bits
    assert model.transform(NAMED).tobytes() == points
    if not warm_start:
        return
    # Training resumes as if it had never failed.
    model.set_params(loss="contrastive").fit(NAMED, y)
    through = small(warm_start=True).fit(NAMED, y).fit(NAMED, y)
    assert model.transform(NAMED).tobytes() == through.transform(NAMED).tobytes()


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_warning_that_is_an_error_leaves_the_estimator_unfitted(method):
    model = small(loss=lambda anchors, candidates, pairs: 0 * anchors.sum())
    with pytest.raises(UserWarning, match="The loss was 0 in every epoch"):
        getattr(model, method)(X, y)
    assert vars(model) == model.get_params()


def test_a_fit_interrupted_after_an_epoch_is_one_that_a_callback_stops_there(
    interrupted_loss,
):
    pytest.importorskip("sklearn.callback")
    interrupted = small(loss=interrupted_loss(at=7))
    with pytest.warns(UserWarning, match="interrupted in epoch 2"):
        interrupted.fit(X, y)
    assert interrupted.n_iter_ == len(interrupted.loss_curve_) == 2
    assert set(map(len, interrupted.mining_curve_.values())) == {2}
    assert interrupted.n_steps_ == 6
    stopped = small(loss=interrupted_loss(at=0))
    stopped.set_callbacks(Watch(stop_after=2)).fit(X, y)
    assert interrupted.loss_curve_ == stopped.loss_curve_
    assert_array_equal(interrupted.transform(X), stopped.transform(X))


def test_a_fit_leaves_nothing_of_a_model_of_another_kind():
    model = small(early_stopping=True, encoder=nn.Linear).fit(NAMED, y)
    model.set_params(early_stopping=False, encoder="mlp").fit(X[:, :3], y)
    fresh = small().fit(X[:, :3], y)
    assert vars(model).keys() == vars(fresh).keys()
    assert_array_equal(model.transform(X[:, :3]), fresh.transform(X[:, :3]))


# Callbacks.


class Watch:
    """Keep the fitted copies, and what the estimator was at each of these times."""

    def __init__(self, stop_after=None):
        self.stop_after, self.copies, self.estimators = stop_after, [], []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.copies.append(fitted_estimator)
        public = {k: v for k, v in vars(estimator).items() if k.endswith("_")}
        self.estimators.append((public, "_state" in vars(estimator)))
        return context.task_name == "report" and len(self.copies) == self.stop_after


WATCHED = {
    "one network": {},
    "two networks": {"n_members": 2, "n_components": 8},
    "early stopping": {"early_stopping": True},
    "proxies": {"loss": "proxy_anchor"},
}


@pytest.mark.parametrize("settings", WATCHED.values(), ids=WATCHED)
def test_a_callback_sees_a_complete_fitted_copy(settings):
    pytest.importorskip("sklearn.callback")
    watch = Watch()
    model = small(**settings).set_callbacks(watch).fit(NAMED, y)
    assert len(watch.copies) == model.n_iter_ + 1
    assert all(seen == ({}, False) for seen in watch.estimators)
    names = {name for name in vars(model) if name.endswith("_")}
    for n_iter, seen in enumerate(watch.copies[:-1], start=1):
        assert seen is not model
        assert {name for name in vars(seen) if name.endswith("_")} == names
        assert seen.n_iter_ == len(seen.loss_curve_) == n_iter
        assert set(map(len, seen.mining_curve_.values())) == {n_iter}
        if "early_stopping" in settings:
            assert len(seen.validation_scores_) == n_iter
        assert seen.loss_curve_ == model.loss_curve_[:n_iter]
        assert [W.shape for W in seen.coefs_] == [W.shape for W in model.coefs_]
        assert np.isfinite(seen.transform(NAMED)).all()
        assert seen.loss_params_.keys() == model.loss_params_.keys()
        assert seen.feature_names_in_.tolist() == list("abcd")
    # Copies that are kept do not change with further training.
    points = {seen.transform(NAMED).tobytes() for seen in watch.copies[:-1]}
    assert len(points) == model.n_iter_
    assert_array_equal(watch.copies[-1].transform(NAMED), model.transform(NAMED))


def test_during_a_refit_a_callback_sees_the_old_model_on_the_estimator():
    pytest.importorskip("sklearn.callback")
    watch = Watch()
    model = small(warm_start=True).fit(NAMED, y)
    before = {k: v for k, v in vars(model).items() if k.endswith("_")}
    model.set_callbacks(watch).fit(NAMED, y)
    assert [seen.n_iter_ for seen in watch.copies] == [5, 6, 7, 8, 8]
    for public, has_state in watch.estimators:
        assert has_state
        assert public.keys() == before.keys()
        assert all(public[name] is before[name] for name in before)
    assert model.n_iter_ == 8
    assert len(before["loss_curve_"]) == 4


# Other threads.


def test_another_thread_sees_the_old_model_or_the_new_one():
    expected = {
        small(random_state=seed).fit(X, y).transform(X).tobytes() for seed in (0, 1)
    }
    model, done, found = small().fit(X, y), threading.Event(), []

    def read():
        while not done.is_set():
            try:
                found.append(model.transform(X).tobytes())
            except ValueError as error:
                found.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(4):
            model.fit(X[:, :2], y)
            model.set_params(random_state=1).fit(X, y)
            model.set_params(random_state=0).fit(X, y)
    finally:
        done.set()
        reader.join()
    texts = {each for each in found if isinstance(each, str)}
    points = {each for each in found if isinstance(each, bytes)}
    assert points == expected
    message = (
        "X has 4 features, but ContrastiveEmbedding is expecting 2 features as input."
    )
    assert texts <= {message}


def test_an_alignment_maps_both_tables_with_one_model():
    model = ContrastiveAlignment(
        3, hidden_layer_sizes=(8,), max_iter=2, random_state=0
    ).fit(X[:, :2], X[:, 2:])
    old = model.transform(X[:, :2], X[:, 2:])
    new = clone(model).set_params(random_state=1).fit(X[:, :2], X[:, 2:])
    done, found = threading.Event(), []

    def read():
        while not done.is_set():
            U, V = model.transform(X[:, :2], X[:, 2:])
            found.append((U.tobytes(), V.tobytes()))

    expected = {
        tuple(Z.tobytes() for Z in both)
        for both in (old, new.transform(X[:, :2], X[:, 2:]))
    }
    reader = threading.Thread(target=read)
    reader.start()
    try:
        for seed in (1, 0) * 5:
            model.set_params(random_state=seed).fit(X[:, :2], X[:, 2:])
    finally:
        done.set()
        reader.join()
    assert set(found) == expected


# What is stored.


class Wide(nn.Sequential):
    """A module whose arrays are larger than the rest of its pickle."""

    def __init__(self, n_features, n_components):
        super().__init__(
            nn.Linear(n_features, 4000), nn.ReLU(), nn.Linear(4000, n_components)
        )


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_layer_sizes": (128, 128), "n_components": 32},
        {"hidden_layer_sizes": (128, 128), "n_components": 32, "n_members": 4},
        {"encoder": Wide},
    ],
    ids=["one network", "four networks", "module"],
)
def test_a_pickle_holds_arrays_once(settings):
    model = small(**settings, max_iter=1, early_stopping=True).fit(X, y)
    state = model._state
    optimizers = [array for own in state.optimizer_states for o in own for array in o]
    arrays = [*state.params, *state.loss_params.values(), *optimizers]
    n_bytes = sum(array.nbytes for array in arrays)
    assert n_bytes > 100_000
    assert len(pickle.dumps(model)) <= 1.3 * n_bytes + 20_000
    thawed = pickle.loads(pickle.dumps(model))
    assert_array_equal(thawed.transform(X), model.transform(X))


def test_coefs_are_views_of_the_state():
    one = small().fit(X, y)
    assert [W.shape for W in one.coefs_] == [(4, 8), (8, 4)]
    assert [b.shape for b in one.intercepts_] == [(8,), (4,)]
    several = small(n_members=2, n_components=8).fit(X, y)
    assert [W.shape for W in several.coefs_] == [(2, 4, 8), (2, 8, 4)]
    for model in (one, several):
        arrays = model._state.params
        for place, own in enumerate((model.coefs_, model.intercepts_)):
            for layer, array in enumerate(own):
                assert np.shares_memory(array, arrays[2 * layer + place])
    module = small(encoder=nn.Linear).fit(X, y)
    for name, array in module.module_state_.items():
        assert any(np.shares_memory(array, other) for other in module._state.params)
        assert array.shape == {"weight": (4, 4), "bias": (4,)}[name]


def test_attributes_are_those_of_the_encoder_that_was_fitted():
    network, module = {"coefs_", "intercepts_"}, {"module_state_"}
    always = {"center_", "scale_", "standardize_", "loss_params_"}
    model = small()

    def held():
        return {name for name in network | module | always if hasattr(model, name)}

    assert held() == set()
    for encoder in ("mlp", "linear"):
        model.set_params(encoder=encoder).fit(X, y)
        assert held() == network | always
    model.set_params(encoder=nn.Linear).fit(X, y)
    assert held() == module | always
    with pytest.raises(AttributeError, match="`coefs_` belongs to the encoders"):
        _ = model.coefs_
    # Parameters count from the next fit.
    model.set_params(encoder="mlp")
    assert held() == module | always


def test_single_numbers_are_arrays_without_an_axis():
    model = small(loss="margin").fit(X, y)
    assert model.loss_params_["boundary"].shape == ()
    assert isinstance(model.loss_params_["boundary"], np.ndarray)
    several = small(loss="margin", n_members=2, n_components=8).fit(X, y)
    assert several.loss_params_["boundary"].shape == (2,)


# Fits that resume.


RESUMED = {
    "one network": {},
    "two networks": {"n_members": 2, "n_components": 8},
    "own parameters": {"loss": "margin"},
    "proxies": {"loss": "proxy_anchor"},
    "module": {"encoder": nn.Linear},
}


@pytest.mark.parametrize("settings", RESUMED.values(), ids=RESUMED)
def test_training_resumes_with_the_same_bits_from_a_pickle_or_a_copy(settings):
    model = small(warm_start=True, **settings).fit(X, y)
    twins = [pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    expected = model.fit(X, y).partial_fit(X, y)
    for twin in twins:
        twin.fit(X, y).partial_fit(X, y)
        assert twin.transform(X).tobytes() == expected.transform(X).tobytes()
        assert twin.loss_curve_ == expected.loss_curve_
        for name, value in expected.loss_params_.items():
            assert_array_equal(twin.loss_params_[name], value)


def test_partial_fit_resumes_the_optimizer():
    # A fresh optimizer would move each parameter by about the rate at its first step.
    model = small(batch_size=150, dropout=0.0, alpha=0.0).partial_fit(X, y)
    (_, squares, n_steps), *_ = model._state.optimizer_states[0]
    assert n_steps == 1
    before = [param.copy() for param in model._state.params]
    fresh = clone(model).partial_fit(X, y)
    assert_array_equal(fresh._state.params[0], before[0])
    model.partial_fit(X, y)
    (_, now, n_steps), *_ = model._state.optimizer_states[0]
    assert n_steps == 2
    # Of the squares of gradients, 95 % are those of the first step.
    assert (now >= 0.95 * squares * (1 - 1e-6)).all()
