"""Warnings of fits that ended well and still have not done what was asked."""

import math
import warnings

import numpy as np

#: Rows looked at for a collapse.
_N_ROWS = 512
#: A collapse: distances this small, or a second axis this much shorter than the first.
_COLLAPSED = 1e-3


def warn_of_idleness(plan, memories):
    """Warn if no pair ever cost anything, a memory never filled, or no search was made."""
    if not any(plan.history.loss_curve):
        _warn(
            "The loss was 0 in every epoch, so nothing was learned: no pair of any "
            "batch cost anything. Raise `batch_size`, so that rows meet both similar "
            "and dissimilar ones, or look at what `miner` keeps (`mining_curve_`)."
        )
    for memory in memories:
        if not memory.full:
            _warn(
                f"The memory of {memory.size} rows was never full, so that batches "
                "were compared with themselves only. Lower the `size` of the "
                "CrossBatchMemory or raise `max_iter`; each call of `partial_fit` "
                "begins with an empty memory."
            )
    if any(source.n_searches == 0 for source in plan.global_batches):
        _warn(
            "GlobalMiner has not searched: the first pass over the rows is made "
            "without, and a table of less than two batches always. Raise `max_iter`, "
            "lower `batch_size` or leave it out; `partial_fit` is one pass."
        )


def warn_of_collapse(attributes, X, learning_rate_init):
    """Embed some rows, and warn if all points are in one place or on a line."""
    some = np.array(X[:: max(1, len(X) // _N_ROWS)], dtype=np.float64)
    Z = attributes["_state"].embed(some)
    Z -= Z.mean(axis=0)
    lengths = np.linalg.svd(Z, compute_uv=False)
    spread = math.sqrt(2 * (lengths**2).sum() / len(Z))
    # One target, or two classes, need no more than a line.
    n_classes = len(attributes.get("classes_", ()))
    flat = min(Z.shape[1], X.shape[1], n_classes - 1) > 1
    found = None
    if spread < _COLLAPSED:
        found = f"all rows lie within {spread:.1e} of each other"
    elif flat and lengths[1] < _COLLAPSED * lengths[0]:
        found = "all rows lie on a line"
    if found:
        _warn(
            f"The embedding has collapsed: {found}. Its distances tell classes "
            "apart badly or not at all. Usual causes are columns that say nothing "
            "of `y`, a learning rate or weight decay that is too high, and a "
            "margin that is too small; try other values of `learning_rate_init` "
            f"(now {learning_rate_init:g}), `alpha` (now "
            f"{attributes['alpha_']:g}) and `margin` (now {attributes['margin_']}, "
            "where the loss has one)."
        )


def _warn(message):
    warnings.warn(message, UserWarning, stacklevel=4)
