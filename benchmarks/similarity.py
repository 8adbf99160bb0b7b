"""Measure embeddings that learn from targets, and from few labels.

Run ``python benchmarks/similarity.py --data FOLDER``.

*Targets*: R² on held-out rows of the mean of the 5 nearest training rows, on
standardised columns, with the default embedding, with ReLU, with a linear encoder, and
of a random forest for reference. Small tables have 10 splits; large ones have 3, of
6,000 rows drawn at random.

*Few labels*: accuracy on held-out rows of the nearest labelled row, when a share of the
training rows has labels. Compared are standardised columns, the embedding of the
labelled rows alone, the embedding of all rows with ``LabelSimilarity(unlabeled=-1)``,
and scikit-learn's LabelSpreading; 5 splits.

Writes ``results/similarity.json`` and ``results/similarity.md``. The two large tables
of targets come with ``plotnine``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import warnings

import numpy as np
from _common import report, tables
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.similarity import LabelSimilarity

N_SPLITS = {"small": 10, "large": 3, "labels": 5}
SHARES = (0.01, 0.05, 0.2, 1.0)
LARGE = 6000


def target_tables():
    """Yield name, rows and targets of the installed tables."""
    yield "diabetes", *load_diabetes(return_X_y=True)
    try:
        from mlxtend.data import boston_housing_data

        X, y = boston_housing_data()
        # Without the column that counts people by the colour of their skin.
        yield "homes in Boston", np.delete(X, 11, axis=1), y
    except ImportError:
        print("homes in Boston are left out: pip install mlxtend")
    try:
        import pandas as pd
        from plotnine.data import diamonds, txhousing
    except ImportError:
        print("diamonds and txhousing are left out: pip install plotnine")
        return
    grades = diamonds.select_dtypes("category").columns
    X = diamonds.drop(columns="price")
    X[grades] = X[grades].apply(lambda grade: grade.cat.codes)
    yield (
        "diamonds",
        *some(X.to_numpy(float), np.log(diamonds["price"].to_numpy(float))),
    )
    homes = txhousing.dropna()
    X = pd.get_dummies(homes.drop(columns=["median", "volume"]), columns=["city"])
    yield "txhousing", *some(X.to_numpy(float), np.log(homes["median"].to_numpy(float)))


def some(X, y):
    """Return some rows, drawn at random, so that every method takes minutes."""
    drawn = np.random.RandomState(0).permutation(len(y))[:LARGE]
    return X[drawn], y[drawn]


def regressors(seed):
    """Return the models that are compared on targets."""

    def neighbours(*steps):
        return make_pipeline(*steps, KNeighborsRegressor())

    return {
        "raw": neighbours(StandardScaler()),
        "embedding": neighbours(
            ContrastiveEmbedding(similarity="targets", random_state=seed)
        ),
        "relu": neighbours(
            ContrastiveEmbedding(
                similarity="targets", activation="relu", random_state=seed
            ),
        ),
        "linear": neighbours(
            ContrastiveEmbedding(
                similarity="targets", encoder="linear", random_state=seed
            ),
        ),
        "forest": RandomForestRegressor(random_state=seed),
    }


def run_targets():
    """Return R² of each method on each split of each table."""
    results = {}
    for name, X, y in target_tables():
        n_splits = N_SPLITS["small" if len(y) < 1000 else "large"]
        scores = {}
        for seed in range(n_splits):
            parts = train_test_split(X, y, test_size=0.25, random_state=1000 + seed)
            X_train, X_test, y_train, y_test = parts
            for method, model in regressors(seed).items():
                score = model.fit(X_train, y_train).score(X_test, y_test)
                scores.setdefault(method, []).append(score)
        results[name] = {"shape": X.shape, "scores": scores}
        print(name, {m: round(float(np.mean(s)), 3) for m, s in scores.items()})
    return results


def few_labels(X_train, y_train, X_test, y_test, share, seed):
    """Return the accuracy of each method with a share of the labels."""
    labelled = np.arange(len(y_train))
    if share < 1:
        labelled, _ = train_test_split(
            labelled, train_size=share, random_state=seed, stratify=y_train
        )
    y_some = np.full(len(y_train), -1)
    y_some[labelled] = y_train[labelled]
    scaler = StandardScaler().fit(X_train)
    similarity = LabelSimilarity(unlabeled=-1)
    part = X_train[labelled], y_train[labelled]
    maps = {
        "raw": scaler,
        "labelled rows": ContrastiveEmbedding(random_state=seed).fit(*part),
        "all rows": ContrastiveEmbedding(similarity=similarity, random_state=seed),
    }
    maps["all rows"].fit(X_train, y_some)
    scores = {}
    for method, embedding in maps.items():
        nearest = KNeighborsClassifier(1).fit(embedding.transform(part[0]), part[1])
        scores[method] = nearest.score(embedding.transform(X_test), y_test)
    if share < 1:
        spreading = LabelSpreading(kernel="knn").fit(scaler.transform(X_train), y_some)
        scores["LabelSpreading"] = spreading.score(scaler.transform(X_test), y_test)
    return scores


def run_labels(folder):
    """Return accuracies by table, share of labels and method."""
    results = {}
    for name in ("satellite", "mnist5k"):
        table = tables.load(name, folder)
        if table is None:
            continue
        X, y = table[0], np.unique(table[1], return_inverse=True)[1]
        for share in SHARES:
            scores = {}
            for seed in range(N_SPLITS["labels"]):
                parts = train_test_split(
                    X, y, test_size=0.3, random_state=2000 + seed, stratify=y
                )
                X_train, X_test, y_train, y_test = parts
                found = few_labels(X_train, y_train, X_test, y_test, share, seed)
                for method, score in found.items():
                    scores.setdefault(method, []).append(score)
            results.setdefault(name, {})[str(share)] = scores
            print(
                name, share, {m: round(float(np.mean(s)), 3) for m, s in scores.items()}
            )
    return results


def gain_over(scores, others, factor=1.0):
    """Return the mean gain over paired splits with its standard deviation."""
    gains = factor * (np.array(scores) - np.array(others))
    digits = 3 if factor == 1 else 1
    return f"{gains.mean():+.{digits}f} ± {gains.std(ddof=1):.{digits}f}"


def markdown(results):
    """Return the results as Markdown tables."""
    lines = [
        "Targets: R² of 5 nearest neighbours on held-out rows:",
        "",
        "| table | rows × columns | standardised | embedding | gain | ReLU "
        "| linear encoder | random forest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, table in results["targets"].items():
        n_rows, n_columns = table["shape"]
        mean = {method: np.mean(s) for method, s in table["scores"].items()}
        gain = gain_over(table["scores"]["embedding"], table["scores"]["raw"])
        lines.append(
            f"| {name} | {n_rows:,} × {n_columns} | {mean['raw']:.3f} | "
            f"{mean['embedding']:.3f} | {gain} | {mean['relu']:.3f} | "
            f"{mean['linear']:.3f} | {mean['forest']:.3f} |"
        )
    lines += [
        "",
        "Few labels: accuracy of the nearest labelled row on held-out rows, in %:",
        "",
        "| table | share of labels | standardised | labelled rows alone | all rows "
        "| gain | LabelSpreading |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, by_share in results["labels"].items():
        for share, scores in by_share.items():
            mean = {method: f"{100 * np.mean(s):.1f}" for method, s in scores.items()}
            gain = gain_over(scores["all rows"], scores["labelled rows"], 100.0)
            lines.append(
                f"| {name} | {100 * float(share):g} % | {mean['raw']} | "
                f"{mean['labelled rows']} | {mean['all rows']} | {gain} | "
                f"{mean.get('LabelSpreading', '')} |"
            )
    lines += [
        "",
        "Means over splits. The gain is that of the embedding over standardised "
        "columns, and of all rows over the labelled rows alone, ± its standard "
        f"deviation over splits. {results['machine']}",
        "",
    ]
    return "\n".join(lines)


def main():
    options = report.options(
        __doc__,
        data={"default": None, "help": "folder of NAME.npz files"},
        parts={"nargs": "+", "default": ["targets", "labels"]},
    )
    warnings.simplefilter("ignore", UserWarning)
    results = report.load("similarity", options.out)
    if "targets" in options.parts:
        results["targets"] = run_targets()
    if "labels" in options.parts:
        results["labels"] = run_labels(options.data)
    report.save("similarity", results, markdown, options.out)


if __name__ == "__main__":
    main()
