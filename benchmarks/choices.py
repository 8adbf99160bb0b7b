"""Compare each default with alternatives.

Run ``python benchmarks/choices.py --data FOLDER``. Defaults are chosen on rows that no
other benchmark reports on: the training rows of `compare.py` are split again, into 70 %
training and 30 % validation rows, and each variant is compared with the defaults on the
same rows. At most 3,000 rows of a table are used. Tables of fewer than 1,000 rows are
split four times, others twice. The table shows differences in percentage points, with
the standard error of their mean over tables. An interrupted run resumes; ``--variants``
runs some variants only, and ``--again`` discards their earlier results. Times are
measured on digits, in interleaved runs.

A second table is of the tables with categories, missing values and noisy labels
(``FOLDER/mixed``), coded as in ``neighbors.py``: accuracy, balanced accuracy, AUC,
log-loss and average precision of 25 neighbours, and MAP@R. They are split twice.

Writes ``results/choices.json`` and ``results/choices.md``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from functools import partial

import numpy as np
import torch
from _common import report, tables
from compare import score_embedding
from neighbors import FEWEST, figures
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from sklearn_contrastive import ContrastiveEmbedding, presets
from sklearn_contrastive.losses import ContrastiveLoss, HybridLoss, NCALoss
from sklearn_contrastive.metrics import map_at_r
from sklearn_contrastive.miners import NearestPairs

BASE = "the defaults"
MOST_ROWS, SMALL = 3000, 1000
#: What `batch_size="auto"` is.
BATCH_SIZE = 128
MOST_MIXED = 4000
KINDS = ("clean", "mixed")
VARIANTS = {
    BASE: {},
    "another seed": {"random_state": 100},
    "n_members=1 of (256, 256)": {"n_members": 1, "hidden_layer_sizes": (256, 256)},
    "n_members=1": {"n_members": 1},
    "n_members=2": {"n_members": 2},
    "n_members=8": {"n_members": 8},
    "n_components=16": {"n_components": 16},
    "n_components=128": {"n_components": 128},
    "hidden_layer_sizes=(64, 64)": {"hidden_layer_sizes": (64, 64)},
    "hidden_layer_sizes=(256, 256)": {"hidden_layer_sizes": (256, 256)},
    "hidden_layer_sizes=(128,)": {"hidden_layer_sizes": (128,)},
    'activation="silu"': {"activation": "silu"},
    "dropout=0": {"dropout": 0.0},
    "dropout=0.3": {"dropout": 0.3},
    'loss="supcon"': {"loss": "supcon"},
    'loss="nca"': {"loss": "nca"},
    "contrastive + nca": {
        "loss": HybridLoss([("contrastive", ContrastiveLoss()), ("nca", NCALoss())])
    },
    "presets.RETRIEVAL": presets.RETRIEVAL,
    "margin=1.0": {"margin": 1.0},
    "margin=1.7": {"margin": 1.7},
    'miner="all"': {"miner": "all"},
    "3 nearest positives": {"miner": NearestPairs(n_positives=3)},
    "8 nearest positives": {"miner": NearestPairs(n_positives=8)},
    "16 nearest negatives": {"miner": NearestPairs(n_negatives=16)},
    'standardize="standard"': {"standardize": "standard"},
    "normalize=False": {"normalize": False},
    "batch_size=64": {"batch_size": 64},
    "batch_size=256": {"batch_size": 256},
    "learning_rate_init=2e-3": {"learning_rate_init": 2e-3},
    "learning_rate_init=8e-3": {"learning_rate_init": 8e-3},
    "alpha=1.0": {"alpha": 1.0},
    "early_stopping=True": {"early_stopping": True},
    "half of max_iter": {"max_iter": 0.5},
    "twice max_iter": {"max_iter": 2.0},
    "feature_weights=None": {"feature_weights": None},
    "a learned diagonal": {"feature_weights": "diagonal"},
    'numeric_encoding="piecewise"': {"numeric_encoding": "piecewise"},
    "cross_fit=True": {"cross_fit": True},
}


def inner_splits(X, y):
    """Yield seeds with training and validation rows, none of them a test row."""
    outer = StratifiedShuffleSplit(10, test_size=0.3, random_state=0)
    for seed, (part, _) in enumerate(outer.split(X, y)):
        if seed == (4 if len(X) < SMALL else 2):
            return
        inner = StratifiedShuffleSplit(1, test_size=0.3, random_state=seed)
        [(train, rest)] = inner.split(X[part], y[part])
        yield seed, part[train], part[rest]


def diagonal(X, y, seed, n_steps=200, batch_size=512):
    """Return weights of columns by NCA with a diagonal matrix, at most 1."""
    torch.manual_seed(seed)
    rows = torch.from_numpy(StandardScaler().fit_transform(X)).float()
    labels = torch.from_numpy(y)
    logs = torch.zeros(X.shape[1], requires_grad=True)
    optimizer = torch.optim.Adam([logs], lr=0.05)
    for _ in range(n_steps):
        part = torch.randperm(len(rows))[:batch_size]
        Z = rows[part] * logs.exp() / X.shape[1] ** 0.5
        near = -torch.cdist(Z, Z).square().fill_diagonal_(torch.inf)
        same = labels[part][:, None] == labels[part]
        own = near.softmax(dim=1).where(same, torch.zeros(())).sum(dim=1)
        optimizer.zero_grad()
        (-own.mean()).backward()
        optimizer.step()
    weights = logs.detach().exp().double().numpy()
    return weights / weights.max()


def fitter(variant):
    """Return a function that fits a variant."""

    def fit(X, y, seed):
        params = {"random_state": seed, **VARIANTS[variant]}
        if "max_iter" in params:
            # A share of the budget of "auto", in passes over the rows.
            batch_size = min(BATCH_SIZE, len(X))
            n_steps = min(max(12 * len(X) / batch_size, 300), 4000)
            n_passes = params["max_iter"] * n_steps / (len(X) // batch_size)
            params["max_iter"] = max(1, round(n_passes))
        if params.get("feature_weights") == "diagonal":
            params["feature_weights"] = diagonal(X, y, seed)
        return ContrastiveEmbedding(**params).fit(X, y)

    return fit


def run(variant, data, found):
    """Add the missing results of a variant."""
    for name, (X, y) in data.items():
        runs = found.setdefault(name, {})
        for seed, train, rest in inner_splits(X, y):
            if str(seed) not in runs:
                fit = fitter(variant)
                runs[str(seed)] = score_embedding(
                    lambda *args, fit=fit: fit(*args).transform, X, y, train, rest, seed
                )


def mixed_splits(name, folder):
    """Yield two splits of a mixed table: seed, coded rows of both parts, classes."""
    loaded = tables.load(name, folder)
    if loaded is None:
        return
    X, y = loaded
    kept = np.flatnonzero(np.bincount(y)[y] >= FEWEST)
    y = np.unique(y[kept], return_inverse=True)[1]
    outer = StratifiedShuffleSplit(2, train_size=0.7, random_state=0)
    for seed, (part, _) in enumerate(outer.split(y, y)):
        part = part[:MOST_MIXED]
        inner = StratifiedShuffleSplit(1, test_size=0.3, random_state=seed)
        [(train, rest)] = inner.split(part, y[part])
        rows = kept[part[train]], kept[part[rest]]
        yield seed, *tables.encoded(X, *rows), y[part[train]], y[part[rest]]


def run_mixed(options, found, save):
    """Add the missing results of variants on mixed tables, and save after each."""
    for name in tables.MIXED:
        for seed, X, X_rest, y, y_rest in mixed_splits(name, options.data):
            for variant in options.variants:
                runs = found.setdefault(variant, {}).setdefault(name, {})
                if str(seed) in runs:
                    continue
                fitted = fitter(variant)(X, y, seed)
                # With cross_fit training rows are where unseen ones would be.
                Z = fitted.transform(X)
                if fitted.cross_fit:
                    Z = fitted.fit_transform(X, y)
                Z_rest = fitted.transform(X_rest)
                shares = KNeighborsClassifier(25).fit(Z, y).predict_proba(Z_rest)
                precision = float(map_at_r(Z_rest, y_rest))
                runs[str(seed)] = [*figures(shares, y_rest), precision]
        save()
        print(name, flush=True)


def times():
    """Return the ratio of each variant's time to the defaults', of interleaved fits."""
    X, y = tables.load("digits")
    seconds = report.in_turn(
        {variant: partial(fitter(variant), X, y, 0) for variant in VARIANTS}, 3
    )
    return {
        variant: float(np.median(np.array(own) / np.array(seconds[BASE])))
        for variant, own in seconds.items()
    }


def gaps(found, variant, metric):
    """Return the mean difference from the defaults on each table, in points."""
    return np.array(
        [
            100
            * np.mean(
                [run[metric] - found[BASE][name][s][metric] for s, run in runs.items()]
            )
            for name, runs in found[variant].items()
        ]
    )


def markdown(results):
    """Return the differences as a Markdown table."""
    found = results["variants"]
    own = [list(runs.values()) for runs in found[BASE].values()]
    mean = {
        metric: 100 * np.mean([np.mean([run[metric] for run in runs]) for runs in own])
        for metric in ("accuracy", "nearest", "map_at_r")
    }
    lines = [
        "| instead of the default | 5-NN | 1-NN | MAP@R | time |",
        "|---|---|---|---|---|",
    ]
    for variant in (name for name in VARIANTS if name in found and name != BASE):
        cells = []
        for metric in ("accuracy", "nearest", "map_at_r"):
            each = gaps(found, variant, metric)
            error = each.std(ddof=1) / np.sqrt(len(each))
            cells.append(f"{each.mean():+.1f} ± {error:.1f}")
        time = results["times"][variant]
        lines.append(f"| `{variant}` | {' | '.join(cells)} | {time:.2f} |")
    return "\n".join(
        [
            *lines,
            "",
            f"Differences from the defaults in percentage points, with the standard "
            f"error of their mean over {len(own)} tables. The defaults have "
            f"{mean['accuracy']:.1f}, {mean['nearest']:.1f} and "
            f"{mean['map_at_r']:.1f} %. Models are trained on half of each table and "
            "measured on validation rows. Times are relative to the defaults, medians "
            "of three interleaved fits of digits.",
            "",
            *mixed_lines(results["mixed"]),
            "",
            results["machine"],
            "",
        ]
    )


def mixed_lines(found):
    """Return the differences on mixed tables as lines of a Markdown table."""
    # Accuracy, balanced accuracy, area, log-loss, precision, MAP@R, as in the table.
    order, digits = [0, 3, 1, 2, 4, 5], [1, 1, 3, 3, 3, 1]
    units = np.array([100, 100, 1, 1, 1, 100])
    means = {
        variant: np.array([np.mean([*splits.values()], axis=0) for splits in names])
        for variant, names in ((v, found[v].values()) for v in VARIANTS if v in found)
    }
    means = {variant: own[:, order] * units for variant, own in means.items()}
    base = means.pop(BASE)
    lines = [
        "| instead of the default | accuracy | balanced | AUC | log-loss | precision | "
        "MAP@R |",
        "|---" * 7 + "|",
    ]
    for variant, own in means.items():
        errors = (own - base).std(axis=0, ddof=1) / np.sqrt(len(base))
        cells = [
            f"{gap:+.{n}f} ± {error:.{n}f}"
            for gap, error, n in zip(
                (own - base).mean(axis=0), errors, digits, strict=True
            )
        ]
        lines.append(f"| `{variant}` | {' | '.join(cells)} |")
    shown = [f"{mean:.{n}f}" for mean, n in zip(base.mean(axis=0), digits, strict=True)]
    return [
        *lines,
        "",
        f"The same on {len(base)} tables with categories, missing values and noisy "
        "labels: 25 neighbours, and MAP@R of validation rows. Accuracy, balanced "
        "accuracy and MAP@R are in percentage points; of log-loss less is better. The "
        f"defaults have {', '.join(shown)}.",
    ]


def main():
    options = report.options(
        __doc__,
        data={"help": "folder of NAME.npz files"},
        variants={"nargs": "+", "default": list(VARIANTS), "choices": list(VARIANTS)},
        kinds={"nargs": "+", "default": KINDS, "choices": KINDS},
        again={"action": "store_true", "help": "discard earlier results of these"},
    )
    torch.set_num_threads(1)
    results = report.load("choices", options.out) or {"variants": {}}
    mixed = results.setdefault("mixed", {})
    kinds = {"clean": results["variants"], "mixed": mixed}
    for kind in options.kinds if options.again else ():
        for variant in options.variants:
            kinds[kind].pop(variant, None)
    if "clean" in options.kinds:
        data = {n: tables.fewer(n, MOST_ROWS, options.data) for n in tables.NAMES}
        data = {name: table for name, table in data.items() if table is not None}
        for variant in options.variants:
            run(variant, data, results["variants"].setdefault(variant, {}))
            report.keep("choices", results, options.out)
            print(variant, flush=True)
        results["times"] = times()
    if "mixed" in options.kinds:
        run_mixed(options, mixed, lambda: report.keep("choices", results, options.out))
    report.save("choices", results, markdown, options.out)


if __name__ == "__main__":
    main()
