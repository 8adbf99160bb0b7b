"""How an embedding learns from pairs, and which one can."""

import numpy as np
from sklearn.utils import get_tags

from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive.similarity import PairConstraints
from sklearn_contrastive.verification._samples import known_names

#: What to do with an embedding that learns from other things than pairs.
_FREEZE = (
    "Fit it on its own data and freeze it: "
    "PairVerifier(sklearn.frozen.FrozenEstimator(fitted))."
)


def learns_from_pairs(embedding):
    """Return whether an embedding learns from pairs, and see to it that it can.

    Parameters
    ----------
    embedding : transformer
        Its last step is told that its samples are pairs.

    Returns
    -------
    learns : bool
        True for a `ContrastiveEmbedding` and a pipeline that ends in one.
    """
    from sklearn.pipeline import Pipeline

    last = embedding
    while isinstance(last, Pipeline) and last.steps:
        last = last.steps[-1][1]
    learns = isinstance(last, ContrastiveEmbedding)
    for part in _fitted_parts(embedding):
        if not (learns and part is last) and _needs_labels(part):
            raise ValueError(
                "`embedding` must learn from pairs or without labels; got "
                f"{type(part).__name__}, which needs labels of rows. {_FREEZE}"
            )
    if not learns:
        return False
    similarity = last.similarity
    named = isinstance(similarity, str) and similarity in ("auto", "pairs")
    plain = isinstance(similarity, PairConstraints) and (
        similarity.pairs is None and similarity.weights is None
    )
    if not named and not plain:
        # Objects may hold, and would print, all pairs of a table.
        shown = (
            repr(similarity)
            if isinstance(similarity, str)
            else type(similarity).__name__
        )
        raise ValueError(
            "`embedding` must be a ContrastiveEmbedding with similarity='auto', "
            "'pairs' or PairConstraints without row numbers and weights, to learn from "
            f"the pairs that `fit` is given; got similarity={shown}. {_FREEZE}"
        )
    if named:
        last.set_params(similarity="pairs")
    return True


def _fitted_parts(transformer):
    """Yield what is fitted on rows when a transformer is, itself or its steps."""
    from sklearn.frozen import FrozenEstimator

    if isinstance(transformer, FrozenEstimator):
        return
    # Of a pipeline, a ColumnTransformer, a FeatureUnion.
    for name in ("steps", "transformers", "transformer_list"):
        if parts := getattr(transformer, name, None):
            for _, part, *_ in parts:
                yield from _fitted_parts(part)
            return
    if hasattr(transformer, "fit"):
        yield transformer


def _needs_labels(transformer):
    """Return whether a transformer cannot be fitted without labels of rows."""
    from sklearn.feature_selection import SelectorMixin

    if get_tags(transformer).target_tags.required:
        return True
    if not isinstance(transformer, SelectorMixin):
        return False
    # Their tags do not say it: scores that scikit-learn has are of columns and labels.
    score = getattr(transformer, "score_func", None)
    model = next(_fitted_parts(getattr(transformer, "estimator", None)), None)
    return (getattr(score, "__module__", None) or "").startswith("sklearn.") or (
        model is not None and get_tags(model).target_tags.required
    )


def seed(embedding, rng):
    """Give every random state of an embedding that is None a seed.

    Parameters
    ----------
    embedding : transformer
        The user's, cloned.

    rng : numpy.random.RandomState
        Source of seeds.
    """
    for name, value in sorted(embedding.get_params().items(), key=lambda item: item[0]):
        if name.rpartition("__")[2] == "random_state" and value is None:
            embedding.set_params(**{name: rng.randint(2**31 - 1)})


def fit_on_pairs(embedding, rows, same):
    """Fit an embedding on pairs.

    Parameters
    ----------
    embedding : ContrastiveEmbedding or Pipeline
        What `learns_from_pairs` has found to learn.

    rows : array-like of shape (2 * n_pairs, n_features)
        The two rows of each pair below each other.

    same : ndarray of bool of shape (n_pairs,)
        Which pairs are the same.

    Returns
    -------
    embedding : ContrastiveEmbedding or Pipeline
        Fitted.
    """
    if isinstance(embedding, ContrastiveEmbedding):
        names = known_names(rows)
        pairs = np.asarray(rows).reshape(len(same), 2, -1)
        embedding.fit(pairs, same.astype(int))
        if names is not None:
            # Pairs cannot name their columns, but rows it is asked about can.
            embedding.feature_names_in_ = names
        return embedding
    # A pipeline: what comes before its last step sees rows, the last step pairs.
    first, (name, last) = embedding[:-1], embedding.steps[-1]
    if first.steps:
        rows = first.fit_transform(rows)
    last = fit_on_pairs(last, rows, same)
    embedding.steps = [*first.steps, (name, last)]
    return embedding
