"""A hand-in against the checks of its chapter: passed, to do or wrong, and why."""

import gzip
import importlib.util
import secrets
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DataError
from .checks import describe, difference
from .sandbox import Sandbox
from .transport import pack, unpack
from .worker import run

__all__ = ["Homework", "Result", "load_homework", "copy_homework", "grade", "sandboxed", "LocalHandIn"]

SEEDS = (0, 1)  # besides these, one that is drawn anew each time: answers learnt by heart do not help


@dataclass(frozen=True)
class Homework:
    """A chapter's references, typical wrong answers and checks."""

    folder: Path
    references: dict
    wrong: list
    checks: list

    @property
    def points(self):
        """What can be had in all."""
        return sum(check.points for check in self.checks)


@dataclass(frozen=True)
class Result:
    """How one check went. status: "passed", "to do" or "wrong"."""

    check: object
    status: str
    message: str = ""
    idea: str = ""
    seconds: float = 0.0
    reference_seconds: float = 0.0

    @property
    def points(self):
        """All of the check's points, or none."""
        return self.check.points if self.status == "passed" else 0

    @property
    def line(self):
        """The result in one line."""
        if self.status == "to do":
            return f"to do: {self.check.title}"
        if self.status == "passed":
            return (f"passed: {self.check.title} in {1e3 * self.seconds:.2f} ms, "
                    f"the reference in {1e3 * self.reference_seconds:.2f} ms")
        return f"wrong: {self.check.title}: {self.message}" + (f". {self.idea}" if self.idea else "")


def load_module(path, name):
    """A Python file as a module of its own."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_answers(folder):
    """answers.py, or answers.gz, the same packed so that nobody reads it by accident (`minicnn homework` makes it)."""
    if (folder / "answers.py").is_file():
        return load_module(folder / "answers.py", f"answers_of_{folder.name}")
    packed = folder / "answers.gz"
    if not packed.is_file():
        raise DataError(f"no homework in {folder}: there is no answers.py. Chapters with homework are marked in `minicnn lessons`")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(f"answers_of_{folder.name}", loader=None))
    exec(compile(gzip.decompress(packed.read_bytes()), str(packed), "exec"), vars(module))
    return module


def load_homework(folder):
    """The Homework in a chapter's folder: `WRONG` and functions of answers.py, `CHECKS` of test_exercise.py."""
    folder = Path(folder).resolve()
    answers = load_answers(folder)
    checks = load_module(folder / "test_exercise.py", f"checks_of_{folder.name}").CHECKS
    references = {check.function: getattr(answers, check.function) for check in checks}
    return Homework(folder, references, list(answers.WRONG), list(checks))


def copy_homework(folder, target):
    """exercise.py, its checks, the note, and the answers packed, in a folder that needs nothing but an installed minicnn."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ("exercise.py", "test_exercise.py"):
        shutil.copyfile(folder / name, target / name)
    shutil.copyfile(folder.parent / "conftest.py", target / "conftest.py")
    (target / "answers.gz").write_bytes(gzip.compress((folder / "answers.py").read_bytes(), mtime=0))
    note = folder.parents[1] / "docs" / "notes" / f"{folder.name}.md"
    if note.is_file():
        shutil.copyfile(note, target / "note.md")


class LocalHandIn:
    """A trusted hand-in in this process, a dict of functions: for testing the grader itself."""

    def __init__(self, functions):
        self.functions = functions

    def call(self, function, args, seconds=10.0):
        """As Sandbox.call."""
        holder = type("HandIn", (), {name: staticmethod(f) for name, f in self.functions.items()})
        return run(holder, function, args, "")


@contextmanager
def sandboxed(path):
    """A hand-in file, ready to be graded, in a process of its own."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no hand-in {path}")
    with Sandbox(path) as hand_in:
        yield hand_in


TROUBLE = {
    "missing": "the file has no function of this name",
    "exit": "it called exit; return the result instead",
    "died": "it ended the process",
    "flood": "it printed more than a megabyte; remove the print",
    "mutated": "it changed its arguments; work on a copy",
}


def fresh_copy(args):
    """The same arguments again, generators in the same state."""
    arrays = []
    packed = pack(tuple(args), arrays)
    return unpack(packed, {f"a{i}": a.copy() for i, a in enumerate(arrays)})


def grade(homework, hand_in, check, seeds=None):
    """One check of a hand-in, on every case of every seed."""
    seconds = reference_seconds = 0.0
    wrong_on = []  # (args, what came) of the cases that went wrong: they tell which idea is missing
    message = ""
    for seed in SEEDS + (secrets.randbits(32),) if seeds is None else seeds:
        for args in check.cases(np.random.default_rng(seed)):
            answer = hand_in.call(check.function, fresh_copy(args), check.seconds)
            if answer["kind"] == "blank":
                return Result(check, "to do")
            if answer["kind"] != "value":
                text = answer.get("text") or TROUBLE.get(answer["kind"]) or f"no result within {answer['seconds']:g} s"
                return Result(check, "wrong", f"{text}, on {shown(args)}" if answer["kind"] in ("error", "hang", "died") else text)
            seconds += answer["seconds"]
            start = time.perf_counter()
            expected = homework.references[check.function](*fresh_copy(args))
            reference_seconds += time.perf_counter() - start
            trouble = verdict(check, expected, answer["value"], args)
            if trouble:
                message = message or f"{trouble}, on {shown(args)}, seed {seed}"
                wrong_on.append((args, expected, answer["value"]))
    if wrong_on:
        return Result(check, "wrong", message, missed_idea(homework, check, wrong_on))
    return Result(check, "passed", seconds=seconds, reference_seconds=reference_seconds)


def verdict(check, expected, value, args):
    """None, or what is wrong with a value."""
    if check.judge is None:
        return difference(expected, value, check.rtol, check.atol)
    try:
        return check.judge(value, *fresh_copy(args))
    except (TypeError, ValueError, IndexError, AttributeError, KeyError) as error:
        return f"expected something like {describe(expected)}, got {describe(value)} ({error})"


def missed_idea(homework, check, wrong_on):
    """The idea of the wrong answer that gives just what the hand-in gave wherever it was wrong, or ''."""
    for wrong in homework.wrong:
        if wrong.function == check.function and all(behaves_alike(wrong, check, *case) for case in wrong_on):
            return wrong.idea
    return ""


def behaves_alike(wrong, check, args, expected, came):
    """Whether the wrong answer gives what came, and not what was expected."""
    try:
        value = wrong.answer(*fresh_copy(args))
    except Exception:  # a wrong answer may fail where the hand-in did not
        return False
    return difference(value, came, check.rtol, check.atol) is None and bool(verdict(check, expected, value, args))


def shown(args):
    """The arguments of a case in one line."""
    return "input (" + ", ".join(map(describe, args)) + ")"

