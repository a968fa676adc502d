"""Sphinx: the notes and guides are Markdown, the lessons are scripts of `# %%` cells that become pages."""

import ast
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
# The last one puts MathJax beside the pages, so that they can be read without a network.
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_proof", "sphinx_exercise", "sphinx-mathjax-offline"]
exclude_patterns = ["_build", "conf.py"]

html_theme = "furo"
html_title = f"minicnn {release}"
html_static_path = ["_static"]
html_css_files = ["minicnn.css"]
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


def find_tests():
    """{equation: [(file, test), ...]} from @pytest.mark.equation("8.3") in tests/."""
    found = {}
    for path in sorted((HERE.parent / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for mark in getattr(node, "decorator_list", ()):
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.equation":
                    for argument in mark.args:
                        place = path.relative_to(HERE.parent).as_posix(), node.name
                        found.setdefault(ast.literal_eval(argument), []).append(place)
    return found


def write_equations_page(app):
    """equations.md: every numbered equation with the tests that answer for it, and a link back to where it stands."""
    lines = ["# Equations and their tests", "",
             "A test fails if the formula or the code is wrong. Run one with `python -m pytest FILE -k NAME`.", "",
             "| equation | tests |", "|---|---|"]
    for number, tests in sorted(app.tests_of.items(), key=lambda item: [int(part) for part in item[0].split(".")]):
        names = "<br>".join(f"`{name}` in `{file}`" for file, name in tests)
        lines.append(f'| <span id="test-{number.replace(".", "-")}"></span>{{eq}}`{number}` | {names} |')
    (HERE / "equations.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def link_equations(app, docname, source):
    """(8.3) in the prose of a note or lesson becomes a link; below each numbered equation stand its tests, linked to their page."""
    def with_tests(match):
        number = match[1]
        names = ", ".join(f"<code>{name}</code>" for _, name in app.tests_of.get(number, ()))
        return f'{match[0]}\n\n<small>Tested by <a href="../equations.html#test-{number.replace(".", "-")}">{names}</a></small>\n'

    def as_link(match):
        return f"{{eq}}`{match[1]}`" if match[1] in app.tests_of else match[0]

    prose = re.compile(r"(?<![\w(,.`$])\((\d+\.\d+)\)")
    if docname.startswith("notes/ch"):
        parts = re.split(r"(^```.*?^```$|^\$\$.*?^\$\$)", source[0], flags=re.M | re.S)  # odd ones are code and displayed formulas
        text = "".join(part if i % 2 else prose.sub(as_link, part) for i, part in enumerate(parts))
        source[0] = re.sub(r"^```\{math\}\n:label: (\d+\.\d+)\n.*?^```$", with_tests, text, flags=re.M | re.S)
    elif docname.startswith("lessons/ch"):
        source[0] = re.sub(r"^# .*$", lambda line: prose.sub(as_link, line[0]), source[0], flags=re.M)


def prepare(app, config):
    """Write the pages that are made from lessons and tests."""
    app.tests_of = find_tests()
    copy_lessons(app)
    write_equations_page(app)


def setup(app):
    """Called by Sphinx."""
    app.connect("config-inited", prepare)
    app.connect("source-read", link_equations)
    app.connect("doctree-read", number_equations)
