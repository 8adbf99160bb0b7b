"""Predictors by neighbours that their networks have not been trained on."""

import pickle
import threading

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import (
    ContrastiveEmbedding,
    ContrastiveNeighborsClassifier,
    ContrastiveNeighborsRegressor,
)
from sklearn_contrastive._pairs._votes import SETTINGS, References
from sklearn_contrastive.neighbors._network import Network, least_loss
from sklearn_contrastive.similarity import LabelSimilarity


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def quick(**params):
    settings = {"max_iter": 8, "hidden_layer_sizes": (16,), **params}
    return ContrastiveEmbedding(**settings)


def quickest(**params):
    """Return an embedding of few networks and short training."""
    return quick(**{"n_components": 16, "max_iter": 2, **params})


@pytest.fixture(scope="module")
def fitted(iris):
    X, y = iris
    model = ContrastiveNeighborsClassifier(quick(), random_state=0)
    return model.fit(X, np.array(["a", "b", "c"])[y])


@pytest.mark.parametrize("bandwidth", [0.1, np.inf])
def test_votes_are_those_of_a_literal_loop(bandwidth):
    rng = np.random.RandomState(0)
    Z, values = rng.normal(size=(30, 3)), rng.uniform(size=(30, 2))
    references, queries = References(Z, values), rng.normal(size=(4, 3))
    found = references.votes(*references.nearest(queries, 5), bandwidth, 0.5)
    for query, vote in zip(queries, found, strict=True):
        squared = ((Z - query) ** 2).sum(axis=1)
        nearest = np.argsort(squared)[:5]
        weights = np.exp(-(squared[nearest] - squared[nearest[0]]) / bandwidth)
        weights /= weights.sum()
        n_effective = 1 / (weights**2).sum()
        mean = values.mean(axis=0)
        total = n_effective * (weights @ values[nearest]) + mean / 2
        np.testing.assert_allclose(vote, total / (n_effective + 0.5))


def test_losses_leave_each_reference_out():
    rng = np.random.RandomState(0)
    Z, codes = rng.normal(size=(20, 3)), rng.randint(2, size=20)
    values = codes[:, None] == np.arange(2)
    references, losses = References(Z, values), []
    for row in range(20):
        others = np.delete(np.arange(20), row)
        rest = References(Z[others], values[others])
        # The mean is that of all, so that a row of a rare class is not surprising.
        rest.mean = references.mean
        shares = rest.votes(*rest.nearest(Z[row : row + 1], 7), *SETTINGS[5])
        losses.append(-2 * np.log(shares[0, codes[row]]))
    assert references.losses(7)[5] == pytest.approx(np.mean(losses))


def a_network(seed=0):
    """Return a network of random points, with its values and rows."""
    rng = np.random.RandomState(seed)
    Z, codes = rng.normal(size=(40, 3)), rng.randint(2, size=40)
    values, (held_out, trained) = (
        codes[:, None] == np.arange(2),
        np.split(rng.permutation(40), [15]),
    )
    return Network(Z, values, trained, held_out), Z, values, trained, held_out


def test_rows_of_training_have_their_share_of_the_vote():
    network, Z, values, trained, held_out = a_network()
    queries, settings = np.random.RandomState(1).normal(size=(4, 3)), [(0.1, 1), (2, 3)]
    found = network.votes(queries, 5, settings, 0.25)
    own, theirs = (
        (each := References(Z[rows], values[rows])).votes(*each.nearest(queries, 5), *s)
        for rows, s in zip((held_out, trained), settings, strict=True)
    )
    np.testing.assert_allclose(found, 0.75 * own + 0.25 * theirs)
    np.testing.assert_allclose(network.votes(queries, 5, settings, 0.0), own)


def test_shares_and_settings_are_those_of_a_literal_search():
    networks = [a_network(seed) for seed in range(2)]
    (settings, share), lost = least_loss([each[0] for each in networks], 7), {}
    said = []
    for _, Z, values, trained, held_out in networks:
        for row in held_out:
            references = References(Z[held_out], values[held_out])
            rest = References(*(x[held_out[held_out != row]] for x in (Z, values)))
            rest.mean = references.mean
            groups = rest, References(Z[trained], values[trained])
            near = [each.nearest(Z[[row]], 7) for each in groups]
            both = [
                [group.votes(*each, *s)[0] for s in SETTINGS]
                for group, each in zip(groups, near, strict=True)
            ]
            said.append((values[row].argmax(), np.array(both)))
    losses = np.array([-np.log(both[:, :, code]) for code, both in said]).sum(axis=0)
    chosen = [SETTINGS[place] for place in losses.argmin(axis=1)]
    assert settings == chosen
    own, theirs = (SETTINGS.index(s) for s in chosen)
    for part in (0, 0.25, 0.5, 0.75):
        mixed = [(1 - part) * b[0, own, c] + part * b[1, theirs, c] for c, b in said]
        lost[part] = -np.log(mixed).sum()
    assert share == min(lost, key=lost.get)


