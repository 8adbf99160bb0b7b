"""Similarities of a user's own that override a method of one of the package."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris

from sklearn_contrastive import ContrastiveEmbedding, Keys
from sklearn_contrastive.similarity import (
    LabelSimilarity,
    MultilabelSimilarity,
    NeighborSimilarity,
    PairConstraints,
    PartnerSimilarity,
    Similarity,
    TargetSimilarity,
    ViewSimilarity,
)

X, y = load_iris(return_X_y=True)
ONE_HOT = np.eye(3, dtype=int)[y]
PAIRS = np.stack([np.arange(100), np.arange(100) + 50], axis=1)
PAIRS = PairConstraints(np.concatenate([PAIRS, [[0, 1], [60, 61]]]), [0] * 100 + [1, 1])
CASES = {
    "labels": (LabelSimilarity(), y),
    "part": (LabelSimilarity(unlabeled=-1), np.where(np.arange(150) % 3, y, -1)),
    "neighbors": (NeighborSimilarity(), None),
    "pairs": (PAIRS, None),
    "targets": (TargetSimilarity(), X[:, 0]),
    "multilabel": (MultilabelSimilarity(), ONE_HOT),
    "views": (ViewSimilarity(), None),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def fit(similarity, y, **settings):
    settings = {"max_iter": 2, "n_members": 1, "batch_size": 50, **settings}
    model = ContrastiveEmbedding(4, similarity=similarity, random_state=0, **settings)
    return model.fit(X, y)


def derived(similarity, **methods):
    """Return an object with the same parameters, of a class that overrides methods."""
    cls = type("Own", (type(similarity),), methods)
    return cls(**similarity.get_params(deep=False))


def test_what_is_known_of_a_method_is_not_known_of_another():
    for cls in {PartnerSimilarity, *(type(unfitted) for unfitted, _ in CASES.values())}:
        for name in ("keys", "compare"):
            mixin = type("Methods", (), {name: None})
            for own in (
                type("Own", (cls,), {name: None}),
                type("Own", (mixin, cls), {}),
            ):
                assert not any([own.symmetric, own.repeatable, own.batchable])
        assert type("Own", (cls,), {"batches": None}).repeatable == cls.repeatable


@every_case
def test_training_calls_overridden_keys_and_compare(case):
    called = set()

    def keys(self, index):
        called.add("keys")
        return super(type(self), self).keys(index)

    def compare(self, keys, other_keys, work=None):
        called.add("compare")
        pairs = super(type(self), self).compare(keys, other_keys, work)
        return pairs._replace(positive=pairs.positive * 0)

    unchanged, y = case
    own = derived(unchanged, keys=keys, compare=compare)
    for settings in ({"n_members": 2}, {"encoder": "linear"}):
        ours, theirs = (fit(s, y, miner="all", **settings) for s in (own, unchanged))
        assert called == {"keys", "compare"}
        called.clear()
        assert np.isnan(ours.mining_curve_["kept_positive"]).all()
        assert not np.isnan(theirs.mining_curve_["kept_positive"]).any()


@every_case
def test_training_takes_overridden_batches(case):
    unchanged, y = case
    drawn = []

    def batches(self, batch_size, rng):
        drawn.append(Similarity.batches(self, batch_size, rng)[:1])
        return drawn[-1]

    model = fit(derived(unchanged, batches=batches), y)
    # A call for each step, since it returns one batch.
    assert len(drawn) == model.n_steps_ == 6


@every_case
def test_training_takes_overridden_terms_and_holds_out_overridden_rows(case):
    unchanged, y = case
    held_out = []

    def terms(self):
        return [("", self, 1.0), ("again", self, 2.0)]

    def hold_out(self, fraction, rng):
        held_out.extend(super(type(self), self).hold_out(fraction, rng))
        return held_out

    own = derived(unchanged, terms=terms, hold_out=hold_out)
    settings = {"loss": "info_nce", "miner": "all", "early_stopping": True}
    settings["learning_rate_init"] = 1e-12
    model = fit(own, y, **settings, validation_fraction=0.4)
    assert len(held_out) == 2
    once = derived(unchanged, terms=lambda self: [("", self, 1.0)])
    expected = fit(once, y, **settings, validation_fraction=0.4).loss_curve_
    assert_allclose(model.loss_curve_, 3 * np.array(expected), rtol=1e-4)


@pytest.mark.parametrize("n_members", [1, 2])
def test_rows_with_labels_may_have_views(n_members):
    changed = []

    def views(self, X, rng):
        changed.append(len(X))
        return np.concatenate([X, X + rng.normal(size=X.shape) / 10])

    own = derived(LabelSimilarity(), views=views, n_views=2)
    keys = own.fit(X, y).keys(np.array([0, 60]))
    assert_array_equal(keys.values, [0, 1, 0, 1])
    assert len(set(keys.rows)) == 4
    model = fit(own, y, n_members=n_members, early_stopping=True)
    assert set(changed) >= {50}
    assert model.score(X, y) > 0.9


def test_overridden_of_rows_translates_row_numbers():
    seen = []

    def of_rows(self, rows):
        seen.append(rows)
        return super(type(self), self).of_rows(rows)

    own = derived(PAIRS, of_rows=of_rows)
    ContrastiveEmbedding(similarity=own, max_iter=1).fit(X, rows=np.arange(150))
    assert_array_equal(seen, [np.arange(150)])


def test_overridden_prototypes_are_those_of_proxies():
    numbers = []

    def prototypes(self, keys):
        found = LabelSimilarity.prototypes(self, keys)
        numbers.append(len(found.rows))
        return Keys(found.rows - 5, found.values)

    fit(derived(LabelSimilarity(), prototypes=prototypes), y, loss="proxy_anchor")
    assert numbers == [3]
