"""Parameters of `ContrastiveEmbedding` by what the map is for, as plain dicts.

The defaults suit nearest neighbours. Each dict holds what to set instead:

>>> from sklearn_contrastive import ContrastiveEmbedding, presets
>>> ContrastiveEmbedding(**presets.MAP_2D)
ContrastiveEmbedding(miner='all', n_components=2, normalize=False)

Pass other parameters beside those of a preset, or replace some of them with
``{**presets.MAP_2D, "n_components": 3}``. ``docs/choices`` has the measurements.
"""

from sklearn_contrastive._validation import shorten
from sklearn_contrastive.losses import ContrastiveLoss, HybridLoss, SupConLoss

__all__ = [
    "MAP_2D",
    "NEIGHBORS",
    "NOISY_LABELS",
    "RETRIEVAL",
    "SMALL_DATA",
    "search_space",
]

#: For classifiers and searches of nearest neighbours: the defaults, written out.
NEIGHBORS = {
    "loss": "contrastive",
    "miner": "nearest",
    "batch_size": 128,
    "n_members": "auto",
    "n_components": "auto",
    "hidden_layer_sizes": (128, 128),
    "standardize": "robust",
}

_TERMS = [("contrastive", ContrastiveLoss()), ("supcon", SupConLoss(temperature=0.3))]
#: For ranking whole classes: SupCon, which compares all rows of a class, beside the
#: contrastive loss, which compares the nearest.
RETRIEVAL = {"loss": HybridLoss(_TERMS)}

#: For labels of which some are wrong: each network stops before it fits these, by the
#: pairs of rows that are held out from it.
NOISY_LABELS = {"early_stopping": True}

#: For looking: two coordinates off the sphere, where classes become patches.
MAP_2D = {"n_components": 2, "normalize": False, "miner": "all"}

#: For some hundred rows: eight networks instead of four.
SMALL_DATA = {"n_members": 8}


def search_space(prefix=""):
    """Return parameters to search, for scikit-learn's `RandomizedSearchCV`.

    Parameters
    ----------
    prefix : str, default=""
        Written before each name: ``"contrastiveembedding__"`` for an embedding that is
        a step of `make_pipeline`.

    Returns
    -------
    space : dict
        For each parameter a list or a distribution to draw from.

    Raises
    ------
    TypeError
        If `prefix` is not a str.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold
    >>> from sklearn_contrastive import ContrastiveEmbedding
    >>> from sklearn_contrastive.presets import search_space
    >>> X, y = load_iris(return_X_y=True)
    >>> search = RandomizedSearchCV(
    ...     ContrastiveEmbedding(max_iter=5, random_state=0),
    ...     search_space(),
    ...     n_iter=2,
    ...     cv=StratifiedKFold(2, shuffle=True, random_state=0),
    ...     random_state=0,
    ... )
    >>> sorted(search.fit(X, y).best_params_)[:3]
    ['alpha', 'batch_size', 'dropout']
    """
    from scipy.stats import loguniform, uniform

    from sklearn_contrastive.miners import NearestPairs

    if not isinstance(prefix, str):
        raise TypeError(
            f"`prefix` must be a str such as 'knn__'; got {shorten(prefix)}."
        )
    space = {
        "margin": uniform(0.6, 1.3),
        "miner": [NearestPairs(n) for n in (2, 3, 5, 8)],
        "n_components": ["auto", 16, 64],
        "hidden_layer_sizes": [(128,), (64, 64), (128, 128), (256, 256)],
        "dropout": [0.0, 0.1, 0.2, 0.3],
        "batch_size": [64, 128, 256],
        "learning_rate_init": loguniform(1e-3, 1e-2),
        "alpha": loguniform(1e-3, 1.0),
        "standardize": ["robust", "standard"],
    }
    return {prefix + name: values for name, values in space.items()}
