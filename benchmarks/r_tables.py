"""Write tables of R packages as files for ``--data``.

Run ``python benchmarks/r_tables.py LIBRARY --data FOLDER`` with the folder that holds
the R packages mlbench and kernlab, such as Debian's ``/usr/lib/R/site-library`` after
``apt-get install r-cran-mlbench r-cran-kernlab``; R itself is not needed. It reads them
with ``pyreadr``, which pip installs. Rows with a missing number, and classes of fewer
than five rows, are left out; a column of categories becomes a column for each.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

#: Package, name there, and the columns that are no columns of X.
TABLES = {
    "dna": ("mlbench", "DNA", "Class"),
    "glass": ("mlbench", "Glass", "Type"),
    "ionosphere": ("mlbench", "Ionosphere", "Class"),
    "letter": ("mlbench", "LetterRecognition", "lettr"),
    "musk": ("kernlab", "musk", "Class"),
    "pima": ("mlbench", "PimaIndiansDiabetes", "diabetes"),
    "satellite": ("mlbench", "Satellite", "classes"),
    "shuttle": ("mlbench", "Shuttle", "Class"),
    "sonar": ("mlbench", "Sonar", "Class"),
    "soybean": ("mlbench", "Soybean", "Class"),
    "spam": ("kernlab", "spam", "type"),
    "vehicle": ("mlbench", "Vehicle", "Class"),
    "vowel": ("mlbench", "Vowel", "Class"),
}
FEWEST_ROWS = 5


def numbers(column):
    """Return a column as numbers, or a column for each of its values."""
    try:
        return column.astype(str).astype(float).to_frame()
    except ValueError:
        return pd.get_dummies(column.astype(str), prefix=column.name).astype(float)


def table(library, package, name, target):
    """Return `X` in float32 and class codes."""
    import pyreadr

    [frame] = pyreadr.read_r(library / package / "data" / f"{name}.rda").values()
    labels = frame.pop(target).astype(str)
    X = pd.concat([numbers(frame[column]) for column in frame], axis=1)
    kept = np.isfinite(X).all(axis=1) & (
        labels.map(labels.value_counts()) >= FEWEST_ROWS
    )
    return X[kept].to_numpy(np.float32), np.unique(labels[kept], return_inverse=True)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", type=Path, help="folder of R packages")
    parser.add_argument("--data", type=Path, required=True, help="folder to write to")
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    for name, where in TABLES.items():
        X, y = table(options.library, *where)
        np.savez_compressed(options.data / f"{name}.npz", X=X, y=y)
        print(name, X.shape, np.bincount(y))


if __name__ == "__main__":
    main()
