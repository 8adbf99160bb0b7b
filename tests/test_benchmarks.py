"""The benchmarks' tables: made of the committed figures, and shown by the docs."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_table_is_made_of_its_figures(path, monkeypatch):
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
    named = (ROOT / "benchmarks" / "README.md").read_text()
    for path in (ROOT / "benchmarks").glob("*.py"):
        assert f"`{path.name}`" in named, path.name
