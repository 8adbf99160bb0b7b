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
