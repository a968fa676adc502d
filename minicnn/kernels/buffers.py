"""A pool of large arrays, so that a training step in its steady state allocates nothing large.

A step keeps its activations alive and then frees them together, and the C library then gives their pages back to the
system; the next step faults them in again, which costs more than many of the operations that fill them. The pool keeps
blocks of memory instead, in buckets by size, and hands out arrays that view a block. NumPy makes every view, and every
view of a view, refer to the array that owns the memory, so a block is free exactly when nobody but the pool refers to
it: there is nothing to give back by hand, and nothing that could be given back too early.
"""

import sys
import threading

import numpy as np

from ..backend import xp_of

__all__ = ["empty", "empty_like", "empty_nhwc", "sole", "zeros", "pool_bytes", "trim_pool", "set_pool_limit"]

SMALLEST = 1 << 15  # bytes; below this malloc is as fast


def _references_when_free():
    """What getrefcount says in `_Pool.block` of a block that only its bucket holds: Python's versions count differently."""
    bucket = [np.empty(1, np.uint8)]
    for block in reversed(bucket):
        count = sys.getrefcount(block)
    return count


_FREE = _references_when_free()


class _Pool:
    def __init__(self, limit):
        self.buckets, self.bytes, self.limit, self.lock = {}, 0, limit, threading.Lock()

    def block(self, size):
        """A free block of at least `size` bytes."""
        step = max(SMALLEST, 1 << (size.bit_length() - 3))  # sizes rounded up by at most a quarter
        size = -(-size // step) * step
        with self.lock:
            bucket = self.buckets.setdefault(size, [])
            for block in reversed(bucket):  # the one used last is likeliest to be in cache
                if sys.getrefcount(block) == _FREE:
                    return block
            if self.bytes + size > self.limit:
                self.trim()
            block = np.empty(size, np.uint8)
            bucket.append(block)
            self.bytes += size
            return block

    def trim(self):
        """Let go of all blocks that nobody uses."""
        for bucket in self.buckets.values():
            kept = []
            while bucket:
                block = bucket.pop()
                if sys.getrefcount(block) > _FREE - 1:
                    kept.append(block)
                else:
                    self.bytes -= block.size
            bucket.extend(reversed(kept))


_pool = _Pool(limit=4 << 30)


def set_pool_limit(size):
    """Unused blocks are freed before the pool grows beyond `size` bytes; 0 switches reuse off."""
    _pool.limit = int(size)
    trim_pool()


def pool_bytes():
    """Bytes that the pool holds, used or free."""
    return _pool.bytes


def trim_pool():
    """Free all blocks that no array uses."""
    with _pool.lock:
        _pool.trim()


def empty(shape, dtype, xp=np):
    """An array whose entries are whatever was in memory; large NumPy arrays come from the pool."""
    if xp is not np:
        return xp.empty(shape, dtype=dtype)
    dtype = np.dtype(dtype)
    size = dtype.itemsize
    for n in shape:
        size *= n
    if size < SMALLEST or _pool.limit == 0:
        return np.empty(shape, dtype)
    return np.ndarray(shape, dtype, buffer=_pool.block(size))


def sole(x):
    """True if x fills a block of the pool that no other array views: whoever holds x alone may write into it."""
    block = x.base
    if type(block) is not np.ndarray or 2 * x.nbytes < block.nbytes:
        return False
    if not any([b is block for b in _pool.buckets.get(block.nbytes, ())]):
        return False
    return sys.getrefcount(block) == _FREE + 1  # the bucket, x.base, the name above, getrefcount's argument


def zeros(shape, dtype, xp=np):
    """As `empty`, with zeros."""
    out = empty(shape, dtype, xp)
    out[...] = 0
    return out


def empty_nhwc(n, c, h, w, dtype, xp=np):
    """An array of shape (n, c, h, w) whose channels lie next to each other in memory (channels last)."""
    return empty((n, h, w, c), dtype, xp).transpose(0, 3, 1, 2)


def empty_like(x, dtype=None):
    """An array of x's shape, dtype and memory order."""
    xp, dtype = xp_of(x), x.dtype if dtype is None else dtype
    if x.ndim == 4 and is_channels_last(x):
        n, c, h, w = x.shape
        return empty_nhwc(n, c, h, w, dtype, xp)
    return empty(x.shape, dtype, xp)


def is_channels_last(x):
    """True if the channels of an image array (n, c, h, w) lie next to each other in memory, and it is not plain NCHW."""
    n, c, h, w = x.shape
    sn, sc, sh, sw = x.strides
    item = x.itemsize
    return sc == item and sw == item * c and sh == sw * w and (sn == sh * h or n == 1) and c > 1
