"""What a search tries: a checked estimator, candidates, and what its folds go by."""

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array

from sklearn_contrastive._estimators._embedding import ContrastiveEmbedding
from sklearn_contrastive._estimators._sources import resolve_similarity, similarity_name
from sklearn_contrastive.similarity import check_labels, infer_similarity

#: What models that are trained at once may differ in.
_RIDING = (
    *("margin", "learning_rate_init", "alpha", "dropout", "random_state"),
    *("loss__margin", "loss__temperature"),
)


def checked(estimator):
    """Return a copy of what is searched, or say what cannot be.

    Parameters
    ----------
    estimator : ContrastiveEmbedding or None
        None for one with all parameters at their defaults.

    Returns
    -------
    estimator : ContrastiveEmbedding
        Not fitted.

    Raises
    ------
    ValueError
        If it is something else, or one of its parameters is not what it must be.
    """
    estimator = ContrastiveEmbedding() if estimator is None else clone(estimator)
    if not isinstance(estimator, ContrastiveEmbedding):
        raise ValueError(
            "`estimator` must be a ContrastiveEmbedding; got "
            f"{type(estimator).__name__}. Search a pipeline with "
            "sklearn.model_selection.GridSearchCV."
        )
    estimator._validate_params()
    return estimator


def candidates_of(estimator, margins, param_grid):
    """Return what to try, or say what cannot be searched here.

    Parameters
    ----------
    estimator : ContrastiveEmbedding
        What is searched.

    margins : array-like of float
        The margins, unless there is a grid.

    param_grid : dict, list of dict, or None
        The grid.

    Returns
    -------
    candidates : list of dict
        Parameters of each.

    Raises
    ------
    ValueError
        If models that are trained at once cannot differ in a parameter, or the loss
        has no margin.
    """
    from sklearn.model_selection import ParameterGrid

    if param_grid is None:
        margins = check_array(
            margins, ensure_2d=False, dtype=np.float64, input_name="margins"
        )
        # The margin of a loss that is an object is the object's.
        name = "margin" if isinstance(estimator.loss, str) else "loss__margin"
        if name not in estimator.get_params():
            raise ValueError(
                "`margins` need a loss with a margin, by name or as an object; got "
                f"loss={estimator.loss!r}. Search what it has with `param_grid`, "
                "such as {'loss__temperature': [0.05, 0.1, 0.2]}."
            )
        return list(ParameterGrid({name: margins.ravel().tolist()}))
    grid = list(ParameterGrid(param_grid))
    others = sorted({name for params in grid for name in params} - set(_RIDING))
    if others:
        raise ValueError(
            f"`param_grid` may hold {list(_RIDING)}, in which models that are "
            f"trained at once may differ; got {others}. Search these with "
            "sklearn.model_selection.GridSearchCV."
        )
    return grid


def kind_of_y(similarity, X, y):
    """Return what `y` holds, whatever it is that makes rows similar.

    Parameters
    ----------
    similarity : str or object
        The parameter of the estimator, other than "auto".

    X, y : array-like
        The table, and what is known of its rows.

    Returns
    -------
    kind : str
        A name of `SIMILARITIES`.
    """
    kind = similarity_name(similarity)
    read = kind in ("labels", "targets", "multilabel", "pairs")
    speaks = resolve_similarity(similarity).uses_row_indices
    return kind if read and not speaks else infer_similarity(X, y)


def codes_of(similarity, y):
    """Return a number for each label, 0 for an unknown one, to deal out to folds.

    Parameters
    ----------
    similarity : str or object
        The parameter of the estimator, which knows what is unknown.

    y : array-like of shape (n_samples,)
        Class labels.

    Returns
    -------
    codes : ndarray of int of shape (n_samples,)
        From 0 on.
    """
    labels, known = check_labels(y, None, getattr(similarity, "unlabeled", None))
    codes = np.zeros(len(labels), dtype=int)
    codes[known] = 1 + np.unique(labels[known], return_inverse=True)[1]
    return codes
