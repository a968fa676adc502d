"""Large element-wise operations: into arrays of the pool, a chunk at a time, on the library's threads.

Three things make the same arithmetic faster than `u + v`: the result's memory is warm (see buffers), both cores take part,
and no scalar stands beside an array where NumPy has no vector code for that (`maximum(x, 0)`): a row of zeros does.
Arrays are read as one long vector in the order in which they lie in memory, so channels-last images cost nothing extra.
"""

import functools

import numpy as np

from ..backend import xp_of
from . import pointwise_cuda
from .buffers import empty, empty_like, empty_nhwc, is_channels_last
from .threads import SMALL, over_batch, parallel_for
from .twins import on_cuda

__all__ = ["large", "in_chunks", "mapped", "filled", "binary", "reshape", "keeping_layout", "relu", "gate"]

CHUNK = 1 << 17  # numbers; smaller chunks lie better in cache, but threads then wait for the interpreter more often
ROW = 1 << 13  # numbers that NumPy's loops take at once (its buffer); with shorter rows they lose a third of their speed


def flat(x):
    """x as a vector in the order of its memory, or None if it has gaps there or lies in some other order."""
    if x.flags.c_contiguous:
        return x.reshape(-1)
    return x.transpose(0, 2, 3, 1).reshape(-1) if x.ndim == 4 and is_channels_last(x) else None


def large(x):
    """True for an array on the host that is worth chunks and threads."""
    return type(x) is np.ndarray and x.size >= SMALL


def _vectors(*arrays, least=None):
    """All arrays as vectors of one order, if they are large float arrays of one shape, dtype and layout; else None."""
    first, least = arrays[0], SMALL if least is None else least
    for a in arrays:
        if type(a) is not np.ndarray or a.size < least:
            return None
        if a.shape != first.shape or a.strides != first.strides or a.dtype != first.dtype or a.dtype.kind != "f":
            return None
    vectors = [flat(a) for a in arrays]
    return None if vectors[0] is None else vectors


def _fusible(*arrays):
    """True for arrays of one shape on a GPU that one kernel can read."""
    return type(arrays[0]) is not np.ndarray and on_cuda(*arrays) and all(a.shape == arrays[0].shape for a in arrays)


