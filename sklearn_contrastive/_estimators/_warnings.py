"""What a fit says when it has ended well and still has not done what was asked."""

import math
import warnings

import numpy as np

#: Rows looked at for a collapse.
_N_ROWS = 512
#: A collapse: distances this small, or a second axis this much shorter than the first.
_COLLAPSED = 1e-3


def warn_of_idleness(trainer, source, losses):
    """Say so when nothing was learned, or nobody looked beyond a batch.

    Parameters
    ----------
    trainer : Trainer
        Its terms may have memories.

    source : Similarity or GlobalBatches
        What drew the batches.

    losses : list of float
        Mean loss of each epoch since the first.

    Warns
    -----
    UserWarning
        If no pair has ever cost anything, a memory was never full, or neighbours were
        never searched for.
    """
    if not any(losses):
        warnings.warn(
            "The loss was 0 in every epoch, so nothing was learned: no pair of any "
            "batch cost anything. Raise `batch_size`, so that rows meet both similar "
            "and dissimilar ones, or look at what `miner` keeps (`mining_curve_`).",
            UserWarning,
            stacklevel=2,
        )
    for memory in trainer.memories:
        if not memory.full:
            warnings.warn(
                f"The memory of {memory.size} rows was never full, so that batches "
                "were compared with themselves only. Lower the `size` of the "
                "CrossBatchMemory or raise `max_iter`; each call of `partial_fit` "
                "begins with an empty memory.",
                UserWarning,
                stacklevel=2,
            )
    if getattr(source, "n_searches", None) == 0:
        warnings.warn(
            "GlobalMiner has not searched: the first pass over the rows is made "
            "without, and a table of less than two batches always. Raise `max_iter`, "
            "lower `batch_size` or leave it out; `partial_fit` is one pass.",
            UserWarning,
            stacklevel=2,
        )


def warn_of_collapse(estimator, X):
    """Look at the embedding of some rows, and say so when it is degenerate.

    Parameters
    ----------
    estimator : ContrastiveEmbedding
        Fitted.

    X : ndarray of shape (n_samples, n_features)
        Checked rows.

    Warns
    -----
    UserWarning
        If all points are in one place or on a line.
    """
    some = np.array(X[:: max(1, len(X) // _N_ROWS)], dtype=np.float64)
    Z = estimator._embed(some)
    Z -= Z.mean(axis=0)
    lengths = np.linalg.svd(Z, compute_uv=False)
    spread = math.sqrt(2 * (lengths**2).sum() / len(Z))
    # One target, or two classes, need no more than a line.
    n_classes = len(getattr(estimator, "classes_", ()))
    flat = min(Z.shape[1], X.shape[1], n_classes - 1) > 1
    found = None
    if spread < _COLLAPSED:
        found = f"all rows lie within {spread:.1e} of each other"
    elif flat and lengths[1] < _COLLAPSED * lengths[0]:
        found = "all rows lie on a line"
    if found:
        warnings.warn(
            f"The embedding has collapsed: {found}. Its distances tell classes "
            "apart badly or not at all. Usual causes are columns that say nothing "
            "of `y`, a learning rate or weight decay that is too high, and a "
            "margin that is too small; try other values of `learning_rate_init` "
            f"(now {estimator.learning_rate_init:g}), `alpha` (now "
            f"{estimator.alpha_:g}) and `margin` (now {estimator.margin_}, where the "
            "loss has one).",
            UserWarning,
            stacklevel=2,
        )
