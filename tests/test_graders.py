"""Every chapter's homework: references pass every check, blanks are reported as blank, wrong answers are caught and named."""

import inspect
from pathlib import Path

import pytest

from minicnn.teaching.grader.grading import LocalHandIn, grade, load_homework, load_module

ROOT = Path(__file__).parents[1]
HOMEWORK = {
    folder.name: load_homework(folder)
    for folder in sorted((ROOT / "lessons").glob("ch*"))
    if (folder / "exercise.py").is_file()
}
WRONG = [pytest.param(homework, wrong, id=f"{name}-{wrong.function}-{i}")
         for name, homework in HOMEWORK.items() for i, wrong in enumerate(homework.wrong)]
chapters = pytest.mark.parametrize("name", HOMEWORK)


@chapters
def test_references_pass(name):
    homework = HOMEWORK[name]
    for check in homework.checks:
        result = grade(homework, LocalHandIn(homework.references), check)
        assert result.status == "passed", result.line


@chapters
def test_blanks_are_reported_as_blank(name):
    homework = HOMEWORK[name]
    exercise = load_module(homework.folder / "exercise.py", f"exercise_of_{name}")
    for check in homework.checks:
        result = grade(homework, LocalHandIn(vars(exercise)), check)
        assert result.status == "to do" and check.equation in result.line and result.points == 0


@chapters
def test_exercise_declares_what_the_checks_call(name):
    """Same parameters as the reference, a docstring that says something, an equation of the note."""
    homework = HOMEWORK[name]
    exercise = load_module(homework.folder / "exercise.py", f"exercise_of_{name}")
    note = (ROOT / "docs" / "notes" / f"{name}.md").read_text(encoding="utf-8")
    for check in homework.checks:
        blank = getattr(exercise, check.function)
        assert list(inspect.signature(blank).parameters) == list(inspect.signature(homework.references[check.function]).parameters)
        assert blank.__doc__ and "(" in blank.__doc__
        assert f":label: {check.equation}\n" in note
    assert {wrong.function for wrong in homework.wrong} <= set(homework.references)


@pytest.mark.parametrize(("homework", "wrong"), WRONG)
def test_wrong_answers_are_caught_and_named(homework, wrong):
    results = [grade(homework, LocalHandIn({wrong.function: wrong.answer}), check, seeds=(0, 1)) for check in homework.checks
               if check.function == wrong.function]
    failed = [r for r in results if r.status == "wrong"]
    assert failed, f"no check catches: {wrong.idea}"
    assert wrong.idea in [r.idea for r in failed], [r.line for r in failed]
