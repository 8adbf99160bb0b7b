"""Are these two rows the same? A classifier of pairs by their learned distance."""

from copy import copy
from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive.verification._decisions import PairDecisionsMixin
from sklearn_contrastive.verification._labels import hold_out_pairs, read_labels
from sklearn_contrastive.verification._samples import pair_distances
from sklearn_contrastive.verification._thresholds import STRATEGIES, check_strategy
from sklearn_contrastive.verification._training import (
    fit_on_pairs,
    learns_from_pairs,
    seed,
)

__all__ = ["PairVerifier"]


class PairVerifier(ClassifierMixin, PairDecisionsMixin, BaseEstimator):
    r"""Classifier that says of two rows whether they are the same.

    Each sample is a pair of rows. Both are embedded, and the pair is the same where

    .. math::

        \lVert f(a) - f(b) \rVert \le t

    with the embedding f and a threshold t that is chosen by pairs whose label is known.

    Parameters
    ----------
    embedding : transformer or None, default=None
        What maps rows to points. A `ContrastiveEmbedding`, or a `Pipeline` that ends
        in one, is cloned and learns from the pairs and their labels; None is
        ``ContrastiveEmbedding()``. Any other transformer is cloned and fitted on the
        rows of the pairs, without labels. A fitted transformer in
        `sklearn.frozen.FrozenEstimator` is used as it is: so an embedding that was
        trained on labelled rows can verify.

    strategy : str, default="accuracy"
        What the threshold is chosen for: ``"accuracy"`` most right answers;
        ``"f_beta"`` the greatest F-beta score of "same"; ``"max_tpr"`` most of the
        same accepted, while at least `min_rate` of the different are rejected;
        ``"max_tnr"`` most of the different rejected, while at least `min_rate` of the
        same are accepted; ``"eer"`` equal rates of both errors; ``"far"`` most
        accepted, while the rate of false accepts, among all pairs of the kind, is
        at most `target_far` with probability `confidence`.

    min_rate : float, default=None
        The least rate for ``"max_tpr"`` and ``"max_tnr"``, in [0, 1], which must be
        given for them. Like `beta`, `target_far` and `confidence`, it must not be given
        where `strategy` does not use it.

    beta : float, default=None
        Weight of recall against precision for ``"f_beta"``, > 0. A larger one accepts
        more. None is 1.

    target_far : float, default=None
        The greatest rate of false accepts for ``"far"``, in (0, 1). A larger one
        accepts more. None is 0.01.

    confidence : float, default=None
        How sure ``"far"`` is of it, in (0, 1). A larger one accepts less. None is 0.95.

    validation_fraction : float, default=0.2
        Share of the pairs of each kind to hold out of the training of an embedding
        that learns from pairs, in (0, 1): threshold and probabilities are set by
        them, since the distances of pairs it has learned from are too good. At least
        one of each kind is held out, and one left. With other embeddings all pairs
        set the threshold.

    preprocessor : array-like of shape (n_rows, n_features) or callable, default=None
        The table that row numbers speak of, where pairs are given as such: positions,
        counted from 0, also in a DataFrame, whatever its index. Or a function from an
        array of distinct ids of any kind, ascending, to their rows. It is looked up
        whenever pairs are given: a fitted verifier can be set to another table.
        `sklearn.base.clone` copies a table, but not a function.

    random_state : int, RandomState instance or None, default=None
        Determines the pairs that are held out, and the seed of every `random_state`
        of `embedding` that is None.

    Attributes
    ----------
    embedding_ : transformer
        The fitted embedding.

    threshold_ : float
        Distance up to which a pair is the same. It lies between two distances seen; it
        is -1 where accepting no pair is best, and twice the greatest distance where
        accepting all is.

    strategy_ : str or None
        What it was chosen for: `strategy`, or that of the last `calibrate_threshold`.
        None after `set_threshold`.

    calibration_ : tuple of float
        Slope and intercept of the logit of `predict_proba`, as a function of the
        distance.

    n_calibration_pairs_ : ndarray of int of shape (2,)
        Pairs of either class that set the threshold.

    classes_ : ndarray of shape (2,)
        The labels; the second, which is the greater, means same.

    n_features_in_ : int
        Number of columns of a row.

    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where `preprocessor` gives a DataFrame with string names.

    See Also
    --------
    ContrastiveEmbedding : The embedding, also for other uses of pairs.
    sklearn.model_selection.TunedThresholdClassifierCV : A threshold for any score,
        by cross-validation.

    Notes
    -----
    What ``"far"`` promises rests on different pairs that are independent of each other
    and of the embedding, and drawn as those that will be asked about. Pairs that share
    rows are not independent.

    References
    ----------
    .. [1] S. Chopra, R. Hadsell, Y. LeCun, "Learning a Similarity Metric
       Discriminatively, with Application to Face Verification", CVPR 2005.

    Examples
    --------
    Are two wines of one grape? Pairs of neighbouring rows in random order:

    >>> import numpy as np
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.utils import shuffle
    >>> from sklearn_contrastive.verification import PairVerifier
    >>> X, y = shuffle(*load_wine(return_X_y=True), random_state=0)
    >>> pairs, same = X.reshape(-1, 2, 13), y[::2] == y[1::2]
    >>> verifier = PairVerifier(random_state=0).fit(pairs[:60], same[:60])
    >>> verifier.score(pairs[60:], same[60:]) > 0.85
    True
    """

    _parameter_constraints = {
        "embedding": [HasMethods(["fit", "transform"]), None],
        "strategy": [StrOptions(set(STRATEGIES))],
        "min_rate": [Interval(Real, 0, 1, closed="both"), None],
        "beta": [Interval(Real, 0, None, closed="neither"), None],
        "target_far": [Interval(Real, 0, 1, closed="neither"), None],
        "confidence": [Interval(Real, 0, 1, closed="neither"), None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "preprocessor": ["array-like", callable, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        embedding=None,
        *,
        strategy="accuracy",
        min_rate=None,
        beta=None,
        target_far=None,
        confidence=None,
        validation_fraction=0.2,
        preprocessor=None,
        random_state=None,
    ):
        self.embedding = embedding
        self.strategy = strategy
        self.min_rate = min_rate
        self.beta = beta
        self.target_far = target_far
        self.confidence = confidence
        self.validation_fraction = validation_fraction
        self.preprocessor = preprocessor
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y):
        """Learn the embedding, unless it is frozen, and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs of rows, numeric and finite; or of row numbers or other ids, with
            `preprocessor`.

        y : array-like of shape (n_pairs,)
            Two labels of any type that can be sorted: bools, 0 and 1, -1 and 1,
            strings. The greater (of strings, the later in the alphabet) means same.

        Returns
        -------
        self : PairVerifier
            The fitted verifier.

        Raises
        ------
        ValueError
            If a parameter, `X` or `y` is not what it must be, if a setting is given
            that `strategy` does not use, if `embedding` or a step of it cannot learn
            from pairs, or if there are too few different pairs for ``"far"``.
            Here, and with the errors below, what an earlier fit has learned is kept.
        TypeError
            If `X` is sparse.
        NotFittedError
            If a frozen `embedding` is not fitted.

        Warns
        -----
        UserWarning
            If there is one pair only of a kind, and the embedding learns from it; or if
            pairs of the same lie farther apart than the others, as where the wrong
            label means same.
        """
        from sklearn.frozen import FrozenEstimator

        samples = self._read(X, "X")
        classes, same = read_labels(y, len(samples.ends))
        rng = check_random_state(self.random_state)
        embedding = ContrastiveEmbedding()
        if self.embedding is not None:
            embedding = clone(self.embedding)
        judged, judged_same, learns = samples, same, learns_from_pairs(embedding)
        settings = self._settings()
        if learns:
            kept, held_out = hold_out_pairs(same, self.validation_fraction, rng)
            judged, judged_same = samples.among(held_out), same[held_out]
        check_strategy(settings, int((~judged_same).sum()))
        seed(embedding, rng)
        if learns:
            rows = samples.among(kept).listed()
            embedding = fit_on_pairs(embedding, rows, same[kept])
        elif not isinstance(embedding, FrozenEstimator):
            embedding.fit(samples.listed())
        distances = pair_distances(embedding, judged, "X")
        self._calibrate(settings, classes, judged_same, distances)
        self.embedding_, self.classes_ = embedding, classes
        self.n_features_in_ = samples.rows.shape[1]
        vars(self).pop("feature_names_in_", None)
        if samples.names:
            self.feature_names_in_ = np.asarray(samples.names, dtype=object)
        return self

    def __repr__(self, N_CHAR_MAX=700):
        shown, table = copy(self), self.preprocessor
        if hasattr(table, "__len__") and not isinstance(table, str):
            shown.preprocessor = _Named(table)
        return BaseEstimator.__repr__(shown, N_CHAR_MAX)

    def score(self, X, y, sample_weight=None):
        """Return the share of pairs that `predict` answers right.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs, as in `fit`.

        y : array-like of shape (n_pairs,)
            Their labels.

        sample_weight : array-like of shape (n_pairs,), default=None
            How much each pair counts.

        Returns
        -------
        accuracy : float
            In [0, 1].
        """
        return super().score(X, y, sample_weight=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.three_d_array = self.preprocessor is None
        tags.input_tags.two_d_array = self.preprocessor is not None
        return tags


class _Named:
    """Stands for a table where its rows are not to be printed."""

    def __init__(self, table):
        self.name = f"<{type(table).__name__} of {len(table)} rows>"

    def __repr__(self):
        return self.name
