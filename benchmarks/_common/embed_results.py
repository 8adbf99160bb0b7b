"""Copy the tables of ``results/`` into the README.

Run ``python benchmarks/_common/embed_results.py``. A table is between the lines
``<!-- benchmarks/results/NAME.md -->`` and ``<!-- end -->``.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = re.compile(
    r"(<!-- (benchmarks/results/\w+\.md) -->\n).*?(<!-- end -->)", re.DOTALL
)


def embedded(text):
    """Return a text with all tables updated."""
    return PLACE.sub(
        lambda m: f"{m[1]}\n{(ROOT / m[2]).read_text().strip()}\n\n{m[3]}", text
    )


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(embedded(readme.read_text()))
