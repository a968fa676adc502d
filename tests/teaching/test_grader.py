"""The grader against hand-ins of every kind: hostile, broken, wrong in type, right."""

import csv
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from minicnn import cli
from minicnn.errors import DataError
from minicnn.teaching.grader import Check, Homework, Wrong, grade, sandboxed
from minicnn.teaching.grader.checks import difference
from minicnn.teaching.grader.transport import read_values, write_values

ROOT = Path(__file__).parents[2]
CHAPTER = ROOT / "lessons" / "ch08_batch_normalization"


def cases(rng):
    yield rng.normal(size=(3, 2)), 2.0
    yield rng.normal(size=(1, 4)), 3.0


CHECK = Check("scaled", "0.1", cases, seconds=1.0)
HOMEWORK = Homework(CHAPTER, {"scaled": lambda x, a: a * x}, [Wrong("scaled", "You divided", lambda x, a: x / a)], [CHECK])


def graded(tmp_path, body, check=CHECK):
    """The result for a hand-in with this text."""
    path = tmp_path / "hand_in.py"
    path.write_text(textwrap.dedent(body), encoding="utf-8")
    with sandboxed(path) as hand_in:
        first = grade(HOMEWORK, hand_in, check)
        again = grade(HOMEWORK, hand_in, check, seeds=(3,))  # the other checks still run
    assert (first.status, first.idea) == (again.status, again.idea)
    return first


HEAD = "import numpy as np\n\n"
HOSTILE = {
    "blank": ("def scaled(x, a):\n    raise NotImplementedError('to do')", "to do", "scaled (0.1)"),
    "empty": ("", "wrong", "the file has no function of this name"),
    "hangs": ("def scaled(x, a):\n    while True:\n        pass", "wrong", "no result within 1 s"),
    "sleeps on import": ("import os\nos._exit(3)", "wrong", "it ended the process"),
    "exits": ("import sys\ndef scaled(x, a):\n    sys.exit(0)", "wrong", "it called exit"),
    "ends the process": ("import os\ndef scaled(x, a):\n    os._exit(0)", "wrong", "it ended the process"),
    "exits on import": ("raise SystemExit", "wrong", "it called exit"),
    "prints": ("def scaled(x, a):\n    while True:\n        print('x' * 10000)", "wrong", "more than a megabyte"),
    "prints a little": ("def scaled(x, a):\n    print('here')\n    return a * x", "passed", ""),
    "mutates": ("def scaled(x, a):\n    x *= a\n    return x", "wrong", "it changed its arguments"),
    "float32": (
        HEAD + "def scaled(x, a):\n    return (a * x).astype(np.float32)",
        "wrong",
        "expected float64, got float32",
    ),
    "a list": ("def scaled(x, a):\n    return (a * x).tolist()", "wrong", "expected an array"),
    "nothing": ("def scaled(x, a):\n    pass", "wrong", "got None"),
    "an object": ("def scaled(x, a):\n    return object()", "wrong", "type object"),
    "shape": ("def scaled(x, a):\n    return (a * x).T", "wrong", "expected shape (3, 2), got (2, 3)"),
    "wrong": ("def scaled(x, a):\n    return a + x", "wrong", "entries differ"),
    "no import": (
        "def scaled(x, a):\n    return np.multiply(x, a)",
        "wrong",
        "NameError: name 'np' is not defined (line 2)",
    ),
    "syntax": ("def scaled(x, a)\n    return x", "wrong", "SyntaxError"),
    "raises": ("def scaled(x, a):\n    return x[99]", "wrong", "IndexError"),
    "signature": ("def scaled(x):\n    return x", "wrong", "TypeError"),
    "nan": (HEAD + "def scaled(x, a):\n    return a * x + np.nan", "wrong", "got nan"),
    "learnt by heart": (
        HEAD + "def scaled(x, a):\n    return a * np.random.default_rng(0).normal(size=x.shape)",
        "wrong",
        "entries differ",
    ),
    "memory": (HEAD + "def scaled(x, a):\n    return np.ones(10**12)", "wrong", "MemoryError"),
    "right": ("def scaled(x, a):\n    return a * x", "passed", ""),
}


@pytest.mark.parametrize(("body", "status", "message"), HOSTILE.values(), ids=HOSTILE)
def test_every_kind_of_hand_in(tmp_path, body, status, message):
    result = graded(tmp_path, body)
    assert result.status == status
    assert message in result.line
    assert result.points == (1 if status == "passed" else 0)
    assert "\n" not in result.line


def test_a_known_wrong_answer_is_told_its_idea(tmp_path):
    assert graded(tmp_path, "def scaled(x, a):\n    return x / a").idea == "You divided"


def test_a_judge_decides_and_a_confused_one_says_so(tmp_path):
    check = Check("scaled", "0.1", cases, judge=lambda y, x, a: None if y.shape == x.shape else "not the shape of x")
    assert graded(tmp_path, "def scaled(x, a):\n    return x", check).status == "passed"
    assert "not the shape of x" in graded(tmp_path, "def scaled(x, a):\n    return x[0]", check).message
    assert "got None" in graded(tmp_path, "def scaled(x, a):\n    return None", check).message


