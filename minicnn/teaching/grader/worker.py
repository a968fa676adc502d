"""The child process: loads one hand-in and runs its functions on request. Started by sandbox.py, ends with its input.

For each line `k` on standard input it reads k.in.npz, (function, arguments), and answers with k.out.npz: a dict with `kind`
("value", "blank", "missing", "error", "exit", "mutated") and what belongs to it.
"""

import importlib.util
import sys
import time
import traceback
from pathlib import Path

import numpy as np

from .transport import read_values, write_values

__all__ = ["main"]


def load(path):
    """The hand-in as a module."""
    spec = importlib.util.spec_from_file_location("hand_in", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def explain(error, path):
    """An error in one line: its kind, its text, the line of the hand-in."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = lines[-1] if lines else getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    where = f" (line {line})" if line else ""
    return f"{type(error).__name__}: {error}{where}"[:500]


def arrays_in(value):
    """All arrays in nested tuples, lists and dicts."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for v in value.values() if isinstance(value, dict) else value:
            yield from arrays_in(v)


def run(module, function, args, path):
    """Call a function of the hand-in; what happened, as a dict."""
    if not callable(getattr(module, function, None)):
        return {"kind": "missing"}
    before = [a.copy() for a in arrays_in(args)]
    start = time.perf_counter()
    try:
        value = getattr(module, function)(*args)
    except NotImplementedError:
        return {"kind": "blank"}
    except SystemExit:
        return {"kind": "exit"}
    except BaseException as error:  # whatever it is, the other checks go on
        return {"kind": "error", "text": explain(error, path)}
    seconds = time.perf_counter() - start
    if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(arrays_in(args), before)):
        return {"kind": "mutated"}
    return {"kind": "value", "value": value, "seconds": seconds}


def limit_resources():
    """At most 8 GiB of memory and 64 MiB for a file, where the system can tell."""
    try:
        import resource  # not on Windows
    except ImportError:
        return
    for what, most in ((resource.RLIMIT_AS, 8 << 30), (resource.RLIMIT_FSIZE, 64 << 20)):
        resource.setrlimit(what, (most, most))


def main(path, folder):
    """Answer requests until standard input ends."""
    path, folder = Path(path), Path(folder)
    limit_resources()
    trouble, module = None, None
    try:
        module = load(path)
    except SystemExit:
        trouble = {"kind": "exit"}
    except BaseException as error:
        trouble = {"kind": "error", "text": explain(error, path)}
    for line in sys.stdin.buffer:
        number = line.decode().strip()
        function, args = read_values(folder / f"{number}.in.npz")
        answer = trouble or run(module, function, args, path)
        write_values(folder / f"{number}.out.npz", answer)


if __name__ == "__main__":
    main(*sys.argv[1:3])
