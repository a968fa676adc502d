"""pytest and the grader: lessons/conftest.py takes `pytest_addoption` and `hand_in` from here."""

from pathlib import Path

from .grading import grade, load_homework, sandboxed

__all__ = ["exercise_tests", "add_hand_in_option", "open_hand_in"]


def add_hand_in_option(parser):
    """--hand-in FILE: grade another file than the exercise.py beside the checks."""
    parser.addoption("--hand-in", default=None, metavar="FILE", help="the file to grade (default: exercise.py beside the checks)")


def open_hand_in(request):
    """The file under test in its sandbox; the body of a module-wide fixture."""
    chosen = request.config.getoption("--hand-in")
    with sandboxed(Path(chosen) if chosen else Path(request.path).parent / "exercise.py") as hand_in:
        yield hand_in


def exercise_tests(file, checks):
    """A test function for pytest, one case for each check: `test_exercise = exercise_tests(__file__, CHECKS)`."""
    import pytest  # only when pytest asks

    @pytest.mark.parametrize("check", checks, ids=[f"{c.function}-{c.equation}" for c in checks])
    def test_exercise(check, hand_in):
        result = grade(load_homework(Path(file).parent), hand_in, check)
        if result.status != "passed":
            pytest.fail(result.line, pytrace=False)
        print(result.line)

    return test_exercise
