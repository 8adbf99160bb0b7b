"""Embedded rows with their labels or targets: validated, and brought to the plane."""

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from sklearn_contrastive.displays._axes import check_matplotlib
from sklearn_contrastive.similarity import check_labels, check_targets, infer_similarity

#: Height of a strip of points in strips, and steps that never fall into a pattern.
_STRIP, _GOLDEN = 0.7, (5**0.5 - 1) / 2

_AT_LEAST_1 = Interval(Integral, 1, None, closed="left")
#: What the parameters of constructors may be.
RULES = {
    **{n: [_AT_LEAST_1] for n in ("max_points", "n_pairs", "max_k", "max_queries")},
    "scatter_kw": [dict, None],
    "line_kw": [dict, None],
    "n_dimensions": [Interval(Integral, 2, 3, closed="both")],
    "bins": [_AT_LEAST_1, "array-like"],
    "random_state": ["random_state"],
    "margin": [Interval(Real, 0, None, closed="neither"), None],
    "threshold": [Real, None],
    "kind": [StrOptions({"det", "roc"})],
    "name": [str, None],
}
validated = validate_params(RULES, prefer_skip_nested_validation=True)


def attribute(estimator, name):
    """Return an attribute of what may be an estimator, None where it has none."""
    # A class has the methods of its objects, but has not been fitted.
    return None if isinstance(estimator, type) else getattr(estimator, name, None)


def require(display, estimator, name, needed, advice=""):
    """Raise for a missing matplotlib, or an estimator without what is needed."""
    check_matplotlib(f"{display.__name__}.from_estimator")
    if None in (attribute(estimator, "fit"), attribute(estimator, name)):
        # Its type alone: a table may be large.
        is_class, kind = isinstance(estimator, type), type(estimator).__name__
        got = f"the class {estimator.__name__}" if is_class else f"a {kind}"
        raise TypeError(f"`estimator` must be a fitted {needed}; got {got}. {advice}")


def last_step(estimator):
    """Return the last step of a pipeline, and what is frozen, or the estimator."""
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, FrozenEstimator):
        return last_step(estimator.estimator)
    return last_step(estimator[-1]) if isinstance(estimator, Pipeline) else estimator


def name_of(estimator, name=None):
    """Return a name, or the class of an estimator's last step in place of None."""
    return type(last_step(estimator)).__name__ if name is None else name


def embed(display, estimator, X, name):
    """Return the points that a fitted transformer makes of rows, and its name."""
    needed = "transformer, or a pipeline that ends in one"
    advice = (
        "Of a pipeline that ends in a classifier pass pipeline[:-1], of a PairVerifier "
        "its `embedding_`. Draw embedded points with from_embedding."
    )
    require(display, estimator, "transform", needed, advice)
    Z = estimator.transform(X)
    # An array, whatever `set_output` says.
    Z = check_points(Z if issparse(Z) else np.asarray(Z))
    return Z, name_of(estimator, name)


def check_points(Z):
    """Return two points or more as a table of finite floats."""
    dtypes = (np.float64, np.float32)
    return check_array(Z, dtype=dtypes, ensure_min_samples=2, input_name="Z")


def some_of(n_rows, most, random_state):
    """Return the numbers of rows in order; of more than `most` some at random."""
    return np.sort(check_random_state(random_state).permutation(n_rows)[:most])


def check_classes(y, n_rows, unlabeled=None):
    """Return classes in order, and the place of each row's among them, -1 for none."""
    order = attribute(y, "dtype")
    y, labeled = check_labels(y, n_rows, unlabeled)
    codes = np.full(n_rows, -1)
    try:
        classes, codes[labeled] = np.unique(y[labeled], return_inverse=True)
    except TypeError as error:
        message = f"`y` must hold labels of one type ({error}). Convert them to text."
        raise TypeError(message) from error
    if attribute(order, "ordered"):
        places = order.categories.get_indexer(classes)
        codes[labeled] = places.argsort().argsort()[codes[labeled]]
        classes = classes[places.argsort()]
    return classes, codes


class RowLabels(NamedTuple):
    """Classes, none without labels; codes of rows, -1 for unknown; targets, if any."""

    classes: np.ndarray
    codes: np.ndarray
    targets: np.ndarray | None = None


def kind_of_y(y):
    """Return "labels" or "targets", None without `y`, or raise for other kinds."""
    if y is None:
        return None
    kind = infer_similarity(None, y, doubtful="targets")
    if kind == "multilabel" or (kind == "targets" and np.ndim(y) > 1 < np.shape(y)[1]):
        raise ValueError(
            "`y` must hold one class label or one target per row; got several. Pass "
            "one column of them."
        )
    return kind


def check_y(y, kind, n_rows):
    """Return labels or targets, or neither, validated."""
    if y is None:
        return RowLabels(np.array([]), np.zeros(n_rows, dtype=int))
    if kind == "labels":
        return RowLabels(*check_classes(y, n_rows, unlabeled=np.nan))
    targets = check_targets(y, n_rows)[:, 0]
    return RowLabels(np.array([]), -np.isnan(targets).astype(int), targets)


def spread_out(points, labels):
    """Return points of a line in the plane: over their targets, or in strips."""
    if labels.targets is None:
        spread = (np.arange(len(points)) * _GOLDEN) % 1 - 0.5
        heights = labels.codes + _STRIP * spread
    else:
        lowest, highest = np.nanmin(labels.targets), np.nanmax(labels.targets)
        below = lowest - 0.08 * (highest - lowest)
        heights = np.where(labels.codes < 0, below, labels.targets)
    return np.column_stack([points[:, 0], heights])


def project(Z, n_dimensions=2):
    """Return points, directions and share of the variance of principal components.

    Directions, of shape (n_dimensions, n_components), and share are None where no
    component is left out.
    """
    if Z.shape[1] <= n_dimensions:
        return Z, None, None
    if len(Z) < n_dimensions or not np.ptp(Z, axis=0).any():
        # No directions to choose: the first serve as well as any.
        directions = np.eye(n_dimensions, Z.shape[1], dtype=Z.dtype)
        return Z @ directions.T, directions, 1.0
    from sklearn.decomposition import PCA

    pca = PCA(n_components=n_dimensions, random_state=0)
    points = pca.fit_transform(Z)
    return points, pca.components_, float(pca.explained_variance_ratio_.sum())
