"""What is to be solved, checked and brought into one form: one tensor as the state, one function of (t, y), a list of times."""

import itertools
import math

import numpy as np

from ..backend import device_of, to_numpy, xp_of
from ..errors import InputError
from ..functions import cat
from ..tensor import Tensor

__all__ = ["Problem"]


def _check_state(function, y0):
    """A floating-point tensor, or a tuple of them of one dtype and device."""
    tensors = y0 if isinstance(y0, (tuple, list)) else (y0,)
    if not tensors or not all(isinstance(y, Tensor) and y.dtype.kind == "f" for y in tensors):
        raise InputError(function, "y0", "a floating-point tensor or a tuple of them",
                         [str(getattr(y, "dtype", type(y).__name__)) for y in tensors])
    kinds = {(y.dtype, device_of(y._data)) for y in tensors}
    if len(kinds) > 1:
        raise InputError(function, "y0", "tensors of one dtype on one device", sorted(map(str, kinds)))


def _check_times(function, t):
    """The times as floats: finite, and either rising or falling."""
    values = np.asarray(to_numpy(t._data) if isinstance(t, Tensor) else t, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise InputError(function, "t", "a row of at least one finite time", values.tolist())
    steps = np.diff(values)
    if not ((steps > 0).all() or (steps < 0).all()):
        raise InputError(function, "t", "strictly increasing or strictly decreasing", values.tolist(),
                         "y0 belongs to the first of the times")
    return values.tolist()


class Problem:
    """dy/dt = func(t, y), y(t[0]) = y0, wanted at the times t.

    A tuple of states is strung into one vector; `pack` and `unpack` go there and back. Calling the problem evaluates func on
    that form, at a time that is a number or a tensor with one entry.
    """

    def __init__(self, function, func, y0, t):
        if not callable(func):
            raise InputError(function, "func", "a function of (t, y) or a module", type(func).__name__)
        _check_state(function, y0)
        self.function, self.func, self.several = function, func, isinstance(y0, (tuple, list))
        self.shapes = [tuple(y.shape) for y in y0] if self.several else [tuple(y0.shape)]
        self.times = _check_times(function, t)
        self.y0 = self.pack(y0)
        self.t = t  # as it was given: a tensor that requires a gradient stays in the graph
        self.wants_time_gradient = isinstance(t, Tensor) and t.requires_grad

    def pack(self, y):
        """The state in one tensor."""
        return cat([part.reshape(-1) for part in y]) if self.several else y

    def unpack(self, y):
        """The state as the caller has it. y may have axes in front, such as that of the times."""
        if not self.several:
            return y
        ends = list(itertools.accumulate(map(math.prod, self.shapes)))
        front = tuple(y.shape[:-1])
        return tuple(y[..., end - math.prod(shape):end].reshape(*front, *shape) for shape, end in zip(self.shapes, ends))

    def __call__(self, t, y):
        dtype = y.dtype
        time = t.to(dtype) if isinstance(t, Tensor) else Tensor._make(xp_of(y._data).asarray(t, dtype=dtype))
        slope = self.func(time, self.unpack(y))
        parts = slope if self.several else (slope,)
        if not isinstance(parts, (tuple, list)) or not all(isinstance(part, Tensor) for part in parts) \
                or [tuple(part.shape) for part in parts] != self.shapes:
            raise InputError(self.function, "func", f"a function that returns a slope of the state's shape {self._shown()}",
                             [getattr(part, "shape", type(part).__name__) for part in parts]
                             if isinstance(parts, (tuple, list)) else type(parts).__name__)
        slope = self.pack(slope)
        return slope if slope.dtype == dtype else slope.to(dtype)

    def _shown(self):
        return self.shapes if self.several else self.shapes[0]