def test_rows_of_training_are_kept_only_where_they_vote(fitted, iris):
    assert 0 <= fitted.trained_share_ <= 0.75
    model = ContrastiveNeighborsClassifier(quick(), weights="uniform", random_state=0)
    model.fit(*iris)
    assert model.trained_share_ == 0
    assert [len(each.groups) for each in model._networks] == [1] * len(model._networks)


def test_labels_of_held_out_rows_do_not_move_their_network(iris):
    X, y = iris
    rows = np.arange(len(X))
    folds = [(rows[rows % 3 != k], rows[rows % 3 == k]) for k in range(3)]
    # So few epochs have one length.
    embedding = quick(cross_fit=folds, n_components=12, max_iter=3, random_state=0)
    before = clone(embedding).fit(X, y)._state.params
    changed = y.copy()
    changed[folds[1][1]] = (y[folds[1][1]] + 1) % 3
    after = clone(embedding).fit(X, changed)._state.params
    for ours, theirs in zip(before, after, strict=True):
        np.testing.assert_array_equal(ours[1], theirs[1])
        assert (ours[0] != theirs[0]).any()


def test_random_labels_are_not_believed():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(400, 60)), rng.uniform(size=400) < 0.3
    X, X_new, y, y_new = train_test_split(X, y, stratify=y, random_state=0)
    model = ContrastiveNeighborsClassifier(random_state=0).fit(X, y)
    share = y.mean()
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert log_loss(y_new, model.predict_proba(X_new)) <= entropy + 0.02
    plain = make_pipeline(ContrastiveEmbedding(), KNeighborsClassifier(25))
    plain.set_params(contrastiveembedding__random_state=0)
    sure = plain.fit(X, y).predict_proba(X_new).clip(1e-3, 1 - 1e-3)
    # What it is for: without it the fault is there.
    assert log_loss(y_new, sure) > entropy + 0.2


