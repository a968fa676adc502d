"""Every lesson runs with --quick: it ends well, prints its table of claims, and saves pictures that are pictures."""

import subprocess
import sys
from pathlib import Path

import pytest

from minicnn.teaching import CHAPTERS

ROOT = Path(__file__).parents[1]
LESSONS = sorted((ROOT / "lessons").glob("ch[0-9][0-9]_*/lesson.py"))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda p: p.parent.name)
def test_lesson_runs_quickly(lesson, tmp_path):
    done = subprocess.run([sys.executable, str(lesson), "--quick", "--figures", str(tmp_path)], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "claim" in done.stdout and "measured here" in done.stdout
    assert "Warning" not in done.stderr, done.stderr
    pictures = list((tmp_path / lesson.parent.name).glob("*.png"))
    assert pictures and all(p.stat().st_size > 3000 for p in pictures)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda p: p.parent.name)
def test_lesson_is_a_chapter_in_cells(lesson):
    assert lesson.parent.name in {chapter.name for chapter in CHAPTERS}
    text = lesson.read_text(encoding="utf-8")
    number = int(lesson.parent.name[2:4])
    assert text.startswith(f"# %% [markdown]\n# # {number}. ")
    assert f"docs/notes/{lesson.parent.name}.md" in text or f"notes/{lesson.parent.name}.md" in text
    assert f"Lesson({number}" in text and "lesson.close()" in text


def test_lessons_take_options_and_refuse_others():
    done = subprocess.run([sys.executable, str(LESSONS[0]), "--data", "nothing"], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2 and "nothing" in done.stderr
