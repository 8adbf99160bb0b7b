"""The estimator: its parameters, and all that it does."""

from copy import copy
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive._estimators._callbacks import Reports, with_callbacks
from sklearn_contrastive._estimators._checkpoint import check_checkpoint, run_apart
from sklearn_contrastive._estimators._cross_fit import FOLDS, training_points
from sklearn_contrastive._estimators._metric import EmbeddingMetric
from sklearn_contrastive._estimators._plan import prepare
from sklearn_contrastive._estimators._scores import score_of
from sklearn_contrastive._estimators._state import (
    ContrastiveEstimator,
    replace_fitted,
    warn_of_collapse,
    warn_of_idleness,
)
from sklearn_contrastive._training._parallel import ParallelTrainer
from sklearn_contrastive._training._run import run
from sklearn_contrastive._training._trainer import Trainer
from sklearn_contrastive._validation import check_pairs, check_rows, shorten
from sklearn_contrastive._validation._shared import SharedRows
from sklearn_contrastive.encoders import ACTIVATIONS, ENCODERS
from sklearn_contrastive.losses import LOSSES
from sklearn_contrastive.miners import MINERS, CrossBatchMemory, GlobalMiner
from sklearn_contrastive.similarity import SIMILARITIES, Similarity

#: Constraints that several parameters share.
_AUTO, _COUNT = StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")
#: What a miner may be put into.
_LAYERS = CrossBatchMemory, GlobalMiner


