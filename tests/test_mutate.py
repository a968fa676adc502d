"""tests/mutate.py: which faults it finds places for, that they change just one thing, and that a fault is caught."""

import ast

import mutate
import pytest

SOURCE = '''"""A module: 1 + 1."""


def f(x, *, axis=-1):
    """Docstring, 2 - 1."""
    if x < 3:
        raise ValueError("x + 1")
    return -x + 0.5 * x.sum(axis=(0, 2), keepdims=True)
'''


def test_faults_of_every_kind_and_none_in_messages():
    found = {what for _, what, _ in mutate.mutants(SOURCE)}
    assert found >= {"x < 3 -> x <= 3", "-x -> x", "0.5 -> 1.0", "axis=(0, 2) -> axis=(0,)", "True -> False", "-1 -> -2", "3 -> 4"}
    assert any(what.endswith("-> -x") for what in found)  # a dropped term
    assert not [what for what in found if "ValueError" in what or what.startswith(("1 ->", "x + 1"))]


def test_each_mutant_is_a_program_that_differs():
    texts = [text for _, _, text in mutate.mutants(SOURCE)]
    assert len(texts) == len(set(texts)) > 10
    plain = ast.unparse(ast.parse(SOURCE))
    assert all(text != plain and ast.parse(text) for text in texts)


def test_every_file_with_faults_has_tests():
    names = mutate.candidates(None)
    assert {"ops/elementwise.py", "kernels/conv.py", "nn/functional/loss.py", "optim/sgd.py", "autograd.py"} <= set(names)
    assert all((mutate.ROOT / tests).exists() for name in names for tests in mutate.tests_for(name))


@pytest.mark.parametrize(("text", "verdict"), [("def test(): pass", "survived"), ("def test(): assert False", "caught")])
def test_judgement(tmp_path, monkeypatch, text, verdict):
    (tmp_path / "minicnn").mkdir()
    (tmp_path / "minicnn" / "a.py").write_text("x = 1", encoding="utf-8")
    (tmp_path / "test_a.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(mutate, "TESTS", {"a.py": ["test_a.py"]})
    assert mutate.judge(tmp_path, "a.py", "x = 2", 60)[0] == verdict
    assert (tmp_path / "minicnn" / "a.py").read_text(encoding="utf-8") == "x = 1"  # put back
