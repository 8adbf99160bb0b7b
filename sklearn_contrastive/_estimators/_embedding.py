"""The estimator: its parameters, what they mean, and which values they take."""

from numbers import Integral, Real

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from sklearn_contrastive._estimators._callbacks import CallbackSupportMixin
from sklearn_contrastive._estimators._fitting import FittingMixin
from sklearn_contrastive._estimators._metric import EmbeddingMetricMixin
from sklearn_contrastive.encoders import ACTIVATIONS, ENCODERS
from sklearn_contrastive.losses import LOSSES
from sklearn_contrastive.miners import MINERS, CrossBatchMemory, GlobalMiner
from sklearn_contrastive.similarity import SIMILARITIES, Similarity


class ContrastiveEmbedding(
    FittingMixin, EmbeddingMetricMixin, CallbackSupportMixin, BaseEstimator
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
