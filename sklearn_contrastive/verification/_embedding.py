"""The embedding of a verifier: how it learns from pairs, and distances in it."""

import warnings
from contextlib import suppress
from importlib import import_module

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array, gen_batches, validation

from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._validation import short_errors, shorten
from sklearn_contrastive.similarity import PairConstraints
from sklearn_contrastive.verification._samples import PairSamples

#: Pairs compared together, so that temporary arrays stay small.
_BLOCK = 8192

#: The remedy for an embedding that cannot learn from pairs.
_FREEZE = "Fit it on its own data and wrap it in sklearn.frozen.FrozenEstimator."


def prepare_embedding(embedding):
    """Return an unfitted copy, by default of a new one, and whether pairs train it."""
    embedding = ContrastiveEmbedding() if embedding is None else clone(embedding)
    last = last_step(embedding)
    if not isinstance(last, ContrastiveEmbedding):
        return embedding, False
    similarity = last.similarity
    if isinstance(similarity, str) and similarity in ("auto", "pairs"):
        last.set_params(similarity="pairs")
    elif not isinstance(similarity, PairConstraints) or (
        similarity.pairs is not None or similarity.weights is not None
    ):
        raise ValueError(
            "`embedding` must be a ContrastiveEmbedding with similarity='auto', "
            "'pairs' or PairConstraints without row numbers and weights; got "
            f"similarity={shorten(similarity)}. {_FREEZE}"
        )
    return embedding, True


def last_step(embedding):
    """Return the last step of a pipeline, which callbacks are for, or an embedding."""
    from sklearn.pipeline import Pipeline

    while isinstance(embedding, Pipeline) and embedding.steps:
        embedding = embedding.steps[-1][1]
    return embedding


def allows_nan(embedding):
    """Return whether numbers may be missing: the last step stands in for them."""
    from sklearn.frozen import FrozenEstimator

    last = last_step(embedding)
    if isinstance(last, FrozenEstimator):
        return allows_nan(last.estimator)
    return last is None or isinstance(last, ContrastiveEmbedding)


def set_seeds(embedding, rng):
    """Set every `random_state` of an embedding that is None."""
    for name, value in sorted(embedding.get_params().items(), key=lambda item: item[0]):
        if name.rpartition("__")[2] == "random_state" and value is None:
            embedding.set_params(**{name: rng.randint(2**31 - 1)})


def hold_out_pairs(same, fraction, rng):
    """Return numbers of pairs to learn from and of held-out pairs, both ascending.

    Both hold at least one pair of each class; a lone pair is in both, with a warning.
    """
    learned, held_out = [], []
    for label, kind in ((False, "two different"), (True, "the same")):
        pairs = rng.permutation(np.flatnonzero(same == label))
        n_out = min(max(1, round(fraction * len(pairs))), len(pairs) - 1)
        if len(pairs) == 1:
            warnings.warn(
                f"There is only one pair of {kind}: it both trains the embedding and "
                "sets the threshold, so errors look rarer than they are. Give more.",
                stacklevel=4,
            )
        learned.append(pairs[n_out:])
        held_out.append(pairs[: max(1, n_out)])
    return np.sort(np.concatenate(learned)), np.sort(np.concatenate(held_out))


def fit_embedding(embedding, learns, samples, same):
    """Fit an embedding on pairs, or on their rows alone."""
    if isinstance(embedding, ContrastiveEmbedding):
        embedding.fit(samples.pairs(), same.astype(int))
        return
    try:
        if not learns:
            embedding.fit(samples.stacked(), None)
            return
        # Steps of a pipeline before the last see rows, the last one pairs.
        first = embedding[:-1]
        if first.steps:
            numbers = np.arange(len(samples.ends) * 2).reshape(-1, 2)
            samples = PairSamples([first.fit_transform(samples.stacked())], numbers)
    except (TypeError, ValueError) as error:
        error.add_note(f"`embedding` gets no labels of rows. {_FREEZE}")
        raise
    embedding.steps[:-1] = first.steps
    fit_embedding(embedding.steps[-1][1], True, samples, same)


def pair_distances(embedding, samples):
    """Return Euclidean distances of pairs in an embedding, which maps each row once."""
    points = [embedding.transform(_match_names(embedding, t)) for t in samples.tables]
    with short_errors():
        options = {"dtype": np.float64, "input_name": "what `embedding` returns"}
        Z = np.concatenate([check_array(each, **options) for each in points])
    distances = np.empty(len(samples.ends))
    for block in gen_batches(len(distances), _BLOCK):
        left, right = Z[samples.ends[block].T]
        distances[block] = np.sqrt(((left - right) ** 2).sum(axis=1))
    return distances


def _match_names(embedding, rows):
    """Return rows with column names if an embedding was fitted with them, else without.

    It would warn of others, and to filter warnings is not safe between threads.
    """
    names = getattr(embedding, "feature_names_in_", None)
    has_names = validation._get_feature_names(rows) is not None
    if names is None:
        # A transformer that counted columns in `fit` saw no names there.
        counted = has_names and hasattr(embedding, "n_features_in_")
        return np.asarray(rows) if counted else rows
    if has_names or len(names) != rows.shape[1]:
        return rows
    for library in ("pandas", "polars"):
        with suppress(ImportError):
            frame = import_module(library).DataFrame
            return frame(dict(zip(names, np.asarray(rows).T, strict=True)))
    return rows
