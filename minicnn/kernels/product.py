"""Matrix products cut over the library's threads: BLAS runs on one thread in each (see threads)."""

import math

import numpy as np

from ..backend import xp_of
from .buffers import empty
from .threads import get_num_threads, parallel_for

__all__ = ["matmul", "linear"]

WORTH = 5e7  # floating-point operations; below this a second thread costs more than it saves
SMALL = 1e6  # floating-point operations; below this even asking how to cut costs more than it saves
LEAD = 4e6  # floating-point operations that the calling thread does until the others have woken up: its part is larger
LANES = 16  # BLAS computes so many rows or columns at once, and the last few of a part that is no multiple of them slowly
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
    flops = 2.0 * math.prod(batch) * m * k * n
    if batch:
        u, v = np.broadcast_to(u, (*batch, m, k)), np.broadcast_to(v, (*batch, k, n))
        if flops < WORTH or batch[0] >= get_num_threads():
            parallel_for(batch[0], lambda i, j: np.matmul(u[i:j], v[i:j], out=y[i:j]), 1 if flops < WORTH else None)
            return y
    if m >= n:
        _cut(m, flops, lambda i, j: np.matmul(u[..., i:j, :], v, out=y[..., i:j, :]))
    else:
        _cut(n, flops, lambda i, j: np.matmul(u, v[..., i:j], out=y[..., i:j]))
    return y


def _cut(n, flops, work):
    """work(start, stop) for parts of n rows or columns of a product."""
    if flops < WORTH:
        work(0, n)
    else:
        parallel_for(n, work, step=LANES, lead=LEAD / max(flops, LEAD))


def linear(x, w, b):
    """x w' + b for x (..., in), w (out, in), b (out): the bias is added while the rows it goes to are in cache."""
    xp, width = xp_of(x, w, b), w.shape[0]
    if xp is not np or x.ndim < 2 or not x.dtype == w.dtype == b.dtype or x.size * width < SMALL or not x.flags.c_contiguous:
        y = matmul(x, w.T)
        return xp.add(y, b, out=y) if y.dtype == b.dtype else y + b
    rows, matrix = x.reshape(-1, x.shape[-1]), w.T
    y = empty((rows.shape[0], width), x.dtype)

    def block(i, j, start, stop):
        """Rows i .. j of columns start .. stop."""
        np.matmul(rows[i:j], matrix[:, start:stop], out=y[i:j, start:stop])
        np.add(y[i:j, start:stop], b[start:stop], out=y[i:j, start:stop])

    def by_rows(start, stop):
        for i in range(start, stop, ROWS):
            block(i, min(i + ROWS, stop), 0, width)

    if len(rows) >= width:
        _cut(len(rows), 2.0 * rows.size * width, by_rows)
    else:
        _cut(width, 2.0 * rows.size * width, lambda start, stop: block(0, len(rows), start, stop))
    return y.reshape(*x.shape[:-1], width)
