"""Notes and tests agree: every numbered equation has a test that names it, every named equation stands in a note; errata too."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTES = sorted((ROOT / "docs" / "notes").glob("ch[0-9][0-9]_*.md"))


def labels(path):
    """The labels of a note's equations, in order."""
    return re.findall(r"^:label: (\d+\.\d+)$", path.read_text(encoding="utf-8"), re.M)


def marked():
    """{equation: [path::test, ...]} from @pytest.mark.equation("8.3") on functions and classes of tests/."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for mark in getattr(node, "decorator_list", ()):
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.equation":
                    for argument in mark.args:
                        found.setdefault(ast.literal_eval(argument), []).append(f"{path.relative_to(ROOT)}::{node.name}")
    return found


MARKED = marked()


@pytest.mark.parametrize("note", NOTES, ids=lambda p: p.stem)
def test_equations_are_numbered_in_order_and_each_is_tested(note):
    chapter = int(note.stem[2:4])
    assert labels(note) == [f"{chapter}.{i}" for i in range(1, len(labels(note)) + 1)]
    assert labels(note), "a note states something worth a number"
    untested = [label for label in labels(note) if label not in MARKED]
    assert not untested, f"no test is marked with @pytest.mark.equation for {untested}"


def test_every_marked_equation_stands_in_a_note():
    known = {label for note in NOTES for label in labels(note)}
    unknown = {equation: tests for equation, tests in MARKED.items() if equation not in known}
    assert not unknown


@pytest.mark.parametrize("note", NOTES, ids=lambda p: p.stem)
def test_references_of_a_note_and_its_lesson_exist(note):
    """(8.3) in the prose of a note, lesson or exercise means an equation that is there."""
    known = {label for n in NOTES for label in labels(n)}
    written = {int(n.stem[2:4]) for n in NOTES}
    sources = [note, *(ROOT / "lessons" / note.stem).glob("*.py")]
    for source in sources:
        text = source.read_text(encoding="utf-8")
        text = "\n".join(line for line in text.splitlines() if source.suffix == ".md" or line.lstrip().startswith(("#", '"')))
        for reference in re.findall(r"(?<![\w(,.])\((\d+\.\d+)\)", text):
            chapter = int(reference.split(".")[0])
            assert chapter not in written or reference in known, f"{source.relative_to(ROOT)} speaks of ({reference})"


def errata():
    """Rows of docs/errata.md: (id, test)."""
    rows = [line.strip().strip("|").split(" | ") for line in (ROOT / "docs" / "errata.md").read_text(encoding="utf-8").splitlines()
            if re.match(r"\| E\d+ ", line)]
    return [(row[0].strip(), row[-1].strip().strip("`")) for row in rows]


@pytest.mark.parametrize(("number", "test"), errata())
def test_each_misprint_has_its_test(number, test):
    path, _, name = test.partition("::")
    functions = {node.name for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
                 if isinstance(node, ast.FunctionDef)}
    assert name in functions, f"{number}: there is no {test}"
    assert number.lower() in name.split("_"), f"the name of {test} does not say {number}"


def test_errata_are_listed_once_in_order():
    numbers = [int(number[1:]) for number, _ in errata()]
    assert numbers == sorted(set(numbers))
