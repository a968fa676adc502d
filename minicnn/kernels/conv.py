"""Convolution by im2col and one matrix product: the plain kernel that lesson 1 teaches, and the oracle of every fast one.

T(x, w, u) = sum over n,f,i,j,c,a,b of u[n,f,i,j] w[f,c,a,b] x[n, c, s i + d a - p, s j + d b - p] is linear in each of its
three slots; each function below fills two of them and returns the third. With groups, channels fall into consecutive
blocks that are convolved on their own. Shapes: x (n, c, h, w), w (f, c/groups, kh, kw), u (n, f, oh, ow).

The batch is done a few samples at a time, so that the columns (kh kw times as large as the image) stay in cache.
"""

import math

from ..backend import xp_of
from .im2col import col2im, im2col, output_size
from .twins import twinned

__all__ = ["conv2d", "conv2d_input", "conv2d_weight"]

CHUNK_BYTES = 2**21


def _chunks(x, rows, columns):
    """Slices of the batch such that `rows` x `columns` numbers a sample make about 2 MB; all of it on a GPU."""
    n = x.shape[0]
    if xp_of(x).__name__ == "cupy":
        return [slice(0, n)]
    step = max(1, CHUNK_BYTES // max(1, rows * columns * x.dtype.itemsize))
    return [slice(i, min(i + step, n)) for i in range(0, n, step)]


def _options(stride, padding, dilation):
    return {"stride": stride, "padding": padding, "dilation": dilation}


def _columns(x, groups, kernel, options):
    """im2col as matrices: (n, groups, c/groups kh kw, oh ow)."""
    cols = im2col(x, kernel=kernel, **options)
    n, c, kh, kw, oh, ow = cols.shape
    return cols.reshape(n, groups, c // groups * kh * kw, oh * ow)


@twinned
def conv2d(x, w, *, stride, padding, dilation, groups):
    """y = T with u left open: for each sample and group, w as a matrix (f/groups, c/groups kh kw) times the columns."""
    n, f = x.shape[0], w.shape[0]
    kernel, options = w.shape[2:], _options(stride, padding, dilation)
    oh, ow = output_size(x.shape[2:], kernel, stride, padding, dilation)
    y = xp_of(x, w).empty((n, groups, f // groups, oh * ow), dtype=x.dtype)
    matrix = w.reshape(groups, f // groups, math.prod(w.shape[1:]))
    for part in _chunks(x, math.prod(w.shape[1:]) * groups, oh * ow):
        xp_of(x).matmul(matrix, _columns(x[part], groups, kernel, options), out=y[part])
    return y.reshape(n, f, oh, ow)


@twinned
def conv2d_input(u, w, *, input_size, stride, padding, dilation, groups):
    """x = T with x left open: the transposed matrix times u gives columns, which col2im adds back over the image."""
    n, f, oh, ow = u.shape
    cg, kh, kw = w.shape[1:]
    x = xp_of(u, w).empty((n, groups * cg, *input_size), dtype=u.dtype)
    matrix = w.reshape(groups, f // groups, cg * kh * kw).transpose(0, 2, 1)
    for part in _chunks(u, groups * cg * kh * kw, oh * ow):
        cols = xp_of(u).matmul(matrix, u[part].reshape(-1, groups, f // groups, oh * ow))
        cols = cols.reshape(-1, groups * cg, kh, kw, oh, ow)
        x[part] = col2im(cols, size=input_size, **_options(stride, padding, dilation))
    return x


@twinned
def conv2d_weight(x, u, *, kernel_size, stride, padding, dilation, groups):
    """w = T with w left open: u as a matrix times the transposed columns, summed over the batch."""
    xp, (f, oh, ow) = xp_of(x, u), u.shape[1:]
    cg = x.shape[1] // groups
    rows = cg * math.prod(kernel_size)
    w = xp.zeros((groups, f // groups, rows), dtype=u.dtype)
    for part in _chunks(x, groups * rows, oh * ow):
        cols = _columns(x[part], groups, kernel_size, _options(stride, padding, dilation))
        grouped = u[part].reshape(-1, groups, f // groups, oh * ow)
        w += xp.matmul(grouped, cols.transpose(0, 1, 3, 2)).sum(axis=0)
    return w.reshape(f, cg, *kernel_size)
