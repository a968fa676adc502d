"""Chains of element-wise operations as one CUDA kernel each, where NumPy and CuPy would go over memory once per operation."""

from .buffers import empty_like, is_channels_last
from .launch_cuda import launch

__all__ = ["mapped", "in_place", "alike"]


def _dense(x):
    return x.flags.c_contiguous or (x.ndim == 4 and is_channels_last(x))


def alike(x, layout):
    """x as an array laid out in memory as the dense array `layout` is; x itself if it is already."""
    if x.strides == layout.strides:
        return x
    y = empty_like(layout)
    y[...] = x
    return y


def mapped(name, *arrays):
    """The kernel `name` of pointwise.cu over arrays of one shape; the result lies in memory as the last one does.

    Other strides than channels first or last without gaps are copied first.
    """
    y = empty_like(arrays[-1])
    launch(f"pointwise.{name}", y, y.size, *[alike(a, y) for a in arrays], y, y.size)
    return y


def in_place(name, arrays, numbers):
    """The kernel `name`, which updates arrays[0] and arrays[2:] with the gradient arrays[1]; True if all could be used.

    What is written into must be dense and laid out as arrays[0].
    """
    first, gradient, *state = arrays
    if not _dense(first) or any(a.strides != first.strides for a in state):
        return False
    launch(f"pointwise.{name}", first, first.size, first, alike(gradient, first), *state, first.size, *numbers)
    return True
