"""PairVerifier: a classifier of pairs of rows by their distance in an embedding."""

import sys
from collections.abc import Sized
from contextlib import nullcontext
from copy import copy
from numbers import Real

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils import _param_validation, check_random_state, validation

from sklearn_contrastive._estimators._state import ContrastiveEstimator, replace_fitted
from sklearn_contrastive._validation import SEEN, shorten, validate
from sklearn_contrastive.verification import _embedding, _samples, _thresholds
from sklearn_contrastive.verification._calibration import fit_sigmoid, warn_if_swapped

_SHARE = _param_validation.Interval(Real, 0, 1, closed="neither")
_SETTINGS = {
    "strategy": [_param_validation.StrOptions(set(_thresholds.STRATEGIES))],
    "min_rate": [_param_validation.Interval(Real, 0, 1, closed="both"), None],
    "beta": [_param_validation.Interval(Real, 0, None, closed="neither"), None],
    "target_far": [_SHARE, None],
    "confidence": [_SHARE, None],
}


class PairVerifier(ClassifierMixin, ContrastiveEstimator):
    r"""Classifier of pairs of rows: same or different.

    Both rows of a pair are embedded. The pair is the same where

    .. math::

        \lVert f(a) - f(b) \rVert \le t

    with the embedding f and a threshold t that is set on labelled pairs.

    Parameters
    ----------
    embedding : transformer or None, default=None
        What maps rows to points. A `ContrastiveEmbedding`, or a `Pipeline` that ends
        in one, is cloned and learns from the pairs and their labels; None is
        ``ContrastiveEmbedding()``. Any other transformer is cloned and fitted on the
        rows of the pairs, without labels. A fitted transformer in
        `sklearn.frozen.FrozenEstimator` is used as it is.

    strategy : str, default="accuracy"
        The objective of the threshold: ``"accuracy"``; ``"f_beta"``, the F-beta score
        of "same"; ``"max_tpr"`` to accept most same pairs, while at least `min_rate`
        of the different ones are rejected; ``"max_tnr"`` to reject most different
        pairs, while at least `min_rate` of the same ones are accepted; ``"eer"``,
        equal error rates; ``"far"`` to accept most pairs, while the false-accept rate
        of new pairs is at most `target_far` with probability `confidence`.

    min_rate : float, default=None
        The least rate for ``"max_tpr"`` and ``"max_tnr"``, in [0, 1], which require it.
        This and the next three are errors where `strategy` does not use them.

    beta : float, default=None
        Weight of recall against precision for ``"f_beta"``, > 0. A larger one accepts
        more. None is 1.

    target_far : float, default=None
        The highest false-accept rate for ``"far"``, in (0, 1). A larger one accepts
        more. None is 0.01.

    confidence : float, default=None
        Probability that ``"far"`` keeps this rate, in (0, 1). A larger one accepts
        less. None is 0.95.

    validation_fraction : float, default=0.2
        Share of the pairs of each class to hold out of the training of an embedding
        that learns from pairs, in (0, 1), at least one pair. They set the threshold and
        the probabilities, since distances of training pairs are too good. With other
        embeddings all pairs set them.

    preprocessor : array-like of shape (n_rows, n_features) or callable, default=None
        The table that pairs of row numbers index: positions, counted from 0, whatever
        the index of a DataFrame. Or a function from an array of distinct ids of any
        kind, ascending, to their rows. It is read whenever pairs are given, so that a
        fitted verifier can be set to another one. `clone` copies a table, but not a
        function.

    random_state : int, RandomState instance or None, default=None
        Determines the held-out pairs, and the seed of every `random_state` of
        `embedding` that is None.

    Attributes
    ----------
    embedding_ : transformer
        The fitted embedding.

    threshold_ : float
        Largest distance of a same pair, between two distances of the pairs that set it;
        -1 to accept no pair, and twice the greatest distance to accept all.

    strategy_ : str or None
        The strategy that set it; None after `set_threshold`.

    calibration_ : tuple of float
        Slope and intercept of the logit of `predict_proba` by the distance.

    n_calibration_pairs_ : ndarray of int of shape (2,)
        Pairs of each class that set the threshold.

    classes_ : ndarray of shape (2,)
        The labels; the second, which is the greater, means same.

    n_features_in_ : int
        Number of columns of a row.

    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where rows are in data frames with string names.

    See Also
    --------
    ContrastiveEmbedding : The embedding, also for other uses of pairs.
    sklearn.model_selection.TunedThresholdClassifierCV : A threshold for any score,
        by cross-validation.

    Notes
    -----
    ``"far"`` requires different pairs that are independent of each other, and so share
    no rows, and of the embedding, and new pairs that are drawn as these were.

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
        **_SETTINGS,
        "embedding": [_param_validation.HasMethods(["fit", "transform"]), None],
        "validation_fraction": [_SHARE],
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
        """Fit the embedding, unless it is frozen, and set threshold and probabilities.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs of rows: an array, or two data frames ``(A, B)`` with the same
            columns, of which row i of both is a pair. With `preprocessor`, pairs of row
            numbers or other ids. Categories and missing numbers are for a
            `ContrastiveEmbedding` to read, or for the steps before it.

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
            If a parameter, `X` or `y` is invalid, if a setting is given that
            `strategy` does not use, if `embedding` or a step of it cannot learn from
            pairs, if two data frames have other columns or numbers of rows, or if
            there are too few different pairs for ``"far"``. After any
            error the state of an earlier fit is kept.
        TypeError
            If `X` is sparse, or a step of `embedding` cannot be fitted without labels.

        Warns
        -----
        UserWarning
            If the embedding learns from pairs and a class has one pair only; or if same
            pairs lie farther apart than others, as where the wrong label means same.
        """
        samples = self._read(X, "X")
        classes, same = _samples.read_labels(y, len(samples.ends))
        rng = check_random_state(self.random_state)
        embedding, learns = _embedding.prepare_embedding(self.embedding)
        settings = _thresholds.resolve_settings(self.strategy, vars(self))
        held_out, held_out_same = samples, same
        if learns:
            kept, out = _embedding.hold_out_pairs(same, self.validation_fraction, rng)
            held_out, held_out_same = samples.among(out), same[out]
            samples, same = samples.among(kept), same[kept]
        _thresholds.check_enough_pairs(self.strategy, settings, held_out_same)
        _embedding.set_seeds(embedding, rng)
        context, given = self._init_callback_context(max_subtasks=1), {"X": X, "y": y}
        context.call_on_fit_task_begin(estimator=self, **given)
        task = context.subcontext(task_name="fit-embedding")
        last = _embedding.last_step(embedding)
        with task.propagate_callback_context(last) if learns else nullcontext():
            task.call_on_fit_task_begin(estimator=self, **given)
            _embedding.fit_embedding(embedding, learns, samples, same)
        task.call_on_fit_task_end(estimator=self, **given)
        distances = _embedding.pair_distances(embedding, held_out)
        rest = held_out_same, distances
        attributes = _calibrate(self.strategy, settings, classes, *rest)
        reader = copy(self)
        _samples.check_columns(reader, samples.tables[0], reset=True)
        attributes |= {
            name: vars(reader)[name] for name in SEEN if name in vars(reader)
        }
        attributes |= {"embedding_": embedding, "classes_": classes}
        replace_fitted(self, attributes)
        # All of the copy for callbacks is set already.
        context.call_on_fit_task_end(
            estimator=self, **given, reconstruction_attributes={}
        )
        return self

    def pair_distance(self, pairs):
        """Return the distance between the two rows of each pair.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs, as in `fit`.

        Returns
        -------
        distances : ndarray of float64 of shape (n_pairs,)
            Euclidean distances in the embedding, >= 0.

        Raises
        ------
        ValueError
            If `pairs` are invalid, or of other columns than in `fit`.
        """
        return self._distances(pairs, "pairs")

    def pair_score(self, pairs):
        """Return the similarity of the two rows of each pair: minus their distance.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs, as in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_pairs,)
            Numbers <= 0; the greater, the more similar.
        """
        return -self.pair_distance(pairs)

    def decision_function(self, X):
        """Return ``threshold_`` minus the distance of each pair.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs, as in `fit`.

        Returns
        -------
        decision : ndarray of shape (n_pairs,)
            At least 0 for same pairs.
        """
        # A copy, since another thread may end a fit meanwhile.
        fitted = copy(self)
        distances = fitted._distances(X, "X")
        return fitted.threshold_ - distances

    def predict(self, X):
        """Return the label of each pair, by the threshold and not by `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs, as in `fit`.

        Returns
        -------
        y : ndarray of shape (n_pairs,)
            ``classes_[1]`` where the distance is at most ``threshold_``, else
            ``classes_[0]``.
        """
        fitted = copy(self)
        same = fitted.decision_function(X) >= 0
        return fitted.classes_[same.astype(int)]

    def predict_proba(self, X):
        """Return the probabilities of both classes for each pair.

        They hold where same pairs are as frequent as among those that set them. That of
        "same" decreases with the distance.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs, as in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_pairs, 2)
            For ``classes_[0]`` and ``classes_[1]``.
        """
        fitted = copy(self)
        distances = fitted._distances(X, "X")
        slope, intercept = fitted.calibration_
        same = expit(intercept + slope * distances)
        return np.column_stack([1 - same, same])

    def set_threshold(self, threshold):
        """Set the threshold by hand; probabilities stay as they are.

        Parameters
        ----------
        threshold : float
            Largest distance of a same pair. A negative one accepts no pair.

        Returns
        -------
        self : PairVerifier
            With this ``threshold_``, and a ``strategy_`` of None.

        Raises
        ------
        ValueError
            If it is no finite number.
        """
        validation.check_is_fitted(self)
        number = isinstance(threshold, Real) and not isinstance(threshold, bool)
        if not number or not abs(threshold) <= sys.float_info.max:
            raise ValueError(
                "`threshold` must be a finite number (-1: no pair); got "
                f"{shorten(threshold)}."
            )
        self.threshold_, self.strategy_ = float(threshold), None
        return self

    @validate({**_SETTINGS, "strategy": [*_SETTINGS["strategy"], None]}, False)
    def calibrate_threshold(
        self,
        pairs,
        y,
        strategy=None,
        min_rate=None,
        beta=None,
        target_far=None,
        confidence=None,
    ):
        """Set threshold and probabilities on other pairs; the embedding stays.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs, as in `fit`, best those that the embedding did not learn from.

        y : array-like of shape (n_pairs,)
            Their labels: both labels of `fit`.

        strategy : str, default=None
            As in the constructor, whose own strategy stands for None.

        min_rate, beta, target_far, confidence : float, default=None
            As in the constructor. None is the value of the constructor where the
            strategy uses it. The constructor's values are not changed.

        Returns
        -------
        self : PairVerifier
            With another ``threshold_``, ``strategy_``, ``calibration_`` and
            ``n_calibration_pairs_``.

        Raises
        ------
        ValueError
            If pairs, labels or a setting are invalid, as in `fit`. Nothing is changed.
        """
        validation.check_is_fitted(self)
        given = dict(
            min_rate=min_rate, beta=beta, target_far=target_far, confidence=confidence
        )
        strategy = strategy or self.strategy
        settings = _thresholds.resolve_settings(strategy, given, vars(self))
        distances = self._distances(pairs, "pairs")
        classes, same = _samples.read_labels(y, len(distances))
        if not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"`y` must hold the labels of `fit`, {shorten(self.classes_)}; got "
                f"{shorten(classes)}."
            )
        attributes = _calibrate(strategy, settings, classes, same, distances)
        replace_fitted(self, attributes, resumed=True)
        return self

    def _read(self, X, name):
        """Return validated pairs."""
        return _samples.read_pairs(self, X, self.preprocessor, name)

    def _distances(self, X, name):
        """Return the distances of the user's pairs."""
        validation.check_is_fitted(fitted := copy(self))
        samples = fitted._read(X, name)
        _samples.check_columns(fitted, samples.tables[0], reset=False)
        return _embedding.pair_distances(fitted.embedding_, samples)

    def __repr__(self, N_CHAR_MAX=700):
        shown, table = copy(self), self.preprocessor
        if isinstance(table, Sized) and not isinstance(table, str):
            text = f"<{type(table).__name__} of {len(table)} rows>"
            shown.preprocessor = _Unquoted(text)
        return BaseEstimator.__repr__(shown, N_CHAR_MAX)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.three_d_array = self.preprocessor is None
        tags.input_tags.two_d_array = self.preprocessor is not None
        tags.input_tags.allow_nan = _embedding.allows_nan(self.embedding)
        return tags


def _calibrate(strategy, settings, classes, same, distances):
    """Return threshold and probabilities, as attributes of a verifier."""
    warn_if_swapped(classes, same, distances)
    threshold = _thresholds.choose_threshold(strategy, settings, same, distances)
    return {
        "calibration_": fit_sigmoid(same, distances),
        "threshold_": threshold,
        "strategy_": strategy,
        "n_calibration_pairs_": np.bincount(same, minlength=2),
    }


class _Unquoted(str):
    """Text that stands for a table in `repr`, without quotes."""

    __repr__ = str.__str__
