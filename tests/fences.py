"""The size and shape of the package, in numbers with limits.

``python tests/fences.py`` prints the table, and ``test_rooms.py`` holds it. A limit is
not raised: a change that does not fit makes something else smaller.
"""

import ast
import os
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

# One thread, as in the tests: set before numpy is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

TESTS = Path(__file__).parent
ROOT = TESTS.parent / "sklearn_contrastive"
FILES = sorted(ROOT.rglob("*.py"))

#: The number before the rooms were made, and the limit; None where there is none.
FENCES = {
    "entries at the top": (50, 22),
    "flat private modules": (None, 1),
    "floors": (14, 7),
    "circles": (0, 0),
    "default fit: files": (25, 14),
    "default fit: functions": (125, 80),
    "default fit: stack": (14, 9),
    "one linear network: files": (25, 12),
    "one linear network: functions": (118, 65),
    "one linear network: stack": (14, 9),
    "code lines": (9949, 8000),
    "private docstring lines": (5301, None),
    "hasattr and getattr": (116, 35),
    "`__module__` tests": (5, 0),
    "code lines of the longest file": (268, 250),
    "test cases": (6577, 4500),
}
#: Where the package is still over its limit: what it may not grow beyond. Lower or
#: delete an entry as soon as the package is smaller; do not raise or add one.
NOT_REACHED = {
    "one linear network: files": 14,
    "one linear network: functions": 79,
}
#: Code lines and test cases that were added since the rooms were made, by what they
#: brought. Their sums add to the limits.
ADDED = {
    "reports within an epoch, interrupts, errors of memory": (28, 40),
    "one thread, forked processes, random streams of modules": (104, 20),
    "columns of any unit, collapse by its cost": (85, 240),
    "short messages, versions, callbacks of all estimators": (292, 310),
    "kinds of values in any container": (182, 146),
    "fuzz": (3, 5),
    "progress bar": (26, 16),
    "arguments of losses that are called directly": (27, 20),
    "cross-fitting, predictors by neighbours, piecewise-linear codes": (641, 211),
    "label sets and intervals": (91, 40),
    "weights of columns, length by the noise of labels": (152, 39),
    "weights and folds of rare classes": (72, 16),
    "votes of rows of training": (49, 3),
    "tables as they are: categories, missing numbers, sparse": (447, 110),
    "pairs of frames, and frames for both tables of an alignment": (136, 70),
    "cross-fitting of any encoder, and in searches": (51, 23),
    "categories of many levels, and ordered ones": (218, 40),
    "frames read at once and by codes, intervals, sparse frames": (133, 30),
    "files without code": (283, 87),
    "drift, and serving without torch": (60, 48),
    "weights of columns by the number of rows": (7, 2),
    "an index that grows": (263, 63),
    "graphs of ONNX": (417, 71),
    "checkpoints": (385, 46),
    "Dask": (628, 21),
    "training by several processes": (618, 80),
}
#: Takes long to count, so that only the command does it.
SLOW = "test cases"


def room(path):
    """Return the part of the package that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(tree):
    """Return the names of the modules that some syntax imports, at any depth."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


