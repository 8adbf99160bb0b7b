"""Settings of the documentation.

Build it with ``python -m sphinx -W --keep-going -b html docs docs/_build/html``.
"""

import os
import re

# Before numpy and torch are loaded by the examples: several threads on busy cores
# make small steps very slow.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from sklearn_contrastive import __version__

project = "sklearn_contrastive"
author = "The sklearn_contrastive developers"
copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "myst_parser",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "sg_execution_times.rst"]
default_role = "literal"
autosummary_generate = True
# The class template lists the methods; numpydoc would list them once more.
numpydoc_show_class_members = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(quickstart|serve|mlflow_model|__init__)\.py$",
    "within_subsection_order": "FileNameSortKey",
    "doc_module": ("sklearn_contrastive",),
    "reference_url": {"sklearn_contrastive": None},
    "backreferences_dir": "api/backreferences",
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
    "matplotlib_animations": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_contrastive"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "sklearn_contrastive"},
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "show_prev_next": True,
}
# Pages without siblings need no section navigation.
html_sidebars = {name: [] for name in ("index", "quickstart", "extending", "changelog")}


def markdown_to_rst(app, relative_path, parent_docname, content):
    """Turn the headings and links of the included CHANGELOG.md into reST."""
    if relative_path.suffix != ".md":
        return
    underlines = {"#": "=", "##": "-", "###": "~"}

    def heading(match):
        return f"{match[2]}\n{underlines[match[1]] * len(match[2])}"

    text = re.sub(r"^(#{1,3}) (.+)$", heading, content[0], flags=re.MULTILINE)
    content[0] = re.sub(r"\[([^\]]+)\]\(([^)]+)\)", r"`\1 <\2>`__", text)


def as_text(app, env, node, contnode):
    """Show references in docstrings that come from scikit-learn as text."""
    theirs = {"accuracy_score", "r2_score"}
    return contnode if node["reftarget"] in theirs else None


def setup(app):
    """Register what is defined here."""
    app.connect("include-read", markdown_to_rst)
    app.connect("missing-reference", as_text)
