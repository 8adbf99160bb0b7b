"""The estimator: its parameters, and all that it does."""

from copy import copy
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._callbacks import (
    CallbackSupportMixin,
    Reports,
    with_callbacks,
)
from sklearn_contrastive._estimators._metric import EmbeddingMetric
from sklearn_contrastive._estimators._plan import prepare
from sklearn_contrastive._estimators._scores import score_of
from sklearn_contrastive._estimators._state import (
    replace_fitted,
    warn_of_collapse,
    warn_of_idleness,
)
from sklearn_contrastive._training._run import run
from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive._validation import check_pairs, check_rows
from sklearn_contrastive.encoders import ACTIVATIONS, ENCODERS
from sklearn_contrastive.losses import LOSSES
from sklearn_contrastive.miners import MINERS, CrossBatchMemory, GlobalMiner
from sklearn_contrastive.similarity import SIMILARITIES, Similarity


class ContrastiveEmbedding(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    CallbackSupportMixin,
    BaseEstimator,
):
    r"""Embedding learned with a contrastive loss.

    A multi-layer perceptron maps rows to points so that rows that are similar come near
    each other and rows that are not stay a margin apart [1]_. What is similar may be said
    by class labels, neighbourhoods, given pairs, continuous targets, label sets, or
    changed copies of a row. Pairs are built inside each mini-batch; new rows are mapped
    by `transform`.

    The four parts of the problem are parameters: what makes two rows similar
    (`similarity`), how a row becomes a point (`encoder`), which pairs to learn from
    (`miner`), and what is wanted of them (`loss`).

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Dimension of the embedding, >= 1; of all its networks together. ``"auto"`` is
        32, or 128 with ``encoder="mlp"`` and more than 20 classes, in equal whole parts
        for up to four networks; more networks are as wide as these four.

    similarity : str, Similarity, sparse matrix or callable, default="auto"
        What makes two rows similar: ``"labels"`` the same class in `y`; ``"targets"``
        nearness of continuous `y`; ``"multilabel"`` shared labels in `y`;
        ``"neighbors"`` nearness in `X`; ``"views"`` being changed copies of one row;
        ``"pairs"`` what `y` says of the pairs in `X`. An object of
        `sklearn_contrastive.similarity` sets parameters, brings a graph, pairs of row
        numbers, or a value of `y` that means unknown. A sparse matrix is a graph of
        similarity between rows, a function compares entries of `y`. ``"auto"`` goes by
        `y`: without it ``"neighbors"``; for an indicator matrix or a list of sets
        ``"multilabel"``; for several columns, for numbers with a fraction, and for
        whole numbers as floats with fewer than five rows a value ``"targets"``; else
        ``"labels"``; and ``"pairs"`` for `X` of shape (n_pairs, 2, n_features).

    encoder : {"mlp", "linear"}, torch.nn.Module or callable, default="mlp"
        How a row becomes a point. ``"linear"`` is a linear map. A module that maps
        (n_batch, n_features) to (n_batch, n_components) is copied and its copy
        trained; a callable is a factory of one and is called with
        ``(n_features, n_components)``.

    hidden_layer_sizes : int or tuple of int, default=(128, 128)
        Width of each hidden layer of ``encoder="mlp"``, >= 1.

    activation : str, default="auto"
        Activation of the hidden layers of ``encoder="mlp"``: ``"relu"``, ``"silu"``,
        ``"selu"``, ``"gelu"``, ``"tanh"`` or ``"identity"``. ``"auto"`` is ``"relu"``,
        except with continuous targets, where it is ``"silu"``, which weight decay
        brings close to a linear map.

    dropout : float, default=0.1
        Share of hidden activations of ``encoder="mlp"`` that each training step
        leaves out, in [0, 1). More of it resists overfitting.

    n_members : int or "auto", default="auto"
        Number of networks, >= 1, trained at once from weights and batches of their own.
        Each has its share of `n_components`, a multiple of `n_members`. Their points
        stand side by side, divided by ``sqrt(n_members)``: a squared distance is the
        mean of theirs. More than one only with the encoders ``"mlp"`` and
        ``"linear"``. ``"auto"`` is 4 with ``"mlp"``; for a number of components that
        gives each network fewer than 4, or that 4 does not divide, 2 or else 1.

    loss : str, Loss or callable, default="contrastive"
        What is wanted of the pairs. Sums over pairs: ``"contrastive"``,
        ``"contrastive_squared"``, ``"contrastive_linear"``, ``"siamese"``,
        ``"margin"``. Losses that compare an anchor's candidates with one another:
        ``"triplet"``, ``"lifted"``, ``"nca"``, ``"info_nce"``, ``"supcon"``,
        ``"n_pair"``, ``"multi_similarity"``, ``"rank_n_contrast"``. With one learned
        point a class: ``"proxy_anchor"``. A sum of losses: ``"hybrid"``. Or an object
        of `sklearn_contrastive.losses`, whose parameters a search reaches as
        ``loss__margin``; or a function ``(anchors, candidates, pairs) -> scalar``.

    margin : float or "auto", default="auto"
        The margin of a named `loss` that has one, > 0, in its own units. For the
        contrastive losses it is where dissimilar rows stop pushing each other: a
        larger one spreads classes farther and lets more pairs push. On the unit
        sphere ``"auto"`` is :math:`\sqrt 2` (2 for ``"contrastive_squared"``, whose
        unit is the squared distance), off it 1. For ``"triplet"`` it is 0.2 on the
        unit sphere and 1 off it, for ``"margin"`` 0.2, for ``"lifted"`` 1.

    miner : str, callable, CrossBatchMemory or GlobalMiner, default="auto"
        Which pairs of a batch to learn from: ``"all"``; each row's 5 ``"nearest"``
        positives and 8 nearest negatives, or its one ``"hard"`` pair of each kind;
        some drawn at random, ``"random"`` or ``"distance_weighted"``; those in the
        wrong order, ``"multi_similarity"``; for the triplet loss alone, triplets in
        the right order but too close, ``"semihard"``. ``"memory"`` adds rows of
        batches before, ``"global"`` lets rows that are confused share a batch. An
        object of `sklearn_contrastive.miners` sets other numbers; a function
        ``(distances, pairs) -> pairs`` is taken too. ``"auto"`` is ``"nearest"`` for
        the contrastive losses, ``"siamese"``, ``"lifted"`` and ``"n_pair"`` (with
        continuous targets 40 pairs of each kind instead of 5 and 8),
        ``"semihard"`` for ``"triplet"``, ``"distance_weighted"`` for ``"margin"`` on
        the unit sphere, and ``"all"`` for the others and for a function.

    normalize : bool, default=True
        Whether to scale embedded rows to length 1. Without it most losses leave the
        scale of the embedding to the margin, and searching it means little.

    standardize : bool or {"robust", "standard"}, default="robust"
        What is done to the columns of `X` first: ``"standard"`` subtracts the mean
        and divides by the standard deviation. ``"robust"``, or True, does so too, but
        a few wild values do little harm: what lies farther from the 5th to 95th
        percentile than these from each other counts as if it lay just that far, and
        all values are bent smoothly into ±8. Where more than half of the rows have
        one value, such as 0, the percentiles are those of the others. Constant columns
        become zero.

    batch_size : int or "auto", default="auto"
        Rows in a mini-batch, >= 2, clipped to the number of rows. A larger one offers
        each row nearer neighbours to learn from, at a cost that grows with its
        square. ``"auto"`` is 128.

    max_iter : int or "auto", default="auto"
        Number of epochs, >= 1, each one pass over the rows. ``"auto"`` trains for 12
        visits to each row, but for at least 300 and at most 4,000 mini-batches of 128
        rows, or as many rows in batches of 64 to 256; its epochs hold several
        passes where one has fewer than 10 mini-batches.

    learning_rate_init : float, default=4e-3
        Peak learning rate of AdamW, > 0; reached after a short warm-up and followed
        by a cosine decay.

    alpha : float or "auto", default="auto"
        Weight decay of AdamW, >= 0, relative to the learning rate; biases do not
        decay. More of it makes the map smoother. ``"auto"`` is 0.01, except with
        continuous targets, where it is 3,000 divided by the number of rows, but at
        least 0.01 and at most 10.

    early_stopping : bool, default=False
        Whether to hold rows out, score a fixed set of their pairs after every epoch,
        stop when the score no longer improves, and keep the best weights. Each of
        several networks holds out other rows, so that together they learn from nearly
        all. This keeps wrong labels from being learned by heart. The score favours
        classes that form one cluster each; where they form several, training to the
        end often serves nearest neighbours better.

    validation_fraction : float, default=0.1
        Share of the rows to hold out for early stopping, in (0, 1); unused when
        `X_val` is given.

    n_iter_no_change : int, default=10
        Epochs without improvement after which early stopping ends training, >= 1.

    tol : float, default=1e-4
        Least gain in score that early stopping counts as an improvement, >= 0.

    warm_start : bool, default=False
        Whether `fit` goes on from the weights, standardisation and optimizer of the
        last fit; `n_iter_`, `n_steps_` and the curves then go on as well.

    device : str, default="auto"
        Where to train: a torch device such as ``"cpu"`` or ``"cuda:1"``, or
        ``"auto"`` for the first of CUDA, MPS and CPU that is there. The fitted model
        needs no such device.

    random_state : int, RandomState instance or None, default=None
        Determines weights, batches and dropout. On a CPU the same int gives the same
        bits, for the same number of threads.

    verbose : bool, default=False
        Whether to print the loss, and the validation score, of every epoch.

    Attributes
    ----------
    n_components_ : int
        Dimension of the embedding.

    n_members_ : int
        Number of networks.

    coefs_ : list of ndarray of shape (n_in, n_out) or (n_members, n_in, n_out)
        Weights of each layer, for ``"mlp"`` and ``"linear"``; of several networks
        along a first axis.

    intercepts_ : list of ndarray of shape (n_out,) or (n_members, n_out)
        Biases of each layer, likewise.

    module_state_ : dict of str to ndarray
        Parameters and buffers of the torch module, where `encoder` is one.

    center_, scale_ : ndarray of shape (n_features,) or None
        What is subtracted from each column and what it is then divided by (infinity
        for a constant column); None with ``standardize=False``.

    standardize_ : {"robust", "standard"} or None
        What is done to the columns.

    similarity_ : str or object
        What ``"auto"`` became, otherwise the parameter.

    miner_ : str, object or dict
        Likewise; for a hybrid loss with ``miner="auto"`` a dict that holds the miner
        of each part by its name.

    margin_ : float or None
        The margin used; None for a loss without one.

    alpha_ : float
        The weight decay used.

    batch_size_ : int
        Rows in a mini-batch.

    device_ : str
        Where the model was trained.

    encoder_ : object
        What maps standardised rows to points: the torch module or factory given, or
        an encoder of `sklearn_contrastive.encoders`.

    classes_ : ndarray of shape (n_classes,)
        The labels seen, where `similarity` is about labels.

    n_iter_ : int
        Epochs trained.

    n_steps_ : int
        Mini-batches trained on.

    loss_curve_ : list of float
        Mean loss of each epoch.

    loss_params_ : dict of str to ndarray
        What the loss learned by itself, such as ``"proxies"``, ``"boundary"`` or
        ``"log_temperature"``; for a part of a hybrid loss as ``"NAME__boundary"``.
        Those of several networks stand along a first axis. Empty for most losses.

    mining_curve_ : dict of str to list of float
        What the miner kept of the known pairs of up to 512 rows of each epoch's last
        batch: their shares ``"kept_positive"`` and ``"kept_negative"``, the shares
        ``"active_positive"`` and ``"active_negative"`` that still cost something, mean
        distances ``"mean_positive"`` and ``"mean_negative"``, and those of the
        hardest, ``"hardest_positive"`` (the farthest) and ``"hardest_negative"`` (the
        nearest). NaN where there is none; of a hybrid loss, its first part.

    validation_scores_ : list of float or None
        Score of the held-out pairs after each epoch: the share of (similar,
        dissimilar) couples of pairs in which the similar pair is nearer; the mean of
        several networks, each with its last score once it has stopped. None without
        early stopping.

    best_validation_score_ : float or None
        The best of them, reached by the weights that were kept; the mean of the best
        scores of several networks.

    n_features_in_ : int
        Number of columns seen in `fit`.

    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where `X` has string names.

    See Also
    --------
    sklearn.neighbors.NeighborhoodComponentsAnalysis : A linear map for nearest
        neighbours.
    sklearn.discriminant_analysis.LinearDiscriminantAnalysis : Linear projection that
        separates class means.

    Notes
    -----
    Fitted state is plain numpy: a model trained on a GPU can be unpickled, and can
    transform, on a machine without one, and (unless `encoder` is a torch module)
    without torch. Training uses one thread on a CPU while no layer is wider than
    1,024; search in parallel with ``n_jobs``.

    References
    ----------
    .. [1] R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality Reduction by Learning an
       Invariant Mapping", CVPR 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_contrastive import ContrastiveEmbedding
    >>> X, y = load_wine(return_X_y=True)
    >>> print(f"{cross_val_score(KNeighborsClassifier(), X, y).mean():.2f}")
    0.69
    >>> model = make_pipeline(
    ...     ContrastiveEmbedding(random_state=0), KNeighborsClassifier()
    ... )
    >>> bool(cross_val_score(model, X, y).mean() > 0.95)
    True
    """

    _parameter_constraints = {
        "n_components": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "similarity": [
            StrOptions({"auto", *SIMILARITIES}),
            Similarity,
            "sparse matrix",
            callable,
        ],
        "encoder": [StrOptions(set(ENCODERS)), callable, HasMethods("forward")],
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions({"auto", *ACTIVATIONS})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "n_members": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "loss": [StrOptions(set(LOSSES)), callable],
        "margin": [StrOptions({"auto"}), Interval(Real, 0, 1e14, closed="right")],
        "miner": [
            StrOptions({"auto", *MINERS}),
            callable,
            CrossBatchMemory,
            GlobalMiner,
        ],
        "normalize": ["boolean"],
        "standardize": ["boolean", StrOptions({"robust", "standard"})],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 2, None, closed="left"),
        ],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components="auto",
        *,
        similarity="auto",
        encoder="mlp",
        hidden_layer_sizes=(128, 128),
        activation="auto",
        dropout=0.1,
        n_members="auto",
        loss="contrastive",
        margin="auto",
        miner="auto",
        normalize=True,
        standardize="robust",
        batch_size="auto",
        max_iter="auto",
        learning_rate_init=4e-3,
        alpha="auto",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        warm_start=False,
        device="auto",
        random_state=None,
        verbose=False,
    ):
        self.n_components = n_components
        self.similarity = similarity
        self.encoder = encoder
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.n_members = n_members
        self.loss = loss
        self.margin = margin
        self.miner = miner
        self.normalize = normalize
        self.standardize = standardize
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.learning_rate_init = learning_rate_init
        self.alpha = alpha
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def set_params(self, **params):
        """Set parameters, also of the objects given for `loss`, `miner` and others.

        Parameters
        ----------
        **params : dict
            New values by name; ``loss__margin`` is the `margin` of the `loss`.

        Returns
        -------
        self : ContrastiveEmbedding
            The estimator.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        for full_name in params:
            name, _, own = full_name.partition("__")
            value = params.get(name, getattr(self, name, None))
            if own and isinstance(value, str):
                raise ValueError(
                    f"`{full_name}` cannot be set while `{name}` is a name; got "
                    f"{name}={value!r}. Set `{name}` to an object, whose parameters "
                    f"can then be set and searched as `{name}__...`."
                )
        return super().set_params(**params)

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
        before = vars(self) if self.warm_start and "_state" in vars(self) else None
        return self._fit(X, y, X_val, y_val, rows, before=before)

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
        before = vars(self) if "_state" in vars(self) else None
        return self._fit(X, y, before=before, once=True)

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
        # A copy, since another thread may end a fit meanwhile.
        fitted = copy(self)
        return fitted._state.embed(check_rows(fitted, X, reset=False))

    def pair_distance(self, pairs):
        """Return the learned distance between the two rows of each pair.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, n_features)
            Pairs of rows, as they would be given to `transform`.

        Returns
        -------
        distances : ndarray of shape (n_pairs,)
            Euclidean distances of the embeddings, >= 0; at most 2 on the unit sphere.

        Raises
        ------
        ValueError
            If `pairs` has another shape, or holds NaN or infinity.
        """
        check_is_fitted(self)
        fitted = copy(self)
        state, pairs = fitted._state, check_pairs(fitted, pairs)
        left, right = state.embed(pairs[:, 0]), state.embed(pairs[:, 1])
        return np.sqrt(((left - right) ** 2).sum(axis=1))

    def pair_score(self, pairs):
        """Return the similarity of the two rows of each pair: minus their distance.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, n_features)
            Pairs of rows, as they would be given to `transform`.

        Returns
        -------
        scores : ndarray of shape (n_pairs,)
            Numbers <= 0; the greater, the more similar.
        """
        return -self.pair_distance(pairs)

    def get_metric(self):
        """Return the learned distance as a function of two rows.

        Each call embeds two rows, so that looking for neighbours this way is slow:
        put the embedding in a pipeline before the classifier for that.

        Returns
        -------
        metric : callable
            ``metric(u, v)`` is the distance of the rows `u` and `v`. It can be
            pickled and does not change when the estimator is fitted again.
        """
        check_is_fitted(self)
        return EmbeddingMetric(self)

    def score(self, X, y=None):
        """Return how well nearest neighbours in the embedding do, each row left out.

        For class labels it is the accuracy of the nearest row; for continuous targets
        the coefficient of determination R² of the mean of the 5 nearest; for label sets
        the mean Jaccard index with the nearest; for pairs of rows the area under the
        ROC curve of their distances; and without `y` the share of each row's 5 nearest
        rows in `X`, standardised, that are among its 5 nearest in the embedding.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_pairs, 2, n_features)
            Rows, at least two; best rows that were not used in `fit`.

        y : array-like, sparse matrix or list of sets, default=None
            What is known of them, as in `fit`. Rows of unknown label or target do not
            count.

        Returns
        -------
        score : float
            At most 1; the greater, the better.

        Raises
        ------
        ValueError
            If `y` is not what it must be, or there are too few rows.
        """
        check_is_fitted(self)
        return score_of(copy(self), X, y)

    @with_callbacks
    def _fit(self, X, y, X_val=None, y_val=None, rows=None, before=None, once=False):
        """Plan, train, and take the place of what was fitted before."""
        import torch

        plan = prepare(self, X, y, X_val, y_val, rows, before, once)
        normalize, device = plan.state.normalize, plan.fitted["device_"]
        tasks = None
        if not once:
            n_epochs = len(plan.epochs.ends)
            tasks = self._init_callback_context(max_subtasks=n_epochs)
        with torch.inference_mode(False), torch.enable_grad():
            trainer = Trainer(plan.models, normalize=normalize, device=device)
            for member, source in enumerate(plan.global_batches):
                source.embed = partial(trainer.embed, models=slice(member, member + 1))

            def attributes_by_now():
                state = trainer.state()
                return plan.attributes(state, state)

            given = plan.history, plan.stopping, tasks, {"X": X, "y": y}
            reports = Reports(self, *given, attributes_by_now)
            run(trainer, plan.epochs, plan.history, plan.stopping, reports)
            attributes = plan.attributes(trainer.state())
        warn_of_idleness(plan, trainer.memories)
        warn_of_collapse(attributes, plan.X, self.learning_rate_init)
        reports.end_fit(attributes)
        replace_fitted(self, attributes)
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        similarity = self.similarity
        if isinstance(similarity, str):
            similarity = SIMILARITIES.get(similarity)
        # A graph or a function has no such attribute.
        tags.target_tags.required = getattr(similarity, "needs_y", False)
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def coefs_(self):
        """Weights of each layer, for ``"mlp"`` and ``"linear"``."""
        return self._fitted_state("coefs_").layers("coefs_")[0::2]

    @property
    def intercepts_(self):
        """Biases of each layer, for ``"mlp"`` and ``"linear"``."""
        return self._fitted_state("intercepts_").layers("intercepts_")[1::2]

    @property
    def module_state_(self):
        """Parameters and buffers of the torch module by name, where there is one."""
        return self._fitted_state("module_state_").module_state()

    @property
    def loss_params_(self):
        """What the loss learned by itself, by name."""
        return self._fitted_state("loss_params_").own_loss_params()

    @property
    def center_(self):
        """What is subtracted from each column."""
        return self._fitted_state("center_").columns.center

    @property
    def scale_(self):
        """What each column is divided by."""
        return self._fitted_state("scale_").columns.scale

    @property
    def standardize_(self):
        """What is done to the columns."""
        return self._fitted_state("standardize_").columns.kind

    def _fitted_state(self, name):
        if "_state" not in vars(self):
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}"
            )
        return self._state
