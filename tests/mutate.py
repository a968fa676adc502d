"""Plant small faults in the library, one at a time, and see whether the tests notice.

    python tests/mutate.py --count 100 --seed 0            # 100 random faults over all files below
    python tests/mutate.py --only ops/ nn/functional/loss.py --json faults.json

A fault is a change of one expression: a sign, a factor, an operator, a dropped term, an axis, a number off by one, a comparison, a
boolean. For each, the mutated file is put into a copy of the project, and tests run against the copy until one fails ("caught") or
all pass ("survived"): first those whose name contains the name of the function with the fault, or of one that uses it, then all
that are named for the file below, in order. All of them first run without any fault, since a test that fails anyway would seem to
catch everything. A survivor is either a gap in the tests or no fault at all: a change that leaves what is computed as it was. They
are listed for a person to judge; the lines of HARMLESS, where that is so by construction, get no faults.

This takes some seconds a fault, and a minute for a survivor, so it is a command and not a test; tests/test_mutate.py tests it.
"""

import argparse
import ast
import copy
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

# folder or file of minicnn/ -> the tests that answer for it, those that fail fastest first
INPUT = ["tests/test_bad_input.py", "tests/test_any_input.py", "tests/test_signatures_as_torch.py"]
TESTS = {
    "ops/": [*INPUT, "tests/test_tensor.py", "tests/test_ops.py", "tests/test_adjoints.py", "tests/test_derivatives.py", "tests/nn",
             "tests/kernels"],
    "kernels/": ["tests/kernels", "tests/test_ops.py", "tests/test_adjoints.py", "tests/nn", "tests/test_cuda_device.py"],
    "nn/functional/": [*INPUT, "tests/test_ops.py", "tests/nn", "tests/test_numbers.py", "tests/kernels", "tests/notes"],
    "nn/": [*INPUT, "tests/nn", "tests/test_numbers.py", "tests/notes"],
    "optim/": ["tests/optim", "tests/test_signatures_as_torch.py", "tests/test_cuda_device.py"],
    "autograd.py": ["tests/test_autograd.py", "tests/test_guards.py", "tests/test_derivatives.py", "tests/test_tensor.py",
                    "tests/test_ops.py"],
    "derivatives.py": ["tests/test_derivatives.py", "tests/test_guards.py"],
}
SKIP = {"kernels/buffers.py", "kernels/threads.py", "kernels/twins.py"}  # they decide where, not what, is computed

# (files, what a line of them contains, why a fault there leaves what is computed as it is)
HARMLESS = (
    ("kernels/", r"^(CHUNK|CHUNK_BYTES|ROWS?|ROW, BLOCK_BYTES|BLOCK_BYTES) =", "how large the pieces are that work is cut into"),
    ("kernels/", r"^(SMALL|WORTH|NARROW|BANDS) =", "from where on the faster of two ways is taken; both are tested to agree"),
    ("kernels/", r"^ *parallel_for\([\w.\[\]]+, part, None if .* else 1\)$", "how many threads take part"),
    ("kernels/plan.py", r"pixels", "from where on one of several algorithms is faster; all are tested to agree"),
    ("", r"stacklevel=", "which line a warning points to"),
)


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
                if isinstance(child, ast.UnaryOp) and ast.unparse(node).split("(")[0].endswith(".reshape"):
                    continue  # to reshape all negative lengths mean the same
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
    """The files to plant faults in, as paths below minicnn/; only: their beginnings."""
    names = sorted(p.relative_to(ROOT / "minicnn").as_posix() for p in (ROOT / "minicnn").rglob("*.py"))
    names = [n for n in names if tests_for(n) and n not in SKIP and not n.endswith(("__init__.py", "_cuda.py"))]
    return [n for n in names if not only or n.startswith(tuple(only))]


def harmless(name, line):
    """True if a fault in this line of a file would change nothing by construction."""
    return any(name.startswith(place) and re.search(pattern, line) for place, pattern, _ in HARMLESS)


def names_around(source, line):
    """The function or class that a line belongs to, or the x of x.defvjp(...), and those of the file that use it."""
    used = {}  # name -> names that occur in its statements
    here = set()
    for statement in ast.parse(source).body:
        call = getattr(statement, "value", None)
        rule = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name)
        name = getattr(statement, "name", None) or (call.func.value.id if rule else None)
        if name:
            used.setdefault(name, set()).update(n.id for n in ast.walk(statement) if isinstance(n, ast.Name))
            if statement.lineno <= line <= statement.end_lineno:
                here.add(name)
    here |= {name for name, names in used.items() if names & here}
    for _ in range(2):  # a helper of a helper of a helper
        private = {name for name in here if name.startswith("_")}
        here |= {name for name, names in used.items() if names & private}
    return sorted({name.strip("_") for name in here} - {""})


def run_tests(folder, tests, seconds, names=()):
    """pytest's exit status in a copy of the project, for tests whose name contains one of `names` if given; None: out of time."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "HYPOTHESIS_PROFILE": "ci", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--tb=no", *tests]
    command += ["-k", " or ".join(names)] if names else []
    try:
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=seconds, check=False).returncode
    except subprocess.TimeoutExpired:
        return None


def limits(folder, names):
    """{tests: seconds they may take}, from a run without faults of all tests of some files, none of which may fail."""
    found = {}
    for tests in dict.fromkeys(tests for name in names for tests in tests_for(name)):
        start = time.monotonic()
        if run_tests(folder, [tests], 3600) != 0:
            sys.exit(f"{tests} fail without any fault")
        found[tests] = 30 + 5 * (time.monotonic() - start)
    return found


def judge(folder, name, text, seconds, around=()):
    """("caught" or "survived", by which tests) for one mutated file in a copy of the project; seconds: what `limits` gave."""
    path, tests = folder / "minicnn" / name, tests_for(name)
    original = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    steps = [(tests, around)] if around else []
    try:
        for step, names in [*steps, *(([t], ()) for t in tests)]:
            status = run_tests(folder, step, sum(seconds[t] for t in step), names)
            if status not in (0, 5):  # 5: no test has such a name
                by = f"-k '{' or '.join(names)}'" if names else step[0]
                return "caught", by if status is not None else f"{by} (no end)"
        return "survived", ""
    finally:
        path.write_text(original, encoding="utf-8")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="FILE", help="below minicnn/, such as ops/ or ops/conv.py (all)")
    parser.add_argument("--count", type=int, default=50, help="faults to plant, drawn at random (50)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write all faults and verdicts here, after each")
    args = parser.parse_args(argv)
    found, start = [], time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "_build", "figures", "runs"))
        sources = {name: (folder / "minicnn" / name).read_text(encoding="utf-8") for name in candidates(args.only)}
        pool = [(name, *fault) for name, source in sources.items() for fault in mutants(source)
                if not harmless(name, source.splitlines()[fault[0] - 1])]
        chosen = random.Random(args.seed).sample(pool, min(args.count, len(pool)))
        seconds = limits(folder, [name for name, *_ in chosen])
        for i, (name, line, what, text) in enumerate(chosen, start=1):
            verdict, by = judge(folder, name, text, seconds, names_around(sources[name], line))
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