def docstrings(tree):
    """Yield each node that has a docstring, with the docstring's node."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            yield node, node.body[0]


def n_lines(node):
    return node.end_lineno - node.lineno + 1


def code_lines(path):
    """Count the lines that are no docstring, no comment and not blank."""
    text = path.read_text()
    spans = [(doc.lineno, doc.end_lineno) for _, doc in docstrings(ast.parse(text))]
    documented = {i for start, stop in spans for i in range(start, stop + 1)}
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and i not in documented
        for i, line in enumerate(text.splitlines(), 1)
    )


def public_names():
    """Return the names that the package and its public rooms export."""
    names = set(import_module("sklearn_contrastive").__all__)
    for name in list(names):
        if (ROOT / name).is_dir():
            names |= set(import_module(f"sklearn_contrastive.{name}").__all__)
    return names


def private_docstring_lines(path, exported):
    """Count the docstring lines of a private module that users never read."""
    if not path.name.startswith("_") or path.name == "__init__.py":
        return 0
    tree, public = ast.parse(path.read_text()), set()
    for node in tree.body:
        if getattr(node, "name", None) in exported:
            kinds = ast.FunctionDef | ast.ClassDef
            methods = (part for part in ast.walk(node) if isinstance(part, kinds))
            public |= {node, *(m for m in methods if not m.name.startswith("_"))}
    return sum(n_lines(doc) for node, doc in docstrings(tree) if node not in public)


def floors():
    """Return the length of the longest chain of rooms, and the number of circles."""
    below = {}
    for path in FILES:
        names = imported(ast.parse(path.read_text()))
        rooms = {n.split(".")[1] for n in names if n.startswith("sklearn_contrastive.")}
        below.setdefault(room(path), set()).update(rooms - {room(path)})
    below.pop("__init__")
    try:
        order = [*TopologicalSorter(below).static_order()]
    except CycleError:
        return None, 1
    height = {}
    for name in order:
        height[name] = 1 + max((height[other] for other in below[name]), default=0)
    return max(height.values()), 0


def reading_path(**params):
    """Return files, functions and depth of the stack of a second fit and transform."""
    import numpy as np

    from sklearn_contrastive import ContrastiveEmbedding

    X, y = np.random.RandomState(0).normal(size=(60, 4)), np.arange(60) % 3
    model = ContrastiveEmbedding(max_iter=2, random_state=0, **params)
    # The first fit loads modules, which is no part of the path.
    model.fit(X, y).transform(X)
    functions, stack, deepest = set(), [], 0

    def profile(frame, event, _):
        nonlocal deepest
        path = Path(frame.f_code.co_filename)
        ours = ROOT in path.parents and not frame.f_code.co_name.startswith("<")
        # The stand-in for callbacks of older scikit-learn versions does not count.
        if not ours or path.stem == "_callbacks":
            return
        if event == "call":
            stack.append(frame.f_code)
            functions.add((path, frame.f_code.co_qualname))
            deepest = max(deepest, len(stack))
        elif event == "return":
            stack.pop()

    sys.setprofile(profile)
    try:
        model.fit(X, y).transform(X)
    finally:
        sys.setprofile(None)
    return len({path for path, _ in functions}), len(functions), deepest


def count_cases():
    """Count the cases that pytest collects, doctests included."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-qq",
        "-p",
        "no:xdist",
    ]
    found = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True)
    return sum(int(n) for n in re.findall(r": (\d+)$", found.stdout, re.MULTILINE))


def measure():
    """Return the number behind each fence but the slow one."""
    exported, text = public_names(), "".join(path.read_text() for path in FILES)
    top = [path for path in ROOT.iterdir() if path.suffix != ".typed"]
    top = [path for path in top if path.name != "__pycache__"]
    flat = [p for p in top if p.name.startswith("_") and p.suffix == ".py"]
    values = {
        "entries at the top": len(top),
        "flat private modules": len([p for p in flat if p.name != "__init__.py"]),
        "code lines": sum(map(code_lines, FILES)),
        "private docstring lines": sum(
            private_docstring_lines(path, exported) for path in FILES
        ),
        "hasattr and getattr": len(re.findall(r"\b(?:hasattr|getattr)\(", text)),
        "`__module__` tests": text.count("__module__"),
        "code lines of the longest file": max(map(code_lines, FILES)),
    }
    values["floors"], values["circles"] = floors()
    linear = {"encoder": "linear", "n_members": 1}
    for name, params in {"default fit": {}, "one linear network": linear}.items():
        path = reading_path(**params)
        for kind, value in zip(("files", "functions", "stack"), path, strict=True):
            values[f"{name}: {kind}"] = value
    return values


def over(values):
    """Return the numbers that are over what they may be, with these limits."""
    limits = {name: limit for name, (_, limit) in FENCES.items()} | NOT_REACHED
    for name, added in zip(
        ("code lines", SLOW), zip(*ADDED.values(), strict=True), strict=True
    ):
        limits[name] += sum(added)
    return {
        name: f"{values[name]} > {limit}"
        for name, limit in limits.items()
        if limit is not None and name in values and not (values[name] or 0) <= limit
    }


def main():
    values = measure() | {SLOW: count_cases()}
    print(f"{'':32}{'before':>8}{'now':>8}{'fence':>8}")
    for name, (before, limit) in FENCES.items():
        cells = ("–" if n is None else n for n in (before, values[name], limit))
        print(f"{name:32}" + "".join(f"{cell:>8}" for cell in cells))
    for what, (lines, cases) in ADDED.items():
        print(f"Added since, beyond the fence: {what}: {lines} lines, {cases} cases")
    if NOT_REACHED:
        print(f"Not reached yet, and held where they are: {', '.join(NOT_REACHED)}")
    if over(values):
        raise SystemExit(f"Over the fence: {over(values)}")


if __name__ == "__main__":
    main()
