"""Measure how often `neighbor_drift` gives an alarm, without drift and with some.

Run ``python benchmarks/drift.py``: breast cancer and digits. An embedding is fitted to
a third of the rows. Of the rest 200 draws give a reference and new rows without
repetition, and an alarm is a p-value of at most 5 %. Writes ``results/drift.json`` and
``results/drift.md``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from _common import report
from sklearn.datasets import load_breast_cancer, load_digits

from sklearn_contrastive import ContrastiveEmbedding
from sklearn_contrastive.metrics import neighbor_drift

TABLES = {"breast cancer": load_breast_cancer, "digits": load_digits}
N_DRAWS, N_REFERENCE, N_NEW, LEVEL = 200, 150, (30, 150), 0.05


def noise(X, scale, rng):
    return X + rng.normal(size=X.shape) * scale * X.std(axis=0)


#: What becomes of the new rows, given those of all classes and a random state.
CHANGES = {
    "none": lambda X, rng: X,
    "noise of 0.3 deviations in each column": lambda X, rng: noise(X, 0.3, rng),
    "noise of 1 deviation in each column": lambda X, rng: noise(X, 1, rng),
    "each value 10 % larger": lambda X, rng: X * 1.1,
    "a tenth of the columns is 0": lambda X, rng: X * (np.arange(X.shape[1]) % 10 > 0),
}
MISSING = "the first class is missing"


def alarms(model, X, y, n_new):
    """Return the share of draws with an alarm, by change."""
    found = {name: [] for name in (*CHANGES, MISSING)}
    for seed in range(N_DRAWS):
        rng = np.random.RandomState(seed)
        order = rng.permutation(len(X))
        reference, others = order[:N_REFERENCE], order[N_REFERENCE:]
        rows = {
            name: change(X[others[:n_new]], rng) for name, change in CHANGES.items()
        }
        rows[MISSING] = X[others[y[others] != y.min()][:n_new]]
        Z = model.transform(X[reference])
        for name, new in rows.items():
            drift = neighbor_drift(
                Z, model.transform(new), n_permutations=199, random_state=rng
            )
            found[name].append(drift.pvalue <= LEVEL)
    return {name: float(np.mean(values)) for name, values in found.items()}


def measure():
    """Return shares of alarms by table, number of new rows, and change."""
    shares = {}
    for name, read in TABLES.items():
        X, y = read(return_X_y=True)
        order = np.random.RandomState(0).permutation(len(X))
        train, rest = order[: len(X) // 3], order[len(X) // 3 :]
        model = ContrastiveEmbedding(random_state=0).fit(X[train], y[train])
        shares[name] = {str(n): alarms(model, X[rest], y[rest], n) for n in N_NEW}
    return {"alarms": shares}


def markdown(results):
    """Return the results as a Markdown table."""
    found = results["alarms"]
    columns = [(name, str(n)) for name in TABLES for n in N_NEW]
    head = " | ".join(f"{name}, {n} new rows" for name, n in columns)
    lines = [f"| change | {head} |", "|---" * (1 + len(columns)) + "|"]
    for change in (*CHANGES, MISSING):
        cells = (f"{100 * found[name][n][change]:.1f}" for name, n in columns)
        lines.append(f"| {change} | {' | '.join(cells)} |")
    note = (
        f"Alarms at a level of {LEVEL:.0%}, in % of {N_DRAWS} draws of {N_REFERENCE} "
        f"rows as a reference and of new rows. {results['machine']}"
    )
    return "\n".join([*lines, "", note, ""])


def main():
    options = report.options(__doc__)
    report.save("drift", measure(), markdown, options.out)


if __name__ == "__main__":
    main()
