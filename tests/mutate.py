"""Plant small faults in the library, one at a time, and see whether the tests notice.

    python tests/mutate.py --count 100 --seed 0            # 100 random faults over all files below
    python tests/mutate.py --only ops/elementwise.py nn/functional/loss.py --json faults.json

A fault is a change of one expression: a sign, a factor, an operator, a dropped term, an axis, a number off by one, a comparison, a
boolean. For each, the mutated file is put into a copy of the library, and the tests that are named for it below run against the
copy, in order, until one fails ("caught") or all pass ("survived"). A survivor is either a gap in the tests or no fault at all: a
change that leaves what is computed as it was (a chunk size, a threshold between two paths that agree). They are listed for a
person to judge.

This takes some seconds a fault, so it is a command and not a test; tests/test_mutate.py tests the command.
"""

import argparse
import ast
import copy
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

# folder or file of minicnn/ -> the tests that answer for it, those that fail fastest first
TESTS = {
    "ops/": ["tests/test_ops.py", "tests/test_adjoints.py", "tests/test_derivatives.py", "tests/nn"],
    "kernels/": ["tests/kernels", "tests/test_ops.py", "tests/nn"],
    "nn/functional/": ["tests/test_ops.py", "tests/nn", "tests/test_numbers.py", "tests/notes"],
    "nn/": ["tests/nn", "tests/test_numbers.py", "tests/notes"],
    "optim/": ["tests/optim", "tests/test_cuda_device.py"],
    "autograd.py": ["tests/test_autograd.py", "tests/test_guards.py", "tests/test_derivatives.py", "tests/test_ops.py"],
    "derivatives.py": ["tests/test_derivatives.py"],
}
SKIP = {"kernels/buffers.py", "kernels/threads.py", "kernels/twins.py"}  # they decide where, not what, is computed


# -------------------------------------------------------------------------------------------------------------- the faults


def swapped_operator(node):
    """a + b -> a - b, a * b -> a / b, and back."""
    pairs = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
    if isinstance(node, ast.BinOp) and type(node.op) in pairs:
        yield ast.BinOp(node.left, pairs[type(node.op)](), node.right)


def dropped_term(node):
    """a + b -> a; a - b -> a; a * b -> a."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult)):
        yield node.left


def changed_sign(node):
    """-a -> a."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
        yield node.operand


def changed_number(node):
    """n -> n + 1, for whole numbers; x -> 2 x for others."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield ast.Constant(node.value + 1)
    if isinstance(node, ast.Constant) and type(node.value) is float and node.value:
        yield ast.Constant(2 * node.value)


def changed_axis(node):
    """axis=-1 -> axis=-2, axis=(0, 2, 3) -> axis=(0, 2)."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        if type(node.operand.value) is int:
            yield ast.UnaryOp(ast.USub(), ast.Constant(node.operand.value + 1))
    if isinstance(node, ast.keyword) and node.arg == "axis" and isinstance(node.value, ast.Tuple) and len(node.value.elts) > 1:
        yield ast.keyword("axis", ast.Tuple(node.value.elts[:-1], ast.Load()))


def changed_comparison(node):
    """a < b -> a <= b; a == b -> a != b."""
    pairs = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in pairs:
        yield ast.Compare(node.left, [pairs[type(node.ops[0])]()], node.comparators)


