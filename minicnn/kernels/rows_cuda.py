"""Softmax and layer normalisation with CUDA: two or three launches each. Rows are contiguous; see cuda/rows.cu."""

import math

from ..backend import xp_of
from . import channel_norm_cuda
from . import rows as plain
from .launch_cuda import launch
from .twins import twin_of

__all__ = ["softmax", "softmax_gradient", "moments", "normalize", "normalize_gradient"]


def _cut(x, width):
    """(rows, parts): about sqrt(width) threads each sum about sqrt(width) numbers of a row."""
    return x.size // width, math.isqrt(width)


@twin_of(plain.softmax)
def softmax(x):
    """y = e^x / sum e^x along the last axis, the largest entry subtracted first."""
    xp, width = xp_of(x), x.shape[-1]
    rows, parts = _cut(x, width)
    (best, sums), y = xp.empty((2, rows, parts), dtype=x.dtype), xp.empty(x.shape, dtype=x.dtype)
    launch("rows.largest_parts", x, best.size, x, best, best.size, width, parts)
    launch("rows.exponential_parts", x, sums.size, x, best, sums, sums.size, width, parts)
    launch("rows.softmax", x, y.size, x, best, sums, y, y.size, width, parts)
    return y


@twin_of(plain.softmax_gradient)
def softmax_gradient(g, y):
    """y (g - <g, y>), row by row."""
    xp, width = xp_of(y), y.shape[-1]
    rows, parts = _cut(y, width)
    sums, dx = xp.empty((rows, parts), dtype=y.dtype), xp.empty(y.shape, dtype=y.dtype)
    launch("rows.product_parts", y, sums.size, g, y, sums, sums.size, width, parts)
    launch("rows.softmax_gradient", y, dx.size, g, y, sums, dx, dx.size, width, parts)
    return dx


@twin_of(plain.moments)
def moments(x, d):
    """(mean, biased variance) of every row of d numbers: a row is a channel of one image."""
    return channel_norm_cuda.moments(x.reshape(1, -1, 1, d))


@twin_of(plain.normalize)
def normalize(x, mean, root, weight, bias):
    """y = (x - mean) root weight + bias for numbers mean, root of each row and vectors weight, bias as long as a row."""
    y = xp_of(x).empty(x.shape, dtype=x.dtype)
    launch("rows.normalize_rows", x, y.size, x, mean, root, weight, bias, y, y.size, weight.size)
    return y


@twin_of(plain.normalize_gradient)
def normalize_gradient(g, x, mean, root, weight):
    """(dx, dweight, dbias), see the plain kernel."""
    xp, width = xp_of(x), weight.size
    rows, parts = _cut(x, width)
    sums, dx = xp.empty((2, rows, parts), dtype=x.dtype), xp.empty(x.shape, dtype=x.dtype)
    launch("rows.row_gradient_parts", x, rows * parts, g, x, mean, weight, sums, rows * parts, width, parts)
    launch("rows.row_gradient", x, dx.size, g, x, mean, root, weight, sums, dx, dx.size, width, parts, rows * parts)
    parts = max(1, math.isqrt(rows))
    sums, totals = xp.empty((2, parts, width), dtype=x.dtype), xp.empty((2, width), dtype=x.dtype)
    launch("rows.column_gradient_parts", x, parts * width, g, x, mean, root, sums, parts * width, rows, width, parts)
    launch("rows.column_totals", x, totals.size, sums, totals, totals.size, width, parts)
    return dx, totals[0], totals[1]