class ContrastiveEmbedding(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ContrastiveEstimator,
):
    r"""Embedding learned with a contrastive loss.

    A multi-layer perceptron maps rows to points such that similar rows are close and
    dissimilar rows are at least a margin apart [1]_. Similarity comes from class
    labels, neighbourhoods, given pairs, continuous targets, label sets, or random views
    of a row. Pairs are built inside each mini-batch; `transform` maps new rows.

    The four parts of the problem are parameters: which pairs are positive
    (`similarity`), how a row becomes a point (`encoder`), which pairs to learn from
    (`miner`), and the objective over these pairs (`loss`).

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Dimension of the embedding, >= 1, in total over its networks. ``"auto"`` is 32,
        or 128 with ``encoder="mlp"`` and more than 20 classes, shared equally by up to
        four networks; each further network adds as many components as one of four has.
        With a torch module as `encoder` it is the module's own width for each network.

    similarity : str, Similarity, sparse matrix or callable, default="auto"
        Which pairs of rows are positive: ``"labels"`` those of the same class in `y`;
        ``"targets"`` those with close continuous `y`; ``"multilabel"`` those that share
        labels in `y`; ``"neighbors"`` neighbours in `X`; ``"views"`` random views of
        the same row; ``"pairs"`` the pairs in `X` with a positive label in `y`. An
        object of `sklearn_contrastive.similarity` sets parameters, a graph, pairs of
        row numbers, or the value of `y` that means unknown. A sparse matrix is a graph
        of similarities between rows, a function compares entries of `y`. ``"auto"`` is
        ``"pairs"`` for `X` of shape (n_pairs, 2, n_features); ``"neighbors"`` without
        `y`; ``"multilabel"`` for an indicator matrix or a list of sets; ``"targets"``
        for several columns and for numbers with a fraction; else ``"labels"``. Whole
        numbers as floats may be either, and are an error if more than a fifth of their
        values occur only once: name the similarity, or pass classes as ints.

    encoder : {"mlp", "linear"}, torch.nn.Module or callable, default="mlp"
        How a row becomes a point. ``"linear"`` is a linear map. A module must map
        (n_batch, n_features) to (n_batch, n_components); a copy of it is trained. A
        callable ``(n_features, n_components) -> module`` is a factory of one. Several
        networks have `n_components` in total: each is a copy of the module, with the
        same initial weights, or one that the factory made for it.

    hidden_layer_sizes : int or tuple of int, default=(128, 128)
        Width of each hidden layer of ``encoder="mlp"``, >= 1.

    activation : str, default="auto"
        Activation of the hidden layers of ``encoder="mlp"``: ``"relu"``, ``"silu"``,
        ``"selu"``, ``"gelu"``, ``"tanh"`` or ``"identity"``. ``"auto"`` is ``"relu"``,
        or ``"silu"`` with continuous targets, since weight decay brings that close to
        a linear map.

    dropout : float, default=0.1
        Share of hidden activations of ``encoder="mlp"`` that are zeroed in each
        training step, in [0, 1). A larger share reduces overfitting.

    n_members : int or "auto", default="auto"
        Number of networks, from 1 to 10,000, trained at once with different initial
        weights and batches. `n_components`, a multiple of `n_members`, is shared
        equally. The points of the networks are concatenated and divided by
        ``sqrt(n_members)``, so that a squared distance is the mean over networks.
        ``"auto"`` is 4 with ``"mlp"``; if 4 does not divide `n_components`, or leaves
        fewer than 4 per network, it is 2 or else 1. With other encoders it is 1: torch
        modules take their turns within a step.

    loss : str, Loss or callable, default="contrastive"
        The objective over the pairs. Sums over pairs: ``"contrastive"``,
        ``"contrastive_squared"``, ``"contrastive_linear"``, ``"siamese"``,
        ``"margin"``. Losses that compare the candidates of an anchor with each other:
        ``"triplet"``, ``"lifted"``, ``"nca"``, ``"info_nce"``, ``"supcon"``,
        ``"n_pair"``, ``"multi_similarity"``, ``"rank_n_contrast"``. With one learned
        proxy per class: ``"proxy_anchor"``. A sum of losses: ``"hybrid"``. An object of
        `sklearn_contrastive.losses` sets parameters, which a search reaches as
        ``loss__margin``; or a function ``(anchors, candidates, pairs) -> scalar``.

    margin : float or "auto", default="auto"
        The margin of a named `loss` that has one, > 0, in the units of that loss. For
        the contrastive losses it is the distance beyond which dissimilar rows have no
        loss: with a larger margin more pairs contribute, and classes move farther
        apart. ``"auto"`` is :math:`\sqrt 2` on the unit sphere (2 for
        ``"contrastive_squared"``, a squared distance) and 1 off it. For ``"triplet"``
        it is 0.2 on the unit sphere and 1 off it, for ``"margin"`` 0.2, for
        ``"lifted"`` 1.

    miner : str, callable, CrossBatchMemory or GlobalMiner, default="auto"
        Which pairs of a batch to learn from: ``"all"``; ``"nearest"``, the 5 nearest
        positives and 8 nearest negatives of each row; ``"hard"``, its farthest positive
        and nearest negative; ``"random"`` or ``"distance_weighted"`` samples;
        ``"multi_similarity"``, pairs in the wrong order; for the triplet loss only,
        ``"semihard"``, triplets in the right order but inside the margin. ``"memory"``
        adds rows of past batches, ``"global"`` puts rows that are confused with each
        other into one batch. An object of `sklearn_contrastive.miners` sets parameters;
        or a function ``(distances, pairs) -> pairs``. ``"auto"`` is ``"nearest"`` for
        the contrastive losses, ``"siamese"``, ``"lifted"`` and ``"n_pair"`` (with
        continuous targets 40 pairs of each kind instead of 5 and 8), ``"semihard"`` for
        ``"triplet"``, ``"distance_weighted"`` for ``"margin"`` on the unit sphere, and
        ``"all"`` for the others and for a function.

    normalize : bool, default=True
        Whether to scale embedded rows to length 1. Otherwise the margin only sets the
        scale of the embedding for most losses, and a search over it has little effect.

    standardize : bool or {"robust", "standard"}, default="robust"
        How the columns of `X` are standardised: ``"standard"`` subtracts the mean and
        divides by the standard deviation. ``"robust"``, or True, limits the influence
        of outliers: mean and standard deviation are those of values clipped to the 5th
        and 95th percentile plus and minus their difference, and standardised values
        are clipped smoothly to ±8. If more than half of the rows have one value, such
        as 0, the percentiles are those of the other rows. Constant columns become zero.

    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Which columns are categories: names, numbers or a mask of columns, or None.
        ``"from_dtype"`` takes those of a data frame that hold text, bools, or have a
        dtype of categories (of pandas, polars or Arrow). Each level with five rows or
        more (with one in twenty rows below 100) has its own place, as in one-hot
        coding; all others, also those that are new when rows are mapped, share one if
        there were such in `fit`, and so do missing ones. Of more than 255 levels, up
        to the 16,384 most frequent ones, an MLP learns eight numbers each [4]_; other
        encoders read places of the 255 most frequent ones.

    numeric_encoding : {"auto", "linear", "piecewise"}, default="auto"
        What the encoder reads of a column: ``"linear"``, its standardised value;
        ``"piecewise"``, also how far it is through each of up to 8 bins, whose ends
        are quantiles [2]_. Bins have 32 rows at least, and there are none in columns of
        two values, nor in tables of more than 512 columns. ``"auto"`` is
        ``"piecewise"`` with `cross_fit`, unless `encoder` is a torch module or a
        factory, else ``"linear"``: bins help to learn rows by heart, too.

    feature_weights : "auto", None or array-like of shape (n_features,), default="auto"
        What standardised columns are multiplied by, as shares of the largest; finite,
        >= 0 and not all 0. None is 1. A column with a small weight has little say in
        distances. ``"auto"`` learns weights from 0.05 to 1 by what a column tells of
        the labels, targets or label sets in `y`, alone and in randomised trees, beside
        what a column of noise would tell [3]_. Each network learns them from its own
        training rows. They are 1 with fewer than 300 rows and for other similarities,
        and stay those of the first fit where training resumes.

    batch_size : int or "auto", default="auto"
        Rows in a mini-batch, >= 2, clipped to the number of rows. In a larger batch
        each row has closer neighbours to learn from; the cost grows with the square.
        ``"auto"`` is 128.

    max_iter : int or "auto", default="auto"
        Number of epochs, >= 1, each one pass over the rows. ``"auto"`` is 12 passes,
        but at least 300 and at most 4,000 mini-batches of 128 rows, or as many rows in
        batches of 64 to 256; an epoch then has several passes if one pass has fewer
        than 10 mini-batches. Where ``feature_weights="auto"`` finds noisy class labels,
        by trees that are little better than the most frequent class, it is less, down
        to an eighth: long training learns such labels by heart. With `cross_fit` or
        `early_stopping` held-out rows decide instead.

    learning_rate_init : float, default=4e-3
        Peak learning rate of AdamW, > 0; reached after a short warm-up and followed
        by a cosine decay.

    alpha : float or "auto", default="auto"
        Weight decay of AdamW, >= 0, relative to the learning rate; biases do not
        decay. A larger value makes the map smoother. ``"auto"`` is 0.01; with
        continuous targets it is 3,000 divided by the number of rows, clipped to
        [0.01, 10].

    early_stopping : bool, default=False
        Whether to hold out rows, score a fixed set of their pairs at every report
        (see `verbose`), stop when the score no longer improves, and keep the best
        weights. Each network holds out different rows, so that together they learn from
        nearly all. This reduces overfitting to wrong labels. The score favours classes
        that form a single cluster; if they form several, training to the end is often
        better for nearest neighbours.

    validation_fraction : float, default=0.1
        Share of the rows to hold out for early stopping, in (0, 1); unused when
        `X_val` is given.

    n_iter_no_change : int, default=10
        Reports without improvement after which early stopping ends training, >= 1.

    tol : float, default=1e-4
        Minimum gain in score that counts as an improvement, >= 0.

    cross_fit : bool, int, splitter or list of (train, test), default=False
        Whether each network is trained without a fold of the rows. `fit_transform` then
        places every training row where a new row would be, in the networks that have
        not seen it, so that neighbours or a classifier behind it are not too sure; it
        no longer equals `transform`. True is four folds; an int, >= 2, their number;
        else folds of scikit-learn's kind that hold out every row at least once. Each
        fold has a network, or as many as are needed for `n_members`; folds are
        stratified by class. Held-out rows also choose between two lengths of training,
        a quarter of `max_iter` and all of it, by the votes of neighbours among them.
        Rows without a label are in no fold. Needs ``normalize=True``.

    warm_start : bool, default=False
        Whether `fit` resumes from the weights, standardisation and optimizer of the
        last fit; `n_iter_`, `n_steps_` and the curves are continued.

    device : str, default="auto"
        Where to train: a torch device such as ``"cpu"`` or ``"cuda:1"``, or
        ``"auto"`` for the first available of CUDA, MPS and CPU. The fitted model does
        not need that device.

    random_state : int, RandomState instance or None, default=None
        Determines weights, batches and dropout. On a CPU the same int gives the same
        bits, for the same number of threads.

    verbose : bool, default=False
        Whether to print the loss, and the validation score, at every report: at the
        end of each epoch and, in an epoch of more than 200 mini-batches, after every
        200 of them.

    Attributes
    ----------
    n_components_ : int
        Dimension of the embedding.

    n_members_ : int
        Number of networks.

    coefs_ : list of ndarray of shape (n_in, n_out) or (n_members, n_in, n_out)
        Weights of each layer, for ``"mlp"`` and ``"linear"``; with several networks
        they are the first axis. A view of the fitted state, like the arrays below;
        where columns have weights, the first layer is a copy that contains them.

    intercepts_ : list of ndarray of shape (n_out,) or (n_members, n_out)
        Biases of each layer.

    module_state_ : dict of str to ndarray
        Parameters and buffers of the torch module, where `encoder` is one. With several
        networks they are the first axis.

    center_, scale_ : ndarray of shape (n_features,) or None
        The value subtracted from each column, and its divisor (infinity for a constant
        column); None with ``standardize=False``. Each level of a category, and each
        indicator of missing cells, has an entry of its own.

    standardize_ : {"robust", "standard"} or None
        How the columns are standardised.

    columns_ : dict
        For the name (or number) of each column a dict with ``"levels"``, the list of
        those of a category that have a place of their own, None of numbers; and
        ``"missing"``, whether cells were missing in `fit`.

    feature_weights_ : ndarray of shape (n_features,)
        What standardised columns are multiplied by, the mean over networks.

    similarity_ : str or object
        The similarity used: the parameter, or the value of ``"auto"``.

    miner_ : str, object or dict
        The miner used; for a hybrid loss with ``miner="auto"`` a dict with the miner of
        each part.

    margin_ : float or None
        The margin used; None for a loss without one.

    alpha_ : float
        The weight decay used.

    batch_size_ : int
        Rows in a mini-batch.

    device_ : str
        The device of the training.

    encoder_ : object
        The map of standardised rows to points: the torch module or factory given, or an
        encoder of `sklearn_contrastive.encoders`.

    classes_ : ndarray of shape (n_classes,)
        The labels seen, for a similarity by labels.

    n_iter_ : int
        Epochs begun.

    n_steps_ : int
        Mini-batches trained on.

    loss_curve_ : list of float
        Mean loss of the mini-batches of each report.

    loss_params_ : dict of str to ndarray
        Learned parameters of the loss, such as ``"proxies"``, ``"boundary"`` or
        ``"log_temperature"``; for a part of a hybrid loss ``"NAME__boundary"``. With
        several networks they are the first axis. Empty for most losses.

    mining_curve_ : dict of str to list of float
        Statistics of the pairs of up to 512 rows in the last batch of each report: the
        shares that the miner keeps, ``"kept_positive"`` and ``"kept_negative"``, the
        shares with a loss above zero, ``"active_positive"`` and ``"active_negative"``,
        and for the kept pairs the mean distance, ``"mean_positive"`` and
        ``"mean_negative"``, and that of the hardest pair, ``"hardest_positive"`` (the
        farthest) and ``"hardest_negative"`` (the nearest). NaN without such pairs; for
        a hybrid loss, of its first part.

    validation_scores_ : list of float or None
        Score of the held-out pairs at each report: the share of (positive, negative)
        couples of pairs in which the positive pair is nearer, as the mean over
        networks, each with its last score once it has stopped. With `cross_fit`, minus
        the leave-one-out loss of held-out rows after each of two lengths. Else None.

    best_validation_score_ : float or None
        The score of the weights that were kept, as the mean over networks.

    folds_ : list of tuple (ndarray, ndarray)
        With `cross_fit`, the training rows and the held-out rows of each fold; network
        number i belongs to fold i modulo their number.

    n_features_in_ : int
        Number of columns seen in `fit`.

    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where `X` has string names.

    See Also
    --------
    ContrastiveNeighborsClassifier : Cross-fitted networks with a vote of neighbours.
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
    .. [2] Y. Gorishniy, I. Rubachev, A. Babenko, "On Embeddings for Numerical Features
       in Tabular Deep Learning", NeurIPS 2022.
    .. [3] M. B. Kursa, W. R. Rudnicki, "Feature Selection with the Boruta Package",
       Journal of Statistical Software 36(11), 2010.
    .. [4] C. Guo, F. Berkhahn, "Entity Embeddings of Categorical Variables",
       arXiv:1604.06737, 2016.

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
    ...     ContrastiveEmbedding(max_iter=20, random_state=0), KNeighborsClassifier()
    ... )
    >>> bool(cross_val_score(model, X, y).mean() > 0.95)
    True
    """

    _parameter_constraints = {
        "n_components": [_AUTO, _COUNT],
        "similarity": [
            StrOptions({"auto", *SIMILARITIES}),
            Similarity,
            "sparse matrix",
            callable,
        ],
        "encoder": [StrOptions(set(ENCODERS)), callable, HasMethods("forward")],
        "hidden_layer_sizes": ["array-like", _COUNT],
        "activation": [StrOptions({"auto", *ACTIVATIONS})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "n_members": [_AUTO, Interval(Integral, 1, 10_000, closed="both")],
        "loss": [StrOptions(set(LOSSES)), callable],
        "margin": [_AUTO, Interval(Real, 0, 1e14, closed="right")],
        "miner": [StrOptions({"auto", *MINERS}), callable, *_LAYERS],
        "normalize": ["boolean"],
        "standardize": ["boolean", StrOptions({"robust", "standard"})],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "numeric_encoding": [StrOptions({"auto", "linear", "piecewise"})],
        "feature_weights": [_AUTO, None, "array-like"],
        "batch_size": [_AUTO, Interval(Integral, 2, None, closed="left")],
        "max_iter": [_AUTO, _COUNT],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "alpha": [_AUTO, Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [_COUNT],
        "tol": [Interval(Real, 0, None, closed="left")],
        "cross_fit": ["boolean", *FOLDS],
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
        categorical_features="from_dtype",
        numeric_encoding="auto",
        feature_weights="auto",
        batch_size="auto",
        max_iter="auto",
        learning_rate_init=4e-3,
        alpha="auto",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        cross_fit=False,
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
        self.categorical_features = categorical_features
        self.numeric_encoding = numeric_encoding
        self.feature_weights = feature_weights
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.learning_rate_init = learning_rate_init
        self.alpha = alpha
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.cross_fit = cross_fit
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
                    f"{name}={shorten(value)}. Set `{name}` to an object, whose "
                    f"parameters can then be set and searched as `{name}__...`."
                )
        return super().set_params(**params)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X, y=None, X_val=None, y_val=None, rows=None, groups=None, checkpoint=None
    ):
        """Learn the embedding from rows and their labels, targets or pairs.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows: a data frame of any library, whose columns are numbers or categories,
            or an array of numbers, in raw units; cells may be missing. Or a sparse
            table of scipy, without any missing. It and a read-only memory map are read
            batch by batch. With ``similarity="pairs"``, also by "auto", pairs of rows
            of shape (n_pairs, 2, n_features), or two data frames ``(A, B)``, of which
            row i of both is a pair.

        y : array-like, sparse matrix or list of sets, default=None
            Class labels (numbers, strings, bools or other objects that can be sorted),
            continuous targets, an indicator matrix or label sets, or whether each pair
            is similar, as `similarity` needs. None to learn from rows alone.

        X_val : array-like of shape (n_val_samples, n_features), default=None
            Rows for the validation score, instead of rows held out of `X`; needs
            ``early_stopping=True``.

        y_val : array-like of shape (n_val_samples,), default=None
            Their labels, targets or pairs, of the kind of `y`. Classes may differ from
            those in `y`.

        rows : array-like of int of shape (n_samples,), default=None
            For a graph or pairs given by row numbers: the numbers that the rows of `X`
            have there, as in cross-validation. By default `X` is the whole table.

        groups : array-like of shape (n_samples,), default=None
            Groups of rows, such as the patient that each is of. Rows of one group are
            held out together, by `cross_fit` and `early_stopping`.

        checkpoint : str or path-like, default=None
            A file that the state of training is written to, after every 200
            mini-batches or more and at the end. Where it is there, the fit resumes
            from it, and on a CPU ends with the bits of a fit without a break: at once
            where that had ended. Delete it to begin anew. The file of a fit with
            other parameters or data is an error. Needs an int as `random_state`.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter, `X` or `y` is invalid, or if `checkpoint` is damaged or of
            another fit. With any error, the estimator stays as it was before the call.
        TypeError
            If labels cannot be compared, or if `X` is sparse where neighbours of all
            rows are looked for.
        FloatingPointError
            If the loss, or a weight, stops being finite.

        Warns
        -----
        UserWarning
            If the embedding has collapsed, or if training was interrupted after its
            first report; then the state of the last report is kept.
        """
        before = vars(self) if self.warm_start and "_state" in vars(self) else None
        if checkpoint is not None:
            check_checkpoint(self, checkpoint, before)
        given = X_val, y_val, rows, groups
        return self._fit(X, y, *given, before=before, checkpoint=checkpoint)

    def fit_transform(
        self, X, y=None, X_val=None, y_val=None, rows=None, groups=None, checkpoint=None
    ):
        """Learn the embedding, and map the rows it was learned from.

        With `cross_fit` a row lies where new rows would: only in the networks that have
        not been trained on it, with zeros in place of its points in the others.

        Parameters
        ----------
        X, y, X_val, y_val, rows, groups : array-like
            As in `fit`.

        checkpoint : str or path-like, default=None
            As in `fit`.

        Returns
        -------
        X_embedded : ndarray of shape (n_samples, n_components)
            Points. Without `cross_fit` those of `transform`; with it, their length is
            not 1 but such that the mean over networks compares with that of new rows.

        Raises
        ------
        ValueError, TypeError, FloatingPointError
            As in `fit`.
        """
        given = {"X_val": X_val, "y_val": y_val, "rows": rows, "groups": groups}
        given["checkpoint"] = checkpoint
        # A derived class may have a `fit` with fewer.
        self.fit(X, y, **{k: v for k, v in given.items() if v is not None})
        return training_points(self, X)

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None):
        """Train for one pass over some rows, resuming from the current state.

        The first call, or an earlier `fit`, learns how columns are standardised. The
        learning rate is constant; `early_stopping` and `max_iter` are not used.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, as in `fit`.

        y : array-like, sparse matrix or list of sets, default=None
            As in `fit`. Labels must be of at least two classes, one of them with two
            rows; the classes may differ from those of other calls.

        Returns
        -------
        self : estimator
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError, FloatingPointError
            As in `fit`.
        """
        if self.cross_fit is not False:
            raise ValueError(
                "`partial_fit` needs `cross_fit=False`: rows of later calls belong to "
                f"no fold; got {shorten(self.cross_fit)}."
            )
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
            If `X` has other columns than in `fit`, or holds infinity.
        """
        # A copy, since another thread may begin or end a fit meanwhile.
        check_is_fitted(fitted := copy(self))
        return fitted._state.embed(check_rows(fitted, X, reset=False))

    def pair_distance(self, pairs):
        """Return the learned distance between the two rows of each pair.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, n_features) or two data frames
            Pairs of rows, as they would be given to `transform`; of frames, row i of
            both.

        Returns
        -------
        distances : ndarray of shape (n_pairs,)
            Euclidean distances of the embeddings, >= 0; at most 2 on the unit sphere.

        Raises
        ------
        ValueError
            If `pairs` has another shape or other columns than in `fit`, or holds
            infinity.
        """
        check_is_fitted(fitted := copy(self))
        pairs = check_pairs(fitted, pairs)
        left, right = (fitted._state.embed(pairs[:, end]) for end in (0, 1))
        return np.sqrt(((left - right) ** 2).sum(axis=1))

    def pair_score(self, pairs):
        """Return the similarity of the two rows of each pair: minus their distance.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, n_features) or two data frames
            Pairs of rows, as they would be given to `transform`; of frames, row i of
            both.

        Returns
        -------
        scores : ndarray of shape (n_pairs,)
            Numbers <= 0; the greater, the more similar.
        """
        return -self.pair_distance(pairs)

    def get_metric(self):
        """Return the learned distance as a function of two rows.

        Each call embeds two rows, so a neighbour search with it is slow: put the
        embedding in a pipeline before the classifier instead.

        Returns
        -------
        metric : callable
            ``metric(u, v)`` is the distance of the rows `u` and `v`. It can be
            pickled and does not change when the estimator is fitted again.
        """
        check_is_fitted(fitted := copy(self))
        return EmbeddingMetric(fitted)

    def score(self, X, y=None):
        """Return the leave-one-out score of nearest neighbours in the embedding.

        For class labels: the accuracy of the nearest row. For continuous targets: R² of
        the mean of the 5 nearest rows. For label sets: the mean Jaccard index with the
        nearest row. For pairs of rows: the area under the ROC curve of their distances.
        Without `y`: the share of the 5 nearest rows in standardised `X` that are among
        the 5 nearest in the embedding.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_pairs, 2, n_features)
            Rows, at least two, preferably not used in `fit`. Pairs may also be two
            data frames, ``(A, B)``.

        y : array-like, sparse matrix or list of sets, default=None
            As in `fit`. Rows with an unknown label or target are ignored.

        Returns
        -------
        score : float
            At most 1; the greater, the better.

        Raises
        ------
        ValueError
            If `y` is invalid, or there are too few rows.

        Warns
        -----
        UserWarning
            If the score is the same for every embedding, as with rows of one class.
        """
        check_is_fitted(fitted := copy(self))
        return score_of(fitted, X, y)

    @with_callbacks
    def _fit(self, X, y, *given, before=None, once=False, checkpoint=None):
        """Plan, train, and take the place of what was fitted before."""
        plan = prepare(self, X, y, *given, before=before, once=once)
        import torch

        normalize, device = plan.state.normalize, plan.fitted["device_"]
        tasks = None
        if not once:
            tasks = self._init_callback_context(max_subtasks=plan.epochs.n_reports)
        with torch.inference_mode(False), torch.enable_grad():
            kind = ParallelTrainer if isinstance(plan.X, SharedRows) else Trainer
            trainer = kind(plan.models, normalize=normalize, device=device)
            for member, source in enumerate(plan.global_batches):
                source.embed = partial(trainer.embed, models=slice(member, member + 1))
            reports = Reports(self, tasks, {"X": X, "y": y}, plan.attributes)
            if kind is Trainer and checkpoint is None:
                report = run(trainer, plan.epochs, plan.history, plan.stopping, reports)
            else:
                report = run_apart(self, plan, trainer, reports, checkpoint, y, given)
        attributes = plan.attributes(report)
        warn_of_idleness(plan, attributes["loss_curve_"], trainer.memories)
        warn_of_collapse(plan, trainer, attributes)
        reports.end_fit(attributes)
        replace_fitted(self, attributes, resumed=before is not None)
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        similarity = self.similarity
        if isinstance(similarity, str):
            similarity = SIMILARITIES.get(similarity)
        # A graph or a function has no such attribute.
        tags.target_tags.required = getattr(similarity, "needs_y", False)
        tags.target_tags.multi_output = tags.input_tags.allow_nan = True
        tags.input_tags.sparse = similarity is not SIMILARITIES["neighbors"]
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def coefs_(self):
        """The weights of each layer, for ``"mlp"`` and ``"linear"``."""
        return self._fitted_state("coefs_").layers("coefs_")[0::2]

    @property
    def intercepts_(self):
        """The biases of each layer, for ``"mlp"`` and ``"linear"``."""
        return self._fitted_state("intercepts_").layers("intercepts_")[1::2]

    @property
    def module_state_(self):
        """The parameters and buffers of the torch module by name, if there is one."""
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

    @property
    def columns_(self):
        """What became of each column: its levels, if it is a category, and gaps."""
        self._fitted_state("columns_")
        return self._seen.described(vars(self).get("feature_names_in_"))

    def _fitted_state(self, name):
        if "_state" not in vars(self):
            raise AttributeError(f"{name!r} is an attribute of fitted estimators only.")
        return self._state
