"""The shape of the package: who imports whom, and how far a reader has to go."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest

import sklearn_contrastive
from sklearn_contrastive import ContrastiveEmbedding

ROOT = Path(sklearn_contrastive.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

#: A module may import those on lower levels, and those of its own folder.
LEVELS = {
    "_pairs": 0,
    "_checks": 0,
    "_rows": 0,
    "_callbacks": 0,
    "_graphs": 0,
    "_labels": 0,
    "_optimizer": 0,
    "_tiles": 1,
    "_springs": 2,
    "_lists": 2,
    "losses": 3,
    "miners": 3,
    "similarity": 3,
    "encoders": 3,
    "_memory": 1,
    "_neighbor_search": 0,
    "_global_batches": 1,
    "_term": 4,
    "_objectives": 4,
    "_step": 5,
    "_models": 5,
    "_training": 6,
    "_warnings": 0,
    "_repeats": 0,
    "_pair_decisions": 2,
    "_pair_labels": 1,
    "_pair_samples": 1,
    "_thresholds": 1,
    "metrics": 1,
    "model_selection": 2,
    "_running": 6,
    "_sources": 6,
    "_scores": 7,
    "_early_stopping": 7,
    "_metric": 8,
    "_fitting": 8,
    "_embedding": 9,
    "_together": 10,
    "_trials": 11,
    "_candidates": 10,
    "_cv_results": 0,
    "_rounds": 12,
    "_search": 13,
    "_alignment": 10,
    "_pair_training": 10,
    "inspection": 10,
    "presets": 10,
    "verification": 11,
    "displays": 12,
    "__init__": 14,
}

#: What may be loaded by importing the package; the rest waits inside functions.
AT_IMPORT = {
    "numpy",
    "scipy.sparse",
    "scipy.special",
    "sklearn",
    "sklearn.base",
    "sklearn.callback",
    "threadpoolctl",
}


def room(path):
    """Return the part of the package that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path, top_level):
    """Yield the names of the modules that a file imports."""
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree)
    if top_level:
        nodes = list(tree.body)
        for node in tree.body:
            if isinstance(node, ast.Try):
                nodes += node.body
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path):
    for name in imported(path, top_level=False):
        if name.partition(".")[0] != "sklearn_contrastive" or path.stem == "__init__":
            continue
        other = name.split(".")[1]
        assert LEVELS[other] < LEVELS[room(path)] or other == room(path), name


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_heavy_libraries_wait_until_they_are_needed(path):
    for name in imported(path, top_level=True):
        package = name.partition(".")[0]
        known = package in sys.stdlib_module_names or package == "sklearn_contrastive"
        assert known or name in AT_IMPORT or name.startswith("sklearn.utils"), name


def test_every_module_has_a_level():
    assert {room(path) for path in FILES} == set(LEVELS)


def test_bodies_and_modules_are_short():
    for path in FILES:
        text = path.read_text()
        assert text.count("\n") <= 440, path.name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                body = [
                    part
                    for part in node.body
                    if not isinstance(getattr(part, "value", None), ast.Constant)
                ]
                length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                assert length <= 60, f"{path.name}: {node.name} has {length} lines"


def test_the_reading_path_is_short():
    X = np.random.RandomState(0).normal(size=(60, 4))
    y = np.arange(60) % 3
    model = ContrastiveEmbedding(max_iter=2, random_state=0)
    # What the first fit loads is no part of the path, and slow to look at.
    model.fit(X, y).transform(X)
    functions, stack, deepest = set(), [], 0

    def profile(frame, event, _):
        nonlocal deepest
        path = Path(frame.f_code.co_filename)
        ours = ROOT in path.parents and not frame.f_code.co_name.startswith("<")
        # The stand-in for callbacks of older scikit-learn versions is no part of it.
        if not ours or path.stem == "_callbacks":
            return
        if event == "call":
            stack.append(frame.f_code)
            functions.add((str(path), frame.f_code.co_qualname))
            deepest = max(deepest, len(stack))
        elif event == "return":
            stack.pop()

    sys.setprofile(profile)
    try:
        model.fit(X, y).transform(X)
    finally:
        sys.setprofile(None)
    files = {path for path, _ in functions}
    assert len(files) <= 25, sorted(files)
    assert len(functions) <= 125, sorted(functions)
    assert deepest <= 14