def test_classifier_predicts_labels_and_shares(fitted, iris):
    X, y = iris
    shares = fitted.predict_proba(X)
    assert shares.shape == (150, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(fitted.classes_, ["a", "b", "c"])
    assert fitted.score(X, np.array(["a", "b", "c"])[y]) > 0.9


def test_few_rows_have_folds_drawn_three_times(fitted):
    assert len(fitted.held_out_rows_) == fitted.embedding_.n_members_ == 12
    counts = np.bincount(np.concatenate(fitted.held_out_rows_), minlength=150)
    np.testing.assert_array_equal(counts, 3)


def test_kneighbors_are_those_of_a_literal_loop(fitted, iris):
    X, _ = iris
    queries = X[:4] + 0.1
    distances, rows = fitted.kneighbors(queries, n_neighbors=6)
    embedding = fitted.embedding_
    points, new = (embedding.transform(each) for each in (X, queries))
    parts = (np.split(each * 12**0.5, 12, axis=1) for each in (points, new))
    networks = list(zip(*parts, strict=True))
    for place in range(len(queries)):
        means = []
        for number in range(150):
            apart = [
                np.linalg.norm(ours[number] - theirs[place])
                for (ours, theirs), held_out in zip(
                    networks, fitted.held_out_rows_, strict=True
                )
                if number in held_out
            ]
            means.append(np.mean(apart))
        order = np.argsort(means, kind="stable")[:6]
        np.testing.assert_array_equal(rows[place], order)
        np.testing.assert_allclose(distances[place], np.array(means)[order], atol=1e-6)
    found = fitted.kneighbors(queries, 6, return_distance=False)
    np.testing.assert_array_equal(found, rows)


def test_indicators_have_a_probability_for_each_label(iris):
    X, y = iris
    labels = np.column_stack([y == 0, y > 0, y == 2]).astype(int)
    model = ContrastiveNeighborsClassifier(quick(n_components=16), random_state=0)
    model.fit(X, labels)
    assert model.predict_proba(X[:5]).shape == (5, 3)
    assert (model.predict(X) == labels).mean() > 0.9


def test_a_class_of_one_row_stays_predictable(iris):
    X, y = iris[0].copy(), iris[1].copy()
    X[0], y[0] = 50.0, 7
    model = ContrastiveNeighborsClassifier(
        quick(), n_neighbors=1, weights="uniform", random_state=0
    ).fit(X, y)
    assert 7 in model.classes_
    column = list(model.classes_).index(7)
    shares = model.predict_proba(X)[:, column]
    assert shares[0] > shares[1:].max()


def test_regressor_takes_targets_in_any_unit():
    X, y = load_diabetes(return_X_y=True)
    model = ContrastiveNeighborsRegressor(quick(max_iter=20), random_state=0)
    model.set_params(cross_fit=2).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.3
    model.set_params(embedding=quickest())
    found = model.fit(X[:300], y[:300]).predict(X[300:])
    large = clone(model).fit(X[:300], y[:300] * 2.0**900).predict(X[300:])
    np.testing.assert_allclose(large * 2.0**-900, found)
    both = clone(model).fit(X[:300], np.column_stack([y, -y])[:300])
    assert both.predict(X[300:]).shape == (142, 2)


def test_frames_clone_and_pickle(iris):
    pandas = pytest.importorskip("pandas")
    X, y = iris
    frame = pandas.DataFrame(X, columns=list("abcd"))
    model = ContrastiveNeighborsClassifier(quickest(), random_state=0).fit(frame, y)
    assert list(model.feature_names_in_) == list("abcd")
    again = clone(model).fit(frame, y)
    shares = model.predict_proba(frame)
    np.testing.assert_array_equal(again.predict_proba(frame), shares)
    kept = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(kept.predict_proba(frame), shares)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[list("abdc")])


def test_threads_give_the_same_votes(fitted, iris):
    X, _ = iris
    shares = fitted.predict_proba(X)
    many = clone(fitted).set_params(n_jobs=2)
    many.__dict__.update({k: v for k, v in vars(fitted).items() if k != "n_jobs"})
    np.testing.assert_array_equal(many.predict_proba(X), shares)


def test_groups_are_held_out_together(iris):
    X, y = iris
    groups = np.arange(150) // 5
    model = ContrastiveNeighborsClassifier(quick(max_iter=1), random_state=0)
    model.fit(X, y, groups=groups)
    for held_out in model.held_out_rows_:
        rest = np.setdiff1d(np.arange(150), held_out)
        assert not set(groups[held_out]) & set(groups[rest])


def test_groups_reach_the_folds_through_a_pipeline_and_a_search(iris):
    X, y = iris
    groups = np.arange(150) // 5
    with config_context(enable_metadata_routing=True):
        model = ContrastiveNeighborsClassifier(quickest(), random_state=0)
        pipe = make_pipeline(StandardScaler(), model.set_fit_request(groups=True))
        grid = {"contrastiveneighborsclassifier__embedding__margin": [1.0, "auto"]}
        search = GridSearchCV(pipe, grid, cv=GroupKFold(2)).fit(X, y, groups=groups)
        held_out = search.best_estimator_[-1].held_out_rows_[0]
        rest = np.setdiff1d(np.arange(150), held_out)
        assert not set(groups[held_out]) & set(groups[rest])


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"n_neighbors": 60}, "`n_neighbors` must be at most the references"),
        ({"cross_fit": 151}, "`cross_fit` must be at most the number of rows"),
        ({"cross_fit": [([0, 1], [2, 3])]}, "together hold out every row"),
        ({"cross_fit": True}, "'cross_fit' parameter"),
        ({"embedding": quick(normalize=False)}, "`cross_fit` needs `normalize=True`"),
        ({"embedding": KNeighborsClassifier()}, "'embedding' parameter"),
        ({"weights": "distance"}, "'weights' parameter"),
    ],
)
def test_mistakes_are_named(iris, params, match):
    model = ContrastiveNeighborsClassifier(**{"embedding": quick(), **params})
    with pytest.raises(ValueError, match=match):
        model.fit(*iris)
    assert not [name for name in vars(model) if name.endswith("_")]


