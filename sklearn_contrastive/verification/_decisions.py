"""What a fitted verifier says of pairs, and how its threshold is set anew."""

import warnings
from numbers import Real

import numpy as np
from scipy.special import expit
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from sklearn_contrastive.verification._labels import read_labels
from sklearn_contrastive.verification._samples import pair_distances, read_pairs
from sklearn_contrastive.verification._thresholds import (
    DEFAULTS,
    STRATEGIES,
    check_strategy,
    cuts_of,
    nearer_share,
    threshold_by,
    used_settings,
)


class PairDecisionsMixin:
    """Answers for a classifier of pairs that has an ``embedding_``."""

    def pair_distance(self, pairs):
        """Return the distance between the two rows of each pair.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs of rows, or of row numbers with `preprocessor`.

        Returns
        -------
        distances : ndarray of float64 of shape (n_pairs,)
            Euclidean distances in the embedding, >= 0.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If `pairs` has another shape or width than in `fit`, holds NaN or infinity,
            or row numbers that `preprocessor` does not have.
        """
        return self._distances(pairs, "pairs")

    def pair_score(self, pairs):
        """Return the similarity of the two rows of each pair: minus their distance.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs, as in `pair_distance`.

        Returns
        -------
        scores : ndarray of shape (n_pairs,)
            Numbers <= 0; the greater, the more similar.
        """
        return -self.pair_distance(pairs)

    def decision_function(self, X):
        """Return by how much each pair is nearer than the threshold.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs, as in `fit`.

        Returns
        -------
        decision : ndarray of shape (n_pairs,)
            ``threshold_`` minus the distance: positive for the same.
        """
        distances = self._distances(X, "X")
        return self.threshold_ - distances

    def predict(self, X):
        """Return for each pair whether it is the same or different.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs, as in `fit`.

        Returns
        -------
        y : ndarray of shape (n_pairs,)
            ``classes_[1]`` where the distance is at most ``threshold_``, else
            ``classes_[0]``. It does not depend on `predict_proba`.
        """
        same = self.decision_function(X) >= 0
        return self.classes_[same.astype(int)]

    def predict_proba(self, X):
        """Return how probable it is that each pair is different, and the same.

        The probability falls as the distance grows. It speaks of pairs among which the
        same are as frequent as among those it was calibrated on.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs, as in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_pairs, 2)
            For ``classes_[0]`` and ``classes_[1]``.
        """
        distances = self._distances(X, "X")
        slope, intercept = self.calibration_
        same = expit(intercept + slope * distances)
        return np.column_stack([1 - same, same])

    def set_threshold(self, threshold):
        """Set the threshold by hand.

        Parameters
        ----------
        threshold : float
            Distance up to which a pair is the same. A negative one accepts no pair.

        Returns
        -------
        self : PairVerifier
            With this ``threshold_``, and a ``strategy_`` of None. Probabilities stay as
            they are.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If it is no number.
        """
        check_is_fitted(self)
        number = isinstance(threshold, Real) and not isinstance(threshold, bool)
        if not number or not np.isfinite(threshold):
            raise ValueError(
                f"`threshold` must be a finite number, a distance; got {threshold!r}. "
                "Set -1 to accept no pair."
            )
        self.threshold_, self.strategy_ = float(threshold), None
        return self

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
        """Set the threshold, and probabilities, by other pairs.

        The embedding stays as it is. Pairs that it did not learn from give a threshold
        that holds for pairs it will see.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, n_features) or (n_pairs, 2)
            Pairs, as in `fit`.

        y : array-like of shape (n_pairs,)
            Their labels, of both kinds and those of `fit`.

        strategy : str, default=None
            As in the constructor. None means the strategy of the constructor, not that
            of an earlier call.

        min_rate, beta, target_far, confidence : float, default=None
            As in the constructor. None means the value of the constructor where the
            strategy uses it. The constructor's values are not changed.

        Returns
        -------
        self : PairVerifier
            With another ``threshold_``, ``strategy_``, ``calibration_`` and
            ``n_calibration_pairs_``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If pairs, labels or a setting are not what they must be, or a setting is
            given that the strategy does not use. Nothing is changed then.

        Warns
        -----
        UserWarning
            If pairs of the same lie farther apart than the others, as in `fit`.
        """
        check_is_fitted(self)
        given = {
            "min_rate": min_rate,
            "beta": beta,
            "target_far": target_far,
            "confidence": confidence,
        }
        validate_parameter_constraints(
            self._parameter_constraints,
            given | ({} if strategy is None else {"strategy": strategy}),
            caller_name="calibrate_threshold",
        )
        settings = self._settings(strategy, given)
        distances = self._distances(pairs, "pairs")
        labels, same = read_labels(y, len(distances))
        if not np.array_equal(labels, self.classes_):
            raise ValueError(
                f"`y` must hold the labels of `fit`, {self.classes_.tolist()}; got "
                f"{labels.tolist()}."
            )
        check_strategy(settings, int((~same).sum()))
        self._calibrate(settings, labels, same, distances)
        return self

    def _read(self, X, name):
        return read_pairs(self, X, self.preprocessor, name)

    def _distances(self, X, name):
        check_is_fitted(self)
        samples = self._read(X, name)
        self._check_columns(samples, name)
        return pair_distances(self.embedding_, samples, name)

    def _check_columns(self, samples, name):
        """Raise for rows of other columns than those of `fit`."""
        n_features = samples.rows.shape[1]
        if n_features != self.n_features_in_:
            raise ValueError(
                f"{name} has {n_features} features, but {type(self).__name__} is "
                f"expecting {self.n_features_in_} features as input: pairs of rows "
                "with the columns of `fit`."
            )
        expected = list(getattr(self, "feature_names_in_", ()))
        if samples.names and expected and samples.names != expected:
            both = zip(expected, samples.names, strict=True)
            i, names = next((i, two) for i, two in enumerate(both) if two[0] != two[1])
            raise ValueError(
                "`preprocessor` must give the columns of `fit` in the same order; got "
                f"{names[1]!r} as column {i}, where `fit` had {names[0]!r}."
            )

    def _settings(self, strategy=None, given=None):
        """Return the strategy and what it goes by, the constructor's for None."""
        given = given or dict.fromkeys(DEFAULTS)
        own = {name: getattr(self, name) for name in DEFAULTS}
        if strategy is not None:
            # Settings of the constructor may belong to its strategy, and not to this.
            used = STRATEGIES[strategy][1]
            own = {name: own[name] if name in used else None for name in own}
        return used_settings(
            strategy or self.strategy,
            {name: own[name] if given[name] is None else given[name] for name in own},
        )

    def _calibrate(self, settings, classes, same, distances):
        """Set what is decided from distances of pairs whose kind is known."""
        warn_of_far_fellows(classes, same, distances)
        threshold = threshold_by(settings, same, distances)
        self.calibration_ = falling_sigmoid(same, distances)
        self.threshold_, self.strategy_ = threshold, settings["strategy"]
        self.n_calibration_pairs_ = np.bincount(same, minlength=2)


