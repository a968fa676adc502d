"""The frame of a lesson: options, data, figures, claims."""

import numpy as np
import pytest

import minicnn as mc
from minicnn.errors import InputError
from minicnn.inspect import plots
from minicnn.teaching import Lesson


def test_options_and_their_defaults(tmp_path):
    lesson = Lesson(1, argv=[])
    assert (lesson.quick, lesson.data, lesson.device, lesson.seed) == (False, "digits", "cpu", 0)
    lesson = Lesson(1, sets=("glyphs", "digits"), argv=["--quick", "--data", "digits", "--seed", "3", "--figures", str(tmp_path)])
    assert (lesson.quick, lesson.data, lesson.seed, lesson.pick(10, 2)) == (True, "digits", 3, 2)
    assert lesson.figures == tmp_path / "ch01_introduction"


def test_same_seed_same_numbers():
    draws = []
    for seed in (0, 0, 1):
        lesson = Lesson(1, argv=["--seed", str(seed)])
        draws.append((lesson.rng.random(), mc.rand(1).item()))
    assert draws[0] == draws[1] != draws[2]


def test_arrays_and_loaders():
    lesson = Lesson(1, argv=[])
    x, y = lesson.arrays(train=True, limit=100)
    assert x.shape == (100, 1, 8, 8) and y.shape == (100,) and x.dtype == np.float32
    train, test = lesson.loaders(batch_size=16, limit=64)
    assert sum(len(b) for b, _ in train) == 64 and sum(len(b) for b, _ in test) == 64
    assert np.array_equal(lesson.arrays(True, 10)[1].numpy(), Lesson(1, argv=["--seed", "5"]).arrays(True, 10)[1].numpy())


def test_claims_table(capsys):
    lesson = Lesson(8, argv=[])
    lesson.claim("faster", "14 times", "3.1 times", True)
    assert lesson.close()
    lesson.claim("better", "yes", "no", False)
    assert not lesson.close()
    out = capsys.readouterr().out
    assert "14 times" in out and "3.1 times" in out and "DID NOT HOLD" in out and "Chapter 8 took" in out
    with pytest.raises(InputError, match="Lesson.claim"):
        lesson.claim("", 1, 1, True)


def test_figures_are_saved_where_asked(tmp_path, capsys):
    lesson = Lesson(1, argv=["--figures", str(tmp_path)])
    path = lesson.save(plots.curves({"a": [3, 2, 1]}), "loss")
    assert path == tmp_path / "ch01_introduction" / "loss.png" and path.read_bytes()[:4] == b"\x89PNG"
    assert "loss.png" in capsys.readouterr().out
