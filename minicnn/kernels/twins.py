"""The one place that decides between a kernel in NumPy terms and its CUDA twin.

A function marked `@twinned` is the plain kernel: it runs on NumPy and on anything that looks like NumPy. A function marked
`@twin_of(plain)` computes the same with a CUDA kernel, and takes over where the arrays are CuPy's, in float32 or float64.
"""

import functools

import numpy as np

from ..backend import is_array, xp_of

__all__ = ["twinned", "twin_of", "on_cuda"]

_FLOATS = {np.dtype(np.float32), np.dtype(np.float64)}
_twins = {}  # the marked plain function -> its twin


def on_cuda(*values):
    """True if the arrays among `values` are CuPy's, their floats of the one type that a kernel is compiled for."""
    if xp_of(*values).__name__ != "cupy":
        return False
    found = {v.dtype for v in values if is_array(v) and v.dtype.kind not in "iu"}
    return len(found) == 1 and found <= _FLOATS


def twinned(plain):
    """Mark a kernel whose array arguments are positional; `__wrapped__` is the plain one whatever the arrays are."""
    @functools.wraps(plain)
    def kernel(*arguments, **options):
        if type(arguments[0]) is not np.ndarray and kernel in _twins and on_cuda(*arguments):
            return _twins[kernel](*arguments, **options)
        return plain(*arguments, **options)

    return kernel


def twin_of(kernel):
    """Decorator of the function with the same arguments that takes over from `kernel` on CuPy arrays."""
    def register(twin):
        _twins[kernel] = twin
        return twin

    return register
