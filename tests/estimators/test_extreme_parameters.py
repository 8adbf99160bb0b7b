"""Values at the ends of what parameters allow: a fit, or an error that names them."""

import re
from fractions import Fraction

import numpy as np
import pytest

from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    PairVerifier,
)
from sklearn_contrastive.losses import (
    ContrastiveLoss,
    LiftedLoss,
    MarginLoss,
    MultiSimilarityLoss,
)
from sklearn_contrastive.metrics import recall_at_k
from sklearn_contrastive.miners import CrossBatchMemory, NearestPairs
from sklearn_contrastive.similarity import TargetSimilarity

rng = np.random.RandomState(0)
X, y = rng.normal(size=(40, 4)), np.arange(40) % 2
PAIRS, SAME = X.reshape(20, 2, 4), y[:20]


def fitted(**params):
    given = {"max_iter": 1, "hidden_layer_sizes": (4,), "random_state": 0, **params}
    return ContrastiveEmbedding(**given).fit(X, y)


def aligned(**params):
    given = {"max_iter": 1, "hidden_layer_sizes": (4,), "random_state": 0, **params}
    return ContrastiveAlignment(2, **given).fit(X[:, :2], X[:, 2:])


@pytest.mark.parametrize(
    "number", [np.float16(0.25), np.float32(0.25), np.longdouble(0.25)]
)
@pytest.mark.parametrize(
    "name", ["dropout", "margin", "learning_rate_init", "alpha", "tol"]
)
def test_floats_of_any_precision_are_the_same_number(name, number):
    given = {"early_stopping": True, "n_members": 1}
    expected = fitted(**{name: 0.25}, **given).transform(X)
    found = fitted(**{name: number}, **given).transform(X)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("n_components", 120),
        ("n_members", 100),
        ("batch_size", 20),
        ("max_iter", 100),
        ("hidden_layer_sizes", 100),
    ],
)
def test_ints_of_any_width_are_the_same_number(name, number):
    given = {"n_members": 1, name: number}
    expected = fitted(**given).transform(X)
    for kind in (np.int8, np.uint8, np.int64):
        found = fitted(**{**given, name: kind(number)}).transform(X)
        np.testing.assert_array_equal(found, expected)


def test_batches_larger_than_the_table_are_the_table():
    expected = fitted(batch_size=40).transform(X)
    np.testing.assert_array_equal(fitted(batch_size=10**18).transform(X), expected)


@pytest.mark.parametrize("fit", [fitted, aligned])
@pytest.mark.parametrize(
    "name", ["learning_rate_init", "alpha", "batch_size", "max_iter"]
)
@pytest.mark.parametrize(
    "number", [10**30, 10**400, 10**5000], ids=["30", "400", "5000"]
)
def test_ints_that_nothing_calculates_with_are_named(fit, name, number):
    with pytest.raises(ValueError, match=f"`{name}` must be .*2\\*\\*63"):
        fit(**{name: number})


@pytest.mark.parametrize("fit", [fitted, aligned])
@pytest.mark.parametrize("name", ["learning_rate_init", "alpha", "dropout"])
def test_fractions_are_named(fit, name):
    with pytest.raises(ValueError, match=f"`{name}` must be an int or float"):
        fit(**{name: Fraction(1, 3)})


@pytest.mark.parametrize("fit", [fitted, aligned])
@pytest.mark.parametrize("sizes", [(True, 8), (8, True), [True], (4.0,), (None,)])
def test_widths_are_ints_and_no_bools(fit, sizes):
    message = (
        f"`hidden_layer_sizes` must hold ints in [1, inf), one a layer; got {sizes}"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        fit(hidden_layer_sizes=sizes)


@pytest.mark.parametrize("fit", [fitted, aligned])
@pytest.mark.parametrize("sizes", [10**9, (10**5, 10**5), (10**18,), (2**63,)])
def test_networks_that_fit_nowhere_say_what_they_need(fit, sizes):
    with pytest.raises(
        MemoryError, match=r"units have \d.* weights, which take .* GiB"
    ):
        fit(hidden_layer_sizes=sizes)


@pytest.mark.parametrize("number", [10**10, 10**18])
def test_embeddings_that_fit_nowhere_say_what_they_need(number):
    with pytest.raises(MemoryError, match="`n_components`"):
        fitted(n_components=number)


def test_the_number_of_networks_has_an_end():
    with pytest.raises(ValueError, match=re.escape("int in the range [1, 10000]")):
        fitted(n_members=10**6)


def test_a_learning_rate_beyond_measure_diverges():
    with pytest.raises(FloatingPointError, match="Lower `learning_rate_init`"):
        fitted(learning_rate_init=1e300, max_iter=3, batch_size=10)


@pytest.mark.parametrize(
    "loss",
    [
        ContrastiveLoss(margin=np.float16(0.5)),
        LiftedLoss(margin=10**12),
        MarginLoss(margin=1e-300),
        MultiSimilarityLoss(alpha=2**52, beta=1e30),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_losses_are_finite_at_the_ends_of_their_parameters(loss):
    assert np.isfinite(fitted(loss=loss).transform(X)).all()


def test_a_loss_that_is_infinite_diverges():
    with pytest.raises(FloatingPointError, match="The loss became"):
        fitted(loss=MultiSimilarityLoss(beta=1e-300))


@pytest.mark.parametrize(
    ("name", "noun"),
    [
        ("loss", LiftedLoss(margin=10**30)),
        ("loss", MultiSimilarityLoss(beta=10**400)),
        ("miner", NearestPairs(10**5000)),
        ("miner", CrossBatchMemory(weight=10**30)),
    ],
    ids=["margin", "beta", "n_positives", "weight"],
)
def test_numbers_of_nouns_that_nothing_calculates_with_are_named(name, noun):
    with pytest.raises(ValueError, match=r"must be less than 2\*\*63"):
        fitted(**{name: noun})


@pytest.mark.filterwarnings("ignore:The memory of:UserWarning")
def test_sizes_and_bandwidths_are_taken_in_any_width():
    memory = CrossBatchMemory(size=np.uint8(8))
    assert np.isfinite(fitted(miner=memory, batch_size=20).transform(X)).all()
    similarity = TargetSimilarity(bandwidth=np.longdouble(0.5))
    model = ContrastiveEmbedding(similarity=similarity, max_iter=1, random_state=0)
    assert np.isfinite(model.fit(X, X[:, 0]).transform(X)).all()


def test_ranks_that_nothing_calculates_with_are_named():
    with pytest.raises(ValueError, match=r"`k` must be less than 2\*\*63"):
        recall_at_k(X, y, k=10**400)


def test_settings_of_a_verifier():
    embedding = ContrastiveEmbedding(4, max_iter=1, hidden_layer_sizes=(4,))
    verifier = PairVerifier(embedding, strategy="f_beta", random_state=0)
    large = verifier.set_params(beta=1e100).fit(PAIRS, SAME).threshold_
    assert verifier.set_params(beta=1e300).fit(PAIRS, SAME).threshold_ == large
    far = PairVerifier(embedding, strategy="far", random_state=0)
    far.set_params(target_far=np.longdouble(0.4), confidence=np.float16(0.5))
    assert np.isfinite(far.fit(PAIRS, SAME).threshold_)
    with pytest.raises(ValueError, match="at least inf different pairs"):
        far.set_params(target_far=5e-324).fit(PAIRS, SAME)
    for threshold in (10**400, 10**5000, np.inf, np.nan):
        with pytest.raises(ValueError, match="`threshold` must be a finite number"):
            far.set_threshold(threshold)
    assert far.set_threshold(Fraction(1, 2)).threshold_ == 0.5
