"""The shape of the package: imports by room, short bodies, and the fences."""

import ast
import sys
from importlib import import_module
from pathlib import Path

import pytest

#: A room imports rooms of lower floors, and its own modules.
FLOORS = [
    {"_pairs", "_validation"},
    {"preprocessing"},
    {"encoders", "losses", "metrics", "miners", "similarity"},
    {"_training"},
    {"_estimators"},
    {
        *("callbacks", "distributed", "inspection", "model_selection"),
        *("neighbors", "presets", "verification"),
    },
    {"dask", "displays", "onnx", "persistence"},
]
FLOOR = {name: floor for floor, rooms in enumerate(FLOORS) for name in rooms}

#: What modules may import at their top; everything else is imported where it is used.
AT_IMPORT = {
    "numpy",
    "scipy.sparse",
    "scipy.special",
    "sklearn",
    "sklearn.base",
    "sklearn.callback",
    "sklearn.frozen",
    "threadpoolctl",
}


@pytest.fixture
def fences(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return import_module("fences")


@pytest.fixture
def trees(fences):
    return {path: ast.parse(path.read_text()) for path in fences.FILES}


def at_the_top(tree):
    """Return the part of a module that runs on import, outside of functions."""
    tried = [
        part for node in tree.body if isinstance(node, ast.Try) for part in node.body
    ]
    kept = [
        n for n in [*tree.body, *tried] if isinstance(n, ast.Import | ast.ImportFrom)
    ]
    return ast.Module(kept, [])


def test_every_room_has_a_floor(fences):
    assert {fences.room(path) for path in fences.FILES} == {*FLOOR, "__init__"}


def test_imports_are_absolute_and_go_down(fences, trees):
    for path, tree in trees.items():
        room = fences.room(path)
        for name in fences.imported(tree):
            assert not name.startswith("."), f"{path} has a relative import"
            package, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            if package == "sklearn_contrastive" and room not in (other, "__init__"):
                assert FLOOR[other] < FLOOR[room], f"{path} imports {name}"


def test_heavy_libraries_are_imported_where_they_are_used(fences, trees):
    light = {*sys.stdlib_module_names, "sklearn_contrastive"}
    for path, tree in trees.items():
        for name in fences.imported(at_the_top(tree)):
            allowed = name in AT_IMPORT or name.startswith("sklearn.utils")
            assert allowed or name.partition(".")[0] in light, f"{path} imports {name}"


def test_bodies_are_short(fences, trees):
    for path, tree in trees.items():
        documented = {node: docstring for node, docstring in fences.docstrings(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                body = [part for part in node.body if part is not documented.get(node)]
                length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                assert length <= 60, f"{path}: {node.name} has {length} lines"


def test_the_package_is_inside_its_fences(fences):
    over = fences.over(fences.measure())
    assert not over, over
