"""A stand-in for CuPy whose kernels run: the strict arrays of strict.py under the name "cupy", with RawModule by g++.

`RawModule` compiles the very text that CuPy would hand to NVRTC, under the shim tests/kernels/cuda_shim.h, and its functions
are called as CuPy's are. So the choice between plain kernel and twin, the host code of every launch, and every kernel run
as they would on a GPU, except that threads run one after the other. Beside that it has the random generator that CuPy has,
whose numbers are made "on the device".
"""

import ctypes
import hashlib
import pathlib
import re
import shutil
import subprocess
import tempfile

import numpy as np
import pytest
from strict import StrictArray, _wrap, strict_xp

from minicnn import backend
from minicnn.kernels import launch_cuda

__all__ = ["cuda_on_cpu", "needs_compiler", "DeviceRandom", "FakeCupy"]

COMPILER = shutil.which("g++") or shutil.which("clang++")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
SHIM = pathlib.Path(__file__).parent / "kernels" / "cuda_shim.h"
_folder = tempfile.TemporaryDirectory(prefix="cuda-on-cpu-")
_libraries = {}


def compiled(code, options):
    """The shared library of a CUDA source."""
    kernels = re.findall(r'extern "C" __global__ void (\w+)\(', re.sub(r"#define MAP2?\(.*?\n    }\n", "", code, flags=re.S))
    kernels += re.findall(r"^MAP2?\((\w+),", code, flags=re.M)
    text = "\n".join([SHIM.read_text(encoding="utf-8"), code, *[f"LAUNCHER({kernel})" for kernel in kernels]])
    key = hashlib.sha256(repr((text, options)).encode()).hexdigest()
    if key not in _libraries:
        source = pathlib.Path(_folder.name, f"{key}.cpp")
        source.write_text(text, encoding="utf-8")
        # no contraction to fused multiply-adds, so that sums in the plain kernel's order have the plain kernel's bits
        command = [COMPILER, "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function",
                   "-ffp-contract=off", *options, str(source), "-o", str(source.with_suffix(".so"))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        _libraries[key] = ctypes.CDLL(str(source.with_suffix(".so")))
    return _libraries[key]


def _memory(value):
    """What CuPy hands to a kernel for an argument, as bytes: an array's address, a number in its own type."""
    if isinstance(value, StrictArray):
        return np.array(value._a.ctypes.data, np.uint64)
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"Unsupported type {type(value)}")
    return np.array(value)  # Python's numbers become int64 and float64, NumPy's keep their type


class RawModule:
    """cupy.RawModule, as far as the library uses it."""

    def __init__(self, *, code, options=()):
        self.compiled = compiled(code, options)

    def get_function(self, name):
        launch = getattr(self.compiled, f"launch_{name}")

        def kernel(grid, block, args):
            FakeCupy.launches.append(name)
            values = [_memory(a) for a in args]
            sizes = (ctypes.c_int * len(values))(*[v.itemsize for v in values])
            pointers = (ctypes.c_void_p * len(values))(*[v.ctypes.data for v in values])
            (blocks,), (threads,) = grid, block
            wrong = launch(blocks, threads, FakeCupy.backwards, len(values), sizes, pointers)
            assert wrong == 0, f"{name} was launched with {len(values)} arguments; number {wrong} has the wrong size"

        return kernel


class DeviceRandom:
    """cupy.random, as far as the library uses it."""

    @staticmethod
    def XORWOW(seed):
        return np.random.PCG64(seed)

    class Generator:
        def __init__(self, bits):
            self._host = np.random.Generator(bits)

        def random(self, size=None, dtype=np.float64, out=None):
            return _wrap(np.asarray(self._host.random(size, dtype)))

        def standard_normal(self, size=None, dtype=np.float64, out=None):
            return _wrap(np.asarray(self._host.standard_normal(size, dtype)))

        def integers(self, low, high=None, size=None, dtype=np.int64, endpoint=False):
            return _wrap(np.asarray(self._host.integers(low, high, size, dtype, endpoint)))


class _FakeDevice:
    """cupy.cuda.Device 0."""

    id = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


class FakeCupy:
    """The module; `launches` lists the kernels that ran, `backwards` lets the last thread run first."""

    __name__ = "cupy"
    RawModule, random = RawModule, DeviceRandom
    launches, backwards = [], False

    def __getattr__(self, name):
        return getattr(strict_xp, name)


@pytest.fixture
def cuda_on_cpu(monkeypatch):
    """While a test runs, strict arrays are arrays of the stand-in, on device cuda:0."""
    module = FakeCupy()
    monkeypatch.setitem(backend._MODULE_OF, StrictArray, module)
    monkeypatch.setattr(StrictArray, "device", _FakeDevice())
    FakeCupy.launches.clear()
    launch_cuda._function.cache_clear()
    yield module
    launch_cuda._function.cache_clear()
