"""Sphinx: the notes and guides are Markdown, the lessons are scripts of `# %%` cells that become pages."""

import importlib.metadata
import os
import re
import shutil
from pathlib import Path

from docutils import nodes

HERE = Path(__file__).parent
project = "minicnn"
author = "The minicnn authors"
copyright = "2026, The minicnn authors"
release = importlib.metadata.version("minicnn")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_proof", "sphinx_exercise"]
exclude_patterns = ["_build", "conf.py"]

html_theme = "furo"
html_title = f"minicnn {release}"
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath", "deflist"]
math_numfig = False  # equations keep the numbers of their labels
myst_heading_anchors = 3
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
# Lessons are shown unrun. MINICNN_DOCS_RUN=cache runs those that changed and shows what they print.
nb_execution_mode = os.environ.get("MINICNN_DOCS_RUN", "off")
nb_execution_timeout = 300
nb_execution_raise_on_error = True
suppress_warnings = ["mystnb.unknown_mime_type"]

# Tells that the cells are Python; a lesson itself need not say so.
KERNEL = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

"""


def copy_lessons(app):
    """lessons/chNN_slug/lesson.py as docs/lessons/chNN_slug.py, where Sphinx finds it; the copies are not kept in git."""
    target = HERE / "lessons"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for lesson in sorted((HERE.parent / "lessons").glob("ch*/lesson.py")):
        text = KERNEL + lesson.read_text(encoding="utf-8")
        (target / f"{lesson.parent.name}.py").write_text(text, encoding="utf-8")
    rows = ["# Lessons", "", "```{toctree}", ":maxdepth: 1", ":glob:", "", "ch*", "```", ""]
    (target / "index.md").write_text("\n".join(rows), encoding="utf-8")


def number_equations(app, doctree):
    """An equation labelled 8.3 is numbered (8.3), whatever stands before it on the page."""
    domain = app.env.get_domain("math")
    for node in doctree.findall(nodes.math_block):
        if re.fullmatch(r"\d+\.\d+", node.get("label") or ""):
            node["number"] = node["label"]
            domain.equations[node["label"]] = (app.env.docname, node["label"])


def setup(app):
    """Called by Sphinx."""
    app.connect("config-inited", lambda app, config: copy_lessons(app))
    app.connect("doctree-read", number_equations)
