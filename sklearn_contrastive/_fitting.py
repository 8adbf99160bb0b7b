"""What `fit` and `transform` do: here similarity, encoder, miner and loss meet."""

import warnings
from numbers import Real

import numpy as np
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._callbacks import NoTasks, with_callbacks
from sklearn_contrastive._checks import check_rows
from sklearn_contrastive._early_stopping import hold_out
from sklearn_contrastive._global_batches import GlobalBatches
from sklearn_contrastive._objectives import (
    full_name,
    initial_params,
    loss_of,
    named,
    objectives_of,
    over,
    refuse_bools,
)
from sklearn_contrastive._rows import Standardization, learn_standardization
from sklearn_contrastive._running import (
    Epochs,
    all_or_nothing,
    batch_size_of,
    random_stream,
    run,
)
from sklearn_contrastive._sources import (
    flat_pairs,
    kind_of,
    likeness,
    likeness_object,
)
from sklearn_contrastive._training import Trainer, resolve_device
from sklearn_contrastive._warnings import warn_of_collapse, warn_of_idleness
from sklearn_contrastive.encoders import ENCODERS, ModuleEncoder, mapped
from sklearn_contrastive.similarity import likeness_of


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
            label sets, or whether each pair is alike. None where rows alone are
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
        with all_or_nothing(self, goes_on=True):
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
        tags.target_tags.required = kind_of(self.similarity) in read_from_y
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @with_callbacks
    def _fit(self, X, y, X_val=None, y_val=None, rows=None, one_pass=False):
        goes_on = hasattr(self, "n_steps_")
        given = {"X": X, "y": y}
        self.similarity_ = self.similarity
        if isinstance(self.similarity, str) and self.similarity == "auto":
            self.similarity_ = likeness_of(X, y)
        unfitted = likeness_object(self.similarity_)
        objectives, global_miner = self._objectives(unfitted.auto_nearest)
        X = check_rows(self, flat_pairs(self.similarity_, X), reset=not goes_on)
        if not goes_on:
            learned = learn_standardization(X, self.standardize)
            self.standardize_, self.center_, self.scale_ = learned
        similarity = likeness(self, unfitted, X, y, rows)
        rng = random_stream(self, goes_on)
        stopping = None
        if self.early_stopping and not one_pass:
            similarity, stopping = hold_out(self, X, similarity, X_val, y_val)
        elif X_val is not None or y_val is not None:
            raise ValueError(
                "`X_val` and `y_val` are only used with `early_stopping=True`, which "
                "is False. Set it, or leave them out."
            )
        objectives = over(objectives, similarity)
        trainer = self._trainer(X, similarity, objectives, rng, goes_on)
        max_iter = 1 if one_pass else self.max_iter
        source = similarity
        if global_miner is not None:
            source = GlobalBatches(similarity, global_miner, trainer.embed, X)
        epochs = Epochs(source, self.batch_size_, max_iter, rng, constant=one_pass)
        tasks = NoTasks()
        if not one_pass:
            tasks = self._init_callback_context(max_subtasks=len(epochs.ends))
        tasks.call_on_fit_task_begin(estimator=self, **given)
        run(self, trainer, epochs, stopping, tasks, given)
        self._keep(trainer, stopping, similarity, objectives, one_pass)
        warn_of_idleness(trainer, source, self.loss_curve_)
        warn_of_collapse(self, X)
        tasks.call_on_fit_task_end(
            estimator=self, **given, reconstruction_attributes={}
        )
        return self

    def _objectives(self, nearest):
        """Return what the loss and the miner stand for, ready to be called."""
        refuse_bools(self)
        for name, value in self.get_params(deep=False).items():
            if name in ("similarity", "loss", "miner") and isinstance(value, type):
                raise ValueError(
                    f"`{name}` must be a name or an object; got the class "
                    f"{value.__name__}. Make an object of it: {value.__name__}()."
                )
        self._on_sphere = self.normalize and self.n_components > 1
        if self.normalize and not self._on_sphere:
            warnings.warn(
                "`normalize=True` is not possible with `n_components=1`: the unit "
                "sphere of a line has two points. Rows are not scaled; set "
                "`normalize=False` to say so, and a loss of distances: cosines say "
                "little on a line.",
                UserWarning,
                stacklevel=2,
            )
        loss = loss_of(self, self._on_sphere)
        margin = getattr(loss, "margin", None)
        self.margin_ = margin if isinstance(margin, Real) else None
        objectives, self.miner_, global_miner = objectives_of(
            loss, self.miner, self.n_components, self._on_sphere, nearest
        )
        return objectives, global_miner

    def _trainer(self, X, similarity, objectives, rng, goes_on):
        """Resolve what is left and return all of it, ready to train."""
        self.batch_size_ = batch_size_of(self, len(similarity.rows_))
        self.alpha_ = similarity.auto_alpha if self.alpha == "auto" else self.alpha
        self.device_ = resolve_device(self.device)
        if not goes_on:
            self._optimizer_state, self.loss_curve_, self.mining_curve_ = None, [], {}
            self.n_iter_ = self.n_steps_ = 0
        self.loss_curve_ = list(self.loss_curve_)
        self.mining_curve_ = {k: list(v) for k, v in self.mining_curve_.items()}
        seed = int(rng.randint(2**31 - 1))
        encoder, params = self._encoder_to_train(seed, rng, goes_on)
        return Trainer(
            X,
            standardization=self._standardization(),
            encoder=encoder,
            objectives=list(objectives.values()),
            params=params,
            loss_params=initial_params(self, objectives, rng, goes_on),
            normalize=self._on_sphere,
            learning_rate=self.learning_rate_init,
            alpha=self.alpha_,
            device=self.device_,
            seed=seed,
            optimizer_state=self._optimizer_state,
        )

    def _standardization(self):
        return Standardization(self.standardize_, self.center_, self.scale_)

    def _encoder_to_train(self, seed, rng, goes_on):
        """Return the encoder with the parameters to start from."""
        self.encoder_ = self.encoder
        if self.encoder == "mlp":
            self.encoder_ = ENCODERS["mlp"](
                self.hidden_layer_sizes, self.activation, self.dropout
            )
        elif isinstance(self.encoder, str) or hasattr(self.encoder, "params_of"):
            self.encoder_ = named(self.encoder, None, ENCODERS)
        self._n_features_out = self.n_components
        encoder = self._encoder(seed)
        params = encoder.init(self.n_features_in_, self.n_components, rng)
        if not goes_on:
            return encoder, params
        shapes = [param.shape for param in params]
        params = encoder.params_of(self)
        if shapes != [param.shape for param in params]:
            raise ValueError(
                "Training can only go on with parameters of the shapes it began with, "
                f"{[param.shape for param in params]}; `encoder`, `hidden_layer_sizes` "
                f"and `n_components` now ask for {shapes}. Set them back, or start "
                "afresh with `warm_start=False` or sklearn.base.clone."
            )
        return encoder, params

    def _encoder(self, seed=0):
        if hasattr(self.encoder_, "params_of"):
            return self.encoder_
        return ModuleEncoder(
            self.encoder_, self.n_features_in_, self._n_features_out, seed
        )

    def _keep(self, trainer, stopping, similarity, objectives, one_pass):
        """Store what was learned, as numpy."""
        if stopping is None:
            params, loss_params = trainer.params(), trainer.loss_params()
        else:
            params, loss_params = stopping.best_params, stopping.best_loss_params
        for name, value in trainer.encoder.attributes(params).items():
            setattr(self, name, value)
        self.loss_params_ = {
            full_name(part, name): value
            for part, own in zip(objectives, loss_params, strict=True)
            for name, value in own.items()
        }
        self._optimizer_state = [each.state() for each in trainer.optimizers]
        self.best_validation_score_ = None if stopping is None else stopping.best_score
        if hasattr(similarity, "classes_"):
            self._keep_classes(similarity.classes_, one_pass)

    def _keep_classes(self, classes, one_pass):
        """Store the labels seen, with those of earlier calls of `partial_fit`."""
        if one_pass and hasattr(self, "classes_"):
            text = {seen.dtype.kind in "SU" for seen in (self.classes_, classes)}
            if len(text) > 1:
                raise TypeError(
                    f"`y` must hold labels of one type in every call; got "
                    f"{classes.dtype} after {self.classes_.dtype}. Convert them."
                )
            classes = np.union1d(self.classes_, classes)
        self.classes_ = classes

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