def warn_of_far_fellows(classes, same, distances):
    """Say so where the same are farther apart than others, as by swapped labels.

    Parameters
    ----------
    classes : ndarray of shape (2,)
        The labels; the second means same.

    same : ndarray of bool of shape (n_pairs,)
        Which pairs are the same; both kinds occur.

    distances : ndarray of float64 of shape (n_pairs,)
        Finite, >= 0.

    Warns
    -----
    UserWarning
        If a pair of the same is nearer than a different one in less than half of all
        comparisons.
    """
    share = nearer_share(cuts_of(same, distances))
    if share < 0.5:
        different, similar = classes.tolist()
        warnings.warn(
            f"Pairs labelled {similar!r} lie farther apart than pairs labelled "
            f"{different!r} in {1 - share:.0%} of the comparisons, yet {similar!r} means "
            "same: it is the greater label, of words the later in the alphabet. If "
            f"{different!r} means same, pass `np.asarray(y) == {different!r}` as `y`. "
            "If not, the embedding does not tell the kinds apart.",
            UserWarning,
            stacklevel=4,
        )


def falling_sigmoid(same, distances):
    """Return the logistic curve that tells the same from different by their distance.

    As Platt [1]_ proposes, targets are a little inside 0 and 1, so that the curve is
    of finite slope where the kinds do not overlap.

    Parameters
    ----------
    same : ndarray of bool of shape (n_pairs,)
        Which pairs are the same; both kinds occur.

    distances : ndarray of float64 of shape (n_pairs,)
        Finite.

    Returns
    -------
    slope, intercept : float
        Of the logit of "same", as a function of the distance. The slope is at most 0:
        where the same are farther apart than others, the probability is constant.

    References
    ----------
    .. [1] J. Platt, "Probabilistic Outputs for Support Vector Machines and Comparisons
       to Regularized Likelihood Methods", Advances in Large Margin Classifiers, 1999.
    """
    from sklearn.linear_model import LogisticRegression

    n_same = same.sum()
    n_different = len(same) - n_same
    target = np.where(same, (n_same + 1) / (n_same + 2), 1 / (n_different + 2))
    center, spread = distances.mean(), distances.std() or 1.0
    column = ((distances - center) / spread)[:, None]
    # A target between 0 and 1 is both labels, each with its weight.
    curve = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(
        np.concatenate([column, column]),
        np.repeat([0, 1], len(column)),
        sample_weight=np.concatenate([1 - target, target]),
    )
    slope = float(curve.coef_[0, 0]) / spread
    if slope < 0:
        return slope, float(curve.intercept_[0]) - slope * center
    share = target.mean()
    return 0.0, float(np.log(share / (1 - share)))
