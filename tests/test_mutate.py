"""tests/mutate.py: which faults it finds places for, that they change just one thing, and that a fault is caught."""

import ast

import mutate
import numpy as np
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


def test_all_negative_lengths_are_the_same_to_reshape():
    assert {what for _, what, _ in mutate.mutants("x.reshape(-1, 2)\nx.sum(-1)\n")} == {"2 -> 3", "-1 -> -2"}
    assert np.zeros(4).reshape(-2).shape == (4,)


def test_each_mutant_is_a_program_that_differs():
    texts = [text for _, _, text in mutate.mutants(SOURCE)]
    assert len(texts) == len(set(texts)) > 10
    plain = ast.unparse(ast.parse(SOURCE))
    assert all(text != plain and ast.parse(text) for text in texts)


def test_every_file_with_faults_has_tests():
    names = mutate.candidates(None)
    assert {"ops/elementwise.py", "kernels/conv.py", "nn/functional/loss.py", "optim/sgd.py", "autograd.py"} <= set(names)
    assert all((mutate.ROOT / tests).exists() for name in names for tests in mutate.tests_for(name))


def test_names_around_a_line():
    source = "def f(x):\n    return _g(x)\n\n\ndef _g(x):\n    return x\n\n\nf.defvjp(x=lambda g: 2 * g)\n"
    assert mutate.names_around(source, 2) == mutate.names_around(source, 9) == ["f"]
    assert mutate.names_around(source, 6) == ["f", "g"]
    assert mutate.names_around(source, 3) == []


def test_harmless_lines_exist_and_are_few():
    lines = [(n, line) for n in mutate.candidates(None) for line in (mutate.ROOT / "minicnn" / n).read_text("utf-8").splitlines()]
    for place, pattern, why in mutate.HARMLESS:
        assert why and any(name.startswith(place) and mutate.re.search(pattern, line) for name, line in lines), pattern
    assert sum(mutate.harmless(*pair) for pair in lines) < 30


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "minicnn").mkdir()
    (tmp_path / "minicnn" / "a.py").write_text("x = 1", encoding="utf-8")
    monkeypatch.setattr(mutate, "TESTS", {"a.py": ["test_a.py"]})
    return tmp_path


@pytest.mark.parametrize("around", [(), ("other",), ("test",)])
@pytest.mark.parametrize(("text", "verdict"), [("def test(): pass", "survived"), ("def test(): assert False", "caught")])
def test_judgement(project, text, verdict, around):
    (project / "test_a.py").write_text(text, encoding="utf-8")
    assert mutate.judge(project, "a.py", "x = 2", {"test_a.py": 60}, around)[0] == verdict
    assert (project / "minicnn" / "a.py").read_text(encoding="utf-8") == "x = 1"  # put back


def test_a_fault_that_never_ends_is_caught(project):
    (project / "test_a.py").write_text("def test():\n    while True: pass", encoding="utf-8")
    assert mutate.judge(project, "a.py", "x = 2", {"test_a.py": 3}) == ("caught", "test_a.py (no end)")


def test_tests_that_fail_without_a_fault_are_refused(project):
    (project / "test_a.py").write_text("def test(): assert False", encoding="utf-8")
    with pytest.raises(SystemExit, match="test_a.py fail without any fault"):
        mutate.limits(project, ["a.py"])
