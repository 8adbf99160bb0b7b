"""Every loss with every miner on labels of all kinds, and what a fit keeps of them."""

import copy
import pickle
import re
from itertools import product

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris

from sklearn_contrastive import ContrastiveEmbedding, Keys, Pairs
from sklearn_contrastive._training._terms import Term, pair_statistics
from sklearn_contrastive.losses import (
    LOSSES,
    ContrastiveLoss,
    HybridLoss,
    InfoNCELoss,
    MarginLoss,
    NCALoss,
    ProxyAnchorLoss,
    SupConLoss,
    TripletLoss,
)
from sklearn_contrastive.miners import (
    MINERS,
    AllPairs,
    CrossBatchMemory,
    GlobalMiner,
    NearestPairs,
)
from sklearn_contrastive.similarity import LabelSimilarity

X, y = load_iris(return_X_y=True)


def small(**settings):
    return ContrastiveEmbedding(
        **{
            "n_components": 3,
            "hidden_layer_sizes": (8,),
            "max_iter": 2,
            "batch_size": 64,
            "random_state": 0,
            "device": "cpu",
            **settings,
        }
    )


# Every loss, every miner, every kind of labels.


def blobs(codes):
    """Return rows of four columns, of which two depend on their class."""
    rng = np.random.RandomState(0)
    codes = np.asarray(codes)
    rows = rng.normal(size=(len(codes), 4))
    rows[:, 0] += codes % 3
    rows[:, 1] += codes / (1 + codes.max())
    return rows, np.array([f"class {code}" for code in codes])


def noisy(codes, share):
    """Return the blobs with some labels drawn anew."""
    rows, labels = blobs(codes)
    rng = np.random.RandomState(1)
    wrong = rng.uniform(size=len(labels)) < share
    labels[wrong] = rng.permutation(labels)[wrong]
    return rows, labels


TABLES = {
    "two classes": blobs(np.arange(150) % 2),
    "singletons beside a class of three": blobs([0] * 3 + list(range(1, 148))),
    "singletons beside a class of forty": blobs([0] * 40 + list(range(1, 111))),
    "two rows of 400 beside the rest": blobs([1] * 2 + [0] * 398),
    "a fifth of the labels wrong": noisy(np.arange(150) % 3, share=0.2),
}

#: What does not go together, and the message.
EXCLUSIVE = {
    (loss, "semihard"): "`miner='semihard'` chooses negatives by comparing"
    for loss in LOSSES
    if loss != "triplet"
}
EXCLUSIVE["proxy_anchor", "memory"] = "`miner` must not be a CrossBatchMemory with"

# Short fits on small tables: what looks beyond a batch hardly has the occasion.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The memory of:UserWarning"),
    pytest.mark.filterwarnings("ignore:GlobalMiner has not searched:UserWarning"),
]

ignore_collapse = pytest.mark.filterwarnings(
    "ignore:The embedding has collapsed:UserWarning"
)


@ignore_collapse
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("half", [0, pytest.param(1, marks=pytest.mark.long)])
def test_every_loss_trains_with_every_miner_on_tables_of_all_kinds(half, loss):
    # Every loss with every miner and on every table, every miner on every table.
    kinds, place, failed = list(TABLES), list(LOSSES).index(loss), {}
    for number, miner in enumerate(["auto", *MINERS]):
        if (loss, miner) in EXCLUSIVE:
            continue
        X, y = TABLES[kinds[(place + number + 2 * half) % len(kinds)]]
        try:
            # What looks beyond a batch does so from the second epoch on.
            max_iter = 2 if miner in ("memory", "global") else 1
            model = small(loss=loss, miner=miner, max_iter=max_iter).fit(X, y)
            finite = [*model.coefs_, model.transform(X), model.loss_curve_]
            finite += model.loss_params_.values()
            assert all(np.isfinite(values).all() for values in finite)
        except Exception as error:
            failed[miner] = error
    assert failed == {}


def test_losses_and_miners_that_do_not_go_together_raise():
    for (loss, miner), message in EXCLUSIVE.items():
        model = small(loss=loss, miner=miner)
        with pytest.raises(ValueError, match=re.escape(message)):
            model.fit(X, y)
        assert not hasattr(model, "n_iter_")


