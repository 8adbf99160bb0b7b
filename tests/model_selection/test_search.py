"""A search of stacked models: the same as one fit after the other."""

import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from joblib.externals.loky.backend.reduction import dumps
from joblib.parallel import ThreadingBackend
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_contrastive import ContrastiveEmbedding, ContrastiveEmbeddingCV
from sklearn_contrastive.losses import ContrastiveLoss, InfoNCELoss, TripletLoss
from sklearn_contrastive.metrics import KNNScorer, map_at_r_scorer
from sklearn_contrastive.miners import GlobalMiner
from sklearn_contrastive.model_selection import ClassDisjointKFold
from sklearn_contrastive.model_selection._fit_batch import (
    split_into_batches,
    stackable_plan,
)
from sklearn_contrastive.model_selection._fit_tasks import FitTask, FitTasks
from sklearn_contrastive.similarity import (
    LabelSimilarity,
    NeighborSimilarity,
    PairConstraints,
)

X, y = load_wine(return_X_y=True)
MARGINS = [0.05, 0.6, 1.4]


def embedding(**settings):
    settings = {"n_components": 4, "hidden_layer_sizes": (16,), **settings}
    return ContrastiveEmbedding(**{"max_iter": 2, "random_state": 0, **settings})


def search(estimator=None, **settings):
    estimator = embedding() if estimator is None else estimator
    if "param_grid" not in settings:
        settings = {"margins": MARGINS, **settings}
    return ContrastiveEmbeddingCV(estimator, **{"cv": 3, **settings})


@pytest.fixture(scope="module")
def found():
    """Return the search of the settings above, which tests leave as it is."""
    return search().fit(X, y)


def one_by_one(estimator, grid, cv=3, scoring=None):
    """Return scikit-learn's search, which fits one model after the other."""
    if scoring is None:
        estimator = make_pipeline(estimator, KNeighborsClassifier())
        grid = {f"contrastiveembedding__{name}": grid[name] for name in grid}
    return GridSearchCV(estimator, grid, cv=cv, scoring=scoring)


def split_scores(results):
    names = sorted(name for name in results if name.startswith("split"))
    return np.array([results[name] for name in names])


def assert_same_scores(ours, theirs):
    """Compare scores of folds; accuracies are coarse enough to be the same bits."""
    scores = split_scores(theirs.cv_results_)
    assert_allclose(split_scores(ours.cv_results_), scores, rtol=1e-6)
    assert len(np.unique(scores)) > 1
    assert ours.best_index_ == theirs.best_index_
    assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=1e-6)
    ranks = theirs.cv_results_["rank_test_score"]
    assert_array_equal(ours.cv_results_["rank_test_score"], ranks)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"loss": "contrastive_squared", "miner": "all"},
        {"loss": "margin", "miner": "hard"},
        {"loss": "triplet", "encoder": "linear"},
        {"miner": "memory", "batch_size": 32},
        {"n_members": 2, "miner": "random"},
        {"n_members": 2, "similarity": "neighbors"},
        {"normalize": False},
    ],
    ids=str,
)
def test_scores_are_those_of_one_fit_after_the_other(settings):
    estimator = embedding(**settings)
    ours = search(estimator).fit(X, y)
    theirs = one_by_one(estimator, {"margin": MARGINS}).fit(X, y)
    assert_same_scores(ours, theirs)
    points = theirs.best_estimator_[0].transform(X)
    assert_array_equal(ours.transform(X), points)


@pytest.mark.parametrize(
    "grid",
    [
        {"learning_rate_init": [1e-5, 1e-2], "dropout": [0.0, 0.1, 0.9]},
        {"random_state": [0, 1, np.random.RandomState(2)]},
        {"margin": [0.05, "auto"], "alpha": [0.0, 100.0]},
    ],
    ids=lambda grid: "-".join(grid),
)
def test_other_parameters_are_searched_too(grid):
    ours = search(param_grid=grid).fit(X, y)
    theirs = one_by_one(embedding(), grid).fit(X, y)
    assert_same_scores(ours, theirs)
    assert ours.best_params_.keys() == grid.keys()
    assert_array_equal(ours.transform(X), theirs.best_estimator_[0].transform(X))


