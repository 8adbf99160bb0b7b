"""
A model in MLflow
=================

Logs a fitted predictor to MLflow's local store, loads it and compares the results:
``make mlflow`` installs MLflow beside this package in an environment of its own.
"""

import sys
import tempfile
from pathlib import Path

import mlflow
import numpy as np
import skops.io
from sklearn.datasets import load_wine

from sklearn_contrastive import ContrastiveNeighborsClassifier

X, y = load_wine(return_X_y=True, as_frame=True)
X["hue"] = X["hue"].gt(1).map({True: "blue", False: "red"})
model = ContrastiveNeighborsClassifier(random_state=0).fit(X, y)

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()).absolute()
mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
mlflow.set_experiment(
    experiment_id=mlflow.create_experiment("wine", (folder / "models").as_uri())
)
with mlflow.start_run():
    # MLflow stores models by skops, which loads types that it is told to trust: here
    # those of a model that was made above.
    types = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    info = mlflow.sklearn.log_model(
        model, name="wine", input_example=X[:2], skops_trusted_types=types
    )

loaded = mlflow.sklearn.load_model(info.model_uri)
assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
# As `mlflow models serve` loads it.
served = mlflow.pyfunc.load_model(info.model_uri)
assert np.array_equal(served.predict(X), model.predict(X))
print(f"{info.model_uri} of {folder} gives the same results.")
