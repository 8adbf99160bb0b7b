"""
Reliability of neighbours
=========================

Where labels are noisy, neighbours among the rows of training are too sure: of rows for
which nearly all neighbours agree on a class, far fewer than that are of it. The
neighbours of `ContrastiveNeighborsClassifier` have not been seen by the network that
maps them, and their shares are about right.

Each point stands for test rows of about equal probability: below the diagonal, the
class is less frequent among them than promised.
"""

# %%
# Two classes of which one label in five is wrong.

import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_contrastive import ContrastiveEmbedding, ContrastiveNeighborsClassifier

X, y = make_classification(
    4000, 12, n_informative=6, n_clusters_per_class=3, flip_y=0.4, random_state=0
)
X, X_test, y, y_test = train_test_split(X, y, train_size=2000, random_state=0)

long = ContrastiveEmbedding(feature_weights=None, random_state=0)
models = {
    "trained long": make_pipeline(long, KNeighborsClassifier(25)),
    "defaults": make_pipeline(
        ContrastiveEmbedding(random_state=0), KNeighborsClassifier(25)
    ),
    "ContrastiveNeighborsClassifier": ContrastiveNeighborsClassifier(random_state=0),
}

# %%
# Training that lasts longer than noisy labels bear learns them by heart. The defaults
# are shorter there, and the predictor asks rows that were left out.

fig, ax = plt.subplots(figsize=(6, 5.5), layout="constrained")
for name, model in models.items():
    shares = model.fit(X, y).predict_proba(X_test)[:, 1]
    print(
        f"{name}: log-loss {log_loss(y_test, shares):.2f}, "
        f"AUC {roc_auc_score(y_test, shares):.3f}"
    )
    CalibrationDisplay.from_predictions(
        y_test, shares, n_bins=8, strategy="quantile", name=name, ax=ax
    )
ax.set(xlabel="Probability of the class", ylabel="Share of the class")
ax.set_title("What is promised, and what comes true")
plt.show()