@ignore_collapse
@pytest.mark.filterwarnings("ignore:`normalize=True` is not possible:UserWarning")
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_off_the_sphere_with_every_miner_but_one(loss):
    for settings in ({"normalize": False}, {"n_components": 1}):
        outcome = {}
        for miner in MINERS:
            if (loss, miner) in EXCLUSIVE:
                continue
            model = small(loss=loss, miner=miner, max_iter=1, **settings)
            try:
                points = model.fit(X, y).transform(X)
                outcome[miner] = bool(np.isfinite(points).all())
            except Exception as error:
                outcome[miner] = f"{type(error).__name__}: {error}"
        # Its densities are those of a sphere.
        raised = outcome.pop("distance_weighted")
        assert raised.startswith("ValueError: `miner='distance_weighted'` knows")
        assert set(outcome.values()) == {True}


def test_a_function_of_the_users_own_trains_with_every_miner():
    def loss(anchors, candidates, pairs):
        products = anchors @ candidates.T
        return (pairs.negative * products - pairs.positive * products).mean()

    for miner in MINERS:
        if miner != "semihard":
            model = small(loss=loss, miner=miner).fit(X, y)
            assert np.isfinite(model.transform(X)).all()


def test_a_hybrid_of_all_losses_trains_as_one():
    parts = [(name, LOSSES[name]()) for name in LOSSES if name != "hybrid"]
    model = small(loss=HybridLoss(parts), miner="auto").fit(X, y)
    assert np.isfinite(model.transform(X)).all()
    assert set(model.loss_params_) == {"margin__boundary", "proxy_anchor__proxies"}
    assert set(model.miner_) == {name for name, _ in parts}


# What "auto" became.

