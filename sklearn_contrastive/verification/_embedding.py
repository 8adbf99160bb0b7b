"""The embedding of a verifier: how it learns from pairs, and distances in it."""

import warnings
from importlib import import_module

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array, gen_batches, get_tags

from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive.similarity import PairConstraints
from sklearn_contrastive.verification._samples import feature_names

#: Pairs compared together, so that temporary arrays stay small.
_BLOCK = 8192

#: The remedy for an embedding that cannot learn from pairs.
_FREEZE = (
    "Fit it on its own data and freeze it: "
    "PairVerifier(sklearn.frozen.FrozenEstimator(fitted))."
)


def prepare_embedding(embedding):
    """Return an unfitted copy, by default of a new one, and whether pairs train it."""
    from sklearn.pipeline import Pipeline

    embedding = ContrastiveEmbedding() if embedding is None else clone(embedding)
    last = embedding
    while isinstance(last, Pipeline) and last.steps:
        last = last.steps[-1][1]
    learns = isinstance(last, ContrastiveEmbedding)
    for part in _parts_to_fit(embedding):
        if not (learns and part is last) and _needs_labels(part):
            raise ValueError(
                "`embedding` must learn from pairs or without labels; got "
                f"{type(part).__name__}, which needs labels of rows. {_FREEZE}"
            )
    if learns:
        _set_pair_similarity(last)
    return embedding, learns


def _set_pair_similarity(embedding):
    """Let an embedding learn from pairs, or raise if it has another similarity."""
    similarity = embedding.similarity
    if isinstance(similarity, str) and similarity in ("auto", "pairs"):
        embedding.set_params(similarity="pairs")
        return
    if isinstance(similarity, PairConstraints) and (
        similarity.pairs is None and similarity.weights is None
    ):
        return
    # Objects may hold, and would print, all pairs of a table.
    shown = (
        repr(similarity) if isinstance(similarity, str) else type(similarity).__name__
    )
    raise ValueError(
        "`embedding` must be a ContrastiveEmbedding with similarity='auto', "
        "'pairs' or PairConstraints without row numbers and weights, to learn from "
        f"the pairs that `fit` is given; got similarity={shown}. {_FREEZE}"
    )


def _parts_to_fit(transformer):
    """Yield the transformers that are fitted on rows: itself, or its steps."""
    from sklearn.compose import ColumnTransformer
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import FeatureUnion, Pipeline

    if transformer is None or isinstance(transformer, (str, FrozenEstimator)):
        # "passthrough" and "drop" need no fit either.
        return
    if isinstance(transformer, Pipeline):
        parts = transformer.steps
    elif isinstance(transformer, ColumnTransformer):
        parts = transformer.transformers
    elif isinstance(transformer, FeatureUnion):
        parts = transformer.transformer_list
    else:
        yield transformer
        return
    for _, part, *_ in parts:
        yield from _parts_to_fit(part)


def _needs_labels(transformer):
    """Return whether a transformer cannot be fitted without labels of rows."""
    from sklearn import feature_selection

    if get_tags(transformer).target_tags.required:
        return True
    if not isinstance(transformer, feature_selection.SelectorMixin):
        return False
    # The tags of a selector do not count its score function and its model.
    params = transformer.get_params(deep=False)
    scores = [vars(feature_selection)[name] for name in feature_selection.__all__]
    return params.get("score_func") in scores or any(
        get_tags(model).target_tags.required
        for model in _parts_to_fit(params.get("estimator"))
    )


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
    for label in (False, True):
        pairs = rng.permutation(np.flatnonzero(same == label))
        n_out = min(max(1, round(fraction * len(pairs))), len(pairs) - 1)
        if len(pairs) == 1:
            warnings.warn(
                f"There is only one pair of {'the same' if label else 'two different'}:"
                " the embedding learns from it and it sets the threshold too, which "
                "makes errors look rarer than they are. Give more pairs.",
                UserWarning,
                stacklevel=4,
            )
        learned.append(pairs[n_out:])
        held_out.append(pairs[: max(1, n_out)])
    return np.sort(np.concatenate(learned)), np.sort(np.concatenate(held_out))


def fit_embedding(embedding, learns, samples, same):
    """Return the embedding, fitted on pairs or their rows unless it is frozen."""
    from sklearn.frozen import FrozenEstimator

    if learns:
        return _fit_on_pairs(embedding, samples.stacked(), same)
    if not isinstance(embedding, FrozenEstimator):
        embedding.fit(samples.stacked())
    return embedding


def _fit_on_pairs(embedding, rows, same):
    """Return an embedding that learned from pairs, both rows below each other."""
    if isinstance(embedding, ContrastiveEmbedding):
        names = feature_names(rows)
        pairs = np.asarray(rows).reshape(len(same), 2, -1)
        embedding.fit(pairs, same.astype(int))
        if names is not None:
            # Three-dimensional arrays have no column names, but rows to embed may.
            embedding.feature_names_in_ = names
        return embedding
    # Steps of a pipeline before the last see rows, the last one pairs.
    first, (name, last) = embedding[:-1], embedding.steps[-1]
    if first.steps:
        rows = first.fit_transform(rows)
    last = _fit_on_pairs(last, rows, same)
    embedding.steps = [*first.steps, (name, last)]
    return embedding


def pair_distances(embedding, samples, name):
    """Return Euclidean distances of pairs in an embedding, which maps each row once."""
    ends = samples.ends
    Z = embedding.transform(_match_names(embedding, samples.rows, name))
    Z = check_array(Z, dtype=np.float64, input_name="what `embedding` returns")
    distances = np.empty(len(ends))
    for block in gen_batches(len(ends), _BLOCK):
        left, right = Z[ends[block, 0]], Z[ends[block, 1]]
        distances[block] = np.sqrt(((left - right) ** 2).sum(axis=1))
    return distances


def _match_names(embedding, rows, name):
    """Return rows with column names if an embedding was fitted with them, else without.

    It would warn of others, and to filter warnings is not safe between threads.
    """
    first, has_names = _first_step(embedding), feature_names(rows) is not None
    names = getattr(first, "feature_names_in_", None)
    if names is None:
        # A transformer that counted columns in `fit` saw no names there.
        strict = has_names and hasattr(first, "n_features_in_")
        return np.asarray(rows) if strict else rows
    if has_names:
        return rows
    if len(names) != rows.shape[1]:
        raise ValueError(
            f"`{name}` must hold rows of the {len(names)} columns that `embedding` was "
            f"fitted on; got {rows.shape[1]} columns."
        )
    if hasattr(rows, "set_axis"):
        return rows.set_axis(names, axis=1)
    for library, columns in (("pandas", "columns"), ("polars", "schema")):
        try:
            frames = import_module(library)
        except ImportError:
            continue
        return frames.DataFrame(np.asarray(rows), **{columns: list(names)})
    return rows


def _first_step(embedding):
    """Return the transformer that gets the rows."""
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import Pipeline

    if isinstance(embedding, FrozenEstimator):
        return _first_step(embedding.estimator)
    if not isinstance(embedding, Pipeline):
        return embedding
    steps = (each for _, each in embedding.steps if each not in (None, "passthrough"))
    return _first_step(next(steps, None))
