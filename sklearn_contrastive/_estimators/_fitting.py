"""What `fit` and `transform` do: here similarity, encoder, miner and loss meet."""

import warnings
from functools import partial
from numbers import Real

import numpy as np
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._callbacks import NoTasks, with_callbacks
from sklearn_contrastive._estimators._held_out import hold_out
from sklearn_contrastive._estimators._objectives import (
    check_no_bools,
    full_name,
    initial_params,
    loss_of,
    objectives_of,
    over,
    resolve,
)
from sklearn_contrastive._estimators._sources import (
    fit_similarity,
    flat_pairs,
    resolve_similarity,
    similarity_name,
)
from sklearn_contrastive._estimators._warnings import warn_of_collapse, warn_of_idleness
from sklearn_contrastive._training._global_batches import GlobalBatches
from sklearn_contrastive._training._models import Model, Ready
from sklearn_contrastive._training._running import (
    DEFAULT_BATCH_SIZE,
    Epochs,
    all_or_nothing,
    random_stream,
    resolve_device,
    run,
    together,
)
from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive._validation import check_rows
from sklearn_contrastive.encoders import (
    ENCODERS,
    MLPEncoder,
    ModuleEncoder,
    mapped,
    shared,
)
from sklearn_contrastive.preprocessing._standardization import (
    Standardization,
    learn_standardization,
)
from sklearn_contrastive.similarity import infer_similarity


class FittingMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """`fit`, `partial_fit` and `transform` of an estimator with the four nouns.

    It derives from scikit-learn's transformer so that `set_output` finds the
    `transform` that is defined here.
    """

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, X_val=None, y_val=None, rows=None):
        """Learn the embedding from rows and what is known of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, numeric and finite, in raw units. A read-only memory map is read
            batch by batch. With ``similarity="pairs"``, or where "auto" finds such an
            array, pairs of rows of shape (n_pairs, 2, n_features).

        y : array-like, sparse matrix or list of sets, default=None
            What `similarity` compares: class labels (numbers, strings, bools or other
            objects that can be sorted), continuous targets, an indicator matrix or
            label sets, or whether each pair is similar. None where rows alone are
            learned from.

        X_val : array-like of shape (n_val_samples, n_features), default=None
            Rows to judge by instead of rows held out of `X`; needs
            ``early_stopping=True``.

        y_val : array-like of shape (n_val_samples,), default=None
            What is known of them, of the kind of `y`. Labels may be of classes that
            are not in `y`.

        rows : array-like of int of shape (n_samples,), default=None
            For a graph or pairs that speak of row numbers: the numbers that the rows of
            `X` have there, as in cross-validation. By default `X` is the whole table.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, `X` or `y` is not what it must be. Here, and with the
            errors below, what an earlier fit has learned is kept.
        TypeError
            If `X` is sparse, or labels cannot be compared.
        FloatingPointError
            If the loss stops being finite.

        Warns
        -----
        UserWarning
            If the embedding has collapsed, or if training was interrupted after its
            first epoch.
        """
        with all_or_nothing(self, self.warm_start):
            return self._fit(X, y, X_val, y_val, rows)

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None):
        """Train for one pass over some rows, going on from where training stands.

        The first call, or an earlier `fit`, decides how columns are standardised. The
        learning rate is constant; `early_stopping` and `max_iter` are not used.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, as in `fit`.

        y : array-like, sparse matrix or list of sets, default=None
            What is known of them, as in `fit`. Labels must be of two classes at least,
            one of them with two rows; they need not be the classes of other calls.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError, FloatingPointError
            As in `fit`; what was learned before is kept.
        """
        with all_or_nothing(self, resume=True):
            return self._fit(X, y, one_pass=True)

    def transform(self, X):
        """Map rows to the embedding.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `fit`.

        Returns
        -------
        X_embedded : ndarray of shape (n_samples, n_components)
            Points, of the dtype of `X` where that is float32 or float64, else
            float64. Each row is mapped independently of the others.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If `X` has another width than in `fit`, or holds text, NaN or infinity.
        """
        check_is_fitted(self)
        return self._embed(check_rows(self, X, reset=False))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        read_from_y = {"labels", "targets", "multilabel"}
        tags.target_tags.required = similarity_name(self.similarity) in read_from_y
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @with_callbacks
    def _fit(self, X, y, X_val=None, y_val=None, rows=None, one_pass=False):
        given = {"X": X, "y": y}
        ready = self._prepare(X, y, X_val, y_val, rows, one_pass)
        alone = self.n_members_ == 1
        model = ready.models[0] if alone else ready.models
        trainer = Trainer(model, normalize=self._on_sphere, device=self.device_)
        for member, source in enumerate(ready.sources):
            if isinstance(source, GlobalBatches):
                source.embed = partial(trainer.embed, at=... if alone else member)
        epochs = ready.epochs
        tasks = NoTasks()
        if not one_pass:
            tasks = self._init_callback_context(max_subtasks=len(epochs[0].ends))
        tasks.call_on_fit_task_begin(estimator=self, **given)
        batches = epochs[0] if alone else together(epochs)
        run(self, trainer, batches, ready.stopping, tasks, given)
        self._keep(trainer, ready, one_pass)
        warn_of_idleness(trainer, ready.sources[0], self.loss_curve_)
        warn_of_collapse(self, ready.X)
        tasks.call_on_fit_task_end(
            estimator=self, **given, reconstruction_attributes={}
        )
        return self

    def _prepare(self, X, y, X_val=None, y_val=None, rows=None, one_pass=False):
        """Check all that is given, and return what is needed to train."""
        resume = hasattr(self, "n_steps_")
        self.similarity_ = self.similarity
        if isinstance(self.similarity, str) and self.similarity == "auto":
            self.similarity_ = infer_similarity(X, y)
        unfitted = resolve_similarity(self.similarity_)
        check_no_bools(self)
        X = check_rows(self, flat_pairs(self.similarity_, X), reset=not resume)
        if not resume:
            learned = learn_standardization(X, self.standardize)
            self.standardize_, self.center_, self.scale_ = learned
        similarity = fit_similarity(self, unfitted, X, y, rows)
        n_classes = 0 if similarity.classes_ is None else len(similarity.classes_)
        self._set_encoder(unfitted.auto_activation, n_classes, resume)
        objectives, global_miner = self._objectives(unfitted.auto_nearest)
        rng = random_stream(self, resume)
        similarities, stopping = [similarity] * self.n_members_, None
        if self.early_stopping and not one_pass:
            similarities, stopping = hold_out(self, X, similarity, X_val, y_val)
        elif X_val is not None or y_val is not None:
            raise ValueError(
                "`X_val` and `y_val` are only used with `early_stopping=True`, which "
                "is False. Set it, or leave them out."
            )
        similarity = similarities[0]
        own_objectives = [over(objectives, each) for each in similarities]
        self.alpha_ = similarity.auto_alpha if self.alpha == "auto" else self.alpha
        self.device_ = resolve_device(self.device)
        if not resume:
            self._optimizer_state, self.loss_curve_, self.mining_curve_ = None, [], {}
            self.n_iter_ = self.n_steps_ = 0
        self.loss_curve_ = list(self.loss_curve_)
        self.mining_curve_ = {k: list(v) for k, v in self.mining_curve_.items()}
        rngs = [rng]
        if self.n_members_ > 1:
            seeds = rng.randint(2**31 - 1, size=self.n_members_)
            rngs = [np.random.RandomState(seed) for seed in seeds]
        models = [
            self._model(X, own_objectives[member], own, resume, member)
            for member, own in enumerate(rngs)
        ]
        sources = similarities
        if global_miner is not None:
            sources = [GlobalBatches(each, global_miner, X) for each in similarities]
        max_iter = 1 if one_pass else self.max_iter
        wanted = DEFAULT_BATCH_SIZE if self.batch_size == "auto" else self.batch_size
        n_rows = min(len(each.rows_) for each in similarities)
        epochs = [
            Epochs(source, wanted, max_iter, own, n_rows, constant=one_pass)
            for source, own in zip(sources, rngs, strict=True)
        ]
        self.batch_size_ = epochs[0].batch_size
        objectives = own_objectives[0]
        return Ready(X, similarity, objectives, models, sources, epochs, stopping)

    def _set_encoder(self, auto_activation, n_classes, resume):
        """Say how a row becomes a point, and how many networks share the components."""
        self.encoder_ = self.encoder
        if self.encoder == "mlp":
            auto = self.activation == "auto"
            self.encoder_ = ENCODERS["mlp"](
                self.hidden_layer_sizes,
                auto_activation if auto else self.activation,
                self.dropout,
            )
        elif isinstance(self.encoder, str) or hasattr(self.encoder, "params_of"):
            self.encoder_ = resolve(self.encoder, None, ENCODERS)
        n_components = self.n_components
        if resume and n_components == "auto":
            n_components = self.n_components_
        self.n_components_, self.n_members_ = shared(
            n_components, self.n_members, n_classes, mlp=self.encoder == "mlp"
        )
        if self.n_members_ > 1 and type(self.encoder_) is not MLPEncoder:
            raise ValueError(
                f"`n_members` must be 1 with encoder={self.encoder!r}; got "
                f"{self.n_members}. Members are trained side by side by an MLP only: "
                "use 'mlp' or 'linear', or fit several estimators and put them into a "
                "sklearn.pipeline.FeatureUnion."
            )
        self._n_features_out = self.n_components_
        self._n_own = self.n_components_ // self.n_members_

    def _objectives(self, nearest):
        """Return what the loss and the miner stand for, ready to be called."""
        for name, value in self.get_params(deep=False).items():
            if name in ("similarity", "loss", "miner") and isinstance(value, type):
                raise ValueError(
                    f"`{name}` must be a name or an object; got the class "
                    f"{value.__name__}. Make an object of it: {value.__name__}()."
                )
        self._on_sphere = self.normalize and self._n_own > 1
        if self.normalize and not self._on_sphere:
            warnings.warn(
                "`normalize=True` is not possible with one component"
                f"{' a network' * (self.n_members_ > 1)}: the unit sphere of a line "
                "has two points. Rows are not scaled; set `normalize=False` to say so, "
                "and a loss of distances: cosines say little on a line.",
                UserWarning,
                stacklevel=2,
            )
        loss = loss_of(self, self._on_sphere)
        margin = getattr(loss, "margin", None)
        self.margin_ = margin if isinstance(margin, Real) else None
        objectives, self.miner_, global_miner = objectives_of(
            loss, self.miner, self._n_own, self._on_sphere, nearest
        )
        return objectives, global_miner

    def _model(self, X, objectives, rng, resume, member):
        """Return a member as training wants it, afresh or where it stands."""
        at = member if self.n_members_ > 1 else ...
        seed = int(rng.randint(2**31 - 1))
        encoder = self._encoder(seed)
        params = encoder.init(self.n_features_in_, self._n_own, rng)
        if resume:
            members = () if at is ... else (self.n_members_,)
            shapes = [(*members, *param.shape) for param in params]
            params = encoder.params_of(self)
            if shapes != [param.shape for param in params]:
                raise ValueError(
                    "Training can only go on with parameters of the shapes it began "
                    f"with, {[param.shape for param in params]}; `encoder`, "
                    "`hidden_layer_sizes`, `n_components` and `n_members` now ask for "
                    f"{shapes}. Set them back, or start afresh with "
                    "`warm_start=False` or sklearn.base.clone."
                )
            params = [param[at] for param in params]
        return Model(
            X,
            self._standardization(),
            encoder,
            list(objectives.values()),
            params,
            learning_rate=self.learning_rate_init,
            alpha=self.alpha_,
            seed=seed,
            loss_params=initial_params(self, objectives, rng, resume, at),
            optimizer_state=self._optimizer_state and self._optimizer_state[member],
        )

    def _standardization(self):
        return Standardization(self.standardize_, self.center_, self.scale_)

    def _encoder(self, seed=0):
        if hasattr(self.encoder_, "params_of"):
            return self.encoder_
        return ModuleEncoder(self.encoder_, self.n_features_in_, self._n_own, seed)

    def _keep(self, trainer, ready, one_pass=False, at=...):
        """Store what was learned, as numpy."""
        stopping, learned = ready.stopping, trainer.learned(at)
        best = learned if stopping is None else stopping.best
        for name, value in ready.models[0].encoder.attributes(best.params).items():
            setattr(self, name, value)
        self.loss_params_ = {
            full_name(part, name): value
            for part, own in zip(ready.objectives, best.loss_params, strict=True)
            for name, value in own.items()
        }
        self._optimizer_state = learned.optimizer_states
        self.best_validation_score_ = None if stopping is None else stopping.best_score
        classes = ready.similarity.classes_
        if one_pass and classes is not None and hasattr(self, "classes_"):
            classes = self._more_classes(classes)
        if classes is not None:
            self.classes_ = classes

    def _more_classes(self, classes):
        """Return the labels seen, with those of earlier calls of `partial_fit`."""
        text = {seen.dtype.kind in "SU" for seen in (self.classes_, classes)}
        if len(text) > 1:
            raise TypeError(
                f"`y` must hold labels of one type in every call; got {classes.dtype} "
                f"after {self.classes_.dtype}. Convert them."
            )
        return np.union1d(self.classes_, classes)

    def _embed(self, X):
        """Return the points of checked rows, block by block, without torch."""
        encoder = self._encoder()
        return mapped(
            encoder,
            encoder.params_of(self),
            X,
            self._standardization(),
            n_components=self._n_features_out,
            normalize=self._on_sphere,
        )
