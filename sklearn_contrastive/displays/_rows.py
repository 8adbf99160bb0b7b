"""What displays show of a model: rows with their labels, in the plane, and pairs."""

from collections import namedtuple
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.random import sample_without_replacement

from sklearn_contrastive._validation import (
    read_values,
    short_errors,
    shorten,
    shortened,
    validate,
)
from sklearn_contrastive.displays._axes import check_matplotlib
from sklearn_contrastive.similarity import check_labels, check_targets, infer_similarity

#: Height of a strip of points in strips, and steps that never fall into a pattern.
_STRIP, _GOLDEN = 0.7, (5**0.5 - 1) / 2

_AT_LEAST_1 = Interval(Integral, 1, None, closed="left")
#: What the parameters of constructors may be.
RULES = {
    **{n: [_AT_LEAST_1] for n in ("max_points", "n_pairs", "max_k", "max_queries")},
    **{name: [dict, None] for name in ("scatter_kw", "line_kw")},
    "n_dimensions": [Interval(Integral, 2, 3, closed="both")],
    "bins": [_AT_LEAST_1, "array-like"],
    "random_state": ["random_state"],
    "margin": [Interval(Real, 0, None, closed="neither"), None],
    "threshold": [Real, None],
    "kind": [StrOptions({"det", "roc"})],
    "name": [str, None],
}
validated = validate(RULES)


def attribute(estimator, name):
    """Return an attribute of what may be an estimator, None where it has none."""
    # A class has the methods of its objects, but has not been fitted.
    return None if isinstance(estimator, type) else getattr(estimator, name, None)


def name_model(display, estimator, name, method, needed, advice=""):
    """Return a name or that of a model's class; raise if it lacks what is needed."""
    check_matplotlib(f"{display.__name__}.from_estimator")
    if None in (attribute(estimator, "fit"), attribute(estimator, method)):
        # Its type alone: a table may be large.
        is_class, kind = isinstance(estimator, type), type(estimator).__name__
        got = f"the class {estimator.__name__}" if is_class else f"a {kind}"
        raise TypeError(f"`estimator` must be a fitted {needed}; got {got}. {advice}")
    return type(last_step(estimator)).__name__ if name is None else name


def last_step(estimator):
    """Return the last step of a pipeline, and what is frozen, or the estimator."""
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, FrozenEstimator):
        return last_step(estimator.estimator)
    return last_step(estimator[-1]) if isinstance(estimator, Pipeline) else estimator


def embed(display, estimator, X, name):
    """Return the points that a fitted transformer makes of rows, and its name."""
    needed = "transformer, or a pipeline that ends in one"
    advice = "Of a classifier pass pipeline[:-1], of a PairVerifier its `embedding_`."
    advice += " Draw embedded points with from_embedding."
    name = name_model(display, estimator, name, "transform", needed, advice)
    return check_points(estimator.transform(X)), name


@short_errors()
def check_points(Z):
    """Return two points or more as a table of finite floats."""
    return check_array(Z, dtype=["f8", "f4"], ensure_min_samples=2, input_name="Z")


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
        raise TypeError(
            f"`y` must hold labels of one type ({shortened(error)}). Convert them to "
            "text."
        ) from error
    if attribute(order, "ordered"):
        places = order.categories.get_indexer(classes)
        codes[labeled] = places.argsort().argsort()[codes[labeled]]
        classes = classes[places.argsort()]
    return classes, codes


#: Classes, none without labels; codes of rows, -1 for unknown; targets, if any.
RowLabels = namedtuple("RowLabels", "classes codes targets", defaults=[None])


def kind_of_y(y):
    """Return "labels" or "targets", None without `y`, or raise for other kinds."""
    kind = None if y is None else infer_similarity(None, y, doubtful="targets")
    if kind == "multilabel" or (kind == "targets" and np.ndim(y) > 1 < np.shape(y)[1]):
        message = "`y` must hold one class label or one target per row; got several."
        raise ValueError(message)
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
        heights = labels.codes + _STRIP * ((np.arange(len(points)) * _GOLDEN) % 1 - 0.5)
    else:
        below = 1.08 * np.nanmin(labels.targets) - 0.08 * np.nanmax(labels.targets)
        heights = np.where(labels.codes < 0, below, labels.targets)
    return np.column_stack([points[:, 0], heights])


def project(Z, n_dimensions=2):
    """Return points in principal components, these, and their share, None of all."""
    complete = Z.shape[1] <= n_dimensions
    if complete or len(Z) < n_dimensions or not np.ptp(Z, axis=0).any():
        # No directions to choose: the first serve as well as any.
        directions = np.eye(n_dimensions, Z.shape[1], dtype=Z.dtype)
        return Z @ directions.T, directions, None if complete else 1.0
    from sklearn.decomposition import PCA

    pca = PCA(n_components=n_dimensions, random_state=0)
    points = pca.fit_transform(Z)
    return points, pca.components_, float(pca.explained_variance_ratio_.sum())


def draw_pairs(codes, n_pairs, random_state=None):
    """Return `n_pairs` random pairs of each kind or all, and which are of one class."""
    rng = check_random_state(random_state)
    order = np.argsort(codes, kind="stable")
    ordered, places = codes[order], np.arange(len(codes))
    # Behind each row, in order of class: first others of its class, then the rest.
    class_ends = np.searchsorted(ordered, ordered, side="right")
    kinds = []
    for first, last in ((places + 1, class_ends), (class_ends, len(codes))):
        totals = np.cumsum(last - first)
        n_all, chosen = int(totals[-1]), np.arange(totals[-1])
        if n_all > n_pairs:
            chosen = sample_without_replacement(n_all, n_pairs, random_state=rng)
        left = np.searchsorted(totals, chosen, side="right")
        right = (last - first)[left] - (totals[left] - chosen) + first[left]
        kinds.append(np.column_stack([order[left], order[right]]))
    return np.concatenate(kinds), np.repeat([True, False], [*map(len, kinds)])


def measure_pairs(display, estimator, pairs, y, name):
    """Return which pairs are similar, not validated, their distances, and a name."""
    needed = "PairVerifier, or a fitted embedding with `pair_distance`"
    advice = "Draw distances that are known already with from_predictions."
    name = name_model(display, estimator, name, "pair_distance", needed, advice)
    distances = estimator.pair_distance(pairs)
    if attribute(estimator, "threshold_") is None:
        return y, distances, name
    classes, labels = estimator.classes_.tolist(), column_or_1d(read_values(y)[1])
    if not np.isin(labels, classes).all():
        allowed, found = shorten(classes), shorten(labels)
        raise ValueError(f"`y` must hold labels of `fit`, {allowed}; got {found}.")
    return labels == classes[1], distances, name
