"""Rows that an estimator holds out for early stopping."""

import numpy as np

from sklearn_contrastive._estimators._resolve import (
    flat_pairs,
    resolve_similarity,
)
from sklearn_contrastive._training._early_stopping import EarlyStopping, HeldOutPairs
from sklearn_contrastive._training._run import random_streams
from sklearn_contrastive._validation import check_rows
from sklearn_contrastive.preprocessing._standardization import standardized_table


def hold_out(X, similarities, fraction, rng, groups=None):
    """Return a similarity for the kept rows of each network, and its held-out pairs.

    Networks hold out different rows, so that nearly every row is learned from by some.
    """
    kept, pairs = [], []
    for similarity in similarities:
        if groups is None:
            own, held_out = similarity.hold_out(fraction, rng)
        else:
            rows = similarity.rows_
            names = rng.permutation(np.unique(groups[rows]))
            if len(names) < 2:
                raise ValueError(
                    "`groups` must hold at least two for early stopping, one to learn "
                    "from and one to score by; got one. Set `early_stopping=False`."
                )
            n_out = min(max(1, round(fraction * len(names))), len(names) - 1)
            out = np.isin(groups[rows], names[:n_out])
            own, held_out = similarity.among(rows[~out]), similarity.among(rows[out])
        kept.append(own)
        pairs.append(HeldOutPairs(X, held_out, rng))
    return kept, pairs


def validation_pairs(reader, similarity, columns, X_val, y_val, rng):
    """Return the pairs of rows that were given to score by.

    ``reader`` is an estimator that has seen `X`; ``similarity`` is its parameter.
    """
    unfitted = resolve_similarity(similarity)
    X_val = flat_pairs(X_val, "X_val") if unfitted.takes_pairs else X_val
    X = check_rows(reader, X_val, reset=False, name="X_val")
    if unfitted.uses_row_indices:
        raise ValueError(
            f"`X_val` must not be given with {type(unfitted).__name__}: its row "
            "numbers belong to `X`. Leave it out to hold rows or pairs out of `X`."
        )
    try:
        rows = standardized_table(X, columns) if unfitted.reads_rows else X
        held_out = unfitted.fit(rows, y_val)
    except (TypeError, ValueError) as error:
        message = str(error).replace("`y`", "`y_val`").replace("`X`", "`X_val`")
        raise type(error)(message) from error
    return HeldOutPairs(X, held_out, rng)


def not_used():
    """Return the error for rows to score by where nothing is scored by them."""
    return ValueError(
        "`X_val` and `y_val` are only used with `early_stopping=True`, which is False. "
        "Set it, or leave them out."
    )


def early_stopping_of(reader, kind, X, similarities, columns, X_val, y_val, groups):
    """Return a similarity for each network, and early stopping on held-out pairs."""
    if reader.cross_fit is not False and X_val is not None:
        raise ValueError(
            "`X_val` must be None with `cross_fit`: each network has held-out rows of "
            "its own. Set one of both."
        )
    if X_val is None and y_val is not None:
        raise ValueError("`y_val` must come with `X_val`; got `y_val` alone.")
    # The same rows in every fit that resumes: those trained on cannot be held out.
    (rng,) = random_streams(reader.random_state)
    if X_val is None:
        rest = reader.validation_fraction, rng, groups
        similarities, pairs = hold_out(X, similarities, *rest)
    else:
        own = validation_pairs(reader, kind, columns, X_val, y_val, rng)
        pairs = [own] * len(similarities)
    return similarities, EarlyStopping(pairs, reader.n_iter_no_change, reader.tol)
