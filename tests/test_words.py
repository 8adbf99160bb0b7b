"""No private vocabulary: the glossary of CONTRIBUTING.md, held by patterns.

Only words without a legitimate use are here; the glossary has more.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: Words in any case, and names of classes and functions as they are written.
WORDS = (
    r"likeness|alike|unlike|afresh|by chance|by lot|goes on|goes_on|taken up again"
    r"|the judge|what is wanted|is wanted of|where it stands|undisturbed"
    r"|one an? (?:class|network|member|model|row|pass|report|tile|file|group|fold)"
    r"|speaks_of_rows|knows_all|note_epoch|learn_at"
)
NAMES = r"Meeting|Contest|Ready\(|Learned\(|EachStopping|EachTerm|Trials?\b|_?refuse_"
#: A phrase may continue on the next line.
PATTERN = re.compile(rf"\b(?i:{WORDS})\b|\b(?:{NAMES})".replace(" ", r"\s+"))

PAGES = {
    "sklearn_contrastive": ".py",
    "docs": ".rst",
    "examples": ".py",
    "benchmarks": ".py",
}


def written(folder, suffix):
    """Return the files of a folder, without those that the documentation builds."""
    built = {"_build", "api", "gallery"}
    files = (ROOT / folder).rglob(f"*{suffix}")
    return sorted(p for p in files if not built & {*p.relative_to(ROOT).parts})


def hits(path, text):
    """Return the places of private words."""
    name, found = path.relative_to(ROOT), [*PATTERN.finditer(text)]
    lines = [text.count("\n", 0, match.start()) + 1 for match in found]
    return [f"{name}:{n} {match[0]!r}" for n, match in zip(lines, found, strict=True)]


@pytest.mark.parametrize("folder", PAGES)
def test_a_folder_has_plain_words(folder):
    paths = written(folder, PAGES[folder])
    assert paths
    found = [hit for path in paths for hit in hits(path, path.read_text())]
    assert not found, "\n".join(found)


def test_the_pages_at_the_root_have_plain_words():
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"):
        text = (ROOT / name).read_text()
        table = re.search(r"<!-- glossary -->.*?<!-- end -->", text, re.DOTALL)
        text = text.replace(table[0], "") if table else text
        found = hits(ROOT / name, text)
        assert not found, "\n".join(found)