@pytest.mark.parametrize(
    ("loss", "grid"),
    [
        (InfoNCELoss(), {"loss__temperature": [0.01, 10.0]}),
        (TripletLoss(), {"loss__margin": [0.01, 1.0]}),
    ],
)
def test_parameters_of_a_loss_are_searched_too(loss, grid):
    ours = search(embedding(loss=loss), param_grid=grid).fit(X, y)
    assert_same_scores(ours, one_by_one(embedding(loss=loss), grid).fit(X, y))


def test_the_margin_of_a_loss_that_is_an_object_is_the_object_s(found):
    given = search(embedding(loss=ContrastiveLoss())).fit(X, y)
    assert list(given.best_params_) == ["loss__margin"]
    assert given.margin_ == found.margin_
    assert_array_equal(split_scores(given.cv_results_), split_scores(found.cv_results_))


def test_several_grids_are_searched():
    grids = [{"margin": [0.05, 0.8]}, {"alpha": [0.5]}]
    ours = search(param_grid=grids).fit(X, y)
    assert len(ours.cv_results_["params"]) == 3
    assert ours.cv_results_["param_alpha"].mask.tolist() == [True, True, False]


def test_results_have_the_form_of_scikit_learn(found):
    ours = found.cv_results_
    # Its folds of an embedding, which is no classifier, are not stratified.
    theirs = one_by_one(embedding(), {"margin": MARGINS}, scoring=lambda *_: 1.0)
    theirs = theirs.set_params(refit=False).fit(X, y).cv_results_
    statistics = [
        f"{what}_{kind}"
        for what in ("kept", "active", "mean", "hardest")
        for kind in ("positive", "negative")
    ]
    extra = {"mean_n_iter", *(f"mean_{name}" for name in statistics)}
    assert set(ours) == {*theirs, *extra}
    for name, values in theirs.items():
        assert len(ours[name]) == len(values)
        assert type(ours[name]) is type(values)
    assert ours["params"] == theirs["params"]
    assert ours["rank_test_score"].dtype == theirs["rank_test_score"].dtype
    frame = pd.DataFrame(ours)
    assert len(frame) == 3
    assert frame["param_margin"].tolist() == MARGINS
    assert (frame["mean_fit_time"] > 0).all()


def test_statistics_of_the_miner_are_means_over_folds(found):
    folds = StratifiedKFold(3).split(X, y)
    curves = [
        embedding(margin=MARGINS[1]).fit(X[train], y[train]).mining_curve_
        for train, _ in folds
    ]
    for name, values in curves[0].items():
        expected = np.mean([curve[name][-1] for curve in curves])
        assert len(values) == 2
        mean = found.cv_results_[f"mean_{name}"][1]
        assert mean == pytest.approx(expected, rel=1e-4)


def test_the_mean_of_scores_decides_and_the_first_of_equals_wins():
    def scoring(model, X, y):
        return -abs(model.margin - 1)

    ours = search(margins=[0.5, 1.5, 1.2, 0.8], scoring=scoring).fit(X, y)
    assert ours.best_index_ == 2
    assert ours.margin_ == ours.best_estimator_.margin_ == 1.2
    assert ours.best_score_ == pytest.approx(-0.2)
    assert ours.cv_results_["rank_test_score"].tolist() == [3, 3, 1, 1]


@pytest.mark.parametrize(
    "cv",
    [
        2,
        ShuffleSplit(2, random_state=0),
        PredefinedSplit(np.arange(178) % 3 - 1),
    ],
    ids=str,
)
def test_folds_are_those_of_the_splitter(cv):
    ours = search(cv=cv).fit(X, y)
    assert_same_scores(ours, one_by_one(embedding(), {"margin": MARGINS}, cv).fit(X, y))
    assert ours.n_splits_ == len(split_scores(ours.cv_results_))


