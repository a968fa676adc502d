"""Batch normalisation of images, channels-last, in blocks that stay in cache and on several threads.

An image batch is a matrix X with one row per pixel and one column per channel. Three tricks:
sums over pixels are products with a vector of ones, which BLAS does several times faster than `sum`;
a vector with one number per channel would make NumPy loop over as few as 16 numbers at a time, so it is repeated to a
row of up to 8,192 numbers and X is read in rows of that length; and everything that a block needs is done while the
block is in cache.
"""

import functools

import numpy as np

from . import pointwise
from .buffers import empty_nhwc
from .conv_chunks import channels_last, scratch
from .threads import parallel_for
from .twins import twinned

__all__ = ["moments", "normalize", "scale_shift", "shift", "normalize_gradient", "normalize_relu_gradient", "backward",
           "running_average"]

SMALL = 1 << 15  # numbers that are not worth cutting
ROW = 8192  # numbers that NumPy's loops take at once (its buffer); with shorter rows they lose a third of their speed
BLOCK_BYTES = 1 << 20  # smaller blocks lie better in cache, but threads then wait for the interpreter more often


@functools.lru_cache(maxsize=1024)
def _repeats(pixels, c):
    """How many pixels make a long row: the largest power of two that divides the pixels and keeps within ROW numbers."""
    r = 1
    while pixels % (2 * r) == 0 and 2 * r * c <= ROW:
        r *= 2
    return r


