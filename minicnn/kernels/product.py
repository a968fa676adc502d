"""Matrix products cut over the library's threads: BLAS runs on one thread in each (see threads)."""

import math

import numpy as np

from ..backend import xp_of
from .buffers import empty
from .threads import get_num_threads, parallel_for

__all__ = ["matmul", "linear"]

WORTH = 5e7  # floating-point operations; below this a second thread costs more than it saves
SMALL = 1e6  # floating-point operations; below this even asking how to cut costs more than it saves
ROWS = 512  # a linear layer's bias is added to so many rows at a time, right after they were computed: they lie in cache


def matmul(u, v):
    """u v as matrices over the last two axes, as np.matmul: a batch is cut into parts, a single product into row or column
    blocks, whichever are longer. Large results lie in the pool's memory."""
    xp = xp_of(u, v)
    if xp is not np or min(np.ndim(u), np.ndim(v)) < 2 or u.dtype != v.dtype or u.size * v.shape[-1] < SMALL:
        return xp.matmul(u, v)
    batch = np.broadcast_shapes(u.shape[:-2], v.shape[:-2]) if u.ndim > 2 or v.ndim > 2 else ()
    (m, k), n = u.shape[-2:], v.shape[-1]
    if v.shape[-2] != k:
        return np.matmul(u, v)
    if u.ndim > 2 and v.ndim == 2 and u.flags.c_contiguous:  # one tall product instead of a batch
        return matmul(u.reshape(-1, k), v).reshape(*batch, m, n)
    y = empty((*batch, m, n), u.dtype)
    parts = None if 2.0 * math.prod(batch) * m * k * n >= WORTH else 1
    if batch:
        u, v = np.broadcast_to(u, (*batch, m, k)), np.broadcast_to(v, (*batch, k, n))
        if parts == 1 or batch[0] >= get_num_threads():
            parallel_for(batch[0], lambda i, j: np.matmul(u[i:j], v[i:j], out=y[i:j]), parts)
            return y
    if m >= n:
        parallel_for(m, lambda i, j: np.matmul(u[..., i:j, :], v, out=y[..., i:j, :]), parts)
    else:
        parallel_for(n, lambda i, j: np.matmul(u, v[..., i:j], out=y[..., i:j]), parts)
    return y


def linear(x, w, b):
    """x w' + b for x (..., in), w (out, in), b (out): the bias is added while the rows it goes to are in cache."""
    xp, width = xp_of(x, w, b), w.shape[0]
    if xp is not np or x.ndim < 2 or not x.dtype == w.dtype == b.dtype or x.size * width < SMALL or not x.flags.c_contiguous:
        y = matmul(x, w.T)
        return xp.add(y, b, out=y) if y.dtype == b.dtype else y + b
    rows, matrix = x.reshape(-1, x.shape[-1]), w.T
    y = empty((rows.shape[0], width), x.dtype)

    def part(start, stop):
        for i in range(start, stop, ROWS):
            block = y[i : min(i + ROWS, stop)]
            np.matmul(rows[i : i + len(block)], matrix, out=block)
            np.add(block, b, out=block)

    parallel_for(rows.shape[0], part, None if 2.0 * rows.size * width >= WORTH else 1)
    return y.reshape(*x.shape[:-1], width)
