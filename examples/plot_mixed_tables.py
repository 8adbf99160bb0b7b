"""
Tables with categories and gaps
===============================

The tables of a shop hold numbers, text, yes and no, and cells that nobody filled in.
``ContrastiveNeighborsClassifier`` takes such a data frame as it is. This example draws
a map of one, and measures how accuracy falls when more and more cells are missing.
"""

# %%
# A made table of orders. The label is who the order is for: the household itself, a
# firm, or somebody who gets a present. Each column says a little about it, and some say
# more together: a firm orders by day and pays by invoice, a present is small and light.
# Countries and weekdays say nothing.

import numpy as np
import pandas as pd


def make_orders(n_orders, rng):
    """Return a table of orders, and who each is for."""
    kind = rng.choice(3, size=n_orders, p=[0.5, 0.3, 0.2])
    payments = np.array([[5, 3, 2, 0], [1, 2, 1, 6], [6, 3, 1, 0]]) / 10
    wraps = np.array([[8, 2, 0], [9, 1, 0], [4, 3, 3]]) / 10
    goods = np.array([[3, 2, 2, 2, 1], [1, 1, 1, 3, 4], [2, 3, 3, 1, 1]]) / 10
    hour = np.array([19, 11, 20])[kind] + rng.normal(0, 3, n_orders)
    n_items = 1 + rng.poisson(np.array([2.5, 6, 0.7])[kind])
    price = n_items * rng.lognormal(np.array([2.6, 2.6, 3.4])[kind], 0.6)

    def draw(levels, shares):
        """Draw a level for each order by the shares of its kind."""
        ends = shares.cumsum(axis=1)[kind]
        return np.array(levels)[(rng.random((n_orders, 1)) > ends).sum(axis=1)]

    columns = {
        "price": price.round(2),
        "items": n_items,
        "hour": hour.round() % 24,
        "kilograms": (n_items * rng.lognormal(-0.5, 0.7, n_orders)).round(1),
        "payment": draw(["card", "wallet", "transfer", "invoice"], payments),
        "goods": draw(["food", "books", "toys", "paper", "tools"], goods),
        "wrapping": draw(["none", "box", "ribbon"], wraps),
        "new customer": rng.random(n_orders) < np.array([0.2, 0.1, 0.6])[kind],
        "weekday": rng.choice(["Mon", "Tue", "Wed", "Thu", "Fri"], n_orders),
        "country": rng.choice(
            ["FR", "DE", "PL", "MT"], n_orders, p=[0.5, 0.3, 0.19, 0.01]
        ),
    }
    return pd.DataFrame(columns), np.array(["household", "firm", "present"])[kind]


def with_gaps(table, share, rng):
    """Return a copy in which a share of all cells is missing."""
    return table.astype(object).mask(rng.random(table.shape) < share).infer_objects()


rng = np.random.default_rng(0)
X, y = make_orders(500, rng)
X_test, y_test = make_orders(2000, rng)
print(with_gaps(X.head(), 0.1, rng).to_string())

# %%
# An embedding takes the frame as it is. ``columns_`` has what became of each column.
# Levels have five rows or more: the rare country, MT, may have no place of its own.

from sklearn_contrastive import ContrastiveEmbedding, ContrastiveNeighborsClassifier

embedding = ContrastiveEmbedding(random_state=0).fit(with_gaps(X, 0.1, rng), y)
print(pd.DataFrame(embedding.columns_).T)

# %%
# So does the predictor of neighbours. It is compared with the trees of
# ``HistGradientBoostingClassifier``, which take columns of the dtype "category" and
# gaps, and with neighbours after one-hot codes and medians. The same cells are missing
# for all three, in training rows and in test rows.

from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

numbers = ["price", "items", "hour", "kilograms"]
texts = [*X.columns.drop(numbers)]
as_categories = FunctionTransformer(
    lambda table: table.astype(dict.fromkeys(texts, "category"))
)
codes = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
    (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
)
models = {
    "ContrastiveNeighborsClassifier": ContrastiveNeighborsClassifier(random_state=0),
    "gradient boosting, native categories": make_pipeline(
        as_categories, HistGradientBoostingClassifier(random_state=0)
    ),
    "25 neighbours of one-hot codes": make_pipeline(codes, KNeighborsClassifier(25)),
}
shares, accuracies = [0, 0.1, 0.3], {name: [] for name in models}
for share in shares:
    train, test = with_gaps(X, share, rng), with_gaps(X_test, share, rng)
    for name, model in models.items():
        accuracies[name].append(model.fit(train, y).score(test, y_test))
print(pd.DataFrame(accuracies, index=shares).T.round(3).to_string())

# %%
# The map shows the test rows with one cell in ten missing.

import matplotlib.pyplot as plt

from sklearn_contrastive.displays import EmbeddingDisplay

figure, axes = plt.subplots(
    1, 2, width_ratios=(6, 5), figsize=(11, 4.6), layout="constrained"
)
EmbeddingDisplay.from_estimator(
    embedding, with_gaps(X_test, 0.1, rng), y_test, name="Test rows", ax=axes[0]
)
styles = [("#0072b2", "o-"), ("#d55e00", "^--"), ("#333333", "s:")]
for (name, found), (colour, style) in zip(accuracies.items(), styles, strict=True):
    axes[1].plot(shares, found, style, color=colour, linewidth=2, label=name)
axes[1].set_xticks(shares, [f"{share:.0%}" for share in shares])
axes[1].set(xlabel="share of missing cells", ylabel="accuracy on test rows")
axes[1].legend(frameon=False, loc="lower left")
axes[1].spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The networks and the trees are level: with one draw of rows and gaps, a point more or
# less is chance. Both lose five to seven points when three cells in ten are missing, as
# the information itself is gone then. Neighbours of one-hot codes are four to six
# points behind: there countries and weekdays, which say nothing, count as much as
# payments do.
#
# :doc:`/user_guide/mixed_tables` explains how columns are read.