def _blocks(start, stop, width, itemsize):
    step = max(1, BLOCK_BYTES // (width * itemsize))
    return [(i, min(i + step, stop)) for i in range(start, stop, step)]


def _rows(x):
    """x (n, c, h, w) as long rows (rows, repeats c), with the number of repeats."""
    flat = channels_last(x)
    c = flat.shape[3]
    r = _repeats(flat.size // c, c)
    return flat.reshape(-1, r * c), r


def _long(v, r, dtype):
    """The numbers v, one per channel, repeated to a long row."""
    if r == 1:
        return v.astype(dtype, copy=False)
    row = np.empty((r, v.size), dtype)
    row[...] = v
    return row.reshape(-1)


def _fold(long, r):
    """Sums of a long row's repeats: one number per channel, in float64."""
    return long.astype(np.float64).reshape(r, -1).sum(axis=0)


def _summed(rows, work, count, dtype):
    """The sum over all blocks of `count` long rows that work(block rows) returns; a fixed order, so the same bits each run."""
    parts = {}

    def part(start, stop):
        totals = [np.zeros(rows.shape[1], np.float64) for _ in range(count)]
        for i, j in _blocks(start, stop, rows.shape[1], rows.itemsize):
            for total, value in zip(totals, work(i, j)):
                total += value
        parts[start] = totals

    parallel_for(rows.shape[0], part, None if rows.size > SMALL else 1)
    return [sum(parts[start][k] for start in sorted(parts)) for k in range(count)]


@twinned
def moments(x):
    """(mean, biased variance) per channel of x (n, c, h, w), in float64.

    One pass, of x minus the first pixel: E[(x-p)^2] - E[x-p]^2 is accurate for a pivot p near the mean, while p = 0
    loses all digits when the mean is large beside the deviation.
    """
    rows, r = _rows(x)
    c, dtype = rows.shape[1] // r, rows.dtype
    pivot = rows[0, :c].copy()
    long = _long(pivot, r, dtype)

    def work(i, j):
        block = scratch("block", (j - i, rows.shape[1]), dtype)
        np.subtract(rows[i:j], long, out=block)
        ones = np.ones(j - i, dtype)
        first = ones @ block
        np.multiply(block, block, out=block)
        return first, ones @ block

    first, second = (_fold(total, r) * (c / rows.size) for total in _summed(rows, work, 2, dtype))
    return pivot.astype(np.float64) + first, np.maximum(second - first * first, 0.0)


def _vector(v, c):
    """A number, or an array of c numbers in any shape, as a vector of c float64 numbers."""
    return np.broadcast_to(np.asarray(v, np.float64).reshape(-1), (c,))


@twinned
def normalize(x, mean, variance, weight, bias, *, eps, relu=False):
    """y = (x - mean) / sqrt(variance + eps) weight + bias per channel, then max(y, 0) if asked."""
    mean, variance, weight, bias = (_vector(v, x.shape[1]) for v in (mean, variance, weight, bias))
    scale = weight / np.sqrt(variance + eps)
    return scale_shift(x, scale, bias - mean * scale, relu)


@twinned
def scale_shift(x, scale, shift, relu=False):
    """y = x scale + shift per channel, then max(y, 0) if asked; the result lies channels-last."""
    rows, r = _rows(x)
    if rows.size <= SMALL and not relu:  # one block, no thread: at batch 1 what stands around the arithmetic counts
        y = np.multiply(rows, _long(scale, r, x.dtype))
        y += _long(shift, r, x.dtype)
        n, c, h, w = x.shape
        return y.reshape(n, h, w, c).transpose(0, 3, 1, 2)
    a, b = _long(scale, r, x.dtype), _long(shift, r, x.dtype)
    y = empty_nhwc(*x.shape, x.dtype)
    out = y.transpose(0, 2, 3, 1).reshape(rows.shape)
    zeros = np.zeros_like(a) if relu else None

    def part(start, stop):
        for i, j in _blocks(start, stop, rows.shape[1], rows.itemsize):
            np.multiply(rows[i:j], a, out=out[i:j])
            np.add(out[i:j], b, out=out[i:j])
            if relu:
                np.maximum(out[i:j], zeros, out=out[i:j])

    parallel_for(rows.shape[0], part, None if rows.size > SMALL else 1)
    return y


def shift(x, v):
    """y = x + v per channel; the result lies channels-last."""
    rows, r = _rows(x)
    y, b = empty_nhwc(*x.shape, x.dtype), _long(v, r, x.dtype)
    out = y.transpose(0, 2, 3, 1).reshape(rows.shape)

    def part(start, stop):
        for i, j in _blocks(start, stop, rows.shape[1], rows.itemsize):
            np.add(rows[i:j], b, out=out[i:j])

    parallel_for(rows.shape[0], part, None if rows.size > SMALL else 1)
    return y


@twinned
def running_average(running, batch, *, momentum, factor):
    """running = (1 - momentum) running + momentum factor batch, in place."""
    running[...] = (1 - momentum) * running + momentum * (factor * batch)


@twinned
def normalize_gradient(g, x, mean, variance, weight, *, eps):
    """(dx, dweight, dbias) for normalize, where mean and variance are x's own."""
    mean, variance, weight = (_vector(v, x.shape[1]) for v in (mean, variance, weight))
    return backward(g, x, mean, 1 / np.sqrt(variance + eps), weight)


def normalize_relu_gradient(g, y, x, mean, variance, weight, *, eps):
    """normalize_gradient for y = max(normalize(x), 0): g counts where y > 0."""
    if type(x) is not np.ndarray:
        return normalize_gradient(pointwise.gate(g, y), x, mean, variance, weight, eps=eps)
    mean, variance, weight = (_vector(v, x.shape[1]) for v in (mean, variance, weight))
    return backward(g, x, mean, 1 / np.sqrt(variance + eps), weight, y)


def backward(g, x, mean, root, weight, opener=None):
    """(dx, sum g n, sum g) for y = n weight + bias, n = (x - mean) root, where mean and root depend on x.

    dx = weight root (g - mean(g) - n mean(g n)) is affine in g and x: A g + B x + C with one A, B, C per channel.
    opener: g counts where this array is positive. Such a g is written to dx's memory while it is in cache for the sums.
    """
    rows, r = _rows(x)
    grads, _ = _rows(g)
    grads = grads.reshape(rows.shape)
    dtype, count = rows.dtype, rows.size * r // rows.shape[1]
    centre = _long(mean, r, dtype)
    dx = empty_nhwc(*x.shape, x.dtype)
    out = dx.transpose(0, 2, 3, 1).reshape(rows.shape)
    if opener is not None:
        opener, given, grads = _rows(opener)[0].reshape(rows.shape), grads, out

    def work(i, j):
        block = scratch("block", (j - i, rows.shape[1]), dtype)
        ones = np.ones(j - i, dtype)
        if opener is not None:
            mask = np.greater(opener[i:j], dtype.type(0), out=scratch("mask", block.shape, bool))
            np.copyto(out[i:j], mask)
            np.multiply(given[i:j], out[i:j], out=out[i:j])
        np.subtract(rows[i:j], centre, out=block)
        np.multiply(block, grads[i:j], out=block)
        return ones @ grads[i:j], ones @ block

    total, product = (_fold(value, r) for value in _summed(rows, work, 2, dtype))
    product = product * root  # sum of g n
    slope = weight * root
    b = -slope * root * product / count
    a, b, shift = (_long(v, r, dtype) for v in (slope, b, -slope * total / count - b * mean.astype(dtype)))

    def part(start, stop):
        for i, j in _blocks(start, stop, rows.shape[1], rows.itemsize):
            block = scratch("block", (j - i, rows.shape[1]), dtype)
            np.multiply(rows[i:j], b, out=block)
            np.add(block, shift, out=block)
            np.multiply(grads[i:j], a, out=out[i:j])
            np.add(out[i:j], block, out=out[i:j])

    parallel_for(rows.shape[0], part, None if rows.size > SMALL else 1)
    return dx, product, total