RESOLVED = {
    name: (cls().auto_miner, cls.on_sphere.get("margin"), cls.off_sphere.get("margin"))
    for name, cls in LOSSES.items()
}
# Written out where the class is not the one to ask.
RESOLVED |= {
    "contrastive": ("nearest", np.sqrt(2), 1.0),
    "contrastive_linear": ("nearest", 2**0.5, 1.0),
    "contrastive_squared": ("nearest", 2.0, 1.0),
    "hybrid": ({"contrastive": "nearest", "nca": "all"}, None, None),
    "info_nce": ("all", None, None),
    "lifted": ("nearest", 1.0, 1.0),
    "margin": ("distance_weighted", 0.2, 0.2),
    "multi_similarity": ("all", None, None),
    "n_pair": ("nearest", None, None),
    "nca": ("all", None, None),
    "proxy_anchor": ("all", None, None),
    "rank_n_contrast": ("all", None, None),
    "siamese": ("nearest", None, None),
    "supcon": ("all", None, None),
    "triplet": ("semihard", 0.2, 1.0),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_auto_becomes_a_miner_and_a_margin(loss):
    miner, margin, off_sphere = RESOLVED[loss]
    model = small(loss=loss, max_iter=1).fit(X, y)
    assert model.miner_ == miner
    assert model.margin_ == (None if margin is None else pytest.approx(margin))
    model = small(loss=loss, max_iter=1, normalize=False, miner="all").fit(X, y)
    assert model.miner_ == "all"
    assert model.margin_ == (None if off_sphere is None else pytest.approx(off_sphere))


def test_a_margin_raises_where_the_loss_has_none():
    for loss in (name for name in LOSSES if RESOLVED[name][1] is None):
        with pytest.raises(ValueError, match="`margin` must be 'auto' with loss="):
            small(loss=loss, margin=0.5).fit(X, y)


@pytest.mark.parametrize("loss", [name for name in LOSSES if RESOLVED[name][1]])
def test_a_margin_that_is_given_is_used(loss):
    model = small(loss=loss, margin=0.5, miner="all").fit(X, y)
    assert model.margin_ == 0.5
    other = small(loss=loss, miner="all").fit(X, y)
    assert not np.allclose(model.transform(X), other.transform(X))


def test_a_miner_that_is_given_stays_what_it_is():
    objects = NearestPairs(), CrossBatchMemory(), GlobalMiner()
    for miner in (*objects, "memory", "global"):
        model = small(miner=miner, max_iter=1).fit(X, y)
        assert model.miner_ is miner


@pytest.mark.parametrize(
    ("negatives", "miner"), [("all", "all"), ("hard", "all"), ("semihard", "semihard")]
)
def test_the_loss_chooses_its_triplets(negatives, miner):
    loss = TripletLoss(negatives=negatives)
    model = small(loss=loss, max_iter=1).fit(X, y)
    assert model.miner_ == miner
    named = small(loss=loss, miner=miner, max_iter=1).fit(X, y)
    assert_array_equal(model.transform(X), named.transform(X))


def test_triplets_cannot_be_chosen_in_two_ways():
    layers = CrossBatchMemory(miner="semihard"), GlobalMiner(miner="semihard")
    for negatives, miner in product(["all", "hard"], ["semihard", *layers]):
        message = f"`miner='semihard'` contradicts the negatives={negatives!r}"
        with pytest.raises(ValueError, match=message):
            small(loss=TripletLoss(negatives=negatives), miner=miner).fit(X, y)


# The curve of the pairs that a miner keeps.

STATISTICS = {
    f"{what}_{kind}"
    for what in ("kept", "active", "mean", "hardest")
    for kind in ("positive", "negative")
}


@pytest.mark.parametrize("miner", [name for name in MINERS if name != "semihard"])
def test_the_mining_curve_has_a_value_per_epoch(miner):
    model = small(miner=miner, max_iter=3).fit(X, y)
    assert set(model.mining_curve_) == STATISTICS
    for name, values in model.mining_curve_.items():
        assert len(values) == len(model.loss_curve_) == 3
        assert np.isfinite(values).all()
        assert min(values) >= 0
        assert max(values) <= (1 if name[0] in "ka" else 2.001)
    mining = model.mining_curve_
    assert np.all(
        np.array(mining["mean_positive"]) <= np.array(mining["hardest_positive"])
    )
    assert np.all(
        np.array(mining["mean_negative"]) >= np.array(mining["hardest_negative"])
    )


class Recording:
    """A loss that records the points of the last batch, and the pairs of each."""

    def __init__(self):
        self.kept = []

    def __call__(self, anchors, candidates, pairs):
        if anchors is candidates:
            self.points = anchors.detach().clone()
            self.kept.append(pairs)
        return ContrastiveLoss(1.0)(anchors, candidates, pairs)


def literal_statistics(points, pairs, kept):
    D = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    statistics = {}
    for kind, hardest in (("positive", max), ("negative", min)):
        known, weights = getattr(pairs, kind) > 0, getattr(kept, kind) > 0
        chosen = D[weights].tolist()
        statistics[f"kept_{kind}"] = len(chosen) / known.sum().item()
        statistics[f"mean_{kind}"] = np.mean(chosen)
        statistics[f"hardest_{kind}"] = hardest(chosen)
    return statistics


@pytest.mark.parametrize("miner", ["all", NearestPairs(2, 3), CrossBatchMemory()])
def test_the_mining_curve_is_the_literal_count(miner):
    loss, every = Recording(), Recording()
    model = small(loss=loss, miner=miner).fit(X, y)
    # The same seed draws the same batches, whose pairs are known to a loss of all.
    small(loss=every, miner="all").fit(X, y)
    kept = loss.kept[-1]
    for name, value in literal_statistics(loss.points, every.kept[-1], kept).items():
        assert model.mining_curve_[name][-1] == pytest.approx(value, abs=2e-3)


def test_of_all_pairs_all_are_kept():
    model = small(miner="all").fit(X, y)
    assert model.mining_curve_["kept_positive"] == [1.0] * 2
    assert model.mining_curve_["kept_negative"] == [1.0] * 2


def test_active_pairs_are_those_that_still_have_a_loss():
    # Two points per class, the classes two apart and one beyond the margin of one.
    places = torch.tensor([[0.0], [0.1], [0.9], [1.0], [5.0], [5.0]])
    similarity = LabelSimilarity().fit(None, [0, 0, 1, 1, 2, 2])
    keys = Keys(*(torch.tensor(key) for key in similarity.keys(np.arange(6))))
    expected = {
        ContrastiveLoss(1.0): (4 / 6, 6 / 24),
        TripletLoss(0.85, "all", squared=False): (4 / 6, 6 / 24),
        TripletLoss(0.75, "semihard", squared=False): (2 / 6, 2 / 24),
    }
    for loss, shares in expected.items():
        term = Term(similarity, AllPairs(), loss)
        found = pair_statistics(term, keys, keys, places)
        assert found["kept_positive"] == found["kept_negative"] == 1
        active = found["active_positive"], found["active_negative"]
        assert active == pytest.approx(shares), loss


def test_nearest_pairs_keep_a_fixed_number_per_row():
    # All of 96 rows, 48 per class, are in each batch.
    rows, labels = blobs(np.arange(96) % 2)
    model = small(miner=NearestPairs(3, 8), batch_size=96).fit(rows, labels)
    assert_allclose(model.mining_curve_["kept_positive"], [3 / 47] * 2)
    assert_allclose(model.mining_curve_["kept_negative"], [8 / 48] * 2)


def test_a_batch_without_a_positive_pair_has_no_share_of_them():
    X, y = TABLES["singletons beside a class of three"]
    model = small(miner="all", batch_size=2, max_iter=1).fit(X, y)
    missing = np.isnan(model.mining_curve_["mean_positive"])
    assert_array_equal(np.isnan(model.mining_curve_["kept_positive"]), missing)
    assert_array_equal(np.isnan(model.mining_curve_["hardest_positive"]), missing)
    assert np.isfinite(model.mining_curve_["kept_negative"]).all()


def test_the_mining_curve_of_proxies_is_of_rows_and_proxies():
    model = small(loss="proxy_anchor", batch_size=150, alpha=0, max_iter=1).fit(X, y)
    mining = {name: values[-1] for name, values in model.mining_curve_.items()}
    assert mining["kept_positive"] == mining["kept_negative"] == 1
    assert 0 < mining["mean_positive"] < 2
    assert 0 < mining["mean_negative"] < 2


def test_the_mining_curve_is_carried_on_by_later_fits():
    model = small(warm_start=True).fit(X, y)
    before = copy.deepcopy(model.mining_curve_)
    model.fit(X, y).partial_fit(X, y)
    for name, values in before.items():
        assert len(model.mining_curve_[name]) == model.n_iter_ == 5
        assert model.mining_curve_[name][:2] == values


def test_a_failed_fit_leaves_the_mining_curve():
    model = small(warm_start=True).fit(X, y)
    before = copy.deepcopy(model.mining_curve_)
    model.set_params(loss=lambda a, c, p: a.sum() * torch.nan)
    with pytest.raises(FloatingPointError):
        model.fit(X, y)
    assert model.mining_curve_ == before


# Parameters that a loss learns by itself.

LEARNING = {
    "boundary": MarginLoss(),
    "log_temperature": NCALoss(temperature="auto"),
    "proxies": ProxyAnchorLoss(),
    "part__log_temperature": HybridLoss(
        [("plain", ContrastiveLoss()), ("part", InfoNCELoss(temperature="auto"))]
    ),
}
every_learning_loss = pytest.mark.parametrize("name", LEARNING)


@every_learning_loss
def test_learned_parameters_survive_pickling(name):
    model = small(loss=LEARNING[name]).fit(X, y)
    assert set(model.loss_params_) == {name}
    thawed = pickle.loads(pickle.dumps(model))
    assert_array_equal(thawed.loss_params_[name], model.loss_params_[name])
    for one in (model, thawed):
        one.partial_fit(X, y)
    assert_array_equal(thawed.loss_params_[name], model.loss_params_[name])
    assert_array_equal(thawed.transform(X), model.transform(X))


@every_learning_loss
def test_learned_parameters_are_no_state_of_the_loss(name):
    before = repr(LEARNING[name])
    fits = [small(loss=LEARNING[name]).fit(X, y) for _ in range(2)]
    assert repr(LEARNING[name]) == before
    assert_array_equal(*(model.loss_params_[name] for model in fits))
    again = clone(fits[0]).fit(X, y)
    assert_array_equal(again.loss_params_[name], fits[0].loss_params_[name])


@every_learning_loss
@pytest.mark.parametrize("how", ["warm_start", "partial_fit"])
def test_training_resumes_from_what_the_loss_has_learned(name, how):
    settings = {"warm_start": how == "warm_start", "learning_rate_init": 1e-2}
    model = small(loss=LEARNING[name], max_iter=30, **settings).fit(X, y)
    learned = model.loss_params_[name].copy()
    fresh = small(loss=LEARNING[name], max_iter=1, **settings).fit(X, y)
    if how == "warm_start":
        model.set_params(max_iter=1, learning_rate_init=1e-6).fit(X, y)
    else:
        model.set_params(learning_rate_init=1e-6).partial_fit(X, y)
    # A rate of nearly zero leaves it where it was, and not where learning begins.
    assert_allclose(model.loss_params_[name], learned, atol=1e-3)
    assert not np.allclose(fresh.loss_params_[name], learned, atol=1e-2)
    model.set_params(learning_rate_init=1e-2).partial_fit(X, y)
    assert not np.allclose(model.loss_params_[name], learned, atol=1e-5)


@every_learning_loss
def test_a_fit_that_does_not_resume_begins_anew(name):
    model = small(loss=LEARNING[name]).fit(X, y)
    first = model.loss_params_[name].copy()
    assert_array_equal(model.fit(X, y).loss_params_[name], first)


@pytest.mark.parametrize("start", [0.6, 1.2])
def test_a_boundary_begins_where_it_is_set_and_a_rate_of_zero_keeps_it(start):
    model = small(loss=MarginLoss(boundary=start, rate=0.0)).fit(X, y)
    assert model.loss_params_["boundary"] == pytest.approx(start)
    model = small(loss=MarginLoss(boundary=start)).fit(X, y)
    assert model.loss_params_["boundary"] != pytest.approx(start)


def test_other_classes_cannot_resume_with_the_same_proxies():
    model = small(loss="proxy_anchor", warm_start=True).fit(X, y)
    before = model.transform(X)
    message = "`y` must hold the 3 classes that ProxyAnchorLoss has learned"
    for labels in (y + 1, y.astype(str), np.minimum(y, 1), y + 3 * (X[:, 0] > 6)):
        with pytest.raises(ValueError, match=message):
            model.fit(X, labels)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X[50:], y[50:])
    assert_array_equal(model.transform(X), before)
    model.set_params(warm_start=False).fit(X, y + 1)
    assert_array_equal(model.classes_, [1, 2, 3])