def _each_chunk(size, work, parts=None):
    """work(i, j) for chunks of a vector of `size` numbers, shared by the threads; bounds are multiples of ROW, but for the end."""
    rows = -(-size // ROW)

    def part(start, stop):
        for i in range(start * ROW, min(stop * ROW, size), CHUNK):
            work(i, min(i + CHUNK, stop * ROW, size))

    parallel_for(rows, part, parts)


def in_chunks(work, *arrays, fused=None):
    """work(*arrays), which updates arrays of one shape in place entry by entry: a chunk of each at a time if they are large.

    A second thread comes in only where each has a whole chunk to do.
    fused: the name and the numbers of the kernel of cuda/pointwise.cu that does the same on a GPU in one launch.
    """
    if fused is not None and type(arrays[0]) is not np.ndarray and on_cuda(*arrays):
        name, *numbers = fused
        if pointwise_cuda.in_place(name, arrays, numbers):
            return
    vectors = _vectors(*arrays)
    if vectors is None:
        work(*arrays)
        return

    size = vectors[0].size
    _each_chunk(size, lambda i, j: work(*[v[i:j] for v in vectors]), None if size >= 2 * CHUNK else 1)


def mapped(function, *arrays, fused=None):
    """function(*arrays), which works entry by entry: if they are large, a chunk at a time, so that what `function`
    computes on the way stays in cache.

    fused: the name of the kernel of cuda/pointwise.cu that computes the same on a GPU in one pass.
    """
    if fused is not None and _fusible(*arrays):
        return pointwise_cuda.mapped(fused, *arrays)
    vectors = _vectors(*arrays)
    if vectors is None:
        return function(*arrays)
    y = empty_like(arrays[0])
    out = flat(y)

    def work(i, j):
        out[i:j] = function(*[v[i:j] for v in vectors])

    _each_chunk(out.size, work)
    return y


def _alike(arrays):
    """Arrays of one shape, copied where need be, so that all lie in memory as the last one does, without gaps."""
    model = arrays[-1] if flat(arrays[-1]) is not None else np.ascontiguousarray(arrays[-1]).reshape(arrays[-1].shape)
    laid = []
    for a in (*arrays[:-1], model):
        if a.strides != model.strides:
            out = empty_like(model)
            out[...] = a
            a = out
        laid.append(a)
    return laid


def filled(work, *arrays):
    """A new array y that work(y, *arrays) fills entry by entry, for arrays on the host of one shape and dtype: vectors, a
    chunk at a time. y lies in memory as the last one does."""
    vectors = _vectors(*arrays)
    if vectors is None:
        arrays = _alike(arrays)
        vectors = [flat(a) for a in arrays]
    y = empty_like(arrays[-1])
    out = flat(y)

    def part(i, j):
        work(out[i:j], *[v[i:j] for v in vectors])

    if large(y):
        _each_chunk(out.size, part)
    else:
        part(0, out.size)
    return y


def binary(ufunc, u, v):
    """ufunc(u, v) for two arrays on the host: the fast way if they are large and alike, NumPy's otherwise."""
    vectors = _vectors(u, v)
    if vectors is None:
        return _by_samples(ufunc, u, v) if u.ndim == 4 and large(v) and u.shape == v.shape and u.dtype == v.dtype else ufunc(u, v)
    a, b = vectors
    y = empty_like(u)
    out = flat(y)
    _each_chunk(a.size, lambda i, j: ufunc(a[i:j], b[i:j], out=out[i:j]))
    return y


def _by_samples(ufunc, u, v):
    """ufunc(u, v) for images that lie differently in memory, such as some of the channels of others; channels last if one is."""
    n, c, h, w = u.shape
    last = u.strides[1] == u.itemsize or v.strides[1] == v.itemsize
    y = empty_nhwc(n, c, h, w, u.dtype) if last else empty(u.shape, u.dtype)
    over_batch(y, lambda part: ufunc(u[part], v[part], out=y[part]))
    return y


def reshape(x, shape):
    """x.reshape(shape); where that must copy (after a transpose), a large array goes into memory of the pool, on all threads."""
    if x.flags.c_contiguous or x.ndim < 2 or not large(x):
        return x.reshape(shape)
    try:
        return np.reshape(x, shape, copy=False)
    except ValueError:
        y = empty(x.shape, x.dtype)

        def work(part):
            y[part] = x[part]

        over_batch(x, work)
        return y.reshape(shape)


def keeping_layout(operation, u, v):
    """operation(u, v), channels last in memory on a GPU if both are: CuPy's own results are always channels first."""
    images = on_cuda(u, v) and getattr(u, "ndim", 0) == 4 and u.shape == getattr(v, "shape", ())
    if images and is_channels_last(u) and is_channels_last(v):
        return operation(u.transpose(0, 2, 3, 1), v.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return operation(u, v)


@functools.lru_cache(maxsize=16)
def _zeros(n, dtype):
    """n zeros that nobody writes into."""
    return np.zeros(n, dtype)


def _positive_part(x, zeros, out):
    """out = max(x, 0) for vectors, with rows of zeros in place of the number 0."""
    whole = x.size // ROW * ROW
    np.maximum(x[:whole].reshape(-1, ROW), zeros, out=out[:whole].reshape(-1, ROW))
    if whole < x.size:
        np.maximum(x[whole:], zeros[: x.size - whole], out=out[whole:])


def relu(x):
    """max(x, 0)."""
    if _fusible(x):
        return pointwise_cuda.mapped("relu", x)
    vectors = _vectors(x, least=1 << 15)
    if vectors is None:
        return xp_of(x).maximum(x, x.dtype.type(0))
    y, zeros = empty_like(x), _zeros(ROW, x.dtype)
    out = flat(y)
    if x.size < SMALL:
        _positive_part(vectors[0], zeros, out)
        return y
    _each_chunk(x.size, lambda i, j: _positive_part(vectors[0][i:j], zeros, out[i:j]))
    return y


def gate(g, y):
    """g where y > 0, zero elsewhere: what passes back through max(x, 0) with result y."""
    if _fusible(g, y):
        return pointwise_cuda.mapped("gate", g, y)
    vectors = _vectors(g, y)
    if vectors is None:
        return g * (y > 0)
    result, zero = empty_like(g), y.dtype.type(0)
    out, (a, b) = flat(result), vectors

    def work(i, j):
        mask = np.empty(j - i, bool)
        np.greater(b[i:j], zero, out=mask)  # comparisons with one number are fast, maximum with one is not
        np.copyto(out[i:j], mask)  # as 1 and 0: a product with booleans would convert them a few at a time
        np.multiply(a[i:j], out[i:j], out=out[i:j])

    _each_chunk(g.size, work)
    return result