def test_folds_may_be_listed(found):
    folds = list(StratifiedKFold(3).split(X, y))
    ours = search(cv=iter(folds)).fit(X, y)
    assert_array_equal(split_scores(ours.cv_results_), split_scores(found.cv_results_))


def test_rows_of_unknown_label_are_spread_over_folds():
    unknown = np.where(np.arange(178) % 3, y.astype(float), np.nan)
    estimator = embedding(similarity=LabelSimilarity(unlabeled=np.nan))
    codes = np.nan_to_num(unknown, nan=-1).astype(int)
    for cv, n_splits in ((2, 2), (None, 5)):
        settings = {"margins": [0.6], "refit": False}
        ours = search(estimator, cv=cv, **settings).fit(X, unknown)
        folds = list(StratifiedKFold(n_splits).split(X, codes))
        expected = search(estimator, cv=folds, **settings).fit(X, unknown)
        assert_array_equal(
            split_scores(ours.cv_results_), split_scores(expected.cv_results_)
        )


def test_pairs_by_row_number_are_scored_by_the_labels_beside_them():
    pairs = np.random.RandomState(0).randint(178, size=(300, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    similar = y[pairs[:, 0]] == y[pairs[:, 1]]
    similarity = PairConstraints(pairs, similar)
    ours = search(embedding(similarity=similarity), margins=[0.5, 1.0]).fit(X, y)
    folds = list(StratifiedKFold(3).split(X, y))
    assert ours.n_splits_ == 3
    train, test = folds[0]
    model = embedding(similarity=similarity, margin=0.5).fit(X[train], rows=train)
    voters = KNeighborsClassifier().fit(model.transform(X[train]), y[train])
    score = voters.score(model.transform(X[test]), y[test])
    assert ours.cv_results_["split0_test_score"][0] == pytest.approx(score)


def test_groups_stay_together():
    own = np.arange(len(X)) // 9
    seen = []

    def scoring(model, X, y):
        seen.append(frozenset(X[:, -1] // 9))
        return 0.0

    wide = np.column_stack([X, np.arange(len(X))])
    search(cv=GroupKFold(4), scoring=scoring, refit=False).fit(wide, y, groups=own)
    assert len(seen) == 12
    assert sum(map(len, set(seen))) == len(np.unique(own))


def test_classes_that_were_not_trained_on_are_found_among_themselves():
    letters = np.array(list("abcdef"))[np.arange(len(X)) % 2 + 2 * y]
    folds = ClassDisjointKFold(3)
    ours = search(cv=folds).fit(X, letters)
    theirs = one_by_one(embedding(), {"margin": MARGINS}, folds, KNNScorer())
    assert_same_scores(ours, theirs.fit(X, letters))


def test_a_scorer_is_called_with_held_out_rows():
    ours = search(scoring=map_at_r_scorer).fit(X, y)
    folds = StratifiedKFold(3)
    theirs = one_by_one(embedding(), {"margin": MARGINS}, folds, map_at_r_scorer)
    assert_same_scores(ours, theirs.fit(X, y))


def test_rows_of_unknown_label_neither_vote_nor_count():
    some = np.where(np.arange(len(y)) % 3, y, -1)
    estimator = embedding(similarity=LabelSimilarity(unlabeled=-1))
    ours = search(estimator, margins=[1.0], cv=ShuffleSplit(1, random_state=0))
    ours.fit(X, some)
    [(train, test)] = ShuffleSplit(1, random_state=0).split(X)
    model = clone(estimator).set_params(margin=1.0).fit(X[train], some[train])
    voting, scored = (rows[some[rows] >= 0] for rows in (train, test))
    knn = KNeighborsClassifier().fit(model.transform(X[voting]), y[voting])
    assert ours.best_score_ == knn.score(model.transform(X[scored]), y[scored])
    message = "`y` must hold known labels in every test fold"
    with pytest.raises(ValueError, match=re.escape(message)):
        search(estimator, cv=[(np.arange(178), np.arange(0, 178, 3))]).fit(X, some)


def test_without_labels_the_score_is_that_of_the_embedding():
    rows, targets = load_diabetes(return_X_y=True)
    for values, similarity in ((targets, "targets"), (None, "auto")):
        model = embedding(similarity=similarity)
        ours = search(model, margins=[0.1, 1.0], cv=2).fit(rows, values)
        theirs = GridSearchCV(model, {"margin": [0.1, 1.0]}, cv=2)
        assert_same_scores(ours, theirs.fit(rows, values))


def test_pairs_of_rows_are_searched():
    rng = np.random.RandomState(0)
    pairs = rng.randint(len(X), size=(200, 2))
    same = y[pairs[:, 0]] == y[pairs[:, 1]]
    ours = search(margins=[0.1, 1.0], cv=2).fit(X[pairs], same)
    theirs = GridSearchCV(embedding(), {"margin": [0.1, 1.0]}, cv=2)
    assert_same_scores(ours, theirs.fit(X[pairs], same))


def test_a_graph_of_row_numbers_is_cut_to_the_folds():
    graph = csr_matrix(y[:, None] == y)
    estimator = embedding(similarity=NeighborSimilarity(graph=graph))
    ours = search(estimator).fit(X, y)
    theirs = one_by_one(estimator, {"margin": MARGINS})
    theirs.fit(X, y, contrastiveembedding__rows=np.arange(len(X)))
    assert_same_scores(ours, theirs)


def test_what_y_holds_is_inferred_from_all_rows_and_not_from_a_fold():
    # A fold has too few rows of each value for them to be taken for labels.
    values = (np.arange(180) % 30).astype(float)
    rows = np.eye(30)[np.arange(180) % 30]
    rows = rows + 0.01 * np.random.RandomState(0).normal(size=(180, 30))
    wide = embedding(max_iter=30, hidden_layer_sizes=(64,), n_components=8)
    ours = search(wide, margins=[1.0], cv=3).fit(rows, values)
    assert ours.similarity_ == "labels"
    assert ours.best_estimator_.classes_.tolist() == list(range(30))
    assert ours.best_score_ > 0.9


def module(n_features, n_components):
    """Return a network of the user's own."""
    import torch

    return torch.nn.Linear(n_features, n_components)


class OwnEmbedding(ContrastiveEmbedding):
    """One with a `fit` of its own."""

    def fit(self, X, y=None, rows=None):
        return super().fit(np.abs(X), y, rows=rows)


ALONE = {
    "module": embedding(encoder=module),
    "early stopping": embedding(early_stopping=True, max_iter=8),
    "cross-fitted": embedding(cross_fit=True, n_components=8, max_iter=8),
    "cross-fitted modules": embedding(cross_fit=True, n_components=8, encoder=module),
    "global miner": embedding(miner=GlobalMiner(), batch_size=32),
    "own class": OwnEmbedding(4, hidden_layer_sizes=16, max_iter=4, random_state=0),
    "stream": embedding(encoder=module, random_state=np.random.RandomState(3)),
}


@pytest.mark.parametrize("case", ALONE)
def test_what_cannot_be_stacked_is_fitted_by_itself(case):
    estimator = ALONE[case]
    assert stackable_plan(clone(estimator), X, y, None) is None
    margins = [0.05, 1.0]
    ours = search(estimator, margins=margins).fit(X, y)
    theirs = GridSearchCV(
        make_pipeline(estimator, KNeighborsClassifier()),
        {f"{type(estimator).__name__.lower()}__margin": margins},
        cv=3,
    )
    assert_same_scores(ours, theirs.fit(X, y))


def test_an_estimator_with_callbacks_is_fitted_by_itself():
    estimator = embedding()
    estimator._skl_callbacks = [object()]
    assert stackable_plan(estimator, X, y, None) is None


def test_models_of_several_folds_and_margins_are_one_batch():
    folds = [rows for rows, _ in StratifiedKFold(3).split(X[:177], y[:177])]
    plans = {
        (margin, fold): stackable_plan(embedding(margin=margin), X[rows], y[rows], None)
        for margin in MARGINS
        for fold, rows in enumerate(folds)
        if len(rows) == len(folds[0])
    }
    assert list(split_into_batches(plans)) == [list(plans)]


def test_a_converted_table_is_held_once():
    frame, half = pd.DataFrame(X.astype(int)), np.arange(178)
    candidates = [{"margin": margin} for margin in MARGINS]
    folds = [(half[::2], half[1::2])]
    tasks = FitTasks(embedding(), candidates, frame, y, None, folds, None)
    plans = [tasks._plan(FitTask(number, 0)) for number in range(3)]
    tables = {id(plan.plan.X) for plan in plans}
    tables |= {id(model.X) for plan in plans for model in plan.plan.models}
    assert len(tables) == 1


def test_batches_are_no_larger_than_the_cache(monkeypatch, found):
    monkeypatch.setattr(
        "sklearn_contrastive.model_selection._fit_batch._MOST_NUMBERS", 1
    )
    plans = {m: stackable_plan(embedding(margin=m), X, y, None) for m in MARGINS}
    assert list(split_into_batches(plans)) == [[margin] for margin in MARGINS]
    by_one = search().fit(X, y)
    assert_array_equal(
        split_scores(by_one.cv_results_), split_scores(found.cv_results_)
    )


class Copies(ThreadingBackend):
    """Threads to which work is sent as it is to processes, pickled by loky."""

    dumps = staticmethod(dumps)

    def submit(self, func, callback=None):
        return super().submit(pickle.loads(self.dumps(func)), callback)


class PlainCopies(Copies):
    """Threads to which work is sent as joblib's "multiprocessing" does, less able."""

    dumps = staticmethod(pickle.dumps)


# A process that joblib starts takes seconds until torch is loaded.
@pytest.mark.parametrize(
    "backend",
    [
        Copies(),
        PlainCopies(),
        "threading",
        pytest.param("loky", marks=pytest.mark.long),
    ],
    ids=["copies", "plain copies", "threading", "loky"],
)
def test_several_processes_find_the_same(backend, found):
    with parallel_config(backend):
        shared = search(n_jobs=2).fit(X, y)
    for name, values in found.cv_results_.items():
        if "score" in name and "time" not in name:
            assert_array_equal(shared.cv_results_[name], values)
        elif name.startswith("mean_") and "time" not in name:
            # Sums over other batches of models are rounded otherwise.
            assert_allclose(shared.cv_results_[name], values, rtol=1e-5)
    assert_array_equal(shared.transform(X), found.transform(X))


def test_a_caller_without_gradients_finds_the_same(found):
    import torch

    with torch.inference_mode():
        ours = search().fit(X, y)
    assert_array_equal(ours.transform(X), found.transform(X))
    assert ours.best_score_ == found.best_score_


@pytest.mark.parametrize(("rate", "normalize"), [(1e10, True), (1e38, False)])
def test_a_candidate_that_diverges_harms_no_other(rate, normalize):
    estimator = embedding(normalize=normalize, max_iter=4)
    rates = [1e-3, 1e-2]
    healthy = search(estimator, param_grid={"learning_rate_init": rates}).fit(X, y)
    ours = search(estimator, param_grid={"learning_rate_init": [1e-3, rate, 1e-2]})
    with pytest.warns(UserWarning, match="A fit with .* failed, and its score is NaN"):
        ours.fit(X, y)
    scores = split_scores(ours.cv_results_)
    assert np.isnan(scores[:, 1]).any()
    assert_array_equal(scores[:, [0, 2]], split_scores(healthy.cv_results_))
    assert ours.cv_results_["rank_test_score"][1] == 3
    assert ours.best_params_ == healthy.best_params_


def test_the_last_step_may_diverge_too():
    grid = {"learning_rate_init": [1e-3, 1e38]}
    ours = search(embedding(max_iter=1), param_grid=grid)
    with pytest.warns(UserWarning, match="points that are not finite"):
        ours.fit(X, y)
    assert np.isnan(ours.cv_results_["mean_test_score"]).tolist() == [False, True]


def test_a_score_that_is_not_finite_is_a_failure():
    def scoring(model, X, y):
        return np.nan if model.margin > 0.1 else 1.0

    ours = search(scoring=scoring)
    with pytest.warns(UserWarning, match=re.escape("`scoring` returned nan.")):
        ours.fit(X, y)
    assert ours.margin_ == 0.05
    ours = search(scoring=lambda *_: np.inf)
    with pytest.raises(ValueError, match="No candidate could be fitted to all folds"):
        with pytest.warns(UserWarning, match="returned inf"):
            ours.fit(X, y)


def test_the_fit_of_a_derived_class_needs_no_parameter_rows():
    class Plain(ContrastiveEmbedding):
        def fit(self, X, y=None):
            return super().fit(X, y)

    estimator = Plain(4, hidden_layer_sizes=16, max_iter=2, random_state=0)
    assert search(estimator, margins=[0.5, 1.0]).fit(X, y).best_score_ > 0.3


def test_a_scale_that_grows_harms_no_other():
    # Finite to the end, but so large that others would vanish beside it.
    grid = {"learning_rate_init": [1e-3, 1e3]}
    estimator = embedding(normalize=False)
    ours = search(estimator, param_grid=grid).fit(X, y)
    assert_same_scores(ours, one_by_one(estimator, grid).fit(X, y))


def test_what_was_learned_is_kept_where_a_fit_fails():
    ours = search().fit(X, y)
    before = dict(vars(ours))
    ours.set_params(estimator=embedding(learning_rate_init=1e38, normalize=False))
    with pytest.warns(UserWarning, match="not finite"):
        with pytest.raises(ValueError, match="No candidate could be fitted"):
            ours.fit(X, y)
    ours.set_params(estimator=before["estimator"])
    assert vars(ours) == before


def test_nothing_is_fitted_to_all_rows_without_refit():
    ours = search(refit=False).fit(X, y)
    assert ours.margin_ == ours.best_params_["margin"]
    assert not hasattr(ours, "best_estimator_")
    assert not hasattr(ours, "n_features_in_")
    with pytest.raises(AttributeError, match=re.escape("needs `refit=True`")):
        ours.score(X)


@pytest.mark.parametrize("fitted", [False, True])
def test_what_needs_a_refit_is_hidden_without_one(fitted):
    own = ["pair_distance", "pair_score", "get_metric"]
    ours = search(refit=False)
    theirs = GridSearchCV(embedding(), {"margin": [0.5, 1.0]}, refit=False, cv=2)
    if fitted:
        ours.fit(X, y)
        theirs.fit(X, y)
    hidden = ["transform", "n_features_in_", "best_estimator_", "refit_time_"]
    for name in hidden:
        assert not hasattr(theirs, name)
    for name in [*hidden, *own]:
        assert not hasattr(ours, name)
    for name in ("transform", *own):
        message = f"has no attribute '{name}'"
        with pytest.raises(AttributeError, match=message) as error:
            getattr(ours, name)
        assert "needs `refit=True`" in str(error.value.__cause__)


def test_what_needs_a_refit_is_there_with_one():
    for name in ("transform", "pair_distance", "pair_score", "get_metric"):
        assert hasattr(search(), name)
    ours = search().set_output(transform="pandas").fit(X, y)
    assert isinstance(ours.transform(X), pd.DataFrame)


def test_nothing_is_left_of_an_earlier_fit_to_all_rows():
    ours = search().fit(X, y)
    assert len(ours.get_feature_names_out()) == 4
    ours.set_params(refit=False, estimator=embedding(n_components=6)).fit(X, y)
    with pytest.raises(NotFittedError):
        ours.get_feature_names_out()
    assert ours.margin_ == ours.best_params_["margin"]


def test_the_margin_is_a_number_whatever_was_searched():
    grid = {"alpha": [0.0, 0.1]}
    for refit, margin, expected in ((True, 0.7, 0.7), (False, "auto", 2**0.5)):
        estimator = embedding(margin=margin)
        ours = search(estimator, param_grid=grid, refit=refit).fit(X, y)
        assert ours.margin_ == pytest.approx(expected)


def test_methods_are_those_of_the_best_embedding(found):
    best = found.best_estimator_
    pairs = np.stack([X[:-1], X[1:]], axis=1)
    assert_array_equal(found.pair_distance(pairs), best.pair_distance(pairs))
    assert_array_equal(found.pair_score(pairs), best.pair_score(pairs))
    assert found.get_metric()(X[0], X[1]) == best.get_metric()(X[0], X[1])
    assert found.score(X, y) == best.score(X, y)
    assert found.n_features_in_ == 13
    assert found.refit_time_ > 0


def test_tables_with_names_and_string_labels(found):
    frame = pd.DataFrame(X, columns=[f"column {i}" for i in range(13)])
    words = pd.Series(np.array(["red", "rosé", "white"])[y], index=frame.index[::-1])
    ours = search().fit(frame, words)
    assert_array_equal(split_scores(ours.cv_results_), split_scores(found.cv_results_))
    assert ours.feature_names_in_.tolist() == frame.columns.tolist()
    out = ours.set_output(transform="pandas").transform(frame)
    assert out.columns[0] == "contrastiveembeddingcv0"
    assert out.shape == (178, 4)
    with pytest.raises(ValueError, match="feature names should match"):
        ours.transform(frame.rename(columns={"column 0": "another"}))


def test_it_can_be_pickled_cloned_and_put_in_a_pipeline(found):
    Z = found.transform(X)
    assert_array_equal(pickle.loads(pickle.dumps(found)).transform(X), Z)
    assert_array_equal(clone(found).fit(X, y).transform(X), Z)
    longer = search(embedding(max_iter=12))
    pipeline = make_pipeline(longer, KNeighborsClassifier())
    assert cross_val_score(pipeline, X, y, cv=2).mean() > 0.8
    pipeline.set_params(contrastiveembeddingcv__estimator__n_components=2)
    assert pipeline.fit(X, y)[0].transform(X).shape == (178, 2)


def test_defaults_are_those_of_the_embedding(monkeypatch):
    # The shortest training by default has 300 steps.
    monkeypatch.setattr("sklearn_contrastive._training._run._FEWEST_STEPS", 10)
    ours = ContrastiveEmbeddingCV()
    assert ours.estimator is None
    assert ours.__sklearn_tags__() == search().__sklearn_tags__()
    with pytest.raises(NotFittedError):
        ours.transform(X)
    once = ShuffleSplit(1, random_state=0)
    ours.set_params(margins=[1.0], cv=once).fit(X[::3], y[::3])
    assert ours.transform(X).shape == (178, 32)


def test_the_score_of_each_candidate_is_printed(capsys):
    ours = search(verbose=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"{{'margin': {margin}}}: {score:.4f}"
        for margin, score in zip(
            MARGINS, ours.cv_results_["mean_test_score"], strict=True
        )
    ]


def test_the_estimator_given_is_left_alone():
    estimator = embedding(random_state=np.random.RandomState(0))
    before = estimator.random_state.get_state()[1].copy()
    search(estimator).fit(X, y)
    assert not hasattr(estimator, "coefs_")
    assert estimator.margin == "auto"
    assert_array_equal(estimator.random_state.get_state()[1], before)


ERRORS = [
    ({"param_grid": {"n_components": [2]}}, "got ['n_components']. Search these"),
    ({"param_grid": {"cross_fit": [True]}}, "got ['cross_fit']. Search these with"),
    (
        {"estimator": embedding(cross_fit=[(range(9), range(9, 18))], n_components=8)},
        "together hold out every row",
    ),
    ({"param_grid": [{"loss": ["siamese"]}]}, "`param_grid` may hold ['margin',"),
    ({"param_grid": {"margin": []}}, "for parameter 'margin' need to be a non-"),
    ({"param_grid": []}, "got 3 folds and 0 candidates"),
    ({"cv": []}, "got 0 folds and 3 candidates"),
    ({"estimator": embedding(loss=InfoNCELoss())}, "`margins` need a loss with a"),
    ({"estimator": embedding(loss=print)}, "`margins` need a loss with a margin"),
    ({"estimator": embedding(loss=ContrastiveLoss)}, "`margins` need a loss with"),
    ({"margins": [0.5, np.nan]}, "`margins` must hold at least one number, > 0"),
    ({"margins": []}, "`margins` must hold at least one number, > 0; got []"),
    ({"margins": [-1.0]}, "The 'margin' parameter of ContrastiveEmbedding must"),
    ({"estimator": KNeighborsClassifier()}, "The 'estimator' parameter of"),
    (
        {"estimator": make_pipeline(embedding())},
        "`estimator` must be a ContrastiveEmbedding; got Pipeline. Search a "
        "pipeline with sklearn.model_selection.GridSearchCV.",
    ),
    ({"estimator": embedding(dropout=2)}, "The 'dropout' parameter of"),
    (
        {"estimator": embedding(loss="info_nce")},
        "searched as `loss__temperature`",
    ),
    ({"scoring": "accuracy"}, "The 'scoring' parameter of ContrastiveEmbeddingCV"),
]


def test_what_cannot_be_searched_is_an_error():
    for settings, message in ERRORS:
        with pytest.raises(ValueError, match=re.escape(message)):
            search(**settings).fit(X, y)


def test_a_grid_must_hold_dicts():
    with pytest.raises(TypeError, match=re.escape("is not a dict (None)")):
        search(param_grid=[None]).fit(X, y)


def test_tables_are_checked_before_anything_is_trained():
    bad = X.copy()
    bad[7, 3] = np.inf
    message = re.escape("found infinity in column 3 (1 in all)")
    with pytest.raises(ValueError, match=message):
        search().fit(bad, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        search().fit(X, y[:-1])


def test_a_good_search_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = search().fit(X, y)
    assert ours.best_score_ > 0.5


def test_groups_reach_folds_of_cross_fitting():
    groups, models = np.arange(len(X)) % 20, []

    def scoring(model, X, y):
        models.append(model)
        return 0.5

    model = embedding(cross_fit=True, n_components=8)
    found = search(model, margins=[1.0], cv=GroupKFold(2), scoring=scoring)
    Z = found.fit_transform(X, y, groups=groups)
    models.append(found.best_estimator_)
    tables = [groups[train] for train, _ in GroupKFold(2).split(X, groups=groups)]
    for own, fitted in zip([*tables, groups], models, strict=True):
        for train, out in fitted.folds_:
            assert len(train) + len(out) == len(own)
            assert not set(own[train]) & set(own[out])
    # As those of the best estimator, training rows lie where new ones would.
    alone = model.set_params(margin=1.0).fit_transform(X, y, groups=groups)
    assert_array_equal(Z, alone)
    assert not np.allclose(Z, found.transform(X))


def test_groups_reach_early_stopping_of_candidates_and_of_the_refit(monkeypatch):
    groups, seen = np.arange(len(X)) % 20, []
    fit = ContrastiveEmbedding._fit

    def recorded(self, X, y, X_val, y_val, rows, groups, **rest):
        seen.append((len(X), groups))
        return fit(self, X, y, X_val, y_val, rows, groups, **rest)

    monkeypatch.setattr(ContrastiveEmbedding, "_fit", recorded)
    for stops in (True, False):
        seen.clear()
        model = ContrastiveEmbedding(
            early_stopping=stops, max_iter=2, random_state=0, n_members=1
        )
        found = ContrastiveEmbeddingCV(model, margins=[1.0], cv=GroupKFold(2))
        found.fit(X, y, groups=groups)
        # Without early stopping candidates are trained side by side.
        folds = GroupKFold(2).split(X, groups=groups)
        lengths = [len(train) for train, _ in folds] if stops else []
        assert [n for n, _ in seen] == [*lengths, len(X)]
        if stops:
            np.testing.assert_array_equal(seen[-1][1], groups)
            assert all(len(own) == n for n, own in seen)
        else:
            assert seen[-1][1] is None
