"""Objects, functions and combinations that users give for names."""

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, clone

from sklearn_contrastive._validation import (
    TwoFrames,
    check_params,
    read_values,
    shorten,
    two_frames,
)
from sklearn_contrastive.losses import FunctionLoss, TripletLoss
from sklearn_contrastive.miners import (
    MINERS,
    CrossBatchMemory,
    FunctionMiner,
    GlobalMiner,
    Miner,
)
from sklearn_contrastive.similarity import (
    SIMILARITIES,
    FunctionSimilarity,
    NeighborSimilarity,
    Similarity,
)


def resolve(value, members):
    """Return the member of a family that a name stands for, or a validated copy."""
    if isinstance(value, str):
        return members[value]()
    if isinstance(value, BaseEstimator) and not isinstance(value, type):
        value = clone(value)
        if hasattr(value, "_parameter_constraints"):
            check_params(value)
    return value


def resolve_similarity(similarity):
    """Return the unfitted similarity that a name, object, graph or function stands for.

    It is never the user's own object.
    """
    if issparse(similarity):
        return NeighborSimilarity(graph=similarity)
    if callable(similarity) and not isinstance(similarity, Similarity):
        return FunctionSimilarity(similarity)
    return resolve(similarity, SIMILARITIES)


def similarity_name(similarity):
    """Return the name of a similarity of the package, None for any other."""
    if isinstance(similarity, str):
        return similarity if similarity in SIMILARITIES else None
    kinds = SIMILARITIES.items()
    return next((name for name, kind in kinds if isinstance(similarity, kind)), None)


def of_rows(similarity, rows, n_rows):
    """Return a similarity for rows of these numbers in the table it refers to."""
    if not similarity.uses_row_indices:
        # Raises, since there is nothing to translate.
        return similarity.of_rows(rows)
    kind, rows, missing = read_values(rows)
    if rows.shape != (n_rows,) or kind != "i" or missing.any():
        raise ValueError(
            f"`rows` must hold one row number for each of {n_rows} rows of `X`; got "
            f"{rows.dtype} of shape {rows.shape}."
        )
    if len(np.unique(rows)) < len(rows):
        raise ValueError("`rows` must hold every row number once; some repeat.")
    return similarity.of_rows(rows)


def flat_pairs(X, name="X"):
    """Return the two rows of pairs (n_pairs, 2, n_features) one below the other.

    Pairs may be two frames.
    """
    if frames := two_frames(X, name):
        return TwoFrames(*frames)
    # Masked cells are kept, for `check_rows` to find.
    X = np.asanyarray(X)
    if X.ndim != 3 or X.shape[1] != 2:
        raise ValueError(
            f"`{name}` must hold pairs of rows, shape (n_pairs, 2, n_features), with "
            f"similarity='pairs'; got shape {X.shape}. Stack two tables with "
            "np.stack([A, B], axis=1), or name pairs by their row numbers: "
            "PairConstraints(pairs, labels). Pass two data frames as (A, B). If each "
            "sample is one row, such as an image, pass X.reshape(len(X), -1)."
        )
    return X.reshape(-1, X.shape[-1])


def check_no_margin(given, loss, margin):
    """Raise where `margin` is set for a loss that does not take it."""
    loss = loss.function if isinstance(loss, FunctionLoss) else loss
    own = loss.get_params(deep=False) if isinstance(loss, BaseEstimator) else {}
    advice, name = "Leave it out.", type(loss).__name__
    if "margin" in own:
        advice = f"Set it on the object, loss={name}(margin={shorten(margin)}), "
        advice += "and search it as `loss__margin`."
    elif own:
        first = next(iter(own))
        advice = f"That loss has no margin but {shorten(sorted(own))}, set on an "
        advice += f"object, as in loss={name}({first}=...), and searched as "
        advice += f"`loss__{first}`."
    raise ValueError(
        f"`margin` must be 'auto' with loss={shorten(given)}; got {shorten(margin)}. "
        f"{advice}"
    )


def class_given(name, value):
    """Return the error for a class that is given instead of an object."""
    return ValueError(
        f"`{name}` must be a name or an object; got the class {value.__name__}. Make "
        f"an object of it: {value.__name__}()."
    )


def check_views(similarity, X, expansion):
    """Raise for views that make of categories' levels what is none."""
    categories = np.unique(expansion.source[expansion.level >= 0])
    if similarity.n_views == 1 or not len(categories):
        return
    some, rng = np.array(X[:256]), np.random.default_rng(0)
    codes = similarity.views(some, rng)[:, categories]
    codes = codes[~np.isnan(codes)]
    if ((codes < 0) | (codes != np.floor(codes))).any():
        raise ValueError(
            "`augment` must leave levels of categories whole, which are numbers from 0 "
            "on in the rows of views: it must not be 'noise'. Use "
            "ViewSimilarity('corrupt'), which draws values of other rows."
        )


def split_layers(miner):
    """Return GlobalMiner, CrossBatchMemory (each or None) and the miner inside."""
    found = {GlobalMiner: None, CrossBatchMemory: None}
    for kind in found:
        if isinstance(miner, str) and MINERS.get(miner) is kind:
            miner = kind()
        if isinstance(miner, kind):
            found[kind] = resolve(miner, MINERS)
            miner = miner.miner
    search = found[GlobalMiner] and found[GlobalMiner].search
    for name, value in (("miner", miner), ("search", search)):
        if isinstance(value, type):
            raise class_given(name, value)
    within = {"auto", *(name for name, kind in MINERS.items() if kind not in found)}
    if not (miner in within if isinstance(miner, str) else callable(miner)):
        raise ValueError(
            "`miner` may be a GlobalMiner whose miner is a CrossBatchMemory whose "
            f"miner is a callable or one of {sorted(within)}; got {shorten(miner)} in "
            "the place of the last."
        )
    return found[GlobalMiner], found[CrossBatchMemory], miner


def adapted_miner(miner):
    """Return a validated copy of a miner, whose result is checked if it is foreign."""
    miner = resolve(miner, MINERS)
    # A list of links is for pair losses to read, and cannot add or reverse pairs.
    checked = isinstance(miner, Miner) and (miner.tested or miner.lists_pairs)
    return miner if checked else FunctionMiner(miner)


def agreed(loss, name, given, memory):
    """Return the loss adapted to the miner; raise where they exclude each other."""
    semihard = isinstance(name, str) and name == "semihard"
    if semihard and not isinstance(loss, TripletLoss):
        raise ValueError(
            "`miner='semihard'` chooses negatives by comparing them with a positive, "
            f"which only the triplet loss does; got {type(loss).__name__}. Use "
            "miner='auto', 'hard' or 'nearest', or loss='triplet'."
        )
    if isinstance(loss, TripletLoss):
        if loss.negatives == "auto":
            negatives = "semihard" if semihard else "all"
            loss = clone(loss).set_params(negatives=negatives)
        elif isinstance(given, str) and given == "semihard" != loss.negatives:
            raise ValueError(
                f"`miner='semihard'` contradicts the negatives={loss.negatives!r} of "
                f"{shorten(loss)}. Leave one of the two on 'auto'."
            )
    if memory is not None and loss.has_proxies:
        raise ValueError(
            f"`miner` must not be a CrossBatchMemory with {type(loss).__name__}, which "
            "compares rows with proxies and not with each other. Use miner='all'."
        )
    return loss
