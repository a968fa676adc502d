"""The `minicnn` command: what it prints, what it refuses, and its exit codes."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import minicnn
from minicnn import cli, data
from minicnn.teaching import chapters

ROOT = Path(__file__).parents[1]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with one lesson that writes down its arguments and exits with a code given to it."""
    lesson = tmp_path / "lessons" / "ch08_batch_normalization" / "lesson.py"
    lesson.parent.mkdir(parents=True)
    lesson.write_text("import sys\nopen('ran', 'w').write(' '.join(sys.argv[1:]))\nsys.exit(int(sys.argv[1]))\n")
    monkeypatch.setattr(chapters, "CHECKOUT", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_table_has_the_31_chapters():
    assert [c.number for c in chapters.CHAPTERS] == list(range(1, 32))
    assert len({c.slug for c in chapters.CHAPTERS}) == len({c.title for c in chapters.CHAPTERS}) == 31
    for chapter in chapters.CHAPTERS:
        assert re.fullmatch(r"[a-z0-9_]+", chapter.slug)
        assert 5 <= chapter.minutes <= 90 and chapter.paper and len(chapter.shows) <= 110


def test_folders_of_this_checkout_are_in_the_table():
    folders = {p.name for p in (ROOT / "lessons").glob("ch*") if p.is_dir()}
    assert folders <= {c.name for c in chapters.CHAPTERS}


def test_lessons_marks_what_is_there(checkout, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["lessons"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [re.search(r"\d+", line)[0] for line in lines if line.startswith("*")] == ["8"]
    assert all(any(f" {c.number}  {c.title} " in line for line in lines) for c in chapters.CHAPTERS)
    assert max(map(len, lines[:-2])) <= 80
    assert lines[-1].startswith("1 of 31")


def test_lessons_works_without_a_checkout(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(chapters, "CHECKOUT", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["lessons"]) == 0
    assert "pip install -e ." in capsys.readouterr().out


def test_lesson_runs_with_its_options(checkout):
    assert cli.main(["lesson", "8", "0", "--quick", "--help"]) == 0
    assert (checkout / "ran").read_text() == "0 --quick --help"


def test_lesson_passes_the_exit_code_on(checkout):
    assert cli.main(["lesson", "8", "3"]) == 3


def test_lessons_are_found_in_the_current_folder_too(checkout, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(chapters, "CHECKOUT", tmp_path_factory.mktemp("site"))
    assert chapters.lessons_folder() == checkout / "lessons"


@pytest.mark.parametrize(("argv", "message"), [
    (["lesson", "0"], "a chapter from 1 to 31, got 0"),
    (["lesson", "32"], "got 32"),
    (["lesson", "9"], "not written yet"),
    (["summary", "no_such_model"], "'no_such_model'"),
    (["summary", "no_such_module:net"], "there is no module no_such_module"),
    (["summary", "minicnn.nn:relu6"], "Did you mean ReLU6"),
    (["summary", "minicnn.nn.functional:relu_"], "Did you mean relu"),
    (["data", "no_such_set"], "a data set of minicnn.data, got 'no_such_set'"),
])
def test_refusals_are_one_line_and_exit_1(checkout, capsys, argv, message):
    assert cli.main(argv) == 1
    text = capsys.readouterr().err
    assert message in text and text.startswith("minicnn: ") and text.count("\n") == 1


@pytest.mark.parametrize("argv", [[], ["lesson"], ["lesson", "one"], ["nothing"], ["summary", "m", "--input", "3x"],
                                  ["summary", "m", "--input", "0x3"]])
def test_a_wrong_command_line_exits_2(capsys, argv):
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2
    assert "usage: minicnn" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0 and capsys.readouterr().out == "minicnn 0.1.0\n"


def test_summary_of_a_model_of_ones_own(tmp_path, capsys, monkeypatch):
    (tmp_path / "my_nets.py").write_text("from minicnn import nn\n\ndef tiny():\n    return nn.Conv2d(2, 5, 3, padding=1)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert cli.main(["summary", "my_nets:tiny", "--input", "2x6x7"]) == 0
    out = capsys.readouterr().out
    assert "1x5x6x7" in out and f"{2 * 5 * 9 + 5} " in out and f"{2 * 5 * 9 * 6 * 7:,}" in out


def test_an_error_inside_a_module_is_its_own(tmp_path, monkeypatch):
    (tmp_path / "broken_nets.py").write_text("import a_module_that_is_not_there\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        cli.main(["summary", "broken_nets:tiny"])


class Toy(data.Dataset):
    """A data set that remembers how it was asked for."""

    asked: list = []

    def __init__(self, train=True, download=False):
        self.train = train
        self.asked.append((train, download))

    def __getitem__(self, index):
        return np.zeros((1, 4, 6), np.float32), 3

    def __len__(self):
        return 1200 if self.train else 7


class Small(data.Dataset):
    def __getitem__(self, index):
        return 5

    def __len__(self):
        return 2


@pytest.fixture
def sets(monkeypatch):
    for kind in (Toy, Small):
        monkeypatch.setattr(data, kind.__name__, kind, raising=False)
    monkeypatch.setattr(data, "__all__", [*data.__all__, "Toy", "Small"])
    monkeypatch.setattr(Toy, "asked", [])


def test_data_shows_both_parts(sets, capsys):
    assert cli.main(["data", "toy"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Toy, training: 1,200 samples; the first is (1x4x6 float32, 3)",
        "Toy, test: 7 samples; the first is (1x4x6 float32, 3)"]
    assert Toy.asked == [(True, False), (False, False)]


def test_data_downloads_when_told_to(sets):
    assert cli.main(["data", "Toy", "--download"]) == 0
    assert Toy.asked == [(True, True), (False, True)]


def test_data_that_comes_with_the_library(sets, capsys):
    assert cli.main(["data", "Small", "--download"]) == 0
    out = capsys.readouterr().out
    assert "nothing to download" in out and "Small, all: 2 samples; the first is 5" in out


def test_data_suggests_close_names(sets, capsys):
    assert cli.main(["data", "Toys"]) == 1
    assert "Did you mean Toy" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Dataset", "Subset"])
def test_containers_are_no_data_sets(name, capsys):
    assert cli.main(["data", name]) == 1
    assert isinstance(getattr(minicnn.data, name, None), type)
