"""What a fit does is decided here, before anything is trained or changed."""

import warnings
from copy import copy
from numbers import Real

from sklearn_contrastive._estimators import _resume
from sklearn_contrastive._estimators._cross_fit import (
    best_cycle,
    check_shared,
    checked_groups,
    folds_of,
    length_of,
    networks_of,
    within_folds,
)
from sklearn_contrastive._estimators._held_out import early_stopping_of, not_used
from sklearn_contrastive._estimators._resolve import (
    adapted_miner,
    agreed,
    check_no_margin,
    check_views,
    class_given,
    flat_pairs,
    of_rows,
    resolve,
    resolve_similarity,
    split_layers,
)
from sklearn_contrastive._estimators._state import FittedState, Plan, encoder_of
from sklearn_contrastive._training._global_batches import GlobalBatches
from sklearn_contrastive._training._models import Model
from sklearn_contrastive._training._run import (
    Epochs,
    History,
    random_streams,
    resolve_device,
)
from sklearn_contrastive._training._terms import Term, expand
from sklearn_contrastive._validation import SEEN, check_rows, shorten
from sklearn_contrastive.encoders import (
    ENCODERS,
    Encoder,
    Levels,
    MLPEncoder,
    share_components,
)
from sklearn_contrastive.losses import LOSSES, FunctionLoss, Loss
from sklearn_contrastive.miners import MINERS, Miner, NearestPairs
from sklearn_contrastive.preprocessing._standardization import (
    learn_standardization,
    standardized,
    standardized_table,
)
from sklearn_contrastive.preprocessing._weights import FEWEST_ROWS, weights_of
from sklearn_contrastive.similarity import SIMILARITIES, infer_similarity


def prepare(
    estimator,
    X,
    y,
    X_val=None,
    y_val=None,
    rows=None,
    groups=None,
    before=None,
    once=False,
    weigh=weights_of,
):
    """Check parameters and data, and return the `Plan` of a fit; nothing is changed.

    ``before`` are the attributes of the fit to resume, None to begin anew; ``once``
    plans a single pass at a constant learning rate. ``weigh`` does as `weights_of`.
    """
    # Number and names of columns are written to a copy.
    reader, kind = copy(estimator), estimator.similarity
    device = resolve_device(estimator.device)
    crossed = estimator.cross_fit is not False
    if isinstance(kind, str) and kind == "auto":
        kind = infer_similarity(X, y)
    named = isinstance(kind, str)
    similarity = SIMILARITIES[kind]() if named else resolve_similarity(kind)
    X = flat_pairs(X) if similarity.takes_pairs else X
    X = check_rows(reader, X, reset=before is None)
    columns = before["_state"].columns if before else None
    if columns is None:
        # Others are made for columns, not for bins or numbers of levels.
        own = estimator.encoder
        mlp = isinstance(own, str) or (isinstance(own, Encoder) and own.tested)
        coded = estimator.numeric_encoding in ("piecewise", crossed and mlp and "auto")
        given = estimator.standardize, coded, reader._seen, mlp
        columns = learn_standardization(X, *given)
    similarity = of_rows(similarity, rows, len(X)) if rows is not None else similarity
    table = standardized_table(X, columns) if similarity.reads_rows else X
    similarity = similarity.fit(table, y)
    groups = None if groups is None else checked_groups(estimator, groups, len(X))
    folds = folds_of(estimator, similarity, len(X), groups, before) if crossed else None
    fitted, state = _architecture(estimator, similarity, columns, X, before, folds)
    terms, chosen, global_miner = _terms(estimator, similarity, state)
    similarities, stopping = [similarity] * fitted["n_members_"], None
    if crossed:
        similarities = within_folds(similarity, folds, len(similarities))
    if estimator.early_stopping and not once:
        given = X, similarities, columns, X_val, y_val, groups
        similarities, stopping = early_stopping_of(reader, kind, *given)
    elif X_val is not None or y_val is not None:
        raise not_used()
    alpha = similarities[0].auto_alpha if estimator.alpha == "auto" else estimator.alpha
    terms = [expand(terms, each) for each in similarities]
    n_steps = before and before["n_steps_"]
    rngs = random_streams(estimator.random_state, len(terms), n_steps)
    rates = estimator.learning_rate_init, alpha
    state, longer = _weighted(estimator, X, similarities, state, before, once, weigh)
    models = [
        make_model(X, own, rngs[i], state, rates, before, (i, len(rngs)))
        for i, own in enumerate(terms)
    ]
    searched = similarities if global_miner is not None else ()
    searched = [GlobalBatches(each, global_miner, X) for each in searched]
    given = estimator.batch_size, 1 if once else estimator.max_iter, once, longer
    epochs = Epochs(searched or similarities, rngs, *given)
    if crossed and stopping is None:
        stopping = best_cycle(X, similarity, folds, len(rngs), epochs)
    fitted |= {**chosen, "similarity_": kind, "alpha_": alpha}
    fitted |= {"device_": device, "batch_size_": epochs.batch_size}
    fitted |= {name: vars(reader)[name] for name in SEEN if name in vars(reader)}
    if similarity.classes_ is not None:
        fitted["classes_"] = similarity.classes_
        if once and before:
            fitted["classes_"] = _resume.all_classes(similarity.classes_, before)
    foreign = not all(isinstance(n, str) for n in (estimator.loss, estimator.miner))
    counts = _resume.resumed_history(before, stopping) if before else ()
    history = History(estimator.learning_rate_init, foreign, *counts)
    parts = terms[0], models, searched, epochs, stopping, history
    return Plan(X, fitted, state, *parts)


