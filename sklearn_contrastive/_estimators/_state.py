"""What a fit leaves: the state that maps rows, and warnings where it is no use."""

import math
import sys
import warnings
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_contrastive._estimators._callbacks import CallbackSupportMixin
from sklearn_contrastive._estimators._resume import full_name
from sklearn_contrastive._training._run import isolated_rng_and_threads
from sklearn_contrastive._validation import SEEN, check_params, shortened
from sklearn_contrastive.encoders import (
    Encoder,
    MLPEncoder,
    ModuleEncoder,
    to_sphere,
)
from sklearn_contrastive.encoders._in_turn import forward_in_turn
from sklearn_contrastive.preprocessing._standardization import (
    Standardization,
    standardized,
)

#: Rows looked at for a collapse.
_N_ROWS = 512
#: A collapse: a second axis this much shorter than the first, or distances this small
#: where the loss only pulls.
_COLLAPSED = 1e-3
#: Elsewhere: distances up to this size from which the loss gains less than the second
#: number, as a share of what coincident rows cost; or down to the third, that rounding
#: leaves.
_CLOSE, _GAIN, _ROUNDING = 0.1, 0.005, 1e-6
#: The range of numbers in single precision.
_SINGLE = np.finfo(np.float32).min, np.finfo(np.float32).max
#: Private attributes that a fit sets.
_PRIVATE = "_state", "_n_features_out", "_y_names"
#: Packages whose versions a model remembers, as far as they are in use.
_PACKAGES = "sklearn_contrastive", "numpy", "sklearn", "torch"
#: Rows mapped at once, for the cache.
_MAPPED = 512


class ContrastiveEstimator(CallbackSupportMixin, BaseEstimator):
    """What estimators share: callbacks, versions, and messages that are short."""

    _validate_params = check_params

    def set_params(self, **params):
        try:
            return super().set_params(**params)
        except ValueError as error:
            shortened(error, most=590)
            raise

    def __copy__(self):
        # Not by the state, whose versions are compared: it has been loaded already.
        twin = type(self).__new__(type(self))
        twin.__dict__ = dict(vars(self))
        return twin

    def __setstate__(self, state):
        from sklearn.exceptions import InconsistentVersionWarning

        super().__setstate__(state)
        now = sys.modules["sklearn_contrastive"].__version__
        before = state.get("_versions", {}).get("sklearn_contrastive", "unknown")
        learned = (name for name in state if name not in SEEN)
        fitted = any(k.endswith("_") and not k.startswith("_") for k in learned)
        if fitted and before.split(".")[:2] != now.split(".")[:2]:
            warning = InconsistentVersionWarning(
                estimator_name=type(self).__name__,
                current_sklearn_version=now,
                original_sklearn_version=before,
            )
            warnings.warn(warning, stacklevel=2)


