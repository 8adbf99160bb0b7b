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

#: A room may import those on lower floors, and what is inside itself.
FLOORS = [
    {"_pairs", "_validation"},
    {"preprocessing"},
    {"encoders", "losses", "metrics", "miners", "similarity"},
    {"_training"},
    {"_estimators"},
    {"inspection", "model_selection", "presets", "verification"},
    {"displays"},
]
FLOOR = {name: floor for floor, rooms in enumerate(FLOORS) for name in rooms}

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
        if name.partition(".")[0] != "sklearn_contrastive" or room(path) == "__init__":
            continue
        other = name.split(".")[1]
        assert FLOOR[other] < FLOOR[room(path)] or other == room(path), name


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_heavy_libraries_wait_until_they_are_needed(path):
    for name in imported(path, top_level=True):
        package = name.partition(".")[0]
        known = package in sys.stdlib_module_names or package == "sklearn_contrastive"
        assert known or name in AT_IMPORT or name.startswith("sklearn.utils"), name


def test_every_room_has_a_floor():
    assert {room(path) for path in FILES} == {*FLOOR, "__init__"}


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
