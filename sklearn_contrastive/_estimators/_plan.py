"""What a fit does is decided here, before anything is trained or changed."""

import warnings
from copy import copy
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from sklearn_contrastive._estimators._held_out import hold_out, validation_pairs
from sklearn_contrastive._estimators._similarities import (
    fit_similarity,
    flat_pairs,
    resolve_similarity,
)
from sklearn_contrastive._estimators._state import FittedState, seen_columns
from sklearn_contrastive._estimators._terms import (
    check_no_bools,
    expand,
    full_name,
    initial_params,
    resolve,
    resolve_loss,
    resolve_terms,
    resumed_params,
)
from sklearn_contrastive._training._early_stopping import EarlyStopping
from sklearn_contrastive._training._global_batches import GlobalBatches
from sklearn_contrastive._training._models import Model
from sklearn_contrastive._training._run import (
    Epochs,
    History,
    random_stream,
    resolve_device,
)
from sklearn_contrastive._validation import check_rows
from sklearn_contrastive.encoders import (
    ENCODERS,
    Encoder,
    MLPEncoder,
    share_components,
)
from sklearn_contrastive.preprocessing._standardization import learn_standardization
from sklearn_contrastive.similarity import infer_similarity

#: What ``batch_size="auto"`` stands for.
DEFAULT_BATCH_SIZE = 128


class Plan(NamedTuple):
    """A fit that is ready to be trained.

    ``fitted`` are the attributes that are known before training, ``state`` is what rows
    are mapped with, but for its parameters; ``terms`` are those of the first model by
    name, ``global_batches`` the batches of each model that are drawn by a GlobalMiner.
    """

    X: Any
    fitted: dict
    state: FittedState
    terms: dict
    models: list
    global_batches: list
    epochs: Epochs
    stopping: Any
    history: History

    def attributes(self, trained, best=None):
        """Return all attributes of the fitted estimator, given the `TrainedState`.

        ``best`` is the state that rows are mapped with; with early stopping its best.
        """
        stopping, history = self.stopping, self.history
        if best is None:
            best = trained if stopping is None else stopping.best
        loss_params = {
            full_name(part, name): value
            for part, own in zip(self.terms, best.loss_params, strict=True)
            for name, value in own.items()
        }
        state = self.state._replace(
            params=best.params,
            loss_params=loss_params,
            optimizer_states=trained.optimizer_states,
        )
        return {
            **self.fitted,
            "_state": state,
            "n_iter_": history.n_iter,
            "n_steps_": history.n_steps,
            "loss_curve_": history.loss_curve,
            "mining_curve_": history.mining_curve,
            "validation_scores_": None if stopping is None else stopping.scores,
            "best_validation_score_": None if stopping is None else stopping.best_score,
        }


def prepare(
    estimator, X, y, X_val=None, y_val=None, rows=None, before=None, once=False
):
    """Check parameters and data, and return the `Plan` of a fit; nothing is changed.

    ``before`` are the attributes of the fit to resume, None to start from the beginning;
    ``once`` plans a single pass at a constant learning rate.
    """
    check_no_bools(estimator)
    kind = estimator.similarity
    if isinstance(kind, str) and kind == "auto":
        kind = infer_similarity(X, y)
    unfitted = resolve_similarity(kind)
    # Number and names of columns are written to a copy.
    reader = copy(estimator)
    X = check_rows(reader, flat_pairs(kind, X), reset=before is None)
    columns = before["_state"].columns if before else None
    columns = columns or learn_standardization(X, estimator.standardize)
    similarity = fit_similarity(columns, unfitted, X, y, rows)
    fitted, state = _architecture(estimator, unfitted, similarity, columns, X, before)
    loss = resolve_loss(estimator.loss, estimator.margin, state.normalize)
    terms, miner, global_miner = resolve_terms(
        loss, estimator.miner, state.n_own, state.normalize, unfitted.auto_nearest
    )
    rng = random_stream(estimator.random_state, before and before["n_steps_"])
    similarities, stopping = [similarity] * fitted["n_members_"], None
    if estimator.early_stopping and not once:
        similarities, stopping = _early_stopping(
            reader, kind, X, similarities, columns, X_val, y_val, before
        )
    elif X_val is not None or y_val is not None:
        raise ValueError(
            "`X_val` and `y_val` are only used with `early_stopping=True`, which is "
            "False. Set it, or leave them out."
        )
    auto = estimator.alpha == "auto"
    fitted["alpha_"] = similarities[0].auto_alpha if auto else estimator.alpha
    fitted["device_"] = resolve_device(estimator.device)
    terms = [expand(terms, each) for each in similarities]
    rngs = [rng]
    if len(terms) > 1:
        seeds = rng.randint(2**31 - 1, size=len(terms))
        rngs = [np.random.RandomState(seed) for seed in seeds]
    rates = estimator.learning_rate_init, fitted["alpha_"]
    models = [
        _model(X, own_terms, own_rng, (member, len(rngs)), state, rates, before)
        for member, (own_terms, own_rng) in enumerate(zip(terms, rngs, strict=True))
    ]
    searched = []
    if global_miner is not None:
        searched = [GlobalBatches(each, global_miner, X) for each in similarities]
    auto = estimator.batch_size == "auto"
    batch_size = DEFAULT_BATCH_SIZE if auto else estimator.batch_size
    max_iter = 1 if once else estimator.max_iter
    epochs = Epochs(searched or similarities, rngs, batch_size, max_iter, constant=once)
    margin = loss.get_params(deep=False).get("margin")
    fitted |= seen_columns(reader)
    fitted |= {
        "similarity_": kind,
        "miner_": miner,
        "batch_size_": epochs.batch_size,
    }
    fitted["margin_"] = margin if isinstance(margin, Real) else None
    if similarity.classes_ is not None:
        fitted["classes_"] = _classes(similarity.classes_, before if once else None)
    history = _history(estimator, before)
    return Plan(X, fitted, state, terms[0], models, searched, epochs, stopping, history)