def changed_boolean(node):
    """True -> False."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)


FAULTS = (swapped_operator, dropped_term, changed_sign, changed_number, changed_axis, changed_comparison, changed_boolean)


def places(tree):
    """(node, way down from the root) wherever in a syntax tree a fault makes sense: not in docstrings, messages, imports."""
    def walk(node, path):
        if isinstance(node, (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom, ast.Assert)):
            return
        yield node, path
        for name, value in ast.iter_fields(node):
            if name in ("decorator_list", "returns", "annotation"):
                continue
            for i, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                    continue  # a docstring
                if isinstance(child, ast.AST):
                    yield from walk(child, [*path, (name, i)])
    yield from walk(tree, [])


def shown(node):
    """The source of an expression or of a keyword argument."""
    return f"{node.arg}={ast.unparse(node.value)}" if isinstance(node, ast.keyword) else ast.unparse(node)


def mutants(source):
    """(line, what was changed, new source) for every fault in a file; each new source once."""
    tree, seen = ast.parse(source), set()
    for node, path in places(tree):
        for fault in FAULTS:
            for replacement in fault(node):
                changed = copy.deepcopy(tree)
                parent = changed
                for name, i in path[:-1]:
                    parent = getattr(parent, name) if i is None else getattr(parent, name)[i]
                name, i = path[-1]
                if i is None:
                    setattr(parent, name, replacement)
                else:
                    getattr(parent, name)[i] = replacement
                text = ast.unparse(ast.fix_missing_locations(changed))
                if text not in seen:
                    seen.add(text)
                    line = getattr(node, "lineno", getattr(getattr(node, "value", None), "lineno", 0))
                    yield line, f"{shown(node)} -> {shown(replacement)}", text


# ------------------------------------------------------------------------------------------------------------- the judgement


def tests_for(name):
    """The tests of a file of minicnn/, given as ops/conv.py."""
    return next((tests for place, tests in TESTS.items() if name.startswith(place)), None)


def candidates(only):
    """The files to plant faults in, as paths below minicnn/."""
    names = sorted(p.relative_to(ROOT / "minicnn").as_posix() for p in (ROOT / "minicnn").rglob("*.py"))
    names = [n for n in names if tests_for(n) and n not in SKIP and not n.endswith(("__init__.py", "_cuda.py"))]
    return [n for n in names if not only or n in only]


def judge(folder, name, text, seconds):
    """("caught" or "survived", by which tests) for one mutated file, in a copy of the project."""
    path = folder / "minicnn" / name
    original = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder), "HYPOTHESIS_PROFILE": "ci", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        for tests in tests_for(name):
            command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--tb=no", tests]
            try:
                done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=seconds, check=False)
            except subprocess.TimeoutExpired:
                return "caught", f"{tests} (no end within {seconds} s)"
            if done.returncode not in (0, 5):
                return "caught", tests
        return "survived", ""
    finally:
        path.write_text(original, encoding="utf-8")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="FILE", help="below minicnn/, such as ops/conv.py (all)")
    parser.add_argument("--count", type=int, default=50, help="faults to plant, drawn at random (50)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=300, help="limit for one run of tests (300)")
    parser.add_argument("--json", type=Path, help="write all faults and verdicts here, after each")
    args = parser.parse_args(argv)
    sources = {name: (ROOT / "minicnn" / name).read_text(encoding="utf-8") for name in candidates(args.only)}
    pool = [(name, *fault) for name, source in sources.items() for fault in mutants(source)]
    chosen = random.Random(args.seed).sample(pool, min(args.count, len(pool)))
    found, start = [], time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "_build", "figures", "runs"))
        for i, (name, line, what, text) in enumerate(chosen, start=1):
            verdict, by = judge(folder, name, text, args.seconds)
            found.append({"file": name, "line": line, "fault": what, "verdict": verdict, "by": by})
            caught = sum(f["verdict"] == "caught" for f in found)
            passed = time.monotonic() - start
            print(f"{i}/{len(chosen)} {verdict:8} {name}:{line}: {what}   [{caught}/{i}, {passed:.0f} s]", flush=True)
            if args.json:
                args.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    survivors = [f for f in found if f["verdict"] == "survived"]
    share = 1 - len(survivors) / max(1, len(found))
    print(f"{len(found) - len(survivors)} of {len(found)} faults caught, {share:.1%}; drawn from {len(pool)} possible ones")
    return survivors


if __name__ == "__main__":
    main()