def _architecture(estimator, similarity, columns, X, before, folds):
    """Return how rows become points, as attributes and a state without parameters."""
    from torch.nn import Module

    given = encoder = estimator.encoder
    mlp = isinstance(given, str) and given == "mlp"
    if mlp:
        auto = estimator.activation == "auto"
        encoder = MLPEncoder(
            estimator.hidden_layer_sizes,
            similarity.auto_activation if auto else estimator.activation,
            estimator.dropout,
        )
    elif isinstance(given, str):
        encoder = ENCODERS[given]()
    elif isinstance(given, Encoder):
        encoder = resolve(given, ENCODERS)
    n_components = estimator.n_components
    if before and n_components == "auto":
        n_components = before["n_components_"]
    n_classes = 0 if similarity.classes_ is None else len(similarity.classes_)
    n_members = estimator.n_members
    if folds is not None:
        n_members = networks_of(folds, n_members)
    n_read = standardized(X[:1], columns).shape[1]
    if n_components == "auto" and isinstance(encoder, Module):
        width = encoder_of(FittedState(columns, encoder, n_read, None), 0).n_out
        n_components = width * (1 if n_members == "auto" else n_members)
    if folds is not None:
        check_shared(n_components, n_members)
    n_components, n_members = share_components(n_components, n_members, n_classes, mlp)
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
    if folds is not None:
        fitted["folds_"] = folds
    if columns.expansion is not None:
        check_views(similarity, X, columns.expansion)
        if len(columns.expansion.sizes):
            encoder.learned_levels = Levels(*columns.expansion.learned)
    return fitted, FittedState(columns, encoder, n_read, n_own, normalize)


def _weighted(estimator, X, similarities, state, before, once, weigh):
    """Return the state with weights of columns, and the share of the usual length."""
    given, crossed = estimator.feature_weights, estimator.cross_fit is not False
    weights, longer = None, length_of(len(similarities)) if crossed else 1.0
    # One pass more needs neither new weights nor a length.
    settled = len(X) < FEWEST_ROWS or (once and before)
    if given is not None and not (isinstance(given, str) and settled):
        weights, share = weigh(given, X, similarities, state.columns)
        # Elsewhere, held-out rows choose the length.
        longer *= 1 if crossed or estimator.early_stopping else share
    if before:
        # Parameters have been trained on columns of those weights.
        weights = before["_state"].weights
    return state._replace(weights=weights), longer