@pytest.mark.parametrize("missing", [None, np.nan])
def test_unknown_labels_and_targets_are_refused(iris, missing):
    X, y = iris
    y = y.astype(object)
    y[3] = missing
    with pytest.raises(ValueError, match="`y` must hold a class label for every row"):
        ContrastiveNeighborsClassifier(quick()).fit(X, y)
    with pytest.raises(ValueError, match="`y` must hold a target for every row"):
        ContrastiveNeighborsRegressor(quick()).fit(X, y)


@pytest.mark.parametrize("n_neighbors", [0, 151, 2.5])
def test_kneighbors_names_a_wrong_number(fitted, iris, n_neighbors):
    with pytest.raises(ValueError, match="`n_neighbors` must be an int from 1 to 150"):
        fitted.kneighbors(iris[0], n_neighbors)


def test_equal_votes_of_few_rows_are_not_those_of_all(iris):
    X, y = iris
    model = ContrastiveNeighborsClassifier(weights="uniform", random_state=0)
    assert model.fit(X[::5], y[::5]).score(X, y) > 0.8


def test_components_that_are_given_limit_how_often_folds_are_drawn(iris):
    embedding = quick(n_components=32, max_iter=1)
    model = ContrastiveNeighborsClassifier(embedding, random_state=0)
    assert model.fit(*iris).embedding_.n_members_ == 8
    assert model.embedding_.n_components_ == 32


def test_a_torch_module_may_be_the_encoder(iris):
    X, y = iris
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = torch.nn.Linear(4, 6)
    embedding = ContrastiveEmbedding(encoder=module, max_iter=8)
    model = ContrastiveNeighborsClassifier(embedding, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.embedding_.n_members_ == len(model.held_out_rows_) == 12
    assert model.embedding_.n_components_ == 72
    assert model.predict_set(X[:3], confidence=0.9).shape == (3, 3)
    regressor = ContrastiveNeighborsRegressor(embedding, random_state=0)
    assert regressor.fit(X, X[:, 0]).score(X, X[:, 0]) > 0.9


def test_rows_whose_label_counts_as_unknown_are_refused(iris):
    X, y = iris
    part = quickest(similarity=LabelSimilarity(unlabeled=2))
    with pytest.raises(ValueError, match="`y` must hold a label for every row"):
        ContrastiveNeighborsClassifier(part).fit(X, y)


def test_a_row_is_its_own_nearest_neighbour(iris):
    X = iris[0].astype(np.float32)
    model = ContrastiveNeighborsClassifier(quickest(), random_state=0).fit(X, iris[1])
    distances, _ = model.kneighbors(X[:9], n_neighbors=1)
    np.testing.assert_allclose(distances, 0, atol=1e-6)


def test_a_shift_of_targets_is_a_shift_of_predictions(iris):
    X = iris[0]
    y = X[:, :2] + [0, 1e4]
    model = ContrastiveNeighborsRegressor(quickest(), random_state=0).fit(X, y)
    plain = clone(model).fit(X, X[:, :2])
    assert model.bandwidth_ == plain.bandwidth_
    shifted = plain.predict(X) + np.array([0, 1e4])
    np.testing.assert_allclose(model.predict(X), shifted)


def test_a_fold_of_few_rows_asks_these(iris):
    X, y = iris
    groups = np.concatenate([np.full(3, 9), np.arange(147) % 3])
    model = ContrastiveNeighborsClassifier(quickest(), random_state=0)
    model.fit(X, y, groups=groups)
    assert min(map(len, model.held_out_rows_)) == 3
    assert model.n_neighbors_ == 49


def test_another_thread_sees_the_old_model_or_the_new_one(iris):
    X, y = iris
    model = ContrastiveNeighborsClassifier(quick(max_iter=1), random_state=0)
    model.fit(X, y)
    stop, errors = threading.Event(), []

    def predict():
        while not stop.is_set():
            try:
                model.predict(X[:5])
                model.kneighbors(X[:5])
            except Exception as error:
                errors.append(error)

    thread = threading.Thread(target=predict)
    thread.start()
    for folds in (2, 3, 2, 4):
        model.set_params(cross_fit=folds).fit(X, y % folds)
    stop.set()
    thread.join()
    assert not errors


def test_parameters_of_no_embedding_are_refused():
    model = ContrastiveNeighborsClassifier()
    with pytest.raises(ValueError, match="Pass embedding=ContrastiveEmbedding"):
        model.set_params(embedding__margin=1.0)
    model.set_params(embedding=quick(), embedding__margin=1.0)
    assert model.embedding.margin == 1.0


@pytest.mark.parametrize("columns", [1, 2])
def test_a_classifier_of_quantities_is_told_of_the_regressor(iris, columns):
    X, _ = iris
    targets = X[:, 0] if columns == 1 else X[:, :2]
    with pytest.raises(ValueError, match="ContrastiveNeighborsRegressor"):
        ContrastiveNeighborsClassifier().fit(X, targets)


def few_of_one_class(n_rows=400, n_rare=20):
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(n_rows, 3)), np.arange(n_rows) < n_rare
    X[y] += 1
    return X, np.where(y, "rare", "usual")