class FittedState(NamedTuple):
    """Standardisation, encoder and parameters of networks, as plain numpy.

    Each of the networks has ``n_own`` components. All arrays of ``params`` and
    ``loss_params`` have a leading axis of networks. ``source`` is an encoder, or the
    torch module or factory of one, which is built with ``seed``. ``weights``
    (n_networks, n_features) multiply the columns that each network reads; None is 1.
    """

    columns: Standardization
    source: Any
    n_features: int
    n_own: int
    normalize: bool = True
    params: list | None = None
    loss_params: dict | None = None
    optimizer_states: list | None = None
    names: list | None = None
    seed: int = 0
    weights: Any = None

    def embed(self, X):
        """Return the points of checked rows, block by block, without torch.

        They have the dtype of `X`; those of several networks stand side by side.
        """
        encoder, threads = self.source, nullcontext()
        if not isinstance(encoder, Encoder):
            encoder = encoder_of(self, self.seed)
            widest = max((max(p.shape[1:], default=0) for p in self.params), default=0)
            threads = isolated_rng_and_threads("cpu", widest)
        params = [p.astype(X.dtype) if p.dtype.kind == "f" else p for p in self.params]
        n_networks, weights, forward = len(params[0]), self.weights, encoder.forward
        if weights is not None:
            weights = weights.astype(X.dtype)[:, None]
        if n_networks == 1:
            # Encoders of users know no axis of models.
            params = [param[0] for param in params]
            weights = None if weights is None else weights[0]
        elif not encoder.tested:
            forward = partial(forward_in_turn, encoder)
        elif weights is not None:
            # Networks read the same columns: the first layer has the weights.
            own = weights.swapaxes(1, 2)[:, : params[0].shape[1]]
            params[0], weights = params[0] * own, None
        Z = np.empty((len(X), n_networks * self.n_own), dtype=X.dtype)
        with threads, np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(X), _MAPPED):
                rows = slice(start, start + _MAPPED)
                own = standardized(X[rows], self.columns)
                own = own if weights is None else own * weights
                points = forward(params, own)
                if self.columns.kind is None:
                    _check_size(own, points)
                points = to_sphere(points) if self.normalize else points
                points = points.reshape(n_networks, -1, self.n_own).swapaxes(0, 1)
                # So that a squared distance is the mean of those in each network.
                Z[rows] = points.reshape(-1, Z.shape[1]) / n_networks**0.5
        return Z

    def layers(self, name):
        """Return weights and biases in turn, of a network without the axis of them."""
        if not isinstance(self.source, MLPEncoder):
            raise AttributeError(
                f"`{name}` belongs to the encoders 'mlp' and 'linear'."
            )
        # Without what is learned of levels.
        params = self.params[: len(self.params) // 2 * 2]
        if self.weights is not None:
            weights = self.weights[:, : params[0].shape[1], None]
            first = params[0] * weights.astype(params[0].dtype)
            params = [first, *params[1:]]
        return [self._without_axis(param) for param in params]

    def module_state(self):
        """Return the parameters and buffers of a torch module by name."""
        if isinstance(self.source, Encoder):
            raise AttributeError("`module_state_` belongs to torch modules.")
        params = [self._without_axis(param) for param in self.params]
        return dict(zip(self.names, params, strict=True))

    def own_loss_params(self):
        """Return the losses' parameters, of a single network without the axis."""
        return {k: self._without_axis(v) for k, v in self.loss_params.items()}

    def _without_axis(self, param):
        # A view, also of what is a single number per network.
        return param[0, ...] if len(param) == 1 else param


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
    epochs: Any
    stopping: Any
    history: Any

    def attributes(self, report):
        """Return all attributes of the fitted estimator at a `Report`."""
        history, trained, best, best_score = report
        curves = {name: list(values) for name, values in history.earlier.items()}
        for values in history.entries[: history.n_entries]:
            for name, value in values.items():
                curves.setdefault(name, []).append(value)
        loss_params = {
            full_name(part, name): value
            for part, own in zip(self.terms, best.loss_params, strict=True)
            for name, value in own.items()
        }
        state = self.state._replace(
            params=best.params,
            loss_params=loss_params,
            optimizer_states=trained.optimizer_states,
            names=self.models[0].encoder.names,
            seed=self.models[0].seed,
        )
        weights, n, expansion = state.weights, self.X.shape[1], state.columns.expansion
        own = np.ones(n) if weights is None else weights.mean(axis=0)
        if expansion is not None and weights is not None:
            # Of a category, the level that tells most.
            own = own[: len(expansion.source)]
            own = np.maximum.reduceat(own, expansion.starts)
        return {
            **self.fitted,
            "_state": state,
            "feature_weights_": own[:n],
            "n_iter_": history.n_iter,
            "n_steps_": history.n_steps,
            "loss_curve_": curves.pop("loss"),
            "validation_scores_": curves.pop("score", None),
            "mining_curve_": curves,
            "best_validation_score_": best_score,
        }


def _check_size(X, points):
    """Raise where finite rows have points whose squares are not."""
    if not np.isfinite(np.vdot(points, points)) and np.isfinite(X).all():
        raise ValueError(
            f"`X` has values up to {np.abs(X).max():.3g} in size, which are too large "
            "for the encoder: with `standardize=False` columns are read as they are. "
            "Fit with standardize=True, or in other units."
        )


def encoder_of(state, seed):
    """Return the encoder of a torch module, or of what a factory makes of `seed`."""
    sizes = state.n_features, state.n_own
    with isolated_rng_and_threads("cpu", widest=0):
        return ModuleEncoder(state.source, *sizes, seed, state.names)


def replace_fitted(estimator, attributes, resumed=False):
    """Replace all that was fitted before in one step, as seen by other threads.

    A fit that resumes keeps attributes of others, which it does not set itself.
    """
    kept = {
        name: value
        for name, value in vars(estimator).items()
        if resumed or name not in _PRIVATE
        if resumed or name.startswith("_") or not name.endswith("_")
        # A fit without folds has seen what they held out.
        if name != "folds_"
    }
    loaded = (name for name in _PACKAGES if name in sys.modules)
    # Plain text: torch's is of a class of its own.
    versions = {name: str(sys.modules[name].__version__) for name in loaded}
    estimator.__dict__ = {**kept, **attributes, "_versions": versions}


def warn_of_idleness(plan, loss_curve, memories):
    """Warn if the loss was always 0, a memory never full, or no search was made."""
    if not any(loss_curve):
        _warn(
            "The loss was 0 in every epoch, so nothing was learned: no pair of any "
            "batch cost anything. Raise `batch_size`, so that rows meet both similar "
            "and dissimilar ones, or look at what `miner` keeps (`mining_curve_`)."
        )
    for memory in memories:
        if not memory.full:
            _warn(
                f"The memory of {memory.size} rows was never full, so that batches "
                "were compared with themselves only. Lower the `size` of the "
                "CrossBatchMemory or raise `max_iter`; each call of `partial_fit` "
                "begins with an empty memory."
            )
    if any(source.n_searches == 0 for source in plan.global_batches):
        _warn(
            "GlobalMiner has not searched: the first pass over the rows is made "
            "without, and a table of less than two batches always. Raise `max_iter`, "
            "lower `batch_size` or leave it out; `partial_fit` is one pass."
        )


def warn_of_collapse(plan, trainer, attributes):
    """Embed some rows, and warn if all points are in one place or on a line."""
    X, state, models = plan.X, attributes["_state"], plan.models
    some = np.array(X[:: max(1, len(X) // _N_ROWS)], dtype=np.float64)
    if state.columns.kind is None:
        # An error where they are too large for the precision of training.
        some = np.clip(some, *_SINGLE).astype(np.float32)
    Z = state.embed(some)
    if not np.isfinite(Z).all():
        raise plan.history.error(0.0, attributes["n_iter_"])
    size, Z = np.linalg.norm(Z), Z - Z.mean(axis=0)
    lengths = np.linalg.svd(Z, compute_uv=False)
    norm = np.linalg.norm(lengths)
    if not state.normalize:
        # Off the sphere, points are small or large beside those before training.
        before = map(np.stack, zip(*(model.params for model in models), strict=True))
        first = state._replace(params=list(before)).embed(some)
        size = max(size, np.linalg.norm(first - first.mean(axis=0)))
    # One target, or two classes, need no more than a line.
    n_classes = len(attributes.get("classes_", ()))
    flat = min(Z.shape[1], X.shape[1], n_classes - 1) > 1
    found = None
    if norm <= _CLOSE * size and _is_trivial(trainer, state.params, norm / (size or 1)):
        spread = math.sqrt(2 / len(Z)) * norm
        found = f"all rows lie within {spread:.1e} of each other"
    elif flat and lengths[1] < _COLLAPSED * lengths[0]:
        found = "all rows lie on a line"
    if found:
        _warn(
            f"The embedding has collapsed: {found}. Its distances tell classes "
            "apart badly or not at all. Usual causes are columns that say nothing "
            "of `y`, a learning rate or weight decay that is too high, and a "
            "margin that is too small; try other values of `learning_rate_init` "
            f"(now {models[0].learning_rate:g}), `alpha` (now "
            f"{attributes['alpha_']:g}) and `margin` (now {attributes['margin_']}, "
            "where the loss has one)."
        )


def _is_trivial(trainer, params, share):
    """Return whether the loss gains nothing from distances, which are so small."""
    now, coincident = trainer.losses(params, (1, 1 / 8))
    if coincident > now / 2:
        return share < _ROUNDING or now >= coincident * (1 - _GAIN)
    # A loss that only pulls is the less, the nearer all rows are.
    return share < _COLLAPSED and now >= coincident


def _warn(message):
    warnings.warn(message, UserWarning, stacklevel=4)
