"""Write tables of R packages as files for ``--data``.

Run ``python benchmarks/r_tables.py LIBRARY --data FOLDER``. LIBRARY is the folder of
the R packages caret, kernlab, mlbench and rrcov, such as Debian's
``/usr/lib/R/site-library`` after ``apt-get install r-cran-caret r-cran-kernlab
r-cran-mlbench r-cran-rrcov``. R itself is not needed: ``pyreadr``, which pip installs,
reads the files. Rows with missing values and classes of fewer than five rows are left
out; a column of categories becomes one column per category.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

#: Package, table, the column of classes, and columns that are left out.
TABLES = {
    "cells": ("caret", "segmentationData", "Class", "Cell", "Case"),
    "cox2": ("caret", "cox2", "cox2Class", "cox2IC50"),
    "dhfr": ("caret", "dhfr", "Y"),
    "dna": ("mlbench", "DNA", "Class"),
    "fish": ("rrcov", "fish", "Species"),
    "fruit": ("rrcov", "fruit", "cultivar"),
    "german": ("caret", "GermanCredit", "Class"),
    "glass": ("mlbench", "Glass", "Type"),
    "income": ("kernlab", "income", "INCOME"),
    "ionosphere": ("mlbench", "Ionosphere", "Class"),
    "letter": ("mlbench", "LetterRecognition", "lettr"),
    "mdrr": ("caret", "mdrr", "mdrrClass"),
    "musk": ("kernlab", "musk", "Class"),
    "olitos": ("rrcov", "olitos", "grp"),
    "pima": ("mlbench", "PimaIndiansDiabetes", "diabetes"),
    "promoter": ("kernlab", "promotergene", "Class"),
    "satellite": ("mlbench", "Satellite", "classes"),
    "shuttle": ("mlbench", "Shuttle", "Class"),
    "sonar": ("mlbench", "Sonar", "Class"),
    "soybean": ("mlbench", "Soybean", "Class"),
    "spam": ("kernlab", "spam", "type"),
    "vehicle": ("mlbench", "Vehicle", "Class"),
    "vowel": ("mlbench", "Vowel", "Class"),
    "zoo": ("mlbench", "Zoo", "type"),
}
FEWEST_ROWS = 5


def numbers(column):
    """Return a column as numbers, or one column per value."""
    try:
        return column.astype(str).astype(float).to_frame()
    except ValueError:
        return pd.get_dummies(column.astype(str), prefix=column.name).astype(float)


def table(library, package, name, target, *left_out):
    """Return `X` in float32 and class codes."""
    import pyreadr

    [path] = (library / package / "data").glob(f"{name}.[rR][dD]*")
    parts = [part.reset_index(drop=True) for part in pyreadr.read_r(path).values()]
    frame = pd.concat(parts, axis=1).drop(columns=[*left_out])
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