def test_partial_fit_moves_the_proxies():
    model = small(loss="proxy_anchor", learning_rate_init=1e-2)
    begun = model.partial_fit(X, y).loss_params_["proxies"].copy()
    assert begun.shape == (3, 3)
    before = model.score(X, y)
    for _ in range(30):
        model.partial_fit(X, y)
    assert not np.allclose(model.loss_params_["proxies"], begun)
    assert model.score(X, y) > max(before, 0.9)
    proxies = model.loss_params_["proxies"]
    proxies = proxies / np.linalg.norm(proxies, axis=1, keepdims=True)
    nearest = (model.transform(X) @ proxies.T).argmax(axis=1)
    assert np.mean(nearest == y) > 0.9


SWITCHED = [
    ("contrastive", "margin"),
    ("contrastive", NCALoss(temperature="auto")),
    ("margin", "contrastive"),
    ("margin", SupConLoss(temperature="auto")),
    ("proxy_anchor", "contrastive"),
    ("contrastive", "proxy_anchor"),
    (HybridLoss([("nca", NCALoss(temperature="auto"))]), "hybrid"),
]


@pytest.mark.parametrize(("first", "then"), SWITCHED, ids=str)
def test_training_does_not_resume_with_a_loss_that_learns_something_else(first, then):
    model = small(loss=first, warm_start=True).fit(X, y)
    before = model.transform(X)
    model.set_params(loss=then)
    for method in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="Training can only resume with"):
            method(X, y)
    assert_array_equal(model.transform(X), before)


