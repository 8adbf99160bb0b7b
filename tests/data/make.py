"""Write a file of the present schema with rows and what it gives of them beside it.

Run ``python tests/data/make.py``. Until the first release schema 0 may change, and its
files are made anew; from then on a file that is here stays as it is.
"""

import json
from pathlib import Path

import numpy as np

from sklearn_contrastive import (
    ContrastiveAlignment,
    ContrastiveEmbedding,
    ContrastiveNeighborsClassifier,
)
from sklearn_contrastive.persistence import _SCHEMA, save

HERE = Path(__file__).parent
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}


def main():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(40, 3)).round(3)
    mixed = np.column_stack([X.astype(object), rng.choice(["a", "b"], 40), X[:, 0] > 0])
    mixed[::9, 1], mixed[::7, 3] = None, None
    embedding = ContrastiveEmbedding(4, categorical_features=[3, 4], **SMALL)
    aligned = ContrastiveAlignment(4, **SMALL).fit(X, X[:, :2])
    short = ContrastiveEmbedding(8, **SMALL)
    classes = ContrastiveNeighborsClassifier(short, cross_fit=2, random_state=0)
    models = {
        "embedding": (embedding.fit(mixed, X[:, 0] > 0), mixed, "transform"),
        "alignment": (aligned, X, "transform"),
        "classes": (classes.fit(X, X[:, 0] > 0), X, "predict_proba"),
    }
    for name, (model, rows, method) in models.items():
        path = HERE / f"schema_{_SCHEMA}_{name}.model"
        save(model, path)
        found = getattr(model, method)(rows[:10]).tolist()
        kept = {"rows": rows[:10].tolist(), "method": method, "found": found}
        path.with_suffix(".json").write_text(json.dumps(kept) + "\n")


if __name__ == "__main__":
    main()