def test_missing_file():
    with pytest.raises(DataError, match="no hand-in"), sandboxed("nowhere.py"):
        pass


@pytest.mark.parametrize(
    ("expected", "got", "text"),
    [
        (np.ones(3), np.ones(3), None),
        (1.0, 1.0 + 1e-12, None),
        ((1.0, np.ones(2)), [1.0, np.ones(2)], None),
        ({"a": 1}, {"a": 1}, None),
        (1.0, "1", "got '1'"),
        ((1, 2), (1,), "expected 2 results"),
        ({"a": 1}, {"b": 1}, "keys"),
        (2, 2.5, "whole number"),
        (True, 1, "expected True"),
        (np.array([1.0, 2.0]), np.array([1.0, 2.1]), "expected 2, got 2.1 at (1,)"),
        (None, 0, "expected None"),
    ],
)
def test_comparison(expected, got, text):
    found = difference(expected, got, 1e-7, 1e-9)
    assert found is None if text is None else text in found


def test_values_survive_the_transport(tmp_path):
    rng = np.random.default_rng(5)
    value = {
        "a": [1, 2.5, None, "x", True],
        "b": (np.arange(6).reshape(2, 3), np.float64(2.0)),
        "rng": rng,
        "empty": np.zeros((0, 2)),
    }
    write_values(tmp_path / "v.npz", value)
    back = read_values(tmp_path / "v.npz")
    assert (
        back["a"] == value["a"]
        and np.array_equal(back["b"][0], value["b"][0])
        and back["b"][1] == 2.0
        and isinstance(back["b"], tuple)
    )
    assert back["rng"].random() == np.random.default_rng(5).random() and back["empty"].shape == (0, 2)


# ------------------------------------------------------------------------------------------------- command line, pytest

RIGHT = (CHAPTER / "answers.py").read_text(encoding="utf-8")


def test_minicnn_check_prints_a_report(capsys, tmp_path):
    assert cli.main(["check", "8"]) == 1
    out = capsys.readouterr().out
    assert "Chapter 8" in out and "to do   0/2  batchnorm_forward (8.2)" in out and "0 of 7 points" in out and "Traceback" not in out
    (tmp_path / "right.py").write_text(RIGHT, encoding="utf-8")
    assert cli.main(["check", "8", "--hand-in", str(tmp_path / "right.py")]) == 0
    out = capsys.readouterr().out
    assert "7 of 7 points" in out and "ms; the reference" in out


def test_a_class_is_graded_to_csv_and_json(capsys, tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "ada.py").write_text(RIGHT, encoding="utf-8")
    (folder / "bob.py").write_text("import os\nos._exit(1)\n", encoding="utf-8")
    code = cli.main(["check", "8", "--class", str(folder), "--csv", str(tmp_path / "c.csv"), "--json", str(tmp_path / "j.json")])
    assert code == 0
    rows = list(csv.DictReader((tmp_path / "c.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["hand_in"] for row in rows} == {"ada", "bob"} and sum(
        int(row["points"]) for row in rows if row["hand_in"] == "ada"
    ) == 7
    table = json.loads((tmp_path / "j.json").read_text(encoding="utf-8"))
    assert [(h["hand_in"], h["points"], h["of"]) for h in table["hand_ins"]] == [("ada", 7, 7), ("bob", 0, 7)]
    assert "ada" in capsys.readouterr().out


def run_pytest(*args):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, args)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_pytest_grades_in_place_and_another_file(tmp_path):
    blank = run_pytest(CHAPTER)
    assert blank.returncode == 1 and "4 failed" in blank.stdout and "to do: batchnorm_backward (8.4)" in blank.stdout
    assert "Traceback" not in blank.stdout and "NotImplementedError" not in blank.stdout
    (tmp_path / "right.py").write_text(RIGHT, encoding="utf-8")
    right = run_pytest(CHAPTER, "--hand-in", tmp_path / "right.py")
    assert right.returncode == 0 and "4 passed" in right.stdout


def test_homework_is_copied_to_a_folder_that_works_alone(tmp_path, capsys):
    assert cli.main(["homework", "8", "--to", str(tmp_path)]) == 0
    folder = tmp_path / CHAPTER.name
    assert {p.name for p in folder.iterdir()} >= {"exercise.py", "test_exercise.py", "answers.gz", "conftest.py", "note.md"}
    assert not (folder / "answers.py").exists() and "exercise.py" in capsys.readouterr().out
    blank = run_pytest("--rootdir", folder, "-c", "/dev/null", folder)
    assert blank.returncode == 1 and "to do" in blank.stdout
    (folder / "exercise.py").write_text("mine", encoding="utf-8")
    assert cli.main(["homework", "8", "--to", str(tmp_path)]) == 1  # nothing of the learner's is overwritten
    assert (folder / "exercise.py").read_text(encoding="utf-8") == "mine"
