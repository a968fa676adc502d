"""CUDA sources of the folder `cuda`, compiled when first used and launched with one thread per output number.

The array module comes from the arrays themselves: `xp.RawModule` compiles (CuPy's, by NVRTC, which also keeps the result
on disk), and a launch goes to CuPy's current stream, in order with everything else that CuPy does there.
"""

import functools
import pathlib

import numpy as np

from ..backend import xp_of

__all__ = ["launch", "source", "options", "strides", "window"]

FOLDER = pathlib.Path(__file__).with_name("cuda")
THREADS = 256  # of a block
NARROW = 1 << 30  # numbers; up to here 32-bit places are enough, and a good deal faster to compute
_NAMES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}


def source(name):
    """The text of one source, with what all share in front."""
    return "\n".join((FOLDER / part).read_text(encoding="utf-8") for part in ("common.cuh", f"{name}.cu"))


def options(dtype, wide):
    """The compiler's options for one float type and one width of places."""
    return "-std=c++17", f"-DREAL={_NAMES[np.dtype(dtype)]}", f"-DINTEGER={'long long' if wide else 'int'}"


@functools.cache
def _function(xp, device, name, dtype, wide):  # a module is loaded on one device, so each has its own
    file, _, kernel = name.partition(".")
    return xp.RawModule(code=source(file), options=options(dtype, wide)).get_function(kernel)


def _extent(array):
    """How many numbers lie between an array's first and last."""
    return array.size and 1 + sum((n - 1) * abs(s) for n, s in zip(array.shape, array.strides)) // array.itemsize


def _argument(value, dtype, integer):
    """What the launch takes: arrays as they are, numbers in the kernel's types."""
    if hasattr(value, "dtype") and hasattr(value, "strides"):
        if value.dtype != dtype and value.dtype != np.int64:
            raise TypeError(f"a kernel compiled for {dtype} was given an array of {value.dtype}")
        return value
    return dtype.type(value) if isinstance(value, (float, np.floating)) else integer(value)


def launch(name, like, size, *arguments):
    """Run the kernel `name` ("pool.max_pool2d") on `size` threads; arguments as in its source, arrays and numbers.

    like: an array whose module, device and float type are taken. A float argument becomes that type, an int a place.
    """
    if size == 0:
        return
    wide = max(size, *[_extent(a) for a in arguments if hasattr(a, "strides")]) > NARROW
    integer = np.int64 if wide else np.int32
    converted = tuple([_argument(a, like.dtype, integer) for a in arguments])
    with like.device:
        kernel = _function(xp_of(like), like.device.id, name, like.dtype, wide)
        kernel((-(-size // THREADS),), (THREADS,), converted)


def strides(x):
    """An array's strides in numbers, for the STRIDES of a kernel."""
    return tuple(s // x.itemsize for s in x.strides)


def window(kernel, stride, padding, dilation=(1, 1)):
    """The WINDOW of a kernel."""
    return (*kernel, *stride, *padding, *dilation)
