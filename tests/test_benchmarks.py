"""The tables of the benchmarks: up to date with their results, and in the docs."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_table_is_up_to_date_with_its_results(path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
        # The scripts set these for themselves.
        monkeypatch.setenv(name, "1")
    script = import_module(path.stem)
    table = script.markdown(json.loads(path.read_text()))
    assert table == path.with_suffix(".md").read_text()


def test_every_table_is_shown():
    pages = [*(ROOT / "docs").glob("*.rst"), *(ROOT / "docs").glob("user_guide/*.rst")]
    text = "".join(page.read_text() for page in [ROOT / "README.md", *pages])
    shown = set(re.findall(r"benchmarks/results/(\w+)\.md", text))
    assert shown == {path.stem for path in RESULTS}


def test_the_readme_of_the_benchmarks_names_every_script():
    text = (ROOT / "benchmarks" / "README.md").read_text()
    for path in (ROOT / "benchmarks").rglob("*.py"):
        name = "embed_results.py" if path.stem == "embed_results" else f"`{path.name}`"
        assert name in text or path.stem == "__init__", path.name


def test_the_figures_of_the_readme_on_mixed_tables_are_those_of_the_benchmark():
    readme = (ROOT / "README.md").read_text()
    table = (ROOT / "benchmarks" / "results" / "neighbors.md").read_text()
    names = {
        "`ContrastiveNeighborsClassifier`": "ours",
        "CatBoost": "CatBoost",
        "random forest": "forest",
        "gradient boosting": "boosting",
        "logistic regression": "logistic",
        "25 neighbours, default embedding": "plain",
        "25 neighbours, raw columns": "raw",
    }
    for shown, name in names.items():
        # The first table, of mixed tables; its third column is of those all ran on.
        line = re.search(rf"^\| {name} \|[^|]*\|([^|]*)\|", table, re.MULTILINE)
        accuracy, area, loss, _, precision, _ = line[1].replace(" 0.", " .").split("/")
        cells = [shown, *(each.strip() for each in (accuracy, area, loss, precision))]
        assert f"| {' | '.join(cells)} |" in readme, name
