"""Softmax and layer normalisation of large matrices: along the rows, a block that stays in cache at a time, on several threads.

Sums over rows are products with a vector of ones, and sums of products are `vecdot`: BLAS does both several times faster than
`sum`. All functions take contiguous float32 or float64 arrays whose last axis (or `d` last numbers) is a row.
"""

import numpy as np

from ..backend import is_array
from .buffers import empty
from .conv_chunks import scratch
from .threads import SMALL, parallel_for
from .twins import on_cuda, twinned

__all__ = ["applies", "softmax", "softmax_gradient", "moments", "normalize", "normalize_gradient"]

BLOCK_BYTES = 1 << 20  # smaller blocks lie better in cache, but threads then wait for the interpreter more often


def applies(*arrays):
    """True for contiguous arrays of one shape and float dtype: on a GPU, or on the host and large enough to be worth it."""
    first = arrays[0]
    if not all(is_array(a) and a.shape == first.shape and a.dtype == first.dtype and a.flags.c_contiguous for a in arrays):
        return False
    return on_cuda(*arrays) and first.size > 0 if type(first) is not np.ndarray else first.size >= SMALL and first.dtype.kind == "f"


def _each_block(matrix, work):
    """work(i, j) for blocks of rows, shared by the threads."""
    step = max(1, BLOCK_BYTES // (matrix.shape[1] * matrix.itemsize))

    def part(start, stop):
        for i in range(start, stop, step):
            work(i, min(i + step, stop))

    parallel_for(matrix.shape[0], part)


def _scratch(name, like):
    return scratch(name, like.shape, like.dtype)


@twinned
def softmax(x):
    """y = e^x / sum e^x along the last axis, the largest entry subtracted first."""
    rows = x.reshape(-1, x.shape[-1])
    y, ones = empty(rows.shape, x.dtype), np.ones(rows.shape[1], x.dtype)

    def work(i, j):
        block = y[i:j]
        np.subtract(rows[i:j], rows[i:j].max(axis=1, keepdims=True), out=block)
        np.exp(block, out=block)
        np.multiply(block, (1 / (block @ ones))[:, None], out=block)

    _each_block(rows, work)
    return y.reshape(x.shape)


@twinned
def softmax_gradient(g, y):
    """y (g - <g, y>), row by row."""
    rows, grads = y.reshape(-1, y.shape[-1]), g.reshape(-1, y.shape[-1])
    dx = empty(rows.shape, y.dtype)

    def work(i, j):
        np.subtract(grads[i:j], np.vecdot(grads[i:j], rows[i:j])[:, None], out=dx[i:j])
        np.multiply(dx[i:j], rows[i:j], out=dx[i:j])

    _each_block(rows, work)
    return dx.reshape(y.shape)


@twinned
def moments(x, d):
    """(mean, biased variance) of every row of d numbers, shape (rows,): the mean first, so that no digits are lost."""
    rows = x.reshape(-1, d)
    mean, variance = (np.empty(rows.shape[0], x.dtype) for _ in range(2))
    share = np.full(d, 1 / d, x.dtype)

    def work(i, j):
        np.matmul(rows[i:j], share, out=mean[i:j])
        centred = _scratch("rows", rows[i:j])
        np.subtract(rows[i:j], mean[i:j, None], out=centred)
        np.vecdot(centred, centred, out=variance[i:j])

    _each_block(rows, work)
    variance /= d
    return mean, variance


@twinned
def normalize(x, mean, root, weight, bias):
    """y = (x - mean) root weight + bias for numbers mean, root of each row and vectors weight, bias as long as a row."""
    rows = x.reshape(-1, weight.size)
    y = empty(rows.shape, x.dtype)

    def work(i, j):
        block = y[i:j]
        np.subtract(rows[i:j], mean[i:j, None], out=block)
        np.multiply(block, root[i:j, None], out=block)
        np.multiply(block, weight, out=block)
        np.add(block, bias, out=block)

    _each_block(rows, work)
    return y.reshape(x.shape)


@twinned
def normalize_gradient(g, x, mean, root, weight):
    """(dx, sum over rows of g n, sum over rows of g) for y = n weight + bias, n = (x - mean) root, both functions of x.

    dx = root (e - mean(e) - n mean(e n)) with e = g weight.
    """
    d = weight.size
    rows, grads, parts = x.reshape(-1, d), g.reshape(-1, d), {}
    dx, share = empty(rows.shape, x.dtype), np.full(d, 1 / d, x.dtype)

    def work(i, j):
        normal, product, out = _scratch("rows", rows[i:j]), _scratch("row products", rows[i:j]), dx[i:j]
        ones = np.ones(j - i, x.dtype)
        np.subtract(rows[i:j], mean[i:j, None], out=normal)
        np.multiply(normal, root[i:j, None], out=normal)
        np.multiply(grads[i:j], normal, out=product)
        parts[i] = ones @ product, ones @ grads[i:j]
        np.multiply(grads[i:j], weight, out=out)
        np.subtract(out, (out @ share)[:, None], out=out)  # the mean of n is 0: this leaves the next sum as it was
        np.multiply(normal, (np.vecdot(out, normal) / d)[:, None], out=normal)
        np.subtract(out, normal, out=out)
        np.multiply(out, root[i:j, None], out=out)

    _each_block(rows, work)
    sums = [sum(parts[i][k].astype(np.float64) for i in sorted(parts)) for k in (0, 1)]  # a fixed order: the same bits on every run
    return dx.reshape(x.shape), *(s.astype(x.dtype) for s in sums)
