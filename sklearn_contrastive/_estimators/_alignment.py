"""Two tables about the same rows, mapped to one space in which partners meet."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._callbacks import NoTasks
from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._estimators._metric import PartnerRetrievalMixin
from sklearn_contrastive._estimators._objectives import Objective, check_no_bools
from sklearn_contrastive._training._models import Model
from sklearn_contrastive._training._rows import Beside
from sklearn_contrastive._training._running import (
    Epochs,
    all_or_nothing,
    random_stream,
    resolve_device,
    run,
)
from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive._validation import check_partners, check_rows, column_names
from sklearn_contrastive.encoders import MLPEncoder, Towers, mapped
from sklearn_contrastive.losses import InfoNCELoss
from sklearn_contrastive.miners import AllPairs
from sklearn_contrastive.preprocessing._standardization import (
    Standardization,
    learn_standardization,
)
from sklearn_contrastive.similarity import PartnerSimilarity

#: Parameters that take what those of ContrastiveEmbedding take.
_SHARED = (
    *("hidden_layer_sizes", "activation", "dropout", "standardize"),
    *("batch_size", "max_iter", "learning_rate_init", "device", "random_state"),
    "verbose",
)


class ContrastiveAlignment(
    ClassNamePrefixFeaturesOutMixin,
    PartnerRetrievalMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""Embedding of two tables about the same rows, in which partners are near.

    One network for each table maps its rows to the unit sphere, so that row i of the
    one lies nearer to row i of the other than to all its other rows: with
    :math:`u_i` and :math:`v_i` the points of the two, a batch costs

    .. math::

        \frac{1}{2B} \sum_i \left[
        -\log \frac{e^{u_i \cdot v_i / \tau}}{\sum_j e^{u_i \cdot v_j / \tau}}
        -\log \frac{e^{u_i \cdot v_i / \tau}}{\sum_j e^{u_j \cdot v_i / \tau}} \right]

    with learned temperature :math:`\tau`, as in CLIP [1]_. It does for curved
    relations what canonical correlation analysis does for linear ones.

    Parameters
    ----------
    n_components : int, default=32
        Dimension of the space, >= 1; a sphere that is worth while needs 2 at least.

    hidden_layer_sizes : int or tuple of int, default=(256, 256)
        Width of each hidden layer of both networks, >= 1.

    activation : {"relu", "silu", "selu", "gelu", "tanh", "identity"}, default="silu"
        Activation of the hidden layers.

    dropout : float, default=0.1
        Share of hidden activations that each training step leaves out, in [0, 1).

    temperature : float or "auto", default="auto"
        What inner products are divided by, > 0. A lower one lets the nearest wrong
        rows count more. ``"auto"`` learns it, starting from 0.1 and never below 0.01.

    standardize : bool or {"robust", "standard"}, default="robust"
        What is done to the columns of both tables first, as in
        `ContrastiveEmbedding`.

    batch_size : int or "auto", default="auto"
        Rows in a mini-batch, >= 2, clipped to the number of rows. In a larger one each
        row is told from more others. ``"auto"`` is 256.

    max_iter : int or "auto", default="auto"
        Number of epochs, >= 1. ``"auto"`` trains for 24 visits to each row, but for at
        least 300 and at most 4,000 mini-batches of 256 rows, or as many rows in
        smaller ones, down to 64.

    learning_rate_init : float, default=4e-3
        Peak learning rate of AdamW, > 0.

    alpha : float, default=1e-2
        Weight decay of AdamW, >= 0, relative to the learning rate.

    device : str, default="auto"
        Where to train: a torch device, or ``"auto"`` for the first of CUDA, MPS and
        CPU that is there. The fitted model needs no such device.

    random_state : int, RandomState instance or None, default=None
        Determines weights, batches and dropout.

    verbose : bool, default=False
        Whether to print the loss of every epoch.

    Attributes
    ----------
    x_coefs_, y_coefs_ : list of ndarray of shape (n_in, n_out)
        Weights of each layer of the network of either table.

    x_intercepts_, y_intercepts_ : list of ndarray of shape (n_out,)
        Biases of each layer.

    x_center_, x_scale_, y_center_, y_scale_ : ndarray or None
        What is subtracted from each column, and what it is then divided by; None with
        ``standardize=False``.

    encoder_ : MLPEncoder
        What maps the standardised rows of either table to points.

    standardize_ : {"robust", "standard"} or None
        What is done to the columns.

    temperature_ : float
        The temperature used or learned.

    batch_size_ : int
        Rows in a mini-batch.

    device_ : str
        Where the model was trained.

    n_iter_, n_steps_ : int
        Epochs trained, and mini-batches trained on.

    loss_curve_ : list of float
        Mean loss of each epoch.

    n_features_in_ : int
        Number of columns of `X` seen in `fit`.

    n_features_y_ : int
        Number of columns of `y` seen in `fit`.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of `X`, where these are strings.

    See Also
    --------
    sklearn.cross_decomposition.CCA : Linear maps of two tables.
    ContrastiveEmbedding : One table and what is known of its rows.

    References
    ----------
    .. [1] A. Radford, J. W. Kim, C. Hallacy et al., "Learning Transferable Visual
       Models From Natural Language Supervision", ICML 2021.

    Examples
    --------
    The halves of images of digits: which right half belongs to a left half?

    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_contrastive import ContrastiveAlignment
    >>> images = load_digits().images
    >>> left = images[:, :, :4].reshape(-1, 32)
    >>> right = images[:, :, 4:].reshape(-1, 32)
    >>> left, left_test, right, right_test = train_test_split(
    ...     left, right, test_size=200, random_state=0
    ... )
    >>> model = ContrastiveAlignment(max_iter=20, random_state=0).fit(left, right)
    >>> bool(model.score(left_test, right_test) > 0.1)  # 0.005 at random
    True
    """

    _parameter_constraints = {
        **{name: ContrastiveEmbedding._parameter_constraints[name] for name in _SHARED},
        **InfoNCELoss._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        n_components=32,
        *,
        hidden_layer_sizes=(256, 256),
        activation="silu",
        dropout=0.1,
        temperature="auto",
        standardize="robust",
        batch_size="auto",
        max_iter="auto",
        learning_rate_init=4e-3,
        alpha=1e-2,
        device="auto",
        random_state=None,
        verbose=False,
    ):
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.temperature = temperature
        self.standardize = standardize
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.learning_rate_init = learning_rate_init
        self.alpha = alpha
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Learn both maps from rows that belong together.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The first table, numeric and finite, in raw units.

        y : array-like of shape (n_samples, n_features_y) or (n_samples,)
            The second table: its row i belongs to row i of `X`.

        Returns
        -------
        self : ContrastiveAlignment
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError, FloatingPointError
            As in `ContrastiveEmbedding.fit`; what was learned before is kept.
        """
        with all_or_nothing(self):
            return self._fit(X, y)

    def _fit(self, X, y):
        check_no_bools(self)
        X = check_rows(self, X, reset=True)
        self._y_names = column_names(y)
        y = check_partners(y, len(X))
        if len(X) < 2:
            raise ValueError(
                f"`X` must hold at least two rows, to tell partners from others; got "
                f"n_samples={len(X)}."
            )
        if self.n_components == 1:
            warnings.warn(
                "`n_components=1` leaves two points, -1 and 1, on the unit sphere, and "
                "nothing to learn. Use 2 or more.",
                UserWarning,
                stacklevel=2,
            )
        self.n_features_y_ = y.shape[1]
        both = self._learn_columns(X, y)
        rng = random_stream(self, resume=False)
        self.device_ = resolve_device(self.device)
        self.loss_curve_, self.mining_curve_ = [], {}
        self.n_iter_ = self.n_steps_ = 0
        partners = PartnerSimilarity().fit(X)
        self.encoder_ = MLPEncoder(
            self.hidden_layer_sizes, self.activation, self.dropout
        )
        encoder = Towers(self.encoder_, self.encoder_, X.shape[1])
        trainer = self._trainer(Beside(X, y), both, encoder, partners, rng)
        wanted = 256 if self.batch_size == "auto" else self.batch_size
        # Two networks that must agree are longer on the way than one.
        epochs = Epochs(partners, wanted, self.max_iter, rng, longer=2)
        self.batch_size_ = epochs.batch_size
        run(self, trainer, epochs, None, NoTasks(), {})
        del self.validation_scores_, self.mining_curve_
        learned = trainer.learned()
        self._keep(encoder.split(learned.params), learned.loss_params[0])
        return self

    def _learn_columns(self, X, y):
        """Measure the columns of both tables, and return what is done to them."""
        kind, *of_x = learn_standardization(X, self.standardize)
        _, *of_y = learn_standardization(y, self.standardize)
        self.standardize_, (self.x_center_, self.x_scale_) = kind, of_x
        self.y_center_, self.y_scale_ = of_y
        if kind is None:
            return Standardization()
        return Standardization(kind, *map(np.concatenate, zip(of_x, of_y, strict=True)))

    def _trainer(self, tables, standardization, encoder, partners, rng):
        loss = InfoNCELoss(self.temperature).resolve(normalize=True)
        seed = int(rng.randint(2**31 - 1))
        model = Model(
            tables,
            standardization,
            encoder,
            [Objective(AllPairs(), loss, similarity=partners)],
            params=encoder.init(tables.shape[1], self.n_components, rng),
            loss_params=[loss.init(self.n_components, 0, rng)],
            learning_rate=self.learning_rate_init,
            alpha=self.alpha,
            seed=seed,
        )
        return Trainer(model, normalize=True, device=self.device_)

    def _keep(self, params, loss_params):
        """Store what was learned, as numpy."""
        for side, own in zip("xy", params, strict=True):
            setattr(self, f"{side}_coefs_", own[0::2])
            setattr(self, f"{side}_intercepts_", own[1::2])
        self.temperature_ = self.temperature
        if loss_params:
            learned = np.exp(loss_params["log_temperature"])
            self.temperature_ = float(max(learned, 0.01))
        self._n_features_out = self.n_components

    def transform(self, X, y=None):
        """Map rows of the first table, or of both, to the common space.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with the columns of `X` in `fit`.

        y : array-like of shape (n_samples_y, n_features_y), default=None
            Rows with the columns of `y` in `fit`, as many as there are.

        Returns
        -------
        X_embedded : ndarray of shape (n_samples, n_components)
            Points of length 1, of the dtype of `X` where that is float32 or float64.

        y_embedded : ndarray of shape (n_samples_y, n_components)
            Likewise for `y`; only returned where `y` is given.
        """
        if y is not None:
            return self._both(X, y)
        check_is_fitted(self)
        return self._embed("x", check_rows(self, X, reset=False))

    def _other_rows(self, y):
        names = column_names(y)
        if names and self._y_names and names != self._y_names:
            raise ValueError(
                "The feature names of `y` must be those of `y` in fit, in that order; "
                f"missing are {[n for n in self._y_names if n not in names][:5]}, new "
                f"are {[n for n in names if n not in self._y_names][:5]}."
            )
        y = check_partners(y, None)
        if y.shape[1] != self.n_features_y_:
            raise ValueError(
                f"`y` has {y.shape[1]} features, but ContrastiveAlignment is expecting "
                f"{self.n_features_y_} features as the second table."
            )
        return y

    def _embed(self, side, X):
        """Return the points of checked rows, block by block, without torch."""
        names = ("coefs", "intercepts", "center", "scale")
        coefs, intercepts, center, scale = (
            getattr(self, f"{side}_{name}_") for name in names
        )
        return mapped(
            self.encoder_,
            [p for layer in zip(coefs, intercepts, strict=True) for p in layer],
            X,
            Standardization(self.standardize_, center, scale),
            n_components=self._n_features_out,
            normalize=True,
        )

    def _both(self, X, y):
        """Return the points of both tables, whatever `set_output` asks for."""
        if y is None:
            raise ValueError("`y` must be the second table; got None.")
        check_is_fitted(self)
        X = self._embed("x", check_rows(self, X, reset=False))
        return X, self._embed("y", self._other_rows(y))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