def _terms(estimator, similarity, state):
    """Return the terms by name, but for their similarity, and what "auto" became.

    The names are those of the parts of a hybrid loss, else ``""``. The last is the
    GlobalMiner, or None.
    """
    for name in ("similarity", "loss", "miner"):
        if isinstance(getattr(estimator, name), type):
            raise class_given(name, getattr(estimator, name))
    loss, margin = estimator.loss, estimator.margin
    if isinstance(loss, str):
        loss = LOSSES[loss]()
    elif not isinstance(loss, Loss):
        loss = FunctionLoss(loss)
    if isinstance(estimator.loss, str) and "margin" in loss.get_params(deep=False):
        loss.set_params(margin=margin)
    elif not isinstance(margin, str):
        check_no_margin(estimator.loss, loss, margin)
    loss = loss.resolve(state.normalize)
    miner, memory, global_miner = estimator.miner, None, None
    if not isinstance(miner, str) or miner in ("memory", "global"):
        global_miner, memory, miner = split_layers(miner)
    parts = loss.members() if loss.is_sum else [("", loss, 1.0)]
    terms, chosen = {}, {}
    for name, one, weight in parts:
        choice = miner
        if isinstance(miner, str) and miner == "auto":
            choice = one.auto_miner
            if choice not in MINERS:
                raise ValueError(
                    f"`auto_miner` of {type(one).__name__} must be one of "
                    f"{sorted(MINERS)}; got {shorten(choice)}."
                )
            if choice == "distance_weighted" and not state.normalize:
                # It knows the distances of points on the sphere only.
                choice = "all"
            elif choice == "nearest" and similarity.auto_nearest:
                choice = NearestPairs(**similarity.auto_nearest)
        chosen[name] = choice
        if one.has_conditions or memory is not None or choice == "semihard":
            one = agreed(one, choice, given=miner, memory=memory)
        own = MINERS[choice]() if isinstance(choice, str) else adapted_miner(choice)
        if type(own).resolve is not Miner.resolve:
            own = own.resolve(state.n_own, state.normalize)
        terms[name] = Term(None, own, one, weight, memory)
    margin, given = loss.get_params(deep=False).get("margin"), estimator.miner
    auto = isinstance(given, str) and given == "auto"
    fitted = {"miner_": chosen.get("", chosen) if auto else given}
    fitted["margin_"] = margin if isinstance(margin, Real) else None
    return terms, fitted, global_miner


def make_model(X, terms, rng, state, rates, before=None, member=(0, 1)):
    """Return a network to be trained, from its beginning or from where it was left.

    ``rates`` are learning rate and weight decay; ``member`` is the number of the
    network, and of all networks, in the fit to resume.
    """
    seed = int(rng.randint(2**31 - 1))
    encoder = state.source
    if not isinstance(encoder, Encoder):
        encoder = encoder_of(state, seed)
    params = encoder.init(state.n_features, state.n_own, rng)
    loss_params, optimizer_state = [], None
    for similarity, _, loss, *_ in terms.values():
        n_classes = 0 if similarity.classes_ is None else len(similarity.classes_)
        own = loss.init(state.n_own, n_classes, rng) if loss.learns else {}
        loss_params.append(own)
    if before:
        new = params, loss_params, terms
        _resume.check_same_names(encoder, before)
        params, loss_params = _resume.resumed_params(*new, before, *member)
        optimizer_state = before["_state"].optimizer_states[member[0]]
    own = params, state.n_own, *rates, seed, loss_params, optimizer_state
    weights = None if state.weights is None else state.weights[member[0]]
    return Model(X, state.columns, encoder, list(terms.values()), *own, weights)