def _architecture(estimator, unfitted, similarity, columns, X, before):
    """Return how rows become points, as attributes and as a state without parameters."""
    given = encoder = estimator.encoder
    mlp = isinstance(given, str) and given == "mlp"
    if mlp:
        auto = estimator.activation == "auto"
        encoder = MLPEncoder(
            estimator.hidden_layer_sizes,
            unfitted.auto_activation if auto else estimator.activation,
            estimator.dropout,
        )
    elif isinstance(given, (str, Encoder)):
        encoder = resolve(given, ENCODERS)
    n_components = estimator.n_components
    if before and n_components == "auto":
        n_components = before["n_components_"]
    n_classes = 0 if similarity.classes_ is None else len(similarity.classes_)
    n_components, n_members = share_components(
        n_components, estimator.n_members, n_classes, mlp
    )
    if n_members > 1 and not (isinstance(encoder, MLPEncoder) and encoder.tested):
        raise ValueError(
            f"`n_members` must be 1 with encoder={given!r}; got "
            f"{estimator.n_members}. Members are trained side by side by an MLP only: "
            "use 'mlp' or 'linear', or fit several estimators and put them into a "
            "sklearn.pipeline.FeatureUnion."
        )
    n_own = n_components // n_members
    normalize = estimator.normalize and n_own > 1
    if estimator.normalize and not normalize:
        warnings.warn(
            "`normalize=True` is not possible with one component"
            f"{' per network' * (n_members > 1)}: the unit sphere of a line "
            "has two points. Rows are not scaled; set `normalize=False` to say so, "
            "and a loss of distances: cosines say little on a line.",
            UserWarning,
            stacklevel=2,
        )
    fitted = {
        "encoder_": encoder,
        "n_components_": n_components,
        "n_members_": n_members,
        "_n_features_out": n_components,
    }
    return fitted, FittedState(columns, encoder, X.shape[1], n_own, normalize)


def _early_stopping(reader, kind, X, similarities, columns, X_val, y_val, before):
    """Return a similarity for each network, and early stopping on held-out pairs."""
    if X_val is None and y_val is not None:
        raise ValueError("`y_val` must come with `X_val`; got `y_val` alone.")
    # The same rows in every fit that resumes: those trained on cannot be held out.
    rng = random_stream(reader.random_state)
    if X_val is None:
        similarities, pairs = hold_out(X, similarities, reader.validation_fraction, rng)
    else:
        own = validation_pairs(reader, kind, columns, X_val, y_val, rng)
        pairs = [own] * len(similarities)
    stopping = EarlyStopping(pairs, reader.n_iter_no_change, reader.tol)
    stopping.scores.extend((before or {}).get("validation_scores_") or [])
    return similarities, stopping


def _model(X, terms, rng, member, state, rates, before):
    """Return a network to be trained, from its beginning or from where it was left."""
    seed = int(rng.randint(2**31 - 1))
    encoder = state.encoder(seed)
    params = encoder.init(state.n_features, state.n_own, rng)
    loss_params, optimizer_state = initial_params(terms, state.n_own, rng), None
    if before:
        new = params, loss_params, terms
        params, loss_params = resumed_params(*new, before, *member)
        optimizer_state = before["_state"].optimizer_states[member[0]]
    own = params, state.n_own, *rates, seed, loss_params, optimizer_state
    return Model(X, state.columns, encoder, list(terms.values()), *own)


def _history(estimator, before):
    """Return the counts and curves to carry on, and the advice for a loss of NaN."""
    foreign = not all(isinstance(n, str) for n in (estimator.loss, estimator.miner))
    advice = (
        f"Lower `learning_rate_init` (now {estimator.learning_rate_init:g}); if "
        "`standardize` is False, set it to True and look for huge columns."
    )
    if foreign:
        returned = "Look at what your `loss` or `miner` returns, and its parameters. "
        advice = returned + advice
    names = ("n_iter_", "n_steps_", "loss_curve_", "mining_curve_")
    return History(advice, *(before[name] for name in names if before))


def _classes(classes, before):
    """Return the labels seen, with those of earlier calls of `partial_fit`."""
    earlier = (before or {}).get("classes_")
    if earlier is None:
        return classes
    if (earlier.dtype.kind in "SU") != (classes.dtype.kind in "SU"):
        raise TypeError(
            f"`y` must hold labels of one type in every call; got {classes.dtype} "
            f"after {earlier.dtype}. Convert them."
        )
    return np.union1d(earlier, classes)
