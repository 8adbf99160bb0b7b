"""What is wrong with the arguments of a loss that is called by itself."""

import re

import numpy as np
import pytest
import torch

from sklearn_contrastive import Pairs
from sklearn_contrastive.losses import LOSSES, ContrastiveLoss, HybridLoss

A = torch.arange(18.0).reshape(6, 3).cos()
W = Pairs(torch.eye(6), 1 - torch.eye(6))
POINTS = (
    "`anchors` and `candidates` must be tensors of one float dtype, with shape "
    "(n_points, n_components); got {}. Convert arrays with torch.as_tensor("
)
WEIGHTS = (
    "`pairs` must be Pairs(positive, negative), tensors with shape (n_anchors, "
    "n_candidates) = {}; got {}. Of labels,"
)
FLOAT = "torch.float32 of shape"
BAD = {
    "arrays": ((A.numpy(), A, W), POINTS.format(f"ndarray and {FLOAT} (6, 3)")),
    "lists": ((A, A.tolist(), W), POINTS.format(f"{FLOAT} (6, 3) and list")),
    "one point": ((A[0], A, W), POINTS.format(f"{FLOAT} (3,) and {FLOAT} (6, 3)")),
    "widths": ((A, A[:, :2], W), POINTS.format(f"{FLOAT} (6, 3) and {FLOAT} (6, 2)")),
    "integers": ((A.int(), A.int(), W), "got torch.int32 of shape (6, 3) and"),
    "precisions": ((A, A.double(), W), f"got {FLOAT} (6, 3) and torch.float64 of"),
    "no pairs": ((A, A, None), WEIGHTS.format((6, 6), "NoneType")),
    "labels": ((A, A, A[:, 0]), WEIGHTS.format((6, 6), f"{FLOAT} (6,)")),
    "arrays of pairs": (
        (A, A, Pairs(*map(np.asarray, W))),
        WEIGHTS.format((6, 6), "ndarray, ndarray"),
    ),
    "other pairs": (
        (A, A[:4], W),
        WEIGHTS.format((6, 4), f"{FLOAT} (6, 6), {FLOAT} (6, 6)"),
    ),
    "one of two": ((A, A, W[:1]), WEIGHTS.format((6, 6), f"{FLOAT} (6, 6)")),
    "many": (
        (A, A, [W[0]] * 999),
        WEIGHTS.format((6, 6), ", ".join([FLOAT + " (6, 6)"] * 3)),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_with_points_and_pairs_is_said(name):
    given, message = BAD[name]
    for loss in LOSSES.values():
        with pytest.raises(ValueError, match=re.escape(message)):
            loss()(*given)


def test_parameters_out_of_range_are_named():
    for loss in LOSSES.values():
        for name in loss().get_params(deep=False):
            message = f"'{name}' parameter of {loss.__name__}"
            with pytest.raises(ValueError, match=message):
                loss(**{name: "none such"})(A, A, W)


def test_dtypes_of_pairs_may_differ_and_points_be_none():
    for loss in (each() for each in LOSSES.values()):
        for dtype in (torch.bool, torch.int64, torch.float64):
            pairs = Pairs(*(weights.to(dtype) for weights in W))
            torch.testing.assert_close(loss(A, A, pairs), loss(A, A, W))
        assert torch.isfinite(loss(A.double(), A.double(), list(W)))
        assert loss(A[:0], A[:0], Pairs(W[0][:0, :0], W[1][:0, :0])) == 0


def test_members_of_a_hybrid_name_their_parameters():
    hybrid = HybridLoss([("far", ContrastiveLoss(margin=-1))])
    with pytest.raises(ValueError, match="'margin' parameter of ContrastiveLoss"):
        hybrid(A, A, W)
