"""Matrix products cut over the library's threads: BLAS runs on one thread in each (see threads)."""

import math

import numpy as np

from ..backend import xp_of
from .buffers import empty
from .threads import get_num_threads, parallel_for

__all__ = ["matmul"]

WORTH = 5e7  # floating-point operations; below this a second thread costs more than it saves


def matmul(u, v):
    """u v as matrices over the last two axes, as np.matmul: a batch is cut into parts, a single product into row or column
    blocks, whichever are longer."""
    xp = xp_of(u, v)
    if xp is not np or get_num_threads() == 1 or min(np.ndim(u), np.ndim(v)) < 2 or u.dtype != v.dtype:
        return xp.matmul(u, v)
    batch = np.broadcast_shapes(u.shape[:-2], v.shape[:-2]) if u.ndim > 2 or v.ndim > 2 else ()
    m, k, n = *u.shape[-2:], v.shape[-1]
    if 2.0 * math.prod(batch) * m * k * n < WORTH or v.shape[-2] != k:
        return np.matmul(u, v)
    if u.ndim > 2 and v.ndim == 2 and u.flags.c_contiguous:  # one tall product instead of a batch
        return matmul(u.reshape(-1, k), v).reshape(*batch, m, n)
    y = empty((*batch, m, n), u.dtype)
    if batch:
        u, v = np.broadcast_to(u, (*batch, m, k)), np.broadcast_to(v, (*batch, k, n))
        if batch[0] >= get_num_threads():
            parallel_for(batch[0], lambda i, j: np.matmul(u[i:j], v[i:j], out=y[i:j]))
            return y
    if m >= n:
        parallel_for(m, lambda i, j: np.matmul(u[..., i:j, :], v, out=y[..., i:j, :]))
    else:
        parallel_for(n, lambda i, j: np.matmul(u, v[..., i:j], out=y[..., i:j]))
    return y
