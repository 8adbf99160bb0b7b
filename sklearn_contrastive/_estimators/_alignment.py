"""Two tables about the same rows, mapped to one space in which partners meet."""

import warnings
from copy import copy
from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._callbacks import Reports
from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._estimators._plan import make_model
from sklearn_contrastive._estimators._state import (
    ContrastiveEstimator,
    FittedState,
    replace_fitted,
)
from sklearn_contrastive._pairs._neighbor_search import fork_safe_threads
from sklearn_contrastive._training._run import (
    Epochs,
    History,
    random_streams,
    resolve_device,
    run,
)
from sklearn_contrastive._training._terms import Term
from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive._validation import (
    SEEN,
    check_partners,
    check_rows,
    column_names,
    shorten,
)
from sklearn_contrastive.encoders import MLPEncoder, Towers
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
    "categorical_features",
    *("batch_size", "max_iter", "learning_rate_init", "device", "random_state"),
    "verbose",
)
#: Attributes of one table and its network.
_OF_SIDE = "center_", "scale_", "coefs_", "intercepts_"


class ContrastiveAlignment(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ContrastiveEstimator
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

    categorical_features : "from_dtype", None or tuple of two, default="from_dtype"
        Which columns are categories, as in `ContrastiveEmbedding`: one value for both
        tables, ``"from_dtype"`` or None; or a tuple of one value for `X` and one for
        `y`, such as ``(["color"], "from_dtype")``, where lists of columns may stand.

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
        Whether to print the loss at every report, as in `ContrastiveEmbedding`.

    Attributes
    ----------
    x_coefs_, y_coefs_ : list of ndarray of shape (n_in, n_out)
        Weights of each layer of the network of either table.

    x_intercepts_, y_intercepts_ : list of ndarray of shape (n_out,)
        Biases of each layer.

    x_center_, x_scale_, y_center_, y_scale_ : ndarray or None
        What is subtracted from each column, and what it is then divided by; None with
        ``standardize=False``. A category has an entry for each level.

    x_columns_, y_columns_ : dict
        What became of each column, by name or number: its ``"levels"``, None for
        numbers, and whether cells were ``"missing"`` in `fit`.

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
        Epochs begun, and mini-batches trained on.

    loss_curve_ : list of float
        Mean loss of the mini-batches of each report.

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
    >>> model = ContrastiveAlignment(max_iter=10, random_state=0).fit(left, right)
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
        categorical_features="from_dtype",
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
        self.categorical_features = categorical_features
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
            The first table: a data frame of any library, whose columns are numbers or
            categories, or an array of numbers, in raw units; cells may be missing.

        y : array-like of shape (n_samples, n_features_y) or (n_samples,)
            The second table, likewise: its row i belongs to row i of `X`.

        Returns
        -------
        self : ContrastiveAlignment
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError, FloatingPointError
            As in `ContrastiveEmbedding.fit`; what was learned before is kept.
        """
        device = resolve_device(self.device)
        import torch

        given, readers = {"X": X, "y": y}, self._readers()
        X = check_rows(readers[0], X, reset=True)
        y = check_partners(readers[1], y, len(X))
        self._check_sizes(X)
        seen, y_seen = ({n: vars(r).get(n) for n in SEEN} for r in readers)
        both = (X, seen), (y, y_seen)
        kind = self.standardize
        columns = [learn_standardization(t, kind, seen=s["_seen"]) for t, s in both]
        (rng,) = random_streams(self.random_state)
        partners = PartnerSimilarity().fit(X)
        one = MLPEncoder(self.hidden_layer_sizes, self.activation, self.dropout)
        tables = SideBySide(X, y, [own.expansion for own in columns])
        towers = Towers(one, one, tables.widths[0])
        model = self._model(tables, columns, towers, partners, rng)
        batch_size = 256 if self.batch_size == "auto" else int(self.batch_size)
        # Two networks that must agree take longer than one.
        epochs = Epochs([partners], [rng], batch_size, self.max_iter, longer=2)
        history = History(self.learning_rate_init)
        fitted = {
            **{name: value for name, value in seen.items() if value is not None},
            "x_columns_": seen["_seen"].described(seen["feature_names_in_"]),
            "y_columns_": y_seen["_seen"].described(y_seen["feature_names_in_"]),
            "n_features_y_": y.shape[1],
            "_y_names": column_names(given["y"]),
            "_y_seen": y_seen,
            "_columns": dict(zip("xy", columns, strict=True)),
            "device_": device,
            "encoder_": one,
            "standardize_": columns[0].kind,
            "batch_size_": epochs.batch_size,
            "_n_features_out": self.n_components,
        }
        tasks = self._init_callback_context(max_subtasks=epochs.n_reports)

        def attributes(report):
            return {**fitted, **self._learned(report, columns, towers)}

        reports = Reports(self, tasks, given, attributes)
        with torch.inference_mode(False), torch.enable_grad():
            trainer = Trainer([model], normalize=True, device=device)
            report = run(trainer, epochs, history, None, reports)
        learned = attributes(report)
        reports.end_fit(learned)
        replace_fitted(self, learned)
        return self

    def _learned(self, report, columns, towers):
        """Return the attributes that training changes."""
        history, (params, (loss_params,)) = report.history, report.state.of_model(0)
        learned = {
            "n_iter_": history.n_iter,
            "n_steps_": history.n_steps,
            "loss_curve_": [e["loss"] for e in history.entries[: history.n_entries]],
            "temperature_": self._temperature(loss_params),
        }
        for side, own, part in zip("xy", columns, towers.split(params), strict=True):
            values = *own[1:3], part[::2], part[1::2]
            names = (f"{side}_{name}" for name in _OF_SIDE)
            learned |= dict(zip(names, values, strict=True))
        return learned

    def _state(self, side):
        """Return what maps the rows of one table."""
        fitted = vars(self)
        coefs, biases = (fitted[f"{side}_{name}"] for name in _OF_SIDE[2:])
        layers = zip(coefs, biases, strict=True)
        params = [param[None] for layer in layers for param in layer]
        sizes = len(coefs[0]), fitted["_n_features_out"]
        own = fitted["_columns"][side]
        return FittedState(own, fitted["encoder_"], *sizes, params=params)

    def _check_sizes(self, X):
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
                stacklevel=3,
            )

    def _readers(self):
        """Return a copy to read either table, with what tells of its categories."""
        given, readers = self.categorical_features, (copy(self), copy(self))
        if given is None or isinstance(given, str):
            given = given, given
        if not isinstance(given, tuple) or len(given) != 2:
            raise ValueError(
                "`categorical_features` must be 'from_dtype', None, or a tuple of a "
                f"value for `X` and one for `y`; got {shorten(given)}. For columns of "
                f"`X` alone pass ({shorten(given)}, 'from_dtype')."
            )
        for reader, own in zip(readers, given, strict=True):
            reader.categorical_features = own
        return readers

    def _model(self, tables, columns, towers, partners, rng):
        """Return both networks as one model to be trained."""
        kind, *_ = columns[0]
        both = Standardization()
        if kind is not None:
            parts = zip(*(own[1:3] for own in columns), strict=True)
            both = Standardization(kind, *map(np.concatenate, parts))
        loss = InfoNCELoss(self.temperature).resolve(normalize=True)
        terms = {"": Term(partners, AllPairs(), loss)}
        state = FittedState(both, towers, tables.shape[1], self.n_components)
        rates = self.learning_rate_init, self.alpha
        return make_model(tables, terms, rng, state, rates)

    def _temperature(self, loss_params):
        """Return the temperature used, given or learned."""
        if not loss_params:
            return self.temperature
        return float(max(np.exp(loss_params["log_temperature"]), 0.01))

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
        # A copy, since another thread may begin or end a fit meanwhile.
        check_is_fitted(fitted := copy(self))
        return fitted._state("x").embed(check_rows(fitted, X, reset=False))

    def kneighbors(self, X, y, n_neighbors=1, return_distance=True):
        """Return the rows of the second table that are nearest to rows of the first.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows whose partners are looked for.

        y : array-like of shape (n_samples_y, n_features_y)
            The rows to choose from.

        n_neighbors : int, default=1
            How many to return for each row of `X`, nearest first.

        return_distance : bool, default=True
            Whether to return distances too.

        Returns
        -------
        distances : ndarray of shape (n_samples, n_neighbors)
            In the common space, in [0, 2]; only with ``return_distance=True``.

        indices : ndarray of shape (n_samples, n_neighbors)
            Row numbers in `y`.
        """
        from sklearn.neighbors import NearestNeighbors

        X, y = (np.asarray(Z) for Z in self._both(X, y))
        search = NearestNeighbors(n_neighbors=n_neighbors).fit(y)
        with fork_safe_threads():
            return search.kneighbors(X, return_distance=return_distance)

    def score(self, X, y):
        """Return how often the nearest row of the second table is the partner.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of the first table.

        y : array-like of shape (n_samples, n_features_y)
            Their partners.

        Returns
        -------
        score : float
            Share of rows of `X` whose nearest row of `y` has the same number, in
            [0, 1]; 1 / n_samples at random.
        """
        check_consistent_length(X, y)
        found = self.kneighbors(X, y, return_distance=False)[:, 0]
        return float(np.mean(found == np.arange(len(found))))

    def _both(self, X, y):
        """Return the points of both tables, whatever `set_output` asks for."""
        if y is None:
            raise ValueError("`y` must be the second table; got None.")
        check_is_fitted(fitted := copy(self))
        X = fitted._state("x").embed(check_rows(fitted, X, reset=False))
        return X, fitted._state("y").embed(check_partners(copy(fitted), y))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.input_tags.allow_nan = tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class SideBySide:
    """Two tables of as many rows side by side, without a copy of either.

    Categories and missing numbers have the columns of the expansions.
    """

    def __init__(self, left, right, expansions=(None, None)):
        self._parts = [*zip((left, right), expansions, strict=True)]
        self.widths = [len(e.source) if e else t.shape[1] for t, e in self._parts]
        self.shape = len(left), sum(self.widths)
        self.size = self.shape[0] * self.shape[1]

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        parts = [e.of(t[rows]) if e else t[rows] for t, e in self._parts]
        return np.concatenate(parts, axis=1)
