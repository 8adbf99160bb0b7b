"""Rows that an estimator holds out for early stopping."""

from sklearn_contrastive._estimators._similarities import (
    check_no_row_numbers,
    fit_similarity,
    flat_pairs,
    resolve_similarity,
)
from sklearn_contrastive._training._early_stopping import HeldOutPairs
from sklearn_contrastive._validation import check_rows


def hold_out(X, similarities, fraction, rng):
    """Return a similarity for the kept rows of each network, and its held-out pairs.

    Networks hold out different rows, so that nearly every row is learned from by some.
    """
    kept, pairs = [], []
    for similarity in similarities:
        own, held_out = similarity.hold_out(fraction, rng)
        kept.append(own)
        pairs.append(HeldOutPairs(X, held_out, rng))
    return kept, pairs


def validation_pairs(reader, similarity, columns, X_val, y_val, rng):
    """Return the pairs of rows that were given to score by.

    ``reader`` is an estimator that has seen `X`; ``similarity`` is its parameter.
    """
    X = check_rows(reader, flat_pairs(similarity, X_val), reset=False, name="X_val")
    try:
        unfitted = resolve_similarity(similarity)
        check_no_row_numbers(unfitted)
        held_out = fit_similarity(columns, unfitted, X, y_val)
    except (TypeError, ValueError) as error:
        message = str(error).replace("`y`", "`y_val`").replace("`X`", "`X_val`")
        raise type(error)(message) from error
    return HeldOutPairs(X, held_out, rng)
