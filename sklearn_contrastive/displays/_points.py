"""Embedded rows and what is known of them: checked, and brought to the plane."""

import numpy as np
from sklearn.utils import check_array

from sklearn_contrastive.similarity import check_labels


def embedded(estimator, X):
    """Return what a fitted transformer makes of rows.

    Parameters
    ----------
    estimator : fitted transformer
        Or a pipeline that ends in one.

    X : array-like of shape (n_samples, n_features)
        Rows.

    Returns
    -------
    Z : ndarray of shape (n_samples, n_components)
        Their points, whatever container `set_output` asks for.

    Raises
    ------
    TypeError
        If `estimator` has no `transform`.
    """
    # A table has `transform` too, but no `fit`.
    if not (is_estimator(estimator) and hasattr(estimator, "transform")):
        advice = "To draw points that are embedded already, use from_embedding."
        if hasattr(estimator, "pair_distance"):
            advice = "It embeds no single rows: pass its `embedding_`."
        elif hasattr(estimator, "predict"):
            advice = "Of a pipeline that ends in a classifier pass pipeline[:-1]."
        raise TypeError(
            "`estimator` must be a fitted transformer, or a pipeline that ends in one; "
            f"got {kind_said(estimator)}. {advice}"
        )
    Z = estimator.transform(X)
    return Z if hasattr(Z, "tocsr") else np.asarray(Z)


def is_estimator(estimator):
    """Return whether something is an object that can be fitted.

    Parameters
    ----------
    estimator : object
        What the user gave.

    Returns
    -------
    is_estimator : bool
        False for classes, tables and functions.
    """
    return hasattr(estimator, "fit") and not isinstance(estimator, type)


def kind_said(given):
    """Return what a message says of something that was given in place of another.

    Parameters
    ----------
    given : object
        It may be large.

    Returns
    -------
    text : str
        Its type alone.
    """
    if isinstance(given, type):
        return f"the class {given.__name__}, of which an object must be fitted"
    return f"a {type(given).__name__}"


def check_measures(estimator):
    """Raise for what measures no pairs.

    Parameters
    ----------
    estimator : object
        What the user gave.

    Raises
    ------
    TypeError
        If it has no `pair_distance`.
    """
    if not (is_estimator(estimator) and hasattr(estimator, "pair_distance")):
        raise TypeError(
            "`estimator` must be a fitted PairVerifier, or a fitted embedding with "
            f"`pair_distance`, to measure pairs; got {kind_said(estimator)}. Draw "
            "distances that are known already with from_predictions."
        )


def last_step(estimator):
    """Return the last step of a pipeline, or an estimator that is none.

    Parameters
    ----------
    estimator : estimator
        Possibly a pipeline, or frozen.

    Returns
    -------
    step : estimator
        Neither of the two.
    """
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import Pipeline

    while isinstance(estimator, (FrozenEstimator, Pipeline)):
        pipeline = isinstance(estimator, Pipeline)
        estimator = estimator.steps[-1][1] if pipeline else estimator.estimator
    return estimator


def name_of(estimator):
    """Return the name of what embeds, as titles show it.

    Parameters
    ----------
    estimator : estimator
        Possibly a pipeline.

    Returns
    -------
    name : str
        Of the class of its last step.
    """
    return type(last_step(estimator)).__name__


def check_points(Z):
    """Return points as a finite array, or say what is wrong with them.

    Parameters
    ----------
    Z : array-like of shape (n_samples, n_components)
        Embedded rows.

    Returns
    -------
    Z : ndarray of shape (n_samples, n_components)
        In float32 or float64.

    Raises
    ------
    ValueError
        If there are fewer than two rows, or a value is no finite number.
    """
    dtypes = (np.float64, np.float32)
    return check_array(Z, dtype=dtypes, ensure_min_samples=2, input_name="Z")


def check_classes(y, n_rows, unlabeled=None):
    """Return classes and the number of each row's, or say what is wrong with labels.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Class labels of any type that can be sorted.

    n_rows : int
        How many there must be.

    unlabeled : object, default=None
        What stands for a label that is not known, NaN for every missing value; None
        where all must be known.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Sorted; those of an ordered Categorical in its order.

    codes : ndarray of int of shape (n_samples,)
        Places in `classes`; -1 for rows without a label.

    Raises
    ------
    TypeError
        If labels cannot be compared.
    ValueError
        If `y` has another length, or labels are missing or continuous.
    """
    if y is None:
        raise ValueError("`y` must hold one class label per row; got None.")
    order = getattr(y, "dtype", None)
    y, known = check_labels(y, n_rows, unlabeled)
    codes = np.full(n_rows, -1)
    try:
        classes, codes[known] = np.unique(y[known], return_inverse=True)
    except TypeError as error:
        raise TypeError(
            f"`y` must hold labels of one type, which can be sorted ({error}). Convert "
            "them, for example to text."
        ) from error
    if getattr(order, "ordered", False):
        places = order.categories.get_indexer(classes)
        codes[known] = places.argsort().argsort()[codes[known]]
        classes = classes[places.argsort()]
    return classes, codes


def few_dimensions(Z, n_dimensions=2):
    """Return points of few dimensions: principal components where there are more.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_components)
        Points.

    n_dimensions : int, default=2
        How many to come down to.

    Returns
    -------
    points : ndarray of shape (n_samples, n_dimensions)
        `Z` itself where it is not wider.

    axes : ndarray of shape (n_dimensions, n_components) or None
        The directions in `Z` that were kept; None where all were.

    share : float or None
        Share of the variance that they hold; None where all of it is.
    """
    if Z.shape[1] <= n_dimensions:
        return Z, None, None
    if len(Z) < n_dimensions or not np.ptp(Z, axis=0).any():
        # No directions to choose: the first serve as well as any.
        axes = np.eye(n_dimensions, Z.shape[1], dtype=Z.dtype)
        return Z @ axes.T, axes, 1.0
    from sklearn.decomposition import PCA

    pca = PCA(n_components=n_dimensions, random_state=0)
    points = pca.fit_transform(Z)
    return points, pca.components_, float(pca.explained_variance_ratio_.sum())


def projection_said(n_components, share, n_dimensions=2):
    """Return what a title says of points that were brought to few dimensions.

    Parameters
    ----------
    n_components : int
        How many they had.

    share : float or None
        What `few_dimensions` returned.

    n_dimensions : int, default=2
        How many are shown.

    Returns
    -------
    text : str
        Empty where nothing was left out.
    """
    if share is None:
        return ""
    return (
        f"first {n_dimensions} of {n_components} principal components, "
        f"{100 * share:.0f} % of the variance"
    )
