"""The pages at the root: code runs, tables are those of the benchmarks, paths exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_its_python_runs_and_prints_the_stated_numbers(capsys):
    (code,) = blocks("python")
    # Of the search no number is stated, so that it may be short.
    long, search = "GridSearchCV(model,", "GridSearchCV(model.set_params(**SHORT),"
    assert code.count(long) == 1
    names = {"SHORT": {"contrastiveembedding__max_iter": 5}}
    exec(compile(code.replace(long, search), "README.md", "exec"), names)
    raw, ours, best = capsys.readouterr().out.splitlines()
    stated = [float(number) for number in re.findall(r"# .*: (0\.\d\d)", code)]
    assert float(raw) == pytest.approx(stated[0], abs=0.005)
    # The bits of a fit depend on the machine; one row is half a percent.
    assert float(ours) == pytest.approx(stated[1], abs=0.03)
    assert "contrastiveembedding__margin" in best


def test_its_tables_are_those_of_the_benchmarks():
    shown = re.findall(
        r"<!-- (benchmarks/results/\w+\.md) -->\n(.*?)<!-- end -->", README, re.DOTALL
    )
    assert shown
    for path, table in shown:
        assert table.strip() == (ROOT / path).read_text().strip(), path


def test_its_commands_create_their_environment():
    commands = blocks("bash")
    assert len(commands) == 2
    for command in commands:
        assert '[ -n "$VIRTUAL_ENV" ] || { python3 -m venv .venv' in command
        assert "-c constraints.txt" in command
        assert command.count("\n") == 1


def test_links_and_paths_are_files():
    for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md"):
        text = (ROOT / page).read_text()
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"


def test_the_map_of_contributing_is_that_of_the_package():
    """Paths start at the root or in the package; ``_my_...`` are yet to be written."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = set(re.findall(r"`([\w/]*(?:\.py|\.rst|\.md|/))`", text))
    places = (ROOT, ROOT / "sklearn_contrastive")
    gone = [
        p
        for p in paths
        if "/_my_" not in p and not any((r / p).exists() for r in places)
    ]
    assert not gone, sorted(gone)


def test_pages_include_code_that_is_there():
    for page in (Path(__file__).parents[1] / "docs").rglob("*.rst"):
        found = re.findall(r"literalinclude:: (\S+)((?:\n   :.*)*)", page.read_text())
        for path, options in found:
            tree = ast.parse((page.parent / path).read_text())
            named = re.search(r":pyobject: (\S+)", options)
            node = tree
            for name in named[1].split(".") if named else ():
                inside = {getattr(part, "name", None): part for part in node.body}
                assert name in inside, f"{page.name}: {path} has no {named[1]}"
                node = inside[name]
