"""Losses against those of pytorch-metric-learning, where the formula is the same.

Both are given points of length 1 in float64, and labels; that package leaves a row
with itself out of the pairs, as `label_pairs` does.
"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from pytorch_metric_learning import losses as published
from pytorch_metric_learning import miners
from pytorch_metric_learning.distances import DotProductSimilarity, LpDistance
from pytorch_metric_learning.reducers import AvgNonZeroReducer

from sklearn_contrastive._pairs._keys import Pairs
from sklearn_contrastive.losses import (
    InfoNCELoss,
    LiftedLoss,
    MarginLoss,
    MultiSimilarityLoss,
    NCALoss,
    NPairLoss,
    ProxyAnchorLoss,
    SupConLoss,
    TripletLoss,
)

seeds = pytest.mark.parametrize("seed", [0, 1, 2])


def batch(seed, n_rows=24, n_components=4, n_classes=4):
    """Return points on the sphere, and labels of which one occurs only once."""
    rng = np.random.RandomState(seed)
    Z = rng.normal(size=(n_rows, n_components))
    labels = np.append(rng.randint(n_classes - 1, size=n_rows - 1), n_classes - 1)
    Z = torch.tensor(Z / np.linalg.norm(Z, axis=1, keepdims=True), requires_grad=True)
    return Z, torch.tensor(labels)


def label_pairs(labels):
    similar = labels[:, None] == labels
    return Pairs(similar & ~torch.eye(len(labels), dtype=torch.bool), ~similar)


def assert_same(value, expected, *ends, rtol=1e-6):
    """Compare values, and gradients as far as the sphere lets points move."""
    assert expected.item() > 0
    assert value.item() == pytest.approx(expected.item(), rel=rtol)
    for Z, on, right in zip(
        ends,
        torch.autograd.grad(value, ends),
        torch.autograd.grad(expected, ends),
        strict=True,
    ):
        # The package scales points to length 1, whose gradient along them is zero.
        along, Z = [], Z.detach()
        for gradient in (on, right):
            radial = (gradient * Z).sum(-1, keepdim=True) / (Z * Z).sum(
                -1, keepdim=True
            )
            along.append(gradient - radial * Z)
        assert_allclose(*along, rtol=rtol, atol=rtol * right.norm().item())


def euclidean(power=1):
    return LpDistance(normalize_embeddings=False, power=power)


@seeds
@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_info_nce_is_nt_xent(seed, temperature):
    Z, labels = batch(seed)
    value = InfoNCELoss(temperature)(Z, Z, label_pairs(labels))
    assert_same(value, published.NTXentLoss(temperature)(Z, labels), Z)


@seeds
@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_supcon_is_supcon(seed, temperature):
    Z, labels = batch(seed)
    value = SupConLoss(temperature)(Z, Z, label_pairs(labels))
    assert_same(value, published.SupConLoss(temperature)(Z, labels), Z)


@seeds
def test_n_pair_is_that_of_one_anchor_and_one_positive_per_class(seed):
    # The package takes the first pair of each class, as the paper does: positives of
    # other classes are the negatives of an anchor.
    Z, _ = batch(seed, n_rows=10)
    labels = torch.arange(10) // 2
    dot = DotProductSimilarity(normalize_embeddings=False)
    expected = published.NPairsLoss(distance=dot)(3 * Z, labels)
    own = torch.eye(5, dtype=torch.bool)
    value = NPairLoss()(3 * Z[::2], 3 * Z[1::2], Pairs(own, ~own))
    assert_same(value, expected, Z)


@seeds
@pytest.mark.parametrize("sizes", [(2.0, 50.0, 0.5), (10.0, 5.0, 1.0)], ids=str)
def test_multi_similarity_is_multi_similarity(seed, sizes):
    Z, labels = batch(seed)
    value = MultiSimilarityLoss(*sizes)(Z, Z, label_pairs(labels))
    assert_same(value, published.MultiSimilarityLoss(*sizes)(Z, labels), Z)


@seeds
@pytest.mark.parametrize(("alpha", "delta"), [(32.0, 0.1), (4.0, 0.3)])
def test_proxy_anchor_is_proxy_anchor(seed, alpha, delta):
    # Six classes, of which the batch holds four: absent ones only repel.
    Z, labels = batch(seed)
    expected = published.ProxyAnchorLoss(6, 4, margin=delta, alpha=alpha).double()
    P = torch.nn.functional.normalize(expected.proxies.detach()).requires_grad_()
    expected.proxies.data.copy_(P.detach())
    own = torch.arange(6)[:, None] == labels
    value, right = ProxyAnchorLoss(alpha, delta)(P, Z, Pairs(own, ~own)), expected
    right = expected(Z, labels)
    (on_proxies,) = torch.autograd.grad(right, expected.proxies, retain_graph=True)
    (ours,) = torch.autograd.grad(value, P, retain_graph=True)
    ours = ours - (ours * P).sum(-1, keepdim=True) * P
    assert_allclose(ours.detach(), on_proxies, rtol=1e-6, atol=1e-9)
    assert_same(value, right, Z)


@seeds
@pytest.mark.parametrize(("margin", "boundary"), [(0.2, 1.2), (0.05, 0.9)])
def test_margin_is_margin_over_all_triplets(seed, margin, boundary):
    # The package averages over triplets that cost something: a pair of an anchor
    # counts as often as the anchor has pairs of the other kind.
    Z, labels = batch(seed)
    positive, negative = (w.double() for w in label_pairs(labels))
    often = Pairs(
        positive * negative.sum(-1, keepdim=True),
        negative * positive.sum(-1, keepdim=True),
    )
    expected = published.MarginLoss(margin, beta=boundary, distance=euclidean())
    value = MarginLoss(margin, boundary)(Z, Z, often)
    assert_same(value, expected(Z, labels), Z)


@pytest.mark.parametrize("negatives", ["all", "semihard"])
@pytest.mark.parametrize("squared", [True, False], ids=["d²", "d"])
def test_triplet_is_triplet_margin_of_mined_triplets(negatives, squared):
    for seed in (0, 1, 2):
        Z, labels = batch(seed)
        settings = {"margin": 0.4, "distance": euclidean(2 if squared else 1)}
        miner = miners.TripletMarginMiner(type_of_triplets=negatives, **settings)
        expected = published.TripletMarginLoss(**settings)(Z, labels, miner(Z, labels))
        value = TripletLoss(0.4, negatives, squared)(Z, Z, label_pairs(labels))
        assert_same(value, expected, Z)


@pytest.mark.parametrize("margin", [0.4, "soft"])
@pytest.mark.parametrize("squared", [True, False], ids=["d²", "d"])
def test_hard_triplet_is_triplet_margin_of_the_batch_hard_miner(margin, squared):
    for seed in (0, 1, 2):
        Z, labels = batch(seed)
        distance, soft = euclidean(2 if squared else 1), margin == "soft"
        hardest = miners.BatchHardMiner(distance=distance)(Z, labels)
        expected = published.TripletMarginLoss(
            0 if soft else margin, smooth_loss=soft, distance=distance
        )
        value = TripletLoss(margin, "hard", squared)(Z, Z, label_pairs(labels))
        assert_same(value, expected(Z, labels, hardest), Z)


@seeds
def test_soft_triplet_is_smooth_triplet_margin(seed):
    Z, labels = batch(seed)
    expected = published.TripletMarginLoss(
        0, smooth_loss=True, distance=euclidean(2), reducer=AvgNonZeroReducer()
    )
    value = TripletLoss("soft", "all")(Z, Z, label_pairs(labels))
    assert_same(value, expected(Z, labels), Z)


@seeds
def test_lifted_is_lifted_structure(seed):
    Z, labels = batch(seed)
    expected = published.LiftedStructureLoss(neg_margin=1.0, distance=euclidean())
    value = LiftedLoss(margin=1.0)(Z, Z, label_pairs(labels))
    assert_same(value, expected(Z, labels), Z)


@seeds
@pytest.mark.parametrize(("form", "power"), [("frosst", 2), ("modern", 1)])
def test_nca_is_minus_the_logarithm_of_the_same_probability(seed, form, power):
    # A softmax scale is one over a temperature; of Goldberger's 1 - p the package has
    # no form. Anchors are not candidates, because there the distance of a row to
    # itself, which has no derivative, would be differentiated.
    Z, labels = batch(seed)
    pairs = label_pairs(labels)
    theirs = published.NCALoss(softmax_scale=4, distance=euclidean(power))
    expected = theirs(Z[:9], labels[:9], ref_emb=Z[9:], ref_labels=labels[9:])
    value = NCALoss(form, 0.25)(Z[:9], Z[9:], Pairs(*(w[:9, 9:] for w in pairs)))
    assert_same(value, expected, Z)
