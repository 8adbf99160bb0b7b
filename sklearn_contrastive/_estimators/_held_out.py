"""Rows that an estimator holds out for early stopping."""

from sklearn_contrastive._estimators._sources import (
    check_no_row_numbers,
    fit_similarity,
    flat_pairs,
    resolve_similarity,
)
from sklearn_contrastive._training._early_stopping import (
    EachStopping,
    EarlyStopping,
    HeldOutPairs,
)
from sklearn_contrastive._training._running import random_stream
from sklearn_contrastive._validation import check_rows


def hold_out(estimator, X, similarity, X_val, y_val):
    """Return what each network is trained on, and what it is judged by.

    Parameters
    ----------
    estimator : ContrastiveEmbedding
        Whose settings of early stopping, randomness and members count.

    X : ndarray of shape (n_samples, n_features)
        The rows.

    similarity : Similarity
        Speaks for all of them.

    X_val, y_val : array-like or None
        What the user gave to judge by instead.

    Returns
    -------
    similarities : list of Similarity
        Speak for the rows that each network is trained on. They hold out different
        rows, so that nearly every row is learned from by some.

    stopping : EarlyStopping or EachStopping
        The judge, or one for each of several networks.

    Raises
    ------
    ValueError
        If `y_val` comes without `X_val`, either cannot be judged by, or the table is
        too small to hold rows out.
    """
    # The same rows in every fit that goes on: those trained on cannot judge.
    rng = random_stream(estimator, resume=False)
    if X_val is None and y_val is not None:
        raise ValueError("`y_val` must come with `X_val`; got `y_val` alone.")
    members = range(estimator.n_members_)
    if X_val is None:
        similarities, pairs = [], []
        for _ in members:
            parts = similarity.hold_out(estimator.validation_fraction, rng)
            similarities.append(parts[0])
            pairs.append(HeldOutPairs(X, parts[1], rng))
    else:
        X_val = flat_pairs(estimator.similarity_, X_val)
        X = check_rows(estimator, X_val, reset=False, name="X_val")
        try:
            unfitted = resolve_similarity(estimator.similarity_)
            check_no_row_numbers(unfitted)
            held_out = fit_similarity(estimator, unfitted, X, y_val)
        except (TypeError, ValueError) as error:
            message = str(error).replace("`y`", "`y_val`").replace("`X`", "`X_val`")
            raise type(error)(message) from error
        similarities = [similarity for _ in members]
        pairs = [HeldOutPairs(X, held_out, rng)] * len(members)
    judges = [
        EarlyStopping(own, estimator.n_iter_no_change, estimator.tol) for own in pairs
    ]
    stopping = judges[0] if len(judges) == 1 else EachStopping(judges)
    stopping.scores.extend(getattr(estimator, "validation_scores_", None) or [])
    return similarities, stopping