def test_class_weights_multiply_probabilities():
    X, y = few_of_one_class(200, 10)
    model = ContrastiveNeighborsClassifier(quickest(), random_state=0)
    plain = model.fit(X, y).predict_proba(X)
    for given, weights in [
        ("balanced", [200 / 10, 200 / 190]),
        ({"rare": 3}, [3, 1]),
        ({"usual": 0.5, "rare": 2.0}, [2, 0.5]),
    ]:
        weighted = clone(model).set_params(class_weight=given).fit(X, y)
        expected = plain * weights
        expected /= expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(weighted.predict_proba(X), expected)
        likeliest = weighted.classes_[expected.argmax(axis=1)]
        np.testing.assert_array_equal(weighted.predict(X), likeliest)
        sets = weighted.predict_set(X)
        np.testing.assert_array_equal(sets, model.predict_set(X))


def test_balanced_weights_find_rare_classes():
    X, y = few_of_one_class(390, 39)
    X_new, y_new = few_of_one_class(1000, 500)
    scores = [
        balanced_accuracy_score(
            y_new,
            ContrastiveNeighborsClassifier(quick(), class_weight=weight, random_state=0)
            .fit(X, y)
            .predict(X_new),
        )
        for weight in (None, "balanced")
    ]
    assert scores[1] > scores[0] + 0.05


@pytest.mark.parametrize(
    ("classes", "key"),
    [
        (np.array(["2020-02-01", "2020-03-01"], dtype="datetime64[ns]"), None),
        (np.array(["2020-02-01", "2020-03-01"], dtype="datetime64[D]"), None),
        (np.array(["a", "b"]), "a"),
        (np.array(["a", "b"], dtype=object), np.str_("a")),
        (np.array([False, True]), False),
        (np.array([0, 1], dtype=np.uint8), np.int64(0)),
        (np.array([0.0, 1.0]), 0),
    ],
)
def test_keys_of_class_weights_are_classes_of_any_kind(classes, key):
    X, y = few_of_one_class(60, 10)
    key = classes[0] if key is None else key
    model = ContrastiveNeighborsClassifier(quickest(), random_state=0)
    model.set_params(cross_fit=2).fit(X, (y == "usual").astype(int))
    plain = model.predict_proba(X) * [1e9, 1]
    model.set_params(class_weight={key: 10**9}).fit(X, classes[1 * (y == "usual")])
    expected = plain / plain.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), expected)


@pytest.mark.parametrize(
    "given",
    [{"rarest": 2}, {"rare": 0}, {"rare": -1}, {"rare": np.inf}, {"rare": "much"}],
)
def test_class_weights_that_are_none_are_refused(given):
    X, y = few_of_one_class(60, 10)
    model = ContrastiveNeighborsClassifier(quick(), class_weight=given)
    with pytest.raises(ValueError, match="`class_weight` must be"):
        model.fit(X, y)


def test_labels_of_an_indicator_matrix_have_no_class_weights(iris):
    X, y = iris
    model = ContrastiveNeighborsClassifier(quickest(), class_weight="balanced")
    with pytest.raises(ValueError, match="`class_weight` must be None"):
        model.fit(X, np.eye(3, dtype=int)[y])


@pytest.mark.parametrize(("n_rare", "n_repeats"), [(500, 1), (200, 2), (100, 3)])
def test_few_rows_outside_one_class_have_folds_drawn_more_often(n_rare, n_repeats):
    X, y = few_of_one_class(1600, n_rare)
    embedding = quick(max_iter=1, encoder="linear")
    model = ContrastiveNeighborsClassifier(embedding, random_state=0).fit(X, y)
    assert len(model.held_out_rows_) == 4 * n_repeats
