"""The parent's side: a hand-in in a process of its own, with limits on time and output; started again when it dies."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .transport import read_values, write_values

__all__ = ["Sandbox"]

MOST_OUTPUT = 1 << 20  # bytes that a hand-in may print
STARTING = 30.0  # seconds for Python, NumPy and the hand-in's own import


class Sandbox:
    """`with Sandbox("exercise.py") as hand_in: hand_in.call("softmax", (x,), seconds=10)`.

    call returns a dict with `kind`: "value" (with value, seconds), "blank" (raises NotImplementedError), "missing", "error" (with
    text), "exit", "mutated" (it wrote into its arguments), "hang" (with seconds), "died", "flood" (printed more than 1 MiB).
    """

    def __init__(self, path):
        self.path = Path(path).resolve()
        self._folder, self._process, self._count = None, None, 0

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="minicnn-")
        return self

    def __exit__(self, *exc):
        self._stop()
        self._folder.cleanup()

    def _start(self):
        self._output = Path(self._folder.name, f"output{self._count}.txt")
        package = str(Path(__file__).resolve().parents[3])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))}
        with open(self._output, "wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "minicnn.teaching.grader.worker", str(self.path), self._folder.name],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder.name,
                env=environment,
                start_new_session=os.name == "posix",
            )

    def _stop(self):
        if self._process is None:
            return
        if os.name == "posix":
            try:
                os.killpg(self._process.pid, signal.SIGKILL)  # the worker leads a group of its own: what it started ends too
            except ProcessLookupError:
                pass
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process = None

    def call(self, function, args, seconds=10.0):
        """Run one function of the hand-in on arguments; never raises for anything that the hand-in does."""
        fresh = self._process is None
        if fresh:
            self._start()
        self._count += 1
        place = Path(self._folder.name)
        write_values(place / f"{self._count}.in.npz", (function, tuple(args)))
        try:
            self._process.stdin.write(f"{self._count}\n".encode())
            self._process.stdin.flush()
        except OSError:  # it is gone already
            pass
        answer = self._wait(place / f"{self._count}.out.npz", seconds + (STARTING if fresh else 0), seconds)
        if answer["kind"] in ("hang", "died", "flood"):
            self._stop()
        return answer

    def _wait(self, path, limit, shown):
        end, pause = time.monotonic() + limit, 0.0005
        while True:
            done = self._process.poll() is not None
            if self._output.stat().st_size > MOST_OUTPUT:
                return {"kind": "flood"}
            if path.exists():
                return self._read(path)
            if done:
                return {"kind": "died"}
            if time.monotonic() > end:
                return {"kind": "hang", "seconds": shown}
            time.sleep(pause)
            pause = min(2 * pause, 0.02)

    @staticmethod
    def _read(path):
        try:
            return read_values(path)
        except (ValueError, OSError, KeyError) as error:  # written by a hostile hand-in
            return {"kind": "error", "text": f"its answer cannot be read: {error}"}
