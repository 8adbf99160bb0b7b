"""Compare probabilities by neighbours with those of other classifiers.

Run ``python benchmarks/neighbors.py --data FOLDER``. Tables with categories, missing
values and noisy labels (``FOLDER/mixed``) and clean tables; at most 3,000 rows are
trained on. Categories are one-hot coded, and missing numbers are medians with an
indicator, learned on training rows. The figures are accuracy, the area under the ROC
curve and average precision (weighted means of one class against the rest), log-loss of
the shares, each after adding 0.001, balanced accuracy, and MAP@R of test rows among
each other. ``plain`` is a pipeline of `ContrastiveEmbedding` and 25 neighbours,
``unweighted`` the same with ``feature_weights=None``, ``cross_fit`` with
``cross_fit=True``, ``raw`` 25 neighbours on standardised columns, and ``SupCon`` and
``NCA`` are 25 neighbours behind a training loop with pytorch-metric-learning and behind
scikit-learn's estimator, which is fitted to at most 1,000 rows. An interrupted run
resumes; ``--contestants`` runs some only, and ``--again`` discards their earlier
results. Writes ``results/neighbors.json`` and ``results/neighbors.md``.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from _common import peers, report, tables
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_contrastive import ContrastiveEmbedding, ContrastiveNeighborsClassifier
from sklearn_contrastive.metrics import map_at_r

MOST_ROWS, MOST_TEST, FEWEST = 3000, 2000, 8
CLEAN = ("breast_cancer", "digits", "iris", "letter", "satellite", "sonar")
CLEAN = (*CLEAN, "vehicle", "vowel", "wine")
#: Boosting builds a tree for each class and round.
MOST_BOOSTED = 10
MOST_COMPARED = 1000
OURS = ("ours", "plain", "unweighted", "cross_fit")
OTHERS = ("raw", "SupCon", "NCA", "logistic", "SVC", "forest", "boosting", "CatBoost")


class Loop(TransformerMixin, BaseEstimator):
    """What a function of ``(X, y, seed)`` fits, as a step of a pipeline."""

    def __init__(self, train, seed):
        self.train, self.seed = train, seed

    def fit(self, X, y):
        """Train on rows."""
        self.embed_ = self.train(X, y, self.seed)
        return self

    def transform(self, X):
        """Map rows."""
        return self.embed_(X)


def nca(X, y, seed):
    """Return what maps rows, fitted to the first of them."""
    return peers.nca(X[:MOST_COMPARED], y[:MOST_COMPARED], min(32, X.shape[1]))


def contestants(seed):
    """Return the classifiers by name."""
    embedding = ContrastiveEmbedding(random_state=seed)
    crossed = ContrastiveEmbedding(cross_fit=True, random_state=seed)
    same = ContrastiveEmbedding(feature_weights=None, random_state=seed)
    trees = {"random_state": seed}
    found = {
        "ours": ContrastiveNeighborsClassifier(random_state=seed),
        "plain": make_pipeline(embedding, KNeighborsClassifier(25)),
        "unweighted": make_pipeline(same, KNeighborsClassifier(25)),
        "cross_fit": make_pipeline(crossed, KNeighborsClassifier(25)),
        "raw": make_pipeline(StandardScaler(), KNeighborsClassifier(25)),
        "SupCon": make_pipeline(
            Loop(peers.standard_loop("SupConLoss"), seed), KNeighborsClassifier(25)
        ),
        "NCA": make_pipeline(Loop(nca, seed), KNeighborsClassifier(25)),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        "SVC": make_pipeline(StandardScaler(), SVC(probability=True, **trees)),
        "forest": RandomForestClassifier(300, **trees),
        "boosting": HistGradientBoostingClassifier(**trees),
    }
    if peers.installed("catboost"):
        from catboost import CatBoostClassifier

        quiet = {"verbose": 0, "thread_count": 1, "allow_writing_files": False}
        found["CatBoost"] = CatBoostClassifier(**trees, **quiet)
    return found


def figures(shares, y):
    """Return accuracy, AUC, log-loss, balanced accuracy and average precision."""
    classes = np.arange(shares.shape[1])
    accuracy = np.mean(shares.argmax(axis=1) == y)
    is_class = y[:, None] == classes
    counted = is_class.any(axis=0)
    given = is_class[:, counted], shares[:, counted]
    areas = roc_auc_score(*given, average="weighted")
    precision = average_precision_score(*given, average="weighted")
    balanced = np.mean([np.mean(shares[y == c].argmax(axis=1) == c) for c in set(y)])
    shares = shares + 1e-3
    shares /= shares.sum(axis=1, keepdims=True)
    return accuracy, areas, -np.log(shares[is_class]).mean(), balanced, precision


def parted(name, split, folder, n_rows=MOST_ROWS):
    """Return training and test rows with their classes, or None."""
    found = split_of(name, split, folder, n_rows)
    if found is None:
        return None
    X, train, test, y_train, y_test = found
    return *tables.encoded(X, train, test), y_train, y_test


def split_of(name, split, folder, n_rows=MOST_ROWS):
    """Return a table, numbers of training and test rows, and their classes, or None."""
    loaded = tables.load(name, folder)
    if loaded is None:
        return None
    X, y = loaded
    kept = np.flatnonzero(np.bincount(y)[y] >= FEWEST)
    y = np.unique(y[kept], return_inverse=True)[1]
    n_train = min(n_rows, round(0.75 * len(y)))
    n_test = min(MOST_TEST, len(y) - n_train)
    splitter = StratifiedShuffleSplit(
        1, train_size=n_train, test_size=n_test, random_state=split
    )
    [(train, test)] = splitter.split(y, y)
    return X, kept[train], kept[test], y[train], y[test]


def points(model, X):
    """Return where a fitted model places rows, or None if it is no embedding."""
    if isinstance(model, ContrastiveNeighborsClassifier):
        return model.embedding_.transform(X)
    neighbors = hasattr(model, "steps") and isinstance(model[-1], KNeighborsClassifier)
    return model[:-1].transform(X) if neighbors else None


def measure(name, split, folder, wanted, before):
    """Return figures and seconds of contestants on a split of a table, also earlier."""
    found = dict(before)
    parts = parted(name, split, folder) if {*wanted} - {*found} else None
    if parts is None:
        return found or None
    X_train, X_test, y_train, y_test = parts
    for contestant, model in contestants(split).items():
        many = y_train.max() >= MOST_BOOSTED
        if many and contestant in ("boosting", "CatBoost"):
            continue
        if contestant in found or contestant not in wanted:
            continue
        start = time.process_time()
        model.fit(X_train, y_train)
        seconds = time.process_time() - start
        Z = points(model, X_test)
        precision = None if Z is None else float(map_at_r(Z, y_test))
        shares = model.predict_proba(X_test)
        found[contestant] = [*figures(shares, y_test), precision, seconds]
    return found


def markdown(results):
    """Return the table of means, and that of each table."""
    machine, results = results["machine"], results["tables"]
    lines = [
        "Mean over tables of accuracy, AUC, log-loss, balanced accuracy, average "
        "precision and MAP@R:",
        "",
    ]
    runs = [splits["0"] for splits in results.values()]
    names = [n for n in (*OURS, *OTHERS) if any(n in run for run in runs)]
    for kind, members in {"mixed": tables.MIXED, "clean": CLEAN}.items():
        members = [name for name in members if name in results]
        few = [name for name in members if "boosting" in results[name]["0"]]
        groups = {f"{len(members)} {kind} tables": members}
        groups |= {f"{len(few)} of at most {MOST_BOOSTED} classes": few}
        lines += [f"| model | {' | '.join(groups)} | time |"]
        lines += ["|---" * (len(groups) + 2) + "|"]
        for contestant in names:
            cells = []
            for group in groups.values():
                # Only means over all tables of a group compare.
                runs = [[*results[name].values()] for name in group]
                if all(contestant in run for splits in runs for run in splits):
                    cells.append(_cell(runs, contestant, all_figures=True))
                else:
                    cells.append("–")
            cells.append(_time({name: results[name] for name in few}, contestant))
            lines.append(f"| {contestant} | {' | '.join(cells)} |")
        lines.append("")
    lines += ["By table, accuracy / AUC / log-loss:", ""]
    shown = ("ours", "cross_fit", "plain", "unweighted", "raw", "forest", "boosting")
    shown = [name for name in (*shown, "CatBoost") if name in names]
    lines += [f"| table | {' | '.join(shown)} |", "|---" * (len(shown) + 1) + "|"]
    for name, splits in results.items():
        runs = [[*splits.values()]]
        cells = [_cell(runs, c) if c in runs[0][0] else "–" for c in shown]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    n_splits = len(next(iter(results.values())))
    lines += [
        "",
        f"Means over {n_splits} splits, at most {MOST_ROWS:,} training rows. Time is "
        "the median over tables of the fit's processor time beside that of "
        "`unweighted`. Boosting is left out with more than "
        f"{MOST_BOOSTED} classes. " + machine,
        "",
    ]
    return "\n".join(lines)


def _cell(runs, contestant, all_figures=False):
    means = [
        np.mean([np.array(run[contestant][:-1], dtype=float) for run in splits], axis=0)
        for splits in runs
    ]
    accuracy, area, loss, balanced, precision, retrieved = np.mean(means, axis=0)
    cell = f"{100 * accuracy:.1f} / {area:.3f} / {loss:.3f}"
    if not all_figures:
        return cell
    retrieved = "–" if np.isnan(retrieved) else f"{100 * retrieved:.1f}"
    return f"{cell} / {100 * balanced:.1f} / {precision:.3f} / {retrieved}"


def _time(results, contestant):
    ratios = [
        np.median(
            [run[contestant][-1] / run["unweighted"][-1] for run in splits.values()]
        )
        for splits in results.values()
        if contestant in splits["0"]
    ]
    return f"{np.median(ratios):.2f}"


def main():
    everything = [*OURS, *OTHERS]
    options = report.options(
        __doc__,
        data={},
        splits={"type": int, "default": 5},
        contestants={"nargs": "+", "default": everything, "choices": everything},
        again={"action": "store_true", "help": "discard earlier results of these"},
    )
    results = report.load("neighbors", options.out)
    for splits in results.get("tables", {}).values() if options.again else ():
        for run in splits.values():
            for contestant in options.contestants:
                run.pop(contestant, None)
    if results:
        report.keep("neighbors", results, options.out)
    wanted = [
        name
        for name in options.contestants
        if name != "CatBoost" or peers.installed("catboost")
    ]
    report.run_splits(
        "neighbors",
        (*tables.MIXED, *CLEAN),
        lambda name, split, before: measure(name, split, options.data, wanted, before),
        markdown,
        options,
    )


if __name__ == "__main__":
    main()
