"""The grader: homework is judged by what it does, on fresh inputs, in a process of its own.

    answers.py        the reference for each function to write, and typical wrong answers with the idea that each misses
    test_exercise.py  the checks: which function, on what inputs, for how many points
    exercise.py       what the learner fills in

`pytest lessons/ch08_batch_normalization` grades exercise.py, as does `minicnn check 8`; docs/guides/homework.md tells the rest.
"""

from .checks import Check, Wrong, central_difference
from .grading import Homework, Result, copy_homework, grade, load_homework, sandboxed
from .plugin import exercise_tests
from .report import format_report, write_csv, write_json

__all__ = [
    "Check", "Wrong", "central_difference", "Homework", "Result", "copy_homework", "grade", "load_homework", "sandboxed",
    "exercise_tests", "format_report", "write_csv", "write_json",
]