def test_training_resumes_with_another_loss_that_learns_nothing():
    model, n_iter = small(loss="contrastive", warm_start=True).fit(X, y), 2
    for then in ("siamese", "nca", "hybrid", "triplet"):
        n_iter += 2
        assert model.set_params(loss=then).fit(X, y).n_iter_ == n_iter


def test_training_resumes_with_another_miner():
    model = small(warm_start=True).fit(X, y)
    n_fits = 1
    for miner in MINERS:
        if miner != "semihard":
            model.set_params(miner=miner).fit(X, y)
            n_fits += 1
    assert model.n_iter_ == 2 * n_fits
    assert set(map(len, model.mining_curve_.values())) == {model.n_iter_}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "nca", "batch_size": 2},
        {"miner": lambda d, p: Pairs(*(0 * w for w in p))},
    ],
)
def test_a_fit_that_has_learned_nothing_warns(settings):
    with pytest.warns(UserWarning, match="The loss was 0 in every epoch"):
        small(**{"random_state": 1, **settings}).fit(X, y)


@pytest.mark.parametrize(
    ("settings", "own"),
    [
        ({"loss": "nca"}, {"loss__temperature": 0.1}),
        ({"loss": "hybrid"}, {"loss__nca__temperature": 0.1}),
        ({"miner": "nearest"}, {"miner__n_negatives": 4}),
        ({}, {"loss": "nca", "loss__temperature": 0.1}),
    ],
)
def test_a_name_has_no_parameters_to_set(settings, own):
    full_name = list(own)[-1]
    with pytest.raises(ValueError, match=f"`{full_name}` cannot be set while"):
        small(**settings).set_params(**own)
    model = small(loss="nca").set_params(loss=NCALoss(), loss__temperature=0.2)
    assert model.loss.temperature == 0.2
