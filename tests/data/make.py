"""Write a file of the present schema with rows and their points beside it.

Run ``python tests/data/make.py``. Until the first release schema 0 may change, and its
files are made anew; from then on a file that is here stays as it is.
"""

import json
from pathlib import Path

import numpy as np

from sklearn_contrastive import ContrastiveAlignment, ContrastiveEmbedding
from sklearn_contrastive.persistence import _SCHEMA, save

HERE = Path(__file__).parent
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}


def main():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(40, 3)).round(3)
    mixed = np.column_stack([X.astype(object), rng.choice(["a", "b"], 40), X[:, 0] > 0])
    mixed[::9, 1], mixed[::7, 3] = None, None
    embedding = ContrastiveEmbedding(4, categorical_features=[3, 4], **SMALL)
    models = {
        "embedding": (embedding.fit(mixed, X[:, 0] > 0), mixed),
        "alignment": (ContrastiveAlignment(4, **SMALL).fit(X, X[:, :2]), X),
    }
    for name, (model, rows) in models.items():
        path = HERE / f"schema_{_SCHEMA}_{name}.model"
        save(model, path)
        points = model.transform(rows[:10]).tolist()
        kept = {"rows": rows[:10].tolist(), "points": points}
        path.with_suffix(".json").write_text(json.dumps(kept) + "\n")


if __name__ == "__main__":
    main()
