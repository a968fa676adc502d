"""Pooling with CUDA: a thread finds the maximum or sum of one window, or gathers one pixel's share of all windows over it.

Inputs have any strides. Results lie channels last in memory where the input does, channels first otherwise.
"""

import math

import numpy as np

from ..backend import xp_of
from . import pool as plain
from .buffers import empty, empty_nhwc, is_channels_last
from .launch_cuda import launch, strides, window
from .twins import twin_of

__all__ = ["max_pool2d", "spread_windows", "avg_pool2d", "avg_pool2d_adjoint", "beside"]


def beside(x, size, dtype=None):
    """An unfilled array (n, c, *size) that lies in memory as x (n, c, h, w) does, and whether its channels are last."""
    (n, c), dtype, xp, last = x.shape[:2], x.dtype if dtype is None else dtype, xp_of(x), is_channels_last(x)
    return empty_nhwc(n, c, *size, dtype, xp) if last else empty((n, c, *size), dtype, xp), last


@twin_of(plain.max_pool2d)
def max_pool2d(x, *, kernel, stride, padding, dilation, ceil_mode):
    """(y, index) as the plain kernel's, ties and NaNs included."""
    size = tuple(x.shape[2:])
    out = plain.pooled_size(size, kernel, stride, padding, dilation, ceil_mode)
    (y, last), (index, _) = beside(x, out), beside(x, out, np.int64)
    launch("pool.max_pool2d", x, y.size, x, *strides(x), y, index, y.size, x.shape[1], *size, *out, last,
           *window(kernel, stride, padding, dilation), -math.inf)
    return y, index


@twin_of(plain.spread_windows)
def spread_windows(u, index, *, size, kernel, stride, padding, dilation):
    """The plain kernel's sums in the plain kernel's order."""
    x, last = beside(index, size, u.dtype)
    launch("pool.max_spread", u, x.size, u, *strides(u), index, *strides(index), x, x.size, x.shape[1], *size, *u.shape[2:],
           last, *window(kernel, stride, padding, dilation))
    return x


@twin_of(plain.avg_pool2d)
def avg_pool2d(x, *, kernel, stride, padding, ceil_mode):
    """The sum of each window, rows of it one after the other."""
    size = tuple(x.shape[2:])
    out = plain.pooled_size(size, kernel, stride, padding, (1, 1), ceil_mode)
    y, last = beside(x, out)
    launch("pool.sum_pool2d", x, y.size, x, *strides(x), y, y.size, x.shape[1], *size, *out, last,
           *window(kernel, stride, padding))
    return y


@twin_of(plain.avg_pool2d_adjoint)
def avg_pool2d_adjoint(u, *, size, kernel, stride, padding, ceil_mode):
    """u gathered over all windows over a pixel."""
    x, last = beside(u, size)
    launch("pool.sum_spread", u, x.size, u, *strides(u), x, x.size, x.shape[1], *size, *u.shape[2:], last,
           *window(kernel, stride, padding))
    return x
